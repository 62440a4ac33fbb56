package nvrtest

import "time"

// The lock of Security/illegalLoginLock: five failures, half an hour.
const (
	maxFailures = 5
	lockTime    = 1800 * time.Second
)

// account is what a device locks: a user name from an address.
type account struct{ client, user string }

// lock counts an account's failures since its last success.
type lock struct {
	failures int
	until    time.Time
}

// lockView is what an answer tells of a lock.
type lockView struct {
	locked bool
	rest   time.Duration // until it opens
	tries  int           // left
}

func (l *lock) locked(now time.Time) bool { return now.Before(l.until) }

func (l *lock) view(now time.Time) lockView {
	if l.locked(now) {
		return lockView{locked: true, rest: l.until.Sub(now)}
	}
	return lockView{tries: maxFailures - l.failures}
}

// fail counts a failure; the fifth locks.
func (l *lock) fail(now time.Time) {
	l.failures++
	if l.failures >= maxFailures {
		*l = lock{until: now.Add(lockTime)}
	}
}

// lockOf gives an account's lock, an open one if there is none. The caller holds mu.
func (r *Recorder) lockOf(a account) *lock {
	if l := r.access.locks[a]; l != nil {
		return l
	}
	return &lock{}
}

// book writes a verdict into the lock's books; the caller holds mu.
func (r *Recorder) book(v verdict) {
	switch v.outcome {
	case anonymous, lockedOut:
	case granted:
		delete(r.access.locks, v.account)
	case wrong:
		r.countLocked(v.account)
	case malformed, stale, denied:
		if r.config.Lock == LockEvery {
			r.countLocked(v.account)
		}
	}
}

// countLocked counts a failure.
func (r *Recorder) countLocked(a account) {
	now := r.now()
	r.log.counted = append(r.log.counted, now)
	if r.config.Lock == LockNone {
		return
	}
	l := r.lockOf(a)
	l.fail(now)
	r.access.locks[a] = l
}

// shownLock is what the 401 to a request without credentials tells: the worst
// lock of the client's address where Config says so.
func (r *Recorder) shownLock(client string) lockView {
	var worst lockView
	if !r.config.LockShownUnsigned {
		return worst
	}
	for a, l := range r.access.locks {
		if v := l.view(r.now()); a.client == client && v.locked && v.rest > worst.rest {
			worst = v
		}
	}
	return worst
}

// Locked says whether any account is locked for any client now.
func (r *Recorder) Locked() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.access.locks {
		if l.locked(r.now()) {
			return true
		}
	}
	return false
}

// Unlock forgets all failures and locks, like an administrator does.
func (r *Recorder) Unlock() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.access.locks)
}

// SetPassword changes the account's password. Nonces stay.
func (r *Recorder) SetPassword(password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.access.password = password
}
