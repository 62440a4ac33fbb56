package bridge_test

import (
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

// darkHome is a home whose mains a topic tells of. Its recorder halts at 0.4 W, and
// an outage needs no drill.
func darkHome(t *testing.T, s homeSetup, mains func(*home), test func(*testing.T, *home)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHomeAs(t, s, func(h *home) {
			h.config.Mains = bridge.MainsConfig{Topic: "home/mains", Present: "on", Lost: "off"}
			h.config.Recorders[0].Power.AnyOutage = true
			h.mains("on")
			if mains != nil {
				mains(h)
			}
		})
		test(t, h)
	})
}

// mains is what the home's power-outage sensor says.
func (h *home) mains(payload string) { h.broker.Publish("home/mains", []byte(payload), true) }

// site is a value of the bridge's device.
func (h *home) site(key string) string { return h.value("hikbridge/bridge/" + key) }

func TestAnOutageShutsDownAndComesBack(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		h.checkTable()
		h.expect("before", map[string]string{"hikbridge/bridge/mains": "ON", "hikbridge/bridge/mains_source_problem": "OFF",
			"hikbridge/bridge/automatic_shutdown": "ON", "hikbridge/bridge/shutdown_planned_for": "None", "hikbridge/bridge/last_outage": "None"})
		lost := time.Now()
		h.mains("off")
		time.Sleep(time.Minute)
		h.expect("in it", map[string]string{"hikbridge/bridge/mains": "OFF",
			"hikbridge/bridge/shutdown_planned_for": lost.Add(5 * time.Minute).Format(time.RFC3339)})
		h.reaches("off", 10*time.Minute)
		puts := h.puts()
		if len(puts) != 1 {
			t.Fatalf("requests: %+v", puts)
		}
		if after := puts[0].At.Sub(lost); after < 5*time.Minute+5*time.Second || after > 5*time.Minute+6*time.Second {
			t.Errorf("it was asked after %v", after)
		}
		h.says("status", h.status(), "switched on again once mains is stable")
		time.Sleep(time.Hour)
		back := time.Now()
		h.mains("on")
		h.reaches("running", 10*time.Minute)
		if ons := h.plug.Ons(); len(ons) != 1 || ons[0].At.Sub(back) < 2*time.Minute || ons[0].At.Sub(back) > 2*time.Minute+time.Second {
			t.Errorf("switched on %+v, mains back at %v", ons, back)
		}
		h.went(toConfirming + " safe cutting off powering_on booting running")
		if stops := h.recorder.Stops(); len(stops) != 1 || !stops[0].Clean {
			t.Errorf("stops: %+v", stops)
		}
		if got := h.site("last_outage"); got != lost.Format(time.RFC3339) {
			t.Errorf("last outage: %s", got)
		}
		a := h.action()
		if a.Action != "outage" || a.Ended.IsZero() || a.Proof != "power" || a.Outcome != "done" || a.Verdict != "normal" || len(a.Verification) == 0 {
			t.Errorf("log book: %+v", a)
		}
		why := "mains lost since " + lost.Format("15:04:05") + ", as home/mains said; on battery for 5 min"
		if a.Reason != why || a.Message != "the recorder runs again: normal" {
			t.Errorf("reason %q, message %q", a.Reason, a.Message)
		}
		h.says("attributes", h.value("hikbridge/garage/last_power_action/attributes"), why, "the recorder runs again: normal")
	})
}

