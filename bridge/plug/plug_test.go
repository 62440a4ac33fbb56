package plug_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hikbridge/bridge/plug"
)

func parsed(t testing.TB, s string) plug.Config {
	t.Helper()
	c, err := plug.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newPlug(t testing.TB, c plug.Config) *plug.Plug {
	t.Helper()
	p, err := plug.New(c, "hikbridge", "garage")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	for s, want := range map[string]plug.Config{
		"tasmota:garage_plug":                  {Preset: plug.Tasmota, Topic: "garage_plug"},
		"tasmota:strip#2":                      {Preset: plug.Tasmota, Topic: "strip", Channel: 2},
		"shelly1:shellyplug-s-AABBCC":          {Preset: plug.Shelly1, Topic: "shellyplug-s-AABBCC"},
		"shelly2:home/shellyplusplugs-aabb#3":  {Preset: plug.Shelly2, Topic: "home/shellyplusplugs-aabb", Channel: 3},
		"shelly2:shellyplusplugs-aabb#0":       {Preset: plug.Shelly2, Topic: "shellyplusplugs-aabb"},
		"zigbee2mqtt:Garage plug":              {Preset: plug.Zigbee2MQTT, Topic: "Garage plug"},
		"zigbee2mqtt:garage/0xaabbccddeeff:01": {Preset: plug.Zigbee2MQTT, Topic: "garage/0xaabbccddeeff:01"},
		"relay":                                {Preset: plug.Relay},
		"free":                                 {Preset: plug.Free},
	} {
		c, err := plug.Parse(s)
		if err != nil || c != want {
			t.Errorf("%q: %+v, %v", s, c, err)
		}
	}
}

func TestParseSaysWhatToWrite(t *testing.T) {
	for s, want := range map[string]string{
		"":                                    "must be tasmota:TOPIC, shelly1:ID",
		"Tasmota:x":                           "must be tasmota:TOPIC",
		"shelly:x":                            "shelly2:PREFIX",
		"tasmota":                             "as in tasmota:garage_plug",
		"tasmota:":                            "as in tasmota:garage_plug",
		"shelly1:":                            "as in shelly1:shellyplug-s-AABBCC",
		"shelly2:":                            "as in shelly2:shellyplusplugs-",
		"zigbee2mqtt:":                        "as in zigbee2mqtt:Garage plug",
		"relay:garage":                        "write relay",
		"free:":                               "write free",
		"tasmota:cmnd/garage_plug/POWER":      "without cmnd/",
		"shelly1:shellies/shellyplug-s-1":     "without shellies/",
		"zigbee2mqtt:zigbee2mqtt/Plug":        "without zigbee2mqtt/",
		"tasmota:strip#0":                     "tasmota:garage_plug#1",
		"tasmota:strip#x":                     "stands after #",
		"tasmota:strip#33":                    "they go to 32",
		"shelly2:a+b":                         "must not hold wildcards",
		"zigbee2mqtt:plug#2":                  "must not hold wildcards",
		"tasmota:plug/":                       "slash",
		"tasmota: plug":                       "space",
		"tasmota:a\x00b":                      "plain text",
		"tasmota:a\xffb":                      "plain text",
		"tasmota:#1":                          "empty",
		"tasmota:" + strings.Repeat("x", 300): "more than 256 bytes",
	} {
		if _, err := plug.Parse(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	for name, row := range map[string]struct {
		c    plug.Config
		want string
	}{
		"no preset":                         {plug.Config{}, "must be tasmota:TOPIC"},
		"a preset without device":           {plug.Config{Preset: plug.Tasmota}, "empty"},
		"a relay beyond all":                {plug.Config{Preset: plug.Shelly2, Topic: "x", Channel: -1}, "names a relay that there isn't"},
		"free without anything":             {plug.Config{Preset: plug.Free}, "needs StateTopic, PowerTopic or CommandTopic"},
		"free with a device":                {plug.Config{Preset: plug.Free, Topic: "x", StateTopic: "y"}, "Topic belongs"},
		"a wildcard":                        {plug.Config{Preset: plug.Free, StateTopic: "x/#"}, "StateTopic must not hold wildcards"},
		"the tree elsewhere":                {plug.Config{Preset: plug.Relay, StateTopic: "x"}, "StateTopic can't be set for relay"},
		"a field without topic":             {plug.Config{Preset: plug.Tasmota, Topic: "x", StateField: "POWER"}, "StateField needs StateTopic"},
		"words without topic":               {plug.Config{Preset: plug.Shelly2, Topic: "x", StateOn: "1"}, "StateOn needs StateTopic"},
		"a power field without topic":       {plug.Config{Preset: plug.Shelly1, Topic: "x", PowerField: "power"}, "PowerField needs PowerTopic"},
		"a time alone":                      {plug.Config{Preset: plug.Free, PowerTopic: "x", TimeField: "at"}, "TimeField needs PowerField"},
		"a time that moves with everything": {plug.Config{Preset: plug.Zigbee2MQTT, Topic: "x", TimeField: "last_seen"}, "TimeField is last_seen"},
		"a meter that is nowhere":           {plug.Config{Preset: plug.Free, StateTopic: "x", Meter: true}, "Meter needs"},
		"a command without topic":           {plug.Config{Preset: plug.Shelly2, Topic: "x", CommandOn: "on"}, "CommandOn needs CommandTopic"},
		"a question without topic":          {plug.Config{Preset: plug.Tasmota, Topic: "x", Ask: "?"}, "Ask needs AskTopic"},
		"on is off":                         {plug.Config{Preset: plug.Free, StateTopic: "x", StateOff: "on"}, "StateOff is the same as StateOn"},
		"on switches off":                   {plug.Config{Preset: plug.Free, CommandTopic: "x", CommandOn: "OFF"}, "CommandOff is the same as CommandOn"},
		"a path to zigbee2mqtt":             {plug.Config{Preset: plug.Zigbee2MQTT, Topic: "x", StateField: "a.b"}, "state_l1"},
		"a power path to zigbee2mqtt":       {plug.Config{Preset: plug.Zigbee2MQTT, Topic: "x", PowerField: "a.b"}, "power_l1"},
	} {
		_, err := plug.New(row.c, "hikbridge", "garage")
		var wrong *plug.Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
			continue
		}
		if !reflect.ValueOf(row.c).FieldByName(wrong.Field).IsValid() {
			t.Errorf("%s: there is no field %s", name, wrong.Field)
		}
	}
	for _, place := range [][2]string{{"", "garage"}, {"hikbridge", ""}, {"hikbridge/#", "garage"}} {
		if _, err := plug.New(plug.Config{Preset: plug.Relay}, place[0], place[1]); err == nil {
			t.Errorf("%q taken", place)
		}
	}
}

// lines writes messages one a line.
func lines(messages []plug.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Topic+" "+string(m.Payload))
	}
	return all
}

