package bridge

import (
	"context"
	"errors"
	"time"

	"hikbridge/nvr"
)

// answer is what a recorder said to one question.
type answer struct {
	task task
	at   time.Time
	err  error

	info     nvr.Info
	caps     nvr.Capabilities
	channels []nvr.Channel
	states   []nvr.ChannelStatus
	status   nvr.Status
	disks    []nvr.Disk
	clock    nvr.Maybe[time.Duration]
}

// ask puts one question; it blocks for at most the client's own deadlines.
func ask(ctx context.Context, c *nvr.Client, t task) answer {
	a := answer{task: t}
	switch t {
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
	case errors.As(err, &status), errors.Is(err, nvr.ErrDocument):
		return refused
	}
	return silent
}
