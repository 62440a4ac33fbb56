package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"hikbridge/discovery"
	"hikbridge/nvr"
)

const (
	// putBackAtStop is how long a stop waits for a recorder to take its setting back. A
	// sign-in that is under way then gets one second more.
	putBackAtStop = 4 * time.Second
	// pauseAnswer is how long the outcome of a command waits for the recorder.
	pauseAnswer = 20 * time.Second
)

// errOtherBox: another recorder answers than the one that is remembered.
var errOtherBox = errors.New("another device answers")

// pauseOrder is an accepted command to pause alerts, or with no time to resume them.
type pauseOrder struct {
	id, by string
	action action
	lasts  time.Duration
	asked  time.Time
}

// alerts is what the loop knows of paused alerts.
type alerts struct {
	pause
	journal *pauseJournal // the requester's, while it is asked
	asked   bool          // the requester has it
	shown   bool          // as silent
	orders  []pauseOrder  // whose outcome is still to be told
	problem string        // why the app wasn't silenced in this pause
	stuck   string        // why it isn't put back
	others  string        // what somebody else changed in a pause
	lost    string        // why it isn't known what an earlier run has left
}

func newAlerts(stateDir string, c RecorderConfig, known *remembered) alerts {
	var a alerts
	journal, err := openPauseJournal(stateDir, c.Name)
	a.journal = journal
	if err != nil {
		a.lost = plain(err)
	}
	a.left, a.back = journal.kept != nil, journal.kept != nil
	if known != nil {
		a.app = nvr.Maybe[bool]{Value: known.App, Known: known.App}
		did := known.AppPausedBy == c.Username // another account may lack the right
		a.may = nvr.Maybe[bool]{Value: did, Known: did}
	}
	return a
}

// takeOver goes on with what is to be put back on a recorder that was called otherwise.
// No question about alerts is under way then: it wasn't known yet who answers.
func (a *alerts) takeOver(stateDir, formerly string, c RecorderConfig, known *remembered) {
	if a.left {
		return
	}
	err := errors.Join(a.journal.close(), os.Rename(pauseJournalPath(stateDir, formerly), pauseJournalPath(stateDir, c.Name)))
	found := newAlerts(stateDir, c, known)
	a.journal, a.left, a.back, a.app, a.may, a.lost = found.journal, found.left, found.back, found.app, found.may, found.lost
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.lost = plain(err)
	}
}

// standing is how the recorder stands for the rule.
func (r *recorder) standing() standing {
	o := r.site.outage
	return standing{
		ask:      r.live.ready && r.power.Ask,
		careful:  !r.power.ordinary() || o != nil && o.shown.get().Lost,
		counting: r.power.Counting,
	}
}

// settleAlerts does what comes by time.
func (r *recorder) settleAlerts(now time.Time) {
	a := &r.alerts
	silent := a.silent(now)
	if silent && !a.shown {
		clear(r.latches.on)
		r.pictures.wanted = slices.DeleteFunc(r.pictures.wanted, func(w wanted) bool { return w.cmd == nil })
		a.others, a.problem = "", ""
		r.log.Info("alerts are paused", keyUntil, clockTime(a.until()))
	}
	if !silent && a.shown {
		a.command = time.Time{}
		r.log.Info("alerts are told again")
	}
	a.shown = silent
	a.orders = slices.DeleteFunc(a.orders, func(o pauseOrder) bool { return r.tellPause(o, now) })
}

// alertWake is when alerts need the loop.
func (r *recorder) alertWake(now time.Time) time.Time {
	_, wake := r.alerts.step(now, r.standing())
	for _, o := range r.alerts.orders {
		wake = sooner(wake, o.asked.Add(pauseAnswer))
	}
	return wake
}

// alertQuestion is what is to be done with the recorder's own notifications now, if
// anything is.
func (r *recorder) alertQuestion(now time.Time) (q question, ok bool) {
	q.journal = r.alerts.journal
	step, _ := r.alerts.step(now, r.standing())
	switch step {
	case stepNothing:
		return q, false
	case stepSilence:
		q.task, q.id = taskSilence, r.known.ID // known, as it may be asked
	case stepPutBack, stepForget:
		q.task, q.forget = taskPutBack, step == stepForget
	case stepGiveUp:
		q.task = taskGiveUp
	}
	return q, true
}

