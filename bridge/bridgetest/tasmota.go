package bridgetest

import (
	"encoding/json"
	"strings"
	"time"
)

// tasmota simulates a plug with one relay and the default full topic. Its meter
// measures while the relay is off as well, as with SetOption21 1, so that a stuck
// relay shows; but without voltage if the contacts are open.
type tasmota struct{ config PlugConfig }

type object = map[string]any

// document is a JSON message. Values are strings, numbers, bools and objects.
func document(topic string, o object, retain bool) message {
	payload, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return message{topic, payload, retain}
}

func word(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}

func (m tasmota) stat(name string) string { return "stat/" + m.config.Topic + "/" + name }
func (m tasmota) tele(name string) string { return "tele/" + m.config.Topic + "/" + name }

func (m tasmota) will() message     { return message{m.tele("LWT"), []byte("Offline"), true} }
func (m tasmota) filters() []string { return []string{"cmnd/" + m.config.Topic + "/+"} }

func (m tasmota) hello(sight) []message {
	return []message{{m.tele("LWT"), []byte("Online"), true}}
}

func (m tasmota) boot(s sight) []message {
	return []message{
		document(m.tele("INFO1"), object{"Info1": object{"Module": "Generic", "Version": "14.2.0"}}, false),
		document(m.tele("INFO3"), object{"Info3": object{"RestartReason": "Power On", "BootCount": 12}}, false),
		document(m.tele("STATE"), m.state(s), m.config.Retain),
	}
}

func (m tasmota) report(s sight) []message {
	all := []message{document(m.tele("STATE"), m.state(s), m.config.Retain)}
	if s.told {
		all = append(all, document(m.tele("SENSOR"), m.sensor(s), m.config.Retain))
	}
	return all
}

func (m tasmota) relay(s sight) []message {
	return []message{
		document(m.stat("RESULT"), object{"POWER": word(s.relay, "ON", "OFF")}, false),
		{m.stat("POWER"), []byte(word(s.relay, "ON", "OFF")), m.config.Retain},
	}
}

func (m tasmota) time(s sight) string { return s.at.Format("2006-01-02T15:04:05") }

func (m tasmota) state(s sight) object {
	return object{"Time": m.time(s), "UptimeSec": int(s.uptime / time.Second), "POWER": word(s.relay, "ON", "OFF")}
}

func (m tasmota) sensor(s sight) object {
	o := object{"Time": m.time(s)}
	if s.told {
		voltage := 0.0
		if s.closed {
			voltage = volts
		}
		o["ENERGY"] = object{"Total": 12.345, "Power": s.watts, "Voltage": voltage}
	}
	return o
}

func (m tasmota) take(p *Plug, topic string, payload []byte, retained bool) {
	name, value := strings.ToUpper(topic[strings.LastIndex(topic, "/")+1:]), strings.ToUpper(string(payload))
	switch name {
	case "POWER", "POWER1":
		m.power(p, value, retained)
	case "STATE":
		p.say([]message{document(m.stat("RESULT"), m.state(p.look()), false)})
	case "STATUS":
		m.status(p, value)
	case "POWERONSTATE":
		p.say([]message{document(m.stat("RESULT"), object{"PowerOnState": m.powerOnState(p.look())}, false)})
	default:
		p.say([]message{document(m.stat("RESULT"), object{"Command": "Unknown"}, false)})
	}
}

func (m tasmota) power(p *Plug, value string, retained bool) {
	switch value {
	case "ON", "1", "TRUE":
		p.command(true, retained)
	case "OFF", "0", "FALSE":
		p.command(false, retained)
	case "TOGGLE", "2":
		p.command(!p.look().relay, retained)
	default: // a question
		p.say(m.relay(p.look()))
	}
}

func (m tasmota) status(p *Plug, value string) {
	s := p.look()
	var o object
	switch value {
	case "8", "10":
		o = object{"StatusSNS": m.sensor(s)}
	case "11":
		o = object{"StatusSTS": m.state(s)}
	case "":
		o = object{"Status": object{"Module": 0, "Power": word(s.relay, "1", "0"), "PowerOnState": m.powerOnState(s)}}
	default:
		return
	}
	p.say([]message{document(m.stat("STATUS"+value), o, false)})
}

func (m tasmota) powerOnState(s sight) int {
	switch s.returns {
	case DefaultOff:
		return 0
	case DefaultOn:
		return 1
	case DefaultPrevious:
	}
	return 3
}
