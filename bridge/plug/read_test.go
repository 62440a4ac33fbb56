package plug_test

import (
	"math"
	"strings"
	"testing"

	"hikbridge/bridge/plug"
)

// said is one message and what it must tell.
type said struct {
	name     string
	topic    string
	payload  string
	retained bool
	want     plug.Report // Err and Evidence apart
	err      string      // part of the error; "": none
	evidence string      // part of the evidence
}

// play reads the messages one after the other by the same plug.
func play(t *testing.T, c plug.Config, rows []said) {
	t.Helper()
	p := newPlug(t, c)
	for _, row := range rows {
		got := p.Read(row.topic, []byte(row.payload), row.retained)
		err, evidence := got.Err, got.Evidence
		got.Err, got.Evidence = nil, ""
		if got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
		if (err != nil) != (row.err != "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%s: error %v, want %q", row.name, err, row.err)
		}
		if err != nil && row.topic != "" && !strings.HasPrefix(err.Error(), row.topic) {
			t.Errorf("%s: error %q doesn't say where", row.name, err)
		}
		if !strings.Contains(evidence, row.evidence) {
			t.Errorf("%s: evidence %q, want %q", row.name, evidence, row.evidence)
		}
	}
}

var (
	nothing   = plug.Report{}
	on        = plug.Report{Relay: plug.On}
	off       = plug.Report{Relay: plug.Off}
	away      = plug.Report{Away: true}
	restarted = plug.Report{Restarted: true}
)

func reading(watts float64, stamp string) plug.Report {
	return plug.Report{Watts: watts, Metered: true, Stamp: stamp}
}

const sensor = `{"Time":"2026-11-26T10:00:00","ENERGY":{"TotalStartTime":"2026-01-01T00:00:00","Total":12.345,"Yesterday":0.2,"Today":0.1,"Period":0,"Power":8,"ApparentPower":15,"ReactivePower":12,"Factor":0.55,"Voltage":231,"Current":0.066}}`

