package bridge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

// sharedHome is a home whose plug feeds the recorder in the shed as well.
func sharedHome(t *testing.T, made func(*bridge.Bridge), before func(h *home), test func(t *testing.T, h, shed *home)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var h, shed *home
		var also atomic.Pointer[nvrtest.Recorder] // there soon after the plug
		plug := func(c *bridgetest.PlugConfig) {
			garage := c.Load
			c.Load = func() float64 {
				if r := also.Load(); r != nil {
					return garage() + r.Watts()
				}
				return garage()
			}
			c.OnSwitch = func(on bool) { h.feed(on); shed.feed(on) }
		}
		h = newHomeAs(t, homeSetup{made: made, plug: plug}, func(x *home) {
			h, shed = x, &home{world: x.world, plug: x.plug}
			x.add("shed", nvrtest.Config{Boot: nvrtest.Boot{Down: 40 * time.Second, Silent: true, Errors: 15 * time.Second}, Watts: nvrtest.Watts{Halted: 0.4}})
			shed.recorder = x.recorders["shed"]
			also.Store(shed.recorder)
			x.config.Recorders[1].Power = x.config.Recorders[0].Power
			if before != nil {
				before(x)
			}
		})
		test(t, h, shed)
	})
}

// shutDown is the button of a recorder.
func (h *home) shutDown(name string) { h.pressAt(name, "shutdown") }

func (h *home) pressAt(name, action string) {
	h.presses++
	payload, _ := json.Marshal(map[string]any{"id": fmt.Sprintf("at-%d", h.presses), "at": time.Now().Unix(), "by": "owner", "force": []string{"right", "often"}})
	h.broker.Publish("hikbridge/command/"+name+"/"+action, payload, false)
	time.Sleep(time.Second)
}

// offs holds the orders to switch off against a number.
func (h *home) offs(when string, n int) {
	h.t.Helper()
	if got := len(h.plug.Offs()); got != n {
		h.t.Errorf("%s: %d OFFs, not %d; states: %s\n%s", when, got, n, h.states(), h.tail())
	}
}

// at waits for a recorder's state.
func (h *home) at(name, state string, within time.Duration) {
	h.t.Helper()
	for end := time.Now().Add(within); h.value("hikbridge/"+name+"/power_state") != state; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("%s: %s, not %s; %s\n%s", name, h.value("hikbridge/"+name+"/power_state"), state, h.value("hikbridge/"+name+"/status"), h.tail())
		}
	}
}

func TestOnePlugOfTwoIsCutOnceBothAreSafe(t *testing.T) {
	sharedHome(t, nil, nil, func(t *testing.T, h, shed *home) {
		h.shutDown("garage")
		time.Sleep(20 * time.Minute)
		h.offs("one is off", 0)
		h.says("status", h.status(), "Its plug also feeds shed")
		if n := len(h.said()); n != 0 {
			t.Errorf("safe was said %d times while the shed's recorder runs", n)
		}
		h.shutDown("shed")
		h.at("shed", "off", 10*time.Minute)
		h.at("garage", "off", time.Minute)
		h.offs("both are", 1)
		for name, r := range h.recorders {
			if stops := r.Stops(); len(stops) != 1 || !stops[0].Clean {
				t.Errorf("%s: stops %+v", name, stops)
			}
		}
		h.pressAt("shed", "power_on") // what one needs, both get
		h.at("shed", "running", 10*time.Minute)
		h.at("garage", "running", time.Minute)
		h.offs("on again", 1)
		if n := len(h.plug.Ons()); n != 1 {
			t.Errorf("%d ONs", n)
		}
		if got := h.results("garage") + ", " + h.results("shed"); got != "accepted done:presumed_off, accepted done:safe accepted done" {
			t.Errorf("results: %s", got)
		}
	})
}

func TestBothOnOnePlugComeBackFromAnOutage(t *testing.T) {
	sharedHome(t, nil, func(h *home) { h.dark() }, func(t *testing.T, h, _ *home) {
		h.mains("off")
		h.at("garage", "off", 20*time.Minute)
		h.at("shed", "off", time.Minute)
		h.offs("in the outage", 1)
		h.mains("on")
		h.at("garage", "running", 10*time.Minute)
		h.at("shed", "running", time.Minute)
		h.offs("at last", 1)
		h.needs()
	})
}

