package power_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// A tape is read byte by byte; at its end it reads as zeros.
type tape struct{ left []byte }

func (p *tape) byte() int {
	if len(p.left) == 0 {
		return 0
	}
	b := p.left[0]
	p.left = p.left[1:]
	return int(b)
}

func (p *tape) yes() bool { return p.byte()&1 == 1 }

// of takes one of several values.
func of[T any](p *tape, values ...T) T { return values[p.byte()%len(values)] }

var (
	long  = strings.Repeat("anna", 1<<14)
	times = []time.Duration{0, 0, 0, time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 8 * time.Second, 8001 * time.Millisecond, 10 * time.Second, 15 * time.Second,
		20 * time.Second, 30 * time.Second, time.Minute, 90 * time.Second, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 25 * time.Hour}
)

// config takes one of an owner's.
func (p *tape) config() power.Config {
	b, x := p.byte(), p.byte()
	c := power.Config{Mains: b&1 != 0, Witness: b&2 != 0, AnyOutage: b&4 != 0, PlainCommands: b&8 != 0}
	c.Plug = power.Plug{Exists: b&16 == 0, Relay: b&32 == 0, Meter: b&64 == 0, Cut: []power.Cut{power.CutProven, power.CutPresumed, power.CutNever, power.CutProven}[x%4]}
	if x&4 != 0 {
		c.OffWatts = 0.5
	}
	if x&8 != 0 {
		c.Timers.Quiet = 5 * time.Minute
	}
	if x&16 != 0 {
		c.Plug.Others, c.Plug.Leads = "shed", x&32 != 0
	}
	if !c.Plug.Exists {
		c.Plug = power.Plug{}
	}
	return c
}

// at takes a moment at which something was seen: now, or an absurd one.
func (p *tape) at(h *hand) power.Instant {
	now := h.now
	switch p.byte() % 16 {
	case 8:
		return power.Instant{}
	case 9:
		return power.Instant{Wall: now.Wall.Add(time.Hour), Mono: now.Mono + time.Hour}
	case 10:
		return power.Instant{Wall: now.Wall.Add(-time.Hour), Mono: -time.Hour}
	case 11:
		return power.Instant{Wall: now.Wall.Add(-time.Second), Mono: now.Mono - time.Second}
	case 12:
		return power.Instant{Wall: now.Wall.Add(-20 * time.Second), Mono: now.Mono - 20*time.Second}
	case 13:
		return power.Instant{Wall: now.Wall.Add(-24 * time.Hour), Mono: now.Mono}
	case 14:
		return power.Instant{Wall: now.Wall, Mono: math.MaxInt64}
	case 15:
		return power.Instant{Wall: now.Wall, Mono: math.MinInt64}
	}
	return now
}

func (p *tape) instant(h *hand) { h.pass(of(p, times...)) }

// number takes one that an answer carries: mostly the right one.
func (p *tape) number(right uint64) uint64 {
	return of(p, right, right, right, right, right+1, right-1, 0, math.MaxUint64)
}

func (p *tape) facts() power.Facts {
	if p.byte()%8 == 7 {
		return power.Facts{}
	}
	f := goodFacts(time.Duration(p.byte()) * time.Minute)
	switch b := p.byte(); b {
	case 255:
		f.Upgrading = yes(true)
	case 254:
		f.SignIn = power.SignInDenied
	case 253:
		f.Serial = "another"
	case 252:
		f.Exporting = yes(true)
	case 251:
		f.Right.Told = power.Told(p.byte())
	}
	return f
}

func (p *tape) command(h *hand) power.Command {
	b := p.byte()
	c := power.Command{Action: of(p, power.Shutdown, power.Shutdown, power.Reboot, power.PowerCycle, power.Drill, power.Check, power.Plan, power.TestOutage, power.ConfirmOff, power.PowerOn, power.Cancel, power.Outage, "", "retry_sign_in")}
	c.By = []string{"anna", "anna", "automation", ""}[b&3]
	c.Plain = b&4 != 0
	c.At = h.now.Wall.Add([]time.Duration{0, 0, 0, -40 * time.Second, 40 * time.Second, 2 * time.Minute, -25 * time.Hour, 100 * 365 * 24 * time.Hour}[b>>3&7])
	c.ID = h.id()
	if b&64 != 0 {
		c.Force = []string{"export", "right", "often", "plug", long}
	}
	if b&128 != 0 {
		c.ID, c.By, c.Reason = "x"+long[:p.byte()], long, long
	}
	return c
}

