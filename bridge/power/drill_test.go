package power_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// rehearsal is a drill on the bench; what it does otherwise than usual.
type rehearsal struct {
	config                func(*power.Config, *power.Memory)
	watts, low, halted    float64 // running, in the silence of the restart, after the shutdown
	every                 time.Duration
	gap, toSilence        time.Duration
	before, inGap, atHalt func(*bench)
	verified              func(leg int, a *power.After)
	unbaselined           bool
}

// play goes through all of it, as far as it comes.
func (r rehearsal) play(t *testing.T) *bench {
	t.Helper()
	b := running(t, r.config)
	if r.unbaselined {
		b.pass(11 * time.Minute)
		b.signsIn()
	}
	b.asks(power.Check)
	b.collected(b.facts())
	b.asks(power.Drill, "plug", "often")
	b.counted()
	b.put(power.Done)
	b.silence(r.gap, r.low, r.every, r.inGap)
	b.uptime = time.Minute
	b.boots(1, r)
	if b.m.State() != power.CountingDown {
		return b
	}
	if r.unbaselined {
		b.pass(time.Minute)
	} else {
		b.onFor(time.Minute, r.watts)
	}
	b.at("shutting_down")
	b.collected(b.facts())
	b.put(power.Done)
	for end := b.now.Mono + r.toSilence; b.now.Mono < end; {
		b.pass(5 * time.Second)
		b.probe(power.Alive)
	}
	if r.before != nil {
		r.before(b)
	}
	b.silentUntil(5*time.Minute, r.halted, func() bool { return b.m.State() == power.Cutting || b.m.State() == power.PresumedOff })
	if b.m.State() == power.PresumedOff && r.atHalt != nil {
		r.atHalt(b)
	}
	if b.m.State() != power.Cutting {
		return b
	}
	b.relay(power.RelayOff)
	b.pass(15 * time.Second)
	b.at("off")
	b.pass(15 * time.Second)
	b.at("powering_on")
	b.relay(power.RelayOn)
	b.at("booting")
	b.uptime = time.Minute
	b.pass(20 * time.Second)
	b.pass(20 * time.Second)
	b.boots(2, r)
	return b
}

// silence is that of a restart.
func (b *bench) silence(d time.Duration, watts float64, every time.Duration, during func(*bench)) {
	from, read := b.now.Mono, b.now.Mono
	for b.now.Mono < from+d {
		b.pass(time.Second)
		b.probe(power.Silent)
		if every > 0 && b.now.Mono-read >= every {
			read = b.now.Mono
			b.relay(power.RelayOn)
			b.reads(watts)
		}
	}
	if during != nil {
		during(b)
	}
}

func (b *bench) boots(leg int, r rehearsal) {
	b.t.Helper()
	b.signsIn()
	if b.m.State() != power.Booting {
		return
	}
	b.pass(time.Second)
	b.signsIn()
	a := power.After{Serial: ownSerial, Uptime: b.uptime, UptimeTold: true, CleanStop: yes(true)}
	if r.verified != nil {
		r.verified(leg, &a)
	}
	b.tell(power.Verified{Number: b.effect.Number, After: a})
}

// usually is a drill that is passed by the meter.
func usually(change func(*rehearsal)) rehearsal {
	r := rehearsal{watts: 22, low: 15, halted: 0.4, every: 5 * time.Second, gap: 60 * time.Second,
		config: func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{} }}
	if change != nil {
		change(&r)
	}
	return r
}

func word(b *bench) { b.asks(power.ConfirmOff) }

func noMeterNoDrill(c *power.Config, d *power.Memory) {
	c.Plug.Meter, d.Learned = false, power.Learned{}
}

