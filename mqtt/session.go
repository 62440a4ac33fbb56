package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	// attemptTimeout bounds one attempt to connect, name server, TLS and CONNACK included.
	attemptTimeout = 4500 * time.Millisecond
	// ackTimeout is how long the broker may take to acknowledge a message.
	ackTimeout = 10 * time.Second
	// windowSize is how many messages are under way at most.
	windowSize = 64
	// revokeRoom is how many messages of class Revoke may be under way beyond these, so that they don't wait for others'
	// acknowledgements: one for each recorder of a large site.
	revokeRoom = 64
	// handOver is how long paho waits for its writer to take a message. It waits that long also when its writer has gone.
	handOver = 500 * time.Millisecond
	// writtenFor is how long a large message without acknowledgement may still be why the broker closes the connection.
	writtenFor = 2 * time.Second
	// keepAlive and pingTimeout find a connection that died in silence while there was nothing to send.
	keepAlive   = 30 * time.Second
	pingTimeout = 10 * time.Second

	// Home Assistant asks for a random delay after its birth message, as all its integrations answer at once.
	birthDelayMin = 1 * time.Second
	birthDelayMax = 10 * time.Second

	// goodbyeTimeout bounds the end of Run; flushTimeout is what of it may be spent on what still waits.
	goodbyeTimeout = 1500 * time.Millisecond
	flushTimeout   = 700 * time.Millisecond
	// disconnectTimeout is kept for DISCONNECT.
	disconnectTimeout = 200 * time.Millisecond
	// pahoEnd bounds, in milliseconds, paho's end on a connection that is closed already; it takes no time.
	pahoEnd = 1000
)

// session is one connection, from CONNECT to its end. One goroutine uses it.
type session struct {
	link   *link
	client paho.Client
	acks   *acks
	buffer bytes.Buffer // messages that are to be written

	window  []flight // messages under way, the oldest first
	written []flight // large ones that went out without acknowledgement a moment ago
	alone   bool     // the message under way must stay the only one
	sent    int      // messages handed to paho
	done    int      // of them, no longer under way

	buffered []item    // the same messages
	plain    tally     // messages written at QoS 0
	proven   tally     // of them, those that the broker has taken
	proof    time.Time // when one was sent that is acknowledged

	replay replay
	last   int // what sent was when the replay was handed out

	timer *time.Timer
	birth time.Time // when to answer Home Assistant's birth; zero: no need
	first time.Time // the first birth that this answers
}

// replay is how far the first replay of a connection is.
type replay int

const (
	replaying replay = iota
	handedOut
	acknowledged
)

// flight is a message under way.
type flight struct {
	token paho.Token
	item  item
	at    time.Time
	plain tally // what was written before
}

// tally counts messages; lossy are those that aren't remembered.
type tally struct{ all, lossy int }

// receiver takes what the broker sends; it must not block.
type receiver func(topic string, payload []byte, retained bool)

// connect makes a connection and returns when the broker accepted it. The error is a *RefusedError if the broker said no.
func connect(ctx context.Context, cfg Config, to target, receive receiver) (*session, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, attemptTimeout, ErrNoAnswer)
	defer cancel()
	var l *link
	var dialed error
	stop := func() bool { return true }
	acks := newAcks()
	opts := options(cfg, receive, acks)
	opts.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		if l, dialed = to.dial(ctx, cfg); dialed != nil {
			return nil, dialed
		}
		stop = context.AfterFunc(ctx, func() { l.fail(context.Cause(ctx)) })
		return l, nil
	})
	client := paho.NewClient(opts)
	token := client.Connect().(*paho.ConnectToken)
	<-token.Done() // in time: the context ends whatever paho waits for
	stop()
	if dialed != nil {
		return nil, because(ctx, dialed)
	}
	if err := token.Error(); err != nil {
		return nil, because(ctx, refusal(token, l, err))
	}
	s := &session{link: l, client: client, acks: acks, timer: time.NewTimer(0)}
	acks.start()
	if l.isDead() { // ctx ended just now, or paho took a return code that it doesn't know for none
		s.close()
		return nil, because(ctx, refusal(token, l, errNotMQTT))
	}
	return s, nil
}

