package power_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"hikbridge/bridge/power"
)

// An estate is a site in virtual time: one mains with a battery behind it, sources
// that tell the truth of it or don't, the outage rule with its journal, and homes
// whose machines hear of mains from the rule alone. Like a world it knows what is
// true, and complains when the rule and the machines together don't do what they
// are there for.
type estate struct {
	*timeline
	rng     *rand.Rand
	cfg     power.SiteConfig
	log     *strings.Builder // nil: nobody reads it
	wrong   []string
	seen    map[string]int
	homes   []*household
	sources []*mouth

	// Mains, and the battery that feeds everything.
	lost     bool
	since    time.Duration // of that
	outage   int           // how many there were
	capacity time.Duration
	left     time.Duration // of the battery, at leftAt
	leftAt   time.Duration
	lowAt    time.Duration // left, when it is low
	dead     bool          // it is empty
	hosts    bool          // it feeds the program's host
	cut      bool          // its output is off, as it was told

	// The program.
	rule     *power.Site
	down     bool // it doesn't run
	life     int
	calmLife int // when everything worked again
	base     time.Duration
	record   *power.SiteRecord // durable
	failing  bool              // no record can be written
	dying    int               // it dies at one record in so many; 0: at none
	slow     bool              // its mail takes a while
	timer    int

	// What is watched, kept apart from the rule.
	manual    bool          // the owner's last word
	manualAt  time.Duration // and when it came
	witnessed time.Duration // since when a source that is to be believed says what is true: lost; never
	mainsSaid time.Duration // since when a source says mains; never
	started   time.Duration // the process
	begun     time.Duration // since when this outage could be known; never
	spoken    time.Duration // since when a source has said battery, in this outage or before it; never
	urgent    time.Duration // since when the battery is told to be short; never
	asking    time.Duration // since when recorders are to get their turns; never
	calmFrom  time.Duration // since when mains is there, and everybody says so
	uncharged time.Duration // the last moment at which something spoke against the charge
	downs     []time.Duration
	counted   bool // this one is among them
	asked     bool // in this outage
	forgot    bool // a record was lost with what it knew
	lied      bool // the clock jumped
}

// household is a home of an estate.
type household struct {
	*world
	place int
	calm  bool // nothing befalls it but mains

	told     power.Mains // by the rule
	stable   bool        // mains, as told since the machine took over an outage last
	number   uint64      // of that outage
	turn     time.Duration
	mailed   power.Mains // as the machine was told last
	upsCut   power.UPSCut
	safe     bool                // as the others on its plug were told last
	others   power.Partners      // as its machine was told last
	known    map[*household]bool // by it: the others that are safe
	stands   power.Stands
	standing power.Stands  // as the rule was told last
	in, out  time.Duration // when the last mail of it arrives
	asked    time.Duration // since when it is to go down, and stands there as if not; never
	putAt    time.Duration // the last request that was looked at
}

// mouth is a source: a topic with two values, or a UPS that is asked every 5 s.
type mouth struct {
	*estate
	place   int
	battery bool
	delay   time.Duration // after which a topic tells
	repeats time.Duration // a topic; 0: it doesn't
	keeps   bool          // the broker retains what a topic says

	tellsCharge, tellsRuntime, tellsLow bool
	optimism                            float64 // of the runtime

	mute       bool // it says nothing, or the same for ever
	away       bool // broker or server can't be reached
	flipped    bool // it tells the opposite
	calibrates bool
	criesLow   bool // it says low battery for no reason

	word     power.Supply // that the broker holds; "": none
	reading  power.Heard  // of the UPS, the last one
	answered time.Duration

	heard    power.Heard // by the rule, the last word but unknown; zero: none in this process
	heardAt  time.Duration
	silentAt time.Duration // since when it is silent to the rule; never
	old      time.Duration // since when an old word counts for nothing yet; never
}

func (e *estate) say(format string, args ...any) {
	if e.log != nil {
		fmt.Fprintf(e.log, "%8.1f  %s\n", e.t.Seconds(), fmt.Sprintf(format, args...))
	}
}

func (e *estate) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	e.say("VIOLATION %s", text)
	e.wrong = append(e.wrong, fmt.Sprintf("at %v: %s", e.t, text))
}

