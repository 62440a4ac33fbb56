package nvr

import "github.com/icholy/digest"

// What the fuzz targets and tables reach inside for.

// DecodeDeviceInfo decodes any bytes as a document, as every call does.
func DecodeDeviceInfo(body []byte) (model string, err error) {
	var w struct {
		Model string `xml:"model"`
	}
	err = decode(body, &w, "DeviceInfo")
	return w.Model, err
}

// ParseChallenge reads one WWW-Authenticate line.
func ParseChallenge(header string) *digest.Challenge { return parseChallenge(header) }

// ParseLock reads the body of a 401.
func ParseLock(body []byte) (locked bool, triesLeft int) {
	l := parseLock(body)
	if !l.triesLeft.Known {
		return l.locked, -1
	}
	return l.locked, l.triesLeft.Value
}
