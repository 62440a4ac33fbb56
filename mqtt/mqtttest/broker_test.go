package mqtttest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"hikbridge/mqtt/mqtttest"
)

// peer speaks raw packets to the broker.
type peer struct {
	t    *testing.T
	conn net.Conn
}

func bubble(t *testing.T, test func(t *testing.T, b *mqtttest.Broker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := mqtttest.New()
		defer b.Close()
		test(t, b)
	})
}

func dial(t *testing.T, b *mqtttest.Broker) *peer {
	t.Helper()
	conn, err := b.Dial(context.Background(), "tcp", "broker:1883")
	if err != nil {
		t.Fatal(err)
	}
	return &peer{t: t, conn: conn}
}

func (p *peer) write(packet packets.ControlPacket) {
	p.t.Helper()
	if err := packet.Write(p.conn); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read() packets.ControlPacket {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Second))
	packet, err := packets.ReadPacket(p.conn)
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return packet
}

// readClosed fails unless the broker closed the connection.
func (p *peer) readClosed() {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Second))
	if packet, err := packets.ReadPacket(p.conn); !errors.Is(err, io.EOF) {
		p.t.Fatalf("read %v, %v; want the end", packet, err)
	}
}

// readNothing fails if anything comes within a second.
func (p *peer) readNothing() {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Second))
	if packet, err := packets.ReadPacket(p.conn); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("read %v, %v; want nothing", packet, err)
	}
}

func connectPacket(id string) *packets.ConnectPacket {
	c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion, c.CleanSession, c.ClientIdentifier = "MQTT", 4, true, id
	return c
}

func connected(t *testing.T, b *mqtttest.Broker, id string) *peer {
	t.Helper()
	p := dial(t, b)
	p.write(connectPacket(id))
	if ack := p.read().(*packets.ConnackPacket); ack.ReturnCode != 0 {
		t.Fatalf("refused with %d", ack.ReturnCode)
	}
	return p
}

func (p *peer) subscribe(qos byte, filters ...string) []byte {
	p.t.Helper()
	s := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	s.MessageID, s.Topics, s.Qoss = 7, filters, slices.Repeat([]byte{qos}, len(filters))
	p.write(s)
	ack := p.read().(*packets.SubackPacket)
	if ack.MessageID != 7 {
		p.t.Errorf("SUBACK for %d", ack.MessageID)
	}
	return ack.ReturnCodes
}

func (p *peer) publish(topic, payload string, qos byte, retain bool) {
	p.t.Helper()
	m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	m.TopicName, m.Payload, m.Qos, m.Retain, m.MessageID = topic, []byte(payload), qos, retain, 9
	p.write(m)
	if qos > 0 {
		if ack := p.read().(*packets.PubackPacket); ack.MessageID != 9 {
			p.t.Errorf("PUBACK for %d", ack.MessageID)
		}
	}
}

func (p *peer) message(topic, payload string, qos byte, retain bool) {
	p.t.Helper()
	m, ok := p.read().(*packets.PublishPacket)
	if !ok || m.TopicName != topic || string(m.Payload) != payload || m.Qos != qos || m.Retain != retain {
		p.t.Errorf("got %v, want %s=%s QoS %d retain %t", m, topic, payload, qos, retain)
	}
}

func TestPublishAndSubscribe(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		one, two := connected(t, b, "one"), connected(t, b, "two")
		one.publish("a/stored", "old", 1, true)
		two.subscribe(1, "a/#", "a/+")
		two.message("a/stored", "old", 1, true)
		two.message("a/stored", "old", 1, true) // once for each filter
		one.publish("a/x", "0", 0, false)
		two.message("a/x", "0", 0, false) // once only
		one.publish("a/x", "1", 1, true)
		two.message("a/x", "1", 1, false) // a live message, though retained
		b.Publish("a/y", []byte("injected"), false)
		two.message("a/y", "injected", 1, false)
		one.publish("a/stored", "", 1, true)
		two.message("a/stored", "", 1, false)
		two.readNothing()
		if got := b.Topics(); !slices.Equal(got, []string{"a/x"}) {
			t.Errorf("retained %q", got)
		}
		if got := b.Clients(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("clients %q", got)
		}
		u := packets.NewControlPacket(packets.Unsubscribe).(*packets.UnsubscribePacket)
		u.MessageID, u.Topics = 3, []string{"a/#", "a/+"}
		two.write(u)
		if ack := two.read().(*packets.UnsubackPacket); ack.MessageID != 3 {
			t.Errorf("UNSUBACK for %d", ack.MessageID)
		}
		one.publish("a/x", "2", 1, false)
		two.readNothing()
		two.write(packets.NewControlPacket(packets.Pingreq))
		if _, ok := two.read().(*packets.PingrespPacket); !ok {
			t.Error("no PINGRESP")
		}
	})
}

