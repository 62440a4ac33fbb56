package power_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hikbridge/bridge/power"
)

// A hand feeds a machine event by event, with no world behind them: whatever a
// recorder, a plug or a person could say may come next. It plays the program
// around the machine (journal, open effect, answers), keeps its own count of what
// it told, and complains when the machine claims more than that allows. It is
// copied by clone, and everything in it is a value.
type hand struct {
	cfg  power.Config
	m    *power.Machine
	now  power.Instant
	base time.Duration // where in its own time Mono 0 of this process lies

	journal power.Record // the last durable one
	written bool         // there is one
	held    power.Output // whose record waits for the journal
	open    power.Effect // started, and not answered
	gate    gate
	lossy   bool // a record wasn't written: what it told may be told again
	damaged bool

	truth truth
	stamp uint32
	ids   int
	home  int           // its number, in a walk
	stop  string        // the position whose record is to be left waiting
	stops bool          // and so it does: nothing more happens
	wake  time.Duration // when the machine wants to be woken; in its clock
	wrong string
	taken func(power.Move)   // is told each row
	early []power.Move       // rows before somebody asked
	said  func(power.Answer) // and each answer
	log   *strings.Builder   // nil: nobody reads it
}

// truth is what was told, in the hand's own time; never is -1.
type truth struct {
	life, from, last time.Duration // life; and the silence that lasts
	witness          time.Duration
	relay            power.RelayState
	relayAt, off     time.Duration
	heard            time.Duration
	lowFrom, lowLast time.Duration
	lows             int
	stamp            string
	others           bool // on the same plug are safe

	since    time.Duration // in this position
	accepted time.Duration // last command that began something
	word     time.Duration // confirm_off was accepted
	wordFor  int           // the intent that used it
	success  bool
	mains    power.Mains
	back     time.Duration

	sequence, outage      uint64
	leg, puts, outagePuts int
	putAt                 time.Duration // last request that was begun
	counted               time.Duration // last one that counts
	putOpen, looked       bool
	offs, cuts            int

	judged, waiting uint64 // of the commands c0 to c63
}

const never = time.Duration(-1)

func newTruth(t time.Duration) truth {
	return truth{life: never, from: never, last: never, witness: never, relay: power.RelayUnknown, relayAt: never, off: never, heard: never,
		lowFrom: never, lowLast: never, since: t, accepted: never, word: never, back: t, putAt: never, counted: never, mains: power.Mains{Stable: true}}
}

// begin starts the program on a journal whose last record is given.
func begin(cfg power.Config, journal *power.Record, damaged bool, log *strings.Builder) *hand {
	h := &hand{cfg: cfg, log: log, damaged: damaged, now: power.Instant{Wall: epoch, Mono: time.Second}, base: time.Hour}
	if journal != nil {
		h.journal, h.written = *journal, true
	}
	h.truth = newTruth(h.t())
	h.truth.mains.Stable = !cfg.Mains
	h.restore()
	return h
}

func (h *hand) t() time.Duration { return h.base + h.now.Mono }

func (h *hand) clone() *hand {
	c := *h
	c.m = h.m.Clone()
	return &c
}

func (h *hand) fail(format string, args ...any) {
	if h.wrong == "" {
		h.wrong = fmt.Sprintf(format, args...) + " in " + h.m.Position()
	}
}

func (h *hand) say(format string, args ...any) {
	if h.log != nil {
		fmt.Fprintf(h.log, "%9.3f  %s\n", (h.t() - time.Hour).Seconds(), fmt.Sprintf(format, args...))
	}
}

// restore is the start of the program.
func (h *hand) restore() {
	h.say("start")
	var records []power.Record
	if h.written {
		records = []power.Record{h.journal}
	}
	m, out := power.Restore(h.cfg, h.now, records, h.damaged)
	h.m = m
	if m.State() == power.Safe || m.State() == power.Cutting {
		h.fail("I9: %s after a restart", m.Position())
	}
	if k := out.Effect.Kind; k != power.NoEffect && k != power.SwitchOn {
		h.fail("I9: effect %s at a start", k)
	}
	h.take(out)
}

