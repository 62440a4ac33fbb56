package bridge

import (
	"time"
)

// task is one question to a recorder, one request in the usual case.
type task int

const (
	taskAccount      task = iota // signs in with the cheapest request
	taskInfo                     // identity and firmware
	taskCapabilities             // which channel lists exist
	taskInputs                   // analog inputs or lenses: list and state
	taskProxies                  // IP channels: the list; after the inputs, whose ids come first
	taskProxyStatus              // IP channels: online or why not
	taskStatus                   // uptime, CPU, memory
	taskStorage                  // disks
	taskClock                    // the device's clock
	taskCount
)

func (t task) String() string {
	return [taskCount]string{"sign-in", "identity", "capabilities", "video inputs", "IP channels",
		"camera states", "system status", "storage", "clock"}[t]
}

const (
	// spacing keeps an idle recorder at three calls a minute. A recorder that
	// wants a fresh challenge for each request sees six requests then.
	spacing = 20 * time.Second
	// retryTask is when a question that failed is asked again; a recorder that
	// boots answers 500 for minutes. After patientTries it doubles to longestRetry.
	retryTask    = 30 * time.Second
	patientTries = 20
	longestRetry = time.Hour
)

// intervals between the same question; 0 is asked once after each restart.
var intervals = [taskCount]time.Duration{
	taskInfo:        10 * time.Minute,
	taskProxies:     15 * time.Minute,
	taskInputs:      15 * time.Minute,
	taskProxyStatus: 30 * time.Second,
	taskStatus:      2 * time.Minute,
	taskStorage:     5 * time.Minute,
	taskClock:       10 * time.Minute,
}

// plan says what is asked when: everything once and at once after a restart,
// then each question at its interval with spacing between any two.
type plan struct {
	entries [taskCount]planEntry
	last    time.Time // when the last answer came
}

type planEntry struct {
	due   time.Time
	tried bool // since the restart
	off   bool // not supported, or not needed
	fails int
	every time.Duration
}

func newPlan() plan {
	var p plan
	for t := range p.entries {
		p.entries[t].every = intervals[t]
	}
	return p
}

// restart asks everything anew, at once.
func (p *plan) restart() {
	for t := range p.entries {
		p.entries[t].tried, p.entries[t].fails = false, 0
	}
}

// reset does the same and forgets what isn't supported: another firmware.
func (p *plan) reset() {
	for t := range p.entries {
		p.entries[t].off = false
	}
	p.restart()
}

// complete says whether everything was asked since the restart.
func (p *plan) complete() bool {
	for _, e := range p.entries {
		if !e.tried && !e.off {
			return false
		}
	}
	return true
}

// next gives the next question and when it may be asked; the zero time is now.
func (p *plan) next() (task, time.Time) {
	best := taskInfo
	for t := range taskCount {
		e := p.entries[t]
		if e.off {
			continue
		}
		if !e.tried {
			return t, time.Time{}
		}
		if e.due.IsZero() {
			continue
		}
		if b := p.entries[best]; b.off || b.due.IsZero() || e.due.Before(b.due) {
			best = t
		}
	}
	at := p.entries[best].due
	if earliest := p.last.Add(spacing); at.Before(earliest) {
		at = earliest
	}
	return best, at
}

// often asks a question at another interval from now on.
func (p *plan) often(t task, every time.Duration, now time.Time) {
	e := &p.entries[t]
	e.every = every
	if due := now.Add(every); e.due.After(due) {
		e.due = due
	}
}

// soon makes a question the next one at rest.
func (p *plan) soon(t task, now time.Time) { p.entries[t].due = now }

func (p *plan) answered(t task, now time.Time) {
	e := &p.entries[t]
	e.tried, e.fails, e.due = true, 0, time.Time{}
	if e.every > 0 {
		e.due = now.Add(e.every)
	}
	p.last = now
}

// refused: the recorder answered, but not this question.
func (p *plan) refused(t task, now time.Time) {
	e := &p.entries[t]
	e.tried = true
	e.fails++
	wait := retryTask
	if over := e.fails - patientTries; over > 0 {
		wait = min(longestRetry, retryTask<<min(over, 10))
	}
	e.due = now.Add(max(wait, e.every))
	if e.fails <= patientTries {
		e.due = now.Add(wait)
	}
	p.last = now
}

// hopeless says that a question was refused for longer than any boot takes.
func (p *plan) hopeless(t task) bool { return p.entries[t].fails > patientTries }

// drop never asks again until reset.
func (p *plan) drop(t task, now time.Time) {
	p.entries[t].off = true
	p.last = now
}
