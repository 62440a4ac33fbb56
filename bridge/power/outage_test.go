package power_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// The numbers of the design.
const (
	lossAfter    = 10 * time.Second
	backAfter    = 30 * time.Second
	asksAfter    = 5 * time.Minute
	leastRuntime = 6 * time.Minute
	sparedAt     = 10 * time.Minute
	spared       = time.Minute
	stableAfter  = 2 * time.Minute
	chargeFor    = 30 * time.Minute
	silentTold   = time.Minute
	silentOff    = 15 * time.Minute
	silentNeeds  = time.Hour
	silentOver   = 2 * time.Hour
	staleFor     = 10 * time.Minute
)

// sensor is a topic with two values, ups one that tells more.
var (
	sensor = power.SourceConfig{Name: "sensor"}
	ups    = power.SourceConfig{Name: "ups", Battery: true}
)

// A rule is the outage rule alone: moments and words by hand, each record durable at
// once. Its recorders are garage, barn, attic and shed.
type rule struct {
	t      *testing.T
	s      *power.Site
	cfg    power.SiteConfig
	now    power.Instant
	wake   time.Duration
	record *power.SiteRecord // the last one
	what   []string          // all records are about
}

func onSite(t *testing.T, sources ...power.SourceConfig) *rule {
	return withSite(t, power.SiteConfig{Sources: sources})
}

func withSite(t *testing.T, c power.SiteConfig) *rule {
	c.Recorders = []string{"garage", "barn", "attic", "shed"}
	r := &rule{t: t, cfg: c, now: power.Instant{Wall: epoch.Add(24 * time.Hour), Mono: time.Second}}
	r.start()
	return r
}

func (r *rule) start() {
	var records []power.SiteRecord
	if r.record != nil {
		records = append(records, *r.record)
	}
	s, out := power.RestoreSite(r.cfg, r.now, records)
	r.s = s
	r.take(out)
}

// restart is away by the wall clock, which may be wrong.
func (r *rule) restart(away time.Duration) *rule {
	r.now = power.Instant{Wall: r.now.Wall.Add(away), Mono: time.Second}
	r.start()
	return r
}

func (r *rule) take(out power.SiteOutput) {
	r.wake = out.Wake
	if out.Record != nil {
		r.record = out.Record
		r.what = append(r.what, out.Record.What...)
	}
}

func (r *rule) tell(e power.SiteEvent) *rule {
	r.take(r.s.Step(r.now, e))
	return r
}

// pass lets time go by, with a tick whenever the rule wants one and none at the end:
// what it decides must have been decided at its own wake.
func (r *rule) pass(d time.Duration) *rule {
	r.t.Helper()
	for end := r.now.Mono + d; ; {
		next := end
		if r.wake >= 0 && r.wake <= end {
			next = r.wake
		}
		r.now.Wall = r.now.Wall.Add(next - r.now.Mono)
		r.now.Mono = next
		if r.wake < 0 || r.wake > end {
			return r
		}
		if r.tell(power.Tick{}); r.wake >= 0 && r.wake <= r.now.Mono {
			r.t.Fatalf("it spins: wake %v, now %v", r.wake, r.now.Mono)
		}
	}
}

// What a source tells of its battery.
func charge(percent int) func(*power.Heard) {
	return func(h *power.Heard) { h.ChargeTold, h.Charge = true, percent }
}
func lasts(d time.Duration) func(*power.Heard) {
	return func(h *power.Heard) { h.RuntimeTold, h.Runtime = true, d }
}
func low(h *power.Heard)         { h.Low = true }
func calibrating(h *power.Heard) { h.Calibrating = true }
func retained(h *power.Heard)    { h.Retained = true }

func (r *rule) says(source int, supply power.Supply, more ...func(*power.Heard)) *rule {
	h := power.Heard{Source: source, Supply: supply}
	for _, change := range more {
		change(&h)
	}
	return r.tell(h)
}

func (r *rule) mains(source int, more ...func(*power.Heard)) *rule {
	return r.says(source, power.OnMains, more...)
}
func (r *rule) battery(source int, more ...func(*power.Heard)) *rule {
	return r.says(source, power.OnBattery, more...)
}
func (r *rule) silent(source int) *rule { return r.says(source, power.SupplyUnknown) }

// calm is mains for an hour.
func (r *rule) calm() *rule {
	r.t.Helper()
	for i := range r.cfg.Sources {
		r.mains(i)
	}
	return r.pass(time.Hour)
}

func (r *rule) stands(recorder int, s power.State) *rule {
	return r.tell(power.Stands{Recorder: recorder, State: s, Budget: 100 * time.Second})
}

// told is what a recorder is told.
func (r *rule) told(recorder int) power.Mains {
	m, known := r.s.Mains(recorder)
	if !known {
		return power.Mains{}
	}
	return m
}

func (r *rule) known() bool  { _, known := r.s.Mains(0); return known }
func (r *rule) lost() bool   { return r.told(0).Lost }
func (r *rule) asks() bool   { return r.told(0).Outage != 0 }
func (r *rule) stable() bool { return r.told(0).Stable }
func (r *rule) over() bool   { lost, _ := r.s.Lost(); return !lost }
func (r *rule) needs() bool  { _, needs := r.s.Problem(); return needs }
func (r *rule) problem() string {
	text, _ := r.s.Problem()
	return text
}

// exactly says that something becomes so after d, and not a nanosecond before.
func (r *rule) exactly(d time.Duration, what string, is func() bool) *rule {
	r.t.Helper()
	r.pass(d - 1)
	if is() {
		r.t.Errorf("%s before %v", what, d)
	}
	r.pass(1)
	if !is() {
		r.t.Errorf("not %s after %v: %s", what, d, r.s.Status())
	}
	return r
}

func (r *rule) is(what string, is bool) *rule {
	r.t.Helper()
	if !is {
		r.t.Errorf("not %s: %s", what, r.s.Status())
	}
	return r
}

func (r *rule) isnt(what string, is bool) *rule {
	r.t.Helper()
	if is {
		r.t.Errorf("%s: %s", what, r.s.Status())
	}
	return r
}

// noted says that the last record is about something.
func (r *rule) noted(what string) *rule {
	r.t.Helper()
	if r.record == nil || !slices.Contains(r.record.What, what) {
		r.t.Errorf("the last record isn't about %q, but %+v", what, r.record)
	}
	return r
}

// shuts lets the outage shut the first recorder down.
func (r *rule) shuts() *rule { return r.stands(0, power.ShuttingDown).stands(0, power.Confirming) }

func TestALossCountsAfterTenSecondsAndIsOverAfterThirtyOfMains(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.is("stable", r.stable())
	r.battery(0).isnt("stable", r.stable())
	r.exactly(lossAfter, "lost", r.lost).noted("mains lost, as sensor said")
	r.mains(0).isnt("lost", r.lost()).isnt("over", r.over())
	r.exactly(backAfter, "over", r.over).noted("mains is back")
	if d := r.record.Memory; d.OnBattery != lossAfter+backAfter || !d.Since.Equal(d.Ended.Add(-d.OnBattery)) {
		t.Errorf("it lasted %v, from %v to %v", d.OnBattery, d.Since, d.Ended)
	}
}

func TestAFlickerNeitherBeginsNorEndsAnOutage(t *testing.T) {
	r := onSite(t, sensor).calm()
	for range 20 {
		r.battery(0).pass(lossAfter - 1).mains(0).pass(time.Second)
	}
	r.isnt("lost", r.lost())
	r.battery(0).pass(lossAfter)
	for range 9 {
		r.mains(0).pass(backAfter-1).isnt("lost", r.lost())
		r.battery(0).is("lost at once", r.lost()).pass(1)
	}
	r.isnt("asking", r.asks()) // 4 min 40 s
	r.pass(asksAfter-lossAfter-9*backAfter-1).isnt("asking", r.asks())
	r.pass(1).is("asking", r.asks())
}

