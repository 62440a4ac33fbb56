package bridge_test

import (
	"context"
	"encoding/hex"
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

// Traps are told by their numbers.

func TestTrap1ItIgnoresTheShutdownAndItsSwitchPortDiesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		up.Store(true)
		h := newHomeAs(t, homeSetup{}, func(h *home) { h.witnessed(&up) })
		h.recorder.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}})
		h.press("power_cycle", "right")
		h.reaches("attention", 5*time.Minute)
		h.needs("still_on")
		h.recorder.Unplug()
		h.reaches("confirming", time.Minute)
		h.reaches("presumed_off", 5*time.Minute) // it had accepted, and is silent: nothing more is known
		h.reaches("attention", 10*time.Minute)
		h.needs("unproven")
		time.Sleep(10 * time.Minute)
		h.kept()
	})
}

func TestTrap2AMeterThatReadsLessInABootThanInAHaltProvesNothing(t *testing.T) {
	inHome(t, homeSetup{recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: 9, Booting: 8}}}, func(t *testing.T, h *home) {
		h.drills()
		h.reaches("presumed_off", 20*time.Minute)
		h.press("confirm_off")
		h.reaches("off", time.Minute)
		h.reaches("running", 5*time.Minute)
		h.says("report", h.report(), "result                 done normal", "the meter can tell   false")
		time.Sleep(20 * time.Minute)
		h.press("shutdown", "often")
		h.reaches("presumed_off", 6*time.Minute)
		time.Sleep(10 * time.Minute)
		if n := len(h.plug.Offs()); n != 1 || len(h.said()) > 0 { // that of the drill
			t.Errorf("%d OFFs, safe said at %v", n, h.said())
		}
	})
}

func TestTrap4APersonsWordIsOldWhenPowerOnComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *wire
		h := newHomeAs(t, homeSetup{recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: 9}}}, func(h *home) { w = h.wired() })
		h.press("shutdown", "right")
		h.reaches("presumed_off", 6*time.Minute)
		h.press("confirm_off")
		w.set(func(ctx context.Context, _, _ string) (net.Conn, error) { // it has another address now
			<-ctx.Done()
			return nil, ctx.Err()
		})
		h.comesBack()
		time.Sleep(16 * time.Minute)
		h.press("power_on")
		time.Sleep(5 * time.Minute)
		h.says("results", h.results("garage"), "accepted done:presumed_off accepted done accepted done")
		h.kept()
	})
}

func TestTrap6AHaltedRecorderThatAnswersNeedsAPerson(t *testing.T) {
	inHome(t, homeSetup{recorder: nvrtest.Config{Halt: nvrtest.Halt{Link: nvrtest.HaltedRefuses}}}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("attention", 10*time.Minute)
		h.needs("still_on")
		h.says("status", h.status(), "If its screen says that it has halted, switch it off and on by hand")
		time.Sleep(35 * time.Minute)
		if got := h.state(); got != "attention" {
			t.Errorf("%s; states: %s", got, h.states())
		}
		h.kept()
		if n := len(h.puts()); n != 1 { // there was nobody to ask again
			t.Errorf("%d requests", n)
		}
		h.plug.SwitchByHand(false)
		time.Sleep(30 * time.Second)
		h.plug.SwitchByHand(true)
		h.reaches("running", 15*time.Minute)
	})
}

func TestTrap16ACordThatIsPulledIsNoHalt(t *testing.T) {
	inHome(t, homeSetup{recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: 9}}}, func(t *testing.T, h *home) {
		h.press("shutdown", "right")
		h.reaches("presumed_off", 6*time.Minute)
		time.Sleep(6 * time.Minute)
		h.feed(false) // 0 W from now on
		time.Sleep(10 * time.Minute)
		h.kept()
		h.needs()
		h.feed(true)
		h.reaches("running", 5*time.Minute)
		h.kept()
	})
}

func TestTrap21aThePlugFallsSilentWhileItIsSafe(t *testing.T) {
	inHome(t, homeSetup{power: keepsOn}, func(t *testing.T, h *home) {
		h.press("shutdown", "right")
		h.reaches("safe", 6*time.Minute)
		time.Sleep(time.Minute)
		silent := time.Now()
		h.plug.MuteReadings(true)
		time.Sleep(10 * time.Second)
		h.comesBack()
		time.Sleep(15 * time.Second)
		said := h.said()
		if last := said[len(said)-1]; last.After(silent.Add(21*time.Second)) || h.value("hikbridge/garage/safe_to_cut_power") != "OFF" {
			t.Errorf("no reading from %v, safe said at %v", silent, last)
		}
		h.reaches("running", 10*time.Minute)
	})
}

func TestTrap21aThePlugLeavesTheNetworkWhileItIsSafe(t *testing.T) {
	for _, name := range []string{"tasmota", "shelly2", "zigbee2mqtt"} {
		t.Run(name, func(t *testing.T) {
			inHome(t, homeSetup{plug: preset(name), power: keepsOn}, func(t *testing.T, h *home) {
				h.press("shutdown", "right")
				h.reaches("safe", 6*time.Minute)
				time.Sleep(time.Minute)
				left := time.Now()
				h.plug.Away(true)
				time.Sleep(time.Second)
				if got := h.value("hikbridge/garage/safe_to_cut_power"); got != "OFF" || h.firstAfter(left) != "hikbridge/garage/safe_to_cut_power OFF" {
					t.Errorf("a second later: %s; first came %s", got, h.firstAfter(left))
				}
			})
		})
	}
}

