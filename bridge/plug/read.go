package plug

import (
	"errors"
	"fmt"
	"slices"
)

// maxPayload is more than any plug sends.
const maxPayload = 64 << 10

const maxStamp = 64 // bytes; what is longer is no time

// memory is what a report is compared with.
type memory struct {
	relay  Told
	away   bool
	uptime float64 // seconds; 0: not known
}

// telling is a report while it is read.
type telling struct {
	Report
	present   bool    // it says that it is there
	uptime    float64 // seconds, if hasUptime
	hasUptime bool
	// returns gives ReturnsOn from the relay as it was read last.
	returns func(Told) Told
}

func (t *telling) note(format string, args ...any) {
	if t.Evidence != "" {
		t.Evidence += "; "
	}
	t.Evidence += fmt.Sprintf(format, args...)
}

func (t *telling) fail(err error) { t.Err = errors.Join(t.Err, err) }

// figures puts the relay and the meter in front of the evidence.
func (t *telling) figures() {
	rest := t.Evidence
	t.Evidence = ""
	if t.Relay != NotTold {
		t.note("relay %s", t.Relay)
	}
	if t.Metered {
		t.note("%g W", t.Watts)
	}
	if rest != "" {
		t.note("%s", rest)
	}
}

func (t *telling) restarted(why string) {
	t.Restarted = true
	t.note("%s", why)
}

// stamp takes in the time or counter of a measurement.
func (t *telling) stamp(v any) {
	if s, ok := text(v); ok && t.Metered && len(s) <= maxStamp {
		t.Stamp = s
	}
}

// presence takes in a will or its opposite.
func (t *telling) presence(there bool) {
	t.present, t.Away = there, !there
	if there {
		t.note("online")
	} else {
		t.note("offline")
	}
}

// upFor takes in an uptime.
func (t *telling) upFor(v any, ok bool) {
	if !ok {
		return
	}
	seconds, err := number(v)
	if err != nil || seconds < 0 {
		t.fail(fmt.Errorf("uptime: want seconds, not %.40q", fmt.Sprint(v)))
		return
	}
	t.uptime, t.hasUptime = seconds, true
}

// always is a power-on default that doesn't depend on what was before.
func always(r Told) func(Told) Told { return func(Told) Told { return r } }

// asBefore is the power-on default of most plugs.
func asBefore(before Told) Told { return before }

// Read takes one message of Topics and says what it tells; others tell nothing. It
// compares with what it has read before.
func (p *Plug) Read(topic string, payload []byte, retained bool) Report {
	var t telling
	switch {
	case len(payload) == 0:
		return Report{}
	case len(payload) > maxPayload:
		return Report{Err: fmt.Errorf("%s: %d bytes; no plug sends more than %d", topic, len(payload), maxPayload)}
	}
	if slices.Contains(p.own, topic) {
		p.device.read(topic, payload, &t)
		p.replaced(&t)
	}
	p.free.read(topic, payload, &t)
	t.figures()
	if t.Err != nil {
		t.Err = fmt.Errorf("%s: %w", topic, t.Err)
	}
	if retained {
		p.memory.away = p.memory.away || t.Away
		// A will that was withdrawn is told as a return when it comes live, or by uptime.
		return Report{Away: t.Away, Err: t.Err, Evidence: "retained: " + t.Evidence}
	}
	p.remember(&t)
	return t.Report
}

// replaced forgets what is read elsewhere by configuration.
func (p *Plug) replaced(t *telling) {
	if p.free.state != "" {
		t.Relay = NotTold
	}
	if p.free.power != "" {
		t.Watts, t.Metered, t.Stamp = 0, false, ""
	}
}

// remember compares a live report with what was told before.
func (p *Plug) remember(t *telling) {
	m := &p.memory
	switch {
	case t.Away:
		m.away = true
	case t.present && m.away:
		m.away, t.Restarted = false, true
		t.note("it was away")
	}
	if t.hasUptime {
		if t.uptime < m.uptime {
			t.restarted("its uptime began anew")
		}
		m.uptime = t.uptime
	}
	if t.Restarted && !t.hasUptime {
		m.uptime = 0
	}
	if t.Relay != NotTold {
		m.relay = t.Relay
	}
	if t.returns != nil {
		t.ReturnsOn = t.returns(m.relay)
		t.note("so %s, with its relay %s now", t.ReturnsOn, m.relay)
	}
}
