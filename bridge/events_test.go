package bridge_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

// streams is where recorded event streams lie beside the project.
const streams = "../../shared/recordings/streams"

// change is one message that a subscriber saw.
type change struct {
	at             time.Duration // since a beginning
	topic, payload string
}

func (c change) String() string {
	return fmt.Sprintf("%v %s %s", c.at.Round(time.Millisecond), c.topic, c.payload)
}

// published lists what the bridge published below a recorder's topic since a
// moment, to topics that match, in order.
func (w *world) published(recorder string, since time.Time, match string) []change {
	var all []change
	pattern := regexp.MustCompile(`^(?:` + match + `)$`)
	for _, p := range w.broker.Log() {
		topic, ok := strings.CutPrefix(p.Topic, "hikbridge/"+recorder+"/")
		if !p.Sent && p.Packet == "PUBLISH" && ok && !p.At.Before(since) && pattern.MatchString(topic) {
			all = append(all, change{p.At.Sub(since), topic, string(p.Payload)})
		}
	}
	return all
}

// oracle says what must be published of a recorded stream, by the rule alone: an
// event is on from its first message until 5 s after its last one or until the
// device says that it is over, and each beginning is told to the event entity.
func oracle(alerts []nvrtest.Recorded) []change {
	names := map[string]string{"VMD": "motion", "linedetection": "line_crossing", "fielddetection": "intrusion"}
	field := func(body []byte, name string) string {
		m := regexp.MustCompile(`<` + name + `>([^<]*)<`).FindSubmatch(body)
		if m == nil {
			return ""
		}
		return string(m[1])
	}
	var all []change
	until := map[string]time.Duration{}
	end := func(now time.Duration) {
		for kind, limit := range until {
			if limit < now {
				all = append(all, change{limit, "ch/1/" + kind, "OFF"})
				delete(until, kind)
			}
		}
	}
	for _, a := range alerts {
		end(a.After)
		kind, ok := names[field(a.Body, "eventType")]
		_, on := until[kind]
		switch {
		case !ok:
		case field(a.Body, "eventState") == "active":
			if !on {
				all = append(all, change{a.After, "ch/1/" + kind, "ON"}, change{a.After, "ch/1/event", kind})
			}
			until[kind] = a.After + 5*time.Second
		case on:
			all = append(all, change{a.After, "ch/1/" + kind, "OFF"})
			delete(until, kind)
		}
	}
	end(1 << 60)
	return all
}

func TestRecordedStreamsGiveExactlyTheChangesOfTheRule(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(streams, "*.jsonl"))
	if len(files) == 0 {
		t.Skipf("no recorded streams in %s", streams)
	}
	for _, file := range files {
		for _, speed := range []float64{1, 4} {
			t.Run(fmt.Sprintf("%s at %v times the pace", filepath.Base(file), speed), func(t *testing.T) {
				f, err := os.Open(file)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				alerts, err := nvrtest.ReadStream(f)
				if err != nil || len(alerts) == 0 {
					t.Fatalf("%d alerts, %v", len(alerts), err)
				}
				synctest.Test(t, func(t *testing.T) { replayStream(t, alerts, speed) })
			})
		}
	}
}

func replayStream(t *testing.T, alerts []nvrtest.Recorded, speed float64) {
	w := newWorld(t, map[string]nvrtest.Config{"yard": {Model: nvrtest.Camera}})
	w.start()
	time.Sleep(time.Minute)
	began := time.Now()
	r := w.recorders["yard"]
	if err := r.Play(t.Context(), alerts, speed); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
	synctest.Wait()
	for i := range alerts {
		alerts[i].After = time.Duration(float64(alerts[i].After) / speed)
	}
	want := oracle(alerts)
	got := w.published("yard", began, `ch/1/(motion|line_crossing|intrusion|tamper|video_loss|event)`)
	for i := range got {
		if strings.HasSuffix(got[i].topic, "/event") {
			var d struct {
				Type string `json:"event_type"`
			}
			if err := json.Unmarshal([]byte(got[i].payload), &d); err != nil {
				t.Error(err)
			}
			got[i].payload = d.Type
		}
	}
	sortChanges(got)
	sortChanges(want)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got) || i >= len(want):
			t.Fatalf("%d changes published, %d by the rule", len(got), len(want))
		case got[i].topic != want[i].topic || got[i].payload != want[i].payload || (got[i].at-want[i].at).Abs() > 5*time.Millisecond:
			t.Fatalf("change %d is %v, by the rule %v", i, got[i], want[i])
		}
	}
	if len(want) < 50 {
		t.Errorf("only %d changes in the recording", len(want))
	}
	for _, topic := range []string{"motion", "line_crossing", "video_loss"} {
		if v := w.value("hikbridge/yard/ch/1/" + topic); v != "OFF" && (v != "" || topic != "video_loss") {
			t.Errorf("%s is %q at the end", topic, v)
		}
	}
	if n := r.StreamsOpened(); n != 1 {
		t.Errorf("%d streams were opened", n)
	}
}

