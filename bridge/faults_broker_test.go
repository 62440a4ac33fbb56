package bridge_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/discovery"
	"hikbridge/mqtt/mqtttest"
	"hikbridge/nvr/nvrtest"
)

// command publishes a command with an envelope of its own.
func (h *home) command(action string, envelope map[string]any, retain bool) {
	payload, err := json.Marshal(envelope)
	if err != nil {
		h.t.Fatal(err)
	}
	h.broker.Publish("hikbridge/command/garage/"+action, payload, retain)
}

func envelope(id string, at time.Time) map[string]any {
	return map[string]any{"id": id, "at": at.Unix(), "by": "owner", "force": []string{"right", "often"}}
}

// messages are what the results said, in order.
func (h *home) messages() (all []string) {
	for _, p := range h.broker.Log() {
		if !p.Sent && p.Packet == "PUBLISH" && p.Topic == "hikbridge/garage/result" {
			var v struct{ Message string }
			json.Unmarshal(p.Payload, &v)
			all = append(all, v.Message)
		}
	}
	return all
}

func TestASequenceGoesOnWhateverTheBrokerDoes(t *testing.T) {
	troubles := []struct {
		name       string
		begin, end func(*mqtttest.Broker)
		states     []string
	}{
		{"restarts with its memory", (*mqtttest.Broker).Down, (*mqtttest.Broker).Up, []string{"counting_down", "confirming", "off"}},
		{"restarts without its memory", func(b *mqtttest.Broker) { b.Down(); b.Forget() }, (*mqtttest.Broker).Up, []string{"confirming"}},
		{"freezes", (*mqtttest.Broker).Freeze, (*mqtttest.Broker).Thaw, []string{"counting_down", "confirming", "off"}},
		{"refuses the password", func(b *mqtttest.Broker) { b.Refuse(5); b.Cut("hikbridge") }, func(b *mqtttest.Broker) { b.Refuse(0) }, []string{"confirming"}},
	}
	for _, trouble := range troubles {
		for _, state := range trouble.states {
			t.Run(trouble.name+" in "+state, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHome(t, homeSetup{})
					h.press("power_cycle", "right", "often")
					h.reaches(state, 10*time.Minute)
					trouble.begin(h.broker)
					offs := len(h.plug.Offs())
					time.Sleep(time.Minute)
					if h.requests() != 1 { // also when it was counting down
						t.Errorf("%d requests without a broker", h.requests())
					}
					if len(h.plug.Offs()) != offs {
						t.Error("the plug was switched without a broker")
					}
					trouble.end(h.broker)
					back := time.Now()
					h.reaches("running", 15*time.Minute)
					h.wants("accepted done:normal", 1, 1)
					h.unharmed()
					h.firstIsOff()
					if at, ok := h.acceptedAfter(back); ok && at.Sub(back) > 6*time.Second {
						t.Errorf("connected %v after the broker was back", at.Sub(back))
					}
					if n := len(h.documents()); n != 6 {
						t.Errorf("%d documents", n)
					}
					h.checkTable()
				})
			})
		}
	}
}

func TestARetainedShutdownIsRefusedClearedAndTold(t *testing.T) {
	for _, payload := range []string{"PRESS", fmt.Sprintf(`{"id":"a","at":%d,"by":"owner"}`, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix())} {
		synctest.Test(t, func(t *testing.T) {
			topic := "hikbridge/command/garage/shutdown"
			h := newHomeAs(t, homeSetup{power: func(p *bridge.PowerConfig) { p.PlainCommands = true }}, func(h *home) {
				h.broker.Publish(topic, []byte(payload), true)
			})
			h.wants("refused:retained", 0, 0)
			if _, ok := h.broker.Retained(topic); ok {
				t.Error("it is still there")
			}
			h.expect("later", map[string]string{"hikbridge/garage/power_state": "running"})
		})
	}
}

