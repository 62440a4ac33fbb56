package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"hikbridge/bridge"
	"hikbridge/nvr/nvrtest"
)

func TestWhatTheDemoTellsOfAMessage(t *testing.T) {
	states := map[string]string{}
	tell := func(topic, payload string) string {
		who, text := describe(message{topic, []byte(payload)}, states)
		if text == "" {
			return "" // nothing is told
		}
		return strings.TrimSpace(who + " " + text)
	}
	for _, tt := range []struct{ name, topic, payload, want string }{
		{"the first value", "hikbridge/garage/ch/2/connection", "ON", ""},
		{"a change", "hikbridge/garage/ch/2/connection", "OFF", "garage camera 2, connection: OFF (was ON)"},
		{"no change", "hikbridge/garage/ch/2/connection", "OFF", ""},
		{"the first status", "hikbridge/garage/status", "Running", "garage status: Running"},
		{"another status", "hikbridge/garage/status", "Connecting", "garage status: Connecting"},
		{"the same status", "hikbridge/garage/status", "Connecting", ""},
		{"the first power state", "hikbridge/garage/power_state", "running", ""},
		{"another power state", "hikbridge/garage/power_state", "safe", "garage power state: safe"},
		{"safe, for the first time", "hikbridge/garage/safe_to_cut_power", "OFF", ""},
		{"safe is on", "hikbridge/garage/safe_to_cut_power", "ON", "garage safe to cut power: ON (was OFF)"},
		{"safe is on, said again", "hikbridge/garage/safe_to_cut_power", "ON", ""},
		{"the first value of a disk", "hikbridge/garage/disk_1", "ok", ""},
		{"a value that isn't known any more", "hikbridge/garage/disk_1", "None", ""},
		{"a key that was pressed", "hikbridge/command/garage/shutdown", `{"id":"demo-1","at":1}`, ""},
		{"the same key once more", "hikbridge/command/garage/shutdown", `{"id":"demo-2","at":2}`, ""},
		{"a value that is known again", "hikbridge/garage/disk_1", "error", ""},
		{"another value after that", "hikbridge/garage/disk_1", "ok", "garage disk 1: ok (was error)"},
		{"availability", "hikbridge/garage/ch/2/availability", "online", ""},
		{"a change of availability", "hikbridge/garage/ch/2/availability", "offline", ""},
		{"a verdict", "hikbridge/garage/result", `{"event_type":"accepted","id":"demo-1","action":"power_cycle"}`, "garage power cycle accepted"},
		{"an outcome", "hikbridge/garage/result", `{"event_type":"done","action":"shutdown","reason":"safe","message":"It is off."}`, "garage shutdown done (safe): It is off."},
		{"a result that can't be read", "hikbridge/garage/result", "OK", ""},
		{"how mains is, at first", "hikbridge/bridge/mains/attributes", `{"status":"Mains is there."}`, ""},
		{"mains is lost", "hikbridge/bridge/mains/attributes", `{"status":"Mains is gone."}`, "mains Mains is gone."},
		{"the same, said again", "hikbridge/bridge/mains/attributes", `{"status":"Mains is gone."}`, ""},
		{"what can't be read of mains", "hikbridge/bridge/mains/attributes", "OFF", ""},
		{"the charge, at first", "hikbridge/bridge/ups_charge", "100", ""},
		{"another charge", "hikbridge/bridge/ups_charge", "95", "bridge ups charge: 95 (was 100)"},
		{"the runtime", "hikbridge/bridge/ups_runtime", "1710", ""},
		{"another runtime", "hikbridge/bridge/ups_runtime", "1620", ""},
		{"a plug's state", "tele/garage_plug/STATE", `{"Time":"x","POWER":"ON"}`, "garage plug: on"},
		{"its figures", "tele/garage_plug/SENSOR", `{"Time":"x","ENERGY":{"Power":22,"Voltage":231}}`, "garage plug: 22.0 W"},
		{"the same figures", "tele/garage_plug/SENSOR", `{"Time":"y","ENERGY":{"Power":22,"Voltage":231}}`, ""},
		{"another plug's figures", "tele/barn_plug/SENSOR", `{"Time":"y","ENERGY":{"Power":22,"Voltage":231}}`, "barn plug: 22.0 W"},
		{"a plug that has switched", "stat/garage_plug/RESULT", `{"POWER":"OFF"}`, "garage plug: off"},
		{"the same, plainly", "stat/garage_plug/POWER", "OFF", ""},
		{"nothing is drawn", "tele/garage_plug/SENSOR", `{"Time":"z","ENERGY":{"Power":0,"Voltage":0}}`, "garage plug: 0.0 W"},
		{"a command to a plug", "cmnd/garage_plug/POWER", "OFF", ""},
		{"Home Assistant's birth", "homeassistant/status", "online", ""},
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

func TestLinesKeepToTheWidth(t *testing.T) {
	var out bytes.Buffer
	tell := newTeller(&out)
	for _, name := range []string{storyShutdown, storyOutage} {
		s, _ := storyNamed(name)
		tell.intro(loopback(anywhere()), s)
	}
	tell.line("garage", strings.Repeat("lorem ipsum ", 30))
	tell.block(row{"outcome", strings.Repeat("dolor sit ", 30)})
	text := out.String()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{"mosquitto_sub -h 127.0.0.1 -p 1883 -t", "q quit", "  outcome   dolor", "\n            dolor"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "lorem"); n != 30 {
		t.Errorf("%d words of 30", n)
	}
}

func anywhere() *net.TCPAddr { return &net.TCPAddr{IP: net.IPv4zero, Port: 1883} }

func TestTheDiaryLeavesOutWhatIsPublished(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newTeller(&out)).With("recorder", "garage")
	log.Info("power state changed", "state", "safe")
	log.Info("command accepted", "action", "shutdown")
	log.Debug("details")
	log.Warn("the journal is full", "count", 3)
	slog.New(newTeller(&out)).Info("mains", "reason", "low battery")
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.TrimSpace(line)[len("15:04:05  "):])
	}
	if want := []string{"garage     the journal is full (count 3)", "mains      low battery"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestALogBookIsPrintedInShort(t *testing.T) {
	at := time.Date(2026, 3, 1, 20, 14, 3, 0, time.Local)
	low := 0.44
	a := bridge.Action{
		Recorder: "garage", Began: at, Ended: at.Add(time.Minute), Action: "shutdown", By: "demo", Outcome: "done", Verdict: "safe", Message: "It is off.",
		Steps: []bridge.Step{{At: at, What: "checking: shutdown"}, {At: at.Add(time.Second), What: "safe", Watts: &low}}, Proof: "power", Gaps: "channel 1: 1m0s",
		Verification: []bridge.Verified{{ID: "disks", Result: "ok"}, {ID: "clock", Result: "not ok", Evidence: "2m0s"}, {ID: "errors", Result: "unknown"}},
	}
	want := `garage: shutdown by demo
20:14:03 checking: shutdown
20:14:04 safe, 0.4 W
proof power
verified clock is not ok: 2m0s
gaps channel 1: 1m0s
outcome done (safe): It is off.`
	var lines []string
	for _, r := range actionRows(a) {
		lines = append(lines, strings.TrimSpace(r.name+" "+r.text))
	}
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("%s", got)
	}
	a.Outcome, a.Ended = "", time.Time{}
	if got := outcomeText(a); got != "still running" {
		t.Errorf("one that runs: %q", got)
	}
	if a.Ended = at; outcomeText(a) != "ended" {
		t.Errorf("one without outcome: %q", outcomeText(a))
	}
}

func TestAValueIsWaitedForUntilItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newValues()
		go func() {
			time.Sleep(time.Second)
			v.set("a", "1")
			v.set("a", "2")
		}()
		if err := v.wait(t.Context(), "a", "2", time.Minute); err != nil {
			t.Error(err)
		}
		began := time.Now()
		err := v.wait(t.Context(), "a", "3", time.Minute)
		if took := time.Since(began); !errors.Is(err, errStuck) || took != time.Minute || !strings.Contains(err.Error(), `a is "2", not "3"`) {
			t.Errorf("after %v: %v", took, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := v.wait(ctx, "a", "3", time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// stage is a demo without bridge and broker.
func stage(out *bytes.Buffer) *demo {
	shutdown, _ := storyNamed(storyShutdown)
	d := &demo{story: shutdown, teller: newTeller(out), values: newValues(), ups: newUPS(), garage: &place{name: "garage", recorder: nvrtest.New(quick(garageConfig())), outlet: true, cord: true},
		barn: &place{name: "barn", recorder: nvrtest.New(quick(barnConfig())), outlet: true, cord: true}}
	d.chosen = d.garage
	return d
}

func TestAStoryThatIsStuckEndsTheDemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := stage(new(bytes.Buffer)).direct(t.Context(), make(chan byte), true)
		if !errors.Is(err, errStuck) {
			t.Errorf("%v", err)
		}
	})
}

