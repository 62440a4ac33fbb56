package bridge

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hikbridge/bridge/journal"
	"hikbridge/bridge/plug"
	"hikbridge/bridge/power"
	"hikbridge/discovery"
	"hikbridge/mqtt"
	"hikbridge/nvr"
)

const (
	// sayEvery is how often *safe* is said while it holds; Home Assistant lets it
	// end after 9 s without.
	sayEvery = 3 * time.Second
	// lateAfter is how long a record may take until its effect isn't started any
	// more without asking the machine again.
	lateAfter = 2 * time.Second
	// hangsAfter is how long it may take until it has failed.
	hangsAfter = 30 * time.Second
	// deadlineMoved is how much a battery's deadline must move to be told again.
	deadlineMoved = 5 * time.Second
)

// keeper keeps one recorder's power. Its goroutine owns the machine (package
// power) and does what the machine decides, in one function: commit. What is
// observed comes by mail; what is to be shown, and what the recorder may be asked,
// goes to the recorder's loop. It is a goroutine of its own so that events go on
// while a record waits for its disk.
type keeper struct {
	cfg    RecorderConfig
	site   *site
	client *nvr.Client
	log    *slog.Logger
	plug   *plug.Plug // nil: none
	gate   *gate
	shares []*keeper // the other recorders on its plug
	leads  bool      // and its machine is the one that cuts it
	mail   *mailbox
	began  time.Time          // a second before this process knew of anything
	shown  *latest[powerView] // for the recorder's loop, which asks nothing before

	mains   *mainsNews  // as told last; nil: nothing. Owned by the goroutine of the outage rule
	place   int         // among the recorders, in the configured order
	resolve atomic.Bool // the prober looks the name up
	// configure is whether the account may change settings, as a check was told last;
	// nil: none was.
	configure atomic.Pointer[bool]
	missed    atomic.Bool // a report of the relay found no room: it isn't known any more

	// All below is owned by the keeper's goroutine, from run on.
	machine  *power.Machine
	journal  *journal.Log
	append   func([]byte) error // the journal's, but in some tests
	damaged  bool               // the journal, until a new one begins
	written  chan error         // what became of a record
	hangs    bool               // the disk: one is still being written
	patience time.Duration      // hangsAfter, but in some tests
	size     int                // bytes appended since it was compacted
	book     logBook
	// verified is the first item of the verification that was written last.
	verified *power.Item
	work     sync.WaitGroup     // goroutines that were started
	wake     time.Duration      // when the machine wants to be woken; negative: not
	said     time.Time          // when safe was said last
	asked    time.Time          // when the plug was asked last
	stop     context.CancelFunc // ends the effect that asks the recorder; nil: none
	running  uint64             // number of that
	probes   context.CancelFunc // ends the prober; nil: it doesn't run
	sight    sighting
	facts    power.Facts  // last collected
	support  power.Seen   // whether the recorder can be shut down from outside
	returns  power.Seen   // whether the plug is on after an outage
	model    string       // of the recorder
	stands   power.Stands // as the outage rule was told last
	why      string       // what the outage rule told with its last news
	partners power.Partners
}

// hearMains takes in what is to be known of mains, if it is something new. It is
// called by one goroutine, and doesn't wait.
func (k *keeper) hearMains(m mainsNews) {
	if k.mains != nil && m.Mains == k.mains.Mains && m.deadline.Sub(k.mains.deadline).Abs() < deadlineMoved {
		return
	}
	k.mains = &m
	k.mail.behind(m)
}

// newKeeper makes a recorder's keeper. Its journal is opened by run; one that can't be
// used is no reason not to start: its owner must still be able to switch on.
func newKeeper(c RecorderConfig, s *site, client *nvr.Client) (*keeper, error) {
	p, err := c.Power.plug(s.cfg.Topic, c.Name)
	if err != nil {
		return nil, err
	}
	k := &keeper{
		cfg: c, site: s, client: client, plug: p, mail: newMailbox(), began: time.Now().Add(-time.Second),
		shown: newLatest(powerView{}), log: s.cfg.Log.With(keyRecorder, c.Name),
		book: logBook{recorder: c.Name}, wake: -1, written: make(chan error, 1), patience: hangsAfter,
	}
	k.gate = &gate{revoke: k.revoke}
	return k, nil
}

// run keeps the power until ctx is done, and returns when all that it started has
// ended. What is under way stays in the journal.
func (k *keeper) run(ctx context.Context) {
	defer k.work.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	k.commit(ctx, k.open())
	defer func() {
		if k.journal != nil && !k.hangs {
			if err := k.journal.Close(); err != nil {
				k.log.Error("the journal can't be closed", keyError, err)
			}
		}
	}()
	for ctx.Err() == nil {
		if m, ok := k.mail.take(); ok {
			k.receive(ctx, m)
			continue
		}
		if k.missed.Swap(false) {
			k.step(ctx, power.Relay{At: k.now(), State: power.RelayUnknown})
			continue
		}
		k.routine(ctx)
		timer.Reset(time.Until(k.next()))
		select {
		case <-ctx.Done():
		case <-k.mail.wake:
		case <-timer.C:
		}
	}
	k.gate.close()
}

