package mqtt

import (
	"fmt"
	"sync"
	"time"
)

const (
	// fifoSize and fifoBytes bound what waits while connected: a few seconds of a busy site on a slow link.
	fifoSize  = 4096
	fifoBytes = 8 << 20
	// large is the payload size from which a message is a likely reason for a broker to close the connection.
	large = 4 << 10
	// largeKills and smallKills are how many connections must have ended with a message as the only one under way until it is
	// withheld. A small message is hardly the reason, and dear: it gets the benefit of one more coincidence.
	largeKills = 2
	smallKills = 3
	// reduceFrom is how many retained messages a full fifo must have until it is searched for them: a burst that doesn't end mustn't
	// search it for each message.
	reduceFrom = 64
	// limitFor is how long the size limit holds that was learned from pictures, whose content always changes.
	limitFor = 24 * time.Hour
	// noticesSize bounds the withheld messages that wait for being told.
	noticesSize = 64
)

// outbox remembers retained messages and decides what is sent next. Publish fills it from any goroutine, one session at a
// time empties it.
//
// Two places hold what waits: fifo has messages with their values, in order; pending has topics whose latest value is due.
// A topic is never in both: a publish that goes to the fifo takes the topic out of pending, and a full fifo gives all its
// retained messages over to pending. So a value from one place is never older than what the other one sent before.
type outbox struct {
	mu   sync.Mutex
	wake chan struct{} // tells the session that there is something to send

	topics map[string]*entry
	order  []*entry // of the first publish: a device's document must follow that of the device it hangs on
	gone   int      // entries in order that are forgotten

	open      bool // there is a connection
	replaying bool // its first replay isn't over
	careful   bool // a broker closed the connection before it had everything: all that is replayed is acknowledged one by one
	barrier   bool // Revoke messages of the replay were sent; they must be acknowledged before anything else goes out
	turn      bool // pending's turn, when both have something
	pending   [classes]queue[*entry]
	fifo      queue[item]
	bytes     int // in the fifo, as are the next two
	retained  int
	pictures  int

	oneOff   oneOff
	lost     int
	withheld int
	notices  []Change
}

// entry is a retained topic. There are tens of thousands of them, so it is small.
type entry struct {
	topic    string
	payload  string
	version  uint32 // of payload
	waiting  uint16 // messages of it in the fifo
	class    uint8
	kills    uint8 // connections that ended while this payload was the only one under way
	suspect  bool  // a connection ended while this payload was under way
	dirty    bool  // the payload is due on this connection, by pending
	placed   bool  // it has a place in pending, in the queue of lane; void unless dirty
	lane     uint8
	withheld bool // until the payload changes
	revoking bool // the broker hasn't acknowledged a Revoke of it on this connection
	gone     bool // forgotten, and still in order
}

// oneOff is what is known of large messages that aren't remembered: they have no entry that could hold it.
type oneOff struct {
	suspect bool
	kills   int
	limit   int // they are withheld from this size on
	until   time.Time
}

// item is one message on its way.
type item struct {
	entry   *entry // nil: not remembered
	topic   string
	payload string
	version uint32
	class   Class
	retain  bool
	alone   bool // nothing else may be under way with it
	swift   bool // it may go out at QoS 0
}

func (it item) qos() byte {
	switch {
	case it.alone:
		return 1 // whatever its class: only an acknowledgement tells that the broker took it
	case it.class == Picture, it.class == State && !it.retain:
		return 0
	default:
		return 1
	}
}

// plain says that QoS 0 does for a message: a state or event that no broker closes the connection on. An empty payload
// clears a topic, which must be acknowledged.
func (it item) plain() bool {
	return it.swift && !it.alone && it.payload != "" && !it.large() && (it.class == State || it.class == Event)
}

func (it item) large() bool { return len(it.payload) > large }

func newOutbox() *outbox {
	return &outbox{topics: make(map[string]*entry), wake: make(chan struct{}, 1)}
}

