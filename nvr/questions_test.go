package nvr_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

// asking opens a client of a simulated recorder.
func asking(t *testing.T, config nvrtest.Config, test func(*testing.T, *nvrtest.Recorder, *nvr.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, config)
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		test(t, r, c)
	})
}

// paths lists what a recorder was asked, challenges left out.
func paths(r *nvrtest.Recorder) []string {
	var all []string
	for _, q := range r.Requests() {
		if q.Credentials {
			all = append(all, strings.TrimPrefix(q.Path, "/ISAPI/"))
		}
	}
	return all
}

func TestTriggersOfEachModel(t *testing.T) {
	kinds := func(channels int, kinds ...nvr.EventType) map[nvr.EventType]int {
		all := map[nvr.EventType]int{}
		for _, k := range kinds {
			all[k] += channels
		}
		return all
	}
	own := kinds(1, nvr.DiskFull, nvr.DiskError, nvr.NetworkBroken, nvr.IPConflict, nvr.IllegalAccess)
	join := func(maps ...map[nvr.EventType]int) map[nvr.EventType]int {
		all := map[nvr.EventType]int{}
		for _, m := range maps {
			for k, n := range m {
				all[k] += n
			}
		}
		return all
	}
	tests := []struct {
		config nvrtest.Config
		want   map[nvr.EventType]int
	}{
		{nvrtest.Config{Model: nvrtest.NVR, Channels: 5}, join(own, kinds(1, nvr.RecordingFailure), kinds(4, nvr.AlarmInput), kinds(8, nvr.VirtualInput, nvr.VideoLoss),
			kinds(5, nvr.Motion, nvr.Tamper, nvr.Intrusion, nvr.LineCrossing, nvr.Face, nvr.RegionEntrance, nvr.RegionExit, nvr.ObjectsThrown))},
		{nvrtest.Config{Model: nvrtest.OldNVR, Channels: 3}, join(own, kinds(1, nvr.RecordingFailure), kinds(4, nvr.AlarmInput),
			kinds(3, nvr.Motion, nvr.Tamper, nvr.VideoLoss, nvr.Intrusion, nvr.LineCrossing, nvr.Face))},
		{nvrtest.Config{Model: nvrtest.DVR, Channels: 4, IPChannels: 2}, join(own, kinds(1, nvr.RecordingFailure, nvr.BadVideo),
			kinds(6, nvr.Motion, nvr.Tamper, nvr.VideoLoss, nvr.Intrusion, nvr.LineCrossing, nvr.Face))},
		{nvrtest.Config{Model: nvrtest.Camera}, join(own, kinds(1, nvr.BadVideo, nvr.Motion, nvr.Tamper, nvr.Intrusion, nvr.LineCrossing, nvr.RegionEntrance, nvr.RegionExit))},
		{nvrtest.Config{Model: nvrtest.DualCamera}, join(own, kinds(1, nvr.BadVideo), kinds(2, nvr.Motion, nvr.Tamper, nvr.Intrusion, nvr.LineCrossing, nvr.RegionEntrance, nvr.RegionExit))},
		{nvrtest.Config{Model: nvrtest.OldCamera}, join(own, kinds(1, nvr.BadVideo, nvr.AlarmInput, nvr.Motion, nvr.Tamper, nvr.VideoLoss, nvr.Intrusion, nvr.LineCrossing, nvr.Face))},
	}
	for _, tt := range tests {
		t.Run(tt.config.Model.String(), func(t *testing.T) {
			asking(t, tt.config, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				all, err := c.Triggers(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got, ports := map[nvr.EventType]int{}, map[string]bool{}
				for _, one := range all {
					got[one.Type]++
					if input := one.Type == nvr.AlarmInput || one.Type == nvr.VirtualInput; input != (one.Port != "") || one.Device != (one.Channel == "") && one.Type != nvr.BadVideo {
						t.Errorf("%+v", one)
					}
					ports[string(one.Type)+one.Port] = true
					if one.Type == nvr.Motion && (!one.Notifies || !one.Linked) || one.Type == nvr.AlarmInput && one.Linked {
						t.Errorf("%+v", one)
					}
				}
				if !maps.Equal(got, tt.want) {
					t.Errorf("got  %v\nwant %v", got, tt.want)
				}
			})
		})
	}
}

