package power_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

func TestEvidenceIsNotBroughtDownByWhatIsntEvidence(t *testing.T) {
	quietly := func(b *bench) { b.silentFor(20*time.Second, 0.4) }
	low := func(b *bench) { b.relay(power.RelayOn); b.reads(0.4) }
	for _, row := range []struct {
		name string
		do   func(*bench)
		want power.Proof
	}{
		{"a reading of a million watts", func(b *bench) { quietly(b); b.reads(1e6) }, power.ProofPower},
		{"a reading of almost a million", func(b *bench) { quietly(b); b.reads(999999) }, power.ProofNone},
		{"a reading below zero", func(b *bench) { quietly(b); b.reads(-1) }, power.ProofPower},
		{"a reading that is no number", func(b *bench) { quietly(b); b.reads(nan()) }, power.ProofPower},
		{"a reading of zero far below the halted watts", func(b *bench) { quietly(b); b.reads(0) }, power.ProofNone},
		{"a counter that comes and goes", func(b *bench) {
			for n := range 24 {
				b.silentFor(2*time.Second, -1)
				b.relay(power.RelayOn)
				b.tell(power.Reading{At: b.now, Watts: 0.4, Stamp: []string{"", "7"}[n%2]})
			}
		}, power.ProofNone},
		{"readings 20 s apart", func(b *bench) {
			b.silentFor(2*time.Second, -1)
			low(b)
			b.silentFor(20*time.Second, -1)
			low(b)
			b.silentFor(2*time.Second, -1)
			low(b)
		}, power.ProofPower},
		{"readings more than 20 s apart", func(b *bench) {
			b.silentFor(2*time.Second, -1)
			low(b)
			b.silentFor(20*time.Second+1, -1)
			low(b)
			b.silentFor(2*time.Second, -1)
			low(b)
		}, power.ProofNone},
		{"readings at off-watts whose relay is told later", func(b *bench) {
			for range 12 {
				b.silentFor(2*time.Second, -1)
				b.reads(1)
				b.silentFor(100*time.Millisecond, -1)
				b.relay(power.RelayOn)
			}
		}, power.ProofPower},
		{"a question whose answer comes with it, and then an answer", func(b *bench) {
			for range 4 {
				b.silentFor(6*time.Second, -1)
				b.relay(power.RelayOn)
				b.tell(power.Asked{At: b.now})
				b.tell(power.Reading{At: b.now, Watts: 0.4})
				b.silentFor(time.Second, -1)
				b.relay(power.RelayOn)
				b.tell(power.Reading{At: b.now, Watts: 0.4})
			}
		}, power.ProofPower},
		{"a question that was open when the relay changed", func(b *bench) {
			b.silentFor(20*time.Second, -1)
			for range 6 {
				b.silentFor(5*time.Second, -1)
				b.tell(power.Asked{At: b.now})
				b.tell(power.Relay{At: b.now, State: power.RelayOn, Restarted: true})
				b.silentFor(time.Second, -1)
				b.relay(power.RelayOn)
				b.tell(power.Reading{At: b.now, Watts: 0.4})
			}
			b.silentFor(15*time.Second, -1)
		}, power.ProofNone},
		{"silence that was seen with life", func(b *bench) {
			b.silentFor(4*time.Second, 0.4)
			b.signsIn()
			b.probe(power.Silent)
			b.relay(power.RelayOn)
			b.reads(0.4)
			b.silentFor(14*time.Second, 0.4)
			b.pass(1500 * time.Millisecond)
			b.probe(power.Silent)
			b.relay(power.RelayOn)
			b.reads(0.4)
		}, power.ProofNone},
		{"silence that was seen before life", func(b *bench) {
			b.silentFor(4*time.Second, 0.4)
			before := b.now
			b.pass(time.Second)
			b.signsIn()
			b.tell(power.Probe{At: before, Sight: power.Silent})
			b.relay(power.RelayOn)
			b.reads(0.4)
			b.silentFor(14*time.Second, 0.4)
		}, power.ProofNone},
		{"a probe that comes late", func(b *bench) {
			quietly(b)
			b.tell(power.Probe{At: power.Instant{Wall: b.now.Wall.Add(-3 * time.Second), Mono: b.now.Mono - 3*time.Second}, Sight: power.Silent})
		}, power.ProofPower},
		{"probes whose wall clock is another", func(b *bench) {
			for range 10 {
				b.pass(2 * time.Second)
				b.tell(power.Probe{At: power.Instant{Wall: b.now.Wall.Add(time.Hour), Mono: b.now.Mono}, Sight: power.Silent})
				b.relay(power.RelayOn)
				b.reads(0.4)
			}
		}, power.ProofNone},
		{"a probe from the time to come counts from now", func(b *bench) {
			b.pass(2 * time.Second)
			b.tell(power.Probe{At: power.Instant{Wall: b.now.Wall.Add(time.Hour), Mono: b.now.Mono + time.Hour}, Sight: power.Silent})
			quietly(b)
		}, power.ProofPower},
		{"life from the time to come counts from now", func(b *bench) {
			b.tell(power.Probe{At: power.Instant{Wall: b.now.Wall.Add(time.Hour), Mono: b.now.Mono + time.Hour}, Sight: power.Alive})
			quietly(b)
		}, power.ProofPower},
		{"a probe without a time counts from now", func(b *bench) {
			quietly(b)
			b.pass(7 * time.Second)
			b.tell(power.Probe{Sight: power.Silent})
			b.pass(7 * time.Second)
		}, power.ProofPower},
		{"a witness that isn't configured", func(b *bench) {
			for range 10 {
				b.pass(2 * time.Second)
				b.probe(power.Silent)
				b.relay(power.RelayOn)
				b.reads(0.4)
			}
			b.tell(power.Witnessed{At: b.now})
		}, power.ProofPower},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := proving(t, nil)
			row.do(b)
			if p := b.m.Proof(); p != row.want {
				t.Errorf("proof %s in %s, not %s", p, b.m.Position(), row.want)
			}
		})
	}
}

