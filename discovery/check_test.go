package discovery_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"hikbridge/discovery"
)

const goodTopic = "homeassistant/device/box/config"

// goodDocument is a small one that another program could have written; edits of
// it are the mistakes.
const goodDocument = `{
	"device": {"identifiers": ["box"], "name": "Box", "connections": [["mac", "aa:bb:cc:dd:ee:ff"]],
		"configuration_url": "http://192.0.2.10", "sw_version": "1.0"},
	"origin": {"name": "program", "sw_version": "1.0", "support_url": "https://example.org"},
	"availability": [{"topic": "box/availability"}],
	"availability_mode": "all",
	"components": {
		"state": {"platform": "sensor", "unique_id": "box_state", "name": "State", "state_topic": "box/state",
			"default_entity_id": "sensor.box_state", "device_class": "enum", "options": ["on", "off"], "qos": 1},
		"heat": {"platform": "sensor", "unique_id": "box_heat", "name": "Heat", "state_topic": "box/heat",
			"device_class": "temperature", "unit_of_measurement": "°C", "state_class": "measurement"},
		"alarm": {"platform": "binary_sensor", "unique_id": "box_alarm", "name": "Alarm", "state_topic": "box/alarm",
			"device_class": "problem", "entity_category": "diagnostic"},
		"press": {"platform": "button", "unique_id": "box_press", "name": "Press", "command_topic": "box/press",
			"command_template": "{{ now() }}", "entity_category": "config", "icon": "mdi:power"},
		"gone": {"platform": "sensor"}
	}
}`

// edit changes a document: the path's last part is set to the value, or taken
// out if the value is remove.
type edit struct {
	path  string
	value any
}

type removed struct{}

func good(t testing.TB, edits ...edit) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(goodDocument), &doc); err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		parts := strings.Split(e.path, ".")
		at := doc
		for _, p := range parts[:len(parts)-1] {
			next, ok := at[p].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[p] = next
			}
			at = next
		}
		last := parts[len(parts)-1]
		if e.value == (removed{}) {
			delete(at, last)
		} else {
			at[last] = e.value
		}
	}
	payload, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestAGoodDocumentHasNoProblem(t *testing.T) {
	for _, topic := range []string{goodTopic, "ha/disc/device/node_1/box-2/config"} {
		if problems := discovery.Check(topic, good(t)); len(problems) > 0 {
			t.Errorf("%s: %v", topic, problems)
		}
	}
}

