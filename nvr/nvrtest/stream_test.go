package nvrtest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

const (
	alerts    = "/ISAPI/Event/notification/alertStream"
	oldAlerts = "/Event/notification/alertStream"
)

// listener reads an event stream and keeps what came.
type listener struct {
	from io.ReadCloser
	head http.Header
	done chan struct{}

	mu     sync.Mutex
	pieces []string // of each read
	at     []time.Time
	err    error
}

func newListener(t *testing.T, from io.ReadCloser, head http.Header) *listener {
	l := &listener{from: from, head: head, done: make(chan struct{})}
	t.Cleanup(l.hangUp)
	go l.read()
	return l
}

// listen opens the stream and reads it in the background.
func (c *client) listen(t *testing.T, path string) *listener {
	t.Helper()
	resp := c.open(t, path)
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("open the stream: %s %s", resp.Status, body)
	}
	return newListener(t, resp.Body, resp.Header)
}

// open signs in for a stream.
func (c *client) open(t *testing.T, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", c.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", c.digest(c.challenge(path), path, 1).header())
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// raw opens the stream on a connection of its own, with the answer's head among
// what comes.
func (c *client) raw(t *testing.T, r *nvrtest.Recorder) *listener {
	t.Helper()
	authorization := c.digest(c.challenge(alerts), alerts, 1).header()
	conn, err := r.Dial(t.Context(), "tcp", "192.0.2.64:80")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 192.0.2.64\r\nAuthorization: %s\r\n\r\n", alerts, authorization)
	synctest.Wait()
	return newListener(t, conn, nil)
}

func (l *listener) read() {
	defer close(l.done)
	b := make([]byte, 1<<16)
	for {
		n, err := l.from.Read(b)
		l.mu.Lock()
		if n > 0 {
			l.pieces = append(l.pieces, string(b[:n]))
			l.at = append(l.at, time.Now())
		}
		l.err = err
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// hangUp ends the stream as a client does.
func (l *listener) hangUp() {
	l.from.Close()
	<-l.done
}

// take gives what came since the last call, once everything rests.
func (l *listener) take() string {
	pieces, _ := l.takePieces()
	return strings.Join(pieces, "")
}

func (l *listener) takePieces() ([]string, []time.Time) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	pieces, at := l.pieces, l.at
	l.pieces, l.at = nil, nil
	return pieces, at
}

// failed gives the error that ended the stream, nil while it is open.
func (l *listener) failed() error {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// kinds lists the alerts in a text, "VMD active 3".
func kinds(text string) []string {
	var all []string
	for _, alert := range strings.Split(text, "<EventNotificationAlert ")[1:] {
		words := []string{within(alert, "<eventType"), within(alert, "<eventState"), within(alert, "hannelID")}
		all = append(all, strings.TrimSpace(strings.Join(words, " ")))
	}
	return all
}

// within gives the text of the first element whose name ends so.
func within(text, name string) string {
	_, rest, _ := strings.Cut(text, name+">")
	value, _, _ := strings.Cut(rest, "<")
	return value
}

// same compares two lists.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

var motion = nvrtest.Alert{Type: "VMD", Channel: 3}

func TestTheStreamNeedsASignInAndTheRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		c.send("GET", alerts, "").want(t, 401)
		l := c.listen(t, alerts)
		l.hangUp()
		r.SetRights(nvrtest.Rights{Lacks: []string{"alarmOutOrUpload"}})
		c.get(alerts).want(t, 403).says(t, "lowPrivilege")
		r.SetRights(nvrtest.Rights{Lacks: []string{"alarmOutOrUpload"}, As401: true})
		c.get(alerts).want(t, 401)
		r.SetRights(nvrtest.Rights{})
		c.password = "wrong"
		c.get(alerts).want(t, 401)
		if len(r.Counted()) != 1 {
			t.Errorf("%d failures counted", len(r.Counted()))
		}
	})
}

