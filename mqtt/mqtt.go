// Package mqtt keeps one session with an MQTT 3.1.1 broker and what the broker must know of us.
//
// A [Client] remembers the latest retained message of each topic. [Client.Publish] never blocks and never fails: while
// there is a connection the message goes out in order, while there is none the latest value of a retained topic is kept
// and goes out with the next connection. [Client.Run] connects, stays connected and, when its context ends, says goodbye.
//
//	client, err := mqtt.New(mqtt.Config{URL: "mqtt://broker", ClientID: "hikbridge", ...})
//	go client.Run(ctx)
//	client.Publish(mqtt.Message{Class: mqtt.State, Topic: "a/b", Payload: []byte("on"), Retain: true})
//	for in := range client.Inbox() { ... }
//
// # Every connection
//
// It starts clean: nothing is queued for us at the broker, and whatever it had of us is sent again. First we subscribe. Then
// all remembered messages go out: those of class [Revoke], and only when the broker acknowledged them the documents, then
// states, then availability: what was unavailable comes back with its latest value, and an old one is no news. A [Change] of kind [Replayed] tells that the broker has all of it.
//
// After that messages go out in the order of Publish; what must go now or never goes by [Client.Now]; a Revoke goes before everything that waits and voids what waits
// for its topic. When more waits than fits, retained messages are reduced to the latest value of each topic and go out
// when there is room, and what isn't retained is dropped and counted ([Stats]).
//
// When Home Assistant says "online" on its birth topic, availability and states go out again, 1 to 10 s later. Documents
// don't: they are retained, and one that changed has been sent when it changed.
//
// # Trouble
//
// A message that the broker leaves unacknowledged for 10 s, a write that doesn't progress for 5 s, and a ping without answer
// end the connection. The next one is tried soon, and then at least every 5 s.
//
// Some brokers close the connection on a message that they don't take (too large, no right to that topic). Messages that
// were under way when a broker closed the connection are sent one by one on the next one, so that the culprit shows; it is
// withheld until its content changes, and everything else gets through. Messages of class Revoke are never withheld.
package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// maxPacket is the largest packet that is sent: what brokers take unless told otherwise. packetHead is what a packet has
	// beside topic and payload.
	maxPacket  = 2_000_000
	packetHead = 9
	// maxTopics bounds the retained topics that are remembered.
	maxTopics = 1 << 16
	// maxIncoming is the largest payload that is handed on; states and commands are far smaller.
	maxIncoming = 256 << 10
	// inboxSize holds a burst of messages while the reader is busy with one; with maxIncoming it bounds the memory.
	inboxSize = 256
	// changesSize holds what a reader misses while it is busy. The oldest changes give way, so the last one is always true.
	changesSize = 64
)

// Class says what a message is for, and with that its place in the replay and its quality of service. That is 1, except for
// pictures and for states that aren't retained, which are worth nothing when late (QoS 0), and for states and events while
// nothing waits for an acknowledgement: they are written at QoS 0 at once. A state's latest value is replayed on the next
// connection anyway. One in 64 of them, and one a second, has QoS 1 all the same, which shows that the broker works, and
// tells what a connection that ends has cost.
type Class int

const (
	Revoke       Class = iota // takes a permission back; first and acknowledged, ahead of whatever waits
	Document                  // discovery documents
	State                     // values
	Availability              // online, offline
	Event                     // events
	Answer                    // answers to commands
	Picture                   // pictures
	classes      = iota
)

func (c Class) String() string {
	switch c {
	case Revoke:
		return "revoke"
	case Document:
		return "document"
	case Availability:
		return "availability"
	case State:
		return "state"
	case Event:
		return "event"
	case Answer:
		return "answer"
	case Picture:
		return "picture"
	default:
		return fmt.Sprintf("Class(%d)", int(c))
	}
}

// Message is one message to publish. A retained message with an empty payload clears the topic at the broker, and is
// forgotten once the broker acknowledged it.
type Message struct {
	Class   Class
	Topic   string
	Payload []byte
	Retain  bool
}

// Incoming is a message from the broker.
type Incoming struct {
	Topic    string
	Payload  []byte
	Retained bool // the broker's stored copy, not a live message
	Dropped  int  // messages dropped since the one before, because the inbox was full or they were too large
}

