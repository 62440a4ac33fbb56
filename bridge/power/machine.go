package power

import (
	"slices"
	"time"
)

// Machine decides. It has no clock and no goroutine; one goroutine owns it.
type Machine struct {
	cfg    Config
	timers Timers
	d      Memory

	// All below is volatile.
	now      Instant
	out      Output
	notes    []string // what the record of this step is about
	seen     evidence
	mains    Mains
	back     Instant // since when mains isn't lost
	stable   Instant // since when power is owed and mains is stable, in this state
	owedFrom Instant // the same, whatever the state

	since        Instant // entry into the state
	phase        phase
	again        Instant // when to try again what is tried again
	tries        int
	firstTry     Instant
	open         uint64     // number of the effect whose answer is waited for; 0: none
	openKind     EffectKind // of it
	pending      EffectKind // begun with the last record, which isn't committed yet
	pendingIn    uint64     // its number
	recorded     uint64     // number of the last record that was answered
	lastMade     uint64     // number of the last record
	broken       bool       // the last record couldn't be written
	failedAt     Instant    // and when that was
	provenAt     Instant    // since when the power proof stands
	person       Instant    // a person's word
	personNumber uint64     // of the silence it was about
	sentOff      Instant    // last OFF
	started      Instant
	lookAt       Instant
	drillProof   Instant // when the drill's halt was proven
	onLife       bool    // booting since a sign of life that may have been the last one
	looping      bool    // crash loop: only observing
	damaged      bool    // journal: only observing
	checked      Instant // last check by hand
	findings     []Finding
	items        []Item
	refused      refusal
	ids          []seenID
	heardMains   bool
	inherited    bool   // mains was lost when this process first heard of it: one before may have asked without a record
	without      bool   // the request that was made last has no record
	withoutIn    uint64 // the outage in which one was made without; there is one at most
	wasStable    bool   // mains, since the outage before began
	lostEdge     bool   // mains was lost in this step
	lowEdge      bool   // the battery got low in this step
	partners     Partners
	upsCut       bool // its UPS may have been told to switch off
}

// phase is where shutting_down and rebooting stand.
type phase string

const (
	looking  phase = "looking" // a fresh look at the hard findings
	putting  phase = "putting"
	waiting  phase = "waiting"  // to look again
	watching phase = "watching" // the restart was asked for
)

// refusal is what a person was shown lately.
type refusal struct {
	action Action
	at     Instant
	soft   []string
}

// Memory is all that survives a restart.
type Memory struct {
	Number           uint64 // of the last record or effect
	State            State
	Why              Reason
	Seq              Sequence
	Serial, Firmware string
	Uptime           time.Duration // last told, at UptimeAt
	UptimeAt         time.Time
	Learned          Learned
	Accepted         []seenID
	Shutdowns        []time.Time // of the last seven days
	Starts           []time.Time // of this program, the last ones
	Outage           uint64      // the last one that asked
	OutagePuts       int
	Cancelled        uint64 // an outage that a person cancelled
	NoCuts           bool   // the recorder's log found an unclean stop after safe
}

// Sequence is what runs. The zero Sequence is none.
type Sequence struct {
	Number   uint64
	Action   Action
	Command  Command
	Accepted bool // and its outcome isn't told
	Asked    bool // and its verdict isn't told
	Back     bool // it began in attention(still_on)
	Owed     bool // power must come back
	OnAsked  bool // somebody asked for it, whatever the mains does
	Restored bool // a restart came between

	Attempt            int  // 1 or 2
	Puts               int  // accepted or unknown, or on their way
	Success            bool // an explicit one
	PutAt              Instant
	NotSent, BusyTimes int
	Before             Before
	Baseline           float64 // of the meter of the plug with this ID
	Plug               uint64

	Unrecorded    bool // the battery was low and the journal couldn't be written
	NoPresumption bool
	WasSafe       bool
	WasDown       bool // safe or presumed off when the program ended
	CutBy         Proof
	OffProven     bool // off followed from the power proof, and nobody has switched on since
	Offs          int  // OFFs of this intent
	Cuts          int  // intents to cut
	Cycled        bool // after a failed boot
	NotSwitched   bool // this plug doesn't switch it
	SelfBack      bool // it came back by itself

	Drill DrillRun
}