func TestWhatAsksFirst(t *testing.T) {
	slow := func(r *rule) { r.tell(power.Stands{Recorder: 2, State: power.Running, Budget: 5 * time.Minute}) }
	for _, row := range []struct {
		name  string
		cfg   power.SiteConfig
		words []func(*power.Heard)
		and   func(*rule) // right after the loss
		at    time.Duration
		why   string
	}{
		{"the time, where nothing else is told", power.SiteConfig{}, nil, nil, asksAfter, "on battery for 5 min"},
		{"the time, as configured", power.SiteConfig{OnBattery: 90 * time.Second}, nil, nil, 90 * time.Second, "on battery for 1 min 30 s"},
		{"the time, shorter than the debounce", power.SiteConfig{OnBattery: time.Second}, nil, nil, lossAfter, "on battery for 10 s"},
		{"a charge of 50", power.SiteConfig{}, []func(*power.Heard){charge(50)}, nil, lossAfter, "50 % charge"},
		{"the time before a charge of 51", power.SiteConfig{}, []func(*power.Heard){charge(51)}, nil, asksAfter, "on battery for 5 min"},
		{"a charge as configured", power.SiteConfig{Charge: 70}, []func(*power.Heard){charge(70)}, nil, lossAfter, "70 % charge"},
		{"the time before a charge above what is configured", power.SiteConfig{Charge: 30}, []func(*power.Heard){charge(31)}, nil, asksAfter, "on battery for 5 min"},
		{"a runtime of 6 min", power.SiteConfig{}, []func(*power.Heard){lasts(leastRuntime + lossAfter)}, nil, lossAfter, "the battery lasts for 6 min"},
		{"a runtime that gets to 6 min", power.SiteConfig{}, []func(*power.Heard){lasts(leastRuntime + 70*time.Second)}, nil, 70 * time.Second, "the battery lasts for 6 min"},
		{"twice the budget of the slowest", power.SiteConfig{}, []func(*power.Heard){lasts(10*time.Minute + 70*time.Second)}, slow, 70 * time.Second, "the battery lasts for 10 min"},
		{"the time before a long runtime", power.SiteConfig{}, []func(*power.Heard){lasts(time.Hour)}, nil, asksAfter, "on battery for 5 min"},
		{"a runtime that is over", power.SiteConfig{}, []func(*power.Heard){lasts(0)}, nil, lossAfter, "the battery lasts for 1 s"},
		{"a runtime below nothing", power.SiteConfig{}, []func(*power.Heard){lasts(-time.Hour)}, nil, lossAfter, "the battery lasts for 1 s"},
		{"the time before a runtime without end", power.SiteConfig{}, []func(*power.Heard){lasts(math.MaxInt64)}, nil, asksAfter, "on battery for 5 min"},
		{"a low battery", power.SiteConfig{}, []func(*power.Heard){low, charge(90), lasts(time.Hour)}, nil, lossAfter, "low battery"},
		{"the charge before the time", power.SiteConfig{}, []func(*power.Heard){charge(90)}, func(r *rule) { r.pass(time.Minute).battery(0, charge(50)) }, time.Minute, "50 % charge"},
		{"a low battery before the time", power.SiteConfig{}, nil, func(r *rule) { r.pass(time.Minute).battery(0, low) }, time.Minute, "low battery"},
		{"a runtime that falls", power.SiteConfig{}, []func(*power.Heard){lasts(time.Hour)}, func(r *rule) { r.pass(time.Minute).battery(0, lasts(8*time.Minute)) }, 3 * time.Minute, "the battery lasts for 6 min"},
		{"the time, when the runtime grows again", power.SiteConfig{}, []func(*power.Heard){lasts(8 * time.Minute)}, func(r *rule) { r.pass(time.Minute).battery(0, lasts(time.Hour)) }, asksAfter, "on battery for 5 min"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.cfg.Sources = []power.SourceConfig{sensor}
			r := withSite(t, row.cfg).calm()
			lost := r.now.Mono
			r.battery(0, row.words...)
			if row.and != nil {
				row.and(r)
			}
			left := row.at - (r.now.Mono - lost)
			if left > 0 {
				r.exactly(left, "asking", r.asks)
			}
			r.is("asking", r.asks()).noted("the outage asks for a shutdown: " + row.why)
		})
	}
}

func TestWhatAnotherSourceTellsOfItsBatteryAsksOnlyOnBattery(t *testing.T) {
	r := onSite(t, sensor, ups).calm()
	r.mains(1, low, charge(10), lasts(time.Second))
	r.battery(0).exactly(asksAfter, "asking", r.asks)
	r.isnt("low", r.told(0).Low)
}

func TestAnOutageThatHasAskedGoesOnAskingUntilItIsOver(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.battery(0, charge(50)).pass(lossAfter).is("asking", r.asks())
	number := r.told(0).Outage
	r.battery(0, charge(95)).pass(time.Second).is("asking", r.asks())
	r.mains(0).isnt("asking with mains there", r.asks()).pass(backAfter - 1)
	r.battery(0, charge(95)).is("asking again at once", r.asks())
	if n := r.told(0).Outage; n != number {
		t.Errorf("outage %d, not %d", n, number)
	}
	r.mains(0).pass(backAfter)
	r.battery(0, charge(95)).pass(lossAfter).is("lost", r.lost()).isnt("asking", r.asks())
	r.battery(0, charge(50)).is("asking", r.asks())
	if n := r.told(0).Outage; n <= number {
		t.Errorf("outage %d after %d", n, number)
	}
}

// A recorder's own journal may know of an outage whose last record is missing.
func TestAnOutageHasItsNumberAlsoWhereARecordIsMissing(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.battery(0).pass(time.Minute).mains(0).pass(time.Hour)
	before := *r.record
	r.battery(0, charge(51)).pass(lossAfter)
	begun := *r.record
	number := r.battery(0, charge(50)).told(0).Outage
	r.record = &begun
	r.restart(time.Minute).battery(0, charge(50))
	if n := r.told(0).Outage; n != number {
		t.Errorf("in the same outage: %d, not %d", n, number)
	}
	r.record = &before
	r.restart(time.Hour).battery(0, charge(50)).pass(lossAfter)
	if n := r.told(0).Outage; n <= number {
		t.Errorf("in the next one: %d after %d", n, number)
	}
}

func TestARecorderThatWasRemovedDoesntComeBack(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.battery(0, charge(50)).pass(lossAfter).shuts().mains(0).pass(time.Hour)
	if got := r.s.Status(); !strings.Contains(got, "recorders come back") {
		t.Errorf("before: %s", got)
	}
	r.cfg.Recorders = []string{"another"}
	r.restart(time.Minute).calm()
	if got := r.s.Status(); got != "Mains is there." {
		t.Errorf("afterwards: %s", got)
	}
}

// A clock that is behind makes no number that was there before.
func TestAnOutageWithAClockThatIsBehindHasItsOwnNumber(t *testing.T) {
	r := onSite(t, sensor).calm()
	number := r.battery(0, charge(50)).pass(lossAfter).told(0).Outage
	r.mains(0).pass(time.Hour).restart(-1000*time.Hour).mains(0).battery(0, charge(50)).pass(lossAfter)
	if n := r.told(0).Outage; n <= number {
		t.Errorf("%d after %d", n, number)
	}
}

func TestWhatABatteryToldHoldsAsLongAsItIsOnBattery(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.battery(0, low, charge(90), lasts(time.Hour)).pass(time.Minute)
	deadline := r.told(0).Deadline
	r.battery(0).is("low", r.told(0).Low)
	if d := r.told(0).Deadline; d != deadline {
		t.Errorf("deadline %v, not %v", d, deadline)
	}
	r.silent(0).pass(silentTold-1).battery(0).is("low after a short silence", r.told(0).Low)
	r.silent(0).pass(silentTold).is("low in a silence", r.told(0).Low)
	r.battery(0).isnt("low after a long silence", r.told(0).Low)
	r.battery(0, low).mains(0).battery(0).isnt("low after mains was there", r.told(0).Low)
}

