package power_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// leads is a recorder whose plug also feeds the shed, and whose machine cuts it; follows
// is the one beside.
func leads(c *power.Config, _ *power.Memory)   { c.Plug.Others, c.Plug.Leads = "shed", true }
func follows(c *power.Config, _ *power.Memory) { c.Plug.Others = "garage" }

// provenOff is one that was shut down by hand, and whose meter has proven it.
func provenOff(t *testing.T, change func(*power.Config, *power.Memory)) *bench {
	t.Helper()
	b := proving(t, change)
	b.silentFor(time.Minute, 0.4)
	return b
}

func TestASharedPlugIsCutOnceAllAreSafe(t *testing.T) {
	b := provenOff(t, leads)
	b.at("safe")
	b.gave(power.Shutdown, power.Finished, "safe")
	b.says("safe", "The recorder is off; its plug stays on for shed. Power may be cut once all on it are safe.")
	if _, ok := b.m.Safe(); ok || !b.m.MayLosePower() {
		t.Errorf("called safe to cut: %v, may lose its power: %v", ok, b.m.MayLosePower())
	}
	b.tell(power.Partners{On: "attic"})
	b.silentFor(time.Hour, 0.4)
	b.at("safe")
	b.says("told", "The recorder is off; its plug stays on for attic. Power may be cut once all on it are safe.")
	b.tell(power.Partners{Safe: true})
	b.at("cutting")
	if n := b.offs(); n != 1 || b.m.MayLosePower() {
		t.Errorf("%d OFFs, may lose its power: %v", n, b.m.MayLosePower())
	}
	b.relay(power.RelayOff)
	b.pass(15 * time.Second)
	b.at("off")
	if n := b.offs(); n != 1 || !b.m.MayLosePower() {
		t.Errorf("%d OFFs, may lose its power: %v", n, b.m.MayLosePower())
	}
}

func (b *bench) says(what, want string) {
	b.t.Helper()
	if got := b.m.Status(); got != want {
		b.t.Errorf("%s: %q, not %q", what, got, want)
	}
}

func TestSafeOnASharedPlugTakesAll(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		told   bool
		safe   bool
	}{
		{"a plug of its own", func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }, false, true},
		{"nobody was told of", follows, false, false},
		{"all are safe", follows, true, true},
	} {
		b := provenOff(t, row.change)
		b.at("safe")
		if row.told {
			b.tell(power.Partners{Safe: true})
		}
		if _, ok := b.m.Safe(); ok != row.safe {
			t.Errorf("%s: safe %v", row.name, ok)
		}
	}
}

func TestAfterARestartNoOtherIsSafeUntilItIsTold(t *testing.T) {
	b := provenOff(t, leads)
	b.tell(power.Partners{Safe: true})
	b.at("cutting")
	c := fullPlug
	leads(&c, nil)
	b.m, b.out = power.Restore(c, b.now, []power.Record{*b.record}, false)
	b.take(b.out)
	before := b.offs()
	b.silentFor(5*time.Minute, 0.4)
	b.at("safe")
	if n := b.offs() - before; n != 0 {
		t.Errorf("%d OFFs", n)
	}
	b.tell(power.Partners{Safe: true})
	b.at("cutting")
}

func TestLifeOfAnotherEndsACut(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
	}{
		{"before the relay is read", func(*bench) {}, "attention(cut_unconfirmed)"},
		{"after it is read as off", func(b *bench) { b.relay(power.RelayOff) }, "cutting"},
	} {
		b := provenOff(t, leads)
		b.tell(power.Partners{Safe: true})
		row.do(b)
		b.tell(power.Partners{})
		b.at(row.to)
		if row.to == "cutting" {
			b.pass(15 * time.Second)
			b.at("off")
			continue
		}
		b.silentFor(5*time.Minute, 0.4)
		b.at(row.to)
		if n := b.offs(); n != 1 {
			t.Errorf("%s: %d OFFs", row.name, n)
		}
		b.tell(power.Partners{Safe: true}) // a whole new proof of all
		b.at("cutting")
	}
}

