package discovery_test

import (
	"slices"
	"strings"
	"testing"

	"hikbridge/discovery"
)

func TestNamesAndKeysOfEvents(t *testing.T) {
	rows := []struct {
		word, name, key string
		known           bool
	}{
		{"motion", "Motion", "motion", true},
		{"group", "People gathering", "group", true},
		{"poe", "PoE", "poe", true},
		{"disk_error", "Disk error", discovery.KeyDiskError, true},
		{"recording_failure", "Recording failure", discovery.KeyRecordingFailure, true},
		{"disk_full", "Disk full", "disk_full", true},
		{"input_1", "Input 1", "input_1", true},
		{"virtual_input_12", "Virtual input 12", "virtual_input_12", true},
		{"input_0", "Input 0", "input_0", false},
		{"input_01", "Input 01", "input_01", false},
		{"input_", "Input", "input", false},
		{"virtual_motion", "Virtual motion", "virtual_motion", false},
		{"foo_bar", "Foo bar", "foo_bar", false},
		{"Foo-Bar", "Foo bar", "foo_bar", false},
		{"connection", "Connection event", "event_connection", false},
		{"event", "Event event", "event_event", false},
		{"picture", "Picture event", "event_picture", false},
		{"event_picture", "Event picture event", "event_event_picture", false},
		{"status", "Status event", "event_status", false},
		{"disk_1", "Disk 1 event", "event_disk_1", false},
		{"ch", "Ch event", "event_ch", false},
		{"ch1_motion", "Ch1 motion event", "event_ch1_motion", false},
		{"availability", "Availability event", "event_availability", false},
		{"events", "Events event", "event_events", false},
		{"idle", "Idle event", "event_idle", false},
		{"", "", "", false},
		{"/#", "", "", false},
	}
	for _, row := range rows {
		name, key, known := discovery.EventName(row.word), discovery.EventKey(row.word), discovery.KnownEvent(row.word)
		if name != row.name || key != row.key || known != row.known {
			t.Errorf("%q: %q, %q, known %v; want %q, %q, %v", row.word, name, key, known, row.name, row.key, row.known)
		}
	}
}

// TestEachEventIsWhereItIsUsual goes through the design's list: what is enabled,
// of which class, on a camera and on a recorder.
func TestEachEventIsWhereItIsUsual(t *testing.T) {
	rows := []struct{ words, class, category, enabled string }{
		{"motion line_crossing intrusion region_entrance region_exit", "motion", "", "camera"},
		{"tamper", "tamper", "", "camera"},
		{"video_loss", "problem", "diagnostic", "camera"},
		{"loitering group rapid_move pir", "motion", "", ""},
		{"smoke", "smoke", "", ""},
		{"scene_change audio face face_match unattended_baggage object_removed parking people_counting crowd queue objects_thrown", "", "", ""},
		{"mixed_target fall violence absence temperature fire ship license_plate vehicle input_1 virtual_input_1", "", "", ""},
		{"disk_error recording_failure", "problem", "diagnostic", "recorder"},
		{"disk_full illegal_access ip_conflict network poe raid spare fan overheat abnormal_reboot", "problem", "diagnostic", ""},
		{"defocus bad_video video_mismatch storage", "problem", "diagnostic", ""},
	}
	var all []string
	for _, row := range rows {
		for _, word := range strings.Fields(row.words) {
			all = append(all, word)
			on := map[string]map[string]discovery.Entity{
				"camera":   byKey(theBridge().CameraEntities(nvr(), discovery.Camera{ID: "1", Events: []string{word}})),
				"recorder": byKey(theBridge().RecorderEntities(discovery.Recorder{ID: "a", Name: "nvr", Events: []string{word}})),
			}
			for where, entities := range on {
				e, ok := entities[word]
				if !ok || !discovery.KnownEvent(word) || e.Platform != discovery.BinarySensor || e.Class != row.class || string(e.Category) != row.category ||
					e.Enabled != (where == row.enabled) || e.Name != discovery.EventName(word) || !e.Retained {
					t.Errorf("%s on a %s is %+v", word, where, e)
				}
			}
		}
	}
	unknown := byKey(theBridge().CameraEntities(nvr(), discovery.Camera{ID: "1", Events: []string{"foo_bar"}}))["foo_bar"]
	if unknown.Platform != discovery.BinarySensor || unknown.Class+unknown.Icon+string(unknown.Category) != "" || unknown.Enabled || unknown.Name != "Foo bar" {
		t.Errorf("an unknown word is %+v", unknown)
	}
	for i, word := range all {
		for _, other := range all[:i] {
			if discovery.EventName(word) == discovery.EventName(other) {
				t.Errorf("%s and %s have one name", word, other)
			}
		}
	}
}

