package nvr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	pathStream = "Event/notification/alertStream"
	// pathOldStream is that of firmware V5.3.0 and V4.0.9.
	pathOldStream = "/Event/notification/alertStream"
	pathAlive     = "/SDK/activateStatus"

	// beatLimit is how long a recorder that sends heartbeats may be silent (SDK
	// guide, XML_EventNotificationAlert_HeartbeatInfo: one each 10 s, 30 s
	// without one is a time-out).
	beatLimit = 30 * time.Second
	// silenceLimit is the same for one that may not send any.
	silenceLimit = 5 * time.Minute
	// Heartbeats in a row, at most beatGap apart, for beatsLearned show that a
	// recorder sends them: three at the usual pace of 10 s.
	beatsLearned = 18 * time.Second
	beatGap      = 15 * time.Second
	// aliveTimeout bounds the question whether a silent recorder is there.
	aliveTimeout = 5 * time.Second
)

var (
	// ErrStreamEnded: the recorder closed the event stream.
	ErrStreamEnded = errors.New("the recorder closed the event stream")
	// ErrStreamSilent: the event stream showed no sign of life for too long.
	ErrStreamSilent = errors.New("no sign of life on the event stream")
)

// Stream is an open event stream. One goroutine reads it; Close may come from
// any. A device admits few streams, some only one: close it before the next.
type Stream struct {
	client *Client
	body   io.ReadCloser
	framer *framer
	opened time.Time

	last    atomic.Int64 // when the last byte came: nanoseconds since opened
	cancel  context.CancelCauseFunc
	ctx     context.Context
	watcher sync.WaitGroup

	waiting []Alert // the rest of one message
	before  Alert   // the last one, which a picture belongs to
	beats   beats
	cut     int // of framer, when it was looked at last
	skipped int
}

// Stream opens the event stream. It returns when the recorder has answered, and
// holds up other requests only until then. The stream ends with ctx. A refusal
// is ErrBusy where the device is full; 403, 404 and 503 can all mean that here,
// so no refusal is remembered.
func (c *Client) Stream(ctx context.Context) (*Stream, error) {
	q := request{method: http.MethodGet, path: c.streamPath(), stream: true}
	if err := c.heldBack(q); err != nil {
		return nil, named(q, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := c.openStream(ctx, cancel, q)
	if err == nil && ctx.Err() != nil { // the answer came late
		resp.Body.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		cancel(nil)
		return nil, named(q, err)
	}
	s := &Stream{client: c, body: resp.Body, ctx: ctx, cancel: cancel, opened: time.Now()}
	s.framer = newFramer(s, boundaryOf(resp))
	s.watcher.Go(s.watch)
	return s, nil
}

// openStream sends the request in its turn. Only the time until the answer
// begins is limited.
func (c *Client) openStream(ctx context.Context, cancel context.CancelCauseFunc, q request) (*http.Response, error) {
	limit := time.AfterFunc(callTimeout, func() { cancel(context.DeadlineExceeded) })
	defer limit.Stop()
	if !c.takeTurn(ctx, false) {
		return nil, context.Cause(ctx)
	}
	defer c.giveTurn()
	resp, err := c.exchange(ctx, q)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK && !isWebPage(resp) {
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		c.mu.Lock()
		c.oldStream = !c.oldStream // the other path next time
		c.mu.Unlock()
	}
	if resp.StatusCode == http.StatusOK {
		return nil, fmt.Errorf("%w: a web page came instead of the event stream", ErrNotHikvision)
	}
	body, err := readAll(resp.Body, maxChallenge)
	if err != nil {
		return nil, err
	}
	return nil, busyFirst(refusal(q.method, q.path, resp, body))
}

func isWebPage(resp *http.Response) bool {
	return strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "text/html")
}

func (c *Client) streamPath() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.oldStream {
		return pathOldStream
	}
	return pathStream
}

// busyFirst takes a refusal that says "not supported" for a full device, which
// answers so too (DS-2TD1217: 403 invalidOperation with 18 connections left
// over; others 404). A missing right stays one.
func busyFirst(err error) error {
	if errors.Is(err, ErrUnsupported) {
		return fmt.Errorf("%w, or too many clients read its events: %w", ErrBusy, err)
	}
	return err
}

// boundaryOf reads the multipart boundary, "" where there is none.
func boundaryOf(resp *http.Response) string {
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return params["boundary"]
}

// Read is the framer's: any byte counts as life.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if n > 0 {
		s.last.Store(int64(time.Since(s.opened)))
	}
	return n, err
}

