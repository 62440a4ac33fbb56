package bridge_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

func keepsOn(p *bridge.PowerConfig) { p.Cut = "never" }

func preset(name string) func(*bridgetest.PlugConfig) {
	return func(c *bridgetest.PlugConfig) { c.Preset = name }
}

// second adds a recorder with a plug of its own to a home that hasn't started.
func (h *home) second(name string) *home {
	other := &home{world: h.world}
	h.add(name, nvrtest.Config{Boot: nvrtest.Boot{Down: 40 * time.Second, Silent: true, Errors: 15 * time.Second}, Watts: nvrtest.Watts{Halted: 0.4}})
	other.recorder = h.recorders[name]
	c := bridgetest.PlugConfig{Preset: "tasmota", Topic: name + "_plug", Meter: true, Load: other.recorder.Watts, OnSwitch: other.feed,
		User: "hikbridge", Password: brokerPW}
	other.plug = bridgetest.NewPlug(h.broker.Dial, c)
	h.t.Cleanup(other.plug.Close)
	h.config.Recorders[1].Power = bridge.PowerConfig{Plug: c.Preset + ":" + c.Topic, Cut: "proven"}
	return other
}

func TestFaultTwoRecordersWithTwoPlugsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shed *home
		h := newHomeAs(t, homeSetup{}, func(h *home) { shed = h.second("shed") })
		shed.recorder.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}})
		payload := []byte(`{"id":"x","at":946685520,"by":"owner","force":["right"]}`) // 00:12 of virtual time
		h.broker.Publish("hikbridge/command/garage/power_cycle", payload, false)
		h.broker.Publish("hikbridge/command/shed/power_cycle", payload, false)
		h.reaches("off", 6*time.Minute)
		if n := len(shed.plug.Offs()); n > 0 {
			t.Errorf("%d OFFs to the plug of the recorder that stays on", n)
		}
		h.reaches("running", 5*time.Minute)
		time.Sleep(3 * time.Minute)
		if got := h.value("hikbridge/shed/power_state"); got != "attention" {
			t.Errorf("shed: %s, results %s", got, h.results("shed"))
		}
		if got := h.results("garage") + ", " + h.results("shed"); got != "accepted done:normal, accepted failed:still_on" {
			t.Errorf("results: %s", got)
		}
		if len(h.plug.Offs()) != 1 || len(shed.plug.Offs()) > 0 || !shed.plug.Powered() {
			t.Errorf("OFFs: %v, %v", h.plug.Offs(), shed.plug.Offs())
		}
	})
}

func TestFaultThePlugIsOfflineUntilAfterTheHalt(t *testing.T) {
	for _, name := range []string{"tasmota", "shelly2", "zigbee2mqtt"} {
		t.Run(name, func(t *testing.T) {
			inHome(t, homeSetup{plug: preset(name)}, func(t *testing.T, h *home) {
				h.press("power_cycle", "right")
				h.reaches("confirming", time.Minute)
				h.plug.Away(true)
				h.reaches("presumed_off", 6*time.Minute)
				time.Sleep(2 * time.Minute)
				h.kept()
				h.plug.Away(false)
				back := time.Now()
				h.reaches("off", 3*time.Minute)
				if offs := h.plug.Offs(); len(offs) != 1 || offs[0].At.Sub(back) < 45*time.Second { // proof, and it held
					t.Errorf("back at %v, OFFs %+v", back, offs)
				}
				h.reaches("running", 5*time.Minute)
				h.went(toConfirming + " presumed_off safe cutting off powering_on booting running")
				h.ended("accepted done:normal")
			})
		})
	}
}