func TestDetectionHasOnlyWhatHappensInFrontOfTheCamera(t *testing.T) {
	types := func(words ...string) []string {
		return byKey(theBridge().CameraEntities(nvr(), discovery.Camera{ID: "1", Events: words}))[discovery.KeyDetection].EventTypes
	}
	got := types("pir", "video_loss", "bad_video", "video_mismatch", "defocus", "audio", "storage", "foo_bar", "input_1", "face", "motion", "motion", "tamper")
	if want := []string{"motion", "tamper", "face", "pir"}; !slices.Equal(got, want) {
		t.Errorf("types %q, want %q", got, want)
	}
	if got := types("video_loss", "foo_bar"); got != nil {
		t.Errorf("types %q without a detection", got)
	}
}

// A disk error and a recording failure are known of events, of what is read, or
// of both.
func TestWhatIsReadAsWellDoesNotNeedTheStream(t *testing.T) {
	const none, read, stream = "", "bridge+recorder", "bridge+recorder+events"
	both := []string{discovery.KeyRecordingFailure, discovery.KeyDiskError}
	rows := []struct {
		name          string
		recorder      discovery.Recorder
		disk, failure string
	}{
		{"neither", discovery.Recorder{}, none, none},
		{"events", discovery.Recorder{Events: both}, stream, stream},
		{"disks are read", discovery.Recorder{Storage: true}, read, none},
		{"channels are read", discovery.Recorder{Recording: true}, none, read},
		{"events and disks", discovery.Recorder{Storage: true, Events: both}, read, stream},
		{"events and channels", discovery.Recorder{Recording: true, Events: both}, stream, read},
		{"all", discovery.Recorder{Storage: true, Recording: true, Events: both}, read, read},
	}
	for _, row := range rows {
		row.recorder.ID, row.recorder.Name = "a", "nvr"
		got := byKey(theBridge().RecorderEntities(row.recorder))
		disk, failure := needs(got[discovery.KeyDiskError].Availability), needs(got[discovery.KeyRecordingFailure].Availability)
		if disk != row.disk || failure != row.failure {
			t.Errorf("%s: disk error needs %q, recording failure %q", row.name, disk, failure)
		}
	}
	if both[0] != discovery.KeyRecordingFailure || both[1] != discovery.KeyDiskError {
		t.Error("the caller's list is changed")
	}
}

// TestNoWordTakesAnothersPlace gives each entity's key, and each topic beside the
// states, as an event type.
func TestNoWordTakesAnothersPlace(t *testing.T) {
	b, r := theBridge(), nvr()
	r.Events = nil
	c := r.Cameras[0]
	c.Events, c.Protocol = []string{"motion"}, true
	for _, e := range append(b.RecorderEntities(r), b.CameraEntities(r, c)...) {
		if discovery.KnownEvent(e.Key) {
			continue
		}
		if key := discovery.EventKey(e.Key); key != "event_"+e.Key {
			t.Errorf("an event type %q has key %q", e.Key, key)
		}
		r.Events, c.Events = append(r.Events, e.Key), append(c.Events, e.Key)
	}
	before, after := byKey(b.RecorderEntities(nvr())), byKey(b.RecorderEntities(r))
	for key, e := range before {
		if now := after[key]; !discovery.KnownEvent(key) && line(now) != line(e) {
			t.Errorf("%s becomes %s", line(e), line(now))
		}
	}
	topics := map[string]bool{
		b.Availability(): true, b.RecorderAvailability(r.Name): true, b.EventsAvailability(r.Name): true, b.CameraAvailability(r.Name, c.ID): true,
	}
	r.Events = append(r.Events, "availability", "events", "idle", "ch")
	c.Events = append(c.Events, "availability", "events", "idle", "ch")
	for _, e := range append(b.RecorderEntities(r), b.CameraEntities(r, c)...) {
		for _, topic := range []string{e.StateTopic, e.AttributesTopic} {
			if topic != "" && topics[topic] {
				t.Errorf("%s is told at %s, as something else", e.Key, topic)
			}
			topics[topic] = true
		}
	}
}

func TestTypesOfResultsAreReadable(t *testing.T) {
	types := discovery.ResultTypes()
	for i, s := range types {
		if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" || slices.Contains(types[:i], s) {
			t.Errorf("type %q", s)
		}
	}
	types[0] = "changed"
	if discovery.ResultTypes()[0] != discovery.ResultAccepted {
		t.Error("a caller can change the types of others")
	}
}
