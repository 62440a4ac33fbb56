package power

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Site is the outage rule. It decides for all recorders of a site when a loss of
// mains asks for their shutdown, in which order, and when mains is stable enough to
// bring them back; Mains is what each recorder's machine is told. It has no clock
// and no goroutine; one goroutine owns it.
//
// A loss counts after 10 s, and is over after 30 s of mains: a flicker neither begins
// nor ends an outage. What asks is the time on battery, the charge, the runtime or a
// low battery, whichever comes first. A source that falls silent on battery goes on
// counting, one that falls silent on mains is only told of.
type Site struct {
	cfg SiteConfig
	d   SiteMemory

	now     Instant
	out     SiteOutput
	notes   []string
	sources []source
	stands  []stand
	lostAt  Instant // since when the sources say that mains is gone; never: they don't
	good    Instant // since when one says that it is there, and none that it is gone
	counted Instant // up to when the time on battery is counted
	differ  Instant // since when sources contradict each other
}

// SiteConfig is what the owner decided for the site. Zero values have the default
// in brackets.
type SiteConfig struct {
	Sources []SourceConfig
	// All takes mains for lost only if every source that isn't silent says so;
	// otherwise one is enough.
	All       bool
	OnBattery time.Duration // that asks (5 min)
	Charge    int           // percent, at or below which it asks (50)
	Floor     int           // percent, from which recorders come back (25)
	Deadline  time.Duration // on battery, where no runtime is told (10 min)
	Recorders int           // in the order in which they are asked
	Parallel  int           // recorders at a time (2)
}

// SourceConfig is one source of what is known of mains.
type SourceConfig struct {
	Name    string
	Battery bool // a UPS: on battery without telling its charge it isn't believed alone
}

// Supply is what a source says of mains.
type Supply string

const (
	OnMains       Supply = "mains"
	OnBattery     Supply = "battery"
	SupplyUnknown Supply = "unknown" // it is silent, or says nothing that is understood
)

// SiteMemory is all of the rule that survives a restart.
type SiteMemory struct {
	Number    uint64        // of the last record
	Manual    bool          // the automatic shutdown is switched off
	Lost      bool          // an outage lasts
	Since     time.Time     // its beginning
	OnBattery time.Duration // that it has lasted, as of the record
	Saying    []string      // sources that said so last
	Asking    bool          // it asks for shutdowns
	Outage    uint64        // number of the last one that asked
	Asked     []time.Time   // when outages asked, in the last day
	Ended     time.Time     // of the last outage
}

// SiteRecord is what must be durable; the last one is all that a restart needs.
type SiteRecord struct {
	At     time.Time
	What   []string
	Memory SiteMemory
}

// SiteOutput is what a step decided.
type SiteOutput struct {
	Record *SiteRecord
	Wake   time.Duration // as Output's
}

// SiteEvent is what the rule is told.
type SiteEvent interface{ siteEvent() }

// Heard is what a source says.
type Heard struct {
	At          Instant
	Source      int // its place in SiteConfig.Sources
	Supply      Supply
	Low         bool // low battery, or a forced shutdown
	ChargeTold  bool
	Charge      int // percent
	RuntimeTold bool
	Runtime     time.Duration
}

// Stands is how a recorder stands.
type Stands struct {
	Recorder int // its place in the order
	State    State
	Budget   time.Duration // how long its shutdown takes
}

// Automatic switches the automatic shutdown on or off.
type Automatic struct{ On bool }

func (Tick) siteEvent()      {}
func (Heard) siteEvent()     {}
func (Stands) siteEvent()    {}
func (Automatic) siteEvent() {}

// source is what is known of one.
type source struct {
	said   Heard   // the last that wasn't unknown; zero: nothing yet
	silent Instant // since when it says nothing; never: it speaks
}

// stand is how a recorder stands in this outage.
type stand struct {
	state  State
	budget time.Duration
	turn   Instant // since when it is asked
}

const (
	lossDebounce  = 10 * time.Second
	stableFor     = 2 * time.Minute
	chargeWait    = 30 * time.Minute // at most, for the charge to reach its floor
	spareRuntime  = time.Minute
	leastRuntime  = 6 * time.Minute
	silentRestore = 2 * time.Hour
	silentTold    = time.Minute
	silentNeeds   = time.Hour
	silentOff     = 15 * time.Minute // with a recorder off
	contradictFor = time.Minute
	countEvery    = time.Minute // the time on battery is recorded
	turnFor       = 3 * time.Minute
	asksOfDay     = 3
)