func TestADrillLearns(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*rehearsal)
		want   func(power.Learned) bool
	}{
		{"that it passed", nil, func(l power.Learned) bool { return l.Passed && l.Firmware == firmware }},
		{"the gap of the restart", nil, func(l power.Learned) bool { return l.Gap == 59*time.Second }},
		{"how long it boots", nil, func(l power.Learned) bool { return l.Boot == 40*time.Second }},
		{"the time to silence", func(r *rehearsal) { r.toSilence = 30 * time.Second }, func(l power.Learned) bool { return l.ToSilence == 32*time.Second }},
		{"the time to the first silence", func(r *rehearsal) {
			r.before = func(b *bench) { b.silentFor(4*time.Second, 22); b.probe(power.Alive) }
		}, func(l power.Learned) bool { return l.ToSilence == 2*time.Second }},
		{"the watts", nil, func(l power.Learned) bool {
			return l.Running == 22 && l.Halted == 0.4 && l.Lowest == 15 && l.OffWatts == 1 && !l.Blind && l.HaltedRead && l.LowestRead
		}},
		{"off-watts of a tenth more than the halt", func(r *rehearsal) { r.halted, r.atHalt = 2, word }, func(l power.Learned) bool { return l.Halted == 2 && l.OffWatts > 2.19 && l.OffWatts < 2.21 }},
		{"off-watts of at most half of the running watts", func(r *rehearsal) { r.halted, r.low, r.atHalt = 10.5, 20, word }, func(l power.Learned) bool { return l.OffWatts == 11 }},
		{"only of the last minute before the cut", func(r *rehearsal) {
			r.atHalt = func(b *bench) { b.silentFor(62*time.Second, 5); word(b); b.silentFor(2*time.Second, 5) }
			r.halted = 9
		}, func(l power.Learned) bool { return l.Halted == 5 }},
		{"nothing of watts without a meter", func(r *rehearsal) { r.config, r.atHalt = noMeterNoDrill, word }, func(l power.Learned) bool {
			return l.Passed && l.OffWatts == 1 && l.Halted == 0 && l.Running == 0 && !l.Blind && !l.HaltedRead && !l.LowestRead
		}},
		{"nothing of watts without a baseline", func(r *rehearsal) { r.unbaselined, r.every, r.halted, r.atHalt = true, 0, 5, word }, func(l power.Learned) bool {
			return l.Passed && l.OffWatts == 1 && l.Halted == 0
		}},
		{"that the meter is blind, if the restart reads as low as off", func(r *rehearsal) { r.low, r.atHalt = 0.9, word }, func(l power.Learned) bool { return l.Blind && l.Lowest == 0.9 }},
		{"that the meter sees, if it is so for 15 s", func(r *rehearsal) {
			r.gap, r.inGap = 30*time.Second, func(b *bench) { lowFor(b, 15); b.silentFor(2*time.Second, 15) }
		}, func(l power.Learned) bool { return !l.Blind && l.Lowest == 0.5 }},
		{"that the meter is blind, if it is so for longer", func(r *rehearsal) {
			r.gap, r.inGap = 30*time.Second, func(b *bench) { lowFor(b, 16) }
		}, func(l power.Learned) bool { return l.Blind }},
		{"that the meter sees, if it is so twice for less", func(r *rehearsal) {
			r.gap, r.inGap = 30*time.Second, func(b *bench) { lowFor(b, 10); b.silentFor(2*time.Second, 15); lowFor(b, 10) }
		}, func(l power.Learned) bool { return !l.Blind }},
		{"that the meter was blind, though it saw later", func(r *rehearsal) {
			r.gap, r.inGap = 30*time.Second, func(b *bench) { lowFor(b, 16); b.silentFor(10*time.Second, 15); lowFor(b, 2) }
		}, func(l power.Learned) bool { return l.Blind && l.Lowest == 0.5 }},
		{"that the meter is blind, if it read nothing in the restart", func(r *rehearsal) {
			r.every = 2 * time.Minute // longer than it lasts
		}, func(l power.Learned) bool { return l.Blind && l.HaltedRead && !l.LowestRead }},
		{"that the meter is blind, at off-watts exactly", func(r *rehearsal) { r.low, r.atHalt = 1, word }, func(l power.Learned) bool { return l.Blind }},
		{"that the meter is blind, with four readings", func(r *rehearsal) { r.gap, r.every = 61*time.Second, 15*time.Second }, func(l power.Learned) bool { return l.Blind }},
		{"that the meter sees, with five", func(r *rehearsal) { r.gap, r.every = 61*time.Second, 12*time.Second }, func(l power.Learned) bool { return !l.Blind }},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := usually(row.change).play(t)
			b.at("running")
			if l := b.m.Memory().Learned; !row.want(l) {
				t.Errorf("%+v; %s", l, strings.Join(b.rows, "; "))
			}
			b.gave(power.Drill, power.Finished, "normal")
		})
	}
}

// lowFor reads half a watt every second.
func lowFor(b *bench, seconds int) {
	for n := range seconds + 1 {
		if n > 0 {
			b.pass(time.Second)
		}
		b.probe(power.Silent)
		b.relay(power.RelayOn)
		b.reads(0.5)
	}
}

func TestADrillFails(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*rehearsal)
		reason string
		to     string
	}{
		{"if a camera is away after the restart", func(r *rehearsal) {
			r.verified = func(_ int, a *power.After) { a.ClockWrong = yes(true) }
		}, "degraded", "running"},
		{"if a camera is away after the cut", func(r *rehearsal) {
			r.verified = func(leg int, a *power.After) { a.ClockWrong = yes(leg == 2) }
		}, "degraded", "running"},
		{"if the log tells no clean stop", func(r *rehearsal) {
			r.verified = func(leg int, a *power.After) { a.CleanStop = power.Seen{} }
		}, "no_clean_stop_in_log", "running"},
		{"if the log tells an unclean stop", func(r *rehearsal) {
			r.verified = func(leg int, a *power.After) { a.CleanStop = yes(leg != 2) }
		}, "unclean_stop", "running"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := usually(row.change).play(t)
			for range 70 {
				if b.m.State() == power.Running {
					break
				}
				b.pass(10 * time.Second)
				b.signsIn()
			}
			b.at(row.to)
			b.gave(power.Drill, power.Undone, row.reason)
			if b.m.Memory().Learned.Passed {
				t.Error("it passed")
			}
		})
	}
}

