package mqtt

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// settledAfter is how long a connection must last until the next failure counts as the first one again.
const settledAfter = 10 * time.Second

// paces are the intervals from the start of one attempt to the start of the next: soon at first, as brokers restart in a
// moment, and then often enough that nobody waits long.
var paces = [...]time.Duration{
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second,
}

// Run connects and stays connected until ctx ends. Then it publishes the goodbye, disconnects, and returns when all its
// goroutines are gone, at most about 2 s later. The error says why a connected broker didn't get the goodbye (it has the will
// then). Run may be called once.
func (c *Client) Run(ctx context.Context) error {
	if !c.started.CompareAndSwap(false, true) {
		return errors.New("mqtt: Run called twice")
	}
	var o outage
	for {
		start := time.Now()
		err := c.connection(ctx, &o)
		if ctx.Err() != nil {
			return err
		}
		if !sleep(ctx, time.Until(start.Add(o.pace()))) {
			return nil
		}
	}
}

// outage is what is known of the attempts so far.
type outage struct {
	failures int    // attempts that failed since the last connection
	short    int    // connections in a row that didn't last
	told     string // reason of failure, since the last connection
}

// pace is the interval from the attempt that just ended to the next one.
func (o *outage) pace() time.Duration {
	tries := o.failures
	if tries == 0 {
		tries = o.short
	}
	d := paces[min(max(tries-1, 0), len(paces)-1)]
	return d - rand.N(d/10) // several clients of one broker don't come back at once
}

// connection is one attempt and what comes of it. The error matters only when ctx ended.
func (c *Client) connection(ctx context.Context, o *outage) error {
	select { // a birth from before this connection is answered by its replay
	case <-c.births:
	default:
	}
	s, err := connect(ctx, c.cfg, c.target, c.receive)
	if err != nil {
		if ctx.Err() == nil {
			c.failed(o, err)
		}
		return nil
	}
	guard := s.start(ctx)
	defer guard.Wait()
	defer s.close()
	// Before the subscription: the answer to a command that comes with it mustn't be lost.
	c.outbox.begin()
	defer c.outbox.end()
	refused, err := s.subscribe(ctx, c.filters())
	if err != nil {
		if ctx.Err() == nil {
			c.failed(o, err)
		}
		return nil
	}
	begin := time.Now()
	c.up(s.link, o, refused)
	err = c.serve(ctx, s)
	c.connected.Store(false)
	c.live.Store(nil)
	if s.link.onEnd(nil); ctx.Err() == nil {
		c.tell(Change{Kind: Lost, Err: err})
	}
	if o.short++; time.Since(begin) >= settledAfter {
		o.short = 0
	}
	return err
}

// serve runs a session to its end, the goodbye included.
func (c *Client) serve(ctx context.Context, s *session) error {
	defer c.notices()
	defer s.ended(c.outbox)
	for ctx.Err() == nil {
		s.fill(c.outbox)
		if s.caughtUp(c.outbox) {
			s.link.stage.Store(informed)
			c.tell(Change{Kind: Replayed})
		}
		c.notices()
		if err := s.wait(ctx.Done(), c.outbox.wake, c.births); err != nil {
			return err
		}
		if err := s.settle(c.outbox); err != nil {
			return err
		}
		if s.answerBirth() {
			c.outbox.rebirth()
		}
	}
	s.link.stage.Store(leaving)
	return s.farewell(c.outbox, c.cfg.Goodbye)
}

func (c *Client) filters() []string {
	filters := slices.Clone(c.cfg.Subscribe)
	if c.cfg.BirthTopic != "" {
		filters = append(filters, c.cfg.BirthTopic)
	}
	return filters
}

// up tells a connection.
func (c *Client) up(l *link, o *outage, refused []string) {
	c.connections.Add(1)
	c.connected.Store(true)
	l.stage.Store(up)
	c.live.Store(l)
	c.tell(Change{Kind: Connected, Failures: o.failures})
	l.onEnd(c.cfg.Down)
	o.failures, o.told = 0, ""
	slices.Sort(refused)
	for _, filter := range refused {
		c.tell(Change{Kind: Unsubscribed, Topic: filter})
	}
}

// failed tells an attempt that failed, unless the reason is the one told before.
func (c *Client) failed(o *outage, err error) {
	o.failures++
	reason := root(err)
	if reason == o.told {
		return
	}
	o.told = reason
	kind := Unreachable
	if errors.Is(err, ErrRefused) {
		kind = Refused
	}
	c.tell(Change{Kind: kind, Err: err})
}

// root is an error without what may differ from one attempt to the next, such as the local port.
func root(err error) string {
	if errors.Is(err, ErrNoAnswer) {
		return ErrNoAnswer.Error()
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil || inner == ErrRefused {
			return err.Error()
		}
		err = inner
	}
}

// notices tells what the outbox withheld.
func (c *Client) notices() {
	for _, change := range c.outbox.takeNotices() {
		c.tell(change)
	}
}

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
