package bridgetest_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge/bridgetest"
	"hikbridge/bridge/plug"
	"hikbridge/mqtt/mqtttest"
)

// world is a plug, its broker, and a listener that reads the plug as the bridge
// does.
type world struct {
	t      *testing.T
	preset string
	broker *mqtttest.Broker
	plug   *bridgetest.Plug
	reader *plug.Plug

	mu       sync.Mutex
	load     float64
	switched []bool
	seen     int // records of the broker's transcript
}

var presets = map[string]string{
	bridgetest.Tasmota:     "garage_plug",
	bridgetest.Shelly2:     "shellyplusplugs-aabb",
	bridgetest.Zigbee2MQTT: "Garage plug",
}

// in runs a test of one preset in a bubble, once the plug has said hello.
func in(t *testing.T, preset string, change func(*bridgetest.PlugConfig), test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, preset: preset, broker: mqtttest.New(), load: 9}
		defer w.broker.Close()
		config, err := plug.Parse(preset + ":" + presets[preset])
		if err != nil {
			t.Fatal(err)
		}
		if w.reader, err = plug.New(config, "hikbridge", "garage"); err != nil {
			t.Fatal(err)
		}
		c := bridgetest.PlugConfig{Preset: preset, Topic: presets[preset], Meter: true, Load: w.watts, OnSwitch: w.onSwitch}
		if change != nil {
			change(&c)
		}
		w.plug = bridgetest.NewPlug(w.broker.Dial, c)
		defer w.plug.Close()
		synctest.Wait()
		test(w)
	})
}

// all runs a test for each preset.
func all(t *testing.T, change func(*bridgetest.PlugConfig), test func(w *world)) {
	t.Helper()
	for preset := range presets {
		t.Run(preset, func(t *testing.T) { in(t, preset, change, test) })
	}
}

func (w *world) watts() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.load
}

func (w *world) draws(watts float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.load = watts
}

func (w *world) onSwitch(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.switched = append(w.switched, on)
}

// switchings are what OnSwitch was told, so far.
func (w *world) switchings(want ...bool) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.switched, want) {
		w.t.Errorf("outlet switched %v, want %v", w.switched, want)
	}
}

// send publishes as the bridge would.
func (w *world) send(messages []plug.Message) {
	w.t.Helper()
	if len(messages) == 0 {
		w.t.Fatal("nothing to send")
	}
	for _, m := range messages {
		w.broker.Publish(m.Topic, m.Payload, false)
	}
	synctest.Wait()
}

// heard are the reports since the last call, of what the plug published or the
// broker published for it.
func (w *world) heard() []plug.Report {
	w.t.Helper()
	synctest.Wait()
	log := w.broker.Log()
	var reports []plug.Report
	for _, r := range log[w.seen:] {
		if r.Sent || r.Packet != "PUBLISH" || !slices.Contains(w.reader.Topics(), r.Topic) {
			continue
		}
		report := w.reader.Read(r.Topic, r.Payload, false)
		if report.Err != nil {
			w.t.Errorf("%s %s: %v", r.Topic, r.Payload, report.Err)
		}
		reports = append(reports, report)
	}
	w.seen = len(log)
	return reports
}

// short writes what counts of reports, without those that tell nothing.
func short(reports []plug.Report) string {
	var all []string
	for _, r := range reports {
		var s []string
		if r.Away {
			s = append(s, "away")
		}
		if r.Restarted {
			s = append(s, "restarted")
		}
		if r.Relay != plug.NotTold {
			s = append(s, r.Relay.String())
		}
		if r.Metered {
			s = append(s, fmt.Sprintf("%gW", r.Watts))
		}
		if r.ReturnsOn != plug.NotTold {
			s = append(s, "returns "+r.ReturnsOn.String())
		}
		if len(s) > 0 {
			all = append(all, strings.Join(s, " "))
		}
	}
	return strings.Join(all, ", ")
}

// hears fails unless exactly this was heard since the last call.
func (w *world) hears(want string) {
	w.t.Helper()
	if got := short(w.heard()); got != want {
		w.t.Errorf("heard %q, want %q", got, want)
	}
}

// answers asks, and returns the last relay and figure of what came.
func (w *world) answers() (relay plug.Told, watts float64, metered bool) {
	w.t.Helper()
	w.heard()
	w.send(w.reader.AskNow())
	for _, r := range w.heard() {
		if r.Relay != plug.NotTold {
			relay = r.Relay
		}
		if r.Metered {
			watts, metered = r.Watts, true
		}
	}
	return relay, watts, metered
}

