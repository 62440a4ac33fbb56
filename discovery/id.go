package discovery

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// maxID bounds an id, in characters. The longest serial number seen has 50
// (iDS-7208HQHI-M1(A)/S(C)).
const maxID = 80

// ID is a recorder's identity: of its serial number, else its MAC address, else
// its device id; in lower case, with "-" for every other character than letters
// of the English alphabet and digits. A value of nothing but zeros and signs
// isn't told. An id that would be too long is cut, and ends in a checksum of the
// whole. It is empty when nothing is told.
func ID(serial, mac, deviceID string) string {
	for _, s := range []string{serial, mac, deviceID} {
		if strings.ContainsFunc(s, identifies) {
			return bounded(s)
		}
	}
	return ""
}

// identifies says that a character tells devices apart.
func identifies(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '1' <= r && r <= '9'
}

// bounded makes an id of any text. An id stays as it is.
func bounded(s string) string { return cut(sanitise(s), s) }

// cut shortens an id that is too long, with a checksum of what it was made of.
func cut(id, whole string) string {
	if len(id) <= maxID {
		return id
	}
	sum := fnv.New32a()
	sum.Write([]byte(whole))
	return fmt.Sprintf("%s-%08x", id[:maxID-9], sum.Sum32())
}

func sanitise(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, strings.TrimSpace(s))
}

// slug makes part of an entity id: words of [a-z0-9] joined by single
// underscores, as Home Assistant would make it of the text; never empty.
func slug(s string) string {
	words := strings.FieldsFunc(sanitise(s), func(r rune) bool { return r == '-' })
	if len(words) == 0 {
		return "unnamed"
	}
	return strings.Join(words, "_")
}
