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
	taskTriggers                 // events and their linkages
	taskWorking                  // which channels record
	taskTracks                   // which channels should
	taskTryPicture               // whether pictures can be taken, once for each kind of channel
	taskAlerts                   // whether notifications can be silenced on the recorder, once for a firmware

	// What follows isn't waited for before the recorder is announced.
	taskSMART  // one disk's health
	taskOldest // one step to a channel's oldest recording
	taskNewest // newer firmware
	taskCount

	firstLater = taskSMART

	// taskPicture is asked when a picture is wanted, not by the plan.
	taskPicture = taskCount
	// taskWho asks for identity and uptime, when there is no plan: a sequence of
	// power runs.
	taskWho = taskCount + 1
	// What is done with the recorder's own notifications, when it is time to.
	taskSilence = taskCount + 2
	taskPutBack = taskCount + 3
	taskGiveUp  = taskCount + 4
)

func (t task) String() string {
	return [taskCount + 5]string{"sign-in", "identity", "capabilities", "video inputs", "IP channels",
		"camera states", "system status", "storage", "clock", "event linkages", "recording states", "recording plans",
		"pictures", "notifications", "disk health", "oldest recording", "newest firmware", "pictures", "who answers",
		"pausing alerts", "resuming alerts", "resuming alerts"}[t]
}

// aboutAlerts says that the recorder's own notifications are changed or put back.
func (t task) aboutAlerts() bool { return t == taskSilence || t == taskPutBack || t == taskGiveUp }

const (
	// spacing keeps an idle recorder at three calls a minute. A recorder that
	// wants a fresh challenge for each request sees six requests then.
	spacing = 20 * time.Second
	// retryTask is when a question that failed is asked again; a recorder that
	// boots answers 500 for minutes. After patientTries it doubles to longestRetry.
	retryTask    = 30 * time.Second
	patientTries = 20
	longestRetry = time.Hour
	// hurryGap is the least time between the same question, whatever alarms say.
	hurryGap = 10 * time.Second
	// skipped is when a question is thought of again that was about nothing.
	skipped = 10 * time.Minute
)

// intervals between the same question; 0 is asked once after each restart.
var intervals = [taskCount]time.Duration{
	taskInfo:        10 * time.Minute,
	taskProxies:     15 * time.Minute,
	taskInputs:      15 * time.Minute,
	taskProxyStatus: 30 * time.Second,
	taskStatus:      4 * time.Minute,
	taskStorage:     5 * time.Minute,
	taskClock:       10 * time.Minute,
	taskTriggers:    30 * time.Minute,
	taskWorking:     90 * time.Second,
	taskTracks:      time.Hour,
	taskSMART:       10 * time.Minute,
	taskOldest:      10 * time.Minute,
	taskNewest:      12 * time.Hour,
}

// plan says what is asked when: everything once and at once after a restart,
// then each question at its interval with spacing between any two.
type plan struct {
	entries [taskCount]planEntry
	last    time.Time // when the last answer came
}

type planEntry struct {
	due   time.Time
	hurry time.Time // an alarm wants it then, whatever the spacing
	asked time.Time // when the last answer came
	tried bool      // since the restart
	off   bool      // not supported, or not needed
	fails int
	every time.Duration
}

func newPlan(now time.Time) plan {
	var p plan
	for t := range p.entries {
		p.entries[t].every = intervals[t]
	}
	p.restart(now)
	return p
}

// restart asks everything anew, at once.
func (p *plan) restart(now time.Time) {
	for t := range taskCount {
		e := &p.entries[t]
		e.tried, e.fails, e.hurry = t >= firstLater, 0, time.Time{}
		if t >= firstLater {
			e.due = now
		}
	}
}

// reset does the same and forgets what isn't supported: another firmware.
func (p *plan) reset(now time.Time) {
	for t := range p.entries {
		p.entries[t].off = false
	}
	p.restart(now)
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
// When more is due than the spacing lets through, all questions come later by
// the same share of their intervals.
func (p *plan) next() (task, time.Time) {
	earliest := p.last.Add(spacing)
	best, first := taskInfo, time.Time{}
	var urgent task
	for t := range taskCount {
		e := p.entries[t]
		switch {
		case e.off:
			continue
		case !e.tried:
			return t, time.Time{}
		case !e.hurry.IsZero() && (first.IsZero() || e.hurry.Before(first)):
			urgent, first = t, e.hurry
		}
		if b := p.entries[best]; !e.due.IsZero() && (b.off || b.due.IsZero() || e.before(b, earliest)) {
			best = t
		}
	}
	at := p.entries[best].due
	if at.Before(earliest) {
		at = earliest
	}
	if !first.IsZero() && first.Before(at) {
		return urgent, first
	}
	return best, at
}

// before says that a question comes before another one at that time: the one
// that is later in proportion to its interval, or that is due first.
func (e planEntry) before(o planEntry, at time.Time) bool {
	late, otherLate := at.Sub(e.due), at.Sub(o.due)
	if late > 0 || otherLate > 0 {
		return late.Seconds()*o.interval() > otherLate.Seconds()*e.interval()
	}
	return e.due.Before(o.due)
}

// interval is in seconds, and never 0.
func (e planEntry) interval() float64 { return max(e.every, retryTask).Seconds() }

// hurry asks a question at once, if it wasn't asked just now.
func (p *plan) hurry(t task, now time.Time) {
	e := &p.entries[t]
	at := now
	if soonest := e.asked.Add(hurryGap); at.Before(soonest) {
		at = soonest
	}
	if !e.off && e.tried && (e.hurry.IsZero() || at.Before(e.hurry)) {
		e.hurry = at
	}
}

// again asks a question once more soon: there is more of it to know.
func (p *plan) again(t task, now time.Time, every time.Duration) {
	if e := &p.entries[t]; !e.off {
		e.due = now.Add(every)
	}
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
	e.tried, e.fails, e.due, e.hurry, e.asked = true, 0, time.Time{}, time.Time{}, now
	if e.every > 0 {
		e.due = now.Add(e.every)
	}
	p.last = now
}

// refused: the recorder answered, but not this question.
func (p *plan) refused(t task, now time.Time) {
	e := &p.entries[t]
	e.tried, e.hurry, e.asked = true, time.Time{}, now
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

// skip leaves a question out for now: there is nothing that it could be about.
func (p *plan) skip(t task, now time.Time) {
	e := &p.entries[t]
	e.tried, e.hurry, e.due = true, time.Time{}, now.Add(max(e.every, skipped))
}

// hopeless says that a question was refused for longer than any boot takes.
func (p *plan) hopeless(t task) bool { return p.entries[t].fails > patientTries }

// drop never asks again until reset.
func (p *plan) drop(t task, now time.Time) {
	p.entries[t].off = true
	p.last = now
}
