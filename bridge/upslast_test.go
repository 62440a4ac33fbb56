package bridge_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

const nutPW = "canary-nut-4Kd"

// lastly is a home of two recorders whose plugs are only read, on a UPS that is told to
// switch off last.
type lastly struct {
	*home
	shed *home
}

func upsLast(t *testing.T, made func(*bridge.Bridge), before func(*lastly, *bridgetest.NUTConfig), test func(*testing.T, *lastly)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := &lastly{}
		x.home = newHomeAs(t, homeSetup{made: made, power: keepsOn}, func(h *home) {
			x.home, x.shed = h, h.second("shed")
			c := bridgetest.NUTConfig{User: "hikbridge", Password: nutPW}
			h.config.Mains = bridge.MainsConfig{UPS: "ups", Server: "192.0.2.5", Username: "hikbridge", Password: nutPW, Command: "shutdown.return"}
			if before != nil {
				before(x, &c)
			}
			h.nut = bridgetest.NewNUT(c)
			t.Cleanup(h.nut.Close)
			h.config.Mains.Dial = h.nut.Dial
			for i := range h.config.Recorders {
				h.config.Recorders[i].Power.AnyOutage, h.config.Recorders[i].Power.Cut = true, "never"
			}
		})
		test(t, x)
	})
}

// dark lets mains go, with little charge.
func (x *lastly) dark() {
	x.nut.Status("OB")
	x.nut.Charge(40)
}

// commands holds those that arrived against a number.
func (x *lastly) commands(when string, n int) {
	x.t.Helper()
	if got := x.nut.Commands(); len(got) != n {
		x.t.Errorf("%s: %d commands, not %d: %+v\n%s", when, len(got), n, got, x.tail())
	}
}

// feedAll is what the UPS does to both.
func (x *lastly) feedAll(on bool) { x.home.feed(on); x.shed.feed(on) }

// waits for something.
func (x *lastly) waits(what string, within time.Duration, is func() bool) {
	x.t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatalf("no %s; %s\n%s", what, x.states(), x.tail())
		}
	}
}

func TestTheUPSIsSwitchedOffLast(t *testing.T) {
	upsLast(t, nil, nil, func(t *testing.T, x *lastly) {
		x.expect("before", map[string]string{"hikbridge/bridge/mains_source_problem": "OFF"})
		x.dark()
		x.waits("command", 10*time.Minute, func() bool { return len(x.nut.Commands()) > 0 })
		x.expect("when it is told", map[string]string{"hikbridge/garage/power_state": "safe", "hikbridge/shed/power_state": "safe"})
		if c := x.nut.Commands()[0]; c.Command != "shutdown.return" || c.Argument != "" || !c.Taken {
			t.Errorf("%+v", c)
		}
		time.Sleep(20 * time.Second) // its delay
		x.feedAll(false)
		time.Sleep(20 * time.Minute)
		x.commands("at the end of the outage", 1)
		x.feedAll(true)
		x.nut.Status("OL")
		x.at("garage", "running", 10*time.Minute)
		x.at("shed", "running", time.Minute)
		if strings.Contains(x.states(), "attention") {
			t.Errorf("states: %s", x.states())
		}
		x.commands("at last", 1)
		x.expect("at last", map[string]string{"hikbridge/bridge/mains_source_problem": "OFF"})
		x.needs()
	})
}

func TestOneThatReturnsAfterTheUPSWasToldDidntComeBackByItself(t *testing.T) {
	upsLast(t, nil, nil, func(t *testing.T, x *lastly) {
		x.dark()
		x.waits("command", 10*time.Minute, func() bool { return len(x.nut.Commands()) > 0 })
		time.Sleep(time.Second)
		x.comesAlive()
		x.at("garage", "booting", 5*time.Second)
		if got := x.states(); !strings.HasSuffix(got, "safe booting") {
			t.Errorf("states: %s", got)
		}
	})
}

// shutdown.return is carried out also if mains is back before its delay is over.
func TestMainsThatIsBackBeforeTheUPSSwitchesOff(t *testing.T) {
	upsLast(t, nil, nil, func(t *testing.T, x *lastly) {
		x.dark()
		x.waits("command", 10*time.Minute, func() bool { return len(x.nut.Commands()) > 0 })
		x.nut.Status("OL")
		time.Sleep(time.Minute)
		x.feedAll(false)
		time.Sleep(15 * time.Second)
		x.feedAll(true)
		x.at("garage", "running", 10*time.Minute)
		x.at("shed", "running", time.Minute)
		if got := x.states(); strings.Contains(got, "attention") || !strings.HasSuffix(got, "booting running") {
			t.Errorf("states: %s", got)
		}
		x.commands("once", 1)
	})
}