// receive hands a message to the machine.
func (k *keeper) receive(ctx context.Context, m any) {
	switch m := m.(type) {
	case power.Collected:
		m.Facts.Serial = k.asKnown(m.Facts.Serial)
		k.complete(&m.Facts)
		k.step(ctx, m)
	case effectDone:
		if m.number == k.running {
			k.stop()
			k.stop = nil
		}
		if m.model != "" {
			k.model = m.model
		}
		k.receive(ctx, m.event)
	case power.Verified:
		m.After.Serial = k.asKnown(m.After.Serial)
		k.step(ctx, m)
	case power.SignedIn:
		m.Serial = k.asKnown(m.Serial)
		k.step(ctx, m)
	case requested:
		k.support = m.supports(k.support)
		k.step(ctx, m.PutDone)
	case power.Probe:
		k.sight.add(m, time.Now())
		k.step(ctx, m)
	case power.Relay:
		k.sight.heard = time.Now()
		if m.State != power.RelayOn {
			k.sight.read = time.Time{} // what was read before is no figure of now
		}
		k.step(ctx, m)
	case power.Reading:
		k.sight.heard = time.Now()
		if !m.Retained {
			k.sight.watt, k.sight.read = m.Watts, time.Now()
		}
		k.step(ctx, m)
	case plugDefault:
		k.returns = power.Seen(m)
	case mainsNews:
		k.why = m.why
		if !m.deadline.IsZero() {
			m.Deadline = k.mono(m.deadline)
		}
		k.step(ctx, m.Mains)
	case power.Event:
		k.step(ctx, m)
	default:
		panic("bridge: unknown mail")
	}
}

// asKnown is a serial number as the machine knows it: firmwares print it differently.
func (k *keeper) asKnown(serial string) string {
	if known := k.machine.Memory().Serial; sameBox(serial, known) {
		return known
	}
	return serial
}

// complete adds to facts what the keeper knows of plug and support. A short look
// leaves out who was online before, which a whole check has asked.
func (k *keeper) complete(f *power.Facts) {
	if err := k.client.RefusedShutdown(); err != nil {
		k.support = power.Seen{Told: power.No, Evidence: plain(err)}
	}
	f.Support, f.PlugReturns = k.support, k.returns
	heard := time.Since(k.sight.heard)
	f.PlugReachable = seen(known(!k.sight.heard.IsZero() && heard < plugHeardFor), "", nil)
	if f.Before.Online == nil && f.Before.Disks == nil {
		f.Before.Online, f.Before.Recording, f.Before.Disks = k.facts.Before.Online, k.facts.Before.Recording, k.facts.Before.Disks
		f.Before.FixedAddress = k.facts.Before.FixedAddress
	}
	k.facts = *f
}

func (k *keeper) step(ctx context.Context, e power.Event) {
	k.commit(ctx, k.machine.Step(k.now(), e))
}

// commit does what a step decided, in the order that every promise rests on: what
// is lowered is lowered, and power switched on, before anything else; then the
// record is made durable; then it is told; and only then comes the effect. The
// machine learns what became of the record, and may decide again.
func (k *keeper) commit(ctx context.Context, out power.Output) {
	for {
		proof, safe := k.machine.Safe()
		k.gate.watch(proof)
		if !safe {
			k.gate.close()
		}
		if !k.machine.MayLosePower() {
			k.gate.stand(0)
		}
		if out.Effect.Kind == power.SwitchOn {
			k.switchOn()
		}
		for _, x := range out.Moves {
			k.log.Info("power state changed", keyBefore, x.From, keyState, x.To, keyReason, x.Row)
		}
		k.wake = out.Wake
		became := power.Durable
		if out.Record != nil {
			became = k.write(out)
		}
		k.tell(out)
		if became == power.Durable && out.Effect.Kind != power.SwitchOn {
			k.start(ctx, out.Effect)
		}
		if out.Record == nil {
			break
		}
		done := power.Committed{Number: out.Record.Number(), Commit: became}
		if became == power.Late { // what was seen meanwhile comes first
			k.mail.behind(done)
			break
		}
		out = k.machine.Step(k.now(), done)
	}
	proof, safe := k.machine.Safe()
	if k.machine.MayLosePower() {
		k.gate.stand(proof)
	}
	if safe {
		k.gate.raise(proof)
	}
	k.follow(ctx)
}