func TestFaultThePlugSaysOffAndItsMeterReadsALoad(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.plug.StuckRelay(true)
		h.press("power_cycle", "right")
		h.reaches("cutting", 6*time.Minute)
		h.recorder.SetWatts(nvrtest.Watts{Halted: 5}) // more than off-watts, so that it shows
		h.reaches("attention", 2*time.Minute)
		h.needs("cut_unconfirmed")
		h.says("status", h.status(), "isn't known whether the plug has switched off")
		time.Sleep(time.Minute)
		if n := len(h.plug.Offs()); n > 1 || strings.Contains(h.states(), " off ") {
			t.Errorf("%d OFFs; states: %s", n, h.states())
		}
		h.reaches("attention", 10*time.Minute) // its power is owed, and it was never without
		h.needs("boot_failed")
		h.plug.StuckRelay(false)
		h.plug.SwitchByHand(false) // somebody looks
		time.Sleep(20 * time.Second)
		h.plug.SwitchByHand(true)
		h.reaches("running", 5*time.Minute)
	})
	t.Run("and what can't be seen is found at the start", func(t *testing.T) {
		inHome(t, homeSetup{}, func(t *testing.T, h *home) {
			h.plug.StuckRelay(true)
			h.press("power_cycle", "right")
			h.reaches("booting", 6*time.Minute)
			h.reaches("attention", 25*time.Minute) // it was never without power, and stays halted
			h.needs("boot_failed")
			if n := len(h.plug.Offs()); n != 2 { // proven off after 10 minutes without an answer: once more
				t.Errorf("%d OFFs", n)
			}
			h.ended("accepted failed:boot_failed")
			if got := h.states(); strings.HasSuffix(got, "running") {
				t.Errorf("states: %s", got)
			}
		})
	})
}

func TestFaultThePlugDoesNotSwitchOn(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("off", 6*time.Minute)
		h.plug.Away(true)
		h.reaches("powering_on", time.Minute)
		h.needs()
		time.Sleep(3 * time.Minute)
		h.needs("plug")
		h.says("status", h.status(), "doesn't report that it is on after", "look at it")
		time.Sleep(30 * time.Minute)
		if got := h.state(); got != "powering_on" {
			t.Errorf("%s; states: %s", got, h.states())
		}
		h.plug.Away(false)
		h.reaches("running", 12*time.Minute) // tries go on, 5 min apart at most
		h.needs()
		h.ended("accepted done:normal")
	})
	t.Run("the relay says off again", func(t *testing.T) {
		inHome(t, homeSetup{}, func(t *testing.T, h *home) {
			h.press("power_cycle", "right")
			h.reaches("off", 6*time.Minute)
			h.plug.Late(48 * time.Hour) // it hears, and doesn't obey
			h.reaches("powering_on", time.Minute)
			time.Sleep(32 * time.Minute)
			ons := h.plug.Ons()
			if n := len(ons); n < 6 || n > 14 {
				t.Fatalf("%d ONs: %v", n, ons)
			}
			for i := 2; i < len(ons); i++ {
				before, after := ons[i-1].At.Sub(ons[i-2].At), ons[i].At.Sub(ons[i-1].At)
				if after < before-time.Second || after > 5*time.Minute+time.Second {
					t.Errorf("tries after %v and %v", before, after)
				}
			}
			h.needs("plug")
			h.plug.SwitchByHand(true)
			h.reaches("running", 5*time.Minute)
		})
	})
}

func TestFaultThePlugRestarts(t *testing.T) {
	for _, name := range []string{"tasmota", "shelly2", "zigbee2mqtt"} {
		t.Run("as before, while the recorder runs, "+name, func(t *testing.T) {
			inHome(t, homeSetup{plug: preset(name)}, func(t *testing.T, h *home) {
				h.plug.Restart()
				time.Sleep(5 * time.Minute)
				h.went("running")
				h.needs()
			})
		})
		t.Run("as before, while it is proven, "+name, func(t *testing.T) {
			inHome(t, homeSetup{plug: preset(name), power: keepsOn}, func(t *testing.T, h *home) {
				h.press("shutdown", "right")
				h.reaches("safe", 6*time.Minute)
				time.Sleep(time.Minute)
				began := time.Now()
				h.plug.Restart()
				h.plug.RestartBridge() // behind zigbee2mqtt nothing else shows it
				h.reaches("confirming", 30*time.Second)
				h.reaches("safe", 3*time.Minute)
				if again := time.Since(began); again < 45*time.Second {
					t.Errorf("proven again after %v", again)
				}
				if n := len(h.plug.Offs()); n > 0 {
					t.Errorf("%d OFFs", n)
				}
			})
		})
		t.Run("as before, while it is off, "+name, func(t *testing.T) {
			inHome(t, homeSetup{plug: preset(name)}, func(t *testing.T, h *home) {
				h.press("shutdown", "right")
				h.reaches("off", 6*time.Minute)
				h.plug.Restart()
				time.Sleep(10 * time.Minute)
				if got := h.state(); got != "off" || len(h.plug.Ons()) > 0 {
					t.Errorf("%s, ONs %v", got, h.plug.Ons())
				}
			})
		})
	}
	t.Run("off, while the recorder runs", func(t *testing.T) {
		inHome(t, homeSetup{}, func(t *testing.T, h *home) {
			h.plug.PowerOnDefault(bridgetest.DefaultOff)
			h.plug.Restart()
			h.reaches("attention", time.Minute)
			h.needs("power_lost")
			if n := len(h.plug.Ons()); n > 0 {
				t.Errorf("%d ONs", n)
			}
		})
	})
	t.Run("on, while it is off", func(t *testing.T) {
		inHome(t, homeSetup{}, func(t *testing.T, h *home) {
			h.press("shutdown", "right")
			h.reaches("off", 6*time.Minute)
			h.plug.PowerOnDefault(bridgetest.DefaultOn)
			h.plug.Restart()
			h.reaches("running", 5*time.Minute)
			if len(h.plug.Offs()) != 1 || len(h.plug.Ons()) != 0 {
				t.Errorf("OFFs %v, ONs %v", h.plug.Offs(), h.plug.Ons())
			}
			h.went(toConfirming + " safe cutting off booting running")
		})
	})
	t.Run("a default that leaves it off is found", func(t *testing.T) {
		inHome(t, homeSetup{}, func(t *testing.T, h *home) {
			h.plug.PowerOnDefault(bridgetest.DefaultOff)
			h.press("check")
			time.Sleep(20 * time.Second) // the plug's answer counts for the next one
			h.press("check")
			time.Sleep(20 * time.Second)
			if b := h.blocker("plug"); b.Severity != "soft" || !strings.Contains(b.Text, "stays off when power returns") || !strings.Contains(b.Evidence, "PowerOnState 0") {
				t.Errorf("%+v", b)
			}
		})
	})
}

