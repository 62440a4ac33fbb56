package power_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

var sitesFlag = flag.Uint64("sites", 1000/slower, "how many random stories the outage rule is compared in")

// An oracle says what the design wants of the rule, in a clock of whole seconds: it
// looks each second and counts, and knows no instants and no wakes.
type oracle struct {
	cfg    power.SiteConfig
	up     int // seconds since the start
	words  []lastWord
	people struct{ off bool } // switched off by hand

	gone, there int // for how long; -1: it isn't
	outage      bool
	age         int // of the outage
	wasLow      bool
	asking      bool
	counted     bool
	shutdowns   []shutdown
	recorders   []turn
	known       bool
}

// lastWord is that of a source.
type lastWord struct {
	supply           power.Supply // "": none
	low, calibrating bool
	charge, empty    int // percent, and in seconds; -1000000: not told
	silent           int // for how long; -1: it speaks
	old              int // for how long it is known that it was said before the start; -1: it wasn't
}

type shutdown struct {
	age  int
	wall time.Time
}

type turn struct {
	state  power.State
	budget int
	asked  int // for how long; -1: it isn't
}

const untold = -1_000_000

func newOracle(c power.SiteConfig, wall time.Time) *oracle {
	o := &oracle{cfg: c}
	o.restart(wall, nil, 0)
	return o
}

// restart begins with what was on record, away seconds ago by the clock.
func (o *oracle) restart(wall time.Time, saying []string, away int) {
	o.up, o.gone, o.there, o.known = 0, -1, -1, false
	o.words = nil
	for _, s := range o.cfg.Sources {
		w := lastWord{charge: untold, empty: untold, old: -1}
		if o.outage && slices.Contains(saying, s.Name) {
			w.supply, w.old = power.OnBattery, 0
		}
		o.words = append(o.words, w)
	}
	o.age += min(max(away, 0), 24*60*60)
	for i := range o.shutdowns {
		o.shutdowns[i].age = min(max(int(wall.Sub(o.shutdowns[i].wall)/time.Second), 0), 24*60*60)
	}
	o.recorders = nil
	for range o.cfg.Recorders {
		o.recorders = append(o.recorders, turn{asked: -1})
	}
	o.decide(wall)
}

func (o *oracle) clone() *oracle {
	c := *o
	c.words, c.shutdowns, c.recorders = slices.Clone(o.words), slices.Clone(o.shutdowns), slices.Clone(o.recorders)
	return &c
}

// second lets one pass.
func (o *oracle) second(wall time.Time) {
	o.up++
	for _, n := range []*int{&o.gone, &o.there} {
		if *n >= 0 {
			*n++
		}
	}
	if o.age++; !o.outage {
		o.age = 0
	}
	for i := range o.words {
		if o.words[i].silent >= 0 {
			o.words[i].silent++
		}
		if o.words[i].empty != untold {
			o.words[i].empty--
		}
		if o.words[i].old >= 0 {
			o.words[i].old++
		}
	}
	for i := range o.shutdowns {
		o.shutdowns[i].age++
	}
	for i := range o.recorders {
		if o.recorders[i].asked >= 0 {
			o.recorders[i].asked++
		}
	}
	o.decide(wall)
}

func (o *oracle) hear(wall time.Time, e power.SiteEvent) {
	switch e := e.(type) {
	case power.Heard:
		o.says(e)
	case power.Automatic:
		o.people.off = !e.On
	case power.Stands:
		x := &o.recorders[e.Recorder]
		if e.State == power.Confirming && x.state != power.Confirming && o.asking && !o.counted {
			o.counted = true
			o.shutdowns = append(o.shutdowns, shutdown{0, wall})
			o.shutdowns = o.shutdowns[max(0, len(o.shutdowns)-3):]
		}
		x.state, x.budget = e.State, int(e.Budget/time.Second)
	}
	o.decide(wall)
}

func (o *oracle) says(e power.Heard) {
	w := &o.words[e.Source]
	if e.Supply == power.SupplyUnknown {
		w.silent = max(w.silent, 0)
		return
	}
	n := lastWord{supply: e.Supply, low: e.Low, calibrating: e.Calibrating, charge: untold, empty: untold, silent: -1, old: -1}
	if e.ChargeTold {
		n.charge = e.Charge
	}
	if e.Retained && e.Supply == power.OnBattery && (w.supply == "" || w.old >= 0) {
		n.old = max(w.old, 0)
	}
	if e.RuntimeTold {
		n.empty = int(e.Runtime / time.Second)
	}
	if w.silent < 60 && w.supply != "" && (n.supply == power.OnMains || w.supply == power.OnBattery) {
		n.low = n.low || w.low
		if n.charge == untold {
			n.charge = w.charge
		}
		if n.empty == untold {
			n.empty = w.empty
		}
	}
	*w = n
}

