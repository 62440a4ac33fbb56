package main

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hikbridge/bridge"
)

// Nothing that is refused may ever be shown: values in these tests hold it.
const secretText = "Canary-Xk47-never-shown"

// environ is a complete environment with one recorder, changed by entries such
// as HIKBRIDGE_TOPIC=home; without a value a variable is taken away.
func environ(changes ...string) []string {
	return changed([]string{
		"HOME=/nonexistent/home",
		"HIKBRIDGE_NVR_URL=http://192.0.2.10",
		"HIKBRIDGE_NVR_USERNAME=viewer",
		"HIKBRIDGE_NVR_PASSWORD=" + secretText,
		"HIKBRIDGE_MQTT_URL=mqtt://192.0.2.5",
	}, changes)
}

// several is the same with the recorders garage and back-yard.
func several(changes ...string) []string {
	return changed([]string{
		"HOME=/nonexistent/home",
		"HIKBRIDGE_NVRS=garage, back-yard",
		"HIKBRIDGE_NVR_GARAGE_URL=http://192.0.2.10",
		"HIKBRIDGE_NVR_GARAGE_USERNAME=viewer",
		"HIKBRIDGE_NVR_GARAGE_PASSWORD=" + secretText,
		"HIKBRIDGE_NVR_BACK_YARD_URL=https://192.0.2.11:8443/",
		"HIKBRIDGE_NVR_BACK_YARD_USERNAME=other",
		"HIKBRIDGE_NVR_BACK_YARD_PASSWORD=" + secretText,
		"HIKBRIDGE_MQTT_URL=mqtt://192.0.2.5",
	}, changes)
}

func changed(list, changes []string) []string {
	all := map[string]string{}
	for _, entry := range slices.Concat(list, changes) {
		name, value, _ := strings.Cut(entry, "=")
		all[name] = value
		if value == "" {
			delete(all, name)
		}
	}
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, name+"="+all[name])
	}
	return out
}

// judge reads an environment and compares what is wrong with it: one entry for
// each problem, its beginning.
func judge(t *testing.T, environ []string, want ...string) settings {
	t.Helper()
	s, problems := readSettings(environ)
	compare(t, problems, want)
	return s
}

func compare(t *testing.T, problems []problem, want []string) {
	t.Helper()
	for i := range max(len(problems), len(want)) {
		switch {
		case i >= len(problems):
			t.Errorf("nobody says %q", want[i])
		case i >= len(want):
			t.Errorf("unexpected: %v", problems[i])
		case !strings.HasPrefix(problems[i].Error(), want[i]):
			t.Errorf("got  %v\nwant %s…", problems[i], want[i])
		}
	}
	for _, p := range problems {
		if strings.Contains(p.Error(), secretText) {
			t.Errorf("a secret is shown: %v", p)
		}
	}
}