func TestWhoPressesAKeyEndsTheStory(t *testing.T) {
	tests := []struct {
		name, typed string
		stay        bool
		lasts       time.Duration // of the virtual minute that the demo has
		says        []string
	}{
		{"until the end of input", "br\n", false, 0, []string{"about the barn now", "nothing happens by itself any more", "of the barn will say OK"}},
		{"for good, if it stays", "r", true, time.Minute, []string{"of the garage will say OK"}},
		{"until q", "rrq", true, 0, []string{"of the garage will say OK", "of the garage will obey"}},
		{"with mains", "mlml", false, 0, []string{"Mains is gone", "is low.", "Mains is there again", "is low, and charges"}},
		{"with the cord", "pp", false, 0, []string{"pulls the cord of the garage", "is in again"}},
		{"but not with a wrong one", "x", false, 20 * time.Second, []string{"q quit"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var out bytes.Buffer
				began := time.Now()
				err := stage(&out).direct(ctx, readKeys(ctx, strings.NewReader(tt.typed)), tt.stay)
				if stuck := tt.lasts == 20*time.Second; errors.Is(err, errStuck) != stuck || !stuck && err != nil {
					t.Errorf("%v", err)
				}
				if took := time.Since(began); took != tt.lasts {
					t.Errorf("it lasts %v", took)
				}
				text := out.String()
				for _, want := range tt.says {
					i := strings.Index(text, want)
					if i < 0 {
						t.Fatalf("no %q, or not in this order, in\n%s", want, &out)
					}
					text = text[i:]
				}
			})
		})
	}
}

func TestACordThatIsPulledCutsTheRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stage(new(bytes.Buffer)).garage
		if w := p.load(); w != 22 {
			t.Errorf("it runs at %v W", w)
		}
		if in := p.pull(); in || p.load() != 0 || p.recorder.Power() != nvrtest.PowerOff {
			t.Errorf("pulled: in %v, %v W, %v", in, p.load(), p.recorder.Power())
		}
		p.feed(func() { p.outlet = false })
		if in := p.pull(); !in || p.recorder.Power() != nvrtest.PowerOff {
			t.Errorf("in a plug that is off: in %v, %v", in, p.recorder.Power())
		}
		if p.feed(func() { p.outlet = true }); p.recorder.Power() != nvrtest.PowerBooting {
			t.Errorf("with power again: %v", p.recorder.Power())
		}
	})
}

func TestTheBatteryDrainsAndCharges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUPS()
		defer u.server.Close()
		conn, err := u.server.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewScanner(conn)
		read := func(variable string) string {
			fmt.Fprintf(conn, "GET VAR ups %s\n", variable)
			answers.Scan()
			return strings.Split(answers.Text(), `"`)[1]
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go u.live(ctx)
		for _, tt := range []struct {
			name string
			does func() bool
			then time.Duration
			want string
		}{
			{"full", nil, time.Minute, "OL 100 1800"},
			{"mains is lost", u.toggle, drains - time.Second, "OB DISCHRG 100 1800"},
			{"it drains", nil, 2 * time.Second, "OB DISCHRG 95 1710"},
			{"it gets low", u.drain, 0, "OB DISCHRG LB 20 360"},
			{"it is never empty", nil, time.Minute, "OB DISCHRG LB 10 180"},
			{"mains is back", u.toggle, charges - time.Second, "OL CHRG LB 10 180"},
			{"it charges", nil, 3 * charges, "OL CHRG 25 450"},
			{"it is full again", nil, time.Hour, "OL 100 1800"},
		} {
			if tt.does != nil {
				tt.does()
			}
			time.Sleep(tt.then)
			synctest.Wait()
			if got := read("ups.status") + " " + read("battery.charge") + " " + read("battery.runtime"); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			}
		}
	})
}

func TestWhoTakesPartInAnOutageLeavesMainsAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := stage(new(bytes.Buffer))
		d.story, _ = storyNamed(storyOutage)
		for _, topic := range []string{"garage/events", "barn/events"} {
			d.values.set("hikbridge/"+topic, "online")
		}
		d.values.set("hikbridge/bridge/mains", "ON")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		typed := make(chan byte)
		go func() {
			time.Sleep(10 * time.Second)
			typed <- 'r'
		}()
		if err := d.direct(ctx, typed, false); err != nil {
			t.Error(err)
		}
		if d.ups.mains {
			t.Error("mains is there")
		}
	})
}