func TestWhatIsSent(t *testing.T) {
	for _, row := range []struct {
		c                               plug.Config
		topics, ask, returns, on, off   []string
		relay, meter, askable, switches bool
	}{
		{
			c: parsed(t, "tasmota:garage_plug"),
			topics: []string{"tele/garage_plug/LWT", "tele/garage_plug/INFO3", "tele/garage_plug/STATE", "tele/garage_plug/SENSOR",
				"stat/garage_plug/RESULT", "stat/garage_plug/STATUS", "stat/garage_plug/STATUS8", "stat/garage_plug/STATUS10",
				"stat/garage_plug/STATUS11", "stat/garage_plug/POWER", "stat/garage_plug/POWER1"},
			ask:     []string{"cmnd/garage_plug/STATUS 10", "cmnd/garage_plug/STATUS 11"},
			returns: []string{"cmnd/garage_plug/STATUS "},
			on:      []string{"cmnd/garage_plug/POWER ON"}, off: []string{"cmnd/garage_plug/POWER OFF"},
			relay: true, meter: true, askable: true, switches: true,
		},
		{
			c: plug.Config{Preset: plug.Tasmota, Topic: "strip", Channel: 2, StateTopic: "x/state", PowerTopic: "x/power", AskTopic: "x/ask", CommandOn: "1", CommandOff: "0"},
			topics: []string{"tele/strip/LWT", "tele/strip/INFO3", "tele/strip/STATE", "tele/strip/SENSOR", "stat/strip/RESULT",
				"stat/strip/STATUS", "stat/strip/STATUS8", "stat/strip/STATUS10", "stat/strip/STATUS11", "stat/strip/POWER2", "x/state", "x/power"},
			ask:     []string{"x/ask "},
			returns: []string{"cmnd/strip/STATUS "},
			on:      []string{"cmnd/strip/POWER2 1"}, off: []string{"cmnd/strip/POWER2 0"},
			relay: true, meter: true, askable: true, switches: true,
		},
		{
			c: parsed(t, "shelly1:shellyplug-s-AABBCC"),
			topics: []string{"shellies/shellyplug-s-AABBCC/online", "shellies/shellyplug-s-AABBCC/info",
				"shellies/shellyplug-s-AABBCC/relay/0", "shellies/shellyplug-s-AABBCC/relay/0/power"},
			ask:   []string{"shellies/shellyplug-s-AABBCC/command update"},
			on:    []string{"shellies/shellyplug-s-AABBCC/relay/0/command on"},
			off:   []string{"shellies/shellyplug-s-AABBCC/relay/0/command off"},
			relay: true, meter: true, askable: true, switches: true,
		},
		{
			c:      parsed(t, "shelly2:shellyplusplugs-aabb#1"),
			topics: []string{"shellyplusplugs-aabb/online", "shellyplusplugs-aabb/status/switch:1", "shellyplusplugs-aabb/events/rpc", "hikbridge-garage/rpc"},
			ask: []string{`shellyplusplugs-aabb/rpc {"id":2,"src":"hikbridge-garage","method":"Sys.GetStatus"}`,
				`shellyplusplugs-aabb/rpc {"id":1,"src":"hikbridge-garage","method":"Switch.GetStatus","params":{"id":1}}`},
			returns: []string{`shellyplusplugs-aabb/rpc {"id":3,"src":"hikbridge-garage","method":"Switch.GetConfig","params":{"id":1}}`},
			on:      []string{`shellyplusplugs-aabb/rpc {"id":4,"src":"hikbridge-garage","method":"Switch.Set","params":{"id":1,"on":true}}`},
			off:     []string{`shellyplusplugs-aabb/rpc {"id":4,"src":"hikbridge-garage","method":"Switch.Set","params":{"id":1,"on":false}}`},
			relay:   true, meter: true, askable: true, switches: true,
		},
		{
			c:      plug.Config{Preset: plug.Shelly2, Topic: "plug", CommandTopic: "plug/command/switch:0", CommandOn: "on", CommandOff: "off"},
			topics: []string{"plug/online", "plug/status/switch:0", "plug/events/rpc", "hikbridge-garage/rpc"},
			ask: []string{`plug/rpc {"id":2,"src":"hikbridge-garage","method":"Sys.GetStatus"}`,
				`plug/rpc {"id":1,"src":"hikbridge-garage","method":"Switch.GetStatus","params":{"id":0}}`},
			returns: []string{`plug/rpc {"id":3,"src":"hikbridge-garage","method":"Switch.GetConfig","params":{"id":0}}`},
			on:      []string{"plug/command/switch:0 on"}, off: []string{"plug/command/switch:0 off"},
			relay: true, meter: true, askable: true, switches: true,
		},
		{
			c:       parsed(t, "zigbee2mqtt:Garage plug"),
			topics:  []string{"zigbee2mqtt/bridge/state", "zigbee2mqtt/Garage plug/availability", "zigbee2mqtt/Garage plug"},
			ask:     []string{`zigbee2mqtt/Garage plug/get {"power":""}`, `zigbee2mqtt/Garage plug/get {"state":""}`},
			returns: []string{`zigbee2mqtt/Garage plug/get {"power_on_behavior":""}`},
			on:      []string{`zigbee2mqtt/Garage plug/set {"state":"ON"}`}, off: []string{`zigbee2mqtt/Garage plug/set {"state":"OFF"}`},
			relay: true, meter: true, askable: true, switches: true,
		},
		{
			c:       plug.Config{Preset: plug.Zigbee2MQTT, Topic: "strip", StateField: "state_l2", PowerField: "power_l2"},
			topics:  []string{"zigbee2mqtt/bridge/state", "zigbee2mqtt/strip/availability", "zigbee2mqtt/strip"},
			ask:     []string{`zigbee2mqtt/strip/get {"power_l2":""}`, `zigbee2mqtt/strip/get {"state_l2":""}`},
			returns: []string{`zigbee2mqtt/strip/get {"power_on_behavior":""}`},
			on:      []string{`zigbee2mqtt/strip/set {"state_l2":"ON"}`}, off: []string{`zigbee2mqtt/strip/set {"state_l2":"OFF"}`},
			relay: true, meter: true, askable: true, switches: true,
		},
		{
			c:      parsed(t, "relay"),
			topics: []string{"hikbridge/plug/garage/state", "hikbridge/plug/garage/power"},
			relay:  true, meter: true,
		},
		{
			c:      plug.Config{Preset: plug.Relay, CommandTopic: "ha/plug", AskTopic: "ha/ask"},
			topics: []string{"hikbridge/plug/garage/state", "hikbridge/plug/garage/power"},
			ask:    []string{"ha/ask "}, on: []string{"ha/plug ON"}, off: []string{"ha/plug OFF"},
			relay: true, meter: true, askable: true, switches: true,
		},
		{
			c: plug.Config{Preset: plug.Free, StateTopic: "x/s", StateField: "s", PowerField: "p", TimeField: "t", CommandTopic: "x/c",
				CommandOn: "1", CommandOff: "0", AskTopic: "x/a", Ask: "?"},
			topics: []string{"x/s"},
			ask:    []string{"x/a ?"}, on: []string{"x/c 1"}, off: []string{"x/c 0"},
			relay: true, meter: true, askable: true, switches: true,
		},
		{
			c:      plug.Config{Preset: plug.Free, PowerTopic: "x/p"},
			topics: []string{"x/p"},
			meter:  true,
		},
	} {
		t.Run(row.c.Preset+":"+row.c.Topic, func(t *testing.T) {
			p := newPlug(t, row.c)
			for _, same := range []struct {
				what      string
				got, want []string
			}{
				{"topics", p.Topics(), row.topics},
				{"ask", lines(p.AskNow()), row.ask},
				{"default", lines(p.AskDefault()), row.returns},
				{"on", lines(p.On()), row.on},
				{"off", lines(p.Off()), row.off},
			} {
				if !slices.Equal(same.got, same.want) {
					t.Errorf("%s: got\n%s\nwant\n%s", same.what, strings.Join(same.got, "\n"), strings.Join(same.want, "\n"))
				}
			}
			relay, meter, askable, switches := p.Tells()
			if got, want := fmt.Sprint(relay, meter, askable, switches), fmt.Sprint(row.relay, row.meter, row.askable, row.switches); got != want {
				t.Errorf("tells %s, want %s", got, want)
			}
		})
	}
}

func TestABaseTopicOfTwoLevelsGivesAnAnswerTopicOfOne(t *testing.T) {
	p, err := plug.New(parsed(t, "shelly2:plug"), "home/hikbridge", "garage")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(p.Topics(), "home-hikbridge-garage/rpc") || !strings.Contains(string(p.Off()[0].Payload), `"src":"home-hikbridge-garage"`) {
		t.Errorf("topics %q, off %s", p.Topics(), p.Off()[0].Payload)
	}
}