func TestACutWhoseRecordIsLateAsksForTheOthersAgain(t *testing.T) {
	for _, safe := range []bool{true, false} {
		b := provenOff(t, leads)
		b.hold = true
		b.tell(power.Partners{Safe: true})
		b.at("cutting")
		intent := b.record.Number()
		b.tell(power.Partners{Safe: safe})
		b.tell(power.Committed{Number: intent, Commit: power.Late})
		if again := b.offs() == 2; again != safe {
			t.Errorf("others safe: %v, in %s, OFFs %d", safe, b.m.Position(), b.offs())
		}
	}
}

func TestOneThatDoesntLeadFollowsTheRelay(t *testing.T) {
	b := provenOff(t, follows)
	b.at("safe")
	b.tell(power.Partners{Safe: true})
	b.silentFor(time.Hour, 0.4)
	b.at("safe")
	b.says("by hand", "The recorder is off: power may be cut.")
	b.asks(power.Cancel) // and now power is owed
	b.says("owed", "The recorder is off. To start it again, switch its power off and on.")
	b.tell(power.Partners{On: "garage"})
	b.says("owed, and not alone", "The recorder is off; its plug stays on for garage. To start it again, unplug this recorder alone, and plug it in again.")
	b.relay(power.RelayOff)
	b.at("off")
	if !b.m.MayLosePower() {
		t.Error("cut, and may not lose its power")
	}
	b.relay(power.RelayOn)
	b.at("booting")
	if n := b.offs(); n != 0 {
		t.Errorf("%d OFFs", n)
	}
}

func TestWhoLeadsCutsOnlyWhereTheOwnerAllowsIt(t *testing.T) {
	b := provenOff(t, func(c *power.Config, d *power.Memory) { leads(c, d); c.Plug.Cut = power.CutNever })
	b.tell(power.Partners{Safe: true})
	b.silentFor(time.Hour, 0.4)
	b.at("safe")
	if n := b.offs(); n != 0 {
		t.Errorf("%d OFFs", n)
	}
}

func TestNobodysWordCutsASharedPlug(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		cuts   bool
	}{
		{"its own plug", nil, true},
		{"who leads", leads, false},
		{"who follows", follows, false},
	} {
		b := resting(t, power.PresumedOff, "", power.RelayOn, row.change)
		b.tell(power.Partners{Safe: true})
		b.silentFor(200*time.Second, 9)
		b.at("presumed_off")
		b.asks(power.ConfirmOff)
		word := b.last(power.ConfirmOff).Message
		b.asks(power.PowerOn)
		on := b.last(power.PowerOn).Message
		if cuts := b.m.State() == power.Cutting; cuts != row.cuts {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
		const alone = " as well: unplug this recorder alone, and plug it in again"
		if !row.cuts && (!strings.HasPrefix(word, "noted; its plug feeds ") || !strings.HasSuffix(word, alone) || !strings.HasPrefix(on, "its plug feeds ") || !strings.HasSuffix(on, alone)) {
			t.Errorf("%s: %q, %q", row.name, word, on)
		}
	}
	b := provenOff(t, leads)
	if a := b.asks(power.PowerOn); a.Reason != "is_on" || a.Message != "its plug feeds shed as well: unplug this recorder alone, and plug it in again" || b.m.Memory().Seq.Owed {
		t.Errorf("power_on in safe: %+v", a)
	}
}

func TestAPresumptionIsNoneOnASharedPlug(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		want   power.Proof
	}{
		{"its own plug", func(*power.Config, *power.Memory) {}, power.ProofPresumed},
		{"who leads", leads, power.ProofNone},
		{"who follows", follows, power.ProofNone},
	} {
		b := running(t, func(c *power.Config, d *power.Memory) {
			c.Plug.Cut, c.Plug.Meter, c.Witness = power.CutPresumed, false, true
			row.change(c, d)
		})
		b.tell(power.Partners{Safe: true})
		b.accepted(power.Shutdown)
		b.asks(power.Cancel)
		b.silentUntil(15*time.Minute, 0, func() bool { return b.m.Proof() == power.ProofPresumed })
		if got := b.m.Proof(); got != row.want {
			t.Errorf("%s: proof %q in %s", row.name, got, b.m.Position())
		}
	}
}

