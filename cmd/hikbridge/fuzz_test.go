package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// FuzzEnvironment reads any environment, written as entries with NUL between
// them. Reading never panics, and what it says holds no secret: not the marker
// in values, and not what is put into every password and every URL.
func FuzzEnvironment(f *testing.F) {
	for _, seed := range [][]string{
		nil,
		environ(),
		several(),
		several("HIKBRIDGE_NVR_URL=http://192.0.2.1"),
		named("a", "a-url", "bridge", "A", secretText, "a", ""),
		environ("HIKBRIDGE_MQTT_URL=mqtts://u:"+secretText+"@h:1/%zz?#[", "HIKBRIDGE_MQTT_CA_FILE="+secretText),
		environ("HIKBRIDGE_NVR_TLS="+secretText, "HIKBRIDGE_NVR_TLS_FINGERPRINT="+secretText, "HIKBRIDGE_NVR_CHANNELS="+secretText),
		environ("HIKBRIDGE_TOPIC="+secretText, "HIKBRIDGE_DISCOVERY_PREFIX=/"+secretText, "HIKBRIDGE_LOG_LEVEL="+secretText),
		environ("HIKBRIDGE_NVR_URL http://u:"+secretText+"@h=x", "HIKBRIDGE_=", "HIKBRIDGE_NVR__URL="+secretText, "HIKBRIDGE_NVR_É_URL=1"),
		{"HIKBRIDGE_NVRS=\"" + secretText + "\"", "HIKBRIDGE_STATE_DIR=\xff", "HIKBRIDGE_NVR_PASSWORD_FILE=/dev/zero", "=", "x", "=x=y"},
		environ("HIKBRIDGE_NVR_PLUG="+secretText, "HIKBRIDGE_NVR_CUT="+secretText, "HIKBRIDGE_NVR_WITNESS="+secretText+":0", "HIKBRIDGE_NVR_OFF_WATTS=NaN",
			"HIKBRIDGE_NVR_QUIET="+secretText, "HIKBRIDGE_NVR_DWELL=1s", "HIKBRIDGE_NVR_PLUG_METER="+secretText, "HIKBRIDGE_PLAIN_COMMANDS="+secretText),
		several("HIKBRIDGE_NVR_GARAGE_PLUG=free", "HIKBRIDGE_NVR_BACK_YARD_PLUG=tasmota:x", "HIKBRIDGE_NVR_BACK_YARD_CUT=presumed", "HIKBRIDGE_NVR_GARAGE_PLUG_COMMAND_TOPIC=a/#",
			"HIKBRIDGE_NVR_GARAGE_WITNESS=2001:db8::1", "HIKBRIDGE_NVR_GARAGE_OFF_WATTS=0.5", "HIKBRIDGE_NVR_GARAGE_BOOT=20m"),
		environ("HIKBRIDGE_NVR_URL=http://"+secretText, "HIKBRIDGE_NVR_PASSWORD=a\nb", "HIKBRIDGE_BIRTH_TOPIC=#"),
	} {
		f.Add(strings.Join(seed, "\x00"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		// A path in full is shown, as it is none that one would take for a password.
		list := strings.Split(text, "\x00")
		list = slices.DeleteFunc(list, func(entry string) bool {
			_, value, _ := strings.Cut(entry, "=")
			return strings.HasPrefix(strings.TrimSpace(value), "/") && strings.Contains(value, secretText)
		})
		looks(t, list)
		looks(t, spoiled(list))
		_, problems := readWithoutRecorders(list)
		quiet(t, problems)
		_, problems = readStateDir(list)
		quiet(t, problems)
	})
}

// spoiled puts the marker into every password and, as a password, into every URL.
func spoiled(list []string) []string {
	var out []string
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case isSecret(name):
			value += secretText
		case strings.HasSuffix(name, "_URL"):
			scheme, rest, found := strings.Cut(value, "://")
			if !found {
				scheme, rest = "http", value
			}
			value = scheme + "://u:" + secretText + "@" + rest
		}
		out = append(out, name+"="+value)
	}
	return out
}

func looks(t *testing.T, list []string) {
	t.Helper()
	s, problems := readSettings(list)
	quiet(t, problems)
	if len(problems) == 0 {
		plausible(t, s)
	}
}

// quiet fails if a problem shows a secret, names no variable or says nothing.
func quiet(t *testing.T, problems []problem) {
	t.Helper()
	for _, p := range problems {
		if strings.Contains(fmt.Sprintf("%v %+v", p.Error(), p), secretText) {
			t.Errorf("a secret is shown: %v", p)
		}
		if !strings.HasPrefix(p.Variable, namespace) || p.Text == "" || strings.ContainsAny(p.Error(), "\r\n\x1b") {
			t.Errorf("not fit for a line: %q", p.Error())
		}
	}
}

// plausible holds what is right against what package bridge is promised.
func plausible(t *testing.T, s settings) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range s.Recorders {
		a, text := recorderURLs().parse(r.URL)
		if a == nil || strings.HasSuffix(r.URL, "/") {
			t.Fatalf("URL %q: %s", r.URL, text)
		}
		if seen[r.Name] || seen[a.hostPort()] || !matches(namePattern, r.Name) {
			t.Errorf("recorder %q at %q is there twice or isn't right", r.Name, r.URL)
		}
		seen[r.Name], seen[a.hostPort()] = true, true
		if r.Username == "" || r.Password == "" || (r.TLS == tlsPin) && len(r.Fingerprint) != 64 {
			t.Errorf("recorder %q isn't complete", r.Name)
		}
		if p := r.Power; p.Validate() != nil || p.Cut != cutNever && (p.Plug == "" || plugKind(p.Plug) == plugRelay) {
			t.Errorf("power of recorder %q: %+v, %v", r.Name, p, p.Validate())
		}
	}
	if len(s.Recorders) == 0 || s.StateDir == "" || s.Topic == "" || s.BirthTopic == "" || s.DiscoveryPrefix == "" {
		t.Errorf("not complete: %+v", s)
	}
	if a, text := brokerURLs().parse(s.Broker.URL); a == nil {
		t.Errorf("broker %q: %s", s.Broker.URL, text)
	}
}
