package mqtt_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

func retainedMessage(class mqtt.Class, topic, payload string) mqtt.Message {
	return mqtt.Message{Class: class, Topic: topic, Payload: []byte(payload), Retain: true}
}

func TestEveryConnectionSendsClassByClass(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Subscribe = []string{"command/#"}
		c := newClient(t, cfg)
		c.Publish(retainedMessage(mqtt.State, "s1", "1"))
		c.Publish(retainedMessage(mqtt.Availability, "a1", "online"))
		c.Publish(retainedMessage(mqtt.Document, "bridge", "d"))
		c.Publish(retainedMessage(mqtt.Revoke, "safe1", "OFF"))
		c.Publish(retainedMessage(mqtt.Document, "recorder", "d"))
		c.Publish(retainedMessage(mqtt.Document, "camera", "d"))
		c.Publish(retainedMessage(mqtt.State, "s2", "2"))
		c.Publish(retainedMessage(mqtt.Revoke, "safe2", "OFF"))
		r := run(t, c)
		want := []string{"safe1=OFF", "safe2=OFF", "bridge=d", "recorder=d", "camera=d", "s1=1", "s2=2", "a1=online"}
		for conn := 1; conn <= 3; conn++ {
			r.expect(mqtt.Replayed, time.Second)
			equal(t, "published", published(b, conn), want)
			checkOpening(t, b, conn)
			b.Cut()
		}
		r.finish()
	})
}

// checkOpening checks on a connection's transcript what comes before what.
func checkOpening(t *testing.T, b *mqtttest.Broker, conn int) {
	t.Helper()
	acked := 0
	subscribed := false
	for _, rec := range b.Log() {
		if rec.Conn != conn {
			continue
		}
		switch {
		case rec.Packet == "CONNECT":
			if !rec.Clean {
				t.Error("the session isn't clean: commands would be queued for later")
			}
		case rec.Packet == "SUBACK":
			subscribed = true
		case rec.Packet == "PUBACK" && rec.Sent:
			acked++
		case rec.Packet == "PUBLISH" && !rec.Sent:
			if !subscribed {
				t.Errorf("%s published before the subscription", rec.Topic)
			}
			if rec.Payload[0] == 'd' && acked < 2 {
				t.Errorf("document %s sent after %d of 2 acknowledged revokes", rec.Topic, acked)
			}
			plain := rec.Topic == "s1" || rec.Topic == "s2" // states, acknowledged by what follows
			if !rec.Retain || rec.QoS != 1 && !plain || rec.Dup {
				t.Errorf("%s: retain %t, QoS %d, dup %t", rec.Topic, rec.Retain, rec.QoS, rec.Dup)
			}
		}
	}
}

func TestHundredTopicsAreOutWithinASecond(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.SlowReader(4 * time.Millisecond)
		c := newClient(t, config(b))
		for i := range 100 {
			c.Publish(retainedMessage(mqtt.State, fmt.Sprintf("s/%d", i), text(50)))
		}
		r := run(t, c)
		eventually(t, b, 10*time.Second, "all retained", func() bool { return len(b.Topics()) == 100 })
		if d := time.Since(times(b, "CONNACK")[0]); d > time.Second {
			t.Errorf("took %v from CONNACK", d)
		}
		r.expect(mqtt.Replayed, time.Second)
		r.finish()
	})
}

func TestWindowIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.HoldAcks(true)
		c := newClient(t, config(b))
		for i := range 500 {
			c.Publish(retainedMessage(mqtt.State, fmt.Sprintf("s/%d", i), "v"))
		}
		r := run(t, c)
		time.Sleep(5 * time.Second)
		if n := len(published(b, 1)); n != 128 {
			t.Errorf("%d messages under way without an acknowledgement, want 64 of each quality", n)
		}
		r.finish()
	})
}

func TestAReplayIsAcknowledgedByItsLastMessageAndCarefulAfterABrokerClosedOnOne(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.CloseOn("s/30")
		c := newClient(t, config(b))
		for i := range 60 {
			c.Publish(retainedMessage(mqtt.State, fmt.Sprintf("s/%d", i), "v"))
		}
		r := run(t, c)
		if change := r.expect(mqtt.Withheld, time.Minute); change.Topic != "s/30" {
			t.Errorf("withheld %s", change.Topic)
		}
		r.expect(mqtt.Replayed, time.Minute)
		if n := len(b.Topics()); n != 59 {
			t.Errorf("%d topics at the broker", n)
		}
		qualities := map[int]int{} // by connection: messages with acknowledgement
		for _, rec := range b.Log() {
			if !rec.Sent && rec.Packet == "PUBLISH" && rec.QoS == 1 {
				qualities[rec.Conn]++
			}
		}
		if qualities[2] < 10 {
			t.Errorf("%d messages with acknowledgement on the connection after the first trouble", qualities[2])
		}
		b.Cut()
		r.expect(mqtt.Replayed, 10*time.Second)
		last := 0
		for _, rec := range b.Log() {
			last = max(last, rec.Conn)
		}
		with := 0
		for _, rec := range b.Log() {
			if rec.Conn == last && !rec.Sent && rec.Packet == "PUBLISH" && rec.QoS == 1 {
				with++
			}
		}
		if with == 0 || with == 59 { // those that follow while paho is about to write one have it too: a few, by chance
			t.Errorf("%d messages with acknowledgement in a replay without trouble", with)
		}
		r.finish()
	})
}

