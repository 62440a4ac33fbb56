package discovery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Severity says what Home Assistant does because of a [Problem].
type Severity int

const (
	// Doubtful is accepted and goes wrong later, is ignored, or is refused by
	// some versions since 2024.11.
	Doubtful Severity = iota + 1
	// Stripped: the key is taken out silently.
	Stripped
	// Refused: the entity isn't made, or can't show a state.
	Refused
	// Dropped: the whole document is.
	Dropped
)

func (s Severity) String() string {
	switch s {
	case Doubtful:
		return "doubtful"
	case Stripped:
		return "key stripped"
	case Refused:
		return "entity refused"
	case Dropped:
		return "document dropped"
	}
	return fmt.Sprintf("Severity(%d)", int(s))
}

// Problem is one thing that is wrong with a document.
type Problem struct {
	Severity  Severity
	Component string // key of the component; empty for the document
	Text      string
}

func (p Problem) String() string {
	if p.Component == "" {
		return fmt.Sprintf("%s: %s", p.Severity, p.Text)
	}
	return fmt.Sprintf("%s: %s: %s", p.Severity, p.Component, p.Text)
}

// Check says what Home Assistant thinks of a device document, worst first. It
// models 2026.11.0, by its schemas and by trial, and at the root also what
// versions since 2024.11 don't know yet. It knows nothing of this package's
// table and takes any program's document, with abbreviations or without. An empty payload, which removes a device, and a component of nothing
// but its platform, which removes that, are fine. Platforms that this bridge has
// no use for (climate, light …) are checked as far as they are like others.
func Check(topic string, payload []byte) []Problem {
	c := &checker{words: newVocabulary()}
	c.topic(topic)
	if len(payload) > 0 {
		c.payload(payload)
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return int(b.Severity - a.Severity) })
	return c.problems
}

// maxPacket is what Mosquitto 2.1 takes unless it is told otherwise.
const maxPacket = 2_000_000

type object = map[string]any

// checker collects problems. component is the one that is looked at.
type checker struct {
	words     vocabulary
	problems  []Problem
	component string
	title     string            // of the device
	unique    map[string]string // platform and unique id → component
	entityIDs map[string]string // entity id → component
}

func (c *checker) add(s Severity, format string, args ...any) {
	c.problems = append(c.problems, Problem{Severity: s, Component: c.component, Text: fmt.Sprintf(format, args...)})
}

// topic must be <prefix>/device/[<node>/]<object>/config.
func (c *checker) topic(topic string) {
	if !deviceTopic(topic) {
		c.add(Dropped, "topic %q is not <prefix>/device/[<node>/]<object>/config with ids of a-z, A-Z, 0-9, _ and -", topic)
	}
	if text := topicProblem(topic, false); text != "" {
		c.add(Dropped, "topic %q %s", topic, text)
	}
}

func (c *checker) payload(payload []byte) {
	if len(payload) > maxPacket {
		c.add(Dropped, "%d bytes: the broker takes %d", len(payload), maxPacket)
	}
	if !utf8.Valid(payload) {
		c.add(Dropped, "not UTF-8")
		return
	}
	var root object
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if !json.Valid(payload) || d.Decode(&root) != nil || root == nil {
		c.add(Dropped, "not one JSON object")
		return
	}
	c.root(expand(root, c.words.abbreviations))
}

// root checks what is common to all components, then each of them.
func (c *checker) root(root object) {
	if migrate, ok := root["migrate_discovery"]; ok {
		if migrate != true || len(root) > 1 {
			c.add(Dropped, "migrate_discovery stands alone and is true")
		}
		return
	}
	c.rootKeys(root)
	c.device(root)
	c.origin(root)
	c.rootAvailability(root)
	for _, key := range []string{"state_topic", "command_topic"} {
		c.topicValue(Dropped, root, key)
	}
	c.qos(Dropped, root)
	c.components(root)
}

func (c *checker) rootKeys(root object) {
	for _, key := range sortedKeys(root) {
		switch {
		case slices.Contains(rootKeys(), key):
		case key == "message_expiry_interval":
			c.add(Dropped, "key %q at the root: dropped before 2026.6; it belongs into components", key)
		case key == "child_devices":
			c.add(Dropped, "key %q at the root: not known to every version", key)
		default:
			c.add(Dropped, "unknown key %q at the root", key)
		}
	}
	for _, key := range []string{"qos", "encoding"} {
		if _, ok := root[key]; ok {
			c.add(Doubtful, "key %q at the root is not inherited before 2026.5; it belongs into components", key)
		}
	}
}

func (c *checker) device(root object) {
	device, ok := root["device"].(object)
	if !ok {
		c.add(Dropped, "no device")
		return
	}
	device = expand(device, deviceAbbreviations())
	for _, key := range sortedKeys(device) {
		switch {
		case !slices.Contains(deviceKeys(), key):
			c.add(Dropped, "unknown key %q in the device", key)
		case key != "identifiers" && key != "connections" && !scalar(device[key]):
			c.add(Dropped, "%q of the device is no text", key)
		}
	}
	ids, idsOK := texts(device["identifiers"])
	if !idsOK {
		c.add(Dropped, "identifiers of the device are no texts")
	}
	connections := c.connections(device)
	if len(ids) == 0 && connections == 0 {
		c.add(Dropped, "the device has neither identifiers nor connections")
	}
	if slices.Contains(ids, "") {
		c.add(Doubtful, "an identifier of the device is empty: shared with whoever else has none")
	}
	if via, ok := device["via_device"].(string); ok && slices.Contains(ids, via) {
		c.add(Refused, "the device is connected by itself: none of its entities is made")
	}
	if u, ok := device["configuration_url"].(string); ok && !goodAddress(u) {
		c.add(Dropped, "configuration_url %q is no http, https or homeassistant address", u)
	}
	c.title, _ = device["name"].(string)
	c.deviceName(device)
}