// alertAnswer takes in what became of that.
func (r *recorder) alertAnswer(a answer) {
	p := &r.alerts
	p.asked = false
	switch {
	case a.task == taskSilence:
		p.silenced(a.at, a.silencing)
		r.noteApp()
		p.problem = ""
		if err := a.silencing.err; err != nil && !a.dropped {
			p.problem = plain(err)
			r.log.Warn("alerts can't be paused in the recorder's app", keyError, p.problem)
		}
		return
	case a.task == taskGiveUp && !a.putBack.left:
		r.log.Error("alerts can't be put back in the recorder's app, and aren't tried any more", keyError, p.stuck)
	}
	p.wasPutBack(a.at, a.putBack)
	if text := othersText(a.putBack.Restored); text != "" && text != p.others {
		p.others = text
		r.log.Warn("somebody else changed the recorder's notifications meanwhile; that stays", keyReason, text)
	}
	p.stuck = ""
	if err := a.putBack.err; err != nil && !a.dropped {
		p.stuck = plain(err)
		if p.fails == 1 {
			r.warn("alerts aren't put back in the recorder's app yet", err, a.at)
		}
	}
}

// noteApp remembers for this firmware what is known of the setting.
func (r *recorder) noteApp() {
	a := &r.alerts
	r.known.App = a.app.Value
	switch {
	case !a.may.Value:
		r.known.AppPausedBy = ""
	case a.left && !a.back:
		r.known.AppPausedBy = r.cfg.Username
	}
}

// probedAlerts takes over whether the recorder has the setting. It isn't asked again
// on this firmware.
func (r *recorder) probedAlerts(at time.Time, has bool) {
	r.alerts.app = known(has)
	r.noteApp()
	r.plan.drop(taskAlerts, at)
}

// alertsRefused takes in that it couldn't be asked for. Who pauses nothing needn't
// know why.
func (r *recorder) alertsRefused(a answer, settled bool) {
	delete(r.live.denied, taskAlerts)
	switch {
	case errors.Is(a.err, nvr.ErrBusy), !settled:
		r.plan.refused(taskAlerts, a.at)
	case errors.Is(a.err, nvr.ErrUnsupported) && !errors.Is(a.err, nvr.ErrDocument):
		r.probedAlerts(a.at, false)
	default: // a pause tries it
		r.plan.drop(taskAlerts, a.at)
	}
}

func othersText(r nvr.Restored) string {
	var parts []string
	if len(r.Changed) > 0 {
		parts = append(parts, "channels "+strings.Trim(fmt.Sprint(r.Changed), "[]"))
	}
	if r.Elsewhere {
		parts = append(parts, "what belongs to no channel")
	}
	return strings.Join(parts, ", ")
}

// orderPause carries out a command about alerts.
func (r *recorder) orderPause(o pauseOrder) {
	now := time.Now()
	o.asked = now
	if o.lasts > 0 {
		r.alerts.begin(now, o.lasts)
	} else {
		r.alerts.resume()
	}
	r.alerts.orders = append(r.alerts.orders, o) // they come at verdictRate at most
}

// tellPause tells what came of a command, once that is known; it says whether it did.
func (r *recorder) tellPause(o pauseOrder, now time.Time) bool {
	p := &r.alerts
	waits := now.Sub(o.asked) < pauseAnswer && r.live.ready && r.power.Ask
	what, message := outcomeDone, ""
	switch {
	case o.lasts > 0 && !p.silent(now):
		message = "it has ended already"
	case o.lasts > 0 && p.left && !p.back:
		message = "paused until " + clockTime(p.until()) + ", also in the recorder's app"
	case o.lasts > 0:
		if waits && (p.back || r.mayStillSilence(now)) {
			return false
		}
		message = "paused until " + clockTime(p.until()) + ", here only: " + r.whyHereOnly()
	case !p.left && !p.asked, p.restored:
		message = "alerts are told again"
		if p.others != "" {
			message += "; somebody else changed notifications meanwhile, which stays: " + p.others
		}
	case waits && p.fails == 0:
		return false
	default:
		what, message = outcomeFailed, "alerts are told again here; in the recorder's app they aren't put back yet, which is tried again"
		if p.stuck != "" {
			message += ": " + p.stuck
		}
	}
	r.site.verdict(r.cfg.Name, &verdict{EventType: what, ID: o.id, By: o.by, Action: o.action, Message: message})
	return true
}

// mayStillSilence says that silencing is going on, or is to be tried.
func (r *recorder) mayStillSilence(now time.Time) bool {
	p := r.alerts.pause // a copy
	p.next = time.Time{}
	step, _ := p.step(now, r.standing())
	return step == stepSilence
}

func (r *recorder) whyHereOnly() string {
	p := &r.alerts
	s := r.standing()
	switch {
	case p.app.Known && !p.app.Value:
		return "this recorder's firmware can't silence its app"
	case p.may.Known && !p.may.Value:
		return "the account lacks the right \"" + rightNames["parameterConfig"] + "\""
	case p.problem != "":
		return p.problem
	case !s.ask:
		return "the recorder can't be asked now"
	case p.left:
		return "what was paused there before isn't put back yet"
	case s.careful:
		return "it isn't tried while the recorder may have to be shut down"
	case r.mayStillSilence(time.Now()):
		return "the recorder is slow, and hasn't said yet whether it does it, too"
	}
	return "all of it is silenced there already"
}