func TestLinkagesAreTold(t *testing.T) {
	asking(t, nvrtest.Config{Channels: 2}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.SetLinkage(nvrtest.IP(1), "VMD", "record", "beep")
		r.SetLinkage(nvrtest.IP(2), "VMD")
		r.SetLinkage(nvrtest.IP(1), "linedetection", "CENTER")
		all, err := c.Triggers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		for _, one := range all {
			told[one.Word+one.Channel] = fmt.Sprint(one.Linked, one.Notifies)
		}
		if told["VMD1"] != "true false" || told["VMD2"] != "false false" || told["linedetection1"] != "true true" {
			t.Errorf("%v", told)
		}
	})
}

// recordedTriggers counts in the JSON itself: by word, and those with "center".
func recordedTriggers(t *testing.T, file string) (words, centers map[string]int) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var w struct {
		Data struct {
			ISAPI map[string]struct{ Response any }
		}
	}
	if err := json.Unmarshal(content, &w); err != nil {
		t.Fatal(err)
	}
	words, centers = map[string]int{}, map[string]int{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, m := range v {
				walk(m)
			}
		case map[string]any:
			if word, ok := v["eventType"].(string); ok {
				words[word]++
				raw, _ := json.Marshal(v)
				if bytes.Contains(raw, []byte(`"notificationMethod":"center"`)) {
					centers[word]++
				}
				return
			}
			for _, m := range v {
				walk(m)
			}
		}
	}
	walk(w.Data.ISAPI["Event/triggers"].Response)
	return words, centers
}

func TestTriggersOfRecordedDevices(t *testing.T) {
	for _, file := range recorded(t, "devices/*.json") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			words, centers := recordedTriggers(t, file)
			synctest.Test(t, func(t *testing.T) {
				r, err := nvrtest.Replay(f, nvrtest.Config{Username: "owner", Password: password})
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				c := open(t, r, t.TempDir(), password)
				defer c.Close()
				all, err := c.Triggers(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got, gotCenters := map[string]int{}, map[string]int{}
				for _, one := range all {
					got[one.Word]++
					if one.Notifies {
						gotCenters[one.Word]++
					}
					if strings.Contains(string(one.Type), "detection") {
						t.Errorf("%s isn't known", one.Word)
					}
				}
				if len(words) == 0 || !maps.Equal(got, words) || !maps.Equal(gotCenters, centers) {
					t.Errorf("got %v, %v with center\nwant %v, %v", got, gotCenters, words, centers)
				}
			})
		})
	}
}

func TestWorkingInAllShapes(t *testing.T) {
	for _, shape := range []nvrtest.WorkingShape{nvrtest.WorkingWrapped, nvrtest.WorkingBare, nvrtest.WorkingNamed, nvrtest.WorkingLone} {
		for channels := 1; channels <= 3; channels++ {
			t.Run(fmt.Sprintf("%v, %d channels", shape, channels), func(t *testing.T) {
				asking(t, nvrtest.Config{Channels: channels, WorkingStatus: shape}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
					r.SetRecording(nvrtest.IP(1), false)
					if channels > 1 {
						r.SetCamera(nvrtest.IP(2), false, "netUnreachable")
					}
					got, err := c.Working(t.Context())
					var say []string
					for _, w := range got {
						say = append(say, fmt.Sprint(w.Number, w.Recording.Known && w.Recording.Value, w.Online.Known && w.Online.Value))
					}
					if want := []string{"1 false true", "2 false false", "3 true true"}[:channels]; err != nil || !slices.Equal(say, want) {
						t.Fatalf("%q, %v", say, err)
					}
				})
			})
		}
	}
	asking(t, nvrtest.Config{Model: nvrtest.DVR, Channels: 2, IPChannels: 2, WorkingStatus: nvrtest.WorkingWrapped}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		got, err := c.Working(t.Context())
		if err != nil || len(got) != 4 || got[2].Number != 33 {
			t.Fatalf("%+v, %v", got, err)
		}
	})
	asking(t, nvrtest.Config{WorkingStatus: nvrtest.WorkingNone}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		for range 3 {
			if _, err := c.Working(t.Context()); !errors.Is(err, nvr.ErrUnsupported) {
				t.Fatal(err)
			}
		}
		if got := paths(r); len(got) != 1 {
			t.Errorf("asked %q", got)
		}
	})
}