func (c SiteConfig) withDefaults() SiteConfig {
	c.OnBattery = or(c.OnBattery, 5*time.Minute)
	c.Deadline = or(c.Deadline, 10*time.Minute)
	for _, x := range []struct {
		value     *int
		otherwise int
	}{{&c.Charge, 50}, {&c.Floor, 25}, {&c.Parallel, 2}} {
		if *x.value == 0 {
			*x.value = x.otherwise
		}
	}
	return c
}

// RestoreSite makes the rule from its records, oldest first. An outage that lasted
// when the program ended goes on: the time since counts, as far as the clock can be
// believed.
func RestoreSite(c SiteConfig, now Instant, records []SiteRecord) (*Site, SiteOutput) {
	s := &Site{cfg: c.withDefaults(), sources: make([]source, len(c.Sources)), stands: make([]stand, c.Recorders)}
	for i := range s.sources {
		s.sources[i].silent = now
	}
	s.begin(now)
	s.counted = now
	if n := len(records); n > 0 {
		last := records[n-1]
		s.d = last.Memory.clone()
		if away := now.Wall.Sub(last.At); s.d.Lost && away > 0 {
			s.d.OnBattery += min(away, 24*time.Hour)
		}
		for i, x := range c.Sources {
			if slices.Contains(s.d.Saying, x.Name) {
				s.sources[i].said.Supply = OnBattery
			}
		}
	}
	s.judge()
	return s, s.finish()
}

func (d SiteMemory) clone() SiteMemory {
	d.Saying, d.Asked = slices.Clone(d.Saying), slices.Clone(d.Asked)
	return d
}

// Step takes in an event and decides.
func (s *Site) Step(now Instant, e SiteEvent) SiteOutput {
	s.begin(now)
	switch e := e.(type) {
	case Heard:
		s.hear(e)
	case Stands:
		x := &s.stands[e.Recorder]
		x.state, x.budget = e.State, e.Budget
	case Automatic:
		if s.d.Manual == e.On {
			s.d.Manual = !e.On
			s.note("automatic shutdown: " + map[bool]string{true: "on", false: "off"}[e.On])
		}
	}
	s.judge()
	return s.finish()
}

func (s *Site) begin(now Instant) {
	s.now, s.out, s.notes = now, SiteOutput{Wake: -1}, nil
}

func (s *Site) finish() SiteOutput {
	if len(s.notes) > 0 {
		s.d.Number++
		s.d.Saying = s.saying()
		s.out.Record = &SiteRecord{s.now.Wall, s.notes, s.d.clone()}
	}
	return s.out
}

func (s *Site) note(what string) { s.notes = append(s.notes, what) }

// after says that d has passed since t, and wakes the rule when it will have.
func (s *Site) after(t Instant, d time.Duration) bool {
	if t.never() {
		return false
	}
	if s.now.since(t) >= d {
		return true
	}
	s.out.Wake = time.Duration(min(uint64(s.out.Wake), uint64(max(t.Mono+d, 0))))
	return false
}

func (s *Site) hear(e Heard) {
	x := &s.sources[e.Source]
	if e.Supply == SupplyUnknown {
		x.silent = first(x.silent, s.now)
		return
	}
	x.said, x.silent = e, Instant{}
}

// gone says that a source has been silent for so long that what it said last counts
// no more.
func (s *Site) gone(x source) bool { return s.after(x.silent, silentRestore) }

// saying lists the sources that say that mains is gone.
func (s *Site) saying() []string {
	var all []string
	for i, x := range s.sources {
		if x.said.Supply == OnBattery && !s.gone(x) {
			all = append(all, s.cfg.Sources[i].Name)
		}
	}
	return all
}

// joined says that mains is gone, and that it is there; neither if nothing is known.
func (s *Site) joined() (gone, there bool) {
	battery := len(s.saying())
	for i, x := range s.sources {
		switch {
		case x.said.Supply == OnBattery && !s.gone(x):
			alone := s.cfg.Sources[i].Battery && !x.said.ChargeTold && !x.said.Low && battery < 2
			gone = gone || !alone
		case x.said.Supply == OnMains && x.silent.never():
			there = true
		}
	}
	if s.cfg.All && there {
		gone = false
	}
	silent := !slices.ContainsFunc(s.sources, func(x source) bool { return !s.gone(x) })
	return gone, there && !gone || silent
}

