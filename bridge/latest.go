package bridge

import "sync"

// latest is a value that one goroutine sets and another one reads when it changed.
type latest[T any] struct {
	changed chan struct{} // of capacity 1

	mu    sync.Mutex
	value T
}

func newLatest[T any](v T) *latest[T] {
	return &latest[T]{changed: make(chan struct{}, 1), value: v}
}

func (l *latest[T]) set(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.value = v
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (l *latest[T]) get() T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value
}