func TestWorkingReadsOddDocuments(t *testing.T) {
	yes, no, unknown := nvr.Maybe[bool]{Value: true, Known: true}, nvr.Maybe[bool]{Known: true}, nvr.Maybe[bool]{}
	for document, want := range map[string][]nvr.Working{
		`{}`: nil, `[]`: nil, `{"ChanStatus":[]}`: nil, `{"ChanStatus":null}`: nil, `{"ChanStatus":[1,null,"a",{"online":1}]}`: nil,
		`{"ChanStatus":[{"chanNo":"3","online":"1","record":true}]}`:             {{Number: 3, Recording: yes, Online: yes}},
		`{"workingstatus":{"chanstatus":{"channo":1,"ONLINE":0,"record":2}}}`:    {{Number: 1, Recording: unknown, Online: no}},
		`{"ChanStatusList":[{"ChanStatus":{"chanNo":1}}]}`:                       nil,
		`{"ChanStatus":{"ChanStatus":[{"chanNo":1},{"chanNo":-1}]}}`:             {{Number: 1}},
		`{"HDStatus":[{"hdNo":1}],"ChanStatus":[{"chanNo":2,"recordStatus":0}]}`: {{Number: 2}},
	} {
		if got, err := nvr.ParseWorking([]byte(document)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", document, got, err)
		}
	}
}

// DS-7732NI-I4(B) and others tell refusals in JSON or XML.
func TestWorkingIsRefusedInXMLOrJSON(t *testing.T) {
	for name, body := range map[string]string{
		"JSON": `{"statusCode":4,"subStatusCode":"notSupport"}`, "JSON in an object": `{"ResponseStatus":{"statusCode":4,"subStatusCode":"notSupport"}}`,
		"XML": `<ResponseStatus><statusCode>4</statusCode><subStatusCode>notSupport</subStatusCode></ResponseStatus>`,
	} {
		for _, status := range []int{200, 403} {
			asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				r.Fail(nvrtest.Fault{Path: "System/workingstatus", Status: status, Body: []byte(body), Answers: nvrtest.Granted})
				if _, err := c.Working(t.Context()); !errors.Is(err, nvr.ErrUnsupported) {
					t.Errorf("%s under %d: %v", name, status, err)
				}
			})
		}
	}
}

func TestTracks(t *testing.T) {
	asking(t, nvrtest.Config{Channels: 5}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.SetSchedule(nvrtest.IP(2), "MOTION", true)
		r.SetSchedule(nvrtest.IP(3), "CMR", false)
		r.SetSchedule(nvrtest.IP(4), "", true)
		got, err := c.Tracks(t.Context())
		if err != nil || len(got) != 5 {
			t.Fatalf("%+v, %v", got, err)
		}
		for i, want := range []string{"1 true true", "2 true false", "3 false true", "4 true false", "5 true true"} {
			one := got[i]
			if say := fmt.Sprint(one.Channel, one.Scheduled.Known && one.Scheduled.Value, one.Continuous); strings.ReplaceAll(want, " ", "") != strings.ReplaceAll(say, " ", "") {
				t.Errorf("got %q, want %q", say, want)
			}
		}
	})
}