func TestTheLogBookTellsHowAnOutageEnded(t *testing.T) {
	for _, row := range []struct {
		name  string
		halt  nvrtest.Halt
		does  func(*home)
		wants []string // action, outcome and verdict
	}{
		{"mains came back in the countdown", nvrtest.Halt{}, func(h *home) {
			h.nut.Status("OL")
		}, []string{"outage cancelled mains_back"}},
		{"a person cancelled it", nvrtest.Halt{}, func(h *home) {
			h.press("cancel")
		}, []string{"outage cancelled cancelled"}},
		{"it stays on, and is asked twice more", nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}}, func(h *home) {
			h.reaches("attention", 10*time.Minute)
		}, []string{"outage failed still_on", "outage failed still_on"}},
		{"this program restarts before the request, and asks again", nvrtest.Halt{}, func(h *home) {
			h.stop()
			h.start()
		}, []string{"outage failed restart", "outage  "}},
	} {
		t.Run(row.name, func(t *testing.T) {
			darkHome(t, homeSetup{recorder: nvrtest.Config{Halt: row.halt}}, func(h *home) {
				h.nut = h.battery()
				h.config.Recorders[0].Power.AnyOutage = true
			}, func(t *testing.T, h *home) {
				h.nut.Status("OB")
				h.nut.Charge(50)
				h.reaches("counting_down", time.Minute)
				row.does(h)
				time.Sleep(time.Minute)
				h.logs(row.wants...)
				if a := h.action(); !strings.HasSuffix(a.Reason, ", as UPS ups said; 50 % charge") {
					t.Errorf("reason: %s", a.Reason)
				}
			})
		})
	}
}

// logs expects actions in the log book: each with outcome and verdict.
func (h *home) logs(want ...string) {
	h.t.Helper()
	actions, err := bridge.LogBook(h.config.StateDir, "garage")
	var got []string
	for _, a := range actions {
		got = append(got, a.Action+" "+a.Outcome+" "+a.Verdict)
	}
	if err != nil || !slices.Equal(got, want) {
		h.t.Errorf("log book: %q, not %q: %v", got, want, err)
	}
}

func TestAnOutageThatTakesACommandOverIsTwoActionsInTheLogBook(t *testing.T) {
	darkHome(t, homeSetup{}, func(h *home) { h.nut = h.battery() }, func(t *testing.T, h *home) {
		h.nut.Status("OB LB")
		time.Sleep(5 * time.Second)
		h.press("shutdown", "right")
		h.reaches("off", 10*time.Minute)
		h.logs("shutdown cancelled outage", "outage  ")
		h.nut.Status("OL")
		h.nut.Charge(25)
		h.reaches("running", 20*time.Minute)
		h.logs("shutdown cancelled outage", "outage done normal")
		if a := h.action(); !strings.HasSuffix(a.Reason, ", as UPS ups said; low battery") {
			t.Errorf("reason: %s", a.Reason)
		}
	})
}

func TestAnOutageThatEndsInTimeChangesNothing(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		for _, row := range []struct{ off, on time.Duration }{
			{9 * time.Second, time.Minute},              // no outage at all
			{4*time.Minute + 50*time.Second, time.Hour}, // no shutdown yet
			{4 * time.Minute, 31 * time.Second},         // and the next one begins anew
			{4 * time.Minute, time.Hour},
			{5*time.Minute + 3*time.Second, time.Hour}, // in the countdown
		} {
			h.mains("off")
			time.Sleep(row.off)
			h.mains("on")
			time.Sleep(row.on)
		}
		if n := len(h.puts()); n != 0 || h.state() != "running" {
			t.Errorf("%d requests, %s", n, h.state())
		}
		h.went("running checking counting_down running")
	})
}

func TestAFlickeringMainsIsOneOutage(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		began := time.Now()
		for len(h.puts()) == 0 && time.Since(began) < time.Hour {
			h.mains("off")
			time.Sleep(40 * time.Second)
			h.mains("on")
			time.Sleep(20 * time.Second)
		}
		if took := time.Since(began); took < 5*time.Minute || took > 8*time.Minute {
			t.Errorf("it was asked after %v", took)
		}
		h.mains("off")
		h.reaches("off", 10*time.Minute)
	})
}

