package power_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"hikbridge/bridge/power"
)

// A world is one home in virtual time: a recorder on a plug, its network, a
// witness, mains, a person, somebody else's automation, and the program around
// the machine with its journal and its gate. It knows what is true, which the
// machine can't, and complains when the two part.
type world struct {
	*timeline
	name string // where there are several
	rng  *rand.Rand
	plan plan

	rec   device
	plug  *socket
	net   bool // the recorder's network works
	wit   bool // the witness answers
	mains supply
	among *estate // of several homes; nil: it stands alone

	br bridge

	log      *strings.Builder // nil: nobody reads it
	wrong    []string         // violations
	excused  map[string]int   // POWER 12, by kind
	seenAt   map[string]int   // positions, proofs and rows that were reached
	rows     map[power.Move]int
	verdicts map[string]int

	// What befalls no random home.
	noLookup  bool               // the name server is away
	locked    bool               // the recorder's account
	upgrading bool               // the recorder's firmware
	weak      bool               // the battery: runtime is short
	camera    bool               // one of them stays away
	unasked   bool               // questions to the plug get lost
	deafPlug  bool               // it doesn't obey ON
	readAt    time.Duration      // of the last reading
	saidAt    time.Duration      // safe, the last time
	moved     func(power.Move)   // sees every row that is taken
	told      func(power.Answer) // sees every answer
	happens   func(string)       // sees what is true of recorder and plug
}

// A timeline is what time brings; worlds may share one.
type timeline struct {
	t         time.Duration // since the world began; never stops
	wallShift time.Duration // of the wall clock
	queue     queue
	order     int
}

// plan is what this world's things are like.
type plan struct {
	cfg power.Config

	down, flush        time.Duration // from the request to silence, from there to the halt
	boot               time.Duration // without network
	bootBusy           time.Duration // answering 500
	runW, haltW, bootW float64
	answer             string // to a request: ok, lost, ignore, reboot, refuse, busy, deaf
	answers            []string
	haltedRST          bool // a halted recorder refuses ports
	comesBack          time.Duration
	tellsUptime        bool
	fixed              bool
	right              power.Told
	cleanLog           power.Told
	check              time.Duration // a disk check that makes one boot long

	stamped  bool          // the meter's reports carry a counter
	pushes   time.Duration // it reports by itself; 0: only when asked
	latency  time.Duration
	cached   bool          // it repeats old figures in between
	stuck    bool          // the relay doesn't obey OFF
	obeys    time.Duration // after which it obeys
	mute     bool          // it never reports the relay
	battery  time.Duration // how long the supply lasts without mains; 0: no supply behind mains
	commit   time.Duration // of each record
	failing  bool          // the journal can't be written
	learned  power.Learned
	twin     bool // the stranger is a recorder as well
	upstream bool // the plug hangs on mains, not on the battery

	// What no random home has.
	flushW     float64       // while it flushes; 0: as it runs
	relayEvery time.Duration // it reports its relay so seldom; 0: with every report
	chatter    time.Duration // it reports something else in between, with the cached figure
	numeric    bool          // its address is configured, not its name
	instant    bool          // a probe takes no time
}

// device is the recorder as it is.
type device struct {
	phase    string // running, going, flushing, halted, dead, booting, busy
	since    time.Duration
	turn     int           // of its life, so that what was planned before does nothing
	started  time.Duration // when it began to run
	moved    bool          // it has another address now
	stranger bool          // something else answers at its address
	cord     bool          // in the plug
	wall     bool          // plugged into the wall instead
	lost     string        // how it last lost power
}

type socket struct {
	feeds   []*world
	on      bool
	away    bool
	counter int
	was     float64       // the figure it caches
	zero    bool          // the next reading is a false zero
	told    time.Duration // when it last reported its relay
}

type supply struct {
	lost   bool
	since  time.Duration
	began  time.Duration // the outage: since its first loss
	dead   bool          // the battery as well
	outage uint64
	low    bool
	source bool
}

type item struct {
	at  time.Duration
	seq int
	do  func()
}

type queue []item

// before says which of two comes first: the one that was planned first, if both come at
// the same time.
func (q queue) before(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}

// push and pop are those of a heap; package container/heap costs twice the time.
func (q *queue) push(x item) {
	*q = append(*q, x)
	for i := len(*q) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.before(i, up) {
			return
		}
		(*q)[i], (*q)[up] = (*q)[up], (*q)[i]
		i = up
	}
}

func (q *queue) pop() item {
	x, last := (*q)[0], len(*q)-1
	(*q)[0], (*q)[last] = (*q)[last], item{}
	*q = (*q)[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return x
		}
		if down+1 < last && q.before(down+1, down) {
			down++
		}
		if !q.before(down, i) {
			return x
		}
		(*q)[i], (*q)[down] = (*q)[down], (*q)[i]
		i = down
	}
}

