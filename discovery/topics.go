package discovery

import (
	"strings"
	"unicode"
)

// SiteTarget stands for all recorders where a recorder's name is expected: in
// command topics, and in the topic of their results.
const SiteTarget = "site"

const (
	defaultTopic  = "hikbridge"
	defaultPrefix = "homeassistant"
)

// Availability is the topic that says whether the bridge is connected; its will.
func (b Bridge) Availability() string { return b.Base() + "/bridge/availability" }

// RecorderTopic is above everything that is said of a recorder. name is the
// configured one.
func (b Bridge) RecorderTopic(name string) string { return b.Base() + "/" + level(name) }

// RecorderAvailability is the topic that says whether what is known of a
// recorder is of now.
func (b Bridge) RecorderAvailability(name string) string {
	return b.RecorderTopic(name) + "/availability"
}

// EventsAvailability is the topic that says whether a recorder's events arrive:
// its stream is up.
func (b Bridge) EventsAvailability(name string) string { return b.RecorderTopic(name) + "/events" }

// IdleAvailability is the topic that says whether a recorder's buttons make sense
// that begin something: it is offline while a sequence of its power runs.
func (b Bridge) IdleAvailability(name string) string { return b.RecorderTopic(name) + "/idle" }

// CameraTopic is above everything that is said of a camera; id is [Camera.ID].
func (b Bridge) CameraTopic(name, id string) string {
	return b.RecorderTopic(name) + "/ch/" + level(bounded(id))
}

// CameraAvailability is the topic that says whether a camera delivers.
func (b Bridge) CameraAvailability(name, id string) string {
	return b.CameraTopic(name, id) + "/availability"
}

// Result is where what came of a command is told. target is a recorder's name or
// [SiteTarget].
func (b Bridge) Result(target string) string { return b.RecorderTopic(target) + "/result" }

// commands is above the actions for a target.
func (b Bridge) commands(target string) string { return b.Base() + "/command/" + level(target) }

// id is the bridge's own device id.
func (b Bridge) id() string { return first(bounded(b.Base()), defaultTopic) }

// documentTopic is where the document of a device with this id stands.
func (b Bridge) documentTopic(id string) string {
	return topicOr(b.Prefix, defaultPrefix) + "/device/" + id + "/config"
}

// Base is what all topics begin with.
func (b Bridge) Base() string { return topicOr(b.Topic, defaultTopic) }

// topicOr makes a topic one that can be published to. Configured ones are, but
// for a "/" at an end; what isn't is bent, not refused.
func topicOr(topic, fallback string) string {
	topic = strings.Trim(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune("+#\ufffd", r) || nonCharacter(r) {
			return '-'
		}
		return r
	}, topic), "/")
	if topic == "" {
		return fallback
	}
	return topic
}

// nonCharacter says that Unicode has no character there, and MQTT allows none.
func nonCharacter(r rune) bool {
	return r&0xffff >= 0xfffe || 0xfdd0 <= r && r <= 0xfdef
}

// level makes a topic level of a name. Configured names stay as they are.
func level(name string) string {
	if name == "" {
		return "-"
	}
	return cut(strings.Map(func(r rune) rune {
		if plain(r) {
			return r
		}
		return '-'
	}, name), name)
}

// plain characters need no care in topics, host names and documents' topics.
func plain(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		return true
	}
	return false
}
