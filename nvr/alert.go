package nvr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Alert is one message of the event stream.
type Alert struct {
	Type EventType
	// Word is the type as the device wrote it.
	Word string
	// Active says that the event begins or goes on, otherwise that it is over.
	// Many recorders never say the latter (NVRs with firmware of version 1.0
	// documents, some PTZ cameras). A message without a state is active.
	Active bool
	// Device says that it is an event of the device itself, without a channel.
	Device bool
	// Channel is the channel's number as told: empty or 0 when there is none, and
	// not always the channel's id (see isapi-events: 33 and up on hybrids).
	Channel string
	// Port is the input of AlarmInput and VirtualInput.
	Port string
	// Heartbeat says that the message is a sign of life. One may also say that a
	// channel's video is back.
	Heartbeat bool
	// Lasting marks the repetition by which a device says that an event goes on
	// (type "duration"); it tells neither region nor target.
	Lasting bool
	// Region is the id of the region, Target human or vehicle or another word of
	// the device; empty where it isn't told. Recorders often leave both out.
	Region, Target string
	// Time is the device's own as it stands in the message; devices write it in
	// several ways, and their clocks may be wrong.
	Time string
	// Old says that the device sends again what happened earlier.
	Old bool
	// Pictured says that the device sends a picture along.
	Pictured bool
	// Picture is the JPEG that came for the alert before, whose other fields are
	// repeated then; nil in an alert itself.
	Picture []byte
}

const (
	maxFieldCharacters = 64 // of a value in an alert
	maxRelations       = 16 // types in one message of type duration
)

// alertFields are the values of a message before they are judged.
type alertFields struct {
	word, state, description string
	channel, dynamic         string
	port, proxyPort          string
	time, region, target     string
	again, current, transfer string
	relations                []string
}

// set takes a value by its element's name. Of a repeated one the first that says
// something counts.
func (f *alertFields) set(name, value []byte) {
	if len(value) == 0 {
		return
	}
	var into *string
	switch string(name) {
	case "eventType":
		into = &f.word
	case "eventState":
		into = &f.state
	case "eventDescription":
		into = &f.description
	case "channelID":
		into = &f.channel
	case "dynChannelID":
		into = &f.dynamic
	case "inputIOPortID":
		into = &f.port
	case "dynInputIOPortID":
		into = &f.proxyPort
	case "dateTime":
		into = &f.time
	case "regionID":
		into = &f.region
	case "detectionTarget", "targetType":
		into = &f.target
	case "isDataRetransmission":
		into = &f.again
	case "detectionPictureTransType":
		into = &f.transfer
	case "currentEvent":
		into = &f.current
	case "relationEvent":
		if len(f.relations) < maxRelations {
			f.relations = append(f.relations, bounded(value))
		}
		return
	default:
		return
	}
	if *into == "" {
		*into = bounded(value)
	}
}

// bounded makes a text of what a device wrote, whatever its encoding.
func bounded(b []byte) string {
	return strings.ToValidUTF8(string(b[:min(len(b), maxFieldCharacters)]), "")
}

// alerts judges the values: one alert, or one for each event that lasts.
func (f *alertFields) alerts() []Alert {
	a := Alert{
		Type: eventTypeOf(f.word), Word: f.word, Active: !strings.EqualFold(f.state, "inactive"),
		Channel: f.channel, Port: f.port, Region: f.region, Target: strings.ToLower(f.target), Time: f.time,
		Pictured: strings.EqualFold(f.transfer, "binary"),
		Old:      truth(f.again).Value || strings.EqualFold(f.current, "false"),
	}
	if f.dynamic != "" {
		a.Channel = f.dynamic
	}
	if f.proxyPort != "" {
		a.Port = f.proxyPort
	}
	if a.Region == "0" {
		a.Region = ""
	}
	switch {
	case a.Type == beatType, strings.EqualFold(f.word, "other") && strings.EqualFold(f.description, "heartbeat"):
		a.Heartbeat = true
	case a.Type == VideoLoss:
		a.Heartbeat = !a.Active
	case a.Type == durationType:
		return f.lasting(a)
	}
	a.Device = a.Type.ofDevice()
	return []Alert{a}
}

func (f *alertFields) lasting(a Alert) []Alert {
	var all []Alert
	a.Region, a.Target, a.Lasting = "", "", true
	for _, word := range f.relations {
		a.Type, a.Word = eventTypeOf(word), word
		a.Device = a.Type.ofDevice()
		all = append(all, a)
	}
	return all
}

