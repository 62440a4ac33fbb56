package plug

import (
	"encoding/json"
	"fmt"
)

// zigbee is a device behind zigbee2mqtt, whose base topic is the usual one.
type zigbee struct {
	base                string
	state, power, stamp string // names of attributes; stamp may be ""
	words               words
	config              Config
}

const zigbeeBase = "zigbee2mqtt/"

func newZigbee(c Config) zigbee {
	d := zigbee{base: zigbeeBase + c.Topic, state: "state", power: "power", words: words{c.StateOn, c.StateOff}, config: c}
	if c.StateTopic == "" {
		d.state = or(c.StateField, d.state)
	}
	if c.PowerTopic == "" {
		d.power, d.stamp = or(c.PowerField, d.power), c.TimeField
	}
	return d
}

func (d zigbee) topics() []string {
	return []string{zigbeeBase + "bridge/state", d.base + "/availability", d.base}
}

func (d zigbee) read(topic string, payload []byte, t *telling) {
	switch topic {
	case d.base + "/availability":
		if there, ok := zigbeeOnline(payload, t); ok {
			t.presence(there)
		}
	case d.base:
		d.attributes(payload, t)
	default:
		switch there, ok := zigbeeOnline(payload, t); {
		case ok && there:
			t.restarted("zigbee2mqtt has started")
		case ok:
			t.Away = true
			t.note("zigbee2mqtt is offline")
		}
	}
}

// zigbeeOnline reads "online" and "offline", plain or as {"state":…}.
func zigbeeOnline(payload []byte, t *telling) (there, ok bool) {
	state := any(string(payload))
	if payload[0] == '{' {
		o, err := object(payload)
		if err != nil {
			t.fail(err)
			return false, false
		}
		state = o["state"]
	}
	switch state {
	case "online":
		return true, true
	case "offline":
		return false, true
	}
	t.fail(fmt.Errorf("want online or offline, not %.40q", fmt.Sprint(state)))
	return false, false
}

func (d zigbee) attributes(payload []byte, t *telling) {
	o, err := object(payload)
	if err != nil {
		t.fail(err)
		return
	}
	state, ok := field(o, d.state)
	t.state(d.words, state, ok)
	power, ok := field(o, d.power)
	voltage, hasVoltage := field(o, "voltage")
	t.measure(power, ok, voltage, hasVoltage)
	if at, ok := field(o, d.stamp); ok && d.stamp != "" {
		t.stamp(at)
	}
	for _, name := range []string{"power_on_behavior", "power_outage_memory"} {
		if behaviour, ok := field(o, name); ok {
			d.behaviour(name, behaviour, t)
		}
	}
}

// behaviour reads the power-on default in the words of several makers.
func (d zigbee) behaviour(name string, v any, t *telling) {
	t.note("%s %.20q", name, fmt.Sprint(v))
	switch v {
	case "on":
		t.returns = always(On)
	case "off":
		t.returns = always(Off)
	case "previous", "restore", true:
		t.returns = asBefore
	case "toggle":
		t.returns = Told.opposite
	}
}

func (d zigbee) message(topic string, names ...string) []Message {
	var messages []Message
	for _, name := range names {
		messages = append(messages, Message{topic, zigbeeJSON(name, "")})
	}
	return messages
}

func zigbeeJSON(name, value string) []byte {
	payload, err := json.Marshal(map[string]string{name: value})
	if err != nil {
		panic(err) // strings only
	}
	return payload
}

func (d zigbee) ask() []Message { return d.message(d.base+"/get", d.power, d.state) }

func (d zigbee) askDefault() []Message { return d.message(d.base+"/get", "power_on_behavior") }

func (d zigbee) set(on bool) []Message {
	return []Message{{d.base + "/set", zigbeeJSON(d.state, d.config.command(on))}}
}
