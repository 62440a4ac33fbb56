package bridge

import (
	"strconv"
	"time"

	"hikbridge/bridge/power"
	"hikbridge/discovery"
	"hikbridge/mqtt"
	"hikbridge/nvr"
)

// powerView is what a keeper lets the recorder's loop do and show.
type powerView struct {
	// Ask lets the loop ask by its plan, Listen read the event stream. SignIn is
	// for a time without a plan: it looks now and then who answers.
	Ask, Listen, SignIn bool
	// Sequence says that a power sequence is about to change the recorder's power, has
	// done so, or brings it back; Counting that it counts down to that.
	Sequence, Counting bool
	// Configure is whether the account may change the recorder's settings, as the last
	// check was told.
	Configure nvr.Maybe[bool]

	State    power.State
	Why      power.Reason
	Sentence string
	Proof    power.Proof
	Needs    []reason
	// Looked says that probes run and have seen something, Answers that it was life.
	Looked, Answers bool
	Blockers        []Blocker
	Last            *Action
	Full            time.Time // last full shutdown in the log book
	Drill           power.Learned
	Support         string
	Finish          time.Time
}

// resting says that no sequence of power runs.
func (v powerView) resting() bool {
	return v.State == power.Running || v.State == power.Unreachable || v.State == power.Attention
}

// ordinary says that the recorder's own loop knows best how it fares.
func (v powerView) ordinary() bool {
	return v.State == power.Running || v.State == power.Unreachable || v.State == ""
}

// view is how it stands now.
func (k *keeper) view(w power.Watch) powerView {
	now := time.Now()
	m := k.machine.Memory()
	polls := w.Poll || k.readable(m)
	v := powerView{
		Ask: polls && k.stop == nil, Listen: polls, SignIn: w.SignIn && k.maySignIn(now),
		State: k.machine.State(), Why: k.machine.Why(), Sentence: clip(k.machine.Status()), Proof: k.machine.Proof(),
		Needs: k.needs(), Looked: k.probes != nil && k.sight.last.Sight != "", Answers: k.sight.last.Sight == power.Alive,
		Blockers: blockers(k.machine.Findings()), Drill: m.Learned, Support: k.supportWord(m), Finish: k.finish(m),
		Full: k.book.full,
	}
	if c := k.configure.Load(); c != nil {
		v.Configure = known(*c)
	}
	changes := m.Seq.Number != 0 && m.Seq.Action != power.TestOutage
	v.Counting = changes && v.State == power.CountingDown
	v.Sequence = changes && v.State != power.Checking && !v.resting()
	if a := k.book.last(); a != nil {
		last := *a
		v.Last = &last
	}
	return v
}

// readable says that a recorder that boots may be read like any other: nothing was
// asked of it, or it was signed in to and looked at already. What isn't as before
// may take ten minutes, and its cameras are wanted meanwhile.
func (k *keeper) readable(m power.Memory) bool {
	return k.machine.State() == power.Booting && (m.Seq.Number == 0 || len(k.machine.Verification()) > 0)
}

// maySignIn says that a sign-in may be risked in a sequence: something has answered
// for long enough, and the recorder isn't going down just now, when answers get lost,
// which count as failed logins.
func (k *keeper) maySignIn(now time.Time) bool {
	goingDown := k.machine.State() == power.Confirming && k.machine.Since() < goesDownIn
	return k.probes != nil && !goingDown && k.sight.stable(now)
}

// needs are why a person is needed, beside what the recorder's loop finds.
func (k *keeper) needs() []reason {
	var all []reason
	for _, id := range k.machine.Needs() {
		if id == "unreachable" {
			continue // the recorder's loop tells that, with the cause
		}
		if r, ok := needTexts[id]; ok && (id != "waits_for_power" || len(k.shares) == 0) { // a shared plug isn't to be switched
			all = append(all, reason{ID: id, Text: r.Text, Advice: r.Advice})
			continue
		}
		all = append(all, reason{ID: id, Text: clip(k.machine.Status()), Advice: attentionAdvice})
	}
	return all
}

const attentionAdvice = "Look at the recorder; its Status says what to do."

// needTexts are the reasons whose sentence isn't Status.
var needTexts = map[string]reason{
	"waits_for_power": {Text: "The recorder is off and is to run again, but nobody switches its plug", Advice: "Switch its power off and on, so that it starts again."},
	"plug":            {Text: "The plug doesn't report that it is on", Advice: "Look at the plug; the bridge goes on trying."},
	"drill_due":       {Text: "The recorder has other firmware than at its last shutdown drill", Advice: "Do the drill again while somebody is at the recorder."},
	"unclean_stop":    {Text: "The recorder's log tells of an unclean stop after it was called safe to cut", Advice: "The plug isn't switched off any more until a drill has passed; please report it."},
	"too_many_starts": {Text: "This program started too often in a row", Advice: "Look into its log; it only observes until 10 quiet minutes have passed."},
	"journal":         {Text: "The journal can't be written", Advice: "Look at the disk that the state directory is on; no recorder is shut down by hand meanwhile."},
}

// supportWord is whether the recorder can be shut down from outside.
func (k *keeper) supportWord(m power.Memory) string {
	switch {
	case k.support.Told == power.No:
		return discovery.SupportNo
	case k.support.Told == power.Yes, m.Learned.Passed && m.Learned.Firmware == m.Firmware, m.Seq.Success:
		return discovery.SupportYes
	}
	return discovery.SupportUnknown
}

