package nvrtest

import (
	"context"
	"io"
	"net/http"
	"time"
)

// maxBody is how much of a request's body is read.
const maxBody = 1 << 20

// handle answers one request: a fault that comes early, the verdict over its
// credentials, the answer, a fault that spoils it.
func (r *Recorder) handle(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(req.Body, maxBody))
	c := credentialsOf(req)
	entry, ok := r.arrive(req, c)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	defer r.serving.Done()
	if s := r.answer(w, askedOf(req, body), c, entry); s != nil {
		s.begin()
	}
}

// answer answers a request. A stream that comes of it is the caller's to begin,
// since by then the request is in hand no more.
func (r *Recorder) answer(w http.ResponseWriter, q asked, c credentials, entry *Request) *stream {
	defer r.leave()
	if f := r.earlyFault(q); f != nil {
		r.disturb(w, q.request, entry, f)
		return nil
	}
	a, f := r.decide(q, c, entry)
	if f != nil {
		return r.spoil(w, q.request, entry, a, f)
	}
	return r.reply(w, q.request, entry, a)
}

// reply sends an answer, or makes a stream of the connection.
func (r *Recorder) reply(w http.ResponseWriter, req *http.Request, entry *Request, a answer) *stream {
	switch {
	case a.stream:
		return r.stream(w, req, entry, a)
	case a.lost:
		r.hold(req.Context(), -1)
		panic(http.ErrAbortHandler)
	}
	r.send(w, entry, a)
	return nil
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

func (r *Recorder) earlyFault(q asked) *Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.takeFaultLocked(func(f Fault) bool { return f.early() && f.matches(q.method, q.path) })
}

// decide finds the answer and the fault that spoils it, and keeps the books.
func (r *Recorder) decide(q asked, c credentials, entry *Request) (answer, *Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, who := r.answerLocked(q, c)
	kind := Granted
	switch {
	case a.status == http.StatusUnauthorized && entry.Credentials:
		kind = Rejections
	case a.status == http.StatusUnauthorized:
		kind = Challenges
	}
	f := r.takeFaultLocked(func(f Fault) bool {
		return !f.early() && f.matches(q.method, q.path) && (f.Answers == AnyAnswer || f.Answers == kind)
	})
	if f == nil || f.Status == 0 { // else it is refused
		r.obeyLocked(a.order)
		r.keepLocked(a.setting)
	}
	if f != nil {
		a = r.faulty(a, *f, q)
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
