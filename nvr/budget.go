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
	TriesLeft   *int      `json:"tries_left,omitempty"`
	// Suspect is the path of the last rejection, Doubted the one before it that
	// was followed by success; see budget.accepted.
	Suspect string `json:"suspect,omitempty"`
	Doubted string `json:"doubted,omitempty"`

	// Device is serial number and firmware that the rest holds for.
	Device      string   `json:"device,omitempty"`
	FreshNonces bool     `json:"fresh_nonces,omitempty"`
	Unsupported []string `json:"unsupported,omitempty"`
}

// budget is the login budget and the memory of one host and port, durable in
// one file. It may be used from any goroutine.
type budget struct {
	path        string
	credentials string // salted hash of this run's

	mu       sync.Mutex
	r        record
	early    bool // RetrySignIn: one try may come before NotBefore
	signedIn bool // the last answer to credentials was no rejection
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
		if err := os.Rename(b.path, b.path+".damaged"); err != nil {
			return nil, fmt.Errorf("%w: set the damaged file aside: %w", ErrState, err)
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
	b.clampFuture(time.Now())
	return b, nil
}

// clampFuture takes times that lie ahead of the clock as just now: after a
// clock that went back nothing may count for ever, and nothing too short.
func (b *budget) clampFuture(now time.Time) {
	for i := range b.r.Attempts {
		if b.r.Attempts[i].At.After(now) {
			b.r.Attempts[i].At = now
		}
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

// reserve makes n uses of the credentials durable before they are sent, or
// says why none may be sent. refused is 1 when a request on a known nonce was
// just answered by 401: that may have been a rejection too.
func (b *budget) reserve(now time.Time, refused int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune(now)
	for range refused {
		b.r.Attempts = append(b.r.Attempts, attempt{At: now, Credentials: b.credentials})
	}
	if err := b.allowed(now); err != nil {
		if refused > 0 {
			b.signedIn = false
			b.save() // what can't be written is counted in memory all the same
		}
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
// it); it is not asked again.
func (b *budget) accepted() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signedIn = true
	clean := len(b.r.Attempts) == 0 && b.r.InARow == 0 && b.r.Suspect == "" &&
		b.r.LockedUntil.IsZero() && b.r.TriesLeft == nil
	if clean {
		return
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
	b.save() // unwritten, the reservation just counts for longer
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
	b.r.InARow++
	b.r.RejectedBy, b.r.Suspect = b.credentials, path
	b.r.NotBefore = now.Add(pause)
	b.noteLock(now, l)
	b.save()
	if now.Before(b.r.LockedUntil) {
		return b.refusal(ErrLocked, b.r.LockedUntil)
	}
	return b.refusal(ErrUnauthorized, b.r.NotBefore)
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
	return b.refusal(ErrLocked, b.r.LockedUntil)
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

// save writes the record; the caller holds mu.
func (b *budget) save() error {
	content, err := json.Marshal(&b.r)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return writeDurably(b.path, content)
}
