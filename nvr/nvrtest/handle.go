package nvrtest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxBody is how much of a request's body is read.
const maxBody = 1 << 20

// handle answers one request: a fault that comes early, the verdict over its
// credentials, the answer, a fault that spoils it.
func (r *Recorder) handle(w http.ResponseWriter, req *http.Request) {
	io.Copy(io.Discard, io.LimitReader(req.Body, maxBody))
	c := credentialsOf(req)
	entry, ok := r.arrive(req, c)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	defer r.serving.Done()
	defer r.leave()
	if f := r.earlyFault(req); f != nil {
		r.disturb(w, req, entry, f)
		return
	}
	a, f := r.decide(req, c, entry)
	if f != nil {
		r.spoil(w, req, entry, a, f)
		return
	}
	r.send(w, entry, a)
}

// arrive notes a request; it fails on a recorder that is closed.
func (r *Recorder) arrive(req *http.Request, c credentials) (*Request, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false
	}
	r.serving.Add(1)
	r.settleLocked()
	return r.log.begin(Request{
		At: r.now(), Method: req.Method, Path: req.RequestURI, Client: clientHost(req),
		Credentials: c.scheme != "", Scheme: c.scheme,
	}), true
}

func (r *Recorder) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.inHand--
}

func (r *Recorder) earlyFault(req *http.Request) *Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.takeFaultLocked(func(f Fault) bool { return f.early() && f.matches(req.Method, req.URL.Path) })
}

// decide finds the answer and the fault that spoils it, and keeps the books.
func (r *Recorder) decide(req *http.Request, c credentials, entry *Request) (answer, *Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, who := r.answerLocked(req, c)
	kind := Granted
	switch {
	case a.status == http.StatusUnauthorized && entry.Credentials:
		kind = Rejections
	case a.status == http.StatusUnauthorized:
		kind = Challenges
	}
	f := r.takeFaultLocked(func(f Fault) bool {
		return !f.early() && f.matches(req.Method, req.URL.Path) && (f.Answers == AnyAnswer || f.Answers == kind)
	})
	if f != nil {
		a = r.faulty(a, *f, req)
	}
	rejected := a.status == http.StatusUnauthorized && entry.Credentials
	if rejected {
		r.log.rejected = append(r.log.rejected, r.now())
	}
	if rejected && kind != Rejections && r.config.Lock == LockEvery {
		r.countLocked(who)
	}
	return a, f
}

// answerLocked is the recorder's own answer.
func (r *Recorder) answerLocked(req *http.Request, c credentials) (answer, account) {
	path := req.URL.Path
	if r.now().Before(r.power.errorsTill) {
		return r.refusal(http.StatusInternalServerError, path, "deviceError"), account{}
	}
	if path == "/SDK/activateStatus" && req.Method == http.MethodGet {
		return r.document(http.StatusOK, activateStatus()), account{}
	}
	rest, found := strings.CutPrefix(path, "/ISAPI/")
	if !found {
		return answer{status: http.StatusNotFound, contentType: typeHTML, body: []byte("<html><body>404 Not Found</body></html>")}, account{}
	}
	v := r.judgeLocked(req, c)
	if v.outcome != granted {
		return r.unauthorized(req, v), v.account
	}
	if r.access.rights.refuses(req.Method, path) {
		return r.unprivileged(req, v), v.account
	}
	return r.found(req.Method, path, rest), v.account
}

// unprivileged answers for a right that is missing.
func (r *Recorder) unprivileged(req *http.Request, v verdict) answer {
	if !r.access.rights.As401 {
		return r.refusal(http.StatusForbidden, req.URL.Path, "lowPrivilege")
	}
	v.outcome = denied
	r.book(v)
	v.lock = r.lockOf(v.account).view(r.now())
	return r.unauthorized(req, v)
}

// found answers what a signed-in account asks for.
func (r *Recorder) found(method, path, rest string) answer {
	if r.replay.documents != nil {
		return r.replayed(method, path, rest)
	}
	_, administrator := r.access.level()
	if other, found := strings.CutPrefix(rest, "Security/UserPermission/"); found && other != r.access.userID() && !administrator {
		return r.refusal(http.StatusForbidden, path, "lowPrivilege")
	}
	if text, ok := r.plainText(rest); ok && method == http.MethodGet {
		return answer{status: http.StatusOK, contentType: "text/plain", body: []byte(text)}
	}
	e := r.content(rest)
	switch {
	case e == nil:
		return r.unsupported(path)
	case method != http.MethodGet:
		return r.refusal(http.StatusMethodNotAllowed, path, "methodNotAllowed")
	}
	return r.document(http.StatusOK, e)
}

// plainText is a document without XML.
func (r *Recorder) plainText(rest string) (string, bool) {
	switch rest {
	case "System/time/localTime":
		return r.deviceTime(), true
	case "System/time/timeZone":
		return r.config.TimeZone, !r.config.NoTimeZone
	}
	return "", false
}

// send writes an answer.
func (r *Recorder) send(w http.ResponseWriter, entry *Request, a answer) {
	r.head(w, entry, a)
	w.Write(a.body)
}

// head writes the status and headers of an answer.
func (r *Recorder) head(w http.ResponseWriter, entry *Request, a answer) {
	r.mu.Lock()
	entry.Status = a.status
	r.mu.Unlock()
	h := w.Header()
	for _, line := range a.challenges {
		h.Add("WWW-Authenticate", line)
	}
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
	h.Set("Keep-Alive", "timeout=60, max=99")
	w.WriteHeader(a.status)
}

// hold waits, for ever if d is negative; false means that nobody waits for the
// answer any more.
func (r *Recorder) hold(ctx context.Context, d time.Duration) bool {
	var timer <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-timer:
		return true
	case <-ctx.Done():
	case <-r.done:
	}
	return false
}
