package power

import (
	"slices"
	"time"
)

// evidence is what was seen since the last sign of life. Nothing of it is
// durable: after a restart everything is proven anew.
type evidence struct {
	number uint64 // of the proof that grows now; each void begins another

	life, lived Instant       // last sign of life, and the first of that stretch of life
	from, last  Instant       // of the silence that lasts; never: there is none
	silences    uint64        // how often it began anew
	longest     time.Duration // silence since the request, however it ended
	began       Instant       // of the first silence after the request
	witness     Instant

	relay     RelayState
	relayAt   Instant // last report
	relayFrom Instant // first report of this state
	heard     Instant // anything of the plug
	supplyBad bool    // since the request the supply wasn't known to be on all the time
	bypassed  bool    // the recorder answered while the relay was off: this plug doesn't feed it

	asked   Instant // last question that counts
	open    bool    // and its first report hasn't come
	stamp   string
	waiting Reading // for the relay to be read as on
	low     lows
	loaded  bool    // above off-watts in a long silence
	pulled  bool    // and then it fell
	load    Instant // last reading above off-watts, whatever the relay said
	recent  [16]metered
	n       int // of recent, all ever taken

	unanswered Instant // since when nothing answers by HTTP; never: it answers
	answered   Instant // last answer by HTTP
	signed     SignedIn
	rebooted   bool   // it had started since it was signed in to before
	other      string // the serial number of another device that answered last
}

// lows are readings in a row at or below off-watts.
type lows struct {
	from, last Instant
	n          int
}

type metered struct {
	at    Instant
	watts float64
}

// observe takes in what an event tells.
func (m *Machine) observe(e Event) {
	v := &m.seen
	switch e := e.(type) {
	case Probe:
		at := m.past(e.At)
		if e.HTTP {
			m.answers(at)
		}
		switch e.Sight {
		case Alive:
			m.lives(at)
		case Silent:
			m.silent(at)
		default:
			m.restartSilence()
		}
	case Witnessed:
		at := m.past(e.At)
		if m.cfg.Witness && at.since(v.witness) > witnessGap {
			m.restartSilence()
		}
		v.witness = at
	case SignedIn:
		e.At = m.past(e.At)
		m.signsIn(e)
	case Answered:
		at := m.past(e.At)
		m.answers(at)
		m.lives(at)
	case NoAnswer:
		if at := m.past(e.At); v.unanswered.never() && at.Mono >= v.answered.Mono {
			v.unanswered = at
		}
	case Relay:
		m.reportsRelay(m.past(e.At), e)
	case Asked:
		if at := m.past(e.At); at.since(v.asked) >= questionGap {
			v.asked, v.open = at, true
		}
	case Reading:
		e.At = m.past(e.At)
		m.reads(e)
	case Mains:
		m.hearsMains(e)
	}
	if m.now.since(v.relayAt) > supplyGap {
		v.supplyBad = true
	}
}

// past is at, or now if it lies ahead: nothing can have been seen yet. What is
// said to be older than this process is as old as it.
func (m *Machine) past(at Instant) Instant {
	if at.Mono > m.now.Mono || at.never() {
		return m.now
	}
	at.Mono = max(at.Mono, 0)
	return at
}

// void begins the evidence anew.
func (m *Machine) void() {
	m.restartSilence()
	m.restartReadings()
	m.seen.number++
}

func (m *Machine) restartSilence() {
	v := &m.seen
	if !v.from.never() {
		v.longest = max(v.longest, v.last.since(v.from))
		v.number++
		v.silences++
	}
	v.from, v.last = Instant{}, Instant{}
	v.loaded, v.pulled = false, false
}

func (m *Machine) restartReadings() {
	if m.seen.low.n > 0 {
		m.seen.number++
	}
	m.seen.low, m.seen.waiting = lows{}, Reading{}
}

func (m *Machine) lives(at Instant) {
	v := &m.seen
	if !v.from.never() && v.last.since(v.from) >= shortSilence {
		m.d.Seq.NoPresumption = true
	}
	if !v.from.never() || v.life.never() {
		v.lived = at
	}
	m.void()
	v.life = later(v.life, at)
}

func (m *Machine) silent(at Instant) {
	v := &m.seen
	if at.Mono <= max(v.life.Mono, v.last.Mono) {
		return // life wins over what was seen with it or before
	}
	if m.cfg.Witness && at.since(v.witness) > witnessGap {
		m.restartSilence()
		return
	}
	if !at.within(v.last, probeGap) {
		m.restartSilence()
	}
	if v.from.never() {
		v.from = at
		if v.began.never() {
			v.began = at
		}
		m.judgePresumption(at)
	}
	v.last = at
}

// answers notes an answer by HTTP.
func (m *Machine) answers(at Instant) {
	m.seen.unanswered = Instant{}
	m.seen.answered = at
}

func (m *Machine) signsIn(e SignedIn) {
	v := &m.seen
	m.answers(e.At)
	m.lives(e.At)
	if m.d.Serial != "" && e.Serial != m.d.Serial {
		v.other = e.Serial
		return
	}
	v.other = ""
	if m.sincePut(e.At) >= m.timers.GoingDown {
		m.d.Seq.NoPresumption = true // it wasn't going down
	}
	m.d.Serial = e.Serial
	if e.Firmware != "" {
		m.d.Firmware = e.Firmware
	}
	v.rebooted = !e.UptimeTold || !m.d.UptimeAt.IsZero() && smaller(m.d.Uptime, e.At.Wall.Sub(m.d.UptimeAt), e)
	if e.UptimeTold {
		m.d.Uptime, m.d.UptimeAt = e.Uptime, e.At.Wall
	}
	v.signed = e
	if v.relay == RelayOff && e.At.since(v.relayFrom) >= bypassedAfter {
		v.bypassed = true
	}
}

