package nvr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	pathShutdown = "System/shutdown?format=json"
	pathReboot   = "System/reboot"
	// orderTimeout bounds a power request whose context has no deadline.
	orderTimeout = 15 * time.Second
	// The device's names of rights (UserPermission).
	rightPower  = "restartOrShutdown"
	rightConfig = "parameterConfig"
)

// Outcome is how a request that changes the device ended.
type Outcome int

const (
	OutcomeUnknown Outcome = iota // it may have arrived: its answer is lost, cut or not understood
	OutcomeDone                   // an explicit success came: statusCode 0, 1, or 7 (a restart is needed)
	OutcomeNotSent                // nothing with the request's meaning left this host
	OutcomeBusy                   // the recorder is busy, upgrades, formats, exports: later it may work
	OutcomeRefused                // right, support or account
)

func (o Outcome) String() string {
	switch o {
	case OutcomeUnknown:
		return "unknown"
	case OutcomeDone:
		return "done"
	case OutcomeNotSent:
		return "not sent"
	case OutcomeBusy:
		return "busy"
	case OutcomeRefused:
		return "refused"
	}
	panic("nvr: unknown Outcome")
}

// Shutdown asks the recorder to shut down (ISAPI guide 2.0, 15.10.169: PUT
// System/shutdown?format=json without a body; no public client proves it on a
// recorder, and the capability flag is absent even in new ones). Success is a
// promise, not a result: recorders then answer for some time, and halt without
// switching themselves off.
//
// The request is sent at most once, but for a 401 to a nonce that had worked, which
// says that it wasn't carried out. It goes in front of questions that wait; who wants
// the running one to end cancels it. Without a deadline in ctx it takes 15 s at most,
// and never longer than ctx. The error is nil for OutcomeDone only; it tells a person
// what happened and what to do, and wraps a *StatusError or *SignInError if one was
// the reason. Sent without credentials, to get a challenge, it counts as not sent.
func (c *Client) Shutdown(ctx context.Context) (Outcome, error) {
	return c.order(ctx, request{method: http.MethodPut, path: pathShutdown},
		deed{"shut down", "Remote: Shutdown/Reboot", "do it in its own menu"})
}

// Reboot asks the recorder to restart (PUT System/reboot; several clients); as
// Shutdown in all else.
func (c *Client) Reboot(ctx context.Context) (Outcome, error) {
	return c.order(ctx, request{method: http.MethodPut, path: pathReboot},
		deed{"restart", "Remote: Shutdown/Reboot", "do it in its own menu"})
}

// deed is what a recorder is asked to do, in a person's words.
type deed struct {
	what    string
	right   string // as its user page calls it
	instead string // where it refuses
}

// order sends a request that changes the device and explains what came of it.
func (c *Client) order(ctx context.Context, q request, d deed) (Outcome, error) {
	q.signed = new(atomic.Bool)
	o, err := c.orderOnce(ctx, q)
	if err == nil {
		return o, nil
	}
	return o, fmt.Errorf("%s: %w", advice(o, d, err), named(q, err))
}

func (c *Client) orderOnce(ctx context.Context, q request) (Outcome, error) {
	if o, err := c.forbidden(q); err != nil {
		return o, err
	}
	ctx, cancel := withDeadline(ctx, orderTimeout)
	defer cancel()
	if !c.takeTurn(ctx, true) {
		return OutcomeNotSent, ctx.Err()
	}
	defer c.giveTurn()
	// On a kept connection that the device closed meanwhile the request would be
	// lost, and nobody could say whether it had arrived.
	c.http.CloseIdleConnections()
	resp, err := c.exchange(ctx, q)
	if err != nil {
		return unanswered(q, err), err
	}
	defer resp.Body.Close()
	body, err := readAll(resp.Body, maxDocument)
	o := OutcomeUnknown
	if err == nil {
		o, err = verdict(q, resp, body)
	}
	if o == OutcomeUnknown && !q.signed.Load() {
		o = OutcomeNotSent // no challenge came
	}
	if q.right() == rightPower && (o == OutcomeDone || o == OutcomeUnknown) {
		c.unsettle() // what it refuses while it goes down isn't remembered
		// No nonce outlives a start. To try this one then would cost a login, and
		// leave none for the moment in which a booting recorder rejects everybody.
		c.nonce = nil
	}
	if q.signed.Load() { // whom a device doesn't know it may tell anything
		c.learn(q.path, err)
	}
	return o, err
}

// RefusedShutdown gives the refusal by which this recorder told, on its present
// firmware and maybe in an earlier run, that it can't be shut down from outside; nil
// if there is none. It asks nothing.
func (c *Client) RefusedShutdown() error {
	if err := c.remembered(pathShutdown); errors.Is(err, ErrUnsupported) {
		return err
	}
	return nil
}

