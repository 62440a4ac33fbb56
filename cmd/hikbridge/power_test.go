package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge"
)

// ofNVR are entries with the names of the only recorder's variables.
func ofNVR(entries ...string) []string {
	var list []string
	for _, e := range entries {
		list = append(list, recorderPrefix+e)
	}
	return list
}

func TestEverythingAboutPowerIsRead(t *testing.T) {
	everything := []string{
		"PLUG=free", "PLUG_STATE_TOPIC=p/state", "PLUG_POWER_TOPIC=p/power", "PLUG_COMMAND_TOPIC=p/set", "PLUG_ASK_TOPIC=p/get",
		"PLUG_STATE_FIELD=relay.on", "PLUG_POWER_FIELD=ENERGY.Power", "PLUG_TIME_FIELD=Time", "PLUG_STATE_ON=yes", "PLUG_STATE_OFF=no",
		`PLUG_ON={"on":true}`, `PLUG_OFF={"on":false}`, "PLUG_ASK=?", "PLUG_METER=True", "CUT=Presumed", "WITNESS=192.0.2.20:443",
		"OFF_WATTS=0.8", "ANY_OUTAGE=true", "COUNTDOWN=11s", "GOING_DOWN=91s", "QUIET=181s", "PRESUMPTION=601s", "DWELL=16s", "SETTLE=31s",
		"PROOF_DEADLINE=9m", "READ_BACK=21s", "MIN_OFF=17s", "BOOT=12m", "VERIFY=13m", "COMMAND_LIFE=32s",
	}
	want := bridge.PowerConfig{
		Plug: "free", Cut: "presumed", Witness: "192.0.2.20:443", OffWatts: 0.8, AnyOutage: true, PlainCommands: true,
		PlugForm: bridge.PlugForm{
			StateTopic: "p/state", PowerTopic: "p/power", CommandTopic: "p/set", AskTopic: "p/get",
			StateField: "relay.on", PowerField: "ENERGY.Power", TimeField: "Time", StateOn: "yes", StateOff: "no",
			CommandOn: `{"on":true}`, CommandOff: `{"on":false}`, Ask: "?", Meter: true,
		},
		Timers: bridge.Timers{
			Countdown: 11 * time.Second, GoingDown: 91 * time.Second, Quiet: 181 * time.Second, Presumption: 601 * time.Second,
			Dwell: 16 * time.Second, Settle: 31 * time.Second, ProofDeadline: 9 * time.Minute, ReadBack: 21 * time.Second,
			MinOff: 17 * time.Second, Boot: 12 * time.Minute, Verify: 13 * time.Minute, CommandLife: 32 * time.Second,
		},
	}
	for name, v := range map[string]any{"power": want, "form": want.PlugForm, "timers": want.Timers} {
		for i := range reflect.ValueOf(v).NumField() {
			if reflect.ValueOf(v).Field(i).IsZero() {
				t.Errorf("%s: %s isn't tried", name, reflect.TypeOf(v).Field(i).Name)
			}
		}
	}
	one := judge(t, environ(append(ofNVR(everything...), "HIKBRIDGE_PLAIN_COMMANDS=true")...))
	if got := one.Recorders[0].Power; got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	var named []string
	for _, e := range everything {
		named = append(named, "HIKBRIDGE_NVR_GARAGE_"+e)
	}
	both := judge(t, several(append(named, "HIKBRIDGE_PLAIN_COMMANDS=true")...))
	if got := both.Recorders[0].Power; got != want {
		t.Errorf("with a name\ngot  %+v\nwant %+v", got, want)
	}
	if got := both.Recorders[1].Power; got != (bridge.PowerConfig{Cut: "never", PlainCommands: true}) {
		t.Errorf("the other one has %+v", got)
	}
}

