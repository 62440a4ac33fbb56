package power_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hikbridge/bridge/power"
)

// bridge is the program around the machine: its loop with inbox, journal and
// gate, its prober, its requester. It can be killed, paused and started again.
type bridge struct {
	w       *world
	m       *power.Machine
	life    int           // which process
	base    time.Duration // the world's time at which this process began
	dead    bool
	busy    bool // in fsync, or paused
	inbox   []power.Event
	records []power.Record // durable ones
	damaged bool           // the journal
	gate    gate
	open    uint64
	ids     int
	asked   time.Duration
	steps   int
	wake    time.Duration // when the timer goes off
	lossy   bool          // a record wasn't written: what it told may be told again

	// What the invariants need to know, kept apart from the machine.
	life0       time.Duration // of the last sign of life that was delivered
	silentFrom  time.Duration // first silent probe since then; 0: none
	puts        int           // accepted or unknown ones of this sequence or leg
	sequence    uint64
	leg         int
	outagePuts  map[uint64]int // by the outage's number
	outage      uint64         // of the last one
	stable      bool           // mains, since then
	intent      bool           // durable, and not followed by its request
	unrecorded  uint64         // outage that asked without a record since the last one; 0: none
	looked      bool
	offs        int
	proof       uint64                   // of the last intent to cut
	unconfirmed bool                     // and nobody knows whether it worked
	pending     map[string]power.Command // accepted, without outcome
	judged      map[string]bool
	putAt       time.Duration
	lastOff     time.Duration
	othersSafe  bool // as the machine was told of those on its plug

	after func() // each step, once what it decided is done; nil: nothing

	// dies is asked at each record and effect whether the program ends there; nil:
	// never.
	dies func(dying, power.Output) bool
}

// dying is where in a commit a program may end.
type dying string

const (
	unrecorded dying = "nothing recorded"
	undone     dying = "recorded and not done"
	unanswered dying = "done and answer lost"
)

// ends kills the program there, if it is to die there.
func (b *bridge) ends(d dying, out power.Output) bool {
	if b.dies == nil || out.Record == nil && out.Effect.Kind == power.NoEffect || !b.dies(d, out) {
		return false
	}
	b.kill()
	return true
}

// gate is the small object that lets safe and OFF out.
type gate struct {
	seen, dead, up uint64
}

func (g *gate) watch(n uint64) { g.seen = max(g.seen, n) }
func (g *gate) lower()         { g.dead, g.up = g.seen, 0 }
func (g *gate) raise(n uint64) {
	if n > g.dead {
		g.up = n
	}
}
func (g *gate) holds(n uint64) bool { return g.up == n && n > g.dead }

func (b *bridge) position() string {
	if b.m == nil {
		return "nothing"
	}
	return b.m.Position()
}

func (b *bridge) start() {
	w := b.w
	b.life++
	b.base = w.t - time.Second
	b.dead, b.busy, b.inbox, b.open = false, false, nil, 0
	b.gate, b.wake = gate{}, -1
	if b.judged == nil {
		b.judged, b.pending, b.outagePuts = map[string]bool{}, map[string]power.Command{}, map[uint64]int{}
	}
	if b.unrecorded != 0 { // what nobody could write down nobody knows
		w.seenAt["a request without a record is forgotten"]++
		b.sequence, b.unrecorded = 0, 0
	}
	b.silentFrom, b.life0 = 0, w.t
	b.othersSafe = false
	b.unconfirmed = false // its proofs are numbered anew, and none is from before
	w.say("program starts (%d)", b.life)
	before := "running"
	if n := len(b.records); n > 0 {
		before = string(b.records[n-1].Memory.State)
		w.seenAt["recovered from "+before]++
	}
	m, out := power.Restore(w.plan.cfg, w.now(), b.records, b.damaged)
	b.m = m
	switch {
	case m.State() == power.Safe || m.State() == power.Cutting:
		w.fail("I9: %s after a restart from %s", m.Position(), before)
	case out.Effect.Kind != power.NoEffect && out.Effect.Kind != power.SwitchOn:
		w.fail("I9: effect %s at a start", out.Effect.Kind)
	}
	b.take(out)
	if b.w.among != nil {
		b.w.among.start()
	}
}

