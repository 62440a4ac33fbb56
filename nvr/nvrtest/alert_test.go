package nvrtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

// bodies gives the documents of a stream.
func bodies(text string) []string {
	var all []string
	for _, part := range strings.Split(text, "--boundary\r\n")[1:] {
		_, body, _ := strings.Cut(part, "\r\n\r\n")
		all = append(all, body)
	}
	return all
}

// one sends an alert and gives its document, with LF at the ends of lines.
func one(t *testing.T, r *nvrtest.Recorder, l *listener, a nvrtest.Alert) string {
	t.Helper()
	r.Alert(a)
	all := bodies(l.take())
	if len(all) == 0 {
		t.Fatalf("%+v: nothing came", a)
	}
	d := xml.NewDecoder(strings.NewReader(all[0]))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%+v: %v in\n%s", a, err, all[0])
		}
	}
	return strings.ReplaceAll(all[0], "\r\n", "\n")
}

// The documents of each model, whole.
func TestAlertDocuments(t *testing.T) {
	const (
		declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
		isapi       = `<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">` + "\n"
		hikvision1  = `<EventNotificationAlert version="1.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">` + "\n"
		hikvision2  = `<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">` + "\n"
		address     = "<ipAddress>192.0.2.64</ipAddress>\n<portNo>80</portNo>\n"
		mac         = "<macAddress>02:00:00:00:00:07</macAddress>\n"
		end         = "</EventNotificationAlert>\n"
		noRect      = "<TargetRect>\n<X>0.000000</X>\n<Y>0.000000</Y>\n<width>0.000000</width>\n<height>0.000000</height>\n</TargetRect>\n"
	)
	extensions := func(kind string, at string) string {
		return `<Extensions version="1.0" xmlns="urn:psialliance-org">` + "\n" +
			`<serialNumber xmlns="urn:selfextension:psiaext-ver10-xsd">SERIAL1</serialNumber>` + "\n" +
			`<eventPush xmlns="urn:selfextension:psiaext-ver10-xsd">` + kind + "&amp;&amp;SERIAL1," + at + ",1.0</eventPush>\n</Extensions>\n"
	}
	for _, tt := range []struct {
		name  string
		model nvrtest.Model
		alert nvrtest.Alert
		want  string
	}{
		{"a new NVR has both forms of the channel", nvrtest.NVR, nvrtest.Alert{Type: "fielddetection", Channel: 2, Target: "human"},
			isapi + address + "<protocolType>HTTP</protocolType>\n" + mac +
				"<dynChannelID>2</dynChannelID>\n<channelID>2</channelID>\n<dateTime>2000-01-01T01:00:00+01:00</dateTime>\n" +
				"<activePostCount>1</activePostCount>\n<eventType>fielddetection</eventType>\n<eventState>active</eventState>\n" +
				"<eventDescription>fielddetection alarm</eventDescription>\n<DetectionRegionList>\n<DetectionRegionEntry>\n<regionID/>\n" +
				"<sensitivityLevel>0</sensitivityLevel>\n<detectionTarget>human</detectionTarget>\n" + noRect +
				"</DetectionRegionEntry>\n</DetectionRegionList>\n<channelName>home</channelName>\n" + end},
		{"an old one the dynamic one, and no region", nvrtest.OldNVR, nvrtest.Alert{Type: "fielddetection", Channel: 2, Region: "1", Target: "human"},
			hikvision1 + address + "<protocolType>HTTP</protocolType>\n" + mac +
				"<dynChannelID>2</dynChannelID>\n<dateTime>2000-01-01T01:00:00+01:00</dateTime>\n" +
				"<activePostCount>1</activePostCount>\n<eventType>fielddetection</eventType>\n<eventState>active</eventState>\n" +
				"<eventDescription>fielddetection alarm</eventDescription>\n" + end},
		{"a DVR leaves out the zone", nvrtest.DVR, nvrtest.Alert{Type: "VMD", Channel: 34},
			hikvision1 + address + "<protocolType>HTTP</protocolType>\n" + mac +
				"<dynChannelID>34</dynChannelID>\n<dateTime>2000-01-01T01:00:00</dateTime>\n" +
				"<activePostCount>1</activePostCount>\n<eventType>VMD</eventType>\n<eventState>active</eventState>\n" +
				"<eventDescription>Motion alarm</eventDescription>\n" + end},
		{"a camera has the static one, and regions", nvrtest.Camera, nvrtest.Alert{Type: "linedetection", Channel: 1},
			hikvision2 + address + "<protocol>HTTP</protocol>\n" + mac +
				"<channelID>1</channelID>\n<dateTime>2000-01-01T01:00:00+01:00</dateTime>\n" +
				"<activePostCount>1</activePostCount>\n<eventType>linedetection</eventType>\n<eventState>active</eventState>\n" +
				"<eventDescription>linedetection alarm</eventDescription>\n<DetectionRegionList>\n<DetectionRegionEntry>\n<regionID>1</regionID>\n" +
				"<sensitivityLevel>50</sensitivityLevel>\n<RegionCoordinatesList>\n" +
				"<RegionCoordinates>\n<positionX>424</positionX>\n<positionY>642</positionY>\n</RegionCoordinates>\n" +
				"<RegionCoordinates>\n<positionX>161</positionX>\n<positionY>610</positionY>\n</RegionCoordinates>\n" +
				"</RegionCoordinatesList>\n</DetectionRegionEntry>\n</DetectionRegionList>\n<channelName>yard</channelName>\n" +
				extensions("linedetection", "2000-01-01T01:00:00+01:00") + end},
		{"an old camera doesn't pad the zone", nvrtest.OldCamera, nvrtest.Alert{Type: "VMD", Channel: 1},
			hikvision2 + address + "<protocol>HTTP</protocol>\n" + mac +
				"<channelID>1</channelID>\n<dateTime>2000-01-01T01:00:00+1:00</dateTime>\n" +
				"<activePostCount>1</activePostCount>\n<eventType>VMD</eventType>\n<eventState>active</eventState>\n" +
				"<eventDescription>Motion alarm</eventDescription>\n<channelName>SCD14 #TUIN</channelName>\n" +
				extensions("VMD", "2000-01-01T01:00:00+1:00") + end},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Model: tt.model, MAC: "02:00:00:00:00:07", Serial: "SERIAL1"})
				if got := one(t, r, c.listen(t, alerts), tt.alert); got != declaration+tt.want {
					t.Errorf("got\n%s\nwant\n%s", got, declaration+tt.want)
				}
			})
		})
	}
}