func TestTracksThatDoNotCoverTheWeekAreNotContinuous(t *testing.T) {
	action := func(from, fromTime, to, toTime, mode string) string {
		return "<ScheduleAction><ScheduleActionStartTime><DayOfWeek>" + from + "</DayOfWeek><TimeOfDay>" + fromTime + "</TimeOfDay></ScheduleActionStartTime><ScheduleActionEndTime><DayOfWeek>" +
			to + "</DayOfWeek><TimeOfDay>" + toTime + "</TimeOfDay></ScheduleActionEndTime><Actions><ActionRecordingMode>" + mode + "</ActionRecordingMode></Actions></ScheduleAction>"
	}
	days := []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	week := func(change func(day int) string) string {
		all := ""
		for d := range days {
			s := ""
			if change != nil {
				s = change(d)
			}
			if s == "" {
				s = action(days[d], "00:00:00", days[(d+1)%7], "00:00:00", "CMR")
			}
			all += strings.TrimPrefix(s, "-")
		}
		return all
	}
	only := func(day int, s string) func(int) string {
		return func(d int) string { return map[bool]string{true: s}[d == day] }
	}
	for name, tt := range map[string]struct {
		actions string
		want    bool
	}{
		"a week":               {week(nil), true},
		"a day is missing":     {week(only(3, "-")), false},
		"a day is by motion":   {week(only(3, action("Thursday", "00:00:00", "Friday", "00:00:00", "MOTION"))), false},
		"a day is half":        {week(only(3, action("Thursday", "00:00:00", "Thursday", "12:00:00", "CMR"))), false},
		"a day ends as begun":  {week(only(3, action("Thursday", "00:00:00", "Thursday", "00:00:00", "CMR"))), false},
		"nothing is scheduled": {"", false},
	} {
		asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			body := "<TrackList><Track><id>102</id></Track><Track><id>301</id><TrackSchedule><ScheduleBlockList><ScheduleBlock>" + tt.actions +
				"</ScheduleBlock></ScheduleBlockList></TrackSchedule></Track></TrackList>"
			r.Fail(nvrtest.Fault{Path: "ContentMgmt/record/tracks", Status: 200, Body: []byte(body), Answers: nvrtest.Granted})
			got, err := c.Tracks(t.Context())
			if err != nil || len(got) != 1 || got[0].Channel != "3" || got[0].Continuous != tt.want || got[0].Scheduled.Known {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		})
	}
}

func TestTheOldestRecordingIsFoundInSteps(t *testing.T) {
	for _, model := range []nvrtest.Model{nvrtest.NVR, nvrtest.OldNVR, nvrtest.DVR} {
		asking(t, nvrtest.Config{Model: model, Channels: 2}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			since := time.Now().Add(-40*24*time.Hour - 5*time.Hour).Truncate(time.Second)
			r.SetRecordedSince(since)
			wall := since.Add(time.Hour) // by the device's clock
			var first nvr.Maybe[time.Time]
			var err error
			for month := time.Date(1999, 9, 15, 0, 0, 0, 0, time.UTC); !first.Known; month = month.AddDate(0, 1, 0) {
				if first, err = c.FirstDay(t.Context(), "2", month); err != nil || month.Year() > 2000 {
					t.Fatalf("%v: %v", month, err)
				}
			}
			if want := wall.UTC().Truncate(24 * time.Hour); !first.Value.Equal(want) {
				t.Fatalf("%v: first day %v, want %v", model, first.Value, want)
			}
			start, err := c.FirstRecording(t.Context(), "2", first.Value)
			if err != nil || !start.Known || !start.Value.Equal(wall.UTC()) {
				t.Errorf("%v: %+v, %v, want %v", model, start, err, wall.UTC())
			}
			next, err := c.FirstRecording(t.Context(), "2", first.Value.AddDate(0, 0, 1))
			if err != nil || !next.Value.Equal(first.Value.AddDate(0, 0, 1)) {
				t.Errorf("%v: a file that began the evening before: %+v, %v", model, next, err)
			}
			none, err := c.FirstRecording(t.Context(), "2", first.Value.AddDate(0, 0, -1))
			if err != nil || none.Known {
				t.Errorf("%v: the day before: %+v, %v", model, none, err)
			}
			r.SetRecordedSince(time.Time{})
			if day, err := c.FirstDay(t.Context(), "2", time.Now()); err != nil || day.Known {
				t.Errorf("%v: of nothing: %+v, %v", model, day, err)
			}
			before := len(r.Requests())
			if day, err := c.FirstDay(t.Context(), "../x", time.Now()); err != nil || day.Known || len(r.Requests()) != before {
				t.Errorf("a channel that is none: %+v, %v", day, err)
			}
		})
	}
}

