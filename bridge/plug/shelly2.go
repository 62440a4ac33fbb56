package plug

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// shelly2 is a Shelly of the second generation or later.
type shelly2 struct {
	prefix    string
	source    string // of our questions; answers come to source/rpc
	component string
	channel   int
}

// The numbers of our questions say what an answer is about.
const (
	askedSwitch = iota + 1
	askedSystem
	askedConfig
	askedSet
)

func newShelly2(c Config, source string) shelly2 {
	return shelly2{prefix: c.Topic, source: source, component: "switch:" + strconv.Itoa(c.Channel), channel: c.Channel}
}

func (d shelly2) topics() []string {
	return []string{d.prefix + "/online", d.prefix + "/status/" + d.component, d.prefix + "/events/rpc", d.source + "/rpc"}
}

func (d shelly2) read(topic string, payload []byte, t *telling) {
	if topic == d.prefix+"/online" {
		shellyOnline(string(payload), t)
		return
	}
	o, err := object(payload)
	if err != nil {
		t.fail(err)
		return
	}
	switch topic {
	case d.source + "/rpc":
		d.answer(o, t)
	case d.prefix + "/events/rpc":
		d.notification(o, t)
	default:
		d.status(o, t)
	}
}

// notification reads what has changed. Of other components it tells nothing.
func (d shelly2) notification(o map[string]any, t *telling) {
	if method := o["method"]; method != "NotifyStatus" && method != "NotifyFullStatus" {
		return
	}
	t.upFor(field(o, "params.sys.uptime"))
	params, _ := field(o, "params")
	if status, ok := field(params, d.component); ok {
		d.status(status, t)
	}
}

func (d shelly2) answer(o map[string]any, t *telling) {
	id, err := number(o["id"])
	if err != nil {
		t.fail(fmt.Errorf("id of the answer: %w", err))
		return
	}
	if failure, ok := field(o, "error"); ok {
		d.refused(failure, t)
		return
	}
	result, ok := field(o, "result")
	if !ok {
		t.fail(errors.New("want a result in the answer"))
		return
	}
	t.Answer = id != askedSet
	switch id {
	case askedSwitch:
		d.status(result, t)
	case askedSystem:
		t.upFor(field(result, "uptime"))
	case askedConfig:
		d.settings(result, t)
	case askedSet: // says how it was before
	default:
		t.Answer = false
	}
}

func (d shelly2) refused(failure any, t *telling) {
	code, _ := field(failure, "code")
	message, _ := field(failure, "message")
	if n, err := number(code); err == nil && n == 401 {
		t.fail(errors.New("it asks for a password over MQTT: switch off its authentication"))
		return
	}
	t.fail(fmt.Errorf("it refuses: %.80q (%.20q)", fmt.Sprint(message), fmt.Sprint(code)))
}

// status reads the switch: all of it, or what has changed.
func (d shelly2) status(v any, t *telling) {
	if output, ok := field(v, "output"); ok {
		on, is := output.(bool)
		if !is {
			t.fail(fmt.Errorf("output: want true or false, not %.40q", fmt.Sprint(output)))
		} else {
			t.Relay = toldOf(on)
		}
	}
	power, ok := field(v, "apower")
	voltage, hasVoltage := field(v, "voltage")
	t.measure(power, ok, voltage, hasVoltage)
	// 0 and null: its clock isn't set.
	if minute, ok := field(v, "aenergy.minute_ts"); ok {
		if n, err := number(minute); err == nil && n > 0 {
			t.stamp(minute)
		}
	}
	if errs, ok := field(v, "errors"); ok {
		t.note("errors %.80q", fmt.Sprint(errs))
	}
}

// settings reads the power-on default, which timers of the switch may overrule.
func (d shelly2) settings(v any, t *telling) {
	initial, ok := field(v, "initial_state")
	if !ok {
		t.fail(errors.New("want initial_state in its settings"))
		return
	}
	t.note("initial_state %.20q", fmt.Sprint(initial))
	switch initial {
	case "on":
		t.returns = always(On)
	case "off":
		t.returns = always(Off)
	case "restore_last":
		t.returns = asBefore
	}
	autoOn, _ := field(v, "auto_on")
	autoOff, _ := field(v, "auto_off")
	switch {
	case autoOff == true:
		t.note("auto_off: it switches off by itself")
		t.returns = always(Off)
	case autoOn == true:
		t.note("auto_on: it switches on by itself")
		t.returns = always(On)
	}
}

func (d shelly2) call(id int, method string, params any) Message {
	payload, err := json.Marshal(struct {
		ID     int    `json:"id"`
		Src    string `json:"src"`
		Method string `json:"method"`
		Params any    `json:"params,omitempty"`
	}{id, d.source, method, params})
	if err != nil {
		panic(err) // strings, numbers and bools only
	}
	return Message{d.prefix + "/rpc", payload}
}

type switchParams struct {
	ID int   `json:"id"`
	On *bool `json:"on,omitempty"`
}

// ask looks for a restart before the reading.
func (d shelly2) ask() []Message {
	return []Message{d.call(askedSystem, "Sys.GetStatus", nil), d.call(askedSwitch, "Switch.GetStatus", switchParams{ID: d.channel})}
}

func (d shelly2) askDefault() []Message {
	return []Message{d.call(askedConfig, "Switch.GetConfig", switchParams{ID: d.channel})}
}

func (d shelly2) set(on bool) []Message {
	return []Message{d.call(askedSet, "Switch.Set", switchParams{ID: d.channel, On: &on})}
}
