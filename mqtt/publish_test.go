package mqtt_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

func TestChangesGoOutInOrderAndOnce(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		var want []string
		for i := range 300 {
			r.state("motion", strconv.Itoa(i%2))
			r.event("event", strconv.Itoa(i))
			want = append(want, fmt.Sprintf("motion=%d", i%2), fmt.Sprintf("event=%d", i))
		}
		eventually(t, b, time.Second, "all out", func() bool { return len(published(b, 1)) == len(want) })
		time.Sleep(time.Minute)
		equal(t, "published", published(b, 1), want)
		r.finish()
	})
}

func TestQualityOfServiceFollowsTheClass(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		for _, tc := range []struct {
			class  mqtt.Class
			retain bool
			qos    byte
		}{
			{mqtt.Revoke, true, 1}, {mqtt.Document, true, 1}, {mqtt.Availability, true, 1}, {mqtt.State, true, 1},
			{mqtt.Event, false, 0}, {mqtt.Answer, false, 1}, {mqtt.Picture, false, 0}, {mqtt.State, false, 0},
			{mqtt.State, true, 0}, // the one above was the second's with QoS 1
		} {
			topic := fmt.Sprintf("%v/%t/%d", tc.class, tc.retain, tc.qos)
			r.Publish(mqtt.Message{Class: tc.class, Topic: topic, Payload: []byte("x"), Retain: tc.retain})
			eventually(t, b, time.Second, topic, func() bool { return len(payloads(b, topic)) == 1 })
			for _, rec := range b.Log() {
				if rec.Topic == topic && (rec.QoS != tc.qos || rec.Retain != tc.retain) {
					t.Errorf("%s: QoS %d, retain %t", topic, rec.QoS, rec.Retain)
				}
			}
		}
		r.finish()
	})
}

func TestWithoutABrokerOnlyTheLatestIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Down()
		r.expect(mqtt.Lost, time.Second)
		for i := range 1000 {
			r.state("s", strconv.Itoa(i))
			r.event("e", "x")
		}
		b.Up()
		r.expect(mqtt.Replayed, 6*time.Second)
		equal(t, "state", payloads(b, "s"), []string{"999"})
		equal(t, "events", payloads(b, "e"), nil)
		if lost := r.Stats().Lost; lost != 1000 {
			t.Errorf("%d lost, want 1000", lost)
		}
		r.finish()
	})
}

func TestOverflowKeepsTheLatestOfEachTopic(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		for i := range 20_000 {
			r.state(fmt.Sprintf("s/%d", i%10), strconv.Itoa(i))
			if i%20 == 0 {
				r.event("e", strconv.Itoa(i))
			}
		}
		time.Sleep(5 * time.Second)
		b.Thaw()
		for i := range 10 {
			want := strconv.Itoa(20_000 - 10 + i)
			eventually(t, b, 5*time.Second, "latest value", holds(b, fmt.Sprintf("s/%d", i), want))
		}
		eventually(t, b, 5*time.Second, "events", func() bool { return len(payloads(b, "e")) == 1000 })
		for i := range 10 {
			checkRising(t, payloads(b, fmt.Sprintf("s/%d", i)))
		}
		checkRising(t, payloads(b, "e"))
		if s := r.Stats(); s.Lost != 0 || s.Connections != 1 {
			t.Errorf("stats %+v", s)
		}
		r.finish()
	})
}

// checkRising checks that numbers only rise.
func checkRising(t *testing.T, list []string) {
	t.Helper()
	last := -1
	for _, s := range list {
		n, err := strconv.Atoi(s)
		if err != nil || n < last {
			t.Errorf("%q came after %d", s, last)
		}
		last = n
	}
}

func TestOverflowOfEventsIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		for i := range 10_000 {
			r.event("e", strconv.Itoa(i))
		}
		r.state("s", "v") // finds no room either, and isn't lost
		b.Thaw()
		eventually(t, b, 5*time.Second, "state", holds(b, "s", "v"))
		time.Sleep(time.Second)
		got := payloads(b, "e")
		checkRising(t, got)
		if lost := r.Stats().Lost; lost == 0 || lost+len(got) != 10_000 {
			t.Errorf("%d lost and %d published, want 10000 in total", lost, len(got))
		}
		r.finish()
	})
}

func TestFewLargeStatesGiveWayToEvents(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		for range 100 {
			r.Publish(mqtt.Message{Class: mqtt.Answer, Topic: "fill", Payload: []byte("x")})
		}
		time.Sleep(time.Second) // the window is full
		for i := range 7 {
			r.state(fmt.Sprintf("s/%d", i), text(1<<20))
		}
		r.state("s/7", text(1<<20-36)) // with the 36 that wait it is all that may
		r.event("e", "x")
		if lost := r.Stats().Lost; lost != 0 {
			t.Errorf("%d lost", lost)
		}
		b.Thaw()
		eventually(t, b, 5*time.Second, "event", func() bool { return len(payloads(b, "e")) == 1 })
		eventually(t, b, 5*time.Second, "states", func() bool { return len(b.Topics()) == 8 })
		r.finish()
	})
}

func TestPicturesGiveWayToEvents(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		for range 100 {
			r.event("fill", "x")
		}
		time.Sleep(time.Second) // the window is full
		for range 20 {
			r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: []byte(text(1 << 20))})
		}
		for range 4000 {
			r.event("e", "x")
		}
		b.Thaw()
		eventually(t, b, 5*time.Second, "events", func() bool { return len(payloads(b, "e")) == 4000 })
		if n := len(payloads(b, "p")); n > 8 {
			t.Errorf("%d MB of pictures waited", n)
		}
		r.finish()
	})
}

