package bridge

import (
	"errors"
	"time"

	"hikbridge/nvr"
)

const (
	// pauseUsual is how long alerts are paused unless told otherwise, pauseLongest
	// how long at most. A power sequence pauses for the usual time from its last step.
	pauseUsual   = 120 * time.Minute
	pauseLongest = 720 * time.Minute
	// pauseTries is how often a pause is tried in the app.
	pauseTries = 3
	// putBackAgain is when a setting is put back once more, if nobody knows that the
	// change came, or the recorder has started since.
	putBackAgain = time.Minute
	// firstPutBack to lastPutBack is the pause between tries to put it back.
	firstPutBack = 10 * time.Second
	lastPutBack  = time.Hour
	// putBackHopeless is how long what can't be put back is tried while the recorder
	// answers: its channels are gone, or the setting is.
	putBackHopeless = 24 * time.Hour
)

// pauseStep is what is to be done with the recorder's own notifications now.
type pauseStep int

const (
	stepNothing pauseStep = iota
	stepSilence           // keep what is there, and silence it
	stepPutBack           // put it back, and go on keeping what was there
	stepForget            // put it back for the last time; if that works, it is over
	stepGiveUp            // go on without: it can't be put back
)

// standing is how a recorder stands, for the rule of pauses.
type standing struct {
	ask      bool // it may be asked, and is the one that is remembered
	careful  bool // a shutdown runs or may come soon: no failed login may be risked
	counting bool // a power sequence is about to make its request
}

// pause is the rule of one recorder's alerts: whether they are silent here, and what
// is to be done on the recorder. It reads no clock and does nothing by itself. A
// pause doesn't outlast the process; what it changed on a recorder does, and is in a
// journal until it is put back.
type pause struct {
	command  time.Time // until when a command pauses; zero: none does
	sequence time.Time // the same for a power sequence
	running  bool      // a power sequence is
	resumed  bool      // by a command, for the rest of the sequence

	app   nvr.Maybe[bool] // the recorder has the setting
	may   nvr.Maybe[bool] // the account may change it: a check was told so, or it did
	tries int             // of silencing it, in this pause

	left     bool      // the journal holds what is to be put back
	refused  bool      // and nothing was changed, as the recorder said
	back     bool      // it is on its way back, as nobody knows that the change came or its time is over
	sure     bool      // the change was read back, and the recorder hasn't started since
	restored bool      // it was put back for the first time
	fails    int       // tries to put it back, in a row
	hopeless time.Time // since when nothing but what can't be put back is left
	next     time.Time // nothing is tried before
}

// begin pauses for some time, or changes until when.
func (p *pause) begin(now time.Time, d time.Duration) {
	p.command, p.tries, p.resumed = now.Add(d), 0, false
}

// resume ends all pauses now.
func (p *pause) resume() {
	p.command, p.sequence, p.resumed = time.Time{}, time.Time{}, p.running
}

// sequenceMoved takes in that a power sequence has come to another state, or ended.
func (p *pause) sequenceMoved(now time.Time, runs bool) {
	p.running = runs
	switch {
	case !runs:
		p.sequence, p.resumed = time.Time{}, false
	case !p.resumed:
		if p.sequence.IsZero() && !now.Before(p.command) {
			p.tries = 0
		}
		p.sequence = now.Add(pauseUsual)
	}
}

// silent says that alerts aren't told.
func (p *pause) silent(now time.Time) bool { return now.Before(p.until()) }

// quiet says that a power sequence keeps the problems silent that it causes.
func (p *pause) quiet(now time.Time) bool { return now.Before(p.sequence) }

// until is when alerts are told again at the latest; zero: they are.
func (p *pause) until() time.Time { return later(p.command, p.sequence) }

// ready takes in that the recorder can be asked again. It may have started, and tell
// less than it has.
func (p *pause) ready() {
	p.sure, p.restored, p.fails, p.hopeless, p.next = false, false, 0, time.Time{}, time.Time{}
}

// step says what is to be done now, and when to look again; zero is never.
func (p *pause) step(now time.Time, s standing) (pauseStep, time.Time) {
	end := sooner(after(p.command, now), after(p.sequence, now))
	step := p.wanted(now, s)
	if step != stepNothing && p.next.After(now) {
		return stepNothing, sooner(end, p.next)
	}
	return step, end
}

// after is a time that is still to come, or never.
func after(t, now time.Time) time.Time {
	if t.After(now) {
		return t
	}
	return time.Time{}
}

func (p *pause) wanted(now time.Time, s standing) pauseStep {
	trusted := p.may.Value && p.app.Value
	switch {
	case !s.ask, s.careful && !trusted:
		return stepNothing
	case p.left && !p.hopeless.IsZero() && now.Sub(p.hopeless) >= putBackHopeless:
		return stepGiveUp
	case p.left && (p.back || !p.silent(now)):
		if p.sure || p.restored {
			return stepForget
		}
		return stepPutBack
	case p.left, p.tries >= pauseTries, p.app.Known && !p.app.Value, p.may.Known && !p.may.Value:
		return stepNothing
	case now.Before(p.command), p.quiet(now) && s.counting && trusted:
		return stepSilence
	}
	return stepNothing
}

// silencing is what came of stepSilence.
type silencing struct {
	outcome nvr.Outcome
	already bool // all channels were silenced before
	left    bool // the journal holds what is to be put back
	err     error
}

// silenced takes it in.
func (p *pause) silenced(now time.Time, s silencing) {
	p.tries++
	done := s.outcome == nvr.OutcomeDone
	p.left, p.sure, p.back = s.left, s.left && done, s.left && !done
	p.refused = s.outcome == nvr.OutcomeRefused || s.outcome == nvr.OutcomeBusy
	switch {
	case s.already:
		p.tries, p.app = pauseTries, known(true)
	case done:
		p.may, p.app = known(true), known(true)
	case errors.Is(s.err, nvr.ErrDocument): // a recorder that starts may answer oddly
	case errors.Is(s.err, nvr.ErrUnsupported):
		p.app = known(false)
	case errors.Is(s.err, nvr.ErrForbidden):
		p.tries, p.may = pauseTries, nvr.Maybe[bool]{}
	case errors.Is(s.err, errJournal), errors.Is(s.err, nvr.ErrNotKept):
		p.tries = pauseTries
	}
	if !s.left && !done {
		p.next = now.Add(firstPutBack)
	}
}

// putBack is what came of putting a setting back.
type putBack struct {
	nvr.Restored
	left bool // the journal holds it still
	err  error
}

// wasPutBack takes it in.
func (p *pause) wasPutBack(now time.Time, b putBack) {
	p.back = true
	switch {
	case !b.left:
		*p = pause{command: p.command, sequence: p.sequence, running: p.running, resumed: p.resumed, app: p.app, may: p.may, tries: p.tries}
		return
	case b.err == nil:
		p.restored, p.fails, p.hopeless, p.next = true, 0, time.Time{}, now.Add(putBackAgain)
		return
	case b.Missing == nil && !errors.Is(b.err, nvr.ErrUnsupported):
		p.hopeless = time.Time{}
	case p.hopeless.IsZero():
		p.hopeless = now
	}
	p.restored = false
	p.next = now.Add(min(lastPutBack, firstPutBack<<min(p.fails, 10)))
	p.fails++
}