func (b *bridge) kill() {
	if b.dead {
		return
	}
	b.w.say("program is killed")
	b.dead, b.busy, b.open = true, false, 0
	b.life++
	b.inbox = nil
	if b.w.among != nil {
		b.w.among.kill()
	}
}

// damage lets the next start find a damaged journal.
func (b *bridge) damage() {
	b.damaged = true
	b.w.say("the journal is damaged")
}

func (b *bridge) restart() {
	b.kill()
	b.start()
}

// later calls back into this process, if it still lives.
func (b *bridge) later(d time.Duration, do func()) {
	life := b.life
	b.w.at(d, func() {
		if b.life == life && !b.dead {
			do()
		}
	})
}

// deliver puts an event into the inbox, and lets the gate see it at once.
func (b *bridge) deliver(e power.Event) {
	if b.dead {
		return
	}
	switch e := e.(type) {
	case power.Mains:
		b.stable = b.stable || e.Stable
	case power.Probe:
		if e.Sight == power.Alive {
			b.gate.lower()
		}
		if e.Sight == power.Alive {
			b.life0, b.silentFrom = b.w.t, 0
		} else if e.Sight == power.Silent && b.silentFrom == 0 {
			b.silentFrom = b.w.t
		}
	case power.SignedIn, power.Answered:
		b.gate.lower()
		b.life0, b.silentFrom = b.w.t, 0
	case power.Relay:
		if e.State != power.RelayOn || e.Restarted {
			b.gate.lower()
		}
	}
	if b.busy {
		if len(b.inbox) < 10000 {
			b.inbox = append(b.inbox, e)
		}
		return
	}
	b.step(e)
}

func (b *bridge) step(e power.Event) {
	if len(b.w.wrong) > 0 {
		return
	}
	if b.steps++; b.steps > 100_000 {
		b.w.fail("it spins: %T ", e)
	}
	if x, ok := e.(power.Partners); ok {
		b.othersSafe = x.Safe
	}
	out := b.m.Step(b.w.now(), e)
	if b.w.log != nil {
		switch e := e.(type) {
		case power.Command:
			b.w.say("command %s by %q", e.Action, e.By)
		}
	}
	b.take(out)
	if b.after != nil && !b.busy && !b.dead {
		b.after()
	}
}

// mayLose says that power may be taken from the recorder by what feeds others, too, and
// that nothing was seen since which speaks against it.
func (b *bridge) mayLose() bool {
	number, _ := b.m.Safe()
	return !b.dead && b.m.MayLosePower() && (number > b.gate.dead || b.m.State() == power.Off && b.silentFrom > 0)
}

