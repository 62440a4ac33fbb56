package discovery

import (
	"encoding/json"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// scalar is what Home Assistant takes as a text: also numbers and truth values,
// but neither null nor lists nor objects.
func scalar(v any) bool {
	switch v.(type) {
	case string, json.Number, bool:
		return true
	}
	return false
}

// texts takes one text or a list of them; nothing is an empty list.
func texts(v any) (list []string, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case []any:
		for _, e := range v {
			if !scalar(e) {
				return nil, false
			}
			list = append(list, plainText(e))
		}
		return list, true
	}
	return []string{plainText(v)}, scalar(v)
}

func boolean(v any) bool {
	switch v := v.(type) {
	case bool, json.Number:
		return true
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "1", "true", "yes", "on", "enable", "0", "false", "no", "off", "disable":
			return true
		}
	}
	return false
}

// count takes whole numbers from 0, also as text.
func count(v any) bool {
	_, err := strconv.ParseUint(strings.TrimSpace(plainText(v)), 10, 63)
	return err == nil
}

// template sees that what is opened in it is closed: blocks, and inside of them
// brackets and quotes. It doesn't read what stands there.
func template(v any) bool {
	if !scalar(v) {
		return false
	}
	rest := plainText(v)
	for {
		i := strings.IndexByte(rest, '{')
		if i < 0 {
			return true
		}
		rest = rest[i+1:]
		end, opened := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}[(rest + " ")[0]]
		if !opened {
			continue
		}
		var ok bool
		if rest, ok = behind(rest[1:], end); !ok {
			return false
		}
	}
}

// behind is what follows the end of a block that s is in.
func behind(s, end string) (rest string, ok bool) {
	if end == "#}" {
		_, rest, ok = strings.Cut(s, end)
		return rest, ok
	}
	var open []byte // the brackets that must be closed, innermost last
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case len(open) == 0 && strings.HasPrefix(s[i:], end):
			return s[i+len(end):], true
		case c == '"' || c == '\'':
			n := quoted(s[i:])
			if n == 0 {
				return "", false
			}
			i += n - 1
		case strings.IndexByte("([{", c) >= 0:
			open = append(open, ")]}"[strings.IndexByte("([{", c)])
		case strings.IndexByte(")]}", c) >= 0:
			if len(open) == 0 || open[len(open)-1] != c {
				return "", false
			}
			open = open[:len(open)-1]
		}
	}
	return "", false
}

// quoted is the length of the text in quotes that s begins with; 0 if it has no
// end.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return 0
}

// deviceTopic is <prefix>/device/[<node>/]<object>/config.
func deviceTopic(topic string) bool {
	levels := strings.Split(topic, "/")
	n := len(levels)
	if n < 4 || n == 4 && levels[0] == "" || levels[n-1] != "config" || !identifier(levels[n-2]) {
		return false
	}
	return levels[n-3] == "device" || n > 4 && levels[n-4] == "device" && identifier(levels[n-3])
}

// identifier takes ids of discovery topics.
func identifier(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// objectID takes the second half of entity ids that stay as they are.
func objectID(s string) bool {
	return identifier(s) && s == strings.ToLower(s) && strings.Trim(s, "_") == s &&
		!strings.Contains(s, "__") && !strings.Contains(s, "-")
}

// macAddress takes the form in which devices are compared.
func macAddress(s string) bool {
	m, err := net.ParseMAC(s)
	return err == nil && len(m) == 6 && m.String() == s
}

// topicProblem says what is wrong with a topic, or with a filter.
func topicProblem(topic string, filter bool) string {
	switch {
	case topic == "":
		return "is empty"
	case len(topic) > 65535:
		return "is longer than 65535 bytes"
	case strings.ContainsFunc(topic, unprintable):
		return "has control or non-characters"
	case !filter && strings.ContainsAny(topic, "+#"):
		return "has wildcards"
	}
	levels := strings.Split(topic, "/")
	for i, l := range levels {
		if strings.Contains(l, "+") && l != "+" {
			return "has a + that isn't a level"
		}
		if strings.Contains(l, "#") && (l != "#" || i != len(levels)-1) {
			return "has a # that isn't the last level"
		}
	}
	return ""
}

func unprintable(r rune) bool {
	return unicode.IsControl(r) || r&0xffff >= 0xfffe || 0xfdd0 <= r && r <= 0xfdef
}

// goodAddress takes what can be a link on a device's page.
func goodAddress(s string) bool {
	u, err := url.Parse(s)
	if err != nil || strings.ContainsFunc(s, unicode.IsSpace) {
		return false
	}
	switch u.Scheme {
	case "http", "https", "homeassistant":
	default:
		return false
	}
	port := u.Port()
	n, err := strconv.ParseUint(port, 10, 16)
	return u.Hostname() != "" && (port == "" || err == nil && n > 0)
}
