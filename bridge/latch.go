package bridge

import (
	"slices"
	"time"
)

// ref names an event sensor: a type of event on a camera, or on the recorder
// itself when the camera is empty. Both are as in topics.
type ref struct{ camera, kind string }

// latch is an event that goes on.
type latch struct {
	until time.Time // when it ends unless it is repeated
	told  []string  // targets told of it
}

// latches remember which events go on. Devices repeat an event while it lasts
// and often never say that it is over, so it ends by itself some time after the
// last repetition, or at once when the device says so.
type latches struct {
	on map[ref]*latch
}

// take notes that an event goes on, until further notice or until the time.
// began says that it didn't before; news that it did, and that its target wasn't
// told yet.
func (l *latches) take(r ref, until time.Time, target string) (began, news bool) {
	one := l.on[r]
	if began = one == nil; began {
		one = &latch{}
		l.on[r] = one
	}
	one.until = until
	if target != "" && !slices.Contains(one.told, target) {
		one.told, news = append(one.told, target), !began
	}
	return began, news
}

// end notes that an event is over; ended says that it went on before.
func (l *latches) end(r ref) (ended bool) {
	_, ended = l.on[r]
	delete(l.on, r)
	return ended
}

// expired ends the events whose time is over.
func (l *latches) expired(now time.Time) []ref {
	var over []ref
	for r, one := range l.on {
		if now.After(one.until) {
			over = append(over, r)
			delete(l.on, r)
		}
	}
	return over
}

// next is when to look for expired events again; zero when nothing goes on.
func (l *latches) next() time.Time {
	var first time.Time
	for _, one := range l.on {
		if first.IsZero() || one.until.Before(first) {
			first = one.until
		}
	}
	if !first.IsZero() {
		first = first.Add(time.Millisecond) // a repetition at the last moment still counts
	}
	return first
}

// has says whether an event goes on.
func (l *latches) has(r ref) bool { return l.on[r] != nil }
