package bridge_test

import (
	"sync/atomic"
	"testing"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
)

// Rows 17, 31, 32 and 63 to 68 of FAULTS.md.

func TestFaultASourceThatLies(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		for range 100 { // too short to be believed
			h.mains("off")
			time.Sleep(9 * time.Second)
			h.mains("on")
			time.Sleep(time.Second)
		}
		if n := len(h.puts()); n != 0 {
			t.Fatalf("%d requests", n)
		}
		for range 5 {
			h.mains("off")
			time.Sleep(30 * time.Minute)
			h.mains("on")
			time.Sleep(30 * time.Minute)
			h.reaches("running", time.Minute)
		}
		if n := len(h.puts()); n != 3 {
			t.Errorf("%d shutdowns in a day", n)
		}
		h.mains("off")
		time.Sleep(time.Minute)
		h.says("mains", h.site("mains/attributes"), "as home/mains said", "three times within a day: now only low battery does")
		h.expect("nothing is planned", map[string]string{"hikbridge/bridge/shutdown_planned_for": "None"})
	})
}

func TestFaultOneSourceContradictsTheOther(t *testing.T) {
	darkHome(t, homeSetup{}, func(h *home) {
		topic := h.config.Mains
		h.nut = h.battery()
		topic.Server, topic.UPS, topic.Dial, topic.All = h.config.Mains.Server, h.config.Mains.UPS, h.config.Mains.Dial, true
		h.config.Mains = topic
	}, func(t *testing.T, h *home) {
		h.mains("off")
		time.Sleep(time.Hour)
		if n := len(h.puts()); n != 0 {
			t.Fatalf("%d requests, as one of two said so", n)
		}
		h.says("problem", h.site("mains_source_problem/attributes"), "only home/mains says that mains is lost")
		h.nut.Status("OB")
		h.nut.Charge(95)
		h.reaches("off", 10*time.Minute)
	})
}

func TestFaultHomeAssistantRestartsInTheCountdown(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		lost := time.Now()
		h.mains("off")
		time.Sleep(2 * time.Minute)
		h.mains("unavailable")
		time.Sleep(2 * time.Minute)
		h.mains("off")
		h.reaches("off", 10*time.Minute)
		if after := h.puts()[0].At.Sub(lost); after < 5*time.Minute+5*time.Second || after > 5*time.Minute+6*time.Second {
			t.Errorf("it was asked after %v", after)
		}
	})
}

func TestFaultMainsReturnsAfterTheRequest(t *testing.T) {
	for _, state := range []string{"confirming", "cutting"} {
		t.Run(state, func(t *testing.T) {
			darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
				h.mains("off")
				h.reaches(state, 15*time.Minute)
				h.mains("on")
				h.reaches("off", 15*time.Minute)
				h.reaches("running", 15*time.Minute)
				h.went(toConfirming + " safe cutting off powering_on booting running")
				off, on := h.plug.Offs(), h.plug.Ons()
				if len(off) != 1 || len(on) != 1 || on[0].At.Sub(off[0].At) < 15*time.Second {
					t.Errorf("off %+v, on %+v", off, on)
				}
			})
		})
	}
}

func TestFaultMainsReturnsWhileSafeAndNobodyCuts(t *testing.T) {
	darkHome(t, homeSetup{power: func(c *bridge.PowerConfig) { c.Cut = "never" }}, nil, func(t *testing.T, h *home) {
		h.mains("off")
		h.reaches("safe", 15*time.Minute)
		h.mains("on")
		time.Sleep(3 * time.Minute)
		h.says("status", h.status(), "To start it again, switch its power off and on")
		time.Sleep(15 * time.Minute)
		h.needs("waits_for_power")
		h.plug.SwitchByHand(false)
		time.Sleep(20 * time.Second)
		h.reaches("running", 5*time.Minute) // the bridge may switch it on
	})
}

func TestFaultMainsFlapsEvery20Seconds(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		for range 180 { // 2 hours
			h.mains("off")
			time.Sleep(20 * time.Second)
			h.mains("on")
			time.Sleep(20 * time.Second)
		}
		if puts, on := len(h.puts()), len(h.plug.Ons()); puts != 1 || on != 0 {
			t.Errorf("%d requests, switched on %d times", puts, on)
		}
		h.reaches("running", 10*time.Minute)
		if n := len(h.plug.Ons()); n != 1 {
			t.Errorf("switched on %d times", n)
		}
	})
}

