package bridge_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/nvr/nvrtest"
)

// silenceable is the usual home's recorder with notifications that can be silenced.
func silenceable() nvrtest.Config {
	c := app()
	c.Boot = nvrtest.Boot{Down: 40 * time.Second, Silent: true, Errors: 15 * time.Second}
	return c
}

// changed lists when something was changed on the recorder.
func (h *home) changed(path string) (at []time.Time) {
	for _, q := range h.recorder.Requests() {
		if q.Method == "PUT" && strings.Contains(q.Path, path) && q.Status == 200 {
			at = append(at, q.At)
		}
	}
	return at
}

func TestASequencePausesBeforeItsRequestAndResumesWhenVerified(t *testing.T) {
	for action, states := range map[string]string{"reboot": "rebooting booting running", "shutdown": "off"} {
		t.Run(action, func(t *testing.T) {
			inHome(t, homeSetup{recorder: silenceable()}, func(t *testing.T, h *home) {
				found := h.recorder.Notifications()
				pressed := time.Now()
				h.press(action, "right", "often")
				h.reaches(strings.Fields(states)[0], 10*time.Minute)
				h.expect("in it", map[string]string{"hikbridge/garage/alerts_paused": "ON"})
				if n := silencedChannels(h.recorder); n != 3 {
					t.Errorf("%d of 3 channels are silenced", n)
				}
				if action == "shutdown" {
					time.Sleep(time.Hour)
					h.press("power_on")
				}
				h.reaches("booting", 10*time.Minute)
				for h.state() == "booting" {
					if n := silencedChannels(h.recorder); n != 3 {
						t.Fatalf("%d of 3 channels are silenced before it is verified", n)
					}
					time.Sleep(time.Second)
				}
				running := time.Now()
				time.Sleep(3 * time.Minute)
				if !bytes.Equal(h.recorder.Notifications(), found) {
					t.Errorf("found\n%s\nleft\n%s", found, h.recorder.Notifications())
				}
				h.expect("after it", map[string]string{"hikbridge/garage/alerts_paused": "OFF", "hikbridge/garage/power_state": "running"})
				at, puts := h.changed(disturbPath), h.changed("System/"+action)
				if len(at) != 2 || len(puts) != 1 || at[0].After(puts[0]) || at[0].Before(pressed) || at[1].Before(running.Add(-2*time.Second)) {
					t.Fatalf("silenced and put back at %v, asked at %v, running at %v", at, puts, running)
				}
				if took := puts[0].Sub(pressed); took > 25*time.Second {
					t.Errorf("it was asked %v after the press", took)
				}
			})
		})
	}
}

func TestATestOfAnOutagePausesNothing(t *testing.T) {
	darkHome(t, homeSetup{recorder: silenceable()}, nil, func(t *testing.T, h *home) {
		h.press("check")
		time.Sleep(time.Minute)
		h.asksSite("test_outage")
		h.reaches("counting_down", time.Minute)
		time.Sleep(time.Second)
		h.expect("in it", map[string]string{"hikbridge/garage/alerts_paused": "OFF"})
		time.Sleep(2 * time.Minute)
		h.expect("afterwards", map[string]string{"hikbridge/bridge/outage_test": "passed"})
		if at := h.changed(disturbPath); len(at) > 0 {
			t.Errorf("the recorder was changed at %v", at)
		}
	})
}

func TestTroubleInPausingNeverDelaysAShutdown(t *testing.T) {
	press := func(h *home) (took time.Duration, puts int) {
		pressed := time.Now()
		h.press("shutdown", "right", "often")
		h.reaches("confirming", 5*time.Minute)
		if all := h.puts(); len(all) > 0 {
			return all[0].At.Sub(pressed), len(all)
		}
		return 0, 0
	}
	var usual time.Duration
	inHome(t, homeSetup{}, func(t *testing.T, h *home) { usual, _ = press(h) })
	for name, trouble := range map[string]func(*nvrtest.Recorder){
		"no answer":       func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Path: disturbPath, NoAnswer: true}) },
		"no answer to it": func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Path: disturbPath, Method: "PUT", NoAnswer: true}) },
		"slow":            func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Path: disturbPath, Delay: 4 * time.Second}) },
		"errors":          func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Path: disturbPath, Status: 500}) },
		"busy":            func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Path: disturbPath, Method: "PUT", Status: 503}) },
		"a reset": func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: disturbPath, Method: "PUT", ResetAfterRequest: true})
		},
		"half-open": func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Path: disturbPath, HalfOpen: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			inHome(t, homeSetup{recorder: silenceable()}, func(t *testing.T, h *home) {
				found := h.recorder.Notifications()
				trouble(h.recorder)
				if took, puts := press(h); puts != 1 || took > usual+time.Second {
					t.Errorf("%d requests, the first after %v, usually %v", puts, took, usual)
				}
				h.reaches("off", 10*time.Minute)
				h.recorder.ClearFaults()
				h.press("power_on")
				h.reaches("running", 10*time.Minute)
				time.Sleep(3 * time.Minute)
				if !bytes.Equal(h.recorder.Notifications(), found) {
					t.Errorf("found\n%s\nleft\n%s", found, h.recorder.Notifications())
				}
				if stops := h.recorder.Stops(); len(stops) != 1 || !stops[0].Clean {
					t.Errorf("stops: %+v", stops)
				}
			})
		})
	}
}