// restart kills the program and starts it again: only what is durable stays.
func (h *hand) restart(gone time.Duration) {
	h.pass(gone)
	t := h.t()
	before := h.truth
	h.held, h.open, h.gate = power.Output{}, power.Effect{}, gate{}
	h.now.Mono = time.Second
	h.base = t - h.now.Mono
	h.truth = newTruth(t)
	h.truth.mains.Stable = !h.cfg.Mains
	h.truth.sequence, h.truth.leg, h.truth.puts, h.truth.outage, h.truth.outagePuts = before.sequence, before.leg, before.puts, before.outage, before.outagePuts
	h.truth.counted, h.truth.putAt, h.truth.accepted, h.truth.success = before.counted, before.putAt, before.accepted, before.success
	h.truth.judged, h.truth.waiting, h.truth.cuts, h.truth.wordFor = before.judged, before.waiting, before.cuts, before.wordFor
	h.restore()
}

// pass lets time go by, with nothing heard.
func (h *hand) pass(d time.Duration) {
	if h.stops {
		return
	}
	h.now.Mono += d
	h.now.Wall = h.now.Wall.Add(d)
}

// tell delivers one event.
func (h *hand) tell(e power.Event) {
	if h.wrong != "" || h.stops {
		return
	}
	if h.log != nil {
		h.say("%s", strings.TrimPrefix(fmt.Sprintf("%T %+v", e, e), "power."))
	}
	h.note(e)
	h.take(h.m.Step(h.now, e))
}

// past is an instant of an event as the machine may take it.
func (h *hand) past(at power.Instant) time.Duration {
	if at.Wall.IsZero() || at.Mono > h.now.Mono {
		return h.t()
	}
	return h.base + max(0, at.Mono)
}

// note keeps what an event says, before the machine hears it.
func (h *hand) note(e power.Event) {
	v := &h.truth
	switch e := e.(type) {
	case power.Partners:
		v.others = e.Safe
	case power.Probe:
		switch e.Sight {
		case power.Alive:
			h.lives(h.past(e.At))
		case power.Silent:
			h.silent(h.past(e.At))
		default:
			v.from, v.last = never, never
		}
	case power.SignedIn:
		h.lives(h.past(e.At))
	case power.Answered:
		h.lives(h.past(e.At))
	case power.Witnessed:
		v.witness = h.past(e.At)
	case power.Relay:
		h.relay(e)
	case power.Reading:
		h.reading(e)
	case power.Collected:
		if e.Number != 0 && e.Number == h.open.Number && h.open.Kind == power.Look {
			v.looked = e.Facts.Serial != "" && e.Facts.SignIn == power.SignInOK && e.Facts.Upgrading.Told != power.Yes && e.Facts.Formatting.Told != power.Yes
		}
		h.closes(e.Number)
	case power.Verified:
		h.closes(e.Number)
	case power.PutDone:
		if h.open.Number == e.Number && (h.open.Kind == power.PutShutdown || h.open.Kind == power.PutReboot) {
			v.putOpen = false
			if e.Outcome == power.Done {
				v.success = true
			}
			if e.Outcome == power.Done || e.Outcome == power.Unknown {
				h.counts()
			}
		}
		h.closes(e.Number)
	case power.Mains:
		if v.mains.Lost && !e.Lost {
			v.back = h.t()
		}
		v.mains = e
	}
}

func (h *hand) closes(number uint64) {
	if h.open.Number == number {
		h.open = power.Effect{}
	}
}

func (h *hand) lives(at time.Duration) {
	v := &h.truth
	h.gate.lower()
	v.life = max(v.life, at)
	v.from, v.last, v.lows = never, never, 0
}

func (h *hand) silent(at time.Duration) {
	v := &h.truth
	if at < v.life || at < v.last {
		return
	}
	if h.cfg.Witness && (v.witness == never || at-v.witness > 15*time.Second) {
		v.from, v.last = never, never
		return
	}
	if v.from == never || at-v.last > 8*time.Second {
		v.from = at
	}
	v.last = at
}

func (h *hand) relay(e power.Relay) {
	v := &h.truth
	if !h.cfg.Plug.Relay {
		e.State = power.RelayUnknown
	}
	at := h.past(e.At)
	if e.Restarted || e.State != power.RelayOn {
		h.gate.lower()
	}
	if e.Restarted || e.State != v.relay {
		if ours := e.State == power.RelayOff && (h.m.State() == power.Cutting || h.m.Why() == power.CutUnconfirmed); !ours || e.Restarted {
			v.from, v.last, v.lows = never, never, 0
		}
		if e.State == power.RelayOff {
			v.off = at
		}
	}
	v.relay, v.relayAt = e.State, at
	if e.State != power.RelayUnknown {
		v.heard = at
	}
}

