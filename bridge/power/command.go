package power

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Command is what somebody asks for. Its form was checked already.
type Command struct {
	Action  Action
	Plain   bool // without envelope: no id, time and origin
	ID      string
	At      time.Time
	By      string // a user, "automation", or nothing
	Reason  string
	Force   []string // ids of soft findings that don't block
	Content uint64   // of the payload: the same id with another content isn't a repetition
}

// harmless says that an action asks nothing of the recorder but questions.
func (a Action) harmless() bool { return a == Check || a == Plan || a == TestOutage }

// person says that somebody stands behind it.
func (c Command) person() bool { return !c.Plain && c.By != "" && c.By != "automation" }

// AnswerType is what an answer says.
type AnswerType string

const (
	Accepted  AnswerType = "accepted" // a verdict, as the next three
	Declined  AnswerType = "refused"
	Duplicate AnswerType = "duplicate"
	Expired   AnswerType = "expired"
	Finished  AnswerType = "done" // an outcome, as the next two
	Undone    AnswerType = "failed"
	Cancelled AnswerType = "cancelled"
)

// Answer is the verdict on a command, or the outcome of an accepted one.
type Answer struct {
	Type     AnswerType
	ID, By   string
	Action   Action
	Reason   string // one word, for automations
	Message  string
	Findings []Finding
}

// seenID is an id that was used.
type seenID struct {
	ID      string
	Content uint64
	Until   time.Time
}

func (m *Machine) answer(t AnswerType, c Command, reason, message string, found ...Finding) {
	m.out.Answers = append(m.out.Answers, Answer{Type: t, ID: c.ID, By: c.By, Action: c.Action, Reason: reason, Message: message, Findings: found})
}

func (m *Machine) refuse(c Command, reason, message string, found ...Finding) {
	m.answer(Declined, c, reason, message, found...)
}

// done is the verdict and the outcome of what takes no time.
func (m *Machine) done(c Command, message string) {
	m.accept(c)
	m.answer(Finished, c, "", message)
}

// accept gives the verdict and remembers the id over restarts.
func (m *Machine) accept(c Command) {
	m.answer(Accepted, c, "", "")
	if !c.Plain && len(m.d.Accepted) < maxIDs {
		m.d.Accepted = append(m.d.Accepted, seenID{c.ID, c.Content, m.now.Wall.Add(acceptedLife)})
		m.note("accepted " + string(c.Action))
	}
}

// finish gives the outcome of the sequence's command, once; what nobody asked for has
// one, too.
func (m *Machine) finish(t AnswerType, reason, message string) {
	s := &m.d.Seq
	switch {
	case s.Accepted:
		m.answer(t, s.Command, reason, message)
	case s.Number == 0 || s.Action == Outage:
		m.out.Ends = append(m.out.Ends, Answer{Type: t, Action: s.Action, Reason: reason, Message: message})
	}
	s.Accepted = false
}

// command judges envelope and circumstances, and begins or changes a sequence.
func (m *Machine) command(c Command) {
	fresh, judged := m.envelope(c)
	if judged {
		return
	}
	switch c.Action {
	case Check, Plan, TestOutage, Shutdown, Reboot, PowerCycle, Drill:
		m.request(c)
	case Cancel:
		m.cancel(c)
	case PowerOn:
		m.powerOn(c, fresh)
	case ConfirmOff:
		m.confirmOff(c)
	default:
		m.refuse(c, "unknown_action", "there is no such action")
	}
}