// forbidden answers for a request that isn't made: it was refused before.
func (c *Client) forbidden(q request) (Outcome, error) {
	err := c.remembered(q.path)
	if err == nil || q.despite && errors.Is(err, ErrUnsupported) {
		err = c.heldBack(q)
	}
	var s *StatusError
	if errors.As(err, &s) {
		s.Method = q.method
		return OutcomeRefused, err
	}
	return OutcomeNotSent, err
}

// unanswered is the outcome of a request to which no answer came that could be
// judged.
func unanswered(q request, err error) Outcome {
	var s *SignInError
	switch {
	case errors.As(err, &s) && s.told:
		return OutcomeRefused
	case q.signed.Load():
		return OutcomeUnknown
	}
	return OutcomeNotSent
}

// verdict reads the answer to a power request, in XML or JSON whatever was asked
// for. What contradicts itself is unknown.
func verdict(q request, resp *http.Response, body []byte) (Outcome, error) {
	s, told := statusIn(body)
	e := &StatusError{Method: q.method, Path: q.path, HTTP: resp.StatusCode, Code: s.Code, Sub: s.Sub}
	success := told && (s.Code == 0 || s.Code == 1 || s.Code == 7)
	switch {
	case success && resp.StatusCode == http.StatusOK && sentinelOfSub(s.Sub) == nil:
		return OutcomeDone, nil
	case success:
		return OutcomeUnknown, e
	case !told && resp.StatusCode == http.StatusOK:
		return OutcomeUnknown, fmt.Errorf("%w: the answer says neither yes nor no", ErrDocument)
	case errors.Is(e, ErrBusy):
		return OutcomeBusy, e
	case errors.Is(e, ErrUnsupported), errors.Is(e, ErrForbidden):
		return OutcomeRefused, e
	case s.Code == 4, s.Code == 5, s.Code == 6: // invalid operation, XML format, XML content
		return OutcomeRefused, e
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return OutcomeUnknown, refusal(q.method, q.path, resp, body)
	}
	return OutcomeUnknown, e
}

// statusIn reads a ResponseStatus in XML or JSON that tells one statusCode. Two that
// differ tell nothing, nor does one with a NUL in it: that is a damaged answer.
func statusIn(body []byte) (jsonResult, bool) {
	if bytes.IndexByte(bytes.TrimRight(body, "\x00\r\n\t "), 0) >= 0 {
		return jsonResult{}, false
	}
	if s, ok := jsonStatus(body); ok {
		once := strings.Count(strings.ToLower(string(body)), `"statuscode"`) == 1
		return s, once && json.Valid(bytes.TrimRight(body, "\x00"))
	}
	var w struct {
		Codes []string `xml:"statusCode"`
		Sub   string   `xml:"subStatusCode"`
	}
	if decode(body, &w, "ResponseStatus") != nil || len(w.Codes) == 0 {
		return jsonResult{}, false
	}
	code := number(w.Codes[0])
	for _, other := range w.Codes[1:] {
		if number(other) != code {
			return jsonResult{}, false
		}
	}
	return jsonResult{Code: int(code.Value), Sub: text(w.Sub)}, code.Known && code.Value >= 0 && code.Value < 100
}

// advice tells a person what an outcome that isn't done means, and what to do.
func advice(o Outcome, d deed, err error) string {
	switch o {
	case OutcomeUnknown:
		return "the request to " + d.what + " may have arrived; watch the recorder before you ask again"
	case OutcomeNotSent:
		return "the recorder wasn't asked to " + d.what + ", nothing was sent; ask again when the reason is gone"
	case OutcomeBusy:
		return "the recorder doesn't " + d.what + " because " + busyWith(err) + "; wait until that has ended"
	case OutcomeRefused:
		return refusedFor(d, err)
	case OutcomeDone:
	}
	panic("nvr: no advice for " + o.String())
}

func refusedFor(d deed, err error) string {
	var s *SignInError
	switch {
	case errors.As(err, &s):
		return "the recorder doesn't accept the account; correct the password or wait until the lock ends"
	case errors.Is(err, ErrForbidden):
		return "the account may not tell the recorder to " + d.what + "; give the user the right " + d.right + ", then retry the sign-in"
	}
	return "this recorder doesn't let itself be told to " + d.what + "; " + d.instead
}

// busyWith says what keeps a device from it (Hikvision ISAPI error code list).
func busyWith(err error) string {
	var s *StatusError
	if !errors.As(err, &s) {
		return "it is busy"
	}
	switch strings.ToLower(s.Sub) {
	case "upgrading", "ssdfilesystemisupgrading":
		return "a firmware upgrade runs"
	case "formatting", "hdformatting", "ssdfilesystemisformat":
		return "a disk is being formatted"
	}
	if exports(s.Sub) {
		return "something is being exported or imported"
	}
	return "it is busy"
}

// exports says whether a sub-status means that an export or import runs.
func exports(sub string) bool {
	switch strings.ToLower(sub) {
	case "exporting", "configoperating", "databackuping", "beingexportedbyanotheruser":
		return true
	}
	return false
}
