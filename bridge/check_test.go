package bridge_test

import (
	"crypto/tls"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

// finding gives the finding of a check, or an empty one.
func finding(r bridge.Report, subject, check string) bridge.Finding {
	for _, f := range r.Findings {
		if f.Subject == subject && f.Check == check {
			return f
		}
	}
	return bridge.Finding{}
}

func TestCheckTellsWhatIsWrongAndWhatToDo(t *testing.T) {
	tests := []struct {
		name                 string
		prepare              func(w *world, r *nvrtest.Recorder)
		subject, check       string
		result, text, advice string
		failed               bool
	}{
		{"all is well", func(*world, *nvrtest.Recorder) {}, "recorder nvr", "sign-in", "ok", "accepted", "", false},
		{"cameras are counted", func(*world, *nvrtest.Recorder) {}, "recorder nvr", "cameras", "ok", "4 found", "", false},
		{"a wrong password", func(w *world, r *nvrtest.Recorder) { r.SetPassword("canary-x") }, "recorder nvr", "sign-in", "failed", "rejected", "Correct user name and password", true},
		{"a locked account", func(w *world, r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Status: 401, Body: []byte(`<userCheck><statusValue>401</statusValue><lockStatus>lock</lockStatus><unlockTime>600</unlockTime></userCheck>`)})
		}, "recorder nvr", "sign-in", "failed", "locked", "Wait until the lock ends", true},
		{"no Hikvision device", func(w *world, r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{LoginPage: true}) }, "recorder nvr", "sign-in", "failed", "web page", "Check the address", true},
		{"Basic only", func(w *world, r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{BasicOnly: true}) }, "recorder nvr", "sign-in", "failed", "only Basic", "digest", true},
		{"nobody there", func(w *world, r *nvrtest.Recorder) { r.PortClosed(true) }, "recorder nvr", "sign-in", "failed", "refused", "Check power, cable", true},
		{"an account without rights", func(w *world, r *nvrtest.Recorder) { r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}}) }, "recorder nvr", "system status", "failed", "lacks the right", "Interrogate Working Status", true},
		{"a right that events need", func(w *world, r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: "Event/triggers", Status: 403, SubStatus: "lowPrivilege", Answers: nvrtest.Granted})
		}, "recorder nvr", "events", "failed", "lacks the right", "Parameters Settings", true},
		{"a channel that there isn't", func(w *world, r *nvrtest.Recorder) {
			w.config.Recorders[0].Channels = []string{"1", "77"}
		}, "recorder nvr", "channels", "warning", "picked, but not on the recorder's list: 77", "Correct CHANNELS", false},
		{"channels that there are", func(w *world, r *nvrtest.Recorder) {
			w.config.Recorders[0].Channels = []string{"1", "4"}
		}, "recorder nvr", "channels", "", "", "", false},
		{"how long it is up", func(*world, *nvrtest.Recorder) {}, "recorder nvr", "system status", "ok", "up for ", "", false},
		{"a broker, whose ACL isn't tried", func(*world, *nvrtest.Recorder) {}, "broker", "connection", "ok", "whether its ACL allows the topics isn't tried", "", false},
		{"a right that will be needed", func(w *world, r *nvrtest.Recorder) {
			r.SetRights(nvrtest.Rights{Lacks: []string{"restartOrShutdown"}})
		}, "recorder nvr", "rights", "warning", "Shutdown / Reboot", "User > Permission", false},
		{"what the firmware doesn't know", func(w *world, r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: "System/time", Status: 403, SubStatus: "notSupport", Answers: nvrtest.Granted})
		}, "recorder nvr", "clock", "unknown", "not told", "", false},
		{"motion that isn't told", func(w *world, r *nvrtest.Recorder) {
			r.SetLinkage(nvrtest.IP(1), "VMD", "record")
			r.SetLinkage(nvrtest.IP(2), "VMD")
		}, "recorder nvr", "events", "warning", "motion of 2 cameras isn't", "Notify Surveillance Center", false},
		{"events that are told", func(*world, *nvrtest.Recorder) {}, "recorder nvr", "events", "ok", "told to hikbridge", "", false},
		{"what records", func(w *world, r *nvrtest.Recorder) { r.SetRecording(nvrtest.IP(1), false) }, "recorder nvr", "recording", "ok", "2 of ", "", false},
		{"alerts here only", func(*world, *nvrtest.Recorder) {}, "recorder nvr", "alerts", "ok", "here only", "", false},
		{"alerts here and in the app", func(w *world, r *nvrtest.Recorder) {
			r.SetNotificationsManner(nvrtest.Notifications{Supported: true})
		}, "recorder nvr", "alerts", "ok", "here and in the recorder's app", "", false},
		{"alerts without the right", func(w *world, r *nvrtest.Recorder) {
			r.SetNotificationsManner(nvrtest.Notifications{Supported: true})
			r.SetRights(nvrtest.Rights{Lacks: []string{"parameterConfig"}})
		}, "recorder nvr", "alerts", "ok", "with the right Remote: Parameters Settings", "", false},
		{"alerts with an unknown right", func(w *world, r *nvrtest.Recorder) {
			r.SetNotificationsManner(nvrtest.Notifications{Supported: true})
			r.SetRights(nvrtest.Rights{Denied: []string{"Security/users"}})
		}, "recorder nvr", "alerts", "ok", "if the account may change settings", "", false},
		{"alerts that can't be read", func(w *world, r *nvrtest.Recorder) {
			r.SetNotificationsManner(nvrtest.Notifications{Supported: true, Get: nvrtest.Refusal{Status: 500}})
		}, "recorder nvr", "alerts", "unknown", "isn't known", "", false},
		{"a fixed address", func(*world, *nvrtest.Recorder) {}, "recorder nvr", "address", "ok", "set on the recorder", "", false},
		{"an address that may change", func(w *world, r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: "System/Network/interfaces", Body: []byte("<NetworkInterfaceList><NetworkInterface><IPAddress><addressingType>dynamic</addressingType><ipAddress>192.0.2.7</ipAddress></IPAddress></NetworkInterface></NetworkInterfaceList>")})
		}, "recorder nvr", "address", "warning", "DHCP", "fixed address", false},
		{"the broker refuses the password", func(w *world, r *nvrtest.Recorder) { w.broker.Login("other", "other") }, "broker", "connection", "failed", "wrong user name or password", "HIKBRIDGE_MQTT_URL", true},
		{"no broker", func(w *world, r *nvrtest.Recorder) { w.broker.Down() }, "broker", "connection", "failed", "refused", "that the broker runs", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]nvrtest.Config{"nvr": {}})
				tt.prepare(w, w.recorders["nvr"])
				report := bridge.Check(t.Context(), w.config)
				f := finding(report, tt.subject, tt.check)
				if f.Result != tt.result || !strings.Contains(f.Text, tt.text) || !strings.Contains(f.Advice, tt.advice) || report.OK() == tt.failed {
					t.Errorf("OK %v, finding %+v in %+v", report.OK(), f, report)
				}
				for _, f := range report.Findings {
					w.noCanary("the report", f.Text+f.Advice)
				}
			})
		})
	}
}