func TestWhereTheStreamIs(t *testing.T) {
	for _, tt := range []struct {
		name            string
		config          nvrtest.Config
		now, before     int
		anonymousBefore int
	}{
		{"usually", nvrtest.Config{}, 200, 404, 404},
		{"on old firmware", nvrtest.Config{OldStreamPath: true}, 404, 200, 401},
		{"nowhere on a recorder", nvrtest.Config{NoStream: true}, 403, 404, 404},
		{"nowhere on a camera", nvrtest.Config{Model: nvrtest.Camera, NoStream: true}, 404, 404, 404},
		{"nowhere on an old camera", nvrtest.Config{Model: nvrtest.OldCamera, NoStream: true, OldStreamPath: true}, 404, 500, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c := newRecorder(t, tt.config)
				c.send("GET", oldAlerts, "").want(t, tt.anonymousBefore)
				ch := c.challenge(info)
				for i, try := range []struct {
					path string
					want int
				}{{alerts, tt.now}, {oldAlerts, tt.before}} {
					req, _ := http.NewRequestWithContext(t.Context(), "GET", c.base+try.path, nil)
					req.Header.Set("Authorization", c.digest(ch, try.path, i+1).header())
					resp, err := c.http.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					if resp.StatusCode != try.want {
						t.Errorf("GET %s: %s, want %d", try.path, resp.Status, try.want)
					}
				}
			})
		})
	}
}

func TestTheStreamIsForReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newRecorder(t, nvrtest.Config{})
		d := c.digest(c.challenge(alerts), alerts, 1)
		d.method = "PUT"
		c.send("PUT", alerts, d.header()).want(t, 405)
	})
}

func TestAlertsComeToAllStreamsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.Alert(motion) // nobody hears it
		a, b := c.listen(t, alerts), c.listen(t, alerts)
		var want []string
		for i := range 200 {
			r.Alert(nvrtest.Alert{Type: "VMD", Channel: i + 1})
			want = append(want, fmt.Sprintf("VMD active %d", i+1))
		}
		same(t, "the first", kinds(a.take()), want)
		same(t, "the second", kinds(b.take()), want)
		if r.Streams() != 2 || r.MostStreams() != 2 || r.StreamsOpened() != 2 {
			t.Errorf("%d streams, %d at most, %d opened", r.Streams(), r.MostStreams(), r.StreamsOpened())
		}
		if r.MaxConcurrent() != 1 {
			t.Errorf("%d requests in hand: a stream isn't one", r.MaxConcurrent())
		}
		a.hangUp()
		synctest.Wait()
		if r.Streams() != 1 || r.MostStreams() != 2 {
			t.Errorf("%d streams, %d at most", r.Streams(), r.MostStreams())
		}
		q := r.Requests()
		if last := q[len(q)-1]; last.Path != alerts || last.Status != 200 {
			t.Errorf("last request %+v", last)
		}
		r.ResetCounters()
		if r.Streams() != 1 || r.MostStreams() != 1 || r.StreamsOpened() != 0 {
			t.Errorf("after ResetCounters %d streams, %d at most, %d opened", r.Streams(), r.MostStreams(), r.StreamsOpened())
		}
	})
}

// How a stream ends, what its client sees of it, and whether a new one works.
func TestStreamsEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*nvrtest.Recorder)
		want error // nil: the client isn't told
		back func(*nvrtest.Recorder)
	}{
		{"reset", (*nvrtest.Recorder).ResetStreams, syscall.ECONNRESET, nil},
		{"closed by the device", (*nvrtest.Recorder).EndStreams, io.EOF, nil},
		{"half-open", (*nvrtest.Recorder).FreezeStreams, nil, nil},
		{"a restart", func(r *nvrtest.Recorder) { r.Reboot(time.Second) }, syscall.ECONNRESET, func(*nvrtest.Recorder) { time.Sleep(time.Second) }},
		{"unplugged", (*nvrtest.Recorder).Unplug, nil, (*nvrtest.Recorder).Plug},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, stalled := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					r, c := newRecorder(t, nvrtest.Config{})
					a, b := c.listen(t, alerts), c.listen(t, alerts)
					r.Alert(motion)
					same(t, "before", kinds(a.take()), []string{"VMD active 3"})
					r.StallStreams(stalled)
					tt.end(r)
					if n := r.Streams(); n != 0 {
						t.Errorf("%d streams", n)
					}
					r.Alert(motion)
					r.StallStreams(false)
					time.Sleep(time.Minute)
					for _, l := range []*listener{a, b} {
						if err := l.failed(); !errors.Is(err, tt.want) {
							t.Errorf("the client sees %v, want %v", err, tt.want)
						}
					}
					if got := a.take(); got != "" {
						t.Errorf("afterwards came %q", got)
					}
					if tt.back != nil {
						tt.back(r)
					}
					again := c.listen(t, alerts)
					r.Alert(motion)
					same(t, "again", kinds(again.take()), []string{"VMD active 3"})
					if r.StreamsOpened() != 3 || r.MostStreams() != 2 {
						t.Errorf("%d opened, %d at most", r.StreamsOpened(), r.MostStreams())
					}
				})
			}
		})
	}
}