// sortChanges orders by time, then by topic: at one moment the order is free.
func sortChanges(all []change) {
	slices.SortStableFunc(all, func(a, b change) int {
		if d := a.at.Round(10*time.Millisecond) - b.at.Round(10*time.Millisecond); d != 0 {
			return int(d)
		}
		return strings.Compare(a.topic, b.topic)
	})
}

// eventWorld is a bridge with an announced recorder whose stream is open.
func eventWorld(t *testing.T, c nvrtest.Config) (*world, *nvrtest.Recorder) {
	w := newWorld(t, map[string]nvrtest.Config{"garage": c})
	w.config.PictureInterval = 0
	w.start()
	time.Sleep(30 * time.Second)
	w.expect("at the start", map[string]string{"hikbridge/garage/events": "online", "hikbridge/garage/event_stream": "ON"})
	return w, w.recorders["garage"]
}

func TestAnEventIsToldAtOnceAndEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		began := time.Now()
		r.Alert(nvrtest.Alert{Type: "linedetection", Channel: 2, Region: "3", Target: "vehicle", Time: "2026-11-26T05:47:20+01:00"})
		w.expect("at the same moment", map[string]string{"hikbridge/garage/ch/2/line_crossing": "ON"})
		time.Sleep(4900 * time.Millisecond)
		w.expect("4.9 s later", map[string]string{"hikbridge/garage/ch/2/line_crossing": "ON"})
		time.Sleep(200 * time.Millisecond)
		w.expect("5.1 s later", map[string]string{"hikbridge/garage/ch/2/line_crossing": "OFF"})
		got := w.published("garage", began, "ch/2/event")
		want := `{"event_type":"line_crossing","target":"vehicle","region":"3","device_time":"2026-11-26T05:47:20+01:00"}`
		if len(got) != 1 || got[0].payload != want || got[0].at != 0 {
			t.Errorf("event entity: %v, want %s", got, want)
		}
	})
}

func TestWhatKeepsAnEventOnAndWhatEndsIt(t *testing.T) {
	motion := nvrtest.Alert{Type: "VMD", Channel: 1}
	over := nvrtest.Alert{Type: "VMD", Channel: 1, Inactive: true}
	lasting := nvrtest.Alert{Type: "duration", Relation: "VMD", Channel: 1}
	tests := []struct {
		name  string
		posts map[int]nvrtest.Alert // by second
		want  string                // when it is on and off, in seconds
	}{
		{"repetitions", map[int]nvrtest.Alert{0: motion, 4: motion, 8: motion}, "ON 0, OFF 13"},
		{"a repetition at the last moment", map[int]nvrtest.Alert{0: motion, 5: motion}, "ON 0, OFF 10"},
		{"the device says that it is over", map[int]nvrtest.Alert{0: motion, 2: over}, "ON 0, OFF 2"},
		{"duration keeps it on", map[int]nvrtest.Alert{0: motion, 3: lasting, 7: lasting}, "ON 0, OFF 12"},
		{"duration alone begins it", map[int]nvrtest.Alert{0: lasting}, "ON 0, OFF 5"},
		{"another channel doesn't", map[int]nvrtest.Alert{0: motion, 4: {Type: "VMD", Channel: 2}}, "ON 0, OFF 5"},
		{"another type doesn't", map[int]nvrtest.Alert{0: motion, 4: {Type: "linedetection", Channel: 1}}, "ON 0, OFF 5"},
		{"an end without a beginning", map[int]nvrtest.Alert{0: over}, ""},
		{"it is over and begins again", map[int]nvrtest.Alert{0: motion, 1: over, 3: motion}, "ON 0, OFF 1, ON 3, OFF 8"},
		{"an old one that is sent again", map[int]nvrtest.Alert{0: {Type: "VMD", Channel: 1, Retransmission: true}}, ""},
		{"other spellings", map[int]nvrtest.Alert{0: {Type: "motionDetection", Channel: 1}, 4: {Type: "vmd", Channel: 1}}, "ON 0, OFF 9"},
		{"a heartbeat", map[int]nvrtest.Alert{0: motion, 2: {Type: "videoloss", Channel: 1, Inactive: true}}, "ON 0, OFF 5"},
		{"a channel that isn't there", map[int]nvrtest.Alert{0: {Type: "VMD", Channel: 17}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := eventWorld(t, nvrtest.Config{Heartbeat: -1})
				began := time.Now()
				for second := range 20 {
					if a, ok := tt.posts[second]; ok {
						r.Alert(a)
					}
					time.Sleep(time.Second)
				}
				synctest.Wait()
				var words []string
				for _, c := range w.published("garage", began, "ch/1/motion") {
					words = append(words, fmt.Sprintf("%s %d", c.payload, c.at/time.Second))
				}
				if got := strings.Join(words, ", "); got != tt.want {
					t.Errorf("motion: %s, want %s", got, tt.want)
				}
			})
		})
	}
}

func TestOffDelaysAreConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.config.OffDelay, w.config.OffDelays = 3*time.Second, map[string]time.Duration{"motion": 20 * time.Second}
		w.start()
		time.Sleep(30 * time.Second)
		w.recorders["garage"].Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
		w.recorders["garage"].Alert(nvrtest.Alert{Type: "fielddetection", Channel: 1})
		time.Sleep(4 * time.Second)
		w.expect("after 4 s", map[string]string{"hikbridge/garage/ch/1/motion": "ON", "hikbridge/garage/ch/1/intrusion": "OFF"})
		time.Sleep(17 * time.Second)
		w.expect("after 21 s", map[string]string{"hikbridge/garage/ch/1/motion": "OFF"})
	})
}

func TestAnotherTargetInTheSameEventIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		began := time.Now()
		for _, target := range []string{"", "human", "human", "vehicle", "", "human"} {
			r.Alert(nvrtest.Alert{Type: "fielddetection", Channel: 1, Target: target, Time: "x"})
			time.Sleep(time.Second)
		}
		synctest.Wait()
		var targets []string
		for _, c := range w.published("garage", began, "ch/1/event") {
			var d struct{ Target string }
			json.Unmarshal([]byte(c.payload), &d)
			targets = append(targets, d.Target)
		}
		if got := strings.Join(targets, ","); got != ",human,vehicle" {
			t.Errorf("targets told: %q", got)
		}
	})
}

func TestChannelNumbersInAlertsFindTheirCameras(t *testing.T) {
	tests := []struct {
		name   string
		config nvrtest.Config
		number int
		want   string
	}{
		{"an NVR's own", nvrtest.Config{Channels: 8}, 8, "8"},
		{"counted from 33 on an NVR", nvrtest.Config{Channels: 8}, 34, "2"},
		{"a real channel 34", nvrtest.Config{Channels: 40}, 34, "34"},
		{"an input of a hybrid", nvrtest.Config{Model: nvrtest.DVR, Channels: 4, IPChannels: 2}, 1, "1"},
		{"an IP channel of a hybrid whose ids collide", nvrtest.Config{Model: nvrtest.DVR, Channels: 4, IPChannels: 2}, 34, "ip2"},
		{"an IP channel of a hybrid whose ids follow", nvrtest.Config{Model: nvrtest.DVR, Channels: 4, IPChannels: 2, FirstIPChannel: 5}, 33, "5"},
		{"an IP channel by its own id", nvrtest.Config{Model: nvrtest.DVR, Channels: 4, IPChannels: 2, FirstIPChannel: 5}, 6, "6"},
		{"the second lens of a camera", nvrtest.Config{Model: nvrtest.DualCamera}, 2, "2"},
		{"the only camera, without a number", nvrtest.Config{Model: nvrtest.Camera}, 0, "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := eventWorld(t, tt.config)
				began := time.Now()
				r.Alert(nvrtest.Alert{Type: "VMD", Channel: tt.number})
				time.Sleep(time.Second)
				synctest.Wait()
				got := w.published("garage", began, "ch/[^/]+/motion")
				if len(got) != 1 || got[0].topic != "ch/"+tt.want+"/motion" || got[0].payload != "ON" {
					t.Errorf("got %v, want motion of %s", got, tt.want)
				}
			})
		})
	}
}