func (h *hand) reading(e power.Reading) {
	v := &h.truth
	if e.Retained || !(e.Watts >= 0 && e.Watts < 1e6) || !h.cfg.Plug.Meter {
		return
	}
	at := h.past(e.At)
	v.heard = at
	moved := e.Stamp != "" && v.stamp != "" && e.Stamp != v.stamp
	v.stamp = e.Stamp
	switch {
	case e.Watts > h.offWatts() && moved && v.relay != power.RelayOff:
		v.lows = 0
	case e.Watts <= h.offWatts() && (v.lows == 0 || at >= v.lowLast):
		if v.lows == 0 || at-v.lowLast > 20*time.Second {
			v.lowFrom, v.lows = at, 0
		}
		v.lows++
		v.lowLast = at
	}
}

func (h *hand) offWatts() float64 {
	w := 1.0
	if d := h.m.Peek(); h.cfg.Plug.Others == "" && d.Learned.Passed && d.Learned.Firmware == d.Firmware && d.Learned.OffWatts != 0 {
		w = d.Learned.OffWatts
	}
	if h.cfg.OffWatts > 0 {
		w = min(w, h.cfg.OffWatts)
	}
	return w
}

// counts is I3: a request that was accepted, or may have been.
func (h *hand) counts() {
	v := &h.truth
	v.puts++
	v.counted = v.putAt
	if v.puts > 2 {
		h.fail("I3: %d requests in a sequence", v.puts)
	}
	if d := h.m.Peek(); d.Seq.Action == power.Outage {
		if v.outage != d.Outage {
			v.outage, v.outagePuts = d.Outage, 0
		}
		if v.outagePuts++; v.outagePuts > 4 {
			h.fail("I3: %d requests in an outage", v.outagePuts)
		}
	}
}

// take is the commit of the program, up to its journal.
func (h *hand) take(out power.Output) {
	h.account(out)
	h.wake = out.Wake
	number, ok := h.m.Safe()
	h.gate.watch(number)
	if !ok {
		h.gate.up = 0
	}
	if h.log != nil && out.Effect.Kind != power.NoEffect {
		h.say("    effect %s %d", out.Effect.Kind, out.Effect.Number)
	}
	if out.Effect.Kind == power.SwitchOn {
		h.switchOn()
	}
	if out.Record != nil {
		h.held = out
		return
	}
	h.publish(out)
	h.begins(out.Effect, false)
	h.raise()
}

func (h *hand) raise() {
	if number, ok := h.m.Safe(); ok {
		if h.journal.Memory.State != power.Safe {
			h.fail("I1: safe, and %s is on record", h.journal.Memory.State)
		}
		if h.cfg.Plug.Others != "" && !h.truth.others {
			h.fail("I1: safe, and another on the plug isn't")
		}
		h.gate.raise(number)
	}
	if s := h.journal.Memory; h.m.MayLosePower() && s.State != power.Safe && (s.State != power.Off || !s.Seq.OffProven || h.truth.relay != power.RelayOff) {
		h.fail("it may lose its power, and %s is on record, its relay %s", s.State, h.truth.relay)
	}
}

func (h *hand) holds() bool { return h.held.Record != nil }

// commit answers what waits for the journal. Of a late record the caller answers
// later, by answerLate, once it has told what waited in the inbox.
func (h *hand) commit(c power.Commit) (number uint64) {
	out := h.held
	h.held = power.Output{}
	number = out.Record.Number()
	if h.log != nil {
		h.say("    record %d %s: %s", number, c, strings.Join(out.Record.What, "; "))
	}
	h.publish(out)
	if c == power.Failed {
		h.lossy = true
	} else {
		h.journal, h.written = *out.Record, true
	}
	switch c {
	case power.Durable:
		h.begins(out.Effect, true)
	case power.Late:
		h.pass(3 * time.Second)
		return number
	}
	h.answer(number, c)
	return number
}

func (h *hand) answer(number uint64, c power.Commit) {
	h.tell(power.Committed{Number: number, Commit: c})
	h.raise()
}

