package nvr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// callTimeout bounds a call whose context has no deadline of its own.
	callTimeout = 10 * time.Second
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 64 << 10
	// idleTimeout is shorter than the 60 s after which devices close.
	idleTimeout = 30 * time.Second
	// deniedFor is how long a missing right isn't asked for again.
	deniedFor = 10 * time.Minute
	// rightLasts is for how long a right to notifications that worked isn't doubted.
	rightLasts = time.Minute
	// unsettledFor is how long after trouble a refusal isn't believed for good: a
	// recorder that boots says odd things.
	unsettledFor = 10 * time.Minute
)

// Config names one recorder. All fields but TLS, Fingerprint, Dial and Resolve
// are needed.
type Config struct {
	// URL is http(s)://host[:port].
	URL                string
	Username, Password string
	// TLS is one of the TLS constants, "" meaning TLSVerify.
	TLS string
	// Fingerprint is the leaf's SHA-256, lower-case hexadecimal.
	Fingerprint string
	// StateDir is where the login budget is kept: one file for each host and
	// port. Two clients of one address must not run at the same time.
	StateDir string
	// Dial opens connections; it must end with ctx. Nil means net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolve looks a name up, for Client.Resolve alone; nil means net.Resolver.
	Resolve func(ctx context.Context, host string) ([]string, error)
}

// Client speaks to one recorder. Its methods may be called from any goroutine;
// they wait for each other.
type Client struct {
	base     *url.URL
	username string
	password string
	http     *http.Transport
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	resolve  func(ctx context.Context, host string) ([]string, error)
	budget   *budget

	turn chan struct{} // holds one token: the right to send a request

	// Owned by the holder of turn.
	nonce   *nonce
	stale   []time.Time          // when nonces that had worked were refused lately
	granted map[string]time.Time // when what needs a right of its own was answered on a fresh nonce

	mu        sync.Mutex
	trouble   time.Time            // when an answer was lost or 5xx last
	answered  time.Time            // when an answer to a request came last
	oldStream bool                 // the event stream is at the path of old firmware
	swapped   map[string]bool      // channels whose picture is at the other path
	news      news                 // of the event stream
	denied    map[string]time.Time // path → when a missing right was told
	front     queue
	booted    time.Time  // when the device started, as far as it told
	local     netip.Addr // of the last signed-in request
	remote    netip.Addr
	export    export // the last refusal that spoke of one
}

// New makes a client; nothing is sent before the first call. Its error is for
// the person who wrote the configuration, or wraps ErrState.
func New(c Config) (*Client, error) {
	base, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if c.Username == "" || c.Password == "" {
		return nil, errors.New("user name and password are needed")
	}
	t, err := tlsConfig(c.TLS, c.Fingerprint)
	if err != nil {
		return nil, err
	}
	b, err := openBudget(c.StateDir, base.Host, c.Username, c.Password)
	if err != nil {
		return nil, err
	}
	dial := c.Dial
	if dial == nil {
		alive := net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 10 * time.Second, Count: 3}
		dial = (&net.Dialer{KeepAliveConfig: alive}).DialContext
	}
	resolve := c.Resolve
	if resolve == nil {
		resolve = net.DefaultResolver.LookupHost
	}
	return &Client{
		dial: dial, resolve: resolve,
		base: base, username: c.Username, password: c.Password, budget: b,
		turn: make(chan struct{}, 1), // one request at a time
		http: &http.Transport{
			DialContext:            dial,
			TLSClientConfig:        t,
			TLSHandshakeTimeout:    callTimeout,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxHeader,
		},
		denied: map[string]time.Time{}, swapped: map[string]bool{}, granted: map[string]time.Time{},
	}, nil
}

// parseURL gives the URL with its port written out. Its errors never repeat
// what could hold a password.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the URL must look like http://192.0.2.10 or https://recorder.example.org:8443")
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the URL must hold nothing but scheme, host and port")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return &url.URL{Scheme: u.Scheme, Host: net.JoinHostPort(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), port)}, nil
}

// Close gives the connections back and returns when what was learned is written.
// The client must not be used afterwards.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.budget.close()
}

