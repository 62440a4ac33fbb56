package bridge_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

// home is a recorder with a plug before it, and a bridge that keeps its power.
type home struct {
	*world
	recorder *nvrtest.Recorder
	plug     *bridgetest.Plug // nil: none
	presses  int
	nut      *bridgetest.NUT // nil: none
}

// homeSetup is what a home has otherwise than the usual one: a recorder that
// halts, behind a plug with a meter that the bridge may switch.
type homeSetup struct {
	recorder nvrtest.Config
	plug     func(*bridgetest.PlugConfig)
	noPlug   bool
	power    func(*bridge.PowerConfig)
	made     func(*bridge.Bridge)
}

func newHome(t *testing.T, s homeSetup) *home { return newHomeAs(t, s, nil) }

// newHomeAs lets before change the home before its bridge starts.
func newHomeAs(t *testing.T, s homeSetup, before func(*home)) *home {
	t.Helper()
	h := &home{world: newWorld(t, nil)}
	if s.recorder.Halt == (nvrtest.Halt{}) {
		s.recorder.Boot = nvrtest.Boot{Down: 40 * time.Second, Silent: true, Errors: 15 * time.Second}
	}
	if s.recorder.Watts == (nvrtest.Watts{}) {
		s.recorder.Watts.Halted = 0.4
	}
	h.add("garage", s.recorder)
	h.recorder = h.recorders["garage"]
	p := &h.config.Recorders[0].Power
	if !s.noPlug {
		c := bridgetest.PlugConfig{Preset: "tasmota", Topic: "garage_plug", Meter: true,
			Load: h.recorder.Watts, OnSwitch: h.feed, User: "hikbridge", Password: brokerPW}
		if s.plug != nil {
			s.plug(&c)
		}
		h.plug = bridgetest.NewPlug(h.broker.Dial, c)
		h.plug.ReportLate(80 * time.Millisecond) // radio and broker
		t.Cleanup(h.plug.Close)
		p.Plug, p.Cut = c.Preset+":"+c.Topic, "proven"
	}
	if s.power != nil {
		s.power(p)
	}
	h.made = s.made
	if before != nil {
		before(h)
	}
	h.start()
	time.Sleep(12 * time.Minute) // readings of a running recorder
	return h
}

// feed is what the plug does to the recorder.
func (h *home) feed(on bool) {
	if on {
		h.recorder.RestorePower()
		return
	}
	h.recorder.CutPower()
}

// press is a button in Home Assistant, by its owner.
func (h *home) press(action string, force ...string) string {
	h.presses++
	id := fmt.Sprintf("press-%d", h.presses)
	payload, _ := json.Marshal(map[string]any{"id": id, "at": time.Now().Unix(), "by": "owner", "force": orEmpty(force)})
	h.broker.Publish("hikbridge/command/garage/"+action, payload, false)
	return id
}

func orEmpty(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

func (h *home) state() string { return h.value("hikbridge/garage/power_state") }

// reaches waits for a state.
func (h *home) reaches(state string, within time.Duration) time.Duration {
	h.t.Helper()
	began := time.Now()
	for time.Since(began) < within {
		if h.state() == state {
			return time.Since(began)
		}
		time.Sleep(100 * time.Millisecond)
	}
	h.t.Fatalf("%s, not %s after %v; states: %s; status: %s; results: %s\n%s", h.state(), state, within, h.states(),
		h.value("hikbridge/garage/status"), h.results("garage"), h.tail())
	return 0
}

// tail is the end of the diary.
func (h *home) tail() string {
	lines := strings.Split(h.log.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// states are those that were published, in order.
func (h *home) states() string {
	var all []string
	for _, p := range h.broker.Log() {
		if !p.Sent && p.Packet == "PUBLISH" && p.Topic == "hikbridge/garage/power_state" {
			if s := string(p.Payload); len(all) == 0 || all[len(all)-1] != s {
				all = append(all, s)
			}
		}
	}
	return strings.Join(all, " ")
}

// said are the moments at which safe was said to be on.
func (h *home) said() []time.Time {
	var all []time.Time
	for _, p := range h.broker.Log() {
		if !p.Sent && p.Packet == "PUBLISH" && p.Topic == "hikbridge/garage/safe_to_cut_power" && string(p.Payload) == "ON" {
			if p.Retain {
				h.t.Error("safe is retained")
			}
			all = append(all, p.At)
		}
	}
	return all
}

func TestAPowerCycleIsProvenCutAndComesBack(t *testing.T) {
	for _, preset := range []string{"tasmota", "shelly2", "zigbee2mqtt"} {
		t.Run(preset, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t, homeSetup{plug: func(c *bridgetest.PlugConfig) { c.Preset = preset }})
				h.press("power_cycle", "right", "often")
				h.reaches("off", 10*time.Minute)
				if offs := h.plug.Offs(); len(offs) != 1 {
					t.Errorf("%d OFFs", len(offs))
				}
				h.reaches("running", 10*time.Minute)
				if stops := h.recorder.Stops(); len(stops) != 1 || !stops[0].Clean {
					t.Errorf("stops: %+v", stops)
				}
				if got := h.results("garage"); got != "accepted done:normal" {
					t.Errorf("results: %s", got)
				}
				if got, want := h.states(), "running checking counting_down shutting_down confirming safe cutting off powering_on booting running"; got != want && got != strings.Replace(want, "safe ", "", 1) {
					t.Errorf("states: %s", got)
				}
				actions, err := bridge.LogBook(h.config.StateDir, "garage")
				if err != nil || len(actions) != 1 || actions[0].Outcome != "done" || actions[0].Proof != "power" {
					t.Errorf("log book: %+v, %v", actions, err)
				}
				h.checkTable()
			})
		})
	}
}

