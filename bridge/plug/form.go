package plug

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// form is what the relay tree and the free form read, and what replaces parts of
// a preset.
type form struct {
	state, power                      string // topics; "": not read
	stateField, powerField, timeField string
	words                             words
	tree                              bool // the relay tree
}

func newForm(c Config, own string) form {
	f := form{
		state: c.StateTopic, power: c.PowerTopic,
		stateField: c.StateField, powerField: c.PowerField, timeField: c.TimeField,
		words: words{c.StateOn, c.StateOff},
	}
	switch c.Preset {
	case Relay:
		f.tree, f.state, f.power = true, own+"/state", own+"/power"
	case Free:
		if f.power == "" && f.powerField != "" {
			f.power = f.state
		}
	}
	return f
}

func (f form) read(topic string, payload []byte, t *telling) {
	if topic == f.state && f.state != "" {
		f.readState(payload, t)
	}
	if topic == f.power && f.power != "" {
		f.readPower(payload, t)
	}
}

// value is what stands at a path, or the payload itself.
func value(payload []byte, path string, t *telling) (any, bool) {
	if path == "" {
		return strings.TrimSpace(string(payload)), true
	}
	o, err := object(payload)
	if err != nil {
		t.fail(err)
		return nil, false
	}
	v, ok := field(o, path)
	if !ok {
		return nil, false
	}
	return v, true
}

// unknown are the states in which Home Assistant has none.
func unknown(v any) bool { return v == "unavailable" || v == "unknown" }

func (f form) readState(payload []byte, t *telling) {
	v, ok := value(payload, f.stateField, t)
	if !ok {
		return
	}
	r, err := f.words.told(v)
	switch {
	case err == nil:
		t.Relay = r
		t.present = true
	case unknown(v):
		t.presence(false)
	default:
		t.fail(err)
	}
}

func (f form) readPower(payload []byte, t *telling) {
	path, at := f.powerField, f.timeField
	if f.tree && strings.HasPrefix(strings.TrimSpace(string(payload)), "{") {
		path, at = "watts", "at"
	}
	v, ok := value(payload, path, t)
	switch {
	case !ok && f.tree:
		t.fail(errors.New(`power: want a number, or {"watts":0.4,"at":"2026-11-26T10:00:00Z"}`))
		return
	case !ok:
		return
	case unknown(v):
		t.note("its meter is %v", v)
		return
	}
	var when any
	hasWhen := false
	if at != "" {
		when, hasWhen = value(payload, at, t)
	}
	if hasWhen && f.tree {
		var err error
		if when, err = moment(when); err != nil {
			t.fail(err)
			return
		}
	}
	t.measure(v, true, nil, false)
	if hasWhen {
		t.stamp(when)
	}
}

// moment reads a time of the relay tree, and writes the same one always the same
// way: Home Assistant prints times in several.
func moment(v any) (string, error) {
	s, _ := text(v)
	if seconds, err := number(v); err == nil && seconds > 0 && seconds < 1e11 {
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000).UTC().Format(time.RFC3339Nano), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC().Format(time.RFC3339Nano), nil
		}
	}
	return "", fmt.Errorf("at: want a time as in 2026-11-26T10:00:00Z or seconds since 1970, not %.40q", fmt.Sprint(v))
}