func TestFineAsWell(t *testing.T) {
	rows := map[string][]byte{
		"an empty payload removes the device":           nil,
		"a request to migrate":                          []byte(`{"migrate_discovery":true}`),
		"the same abbreviated":                          []byte(`{"migr_discvry":true}`),
		"a component's own availability list":           good(t, edit{"components.state.availability", []any{map[string]any{"topic": "a/b"}}}),
		"one identifier that is no list":                good(t, edit{"device.identifiers", "box"}),
		"a number as version":                           good(t, edit{"device.sw_version", 1.5}),
		"the main feature without a name":               good(t, edit{"components.alarm.name", nil}),
		"only connections":                              good(t, edit{"device.identifiers", removed{}}),
		"a link into Home Assistant":                    good(t, edit{"device.configuration_url", "homeassistant://config"}),
		"newer keys inside a component":                 good(t, edit{"components.press.message_expiry_interval", 15}, edit{"components.press.visible_by_default", false}),
		"a platform that isn't modelled, with own keys": good(t, edit{"components.light", with("light", "command_topic", "a/b", "brightness_scale", 3)}),
		"a template that makes JSON":                    good(t, edit{"components.press.command_template", `{"a":{"b":{{ x["}}"] or 'it\'s' }}}} { {% set y = {'z': [1]} %}{# ' ( #}`}),
		"a text with brackets instead of a template":    good(t, edit{"components.press.command_template", "}} ( ' {"}),
		"an expiry alone":                               good(t, edit{"components.alarm.expire_after", 60}),
		"an off delay":                                  good(t, edit{"components.alarm.off_delay", 9}),
		"a truth value in words":                        good(t, edit{"components.alarm.enabled_by_default", "yes"}),
		"a camera":                                      good(t, edit{"components.c", with("camera", "topic", "a/b")}),
		"an image":                                      good(t, edit{"components.c", with("image", "image_topic", "a/b")}),
		"an image with its type":                        good(t, edit{"components.c", with("image", "image_topic", "a/b", "content_type", "image/jpeg")}),
		"an image at an address":                        good(t, edit{"components.c", with("image", "url_topic", "a/b")}),
		"an event of one type that is no list":          good(t, edit{"components.c", with("event", "state_topic", "a/b", "event_types", "x", "icon", "mdi:x")}),
		"an update that can be installed":               good(t, edit{"components.c", with("update", "state_topic", "a/b", "command_topic", "a/c", "payload_install", "INSTALL", "entity_category", "config")}),
		"an event":                                      good(t, edit{"components.c", with("event", "state_topic", "a/b", "event_types", []string{"x"})}),
		"a device trigger":                              good(t, edit{"components.c", map[string]any{"platform": "device_automation", "automation_type": "trigger", "topic": "a/b", "type": "x", "subtype": "y"}}),
		"a number":                                      good(t, edit{"components.c", with("number", "command_topic", "a/b", "min", 0, "max", 5, "step", 0.5)}),
		"a text":                                        good(t, edit{"components.c", with("text", "command_topic", "a/b", "max", 255)}),
		"a selection":                                   good(t, edit{"components.c", with("select", "command_topic", "a/b", "options", []string{"a", "b"})}),
		"an update that is shown only":                  good(t, edit{"components.c", with("update", "state_topic", "a/b", "device_class", "firmware")}),
	}
	for name, payload := range rows {
		if problems := discovery.Check(goodTopic, payload); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// with is a component with a name and a unique id.
func with(platform string, pairs ...any) map[string]any {
	c := map[string]any{"platform": platform, "unique_id": "box_c", "name": "Thing"}
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i].(string)] = pairs[i+1]
	}
	return c
}

// mistake is a row of what Home Assistant doesn't take.
type mistake struct {
	name      string
	edits     []edit
	severity  discovery.Severity
	component string
	text      string // part of the problem's
}

func mistakes() []mistake {
	return slices.Concat(rootMistakes(), componentMistakes(), sensorMistakes(), otherMistakes())
}

func one(path string, value any) []edit { return []edit{{path, value}} }

