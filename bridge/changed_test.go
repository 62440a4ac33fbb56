package bridge_test

import (
	"testing"
	"testing/synctest"
	"time"

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