func TestTrap28ItTakesFourMinutesToGoDown(t *testing.T) {
	inHome(t, homeSetup{recorder: manner(nvrtest.Manner{After: 4 * time.Minute})}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("off", 10*time.Minute)
		h.went(toConfirming + " shutting_down confirming attention confirming safe cutting off")
		h.reaches("running", 5*time.Minute)
		if stops := h.recorder.Stops(); len(h.puts()) != 2 || len(stops) != 1 || !stops[0].Clean {
			t.Errorf("requests %+v, stops %+v", h.puts(), stops)
		}
		h.needs()
	})
}

func TestTrap29AnOffThatIsNeverReadBackIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h *home
		dumb := false
		made := func(b *bridge.Bridge) {
			b.SlowJournal("garage", func(content []byte) {
				if strings.Contains(string(content), "intent: cut") && !dumb {
					dumb = true
					h.plug.ReportLate(48 * time.Hour)   // it obeys, and is dumb from now on
					time.Sleep(2100 * time.Millisecond) // the OFF leaves after all that it has said
				}
			})
		}
		h = newHomeAs(t, homeSetup{made: made}, func(x *home) { h = x })
		h.press("power_cycle", "right")
		h.reaches("attention", 6*time.Minute)
		h.needs("cut_unconfirmed")
		if h.plug.Powered() || len(h.plug.Offs()) == 0 {
			t.Error("it isn't off")
		}
		h.reaches("running", 15*time.Minute)
		if !h.plug.Powered() {
			t.Error("it isn't on")
		}
	})
}

func TestTrap34TheRightPasswordIsRejectedAfterTheBoot(t *testing.T) {
	c := nvrtest.Config{
		Boot: nvrtest.Boot{Down: 40 * time.Second, Silent: true, Errors: 5 * time.Second, Denies: 45 * time.Second},
		Halt: nvrtest.Halt{Manner: nvrtest.Manner{After: 8 * time.Second}}, Lock: nvrtest.LockEvery,
	}
	inHome(t, homeSetup{recorder: c}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("booting", 6*time.Minute)
		h.reaches("running", 5*time.Minute)
		h.ended("accepted done:normal")
	})
}

func TestTrap35ARecorderThatTellsNoUptime(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(map[bool]string{false: "halts", true: "restarts"}[restarts], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHomeAs(t, homeSetup{}, func(h *home) {
					h.recorder.Fail(nvrtest.Fault{Path: "System/status", Status: 404, SubStatus: "notSupport"})
				})
				h.recorder.SetHalt(nvrtest.Halt{Restarts: restarts})
				h.press("power_cycle", "right")
				h.reaches("booting", 6*time.Minute)
				h.reaches("running", 5*time.Minute)
				if want := map[bool]string{false: "accepted done:normal", true: "accepted failed:came_back"}[restarts]; h.results("garage") != want {
					t.Errorf("results: %s", h.results("garage"))
				}
				if v := h.verified("restarted"); v.Result != "unknown" {
					t.Errorf("%+v", v)
				}
			})
		})
	}
}

func TestFaultItsCertificateChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *wire
		h := newHomeAs(t, homeSetup{}, func(h *home) {
			c, print := &h.config.Recorders[0], h.recorder.Fingerprint()
			c.URL, c.TLS, c.Fingerprint = "https://192.0.2.10", "pin", hex.EncodeToString(print[:])
			w = h.wired()
		})
		other := nvrtest.New(nvrtest.Config{Name: "garage", Username: user, Password: password}) // all but the certificate
		t.Cleanup(func() { other.Close() })
		w.set(other.Dial)
		h.recorder.Reboot(0) // and the connections of before are gone
		time.Sleep(time.Minute)
		h.press("power_cycle", "right")
		time.Sleep(time.Minute)
		if got := h.told(); got.EventType != "refused" {
			t.Errorf("%+v", got)
		}
		if i := slices.IndexFunc(other.Requests(), func(q nvrtest.Request) bool { return q.Credentials }); i >= 0 {
			t.Errorf("credentials were sent: %+v", other.Requests()[i])
		}
		h.kept()
	})
}

func TestFaultMainsFailsWhileItGoesDown(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("confirming", time.Minute)
		time.Sleep(3 * time.Second)
		h.plug.Mains(false) // of plug and recorder; broker and bridge have a battery
		time.Sleep(6 * time.Minute)
		h.kept()
		h.plug.Mains(true)
		h.reaches("running", 20*time.Minute)
		h.kept()
		if v := h.verified("clean_stop"); v.Result != "not ok" {
			t.Errorf("%+v", v)
		}
		if stops := h.recorder.Stops(); len(stops) != 1 || stops[0].Clean {
			t.Errorf("stops: %+v", stops)
		}
	})
}

func TestFaultItIsCancelledTooLate(t *testing.T) {
	inHome(t, homeSetup{plug: func(c *bridgetest.PlugConfig) { c.Preset = "shelly2" }}, func(t *testing.T, h *home) {
		h.press("shutdown", "right")
		h.reaches("confirming", time.Minute)
		h.press("cancel")
		time.Sleep(time.Second)
		h.says("message", h.told().Message, "too late to stop it", "switched on again afterwards")
		h.reaches("running", 6*time.Minute)
		h.went(wholeCycle)
		if stops := h.recorder.Stops(); len(stops) != 1 || !stops[0].Clean {
			t.Errorf("stops: %+v", stops)
		}
	})
}
