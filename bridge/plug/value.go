package plug

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// object reads a payload that is one JSON object.
func object(payload []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil || o == nil {
		return nil, fmt.Errorf("want a JSON object, not %.60q", payload)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("want one JSON object and nothing behind it, not %.60q", payload)
	}
	return o, nil
}

// field follows a path of names and, in lists, numbers from 0. null is as good as
// nothing.
func field(v any, path string) (any, bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// text is a value as it stands in a payload.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v), true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// number reads a number or a string that is one, as JSON writes it: neither NaN
// nor hexadecimal.
func number(v any) (float64, error) {
	s, ok := text(v)
	_, isBool := v.(bool)
	if !ok || isBool || s == "" || !strings.Contains("-0123456789", s[:1]) || !json.Valid([]byte(s)) {
		return 0, fmt.Errorf("want a number, not %.40q", fmt.Sprint(v))
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("want a number, not %.40q", s)
	}
	return n + 0, nil // -0 is 0
}

// maxWatts is beyond any plug; power.Machine takes less only.
const maxWatts = 1e6

func watts(v any) (float64, error) {
	w, err := number(v)
	switch {
	case err != nil:
		return 0, fmt.Errorf("power: %w", err)
	case w < 0 || w >= maxWatts:
		return 0, fmt.Errorf("power: want 0 to %g W, not %g", float64(maxWatts), w)
	}
	return w, nil
}

// words are what means on and off.
type words struct{ on, off string }

func (w words) told(v any) (Told, error) {
	s, ok := text(v)
	is := func(own, word, truth string) bool {
		if own != "" {
			return strings.EqualFold(s, own)
		}
		return strings.EqualFold(s, word) || strings.EqualFold(s, truth)
	}
	switch {
	case ok && is(w.on, "ON", "true"):
		return On, nil
	case ok && is(w.off, "OFF", "false"):
		return Off, nil
	}
	return NotTold, fmt.Errorf("relay: want %s or %s, not %.40q", or(w.on, "ON"), or(w.off, "OFF"), fmt.Sprint(v))
}

// state takes in a relay's state, if there is one.
func (t *telling) state(w words, v any, ok bool) {
	if !ok {
		return
	}
	r, err := w.told(v)
	if err != nil {
		t.fail(err)
		return
	}
	t.Relay = r
}

// measure takes in a power, if there is one, unless the voltage beside it says
// that nothing is measured.
func (t *telling) measure(power any, ok bool, voltage any, hasVoltage bool) {
	if !ok {
		return
	}
	w, err := watts(power)
	if err != nil {
		t.fail(err)
		return
	}
	if volts, err := number(voltage); hasVoltage && err == nil && volts == 0 && w == 0 {
		t.note("its meter reads 0 V: it measures nothing")
		return
	}
	t.Watts, t.Metered = w, true
}