func TestTheDeadline(t *testing.T) {
	for _, row := range []struct {
		name  string
		cfg   power.SiteConfig
		words []func(*power.Heard)
		want  time.Duration // after the loss
	}{
		{"10 minutes on battery", power.SiteConfig{}, nil, sparedAt},
		{"as configured", power.SiteConfig{Deadline: 25 * time.Minute}, nil, 25 * time.Minute},
		{"a minute before the runtime's end", power.SiteConfig{}, []func(*power.Heard){lasts(40 * time.Minute)}, 40*time.Minute - spared},
		{"a minute before the runtime's end, though long before 10 minutes", power.SiteConfig{}, []func(*power.Heard){lasts(3 * time.Minute)}, 3*time.Minute - spared},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.cfg.Sources = []power.SourceConfig{sensor}
			r := withSite(t, row.cfg).calm()
			lost := r.now.Mono
			r.battery(0, row.words...)
			for _, at := range []time.Duration{lossAfter, asksAfter, 20 * time.Minute} {
				r.pass(lost + at - r.now.Mono)
				if got := r.told(0).Deadline - lost; got != row.want {
					t.Errorf("after %v: %v, not %v", at, got, row.want)
				}
			}
			if r.mains(0); r.told(0).Deadline != 0 {
				t.Error("a deadline with mains there")
			}
		})
	}
}

func TestTheDeadlineThatIsOverIsNoneThatIsMissing(t *testing.T) {
	r := onSite(t, sensor)
	r.battery(0, lasts(0)).pass(lossAfter)
	if d := r.told(0).Deadline; d != 1 {
		t.Errorf("deadline %v", d)
	}
	r = onSite(t, sensor)
	r.battery(0).pass(asksAfter)
	r.restart(24 * time.Hour).battery(0)
	if d := r.told(0).Deadline; d != 1 {
		t.Errorf("deadline %v after a day", d)
	}
}

func TestTheWeakestBatteryCounts(t *testing.T) {
	for weak := range 2 {
		r := onSite(t, ups, ups).calm()
		lost := r.now.Mono
		r.battery(1-weak, charge(90), lasts(40*time.Minute)).battery(weak, charge(80), lasts(20*time.Minute)).pass(lossAfter)
		if d := r.told(0).Deadline - lost; d != 20*time.Minute-spared {
			t.Errorf("deadline %v", d)
		}
		r.battery(weak, charge(50)).is("asking", r.asks()).noted("the outage asks for a shutdown: 50 % charge")
	}
}

func TestRecordersComeBackOnceMainsIsStable(t *testing.T) {
	again := func(r *rule) *rule { return r.battery(0).pass(time.Second).mains(0) }
	for _, row := range []struct {
		name  string
		cfg   power.SiteConfig
		words []func(*power.Heard) // on mains
		had   []func(*power.Heard) // on battery
		low   bool                 // it was in the outage
		and   func(*rule) *rule    // right after mains is back
		at    time.Duration        // after that
	}{
		{name: "where no charge is told", at: stableAfter},
		{name: "at 25 %", words: []func(*power.Heard){charge(25)}, at: stableAfter},
		{name: "at 24 % half an hour later", words: []func(*power.Heard){charge(24)}, at: chargeFor},
		{name: "at a charge as configured", cfg: power.SiteConfig{Floor: 40}, words: []func(*power.Heard){charge(40)}, at: stableAfter},
		{name: "below a charge as configured half an hour later", cfg: power.SiteConfig{Floor: 40}, words: []func(*power.Heard){charge(39)}, at: chargeFor},
		{name: "once it has charged", words: []func(*power.Heard){charge(10)}, and: func(r *rule) *rule { return r.pass(5*time.Minute).mains(0, charge(25)) }, at: 0},
		{name: "after a blip from its end on", and: func(r *rule) *rule { return again(r.pass(stableAfter - 1)) }, at: stableAfter},
		{name: "half an hour after a blip", words: []func(*power.Heard){charge(10)}, and: func(r *rule) *rule { return again(r.pass(chargeFor-1)).mains(0, charge(10)) }, at: chargeFor},
		{name: "half an hour later where it was told on battery only", had: []func(*power.Heard){charge(10)}, at: chargeFor},
		{name: "half an hour later where it was told only once", words: []func(*power.Heard){charge(10)}, and: func(r *rule) *rule { return r.mains(0) }, at: chargeFor},
		{name: "where it is told anew", had: []func(*power.Heard){charge(10)}, words: []func(*power.Heard){charge(30)}, at: stableAfter},
		{name: "half an hour later where the battery was low and tells no charge", low: true, at: chargeFor},
		{name: "where the battery was low and has charged", low: true, words: []func(*power.Heard){charge(25)}, at: stableAfter},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.cfg.Sources = []power.SourceConfig{sensor}
			r := withSite(t, row.cfg).calm()
			if r.battery(0, row.had...); row.low {
				r.battery(0, low)
			}
			r.pass(asksAfter).isnt("stable", r.stable())
			r.mains(0, row.words...)
			if row.and != nil {
				row.and(r)
			}
			if row.at == 0 {
				r.is("stable", r.stable())
				return
			}
			r.exactly(row.at, "stable", r.stable)
		})
	}
}

func TestALowBatteryOfAnEarlierOutageIsForgotten(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.battery(0, low).pass(lossAfter).noted("low battery").mains(0).pass(chargeFor)
	r.battery(0).pass(lossAfter).mains(0).exactly(stableAfter, "stable", r.stable)
	r.battery(0).pass(time.Minute).battery(0, low).noted("low battery").mains(0).pass(backAfter)
	r.restart(time.Minute).mains(0).exactly(chargeFor, "stable after a restart", r.stable)
}

func TestASourceThatFallsSilentOnBatteryGoesOnCounting(t *testing.T) {
	for name, at := range map[string]time.Duration{"at once": 0, "before the loss counts": lossAfter - 1, "once it counts": lossAfter, "just before it asks": asksAfter - 1} {
		t.Run(name, func(t *testing.T) {
			r := onSite(t, sensor).calm()
			r.battery(0).pass(at).silent(0)
			r.exactly(asksAfter-at, "asking", r.asks)
		})
	}
	t.Run("and when it asks, for two hours", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0, low).pass(asksAfter).silent(0)
		r.pass(silentOver-1).is("asking", r.asks()).is("low", r.told(0).Low)
		r.pass(1).isnt("lost", r.lost()).isnt("over", r.over())
		r.exactly(backAfter, "over", r.over)
		r.exactly(chargeFor-backAfter, "stable", r.stable) // it was low
	})
	t.Run("and says so again, for two more", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(asksAfter).silent(0).pass(silentOver-1).battery(0).silent(0).pass(silentOver-1).is("lost", r.lost())
		r.pass(1+stableAfter).is("stable", r.stable())
	})
}

func TestASourceThatFallsSilentOnMainsIsOnlyToldOf(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.silent(0).exactly(silentTold, "told", func() bool { return r.problem() == "sensor is silent" })
	r.exactly(silentNeeds-silentTold, "a matter for a person", r.needs).isnt("lost", r.lost())
	r.mains(0)
	if r.problem() != "" || r.needs() {
		t.Errorf("%q", r.problem())
	}
}

func TestOneThatIsSilentForLongIsAMatterForAPersonWhateverTheOthersDo(t *testing.T) {
	for long := range 2 {
		r := onSite(t, sensor, sensor).calm()
		r.silent(long).pass(silentNeeds - silentTold).silent(1 - long)
		r.exactly(silentTold, "a matter for a person", r.needs)
	}
}

func TestASilenceWithARecorderOffIsAMatterForAPersonSooner(t *testing.T) {
	for _, s := range power.States {
		r := onSite(t, sensor).calm()
		r.stands(2, s).silent(0)
		want := silentNeeds
		switch s {
		case power.PresumedOff, power.Safe, power.Cutting, power.Off:
			want = silentOff
		}
		r.exactly(want, "a matter for a person in "+string(s), r.needs)
	}
}

