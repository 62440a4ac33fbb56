package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// values are the latest payloads by topic. Any goroutine may use it.
type values struct {
	mu      sync.Mutex
	latest  map[string]string
	changed chan struct{} // closed at the next change
}

func newValues() *values {
	return &values{latest: map[string]string{}, changed: make(chan struct{})}
}

func (v *values) set(topic, payload string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.latest[topic] = payload
	close(v.changed)
	v.changed = make(chan struct{})
}

// errStuck: what the story waits for doesn't come.
var errStuck = errors.New("the story is stuck")

// wait waits until a topic has the value, or returns errStuck after limit.
func (v *values) wait(ctx context.Context, topic, want string, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		v.mu.Lock()
		is, changed := v.latest[topic], v.changed
		v.mu.Unlock()
		if is == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-timer.C:
			return fmt.Errorf("%w: after %v %s is %q, not %q", errStuck, limit, topic, is, want)
		}
	}
}