// battery says that a source says so, or said it last.
func (w lastWord) battery() bool { return w.supply == power.OnBattery && w.silent < 2*60*60 }

// saying are the names of those sources.
func (o *oracle) saying() (names []string) {
	for i, w := range o.words {
		if w.battery() {
			names = append(names, o.cfg.Sources[i].Name)
		}
	}
	return names
}

func (o *oracle) decide(wall time.Time) {
	gone, there := o.sources()
	for _, x := range []struct {
		is bool
		n  *int
	}{{gone, &o.gone}, {there, &o.there}} {
		if *x.n = max(*x.n, 0); !x.is {
			*x.n = -1
		}
	}
	switch {
	case !o.outage && o.gone >= 10: // "Debounce 10 s"
		o.outage, o.age, o.wasLow = true, o.gone, false
	case o.outage && o.there >= 30: // "Back on mains for 30 s"
		o.outage, o.asking, o.counted = false, false, false
	}
	o.known = o.known || o.lost() || there && !o.outage
	o.wasLow = o.wasLow || o.low()
	lately := 0
	for _, s := range o.shutdowns {
		if s.age < 24*60*60 {
			lately++
		}
	}
	if o.lost() && !o.asking && !o.people.off && o.wants() && (o.low() || lately < 3) {
		o.asking = true
	}
	o.order()
}

// sources joins them.
func (o *oracle) sources() (gone, there bool) {
	n, mains := 0, false
	for _, w := range o.words {
		if w.battery() {
			n++
		}
		mains = mains || w.supply == power.OnMains && w.silent < 60
	}
	speaking, waiting, silence := false, false, true
	for i, w := range o.words {
		silence = silence && w.silent >= 2*60*60 // "2 h: restore"
		if w.old >= 0 && w.old < 10*60 {
			waiting = true
			continue
		}
		alone := o.cfg.Sources[i].Battery && (w.charge == untold || w.calibrating) && !w.low && w.old < 0 && n == 1
		outdone := w.old >= 0 && mains // a word of before the start stands against nobody who speaks
		if w.battery() && !alone && !outdone {
			gone = true
			speaking = speaking || w.silent < 0
		}
	}
	if o.cfg.All && mains {
		gone = false
	}
	if !o.outage && o.gone < 0 && !speaking { // "never start from stale data"
		gone = false
	}
	return gone, silence || mains && !gone && !waiting
}

func (o *oracle) lost() bool { return o.outage && o.gone >= 0 }

func (o *oracle) low() bool {
	return o.lost() && slices.ContainsFunc(o.words, func(w lastWord) bool { return w.low && w.battery() })
}

// lowest is the lowest charge, or time until empty, of those that are told.
func (o *oracle) lowest(counts func(lastWord) bool, of func(lastWord) int) (n int, told bool) {
	for _, w := range o.words {
		if x := of(w); counts(w) && x != untold && (!told || x < n) {
			n, told = x, true
		}
	}
	return n, told
}

func chargeOf(w lastWord) int { return w.charge }
func emptyOf(w lastWord) int  { return w.empty }

func (o *oracle) budget() (longest int) {
	for _, x := range o.recorders {
		longest = max(longest, x.budget)
	}
	return longest
}

func (o *oracle) empty() (int, bool) {
	return o.lowest(lastWord.battery, emptyOf)
}

// wants is "on battery ≥ 5 min, or charge, or runtime, or low battery".
func (o *oracle) wants() bool {
	charge, charged := o.lowest(lastWord.battery, chargeOf)
	empty, timed := o.empty()
	return o.low() || o.age >= int(o.cfg.OnBattery/time.Second) || charged && charge <= o.cfg.Charge || timed && empty <= max(6*60, 2*o.budget())
}

// spare is in how many seconds the battery must be spared.
func (o *oracle) spare() int {
	if empty, timed := o.empty(); timed {
		return empty - 60
	}
	return int(o.cfg.Deadline/time.Second) - o.age
}