func TestASourceThatFallsSilentAfterMainsCameBack(t *testing.T) {
	dark := func(t *testing.T) *rule {
		r := onSite(t, sensor).calm()
		return r.battery(0).pass(asksAfter).mains(0)
	}
	t.Run("for less than a minute changes nothing", func(t *testing.T) {
		r := dark(t).pass(time.Second)
		r.silent(0).pass(silentTold-1).mains(0).exactly(stableAfter-silentTold-time.Second+1, "stable", r.stable)
	})
	t.Run("for a minute lets nothing come back before it speaks", func(t *testing.T) {
		r := dark(t).pass(time.Second)
		r.silent(0).pass(time.Hour).isnt("stable", r.stable())
		r.mains(0).exactly(stableAfter, "stable", r.stable)
	})
	t.Run("for two hours is taken for mains", func(t *testing.T) {
		r := dark(t).pass(time.Second)
		r.silent(0).exactly(silentOver+stableAfter, "stable", r.stable)
	})
	t.Run("once it was stable", func(t *testing.T) {
		r := dark(t)
		r.pass(stableAfter).is("stable", r.stable())
		r.silent(0).pass(silentTold-1).is("stable", r.stable()).pass(1).isnt("stable", r.stable())
	})
}

func TestAsLongAsNothingWasSaidNothingIsKnown(t *testing.T) {
	r := onSite(t, sensor)
	if _, known := r.s.Lost(); known || r.known() {
		t.Error("known")
	}
	r.exactly(silentOver, "known", r.known)
	r.exactly(stableAfter, "stable", r.stable)

	r = onSite(t, sensor).battery(0)
	r.exactly(lossAfter, "known", r.known) // and so no machine takes it for seen before
	r.is("lost", r.lost())
	if r = onSite(t, sensor).mains(0); !r.known() {
		t.Error("not known")
	}
}

func TestWhetherMainsIsThereIsKnown(t *testing.T) {
	r := onSite(t, sensor, sensor)
	check := func(when string, wantLost, wantKnown bool) {
		t.Helper()
		if lost, known := r.s.Lost(); lost != wantLost || known != wantKnown {
			t.Errorf("%s: lost %v, known %v", when, lost, known)
		}
	}
	check("at the start", false, false)
	r.mains(1)
	check("once one has spoken", false, true)
	r.silent(1).pass(silentTold - 1)
	check("in a short silence", false, true)
	r.pass(1)
	check("in silence", false, false)
	r.battery(0).pass(lossAfter)
	check("in an outage", true, true)
	r.silent(0).pass(time.Hour)
	check("in an outage and silence", true, true)
}

func TestSourcesAreJoined(t *testing.T) {
	const (
		m = power.OnMains
		b = power.OnBattery
		u = power.SupplyUnknown
	)
	for _, row := range []struct {
		words    [2]power.Supply
		any, all time.Duration // until it is lost; negative: never
	}{
		{[2]power.Supply{m, m}, -1, -1},
		{[2]power.Supply{b, m}, lossAfter, -1},
		{[2]power.Supply{m, b}, lossAfter, -1},
		{[2]power.Supply{b, b}, lossAfter, lossAfter},
		{[2]power.Supply{b, u}, lossAfter, silentTold + lossAfter}, // silent since it said mains
		{[2]power.Supply{u, b}, lossAfter, silentTold + lossAfter},
		{[2]power.Supply{m, u}, -1, -1},
		{[2]power.Supply{u, u}, -1, -1},
		{[2]power.Supply{b, "nonsense"}, lossAfter, silentTold + lossAfter},
	} {
		for all, want := range map[bool]time.Duration{false: row.any, true: row.all} {
			t.Run(fmt.Sprintf("%v all=%v", row.words, all), func(t *testing.T) {
				r := withSite(t, power.SiteConfig{Sources: []power.SourceConfig{sensor, sensor}, All: all}).calm()
				r.says(0, row.words[0]).says(1, row.words[1])
				if want < 0 {
					r.pass(time.Hour).isnt("lost", r.lost())
					return
				}
				r.exactly(want, "lost", r.lost)
			})
		}
	}
}

func TestJoinedByAllOneOnMainsEndsAnOutage(t *testing.T) {
	r := withSite(t, power.SiteConfig{Sources: []power.SourceConfig{sensor, sensor}, All: true}).calm()
	r.battery(0).battery(1).pass(time.Minute).mains(1).isnt("lost", r.lost())
	r.exactly(backAfter, "over", r.over)
	r.exactly(stableAfter-backAfter, "stable", r.stable)
}

func TestJoinedByAnyAllOnMainsEndAnOutage(t *testing.T) {
	r := onSite(t, sensor, sensor).calm()
	r.battery(0).battery(1).pass(time.Minute).mains(1).is("lost", r.lost())
	r.mains(0).exactly(backAfter, "over", r.over)
}

// A broker that goes away silences all its sources at once: what one said against the
// others mustn't become the truth by that.
func TestNoOutageBeginsFromWhatSilentSourcesSaid(t *testing.T) {
	for _, first := range []int{0, 1} {
		for _, again := range []int{0, 1} {
			r := withSite(t, power.SiteConfig{Sources: []power.SourceConfig{sensor, sensor}, All: true}).calm()
			r.battery(1).pass(time.Hour).isnt("lost", r.lost())
			r.silent(first).pass(time.Millisecond).silent(1-first).pass(90*time.Minute).isnt("lost", r.lost())
			r.battery(again).exactly(lossAfter, "lost, now that one says so", r.lost)
		}
	}
	// One that fell silent in a loss that counts is another matter.
	r := withSite(t, power.SiteConfig{Sources: []power.SourceConfig{sensor, sensor}, All: true}).calm()
	r.battery(0).battery(1).silent(0).silent(1).exactly(lossAfter, "lost", r.lost)
}

func TestWhatASourceSaidTwoHoursAgoAsksNothing(t *testing.T) {
	r := onSite(t, sensor, sensor).calm()
	r.battery(1, low, charge(5), lasts(time.Minute)).silent(1).pass(silentOver).mains(0).pass(time.Hour)
	lost := r.now.Mono
	r.battery(0).pass(lossAfter).isnt("low", r.told(0).Low).isnt("asking", r.asks())
	if d := r.told(0).Deadline - lost; d != sparedAt {
		t.Errorf("deadline %v", d)
	}
	r.mains(0).exactly(stableAfter, "stable", r.stable)
}

func TestAUPSOnBatteryWithoutItsChargeIsntBelievedAlone(t *testing.T) {
	for _, row := range []struct {
		name  string
		words []func(*power.Heard)
		tells bool // charge on mains before
		alone bool // it is believed alone
	}{
		{"with its charge", []func(*power.Heard){charge(99)}, false, true},
		{"without", nil, false, false},
		{"without, though it told it on mains", nil, true, false},
		{"with a runtime only", []func(*power.Heard){lasts(time.Hour)}, false, false},
		{"without, and low", []func(*power.Heard){low}, false, true},
		{"calibrating", []func(*power.Heard){charge(99), calibrating}, false, false},
		{"calibrating, and low", []func(*power.Heard){charge(99), calibrating, low}, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := onSite(t, ups, sensor).calm()
			if row.tells {
				r.mains(0, charge(99))
			}
			r.battery(0, row.words...)
			if row.alone {
				r.exactly(lossAfter, "lost", r.lost)
				r.mains(1).isnt("named for that", strings.Contains(r.problem(), "believed"))
				return
			}
			r.pass(time.Hour).isnt("lost", r.lost())
			if text := r.problem(); text != "ups is on battery without telling its charge, or tests itself: it isn't believed alone; only ups says that mains is lost" {
				t.Errorf("%q", text)
			}
			r.battery(1).exactly(lossAfter, "lost, as another one says so", r.lost)
			r.mains(1).isnt("lost", r.lost())
		})
	}
	r := onSite(t, ups, ups).calm()
	if r.problem() != "" {
		t.Errorf("on mains: %q", r.problem())
	}
	r.battery(0).pass(time.Hour).battery(1).exactly(lossAfter, "lost, as two agree", r.lost)
	r = onSite(t, ups).calm()
	r.battery(0, charge(80)).pass(time.Minute)
	r.battery(0).is("lost, as it told its charge in this outage", r.lost())
}

func TestASelfTestAsksNothing(t *testing.T) {
	r := onSite(t, ups).calm()
	r.battery(0, charge(100), lasts(30*time.Minute)).pass(12*time.Second).is("lost", r.lost())
	r.mains(0, charge(98)).isnt("lost", r.lost()).isnt("asking", r.asks())
	r.exactly(backAfter, "over", r.over)
}