// envelope gives a verdict on what isn't to be carried out. Switching on is never
// refused for a time; fresh says that its time was good.
func (m *Machine) envelope(c Command) (fresh, judged bool) {
	if c.Plain {
		if m.cfg.PlainCommands || c.Action.harmless() || c.Action == Cancel || c.Action == PowerOn {
			return false, false
		}
		m.refuse(c, "plain", "send an envelope with id and at, as the buttons in Home Assistant do")
		return false, true
	}
	old := func(s seenID) bool { return m.now.Wall.After(s.Until) }
	m.d.Accepted = slices.DeleteFunc(m.d.Accepted, old)
	m.ids = slices.DeleteFunc(m.ids, old)
	for _, s := range slices.Concat(m.d.Accepted, m.ids) {
		if s.ID != c.ID {
			continue
		}
		if s.Content == c.Content {
			m.answer(Duplicate, c, "duplicate", "this id was seen before; nothing is done twice")
		} else {
			m.refuse(c, "id_reused", "this id was used for another command; make a new one")
		}
		return false, true
	}
	age := m.now.Wall.Sub(c.At)
	fresh = age <= m.timers.CommandLife && age >= -commandSkew
	switch {
	case fresh && max(len(m.ids), len(m.d.Accepted)) >= maxIDs && c.Action != PowerOn && c.Action != Cancel:
		m.refuse(c, "too_many_ids", "too many commands lately; try again in two minutes")
		return false, true
	case fresh && len(m.ids) < maxIDs:
		m.ids = append(m.ids, seenID{c.ID, c.Content, c.At.Add(idLife)})
	case fresh || c.Action == PowerOn:
	case c.At.After(m.now.Wall):
		m.refuse(c, "wrong_clock", fmt.Sprintf("its time lies %s ahead of this clock; set the clocks of both machines", spell(-age)))
		return false, true
	default:
		m.answer(Expired, c, "expired", fmt.Sprintf("it is %s old and valid for %s; is a clock wrong?", spell(age), spell(m.timers.CommandLife)))
		return false, true
	}
	return fresh, false
}

// request begins a sequence, or a check.
func (m *Machine) request(c Command) {
	still := m.is(StillOn)
	switch {
	case m.observing() && (!c.Action.harmless() || c.Action == TestOutage): // no outage would shut it down
		m.refuse(c, "observing", m.observingBecause())
	case m.d.State == Running || still:
		if c.Action == Drill && !m.now.within(m.checked, freshCheck) {
			m.refuse(c, "check_first", "press Check first: a drill needs one that is not older than 10 minutes")
			return
		}
		owed := m.d.Seq.Owed
		m.begin(c.Action, c)
		m.d.Seq.Back, m.d.Seq.Owed = still, owed
		m.to(Checking, string(c.Action))
	case m.d.State == Unreachable:
		m.refuse(c, "unreachable", "the recorder doesn't answer")
	case m.d.State == Attention:
		m.refuse(c, string(m.d.Why), m.Status())
	default:
		m.refuse(c, "busy", m.busyBecause())
	}
}

// busyBecause says what goes on, with its command's id where it has one.
func (m *Machine) busyBecause() string {
	text := fmt.Sprintf("a %s is under way; Status says how far", word(m.d.Seq.Action))
	switch m.d.State {
	case Checking, CountingDown:
		text = fmt.Sprintf("a %s is about to begin; Cancel stops it", word(m.d.Seq.Action))
	case Safe, PresumedOff, Off:
		text = "the recorder is shut down already; start it first"
	}
	return strings.TrimSuffix(fmt.Sprintf("%s (%s)", text, m.d.Seq.Command.ID), " ()")
}

// cancel ends what hasn't been asked of the recorder; afterwards it makes sure
// that power comes back.
func (m *Machine) cancel(c Command) {
	switch m.d.State {
	case ShuttingDown, Confirming, PresumedOff, Safe, Cutting, Off, Checking, CountingDown, Rebooting:
		if m.beforePut() {
			m.stopBeforePut(c)
			return
		}
		m.owe()
		if !m.cfg.Plug.Exists {
			m.done(c, "too late to stop it; when it is off, switch its power off and on by hand")
			return
		}
		m.done(c, "too late to stop it; the recorder is switched on again afterwards")
	default:
		m.refuse(c, "nothing", "there is nothing to cancel")
	}
}

// beforePut says that nothing was asked of the recorder yet. A request whose
// record isn't durable didn't leave.
func (m *Machine) beforePut() bool {
	switch m.d.State {
	case Checking, CountingDown:
		return true
	case ShuttingDown, Rebooting:
		if m.pending == PutShutdown || m.pending == PutReboot {
			m.pending = NoEffect
			m.unput()
		}
		return m.d.Seq.Puts == 0
	}
	return false
}