func (w *world) answer(relay plug.Told, watts float64) {
	w.t.Helper()
	if r, got, ok := w.answers(); r != relay || !ok || got != watts {
		w.t.Errorf("answers %s, %g W (%t); want %s, %g W", r, got, ok, relay, watts)
	}
}

func TestHello(t *testing.T) {
	for preset, want := range map[string]string{
		bridgetest.Tasmota:     "restarted, restarted, on",
		bridgetest.Shelly2:     "restarted, on 9W, on 9W",
		bridgetest.Zigbee2MQTT: "restarted, on 9W",
	} {
		in(t, preset, nil, func(w *world) { w.hears(want) })
	}
}

func TestItAnswersAndObeys(t *testing.T) {
	all(t, nil, func(w *world) {
		w.answer(plug.On, 9)
		time.Sleep(5 * time.Second)
		w.send(w.reader.Off())
		if r := w.heard(); len(r) == 0 || r[len(r)-1].Relay != plug.Off {
			w.t.Errorf("after OFF it says %q", short(r))
		}
		if w.plug.Powered() {
			w.t.Error("still on")
		}
		if r, watts, _ := w.answers(); r != plug.Off || watts != 0 {
			w.t.Errorf("answers %s, %g W", r, watts)
		}
		time.Sleep(15 * time.Second)
		w.send(w.reader.On())
		w.answer(plug.On, 9)
		w.switchings(false, true)
		offs, ons := w.plug.Offs(), w.plug.Ons()
		if len(offs) != 1 || len(ons) != 1 || offs[0].Retained || ons[0].Retained || ons[0].At.Sub(offs[0].At) != 15*time.Second {
			w.t.Errorf("commands %v, %v", offs, ons)
		}
	})
}

func TestARetainedCommandIsSeenAsSuch(t *testing.T) {
	all(t, nil, func(w *world) {
		m := w.reader.Off()[0]
		w.broker.Publish(m.Topic, m.Payload, true)
		synctest.Wait()
		w.broker.Cut()
		time.Sleep(5 * time.Second)
		offs := w.plug.Offs()
		if len(offs) != 2 || offs[0].Retained || !offs[1].Retained {
			w.t.Errorf("commands %v, want one that came live and again at the connection", offs)
		}
	})
}

func TestItReportsByItself(t *testing.T) {
	for preset, want := range map[string]string{
		bridgetest.Tasmota:     "on, 9W, on, 9W",
		bridgetest.Shelly2:     "9W, on 9W, 9W, on 9W",
		bridgetest.Zigbee2MQTT: "on 9W, on 9W",
	} {
		in(t, preset, func(c *bridgetest.PlugConfig) { c.Every = 10 * time.Second }, func(w *world) {
			w.heard()
			time.Sleep(25 * time.Second)
			w.hears(want)
		})
	}
}

func TestWithoutMeter(t *testing.T) {
	all(t, func(c *bridgetest.PlugConfig) { c.Meter, c.Every = false, 10*time.Second }, func(w *world) {
		time.Sleep(15 * time.Second)
		if r, _, metered := w.answers(); r != plug.On || metered {
			w.t.Errorf("answers %s, metered %t", r, metered)
		}
	})
}

func TestThePowerOnDefaultIsTold(t *testing.T) {
	all(t, nil, func(w *world) {
		for _, d := range []struct {
			set  bridgetest.Default
			want plug.Told
		}{{bridgetest.DefaultPrevious, plug.On}, {bridgetest.DefaultOff, plug.Off}, {bridgetest.DefaultOn, plug.On}} {
			w.plug.PowerOnDefault(d.set)
			w.heard()
			w.send(w.reader.AskDefault())
			if r := w.heard(); len(r) != 1 || r[0].ReturnsOn != d.want {
				w.t.Errorf("default %s: heard %q", d.set, short(r))
			}
		}
	})
}

func TestLiesOfTheMeter(t *testing.T) {
	all(t, nil, func(w *world) {
		w.plug.Cached(true)
		w.draws(1)
		w.answer(plug.On, 9)
		w.plug.Cached(false)
		w.answer(plug.On, 1)
		w.plug.FalseZero(true)
		w.answer(plug.On, 0)
		w.plug.FalseZero(false)
		w.plug.MuteReadings(true)
		w.draws(5)
		if r, watts, metered := w.answers(); r != plug.On || metered && watts == 5 {
			w.t.Errorf("mute: %s, %g W (%t)", r, watts, metered)
		}
		w.plug.MuteReadings(false)
		w.answer(plug.On, 5)
	})
}