// get asks for the document at path (below /ISAPI/) and decodes it into v; the
// root element must be one of roots.
func (c *Client) get(ctx context.Context, path string, v any, roots ...string) error {
	if err := c.remembered(path); err != nil {
		return err
	}
	q := request{method: http.MethodGet, path: path}
	return c.took(q, c.document(ctx, q, v, roots))
}

// search posts a question below /ISAPI/ and decodes the answer as get does.
func (c *Client) search(ctx context.Context, path, body string, v any, roots ...string) error {
	if err := c.remembered(path); err != nil {
		return err
	}
	q := request{method: http.MethodPost, path: path, body: body}
	return c.took(q, c.document(ctx, q, v, roots))
}

// document sends one request and decodes its answer.
func (c *Client) document(ctx context.Context, q request, v any, roots []string) error {
	body, err := c.call(ctx, q, maxDocument)
	if err != nil {
		return err
	}
	if err := check(q.method, q.path, http.StatusOK, body, roots); err != nil {
		return err
	}
	return decode(body, v, roots...)
}

// took learns from what came of a request.
func (c *Client) took(q request, err error) error {
	c.learn(q.path, err)
	return named(q, err)
}

// named says which request an error is of, unless it does already.
func named(q request, err error) error {
	var s *StatusError
	if err == nil || errors.As(err, &s) {
		return err
	}
	return fmt.Errorf("%s %s: %w", q.method, q.path, err)
}

// request is one request to the recorder. A path is below /ISAPI/ unless it
// begins with "/".
type request struct {
	method, path string
	body         string // an XML document, or none
	json         bool   // the body is JSON
	stream       bool   // its answer doesn't end
	despite      bool   // it is sent even if it was answered "not supported" before
	// signed, if set, tells whether it went out with credentials and wasn't
	// answered by 401: it may have been carried out.
	signed *atomic.Bool
}

// question says that asking twice does no harm: all that is read, searches
// included. What changes a device is sent by PUT and DELETE.
func (q request) question() bool { return q.method == http.MethodGet || q.method == http.MethodPost }

// right is what a rejection of the request casts doubt on: its path, or the right
// to take pictures, to shut down and restart, to read or to change notifications.
func (q request) right() string {
	switch {
	case strings.HasSuffix(q.path, "/picture"):
		return "picture"
	case q.path == pathShutdown, q.path == pathReboot:
		return rightPower
	case q.path == pathDisturb && q.question():
		return "disturbParams" // which right the device wants for it isn't known
	case q.path == pathDisturb:
		return rightConfig
	}
	return q.path
}

// extra says that a request needs a right of its own. Some firmware answers 401
// where it is missing, which on a nonce that has worked would count twice.
func (q request) extra() bool { return q.stream || q.right() != q.path }

// hasRight says that the account had that right lately. Notifications are changed so
// seldom that a right which worked may have been taken away meanwhile, and right before
// a shutdown, which two rejections would keep from signing in.
func (c *Client) hasRight(q request) bool {
	at, ok := c.granted[q.right()]
	return ok && (q.path != pathDisturb || time.Since(at) < rightLasts)
}

// heldBack says why a request that needs a right of its own isn't made whose like was
// rejected while others weren't: the account seems to lack the right, and asking
// again and again would pause everything else.
func (c *Client) heldBack(q request) error {
	if c.budget.isUnsupported(q.right()) { // learned from rejections, see budget.accepted
		return &StatusError{Method: q.method, Path: q.path, HTTP: http.StatusUnauthorized, Sub: "lowPrivilege", remembered: true}
	}
	return c.budget.holdsBack(q.right(), time.Now())
}

// remembered answers for a path that needs no request. The identity is always
// asked: everything else hangs on it.
func (c *Client) remembered(path string) error {
	if path == pathDeviceInfo {
		return nil
	}
	if c.budget.isUnsupported(path) {
		return &StatusError{Method: http.MethodGet, Path: path, HTTP: http.StatusForbidden, Sub: "notSupport", remembered: true}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.denied[path]; ok && time.Since(at) < deniedFor {
		return &StatusError{Method: http.MethodGet, Path: path, HTTP: http.StatusForbidden, Sub: "lowPrivilege", remembered: true}
	}
	return nil
}

func (c *Client) learn(path string, err error) {
	var s *StatusError
	if !errors.As(err, &s) || s.remembered {
		return
	}
	c.noteExport(s)
	if strings.EqualFold(s.Sub, "upgrading") {
		c.unsettle()
	}
	switch {
	case path == pathDeviceInfo:
	case errors.Is(err, ErrUnsupported):
		if c.settled() {
			c.budget.noteUnsupported(path)
		}
	case errors.Is(err, ErrForbidden):
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.denied) < maxRemembered {
			c.denied[path] = time.Now()
		}
	}
}