// judge follows the sources: is mains lost, does the outage ask, who is next.
func (s *Site) judge() {
	gone, there := s.joined()
	s.lostAt, s.good = hold(gone, s.lostAt, s.now), hold(there, s.good, s.now)
	s.differ = hold(s.contradict(), s.differ, s.now)
	if s.d.Lost {
		s.count()
	}
	switch {
	case !s.d.Lost && s.after(s.lostAt, lossDebounce):
		s.d.Lost, s.d.Since = true, s.now.Wall
		s.d.OnBattery, s.counted = s.now.since(s.lostAt), s.now
		s.note("mains lost, as " + strings.Join(s.saying(), ", ") + " said")
	case s.d.Lost && !gone && s.after(s.good, mainsBack):
		s.d.Lost, s.d.Asking, s.d.Ended = false, false, s.now.Wall
		s.note("mains is back")
	}
	if why := s.trigger(); s.lost() && !s.d.Asking && why != "" && s.may() {
		s.d.Asking = true
		s.d.Outage++
		s.d.Asked = append(s.d.Asked, s.now.Wall)
		s.note("the outage asks for a shutdown: " + why)
	}
	s.turns()
	s.stable() // these two wake it when they change
	s.Problem()
}

// hold is since when something is so.
func hold(is bool, since, now Instant) Instant {
	if !is {
		return Instant{}
	}
	return first(since, now)
}

// count adds the time on battery, and records it now and then: a host without a
// clock of its own may not know after its start how long it was away.
func (s *Site) count() {
	d := s.now.since(s.counted)
	if !s.after(s.counted, countEvery) && d < countEvery {
		return
	}
	s.d.OnBattery += d
	s.counted = s.now
	s.note("on battery")
}

// onBattery is how long the outage has lasted.
func (s *Site) onBattery() time.Duration { return s.d.OnBattery + s.now.since(s.counted) }

// lost says that mains is gone now, for long enough or again in the same outage.
func (s *Site) lost() bool { return s.d.Lost && !s.lostAt.never() }

// low says that a battery is low, or was when its source was heard last.
func (s *Site) low() bool {
	return s.lost() && slices.ContainsFunc(s.sources, func(x source) bool { return x.said.Supply == OnBattery && x.said.Low })
}

// runtime is how long the weakest battery lasts from now; ok is false where none
// tells it.
func (s *Site) runtime() (left time.Duration, ok bool) {
	for _, x := range s.sources {
		if x.said.Supply == OnBattery && x.said.RuntimeTold {
			r := x.said.Runtime - s.now.since(x.said.At)
			if !ok || r < left {
				left, ok = r, true
			}
		}
	}
	return left, ok
}

// charge is that of the emptiest battery.
func (s *Site) charge() (percent int, ok bool) {
	for _, x := range s.sources {
		if x.said.ChargeTold && (!ok || x.said.Charge < percent) {
			percent, ok = x.said.Charge, true
		}
	}
	return percent, ok
}

// budget is how long the slowest shutdown takes.
func (s *Site) budget() (longest time.Duration) {
	for _, x := range s.stands {
		longest = max(longest, x.budget)
	}
	return longest
}

// trigger is what asks for a shutdown; empty if nothing does.
func (s *Site) trigger() string {
	if !s.lost() {
		return ""
	}
	charge, charged := s.charge()
	runtime, timed := s.runtime()
	least := max(leastRuntime, 2*s.budget())
	switch {
	case s.low():
		return "low battery"
	case s.onBattery() >= s.cfg.OnBattery:
		return fmt.Sprintf("on battery for %s", spell(s.onBattery()))
	case charged && charge <= s.cfg.Charge:
		return fmt.Sprintf("%d %% charge", charge)
	case timed && runtime <= least:
		return fmt.Sprintf("%s runtime", spell(runtime))
	}
	s.after(s.counted, s.cfg.OnBattery-s.d.OnBattery)
	if timed {
		s.after(s.now, runtime-least)
	}
	return ""
}

