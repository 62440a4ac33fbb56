package power_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

func TestARequestThatDidntReachTheRecorderIsNoShutdown(t *testing.T) {
	for _, o := range []power.Outcome{power.Busy, power.NotSent, power.Refused} {
		b := running(t, nil)
		b.asks(power.Shutdown)
		b.collected(b.facts())
		b.pass(10 * time.Second)
		b.collected(b.facts())
		b.put(o)
		if n := len(b.m.Memory().Shutdowns); n != 0 {
			t.Errorf("%s: %d shutdowns", o, n)
		}
		if o != power.Busy {
			continue
		}
		b.pass(20 * time.Second) // the second try isn't one too many
		b.collected(b.facts())
		b.at("counting_down")
		accepted := 0
		for _, a := range b.answers {
			if a.Type == power.Accepted {
				accepted++
			}
		}
		if accepted != 1 {
			t.Errorf("accepted %d times", accepted)
		}
	}
	b := askedAgain(t)
	if n := len(b.m.Memory().Shutdowns); n != 1 {
		t.Errorf("two requests of one sequence: %d shutdowns", n)
	}
	b.put(power.Refused)
	if n := len(b.m.Memory().Shutdowns); n != 1 {
		t.Errorf("the second one refused: %d shutdowns", n)
	}
	b = running(t, nil)
	b.accepted(power.Reboot)
	if n := len(b.m.Memory().Shutdowns); n != 0 {
		t.Errorf("a restart: %d shutdowns", n)
	}
	b = running(t, func(_ *power.Config, d *power.Memory) {
		for n := range 10 {
			d.Shutdowns = append(d.Shutdowns, epoch.Add(-time.Duration(100-n)*24*time.Hour))
		}
	})
	b.asks(power.Reboot)
	b.counted()
	b.put(power.Refused)
	if n := len(b.m.Memory().Shutdowns); n != 10 {
		t.Errorf("a restart that is refused: %d shutdowns of 10", n)
	}
	b.requested(power.Shutdown)
	if n := len(b.m.Memory().Shutdowns); n != 10 {
		t.Errorf("%d shutdowns are kept", n)
	}
}

func TestAScheduleIsCalledOne(t *testing.T) {
	day := 24 * time.Hour
	for _, row := range []struct {
		name string
		ages []time.Duration
		want string
	}{
		{"three nights", []time.Duration{day, 2 * day, 3 * day}, "about this time on 3 of the last 7 days"},
		{"an hour earlier or later", []time.Duration{day - time.Hour, 2*day + time.Hour, 5 * day}, "about this time on 3 of the last 7 days"},
		{"every night", []time.Duration{day, 2 * day, 3 * day, 4 * day, 5 * day, 6 * day, 7*day - time.Second}, "about this time on 7 of the last 7 days"},
		{"twice in one night", []time.Duration{day - time.Minute, day + time.Minute, 2 * day}, "three times in the last 7 days"},
		{"at other times", []time.Duration{day - 61*time.Minute, 2 * day, 3 * day}, "in the last 24 hours already"},
		{"today, several times", []time.Duration{0, time.Minute, 20 * time.Minute}, "in the last 24 hours already"},
		{"one a week ago", []time.Duration{day, 2 * day, 7 * day}, ""},
		{"three nights, and one a week ago", []time.Duration{day, 2 * day, 3 * day, 7 * day}, "about this time on 3 of the last 7 days"},
		{"one by a clock that was ahead", []time.Duration{time.Minute, 2 * day, 3 * day, -day}, "in the last 24 hours already"},
	} {
		b := running(t, func(_ *power.Config, d *power.Memory) {
			for _, age := range row.ages {
				d.Shutdowns = append(d.Shutdowns, epoch.Add(day+6*time.Minute-age))
			}
		})
		b.asks(power.Check)
		b.collected(b.facts())
		got := ""
		for _, f := range b.m.Findings() {
			if f.ID == "often" {
				got = f.Text
			}
		}
		if !strings.Contains(got, row.want) || (got == "") != (row.want == "") {
			t.Errorf("%s: %q", row.name, got)
		}
	}
}

func TestOften(t *testing.T) {
	day := 24 * time.Hour
	for _, row := range []struct {
		name string
		ages []time.Duration
		want bool
	}{
		{"none", nil, false},
		{"one just now", []time.Duration{0}, true},
		{"one in the last day", []time.Duration{day - time.Second}, true},
		{"one before it", []time.Duration{day}, false},
		{"one by a clock that was ahead", []time.Duration{-time.Hour}, false},
		{"two in a week", []time.Duration{2 * day, 3 * day}, false},
		{"three in a week", []time.Duration{2 * day, 3 * day, 7*day - time.Second}, true},
		{"three in more", []time.Duration{2 * day, 3 * day, 7 * day}, false},
		{"three, one of them ahead", []time.Duration{2 * day, 3 * day, -time.Hour}, false},
		{"three, one of them now", []time.Duration{2 * day, 3 * day, 0}, true},
	} {
		b := running(t, func(_ *power.Config, d *power.Memory) {
			for _, age := range row.ages {
				d.Shutdowns = append(d.Shutdowns, epoch.Add(day+6*time.Minute-age))
			}
		})
		b.asks(power.Check)
		b.collected(b.facts())
		if got := slices.ContainsFunc(b.m.Findings(), func(f power.Finding) bool { return f.ID == "often" }); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

func TestTheCountdown(t *testing.T) {
	for _, row := range []struct {
		name string
		make func() *bench
		want time.Duration
	}{
		{"by hand", func() *bench { b := running(t, nil); b.asks(power.Shutdown); return b }, 10 * time.Second},
		{"by hand at low battery", func() *bench {
			b := running(t, nil)
			b.tell(power.Mains{Lost: true, Low: true})
			b.asks(power.Shutdown)
			return b
		}, 10 * time.Second},
		{"in an outage", func() *bench { return dark(t, nil, power.Mains{}) }, 5 * time.Second},
		{"of a drill's first leg", func() *bench {
			b := running(t, nil)
			b.asks(power.Check)
			b.collected(b.facts())
			b.asks(power.Drill)
			return b
		}, 10 * time.Second},
	} {
		b := row.make()
		b.collected(b.facts())
		b.at("counting_down")
		b.pass(row.want - 1)
		b.at("counting_down")
		b.pass(1)
		b.at("shutting_down", "rebooting")
	}
}

func TestAnOutageTakesASequenceOver(t *testing.T) {
	mains := func(c *power.Config, _ *power.Memory) { c.Mains = true }
	b := running(t, mains)
	b.asks(power.Shutdown)
	b.tell(power.Mains{Lost: true, Outage: 1})
	b.at("checking")
	b.gave(power.Shutdown, power.Declined, "outage")
	if a := b.m.Memory().Seq.Action; a != power.Outage {
		t.Errorf("while it is checked: %s", a)
	}

	b = running(t, mains)
	b.asks(power.Shutdown)
	b.collected(b.facts())
	b.tell(power.Mains{Lost: true, Outage: 1})
	b.at("checking")
	b.gave(power.Shutdown, power.Cancelled, "outage")
	verdicts := 0
	for _, a := range b.answers {
		if a.Action == power.Shutdown && (a.Type == power.Accepted || a.Type == power.Declined) {
			verdicts++
		}
	}
	if verdicts != 1 {
		t.Errorf("%d verdicts", verdicts)
	}
}

func TestAnOutageThatEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
	}{
		{"for less than 30 s, while it is checked", func(b *bench) { b.tell(power.Mains{}); b.pass(30*time.Second - 1) }, "checking"},
		{"for 30 s, while it is checked", func(b *bench) { b.tell(power.Mains{}); b.pass(30 * time.Second) }, "running"},
		{"for less than 30 s, while it counts down", func(b *bench) { b.collected(b.facts()); b.tell(power.Mains{}); b.pass(30*time.Second - 1) }, "counting_down"},
		{"for 30 s, while it counts down", func(b *bench) { b.collected(b.facts()); b.tell(power.Mains{}); b.pass(30 * time.Second) }, "running"},
		{"and begins again, while it counts down", func(b *bench) {
			b.collected(b.facts())
			b.tell(power.Mains{})
			b.pass(10 * time.Second)
			b.tell(power.Mains{Lost: true, Outage: 1})
		}, "shutting_down"},
		{"and begins again, and ends", func(b *bench) {
			b.tell(power.Mains{})
			b.pass(20 * time.Second)
			b.tell(power.Mains{Lost: true, Outage: 1})
			b.tell(power.Mains{})
			b.pass(20 * time.Second)
		}, "checking"},
		{"and is told again", func(b *bench) {
			b.tell(power.Mains{})
			b.pass(20 * time.Second)
			b.tell(power.Mains{})
			b.pass(10 * time.Second)
		}, "running"},
	} {
		b := dark(t, nil, power.Mains{})
		row.do(b)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

func TestWhatIsNoOutage(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		mains  power.Mains
		want   string
	}{
		{"mains lost, and asked for", nil, power.Mains{Lost: true, Outage: 1}, "checking"},
		{"mains lost, and not asked for", nil, power.Mains{Lost: true}, "running"},
		{"asked for, and mains there", nil, power.Mains{Outage: 1}, "running"},
		{"one that used two requests", func(_ *power.Config, d *power.Memory) { d.Outage, d.OutagePuts = 1, 2 }, power.Mains{Lost: true, Outage: 1}, "checking"},
		{"one that used three", func(_ *power.Config, d *power.Memory) { d.Outage, d.OutagePuts = 1, 3 }, power.Mains{Lost: true, Outage: 1}, "running"},
		{"another one", func(_ *power.Config, d *power.Memory) { d.Outage, d.OutagePuts = 1, 3 }, power.Mains{Lost: true, Outage: 2}, "checking"},
		{"in a crash loop", crashLoop, power.Mains{Lost: true, Outage: 1}, "running"},
	} {
		b := resting(t, power.Running, "", power.RelayOn, row.change)
		b.signsIn()
		b.tell(row.mains)
		if b.m.Position() != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
	b := resting(t, power.Running, "", power.RelayOn, func(_ *power.Config, d *power.Memory) { d.Outage, d.OutagePuts = 1, 2 })
	b.signsIn()
	b.tell(power.Mains{Lost: true, Outage: 1})
	if n := b.m.Memory().OutagePuts; n != 2 {
		t.Errorf("the same outage begins again with %d requests", n)
	}
}

func TestAnOutageThatThisProcessSawBeginAsksFourTimes(t *testing.T) {
	for puts, want := range map[int]string{3: "shutting_down", 4: "attention(still_on)"} {
		d := power.Memory{State: power.ShuttingDown, Outage: 1, OutagePuts: puts, Seq: power.Sequence{Number: 1, Action: power.Outage, Attempt: 1, Puts: 1,
			PutAt: power.Instant{Wall: epoch.Add(24*time.Hour - time.Second)}, Before: power.Before{Uptime: 30 * time.Hour, UptimeTold: true}}}
		b := onBench(t, fullPlug, d)
		b.tell(power.Mains{Stable: true})
		b.tell(power.Mains{Lost: true, Outage: 1})
		for range 45 {
			b.pass(2 * time.Second)
			b.probe(power.Alive)
		}
		if b.m.Position() != want {
			t.Errorf("%d requests: %s", puts, b.m.Position())
		}
	}
}

// The outage rule may come back without its last records, and give an outage the number
// of the one before.
func TestAnOutageWithALowerNumberIsTheSameUnlessMainsWasStable(t *testing.T) {
	for _, row := range []struct {
		name      string
		cancelled uint64
		puts      int
		stable    bool
		outage    uint64
		want      string
		counted   int
	}{
		{"the same", 0, 2, false, 5, "checking", 2},
		{"the same, after three requests", 0, 3, false, 5, "running", 3},
		{"a lower number", 0, 2, false, 4, "checking", 2},
		{"a lower number, after three requests", 0, 3, false, 4, "running", 3},
		{"a higher one", 0, 3, false, 6, "checking", 0},
		{"the same once mains was stable", 0, 3, true, 5, "running", 3},
		{"a lower one once mains was stable: it belongs to a clock that was ahead", 0, 3, true, 4, "checking", 0},
		{"cancelled", 5, 1, false, 5, "running", 1},
		{"cancelled, with a lower number", 5, 1, false, 4, "running", 1},
		{"cancelled, and a lower one once mains was stable", 5, 1, true, 4, "checking", 0},
		{"cancelled, and a higher one", 5, 1, false, 6, "checking", 0},
	} {
		b := running(t, func(c *power.Config, d *power.Memory) {
			c.Mains, d.Outage, d.OutagePuts, d.Cancelled = true, 5, row.puts, row.cancelled
		})
		b.tell(power.Mains{Stable: row.stable})
		b.tell(power.Mains{Lost: true, Outage: row.outage})
		b.pass(2 * time.Second)
		if d := b.m.Memory(); b.m.Position() != row.want || d.OutagePuts != row.counted || row.want == "checking" && d.Cancelled != 0 {
			t.Errorf("%s: %s, %d requests, %d is cancelled", row.name, b.m.Position(), d.OutagePuts, d.Cancelled)
		}
	}

	// It stays another one.
	b := running(t, func(c *power.Config, d *power.Memory) { c.Mains, d.Outage, d.Cancelled = true, 5, 5 })
	b.tell(power.Mains{Stable: true})
	b.tell(power.Mains{Lost: true, Outage: 4})
	b.collected(b.facts())
	b.pass(5 * time.Second)
	b.at("shutting_down")
	b.asks(power.Cancel)
	for _, number := range []uint64{4, 3} {
		b.tell(power.Mains{Lost: true, Outage: number})
		b.pass(2 * time.Second)
		b.at("running")
	}
}

func TestASecondAttemptIsntAlwaysMade(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Memory)
		mains  power.Mains
		want   string
	}{
		{"a fresh command", func(d *power.Memory) {}, power.Mains{}, "shutting_down"},
		{"the second attempt", func(d *power.Memory) { d.Seq.Attempt = 2 }, power.Mains{}, "attention(still_on)"},
		{"two requests", func(d *power.Memory) { d.Seq.Puts = 2 }, power.Mains{}, "attention(still_on)"},
		{"an outage that lasts", func(d *power.Memory) { d.Seq.Action, d.OutagePuts = power.Outage, 2 }, power.Mains{Lost: true}, "shutting_down"},
		{"an outage that lasts, and three requests: a program before may have made one without a record", func(d *power.Memory) { d.Seq.Action, d.OutagePuts = power.Outage, 3 }, power.Mains{Lost: true}, "attention(still_on)"},
		{"an outage that lasts, and four requests", func(d *power.Memory) { d.Seq.Action, d.OutagePuts = power.Outage, 4 }, power.Mains{Lost: true}, "attention(still_on)"},
		{"an outage that is over", func(d *power.Memory) { d.Seq.Action = power.Outage }, power.Mains{}, "running"},
		{"a command of three minutes", func(d *power.Memory) { d.Seq.Command.At = d.Seq.Command.At.Add(-90 * time.Second) }, power.Mains{}, "shutting_down"},
		{"a command of more", func(d *power.Memory) { d.Seq.Command.At = d.Seq.Command.At.Add(-90*time.Second - 1) }, power.Mains{}, "running"},
		{"an old command in a loss of mains", func(d *power.Memory) { d.Seq.Command.At = d.Seq.Command.At.Add(-time.Hour) }, power.Mains{Lost: true}, "running"},
		{"a command ahead by the skew", func(d *power.Memory) { d.Seq.Command.At = d.Seq.Command.At.Add(150 * time.Second) }, power.Mains{}, "shutting_down"},
		{"a command ahead by more", func(d *power.Memory) { d.Seq.Command.At = d.Seq.Command.At.Add(150*time.Second + 1) }, power.Mains{}, "running"},
		{"four starts", func(d *power.Memory) { crashLoop(nil, d) }, power.Mains{}, "running"},
	} {
		start := epoch.Add(24 * time.Hour)
		d := power.Memory{State: power.ShuttingDown, Outage: 1, Seq: power.Sequence{Number: 1, Action: power.Shutdown, Attempt: 1, Puts: 1, Accepted: true,
			PutAt: power.Instant{Wall: start.Add(-time.Second)}, Command: power.Command{At: start, Action: power.Shutdown}}}
		d.Seq.Before = power.Before{Uptime: 30 * time.Hour, UptimeTold: true}
		row.change(&d)
		b := onBench(t, fullPlug, d)
		b.at("confirming")
		b.tell(row.mains)
		for range 45 {
			b.pass(2 * time.Second)
			b.probe(power.Alive)
		}
		if b.m.Position() != row.want {
			t.Errorf("%s: %s; %s", row.name, b.m.Position(), strings.Join(b.rows, "; "))
		}
	}
}