func TestTasmota(t *testing.T) {
	const T = "garage_plug/"
	answered := func(r plug.Report) plug.Report { r.Answer = true; return r }
	returns := func(r plug.Told) plug.Report { return plug.Report{Answer: true, ReturnsOn: r} }
	play(t, parsed(t, "tasmota:garage_plug"), []said{
		{name: "its will, kept by the broker", topic: "tele/" + T + "LWT", payload: "Offline", retained: true, want: away, evidence: "retained: offline"},
		{name: "an old state, kept by the broker", topic: "stat/" + T + "POWER", payload: "ON", retained: true, want: nothing, evidence: "retained: relay on"},
		{name: "an old reading, kept by the broker", topic: "tele/" + T + "SENSOR", payload: sensor, retained: true, want: nothing},
		{name: "its default before the relay is known", topic: "stat/" + T + "STATUS", payload: `{"Status":{"Module":0,"Power":"1","PowerOnState":3}}`, want: returns(plug.NotTold), evidence: "as before"},
		{name: "it comes back", topic: "tele/" + T + "LWT", payload: "Online", want: restarted, evidence: "it was away"},
		{name: "it has booted", topic: "tele/" + T + "INFO3", payload: `{"Info3":{"RestartReason":"Power On","BootCount":12}}`, want: restarted, evidence: "it has started"},
		{name: "telemetry of the relay", topic: "tele/" + T + "STATE", payload: `{"Time":"2026-11-26T10:00:00","Uptime":"0T00:01:40","UptimeSec":100,"Heap":25,"POWER":"ON","Wifi":{"AP":1}}`, want: on, evidence: "relay on"},
		{name: "the button, pressed", topic: "stat/" + T + "POWER", payload: "OFF", want: off},
		{name: "and pressed again", topic: "stat/" + T + "RESULT", payload: `{"POWER":"ON"}`, want: on},
		{name: "SetOption26", topic: "stat/" + T + "POWER1", payload: "OFF", want: off},
		{name: "SetOption26 in JSON", topic: "stat/" + T + "RESULT", payload: `{"POWER1":"ON"}`, want: on},
		{name: "the result of another command", topic: "stat/" + T + "RESULT", payload: `{"Command":"Unknown"}`, want: nothing},
		{name: "another relay", topic: "stat/" + T + "RESULT", payload: `{"POWER2":"OFF"}`, want: nothing},
		{name: "blinking", topic: "stat/" + T + "POWER", payload: "BLINK", want: nothing, err: "want ON or OFF"},
		{name: "telemetry of the meter", topic: "tele/" + T + "SENSOR", payload: sensor, want: reading(8, "2026-11-26T10:00:00"), evidence: "8 W"},
		{name: "an answer of the meter", topic: "stat/" + T + "STATUS10", payload: `{"StatusSNS":` + sensor + `}`, want: answered(reading(8, "2026-11-26T10:00:00"))},
		{name: "the older name of it", topic: "stat/" + T + "STATUS8", payload: `{"StatusSNS":` + sensor + `}`, want: answered(reading(8, "2026-11-26T10:00:00"))},
		{name: "decimals, and zero in disguise", topic: "tele/" + T + "SENSOR", payload: `{"Time":"x","ENERGY":{"Power":"-0.0"}}`, want: reading(0, "x")},
		{name: "a figure for each relay", topic: "tele/" + T + "SENSOR", payload: `{"Time":"x","ENERGY":{"Power":[1.25,9],"Voltage":231}}`, want: reading(1.25, "x")},
		{name: "no figure for this relay", topic: "tele/" + T + "SENSOR", payload: `{"Time":"x","ENERGY":{"Power":[]}}`, want: nothing},
		{name: "no clock", topic: "tele/" + T + "SENSOR", payload: `{"ENERGY":{"Power":3}}`, want: reading(3, "")},
		{name: "a time that is none", topic: "tele/" + T + "SENSOR", payload: `{"Time":"` + strings.Repeat("9", 70) + `","ENERGY":{"Power":3}}`, want: reading(3, "")},
		{name: "a chip that has gone silent", topic: "tele/" + T + "SENSOR", payload: `{"Time":"x","ENERGY":{"Power":0,"Voltage":0}}`, want: nothing, evidence: "0 V"},
		{name: "a load without voltage speaks all the same", topic: "tele/" + T + "SENSOR", payload: `{"Time":"x","ENERGY":{"Power":5,"Voltage":0}}`, want: reading(5, "x")},
		{name: "no meter", topic: "stat/" + T + "STATUS10", payload: `{"StatusSNS":{"Time":"x"}}`, want: answered(nothing)},
		{name: "below zero", topic: "tele/" + T + "SENSOR", payload: `{"ENERGY":{"Power":-1}}`, want: nothing, err: "want 0 to 1e+06 W, not -1"},
		{name: "too much", topic: "tele/" + T + "SENSOR", payload: `{"ENERGY":{"Power":1e9}}`, want: nothing, err: "want 0 to 1e+06 W"},
		{name: "just too much", topic: "tele/" + T + "SENSOR", payload: `{"ENERGY":{"Power":1000000}}`, want: nothing, err: "want 0 to 1e+06 W"},
		{name: "beyond numbers", topic: "tele/" + T + "SENSOR", payload: `{"ENERGY":{"Power":1e999}}`, want: nothing, err: "want a number"},
		{name: "no number", topic: "tele/" + T + "SENSOR", payload: `{"ENERGY":{"Power":"NaN"}}`, want: nothing, err: "want a number"},
		{name: "a hexadecimal one", topic: "tele/" + T + "SENSOR", payload: `{"ENERGY":{"Power":"0x10"}}`, want: nothing, err: "want a number"},
		{name: "a bool", topic: "tele/" + T + "SENSOR", payload: `{"ENERGY":{"Power":true}}`, want: nothing, err: "want a number"},
		{name: "an object", topic: "tele/" + T + "SENSOR", payload: `{"ENERGY":{"Power":{}}}`, want: nothing, err: "want a number"},
		{name: "an answer of the relay", topic: "stat/" + T + "STATUS11", payload: `{"StatusSTS":{"UptimeSec":130,"POWER":"ON"}}`, want: answered(on)},
		{name: "an answer without it", topic: "stat/" + T + "STATUS11", payload: `{"StatusSNS":{}}`, want: answered(nothing), err: "want StatusSTS"},
		{name: "its uptime began anew", topic: "tele/" + T + "STATE", payload: `{"UptimeSec":4,"POWER":"ON"}`, want: plug.Report{Relay: plug.On, Restarted: true}, evidence: "uptime began anew"},
		{name: "and stands in the same second", topic: "stat/" + T + "STATUS11", payload: `{"StatusSTS":{"UptimeSec":4,"POWER":"ON"}}`, want: answered(on)},
		{name: "and goes on", topic: "tele/" + T + "STATE", payload: `{"UptimeSec":5,"POWER":"ON"}`, want: on},
		{name: "an uptime that is none", topic: "tele/" + T + "STATE", payload: `{"UptimeSec":"long","POWER":"OFF"}`, want: off, err: "uptime: want seconds"},
		{name: "default as before, while off", topic: "stat/" + T + "STATUS", payload: `{"Status":{"PowerOnState":3}}`, want: returns(plug.Off), evidence: "with its relay off now"},
		{name: "it is on", topic: "stat/" + T + "POWER", payload: "ON", want: on},
		{name: "default as before, while on", topic: "stat/" + T + "STATUS", payload: `{"Status":{"PowerOnState":3}}`, want: returns(plug.On), evidence: "PowerOnState 3: as before; so on, with its relay on now"},
		{name: "default off", topic: "stat/" + T + "STATUS", payload: `{"Status":{"PowerOnState":0}}`, want: returns(plug.Off)},
		{name: "default on", topic: "stat/" + T + "RESULT", payload: `{"PowerOnState":1}`, want: plug.Report{ReturnsOn: plug.On}},
		{name: "default opposite", topic: "stat/" + T + "STATUS", payload: `{"Status":{"PowerOnState":2}}`, want: returns(plug.Off)},
		{name: "default on for good", topic: "stat/" + T + "STATUS", payload: `{"Status":{"PowerOnState":4}}`, want: returns(plug.On), evidence: "not switched any more"},
		{name: "default on after a pulse", topic: "stat/" + T + "STATUS", payload: `{"Status":{"PowerOnState":5}}`, want: returns(plug.On)},
		{name: "default that isn't known", topic: "stat/" + T + "STATUS", payload: `{"Status":{"PowerOnState":9}}`, want: returns(plug.NotTold), evidence: "not known"},
		{name: "default that is none", topic: "stat/" + T + "STATUS", payload: `{"Status":{"PowerOnState":"x"}}`, want: returns(plug.NotTold), err: "PowerOnState: want a number"},
		{name: "its uptime is known", topic: "tele/" + T + "STATE", payload: `{"UptimeSec":900,"POWER":"ON"}`, want: on},
		{name: "it boots", topic: "tele/" + T + "INFO3", payload: `{"Info3":{"RestartReason":"Power On"}}`, want: restarted},
		{name: "which isn't told twice", topic: "tele/" + T + "STATE", payload: `{"UptimeSec":3,"POWER":"ON"}`, want: on},
		{name: "its will", topic: "tele/" + T + "LWT", payload: "Offline", want: away},
		{name: "a word that isn't one", topic: "tele/" + T + "LWT", payload: "offline?", want: nothing, err: "want Online or Offline"},
		{name: "no JSON", topic: "tele/" + T + "STATE", payload: `POWER`, want: nothing, err: "want a JSON object"},
		{name: "two documents", topic: "tele/" + T + "STATE", payload: `{} {}`, want: nothing, err: "nothing behind it"},
		{name: "null", topic: "tele/" + T + "STATE", payload: `null`, want: nothing, err: "want a JSON object"},
		{name: "a topic that was cleared", topic: "tele/" + T + "LWT", payload: "", want: nothing},
		{name: "more than any plug sends", topic: "tele/" + T + "STATE", payload: strings.Repeat(" ", 1<<16+1), want: nothing, err: "no plug sends more"},
		{name: "a topic of others", topic: "tele/other/LWT", payload: "Offline", want: nothing},
	})
}

