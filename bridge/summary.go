package bridge

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"hikbridge/bridge/power"
	"hikbridge/nvr"
)

const (
	// silenceTold: an unreachable recorder is a matter for a person after this.
	silenceTold = 15 * time.Minute
	// clockTold is the clock difference that makes recordings' times wrong.
	clockTold = time.Minute
	// maxState is what Home Assistant takes as a state, in characters.
	maxState = 255
)

// summary is what a recorder's loop tells the bridge's own device.
type summary struct {
	Name     string
	Answers  bool
	Ready    bool
	Known    bool // it has a device of its own
	Sentence string
	Reasons  []reason
	// LastError is the last thing that went wrong, and stays; FailedAt is when.
	LastError string
	FailedAt  time.Time
}

func (s summary) equal(o summary) bool { return reflect.DeepEqual(s, o) }

// reason is why a person is needed, with what to do.
type reason struct {
	ID     string `json:"id"`
	Text   string `json:"text"`
	Advice string `json:"advice"`
}

func (r *recorder) newSummary(now time.Time) summary {
	return summary{
		Name: r.cfg.Name, Answers: r.live.answers, Ready: r.live.ready, Known: r.known != nil,
		Sentence: r.sentence(), Reasons: r.reasons(now), LastError: r.lastError, FailedAt: r.failedAt,
	}
}

// sentence is Status: what a person wants to know first.
func (r *recorder) sentence() string {
	l := &r.live
	switch {
	case !r.power.ordinary():
		return r.power.Sentence
	case !l.asked:
		return "Connecting"
	case !l.answers && needsPerson(l.trouble):
		return clip("Can't be used: " + plain(l.trouble))
	case !l.answers:
		return clip(fmt.Sprintf("No answer since %s (%s)", clockTime(l.since), shortCause(l.trouble)))
	case l.trouble != nil:
		return clip(r.signInSentence())
	case !l.ready:
		return "Signing in"
	}
	return clip("Running" + r.camerasSentence() + r.recordingSentence() + r.disksSentence() + r.streamSentence(time.Now()))
}

// recordingSentence tells who fails to record.
func (r *recorder) recordingSentence() string {
	switch ids := r.notRecording(); len(ids) {
	case 0:
		return ""
	case 1:
		return ", not recording: " + r.known.byID(ids[0]).title()
	default:
		return fmt.Sprintf(", %d cameras not recording", len(ids))
	}
}

// streamSentence tells that events don't come, once that isn't just a pause.
func (r *recorder) streamSentence(now time.Time) string {
	if s := &r.stream; s.open || s.err == nil || now.Sub(s.lost) < streamSaid {
		return ""
	}
	return ", no events since " + clockTime(r.stream.lost)
}

// signInSentence tells why a recorder that answers can't be read.
func (r *recorder) signInSentence() string {
	s := r.client.SignIn()
	until := ""
	if !s.Until.IsZero() {
		until = "; next try at " + clockTime(s.Until)
	}
	var signIn *nvr.SignInError
	if !errors.As(r.live.trouble, &signIn) {
		return "Can't be read: " + plain(r.live.trouble)
	}
	switch s.State {
	case nvr.SignInRejected:
		return "User name or password rejected" + until
	case nvr.SignInLocked:
		return "The recorder has locked the account" + until
	}
	return "Sign-in paused, so that the account doesn't get locked" + until
}

func (r *recorder) camerasSentence() string {
	online, all := r.camerasOnline()
	if all == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of %d cameras online", online, all)
}

func (r *recorder) disksSentence() string {
	for _, k := range r.known.Disks {
		d, ok := r.live.disks[k.ID]
		if ok && diskTrouble(diskState(d.Status)) {
			return fmt.Sprintf(", disk %s: %s", k.ID, d.Status)
		}
	}
	return ""
}

// camerasOnline counts the cameras whose state is told.
func (r *recorder) camerasOnline() (online, all int) {
	for _, c := range r.known.Channels {
		s := r.live.states[c.ID]
		if c.Gone || !r.selected(c.ID) || !s.Online.Known {
			continue
		}
		all++
		if s.Online.Value {
			online++
		}
	}
	return online, all
}

