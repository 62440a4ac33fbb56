package nvrtest

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxNonces is how many nonces a device remembers; the oldest are forgotten.
const maxNonces = 512

// access is who may sign in, and what was said to whom; under Recorder.mu.
type access struct {
	username, password string
	rights             Rights
	nonces             map[string]*nonce
	order              []string // of nonces, oldest first
	locks              map[account]*lock
}

// nonce is one that was given out.
type nonce struct {
	born time.Time
	path string
	uses int
	nc   uint64 // the last one
}

func newAccess(c Config) access {
	return access{
		username: c.Username, password: c.Password,
		nonces: map[string]*nonce{}, locks: map[account]*lock{},
	}
}

// restart forgets all nonces. Cameras lose their locks, too (one report);
// whether recorders do isn't known, so theirs stay.
func (a *access) restart(unlock bool) {
	clear(a.nonces)
	a.order = nil
	if unlock {
		clear(a.locks)
	}
}

// outcome is what became of a request's credentials.
type outcome int

const (
	anonymous outcome = iota // none were sent
	granted
	malformed // no digest that could be checked
	stale     // nonce unknown, used up, bound elsewhere, or nc not grown
	wrong     // of a valid nonce
	lockedOut
	denied // right, but the users aren't loaded or the right is missing
)

// verdict is an outcome with what the answer tells of it.
type verdict struct {
	outcome outcome
	account account
	lock    lockView
}

// credentials are those of an Authorization header.
type credentials struct {
	scheme string // "Digest", "Basic" … as sent, empty if there are none
	params map[string]string
}

// credentialsOf reads the header of a request.
func credentialsOf(req *http.Request) credentials {
	scheme, rest, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	c := credentials{scheme: scheme}
	if strings.EqualFold(scheme, "Digest") {
		c.params = parseParams(rest)
	}
	return c
}

// parseParams reads name=value pairs, values quoted or not.
func parseParams(s string) map[string]string {
	params := map[string]string{}
	for s = strings.TrimLeft(s, " ,\t"); s != ""; s = strings.TrimLeft(s, " ,\t") {
		name, rest, found := strings.Cut(s, "=")
		if !found {
			break
		}
		var value string
		if quoted, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), `"`); ok {
			value, s = unquote(quoted)
		} else {
			value, s, _ = strings.Cut(rest, ",")
		}
		params[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return params
}

// unquote reads up to the closing quote; what follows it is the rest.
func unquote(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// judgeLocked checks a request's credentials as RFC 7616 says and keeps the
// books: uses of the nonce, failures, the lock.
func (r *Recorder) judgeLocked(req *http.Request, c credentials) verdict {
	v := verdict{account: account{client: clientHost(req), user: c.params["username"]}}
	switch {
	case c.scheme == "":
		v.outcome = anonymous
	case r.lockOf(v.account).locked(r.now()):
		v.outcome = lockedOut
	case c.params == nil:
		v.outcome = malformed
	default:
		v.outcome = r.checkDigest(req, c.params)
	}
	if v.outcome == granted && r.now().Before(r.power.deniesTill) {
		v.outcome = denied
	}
	r.book(v)
	v.lock = r.lockOf(v.account).view(r.now())
	return v
}

func clientHost(req *http.Request) string {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return req.RemoteAddr
	}
	return host
}

// checkDigest judges a digest: first whether the nonce is good, then whether
// the response is right.
func (r *Recorder) checkDigest(req *http.Request, p map[string]string) outcome {
	algorithm := strings.ToUpper(p["algorithm"])
	if algorithm == "" {
		algorithm = "MD5"
	}
	nc, err := strconv.ParseUint(p["nc"], 16, 32)
	if err != nil || len(p["nc"]) != 8 || p["cnonce"] == "" || p["qop"] != "auth" || !r.offers(algorithm) {
		return malformed
	}
	n := r.access.nonces[p["nonce"]]
	if n == nil || !r.usable(n, req, nc) {
		return stale
	}
	n.uses++
	n.nc = max(n.nc, nc)
	a := &r.access
	right := p["realm"] == r.traits.realm && p["uri"] == req.RequestURI && p["username"] == a.username &&
		strings.EqualFold(p["response"], response(algorithm, a.password, req.Method, p))
	if !right {
		return wrong
	}
	return granted
}

// usable says whether a nonce may be used for a request.
func (r *Recorder) usable(n *nonce, req *http.Request, nc uint64) bool {
	c := r.config
	switch {
	case c.NonceUses > 0 && n.uses >= c.NonceUses,
		c.NonceLife > 0 && r.now().Sub(n.born) >= c.NonceLife,
		c.NonceBoundToPath && n.path != req.URL.Path,
		c.StrictNC && nc <= n.nc:
		return false
	}
	return true
}

// offers says whether the device takes an algorithm.
func (r *Recorder) offers(algorithm string) bool {
	if r.config.Algorithm == "both" {
		return algorithm == "MD5" || algorithm == "SHA-256"
	}
	return algorithm == r.config.Algorithm
}

// response is the digest that the right password gives (RFC 7616, 3.4.1).
func response(algorithm, password, method string, p map[string]string) string {
	hash := func(s string) string {
		if algorithm == "SHA-256" {
			sum := sha256.Sum256([]byte(s))
			return hex.EncodeToString(sum[:])
		}
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	secret := hash(p["username"] + ":" + p["realm"] + ":" + password)
	return hash(secret + ":" + p["nonce"] + ":" + p["nc"] + ":" + p["cnonce"] + ":" + p["qop"] + ":" + hash(method+":"+p["uri"]))
}

// challengeLocked gives out a nonce and the WWW-Authenticate lines for it, in
// the form of the model: cameras leave the algorithm unsaid (SPECP), recorders
// have domain, opaque and a time in the nonce (ERI-K104).
func (r *Recorder) challengeLocked(path string, ranOut bool) []string {
	value := r.newNonce(path)
	said := "FALSE"
	if ranOut && r.config.TellStale {
		said = "TRUE"
	}
	var lines []string
	for _, algorithm := range r.algorithms() {
		switch {
		case r.config.Model.recorder():
			lines = append(lines, fmt.Sprintf(`Digest realm=%q, domain="::", qop="auth", nonce=%q, opaque="", algorithm=%q, stale=%q`,
				r.traits.realm, value, algorithm, said))
		case algorithm == "MD5":
			lines = append(lines, fmt.Sprintf(`Digest qop="auth", realm=%q, nonce=%q, stale=%q`, r.traits.realm, value, said))
		default:
			lines = append(lines, fmt.Sprintf(`Digest qop="auth", realm=%q, nonce=%q, algorithm=%q, stale=%q`, r.traits.realm, value, algorithm, said))
		}
	}
	return lines
}

func (r *Recorder) algorithms() []string {
	if r.config.Algorithm == "both" {
		return []string{"SHA-256", "MD5"}
	}
	return []string{r.config.Algorithm}
}

func (r *Recorder) newNonce(path string) string {
	var random [16]byte
	rand.Read(random[:])
	value := hex.EncodeToString(random[:])
	if r.config.Model.recorder() {
		value += ":" + strconv.FormatInt(r.now().UnixMilli(), 10)
	}
	a := &r.access
	a.nonces[value] = &nonce{born: r.now(), path: path}
	a.order = append(a.order, value)
	if len(a.order) > maxNonces {
		delete(a.nonces, a.order[0])
		a.order = append(a.order[:0], a.order[1:]...)
	}
	return value
}