func TestAnOutageWithoutADrillWaitsForALowBattery(t *testing.T) {
	darkHome(t, homeSetup{}, func(h *home) {
		nut := h.battery()
		h.config.Recorders[0].Power.AnyOutage = false
		h.nut = nut
	}, func(t *testing.T, h *home) {
		h.nut.Status("OB DISCHRG")
		time.Sleep(20 * time.Minute)
		h.says("status", h.status(), "No drill was passed", "At low battery it is shut down all the same")
		if n := len(h.puts()); n != 0 {
			t.Fatalf("%d requests", n)
		}
		h.nut.Status("OB DISCHRG LB")
		low := time.Now()
		h.reaches("off", 10*time.Minute)
		if after := h.puts()[0].At.Sub(low); after > 2*time.Second {
			t.Errorf("it was asked %v after the battery was low", after)
		}
		h.nut.Status("OL CHRG")
		h.nut.Charge(10)
		time.Sleep(20 * time.Minute)
		if h.state() != "off" {
			t.Errorf("at 10 %% charge: %s", h.state())
		}
		h.nut.Charge(25)
		h.reaches("running", 5*time.Minute)
	})
}

// battery is a UPS at a NUT server, instead of the topic.
func (h *home) battery() *bridgetest.NUT {
	nut := bridgetest.NewNUT(bridgetest.NUTConfig{})
	h.t.Cleanup(nut.Close)
	h.config.Mains = bridge.MainsConfig{UPS: "ups", Server: "192.0.2.5", Dial: nut.Dial}
	return nut
}

func TestTheUPSTellsWhenItIsTime(t *testing.T) {
	for _, row := range []struct {
		name  string
		tells func(*bridgetest.NUT)
		asks  bool // within a minute
	}{
		{"on battery", func(n *bridgetest.NUT) { n.Status("OB") }, false},
		{"half charged", func(n *bridgetest.NUT) { n.Status("OB"); n.Charge(50) }, true},
		{"more", func(n *bridgetest.NUT) { n.Status("OB"); n.Charge(51) }, false},
		{"6 minutes", func(n *bridgetest.NUT) { n.Status("OB"); n.Runtime(6 * time.Minute) }, true},
		{"more", func(n *bridgetest.NUT) { n.Status("OB"); n.Runtime(8 * time.Minute) }, false},
		{"low", func(n *bridgetest.NUT) { n.Status("LB OB") }, true},
		{"a forced shutdown", func(n *bridgetest.NUT) { n.Status("FSD OB") }, true},
		{"a forced shutdown, with mains", func(n *bridgetest.NUT) { n.Status("OL FSD") }, true},
		{"low, and mains there", func(n *bridgetest.NUT) { n.Status("OL LB"); n.Charge(5) }, false},
		{"calibrating", func(n *bridgetest.NUT) { n.Status("OB CAL"); n.Charge(5) }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			darkHome(t, homeSetup{}, func(h *home) {
				h.nut = h.battery()
				h.config.Recorders[0].Power.AnyOutage = true
			}, func(t *testing.T, h *home) {
				row.tells(h.nut)
				time.Sleep(time.Minute)
				if asked := len(h.puts()) > 0; asked != row.asks {
					t.Errorf("asked: %v, %s", asked, h.status())
				}
			})
		})
	}
}

func TestTheTimeOnBatterySurvivesARestart(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		lost := time.Now()
		h.mains("off")
		time.Sleep(3 * time.Minute)
		h.stop()
		time.Sleep(time.Minute)
		h.start()
		time.Sleep(10 * time.Second)
		h.mains("off") // what the broker has retained may be old
		h.reaches("off", 10*time.Minute)
		if after := h.puts()[0].At.Sub(lost); after < 5*time.Minute || after > 5*time.Minute+20*time.Second {
			t.Errorf("it was asked after %v", after)
		}
	})
}