func TestStampsMoveOnlyWhereTheyMay(t *testing.T) {
	for preset, want := range map[string][2]bool{ // after 2 s, after 60 s
		bridgetest.Tasmota:     {true, true},
		bridgetest.Shelly2:     {false, true},
		bridgetest.Zigbee2MQTT: {false, false},
	} {
		in(t, preset, nil, func(w *world) {
			stamp := func() string {
				w.heard()
				w.send(w.reader.AskNow())
				for _, r := range w.heard() {
					if r.Metered {
						return r.Stamp
					}
				}
				w.t.Error("no figure")
				return ""
			}
			first := stamp()
			time.Sleep(2 * time.Second)
			second := stamp()
			time.Sleep(time.Minute)
			if third := stamp(); (first != second) != want[0] || (second != third) != want[1] {
				w.t.Errorf("%s: stamps %q, %q, %q", preset, first, second, third)
			}
		})
	}
}

func TestZigbee2MQTTRepeatsAnOldPowerWithEveryReport(t *testing.T) {
	in(t, bridgetest.Zigbee2MQTT, nil, func(w *world) {
		w.heard()
		w.draws(1)
		w.plug.ReportOther()
		w.hears("on 9W")
		w.send([]plug.Message{{Topic: "zigbee2mqtt/Garage plug/get", Payload: []byte(`{"state":""}`)}})
		w.hears("on 9W")
		w.send(w.reader.AskNow())
		w.hears("on 1W, on 1W")
	})
}

func TestZigbee2MQTTRestarts(t *testing.T) {
	in(t, bridgetest.Zigbee2MQTT, nil, func(w *world) {
		w.heard()
		w.draws(1)
		w.plug.RestartBridge()
		synctest.Wait()
		if p, _ := w.broker.Retained("zigbee2mqtt/bridge/state"); string(p) != `{"state":"offline"}` {
			w.t.Errorf("will: %s", p)
		}
		time.Sleep(3 * time.Second)
		w.hears("restarted, on 9W") // the old figure
	})
}

func TestAStuckRelay(t *testing.T) {
	all(t, nil, func(w *world) {
		w.plug.StuckRelay(true)
		w.send(w.reader.Off())
		if !w.plug.Powered() {
			w.t.Error("it opened")
		}
		w.answer(plug.Off, 9)
		w.switchings()
		w.plug.StuckRelay(false)
		if w.plug.Powered() {
			w.t.Error("set free, it stays closed")
		}
		w.switchings(false)
	})
}

func TestLate(t *testing.T) {
	all(t, nil, func(w *world) {
		w.plug.Late(7 * time.Second)
		w.send(w.reader.Off())
		time.Sleep(6 * time.Second)
		w.answer(plug.On, 9)
		time.Sleep(time.Second)
		synctest.Wait()
		if w.plug.Powered() || len(w.plug.Offs()) != 1 {
			w.t.Errorf("powered %t, %d commands", w.plug.Powered(), len(w.plug.Offs()))
		}
	})
}

func TestReportLate(t *testing.T) {
	all(t, nil, func(w *world) {
		w.heard()
		w.plug.ReportLate(20 * time.Second)
		w.send(w.reader.Off())
		if w.plug.Powered() {
			w.t.Error("still on")
		}
		time.Sleep(19 * time.Second)
		w.hears("")
		time.Sleep(time.Second)
		if r := w.heard(); len(r) == 0 || r[len(r)-1].Relay != plug.Off {
			w.t.Errorf("heard %q", short(r))
		}
	})
}

func TestAway(t *testing.T) {
	all(t, func(c *bridgetest.PlugConfig) { c.Every = 10 * time.Second }, func(w *world) {
		w.heard()
		w.plug.Away(true)
		synctest.Wait()
		w.sawWill()
		time.Sleep(time.Minute)
		w.heard()
		w.send(w.reader.AskNow())
		w.send(w.reader.Off())
		time.Sleep(time.Minute)
		w.hears("")
		if !w.plug.Powered() {
			w.t.Error("obeyed while away")
		}
		w.plug.Away(false)
		time.Sleep(2 * time.Second)
		if r := w.heard(); len(r) == 0 || !r[0].Restarted {
			w.t.Errorf("back: heard %q", short(r))
		}
		w.answer(plug.On, 9)
		if !w.plug.Powered() {
			w.t.Error("obeyed a command from when it was away")
		}
	})
}