// A frozen connection doesn't even tell of the client's own writing, until the
// device has forgotten it.
func TestFrozenInBothDirections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		l := c.raw(t, r)
		l.take()
		r.FreezeStreams()
		conn := l.from.(net.Conn)
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Errorf("write: %v", err)
		}
		if n := r.Connections(); n != 2 {
			t.Errorf("%d connections", n)
		}
		c.get(info).want(t, 200) // others aren't touched
		r.Unplug()
		r.Plug()
		if _, err := conn.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write into a forgotten connection: %v", err)
		}
	})
}

// What waits for the clients is sent before an end in order.
func TestEndAfterWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Stream: nvrtest.StreamShape{Chunked: true}})
		l := c.listen(t, alerts)
		synctest.Wait()
		for range 100 {
			r.Alert(motion)
		}
		r.EndStreams()
		r.EndStreams()
		if n := len(kinds(l.take())); n != 100 || l.failed() != io.EOF {
			t.Errorf("%d alerts, then %v", n, l.failed())
		}
	})
}

func TestAStalledStreamSendsAllInOneBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		l := c.listen(t, alerts)
		l.take()
		r.StallStreams(true)
		for i := range 300 {
			r.Alert(nvrtest.Alert{Type: "VMD", Channel: i + 1})
			time.Sleep(time.Second)
		}
		late := c.listen(t, alerts)
		time.Sleep(time.Minute)
		if got := l.take() + late.take(); got != "" || l.failed() != nil || r.Streams() != 2 {
			t.Errorf("while stalled came %q, then %v", got, l.failed())
		}
		begin := time.Now()
		r.StallStreams(false)
		_, at := l.takePieces()
		if len(at) == 0 || !at[len(at)-1].Equal(begin) {
			t.Errorf("the burst came at %v, not at %v", at, begin)
		}
		time.Sleep(time.Minute)
		same(t, "then", kinds(l.take())[:1], []string{"videoloss inactive 0"})
	})
}

// brief is a short alert.
func brief(channel int) nvrtest.Alert {
	return nvrtest.Alert{Document: fmt.Appendf(nil, "<EventNotificationAlert ><channelID>%d</channelID>\n", channel)}
}

// overfill sends more alerts than wait for a client that doesn't get any.
func overfill(r *nvrtest.Recorder) {
	r.StallStreams(true)
	for range 4100 {
		r.Alert(brief(1))
	}
}

// A client that doesn't read holds up the calls of Alert once the queue is full,
// and nobody else's stream.
func TestASlowReaderLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Heartbeat: -1})
		slow := c.open(t, alerts)
		quick := c.listen(t, alerts)
		sent := make(chan int, 1)
		go func() {
			for i := range 6000 {
				r.Alert(brief(i + 1))
			}
			sent <- 6000
		}()
		synctest.Wait()
		n := len(kinds(quick.take()))
		if len(sent) == 1 || n < 4096 || n > 5500 {
			t.Fatalf("%d alerts came to the quick reader while the slow one reads nothing", n)
		}
		go r.Alert(nvrtest.Alert{Type: "diskerror"})
		same(t, "another call", kinds(quick.take()), []string{"diskerror active"})
		l := newListener(t, slow.Body, nil)
		synctest.Wait()
		if <-sent != 6000 {
			t.Error("not all were sent")
		}
		got := slices.DeleteFunc(kinds(l.take()), func(kind string) bool { return kind == "diskerror active" })
		if !slices.IsSortedFunc(got, func(a, b string) int { return len(a) - len(b) }) || len(got) != 6000 || got[0] != "1" || got[5999] != "6000" {
			t.Errorf("the slow reader got %d", len(got))
		}
	})
}

func TestABlockedAlertEndsWithTheStream(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*nvrtest.Recorder, *http.Response)
	}{
		{"the client hangs up", func(_ *nvrtest.Recorder, resp *http.Response) { resp.Body.Close() }},
		{"reset", func(r *nvrtest.Recorder, _ *http.Response) { r.ResetStreams() }},
		{"frozen", func(r *nvrtest.Recorder, _ *http.Response) { r.FreezeStreams() }},
		{"closed", func(r *nvrtest.Recorder, _ *http.Response) { r.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{})
				resp := c.open(t, alerts)
				done := make(chan struct{})
				go func() {
					defer close(done)
					overfill(r)
				}()
				synctest.Wait()
				tt.end(r, resp)
				<-done
			})
		})
	}
}