func TestRevokeOvertakesAndVoids(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		for range 64 {
			r.event("e", "window")
		}
		time.Sleep(time.Second) // they are under way
		on := mqtt.Message{Class: mqtt.State, Topic: "safe", Payload: []byte("ON")}
		r.event("e", "waiting")
		r.Publish(on)
		r.Publish(on)
		r.Publish(retainedMessage(mqtt.Revoke, "safe", "OFF"))
		r.Publish(mqtt.Message{Class: mqtt.State, Topic: "other", Payload: []byte("ON")})
		b.Thaw()
		eventually(t, b, time.Second, "all out", func() bool { return len(payloads(b, "other")) == 1 })
		equal(t, "safe", payloads(b, "safe"), []string{"OFF"})
		equal(t, "order", published(b, 1)[64:], []string{"safe=OFF", "e=waiting", "other=ON"})
		if lost := r.Stats().Lost; lost != 0 {
			t.Errorf("%d lost: what a revoke voids isn't lost", lost)
		}
		r.Publish(on)
		eventually(t, b, time.Second, "on after off", func() bool { return count(payloads(b, "safe"), "ON") == 1 })
		r.finish()
	})
}

func TestWhatCannotBeSentIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 1_999_991)})
		for _, topic := range []string{"", "a/+", "#", "a\x00", "\xff", strings.Repeat("a", 65536)} {
			r.event(topic, "x")
		}
		r.Publish(mqtt.Message{Class: 77, Topic: "x"})
		r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 1_999_990)})
		eventually(t, b, 5*time.Second, "largest picture", func() bool { return len(payloads(b, "p")) == 1 })
		if s := r.Stats(); s.Withheld != 8 || s.Connections != 1 {
			t.Errorf("stats %+v, want 8 withheld on 1 connection", s)
		}
		r.Publish(retainedMessage(mqtt.Document, "doc", text(2_000_001)))
		if change := r.expect(mqtt.Withheld, time.Second); change.Topic != "doc" || change.Size != 2_000_001 {
			t.Errorf("told %+v", change)
		}
		r.finish()
	})
}

func TestMemoryOfTopicsIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		c := newClient(t, config(b))
		for i := range 1<<16 + 10 {
			c.Publish(retainedMessage(mqtt.State, "s/"+strconv.Itoa(i), "v"))
		}
		if s := c.Stats(); s.Topics != 1<<16 || s.Lost != 10 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestPublishCopiesThePayload(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		c := newClient(t, config(b))
		payload := []byte("right")
		c.Publish(mqtt.Message{Class: mqtt.State, Topic: "s", Payload: payload, Retain: true})
		copy(payload, "wrong")
		r := run(t, c)
		eventually(t, b, time.Second, "state", holds(b, "s", "right"))
		r.finish()
	})
}

// BenchmarkTopic shows with -benchmem what a remembered topic costs beside its topic and payload.
func BenchmarkTopic(b *testing.B) {
	c, err := mqtt.New(mqtt.Config{URL: "mqtt://broker", ClientID: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	topics := numbered("hikbridge/garage/ch/%05d/motion", 0, 1<<16)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		c.Publish(mqtt.Message{Class: mqtt.State, Topic: topics[i%len(topics)], Payload: []byte("on"), Retain: true})
	}
}

func TestStatesAndEventsInABurstAreFewPacketsWithAcknowledgement(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		for i := range 640 {
			r.state("motion", strconv.Itoa(i%2))
			r.event("event", strconv.Itoa(i))
			time.Sleep(10 * time.Millisecond)
		}
		acknowledged := 0
		for _, rec := range b.Log() {
			if !rec.Sent && rec.Packet == "PUBLISH" && rec.QoS == 1 {
				acknowledged++
			}
		}
		if got, want := len(published(b, 1)), 1280; got != want || acknowledged < 7 || acknowledged > 60 {
			t.Errorf("%d of %d messages published, %d with acknowledgement", got, want, acknowledged)
		}
		r.finish()
	})
}

// What goes out at QoS 0 must neither overtake what paho has, nor be overtaken.
func TestTheOrderOfOneTopicHoldsWhateverItsQuality(t *testing.T) {
	for _, hold := range []bool{false, true} {
		bubble(t, func(t *testing.T, b *mqtttest.Broker) {
			r := run(t, newClient(t, config(b)))
			r.expect(mqtt.Replayed, time.Second)
			b.HoldAcks(hold)
			var want []string
			for i := range 40 {
				r.event("event", strconv.Itoa(i))
				want = append(want, fmt.Sprintf("event=%d", i))
				if i%7 == 0 {
					r.Publish(mqtt.Message{Class: mqtt.Answer, Topic: "event", Payload: []byte("answer")})
					want = append(want, "event=answer")
				}
				time.Sleep(time.Duration(i%5) * 100 * time.Millisecond)
			}
			if hold {
				b.HoldAcks(false)
			}
			time.Sleep(time.Second)
			equal(t, "published", published(b, 1), want)
			r.finish()
		})
	}
}

func TestEventsOfAConnectionThatEndsAreCountedAsLostUntilTheyAreProven(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		for i := range 10 { // the first with QoS 1, the others within its second
			r.event("event", strconv.Itoa(i))
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Second)
		r.event("event", "with QoS 1 again, which proves the others")
		time.Sleep(10 * time.Millisecond)
		r.event("event", "not proven")
		time.Sleep(10 * time.Millisecond)
		b.Cut()
		r.expect(mqtt.Lost, time.Second)
		time.Sleep(time.Second)
		if n := r.Stats().Lost; n != 1 {
			t.Errorf("%d lost, want the one that nobody can be sure of", n)
		}
		r.finish()
	})
}
