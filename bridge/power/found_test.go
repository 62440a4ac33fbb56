package power_test

import (
	"slices"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// What the fuzzer and the walk found.

var meterPlug = power.Plug{Exists: true, Relay: true, Meter: true, Cut: power.CutProven}

func (h *hand) signsIn(uptime time.Duration) {
	h.tell(power.SignedIn{At: h.now, Serial: ownSerial, Firmware: firmware, Uptime: uptime, UptimeTold: true})
	h.settle()
}

func TestARecorderThatSignsInWhileItsRelayReadsOffTurnsNoCircles(t *testing.T) {
	d := madeMemory(power.Attention, power.PowerLost)
	h := begin(power.Config{Plug: meterPlug, Mains: true, AnyOutage: true}, &power.Record{Memory: d}, false, nil)
	h.settle()
	var rows []string
	h.taken = func(x power.Move) { rows = append(rows, x.Row) }
	h.tell(power.Mains{Lost: true, Outage: 1})
	h.settle()
	h.tell(power.Relay{At: h.now, State: power.RelayOff})
	h.settle()
	h.signsIn(30 * time.Hour)
	if len(rows) > 0 || h.m.Why() != power.PowerLost || h.wrong != "" {
		t.Fatalf("%s by %q %s", h.m.Position(), rows, h.wrong)
	}
	h.pass(16 * time.Second) // now it is clear that this plug doesn't feed it
	h.signsIn(30 * time.Hour)
	if h.m.State() != power.Checking || h.wrong != "" {
		t.Errorf("%s by %q %s", h.m.Position(), rows, h.wrong)
	}
}

func TestAPlugThatIsTakenOutOfTheConfigurationIsntSwitchedOn(t *testing.T) {
	for _, s := range []power.State{power.Off, power.PoweringOn} {
		d := madeMemory(s, "")
		d.Seq.Owed = true
		h := begin(power.Config{}, &power.Record{Memory: d}, false, nil)
		h.settle()
		h.pass(time.Minute)
		h.tell(power.Tick{})
		h.settle()
		if h.m.State() != power.Confirming || h.wrong != "" {
			t.Errorf("from %s: %s %s", s, h.m.Position(), h.wrong)
		}
	}
}

func TestARecorderThatWasJustAskedIsntTakenForOneThatStaysOn(t *testing.T) {
	h := reach("shutting_down", site{cfg: power.Config{Plug: meterPlug, Mains: true, AnyOutage: true}})
	h.goesOn(1)
	h.hears(power.RelayOff).hears(power.RelayOn)
	h.tell(power.Mains{Lost: true, Outage: 1})
	h.settle()
	h.pass(8 * time.Second)
	h.signsIn(30 * time.Hour)
	if h.m.Why() != power.PowerLost || h.wrong != "" {
		t.Errorf("after 8 s: %s %s", h.m.Position(), h.wrong)
	}
	h.watched(90*time.Second, power.Alive, 20)
	h.signsIn(30 * time.Hour)
	if h.m.State() != power.Checking || h.wrong != "" {
		t.Errorf("after 98 s: %s %s", h.m.Position(), h.wrong)
	}
}

func TestAnUncleanStopIsOnRecord(t *testing.T) {
	h := reach("booting", site{cfg: power.Config{Plug: meterPlug, Mains: true}})
	h.signsIn(time.Minute)
	a := goodAfter()
	a.CleanStop = yes(false)
	h.tell(power.Verified{Number: h.open.Number, After: a})
	h.settle()
	h.restart(time.Second)
	if !h.m.Peek().NoCuts || h.wrong != "" {
		t.Errorf("a restart forgets it %s", h.wrong)
	}
}

func TestAHighReadingSpeaksAgainstTheProofBeforeItsRelayIsRead(t *testing.T) {
	for _, position := range []string{"safe", "cutting"} {
		h := reach(position, site{cfg: power.Config{Plug: meterPlug}})
		h.pass(time.Second)
		h.stamp++
		h.tell(power.Reading{At: h.now, Watts: 20, Stamp: stampOf(h.stamp)})
		h.settle()
		if h.m.Proof() != power.ProofNone || h.open.Kind != power.NoEffect || h.m.State() == power.Safe || h.m.State() == power.Cutting || h.wrong != "" {
			t.Errorf("from %s: %s, proof %s %s", position, h.m.Position(), h.m.Proof(), h.wrong)
		}
	}
}

func TestPowerThatIsOwedComesBackFromACutThatARestartForgot(t *testing.T) {
	d := madeMemory(power.Attention, power.CutUnconfirmed)
	d.Seq.Owed, d.Seq.Offs = true, 1
	h := begin(power.Config{Plug: meterPlug}, &power.Record{Memory: d}, false, nil).settled()
	h.waits(16 * time.Second)
	if h.m.State() != power.PoweringOn || h.wrong != "" {
		t.Errorf("%s %s", h.m.Position(), h.wrong)
	}
}

func TestWithoutARequestInItsSequenceNothingIsProven(t *testing.T) {
	h := reach("attention(still_on)", site{cfg: power.Config{Plug: power.Plug{Exists: true, Relay: true, Meter: true, Cut: power.CutNever}}})
	h.insists(power.Shutdown)
	h.goesOn(3)
	if h.open.Kind != power.PutShutdown {
		t.Fatalf("%s waits for %q", h.m.Position(), h.open.Kind)
	}
	h.tell(power.PutDone{Number: h.open.Number, Outcome: power.Refused})
	h.settled().watched(5*time.Minute, power.Silent, 0.4)
	if h.m.State() != power.Confirming || h.m.Proof() != power.ProofNone || h.wrong != "" {
		t.Errorf("%s, proof %s %s", h.m.Position(), h.m.Proof(), h.wrong)
	}
}

func TestALateRecordIsAnsweredAlsoAfterANewerOne(t *testing.T) {
	h := reach("cutting", site{cfg: power.Config{Plug: meterPlug}, stop: "cutting"})
	h.stops, h.stop = false, ""
	number := h.commit(power.Late)
	h.asks(power.PowerOn) // waited in the inbox; its own record is quick
	h.reads(0.4)
	h.answer(number, power.Late)
	if h.held.Effect.Kind != power.SwitchOff || h.wrong != "" {
		t.Fatalf("%s waits for %q %s", h.m.Position(), h.held.Effect.Kind, h.wrong)
	}
	h.settle()
	h.watched(2*time.Minute, power.Silent, 0.4, "attention(cut_unconfirmed)")
	if h.m.Why() != power.CutUnconfirmed || h.wrong != "" {
		t.Errorf("it cuts for ever %s", h.wrong)
	}
}

func TestABatteryThatGetsLowIsntKeptWaitingAndNothingElseHurries(t *testing.T) {
	b := dark(t, nil, power.Mains{})
	b.collected(b.facts(func(f *power.Facts) { f.Upgrading.Told = power.Yes }))
	checks := func() (n int) {
		for _, e := range b.effects {
			if e == power.Collect {
				n++
			}
		}
		return n
	}
	for _, row := range []struct {
		tells power.Mains
		want  int
	}{{power.Mains{}, 1}, {power.Mains{Low: true}, 2}, {power.Mains{Low: true}, 2}} {
		row.tells.Lost, row.tells.Outage = true, 1
		b.pass(time.Second)
		b.tell(row.tells)
		if n := checks(); n != row.want {
			t.Errorf("%d checks after %+v, not %d", n, row.tells, row.want)
		}
		if n := checks(); n == 2 {
			b.collected(b.facts(func(f *power.Facts) { f.Upgrading.Told = power.Yes }))
		}
	}
}

func TestADrillLearnsWhatAHaltedRecorderDrawsAlsoWhenItsCutIsQuick(t *testing.T) {
	b := usually(func(r *rehearsal) {
		r.before = func(b *bench) {
			b.silence(6*time.Second, 14, 5*time.Second, nil) // its disks still turn
			b.silence(5*time.Second, 0.9, 5*time.Second, nil)
			b.silence(30*time.Second, 0.4, 5*time.Second, nil)
		}
	}).play(t)
	b.at("running")
	if l := b.m.Memory().Learned; !l.Passed || l.Halted != 0.9 || l.OffWatts != 1 {
		t.Errorf("learned %+v", l)
	}
}

func TestWhoIsntLetInIsAskedNothingElse(t *testing.T) {
	for _, s := range []power.SignIn{power.SignInDenied, power.SignInUnknown} {
		found := power.Preflight(power.Facts{SignIn: s}, power.Circumstances{Action: power.Shutdown, Serial: "X"})
		if len(found) != 1 || found[0].ID != "sign_in" || found[0].Severity != power.Hard {
			t.Errorf("%q: %+v", s, found)
		}
	}
}

func TestTooManyStartsAreToldForTenMinutes(t *testing.T) {
	d := madeMemory(power.Running, "")
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for n := range 4 {
		d.Starts = append(d.Starts, now.Add(time.Duration(n-4)*time.Second))
	}
	m, _ := power.Restore(power.Config{}, power.Instant{Wall: now, Mono: time.Second}, []power.Record{{Memory: d}}, false)
	for _, row := range []struct {
		after time.Duration
		told  bool
	}{{0, true}, {10*time.Minute - 1, true}, {10 * time.Minute, false}} {
		m.Step(power.Instant{Wall: now.Add(row.after), Mono: time.Second + row.after}, power.Tick{})
		if got := slices.Contains(m.Needs(), "too_many_starts"); got != row.told {
			t.Errorf("after %v: %v", row.after, got)
		}
	}
}

// A plug that was changed between two starts: what another one read is no measure.
func TestAnotherPlugThanBeforeTheRequestProvesNothing(t *testing.T) {
	for _, row := range []struct {
		name string
		id   uint64
		safe bool
	}{
		{"the same", 1, true},
		{"another", 2, false},
	} {
		b := provenOff(t, func(c *power.Config, _ *power.Memory) { c.Plug.ID, c.Plug.Cut = 1, power.CutNever })
		b.at("safe")
		c := fullPlug
		c.Plug.ID, c.Plug.Cut = row.id, power.CutNever
		b.m, b.out = power.Restore(c, b.now, []power.Record{*b.record}, false)
		b.take(b.out)
		b.silentFor(5*time.Minute, 0.4)
		if _, safe := b.m.Safe(); safe != row.safe || b.m.MayLosePower() != row.safe {
			t.Errorf("%s: safe %v, %s", row.name, safe, b.m.Position())
		}
	}
}

func TestAnotherPlugThanTheOneThatWasCutIsNoProof(t *testing.T) {
	for _, row := range []struct {
		name string
		id   uint64
		may  bool
	}{
		{"the same", 1, true},
		{"another", 2, false},
	} {
		b := provenOff(t, func(c *power.Config, _ *power.Memory) { c.Plug.ID = 1 })
		b.at("cutting")
		b.relay(power.RelayOff)
		b.pass(15 * time.Second)
		b.at("off")
		c := fullPlug
		c.Plug.ID = row.id
		b.m, b.out = power.Restore(c, b.now, []power.Record{*b.record}, false)
		b.take(b.out)
		b.relay(power.RelayOff)
		b.at("off")
		if may := b.m.MayLosePower(); may != row.may {
			t.Errorf("%s: %v", row.name, may)
		}
	}
}

// An accepted command has an outcome, also where the battery gets low in its boot.
func TestALowBatteryInABootTellsWhatBecameOfTheCommand(t *testing.T) {
	b := running(t, func(c *power.Config, _ *power.Memory) { c.Mains, c.AnyOutage = true, true })
	b.tell(power.Mains{Stable: true})
	b.accepted(power.Reboot)
	b.silentFor(40*time.Second, 10)
	b.probe(power.Alive)
	b.at("booting")
	b.tell(power.Mains{Lost: true, Low: true, Outage: 7})
	b.tell(power.SignedIn{At: b.now, Serial: ownSerial, Firmware: firmware, Uptime: 10 * time.Second, UptimeTold: true})
	b.at("checking")
	b.gave(power.Reboot, power.Cancelled, "outage")

	// That of an outage goes on.
	b = resting(t, power.Booting, "", power.RelayOn, func(c *power.Config, d *power.Memory) {
		c.Mains, c.AnyOutage, d.Outage = true, true, 7
		d.Seq = power.Sequence{Number: 3, Action: power.Outage, Puts: 1}
	})
	b.tell(power.Mains{Lost: true, Low: true, Outage: 7})
	b.signsIn()
	b.at("checking")
	if len(b.ends) > 0 {
		t.Errorf("an outcome before its end: %+v", b.ends)
	}
}
