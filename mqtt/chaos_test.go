package mqtt_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

var seeds = flag.Int("mqtt.seeds", 8, "how many random schedules TestRandomSchedules runs")

// TestRandomSchedules publishes at random while the broker is cut, frozen, restarted, slow and forgetful, and checks that
// values never go back within a connection, that events are delivered at most once, and that in the end the broker has
// exactly the latest values.
func TestRandomSchedules(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) { schedule(t, b, seed) })
		})
	}
}

func schedule(t *testing.T, b *mqtttest.Broker, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	cfg := config(b)
	cfg.BirthTopic = "birth"
	r := run(t, newClient(t, cfg))
	latest := make(map[string]string)
	classes := []mqtt.Class{mqtt.Revoke, mqtt.Document, mqtt.Availability, mqtt.State}
	n := 0
	burst := func() {
		for range 1 + rng.IntN(400) {
			n++
			class := classes[rng.IntN(len(classes))]
			topic, payload := fmt.Sprintf("%v/%d", class, rng.IntN(30)), strconv.Itoa(n)
			switch k := rng.IntN(20); {
			case k == 0:
				payload = ""
			case k == 1:
				payload += " " + text(5000)
			case k < 6:
				r.event("e", payload)
				continue
			}
			r.Publish(retainedMessage(class, topic, payload))
			latest[topic] = payload
		}
	}
	for range 60 {
		burst()
		switch rng.IntN(12) {
		case 0:
			b.Cut()
		case 1:
			b.Freeze()
		case 2:
			b.Thaw()
		case 3:
			b.Down()
		case 4:
			b.Up()
		case 5:
			b.Down()
			b.Forget()
			b.Up()
		case 6:
			b.SlowReader(time.Duration(rng.IntN(3)) * time.Millisecond)
		case 7:
			b.Publish("birth", []byte("online"), false)
		case 8:
			for range 20 {
				burst()
			}
		default:
		}
		if rng.IntN(2) == 0 {
			time.Sleep(time.Duration(rng.IntN(4000)) * time.Millisecond)
		}
	}
	b.Thaw()
	b.Up()
	b.SlowReader(0)
	time.Sleep(time.Minute)
	checkFinal(t, b, r, latest)
	checkHistory(t, b)
}

func checkFinal(t *testing.T, b *mqtttest.Broker, r *running, latest map[string]string) {
	t.Helper()
	want := 0
	for topic, payload := range latest {
		got, ok := b.Retained(topic)
		if string(got) != payload || ok != (payload != "") {
			t.Errorf("%s is %.20q at the end, want %.20q", topic, got, payload)
		}
		if payload != "" {
			want++
		}
	}
	if s := r.Stats(); s.Topics != want || s.Withheld != 0 {
		t.Errorf("stats %+v, want %d topics and nothing withheld", s, want)
	}
}

func checkHistory(t *testing.T, b *mqtttest.Broker) {
	t.Helper()
	type place struct {
		conn  int
		topic string
	}
	last := make(map[place]int)
	events := make(map[int]bool)
	for _, rec := range b.Log() {
		if rec.Sent || rec.Packet != "PUBLISH" {
			continue
		}
		number, _, _ := strings.Cut(string(rec.Payload), " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			continue // a topic that is cleared
		}
		at := place{rec.Conn, rec.Topic}
		if n < last[at] {
			t.Errorf("connection %d: %s went back from %d to %d", rec.Conn, rec.Topic, last[at], n)
		}
		last[at] = n
		if rec.Topic == "e" {
			if events[n] {
				t.Errorf("event %d came twice", n)
			}
			events[n] = true
		}
	}
}