// Config describes the session. The zero value of every field but URL and ClientID is usable.
type Config struct {
	// URL is scheme://host[:port][/path], with mqtt, tcp (1883), mqtts, ssl, tls (8883), ws (80) or wss (443); the path is for
	// the last two. User and password don't belong into it.
	URL string
	// ClientID must be stable, and unique at the broker: two clients with one id throw each other out.
	ClientID           string
	Username, Password string
	// TLS is used for mqtts and wss; nil verifies by the system's roots. It isn't changed.
	TLS *tls.Config
	// Will is published by the broker when the connection ends without a goodbye: retained, QoS 1. No topic: no will.
	Will Message
	// Goodbye is published when Run is told to stop, and acknowledged before the connection is closed.
	Goodbye []Message
	// BirthTopic is where Home Assistant says "online". Its messages don't come to the inbox. Empty: none.
	BirthTopic string
	// Subscribe holds the topic filters whose messages come to the inbox, at QoS 1.
	Subscribe []string
	// Arrived is asked about each of these messages the moment it is read, in order, before the inbox: what it takes doesn't go
	// there, and can't be lost behind what fills it. Retained ones are passed too, with Retained true: what they are worth is
	// the caller's to judge. Births, and what is too large for the inbox, are not. The payload is the callee's to keep if it
	// takes the message, and not to be changed if not; Dropped is always 0. It is called by one goroutine at a time, the one
	// that reads, so it must not block: before Connected is told, and for the last messages of a connection after Down too. Nil
	// takes nothing.
	Arrived func(Incoming) (taken bool)
	// Down is called once when a connection that was told as [Connected] has ended for whatever reason, a stop included:
	// at once, by the goroutine that notices, and before [Lost] is told. That may be one that is in [Client.Now]. It must not
	// block, and may call the methods of Client. Nil: nothing is called.
	Down func()
	// Dial opens connections; nil is a net.Dialer. Proxies in the environment are never used.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// check returns what is wrong, all at once. It never quotes a value that could hold a secret.
func (cfg Config) check() error {
	var errs []error
	if cfg.ClientID == "" || !validString(cfg.ClientID) {
		errs = append(errs, errors.New("ClientID must be set, and be valid text of at most 65535 bytes"))
	}
	if cfg.Password != "" && cfg.Username == "" {
		errs = append(errs, errors.New("a Password needs a Username"))
	}
	if len(cfg.Username) > 65535 || len(cfg.Password) > 65535 {
		errs = append(errs, errors.New("the Username and the Password have at most 65535 bytes"))
	}
	if cfg.BirthTopic != "" && !validTopic(cfg.BirthTopic) {
		errs = append(errs, fmt.Errorf("BirthTopic %q isn't a topic", cfg.BirthTopic))
	}
	if cfg.Will.Topic != "" {
		errs = append(errs, checkMessage("Will", cfg.Will))
	}
	for _, m := range cfg.Goodbye {
		errs = append(errs, checkMessage("Goodbye", m))
	}
	for _, filter := range cfg.Subscribe {
		if !validFilter(filter) {
			errs = append(errs, fmt.Errorf("subscribe: %q isn't a topic filter", filter))
		}
	}
	return errors.Join(errs...)
}

func checkMessage(field string, m Message) error {
	if !validTopic(m.Topic) {
		return fmt.Errorf("%s: %q isn't a topic", field, m.Topic)
	}
	if len(m.Payload) > 65535 { // a will's length has 16 bits
		return fmt.Errorf("%s: the payload for %q has more than 65535 bytes", field, m.Topic)
	}
	return nil
}

// Stats counts since New.
type Stats struct {
	Connections int  // made and subscribed
	Connected   bool // at the moment
	Topics      int  // retained topics remembered
	Lost        int  // messages dropped: not retained without a connection, on overflow or without acknowledgement when a connection ended, or topics beyond the memory's bound
	Withheld    int  // messages not sent: the broker closes on them, too large, or without a valid topic
	Dropped     int  // incoming messages dropped
}

// Client is one session. Make one with [New], run it with Run. Its methods may be called from any goroutine.
type Client struct {
	cfg     Config
	target  target
	outbox  *outbox
	live    atomic.Pointer[link] // of the connection that was told as Connected
	inbox   chan Incoming
	changes chan Change
	births  chan struct{}

	started     atomic.Bool
	connected   atomic.Bool
	connections atomic.Int64
	dropped     atomic.Int64
	unreported  atomic.Int64 // of dropped, what no Incoming has told yet
}

// New checks the configuration; it connects to nothing. Errors never hold a password or the user part of a URL.
func New(cfg Config) (*Client, error) {
	target, err := parseTarget(cfg.URL)
	if err := errors.Join(err, cfg.check()); err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	cfg.Subscribe = slices.Clone(cfg.Subscribe)
	cfg.Goodbye = slices.Clone(cfg.Goodbye)
	return &Client{
		cfg:     cfg,
		target:  target,
		outbox:  newOutbox(),
		inbox:   make(chan Incoming, inboxSize),
		changes: make(chan Change, changesSize+len(cfg.Subscribe)), // each refused filter is a change
		births:  make(chan struct{}, 1),                            // one is as good as many
	}, nil
}

// Publish hands over a message. It never blocks; the payload is copied. It works before Run too: retained messages are
// remembered, others are lost.
func (c *Client) Publish(m Message) { c.outbox.publish(m) }

// Inbox returns what comes by the subscriptions. A reader that lets it fill up loses messages, which the next message tells
// (Dropped). It is never closed.
func (c *Client) Inbox() <-chan Incoming { return c.inbox }

// Changes returns what happens to the session, for a log and for whatever depends on a connection. When it isn't read, the
// oldest changes are dropped. It is never closed.
func (c *Client) Changes() <-chan Change { return c.changes }

// Stats returns the counters.
func (c *Client) Stats() Stats {
	s := c.outbox.stats()
	s.Connections = int(c.connections.Load())
	s.Connected = c.connected.Load()
	s.Dropped = int(c.dropped.Load())
	return s
}

// receive takes a message from the broker without blocking.
func (c *Client) receive(topic string, payload []byte, retained bool) {
	if c.cfg.BirthTopic != "" && topic == c.cfg.BirthTopic {
		if string(payload) == "online" && !retained {
			notify(c.births)
		}
		return
	}
	if len(payload) > maxIncoming {
		c.drop(1)
		return
	}
	in := Incoming{Topic: topic, Payload: payload, Retained: retained}
	if c.cfg.Arrived != nil && c.cfg.Arrived(in) {
		return
	}
	untold := c.unreported.Swap(0)
	in.Dropped = int(untold)
	select {
	case c.inbox <- in:
	default:
		c.unreported.Add(untold)
		c.drop(1)
	}
}

func (c *Client) drop(n int64) {
	c.dropped.Add(n)
	c.unreported.Add(n)
}

// tell passes a change on. Only the goroutine of Run calls it, so making room and sending can't race with another sender.
func (c *Client) tell(change Change) {
	change.At = time.Now()
	for {
		select {
		case c.changes <- change:
			return
		default:
		}
		select {
		case <-c.changes:
		default:
		}
	}
}

// notify wakes whoever waits on a channel that holds one wake-up.
func notify(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