// To a client that is connected already a retained command looks like any other.
func TestACommandThatTheBrokerKeepsIsCarriedOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{power: safely})
		h.command("shutdown", envelope("kept", time.Now()), true)
		h.reaches("confirming", time.Minute)
		h.broker.Cut("hikbridge")
		time.Sleep(10 * time.Second)
		if _, ok := h.broker.Retained("hikbridge/command/garage/shutdown"); ok {
			t.Error("it is still there")
		}
		h.reaches("safe", 10*time.Minute)
		h.stop()
		h.start()
		time.Sleep(time.Minute)
		h.wants("accepted refused:retained done:safe", 1, 0)
	})
}

func TestTheSameCommandAgainIsDoneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMortal(t, homeSetup{})
		first := envelope("one", time.Now())
		m.command("power_cycle", first, false)
		m.command("power_cycle", first, false)
		time.Sleep(time.Second)
		m.command("power_cycle", first, false)
		other := envelope("one", time.Now())
		other["force"] = []string{"right"}
		m.command("power_cycle", other, false)
		m.command("shutdown", other, false)
		m.reaches("off", 10*time.Minute)
		m.kill()
		m.restart()
		m.reaches("running", 15*time.Minute)
		m.command("power_cycle", first, false)
		m.command("shutdown", other, false)
		time.Sleep(time.Minute)
		m.wants("duplicate:duplicate accepted duplicate:duplicate refused:id_reused refused:id_reused done:normal duplicate:duplicate refused:id_reused", 1, 1)
		m.unharmed()
	})
}

func TestAnOldCommandExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		for _, action := range []string{"shutdown", "reboot", "power_cycle", "drill", "confirm_off", "cancel"} {
			h.command(action, envelope("old "+action, time.Now().Add(-time.Hour)), false)
		}
		h.command("power_on", envelope("old power_on", time.Now().Add(-time.Hour)), false)
		h.command("shutdown", envelope("future", time.Now().Add(time.Hour)), false)
		time.Sleep(2 * time.Minute)
		results := strings.Fields(h.results("garage"))
		slices.Sort(results)
		if got := strings.Join(results, " "); got != "accepted done"+strings.Repeat(" expired:expired", 6)+" refused:wrong_clock" {
			t.Errorf("results: %s", got)
		}
		if h.requests() != 0 || h.state() != "running" {
			t.Errorf("%d requests; states: %s", h.requests(), h.states())
		}
		for _, p := range h.broker.Log() { // nothing may be kept for us while we are away
			if p.Packet == "CONNECT" && p.Client == "hikbridge" && !p.Clean {
				t.Error("the session isn't clean")
			}
		}
	})
}

func TestAPlainPressDoesWhatCanDoNoHarm(t *testing.T) {
	want := map[string]string{
		"check": "accepted done", "plan": "accepted done", "cancel": "refused:nothing", "power_on": "accepted done",
		"shutdown": "refused:plain", "reboot": "refused:plain", "power_cycle": "refused:plain", "drill": "refused:plain", "confirm_off": "refused:plain",
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		told := 0
		for action, results := range want {
			h.broker.Publish("hikbridge/command/garage/"+action, []byte("PRESS"), false)
			time.Sleep(time.Minute)
			all := strings.Fields(h.results("garage"))
			if got := strings.Join(all[told:], " "); got != results {
				t.Errorf("%s: %s, want %s", action, got, results)
			}
			told = len(all)
		}
		if h.requests() != 0 || h.state() != "running" {
			t.Errorf("%d requests; states: %s", h.requests(), h.states())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{power: func(p *bridge.PowerConfig) { p.PlainCommands = true }})
		h.broker.Publish("hikbridge/command/garage/shutdown", []byte("PRESS"), false)
		time.Sleep(time.Minute)
		h.wants("accepted", 1, 0)
	})
}

func TestACommandWhileASequenceRunsIsRefusedWithItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		id := h.press("power_cycle", "right", "often")
		for _, state := range []string{"counting_down", "confirming", "off", "booting"} {
			h.reaches(state, 10*time.Minute)
			for _, action := range []string{"shutdown", "reboot", "power_cycle", "drill"} {
				h.press(action, "right", "often")
			}
			time.Sleep(200 * time.Millisecond)
		}
		h.reaches("running", 10*time.Minute)
		h.wants("accepted"+strings.Repeat(" refused:busy", 16)+" done:normal", 1, 1)
		for _, m := range h.messages()[1:17] {
			if !strings.Contains(m, id) {
				t.Errorf("%q doesn't name %s", m, id)
			}
		}
		h.unharmed()
	})
}