// settled says that the device didn't start lately, as far as is known: it told no
// such uptime and no upgrade, and no answer was lost or 5xx.
func (c *Client) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return long(c.trouble) && long(c.booted)
}

func long(since time.Time) bool { return since.IsZero() || time.Since(since) >= unsettledFor }

func (c *Client) unsettle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trouble = time.Now()
}

// call sends one request in its turn and returns the body of an answer with
// HTTP status 200, or an error.
func (c *Client) call(ctx context.Context, q request, limit int64) ([]byte, error) {
	ctx, cancel := withDeadline(ctx, callTimeout)
	defer cancel()
	if !c.takeTurn(ctx, false) {
		return nil, ctx.Err()
	}
	defer c.giveTurn()
	resp, err := c.exchange(ctx, q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := readAll(resp.Body, limit)
	if err != nil {
		return nil, err
	}
	return body, refusal(q.method, q.path, resp, body)
}

// exchange sends a request, with a sign-in if it takes one, and keeps account of
// trouble. The caller holds the turn.
func (c *Client) exchange(ctx context.Context, q request) (*http.Response, error) {
	resp, err := c.roundTrip(ctx, q)
	if err != nil {
		var signIn *SignInError
		if !errors.As(err, &signIn) && !errors.Is(ctx.Err(), context.Canceled) { // what the caller gave up says nothing
			c.unsettle()
		}
		return nil, withFingerprint(err)
	}
	if resp.StatusCode >= 500 {
		c.unsettle()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = time.Now()
	return resp, nil
}

// withDeadline gives a context that has none a limit.
func withDeadline(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// readAll reads at most limit bytes; a longer body is an error, and a body that
// ends before its Content-Length is one too (net/http).
func readAll(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrDocument, limit)
	}
	return body, nil
}

// refusal turns an answer that isn't 200 into an error.
func refusal(method, path string, resp *http.Response, body []byte) error {
	switch {
	case resp.StatusCode == http.StatusOK:
		return nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return fmt.Errorf("%w: it redirects to %s; configure that address if it is the recorder's",
			ErrNotHikvision, redirectTarget(resp))
	}
	e := &StatusError{Method: method, Path: path, HTTP: resp.StatusCode}
	e.Code, e.Sub = statusOf(body)
	return e
}

// redirectTarget gives scheme and host only: the rest may hold secrets.
func redirectTarget(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// statusOf reads a ResponseStatus out of a refusal, or nothing.
func statusOf(body []byte) (code int, sub string) {
	if r, ok := jsonStatus(body); ok {
		return r.Code, r.Sub
	}
	var r responseStatus
	if decode(body, &r, "ResponseStatus") != nil {
		return 0, ""
	}
	return int(number(r.StatusCode).Value), text(r.SubStatusCode)
}

// check finds the refusal that came under HTTP 200, and web pages.
func check(method, path string, httpStatus int, body []byte, roots []string) error {
	if isPage(body) {
		return fmt.Errorf("%w: a web page came instead of a document; is this the recorder's address?", ErrNotHikvision)
	}
	var r responseStatus
	if decode(body, &r, "ResponseStatus") != nil {
		return nil
	}
	code := number(r.StatusCode)
	if code.Known && (code.Value == 0 || code.Value == 1) {
		return fmt.Errorf("%w: %s %s says OK instead of <%s>", ErrDocument, method, path, strings.Join(roots, "> or <"))
	}
	return &StatusError{Method: method, Path: path, HTTP: httpStatus, Code: int(code.Value), Sub: text(r.SubStatusCode)}
}

func isPage(body []byte) bool {
	start := bytes.ToLower(body[:min(len(body), 512)])
	return bytes.Contains(start, []byte("<html")) || bytes.Contains(start, []byte("<!doctype html"))
}