func TestExplicitSuccessStays(t *testing.T) {
	b := askedAgain(t) // the first request was accepted
	b.put(power.Unknown)
	b.silentFor(200*time.Second, 9)
	b.at("presumed_off")
}

func TestAStandingProofIsntPresumed(t *testing.T) {
	b := proving(t, nil)
	b.silentFor(160*time.Second, -1)
	b.silentUntil(2*time.Minute, 0.4, func() bool { return b.m.State() != power.Confirming })
	if !slices.Contains(b.rows, "power proof, and it held") || slices.Contains(b.rows, "accepted, and quiet") {
		t.Errorf("%s", strings.Join(b.rows, "; "))
	}
}

func TestItIsToldWhatAShutdownByHandCameTo(t *testing.T) {
	never := func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }
	b := proving(t, never)
	b.silentFor(60*time.Second, 0.4)
	b.gave(power.Shutdown, power.Finished, "safe")
	b = proving(t, never) // owed: it isn't over
	b.asks(power.Cancel)
	b.silentFor(60*time.Second, 0.4)
	b.at("safe")
	b.gave(power.Shutdown, power.Accepted, "")
	b = proving(t, nil)
	b.silentFor(60*time.Second, 0.4)
	b.at("cutting")
	b.gave(power.Shutdown, power.Accepted, "")
	b.relay(power.RelayOff)
	b.pass(15 * time.Second)
	b.at("off")
	b.gave(power.Shutdown, power.Finished, "off")
	b = proving(t, nil)
	b.asks(power.Cancel)
	b.silentFor(60*time.Second, 0.4)
	b.relay(power.RelayOff)
	b.pass(15 * time.Second)
	b.at("off", "powering_on")
	b.gave(power.Shutdown, power.Accepted, "")
	b = proving(t, nil)
	b.silentFor(200*time.Second, 9)
	b.gave(power.Shutdown, power.Finished, "presumed_off")
	b = proving(t, nil)
	b.asks(power.Cancel)
	b.silentFor(200*time.Second, 9)
	b.at("presumed_off")
	b.gave(power.Shutdown, power.Accepted, "")
}

// beingCut is a recorder whose plug was told to switch off.
func beingCut(t *testing.T) *bench {
	t.Helper()
	b := proving(t, nil)
	b.silentUntil(time.Minute, 0.4, func() bool { return b.m.State() == power.Cutting })
	b.at("cutting")
	return b
}

func TestACut(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
		offs int
	}{
		{"is told", func(*bench) {}, "cutting", 1},
		{"is read back", func(b *bench) { b.relay(power.RelayOff) }, "cutting", 1},
		{"is read back for 15 s", func(b *bench) { b.relay(power.RelayOff); b.pass(15 * time.Second) }, "off", 1},
		{"isn't read back for 15 s", func(b *bench) { b.relay(power.RelayOff); b.pass(15*time.Second - 1) }, "cutting", 1},
		{"is read back, and a load is read", func(b *bench) {
			b.relay(power.RelayOff)
			b.pass(time.Second)
			b.reads(22)
			b.pass(14 * time.Second)
		}, "attention(cut_unconfirmed)", 1},
		{"is no longer proven, and then read back", func(b *bench) { b.reads(22); b.relay(power.RelayOff); b.pass(15 * time.Second) }, "off", 1},
		{"is read back, and no more than off-watts is read", func(b *bench) { b.relay(power.RelayOff); b.pass(time.Second); b.reads(1); b.pass(14 * time.Second) }, "off", 1},
		{"is told again after 20 s", func(b *bench) { b.silentFor(20*time.Second, 0.4) }, "cutting", 2},
		{"isn't told again before", func(b *bench) { b.silentFor(20*time.Second-1, 0.4) }, "cutting", 1},
		{"is told three times", func(b *bench) { b.silentFor(59*time.Second, 0.4) }, "cutting", 3},
		{"is told no more", func(b *bench) { b.silentFor(60*time.Second, 0.4) }, "attention(cut_unconfirmed)", 3},
		{"isn't told to a plug that is silent", func(b *bench) { b.silentFor(20*time.Second, -1) }, "attention(cut_unconfirmed)", 1},
		{"ends with life", func(b *bench) { b.probe(power.Alive) }, "attention(came_back)", 1},
		{"ends with a plug that restarted", func(b *bench) { b.tell(power.Relay{At: b.now, State: power.RelayOff, Restarted: true}) }, "cutting", 1},
		{"ends with a plug that is away", func(b *bench) { b.relay(power.RelayUnknown) }, "attention(cut_unconfirmed)", 1},
		{"ends with an uncertain probe", func(b *bench) { b.probe(power.Uncertain) }, "attention(cut_unconfirmed)", 1},
		{"waits for its record", func(b *bench) {
			b.hold = true
			b.asks(power.Cancel) // what is held now is another one
			b.silentFor(20*time.Second, 0.4)
		}, "cutting", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := beingCut(t)
			row.do(b)
			if b.m.Position() != row.to || b.offs() != row.offs {
				t.Errorf("%s, %d OFFs; %s", b.m.Position(), b.offs(), strings.Join(b.rows, "; "))
			}
		})
	}
	b := proving(t, nil) // its own record
	b.silentUntil(time.Minute, 0.4, func() bool {
		b.hold = b.m.Proof() == power.ProofPower
		return b.m.State() == power.Cutting
	})
	b.at("cutting")
	b.silentFor(25*time.Second, 0.4)
	if b.offs() != 1 {
		t.Errorf("%d OFFs before the first is on record", b.offs())
	}
}

func TestASafeRecorderIsOnlyCutWhereItMayBe(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		cut    bool
	}{
		{"a plug that may cut", nil, true},
		{"a plug that never cuts", func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }, false},
		{"a plug that presumes as well", func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutPresumed }, true},
		{"after an unclean stop", func(_ *power.Config, d *power.Memory) { d.NoCuts = true }, false},
	} {
		b := proving(t, row.change)
		b.silentFor(60*time.Second, 0.4)
		if got := b.offs() > 0; got != row.cut {
			t.Errorf("%s: cut: %v", row.name, got)
		}
		if !row.cut {
			b.at("safe")
			if a := b.asks(power.PowerOn); a.Reason != "is_on" || b.offs() != 0 {
				t.Errorf("%s: power_on: %s %q", row.name, a.Type, a.Reason)
			}
			b.silentFor(10*time.Second, 0.4)
			b.at("safe")
		}
	}
	b := proving(t, nil) // safe before its record is durable, and before the plug is heard
	b.silentUntil(time.Minute, 0.4, func() bool { return b.m.Proof() == power.ProofPower })
	b.silentFor(24*time.Second, 0.4)
	b.hold = true
	b.silentFor(8*time.Second, -1)
	b.at("safe")
	if _, ok := b.m.Safe(); ok {
		t.Error("said to be safe before it is on record")
	}
	b.silentFor(2*time.Second, 0.4)
	b.at("safe")
	b.commit(power.Durable)
	b.at("cutting")
	b = resting(t, power.Confirming, "", power.RelayOn, crashLoop) // a crash loop only observes
	b.silentFor(100*time.Second, 0.4)
	if b.offs() != 0 {
		t.Error("a crash loop cuts")
	}
}

func TestSafeEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
	}{
		{"with life", func(b *bench) { b.probe(power.Alive) }, "attention(came_back)"},
		{"with the relay off", func(b *bench) { b.relay(power.RelayOff) }, "off"},
		{"with the relay unknown", func(b *bench) { b.relay(power.RelayUnknown) }, "confirming"},
		{"with a high reading", func(b *bench) { b.reads(22) }, "confirming"},
		{"8 s after the last probe", func(b *bench) { b.pass(8*time.Second + time.Millisecond) }, "confirming"},
		{"not before", func(b *bench) { b.pass(8 * time.Second) }, "safe"},
	} {
		b := proving(t, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever })
		b.silentFor(60*time.Second, 0.4)
		b.at("safe")
		if wake := b.out.Wake - b.now.Mono; wake <= 0 || wake > 8*time.Second+time.Millisecond {
			t.Errorf("%s: woken after %v", row.name, wake)
		}
		row.do(b)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

