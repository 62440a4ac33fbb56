package discovery

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds what is shown of a device's words, in characters.
const maxText = 128

// clean makes a text showable: valid UTF-8 on one line, without control and
// formatting characters, single blanks, at most maxText characters.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) && r != zeroWidthJoiner {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= maxText {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:maxText-1]), " ") + "…"
}

// zeroWidthJoiner holds some emoji and letters of some scripts together.
const zeroWidthJoiner = '\u200d'

// told is a text that says something: not empty, not only zeros and signs.
func told(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r != '0' && (unicode.IsLetter(r) || unicode.IsDigit(r)) }) {
		return clean(s)
	}
	return ""
}

// hardware is a MAC address in Home Assistant's form, or empty.
func hardware(mac string) string {
	m, err := net.ParseMAC(strings.TrimSpace(mac))
	if err != nil || len(m) != 6 {
		return ""
	}
	switch s := m.String(); s {
	case "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff":
		return ""
	default:
		return s
	}
}

// webAddress is an address that Home Assistant takes, without credentials, query
// and fragment; or empty.
func webAddress(s string) string {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !goodHost(u) {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// goodHost is stricter than [url.Parse]: an IP address or a plain name, and a
// port that exists.
func goodHost(u *url.URL) bool {
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" || addr.Is6() != strings.HasPrefix(u.Host, "[") {
			return false
		}
	} else if !goodName(host) {
		return false
	}
	if strings.HasSuffix(u.Host, ":") {
		return false
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Port() == "" || err == nil && port > 0
}

// goodName takes host names of letters, digits, hyphens, dots and underscores
// whose last part isn't a number.
func goodName(host string) bool {
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label ||
			strings.ContainsFunc(label, func(r rune) bool { return !plain(r) }) {
			return false
		}
	}
	_, err := strconv.Atoi(labels[len(labels)-1])
	return len(host) <= 253 && err != nil
}

func (d Disk) title() string {
	if name := clean(d.Name); name != "" {
		return name
	}
	return clean("Disk " + d.ID)
}

// first gives the first text that isn't empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