func TestPlugs(t *testing.T) {
	const kinds = "PLUG: must be tasmota:TOPIC, shelly1:ID, shelly2:PREFIX, zigbee2mqtt:NAME, relay or free"
	for _, tt := range []struct {
		name string
		set  []string
		want []string
	}{
		{"a plug with its topic", []string{"PLUG=tasmota:garage_plug", "CUT=proven"}, nil},
		{"a name with blanks and colons", []string{"PLUG=zigbee2mqtt:Plug: garage", "CUT=presumed", "WITNESS=192.0.2.20"}, nil},
		{"shellies of both kinds", []string{"PLUG=shelly1:shellyplug-s-AABBCC", "CUT=proven"}, nil},
		{"the second, too", []string{"PLUG=shelly2:shellyplus-aabbcc", "CUT=proven"}, nil},
		{"a plug that is only read and switched on", []string{"PLUG=relay", "CUT=never"}, nil},
		{"never is true without a plug as well", []string{"CUT=never"}, nil},
		{"a part of a preset may be replaced", []string{"PLUG=tasmota:x", "PLUG_COMMAND_TOPIC=cmnd/x/POWER2"}, nil},
		{"an unknown kind is refused and not shown", []string{"PLUG=" + secretText + ":x"}, []string{kinds}},
		{"so is a topic alone", []string{"PLUG=garage_plug"}, []string{kinds}},
		{"kinds are written small", []string{"PLUG=Tasmota:x"}, []string{kinds}},
		{"no kind is none", []string{"PLUG=:x"}, []string{kinds}},
		{"the rest of a plug needs it", []string{"PLUG_METER=true", "PLUG_ON=1", "OFF_WATTS=0.5"},
			[]string{"PLUG: is missing, and there is HIKBRIDGE_NVR_PLUG_ON, HIKBRIDGE_NVR_PLUG_METER, HIKBRIDGE_NVR_OFF_WATTS; write which plug it is"}},
		{"a blank plug is none", []string{"PLUG= ", "PLUG_ASK=x"}, []string{"PLUG: is missing, and there is HIKBRIDGE_NVR_PLUG_ASK"}},
		{"cutting needs a plug", []string{"CUT=proven"}, []string{"CUT: is proven, which needs a plug; set HIKBRIDGE_NVR_PLUG"}},
		{"also by presumption", []string{"CUT=presumed"}, []string{"CUT: is presumed, which needs a plug"}},
		{"a relayed plug can't be cut", []string{"PLUG=relay", "CUT=proven"},
			[]string{"CUT: is proven, and the bridge can't switch the plug that HIKBRIDGE_NVR_PLUG calls relay; write never"}},
		{"nor can a free one without a command", []string{"PLUG=free", "PLUG_STATE_TOPIC=a", "CUT=presumed"},
			[]string{"CUT: is presumed, which needs HIKBRIDGE_NVR_PLUG_COMMAND_TOPIC"}},
		{"silence alone presumes nothing", []string{"PLUG=tasmota:x", "CUT=presumed"},
			[]string{"CUT: is presumed, which needs HIKBRIDGE_NVR_WITNESS, as without one a broken network looks like a recorder that is off; name a host"}},
		{"a kind without its device", []string{"PLUG=tasmota"}, []string{"PLUG: is tasmota without its device; write which plug it is, as in tasmota:garage_plug"}},
		{"the same with a colon", []string{"PLUG=tasmota:"}, []string{"PLUG: is tasmota without its device"}},
		{"a relayed plug has no name", []string{"PLUG=relay:" + secretText}, []string{"PLUG: is relay, which stands alone; write relay"}},
		{"a device is no filter", []string{"PLUG=zigbee2mqtt:a/+"}, []string{"PLUG: must not hold wildcards (+ and #); write the device alone, as in zigbee2mqtt:Garage plug"}},
		{"a relay that is no number", []string{"PLUG=tasmota:a#" + secretText}, []string{"PLUG: isn't the relay's number, which stands after #, as in tasmota:garage_plug#1"}},
		{"free alone says nothing", []string{"PLUG=free"},
			[]string{"PLUG: is free, which needs HIKBRIDGE_NVR_PLUG_STATE_TOPIC, HIKBRIDGE_NVR_PLUG_POWER_TOPIC or HIKBRIDGE_NVR_PLUG_COMMAND_TOPIC; set those that the plug has"}},
		{"on and off differ", []string{"PLUG=free", "PLUG_STATE_TOPIC=a", "PLUG_STATE_ON=x", "PLUG_STATE_OFF=x"},
			[]string{"PLUG_STATE_OFF: is the same as HIKBRIDGE_NVR_PLUG_STATE_ON; write what the plug says for each"}},
		{"so do what switches on and off", []string{"PLUG=free", "PLUG_COMMAND_TOPIC=a", "PLUG_ON=x", "PLUG_OFF=x"},
			[]string{"PLUG_OFF: is the same as HIKBRIDGE_NVR_PLUG_ON; write what switches it on and what off"}},
		{"a time stands beside a figure", []string{"PLUG=free", "PLUG_STATE_TOPIC=a", "PLUG_TIME_FIELD=at"},
			[]string{"PLUG_TIME_FIELD: needs HIKBRIDGE_NVR_PLUG_POWER_FIELD, as a time stands beside a figure; set both, or remove it"}},
		{"a question needs its topic", []string{"PLUG=free", "PLUG_STATE_TOPIC=a", "PLUG_ASK=x"},
			[]string{"PLUG_ASK: needs HIKBRIDGE_NVR_PLUG_ASK_TOPIC; set both, or remove it"}},
		{"a meter stands somewhere", []string{"PLUG=free", "PLUG_STATE_TOPIC=a", "PLUG_METER=true"},
			[]string{"PLUG_METER: needs HIKBRIDGE_NVR_PLUG_POWER_TOPIC or HIKBRIDGE_NVR_PLUG_POWER_FIELD, where its power stands; set one, or remove it"}},
		{"with one it can", []string{"PLUG=free", "PLUG_COMMAND_TOPIC=a", "CUT=proven"}, nil},
		{"another word for cutting", []string{"PLUG=tasmota:x", "CUT=" + secretText}, []string{"CUT: must be never, proven or presumed"}},
		{"a meter is there or not", []string{"PLUG=free", "PLUG_STATE_TOPIC=a", "PLUG_METER=maybe"}, []string{"PLUG_METER: must be true or false"}},
		{"months that are none", []string{"MAINTENANCE_MONTHS=yearly"}, []string{"MAINTENANCE_MONTHS: must be a whole number from 0 to 120"}},
		{"too many months", []string{"MAINTENANCE_MONTHS=121"}, []string{"MAINTENANCE_MONTHS: must be a whole number from 0 to 120"}},
		{"an outage, too", []string{"ANY_OUTAGE=1"}, []string{"ANY_OUTAGE: must be true or false"}},
		{"topics are no filters", []string{"PLUG=free", "PLUG_STATE_TOPIC=a/#", "PLUG_POWER_TOPIC=a/+", "PLUG_COMMAND_TOPIC=/a", "PLUG_ASK_TOPIC=a//b"},
			[]string{"PLUG_STATE_TOPIC: must not hold + or #", "PLUG_POWER_TOPIC: must not hold + or #",
				"PLUG_COMMAND_TOPIC: must not begin or end with /", "PLUG_ASK_TOPIC: must not begin or end with /"}},
		{"the bridge doesn't listen to itself nor command itself",
			[]string{"PLUG=free", "PLUG_STATE_TOPIC=hikbridge/plug/nvr/state", "PLUG_COMMAND_TOPIC=hikbridge/command/nvr/shutdown"},
			[]string{"PLUG_STATE_TOPIC: is HIKBRIDGE_TOPIC or below it", "PLUG_COMMAND_TOPIC: is HIKBRIDGE_TOPIC or below it"}},
		{"a topic that only begins alike is another one", []string{"PLUG=free", "PLUG_STATE_TOPIC=hikbridge2"}, nil},
		{"quotes are refused once", []string{`PLUG="tasmota:x"`, "CUT=proven"}, []string{"PLUG: begins or ends with a quote"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			judge(t, environ(ofNVR(tt.set...)...), ofNVR(tt.want...)...)
		})
	}
	judge(t, environ("HIKBRIDGE_TOPIC=home", "HIKBRIDGE_NVR_PLUG=free", "HIKBRIDGE_NVR_PLUG_POWER_TOPIC=home/plug"),
		"HIKBRIDGE_NVR_PLUG_POWER_TOPIC: is HIKBRIDGE_TOPIC or below it")
	judge(t, environ("HIKBRIDGE_PLAIN_COMMANDS=yes"), "HIKBRIDGE_PLAIN_COMMANDS: must be true or false")
}