// violations are those of the estate and its homes.
func (e *estate) violations() (all []string) {
	all = e.wrong
	for _, h := range e.homes {
		for _, x := range h.world.wrong {
			all = append(all, h.name+": "+x)
		}
	}
	return all
}

func (e *estate) fine() bool {
	for _, h := range e.homes {
		if len(h.world.wrong) > 0 {
			return false
		}
	}
	return len(e.wrong) == 0
}

func (e *estate) run(d time.Duration) {
	end := e.t + d
	for len(e.queue) > 0 && e.queue[0].at <= end && e.fine() {
		e.next()
	}
	if e.fine() {
		e.t = end
	}
}

func (e *estate) now() power.Instant {
	return power.Instant{Wall: epoch.Add(e.t + e.wallShift), Mono: e.t - e.base}
}

// later calls back into this process.
func (e *estate) later(d time.Duration, do func()) {
	life := e.life
	e.at(d, func() {
		if e.life == life && !e.down {
			do()
		}
	})
}

// Mains.

// charge is what is left of the battery.
func (e *estate) charge() time.Duration {
	if e.lost {
		return max(0, e.left-(e.t-e.leftAt))
	}
	return min(e.capacity, e.left+(e.t-e.leftAt)/4)
}

func (e *estate) switchMains(lost bool) {
	e.left, e.leftAt = e.charge(), e.t
	e.lost, e.since = lost, e.t
	for _, h := range e.homes {
		h.mains.lost, h.mains.since = lost, e.t
	}
	for _, m := range e.sources {
		m.notices()
	}
}

func (e *estate) mainsOut() {
	if e.lost {
		return
	}
	if e.outage > 0 && e.t-e.since < 30*time.Second {
		e.seen["mains lost again within 30 s"]++
	}
	e.say("mains lost, the battery lasts for %v", e.charge())
	e.seen["mains lost"]++
	if e.seen["mains lost"] == 4 {
		e.seen["mains lost four times"]++
	}
	e.switchMains(true)
	e.outage++
	n := e.outage
	e.at(e.left, func() {
		if e.lost && e.outage == n && !e.cut {
			e.empties()
		}
	})
}

func (e *estate) mainsBack() {
	if !e.lost {
		return
	}
	e.say("mains back")
	e.switchMains(false)
	if e.cut {
		e.seen["mains back, and the UPS had switched off"]++
		e.at(seconds(e.rng, 3, 60), e.feedsAgain)
	}
	if e.dead {
		e.dead = false
		e.feed("")
		e.at(20*time.Second, e.start)
	}
}

// feed lets recorders notice whether the UPS feeds them.
func (e *estate) feed(why string) {
	for _, h := range e.homes {
		h.mains.dead = e.dead || e.cut
		h.settle(why)
	}
}

// switchesOff is a UPS that carries out what it was told.
func (e *estate) switchesOff() {
	if e.dead || e.cut {
		return
	}
	e.seen["the UPS switches off"]++
	for _, h := range e.homes {
		if h.inDanger() {
			h.excuse("the UPS carried out late what it was told")
		}
	}
	e.cut = true
	e.feed("the UPS")
	if e.hosts {
		e.kill()
	}
	if !e.lost {
		e.seen["the UPS switches off, and mains is back"]++
		e.at(seconds(e.rng, 10, 30), e.feedsAgain)
	}
}

func (e *estate) feedsAgain() {
	if e.lost || !e.cut {
		return
	}
	e.cut = false
	e.feed("")
	e.at(20*time.Second, e.start)
}

// empties ends the battery, and with it all that it feeds.
func (e *estate) empties() {
	e.say("the battery is empty")
	e.seen["the battery is empty"]++
	for _, h := range e.homes {
		h.loses()
	}
	e.dead = true
	e.feed("the empty battery")
	e.kill()
}

