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