// dark gives a home that hasn't started a topic that tells of mains.
func (h *home) dark() {
	h.config.Mains = bridge.MainsConfig{Topic: "home/mains", Present: "on", Lost: "off"}
	for i := range h.config.Recorders {
		h.config.Recorders[i].Power.AnyOutage = true
	}
	h.mains("on")
}

func TestOneThatStaysOnKeepsThePlugAndHoldsNobodyUp(t *testing.T) {
	sharedHome(t, nil, func(h *home) {
		h.dark()
		h.config.Mains.Parallel = 1
		h.recorders["garage"].SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}})
	}, func(t *testing.T, h, shed *home) {
		h.mains("off")
		time.Sleep(30 * time.Minute)
		h.expect("in the outage", map[string]string{"hikbridge/garage/power_state": "attention", "hikbridge/shed/power_state": "presumed_off"})
		h.says("status", h.value("hikbridge/shed/status"), "Its plug also feeds garage: leave that on")
		if n := len(shed.puts()); n != 1 {
			t.Errorf("%d requests to the shed's", n)
		}
		h.mains("on")
		time.Sleep(time.Hour)
		h.offs("and long after", 0)
		h.at("shed", "attention", time.Second)
		h.says("status", h.value("hikbridge/shed/status"), "It can't be proven", "Its plug also feeds garage: leave that on, and unplug only this recorder.")
		shed.feed(false) // somebody does so
		time.Sleep(20 * time.Second)
		shed.feed(true)
		h.at("shed", "running", 10*time.Minute)
		h.offs("at last", 0)
	})
}

func TestLifeOfOneBeforeAnOffKeepsThePlug(t *testing.T) {
	for _, wait := range []time.Duration{1900 * time.Millisecond, 10 * time.Second} { // in time, and late
		t.Run(wait.String(), func(t *testing.T) {
			var shed *home
			var waited atomic.Bool
			made := func(b *bridge.Bridge) {
				b.SlowJournal("garage", func(content []byte) {
					if strings.Contains(string(content), "intent: cut") && !waited.Swap(true) {
						shed.comesAlive()
						time.Sleep(wait)
					}
				})
			}
			sharedHome(t, made, nil, func(t *testing.T, h, other *home) {
				shed = other
				h.shutDown("shed")
				h.shutDown("garage")
				time.Sleep(20 * time.Minute)
				if !waited.Load() {
					t.Fatalf("no intent to cut; states: %s", h.states())
				}
				h.offs("somebody lives", 0)
				h.at("shed", "attention", time.Second)
				if n := len(h.said()); n > 0 && time.Since(h.said()[n-1]) < 15*time.Minute {
					t.Errorf("safe was said at %v", h.said())
				}
			})
		})
	}
}

func TestLifeOfOneInACutLetsNoMoreOffsLeave(t *testing.T) {
	sharedHome(t, nil, nil, func(t *testing.T, h, shed *home) {
		h.plug.Late(48 * time.Hour) // it hears, and doesn't obey
		h.shutDown("shed")
		h.shutDown("garage")
		h.at("garage", "cutting", 10*time.Minute)
		time.Sleep(5 * time.Second)
		shed.comesAlive()
		time.Sleep(20 * time.Minute)
		h.offs("one OFF had left", 1)
		h.needs("cut_unconfirmed")
		h.at("shed", "attention", time.Second)
	})
}

func TestSafeIsTakenBackForAllOnThePlug(t *testing.T) {
	var b *bridge.Bridge
	never := func(h *home) {
		for i := range h.config.Recorders {
			h.config.Recorders[i].Power.Cut = "never"
		}
	}
	sharedHome(t, func(made *bridge.Bridge) { b = made }, never, func(t *testing.T, h, shed *home) {
		h.shutDown("garage")
		time.Sleep(10 * time.Minute)
		if b.Stands("garage") || b.Stands("shed") {
			t.Error("may lose their power while one runs")
		}
		h.shutDown("shed")
		h.at("shed", "safe", 10*time.Minute)
		h.at("garage", "safe", time.Minute)
		time.Sleep(time.Minute)
		if said := h.said(); len(said) < 15 || time.Since(said[len(said)-1]) > 4*time.Second {
			t.Errorf("safe was said %d times", len(said))
		}
		began := time.Now()
		shed.comesAlive()
		time.Sleep(10 * time.Second)
		if said := h.said(); said[len(said)-1].After(began.Add(3 * time.Second)) {
			t.Error("safe is still said")
		}
		back := map[string]time.Time{}
		for _, p := range h.broker.Log() {
			if name, ok := strings.CutSuffix(strings.TrimPrefix(p.Topic, "hikbridge/"), "/safe_to_cut_power"); ok && !p.Sent && string(p.Payload) == "OFF" && p.At.After(began) && back[name].IsZero() {
				back[name] = p.At
			}
		}
		if late := back["garage"].Sub(back["shed"]).Abs(); back["shed"].IsZero() || late > 50*time.Millisecond {
			t.Errorf("taken back at %v", back)
		}
		h.at("garage", "safe", time.Second)
		h.offs("never", 0)
		if !b.Stands("garage") || b.Stands("shed") {
			t.Error("who may lose its power")
		}
		h.stop()
		time.Sleep(9 * time.Second)
		if b.Stands("garage") {
			t.Error("what a keeper said holds though it doesn't run")
		}
	})
}