func TestTasmotaWithSeveralRelays(t *testing.T) {
	play(t, parsed(t, "tasmota:strip#2"), []said{
		{name: "this one", topic: "stat/strip/POWER2", payload: "OFF", want: off},
		{name: "this one among others", topic: "tele/strip/STATE", payload: `{"POWER1":"ON","POWER2":"OFF"}`, want: off},
		{name: "another", topic: "stat/strip/RESULT", payload: `{"POWER1":"OFF"}`, want: nothing},
		{name: "another's topic", topic: "stat/strip/POWER1", payload: `OFF`, want: nothing},
		{name: "its figure", topic: "tele/strip/SENSOR", payload: `{"Time":"x","ENERGY":{"Power":[1,2]}}`, want: reading(2, "x")},
	})
}

func TestTasmotaInOtherWords(t *testing.T) {
	c := parsed(t, "tasmota:plug")
	c.StateOn, c.StateOff = "An", "Aus"
	play(t, c, []said{
		{name: "on", topic: "stat/plug/POWER", payload: "AN", want: on},
		{name: "off", topic: "tele/plug/STATE", payload: `{"POWER":"aus"}`, want: off},
		{name: "what they replace", topic: "stat/plug/POWER", payload: "ON", want: nothing, err: "want An or Aus"},
	})
}