// loses says how the empty battery meets a recorder.
func (h *household) loses() {
	e := h.among
	switch h.rec.phase {
	case "halted":
		e.seen["empty: it was shut down"]++
		return
	case "dead":
		return
	}
	why := "other"
	needs := time.Minute + h.plan.down + h.plan.flush + h.plan.latency*3
	switch told := e.t - h.turn; {
	case e.down:
		why = "the program was down"
	case e.manual:
		why = "automatic off"
	case h.told.Outage == 0 || h.turn < 0:
		why = "it wasn't asked for"
	case told < needs:
		why = "too late"
	case !h.willing() || h.plan.answer != "ok" || !h.calm:
		why = "it couldn't"
	case !h.beforeRequest():
		why = "it stood elsewhere, as booting"
	case h.seenAt["put"] > 0:
		why = "it was asked, and came back or asked before"
	case h.blocked() || h.asked < 0 || e.t-h.asked < needs: // until lately, or mains was back for a moment
		why = "a finding"
	default:
		e.fail("%s is %s when the battery is empty, %v after its turn", h.name, h.rec.phase, told)
	}
	e.seen["empty: unclean, "+why]++
}

// Sources.

func (m *mouth) truth() power.Supply {
	if m.lost != m.flipped {
		return power.OnBattery
	}
	return power.OnMains
}

// notices is a change of mains, or of what is said of it.
func (m *mouth) notices() {
	if !m.battery {
		m.at(m.delay, m.publish)
	}
}

// publish is a topic's word.
func (m *mouth) publish() {
	if m.mute {
		return
	}
	m.word = m.truth()
	if !m.away {
		m.hears(power.Heard{Supply: m.word})
	}
}

// connect is a new session with the broker.
func (m *mouth) connect() {
	if !m.battery && !m.away && m.keeps && m.word != "" {
		m.hears(power.Heard{Supply: m.word, Retained: true})
	}
}

// ask is a question to the UPS.
func (m *mouth) ask() {
	if m.down || !m.battery {
		return
	}
	if m.away {
		if m.t-m.answered >= 15*time.Second {
			m.hears(power.Heard{Supply: power.SupplyUnknown})
		}
		return
	}
	m.answered = m.t
	if !m.mute {
		left := m.charge()
		m.reading = power.Heard{Supply: m.truth(), Low: m.criesLow || m.tellsLow && m.lost && left <= m.lowAt, ChargeTold: m.tellsCharge, RuntimeTold: m.tellsRuntime}
		if m.calibrates {
			m.reading.Supply, m.reading.Calibrating = power.OnBattery, true
		}
		if m.tellsCharge {
			m.reading.Charge = int(left * 100 / m.capacity)
		}
		if m.tellsRuntime {
			m.reading.Runtime = time.Duration(float64(left) * m.optimism)
		}
	}
	if m.reading.Supply != "" {
		m.hears(m.reading)
	}
}

// hears lets the rule hear it.
func (m *mouth) hears(h power.Heard) {
	if m.down {
		return
	}
	h.Source = m.place
	if h.Supply == power.SupplyUnknown {
		if m.silentAt < 0 {
			m.silentAt = m.t
			m.estate.seen["a source falls silent"]++
		}
	} else {
		if h.Supply != m.heard.Supply {
			m.say("%s: %s, retained: %v", m.cfg.Sources[m.place].Name, h.Supply, h.Retained)
		}
		// A retained word that isn't the first, and another one, was said meanwhile.
		switch old := h.Retained && h.Supply == power.OnBattery && (m.heard.Supply == "" || m.old >= 0); {
		case !old:
			m.old = never
		case m.old < 0:
			m.old = m.t
			m.estate.seen["an old retained word: battery"]++
		}
		m.heard, m.heardAt, m.silentAt = h, m.t, never
	}
	m.step(h)
}

// speaksOf says that its last word, which it stands by, says so.
func (m *mouth) speaksOf(s power.Supply) bool { return m.silentAt < 0 && m.heard.Supply == s }

// believed says that it says battery and is enough for that.
func (m *mouth) believed() bool {
	h := m.heard
	return m.speaksOf(power.OnBattery) && m.old < 0 && (!m.battery || h.Low || h.ChargeTold && !h.Calibrating)
}

// The program.

func (e *estate) kill() {
	if e.down {
		return
	}
	e.say("the program is killed, and the rule")
	e.down = true
	e.life++
	for _, h := range e.homes {
		h.br.kill()
	}
}

func (e *estate) start() {
	if !e.down || e.dead || e.cut && e.hosts {
		return
	}
	e.down = false
	e.begins()
	for _, h := range e.homes {
		if h.br.dead {
			h.br.start()
		}
	}
}