func (l *timeline) at(d time.Duration, do func()) {
	l.order++
	l.queue.push(item{l.t + max(0, d), l.order, do})
}

func (l *timeline) every(d time.Duration, do func()) {
	var again func()
	again = func() { do(); l.at(d, again) }
	l.at(d, again)
}

// next plays one moment.
func (l *timeline) next() {
	x := l.queue.pop()
	l.t = x.at
	x.do()
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	end := w.t + d
	for len(w.queue) > 0 && w.queue[0].at <= end && len(w.wrong) == 0 {
		w.timeline.next()
	}
	if len(w.wrong) == 0 {
		w.t = end
	}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (w *world) now() power.Instant {
	return power.Instant{Wall: epoch.Add(w.t + w.wallShift), Mono: w.t - w.br.base}
}

func (w *world) say(format string, args ...any) {
	if w.log != nil {
		fmt.Fprintf(w.log, "%8.1f  %s%s\n", w.t.Seconds(), w.name, fmt.Sprintf(format, args...))
	}
}

func (w *world) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.say("VIOLATION %s", text)
	w.wrong = append(w.wrong, fmt.Sprintf("at %v in %s: %s", w.t, w.br.position(), text))
}

func newWorld(p plan, seed uint64) *world {
	return makeWorld(&timeline{t: time.Hour}, &socket{on: true}, nil, p, seed)
}

// makeWorld makes one on a plug that may feed others.
func makeWorld(l *timeline, plug *socket, among *estate, p plan, seed uint64) *world {
	w := &world{timeline: l, plug: plug, among: among, plan: p, net: true, wit: true, rng: rand.New(rand.NewPCG(seed, 7)),
		excused: map[string]int{}, seenAt: map[string]int{}, rows: map[power.Move]int{}, verdicts: map[string]int{}}
	w.rec = device{phase: "running", cord: true, started: w.t - 30*time.Hour}
	plug.feeds = append(plug.feeds, w)
	w.mains.source = p.cfg.Mains
	w.br.w = w
	if p.learned.Passed {
		w.br.records = []power.Record{{Memory: power.Memory{State: power.Running, Serial: ownSerial, Firmware: firmware, Learned: p.learned}}}
	}
	w.br.start()
	w.every(2*time.Second, w.br.probe)
	w.every(10*time.Second, w.br.poll)
	w.every(5*time.Second, w.br.ask)
	if p.pushes > 0 && plug.feeds[0] == w {
		w.every(p.pushes, func() { w.report(false) })
	}
	if p.chatter > 0 {
		w.every(p.chatter, func() { w.report(false) })
	}
	w.every(time.Second, w.br.tickSafe)
	if among == nil {
		w.every(5*time.Second, w.br.tellMains)
	}
	if p.cfg.Witness {
		w.every(5*time.Second, func() {
			if w.wit {
				w.br.deliver(power.Witnessed{At: w.now()})
			}
		})
	}
	return w
}

const (
	ownSerial = "DS-7608NI-K2-0123456789"
	firmware  = "V4.74.210"
)

// Power.

func (w *world) powered() bool {
	if w.mains.dead {
		return false
	}
	return w.rec.wall || w.rec.cord && (w.plug.on || !w.plan.cfg.Plug.Exists)
}

// settle lets the recorder notice whether it has power.
func (w *world) settle(why string) {
	switch p := w.powered(); {
	case !p && w.rec.phase != "dead":
		w.rec.lost = w.rec.phase + " by " + why
		w.say("recorder loses power while %s (%s)", w.rec.phase, why)
		w.enter("dead")
	case p && w.rec.phase == "dead":
		w.say("recorder gets power")
		w.boots()
	}
}

func (w *world) enter(phase string) {
	w.rec.phase, w.rec.since = phase, w.t
	w.rec.turn++
	w.say("recorder is %s", phase)
	if w.happens != nil {
		w.happens("the recorder is " + phase)
	}
}

// then plans the next phase, unless something comes between.
func (w *world) then(d time.Duration, do func()) {
	turn := w.rec.turn
	w.at(d, func() {
		if w.rec.turn == turn {
			do()
		}
	})
}

func (w *world) boots() {
	w.enter("booting")
	long := w.plan.check
	w.plan.check = 0
	w.then(w.plan.boot+long, func() {
		w.enter("busy")
		w.rec.started = w.t - w.plan.boot
		w.then(w.plan.bootBusy, func() { w.enter("running") })
	})
}

func (w *world) goesDown(reboot bool) {
	w.enter("going")
	w.then(w.plan.down, func() {
		w.enter("flushing")
		w.then(w.plan.flush, func() {
			if reboot {
				w.boots()
				return
			}
			w.enter("halted")
			if w.plan.comesBack > 0 {
				w.then(w.plan.comesBack, w.boots)
			}
		})
	})
}