// order gives recorders their turn.
func (o *oracle) order() {
	busy := 0
	for i := range o.recorders {
		x := &o.recorders[i]
		if !o.asking || o.people.off {
			x.asked = -1
		}
		if x.asked >= 0 && x.asked < 180 && works(x.state) {
			busy++
		}
	}
	if !o.asking || o.people.off || !o.lost() {
		return
	}
	short := o.low() || o.spare() <= 2*o.budget()
	for i := range o.recorders {
		if x := &o.recorders[i]; x.asked < 0 && (short || busy < o.cfg.Parallel) {
			x.asked = 0
			if works(x.state) {
				busy++
			}
		}
	}
}

func works(s power.State) bool {
	return !slices.Contains([]power.State{power.PresumedOff, power.Safe, power.Cutting, power.Off, power.Attention, power.Unreachable}, s)
}

func (o *oracle) stable() bool {
	charge, charged := o.lowest(func(w lastWord) bool { return w.silent < 2*60*60 }, chargeOf)
	enough := charged && charge >= o.cfg.Floor || !charged && !o.wasLow
	return !o.outage && o.there >= 120 && (enough || o.there >= 30*60)
}

// mains is what recorders are to be told, and the asked ones a number.
func (o *oracle) mains() power.Mains {
	m := power.Mains{Lost: o.lost(), Low: o.low(), Stable: o.stable()}
	if m.Lost {
		m.Deadline = max(1, time.Duration(1+o.up+o.spare())*time.Second)
	}
	return m
}

// A site tale is one random story: the oracle beside two rules, of which one is looked at
// each second and the other only at its own wakes.
type siteTale struct {
	r    *rand.Rand
	cfg  power.SiteConfig
	log  *strings.Builder
	time time.Duration // of the world
	wall time.Duration // what the clock is off by
	lied bool          // at a start
	base time.Duration

	each, wakes rules
	o           *oracle
	saved       *oracle // as of the last record
	savedAt     time.Time
	saying      []string
	seen        map[string]int
	wrong       string

	// What is known from the words alone, over restarts.
	battery  []bool          // a source's last word
	since    time.Duration   // any of them in this outage
	outages  []time.Duration // that were counted
	lastDown bool
}

type rules struct {
	s      *power.Site
	wake   time.Duration
	record *power.SiteRecord
}

func (x *siteTale) now() power.Instant {
	return power.Instant{Wall: epoch.Add(x.time + x.wall), Mono: x.time - x.base + time.Second}
}

func (x *siteTale) fail(format string, args ...any) {
	if x.wrong == "" {
		x.wrong = fmt.Sprintf(format, args...)
		x.say("WRONG: %s", x.wrong)
	}
}

func (x *siteTale) say(format string, args ...any) {
	if x.log != nil {
		fmt.Fprintf(x.log, "%8.0f  %s\n", x.time.Seconds(), fmt.Sprintf(format, args...))
	}
}

// take checks an output alone.
func (x *siteTale) take(s *rules, out power.SiteOutput) {
	now := x.now()
	s.wake = out.Wake
	if out.Wake >= 0 && out.Wake <= now.Mono || out.Wake < -1 || out.Wake >= 0 && out.Wake%time.Second != 0 {
		x.fail("wake %v at %v", out.Wake, now.Mono)
	}
	if out.Record == nil {
		return
	}
	d := out.Record.Memory
	if before := s.record; before != nil {
		b := before.Memory
		switch {
		case d.Number != b.Number+1:
			x.fail("record %d after %d", d.Number, b.Number)
		case d.Outage < b.Outage || d.Outage > b.Outage && !b.Asked.IsZero():
			x.fail("outage %d after %d", d.Outage, b.Outage)
		case d.Lost && b.Lost && d.OnBattery < b.OnBattery:
			x.fail("on battery for %v after %v", d.OnBattery, b.OnBattery)
		case d.Outage > b.Outage:
			x.asks(d)
		}
	}
	s.record = out.Record
}

// asks judges a request by the words alone.
func (x *siteTale) asks(d power.SiteMemory) {
	x.seen["asks"]++
	lately := 0
	for _, at := range x.outages {
		if x.time-at < 24*time.Hour {
			lately++
		}
	}
	switch {
	case !slices.Contains(x.battery, true):
		x.fail("it asks and nobody says battery")
	case x.time-x.since < lossAfter:
		x.fail("it asks %v after the first word of it", x.time-x.since)
	case lately > 3 && !d.Low && !x.lied:
		x.fail("it asks after %d outages of a day", lately)
	}
}