func TestFullDevices(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refusal nvrtest.Refusal
		status  int
		says    string
	}{
		{"by default", nvrtest.Refusal{}, 403, "<subStatusCode>deployExceedMax<"},
		{"as if it weren't there", nvrtest.Refusal{Status: 404}, 404, "<subStatusCode>deployExceedMax<"},
		{"busy", nvrtest.Refusal{Status: 503, SubStatus: "deviceBusy"}, 503, "<statusCode>2<"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{MaxStreams: 2, StreamRefusal: tt.refusal})
				a := c.listen(t, alerts)
				c.listen(t, alerts)
				c.get(alerts).want(t, tt.status).says(t, tt.says)
				if r.Streams() != 2 || r.StreamsOpened() != 2 {
					t.Errorf("%d streams, %d opened", r.Streams(), r.StreamsOpened())
				}
				a.hangUp()
				synctest.Wait()
				c.listen(t, alerts)
			})
		})
	}
}

func TestSlotsOfCutConnections(t *testing.T) {
	for _, tt := range []struct {
		name string
		cut  func(*nvrtest.Recorder)
		held time.Duration
	}{
		{"reset", (*nvrtest.Recorder).ResetStreams, 2 * time.Minute},
		{"frozen", (*nvrtest.Recorder).FreezeStreams, 2 * time.Minute},
		{"unplugged", func(r *nvrtest.Recorder) { r.Unplug(); r.Plug() }, 2 * time.Minute},
		{"in order", (*nvrtest.Recorder).EndStreams, 0},
		{"a restart frees it", func(r *nvrtest.Recorder) { r.ResetStreams(); r.Reboot(0) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{MaxStreams: 1, StreamSlotHeld: 2 * time.Minute})
				c.listen(t, alerts)
				tt.cut(r)
				synctest.Wait()
				if tt.held > 0 {
					c.http.CloseIdleConnections()
					c.get(alerts).want(t, 403)
					time.Sleep(tt.held - time.Nanosecond)
					c.get(alerts).want(t, 403)
					time.Sleep(time.Nanosecond)
				}
				c.listen(t, alerts)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{MaxStreams: 1})
		c.listen(t, alerts)
		r.ResetStreams()
		c.listen(t, alerts) // nothing is held unless it is asked for
	})
}

func TestFaultsBeforeAStream(t *testing.T) {
	granted := nvrtest.Granted
	for _, tt := range []struct {
		name  string
		fault nvrtest.Fault
		want  int   // status
		err   error // instead
	}{
		{"reset", nvrtest.Fault{Reset: true}, 0, syscall.ECONNRESET},
		{"reset after the request", nvrtest.Fault{ResetAfterRequest: true}, 0, syscall.ECONNRESET},
		{"no answer", nvrtest.Fault{NoAnswer: true}, 0, context.DeadlineExceeded},
		{"half open", nvrtest.Fault{HalfOpen: true}, 0, context.DeadlineExceeded},
		{"a status", nvrtest.Fault{Status: 503, Answers: granted}, 503, nil},
		{"a refusal under 200", nvrtest.Fault{Status: 200, SubStatus: "notSupport"}, 200, nil},
		{"another body", nvrtest.Fault{Body: []byte("<html/>"), ContentType: "text/html"}, 200, nil},
		{"a login page", nvrtest.Fault{LoginPage: true}, 200, nil},
		{"a delay", nvrtest.Fault{Delay: 5 * time.Second}, 200, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{})
				ch := c.challenge(info)
				c.http.CloseIdleConnections() // a reused connection would be tried again
				tt.fault.Path, tt.fault.Times = "Event/notification/alertStream", 1
				r.Fail(tt.fault)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				req, _ := http.NewRequestWithContext(ctx, "GET", c.base+alerts, nil)
				req.Header.Set("Authorization", c.digest(ch, alerts, 1).header())
				begin := time.Now()
				resp, err := c.http.Do(req)
				if !errors.Is(err, tt.err) {
					t.Fatalf("got %v", err)
				}
				if err != nil {
					if r.StreamsOpened() != 0 {
						t.Error("a stream was opened")
					}
					return
				}
				defer resp.Body.Close()
				if resp.StatusCode != tt.want || time.Since(begin) != tt.fault.Delay {
					t.Errorf("%s after %v", resp.Status, time.Since(begin))
				}
				if streams := r.StreamsOpened(); (streams == 1) != (tt.fault.Delay > 0) {
					t.Errorf("%d streams were opened", streams)
				}
			})
		})
	}
}