func TestFaultSomebodySwitchesThePlugOffWhileItRecords(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.plug.SwitchByHand(false)
		h.reaches("attention", 10*time.Second)
		h.needs("power_lost")
		h.says("status", h.status(), "switched off, not by this bridge, before the recorder was proven off")
		time.Sleep(30 * time.Minute)
		if n := len(h.plug.Ons()); n > 0 {
			t.Errorf("%d ONs that nobody asked for", n)
		}
		h.press("shutdown", "right")
		time.Sleep(30 * time.Second)
		h.ended("refused:power_lost")
		if a := h.action(); a.Reason != "its plug read as off (state before: running)" || !a.Ended.IsZero() || a.Message != h.status() {
			t.Errorf("log book: %+v", a)
		}
		h.stop()
		h.start()
		time.Sleep(time.Minute)
		h.logs("power_lost failed power_lost")
		h.press("power_on")
		h.reaches("booting", time.Minute)
		h.reaches("running", 15*time.Minute)
		h.kept()
		h.needs()
		h.logs("power_lost done degraded")
		a := h.action()
		h.says("how it ended", a.Message, "its log tells of an unclean stop")
		if a.Ended.IsZero() || len(a.Verification) == 0 {
			t.Errorf("log book: %+v", a)
		}
		h.press("reboot", "right")
		h.reaches("running", 15*time.Minute)
		time.Sleep(time.Minute)
		h.reaches("running", 15*time.Minute)
		h.logs("power_lost done degraded", "reboot done normal")
	})
}

func TestFaultReadingsThatAreNone(t *testing.T) {
	for _, row := range []struct {
		name, preset string
		halted       float64
		lie          func(*bridgetest.Plug)
	}{
		{"they cease", "tasmota", 0.4, func(p *bridgetest.Plug) { p.MuteReadings(true) }},
		{"they cease behind zigbee2mqtt", "zigbee2mqtt", 0.4, func(p *bridgetest.Plug) { p.MuteReadings(true) }},
		{"they are those of before", "shelly2", 0.4, func(p *bridgetest.Plug) { p.Cached(true) }},
		{"one false zero", "tasmota", 9, func(p *bridgetest.Plug) { p.FalseZero(true); p.ReportOther(); p.FalseZero(false) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			inHome(t, homeSetup{recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: row.halted}}, plug: preset(row.preset)}, func(t *testing.T, h *home) {
				h.press("power_cycle", "right")
				h.reaches("confirming", time.Minute)
				row.lie(h.plug)
				h.reaches("presumed_off", 6*time.Minute)
				h.reaches("attention", 10*time.Minute) // its power is owed
				h.needs("unproven")
				h.kept()
			})
		})
	}
}

