package nvr

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/icholy/digest"
)

const (
	// slowChallenge: a recorder that needs longer for the challenge alone isn't
	// sent credentials, as their answer would probably get lost and count.
	slowChallenge = 5 * time.Second
	// signInTimeout is how long the answer to a fresh nonce is waited for, even
	// when the caller's own deadline is over: an answer that is lost counts.
	signInTimeout = 30 * time.Second
	// signInGrace is waited for that answer when the caller was cancelled.
	signInGrace = time.Second
	// maxChallenge bounds the body of a 401, in bytes.
	maxChallenge = 64 << 10
	// nonceIdle is shorter than a restart that nothing was asked in, and longer than
	// the pauses of a bridge that asks all the time.
	nonceIdle = 45 * time.Second
)

// nonce is a challenge and how often it was answered. Client.nonce holds only
// one that has worked.
type nonce struct {
	challenge *digest.Challenge
	uses      int
}

// roundTrip sends one request, with a sign-in if the recorder wants one; the
// caller holds the turn and closes the body. The answer is no 401.
func (c *Client) roundTrip(ctx context.Context, q request) (*http.Response, error) {
	if c.sinceAnswer() > nonceIdle {
		c.nonce = nil // it may have restarted, and count a nonce that it forgot as a failed login
	}
	streamed := q.stream && c.budget.heartbeats() // in an earlier run
	if q.extra() && !c.hasRight(q) && !streamed {
		resp, err := c.fromChallenge(ctx, q, false)
		if errors.Is(err, ErrState) && q.right() == rightPower && c.nonce != nil && c.budget.mayReuse(time.Now()) {
			return c.again(ctx, q) // a shutdown can't wait until this host's own disk is repaired
		}
		if delete(c.granted, q.right()); err == nil && resp.StatusCode == http.StatusOK {
			c.granted[q.right()] = time.Now()
		}
		return resp, err
	}
	if c.nonce != nil && c.budget.mayReuse(time.Now()) {
		return c.again(ctx, q)
	}
	return c.fromChallenge(ctx, q, false)
}

// again sends one request on the nonce that has worked. An answer that is lost
// may have been a rejection: it counts, and the nonce isn't used any more. A
// question is asked once more then, from the challenge on.
func (c *Client) again(ctx context.Context, q request) (*http.Response, error) {
	resp, err := c.send(ctx, q, c.nonce, false)
	if err != nil {
		c.nonce = nil
		if isDial(err) {
			return nil, err
		}
		c.budget.note(time.Now())
		if ctx.Err() != nil || !q.question() {
			return nil, err
		}
		// A kept connection that the device closed meanwhile looks like this.
		return c.fromChallenge(ctx, q, false)
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		c.nonce = nil
		c.budget.note(time.Now())
		return c.afterStale(ctx, q, resp)
	case http.StatusForbidden:
		if lock := peekLock(resp); lock.locked {
			resp.Body.Close()
			c.nonce = nil
			c.budget.note(time.Now())
			return nil, c.budget.locked(time.Now(), lock)
		}
	}
	return resp, nil
}

// isDial says that no connection was made, so nothing was sent.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// afterStale goes on from a 401 on a nonce that had worked: one fresh exchange,
// with the challenge that came along or, where none did, with a new one.
func (c *Client) afterStale(ctx context.Context, q request, resp *http.Response) (*http.Response, error) {
	fresh, lock, err := c.challenge(resp)
	if lock.locked {
		return nil, c.budget.locked(time.Now(), lock)
	}
	if err != nil {
		return c.fromChallenge(ctx, q, true)
	}
	return c.signIn(ctx, q, fresh, true)
}

// fromChallenge asks without credentials first. stale says that a nonce that had
// worked was just refused.
func (c *Client) fromChallenge(ctx context.Context, q request, stale bool) (*http.Response, error) {
	asked := time.Now()
	resp, err := c.send(ctx, q, nil, true)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	fresh, lock, err := c.challenge(resp)
	if lock.locked {
		return nil, c.budget.locked(time.Now(), lock)
	}
	if err != nil {
		return nil, err
	}
	if took := time.Since(asked); took > slowChallenge {
		return nil, fmt.Errorf("%w: the challenge alone took %v", ErrSlow, took.Round(time.Millisecond))
	}
	return c.signIn(ctx, q, fresh, stale)
}