// refusal is why an attempt failed: what the broker answered, or how the connection ended, which the link knows better than
// paho.
func refusal(token *paho.ConnectToken, l *link, otherwise error) error {
	if code := token.ReturnCode(); code != 0 && code < 0x80 {
		return &RefusedError{Code: code}
	}
	if l.isDead() && !errors.Is(l.err, errPahoClosed) {
		return l.err
	}
	return otherwise
}

// because names an attempt's end by time as such: what failed then is only where it was.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrNoAnswer) && !errors.Is(err, ErrNoAnswer) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}

// options are the settings with which paho does what it is told and nothing by itself.
func options(cfg Config, receive receiver, acks *acks) *paho.ClientOptions {
	opts := paho.NewClientOptions()
	opts.Servers = []*url.URL{{Scheme: "tcp", Host: "broker"}} // for the form: the connection comes from us
	opts.SetClientID(cfg.ClientID).SetUsername(cfg.Username).SetPassword(cfg.Password)
	opts.SetProtocolVersion(4) // else every refusal is asked for twice
	opts.SetCleanSession(true)
	opts.SetAutoReconnect(false).SetConnectRetry(false)
	opts.SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout)
	opts.SetConnectTimeout(attemptTimeout).SetWriteTimeout(handOver)
	opts.SetOrderMatters(true)
	opts.SetAutoAckDisabled(true)
	opts.SetConnectionLostHandler(nil)
	opts.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		receive(m.Topic(), m.Payload(), m.Retained())
		acks.due(m)
	})
	if cfg.Will.Topic != "" {
		opts.SetBinaryWill(cfg.Will.Topic, cfg.Will.Payload, 1, true)
	}
	return opts
}

// close ends the connection, if it hasn't ended, and returns when paho's goroutines are gone.
func (s *session) close() {
	s.link.fail(errStopped)
	s.acks.stop()
	s.client.Disconnect(pahoEnd)
	s.acks.wait()
	s.timer.Stop()
}

// subscribe returns the filters that the broker refused.
func (s *session) subscribe(ctx context.Context, filters []string) (refused []string, err error) {
	if len(filters) == 0 {
		return nil, nil
	}
	wanted := make(map[string]byte, len(filters))
	for _, filter := range filters {
		wanted[filter] = 1
	}
	token := s.client.SubscribeMultiple(wanted, nil).(*paho.SubscribeToken)
	s.timer.Reset(ackTimeout)
	select {
	case <-token.Done():
	case <-s.link.dead:
		return nil, s.link.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.timer.C:
		s.link.fail(ErrNoAnswer)
		return nil, fmt.Errorf("subscribe: %w", ErrNoAnswer)
	}
	if err := token.Error(); err != nil {
		s.link.fail(err)
		return nil, fmt.Errorf("subscribe: %w", s.link.err)
	}
	for filter, code := range wanted {
		if got, ok := token.Result()[filter]; !ok || got > code {
			refused = append(refused, filter) // 0x80, or the answer doesn't have it at all
		}
	}
	return refused, nil
}

// publish hands a message to paho, and waits while its writer is busy with the one before.
func (s *session) publish(it item) {
	begin := time.Now()
	var token paho.Token
	for {
		token = s.client.Publish(it.topic, it.qos(), it.retain, it.payload)
		if !isDone(token) || token.Error() == nil || s.link.isDead() || time.Since(begin) >= ackTimeout {
			break
		}
	}
	s.window = append(s.window, flight{token: token, item: it, at: time.Now(), plain: s.plain})
	s.sent++
	s.alone = s.alone || it.alone
}

// fill sends what the outbox has, as far as the window goes.
func (s *session) fill(o *outbox) {
	defer s.flush(o)
	for len(s.window) < windowSize+revokeRoom && !s.link.isDead() {
		full := s.alone || len(s.window) >= windowSize
		it, ok := o.next(len(s.window) == 0, full)
		if !ok {
			return
		}
		if s.mayWrite(it) {
			s.write(it)
			continue
		}
		s.flush(o)
		s.publish(it)
	}
}

