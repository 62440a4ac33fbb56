package nvr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

const (
	streamPath    = "/ISAPI/Event/notification/alertStream"
	oldStreamPath = "/Event/notification/alertStream"
)

// heard is an alert and when it was handed out.
type heard struct {
	nvr.Alert
	at time.Time
}

// ear reads a stream in the background.
type ear struct {
	stream *nvr.Stream
	done   chan struct{}

	mu    sync.Mutex
	all   []heard
	err   error
	ended time.Time
}

func listen(t *testing.T, c *nvr.Client) *ear {
	t.Helper()
	s, err := c.Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return follow(t, s)
}

func follow(t *testing.T, s *nvr.Stream) *ear {
	e := &ear{stream: s, done: make(chan struct{})}
	go e.read()
	t.Cleanup(e.close)
	return e
}

func (e *ear) read() {
	defer close(e.done)
	for {
		a, err := e.stream.Next()
		e.mu.Lock()
		if err != nil {
			e.err, e.ended = err, time.Now()
			e.mu.Unlock()
			return
		}
		e.all = append(e.all, heard{a, time.Now()})
		e.mu.Unlock()
	}
}

func (e *ear) close() {
	e.stream.Close()
	<-e.done
}

// take gives what came since the last call, once everything rests.
func (e *ear) take() []heard {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

// news are the alerts that are no signs of life.
func (e *ear) news() []heard {
	return slices.DeleteFunc(e.take(), func(h heard) bool { return h.Heartbeat })
}

// end waits for the stream's end.
func (e *ear) end() (at time.Time, err error) {
	<-e.done
	return e.ended, e.err
}

// stillOpen says that the stream hasn't ended.
func (e *ear) stillOpen() bool {
	synctest.Wait()
	select {
	case <-e.done:
		return false
	default:
		return true
	}
}

// pieceDialer lets a connection be read in pieces of at most so many bytes.
type pieceDialer struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	most int
}

type pieceConn struct {
	net.Conn
	most int
}

func (d pieceDialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return pieceConn{c, d.most}, nil
}

func (c pieceConn) Read(b []byte) (int, error) { return c.Conn.Read(b[:min(len(b), c.most)]) }

// step is one post of a mix and what must be handed out at once: "VMD 1", with a
// "+" for its picture.
type step struct {
	post nvrtest.Alert
	want []string
}

// mix has all that can stand on a stream. Without multipart there are no pictures;
// what was cut then ends where a document of the same kind begins.
func mix(shape nvrtest.StreamShape) []step {
	whole := shape.Bare || shape.Missing
	whole = whole && !shape.Closing
	json := func(document string) nvrtest.Alert {
		return nvrtest.Alert{Document: []byte(document), ContentType: `application/json; charset="UTF-8"`}
	}
	long := declaration + "\r\n" + notice("never", 99)
	cut := func(n int) nvrtest.Alert { return nvrtest.Alert{Document: []byte(long[:n])} }
	steps := []step{
		{nvrtest.Alert{Type: "VMD", Channel: 1}, []string{"VMD 1"}},
		{nvrtest.Alert{Type: "fielddetection", Channel: 2, Target: "human", Picture: shot(2)}, []string{"fielddetection 2", "fielddetection 2+"}},
		{json("{\r\n\"EventNotificationAlert\": {\r\n\"eventType\": \"a{\\\"}\", \"channelID\": \"3\"\r\n}\r\n}"), []string{"a{\"} 3"}},
		{json(`{"eventType":"faceCapture","channelID":4,"x":[{"y":"</EventNotificationAlert>"}]}`), []string{"faceCapture 4"}},
		{nvrtest.Alert{Type: "duration", Relation: "linedetection", Channel: 5}, []string{"linedetection 5"}},
		{cut(20), nil},
		{nvrtest.Alert{Type: "VMD", Channel: 6}, []string{"VMD 6"}},
		{cut(60), nil},
		{nvrtest.Alert{Type: "VMD", Channel: 7, Picture: shot(7)}, []string{"VMD 7", "VMD 7+"}},
		{cut(len(long) - 60), nil},
		{nvrtest.Alert{Type: "IO", Port: 8}, []string{"IO "}},
		{cut(len(long) - 2), nil},
		{nvrtest.Alert{Document: []byte(notice("IO", 9))}, []string{"IO 9"}},
		{json(`{"EventNotificationAlert":{"eventType":"nev`), nil},
		{nvrtest.Alert{Type: "VMD", Channel: 10}, []string{"VMD 10"}},
		{json(`{"EventNotificationAlert":{"eventType":"never"`), nil},
		{nvrtest.Alert{Type: "linedetection", Channel: 11, Picture: shot(11)}, []string{"linedetection 11", "linedetection 11+"}},
		{nvrtest.Alert{Document: shot(12), ContentType: "image/jpeg"}, []string{"linedetection 11+"}},
	}
	if !shape.Bare {
		// The picture of an alert that was cut is nobody's.
		for i, n := range []int{20, 60, len(long) - 60, len(long) - 2} {
			steps = append(steps, step{nvrtest.Alert{Type: "VMD", Channel: 1}, []string{"VMD 1"}},
				step{cut(n), nil}, step{nvrtest.Alert{Document: shot(13 + i), ContentType: "image/jpeg"}, nil})
		}
	}
	if !whole {
		steps = append(steps, step{cut(len(long) - 70), nil}, step{json(`{"eventType":"a","channelID":14}`), []string{"a 14"}},
			step{json("{\"eventType\":\"never\",\n"), nil}, step{json(`{"eventType":"b","channelID":15}`), []string{"b 15"}})
	}
	return append(steps, step{nvrtest.Alert{Type: "VMD", Channel: 16}, []string{"VMD 16"}})
}

