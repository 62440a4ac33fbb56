package bridgetest

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	retryAfter = time.Second      // after a connection that failed
	pingEvery  = 15 * time.Second // half of the keep-alive
	silentMax  = 45 * time.Second // without a packet the connection is dead
	// outbox is what waits while the broker doesn't read. A device has little
	// memory: what doesn't fit is lost.
	outbox = 64
)

// Dial connects to a broker, as mqtttest.Broker's Dial and net.Dialer's DialContext
// do.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

type message struct {
	topic   string
	payload []byte
	retain  bool
}

// client is the MQTT side of a simulated device. All is sent and taken at QoS 0.
type client struct {
	dial           Dial
	addr           string
	id             string
	user, password string
	will           message
	filters        []string
	up             func() // subscribed
	take           func(topic string, payload []byte, retained bool)

	mu  sync.Mutex
	out chan packets.ControlPacket // of the connection that is up; nil: none is
}

// run connects again and again until ctx ends.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = c.session(ctx)
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
}

// session is one connection, to its end. It ends without DISCONNECT, so that the
// broker publishes the will.
func (c *client) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	conn, err := c.dial(ctx, "tcp", c.addr)
	if err != nil {
		cancel()
		return err
	}
	out := make(chan packets.ControlPacket, outbox)
	var writer sync.WaitGroup
	writer.Go(func() {
		defer cancel()
		write(ctx, conn, out)
	})
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		c.leave(out)
		cancel()
		if stop() {
			_ = conn.Close()
		}
		writer.Wait()
	}()
	out <- c.connect()
	for {
		_ = conn.SetReadDeadline(time.Now().Add(silentMax))
		packet, err := packets.ReadPacket(conn)
		if err != nil {
			return err
		}
		switch packet := packet.(type) {
		case *packets.ConnackPacket:
			if packet.ReturnCode != packets.Accepted {
				return errors.New(packets.ConnackReturnCodes[packet.ReturnCode])
			}
			out <- c.subscribe()
		case *packets.SubackPacket:
			c.enter(out)
			c.up()
		case *packets.PublishPacket:
			c.take(packet.TopicName, packet.Payload, packet.Retain)
		}
	}
}

// write sends what is queued, and pings.
func write(ctx context.Context, conn net.Conn, out <-chan packets.ControlPacket) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var packet packets.ControlPacket
		select {
		case packet = <-out:
		case <-ping.C:
			packet = packets.NewControlPacket(packets.Pingreq)
		case <-ctx.Done():
			return
		}
		if packet.Write(conn) != nil {
			return
		}
	}
}

func (c *client) connect() *packets.ConnectPacket {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession, p.Keepalive = "MQTT", 4, true, uint16(2*pingEvery/time.Second)
	p.ClientIdentifier = c.id
	p.WillFlag, p.WillTopic, p.WillMessage, p.WillRetain = true, c.will.topic, c.will.payload, c.will.retain
	if c.user != "" {
		p.UsernameFlag, p.Username = true, c.user
		p.PasswordFlag, p.Password = true, []byte(c.password)
	}
	return p
}

func (c *client) subscribe() *packets.SubscribePacket {
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = 1, c.filters, make([]byte, len(c.filters))
	return p
}

func (c *client) enter(out chan packets.ControlPacket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = out
}

// leave is called at the end of a connection, which another may have followed.
func (c *client) leave(out chan packets.ControlPacket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == out {
		c.out = nil
	}
}

// publish sends over the connection that is up; otherwise the messages are lost.
func (c *client) publish(messages ...message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return
	}
	for _, m := range messages {
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.TopicName, p.Payload, p.Retain = m.topic, m.payload, m.retain
		select {
		case c.out <- p:
		default:
		}
	}
}