// compare is done after each step and each second, as to what people are told after
// each that says something new.
func (x *siteTale) compare(all bool) {
	want := x.o.mains()
	for i := range x.cfg.Recorders {
		a, known := x.each.s.Mains(i)
		b, other := x.wakes.s.Mains(i)
		if want.Outage = 0; want.Lost && x.o.recorders[i].asked >= 0 {
			want.Outage = x.each.s.Memory().Outage // asks looks at it
		}
		if known != x.o.known || a != want {
			x.fail("recorder %d: %+v (%v), and the oracle says %+v (%v)", i, a, known, want, x.o.known)
		}
		if b != a || other != known {
			x.fail("recorder %d: %+v (%v), and with its own wakes only %+v (%v)", i, a, known, b, other)
		}
		if a.Lost && a.Stable || a.Low && !a.Lost || a.Outage != 0 && !a.Lost || (a.Deadline > 0) != a.Lost {
			x.fail("recorder %d: %+v", i, a)
		}
	}
	if !all {
		return
	}
	if a, b := x.each.s, x.wakes.s; a.Status() != b.Status() || !a.PlannedFor().Equal(b.PlannedFor()) || len(a.Status()) > 255 {
		x.fail("%q, %v, and with its own wakes only %q, %v", a.Status(), a.PlannedFor(), b.Status(), b.PlannedFor())
	}
	text, needs := x.each.s.Problem()
	if other, same := x.wakes.s.Problem(); other != text || same != needs {
		x.fail("%q, and with its own wakes only %q", text, other)
	}
	if len(x.each.s.Memory().Shutdowns) > 3 {
		x.fail("%d shutdowns", len(x.each.s.Memory().Shutdowns))
	}
	for what, is := range map[string]bool{"lost": x.o.outage, "stable": x.o.stable(), "limited": x.o.lost() && x.o.wants() && !x.o.asking && !x.o.people.off} {
		if is {
			x.seen[what]++
		}
	}
}

func (x *siteTale) save(out power.SiteOutput) {
	if out.Record != nil {
		x.say("record: %s", strings.Join(out.Record.What, "; "))
		x.saved, x.savedAt = x.o.clone(), x.now().Wall
		x.saying = x.o.saying()
	}
}

func (x *siteTale) tell(e power.SiteEvent) {
	if x.wrong != "" {
		return
	}
	x.say("%s", strings.TrimPrefix(fmt.Sprintf("%T %+v", e, e), "power."))
	if h, ok := e.(power.Heard); ok && h.Supply != power.SupplyUnknown {
		before := slices.Contains(x.battery, true)
		x.battery[h.Source] = h.Supply == power.OnBattery
		if !before && slices.Contains(x.battery, true) && !x.o.outage {
			x.since = x.time
		}
	}
	x.o.hear(x.now().Wall, e)
	if x.o.counted && !x.lastDown {
		x.outages = append(x.outages, x.time)
	}
	x.lastDown = x.o.counted
	out := x.each.s.Step(x.now(), e)
	x.take(&x.each, out)
	x.take(&x.wakes, x.wakes.s.Step(x.now(), e))
	x.save(out)
	x.compare(true)
}

func (x *siteTale) pass(seconds int) {
	for range seconds {
		if x.wrong != "" {
			return
		}
		x.time += time.Second
		x.o.second(x.now().Wall)
		x.lastDown = x.o.counted
		out := x.each.s.Step(x.now(), power.Tick{})
		x.take(&x.each, out)
		w := x.wakes.wake
		due := w >= 0 && w <= x.now().Mono
		if due {
			x.take(&x.wakes, x.wakes.s.Step(x.now(), power.Tick{}))
		}
		x.save(out)
		x.compare(due || x.r.IntN(20) == 0)
	}
}

// restart ends the program and starts it again.
func (x *siteTale) restart(away, clock time.Duration) {
	x.say("away for %v, the clock then off by %v", away, clock)
	x.seen["restarts"]++
	x.time += away
	x.wall += clock
	x.lied = x.lied || x.wall != 0
	x.base = x.time
	if x.saved == nil {
		x.o = newOracle(x.cfg, x.now().Wall)
	} else {
		x.o = x.saved.clone()
		x.o.restart(x.now().Wall, x.saying, int(x.now().Wall.Sub(x.savedAt)/time.Second))
	}
	x.lastDown = x.o.counted
	for i, s := range x.cfg.Sources { // the last word on record
		x.battery[i] = x.o.outage && slices.Contains(x.saying, s.Name)
	}
	x.start()
}