func TestCutUnconfirmedNeedsAWholeNewProof(t *testing.T) {
	b := beingCut(t)
	b.silentFor(60*time.Second, 0.4)
	b.at("attention(cut_unconfirmed)")
	from := b.now.Mono
	b.silentUntil(2*time.Minute, 0.4, func() bool { return b.m.State() == power.Cutting })
	if d := b.now.Mono - from; d < 45*time.Second {
		t.Errorf("cut again after %v", d)
	}
	b.silentUntil(2*time.Minute, 0.4, func() bool { return b.m.State() != power.Cutting })
	b.silentUntil(2*time.Minute, 0.4, func() bool { return b.m.State() == power.Cutting })
	b.at("cutting")
	b.silentUntil(2*time.Minute, 0.4, func() bool { return b.m.State() != power.Cutting })
	b.silentFor(10*time.Minute, 0.4)
	b.at("attention(cut_unconfirmed)")
	if n := b.offs(); n != 9 {
		t.Errorf("%d OFFs of three intents", n)
	}
	b.relay(power.RelayOff)
	b.pass(15*time.Second - 1)
	b.at("attention(cut_unconfirmed)")
	b.pass(1)
	b.at("off")
}

func TestOff(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		do     func(*bench)
		to     string
	}{
		{"stays, if power isn't owed", nil, func(b *bench) { b.pass(time.Hour) }, "off"},
		{"stays for 15 s", owedSeq, func(b *bench) { b.pass(14*time.Second - 1) }, "off"},
		{"is switched on after 15 s", owedSeq, func(b *bench) { b.pass(14 * time.Second) }, "powering_on"},
		{"waits for mains", func(c *power.Config, d *power.Memory) { owedSeq(c, d); c.Mains = true }, func(b *bench) { b.pass(time.Hour) }, "off"},
		{"waits for stable mains", func(c *power.Config, d *power.Memory) { owedSeq(c, d); c.Mains = true }, func(b *bench) { b.tell(power.Mains{}); b.pass(time.Hour) }, "off"},
		{"doesn't wait longer", func(c *power.Config, d *power.Memory) { owedSeq(c, d); c.Mains = true }, func(b *bench) { b.tell(power.Mains{Stable: true}); b.pass(15 * time.Second) }, "powering_on"},
		{"waits while mains is lost, whatever is said", func(c *power.Config, d *power.Memory) { owedSeq(c, d); c.Mains = true }, func(b *bench) {
			b.tell(power.Mains{Lost: true, Stable: true})
			b.pass(15 * time.Second)
		}, "off"},
		{"waits for nobody who asks", func(c *power.Config, _ *power.Memory) { c.Mains = true }, func(b *bench) { b.asks(power.PowerOn); b.pass(15 * time.Second) }, "powering_on"},
		{"ends with the relay", nil, func(b *bench) { b.relay(power.RelayOn) }, "booting"},
		{"doesn't end with life", nil, func(b *bench) { b.probe(power.Alive) }, "off"},
		{"ends with a recorder that lets us in", nil, func(b *bench) { b.pass(20 * time.Second); b.signsIn() }, "booting"},
	} {
		b := resting(t, power.Off, "", power.RelayOff, row.change)
		row.do(b)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

func owedSeq(_ *power.Config, d *power.Memory) { d.Seq.Owed = true }

func TestPoweringOn(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
		ons  int
	}{
		{"is tried", func(*bench) {}, "powering_on", 1},
		{"is tried again after 20 s", func(b *bench) { b.pass(20 * time.Second) }, "powering_on", 2},
		{"isn't tried again before", func(b *bench) { b.pass(20*time.Second - 1) }, "powering_on", 1},
		{"is tried after 40 s then", func(b *bench) { b.pass(20 * time.Second); b.pass(40 * time.Second) }, "powering_on", 3},
		{"is tried at once if asked for", func(b *bench) { b.asks(power.PowerOn) }, "powering_on", 2},
		{"ends with the relay", func(b *bench) { b.relay(power.RelayOn) }, "booting", 1},
		{"doesn't end with what the relay was", func(b *bench) {
			b.tell(power.Relay{At: power.Instant{Wall: b.now.Wall.Add(-time.Minute), Mono: b.now.Mono - 10*time.Second}, State: power.RelayOn})
		}, "powering_on", 1},
		{"doesn't end with life where the relay tells", func(b *bench) { b.probe(power.Alive) }, "powering_on", 1},
		{"ends with a recorder that lets us in", func(b *bench) { b.signsIn() }, "booting", 1},
		{"ends when mains is lost", func(b *bench) { b.tell(power.Mains{Lost: true}) }, "off", 1},
		{"doesn't end when it is lost still", func(b *bench) {
			b.tell(power.Mains{Lost: true})
			b.asks(power.PowerOn)
			b.pass(15 * time.Second)
			b.at("powering_on")
			b.tell(power.Mains{Lost: true})
		}, "powering_on", 2},
	} {
		b := resting(t, power.Off, "", power.RelayOff, owedSeq)
		b.pass(15 * time.Second)
		b.at("powering_on")
		row.do(b)
		ons := 0
		for _, k := range b.effects {
			if k == power.SwitchOn {
				ons++
			}
		}
		if b.m.Position() != row.to || ons != row.ons {
			t.Errorf("%s: %s, %d times", row.name, b.m.Position(), ons)
		}
	}
	b := resting(t, power.Attention, power.BootFailed, "", func(c *power.Config, _ *power.Memory) { c.Plug.Relay = false })
	b.asks(power.PowerOn)
	b.at("powering_on")
	b.pass(time.Second)
	b.probe(power.Alive)
	b.at("booting") // a plug that doesn't tell
}

func TestAttentionWithTheRelayOff(t *testing.T) {
	noPlug := func(c *power.Config, d *power.Memory) { owedSeq(c, d); c.Plug = power.Plug{}; d.Seq.Offs = 1 }
	cut := func(c *power.Config, d *power.Memory) { owedSeq(c, d); d.Seq.Offs = 1 }
	for _, row := range []struct {
		name   string
		why    power.Reason
		relay  power.RelayState
		change func(*power.Config, *power.Memory)
		do     func(*bench)
		to     string
	}{
		{"power owed", power.PowerLost, power.RelayOff, owedSeq, func(b *bench) { b.pass(15 * time.Second) }, "powering_on"},
		{"power owed, and too early", power.PowerLost, power.RelayOff, owedSeq, func(b *bench) { b.pass(15*time.Second - 1) }, "attention(power_lost)"},
		{"power not owed", power.PowerLost, power.RelayOff, nil, func(b *bench) { b.pass(time.Hour) }, "attention(power_lost)"},
		{"power owed, the relay on", power.PowerLost, power.RelayOn, owedSeq, func(b *bench) { b.pass(time.Hour) }, "attention(power_lost)"},
		{"power owed, the relay unknown", power.BootFailed, power.RelayUnknown, owedSeq, func(b *bench) { b.pass(time.Hour) }, "attention(boot_failed)"},
		{"power owed, the relay unknown after an OFF", power.CutUnconfirmed, power.RelayUnknown, cut, func(b *bench) { b.pass(time.Hour) }, "powering_on"},
		{"power owed, the relay unknown after an OFF, and life", power.CutUnconfirmed, power.RelayUnknown, cut, func(b *bench) { b.pass(12 * time.Second); b.probe(power.Alive); b.pass(8 * time.Second) }, "attention(cut_unconfirmed)"},
		{"power owed, an OFF, and no plug any more", power.CutUnconfirmed, "", noPlug, func(b *bench) { b.pass(time.Hour) }, "attention(cut_unconfirmed)"},
	} {
		b := resting(t, power.Attention, row.why, row.relay, row.change)
		row.do(b)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s; %s", row.name, b.m.Position(), strings.Join(b.rows, "; "))
		}
	}
}

func TestAnObserverSwitchesOnWhatNobodyShutDown(t *testing.T) {
	damaged := func(c *power.Config, d *power.Memory) { d.State, d.Why = power.Attention, power.JournalDamaged }
	for _, way := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
	}{{"a crash loop", crashLoop}, {"a damaged journal", damaged}} {
		for _, row := range []struct {
			name   string
			change func(*power.Config, *power.Memory)
			relay  power.RelayState
			do     func(*bench)
			on     bool
		}{
			{"the relay off for two minutes", nobodys, power.RelayOff, func(b *bench) { b.pass(2 * time.Minute) }, true},
			{"the relay off for less", nobodys, power.RelayOff, func(b *bench) { b.pass(2*time.Minute - 2*time.Second) }, false},
			{"the relay on", nobodys, power.RelayOn, func(b *bench) { b.pass(3 * time.Minute) }, false},
			{"the relay unknown", nobodys, power.RelayUnknown, func(b *bench) { b.pass(3 * time.Minute) }, false},
			{"a person's shutdown", nil, power.RelayOff, func(b *bench) { b.pass(3 * time.Minute) }, false},
			{"a person's shutdown, and power owed since", owedSeq, power.RelayOff, func(b *bench) { b.pass(3 * time.Minute) }, true},
			{"a person's command without a request", func(_ *power.Config, d *power.Memory) { d.Seq.Puts = 0 }, power.RelayOff, func(b *bench) { b.pass(3 * time.Minute) }, true},
			{"mains lost", nobodys, power.RelayOff, func(b *bench) { b.tell(power.Mains{Lost: true, Stable: true}); b.pass(3 * time.Minute) }, false},
			{"mains not stable", nobodys, power.RelayOff, func(b *bench) { b.tell(power.Mains{}); b.pass(3 * time.Minute) }, false},
			{"mains back for two minutes", nobodys, power.RelayOff, func(b *bench) {
				b.tell(power.Mains{Lost: true})
				b.pass(time.Minute)
				b.tell(power.Mains{Stable: true})
				b.pass(2 * time.Minute)
			}, true},
			{"mains back for less", nobodys, power.RelayOff, func(b *bench) {
				b.tell(power.Mains{Lost: true})
				b.pass(time.Minute)
				b.tell(power.Mains{Stable: true})
				b.pass(2*time.Minute - 1)
			}, false},
		} {
			b := resting(t, power.Attention, power.PowerLost, row.relay, func(c *power.Config, d *power.Memory) {
				way.change(c, d)
				if row.change != nil {
					row.change(c, d)
				}
			})
			row.do(b)
			if on := slices.Contains(b.effects, power.SwitchOn); on != row.on {
				t.Errorf("%s, %s: switched on: %v in %s", way.name, row.name, on, b.m.Position())
			}
		}
	}
	b := resting(t, power.Attention, power.PowerLost, power.RelayOff, nobodys)
	b.pass(time.Hour)
	b.at("attention(power_lost)") // one that isn't observing leaves it to its owner
}

func nobodys(_ *power.Config, d *power.Memory) { d.Seq.Action = power.Outage; d.Seq.Owed = false }

