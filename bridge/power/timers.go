package power

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Timers are what an owner may change. A zero one has its default.
type Timers struct {
	Countdown     time.Duration // 10 s between an accepted command and the request: time to cancel
	GoingDown     time.Duration // 90 s in which a recorder that accepted may still answer
	Quiet         time.Duration // 180 s: longer than the silence of a restart
	Presumption   time.Duration // 600 s: longer than most disk checks
	Dwell         time.Duration // 15 s of silence and low power: disks spin down
	Settle        time.Duration // 30 s that a complete proof must hold
	ProofDeadline time.Duration // 8 min until what isn't proven needs a person
	ReadBack      time.Duration // 20 s for the plug to report its relay
	MinOff        time.Duration // 15 s without power, so that the recorder really starts anew
	Boot          time.Duration // 10 min without an answer until the boot has failed
	Verify        time.Duration // 10 min for cameras and recordings to return
	CommandLife   time.Duration // 30 s that a command is valid after its time
}

// withDefaults fills in what isn't set.
func (t Timers) withDefaults() Timers {
	return Timers{
		Countdown:     or(t.Countdown, 10*time.Second),
		GoingDown:     or(t.GoingDown, 90*time.Second),
		Quiet:         or(t.Quiet, 180*time.Second),
		Presumption:   or(t.Presumption, 600*time.Second),
		Dwell:         or(t.Dwell, 15*time.Second),
		Settle:        or(t.Settle, 30*time.Second),
		ProofDeadline: or(t.ProofDeadline, 8*time.Minute),
		ReadBack:      or(t.ReadBack, 20*time.Second),
		MinOff:        or(t.MinOff, 15*time.Second),
		Boot:          or(t.Boot, 10*time.Minute),
		Verify:        or(t.Verify, 10*time.Minute),
		CommandLife:   or(t.CommandLife, 30*time.Second),
	}
}

// atLeast raises what a proof rests on to its defaults, whoever forgot to
// Validate. Quiet depends on what a drill taught.
func (t Timers) atLeast() Timers {
	least := Timers{}.withDefaults()
	t.Presumption = max(t.Presumption, least.Presumption)
	t.Dwell = max(t.Dwell, least.Dwell)
	t.Settle = max(t.Settle, least.Settle)
	t.MinOff = max(t.MinOff, least.MinOff)
	return t
}

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Validate says what is wrong with timers and off-watts: what proves may be made
// slower, but faster only as far as a passed drill supports it.
func (c Config) Validate(l Learned) error {
	t, d := c.Timers.withDefaults(), Timers{}.withDefaults()
	quiet := d.Quiet
	if l.Passed {
		quiet = l.leastQuiet()
	}
	var wrong []error
	for _, row := range []struct {
		name        string
		have, least time.Duration
		risk        string
	}{
		{"quiet", t.Quiet, quiet, "a recorder that restarts may be taken for one that is off"},
		{"presumption", t.Presumption, d.Presumption, "a recorder that checks its disks may be taken for one that is off"},
		{"dwell", t.Dwell, d.Dwell, "a short dip of the meter may count as off"},
		{"settle", t.Settle, d.Settle, "a recorder that restarts may be taken for one that is off"},
		{"minimum off", t.MinOff, d.MinOff, "the recorder may not start anew"},
	} {
		if row.have < row.least {
			wrong = append(wrong, fmt.Errorf("%s is %s; with less than %s %s", row.name, short(row.have), short(row.least), row.risk))
		}
	}
	for _, row := range []struct {
		name  string
		value time.Duration
	}{
		{"countdown", t.Countdown}, {"going down", t.GoingDown}, {"proof deadline", t.ProofDeadline},
		{"read-back", t.ReadBack}, {"boot", t.Boot}, {"verify", t.Verify}, {"command life", t.CommandLife},
	} {
		if row.value != min(max(row.value, 0), 24*time.Hour) {
			wrong = append(wrong, fmt.Errorf("%s is %s; it must lie between 0 and 24 h", row.name, short(row.value)))
		}
	}
	learned := l.offWatts()
	if c.Plug.shared() {
		learned = minOffWatts
	}
	if !(c.OffWatts >= 0) || c.OffWatts > learned {
		wrong = append(wrong, fmt.Errorf("off-watts is %v W; it may only be lowered, and is %v W: a disk may still turn above", c.OffWatts, learned))
	}
	return errors.Join(wrong...)
}