// take is the loop's commit.
func (b *bridge) take(out power.Output) {
	w := b.w
	b.account(out)
	number, ok := b.m.Safe()
	b.gate.watch(number)
	if !ok {
		b.gate.up = 0
	}
	if b.ends(unrecorded, out) {
		return
	}
	e := out.Effect
	if e.Kind == power.SwitchOn {
		b.effect(e)
	}
	b.arm(out.Wake)
	if out.Record == nil {
		b.publish(out)
		if e.Kind != power.NoEffect && e.Kind != power.SwitchOn {
			b.effect(e)
		}
		if !b.ends(unanswered, out) {
			b.raise()
		}
		return
	}
	r := *out.Record
	if slices.ContainsFunc(r.What, func(s string) bool { return strings.Contains(s, "a new journal") }) {
		b.damaged = false
	}
	switch {
	case w.plan.failing, b.damaged && b.m.Damaged():
		b.lossy = true
		b.publish(out)
		b.stepNow(power.Committed{Number: r.Number(), Commit: power.Failed})
	case w.plan.commit == 0:
		b.durable(r)
		if b.ends(undone, out) {
			return
		}
		b.publish(out)
		if e.Kind != power.NoEffect && e.Kind != power.SwitchOn {
			b.effect(e)
		}
		if b.ends(unanswered, out) {
			return
		}
		b.stepNow(power.Committed{Number: r.Number(), Commit: power.Durable})
	default:
		b.busy = true
		b.later(w.plan.commit, func() {
			b.busy = false
			b.durable(r)
			b.publish(out)
			commit := power.Late
			if w.plan.commit <= 2*time.Second {
				commit = power.Durable
				if e.Kind != power.NoEffect && e.Kind != power.SwitchOn {
					b.effect(e)
				}
				b.inbox = slices.Insert(b.inbox, 0, power.Event(power.Committed{Number: r.Number(), Commit: commit}))
			} else {
				b.inbox = append(b.inbox, power.Committed{Number: r.Number(), Commit: commit})
			}
			b.drain()
		})
	}
}

// publish tells the answers, once what they say is durable.
func (b *bridge) publish(out power.Output) {
	for _, a := range out.Answers {
		b.answered(a)
	}
}

// arm sets the loop's one timer.
func (b *bridge) arm(wake time.Duration) {
	if wake < 0 || b.wake == wake {
		return
	}
	b.wake = wake
	b.later(wake+b.base-b.w.t, func() {
		if b.wake == wake {
			b.wake = -1
			b.deliver(power.Tick{})
		}
	})
}

func (b *bridge) drain() {
	for len(b.inbox) > 0 && !b.busy && !b.dead && len(b.w.wrong) == 0 {
		e := b.inbox[0]
		b.inbox = b.inbox[1:]
		b.step(e)
	}
}

// stepNow goes before what waits.
func (b *bridge) stepNow(e power.Event) { b.step(e) }

func (b *bridge) durable(r power.Record) {
	b.records = append(b.records[max(0, len(b.records)-3):], r)
	b.unrecorded = 0
	b.intent = b.intent || strings.HasPrefix(r.What[len(r.What)-1], "intent: shutdown") || strings.HasPrefix(r.What[len(r.What)-1], "intent: reboot")
	b.w.say("journal: %s", strings.Join(r.What, "; "))
}

// raise lets safe out, with the number of the proof.
func (b *bridge) raise() {
	if number, ok := b.m.Safe(); ok {
		b.gate.raise(number)
	}
}

// tickSafe says safe, if the gate is up.
func (b *bridge) tickSafe() {
	if b.dead || b.gate.up == 0 || b.busy { // it is the loop that says it
		return
	}
	w := b.w
	b.deliver(power.Tick{})
	number, ok := b.m.Safe()
	switch {
	case b.gate.up == 0 || b.busy:
		return
	case !ok:
		w.fail("I1: gate up in %s", b.m.Position())
	case b.m.Proof() != power.ProofPower:
		w.fail("I1: safe without power proof")
	case !b.gate.holds(number):
		return
	}
	w.seenAt["safe said"]++
	w.saidAt = w.t
	w.danger("safe", power.ProofPower)
	b.timely()
}

// timely is I12 for safe, from the timers alone.
func (b *bridge) timely() {
	least := 45 * time.Second
	if b.offWatts() > 3 {
		least = 210 * time.Second
	}
	if b.silentFrom == 0 || b.w.t-b.silentFrom < least {
		b.w.fail("I12: safe %v after the first silent probe, not %v", b.w.t-b.silentFrom, least)
	}
}

func (b *bridge) offWatts() float64 {
	if b.w.plan.cfg.Plug.Others != "" {
		return 1
	}
	if n := len(b.records); n > 0 && b.records[n-1].Memory.Learned.OffWatts > 0 {
		return b.records[n-1].Memory.Learned.OffWatts
	}
	return 1
}