// reasons are what needs a person, worst first.
func (r *recorder) reasons(now time.Time) []reason {
	l := &r.live
	out := slices.Clone(r.power.Needs)
	// Errors of a recorder that starts are no trouble until that has failed.
	booting := r.power.State == power.Booting ||
		l.answers && l.wasSilent && now.Sub(l.since) < settledAfter && !needsPerson(l.trouble)
	switch {
	case !l.asked, !r.power.Listen:
	case !l.answers && needsPerson(l.trouble) && !booting:
		out = append(out, reason{"unusable", plain(l.trouble), adviceFor(l.trouble)})
	case !l.answers && now.Sub(l.since) >= silenceTold:
		out = append(out, reason{"unreachable", "No answer since " + clockTime(l.since) + ": " + shortCause(l.trouble), adviceFor(l.trouble)})
	case l.answers && l.trouble != nil:
		if t := r.troubleReason(); t.ID != "not_readable" || !booting {
			out = append(out, t)
		}
	}
	if a := r.alertReason(); a != nil {
		out = append(out, *a)
	}
	if !l.ready || r.known == nil {
		return out
	}
	quiet := r.alerts.quiet(now) // what a sequence brings along isn't told while it runs
	for t := range taskCount {
		if l.denied[t] {
			out = append(out, reason{"right", "The account may not read: " + t.String(), adviceForRight(t)})
		}
	}
	if e := r.streamReason(now); e != nil && (e.ID != "events" || !booting) && !quiet {
		out = append(out, *e)
	}
	for _, k := range r.known.Disks {
		if d, ok := l.disks[k.ID]; ok && diskTrouble(diskState(d.Status)) {
			out = append(out, reason{"disk", fmt.Sprintf("Disk %s: %s", k.ID, d.Status),
				"Look at the recorder's storage page; a disk with errors should be replaced soon."})
		}
	}
	for id, health := range l.smart {
		if health.Healthy.Known && !health.Healthy.Value {
			out = append(out, reason{"disk_health", fmt.Sprintf("Disk %s fails its own health check (SMART)", id),
				"Replace the disk before it fails; recordings on it may be lost."})
		}
	}
	for _, id := range r.notRecording() {
		if quiet {
			break
		}
		out = append(out, reason{"recording", r.known.byID(id).title() + " doesn't record, though its plan is to record all the time",
			"Look at the camera's picture and at the recorder's disks and recording schedule."})
	}
	if l.clock.Known && l.clock.Value.Abs() > clockTold {
		out = append(out, reason{"clock", fmt.Sprintf("The recorder's clock is wrong by %v", l.clock.Value),
			"Set the recorder's time or its NTP server and time zone; recordings carry its time."})
	}
	return out
}

// streamReason tells why no events come, if a person is needed for it.
func (r *recorder) streamReason(now time.Time) *reason {
	s := &r.stream
	var signIn *nvr.SignInError
	switch {
	case s.open || s.err == nil:
		return nil
	case errors.As(s.err, &signIn):
		return &reason{"events_right", "No events: their sign-in was rejected while others weren't; next try at " + clockTime(s.next),
			"The account seems to lack the right \"" + rightEvents + "\": tick it on the recorder. After a restart of the recorder it heals by itself."}
	case errors.Is(s.err, nvr.ErrForbidden):
		return &reason{"events_right", "The account may not read events", "Give the account the right \"" + rightEvents + "\" on the recorder, then press Retry sign-in."}
	case now.Sub(s.lost) < streamTold:
		return nil
	case errors.Is(s.err, nvr.ErrBusy):
		return &reason{"events_busy", "No events since " + clockTime(s.lost) + ": " + plain(s.err),
			"Another program reads the recorder's events and it admits no more (iVMS-4200, a browser, another bridge): stop that one, or restart the recorder."}
	}
	return &reason{"events", "No events since " + clockTime(s.lost) + ": " + plain(s.err), adviceFor(s.err)}
}