// settle writes what waits until nothing does.
func (h *hand) settle() {
	for range 20 {
		h.stops = h.stops || h.holds() && h.m.Position() == h.stop
		if !h.holds() || h.wrong != "" || h.stops {
			return
		}
		h.commit(power.Durable)
	}
	h.fail("it never stops writing")
}

func (h *hand) publish(out power.Output) {
	for _, a := range out.Answers {
		h.answered(a)
	}
}

// answered is I8.
func (h *hand) answered(a power.Answer) {
	if h.said != nil {
		h.said(a)
	}
	v := &h.truth
	if a.Type == power.Accepted {
		v.accepted = h.t()
		if a.Action == power.ConfirmOff {
			v.word = h.t()
		}
	}
	n, err := strconv.Atoi(strings.TrimPrefix(a.ID, "c"))
	if err != nil || n > 63 || h.lossy {
		return
	}
	bit := uint64(1) << n
	switch a.Type {
	case power.Finished, power.Undone, power.Cancelled:
		if v.waiting&bit == 0 {
			h.fail("I8: an outcome for %s, which waits for none (%s)", a.ID, a.Action)
		}
		v.waiting &^= bit
	case power.Duplicate:
	default:
		if v.judged&bit != 0 && a.Reason != "id_reused" {
			h.fail("I8: a second verdict for %s (%s)", a.ID, a.Action)
		}
		v.judged |= bit
		if a.Type == power.Accepted {
			v.waiting |= bit
		}
	}
}

// begins carries an effect out, as far as the journal is concerned.
func (h *hand) begins(e power.Effect, recorded bool) {
	v := &h.truth
	switch e.Kind {
	case power.NoEffect, power.SwitchOn:
		return
	case power.SwitchOff:
		h.off(e)
		return
	case power.PutShutdown, power.PutReboot:
		h.put(e, recorded)
	}
	if v.putOpen && (e.Kind == power.Look || e.Kind == power.Collect) && h.t()-v.putAt < 15*time.Second {
		h.fail("I3: %s while a request is on its way", e.Kind)
	}
	if e.Kind == power.PutShutdown || e.Kind == power.PutReboot {
		v.putOpen, v.putAt = true, h.t()
	}
	h.open = e
}

func (h *hand) put(e power.Effect, recorded bool) {
	v, d := &h.truth, h.m.Peek()
	if d.Seq.Number != v.sequence || d.Seq.Drill.Leg != v.leg {
		v.sequence, v.leg, v.puts, v.success = d.Seq.Number, d.Seq.Drill.Leg, 0, false
	}
	durable := h.journal.Memory.Seq
	switch {
	case v.putOpen && h.t()-v.putAt < 15*time.Second:
		h.fail("I3: a second request while one is on its way")
	case !v.looked:
		h.fail("I3: a request without a fresh look")
	case v.puts > 0 && h.t()-v.counted < 90*time.Second:
		h.fail("I12: a second request %v after the first", h.t()-v.counted)
	case !d.Seq.Unrecorded && (durable.Number != d.Seq.Number || durable.Puts <= v.puts):
		h.fail("I3: a request without its intent")
	case d.Seq.Action == power.Outage && !v.mains.Lost && v.puts == 0 && h.t()-v.back > time.Minute:
		h.fail("an outage that is over asks")
	}
	v.looked = false
	if h.m.Damaged() {
		h.fail("a request with a damaged journal")
	}
}

// proves says that the meter and the silence told so far can prove it.
func (h *hand) proves(held time.Duration) error {
	v, now := &h.truth, h.t()
	least := 15 * time.Second
	if h.offWatts() > 3 {
		least = h.quiet()
	}
	switch {
	case !h.cfg.Plug.Relay || !h.cfg.Plug.Meter:
		return fmt.Errorf("no meter")
	case v.from == never || now-v.from < least+held:
		return fmt.Errorf("silent for %v, not %v", now-v.from, least+held)
	case now-v.last > 8*time.Second:
		return fmt.Errorf("not probed for %v", now-v.last)
	case h.cfg.Witness && (v.witness == never || now-v.witness > 15*time.Second):
		return fmt.Errorf("no witness")
	case v.lows < 3 || v.lowLast-v.lowFrom < 15*time.Second || now-v.lowFrom < 15*time.Second+held:
		return fmt.Errorf("%d low readings in %v", v.lows, v.lowLast-v.lowFrom)
	case now-v.lowLast > 20*time.Second:
		return fmt.Errorf("no reading for %v", now-v.lowLast)
	case v.relay != power.RelayOn:
		return fmt.Errorf("relay %s", v.relay)
	case h.m.Peek().Seq.Baseline < 2*h.offWatts():
		return fmt.Errorf("baseline %.1f W", h.m.Peek().Seq.Baseline)
	}
	return nil
}