func TestADamagedJournalIsReplaced(t *testing.T) {
	damaged := func(_ *power.Config, d *power.Memory) {}
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
	}{
		{"after ten minutes of answers", func(b *bench) { answering(b, 10*time.Minute) }, "booting"},
		{"not before", func(b *bench) { answering(b, 10*time.Minute-10*time.Second) }, "attention(journal_damaged)"},
		{"not after a silence in between", func(b *bench) {
			answering(b, 5*time.Minute)
			b.silentFor(4*time.Second, -1)
			answering(b, 9*time.Minute)
		}, "attention(journal_damaged)"},
		{"not without signing in", func(b *bench) {
			for range 120 {
				b.pass(10 * time.Second)
				b.tell(power.Answered{At: b.now})
			}
		}, "attention(journal_damaged)"},
	} {
		b := resting(t, power.Attention, power.JournalDamaged, power.RelayOn, damaged)
		row.do(b)
		if b.m.Position() != row.to || b.m.Damaged() != (row.to != "booting") {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

// answering lets the recorder let us in for d.
func answering(b *bench, d time.Duration) {
	for end := b.now.Mono + d; b.now.Mono < end; {
		b.signsIn()
		b.pass(10 * time.Second)
	}
}

func TestStillOnEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
	}{
		{"after 30 minutes", func(b *bench) { answering(b, 30*time.Minute) }, "running"},
		{"not before", func(b *bench) { answering(b, 30*time.Minute-10*time.Second) }, "attention(still_on)"},
		{"not without signing in", func(b *bench) {
			for range 200 {
				b.pass(10 * time.Second)
				b.tell(power.Answered{At: b.now})
			}
		}, "attention(still_on)"},
		{"not while it doesn't let us in again", func(b *bench) {
			answering(b, 20*time.Minute)
			b.silentFor(4*time.Second, -1)
			for range 80 {
				b.pass(10 * time.Second)
				b.tell(power.Answered{At: b.now})
			}
		}, "attention(still_on)"},
		{"after 15 s of silence", func(b *bench) { b.silentFor(18*time.Second, -1) }, "confirming"},
		{"not after less", func(b *bench) { b.silentFor(16*time.Second, -1) }, "attention(still_on)"},
		{"not with another recorder", func(b *bench) {
			answering(b, 20*time.Minute)
			for range 80 {
				b.pass(10 * time.Second)
				b.tell(power.SignedIn{At: b.now, Serial: "X"})
			}
		}, "attention(still_on)"},
	} {
		b := resting(t, power.Attention, power.StillOn, power.RelayOn, nil)
		row.do(b)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

func TestAttentionIsLeftByARecorderThatStaysOn(t *testing.T) {
	start := epoch.Add(24 * time.Hour)
	for _, row := range []struct {
		name   string
		putAt  time.Time
		uptime time.Duration // since the sign-in
		after  time.Duration // in this position
		want   bool
	}{
		{"long after the request", start.Add(-time.Hour), 32 * time.Hour, time.Second, true},
		{"90 s after the request", start.Add(time.Second - 90*time.Second), 31 * time.Hour, time.Second, true},
		{"less, and it hasn't restarted", start.Add(time.Second + 1 - 90*time.Second), 31 * time.Hour, time.Second, false},
		{"less, and it has restarted", start.Add(-20 * time.Second), time.Second, time.Second, true},
		{"10 s after, and it has restarted", start.Add(time.Second - 10*time.Second), time.Second, time.Second, true},
		{"less, which no restart takes", start.Add(time.Second + 1 - 10*time.Second), time.Second, time.Second, false},
		{"a request from the time to come, for 90 s", start.Add(time.Hour), 30 * time.Hour, 90 * time.Second, true},
		{"a request from the time to come, for less", start.Add(time.Hour), 30 * time.Hour, 90*time.Second - 1, false},
	} {
		d := power.Memory{State: power.Attention, Why: power.BootFailed, Seq: power.Sequence{Number: 1, Action: power.Shutdown, Attempt: 1, Puts: 1, PutAt: power.Instant{Wall: row.putAt}}}
		d.Seq.Before = power.Before{Uptime: 30 * time.Hour, UptimeTold: true}
		b := onBench(t, fullPlug, d)
		b.pass(row.after)
		b.uptime = row.uptime
		b.signsIn()
		if got := b.m.State() == power.Booting; got != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

func TestAWrongDeviceIsLeftAlone(t *testing.T) {
	b := resting(t, power.Booting, "", power.RelayOn, nil)
	b.tell(power.SignedIn{At: b.now, Serial: "X"})
	b.at("attention(wrong_device)")
	for range 20 {
		b.pass(10 * time.Second)
		b.tell(power.SignedIn{At: b.now, Serial: "X"})
	}
	b.at("attention(wrong_device)")
	b.signsIn()
	b.at("booting")
}

func TestBooting(t *testing.T) {
	answers := func(b *bench, d time.Duration) {
		for end := b.now.Mono + d; b.now.Mono < end; {
			b.pass(10 * time.Second)
			b.tell(power.Answered{At: b.now})
		}
	}
	faulty := func(b *bench, d time.Duration) {
		for end := b.now.Mono + d; b.now.Mono < end; {
			b.signsIn()
			if b.effect.Kind == power.CollectAfter {
				b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, ClockWrong: yes(true)}})
			}
			b.pass(10 * time.Second)
		}
	}
	for _, row := range []struct {
		name    string
		do      func(*bench)
		to, row string
	}{
		{"ten minutes without an answer", func(b *bench) { b.pass(10*time.Minute - time.Second) }, "attention(boot_failed)", "no answer"},
		{"less", func(b *bench) { b.pass(10*time.Minute - time.Second - 1) }, "booting", ""},
		{"ten minutes without a serial number", func(b *bench) { answers(b, 10*time.Minute+10*time.Second) }, "running", "its serial number can't be read"},
		{"less of it", func(b *bench) { answers(b, 10*time.Minute) }, "booting", ""},
		{"ten minutes with faults", func(b *bench) { faulty(b, 10*time.Minute+10*time.Second) }, "running", "verified with faults"},
		{"less of them", func(b *bench) { faulty(b, 10*time.Minute-10*time.Second) }, "booting", ""},
		{"faults, and then no sign-in", func(b *bench) {
			faulty(b, 5*time.Minute)
			b.silentFor(4*time.Second, -1)
			answers(b, 6*time.Minute)
		}, "running", "its serial number can't be read"},
		{"signed in, and nothing verified", func(b *bench) {
			for range 61 {
				b.signsIn()
				b.pass(10 * time.Second)
			}
		}, "running", "its serial number can't be read"},
	} {
		b := resting(t, power.Booting, "", power.RelayOn, nil)
		row.do(b)
		if b.m.Position() != row.to || row.row != "" && b.rows[len(b.rows)-1] != row.row {
			t.Errorf("%s: %s; %s", row.name, b.m.Position(), strings.Join(b.rows, "; "))
		}
	}
}

func TestAVerificationIsAskedForAgain(t *testing.T) {
	b := resting(t, power.Booting, "", power.RelayOn, nil)
	b.signsIn()
	if b.effect.Kind != power.CollectAfter {
		t.Fatalf("%v", b.effects)
	}
	n := len(b.effects)
	b.pass(time.Minute)
	b.signsIn()
	if len(b.effects) != n {
		t.Error("asked twice at a time")
	}
	b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, ClockWrong: yes(true)}})
	b.pass(30*time.Second - 1)
	b.signsIn()
	if len(b.effects) != n {
		t.Error("asked again too early")
	}
	b.pass(1)
	b.signsIn()
	if len(b.effects) != n+1 {
		t.Error("not asked again")
	}
	if !slices.Contains([]string{"booting"}, b.m.Position()) {
		t.Error(b.m.Position())
	}
	// It falls due with a command whose record is late, so it wasn't started.
	b = resting(t, power.Booting, "", power.RelayOn, nil)
	b.signsIn()
	b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, ClockWrong: yes(true)}})
	b.now = power.Instant{Wall: b.now.Wall.Add(30 * time.Second), Mono: b.now.Mono + 30*time.Second}
	for _, c := range []power.Commit{power.Late, power.Failed} {
		n = len(b.effects)
		b.hold = true
		b.asks(power.PowerOn)
		b.commit(c)
		if got := b.effects[n:]; !slices.Equal(got, []power.EffectKind{power.CollectAfter, power.CollectAfter}) {
			t.Errorf("%s: %v", c, got)
		}
		b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, ClockWrong: yes(true)}})
		b.now = power.Instant{Wall: b.now.Wall.Add(30 * time.Second), Mono: b.now.Mono + 30*time.Second}
	}
}

func TestWhatAnUncleanStopMeans(t *testing.T) {
	for _, row := range []struct {
		name string
		safe bool
		stop power.Told
		cuts bool // are still allowed
	}{
		{"unclean after safe", true, power.No, false},
		{"unclean, and it never was safe", false, power.No, true},
		{"clean after safe", true, power.Yes, true},
		{"untold after safe", true, power.NotTold, true},
	} {
		b := resting(t, power.Booting, "", power.RelayOn, func(_ *power.Config, d *power.Memory) {
			d.Seq.WasSafe = row.safe
			d.Learned = power.Learned{Passed: true, Firmware: firmware}
		})
		b.signsIn()
		b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, CleanStop: power.Seen{Told: row.stop}}})
		if d := b.m.Memory(); d.NoCuts == row.cuts || d.Learned.Passed != row.cuts {
			t.Errorf("%s: cuts allowed: %v, drill passed: %v", row.name, !d.NoCuts, d.Learned.Passed)
		}
	}
}

func TestALifeThatPassesByDuringABoot(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
	}{
		{"and was silent for a minute", func(b *bench) { b.silentFor(62*time.Second, 9) }, "confirming"},
		{"and was silent for less", func(b *bench) { b.silentFor(60*time.Second, 9) }, "booting"},
		{"and it let us in", func(b *bench) { b.pass(time.Second); b.signsIn(); b.silentFor(62*time.Second, 9) }, "booting"},
	} {
		b := proving(t, nil)
		b.silentFor(200*time.Second, 9)
		b.at("presumed_off")
		b.probe(power.Alive)
		b.at("booting")
		row.do(b)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
	b := resting(t, power.Booting, "", power.RelayOn, nil) // not entered on life
	b.silentFor(62*time.Second, 9)
	b.at("booting")
}

func TestInALowBatteryABootIsInterrupted(t *testing.T) {
	for _, row := range []struct {
		name  string
		mains power.Mains
		in    bool
		to    string
	}{
		{"low, and signed in", power.Mains{Lost: true, Outage: 1, Low: true}, true, "checking"},
		{"low, and not signed in", power.Mains{Lost: true, Outage: 1, Low: true}, false, "booting"},
		{"not low", power.Mains{Lost: true, Outage: 1}, true, "booting"},
		{"low, and no shutdown is asked for", power.Mains{Lost: true, Low: true}, true, "booting"},
		{"low, and mains is back", power.Mains{Outage: 1, Low: true}, true, "booting"},
	} {
		b := resting(t, power.Booting, "", power.RelayOn, func(_ *power.Config, d *power.Memory) { d.Seq.PutAt.Wall = epoch })
		if row.in {
			b.signsIn()
		}
		b.tell(row.mains)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

func TestAFailedBootIsCycledOnceByProof(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		watts  float64
		cut    bool
	}{
		{"by proof", nil, 0.4, true},
		{"not without proof", nil, 9, false},
		{"not a second time", func(_ *power.Config, d *power.Memory) { d.Seq.Cycled = true }, 0.4, false},
		{"not by watts at which a disk may turn", func(_ *power.Config, d *power.Memory) {
			d.Learned = power.Learned{Passed: true, Firmware: firmware, Running: 22, Halted: 3, OffWatts: 3.3}
		}, 3, false},
		{"by watts at which none turns", func(_ *power.Config, d *power.Memory) {
			d.Learned = power.Learned{Passed: true, Firmware: firmware, Running: 22, Halted: 2.7, OffWatts: 3}
		}, 2.7, true},
		{"not by a plug that never cuts", func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }, 0.4, false},
	} {
		b := resting(t, power.Booting, "", power.RelayOn, func(c *power.Config, d *power.Memory) {
			d.Seq.Baseline = 22
			if row.change != nil {
				row.change(c, d)
			}
		})
		b.silentFor(10*time.Minute, row.watts)
		if got := b.offs() > 0; got != row.cut || !row.cut && b.m.Why() != power.BootFailed {
			t.Errorf("%s: cut: %v in %s", row.name, got, b.m.Position())
		}
		if row.cut && !b.m.Memory().Seq.Owed {
			t.Errorf("%s: power isn't owed", row.name)
		}
	}
}

func TestARestartOfTheRecorder(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
	}{
		{"is seen by its uptime", func(b *bench) { b.silentFor(6*time.Second, -1); b.uptime = time.Second; b.signsIn() }, "booting"},
		{"isn't seen by an uptime that grew", func(b *bench) { b.silentFor(40*time.Second, -1); b.signsIn() }, "rebooting"},
		{"is seen by ten seconds of silence", func(b *bench) { b.silentFor(12*time.Second, -1); b.probe(power.Alive) }, "booting"},
		{"isn't seen by less", func(b *bench) { b.silentFor(10*time.Second, -1); b.probe(power.Alive) }, "rebooting"},
		{"has 90 s to begin", func(b *bench) { b.onFor(85*time.Second, 22) }, "rebooting"},
		{"has failed then", func(b *bench) { b.onFor(90*time.Second, 22) }, "running"},
		{"has ten minutes to end", func(b *bench) { b.silentFor(10*time.Minute-2*time.Second, -1) }, "rebooting"},
		{"has failed after them", func(b *bench) { b.silentFor(10*time.Minute, -1) }, "attention(boot_failed)"},
	} {
		b := running(t, nil)
		b.accepted(power.Reboot)
		row.do(b)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s; %s", row.name, b.m.Position(), strings.Join(b.rows, "; "))
		}
	}
	b := running(t, nil) // until the request is made nothing is a restart
	b.asks(power.Reboot)
	b.collected(b.facts())
	b.pass(10 * time.Second)
	b.silentFor(12*time.Second, -1)
	b.probe(power.Alive)
	b.at("rebooting")
}