func TestAWitnessThatWasAwayBeginsSilenceAnew(t *testing.T) {
	witnessed := func(c *power.Config, _ *power.Memory) { c.Witness = true }
	for _, row := range []struct {
		name string
		gap  time.Duration // without the witness, between two probes
		then bool          // it answers again
		want power.Proof
	}{
		{"15 s", 15 * time.Second, false, power.ProofPower},
		{"more, and it is still away", 15*time.Second + 1, false, power.ProofNone},
		{"15 s, and it is back", 15 * time.Second, true, power.ProofPower},
		{"more, and it is back", 15*time.Second + 1, true, power.ProofNone},
	} {
		b := proving(t, witnessed)
		b.silentFor(20*time.Second, 0.4)
		b.tell(power.Witnessed{At: b.now})
		for range 7 {
			b.pass(2 * time.Second)
			b.probe(power.Silent)
			b.relay(power.RelayOn)
			b.reads(0.4)
		}
		b.pass(row.gap - 14*time.Second)
		if row.then {
			b.tell(power.Witnessed{At: b.now})
		}
		if p := b.m.Proof(); p != row.want {
			t.Errorf("%s: %s in %s", row.name, p, b.m.Position())
		}
	}
}

func TestASilenceWithoutItsWitnessIsNoRestart(t *testing.T) {
	// The recorder ignores the request and doesn't tell its uptime; the switch dies.
	b := running(t, func(c *power.Config, _ *power.Memory) { c.Witness = true })
	b.accepted(power.Shutdown)
	for range 20 {
		b.pass(2 * time.Second)
		b.probe(power.Silent)
	}
	for range 6 {
		b.pass(10 * time.Second)
		b.tell(power.Witnessed{At: b.now})
		b.probe(power.Alive)
		b.tell(power.SignedIn{At: b.now, Serial: ownSerial})
	}
	if slices.Contains(b.rows, "alive, restarted") || !slices.Contains(b.rows, "alive, second attempt") {
		t.Errorf("%q", b.rows)
	}
}

func TestLifeWithoutATimeIsLifeNow(t *testing.T) {
	b := proving(t, nil)
	for range 46 {
		b.pass(2 * time.Second)
		b.tell(power.Probe{Sight: power.Alive, HTTP: true})
	}
	b.at("shutting_down")
}

func TestLifeThatIsToldLateDoesntHideLaterLife(t *testing.T) {
	b := proving(t, nil)
	for range 44 {
		b.pass(2 * time.Second)
		b.probe(power.Alive)
	}
	b.pass(2 * time.Second)
	b.tell(power.Probe{At: b.now, Sight: power.Alive})
	at := b.now
	b.tell(power.Probe{At: power.Instant{Wall: at.Wall.Add(-time.Minute), Mono: at.Mono - time.Minute}, Sight: power.Alive})
	b.pass(time.Second)
	b.at("shutting_down")
}

