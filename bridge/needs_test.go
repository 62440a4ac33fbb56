package bridge_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
)

func TestARecorderThatIsToRunAgainWaitsForSomebodyToSwitchIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{power: func(p *bridge.PowerConfig) { p.Cut = "never" }})
		h.press("shutdown", "right", "often")
		h.reaches("confirming", 2*time.Minute)
		h.press("cancel") // too late: it is to come back
		h.reaches("safe", 5*time.Minute)
		if got := h.value("hikbridge/garage/needs_attention"); got != "OFF" {
			t.Errorf("needs attention at once: %s", got)
		}
		time.Sleep(20 * time.Minute)
		if got := h.value("hikbridge/garage/needs_attention"); got != "ON" || h.state() != "safe" {
			t.Errorf("needs attention: %s in %s", got, h.state())
		}
		for _, text := range []string{"waits_for_power", "is to run again, but nobody switches its plug", "Switch its power off and on"} {
			if s := h.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(s, text) {
				t.Errorf("%q isn't told: %s", text, s)
			}
		}
		h.feed(false)
		time.Sleep(20 * time.Second)
		h.feed(true)
		h.reaches("running", 10*time.Minute)
		if got := h.value("hikbridge/garage/needs_attention"); got != "OFF" {
			t.Errorf("needs attention afterwards: %s", got)
		}
	})
}