func TestAnAccountWithoutAKnownRightChangesNothingBeforeAShutdown(t *testing.T) {
	for name, rights := range map[string]nvrtest.Rights{
		"not told":            {Denied: []string{"Security/users"}},
		"not told, as 401":    {Denied: []string{"Security/users"}, Lacks: []string{"parameterConfig"}, As401: true},
		"told not to have it": {Lacks: []string{"parameterConfig"}, As401: true},
	} {
		t.Run(name, func(t *testing.T) {
			usual := -1 // rejected logins of a recorder without the setting
			for _, c := range []nvrtest.Config{{Channels: 3}, silenceable()} {
				synctest.Test(t, func(t *testing.T) {
					h := newHomeAs(t, homeSetup{recorder: c}, func(h *home) { h.recorder.SetRights(rights) })
					if n := h.recorder.Rejected(); n != 0 {
						t.Fatalf("%d rejected logins before", n)
					}
					h.press("shutdown", "right", "often")
					time.Sleep(10 * time.Minute)
					n := h.recorder.Rejected()
					if usual < 0 {
						usual = n
					}
					if n > usual || len(h.recorder.NotificationPuts()) != 0 || usual == 0 && h.state() != "off" {
						t.Errorf("%d rejected logins, usually %d; %d changes; %s: %s", n, usual, len(h.recorder.NotificationPuts()), h.state(), h.status())
					}
				})
			}
		})
	}
}

// The account isn't told what it may, and firmware that answers 401 where a right is
// missing ends all sign-ins, the first time for a minute.
func TestARightThatIsTakenAwayDelaysAnOutageByOneMinuteAtMost(t *testing.T) {
	for name, row := range map[string]struct {
		takesAway, other bool
		delay            time.Duration
	}{
		"it is there":                  {},
		"it was taken away":            {takesAway: true, delay: 70 * time.Second},
		"another account never had it": {takesAway: true, other: true},
	} {
		t.Run(name, func(t *testing.T) {
			rights := nvrtest.Rights{Denied: []string{"Security/users"}}
			darkHome(t, homeSetup{recorder: silenceable()}, func(h *home) { h.recorder.SetRights(rights) }, func(t *testing.T, h *home) {
				h.order("pause_alerts", "")
				h.order("resume_alerts", "")
				if silenced := len(h.recorder.NotificationPuts()); silenced != 2 {
					t.Fatalf("it was changed %d times", silenced)
				}
				time.Sleep(2 * time.Minute)
				if row.other {
					h.stop()
					h.becomesAnothersRecorder(silenceable())
					h.recorder.SetRights(rights)
				}
				if row.takesAway {
					h.recorder.Fail(nvrtest.Fault{Path: disturbPath, Method: "PUT", Status: 401})
				}
				if row.other {
					h.start()
					time.Sleep(12 * time.Minute)
				}
				lost := time.Now()
				h.mains("off")
				h.reaches("confirming", time.Hour)
				if after := h.puts()[0].At.Sub(lost) - 5*time.Minute - 6*time.Second; after > row.delay {
					t.Errorf("it was asked %v too late; %d rejected logins", after, h.recorder.Rejected())
				}
				if rejected := h.recorder.Rejected() > 0; rejected != (row.delay > 0) {
					t.Errorf("%d rejected logins", h.recorder.Rejected())
				}
			})
		})
	}
}