func (o *outbox) stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	return Stats{Topics: len(o.topics), Lost: o.lost, Withheld: o.withheld}
}

func (o *outbox) publish(m Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.sendable(m) {
		o.withheld++
		return
	}
	it := item{topic: m.Topic, payload: string(m.Payload), class: m.Class, retain: m.Retain}
	if m.Retain && !o.remember(&it) {
		o.lost++
		return
	}
	o.enqueue(it)
	notify(o.wake)
}

// sendable refuses what every broker would close the connection on.
func (o *outbox) sendable(m Message) bool {
	if !validTopic(m.Topic) || m.Class < 0 || m.Class >= classes {
		return false
	}
	if packetHead+len(m.Topic)+len(m.Payload) <= maxPacket {
		return m.Retain || !o.beyondLimit(len(m.Payload))
	}
	if m.Retain {
		o.notice(Change{Kind: Withheld, Topic: m.Topic, Size: len(m.Payload), Err: ErrTooLarge})
		notify(o.wake)
	}
	return false
}

func (o *outbox) beyondLimit(size int) bool {
	return o.oneOff.limit > 0 && size >= o.oneOff.limit && time.Now().Before(o.oneOff.until)
}

// remember stores a retained message as its topic's latest value, unless there are too many topics.
func (o *outbox) remember(it *item) bool {
	e := o.topics[it.topic]
	if e == nil {
		if len(o.topics) >= maxTopics {
			return false
		}
		e = &entry{topic: it.topic}
		o.topics[it.topic] = e
		o.order = append(o.order, e)
	}
	if e.payload != it.payload {
		e.acquit(len(it.payload) < len(e.payload))
	}
	e.payload, e.class = it.payload, uint8(it.class)
	e.version++
	e.revoking = e.revoking || it.class == Revoke
	it.entry, it.version = e, e.version
	return true
}

// acquit gives a topic with new content another chance. What isn't smaller than what ended connections keeps one of them on
// its account.
func (e *entry) acquit(smaller bool) {
	e.kills = min(e.kills, 1)
	if smaller {
		e.kills = 0
	}
	e.suspect = e.kills > 0
	e.withheld = false
}

// enqueue decides where a message waits.
func (o *outbox) enqueue(it item) {
	e := it.entry
	switch {
	case !o.open && e == nil:
		o.lost++
	case !o.open:
		// The next connection replays it.
	case e != nil && e.withheld:
	case e != nil && it.class == Revoke:
		o.void(it.topic)
		o.due(e)
	case e != nil && e.dirty && o.replaying:
		o.due(e)
	default:
		o.append(it)
	}
}

// void takes all messages of a topic out of the fifo.
func (o *outbox) void(topic string) {
	o.fifo.keep(func(it item) bool {
		if it.topic != topic {
			return true
		}
		o.removed(it)
		return false
	})
}

// due puts a topic into the queue of its class, unless it has a place there. One in another class's queue is void.
func (o *outbox) due(e *entry) {
	e.dirty = true
	if e.placed && e.lane == e.class {
		return
	}
	e.placed, e.lane = true, e.class
	o.pending[e.class].push(e)
}

func (o *outbox) append(it item) {
	if !o.fits(it) && (o.retained >= reduceFrom || o.retained > 0 && o.fifo.len() < fifoSize) {
		o.reduce()
	}
	if !o.fits(it) && o.pictures > 0 {
		o.dropPictures()
	}
	if o.fits(it) {
		o.fifo.push(it)
		o.bytes += len(it.payload)
		if it.entry != nil {
			it.entry.dirty = false
			it.entry.waiting++
			o.retained++
		}
		if it.class == Picture {
			o.pictures++
		}
		return
	}
	if it.entry == nil {
		o.lost++
		return
	}
	o.due(it.entry)
}

func (o *outbox) fits(it item) bool {
	return o.fifo.len() < fifoSize && o.bytes+len(it.payload) <= fifoBytes
}