// event takes one of all.
func (p *tape) event(h *hand) power.Event {
	switch p.byte() % 16 {
	default:
		return power.Tick{}
	case 1, 2, 3:
		return power.Probe{At: p.at(h), Sight: of(p, power.Silent, power.Alive, power.Uncertain, power.Silent, "", power.Alive), HTTP: p.yes()}
	case 4:
		return power.Relay{At: p.at(h), State: of(p, power.RelayOn, power.RelayOff, power.RelayUnknown, power.RelayOn, ""), Restarted: p.byte()%8 == 7}
	case 5, 6:
		r := power.Reading{At: p.at(h), Watts: of(p, 0.4, 20, 0, 0.9, 1.1, 9, -1, math.NaN(), math.Inf(1), 1e300), Retained: p.byte()%8 == 7}
		if p.byte()%4 != 3 {
			h.stamp++
			r.Stamp = stampOf(h.stamp)
		}
		return r
	case 7:
		return power.Asked{At: p.at(h)}
	case 8:
		return power.SignedIn{At: p.at(h), Serial: of(p, ownSerial, ownSerial, ownSerial, "another", "", long), Firmware: of(p, firmware, firmware, "", "V5"),
			Uptime: of(p, 30*time.Hour, time.Minute, 0, -time.Hour, math.MaxInt64), UptimeTold: !p.yes()}
	case 9:
		return of[power.Event](p, power.Answered{At: p.at(h)}, power.NoAnswer{At: p.at(h)}, power.Witnessed{At: p.at(h)}, power.Witnessed{At: p.at(h)})
	case 10:
		b := p.byte()
		return power.Mains{Lost: b&1 != 0, Stable: b&2 != 0, Low: b&4 != 0, Outage: uint64(b >> 3 & 3), Deadline: of(p, 0, time.Minute, -time.Hour, math.MaxInt64, h.now.Mono)}
	case 11:
		return power.Collected{Number: p.number(h.open.Number), Facts: p.facts()}
	case 12:
		return power.PutDone{Number: p.number(h.open.Number), Outcome: of(p, power.Done, power.Done, power.Unknown, power.NotSent, power.Busy, power.Refused, ""), Detail: of(p, "", long)}
	case 13:
		a := goodAfter()
		a.CleanStop.Told = power.Told(p.byte())
		if p.yes() {
			a.Online = nil
		}
		return power.Verified{Number: p.number(h.open.Number), After: a}
	case 14:
		return p.command(h)
	case 15:
		return power.Committed{Number: p.number(h.journal.Memory.Number), Commit: of(p, power.Durable, power.Failed, power.Late, "")}
	}
}

// silence is a row of probes and readings, as they come in a real home: without
// them a fuzzer doesn't get far.
func (p *tape) silence(h *hand) {
	b := p.byte()
	for n := range []int{1, 3, 8, 28}[b&3] {
		h.pass(7 * time.Second)
		if h.cfg.Witness && b&32 == 0 {
			h.tell(power.Witnessed{At: h.now})
			h.settle()
		}
		h.tell(power.Probe{At: h.now, Sight: power.Silent})
		h.settle()
		if b&64 == 0 && n%2 == 0 {
			h.stamp++
			h.tell(power.Relay{At: h.now, State: power.RelayOn})
			h.settle()
			h.tell(power.Reading{At: h.now, Watts: 0.4, Stamp: stampOf(h.stamp)})
			h.settle()
		}
	}
}

