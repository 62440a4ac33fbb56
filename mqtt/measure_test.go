//go:build measure

package mqtt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hikbridge/mqtt"
)

// How long a Revoke takes from Publish until it is handed to the connection, and Now until it returns, while a broker sends
// 10,000 messages a second and the outbox is full. Mosquitto on loopback, in real time; flood, bridge and measurement share
// this process, so the figures are the worst of it:
//
//	go test -tags measure -run MeasureRevoke -v ./mqtt
//
// What takes longer than revokeLimit is a failure.
func TestMeasureRevoke(t *testing.T) {
	none := func(*running, <-chan struct{}) {}
	for _, tc := range []struct {
		name  string
		flood byte // its QoS
		rate  int  // a second
		fill  func(*running, <-chan struct{})
	}{
		{"idle", 0, 0, none},
		{"10,000 messages a second in", 0, 10_000, none},
		{"10,000 messages a second in, outbox full of events", 0, 10_000, fill(mqtt.Event, 100)},
		{"10,000 acknowledged messages a second in, outbox full of answers", 1, 10_000, fill(mqtt.Answer, 100)},
		{"10,000 messages a second in, outbox full of pictures", 0, 10_000, fill(mqtt.Picture, 500_000)},
	} {
		t.Run(tc.name, func(t *testing.T) { measureRevoke(t, tc.flood, tc.rate, tc.fill) })
	}
}

const revokeLimit = 100 * time.Millisecond

// fill keeps an outbox full.
func fill(class mqtt.Class, size int) func(*running, <-chan struct{}) {
	return func(r *running, stop <-chan struct{}) {
		payload := make([]byte, size)
		pace := time.NewTicker(time.Millisecond)
		defer pace.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-pace.C:
			}
			for range max(1, 5000/size) {
				r.Publish(mqtt.Message{Class: class, Topic: "test/fill", Payload: payload})
			}
		}
	}
}

// written notes when marked payloads are handed to a connection.
type written struct {
	net.Conn
	marks chan<- mark
}

type mark struct {
	number uint32
	at     time.Time
}

const marker = "measured revoke "

func (w written) Write(p []byte) (int, error) {
	if i := bytes.Index(p, []byte(marker)); i >= 0 && len(p) >= i+len(marker)+4 {
		w.marks <- mark{binary.BigEndian.Uint32(p[i+len(marker):]), time.Now()}
	}
	return w.Conn.Write(p)
}

func measureRevoke(t *testing.T, qos byte, rate int, fill func(*running, <-chan struct{})) {
	m := startMosquitto(t, "allow_anonymous true")
	marks := make(chan mark, 1000)
	cfg := m.config("bridge")
	cfg.Subscribe = []string{"test/command/#"}
	var came atomic.Int64
	cfg.Arrived = func(mqtt.Incoming) bool { came.Add(1); return came.Load()%2 == 0 } // the others go on to a full inbox
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return written{conn, marks}, err
	}
	r := run(t, newClient(t, cfg))
	r.expect(mqtt.Replayed, 5*time.Second)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { fill(r, stop) })
	wg.Go(func() { flood(t, m, qos, rate, stop) })
	time.Sleep(2 * time.Second)
	begin, before := time.Now(), came.Load()
	var revokes, nows []time.Duration
	stalled := 0
	for n := range uint32(100) {
		published := time.Now()
		r.Publish(mqtt.Message{Class: mqtt.Revoke, Topic: "test/safe", Retain: true,
			Payload: binary.BigEndian.AppendUint32([]byte(marker), n)})
		select {
		case got := <-marks:
			if got.number != n {
				t.Fatalf("revoke %d instead of %d", got.number, n)
			}
			revokes = append(revokes, got.at.Sub(published))
		case <-time.After(10 * time.Second):
			t.Fatal("a revoke isn't written at all")
		}
		time.Sleep(50 * time.Millisecond)
		asked := time.Now()
		switch err := r.Now(mqtt.Message{Class: mqtt.Answer, Topic: "test/plug", Payload: []byte("OFF")}, always); {
		case errors.Is(err, mqtt.ErrStalled):
			stalled++
		case err != nil:
			t.Error(err)
		default:
			nows = append(nows, time.Since(asked))
		}
	}
	incoming := float64(came.Load()-before) / time.Since(begin).Seconds()
	close(stop)
	wg.Wait()
	slices.Sort(revokes)
	slices.Sort(nows)
	t.Logf("%.0f a second came, %d messages of ours lost; revoke: median %v, worst %v; now: median %v, worst %v, %d stalled",
		incoming, r.Stats().Lost, revokes[50], revokes[99], nows[len(nows)/2], nows[len(nows)-1], stalled)
	if worst := revokes[99]; worst > revokeLimit {
		t.Errorf("a revoke took %v", worst)
	}
	if n := r.Stats().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}

// flood publishes commands at a rate.
func flood(t *testing.T, m *mosquitto, qos byte, rate int, stop <-chan struct{}) {
	f := run(t, newClient(t, m.config("flood")))
	class := mqtt.Event
	if qos == 1 {
		class = mqtt.Answer
	}
	const ticks = 200
	pace := time.NewTicker(time.Second / ticks)
	defer pace.Stop()
	for {
		select {
		case <-stop:
			return
		case <-pace.C:
		}
		for range rate / ticks {
			f.Publish(mqtt.Message{Class: class, Topic: "test/command/x", Payload: []byte(text(100))})
		}
	}
}
