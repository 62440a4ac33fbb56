package bridge_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/discovery"
	"hikbridge/nvr/nvrtest"
)

const window = 35 * time.Minute

// component is one entity of a document.
type component struct {
	Platform   string   `json:"p"`
	State      string   `json:"stat_t"`
	Attributes string   `json:"json_attr_t"`
	Command    string   `json:"cmd_t"`
	Image      string   `json:"img_t"`
	Options    []string `json:"ops"`
	Class      string   `json:"dev_cla"`
}

// checkTable holds what is announced against what is published: Home Assistant
// takes every document, every announced key has a value or an explicit unknown, no value is without a key, every value
// of an enum is among its options.
func (w *world) checkTable() {
	w.t.Helper()
	announced := map[string]bool{}
	for name, d := range w.documents() {
		raw, _ := json.Marshal(d["cmps"])
		var components map[string]component
		if err := json.Unmarshal(raw, &components); err != nil {
			w.t.Errorf("%s: %v", name, err)
		}
		for key, c := range components {
			announced[c.State], announced[c.Attributes] = true, true
			w.checkComponent(name+" "+key, c)
		}
	}
	for _, topic := range w.broker.Topics() {
		if strings.HasSuffix(topic, "/config") {
			for _, p := range discovery.Check(topic, []byte(w.value(topic))) {
				w.t.Errorf("%s: Home Assistant: %+v", topic, p)
			}
		}
		if strings.HasPrefix(topic, "hikbridge/") && !strings.HasSuffix(topic, "/availability") && !strings.HasSuffix(topic, "/events") && !strings.HasSuffix(topic, "/idle") && !announced[topic] {
			w.t.Errorf("%s has the value %q and isn't announced", topic, w.value(topic))
		}
	}
}

func (w *world) checkComponent(name string, c component) {
	w.t.Helper()
	if c.Command != "" {
		return
	}
	if c.Platform == "event" || c.Platform == "image" {
		if topic := c.State + c.Image; topic == "" || w.value(topic) != "" {
			w.t.Errorf("%s has the retained value %q on %q", name, w.value(topic), topic)
		}
		return
	}
	state := w.value(c.State)
	if state == "" {
		w.t.Errorf("%s has no value on %s", name, c.State)
	}
	if c.Attributes != "" && !json.Valid([]byte(w.value(c.Attributes))) {
		w.t.Errorf("%s: attributes %q", name, w.value(c.Attributes))
	}
	among := state == "None"
	for _, o := range c.Options {
		among = among || o == state
	}
	switch {
	case c.Class == "enum" && !among:
		w.t.Errorf("%s is %q, which is no option", name, state)
	case c.Class == "timestamp" && state != "None":
		if _, err := time.Parse(time.RFC3339, state); err != nil {
			w.t.Errorf("%s: %v", name, err)
		}
	case c.Platform == "binary_sensor" && state != "ON" && state != "OFF" && state != "None":
		w.t.Errorf("%s is %q", name, state)
	}
}

func TestEveryModelShowsWhatItTellsAndNothingElse(t *testing.T) {
	for _, m := range []nvrtest.Model{nvrtest.NVR, nvrtest.OldNVR, nvrtest.DVR, nvrtest.Camera, nvrtest.DualCamera, nvrtest.OldCamera} {
		t.Run(m.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]nvrtest.Config{"nvr": {Model: m}})
				w.start()
				time.Sleep(10 * time.Second)
				synctest.Wait()
				w.expect("after 10 s", map[string]string{"hikbridge/nvr/availability": "online", "hikbridge/nvr/sign_in": "ok"})
				w.checkTable()
				time.Sleep(time.Hour)
				synctest.Wait()
				w.expect("after an hour", map[string]string{"hikbridge/nvr/availability": "online"})
				w.checkTable()
				if n := w.recorders["nvr"].Rejected(); n != 0 {
					t.Errorf("%d rejected logins", n)
				}
				if strings.Contains(w.log.String(), "level=WARN") || strings.Contains(w.log.String(), "level=ERROR") {
					t.Errorf("the log has a warning that nobody can act on:\n%s", w.log)
				}
				w.askedOnce("nvr")
			})
		})
	}
}

