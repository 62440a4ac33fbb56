package plug

import (
	"fmt"
	"strconv"
)

// tasmota is a device with Tasmota's default full topic.
type tasmota struct {
	topic   string
	power   []string // names of the relay: POWER, POWER1
	index   string   // of the relay in a list of figures
	command string   // the name that commands go to
	words   words
	config  Config
}

func newTasmota(c Config) tasmota {
	d := tasmota{topic: c.Topic, words: words{c.StateOn, c.StateOff}, config: c}
	// A device with one relay calls it POWER, unless SetOption26 is on.
	if c.Channel <= 1 {
		d.power, d.index, d.command = []string{"POWER", "POWER1"}, "0", "POWER"
	} else {
		d.power, d.index = []string{"POWER" + strconv.Itoa(c.Channel)}, strconv.Itoa(c.Channel-1)
		d.command = d.power[0]
	}
	return d
}

func (d tasmota) stat(name string) string { return "stat/" + d.topic + "/" + name }
func (d tasmota) tele(name string) string { return "tele/" + d.topic + "/" + name }
func (d tasmota) cmnd(name string) string { return "cmnd/" + d.topic + "/" + name }

func (d tasmota) topics() []string {
	topics := []string{
		d.tele("LWT"), d.tele("INFO3"), d.tele("STATE"), d.tele("SENSOR"),
		d.stat("RESULT"), d.stat("STATUS"), d.stat("STATUS8"), d.stat("STATUS10"), d.stat("STATUS11"),
	}
	for _, name := range d.power {
		topics = append(topics, d.stat(name))
	}
	return topics
}

func (d tasmota) read(topic string, payload []byte, t *telling) {
	for _, name := range d.power {
		if topic == d.stat(name) {
			t.state(d.words, string(payload), true)
			return
		}
	}
	if topic == d.tele("LWT") {
		d.will(string(payload), t)
		return
	}
	o, err := object(payload)
	if err != nil {
		t.fail(err)
		return
	}
	switch topic {
	case d.tele("INFO3"):
		t.restarted("it has started")
	case d.tele("STATE"):
		d.state(o, t)
	case d.stat("RESULT"):
		d.state(o, t)
		d.powerOn(o, t)
	case d.tele("SENSOR"):
		d.sensor(o, t)
	case d.stat("STATUS8"), d.stat("STATUS10"):
		d.answer(o, "StatusSNS", t, d.sensor)
	case d.stat("STATUS11"):
		d.answer(o, "StatusSTS", t, d.state)
	case d.stat("STATUS"):
		d.answer(o, "Status", t, d.powerOn)
	}
}

// will reads the last will and its opposite, which is sent at each connection.
func (d tasmota) will(s string, t *telling) {
	switch s {
	case "Online":
		t.presence(true)
		t.restarted("it connected anew")
	case "Offline":
		t.presence(false)
	default:
		t.fail(fmt.Errorf("want Online or Offline, not %.40q", s))
	}
}

// answer reads what stands under the name of a status.
func (d tasmota) answer(o map[string]any, name string, t *telling, read func(any, *telling)) {
	t.Answer = true
	v, ok := field(o, name)
	if !ok {
		t.fail(fmt.Errorf("want %s in it", name))
		return
	}
	read(v, t)
}

func (d tasmota) state(v any, t *telling) {
	t.upFor(field(v, "UptimeSec"))
	for _, name := range d.power {
		if state, ok := field(v, name); ok {
			t.state(d.words, state, true)
			return
		}
	}
}

func (d tasmota) sensor(v any, t *telling) {
	power, ok := field(v, "ENERGY.Power")
	if list, is := power.([]any); is { // one figure for each relay
		power, ok = field(list, d.index)
	}
	voltage, hasVoltage := field(v, "ENERGY.Voltage")
	t.measure(power, ok, voltage, hasVoltage)
	if at, ok := field(v, "Time"); ok {
		t.stamp(at)
	}
}

func (d tasmota) powerOn(v any, t *telling) {
	state, ok := field(v, "PowerOnState")
	if !ok {
		return
	}
	n, err := number(state)
	if err != nil {
		t.fail(fmt.Errorf("PowerOnState: %w", err))
		return
	}
	switch n {
	case 0:
		t.note("PowerOnState 0: off")
		t.returns = always(Off)
	case 1:
		t.note("PowerOnState 1: on")
		t.returns = always(On)
	case 2:
		t.note("PowerOnState 2: the opposite of before")
		t.returns = Told.opposite
	case 3:
		t.note("PowerOnState 3: as before")
		t.returns = asBefore
	case 4:
		t.note("PowerOnState 4: on, and not switched any more")
		t.returns = always(On)
	case 5:
		t.note("PowerOnState 5: on after its PulseTime")
		t.returns = always(On)
	default:
		t.note("PowerOnState %g: not known", n)
	}
}

func (d tasmota) ask() []Message {
	return []Message{{d.cmnd("STATUS"), []byte("10")}, {d.cmnd("STATUS"), []byte("11")}}
}

func (d tasmota) askDefault() []Message { return []Message{{d.cmnd("STATUS"), nil}} }

func (d tasmota) set(on bool) []Message {
	return []Message{{d.cmnd(d.command), []byte(d.config.command(on))}}
}