// rootMistakes cost the whole document.
func rootMistakes() []mistake {
	entry := func(pairs ...any) []any {
		e := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			e[pairs[i].(string)] = pairs[i+1]
		}
		return []any{e}
	}
	return []mistake{
		{"an unknown key at the root", one("name", "Box"), discovery.Dropped, "", `"name" at the root`},
		{"a topic base at the root", one("~", "box"), discovery.Dropped, "", `"~" at the root`},
		{"an option of newer versions at the root", one("message_expiry_interval", 15), discovery.Dropped, "", "before 2026.6"},
		{"child devices, which older versions don't know", one("child_devices", []any{}), discovery.Dropped, "", "not known to every version"},
		{"an unknown key in the device", one("device.colour", "red"), discovery.Dropped, "", `"colour" in the device`},
		{"a parent by the name of registries", one("device.parent_device", "x"), discovery.Dropped, "", "parent_device"},
		{"an unknown key in the origin", one("origin.author", "x"), discovery.Dropped, "", `"author" in the origin`},
		{"no device", one("device", removed{}), discovery.Dropped, "", "no device"},
		{"a device that is a text", one("device", "box"), discovery.Dropped, "", "no device"},
		{"no origin", one("origin", removed{}), discovery.Dropped, "", "no origin"},
		{"an origin without name", one("origin.name", removed{}), discovery.Dropped, "", "origin has no name"},
		{"no components", one("components", removed{}), discovery.Dropped, "", "no components"},
		{"components in a list", one("components", []any{}), discovery.Dropped, "", "no components"},
		{"neither identifiers nor connections", []edit{{"device.identifiers", []any{}}, {"device.connections", []any{}}}, discovery.Dropped, "", "neither identifiers"},
		{"identifiers that are objects", one("device.identifiers", []any{map[string]any{}}), discovery.Dropped, "", "no texts"},
		{"a connection of three", one("device.connections", []any{[]any{"mac", "aa:bb:cc:dd:ee:ff", "y"}}), discovery.Doubtful, "", "more than"},
		{"a connection of one", one("device.connections", []any{[]any{"mac"}}), discovery.Dropped, "", "no pair"},
		{"a connection that is no pair", one("device.connections", []any{"mac"}), discovery.Dropped, "", "no pair"},
		{"connections in an object", one("device.connections", map[string]any{"mac": "x"}), discovery.Dropped, "", "no list"},
		{"a model that is null", one("device.model", nil), discovery.Dropped, "", `"model" of the device is no text`},
		{"a version that is a list", one("device.sw_version", []any{}), discovery.Dropped, "", "no text"},
		{"a link without host", one("device.configuration_url", "http://"), discovery.Dropped, "", "configuration_url"},
		{"a link that is no address", one("device.configuration_url", "192.0.2.10"), discovery.Dropped, "", "configuration_url"},
		{"a link of another kind", one("device.configuration_url", "ftp://192.0.2.10"), discovery.Dropped, "", "configuration_url"},
		{"help that is no address", one("origin.support_url", "see readme"), discovery.Dropped, "", "url"},
		{"an unknown key in availability at the root", one("availability", entry("topic", "a", "mode", "x")), discovery.Dropped, "", `"mode" in an availability entry`},
		{"availability without topic", one("availability", entry("payload_available", "x")), discovery.Dropped, "", "no topic"},
		{"availability that is a text", one("availability", "box/availability"), discovery.Dropped, "", "no list"},
		{"both styles of availability at the root", one("availability_topic", "a/b"), discovery.Dropped, "", "exclude each other"},
		{"an unknown mode of availability", one("availability_mode", "most"), discovery.Dropped, "", "most"},
		{"a wildcard in a command topic at the root", one("command_topic", "a/#"), discovery.Dropped, "", "wildcards"},
		{"a quality of service that isn't one", one("qos", 3), discovery.Dropped, "", "qos"},
		{"a platform that isn't one", one("components.state.platform", "gauge"), discovery.Dropped, "state", "gauge"},
		{"a component without platform", one("components.state.platform", removed{}), discovery.Dropped, "state", "platform"},
		{"a component that is a text", one("components.state", "x"), discovery.Dropped, "state", "no object"},
		{"a component without unique_id", one("components.state.unique_id", removed{}), discovery.Dropped, "state", "no unique_id"},
		{"a unique_id that is null", one("components.state.unique_id", nil), discovery.Dropped, "state", "no unique_id"},
		{"a request to migrate with more", one("migrate_discovery", true), discovery.Dropped, "", "stands alone"},
		{"one quality of service for all", one("qos", 1), discovery.Doubtful, "", "before 2026.5"},
		{"one encoding for all", one("encoding", "utf-8"), discovery.Doubtful, "", "before 2026.5"},
		{"a device without name", one("device.name", removed{}), discovery.Doubtful, "", "no name"},
		{"a device with an empty name", one("device.name", " "), discovery.Doubtful, "", "empty"},
		{"a device's name that is too long", one("device.name", strings.Repeat("x", 256)), discovery.Doubtful, "", "longer"},
		{"an empty identifier", one("device.identifiers", []any{""}), discovery.Doubtful, "", "empty"},
		{"a MAC address in another form", one("device.connections", []any{[]any{"mac", "AABBCCDDEEFF"}}), discovery.Doubtful, "", "MAC"},
		{"a device that is its own parent", one("device.via_device", "box"), discovery.Refused, "", "by itself"},
		{"nothing to make", one("components", map[string]any{}), discovery.Doubtful, "", "no component"},
	}
}

