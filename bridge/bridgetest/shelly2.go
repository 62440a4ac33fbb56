package bridgetest

import (
	"encoding/json"
	"time"
)

// shelly2 simulates a plug of the second generation that notifies by RPC and by
// status topics.
type shelly2 struct{ config PlugConfig }

func (m shelly2) topic(name string) string { return m.config.Topic + "/" + name }

func (m shelly2) will() message { return message{m.topic("online"), []byte("false"), true} }

func (m shelly2) filters() []string { return []string{m.topic("rpc"), m.topic("command/switch:0")} }

func (m shelly2) hello(sight) []message {
	return []message{{m.topic("online"), []byte("true"), true}}
}

func (m shelly2) boot(s sight) []message {
	return append(m.notify("NotifyFullStatus", s, object{"switch:0": m.status(s), "sys": m.system(s)}), m.statusTopic(s))
}

func (m shelly2) report(s sight) []message {
	change := object{"id": 0}
	if s.told {
		change["apower"] = s.watts
	}
	return append(m.notify("NotifyStatus", s, object{"switch:0": change}), m.statusTopic(s))
}

func (m shelly2) relay(s sight) []message {
	return append(m.notify("NotifyStatus", s, object{"switch:0": object{"id": 0, "output": s.relay, "source": "MQTT"}}), m.statusTopic(s))
}

func (m shelly2) notify(method string, s sight, params object) []message {
	params["ts"] = float64(s.at.UnixMilli()) / 1000
	o := object{"src": m.config.Topic, "dst": m.topic("events"), "method": method, "params": params}
	return []message{document(m.topic("events/rpc"), o, false)}
}

func (m shelly2) statusTopic(s sight) message {
	return document(m.topic("status/switch:0"), m.status(s), m.config.Retain)
}

func (m shelly2) status(s sight) object {
	o := object{"id": 0, "source": "init", "output": s.relay, "temperature": object{"tC": 41.5}}
	if s.told {
		o["apower"], o["voltage"] = s.watts, volts
		o["aenergy"] = object{"total": 11.679, "minute_ts": s.at.Truncate(time.Minute).Unix()}
	}
	return o
}

func (m shelly2) system(s sight) object {
	return object{"unixtime": s.at.Unix(), "uptime": int(s.uptime / time.Second)}
}

// call is a request by RPC.
type call struct {
	ID     any    `json:"id"`
	Src    string `json:"src"`
	Method string `json:"method"`
	Params struct {
		ID int   `json:"id"`
		On *bool `json:"on"`
	} `json:"params"`
}

func (m shelly2) take(p *Plug, topic string, payload []byte, retained bool) {
	if topic == m.topic("command/switch:0") {
		switch s := string(payload); s {
		case "on", "off":
			p.command(s == "on", retained)
		case "status_update":
			p.say([]message{m.statusTopic(p.look())})
		}
		return
	}
	var c call
	if json.Unmarshal(payload, &c) != nil || c.Src == "" {
		return // no way to answer
	}
	s := p.look()
	switch {
	case c.Method == "Switch.Set" && c.Params.ID == 0 && c.Params.On != nil:
		m.answer(p, c, "result", object{"was_on": s.relay})
		p.command(*c.Params.On, retained)
	case c.Method == "Switch.GetStatus" && c.Params.ID == 0:
		m.answer(p, c, "result", m.status(s))
	case c.Method == "Sys.GetStatus":
		m.answer(p, c, "result", m.system(s))
	case c.Method == "Switch.GetConfig" && c.Params.ID == 0:
		m.answer(p, c, "result", object{"id": 0, "initial_state": m.initial(s), "auto_on": false, "auto_off": false})
	default:
		m.answer(p, c, "error", object{"code": 404, "message": "No handler for " + c.Method})
	}
}

func (m shelly2) answer(p *Plug, c call, name string, value object) {
	p.say([]message{document(c.Src+"/rpc", object{"id": c.ID, "src": m.config.Topic, "dst": c.Src, name: value}, false)})
}

func (m shelly2) initial(s sight) string {
	switch s.returns {
	case DefaultOn:
		return "on"
	case DefaultOff:
		return "off"
	case DefaultPrevious:
	}
	return "restore_last"
}