func TestABrokerThatIsGoneForTheWholeOutage(t *testing.T) {
	darkHome(t, homeSetup{}, func(h *home) {
		h.nut = h.battery()
		h.config.Recorders[0].Power.AnyOutage = true
	}, func(t *testing.T, h *home) {
		h.nut.Set("battery.runtime", "") // not told
		h.broker.Down()
		lost := time.Now()
		h.nut.Status("OB")
		time.Sleep(20 * time.Minute)
		// It waits for the plug, which the broker hides, as long as it can.
		if puts := h.puts(); len(puts) != 1 || puts[0].At.Sub(lost) > 9*time.Minute {
			t.Errorf("requests: %+v", puts)
		}
		if n := len(h.plug.Offs()); n != 0 {
			t.Errorf("%d OFFs without a broker", n)
		}
		h.nut.Status("OL")
		time.Sleep(10 * time.Minute)
		h.broker.Up()
		time.Sleep(10 * time.Second)
		if h.state() != "attention" { // nothing was read for too long
			t.Errorf("at first: %s", h.state())
		}
		h.reaches("running", 10*time.Minute)
		if offs, ons := h.plug.Offs(), h.plug.Ons(); len(offs) != 1 || len(ons) != 1 {
			t.Errorf("switched off %+v, on %+v", offs, ons)
		}
		if stops := h.recorder.Stops(); len(stops) != 1 || !stops[0].Clean {
			t.Errorf("stops: %+v", stops)
		}
	})
}

func TestASourceThatFallsSilent(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		h.mains("unavailable")
		time.Sleep(30 * time.Minute)
		h.expect("silent on mains", map[string]string{"hikbridge/bridge/mains_source_problem": "ON"})
		h.says("problem", h.site("mains_source_problem/attributes"), "home/mains is silent")
		if n := len(h.puts()); n != 0 {
			t.Errorf("%d requests", n)
		}
		h.mains("on")
		time.Sleep(time.Minute)
		h.expect("heard again", map[string]string{"hikbridge/bridge/mains_source_problem": "OFF"})
		h.mains("off")
		time.Sleep(20 * time.Second)
		h.mains("unavailable")
		h.reaches("off", 10*time.Minute)
		time.Sleep(30 * time.Minute)
		h.says("needs", h.site("needs_attention/attributes"), "home/mains is silent")
		h.reaches("running", 3*time.Hour)
	})
}

func TestTheAutomaticShutdownIsSwitchedOff(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		h.toggle("OFF")
		h.expect("off", map[string]string{"hikbridge/bridge/automatic_shutdown": "OFF"})
		h.stop()
		h.start()
		h.mains("off")
		time.Sleep(20 * time.Minute)
		h.expect("kept", map[string]string{"hikbridge/bridge/automatic_shutdown": "OFF", "hikbridge/bridge/shutdown_planned_for": "None"})
		if n := len(h.puts()); n != 0 {
			t.Errorf("%d requests", n)
		}
		h.toggle("ON")
		h.reaches("off", 10*time.Minute)
		if got := h.results("site"); got != "accepted done accepted done" {
			t.Errorf("results: %s", got)
		}
	})
}

// spoken is a home whose source speaks on changes alone, nothing of it is retained,
// and its last word was that mains is gone.
func spoken(t *testing.T, test func(*testing.T, *home)) {
	t.Helper()
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		h.mains("")
		h.broker.Publish("home/mains", []byte("on"), false)
		time.Sleep(time.Minute)
		h.broker.Publish("home/mains", []byte("off"), false)
		h.reaches("off", 10*time.Minute)
		test(t, h)
	})
}

// restarts is a broker's.
func (h *home) restarts() {
	h.broker.Down()
	time.Sleep(30 * time.Second)
	h.broker.Up()
}

func TestABrokerThatComesAndGoesDoesntHideASilentSource(t *testing.T) {
	spoken(t, func(t *testing.T, h *home) {
		for range 13 {
			h.restarts()
			time.Sleep(10 * time.Minute)
		}
		h.reaches("running", 10*time.Minute) // after two hours mains is taken to be there
	})
}