// Record is what must be durable. It holds the whole memory: the last one is all
// that a restart needs.
type Record struct {
	At     time.Time
	What   []string
	Memory Memory
}

// Restore makes the machine of one recorder from its records, oldest first, and
// counts this start. damaged says that the journal was damaged before its end.
func Restore(c Config, now Instant, records []Record, damaged bool) (*Machine, Output) {
	c.Plug = c.Plug.asShared()
	m := &Machine{cfg: c, timers: c.Timers.withDefaults().atLeast(), started: now, since: now, damaged: damaged}
	m.d.State = Running
	if n := len(records); n > 0 {
		m.d = records[n-1].Memory.clone()
	}
	m.damaged = m.damaged || m.is(JournalDamaged) // its ten minutes aren't over
	if !m.d.known() {
		m.damaged = true
		m.d = Memory{State: Running, Number: min(m.d.Number, maxNumber), Serial: m.d.Serial, Firmware: m.d.Firmware}
	}
	m.seen.number = 1 // 0 passes no gate
	m.seen.relay = RelayUnknown
	m.seen.unanswered = now
	m.seen.supplyBad = true
	m.step(now)
	m.mains.Stable = !c.Mains
	m.back = now
	m.d.Starts = append(m.d.Starts, now.Wall)
	m.d.Starts = slices.DeleteFunc(m.d.Starts, func(t time.Time) bool { return now.Wall.Sub(t) > startsWithin || t.After(now.Wall) })
	m.looping = len(m.d.Starts) >= startsAtMost
	m.d.Starts = m.d.Starts[max(0, len(m.d.Starts)-startsAtMost):]
	m.note("started")
	m.recover()
	return m, m.finishStep()
}

func (d Memory) clone() Memory {
	d.Accepted, d.Shutdowns, d.Starts = slices.Clone(d.Accepted), slices.Clone(d.Shutdowns), slices.Clone(d.Starts)
	d.Seq.Drill.Readings = slices.Clone(d.Seq.Drill.Readings)
	return d
}

// Step takes in an event and decides.
func (m *Machine) Step(now Instant, e Event) Output {
	m.step(now)
	m.observe(e)
	m.judgeProof()
	switch e := e.(type) {
	case Committed:
		m.committed(e)
	case Command:
		m.command(e)
	case Collected:
		if m.mine(e.Number, Collect, Look) {
			m.collected(e.Facts)
		}
	case PutDone:
		if m.mine(e.Number, PutShutdown, PutReboot) {
			m.putDone(e.Outcome, e.Detail)
		}
	case Verified:
		if m.mine(e.Number, CollectAfter) {
			m.verified(e.After)
		}
	case Partners:
		m.partners = e
	case UPSCut:
		m.upsCut = e.Told
	}
	for range 8 {
		m.countOwed()
		if m.out.Effect.Kind != NoEffect || !m.row() {
			break
		}
	}
	return m.finishStep()
}

func (m *Machine) step(now Instant) {
	m.now, m.out, m.notes, m.lostEdge, m.lowEdge = now, Output{Wake: -1}, nil, false, false
}

func (m *Machine) finishStep() Output {
	if m.out.Effect.Kind != NoEffect {
		m.wakeAt(m.now.Mono)
	} else if m.broken && len(m.notes) == 0 && m.after(m.failedAt, journalAgain) {
		m.note("the journal is tried again")
	}
	if len(m.notes) > 0 {
		m.d.Number++
		m.lastMade = m.d.Number
		if m.out.Effect.Kind != NoEffect {
			m.pending, m.pendingIn = m.out.Effect.Kind, m.d.Number
		}
		m.out.Record = &Record{m.now.Wall, m.notes, m.d.clone()}
	}
	return m.out
}

// Number is the record's, by which Committed names it.
func (r *Record) Number() uint64 { return r.Memory.Number }