var shapes = []struct {
	name  string
	shape nvrtest.StreamShape
}{
	{"as usual", nvrtest.StreamShape{}},
	{"delimiter at once", nvrtest.StreamShape{AtOnce: true}},
	{"doubled delimiters", nvrtest.StreamShape{Doubled: true}},
	{"doubled delimiters at once", nvrtest.StreamShape{Doubled: true, AtOnce: true}},
	{"missing delimiters", nvrtest.StreamShape{Missing: true}},
	{"closing delimiters", nvrtest.StreamShape{Closing: true}},
	{"closing delimiters and the next at once", nvrtest.StreamShape{Closing: true, AtOnce: true}},
	{"another boundary than announced", nvrtest.StreamShape{Boundary: "hikboundary", Used: "boundary"}},
	{"another boundary, quoted", nvrtest.StreamShape{Boundary: "MIME_boundary", Quoted: true}},
	{"a boundary with its dashes", nvrtest.StreamShape{Boundary: "--boundary", Used: "boundary"}},
	{"chunked", nvrtest.StreamShape{Chunked: true}},
	{"chunked, cut anywhere", nvrtest.StreamShape{Chunked: true, Pieces: 7}},
	{"HTTP/1.0", nvrtest.StreamShape{HTTP10: true}},
	{"bare documents", nvrtest.StreamShape{Bare: true}},
	{"bare documents without declarations", nvrtest.StreamShape{Bare: true, NoDeclaration: true}},
	{"bare documents with text behind", nvrtest.StreamShape{Bare: true, Glued: "HTTP/1.1 200 OK\r\n\r\n"}},
	{"no length", nvrtest.StreamShape{NoLength: true}},
	{"no length, delimiter at once", nvrtest.StreamShape{NoLength: true, AtOnce: true}},
	{"lengths that are short by 10", nvrtest.StreamShape{LengthOff: -10}},
	{"lengths that are short by 1000", nvrtest.StreamShape{LengthOff: -1000}},
	{"lengths that are long by 10", nvrtest.StreamShape{LengthOff: 10}},
	{"lengths that are long by 100000", nvrtest.StreamShape{LengthOff: 100_000}},
	{"CRLF", nvrtest.StreamShape{CRLF: true}},
	{"no declarations", nvrtest.StreamShape{NoDeclaration: true}},
	{"no declarations and missing delimiters", nvrtest.StreamShape{NoDeclaration: true, Missing: true}},
	{"text behind each part", nvrtest.StreamShape{Glued: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
	{"text behind each part, no newline", nvrtest.StreamShape{Glued: "HTTP/1.1 200 OK"}},
}

// Each alert and picture is handed out in the instant in which it was sent,
// before anything follows; nothing is lost, doubled or mixed up.
func TestEachWayToWriteTheStreamIsReadAtOnce(t *testing.T) {
	for _, tt := range shapes {
		for _, most := range []int{1 << 20, 300, 1} {
			t.Run(fmt.Sprintf("%s, %d bytes at a time", tt.name, most), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { readAtOnce(t, tt.shape, most) })
			})
		}
	}
}