func TestCheckTellsWhatTheSourcesOfMainsSay(t *testing.T) {
	topic := bridge.MainsConfig{Topic: "home/mains", Present: "on", Lost: "off"}
	tells := func(payload string, retained bool) func(*home) {
		return func(h *home) {
			h.config.Mains = topic
			h.broker.Publish("home/mains", []byte(payload), retained)
		}
	}
	nut := func(change func(*home)) func(*home) {
		return func(h *home) {
			h.nut = h.battery()
			change(h)
		}
	}
	commands := func(command string) func(*home) {
		return nut(func(h *home) {
			h.config.Mains.Username, h.config.Mains.Password, h.config.Mains.Command = "monitor", "canary-u", command
		})
	}
	for _, row := range []struct {
		name                        string
		prepare                     func(*home)
		check, result, text, advice string
		failed                      bool
	}{
		{"mains", tells(" On ", true), "topic home/mains", "ok", `says "On": mains is there`, "", false},
		{"no mains", tells("off", true), "topic home/mains", "warning", `says "off": mains is lost`, "exchange HIKBRIDGE_MAINS_PRESENT", false},
		{"neither", tells("unavailable", true), "topic home/mains", "warning", `says "unavailable", which is neither "on" nor "off"`, "Look at the sensor", false},
		{"too much", tells(strings.Repeat("x", 300), true), "topic home/mains", "warning", "says \"" + strings.Repeat("x", 40) + "…\"", "", false},
		{"nothing retained", tells("on", false), "topic home/mains", "warning", "nothing is retained there", "publish it retained", false},
		{"a topic that may not be read", func(h *home) {
			tells("on", true)(h)
			h.broker.RefuseSubscription("home/mains")
		}, "topic home/mains", "failed", "the broker refused the subscription", "ACL", true},
		{"no broker", func(h *home) {
			h.config.Mains = topic
			h.broker.Down()
		}, "topic home/mains", "failed", "can't be read", "Look at the broker", true},
		{"a UPS on line", nut(func(h *home) { h.nut.Status("OL CHRG") }), "UPS ups", "ok", "status OL CHRG, charge 100 %, runtime 30 minutes: mains is there", "", false},
		{"a UPS on battery", nut(func(h *home) { h.nut.Status("OB"); h.nut.Charge(61); h.nut.Runtime(time.Minute) }), "UPS ups", "warning", "status OB, charge 61 %, runtime 1 minute: it runs on battery", "", false},
		{"a UPS that doesn't tell", nut(func(h *home) { h.nut.Status("BYPASS") }), "UPS ups", "warning", "doesn't tell whether there is mains", "driver", false},
		{"a UPS without a status", nut(func(h *home) { h.nut.Status("") }), "UPS ups", "failed", "", "Correct HIKBRIDGE_UPS", true},
		{"a UPS that tells no charge", nut(func(h *home) { h.nut.Set("battery.charge", "") }), "UPS ups", "warning", "isn't believed until its battery is low", "second source", false},
		{"the same beside a topic", nut(func(h *home) {
			h.nut.Set("battery.charge", "")
			h.config.Mains.Topic, h.config.Mains.Present, h.config.Mains.Lost = "home/mains", "on", "off"
		}), "UPS ups", "warning", "needs the topic's word, too", "", false},
		{"an old battery", nut(func(h *home) { h.nut.Status("OL RB") }), "UPS ups", "warning", "it wants a new battery", "Replace", false},
		{"another name", nut(func(h *home) { h.config.Mains.UPS = "rack" }), "UPS rack", "failed", "the server has no UPS of this name", "Correct the name in HIKBRIDGE_UPS; the server has: ups.", true},
		{"another name, and the names aren't told", nut(func(h *home) {
			h.config.Mains.UPS = "rack"
			h.nut.Fault(bridgetest.NUTDenied, "LIST")
		}), "UPS rack", "failed", "no UPS of this name", "Correct HIKBRIDGE_UPS, or look at the NUT server", true},
		{"no server", nut(func(h *home) { h.nut.Fault(bridgetest.NUTDown, "") }), "UPS ups", "failed", "can't be reached", "look at the NUT server", true},
		{"a server that is silent", nut(func(h *home) { h.nut.Fault(bridgetest.NUTSilent, "") }), "UPS ups", "failed", "no answer in time", "look at the NUT server", true},
		{"a dead driver", nut(func(h *home) { h.nut.Fault(bridgetest.NUTDriverDead, "GET") }), "UPS ups", "failed", "the driver of the UPS isn't connected", "", true},
		{"a command that the UPS has", commands("shutdown.return"), "UPS command", "ok", "the UPS has shutdown.return", "", false},
		{"a command that it doesn't have", commands("shutdown.reboot"), "UPS command", "failed",
			"the UPS has no command shutdown.reboot; it has load.off, load.on, shutdown.return, shutdown.stayoff", "Correct HIKBRIDGE_UPS_COMMAND", true},
		{"a user who isn't let in", func(h *home) {
			commands("shutdown.return")(h)
			h.nut.Fault(bridgetest.NUTDenied, "LIST")
		}, "UPS command", "failed", "denied", "HIKBRIDGE_UPS_PASSWORD", true},
		{"none", func(*home) {}, "topic home/mains", "", "", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &home{world: newWorld(t, map[string]nvrtest.Config{"garage": {}})}
				row.prepare(h)
				report := bridge.Check(t.Context(), h.config)
				f := finding(report, "mains", row.check)
				if f.Result != row.result || !strings.Contains(f.Text, row.text) || !strings.Contains(f.Advice, row.advice) || report.OK() == row.failed {
					t.Errorf("OK %v, finding %+v in %+v", report.OK(), f, report)
				}
				if outage := finding(report, "recorder garage", "outage"); (outage.Result == "") != (row.result == "") {
					t.Errorf("%+v", outage)
				}
			})
		})
	}
}

