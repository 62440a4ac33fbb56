package mqtttest

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Broker is a broker in memory. Make one with [New], end it with Close.
type Broker struct {
	mu        sync.Mutex
	cond      *sync.Cond    // wakes peers that wait for work or for a fault to end
	changed   chan struct{} // closed at the next change; nil when nobody waits
	peers     map[*peer]struct{}
	listeners []net.Listener
	retained  map[string]retained
	log       []Record
	number    int
	faults    faults
	closed    bool
	wg        sync.WaitGroup
}

type retained struct {
	payload []byte
	qos     byte
}

// faults are the switches of the broker, under its lock.
type faults struct {
	login          bool
	user, password string
	refuse         byte
	down, frozen   bool
	holdAcks       bool
	delay          time.Duration
	maxPacket      int
	refusedFilters map[string]bool
	closeOn        map[string]bool
}

// Record is one packet of the transcript.
type Record struct {
	At     time.Time
	Conn   int    // number of the connection, from 1
	Client string // its client id
	Sent   bool   // by the broker; false: by the client
	// Packet is the packet's name: CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ,
	// PINGRESP, DISCONNECT, and CLOSED for the end of the connection.
	Packet  string
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
	Dup     bool
	ID      uint16
	Clean   bool     // CONNECT: a clean session
	Code    byte     // CONNACK's return code
	Filters []string // SUBSCRIBE, UNSUBSCRIBE
	Codes   []byte   // SUBACK
}

// New returns a running broker that accepts everyone.
func New() *Broker {
	b := &Broker{
		peers:    make(map[*peer]struct{}),
		retained: make(map[string]retained),
	}
	b.faults.refusedFilters = make(map[string]bool)
	b.faults.closeOn = make(map[string]bool)
	b.cond = sync.NewCond(&b.mu)
	return b
}

// Close cuts all connections, closes the listeners given to Serve, and returns when all goroutines of the broker are gone.
func (b *Broker) Close() {
	b.change(func() {
		b.closed = true
		b.cut(nil)
		for _, l := range b.listeners {
			_ = l.Close()
		}
	})
	b.wg.Wait()
}

// Dial connects to the broker. Network and address are ignored. It fails with a refused connection while the broker is down.
func (b *Broker) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	client, server := Pipe()
	if !b.accept(server) {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("connection refused")}
	}
	return client, nil
}

// Serve accepts connections until the listener or the broker is closed, and returns the listener's error.
func (b *Broker) Serve(l net.Listener) error {
	b.change(func() { b.listeners = append(b.listeners, l) })
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		if !b.accept(conn) {
			_ = conn.Close()
		}
	}
}

// accept starts the two goroutines of a connection, or reports that the broker takes none.
func (b *Broker) accept(conn net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.faults.down {
		return false
	}
	b.number++
	p := &peer{broker: b, conn: conn, number: b.number, subs: make(map[string]byte)}
	b.peers[p] = struct{}{}
	b.wg.Go(p.read)
	b.wg.Go(p.write)
	return true
}

// change runs f under the lock and tells everyone who waits.
func (b *Broker) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	b.touch()
}

// touch is called with the lock held.
func (b *Broker) touch() {
	b.cond.Broadcast()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Wait returns nil once ok reports true, or the context's error. ok is called at first and after each change of the broker
// (a packet, a connection), without any lock held, so it may call the broker's methods.
func (b *Broker) Wait(ctx context.Context, ok func() bool) error {
	for {
		b.mu.Lock()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		if ok() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Log returns the transcript since the start, in the order in which the broker read and queued the packets. The payloads
// are shared and must not be changed.
func (b *Broker) Log() []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log)
}

// Retained returns the retained payload of a topic. The payload is shared and must not be changed.
func (b *Broker) Retained(topic string) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.retained[topic]
	return r.payload, ok
}

// Topics returns all topics with a retained message, sorted.
func (b *Broker) Topics() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	topics := make([]string, 0, len(b.retained))
	for topic := range b.retained {
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	return topics
}

// Clients returns the ids of the clients that are connected and accepted, sorted.
func (b *Broker) Clients() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for p := range b.peers {
		if p.accepted {
			ids = append(ids, p.client)
		}
	}
	slices.Sort(ids)
	return ids
}

// Publish delivers a message as if another client had published it with QoS 1. An empty retained payload clears the topic.
func (b *Broker) Publish(topic string, payload []byte, retain bool) {
	b.change(func() { b.route(message{topic: topic, payload: slices.Clone(payload), qos: 1, retain: retain}) })
}

// Login asks every client for this user and password; others are refused with return code 5, as Mosquitto does.
func (b *Broker) Login(user, password string) {
	b.change(func() { b.faults.login, b.faults.user, b.faults.password = true, user, password })
}

