package bridge_test

import (
	"context"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

// anotherPlug is one that feeds nothing of ours, and reads next to nothing.
func (h *home) anotherPlug(topic string, watts float64) *bridgetest.Plug {
	p := bridgetest.NewPlug(h.broker.Dial, bridgetest.PlugConfig{Preset: "tasmota", Topic: topic, Meter: true,
		Load: func() float64 { return watts }, User: "hikbridge", Password: brokerPW})
	h.t.Cleanup(p.Close)
	return p
}

// What one meter read before the request is no measure for another one.
func TestAnotherPlugAfterTheRequestProvesNothing(t *testing.T) {
	for _, cut := range []string{"never", "proven"} {
		t.Run(cut, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t, homeSetup{recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: 9}}})
				h.press("shutdown", "right")
				h.reaches("presumed_off", 6*time.Minute)
				h.stop()
				lamp := h.anotherPlug("lamp", 0.3)
				p := &h.config.Recorders[0].Power
				p.Plug, p.Cut = "tasmota:lamp", cut
				h.start()
				time.Sleep(20 * time.Minute)
				if n, offs := len(h.said()), len(lamp.Offs()); n > 0 || offs > 0 {
					t.Errorf("safe was said %d times, %d OFFs to another plug; states: %s", n, offs, h.states())
				}
			})
		})
	}
}

// A recorder that was cut, and runs again at another outlet and address when the program
// starts anew: silence at the old address doesn't say that it needs no UPS.
func TestARecorderThatMovedMeanwhileKeepsTheUPS(t *testing.T) {
	for _, row := range []struct {
		name  string
		found func(*home) (move func()) // before the start
	}{
		{"by number", func(h *home) func() {
			h.answersAt("192.0.2.10")
			return func() { h.answersAt("192.0.2.30") }
		}},
		{"by name", func(h *home) func() {
			n := named(h, "192.0.2.20")
			return func() { n.move("192.0.2.30") }
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var move func()
			darkHome(t, homeSetup{}, func(h *home) {
				move = row.found(h)
				h.nut = bridgetest.NewNUT(bridgetest.NUTConfig{User: "hikbridge", Password: nutPW})
				h.t.Cleanup(h.nut.Close)
				h.config.Mains = bridge.MainsConfig{UPS: "ups", Server: "192.0.2.5", Username: "hikbridge", Password: nutPW, Dial: h.nut.Dial}
			}, func(t *testing.T, h *home) {
				h.nut.Status("OB")
				h.nut.Charge(40)
				h.reaches("off", 10*time.Minute)
				h.stop()
				move()
				h.feed(true)
				time.Sleep(5 * time.Minute)
				h.config.Mains.Command = "shutdown.return"
				h.start()
				h.reaches("booting", 5*time.Minute)
				if all := h.nut.Commands(); len(all) > 0 {
					t.Errorf("told while the recorder runs: %+v", all)
				}
			})
		})
	}
}

// answersAt configures the recorder's address, the only one that it answers at.
func (h *home) answersAt(host string) {
	c := &h.config.Recorders[0]
	c.URL = "http://" + host
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if there, _, _ := net.SplitHostPort(address); there != host {
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.ErrDeadlineExceeded}
		}
		return h.recorder.Dial(ctx, network, address)
	}
}