func TestShelly1(t *testing.T) {
	const base = "shellies/shellyplug-s-AABBCC/"
	play(t, parsed(t, "shelly1:shellyplug-s-AABBCC"), []said{
		{name: "kept by the broker: online", topic: base + "online", payload: "true", retained: true, want: nothing},
		{name: "kept by the broker: offline", topic: base + "online", payload: "false", retained: true, want: away},
		{name: "it comes back", topic: base + "online", payload: "true", want: restarted, evidence: "connected anew"},
		{name: "on", topic: base + "relay/0", payload: "on", want: on},
		{name: "off", topic: base + "relay/0", payload: "off", want: off},
		{name: "overpower", topic: base + "relay/0", payload: "overpower", want: off, evidence: "overpower"},
		{name: "kept by the broker: on", topic: base + "relay/0", payload: "on", retained: true, want: nothing},
		{name: "no relay state", topic: base + "relay/0", payload: "toggle", want: nothing, err: "want on, off or overpower"},
		{name: "power", topic: base + "relay/0/power", payload: "8.93", want: reading(8.93, "")},
		{name: "no power", topic: base + "relay/0/power", payload: "nan", want: nothing, err: "want a number"},
		{name: "energy isn't read", topic: base + "relay/0/energy", payload: "1234", want: nothing},
		{name: "uptime", topic: base + "info", payload: `{"wifi_sta":{"connected":true},"relays":[{"ison":true}],"uptime":5000}`, want: nothing},
		{name: "uptime, smaller", topic: base + "info", payload: `{"uptime":12}`, want: restarted, evidence: "uptime began anew"},
		{name: "uptime below zero", topic: base + "info", payload: `{"uptime":-1}`, want: nothing, err: "want seconds"},
		{name: "no info", topic: base + "info", payload: `[]`, want: nothing, err: "want a JSON object"},
		{name: "gone", topic: base + "online", payload: "false", want: away},
		{name: "neither", topic: base + "online", payload: "1", want: nothing, err: "want true or false"},
	})
}

const switchStatus = `{"id":0,"source":"init","output":true,"apower":8.9,"voltage":237.5,"current":0.052,"aenergy":{"total":11.679,"by_minute":[0.0,0.0,0.0],"minute_ts":1764151200},"temperature":{"tC":53.3,"tF":127.9}}`