func TestFaultAPlugThatTellsAMinuteLateHidesNoEarlyCut(t *testing.T) {
	inHome(t, homeSetup{power: keepsOn}, func(t *testing.T, h *home) {
		h.plug.ReportLate(time.Minute)
		h.press("shutdown", "right", "plug")
		time.Sleep(12 * time.Second)
		h.plug.SwitchByHand(false) // while its disks are written
		time.Sleep(15 * time.Minute)
		h.kept()
		h.needs("power_lost")
	})
}

func TestFaultZigbee2MQTTRestartsWhileItIsProven(t *testing.T) {
	inHome(t, homeSetup{plug: preset("zigbee2mqtt")}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("confirming", time.Minute)
		for range 4 { // each time before the proof is whole
			time.Sleep(20 * time.Second)
			h.plug.RestartBridge()
		}
		h.kept()
		restarted := time.Now()
		h.reaches("off", 5*time.Minute)
		if offs := h.plug.Offs(); len(offs) != 1 || offs[0].At.Sub(restarted) < 45*time.Second {
			t.Errorf("restarted at %v, OFFs %+v", restarted, offs)
		}
		h.reaches("running", 5*time.Minute)
	})
}

// witnessed configures a witness, which answers while it is up.
func (h *home) witnessed(up *atomic.Bool) {
	const witness = "192.0.2.99"
	h.config.Recorders[0].Power.Witness = witness
	h.config.Recorders[0].Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(address); host != witness {
			return h.recorder.Dial(ctx, network, address)
		}
		if up.Load() {
			return fails(syscall.ECONNREFUSED)(ctx, network, address)
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

func TestFaultTheSwitchIsDead(t *testing.T) {
	for name, alive := range map[string]bool{"the recorder runs on": true, "the recorder halts": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var up atomic.Bool
				up.Store(true)
				h := newHomeAs(t, homeSetup{}, func(h *home) { h.witnessed(&up) })
				h.recorder.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: alive}})
				h.press("power_cycle", "right")
				h.reaches("confirming", time.Minute)
				up.Store(false)
				h.recorder.Unplug()
				h.reaches("attention", 12*time.Minute)
				h.needs("unproven")
				h.kept()
				if strings.Contains(h.states(), "presumed_off") {
					t.Errorf("states: %s", h.states())
				}
				up.Store(true)
				h.recorder.Plug()
				if alive {
					h.reaches("running", 12*time.Minute) // it didn't restart, which isn't as it should be
					h.kept()
					return
				}
				h.reaches("off", 3*time.Minute) // it is seen again, and proven
				h.reaches("running", 5*time.Minute)
			})
		})
	}
}

func TestFaultTheWitnessIsNeverThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		h := newHomeAs(t, homeSetup{}, func(h *home) { h.witnessed(&up) })
		h.press("check")
		time.Sleep(20 * time.Second)
		if b := h.blocker("witness"); b.Severity != "info" || b.Evidence != "192.0.2.99" {
			t.Errorf("%+v", b)
		}
	})
}

func TestFaultOnlyTheBridgesNetworkIsDown(t *testing.T) {
	for _, e := range []syscall.Errno{syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EACCES, syscall.EADDRNOTAVAIL} {
		t.Run(e.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w *wire
				h := newHomeAs(t, homeSetup{}, func(h *home) { w = h.wired() })
				h.press("power_cycle", "right")
				h.reaches("confirming", time.Minute)
				w.set(fails(e))
				h.reaches("attention", 12*time.Minute)
				h.needs("unproven")
				h.kept()
				if strings.Contains(h.states(), "presumed_off") {
					t.Errorf("states: %s", h.states())
				}
				w.set(nil)
				h.reaches("off", 3*time.Minute)
				h.reaches("running", 5*time.Minute)
			})
		})
	}
}

func TestFaultItsAddressMovesByDHCP(t *testing.T) {
	for _, taken := range []bool{false, true} {
		t.Run(map[bool]string{false: "nobody has the old one", true: "a stranger has the old one"}[taken], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w *wire
				h := newHomeAs(t, homeSetup{noPlug: true, recorder: nvrtest.Config{DHCP: true}}, func(h *home) {
					h.config.Recorders[0].URL = "http://nvr.example.org"
					h.config.Recorders[0].Resolve = func(context.Context, string) ([]string, error) { return []string{"192.0.2.65"}, nil }
					w = h.wired()
				})
				h.press("shutdown", "right")
				h.reaches("presumed_off", 6*time.Minute)
				if b := h.action().Findings; len(b) == 0 {
					t.Error("nothing was found")
				}
				old := "192.0.2.64" // of the simulated recorder, by the name
				w.set(func(ctx context.Context, network, address string) (net.Conn, error) {
					host, port, _ := net.SplitHostPort(address)
					switch {
					case host == old && taken:
						return fails(syscall.ECONNREFUSED)(ctx, network, address)
					case host == old:
						<-ctx.Done()
						return nil, ctx.Err()
					}
					return h.recorder.Dial(ctx, network, net.JoinHostPort("192.0.2.65", port))
				})
				h.comesBack()
				h.reaches("running", 20*time.Minute)
				h.needs()
			})
		})
	}
}