func TestCheckTellsWhetherAnOutageWouldShutItDown(t *testing.T) {
	ran := func(h *home) { // it is known, and no drill was passed
		h.start()
		time.Sleep(2 * time.Minute)
		h.stop()
	}
	for _, row := range []struct {
		name                 string
		prepare              func(*home)
		result, text, advice string
	}{
		{"never started", func(*home) {}, "warning", "not shut down: no drill was passed on this firmware, and a topic doesn't tell", "Do a shutdown drill"},
		{"no drill", ran, "warning", "not shut down: no drill was passed", "set ANY_OUTAGE=true"},
		{"no drill, and a UPS", func(h *home) {
			ran(h)
			h.nut = h.battery()
		}, "warning", "shut down only at low battery", "Do a shutdown drill"},
		{"no drill is needed", func(h *home) { h.config.Recorders[0].Power.AnyOutage = true }, "ok", "shut down, drill or not", ""},
		{"a missing right", func(h *home) {
			h.config.Recorders[0].Power.AnyOutage = true
			h.recorder.SetRights(nvrtest.Rights{Lacks: []string{"restartOrShutdown"}})
		}, "warning", "not shut down now: the account may not shut it down", "User > Permission"},
		{"a wrong password", func(h *home) { h.recorder.SetPassword("canary-x") }, "warning", "not shut down now: it can't be used", "See above"},
		{"the switch is off", func(h *home) {
			h.config.Recorders[0].Power.AnyOutage = true
			h.start()
			time.Sleep(time.Minute)
			h.toggle("OFF")
			h.stop()
		}, "warning", "not shut down now: Automatic shutdown is switched off", "in Home Assistant"},
		{"a damaged journal", func(h *home) {
			ran(h)
			if err := os.WriteFile(journalFile(h), []byte("no journal at all, but long enough"), 0o600); err != nil {
				h.t.Fatal(err)
			}
		}, "warning", "not shut down now: its journal can't be read", "Status"},
		{"beside a running bridge", func(h *home) {
			h.start()
			time.Sleep(time.Minute)
		}, "warning", "not shut down: no drill was passed", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &home{world: newWorld(t, map[string]nvrtest.Config{"garage": {}})}
				h.recorder = h.recorders["garage"]
				h.config.Mains = bridge.MainsConfig{Topic: "home/mains", Present: "on", Lost: "off"}
				h.mains("on")
				row.prepare(h)
				report := bridge.Check(t.Context(), h.config)
				if f := finding(report, "recorder garage", "outage"); f.Result != row.result || !strings.Contains(f.Text, row.text) || !strings.Contains(f.Advice, row.advice) {
					t.Errorf("%+v in %+v", f, report)
				}
				if off := finding(report, "mains", "automatic shutdown").Result != ""; off != strings.Contains(row.text, "Automatic shutdown") {
					t.Errorf("%+v", report)
				}
			})
		})
	}
}

