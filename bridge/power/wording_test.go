package power_test

import (
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// unpluggedDrill is a drill whose owner confirms the halt and switches the recorder off and on,
// since the bridge may not.
func unpluggedDrill(t *testing.T, change func(*rehearsal)) *bench {
	t.Helper()
	b := usually(func(r *rehearsal) {
		r.config = func(c *power.Config, d *power.Memory) { d.Learned, c.Plug.Cut = power.Learned{}, power.CutNever }
		r.halted, r.toSilence, r.atHalt = 9, 30*time.Second, word
		if change != nil {
			change(r)
		}
	}).play(t)
	b.at("presumed_off")
	return b
}

func TestADrillLearnsWhereTheBridgeMayNotCut(t *testing.T) {
	for _, row := range []struct {
		name   string
		back   func(*bench)
		learns bool // what it draws when halted: only where its relay was seen off
	}{
		{"unplugged", func(*bench) {}, false},
		{"switched off at its plug, and on by the bridge", func(b *bench) {
			b.relay(power.RelayOff)
			b.at("off")
			if s := b.m.Status(); !strings.HasPrefix(s, "The recorder and its plug are off.") {
				t.Errorf("status: %s", s)
			}
			b.pass(15 * time.Second)
			b.at("powering_on")
			b.relay(power.RelayOn)
		}, true},
		{"switched off and on at its plug", func(b *bench) {
			b.relay(power.RelayOff)
			b.pass(10 * time.Second)
			b.relay(power.RelayOn)
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := unpluggedDrill(t, nil)
			b.gave(power.ConfirmOff, power.Finished, "")
			if a := b.last(power.ConfirmOff); a.Message != "noted; the drill goes on, see Status" {
				t.Errorf("confirmed: %q", a.Message)
			}
			row.back(b)
			b.pass(20 * time.Second)
			b.uptime = time.Minute
			b.signsIn()
			b.boots(2, rehearsal{})
			b.at("running")
			b.gave(power.Drill, power.Finished, "normal")
			if a := b.last(power.Drill); a.Message != "the drill has passed" {
				t.Errorf("it ends: %q", a.Message)
			}
			l := b.m.Memory().Learned
			if !l.Passed || l.ToSilence != 32*time.Second {
				t.Errorf("learned %+v", l)
			}
			if row.learns && (l.Halted != 9 || l.OffWatts < 9.89 || l.OffWatts > 9.91) || !row.learns && (l.Halted != 0 || l.OffWatts != 1) {
				t.Errorf("watts: %+v", l)
			}
		})
	}
}

func TestADrillThatFailsSaysWhy(t *testing.T) {
	b := unpluggedDrill(t, func(r *rehearsal) { r.atHalt = func(*bench) {} })
	b.relay(power.RelayOff)
	b.at("off")
	if s := b.m.Status(); !strings.HasPrefix(s, "The plug is off. It isn't proven") {
		t.Errorf("status: %s", s)
	}
	b.pass(15 * time.Second)
	b.relay(power.RelayOn)
	b.pass(20 * time.Second)
	b.uptime = time.Minute
	b.signsIn()
	b.boots(2, rehearsal{})
	b.at("running")
	if a := b.last(power.Drill); a.Type != power.Undone || a.Reason != "unproven" || a.Message != "the drill has failed: it wasn't proven that the recorder was off" {
		t.Errorf("%s %q %q", a.Type, a.Reason, a.Message)
	}

	b = usually(func(r *rehearsal) {
		r.verified = func(leg int, a *power.After) { a.ClockWrong = yes(true) }
	}).play(t)
	for range 70 {
		b.pass(10 * time.Second)
		b.signsIn()
	}
	b.at("running")
	if a := b.last(power.Drill); a.Message != "the drill has failed: not everything was as before (its clock is wrong)" {
		t.Errorf("%s %q", a.Reason, a.Message)
	}

	reasons := []string{"unproven", "no_clean_stop_in_log", "unclean_stop", "degraded", "unknown", "restart", "outage"}
	for _, r := range power.Reasons {
		reasons = append(reasons, string(r))
	}
	for _, reason := range reasons {
		b := resting(t, power.Booting, "", power.RelayOn, func(_ *power.Config, d *power.Memory) {
			d.Seq.Action, d.Seq.Accepted, d.Seq.Drill.Failed = power.Drill, true, reason
			d.Seq.Command = power.Command{Action: power.Drill, ID: "x"}
		})
		b.signsIn()
		b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial}})
		b.at("running")
		if a := b.last(power.Drill); a.Reason != reason || len(a.Message) < len("the drill has failed: ")+10 {
			t.Errorf("%s: %q", a.Reason, a.Message)
		}
	}
}