// FuzzStep lets anything happen at any time, also what can't. What it was told is
// kept apart, and nothing may be claimed beyond it.
func FuzzStep(f *testing.F) {
	// One ordinary shutdown to safe, one by a person's word, one in an outage.
	begin := []byte{1, 0, 0, 16, 17, 17, 17}
	ask := []byte{14, 0, 0, 18, 18, 18, 18, 18}
	f.Add([]byte{0})
	f.Add(append(append(append([]byte{}, begin...), ask...), 19, 31, 19, 31, 14, 0, 8))
	f.Add(append(append(append([]byte{}, begin...), ask...), 19, 95, 14, 0, 7, 14, 0, 8, 19, 64, 20, 3))
	// One on a shared plug, which is cut once the other is safe.
	f.Add([]byte{0, 48, 0, 0, 16, 17, 17, 17, 17, 17, 14, 64, 0, 18, 18, 18, 18, 18, 19, 31, 24, 0, 0, 19, 3, 24, 1, 0, 19, 3})
	f.Add(append(append([]byte{5, 0, 0, 16, 17, 17, 17, 10, 13, 0}, 18, 18, 18, 18), 19, 31, 19, 31, 19, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 100 {
			return
		}
		if wrong := playTape(b, nil); wrong != "" {
			var log strings.Builder
			playTape(b, &log)
			t.Fatalf("%s\n%s", wrong, log.String())
		}
	})
}

// playTape plays a tape and says what went wrong.
func playTape(b []byte, log *strings.Builder) string {
	p := &tape{b}
	cfg := p.config()
	h := begin(cfg, p.start(), p.byte()%16 == 15, log)
	for n := 0; len(p.left) > 0 && h.wrong == "" && n < 40; n++ {
		op := p.byte() % 26
		if h.holds() && op != 20 {
			switch {
			case op == 23:
				p.late(h)
			case op == 22:
				h.commit(power.Failed)
			}
			h.settle() // more than 2 s would make it a late one
		}
		switch {
		case op < 16:
			p.left = append([]byte{byte(op)}, p.left...)
			h.tell(p.event(h))
		case op == 16:
			h.tell(power.SignedIn{At: h.now, Serial: ownSerial, Firmware: firmware, Uptime: 30 * time.Hour, UptimeTold: true})
		case op == 17:
			h.reads(20)
		case op == 18:
			h.next()
		case op == 19:
			p.silence(h)
		case op == 20:
			h.restart(of(p, times...))
		case op == 21:
			h.now.Wall = h.now.Wall.Add(of(p, time.Hour, -time.Hour, 7*time.Second, -7*time.Second, 240*time.Hour, -100*365*24*time.Hour))
		case op == 24:
			h.tell(power.Partners{Safe: !p.yes(), On: of(p, "", "shed", long)})
		case op == 25:
			h.tell(power.UPSCut{Told: !p.yes()})
		default:
			p.instant(h)
			h.tell(power.Tick{})
		}
	}
	h.durable()
	return h.wrong
}

// start takes the journal that a program finds.
func (p *tape) start() *power.Record {
	b := p.byte()
	if b&1 == 0 {
		return nil
	}
	d := madeMemory(power.States[b>>1%len(power.States)], power.Reasons[p.byte()%len(power.Reasons)])
	if p.yes() {
		d.Learned = power.Learned{Passed: true, Firmware: firmware, Gap: time.Minute, ToSilence: 30 * time.Second, Running: 20, Halted: 9, OffWatts: 9.9}
	}
	d.Seq.Action = of(p, power.Shutdown, power.Outage, power.PowerCycle, power.Drill, power.Reboot)
	return &power.Record{At: epoch, Memory: d}
}

// late lets a record take its time, while something else waits in the inbox.
func (p *tape) late(h *hand) {
	number := h.commit(power.Late)
	for range p.byte() % 3 {
		h.tell(p.event(h))
		h.settle()
	}
	h.answer(number, power.Late)
}