func TestCheckKnowsOfAPassedDrill(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.config.Mains = bridge.MainsConfig{Topic: "home/mains", Present: "on", Lost: "off"}
		h.drills()
		h.reaches("off", 20*time.Minute)
		h.reaches("running", 5*time.Minute)
		time.Sleep(time.Minute)
		outage := func() bridge.Finding {
			return finding(bridge.Check(t.Context(), h.config), "recorder garage", "outage")
		}
		running := outage()
		h.stop()
		if f := outage(); f != running || f.Result != "ok" || !strings.Contains(f.Text, "a drill was passed on "+time.Now().Format(time.DateOnly)) {
			t.Errorf("%+v, while it ran %+v", f, running)
		}
		h.recorder.SetFirmware("V4.63.100")
		if f := outage(); f.Result != "warning" || !strings.Contains(f.Text, "no drill was passed on this firmware") {
			t.Errorf("with other firmware: %+v", f)
		}
	})
}

func TestCheckTellsTheFingerprintToPin(t *testing.T) {
	w := newWorld(t, map[string]nvrtest.Config{"nvr": {TLS: &tls.Config{}}})
	w.config.Recorders[0].URL, w.config.Recorders[0].TLS = "https://192.0.2.10", "verify"
	sum := w.recorders["nvr"].Fingerprint()
	f := finding(bridge.Check(t.Context(), w.config), "recorder nvr", "sign-in")
	if f.Result != "failed" || !strings.Contains(f.Advice, hex.EncodeToString(sum[:])) {
		t.Fatalf("%+v", f)
	}
	w.config.Recorders[0].TLS, w.config.Recorders[0].Fingerprint = "pin", hex.EncodeToString(sum[:])
	if f := finding(bridge.Check(t.Context(), w.config), "recorder nvr", "sign-in"); f.Result != "ok" {
		t.Fatalf("with the pin: %+v", f)
	}
}