func TestRevokesAreAcknowledgedBeforeAnythingElse(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.HoldAcks(true)
		c := newClient(t, config(b))
		c.Publish(retainedMessage(mqtt.Document, "doc", "d"))
		c.Publish(retainedMessage(mqtt.Revoke, "safe", "OFF"))
		r := run(t, c)
		r.expect(mqtt.Connected, time.Second)
		r.event("e", "1")
		time.Sleep(9 * time.Second)
		equal(t, "published without acknowledgement", published(b, 1), []string{"safe=OFF"})
		b.HoldAcks(false)
		eventually(t, b, 10*time.Second, "document", holds(b, "doc", "d"))
		r.finish()
	})
}

func TestPublishDuringTheReplay(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.SlowReader(10 * time.Millisecond)
		c := newClient(t, config(b))
		c.Publish(retainedMessage(mqtt.Revoke, "safe", "OFF"))
		for i := range 200 {
			c.Publish(retainedMessage(mqtt.State, fmt.Sprintf("s/%03d", i), "old"))
		}
		r := run(t, c)
		eventually(t, b, 5*time.Second, "first state", holds(b, "s/000", "old"))
		r.state("s/000", "new")  // has been sent
		r.state("s/199", "mid")  // has not
		r.state("s/199", "last") // only the latest value matters
		c.Publish(mqtt.Message{Class: mqtt.State, Topic: "safe", Payload: []byte("ON")})
		r.expect(mqtt.Replayed, 10*time.Second)
		eventually(t, b, 5*time.Second, "the last one", func() bool { return count(payloads(b, "safe"), "ON") == 1 })
		r.finish()
		equal(t, "sent before the change", payloads(b, "s/000"), []string{"old", "new"})
		equal(t, "changed before it was sent", payloads(b, "s/199"), []string{"last"})
		all := published(b, 1)
		if slices.Index(all, "safe=ON") < slices.Index(all, "s/199=last") {
			t.Error("what isn't part of the replay overtook it")
		}
	})
}

func TestBrokerThatForgotEverythingGetsEverything(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		for i := range 50 {
			r.state(fmt.Sprintf("s/%d", i), "v")
		}
		eventually(t, b, time.Second, "retained", func() bool { return len(b.Topics()) == 50 })
		b.Down()
		b.Forget()
		time.Sleep(time.Minute)
		r.state("s/7", "new")
		b.Up()
		eventually(t, b, 5*time.Second, "next CONNACK", func() bool { return len(times(b, "CONNACK")) == 2 })
		eventually(t, b, time.Second, "states", func() bool { return len(b.Topics()) == 50 && holds(b, "s/7", "new")() })
		r.finish()
	})
}

func TestClearedTopicIsForgottenOnceAcknowledged(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.Publish("gone", []byte("ghost"), true)
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		r.state("kept", "v")
		r.state("gone", "v")
		b.Down()
		r.state("gone", "") // without a broker: must be made up for
		b.Up()
		r.expect(mqtt.Replayed, 10*time.Second)
		if _, ok := b.Retained("gone"); ok {
			t.Error("topic isn't cleared")
		}
		if n := r.Stats().Topics; n != 1 {
			t.Errorf("%d topics remembered, want 1", n)
		}
		b.Cut()
		r.expect(mqtt.Replayed, 10*time.Second)
		equal(t, "after a further connection", published(b, 3), []string{"kept=v"})
		r.state("gone", "back")
		eventually(t, b, time.Second, "topic in use again", holds(b, "gone", "back"))
		r.finish()
	})
}

func TestClearThatWasLostIsMadeUpFor(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.SlowReader(time.Second)
		for _, payload := range []string{"", "", "ghost", ""} { // the broker may begin to read before it is slow
			r.state("a", payload)
		}
		eventually(t, b, 10*time.Second, "value between two clears", holds(b, "a", "ghost"))
		time.Sleep(500 * time.Millisecond)
		b.Cut() // the first clears are acknowledged, the last one is lost
		b.SlowReader(0)
		r.expect(mqtt.Lost, time.Second)
		r.expect(mqtt.Replayed, 5*time.Second)
		if got, ok := b.Retained("a"); ok || r.Stats().Topics != 0 {
			t.Errorf("%q is left at the broker, %d topics are remembered", got, r.Stats().Topics)
		}
	})
}

func TestManyClearedTopicsLeaveTheOthersInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		var want []string
		for i := range 4000 {
			r.state(fmt.Sprint(i), "v")
			if i%4 == 0 {
				want = append(want, fmt.Sprintf("%d=v", i))
			}
		}
		for i := range 4000 {
			if i%4 != 0 {
				r.state(fmt.Sprint(i), "")
			}
		}
		time.Sleep(time.Second)
		if at, mine := len(b.Topics()), r.Stats().Topics; at != 1000 || mine != 1000 {
			t.Errorf("%d topics at the broker, %d remembered, want 1000", at, mine)
		}
		b.Cut()
		r.expect(mqtt.Replayed, 5*time.Second)
		equal(t, "next connection", published(b, 2), want)
	})
}