// quickWatts is what the meter must read at most for a proof without a long silence.
const quickWatts = 3

// finish guesses when the recorder is proven off, or runs again, by what a drill
// taught, in full minutes and never a time that has passed; zero when nothing is on
// its way there.
func (k *keeper) finish(m power.Memory) time.Time {
	l := m.Learned
	toSilence, gap, boot := l.ToSilence, l.Gap, l.Boot
	if !l.Passed {
		toSilence, gap, boot = time.Minute, time.Minute, 2*time.Minute
	}
	proven := max(k.cfg.Power.Timers.Quiet, 3*time.Minute) + 30*time.Second
	if l.Passed && !l.Blind && l.Halted > 0 && l.OffWatts <= quickWatts {
		proven = 45 * time.Second
	}
	countdown, off, cut, on := 10*time.Second, toSilence+proven, 20*time.Second, 20*time.Second+boot
	request, after := off, time.Duration(0)
	switch second := m.Seq.Drill.Leg == 2; {
	case m.Seq.Action == power.Reboot:
		request = toSilence + gap + boot
	case m.Seq.Action == power.Drill && second: // it ends when it has come back
		countdown = time.Minute
		off, cut = off+cut+on, cut+on
		request = off
	case m.Seq.Action == power.Drill: // a second leg follows
		request = toSilence + gap + boot
		after = time.Minute + off + cut + on
	}
	left := map[power.State]time.Duration{
		power.Checking: 20*time.Second + countdown + request, power.CountingDown: countdown + request,
		power.ShuttingDown: request, power.Confirming: off, power.Cutting: cut,
		power.PoweringOn: on, power.Rebooting: gap + boot, power.Booting: boot,
	}
	d, ok := left[k.machine.State()]
	if !ok || !acts(m.Seq.Action) {
		return time.Time{}
	}
	return time.Now().Add(max(0, d+after-k.machine.Since())).Truncate(time.Minute).Add(time.Minute)
}

// powerValues are the values of a recorder's power, by key.
func (r *recorder) powerValues(v map[string]value) {
	p := &r.power
	if p.State == "" {
		return // the keeper hasn't spoken yet: unknown
	}
	v[discovery.KeyPowerState] = value{string(p.State), map[string]any{"reason": string(p.Why)}}
	v[discovery.KeyProof] = value{state: string(p.Proof)}
	v[discovery.KeyShutdownSupport] = value{state: p.Support}
	hard := 0
	for _, b := range p.Blockers {
		if b.Severity != string(power.Info) {
			hard++
		}
	}
	v[discovery.KeyBlockers] = value{strconv.Itoa(hard), map[string]any{"findings": p.Blockers}}
	if p.Last != nil {
		v[discovery.KeyLastPowerAction] = value{timestamp(p.Last.Began), p.Last.attributes()}
	}
	if p.Drill.Passed {
		v[discovery.KeyLastDrill] = value{timestamp(p.Drill.At), map[string]any{"firmware": p.Drill.Firmware}}
	}
	if !p.Finish.IsZero() {
		v[discovery.KeyExpectedFinish] = value{state: timestamp(p.Finish)}
	}
	if p.Looked {
		v[discovery.KeyConnection] = value{state: onOff(p.Answers)}
	}
}

// maxShownSteps is how many steps of an action stand in attributes, which Home
// Assistant records: the last ones.
const maxShownSteps = 20

// attributes are what Last power action tells.
func (a *Action) attributes() map[string]any {
	steps := make([]string, 0, maxShownSteps)
	for _, s := range a.Steps[max(0, len(a.Steps)-maxShownSteps):] {
		steps = append(steps, s.At.Local().Format("15:04:05")+" "+s.What)
	}
	all := map[string]any{"action": a.Action, "by": a.By, "reason": a.Reason, "outcome": a.Outcome, "verdict": a.Verdict,
		"message": a.Message, "proof": a.Proof, "steps": steps, "verification": a.Verification, "gaps": a.Gaps}
	if !a.Ended.IsZero() {
		all["ended"] = timestamp(a.Ended)
	}
	return all
}

// obey takes over what the keeper wants.
func (r *recorder) obey(v powerView) {
	before := r.power
	r.power = v
	if v.Sequence != before.Sequence || v.State != before.State {
		r.alerts.sequenceMoved(time.Now(), v.Sequence)
	}
	if v.Configure.Known && v.Configure != before.Configure {
		r.alerts.may = v.Configure
		if r.known != nil {
			r.noteApp()
		}
	}
	if before.Ask && !v.Ask && r.cancel != nil {
		r.cancel() // a power effect goes first
	}
	switch {
	case before.Listen && !v.Listen:
		r.hangUp()
		r.live.ready, r.live.trouble = false, nil
		r.dropPictures()
	case !before.Listen && v.Listen:
		r.plan.restart(time.Now())
		r.hold, r.live.silent = time.Time{}, 0
		r.live.answers, r.live.asked = false, false
		r.live.boot, r.live.status = time.Time{}, nil // it may have started anew
	}
}

// showIdle says whether the buttons make sense that begin something.
func (r *recorder) showIdle() {
	r.put(mqtt.Availability, r.site.device.IdleAvailability(r.cfg.Name), availability(r.power.resting()))
}
