//go:build process && linux

package main_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hikbridge/mqtt"
	"hikbridge/nvr/nvrtest"
)

const (
	floodRate = 10_000 // commands a second
	leastRate = 5_000  // on a machine that is busy otherwise
	// cancelLimit and revokeLimit are what a flood may cost: an answer to a cancel,
	// and taking *safe* back once there is a sign of life.
	cancelLimit = time.Second
	revokeLimit = 100 * time.Millisecond
	// memoryLimit is by how much it may grow, in MiB.
	memoryLimit = 32
)

// flood is an automation gone mad, or worse.
func flood(t *testing.T, s homeSetup) {
	time.Sleep(130 * time.Second) // most other homes are done, and their load is gone
	s.broker, _ = mosquitto(t)
	s.countdown = 12 * time.Second
	h := newHome(t, s)
	h.start()
	pid := h.bridge.Process.Pid
	before := memory(t, pid, "VmRSS")

	h.press("shutdown", "right")
	h.reaches("counting_down", 20*time.Second)
	stop := h.flood()
	time.Sleep(5 * time.Second)
	pressed := time.Now()
	id := h.press("cancel")
	eventually(t, 10*time.Second, "cancel is answered", func() bool { return h.verdictOn(id, "accepted").Type != "" })
	cancelled := h.verdictOn(id, "accepted").at.Sub(pressed)
	rate, sent := stop()
	t.Logf("at %.0f commands a second cancel was answered after %v", rate, cancelled)
	if cancelled > cancelLimit || rate < leastRate {
		t.Errorf("cancel was answered after %v, %.0f commands a second", cancelled, rate)
	}
	h.reaches("running", 10*time.Second)
	if n := h.puts(); n > 0 {
		t.Errorf("%d requests after a cancel", n)
	}

	time.Sleep(5 * time.Second) // the flood's last check is done, and its end told
	looked, dropped, times := h.flooded()
	t.Logf("of %d commands %d were looked at, %d dropped, told %d times", sent, looked, dropped, times)
	if looked+dropped != sent || times < 3 {
		t.Errorf("of %d commands %d were looked at, %d dropped, told %d times", sent, looked, dropped, times)
	}
	h.safeAfterShutdown()
	h.recorder.SetWatts(nvrtest.Watts{Running: 0.4, Booting: 0.4, Halted: 0.4}) // its meter would show it first
	stop = h.flood()
	time.Sleep(3 * time.Second)
	back := time.Now()
	h.feed(false) // its own switch, not the plug's
	h.feed(true)
	eventually(t, 30*time.Second, "safe is taken back", func() bool { return !h.said("OFF", back).IsZero() })
	rate, _ = stop()
	life, off := h.door.since(back), h.said("OFF", back)
	t.Logf("at %.0f commands a second safe was off %v after the first sign of life", rate, off.Sub(life))
	if took := off.Sub(life); life.IsZero() || took > revokeLimit || rate < leastRate {
		t.Errorf("safe was off %v after the first sign of life, %.0f commands a second", took, rate)
	}
	if on := h.said("ON", off); !on.IsZero() {
		t.Errorf("safe again %v later", on.Sub(off))
	}
	most := memory(t, pid, "VmHWM")
	h.reaches("attention", 10*time.Second)
	t.Logf("memory: %.1f MiB before, at most %.1f, %.1f after", before, most, memory(t, pid, "VmRSS"))
	if most-before > memoryLimit {
		t.Errorf("%.1f MiB before the flood, %.1f in it", before, most)
	}
	h.check()
}

// flooded is what the bridge tells of a flood.
func (h *home) flooded() (looked, dropped, times int) {
	for _, v := range h.verdicts() {
		var n int
		switch {
		case v.Reason == "flood":
			fmt.Sscan(v.Message, &n)
			dropped += n
			times++
		case v.Action == "check" && (v.Type == "accepted" || v.Type == "refused"):
			looked++
		}
	}
	return looked, dropped, times
}

// flood sends commands until stop is called, which tells how many there were.
func (h *home) flood() (stop func() (rate float64, sent int)) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	client, err := mqtt.New(mqtt.Config{URL: h.broker, ClientID: "flood"})
	if err != nil {
		h.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { client.Run(ctx) })
	h.t.Cleanup(func() { cancel(); running.Wait() })
	eventually(h.t, 10*time.Second, "the broker takes the flood", func() bool { return client.Stats().Connected })
	var sent atomic.Int64
	began := time.Now()
	running.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			if ahead := time.Duration(n)*time.Second/floodRate - time.Since(began); ahead > time.Millisecond {
				time.Sleep(ahead)
			}
			m := mqtt.Message{Class: mqtt.Event, Topic: h.name + "/command/nvr/check",
				Payload: fmt.Appendf(nil, `{"id":"flood-%d-%d","at":%d,"by":"automation"}`, began.Unix(), n, time.Now().Unix())}
			if client.Now(m, nil) == nil {
				sent.Add(1)
			}
		}
	})
	return func() (float64, int) {
		rate := float64(sent.Load()) / time.Since(began).Seconds()
		cancel()
		running.Wait()
		return rate, int(sent.Load())
	}
}