func TestADrillNeverCutsASharedPlug(t *testing.T) {
	drill := func(change func(*power.Config, *power.Memory)) *bench {
		b := usually(func(r *rehearsal) { r.config = change }).play(t)
		b.tell(power.Partners{Safe: true})
		return b
	}
	b := drill(func(c *power.Config, d *power.Memory) { leads(c, d); d.Learned = power.Learned{} })
	b.silentFor(time.Minute, 0.4)
	b.at("safe")
	if n := b.offs(); n != 0 || !b.m.Memory().Seq.Drill.Proven {
		t.Errorf("%d OFFs, proven %v", n, b.m.Memory().Seq.Drill.Proven)
	}
	// Without the meter a person says so, and unplugs it.
	b = usually(func(r *rehearsal) {
		r.config = func(c *power.Config, d *power.Memory) { leads(c, d); d.Learned = power.Learned{} }
		r.halted, r.atHalt = 30, func(b *bench) { // what the shed draws
			if s := b.m.Status(); !strings.Contains(s, "press Confirm it is off") || !strings.HasSuffix(s, "leave that on, and unplug only this recorder.") {
				t.Errorf("before its halt is proven: %q", s)
			}
			word(b)
		}
	}).play(t)
	b.at("presumed_off")
	b.says("its halt is proven", "Drill: unplug the recorder, and plug it in again after 15 seconds. Its plug also feeds shed: leave that on, and unplug only this recorder.")
	b.tell(power.Partners{Safe: true})
	if s := b.m.Status(); !strings.HasPrefix(s, "Drill: switch the recorder off and on by hand") {
		t.Errorf("where nothing else is on: %q", s)
	}
	b.at("presumed_off")
}

// A meter that reads others as well teaches nothing.
func TestADrillLearnsNoWattsOnASharedPlug(t *testing.T) {
	for _, blind := range []bool{false, true} {
		b := unpluggedDrill(t, func(r *rehearsal) {
			r.config = func(c *power.Config, d *power.Memory) {
				follows(c, d)
				d.Learned = power.Learned{Blind: blind}
			}
		})
		b.relay(power.RelayOff)
		b.pass(20 * time.Second)
		b.relay(power.RelayOn)
		b.pass(20 * time.Second)
		b.uptime = time.Minute
		b.signsIn()
		b.boots(2, rehearsal{})
		b.gave(power.Drill, power.Finished, "normal")
		if l := b.m.Memory().Learned; !l.Passed || l.Running != 0 || l.Halted != 0 || l.Lowest != 0 || l.OffWatts != 1 || l.Blind != blind || l.Gap == 0 {
			t.Errorf("learned %+v", l)
		}
	}
}

func TestWhatASharedMeterProves(t *testing.T) {
	learned := func(c *power.Config, d *power.Memory) { d.Learned.OffWatts, d.Learned.Halted = 5, 0 }
	both := func(all ...func(*power.Config, *power.Memory)) func(*power.Config, *power.Memory) {
		return func(c *power.Config, d *power.Memory) {
			for _, f := range all {
				f(c, d)
			}
		}
	}
	low := func(watts float64) func(*bench) { return func(b *bench) { b.silentFor(4*time.Minute, watts) } }
	// Another recorder goes on for a while, and then halts as well.
	falls := func(b *bench) { b.silentFor(time.Minute, 20); b.silentFor(time.Minute, 0.4) }
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		do     func(*bench)
		proves bool
	}{
		{"what a drill taught, on its own plug", both(learned, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }), low(3), true},
		{"what a drill taught", both(learned, follows), low(3), false},
		{"1 W", both(learned, follows), low(1), true},
		{"more", both(learned, follows), low(1.1), false},
		{"less where less is configured", both(learned, follows, func(c *power.Config, _ *power.Memory) { c.OffWatts = 0.5 }), low(0.5), true},
		{"1 W where less is configured", both(learned, follows, func(c *power.Config, _ *power.Memory) { c.OffWatts = 0.5 }), low(1), false},
		{"a load that falls, on its own plug", func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }, falls, false},
		{"a load that falls", follows, falls, true},
	} {
		b := proving(t, row.change)
		row.do(b)
		if proves := b.m.Proof() == power.ProofPower; proves != row.proves {
			t.Errorf("%s: proven %v, in %s", row.name, proves, b.m.Position())
		}
	}
}