func TestAWordFromBeforeABrokersRestartBeginsNoOutage(t *testing.T) {
	spoken(t, func(t *testing.T, h *home) {
		h.restarts()
		h.reaches("running", 3*time.Hour)
		h.restarts()
		time.Sleep(30 * time.Minute)
		if n := len(h.puts()); n != 1 || h.state() != "running" {
			t.Errorf("%d requests, %s; %s", n, h.state(), h.site("mains/attributes"))
		}
		h.broker.Publish("home/mains", []byte("off"), false)
		h.reaches("off", 10*time.Minute)
	})
}

// toggle is the switch in Home Assistant.
func (h *home) toggle(state string) {
	h.presses++
	payload := fmt.Sprintf(`{"id":"toggle-%d","at":%d,"by":"owner","state":"%s"}`, h.presses, time.Now().Unix(), state)
	h.broker.Publish("hikbridge/command/site/automatic_shutdown", []byte(payload), false)
	time.Sleep(time.Second)
}

func TestRecordersAreAskedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shed *home
		h := newHomeAs(t, homeSetup{}, func(h *home) {
			shed = h.second("shed")
			h.config.Mains = bridge.MainsConfig{Topic: "home/mains", Present: "on", Lost: "off", Parallel: 1}
			for i := range h.config.Recorders {
				h.config.Recorders[i].Power.AnyOutage = true
			}
			h.mains("on")
		})
		h.recorder.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}})
		h.mains("off")
		time.Sleep(20 * time.Minute)
		first, second := h.puts(), shed.puts()
		if len(first) != 4 || len(second) != 1 { // the first stays on, and may be asked four times in an outage
			t.Fatalf("requests: %+v, %+v", first, second)
		}
		if gap := second[0].At.Sub(first[0].At); gap < 30*time.Second || gap > 4*time.Minute {
			t.Errorf("the second was asked %v after the first, which stays on", gap)
		}
		h.mains("on")
		time.Sleep(10 * time.Minute)
		h.expect("at last", map[string]string{"hikbridge/garage/power_state": "attention", "hikbridge/shed/power_state": "running"})
	})
}

// asksSite gives a command to the site as Home Assistant's buttons do, and returns its id.
func (h *home) asksSite(action string) string {
	h.presses++
	id := fmt.Sprintf("site-%d", h.presses)
	h.broker.Publish("hikbridge/command/site/"+action, fmt.Appendf(nil, `{"id":"%s","at":%d,"by":"owner"}`, id, time.Now().Unix()), false)
	return id
}

func TestATestOfAnOutageSaysWhatWouldHappen(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*home) // before the bridge starts
		then   func(*home) // afterwards
		result string
		last   string // on the site's topic
		says   string
	}{
		{"ready", nil, nil, "passed", "done", "an outage would shut it down"},
		{"mains is told with it", nil, nil, "passed", "done", "mains is there"},
		{"no drill was passed", func(h *home) { h.config.Recorders[0].Power.AnyOutage = false }, nil, "failed", "failed:not_ready",
			"an outage would wait for a low battery: No drill was passed"},
		{"switched off", nil, func(h *home) { h.toggle("OFF") }, "failed", "failed:not_ready", "the automatic shutdown is switched off"},
		{"a silent source", nil, func(h *home) { h.mains("unavailable"); time.Sleep(2 * time.Minute) }, "failed", "failed:not_ready", "home/mains is silent"},
		{"no source", nil, func(h *home) { h.mains(""); h.stop(); h.start(); time.Sleep(20 * time.Second) }, "failed", "failed:not_ready", "no source has said yet"},
		{"the recorder doesn't answer", nil, func(h *home) { h.recorder.Unplug(); time.Sleep(5 * time.Minute) }, "failed", "failed:not_ready", "the recorder doesn't answer"},
		{"something is under way", nil, func(h *home) { h.press("shutdown"); time.Sleep(time.Minute) }, "failed", "failed:not_ready", "a shutdown is under way"},
	} {
		t.Run(row.name, func(t *testing.T) {
			darkHome(t, homeSetup{}, row.change, func(t *testing.T, h *home) {
				if row.then != nil {
					row.then(h)
				}
				puts := len(h.puts())
				h.asksSite("test_outage")
				time.Sleep(time.Minute)
				h.expect("afterwards", map[string]string{"hikbridge/bridge/outage_test": row.result})
				h.says("attributes", h.site("outage_test/attributes"), row.says)
				if n := len(h.puts()); n != puts {
					t.Errorf("%d requests", n-puts)
				}
				if got := h.results("site"); !strings.HasSuffix(got, "accepted "+row.last) {
					t.Errorf("results: %s", got)
				}
			})
		})
	}
}