func readAtOnce(t *testing.T, shape nvrtest.StreamShape, most int) {
	r := recorder(t, nvrtest.Config{Channels: 16, Heartbeat: -1, Stream: shape})
	c, err := nvr.New(nvr.Config{URL: "http://192.0.2.10", Username: "owner", Password: password, StateDir: t.TempDir(), Dial: pieceDialer{r.Dial, most}.Dial})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := listen(t, c)
	for i, s := range mix(shape) {
		sent := time.Now()
		r.Alert(s.post)
		time.Sleep(7 * time.Second)
		want := s.want
		if shape.Bare {
			want = slices.DeleteFunc(slices.Clone(want), func(w string) bool { return strings.HasSuffix(w, "+") })
		}
		var got []string
		for _, h := range e.take() {
			name := h.Word + " " + h.Channel
			if h.Picture != nil {
				name += "+"
				if p := pictureOf(s.post); !bytes.Equal(h.Picture, p) {
					t.Errorf("step %d: the picture has %d bytes, not %d", i, len(h.Picture), len(p))
				}
			}
			got = append(got, name)
			if !h.at.Equal(sent) {
				t.Errorf("step %d: %s came %v late", i, name, h.at.Sub(sent))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("step %d: got %q, want %q", i, got, want)
		}
	}
	if !e.stillOpen() {
		t.Error(e.end())
	}
}

func pictureOf(a nvrtest.Alert) []byte {
	if a.Picture != nil {
		return a.Picture
	}
	return a.Document
}

// Pieces that come one by one: an alert is there with its last byte, not with the
// last of the part.
func TestAnAlertIsThereWithItsLastByte(t *testing.T) {
	for _, pieces := range []int{1, 300} {
		for _, tt := range []nvrtest.StreamShape{{}, {AtOnce: true}, {Glued: "HTTP/1.1 200 OK\r\n\r\n", Closing: true}, {Bare: true}, {NoLength: true}} {
			synctest.Test(t, func(t *testing.T) {
				tt.Pieces, tt.Pause = pieces, 10*time.Millisecond
				r := recorder(t, nvrtest.Config{Heartbeat: -1, Stream: tt})
				last := &lastByte{dial: r.Dial, mark: []byte("</EventNotificationAlert>")}
				c, err := nvr.New(nvr.Config{URL: "http://192.0.2.10", Username: "owner", Password: password, StateDir: t.TempDir(), Dial: last.Dial})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				e := listen(t, c)
				time.Sleep(10 * time.Second)
				for range 5 {
					r.Alert(nvrtest.Alert{Type: "linedetection", Channel: 3, Picture: scene})
					time.Sleep(time.Minute)
				}
				at := last.times()
				got := slices.DeleteFunc(e.take(), func(h heard) bool { return h.Picture != nil })
				if len(got) != 5 || len(at) != 5 {
					t.Fatalf("%d alerts, %d sent", len(got), len(at))
				}
				for i, h := range got {
					if !h.at.Equal(at[i]) {
						t.Errorf("%+v: alert %d came %v late", tt, i, h.at.Sub(at[i]))
					}
				}
			})
		}
	}
}

// lastByte notes when the last byte of each mark is read from a connection.
type lastByte struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	mark []byte

	mu   sync.Mutex
	tail []byte
	at   []time.Time
}

type notedConn struct {
	net.Conn
	l *lastByte
}

func (l *lastByte) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := l.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return notedConn{c, l}, nil
}

func (l *lastByte) times() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at
}

func (c notedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.l.tail = append(c.l.tail, b[:n]...)
	for {
		i := bytes.Index(c.l.tail, c.l.mark)
		if i < 0 {
			return n, err
		}
		c.l.at = append(c.l.at, time.Now())
		c.l.tail = c.l.tail[i+len(c.l.mark):]
	}
}

