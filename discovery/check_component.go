package discovery

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxState is the longest state, name and entity id, in characters.
const maxState = 255

// componentBody checks one component. What costs the document is looked at
// before what costs the entity.
func (c *checker) componentBody(root, body object) {
	platform, ok := body["platform"].(string)
	if !ok || !slices.Contains(c.words.platforms, platform) {
		c.add(Dropped, "platform %v is none of Home Assistant's", body["platform"])
		return
	}
	if len(body) == 1 {
		return // a tombstone
	}
	if strings.Contains(c.component, " ") {
		c.add(Doubtful, "a blank in the key: an empty document doesn't remove it")
	}
	isEntity := platform != "device_automation" && platform != "tag"
	if isEntity && (!has(body, "unique_id") || !scalar(body["unique_id"])) {
		c.add(Dropped, "no unique_id")
		return
	}
	c.knownKeys(platform, body)
	merged := inherit(root, body)
	c.required(platform, merged)
	c.topics(platform, merged)
	c.values(merged)
	if !isEntity {
		return
	}
	c.componentAvailability(root, body, merged)
	c.identity(platform, body)
	c.name(body)
	c.category(platform, body)
	c.class(platform, body)
	c.platformRules(platform, merged)
}

// knownKeys tells what is stripped. Platforms that aren't modelled have keys of
// their own.
func (c *checker) knownKeys(platform string, body object) {
	own, modelled := c.words.platformKeys[platform]
	for _, key := range sortedKeys(body) {
		switch {
		case key == "~":
			c.add(Doubtful, "topics with ~ differ between root and component; write them out")
		case key == "object_id":
			c.add(Doubtful, "object_id is ignored since 2026.4; use default_entity_id")
		case modelled && !slices.Contains(own, key) && !slices.Contains(c.words.commonKeys, key):
			c.add(Stripped, "unknown key %q", key)
		}
	}
}

func (c *checker) required(platform string, body object) {
	for _, key := range c.words.requiredKeys[platform] {
		if !has(body, key) {
			c.add(Refused, "a %s needs %s", platform, key)
		}
	}
}

// topics checks every key that names one.
func (c *checker) topics(platform string, body object) {
	for _, key := range sortedKeys(body) {
		if key == "topic" || strings.HasSuffix(key, "_topic") {
			c.topicValue(Refused, body, key)
		}
	}
	if body["retain"] == true {
		c.add(Doubtful, "a retained command of a %s is carried out again at every connection", platform)
	}
}

// topicValue checks the topic under a key if there is one.
func (c *checker) topicValue(s Severity, o object, key string) {
	v, ok := o[key]
	if !ok {
		return
	}
	topic := plainText(v)
	if !scalar(v) {
		c.add(s, "%s is no text", key)
		return
	}
	if text := topicProblem(topic, !strings.HasSuffix(key, "command_topic")); text != "" {
		c.add(s, "%s %q %s", key, topic, text)
	} else if strings.ContainsAny(topic, "+#") {
		c.add(Doubtful, "%s %q hears more than one topic", key, topic)
	}
}

// values checks what is the same on all platforms.
func (c *checker) values(body object) {
	c.qos(Refused, body)
	for _, key := range booleanKeys() {
		if v, ok := body[key]; ok && !boolean(v) {
			c.add(Refused, "%s is neither true nor false", key)
		}
	}
	for _, key := range countKeys() {
		if v, ok := body[key]; ok && !count(v) {
			c.add(Refused, "%s is no number from 0", key)
		}
	}
	for _, key := range sortedKeys(body) {
		if strings.HasSuffix(key, "_template") && !template(body[key]) {
			c.add(Refused, "%s is no template", key)
		}
		if strings.HasPrefix(key, "payload_") && !scalar(body[key]) {
			c.add(Refused, "%s is no text", key)
		}
	}
	if icon, ok := body["icon"]; ok {
		if s, isText := icon.(string); !isText || !strings.Contains(s, ":") {
			c.add(Refused, "icon %v is not like mdi:cctv", icon)
		}
	}
}