func TestOneUnprovenRecorderKeepsTheUPS(t *testing.T) {
	upsLast(t, nil, func(x *lastly, _ *bridgetest.NUTConfig) {
		x.shed.recorder.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}})
	}, func(t *testing.T, x *lastly) {
		x.dark()
		x.at("garage", "safe", 10*time.Minute)
		time.Sleep(time.Hour)
		x.commands("with one that stays on", 0)
	})
	upsLast(t, nil, func(x *lastly, _ *bridgetest.NUTConfig) {
		x.shed.recorder.SetWatts(nvrtest.Watts{Halted: 9}) // presumed off, and no more
	}, func(t *testing.T, x *lastly) {
		x.dark()
		x.at("shed", "presumed_off", 10*time.Minute)
		x.at("garage", "safe", time.Minute)
		time.Sleep(30 * time.Minute)
		x.commands("with one that is presumed off", 0)
		x.says("status", x.value("hikbridge/bridge/mains/attributes"), "The UPS stays on for what isn't proven off: shed.")
	})
}

// Nobody waits for a disk to learn of life.
func TestLifeJustBeforeTheCommandKeepsTheUPS(t *testing.T) {
	made := func(b *bridge.Bridge) {
		b.SlowJournal("shed", func(record []byte) {
			if strings.Contains(string(record), "alive, and its UPS was told") {
				time.Sleep(20 * time.Second)
			}
		})
	}
	upsLast(t, made, nil, func(t *testing.T, x *lastly) {
		x.dark()
		x.at("garage", "confirming", 10*time.Minute)
		x.nut.Late(3 * time.Second)
		tracking := func() bool {
			all := x.nut.Requests()
			return strings.HasPrefix(all[len(all)-1].Line, "SET TRACKING") || strings.HasPrefix(all[max(0, len(all)-2)].Line, "SET TRACKING")
		}
		x.waits("question before the command", 10*time.Minute, tracking)
		x.shed.comesAlive()
		time.Sleep(10 * time.Second)
		x.nut.Late(0)
		time.Sleep(30 * time.Minute)
		x.commands("one lives", 0)
		x.expect("that isn't the UPS's fault", map[string]string{"hikbridge/bridge/mains_source_problem": "OFF"})
		x.at("shed", "attention", time.Second)
	})
}

func TestMainsThatIsBackJustBeforeTheCommand(t *testing.T) {
	both := func(x *lastly, _ *bridgetest.NUTConfig) {
		m := &x.config.Mains
		m.Topic, m.Present, m.Lost, m.All = "home/mains", "on", "off", true
		x.mains("on")
	}
	upsLast(t, nil, both, func(t *testing.T, x *lastly) {
		x.dark()
		x.mains("off")
		x.at("garage", "confirming", 10*time.Minute)
		x.nut.Late(1500 * time.Millisecond)
		x.waits("sign-in for the command", 10*time.Minute, func() bool {
			all := x.nut.Requests()
			return x.state() == "safe" && strings.HasPrefix(all[len(all)-1].Line, "USERNAME")
		})
		x.mains("on")
		time.Sleep(30 * time.Minute)
		x.commands("mains is back", 0)
	})
}

func TestARestartBeforeTheOutcomeProvesAllAgain(t *testing.T) {
	upsLast(t, nil, nil, func(t *testing.T, x *lastly) {
		x.nut.Fault(bridgetest.NUTSilent, "INSTCMD")
		x.dark()
		x.waits("command", 10*time.Minute, func() bool { return len(x.nut.Commands()) > 0 })
		x.stop() // nobody knows what came of it
		x.nut.Fault(bridgetest.NUTHealthy, "")
		began := time.Now()
		x.start()
		x.waits("second command", 10*time.Minute, func() bool { return len(x.nut.Commands()) > 1 })
		if after := x.nut.Commands()[1].At.Sub(began); after < 45*time.Second { // a proof, and it held
			t.Errorf("told again after %v", after)
		}
		time.Sleep(20 * time.Second)
		x.stop() // its power is gone as well
		x.feedAll(false)
		time.Sleep(10 * time.Minute)
		x.nut.Status("OL")
		x.feedAll(true)
		time.Sleep(30 * time.Second)
		x.start()
		x.at("garage", "running", 15*time.Minute)
		x.commands("at last", 2)
		actions, err := bridge.LogBook(x.config.StateDir, "garage")
		if last := actions[len(actions)-1]; err != nil || last.Action != "outage" || strings.Contains(x.states(), "attention") || last.Verdict == "came_back" {
			t.Errorf("%+v, %v; states: %s", last, err, x.states())
		}
	})
}

func TestAWrongPasswordIsTold(t *testing.T) {
	upsLast(t, nil, func(_ *lastly, c *bridgetest.NUTConfig) { c.Password = "another" }, func(t *testing.T, x *lastly) {
		x.expect("nothing shows it before", map[string]string{"hikbridge/bridge/mains_source_problem": "OFF"})
		x.dark()
		x.at("garage", "safe", 10*time.Minute)
		time.Sleep(time.Hour)
		x.commands("three tries", 3)
		all := x.nut.Commands()
		for i, c := range all {
			if c.Taken || i > 0 && c.At.Sub(all[i-1].At) < 4*time.Minute {
				t.Errorf("%+v", all)
			}
		}
		x.says("problem", x.site("mains_source_problem/attributes"), "the UPS wasn't told to switch off: shutdown.return is refused", "compare user, password and instcmds")
		x.says("needs", x.site("needs_attention/attributes"), "the UPS wasn't told to switch off")
		// A recorder that returns now came back by itself.
		x.comesAlive()
		x.at("garage", "attention", 10*time.Second)
		x.home.needs("came_back")
	})
}