func TestAStreamThatGoesSilentEndsInTime(t *testing.T) {
	second := time.Second
	tests := []struct {
		name     string
		config   nvrtest.Config
		before   time.Duration // the stream is open
		again    bool          // by an earlier client
		harm     func(*nvrtest.Recorder)
		min, max time.Duration
	}{
		{"half-open, heartbeats were learned", nvrtest.Config{}, time.Minute, false, (*nvrtest.Recorder).FreezeStreams, 20 * second, 31 * second},
		{"stalled, heartbeats were learned", nvrtest.Config{}, time.Minute, false, func(r *nvrtest.Recorder) { r.StallStreams(true) }, 20 * second, 31 * second},
		{"half-open, heartbeats were learned by an earlier client", nvrtest.Config{}, second, true, (*nvrtest.Recorder).FreezeStreams, 20 * second, 31 * second},
		{"half-open, heartbeats aren't learned yet", nvrtest.Config{}, 15 * second, false, (*nvrtest.Recorder).FreezeStreams, 4 * time.Minute, 5*time.Minute + second},
		{"half-open, no heartbeats", nvrtest.Config{Heartbeat: -1}, time.Minute, false, (*nvrtest.Recorder).FreezeStreams, 4 * time.Minute, 5*time.Minute + second},
		{"heartbeats each 300 ms", nvrtest.Config{Heartbeat: 300 * time.Millisecond}, 25 * second, false, (*nvrtest.Recorder).FreezeStreams, 29 * second, 31 * second},
		{"the whole recorder is silent, no heartbeats", nvrtest.Config{Heartbeat: -1}, second, false, (*nvrtest.Recorder).Unplug, 29 * second, 36 * second},
		{"the port is closed, no heartbeats", nvrtest.Config{Heartbeat: -1}, second, false, func(r *nvrtest.Recorder) { r.FreezeStreams(); r.PortClosed(true) }, 29 * second, 36 * second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, tt.config)
				dir := t.TempDir()
				if tt.again {
					c := open(t, r, dir, password)
					e := listen(t, c)
					time.Sleep(time.Minute)
					e.close()
					c.Close()
				}
				c := open(t, r, dir, password)
				defer c.Close()
				e := listen(t, c)
				time.Sleep(tt.before)
				synctest.Wait()
				requests := len(r.Requests())
				last := e.stream.LastByte()
				tt.harm(r)
				ended, err := e.end()
				if !errors.Is(err, nvr.ErrStreamSilent) {
					t.Errorf("it ended with %v", err)
				}
				if took := ended.Sub(last); took < tt.min || took > tt.max {
					t.Errorf("it ended %v after the last byte", took)
				}
				for _, q := range r.Requests()[requests:] {
					if q.Credentials || q.Path != "/SDK/activateStatus" {
						t.Errorf("asked meanwhile: %+v", q)
					}
				}
			})
		})
	}
}

// A recorder that answers and then falls silent is found out 35 s after its last
// answer, whatever the stream did before.
func TestASilentRecorderIsFoundOutAlsoWhereItAnsweredLately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{Heartbeat: -1})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		e := listen(t, c)
		var answered time.Time
		for range 8 { // other answers keep a stream open that is silent
			time.Sleep(29 * time.Second)
			if _, err := c.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
			answered = time.Now()
		}
		if !e.stillOpen() {
			t.Fatal(e.end())
		}
		r.Unplug()
		ended, err := e.end()
		if took := ended.Sub(answered); !errors.Is(err, nvr.ErrStreamSilent) || took > 36*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		for _, q := range r.Requests() {
			if q.Path == "/SDK/activateStatus" && !q.At.After(answered) {
				t.Errorf("asked at %v though it answered", q.At)
			}
		}
	})
}

// A poll that hangs while the recorder is silent doesn't keep the stream open.
func TestASilentRecorderIsFoundOutWhileACallWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{Heartbeat: -1})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		e := listen(t, c)
		time.Sleep(time.Second)
		last := time.Now()
		r.Unplug()
		var polls sync.WaitGroup
		polls.Go(func() {
			for time.Since(last) < time.Minute {
				c.Status(t.Context())
				time.Sleep(time.Second)
			}
		})
		ended, err := e.end()
		if took := ended.Sub(last); !errors.Is(err, nvr.ErrStreamSilent) || took > 46*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		polls.Wait()
	})
}

func TestAnyByteIsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{Model: nvrtest.OldNVR})
		dir := t.TempDir()
		c := open(t, r, dir, password)
		defer c.Close()
		e := listen(t, c)
		time.Sleep(time.Minute) // heartbeats are learned
		for range 600 {         // a dead channel: no heartbeat comes any more
			r.Alert(nvrtest.Alert{Type: "videoloss", Channel: 9})
			time.Sleep(time.Second)
		}
		if got := e.news(); len(got) != 600 || got[0].Type != nvr.VideoLoss || !e.stillOpen() {
			t.Fatalf("%d alerts; open: %v", len(got), e.stillOpen())
		}
		for range 40 { // half a message each 20 s
			r.Alert(nvrtest.Alert{Document: []byte("x")})
			time.Sleep(20 * time.Second)
		}
		if !e.stillOpen() {
			t.Fatal(e.end())
		}
		if d := time.Since(e.stream.LastByte()); d > 10*time.Second {
			t.Errorf("last byte %v ago", d)
		}
	})
}