// effect carries one out.
func (b *bridge) effect(e power.Effect) {
	w := b.w
	w.say("effect: %s", e.Kind)
	w.seenAt["effect "+string(e.Kind)]++
	switch e.Kind {
	case power.Collect, power.Look:
		b.later(w.plan.latency+100*time.Millisecond, func() {
			b.looked = e.Kind == power.Look
			b.deliver(power.Collected{Number: e.Number, Facts: w.facts()})
		})
	case power.CollectAfter:
		b.later(w.plan.latency+100*time.Millisecond, func() { b.deliver(power.Verified{Number: e.Number, After: w.after()}) })
	case power.PutShutdown, power.PutReboot:
		b.put(e)
	case power.SwitchOn:
		if !w.plug.away && !w.deafPlug {
			w.at(w.plan.latency, func() { w.switchPlug(true, "us") })
		}
	case power.SwitchOff:
		b.off(e)
	}
}

func (b *bridge) put(e power.Effect) {
	w := b.w
	memory := b.memory()
	w.seenAt["put"]++
	if !b.intent && !memory.Seq.Unrecorded && !w.plan.failing {
		w.fail("I3: a request without its intent")
	}
	if !b.looked {
		w.fail("I3: a request without a fresh look")
	}
	recorded := b.intent
	b.intent, b.looked = false, false
	answer := "deaf"
	if s, _ := w.sight(); s == power.Alive && w.rec.phase != "halted" && !w.rec.stranger {
		answer = w.plan.answer
		if len(w.plan.answers) > 0 {
			answer, w.plan.answers = w.plan.answers[0], w.plan.answers[1:]
		}
		if w.rec.phase != "running" {
			answer = "busy"
		}
	}
	if e.Kind == power.PutReboot && answer == "ok" {
		answer = "reboot"
	}
	outcome, wait := power.Done, w.plan.latency
	switch answer {
	case "ok":
		w.goesDown(false)
	case "reboot":
		w.goesDown(true)
	case "ignore":
	case "lost":
		w.goesDown(e.Kind == power.PutReboot)
		outcome, wait = power.Unknown, 15*time.Second
	case "refuse":
		outcome = power.Refused
	case "busy":
		outcome = power.Busy
	default:
		outcome, wait = power.NotSent, 5*time.Second
		if w.rng.IntN(3) == 0 {
			outcome, wait = power.Unknown, 15*time.Second
		}
	}
	w.say("recorder's answer: %s (%s)", answer, outcome)
	if outcome == power.Done || outcome == power.Unknown {
		b.counts(memory, recorded)
	}
	b.later(wait, func() { b.deliver(power.PutDone{Number: e.Number, Outcome: outcome, Detail: answer}) })
}

// counts is I3.
func (b *bridge) counts(d power.Memory, recorded bool) {
	if d.Seq.Number != b.sequence || d.Seq.Drill.Leg != b.leg {
		b.sequence, b.leg, b.puts = d.Seq.Number, d.Seq.Drill.Leg, 0
	}
	b.puts++
	b.putAt = b.w.t
	if b.puts > 2 {
		b.w.fail("I3: %d requests in a sequence", b.puts)
	}
	if d.Seq.Action == power.Outage {
		if d.Outage != b.outage {
			if d.Outage < b.outage && b.stable { // another one, with the number of one before
				clear(b.outagePuts)
			}
			b.outage, b.stable = d.Outage, false
		}
		b.outagePuts[d.Outage]++
		if n := b.outagePuts[d.Outage]; n > 4 {
			b.w.fail("I3: %d requests in an outage", n)
		}
		if !recorded && b.unrecorded == d.Outage {
			b.w.fail("I3: two requests without a record in an outage")
		}
		if !recorded {
			b.unrecorded = d.Outage
		}
	}
}

