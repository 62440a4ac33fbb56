package bridge_test

import (
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/nvr/nvrtest"
)

// sleepsUntil lets time pass without a bridge: months with one take minutes.
func (h *home) sleepsUntil(then time.Time) {
	h.t.Helper()
	h.stop()
	time.Sleep(time.Until(then))
	h.start()
	time.Sleep(2 * time.Minute)
}

func (h *home) sleeps(months int) { h.sleepsUntil(time.Now().AddDate(0, months, 0)) }

// care is what Maintenance due says, and its attributes.
func (h *home) care() (state string, about struct {
	Due    time.Time
	Months int
	Advice []string
	Days   map[string]int `json:"disk_days"`
}) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(h.value("hikbridge/garage/maintenance_due/attributes")), &about); err != nil {
		h.t.Error(err)
	}
	return h.value("hikbridge/garage/maintenance_due"), about
}

// replug switches a recorder off and on that has no plug of the bridge's.
func (h *home) replug() {
	h.t.Helper()
	h.feed(false)
	time.Sleep(20 * time.Second)
	h.feed(true)
	h.reaches("running", 15*time.Minute)
	time.Sleep(time.Second)
}

// yearly is a home without a plug whose maintenance is due after so many months.
func yearly(t *testing.T, months int, test func(*testing.T, *home)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, newHomeAs(t, homeSetup{noPlug: true}, func(h *home) { h.config.Recorders[0].MaintenanceMonths = months }))
	})
}

func TestMaintenanceIsDueSoManyMonthsAfterTheLastFullShutdown(t *testing.T) {
	yearly(t, 12, func(t *testing.T, h *home) {
		began := time.Now().Add(-12 * time.Minute)
		state, about := h.care()
		if state != "OFF" || about.Due.Sub(began.AddDate(0, 12, 0)).Abs() > 5*time.Minute || about.Months != 12 || len(about.Advice) == 0 || about.Days["1"] == 0 {
			t.Errorf("%s, %+v, known since %v", state, about, began)
		}
		h.expect("never shut down", map[string]string{"hikbridge/garage/last_full_shutdown": "None"})
		h.sleeps(11)
		h.expect("after 11 months", map[string]string{"hikbridge/garage/maintenance_due": "OFF"})
		h.sleepsUntil(about.Due.Add(-40 * time.Minute))
		h.expect("before it", map[string]string{"hikbridge/garage/maintenance_due": "OFF"})
		time.Sleep(time.Hour)
		h.expect("after a year", map[string]string{"hikbridge/garage/maintenance_due": "ON", "hikbridge/garage/needs_attention": "OFF"})

		shut := time.Now()
		h.press("shutdown", "right")
		h.reaches("presumed_off", 6*time.Minute)
		h.expect("while it is off", map[string]string{"hikbridge/garage/maintenance_due": "ON", "hikbridge/garage/last_full_shutdown": "None"})
		h.replug()
		h.expect("after it", map[string]string{"hikbridge/garage/maintenance_due": "OFF", "hikbridge/garage/last_full_shutdown": shut.UTC().Format(time.RFC3339)})
		time.Sleep(time.Minute)
		h.sleeps(11)
		h.expect("11 months later", map[string]string{"hikbridge/garage/maintenance_due": "OFF", "hikbridge/garage/last_full_shutdown": shut.UTC().Format(time.RFC3339)})
		h.recorder.Unplug()
		h.sleeps(1)
		h.expect("a year later", map[string]string{"hikbridge/garage/maintenance_due": "ON", "hikbridge/garage/availability": "offline"})
	})
}

func TestMaintenanceIsNeverDueForWhoDoesNotWantIt(t *testing.T) {
	yearly(t, 0, func(t *testing.T, h *home) {
		h.sleeps(30)
		if state, about := h.care(); state != "OFF" || !about.Due.IsZero() || about.Months != 0 {
			t.Errorf("%s, %+v", state, about)
		}
	})
}