func TestShutdownAndPowerOnInterleaved(t *testing.T) {
	rows := []struct {
		name    string
		press   func(*home)
		results string
		puts    int
		offs    int
		last    string
	}{
		{"at once", func(h *home) {
			h.press("shutdown", "right", "often")
			h.press("power_on")
		}, "accepted done refused:cancelled", 0, 0, "running"},
		{"in the countdown", func(h *home) {
			h.press("shutdown", "right", "often")
			h.reaches("counting_down", time.Minute)
			h.press("power_on")
		}, "accepted accepted done cancelled:cancelled", 0, 0, "running"},
		{"after the request", func(h *home) {
			h.press("shutdown", "right", "often")
			h.reaches("confirming", time.Minute)
			h.press("power_on")
		}, "accepted accepted done done:normal", 1, 1, "running"},
		{"power on first", func(h *home) {
			h.press("power_on")
			h.press("shutdown", "right", "often")
		}, "accepted done accepted done:off", 1, 1, "off"},
		{"to and fro", func(h *home) {
			for range 3 {
				h.press("shutdown", "right", "often")
				h.press("power_on")
			}
			h.press("shutdown", "right", "often")
			h.reaches("confirming", time.Minute)
			for range 3 {
				h.press("power_on")
				h.press("shutdown", "right", "often")
			}
		}, strings.Repeat("accepted done refused:cancelled ", 3) + "accepted " + strings.Repeat("accepted done refused:busy ", 3) + "done:normal", 1, 1, "running"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t, homeSetup{})
				row.press(h)
				time.Sleep(15 * time.Minute)
				h.wants(row.results, row.puts, row.offs)
				h.unharmed()
				if got := h.state(); got != row.last {
					t.Errorf("states: %s", h.states())
				}
			})
		})
	}
}

// flood publishes ten thousand commands a second.
func (h *home) flood(seconds int) {
	for i := range seconds * 1000 {
		for j := range 10 {
			h.command("shutdown", map[string]any{"id": fmt.Sprintf("flood %d %d", i, j), "at": time.Now().Unix()}, false)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestACancelGetsThroughAFloodOfCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		goroutines := runtime.NumGoroutine()
		h.press("shutdown", "right", "often")
		h.reaches("counting_down", time.Minute)
		go h.flood(2)
		time.Sleep(time.Second)
		if n := runtime.NumGoroutine(); n > goroutines+10 {
			t.Errorf("%d goroutines, before %d", n, goroutines)
		}
		h.press("cancel")
		pressed := time.Now()
		h.reaches("running", 5*time.Second)
		if took := time.Since(pressed); took > time.Second {
			t.Errorf("the cancel took %v", took)
		}
		time.Sleep(10 * time.Second)
		got := h.results("garage")
		if n := len(strings.Fields(got)); n > 50 || !strings.Contains(got, "refused:flood") || !strings.Contains(got, "cancelled:cancelled") {
			t.Errorf("%d results: %s", n, got)
		}
		if h.requests() != 0 {
			t.Errorf("%d requests", h.requests())
		}
	})
}

func TestAFloodOfCommandsDoesNotDelayWhatTakesSafeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{power: safely})
		h.press("shutdown", "right", "often")
		h.reaches("safe", 10*time.Minute)
		go h.flood(3)
		time.Sleep(time.Second)
		alive := time.Now()
		h.comesAlive()
		time.Sleep(5 * time.Second)
		var off time.Time
		for _, p := range h.broker.Log() {
			if !p.Sent && p.Packet == "PUBLISH" && p.Topic == "hikbridge/garage/safe_to_cut_power" && p.At.After(alive) {
				if string(p.Payload) == "OFF" && off.IsZero() {
					off = p.At
				} else if string(p.Payload) == "ON" && !off.IsZero() {
					t.Error("safe was said after it was taken back")
				}
			}
		}
		if off.IsZero() || off.Sub(alive) > 2100*time.Millisecond { // the next probe
			t.Errorf("taken back after %v", off.Sub(alive))
		}
	})
}