func TestThePlugThatDoesntFeedIt(t *testing.T) {
	for _, row := range []struct {
		name  string
		after time.Duration
		to    string
	}{
		{"lets us in 15 s after its relay went off", 15 * time.Second, "running"},
		{"lets us in before", 15*time.Second - 1, "attention(power_lost)"},
	} {
		b := running(t, nil)
		b.relay(power.RelayOff)
		b.at("attention(power_lost)")
		b.pass(row.after)
		b.signsIn()
		if b.m.State() == power.Booting {
			b.pass(time.Second)
			b.signsIn()
			b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial}})
		}
		if b.m.Position() != row.to {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
		if row.to == "running" { // and proves nothing any more, until its relay is on
			b.accepted(power.Shutdown)
			for range 30 {
				b.pass(2 * time.Second)
				b.probe(power.Silent)
				b.relay(power.RelayOff)
				b.reads(0)
			}
			b.at("confirming")
		}
	}
}

func TestTheRelayThatWentOffWhileTheProgramWasAway(t *testing.T) {
	for _, row := range []struct {
		state power.State
		to    string
	}{
		{power.Confirming, "attention(power_lost)"},
		{power.PresumedOff, "off"}, {power.Safe, "off"}, {power.Cutting, "off"},
	} {
		b := resting(t, row.state, "", power.RelayOff, nil)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s", row.state, b.m.Position())
		}
		if row.to == "off" { // also over two restarts
			b = resting(t, power.Confirming, "", power.RelayOff, func(_ *power.Config, d *power.Memory) { d.Seq.WasDown = true })
			b.at("off")
		}
	}
	b := resting(t, power.PresumedOff, "", power.RelayOn, nil)
	b.silence(12*time.Second, 0, 0, nil)
	b.probe(power.Alive)
	b.at("booting")
	b.relay(power.RelayOff)
	b.at("attention(power_lost)")
}

func TestRecordsThatAreOrArentAnswered(t *testing.T) {
	b := running(t, nil)
	b.hold = true
	b.asks(power.Shutdown)
	first := b.record.Number()
	b.tell(power.Committed{Number: first + 1, Commit: power.Failed}) // there is none yet
	b.at("checking")
	if slices.Contains(b.m.Needs(), "journal") {
		t.Error("a record that wasn't made has failed")
	}
	b.tell(power.Committed{Number: first, Commit: power.Durable})
	b.tell(power.Committed{Number: first, Commit: power.Failed}) // it is durable
	if slices.Contains(b.m.Needs(), "journal") {
		t.Error("a durable record has failed")
	}
	b.collected(b.facts())
	b.commit(power.Failed)
	if !slices.Contains(b.m.Needs(), "journal") {
		t.Error("a record that failed is nothing")
	}
	b.asks(power.PowerOn)
	b.commit(power.Durable)
	if slices.Contains(b.m.Needs(), "journal") {
		t.Error("the journal is well again")
	}
}

func TestWatchTells(t *testing.T) {
	minute := time.Minute
	for _, row := range []struct {
		name string
		make func() *bench
		want power.Watch
	}{
		{"running", func() *bench { return running(t, nil) }, power.Watch{SignIn: true, Poll: true, AskPlug: minute}},
		{"running, and outages", func() *bench {
			return running(t, func(c *power.Config, _ *power.Memory) { c.Mains = true })
		}, power.Watch{SignIn: true, Poll: true, AskPlug: 15 * time.Second}},
		{"checking", func() *bench { b := running(t, nil); b.asks(power.Check); return b }, power.Watch{SignIn: true, Poll: true, AskPlug: 5 * time.Second}},
		{"shutting down", func() *bench { b := running(t, nil); b.requested(power.Shutdown); return b }, power.Watch{Probe: true, AskPlug: 5 * time.Second}},
		{"a restart before its request", func() *bench { b := running(t, nil); b.requested(power.Reboot); return b }, power.Watch{Probe: true, AskPlug: 5 * time.Second}},
		{"a restart after its request", func() *bench { b := running(t, nil); b.accepted(power.Reboot); return b }, power.Watch{Probe: true, SignIn: true, AskPlug: 5 * time.Second}},
		{"still on", func() *bench { return resting(t, power.Attention, power.StillOn, "", nil) }, power.Watch{Probe: true, Resolve: true, SignIn: true, Poll: true, AskPlug: 5 * time.Second}},
		{"boot failed", func() *bench { return resting(t, power.Attention, power.BootFailed, "", nil) }, power.Watch{Probe: true, Resolve: true, SignIn: true, AskPlug: 5 * time.Second}},
		{"confirming", func() *bench { return proving(t, nil) }, power.Watch{Probe: true, Resolve: true, SignIn: true, AskPlug: 5 * time.Second}},
	} {
		if got := row.make().m.Watch(); got != row.want {
			t.Errorf("%s: %+v", row.name, got)
		}
	}
}

func TestARestartedProgramGoesOn(t *testing.T) {
	for _, row := range []struct {
		state  power.State
		puts   int
		to     string
		reason string // of what is told
	}{
		{power.Running, 0, "running", ""},
		{power.Checking, 0, "running", "restart"},
		{power.CountingDown, 0, "running", "restart"},
		{power.ShuttingDown, 0, "running", "restart"},
		{power.ShuttingDown, 1, "confirming", ""},
		{power.Rebooting, 0, "running", "restart"},
		{power.Rebooting, 1, "rebooting", ""},
		{power.Unreachable, 0, "running", ""},
		{power.PoweringOn, 1, "off", ""},
		{power.Off, 1, "off", ""},
		{power.Booting, 1, "booting", ""},
	} {
		b := onBench(t, fullPlug, power.Memory{State: row.state, Seq: power.Sequence{Number: 1, Action: power.Shutdown, Accepted: true, Attempt: 1, Puts: row.puts, Command: power.Command{Action: power.Shutdown}}})
		if b.m.Position() != row.to {
			t.Errorf("%s with %d requests: %s", row.state, row.puts, b.m.Position())
		}
		if a := b.last(power.Shutdown); a.Reason != row.reason {
			t.Errorf("%s with %d requests: %q is told", row.state, row.puts, a.Reason)
		}
	}
}

func TestARecordThatCantBeOursOnlyObserves(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Memory)
		ours   bool
	}{
		{"as it is", func(*power.Memory) {}, true},
		{"a count of a thousand", func(d *power.Memory) { d.Seq.NotSent = 1000 }, true},
		{"a count of more", func(d *power.Memory) { d.Seq.NotSent = 1001 }, false},
		{"a count below zero", func(d *power.Memory) { d.Seq.Cuts = -1 }, false},
		{"watts below zero", func(d *power.Memory) { d.Seq.Baseline = -0.1 }, false},
		{"a million watts", func(d *power.Memory) { d.Seq.Baseline = 1e6 }, false},
		{"less", func(d *power.Memory) { d.Seq.Baseline = 999999 }, true},
		{"watts that are no number", func(d *power.Memory) { d.Learned.Halted = nan() }, false},
		{"off-watts of half the running ones", func(d *power.Memory) { d.Learned.Running, d.Learned.OffWatts = 20, 10 }, true},
		{"off-watts of more", func(d *power.Memory) { d.Learned.Running, d.Learned.OffWatts = 20, 10.1 }, false},
		{"the last number", func(d *power.Memory) { d.Number = 1 << 60 }, true},
		{"a greater one", func(d *power.Memory) { d.Number = 1<<60 + 1 }, false},
		{"a state that isn't", func(d *power.Memory) { d.State = "dancing" }, false},
		{"a reason that isn't", func(d *power.Memory) { d.State, d.Why = power.Attention, "dancing" }, false},
		{"no reason", func(d *power.Memory) { d.State = power.Attention }, false},
		{"a reason elsewhere", func(d *power.Memory) { d.Why = power.StillOn }, false},
		{"an action that isn't", func(d *power.Memory) { d.Seq.Action = "dance" }, false},
		{"no sequence, and no action", func(d *power.Memory) { d.Seq = power.Sequence{} }, true},
	} {
		d := power.Memory{State: power.Booting, Seq: power.Sequence{Number: 1, Action: power.Shutdown, Attempt: 1, Puts: 1}}
		row.change(&d)
		b := onBench(t, fullPlug, d)
		if got := !b.m.Damaged(); got != row.ours {
			t.Errorf("%s: ours: %v, %s", row.name, got, fmt.Sprint(b.m.Position()))
		}
	}
}

func TestAThousandIDsAreKeptAndNoMore(t *testing.T) {
	b := running(t, nil)
	for range 999 {
		b.asks(power.Cancel)
	}
	again := func() power.Answer {
		return b.command(power.Command{Action: power.Cancel, ID: fmt.Sprintf("b%d", b.ids), At: b.now.Wall, By: "anna", Content: uint64(b.ids)})
	}
	b.asks(power.Cancel) // the thousandth
	if a := again(); a.Type != power.Duplicate {
		t.Errorf("the thousandth again: %s %q", a.Type, a.Reason)
	}
	b.asks(power.Cancel)
	if a := again(); a.Type != power.Declined || a.Reason != "nothing" {
		t.Errorf("one more again: %s %q", a.Type, a.Reason)
	}
	b.ids++
	if a := b.command(power.Command{Action: power.Check, ID: "old", At: b.now.Wall.Add(-time.Hour), By: "anna"}); a.Type != power.Expired {
		t.Errorf("an old one: %s %q", a.Type, a.Reason)
	}
}

func TestCancellingByHandCancelsNoOutage(t *testing.T) {
	b := running(t, func(c *power.Config, d *power.Memory) { c.Mains, d.Outage = true, 7 })
	b.asks(power.Shutdown)
	b.asks(power.Cancel)
	b.tell(power.Mains{Lost: true, Outage: 7})
	b.at("checking")
}

func TestASafeRecorderIsCycledAsSoonAsThePlugIsHeard(t *testing.T) {
	b := proving(t, nil)
	b.silentUntil(time.Minute, 0.4, func() bool { return b.m.Proof() == power.ProofPower })
	b.silentFor(24*time.Second, 0.4)
	b.silentFor(8*time.Second, -1)
	b.at("safe")
	if a := b.asks(power.PowerOn); a.Type != power.Accepted || !b.m.Memory().Seq.Owed {
		t.Errorf("%s %q", a.Type, a.Reason)
	}
	b.at("safe")
	b.silentFor(2*time.Second, 0.4)
	b.at("cutting")

	b = resting(t, power.Confirming, "", power.RelayOn, func(c *power.Config, d *power.Memory) { crashLoop(c, d); d.Seq.Baseline = 22 })
	b.silentFor(100*time.Second, 0.4)
	b.at("safe") // after too many starts it is only observed
	if a := b.asks(power.PowerOn); a.Reason != "is_on" {
		t.Errorf("in a crash loop: %s %q", a.Type, a.Reason)
	}
}

func TestADrillLearnsOfTheLastMinuteBeforeItsCut(t *testing.T) {
	for _, row := range []struct {
		age  time.Duration
		want float64
	}{{60 * time.Second, 9}, {60*time.Second + 1, 0}} {
		b := usually(func(r *rehearsal) {
			r.halted = 9
			r.atHalt = func(b *bench) {
				b.silentFor(row.age-2*time.Second, -1)
				b.relay(power.RelayOn)
				b.silentFor(2*time.Second, -1)
				word(b)
			}
		}).play(t)
		if l := b.m.Memory().Learned; !l.Passed || l.Halted != row.want {
			t.Errorf("%v before: %+v", row.age, l)
		}
	}
}

func TestARecorderThatNeverTellsItsUptimeMayHaveRestarted(t *testing.T) {
	b := onBench(t, fullPlug, power.Memory{State: power.Running})
	in := func() { b.tell(power.SignedIn{At: b.now, Serial: ownSerial, Firmware: firmware}) }
	in()
	b.tell(power.NoAnswer{At: b.now})
	b.pass(time.Minute)
	b.at("unreachable")
	n := b.record.Number()
	in()
	b.at("booting")
	if b.record.Number() == n {
		t.Error("a boot isn't recorded")
	}
}