func TestWithoutAPlugAShutDownRecorderIsPresumedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{noPlug: true})
		h.press("shutdown", "right")
		h.reaches("presumed_off", 6*time.Minute)
		if s := h.value("hikbridge/garage/status"); !strings.Contains(s, "silent since") {
			t.Errorf("status: %s", s)
		}
		if got := h.value("hikbridge/garage/needs_attention"); got != "OFF" {
			t.Errorf("needs attention: %s", got)
		}
		h.feed(false)
		time.Sleep(20 * time.Second)
		h.feed(true)
		h.reaches("running", 10*time.Minute)
		if got := h.results("garage"); got != "accepted done:presumed_off" {
			t.Errorf("results: %s", got)
		}
		if n := len(h.said()); n > 0 {
			t.Errorf("safe was said %d times", n)
		}
	})
}

func TestARecorderThatSaysOKAndStaysOnKeepsItsPower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{recorder: nvrtest.Config{Halt: nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}}}})
		h.press("power_cycle", "right")
		h.reaches("attention", 10*time.Minute)
		if got := h.results("garage"); got != "accepted failed:still_on" {
			t.Errorf("results: %s", got)
		}
		time.Sleep(time.Hour)
		if n := len(h.plug.Offs()); n > 0 || len(h.said()) > 0 {
			t.Errorf("%d OFFs, safe said %d times", n, len(h.said()))
		}
		if !slices.Contains(strings.Fields(h.states()), "attention") {
			t.Errorf("states: %s", h.states())
		}
	})
}

// A recorder that starts takes connections long before it answers, and some of its
// ports are filtered: what is slow in a probe must not hold back what is known.
func TestSafeIsTakenBackAtTheFirstSignOfLifeOfARecorderThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{power: func(p *bridge.PowerConfig) { p.Cut = "never" }})
		h.press("shutdown", "right")
		h.reaches("safe", 10*time.Minute)
		time.Sleep(10 * time.Second)
		h.recorder.SetWatts(nvrtest.Watts{Running: 0.4, Booting: 0.4, Halted: 0.4}) // the meter shows nothing
		h.recorder.Fail(nvrtest.Fault{HalfOpen: true})
		h.feed(false) // its own switch
		before := h.recorder.Connections()
		h.feed(true)
		for h.recorder.Connections() == before {
			time.Sleep(10 * time.Millisecond)
		}
		alive := time.Now()
		h.reaches("attention", 10*time.Second)
		for _, p := range h.broker.Log() {
			if took := p.At.Sub(alive); p.Topic == "hikbridge/garage/safe_to_cut_power" && string(p.Payload) == "OFF" && took > -50*time.Millisecond {
				if took > 100*time.Millisecond {
					t.Errorf("safe was taken back %v after the first sign of life", took)
				}
				return
			}
		}
		t.Error("safe wasn't taken back")
	})
}

func TestASequenceLeavesNoFalseTraces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		before := h.value("hikbridge/garage/last_boot")
		h.press("power_cycle", "right")
		h.reaches("confirming", time.Minute)
		time.Sleep(3 * time.Second)
		for _, p := range h.broker.Log() {
			if !p.Sent && p.Topic == "hikbridge/garage/connection" && string(p.Payload) != "ON" && p.At.After(time.Now().Add(-time.Minute)) {
				t.Errorf("connection %s at %v, while it answers", p.Payload, p.At)
			}
		}
		h.reaches("running", 15*time.Minute)
		synctest.Wait()
		if got := h.value("hikbridge/garage/last_boot"); got == before {
			t.Errorf("last boot is still %s", got)
		}
		time.Sleep(time.Minute)
		if s := h.log.String(); strings.Contains(s, "no events come") {
			t.Errorf("a stream that we closed is trouble:\n%s", h.tail())
		}
		for _, s := range h.action().Steps {
			if strings.HasPrefix(s.What, "powering_on") && s.Watts != nil {
				t.Errorf("%v W while the relay is off", *s.Watts)
			}
		}
	})
}