func (x *siteTale) start() {
	for _, s := range []*rules{&x.each, &x.wakes} {
		var records []power.SiteRecord
		if s.record != nil {
			records = append(records, *s.record)
		}
		site, out := power.RestoreSite(x.cfg, x.now(), records)
		s.s = site
		x.take(s, out)
		x.save(out)
	}
	x.compare(true)
}

func newSiteTale(seed uint64, log *strings.Builder) *siteTale {
	r := rand.New(rand.NewPCG(seed, 3))
	x := &siteTale{r: r, log: log, seen: map[string]int{}}
	c := &x.cfg
	for i := range pick(r, 1, 1, 2, 2, 3) {
		c.Sources = append(c.Sources, power.SourceConfig{Name: fmt.Sprint("s", i), Battery: chance(r, 2)})
		x.battery = append(x.battery, false)
	}
	c.Recorders = []string{"a", "b", "c", "d"}[:1+r.IntN(4)]
	c.All = chance(r, 3)
	c.OnBattery = pick(r, 5*time.Minute, 5*time.Minute, 90*time.Second, 15*time.Second, 20*time.Minute)
	c.Deadline = pick(r, 10*time.Minute, 10*time.Minute, 6*time.Minute, time.Hour)
	c.Charge, c.Floor, c.Parallel = pick(r, 50, 50, 20), pick(r, 25, 25, 60), pick(r, 2, 1, 3)
	x.o = newOracle(x.cfg, x.now().Wall)
	x.start()
	return x
}

// heard is a random word. The same supply as before comes often, as it does from a
// UPS that is asked.
func (x *siteTale) heard() power.Heard {
	r := x.r
	h := power.Heard{Source: r.IntN(len(x.cfg.Sources)), Supply: pick(r, power.OnMains, power.OnBattery, power.OnBattery, power.SupplyUnknown)}
	if x.battery[h.Source] && chance(r, 3) {
		h.Supply = power.OnBattery
	}
	h.Low, h.Calibrating, h.Retained = chance(r, 12), chance(r, 12), chance(r, 8)
	if !chance(r, 3) {
		h.ChargeTold, h.Charge = true, pick(r, 100, 90, 51, 50, 25, 24, 10)
	}
	if chance(r, 3) {
		h.RuntimeTold, h.Runtime = true, pick(r, 0, 30*time.Second, 6*time.Minute, 7*time.Minute, 20*time.Minute, 2*time.Hour)
	}
	return h
}

// event lets one thing happen.
func (x *siteTale) event() {
	r := x.r
	switch r.IntN(16) {
	default:
		x.tell(x.heard())
	case 0, 1, 2:
		s := pick(r, power.Running, power.Checking, power.ShuttingDown, power.Confirming, power.Confirming, power.PresumedOff, power.Off, power.Attention, power.Unreachable, power.Booting)
		x.tell(power.Stands{Recorder: r.IntN(len(x.cfg.Recorders)), State: s, Budget: pick(r, 100*time.Second, 100*time.Second, 4*time.Minute)})
	case 3:
		if chance(r, 3) {
			x.tell(power.Automatic{On: !chance(r, 4)})
		}
	case 4:
		if chance(r, 2) {
			x.restart(pick(r, time.Second, 20*time.Second, 3*time.Minute, 7*time.Hour), pick(r, 0, 0, 0, -time.Hour, time.Hour, -40*365*24*time.Hour, 40*365*24*time.Hour))
		}
	case 6: // an outage that shuts down
		x.tell(power.Heard{Supply: power.OnBattery, ChargeTold: true, Charge: 90})
		x.pass(int(x.cfg.OnBattery/time.Second) + 1)
		x.tell(power.Stands{State: power.ShuttingDown})
		x.tell(power.Stands{State: power.Confirming})
		for i := range x.cfg.Sources {
			x.tell(power.Heard{Source: i, Supply: power.OnMains})
		}
		x.pass(31)
	case 5:
		x.wall += pick(r, 0, time.Minute, -time.Minute, time.Hour, -24*time.Hour)
		x.tell(power.Tick{})
	}
}