// spoken is all that the bridge published and logged since a place in the
// broker's transcript.
func (h *home) spoken(since int) string {
	var b strings.Builder
	for _, p := range h.broker.Log()[since:] {
		if !p.Sent && p.Packet == "PUBLISH" && p.Client == "hikbridge" {
			fmt.Fprintln(&b, p.Topic, string(p.Payload))
		}
	}
	return b.String() + h.log.String()
}

func TestHostilePayloadsDoNothingAndAreNotRepeated(t *testing.T) {
	const mark = "zq7hostile"
	at := func(more string) string {
		return fmt.Sprintf(`{"id":%q,"at":%d%s}`, mark, time.Now().Unix(), more)
	}
	long := strings.Repeat(mark, 150)
	rows := map[string]struct {
		payload func() string
		verdict string
	}{
		"1 MiB":                     {func() string { return strings.Repeat("x", 1<<20) }, ""},
		"5 KiB":                     {func() string { return at(`,"reason":"` + strings.Repeat("x", 5<<10) + `"`) }, "refused:too_long"},
		"deep JSON":                 {func() string { return strings.Repeat(`{"a":`, 800) }, "refused:malformed"},
		"deep arrays":               {func() string { return at(`,"force":` + strings.Repeat("[", 2000)) }, "refused:malformed"},
		"no UTF-8":                  {func() string { return at(",\"reason\":\"\xff\xfe\"") }, "refused:malformed"},
		"NUL":                       {func() string { return at("") + "\x00" }, "refused:malformed"},
		"a doubled key":             {func() string { return at(`,"id":"b"`) }, "refused:malformed"},
		"a doubled key, other case": {func() string { return at(`,"ID":"b"`) }, "refused:malformed"},
		"a long doubled key":        {func() string { return at(`,"` + long + `":1,"` + long + `":2`) }, "refused:malformed"},
		"NaN":                       {func() string { return `{"id":"a","at":NaN}` }, "refused:malformed"},
		"a huge number":             {func() string { return `{"id":"a","at":1e400}` }, "refused:malformed"},
		"a huge integer":            {func() string { return `{"id":"a","at":99999999999999999999999}` }, "refused:malformed"},
		"the end of time":           {func() string { return `{"id":"a","at":9223372036854775807}` }, "expired:expired"},
		"an unknown key":            {func() string { return at(`,"` + long + `":1`) }, "refused:malformed"},
		"a wrong type":              {func() string { return at(`,"by":["` + long + `"]`) }, "refused:malformed"},
		"a long id":                 {func() string { return fmt.Sprintf(`{"id":%q,"at":%d}`, long, time.Now().Unix()) }, "refused:malformed"},
		"a word":                    {func() string { return long }, "refused:malformed"},
		"lines":                     {func() string { return "\n\r" + long }, "refused:malformed"},
		"two envelopes":             {func() string { return at("") + at("") }, "refused:malformed"},
		"an array":                  {func() string { return "[" + at("") + "]" }, "refused:malformed"},
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{power: func(p *bridge.PowerConfig) { p.PlainCommands = true }})
		for name, row := range rows {
			results, since := h.results("garage"), len(h.broker.Log())
			h.broker.Publish("hikbridge/command/garage/shutdown", []byte(row.payload()), false)
			time.Sleep(2 * time.Second)
			if got := strings.TrimSpace(strings.TrimPrefix(h.results("garage"), results)); got != row.verdict {
				t.Errorf("%s: %s, want %s", name, got, row.verdict)
			}
			if said := h.spoken(since); strings.Contains(said, strings.Repeat(mark, 12)) {
				t.Errorf("%s: the payload is repeated", name)
			}
		}
		time.Sleep(time.Minute)
		if h.requests() != 0 || h.state() != "running" {
			t.Errorf("%d requests; states: %s", h.requests(), h.states())
		}
		if n := strings.Count(h.log.String(), "too large"); n != 1 {
			t.Errorf("what is too large is told %d times", n)
		}
	})
}

func TestOddTopicsAreIgnoredAndToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{power: func(p *bridge.PowerConfig) { p.PlainCommands = true }})
		topics := []string{"nobody/shutdown", "GARAGE/shutdown", "/shutdown", "garage/", "garage", "", "garage/shutdown/", "garage/shutdown/now",
			"garage//shutdown", "+/shutdown", "#", "garage/+", "bridge/shutdown", "site/ch/1/shutdown", "garage/ch//shutdown",
			strings.Repeat("x", 60000) + "/shutdown", "garage/ch/1/2/shutdown", "garage shutdown", "../garage/shutdown"}
		refused := []string{"garage/SHUTDOWN", "garage/shut down", "garage/" + strings.Repeat("y", 60000), "garage/ch/1/shutdown", "garage/outage", "site/shutdown"}
		for _, topic := range slices.Concat(topics, refused) {
			h.broker.Publish("hikbridge/command/"+topic, []byte("PRESS"), false)
			time.Sleep(10 * time.Millisecond)
		}
		for range 1000 {
			h.broker.Publish("hikbridge/command/nobody/shutdown", []byte("PRESS"), false)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Minute)
		if h.requests() != 0 || h.state() != "running" {
			t.Errorf("%d requests; states: %s", h.requests(), h.states())
		}
		if got := h.results("garage"); got != strings.TrimSuffix(strings.Repeat("refused:unknown_action ", 5), " ") {
			t.Errorf("results: %s", got)
		}
		if n := strings.Count(h.log.String(), "unknown command topic"); n == 0 || n > 5 {
			t.Errorf("told %d times", n)
		}
		if strings.Contains(h.log.String(), strings.Repeat("x", 1000)) || strings.Contains(h.spoken(0), strings.Repeat("y", 1000)) {
			t.Error("a long topic is repeated")
		}
		if n := strings.Count(h.log.String(), `msg="connected to the broker"`); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestTheBridgesOwnTopicsAreNoInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHomeAs(t, homeSetup{}, func(h *home) {
			h.broker.Publish("hikbridge/garage/safe_to_cut_power", []byte("ON"), true)
			h.broker.Publish("hikbridge/garage/power_state", []byte("safe"), true)
		})
		h.expect("what was there before the start", map[string]string{"hikbridge/garage/safe_to_cut_power": "OFF", "hikbridge/garage/power_state": "running"})
		for topic, payload := range map[string]string{"safe_to_cut_power": "ON", "power_state": "off", "proof": "power", "availability": "offline"} {
			h.broker.Publish("hikbridge/garage/"+topic, []byte(payload), true)
		}
		time.Sleep(5 * time.Minute)
		if n := h.requests() + len(h.plug.Offs()) + len(h.plug.Ons()) + len(h.said()); n != 0 {
			t.Errorf("%d things were done", n)
		}
		h.broker.Cut("hikbridge")
		time.Sleep(10 * time.Second)
		h.firstIsOff()
		h.expect("at the next connection", map[string]string{"hikbridge/garage/safe_to_cut_power": "OFF", "hikbridge/garage/power_state": "running",
			"hikbridge/garage/availability": "online"})
		h.press("shutdown", "right", "often")
		h.reaches("confirming", time.Minute)
	})
}

// sensor is a Tasmota's report of its meter.
func sensor(watts float64) []byte {
	return fmt.Appendf(nil, `{"Time":%q,"ENERGY":{"Total":12.3,"Power":%g,"Voltage":231}}`, time.Now().Format("2006-01-02T15:04:05"), watts)
}

