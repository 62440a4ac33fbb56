package ups

import (
	"context"
	"time"
)

// How often Watch asks, after NUT's upsmon (POLLFREQ and POLLFREQALERT) and apcupsd.
const (
	pollEvery      = 5 * time.Second
	pollOnBattery  = time.Second
	retryAtFirst   = time.Second
	retryAtLongest = 5 * time.Second
)

// Watch asks again and again until ctx ends: every 5 s, every second while the last
// reading is on battery, and after failures 1 s to 5 s later, on battery always 1 s.
// It keeps one connection as long as that is good; one that the server has closed
// between two questions is replaced without a word.
//
// tell is called once for each time it asked, from Watch's goroutine, which waits
// for it. Its error is nil for a new reading; otherwise it is that of Read, and last
// is the last reading there was, which only its At tells the age of. An answer takes
// 5 s at most, so failures are told at least every 10 s where nothing answers at all.
func (c *Client) Watch(ctx context.Context, tell func(last Reading, err error)) {
	var last Reading
	w := watch{client: c}
	defer w.close()
	for failures := 0; ; {
		r, err := w.poll(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failures++
			err = c.named(ctx, err)
		} else {
			failures, last = 0, r
		}
		tell(last, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause(last, failures)):
		}
	}
}

func pause(last Reading, failures int) time.Duration {
	switch {
	case last.Mains() == OnBattery:
		return pollOnBattery
	case failures == 0:
		return pollEvery
	case failures > 3:
		return retryAtLongest
	}
	return retryAtFirst << (failures - 1)
}

// watch holds the connection that Watch keeps.
type watch struct {
	client *Client
	kept   *session // nil: none
}

func (w *watch) poll(ctx context.Context) (Reading, error) {
	if w.kept != nil && !w.kept.idle() {
		w.close()
	}
	if w.kept == nil {
		s, err := w.client.open(ctx)
		if err != nil {
			return Reading{}, err
		}
		w.kept = s
	}
	s := w.kept
	r, err := s.read()
	if err != nil && !refused(err) {
		w.close()
	}
	return r, s.because(err)
}

func (w *watch) close() {
	if w.kept != nil {
		w.kept.close()
		w.kept = nil
	}
}