// componentMistakes are those that every platform can have.
func componentMistakes() []mistake {
	list := []any{map[string]any{"topic": "a/b"}, map[string]any{"topic": "a/c"}}
	return []mistake{
		{"an unknown key in a component", one("components.state.colour", "red"), discovery.Stripped, "state", `"colour"`},
		{"a key of another platform", one("components.state.off_delay", 9), discovery.Stripped, "state", `"off_delay"`},
		{"an unknown key in a component's availability", one("components.state.availability", []any{map[string]any{"topic": "a/b", "mode": "x"}}), discovery.Stripped, "state", `"mode"`},
		{"a component's availability without topic", one("components.state.availability", []any{map[string]any{}}), discovery.Refused, "state", "no topic"},
		{"a component's availability as a text", one("components.state.availability", "a/b"), discovery.Refused, "state", "no list"},
		{"another style of availability than the root's", one("components.state.availability_topic", "a/b"), discovery.Refused, "state", "exclude each other"},
		{"an unknown mode of availability", one("components.state.availability_mode", "most"), discovery.Refused, "state", "most"},
		{"several topics of which the latest decides", []edit{{"availability_mode", removed{}}, {"components.state.availability", list}}, discovery.Doubtful, "state", "latest"},
		{"a unique_id that another has", one("components.heat.unique_id", "box_state"), discovery.Refused, "state", "that of heat"},
		{"an empty unique_id", one("components.state.unique_id", ""), discovery.Doubtful, "state", "empty"},
		{"a device class that isn't one", one("components.state.device_class", "mood"), discovery.Refused, "state", "mood"},
		{"a device class of another platform", one("components.alarm.device_class", "temperature"), discovery.Refused, "alarm", "temperature"},
		{"a button of class shutdown", one("components.press.device_class", "shutdown"), discovery.Refused, "press", "shutdown"},
		{"an identify button that is no diagnostic", one("components.press.device_class", "identify"), discovery.Doubtful, "press", "diagnostic"},
		{"a sensor that is a setting", one("components.state.entity_category", "config"), discovery.Refused, "state", "config"},
		{"a binary sensor that is a setting", one("components.alarm.entity_category", "config"), discovery.Refused, "alarm", "config"},
		{"a category that isn't one", one("components.press.entity_category", "system"), discovery.Refused, "press", "system"},
		{"no state topic", one("components.alarm.state_topic", removed{}), discovery.Refused, "alarm", "needs state_topic"},
		{"a button without command topic", one("components.press.command_topic", removed{}), discovery.Refused, "press", "needs command_topic"},
		{"an empty topic", one("components.state.state_topic", ""), discovery.Refused, "state", "empty"},
		{"a topic that is a list", one("components.state.state_topic", []any{}), discovery.Refused, "state", "no text"},
		{"a wildcard in a command topic", one("components.press.command_topic", "a/+"), discovery.Refused, "press", "wildcards"},
		{"a wildcard inside a level", one("components.state.state_topic", "a/b+"), discovery.Refused, "state", "a +"},
		{"a wildcard before the end", one("components.state.state_topic", "a/#/b"), discovery.Refused, "state", "a #"},
		{"a wildcard in a state topic", one("components.state.state_topic", "a/+"), discovery.Doubtful, "state", "more than one"},
		{"a null character in a topic", one("components.state.state_topic", "a\x00"), discovery.Refused, "state", "control"},
		{"a topic that is too long", one("components.state.state_topic", strings.Repeat("x", 65536)), discovery.Refused, "state", "longer"},
		{"a quality of service that isn't one", one("components.state.qos", 3), discovery.Refused, "state", "qos"},
		{"enabled by a word", one("components.state.enabled_by_default", "maybe"), discovery.Refused, "state", "enabled_by_default"},
		{"a delay below zero", one("components.alarm.off_delay", -1), discovery.Refused, "alarm", "off_delay"},
		{"a delay in words", one("components.alarm.off_delay", "soon"), discovery.Refused, "alarm", "off_delay"},
		{"an off delay of nothing", one("components.alarm.off_delay", "0"), discovery.Doubtful, "alarm", "as soon as"},
		{"an off delay that also expires", []edit{{"components.alarm.off_delay", 9}, {"components.alarm.expire_after", 60}}, discovery.Doubtful, "alarm", "restored"},
		{"an off delay that is null", one("components.alarm.off_delay", nil), discovery.Refused, "alarm", "off_delay"},
		{"an expiry below zero", one("components.alarm.expire_after", -5), discovery.Refused, "alarm", "expire_after"},
		{"an icon without collection", one("components.press.icon", "power"), discovery.Refused, "press", "icon"},
		{"a template that isn't closed", one("components.press.command_template", "{{ now("), discovery.Refused, "press", "template"},
		{"a template with an open bracket", one("components.press.command_template", "{{ now( }}"), discovery.Refused, "press", "template"},
		{"a template with the wrong bracket", one("components.press.command_template", "{{ now(] }}"), discovery.Refused, "press", "template"},
		{"a template with a bracket too many", one("components.press.command_template", "{{ now()) }}"), discovery.Refused, "press", "template"},
		{"a template with an open quote", one("components.press.command_template", "{{ x or 'automation }}"), discovery.Refused, "press", "template"},
		{"a template with an escaped end", one("components.press.command_template", `{{ 'x\' }}`), discovery.Refused, "press", "template"},
		{"a template with an open statement", one("components.press.command_template", "{% if x }}"), discovery.Refused, "press", "template"},
		{"a template with an open comment", one("components.press.command_template", "{# x }}"), discovery.Refused, "press", "template"},
		{"a template whose second block is open", one("components.press.command_template", `{"a":{{ 1 }},"b":{{ 2 }`), discovery.Refused, "press", "template"},
		{"a template that is a list", one("components.press.command_template", []any{}), discovery.Refused, "press", "template"},
		{"a payload that is an object", one("components.press.payload_press", map[string]any{}), discovery.Refused, "press", "payload_press"},
		{"a name that is a list", one("components.press.name", []any{}), discovery.Refused, "press", "name"},
		{"a name that begins with the device's", one("components.state.name", "box state"), discovery.Doubtful, "state", "cut off"},
		{"an empty name", one("components.state.name", ""), discovery.Doubtful, "state", "empty"},
		{"a name that is too long", one("components.state.name", strings.Repeat("x", 256)), discovery.Doubtful, "state", "longer"},
		{"neither name nor class", one("components.press.name", removed{}), discovery.Doubtful, "press", "neither name"},
		{"an entity id without domain", one("components.state.default_entity_id", "box_state"), discovery.Doubtful, "state", "begin"},
		{"an entity id of another domain", one("components.state.default_entity_id", "binary_sensor.box_state"), discovery.Doubtful, "state", "begin"},
		{"an entity id that changes", one("components.state.default_entity_id", "sensor.Box-state"), discovery.Doubtful, "state", "becomes another"},
		{"an entity id that another has", one("components.heat.default_entity_id", "sensor.box_state"), discovery.Doubtful, "state", "that of heat"},
		{"an entity id that is too long", one("components.state.default_entity_id", "sensor."+strings.Repeat("x", 256)), discovery.Doubtful, "state", "longer"},
		{"an entity id that is a list", one("components.state.default_entity_id", []any{}), discovery.Refused, "state", "no text"},
		{"the former name of it", one("components.state.object_id", "box_state"), discovery.Doubtful, "state", "object_id"},
		{"a topic base in a component", one("components.state.~", "box"), discovery.Doubtful, "state", "~"},
		{"a retained command", one("components.press.retain", true), discovery.Doubtful, "press", "retained"},
		{"a blank in a key", one("components.a b", with("sensor", "state_topic", "a/b")), discovery.Doubtful, "a b", "blank"},
	}
}