func TestAPlugThatWasPassedByProvesAgainOnceItFeeds(t *testing.T) {
	b := running(t, nil)
	b.relay(power.RelayOff)
	b.pass(15 * time.Second)
	b.signsIn()
	b.at("booting")
	b.pass(time.Second)
	b.signsIn()
	b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial}})
	b.at("running")
	b.onFor(6*time.Minute, 22)
	b.accepted(power.Shutdown)
	b.silentFor(20*time.Second, 0.4)
	if p := b.m.Proof(); p != power.ProofPower {
		t.Errorf("proof %s", p)
	}
	b.silentFor(40*time.Second, 0.4)
	b.at("cutting")
}

func TestAPlugThatIsAwayIsntHeard(t *testing.T) {
	b := resting(t, power.PresumedOff, "", power.RelayUnknown, nil)
	b.silentFor(200*time.Second, -1)
	b.at("presumed_off")
	if a := b.asks(power.ConfirmOff); a.Type != power.Accepted {
		t.Fatalf("%s %q", a.Type, a.Reason)
	}
	b.relay(power.RelayUnknown)
	b.asks(power.PowerOn)
	if b.offs() != 0 {
		t.Errorf("an OFF is sent, in %s", b.m.Position())
	}
}

func TestEffectsAreFollowedAtOnceAndProofsInTime(t *testing.T) {
	b := running(t, nil)
	b.hold = true
	b.asks(power.Check)
	if b.out.Wake != b.now.Mono {
		t.Errorf("after an effect it is woken %v later", b.out.Wake-b.now.Mono)
	}
	b = beingCut(t)
	b.silentFor(2*time.Second, 0.4)
	if d := b.out.Wake - b.now.Mono; d <= 0 || d > 8*time.Second+time.Millisecond {
		t.Errorf("in a cut it is woken %v later", d)
	}
	b = proving(t, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever })
	b.silentFor(60*time.Second, 0.4)
	b.at("safe")
	b.pass(8 * time.Second)
	b.at("safe")
	if b.out.Wake != b.now.Mono+time.Millisecond {
		t.Errorf("at the end of its proof it is woken %v later", b.out.Wake-b.now.Mono)
	}
}

func TestALateRecordOfACutIsToldFromOthers(t *testing.T) {
	b := running(t, nil)
	b.asks(power.Shutdown)
	b.hold = true
	b.collected(b.facts())
	older := b.record.Number()
	b.pass(10 * time.Second)
	n := len(b.effects)
	b.tell(power.Committed{Number: older, Commit: power.Late})
	if len(b.effects) != n {
		t.Errorf("an older record: %v", b.effects[n:])
	}
	b.commit(power.Late)
	if k := b.effects[n:]; !slices.Equal(k, []power.EffectKind{power.Look}) {
		t.Errorf("its own record: %v", k)
	}

	b = proving(t, nil)
	b.silentUntil(time.Minute, 0.4, func() bool {
		b.hold = b.m.Proof() == power.ProofPower
		return b.m.State() == power.Cutting
	})
	b.at("cutting")
	cut := b.record.Number()
	b.asks(power.PowerOn)
	if b.record.Number() == cut {
		t.Fatal("no newer record")
	}
	b.tell(power.Committed{Number: cut, Commit: power.Late})
	if b.offs() != 2 {
		t.Errorf("its own, with a newer one: %d OFFs", b.offs())
	}

	b = proving(t, nil) // time passes before it is told
	b.silentUntil(time.Minute, 0.4, func() bool {
		b.hold = b.m.Proof() == power.ProofPower
		return b.m.State() == power.Cutting
	})
	b.pass(4 * time.Second)
	b.relay(power.RelayOn)
	b.now.Mono, b.now.Wall = b.now.Mono+4001*time.Millisecond, b.now.Wall.Add(4001*time.Millisecond)
	b.commit(power.Late)
	if b.offs() != 1 {
		t.Errorf("an OFF after the proof has lapsed")
	}
	b.at("attention(cut_unconfirmed)")
}

func TestALateRecordOfARestart(t *testing.T) {
	b := running(t, nil)
	b.asks(power.Reboot)
	b.collected(b.facts())
	b.pass(10 * time.Second)
	b.hold = true
	b.collected(b.facts())
	n := len(b.effects)
	b.commit(power.Late)
	if k := b.effects[n:]; !slices.Equal(k, []power.EffectKind{power.PutReboot}) {
		t.Errorf("%v", k)
	}
	b = running(t, nil)
	b.asks(power.Shutdown)
	b.collected(b.facts())
	b.hold = true
	b.pass(10 * time.Second)
	n = len(b.effects)
	b.commit(power.Failed)
	if k := b.effects[n:]; !slices.Equal(k, []power.EffectKind{power.Look}) {
		t.Errorf("a look whose record failed: %v", k)
	}
}

func TestPowerIsOwedOnce(t *testing.T) {
	b := proving(t, nil)
	b.asks(power.Cancel)
	if !slices.Contains(b.record.What, "power is owed") {
		t.Errorf("%q", b.record.What)
	}
	b.asks(power.Cancel)
	if slices.Contains(b.record.What, "power is owed") {
		t.Errorf("again: %q", b.record.What)
	}
}

func TestWhyItOnlyObserves(t *testing.T) {
	b := resting(t, power.Running, "", power.RelayOn, crashLoop)
	if a := b.asks(power.Shutdown); !strings.Contains(a.Message, "too often") {
		t.Errorf("%q", a.Message)
	}
	b = resting(t, power.Attention, power.JournalDamaged, power.RelayOn, nil)
	if a := b.asks(power.Shutdown); !strings.Contains(a.Message, "damaged") {
		t.Errorf("%q", a.Message)
	}
}

func TestSignedInIsNotSignedInLately(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		want string
	}{
		{"it answers", func(b *bench) { b.pass(10 * time.Second) }, "running"},
		{"it doesn't answer", func(b *bench) { b.tell(power.NoAnswer{At: b.now}); b.pass(10 * time.Second) }, "attention(still_on)"},
		{"it is silent", func(b *bench) { b.pass(5 * time.Second); b.probe(power.Silent); b.pass(5 * time.Second) }, "attention(still_on)"},
	} {
		b := resting(t, power.Attention, power.StillOn, power.RelayOn, nil)
		answering(b, 30*time.Minute-10*time.Second)
		b.signsIn()
		b.at("attention(still_on)")
		row.do(b)
		if b.m.Position() != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

func TestLifeIsAliveForEightSeconds(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		want string
	}{
		{"8 s after", func(b *bench) { b.pass(8 * time.Second) }, "shutting_down"},
		{"later", func(b *bench) { b.pass(8*time.Second + 1) }, "confirming"},
		{"silent since", func(b *bench) { b.pass(5 * time.Second); b.probe(power.Silent); b.pass(3 * time.Second) }, "confirming"},
	} {
		b := proving(t, nil)
		for range 41 {
			b.pass(2 * time.Second)
			b.probe(power.Alive)
		}
		row.do(b)
		if b.m.Position() != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
}

func TestALowBatteryCountsOnlyInAnOutage(t *testing.T) {
	b := dark(t, nil, power.Mains{})
	b.tell(power.Mains{Low: true}) // mains is back, the battery not yet charged
	b.collected(b.facts(func(f *power.Facts) { f.Repairing.Told = power.Yes }))
	b.at("checking")
}

func TestARecorderThatWasNeverSeenMustTellItsSerialNumber(t *testing.T) {
	f := fine(func(f *power.Facts) { f.Serial = "" })
	if got := told(power.Preflight(f, usual(power.Shutdown, func(c *power.Circumstances) { c.Serial = "" }))); got != "hard identity" {
		t.Errorf("%q", got)
	}
}

func TestAsManyIDsAsAreKeptAreOurs(t *testing.T) {
	b := running(t, nil)
	for range 1000 {
		b.asks(power.PowerOn)
	}
	d := b.m.Memory()
	if onBench(t, fullPlug, d).m.Damaged() {
		t.Error("a thousand ids aren't ours")
	}
	d.Accepted = append(d.Accepted, d.Accepted[0])
	if !onBench(t, fullPlug, d).m.Damaged() {
		t.Error("more than a thousand are")
	}
}

func TestACommandThatLosesItsRecorderIsRefused(t *testing.T) {
	b := running(t, nil)
	b.asks(power.Shutdown)
	b.relay(power.RelayOff)
	b.at("attention(power_lost)")
	b.gave(power.Shutdown, power.Declined, "power_lost")
}

func TestAnOutageBeginsNothingWhileTheRelayReadsOff(t *testing.T) {
	b := resting(t, power.Attention, power.PowerLost, power.RelayOff, nobodys)
	b.tell(power.Mains{Lost: true, Outage: 1})
	b.pass(14 * time.Second)
	b.signsIn()
	b.at("attention(power_lost)")
	if len(b.rows) != 0 {
		t.Errorf("%q", b.rows)
	}
}

func TestARequestThatWasntSentIsPreparedAfterTenSeconds(t *testing.T) {
	b := running(t, nil)
	b.requested(power.Shutdown)
	n := len(b.effects)
	b.put(power.NotSent)
	b.pass(10*time.Second - 1)
	if len(b.effects) != n {
		t.Errorf("too early: %v", b.effects[n:])
	}
	b.pass(1)
	if k := b.effects[n:]; !slices.Equal(k, []power.EffectKind{power.Look}) {
		t.Errorf("%v", k)
	}
}

func TestASecondRequestKeepsWhatWasBeforeTheFirst(t *testing.T) {
	b := proving(t, nil)
	before := b.m.Memory().Seq
	b.onFor(90*time.Second, 40)
	b.at("shutting_down")
	b.collected(b.facts())
	b.put(power.Done)
	after := b.m.Memory().Seq
	if after.Before.Uptime != before.Before.Uptime || after.Baseline != before.Baseline {
		t.Errorf("%+v and %v, not %+v and %v", after.Before, after.Baseline, before.Before, before.Baseline)
	}
}

func TestOnlyAnOutagesRequestsAreItsOwn(t *testing.T) {
	with := func(_ *power.Config, d *power.Memory) { d.Outage, d.OutagePuts = 1, 1 }
	b := running(t, with)
	b.requested(power.Shutdown)
	if n := b.m.Memory().OutagePuts; n != 1 {
		t.Errorf("a request by hand: %d", n)
	}
	b.put(power.Refused)
	if n := b.m.Memory().OutagePuts; n != 1 {
		t.Errorf("one that is refused: %d", n)
	}
	b = dark(t, with, power.Mains{})
	b.counted()
	if n := b.m.Memory().OutagePuts; n != 2 {
		t.Errorf("a request of the outage: %d", n)
	}
	b.put(power.Refused)
	if n := b.m.Memory().OutagePuts; n != 1 {
		t.Errorf("one that is refused: %d", n)
	}
	b = running(t, func(_ *power.Config, d *power.Memory) { d.Outage, d.OutagePuts = 1, 4 })
	b.accepted(power.Shutdown) // an old outage doesn't hold back a second attempt by hand
	b.onFor(90*time.Second, 22)
	b.at("shutting_down")
}

// presumingHome is one that presumes, and whose recorder accepted a shutdown.
func presumingHome(t *testing.T, change func(*power.Config, *power.Memory), before func(*bench)) *bench {
	b := running(t, func(c *power.Config, d *power.Memory) {
		c.Plug.Cut, c.Plug.Meter, c.Witness = power.CutPresumed, false, true
		if change != nil {
			change(c, d)
		}
	})
	before(b)
	b.asks(power.Shutdown, "plug", "often", "dhcp", "witness")
	b.counted()
	b.put(power.Done)
	return b
}

func TestAPresumptionAlsoNeeds(t *testing.T) {
	nothing := func(*bench) {}
	silent := func(b *bench) { b.silentFor(610*time.Second, 9) }

	b := presumingHome(t, nil, func(b *bench) { b.relay(power.RelayUnknown) }) // a relay that was read as on
	b.asks(power.Cancel)
	for range 305 {
		b.pass(2 * time.Second)
		b.tell(power.Witnessed{At: b.now})
		b.probe(power.Silent)
		b.relay(power.RelayUnknown)
	}
	if p := b.m.Proof(); p != power.ProofNone {
		t.Errorf("a relay that wasn't read as on: %s", p)
	}

	b = presumingHome(t, nil, nothing) // power that is owed
	silent(b)
	b.at("presumed_off")
	if p := b.m.Proof(); p != power.ProofNone {
		t.Errorf("power that isn't owed: %s", p)
	}
	b.asks(power.Cancel)
	b.silentFor(2*time.Second, 9)
	b.at("cutting")

	b = presumingHome(t, nil, nothing) // a clock that was set does no harm
	b.asks(power.Cancel)
	b.pass(10 * time.Second)
	b.now.Wall = b.now.Wall.Add(time.Hour)
	b.signsIn()
	b.relay(power.RelayOn)
	silent(b)
	b.at("cutting")

	b = presumingHome(t, nil, nothing) // a plug that was just heard
	b.asks(power.Cancel)
	for range 14 {
		b.relay(power.RelayOn)
		b.silentFor(45*time.Second, -1)
	}
	b.at("presumed_off")
	if b.offs() != 0 || b.m.Proof() != power.ProofPresumed {
		t.Errorf("%d OFFs to a plug that is silent, by %s", b.offs(), b.m.Proof())
	}
	b.relay(power.RelayOn)
	b.at("cutting")

	d := b.m.Memory() // the program that made the request
	d.State, d.Why = power.PresumedOff, ""
	r := onBench(t, power.Config{Witness: true, Plug: power.Plug{Exists: true, Relay: true, Cut: power.CutPresumed}}, d)
	r.relay(power.RelayOn)
	silent(r)
	r.at("presumed_off")
	if p := r.m.Proof(); p != power.ProofNone || r.offs() != 0 {
		t.Errorf("after a restart: %s, %d OFFs", p, r.offs())
	}

	b = running(t, func(c *power.Config, _ *power.Memory) { // a journal that was written
		c.Plug.Cut, c.Plug.Meter, c.Witness, c.Mains = power.CutPresumed, false, true, true
	})
	b.tell(power.Mains{Stable: true})
	b.tell(power.Mains{Lost: true, Outage: 1, Low: true})
	b.collected(b.facts())
	b.pass(1)
	b.hold = true
	b.collected(b.facts())
	b.commit(power.Failed)
	b.hold = false
	b.put(power.Done)
	b.tell(power.Mains{Stable: true})
	silent(b)
	if b.offs() != 0 || b.m.Memory().Seq.PutAt.Wall.IsZero() {
		t.Errorf("a request that isn't on record: %d OFFs in %s", b.offs(), b.m.Position())
	}
}

func TestAWordAlsoNeeds(t *testing.T) {
	b := proving(t, nil) // a journal that can be written
	b.silentFor(200*time.Second, 9)
	b.asks(power.ConfirmOff)
	b.hold = true
	b.asks(power.Cancel)
	b.commit(power.Failed)
	b.asks(power.PowerOn)
	if b.offs() != 0 {
		t.Error("an OFF though the journal can't be written")
	}

	b = running(t, nil) // a plug that feeds it
	b.relay(power.RelayOff)
	b.pass(15 * time.Second)
	b.signsIn()
	b.pass(time.Second)
	b.signsIn()
	b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial}})
	b.at("running")
	b.accepted(power.Shutdown)
	for range 100 {
		b.pass(2 * time.Second)
		b.probe(power.Silent)
		b.relay(power.RelayOff)
	}
	b.at("presumed_off")
	b.asks(power.ConfirmOff)
	b.asks(power.PowerOn)
	if b.offs() != 0 {
		t.Error("an OFF to a plug that doesn't feed it")
	}
}

