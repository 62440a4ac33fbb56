package bridge

import (
	"errors"
	"time"

	"hikbridge/nvr"
)

// answer takes over what the requester brought back.
func (r *recorder) answer(a answer) {
	what := outcomeOf(a.err)
	if a.task == taskWho {
		return // it is the keeper's
	}
	if a.task.aboutAlerts() {
		r.alertAnswer(a)
		r.heardOfAlerts(a, what)
		return
	}
	if a.task == taskPicture {
		r.pictureCame(a)
		if what != silent {
			r.heard(a.at)
			return
		}
		a.task = taskTryPicture // its silence counts, and it isn't asked again
	}
	delete(r.live.denied, a.task)
	if what != silent && !isRemembered(a.err) {
		r.heard(a.at)
	}
	switch what {
	case answered:
		r.plan.answered(a.task, a.at)
		r.apply(a)
	case unsupported, refused:
		r.wasRefused(a, what == unsupported)
	case notSignedIn:
		if a.task == taskAlerts { // whether more than this right is missing the next question tells
			r.plan.refused(a.task, a.at)
			r.plan.entries[taskInfo].tried = false
			break
		}
		r.notReady(a.err, a.at.Add(signInRetry))
	case silent:
		r.missed(a)
	}
	r.finishRetry()
}

// heardOfAlerts takes in how the recorder answered when its notifications were changed.
func (r *recorder) heardOfAlerts(a answer, what outcome) {
	switch {
	case a.dropped, a.task == taskGiveUp, isRemembered(a.err):
	case what == silent: // whether it is there the next question tells
		r.live.silent++
		r.plan.entries[taskInfo].tried = false
	case what == notSignedIn: // and whether more than this right is missing
		r.plan.entries[taskInfo].tried = false
	default:
		r.heard(a.at)
	}
}

// isRemembered says that the recorder wasn't asked.
func isRemembered(err error) bool {
	var s *nvr.StatusError
	return errors.As(err, &s) && s.Remembered()
}

// wasRefused asks again later. It gives up on what isn't supported, unless the
// recorder was silent lately and may be booting, and on what was refused for
// longer than any boot takes. The identity is what everything else waits for.
func (r *recorder) wasRefused(a answer, unsupported bool) {
	r.log.Debug("question refused", keyQuestion, a.task, keyError, a.err)
	forbidden := errors.Is(a.err, nvr.ErrForbidden)
	r.live.denied[a.task] = forbidden
	settled := !r.live.wasSilent || a.at.Sub(r.live.since) >= settledAfter
	switch {
	case a.task == taskInfo:
		r.plan.refused(a.task, a.at)
		r.notReady(a.err, a.at.Add(retryTask))
		return
	case a.task == taskTryPicture && !forbidden && !errors.Is(a.err, nvr.ErrBusy) && settled:
		r.triedPicture(a, false)
		return
	case a.task == taskAlerts:
		r.alertsRefused(a, settled)
		return
	case a.task == taskAccount: // DS-2CD2532F V5.2.0 answers 500; the identity signs in as well
		r.plan.drop(a.task, a.at)
		return
	case unsupported && settled:
		r.plan.drop(a.task, a.at)
	default:
		r.plan.refused(a.task, a.at)
		if r.plan.hopeless(a.task) && !forbidden && !errors.Is(a.err, nvr.ErrBusy) {
			r.client.GiveUp(a.err)
		}
	}
	if (unsupported && settled) || r.plan.entries[a.task].fails >= staleAfter {
		r.forget(a.task)
	}
}

// heard notes that something answered.
func (r *recorder) heard(now time.Time) {
	l := &r.live
	if l.asked && !l.answers {
		r.log.Info("recorder answers again", keySilence, now.Sub(l.since).Round(time.Second), keyTries, l.silent)
	}
	if !l.answers {
		l.since, l.trouble = now, nil
		r.stream.next = time.Time{}
	}
	l.answers, l.asked, l.silent = true, true, 0
}

// missed counts a question without answer. Before a recorder counts as silent,
// it is asked for its identity, which it surely can tell.
func (r *recorder) missed(a answer) {
	l := &r.live
	l.silent++
	if a.task != taskAccount && a.task != taskInfo {
		r.plan.refused(a.task, a.at)
		r.plan.entries[taskInfo].tried = false
		return
	}
	pause := lastRetry
	if l.silent < 5 {
		pause = min(lastRetry, firstRetry<<(l.silent-1))
	}
	r.plan.restart(time.Now())
	r.hold = a.at.Add(pause)
	if l.silent >= silentAfter || !l.asked {
		r.fellSilent(a)
	}
}

func (r *recorder) fellSilent(a answer) {
	l := &r.live
	if l.answers || !l.asked {
		l.since = a.at
		r.warn("recorder doesn't answer", a.err, a.at)
	}
	l.answers, l.asked, l.ready, l.trouble, l.wasSilent = false, true, false, a.err, true
	r.dropPictures()
}

// warn writes a failure into the diary and keeps it as the last error.
func (r *recorder) warn(what string, err error, at time.Time) {
	r.lastError, r.failedAt = plain(err), at
	r.log.Warn(what, keyError, r.lastError)
}

// notReady stops the ordinary questions: it begins again with the sign-in, not
// before the given time.
func (r *recorder) notReady(err error, at time.Time) {
	l := &r.live
	if l.trouble == nil || !sameTrouble(l.trouble, err) {
		r.warn("recorder can't be read", err, time.Now())
	}
	l.trouble, l.ready = err, false
	r.dropPictures()
	r.plan.restart(time.Now())
	r.hold = at
}

// sameTrouble compares errors without what changes from try to try: the time
// until which a sign-in is paused.
func sameTrouble(a, b error) bool {
	var x, y *nvr.SignInError
	if errors.As(a, &x) && errors.As(b, &y) {
		return errors.Is(x.Err, y.Err)
	}
	return a.Error() == b.Error()
}

// trySignIn carries out a retry_sign_in that was accepted.
func (r *recorder) trySignIn(cmd retry) {
	if err := r.client.RetrySignIn(); err != nil {
		r.site.outcome(r.cfg.Name, cmd, outcomeFailed, err.Error())
		return
	}
	r.log.Info("sign-in is tried again", keyBy, cmd.by)
	r.plan.reset(time.Now())
	r.alerts.may = nvr.Maybe[bool]{} // rights may have changed
	r.hold, r.live.trouble, r.stream.next = time.Time{}, nil, time.Time{}
	r.retries = append(r.retries, cmd) // they come at verdictRate at most
}

// finishRetry tells what came of it, once something did.
func (r *recorder) finishRetry() {
	if len(r.retries) == 0 || !r.live.ready && r.live.trouble == nil {
		return
	}
	what, message := outcomeDone, "signed in"
	if !r.live.ready {
		what, message = outcomeFailed, plain(r.live.trouble)
	}
	for _, cmd := range r.retries {
		r.site.outcome(r.cfg.Name, cmd, what, message)
	}
	r.retries = nil
}
