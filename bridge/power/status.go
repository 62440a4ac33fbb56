package power

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status says in a sentence or two, for a person, how it stands and what to do.
func (m *Machine) Status() string {
	s := &m.d.Seq
	switch m.d.State {
	case Running:
		return "The recorder runs."
	case Unreachable:
		return "The recorder doesn't answer; that says nothing about its power."
	case Checking:
		if left := blocking(m.findings, s.Command.Force, false); len(left) > 0 && s.Action == Outage {
			return "Outage: the shutdown waits. " + left[0].Text + lowBattery(left)
		}
		return "Looking for anything that speaks against the " + word(s.Action) + "."
	case CountingDown:
		switch {
		case s.Action == Outage && !m.mains.Lost:
			return "Mains is back: the shutdown is on hold."
		case s.Action == Outage:
			return "Outage: the shutdown begins in a moment; Cancel stops it."
		case s.Drill.Leg == 2:
			return "Drill: the restart went well. The shutdown follows within a minute; Cancel stops it."
		case s.Action == TestOutage:
			return "Test of an outage: a shutdown would begin now. Nothing is asked of the recorder."
		}
		return fmt.Sprintf("The %s begins in a moment; Cancel stops it.", word(s.Action))
	case ShuttingDown:
		return "The recorder is asked to shut down."
	case Confirming:
		switch {
		case !m.seen.from.never():
			return "The recorder has been " + m.silence() + ". That may still be a restart: leave its power on."
		case m.alive():
			return "The recorder was asked to shut down and still answers."
		}
		return "The recorder was asked to shut down. It isn't known whether it still answers."
	case PresumedOff:
		return m.presumedStatus()
	case Safe:
		switch {
		case !m.othersSafe() && s.Owed:
			return "The recorder is off; its plug stays on for " + m.others() + ". To start it again, unplug this recorder alone, and plug it in again."
		case !m.othersSafe():
			return "The recorder is off; its plug stays on for " + m.others() + ". Power may be cut once all on it are safe."
		case s.Owed && !m.cfg.Plug.mayCut():
			return "The recorder is off. To start it again, switch its power off and on."
		}
		return "The recorder is off: power may be cut."
	case Cutting:
		return "The plug is being switched off."
	case Off:
		if !s.WasSafe && s.CutBy == "" && !s.Drill.Proven {
			return "The plug is off. It isn't proven that the recorder was off before. Power on starts it again."
		}
		switch {
		case s.Owed && !m.owed():
			return "The recorder and its plug are off. It is switched on again once mains is stable."
		case s.Owed:
			return "The recorder and its plug are off. It is switched on again in a moment."
		}
		return "The recorder and its plug are off. Power on starts it again."
	case PoweringOn:
		if m.tries > cutTries {
			return fmt.Sprintf("The plug doesn't report that it is on after %d tries: look at it.", m.tries)
		}
		return "The plug is being switched on."
	case Rebooting:
		if m.phase == watching {
			return "The recorder was asked to restart; it is watched."
		}
		return "The recorder is asked to restart."
	case Booting:
		switch {
		case s.NotSwitched:
			return "The recorder starts although its plug is off: this plug doesn't feed it."
		case !normal(m.items):
			return "The recorder runs, not as before: " + m.faults() + "."
		}
		return "The recorder starts; then its cameras and recordings are checked."
	}
	return m.attentionStatus()
}

// attentionStatus says why a person is needed, and for what.
func (m *Machine) attentionStatus() string {
	s := &m.d.Seq
	switch m.d.Why {
	case StillOn:
		if l := m.d.Learned; l.Answers && l.Firmware == m.d.Firmware {
			return "The recorder was asked to shut down and still answers; a drill showed that it does so when it has halted. Look at its screen, then unplug it by hand."
		}
		return "The recorder was asked to shut down and still answers. Its power was kept. If its screen says that it has halted, switch it off and on by hand." + m.onShared()
	case CameBack:
		return "The recorder was taken for off, and something answers at its address again. Nothing more is switched off; it goes on by itself once it has signed in."
	case Unproven:
		if m.cutsByWord() && s.Success && s.Action != Outage {
			return "It can't be proven that the recorder is off. Look at it: if it has halted, press Confirm it is off and then Power on, or switch it off and on by hand." + m.figures()
		}
		return "It can't be proven that the recorder is off. Look at it: if it has halted, switch it off and on by hand." + m.figures()
	case BootFailed:
		return "The recorder doesn't answer after its start. Look at its screen."
	case CutUnconfirmed:
		return "It isn't known whether the plug has switched off. Look at the plug."
	case PowerLost:
		if !m.sentOff.never() {
			return "The plug is off. This bridge switched it off, and something answered at the recorder's address afterwards: look at the recorder."
		}
		if m.cfg.Plug.shared() { // perhaps for the others
			return "The plug was switched off before the recorder was proven off. Switch it on again: the recorder is checked once it runs."
		}
		return "The plug was switched off, not by this bridge, before the recorder was proven off. Switch it on again: the recorder is checked once it runs."
	case WrongDevice:
		return "Another device answers at the recorder's address: " + clip(strings.TrimSpace(m.seen.other), 100) + ". Correct the address, or forget the old recorder with purge."
	}
	return "The journal was damaged: the bridge only observes until the recorder has answered for 10 minutes."
}