// begins starts the rule.
func (e *estate) begins() {
	e.life++
	e.base = e.t - time.Second
	var records []power.SiteRecord
	if e.record != nil {
		records = append(records, *e.record)
		if e.record.Memory.Lost {
			e.seen["a start in an outage"]++
			if e.lost {
				e.seen["a start while it lasts"]++
			}
		}
	}
	e.lied = e.lied || e.wallShift != 0
	if e.record == nil || !e.record.Memory.Lost || e.lied {
		e.begun, e.spoken = never, never
	}
	e.manual = e.record != nil && e.record.Memory.Manual
	e.witnessed, e.urgent, e.asking, e.mainsSaid, e.calmFrom, e.started = never, never, never, never, e.t, e.t
	for _, h := range e.homes {
		h.mailed, h.stands, h.standing, h.turn, h.asked, h.told = power.Mains{}, power.Stands{}, power.Stands{}, never, never, power.Mains{}
		h.stable, h.upsCut, h.safe, h.others, h.known = false, power.UPSCut{}, false, power.Partners{}, map[*household]bool{}
		e.later(0, h.follow)
	}
	for _, m := range e.sources {
		m.heard, m.silentAt, m.old, m.answered = power.Heard{}, e.t, never, e.t-15*time.Second
		if r := e.record; r != nil && r.Memory.Lost && slices.Contains(r.Memory.Saying, e.cfg.Sources[m.place].Name) {
			m.old = e.t
		}
		if !m.battery {
			e.later(seconds(e.rng, 0, 3), m.connect)
		}
	}
	rule, out := power.RestoreSite(e.cfg, e.now(), records)
	e.rule = rule
	e.take(power.SiteMemory{Outage: rule.Peek().Outage, Lost: e.record != nil && e.record.Memory.Lost}, out)
}

func (e *estate) step(x power.SiteEvent) {
	if e.down || !e.fine() {
		return
	}
	before := *e.rule.Peek()
	e.take(before, e.rule.Step(e.now(), x))
}

// take is the loop's commit.
func (e *estate) take(before power.SiteMemory, out power.SiteOutput) {
	e.judge(before)
	if out.Record != nil && !e.write(out.Record) {
		return
	}
	if out.TellUPS {
		for _, h := range e.homes {
			if !h.standing.Proven {
				e.fail("I2: the UPS is to be told, and %s isn't proven off", h.name)
			}
		}
		e.later(seconds(e.rng, 0, 2), e.tellUPS)
	}
	for _, h := range e.homes {
		h.tell()
	}
	if e.timer++; out.Wake >= 0 && out.Wake <= e.now().Mono {
		e.fail("it spins: wake %v, now %v", out.Wake, e.now().Mono)
		return
	}
	if n := e.timer; out.Wake >= 0 {
		e.later(out.Wake+e.base-e.t, func() {
			if e.timer == n {
				e.step(power.Tick{})
			}
		})
	}
}

// write makes a record durable; false if the program dies of it.
func (e *estate) write(r *power.SiteRecord) bool {
	e.say("rule: %s", strings.Join(r.What, "; "))
	dies := e.dying > 0 && chance(e.rng, e.dying)
	before := dies && chance(e.rng, 2)
	switch {
	case before:
		e.forgot = true
		e.seen["dies before its record"]++
	case e.failing:
		e.forgot = true
		e.seen["a record is lost"]++
	default:
		e.record = r
	}
	if !dies {
		return true
	}
	if !before {
		e.seen["dies after its record"]++
	}
	e.kill()
	e.at(seconds(e.rng, 1, 60), e.start)
	return false
}

// tellUPS has it switched off, if that is still wanted and nobody's gate is down.
func (e *estate) tellUPS() {
	e.seen["the UPS is to be told"]++
	done := power.UPSDone{Outcome: power.NotSent}
	switch {
	case e.record == nil || e.record.Memory.UPS != power.Unknown:
		e.seen["no command to the UPS without its record"]++
	case !e.rule.TellingUPS() || slices.ContainsFunc(e.homes, func(h *household) bool { return !h.br.mayLose() }):
		e.seen["no command to the UPS, as a gate is down"]++
	default:
		done.Outcome = pick(e.rng, power.Done, power.Done, power.Unknown, power.Unknown, power.NotSent, power.Busy, power.Refused)
		for _, h := range e.homes {
			h.danger("the UPS's command", power.ProofPower)
			if s := h.br.m.State(); s != power.Safe && s != power.Off {
				h.fail("I2: the UPS is told to switch off, and it is %s", s)
			}
		}
		if e.manual {
			e.fail("the UPS is told to switch off, and automatic is off")
		}
		if carried := done.Outcome == power.Done || done.Outcome == power.Unknown && chance(e.rng, 2); carried {
			e.at(seconds(e.rng, 5, 60), e.switchesOff)
		}
	}
	e.say("the UPS is told to switch off: %s", done.Outcome)
	e.seen["the UPS is told: "+string(done.Outcome)]++
	e.step(done)
}

