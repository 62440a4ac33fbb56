package mqtt_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

func TestDocumentThatTheBrokerClosesOnIsWithheld(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.MaxPacket(10_000)
		c := newClient(t, config(b))
		c.Publish(retainedMessage(mqtt.Revoke, "safe", "OFF"))
		for i := range 100 {
			size := 5000
			if i == 40 {
				size = 12_000
			}
			c.Publish(retainedMessage(mqtt.Document, fmt.Sprintf("doc/%d", i), text(size)))
			c.Publish(retainedMessage(mqtt.State, fmt.Sprintf("s/%d", i), "v"))
		}
		r := run(t, c)
		change := r.expect(mqtt.Withheld, 10*time.Second)
		if change.Topic != "doc/40" || change.Size != 12_000 || !errors.Is(change.Err, mqtt.ErrBrokerCloses) {
			t.Errorf("told %+v", change)
		}
		r.expect(mqtt.Replayed, 10*time.Second)
		if n := len(b.Topics()); n != 200 { // 99 documents, 100 states, 1 revoke
			t.Errorf("%d topics at the broker", n)
		}
		s := r.Stats()
		if s.Connections > 4 || s.Withheld != 1 { // one may end with others under way, two with the culprit alone
			t.Errorf("stats %+v", s)
		}

		c.Publish(retainedMessage(mqtt.Document, "doc/40", text(12_000))) // the same again
		time.Sleep(time.Minute)
		if n := r.Stats().Connections; n != s.Connections {
			t.Errorf("%d connections after the same content, %d before", n, s.Connections)
		}
		c.Publish(retainedMessage(mqtt.Document, "doc/40", text(11_000)+"y")) // other content, smaller: two more chances
		r.expect(mqtt.Withheld, 10*time.Second)
		r.expect(mqtt.Replayed, 10*time.Second)
		c.Publish(retainedMessage(mqtt.Document, "doc/40", text(100)))
		eventually(t, b, time.Second, "small document", holds(b, "doc/40", text(100)))
		r.finish()
	})
}

func TestContentThatGrowsGetsOneChance(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.MaxPacket(10_000)
		r := run(t, newClient(t, config(b)))
		r.state("attributes", text(12_000))
		r.expect(mqtt.Withheld, 10*time.Second)
		r.expect(mqtt.Replayed, 10*time.Second)
		before := r.Stats().Connections
		r.state("attributes", text(12_001))
		r.expect(mqtt.Withheld, 10*time.Second)
		r.expect(mqtt.Replayed, 10*time.Second)
		if n := r.Stats().Connections - before; n != 1 {
			t.Errorf("larger content ended %d connections", n)
		}
		r.finish()
	})
}

func TestTwoCulprits(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.MaxPacket(10_000)
		c := newClient(t, config(b))
		for i := range 100 {
			size := 5000
			if i == 3 || i == 60 {
				size = 12_000
			}
			c.Publish(retainedMessage(mqtt.Document, fmt.Sprintf("doc/%d", i), text(size)))
		}
		r := run(t, c)
		r.expect(mqtt.Withheld, 10*time.Second)
		r.expect(mqtt.Withheld, 10*time.Second)
		r.expect(mqtt.Replayed, 10*time.Second)
		if n := len(b.Topics()); n != 98 {
			t.Errorf("%d topics at the broker", n)
		}
		r.finish()
	})
}

func TestPicturesThatTheBrokerClosesOnTeachALimit(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.MaxPacket(100_000)
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		picture := func(size int) {
			r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p" + strconv.Itoa(size), Payload: []byte(text(size))})
		}
		for i := range 10 { // each has other content, as pictures do
			picture(200_000 + i)
			time.Sleep(20 * time.Second)
		}
		picture(50_000)
		eventually(t, b, time.Second, "small picture", func() bool { return len(payloads(b, "p50000")) == 1 })
		if change := r.expect(mqtt.Withheld, time.Second); change.Topic != "p200001" {
			t.Errorf("told %+v", change)
		}
		if s := r.Stats(); s.Connections != 3 || s.Withheld != 9 {
			t.Errorf("stats %+v, want 3 connections and 9 withheld", s)
		}
		r.finish()
	})
}

func TestSmallCulpritIsFound(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.CloseOn("forbidden")
		c := newClient(t, config(b))
		for i := range 50 {
			c.Publish(retainedMessage(mqtt.State, fmt.Sprintf("s/%d", i), "v"))
		}
		c.Publish(retainedMessage(mqtt.State, "forbidden", "v"))
		r := run(t, c)
		if change := r.expect(mqtt.Withheld, 30*time.Second); change.Topic != "forbidden" {
			t.Errorf("told %+v", change)
		}
		r.expect(mqtt.Replayed, 10*time.Second)
		if n := len(b.Topics()); n != 50 {
			t.Errorf("%d topics at the broker", n)
		}
		r.finish()
	})
}

func TestRevokeIsNeverWithheld(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.CloseOn("safe")
		c := newClient(t, config(b))
		c.Publish(retainedMessage(mqtt.Revoke, "safe", "OFF"))
		r := run(t, c)
		time.Sleep(5 * time.Minute)
		n := len(payloads(b, "safe"))
		time.Sleep(time.Minute)
		if m := len(payloads(b, "safe")); m <= n || r.Stats().Withheld != 0 {
			t.Errorf("sent %d times, then %d times", n, m)
		}
		r.finish()
	})
}

func TestBrokerThatRestartsOftenCostsNoMessage(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.SlowReader(5 * time.Millisecond)
		c := newClient(t, config(b))
		for i := range 100 {
			c.Publish(retainedMessage(mqtt.Document, fmt.Sprintf("doc/%d", i), text(5000)))
		}
		r := run(t, c)
		for i := range 20 { // each time in the midst of it
			r.expect(mqtt.Connected, 6*time.Second)
			time.Sleep(time.Duration(20+13*i) * time.Millisecond)
			b.Cut()
		}
		eventually(t, b, 10*time.Second, "all documents", func() bool { return len(b.Topics()) == 100 })
		if n := r.Stats().Withheld; n != 0 {
			t.Errorf("%d withheld", n)
		}
		r.finish()
	})
}

func TestFrozenBrokerIsNoReasonToWithhold(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.HoldAcks(true)
		c := newClient(t, config(b))
		c.Publish(retainedMessage(mqtt.Document, "doc", text(5000)))
		r := run(t, c)
		time.Sleep(5 * time.Minute)
		b.HoldAcks(false)
		r.expect(mqtt.Replayed, 20*time.Second)
		if s := r.Stats(); s.Withheld != 0 || s.Connections < 10 {
			t.Errorf("stats %+v", s)
		}
		r.finish()
	})
}