// Video that comes back on several channels looks like heartbeats.
func TestVideoThatIsBackTeachesNoHeartbeats(t *testing.T) {
	back := func(channel int) nvrtest.Alert {
		return nvrtest.Alert{Type: "videoloss", Channel: channel, Inactive: true}
	}
	tests := []struct {
		name string
		post func(r *nvrtest.Recorder)
	}{
		{"of several channels at once", func(r *nvrtest.Recorder) { r.Alert(back(1)); r.Alert(back(2)); r.Alert(back(3)) }},
		{"of one channel at once", func(r *nvrtest.Recorder) { r.Alert(back(1)); r.Alert(back(1)); r.Alert(back(1)) }},
		{"of several channels one after the other", func(r *nvrtest.Recorder) {
			for n := range 4 {
				r.Alert(back(n + 1))
				time.Sleep(10 * time.Second)
			}
		}},
		{"of a channel that comes and goes", func(r *nvrtest.Recorder) {
			for range 4 {
				r.Alert(nvrtest.Alert{Type: "videoloss", Channel: 1})
				time.Sleep(5 * time.Second)
				r.Alert(back(1))
				time.Sleep(5 * time.Second)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, nvrtest.Config{Heartbeat: -1})
				c := open(t, r, t.TempDir(), password)
				defer c.Close()
				e := listen(t, c)
				tt.post(r)
				time.Sleep(4 * time.Minute)
				if !e.stillOpen() {
					t.Fatal(e.end())
				}
			})
		})
	}
}

func TestAFirmwareChangeForgetsTheHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		dir := t.TempDir()
		c := open(t, r, dir, password)
		c.Info(t.Context())
		e := listen(t, c)
		time.Sleep(time.Minute)
		e.close()
		c.Close()
		r.SetFirmware("V4.70.000")
		c = open(t, r, dir, password)
		defer c.Close()
		c.Info(t.Context())
		e = listen(t, c)
		r.FreezeStreams()
		time.Sleep(4 * time.Minute)
		if !e.stillOpen() {
			t.Fatal(e.end())
		}
	})
}

func TestWhyAStreamEnded(t *testing.T) {
	tests := []struct {
		name string
		end  func(*nvrtest.Recorder)
		want func(error) bool
	}{
		{"the recorder closes it", (*nvrtest.Recorder).EndStreams, func(err error) bool { return errors.Is(err, nvr.ErrStreamEnded) }},
		{"a reset", (*nvrtest.Recorder).ResetStreams, func(err error) bool { return strings.Contains(err.Error(), "reset") }},
		{"a restart", func(r *nvrtest.Recorder) { r.Reboot(time.Minute) }, func(err error) bool { return strings.Contains(err.Error(), "reset") }},
		{"a refusal", func(r *nvrtest.Recorder) {
			r.Alert(nvrtest.Alert{Document: []byte("<ResponseStatus><statusCode>4</statusCode><subStatusCode>deployExceedMax</subStatusCode></ResponseStatus>")})
		}, func(err error) bool { return errors.Is(err, nvr.ErrBusy) }},
		{"a refusal in JSON", func(r *nvrtest.Recorder) {
			r.Alert(nvrtest.Alert{Document: []byte(`{"statusCode":4,"subStatusCode":"notSupport"}`), ContentType: "application/json"})
		}, func(err error) bool { return errors.Is(err, nvr.ErrBusy) }},
		{"a message without an end", func(r *nvrtest.Recorder) {
			r.Alert(nvrtest.Alert{Document: []byte("<a>" + strings.Repeat("<b>c</b>\n", 1<<18))})
		}, func(err error) bool { return errors.Is(err, nvr.ErrDocument) }},
	}
	for _, tt := range tests {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %v", tt.name, chunked), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := recorder(t, nvrtest.Config{Stream: nvrtest.StreamShape{Chunked: chunked}})
					c := open(t, r, t.TempDir(), password)
					defer c.Close()
					e := listen(t, c)
					r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
					synctest.Wait()
					began := time.Now()
					tt.end(r)
					ended, err := e.end()
					if !tt.want(err) || !ended.Equal(began) {
						t.Errorf("%v after %v", err, ended.Sub(began))
					}
					if got := e.take(); len(got) != 1 {
						t.Errorf("before that came %+v", got)
					}
				})
			})
		}
	}
}