// alertValues are those of the pause.
func (r *recorder) alertValues(v map[string]value) {
	p := &r.alerts
	app := "not supported"
	switch {
	case p.left && !p.back:
		app = "paused"
	case p.left && !p.refused:
		app = "to be put back"
	case !p.app.Known:
		app = "unknown"
	case p.app.Value:
		app = "supported"
	}
	a := map[string]any{"app": app}
	if problem := cmp.Or(p.stuck, p.problem); problem != "" {
		a["app_problem"] = clip(problem)
	}
	if p.others != "" {
		a["changed_by_others"] = clip(p.others)
	}
	v[discovery.KeyAlertsPaused] = value{onOff(p.shown), a}
	if p.shown {
		v[discovery.KeyAlertsResume] = value{state: timestamp(p.until())}
	}
}

// alertReason tells that notifications may be silenced in the app for longer than
// they were to be.
func (r *recorder) alertReason() *reason {
	p := &r.alerts
	switch {
	case p.lost != "":
		return &reason{"alerts_lost", "It isn't known whether notifications in the recorder's app are still paused: " + p.lost,
			"Look in the app whether notifications of each camera are on; then restart hikbridge."}
	case p.left && p.back && !p.refused && p.fails >= pauseTries:
		return &reason{"alerts_left", "Notifications in the recorder's app aren't put back: " + p.stuck,
			"It is tried again; look in the app whether notifications of each camera are on."}
	}
	return nil
}

// silence keeps what a recorder has and silences it. The journal has it before.
func silence(ctx context.Context, c *nvr.Client, q question) (s silencing) {
	s.outcome = nvr.OutcomeNotSent
	if s.err = isRecorder(ctx, c, q.id); s.err != nil {
		return s
	}
	found, err := c.Notifications(ctx)
	if err != nil {
		s.err = err
		return s
	}
	written, changes, err := nvr.SilenceAll(found.Document)
	if err != nil || !changes {
		s.already, s.err = err == nil, err
		return s
	}
	if s.err = q.journal.keep(pauseRecord{pauseVersion, q.id, found.Document, written}); s.err != nil {
		return s
	}
	s.outcome, s.err = c.SetNotifications(ctx, found.Document, written)
	if s.outcome == nvr.OutcomeNotSent {
		s.err = errors.Join(s.err, q.journal.forget())
	}
	s.left = q.journal.kept != nil
	return s
}

// putItBack puts back what the journal holds. With forget it isn't kept any longer.
func putItBack(ctx context.Context, c *nvr.Client, q question) (b putBack) {
	kept := q.journal.kept
	if kept == nil {
		return b
	}
	b.left = true
	if b.err = isRecorder(ctx, c, kept.ID); b.err != nil {
		return b
	}
	b.Restored, b.err = c.RestoreNotifications(ctx, kept.Found, kept.Written)
	if b.err == nil && q.forget {
		b.err = q.journal.forget()
	}
	b.left = q.journal.kept != nil
	return b
}

// isRecorder makes sure that it is the recorder of that id.
func isRecorder(ctx context.Context, c *nvr.Client, id string) error {
	i, err := c.Info(ctx)
	if err == nil && !sameBox(discovery.ID(i.Serial, i.MAC, i.DeviceID), id) {
		return errOtherBox
	}
	return err
}

// ofTheDevice gives an error only if it tells how a recorder answers: others say
// something of its setting, or of us.
func ofTheDevice(err error) error {
	var status *nvr.StatusError
	if errors.As(err, &status) {
		return err
	}
	for _, own := range []error{nvr.ErrChanged, nvr.ErrNotKept, nvr.ErrDocument, errOtherBox, errJournal} {
		if errors.Is(err, own) {
			return nil
		}
	}
	return err
}

// stopAlerts puts back at a stop what was paused on a recorder. What isn't sure is
// looked at once more by the next start.
func (r *recorder) stopAlerts(ctx context.Context) {
	a := &r.alerts
	defer func() {
		if err := a.journal.close(); err != nil {
			r.log.Error("the journal of alerts can't be closed", keyError, err)
		}
	}()
	if a.journal.kept == nil || !r.live.ready || !r.power.Ask {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer time.AfterFunc(putBackAtStop, cancel).Stop() // past a deadline a sign-in would be waited for
	if b := putItBack(ctx, r.client, question{journal: a.journal, forget: a.left && a.sure}); b.err != nil {
		r.log.Error("alerts aren't put back in the recorder's app; the next start does it", keyError, plain(b.err))
	}
}
