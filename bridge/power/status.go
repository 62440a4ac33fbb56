package power

import (
	"fmt"
	"strings"
	"time"
)

// Status is one sentence for a person.
func (m *Machine) Status() string {
	s, v := &m.d.Seq, &m.seen
	silent := "no more"
	if !v.from.never() {
		silent = v.last.since(v.from).Round(time.Second).String()
	}
	switch m.d.State {
	case Running:
		return "The recorder runs."
	case Unreachable:
		return "The recorder doesn't answer; that says nothing about its power."
	case Checking:
		if left := blocking(m.findings, s.Command.Force, false); len(left) > 0 && s.Action == Outage {
			return "Outage: the shutdown waits. " + left[0].Text
		}
		return "Checking whether anything speaks against it."
	case CountingDown:
		return fmt.Sprintf("The %s begins in a moment; Cancel stops it.", word(s.Action))
	case ShuttingDown:
		return "The recorder is asked to shut down."
	case Confirming:
		if !v.from.never() {
			return "The recorder has been silent for " + silent + "; waiting for proof that it is off."
		}
		return "The recorder was asked to shut down and still answers."
	case PresumedOff:
		return "The recorder accepted the shutdown and has been silent for " + silent + ". That is no proof: look at its screen and listen for disks before you pull the plug." + m.figures()
	case Safe:
		return "The recorder is off: power may be cut."
	case Cutting:
		return "The plug is switched off."
	case Off:
		return "The recorder has no power."
	case PoweringOn:
		if m.tries > cutTries {
			return fmt.Sprintf("The plug doesn't report that it is on after %d tries: look at it.", m.tries)
		}
		return "The plug is switched on."
	case Rebooting:
		return "The recorder restarts."
	case Booting:
		if s.NotSwitched {
			return "The recorder starts although its plug is off: this plug doesn't feed it."
		}
		return "The recorder starts; cameras and recordings are verified."
	}
	switch m.d.Why {
	case StillOn:
		return "The recorder accepted the shutdown and stays on. Its power was kept."
	case CameBack:
		return "The recorder was off and came back by itself. Its power was kept."
	case Unproven:
		return "It can't be proven that the recorder is off. Look at it, then confirm that it is off, or switch it off and on by hand." + m.figures()
	case BootFailed:
		return "The recorder doesn't answer after its start. Look at its screen."
	case CutUnconfirmed:
		return "The plug was told to switch off and doesn't report that it did. Look at it."
	case PowerLost:
		return "Its plug was switched off by somebody else while the recorder wasn't proven off."
	case WrongDevice:
		return "Another device answers at the recorder's address: " + strings.TrimSpace(v.other) + "."
	}
	return "The journal was damaged: the bridge only observes until the recorder has answered for 10 minutes."
}

// figures adds what the meter says.
func (m *Machine) figures() string {
	if m.seen.n == 0 {
		return ""
	}
	w := m.seen.recent[(m.seen.n-1)%len(m.seen.recent)].watts
	text := fmt.Sprintf(" The plug reads %.1f W.", w)
	if !m.d.Learned.Passed {
		text += " A drill lets the bridge tell by itself."
	}
	return text
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
		return fmt.Sprintf("%d findings would block it: %s", len(left), left[0].Text)
	}
	text := "nothing speaks against a shutdown"
	if m.d.Seq.Action == Plan {
		text += fmt.Sprintf("; silent about %v after the request, proven or presumed about %v later", m.budget()-fixedBudget, m.quiet()+m.timers.Settle)
	}
	return text
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
	add((m.d.State == Safe || m.d.State == Confirming || m.d.State == Cutting) && m.now.since(m.owedFrom) >= waitsForPower && !m.owedFrom.never(), "waits_for_power")
	add(m.d.State == PoweringOn && m.tries > cutTries, "plug")
	add(m.d.Learned.Passed && m.d.Firmware != "" && m.d.Learned.Firmware != m.d.Firmware, "drill_due")
	add(m.d.NoCuts, "unclean_stop")
	add(m.looping, "too_many_starts")
	add(m.broken, "journal")
	return all
}