// tell mails a machine what is new to it, as a keeper takes it in: in order.
func (h *household) tell() {
	e := h.among
	if x := e.rule.UPSCut(); x != h.upsCut {
		h.upsCut = x
		e.later(max(h.out, e.t)-e.t, func() { h.br.deliver(x) })
	}
	m, known := e.rule.Mains(h.place)
	if !known {
		return
	}
	x, y := m, h.mailed
	x.Deadline, y.Deadline = 0, 0
	if x == y && (m.Deadline-h.mailed.Deadline).Abs() < 5*time.Second {
		return
	}
	h.mailed = m
	h.out = max(h.out, e.t+e.delay())
	e.later(h.out-e.t, func() { h.br.deliver(m) })
}

// follow mails the rule how the recorder stands, and to the others on its plug.
func (h *household) follow() {
	if h.br.dead || h.among.down {
		return
	}
	if safe := h.br.m.MayLosePower(); safe != h.safe {
		h.safe = safe
		for _, x := range h.among.homes {
			if x != h && x.plug == h.plug {
				h.mail(func() { x.hearsOf(h, safe) })
			}
		}
	}
	s := power.Stands{Recorder: h.place, State: h.br.m.State(), Budget: h.br.m.Budget(), Proven: h.safe}
	if s != h.stands {
		h.stands = s
		h.mail(func() { h.stand(s) })
	}
}

// mail arrives in order.
func (h *household) mail(do func()) {
	h.in = max(h.in, h.among.t+h.among.delay())
	h.among.later(h.in-h.among.t, do)
}

// stand lets the rule know.
func (h *household) stand(s power.Stands) {
	e := h.among
	if s.State == power.Confirming && h.standing.State != power.Confirming && !e.rule.Peek().Asked.IsZero() && !e.counted {
		e.counted = true
		e.downs = append(e.downs, e.t)
	}
	h.standing = s
	e.step(s)
}

// hearsOf tells a machine how the others on its plug stand.
func (h *household) hearsOf(other *household, safe bool) {
	h.known[other] = safe
	p := power.Partners{Safe: true}
	for _, x := range h.among.homes {
		if x != h && x.plug == h.plug && !h.known[x] {
			p = power.Partners{On: x.name}
		}
	}
	if p != h.others {
		h.others = p
		h.br.deliver(p)
	}
}

func (e *estate) delay() time.Duration {
	if e.slow && chance(e.rng, 3) {
		return seconds(e.rng, 0, 2)
	}
	return 0
}

// automatic is the owner's switch.
func (e *estate) automatic(on bool) {
	if e.down {
		return
	}
	e.say("automatic shutdown: %v", on)
	if e.manual == on {
		e.manual, e.manualAt = !on, e.t
		for _, h := range e.homes {
			if h.br.m.Peek().Seq.Action == power.Outage {
				e.seen[fmt.Sprintf("automatic %v in %s", on, h.br.m.State())]++
			}
		}
	}
	e.step(power.Automatic{On: on})
}

// What must hold.

// judge looks at the rule after each step.
func (e *estate) judge(before power.SiteMemory) {
	d := e.rule.Peek()
	if d.Manual != e.manual {
		e.fail("automatic: its owner said %v, and it has %v", !e.manual, !d.Manual)
	}
	if d.Lost && !before.Lost {
		e.begin()
	}
	if !d.Lost && before.Lost && (e.mainsSaid < 0 || e.t-e.mainsSaid < backAfter) {
		e.fail("an outage is over, and nobody has said mains for 30 s")
	}
	if !d.Lost && before.Lost {
		e.begun, e.counted, e.asked = never, false, false
		e.over()
	}
	if d.Outage != before.Outage {
		e.asks(d)
	}
	if d.Tries > 3 {
		e.fail("the UPS is told %d times in an outage", d.Tries)
	}
	e.observe(d)
	e.turns(d)
}