func TestCloseAndCancelEndAllOfAStream(t *testing.T) {
	for _, freeze := range []bool{false, true} {
		for name, end := range map[string]func(*ear, context.CancelCauseFunc){
			"close":           func(e *ear, _ context.CancelCauseFunc) { e.stream.Close() },
			"cancel":          func(_ *ear, cancel context.CancelCauseFunc) { cancel(nil) },
			"cancel by cause": func(_ *ear, cancel context.CancelCauseFunc) { cancel(errors.New("enough")) },
		} {
			for _, known := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, half-open %v, nonce known %v", name, freeze, known), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := recorder(t, nvrtest.Config{})
						c := open(t, r, t.TempDir(), password)
						if known {
							c.Info(t.Context())
						}
						ctx, cancel := context.WithCancelCause(t.Context())
						s, err := c.Stream(ctx)
						if err != nil {
							t.Fatal(err)
						}
						e := follow(t, s)
						time.Sleep(time.Minute)
						if freeze {
							r.FreezeStreams()
						}
						began := time.Now()
						end(e, cancel)
						ended, err := e.end()
						want := map[string]error{"close": nvr.ErrStreamEnded, "cancel": context.Canceled}[name]
						if !ended.Equal(began) || want != nil && !errors.Is(err, want) || want == nil && err.Error() != "enough" {
							t.Errorf("%v after %v", err, ended.Sub(began))
						}
						e.stream.Close()
						e.stream.Close()
						synctest.Wait()
						if n := r.Streams(); n != 0 {
							t.Errorf("%d streams", n)
						}
						cancel(nil)
						c.Close()
					})
				})
			}
		}
	}
}

// A stream holds no other request up, also where nonces run out, and a call holds
// the stream up only until it is answered.
func TestAStreamAndOtherCallsGoOnTogether(t *testing.T) {
	for _, config := range []nvrtest.Config{{}, {NonceUses: 2}, {NonceLife: 90 * time.Second, TellStale: true}, {NonceUses: 1, StaleWithoutChallenge: true}, {NonceBoundToPath: true}, {Algorithm: "SHA-256"}} {
		synctest.Test(t, func(t *testing.T) {
			r := recorder(t, config)
			c := open(t, r, t.TempDir(), password)
			defer c.Close()
			e := listen(t, c)
			for n := range 100 {
				r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1 + n%4})
				began := time.Now()
				if _, err := c.Info(t.Context()); err != nil || time.Since(began) > 0 {
					t.Fatalf("%v after %v", err, time.Since(began))
				}
				time.Sleep(10 * time.Second)
			}
			if got := e.news(); len(got) != 100 || !e.stillOpen() {
				t.Errorf("%d alerts", len(got))
			}
			if r.MostStreams() != 1 || r.StreamsOpened() != 1 || r.MaxConcurrent() > 1 {
				t.Errorf("%d streams at once, %d opened, %d requests at once", r.MostStreams(), r.StreamsOpened(), r.MaxConcurrent())
			}
		})
	}
}

func TestAStreamIsOpenedWithOneMoreRequestAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		for n := range 5 {
			before := len(r.Requests())
			e := listen(t, c)
			if got := len(r.Requests()) - before; n == 0 && got > 2 || n > 0 && got != 1 {
				t.Errorf("stream %d took %d requests", n, got)
			}
			time.Sleep(30 * time.Second) // a nonce of before a longer pause isn't used
			e.close()
			synctest.Wait()
		}
		if r.MostStreams() != 1 || r.Rejected() != 0 {
			t.Errorf("%d at once, %d rejected", r.MostStreams(), r.Rejected())
		}
	})
}