// inDanger says that cutting now would hurt, and how that is called.
func (w *world) inDanger() bool {
	switch w.rec.phase {
	case "running", "going", "flushing", "booting", "busy":
		return w.powered() && !w.rec.wall // the plug has nothing to do with that
	}
	return false
}

func (w *world) watts() float64 {
	switch {
	case !w.powered() || !w.rec.cord || !w.plug.on:
		return 0
	case w.rec.phase == "halted":
		return w.plan.haltW
	case w.rec.phase == "booting":
		return w.plan.bootW
	case w.rec.phase == "flushing" && w.plan.flushW > 0:
		return w.plan.flushW
	}
	return w.plan.runW
}

// What can be seen.

// sight is what a probe to the known address sees.
func (w *world) sight() (power.Sight, bool) {
	switch {
	case w.noLookup:
		return power.Uncertain, false
	case !w.net:
		return power.Silent, false
	case w.rec.stranger:
		return power.Alive, w.plan.twin
	case w.rec.moved:
		return power.Silent, false
	}
	switch w.rec.phase {
	case "running", "going", "busy":
		return power.Alive, true
	case "halted":
		if w.plan.haltedRST {
			return power.Alive, false
		}
	}
	return power.Silent, false
}

func (w *world) uptime() time.Duration { return w.t - w.rec.started }

// report is what the plug says; asked tells that it was asked for it.
func (w *world) report(asked bool) {
	p := w.plan.cfg.Plug
	if !p.Exists || w.plug.away || w.plan.upstream && w.mains.lost {
		return
	}
	at := w.now()
	if p.Relay && !w.plan.mute && w.t-w.plug.told >= w.plan.relayEvery {
		w.plug.told = w.t
		s := power.RelayOff
		if w.plug.on {
			s = power.RelayOn
		}
		w.heard(power.Relay{At: at, State: s})
	}
	if !p.Meter {
		return
	}
	r := power.Reading{At: at}
	for _, x := range w.plug.feeds {
		r.Watts += x.watts()
	}
	if w.plan.cached && !asked {
		r.Watts = w.plug.was
	}
	if w.plug.zero && (asked || !w.plan.cached) {
		r.Watts, w.plug.zero = 0, false
	}
	w.plug.was = r.Watts
	if w.plan.stamped {
		w.plug.counter++
		r.Stamp = fmt.Sprint(w.plug.counter)
	}
	w.readAt = w.t
	w.heard(r)
}

// heard is a report of the plug, which everybody hears who has to do with it.
func (w *world) heard(e power.Event) {
	for _, x := range w.plug.feeds {
		x.br.deliver(e)
	}
}

// switchPlug obeys, whoever asks.
func (w *world) switchPlug(on bool, why string) {
	if w.plug.on == on {
		return
	}
	for _, x := range w.plug.feeds {
		if !on && x.inDanger() && w.br.cutLate(why) {
			x.excuse("the plug obeyed late")
		}
	}
	w.plug.on = on
	w.say("plug is %v (%s)", on, why)
	if w.happens != nil {
		w.happens(fmt.Sprintf("the plug is switched %s by %s", map[bool]string{true: "on", false: "off"}[on], why))
	}
	for _, x := range w.plug.feeds {
		x.settle(why)
	}
	w.at(200*time.Millisecond, func() { w.report(false) })
}

func (w *world) excuse(kind string) {
	w.excused[kind]++
	w.say("excused: %s", kind)
}

// danger judges something that only an off recorder may see: a safe that is said,
// or an OFF that is sent.
func (w *world) danger(what string, proof power.Proof) {
	if !w.inDanger() {
		return
	}
	since := w.t - w.rec.since
	unmet := w.rec.phase == "busy" && since <= 4*time.Second // no probe has met it yet
	switch {
	case (w.rec.phase == "booting" || unmet) && proof == power.ProofPresumed:
		w.excuse("a presumption met a long boot")
	case proof == power.ProofPresumed && !w.net:
		w.excuse("a presumption met a recorder whose network had died while a hand at the cord started it")
	case proof == power.ProofPerson && !w.net && w.rec.phase != "booting" && w.t-w.rec.started <= 5*time.Minute:
		w.excuse("a hand at the cord started it in the 5 minutes of a person's word, and its network had died")
	case proof == power.ProofPerson && (w.rec.phase == "booting" && since <= 5*time.Minute || unmet && w.t-w.rec.started <= 5*time.Minute):
		w.excuse("it came back in the 5 minutes of a person's word")
	case w.rec.phase == "booting" && since <= 20*time.Second:
		w.excuse("a boot within 20 s of the last reading")
	default:
		w.fail("%s while the recorder is %s for %v (proof %s)", what, w.rec.phase, since, proof)
	}
}