func TestFaultALossyNetworkIsNoSilenceAndNoLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *wire
		h := newHomeAs(t, homeSetup{}, func(h *home) { w = h.wired() })
		h.recorder.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}})
		var n atomic.Int64
		w.set(func(ctx context.Context, network, address string) (net.Conn, error) {
			if n.Add(1)*7%10 < 3 { // three of ten packets are lost
				<-ctx.Done()
				return nil, ctx.Err()
			}
			time.Sleep(time.Second)
			return h.recorder.Dial(ctx, network, address)
		})
		time.Sleep(20 * time.Minute)
		h.press("power_cycle", "right")
		time.Sleep(12 * time.Minute)
		for _, s := range []string{"presumed_off", "safe", "cutting", "off", "booting"} {
			if strings.Contains(" "+h.states()+" ", " "+s+" ") {
				t.Errorf("states: %s", h.states())
			}
		}
		h.kept()
		w.set(nil)
		h.recorder.SetHalt(nvrtest.Halt{})
	})
}

// report is the text of the drill's report.
func (h *home) report() string {
	h.t.Helper()
	files, _ := filepath.Glob(filepath.Join(h.config.StateDir, "drill-garage-*.txt"))
	if len(files) != 1 {
		h.t.Fatalf("reports: %v", files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		h.t.Fatal(err)
	}
	for _, secret := range []string{h.recorder.Serial(), "192.0.2", "garage_plug", "owner"} {
		if strings.Contains(string(text), secret) {
			h.t.Errorf("the report tells %s:\n%s", secret, text)
		}
	}
	return string(text)
}

// drills presses Plan, reads it, and presses Drill.
func (h *home) drills() {
	h.t.Helper()
	h.press("plan")
	time.Sleep(22 * time.Second)
	h.ended("accepted done")
	h.press("drill")
	time.Sleep(15 * time.Second)
}

const twoLegs = "running checking running checking counting_down rebooting booting counting_down shutting_down confirming"

func TestADrillIsPassedByTheMeter(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.drills()
		h.reaches("off", 20*time.Minute)
		h.reaches("running", 5*time.Minute)
		h.went(twoLegs + " safe cutting off powering_on booting running")
		h.ended("accepted done accepted done:normal")
		h.says("report", h.report(), "result                 done normal", "proof                  power", "DS-7608NXI-I2", "V4.62.210",
			"plug                   tasmota", "running              22.0 W", "lowest in a restart  14.0 W", "the meter can tell   true", "to silence", "silence of a restart", "clean_stop           ok", "intent: cut")
		if stops := h.recorder.Stops(); len(stops) != 2 || stops[0].Cause != nvrtest.ByRestart || stops[1].Cause != nvrtest.ByShutdown || !stops[1].Clean {
			t.Errorf("stops: %+v", stops)
		}
		if h.value("hikbridge/garage/last_passed_drill") == "None" {
			t.Error("the drill isn't shown")
		}
		h.recorder.SetFirmware("V4.63.100")
		time.Sleep(12 * time.Minute)
		h.needs("drill_due")
	})
}