// askedOnce checks that nothing unsupported was asked twice. A question in a
// sign-in is two requests: for the challenge, and with the answer.
func (w *world) askedOnce(name string) {
	w.t.Helper()
	refused := map[string]int{}
	for _, q := range w.recorders[name].Requests() {
		switch q.Status {
		case 400, 403, 404, 405, 500, 501, 503:
			refused[q.Path]++
		}
	}
	for path, n := range refused {
		if n > 1 {
			w.t.Errorf("%s isn't supported and was asked %d times", path, n)
		}
	}
}

func TestAnIdleRecorderSeesSixRequestsAMinuteAtMost(t *testing.T) {
	tests := []struct {
		name   string
		config nvrtest.Config
	}{
		{"32 IP channels", nvrtest.Config{Channels: 32}},
		{"one-time nonces", nvrtest.Config{Channels: 32, NonceUses: 1}},
		{"nonces good for half a minute", nvrtest.Config{Channels: 32, NonceLife: 30 * time.Second}},
		{"a hybrid recorder", nvrtest.Config{Model: nvrtest.DVR, Channels: 16, IPChannels: 16}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]nvrtest.Config{"nvr": tt.config})
				w.start()
				time.Sleep(5 * time.Minute)
				r := w.recorders["nvr"]
				r.ResetCounters()
				time.Sleep(2 * time.Hour)
				if n := r.MaxRequestsIn(time.Minute); n > 6 || n == 0 {
					t.Errorf("%d requests in one minute", n)
				}
				w.expect("after 2 h", map[string]string{"hikbridge/nvr/availability": "online"})
			})
		})
	}
}

func TestEverythingIsAnnouncedWithin5SecondsThoughEachAnswerTakes150Milliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"nvr": {Channels: 32}})
		w.recorders["nvr"].Fail(nvrtest.Fault{Delay: 150 * time.Millisecond})
		w.start()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := len(w.documents()); n != 34 {
			t.Fatalf("%d documents after 5 s", n)
		}
		w.expect("after 5 s", map[string]string{"hikbridge/nvr/availability": "online", "hikbridge/nvr/ch/32/connection": "ON"})
	})
}

func TestAWrongPasswordIsToldAndCanBeCorrectedOnTheRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		r := w.recorders["garage"]
		r.SetPassword("canary-other")
		w.start()
		time.Sleep(20 * time.Minute)
		w.expect("with a wrong password", map[string]string{
			"hikbridge/bridge/recorders_reachable": "0",
			"hikbridge/bridge/needs_attention":     "ON",
			"hikbridge/garage/status":              "", // nothing is announced before the first sign-in
		})
		if s := w.value("hikbridge/bridge/needs_attention/attributes"); !strings.Contains(s, "User name or password rejected; next try at") {
			t.Errorf("reasons: %s", s)
		}
		if n := r.Rejected(); n != 1 {
			t.Errorf("%d rejected logins in 20 minutes", n)
		}
		r.SetPassword(password)
		w.broker.Publish("hikbridge/command/garage/retry_sign_in", []byte("PRESS"), false)
		time.Sleep(5 * time.Second)
		w.expect("after Retry sign-in", map[string]string{
			"hikbridge/garage/availability":    "online",
			"hikbridge/garage/sign_in":         "ok",
			"hikbridge/bridge/needs_attention": "OFF",
		})
		if got := w.results("garage"); got != "accepted done" {
			t.Errorf("results: %s", got)
		}
		w.checkTable()
	})
}

// results are the verdicts and outcomes about a target, in order.
func (w *world) results(target string) string {
	var words []string
	for _, p := range w.broker.Log() {
		if !p.Sent && p.Packet == "PUBLISH" && p.Topic == "hikbridge/"+target+"/result" {
			if p.Retain {
				w.t.Errorf("a result is retained: %s", p.Payload)
			}
			var v struct {
				EventType string `json:"event_type"`
				Reason    string `json:"reason"`
			}
			if err := json.Unmarshal(p.Payload, &v); err != nil {
				w.t.Error(err)
			}
			words = append(words, strings.TrimSuffix(v.EventType+":"+v.Reason, ":"))
		}
	}
	return strings.Join(words, " ")
}

func TestACommandForAllIsCarriedOutByAllOrByNone(t *testing.T) {
	for _, tt := range []struct{ full, want string }{
		{"", "accepted done done"},
		{"shed", "refused:busy"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			w.add("garage", nvrtest.Config{})
			w.add("shed", nvrtest.Config{})
			if tt.full != "" {
				w.made = func(b *bridge.Bridge) { b.NoRoom(tt.full) }
			}
			w.start()
			time.Sleep(time.Minute)
			w.broker.Publish("hikbridge/command/site/retry_sign_in", []byte("PRESS"), false)
			time.Sleep(time.Minute)
			if got := w.results("site"); got != tt.want {
				t.Errorf("with %q full: %q, want %q", tt.full, got, tt.want)
			}
		})
	}
}

