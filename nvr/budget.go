package nvr

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// loginWindow is longer than the 30 minutes after which recorders forget
	// failed logins (Security/illegalLoginLock: 1800 s).
	loginWindow = 35 * time.Minute
	// loginLimit leaves three of the usual five tries to the owner.
	loginLimit = 2
	// longestPause bounds the doubling after rejections in a row.
	longestPause = 6 * time.Hour
	// lastTries: at so many tries left, as the recorder says, an early try is
	// refused even with changed credentials.
	lastTries = 2
	// lockMargin is waited beyond the lock time that the recorder tells.
	lockMargin = time.Minute
	// secondTry is when credentials that were accepted before are tried once more
	// after a rejection: a booting recorder rejects everyone for a moment.
	secondTry = time.Minute
	// maxRemembered bounds the paths that are remembered as not supported.
	maxRemembered = 512
)

// attempt is one use of a nonce that hadn't worked before. It counts until it
// is freed by success or older than loginWindow, whether it was rejected or
// its answer never came.
type attempt struct {
	At          time.Time `json:"at"`
	Credentials string    `json:"credentials"`
	Rejected    bool      `json:"rejected,omitempty"`
}

// record is what is kept about one host and port. Credentials are kept as a
// salted hash only, to notice that they were changed.
type record struct {
	Salt        string    `json:"salt"`
	Attempts    []attempt `json:"attempts,omitempty"`
	NotBefore   time.Time `json:"not_before,omitzero"`
	LockedUntil time.Time `json:"locked_until,omitzero"`
	InARow      int       `json:"rejections_in_a_row,omitempty"`
	RejectedBy  string    `json:"rejected_credentials,omitempty"`
	AcceptedOf  string    `json:"accepted_credentials,omitempty"`
	TriesLeft   *int      `json:"tries_left,omitempty"`
	// Suspect is the path of the last rejection, Doubted the one before it that
	// was followed by success; see budget.accepted.
	Suspect string `json:"suspect,omitempty"`
	Doubted string `json:"doubted,omitempty"`

	// Device is serial number and firmware that the rest holds for.
	Device      string   `json:"device,omitempty"`
	FreshNonces bool     `json:"fresh_nonces,omitempty"`
	Heartbeats  bool     `json:"heartbeats,omitempty"` // on its event stream
	Unsupported []string `json:"unsupported,omitempty"`
}

// budget is the login budget and the memory of one host and port, durable in
// one file. It may be used from any goroutine.
type budget struct {
	path        string
	credentials string // salted hash of this run's

	mu       sync.Mutex
	r        record
	version  int  // of r, as it was encoded last
	pending  bool // saveSoon hasn't encoded yet
	early    bool // RetrySignIn: one try may come before NotBefore
	signedIn bool // the last answer to credentials was no rejection

	disk    sync.Mutex // held while the file is written; taken after mu, if both
	written int        // the version in the file
	writers sync.WaitGroup
}

