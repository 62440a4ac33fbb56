package main

import (
	"strings"
	"testing"
)

func TestWhatTheDemoTellsOfAMessage(t *testing.T) {
	states := map[string]string{}
	tell := func(topic, payload string) string {
		who, text := describe(message{topic, []byte(payload)}, states)
		return strings.TrimSpace(who + " " + text)
	}
	for _, tt := range []struct{ name, topic, payload, want string }{
		{"the first value", "hikbridge/garage/ch/2/connection", "ON", ""},
		{"a change", "hikbridge/garage/ch/2/connection", "OFF", "garage camera 2, connection: OFF (was ON)"},
		{"no change", "hikbridge/garage/ch/2/connection", "OFF", ""},
		{"the first status", "hikbridge/garage/status", "Running", "garage status: Running"},
		{"a detection", "hikbridge/garage/ch/2/event", `{"event_type":"line_crossing","target":"human","device_time":"x"}`, "garage camera 2 detects line crossing by a human"},
		{"a detection without target", "hikbridge/garage/ch/2/event", `{"event_type":"motion"}`, "garage camera 2 detects motion"},
		{"a picture", "hikbridge/garage/ch/2/picture", "\xff\xd8\xff", "garage camera 2, picture of 3 bytes"},
		{"attributes", "hikbridge/garage/sign_in/attributes", "{}", ""},
		{"a document", "homeassistant/device/x/config", `{"dev":{"name":"Garage","mdl":"M"},"cmps":{"a":{},"b":{}}}`, "announced Garage (M) with 2 entities"},
		{"one entity", "homeassistant/device/x/config", `{"dev":{"name":"garden"},"cmps":{"a":{}}}`, "announced garden with 1 entity"},
		{"a removal", "homeassistant/device/x/config", "", ""},
	} {
		if got := tell(tt.topic, tt.payload); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
