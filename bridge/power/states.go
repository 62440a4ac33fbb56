package power

import (
	"slices"
	"time"
)

// row takes the first row of the transition table whose condition holds, those
// for many states first. It says whether there was one.
func (m *Machine) row() bool {
	if m.everywhere() {
		return true
	}
	switch m.d.State {
	case Running:
		return m.running()
	case Unreachable:
		return m.unreachable()
	case Checking:
		return m.checking()
	case CountingDown:
		return m.countingDown()
	case ShuttingDown:
		return m.requesting()
	case Rebooting:
		if m.phase == watching {
			return m.rebooting()
		}
		return m.requesting()
	case Confirming:
		return m.confirming()
	case PresumedOff:
		return m.presumedOff()
	case Safe:
		m.wakeForProof()
		return m.safe()
	case Cutting:
		m.wakeForProof()
		return m.cuttingOff()
	case Off:
		return m.off()
	case PoweringOn:
		return m.poweringOn()
	case Booting:
		return m.booting()
	case Attention:
		return m.attending()
	}
	return false
}

// everywhere are the rows for many states.
func (m *Machine) everywhere() bool {
	relay := m.relayNow()
	switch m.d.State {
	case Safe, Cutting, Off, PoweringOn, PresumedOff:
		return false
	case Attention:
		unknown := m.cfg.Plug.Exists && relay == RelayUnknown && m.d.Seq.Offs > 0 && !m.alive()
		if (relay == RelayOff || unknown) && !m.damaged && m.owed() && m.after(later(m.since, later(m.seen.relayFrom, m.sentOff)), m.timers.MinOff) {
			m.switchOn("power is owed, its relay is off")
			return true
		}
		if m.observing() && relay == RelayOff && !m.personDown() && !m.mains.Lost && m.mains.Stable && m.after(later(m.back, m.since), observedOn) && !m.is(JournalDamaged) {
			m.switchOn("observing, its relay is off")
			return true
		}
		if m.outage() && relay != RelayOff && m.staysOn() {
			m.outageBegins("outage, signed in")
			return true
		}
	}
	if relay != RelayOff || m.is(PowerLost) || m.is(JournalDamaged) || m.is(CutUnconfirmed) {
		return false
	}
	if m.d.State == Confirming && m.d.Seq.WasDown {
		m.toOff("relay off while this program was away", false)
		return true
	}
	if m.is(Unproven) { // as its sentence says
		m.toOff("relay off, not by us: unproven", false)
		return true
	}
	if m.d.Seq.Asked { // its verdict
		m.d.Seq.Asked = false
		m.refuse(m.d.Seq.Command, string(PowerLost), "the recorder lost its power")
	}
	m.attention(PowerLost, "relay off, not by us")
	return true
}

func later(a, b Instant) Instant {
	if a.Mono > b.Mono {
		return a
	}
	return b
}

func (m *Machine) running() bool {
	switch {
	case m.outage():
		m.outageBegins("outage")
	case m.after(m.seen.unanswered, unanswered):
		m.to(Unreachable, "no answer for a minute")
	default:
		return false
	}
	return true
}

func (m *Machine) outageBegins(row string) {
	if m.anotherOutage(m.d.Outage) {
		m.d.Outage, m.d.OutagePuts, m.d.Cancelled, m.wasStable = m.mains.Outage, 0, 0, false
	}
	m.begin(Outage, Command{Action: Outage})
	m.to(Checking, row)
}

func (m *Machine) unreachable() bool {
	if !m.signedIn(m.since) {
		return false
	}
	if m.seen.rebooted {
		m.boot("signed in, restarted meanwhile")
	} else {
		m.to(Running, "signed in")
	}
	return true
}

// smaller says that an uptime is that of a restarted recorder.
func smaller(old, elapsed time.Duration, s SignedIn) bool {
	return s.Uptime < old+elapsed-time.Minute
}

