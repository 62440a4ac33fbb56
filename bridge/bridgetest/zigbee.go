package bridgetest

import (
	"encoding/json"
	"strings"
	"sync"
)

// zigbee simulates zigbee2mqtt with one device. The device's reports go through
// what zigbee2mqtt remembers of it, and each message repeats all of that.
type zigbee struct {
	config PlugConfig

	mu    sync.Mutex
	state object // as remembered; attributes that were never reported are missing
}

const zigbeeBridge = "zigbee2mqtt/bridge/state"

func (m *zigbee) topic() string { return "zigbee2mqtt/" + m.config.Topic }

func (m *zigbee) will() message {
	return message{zigbeeBridge, []byte(`{"state":"offline"}`), true}
}

func (m *zigbee) filters() []string { return []string{m.topic() + "/set", m.topic() + "/get"} }

func (m *zigbee) hello(s sight) []message {
	all := []message{{zigbeeBridge, []byte(`{"state":"online"}`), true}, m.availability(s)}
	return append(all, m.repeat()...)
}

// boot is the first report of the device.
func (m *zigbee) boot(s sight) []message { return m.report(s) }

func (m *zigbee) availability(s sight) message {
	return document(m.topic()+"/availability", object{"state": word(s.attached, "online", "offline")}, true)
}

// remember changes attributes and gives the message with all of them; none if
// there never were any.
func (m *zigbee) remember(change object) []message {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == nil {
		m.state = object{}
	}
	for name, value := range change {
		m.state[name] = value
	}
	if len(m.state) == 0 {
		return nil
	}
	return []message{document(m.topic(), m.state, m.config.Retain)}
}

func (m *zigbee) repeat() []message { return m.remember(nil) }

func (m *zigbee) report(s sight) []message {
	if !s.attached {
		return nil
	}
	change := object{"state": word(s.relay, "ON", "OFF"), "last_seen": s.at.Format("2006-01-02T15:04:05Z07:00"), "linkquality": 120}
	if s.told {
		change["power"], change["voltage"] = s.watts, volts
	}
	return m.remember(change)
}

func (m *zigbee) relay(s sight) []message {
	if !s.attached {
		return nil
	}
	return m.remember(object{"state": word(s.relay, "ON", "OFF")})
}

func (m *zigbee) take(p *Plug, topic string, payload []byte, retained bool) {
	var request object
	if json.Unmarshal(payload, &request) != nil {
		return
	}
	if strings.HasSuffix(topic, "/set") {
		state, _ := request["state"].(string)
		switch strings.ToUpper(state) {
		case "ON":
			p.command(true, retained)
		case "OFF":
			p.command(false, retained)
		}
		return
	}
	m.get(p, request)
}

// get asks the device, which answers each attribute by a message of its own.
func (m *zigbee) get(p *Plug, request object) {
	s := p.look()
	if !s.attached {
		return
	}
	for _, attribute := range []struct {
		name  string
		value any
		told  bool
	}{
		{"state", word(s.relay, "ON", "OFF"), true},
		{"power_on_behavior", string(s.returns), true},
		{"power", s.watts, s.told},
	} {
		if _, asked := request[attribute.name]; asked && attribute.told {
			p.say(m.remember(object{attribute.name: attribute.value}))
		}
	}
}