func TestWillComesUnlessDisconnected(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(b *mqtttest.Broker, p *peer)
		will bool
	}{
		"the connection is closed":    {func(_ *mqtttest.Broker, p *peer) { _ = p.conn.Close() }, true},
		"the broker cuts":             {func(b *mqtttest.Broker, _ *peer) { b.Cut("one") }, true},
		"the client id is taken over": {func(b *mqtttest.Broker, p *peer) { connected(p.t, b, "one") }, true},
		"the packet is too large":     {func(b *mqtttest.Broker, p *peer) { b.MaxPacket(10); p.publish("a", strings.Repeat("x", 20), 0, false) }, true},
		"the client disconnects": {func(_ *mqtttest.Broker, p *peer) {
			p.write(packets.NewControlPacket(packets.Disconnect))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				watch := connected(t, b, "watch")
				watch.subscribe(1, "will")
				p := dial(t, b)
				c := connectPacket("one")
				c.WillFlag, c.WillQos, c.WillRetain, c.WillTopic, c.WillMessage = true, 1, true, "will", []byte("gone")
				p.write(c)
				p.read()
				tc.end(b, p)
				if !tc.will {
					watch.readNothing()
					return
				}
				watch.message("will", "gone", 1, false)
				if got, _ := b.Retained("will"); string(got) != "gone" {
					t.Errorf("retained %q", got)
				}
				if name != "the connection is closed" {
					p.readClosed()
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.Login("user", "secret")
		p := dial(t, b)
		p.write(connectPacket("x"))
		if ack := p.read().(*packets.ConnackPacket); ack.ReturnCode != 5 {
			t.Errorf("without password: %d", ack.ReturnCode)
		}
		c := connectPacket("x")
		c.UsernameFlag, c.PasswordFlag, c.Username, c.Password = true, true, "user", []byte("secret")
		p = dial(t, b)
		p.write(c)
		if ack := p.read().(*packets.ConnackPacket); ack.ReturnCode != 0 {
			t.Errorf("with password: %d", ack.ReturnCode)
		}
		b.RefuseSubscription("no/#")
		if codes := p.subscribe(1, "yes", "no/#", "bad#"); !slices.Equal(codes, []byte{1, 0x80, 0x80}) {
			t.Errorf("SUBACK %v", codes)
		}
		b.Refuse(3)
		p = dial(t, b)
		p.write(c)
		if ack := p.read().(*packets.ConnackPacket); ack.ReturnCode != 3 {
			t.Errorf("refused with %d", ack.ReturnCode)
		}
	})
}

func TestWhatEndsAConnection(t *testing.T) {
	for name, spoil := range map[string]func(b *mqtttest.Broker, p *peer){
		"QoS 2": func(_ *mqtttest.Broker, p *peer) {
			m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
			m.TopicName, m.Qos, m.MessageID = "a", 2, 1
			p.write(m)
		},
		"topic with a wildcard": func(_ *mqtttest.Broker, p *peer) { p.publish("a/#", "x", 0, false) },
		"second CONNECT":        func(_ *mqtttest.Broker, p *peer) { p.write(connectPacket("one")) },
		"topic to close on": func(b *mqtttest.Broker, p *peer) {
			b.CloseOn("a")
			p.publish("a", "x", 0, false)
		},
		"garbage": func(_ *mqtttest.Broker, p *peer) { _, _ = p.conn.Write([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) },
		"down":    func(b *mqtttest.Broker, _ *peer) { b.Down() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				p := connected(t, b, "one")
				spoil(b, p)
				p.readClosed()
			})
		})
	}
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		p := dial(t, b)
		p.publish("a", "before CONNECT", 0, true)
		p.readClosed()
		if len(b.Topics()) != 0 {
			t.Error("a message before CONNECT was taken")
		}
	})
}

func TestFreezeAndThaw(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		p := connected(t, b, "one")
		b.Freeze()
		p.publish("a", "x", 0, true)
		p.write(packets.NewControlPacket(packets.Pingreq))
		p.readNothing()
		if len(b.Topics()) != 0 {
			t.Error("a frozen broker took a message")
		}
		_ = p.conn.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := p.conn.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a frozen broker swallows a megabyte: %v", err)
		}
		other := dial(t, b) // accepted, without an answer
		other.write(connectPacket("two"))
		other.readNothing()
		b.Thaw()
		if ack := other.read().(*packets.ConnackPacket); ack.ReturnCode != 0 {
			t.Errorf("refused with %d", ack.ReturnCode)
		}
		synctest.Wait()
		if got, _ := b.Retained("a"); string(got) != "x" {
			t.Errorf("after the thaw: %q", got)
		}
	})
}