func (h *hand) quiet() time.Duration {
	d := h.m.Peek()
	return max(180*time.Second, h.cfg.Timers.Quiet, 2*d.Learned.Gap, 2*d.Seq.Drill.Gap)
}

// off is I2.
func (h *hand) off(e power.Effect) {
	v, d := &h.truth, h.m.Peek()
	if e.Proof <= h.gate.dead {
		return // the gate keeps it back
	}
	if p := h.cfg.Plug; p.Others != "" && (!p.Leads || !v.others || d.Seq.Action == power.Drill || d.Seq.CutBy != power.ProofPower) {
		h.fail("I2: an OFF to a shared plug, by %s", d.Seq.CutBy)
	}
	if h.m.State() != power.Cutting {
		h.fail("I2: an OFF")
	}
	if v.cuts != d.Seq.Cuts {
		v.cuts, v.offs = d.Seq.Cuts, 0
	}
	if v.offs++; v.offs > 3 && !h.lossy {
		h.fail("I2: %d OFFs for an intent", v.offs)
	}
	if durable := h.journal.Memory; durable.State != power.Cutting || durable.Seq.Number != d.Seq.Number {
		h.fail("I2: an OFF without its intent")
	}
	if h.cfg.Plug.Cut != power.CutProven && h.cfg.Plug.Cut != power.CutPresumed || h.m.Damaged() || d.NoCuts {
		h.fail("I2: an OFF that nobody allowed")
	}
	if h.t()-v.heard > 5*time.Second {
		h.fail("I2: an OFF to a plug that was heard %v ago", h.t()-v.heard)
	}
	switch now := h.t(); d.Seq.CutBy {
	case power.ProofPower:
		if err := h.proves(0); err != nil {
			h.fail("I2: an OFF by power: %v", err)
		}
	case power.ProofPerson:
		switch {
		case v.word == never || now-v.word > 5*time.Minute || v.life >= v.word || v.from == never || now-v.from < h.quiet() || now-v.last > 8*time.Second:
			h.fail("I2: an OFF by a person's word of %v ago, silent for %v", now-v.word, now-v.from)
		case !d.Seq.Success || d.Seq.Action == power.Outage:
			h.fail("I2: an OFF by a person's word in %s", d.Seq.Action)
		case v.offs == 1 && v.wordFor == int(v.word/time.Millisecond):
			h.fail("I2: a person's word serves twice")
		}
		v.wordFor = int(v.word / time.Millisecond)
	case power.ProofPresumed:
		if h.cfg.Plug.Cut != power.CutPresumed || !h.cfg.Witness || !d.Seq.Success || !d.Seq.Owed || !d.Seq.Before.FixedAddress || !d.Learned.Passed ||
			v.from == never || now-v.from < 600*time.Second || now-v.last > 8*time.Second || v.relay != power.RelayOn {
			h.fail("I2: an OFF by presumption, silent for %v", now-v.from)
		}
	default:
		h.fail("I2: an OFF by %s", d.Seq.CutBy)
	}
}

func (h *hand) switchOn() {
	if h.m.State() != power.PoweringOn && h.m.State() != power.Unreachable && h.m.Why() != power.JournalDamaged {
		h.fail("it switches on")
	}
	if !h.cfg.Plug.Exists {
		h.fail("it switches a plug on that isn't there")
	}
}

// least is how long a position lasts at least before a row is taken.
var least = map[string]time.Duration{
	"alive, second attempt": 90 * time.Second, "alive after the second attempt": 90 * time.Second, "alive, and the command is old": 90 * time.Second,
	"alive, not restarted": 90 * time.Second, "deadline": 8 * time.Minute, "power owed, no proof": 5 * time.Minute, "power is owed or asked for": 15 * time.Second,
	"signed in for 30 minutes": 30 * time.Minute, "signed in for 10 minutes: a new journal": 10 * time.Minute,
	"verified with faults": 10 * time.Minute, "its serial number can't be read": 10 * time.Minute, "no answer": 10 * time.Minute, "no answer, power proof": 10 * time.Minute,
}