func TestASourceThatContradictsTheOthersIsNamed(t *testing.T) {
	for _, all := range []bool{false, true} {
		r := withSite(t, power.SiteConfig{Sources: []power.SourceConfig{sensor, {Name: "socket"}}, All: all}).calm()
		named := func() bool { return strings.Contains(r.problem(), "only socket says that mains is lost") }
		r.battery(1).exactly(time.Minute, "named", named)
		r.battery(0).isnt("named once both say so", named())
		r.mains(0).exactly(time.Minute, "named", named)
		r.silent(0).pass(silentTold).isnt("named once the other is silent", named())
	}
}

func TestFlappingOfEachPeriod(t *testing.T) {
	for half := time.Second; half <= 5*time.Minute; half += time.Second {
		r := onSite(t, sensor).calm()
		begins := 0
		for r.now.Mono < 4*time.Hour {
			r.battery(0).pass(half)
			if half < lossAfter && r.lost() {
				t.Fatalf("%v: lost", half)
			}
			if r.stable() {
				t.Fatalf("%v: stable on battery", half)
			}
			if r.asks() {
				r.shuts()
			}
			r.mains(0).pass(half)
			if half < stableAfter && r.stable() {
				t.Fatalf("%v: stable", half)
			}
			if half >= backAfter != r.over() && half >= lossAfter {
				t.Fatalf("%v: over: %v", half, r.over())
			}
		}
		for _, what := range r.what {
			if strings.HasPrefix(what, "the outage asks") {
				begins++
			}
		}
		switch want := map[bool]int{true: 1, false: 0}[half >= lossAfter && half < backAfter]; {
		case half < 5*time.Minute && begins != want:
			t.Errorf("%v: %d requests, not %d", half, begins, want)
		case half == 5*time.Minute && begins != 3:
			t.Errorf("%v: %d requests", half, begins)
		}
	}
}

// At low battery each loss asks, but a battery that was low has half an hour to
// charge before anything comes back.
func TestFlappingAtLowBatterySwitchesNoFasterThanTwiceAnHour(t *testing.T) {
	for half := lossAfter; half <= 40*time.Minute; half += 10 * time.Second {
		r := onSite(t, sensor).calm()
		backs := 0
		for end := r.now.Mono + time.Hour; r.now.Mono < end; {
			r.battery(0, low).pass(half)
			if !r.asks() {
				t.Fatalf("%v: not asking", half)
			}
			r.shuts().mains(0).pass(half)
			if r.stable() {
				backs++
			}
		}
		if backs > 2 {
			t.Errorf("%v: back %d times in an hour", half, backs)
		}
	}
}

func TestARestartGoesOnCounting(t *testing.T) {
	const years = 50 * 365 * 24 * time.Hour
	for _, row := range []struct {
		name  string
		at    time.Duration // of the end of the program
		clock time.Duration // how far it is from right at the next start, a minute later
		asks  time.Duration // after that start
	}{
		{"a right clock", 2*time.Minute + 30*time.Second, 0, 90 * time.Second},
		{"a right clock, just after the loss", lossAfter, 0, asksAfter - lossAfter - time.Minute},
		{"a right clock, late enough", asksAfter - time.Minute, 0, 0},
		{"a clock that is behind: from the last record on", 2*time.Minute + 30*time.Second, -time.Hour, asksAfter - 2*time.Minute - lossAfter},
		{"a clock that is years behind", 2*time.Minute + 30*time.Second, -years, asksAfter - 2*time.Minute - lossAfter},
		{"a clock that is ahead", 2*time.Minute + 30*time.Second, 30 * time.Second, time.Minute},
		{"a clock that is years ahead", 2*time.Minute + 30*time.Second, years, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := onSite(t, sensor).calm()
			r.battery(0).pass(row.at).isnt("asking", r.asks())
			r.restart(time.Minute + row.clock).battery(0)
			if row.asks == 0 {
				r.is("asking", r.asks())
				return
			}
			r.is("lost", r.lost()).exactly(row.asks, "asking", r.asks)
		})
	}
}

func TestARestartInEachPhase(t *testing.T) {
	t.Run("before the loss counts, it begins anew", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).tell(power.Automatic{On: false}).tell(power.Automatic{On: true}) // and what it said is on record
		r.pass(lossAfter-1).restart(time.Second).pass(time.Hour).isnt("lost", r.lost())
		r.battery(0).exactly(lossAfter, "lost", r.lost)

		r = onSite(t, sensor, sensor).calm()
		r.battery(0).tell(power.Automatic{On: false}).restart(time.Second).mains(1).exactly(stableAfter, "stable", r.stable)
	})
	t.Run("while it asks, it is the same outage", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(asksAfter)
		number := r.told(0).Outage
		r.restart(time.Minute).battery(0)
		if n := r.told(0).Outage; n != number {
			t.Errorf("outage %d, not %d", n, number)
		}
	})
	t.Run("while mains is back for less than 30 s", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(asksAfter).mains(0).pass(backAfter - 1)
		r.restart(time.Second).mains(0).isnt("known", r.known())
		r.exactly(backAfter, "over", r.over)
		r.is("known", r.known()).exactly(stableAfter-backAfter, "stable", r.stable)
	})
	t.Run("once it is over", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(asksAfter).mains(0).pass(backAfter)
		r.restart(time.Second).mains(0).is("over", r.over()).exactly(stableAfter, "stable", r.stable)
		r.battery(0).exactly(lossAfter, "lost", r.lost).isnt("asking", r.asks())
	})
	t.Run("twice", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(lossAfter)
		r.restart(time.Minute).pass(time.Second).restart(time.Minute).battery(0)
		r.exactly(asksAfter-lossAfter-2*time.Minute-time.Second, "asking", r.asks)
	})
}

// A host that the outage took down is started by the mains that came back, and a UPS
// or a broker may start later than it.
func TestAfterARestartNothingIsAskedBeforeASourceSpeaks(t *testing.T) {
	for name, lost := range map[string]time.Duration{"while it counts": time.Minute, "while it asks": 6 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			r := onSite(t, ups, sensor).calm()
			r.battery(0, charge(90)).pass(lost)
			r.restart(6 * time.Hour)
			r.pass(staleFor-1).isnt("known", r.known()).isnt("over", r.over())
			if lost < asksAfter && !r.s.PlannedFor().IsZero() {
				t.Errorf("planned for %v", r.s.PlannedFor())
			}
			r.pass(1).is("lost", r.lost()).is("asking", r.asks()) // as any that fell silent on battery
			r.pass(silentOver-staleFor-1).is("lost", r.lost()).pass(1).isnt("lost", r.lost())
		})
	}
	r := onSite(t, ups, sensor).calm()
	r.battery(0, charge(90)).pass(6 * time.Minute).restart(time.Minute)
	r.mains(1).pass(staleFor-1).isnt("over, while the UPS is waited for", r.over()).isnt("known", r.known())
	r.battery(0, charge(80)).is("asking", r.asks())

	r = onSite(t, ups, sensor).calm()
	r.battery(0, charge(90)).pass(6 * time.Minute).restart(time.Minute).mains(0)
	r.exactly(backAfter, "over", r.over)
	r.isnt("asking", r.asks())
}

// A topic is told on change only: what its broker had retained when it started again
// may be of the outage that took it down, until the sensor's own program has started.
func TestARetainedWordIsHeldBack(t *testing.T) {
	t.Run("at the first start", func(t *testing.T) {
		r := onSite(t, sensor).battery(0, retained)
		r.exactly(staleFor+lossAfter, "lost", r.lost)
	})
	t.Run("after a restart", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(6 * time.Minute).restart(time.Hour).pass(time.Minute)
		r.battery(0, retained).isnt("known", r.known())
		r.exactly(staleFor-time.Minute, "asking", r.asks)
	})
	t.Run("from a broker that starts late", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(6 * time.Minute).mains(0).pass(time.Hour).restart(time.Minute).pass(time.Hour)
		r.battery(0, retained).exactly(staleFor+lossAfter, "lost", r.lost)
	})
	t.Run("until it is said anew", func(t *testing.T) {
		r := onSite(t, sensor).battery(0, retained).pass(time.Minute)
		r.battery(0).exactly(lossAfter, "lost", r.lost)
	})
	t.Run("but not where this program heard the sensor before", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(asksAfter-1).silent(0).battery(0, retained).exactly(1, "asking", r.asks)
		r = onSite(t, sensor).calm()
		r.silent(0).pass(time.Minute).battery(0, retained).exactly(lossAfter, "lost", r.lost)
	})
	t.Run("mains isn't", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(time.Minute).restart(time.Hour).mains(0, retained)
		r.exactly(backAfter, "over", r.over)
		r.silent(0).pass(time.Minute).battery(0, retained).exactly(lossAfter, "lost", r.lost)
	})
}

