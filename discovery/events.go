package discovery

import (
	"slices"
	"strings"
	"sync"
)

// place is which device an event is told of; the zero value is neither.
type place int

const (
	onCamera place = iota + 1
	onRecorder
)

// event is a type of alarm that recorders and cameras tell of. Each one is a
// binary sensor, on while it lasts.
type event struct {
	word, name  string // word is also the key
	class, icon string
	category    Category
	// enabled is where the sensor is enabled from the start: on the device that the
	// type is usual on, if it is seldom wrong.
	enabled place
	// detection: something happened in front of the camera. The others tell of
	// the device itself, and of sound, where a lost input counts as well.
	detection bool
}

// events are the known types, in the order in which they are shown. A class
// stands where it means the same: an alarm of temperature can be one of cold, and
// Home Assistant has no class for fire.
func events() []event {
	return []event{
		{word: "motion", name: "Motion", class: classMotion, enabled: onCamera, detection: true},
		{word: "line_crossing", name: "Line crossing", class: classMotion, enabled: onCamera, detection: true},
		{word: "intrusion", name: "Intrusion", class: classMotion, enabled: onCamera, detection: true},
		{word: "region_entrance", name: "Region entrance", class: classMotion, enabled: onCamera, detection: true},
		{word: "region_exit", name: "Region exit", class: classMotion, enabled: onCamera, detection: true},
		{word: "tamper", name: "Tamper", class: "tamper", enabled: onCamera, detection: true},
		{word: "video_loss", name: "Video loss", class: classProblem, category: Diagnostic, enabled: onCamera},

		{word: "scene_change", name: "Scene change", icon: "mdi:image-sync", detection: true},
		{word: "face", name: "Face", icon: "mdi:face-recognition", detection: true},
		{word: "face_match", name: "Face match", icon: "mdi:account-check", detection: true},
		{word: "unattended_baggage", name: "Unattended baggage", icon: "mdi:bag-suitcase", detection: true},
		{word: "object_removed", name: "Object removed", icon: "mdi:package-variant-remove", detection: true},
		{word: "loitering", name: "Loitering", class: classMotion, detection: true},
		{word: "group", name: "People gathering", class: classMotion, detection: true},
		{word: "rapid_move", name: "Fast moving", class: classMotion, detection: true},
		{word: "parking", name: "Parking", icon: "mdi:parking", detection: true},
		{word: "people_counting", name: "People counting", icon: "mdi:counter", detection: true},
		{word: "crowd", name: "Crowd", icon: "mdi:account-group", detection: true},
		{word: "queue", name: "Queue", icon: "mdi:human-queue", detection: true},
		{word: "objects_thrown", name: "Objects thrown", icon: "mdi:arrow-projectile", detection: true},
		{word: "mixed_target", name: "Mixed targets", icon: "mdi:shape", detection: true},
		{word: "fall", name: "Fall", icon: "mdi:human", detection: true},
		{word: "violence", name: "Violence", icon: "mdi:hand-back-right-off", detection: true},
		{word: "absence", name: "Absence", icon: "mdi:account-off", detection: true},
		{word: "temperature", name: "Temperature alarm", icon: "mdi:thermometer-alert", detection: true},
		{word: "fire", name: "Fire", icon: "mdi:fire", detection: true},
		{word: "smoke", name: "Smoke", class: "smoke", detection: true},
		{word: "ship", name: "Ship", icon: "mdi:ferry", detection: true},
		{word: "license_plate", name: "License plate", icon: "mdi:car-info", detection: true},
		{word: "vehicle", name: "Vehicle", icon: "mdi:car", detection: true},
		{word: "pir", name: "PIR", class: classMotion, detection: true},

		{word: "audio", name: "Audio exception", icon: "mdi:volume-high"},
		{word: "defocus", name: "Out of focus", class: classProblem, category: Diagnostic},
		{word: "bad_video", name: "Bad video", class: classProblem, category: Diagnostic},
		{word: "video_mismatch", name: "Video mismatch", class: classProblem, category: Diagnostic},
		{word: "storage", name: "Storage", class: classProblem, category: Diagnostic},

		{word: KeyDiskError, name: "Disk error", class: classProblem, category: Diagnostic, enabled: onRecorder},
		{word: KeyRecordingFailure, name: "Recording failure", class: classProblem, category: Diagnostic, enabled: onRecorder},
		{word: "disk_full", name: "Disk full", class: classProblem, category: Diagnostic},
		{word: "illegal_access", name: "Illegal access", class: classProblem, category: Diagnostic},
		{word: "ip_conflict", name: "IP conflict", class: classProblem, category: Diagnostic},
		{word: "network", name: "Network", class: classProblem, category: Diagnostic},
		{word: "poe", name: "PoE", class: classProblem, category: Diagnostic},
		{word: "raid", name: "RAID", class: classProblem, category: Diagnostic},
		{word: "spare", name: "Hot spare", class: classProblem, category: Diagnostic},
		{word: "fan", name: "Fan", class: classProblem, category: Diagnostic},
		{word: "overheat", name: "Overheating", class: classProblem, category: Diagnostic},
		{word: "abnormal_reboot", name: "Abnormal restart", class: classProblem, category: Diagnostic},
	}
}