func TestFaultTheUPSDiesBeforeTheProof(t *testing.T) {
	darkHome(t, homeSetup{}, nil, func(t *testing.T, h *home) {
		h.mains("off")
		h.reaches("confirming", 10*time.Minute)
		h.plug.Mains(false) // before its disks have come to rest
		time.Sleep(time.Hour)
		if len(h.said()) > 0 || len(h.plug.Offs()) > 0 {
			t.Errorf("called safe %v, switched off %v", h.said(), h.plug.Offs())
		}
		h.plug.Mains(true)
		h.mains("on")
		h.reaches("running", 20*time.Minute)
		if stops := h.recorder.Stops(); len(stops) != 1 || stops[0].Clean {
			t.Errorf("stops: %+v", stops)
		}
		if v := h.verified("clean_stop"); v.Result != "not ok" {
			t.Errorf("%+v", v)
		}
	})
}

func TestFaultAUPSOnBatteryThatTellsTooLittle(t *testing.T) {
	for _, row := range []struct {
		name  string
		tells func(*bridgetest.NUT)
	}{
		{"no charge", func(n *bridgetest.NUT) { n.Set("battery.charge", ""); n.Status("OB DISCHRG") }},
		{"calibrating", func(n *bridgetest.NUT) { n.Status("OB CAL") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			darkHome(t, homeSetup{}, func(h *home) { h.nut = h.battery(); h.config.Recorders[0].Power.AnyOutage = true }, func(t *testing.T, h *home) {
				row.tells(h.nut)
				time.Sleep(time.Hour)
				if n := len(h.puts()); n != 0 {
					t.Errorf("%d requests", n)
				}
				h.says("problem", h.site("mains_source_problem/attributes"), "it isn't believed alone")
				h.nut.Status("OB LB")
				h.reaches("off", 10*time.Minute)
			})
		})
	}
}

func TestADiskThatNeverAnswersAtLowBattery(t *testing.T) {
	disk := &deadDisk{}
	darkHome(t, homeSetup{made: func(b *bridge.Bridge) {
		b.SlowJournal("garage", func([]byte) {
			if disk.hung.Load() {
				<-disk.answers
			}
		})
	}}, func(h *home) {
		disk.answers = make(chan struct{})
		h.nut = h.battery()
		h.config.Recorders[0].Power.AnyOutage = true
	}, func(t *testing.T, h *home) {
		disk.hung.Store(true)
		low := time.Now()
		h.nut.Status("OB LB")
		time.Sleep(10 * time.Minute)
		puts := h.puts()
		if len(puts) != 1 || puts[0].At.Sub(low) > time.Minute {
			t.Fatalf("%+v requests, low at %v", puts, low)
		}
		if stops := h.recorder.Stops(); len(stops) != 1 || !stops[0].Clean {
			t.Errorf("stops: %+v", stops)
		}
		if len(h.said()) > 0 || len(h.plug.Offs()) > 0 {
			t.Errorf("called safe %v, switched off %v", h.said(), h.plug.Offs())
		}
		h.needs("journal")
		h.press("shutdown") // nothing by hand meanwhile
		disk.hung.Store(false)
		close(disk.answers)
		h.nut.Status("OL")
		h.nut.Charge(80)
		h.reaches("attention", 20*time.Minute) // what has no record is never cut
		h.needs("unproven")
		if n := len(h.plug.Offs()); n != 0 {
			t.Errorf("%d OFFs", n)
		}
		h.plug.SwitchByHand(false)
		time.Sleep(20 * time.Second)
		h.reaches("running", 10*time.Minute)
	})
}

// Mains that isn't stable yet is known all the same: the outage is one that this process
// saw begin.
func TestAFullDiskAtLowBatterySoonAfterAStart(t *testing.T) {
	var full atomic.Bool
	darkHome(t, homeSetup{made: func(b *bridge.Bridge) {
		b.AroundJournal("garage", func(record []byte, write func([]byte) error) error {
			if full.Load() {
				return errFull
			}
			return write(record)
		})
	}}, func(h *home) {
		h.nut = h.battery()
		h.config.Recorders[0].Power.AnyOutage = true
	}, func(t *testing.T, h *home) {
		h.stop()
		h.start()
		time.Sleep(time.Minute)
		full.Store(true)
		h.nut.Status("OB LB")
		h.reaches("presumed_off", 10*time.Minute)
		if n := len(h.puts()); n != 1 {
			t.Errorf("%d requests", n)
		}
		if n := len(h.said()); n > 0 {
			t.Errorf("safe was said %d times without a journal", n)
		}
	})
}