func TestShelly2(t *testing.T) {
	const prefix, mine = "shellyplusplugs-aabb/", "hikbridge-garage/rpc"
	full := plug.Report{Relay: plug.On, Watts: 8.9, Metered: true, Stamp: "1764151200"}
	answered := func(r plug.Report) plug.Report { r.Answer = true; return r }
	answer := func(id, rest string) string {
		return `{"id":` + id + `,"src":"shellyplusplugs-aabb","dst":"hikbridge-garage",` + rest + `}`
	}
	config := func(rest string) string {
		return answer("3", `"result":{"id":0,"name":null,"in_mode":"follow",`+rest+`}`)
	}
	returns := func(r plug.Told) plug.Report { return plug.Report{Answer: true, ReturnsOn: r} }
	play(t, parsed(t, "shelly2:shellyplusplugs-aabb"), []said{
		{name: "kept by the broker: online", topic: prefix + "online", payload: "true", retained: true, want: nothing},
		{name: "gone", topic: prefix + "online", payload: "false", want: away},
		{name: "kept by the broker: online again", topic: prefix + "online", payload: "true", retained: true, want: nothing},
		{name: "it comes back", topic: prefix + "online", payload: "true", want: restarted, evidence: "it was away"},
		{name: "neither", topic: prefix + "online", payload: "yes", want: nothing, err: "want true or false"},
		{name: "its whole status", topic: prefix + "status/switch:0", payload: switchStatus, want: full},
		{name: "kept by the broker: status", topic: prefix + "status/switch:0", payload: switchStatus, retained: true, want: nothing},
		{name: "no clock yet", topic: prefix + "status/switch:0", payload: `{"output":true,"apower":1,"aenergy":{"minute_ts":0}}`, want: plug.Report{Relay: plug.On, Watts: 1, Metered: true}},
		{name: "a clock of null", topic: prefix + "status/switch:0", payload: `{"output":true,"apower":1,"aenergy":{"minute_ts":null}}`, want: plug.Report{Relay: plug.On, Watts: 1, Metered: true}},
		{name: "a meter that failed", topic: prefix + "status/switch:0", payload: `{"output":false,"apower":null,"errors":["power_meter_failure"]}`, want: off, evidence: "power_meter_failure"},
		{name: "a meter without voltage", topic: prefix + "status/switch:0", payload: `{"output":true,"apower":0.0,"voltage":0.0}`, want: on, evidence: "0 V"},
		{name: "no meter", topic: prefix + "status/switch:0", payload: `{"output":true}`, want: on},
		{name: "an output that is none", topic: prefix + "status/switch:0", payload: `{"output":"on","apower":2}`, want: reading(2, ""), err: "output: want true or false"},
		{name: "a change of power", topic: prefix + "events/rpc", payload: `{"src":"shellyplusplugs-aabb","dst":"shellyplusplugs-aabb/events","method":"NotifyStatus","params":{"ts":1764151207.12,"switch:0":{"id":0,"apower":3.1}}}`, want: reading(3.1, "")},
		{name: "the energy of each minute", topic: prefix + "events/rpc", payload: `{"method":"NotifyStatus","params":{"ts":1764151260.00,"switch:0":{"id":0,"aenergy":{"total":11.7,"minute_ts":1764151200}}}}`, want: nothing},
		{name: "a change of the relay", topic: prefix + "events/rpc", payload: `{"method":"NotifyStatus","params":{"ts":1764151261.00,"switch:0":{"id":0,"output":false,"source":"button"}}}`, want: off},
		{name: "another switch", topic: prefix + "events/rpc", payload: `{"method":"NotifyStatus","params":{"switch:1":{"id":1,"output":true}}}`, want: nothing},
		{name: "an event", topic: prefix + "events/rpc", payload: `{"method":"NotifyEvent","params":{"events":[{"component":"input:0","event":"single_push"}]}}`, want: nothing},
		{name: "everything", topic: prefix + "events/rpc", payload: `{"method":"NotifyFullStatus","params":{"switch:0":` + switchStatus + `,"sys":{"uptime":500}}}`, want: full},
		{name: "everything, after a restart", topic: prefix + "events/rpc", payload: `{"method":"NotifyFullStatus","params":{"switch:0":` + switchStatus + `,"sys":{"uptime":2}}}`, want: plug.Report{Relay: plug.On, Watts: 8.9, Metered: true, Stamp: "1764151200", Restarted: true}},
		{name: "no params", topic: prefix + "events/rpc", payload: `{"method":"NotifyStatus"}`, want: nothing},
		{name: "no JSON", topic: prefix + "events/rpc", payload: `x`, want: nothing, err: "want a JSON object"},
		{name: "an answer", topic: mine, payload: answer("1", `"result":`+switchStatus), want: answered(full), evidence: "relay on; 8.9 W"},
		{name: "an answer of the system", topic: mine, payload: answer("2", `"result":{"mac":"AABB","uptime":40}`), want: answered(nothing)},
		{name: "which had restarted", topic: mine, payload: answer("2", `"result":{"uptime":39}`), want: answered(restarted)},
		{name: "default on", topic: mine, payload: config(`"initial_state":"on","auto_on":false,"auto_off":false`), want: returns(plug.On)},
		{name: "default off", topic: mine, payload: config(`"initial_state":"off","auto_on":false,"auto_off":false`), want: returns(plug.Off)},
		{name: "default as before", topic: mine, payload: config(`"initial_state":"restore_last"`), want: returns(plug.On), evidence: "with its relay on now"},
		{name: "default by its input", topic: mine, payload: config(`"initial_state":"match_input"`), want: returns(plug.NotTold), evidence: "match_input"},
		{name: "on, and off by itself", topic: mine, payload: config(`"initial_state":"on","auto_off":true,"auto_off_delay":60.0`), want: returns(plug.Off), evidence: "switches off by itself"},
		{name: "off, and on by itself", topic: mine, payload: config(`"initial_state":"off","auto_on":true`), want: returns(plug.On), evidence: "switches on by itself"},
		{name: "no settings", topic: mine, payload: answer("3", `"result":{}`), want: answered(nothing), err: "want initial_state"},
		{name: "it was switched", topic: mine, payload: answer("4", `"result":{"was_on":true}`), want: nothing},
		{name: "a stranger's answer", topic: mine, payload: answer("77", `"result":{"output":true}`), want: nothing},
		{name: "it refuses", topic: mine, payload: answer("1", `"error":{"code":-105,"message":"Argument 'id', value 0 not found!"}`), want: nothing, err: "value 0 not found"},
		{name: "it wants a password", topic: mine, payload: answer("4", `"error":{"code":401,"message":"{\"auth_type\":\"digest\"}"}`), want: nothing, err: "switch off its authentication"},
		{name: "nothing in it", topic: mine, payload: answer("1", `"x":1`), want: nothing, err: "want a result"},
		{name: "no number", topic: mine, payload: `{"result":{}}`, want: nothing, err: "id of the answer"},
	})
}