// presumedStatus says since when it is silent, and what to look at.
func (m *Machine) presumedStatus() string {
	switch s := &m.d.Seq; {
	case s.Drill.Failed == "" && s.Drill.Proven && !m.othersSafe():
		return "Drill: unplug the recorder, and plug it in again after 15 seconds." + m.onShared()
	case s.Drill.Failed == "" && s.Drill.Proven:
		return "Drill: switch the recorder off and on by hand, with 15 seconds in between, best at its plug if that is one that the bridge reads."
	case s.Action == Drill && s.Drill.Failed == "":
		return "Drill: the recorder has been " + m.silence() + ". If its screen is dark or says that power may be switched off, and no disk is heard, press Confirm it is off." + m.figures()
	}
	return "The recorder accepted the shutdown and has been " + m.silence() + ". That is no proof: look at its screen and listen for disks before you pull the plug." + m.figures()
}

// lowBattery tells of a missing drill, the one thing that low battery excuses. It
// comes first only if nothing else is hard.
func lowBattery(left []Finding) string {
	if left[0].ID == "drill" {
		return " At low battery it is shut down all the same."
	}
	return ""
}

// blocked says what stands against a command, and how to go on.
func blocked(left []Finding, person bool) string {
	text := left[0].Text + more(left) + " " + left[0].Advice
	soft := !slices.ContainsFunc(left, func(f Finding) bool { return f.Severity == Hard })
	switch {
	case soft && person:
		text += " Press again within 2 minutes to go on all the same."
	case soft:
		text += fmt.Sprintf(" An automation goes on all the same with force %q.", ids(left))
	}
	return text
}

// more counts what isn't named.
func more(left []Finding) string {
	if len(left) < 2 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", len(left)-1)
}

// silence says since when, so that it stays true while it is shown.
func (m *Machine) silence() string {
	switch from := m.seen.from; {
	case from.never():
		return "silent until lately"
	case m.now.Wall.Sub(from.Wall).Abs() < 12*time.Hour:
		return "silent since " + from.Wall.Format("15:04")
	default:
		return "silent since " + from.Wall.Format("15:04 on 2 January")
	}
}

// figures adds what the meter says now, or what a shared one isn't good for.
func (m *Machine) figures() string {
	if m.cfg.Plug.shared() {
		return m.onShared()
	}
	if m.seen.n == 0 {
		return ""
	}
	w := m.seen.recent[(m.seen.n-1)%len(m.seen.recent)]
	if !m.now.within(w.at, readingGap) {
		return ""
	}
	text := fmt.Sprintf(" The plug reads %.1f W.", w.watts)
	if !m.d.Learned.Passed && m.d.Seq.Action != Drill {
		text += " After a drill the bridge may tell by itself."
	}
	return text
}

// faults lists what isn't as it should be.
func (m *Machine) faults() string {
	var all []string
	for _, i := range m.items {
		if i.Told == No {
			all = append(all, faultNames[i.ID])
		}
	}
	return strings.Join(all, ", ")
}

// faultNames say what it means that an item of the verification isn't so.
var faultNames = map[string]string{
	"identity": "another serial number", "restarted": "it didn't restart", "cameras": "cameras are missing", "recording": "cameras don't record",
	"disks": "disks differ", "clock": "its clock is wrong", "clean_stop": "its log tells of an unclean stop", "errors": "its log tells of errors",
}

// spell writes a duration of a second and more for people: 3 min 30 s.
func spell(d time.Duration) string {
	d = d.Round(time.Second)
	var parts []string
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.of; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
		}
		d %= u.of
	}
	return strings.Join(parts, " ")
}

func clip(text string, n int) string {
	return strings.ToValidUTF8(text[:min(len(text), n)], "")
}

func word(a Action) string {
	switch a {
	case Reboot:
		return "restart"
	case PowerCycle:
		return "power cycle"
	case Drill:
		return "drill"
	}
	return "shutdown"
}

// planned says what would be done.
func (m *Machine) planned(left []Finding) string {
	if len(left) > 0 {
		return "it would be blocked: " + left[0].Text + more(left)
	}
	text := "nothing speaks against a shutdown"
	if m.d.Seq.Action == Plan {
		text += fmt.Sprintf("; silent about %s after the request, proven or presumed about %s later", spell(m.budget()-fixedBudget), spell(m.quiet()+m.timers.Settle))
	}
	return text
}

// wouldWait says what an outage would wait for, and for how long.
func wouldWait(left []Finding) string {
	until, told := "until its deadline", left[0]
	for _, f := range left {
		switch {
		case f.Severity == Hard && f.ID != "drill":
			return "an outage couldn't shut it down: " + f.Text + more(left) + " " + f.Advice
		case f.Severity == Hard:
			until, told = "for a low battery", f
		}
	}
	return "an outage would wait " + until + ": " + told.Text + more(left) + " " + told.Advice
}

// waitsForHand says that it may be off, and that nobody but a person switches it on.
func (m *Machine) waitsForHand() bool {
	switch m.d.State {
	case Safe, Confirming, Cutting:
		return true
	case PresumedOff:
		return m.d.Seq.Action != Drill
	}
	return false
}

// Needs says why a person is needed, one word each, beside the reason of
// attention.
func (m *Machine) Needs() []string {
	var all []string
	add := func(is bool, reason string) {
		if is {
			all = append(all, reason)
		}
	}
	add(m.d.State == Attention, string(m.d.Why))
	add(m.d.State == Unreachable && m.now.since(m.since) >= unreachableFor, "unreachable")
	add(m.waitsForHand() && m.now.since(m.owedFrom) >= waitsForPower && !m.owedFrom.never(), "waits_for_power")
	add(m.tries > cutTries, "plug")
	add(m.d.Learned.Passed && m.d.Firmware != "" && m.d.Learned.Firmware != m.d.Firmware, "drill_due")
	add(m.d.NoCuts, "unclean_stop")
	add(m.looping && m.now.since(m.started) < quietStart, "too_many_starts")
	add(m.broken, "journal")
	return all
}