func TestRefusalsOfTheStream(t *testing.T) {
	full := func(status int, sub string) nvrtest.Config {
		return nvrtest.Config{MaxStreams: 1, StreamRefusal: nvrtest.Refusal{Status: status, SubStatus: sub}}
	}
	tests := []struct {
		name   string
		config nvrtest.Config
		fault  nvrtest.Fault
		want   error
	}{
		{"full: 403", full(403, ""), nvrtest.Fault{}, nvr.ErrBusy},
		{"full: 404", full(404, "notSupport"), nvrtest.Fault{}, nvr.ErrBusy},
		{"full: 503", full(503, "deviceBusy"), nvrtest.Fault{}, nvr.ErrBusy},
		{"full: 403 invalidOperation", full(403, "invalidOperation"), nvrtest.Fault{}, nvr.ErrBusy},
		{"403 without a word", nvrtest.Config{}, nvrtest.Fault{Status: 403, Body: []byte(" ")}, nvr.ErrBusy},
		{"404 with a page", nvrtest.Config{}, nvrtest.Fault{Status: 404, Body: []byte("<html></html>"), ContentType: "text/html"}, nvr.ErrBusy},
		{"no right", nvrtest.Config{}, nvrtest.Fault{Status: 403, SubStatus: "lowPrivilege"}, nvr.ErrForbidden},
		{"no right, in JSON", nvrtest.Config{}, nvrtest.Fault{Status: 403, Body: []byte(`{"statusCode":4,"subStatusCode":"lowPrivilege"}`), ContentType: "application/json"}, nvr.ErrForbidden},
		{"a login page", nvrtest.Config{}, nvrtest.Fault{LoginPage: true}, nvr.ErrNotHikvision},
		{"a redirect", nvrtest.Config{}, nvrtest.Fault{Redirect: "https://192.0.2.99/canary"}, nvr.ErrNotHikvision},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, tt.config)
				dir := t.TempDir()
				c := open(t, r, dir, password)
				defer func() { c.Close() }()
				c.Info(t.Context())
				var first *ear
				if tt.config.MaxStreams > 0 {
					other := open(t, r, t.TempDir(), password)
					defer other.Close()
					first = listen(t, other)
				} else {
					tt.fault.Path = "Event/notification/alertStream"
					if !tt.fault.LoginPage && tt.fault.Redirect == "" {
						tt.fault.Answers = nvrtest.Granted
					}
					r.Fail(tt.fault)
				}
				for range 4 {
					if s, err := c.Stream(t.Context()); !errors.Is(err, tt.want) {
						t.Fatalf("%v, %v", s, err)
					}
					time.Sleep(time.Minute)
				}
				if first != nil {
					first.close()
				}
				r.ClearFaults()
				c.Close()
				c = open(t, r, dir, password)
				var err error
				for range 2 { // the other path may come first
					var s *nvr.Stream
					if s, err = c.Stream(t.Context()); err == nil {
						s.Close()
						break
					}
				}
				if err != nil {
					t.Fatalf("afterwards: %v", err)
				}
				if n := r.Rejected(); n != 0 {
					t.Errorf("%d rejected", n)
				}
			})
		})
	}
}

func TestOldFirmwareIsAskedAtItsOldPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{Model: nvrtest.OldCamera, OldStreamPath: true})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		if _, err := c.Stream(t.Context()); !errors.Is(err, nvr.ErrBusy) {
			t.Fatal(err)
		}
		e := listen(t, c)
		r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
		if got := e.take(); len(got) != 1 {
			t.Fatalf("%+v", got)
		}
		e.close()
		synctest.Wait()
		before := len(r.Requests())
		listen(t, c)
		if q := r.Requests()[before:]; len(q) != 1 || q[0].Path != oldStreamPath {
			t.Errorf("the next one: %+v", q)
		}
	})
}

// A refusal whose body never ends, and an answer that never comes, hold nothing
// up for longer than a call may.
func TestAHalfDeadAnswerToTheStreamHoldsNothingUp(t *testing.T) {
	for name, fault := range map[string]nvrtest.Fault{
		"no answer":                    {NoAnswer: true, Answers: nvrtest.Granted},
		"no challenge":                 {NoAnswer: true, Answers: nvrtest.Challenges},
		"a refusal that never ends":    {Status: 403, Body: bytes.Repeat([]byte("x"), 200), Trickle: time.Hour, Answers: nvrtest.Granted},
		"a 404 that never ends":        {Status: 404, Body: bytes.Repeat([]byte("x"), 200), Trickle: time.Hour, Answers: nvrtest.Granted},
		"a 500 that never ends":        {Status: 500, Body: bytes.Repeat([]byte("x"), 200), Trickle: time.Hour, Answers: nvrtest.Granted},
		"a login page that never ends": {Status: 200, Body: []byte("<html>"), ContentType: "text/html", Trickle: time.Hour, Answers: nvrtest.Granted},
		"a header that never ends":     {EndlessHeader: true, Answers: nvrtest.Granted},
	} {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, nonce known %v", name, known), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := recorder(t, nvrtest.Config{})
					c := open(t, r, t.TempDir(), password)
					defer c.Close()
					if known {
						c.Info(t.Context())
					}
					fault.Path, fault.Times = "Event/notification/alertStream", 1
					r.Fail(fault)
					began := time.Now()
					s, err := c.Stream(t.Context())
					if took := time.Since(began); took > 41*time.Second {
						t.Errorf("it took %v", took)
					}
					if err == nil {
						s.Close() // it was asked once more
					}
					r.ClearFaults()
					if _, err := c.Info(t.Context()); err != nil {
						t.Errorf("afterwards: %v", err)
					}
				})
			})
		}
	}
}