// EventName is what a person sees of an event type. An unknown one is called as
// its word: "foo_bar" becomes "Foo bar", and "status", which is something else
// already, "Status event".
func EventName(eventType string) string {
	w := word(eventType)
	e, _ := eventOf(w)
	if EventKey(w) != w {
		return e.name + " event"
	}
	return e.name
}

// KnownEvent says that an event type is in the table, or is an alarm input:
// "input_3", "virtual_input_3".
func KnownEvent(eventType string) bool {
	_, known := eventOf(word(eventType))
	return known
}

// EventKey is the key of an event type's binary sensor, on a camera and on a
// recorder. It is the type's own word, unless another entity, or another topic
// of the device, is called so: then it begins with "event_". It is empty for a
// word without letters and digits, which has no entity.
func EventKey(eventType string) string {
	w := word(eventType)
	if _, known := eventOf(w); known || w == "" {
		return w
	}
	// What begins with "event_" by itself gets it once more, so that two words
	// never have one key; disks and cameras have keys and ids of their own.
	for _, prefix := range []string{"event_", "disk_", "ch"} {
		if strings.HasPrefix(w, prefix) {
			return "event_" + w
		}
	}
	if reserved(w) {
		return "event_" + w
	}
	return w
}

// reserved are the keys of other entities, and topics beside their states.
func reserved(key string) bool {
	if slices.Contains([]string{"availability", "events", "idle"}, key) {
		return true
	}
	others := slices.Concat(recorderRows(Recorder{}), cameraRows(Camera{}))
	return slices.ContainsFunc(others, func(r row) bool { return r.key == key })
}

// eventByWord is the table for looking up, which happens with each event.
var eventByWord = sync.OnceValue(func() map[string]event {
	table := map[string]event{}
	for _, e := range events() {
		table[e.word] = e
	}
	return table
})

// eventOf makes an event of any word. What isn't in the table is no detection,
// and has neither class nor category.
func eventOf(word string) (e event, known bool) {
	if e, known = eventByWord()[word]; known {
		return e, true
	}
	e = event{word: word, name: humanised(word)}
	if number, ok := strings.CutPrefix(strings.TrimPrefix(word, "virtual_"), "input_"); ok && ordinal(number) {
		e.icon = "mdi:electric-switch"
		return e, true
	}
	return e, false
}

// ordinal takes a number from 1 in its usual form.
func ordinal(s string) bool {
	return s != "" && len(s) <= 5 && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// word is how an event type is written here; a canonical one stays as it is.
func word(eventType string) string {
	id := bounded(eventType)
	if strings.Trim(id, "-") == "" {
		return ""
	}
	return slug(id)
}

// words are those of event types, each once: the known ones in the order of their
// table, then the others as they come.
func words(types []string) []string {
	var told, out []string
	for _, t := range types {
		if w := word(t); w != "" && !slices.Contains(told, w) {
			told = append(told, w)
		}
	}
	for _, e := range events() {
		if i := slices.Index(told, e.word); i >= 0 {
			told, out = slices.Delete(told, i, i+1), append(out, e.word)
		}
	}
	return append(out, told...)
}

// humanised makes a name of a word.
func humanised(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + strings.ReplaceAll(word[1:], "_", " ")
}

// eventRows are the binary sensors of event types. They need the stream of
// events: without it, nobody knows.
func eventRows(types []string, at place) []row {
	var rows []row
	for _, w := range words(types) {
		e, _ := eventOf(w)
		rows = append(rows, row{key: EventKey(w), name: EventName(w), platform: BinarySensor, class: e.class, icon: e.icon,
			category: e.category, disabled: e.enabled != at, available: withEvents, told: always})
	}
	return rows
}

// alarmRows are the binary sensors of what a recorder itself tells. Two of them
// are told twice, by events and by what is read of disks and channels: where
// that is read they don't need the stream, and are there without an event.
func alarmRows(r Recorder) []row {
	types := slices.Clone(r.Events)
	if r.Storage {
		types = append(types, KeyDiskError)
	}
	if r.Recording {
		types = append(types, KeyRecordingFailure)
	}
	rows := eventRows(types, onRecorder)
	for i := range rows {
		if rows[i].key == KeyDiskError && r.Storage || rows[i].key == KeyRecordingFailure && r.Recording {
			rows[i].available = withDevice
		}
	}
	return rows
}

// detections are those event types that are detections.
func detections(types []string) []string {
	return slices.DeleteFunc(words(types), func(w string) bool {
		e, _ := eventOf(w)
		return !e.detection
	})
}