// checking waits for the facts, and asks again in an outage.
func (m *Machine) checking() bool {
	s := &m.d.Seq
	outage := s.Action == Outage
	switch {
	case outage && !m.mains.Lost && m.after(m.back, mainsBack):
		m.backTo("mains back", Cancelled, "mains_back", "mains is back")
	case outage && m.askedNoMore():
		m.leaveAlone()
	case !outage && m.outage():
		m.takeOver()
	case m.open != 0 && !m.in(collectFor):
		return false
	case m.open != 0:
		m.open = 0
		m.collected(Facts{})
	case m.again.never() || m.lowEdge || m.after(m.again, 0):
		m.again = Instant{}
		m.lowEdge = false
		m.since = m.now
		m.do(Collect)
	default:
		return false
	}
	return true
}

// takeOver gives a sequence by hand to the outage.
func (m *Machine) takeOver() {
	if m.d.Seq.Asked {
		m.d.Seq.Asked = false
		m.refuse(m.d.Seq.Command, "outage", "an outage shuts the recorder down")
	}
	m.interrupted()
	m.failDrill("outage")
	m.outageBegins("the outage takes it over")
}

// interrupted tells what became of a command that an outage ends.
func (m *Machine) interrupted() {
	if m.d.Seq.Action != Outage {
		m.finish(Cancelled, "outage", "an outage shuts the recorder down")
	}
}

// circumstances are what the preflight depends on now.
func (m *Machine) circumstances() Circumstances {
	action := m.d.Seq.Action
	if action == TestOutage {
		action = Outage
	}
	return Circumstances{
		Action: action, Low: m.low(), Serial: m.d.Serial, Learned: m.d.Learned, Plug: m.cfg.Plug,
		MeterFresh: m.baseline(baselineAge) > 0, Witness: m.cfg.Witness,
		Often: m.often(), Daily: m.daily(), DrillNeeded: !m.cfg.AnyOutage,
	}
}

// often says that one more shutdown would wear the disks.
func (m *Machine) often() bool {
	day, week := 0, 0
	for _, t := range m.d.Shutdowns {
		age := m.now.Wall.Sub(t)
		if age < 0 { // a clock was ahead
			continue
		}
		if age < 24*time.Hour {
			day++
		}
		if age < 7*24*time.Hour {
			week++
		}
	}
	return day >= 1 || week >= 3
}

// daily counts the days of the last week on which it was shut down at about this time
// of day: a schedule, and no person.
func (m *Machine) daily() (days int) {
	var seen [8]bool
	for _, t := range m.d.Shutdowns {
		age := m.now.Wall.Sub(t)
		day := age.Round(24 * time.Hour)
		if n := int(day / (24 * time.Hour)); age < 7*24*time.Hour && n > 0 && (age-day).Abs() <= sameTime && !seen[n] {
			seen[n] = true
			days++
		}
	}
	return days
}

// collected judges facts.
func (m *Machine) collected(f Facts) {
	if m.d.State != Checking {
		m.looked(f)
		return
	}
	s := &m.d.Seq
	m.findings = Preflight(f, m.circumstances())
	m.checked = m.now
	urgent := s.Action == Outage && (m.low() || m.mains.Deadline > 0 && m.now.Mono >= m.mains.Deadline-m.budget())
	passed := s.Command.Force
	if s.Command.person() && m.refused.action == s.Action && m.now.within(m.refused.at, sameAgain) {
		passed = slices.Concat(passed, m.refused.soft)
	}
	left := blocking(m.findings, passed, urgent)
	switch {
	case s.Action == TestOutage && len(left) > 0:
		m.backTo("blocked", Undone, left[0].ID, wouldWait(left))
	case s.Action == Check || s.Action == Plan:
		m.verdict()
		m.finish(Finished, "", m.planned(left))
		m.backTo("checked", Finished, "", "")
	case len(left) > 0 && s.Action == Outage:
		m.again = m.now.plus(checkAgain)
	case len(left) > 0:
		m.refused = refusal{s.Action, m.now, ids(left)}
		m.backTo("blocked", Undone, left[0].ID, blocked(left, s.Command.person()))
	default:
		m.verdict()
		m.to(CountingDown, "nothing blocks")
	}
}

func ids(found []Finding) []string {
	var all []string
	for _, f := range found {
		all = append(all, f.ID)
	}
	return all
}