// becomesAnothersRecorder gives the recorder another account, which the bridge uses
// from its next start on.
func (h *home) becomesAnothersRecorder(c nvrtest.Config) {
	c.Name, c.Serial, c.Username, c.Password = "garage", h.recorder.Serial(), "visitor", password
	c.Watts.Halted = 0.4
	h.recorder.Close()
	h.recorder = nvrtest.New(c)
	h.recorders["garage"] = h.recorder
	h.config.Recorders[0].Username, h.config.Recorders[0].Dial = c.Username, h.recorder.Dial
}

func TestAtALowBatteryNothingIsChangedFirst(t *testing.T) {
	darkHome(t, homeSetup{recorder: silenceable()}, func(h *home) { h.nut = h.battery() }, func(t *testing.T, h *home) {
		h.nut.Status("OB DISCHRG")
		time.Sleep(time.Minute)
		h.nut.Status("OB DISCHRG LB")
		low := time.Now()
		h.reaches("off", 10*time.Minute)
		if after := h.puts()[0].At.Sub(low); after > 2*time.Second || len(h.changed(disturbPath)) != 0 {
			t.Errorf("it was asked %v after the battery was low; notifications changed at %v", after, h.changed(disturbPath))
		}
		h.expect("here", map[string]string{"hikbridge/garage/alerts_paused": "ON"})
	})
}

func TestWhatASequenceBringsAlongIsNotTold(t *testing.T) {
	setup := homeSetup{recorder: silenceable()}
	inHome(t, setup, func(t *testing.T, h *home) {
		began := time.Now()
		h.press("reboot", "right", "often")
		h.reaches("booting", 10*time.Minute)
		h.recorder.SetCamera(nvrtest.IP(1), false, "netUnreachable")
		h.recorder.SetRecording(nvrtest.IP(1), false)
		for range 8 {
			h.recorder.Alert(nvrtest.Alert{Type: "videoloss", Channel: 1})
			h.recorder.Alert(nvrtest.Alert{Type: "recordingfailure"})
			h.recorder.Alert(nvrtest.Alert{Type: "VMD", Channel: 2})
			time.Sleep(time.Minute)
		}
		if h.state() != "booting" {
			t.Fatalf("it is %s; %s", h.state(), h.status())
		}
		if got := h.value("hikbridge/garage/ch/1/connection"); got != "None" {
			t.Errorf("the camera's connection: %s", got)
		}
		told := h.published("garage", began, `needs_attention|recording_failure|disk_error|ch/\d/(video_loss|motion|event|connection)`)
		for _, c := range told {
			if c.payload == "ON" && !strings.HasSuffix(c.topic, "connection") || c.payload == "OFF" && strings.HasSuffix(c.topic, "connection") || strings.HasSuffix(c.topic, "event") {
				t.Errorf("told: %v", c)
			}
		}
		h.reaches("running", 10*time.Minute)
		time.Sleep(5 * time.Minute)
		h.expect("what is still wrong then is told", map[string]string{"hikbridge/garage/ch/1/connection": "OFF", "hikbridge/garage/alerts_paused": "OFF"})
	})
}

func TestSafetyAlarmsAreToldInAPause(t *testing.T) {
	t.Run("came_back", func(t *testing.T) {
		inHome(t, homeSetup{recorder: silenceable(), power: func(p *bridge.PowerConfig) { p.Cut = "never" }}, func(t *testing.T, h *home) {
			h.order("pause_alerts", `,"minutes":720`)
			h.press("shutdown", "right", "often")
			h.reaches("safe", 10*time.Minute)
			h.comesAlive()
			h.reaches("attention", time.Minute)
			h.expect("in a pause", map[string]string{"hikbridge/garage/needs_attention": "ON", "hikbridge/garage/alerts_paused": "ON"})
			h.says("needs", h.value("hikbridge/garage/needs_attention/attributes"), "came_back")
		})
	})
	t.Run("still_on", func(t *testing.T) {
		c := silenceable()
		c.Halt.Manner.Ignored = true
		inHome(t, homeSetup{recorder: c}, func(t *testing.T, h *home) {
			found := h.recorder.Notifications()
			h.press("shutdown", "right", "often")
			h.reaches("attention", 10*time.Minute)
			h.expect("still on", map[string]string{"hikbridge/garage/needs_attention": "ON"})
			h.says("needs", h.value("hikbridge/garage/needs_attention/attributes"), "still_on")
			time.Sleep(5 * time.Minute)
			if !bytes.Equal(h.recorder.Notifications(), found) || h.value("hikbridge/garage/alerts_paused") != "OFF" {
				t.Errorf("a recorder that goes on stays silenced: %s", h.recorder.Notifications())
			}
		})
	})
	t.Run("mains", func(t *testing.T) {
		darkHome(t, homeSetup{recorder: silenceable()}, nil, func(t *testing.T, h *home) {
			h.order("pause_alerts", "")
			h.mains("off")
			time.Sleep(time.Minute)
			h.expect("in a pause", map[string]string{"hikbridge/bridge/mains": "OFF", "hikbridge/garage/alerts_paused": "ON"})
		})
	})
}