func (m *Machine) reportsRelay(at Instant, e Relay) {
	v := &m.seen
	if !m.cfg.Plug.Relay {
		e.State = RelayUnknown
	}
	if e.Restarted || e.State != v.relay {
		m.void()
		v.relayFrom = at
		v.supplyBad, v.open = true, false
	}
	if e.State == RelayOn {
		v.bypassed = false
	}
	v.relay, v.relayAt = e.State, at
	if e.State == RelayUnknown {
		return
	}
	v.heard = at
	if w := v.waiting; e.State == RelayOn {
		v.waiting = Reading{}
		if gap := at.since(w.At); gap >= 0 && gap <= relayGap {
			m.measured(metered{w.At, w.Watts})
		}
	}
}

// reads takes a report for a measurement if it is a new one, and the relay is
// read as on with it or soon after.
func (m *Machine) reads(e Reading) {
	v := &m.seen
	if e.Retained || !m.cfg.Plug.Meter || !(e.Watts >= 0 && e.Watts < 1e6) {
		return
	}
	v.heard = e.At
	if e.Watts > m.offWatts() {
		v.load = e.At
	}
	answer := v.open && e.At.Mono > v.asked.Mono
	moved := e.Stamp != "" && v.stamp != "" && e.Stamp != v.stamp
	v.open = v.open && !answer
	v.stamp = e.Stamp
	switch {
	case !answer && !moved:
		return
	case v.relay == RelayOn && v.relayAt.Mono >= e.At.Mono:
		m.measured(metered{e.At, e.Watts})
	default:
		if e.Watts > m.offWatts() { // speaks against at once, but for nothing before its relay is read
			m.restartReadings()
		}
		v.waiting = e
	}
}

// measured takes in a fresh reading.
func (m *Machine) measured(r metered) {
	v := &m.seen
	v.recent[v.n%len(v.recent)] = r
	v.n++
	m.drillMeasured(r)
	long := r.at.since(v.from) >= pulledSilence // also before any silence, which forgets it when it begins
	if r.watts > m.offWatts() {
		m.restartReadings()
		if long && !m.cfg.Plug.shared() { // a load may be another recorder's
			v.loaded = true
		}
		return
	}
	if v.loaded || r.watts < m.d.Learned.Halted/2 {
		v.pulled = true
	}
	if !r.at.within(v.low.last, readingGap) {
		m.restartReadings()
	}
	if v.low.n == 0 {
		v.low.from = r.at
	}
	v.low.last = r.at
	v.low.n++
}

// baseline is the median of the readings of the last ten minutes; 0 if there are
// fewer than three.
func (m *Machine) baseline(age time.Duration) float64 {
	var w []float64
	for _, r := range m.seen.recent[:min(m.seen.n, len(m.seen.recent))] {
		if m.now.since(r.at) <= age {
			w = append(w, r.watts)
		}
	}
	if len(w) < lowReadings {
		return 0
	}
	slices.Sort(w)
	return w[len(w)/2]
}

// silentFor says that the recorder is silent now and was so for d.
func (m *Machine) silentFor(d time.Duration) bool {
	v := &m.seen
	if !m.now.within(v.last, probeGap) {
		return false
	}
	if m.cfg.Witness && m.now.since(v.witness) > witnessGap {
		return false
	}
	return v.last.since(v.from) >= d
}

// quiet is longer than the silence of a restart. The owner may have shortened it
// after a drill, which counts only as long as that drill does.
func (m *Machine) quiet() time.Duration {
	least := Timers{}.withDefaults().Quiet
	if m.d.Learned.on(m.d.Firmware) {
		least = m.d.Learned.leastQuiet()
	}
	return max(least, m.timers.Quiet, 2*m.d.Learned.Gap, 2*m.d.Seq.Drill.Gap)
}

// offWatts is what the meter may read of a recorder that is off. A shared one reads the
// sum: a low sum is low for each, but nothing that it read can be learned from.
func (m *Machine) offWatts() float64 {
	w := minOffWatts
	if m.d.Learned.on(m.d.Firmware) && !m.cfg.Plug.shared() {
		w = m.d.Learned.offWatts()
	}
	if m.cfg.OffWatts > 0 {
		w = min(w, m.cfg.OffWatts)
	}
	return w
}

// powerProof says that the meter proves it now.
func (m *Machine) powerProof() bool {
	v, off := &m.seen, m.offWatts()
	dwell := m.timers.Dwell
	if off > diskWatts {
		dwell = max(dwell, m.quiet())
	}
	return !m.d.Learned.Blind && !v.pulled &&
		v.relay == RelayOn &&
		m.silentFor(dwell) &&
		m.d.Seq.Puts > 0 && m.d.Seq.Baseline >= 2*off &&
		v.low.n >= lowReadings && v.low.last.since(v.low.from) >= m.timers.Dwell &&
		m.now.within(v.low.last, readingGap)
}