func TestWhatAFullShutdownIs(t *testing.T) {
	for _, row := range []struct {
		name string
		halt nvrtest.Halt
		does func(*home)
		full bool
	}{
		{"a restart is none", nvrtest.Halt{}, func(h *home) {
			h.press("reboot", "right")
			h.reaches("booting", 5*time.Minute)
			h.reaches("running", 15*time.Minute)
		}, false},
		{"nor one that restarts instead", nvrtest.Halt{Restarts: true}, func(h *home) {
			h.press("shutdown", "right")
			h.reaches("booting", 5*time.Minute)
			h.reaches("running", 15*time.Minute)
		}, false},
		{"nor a plug that somebody switches off", nvrtest.Halt{}, func(h *home) {
			h.plug.SwitchByHand(false)
			time.Sleep(20 * time.Second)
			h.plug.SwitchByHand(true)
			h.reaches("booting", 5*time.Minute)
			h.reaches("running", 15*time.Minute)
		}, false},
		{"nor one that is cancelled", nvrtest.Halt{}, func(h *home) {
			h.press("shutdown", "right")
			h.reaches("counting_down", time.Minute)
			h.press("cancel")
		}, false},
		{"nor one that its log calls unclean", nvrtest.Halt{}, func(h *home) {
			h.press("shutdown", "right")
			h.reaches("confirming", time.Minute)
			h.plug.SwitchByHand(false)
			time.Sleep(20 * time.Second)
			h.plug.SwitchByHand(true)
			h.reaches("booting", 5*time.Minute)
			h.reaches("running", 15*time.Minute)
		}, false},
		{"a power cycle is one", nvrtest.Halt{}, func(h *home) {
			h.press("power_cycle", "right")
			h.reaches("off", 10*time.Minute)
			h.reaches("running", 15*time.Minute)
		}, true},
		{"also where the log can't be read", nvrtest.Halt{}, func(h *home) {
			h.recorder.Fail(nvrtest.Fault{Path: "ContentMgmt/logSearch", Status: 403, SubStatus: "notSupport", Answers: nvrtest.Granted})
			h.press("power_cycle", "right")
			h.reaches("off", 10*time.Minute)
			h.reaches("running", 15*time.Minute)
			if v := h.verified("clean_stop"); v.Result != "unknown" {
				h.t.Errorf("%+v", v)
			}
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inHome(t, homeSetup{recorder: nvrtest.Config{Halt: row.halt}}, func(t *testing.T, h *home) {
				row.does(h)
				time.Sleep(time.Second)
				if got := h.value("hikbridge/garage/last_full_shutdown"); (got != "None") != row.full {
					t.Errorf("%s: %+v", got, h.action())
				}
			})
		})
	}
}

// Without a request the log is only read for an hour back: a stop in it may be an
// older one.
func TestALostPowerIsNoFullShutdownWhateverTheLogTells(t *testing.T) {
	for action, full := range map[string]bool{"outage": true, "power_lost": false} {
		a := bridge.Action{Action: action, Verification: []bridge.Verified{{ID: "clean_stop", Result: "ok"}}}
		if bridge.FullShutdown(a) != full {
			t.Errorf("%s: %v", action, !full)
		}
	}
}

func TestAFullShutdownIsRememberedWhenTheLogBookIsGone(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("off", 10*time.Minute)
		h.reaches("running", 15*time.Minute)
		time.Sleep(10 * time.Minute)
		full := h.value("hikbridge/garage/last_full_shutdown")
		h.stop()
		if err := os.Remove(journalFile(h)); err != nil {
			t.Fatal(err)
		}
		h.start()
		time.Sleep(time.Minute)
		h.expect("afterwards", map[string]string{"hikbridge/garage/last_full_shutdown": full, "hikbridge/garage/last_power_action": "None"})
		if full == "None" {
			t.Error("there was none")
		}
	})
}

func TestAShutdownEveryNightIsCalledASchedule(t *testing.T) {
	yearly(t, 12, func(t *testing.T, h *home) {
		for night := range 4 {
			began := time.Now()
			if night == 3 {
				h.press("shutdown", "right")
				break
			}
			h.press("shutdown", "right", "often")
			h.reaches("presumed_off", 6*time.Minute)
			h.replug()
			h.sleepsUntil(began.Add(24*time.Hour - 2*time.Minute))
		}
		time.Sleep(time.Minute)
		told := h.told()
		h.says("message", told.Message, "shut down at about this time on 3 of the last 7 days", "Take the schedule away")
		if told.EventType != "refused" || told.Reason != "often" {
			t.Errorf("%+v", told)
		}
	})
}