// sensorMistakes are about class, unit and options.
func sensorMistakes() []mistake {
	return []mistake{
		{"an enum with a unit", one("components.state.unit_of_measurement", "s"), discovery.Refused, "state", "no unit"},
		{"options with a state class", one("components.state.state_class", "measurement"), discovery.Refused, "state", "neither unit nor state_class"},
		{"an enum with empty options", one("components.state.options", []any{}), discovery.Refused, "state", "empty"},
		{"options that are null", one("components.state.options", nil), discovery.Refused, "state", "empty"},
		{"options that are objects", one("components.state.options", []any{map[string]any{}}), discovery.Doubtful, "state", "no texts"},
		{"options without class", one("components.state.device_class", removed{}), discovery.Refused, "state", "enum only"},
		{"an enum without options", one("components.state.options", removed{}), discovery.Doubtful, "state", "without options"},
		{"an option twice", one("components.state.options", []any{"on", "on"}), discovery.Doubtful, "state", "twice"},
		{"an option that means unknown", one("components.state.options", []any{"None"}), discovery.Doubtful, "state", "None"},
		{"a timestamp with a unit", []edit{{"components.heat.device_class", "timestamp"}, {"components.heat.state_class", removed{}}}, discovery.Refused, "heat", "no unit"},
		{"a timestamp with a state class", []edit{{"components.heat.device_class", "timestamp"}, {"components.heat.unit_of_measurement", removed{}}}, discovery.Doubtful, "heat", "no state_class"},
		{"a unit of another class", one("components.heat.unit_of_measurement", "W"), discovery.Refused, "heat", `"W"`},
		{"a unit that isn't one of storage", []edit{{"components.heat.device_class", "data_size"}, {"components.heat.unit_of_measurement", "gb"}}, discovery.Refused, "heat", `"gb"`},
		{"a duration in sec", []edit{{"components.heat.device_class", "duration"}, {"components.heat.unit_of_measurement", "sec"}}, discovery.Refused, "heat", `"sec"`},
		{"a measurement without unit", one("components.heat.unit_of_measurement", removed{}), discovery.Doubtful, "heat", "has a unit"},
		{"a unit that is a list", one("components.heat.unit_of_measurement", []any{}), discovery.Refused, "heat", "no text"},
		{"a state class that isn't one", one("components.heat.state_class", "gauge"), discovery.Refused, "heat", "gauge"},
		{"the class of newer versions for a boot", one("components.state", with("sensor", "state_topic", "a/b", "device_class", "uptime")), discovery.Doubtful, "state", "2026.4"},
		{"a last reset without a total", one("components.heat.last_reset_value_template", "{{ 1 }}"), discovery.Refused, "heat", "total"},
		{"a precision below zero", one("components.heat.suggested_display_precision", -1), discovery.Refused, "heat", "precision"},
	}
}

