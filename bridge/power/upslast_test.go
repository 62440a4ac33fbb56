package power_test

import (
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// lastly is a rule in an outage that has asked, on a UPS that may be told to switch off.
// Its recorders are down, and told of as safe but for the last one.
func lastly(t *testing.T, sources ...power.SourceConfig) *rule {
	t.Helper()
	r := withSite(t, power.SiteConfig{Sources: append([]power.SourceConfig{ups}, sources...), UPSCommand: true}).calm()
	r.battery(0, charge(90)).pass(asksAfter + time.Minute)
	for i := range r.cfg.Recorders {
		r.proves(i, i < 3)
	}
	return r
}

// proves tells how a recorder stands: safe, or presumed off.
func (r *rule) proves(recorder int, is bool) *rule {
	e := power.Stands{Recorder: recorder, State: power.PresumedOff, Budget: time.Minute}
	if is {
		e.State, e.Proven = power.Safe, true
	}
	return r.tell(e)
}

// toldUPS is how often the UPS was to be told.
func (r *rule) toldUPS() (n int) {
	for _, what := range r.what {
		if what == "intent: the UPS is told to switch off" {
			n++
		}
	}
	return n
}

func (r *rule) times(what string, n int) {
	r.t.Helper()
	if got := r.toldUPS(); got != n {
		r.t.Errorf("%s: told %d times, not %d", what, got, n)
	}
}

func TestTheUPSIsToldOnceAllAreProvenOff(t *testing.T) {
	r := lastly(t)
	r.pass(time.Hour)
	r.times("with one unproven", 0)
	if s := r.s.Status(); !strings.Contains(s, "The UPS stays on for what isn't proven off: shed.") {
		t.Errorf("status: %q", s)
	}
	out := r.s.Step(r.now, power.Stands{Recorder: 3, State: power.Off, Budget: time.Minute, Proven: true})
	r.take(out)
	if d := r.record.Memory; !out.TellUPS || out.Record == nil || d.Tries != 1 || d.UPS != power.Unknown || d.ToldUPS != r.now.Wall {
		t.Fatalf("%+v, %+v", out, d)
	}
	if !r.s.TellingUPS() || !r.s.UPSCut().Told {
		t.Error("it isn't wanted")
	}
	if s := r.s.Status(); !strings.HasSuffix(s, "The recorders have been shut down.") {
		t.Errorf("status: %q", s)
	}
	out = r.s.Step(r.now, power.Tick{})
	if out.TellUPS || out.Record != nil {
		t.Errorf("twice: %+v", out)
	}
	r.tell(power.UPSDone{Outcome: power.Done})
	r.pass(10 * time.Hour)
	r.times("done", 1)
	if r.s.TellingUPS() || !r.s.UPSCut().Told {
		t.Error("done, and still wanted")
	}
	if text, needs := r.s.Problem(); text != "" || needs {
		t.Errorf("problem: %q", text)
	}
	if s := r.s.Status(); !strings.Contains(s, "The recorders have been shut down. The UPS was told to switch off.") {
		t.Errorf("status: %q", s)
	}
}

func TestTheUPSIsntTold(t *testing.T) {
	for _, row := range []struct {
		name string
		more []power.SourceConfig
		do   func(*rule)
		want int
	}{
		{"all as it should be", nil, func(*rule) {}, 1},
		{"not configured", nil, func(r *rule) {
			r.cfg.UPSCommand = false
			r.restart(time.Minute).battery(0, charge(90))
			for i := range 3 {
				r.proves(i, true)
			}
		}, 0},
		{"switched off", nil, func(r *rule) { r.tell(power.Automatic{}) }, 0},
		{"mains is back for a moment", nil, func(r *rule) { r.mains(0) }, 0},
		{"the UPS is silent", nil, func(r *rule) { r.silent(0) }, 0},
		{"it measures its battery", nil, func(r *rule) { r.battery(0, charge(90), calibrating) }, 0},
		{"it measures its battery until that is low", nil, func(r *rule) { r.battery(0, charge(90), calibrating, low) }, 0},
		{"it measures its battery, and another says that mains is gone", []power.SourceConfig{sensor}, func(r *rule) { r.battery(1).battery(0, charge(90), calibrating) }, 0},
		{"only another source says so", []power.SourceConfig{sensor}, func(r *rule) { r.mains(0).battery(1) }, 0},
		{"both must say so, and one doesn't", []power.SourceConfig{sensor}, func(r *rule) {
			r.cfg.All = true
			r.restart(time.Minute).battery(0, charge(90)).battery(1)
			for i := range 3 {
				r.proves(i, true)
			}
			r.mains(1)
		}, 0},
		{"as it was retained", nil, func(r *rule) {
			r.restart(time.Minute).battery(0, charge(90), retained).pass(staleFor + time.Minute)
			for i := range 3 {
				r.proves(i, true)
			}
		}, 0},
		{"both say so", []power.SourceConfig{sensor}, func(r *rule) { r.battery(1) }, 1},
		{"what was said before a start", nil, func(r *rule) {
			r.restart(time.Minute)
			for i := range 3 {
				r.proves(i, true)
			}
		}, 0},
		{"and said again", nil, func(r *rule) {
			r.restart(time.Minute).battery(0, charge(90))
			for i := range 3 {
				r.proves(i, true)
			}
		}, 1},
		{"a recorder that nobody told of since a start", nil, func(r *rule) {
			r.restart(time.Minute).battery(0, charge(90))
			r.proves(1, true).proves(2, true)
		}, 0},
		{"another that was proven isn't any more", nil, func(r *rule) { r.proves(0, false) }, 0},
		{"another runs", nil, func(r *rule) { r.tell(power.Stands{Recorder: 0, State: power.Running}) }, 0},
	} {
		r := lastly(t, row.more...)
		row.do(r)
		r.proves(3, true)
		r.times(row.name, row.want)
	}
	r := withSite(t, power.SiteConfig{Sources: []power.SourceConfig{ups}, UPSCommand: true}).calm()
	r.battery(0, charge(90)).pass(lossAfter)
	for i := range r.cfg.Recorders {
		r.proves(i, true) // by hand
	}
	r.pass(asksAfter - lossAfter - 1)
	r.times("before the outage has asked", 0)
	r.pass(1)
	r.times("once it has", 1)
	s, _ := power.RestoreSite(power.SiteConfig{Sources: []power.SourceConfig{ups}, UPSCommand: true}, r.now, []power.SiteRecord{*r.record})
	if out := s.Step(r.now, power.Heard{Supply: power.OnBattery, ChargeTold: true, Charge: 90}); out.TellUPS {
		t.Error("without any recorder")
	}
}

func TestTheUPSIsToldAtMostThreeTimesAnOutage(t *testing.T) {
	for _, o := range []power.Outcome{power.Refused, power.NotSent, power.Unknown, power.Busy} {
		r := lastly(t)
		r.proves(3, true)
		r.pass(time.Hour)
		r.times("without an answer", 1)
		for n := 1; n < 3; n++ {
			r.tell(power.UPSDone{Outcome: o, Detail: "why"})
			r.pass(4*time.Minute - 1)
			r.times(string(o)+", and soon", n)
			r.pass(1)
			r.times(string(o)+", and a whole proof later", n+1)
		}
		r.tell(power.UPSDone{Outcome: o, Detail: "why"})
		r.pass(time.Hour).restart(time.Minute).battery(0, charge(90))
		for i := range r.cfg.Recorders {
			r.proves(i, true)
		}
		r.pass(time.Hour)
		r.times(string(o)+", after three", 3)
		r.mains(0).pass(backAfter)
		r.battery(0, charge(20)).pass(lossAfter)
		r.times(string(o)+", in another outage", 4)
	}
}

func TestAfterATryTheProofMustBeNew(t *testing.T) {
	r := lastly(t)
	r.proves(3, true).tell(power.UPSDone{Outcome: power.Refused})
	r.pass(3 * time.Minute)
	r.proves(0, false).pass(time.Second)
	r.proves(0, true).pass(4*time.Minute - 1)
	r.times("since one had to be proven again", 1)
	r.pass(1)
	r.times("and stood for long enough", 2)
}

func TestARestartBeforeTheOutcomeProvesAgain(t *testing.T) {
	r := lastly(t)
	r.proves(3, true)
	r.restart(time.Minute)
	if !r.s.UPSCut().Told || r.s.TellingUPS() {
		t.Errorf("after the start: %v, wanted %v", r.s.UPSCut(), r.s.TellingUPS())
	}
	r.tell(power.UPSDone{Outcome: power.Done}) // of nobody
	r.battery(0, charge(90)).pass(time.Minute)
	r.times("nothing proven yet", 1)
	for i := range r.cfg.Recorders {
		r.proves(i, true)
	}
	r.times("all proven again", 2)
	if d := r.record.Memory; d.Tries != 2 {
		t.Errorf("%d tries", d.Tries)
	}
	r.tell(power.UPSDone{Outcome: power.Done}).restart(time.Minute).battery(0, charge(90))
	for i := range r.cfg.Recorders {
		r.proves(i, true)
	}
	r.pass(time.Hour)
	r.times("done before the start", 2)
}

func TestWhatTheUPSWasToldIsKnownForAsLongAsItMayDoIt(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*rule)
		want bool
	}{
		{"done", func(r *rule) { r.tell(power.UPSDone{Outcome: power.Done}) }, true},
		{"unknown", func(r *rule) { r.tell(power.UPSDone{Outcome: power.Unknown}) }, true},
		{"refused", func(r *rule) { r.tell(power.UPSDone{Outcome: power.Refused}) }, false},
		{"not sent", func(r *rule) { r.tell(power.UPSDone{Outcome: power.NotSent}) }, false},
		{"unknown, and then refused", func(r *rule) {
			r.tell(power.UPSDone{Outcome: power.Unknown}).pass(5 * time.Minute)
			r.tell(power.UPSDone{Outcome: power.Refused})
		}, true},
		{"a day later in the same outage", func(r *rule) { r.tell(power.UPSDone{Outcome: power.Done}).pass(24 * time.Hour) }, true},
		{"mains is back", func(r *rule) { r.mains(0).pass(backAfter + 30*time.Minute - time.Second) }, true},
		{"mains is back for longer", func(r *rule) { r.mains(0).pass(backAfter + 30*time.Minute) }, false},
		{"another outage soon", func(r *rule) { r.mains(0).pass(backAfter).battery(0, charge(90)).pass(lossAfter) }, true},
		{"another outage later", func(r *rule) { r.mains(0).pass(time.Hour).battery(0, charge(90)).pass(lossAfter) }, false},
		{"another outage just before half an hour", func(r *rule) {
			r.mains(0).pass(30*time.Minute-lossAfter-time.Second).battery(0, charge(90)).pass(lossAfter)
		}, true},
		{"another outage after half an hour", func(r *rule) {
			r.mains(0).pass(30*time.Minute-lossAfter).battery(0, charge(90)).pass(lossAfter)
		}, false},
		{"after a restart", func(r *rule) { r.restart(time.Minute) }, true},
		{"after a restart an hour after mains came back", func(r *rule) { r.mains(0).pass(backAfter).restart(time.Hour) }, false},
	} {
		r := lastly(t)
		r.proves(3, true)
		row.do(r)
		r.tell(power.Tick{})
		if got := r.s.UPSCut().Told; got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
	if lastly(t).s.UPSCut().Told {
		t.Error("before any try")
	}
}