// mine says that an answer belongs to the open effect, and closes it.
func (m *Machine) mine(number uint64, kinds ...EffectKind) bool {
	if number == 0 || number != m.open || !slices.Contains(kinds, m.openKind) {
		return false
	}
	m.open = 0
	return true
}

// do starts an effect.
func (m *Machine) do(k EffectKind) {
	m.d.Number++
	m.out.Effect = Effect{Kind: k, Number: m.d.Number}
	switch k {
	case SwitchOff:
		m.out.Effect.Proof = m.seen.number
		m.sentOff = m.now
	case SwitchOn:
		m.sentOff = Instant{}
	default:
		m.open, m.openKind = m.d.Number, k
	}
}

// note says what a record is about; without a note there is none.
func (m *Machine) note(what string) { m.notes = append(m.notes, what) }

// after says that d has passed since t, and wakes the machine when it will have.
func (m *Machine) after(t Instant, d time.Duration) bool {
	if t.never() {
		return false
	}
	if m.now.since(t) >= d {
		return true
	}
	m.wakeAt(t.Mono + d)
	return false
}

func (m *Machine) wakeAt(mono time.Duration) {
	m.out.Wake = time.Duration(min(uint64(m.out.Wake), uint64(max(mono, 0)))) // -1 is the greatest
}

func (m *Machine) in(d time.Duration) bool { return m.after(m.since, d) }

// to takes a row of the table.
func (m *Machine) to(s State, row string) { m.move(s, "", row) }

// attention ends a sequence with a person needed.
func (m *Machine) attention(r Reason, row string) {
	m.move(Attention, r, row)
	m.failDrill(string(r))
	m.finish(Undone, string(r), m.Status())
}

func (m *Machine) move(s State, r Reason, row string) {
	from := m.Position()
	quiet := s == Unreachable || s == Running && m.d.State == Unreachable
	m.d.State, m.d.Why = s, r
	m.since, m.open, m.phase, m.tries, m.again, m.stable, m.pending = m.now, 0, "", 0, Instant{}, Instant{}, NoEffect
	m.out.Moves = append(m.out.Moves, Move{from, row, m.Position()})
	if !quiet {
		m.note(m.Position() + ": " + row)
	}
}

// Position is the state, with the reason of attention in brackets.
func (m *Machine) Position() string {
	if m.d.State == Attention {
		return "attention(" + string(m.d.Why) + ")"
	}
	return string(m.d.State)
}

// is says that it is in attention for a reason: elsewhere there is none.
func (m *Machine) is(r Reason) bool { return m.d.Why == r }

// begin makes a sequence.
func (m *Machine) begin(a Action, c Command) {
	m.d.Number++
	m.d.Seq = Sequence{Number: m.d.Number, Action: a, Command: c, Asked: a != Outage, Attempt: 1}
	m.findings = nil // of an earlier one
}

// backTo ends a sequence before its request: where it began.
func (m *Machine) backTo(row string, t AnswerType, reason, message string) {
	back := m.d.Seq.Back
	if m.d.Seq.Asked {
		m.d.Seq.Asked = false
		m.refuse(m.d.Seq.Command, reason, message, m.findings...)
	}
	m.finish(t, reason, message)
	m.failDrill(reason)
	if back {
		m.move(Attention, StillOn, row)
		m.d.Seq.Back = false
		return
	}
	m.d.Seq = Sequence{}
	m.to(Running, row)
}

// owe makes sure that power comes back.
func (m *Machine) owe() {
	if !m.d.Seq.Owed {
		m.d.Seq.Owed = true
		m.note("power is owed")
	}
}

// personDown says that a person's shutdown is on record, and nobody asked for
// power since.
func (m *Machine) personDown() bool {
	return m.d.Seq.Action == Shutdown && m.d.Seq.Puts > 0 && !m.d.Seq.Owed
}