// reduce makes room: of retained messages only the latest values stay due.
func (o *outbox) reduce() {
	o.fifo.keep(func(it item) bool {
		if it.entry == nil {
			return true
		}
		o.removed(it)
		if !it.entry.dirty {
			o.due(it.entry)
		}
		return false
	})
}

// dropPictures makes room at the cost of what is worth least.
func (o *outbox) dropPictures() {
	o.fifo.keep(func(it item) bool {
		if it.class != Picture {
			return true
		}
		o.removed(it)
		o.lost++
		return false
	})
}

// removed keeps account of a message that left the fifo.
func (o *outbox) removed(it item) {
	o.bytes -= len(it.payload)
	if it.entry != nil {
		it.entry.waiting--
		o.retained--
	}
	if it.class == Picture {
		o.pictures--
	}
}

// begin starts a connection: everything remembered is due.
func (o *outbox) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open, o.replaying, o.barrier = true, true, false
	o.pending = [classes]queue[*entry]{}
	for _, e := range o.order {
		e.placed, e.dirty, e.revoking = false, false, Class(e.class) == Revoke
		if !e.gone && !e.withheld {
			o.due(e)
		}
	}
}

// end closes the connection: what waited without being remembered is lost.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open, o.replaying = false, false
	for o.fifo.len() > 0 {
		it := o.fifo.pop()
		o.removed(it)
		if it.entry == nil {
			o.lost++
		}
	}
	o.pending = [classes]queue[*entry]{}
}

// rebirth makes availability and states due again. A topic with messages in the fifo is on its way already.
func (o *outbox) rebirth() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.order {
		repeated := Class(e.class) == Availability || Class(e.class) == State
		if repeated && !e.gone && !e.withheld && !e.dirty && e.waiting == 0 {
			o.due(e)
		}
	}
}

// next takes the message that is to be sent next. idle says that nothing is under way; some messages wait for that. full says
// that there is room for a Revoke only.
func (o *outbox) next(idle, full bool) (it item, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	class, fromFIFO, ok := o.choose(idle)
	if !ok || full && (fromFIFO || class != Revoke) {
		return item{}, false
	}
	if fromFIFO {
		it = o.fifo.peek()
		it.swift = true
	} else {
		it = due(o.pending[class].peek())
		it.swift = !o.careful
	}
	it.alone = o.suspicious(it)
	if it.alone && !idle {
		return item{}, false
	}
	o.take(class, fromFIFO)
	if _, more := o.firstPending(); !fromFIFO && !more {
		it.swift = false // the last one's acknowledgement is that of all
	}
	return it, true
}

// due is the message of a topic whose latest value is due.
func due(e *entry) item {
	return item{entry: e, topic: e.topic, payload: e.payload, version: e.version, class: Class(e.class), retain: true}
}

// choose returns the class in pending, or the fifo, that has the next message.
func (o *outbox) choose(idle bool) (class Class, fromFIFO, ok bool) {
	class, found := o.firstPending()
	if found && class == Revoke {
		return Revoke, false, true
	}
	if o.barrier {
		if !idle {
			return 0, false, false
		}
		o.barrier = false
	}
	if !found {
		o.replaying = false
	}
	waiting := o.fifo.len() > 0
	if found && (o.replaying || o.turn || !waiting) {
		return class, false, true
	}
	return 0, true, waiting
}

// firstPending returns the first class with a topic that is due, and takes void places out of the queues.
func (o *outbox) firstPending() (Class, bool) {
	for class := range o.pending {
		q := &o.pending[class]
		for q.len() > 0 {
			e := q.peek()
			if e.dirty && !e.gone && !e.withheld && int(e.class) == class {
				return Class(class), true
			}
			o.popPending(Class(class))
		}
	}
	return 0, false
}

func (o *outbox) take(class Class, fromFIFO bool) {
	o.turn = fromFIFO
	if fromFIFO {
		o.removed(o.fifo.pop())
		return
	}
	o.popPending(class).dirty = false
	if class == Revoke && o.replaying {
		o.barrier = true
	}
}