// begin judges the beginning of an outage.
func (e *estate) begin() {
	e.seen["outage"]++
	if e.spoken < 0 || e.t-e.spoken < lossAfter {
		e.fail("an outage begins before 10 s have passed")
	}
	old := false
	for _, m := range e.sources {
		fresh := m.silentAt < 0 || e.t-m.silentAt <= lossAfter // it spoke when that began to count
		says := m.heard.Supply == power.OnBattery && fresh
		if says && m.old < 0 {
			return
		}
		old = old || says && e.t-m.old >= staleFor
	}
	if !old {
		e.fail("an outage begins, and nobody says so")
	}
	e.seen["outage by a retained word, after 10 minutes"]++
}

// asks judges that an outage asks.
func (e *estate) asks(d *power.SiteMemory) {
	e.seen["asks"]++
	if e.asked && !e.forgot {
		e.fail("it asks anew in the same outage") // recorders would count their requests anew
	}
	e.asked = true
	if !e.lost {
		e.seen["asks for a lie"]++
	}
	lately := 0
	for _, at := range e.downs {
		if e.t-at < 24*time.Hour {
			lately++
		}
	}
	switch {
	case !e.told():
		e.fail("it asks, and nobody says battery since its start")
	case e.manual:
		e.fail("it asks, and is switched off")
	case e.early(d) && !e.lied && !e.forgot:
		e.fail("it asks, on battery for %v", e.t-e.spoken)
	case lately >= 3 && !d.Low && e.forgot:
		e.seen["excused: a fourth outage, as a record was lost"]++
	case lately >= 3 && !d.Low && e.lied:
		e.seen["excused: a fourth outage, as the clock jumped"]++
	case lately >= 3 && !d.Low:
		e.fail("it asks after %d outages of a day", lately)
	case lately >= 3:
		e.seen["asks a fourth time, at low battery"]++
	}
}

// told says that a source said battery in this process, or that it is up for so long
// that an old word must do.
func (e *estate) told() bool {
	return e.t-e.started >= staleFor || slices.ContainsFunc(e.sources, func(m *mouth) bool {
		return m.heard.Supply == power.OnBattery && m.old < 0
	})
}

// early says that nothing that sources told asks already.
func (e *estate) early(d *power.SiteMemory) bool {
	for _, m := range e.sources {
		h := m.heard
		if h.ChargeTold && h.Charge <= e.cfg.Charge || h.RuntimeTold && h.Runtime-(e.t-m.heardAt) <= 8*time.Minute { // twice the slowest shutdown
			return false
		}
	}
	return !d.Low && e.spoken >= 0 && e.t-e.spoken < e.cfg.OnBattery
}

// over counts what an outage came to.
func (e *estate) over() {
	e.seen["outage over"]++
	down, failed := 0, 0
	for _, h := range e.homes {
		switch h.standing.State {
		case power.PresumedOff, power.Safe, power.Off:
			down++
		case power.Attention, power.Unreachable, power.Checking:
			failed++
		}
	}
	if down > 1 {
		e.seen["outage over: several recorders down"]++
	}
	if down > 0 && failed > 0 {
		e.seen["outage over: one down, one in the way"]++
	}
	if down > 0 && e.homes[0].shared() {
		e.seen[fmt.Sprintf("outage over: %d of %d down on a shared plug", down, len(e.homes))]++
	}
}

// limited says that outages shut recorders down as often as may be.
func (e *estate) limited(d *power.SiteMemory) bool { return len(e.downs) >= 3 && !d.Low }