func TestACommandThatTheUPSDoesntHaveIsToldAtTheStart(t *testing.T) {
	for _, row := range []struct {
		has  []string
		says string
	}{
		{[]string{"beeper.mute", "load.off", "shutdown.stayoff"}, "the UPS has no command shutdown.return; it has load.off, shutdown.stayoff"},
		{[]string{"beeper.mute"}, "the UPS has no command shutdown.return; it has none that switches its output"},
	} {
		upsLast(t, nil, func(_ *lastly, c *bridgetest.NUTConfig) { c.Commands = row.has }, func(t *testing.T, x *lastly) {
			x.expect("at the start", map[string]string{"hikbridge/bridge/mains_source_problem": "ON"})
			x.says("problem", x.site("mains_source_problem/attributes"), row.says)
		})
	}
	upsLast(t, nil, nil, func(t *testing.T, x *lastly) {
		x.stop()
		x.nut.Fault(bridgetest.NUTLoginRefused, "")
		x.start()
		time.Sleep(time.Minute)
		x.says("problem", x.site("mains_source_problem/attributes"), "login or access denied")
		x.nut.Fault(bridgetest.NUTHealthy, "")
		time.Sleep(2 * time.Minute)
		x.expect("set right", map[string]string{"hikbridge/bridge/mains_source_problem": "OFF"})
	})
	upsLast(t, nil, nil, func(t *testing.T, x *lastly) {
		x.stop()
		x.nut.Fault(bridgetest.NUTStarting, "LIST CMD")
		x.start()
		for range 120 {
			x.expect("its driver has only begun", map[string]string{"hikbridge/bridge/mains_source_problem": "OFF"})
			time.Sleep(time.Second)
			x.nut.Fault(bridgetest.NUTHealthy, "")
		}
	})
}

func TestWithoutARecordTheUPSIsToldNothing(t *testing.T) {
	upsLast(t, nil, func(x *lastly, _ *bridgetest.NUTConfig) {
		if err := os.Mkdir(filepath.Join(x.config.StateDir, "outage.journal"), 0o700); err != nil {
			t.Fatal(err)
		}
	}, func(t *testing.T, x *lastly) {
		x.dark()
		x.at("garage", "safe", 10*time.Minute)
		time.Sleep(time.Hour)
		x.commands("nothing can be written", 0)
		x.says("problem", x.site("mains_source_problem/attributes"), "the journal can't be written in time")
	})
	var waited atomic.Bool
	made := func(b *bridge.Bridge) {
		b.SlowOutageJournal(func(record []byte) {
			if strings.Contains(string(record), "intent: the UPS") && !waited.Swap(true) {
				time.Sleep(3 * time.Second)
			}
		})
	}
	upsLast(t, made, nil, func(t *testing.T, x *lastly) {
		x.dark()
		x.waits("slow record", 10*time.Minute, waited.Load)
		time.Sleep(10 * time.Second)
		x.commands("it was late", 0)
		time.Sleep(5 * time.Minute)
		x.commands("proven again", 1)
	})
}

func TestTheUPSIsToldWhereThePlugsWereCut(t *testing.T) {
	upsLast(t, nil, nil, func(t *testing.T, x *lastly) {
		x.stop()
		for i := range x.config.Recorders {
			x.config.Recorders[i].Power.Cut = "proven"
		}
		x.start()
		time.Sleep(12 * time.Minute)
		x.dark()
		x.waits("command", 10*time.Minute, func() bool { return len(x.nut.Commands()) > 0 })
		x.expect("when it is told", map[string]string{"hikbridge/garage/power_state": "off", "hikbridge/shed/power_state": "off"})
		x.commands("once", 1)
	})
}

func TestACommandNeedsAUPSAndAUser(t *testing.T) {
	for _, row := range []struct {
		mains bridge.MainsConfig
		fits  bool
	}{
		{bridge.MainsConfig{UPS: "ups", Server: "192.0.2.5", Username: "hikbridge", Password: nutPW, Command: "shutdown.return"}, true},
		{bridge.MainsConfig{UPS: "ups", Server: "192.0.2.5", Command: "shutdown.return"}, false},
		{bridge.MainsConfig{Topic: "home/mains", Command: "shutdown.return"}, false},
		{bridge.MainsConfig{Topic: "home/mains"}, true},
	} {
		if err := row.mains.Validate(); (err == nil) != row.fits {
			t.Errorf("%+v: %v", row.mains, err)
		}
	}
}
