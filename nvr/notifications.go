package nvr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

const pathDisturb = "System/status/disturbParams?format=json"

var (
	// ErrChanged: somebody else changed the setting meanwhile.
	ErrChanged = errors.New("somebody else changed it meanwhile")
	// ErrNotKept: the recorder says that it is done, and tells something else.
	ErrNotKept = errors.New("the recorder accepts it and doesn't keep it")
)

// Notifications is the setting by which a recorder's channels notify the owner's app
// (Hik-Connect) or are silenced. Recordings and the event stream don't hang on it.
type Notifications struct {
	// Document is the setting exactly as it came, at most 128 KiB.
	Document []byte
	Channels []NotifyingChannel
}

// NotifyingChannel is a channel in Notifications.
type NotifyingChannel struct {
	// Number is the channel's number as told. Whether it is the channel's id on
	// hybrids isn't known.
	Number   int
	Silenced bool
}

// Notifications reads the setting (System/status/disturbParams). Known is only the
// JSON of a PUT that one owner of a DS-7608NXI-I2/8P/S uses (hikvision_next issue
// 326); that GET answers with the same form is a guess. What isn't understood to the
// last channel, or names anything twice, is ErrUnsupported and ErrDocument, with the
// reason; it isn't remembered, as a recorder that starts may answer oddly. Refusals
// are, as everywhere.
func (c *Client) Notifications(ctx context.Context) (Notifications, error) {
	d, err := c.disturb(ctx, false)
	if err != nil {
		return Notifications{}, err
	}
	n := Notifications{Document: d.text}
	for _, one := range d.channels {
		n.Channels = append(n.Channels, NotifyingChannel{one.number, one.silenced})
	}
	return n, nil
}

// SetNotifications changes the setting from one document to another, and reads it
// back. Keep both durably before: after a crash at whatever point, and after every
// outcome but OutcomeNotSent, RestoreNotifications is what puts from back, and until
// it has, there must be no other change.
//
// Where the recorder tells something else than from, ErrChanged, or nothing that is
// understood, nothing is sent; where it tells what to says already, it is done. Else
// there is one PUT. OutcomeDone means that the channels were read back as they should
// be, even if the answer to the PUT was lost; OutcomeUnknown that they weren't, for
// example ErrNotKept. What is sent and refused is as with Shutdown.
//
// Firmware that answers 401 where the right is missing (parameterConfig, see Rights)
// makes the first request end all sign-ins for a minute, so an account whose right
// isn't known must not try it right before a shutdown.
func (c *Client) SetNotifications(ctx context.Context, from, to []byte) (Outcome, error) {
	before, beforeErr := parseDisturb(from)
	after, afterErr := parseDisturb(to)
	err := errors.Join(beforeErr, afterErr)
	var now disturb
	if err == nil {
		now, err = c.disturb(ctx, false)
	}
	switch {
	case err != nil:
		return OutcomeNotSent, fmt.Errorf("change notifications: %w", err)
	case now.same(after):
		return OutcomeDone, nil
	case !now.same(before):
		return OutcomeNotSent, fmt.Errorf("change notifications: %w; read them again", ErrChanged)
	}
	return c.putDisturb(ctx, to, false)
}

// Restored is what was found to be different from both documents when a setting was
// put back, and is left so. Channels are the numbers of NotifyingChannel.
type Restored struct {
	// Changed are channels of which something was changed, or that came or went.
	Changed []int
	// Elsewhere: something was changed that belongs to no channel.
	Elsewhere bool
	// Missing are channels that were silenced and aren't listed now. They may come back
	// silenced.
	Missing []int
}

