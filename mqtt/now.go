package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	// nowTimeout is how long a message may take that goes now or never.
	nowTimeout = time.Second
	// nowSize is the largest payload of such a message: no broker closes the connection on it.
	nowSize = large
)

// Now sends a message over the live connection now or never, at QoS 0: past everything that waits, never kept, replayed or
// remembered. It returns when that is settled, after a round trip to the broker and at most 1 s, and must not be called with a
// lock held that still, Config.Down or Config.Arrived takes.
//
// The class [State] waits for the snapshot: before [Replayed] it isn't sent. Every other class goes as soon as [Connected] is
// told. Nothing goes while a (retained) [Revoke] of the same topic waits for its acknowledgement on this connection, and a
// Revoke that is published later goes out later.
//
// still is asked in the last moment before the bytes are handed to the connection, with no lock of a Client held but the turn to
// write, so it may wait for a lock whose holder calls Publish. It should not block: nothing else is written meanwhile.
//
// So that nothing lies about in a connection whose broker reads nothing, the broker must first answer a ping that is sent in
// this call; a message that is only partly written in time ends the connection, so the broker never gets the rest. Without
// still nothing can withdraw the message and coming late does no harm: then the broker isn't asked, and what arrives is in the
// hands of the network.
//
// Nil says that the connection took it all, which is no proof that it arrived. A broker, or a network, that stalls between
// its answer and the message may still deliver it late; a Revoke that was written after it then follows at once. With an error
// the message was not sent and never will be: [ErrNotConnected], [ErrWithdrawn], [ErrStalled], or what is wrong with the message
// (to be retained, no topic, more than 4096 bytes).
func (c *Client) Now(m Message, still func() bool) error {
	if err := checkNow(m); err != nil {
		return fmt.Errorf("mqtt: send now: %w", err)
	}
	l := c.live.Load()
	if l == nil {
		return ErrNotConnected
	}
	may := func() error { return c.may(l, m) }
	if err := may(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), nowTimeout)
	defer cancel()
	if still != nil {
		if err := l.reads(ctx); err != nil {
			return err
		}
	}
	return l.now(ctx, publishBytes(m), may, still)
}

func checkNow(m Message) error {
	switch {
	case m.Retain:
		return errors.New("what goes now or never can't be retained")
	case !validTopic(m.Topic):
		return fmt.Errorf("%q isn't a topic", m.Topic)
	case len(m.Payload) > nowSize:
		return fmt.Errorf("the payload for %q has more than %d bytes", m.Topic, nowSize)
	}
	return nil
}

// may says why a message must not go out at this moment.
func (c *Client) may(l *link, m Message) error {
	stage := l.stage.Load()
	switch {
	case l.isDead(), stage != up && stage != informed:
		return ErrNotConnected
	case m.Class == State && stage != informed:
		return fmt.Errorf("%w long enough: the snapshot isn't out yet", ErrNotConnected)
	case c.outbox.revoking(m.Topic):
		return ErrWithdrawn
	}
	return nil
}

func publishBytes(m Message) []byte {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload = m.Topic, m.Payload
	var b bytes.Buffer
	_ = p.Write(&b) // a buffer takes everything
	return b.Bytes()
}

// now writes a packet if it may and still says so when it is its turn. It ends a connection that doesn't take all of it in time.
func (l *link) now(ctx context.Context, packet []byte, may func() error, still func() bool) error {
	select {
	case l.turn <- struct{}{}:
	case <-l.dead:
		return ErrNotConnected
	case <-ctx.Done():
		return ErrStalled
	}
	defer func() { <-l.turn }()
	if err := may(); err != nil {
		return err
	}
	if still != nil && !still() {
		return ErrWithdrawn
	}
	if ctx.Err() != nil {
		return ErrStalled
	}
	l.urgent.Store(time.Now().UnixNano())
	stop := context.AfterFunc(ctx, func() { l.fail(ErrNoAnswer) }) // a deadline would be undone by what a layer answers by itself
	defer stop()
	_, err := l.put(packet)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ErrStalled
	default:
		return ErrNotConnected
	}
}

// reads returns nil when the broker has answered a ping that is sent after the call.
func (l *link) reads(ctx context.Context) error {
	next := l.pings.next()
	notify(l.pings.wanted)
	for {
		answered, news := l.pings.state()
		if answered >= next {
			return nil
		}
		select {
		case <-news:
		case <-l.dead:
			return ErrNotConnected
		case <-ctx.Done():
			return ErrStalled
		}
	}
}

// ping sends the pings that are wanted until the connection ends. One is as good as many.
func (l *link) ping() {
	for {
		select {
		case <-l.pings.wanted:
			_, _ = l.write([]byte{packets.Pingreq << 4, 0}, 0)
		case <-l.dead:
			return
		}
	}
}