// signIn answers a fresh challenge under a reservation of the login budget.
func (c *Client) signIn(ctx context.Context, q request, fresh *nonce, stale bool) (*http.Response, error) {
	if err := c.budget.reserve(time.Now()); err != nil {
		return nil, err
	}
	ctx, cancel, endless := outlast(ctx, q)
	resp, err := c.send(ctx, q, fresh, false)
	if err != nil {
		cancel()
		return nil, err // the reservation stands: the recorder may have counted it
	}
	if q.stream && resp.StatusCode == http.StatusOK {
		endless()
	}
	resp.Body = &cancelBody{resp.Body, cancel}
	lock := lockReport{}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		lock = peekLock(resp)
	}
	if resp.StatusCode == http.StatusUnauthorized || lock.locked {
		resp.Body.Close()
		return nil, c.reject(lock, q)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 || resp.StatusCode >= 500 {
		c.budget.unjudged()
		return resp, nil
	}
	c.budget.accepted(q.right())
	if stale {
		c.noteStale(time.Now())
	}
	c.nonce = fresh
	return resp, nil
}

// reject opens the breaker. A path that is rejected while the account is known
// to work is told so, since it may be a missing right.
func (c *Client) reject(lock lockReport, q request) error {
	suspect := ""
	if q.path != pathUserCheck && q.path != pathDeviceInfo {
		suspect = q.right()
	}
	err := c.budget.rejected(time.Now(), lock, suspect)
	if suspect != "" {
		return fmt.Errorf("%s: %w", q.path, err)
	}
	return err
}

// noteStale learns that this recorder forgets nonces: twice in the window, and
// every request gets a fresh challenge until the firmware changes.
func (c *Client) noteStale(now time.Time) {
	c.stale = append(c.stale, now)
	if len(c.stale) < 2 {
		return
	}
	if now.Sub(c.stale[len(c.stale)-2]) < loginWindow {
		c.budget.noteFreshNonces()
	}
	c.stale = c.stale[len(c.stale)-1:]
}

// outlast gives the answer to a fresh nonce its own time: signInTimeout from
// now whatever deadline the caller had, signInGrace after a cancellation.
// endless ends that limit, for an answer that goes on. What changes a device is
// waited for no longer than the caller does, who must observe.
func outlast(parent context.Context, q request) (ctx context.Context, cancel, endless func()) {
	if !q.question() {
		ctx, cancel := context.WithCancel(parent)
		return ctx, cancel, func() {}
	}
	ctx, end := context.WithCancelCause(context.WithoutCancel(parent))
	limit := time.AfterFunc(signInTimeout, func() { end(context.DeadlineExceeded) })
	stop := context.AfterFunc(parent, func() {
		if !errors.Is(context.Cause(parent), context.DeadlineExceeded) {
			time.AfterFunc(signInGrace, func() { end(context.Canceled) })
		}
	})
	endless = func() { limit.Stop(); stop() }
	return ctx, func() { endless(); end(context.Canceled) }, endless
}

// cancelBody ends the request's context when its body is closed.
type cancelBody struct {
	io.ReadCloser
	cancel func()
}