// mayWrite says that a message goes out without paho, at QoS 0: only when paho has begun to write all that it has, which
// must not be overtaken. One message in windowSize, and one a second, has QoS 1 all the same: its acknowledgement shows that the
// broker works and has taken what went out before.
func (s *session) mayWrite(it item) bool {
	if !it.plain() || s.link.published.Load() < int64(s.sent) {
		return false
	}
	if s.plain.all-s.proven.all >= windowSize || time.Since(s.proof) >= time.Second {
		s.proof = time.Now()
		return false
	}
	return true
}

// write puts a message into the buffer, which holds windowSize small messages at most.
func (s *session) write(it item) {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.Retain, p.TopicName, p.Payload = it.retain, it.topic, []byte(it.payload)
	_ = p.Write(&s.buffer) // a buffer takes everything
	s.buffered = append(s.buffered, it)
	if s.plain.all++; it.entry == nil {
		s.plain.lossy++
	}
}

// flush writes the buffer. An error ends the connection; the link knows it.
func (s *session) flush(o *outbox) {
	if len(s.buffered) == 0 {
		return
	}
	if _, err := s.link.write(s.buffer.Bytes(), 0); err == nil {
		for _, it := range s.buffered {
			o.sent(it)
		}
	}
	s.buffer.Reset()
	clear(s.buffered)
	s.buffered = s.buffered[:0]
}

// wait returns when there may be something to do: a message was acknowledged, the outbox woke us, a birth came or is to be
// answered, stop was closed. The error says that the connection ended.
func (s *session) wait(stop <-chan struct{}, wake, births <-chan struct{}) error {
	var acked <-chan struct{}
	if len(s.window) > 0 {
		acked = s.window[0].token.Done()
	}
	var late <-chan time.Time
	if len(s.window) > 0 || !s.birth.IsZero() {
		s.timer.Reset(s.patience())
		late = s.timer.C
	}
	select {
	case <-acked:
	case <-wake:
	case <-stop:
	case <-births:
		s.born()
	case <-late:
		if s.overdue() {
			s.link.fail(ErrNoAnswer)
		}
	case <-s.link.dead:
	}
	if s.link.isDead() {
		return s.link.err
	}
	return nil
}

// patience is how long wait may wait.
func (s *session) patience() time.Duration {
	d := time.Hour                                       // a message at QoS 0 that is under way has its write's time-out
	if len(s.window) > 0 && s.window[0].item.qos() > 0 { // a write has its own time-out
		d = time.Until(s.window[0].at.Add(ackTimeout))
	}
	if !s.birth.IsZero() {
		d = min(d, time.Until(s.birth))
	}
	return max(d, 0)
}

func (s *session) overdue() bool {
	return len(s.window) > 0 && s.window[0].item.qos() > 0 && time.Since(s.window[0].at) >= ackTimeout
}

// born plans the answer to a birth. Several births get one answer, which comes at least birthDelayMin after the last one
// unless they don't end.
func (s *session) born() {
	now := time.Now()
	if s.birth.IsZero() {
		s.first = now
		s.birth = now.Add(birthDelayMin + rand.N(birthDelayMax-birthDelayMin))
		return
	}
	last := s.first.Add(birthDelayMax + birthDelayMin)
	if soonest := now.Add(birthDelayMin); s.birth.Before(soonest) && soonest.Before(last) {
		s.birth = soonest
	}
}

// answerBirth reports that a birth is to be answered now.
func (s *session) answerBirth() bool {
	if s.birth.IsZero() || time.Now().Before(s.birth) {
		return false
	}
	s.birth = time.Time{}
	return true
}

// settle takes the messages out of the window that are no longer under way, in order. The error says that paho gave one up.
func (s *session) settle(o *outbox) error {
	n := 0
	for ; n < len(s.window); n++ {
		f := s.window[n]
		if !isDone(f.token) {
			break
		}
		if err := f.token.Error(); err != nil {
			s.window = s.window[n:]
			s.done += n
			s.link.fail(err)
			return s.link.err
		}
		s.settled(f, o)
	}
	s.done += n
	if s.window = s.window[n:]; len(s.window) == 0 {
		s.window, s.alone = nil, false
	}
	return nil
}