func (o *outbox) popPending(class Class) *entry {
	e := o.pending[class].pop()
	if Class(e.lane) == class {
		e.placed = false
	}
	return e
}

// suspicious reports whether a message must be sent alone, so that it is known if the broker closes on it.
func (o *outbox) suspicious(it item) bool {
	if it.entry != nil {
		return it.entry.suspect
	}
	return o.oneOff.suspect && it.large()
}

// ended says how a connection ended: whether the broker closed it before it had everything.
func (o *outbox) ended(early bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.careful = early
}

// replayed reports that everything of the first replay was handed out.
func (o *outbox) replayed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.open && !o.replaying
}

// revoking reports that a Revoke of a topic isn't acknowledged yet, so that nothing may go past it.
func (o *outbox) revoking(topic string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.topics[topic]
	return e != nil && e.revoking
}

// lose counts messages of which nobody knows whether the broker got them.
func (o *outbox) lose(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost += n
}

// sent takes account of a message that the broker has.
func (o *outbox) sent(it item) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if it.entry == nil {
		if it.large() && it.qos() > 0 {
			o.oneOff.suspect, o.oneOff.kills = false, 0
		}
		return
	}
	if e := it.entry; e.version == it.version && !e.gone {
		e.suspect, e.kills = false, 0
		if it.class == Revoke {
			e.revoking = false
		}
		if e.payload == "" && !e.dirty && e.waiting == 0 {
			o.forget(e)
		}
	}
}

// forget removes a topic that is cleared at the broker.
func (o *outbox) forget(e *entry) {
	e.gone = true
	delete(o.topics, e.topic)
	if o.gone++; o.gone < 1024 || o.gone < len(o.order)/2 {
		return
	}
	kept := make([]*entry, 0, len(o.topics))
	for _, e := range o.order {
		if !e.gone {
			kept = append(kept, e)
		}
	}
	o.order, o.gone = kept, 0
}

// unsent takes account of messages that were under way when the connection ended. closed says that the broker ended it;
// then one of them may be the reason, and the only one if nothing else was under way.
func (o *outbox) unsent(items []item, closed, only bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, it := range items {
		if it.entry == nil && it.qos() > 0 {
			o.lost++
		}
		if closed {
			o.suspect(it, only)
		}
	}
}

// suspect puts the end of a connection on a message's account. A message is withheld only after it was the only one.
func (o *outbox) suspect(it item, only bool) {
	if it.entry == nil {
		o.suspectOneOff(it, only)
		return
	}
	e := it.entry
	if e.gone || e.withheld || e.version != it.version {
		return
	}
	e.suspect = true
	if !only || it.class == Revoke {
		return
	}
	need := smallKills
	if it.large() {
		need = largeKills
	}
	if e.kills++; int(e.kills) >= need {
		e.withheld = true
		o.withhold(it)
	}
}

func (o *outbox) suspectOneOff(it item, only bool) {
	if !it.large() {
		return
	}
	o.oneOff.suspect = true
	if !only {
		return
	}
	if o.oneOff.kills++; o.oneOff.kills < largeKills {
		return
	}
	o.oneOff = oneOff{limit: len(it.payload), until: time.Now().Add(limitFor)}
	o.withhold(it)
}

func (o *outbox) withhold(it item) {
	o.withheld++
	o.notice(Change{Kind: Withheld, Topic: it.topic, Size: len(it.payload),
		Err: fmt.Errorf("%s of %d bytes: %w", it.class, len(it.payload), ErrBrokerCloses)})
}

// notice keeps a change until the session tells it.
func (o *outbox) notice(c Change) {
	if len(o.notices) < noticesSize {
		o.notices = append(o.notices, c)
	}
}

func (o *outbox) takeNotices() []Change {
	o.mu.Lock()
	defer o.mu.Unlock()
	notices := o.notices
	o.notices = nil
	return notices
}
