package bridge_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

// comesAlive lets a halted recorder answer: by a reset, which is a sign of life.
func (h *home) comesAlive() {
	h.recorder.SetHalt(nvrtest.Halt{Link: nvrtest.HaltedRefuses})
}

// asked says that the recorder was asked to shut down.
func (h *home) asked() bool {
	return slices.ContainsFunc(h.recorder.Requests(), func(q nvrtest.Request) bool { return strings.Contains(q.Path, "System/shutdown") })
}

func TestLifeSeenWhileARecordWaitsForItsDiskLetsNothingLeave(t *testing.T) {
	for _, record := range []string{"safe: power proof", "intent: cut"} {
		t.Run(record, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h *home
				var waited atomic.Bool
				made := func(b *bridge.Bridge) {
					b.SlowJournal("garage", func(content []byte) {
						if !strings.Contains(string(content), record) || waited.Load() {
							return
						}
						waited.Store(true)
						time.Sleep(3 * time.Second)
						h.comesAlive()
						time.Sleep(7 * time.Second)
					})
				}
				h = newHomeAs(t, homeSetup{made: made}, func(x *home) { h = x })
				h.press("power_cycle", "right")
				time.Sleep(20 * time.Minute)
				if !waited.Load() {
					t.Fatalf("no such record; states: %s", h.states())
				}
				if n := len(h.plug.Offs()); n > 0 {
					t.Errorf("%d OFFs", n)
				}
				if record != "intent: cut" && len(h.said()) > 0 {
					t.Errorf("safe was said at %v", h.said())
				}
				if !strings.HasSuffix(h.states(), "attention") {
					t.Errorf("states: %s", h.states())
				}
			})
		})
	}
}

func TestAnOffThatCouldNotBeSentIsNotSentLater(t *testing.T) {
	for _, row := range []struct {
		name       string
		away, back func(*home)
	}{
		{"the plug is away", func(h *home) { h.plug.Away(true) }, func(h *home) { h.plug.Away(false) }},
		{"the broker is down", func(h *home) { h.broker.Down() }, func(h *home) { h.broker.Up() }},
		{"the broker reads nothing", func(h *home) { h.broker.Freeze() }, func(h *home) { h.broker.Thaw() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h *home
				var gone atomic.Bool
				made := func(b *bridge.Bridge) {
					b.SlowJournal("garage", func(content []byte) {
						if strings.Contains(string(content), "intent: cut") && !gone.Load() {
							gone.Store(true)
							row.away(h)
							time.Sleep(time.Second)
						}
					})
				}
				h = newHomeAs(t, homeSetup{made: made}, func(x *home) { h = x })
				h.press("power_cycle", "right")
				for !gone.Load() {
					time.Sleep(time.Second)
				}
				time.Sleep(10 * time.Second)
				h.feed(false) // somebody takes the cord
				h.feed(true)
				time.Sleep(2 * time.Minute)
				row.back(h)
				time.Sleep(30 * time.Minute)
				if n := len(h.plug.Offs()); n > 0 {
					t.Errorf("%d OFFs after the plug came back", n)
				}
				if got := h.state(); got != "running" {
					t.Errorf("%s; states: %s", got, h.states())
				}
			})
		})
	}
}

func TestAnEarlyCutBySomebodyElseIsNeverCalledSafe(t *testing.T) {
	for _, after := range []time.Duration{12 * time.Second, 20 * time.Second, 30 * time.Second, 45 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			h := newHome(t, homeSetup{power: func(p *bridge.PowerConfig) { p.Cut = "never" }})
			h.press("shutdown", "right")
			time.Sleep(after)
			h.plug.SwitchByHand(false)
			time.Sleep(10 * time.Minute)
			if n := len(h.said()); n > 0 {
				t.Errorf("after %v: safe was said %d times; states: %s", after, n, h.states())
			}
			if !strings.Contains(h.states(), "attention") || h.value("hikbridge/garage/needs_attention") != "ON" {
				t.Errorf("after %v: states: %s", after, h.states())
			}
		})
	}
}

func TestANameServerThatDiesAfterTheRequestIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHomeAs(t, homeSetup{noPlug: true, recorder: nvrtest.Config{Halt: nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}}}}, func(h *home) {
			c := &h.config.Recorders[0]
			c.URL = "http://nvr.example.org"
			gone := &net.DNSError{Err: "no such host", Name: "nvr.example.org", IsNotFound: true}
			c.Resolve = func(context.Context, string) ([]string, error) { return nil, gone }
			c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if h.asked() {
					return nil, &net.OpError{Op: "dial", Net: network, Err: gone}
				}
				return h.recorder.Dial(ctx, network, address)
			}
		})
		h.press("shutdown", "right")
		time.Sleep(20 * time.Minute)
		if got := h.states(); strings.Contains(got, "presumed_off") || !strings.HasSuffix(got, "attention") {
			t.Errorf("states: %s", got)
		}
		if s := h.value("hikbridge/garage/status"); !strings.Contains(s, "can't be proven") {
			t.Errorf("status: %s", s)
		}
	})
}

func TestCachedZerosAreNoReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{
			recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: 9}},
			plug:     func(c *bridgetest.PlugConfig) { c.Preset = "zigbee2mqtt" },
		})
		h.press("power_cycle", "right")
		h.reaches("confirming", time.Minute)
		h.plug.FalseZero(true)
		time.Sleep(6 * time.Second)
		h.plug.FalseZero(false)
		h.plug.Cached(true) // and what it repeats now is a zero
		for range 100 {
			time.Sleep(2 * time.Second)
			h.plug.ReportOther()
		}
		if len(h.said()) > 0 || len(h.plug.Offs()) > 0 {
			t.Errorf("safe said %d times, %d OFFs; states: %s", len(h.said()), len(h.plug.Offs()), h.states())
		}
	})
}