func TestASourceThatIsGoneFromTheConfigurationSaysNothing(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.battery(0).pass(time.Minute)
	r.cfg.Sources = []power.SourceConfig{{Name: "another"}}
	r.restart(time.Minute).pass(silentOver-1).isnt("over", r.over()).isnt("known", r.known())
	r.pass(1+stableAfter).is("stable", r.stable())
}

func TestTheClockIsSetWhileItRuns(t *testing.T) {
	for _, step := range []time.Duration{-50 * 365 * 24 * time.Hour, -time.Hour, time.Hour, 50 * 365 * 24 * time.Hour} {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(time.Minute)
		r.now.Wall = r.now.Wall.Add(step)
		r.exactly(asksAfter-time.Minute, "asking", r.asks)
		r.mains(0).exactly(stableAfter, "stable", r.stable)
	}
}

// outages plays some that shut recorders down, a quarter of an hour each.
func (r *rule) outages(n int) *rule {
	for range n {
		r.battery(0).pass(asksAfter).shuts().mains(0).pass(10 * time.Minute)
	}
	return r
}

func TestAtMostThreeOutagesADayShutRecordersDown(t *testing.T) {
	r := onSite(t, sensor).calm()
	begin := r.now.Mono + asksAfter
	r.outages(3).battery(0)
	r.exactly(24*time.Hour-(r.now.Mono-begin), "asking", r.asks)
	r.shuts().mains(0).pass(10 * time.Minute).battery(0)
	r.exactly(15*time.Minute-(10*time.Minute), "asking, as the second one was a day ago as well", r.asks)
}

func TestLowBatteryAsksWhateverTheLimit(t *testing.T) {
	r := onSite(t, sensor).calm().outages(3)
	r.battery(0).pass(time.Hour).isnt("asking", r.asks())
	r.battery(0, low).is("asking", r.asks()).shuts()
	if n := len(r.record.Memory.Shutdowns); n != 3 {
		t.Errorf("%d are kept", n)
	}
	r.mains(0).pass(chargeFor).battery(0).pass(time.Hour).isnt("asking", r.asks())
}

func TestALimitIsNeverAskedAfterTheOutageHasAsked(t *testing.T) {
	r := onSite(t, sensor).calm().outages(2)
	r.battery(0).pass(asksAfter).shuts().is("asking", r.asks())
	r.mains(0).pass(backAfter-1).battery(0).is("asking", r.asks())
	r.restart(time.Minute).battery(0).is("asking", r.asks())
	r.stands(0, power.Booting).shuts().pass(time.Hour).is("asking", r.asks())
	if n := len(r.record.Memory.Shutdowns); n != 3 {
		t.Errorf("%d outages are counted", n)
	}
}

func TestAnOutageThatShutsNothingDownIsntCounted(t *testing.T) {
	r := onSite(t, sensor).calm()
	for range 5 { // mains comes back in the countdown
		r.battery(0).pass(asksAfter).is("asking", r.asks())
		r.stands(0, power.Checking).stands(0, power.CountingDown).mains(0).pass(10*time.Minute).stands(0, power.Running)
	}
	r.stands(0, power.Confirming) // by hand
	r.battery(0).pass(asksAfter).is("asking", r.asks()).stands(0, power.PresumedOff)
	r.mains(0).pass(10 * time.Minute)
	if n := len(r.s.Memory().Shutdowns); n != 0 {
		t.Errorf("%d are counted", n)
	}
}

func TestAWordOfBeforeTheStartDoesNotStandAgainstASourceThatSpeaks(t *testing.T) {
	// On record: the sensor said so last, and is silent from then on.
	r := onSite(t, sensor, ups).calm()
	r.battery(0).pass(time.Minute).restart(time.Hour).mains(1, charge(80)).pass(13 * time.Minute)
	r.isnt("lost", r.lost())
	r.is("told of mains", r.told(0).Stable)
	r.isnt("asked", r.told(0).Outage != 0)
	// Nobody else speaks: it counts on.
	r = onSite(t, sensor, ups).calm()
	r.battery(0).pass(time.Minute).restart(time.Hour).pass(11 * time.Minute)
	r.is("lost", r.lost())
	// Retained by the broker, and an outage doesn't begin.
	r = onSite(t, sensor, ups)
	r.tell(power.Heard{Supply: power.OnBattery, Retained: true}).mains(1, charge(80)).pass(time.Hour)
	r.isnt("lost", r.lost())
	// What is said now counts, whatever the other says.
	r.battery(0).pass(time.Minute)
	r.is("lost", r.lost())
}

func TestTheLimitOutlivesARestart(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		name  string
		clock time.Duration // at the next start an hour after the last one
		left  time.Duration // that the limit holds on
	}{
		{"a right clock", 0, day - 95*time.Minute},
		{"a clock that is behind: as if they had been now", -day, day},
		{"a clock that is years ahead", 50 * 365 * day, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := onSite(t, sensor).calm().outages(3) // the first shutdown is 40 minutes old
			r.restart(55*time.Minute + row.clock).battery(0)
			if row.left <= asksAfter {
				r.exactly(asksAfter, "asking", r.asks)
				return
			}
			r.exactly(row.left, "asking", r.asks)
		})
	}
	t.Run("a clock that was years behind for some of them", func(t *testing.T) {
		r := onSite(t, sensor).calm().outages(1)
		r.restart(time.Minute - 50*365*day).calm().outages(2)
		r.restart(time.Minute + 50*365*day).battery(0)
		r.exactly(asksAfter, "asking", r.asks)
	})
	t.Run("the program ends between the request and its count", func(t *testing.T) {
		r := onSite(t, sensor).calm()
		r.battery(0).pass(asksAfter).restart(time.Minute).stands(0, power.Confirming)
		if n := len(r.record.Memory.Shutdowns); n != 1 {
			t.Errorf("%d are counted", n)
		}
	})
}

func TestWhatAPersonSwitchedOffStaysOff(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.tell(power.Automatic{On: true})
	if r.record != nil {
		t.Errorf("a record for nothing: %v", r.record.What)
	}
	r.tell(power.Automatic{On: false}).noted("automatic shutdown: off")
	r.restart(time.Minute).calm()
	r.battery(0, low, charge(5), lasts(0)).pass(time.Hour).isnt("asking", r.asks()).is("low", r.told(0).Low)
	if !r.s.PlannedFor().IsZero() {
		t.Error("something is planned")
	}
	r.tell(power.Automatic{On: true}).is("asking", r.asks()).noted("automatic shutdown: on")
	number := r.told(0).Outage
	r.tell(power.Automatic{On: false}).isnt("asking", r.asks()).pass(time.Hour)
	r.tell(power.Automatic{On: true}).is("asking", r.asks())
	if n := r.told(0).Outage; n != number {
		t.Errorf("outage %d, not %d", n, number)
	}
}

// turns are the recorders that are asked.
func (r *rule) turns() string {
	var all []string
	for i, name := range r.cfg.Recorders {
		if r.told(i).Outage != 0 {
			all = append(all, name)
		}
	}
	return strings.Join(all, " ")
}

func (r *rule) turn(want string) *rule {
	r.t.Helper()
	if got := r.turns(); got != want {
		r.t.Errorf("asked: %q, not %q", got, want)
	}
	return r
}

// four is a site whose recorders run.
func four(t *testing.T, parallel int) *rule {
	r := withSite(t, power.SiteConfig{Sources: []power.SourceConfig{sensor}, Parallel: parallel, Deadline: time.Hour}).calm()
	for i := range r.cfg.Recorders {
		r.stands(i, power.Running)
	}
	return r
}

