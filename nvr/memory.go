package nvr

import (
	"errors"
	"slices"
	"time"
)

// SignInState is what is known of the sign-in, for people and for "Sign-in".
type SignInState int

const (
	SignInUnknown  SignInState = iota // nothing was tried yet
	SignInOK                          // the last credentials sent were accepted
	SignInRejected                    // these credentials were rejected
	SignInLocked                      // the recorder says it has locked the account
	SignInPaused                      // the budget is spent by other credentials or lost answers
)

func (s SignInState) String() string {
	switch s {
	case SignInUnknown:
		return "unknown"
	case SignInOK:
		return "ok"
	case SignInRejected:
		return "rejected"
	case SignInLocked:
		return "locked"
	case SignInPaused:
		return "paused"
	}
	panic("nvr: unknown SignInState")
}

// SignIn is the sign-in's state. Until is when the next try is allowed, zero in
// states that wait for nothing; TriesLeft is what the recorder said, or -1.
type SignIn struct {
	State     SignInState
	Until     time.Time
	TriesLeft int
}

// SignIn tells the state without asking the recorder.
func (c *Client) SignIn() SignIn {
	b := c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.signedIn {
		return SignIn{State: SignInOK, TriesLeft: -1}
	}
	now := time.Now()
	b.prune(now)
	err := b.allowed(now)
	if err == nil {
		return SignIn{State: b.idleState(), TriesLeft: -1}
	}
	e := err.(*SignInError)
	s := SignIn{State: SignInPaused, Until: e.Until, TriesLeft: e.TriesLeft}
	switch e.Err {
	case ErrLocked:
		s.State = SignInLocked
	case ErrUnauthorized:
		s.State = SignInRejected
	}
	return s
}

// idleState is the state while a try is allowed but hasn't been made.
func (b *budget) idleState() SignInState {
	if b.r.InARow > 0 && b.r.RejectedBy == b.credentials {
		return SignInRejected
	}
	return SignInUnknown
}

// RetrySignIn allows one try before the pause is over, inside the login budget,
// and forgets what the account was refused. Its error says why no try is
// possible (a *SignInError with the time); nothing is sent by it.
func (c *Client) RetrySignIn() error {
	c.mu.Lock()
	clear(c.denied)
	c.mu.Unlock()
	b := c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r.Unsupported, b.r.Suspect, b.r.Doubted = nil, "", ""
	b.saveSoon() // unwritten, a restart brings them back
	if b.signedIn {
		return nil
	}
	b.early = true
	now := time.Now()
	b.prune(now)
	return b.allowed(now)
}

// GiveUp remembers the request that was refused by err as not supported, until
// the firmware changes. It is for refusals that don't say so but never end, as
// the 500 of a DS-2CD2532F V5.2.0 for what it doesn't know; a booting recorder
// answers 500 too, so the caller must have been patient.
func (c *Client) GiveUp(err error) {
	var s *StatusError
	if errors.As(err, &s) {
		c.budget.noteUnsupported(s.Path)
	}
}

// isUnsupported says whether path was answered "not supported" before.
func (b *budget) isUnsupported(path string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.r.Unsupported, path)
}

func (b *budget) noteUnsupported(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.remember(path) {
		b.saveSoon() // unwritten, it is asked once more after a restart
	}
}

// remember adds a path; the caller holds mu.
func (b *budget) remember(path string) bool {
	if slices.Contains(b.r.Unsupported, path) || len(b.r.Unsupported) >= maxRemembered {
		return false
	}
	b.r.Unsupported = append(b.r.Unsupported, path)
	return true
}

// noteFreshNonces: this recorder refuses to see a nonce again.
func (b *budget) noteFreshNonces() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r.FreshNonces = true
	b.saveSoon()
}

// noteHeartbeats: this recorder sends signs of life on its event stream.
func (b *budget) noteHeartbeats() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.r.Heartbeats {
		return
	}
	b.r.Heartbeats = true
	b.saveSoon() // unwritten, they are learned again
}

func (b *budget) heartbeats() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.r.Heartbeats
}

// noteDevice forgets what another serial number or firmware had taught.
func (b *budget) noteDevice(device string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.r.Device == device {
		return
	}
	if b.r.Device != "" {
		b.r.FreshNonces, b.r.Heartbeats, b.r.Unsupported = false, false, nil
		b.r.Suspect, b.r.Doubted = "", ""
	}
	b.r.Device = device
	b.saveSoon()
}
