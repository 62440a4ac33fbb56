package mqtt_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

// canary is the password in all tests: it must not show up in anything that a person can read.
const canary = "canary-secret"

// bubble runs a test in virtual time with a broker in memory.
func bubble(t *testing.T, test func(t *testing.T, b *mqtttest.Broker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := mqtttest.New()
		defer b.Close()
		test(t, b)
	})
}

func config(b *mqtttest.Broker) mqtt.Config {
	return mqtt.Config{URL: "mqtt://broker", ClientID: "bridge", Dial: b.Dial}
}

// running is a client whose Run is under way.
type running struct {
	*mqtt.Client
	t     *testing.T
	stop  context.CancelFunc
	ended chan struct{}
	err   error
}

func newClient(t *testing.T, cfg mqtt.Config) *mqtt.Client {
	t.Helper()
	c, err := mqtt.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run starts a client; the test's cleanup stops it.
func run(t *testing.T, c *mqtt.Client) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Client: c, t: t, stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = c.Run(ctx)
	}()
	t.Cleanup(func() { _ = r.finish() })
	return r
}

// finish stops the client and returns what Run said.
func (r *running) finish() error {
	r.stop()
	<-r.ended
	return r.err
}

// expect returns the next change of a kind, and skips others.
func (r *running) expect(kind mqtt.Kind, within time.Duration) mqtt.Change {
	r.t.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	for {
		select {
		case change := <-r.Changes():
			if change.Kind == kind {
				return change
			}
		case <-limit.C:
			r.t.Fatalf("no change %q within %v", kind, within)
		}
	}
}

func (r *running) state(topic, payload string) {
	r.Publish(mqtt.Message{Class: mqtt.State, Topic: topic, Payload: []byte(payload), Retain: true})
}

func (r *running) event(topic, payload string) {
	r.Publish(mqtt.Message{Class: mqtt.Event, Topic: topic, Payload: []byte(payload)})
}

// eventually waits in virtual time for a condition on the broker.
func eventually(t *testing.T, b *mqtttest.Broker, within time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := b.Wait(ctx, ok); err != nil {
		t.Fatalf("%s: not within %v", what, within)
	}
}

func holds(b *mqtttest.Broker, topic, payload string) func() bool {
	return func() bool {
		got, ok := b.Retained(topic)
		return ok && string(got) == payload
	}
}

// published returns what clients published, as "topic=payload", from a connection on.
func published(b *mqtttest.Broker, conn int) []string {
	var out []string
	for _, r := range b.Log() {
		if !r.Sent && r.Packet == "PUBLISH" && r.Conn >= conn {
			out = append(out, r.Topic+"="+string(r.Payload))
		}
	}
	return out
}

// payloads returns the payloads of one topic in the order in which the broker got them.
func payloads(b *mqtttest.Broker, topic string) []string {
	var out []string
	for _, r := range b.Log() {
		if !r.Sent && r.Packet == "PUBLISH" && r.Topic == topic {
			out = append(out, string(r.Payload))
		}
	}
	return out
}

// times returns when packets of a name went over the wire.
func times(b *mqtttest.Broker, packet string) []time.Time {
	var out []time.Time
	for _, r := range b.Log() {
		if r.Packet == packet {
			out = append(out, r.At)
		}
	}
	return out
}

func count(list []string, want string) int {
	n := 0
	for _, s := range list {
		if s == want {
			n++
		}
	}
	return n
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func text(n int) string { return strings.Repeat("x", n) }

func numbered(format string, from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf(format, i))
	}
	return out
}

// hang is a Dial that gets no answer, as from an address where nobody is.
func hang(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