// verdict tells once that a command is carried out.
func (m *Machine) verdict() {
	s := &m.d.Seq
	if s.Asked {
		s.Asked, s.Accepted = false, true
		m.accept(s.Command)
	}
}

func (m *Machine) countdown() time.Duration {
	s := &m.d.Seq
	switch {
	case s.Action == Outage && m.mains.Low:
		return 0
	case s.Action == Outage || s.Action == TestOutage:
		return outageCount
	case s.Drill.Leg == 2:
		return drillCount
	}
	return m.timers.Countdown
}

func (m *Machine) countingDown() bool {
	s := &m.d.Seq
	outage := s.Action == Outage
	switch {
	case !outage && m.outage():
		m.takeOver()
	case outage && !m.mains.Lost && m.after(m.back, mainsBack):
		m.backTo("mains back", Cancelled, "mains_back", "mains is back")
	case outage && m.askedNoMore():
		m.leaveAlone()
	case outage && !m.mains.Lost:
		return false
	case !m.in(m.countdown()):
		return false
	case s.Action == TestOutage:
		m.backTo("tested", Finished, "", "an outage would shut it down")
	case s.Action == Reboot || s.Action == Drill && s.Drill.Leg < 2:
		m.to(Rebooting, "counted down")
		m.look()
	default:
		m.to(ShuttingDown, "counted down")
		m.look()
	}
	return true
}

// leaveAlone ends the sequence of an outage whose owner wants nothing done about it.
func (m *Machine) leaveAlone() {
	m.backTo("the outage asks no more", Cancelled, "automatic_off", "the automatic shutdown was switched off")
}

// look asks once more what would forbid the request.
func (m *Machine) look() {
	m.phase = looking
	m.lookAt = m.now
	m.do(Look)
}

// requesting is the part of shutting_down and rebooting until the recorder has
// the request.
func (m *Machine) requesting() bool {
	if m.d.Seq.Action == Outage && m.askedNoMore() && m.beforePut() {
		m.leaveAlone()
		return true
	}
	switch m.phase {
	case looking:
		if m.after(m.lookAt, collectFor) {
			m.open = 0
			m.looked(Facts{})
			return true
		}
	case putting:
		if m.after(m.d.Seq.PutAt, putFor) {
			m.open = 0
			m.putDone(Unknown, "")
			return true
		}
	case waiting:
		if m.after(m.again, 0) {
			m.look()
			return true
		}
	}
	return false
}

// looked goes on with the request, unless something forbids it.
func (m *Machine) looked(f Facts) {
	s := &m.d.Seq
	m.findings = slices.DeleteFunc(Preflight(f, m.circumstances()), func(x Finding) bool { return x.Severity != Hard })
	if len(m.findings) > 0 {
		m.cantPut("a hard finding", m.findings[0].ID, m.findings[0].Text+" "+m.findings[0].Advice)
		return
	}
	if s.Puts == 0 {
		s.Before = f.Before
		s.Baseline, s.Plug = m.baseline(baselineAge), m.cfg.Plug.ID
	}
	m.put()
}

// put makes the request, after its intent.
func (m *Machine) put() {
	s := &m.d.Seq
	kind := PutShutdown
	if m.d.State == Rebooting {
		kind = PutReboot
	}
	s.NoPresumption = s.Puts > 0 // it let us in long after the first one; what was seen before it says nothing
	s.Puts++
	s.PutAt = m.now
	if s.Action == Outage || s.Action == PowerCycle || s.Action == Drill {
		s.Owed = true
	}
	if s.Action == Outage {
		m.d.OutagePuts++
	}
	if kind == PutShutdown && s.Puts == 1 {
		m.d.Shutdowns = append(m.d.Shutdowns, m.now.Wall)
		m.d.Shutdowns = m.d.Shutdowns[max(0, len(m.d.Shutdowns)-10):]
	}
	m.phase, m.without = putting, false
	m.seen.longest, m.seen.began, m.seen.supplyBad = 0, Instant{}, m.relayNow() != RelayOn
	m.restartReadings()
	m.note("intent: " + string(kind))
	m.do(kind)
}

