package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

func topicsOf(messages []mqtt.Message) []string {
	var topics []string
	for _, m := range messages {
		topics = append(topics, m.Topic)
	}
	slices.Sort(topics)
	return topics
}

func TestRetained(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		for _, topic := range []string{"homeassistant/device/a/config", "homeassistant/device/b/config", "hikbridge/x", "else"} {
			b.Publish(topic, []byte("of "+topic), true)
		}
		cfg := config(b)
		cfg.Will = mqtt.Message{Topic: "availability", Payload: []byte("offline")}
		cfg.Goodbye = []mqtt.Message{retainedMessage(mqtt.Availability, "availability", "offline")}
		go func() {
			time.Sleep(200 * time.Millisecond)
			b.Publish("hikbridge/live", []byte("x"), false)
		}()
		begin := time.Now()
		got, err := mqtt.Retained(context.Background(), cfg, []string{"homeassistant/device/+/config", "hikbridge/#"})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "topics", topicsOf(got), []string{"hikbridge/x", "homeassistant/device/a/config", "homeassistant/device/b/config"})
		for _, m := range got {
			if string(m.Payload) != "of "+m.Topic || !m.Retain {
				t.Errorf("got %+v", m)
			}
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("took %v", d)
		}
		synctest.Wait() // the broker reads to the end
		if len(published(b, 1)) != 0 || len(times(b, "DISCONNECT")) != 1 || len(b.Topics()) != 4 {
			t.Error("the collection left traces at the broker")
		}
	})
}

func TestRetainedOfASlowBroker(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		for i := range 5000 {
			b.Publish(fmt.Sprintf("a/%d", i), []byte(text(200)), true)
		}
		b.SlowReader(2 * time.Millisecond) // its acknowledgements are read slowly
		got, err := mqtt.Retained(context.Background(), config(b), []string{"a/#"})
		if err != nil || len(got) != 5000 {
			t.Errorf("%d messages, %v", len(got), err)
		}
	})
}

func TestRetainedFails(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(b *mqtttest.Broker, cfg *mqtt.Config)
		want  error
	}{
		{"broker refuses the filter", func(b *mqtttest.Broker, _ *mqtt.Config) { b.RefuseSubscription("a/#") }, nil},
		{"broker refuses us", func(b *mqtttest.Broker, _ *mqtt.Config) { b.Refuse(5) }, mqtt.ErrRefused},
		{"broker is frozen", func(b *mqtttest.Broker, _ *mqtt.Config) { b.Freeze() }, mqtt.ErrNoAnswer},
		{"broker is down", func(b *mqtttest.Broker, _ *mqtt.Config) { b.Down() }, nil},
		{"address gives no answer", func(_ *mqtttest.Broker, cfg *mqtt.Config) { cfg.Dial = hang }, mqtt.ErrNoAnswer},
		{"there is more than fits", func(b *mqtttest.Broker, _ *mqtt.Config) {
			for i := range 70 {
				b.Publish(fmt.Sprintf("a/%d", i), make([]byte, 1<<20), true)
			}
		}, mqtt.ErrIncomplete},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				cfg := config(b)
				cfg.Username, cfg.Password = "user", canary
				tc.spoil(b, &cfg)
				begin := time.Now()
				_, err := mqtt.Retained(context.Background(), cfg, []string{"a/#"})
				if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("error %v, want %v", err, tc.want)
				}
				if err != nil && strings.Contains(err.Error(), canary) {
					t.Errorf("error tells the password: %v", err)
				}
				if d := time.Since(begin); d > 5*time.Second {
					t.Errorf("took %v", d)
				}
			})
		})
	}
}

func TestClear(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		topics := numbered("a/%d", 0, 300)
		for _, topic := range topics {
			b.Publish(topic, []byte("x"), true)
		}
		b.Publish("kept", []byte("x"), true)
		if err := mqtt.Clear(context.Background(), config(b), topics); err != nil {
			t.Fatal(err)
		}
		equal(t, "left", b.Topics(), []string{"kept"})
		synctest.Wait()
		if len(times(b, "DISCONNECT")) != 1 {
			t.Error("no DISCONNECT")
		}
	})
}

func TestClearFails(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.HoldAcks(true)
		if err := mqtt.Clear(context.Background(), config(b), []string{"a"}); !errors.Is(err, mqtt.ErrNoAnswer) {
			t.Errorf("without acknowledgement: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := mqtt.Clear(ctx, config(b), []string{"a"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("when told to stop: %v", err)
		}
		if err := mqtt.Clear(context.Background(), config(b), []string{"a/#"}); err == nil {
			t.Error("a filter is taken for a topic")
		}
	})
}
