package nvrtest

import (
	"context"
	"slices"
	"time"
)

// streams are the event streams; under Recorder.mu.
type streams struct {
	open    []*stream   // oldest first
	coming  int         // connections that are about to become streams
	held    []time.Time // slots of connections that were cut, until when
	stalled bool
	playing int // calls of Play
	active  map[activity]time.Time
	changed chan struct{} // closed when the streams should look again
}

// activity is an alert that goes on.
type activity struct {
	kind          string
	channel, port int
}

// reserveStream takes a slot, if there is one.
func (r *Recorder) reserveStream() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := &r.streams
	now := time.Now()
	st.held = slices.DeleteFunc(st.held, func(until time.Time) bool { return !now.Before(until) })
	if limit := r.config.MaxStreams; limit > 0 && len(st.open)+st.coming+len(st.held) >= limit {
		return false
	}
	st.coming++
	return true
}

// changedLocked lets the streams look again.
func (st *streams) changedLocked() {
	if st.changed != nil {
		close(st.changed)
		st.changed = nil
	}
}

// delivery is a message on its way to a stream whose queue is full.
type delivery struct {
	to *stream
	m  *message
}

// postLocked queues a message for every stream, and gives those back that have no
// room for it.
func (st *streams) postLocked(make func(*stream) *message) []delivery {
	var late []delivery
	for _, s := range st.open {
		m := make(s)
		select {
		case s.queue <- m:
		default:
			late = append(late, delivery{s, m})
		}
	}
	return late
}

// deliver waits for room; a stream that ends meanwhile doesn't need it any more.
func (r *Recorder) deliver(ctx context.Context, late []delivery) error {
	for _, d := range late {
		select {
		case d.to.queue <- d.m:
		case <-d.to.ended:
		case <-r.done:
			return errClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// dropStreamsLocked forgets all open streams, as their connections are to be ended
// by the caller; their goroutines notice. Cut ones keep their slots for a while.
func (r *Recorder) dropStreamsLocked(cut bool) []*stream {
	st := &r.streams
	dropped := st.open
	st.open = nil
	if cut && r.config.StreamSlotHeld > 0 {
		for range dropped {
			st.held = append(st.held, time.Now().Add(r.config.StreamSlotHeld))
		}
	}
	return dropped
}

// Streams is how many event streams are open, as far as the device knows.
func (r *Recorder) Streams() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.streams.open)
}

// MostStreams is how many were open at the same time at most, and StreamsOpened
// how many were opened; refused ones don't count.
func (r *Recorder) MostStreams() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.mostStreams
}

// StreamsOpened is how many event streams were opened.
func (r *Recorder) StreamsOpened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.streams
}

// ResetStreams ends the connections of the event streams by a reset; what waits
// for their clients is lost.
func (r *Recorder) ResetStreams() {
	r.mu.Lock()
	dropped := r.dropStreamsLocked(true)
	r.mu.Unlock()
	for _, s := range dropped {
		s.wire.reset()
	}
}

// FreezeStreams makes the connections of the event streams half-open: nothing
// passes in either direction any more, and the client isn't told. New streams
// work.
func (r *Recorder) FreezeStreams() {
	r.mu.Lock()
	dropped := r.dropStreamsLocked(true)
	for _, s := range dropped {
		delete(r.conns, s.wire)
		r.cut[s.wire] = struct{}{}
	}
	r.mu.Unlock()
	for _, s := range dropped {
		s.wire.unplug()
	}
}

// EndStreams lets the device close the event streams in order, after what waits
// for their clients.
func (r *Recorder) EndStreams() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.streams.open {
		close(s.finish)
	}
	r.streams.open = nil
}

// StallStreams keeps the event streams open and lets the device send nothing on
// them, not even heartbeats, until it is called with false; then what was to be
// sent comes in one burst.
func (r *Recorder) StallStreams(stall bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams.stalled = stall
	r.streams.changedLocked()
}