// An answer to the sign-in that comes after 12 s isn't lost, as a lost one counts.
func TestASlowSignInForTheStreamCountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		r.Fail(nvrtest.Fault{Delay: 12 * time.Second, Answers: nvrtest.Granted})
		for range 3 {
			if _, err := c.Stream(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		}
		r.ClearFaults()
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// An account without the right gets 401 from some firmware, for the stream alone.
// It is asked twice and then not any more, and other calls go on.
func TestAStreamThatIsRejectedIsGivenUp(t *testing.T) {
	for _, lock := range []nvrtest.LockMode{nvrtest.LockReal, nvrtest.LockEvery} {
		synctest.Test(t, func(t *testing.T) {
			r := recorder(t, nvrtest.Config{Lock: lock})
			r.SetRights(nvrtest.Rights{Lacks: []string{"alarmOutOrUpload"}, As401: true})
			dir := t.TempDir()
			c := open(t, r, dir, password)
			defer func() { c.Close() }()
			c.Info(t.Context())
			var err error
			blind := 0
			for n := range 240 { // four hours
				if _, err = c.Stream(t.Context()); err == nil {
					t.Fatal("a stream")
				}
				if _, err := c.Info(t.Context()); err != nil {
					blind++
				}
				time.Sleep(time.Minute)
				if n%50 == 49 {
					c.Close()
					c = open(t, r, dir, password)
				}
			}
			if !errors.Is(err, nvr.ErrForbidden) || blind > 2 {
				t.Errorf("it ends with %v, and %d minutes without answers", err, blind)
			}
			if n := r.MaxRejectedIn(window); n > 2 {
				t.Errorf("%d rejected in %v", n, window)
			}
			r.ResetCounters()
			for range 60 {
				c.Stream(t.Context())
				if _, err := c.Info(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
			}
			if r.Rejected() != 0 {
				t.Errorf("%d rejected later", r.Rejected())
			}
			r.SetRights(nvrtest.Rights{})
			c.RetrySignIn()
			listen(t, c)
		})
	}
}

func TestAWrongPasswordForTheStreamKeepsTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), "canary-wrong")
		defer c.Close()
		for range 200 {
			if _, err := c.Stream(t.Context()); err == nil || strings.Contains(err.Error(), "canary") {
				t.Fatalf("got %v", err)
			}
			time.Sleep(time.Second)
		}
		if n := r.Rejected(); n > 2 {
			t.Errorf("%d rejected", n)
		}
	})
}

// The stream's trouble over a day, with restarts of the recorder, frozen and cut
// connections, a full device and nonces that run out.
func TestADayOfTroubleCountsNoLogins(t *testing.T) {
	for seed := range 4 {
		synctest.Test(t, func(t *testing.T) {
			r := recorder(t, nvrtest.Config{NonceUses: []int{0, 1, 3, 0}[seed], MaxStreams: 1, StreamSlotHeld: time.Minute, Lock: nvrtest.LockEvery})
			c := open(t, r, t.TempDir(), password)
			defer c.Close()
			harms := []func(){r.ResetStreams, r.FreezeStreams, r.EndStreams, func() { r.Reboot(time.Minute) }, func() { r.Unplug(); time.Sleep(time.Minute); r.Plug() }}
			for n := range 50 {
				s, err := c.Stream(t.Context())
				if err != nil {
					time.Sleep(time.Minute)
					continue
				}
				e := follow(t, s)
				time.Sleep(10 * time.Minute)
				harms[(n+seed)%len(harms)]()
				e.end()
				e.close()
				time.Sleep(time.Second)
			}
			if n := r.MaxRejectedIn(window); n > 2 {
				t.Errorf("%d rejected", n)
			}
			if r.MostStreams() != 1 {
				t.Errorf("%d streams at once", r.MostStreams())
			}
		})
	}
}