// afterPut are the ways back to running for a recorder that was asked to shut
// down: I5.
var afterPut = []string{"verified", "verified with faults", "its serial number can't be read", "alive, and the command is old", "signed in for 30 minutes", "restart"}

// account judges a step by what it did.
func (h *hand) account(out power.Output) {
	v := &h.truth
	for _, x := range out.Moves {
		if h.log != nil {
			h.say("    %s → %s (%s)", x.From, x.To, x.Row)
		}
		if h.taken == nil && len(h.early) < 64 {
			h.early = append(h.early, x)
		}
		if h.taken != nil {
			h.taken(x)
		}
		if !table()[x] {
			h.fail("not in the table: %s | %s | %s", x.From, x.Row, x.To)
		}
		h.timely(x)
		v.since = h.t()
	}
	d := h.m.Peek()
	if h.m.State() == power.Safe {
		if err := h.proves(0); err != nil {
			h.fail("I1: %v", err)
		}
		if h.m.Proof() != power.ProofPower || d.Seq.Puts == 0 || d.Seq.Unrecorded {
			h.fail("I1: proof %s after %d requests", h.m.Proof(), d.Seq.Puts)
		}
	}
	if len(d.Shutdowns) > 10 || len(d.Starts) > 5 || len(d.Accepted) > 1000 || len(d.Seq.Drill.Readings) > 64 || len(d.Seq.Drill.Halted) > 16 ||
		len(out.Answers) > 4 || len(out.Moves) > 8 || len(h.m.Findings()) > 40 || len(h.m.Verification()) > 10 {
		h.fail("I10: %d answers, %d moves", len(out.Answers), len(out.Moves))
	}
	if out.Wake >= 0 && out.Wake <= h.now.Mono && out.Effect.Kind == power.NoEffect && len(out.Moves) == 0 && out.Record == nil {
		h.fail("it spins: wake %v before now", h.now.Mono-out.Wake)
	}
}

// timely is I12, and I5.
func (h *hand) timely(x power.Move) {
	v, now := &h.truth, h.t()
	d := h.m.Peek()
	if d, ok := least[x.Row]; ok && now-v.since < d && x.From != "unreachable" && !strings.HasPrefix(x.Row, "signed in for") && x.Row != "no answer" {
		h.fail("I12: %s after %v", x.Row, now-v.since)
	}
	switch {
	case x.To == "safe":
		if err := h.proves(30 * time.Second); err != nil {
			h.fail("I12: safe, %v", err)
		}
	case x.To == "presumed_off" && (v.from == never || now-v.from < h.quiet()):
		h.fail("I12: presumed off, silent for %v", now-v.from)
	case x.Row == "counted down":
		wait := 10 * time.Second
		switch {
		case d.Seq.Action == power.Outage && v.mains.Low:
			wait = 0
		case d.Seq.Action == power.Outage:
			wait = 5 * time.Second
		case d.Seq.Drill.Leg == 2:
			wait = time.Minute
		}
		if now-v.since < wait {
			h.fail("I12: counted down in %v", now-v.since)
		}
	case x.Row == "relay read back off" && (v.relay != power.RelayOff || now-v.off < 15*time.Second):
		h.fail("I12: off, with its relay %s for %v", v.relay, now-v.off)
	case x.Row == "mains back" && (v.mains.Lost || now-v.back < 30*time.Second):
		h.fail("I12: mains back for %v", now-v.back)
	case x.To == "running" && x.From != "running" && v.puts > 0 && v.sequence == h.journal.Memory.Seq.Number && h.journal.Memory.Seq.Puts > 0 && h.journal.Memory.Seq.Action != power.Reboot && !slices.Contains(afterPut, x.Row) && v.leg != 1 && h.journal.Memory.Seq.Drill.Leg == v.leg && !h.lossy:
		if x.From != "rebooting" {
			h.fail("I5: running after a request, by %s", x.Row)
		}
	}
}