// RestoreNotifications puts the setting back as it was before original was changed
// to written, if it was. It reads first. If the recorder tells what was written, in
// whatever form, it is sent original. If it tells original, nothing is done. If
// somebody else changed it, only channels that still say what was written, and said
// something else before, are changed back in the document that came.
//
// An error means that something may be left of what was written; then, and after a
// crash, call it again with the same documents. A request that SetNotifications got no
// answer to can still take effect later, and a recorder that starts may tell less than
// it has: call it once more a minute after such an outcome or start. The path is
// asked even where it is remembered as not supported; ErrUnsupported then may mean
// that new firmware hasn't it any more.
//
// The caller makes sure that it is the same recorder, by its serial number.
func (c *Client) RestoreNotifications(ctx context.Context, original, written []byte) (Restored, error) {
	before, beforeErr := parseDisturb(original)
	after, afterErr := parseDisturb(written)
	err := errors.Join(beforeErr, afterErr)
	var now disturb
	if err == nil {
		now, err = c.disturb(ctx, true)
	}
	if err != nil {
		return Restored{}, fmt.Errorf("put notifications back: %w", err)
	}
	target, restored := restore(before, after, now)
	if target != nil {
		_, err = c.putDisturb(ctx, target, true)
	}
	if err == nil && restored.Missing != nil {
		err = fmt.Errorf("put notifications back: the recorder doesn't list channels %v now, which were silenced", restored.Missing)
	}
	return restored, err
}

// restore gives what is to be sent, nil for nothing.
func restore(original, written, now disturb) ([]byte, Restored) {
	switch {
	case now.same(original):
		return nil, Restored{}
	case now.same(written):
		return original.text, Restored{}
	}
	left := func(c disturbChannel) bool { // of what was written
		before, was := original.find(c.number)
		after, wrote := written.find(c.number)
		return was && wrote && before.silenced != after.silenced && c.silenced == after.silenced
	}
	r := Restored{Elsewhere: !same(now.rest, written.rest)}
	for _, c := range now.channels {
		before, was := original.find(c.number)
		after, wrote := written.find(c.number)
		known := was && wrote && (c.silenced == before.silenced || c.silenced == after.silenced)
		if !known || !same(c.rest, after.rest) {
			r.Changed = append(r.Changed, c.number)
		}
	}
	for _, c := range written.channels {
		_, listed := now.find(c.number)
		switch {
		case listed:
		case left(c):
			r.Missing = append(r.Missing, c.number)
		default:
			r.Changed = append(r.Changed, c.number)
		}
	}
	slices.Sort(r.Changed)
	slices.Sort(r.Missing)
	if !slices.ContainsFunc(now.channels, left) {
		return nil, r
	}
	return now.flip(left), r
}

// disturb reads the setting.
func (c *Client) disturb(ctx context.Context, despite bool) (disturb, error) {
	q := request{method: http.MethodGet, path: pathDisturb, despite: despite}
	if _, err := c.forbidden(q); err != nil {
		return disturb{}, named(q, err)
	}
	var d disturb
	body, err := c.jsonBody(ctx, q, maxDisturb)
	if err == nil {
		d, err = parseDisturb(body)
	}
	if errors.Is(err, ErrDocument) {
		err = fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return d, c.took(q, err)
}

// putDisturb writes a setting and reads it back.
func (c *Client) putDisturb(ctx context.Context, text []byte, despite bool) (Outcome, error) {
	target, err := parseDisturb(text)
	if err != nil {
		return OutcomeNotSent, fmt.Errorf("change notifications: %w", err)
	}
	o, err := c.order(ctx, request{method: http.MethodPut, path: pathDisturb, body: string(text), json: true, despite: despite},
		deed{"change its notifications", "Remote: Parameters Settings", "change them in its app"})
	if o != OutcomeDone && o != OutcomeUnknown {
		return o, err
	}
	now, readErr := c.disturb(ctx, despite)
	switch {
	case readErr == nil && now.silences(target):
		return OutcomeDone, nil
	case err != nil:
		return OutcomeUnknown, err
	case readErr != nil:
		return OutcomeUnknown, fmt.Errorf("notifications were changed, and can't be read back: %w", readErr)
	}
	return OutcomeUnknown, fmt.Errorf("change notifications: %w", ErrNotKept)
}