func TestOffWattsOfASharedPlug(t *testing.T) {
	l := power.Learned{Passed: true, OffWatts: 5}
	for _, row := range []struct {
		others string
		watts  float64
		fits   bool
	}{{"", 5, true}, {"", 5.1, false}, {"shed", 1, true}, {"shed", 1.1, false}} {
		c := power.Config{OffWatts: row.watts, Plug: power.Plug{Others: row.others}}
		if err := c.Validate(l); (err == nil) != row.fits {
			t.Errorf("%+v: %v", row, err)
		}
	}
}

func TestAPowerCycleOfASharedPlugIsRefused(t *testing.T) {
	shared := func(c *power.Circumstances) { c.Plug.Others, c.Plug.Leads = "shed", true }
	found := power.Preflight(fine(), usual(power.PowerCycle, shared))
	if got := told(found); got != "hard plug" || found[slices.IndexFunc(found, func(f power.Finding) bool { return f.ID == "plug" })].Text != "Its plug feeds shed as well." {
		t.Errorf("%+v", found)
	}
	for _, a := range []power.Action{power.Shutdown, power.Outage, power.Drill} {
		if got := told(power.Preflight(fine(), usual(a, shared))); got != "" {
			t.Errorf("%s: %q", a, got)
		}
	}
}

func TestOneOfTwoOnAPlugThatBootsBadlyIsntCycled(t *testing.T) {
	for _, safe := range []bool{false, true} {
		b := running(t, leads)
		b.accepted(power.Shutdown)
		b.tell(power.Partners{Safe: safe})
		b.uptime = time.Minute
		b.silentFor(20*time.Second, 20)
		b.signsIn()
		b.at("booting")
		b.silentFor(11*time.Minute, 0.4)
		if cut := b.offs() > 0; cut != safe {
			t.Errorf("others safe: %v, %d OFFs in %s", safe, b.offs(), b.m.Position())
		}
	}
}

func TestStatusNamesWhatElseThePlugFeeds(t *testing.T) {
	const only = " Its plug also feeds shed: leave that on, and unplug only this recorder."
	still := resting(t, power.Attention, power.StillOn, power.RelayOn, leads)
	unproven := resting(t, power.Attention, power.Unproven, power.RelayOn, leads)
	presumed := resting(t, power.PresumedOff, "", power.RelayOn, leads)
	presumed.silentFor(4*time.Minute, 9)
	presumed.at("presumed_off")
	for _, b := range []*bench{still, unproven, presumed} {
		if s := b.m.Status(); !strings.HasSuffix(s, only) || strings.Contains(s, "Confirm") || len(s) > 255 {
			t.Errorf("%s: %q", b.m.Position(), s)
		}
		b.tell(power.Partners{Safe: true})
		if s := b.m.Status(); strings.Contains(s, "shed") || strings.Contains(s, "The plug reads") {
			t.Errorf("%s, where all others are safe: %q", b.m.Position(), s)
		}
	}
	failed := resting(t, power.PresumedOff, "", power.RelayOn, func(c *power.Config, d *power.Memory) {
		leads(c, d)
		d.Seq.Action, d.Seq.Drill = power.Drill, power.DrillRun{Leg: 2, Proven: true} // a restart fails it
	})
	failed.silentFor(4*time.Minute, 9)
	failed.at("presumed_off")
	if s := failed.m.Status(); !strings.HasPrefix(s, "The recorder accepted the shutdown") || !strings.HasSuffix(s, only) {
		t.Errorf("a drill that failed: %q", s)
	}
	lost := resting(t, power.Confirming, "", power.RelayOff, follows)
	lost.at("off", "attention(power_lost)")
	lost = proving(t, follows)
	lost.relay(power.RelayOff)
	lost.at("attention(power_lost)")
	lost.says("cut perhaps for the others", "The plug was switched off before the recorder was proven off. Switch it on again: the recorder is checked once it runs.")
}