// committed takes in what became of the last record.
func (m *Machine) committed(c Committed) {
	if c.Number > m.lastMade {
		return
	}
	// Late may come after the answer to a newer record, and its effect still waits.
	if c.Number > m.recorded {
		m.recorded, m.broken, m.failedAt = c.Number, c.Commit == Failed, m.now
	}
	pending := NoEffect
	if c.Number == m.pendingIn {
		pending, m.pending = m.pending, NoEffect
	}
	if c.Commit == Durable {
		return
	}
	switch {
	case pending == Collect || pending == Look || pending == CollectAfter:
		m.do(pending)
	case pending == PutShutdown || pending == PutReboot:
		m.putHeld(pending)
	case pending == SwitchOff:
		m.cutHeld()
	case m.broken && m.d.State == CountingDown && m.d.Seq.Action != Outage:
		m.backTo("the journal can't be written", Undone, "journal", "the journal can't be written: look at the disk of the state directory")
	case m.broken && m.d.State == Safe:
		m.to(Confirming, "the journal can't be written")
	}
}

// judgeProof notes since when the power proof stands.
func (m *Machine) judgeProof() {
	switch {
	case !m.powerProof():
		m.provenAt = Instant{}
	case m.provenAt.never():
		m.provenAt = m.now
	}
}

// wakeForProof wakes the machine when evidence that something rests on gets too
// old.
func (m *Machine) wakeForProof() {
	v := &m.seen
	for _, old := range []struct {
		at  Instant
		gap time.Duration
	}{{v.last, probeGap}, {v.low.last, readingGap}, {v.witness, witnessGap}} {
		if m.now.since(old.at) <= old.gap {
			m.wakeAt(old.at.Mono + old.gap + time.Millisecond)
		}
	}
}

// durable says that nothing waits to be written.
func (m *Machine) durable() bool { return m.recorded == m.lastMade }

// usable says that the power proof is complete, and something may follow from it.
func (m *Machine) usable() bool { return m.powerProof() && !m.broken && !m.d.Seq.Unrecorded }

// proven says that it held long enough.
func (m *Machine) proven() bool { return m.usable() && m.after(m.provenAt, m.timers.Settle) }

// Safe says whether the recorder may be called safe to cut, and the number of the
// proof that the gate must be raised with. Who cuts a shared plug cuts all that it
// feeds, so that takes all of them.
func (m *Machine) Safe() (number uint64, ok bool) {
	return m.seen.number, m.d.State == Safe && m.durable() && m.othersSafe()
}

// Proof is what stands for "it is off".
func (m *Machine) Proof() Proof {
	switch {
	case m.powerProof():
		return ProofPower
	case m.personProof():
		return ProofPerson
	case m.presumption():
		return ProofPresumed
	}
	return ProofNone
}

// State, Why, Findings and Verification are what is to be shown.
func (m *Machine) State() State         { return m.d.State }
func (m *Machine) Why() Reason          { return m.d.Why }
func (m *Machine) Findings() []Finding  { return m.findings }
func (m *Machine) Verification() []Item { return m.items }

// Watch is what is to be observed now.
type Watch struct {
	Probe   bool          // every 2 s, and the witness
	Resolve bool          // look the name up every 60 s
	SignIn  bool          // sign in while it answers
	Poll    bool          // ask everything by the plan, and read the stream
	AskPlug time.Duration // how often
}

// Watch tells it.
func (m *Machine) Watch() Watch {
	switch m.d.State {
	case Running, Unreachable:
		if m.cfg.Mains {
			return Watch{SignIn: true, Poll: true, AskPlug: mainsGap}
		}
		return Watch{SignIn: true, Poll: true, AskPlug: time.Minute}
	case Checking, CountingDown:
		return Watch{SignIn: true, Poll: true, AskPlug: questionGap}
	case ShuttingDown, Rebooting:
		return Watch{Probe: true, SignIn: m.phase == watching, AskPlug: questionGap}
	case Attention:
		return Watch{Probe: true, Resolve: true, SignIn: true, Poll: m.is(StillOn), AskPlug: questionGap}
	}
	return Watch{Probe: true, Resolve: true, SignIn: true, AskPlug: questionGap}
}