func TestSpoofedReportsOfThePlugProveNothing(t *testing.T) {
	zeros := func(h *home) { h.broker.Publish("tele/garage_plug/SENSOR", sensor(0), false) }
	off := func(h *home) { h.broker.Publish("stat/garage_plug/POWER", []byte("OFF"), false) }
	stays := nvrtest.Config{Halt: nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}}}
	warm := nvrtest.Config{Watts: nvrtest.Watts{Halted: 9}}
	rows := []struct {
		name     string
		recorder nvrtest.Config
		press    string // or nothing
		spoof    func(*home)
		last     string
	}{
		{"0 W of a recorder that runs", stays, "", zeros, "running"},
		{"off, of a recorder that runs", stays, "", off, "running"},
		{"0 W of a recorder that stays on", stays, "power_cycle", zeros, "attention"},
		{"off, of a recorder that stays on", stays, "power_cycle", off, "running"},
		{"off and 0 W, of a recorder that stays on", stays, "power_cycle", func(h *home) { off(h); zeros(h) }, "running"},
		{"0 W among 9 W of a recorder that halts", warm, "power_cycle", zeros, "attention"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t, homeSetup{recorder: row.recorder})
				if row.press != "" {
					h.press(row.press, "right", "often")
					h.reaches("confirming", time.Minute)
				}
				for range 80 {
					row.spoof(h)
					time.Sleep(3 * time.Second)
				}
				if len(h.said()) > 0 || len(h.plug.Offs()) > 0 {
					t.Errorf("safe said %d times, %d OFFs; states: %s", len(h.said()), len(h.plug.Offs()), h.states())
				}
				time.Sleep(12 * time.Minute)
				h.unharmed()
				if got := h.state(); got != row.last {
					t.Errorf("states: %s", h.states())
				}
			})
		})
	}
}

func TestAnEarlyCutIsToldAtTheNextBoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{power: safely})
		h.press("shutdown", "right", "often")
		h.reaches("confirming", time.Minute)
		time.Sleep(4 * time.Second) // it still writes its disks
		h.plug.SwitchByHand(false)
		h.reaches("attention", time.Minute)
		h.expect("cut", map[string]string{"hikbridge/garage/needs_attention": "ON"})
		time.Sleep(time.Minute)
		h.plug.SwitchByHand(true)
		h.reaches("running", 15*time.Minute)
		time.Sleep(time.Second)
		h.wants("accepted failed:power_lost", 1, 0)
		if stops := h.recorder.Stops(); len(stops) != 1 || stops[0].Clean || len(h.said()) > 0 {
			t.Errorf("stops %+v, safe said %d times", stops, len(h.said()))
		}
		actions, err := bridge.LogBook(h.config.StateDir, "garage")
		if err != nil || len(actions) != 1 || actions[0].Verdict != "power_lost" {
			t.Fatalf("log book: %+v, %v", actions, err)
		}
		unclean := slices.ContainsFunc(actions[0].Verification, func(v bridge.Verified) bool { return v.ID == "clean_stop" && v.Result == "not ok" })
		if !unclean {
			t.Errorf("verification: %+v; states: %s", actions[0].Verification, h.states())
		}
	})
}

// Home Assistant may cut on a *safe* that was taken back while its command was on
// its way.
func TestACutThatComesAfterSafeWasTakenBackIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{power: safely})
		h.press("shutdown", "right", "often")
		h.reaches("safe", 10*time.Minute)
		time.Sleep(10 * time.Second)
		h.comesAlive()
		time.Sleep(2100 * time.Millisecond) // the next probe
		said := len(h.said())
		h.expect("taken back", map[string]string{"hikbridge/garage/safe_to_cut_power": "OFF", "hikbridge/garage/power_state": "attention"})
		h.plug.SwitchByHand(false)
		time.Sleep(time.Minute)
		h.expect("cut", map[string]string{"hikbridge/garage/needs_attention": "ON", "hikbridge/garage/power_state": "attention"})
		if s := h.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(s, "power_lost") {
			t.Errorf("attributes: %s", s)
		}
		if len(h.said()) != said {
			t.Error("safe was said again")
		}
	})
}

