package nvr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// ErrNoPicture: the device answers, but not with a JPEG.
var ErrNoPicture = errors.New("no picture came")

// Picture takes a picture of a channel: the JPEG as the device made it, at most
// 8 MiB. IP channels of recorders have their pictures at another path than
// inputs and cameras; on a recorder that refuses the usual one the other is
// tried, and the one that worked is used from then on. ErrBusy says to ask less
// often.
func (c *Client) Picture(ctx context.Context, kind Kind, channel string) ([]byte, error) {
	if !onlyDigits(channel) {
		return nil, fmt.Errorf("channel %.20q: %w", channel, ErrUnsupported)
	}
	order := []string{"ContentMgmt/StreamingProxy/channels/", "Streaming/channels/"}
	key := kind.String() + channel
	c.mu.Lock()
	other := kind == Input
	if c.swapped[key] {
		other = !other
	}
	c.mu.Unlock()
	if other {
		order[0], order[1] = order[1], order[0]
	}
	first, err := c.jpeg(ctx, order[0]+channel+"01/picture")
	if err == nil || !tryOther(err) {
		return first, err
	}
	second, otherErr := c.jpeg(ctx, order[1]+channel+"01/picture")
	if otherErr != nil {
		if tryOther(otherErr) {
			return nil, err
		}
		return nil, otherErr
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swapped[key] = !c.swapped[key]
	return second, nil
}

// tryOther says that the other path may work: this one isn't supported, or gives
// something else than a picture (HTTP 200 with badXmlContent on many NVRs).
func tryOther(err error) bool {
	var s *StatusError
	return errors.Is(err, ErrUnsupported) || errors.Is(err, ErrNoPicture) ||
		errors.As(err, &s) && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrForbidden)
}

// jpeg asks one path. A refusal isn't remembered: recorders answer 403 for a
// camera that is offline, too. Rejections are, see budget.accepted.
func (c *Client) jpeg(ctx context.Context, path string) ([]byte, error) {
	q := request{method: http.MethodGet, path: path}
	if err := c.heldBack(q); err != nil {
		return nil, named(q, err)
	}
	body, err := c.call(ctx, q, maxPicture)
	switch {
	case err != nil:
		return nil, named(q, err)
	case isJPEG(body):
		return body, nil
	}
	if code, sub := statusOf(body[:min(len(body), maxChallenge)]); code > 1 {
		return nil, &StatusError{Method: q.method, Path: q.path, HTTP: http.StatusOK, Code: code, Sub: sub}
	}
	return nil, named(q, ErrNoPicture)
}