// openBudget reads the file of one address, or begins it. A damaged file is
// kept beside it and counts as a spent budget, since nobody knows what it held.
func openBudget(dir, address, username, password string) (*budget, error) {
	b := &budget{path: filepath.Join(dir, "nvr-"+fileName(address)+".json")}
	content, err := os.ReadFile(b.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.r.Salt = newSalt()
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	case json.Unmarshal(content, &b.r) != nil || b.r.Salt == "":
		if err := os.WriteFile(b.path+".damaged", content, 0o600); err != nil {
			return nil, fmt.Errorf("%w: keep the damaged file: %w", ErrState, err)
		}
		b.r = record{Salt: newSalt(), Attempts: []attempt{{At: time.Now()}, {At: time.Now()}}}
		if err := b.save(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	key, err := pbkdf2.Key(sha256.New, username+"\x00"+password, []byte(b.r.Salt), 10_000, 16)
	if err != nil {
		return nil, fmt.Errorf("hash the credentials: %w", err)
	}
	b.credentials = hex.EncodeToString(key)
	b.anchor(time.Now())
	return b, nil
}

// anchor ties the times that were read to this process's own clock, so that a
// step of the wall clock doesn't move them. What lies ahead counts as just now:
// after a clock that went back nothing may count for ever, and nothing too short.
func (b *budget) anchor(now time.Time) {
	b.r.InARow = max(b.r.InARow, 0)
	ahead := false
	for i := range b.r.Attempts {
		at := b.r.Attempts[i].At
		ahead = ahead || at.After(now)
		b.r.Attempts[i].At = now.Add(min(0, at.Sub(now)))
	}
	if ahead {
		b.save() // unwritten, they count for longer
	}
	if limit := now.Add(longestPause); b.r.NotBefore.After(limit) {
		b.r.NotBefore = limit
	}
	if limit := now.Add(longestPause); b.r.LockedUntil.After(limit) {
		b.r.LockedUntil = limit
	}
}

func newSalt() string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// fileName keeps an address readable and safe as part of a file's name.
func fileName(address string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(address))
}

// mayReuse says whether a nonce that has worked may be used again without a
// reservation. While any attempt counts, it may not: a 401 on it would take the
// place of the fresh exchange that must follow.
func (b *budget) mayReuse(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune(now)
	return len(b.r.Attempts) == 0 && !b.r.FreshNonces
}

// note counts a use of a nonce that had worked and was refused this time, or
// whose answer was lost: it may have been a failed login. Success frees it.
func (b *budget) note(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r.Attempts = append(b.r.Attempts, attempt{At: now, Credentials: b.credentials})
	b.save() // what can't be written is counted in memory all the same
}

// reserve makes one use of the credentials durable before they are sent, or says
// why none may be sent.
func (b *budget) reserve(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune(now)
	if err := b.allowed(now); err != nil {
		b.signedIn = false
		return err
	}
	b.r.Attempts = append(b.r.Attempts, attempt{At: now, Credentials: b.credentials})
	if err := b.save(); err != nil {
		b.r.Attempts = b.r.Attempts[:len(b.r.Attempts)-1]
		return fmt.Errorf("%w, so nothing is sent that could be rejected: %w", ErrState, err)
	}
	b.early = false
	return nil
}

func (b *budget) prune(now time.Time) {
	b.r.Attempts = slices.DeleteFunc(b.r.Attempts, func(a attempt) bool {
		return now.Sub(a.At) >= loginWindow
	})
	if len(b.r.Attempts) == 0 {
		b.r.TriesLeft = nil // the recorder has forgotten them, too
	}
}

// allowed says whether one more attempt may be made, and if not, until when.
func (b *budget) allowed(now time.Time) error {
	if now.Before(b.r.LockedUntil) {
		return b.refusal(ErrLocked, b.r.LockedUntil)
	}
	if n := len(b.r.Attempts); n >= loginLimit {
		until := b.r.Attempts[n-loginLimit].At.Add(loginWindow)
		if b.r.NotBefore.After(until) && !b.mayBeEarly() {
			until = b.r.NotBefore
		}
		return b.refusal(b.pauseReason(), until)
	}
	if now.Before(b.r.NotBefore) && !b.mayBeEarly() {
		return b.refusal(b.pauseReason(), b.r.NotBefore)
	}
	return nil
}

func (b *budget) mayBeEarly() bool {
	if b.r.TriesLeft != nil && *b.r.TriesLeft <= lastTries {
		return false
	}
	return b.early || b.r.RejectedBy != b.credentials
}

// pauseReason is ErrUnauthorized while it is these credentials that were
// rejected, ErrPaused when others or lost answers spent the budget.
func (b *budget) pauseReason() error {
	if b.r.InARow > 0 && b.r.RejectedBy == b.credentials {
		return ErrUnauthorized
	}
	return ErrPaused
}

func (b *budget) refusal(reason error, until time.Time) *SignInError {
	e := &SignInError{Err: reason, Until: until, TriesLeft: -1}
	if b.r.TriesLeft != nil {
		e.TriesLeft = *b.r.TriesLeft
	}
	return e
}

// accepted frees what these credentials had reserved. A path whose fresh nonce
// was rejected twice, by a device that accepted the same credentials in between
// and afterwards, is a missing right (seen on DS-7616NI-K2, which answers 401 to
// it); it is not asked again. path is the one that is answered now.
func (b *budget) accepted(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signedIn = true
	b.r.AcceptedOf = b.credentials
	if b.r.Suspect == path {
		b.r.Suspect = ""
	}
	if b.r.Doubted == path {
		b.r.Doubted = ""
	}
	if b.r.Suspect != "" && b.r.RejectedBy == b.credentials {
		if b.r.Doubted == b.r.Suspect {
			b.remember(b.r.Suspect)
		}
		b.r.Doubted = b.r.Suspect
	}
	b.r.Attempts = slices.DeleteFunc(b.r.Attempts, func(a attempt) bool {
		return !a.Rejected && a.Credentials == b.credentials
	})
	b.r.InARow, b.r.RejectedBy, b.r.TriesLeft, b.r.Suspect = 0, "", nil, ""
	b.r.NotBefore, b.r.LockedUntil = time.Time{}, time.Time{}
	b.saveSoon() // unwritten, the reservation just counts for longer
}

// holdsBack says why what was rejected isn't asked for yet: first something else
// must be accepted, and then the rejection must count no more.
func (b *budget) holdsBack(path string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune(now)
	n := len(b.r.Attempts)
	switch {
	case b.r.Suspect == path && b.r.RejectedBy == b.credentials:
		return b.refusal(ErrUnauthorized, b.r.NotBefore)
	case b.r.Doubted == path && n > 0:
		return b.refusal(ErrPaused, b.r.Attempts[n-1].At.Add(loginWindow))
	}
	return nil
}

// unjudged frees the last reservation after an answer that is neither yes nor no
// (500 of a booting recorder), if these credentials were accepted before.
func (b *budget) unjudged() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.r.Attempts); n > 0 && b.r.AcceptedOf == b.credentials {
		b.r.Attempts = b.r.Attempts[:n-1]
		b.saveSoon()
	}
}

