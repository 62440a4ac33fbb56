package power

import (
	"slices"
	"time"
)

// Learned is what a passed drill taught.
type Learned struct {
	Passed    bool
	Firmware  string
	At        time.Time
	ToSilence time.Duration // from the request to the first silence
	Gap       time.Duration // silence of a restart
	Boot      time.Duration // from power to the first sign-in
	Running   float64       // watts, median
	Lowest    float64       // in the restart
	Halted    float64
	OffWatts  float64
	Blind     bool // the meter can't tell a boot from a halt
	// HaltedRead and LowestRead say that the meter told those: 0 W may be a reading.
	// Of a drill that an older version passed they aren't known.
	HaltedRead, LowestRead bool
	// Answers: a drill failed as the recorder still answered, and its log tells
	// that it had halted cleanly. Such a one can't be proven off.
	Answers bool
}

// on says that a drill was passed on this firmware.
func (l Learned) on(firmware string) bool { return l.Passed && l.Firmware == firmware }

func (l Learned) offWatts() float64 {
	if !l.Passed || l.OffWatts == 0 {
		return minOffWatts
	}
	return l.OffWatts
}

// leastQuiet is the shortest quiet that it supports: a gap that is no restart's
// supports nothing.
func (l Learned) leastQuiet() time.Duration {
	least := Timers{}.withDefaults().Quiet
	if l.Gap < shortSilence {
		return least
	}
	return min(least, 2*l.Gap)
}

// DrillRun is a drill that runs.
type DrillRun struct {
	Leg       int // 2 after the restart was verified
	Gap       time.Duration
	ToSilence time.Duration
	Boot      time.Duration
	Proven    bool   // by the meter or a person
	Unpowered bool   // and then its relay was read as off: it lost its power, and didn't only restart
	Failed    string // why
	Readings  []GapReading
	Halted    []float64 // of the minute before the cut
}

// GapReading is a reading in the silence of the restart.
type GapReading struct {
	After time.Duration // since the request
	Watts float64
}

// drillReasons are all reasons why a drill fails that began, for people.
var drillReasons = map[string]string{
	"unproven": "it wasn't proven that the recorder was off", "no_clean_stop_in_log": "its log doesn't tell of a clean stop",
	"unclean_stop": "its log tells of an unclean stop", "degraded": "not everything was as before", "unknown": "its serial number couldn't be read",
	"came_back": "the recorder restarted instead of halting", "still_on": "the recorder still answered", "boot_failed": "the recorder didn't answer after its start",
	"power_lost": "its power was cut before it was proven off", "cut_unconfirmed": "it isn't known whether the plug was off",
	"wrong_device": "another device answered", "journal_damaged": "the journal was damaged", "restart": "this program restarted meanwhile", "outage": "an outage came",
}

func (m *Machine) failDrill(reason string) {
	if d := &m.d.Seq.Drill; d.Failed == "" {
		d.Failed = reason
	}
}

// provesDrill notes that its halt is proven, by the meter or a person.
func (m *Machine) provesDrill() {
	if s := &m.d.Seq; s.Action == Drill && !s.Drill.Proven {
		s.Drill.Proven = true
		m.drillProof = m.now
		m.learnHalted() // the person may unplug it
		m.note("the drill's halt is proven")
	}
}

// drillMeasured keeps readings of the restart's silence.
func (m *Machine) drillMeasured(r metered) {
	s := &m.d.Seq
	if s.Action == Drill && m.d.State == Rebooting && !m.seen.from.never() && len(s.Drill.Readings) < maxReadings {
		s.Drill.Readings = append(s.Drill.Readings, GapReading{r.at.since(s.PutAt), r.watts})
	}
}

// learnHalted keeps the readings of the last minute before the proof in which it had
// halted, and how long the recorder took to fall silent.
func (m *Machine) learnHalted() {
	d := &m.d.Seq.Drill
	from := m.seen.low.from // a proof may come so soon that it still ran a minute before
	for _, r := range m.seen.recent[:min(m.seen.n, len(m.seen.recent))] {
		if m.now.since(r.at) <= time.Minute && r.at.Mono >= from.Mono {
			d.Halted = append(d.Halted, r.watts)
		}
	}
	d.ToSilence = m.seen.began.since(m.d.Seq.PutAt)
}

// learnAnswers learns from a drill that failed since the recorder stayed on: if
// somebody switched it off and on, and its log knows of a clean stop, it had
// halted, and answered all the same.
func (m *Machine) learnAnswers() {
	s := &m.d.Seq
	if s.Action != Drill || s.Drill.Failed != string(StillOn) || item(m.items, "clean_stop") != Yes {
		return
	}
	m.d.Learned = Learned{Firmware: m.d.Firmware, At: m.now.Wall, Answers: true}
}

// passDrill learns, if everything was as it should be; only a drill is ever proven.
func (m *Machine) passDrill(verdict string) {
	s := &m.d.Seq
	d := &s.Drill
	switch {
	case verdict != "normal":
		m.failDrill(verdict)
	case !d.Proven:
		m.failDrill("unproven")
	case item(m.items, "clean_stop") != Yes:
		m.failDrill("no_clean_stop_in_log")
	}
	if d.Failed != "" {
		return
	}
	l := Learned{Passed: true, Firmware: m.d.Firmware, At: m.now.Wall, ToSilence: d.ToSilence, Gap: d.Gap, Boot: d.Boot, Running: s.Baseline, OffWatts: minOffWatts}
	if m.cfg.Plug.shared() { // its meter reads others as well
		l.Running, l.Blind = 0, m.d.Learned.Blind
	} else if d.Unpowered && len(d.Halted) > 0 && s.Baseline > 0 {
		l.Halted, l.HaltedRead, l.LowestRead = slices.Max(d.Halted), true, len(d.Readings) > 0
		l.OffWatts = max(minOffWatts, min(l.Halted*1.1, s.Baseline/2))
		l.Lowest, l.Blind = lowest(d.Readings, l.OffWatts)
	}
	m.d.Learned = l
	m.d.NoCuts = false
}

// lowest is the least of a restart's readings, and whether they say too little to
// tell a boot from a halt.
func lowest(all []GapReading, off float64) (watts float64, blind bool) {
	var from time.Duration
	low := false
	for n, r := range all {
		if n == 0 {
			watts = r.Watts
		}
		watts = min(watts, r.Watts)
		if r.Watts > off {
			low = false
			continue
		}
		if !low {
			from, low = r.After, true
		}
		blind = blind || r.After-from > 15*time.Second
	}
	return watts, blind || len(all) < gapReadings
}

// Budget is how long a shutdown takes, as far as a drill taught it.
func (m *Machine) Budget() time.Duration { return m.budget() }

// budget is how long a shutdown takes.
func (m *Machine) budget() time.Duration {
	if d := m.d.Learned.ToSilence; d > 0 {
		return fixedBudget + d
	}
	return fixedBudget + firstSilence
}