// What an Alert can say, on a camera.
func TestWhatAlertsSay(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alert nvrtest.Alert
		says  []string
		lacks []string
	}{
		{"an end has no region", nvrtest.Alert{Type: "linedetection", Channel: 1, Inactive: true},
			[]string{"<eventState>inactive<"}, []string{"Region"}},
		{"region and target", nvrtest.Alert{Type: "regionEntrance", Channel: 1, Region: "3", Target: "vehicle"},
			[]string{"<regionID>3<", "<detectionTarget>vehicle<", "<X>0.6<"}, nil},
		{"motion with a target", nvrtest.Alert{Type: "VMD", Channel: 1, Target: "human"}, []string{"<detectionTarget>human<"}, nil},
		{"no channel", nvrtest.Alert{Type: "diskerror"},
			[]string{"<eventDescription>diskerror alarm<", "<channelName/>"}, []string{"hannelID"}},
		{"an input", nvrtest.Alert{Type: "IO", Channel: 1, Port: 2}, []string{"<channelID>1<", "<inputIOPortID>2<"}, nil},
		{"a duration", nvrtest.Alert{Type: "duration", Relation: "fielddetection", Channel: 1},
			[]string{"<eventType>duration<", "<DurationList>\n<Duration>\n<relationEvent>fielddetection<"}, []string{"Region"}},
		{"a picture", nvrtest.Alert{Type: "VMD", Channel: 1, Picture: []byte("x")},
			[]string{"<detectionPictureTransType>binary<", "<detectionPicturesNumber>1<", "<isDataRetransmission>false<"}, nil},
		{"sent again", nvrtest.Alert{Type: "VMD", Channel: 1, Retransmission: true, Time: "2009-11-14T15:27Z", Description: "old & odd"},
			[]string{"<isDataRetransmission>true<", "<dateTime>2009-11-14T15:27Z<", "<eventDescription>old &amp; odd<"}, []string{"Picture"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Model: nvrtest.Camera})
				reply{body: one(t, r, c.listen(t, alerts), tt.alert)}.says(t, tt.says...).lacks(t, tt.lacks...)
			})
		})
	}
}

