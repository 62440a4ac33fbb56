package bridge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge"
)

func FuzzCommand(f *testing.F) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, p := range []string{"PRESS", "", "{}", fmt.Sprintf(`{"id":"a","at":%d,"by":"automation"}`, now.Unix()),
		fmt.Sprintf(`{"id":"a","at":%d,"ID":"b"}`, now.Unix()), `{"id":"a","at":1e9}`, `{"id":"a","at":1} {}`, "{\"id\":\"\xff\"}"} {
		f.Add("retry_sign_in", []byte(p), false)
	}
	f.Add("shutdown", []byte("PRESS"), true)
	f.Add("shutdown", []byte(`{"id":"a","at":1,"by":"somebody","force":["often"]}`), false)
	f.Add("outage", []byte("PRESS"), false)
	f.Add("pause_alerts", []byte(fmt.Sprintf(`{"id":"a","at":%d,"minutes":720,"state":"ON"}`, now.Unix())), false)
	f.Add("resume_alerts", []byte("resume_alerts"), false)
	f.Fuzz(func(t *testing.T, action string, payload []byte, retained bool) {
		verdict, accepted := bridge.JudgeCommand(now, action, payload, retained)
		if !accepted {
			return
		}
		// The machine of each recorder judges the age of what is about power.
		power := slices.Contains([]string{"check", "plan", "shutdown", "reboot", "drill", "confirm_off", "power_on", "power_cycle", "cancel"}, action)
		ours := slices.Contains([]string{"retry_sign_in", "pause_alerts", "resume_alerts"}, action)
		switch {
		case retained || !ours && !power || len(payload) > 4096 || verdict != "accepted":
			t.Fatalf("accepted: action %q, retained %v, %d bytes, verdict %q", action, retained, len(payload), verdict)
		case payload[0] != '{':
			if s := string(payload); s != "PRESS" && s != action {
				t.Fatalf("accepted plain %q", s)
			}
			return
		}
		var e struct {
			ID      string `json:"id"`
			At      int64  `json:"at"`
			Minutes *int   `json:"minutes"`
		}
		if err := json.NewDecoder(bytes.NewReader(payload)).Decode(&e); err != nil || e.ID == "" {
			t.Fatalf("accepted %q: %v", payload, err)
		}
		if e.Minutes != nil && (action != "pause_alerts" || *e.Minutes < 1 || *e.Minutes > 720) {
			t.Fatalf("accepted %q of %s", payload, action)
		}
		if age := now.Sub(time.Unix(e.At, 0)); !power && (age > 30*time.Second || age < -time.Minute) {
			t.Fatalf("accepted a command of %v", age)
		}
	})
}

func FuzzCommandTopic(f *testing.F) {
	f.Add("hikbridge/command/garage/retry_sign_in")
	f.Add("hikbridge/command/site/retry_sign_in")
	f.Add("hikbridge/command//x")
	f.Add("hikbridge/command/garage/ch/1/x")
	f.Fuzz(func(t *testing.T, topic string) {
		name, camera, action, ok := bridge.Route("hikbridge", "garage", topic)
		if !ok {
			return
		}
		want := "hikbridge/command/" + name + "/" + action
		if camera != "" {
			want = "hikbridge/command/" + name + "/ch/" + camera + "/" + action
		}
		if name != "garage" && (name != "site" || camera != "") || action == "" || strings.Contains(action, "/") || topic != want {
			t.Fatalf("%q goes to %q, %q, %q", topic, name, camera, action)
		}
	})
}
