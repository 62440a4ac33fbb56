package nvrtest_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"hikbridge/nvr/nvrtest"
)

// client speaks to a recorder, with a digest of its own whose every part a test
// can spoil.
type client struct {
	t        *testing.T
	http     *http.Client
	base     string
	user     string
	password string
}

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

func newClient(t *testing.T, dial dialer) *client {
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{
		t: t, base: "http://192.0.2.64", user: nvrtest.DefaultUsername, password: nvrtest.DefaultPassword,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// newRecorder makes a recorder and a client of it that end with the test.
func newRecorder(t *testing.T, c nvrtest.Config) (*nvrtest.Recorder, *client) {
	t.Helper()
	r := nvrtest.New(c)
	t.Cleanup(func() { r.Close() })
	return r, newClient(t, r.Dial)
}

// reply is an answer with its body.
type reply struct {
	status int
	header http.Header
	body   string
}

func (c *client) try(ctx context.Context, method, path, authorization string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return c.do(req)
}

func (c *client) do(req *http.Request) (reply, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body)}, err
}

func (c *client) send(method, path, authorization string) reply {
	c.t.Helper()
	r, err := c.try(c.t.Context(), method, path, authorization)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// challenge is one of a 401.
type challenge struct{ realm, nonce, algorithm string }

func (c *client) challenge(path string) challenge {
	c.t.Helper()
	r := c.send("GET", path, "")
	if r.status != http.StatusUnauthorized {
		c.t.Fatalf("GET %s without credentials: %d, want a challenge", path, r.status)
	}
	return challengeOf(r, 0)
}

func challengeOf(r reply, i int) challenge {
	lines := r.header.Values("WWW-Authenticate")
	if i >= len(lines) {
		return challenge{}
	}
	return challenge{param(lines[i], "realm"), param(lines[i], "nonce"), param(lines[i], "algorithm")}
}

func param(line, name string) string {
	m := regexp.MustCompile(`\b` + name + `="([^"]*)"`).FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	return m[1]
}

// digest holds the parts of an Authorization header.
type digest struct {
	challenge
	user, password, method, uri string
	nc                          int
}

func (c *client) digest(ch challenge, path string, nc int) digest {
	return digest{ch, c.user, c.password, "GET", path, nc}
}

func (d digest) header() string {
	hash := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	algorithm := ""
	if d.algorithm == "SHA-256" {
		hash = func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	}
	if d.algorithm != "" {
		algorithm = ", algorithm=" + d.algorithm
	}
	nc := fmt.Sprintf("%08x", d.nc)
	response := hash(strings.Join([]string{hash(d.user + ":" + d.realm + ":" + d.password), d.nonce, nc, "0a4f113b", "auth", hash(d.method + ":" + d.uri)}, ":"))
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", qop=auth, nc=%s, cnonce="0a4f113b"%s`,
		d.user, d.realm, d.nonce, d.uri, response, nc, algorithm)
}

// get signs in on a fresh nonce.
func (c *client) get(path string) reply {
	c.t.Helper()
	return c.use(c.challenge(path), path, 1)
}

// use sends a request on a nonce.
func (c *client) use(ch challenge, path string, nc int) reply {
	c.t.Helper()
	return c.send("GET", path, c.digest(ch, path, nc).header())
}

const (
	info      = "/ISAPI/System/deviceInfo"
	userCheck = "/ISAPI/Security/userCheck"
)

// want compares a status.
func (r reply) want(t *testing.T, status int) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d; body %q", r.status, status, r.body)
	}
	return r
}

// says looks for text in a body.
func (r reply) says(t *testing.T, parts ...string) reply {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(r.body, p) {
			t.Errorf("body lacks %q:\n%s", p, r.body)
		}
	}
	return r
}

// lacks looks for text that must not be in a body.
func (r reply) lacks(t *testing.T, parts ...string) reply {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(r.body, p) {
			t.Errorf("body has %q:\n%s", p, r.body)
		}
	}
	return r
}