// sawWill fails unless the broker keeps a message that is read as away.
func (w *world) sawWill() {
	w.t.Helper()
	topic := map[string]string{
		bridgetest.Tasmota: "tele/garage_plug/LWT", bridgetest.Shelly2: "shellyplusplugs-aabb/online", bridgetest.Zigbee2MQTT: "zigbee2mqtt/Garage plug/availability",
	}[w.preset]
	payload, _ := w.broker.Retained(topic)
	if r := w.reader.Read(topic, payload, true); !r.Away {
		w.t.Errorf("%s %s isn't read as away", topic, payload)
	}
}

func TestRestart(t *testing.T) {
	for _, row := range []struct {
		byDefault bridgetest.Default
		before    bool
		want      bool
	}{
		{bridgetest.DefaultPrevious, true, true}, {bridgetest.DefaultPrevious, false, false},
		{bridgetest.DefaultOn, false, true}, {bridgetest.DefaultOff, true, false},
	} {
		all(t, func(c *bridgetest.PlugConfig) { c.Default, c.StartOff = row.byDefault, !row.before }, func(w *world) {
			time.Sleep(time.Minute)
			w.heard()
			w.plug.Restart()
			time.Sleep(3 * time.Second)
			r := w.heard()
			restarted := slices.ContainsFunc(r, func(r plug.Report) bool { return r.Restarted })
			if restarted == (w.preset == bridgetest.Zigbee2MQTT) || len(r) == 0 {
				w.t.Fatalf("heard %q", short(r))
			}
			if got := r[len(r)-1].Relay == plug.On; got != row.want || w.plug.Powered() != row.want {
				w.t.Errorf("%s, on before %t: heard %q, powered %t", row.byDefault, row.before, short(r), w.plug.Powered())
			}
		})
	}
}

func TestMainsBlinks(t *testing.T) {
	all(t, func(c *bridgetest.PlugConfig) { c.Default = bridgetest.DefaultOn }, func(w *world) {
		w.plug.SwitchByHand(false)
		if r := w.heard(); r[len(r)-1].Relay != plug.Off {
			w.t.Errorf("by hand: heard %q", short(r))
		}
		w.plug.SwitchByHand(true)
		w.plug.Mains(false)
		w.plug.Mains(false)
		w.heard()
		if w.plug.Powered() {
			w.t.Error("powered without mains")
		}
		w.plug.SwitchByHand(false)
		w.plug.Restart()
		w.send(w.reader.Off())
		w.send(w.reader.AskNow())
		time.Sleep(10 * time.Second)
		w.hears("")
		w.plug.Mains(true)
		w.plug.Away(true) // before it has booted
		w.plug.Away(false)
		synctest.Wait()
		if !w.plug.Powered() {
			w.t.Error("its default is on")
		}
		if clients := w.broker.Clients(); w.preset != bridgetest.Zigbee2MQTT && len(clients) > 0 {
			w.t.Errorf("%q connected before it has booted", clients)
		}
		time.Sleep(3 * time.Second)
		w.answer(plug.On, 9)
		w.switchings(false, true, false, true)
	})
}

func TestRetainedState(t *testing.T) {
	for preset, topic := range map[string]string{
		bridgetest.Tasmota: "stat/garage_plug/POWER", bridgetest.Shelly2: "shellyplusplugs-aabb/status/switch:0", bridgetest.Zigbee2MQTT: "zigbee2mqtt/Garage plug",
	} {
		in(t, preset, func(c *bridgetest.PlugConfig) { c.Retain = true }, func(w *world) {
			w.plug.SwitchByHand(false)
			synctest.Wait()
			if _, ok := w.broker.Retained(topic); !ok {
				w.t.Errorf("%s isn't kept", topic)
			}
		})
	}
}

func TestItComesBackToABrokerThatWasDown(t *testing.T) {
	all(t, nil, func(w *world) {
		w.broker.Down()
		time.Sleep(time.Minute)
		w.broker.Up()
		time.Sleep(2 * time.Second)
		w.answer(plug.On, 9)
		w.broker.Freeze() // nothing is read: it notices, and doesn't stop
		w.plug.SwitchByHand(false)
		time.Sleep(2 * time.Minute)
		w.broker.Thaw()
		time.Sleep(10 * time.Second)
		w.seen = len(w.broker.Log())
		if r, _, _ := w.answers(); r != plug.Off {
			w.t.Errorf("answers %s", r)
		}
	})
}