func TestOneRecorderNeedsFourVariables(t *testing.T) {
	s := judge(t, environ())
	want := settings{level: slog.LevelInfo, Config: bridge.Config{
		Recorders: []bridge.RecorderConfig{{
			Name: "nvr", URL: "http://192.0.2.10", Username: "viewer", Password: secretText, TLS: "verify",
			MaintenanceMonths: 12, Power: bridge.PowerConfig{Cut: "never"}}},
		Broker: bridge.BrokerConfig{URL: "mqtt://192.0.2.5"},
		Topic:  "hikbridge", DiscoveryPrefix: "homeassistant", BirthTopic: "homeassistant/status",
		OffDelay: bridge.DefaultOffDelay, PictureInterval: bridge.DefaultPictureInterval,
		StateDir: "/nonexistent/home/.local/state/hikbridge",
	}}
	if exists(systemStateDir) {
		want.StateDir = systemStateDir
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

func TestSeveralRecordersKeepTheOrderOfTheirNames(t *testing.T) {
	s := judge(t, several("HIKBRIDGE_NVR_BACK_YARD_CHANNELS=1, 2,ip3", "HIKBRIDGE_NVR_BACK_YARD_MAINTENANCE_MONTHS=0"))
	want := []bridge.RecorderConfig{
		{Name: "garage", URL: "http://192.0.2.10", Username: "viewer", Password: secretText, TLS: "verify",
			MaintenanceMonths: 12, Power: bridge.PowerConfig{Cut: "never"}},
		{Name: "back-yard", URL: "https://192.0.2.11:8443", Username: "other", Password: secretText, TLS: "verify",
			Channels: []string{"1", "2", "ip3"}, Power: bridge.PowerConfig{Cut: "never"}},
	}
	if !reflect.DeepEqual(s.Recorders, want) {
		t.Errorf("got  %+v\nwant %+v", s.Recorders, want)
	}
}

func TestAnEmptyEnvironmentIsNotTheProcesssOwn(t *testing.T) {
	for _, entry := range environ() {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	want := []string{
		"HIKBRIDGE_NVR_URL: is missing; it looks like http://192.0.2.10",
		"HIKBRIDGE_NVR_USERNAME: is missing",
		"HIKBRIDGE_NVR_PASSWORD: is missing; set it or HIKBRIDGE_NVR_PASSWORD_FILE",
		"HIKBRIDGE_MQTT_URL: is missing; it looks like mqtt://192.0.2.5",
	}
	if !exists(systemStateDir) {
		want = append(want, "HIKBRIDGE_STATE_DIR: is missing")
	}
	judge(t, nil, want...)
}

func TestAllProblemsComeAtOnceEachWithItsVariable(t *testing.T) {
	judge(t, several(
		"HIKBRIDGE_NVR_GARAGE_URL=ftp://192.0.2.10",
		"HIKBRIDGE_NVR_GARAGE_PASSWORD=",
		"HIKBRIDGE_NVR_BACK_YARD_USERNAME=",
		"HIKBRIDGE_NVR_BACK_YARD_TLS="+secretText,
		"HIKBRIDGE_NVR_BACK_YARD_CHANNELS=1,,2",
		"HIKBRIDGE_MQTT_URL=http://192.0.2.5",
		"HIKBRIDGE_MQTT_PASSWORD="+secretText,
		"HIKBRIDGE_TOPIC=a/#",
		"HIKBRIDGE_DISCOVERY_PREFIX=/ha",
		"HIKBRIDGE_BIRTH_TOPIC=ha/+",
		"HIKBRIDGE_LOG_LEVEL=loud",
		"HIKBRIDGE_STATE_DIR=state",
		"HIKBRIDGE_LOGLEVEL=info",
	),
		"HIKBRIDGE_NVR_GARAGE_URL: must begin with http:// or https://",
		"HIKBRIDGE_NVR_GARAGE_PASSWORD: is missing; set it or HIKBRIDGE_NVR_GARAGE_PASSWORD_FILE",
		"HIKBRIDGE_NVR_BACK_YARD_USERNAME: is missing",
		"HIKBRIDGE_NVR_BACK_YARD_TLS: must be verify, pin, insecure or legacy",
		"HIKBRIDGE_NVR_BACK_YARD_CHANNELS: must be channels",
		"HIKBRIDGE_MQTT_URL: must begin with mqtt://, mqtts://, ws:// or wss://",
		"HIKBRIDGE_MQTT_USERNAME: is missing, and a password is set",
		"HIKBRIDGE_TOPIC: must be words",
		"HIKBRIDGE_DISCOVERY_PREFIX: must not begin or end with /",
		"HIKBRIDGE_BIRTH_TOPIC: must not hold + or #",
		"HIKBRIDGE_LOG_LEVEL: must be debug, info, warn or error",
		"HIKBRIDGE_STATE_DIR: must be a path in full",
		"HIKBRIDGE_LOGLEVEL: isn't known; did you mean HIKBRIDGE_LOG_LEVEL?",
	)
}

func TestFormOfValues(t *testing.T) {
	for _, tt := range []struct {
		name, entry string
		want        []string
	}{
		{"blanks around a value don't count", "HIKBRIDGE_NVR_URL= http://192.0.2.10\t", nil},
		{"blanks alone are nothing, so that the default stays", "HIKBRIDGE_TOPIC=  ", nil},
		{"a missing value that is needed is missing, too, if it is blank", "HIKBRIDGE_NVR_USERNAME= ",
			[]string{"HIKBRIDGE_NVR_USERNAME: is missing"}},
		{"double quotes around a URL are refused", `HIKBRIDGE_NVR_URL="http://192.0.2.10"`,
			[]string{"HIKBRIDGE_NVR_URL: begins or ends with a quote, which would be part of the value here; remove the quotes"}},
		{"single quotes around any other value are refused", `HIKBRIDGE_NVR_USERNAME='viewer'`,
			[]string{"HIKBRIDGE_NVR_USERNAME: begins or ends with a quote"}},
		{"one quote is enough", `HIKBRIDGE_STATE_DIR=/tmp/x"`,
			[]string{"HIKBRIDGE_STATE_DIR: begins or ends with a quote"}},
		{"a quote alone is one", `HIKBRIDGE_LOG_LEVEL="`,
			[]string{"HIKBRIDGE_LOG_LEVEL: begins or ends with a quote"}},
		{"a line break inside is refused once", "HIKBRIDGE_MQTT_URL=mqtt://a\nb",
			[]string{"HIKBRIDGE_MQTT_URL: holds a line break"}},
		{"bytes that aren't text are refused", "HIKBRIDGE_MQTT_USERNAME=\xff",
			[]string{"HIKBRIDGE_MQTT_USERNAME: holds bytes"}},
		{"a path is judged like all others, and not looked for", `HIKBRIDGE_NVR_PASSWORD_FILE="/etc/x"`,
			[]string{"HIKBRIDGE_NVR_PASSWORD_FILE: begins or ends with a quote"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name, _, _ := strings.Cut(tt.entry, "=")
			changes := []string{tt.entry}
			if strings.HasSuffix(name, "_FILE") {
				changes = append(changes, strings.TrimSuffix(name, "_FILE")+"=")
			}
			if s := judge(t, environ(changes...), tt.want...); s.Topic != "hikbridge" {
				t.Errorf("topic %q", s.Topic)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	const pair = "AB:CD:EF:01"
	sha256 := strings.TrimSuffix(strings.Repeat(pair+":", 8), ":")
	plain := strings.Repeat("abcdef01", 8)
	for _, tt := range []struct {
		name            string
		set             []string
		mode, print     string
		problem, second string
	}{
		{"nothing means verify", nil, "verify", "", "", ""},
		{"a fingerprint alone means pin", []string{"TLS_FINGERPRINT=" + sha256}, "pin", plain, "", ""},
		{"a fingerprint may be without colons", []string{"TLS=pin", "TLS_FINGERPRINT=" + plain}, "pin", plain, "", ""},
		{"legacy may be pinned", []string{"TLS=legacy", "TLS_FINGERPRINT=" + sha256}, "legacy", plain, "", ""},
		{"legacy may be without", []string{"TLS=legacy"}, "legacy", "", "", ""},
		{"insecure is taken, in any letters", []string{"TLS=Insecure"}, "insecure", "", "", ""},
		{"pin needs a fingerprint", []string{"TLS=pin"}, "", "", "TLS: is pin, which needs", ""},
		{"verify contradicts a fingerprint", []string{"TLS=verify", "TLS_FINGERPRINT=" + sha256}, "", "", "TLS: contradicts", ""},
		{"insecure contradicts a fingerprint", []string{"TLS=insecure", "TLS_FINGERPRINT=" + sha256}, "", "", "TLS: contradicts", ""},
		{"what isn't a mode is refused", []string{"TLS=yes"}, "", "", "TLS: must be verify, pin, insecure or legacy", ""},
		{"a SHA-1 is told apart", []string{"TLS_FINGERPRINT=" + plain[:40]}, "", "", "TLS_FINGERPRINT: has the length of a SHA-1", ""},
		{"a fingerprint is hexadecimal", []string{"TLS_FINGERPRINT=" + plain[:63] + "g"}, "", "", "TLS_FINGERPRINT: must be the certificate's SHA-256", ""},
		{"colons alone are no fingerprint", []string{"TLS_FINGERPRINT=:"}, "", "", "TLS_FINGERPRINT: must be the certificate's SHA-256", ""},
		{"what is pinned must be https", []string{"URL=http://192.0.2.10", "TLS_FINGERPRINT=" + plain}, "", "", "URL: begins with http://", ""},
		{"so must pin without a fingerprint", []string{"URL=http://192.0.2.10", "TLS=pin"}, "", "", "TLS: is pin, which needs", "URL: begins with http://"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := []string{"HIKBRIDGE_NVR_URL=https://192.0.2.10"}
			for _, entry := range tt.set {
				list = append(list, recorderPrefix+entry)
			}
			var want []string
			for _, text := range []string{tt.problem, tt.second} {
				if text != "" {
					want = append(want, recorderPrefix+text)
				}
			}
			s := judge(t, environ(list...), want...)
			if r := s.Recorders[0]; len(want) == 0 && (r.TLS != tt.mode || r.Fingerprint != tt.print) {
				t.Errorf("mode %q, fingerprint %q", r.TLS, r.Fingerprint)
			}
		})
	}
}

func TestChannels(t *testing.T) {
	for _, tt := range []struct {
		name, value, problem string
		want                 []string
	}{
		{"one is a list", "3", "", []string{"3"}},
		{"blanks around commas don't count", "1 , 16", "", []string{"1", "16"}},
		{"a comma at the end is refused", "1,", "must be channels", nil},
		{"one twice is refused", "1,2,1", "names a channel twice", nil},
		{"a range isn't a channel", "1..4", "must be channels", nil},
		{"zeros in front would never match", "01", "must be channels", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.problem != "" {
				want = []string{"HIKBRIDGE_NVR_CHANNELS: " + tt.problem}
			}
			s := judge(t, environ("HIKBRIDGE_NVR_CHANNELS="+tt.value), want...)
			if got := s.Recorders[0].Channels; !slices.Equal(got, tt.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTopics(t *testing.T) {
	for _, tt := range []struct {
		name  string
		set   []string
		birth string
		want  []string
	}{
		{"the birth topic is below the discovery prefix", []string{"DISCOVERY_PREFIX=ha"}, "ha/status", nil},
		{"unless it is set", []string{"DISCOVERY_PREFIX=ha", "BIRTH_TOPIC=birth"}, "birth", nil},
		{"the base may have levels", []string{"TOPIC=home/Hik_bridge-2"}, "homeassistant/status", nil},
		{"a wildcard in the base is refused", []string{"TOPIC=home/+"}, "", []string{"TOPIC: must be words"}},
		{"a slash in front of the base is refused", []string{"TOPIC=/home"}, "", []string{"TOPIC: must be words"}},
		{"an empty level of the base is refused", []string{"TOPIC=a//b"}, "", []string{"TOPIC: must be words"}},
		{"the base is short enough for a client id", []string{"TOPIC=" + strings.Repeat("a", 65)}, "", []string{"TOPIC: must be words"}},
		{"64 characters are short enough", []string{"TOPIC=" + strings.Repeat("a", 64)}, "homeassistant/status", nil},
		{"the base isn't the discovery prefix", []string{"TOPIC=homeassistant"}, "", []string{"DISCOVERY_PREFIX: is HIKBRIDGE_TOPIC or below it"}},
		{"nor is the discovery prefix below the base", []string{"DISCOVERY_PREFIX=hikbridge/ha"}, "", []string{"DISCOVERY_PREFIX: is HIKBRIDGE_TOPIC or below it"}},
		{"the bridge's own topics aren't Home Assistant's birth", []string{"BIRTH_TOPIC=hikbridge/bridge/availability"}, "",
			[]string{"BIRTH_TOPIC: is HIKBRIDGE_TOPIC or below it"}},
		{"a topic that only begins alike is another one", []string{"BIRTH_TOPIC=hikbridge2/x"}, "hikbridge2/x", nil},
		{"the broker's own topics are refused", []string{"BIRTH_TOPIC=$SYS/x"}, "", []string{"BIRTH_TOPIC: must not begin with $"}},
		{"topics of others have a bound, too", []string{"BIRTH_TOPIC=" + strings.Repeat("é", 256)}, "", []string{"BIRTH_TOPIC: is longer than 255"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var list, want []string
			for _, entry := range tt.set {
				list = append(list, namespace+entry)
			}
			for _, text := range tt.want {
				want = append(want, namespace+text)
			}
			s := judge(t, environ(list...), want...)
			if len(want) == 0 && s.BirthTopic != tt.birth {
				t.Errorf("birth topic %q", s.BirthTopic)
			}
		})
	}
}

func TestLogLevels(t *testing.T) {
	for value, want := range map[string]slog.Level{
		"": slog.LevelInfo, "debug": slog.LevelDebug, "INFO": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	} {
		if s := judge(t, environ("HIKBRIDGE_LOG_LEVEL="+value)); s.level != want {
			t.Errorf("%q gives %v", value, s.level)
		}
	}
}

func TestStateDirectoryIsChosen(t *testing.T) {
	system := t.TempDir()
	missing := filepath.Join(system, "missing")
	for _, tt := range []struct {
		name, system string
		environ      []string
		want         string
		problem      string
	}{
		{"what is set wins", system, []string{"HIKBRIDGE_STATE_DIR=/a/b/", "HOME=/h"}, "/a/b", ""},
		{"the system's is taken where it exists", system, []string{"HOME=/h"}, system, ""},
		{"else the one of XDG", missing, []string{"HOME=/h", "XDG_STATE_HOME=/x"}, "/x/hikbridge", ""},
		{"a relative one of XDG is ignored", missing, []string{"HOME=/h", "XDG_STATE_HOME=x"}, "/h/.local/state/hikbridge", ""},
		{"else one in the home directory", missing, []string{"HOME=/h"}, "/h/.local/state/hikbridge", ""},
		{"without a home it must be set", missing, nil, "", "is missing, and neither " + missing + " exists nor is HOME set"},
		{"a path must be in full", missing, []string{"HIKBRIDGE_STATE_DIR=~/state"}, "", "must be a path in full"},
		{"quotes are refused once", missing, []string{`HIKBRIDGE_STATE_DIR="/a"`}, "", "begins or ends with a quote"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReader(tt.environ)
			r.systemDir = tt.system
			if got := r.stateDir(); got != tt.want {
				t.Errorf("got %q", got)
			}
			var want []string
			if tt.problem != "" {
				want = []string{"HIKBRIDGE_STATE_DIR: " + tt.problem}
			}
			compare(t, r.problems, want)
		})
	}
}

func TestStateDirectoryIsMadeForItsUserAloneAndLeftEmpty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "hikbridge")
	for range 2 {
		if err := prepareStateDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("holds %v, %v", left, err)
	}
}

func TestStateDirectoryThatCantBeUsedIsNamedWithTheReason(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir, want string }{
		{"a file isn't a directory", file, file + " can't be made or isn't a directory: not a directory"},
		{"below a file is none", file + "/x", file + "/x can't be made or isn't a directory: not a directory"},
		{"where nothing can be written", "/proc/self/fdinfo", "/proc/self/fdinfo can't be written: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := os.Stat(filepath.Dir(tt.dir)); err != nil && strings.HasPrefix(tt.dir, "/proc") {
				t.Skip("this system has no /proc")
			}
			if err := prepareStateDir(tt.dir); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSettingsDontPrintPasswords(t *testing.T) {
	s := judge(t, environ("HIKBRIDGE_MQTT_USERNAME=u", "HIKBRIDGE_MQTT_PASSWORD="+secretText))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, s); strings.Contains(got, secretText) {
			t.Errorf("%s prints %s", format, got)
		}
	}
}