func TestAPlugThatFeedsTwoRecorders(t *testing.T) {
	const described = "PLUG: must be described the same way for all recorders that it feeds; the plug is that of HIKBRIDGE_NVR_GARAGE_PLUG, too"
	for _, tt := range []struct {
		name         string
		garage, yard []string
		wrong        string
	}{
		{name: "the same device", garage: []string{"PLUG=tasmota:x"}, yard: []string{"PLUG=tasmota:x"}},
		{name: "and the same right", garage: []string{"PLUG=tasmota:x", "CUT=proven"}, yard: []string{"PLUG=tasmota:x", "CUT=proven"}},
		{name: "another right", garage: []string{"PLUG=shelly2:x", "CUT=proven"}, yard: []string{"PLUG=shelly2:x", "CUT=never"}, wrong: "CUT: must be the same for all"},
		{name: "a presumption", garage: []string{"PLUG=shelly2:x", "CUT=presumed", "WITNESS=192.0.2.20"}, yard: []string{"PLUG=shelly2:x", "CUT=presumed", "WITNESS=192.0.2.20"},
			wrong: "CUT: can't be presumed for a plug that feeds several recorders"},
		{name: "many watts", garage: []string{"PLUG=shelly2:x", "OFF_WATTS=3"}, yard: []string{"PLUG=shelly2:x"}, wrong: "OFF_WATTS: may be 1 at most"},
		{name: "few watts", garage: []string{"PLUG=shelly2:x", "OFF_WATTS=0.5"}, yard: []string{"PLUG=shelly2:x"}},
		{name: "its first relay is the same", garage: []string{"PLUG=tasmota:x#1"}, yard: []string{"PLUG=tasmota:x"}, wrong: described},
		{name: "two devices", garage: []string{"PLUG=tasmota:x"}, yard: []string{"PLUG=tasmota:y"}},
		{name: "two relays of one", garage: []string{"PLUG=tasmota:x#1"}, yard: []string{"PLUG=tasmota:x#2"}},
		{name: "what is read otherwise is switched all the same", garage: []string{"PLUG=zigbee2mqtt:x"}, yard: []string{"PLUG=zigbee2mqtt:x", "PLUG_STATE_FIELD=state_l2"}, wrong: described},
		{name: "two relays of one by their messages", garage: []string{"PLUG=zigbee2mqtt:x", `PLUG_OFF={"state_l1":"OFF"}`}, yard: []string{"PLUG=zigbee2mqtt:x", `PLUG_OFF={"state_l2":"OFF"}`}},
		{name: "relayed ones have their own topics", garage: []string{"PLUG=relay"}, yard: []string{"PLUG=relay"}},
		{name: "free ones differ by what switches them", garage: []string{"PLUG=free", "PLUG_COMMAND_TOPIC=a"}, yard: []string{"PLUG=free", "PLUG_COMMAND_TOPIC=b"}},
		{name: "and by nothing else", garage: []string{"PLUG=free", "PLUG_COMMAND_TOPIC=a", "PLUG_STATE_TOPIC=b"},
			yard: []string{"PLUG=free", "PLUG_COMMAND_TOPIC=a", "PLUG_STATE_TOPIC=c", "PLUG_OFF=OFF"}, wrong: described},
		{name: "or by what they tell", garage: []string{"PLUG=free", "PLUG_STATE_TOPIC=a"}, yard: []string{"PLUG=free", "PLUG_POWER_TOPIC=b"}},
		{name: "a free one takes the topic of another kind", garage: []string{"PLUG=tasmota:x", "PLUG_COMMAND_TOPIC=a"}, yard: []string{"PLUG=free", "PLUG_COMMAND_TOPIC=a"}, wrong: described},
		{name: "no plugs are none", garage: nil, yard: nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var list, want []string
			for _, e := range tt.garage {
				list = append(list, "HIKBRIDGE_NVR_GARAGE_"+e)
			}
			for _, e := range tt.yard {
				list = append(list, "HIKBRIDGE_NVR_BACK_YARD_"+e)
			}
			if tt.wrong != "" {
				want = []string{"HIKBRIDGE_NVR_BACK_YARD_" + tt.wrong}
			}
			judge(t, several(list...), want...)
		})
	}
}