func TestTheNumberOfTheProofGrowsWithEachVoid(t *testing.T) {
	number := func(b *bench) uint64 { n, _ := b.m.Safe(); return n }
	for _, row := range []struct {
		name  string
		do    func(*bench)
		grows bool
	}{
		{"a probe in the silence", func(b *bench) { b.silentFor(2*time.Second, 0.4) }, false},
		{"a reading above off-watts after low ones", func(b *bench) { b.reads(22) }, true},
		{"an uncertain probe", func(b *bench) { b.probe(power.Uncertain) }, true},
		{"life", func(b *bench) { b.probe(power.Alive) }, true},
		{"an unknown relay", func(b *bench) { b.relay(power.RelayUnknown) }, true},
		{"a plug that restarted", func(b *bench) { b.tell(power.Relay{At: b.now, State: power.RelayOn, Restarted: true}) }, true},
		{"a silence that lapsed", func(b *bench) { b.pass(9 * time.Second); b.probe(power.Silent) }, true},
	} {
		b := proving(t, nil)
		b.silentFor(20*time.Second, 0.4)
		n := number(b)
		row.do(b)
		if got := number(b) > n; got != row.grows {
			t.Errorf("%s: from %d to %d", row.name, n, number(b))
		}
	}
	b := proving(t, nil) // readings that prove nothing void nothing
	b.silentFor(20*time.Second, 9)
	n := number(b)
	b.silentFor(2*time.Second, 9)
	if number(b) != n {
		t.Errorf("readings without a low one before: from %d to %d", n, number(b))
	}
}