func TestZigbee2MQTT(t *testing.T) {
	const base = "zigbee2mqtt/Garage plug"
	play(t, parsed(t, "zigbee2mqtt:Garage plug"), []said{
		{name: "kept by the broker: state", topic: base, payload: `{"state":"ON","power":8,"power_on_behavior":"on"}`, retained: true, want: nothing},
		{name: "kept by the broker: zigbee2mqtt is gone", topic: "zigbee2mqtt/bridge/state", payload: `{"state":"offline"}`, retained: true, want: away},
		{name: "zigbee2mqtt starts", topic: "zigbee2mqtt/bridge/state", payload: `{"state":"online"}`, want: restarted, evidence: "zigbee2mqtt has started"},
		{name: "it is there", topic: base + "/availability", payload: `{"state":"online"}`, want: restarted, evidence: "was away"},
		{name: "still there", topic: base + "/availability", payload: `online`, want: nothing},
		{name: "a report", topic: base, payload: `{"current":0.05,"energy":1.2,"last_seen":"2026-11-26T10:00:00Z","linkquality":120,"power":8,"state":"ON","voltage":231}`,
			want: plug.Report{Relay: plug.On, Watts: 8, Metered: true}},
		{name: "default on", topic: base, payload: `{"state":"ON","power_on_behavior":"on"}`, want: plug.Report{Relay: plug.On, ReturnsOn: plug.On}},
		{name: "default off", topic: base, payload: `{"state":"ON","power_on_behavior":"off"}`, want: plug.Report{Relay: plug.On, ReturnsOn: plug.Off}},
		{name: "default as before", topic: base, payload: `{"state":"OFF","power_on_behavior":"previous"}`, want: plug.Report{Relay: plug.Off, ReturnsOn: plug.Off}, evidence: `power_on_behavior "previous"; so off`},
		{name: "default opposite", topic: base, payload: `{"power_on_behavior":"toggle"}`, want: plug.Report{ReturnsOn: plug.On}},
		{name: "default in other words", topic: base, payload: `{"state":"ON","power_outage_memory":"restore"}`, want: plug.Report{Relay: plug.On, ReturnsOn: plug.On}},
		{name: "default remembered", topic: base, payload: `{"power_outage_memory":true}`, want: plug.Report{ReturnsOn: plug.On}},
		{name: "default not remembered", topic: base, payload: `{"power_outage_memory":false}`, want: nothing, evidence: `power_outage_memory "false"`},
		{name: "nothing known yet", topic: base, payload: `{"state":null,"power":null,"power_on_behavior":null}`, want: nothing},
		{name: "a meter without voltage", topic: base, payload: `{"state":"ON","power":0,"voltage":0}`, want: on, evidence: "0 V"},
		{name: "a state that is none, beside a power", topic: base, payload: `{"state":"LOCK","power":"12.3"}`, want: reading(12.3, ""), err: "want ON or OFF"},
		{name: "a power that is none, beside a state", topic: base, payload: `{"state":"OFF","power":-3}`, want: off, err: "want 0 to"},
		{name: "no JSON", topic: base, payload: `ON`, want: nothing, err: "want a JSON object"},
		{name: "gone, plain", topic: base + "/availability", payload: "offline", want: away},
		{name: "gone, in JSON", topic: base + "/availability", payload: `{"state":"offline"}`, want: away},
		{name: "back", topic: base + "/availability", payload: `{"state":"online"}`, want: restarted},
		{name: "neither", topic: base + "/availability", payload: `{"state":1}`, want: nothing, err: "want online or offline"},
		{name: "broken", topic: base + "/availability", payload: `{"state"`, want: nothing, err: "want a JSON object"},
		{name: "zigbee2mqtt goes", topic: "zigbee2mqtt/bridge/state", payload: `offline`, want: away, evidence: "zigbee2mqtt is offline"},
	})
}