func TestAMessageThatTheBrokerDoesNotTakeStopsNoSequence(t *testing.T) {
	for topic, name := range map[string]string{
		"hikbridge/garage/status": "a state", "hikbridge/garage/result": "results", "homeassistant/device/+": "documents",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t, homeSetup{})
				topics := []string{topic}
				if strings.HasSuffix(topic, "+") {
					topics = slices.DeleteFunc(h.broker.Topics(), func(s string) bool { return !strings.HasSuffix(s, "/config") })
				}
				for _, topic := range topics {
					h.broker.CloseOn(topic)
				}
				h.broker.Cut("hikbridge")
				time.Sleep(5 * time.Minute) // it finds out what the broker doesn't take, one by one
				h.press("power_cycle", "right", "often")
				time.Sleep(20 * time.Minute)
				if h.requests() != 1 || len(h.plug.Offs()) != 1 || h.state() != "running" {
					t.Errorf("%d requests, %d OFFs; states: %s", h.requests(), len(h.plug.Offs()), h.states())
				}
				h.unharmed()
				if name == "results" { // they aren't kept, so the connection is what is lost
					if lost := h.value("hikbridge/bridge/" + discovery.KeyEventsLost); lost != "2" {
						t.Errorf("%s messages are told to be lost", lost)
					}
					return
				}
				if s := h.value("hikbridge/bridge/needs_attention/attributes"); !strings.Contains(s, "isn't sent") {
					t.Errorf("reasons: %s", s)
				}
				if n := strings.Count(h.log.String(), "a message isn't sent"); n == 0 || n > 3*len(topics)+5 {
					t.Errorf("told %d times", n)
				}
			})
		})
	}
}

// A broker that takes neither what withdraws safe nor an OFF has the last word:
// without the former nothing else is sent, and what wasn't taken isn't sent later.
func TestABrokerThatForbidsWhatPowerHangsOnGetsNoOff(t *testing.T) {
	for topic, name := range map[string]string{"hikbridge/garage/safe_to_cut_power": "safe", "cmnd/garage_plug/POWER": "the plug"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t, homeSetup{})
				h.press("power_cycle", "right", "often")
				h.reaches("confirming", time.Minute)
				h.broker.CloseOn(topic)
				h.broker.Cut("hikbridge")
				time.Sleep(15 * time.Minute)
				if len(h.plug.Offs()) > 0 || len(h.said()) > 0 && name == "safe" {
					t.Errorf("%d OFFs, safe said %d times", len(h.plug.Offs()), len(h.said()))
				}
				if h.recorder.Power() != nvrtest.PowerHalted || h.requests() != 1 {
					t.Errorf("the recorder: %v; %d requests", h.recorder.Power(), h.requests())
				}
				h.unharmed()
			})
		})
	}
}

func TestWrongCredentialsForTheBrokerHaveNoEffectOnPower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		h.press("power_cycle", "right", "often")
		h.reaches("confirming", time.Minute)
		h.broker.Login("hikbridge", "another")
		h.broker.Cut("hikbridge")
		began := len(h.broker.Log())
		time.Sleep(time.Hour)
		tries := 0
		for _, p := range h.broker.Log()[began:] {
			if p.Packet == "CONNACK" && p.Code == 5 {
				tries++
			}
		}
		if tries < 10 || tries > 3600/2 { // of bridge and plug
			t.Errorf("%d tries in an hour", tries)
		}
		if n := strings.Count(h.log.String(), "broker refuses the connection"); n != 1 {
			t.Errorf("told %d times", n)
		}
		if len(h.plug.Offs()) > 0 || h.requests() != 1 {
			t.Errorf("%d OFFs, %d requests", len(h.plug.Offs()), h.requests())
		}
		h.broker.Login("hikbridge", brokerPW)
		h.reaches("running", 15*time.Minute)
		h.unharmed()
	})
}

func TestSafeIsSaidAgainOnlyByItsProof(t *testing.T) {
	for _, away := range []time.Duration{time.Second, 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			h := newHome(t, homeSetup{power: safely})
			h.press("shutdown", "right", "often")
			h.reaches("safe", 10*time.Minute)
			time.Sleep(10 * time.Second)
			h.broker.Down()
			time.Sleep(away)
			h.broker.Up()
			up := time.Now()
			time.Sleep(5 * time.Minute)
			h.firstIsOff()
			said := slices.DeleteFunc(h.said(), func(at time.Time) bool { return at.Before(up) })
			if len(said) == 0 || away > 20*time.Second && said[0].Sub(up) < 45*time.Second {
				t.Errorf("away for %v: said %d times; states: %s", away, len(said), h.states())
			}
			h.unharmed()
		})
	}
}