// rejected opens the breaker: the reserved attempts of these credentials were
// rejections. path is remembered as suspect when it isn't the sign-in itself.
func (b *budget) rejected(now time.Time, l lockReport, path string) *SignInError {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signedIn = false
	for i := range b.r.Attempts {
		if b.r.Attempts[i].Credentials == b.credentials {
			b.r.Attempts[i].Rejected = true
		}
	}
	pause := longestPause
	if b.r.InARow < 4 {
		pause = min(longestPause, loginWindow<<b.r.InARow)
	}
	if b.r.InARow == 0 && b.r.AcceptedOf == b.credentials {
		pause = secondTry
	}
	b.r.InARow++
	b.r.RejectedBy, b.r.Suspect = b.credentials, path
	b.r.NotBefore = now.Add(pause)
	b.noteLock(now, l)
	b.save()
	e := b.refusal(ErrUnauthorized, b.r.NotBefore)
	if now.Before(b.r.LockedUntil) {
		e = b.refusal(ErrLocked, b.r.LockedUntil)
	}
	e.told = true
	return e
}

// locked notes a lock that was told without credentials having been sent.
func (b *budget) locked(now time.Time, l lockReport) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !l.locked {
		return nil
	}
	b.signedIn = false
	b.noteLock(now, l)
	b.save()
	e := b.refusal(ErrLocked, b.r.LockedUntil)
	e.told = true
	return e
}

func (b *budget) noteLock(now time.Time, l lockReport) {
	b.r.TriesLeft = nil
	if l.triesLeft.Known {
		b.r.TriesLeft = &l.triesLeft.Value
	}
	if !l.locked {
		return
	}
	wait := loginWindow
	if l.unlock > 0 {
		wait = min(l.unlock+lockMargin, longestPause)
	}
	b.r.LockedUntil = now.Add(wait)
	if b.r.NotBefore.Before(b.r.LockedUntil) {
		b.r.NotBefore = b.r.LockedUntil
	}
}

// save makes the record durable; the caller holds mu.
func (b *budget) save() error {
	content := b.encode()
	return b.write(content, b.version)
}

// saveSoon does so without letting the caller wait: for what may be lost, since it
// would only be learned again or count for longer. The caller holds mu.
func (b *budget) saveSoon() {
	if b.pending {
		return
	}
	b.pending = true
	b.writers.Go(func() {
		b.mu.Lock()
		b.pending = false
		content, version := b.encode(), b.version
		b.mu.Unlock()
		b.write(content, version)
	})
}

// encode gives the record as it stands; the caller holds mu.
func (b *budget) encode() []byte {
	content, err := json.Marshal(&b.r)
	if err != nil {
		panic("nvr: encode the login budget: " + err.Error())
	}
	b.version++
	return content
}

// write replaces the file, unless it is newer.
func (b *budget) write(content []byte, version int) error {
	b.disk.Lock()
	defer b.disk.Unlock()
	if version < b.written {
		return nil
	}
	err := writeDurably(b.path, content)
	if err == nil {
		b.written = version
	}
	return err
}

// close returns when everything is written.
func (b *budget) close() { b.writers.Wait() }