func TestZigbee2MQTTByOtherAttributes(t *testing.T) {
	c := parsed(t, "zigbee2mqtt:strip")
	c.StateField, c.PowerField, c.TimeField = "state_l2", "power_l2", "measured"
	play(t, c, []said{
		{name: "of several", topic: "zigbee2mqtt/strip", payload: `{"state_l1":"ON","power_l1":9,"state_l2":"OFF","power_l2":1,"measured":17}`,
			want: plug.Report{Relay: plug.Off, Watts: 1, Metered: true, Stamp: "17"}},
		{name: "the other one", topic: "zigbee2mqtt/strip", payload: `{"state":"ON","power":9,"measured":17}`, want: nothing},
	})
}

func TestTheRelayTree(t *testing.T) {
	const state, power = "hikbridge/plug/garage/state", "hikbridge/plug/garage/power"
	play(t, parsed(t, "relay"), []said{
		{name: "on", topic: state, payload: "on", want: on},
		{name: "off", topic: state, payload: "off\n", want: off},
		{name: "kept by the broker", topic: state, payload: "on", retained: true, want: nothing},
		{name: "gone", topic: state, payload: "unavailable", want: away},
		{name: "back", topic: state, payload: "on", want: plug.Report{Relay: plug.On, Restarted: true}, evidence: "it was away"},
		{name: "not known to Home Assistant", topic: state, payload: "unknown", want: away},
		{name: "back again", topic: state, payload: "off", want: plug.Report{Relay: plug.Off, Restarted: true}},
		{name: "no state", topic: state, payload: "open", want: nothing, err: "want ON or OFF"},
		{name: "a bare figure", topic: power, payload: " 0.4", want: reading(0.4, "")},
		{name: "with its time", topic: power, payload: `{"watts":0.4,"at":"2026-11-26T10:00:00Z"}`, want: reading(0.4, "2026-11-26T10:00:00Z")},
		{name: "the same time elsewhere", topic: power, payload: `{"watts":"0.4","at":"2026-11-26T11:00:00+01:00"}`, want: reading(0.4, "2026-11-26T10:00:00Z")},
		{name: "as Home Assistant prints it", topic: power, payload: `{"watts":0.4,"at":"2026-11-26 10:00:00.250000+00:00"}`, want: reading(0.4, "2026-11-26T10:00:00.25Z")},
		{name: "in seconds", topic: power, payload: `{"watts":0.4,"at":1795687200}`, want: reading(0.4, "2026-11-26T10:00:00Z")},
		{name: "in a string of seconds with a fraction", topic: power, payload: `{"watts":0.4,"at":"1795687200.25"}`, want: reading(0.4, "2026-11-26T10:00:00.25Z")},
		{name: "without time", topic: power, payload: `{"watts":12}`, want: reading(12, "")},
		{name: "kept by the broker: power", topic: power, payload: `12`, retained: true, want: nothing},
		{name: "a time that is none", topic: power, payload: `{"watts":12,"at":"noon"}`, want: nothing, err: "want a time"},
		{name: "a time before all", topic: power, payload: `{"watts":12,"at":-5}`, want: nothing, err: "want a time"},
		{name: "a time without zone", topic: power, payload: `{"watts":12,"at":"2026-11-26T10:00:00"}`, want: nothing, err: "want a time"},
		{name: "no meter now", topic: power, payload: `unavailable`, want: nothing, evidence: "meter is unavailable"},
		{name: "no meter now, in JSON", topic: power, payload: `{"watts":"unknown","at":1795687200}`, want: nothing, evidence: "meter is unknown"},
		{name: "a comma", topic: power, payload: "0,4", want: nothing, err: "want a number"},
		{name: "a unit", topic: power, payload: "0.4 W", want: nothing, err: "want a number"},
		{name: "another document", topic: power, payload: `{"power":3}`, want: nothing, err: `{"watts":0.4`},
		{name: "broken", topic: power, payload: `{"watts":`, want: nothing, err: "want a JSON object"},
		{name: "too much", topic: power, payload: `1e9`, want: nothing, err: "want 0 to"},
		{name: "infinite", topic: power, payload: `Infinity`, want: nothing, err: "want a number"},
	})
}