// The counter is that of the connection: one of each type over all channels on
// recorders, one of all types on cameras.
func TestActivePostCount(t *testing.T) {
	for _, tt := range []struct {
		model nvrtest.Model
		want  []string
	}{
		{nvrtest.NVR, []string{"1", "2", "1", "3"}},
		{nvrtest.Camera, []string{"1", "2", "3", "4"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, c := newRecorder(t, nvrtest.Config{Model: tt.model})
			for range 2 {
				l := c.listen(t, alerts)
				var got []string
				for _, a := range []nvrtest.Alert{{Type: "VMD", Channel: 1}, {Type: "VMD", Channel: 2}, {Type: "linedetection", Channel: 1}, {Type: "VMD", Channel: 1}} {
					got = append(got, within(one(t, r, l, a), "<activePostCount"))
				}
				same(t, tt.model.String(), got, tt.want)
			}
		})
	}
}

func TestHeartbeatForms(t *testing.T) {
	for _, tt := range []struct {
		name    string
		config  nvrtest.Config
		channel string
	}{
		{"an NVR", nvrtest.Config{}, "<channelID>0</channelID>\n<dateTime>"},
		{"an NVR without a channel", nvrtest.Config{HeartbeatWithoutChannel: true}, "<dynChannelID/>\n<channelID/>\n<dateTime>"},
		{"an old NVR", nvrtest.Config{Model: nvrtest.OldNVR}, "<channelID>0</channelID>\n<dateTime>"},
		{"a camera", nvrtest.Config{Model: nvrtest.Camera}, "<channelID>1</channelID>\r\n<dateTime>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c := newRecorder(t, tt.config)
				l := c.listen(t, alerts)
				time.Sleep(10 * time.Second)
				reply{body: l.take()}.says(t, tt.channel, "<activePostCount>0<", "<eventType>videoloss<", "<eventState>inactive<")
			})
		})
	}
}

// When heartbeats come: seconds since the stream was opened, in virtual time.
func TestHeartbeatTimes(t *testing.T) {
	type post struct {
		at    int
		alert nvrtest.Alert
	}
	off := nvrtest.Alert{Type: "VMD", Channel: 3, Inactive: true}
	for _, tt := range []struct {
		name  string
		every time.Duration
		posts []post
		until int
		want  []int
	}{
		{"nothing happens", 0, nil, 45, []int{10, 20, 30, 40}},
		{"another pause", 4 * time.Second, nil, 13, []int{4, 8, 12}},
		{"none", -1, nil, 3600, nil},
		{"an alert that never ends", 0, []post{{3, motion}, {4, motion}}, 30, []int{16, 26}},
		{"an alert with an end", 0, []post{{3, motion}, {4, off}}, 30, []int{14, 24}},
		{"an end of something else", 0, []post{{3, motion}, {4, nvrtest.Alert{Type: "VMD", Channel: 4, Inactive: true}}}, 30, []int{15, 25}},
		{"two alerts, one of which ends", 0, []post{{3, motion}, {4, nvrtest.Alert{Type: "linedetection", Channel: 3}}, {5, off}}, 30, []int{16, 26}},
		{"a duration is its real event", 0, []post{{3, nvrtest.Alert{Type: "duration", Relation: "vmd", Channel: 3}}, {4, off}}, 30, []int{14, 24}},
		{"an alert that goes on and on", 500 * time.Millisecond, []post{{0, motion}, {1, motion}, {2, motion}, {3, motion}}, 6, []int{6}},
		{"an alert after heartbeats", 0, []post{{25, off}}, 40, []int{10, 20, 35}},
		{"a whole document isn't looked into", 0, []post{{5, nvrtest.Alert{Document: []byte("x")}}}, 20, []int{15}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Heartbeat: tt.every})
				l := c.listen(t, alerts)
				begin := time.Now()
				var got []int
				for second := 0; second <= tt.until; second++ {
					time.Sleep(time.Until(begin.Add(time.Duration(second) * time.Second)))
					for _, p := range tt.posts {
						if p.at == second {
							r.Alert(p.alert)
						}
					}
					if text := l.take(); strings.Contains(text, "<activePostCount>0<") {
						got = append(got, second)
					}
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("heartbeats at %v, want %v", got, tt.want)
				}
			})
		})
	}
}

const recordedStream = `{"content":"<a><dateTime>2021-07-02T14:25:36+08:00</dateTime></a>\r\n"}
{"content":"<b><dateTime>2021-07-02T14:25:36+08:00</dateTime></b>"}
{"content":"<c><dateTime> 2021-07-02T14:25:46</dateTime></c>","other":1}

{"content":"<d/>"}
{"content":"<e><dateTime>2021-07-02T14:25:40+08:00</dateTime></e>"}
{"content":"<f><dateTime>2021-07-02T14:25:42+8:00</dateTime></f>"}
`

