package nvrtest

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// alertStream is where the event stream is, below /ISAPI/.
	alertStream = "Event/notification/alertStream"
	// oldAlertStream is where it is with Config.OldStreamPath.
	oldAlertStream = "/" + alertStream
	// streamQueue is how many alerts wait for one stream's client; more than
	// tests send at once, and few enough to see a client that doesn't read.
	streamQueue = 4096
	// heartbeatEvery is the pause between heartbeats (cameras since V5.5.0; 290
	// of 348 gaps of a DS-2CD2185FWD-I are 10 s).
	heartbeatEvery = 10 * time.Second
	// activeFor is how long an alert that never says inactive goes on after its
	// last post: it is repeated every one or two seconds.
	activeFor = 2 * time.Second
)

// Refusal is how something is refused.
type Refusal struct {
	Status    int
	SubStatus string
}

// stream is one client's.
type stream struct {
	recorder    *Recorder
	conn        net.Conn   // what is written to
	wire        deviceConn // below it
	contentType string
	frames      framer
	queue       chan *message
	finish      chan struct{} // closed when it is to end after what is queued
	ended       chan struct{}
	once        sync.Once // of ended
	counts      map[string]int

	// the writer's own
	pending *message
	sent    time.Time // the last thing
	clean   bool      // ended by the device in order
}

// message is what is sent without anything in between.
type message struct{ parts []part }

// streamAnswer is the answer to a signed-in request for the stream.
func (r *Recorder) streamAnswer(q asked) answer {
	switch {
	case r.config.OldStreamPath && q.path != oldAlertStream:
		return r.refuse(q, http.StatusNotFound, "notSupport")
	case r.config.NoStream:
		return r.unsupported(q)
	case q.method != http.MethodGet:
		return r.refuse(q, http.StatusMethodNotAllowed, "methodNotAllowed")
	}
	return answer{status: http.StatusOK, stream: true, contentType: r.config.Stream.contentType()}
}

// stream turns the connection of a request into an event stream, or refuses as a
// full device does.
func (r *Recorder) stream(w http.ResponseWriter, req *http.Request, entry *Request, a answer) *stream {
	if !r.reserveStream() {
		refusal := r.config.StreamRefusal
		r.send(w, entry, r.refusal(refusal.Status, req.URL.Path, refusal.SubStatus))
		return nil
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		r.mu.Lock()
		r.streams.coming--
		r.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	return r.openStream(conn, entry, a.contentType)
}

// begin sends the head and what is queued.
func (s *stream) begin() {
	s.recorder.serving.Go(s.write)
	s.recorder.serving.Go(s.read)
}

func (r *Recorder) openStream(conn net.Conn, entry *Request, contentType string) *stream {
	s := &stream{
		recorder: r, conn: conn, contentType: contentType, frames: framer{shape: r.config.Stream}, counts: map[string]int{},
		queue: make(chan *message, streamQueue), finish: make(chan struct{}), ended: make(chan struct{}),
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	s.wire = conn.(deviceConn)
	r.mu.Lock()
	defer r.mu.Unlock()
	entry.Status = http.StatusOK
	r.streams.coming--
	r.streams.open = append(r.streams.open, s)
	r.log.streams++
	r.log.mostStreams = max(r.log.mostStreams, len(r.streams.open))
	return s
}

// read waits for the client's end; it has nothing to say.
func (s *stream) read() {
	b := make([]byte, 512)
	for {
		if _, err := s.conn.Read(b); err != nil {
			s.end()
			return
		}
	}
}

// end lets the writer stop, and whoever waits for room in the queue.
func (s *stream) end() { s.once.Do(func() { close(s.ended) }) }

// write sends the head and then messages and heartbeats until the end.
func (s *stream) write() {
	defer s.leave()
	if s.send(s.frames.head(s.contentType), false) != nil {
		return
	}
	for {
		m := s.next()
		if m == nil {
			return
		}
		for _, p := range m.parts {
			if s.send(s.frames.frame(p), s.frames.shape.Chunked) != nil {
				return
			}
		}
	}
}

// leave closes the connection and gives the slot back.
func (s *stream) leave() {
	s.end()
	if s.clean && s.frames.shape.Chunked {
		s.conn.Write(chunk(nil))
	}
	s.conn.Close()
	r := s.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams.open = slices.DeleteFunc(r.streams.open, func(o *stream) bool { return o == s })
}

// send writes a frame in its pieces.
func (s *stream) send(frame []byte, chunked bool) error {
	for i, piece := range s.frames.shape.pieces(frame) {
		if i > 0 && s.frames.shape.Pause > 0 {
			s.pause(s.frames.shape.Pause)
		}
		if chunked {
			piece = chunk(piece)
		}
		if _, err := s.conn.Write(piece); err != nil {
			return err
		}
	}
	s.sent = time.Now()
	return nil
}

func (s *stream) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ended:
	}
}

// outlook is what a stream's writer may do now.
type outlook struct {
	stalled bool
	beats   bool      // there will be a heartbeat
	due     time.Time // when, if nothing else happens
	changed <-chan struct{}
}

func (r *Recorder) outlook(sent time.Time) outlook {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := &r.streams
	if st.changed == nil {
		st.changed = make(chan struct{})
	}
	o := outlook{stalled: st.stalled, changed: st.changed}
	if st.stalled || st.playing > 0 || r.config.Heartbeat < 0 {
		return o
	}
	o.beats, o.due = true, sent
	for _, until := range st.active {
		if until.After(o.due) {
			o.due = until
		}
	}
	o.due = o.due.Add(r.config.Heartbeat)
	return o
}

// next waits for what is to be sent; nil is the end.
func (s *stream) next() *message {
	for {
		o := s.recorder.outlook(s.sent)
		if m := s.pending; m != nil && !o.stalled {
			s.pending = nil
			return m
		}
		queue := s.queue
		if o.stalled || s.pending != nil {
			queue = nil
		}
		if o.beats && len(s.queue) == 0 && !time.Now().Before(o.due) {
			return s.recorder.heartbeat()
		}
		due, stop := o.timer()
		select {
		case s.pending = <-queue:
		case <-due:
		case <-o.changed:
		case <-s.finish:
			stop()
			return s.last(o.stalled)
		case <-s.ended:
			stop()
			return nil
		}
		stop()
	}
}

// timer tells when the heartbeat is due; without one it never does.
func (o outlook) timer() (due <-chan time.Time, stop func() bool) {
	if !o.beats {
		return nil, func() bool { return true }
	}
	t := time.NewTimer(time.Until(o.due))
	return t.C, t.Stop
}

// last is what is still to be sent before an end in order.
func (s *stream) last(stalled bool) *message {
	if m := s.pending; m != nil && !stalled {
		s.pending = nil
		return m
	}
	if !stalled {
		select {
		case m := <-s.queue:
			return m
		default:
		}
	}
	s.clean = true
	return nil
}

// isapiPath gives a path as one below /ISAPI/, also the stream's old one where
// the device has it.
func (r *Recorder) isapiPath(path string) (rest string, found bool) {
	if path == oldAlertStream && r.config.OldStreamPath {
		return alertStream, true
	}
	return strings.CutPrefix(path, "/ISAPI/")
}