func TestAUPSThatCouldntBeToldIsAProblem(t *testing.T) {
	for _, row := range []struct {
		outcome power.Outcome
		want    string
	}{
		{power.Refused, "the UPS wasn't told to switch off: why"},
		{power.NotSent, "the UPS wasn't told to switch off: why"},
		{power.Unknown, "it isn't known whether the UPS switches off: why"},
		{power.Done, ""},
	} {
		r := lastly(t)
		r.proves(3, true).tell(power.UPSDone{Outcome: row.outcome, Detail: "why"})
		if text, needs := r.s.Problem(); text != row.want || needs != (row.want != "") {
			t.Errorf("%s: %q, %v", row.outcome, text, needs)
		}
		r.mains(0).pass(time.Minute)
		if text, _ := r.s.Problem(); text != row.want {
			t.Errorf("%s, mains back: %q", row.outcome, text)
		}
		r.battery(0, charge(90)).pass(time.Minute)
		if text, _ := r.s.Problem(); text != "" {
			t.Errorf("%s, another outage: %q", row.outcome, text)
		}
	}
}

func TestWhatWasWithheldIsNoProblem(t *testing.T) {
	r := lastly(t)
	r.proves(3, true).tell(power.UPSDone{Outcome: power.NotSent})
	if text, needs := r.s.Problem(); text != "" || needs || r.s.UPSCut().Told {
		t.Errorf("%q, told %v", text, r.s.UPSCut().Told)
	}
}

func TestTheUPSIsntWantedAnyMore(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*rule)
	}{
		{"mains is back", func(r *rule) { r.mains(0) }},
		{"one lives", func(r *rule) { r.proves(2, false) }},
	} {
		r := lastly(t)
		r.proves(3, true)
		if !r.s.TellingUPS() {
			t.Errorf("%s: not wanted before", row.name)
		}
		if row.do(r); r.s.TellingUPS() {
			t.Errorf("%s, and it is wanted", row.name)
		}
	}
	if lastly(t).s.TellingUPS() {
		t.Error("before any try")
	}
}

func TestARecordWithAbsurdTriesIsNoneOfOurs(t *testing.T) {
	for _, row := range []struct {
		tries int
		ours  bool
	}{{0, true}, {3, true}, {-1, false}, {4, false}} {
		s, _ := power.RestoreSite(power.SiteConfig{Sources: []power.SourceConfig{ups}}, power.Instant{Wall: epoch, Mono: time.Second},
			[]power.SiteRecord{{At: epoch, Memory: power.SiteMemory{Manual: true, Tries: row.tries}}})
		if got := s.Memory().Manual; got != row.ours {
			t.Errorf("%d tries: taken %v", row.tries, got)
		}
	}
}