func TestUnreachable(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		want string
	}{
		{"after a minute without an answer", func(b *bench) { b.tell(power.NoAnswer{At: b.now}); b.pass(time.Minute) }, "unreachable"},
		{"not just before", func(b *bench) { b.tell(power.NoAnswer{At: b.now}); b.pass(time.Minute - 1) }, "running"},
		{"counted from the first one", func(b *bench) {
			b.tell(power.NoAnswer{At: b.now})
			b.pass(30 * time.Second)
			b.tell(power.NoAnswer{At: b.now})
			b.pass(30 * time.Second)
		}, "unreachable"},
		{"not by what was asked before the last answer", func(b *bench) {
			before := b.now
			b.pass(time.Second)
			b.signsIn()
			b.tell(power.NoAnswer{At: before})
			b.pass(2 * time.Minute)
		}, "running"},
		{"also by what was asked with the last answer", func(b *bench) { b.signsIn(); b.tell(power.NoAnswer{At: b.now}); b.pass(time.Minute) }, "unreachable"},
		{"an answer ends it", func(b *bench) {
			b.tell(power.NoAnswer{At: b.now})
			b.tell(power.Answered{At: b.now})
			b.pass(time.Minute)
		}, "running"},
		{"an answer to a probe ends it", func(b *bench) { b.tell(power.NoAnswer{At: b.now}); b.probe(power.Alive); b.pass(time.Minute) }, "running"},
	} {
		b := running(t, nil)
		b.pass(time.Second)
		row.do(b)
		if b.m.Position() != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

func TestComingAndGoingIsntRecorded(t *testing.T) {
	b := running(t, nil)
	n := b.record.Number()
	b.tell(power.NoAnswer{At: b.now})
	b.pass(time.Minute)
	b.at("unreachable")
	b.pass(time.Minute)
	b.signsIn()
	b.at("running")
	if b.record.Number() != n {
		t.Errorf("recorded: %q", b.record.What)
	}
	b.asks(power.Shutdown)
	b.asks(power.Cancel)
	if b.record.Number() == n {
		t.Error("a sequence isn't recorded")
	}
}

func TestARestartWhileUnreachableIsABoot(t *testing.T) {
	for _, row := range []struct {
		name     string
		signedIn func(*bench) power.SignedIn
		want     string
	}{
		{"an uptime that grew", func(b *bench) power.SignedIn { return power.SignedIn{Uptime: b.uptime, UptimeTold: true} }, "running"},
		{"an uptime that lacks a minute", func(b *bench) power.SignedIn { return power.SignedIn{Uptime: b.uptime - time.Minute, UptimeTold: true} }, "running"},
		{"an uptime that lacks more", func(b *bench) power.SignedIn {
			return power.SignedIn{Uptime: b.uptime - time.Minute - 1, UptimeTold: true}
		}, "booting"},
		{"no uptime", func(*bench) power.SignedIn { return power.SignedIn{} }, "booting"},
	} {
		b := running(t, nil)
		b.tell(power.NoAnswer{At: b.now})
		b.pass(10 * time.Minute)
		b.at("unreachable")
		e := row.signedIn(b)
		e.At, e.Serial = b.now, ownSerial
		b.tell(e)
		if b.m.Position() != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
		if f := b.m.Memory().Firmware; f != firmware {
			t.Errorf("%s: the firmware is %q now", row.name, f)
		}
		if at := b.m.Memory().UptimeAt; at.Equal(b.now.Wall) != e.UptimeTold {
			t.Errorf("%s: uptime of %v", row.name, at)
		}
	}
	b := onBench(t, fullPlug, power.Memory{}) // the first uptime has none before
	b.pass(time.Minute)
	b.at("unreachable")
	b.tell(power.SignedIn{At: b.now, Serial: ownSerial, Uptime: time.Second, UptimeTold: true})
	b.at("running")
}

func TestReadingsCountOnlyWithTheRelayOn(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		want bool
	}{
		{"read as on", func(b *bench) { b.relay(power.RelayOn); b.reads(5) }, true},
		{"read as on later", func(b *bench) {
			b.relay(power.RelayOn)
			b.pass(time.Second)
			b.reads(5)
			b.pass(15 * time.Second)
			b.relay(power.RelayOn)
		}, true},
		{"read as on too late", func(b *bench) {
			b.relay(power.RelayOn)
			b.pass(time.Second)
			b.reads(5)
			b.pass(15*time.Second + 1)
			b.relay(power.RelayOn)
		}, false},
		{"read as on at the same moment, and later told", func(b *bench) {
			b.relay(power.RelayOn)
			b.pass(time.Second)
			b.reads(5)
			b.relay(power.RelayOn)
		}, true},
		{"read as off, and off again", func(b *bench) {
			b.relay(power.RelayOff)
			b.pass(time.Second)
			b.reads(5)
			b.pass(time.Second)
			b.relay(power.RelayOff)
		}, false},
		{"read as on only before, but told later", func(b *bench) {
			b.relay(power.RelayOn)
			b.pass(time.Second)
			at := b.now
			b.pass(time.Second)
			b.reads(5)
			b.tell(power.Relay{At: at, State: power.RelayOn})
			b.pass(20 * time.Second)
		}, false},
		{"read as on before only", func(b *bench) { b.relay(power.RelayOn); b.pass(time.Second); b.reads(5) }, false},
		{"unknown", func(b *bench) { b.relay(power.RelayUnknown); b.reads(5) }, false},
		{"read as off", func(b *bench) { b.relay(power.RelayOff); b.reads(5); b.pass(time.Second); b.relay(power.RelayOn) }, false},
		{"unknown when read, and on later", func(b *bench) {
			b.relay(power.RelayUnknown)
			b.pass(time.Second)
			b.reads(5)
			b.pass(time.Second)
			b.relay(power.RelayOn)
		}, false},
		{"on before it was taken", func(b *bench) {
			at := b.now
			b.pass(time.Second)
			b.stamp++
			b.tell(power.Reading{At: b.now, Watts: 5, Stamp: fmt.Sprint(b.stamp)})
			b.tell(power.Relay{At: at, State: power.RelayOn})
			b.pass(20 * time.Second)
		}, false},
		{"unknown again meanwhile", func(b *bench) {
			b.relay(power.RelayUnknown)
			b.pass(time.Second)
			b.reads(5)
			b.relay(power.RelayUnknown)
		}, false},
	} {
		b := onBench(t, fullPlug, power.Memory{State: power.Attention, Why: power.BootFailed})
		b.relay(power.RelayUnknown)
		b.reads(0)
		for range 3 {
			b.pass(time.Second)
			row.do(b)
		}
		b.pass(20 * time.Second)
		b.relay(power.RelayOn)
		if got := b.fresh(); got != row.want {
			t.Errorf("%s: counted: %v", row.name, got)
		}
	}
}

// fresh goes on to a check, which tells whether there were three readings.
func (b *bench) fresh() bool {
	b.t.Helper()
	b.signsIn()
	b.at("booting")
	b.pass(time.Second)
	b.signsIn()
	b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial}})
	b.at("running")
	b.asks(power.Check)
	b.collected(b.facts())
	return !slices.ContainsFunc(b.m.Findings(), func(f power.Finding) bool { return f.ID == "plug" })
}