func TestADrillReportTellsAReadingOfZeroFromNone(t *testing.T) {
	dark := nvrtest.Watts{Halted: -1, Booting: -1} // the meter reads 0 W
	inHome(t, homeSetup{recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: -1}}}, func(t *testing.T, h *home) {
		h.drills()
		h.reaches("rebooting", time.Minute)
		time.Sleep(20 * time.Second)
		h.recorder.SetWatts(dark)
		time.Sleep(8 * time.Second)
		h.recorder.SetWatts(nvrtest.Watts{Halted: -1})
		h.reaches("off", 20*time.Minute)
		h.reaches("running", 5*time.Minute)
		h.says("report", h.report(), "lowest in a restart  0.0 W", "halted               0.0 W", "off at or below      1.0 W", "the meter can tell   true")
	})
	inHome(t, homeSetup{recorder: nvrtest.Config{Watts: dark}}, func(t *testing.T, h *home) {
		h.drills()
		h.reaches("off", 20*time.Minute)
		h.reaches("running", 5*time.Minute)
		h.says("report", h.report(), "lowest in a restart  0.0 W", "halted               0.0 W", "the meter can tell   false")
	})
	inHome(t, homeSetup{recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: -1}}}, func(t *testing.T, h *home) {
		h.drills()
		h.reaches("rebooting", time.Minute)
		h.plug.MuteReadings(true)
		h.reaches("booting", 5*time.Minute)
		h.plug.MuteReadings(false)
		h.reaches("running", 20*time.Minute)
		h.says("report", h.report(), "lowest in a restart  not measured", "halted               0.0 W", "the meter can tell   false")
	})
}

func TestTheExpectedFinishIsAFullMinuteToComeAndOfTheWholeDrill(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.drills()
		first := h.value("hikbridge/garage/expected_finish")
		h.reaches("off", 20*time.Minute)
		h.reaches("running", 5*time.Minute)
		took := 0
		for _, p := range h.broker.Log() {
			if p.Sent || p.Packet != "PUBLISH" || p.Topic != "hikbridge/garage/expected_finish" || string(p.Payload) == "None" {
				continue
			}
			took++
			if at, err := time.Parse(time.RFC3339, string(p.Payload)); err != nil || at.Before(p.At) || at.Second() != 0 {
				t.Errorf("%s at %v, %v", p.Payload, p.At, err)
			}
		}
		at, err := time.Parse(time.RFC3339, first)
		if off := time.Until(at); took == 0 || err != nil || off < -time.Minute || off > 8*time.Minute {
			t.Errorf("%q as the drill began, %v after its end, told %d times, %v", first, off, took, err)
		}
	})
}

func TestADrillIsPassedByAPersonsWord(t *testing.T) {
	inHome(t, homeSetup{recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: 9}}}, func(t *testing.T, h *home) {
		h.drills()
		h.reaches("confirming", 20*time.Minute)
		time.Sleep(time.Minute)
		h.press("confirm_off")
		time.Sleep(time.Second)
		h.ended("accepted done accepted refused:too_early")
		h.reaches("presumed_off", 5*time.Minute)
		h.says("status", h.status(), "Drill: the recorder has been silent since", "press Confirm it is off", "The plug reads 9.0 W")
		h.kept()
		h.press("confirm_off")
		h.reaches("off", time.Minute)
		h.reaches("running", 5*time.Minute)
		h.went(twoLegs + " presumed_off cutting off powering_on booting running")
		h.says("report", h.report(), "result                 done normal", "proof                  person", "halted               9.0 W",
			"off at or below      9.9 W", "the meter can tell   true")
		if n := len(h.said()); n > 0 {
			t.Errorf("safe was said %d times for a person's word", n)
		}
	})
}

func TestADrillIsPassedWithoutAPlug(t *testing.T) {
	betweenProbes := nvrtest.Halt{Manner: nvrtest.Manner{After: 7 * time.Second}} // they look every 2 s
	inHome(t, homeSetup{noPlug: true, recorder: nvrtest.Config{Halt: betweenProbes}}, func(t *testing.T, h *home) {
		h.drills()
		h.reaches("presumed_off", 20*time.Minute)
		h.press("confirm_off")
		time.Sleep(time.Second)
		h.says("status", h.status(), "Drill: switch the recorder off and on by hand")
		h.feed(false)
		time.Sleep(20 * time.Second)
		h.feed(true)
		h.reaches("running", 10*time.Minute)
		h.went(twoLegs + " presumed_off booting running")
		h.says("report", h.report(), "result                 done normal", "proof                  person", "plug                   none",
			"to silence           8s", "running              not measured", "lowest in a restart  not measured", "halted               not measured", "the meter can tell   not measured")

		h.press("plan")
		time.Sleep(22 * time.Second)
		h.press("drill") // a second shutdown in 24 hours
		time.Sleep(time.Minute)
		a := h.action()
		if a.Action != "drill" || a.Outcome != "refused" || len(a.Verification) > 0 || a.Gaps != "" || a.Proof != "" {
			t.Errorf("a refused drill: %+v", a)
		}
		h.says("report", h.report(), "result                 done normal") // and no other one
	})
}

