package nvrtest

import (
	"slices"
	"time"
)

// maxRequests is how many requests a recorder remembers; the oldest go first.
const maxRequests = 20000

// Request is one that arrived.
type Request struct {
	At     time.Time
	Method string
	// Path as on the request line, with its query.
	Path string
	// Client is the address it came from.
	Client string
	// Credentials says whether it carried any, Scheme which ("Digest").
	Credentials bool
	Scheme      string
	// Status is the answer's, 0 for none (yet).
	Status int
}

// observed is what a recorder has seen; under Recorder.mu.
type observed struct {
	requests    []*Request
	rejected    []time.Time
	counted     []time.Time
	connections int
	inHand      int // requests being answered
	mostInHand  int
	streams     int // opened
	mostStreams int
}

// begin notes a request that has arrived.
func (o *observed) begin(q Request) *Request {
	o.inHand++
	o.mostInHand = max(o.mostInHand, o.inHand)
	if len(o.requests) >= maxRequests {
		o.requests = slices.Clone(o.requests[maxRequests/4:])
	}
	o.requests = append(o.requests, &q)
	return &q
}

// Requests lists what arrived, oldest first: the last 15000 at least.
func (r *Recorder) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Request, len(r.log.requests))
	for i, q := range r.log.requests {
		all[i] = *q
	}
	return all
}

// Rejected is how many requests with credentials were answered 401, whatever
// for; also where a fault lost the answer.
func (r *Recorder) Rejected() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.log.rejected)
}

// Counted lists when the lock counted a failure. In no test may the shipped
// client bring it to three.
func (r *Recorder) Counted() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.log.counted)
}

// MaxRejectedIn is the largest number of rejections in any window of that
// length; two that are exactly a window apart aren't in one.
func (r *Recorder) MaxRejectedIn(window time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return most(r.log.rejected, window)
}

// MaxCountedIn is MaxRejectedIn for what the lock counted.
func (r *Recorder) MaxCountedIn(window time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return most(r.log.counted, window)
}

// MaxRequestsIn is MaxRejectedIn for all requests, challenges included.
func (r *Recorder) MaxRequestsIn(window time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	times := make([]time.Time, len(r.log.requests))
	for i, q := range r.log.requests {
		times[i] = q.At
	}
	return most(times, window)
}

// MaxConcurrent is how many requests were in hand at the same time at most.
func (r *Recorder) MaxConcurrent() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.mostInHand
}

// Connections is how many connections were made.
func (r *Recorder) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.connections
}

// ResetCounters forgets all that was observed; locks and failures stay.
func (r *Recorder) ResetCounters() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = observed{inHand: r.log.inHand, mostInHand: r.log.inHand, mostStreams: len(r.streams.open)}
}

// most counts the moments in the fullest window; they are in order.
func most(times []time.Time, window time.Duration) int {
	best, first := 0, 0
	for i, t := range times {
		for t.Sub(times[first]) >= window && first < i {
			first++
		}
		best = max(best, i-first+1)
	}
	return best
}