func TestTheLoginLimitHoldsOverACrashLoopOfTheBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Lock: nvrtest.LockEvery}})
		w.config.Recorders[0].Password = "canary-wrong"
		for range 20 {
			w.start()
			time.Sleep(3 * time.Second)
			w.stop()
		}
		for i := range 3 { // and three edits
			w.config.Recorders[0].Password = bridge.Secret(fmt.Sprintf("canary-wrong-%d", i))
			w.start()
			time.Sleep(5 * time.Minute)
			w.stop()
		}
		if n := w.recorders["garage"].MaxRejectedIn(window); n != 2 {
			t.Errorf("%d rejected logins in %v", n, window)
		}
	})
}

func TestAPasswordChangedOnTheDeviceIsNoticedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		w.recorders["garage"].SetPassword("canary-other")
		time.Sleep(10 * time.Minute)
		w.expect("after the change", map[string]string{
			"hikbridge/garage/availability":    "offline",
			"hikbridge/garage/connection":      "ON", // it answers, but doesn't let us in
			"hikbridge/garage/sign_in":         "rejected",
			"hikbridge/garage/needs_attention": "ON",
			"hikbridge/bridge/needs_attention": "ON",
		})
		if s := w.value("hikbridge/garage/sign_in/attributes"); !strings.Contains(s, `"until":"`) {
			t.Errorf("until: %s", s)
		}
		if n := w.recorders["garage"].MaxRejectedIn(window); n > 2 {
			t.Errorf("%d rejected logins", n)
		}
		w.checkTable()
	})
}

// trouble is something that happens to a recorder, and its end.
type trouble struct {
	name       string
	begin, end func(*nvrtest.Recorder)
}

func troubles() []trouble {
	clearFaults := func(r *nvrtest.Recorder) { r.ClearFaults() }
	return []trouble{
		{"unplugged", (*nvrtest.Recorder).Unplug, (*nvrtest.Recorder).Plug},
		{"port closed", func(r *nvrtest.Recorder) {
			r.PortClosed(true)
			r.Fail(nvrtest.Fault{Reset: true, Times: 1}) // of the connection that is open
		}, func(r *nvrtest.Recorder) { r.PortClosed(false) }},
		{"half-open", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{HalfOpen: true}) }, clearFaults},
		{"resets", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Reset: true}) }, clearFaults},
		{"30 s for each answer", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Delay: 30 * time.Second}) }, clearFaults},
		{"an endless header", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{EndlessHeader: true}) }, clearFaults},
		{"a login page", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{LoginPage: true}) }, clearFaults},
	}
}

func TestARecorderThatIsAwayIsOfflineAndComesBackByItself(t *testing.T) {
	for _, tr := range troubles() {
		for _, away := range []time.Duration{2 * time.Minute, time.Hour} {
			t.Run(fmt.Sprintf("%s for %v", tr.name, away), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, map[string]nvrtest.Config{"garage": {}, "barn": {Model: nvrtest.DVR}})
					w.start()
					time.Sleep(time.Minute)
					garage := w.recorders["garage"]
					tr.begin(garage)
					time.Sleep(away)
					w.expect("away", map[string]string{
						"hikbridge/garage/availability":        "offline",
						"hikbridge/garage/connection":          "OFF",
						"hikbridge/barn/availability":          "online", // one doesn't disturb the other
						"hikbridge/bridge/recorders_reachable": "1",
					})
					if away > 15*time.Minute {
						w.expect("away for long", map[string]string{"hikbridge/garage/needs_attention": "ON"})
					}
					if s := w.value("hikbridge/garage/status"); !strings.HasPrefix(s, "No answer since ") && !strings.HasPrefix(s, "Can't be used: ") {
						t.Errorf("status: %s", s)
					}
					garage.SetCamera(nvrtest.IP(1), false, "errorUserNameOrPasswd")
					tr.end(garage)
					time.Sleep(time.Minute)
					w.expect("a minute after it answers", map[string]string{
						"hikbridge/garage/availability":        "online",
						"hikbridge/garage/connection":          "ON",
						"hikbridge/garage/ch/1/offline_reason": "wrong_password",
						"hikbridge/garage/needs_attention":     "OFF",
					})
					if n := garage.Rejected(); n > 0 {
						t.Errorf("%d rejected logins", n)
					}
					w.checkTable()
				})
			})
		}
	}
}

func TestOneLostAnswerIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		for range 20 {
			w.recorders["garage"].Fail(nvrtest.Fault{Reset: true, Times: 1})
			time.Sleep(5 * time.Minute)
		}
		if strings.Contains(w.log.String(), "level=WARN") {
			t.Errorf("the diary has a warning:\n%s", w.log)
		}
		w.expect("afterwards", map[string]string{"hikbridge/garage/availability": "online"})
	})
}

func TestARebootedRecorderIsReadAnewOnceItsBootIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		before := w.value("hikbridge/garage/last_boot")
		garage := w.recorders["garage"]
		garage.SetFirmware("V4.70.100")
		garage.RebootWith(nvrtest.Boot{Down: 90 * time.Second, Errors: 2 * time.Minute})
		time.Sleep(90*time.Second + 2*time.Minute + time.Minute)
		w.expect("a minute after it answers properly", map[string]string{"hikbridge/garage/availability": "online"})
		if after := w.value("hikbridge/garage/last_boot"); after == before || after == "None" {
			t.Errorf("last boot: %s, before %s", after, before)
		}
		if d := w.documents()["Garage"]; !strings.HasPrefix(d["dev"].(map[string]any)["sw"].(string), "V4.70.100") {
			t.Errorf("firmware: %v", d["dev"])
		}
		if n := garage.Rejected(); n > 1 {
			t.Errorf("%d requests with credentials were rejected", n)
		}
		w.checkTable()
	})
}

func TestALaterStartAnnouncesAtOnceWhatIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		w.stop()
		w.broker.Forget()
		w.recorders["garage"].Unplug()
		w.start()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(w.documents()); n != 6 {
			t.Errorf("%d documents", n)
		}
		w.expect("before it answers", map[string]string{
			"hikbridge/garage/availability": "offline", "hikbridge/garage/connection": "None", "hikbridge/garage/status": "Connecting",
		})
		w.checkTable()
		w.recorders["garage"].Plug()
		time.Sleep(time.Minute)
		w.expect("when it answers", map[string]string{"hikbridge/garage/availability": "online"})
		w.askedOnce("garage")
	})
}

func TestAnotherBoxAtTheAddressIsNoRecorderOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		r := w.recorders["garage"]
		ours := r.Serial()
		r.SetSerial("DS-7608NXI-I2/8P/S0020260101CCRRX000000001WCVU")
		time.Sleep(15 * time.Minute)
		w.expect("with another box", map[string]string{"hikbridge/garage/availability": "offline", "hikbridge/garage/needs_attention": "ON"})
		reasons := w.value("hikbridge/garage/needs_attention/attributes")
		if !strings.Contains(reasons, ours) || !strings.Contains(reasons, "CCRRX000000001") || !strings.Contains(reasons, "hikbridge purge garage") {
			t.Errorf("reasons: %s", reasons)
		}
		w.stop()
		w.start() // a restart doesn't accept it either
		time.Sleep(time.Minute)
		w.expect("after a restart", map[string]string{"hikbridge/garage/availability": "offline"})
		w.stop()
		if _, err := bridge.Purge(t.Context(), w.config, "garage"); err != nil {
			t.Fatal(err)
		}
		if aside, _ := filepath.Glob(filepath.Join(w.config.StateDir, "power-garage.journal*")); len(aside) != 1 || !strings.HasSuffix(aside[0], ".purged") {
			t.Errorf("journals after purge: %v", aside)
		}
		if docs := w.documents(); len(docs) != 1 {
			t.Errorf("after purge: %v", docs)
		}
		w.start()
		time.Sleep(time.Minute)
		w.expect("after purge", map[string]string{"hikbridge/garage/availability": "online"})
		w.checkTable()
	})
}

func TestARenamedRecorderKeepsItsIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Name: "same"}})
		w.start()
		time.Sleep(time.Minute)
		w.stop()
		before := documentTopics(w)
		w.config.Recorders[0].Name = "barn"
		w.start()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if after := documentTopics(w); after != before {
			t.Errorf("documents were %s, are %s", before, after)
		}
		for _, topic := range w.broker.Topics() {
			if strings.HasPrefix(topic, "hikbridge/garage/") {
				t.Errorf("%s is left", topic)
			}
		}
		w.expect("under its new name", map[string]string{"hikbridge/barn/availability": "online"})
		w.checkTable()
	})
}

