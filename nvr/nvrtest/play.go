package nvrtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"
)

// Recorded is an alert of a recorded stream.
type Recorded struct {
	After time.Duration // since the first
	Body  []byte
}

// ReadStream reads a recorded stream, one JSON object a line: {"content":
// "<EventNotificationAlert…"}. The pace is that of the times inside, which have a
// resolution of a second; where they step back or are missing, no time passes.
func ReadStream(file io.Reader) ([]Recorded, error) {
	var all []Recorded
	var after time.Duration
	var last time.Time
	d := json.NewDecoder(file)
	for {
		var line struct {
			Content string `json:"content"`
		}
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err == nil && line.Content == "" {
			err = errors.New("no content in it")
		}
		if err != nil {
			return nil, fmt.Errorf("read recorded stream: alert %d: %w", len(all)+1, err)
		}
		if at, ok := timeIn(line.Content); ok {
			if !last.IsZero() {
				after += max(at.Sub(last), 0)
			}
			last = at
		}
		all = append(all, Recorded{after, []byte(line.Content)})
	}
}

var dateTime = regexp.MustCompile(`<dateTime>\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)`)

// timeIn gives the digits of an alert's time; only their differences matter.
func timeIn(content string) (time.Time, bool) {
	m := dateTime.FindStringSubmatch(content)
	if m == nil {
		return time.Time{}, false
	}
	at, err := time.Parse("2006-01-02T15:04:05", m[1])
	return at, err == nil
}

// Play sends a recorded stream to all streams that are open, at its pace times
// speed: 1 is the true pace, 2 twice as fast, 0 without any pauses. It returns
// when all alerts are on their way. The recorder sends no heartbeats of its own
// meanwhile.
func (r *Recorder) Play(ctx context.Context, alerts []Recorded, speed float64) error {
	r.playing(1)
	defer r.playing(-1)
	begin := time.Now()
	for _, a := range alerts {
		if speed > 0 {
			if err := r.waitUntil(ctx, begin.Add(time.Duration(float64(a.After)/speed))); err != nil {
				return err
			}
		}
		m := &message{parts: []part{{typeXML, slices.Clone(a.Body)}}}
		r.mu.Lock()
		late := r.streams.postLocked(func(*stream) *message { return m })
		r.mu.Unlock()
		if err := r.deliver(ctx, late); err != nil {
			return err
		}
	}
	return nil
}

// playing counts calls of Play.
func (r *Recorder) playing(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams.playing += n
	r.streams.changedLocked()
}

func (r *Recorder) waitUntil(ctx context.Context, at time.Time) error {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.done:
		return errClosed
	}
}