// durable checks what a crash at this moment would forget: I9.
func (h *hand) durable() {
	if h.lossy || !h.written {
		return
	}
	live := h.m.Memory()
	m, out := power.Restore(h.cfg, power.Instant{Wall: h.now.Wall.Add(time.Second), Mono: time.Second}, []power.Record{h.journal}, h.damaged)
	d := m.Peek()
	switch {
	case m.State() == power.Safe || m.State() == power.Cutting:
		h.fail("I9: %s after a restart", m.Position())
	case out.Effect.Kind != power.NoEffect && out.Effect.Kind != power.SwitchOn:
		h.fail("I9: %s at a start", out.Effect.Kind)
	case h.holds(), h.damaged:
		// What isn't durable had no effect.
	case live.Seq.Number == h.truth.sequence && h.truth.putAt != never && live.Seq.Puts > 0 && !live.Seq.Unrecorded && (d.Seq.Number != live.Seq.Number || d.Seq.Puts < live.Seq.Puts):
		h.fail("I9: %d requests, after a restart %d", live.Seq.Puts, d.Seq.Puts)
	case live.Seq.Puts > 0 && live.Seq.Number != 0 && live.Seq.Owed && !d.Seq.Owed:
		h.fail("I9: power is owed, and forgotten: %s after a restart", m.Position())
	case live.OutagePuts > d.OutagePuts && live.Outage == d.Outage, live.NoCuts && !d.NoCuts, live.Cancelled != d.Cancelled, len(live.Accepted) > len(d.Accepted):
		h.fail("I9: a restart forgets")
	case live.Serial != d.Serial && live.Serial != "" && d.Serial != "":
		h.fail("I9: another serial number")
	}
}

// What a hand often tells.

func stampOf(n uint32) string { return strconv.Itoa(int(n)) }

func (h *hand) id() string {
	h.ids++
	return "c" + strconv.Itoa(h.ids)
}

// reads is a report of the plug with its relay on.
func (h *hand) reads(watts float64) {
	h.stamp++
	h.tell(power.Relay{At: h.now, State: power.RelayOn})
	h.settle()
	h.tell(power.Reading{At: h.now, Watts: watts, Stamp: stampOf(h.stamp)})
	h.settle()
}

func goodFacts(uptime time.Duration) power.Facts {
	return power.Facts{
		Serial: ownSerial, Firmware: firmware, SignIn: power.SignInOK, Right: yes(true), Support: yes(true),
		Upgrading: yes(false), Formatting: yes(false), Repairing: yes(false), RAIDError: yes(false), SelfTest: yes(false), Exporting: yes(false),
		PlugReachable: yes(true), PlugReturns: yes(true), WitnessAnswers: yes(true), FixedAddress: yes(true),
		Before: power.Before{Address: "192.0.2.10", FixedAddress: true, Uptime: uptime, UptimeTold: true, Online: []string{"1", "2"}, Recording: []string{"1"}, Disks: []string{"1 ok"}},
	}
}

func goodAfter() power.After {
	return power.After{Serial: ownSerial, Uptime: time.Minute, UptimeTold: true, Online: []string{"1", "2"}, Recording: []string{"1"}, Disks: []string{"1 ok"},
		ChannelsTold: true, RecordingTold: true, DisksTold: true, ClockWrong: yes(false), CleanStop: yes(true), Errors: yes(false)}
}

// madeMemory is what a journal holds whose program ended in a state of a
// shutdown by hand.
func madeMemory(s power.State, r power.Reason) power.Memory {
	d := power.Memory{Number: 40, State: s, Serial: ownSerial, Firmware: firmware, Uptime: 30 * time.Hour, UptimeAt: epoch.Add(-time.Minute)}
	if s == power.Attention {
		d.Why = r
	}
	switch s {
	case power.Running, power.Unreachable:
		return d
	}
	d.Seq = power.Sequence{Number: 7, Action: power.Shutdown, Attempt: 1, Command: power.Command{Action: power.Shutdown, ID: "before", By: "anna", At: epoch.Add(-2 * time.Minute)}}
	switch s {
	case power.Checking, power.CountingDown:
		return d
	}
	d.Seq.Puts, d.Seq.Success = 1, true
	d.Seq.PutAt = power.Instant{Wall: epoch.Add(-time.Minute), Mono: time.Hour}
	d.Seq.Before, d.Seq.Baseline = goodFacts(30*time.Hour).Before, 20
	return d
}