// observing says that nothing is asked of the recorder and nothing switched off.
func (m *Machine) observing() bool {
	if m.after(m.started, quietStart) {
		m.looping = false
	}
	return m.looping || m.damaged
}

func (m *Machine) observingBecause() string {
	if m.damaged {
		return "the journal is damaged: only observing until the recorder has answered for 10 minutes"
	}
	return "the program started too often: only observing until 10 quiet minutes have passed"
}

// signedIn says that the recorder let us in since t, and answers.
func (m *Machine) signedIn(t Instant) bool {
	v := &m.seen
	return v.signed.At.Mono >= t.Mono && v.signed.At.Mono >= v.lived.Mono && v.from.never() && v.unanswered.never() && v.other == ""
}

// lifeSince says that there was a sign of life after t.
func (m *Machine) lifeSince(t Instant) bool {
	return m.seen.life.Mono >= t.Mono
}

// alive says that the last thing seen was life, lately.
func (m *Machine) alive() bool {
	v := &m.seen
	return v.from.never() && m.now.since(v.life) <= probeGap
}

// relayNow is what is known of the relay: a report from before our last OFF says
// nothing, nor does one of a plug that doesn't feed the recorder.
func (m *Machine) relayNow() RelayState {
	v := &m.seen
	if v.bypassed || v.relayAt.Mono < m.sentOff.Mono {
		return RelayUnknown
	}
	return v.relay
}

// outage says that the outage rule asks for a shutdown now, and may.
func (m *Machine) outage() bool {
	x := &m.mains
	return x.Lost && x.Outage != 0 && !m.observing() &&
		(m.anotherOutage(m.d.Cancelled) || x.Low) &&
		(m.anotherOutage(m.d.Outage) || m.d.OutagePuts <= takeOver)
}

// anotherOutage says that an outage asks that isn't the one of a number. A lower one is
// the same again while mains wasn't stable: the rule's last records may be lost.
func (m *Machine) anotherOutage(number uint64) bool {
	return m.mains.Outage > number || m.wasStable && m.mains.Outage != number
}

// outagePuts is how often this outage may have asked. One request can have no record,
// and only a process that saw mains go knows whether it was made.
func (m *Machine) outagePuts() int {
	if m.inherited {
		return m.d.OutagePuts + 1
	}
	return m.d.OutagePuts
}

// askedNoMore says that mains is lost and its owner wants nothing done about it.
func (m *Machine) askedNoMore() bool { return m.mains.Lost && m.mains.Outage == 0 }

// low says that the battery is low in an outage.
func (m *Machine) low() bool { return m.mains.Lost && m.mains.Low }

// owed says that power must come back now: it is owed, and mains is stable.
func (m *Machine) owed() bool { return m.d.Seq.Owed && !m.mains.Lost && m.mains.Stable }

// countOwed notes since when that is so, and since when in this state.
func (m *Machine) countOwed() {
	if !m.owed() {
		m.stable, m.owedFrom = Instant{}, Instant{}
		return
	}
	m.stable, m.owedFrom = first(m.stable, m.now), first(m.owedFrom, m.now)
}

// first is a, or b if a never was.
func first(a, b Instant) Instant {
	if a.never() {
		return b
	}
	return a
}

func (m *Machine) hearsMains(e Mains) {
	if !m.heardMains || e.Stable {
		m.inherited = e.Lost
	}
	m.wasStable = m.wasStable || e.Stable
	if e.Lost && !m.mains.Lost {
		m.lostEdge = true
	}
	m.heardMains = true
	m.lowEdge = e.Low && !m.mains.Low
	if m.mains.Lost {
		m.back = m.now
	}
	m.mains = e
}

// Memory is what would be recorded now.
func (m *Machine) Memory() Memory { return m.d.clone() }

// Since is how long the machine has been in its state.
func (m *Machine) Since() time.Duration { return m.now.since(m.since) }

// Damaged says that the journal was damaged and no new one has begun.
func (m *Machine) Damaged() bool { return m.damaged }
