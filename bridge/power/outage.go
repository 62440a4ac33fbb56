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
// low battery, whichever comes first; an outage that has asked goes on asking until
// it is over. A source that falls silent on battery goes on counting, but its silence
// begins no outage; one that falls silent on mains is only told of.
//
// At most three outages a day shut recorders down, and so at most three an hour. That
// is asked before an outage asks for the first time, and never at low battery: the
// disks come first, and a topic that only has two values can't say it. What a person
// switched off stays off, whatever the battery says.
type Site struct {
	cfg SiteConfig
	d   SiteMemory

	// All below is volatile.
	now      Instant
	out      SiteOutput
	notes    []string // what the record of this step is about
	recorded Instant  // last record
	known    bool     // mains was seen in this process, or is lost
	sources  []source
	stands   []stand
	lostAt   Instant       // since when the sources say that mains is gone; never: they don't
	good     Instant       // since when one says that it is there, and none that it is gone
	began    time.Duration // Mono since when the outage lasts: below 0 if it is older than this process
	differ   Instant       // since when sources contradict each other
	ready    Instant       // since when nothing needs the UPS
	tried    Instant       // when this process had it told last
	telling  bool          // and doesn't know yet what became of that
	before   time.Time     // what ToldUPS was before
	failure  string        // of the last try, for people
}

// source is what one said last, and since when it is silent. What it told of its
// battery holds, also if it tells it no more, until it is on battery anew.
type source struct {
	supply      Supply // "": nothing yet
	low         bool
	calibrating bool
	charged     bool // its charge is known
	charge      int
	empty       Instant // when its battery will be; never: it doesn't tell
	silent      Instant // since when it says nothing; never: it speaks
	stale       Instant // since when it is known that it was said before this process began; never: it wasn't
}

// stand is how a recorder stands in this outage.
type stand struct {
	state  State
	budget time.Duration
	proven bool
	turn   Instant // since when it is asked
}

const (
	lossDebounce  = 10 * time.Second
	stableFor     = 2 * time.Minute
	chargeWait    = 30 * time.Minute // at most, for the charge to reach its floor
	spareRuntime  = time.Minute
	leastRuntime  = 6 * time.Minute
	silentTold    = time.Minute // until what a source said of mains holds no more
	silentNeeds   = time.Hour
	silentOff     = 15 * time.Minute // with a recorder off
	silentRestore = 2 * time.Hour
	staleFor      = 10 * time.Minute // after a start: a UPS or a broker may start later than this program
	contradictFor = time.Minute
	countEvery    = time.Minute // the time on battery is recorded
	turnFor       = 3 * time.Minute
	wayTold       = time.Minute
	day           = 24 * time.Hour
	mostOutages   = 3 // a day, that shut recorders down
	maxRecorders  = 1000
	oldestOutage  = 365 * day
)

// RestoreSite makes the rule from its records, oldest first. An outage that lasted
// when the program ended goes on, and the time since counts as far as the clock can
// be believed. But nothing is asked, and Mains not known, until a source says that
// mains is gone, or 10 minutes have passed: what was said before may be long over. The
// same holds for what a broker had retained.
func RestoreSite(c SiteConfig, now Instant, records []SiteRecord) (*Site, SiteOutput) {
	s := &Site{cfg: c.withDefaults(), sources: make([]source, len(c.Sources)), stands: make([]stand, len(c.Recorders)), recorded: now}
	// Without a record its numbers are none that a recorder has dealt with.
	s.d.Outage = uint64(max(0, now.Wall.Unix()))
	if n := len(records); n > 0 && records[n-1].Memory.known() {
		last := records[n-1]
		s.d = last.Memory.clone()
		s.began = now.Mono - s.d.OnBattery - away(now, last.At)
	}
	for i := range s.d.Shutdowns {
		t := &s.d.Shutdowns[i]
		t.Mono = now.Mono - away(now, t.Wall)
	}
	for i, x := range c.Sources {
		s.sources[i].silent = now
		if s.d.Lost && slices.Contains(s.d.Saying, x.Name) {
			s.sources[i].supply, s.sources[i].stale = OnBattery, now
		}
	}
	s.begin(now)
	s.judge()
	return s, s.finish()
}