func TestWitnesses(t *testing.T) {
	for _, tt := range []struct{ name, value, problem string }{
		{"an address", "192.0.2.20", ""},
		{"an address and a port", "192.0.2.20:443", ""},
		{"a name", "switch.example.org", ""},
		{"a name and a port", "switch:80", ""},
		{"an address of six parts", "2001:db8::20", ""},
		{"the same with a port", "[2001:db8::20]:80", ""},
		{"another port of the recorder is the recorder", "192.0.2.10:554", "is the recorder itself"},
		{"the recorder", "192.0.2.10", "is the recorder itself"},
		{"a URL", "http://192.0.2.20", "must be a host alone"},
		{"a path", "192.0.2.20/x", "must be a host alone"},
		{"no address", "192.0.2", "has a host that isn't an IP address; it must look like 192.0.2.20 or 192.0.2.20:443"},
		{"no port", "switch:", "has a wrong port"},
		{"a port that there isn't", "switch:70000", "has a wrong port"},
		{"a port alone", ":80", "has no host"},
		{"words", "the switch", "has a host that is neither"},
		{"a user", "u:" + secretText + "@192.0.2.20", "has a host that is neither"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.problem != "" {
				want = ofNVR("WITNESS: " + tt.problem)
			}
			if s := judge(t, environ(ofNVR("WITNESS="+tt.value)...), want...); s.Recorders[0].Power.Witness != tt.value {
				t.Errorf("got %q", s.Recorders[0].Power.Witness)
			}
		})
	}
}