// Refuse answers each CONNECT with this return code (1 to 5); 0 accepts again.
func (b *Broker) Refuse(code byte) { b.change(func() { b.faults.refuse = code }) }

// RefuseSubscription answers subscriptions to exactly this filter with 0x80.
func (b *Broker) RefuseSubscription(filter string) {
	b.change(func() { b.faults.refusedFilters[filter] = true })
}

// MaxPacket closes connections on a packet of more than n bytes, header included; 0 takes any size.
func (b *Broker) MaxPacket(n int) { b.change(func() { b.faults.maxPacket = n }) }

// CloseOn closes the connection of a client that publishes to this topic, as some brokers do where it has no right to.
func (b *Broker) CloseOn(topic string) { b.change(func() { b.faults.closeOn[topic] = true }) }

// Cut closes connections abruptly: those of the given client ids, or all. The wills are published.
func (b *Broker) Cut(clients ...string) { b.change(func() { b.cut(clients) }) }

// cut is called with the lock held.
func (b *Broker) cut(clients []string) {
	for p := range b.peers {
		if len(clients) == 0 || slices.Contains(clients, p.client) {
			p.drop()
		}
	}
}

// Down cuts all connections and refuses new ones until Up.
func (b *Broker) Down() {
	b.change(func() {
		b.faults.down = true
		b.cut(nil)
	})
}

// Up takes connections again after Down.
func (b *Broker) Up() { b.change(func() { b.faults.down = false }) }

// Forget loses all retained messages.
func (b *Broker) Forget() { b.change(func() { clear(b.retained) }) }

// Freeze stops reading and writing on all connections until Thaw. New connections are accepted and get no answer.
func (b *Broker) Freeze() { b.change(func() { b.faults.frozen = true }) }

// Thaw ends Freeze: what lies in the connections' buffers is read then.
func (b *Broker) Thaw() { b.change(func() { b.faults.frozen = false }) }

// SlowReader waits so long before each packet that is read; 0 ends it.
func (b *Broker) SlowReader(delay time.Duration) { b.change(func() { b.faults.delay = delay }) }

// HoldAcks takes PUBLISH packets without acknowledging them while hold is true. What was taken so is never acknowledged.
func (b *Broker) HoldAcks(hold bool) { b.change(func() { b.faults.holdAcks = hold }) }

// message is what is routed to subscribers.
type message struct {
	topic   string
	payload []byte
	qos     byte
	retain  bool
}

// route stores a retained message and hands every message to its subscribers, once each. Called with the lock held.
func (b *Broker) route(m message) {
	if m.retain {
		if len(m.payload) == 0 {
			delete(b.retained, m.topic)
		} else {
			b.retained[m.topic] = retained{payload: m.payload, qos: m.qos}
		}
	}
	for p := range b.peers {
		if qos, ok := p.subscribed(m.topic); ok {
			p.deliver(m, min(qos, m.qos), false)
		}
	}
}

// record adds to the transcript. Called with the lock held.
func (b *Broker) record(p *peer, sent bool, packet packets.ControlPacket) {
	r := Record{At: time.Now(), Conn: p.number, Client: p.client, Sent: sent}
	switch packet := packet.(type) {
	case *packets.ConnectPacket:
		r.Packet, r.Clean = "CONNECT", packet.CleanSession
	case *packets.ConnackPacket:
		r.Packet, r.Code = "CONNACK", packet.ReturnCode
	case *packets.PublishPacket:
		r.Packet, r.Topic, r.Payload, r.ID = "PUBLISH", packet.TopicName, packet.Payload, packet.MessageID
		r.QoS, r.Retain, r.Dup = packet.Qos, packet.Retain, packet.Dup
	case *packets.PubackPacket:
		r.Packet, r.ID = "PUBACK", packet.MessageID
	case *packets.SubscribePacket:
		r.Packet, r.ID, r.Filters = "SUBSCRIBE", packet.MessageID, packet.Topics
	case *packets.SubackPacket:
		r.Packet, r.ID, r.Codes = "SUBACK", packet.MessageID, packet.ReturnCodes
	case *packets.UnsubscribePacket:
		r.Packet, r.ID, r.Filters = "UNSUBSCRIBE", packet.MessageID, packet.Topics
	case *packets.UnsubackPacket:
		r.Packet, r.ID = "UNSUBACK", packet.MessageID
	case *packets.PingreqPacket:
		r.Packet = "PINGREQ"
	case *packets.PingrespPacket:
		r.Packet = "PINGRESP"
	case *packets.DisconnectPacket:
		r.Packet = "DISCONNECT"
	case nil:
		r.Packet = "CLOSED"
	}
	b.log = append(b.log, r)
	b.touch()
}