func (x *siteTale) play(events int) {
	for range events {
		if x.wrong != "" {
			return
		}
		x.event()
		x.pass(pick(x.r, 0, 0, 1, 2, 5, 9, 10, 11, 29, 30, 31, 59, 60, 61, 100, 180))
		if chance(x.r, 40) {
			x.pass(pick(x.r, 5*60, 10*60, 15*60, 30*60))
		}
		if chance(x.r, 1000) {
			x.pass(pick(x.r, 60*60, 60*60, 2*60*60+150, 2*60*60+150, 24*60*60))
		}
	}
}

func TestTheRuleDoesWhatTheDesignSays(t *testing.T) {
	seen := map[string]int{}
	if *seedFlag != 0 {
		var log strings.Builder
		x := newSiteTale(*seedFlag, &log)
		x.play(30)
		t.Log("\n" + log.String())
		if x.wrong != "" {
			t.Error(x.wrong)
		}
		return
	}
	var (
		next  atomic.Uint64
		mu    sync.Mutex
		group sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := next.Add(1); seed <= *sitesFlag; seed = next.Add(1) {
				x := newSiteTale(seed, nil)
				x.play(30)
				mu.Lock()
				if x.wrong != "" {
					t.Errorf("seed %d: %s", seed, x.wrong)
				}
				for what, n := range x.seen {
					seen[what] += n
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for what, least := range map[string]int{"asks": 100, "restarts": 100, "lost": 3000, "stable": 300, "limited": 1} {
		if seen[what] < least/slower {
			t.Errorf("%s: %d", what, seen[what])
		}
	}
	t.Log(seen)
}

// A UPS that is asked every 5 s, however fast its battery empties: with a restart, the rule
// asks when it had asked without one, or as soon as the program is there again.
func TestARestartNeverDelaysTheRequest(t *testing.T) {
	type reading struct {
		charge int
		left   time.Duration
		low    bool
	}
	for seed := range uint64(2000 / slower) {
		r := rand.New(rand.NewPCG(seed, 5))
		var readings []reading
		now := reading{pick(r, 100, 80, 60), pick(r, 7*time.Minute, 15*time.Minute, time.Hour), false}
		for range 120 { // 10 minutes
			now.charge = max(0, now.charge-r.IntN(3))
			now.left = max(0, now.left-pick(r, 0, 5*time.Second, 5*time.Second, 20*time.Second, time.Minute))
			now.low = now.low || chance(r, 200)
			readings = append(readings, now)
		}
		// play says when it asks, after the loss.
		play := func(ends, away, clock time.Duration) time.Duration {
			x := onSite(t, ups).calm()
			lost := x.now.Mono
			for i, now := range readings {
				at := lost + time.Duration(i)*5*time.Second
				if ends > 0 && at-lost >= ends {
					x.pass(lost + ends - x.now.Mono)
					x.restart(away + clock)
					lost, ends = x.now.Mono-ends-away, 0
					at = lost + time.Duration(i)*5*time.Second
				}
				if at < x.now.Mono {
					continue // it was asked by nobody
				}
				x.pass(at - x.now.Mono)
				change := func(h *power.Heard) { h.Low = now.low }
				x.battery(0, charge(now.charge), lasts(now.left), change)
				if asked := x.s.Memory().Asked; !asked.IsZero() {
					return x.now.Mono - lost
				}
			}
			t.Fatalf("seed %d: it never asks", seed)
			return 0
		}
		without := play(0, 0, 0)
		ends, away := lossAfter+time.Second+seconds(r, 0, 200), seconds(r, 0, 60)
		earliest := max(without, ends+away) + 5*time.Second // as the UPS is asked every 5 s
		if ends >= without {
			continue
		}
		for _, clock := range []time.Duration{0, time.Minute, 50 * 365 * 24 * time.Hour} {
			if got := play(ends, away, clock); got > earliest {
				t.Fatalf("seed %d: ended after %v, away for %v, the clock ahead by %v: asks after %v, without that after %v", seed, ends, away, clock, got, without)
			}
		}
		// A clock that is behind hides how long it was away, and what passed since the last record.
		if got := play(ends, away, -50*365*24*time.Hour); got > earliest+away+time.Minute {
			t.Fatalf("seed %d: ended after %v, away for %v, the clock behind: asks after %v, without that after %v", seed, ends, away, got, without)
		}
	}
}