// observe keeps since when the rule can know what.
func (e *estate) observe(d *power.SiteMemory) {
	mark := func(is bool, since *time.Duration) {
		switch {
		case !is:
			*since = never
		case *since < 0:
			*since = e.t
		}
	}
	witness, short, mains, charged, said, back := false, false, true, !d.Low, false, false
	for _, m := range e.sources {
		h := m.heard
		back = back || h.Supply == power.OnMains && (m.silentAt < 0 || e.t-m.silentAt < silentTold)
		said = said || h.Supply == power.OnBattery
		charged = charged || h.ChargeTold
		mains = mains && m.speaksOf(power.OnMains)
		if m.believed() {
			witness = true
			short = short || h.Low || h.ChargeTold && h.Charge <= e.cfg.Charge || h.RuntimeTold && h.Runtime <= leastRuntime
		}
	}
	for _, m := range e.sources {
		if h := m.heard; h.ChargeTold && h.Charge < e.cfg.Floor || !charged {
			e.uncharged = e.t
		}
		if e.cfg.All && m.heard.Supply == power.OnMains && (m.silentAt < 0 || e.t-m.silentAt < silentTold) {
			witness = false
		}
	}
	mark(witness && e.lost && !e.manual, &e.witnessed)
	mark(witness && e.lost && short, &e.urgent)
	mark(!e.lost && !e.dead && mains && !e.down, &e.calmFrom)
	e.lied = e.lied || e.wallShift != 0
	mark(said || d.Lost, &e.spoken)
	mark(back, &e.mainsSaid)
	switch {
	case e.witnessed >= 0 && e.begun < 0:
		e.begun = e.witnessed
	case e.witnessed < 0 && !d.Lost:
		e.begun = never
	}
	m, _ := e.rule.Mains(0)
	mark(m.Lost && !d.Asked.IsZero() && !e.manual, &e.asking)
}

// turns looks at the turns that recorders got in a step.
func (e *estate) turns(d *power.SiteMemory) {
	var given []*household
	busy := 0
	var deadline time.Duration
	budget := time.Duration(0)
	for _, h := range e.homes {
		before := h.told
		h.told, _ = e.rule.Mains(h.place)
		if !h.told.Lost {
			h.asked = never
		}
		if now := h.br.m.Peek().Outage; now != h.number {
			h.number, h.stable = now, false
		}
		h.stable = h.stable || h.told.Stable
		deadline = max(deadline, h.told.Deadline)
		budget = max(budget, h.standing.Budget)
		switch {
		case h.told.Outage != 0 && h.turn < 0:
			h.turn = e.t
			given = append(given, h)
		case h.told.Outage == 0 && (d.Asked.IsZero() || e.manual):
			h.turn = never
		}
		if h.turn >= 0 && e.t-h.turn < 3*time.Minute && h.underWay() {
			busy++
		}
		if h.told.Outage != 0 && e.manual {
			e.fail("%s is asked for, and it is switched off", h.name)
		}
		if h.told.Lost && before.Lost && before.Outage != 0 && h.told.Outage == 0 {
			e.seen["asks no more"]++
		}
	}
	for _, h := range given {
		e.seen["turns"]++
		if !e.told() {
			e.fail("%s gets its turn, and nobody says battery since the start", h.name)
		}
		for _, x := range e.homes[:h.place] {
			if x.turn < 0 {
				e.fail("%s gets its turn before %s", h.name, x.name)
			}
		}
		if h.place > 0 && e.homes[h.place-1].turn < h.turn {
			e.seen["a turn after another"]++
		}
	}
	short := d.Low || e.now().Mono >= deadline-2*budget
	if len(given) > 0 && short && busy > e.cfg.Parallel {
		e.seen["all at once, as time is short"]++
	}
	if len(given) > 0 && !short && busy > e.cfg.Parallel {
		e.fail("%d recorders at a time, not %d", busy, e.cfg.Parallel)
	}
}

// underWay says that the rule was told of nothing that ends its turn.
func (h *household) underWay() bool {
	return !slices.Contains([]power.State{power.PresumedOff, power.Safe, power.Cutting, power.Off, power.Attention, power.Unreachable}, h.standing.State)
}

// look is done every 5 s: whether what had to be done by now was done.
func (e *estate) look() {
	if e.down || !e.fine() {
		return
	}
	d := e.rule.Peek()
	e.observe(d)
	due := e.begun + max(lossAfter, e.cfg.OnBattery)
	if e.urgent >= 0 {
		due = min(due, e.urgent+lossAfter)
	}
	due = max(due, e.witnessed+lossAfter)
	if e.witnessed >= 0 && d.Asked.IsZero() && e.t > due+time.Second {
		if !e.limited(d) {
			e.fail("due at %v, as a source that is to be believed said so since %v, and it doesn't ask", due, e.witnessed)
		}
		e.seen["limited"]++
	}
	for _, h := range e.homes {
		if e.asking >= 0 && h.told.Outage == 0 && e.t > e.asking+time.Duration(h.place/e.cfg.Parallel)*3*time.Minute+time.Second {
			e.fail("%s has no turn %v after the outage asked", h.name, e.t-e.asking)
		}
		h.looks(d)
	}
}

