package nvrtest

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// disturb carries out a fault that comes before the request is looked at.
func (r *Recorder) disturb(w http.ResponseWriter, req *http.Request, entry *Request, f *Fault) {
	if !r.hold(req.Context(), f.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case f.Reset:
		resetConn(w)
	case f.HalfOpen:
		r.hold(req.Context(), -1)
		panic(http.ErrAbortHandler)
	case f.Redirect != "":
		r.send(w, entry, answer{status: http.StatusFound, location: f.Redirect})
	case f.BasicOnly:
		r.basicOnly(w, req, entry)
	case f.LoginPage:
		r.send(w, entry, answer{status: http.StatusOK, contentType: typeHTML, body: []byte(loginPage)})
	}
}

const loginPage = "<!DOCTYPE html>\r\n<html><head><title>Login</title></head><body><form>User name, password</form></body></html>\r\n"

// basicOnly rejects everything; the lock that counts every 401 counts it.
func (r *Recorder) basicOnly(w http.ResponseWriter, req *http.Request, entry *Request) {
	r.mu.Lock()
	if entry.Credentials {
		r.log.rejected = append(r.log.rejected, r.now())
		if r.config.Lock == LockEvery {
			r.countLocked(account{clientHost(req), credentialsOf(req).params["username"]})
		}
	}
	r.mu.Unlock()
	r.send(w, entry, answer{status: http.StatusUnauthorized, challenges: []string{"Basic realm=" + strconv.Quote(r.traits.realm)}})
}

// faulty changes what an answer says. The caller holds mu.
func (r *Recorder) faulty(a answer, f Fault, q asked) answer {
	a.stream = a.stream && f.Status == 0 && f.Body == nil
	if f.Status != 0 {
		sub := f.SubStatus
		if sub == "" {
			sub = subStatusFor(f.Status)
		}
		challenges := a.challenges
		a = r.refuse(q, f.Status, sub)
		if f.Status == http.StatusUnauthorized {
			if a.challenges = challenges; challenges == nil {
				a.challenges = r.challengeLocked(q.path, false)
			}
		}
	}
	if f.Body != nil {
		a.body = slices.Clone(f.Body)
	}
	if f.ContentType != "" {
		a.contentType = f.ContentType
	}
	if f.GarbageAfterRoot {
		a.body = append(a.body, "garbage<again/>"...)
	}
	if f.Doctype {
		a.body = withDoctype(a.body)
	}
	return a
}

// withDoctype puts a document type after the declaration.
func withDoctype(body []byte) []byte {
	at := 0
	if i := slices.Index(body, '>'); i >= 0 && len(body) > 1 && body[1] == '?' {
		at = i + 1
	}
	return slices.Insert(body, at, []byte("\n<!DOCTYPE lolz [<!ENTITY lol \"lol\">]>\n")...)
}

// spoil sends an answer that a fault has its way with. Of streams it can only
// spoil the beginning.
func (r *Recorder) spoil(w http.ResponseWriter, req *http.Request, entry *Request, a answer, f *Fault) *stream {
	if !r.hold(req.Context(), f.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case f.ResetAfterRequest:
		resetConn(w)
	case f.NoAnswer:
		r.hold(req.Context(), -1)
		panic(http.ErrAbortHandler)
	case f.EndlessHeader:
		endlessHeader(w, a)
	case f.EndlessBody:
		r.head(w, entry, a)
		endlessBody(w, a)
	case a.stream:
		return r.stream(w, req, entry, a)
	case f.TruncateAt > 0:
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		r.head(w, entry, a)
		w.Write(a.body[:min(f.TruncateAt, len(a.body))])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case f.Trickle > 0:
		r.trickle(w, req, entry, a, f.Trickle)
	default:
		r.send(w, entry, a)
	}
	return nil
}

// resetConn ends the connection by a reset.
func resetConn(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if d, ok := conn.(deviceConn); ok {
		d.reset()
		return
	}
	conn.Close()
}

// endlessHeader sends header lines until the client hangs up.
func endlessHeader(w http.ResponseWriter, a answer) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	write := func(s string) bool {
		_, err := conn.Write([]byte(s))
		return err == nil
	}
	for more := write("HTTP/1.1 " + strconv.Itoa(a.status) + " " + http.StatusText(a.status) + "\r\n"); more; {
		more = write("X-Filler: " + filler + "\r\n")
	}
}

const filler = "................................................................................................................................"

// endlessBody goes on after the document's beginning until the client hangs up.
func endlessBody(w http.ResponseWriter, a answer) {
	half := len(a.body) / 2
	if _, err := w.Write(a.body[:half]); err != nil {
		return
	}
	line := []byte("<filler>" + filler + "</filler>\n")
	for {
		if _, err := w.Write(line); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// trickle sends the body byte by byte.
func (r *Recorder) trickle(w http.ResponseWriter, req *http.Request, entry *Request, a answer, pause time.Duration) {
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	r.head(w, entry, a)
	control := http.NewResponseController(w)
	for i := range a.body {
		w.Write(a.body[i : i+1])
		control.Flush()
		if !r.hold(req.Context(), pause) {
			panic(http.ErrAbortHandler)
		}
	}
}

var _ net.Conn = (*pipeEnd)(nil)