// A stream's connection is one like others: it is counted, and Close ends it with
// all that belongs to it, whatever it is doing.
func TestStreamsLeaveNothingBehind(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*nvrtest.Recorder)
	}{
		{"nothing", func(*nvrtest.Recorder) {}},
		{"stalled", func(r *nvrtest.Recorder) { r.StallStreams(true); r.Alert(motion) }},
		{"frozen", (*nvrtest.Recorder).FreezeStreams},
		{"unplugged", (*nvrtest.Recorder).Unplug},
		{"a full queue", func(r *nvrtest.Recorder) { go overfill(r) }},
		{"between two pieces", func(r *nvrtest.Recorder) { r.Alert(motion) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Stream: nvrtest.StreamShape{Pieces: 100, Pause: time.Minute}})
				c.open(t, alerts)
				if n := r.Connections(); n != 1 {
					t.Errorf("%d connections", n)
				}
				tt.do(r)
				synctest.Wait()
				began := time.Now()
				r.Close()
				if took := time.Since(began); took != 0 {
					t.Errorf("Close took %v", took)
				}
				if n := r.Streams(); n != 0 {
					t.Errorf("%d streams", n)
				}
				r.Alert(motion)
				r.ResetStreams()
			}) // the bubble ends only if no goroutine is left
		})
	}
}

func TestStreamThroughTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		c.base = "https://192.0.2.64"
		roots := x509.NewCertPool()
		roots.AddCert(r.Certificate())
		c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
		for _, end := range []struct {
			do   func()
			want error
		}{{r.ResetStreams, syscall.ECONNRESET}, {r.EndStreams, io.EOF}, {r.FreezeStreams, nil}} {
			l := c.listen(t, alerts)
			r.Alert(motion)
			same(t, "alerts", kinds(l.take()), []string{"VMD active 3"})
			end.do()
			r.Alert(motion)
			if err := l.failed(); !errors.Is(err, end.want) {
				t.Errorf("the client sees %v, want %v", err, end.want)
			}
			same(t, "afterwards", kinds(l.take()), nil)
		}
	})
}

// On a listener of its own, which tests with processes have, all is the same.
func TestStreamOnAPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRecorder(t, nvrtest.Config{})
		port := memoryPort{make(chan net.Conn), make(chan struct{})}
		go r.Serve(port)
		c := newClient(t, port.dial)
		l := c.listen(t, alerts)
		r.Alert(motion)
		same(t, "alerts", kinds(l.take()), []string{"VMD active 3"})
		r.ResetStreams()
		if l.failed() == nil {
			t.Error("the client doesn't see a reset")
		}
		l = c.listen(t, alerts)
		r.FreezeStreams()
		r.Alert(motion)
		time.Sleep(time.Hour)
		if l.take() != "" || l.failed() != nil {
			t.Errorf("a frozen stream ends with %v", l.failed())
		}
		l = c.listen(t, alerts)
		r.Unplug()
		time.Sleep(time.Hour)
		if l.take() != "" || l.failed() != nil {
			t.Errorf("an unplugged stream ends with %v", l.failed())
		}
		r.Plug()
		if l.failed() == nil {
			t.Error("the connection from before is still open")
		}
		l = c.listen(t, alerts)
		r.EndStreams()
		if err := l.failed(); err != io.EOF {
			t.Errorf("the client sees %v", err)
		}
	})
}

// A replay answers the stream, too, though it wasn't recorded.
func TestStreamOfAReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, no := range []bool{false, true} {
			r, err := nvrtest.Replay(strings.NewReader(recording), nvrtest.Config{NoStream: no})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			c := newClient(t, r.Dial)
			if no {
				c.get(alerts).want(t, 403).says(t, "notSupport")
				continue
			}
			l := c.listen(t, alerts)
			r.Alert(motion)
			if got := l.take(); within(got, "<macAddress") != "02:00:00:00:00:01" || !strings.Contains(got, "<channelName/>") {
				t.Errorf("got %s", got)
			}
		}
	})
}

func TestReadingWithADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Heartbeat: -1})
		l := c.raw(t, r)
		conn := l.from.(net.Conn)
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		time.Sleep(30 * time.Second)
		if err := l.failed(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