func TestAnEndNamesWhatIsntAsBefore(t *testing.T) {
	for _, row := range []struct {
		wrong bool
		want  string
	}{{false, "the recorder runs again: normal"}, {true, "the recorder runs again: degraded (its clock is wrong)"}} {
		b := running(t, nil)
		b.accepted(power.Reboot)
		b.silentFor(40*time.Second, 15)
		b.uptime = time.Minute
		b.signsIn()
		for range 70 {
			if b.effect.Kind == power.CollectAfter {
				b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, ClockWrong: yes(row.wrong)}})
			}
			b.pass(10 * time.Second)
			b.signsIn()
		}
		b.at("running")
		if a := b.last(power.Reboot); a.Message != row.want {
			t.Errorf("%q, not %q", a.Message, row.want)
		}
	}
}

func TestAnotherCommandIsToldWhatGoesOn(t *testing.T) {
	presumed := func(t *testing.T) *bench {
		b := running(t, func(c *power.Config, _ *power.Memory) { c.Plug.Cut, c.Plug.Meter = power.CutNever, false })
		b.accepted(power.Shutdown)
		b.silentFor(200*time.Second, -1)
		b.at("presumed_off")
		return b
	}
	for _, row := range []struct {
		name string
		make func(*testing.T) *bench
		want string
	}{
		{"while it is checked", func(t *testing.T) *bench { b := running(t, nil); b.asks(power.Shutdown); return b }, "a shutdown is about to begin; Cancel stops it"},
		{"in the countdown", func(t *testing.T) *bench {
			b := running(t, nil)
			b.asks(power.Reboot)
			b.collected(b.facts())
			b.at("counting_down")
			return b
		}, "a restart is about to begin; Cancel stops it"},
		{"after the request", func(t *testing.T) *bench { b := running(t, nil); b.accepted(power.Shutdown); return b }, "a shutdown is under way; Status says how far"},
		{"presumed off", presumed, "the recorder is shut down already; start it first"},
		{"off", func(t *testing.T) *bench { b := presumed(t); b.relay(power.RelayOff); b.at("off"); return b }, "the recorder is shut down already; start it first"},
		{"safe", func(t *testing.T) *bench {
			b := proving(t, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever })
			b.silentFor(time.Minute, 0.4)
			b.at("safe")
			return b
		}, "the recorder is shut down already; start it first"},
	} {
		b := row.make(t)
		want := row.want + " (" + b.m.Memory().Seq.Command.ID + ")"
		if a := b.asks(power.Shutdown); a.Reason != "busy" || a.Message != want {
			t.Errorf("%s: %s %q", row.name, a.Reason, a.Message)
		}
	}
	b := dark(t, nil, power.Mains{})
	if a := b.asks(power.Shutdown); a.Message != "a shutdown is about to begin; Cancel stops it" {
		t.Errorf("in an outage: %q", a.Message)
	}
}

