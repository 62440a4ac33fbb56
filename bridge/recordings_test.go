package bridge_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/nvr/nvrtest"
)

// recordings is where answers of real devices lie beside the project.
const recordings = "../../shared/recordings/devices"

// recorded is what a recording says of a device, read here independently of the
// program: the cameras' names and models.
type recorded struct {
	serial, model string
	names         map[string]string // camera name → model
}

func TestRecordedDevicesAppearWithEveryChannel(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(recordings, "*.json"))
	if len(files) == 0 {
		t.Skipf("no recordings of real devices in %s", recordings)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := readRecorded(t, content)
			synctest.Test(t, func(t *testing.T) { showRecorded(t, content, want) })
		})
	}
}

func showRecorded(t *testing.T, content []byte, want recorded) {
	r, err := nvrtest.Replay(strings.NewReader(string(content)), nvrtest.Config{Username: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	w.recorders["nvr"] = r
	w.config.Recorders = append(w.config.Recorders, bridge.RecorderConfig{Name: "nvr", URL: "http://192.0.2.10", Username: user, Password: password, Dial: r.Dial})
	for range 3 { // two restarts: what isn't supported stays known
		w.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		w.expect("after an hour", map[string]string{"hikbridge/nvr/availability": "online", "hikbridge/nvr/sign_in": "ok"})
		w.stop()
	}
	names := map[string]string{}
	for name, d := range w.documents() {
		dev := d["dev"].(map[string]any)
		model, _ := dev["mdl"].(string)
		if ids := dev["ids"].([]any)[0].(string); strings.Contains(ids, "_ch") {
			names[strings.TrimSuffix(name, " 2")] = model
		} else if ids != "hikbridge" && (model != want.model || dev["sn"] != want.serial) {
			t.Errorf("recorder: %v", dev)
		}
	}
	for name, model := range want.names {
		if got, ok := names[name]; !ok || got != model {
			t.Errorf("camera %q: model %q (present: %v), want %q", name, got, ok, model)
		}
	}
	if len(names) != len(want.names) {
		t.Errorf("cameras: %v, want %v", names, want.names)
	}
	if n := r.Rejected(); n != 0 {
		t.Errorf("%d rejected logins", n)
	}
	if log := w.log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
		t.Errorf("the log has a warning that nobody can act on:\n%s", log)
	}
	w.askedOnce("nvr")
	w.checkTable()
}

// readRecorded walks the recording as it is written.
func readRecorded(t *testing.T, content []byte) recorded {
	t.Helper()
	var file struct {
		Data struct {
			ISAPI map[string]struct {
				Response map[string]any `json:"response"`
			}
		} `json:"data"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	info := file.Data.ISAPI["System/deviceInfo"].Response["DeviceInfo"].(map[string]any)
	w := recorded{serial: info["serialNumber"].(string), model: info["model"].(string), names: map[string]string{}}
	isCamera := strings.HasPrefix(info["deviceType"].(string), "IP")
	each := func(path, list, item string, take func(map[string]any)) {
		root, _ := file.Data.ISAPI[path].Response[list].(map[string]any)
		switch v := root[item].(type) {
		case []any:
			for _, ch := range v {
				take(ch.(map[string]any))
			}
		case map[string]any:
			take(v)
		}
	}
	each("ContentMgmt/InputProxy/channels", "InputProxyChannelList", "InputProxyChannel", func(ch map[string]any) {
		model, _ := ch["sourceInputPortDescriptor"].(map[string]any)["model"].(string)
		w.names[ch["name"].(string)] = model
	})
	each("System/Video/inputs/channels", "VideoInputChannelList", "VideoInputChannel", func(ch map[string]any) {
		name, model := ch["name"].(string), ""
		if isCamera {
			model = w.model
		}
		w.names[name] = model
	})
	return w
}

// No recorded device was in the middle of anything that forbids a shutdown, and none
// tells whether it can be shut down: that, and the right, must be unknown.
func TestPreflightOfRecordedDevicesIsTrue(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(recordings, "*.json"))
	if len(files) == 0 {
		t.Skipf("no recordings of real devices in %s", recordings)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { preflightRecorded(t, content) })
		})
	}
}

func preflightRecorded(t *testing.T, content []byte) {
	r, err := nvrtest.Replay(strings.NewReader(string(content)), nvrtest.Config{Username: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	w.recorders["garage"] = r
	w.config.Recorders = append(w.config.Recorders, bridge.RecorderConfig{Name: "garage", URL: "http://192.0.2.10", Username: user, Password: password, Dial: r.Dial})
	w.start()
	time.Sleep(3 * time.Minute)
	h := &home{world: w, recorder: r}
	h.press("check")
	time.Sleep(time.Minute)
	var shown struct{ Findings []bridge.Blocker }
	if err := json.Unmarshal([]byte(w.value("hikbridge/garage/blockers/attributes")), &shown); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, f := range shown.Findings {
		t.Logf("%-4s %-10s %s [%s] %s", f.Severity, f.ID, f.Text, f.Evidence, f.Advice)
		if _, twice := texts[f.ID]; twice || f.Severity == "hard" || f.Severity == "soft" && f.ID != "right" {
			t.Errorf("%s %s: %s", f.Severity, f.ID, f.Text)
		}
		texts[f.ID] = f.Text
	}
	if s := texts["support"]; !strings.Contains(s, "isn't known") {
		t.Errorf("support: %q", s)
	}
	if got := w.results("garage"); got != "accepted done" {
		t.Errorf("results %s", got)
	}
}