func TestWhoMayLosePower(t *testing.T) {
	never := func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }
	for _, row := range []struct {
		name string
		make func(*testing.T) *bench
		want bool
	}{
		{"one that runs", func(t *testing.T) *bench { return running(t, nil) }, false},
		{"one that was just asked", func(t *testing.T) *bench { return proving(t, nil) }, false},
		{"one that is safe", func(t *testing.T) *bench { return provenOff(t, never) }, true},
		{"one whose record isn't written", func(t *testing.T) *bench {
			b := provenOff(t, never)
			b.hold = true
			b.asks(power.Cancel)
			return b
		}, false},
		{"one that is safe, where the log found an unclean stop", func(t *testing.T) *bench {
			return provenOff(t, func(c *power.Config, d *power.Memory) { never(c, d); d.NoCuts = true })
		}, false},
		{"one that is safe, in a crash loop", func(t *testing.T) *bench {
			b := resting(t, power.Safe, "", power.RelayOn, func(c *power.Config, d *power.Memory) {
				never(c, d)
				crashLoop(c, d)
				d.Seq.Baseline, d.Learned = 20, power.Learned{}
			})
			b.silentFor(2*time.Minute, 0.4)
			b.at("safe")
			return b
		}, false},
		{"one that is being cut", func(t *testing.T) *bench { return provenOff(t, nil) }, false},
		{"one that was cut by proof", func(t *testing.T) *bench { return cutOff(t, nil) }, true},
		{"one that was cut by proof, and the plug is away", func(t *testing.T) *bench {
			b := cutOff(t, nil)
			b.relay(power.RelayUnknown)
			return b
		}, false},
		{"one that was cut by proof, and the plug was just heard", func(t *testing.T) *bench {
			b := cutOff(t, nil)
			b.relay(power.RelayOff)
			b.pass(20 * time.Second)
			return b
		}, true},
		{"one that was cut by proof, and the plug is silent", func(t *testing.T) *bench {
			b := cutOff(t, nil)
			b.relay(power.RelayOff)
			b.pass(20*time.Second + 1)
			return b
		}, false},
		{"one that was cut by proof, and that can't be written", func(t *testing.T) *bench {
			b := provenOff(t, nil)
			b.relay(power.RelayOff)
			b.hold = true
			b.pass(15 * time.Second)
			b.commit(power.Failed)
			b.at("off")
			return b
		}, false},
		{"one that was cut by proof, and something lives there", func(t *testing.T) *bench {
			b := cutOff(t, nil)
			b.pass(time.Second)
			b.probe(power.Alive)
			b.at("off")
			return b
		}, false},
		{"one that was cut by proof, after a restart", func(t *testing.T) *bench {
			return again(cutOff(t, nil), power.RelayOff)
		}, true},
		{"and its relay isn't read", func(t *testing.T) *bench { return again(cutOff(t, nil), power.RelayUnknown) }, false},
		{"one whose plug somebody else switched off once it was safe", func(t *testing.T) *bench {
			b := provenOff(t, never)
			b.relay(power.RelayOff)
			return b
		}, true},
		{"one that was cut by proof, was fed again, and then lost its power", func(t *testing.T) *bench {
			b := cutOff(t, nil)
			b.relay(power.RelayOn)
			b.at("booting")
			b.pass(time.Second)
			b.relay(power.RelayOff)
			b.at("attention(power_lost)")
			return b
		}, false},
		{"one that was presumed off", func(t *testing.T) *bench {
			b := proving(t, never)
			b.silentFor(4*time.Minute, 9)
			b.at("presumed_off")
			return b
		}, false},
		{"and whose plug somebody switched off", func(t *testing.T) *bench {
			b := proving(t, never)
			b.silentFor(4*time.Minute, 9)
			b.relay(power.RelayOff)
			b.at("off")
			return b
		}, false},
		{"one in attention whose plug somebody switched off", func(t *testing.T) *bench {
			b := resting(t, power.Attention, power.Unproven, power.RelayOff, nil)
			b.at("off")
			return b
		}, false},
		{"one that was down when the program ended, and whose plug is off", func(t *testing.T) *bench {
			b := resting(t, power.Safe, "", power.RelayOff, nil)
			b.at("off")
			return b
		}, false},
		{"one that was cut by a person's word", func(t *testing.T) *bench {
			b := resting(t, power.PresumedOff, "", power.RelayOn, nil)
			b.silentFor(200*time.Second, 9)
			b.asks(power.ConfirmOff)
			b.asks(power.PowerOn)
			b.at("cutting")
			b.relay(power.RelayOff)
			b.pass(15 * time.Second)
			b.at("off")
			return b
		}, false},
		{"one whose cut was read late", func(t *testing.T) *bench {
			b := provenOff(t, nil)
			b.silentFor(90*time.Second, 0.4)
			b.at("attention(cut_unconfirmed)")
			b.relay(power.RelayOff)
			b.pass(15 * time.Second)
			b.at("off")
			return b
		}, false},
		{"one that is switched on, and mains goes", func(t *testing.T) *bench {
			b := cutOff(t, nil)
			b.asks(power.PowerOn)
			b.pass(15 * time.Second)
			b.at("powering_on")
			b.tell(power.Mains{Lost: true})
			b.at("off")
			b.relay(power.RelayOff)
			return b
		}, false},
	} {
		b := row.make(t)
		if got := b.m.MayLosePower(); got != row.want {
			t.Errorf("%s: %v, in %s", row.name, got, b.m.Position())
		}
	}
}

