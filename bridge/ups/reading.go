package ups

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mains is what a status says of the UPS's input.
type Mains int

const (
	MainsUnknown Mains = iota // neither OL nor OB, or both
	OnLine                    // OL: mains is there
	OnBattery                 // OB: it isn't, or the UPS doesn't use it; see Calibrating
)

func (m Mains) String() string {
	switch m {
	case MainsUnknown:
		return "unknown"
	case OnLine:
		return "on line"
	case OnBattery:
		return "on battery"
	}
	panic("ups: unknown Mains")
}

// Maybe is a value that the UPS told, or didn't: absent is not zero.
type Maybe[T any] struct {
	Value T
	Known bool
}

// Reading is what a UPS said at one moment.
type Reading struct {
	// At is when the status came; zero: there is no reading. Most drivers ask the UPS
	// every 2 s, and upsd tells what it heard up to 15 s ago (MAXAGE).
	At time.Time
	// Words are those of ups.status as they came, unknown ones too. There may be none.
	Words []string
	// Charge is battery.charge in percent, 0 to 100; other values aren't believed.
	Charge Maybe[float64]
	// Runtime is battery.runtime, what the battery lasts at the present load. From
	// 65535 s on, which is what 16 bits hold at most, it isn't believed.
	Runtime Maybe[time.Duration]
}

// Mains is what the status says of the input. The words that speak of something else
// are left out of account, see the package.
func (r Reading) Mains() Mains {
	switch on, off := r.Has("OL"), r.Has("OB"); {
	case on && !off:
		return OnLine
	case off && !on:
		return OnBattery
	}
	return MainsUnknown
}

// Has says whether the status has a word, in whatever case.
func (r Reading) Has(word string) bool {
	return slices.ContainsFunc(r.Words, func(w string) bool { return strings.EqualFold(w, word) })
}

// LowBattery is LB. upsmon takes it for the end only together with OB.
func (r Reading) LowBattery() bool { return r.Has("LB") }

// ForcedShutdown is FSD: the UPS will be switched off soon, whatever mains does.
func (r Reading) ForcedShutdown() bool { return r.Has("FSD") }

// Calibrating is CAL: the UPS drains its battery to measure it. On battery then
// doesn't say that mains is gone.
func (r Reading) Calibrating() bool { return r.Has("CAL") }

// ReplaceBattery is RB.
func (r Reading) ReplaceBattery() bool { return r.Has("RB") }

// OutputOff is OFF: the UPS says that it doesn't supply its load. That it doesn't say
// so proves no supply: not every UPS tells it.
func (r Reading) OutputOff() bool { return r.Has("OFF") }

// maxRuntime is where runtimes end to be believed.
const maxRuntime = 65535 // s

func charge(s string) Maybe[float64] {
	n, ok := number(s)
	if !ok || n > 100 {
		return Maybe[float64]{}
	}
	return Maybe[float64]{n, true}
}

func runtime(s string) Maybe[time.Duration] {
	n, ok := number(s)
	if !ok || n >= maxRuntime {
		return Maybe[time.Duration]{}
	}
	return Maybe[time.Duration]{time.Duration(n * float64(time.Second)), true}
}

// number reads what NUT calls a number: decimal digits with at most one point. Blanks
// around it and zeros before it do no harm.
func number(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0123456789.") != "" {
		return 0, false // a sign, an exponent, hexadecimal, NaN
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}
