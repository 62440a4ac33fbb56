package bridge

import (
	"context"
	"errors"
	"time"

	"hikbridge/nvr"
)

// question is what is asked. Some are about one disk or channel, by its id as
// listed.
type question struct {
	task task
	id   string
	kind nvr.Kind
	// from is device time: a month, or with first the day whose first recording is
	// asked for.
	from  time.Time
	first bool
	// journal holds what is to be put back on a recorder; with forget it is done for
	// the last time.
	journal *pauseJournal
	forget  bool
}

// answer is what a recorder said to one question.
type answer struct {
	question
	at  time.Time
	err error
	// dropped: the question was ended by us.
	dropped bool

	info      nvr.Info
	caps      nvr.Capabilities
	channels  []nvr.Channel
	states    []nvr.ChannelStatus
	status    nvr.Status
	statusErr error // of taskWho
	disks     []nvr.Disk
	clock     nvr.Clock
	triggers  []nvr.Trigger
	working   []nvr.Working
	tracks    []nvr.Track
	smart     nvr.SMART
	oldest    nvr.Maybe[time.Time]
	newest    nvr.Newest
	picture   []byte
	silencing silencing
	putBack   putBack
}

// ask puts one question; it blocks for at most the client's own deadlines.
func ask(ctx context.Context, c *nvr.Client, q question) answer {
	a := answer{question: q}
	switch q.task {
	case taskWho:
		if a.info, a.err = c.Info(ctx); a.err == nil {
			a.status, a.statusErr = c.Status(ctx)
		}
	case taskAccount:
		_, a.err = c.Account(ctx)
	case taskInfo:
		a.info, a.err = c.Info(ctx)
	case taskCapabilities:
		a.caps, a.err = c.Capabilities(ctx)
	case taskProxies:
		a.channels, a.err = c.Proxies(ctx)
	case taskInputs:
		a.channels, a.states, a.err = c.Inputs(ctx)
	case taskProxyStatus:
		a.states, a.err = c.ProxyStatus(ctx)
	case taskStatus:
		a.status, a.err = c.Status(ctx)
	case taskStorage:
		a.disks, a.err = c.Storage(ctx)
	case taskClock:
		a.clock, a.err = c.Clock(ctx)
	case taskTriggers:
		a.triggers, a.err = c.Triggers(ctx)
	case taskWorking:
		a.working, a.err = c.Working(ctx)
	case taskTracks:
		a.tracks, a.err = c.Tracks(ctx)
	case taskSMART:
		a.smart, a.err = c.SMART(ctx, q.id)
	case taskOldest:
		if q.first {
			a.oldest, a.err = c.FirstRecording(ctx, q.id, q.from)
		} else {
			a.oldest, a.err = c.FirstDay(ctx, q.id, q.from)
		}
	case taskNewest:
		a.newest, a.err = c.Newest(ctx)
	case taskPicture, taskTryPicture:
		a.picture, a.err = c.Picture(ctx, q.kind, q.id)
	case taskAlerts:
		_, a.err = c.Notifications(ctx)
	case taskSilence:
		a.silencing = silence(ctx, c, q)
		a.err = ofTheDevice(a.silencing.err)
	case taskPutBack:
		a.putBack = putItBack(ctx, c, q)
		if a.putBack.Missing == nil {
			a.err = ofTheDevice(a.putBack.err)
		}
	case taskGiveUp:
		a.putBack.err = q.journal.forget()
		a.putBack.left = q.journal.kept != nil
	default:
		panic("bridge: unknown task")
	}
	a.at = time.Now()
	return a
}

// outcome sorts what came of a question by what follows from it.
type outcome int

const (
	answered    outcome = iota
	unsupported         // it isn't asked again
	refused             // the recorder answers, but not this now
	notSignedIn         // it answers, and doesn't let us in
	silent              // nothing came that a recorder could have said
)

func outcomeOf(err error) outcome {
	var status *nvr.StatusError
	var signIn *nvr.SignInError
	switch {
	case err == nil:
		return answered
	case errors.Is(err, nvr.ErrUnsupported):
		return unsupported
	case errors.As(err, &signIn), errors.Is(err, nvr.ErrState), errors.Is(err, nvr.ErrNoDigest):
		return notSignedIn
	case errors.As(err, &status), errors.Is(err, nvr.ErrDocument), errors.Is(err, nvr.ErrNoPicture):
		return refused
	}
	return silent
}
