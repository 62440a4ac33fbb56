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
	// beatsLearned heartbeats, at most beatGap apart, show that a recorder sends
	// them.
	beatsLearned = 3
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
	beats   int     // heartbeats in a row
	beatAt  time.Time
	skipped int
}

// Stream opens the event stream. It returns when the recorder has answered, and
// holds up other requests only until then. The stream ends with ctx. A refusal
// is ErrBusy where the device is full; 403, 404 and 503 can all mean that here,
// so no refusal is remembered.
func (c *Client) Stream(ctx context.Context) (*Stream, error) {
	path := c.streamPath()
	if c.budget.isUnsupported(path) { // learned from rejections, see budget.accepted
		return nil, &StatusError{Method: http.MethodGet, Path: path, HTTP: http.StatusUnauthorized, Sub: "lowPrivilege", remembered: true}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := c.openStream(ctx, cancel, path)
	if err != nil {
		cancel(nil)
		return nil, named(request{method: http.MethodGet, path: path}, err)
	}
	s := &Stream{client: c, body: resp.Body, ctx: ctx, cancel: cancel, opened: time.Now()}
	s.framer = newFramer(s, boundaryOf(resp))
	s.watcher.Go(s.watch)
	return s, nil
}

// openStream sends the request in its turn. Only the time until the answer
// begins is limited.
func (c *Client) openStream(ctx context.Context, cancel context.CancelCauseFunc, path string) (*http.Response, error) {
	limit := time.AfterFunc(callTimeout, func() { cancel(context.DeadlineExceeded) })
	defer limit.Stop()
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	resp, err := c.exchange(ctx, request{method: http.MethodGet, path: path, stream: true})
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
	body, err := readAll(resp.Body, maxChallenge)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return nil, fmt.Errorf("%w: a web page came instead of the event stream", ErrNotHikvision)
	}
	return nil, busyFirst(refusal(http.MethodGet, pathStream, resp, body))
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
	}
	return nil
}

// judge notes what an alert tells of the device.
func (s *Stream) judge(a Alert) Alert {
	now := time.Now()
	if a.Picture != nil {
		return a
	}
	if device, ok := deviceTime(a.Time); ok {
		s.client.mu.Lock()
		a.Old = s.client.news.old(device, now, s.opened) || a.Old
		s.client.mu.Unlock()
	}
	if a.Heartbeat {
		s.beat(now)
	} else {
		s.before = a
	}
	return a
}

// beat learns that this recorder sends heartbeats.
func (s *Stream) beat(now time.Time) {
	if s.beats == 0 || now.Sub(s.beatAt) > beatGap {
		s.beats = 0
	}
	s.beats, s.beatAt = s.beats+1, now
	if s.beats == beatsLearned {
		s.client.budget.noteHeartbeats()
	}
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
		switch {
		case silence < beatLimit:
			timer.Reset(beatLimit - silence)
			continue
		case silence >= silenceLimit, s.client.budget.heartbeats():
			s.cancel(fmt.Errorf("%w for %v", ErrStreamSilent, silence.Round(time.Second)))
			return
		}
		if err := s.client.alive(s.ctx); err != nil {
			s.cancel(fmt.Errorf("%w for %v, and the recorder doesn't answer: %w", ErrStreamSilent, silence.Round(time.Second), err))
			return
		}
		timer.Reset(min(beatLimit, silenceLimit-silence))
	}
}

// alive asks a silent recorder for a sign of life, without credentials, unless
// it answered something lately.
func (c *Client) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil // another question is on its way, which will tell
	}
	c.mu.Lock()
	answered := c.answered
	c.mu.Unlock()
	if time.Since(answered) < beatLimit {
		return nil
	}
	resp, err := c.send(ctx, request{method: http.MethodGet, path: pathAlive}, nil, true)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