func TestSMART(t *testing.T) {
	tests := []struct {
		name           string
		told           nvrtest.SMART
		temperature    int // -1 for not known
		healthy, known bool
		testing        int
	}{
		{"all is well", nvrtest.SMART{Temperature: 38, PowerOnDays: 812, Self: "ok", All: "functional"}, 38, true, true, 0},
		{"one verdict is bad", nvrtest.SMART{Temperature: 38, PowerOnDays: 812, Self: "ok", All: "fault"}, 38, false, true, 0},
		{"the other one is", nvrtest.SMART{Temperature: 38, PowerOnDays: 812, Self: "Error", All: "functional"}, 38, false, true, 0},
		{"no verdict", nvrtest.SMART{Temperature: 38, PowerOnDays: 812}, 38, false, false, 0},
		{"one verdict only", nvrtest.SMART{Temperature: 38, PowerOnDays: 812, All: "functional"}, 38, true, true, 0},
		{"a word that isn't known", nvrtest.SMART{Temperature: 38, PowerOnDays: 812, Self: "mystery", All: "functional"}, 38, false, false, 0},
		{"a word that isn't known beside a bad one", nvrtest.SMART{Temperature: 38, PowerOnDays: 812, Self: "mystery", All: "error"}, 38, false, true, 0},
		{"a test runs", nvrtest.SMART{Temperature: 40, PowerOnDays: 812, Self: "ok", All: "functional", Percent: 50}, 40, true, true, 50},
		{"a temperature that makes no sense", nvrtest.SMART{Temperature: 65535, PowerOnDays: 812, Self: "ok", All: "functional"}, -1, true, true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				r.SetSMART(1, tt.told)
				s, err := c.SMART(t.Context(), "1")
				if err != nil {
					t.Fatal(err)
				}
				if s.Temperature.Known != (tt.temperature >= 0) || s.Temperature.Known && s.Temperature.Value != tt.temperature ||
					s.PowerOnDays.Value != 812 || s.Healthy.Known != tt.known || s.Healthy.Value != tt.healthy || !s.Testing.Known || s.Testing.Value != tt.testing {
					t.Errorf("%+v", s)
				}
			})
		})
	}
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		for range 3 {
			if _, err := c.SMART(t.Context(), "9"); !errors.Is(err, nvr.ErrUnsupported) {
				t.Error(err)
			}
		}
		if _, err := c.SMART(t.Context(), "1/x"); !errors.Is(err, nvr.ErrUnsupported) {
			t.Error(err)
		}
		if got := paths(r); len(got) != 1 {
			t.Errorf("asked %q", got)
		}
	})
}