func TestOffWatts(t *testing.T) {
	for value, problem := range map[string]string{
		"0.8": "", "1": "",
		"0": "must be a number of watts above 0", "-1": "must be a number of watts", "0,8": "must be a number of watts", "NaN": "must be a number of watts",
		"5 W": "must be a number of watts", "8.5": "", "101": "can't be used: off-watts is 101 W; it may only be lowered", "Inf": "can't be used: off-watts is +Inf W",
	} {
		var want []string
		if problem != "" {
			want = ofNVR("OFF_WATTS: " + problem)
		}
		judge(t, environ(ofNVR("PLUG=tasmota:x", "OFF_WATTS="+value)...), want...)
	}
}

// TestTimers goes by the defaults that are shown: they are those of the machine
// where less is refused.
func TestTimers(t *testing.T) {
	proving := map[string]bool{"QUIET": true, "PRESUMPTION": true, "DWELL": true, "SETTLE": true, "MIN_OFF": true}
	found := 0
	for _, v := range describe[recorderVariables](recorderPrefix) {
		name := strings.TrimPrefix(v.Name, recorderPrefix)
		least, err := time.ParseDuration(v.Default)
		if err != nil {
			continue
		}
		found++
		judge(t, environ(v.Name+"="+v.Default))
		judge(t, environ(v.Name+"=24h"))
		for _, value := range []string{"90", "24h1s", "0s", "-1m", "999ms", secretText} {
			judge(t, environ(v.Name+"="+value), v.Name+": must be a time from 1s to 24h, as in 90s or 10m")
		}
		var want []string
		if proving[name] {
			want = []string{v.Name + ": can't be used: "}
			delete(proving, name)
		}
		if name == "QUIET" { // a drill may support less
			least = 20 * time.Second
		}
		if s := judge(t, environ(v.Name+"="+(least-time.Second).String()), want...); want != nil && s.Recorders[0].Power.Timers != (bridge.Timers{}) {
			t.Errorf("%s: kept as %+v", name, s.Recorders[0].Power.Timers)
		}
	}
	if found != reflect.TypeFor[bridge.Timers]().NumField() || len(proving) > 0 {
		t.Errorf("%d timers, not found: %v", found, proving)
	}
	judge(t, environ(ofNVR("MIN_OFF=5s", "PRESUMPTION=90s")...), ofNVR(
		"PRESUMPTION: can't be used: presumption is 1m30s; with less than 10m a recorder that checks its disks may be taken for one that is off; write",
		"MIN_OFF: can't be used: minimum off is 5s; with less than 15s the recorder may not start anew; write")...)
	judge(t, environ(ofNVR("DWELL=5s", "QUIET=19s", "BOOT=x", "SETTLE=40s")...), ofNVR(
		"QUIET: can't be used: quiet is 19s; with less than 20s a recorder that restarts may be taken for one that is off; write a longer time, or remove it",
		"DWELL: can't be used: dwell is 5s; with less than 15s a short dip of the meter may count as off; write",
		"BOOT: must be a time")...)
}