// unput takes a request back that didn't reach the recorder.
func (m *Machine) unput() {
	s := &m.d.Seq
	s.Puts--
	if m.without {
		m.withoutIn = 0
	}
	if m.d.State == ShuttingDown && s.Puts == 0 {
		m.d.Shutdowns = m.d.Shutdowns[:max(0, len(m.d.Shutdowns)-1)] // it wears no disk
	}
	if s.Action == Outage {
		m.d.OutagePuts--
	}
}

// putHeld decides on a request whose record took too long, or wasn't written.
func (m *Machine) putHeld(kind EffectKind) {
	s := &m.d.Seq
	switch {
	case !m.broken:
		s.PutAt = m.now
		m.do(kind)
	case s.Action == Outage && m.low() && !m.inherited && m.withoutIn != m.d.Outage:
		m.withoutIn, m.without, s.Unrecorded = m.d.Outage, true, true
		s.PutAt = m.now
		m.do(kind)
	default:
		m.unput()
		m.cantPut("the journal can't be written", "journal", "the journal can't be written: look at the disk of the state directory")
	}
}

// putDone takes in how the request ended.
func (m *Machine) putDone(o Outcome, detail string) {
	s := &m.d.Seq
	switch o {
	case Done, Unknown:
		s.Success = s.Success || o == Done
		if m.d.State == Rebooting {
			m.phase = watching
			m.since = m.now
			m.note("restart requested")
			return
		}
		m.to(Confirming, "accepted or unknown")
	case Refused:
		m.unput()
		m.cantPut("refused", "refused", detail)
	case Busy:
		m.unput()
		s.BusyTimes++
		if m.d.State == Rebooting || s.Puts > 0 || s.BusyTimes > busyTries {
			m.cantPut("busy", "busy", "the recorder is busy: "+detail)
			return
		}
		m.to(Checking, "busy")
		m.again = m.now.plus(busyAgain)
	case NotSent:
		m.unput()
		s.NotSent++
		if s.NotSent == 1 {
			m.firstTry = m.now
		}
		if m.d.State == Rebooting || s.Puts > 0 || s.NotSent >= sendTries || m.now.since(m.firstTry) > sendFor {
			m.cantPut("nothing was sent", "not_sent", "the recorder can't be reached: "+detail)
			return
		}
		m.phase = waiting
		m.again = m.now.plus(sendAgain)
	}
}

// cantPut ends an attempt: the first one ends the sequence, the second one is
// waited for as if it had been made.
func (m *Machine) cantPut(row, reason, message string) {
	s := &m.d.Seq
	switch {
	case s.Puts > 0:
		s.Attempt = 2
		m.to(Confirming, row+", after a request that counts")
	case s.Action == Outage:
		s.NotSent, s.BusyTimes = 0, 0
		m.to(Checking, row)
		m.again = m.now.plus(checkAgain)
	default:
		m.backTo(row, Undone, reason, message)
	}
}

// staysOn says that the recorder let us in since the machine is in this state, and
// not only because it hasn't gone down yet.
func (m *Machine) staysOn() bool {
	at, wait := m.seen.signed.At, m.timers.GoingDown
	if m.sincePut(at) >= shortSilence && m.restarted() { // no restart is quicker
		return m.signedIn(m.since)
	}
	return m.signedIn(m.since) && (m.sincePut(at) >= wait || at.since(m.since) >= wait)
}

// restarted says that the recorder that lives now has started since the request.
func (m *Machine) restarted() bool {
	v, s := &m.seen, &m.d.Seq
	if at := v.signed.At; at.Mono >= v.lived.Mono && v.signed.UptimeTold && s.Before.UptimeTold {
		return smaller(s.Before.Uptime, m.sincePut(at), v.signed)
	}
	return v.longest >= shortSilence
}

// sincePut is the time from the request to t, also over a restart of this
// program.
func (m *Machine) sincePut(t Instant) time.Duration {
	if m.d.Seq.Restored {
		return max(0, t.Wall.Sub(m.d.Seq.PutAt.Wall))
	}
	return t.since(m.d.Seq.PutAt)
}