func TestAddressMode(t *testing.T) {
	for dhcp, want := range map[bool]nvr.AddressMode{false: nvr.AddressFixed, true: nvr.AddressDynamic} {
		asking(t, nvrtest.Config{DHCP: dhcp}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			if got, err := c.AddressMode(t.Context()); got != want || err != nil {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	one := func(mode, address string) string {
		return "<NetworkInterface><IPAddress><addressingType>" + mode + "</addressingType><ipAddress>" + address + "</ipAddress></IPAddress></NetworkInterface>"
	}
	for body, want := range map[string]nvr.AddressMode{
		one("static", "0.0.0.0") + one("Dynamic", "192.0.2.1"): nvr.AddressDynamic, one("static", ""): nvr.AddressUnknown,
		one("apipa", "192.0.2.1"): nvr.AddressUnknown, "": nvr.AddressUnknown, one("static", "192.0.2.1") + one("dynamic", "192.0.2.2"): nvr.AddressFixed,
	} {
		asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.Fail(nvrtest.Fault{Path: "System/Network/interfaces", Status: 200, Body: []byte("<NetworkInterfaceList>" + body + "</NetworkInterfaceList>"), Answers: nvrtest.Granted})
			if got, err := c.AddressMode(t.Context()); got != want || err != nil {
				t.Errorf("%s: %v, %v", body, got, err)
			}
		})
	}
}

func TestNewestFirmware(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		if _, err := c.Newest(t.Context()); !errors.Is(err, nvr.ErrUnsupported) {
			t.Fatal(err)
		}
		asked := len(r.Requests())
		c.Newest(t.Context())
		if len(r.Requests()) != asked {
			t.Error("asked again")
		}
	})
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.SetNewest("V4.62.300", "Better & <safer>\nthan before")
		if n, err := c.Newest(t.Context()); err != nil || n.Version != "V4.62.300" || n.Changes != "Better & <safer>\nthan before" {
			t.Errorf("%+v, %v", n, err)
		}
		r.Fail(nvrtest.Fault{Path: "System/onlineUpgrade", Status: 200, Body: []byte("<a><b>1</b></a>"), Answers: nvrtest.Granted})
		if n, err := c.Newest(t.Context()); err != nil || n.Version != "" {
			t.Errorf("%+v, %v", n, err)
		}
	})
}

var errRefused = errors.New("any refusal")

func TestPicturesComeFromThePathThatWorks(t *testing.T) {
	const plain, proxied = "Streaming/channels/101/picture", "ContentMgmt/StreamingProxy/channels/101/picture"
	xml := []byte("<ResponseStatus><statusCode>6</statusCode><subStatusCode>badXmlContent</subStatusCode></ResponseStatus>")
	tests := []struct {
		name   string
		config nvrtest.Config
		kind   nvr.Kind
		harm   func(*nvrtest.Recorder)
		want   error
		asked  []string // by two calls
	}{
		{"an IP channel of a recorder", nvrtest.Config{Channels: 1}, nvr.IP, nil, nil, []string{proxied, proxied}},
		{"an input of a DVR", nvrtest.Config{Model: nvrtest.DVR, Channels: 1}, nvr.Input, nil, nil, []string{plain, plain}},
		{"a camera", nvrtest.Config{Model: nvrtest.Camera}, nvr.Input, nil, nil, []string{plain, plain}},
		{"a kind that is wrong is learned", nvrtest.Config{Channels: 1}, nvr.Input, nil, nil, []string{plain, proxied, proxied}},
		{"on an old recorder, too", nvrtest.Config{Model: nvrtest.OldNVR, Channels: 1}, nvr.Input, nil, nil, []string{plain, proxied, proxied}},
		{"XML instead of a JPEG", nvrtest.Config{Channels: 1}, nvr.IP, func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: proxied, Status: 200, Body: xml, Answers: nvrtest.Granted})
		}, errRefused, []string{proxied, plain, proxied, plain}},
		{"a web page instead of a JPEG", nvrtest.Config{Channels: 1}, nvr.IP, func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: proxied, Status: 200, Body: []byte("<html></html>"), ContentType: "text/html", Answers: nvrtest.Granted})
		}, nvr.ErrNoPicture, []string{proxied, plain, proxied, plain}},
		{"a busy recorder isn't asked twice", nvrtest.Config{Channels: 1}, nvr.IP, func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: proxied, Status: 503, SubStatus: "deviceBusy", Answers: nvrtest.Granted})
		}, nvr.ErrBusy, []string{proxied, proxied}},
		{"busy under HTTP 200", nvrtest.Config{Channels: 1}, nvr.IP, func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: proxied, Status: 200, SubStatus: "deviceBusy", Answers: nvrtest.Granted})
		}, nvr.ErrBusy, []string{proxied, proxied}},
		{"busy at the other path", nvrtest.Config{Channels: 1}, nvr.Input, func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: proxied, Status: 503, SubStatus: "deviceBusy", Answers: nvrtest.Granted})
		}, nvr.ErrBusy, []string{plain, proxied, plain, proxied}},
		{"a missing right", nvrtest.Config{Channels: 1}, nvr.IP, func(r *nvrtest.Recorder) { r.SetRights(nvrtest.Rights{Lacks: []string{"preview"}}) }, nvr.ErrForbidden, []string{proxied, proxied}},
		{"a camera that is offline", nvrtest.Config{Channels: 1}, nvr.IP, func(r *nvrtest.Recorder) { r.SetCamera(nvrtest.IP(1), false, "netUnreachable") }, nvr.ErrUnsupported, []string{proxied, plain, proxied, plain}},
		{"more than 8 MiB", nvrtest.Config{Channels: 1}, nvr.IP, func(r *nvrtest.Recorder) {
			r.SetPicture(nvrtest.IP(1), append(slices.Clone(scene), make([]byte, 9<<20)...))
		}, nvr.ErrDocument, []string{proxied, proxied}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, tt.config, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				if tt.harm != nil {
					tt.harm(r)
				}
				for range 2 {
					got, err := c.Picture(t.Context(), tt.kind, "1")
					var refused *nvr.StatusError
					switch {
					case tt.want == nil && (err != nil || !bytes.HasPrefix(got, scene[:2])), tt.want != nil && got != nil,
						tt.want == errRefused && !errors.As(err, &refused), tt.want != errRefused && !errors.Is(err, tt.want):
						t.Fatalf("%d bytes, %v", len(got), err)
					}
				}
				if got := paths(r); !slices.Equal(got, tt.asked) {
					t.Errorf("asked %q", got)
				}
				if r.Rejected() != 0 {
					t.Errorf("%d rejected", r.Rejected())
				}
			})
		})
	}
}