func TestReadStream(t *testing.T) {
	got, err := nvrtest.ReadStream(strings.NewReader(recordedStream))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Duration{0, 0, 10 * time.Second, 10 * time.Second, 10 * time.Second, 12 * time.Second} {
		if got[i].After != want {
			t.Errorf("alert %d after %v, want %v", i, got[i].After, want)
		}
	}
	if string(got[0].Body) != "<a><dateTime>2021-07-02T14:25:36+08:00</dateTime></a>\r\n" || len(got) != 6 {
		t.Errorf("%d alerts, the first %q", len(got), got[0].Body)
	}
	for _, bad := range []string{"x", `{"content":"a"}` + "\n{", `{"content":1}`, `{"else":"a"}`} {
		if _, err := nvrtest.ReadStream(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
	if all, err := nvrtest.ReadStream(strings.NewReader("")); len(all) != 0 || err != nil {
		t.Errorf("of nothing: %d, %v", len(all), err)
	}
}

func TestPlay(t *testing.T) {
	recording, err := nvrtest.ReadStream(strings.NewReader(recordedStream))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		speed float64
		took  time.Duration
	}{{"true pace", 1, 12 * time.Second}, {"four times as fast", 4, 3 * time.Second}, {"slowly", 0.1, 2 * time.Minute}, {"at once", 0, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{})
				a, b := c.listen(t, alerts), c.listen(t, alerts)
				begin := time.Now()
				if err := r.Play(t.Context(), recording, tt.speed); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); took != tt.took {
					t.Errorf("it took %v", took)
				}
				got := a.take()
				if n := strings.Count(got, "--boundary\r\n"); n != 6 || strings.Contains(got, "videoloss") || b.take() != got {
					t.Errorf("%d parts in %s", n, got)
				}
				time.Sleep(10 * time.Second)
				same(t, "then", kinds(a.take()), []string{"videoloss inactive 0"})
			})
		})
	}
}

func TestPlayEnds(t *testing.T) {
	recording := []nvrtest.Recorded{{Body: []byte("<a/>\n")}, {After: time.Hour, Body: []byte("<b/>\n")}}
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		l := c.listen(t, alerts)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.Play(ctx, recording, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		time.AfterFunc(time.Minute, func() { r.Close() })
		if err := r.Play(t.Context(), recording, 1); err == nil {
			t.Error("no error on a closed recorder")
		}
		if n := strings.Count(l.take(), "<a/>"); n != 2 {
			t.Errorf("%d of the first alert", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		c.open(t, alerts) // nobody reads it
		full := slices.Repeat([]nvrtest.Recorded{{Body: bytes.Repeat([]byte("x"), 100)}}, 6000)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.Play(ctx, full, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("to a full queue: %v", err)
		}
	})
}

// A camera's hour as it was recorded, byte by byte, in virtual time.
func TestPlayARecording(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/recordings/streams/*.jsonl")
	if len(files) == 0 {
		t.Skip("no recordings here")
	}
	for _, file := range files {
		synctest.Test(t, func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			recording, err := nvrtest.ReadStream(f)
			if err != nil {
				t.Fatal(err)
			}
			r, c := newRecorder(t, nvrtest.Config{Model: nvrtest.Camera, Stream: nvrtest.StreamShape{Bare: true}})
			l := c.listen(t, alerts)
			begin := time.Now()
			if err := r.Play(t.Context(), recording, 1); err != nil {
				t.Fatal(err)
			}
			if took, want := time.Since(begin), recording[len(recording)-1].After; took != want || want < 10*time.Minute {
				t.Errorf("%s took %v, want %v", file, took, want)
			}
			var want strings.Builder
			for _, a := range recording {
				want.Write(a.Body)
			}
			if l.take() != want.String() {
				t.Errorf("%s: other bytes came", file)
			}
		})
	}
}

// Alerts can hold any text; what a person reads of them is escaped.
func TestAlertTextsAreEscaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.RenameCamera(nvrtest.IP(3), `a<b>&"c"`)
		var alert struct {
			Name string `xml:"channelName"`
		}
		if err := xml.Unmarshal([]byte(one(t, r, c.listen(t, alerts), motion)), &alert); err != nil || alert.Name != `a<b>&"c"` {
			t.Errorf("%q, %v", alert.Name, err)
		}
		raw, c2 := newRecorder(t, nvrtest.Config{RawAmpersand: true})
		raw.RenameCamera(nvrtest.IP(3), "a & b")
		l := c2.listen(t, alerts)
		raw.Alert(motion)
		reply{body: l.take()}.says(t, "<channelName>a & b<")
	})
	if _, err := json.Marshal(motion); err != nil {
		t.Error(err)
	}
}