// another says that an outage asks that isn't the one of a number.
func (h *household) another(number uint64) bool {
	return h.told.Outage > number || h.stable && h.told.Outage != number
}

// willing says that nothing outside of the recorder's machine stops its shutdown.
func (h *household) willing() bool {
	p, d := &h.plan, h.br.m.Peek()
	sight, http := h.sight()
	return slices.Contains([]string{"ok", "lost", "ignore", "reboot"}, p.answer) && len(p.answers) == 0 && p.commit == 0 && !p.failing && !h.br.busy && !h.br.damaged &&
		h.rec.phase == "running" && sight == power.Alive && http && !h.rec.stranger &&
		(h.another(d.Cancelled) || h.told.Low) && (h.another(d.Outage) || d.OutagePuts <= 2) &&
		!slices.Contains(h.br.m.Needs(), "too_many_starts")
}

// blocked says that a finding stands in the way, and may.
func (h *household) blocked() bool {
	late := h.told.Low || h.now().Mono >= h.told.Deadline-h.br.m.Budget()
	return slices.ContainsFunc(h.br.m.Findings(), func(f power.Finding) bool {
		return f.Severity == power.Hard || f.Severity == power.Soft && !late
	})
}

// beforeRequest says that it stands where an outage asks.
func (h *household) beforeRequest() bool {
	return slices.Contains([]power.State{power.Running, power.Checking, power.CountingDown, power.ShuttingDown}, h.br.m.State())
}

// looks is look for a home.
func (h *household) looks(site *power.SiteMemory) {
	e, b := h.among, &h.br
	if b.dead {
		return
	}
	d, s := b.m.Peek(), b.m.State()
	switch {
	case !h.beforeRequest() || !h.told.Lost || h.told.Outage == 0 || !h.willing() || h.blocked():
		h.asked = never
	case h.asked < 0:
		h.asked = e.t
	case e.t-h.asked > 45*time.Second:
		e.fail("%s is in %s %v after it was to go down", h.name, s, e.t-h.asked)
	}
	if b.putAt > h.putAt {
		h.putAt = b.putAt
		if d.Seq.Action == power.Outage {
			e.seen["outage: request"]++
			if h.told.Low {
				e.seen["outage: request at low battery"]++
			}
			if e.manual && d.Seq.Puts == 1 && h.told.Lost && h.calm && h.putAt > e.manualAt+time.Minute {
				e.fail("%s is shut down %v after that was switched off", h.name, h.putAt-e.manualAt)
			}
		}
	}
	h.returns(d)
}

// shared says that its plug feeds others, too.
func (h *household) shared() bool { return len(h.plug.feeds) > 1 }

// returns is I6: with mains there for long, and everybody saying so, what is owed is
// on, or says what it needs.
func (h *household) returns(d *power.Memory) {
	e, b := h.among, &h.br
	if !h.calm || !d.Seq.Owed || e.calmFrom < 0 || h.powered() && slices.Contains([]string{"running", "busy", "booting"}, h.rec.phase) {
		return
	}
	stable := e.calmFrom + stableAfter
	latest := max(stable, min(e.calmFrom+chargeFor, e.uncharged), b.putAt+15*time.Minute) + 15*time.Minute + 30*time.Second // for the mail, which may wait for two records of a slow disk
	if d.Seq.Action == power.Drill {
		latest += 30 * time.Minute
	}
	e.seen["I6: power owed with mains there"]++
	if b.m.State() == power.Attention || len(b.m.Needs()) > 0 {
		return
	}
	if s := b.m.State(); (s == power.Cutting || s == power.Off) && b.m.Since() < time.Minute {
		return // it is under way
	}
	if e.t > latest {
		e.fail("I6: %s is %s in %s, with mains there for %v", h.name, h.rec.phase, b.m.Position(), e.t-e.calmFrom)
	}
}
