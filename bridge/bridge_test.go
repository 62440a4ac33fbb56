package bridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/mqtt/mqtttest"
	"hikbridge/nvr/nvrtest"
)

const (
	user     = "owner"
	password = "canary-recorder-5Tz"
	brokerPW = "canary-broker-9Lm"
)

// world is a bridge between simulated recorders and a broker in memory, in a
// synctest bubble. Its end checks that no secret was shown and no recorder came
// near to a lock.
type world struct {
	t         *testing.T
	broker    *mqtttest.Broker
	recorders map[string]*nvrtest.Recorder
	config    bridge.Config
	log       *safeBuffer
	made      func(*bridge.Bridge) // of each bridge before it runs; or nil
	stop      func()
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newWorld makes a world of recorders by name; nothing runs yet.
func newWorld(t *testing.T, recorders map[string]nvrtest.Config) *world {
	w := &world{t: t, broker: mqtttest.New(), recorders: map[string]*nvrtest.Recorder{}, log: &safeBuffer{}}
	w.broker.Login("hikbridge", brokerPW)
	w.config = bridge.Config{
		Broker: bridge.BrokerConfig{URL: "mqtt://broker.example.org", Username: "hikbridge", Password: brokerPW, Dial: w.broker.Dial},
		Topic:  "hikbridge", DiscoveryPrefix: "homeassistant", BirthTopic: "homeassistant/status",
		StateDir: t.TempDir(), Version: "test",
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for name, c := range recorders {
		w.add(name, c)
	}
	t.Cleanup(w.end)
	return w
}

func (w *world) add(name string, c nvrtest.Config) {
	c.Username, c.Password = user, password
	if c.Name == "" {
		c.Name = name
	}
	r := nvrtest.New(c)
	w.recorders[name] = r
	w.config.Recorders = append(w.config.Recorders, bridge.RecorderConfig{
		Name: name, URL: fmt.Sprintf("http://192.0.2.%d", 10+len(w.config.Recorders)), Username: user, Password: password, Dial: r.Dial,
	})
}

// start runs a bridge on the world as it is configured now.
func (w *world) start() {
	w.t.Helper()
	b, err := bridge.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.made != nil {
		w.made(b)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { b.Run(ctx); close(done) }()
	w.stop = func() { cancel(); <-done; w.stop = nil }
}

func (w *world) end() {
	if w.stop != nil {
		w.stop()
	}
	w.broker.Close()
	for name, r := range w.recorders {
		r.Close()
		if n := r.MaxCountedIn(35 * time.Minute); n > 2 {
			w.t.Errorf("%s counted %d failed logins in 35 minutes", name, n)
		}
	}
	w.noCanary("log", w.log.String())
	for _, p := range w.broker.Log() {
		if !p.Sent && p.Packet == "PUBLISH" {
			w.noCanary("topic "+p.Topic, string(p.Payload))
		}
	}
	files, _ := filepath.Glob(filepath.Join(w.config.StateDir, "*"))
	for _, f := range files {
		content, _ := os.ReadFile(f)
		w.noCanary(f, string(content))
	}
}

func (w *world) noCanary(where, text string) {
	if strings.Contains(text, "canary") {
		w.t.Errorf("a secret is shown in %s: %s", where, text)
	}
}

// value is a retained payload, or "" when there is none.
func (w *world) value(topic string) string {
	payload, _ := w.broker.Retained(topic)
	return string(payload)
}

// expect checks retained payloads by topic, after everything has settled.
func (w *world) expect(when string, want map[string]string) {
	w.t.Helper()
	synctest.Wait()
	for topic, payload := range want {
		if got := w.value(topic); got != payload {
			w.t.Errorf("%s: %s is %q, want %q", when, topic, got, payload)
		}
	}
}

// documents gives all device documents by their device's name.
func (w *world) documents() map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, topic := range w.broker.Topics() {
		if !strings.HasSuffix(topic, "/config") {
			continue
		}
		var d map[string]any
		if err := json.Unmarshal([]byte(w.value(topic)), &d); err != nil {
			w.t.Errorf("%s: %v", topic, err)
			continue
		}
		name := d["dev"].(map[string]any)["name"].(string)
		if out[name] != nil { // a camera and its only channel
			name += " 2"
		}
		out[name] = d
	}
	return out
}

func TestARecorderAppearsWithItsCameras(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 3}})
		w.start()
		time.Sleep(5 * time.Second)
		w.expect("after 5 s", map[string]string{
			"hikbridge/bridge/availability":        "online",
			"hikbridge/bridge/recorders_reachable": "1",
			"hikbridge/bridge/needs_attention":     "OFF",
			"hikbridge/bridge/last_error":          "None",
			"hikbridge/garage/availability":        "online",
			"hikbridge/garage/status":              "Running, 3 of 3 cameras online",
			"hikbridge/garage/connection":          "ON",
			"hikbridge/garage/sign_in":             "ok",
			"hikbridge/garage/needs_attention":     "OFF",
			"hikbridge/garage/cameras_online":      "3",
			"hikbridge/garage/disk_1":              "ok",
			"hikbridge/garage/ch/2/connection":     "ON",
			"hikbridge/garage/ch/2/offline_reason": "none",
			"hikbridge/garage/ch/2/availability":   "online",
		})
		docs := w.documents()
		if len(docs) != 5 || docs["hikbridge"] == nil || docs["Garage"] == nil {
			t.Errorf("documents: %v", docs)
		}
		w.recorders["garage"].SetCamera(nvrtest.IP(2), false, "netUnreachable")
		time.Sleep(time.Minute)
		w.expect("with a camera unplugged", map[string]string{
			"hikbridge/garage/ch/2/connection":                "OFF",
			"hikbridge/garage/ch/2/offline_reason":            "unreachable",
			"hikbridge/garage/ch/2/offline_reason/attributes": `{"reported":"netUnreachable"}`,
			"hikbridge/garage/ch/2/availability":              "offline",
			"hikbridge/garage/status":                         "Running, 2 of 3 cameras online",
		})
		w.stop()
		w.expect("after the stop", map[string]string{
			"hikbridge/bridge/availability": "offline",
			"hikbridge/garage/availability": "offline",
		})
	})
}