func TestATestOfAnOutageGoesThroughTheCountdown(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		h.asksSite("test_outage")
		time.Sleep(time.Second)
		h.expect("in it", map[string]string{"hikbridge/bridge/outage_test": "running", "hikbridge/garage/power_state": "counting_down"})
		h.says("status", h.status(), "Nothing is asked of the recorder")
		h.asksSite("test_outage")
		time.Sleep(time.Minute)
		h.went("running checking counting_down running")
		if got := h.results("site"); got != "accepted accepted failed:busy done" {
			t.Errorf("results: %s", got)
		}
	})
}

func TestADiskThatHangsHoldsNoOutageUp(t *testing.T) {
	darkHome(t, homeSetup{made: func(b *bridge.Bridge) {
		b.SlowOutageJournal(func([]byte) { time.Sleep(time.Hour) })
	}}, nil, func(t *testing.T, h *home) {
		lost := time.Now()
		h.mains("off")
		h.reaches("off", 10*time.Minute)
		if after := h.puts()[0].At.Sub(lost); after > 5*time.Minute+15*time.Second {
			t.Errorf("it was asked after %v", after)
		}
		h.mains("on")
		h.reaches("running", 10*time.Minute)
		time.Sleep(2 * time.Hour)
	})
}

func TestThePlugOfARecorderIsNoSourceOfMains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		h.stop()
		h.config.Mains = bridge.MainsConfig{Topic: "stat/garage_plug/POWER", Present: "on", Lost: "off"}
		h.config.StateDir = t.TempDir()
		if _, err := bridge.New(h.config); err == nil || !strings.Contains(err.Error(), "would look like an outage") {
			t.Errorf("%v", err)
		}
	})
}

func TestMainsThatIsNotKnownIsSaid(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		h.mains("unavailable")
		time.Sleep(2 * time.Minute)
		h.expect("silent", map[string]string{"hikbridge/bridge/mains": "None"})
		h.says("status", h.site("mains/attributes"), "It isn't known whether mains is there.")
		h.says("log", fmt.Sprint(h.log), `msg="sources of mains" reason="home/mains is silent"`)
		h.mains("on")
		time.Sleep(time.Second)
		h.says("log", fmt.Sprint(h.log), "all of them are well again")
	})
}

func TestWhomAnOutageHasShutDown(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		lost := time.Now()
		h.mains("off")
		h.reaches("off", 10*time.Minute)
		h.says("in it", h.site("last_outage/attributes"), `"shut_down":{"garage":"off"}`)
		h.mains("on")
		h.reaches("running", 10*time.Minute)
		h.press("reboot") // not the outage's any more
		time.Sleep(20 * time.Second)
		ended := h.site("last_outage/attributes")
		h.says("afterwards", ended, `"shut_down":{"garage":"running"}`, `"minutes":`, `"ended":"`)
		h.stop()
		h.start()
		time.Sleep(10 * time.Second)
		h.expect("after a restart", map[string]string{"hikbridge/bridge/last_outage": lost.Format(time.RFC3339), "hikbridge/bridge/last_outage/attributes": ended})
	})
}

func TestAnOldConnectionsEndDoesNotSilenceANewWord(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		for range 20 {
			h.broker.Down()
			h.broker.Up()
			time.Sleep(20 * time.Second)
		}
		time.Sleep(3 * time.Minute)
		h.expect("heard again", map[string]string{"hikbridge/bridge/mains": "ON", "hikbridge/bridge/mains_source_problem": "OFF"})
	})
}