func TestARecorderThatStartsInAPauseIsPutBackExactly(t *testing.T) {
	for _, length := range []string{`,"minutes":10`, `,"minutes":1`} { // it runs again, or doesn't, when the time is up
		inHome(t, homeSetup{noPlug: true, recorder: silenceable()}, func(t *testing.T, h *home) {
			found := h.recorder.Notifications()
			h.order("pause_alerts", length)
			h.feed(false)
			time.Sleep(90 * time.Second)
			h.feed(true)
			time.Sleep(20 * time.Minute)
			if !bytes.Equal(h.recorder.Notifications(), found) || len(h.changed(disturbPath)) != 2 {
				t.Errorf("found\n%s\nleft\n%s\nchanged at %v", found, h.recorder.Notifications(), h.changed(disturbPath))
			}
		})
	}
}

func TestAnotherBoxAtTheAddressIsntChanged(t *testing.T) {
	alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
		w.order("pause_alerts", `,"minutes":5`)
		silenced, serial := slices.Clone(r.Notifications()), r.Serial()
		r.SetSerial("DS-7608NI-K20020180101CCRR999999999WCVU")
		time.Sleep(20 * time.Minute)
		if !bytes.Equal(r.Notifications(), silenced) {
			t.Errorf("it was changed:\n%s", r.Notifications())
		}
		r.SetSerial(serial)
		time.Sleep(time.Hour)
		if n := silencedChannels(r); n != 1 {
			t.Errorf("%d channels are silenced in the end", n)
		}
	})
}

func TestAChannelThatLeftIsToldAndGivenUpAfterADay(t *testing.T) {
	alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
		w.order("pause_alerts", "")
		r.SetNotifications([]byte(`{"disturbChannelList":[{"channelID":1,"disturbEnabled":true}]}`))
		w.order("resume_alerts", "")
		time.Sleep(30 * time.Second)
		if got := w.results("garage"); got != "accepted done accepted failed" {
			t.Errorf("results: %s, %q", got, w.lastMessage())
		}
		time.Sleep(10 * time.Minute)
		if got := w.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(got, "alerts_left") || !strings.Contains(got, "doesn't list channels [2 3] now") && !strings.Contains(got, "doesn't list channels [3] now") {
			t.Errorf("needs attention: %s", got)
		}
		time.Sleep(26 * time.Hour)
		w.expect("given up", map[string]string{"hikbridge/garage/needs_attention": "OFF"})
		if log := w.log.String(); !strings.Contains(log, "aren't tried any more") {
			t.Error("it isn't in the diary")
		}
	})
}

func TestAnOutagePausesInItsCountdownAndResumesWhenItIsOver(t *testing.T) {
	darkHome(t, homeSetup{recorder: silenceable()}, nil, func(t *testing.T, h *home) {
		found := h.recorder.Notifications()
		h.mains("off")
		h.reaches("off", 20*time.Minute)
		time.Sleep(5 * time.Hour)
		h.mains("on")
		h.reaches("booting", 10*time.Minute)
		h.expect("when it boots", map[string]string{"hikbridge/garage/alerts_paused": "ON"})
		h.reaches("running", 10*time.Minute)
		time.Sleep(3 * time.Minute)
		at, puts := h.changed(disturbPath), h.puts()
		if len(at) != 2 || len(puts) != 1 || at[0].After(puts[0].At) || puts[0].At.Sub(at[0]) > 6*time.Second {
			t.Errorf("silenced and put back at %v, asked at %+v", at, puts)
		}
		if !bytes.Equal(h.recorder.Notifications(), found) {
			t.Errorf("found\n%s\nleft\n%s", found, h.recorder.Notifications())
		}
	})
}