func (c *checker) deviceName(device object) {
	switch name, ok := device["name"]; {
	case !ok:
		c.add(Doubtful, "the device has no name")
	case strings.TrimSpace(fmt.Sprint(name)) == "":
		c.add(Doubtful, "the name of the device is empty")
	case utf8.RuneCountInString(fmt.Sprint(name)) > maxState:
		c.add(Doubtful, "the name of the device is longer than %d characters", maxState)
	}
}

// connections counts the valid pairs.
func (c *checker) connections(device object) int {
	list, given := device["connections"]
	if !given {
		return 0
	}
	pairs, ok := list.([]any)
	if !ok {
		c.add(Dropped, "connections of the device are no list")
		return 0
	}
	for _, p := range pairs {
		pair, ok := texts(p)
		if _, isList := p.([]any); !ok || !isList || len(pair) < 2 {
			c.add(Dropped, "a connection of the device is no pair of texts")
			continue
		}
		if len(pair) > 2 {
			c.add(Doubtful, "a connection of the device has more than kind and value")
		}
		if pair[0] == "mac" && !macAddress(pair[1]) {
			c.add(Doubtful, "connection %q is no MAC address like aa:bb:cc:dd:ee:ff", pair[1])
		}
	}
	return len(pairs)
}

func (c *checker) origin(root object) {
	origin, ok := root["origin"].(object)
	if !ok {
		c.add(Dropped, "no origin")
		return
	}
	origin = expand(origin, originAbbreviations())
	for _, key := range sortedKeys(origin) {
		switch {
		case !slices.Contains([]string{"name", "sw_version", "support_url"}, key):
			c.add(Dropped, "unknown key %q in the origin", key)
		case !scalar(origin[key]):
			c.add(Dropped, "%q of the origin is no text", key)
		}
	}
	if _, ok := origin["name"]; !ok {
		c.add(Dropped, "the origin has no name")
	}
	if u, ok := origin["support_url"].(string); ok && !goodAddress(u) {
		c.add(Dropped, "url %q of the origin is no http, https or homeassistant address", u)
	}
}

// rootAvailability is as strict as the root: what is wrong costs the document.
func (c *checker) rootAvailability(root object) {
	if has(root, "availability") && has(root, "availability_topic") {
		c.add(Dropped, "availability and availability_topic exclude each other")
	}
	c.availabilityMode(Dropped, root)
	c.topicValue(Dropped, root, "availability_topic")
	entries, ok := availabilityEntries(root, c.words.abbreviations)
	if !ok {
		c.add(Dropped, "availability is no list of objects")
	}
	c.availabilityEntries(Dropped, Dropped, entries)
}

func (c *checker) availabilityMode(s Severity, o object) {
	mode, given := o["availability_mode"]
	if given && !slices.Contains([]any{"all", "any", "latest"}, mode) {
		c.add(s, "availability_mode %v is none of all, any, latest", mode)
	}
}

// availabilityEntries checks a list; unknown is what an unknown key costs.
func (c *checker) availabilityEntries(wrong, unknown Severity, entries []object) {
	for _, e := range entries {
		if !has(e, "topic") {
			c.add(wrong, "an availability entry has no topic")
		}
		c.topicValue(wrong, e, "topic")
		for _, key := range sortedKeys(e) {
			if !slices.Contains([]string{"topic", "payload_available", "payload_not_available", "value_template"}, key) {
				c.add(unknown, "unknown key %q in an availability entry", key)
			}
		}
	}
}

// availabilityEntries takes a list or a single one.
func availabilityEntries(o object, long map[string]string) (entries []object, ok bool) {
	switch v := o["availability"].(type) {
	case nil:
		return nil, !has(o, "availability")
	case object:
		return []object{expand(v, long)}, true
	case []any:
		for _, e := range v {
			entry, ok := e.(object)
			if !ok {
				return nil, false
			}
			entries = append(entries, expand(entry, long))
		}
		return entries, true
	}
	return nil, false
}

func (c *checker) components(root object) {
	components, ok := root["components"].(object)
	if !ok {
		c.add(Dropped, "no components")
		return
	}
	if len(components) == 0 {
		c.add(Doubtful, "no component: no device is made")
	}
	c.unique, c.entityIDs = map[string]string{}, map[string]string{}
	for _, key := range sortedKeys(components) {
		c.component = key
		body, ok := components[key].(object)
		if !ok {
			c.add(Dropped, "no object")
			continue
		}
		c.componentBody(root, expand(body, c.words.abbreviations))
	}
	c.component = ""
}

// inherit adds what the root says for all components.
func inherit(root, body object) object {
	merged := maps.Clone(body)
	for _, key := range sharedKeys() {
		if v, ok := root[key]; ok && !has(merged, key) {
			merged[key] = v
		}
	}
	return merged
}

func has(o object, key string) bool { _, ok := o[key]; return ok }

func sortedKeys(o object) []string { return slices.Sorted(maps.Keys(o)) }

// expand replaces abbreviated keys.
func expand(o object, long map[string]string) object {
	out := make(object, len(o))
	for _, key := range sortedKeys(o) {
		if l, ok := long[key]; ok {
			out[l] = o[key]
		} else if !has(out, key) {
			out[key] = o[key]
		}
	}
	return out
}