func TestTheFreeForm(t *testing.T) {
	play(t, plug.Config{Preset: plug.Free, StateTopic: "x", StateField: "out.on", PowerField: "meters.1.w", TimeField: "meters.1.t"}, []said{
		{name: "all in one", topic: "x", payload: `{"out":{"on":true},"meters":[{"w":1},{"w":"2.5","t":99}]}`,
			want: plug.Report{Relay: plug.On, Watts: 2.5, Metered: true, Stamp: "99"}},
		{name: "off", topic: "x", payload: `{"out":{"on":false}}`, want: off},
		{name: "a list that is shorter", topic: "x", payload: `{"meters":[{"w":1}]}`, want: nothing},
		{name: "no list", topic: "x", payload: `{"meters":7,"out":null}`, want: nothing},
		{name: "no JSON", topic: "x", payload: `7`, want: nothing, err: "want a JSON object"},
	})
	play(t, plug.Config{Preset: plug.Free, StateTopic: "s", StateOn: "1", PowerTopic: "p"}, []said{
		{name: "on by its word", topic: "s", payload: "1", want: on},
		{name: "off as usual", topic: "s", payload: "Off", want: off},
		{name: "on as usual", topic: "s", payload: "ON", want: nothing, err: "want 1 or OFF"},
		{name: "power", topic: "p", payload: "7", want: reading(7, "")},
	})
	play(t, plug.Config{Preset: plug.Free, CommandTopic: "c"}, []said{
		{name: "blind", topic: "c", payload: "ON", want: nothing},
		{name: "no topic at all", topic: "", payload: "ON", want: nothing},
	})
}

func TestWhatIsReadElsewhereIsntReadFromThePreset(t *testing.T) {
	c := parsed(t, "tasmota:plug")
	c.StateTopic, c.PowerTopic, c.PowerField, c.TimeField = "other/relay", "other/meter", "w", "t"
	play(t, c, []said{
		{name: "the preset's relay", topic: "stat/plug/POWER", payload: "ON", want: nothing},
		{name: "the preset's meter", topic: "tele/plug/SENSOR", payload: sensor, want: nothing},
		{name: "the preset's will", topic: "tele/plug/LWT", payload: "Offline", want: away},
		{name: "the other relay, which shows that it is back", topic: "other/relay", payload: "on", want: plug.Report{Relay: plug.On, Restarted: true}},
		{name: "the other meter", topic: "other/meter", payload: `{"w":3,"t":"now"}`, want: reading(3, "now")},
	})
}

func TestToldPrints(t *testing.T) {
	for told, want := range map[plug.Told]string{plug.NotTold: "not told", plug.On: "on", plug.Off: "off"} {
		if told.String() != want {
			t.Errorf("%d: %s", told, told)
		}
	}
}

func FuzzRead(f *testing.F) {
	configs := []plug.Config{
		parsed(f, "tasmota:p"), parsed(f, "tasmota:p#2"), parsed(f, "shelly1:p"), parsed(f, "shelly2:p"), parsed(f, "zigbee2mqtt:p"), parsed(f, "relay"),
		{Preset: plug.Free, StateTopic: "x", StateField: "a.0.b", PowerField: "c.d", TimeField: "e"},
	}
	for i, payload := range []string{sensor, `{"StatusSNS":` + sensor + `}`, "8.9", `{"id":1,"result":` + switchStatus + `}`,
		`{"state":"ON","power":3,"power_on_behavior":"previous"}`, `{"watts":0.4,"at":"2026-11-26T10:00:00Z"}`, `{"a":[{"b":"ON"}],"c":{"d":1},"e":2}`,
		"ON", "Offline", "false", `{"state":"offline"}`, `{"StatusSTS":{"UptimeSec":1,"POWER":"ON"}}`, `{"Status":{"PowerOnState":3}}`} {
		f.Add(uint8(i), uint8(i), []byte(payload), i%4 == 0)
	}
	f.Add(uint8(2), uint8(3), []byte("-0.0"), false)
	f.Fuzz(func(t *testing.T, which, topic uint8, payload []byte, retained bool) {
		p := newPlug(t, configs[int(which)%len(configs)])
		topics := p.Topics()
		for range 2 { // the second time it has a memory
			r := p.Read(topics[int(topic)%len(topics)], payload, retained)
			switch {
			case r.Metered && (!(r.Watts >= 0 && r.Watts < 1e6) || math.Signbit(r.Watts)), !r.Metered && (r.Watts != 0 || r.Stamp != ""):
				t.Fatalf("reading %+v", r)
			case retained && (r.Relay != plug.NotTold || r.Metered || r.Restarted || r.Answer || r.ReturnsOn != plug.NotTold):
				t.Fatalf("told by a message of unknown age: %+v", r)
			case r.Away && (r.Restarted || r.Relay != plug.NotTold):
				t.Fatalf("away and there: %+v", r)
			case len(payload) == 0 && r != (plug.Report{}):
				t.Fatalf("told by nothing: %+v", r)
			case len(r.Evidence) > 1000 || r.Err != nil && len(r.Err.Error()) > 1000:
				t.Fatalf("endless: %+v", r)
			}
		}
	})
}
