package mqtt

import (
	"strings"
	"unicode/utf8"
)

// validTopic reports whether a broker takes a publish to this topic (MQTT 3.1.1, 4.7); others close the connection on it.
func validTopic(topic string) bool {
	return validString(topic) && !strings.ContainsAny(topic, "+#")
}

// validFilter reports whether a filter can be subscribed to: wildcards fill a level, # is the last one.
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
	return s != "" && len(s) <= 65535 && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}