func TestADrillWhoseHaltNobodyProvesFails(t *testing.T) {
	// Somebody unplugs it and plugs it in again, and says nothing.
	b := usually(func(r *rehearsal) { r.config = noMeterNoDrill }).play(t)
	b.at("presumed_off")
	b.signsIn()
	b.at("booting")
	b.uptime = time.Minute
	b.pass(time.Second)
	b.boots(2, rehearsal{})
	b.pass(time.Second)
	b.boots(2, rehearsal{})
	b.at("running")
	b.gave(power.Drill, power.Undone, "unproven")
	// Somebody says so before.
	b = usually(func(r *rehearsal) {
		r.config = func(c *power.Config, d *power.Memory) { noMeterNoDrill(c, d); c.Plug.Cut = power.CutNever }
		r.atHalt = word
	}).play(t)
	b.at("presumed_off")
	b.signsIn()
	b.uptime = time.Minute
	b.pass(time.Second)
	b.boots(2, rehearsal{})
	b.pass(time.Second)
	b.boots(2, rehearsal{})
	b.at("running")
	b.gave(power.Drill, power.Finished, "normal")
}

func TestTheFirstReasonOfAFailedDrillIsTold(t *testing.T) {
	b := running(t, nil)
	b.asks(power.Check)
	b.collected(b.facts())
	b.asks(power.Drill)
	b.counted()
	b.put(power.Done)
	b.onFor(95*time.Second, 22) // it doesn't restart
	b.at("running")
	b.gave(power.Drill, power.Undone, "still_on")

	b = usually(nil).play(t)
	b.at("running")
	b = usually(func(r *rehearsal) {
		r.before = func(b *bench) { b.relay(power.RelayOff) }
	}).play(t)
	b.at("attention(power_lost)")
	b.gave(power.Drill, power.Undone, "power_lost")
	b.relay(power.RelayOn)
	b.signsIn()
	b.at("booting")
	b.uptime = time.Minute
	b.pass(time.Second)
	b.boots(2, rehearsal{verified: func(_ int, a *power.After) { a.CleanStop = power.Seen{} }})
	b.pass(time.Second)
	b.at("booting", "running")
	if f := b.record.Memory.Seq.Drill.Failed; f != "" && f != "power_lost" {
		t.Errorf("failed for %q", f)
	}
}

func TestADrillWaitsForAPersonAndForThePlug(t *testing.T) {
	b := usually(func(r *rehearsal) { r.config = noMeterNoDrill }).play(t)
	b.at("presumed_off")
	b.silentFor(29*time.Minute+50*time.Second, -1)
	b.at("presumed_off")
	b.silentFor(20*time.Second, -1)
	b.at("attention(unproven)")
	b.gave(power.Drill, power.Undone, "unproven")

	b = usually(func(r *rehearsal) {
		r.config = func(c *power.Config, d *power.Memory) { noMeterNoDrill(c, d); c.Plug.Cut = power.CutNever }
		r.atHalt = word
	}).play(t)
	b.at("presumed_off")
	b.silentFor(59*time.Minute+50*time.Second, -1)
	b.at("presumed_off")
	b.silentFor(20*time.Second, -1)
	b.at("attention(unproven)")
}

func TestOnlyADrillKeepsWhatADrillKeeps(t *testing.T) {
	b := running(t, nil)
	b.accepted(power.Reboot)
	b.silence(30*time.Second, 15, 5*time.Second, nil)
	if n := len(b.m.Memory().Seq.Drill.Readings); n != 0 {
		t.Errorf("a restart keeps %d readings", n)
	}
	b = proving(t, nil)
	b.silentFor(60*time.Second, 0.4)
	b.at("cutting")
	if d := b.m.Memory().Seq.Drill; d.Proven || len(d.Halted) != 0 || d.ToSilence != 0 {
		t.Errorf("a shutdown keeps %+v", d)
	}

	b = running(t, func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{} })
	b.asks(power.Check)
	b.collected(b.facts())
	b.asks(power.Drill, "plug")
	b.counted()
	b.put(power.Done)
	b.relay(power.RelayOn)
	b.reads(22) // while it still answers
	if n := len(b.m.Memory().Seq.Drill.Readings); n != 0 {
		t.Errorf("%d readings before the silence", n)
	}
	b.silence(80*time.Second, 15, time.Second, nil)
	if n := len(b.m.Memory().Seq.Drill.Readings); n != 64 {
		t.Errorf("%d readings of 80", n)
	}
}

