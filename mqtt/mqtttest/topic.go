package mqtttest

import (
	"strings"
	"unicode/utf8"
)

// Match reports whether a topic filter (with + and #) covers a topic, by MQTT 3.1.1, 4.7. A wildcard at the start doesn't
// cover topics that begin with $. An invalid filter or topic matches nothing.
func Match(filter, topic string) bool {
	if !validFilter(filter) || !validTopic(topic) {
		return false
	}
	if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
		return false
	}
	for {
		want, moreFilter, filterGoesOn := strings.Cut(filter, "/")
		if want == "#" {
			return true
		}
		have, moreTopic, topicGoesOn := strings.Cut(topic, "/")
		if want != "+" && want != have {
			return false
		}
		if !topicGoesOn {
			return !filterGoesOn || moreFilter == "#"
		}
		if !filterGoesOn {
			return false
		}
		filter, topic = moreFilter, moreTopic
	}
}

func validTopic(topic string) bool {
	return validString(topic) && !strings.ContainsAny(topic, "+#")
}

func validFilter(filter string) bool {
	if !validString(filter) {
		return false
	}
	for rest, more := filter, true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		if level == "#" && more {
			return false
		}
		if len(level) > 1 && strings.ContainsAny(level, "+#") {
			return false
		}
	}
	return true
}

func validString(s string) bool {
	return s != "" && len(s) <= 65535 && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}