func (s *session) settled(f flight, o *outbox) {
	o.sent(f.item)
	switch {
	case f.item.qos() > 0:
		s.written, s.proven = nil, f.plain // the broker reads in order: it has taken all that went out before
	case f.item.large():
		f.at = time.Now()
		s.written = append(s.written, f)
	}
	if len(s.written) > windowSize {
		s.written = s.written[1:]
	}
}

func isDone(token paho.Token) bool {
	select {
	case <-token.Done():
		return true
	default:
		return false
	}
}

// ended takes account of what was under way when the connection ended.
func (s *session) ended(o *outbox) {
	var underway, unsent []item
	for _, f := range s.window {
		switch {
		case !isDone(f.token):
			underway = append(underway, f.item)
		case f.token.Error() == nil:
			o.sent(f.item)
		case errors.Is(f.token.Error(), paho.ErrNotConnected):
			unsent = append(unsent, f.item)
		default:
			underway = append(underway, f.item)
		}
	}
	for _, f := range s.written {
		if time.Since(f.at) < writtenFor {
			underway = append(underway, f.item)
		}
	}
	s.window, s.written = nil, nil
	o.ended(s.link.isDead() && s.link.byPeer && s.replay != acknowledged)
	o.lose(s.plain.lossy - s.proven.lossy)
	only := len(underway) == 1 && time.Since(time.Unix(0, s.link.urgent.Load())) >= writtenFor
	o.unsent(underway, s.link.isDead() && s.link.byPeer, only)
	o.unsent(unsent, false, false)
}

// caughtUp reports once, when the broker has everything that was remembered at the beginning.
func (s *session) caughtUp(o *outbox) bool {
	switch s.replay {
	case replaying:
		if !o.replayed() {
			return false
		}
		s.replay, s.last = handedOut, s.sent
		fallthrough
	case handedOut:
		if s.done < s.last {
			return false
		}
		s.replay = acknowledged
		return true
	default:
		return false
	}
}

// guard ends the connection when ctx has been over for so long that a goodbye makes no sense any more: paho may be waiting
// for a broker that reads nothing. It returns when the connection ended.
func (s *session) guard(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.link.dead:
		return
	}
	late := time.NewTimer(goodbyeTimeout)
	defer late.Stop()
	select {
	case <-late.C:
		s.link.fail(errStopped)
	case <-s.link.dead:
	}
}

// farewell sends what still waits, as far as time allows, then the goodbye, and disconnects when the broker has it.
func (s *session) farewell(o *outbox, goodbye []Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTimeout-disconnectTimeout)
	defer cancel()
	flush, stopFlush := context.WithTimeout(ctx, flushTimeout)
	defer stopFlush()
	for s.fill(o); len(s.window) > 0 && flush.Err() == nil; s.fill(o) {
		if err := s.drain(flush, o); err != nil {
			return fmt.Errorf("say goodbye: %w", err)
		}
	}
	for _, m := range goodbye {
		s.publish(item{topic: m.Topic, payload: string(m.Payload), class: Availability, retain: m.Retain})
	}
	for len(s.window) > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("say goodbye: %w", ErrNoAnswer)
		}
		if err := s.drain(ctx, o); err != nil {
			return fmt.Errorf("say goodbye: %w", err)
		}
	}
	s.disconnect()
	return nil
}

// disconnect ends the connection as agreed: the broker keeps the will to itself.
func (s *session) disconnect() { s.client.Disconnect(uint(disconnectTimeout / time.Millisecond)) }

// drain waits for the oldest message under way.
func (s *session) drain(ctx context.Context, o *outbox) error {
	if err := s.wait(ctx.Done(), nil, nil); err != nil {
		return err
	}
	return s.settle(o)
}

// start runs what accompanies a session; the wait group is done when the session is closed.
func (s *session) start(ctx context.Context) *sync.WaitGroup {
	var wg sync.WaitGroup
	wg.Go(func() { s.guard(ctx) })
	wg.Go(s.link.ping)
	return &wg
}