func TestSlowReaderAndHeldAcks(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		p := connected(t, b, "one")
		b.SlowReader(100 * time.Millisecond)
		begin := time.Now()
		for range 5 {
			p.publish("a", "x", 1, false)
		}
		if d := time.Since(begin); d < 400*time.Millisecond {
			t.Errorf("five packets took %v", d)
		}
		b.SlowReader(0)
		b.HoldAcks(true)
		m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		m.TopicName, m.Qos, m.MessageID, m.Payload, m.Retain = "b", 1, 1, []byte("x"), true
		p.write(m)
		p.readNothing()
		if _, ok := b.Retained("b"); !ok {
			t.Error("message isn't taken")
		}
	})
}

func TestLogAndWait(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		go func() {
			time.Sleep(time.Second)
			connected(t, b, "one").publish("a", "x", 1, true)
		}()
		if err := b.Wait(ctx, func() bool { _, ok := b.Retained("a"); return ok }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the acknowledgement is read
		b.Down()
		var got []string
		for _, r := range b.Log() {
			got = append(got, r.Packet)
			if r.Client != "one" || r.Conn != 1 {
				t.Errorf("record %+v", r)
			}
		}
		if want := []string{"CONNECT", "CONNACK", "PUBLISH", "PUBACK", "CLOSED"}; !slices.Equal(got, want) {
			t.Errorf("log %q", got)
		}
		if _, err := b.Dial(ctx, "", ""); err == nil {
			t.Error("a broker that is down is reached")
		}
		if err := b.Wait(ctx, func() bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v", err)
		}
		b.Forget()
		if len(b.Topics()) != 0 {
			t.Error("forgot nothing")
		}
	})
}

func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := mqtttest.Pipe()
		want := strings.Repeat("0123456789", 20_000)
		go func() {
			_, _ = io.WriteString(a, want)
			_ = a.Close()
		}()
		got, err := io.ReadAll(b)
		if err != nil || string(got) != want {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
		if _, err := b.Write([]byte("x")); err == nil {
			t.Error("write to a closed peer")
		}
		c, d := mqtttest.Pipe()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		begin := time.Now()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("read: %v after %v", err, time.Since(begin))
		}
		_ = c.SetDeadline(time.Time{})
		go func() {
			time.Sleep(time.Minute)
			_, _ = d.Write([]byte("x"))
		}()
		if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("read %d, %v after the deadline was taken back", n, err)
		}
	})
}

func TestPipeThatIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := mqtttest.Pipe()
		_, _ = client.Write([]byte("taken back"))
		if err := client.(interface{ SetLinger(int) error }).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		_ = client.Close()
		if n, err := server.Read(make([]byte, 10)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %d bytes, %v", n, err)
		}
		if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write: %v", err)
		}
		_ = server.Close()
	})
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a", false}, {"a", "a/b", false}, {"a/+", "a/b", true}, {"a/+", "a/b/c", false},
		{"a/+", "a/", true}, {"a/+", "a", false}, {"+", "a", true}, {"+", "/a", false}, {"+/+", "/a", true},
		{"#", "a/b/c", true}, {"a/#", "a", true}, {"a/#", "a/b/c", true}, {"a/#", "ab", false}, {"a/+/#", "a/b", true},
		{"#", "$SYS/x", false}, {"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/x", true}, {"a/#/b", "a/x/b", false},
		{"a#", "a#", false}, {"a", "", false}, {"", "a", false}, {"a+", "ab", false},
	} {
		if got := mqtttest.Match(tc.filter, tc.topic); got != tc.want {
			t.Errorf("Match(%q, %q) = %t", tc.filter, tc.topic, got)
		}
	}
}

// FuzzMatch compares with a matcher that is written for shortness.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{{"a/+/c", "a/b/c"}, {"#", "$a"}, {"a/#", "a"}, {"+/+/#", "//"}, {"/", "/"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		want := valid(filter, "") && valid(topic, "+#") && match(strings.Split(filter, "/"), strings.Split(topic, "/"))
		for _, level := range strings.Split(filter, "/") {
			want = want && (len(level) <= 1 || !strings.ContainsAny(level, "+#"))
		}
		if want && topic[0] == '$' && filter[0] != '$' {
			want = false
		}
		if got := mqtttest.Match(filter, topic); got != want {
			t.Errorf("Match(%q, %q) = %t", filter, topic, got)
		}
	})
}

func valid(s, without string) bool {
	return s != "" && len(s) <= 65535 && utf8.ValidString(s) && !strings.ContainsAny(s, without+"\x00")
}

func match(filter, topic []string) bool {
	switch {
	case len(filter) == 0:
		return len(topic) == 0
	case slices.Contains(filter[:len(filter)-1], "#"):
		return false
	case filter[0] == "#":
		return true
	case len(topic) == 0:
		return false
	}
	return (filter[0] == "+" || filter[0] == topic[0]) && match(filter[1:], topic[1:])
}