// Next waits for the next alert. It is handed out the moment its last byte is
// read. The error says why the stream ended: ErrStreamEnded, ErrStreamSilent, a
// *StatusError, the context's, or the network's.
func (s *Stream) Next() (Alert, error) {
	for {
		if len(s.waiting) > 0 {
			a := s.waiting[0]
			s.waiting = s.waiting[1:]
			return s.judge(a), nil
		}
		p, err := s.framer.next()
		if err != nil {
			return Alert{}, s.reason(err)
		}
		if err := s.take(p); err != nil {
			return Alert{}, err
		}
	}
}

// take decodes a part. What can't be read is counted; a refusal ends the stream.
func (s *Stream) take(p part) error {
	var err error
	if s.framer.cut != s.cut { // a picture would be of what was cut
		s.cut, s.before = s.framer.cut, Alert{}
	}
	switch p.kind {
	case xmlPart:
		s.waiting, err = decodeAlert(p.body)
	case jsonPart:
		s.waiting, err = decodeJSONAlert(p.body)
	case picturePart:
		if isJPEG(p.body) && s.before.Type != "" {
			a := s.before
			a.Picture = p.body
			s.waiting = []Alert{a}
		}
		return nil
	}
	var refused *StatusError
	if errors.As(err, &refused) {
		return busyFirst(refused)
	}
	if err != nil {
		s.skipped++
		s.before = Alert{}
	}
	return nil
}

// judge notes what an alert tells of the device.
func (s *Stream) judge(a Alert) Alert {
	now := time.Now()
	if a.Picture != nil {
		return a
	}
	if device, ok := deviceTime(a.Time); ok && !a.Heartbeat { // whose clock may be another
		s.client.mu.Lock()
		a.Old = s.client.news.old(device, now, s.opened) || a.Old
		s.client.mu.Unlock()
	}
	if !a.Heartbeat {
		s.before, s.beats = a, beats{}
	} else if s.beats.learned(a.Channel, now) {
		s.client.budget.noteHeartbeats()
	}
	return a
}

// beats are heartbeats in a row. Those of a channel whose video is back look the
// same: several at once, or of several channels, are no row.
type beats struct {
	channel   string
	since, at time.Time
}

// learned takes one more, and says whether the row is long enough.
func (b *beats) learned(channel string, now time.Time) bool {
	if b.since.IsZero() || channel != b.channel || now.Sub(b.at) > beatGap {
		b.channel, b.since = channel, now
	}
	b.at = now
	return now.Sub(b.since) >= beatsLearned
}

// reason is why the stream ended.
func (s *Stream) reason(err error) error {
	if cause := context.Cause(s.ctx); cause != nil {
		return cause
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrStreamEnded
	}
	return fmt.Errorf("read the event stream: %w", err)
}

// Skipped counts messages that couldn't be read. It is the reader's to call.
func (s *Stream) Skipped() int { return s.skipped + s.framer.cut }

// LastByte is when the last byte came, or the stream was opened.
func (s *Stream) LastByte() time.Time { return s.opened.Add(time.Duration(s.last.Load())) }

// Close gives the connection back and returns when nothing of the stream runs
// any more.
func (s *Stream) Close() {
	s.cancel(ErrStreamEnded)
	s.body.Close()
	s.watcher.Wait()
}

// watch ends a stream without signs of life.
func (s *Stream) watch() {
	defer s.body.Close()
	timer := time.NewTimer(beatLimit)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-timer.C:
		}
		silence := time.Since(s.LastByte())
		quiet := min(silence, s.client.sinceAnswer())
		switch {
		case silence < beatLimit:
			timer.Reset(beatLimit - silence)
			continue
		case silence >= silenceLimit, s.client.budget.heartbeats():
			s.cancel(fmt.Errorf("%w for %v", ErrStreamSilent, silence.Round(time.Second)))
			return
		case quiet < beatLimit: // it answered something else
			timer.Reset(min(beatLimit-quiet, silenceLimit-silence))
			continue
		}
		if err := s.client.alive(s.ctx); err != nil && time.Since(s.LastByte()) >= beatLimit {
			s.cancel(fmt.Errorf("%w for %v, and the recorder doesn't answer: %w", ErrStreamSilent, silence.Round(time.Second), err))
			return
		}
		timer.Reset(max(0, min(beatLimit, silenceLimit-time.Since(s.LastByte()))))
	}
}

// sinceAnswer is how long ago the recorder answered something.
func (c *Client) sinceAnswer() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.answered)
}

// alive asks a silent recorder for a sign of life, without credentials, unless
// it answered something while this question waited for its turn.
func (c *Client) alive(ctx context.Context) error {
	if !c.takeTurn(ctx, false) {
		return nil
	}
	defer c.giveTurn()
	if c.sinceAnswer() < beatLimit {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	resp, err := c.send(ctx, request{method: http.MethodGet, path: pathAlive}, nil, true)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