func TestADrillsHaltIsProvenOnce(t *testing.T) {
	proofs := 0
	r := usually(func(r *rehearsal) {
		r.config = func(c *power.Config, d *power.Memory) { noMeterNoDrill(c, d); c.Plug.Cut = power.CutNever }
		r.atHalt = func(b *bench) {
			for range 3 {
				word(b)
				if slices.Contains(b.record.What, "the drill's halt is proven") {
					proofs++
				}
			}
		}
	})
	r.play(t)
	if proofs != 1 {
		t.Errorf("proven %d times", proofs)
	}
}

func TestADrillWhoseRestartNeededAPowerCycleHasFailed(t *testing.T) {
	r := usually(nil)
	b := running(t, r.config)
	b.asks(power.Check)
	b.collected(b.facts())
	b.asks(power.Drill, "plug", "often")
	b.counted()
	b.put(power.Done)
	b.silence(r.gap, r.low, r.every, nil)
	b.probe(power.Alive)
	b.at("booting")
	b.silentUntil(11*time.Minute, 0.4, func() bool { return b.m.State() == power.Cutting })
	b.relay(power.RelayOff)
	b.pass(15 * time.Second)
	b.pass(15 * time.Second)
	b.relay(power.RelayOn)
	b.at("booting")
	b.uptime = time.Minute
	b.pass(40 * time.Second)
	b.boots(1, r)
	b.at("running")
	b.gave(power.Drill, power.Undone, string(power.BootFailed))
	if b.m.Memory().Learned.Passed {
		t.Error("it has passed")
	}
}

func TestADrillLearnsThatAHaltedRecorderStillAnswers(t *testing.T) {
	for _, row := range []struct {
		name      string
		cleanStop power.Seen
		learned   bool
	}{
		{"the log tells a clean stop", yes(true), true},
		{"an unclean one: it hadn't halted", yes(false), false},
		{"none", power.Seen{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := usually(func(r *rehearsal) {
				r.config = noMeterNoDrill
				r.toSilence = 95 * time.Second
				r.before = func(b *bench) {
					b.at("shutting_down") // once more
					b.collected(b.facts())
					b.put(power.Done)
					for range 19 {
						b.pass(5 * time.Second)
						b.probe(power.Alive)
					}
					b.at("attention(still_on)")
					b.gave(power.Drill, power.Undone, "still_on")
				}
			}).play(t) // the silence at its end is the cord in somebody's hand
			b.at("presumed_off")
			b.uptime = time.Minute
			b.signsIn()
			b.boots(2, rehearsal{verified: func(_ int, a *power.After) { a.CleanStop = row.cleanStop }})
			for range 70 {
				b.pass(10 * time.Second)
				b.signsIn()
			}
			b.at("running")
			l := b.m.Memory().Learned
			if l.Answers != row.learned || l.Passed {
				t.Fatalf("learned %+v", l)
			}
			b.asks(power.Shutdown, "often", "right", "plug")
			b.collected(b.facts())
			b.pass(10 * time.Second)
			for b.m.State() != power.Attention {
				if b.m.State() == power.ShuttingDown {
					b.collected(b.facts())
					b.put(power.Done)
				}
				b.pass(5 * time.Second)
				b.probe(power.Alive)
			}
			b.at("attention(still_on)")
			if got := strings.Contains(b.m.Status(), "a drill showed"); got != row.learned {
				t.Errorf("status: %s", b.m.Status())
			}
			b.tell(power.SignedIn{At: b.now, Serial: ownSerial, Firmware: "V9.9.9"})
			if strings.Contains(b.m.Status(), "a drill showed") {
				t.Errorf("on another firmware: %s", b.m.Status())
			}
		})
	}
	// A shutdown that ends the same way teaches nothing.
	b := running(t, nil)
	before := b.m.Memory().Learned
	b.accepted(power.Shutdown)
	for range 2 {
		for range 19 {
			b.pass(5 * time.Second)
			b.probe(power.Alive)
		}
		if b.m.State() == power.ShuttingDown {
			b.collected(b.facts())
			b.put(power.Done)
		}
	}
	b.at("attention(still_on)")
	if strings.Contains(b.m.Status(), "a drill showed") {
		t.Errorf("after a shutdown: %s", b.m.Status())
	}
	b.silentFor(20*time.Second, -1)
	b.at("confirming")
	b.uptime = time.Minute
	b.signsIn()
	b.boots(2, rehearsal{})
	b.at("running")
	if l := b.m.Memory().Learned; l != before {
		t.Errorf("learned %+v", l)
	}
}