// cutOff is one that the bridge has cut by proof.
func cutOff(t *testing.T, change func(*power.Config, *power.Memory)) *bench {
	t.Helper()
	b := provenOff(t, change)
	b.at("cutting")
	b.relay(power.RelayOff)
	b.pass(15 * time.Second)
	b.at("off")
	return b
}

// again restarts the program, which then hears of the relay.
func again(b *bench, s power.RelayState) *bench {
	m, out := power.Restore(fullPlug, b.now, []power.Record{*b.record}, false)
	b.m = m
	b.take(out)
	b.pass(time.Second)
	b.relay(s)
	b.at("off")
	return b
}

func TestOneThatLostItsPowerByItsUPSDidntComeBack(t *testing.T) {
	never := func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }
	for _, row := range []struct {
		name string
		told []bool
		to   string
	}{
		{"not told", nil, "attention(came_back)"},
		{"told", []bool{true}, "booting"},
		{"told, and then that it was refused", []bool{true, false}, "attention(came_back)"},
	} {
		b := provenOff(t, never)
		b.at("safe")
		for _, x := range row.told {
			b.tell(power.UPSCut{Told: x})
		}
		b.at("safe")
		b.pass(time.Second)
		b.probe(power.Alive)
		b.at(row.to)
	}
	// Its plug goes with the UPS, so that the proof lapses first.
	for _, told := range []bool{true, false} {
		b := proving(t, never)
		b.tell(power.UPSCut{Told: told})
		b.silentFor(time.Minute, 20)
		b.uptime = time.Minute
		b.signsIn()
		b.at("booting")
		if back := b.m.Memory().Seq.SelfBack; back == told {
			t.Errorf("told %v: came back by itself: %v", told, back)
		}
	}
}
