package bridge_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/nvr/nvrtest"
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

func TestARecorderThatStartsNeedsNobodyForItsErrors(t *testing.T) {
	slow := nvrtest.Config{Boot: nvrtest.Boot{Down: 20 * time.Second, Silent: true, Errors: 3 * time.Minute}, Halt: nvrtest.Halt{Manner: nvrtest.Manner{After: 8 * time.Second}}}
	inHome(t, homeSetup{noPlug: true, recorder: slow}, func(t *testing.T, h *home) {
		h.feed(false)
		time.Sleep(2 * time.Minute)
		h.feed(true)
		h.reaches("booting", 10*time.Minute)
		time.Sleep(5 * time.Minute)
		for _, p := range h.broker.Log() {
			if text := string(p.Payload); !p.Sent && p.Topic == "hikbridge/garage/needs_attention" && text != "OFF" || strings.Contains(text, "GET System") {
				t.Errorf("%s: %s", p.Topic, text)
			}
		}
	})
}

func TestARecorderThatAnswersWithErrorsIsToldInWords(t *testing.T) {
	inHome(t, homeSetup{noPlug: true}, func(t *testing.T, h *home) {
		h.recorder.Fail(nvrtest.Fault{Status: 500, SubStatus: "deviceError"})
		time.Sleep(20 * time.Minute)
		for topic, want := range map[string]string{"hikbridge/garage/needs_attention/attributes": "it answered HTTP 500 deviceError", "hikbridge/bridge/last_error": "it answered HTTP 500 deviceError"} {
			if got := h.value(topic); !strings.Contains(got, want) || strings.Contains(got, "GET ") {
				t.Errorf("%s: %s", topic, got)
			}
		}
	})
}

func TestAQuestionWithoutAnswerIsToldInWords(t *testing.T) {
	inHome(t, homeSetup{noPlug: true}, func(t *testing.T, h *home) {
		h.recorder.Fail(nvrtest.Fault{NoAnswer: true})
		time.Sleep(5 * time.Minute)
		if got := h.value("hikbridge/bridge/last_error"); !strings.Contains(got, "no answer in time") {
			t.Error(got)
		}
	})
}

func TestACertificateThatIsNotTrustedIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"nvr": {TLS: &tls.Config{}}})
		w.config.Recorders[0].URL, w.config.Recorders[0].TLS = "https://192.0.2.10", "verify"
		w.start()
		time.Sleep(time.Minute)
		if got := w.value("hikbridge/bridge/needs_attention/attributes"); !strings.Contains(got, "unusable") || !strings.Contains(got, "the fingerprint to") {
			t.Errorf("needs attention: %s", got)
		}
	})
}