func (b *bridge) off(e power.Effect) {
	w := b.w
	proof := b.m.Proof()
	w.seenAt["off by "+string(b.memory().Seq.CutBy)]++
	switch {
	case b.m.State() != power.Cutting:
		w.fail("I2: an OFF in %s", b.m.Position())
	case proof == power.ProofNone:
		w.fail("I2: an OFF without proof")
	case len(w.plug.feeds) > 1 && !b.othersSafe:
		w.fail("I2: an OFF of a plug that others need")
	case e.Proof <= b.gate.dead:
		w.say("the gate is down: no OFF")
		return
	case w.plug.away || w.plan.upstream && w.mains.lost:
		w.say("the plug is away: no OFF")
		return
	}
	for _, x := range w.plug.feeds {
		if x != w && !x.br.mayLose() {
			w.seenAt["no OFF, as another gate is down"]++
			return
		}
	}
	if b.life0 > 0 && b.silentFrom == 0 {
		w.fail("I2: an OFF with life %v ago", w.t-b.life0)
	}
	for _, x := range w.plug.feeds {
		x.danger("OFF", b.memory().Seq.CutBy)
	}
	b.lastOff = w.t
	if len(w.plug.feeds) > 1 {
		w.seenAt["off of a shared plug"]++
	}
	if w.plan.stuck {
		return
	}
	w.at(w.plan.obeys, func() { w.switchPlug(false, "us") })
}

// cutLate says that an OFF of ours was obeyed later than anybody can know.
func (b *bridge) cutLate(why string) bool { return why == "us" && b.w.t-b.lastOff > time.Second }

// memory is what the last record holds, also one that isn't durable.
func (b *bridge) memory() power.Memory { return b.m.Memory() }

// proofs is how they are counted; a text for each step would cost time.
var proofs = map[power.Proof]string{power.ProofNone: "proof none", power.ProofPower: "proof power", power.ProofPerson: "proof person", power.ProofPresumed: "proof presumed"}

// account keeps what the invariants look at.
func (b *bridge) account(out power.Output) {
	w := b.w
	for _, x := range out.Moves {
		w.say("%s → %s  (%s)", x.From, x.To, x.Row)
		w.rows[x]++
		if w.moved != nil {
			w.moved(x)
		}
		if !table()[x] {
			w.fail("not in the table: %s | %s | %s", x.From, x.Row, x.To)
		}
		w.seenAt["state "+x.To]++
		b.unconfirmed = b.unconfirmed || x.To == attention(power.CutUnconfirmed)
		if x.To == "cutting" {
			b.offs = 0
		}
	}
	if e := out.Effect; e.Kind == power.SwitchOff {
		if b.offs == 0 {
			if b.unconfirmed && e.Proof == b.proof {
				w.fail("I2: another cut on the proof of an unconfirmed one")
			}
			b.proof, b.unconfirmed = e.Proof, false
		}
		b.offs++
		if b.offs > 3 {
			w.fail("I2: %d OFFs for one intent", b.offs)
		}
	}
	w.seenAt[proofs[b.m.Proof()]]++
	if out.Record != nil {
		b.bounded()
	}
	if text := ""; len(out.Moves) > 0 {
		if text = b.m.Status(); text == "" || len(text) > 255 {
			w.fail("status %q", text)
		}
	}
}

// answered is I8.
func (b *bridge) answered(a power.Answer) {
	w := b.w
	w.say("answer to %s: %s %s %s", a.Action, a.Type, a.Reason, a.Message)
	w.verdicts[string(a.Type)]++
	if w.told != nil {
		w.told(a)
	}
	if a.ID == "" {
		return
	}
	switch a.Type {
	case power.Finished, power.Undone, power.Cancelled:
		if _, ok := b.pending[a.ID]; !ok && !b.lossy {
			w.fail("I8: an outcome for %s, which waits for none", a.ID)
		}
		delete(b.pending, a.ID)
	case power.Duplicate:
	default:
		if b.judged[a.ID] && a.Reason != "id_reused" && !b.lossy {
			w.fail("I8: a second verdict for %s", a.ID)
		}
		b.judged[a.ID] = true
		if a.Type == power.Accepted {
			b.pending[a.ID] = power.Command{}
		}
	}
}