// otherMistakes are those of platforms that later entities use.
func otherMistakes() []mistake {
	c := func(platform string, pairs ...any) []edit { return one("components.c", with(platform, pairs...)) }
	return []mistake{
		{"a number with a tiny step", c("number", "command_topic", "a/b", "step", 0.0001), discovery.Refused, "c", "0.001"},
		{"a number whose bounds are crossed", c("number", "command_topic", "a/b", "min", 200), discovery.Refused, "c", "above max"},
		{"a number with words as bounds", c("number", "command_topic", "a/b", "min", "low"), discovery.Refused, "c", "no number"},
		{"a number in an unknown mode", c("number", "command_topic", "a/b", "mode", "dial"), discovery.Refused, "c", "dial"},
		{"a text that is too long", c("text", "command_topic", "a/b", "max", 256), discovery.Refused, "c", "above 255"},
		{"a text whose bounds are crossed", c("text", "command_topic", "a/b", "min", 9, "max", 5), discovery.Refused, "c", "above max"},
		{"a text in an unknown mode", c("text", "command_topic", "a/b", "mode", "pin"), discovery.Refused, "c", "pin"},
		{"a selection without options", c("select", "command_topic", "a/b"), discovery.Refused, "c", "needs options"},
		{"a selection between objects", c("select", "command_topic", "a/b", "options", []any{map[string]any{}}), discovery.Doubtful, "c", "no texts"},
		{"an event without types", c("event", "state_topic", "a/b"), discovery.Refused, "c", "needs event_types"},
		{"an event with an empty list of types", c("event", "state_topic", "a/b", "event_types", []string{}), discovery.Refused, "c", "empty"},
		{"an event whose types are null", c("event", "state_topic", "a/b", "event_types", nil), discovery.Refused, "c", "empty"},
		{"an event whose types are objects", c("event", "state_topic", "a/b", "event_types", []any{map[string]any{}}), discovery.Refused, "c", "no texts"},
		{"an event without topic", c("event", "event_types", []string{"x"}), discovery.Refused, "c", "needs state_topic"},
		{"an event that lists a type twice", c("event", "state_topic", "a/b", "event_types", []string{"x", "x"}), discovery.Doubtful, "c", "twice"},
		{"an event with an empty type", c("event", "state_topic", "a/b", "event_types", []string{""}), discovery.Doubtful, "c", "empty"},
		{"an event whose class is null", c("event", "state_topic", "a/b", "event_types", []string{"x"}, "device_class", nil), discovery.Refused, "c", "device_class"},
		{"an event with options", c("event", "state_topic", "a/b", "event_types", []string{"x"}, "options", []string{"x"}), discovery.Stripped, "c", "options"},
		{"an event without unique_id", one("components.c", map[string]any{"platform": "event", "state_topic": "a/b", "event_types": "x"}), discovery.Dropped, "c", "unique_id"},
		{"an event with an unknown class", c("event", "state_topic", "a/b", "event_types", []string{"x"}, "device_class", "crossing"), discovery.Refused, "c", "crossing"},
		{"a doorbell that never rings", c("event", "state_topic", "a/b", "event_types", []string{"x"}, "device_class", "doorbell"), discovery.Doubtful, "c", "ring"},
		{"an image without topic", c("image"), discovery.Refused, "c", "image_topic"},
		{"an image with two topics", c("image", "image_topic", "a/b", "url_topic", "a/c"), discovery.Refused, "c", "exclude"},
		{"an image's type beside an address", c("image", "url_topic", "a/c", "content_type", "image/png"), discovery.Refused, "c", "content_type"},
		{"an image of a state topic alone", c("image", "state_topic", "a/b"), discovery.Refused, "c", "image_topic"},
		{"an image with a state topic as well", c("image", "image_topic", "a/b", "state_topic", "a/c"), discovery.Stripped, "c", "state_topic"},
		{"an image with a class", c("image", "image_topic", "a/b", "device_class", "motion"), discovery.Stripped, "c", "device_class"},
		{"an image with a wildcard inside a level", c("image", "image_topic", "a/b+"), discovery.Refused, "c", "a +"},
		{"an image's type that is a list", c("image", "image_topic", "a/b", "content_type", []any{}), discovery.Refused, "c", "no text"},
		{"an image's type of a text", c("image", "image_topic", "a/b", "content_type", "text/plain"), discovery.Doubtful, "c", "text/plain"},
		{"an image with an encoding of texts", c("image", "image_topic", "a/b", "encoding", ""), discovery.Doubtful, "c", "ignored"},
		{"an image in hexadecimal", c("image", "image_topic", "a/b", "image_encoding", "hex"), discovery.Refused, "c", "hex"},
		{"a switch that believes itself", c("switch", "command_topic", "a/b"), discovery.Doubtful, "c", "believes"},
		{"an update of software", c("update", "state_topic", "a/b", "device_class", "software"), discovery.Refused, "c", "software"},
		{"an update without Install", c("update", "state_topic", "a/b", "command_topic", "a/c"), discovery.Doubtful, "c", "Install"},
		{"an update without any topic", c("update", "device_class", "firmware"), discovery.Doubtful, "c", "never shows"},
		{"an update whose summary is a list", c("update", "state_topic", "a/b", "release_summary", []any{}), discovery.Refused, "c", "release_summary"},
		{"an update whose summary is too long", c("update", "state_topic", "a/b", "release_summary", strings.Repeat("x", 256)), discovery.Doubtful, "c", "cut"},
		{"an update with types of events", c("update", "state_topic", "a/b", "event_types", []string{"x"}), discovery.Stripped, "c", "event_types"},
		{"an update with a precision in words", c("update", "state_topic", "a/b", "display_precision", "high"), discovery.Refused, "c", "display_precision"},
		{"a camera without topic", c("camera"), discovery.Refused, "c", "needs topic"},
		{"a trigger without subtype", one("components.c", map[string]any{"platform": "device_automation", "automation_type": "trigger", "topic": "a/b", "type": "x"}), discovery.Refused, "c", "subtype"},
	}
}