func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := mqtttest.New()
		defer broker.Close()
		broker.Login("plug", "canary")
		wrong := bridgetest.NewPlug(broker.Dial, bridgetest.PlugConfig{Preset: bridgetest.Tasmota, Topic: "wrong", User: "plug", Password: "x"})
		defer wrong.Close()
		right := bridgetest.NewPlug(broker.Dial, bridgetest.PlugConfig{Preset: bridgetest.Tasmota, Topic: "right", User: "plug", Password: "canary"})
		defer right.Close()
		time.Sleep(5 * time.Second)
		if got := broker.Clients(); !slices.Equal(got, []string{"tasmota-right"}) {
			t.Errorf("clients %q", got)
		}
	})
}

func TestWhatADeviceDoesntUnderstand(t *testing.T) {
	for preset, rows := range map[string]map[string]string{
		bridgetest.Tasmota: {
			"cmnd/garage_plug/POWER ?":        `stat/garage_plug/RESULT {"POWER":"ON"}`,
			"cmnd/garage_plug/power1 toggle":  `stat/garage_plug/RESULT {"POWER":"OFF"}`,
			"cmnd/garage_plug/STATE ":         `stat/garage_plug/RESULT {"POWER":`,
			"cmnd/garage_plug/PowerOnState ":  `stat/garage_plug/RESULT {"PowerOnState":3}`,
			"cmnd/garage_plug/NoSuchCommand ": `stat/garage_plug/RESULT {"Command":"Unknown"}`,
			"cmnd/garage_plug/STATUS 99":      "",
		},
		bridgetest.Shelly2: {
			`shellyplusplugs-aabb/rpc {"id":9,"src":"me","method":"Switch.GetStatus","params":{"id":1}}`: `me/rpc {"dst":"me","error":{"code":404`,
			`shellyplusplugs-aabb/rpc {"id":9,"method":"Switch.GetStatus"}`:                              "",
			`shellyplusplugs-aabb/rpc x`:                          "",
			`shellyplusplugs-aabb/command/switch:0 off`:           `shellyplusplugs-aabb/events/rpc {"dst"`,
			`shellyplusplugs-aabb/command/switch:0 status_update`: `shellyplusplugs-aabb/status/switch:0 {`,
			`shellyplusplugs-aabb/command/switch:0 dance`:         "",
		},
		bridgetest.Zigbee2MQTT: {
			`zigbee2mqtt/Garage plug/set x`:                       "",
			`zigbee2mqtt/Garage plug/set {"state":"LOCK"}`:        "",
			`zigbee2mqtt/Garage plug/get {"brightness":""}`:       "",
			`zigbee2mqtt/Garage plug/get {"state":"","power":""}`: `zigbee2mqtt/Garage plug {`,
		},
	} {
		for request, want := range rows {
			in(t, preset, nil, func(w *world) {
				topic, payload, _ := strings.Cut(request, " ")
				if preset == bridgetest.Zigbee2MQTT {
					topic, payload = request[:27], request[28:]
				}
				before := len(w.broker.Log())
				w.broker.Publish(topic, []byte(payload), false)
				synctest.Wait()
				var got string
				for _, r := range w.broker.Log()[before:] {
					if !r.Sent && got == "" {
						got = r.Topic + " " + string(r.Payload)
					}
				}
				if want == "" && got != "" || !strings.HasPrefix(got, want) {
					t.Errorf("%s: %s, want %s", request, got, want)
				}
			})
		}
	}
}

func TestAnUnknownPresetPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("taken")
		}
	}()
	bridgetest.NewPlug(nil, bridgetest.PlugConfig{Preset: "shelly1"})
}

// TestOverTCP runs a plug over real connections to the broker.
func TestOverTCP(t *testing.T) {
	broker := mqtttest.New()
	defer broker.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = broker.Serve(l) }()
	p := bridgetest.NewPlug((&net.Dialer{}).DialContext, bridgetest.PlugConfig{Preset: bridgetest.Tasmota, Topic: "p", Addr: l.Addr().String()})
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	retained := func(topic, want string) {
		t.Helper()
		err := broker.Wait(ctx, func() bool { payload, _ := broker.Retained(topic); return string(payload) == want })
		if err != nil {
			t.Fatalf("%s never is %s", topic, want)
		}
	}
	retained("tele/p/LWT", "Online")
	broker.Publish("cmnd/p/POWER", []byte("OFF"), false)
	err = broker.Wait(ctx, func() bool {
		return slices.ContainsFunc(broker.Log(), func(r mqtttest.Record) bool { return r.Topic == "stat/p/POWER" && string(r.Payload) == "OFF" })
	})
	if err != nil || p.Powered() {
		t.Errorf("%v, powered %t", err, p.Powered())
	}
	p.Away(true)
	retained("tele/p/LWT", "Offline")
	p.Away(false)
	retained("tele/p/LWT", "Online")
}