// decodeAlert reads an XML document of the event stream. One that is no alert is
// an error: a *StatusError where the device refuses.
func decodeAlert(body []byte) ([]Alert, error) {
	var f alertFields
	root, err := leaves(body, f.set)
	switch {
	case err != nil:
		return nil, err
	case strings.EqualFold(root, "ResponseStatus"):
		e := &StatusError{Method: "GET", Path: pathStream, HTTP: 200}
		if e.Code, e.Sub = statusOf(body); e.Code == 1 {
			return nil, fmt.Errorf("%w: an OK in the event stream", ErrDocument)
		}
		return nil, e
	case !strings.EqualFold(root, "EventNotificationAlert"):
		return nil, fmt.Errorf("%w: <%.40s> in the event stream", ErrDocument, root)
	case f.word == "":
		return nil, fmt.Errorf("%w: an alert without a type", ErrDocument)
	}
	return f.alerts(), nil
}

// decodeJSONAlert reads a JSON document of the event stream (access terminals,
// newer events of cameras and alarm panels).
func decodeJSONAlert(body []byte) ([]Alert, error) {
	v, err := parseJSON(body)
	if err != nil {
		return nil, err
	}
	if s, ok := jsonStatus(body); ok && s.Code > 1 {
		return nil, &StatusError{Method: "GET", Path: pathStream, HTTP: 200, Code: s.Code, Sub: s.Sub}
	}
	if inner, ok := member(v, "EventNotificationAlert"); ok {
		v = inner
	}
	var f alertFields
	collect(&f, v, maxNesting)
	if f.word == "" {
		return nil, fmt.Errorf("%w: an alert without a type", ErrDocument)
	}
	return f.alerts(), nil
}

// collect takes the values of an object, then of the objects in it.
func collect(f *alertFields, v any, nesting int) {
	switch v := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v)) // their order in the document is lost
		for _, name := range names {
			f.set([]byte(name), []byte(jsonText(v[name])))
		}
		for _, name := range names {
			if nesting > 0 {
				collect(f, v[name], nesting-1)
			}
		}
	case []any:
		for _, m := range v {
			if nesting > 0 {
				collect(f, m, nesting-1)
			}
		}
	}
}

// deviceTime reads the digits of an alert's time, whatever is printed behind
// them (isapi-events 1.6: unpadded, lost or missing zones). ok is false for what
// has no seconds.
func deviceTime(s string) (t time.Time, ok bool) {
	if len(s) < len("2006-01-02T15:04:05") {
		return t, false
	}
	t, err := time.Parse("2006-01-02T15:04:05", s[:19])
	return t, err == nil
}

const (
	// agedBurst is how far an alert may be behind the newest one.
	agedBurst = 20 * time.Second
	// agedStall is how old an alert may be by the device's clock as it was shown
	// before: a stream that stalled or was opened anew may begin with old ones.
	agedStall = 2 * time.Minute
	// openFor is how long after the beginning of a stream an alert that is an hour
	// old is taken for an old one, and not for the end of summer time.
	openFor = 30 * time.Second
	// ahead is how far a clock may jump forward at once: a single message with a
	// wrong date isn't taken for that.
	ahead = 2 * time.Hour
	// agedFor is how long all alerts must be behind or ahead until that is taken
	// for a clock that was set.
	agedFor = time.Minute
)

// news tells old alerts from new ones: after a stalled or a new connection some
// devices send what happened meanwhile in one burst. It goes by the device's
// clock alone, which may be wrong.
type news struct {
	newest time.Time // device time
	at     time.Time // when it came
	odd    time.Time // since when all alerts are behind or ahead
}

// old judges an alert's time; opened is when the stream began.
func (n *news) old(device, now, opened time.Time) bool {
	behind := n.newest.Sub(device)
	late := behind + now.Sub(n.at)
	summerEnds := now.Sub(opened) >= openFor && (late-time.Hour).Abs() < agedBurst
	stands := behind == 0 // a clock that doesn't run tells nothing
	isOld := (behind > agedBurst || late > agedStall && !stands) && !summerEnds
	odd := isOld || -late > ahead
	switch {
	case n.newest.IsZero(), summerEnds, odd && !n.odd.IsZero() && now.Sub(n.odd) > agedFor:
		*n = news{newest: device, at: now}
		return false
	case odd && n.odd.IsZero():
		n.odd = now
	case !odd:
		n.odd = time.Time{}
		if behind <= 0 {
			n.newest, n.at = device, now
		}
	}
	return isOld
}