func documentTopics(w *world) string {
	var topics []string
	for _, topic := range w.broker.Topics() {
		if strings.HasSuffix(topic, "/config") {
			topics = append(topics, topic)
		}
	}
	return strings.Join(topics, " ")
}

func TestARemovedRecorderIsClearedAndOtherBridgesAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}, "barn": {Model: nvrtest.DVR}})
		w.start()
		time.Sleep(time.Minute)
		w.stop()
		foreign := `{"dev":{"ids":["x"],"name":"Foreign"},"o":{"name":"hikbridge"},"avty":[{"t":"other/bridge/availability"}],"cmps":{}}`
		for _, topic := range w.broker.Topics() { // another bridge took one camera over
			if strings.HasSuffix(topic, "/config") && strings.Contains(w.value(topic), "hikbridge/garage/ch/1/") {
				w.broker.Publish(topic, []byte(foreign), true)
			}
		}
		for i, rc := range w.config.Recorders {
			if rc.Name == "garage" {
				w.config.Recorders = append(w.config.Recorders[:i], w.config.Recorders[i+1:]...)
				break
			}
		}
		w.start()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		docs := w.documents()
		if docs["Garage"] != nil || docs["Barn"] == nil || docs["Foreign"] == nil {
			t.Errorf("documents: %v", docs)
		}
		for _, topic := range w.broker.Topics() {
			if strings.HasPrefix(topic, "hikbridge/garage/") {
				t.Errorf("%s is left", topic)
			}
		}
	})
}

func TestOneDeviceUnderTwoNamesIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		twin := w.config.Recorders[0]
		twin.Name, twin.URL = "garage2", "http://192.0.2.200"
		w.config.Recorders = append(w.config.Recorders, twin)
		w.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(w.documents()); n != 6 {
			t.Errorf("%d documents", n)
		}
		if s := w.value("hikbridge/bridge/needs_attention/attributes"); !strings.Contains(s, "it is the same device as recorder") {
			t.Errorf("reasons: %s", s)
		}
	})
}

func TestCamerasComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 2}})
		w.start()
		time.Sleep(time.Minute)
		r := w.recorders["garage"]
		r.AddCamera(nvrtest.IP(3), nvrtest.Attached{Name: "New", Online: true, Detect: "connect"})
		r.RenameCamera(nvrtest.IP(2), "Porch")
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if docs := w.documents(); docs["New"] == nil || docs["Porch"] == nil {
			t.Errorf("documents: %v", docs)
		}
		r.RemoveCamera(nvrtest.IP(2))
		time.Sleep(20 * time.Minute)
		w.expect("a camera that left the list stays, unavailable", map[string]string{
			"hikbridge/garage/ch/2/availability": "offline", "hikbridge/garage/status": "Running, 2 of 2 cameras online",
		})
		d := w.documents()["Porch"]
		if d == nil || !strings.Contains(fmt.Sprint(d["avty"]), "hikbridge/garage/ch/2/availability") {
			t.Errorf("document: %v", d)
		}
		w.checkTable()
	})
}

func TestChannelsOfAHybridRecorderDoNotCollide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"dvr": {Model: nvrtest.DVR, Channels: 2, IPChannels: 2}})
		w.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(w.documents()); n != 6 {
			t.Errorf("%d documents: %v", n, w.documents())
		}
		w.checkTable()
		w.recorders["dvr"].SetCamera(nvrtest.IP(1), false, "netUnreachable")
		w.recorders["dvr"].SetCamera(nvrtest.Input(2), false, "")
		time.Sleep(2 * time.Minute)
		off := map[string]bool{}
		for _, topic := range w.broker.Topics() {
			if strings.HasSuffix(topic, "/connection") && w.value(topic) == "OFF" {
				off[topic] = true
			}
		}
		if len(off) != 2 {
			t.Errorf("offline: %v", off)
		}
		before := documentTopics(w)
		w.stop()
		w.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		if after := documentTopics(w); after != before {
			t.Errorf("ids changed over a restart: %s, before %s", after, before)
		}
	})
}

func TestOnlyPickedChannelsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 4}})
		w.start()
		time.Sleep(time.Minute)
		w.stop()
		w.config.Recorders[0].Channels = []string{"1", "3"}
		w.start()
		time.Sleep(time.Minute)
		w.expect("with two picked", map[string]string{
			"hikbridge/garage/status": "Running, 2 of 2 cameras online",
		})
		if n := len(w.documents()); n != 4 {
			t.Errorf("%d documents", n)
		}
	})
}

func TestAMissingRightIsToldAndCuredByRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		r := w.recorders["garage"]
		r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}})
		w.start()
		time.Sleep(time.Minute)
		w.expect("without the right", map[string]string{"hikbridge/garage/availability": "online", "hikbridge/garage/needs_attention": "ON"})
		if s := w.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(s, "Interrogate Working Status") {
			t.Errorf("reasons: %s", s)
		}
		r.SetRights(nvrtest.Rights{})
		w.broker.Publish("hikbridge/command/site/retry_sign_in", []byte("PRESS"), false)
		time.Sleep(5 * time.Second)
		w.expect("with the right", map[string]string{"hikbridge/garage/needs_attention": "OFF"})
		if w.value("hikbridge/garage/last_boot") == "" {
			t.Error("what is told now isn't announced")
		}
		if got := w.results("site"); got != "accepted done" {
			t.Errorf("results: %s", got)
		}
		w.checkTable()
	})
}

func TestABadDiskNeedsAttention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		for word, want := range map[string]string{"error": "error", "smartFailed": "smart_failed", "reparing": "repairing", "somethingNew": "unknown"} {
			w.recorders["garage"].SetDiskStatus(1, word)
			time.Sleep(6 * time.Minute)
			w.expect("disk "+word, map[string]string{"hikbridge/garage/disk_1": want})
			wants := "ON"
			if want == "repairing" || want == "unknown" {
				wants = "OFF"
			}
			w.expect("disk "+word, map[string]string{"hikbridge/garage/needs_attention": wants})
		}
	})
}

func TestOneOddAnswerAfterARebootIsNotBelievedForGood(t *testing.T) {
	for _, path := range []string{"System/deviceInfo", "ContentMgmt/InputProxy/channels/status", "System/status", "Security/userCheck"} {
		for _, status := range []int{404, 403} {
			t.Run(fmt.Sprintf("%s %d", path, status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
					w.start()
					time.Sleep(time.Minute)
					r := w.recorders["garage"]
					r.Reboot(time.Minute)
					r.Fail(nvrtest.Fault{Path: path, Exact: true, Answers: nvrtest.Granted, Status: status, Times: 1})
					time.Sleep(2 * time.Minute)
					r.SetCamera(nvrtest.IP(1), false, "netUnreachable")
					time.Sleep(2 * time.Minute)
					w.expect("four minutes later", map[string]string{
						"hikbridge/garage/availability": "online", "hikbridge/garage/ch/1/connection": "OFF", "hikbridge/garage/needs_attention": "OFF",
					})
				})
			})
		}
	}
}

func TestAnIdentityThatIsRefusedAtFirstIsAskedAgain(t *testing.T) {
	for _, sub := range []string{"notSupport", "lowPrivilege"} {
		t.Run(sub, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
				w.recorders["garage"].Fail(nvrtest.Fault{Path: "System/deviceInfo", Answers: nvrtest.Granted, Status: 403, SubStatus: sub, Times: 1})
				w.start()
				time.Sleep(10 * time.Minute)
				w.expect("later", map[string]string{"hikbridge/garage/availability": "online"})
			})
		})
	}
}

func TestWhatIsNotAnsweredAnyMoreIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		w.recorders["garage"].Fail(nvrtest.Fault{Path: "ContentMgmt/InputProxy/channels/status", Answers: nvrtest.Granted, Status: 503, SubStatus: "deviceBusy"})
		time.Sleep(10 * time.Minute)
		w.expect("refused for long", map[string]string{"hikbridge/garage/availability": "online", "hikbridge/garage/ch/1/connection": "None"})
		w.recorders["garage"].ClearFaults()
		time.Sleep(time.Minute)
		w.expect("answered again", map[string]string{"hikbridge/garage/ch/1/connection": "ON"})
	})
}

func TestEveryAcceptedCommandHasItsOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		for range 3 {
			w.broker.Publish("hikbridge/command/garage/retry_sign_in", []byte("PRESS"), false)
		}
		time.Sleep(10 * time.Second)
		got := w.results("garage")
		if strings.Count(got, "accepted") != 3 || strings.Count(got, "done") != 3 {
			t.Errorf("results: %s", got)
		}
	})
}