func (m *Machine) confirming() bool {
	s, alive := &m.d.Seq, m.alive()
	switch {
	case alive && m.restarted():
		s.SelfBack = !m.upsCut
		m.failDrill("came_back")
		m.bootOnLife("alive, restarted")
	case alive && m.in(m.timers.GoingDown):
		m.stillOn()
	case m.proven():
		m.toSafe()
	case s.Success && m.silentFor(m.quiet()) && !m.usable():
		m.to(PresumedOff, "accepted, and quiet")
		if !s.Owed {
			m.finish(Finished, "presumed_off", m.Status())
		}
	case s.Action == Drill && m.personProof() && m.canSwitchOff():
		m.cut(ProofPerson, "drill: person's proof")
	case m.in(max(m.timers.ProofDeadline, m.timers.GoingDown+m.quiet()+m.timers.GoingDown)):
		m.attention(Unproven, "deadline")
	default:
		return false
	}
	return true
}

// stillOn asks once more, or gives up.
func (m *Machine) stillOn() {
	s := &m.d.Seq
	age := m.now.Wall.Sub(s.Command.At) // from the future: a clock was set, and nothing is known of it
	stale := s.Restored && !(m.mains.Lost && s.Action == Outage) && (age > freshCommand || age < -commandSkew || s.Action == Outage)
	switch {
	case m.observing() || stale:
		m.finish(Undone, "restart", "this program restarted meanwhile; the recorder is on")
		m.failDrill("restart")
		m.d.Seq = Sequence{}
		m.to(Running, "alive, and the command is old")
	case s.Attempt < 2 && s.Puts < putsOfSequence && (s.Action != Outage || m.outagePuts() < putsOfOutage):
		s.Attempt = 2
		m.to(ShuttingDown, "alive, second attempt")
		m.look()
	default:
		m.attention(StillOn, "alive after the second attempt")
	}
}

func (m *Machine) boot(row string) {
	m.to(Booting, row)
	m.items, m.firstTry, m.onLife = nil, Instant{}, false
	m.seen.unanswered, m.seen.answered, m.seen.other = m.now, Instant{}, ""
}

// bootOnLife follows a sign of life that may be the last one.
func (m *Machine) bootOnLife(row string) {
	m.boot(row)
	m.onLife = true
}

func (m *Machine) toSafe() {
	m.to(Safe, "power proof, and it held")
	m.d.Seq.WasSafe = true
	m.provesDrill()
	if !m.d.Seq.Owed && (!m.cfg.Plug.mayCut() || !m.othersSafe()) {
		m.finish(Finished, "safe", m.Status())
	}
}

func (m *Machine) presumedOff() bool {
	s := &m.d.Seq
	switch {
	case m.lifeSince(m.since):
		m.bootOnLife("alive")
	case m.relayNow() == RelayOff && s.Drill.Proven: // as its owner was asked to
		m.toOff("relay off, not by us", false)
	case m.relayNow() == RelayOff:
		m.failDrill("unproven")
		m.toOff("relay off, not by us: unproven", false)
	case m.proven():
		m.toSafe()
	case s.Action == Drill && m.personProof() && m.canSwitchOff():
		m.cut(ProofPerson, "drill: person's proof")
	case m.owed() && m.presumption() && m.canSwitchOff():
		m.cut(ProofPresumed, "power owed, presumption")
	case m.owed() && m.waitedForProof():
		m.attention(Unproven, "power owed, no proof")
	default:
		return false
	}
	return true
}

// waitedForProof says that power has been owed long enough without a proof.
func (m *Machine) waitedForProof() bool {
	switch s := &m.d.Seq; {
	case s.Drill.Failed == "" && s.Drill.Proven:
		return m.after(m.drillProof, drillUnplug)
	case s.Action == Drill && s.Drill.Failed == "":
		return m.in(drillWait)
	case m.cfg.Plug.Cut == CutPresumed:
		return m.after(m.stable, owedPresumed)
	}
	return m.after(m.stable, owedUnproven)
}