// bounded is I10.
func (b *bridge) bounded() {
	d := b.m.Memory()
	if len(d.Shutdowns) > 10 || len(d.Starts) > 5 || len(d.Accepted) > 1000 || len(d.Seq.Drill.Readings) > 64 {
		b.w.fail("I10: %d shutdowns, %d starts, %d ids, %d readings", len(d.Shutdowns), len(d.Starts), len(d.Accepted), len(d.Seq.Drill.Readings))
	}
}

// Observations.

func (b *bridge) watch() power.Watch {
	if b.dead {
		return power.Watch{}
	}
	return b.m.Watch()
}

func (b *bridge) probe() {
	if !b.watch().Probe {
		return
	}
	w := b.w
	s, http := w.sight()
	at := w.now()
	wait := 20 * time.Millisecond
	switch {
	case w.plan.instant:
		wait = 0
	case s == power.Silent:
		wait = 1500 * time.Millisecond
	}
	b.later(wait, func() {
		if s2, http2 := w.sight(); s2 == power.Alive {
			s, http = s2, http2
		}
		b.deliver(power.Probe{At: at, Sight: s, HTTP: http})
	})
	if b.watch().Resolve && w.rec.moved && !w.plan.numeric && !w.noLookup && int(w.t/time.Second)%60 < 2 && (w.rec.phase == "running" || w.rec.phase == "busy") && w.net {
		w.rec.moved, w.rec.stranger = false, false
		b.deliver(power.Probe{At: w.now(), Sight: power.Alive, HTTP: true})
	}
}

func (b *bridge) poll() {
	w, x := b.w, b.watch()
	s, http := w.sight()
	if !x.Poll && !(x.SignIn && http) {
		return
	}
	at := w.now()
	switch {
	case s != power.Alive || !http:
		b.deliver(power.NoAnswer{At: at})
	case w.rec.phase == "running" && w.rec.stranger:
		b.deliver(power.SignedIn{At: at, Serial: "DS-7604NI-K1-9876543210", Firmware: firmware, Uptime: w.uptime(), UptimeTold: true})
	case w.rec.phase == "running" && !w.locked:
		b.deliver(power.SignedIn{At: at, Serial: ownSerial, Firmware: firmware, Uptime: w.uptime(), UptimeTold: w.plan.tellsUptime})
	default:
		b.deliver(power.Answered{At: at})
	}
}

func (b *bridge) ask() {
	w, x := b.w, b.watch()
	if x.AskPlug == 0 || w.t-b.asked < x.AskPlug || w.plan.pushes > 0 || !w.plan.cfg.Plug.Exists || w.unasked {
		return
	}
	b.asked = w.t
	b.deliver(power.Asked{At: w.now()})
	b.later(w.plan.latency+50*time.Millisecond, func() { w.report(true) })
}

func (b *bridge) tellMains() {
	w := b.w
	if !w.mains.source || b.dead {
		return
	}
	m := power.Mains{Lost: w.mains.lost, Low: w.mains.low, Stable: !w.mains.lost && w.t-w.mains.since > 2*time.Minute}
	if w.mains.lost && w.t-w.mains.began > time.Minute {
		m.Outage = w.mains.outage
		m.Deadline = w.mains.began + 10*time.Minute - b.base
	}
	b.deliver(m)
}

// command presses a button.
func (b *bridge) command(a power.Action, by string) {
	b.ids++
	b.deliver(power.Command{Action: a, ID: fmt.Sprintf("c%d", b.ids), At: b.w.now().Wall, By: by, Content: uint64(b.ids)})
}