func TestACameraThatComesBackHasPicturesAgain(t *testing.T) {
	asking(t, nvrtest.Config{Channels: 1}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		own := shot(5)
		r.SetPicture(nvrtest.IP(1), own)
		for range 3 {
			r.SetCamera(nvrtest.IP(1), false, "netUnreachable")
			for range 3 {
				if _, err := c.Picture(t.Context(), nvr.IP, "1"); err == nil {
					t.Fatal("a picture of an offline camera")
				}
			}
			r.SetCamera(nvrtest.IP(1), true, "connect")
			if got, err := c.Picture(t.Context(), nvr.IP, "1"); err != nil || !bytes.Equal(got, own) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		}
		before := len(r.Requests())
		if _, err := c.Picture(t.Context(), nvr.IP, "1/../2"); err == nil || len(r.Requests()) != before {
			t.Errorf("a channel that is none: %v", err)
		}
	})
}

// Where the right to pictures is missing some firmware answers 401, for each
// channel. It is asked for twice in all.
func TestPicturesThatAreRejectedAreGivenUpForAllChannels(t *testing.T) {
	for _, lock := range []nvrtest.LockMode{nvrtest.LockReal, nvrtest.LockEvery} {
		asking(t, nvrtest.Config{Channels: 16, Lock: lock}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.SetRights(nvrtest.Rights{Lacks: []string{"preview"}, As401: true})
			var err error
			blind := 0
			for n := range 240 { // four hours
				if _, infoErr := c.Info(t.Context()); infoErr != nil {
					blind++
				}
				if _, err = c.Picture(t.Context(), nvr.IP, fmt.Sprint(1+n%16)); err == nil {
					t.Fatal("a picture")
				}
				time.Sleep(time.Minute)
			}
			if !errors.Is(err, nvr.ErrForbidden) || blind > 2 {
				t.Errorf("it ends with %v, and %d minutes without answers", err, blind)
			}
			if n := r.MaxRejectedIn(window); n > 2 || r.Rejected() > 2 {
				t.Errorf("%d rejected in all, %d in %v", r.Rejected(), n, window)
			}
		})
	}
}