// adviceForRight names the right that a question needs.
func adviceForRight(t task) string {
	right := rightNames["logOrStateCheck"]
	switch t {
	case taskTryPicture:
		right = rightNames["preview"]
	case taskOldest:
		right = rightNames["playBack"]
	case taskTriggers, taskTracks:
		right = rightNames["parameterConfig"]
	}
	return "Give the account the right \"" + right + "\" on the recorder, then press Retry sign-in."
}

func (r *recorder) troubleReason() reason {
	err := r.live.trouble
	id := "not_readable"
	var signIn *nvr.SignInError
	var stranger *strangerError
	switch {
	case errors.As(err, &signIn):
		return reason{"sign_in", r.signInSentence(), adviceFor(err)}
	case errors.As(err, &stranger):
		id = "wrong_device"
	case errors.Is(err, nvr.ErrState):
		id = "state"
	}
	return reason{id, plain(err), adviceFor(err)}
}

// needsPerson says that waiting won't help.
func needsPerson(err error) bool {
	var certificate *nvr.CertificateError
	return errors.As(err, &certificate) || errors.Is(err, nvr.ErrNotHikvision) || errors.Is(err, nvr.ErrNoDigest)
}

// adviceFor says what a person can do about an error.
func adviceFor(err error) string {
	var certificate *nvr.CertificateError
	var stranger *strangerError
	var status *nvr.StatusError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &certificate):
		return "If the fingerprint is the recorder's, set TLS to pin and the fingerprint to " + certificate.Fingerprint + "."
	case errors.As(err, &stranger):
		return "Check the address; if the recorder was replaced: hikbridge purge " + stranger.name + "."
	case errors.Is(err, nvr.ErrUnauthorized):
		return "Correct user name and password (the environment or its file) and restart, or press Retry sign-in when the recorder's was changed."
	case errors.Is(err, nvr.ErrLocked):
		return "Wait until the lock ends, or restart the recorder; find out what else signs in with a wrong password."
	case errors.Is(err, nvr.ErrPaused):
		return "Wait; at most two failed sign-ins are made in 35 minutes."
	case errors.Is(err, nvr.ErrState):
		return "Make the state directory writable: without it failed sign-ins can't be counted, so none is tried."
	case errors.Is(err, nvr.ErrNoDigest):
		return "On the recorder set Network > Advanced > Integration Protocol (ISAPI) on and its authentication to digest."
	case errors.Is(err, nvr.ErrNotHikvision):
		return "Check the address and port in the URL."
	case errors.Is(err, nvr.ErrForbidden):
		return adviceForRight(taskStatus)
	case errors.As(err, &status):
		return "Wait some minutes: it may be starting. If it goes on, look at the recorder's own page, or restart it."
	}
	return "Check power, cable, address and port; ISAPI must be switched on."
}

// shortCause keeps the end of a chain of errors, where the cause stands.
func shortCause(err error) string {
	if err == nil {
		return "no answer"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "time-out"
	}
	s := err.Error()
	return strings.TrimSpace(s[strings.LastIndex(s, ": ")+1:])
}

// plain is an error without the request that it came of.
func plain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	var status *nvr.StatusError
	if errors.As(err, &status) && status.Unwrap() == nil {
		return strings.TrimSpace(fmt.Sprintf("it answered HTTP %d %s", status.HTTP, status.Sub))
	}
	inner := errors.Unwrap(err)
	if inner != nil && strings.HasPrefix(err.Error(), "GET ") {
		return inner.Error()
	}
	return err.Error()
}

// clockTime is a time for people, with its date when it isn't of this day.
func clockTime(t time.Time) string {
	t = t.Local()
	if t.Format(time.DateOnly) == time.Now().Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// clip keeps a text within what Home Assistant takes as a state.
func clip(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= maxState {
		return string(r)
	}
	return string(r[:maxState-1]) + "…"
}