// judgePresumption notes whether a silence that begins now may be presumed upon.
func (m *Machine) judgePresumption(at Instant) {
	s := &m.d.Seq
	if limit := max(m.timers.GoingDown, 2*m.d.Learned.ToSilence); m.sincePut(at) > limit {
		s.NoPresumption = true
	}
}

// presumption says that the owner's terms for a cut without proof are met.
func (m *Machine) presumption() bool {
	s, v := &m.d.Seq, &m.seen
	return m.cfg.Plug.Cut == CutPresumed && m.cfg.Witness && s.Success && !s.NoPresumption && !v.supplyBad &&
		m.d.Learned.on(m.d.Firmware) && s.Before.FixedAddress && s.Owed &&
		m.silentFor(max(m.timers.Presumption, 3*m.d.Learned.Gap))
}

func (m *Machine) safe() bool {
	switch {
	case m.lifeSince(m.since) && m.upsCut:
		m.bootOnLife("alive, and its UPS was told to switch off")
	case m.lifeSince(m.since):
		m.attention(CameBack, "alive")
	case m.relayNow() == RelayOff:
		m.toOff("relay off, not by us", true)
	case !m.powerProof():
		m.to(Confirming, "proof void or lapsed")
	case m.canSwitchOff() && m.durable():
		m.cut(ProofPower, "the plug may cut")
	default:
		return false
	}
	return true
}

// canSwitchOff says that the bridge may send an OFF now. In a drill a person unplugs a
// recorder whose plug feeds others.
func (m *Machine) canSwitchOff() bool {
	if m.cfg.Plug.shared() && m.d.Seq.Action == Drill || !m.othersSafe() {
		return false
	}
	return m.cfg.Plug.mayCut() && !m.observing() && !m.d.NoCuts && !m.broken && !m.d.Seq.Unrecorded && !m.seen.bypassed &&
		m.now.within(m.seen.heard, plugHeard)
}

// cut switches off, after its intent.
func (m *Machine) cut(p Proof, row string) {
	m.to(Cutting, row)
	m.d.Seq.CutBy = p
	m.d.Seq.Offs = 0
	m.d.Seq.Cuts++
	m.switchOff()
	m.note("intent: cut")
}

func (m *Machine) switchOff() {
	m.d.Seq.Offs++
	m.again = m.now.plus(m.timers.ReadBack)
	m.do(SwitchOff)
}

// cutHeld decides on a cut whose record took too long, or wasn't written: no OFF
// left.
func (m *Machine) cutHeld() {
	m.sentOff = Instant{}
	switch {
	case m.broken:
		m.to(Confirming, "the journal can't be written")
	case m.standsForCut() && m.canSwitchOff() && m.d.Seq.Offs < cutTries:
		m.switchOff()
		m.note("intent: cut")
	default:
		m.unconfirmed("proof void or lapsed")
	}
}

// unconfirmed lets another OFF follow only from a whole new proof.
func (m *Machine) unconfirmed(row string) {
	m.attention(CutUnconfirmed, row)
	m.void()
}

// standsForCut says that the proof of this cut still stands.
func (m *Machine) standsForCut() bool {
	switch m.d.Seq.CutBy {
	case ProofPower:
		return m.powerProof()
	case ProofPerson:
		return m.personProof()
	case ProofPresumed:
		return m.presumption()
	}
	return false
}

// readBackOff says that the plug reports the relay off, and its meter nothing
// else, for long enough.
func (m *Machine) readBackOff() bool {
	v := &m.seen
	return m.relayNow() == RelayOff && m.after(v.relayFrom, m.timers.Dwell) && !m.loadSince(v.relayFrom)
}

// loadSince says that the meter read a load since t, whatever the relay said.
func (m *Machine) loadSince(t Instant) bool {
	return m.seen.load.Mono > t.Mono
}