func (b *cancelBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// send writes one request, signed if n isn't nil. With replay false net/http
// must not send it a second time on its own when a kept connection turns out to
// be closed: each sending may count as a failed login. A body whose content
// can't be had again prevents that. A PUT needs none: net/http sends it again only
// if not a byte of it was written, and with an empty body it would be chunked.
func (c *Client) send(ctx context.Context, q request, n *nonce, replay bool) (*http.Response, error) {
	path := q.path
	if !strings.HasPrefix(path, "/") {
		path = "/ISAPI/" + path
	}
	req, err := http.NewRequestWithContext(ctx, q.method, c.base.String()+path, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("User-Agent", "hikbridge")
	if !replay && q.question() || q.body != "" {
		req.Body = io.NopCloser(strings.NewReader(q.body))
		req.ContentLength = int64(len(q.body))
	}
	switch {
	case q.json:
		req.Header.Set("Content-Type", "application/json")
	case q.body != "":
		req.Header.Set("Content-Type", "application/xml")
	}
	if n != nil {
		n.uses++
		credentials, err := digest.Digest(n.challenge, digest.Options{
			Method: q.method, URI: req.URL.RequestURI(), Count: n.uses,
			Username: c.username, Password: c.password,
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoDigest, err)
		}
		req.Header.Set("Authorization", credentials.String())
		return c.sendSigned(req, q)
	}
	return c.http.RoundTrip(req)
}

// sendSigned notes whether the request left this host, and over which addresses
// one was answered. net/http returns when nothing writes it any more.
func (c *Client) sendSigned(req *http.Request, q request) (*http.Response, error) {
	var conn net.Conn
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { conn = i.Conn }}
	if q.signed != nil {
		trace.WroteHeaders = func() { q.signed.Store(true) }
	}
	resp, err := c.http.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if q.signed != nil && (isDial(err) || err == nil && resp.StatusCode == http.StatusUnauthorized) {
		q.signed.Store(false)
	}
	if err == nil && (resp.StatusCode < 300 || resp.StatusCode == http.StatusForbidden) {
		c.noteAddresses(conn)
	}
	return resp, err
}

// challenge reads and closes a 401: the digest challenge it brings, and what it
// says of a lock.
func (c *Client) challenge(resp *http.Response) (*nonce, lockReport, error) {
	defer resp.Body.Close()
	lock := readLock(resp.Body)
	var offered []string
	for _, header := range resp.Header.Values("WWW-Authenticate") {
		scheme, _, _ := strings.Cut(header, " ")
		offered = append(offered, scheme)
		if ch := parseChallenge(header); ch != nil {
			return &nonce{challenge: ch}, lock, nil
		}
	}
	if len(offered) == 0 {
		return nil, lock, fmt.Errorf("%w: 401 without a challenge", ErrNoDigest)
	}
	return nil, lock, fmt.Errorf("%w: only %s; set the web authentication of the recorder to digest",
		ErrNoDigest, strings.Join(offered, ", "))
}

// parseChallenge reads one WWW-Authenticate line, or nil if it is no digest
// challenge that can be answered.
func parseChallenge(header string) *digest.Challenge {
	if i := strings.Index(header, ", Basic "); i > 0 {
		header = header[:i] // two challenges in one line
	}
	ch, err := digest.ParseChallenge(strings.TrimRight(header, ", "))
	if err != nil || ch.Nonce == "" {
		return nil
	}
	for i := range ch.QOP {
		ch.QOP[i] = strings.TrimSpace(ch.QOP[i]) // "auth-int, auth"
	}
	if len(ch.QOP) == 1 && ch.QOP[0] == "" {
		ch.QOP = nil
	}
	if !digest.CanDigest(ch) {
		return nil
	}
	return ch
}

// lockWire is what a 401 tells of a lock: the first two names in userCheck, the
// others in ResponseStatus (ISAPI user check; OEM models).
type lockWire struct {
	LockStatus     string `xml:"lockStatus"`
	UnlockTime     string `xml:"unlockTime"`
	RetryLoginTime string `xml:"retryLoginTime"`
	ResLockTime    string `xml:"resLockTime"`
	RetryTimes     string `xml:"retryTimes"`
}

// lockReport is what the recorder says of its lock.
type lockReport struct {
	locked    bool
	unlock    time.Duration
	triesLeft Maybe[int]
}

func readLock(body io.Reader) lockReport {
	content, err := io.ReadAll(io.LimitReader(body, maxChallenge))
	if err != nil {
		return lockReport{}
	}
	return parseLock(content)
}

// peekLock reads what a refusal says of a lock and leaves its body readable.
func peekLock(resp *http.Response) lockReport {
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxChallenge))
	rest := resp.Body
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(content), rest), rest}
	if err != nil {
		return lockReport{}
	}
	return parseLock(content)
}

func parseLock(content []byte) lockReport {
	var w struct {
		XMLName xml.Name
		lockWire
		SubStatusCode string `xml:"subStatusCode"`
	}
	if decode(content, &w, "userCheck", "ResponseStatus") != nil {
		return lockReport{}
	}
	l := lockReport{locked: strings.EqualFold(text(w.LockStatus), "lock") ||
		strings.EqualFold(text(w.SubStatusCode), "userLocked") || strings.EqualFold(text(w.SubStatusCode), "userNameLocked")}
	for _, s := range []string{w.UnlockTime, w.ResLockTime} {
		if n := number(s); n.Known && n.Value > 0 && n.Value < 7*24*3600 {
			l.unlock = time.Duration(n.Value) * time.Second
		}
	}
	for _, s := range []string{w.RetryLoginTime, w.RetryTimes} {
		if n := number(s); n.Known && n.Value >= 0 && n.Value < 1000 {
			l.triesLeft = known(int(n.Value))
		}
	}
	return l
}