func TestInADrillAWordCountsWhileTheProofIsStillToHold(t *testing.T) {
	for _, row := range []struct {
		name   string
		action power.Action
		change func(*power.Config, *power.Memory)
		cut    bool
	}{
		{"in a drill", power.Drill, nil, true},
		{"in a shutdown", power.Shutdown, nil, false},
		{"by a plug that never cuts", power.Drill, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }, false},
	} {
		b := resting(t, power.Confirming, "", power.RelayOn, func(c *power.Config, d *power.Memory) {
			d.Seq.Action, d.Seq.Baseline = row.action, 22
			if row.change != nil {
				row.change(c, d)
			}
		})
		b.silentFor(160*time.Second, -1)
		b.silentUntil(time.Minute, 0.4, func() bool { return b.m.Since() >= 183*time.Second })
		b.at("confirming")
		if a := b.asks(power.ConfirmOff); a.Type != power.Accepted {
			t.Errorf("%s: %q", row.name, a.Reason)
		}
		if got := b.offs() > 0; got != row.cut {
			t.Errorf("%s: cut: %v in %s", row.name, got, b.m.Position())
		}
	}
}

func TestAProofThatComesLateStillProves(t *testing.T) {
	b := proving(t, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever })
	b.silentFor(200*time.Second, -1)
	b.at("presumed_off")
	b.silentFor(60*time.Second, 0.4)
	b.at("safe")
	b = resting(t, power.Attention, power.Unproven, power.RelayOn, func(c *power.Config, d *power.Memory) {
		c.Plug.Cut, d.Seq.Baseline = power.CutNever, 22
	})
	b.silentFor(60*time.Second, 0.4)
	b.at("safe")
	b = resting(t, power.Attention, power.CutUnconfirmed, power.RelayOn, func(_ *power.Config, d *power.Memory) {
		d.Seq.Baseline, d.Seq.CutBy, d.NoCuts = 22, power.ProofPower, true
	})
	b.silentFor(100*time.Second, 0.4)
	b.at("attention(cut_unconfirmed)")
	if b.offs() != 0 {
		t.Error("cut again after an unclean stop")
	}
}

func TestHowLongPowerIsOwedWithoutAProof(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		mains  power.Mains
		after  time.Duration // from presumed_off
		want   string
	}{
		{"by hand, 5 minutes", owedSeq, power.Mains{Stable: true}, 5 * time.Minute, "attention(unproven)"},
		{"by hand, less", owedSeq, power.Mains{Stable: true}, 5*time.Minute - 2*time.Second, "presumed_off"},
		{"where presuming is allowed, 20 minutes", func(c *power.Config, d *power.Memory) { owedSeq(c, d); c.Plug.Cut = power.CutPresumed }, power.Mains{Stable: true}, 20 * time.Minute, "attention(unproven)"},
		{"where presuming is allowed, less", func(c *power.Config, d *power.Memory) { owedSeq(c, d); c.Plug.Cut = power.CutPresumed }, power.Mains{Stable: true}, 20*time.Minute - 2*time.Second, "presumed_off"},
		{"by a drill that failed, 5 minutes", func(_ *power.Config, d *power.Memory) {
			d.Seq.Action, d.Seq.Owed, d.Seq.Drill.Failed = power.Drill, true, "x"
		}, power.Mains{Stable: true}, 5 * time.Minute, "attention(unproven)"},
		{"by a drill that was proven and failed, 5 minutes", func(_ *power.Config, d *power.Memory) {
			d.Seq.Action, d.Seq.Owed, d.Seq.Drill = power.Drill, true, power.DrillRun{Failed: "x", Proven: true}
		}, power.Mains{Stable: true}, 5 * time.Minute, "attention(unproven)"},
		{"while mains is lost", owedSeq, power.Mains{Lost: true}, time.Hour, "presumed_off"},
	} {
		b := resting(t, power.Confirming, "", power.RelayOn, row.change)
		b.tell(row.mains)
		b.silentUntil(5*time.Minute, -1, func() bool { return b.m.State() == power.PresumedOff })
		b.at("presumed_off")
		b.silentFor(row.after, -1)
		if b.m.Position() != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
	b := usually(func(r *rehearsal) {
		r.config = func(c *power.Config, d *power.Memory) { noMeterNoDrill(c, d); c.Mains = true }
	}).play(t)
	b.at("presumed_off")
	b.tell(power.Mains{Lost: true})
	b.silentFor(40*time.Minute, -1)
	b.at("presumed_off")
}

func TestADrillThatFailedIsntGoneOnWith(t *testing.T) {
	b := resting(t, power.Booting, "", power.RelayOn, func(_ *power.Config, d *power.Memory) {
		d.Seq.Action, d.Seq.Accepted, d.Seq.Drill = power.Drill, true, power.DrillRun{Leg: 1}
		d.Seq.Command.Action = power.Drill
	})
	b.signsIn()
	b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, CleanStop: yes(true)}})
	b.at("running")
	b.gave(power.Drill, power.Undone, "restart")

	b = resting(t, power.Booting, "", power.RelayOn, func(_ *power.Config, d *power.Memory) {
		d.NoCuts, d.Seq.Drill = true, power.DrillRun{Leg: 2, Proven: true} // a shutdown passes no drill
	})
	b.signsIn()
	b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, CleanStop: yes(true)}})
	b.at("running")
	if d := b.m.Memory(); d.Learned.Passed || !d.NoCuts {
		t.Error("a shutdown has passed a drill")
	}
}

func TestAnUncleanStopIsRecordedOnce(t *testing.T) {
	b := resting(t, power.Booting, "", power.RelayOn, func(_ *power.Config, d *power.Memory) { d.Seq.WasSafe = true })
	told := 0
	for range 3 {
		b.signsIn()
		n := b.record.Number()
		b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, CleanStop: yes(false)}})
		if b.record.Number() != n {
			told++
		}
		b.pass(30 * time.Second)
	}
	if told != 1 {
		t.Errorf("%d times", told)
	}
}

func TestMoreOfBoots(t *testing.T) {
	b := proving(t, nil) // it let us in at once, and is silent again
	b.silentFor(200*time.Second, 9)
	b.signsIn()
	b.at("booting")
	b.silentFor(62*time.Second, 9)
	b.at("booting")

	b = resting(t, power.Booting, "", power.RelayOn, nil) // it answered for ten minutes, and doesn't now
	for range 59 {
		b.pass(10 * time.Second)
		b.tell(power.Answered{At: b.now})
	}
	b.tell(power.NoAnswer{At: b.now})
	b.pass(time.Minute)
	b.at("booting")

	b = running(t, nil) // a probe that says nothing is no life
	b.asks(power.Reboot)
	b.collected(b.facts())
	b.pass(10 * time.Second)
	f := b.facts()
	f.Before.UptimeTold = false
	b.collected(f)
	b.put(power.Done)
	b.silentFor(14*time.Second, -1)
	b.probe(power.Uncertain)
	b.at("rebooting")

	b = running(t, nil) // a recorder that told no uptime before is judged by its silence
	b.asks(power.Shutdown, "often")
	b.collected(b.facts())
	b.pass(10 * time.Second)
	f = b.facts()
	f.Before.Uptime, f.Before.UptimeTold = 0, false
	b.collected(f)
	b.put(power.Done)
	b.silentFor(12*time.Second, 9)
	b.signsIn()
	b.at("booting")

	b = resting(t, power.Attention, power.BootFailed, "", func(c *power.Config, _ *power.Memory) { c.Plug.Relay = false })
	b.asks(power.PowerOn)
	b.at("powering_on")
	b.pass(time.Second)
	b.signsIn()
	b.at("booting")
	if b.m.Memory().Seq.NotSwitched {
		t.Error("a plug that doesn't tell is said not to feed it")
	}

	b = resting(t, power.Attention, power.JournalDamaged, power.RelayOff, nobodys) // an observer goes on trying
	b.pass(2 * time.Minute)
	n := len(b.effects)
	b.pass(20*time.Second - 1)
	if len(b.effects) != n {
		t.Error("tried again too early")
	}
	b.pass(1)
	if len(b.effects) != n+1 {
		t.Error("not tried again")
	}
}