func TestRecordersAreAskedInOrderAFewAtATime(t *testing.T) {
	for parallel, want := range map[int]string{0: "garage barn", 1: "garage", 2: "garage barn", 3: "garage barn attic", 9: "garage barn attic shed"} {
		four(t, parallel).battery(0).pass(asksAfter).turn(want)
	}
	for _, s := range power.States {
		r := four(t, 1).battery(0).pass(asksAfter).stands(0, s)
		want := "garage"
		switch s {
		case power.PresumedOff, power.Safe, power.Cutting, power.Off, power.Attention, power.Unreachable:
			want = "garage barn" // it is done with, or its shutdown doesn't go on
		}
		if r.turn(want); r.t.Failed() {
			t.Fatalf("in %s", s)
		}
	}
	r := four(t, 1).stands(0, power.Off).stands(1, power.Attention).battery(0).pass(asksAfter).turn("garage barn attic")
	r.stands(2, power.Confirming).turn("garage barn attic").stands(2, power.Safe).turn("garage barn attic shed")
}

func TestARecorderThatTakesTooLongHoldsNobodyUp(t *testing.T) {
	r := four(t, 2).battery(0).pass(asksAfter)
	r.stands(0, power.Checking).stands(1, power.Checking) // and there they hang
	r.exactly(3*time.Minute, "the others", func() bool { return r.turns() == "garage barn attic shed" })
}

func TestAllAreAskedAtOnceWhenTimeIsShort(t *testing.T) {
	all := "garage barn attic shed"
	r := four(t, 1)
	r.battery(0, low).pass(lossAfter).turn(all)
	r = four(t, 1)
	r.battery(0).pass(asksAfter).turn("garage").battery(0, low).turn(all)

	r = four(t, 1)
	r.battery(0, lasts(leastRuntime+time.Minute)).pass(time.Minute).turn("garage")
	r.stands(0, power.Confirming) // twice the budget of 100 s before the deadline
	r.exactly(leastRuntime-spared-200*time.Second, "all", func() bool { return r.turns() == all })
}

func TestNobodyGetsItsTurnWithMainsThere(t *testing.T) {
	r := four(t, 1).battery(0).pass(asksAfter).mains(0).stands(0, power.Attention).pass(backAfter - 1).turn("")
	r.battery(0).turn("garage barn").mains(0).pass(backAfter).turn("")
	r.battery(0).pass(lossAfter).turn("").pass(asksAfter - lossAfter).turn("garage barn")

	r = four(t, 1).battery(0).pass(asksAfter).mains(0).stands(0, power.Attention).pass(20 * time.Second).battery(0)
	r.exactly(3*time.Minute, "the next one's turn", func() bool { return r.turns() == "garage barn attic" })
}

func TestARecorderInTheWayIsNamed(t *testing.T) {
	r := four(t, 1).battery(0).pass(asksAfter).stands(0, power.Checking)
	named := func() bool { return slices.Equal(r.s.InTheWay(), []string{"garage (checking)"}) }
	r.exactly(time.Minute, "named", named)
	r.is("in the sentence", strings.HasSuffix(r.s.Status(), " In the way: garage (checking)."))
	for _, s := range power.States {
		goes := slices.Contains([]power.State{power.CountingDown, power.ShuttingDown, power.Confirming, power.PresumedOff, power.Safe, power.Cutting, power.Off}, s)
		if r.stands(0, s); goes == slices.Contains(r.s.InTheWay(), "garage ("+string(s)+")") {
			t.Errorf("%s: %v", s, r.s.InTheWay())
		}
	}
	r.stands(0, power.Checking).mains(0)
	for range 2 {
		if way := r.s.InTheWay(); len(way) > 0 {
			t.Errorf("in the way of nothing: %v", way)
		}
		r.pass(backAfter)
	}
}

func TestTheSentence(t *testing.T) {
	for _, row := range []struct {
		name string
		play func(r *rule)
		want string
	}{
		{"nothing is known", func(*rule) {}, "It isn't known whether mains is there."},
		{"mains", func(r *rule) { r.calm() }, "Mains is there."},
		{"silence", func(r *rule) { r.calm().silent(0).pass(time.Hour) }, "It isn't known whether mains is there."},
		{"a loss that doesn't count yet", func(r *rule) { r.calm().battery(0, charge(90)) }, "Mains is gone, as ups said; that counts after 10 s."},
		{"a loss", func(r *rule) { r.calm().battery(0, charge(90)).pass(time.Minute) }, "Mains has been lost since 01:00, as ups said. A shutdown is planned for 01:05."},
		{"a loss, and runtime", func(r *rule) { r.calm().battery(0, charge(90), lasts(8*time.Minute)).pass(time.Minute) }, "Mains has been lost since 01:00, as ups said. A shutdown is planned for 01:02."},
		{"mains is back for a moment", func(r *rule) { r.calm().battery(0, charge(90)).pass(time.Minute).mains(0) }, "Mains is back; that counts after 30 s."},
		{"a loss after a restart", func(r *rule) { r.calm().battery(0, charge(90)).pass(time.Minute).restart(time.Hour) }, "Mains was lost at 01:00. It isn't known whether it is back."},
		{"switched off", func(r *rule) { r.calm().battery(0, charge(90)).pass(time.Hour).tell(power.Automatic{}) }, "Mains has been lost since 01:00, as ups said. The automatic shutdown is switched off."},
		{"asking", func(r *rule) { r.calm().battery(0, charge(90)).pass(asksAfter).stands(0, power.Off) }, "Mains has been lost since 01:00, as ups said. Recorders are being shut down."},
		{"nothing is left to be asked", func(r *rule) {
			r.calm().battery(0, charge(90)).pass(time.Minute)
			for i := range r.cfg.Recorders {
				r.stands(i, power.Off)
			}
		}, "Mains has been lost since 01:00, as ups said. A shutdown is planned for 01:05."},
		{"all down", func(r *rule) {
			r.calm().battery(0, charge(90)).pass(asksAfter)
			for i, s := range []power.State{power.Off, power.Safe, power.PresumedOff, power.Cutting} {
				r.stands(i, s)
			}
		}, "Mains has been lost since 01:00, as ups said. The recorders have been shut down."},
		{"limited", func(r *rule) {
			r.calm()
			for range 3 {
				r.battery(0, charge(90)).pass(asksAfter).shuts().mains(0).pass(10 * time.Minute)
			}
			r.battery(0, charge(90)).pass(asksAfter)
		}, "Mains has been lost since 01:45, as ups said. Outages have shut recorders down three times within a day: now only low battery does."},
		{"mains back, and nothing is down", func(r *rule) { r.calm().battery(0, charge(90)).pass(asksAfter).mains(0, charge(80)).pass(backAfter) }, "Mains is there."},
		{"waiting for mains to be stable", func(r *rule) {
			r.calm().battery(0, charge(90)).pass(asksAfter).shuts().stands(0, power.Off).mains(0, charge(80)).pass(backAfter)
		}, "Mains is back. Recorders come back once it has been there for 2 minutes, at 01:07:00."},
		{"waiting for the charge", func(r *rule) {
			r.calm().battery(0, charge(90)).pass(asksAfter).shuts().stands(0, power.Off).mains(0, charge(12)).pass(stableAfter)
		}, "Mains is back. Recorders come back once the battery has charged to 25 % (now 12 %), at 01:35 at the latest."},
		{"waiting for a charge that isn't told", func(r *rule) {
			r.calm().battery(0, low).pass(asksAfter).shuts().stands(0, power.Off).mains(0).pass(stableAfter)
		}, "Mains is back. The battery was low and doesn't tell its charge: recorders come back at 01:35."},
		{"stable", func(r *rule) {
			r.calm().battery(0, charge(90)).pass(asksAfter).shuts().stands(0, power.Off).mains(0, charge(80)).pass(stableAfter)
		}, "Mains is back, and recorders come back."},
		{"still going down", func(r *rule) {
			r.calm().battery(0, charge(90)).pass(asksAfter).shuts().mains(0, charge(80)).pass(backAfter)
		}, "Mains is back. Recorders come back once it has been there for 2 minutes, at 01:07:00."},
		{"down by hand", func(r *rule) { r.calm().stands(0, power.Off) }, "Mains is there."},
		{"running again", func(r *rule) {
			r.calm().battery(0, charge(90)).pass(asksAfter).shuts().stands(0, power.Off).mains(0, charge(80)).pass(stableAfter).stands(0, power.Running)
		}, "Mains is there."},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := onSite(t, ups)
			r.now.Wall = epoch.Add(24 * time.Hour)
			if row.play(r); r.s.Status() != row.want {
				t.Errorf("%q, not %q", r.s.Status(), row.want)
			}
		})
	}
}

