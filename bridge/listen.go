package bridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"hikbridge/nvr"
)

const (
	// firstReopen to lastReopen is the pause before a stream is opened again that
	// didn't last; one that lasted longer than lastedFor is opened at once.
	firstReopen = 500 * time.Millisecond
	lastReopen  = 30 * time.Second
	lastedFor   = 10 * time.Second
	// fullReopen is the pause when the device is full: it holds the slot of a
	// client that went away for a while.
	fullReopen = 15 * time.Second
	fullLast   = 2 * time.Minute
	// refusedReopen is the pause when the account may not read events, and
	// whenever the sign-in is paused.
	refusedReopen = 10 * time.Minute
	// streamGrace is how long a stream may be away until its sensors are
	// unavailable: some recorders close it every 40 seconds.
	streamGrace = 2 * time.Second
	// streamTold: a stream that can't be opened is a matter for a person after
	// this.
	streamTold = 5 * time.Minute
	// streamSaid: Status says that events don't come after this.
	streamSaid = time.Minute
	// messageEvery is how often Last message is published at most.
	messageEvery = time.Minute
)

// streamOpened and streamEnded are what the stream's goroutine tells beside the
// alerts.
type (
	streamOpened struct{ at time.Time }
	streamEnded  struct {
		at      time.Time
		err     error
		skipped int // messages that couldn't be read
	}
)

// stream is what the loop knows of the event stream.
type stream struct {
	cancel context.CancelFunc // not nil: a goroutine opens or reads it
	open   bool
	since  time.Time // of open
	lost   time.Time // since when no events come
	err    error     // why it isn't open
	tries  int       // that failed or didn't last, in a row
	next   time.Time // the next try
	shown  bool      // its sensors are available
	told   time.Time // when the last message came, by the minute
	old    int       // messages that were sent again, and not shown
	warned bool      // its loss is in the diary
}

// listen opens the event stream and reads it to its end, or until ctx is done.
// There is never more than one of it for a recorder: the loop starts the next
// when this has told the end. A full inbox makes it wait, and with it the
// recorder. life is the recorder's own context.
func (r *recorder) listen(ctx, life context.Context) {
	skipped, err := r.hear(ctx)
	select {
	case r.inbox <- streamEnded{at: time.Now(), err: err, skipped: skipped}:
	case <-life.Done():
	}
}

func (r *recorder) hear(ctx context.Context) (skipped int, err error) {
	s, err := r.client.Stream(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	var m any = streamOpened{at: time.Now()}
	for {
		select {
		case r.inbox <- m:
		case <-ctx.Done():
			return s.Skipped(), ctx.Err()
		}
		if m, err = s.Next(); err != nil {
			return s.Skipped(), err
		}
	}
}

// reopen opens the stream when it is time to. It is read only from a recorder
// whose identity is known, once it is announced.
func (r *recorder) reopen(ctx context.Context, now time.Time) {
	s := &r.stream
	if s.cancel != nil || !r.power.Listen || !r.live.ready || !r.announced() || now.Before(s.next) {
		return
	}
	streamCtx, cancel := context.WithCancel(ctx)
	s.cancel = cancel
	r.listeners.Go(func() { r.listen(streamCtx, ctx) })
}

// streamOpens notes that events come from now on.
func (r *recorder) streamOpens(at time.Time) {
	s := &r.stream
	s.open, s.since, s.err = true, at, nil
	r.plan.last = at // it was a request like others
	if s.warned || s.told.IsZero() {
		r.log.Info("event stream is open")
	}
	s.warned = false
}

// streamEnds plans the next try.
func (r *recorder) streamEnds(m streamEnded) {
	s := &r.stream
	if s.open && m.at.Sub(s.since) >= lastedFor {
		s.tries = 0
	}
	if s.open || s.lost.IsZero() {
		s.since, s.lost = m.at, m.at
	}
	s.cancel()
	if errors.Is(m.err, context.Canceled) {
		m.err = nil // we hung up
	}
	s.cancel, s.open, s.err = nil, false, m.err
	pause := reopenPause(m.err, s.tries)
	s.next = m.at.Add(pause - rand.N(pause/5+1))
	var signIn *nvr.SignInError
	if errors.As(m.err, &signIn) && signIn.Until.After(m.at) {
		s.next = signIn.Until
	}
	s.tries++
	r.log.Debug("event stream ended", keyError, m.err, keyCount, m.skipped)
}

// reopenPause is how long to wait after so many tries in a row.
func reopenPause(err error, tries int) time.Duration {
	var signIn *nvr.SignInError
	doubled := func(first, last time.Duration) time.Duration { return min(last, first<<min(tries, 10)) }
	switch {
	case errors.As(err, &signIn), errors.Is(err, nvr.ErrForbidden), errors.Is(err, nvr.ErrState):
		return refusedReopen
	case errors.Is(err, nvr.ErrBusy):
		return doubled(fullReopen, fullLast)
	case tries == 0:
		return 0
	}
	tries--
	return doubled(firstReopen, lastReopen)
}

// settleStream shows or hides the event sensors: they are there as soon as the
// stream is, and go when it has been away for the grace.
func (r *recorder) settleStream(now time.Time) {
	s := &r.stream
	if s.open {
		s.shown = true
		return
	}
	if now.Sub(s.since) < streamGrace && r.live.ready {
		return
	}
	if s.shown {
		s.shown = false
		clear(r.latches.on)
	}
	if s.err != nil && !s.warned && r.live.ready {
		s.warned = true
		r.warn("no events come", s.err, now)
	}
}

// streamWake is when the stream needs the loop.
func (r *recorder) streamWake() time.Time {
	s := &r.stream
	var wake time.Time
	if s.shown && !s.open {
		wake = s.since.Add(streamGrace)
	}
	if s.cancel == nil && r.power.Listen && r.live.ready && r.announced() {
		wake = sooner(wake, s.next)
	}
	return wake
}

// hangUp ends the stream of a box that isn't this recorder.
func (r *recorder) hangUp() {
	if r.stream.cancel != nil {
		r.stream.cancel()
	}
}