// tell publishes verdicts and outcomes, and shows how it stands.
func (k *keeper) tell(out power.Output) {
	for _, a := range out.Answers {
		if o := k.site.outage; o != nil && a.Action == power.TestOutage {
			o.mail.behind(tested{k.place, a})
		}
		k.site.verdict(k.cfg.Name, &verdict{EventType: string(a.Type), ID: a.ID, By: a.By, Action: action(a.Action),
			Reason: a.Reason, Message: a.Message, Findings: blockers(a.Findings)})
		log := k.log
		if a.By != "" {
			log = log.With(keyBy, a.By)
		}
		switch a.Type {
		case power.Declined, power.Undone:
			log.Warn("command "+string(a.Type), keyAction, a.Action, keyReason, a.Message)
		case power.Accepted, power.Finished, power.Cancelled:
			log.Info("command "+string(a.Type), keyAction, a.Action, keyReason, a.Message)
		}
	}
}

// follow does what the machine wants observed now.
func (k *keeper) follow(ctx context.Context) {
	w := k.machine.Watch()
	k.resolve.Store(w.Resolve)
	if w.Probe && k.probes == nil {
		k.sight.last, k.sight.http = power.Probe{}, time.Time{}
		probing, cancel := context.WithCancel(ctx)
		k.probes = cancel
		host := k.host()
		k.work.Go(func() { k.probe(probing, host) })
	}
	if !w.Probe && k.probes != nil {
		k.probes()
		k.probes = nil
	}
	if s := (power.Stands{Recorder: k.place, State: k.machine.State(), Budget: k.machine.Budget(), Proven: k.machine.MayLosePower()}); k.site.outage != nil && s != k.stands {
		k.stands = s
		k.site.outage.mail.behind(s)
	}
	if v := k.view(w); !reflect.DeepEqual(v, k.shown.get()) {
		k.shown.set(v)
	}
}

// routine does what comes by time: the machine's wake, safe, questions to the plug.
func (k *keeper) routine(ctx context.Context) {
	now := time.Now()
	if p := k.hearPartners(); p != k.partners {
		k.partners = p
		k.step(ctx, p)
	}
	if k.wake >= 0 && k.mono(now) >= k.wake {
		k.step(ctx, power.Tick{})
	}
	k.askPlug(ctx)
	k.saySafe(ctx)
}

// hearPartners looks how the others on the plug stand. It does so whenever something
// was seen, which is every two seconds while a cut or *safe* may follow.
func (k *keeper) hearPartners() power.Partners {
	var on []string
	for _, o := range k.shares {
		if !o.gate.stands() {
			on = append(on, o.cfg.Name)
		}
	}
	return power.Partners{Safe: len(k.shares) > 0 && len(on) == 0, On: strings.Join(on, ", ")}
}

// next is when routine has something to do again.
func (k *keeper) next() time.Time {
	at := time.Now().Add(time.Minute)
	if k.wake >= 0 {
		at = sooner(at, k.began.Add(k.wake))
	}
	if every := k.askEvery(); every > 0 {
		at = sooner(at, k.asked.Add(every))
	}
	if _, safe := k.machine.Safe(); safe {
		at = sooner(at, k.said.Add(sayEvery))
	}
	return at
}

// saySafe says that power may be cut, after the machine has looked at the time
// once more.
func (k *keeper) saySafe(ctx context.Context) {
	if _, safe := k.machine.Safe(); !safe || time.Since(k.said) < sayEvery {
		return
	}
	k.step(ctx, power.Tick{})
	proof, safe := k.machine.Safe()
	if !safe {
		return
	}
	k.said = time.Now()
	m := mqtt.Message{Class: mqtt.State, Topic: k.safeTopic(), Payload: []byte(onOff(true))}
	if err := k.site.mqtt.Now(m, func() bool { return k.gate.holds(proof) }); err != nil {
		k.log.Debug("safe couldn't be said", keyError, err)
	}
}

// revoke takes safe back. It is retained, and the first thing that every
// connection tells.
func (k *keeper) revoke() {
	k.site.mqtt.Publish(mqtt.Message{Class: mqtt.Revoke, Topic: k.safeTopic(), Payload: []byte(onOff(false)), Retain: true})
}

// safeTopic is where *safe* stands.
func (k *keeper) safeTopic() string {
	return k.site.device.RecorderTopic(k.cfg.Name) + "/" + discovery.KeySafe
}

// now is this moment as the machine counts it.
func (k *keeper) now() power.Instant { return k.at(time.Now()) }

// at is a moment as the machine counts it.
func (k *keeper) at(t time.Time) power.Instant {
	return power.Instant{Wall: t.Round(0), Mono: k.mono(t)}
}

// mono is the time since the start by the monotonic clock.
func (k *keeper) mono(t time.Time) time.Duration { return t.Sub(k.began) }

// observe posts what somebody saw. Life lowers the gate first, whatever the keeper
// waits for. Who observes does so every two seconds at most, so that life finds
// room even in a full mailbox.
func (k *keeper) observe(e power.Event) {
	urgent := false
	switch e := e.(type) {
	case power.Probe:
		urgent = e.Sight == power.Alive
	case power.SignedIn, power.Answered:
		urgent = true
	}
	if urgent {
		k.gate.lower()
	}
	if !k.mail.post(urgent, e) && urgent {
		k.mail.behind(e) // life must not get lost
	}
}