func TestTheSentenceIsntTooLongForHomeAssistant(t *testing.T) {
	c := power.SiteConfig{Sources: []power.SourceConfig{sensor}, Parallel: 100}
	for range 20 {
		c.Recorders = append(c.Recorders, strings.Repeat("ä", 16))
	}
	r := &rule{t: t, cfg: c, now: power.Instant{Wall: epoch, Mono: time.Second}}
	r.start()
	for i := range c.Recorders {
		r.stands(i, power.Unreachable)
	}
	r.battery(0).pass(time.Hour)
	if text := r.s.Status(); len(text) < 240 || len(text) > 255 {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

func TestAShutdownIsPlanned(t *testing.T) {
	r := onSite(t, sensor).calm()
	planned := func(want time.Time) {
		t.Helper()
		if got := r.s.PlannedFor(); !got.Equal(want) {
			t.Errorf("%v, not %v", got, want)
		}
	}
	planned(time.Time{})
	lost := r.now.Wall
	r.battery(0)
	planned(time.Time{})
	r.pass(lossAfter)
	planned(lost.Add(asksAfter))
	r.battery(0, lasts(8*time.Minute))
	planned(lost.Add(lossAfter + 2*time.Minute))
	r.mains(0)
	planned(time.Time{})
	r.battery(0, lasts(time.Hour)).pass(20 * time.Minute)
	planned(lost.Add(asksAfter))
	r.mains(0)
	planned(lost.Add(asksAfter))
	r.pass(backAfter)
	planned(time.Time{})
	r.outages(3).battery(0).pass(lossAfter)
	planned(time.Time{})
}

func TestRecordsOfAnOutage(t *testing.T) {
	r := onSite(t, sensor).calm()
	r.what = nil
	r.battery(0).pass(asksAfter).shuts().stands(1, power.Confirming).pass(30 * time.Second).mains(0).pass(time.Hour)
	want := []string{
		"mains lost, as sensor said", "the outage has lasted 1 min 10 s", "the outage has lasted 2 min 10 s", "the outage has lasted 3 min 10 s", "the outage has lasted 4 min 10 s",
		"the outage asks for a shutdown: on battery for 5 min", "the outage shuts garage down", "the outage shuts barn down", "mains is back",
	}
	if !slices.Equal(r.what, want) {
		t.Errorf("%q", r.what)
	}
	d := r.record.Memory
	if d.Number != uint64(len(want)) || d.Lost || !d.Asked.IsZero() {
		t.Errorf("%+v", d)
	}
	if r.tell(power.Automatic{}); r.record.Memory.OnBattery != d.OnBattery {
		t.Errorf("an hour later it lasted %v, not %v", r.record.Memory.OnBattery, d.OnBattery)
	}
	if r.wake >= 0 {
		t.Errorf("it is woken in %v, for nothing", r.wake-r.now.Mono)
	}
}

func TestAnOutageRemembersWhomItStopped(t *testing.T) {
	r := onSite(t, sensor).calm()
	stopped := func(want ...power.Stopped) {
		t.Helper()
		if got := r.record.Memory.Stopped; !slices.Equal(got, want) {
			t.Errorf("%+v, not %+v", got, want)
		}
	}
	r.battery(0).pass(asksAfter).shuts()
	stopped(power.Stopped{Recorder: "garage", State: power.Confirming})
	r.stands(1, power.Confirming).stands(0, power.Safe).stands(0, power.Off)
	stopped(power.Stopped{Recorder: "garage", State: power.Off}, power.Stopped{Recorder: "barn", State: power.Confirming})
	number := r.record.Memory.Number
	if r.stands(1, power.Confirming); r.record.Memory.Number != number {
		t.Error("a record without news")
	}
	r.restart(time.Minute).stands(0, power.Off).stands(1, power.Attention)
	stopped(power.Stopped{Recorder: "garage", State: power.Off}, power.Stopped{Recorder: "barn", State: power.Attention})
	r.mains(0).pass(time.Hour).stands(0, power.Booting).stands(0, power.Running).stands(0, power.Confirming) // by hand, later
	end := []power.Stopped{{Recorder: "garage", State: power.Running}, {Recorder: "barn", State: power.Attention}}
	stopped(end...)
	r.stands(0, power.Running).battery(0).pass(lossAfter)
	stopped()
	// One that comes back in an outage is shut down again.
	r.pass(asksAfter).shuts().stands(0, power.Booting).stands(0, power.Running).shuts()
	stopped(power.Stopped{Recorder: "garage", State: power.Confirming})
}

func TestTheLogBookIsToldWhyAnOutageAsks(t *testing.T) {
	r := onSite(t, sensor, ups).calm()
	why := func(want string) {
		t.Helper()
		if got := r.s.Why(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	why("")
	since := r.now.Wall.Format("15:04:05")
	r.battery(0).battery(1, charge(90)).pass(asksAfter - time.Second)
	why("")
	r.pass(time.Second)
	why("mains lost since " + since + ", as sensor, ups said; on battery for 5 min")
	r.mains(0).mains(1)
	why("")
	r.pass(time.Hour)
	why("")

	r = onSite(t, ups).calm()
	since = r.now.Wall.Format("15:04:05")
	r.battery(0, charge(40)).pass(lossAfter)
	why("mains lost since " + since + ", as ups said; 40 % charge")
	r.battery(0, charge(60)) // it has asked
	why("mains lost since " + since + ", as ups said")
}

func TestNumbersOfOutagesGoOnWithoutAJournal(t *testing.T) {
	r := onSite(t, sensor)
	r.battery(0).pass(asksAfter)
	number := r.told(0).Outage
	r.record = nil // it is lost
	r.restart(time.Minute).battery(0).pass(asksAfter)
	if n := r.told(0).Outage; n <= number {
		t.Errorf("outage %d after %d", n, number)
	}
	r.now.Wall = time.Unix(-1, 0)
	r.record = nil
	if r.restart(0); r.s.Memory().Outage != 0 {
		t.Errorf("outage %d with a clock before the epoch", r.s.Memory().Outage)
	}
}

func TestASiteRecordThatCantBeOursIsNone(t *testing.T) {
	for name, change := range map[string]func(*power.SiteMemory){
		"a number at its end":            func(d *power.SiteMemory) { d.Number = math.MaxUint64 },
		"a number of outages at its end": func(d *power.SiteMemory) { d.Outage = math.MaxUint64 },
		"a time below nothing":           func(d *power.SiteMemory) { d.OnBattery = -1 },
		"a time of more than a year":     func(d *power.SiteMemory) { d.OnBattery = 366 * 24 * time.Hour },
		"more shutdowns than are kept":   func(d *power.SiteMemory) { d.Shutdowns = make([]power.Instant, 4) },
		"more recorders than may be":     func(d *power.SiteMemory) { d.Stopped = make([]power.Stopped, 1001) },
	} {
		r := onSite(t, sensor)
		r.battery(0).pass(asksAfter).shuts()
		change(&r.record.Memory)
		if r.restart(time.Minute); !r.over() || len(r.s.Memory().Shutdowns) != 0 {
			t.Errorf("%s: %+v", name, r.s.Memory())
		}
	}
	r := onSite(t, sensor)
	r.battery(0).pass(time.Minute)
	d := &r.record.Memory
	d.Number, d.Outage, d.OnBattery, d.Shutdowns, d.Stopped = 1<<60, 1<<60, 365*24*time.Hour, make([]power.Instant, 3), make([]power.Stopped, 1000)
	r.restart(time.Minute).isnt("over", r.over())
}