func (m *Machine) cuttingOff() bool {
	off := m.relayNow() == RelayOff && !m.loadSince(m.seen.relayFrom)
	switch {
	case m.lifeSince(m.since):
		m.attention(CameBack, "alive")
	case m.readBackOff():
		m.toOff("relay read back off", m.d.Seq.CutBy == ProofPower)
	case off:
		return false
	case !m.othersSafe():
		m.unconfirmed("another recorder on its plug isn't safe any more")
	case !m.standsForCut():
		m.unconfirmed("proof void or lapsed")
	case !m.after(m.again, 0) || m.pending != NoEffect:
		return false
	case m.d.Seq.Offs >= cutTries || !m.canSwitchOff():
		m.unconfirmed("not read back")
	default:
		m.switchOff()
	}
	return true
}

// toOff follows a relay that is read as off; proven says that the meter had proven
// that it may be.
func (m *Machine) toOff(row string, proven bool) {
	m.d.Seq.OffProven = proven
	m.d.Seq.Drill.Unpowered = m.d.Seq.Drill.Proven
	m.to(Off, row)
	if !m.d.Seq.Owed {
		m.finish(Finished, "off", m.Status())
	}
}

func (m *Machine) off() bool {
	v := &m.seen
	switch {
	case m.signedIn(m.since) && !m.lastWord():
		m.d.Seq.NotSwitched = true
		m.boot("signed in")
	case v.relay == RelayOn:
		m.boot("relay on, not by us")
	case (m.owed() || m.d.Seq.OnAsked) && m.in(m.timers.MinOff):
		m.switchOn("power is owed or asked for")
	default:
		return false
	}
	return true
}

// switchOn switches on, and goes on doing so.
func (m *Machine) switchOn(row string) {
	m.d.Seq.OffProven = false
	m.to(PoweringOn, row)
	m.tryOn()
}

func (m *Machine) tryOn() {
	wait := min(firstOnAgain<<min(m.tries, 10), lastOnAgain)
	m.tries++
	m.again = m.now.plus(wait)
	m.do(SwitchOn)
}

func (m *Machine) poweringOn() bool {
	v := &m.seen
	switch {
	case v.relay == RelayOn && v.relayAt.Mono >= m.since.Mono:
		m.boot("relay read back on")
	case m.signedIn(m.since) && !m.lastWord():
		m.d.Seq.NotSwitched = v.relay == RelayOff
		m.boot("signed in")
	case !m.cfg.Plug.Relay && m.lifeSince(m.since):
		m.boot("alive")
	case m.lostEdge:
		m.to(Off, "mains lost")
	case m.after(m.again, 0):
		m.tryOn()
	default:
		return false
	}
	return true
}

func (m *Machine) rebooting() bool {
	switch {
	case m.alive() && m.restarted():
		m.d.Seq.Drill.Gap = m.seen.longest
		m.boot("alive, restarted")
	case m.alive() && m.in(m.timers.GoingDown):
		m.backTo("alive, not restarted", Undone, "still_on", "the recorder didn't restart")
	case m.in(m.timers.Boot):
		m.attention(BootFailed, "no answer")
	default:
		return false
	}
	return true
}

func (m *Machine) booting() bool {
	v := &m.seen
	in := m.signedIn(m.since)
	if d := &m.d.Seq.Drill; in && d.Leg == 2 && d.Boot == 0 {
		d.Boot = m.now.since(m.since)
	}
	switch {
	case m.onLife && v.signed.At.Mono < m.since.Mono && m.silentFor(lostAgain):
		m.to(Confirming, "silent again before it signed in")
	case v.other != "":
		m.attention(WrongDevice, "another serial number")
	case in && m.outage() && m.low():
		m.interrupted()
		m.outageBegins("outage, low battery")
	case in && m.open == 0 && (m.again.never() || m.after(m.again, 0)):
		m.do(CollectAfter)
	case m.firstTry.never() && v.unanswered.never():
		m.firstTry = m.now
	case in && m.after(m.firstTry, m.timers.Verify) && m.items != nil:
		m.ends("degraded", "verified with faults")
	case v.unanswered.never() && m.after(m.firstTry, m.timers.Verify):
		m.ends("unknown", "its serial number can't be read")
	case m.after(v.unanswered, m.timers.Boot):
		m.bootFailed()
	default:
		return false
	}
	return true
}