func TestARecordThatCantBeOursIsADamagedJournal(t *testing.T) {
	for name, change := range map[string]func(*power.Memory){
		"an unknown state":              func(d *power.Memory) { d.State = "asleep" },
		"no state":                      func(d *power.Memory) { d.State = "" },
		"attention without a reason":    func(d *power.Memory) { d.State = power.Attention },
		"an unknown action":             func(d *power.Memory) { d.Seq.Action = "explode" },
		"requests that were taken back": func(d *power.Memory) { d.Seq.Puts = -1 },
		"an outage below nothing":       func(d *power.Memory) { d.OutagePuts = -3 },
		"watts that are no number":      func(d *power.Memory) { d.Learned.OffWatts = math.NaN() },
		"off-watts of a running disk":   func(d *power.Memory) { d.Learned.Running, d.Learned.OffWatts = 20, 19 },
		"a damaged journal before":      func(d *power.Memory) { d.State, d.Why = power.Attention, power.JournalDamaged },
		"a number at its end":           func(d *power.Memory) { d.Number = math.MaxUint64 },
	} {
		t.Run(name, func(t *testing.T) {
			d := madeMemory(power.Confirming, "")
			change(&d)
			h := begin(power.Config{Plug: meterPlug}, &power.Record{Memory: d}, false, nil)
			h.settle()
			if h.m.Why() != power.JournalDamaged || !h.m.Damaged() {
				t.Errorf("it goes on in %s", h.m.Position())
			}
			h.tell(power.Command{Action: power.Shutdown, ID: h.id(), At: h.now.Wall, By: "anna"})
			h.settle()
			if h.m.State() != power.Attention || h.wrong != "" {
				t.Errorf("it obeys: %s %s", h.m.Position(), h.wrong)
			}
		})
	}
}

// FuzzRestore starts the program on a journal that says anything, as a damaged or
// a foreign one may once it is decoded.
func FuzzRestore(f *testing.F) {
	f.Add([]byte{0, 0, 1, 2, 3}, "running", "", "shutdown", uint64(7), int64(3), 20.0)
	f.Add([]byte{1, 0, 1, 19, 31}, "safe", "", "outage", uint64(7), int64(1), 20.0)
	f.Add([]byte{1, 0, 1, 19, 31}, "asleep", "", "shutdown", uint64(7), int64(1), 20.0)
	f.Add([]byte{1, 0, 1, 19, 31}, "attention", "bored", "shutdown", uint64(math.MaxUint64), int64(-1), math.NaN())
	f.Fuzz(func(t *testing.T, b []byte, state, why, action string, number uint64, count int64, watts float64) {
		if len(b) > 80 || len(state)+len(why)+len(action) > 100 {
			return
		}
		p := &tape{b}
		cfg := p.config()
		d := madeMemory(power.State(state), power.Reason(why))
		d.Number, d.Seq.Number, d.Outage, d.Cancelled = number, uint64(count), uint64(count)+1, number
		d.Seq.Action = power.Action(action)
		d.Seq.Puts, d.Seq.Attempt, d.Seq.Offs, d.Seq.Cuts, d.Seq.NotSent, d.Seq.BusyTimes, d.OutagePuts = int(count), int(count), int(count), int(count), int(count), int(count), int(count)
		d.Seq.Baseline, d.Learned.OffWatts, d.Learned.Halted, d.Learned.Running = watts, watts, watts, watts
		d.Seq.Drill.Leg = int(number)
		d.Learned.Passed, d.Learned.Firmware = p.yes(), firmware
		d.Learned.Gap, d.Learned.ToSilence, d.Seq.Drill.Gap = time.Duration(count), time.Duration(number), time.Duration(count)
		h := begin(cfg, &power.Record{Memory: d}, false, nil)
		if !slices.Contains(power.States[:], d.State) && !h.m.Damaged() {
			t.Fatalf("state %q leads to %s", d.State, h.m.Position())
		}
		for n := 0; len(p.left) > 0 && h.wrong == "" && n < 40; n++ {
			h.settle()
			switch op := p.byte() % 20; {
			case op < 16:
				p.left = append([]byte{byte(op)}, p.left...)
				h.tell(p.event(h))
			case op == 16:
				p.instant(h)
				h.tell(power.Tick{})
			case op == 17:
				h.reads(20)
			case op == 18:
				h.next()
			default:
				p.silence(h)
			}
		}
		if h.wrong != "" {
			t.Fatal(h.wrong)
		}
	})
}