func TestEachMistakeIsFound(t *testing.T) {
	for _, m := range mistakes() {
		t.Run(m.name, func(t *testing.T) {
			problems := discovery.Check(goodTopic, good(t, m.edits...))
			found := slices.ContainsFunc(problems, func(p discovery.Problem) bool {
				return p.Severity == m.severity && p.Component == m.component && strings.Contains(p.Text, m.text)
			})
			if !found {
				t.Errorf("want %v: %s: %q, got %v", m.severity, m.component, m.text, problems)
			}
			for _, p := range problems {
				if p.Severity > m.severity {
					t.Errorf("%v is worse than it is", p)
				}
			}
		})
	}
}

func TestAbbreviationsAreUnderstood(t *testing.T) {
	payload := `{"dev":{"ids":"box","name":"Box","cns":[["mac","aa:bb:cc:dd:ee:ff"]],"cu":"http://192.0.2.10","mdl":"a","mdl_id":"b","mf":"c","sn":"d",
		"sw":"e","hw":"f","sa":"g"},"o":{"name":"p","sw":"1","url":"https://example.org"},"avty":[{"t":"a/b","pl_avail":"1","pl_not_avail":"0","val_tpl":"{{ value }}"}],
		"cmps":{"x":{"p":"sensor","uniq_id":"x","name":"X","stat_t":"a/x","dev_cla":"enum","ops":["a"],"ent_cat":"diagnostic","en":false,"def_ent_id":"sensor.x","ic":"mdi:x",
		"json_attr_t":"a/x/y","vis":false,"exp_aft":5,"frc_upd":true,"msg_exp_int":5,"e":"utf-8"}}}`
	if problems := discovery.Check(goodTopic, []byte(payload)); len(problems) > 0 {
		t.Errorf("%v", problems)
	}
	wrong := strings.Replace(payload, `"stat_t":"a/x"`, `"stat_t":""`, 1)
	if problems := discovery.Check(goodTopic, []byte(wrong)); len(problems) != 1 || problems[0].Severity != discovery.Refused {
		t.Errorf("%v", problems)
	}
}