func (m *Machine) stopBeforePut(c Command) {
	m.done(c, "")
	if m.d.Seq.Action == Outage {
		m.d.Cancelled = m.d.Outage
	}
	m.backTo("cancel", Cancelled, "cancelled", "cancelled by "+strings.TrimSpace("somebody "+c.By))
}

// powerOn switches on, or sees to it that this happens.
func (m *Machine) powerOn(c Command, fresh bool) {
	if !m.cfg.Plug.Exists {
		m.refuse(c, "no_plug", "no plug is configured: switch its power off and on by hand")
		return
	}
	cycle := fresh && m.cutsByWord() && !m.observing() && !m.d.NoCuts
	switch m.d.State {
	case Running, Booting:
		m.done(c, "it is on")
	case Safe:
		if !cycle {
			m.refuse(c, "is_on", m.handsOn("its plug is on and may not be switched off now: switch it off and on by hand"))
			return
		}
		m.owe()
		m.done(c, "it is switched off and on")
	case Checking, CountingDown, ShuttingDown, Rebooting, Confirming, Cutting:
		if m.beforePut() {
			m.stopBeforePut(c)
			return
		}
		m.owe()
		m.done(c, "the recorder is switched on again afterwards")
	case Off:
		m.owe()
		m.d.Seq.OnAsked = true
		m.done(c, "")
	case PoweringOn:
		m.done(c, "")
		m.again = m.now
	case PresumedOff, Attention:
		switch {
		case m.is(JournalDamaged):
			m.done(c, "")
			m.do(SwitchOn)
		case m.relayNow() == RelayOff, !m.cfg.Plug.Relay && !m.is(StillOn):
			m.owe()
			m.done(c, "")
			m.switchOn("power_on")
		case cycle && m.personProof() && m.canSwitchOff():
			m.owe()
			m.done(c, "it is switched off and on")
			m.cut(ProofPerson, "person's proof, then power_on")
		case m.d.State == PresumedOff || m.is(Unproven):
			m.owe()
			if !cycle {
				m.done(c, m.handsOn("its plug is on: switch it off and on by hand"))
				return
			}
			m.done(c, "its plug is on: confirm that it is off, then press again, or switch it off and on by hand")
		default:
			m.done(c, "its plug is on")
		}
	case Unreachable:
		m.done(c, "")
		m.do(SwitchOn)
	}
}

// confirmOff takes a person's word that the recorder is off.
func (m *Machine) confirmOff(c Command) {
	s := &m.d.Seq
	switch {
	case !c.person():
		m.refuse(c, "no_person", "only a person who stands at the recorder can say so")
	case m.d.State != Confirming && m.d.State != PresumedOff && !m.is(Unproven):
		m.refuse(c, "nothing", "nothing waits for this")
	case s.Action == Outage:
		m.refuse(c, "outage", "in an outage only the meter proves it")
	case !s.Success:
		m.refuse(c, "not_accepted", "the recorder didn't say that it shuts down; look at its screen again and unplug it by hand")
	case !m.silentFor(m.quiet()):
		m.refuse(c, "too_early", fmt.Sprintf("it must have been silent for %s: a restart looks the same until then", spell(m.quiet())))
	default:
		m.person, m.personNumber = m.now, m.seen.silences
		m.provesDrill()
		switch {
		case s.Action == Drill && s.Drill.Failed == "":
			m.done(c, "noted; the drill goes on, see Status")
		case m.cutsByWord():
			m.done(c, "noted for 5 minutes; Power on switches it off and on")
		default:
			m.done(c, "noted; "+m.handsOn("now switch it off and on by hand"))
		}
	}
}

// personProof says that a person's word stands. It counts once.
func (m *Machine) personProof() bool {
	return m.now.within(m.person, personLife) &&
		m.personNumber == m.seen.silences && m.silentFor(m.quiet())
}