func TestARestartForgetsThatTheOtherIsSafe(t *testing.T) {
	sharedHome(t, nil, nil, func(t *testing.T, h, shed *home) {
		shed.plug.Late(48 * time.Hour)
		h.shutDown("shed")
		h.shutDown("garage")
		h.at("garage", "cutting", 10*time.Minute)
		h.stop()
		shed.comesAlive()
		shed.plug.Late(0)
		h.start()
		time.Sleep(20 * time.Minute)
		h.offs("before the restart", 1)
		h.at("garage", "safe", time.Second)
		h.at("shed", "unreachable", time.Second) // it answers by resets, and nobody insists
	})
}

func TestWhoMayShareAPlug(t *testing.T) {
	proven := func(plug string) bridge.PowerConfig { return bridge.PowerConfig{Plug: plug, Cut: "proven"} }
	for _, row := range []struct {
		name      string
		a, b      bridge.PowerConfig
		same      bool
		wrong     string
		different func(*bridge.PowerConfig)
	}{
		{name: "the same", a: proven("tasmota:strip"), same: true},
		{name: "the same, which never cuts", a: bridge.PowerConfig{Plug: "shelly2:strip"}, same: true, different: func(c *bridge.PowerConfig) { c.Cut = "never" }},
		{name: "a free one that is only read", a: bridge.PowerConfig{Plug: "free", PlugForm: bridge.PlugForm{StateTopic: "strip/state"}}, same: true},
		{name: "relays of one device", a: proven("tasmota:strip#1"), b: proven("tasmota:strip#2")},
		{name: "two plugs", a: proven("tasmota:one"), b: proven("tasmota:two")},
		{name: "no plug", a: bridge.PowerConfig{}},
		{name: "topics of their own", a: bridge.PowerConfig{Plug: "relay"}},
		{name: "one relay by two names", a: proven("tasmota:strip"), b: proven("tasmota:strip#1"), same: true, wrong: "described the same way"},
		{name: "another payload", a: proven("tasmota:strip"), same: true, different: func(c *bridge.PowerConfig) { c.PlugForm.CommandOn = "1" }, wrong: "described the same way"},
		{name: "another cut", a: proven("tasmota:strip"), same: true, different: func(c *bridge.PowerConfig) { c.Cut = "never" }, wrong: "must be the same"},
		{name: "a presumption", a: bridge.PowerConfig{Plug: "zigbee2mqtt:strip", Cut: "presumed"}, same: true, wrong: "can't be presumed"},
		{name: "a presumption of one", a: proven("zigbee2mqtt:strip"), same: true, different: func(c *bridge.PowerConfig) { c.Cut = "presumed" }, wrong: "can't be presumed"},
		{name: "fewer watts", a: proven("shelly1:strip"), same: true, different: func(c *bridge.PowerConfig) { c.OffWatts = 1 }},
		{name: "more watts", a: proven("shelly1:strip"), same: true, different: func(c *bridge.PowerConfig) { c.OffWatts = 1.1 }, wrong: "may be 1 at most"},
	} {
		if row.b == (bridge.PowerConfig{}) {
			row.b = row.a
		}
		if row.different != nil {
			row.different(&row.b)
		}
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}, "shed": {}})
		w.config.Recorders[0].Power, w.config.Recorders[1].Power = row.a, row.b
		if same := row.a.SamePlug(row.b); same != row.same {
			t.Errorf("%s: one plug %v", row.name, same)
		}
		_, err := bridge.New(w.config)
		if row.wrong == "" && err != nil || row.wrong != "" && (err == nil || !strings.Contains(err.Error(), row.wrong)) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