func TestStatusAlsoSays(t *testing.T) {
	drill := func(d power.DrillRun) func(*power.Config, *power.Memory) {
		return func(_ *power.Config, m *power.Memory) { m.Seq.Action, m.Seq.Drill = power.Drill, d }
	}
	unproven := func(change func(*power.Config, *power.Memory)) func() *bench {
		return func() *bench { return resting(t, power.Attention, power.Unproven, power.RelayOn, change) }
	}
	presumed := func(change func(*power.Config, *power.Memory)) func() *bench {
		return func() *bench {
			b := resting(t, power.Confirming, "", power.RelayOn, change)
			b.silentFor(182*time.Second, -1)
			b.at("presumed_off")
			return b
		}
	}
	for _, row := range []struct {
		name string
		make func() *bench
		want string // begins with it
	}{
		{"an outage that ends while it counts down", func() *bench {
			b := dark(t, nil, power.Mains{})
			b.collected(b.facts())
			b.tell(power.Mains{})
			return b
		}, "Mains is back"},
		{"an outage that counts down", func() *bench { b := dark(t, nil, power.Mains{}); b.collected(b.facts()); return b }, "Outage: the shutdown begins"},
		{"a shutdown by hand that counts down while mains is there", func() *bench { b := running(t, nil); b.asks(power.Shutdown); b.collected(b.facts()); return b }, "The shutdown begins"},
		{"confirming, and nothing is known", func() *bench { b := proving(t, nil); b.pass(30 * time.Second); return b }, "The recorder was asked to shut down. It isn't known"},
		{"confirming, and alive", func() *bench { b := proving(t, nil); b.probe(power.Alive); return b }, "The recorder was asked to shut down and still"},
		{"safe, and power is owed", func() *bench { return safeAndOwed(t, time.Minute, "") }, "The recorder is off. To start"},
		{"safe, and power isn't owed", func() *bench { return safeAndOwed(t, time.Minute, "no") }, "The recorder is off: power may be cut"},
		{"safe and owed, and the plug may cut", func() *bench {
			b := resting(t, power.Confirming, "", power.RelayOn, func(c *power.Config, d *power.Memory) { crashLoop(c, d); owedSeq(c, d); d.Seq.Baseline = 22 })
			b.silentFor(100*time.Second, 0.4)
			b.at("safe")
			return b
		}, "The recorder is off: power may be cut"},
		{"off, by nobody's proof", func() *bench { return resting(t, power.Off, "", power.RelayOff, nil) }, "The plug is off. It isn't proven"},
		{"off, after safe", func() *bench {
			return resting(t, power.Off, "", power.RelayOff, func(_ *power.Config, d *power.Memory) { d.Seq.WasSafe = true })
		}, "The recorder and its plug are off. Power on starts it again."},
		{"off, by a cut", func() *bench {
			return resting(t, power.Off, "", power.RelayOff, func(_ *power.Config, d *power.Memory) { d.Seq.CutBy = power.ProofPerson })
		}, "The recorder and its plug are off. Power on starts it again."},
		{"off, and power is owed", func() *bench {
			return resting(t, power.Off, "", power.RelayOff, func(_ *power.Config, d *power.Memory) { d.Seq.WasSafe, d.Seq.Owed = true, true })
		}, "The recorder and its plug are off. It is switched on again in a moment."},
		{"off, and power is owed once mains is stable", func() *bench {
			return resting(t, power.Off, "", power.RelayOff, func(c *power.Config, d *power.Memory) { c.Mains, d.Seq.WasSafe, d.Seq.Owed = true, true, true })
		}, "The recorder and its plug are off. It is switched on again once mains is stable."},
		{"unproven, where a word may cut", unproven(nil), "It can't be proven that the recorder is off. Look at it: if it has halted, press"},
		{"unproven, by a plug that never cuts", unproven(func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }), "It can't be proven that the recorder is off. Look at it: if it has halted, switch"},
		{"unproven, and it wasn't accepted", unproven(func(_ *power.Config, d *power.Memory) { d.Seq.Success = false }), "It can't be proven that the recorder is off. Look at it: if it has halted, switch"},
		{"unproven, in an outage", unproven(func(_ *power.Config, d *power.Memory) { d.Seq.Action = power.Outage }), "It can't be proven that the recorder is off. Look at it: if it has halted, switch"},
		{"a drill that is proven", func() *bench {
			return usually(func(r *rehearsal) {
				r.config = func(c *power.Config, d *power.Memory) { noMeterNoDrill(c, d); c.Plug.Cut = power.CutNever }
				r.atHalt = word
			}).play(t)
		}, "Drill: switch the recorder off and on by hand"},
		{"a drill that waits for a word", func() *bench { return usually(func(r *rehearsal) { r.config = noMeterNoDrill }).play(t) }, "Drill: the recorder has been silent since"},
		{"a drill that failed", presumed(drill(power.DrillRun{Failed: "x"})), "The recorder accepted"},
		{"a drill that was proven and failed", presumed(drill(power.DrillRun{Failed: "x", Proven: true})), "The recorder accepted"},
		{"a shutdown", presumed(nil), "The recorder accepted the shutdown and has been silent since 00:00."},
		{"a shutdown, and an uncertain probe", func() *bench { b := presumed(nil)(); b.probe(power.Uncertain); return b }, "The recorder accepted the shutdown and has been silent until lately."},
		{"a shutdown, just before twelve hours", func() *bench { b := presumed(nil)(); b.silentFor(12*time.Hour-182*time.Second, -1); return b }, "The recorder accepted the shutdown and has been silent since 00:00."},
		{"a shutdown, after twelve hours", func() *bench { b := presumed(nil)(); b.silentFor(12*time.Hour-180*time.Second, -1); return b }, "The recorder accepted the shutdown and has been silent since 00:00 on 2 January."},
		{"a boot with faults", func() *bench {
			b := resting(t, power.Booting, "", power.RelayOn, nil)
			b.signsIn()
			b.tell(power.Verified{Number: b.effect.Number, After: power.After{Serial: ownSerial, CleanStop: yes(false), ClockWrong: yes(true)}})
			return b
		}, "The recorder runs, not as before: its clock is wrong, its log tells of an unclean stop."},
		{"another device with a long name", func() *bench {
			b := resting(t, power.Booting, "", power.RelayOn, nil)
			b.tell(power.SignedIn{At: b.now, Serial: strings.Repeat("x", 101)})
			return b
		}, "Another device answers at the recorder's address: " + strings.Repeat("x", 100) + ". Correct"},
		{"life after our own cut, which is read back then", func() *bench {
			b := beingCut(t)
			b.probe(power.Alive)
			b.relay(power.RelayOff)
			return b
		}, "The plug is off. This bridge switched it off, and something answered"},
		{"an outage without a drill", func() *bench {
			b := dark(t, func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{} }, power.Mains{})
			b.collected(b.facts())
			return b
		}, "Outage: the shutdown waits. No drill was passed on this firmware. At low battery"},
		{"an outage without a drill, and an upgrade", func() *bench {
			b := dark(t, func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{} }, power.Mains{})
			b.collected(b.facts(func(f *power.Facts) { f.Upgrading.Told = power.Yes }))
			return b
		}, "Outage: the shutdown waits. A firmware upgrade runs."},
		{"an outage and a repair", func() *bench {
			b := dark(t, nil, power.Mains{})
			b.collected(b.facts(func(f *power.Facts) { f.Repairing.Told = power.Yes }))
			return b
		}, "Outage: the shutdown waits. A disk is being repaired."},
	} {
		got := row.make().m.Status()
		if !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: %q", row.name, got)
		}
		if battery := strings.Contains(got, "At low battery"); battery != (row.name == "an outage without a drill") {
			t.Errorf("%s: %q", row.name, got)
		}
	}
	b := proving(t, nil) // figures are those of now
	b.silentFor(200*time.Second, 9)
	b.silentFor(20*time.Second, -1)
	if s := b.m.Status(); !strings.Contains(s, "9.0 W") {
		t.Errorf("20 s after: %q", s)
	}
	b.silentFor(2*time.Second, -1)
	if s := b.m.Status(); strings.Contains(s, "9.0 W") {
		t.Errorf("later: %q", s)
	}
}

func TestARefusalSaysHowToGoOn(t *testing.T) {
	repairing := func(f *power.Facts) { f.Repairing.Told = power.Yes }
	upgrading := func(f *power.Facts) { f.Upgrading.Told = power.Yes }
	raid := func(f *power.Facts) { f.RAIDError.Told = power.Yes }
	for _, row := range []struct {
		name        string
		finds       []func(*power.Facts)
		by          string
		again, more string
	}{
		{"a soft finding, to a person", []func(*power.Facts){repairing}, "anna", "Press again", ""},
		{"a soft finding, to an automation", []func(*power.Facts){repairing}, "automation", "", ""},
		{"a hard finding", []func(*power.Facts){upgrading}, "anna", "", ""},
		{"two soft findings", []func(*power.Facts){repairing, raid}, "anna", "Press again", "(and 1 more)"},
		{"a hard one and a soft one", []func(*power.Facts){upgrading, raid}, "anna", "", "(and 1 more)"},
	} {
		b := running(t, nil)
		b.command(power.Command{Action: power.Shutdown, ID: "x", At: b.now.Wall, By: row.by})
		b.collected(b.facts(row.finds...))
		got := b.last(power.Shutdown).Message
		if strings.Contains(got, "Press again") != (row.again != "") || strings.Contains(got, "more)") != (row.more != "") || !strings.Contains(got, row.more) {
			t.Errorf("%s: %q", row.name, got)
		}
	}
}

func TestNeedsAlsoNames(t *testing.T) {
	b := onBench(t, fullPlug, power.Memory{State: power.Running, Learned: power.Learned{Passed: true, Firmware: "V4.0.0"}})
	if !slices.Contains(b.m.Needs(), "drill_due") {
		t.Errorf("%v", b.m.Needs())
	}
	m, _ := power.Restore(fullPlug, b.now, []power.Record{{Memory: power.Memory{State: power.Running, Learned: power.Learned{Passed: true, Firmware: "V4.0.0"}}}}, false)
	if slices.Contains(m.Needs(), "drill_due") {
		t.Error("a drill is due before the firmware is known")
	}

	b = resting(t, power.Confirming, "", power.RelayOn, func(c *power.Config, d *power.Memory) { owedSeq(c, d); c.Timers.ProofDeadline = time.Hour })
	b.pass(15 * time.Minute)
	b.at("confirming")
	if !slices.Contains(b.m.Needs(), "waits_for_power") {
		t.Errorf("confirming: %v", b.m.Needs())
	}

	b = presumingHome(t, func(c *power.Config, _ *power.Memory) { c.Timers.Presumption = 16 * time.Minute }, func(*bench) {})
	b.asks(power.Cancel)
	b.silentUntil(time.Hour, 9, func() bool { return b.m.State() == power.Cutting })
	b.at("cutting")
	if !slices.Contains(b.m.Needs(), "waits_for_power") {
		t.Errorf("cutting: %v", b.m.Needs())
	}
	b = resting(t, power.Attention, power.BootFailed, power.RelayOn, owedSeq)
	b.pass(time.Hour)
	if slices.Contains(b.m.Needs(), "waits_for_power") {
		t.Errorf("boot failed: %v", b.m.Needs())
	}
}

func TestAnOlderRecordsAnswerIsntThatOfTheLast(t *testing.T) {
	b := proving(t, nil)
	b.hold = true
	b.asks(power.Cancel)
	first := b.record.Number()
	b.asks(power.Cancel)
	b.commit(power.Failed)
	b.tell(power.Committed{Number: first, Commit: power.Late})
	if !slices.Contains(b.m.Needs(), "journal") {
		t.Error("the last record failed, and the one before is taken for it")
	}
	b.asks(power.Cancel)
	b.commit(power.Durable)
	b.tell(power.Committed{Number: first, Commit: power.Failed})
	if slices.Contains(b.m.Needs(), "journal") {
		t.Error("an older record's failure is taken for that of the last")
	}
}

// After a restart the plug's word that it is off is new, although it has long been off:
// a recorder that signs in then hasn't lost its power.
func TestARecorderAtTheWallAfterARestartHasntLostItsPower(t *testing.T) {
	for _, state := range []power.State{power.Off, power.PoweringOn} {
		t.Run(string(state), func(t *testing.T) {
			b := resting(t, state, "", power.RelayOff, func(_ *power.Config, d *power.Memory) {
				d.Seq.OnAsked, d.Seq.OffProven = state == power.PoweringOn, true
			})
			b.pass(14 * time.Second)
			b.relay(power.RelayOff)
			if b.m.MayLosePower() != (state == power.Off) {
				t.Error("cut by proof, and its UPS is kept on, or the other way round")
			}
			b.signsIn()
			b.at(string(state)) // perhaps its last word
			if b.m.MayLosePower() {
				t.Error("its UPS may be switched off while it answers")
			}
			b.pass(10 * time.Second)
			b.relay(power.RelayOff)
			b.signsIn()
			b.at("booting")
			b.says("status", "The recorder starts although its plug is off: this plug doesn't feed it.")
			b.pass(time.Minute)
			b.relay(power.RelayOff)
			b.at("booting")
		})
	}
}