// away is the time since t by the wall clock, if that can be: a clock may have been
// behind or ahead.
func away(now Instant, t time.Time) time.Duration { return min(max(now.Wall.Sub(t), 0), day) }

// Step takes in an event and decides.
func (s *Site) Step(now Instant, e SiteEvent) SiteOutput {
	s.begin(now)
	switch e := e.(type) {
	case Heard:
		s.hear(e)
	case Stands:
		s.stand(e)
	case UPSDone:
		s.upsDone(e)
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

// finish makes the record. The time on battery is recorded now and then: a host
// without a clock of its own may not know after its start how long it was away.
func (s *Site) finish() SiteOutput {
	if s.d.Lost && len(s.notes) == 0 && s.now.since(s.recorded) >= countEvery {
		s.note("the outage has lasted " + spell(s.onBattery()))
	}
	if len(s.notes) > 0 {
		s.d.Number++
		s.recorded = s.now
		s.out.Record = &SiteRecord{s.now.Wall, s.notes, s.Memory()}
	}
	if s.d.Lost {
		s.after(s.recorded, countEvery)
	}
	return s.out
}

// Memory is what would be recorded now.
func (s *Site) Memory() SiteMemory {
	d := s.d.clone()
	d.Saying = s.saying()
	if d.Lost {
		d.OnBattery = s.onBattery()
	}
	return d
}

func (s *Site) note(what string) { s.notes = append(s.notes, what) }

// at says that Mono has come that far, and wakes the rule when it will have.
func (s *Site) at(mono time.Duration) bool {
	if s.now.Mono >= mono {
		return true
	}
	s.out.Wake = time.Duration(min(uint64(s.out.Wake), uint64(max(mono, 0)))) // -1 is the greatest
	return false
}

// after says that d has passed since t, and wakes the rule when it will have.
func (s *Site) after(t Instant, d time.Duration) bool { return !t.never() && s.at(t.Mono+d) }

func (s *Site) hear(e Heard) {
	x := &s.sources[e.Source]
	if e.Supply != OnMains && e.Supply != OnBattery {
		x.silent = first(x.silent, s.now)
		return
	}
	before := *x
	*x = source{supply: e.Supply, low: e.Low, calibrating: e.Calibrating, charged: e.ChargeTold, charge: e.Charge}
	if e.Retained && e.Supply == OnBattery && (before.supply == "" || !before.stale.never()) {
		x.stale = first(before.stale, s.now)
	}
	if e.RuntimeTold {
		x.empty = s.now.plus(min(max(e.Runtime, 0), day))
	}
	if e.Supply == OnBattery && before.supply == OnMains || !s.speaks(before) {
		return
	}
	x.low = x.low || before.low
	x.empty = first(x.empty, before.empty)
	if !x.charged {
		x.charged, x.charge = before.charged, before.charge
	}
}

// stand takes in how a recorder stands, and follows those that the outage has shut
// down until they run again.
func (s *Site) stand(e Stands) {
	x, name := &s.stands[e.Recorder], s.cfg.Recorders[e.Recorder]
	down := e.State == Confirming && x.state != Confirming && !s.d.Asked.IsZero()
	x.state, x.budget, x.proven = e.State, e.Budget, e.Proven
	i := slices.IndexFunc(s.d.Stopped, func(x Stopped) bool { return x.Recorder == name })
	switch {
	case down && i < 0:
		if len(s.d.Stopped) == 0 {
			s.d.Shutdowns = append(s.d.Shutdowns, s.now)
			s.d.Shutdowns = s.d.Shutdowns[max(0, len(s.d.Shutdowns)-mostOutages):]
		}
		s.d.Stopped = append(s.d.Stopped, Stopped{name, e.State})
		s.note("the outage shuts " + name + " down")
	case i < 0 || s.d.Stopped[i].State == e.State || s.d.Stopped[i].State == Running && !down:
	default:
		s.d.Stopped[i].State = e.State
		s.note(name + ": " + string(e.State))
	}
}

// speaks says that a source has said something, and wasn't silent for long since.
func (s *Site) speaks(x source) bool { return x.supply != "" && !s.after(x.silent, silentTold) }

// counts says that a source says, or said last, that mains is gone, and wasn't silent
// for too long since.
func (s *Site) counts(x source) bool {
	return x.supply == OnBattery && !s.after(x.silent, silentRestore)
}

// saying lists the sources that say that mains is gone.
func (s *Site) saying() []string {
	var all []string
	for i, x := range s.sources {
		if s.counts(x) {
			all = append(all, s.cfg.Sources[i].Name)
		}
	}
	return all
}

// joined says that mains is gone, and that it is there; neither if it isn't known. A word
// of before a restart doesn't stand against a source that speaks.
func (s *Site) joined() (gone, there bool) {
	var fresh, stale bool
	silent := true // for so long that mains is taken to be there
	for _, x := range s.sources {
		silent = silent && s.after(x.silent, silentRestore)
		there = there || x.supply == OnMains && s.speaks(x)
	}
	for i, x := range s.sources {
		switch {
		case !x.stale.never() && !s.after(x.stale, staleFor):
			stale = true
		case s.counts(x) && s.believed(i) && (x.stale.never() || !there):
			gone = true
			fresh = fresh || x.silent.never()
		}
	}
	begins := !s.d.Lost && s.lostAt.never()
	if s.cfg.All && there || begins && !fresh {
		gone = false
	}
	return gone, silent || there && !gone && !stale
}

// believed says that a source is enough to say that mains is gone, or isn't alone.
func (s *Site) believed(i int) bool {
	x := s.sources[i]
	sure := x.charged && !x.calibrating || x.low || !x.stale.never()
	return sure || !s.cfg.Sources[i].Battery || len(s.saying()) > 1
}

// judge follows the sources: is mains lost, does the outage ask, who is next.
func (s *Site) judge() {
	gone, there := s.joined()
	s.lostAt, s.good = hold(gone, s.lostAt, s.now), hold(there, s.good, s.now)
	s.differ = hold(s.contradict(), s.differ, s.now)
	switch {
	case !s.d.Lost && s.after(s.lostAt, lossDebounce):
		s.d.Lost, s.d.Low, s.d.Since, s.began, s.d.Stopped = true, false, s.lostAt.Wall, s.lostAt.Mono, nil
		s.upsBegins()
		s.note("mains lost, as " + strings.Join(s.saying(), ", ") + " said")
	case s.d.Lost && s.after(s.good, mainsBack):
		s.d.OnBattery = s.onBattery()
		s.d.Lost, s.d.Asked, s.d.Ended = false, time.Time{}, s.now.Wall
		s.note("mains is back")
	}
	s.known = s.known || s.lost() || there && !s.d.Lost
	if s.low() && !s.d.Low {
		s.d.Low = true
		s.note("low battery")
	}
	s.ask()
	s.turns()
	s.tellUPS()
	s.stable() // these three wake it when they change
	s.Problem()
	s.InTheWay()
}

// hold is since when something is so.
func hold(is bool, since, now Instant) Instant {
	if !is {
		return Instant{}
	}
	return first(since, now)
}

// onBattery is how long the outage has lasted.
func (s *Site) onBattery() time.Duration { return s.now.Mono - s.began }

// lost says that mains is gone now, for long enough or again in the same outage.
func (s *Site) lost() bool { return s.d.Lost && !s.lostAt.never() }

// low says that a battery is low, or was when its source was heard last.
func (s *Site) low() bool {
	return s.lost() && slices.ContainsFunc(s.sources, func(x source) bool { return x.low && s.counts(x) })
}

// empty is when the weakest battery will be; never where none tells it.
func (s *Site) empty() (soonest Instant) {
	for _, x := range s.sources {
		if s.counts(x) && !x.empty.never() && (soonest.never() || x.empty.Mono < soonest.Mono) {
			soonest = x.empty
		}
	}
	return soonest
}

// charge is that of the emptiest battery; ok is false where none tells it.
func (s *Site) charge(of ...Supply) (percent int, ok bool) {
	for _, x := range s.sources {
		if x.charged && slices.Contains(of, x.supply) && !s.after(x.silent, silentRestore) && (!ok || x.charge < percent) {
			percent, ok = x.charge, true
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

// due is the Mono at which the outage asks, unless the charge is down before.
func (s *Site) due() time.Duration {
	byTime := s.began + s.cfg.OnBattery
	if e := s.empty(); !e.never() {
		return min(byTime, e.Mono-max(leastRuntime, 2*s.budget()))
	}
	return byTime
}

// reason is what asks for a shutdown; empty if nothing does.
func (s *Site) reason() string {
	charge, charged := s.charge(OnBattery)
	switch {
	case s.low():
		return "low battery"
	case charged && charge <= s.cfg.Charge:
		return fmt.Sprintf("%d %% charge", charge)
	case !s.at(s.due()):
		return ""
	case s.onBattery() < s.cfg.OnBattery:
		return "the battery lasts for " + spell(max(time.Second, s.empty().Mono-s.now.Mono))
	}
	return "on battery for " + spell(s.onBattery())
}

// ask lets the outage ask for shutdowns, if there weren't too many.
func (s *Site) ask() {
	if !s.lost() || !s.d.Asked.IsZero() || s.d.Manual {
		return
	}
	why := s.reason()
	if why == "" || !s.low() && s.limited() {
		return
	}
	// A record of the one before may be missing: what a recorder knows of that isn't this one's.
	s.d.Outage = max(s.d.Outage+1, uint64(max(0, s.d.Since.Unix())))
	s.d.Asked = s.now.Wall
	s.note("the outage asks for a shutdown: " + why)
}

// limited says that as many outages shut recorders down within a day as may. The first
// of them needn't be the oldest: a clock may have been wrong.
func (s *Site) limited() bool {
	old := func(t Instant) bool { return s.after(t, day) }
	return len(s.d.Shutdowns) == mostOutages && !slices.ContainsFunc(s.d.Shutdowns, old)
}

// turns gives recorders their turn, a few at a time; all at once when time is short.
// One that takes too long doesn't hold the others up.
func (s *Site) turns() {
	switch {
	case s.d.Asked.IsZero() || s.d.Manual:
		for i := range s.stands {
			s.stands[i].turn = Instant{}
		}
		return
	case !s.lost():
		return
	}
	busy := 0
	for _, x := range s.stands {
		if x.underWay() && !x.turn.never() && !s.after(x.turn, turnFor) {
			busy++
		}
	}
	short := s.low() || s.at(s.deadline()-2*s.budget())
	for i := range s.stands {
		x := &s.stands[i]
		if !x.turn.never() || !short && busy >= s.cfg.Parallel {
			continue
		}
		x.turn = s.now
		if x.underWay() {
			busy++
			s.after(x.turn, turnFor)
		}
	}
}

// underWay says that its shutdown may go on, and isn't done with.
func (x stand) underWay() bool { return !x.down() && x.state != Unreachable && x.state != Attention }

func (x stand) down() bool {
	return x.state == PresumedOff || x.state == Safe || x.state == Cutting || x.state == Off
}

// deadline is when the battery must be spared.
func (s *Site) deadline() time.Duration {
	if e := s.empty(); !e.never() {
		return max(1, e.Mono-spareRuntime)
	}
	return max(1, s.began+s.cfg.Deadline)
}

// Mains is what a recorder's machine is to be told, whenever it changes. It isn't
// told while it isn't known: a machine that heard of mains before its loss takes the
// outage for one that it saw begin.
func (s *Site) Mains(recorder int) (x Mains, known bool) {
	x = Mains{Lost: s.lost(), Low: s.low(), Stable: s.stable()}
	if x.Lost {
		x.Deadline = s.deadline()
	}
	if x.Lost && !s.stands[recorder].turn.never() {
		x.Outage = s.d.Outage
	}
	return x, s.known
}

// stable says that mains is there for long enough, and the battery charged, that
// recorders may come back.
func (s *Site) stable() bool {
	return s.after(s.good, stableFor) && (s.charged() || s.after(s.good, chargeWait))
}

// charged says that nothing is known against the charge: what was low in the outage
// is, until a charge is told.
func (s *Site) charged() bool {
	percent, ok := s.charge(OnMains, OnBattery)
	if !ok {
		return !s.d.Low
	}
	return percent >= s.cfg.Floor
}

// contradict says that sources which speak say different things.
func (s *Site) contradict() bool {
	said := map[Supply]bool{}
	for _, x := range s.sources {
		if s.speaks(x) {
			said[x.supply] = true
		}
	}
	return said[OnMains] && said[OnBattery]
}
