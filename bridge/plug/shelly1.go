package plug

import (
	"fmt"
	"strconv"
	"strings"
)

// shelly1 is a Shelly of the first generation.
type shelly1 struct {
	base   string
	relay  string // its relay's topic
	index  string
	config Config
}

func newShelly1(c Config) shelly1 {
	base, index := "shellies/"+c.Topic, strconv.Itoa(c.Channel)
	return shelly1{base: base, relay: base + "/relay/" + index, index: index, config: c}
}

func (d shelly1) topics() []string {
	return []string{d.base + "/online", d.base + "/info", d.relay, d.relay + "/power"}
}

func (d shelly1) read(topic string, payload []byte, t *telling) {
	s := string(payload)
	switch topic {
	case d.base + "/online":
		shellyOnline(s, t)
	case d.base + "/info":
		o, err := object(payload)
		if err != nil {
			t.fail(err)
			return
		}
		t.upFor(field(o, "uptime"))
	case d.relay:
		switch s {
		case "on":
			t.Relay = On
		case "off":
			t.Relay = Off
		case "overpower":
			t.Relay = Off
			t.note("it switched off because of overpower")
		default:
			t.fail(fmt.Errorf("relay: want on, off or overpower, not %.40q", s))
		}
	case d.relay + "/power":
		t.measure(s, true, nil, false)
	}
}

// shellyOnline reads the last will of all generations and its opposite, which is
// sent at each connection.
func shellyOnline(s string, t *telling) {
	switch s {
	case "true":
		t.presence(true)
		t.restarted("it connected anew")
	case "false":
		t.presence(false)
	default:
		t.fail(fmt.Errorf("want true or false, not %.40q", s))
	}
}

func (d shelly1) ask() []Message { return []Message{{d.base + "/command", []byte("update")}} }

func (d shelly1) askDefault() []Message { return nil }

func (d shelly1) set(on bool) []Message {
	command := d.config.command(on)
	if d.config.CommandOn == "" && on || d.config.CommandOff == "" && !on {
		command = strings.ToLower(command)
	}
	return []Message{{d.relay + "/command", []byte(command)}}
}