func TestAnswersFitThePlug(t *testing.T) {
	quiet := func(change func(*power.Config)) *bench {
		b := running(t, func(c *power.Config, _ *power.Memory) { c.Plug.Meter = false; change(c) })
		b.accepted(power.Shutdown)
		b.silentFor(200*time.Second, -1)
		b.at("presumed_off")
		return b
	}
	none := func(c *power.Config) { c.Plug = power.Plug{} }
	never := func(c *power.Config) { c.Plug.Cut = power.CutNever }
	cuts := func(c *power.Config) { c.Plug.Cut = power.CutProven }
	for _, row := range []struct {
		name   string
		config func(*power.Config)
		asks   power.Action
		want   string
	}{
		{"too late, without a plug", none, power.Cancel, "too late to stop it; when it is off, switch its power off and on by hand"},
		{"too late, with one", never, power.Cancel, "too late to stop it; the recorder is switched on again afterwards"},
		{"on, without a plug", none, power.PowerOn, "no plug is configured: switch its power off and on by hand"},
		{"on, with one that is on and may not be cut", never, power.PowerOn, "its plug is on: switch it off and on by hand"},
		{"on, with one that may", cuts, power.PowerOn, "its plug is on: confirm that it is off, then press again, or switch it off and on by hand"},
		{"confirmed, without a plug", none, power.ConfirmOff, "noted; now switch it off and on by hand"},
		{"confirmed, with one that may not be cut", never, power.ConfirmOff, "noted; now switch it off and on by hand"},
		{"confirmed, with one that may", cuts, power.ConfirmOff, "noted for 5 minutes; Power on switches it off and on"},
	} {
		b := quiet(row.config)
		b.asks(row.asks)
		if a := b.last(row.asks); a.Message != row.want {
			t.Errorf("%s: %s %q", row.name, a.Type, a.Message)
		}
		if row.asks == power.Cancel && !b.m.Memory().Seq.Owed {
			t.Errorf("%s: power isn't owed", row.name)
		}
	}
	b := unpluggedDrill(t, func(r *rehearsal) { r.verified = nil; r.atHalt = func(*bench) {} })
	b.tell(power.Probe{At: b.now, Sight: power.Silent})
	d := b.m.Memory()
	d.Seq.Drill.Failed, d.Accepted = "unproven", nil
	failed := onBench(t, power.Config{Plug: power.Plug{Exists: true, Relay: true, Cut: power.CutNever}}, d)
	failed.silentFor(200*time.Second, -1)
	failed.asks(power.ConfirmOff)
	if a := failed.last(power.ConfirmOff); a.Message != "noted; now switch it off and on by hand" {
		t.Errorf("in a drill that has failed: %s %q", a.Type, a.Message)
	}
}

func TestARefusalSaysHowToGoOnAllTheSame(t *testing.T) {
	for _, row := range []struct {
		by   string
		hard bool
		want string
	}{
		{"somebody", false, "Wait until it has ended. Press again within 2 minutes to go on all the same."},
		{"automation", false, `Wait until it has ended. An automation goes on all the same with force ["repairing"].`},
		{"somebody", true, "Wait until it has ended."},
		{"automation", true, "Wait until it has ended."},
	} {
		b := running(t, nil)
		b.command(power.Command{Action: power.Shutdown, ID: "x", At: b.now.Wall, By: row.by, Force: []string{"right", "plug", "often"}})
		b.collected(b.facts(func(f *power.Facts) {
			f.Repairing.Told = power.Yes
			if row.hard {
				f.Repairing.Told, f.Formatting.Told = power.No, power.Yes
			}
		}))
		if a := b.last(power.Shutdown); a.Type != power.Declined || !strings.HasSuffix(a.Message, row.want) {
			t.Errorf("%+v: %s %q", row, a.Type, a.Message)
		}
	}
}

// A drill whose owner said wrongly that the recorder had halted, while it was silent in
// a check of its disks and came back without having lost its power, must not teach what
// a halted recorder draws: the next such check would look safe.
func TestAWrongWordTeachesNoWatts(t *testing.T) {
	b := unpluggedDrill(t, nil)
	b.uptime = time.Minute
	b.signsIn() // its power was never away
	b.boots(2, rehearsal{})
	b.at("running")
	if l := b.m.Memory().Learned; l.Halted != 0 || l.OffWatts > 1 {
		t.Errorf("learned %+v", l)
	}
	b.asks(power.Shutdown, "right", "plug", "often")
	b.counted()
	b.put(power.Done)
	b.silentFor(6*time.Minute, 9)
	if b.m.State() == power.Safe {
		t.Error("safe in a check of its disks")
	}
}