func (c *checker) qos(s Severity, o object) {
	if v, ok := o["qos"]; ok && !slices.Contains([]string{"0", "1", "2"}, plainText(v)) {
		c.add(s, "qos %v is none of 0, 1, 2", v)
	}
}

// componentAvailability looks at what is left after the root's is inherited.
func (c *checker) componentAvailability(root, body, merged object) {
	if has(merged, "availability") && has(merged, "availability_topic") {
		c.add(Refused, "availability and availability_topic exclude each other, also between root and component")
	}
	if has(body, "availability_mode") {
		c.availabilityMode(Refused, body)
	}
	entries, ok := availabilityEntries(merged, c.words.abbreviations)
	if !ok && has(body, "availability") {
		c.add(Refused, "availability is no list of objects")
	}
	if has(body, "availability") {
		c.availabilityEntries(Refused, Stripped, entries)
	}
	if _, given := merged["availability_mode"]; len(entries) > 1 && !given {
		c.add(Doubtful, "several availability topics without availability_mode: the latest alone decides")
	}
}

// identity checks unique and proposed ids.
func (c *checker) identity(platform string, body object) {
	id := plainText(body["unique_id"])
	if id == "" {
		c.add(Doubtful, "unique_id is empty")
	}
	if other, taken := c.unique[platform+" "+id]; taken {
		c.add(Refused, "unique_id %q is that of %s", id, other)
	}
	c.unique[platform+" "+id] = c.component

	proposed, given := body["default_entity_id"]
	if !given {
		return
	}
	entityID, ok := proposed.(string)
	switch {
	case !ok:
		c.add(Refused, "default_entity_id is no text")
		return
	case !strings.HasPrefix(entityID, platform+"."):
		c.add(Doubtful, "default_entity_id %q doesn't begin with %q", entityID, platform+".")
	case !objectID(strings.TrimPrefix(entityID, platform+".")):
		c.add(Doubtful, "default_entity_id %q becomes another: words of a-z and 0-9 joined by one _ stay", entityID)
	case len(entityID) > maxState:
		c.add(Doubtful, "default_entity_id is longer than %d characters and is cut", maxState)
	}
	if other, taken := c.entityIDs[entityID]; taken {
		c.add(Doubtful, "default_entity_id %q is that of %s: one of both gets _2", entityID, other)
	}
	c.entityIDs[entityID] = c.component
}

func (c *checker) name(body object) {
	v, given := body["name"]
	if !given {
		if !has(body, "device_class") {
			c.add(Doubtful, "neither name nor device_class: the entity is called after its platform")
		}
		return
	}
	if v == nil {
		return // it is called like the device
	}
	name := plainText(v)
	switch {
	case !scalar(v):
		c.add(Refused, "name is no text")
	case strings.TrimSpace(name) == "":
		c.add(Doubtful, "name is empty")
	case utf8.RuneCountInString(name) > maxState:
		c.add(Doubtful, "name is longer than %d characters", maxState)
	case c.title != "" && strings.HasPrefix(strings.ToLower(name), strings.ToLower(c.title)):
		c.add(Doubtful, "name %q begins with the device's, which is cut off", name)
	}
}

func (c *checker) category(platform string, body object) {
	category, given := body["entity_category"]
	if !given {
		return
	}
	switch {
	case category != "config" && category != "diagnostic":
		c.add(Refused, "entity_category %v is neither config nor diagnostic", category)
	case category == "config" && (platform == "sensor" || platform == "binary_sensor"):
		c.add(Refused, "a %s has no entity_category config", platform)
	}
}

// class checks the device class. Platforms without classes have no such key.
func (c *checker) class(platform string, body object) {
	class, given := body["device_class"]
	if !given {
		return
	}
	known, has := deviceClasses(platform)
	if !has {
		return
	}
	if class == nil && platform != "event" {
		return
	}
	if s, isText := class.(string); !isText || !slices.Contains(known, strings.ToLower(s)) {
		c.add(Refused, "device_class %v isn't one of a %s", class, platform)
	}
	if platform == "button" && class == "identify" && body["entity_category"] != "diagnostic" {
		c.add(Doubtful, "an identify button is diagnostic")
	}
}

// plainText is a text, number or truth value as a text.
func plainText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
