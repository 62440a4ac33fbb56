package mqtt_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

// arrivals takes messages whose topic begins with plug/ the moment they come, and notes all that it is asked about.
type arrivals struct {
	mu  sync.Mutex
	all []mqtt.Incoming
}

func (a *arrivals) take(in mqtt.Incoming) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, in)
	return strings.HasPrefix(in.Topic, "plug/")
}

// payloads returns what came to a topic.
func (a *arrivals) payloads(topic string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, in := range a.all {
		if in.Topic == topic {
			out = append(out, string(in.Payload))
		}
	}
	return out
}

func TestWhatIsTakenOnArrivalIsNotLostBehindAFullInbox(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		var a arrivals
		cfg := config(b)
		cfg.Subscribe = []string{"command/#", "plug/#"}
		cfg.Arrived = a.take
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		var want []string
		for i := range 1000 {
			b.Publish("command/x", []byte("go"), false)
			b.Publish("plug/relay", []byte(strconv.Itoa(i)), false)
			want = append(want, strconv.Itoa(i))
		}
		time.Sleep(time.Millisecond)
		equal(t, "taken", a.payloads("plug/relay"), want)
		taken := len(r.Inbox())
		for range taken {
			if in := <-r.Inbox(); in.Topic != "command/x" || in.Dropped != 0 {
				t.Errorf("inbox has %+v", in)
			}
		}
		b.Publish("plug/relay", []byte("on"), false) // tells nothing of what was dropped
		b.Publish("command/x", []byte("go"), false)
		if in := <-r.Inbox(); in.Topic != "command/x" || in.Dropped != 1000-taken {
			t.Errorf("inbox has %+v, want %d dropped", in, 1000-taken)
		}
		if n := len(a.payloads("command/x")); n != 1001 {
			t.Errorf("asked about %d commands", n)
		}
		r.finish()
	})
}

func TestRetainedMessagesArriveAsSuchAndBirthsDoNot(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		var a arrivals
		cfg := config(b)
		cfg.Subscribe, cfg.BirthTopic = []string{"plug/#"}, "birth"
		cfg.Arrived = a.take
		b.Publish("plug/relay", []byte("stored"), true)
		b.Publish("birth", []byte("online"), true)
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		b.Publish("plug/relay", []byte("live"), true)
		b.Publish("birth", []byte("online"), false)
		b.Publish("plug/relay", make([]byte, 1<<20), false)
		time.Sleep(time.Second)
		r.finish()
		var got []string
		for _, in := range a.all {
			got = append(got, fmt.Sprintf("%s=%s %t %d", in.Topic, in.Payload, in.Retained, in.Dropped))
		}
		equal(t, "arrived", got, []string{"plug/relay=stored true 0", "plug/relay=live false 0"})
		if n := r.Stats().Dropped; n != 1 {
			t.Errorf("%d dropped, want the one that is too large", n)
		}
	})
}

// A broker that takes nothing for a while may still have news.
func TestMessagesArriveWhileNothingCanBeWritten(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		var a arrivals
		cfg := config(b)
		cfg.Subscribe = []string{"plug/#"}
		cfg.Arrived = a.take
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		b.SlowReader(time.Hour)
		r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 1<<20)})
		time.Sleep(time.Second)
		for i := range 500 {
			b.Publish("plug/relay", []byte(strconv.Itoa(i)), false)
		}
		time.Sleep(time.Millisecond)
		equal(t, "arrived", a.payloads("plug/relay"), numbered("%d", 0, 500))
		b.SlowReader(0)
		b.Cut()
		r.finish()
	})
}

func TestIncomingMessagesAreAcknowledgedInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Subscribe = []string{"plug/#"}
		cfg.Arrived = func(mqtt.Incoming) bool { return true }
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		for range 3000 {
			b.Publish("plug/relay", []byte("x"), false)
		}
		time.Sleep(time.Second)
		var sent, acked []uint16
		for _, rec := range b.Log() {
			switch {
			case rec.Sent && rec.Packet == "PUBLISH":
				sent = append(sent, rec.ID)
			case !rec.Sent && rec.Packet == "PUBACK":
				acked = append(acked, rec.ID)
			}
		}
		if len(sent) != 3000 || !slices.Equal(sent, acked) {
			t.Errorf("%d messages came, %d were acknowledged, in order: %t", len(sent), len(acked), slices.Equal(sent, acked))
		}
		r.finish()
	})
}

func TestManyTopicsAndEachRefusalIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Subscribe = numbered("plug/%03d/relay", 0, 200)
		refused := numbered("plug/%03d/relay", 50, 150)
		for _, topic := range refused {
			b.RefuseSubscription(topic)
		}
		r := run(t, newClient(t, cfg))
		for conn := 1; conn <= 2; conn++ {
			time.Sleep(5 * time.Second) // nobody reads the changes meanwhile
			var kinds []mqtt.Kind
			var told []string
			for len(r.Changes()) > 0 {
				change := <-r.Changes()
				if change.Kind == mqtt.Unsubscribed {
					told = append(told, change.Topic)
				} else {
					kinds = append(kinds, change.Kind)
				}
			}
			equal(t, "refused", told, refused)
			want := []mqtt.Kind{mqtt.Connected, mqtt.Replayed}
			if conn > 1 {
				want = []mqtt.Kind{mqtt.Lost, mqtt.Connected, mqtt.Replayed}
			}
			if !slices.Equal(kinds, want) {
				t.Errorf("also told %v, want %v", kinds, want)
			}
			for _, topic := range cfg.Subscribe {
				b.Publish(topic, []byte("ON"), false)
			}
			time.Sleep(time.Second)
			if n := len(r.Inbox()); n != 100 {
				t.Errorf("%d messages came, want those of the 100 topics that weren't refused", n)
			}
			for len(r.Inbox()) > 0 {
				<-r.Inbox()
			}
			b.Cut()
		}
		r.finish()
	})
}