func TestWhatIsNoDocument(t *testing.T) {
	for _, payload := range []string{"x", "null", "[]", `"text"`, "{", "{}}", "{} {}", `{"device":{}}]`, "\xff{}"} {
		problems := discovery.Check(goodTopic, []byte(payload))
		if len(problems) == 0 || problems[0].Severity != discovery.Dropped {
			t.Errorf("%q: %v", payload, problems)
		}
	}
	big := good(t, edit{"device.model", strings.Repeat("x", 2_000_001)})
	if problems := discovery.Check(goodTopic, big); len(problems) != 1 || problems[0].Severity != discovery.Dropped {
		t.Errorf("a payload of %d bytes: %d problems", len(big), len(problems))
	}
}

func TestTopicsThatAreIllegal(t *testing.T) {
	for _, topic := range []string{
		"", "homeassistant/device/config", "device/box/config", "homeassistant/device/box", "homeassistant/sensor/box/config",
		"homeassistant/device/DS-7608/8P/S/config", "homeassistant/device/bo x/config", "homeassistant/device/box(1)/config",
		"homeassistant/device/böx/config", "homeassistant/device//config", "home+assistant/device/box/config",
	} {
		problems := discovery.Check(topic, good(t))
		if len(problems) == 0 || problems[0].Severity != discovery.Dropped {
			t.Errorf("%q: %v", topic, problems)
		}
	}
}

func TestTheWorstComesFirst(t *testing.T) {
	problems := discovery.Check(goodTopic, good(t, edit{"components.state.colour", 1}, edit{"components.alarm.device_class", "x"}, edit{"root", 1}, edit{"qos", 1}))
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{
		`document dropped: unknown key "root" at the root`,
		`entity refused: alarm: device_class x isn't one of a binary_sensor`,
		`key stripped: state: unknown key "colour"`,
		`doubtful: key "qos" at the root is not inherited before 2026.5; it belongs into components`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if s := fmt.Sprint(discovery.Severity(9)); s != "Severity(9)" {
		t.Error(s)
	}
}

// TestDevicesAreDistinct holds across documents what Check sees in one.
func TestDevicesAreDistinct(t *testing.T) {
	for name, r := range recorders() {
		unique, entityIDs, topics := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, d := range append(theBridge().RecorderDocuments(r), theBridge().Document()) {
			if topics[d.Topic] {
				t.Errorf("%s: two documents at %s", name, d.Topic)
			}
			topics[d.Topic] = true
			for key, c := range maps.All(read(t, d).Components) {
				if unique[c.UniqueID] || entityIDs[c.EntityID] {
					t.Errorf("%s: %s has %s and %s, as another", name, key, c.UniqueID, c.EntityID)
				}
				unique[c.UniqueID], entityIDs[c.EntityID] = true, true
			}
		}
	}
}