// short is a duration as people write it: 10m, not 10m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// What nobody may change.
const (
	probeGap      = 8 * time.Second  // at most between two silent probes of one silence
	readingGap    = 20 * time.Second // after which a reading is old
	witnessGap    = 15 * time.Second
	relayGap      = 15 * time.Second // at most between a reading and the relay's report that it needs
	questionGap   = 5 * time.Second  // at least between two questions to a plug
	supplyGap     = time.Minute      // after which a supply that was on isn't known to be
	shortSilence  = 10 * time.Second // a restart is silent for at least so long
	pulledSilence = 20 * time.Second // of silence under load: when it falls now, a cord was pulled
	personLife    = 5 * time.Minute
	baselineAge   = 10 * time.Minute
	mainsGap      = 15 * time.Second // enough readings for a baseline, also if the broker is gone from the start of an outage to its deadline
	plugHeard     = 5 * time.Second  // at most since the plug was heard, for an OFF
	bypassedAfter = 15 * time.Second

	unanswered     = time.Minute // until a running recorder is unreachable
	collectFor     = 25 * time.Second
	putFor         = 20 * time.Second
	outageCount    = 5 * time.Second
	drillCount     = time.Minute
	mainsBack      = 30 * time.Second
	checkAgain     = 15 * time.Second
	sendAgain      = 10 * time.Second
	sendFor        = 30 * time.Second
	busyAgain      = 20 * time.Second
	sameAgain      = 2 * time.Minute
	sameTime       = time.Hour // of day, at most: an owner's clock may have been put meanwhile
	dailyDays      = 3         // with it that a schedule makes, in the seven that count
	freshCheck     = 10 * time.Minute
	owedUnproven   = 5 * time.Minute
	owedPresumed   = 20 * time.Minute
	drillWait      = 30 * time.Minute
	drillUnplug    = time.Hour
	waitsForPower  = 15 * time.Minute
	unreachableFor = 15 * time.Minute
	firstOnAgain   = 20 * time.Second
	lastOnAgain    = 5 * time.Minute
	verifyAgain    = 30 * time.Second
	lostAgain      = time.Minute
	stillOnSilent  = 15 * time.Second
	stillOnFor     = 30 * time.Minute
	newJournal     = 10 * time.Minute
	journalAgain   = 5 * time.Minute
	quietStart     = 10 * time.Minute
	observedOn     = 2 * time.Minute // of stable mains until an observing bridge switches on
	startsWithin   = 5 * time.Minute
	commandSkew    = time.Minute
	acceptedLife   = 24 * time.Hour
	idLife         = 2 * time.Minute
	freshCommand   = 3 * time.Minute // after which a restarted bridge doesn't ask the recorder again

	maxIDs         = 1000
	startsAtMost   = 5 // within startsWithin; the fifth is a crash loop
	putsOfSequence = 2 // accepted or unknown ones
	putsOfOutage   = 4
	takeOver       = 2 // of an outage, while it may start a sequence
	sendTries      = 3
	busyTries      = 2
	cutTries       = 3
	lowReadings    = 3
	gapReadings    = 5  // fewer of them in the drill's restart tell nothing
	maxReadings    = 64 // kept of the drill's restart

	diskWatts    = 3.0 // above it a disk may turn
	minOffWatts  = 1.0
	firstSilence = time.Minute // guess of the time to silence
	fixedBudget  = 40 * time.Second
)