func TestAShorterQuietWaitsForADrillThatSupportsIt(t *testing.T) {
	inHome(t, homeSetup{noPlug: true, power: func(p *bridge.PowerConfig) { p.Timers.Quiet = 100 * time.Second }}, func(t *testing.T, h *home) {
		shutdown := func() time.Duration {
			h.press("shutdown", "right", "often")
			h.reaches("confirming", time.Minute)
			took := h.reaches("presumed_off", 5*time.Minute)
			h.feed(false)
			time.Sleep(20 * time.Second)
			h.feed(true)
			h.reaches("running", 10*time.Minute)
			return took
		}
		if took := shutdown(); took < 3*time.Minute {
			t.Errorf("before a drill: presumed off after %v", took)
		}
		if log := h.log.String(); !strings.Contains(log, "until a drill was passed") || !strings.Contains(log, "quiet is 1m40s; with less than 3m ") {
			t.Errorf("it isn't said:\n%s", log)
		}
		h.press("plan")
		time.Sleep(22 * time.Second)
		h.press("drill", "often")
		h.reaches("presumed_off", 20*time.Minute)
		h.press("confirm_off")
		time.Sleep(time.Second)
		h.feed(false)
		time.Sleep(20 * time.Second)
		h.feed(true)
		h.reaches("running", 10*time.Minute)
		if took := shutdown(); took < 100*time.Second || took > 2*time.Minute+30*time.Second {
			t.Errorf("after a drill: presumed off after %v", took)
		}
	})
}

func TestADrillFails(t *testing.T) {
	for _, row := range []struct {
		name string
		halt nvrtest.Halt
		then func(*home) // in the second leg, confirming
		says []string
	}{
		{"it restarts instead", nvrtest.Halt{Restarts: true}, func(*home) {}, []string{"failed came_back"}},
		{"it stays on", nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}}, func(h *home) {
			h.reaches("attention", 10*time.Minute)
			h.needs("still_on")
			h.plug.SwitchByHand(false)
			time.Sleep(20 * time.Second)
			h.plug.SwitchByHand(true)
		}, []string{"failed still_on"}},
		{"its power is cut too early", nvrtest.Halt{Manner: nvrtest.Manner{After: 8 * time.Second}}, func(h *home) {
			h.plug.SwitchByHand(false)
			h.reaches("attention", time.Minute)
			h.needs("power_lost")
			h.plug.SwitchByHand(true)
		}, []string{"failed power_lost"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inHome(t, homeSetup{}, func(t *testing.T, h *home) {
				h.recorder.SetHalt(row.halt)
				h.drills()
				h.reaches("confirming", 20*time.Minute)
				row.then(h)
				h.reaches("running", 45*time.Minute)
				h.says("report", h.report(), row.says...)
				if strings.Contains(h.report(), "\nlearned\n") {
					t.Errorf("it learned:\n%s", h.report())
				}
				if got := h.value("hikbridge/garage/last_passed_drill"); got != "None" {
					t.Errorf("last drill: %s", got)
				}
				h.kept()
			})
		})
	}
	t.Run("the restart is refused", func(t *testing.T) {
		inHome(t, homeSetup{recorder: nvrtest.Config{Restart: nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 403, SubStatus: "lowPrivilege"}}}}, func(t *testing.T, h *home) {
			h.drills()
			h.went("running checking running checking counting_down rebooting running")
			h.ended("accepted done accepted failed:refused")
			h.says("report", h.report(), "failed refused")
			if n := len(h.puts()); n > 0 {
				t.Errorf("%d requests to shut down", n)
			}
		})
	})
}

// byDHCP is the recorder of a typical home: it halts at 9 W, and nobody has
// drilled it.
var byDHCP = nvrtest.Config{DHCP: true, Watts: nvrtest.Watts{Halted: 9}}

// shutsDown is a press on Shut down, and a quarter of an hour after the recorder is
// presumed to be off. Nothing of it is an alarm.
func (h *home) shutsDown() {
	h.t.Helper()
	pressed := time.Now()
	h.press("shutdown")
	h.reaches("presumed_off", 6*time.Minute)
	if took := time.Since(pressed); took < 3*time.Minute || took > 4*time.Minute+30*time.Second {
		h.t.Errorf("presumed off after %v", took)
	}
	h.says("status", h.status(), "accepted the shutdown and has been silent since 00:1", "That is no proof", "look at its screen and listen for disks before you pull the plug")
	h.needs()
	time.Sleep(15 * time.Minute)
	h.needs()
}