// bootFailed tries a power cycle once, where the meter proves that it is off.
func (m *Machine) bootFailed() {
	if !m.d.Seq.Cycled && m.offWatts() <= diskWatts && m.proven() && m.canSwitchOff() {
		m.d.Seq.Cycled = true
		m.failDrill(string(BootFailed))
		m.owe()
		m.cut(ProofPower, "no answer, power proof")
		return
	}
	m.attention(BootFailed, "no answer")
}

// verified compares what the recorder says after its boot.
func (m *Machine) verified(a After) {
	s := &m.d.Seq
	m.items = Verify(s.Before, m.d.Serial, a, m.sincePut(m.now))
	if item(m.items, "clean_stop") == No && s.WasSafe {
		if !m.d.NoCuts {
			m.note("an unclean stop after safe: no cuts until a drill is passed")
		}
		m.d.NoCuts = true
		m.d.Learned = Learned{}
		m.failDrill("unclean_stop")
	}
	if !normal(m.items) {
		m.again = m.now.plus(verifyAgain)
		return
	}
	if s.Action == Drill && s.Drill.Failed == "" && s.Drill.Leg < 2 {
		s.Drill.Leg = 2
		s.Puts, s.Attempt, s.Success, s.NoPresumption = 0, 1, false, false
		m.to(CountingDown, "verified: second leg of the drill")
		return
	}
	m.ends("normal", "verified")
}

// ends ends a sequence with the recorder running.
func (m *Machine) ends(verdict, row string) {
	s := &m.d.Seq
	m.passDrill(verdict)
	m.learnAnswers()
	wrong := ""
	if f := m.faults(); f != "" {
		wrong = " (" + f + ")"
	}
	switch {
	case s.Action == Drill && s.Drill.Failed != "":
		m.finish(Undone, s.Drill.Failed, "the drill has failed: "+drillReasons[s.Drill.Failed]+wrong)
	case s.Action == Drill:
		m.finish(Finished, verdict, "the drill has passed")
	case s.SelfBack:
		m.finish(Undone, "came_back", "the recorder came back by itself")
	default:
		m.finish(Finished, verdict, "the recorder runs again: "+verdict+wrong)
	}
	m.d.Seq = Sequence{}
	m.to(Running, row)
}

// lastWord says that a sign-in may be the last word of a recorder that was cut: its
// relay reads off, and it isn't clear yet that this plug doesn't feed it.
func (m *Machine) lastWord() bool { return m.relayNow() == RelayOff }

// attending are the ways out of attention.
func (m *Machine) attending() bool {
	in := m.staysOn() && !m.lastWord()
	switch m.d.Why {
	case StillOn:
		switch {
		case m.silentFor(stillOnSilent):
			m.to(Confirming, "silent after all")
		case in && m.in(stillOnFor):
			m.d.Seq = Sequence{}
			m.to(Running, "signed in for 30 minutes")
		default:
			return false
		}
		return true
	case JournalDamaged:
		return m.damagedJournal(in)
	case WrongDevice:
		if in {
			m.boot("the old serial number again")
		}
		return in
	case CutUnconfirmed:
		switch {
		case m.readBackOff():
			m.toOff("relay read back off", false)
			return true
		case m.d.Seq.Cuts < cutTries && m.proven() && m.canSwitchOff():
			m.cut(ProofPower, "a whole new proof")
			return true
		}
	case Unproven:
		if m.proven() {
			m.toSafe()
			return true
		}
	}
	if in {
		m.boot("signed in")
	}
	return in
}

// damagedJournal observes until the recorder has answered for a while.
func (m *Machine) damagedJournal(in bool) bool {
	switch {
	case in && m.after(m.seen.lived, newJournal):
		m.damaged = false
		m.d.Seq = Sequence{}
		m.boot("signed in for 10 minutes: a new journal")
		return true
	case m.relayNow() == RelayOff && !m.personDown() && !m.mains.Lost && m.mains.Stable && m.after(later(m.back, m.since), observedOn) && (m.again.never() || m.after(m.again, 0)):
		m.tryOn()
		return true
	}
	return false
}