// may says that an outage may ask: limits hold before it asks for the first time,
// and not at low battery, when the disks come first.
func (s *Site) may() bool {
	s.d.Asked = slices.DeleteFunc(s.d.Asked, func(t time.Time) bool { return s.now.Wall.Sub(t) >= 24*time.Hour || t.After(s.now.Wall) })
	return !s.d.Manual && (s.low() || len(s.d.Asked) < asksOfDay)
}

// turns gives recorders their turn, a few at a time; all at once when time is short.
// One that takes too long doesn't hold the others up.
func (s *Site) turns() {
	if !s.d.Asking || s.d.Manual {
		for i := range s.stands {
			s.stands[i].turn = Instant{}
		}
		return
	}
	busy := 0
	for i := range s.stands {
		if x := &s.stands[i]; !x.turn.never() && x.underWay() && !s.after(x.turn, turnFor) {
			busy++
		}
	}
	short := s.low() || s.now.Mono >= s.deadline()-2*s.budget()
	for i := range s.stands {
		x := &s.stands[i]
		if x.turn.never() && (short || busy < s.cfg.Parallel) {
			x.turn = s.now
			busy++
		}
	}
}

// underWay says that its shutdown isn't done with.
func (x *stand) underWay() bool {
	switch x.state {
	case PresumedOff, Safe, Cutting, Off, Attention:
		return false
	}
	return true
}

// deadline is when the battery must be spared.
func (s *Site) deadline() time.Duration {
	left := s.cfg.Deadline - s.onBattery()
	if r, ok := s.runtime(); ok {
		left = r - spareRuntime
	}
	return max(1, s.now.Mono+left)
}

// Mains is what a recorder's machine is to be told.
func (s *Site) Mains(recorder int) Mains {
	x := Mains{Lost: s.lost(), Low: s.low(), Stable: s.stable()}
	if x.Lost {
		x.Deadline = s.deadline()
	}
	if x.Lost && !s.stands[recorder].turn.never() {
		x.Outage = s.d.Outage
	}
	return x
}

// stable says that mains is there for long enough, and the battery charged, that
// recorders may come back.
func (s *Site) stable() bool {
	if s.d.Lost || !s.after(s.good, stableFor) {
		return false
	}
	percent, ok := s.charge()
	return !ok || percent >= s.cfg.Floor || s.after(s.good, chargeWait)
}

// contradict says that sources which speak say different things.
func (s *Site) contradict() bool {
	said := map[Supply]bool{}
	for _, x := range s.sources {
		if x.silent.never() {
			said[x.said.Supply] = true
		}
	}
	return said[OnMains] && said[OnBattery]
}

// Lost says whether an outage lasts; known is false while no source has said anything.
func (s *Site) Lost() (lost, known bool) {
	return s.d.Lost, s.d.Lost || slices.ContainsFunc(s.sources, func(x source) bool { return x.said.Supply != "" && x.silent.never() })
}

// PlannedFor is when the outage will ask for a shutdown by the time on battery, or
// has begun to; zero if it won't.
func (s *Site) PlannedFor() time.Time {
	switch n := len(s.d.Asked); {
	case !s.d.Lost || s.d.Manual:
		return time.Time{}
	case s.d.Asking && n > 0:
		return s.d.Asked[n-1]
	}
	return s.now.Wall.Add(max(0, s.cfg.OnBattery-s.onBattery()))
}

// Problem says what is wrong with the sources; empty if nothing is. needs says that a
// person must look.
func (s *Site) Problem() (text string, needs bool) {
	off := slices.ContainsFunc(s.stands, func(x stand) bool { return x.state == Off || x.state == Safe || x.state == PresumedOff })
	var all []string
	for i, x := range s.sources {
		name := s.cfg.Sources[i].Name
		switch {
		case s.after(x.silent, silentTold):
			all = append(all, name+" is silent")
			needs = needs || s.after(x.silent, silentNeeds) || off && s.after(x.silent, silentOff)
		case x.said.Supply == OnBattery && s.lostAt.never() && s.cfg.Sources[i].Battery && !x.said.ChargeTold:
			all = append(all, name+" tells no charge, so it isn't believed alone that mains is lost")
		}
	}
	if s.after(s.differ, contradictFor) {
		all = append(all, "only "+strings.Join(s.saying(), ", ")+" says that mains is lost")
	}
	return strings.Join(all, "; "), needs
}

// Memory is what would be recorded now.
func (s *Site) Memory() SiteMemory { return s.d.clone() }