func TestClearThatIsOvertakenByAValueForgetsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		r.state("a", "")
		r.state("a", "v")
		b.Thaw()
		eventually(t, b, time.Second, "value", holds(b, "a", "v"))
		b.Forget()
		b.Cut()
		eventually(t, b, 5*time.Second, "value on the next connection", holds(b, "a", "v"))
		r.finish()
	})
}

func TestBirth(t *testing.T) {
	for _, tc := range []struct {
		name    string
		births  []time.Duration
		latest  time.Duration // of the answer, from the first birth
		answers int
	}{
		{"one birth gets one answer", []time.Duration{0}, 11 * time.Second, 1},
		{"three births in a second get one answer", []time.Duration{0, 300 * time.Millisecond, 600 * time.Millisecond}, 11 * time.Second, 1},
		{"two births a minute apart get two answers", []time.Duration{0, time.Minute}, 71 * time.Second, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) { birth(t, b, tc.births, tc.latest, tc.answers) })
		})
	}
}

func birth(t *testing.T, b *mqtttest.Broker, births []time.Duration, latest time.Duration, answers int) {
	cfg := config(b)
	cfg.BirthTopic = "homeassistant/status"
	b.Publish(cfg.BirthTopic, []byte("online"), true) // a retained birth is an old one
	c := newClient(t, cfg)
	c.Publish(retainedMessage(mqtt.Revoke, "safe", "OFF"))
	c.Publish(retainedMessage(mqtt.Document, "doc", "v1"))
	c.Publish(retainedMessage(mqtt.Availability, "avail", "online"))
	c.Publish(retainedMessage(mqtt.State, "state", "1"))
	r := run(t, c)
	r.expect(mqtt.Replayed, time.Second)
	c.Publish(retainedMessage(mqtt.Document, "doc", "v2"))
	time.Sleep(time.Minute)
	equal(t, "after a retained birth", payloads(b, "state"), []string{"1"})

	begin := time.Now()
	for _, at := range births {
		time.Sleep(time.Until(begin.Add(at)))
		b.Publish(cfg.BirthTopic, []byte("online"), false)
		b.Publish(cfg.BirthTopic, []byte("offline"), false)
	}
	lastBirth := time.Now()
	time.Sleep(time.Minute)
	equal(t, "revoke", payloads(b, "safe"), []string{"OFF"})
	equal(t, "document", payloads(b, "doc"), []string{"v1", "v2"})
	if n := count(payloads(b, "state"), "1"); n != 1+answers {
		t.Errorf("state sent %d times, want %d", n, 1+answers)
	}
	all := published(b, 1)
	if got := all[len(all)-2:]; !slices.Equal(got, []string{"state=1", "avail=online"}) {
		t.Errorf("answer %q", got)
	}
	var answered time.Time
	for _, rec := range b.Log() {
		if rec.Topic == "state" {
			answered = rec.At
		}
	}
	if d := answered.Sub(begin); d > latest || answered.Sub(lastBirth) < time.Second {
		t.Errorf("answered %v after the first birth, %v after the last", d, answered.Sub(lastBirth))
	}
	if len(c.Inbox()) != 0 {
		t.Error("birth came to the inbox")
	}
	r.finish()
}

func TestBirthDelayIsRandomAndBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.BirthTopic = "birth"
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		r.state("s", "v")
		seen := make(map[time.Duration]bool)
		for range 20 {
			time.Sleep(30 * time.Second)
			begin, n := time.Now(), len(payloads(b, "s"))
			b.Publish("birth", []byte("online"), false)
			eventually(t, b, 15*time.Second, "answer", func() bool { return len(payloads(b, "s")) > n })
			d := time.Since(begin)
			if d < time.Second || d > 10*time.Second {
				t.Errorf("answered after %v", d)
			}
			seen[d.Round(100*time.Millisecond)] = true
		}
		if len(seen) < 5 {
			t.Errorf("delays aren't random: %v", seen)
		}
		r.finish()
	})
}

func TestBirthDuringABurstOfChanges(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.BirthTopic = "birth"
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		r.state("s", "0")
		b.Publish("birth", []byte("online"), false)
		b.SlowReader(10 * time.Millisecond)
		for i := 1; i < 1800; i++ { // still waiting when the answer is due
			r.state("s", fmt.Sprint(i))
		}
		time.Sleep(30 * time.Second)
		checkRising(t, payloads(b, "s"))
		if !holds(b, "s", "1799")() {
			t.Error("the latest value isn't the last")
		}
	})
}

func TestBirthsWithoutEndAreAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.BirthTopic = "birth"
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		r.state("s", "v")
		for range 150 {
			b.Publish("birth", []byte("online"), false)
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(payloads(b, "s")); n != 2 {
			t.Errorf("state sent %d times within 15 s of births, want 2", n)
		}
		r.finish()
	})
}