func TestCheckBesideARunningBridgeSendsNoCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"nvr": {}})
		w.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		w.recorders["nvr"].ResetCounters()
		report := bridge.Check(t.Context(), w.config)
		if f := finding(report, "recorder nvr", "sign-in"); f.Result != "unknown" {
			t.Errorf("%+v", f)
		}
		if n := len(w.recorders["nvr"].Requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
		if _, err := bridge.New(w.config); !errors.Is(err, bridge.ErrInUse) {
			t.Errorf("a second bridge: %v", err)
		}
		if _, err := bridge.Purge(t.Context(), w.config, "nvr"); !errors.Is(err, bridge.ErrInUse) {
			t.Errorf("purge beside it: %v", err)
		}
	})
}

func TestHealthyMeansThatTheLoopTurns(t *testing.T) {
	w := newWorld(t, nil)
	if err := bridge.Healthy(w.config.StateDir); err == nil {
		t.Error("healthy without any sign of life")
	}
	alive := filepath.Join(w.config.StateDir, "alive")
	if err := os.WriteFile(alive, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bridge.Healthy(w.config.StateDir); err != nil {
		t.Errorf("just touched: %v", err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(alive, old, old); err != nil {
		t.Fatal(err)
	}
	if err := bridge.Healthy(w.config.StateDir); err == nil {
		t.Error("healthy a minute after the last sign of life")
	}
}

func TestAStateDirectoryThatCannotBeWrittenNeedsAttention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"nvr": {}})
		w.config.StateDir = filepath.Join(w.config.StateDir, "sub")
		if err := os.Mkdir(w.config.StateDir, 0o700); err != nil {
			t.Fatal(err)
		}
		w.recorders["nvr"].Unplug()
		w.start()
		time.Sleep(time.Minute)
		if err := os.RemoveAll(w.config.StateDir); err != nil {
			t.Fatal(err)
		}
		w.recorders["nvr"].Plug()
		time.Sleep(2 * time.Minute)
		w.expect("without a state directory", map[string]string{"hikbridge/bridge/needs_attention": "ON"})
		if s := w.value("hikbridge/bridge/needs_attention/attributes"); !strings.Contains(s, "state directory") {
			t.Errorf("reasons: %s", s)
		}
		for _, q := range w.recorders["nvr"].Requests() {
			if q.Credentials {
				t.Fatal("credentials were sent though they couldn't be counted")
			}
		}
		if err := os.Mkdir(w.config.StateDir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		w.expect("with it again", map[string]string{"hikbridge/bridge/needs_attention": "OFF", "hikbridge/nvr/availability": "online"})
	})
}

func TestCheckTellsTheClockInWords(t *testing.T) {
	for offset, want := range map[time.Duration]string{
		-90 * time.Second:         `^1 min 3[01] s behind this machine's clock$`, // it tells full seconds
		time.Hour + 5*time.Minute: `^1 h (4 min 59|5 min 0) s ahead of this machine's clock$`,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, map[string]nvrtest.Config{"nvr": {ClockOffset: offset}})
			if f := finding(bridge.Check(t.Context(), w.config), "recorder nvr", "clock"); !regexp.MustCompile(want).MatchString(f.Text) {
				t.Errorf("%v: %+v", offset, f)
			}
		})
	}
}