func TestTheHomeWithoutAPlug(t *testing.T) {
	inHome(t, homeSetup{noPlug: true, recorder: byDHCP}, func(t *testing.T, h *home) {
		h.recorder.Fail(nvrtest.Fault{Path: "Security/users", Status: 403, SubStatus: "notSupport"}) // as many do
		h.press("shutdown")
		time.Sleep(3 * time.Second)
		h.ended("refused:right")
		h.says("message", h.told().Message, "It isn't known whether the account may shut the recorder down", "Press again within 2 minutes")
		h.shutsDown()
		if s := h.status(); strings.Contains(s, "W.") {
			t.Errorf("status: %s", s)
		}
		h.press("power_on")
		time.Sleep(time.Second)
		h.says("message", h.told().Message, "no plug is configured: switch its power off and on by hand")
		h.feed(false)
		time.Sleep(20 * time.Second)
		h.feed(true)
		h.reaches("running", 5*time.Minute)
		h.went("running checking " + toConfirming + " presumed_off booting running")
		h.ended("refused:right accepted done:presumed_off refused:no_plug")
		h.needs()
		h.kept()
	})
}

func TestTheHomeWithAPlugWithoutAMeter(t *testing.T) {
	noMeter := func(c *bridgetest.PlugConfig) { c.Meter = false }
	inHome(t, homeSetup{recorder: byDHCP, plug: noMeter, power: keepsOn}, func(t *testing.T, h *home) {
		h.shutsDown()
		h.plug.SwitchByHand(false)
		h.reaches("off", time.Minute)
		h.says("status", h.status(), "The plug is off. It isn't proven that the recorder was off before.")
		h.needs()
		time.Sleep(5 * time.Minute)
		h.plug.SwitchByHand(true)
		h.reaches("running", 5*time.Minute)
		h.went(toConfirming + " presumed_off off booting running")
		h.needs()
		h.kept()
	})
}

func TestTheHomeWithAMeterAndNoDrill(t *testing.T) {
	inHome(t, homeSetup{recorder: byDHCP, power: keepsOn}, func(t *testing.T, h *home) {
		h.shutsDown()
		h.says("status", h.status(), "The plug reads 9.0 W. After a drill the bridge may tell by itself.")
		h.plug.SwitchByHand(false)
		h.reaches("off", time.Minute)
		h.needs()
		time.Sleep(5 * time.Minute)
		h.plug.SwitchByHand(true)
		h.reaches("running", 5*time.Minute)
		h.went(toConfirming + " presumed_off off booting running")
		h.needs()
		h.kept()
	})
}

func TestTheHomeAfterADrill(t *testing.T) {
	inHome(t, homeSetup{recorder: byDHCP}, func(t *testing.T, h *home) {
		h.drills()
		h.reaches("presumed_off", 20*time.Minute)
		h.press("confirm_off")
		h.reaches("off", time.Minute)
		h.reaches("running", 5*time.Minute)
		drilled := h.states()
		time.Sleep(20 * time.Minute) // readings of a running recorder
		h.press("shutdown", "often")
		pressed := time.Now()
		h.reaches("off", 6*time.Minute)
		if took := time.Since(pressed); took < 4*time.Minute || took > 5*time.Minute {
			t.Errorf("off after %v", took)
		}
		if a := h.action(); a.Proof != "power" {
			t.Errorf("%+v", a)
		}
		h.says("status", h.status(), "The recorder and its plug are off. Power on starts it again.")
		time.Sleep(10 * time.Minute)
		h.press("power_on")
		h.reaches("running", 5*time.Minute)
		h.went(drilled + strings.TrimPrefix(wholeCycle, "running"))
		if stops := h.recorder.Stops(); len(stops) != 3 || !stops[2].Clean || len(h.plug.Offs()) != 2 {
			t.Errorf("stops: %+v, OFFs %v", stops, h.plug.Offs())
		}
		h.needs()
	})
}

func TestADrillPassedByTheMeterLearnsWhatAHaltedRecorderDraws(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.drills()
		h.reaches("off", 20*time.Minute)
		h.reaches("running", 5*time.Minute)
		h.says("report", h.report(), "halted               0.4 W", "off at or below      1.0 W")
		time.Sleep(20 * time.Minute)    // readings of a running recorder
		h.press("power_cycle", "often") // nothing is unknown of the right any more
		h.reaches("off", 6*time.Minute)
		h.reaches("running", 5*time.Minute)
	})
}
