package nvr

import (
	"errors"
	"io"
	"net/http"

	"github.com/icholy/digest"
)

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

// Framer cuts a stream of bytes into parts, as the event stream does.
type Framer struct{ f *framer }

func NewFramer(r io.Reader, boundary string) Framer { return Framer{newFramer(r, boundary)} }

// Next gives the next part and its kind: "xml", "json" or "picture".
func (f Framer) Next() (kind string, body []byte, err error) {
	p, err := f.f.next()
	return [...]string{xmlPart: "xml", jsonPart: "json", picturePart: "picture"}[p.kind], p.body, err
}

// Cut counts the parts without an end, Held is how many bytes are kept.
func (f Framer) Cut() int  { return f.f.cut }
func (f Framer) Held() int { return cap(f.f.buf) }

// The bounds of a document and of a picture.
const MaxAlert, MaxPicture = maxAlert, maxPicture

// DecodeAlert reads an XML document of the event stream, DecodeJSONAlert one in
// JSON.
func DecodeAlert(body []byte) ([]Alert, error)     { return decodeAlert(body) }
func DecodeJSONAlert(body []byte) ([]Alert, error) { return decodeJSONAlert(body) }

// ParseWorking reads a working status.
func ParseWorking(body []byte) ([]Working, error) {
	v, err := parseJSON(body)
	if err != nil {
		return nil, err
	}
	return working(v), nil
}

// ParseTriggers reads a list of triggers.
func ParseTriggers(body []byte) ([]Trigger, error) {
	var w triggerList
	if err := decode(body, &w, "EventTriggerList", "EventNotification"); err != nil {
		return nil, err
	}
	return w.triggers(), nil
}

// SightOf reads the error of a dial.
func SightOf(err error) Sight { s, _ := sightOf(err); return s }

// Verdict reads the answer to a power request.
func Verdict(status int, body []byte) (Outcome, error) {
	return verdict(request{method: http.MethodPut, path: pathShutdown}, &http.Response{StatusCode: status}, body)
}

// Formatting reads a formatStatus: whether the disk is being formatted.
func Formatting(body []byte) Maybe[bool] {
	w := formatting(body)
	return Maybe[bool]{Value: w == formatWord, Known: w != oddWord}
}

// Restore says what RestoreNotifications sends, nil for nothing, where the recorder
// tells now.
func Restore(original, written, now []byte) ([]byte, Restored, error) {
	before, beforeErr := parseDisturb(original)
	after, afterErr := parseDisturb(written)
	present, err := parseDisturb(now)
	if err := errors.Join(beforeErr, afterErr, err); err != nil {
		return nil, Restored{}, err
	}
	target, r := restore(before, after, present)
	return target, r, nil
}

// Silenced says of each channel of a setting whether it is silenced.
func Silenced(document []byte) map[int]bool {
	d, err := parseDisturb(document)
	if err != nil {
		return nil
	}
	all := map[int]bool{}
	for _, c := range d.channels {
		all[c.number] = c.silenced
	}
	return all
}

// SameNotifications says whether two settings say the same; false also where one
// isn't understood.
func SameNotifications(a, b []byte) bool {
	first, firstErr := parseDisturb(a)
	second, secondErr := parseDisturb(b)
	return firstErr == nil && secondErr == nil && first.same(second)
}