func TestEventsOfTypesThatNobodyAnnouncedGetTheirSensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		r.Alert(nvrtest.Alert{Type: "fooBarDetection", Channel: 1})
		r.Alert(nvrtest.Alert{Type: "IO", Port: 3})
		r.Alert(nvrtest.Alert{Type: "fanfailure"})
		time.Sleep(time.Second)
		w.expect("at once", map[string]string{
			"hikbridge/garage/ch/1/foo_bar_detection": "ON", "hikbridge/garage/input_3": "ON", "hikbridge/garage/fan": "ON",
		})
		w.checkTable()
		time.Sleep(6 * time.Second)
		w.expect("afterwards", map[string]string{
			"hikbridge/garage/ch/1/foo_bar_detection": "OFF", "hikbridge/garage/input_3": "OFF", "hikbridge/garage/fan": "OFF",
		})
		w.stop()
		w.start()
		time.Sleep(time.Minute)
		w.expect("after a restart", map[string]string{"hikbridge/garage/ch/1/foo_bar_detection": "OFF"})
		w.checkTable()
	})
}

func TestEventsThatDoNotArriveAreCountedWithTheBoxToTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 2}})
		r := w.recorders["garage"]
		r.SetLinkage(nvrtest.IP(1), "VMD", "record")
		r.SetLinkage(nvrtest.IP(2), "linedetection", "email")
		r.SetLinkage(nvrtest.IP(2), "fielddetection")
		r.SetLinkage(nvrtest.Channel{}, "diskerror", "beep")
		w.start()
		time.Sleep(time.Minute)
		w.expect("with boxes not ticked", map[string]string{"hikbridge/garage/events_not_arriving": "3"})
		var a struct {
			Missing, Unused []struct{ Camera, Event string }
			Advice          string
		}
		if err := json.Unmarshal([]byte(w.value("hikbridge/garage/events_not_arriving/attributes")), &a); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(a.Missing, a.Unused)
		for _, text := range []string{"{garden (1) Motion}", "{home (2) Line crossing}", "{ Disk error}"} {
			if !strings.Contains(fmt.Sprint(a.Missing), text) {
				t.Errorf("%s is missing in %s", text, got)
			}
		}
		if !strings.Contains(fmt.Sprint(a.Unused), "{home (2) Intrusion}") || !strings.Contains(a.Advice, "Notify Surveillance Center") {
			t.Errorf("attributes: %s, %s", got, a.Advice)
		}
		if w.value("hikbridge/garage/ch/1/motion") != "" {
			t.Error("motion of camera 1 is announced, though it never comes")
		}
		w.checkTable()
		r.SetLinkage(nvrtest.IP(1), "VMD", "record", "center")
		time.Sleep(time.Hour)
		w.expect("after the box was ticked", map[string]string{"hikbridge/garage/events_not_arriving": "2", "hikbridge/garage/ch/1/motion": "OFF"})
		w.checkTable()
	})
}

func TestAnAlarmLetsTheBridgeLookAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		r.SetDiskStatus(1, "error")
		r.Alert(nvrtest.Alert{Type: "diskerror"})
		time.Sleep(100 * time.Millisecond)
		w.expect("at once", map[string]string{"hikbridge/garage/disk_1": "error", "hikbridge/garage/disk_error": "ON", "hikbridge/garage/needs_attention": "ON"})
		time.Sleep(time.Minute)
		w.expect("when the alarm is over and the disk still bad", map[string]string{"hikbridge/garage/disk_error": "ON"})
		r.SetCamera(nvrtest.IP(2), false, "netUnreachable")
		r.Alert(nvrtest.Alert{Type: "videoloss", Channel: 2})
		time.Sleep(100 * time.Millisecond)
		w.expect("at once", map[string]string{"hikbridge/garage/ch/2/video_loss": "ON", "hikbridge/garage/ch/2/connection": "OFF", "hikbridge/garage/ch/2/offline_reason": "unreachable"})
		r.ResetCounters()
		for range 60 { // an alarm that doesn't end
			r.Alert(nvrtest.Alert{Type: "diskerror"})
			r.Alert(nvrtest.Alert{Type: "recordingfailure"})
			r.Alert(nvrtest.Alert{Type: "videoloss", Channel: 2})
			time.Sleep(time.Second)
		}
		if n := r.MaxRequestsIn(time.Minute); n > 6 {
			t.Errorf("%d requests in a minute of alarms", n)
		}
	})
}

func TestRecordingIsToldAndItsFailureToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{Channels: 3})
		w.expect("at the start", map[string]string{"hikbridge/garage/channels_recording": "3", "hikbridge/garage/ch/2/recording": "ON", "hikbridge/garage/recording_failure": "OFF"})
		r.SetRecording(nvrtest.IP(2), false)
		r.Alert(nvrtest.Alert{Type: "recordingfailure"})
		time.Sleep(100 * time.Millisecond)
		w.expect("at the alarm", map[string]string{"hikbridge/garage/channels_recording": "2", "hikbridge/garage/ch/2/recording": "OFF", "hikbridge/garage/recording_failure": "ON"})
		time.Sleep(5 * time.Minute)
		w.expect("while it lasts", map[string]string{"hikbridge/garage/recording_failure": "ON", "hikbridge/garage/needs_attention": "ON",
			"hikbridge/garage/status": "Running, 3 of 3 cameras online, not recording: home (2)"})
		r.SetRecording(nvrtest.IP(2), true)
		time.Sleep(5 * time.Minute)
		w.expect("afterwards", map[string]string{"hikbridge/garage/recording_failure": "OFF", "hikbridge/garage/needs_attention": "OFF", "hikbridge/garage/channels_recording": "3"})

		r.SetSchedule(nvrtest.IP(3), "MOTION", true)
		time.Sleep(90 * time.Minute)
		r.SetRecording(nvrtest.IP(3), false)
		time.Sleep(10 * time.Minute)
		w.expect("when a camera that records on motion rests", map[string]string{"hikbridge/garage/recording_failure": "OFF", "hikbridge/garage/ch/3/recording": "OFF"})
		w.checkTable()
	})
}

func TestTheOldestRecordingIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 4}})
		since := time.Now().AddDate(0, 0, -47).Truncate(time.Hour)
		w.recorders["garage"].SetRecordedSince(since)
		w.start()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		got, err := time.Parse(time.RFC3339, w.value("hikbridge/garage/oldest_recording"))
		if err != nil || got.Sub(since).Abs() > time.Hour {
			t.Errorf("oldest recording is %v (%v), want %v", got, err, since)
		}
		if n := w.recorders["garage"].MaxRequestsIn(time.Minute); n > 40 { // the start
			t.Errorf("%d requests in a minute", n)
		}
		w.checkTable()
	})
}

func TestDiskHealthIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		w.expect("at the start", map[string]string{"hikbridge/garage/disk_1_temperature": "38", "hikbridge/garage/disk_1_self_test": "ok"})
		r.SetSMART(1, nvrtest.SMART{Temperature: 61, Self: "ok", All: "fault"})
		time.Sleep(20 * time.Minute)
		w.expect("when the disk fails its check", map[string]string{"hikbridge/garage/disk_1_temperature": "61", "hikbridge/garage/disk_1_self_test": "failed",
			"hikbridge/garage/disk_error": "ON", "hikbridge/garage/needs_attention": "ON"})
	})
}

func TestNewerFirmwareIsShownAndNotInstalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.recorders["garage"].SetNewest("V4.62.300 build 260101", "Fixes")
		w.start()
		time.Sleep(10 * time.Minute)
		w.expect("with newer firmware", map[string]string{"hikbridge/garage/firmware": `{"installed_version":"V4.62.210 build 230619","latest_version":"V4.62.300 build 260101","release_summary":"Fixes"}`})
		w.checkTable()
	})
}
