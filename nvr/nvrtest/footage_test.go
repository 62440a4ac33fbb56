package nvrtest_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

const (
	tracks = "/ISAPI/ContentMgmt/record/tracks"
	search = "/ISAPI/ContentMgmt/search"
)

// post signs in and sends a body.
func (c *client) post(path, body string) reply {
	c.t.Helper()
	d := c.digest(c.challenge(path), path, 1)
	d.method = "POST"
	req, err := http.NewRequestWithContext(c.t.Context(), "POST", c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", d.header())
	r, err := c.do(req)
	if err != nil {
		c.t.Fatalf("POST %s: %v", path, err)
	}
	return r
}

func TestTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Channels: 3})
		r.SetSchedule(nvrtest.IP(2), "MOTION", true)
		r.SetSchedule(nvrtest.IP(3), "", false)
		got := c.get(tracks).want(t, 200)
		wellFormed(t, got)
		var list struct {
			Tracks []struct {
				ID      int      `xml:"id"`
				Channel int      `xml:"Channel"`
				Enable  string   `xml:"Enable"`
				Mode    string   `xml:"DefaultRecordingMode"`
				Used    []string `xml:"CustomExtensionList>CustomExtension>enableSchedule"`
				Actions []struct {
					From string `xml:"ScheduleActionStartTime>DayOfWeek"`
					At   string `xml:"ScheduleActionStartTime>TimeOfDay"`
					To   string `xml:"ScheduleActionEndTime>DayOfWeek"`
					End  string `xml:"ScheduleActionEndTime>TimeOfDay"`
					On   string `xml:"Actions>Record"`
					Mode string `xml:"Actions>ActionRecordingMode"`
				} `xml:"TrackSchedule>ScheduleBlockList>ScheduleBlock>ScheduleAction"`
			} `xml:"Track"`
		}
		if err := xml.Unmarshal([]byte(got.body), &list); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"101 101 false CMR [true] 7", "201 201 false CMR [true] 7", "301 301 false CMR [false] 0"} {
			k := list.Tracks[i]
			if s := fmt.Sprint(k.ID, k.Channel, " ", k.Enable, " ", k.Mode, " ", k.Used, " ", len(k.Actions)); s != want {
				t.Errorf("track %q, want %q", s, want)
			}
		}
		if got := fmt.Sprint(list.Tracks[0].Actions[0]); got != "{Monday 00:00:00 Tuesday 00:00:00 true CMR}" {
			t.Errorf("the first day is %s", got)
		}
		if got := fmt.Sprint(list.Tracks[1].Actions[6]); got != "{Sunday 00:00:00 Monday 00:00:00 true MOTION}" {
			t.Errorf("the last day is %s", got)
		}
		_, old := newRecorder(t, nvrtest.Config{Model: nvrtest.OldNVR})
		wellFormed(t, old.get(tracks).want(t, 200))
		count(t, old.get(tracks), "<Track version=", 9)
		_, hybrid := newRecorder(t, nvrtest.Config{Model: nvrtest.DVR, Channels: 2, IPChannels: 1, FirstIPChannel: 33})
		hybrid.get(tracks).want(t, 200).says(t, "<id>101<", "<id>201<", "<id>3301<")
		_, camera := newRecorder(t, nvrtest.Config{Model: nvrtest.Camera})
		camera.get(tracks).want(t, 404)
	})
}

// at is a fixed moment for what has to do with days: 2026-03-29 in Berlin, when
// summer has just begun.
func at(t *testing.T) func() time.Time {
	now, err := time.Parse(time.RFC3339, "2026-03-29T10:30:00Z")
	if err != nil {
		t.Fatal(err)
	}
	return func() time.Time { return now }
}

func distribution(year, month int) string {
	return fmt.Sprintf("<trackDailyParam><year>%d</year><monthOfYear>%d</monthOfYear></trackDailyParam>", year, month)
}

func TestDailyDistribution(t *testing.T) {
	const path = tracks + "/101/dailyDistribution"
	for _, tt := range []struct {
		name        string
		since       string
		year, month int
		first, last int // days with footage; 0 for none
		days        int
	}{
		{"twenty days", "default", 2026, 3, 9, 29, 31},
		{"the month before", "default", 2026, 2, 0, 0, 28},
		{"a month to come", "default", 2026, 4, 0, 0, 30},
		{"longer than a month", "2025-12-24T00:00:00Z", 2026, 2, 1, 28, 28},
		{"by the device's clock", "2026-03-10T23:30:00Z", 2026, 3, 11, 29, 31},
		{"only today", "2026-03-29T06:00:00Z", 2026, 3, 29, 29, 31},
		{"nothing", "", 2026, 3, 0, 0, 31},
		{"from tomorrow on", "2026-03-30T06:00:00Z", 2026, 3, 0, 0, 31},
		{"a leap year", "2024-01-01T00:00:00Z", 2024, 2, 1, 29, 29},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Now: at(t)})
				setSince(t, r, tt.since)
				got := c.post(path, distribution(tt.year, tt.month)).want(t, 200)
				wellFormed(t, got)
				count(t, got, "<day>", tt.days)
				some := 0
				if tt.first > 0 {
					some = tt.last - tt.first + 1
				}
				count(t, got, "<record>true</record>\n<recordType>time<", some)
				for _, day := range []int{tt.first, tt.last} {
					if day > 0 {
						got.says(t, fmt.Sprintf("<id>%d</id>\n<dayOfMonth>%d</dayOfMonth>\n<record>true<", day, day))
					}
				}
			})
		})
	}
}

func setSince(t *testing.T, r *nvrtest.Recorder, since string) {
	t.Helper()
	switch since {
	case "default":
	case "":
		r.SetRecordedSince(time.Time{})
	default:
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			t.Fatal(err)
		}
		r.SetRecordedSince(at)
	}
}

func TestRefusedDistributions(t *testing.T) {
	for _, tt := range []struct {
		name, path, body string
		model            nvrtest.Model
		want             int
		says             string
	}{
		{"no such channel", tracks + "/901/dailyDistribution", distribution(2026, 3), nvrtest.NVR, 403, "notSupport"},
		{"no such track", tracks + "/104/dailyDistribution", distribution(2026, 3), nvrtest.NVR, 403, "notSupport"},
		{"no number", tracks + "/x/dailyDistribution", distribution(2026, 3), nvrtest.NVR, 403, "notSupport"},
		{"on a camera", tracks + "/101/dailyDistribution", distribution(2026, 3), nvrtest.Camera, 404, "notSupport"},
		{"no XML", tracks + "/101/dailyDistribution", "{", nvrtest.NVR, 400, "badXmlFormat"},
		{"no body", tracks + "/101/dailyDistribution", "", nvrtest.NVR, 400, "badXmlFormat"},
		{"no such month", tracks + "/101/dailyDistribution", distribution(2026, 13), nvrtest.NVR, 400, "badXmlContent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c := newRecorder(t, nvrtest.Config{Model: tt.model})
				c.post(tt.path, tt.body).want(t, tt.want).says(t, tt.says)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		c.get(tracks+"/101/dailyDistribution").want(t, 405)
		r.SetRights(nvrtest.Rights{Lacks: []string{"playBack"}})
		c.post(tracks+"/101/dailyDistribution", distribution(2026, 3)).want(t, 403).says(t, "lowPrivilege")
		c.post(search, searchFor("", "", 1, 0, 101)).want(t, 403).says(t, "lowPrivilege")
	})
}

func searchFor(from, to string, most, position int, some ...int) string {
	var list strings.Builder
	for _, track := range some {
		fmt.Fprintf(&list, "<trackID>%d</trackID>", track)
	}
	return fmt.Sprintf(`<?xml version="1.0"?><CMSearchDescription><searchID>ID1</searchID><trackIDList>%s</trackIDList>
<timeSpanList><timeSpan><startTime>%s</startTime><endTime>%s</endTime></timeSpan></timeSpanList>
<maxResults>%d</maxResults><searchResultPostion>%d</searchResultPostion>
<metadataList><metadataDescriptor>//recordType.meta.std-cgi.com</metadataDescriptor></metadataList></CMSearchDescription>`, list.String(), from, to, most, position)
}

type searchResult struct {
	ID      string `xml:"searchID"`
	Status  string `xml:"responseStatusStrg"`
	Count   int    `xml:"numOfMatches"`
	Matches []struct {
		Track int    `xml:"trackID"`
		From  string `xml:"timeSpan>startTime"`
		To    string `xml:"timeSpan>endTime"`
		URI   string `xml:"mediaSegmentDescriptor>playbackURI"`
	} `xml:"matchList>searchMatchItem"`
}

// It is 12:30 of a summer's day by the device's clock.
func TestSearch(t *testing.T) {
	for _, tt := range []struct {
		name            string
		since, from, to string
		most, position  int
		tracks          []int
		status          string
		count           int
		spans           []string // the first and the last
	}{
		{"a day", "2026-03-20T07:15:00Z", "2026-03-25T00:00:00Z", "2026-03-25T23:59:59Z", 40, 0, []int{101},
			"OK", 25, []string{"101 2026-03-24T23:15:00Z 2026-03-25T00:14:59Z", "101 2026-03-25T23:15:00Z 2026-03-26T00:14:59Z"}},
		{"one of many tells the total", "2026-03-20T07:15:00Z", "2026-03-25T00:00:00Z", "2026-03-25T23:59:59Z", 1, 0, []int{101},
			"MORE", 25, []string{"101 2026-03-24T23:15:00Z 2026-03-25T00:14:59Z"}},
		{"a page", "2026-03-20T07:15:00Z", "2026-03-25T00:00:00Z", "2026-03-25T23:59:59Z", 10, 10, []int{101},
			"MORE", 10, []string{"101 2026-03-25T09:15:00Z 2026-03-25T10:14:59Z", "101 2026-03-25T18:15:00Z 2026-03-25T19:14:59Z"}},
		{"the last page", "2026-03-20T07:15:00Z", "2026-03-25T00:00:00Z", "2026-03-25T23:59:59Z", 10, 20, []int{101},
			"OK", 5, []string{"101 2026-03-25T19:15:00Z 2026-03-25T20:14:59Z", "101 2026-03-25T23:15:00Z 2026-03-26T00:14:59Z"}},
		{"behind the end", "2026-03-20T07:15:00Z", "2026-03-25T00:00:00Z", "2026-03-25T23:59:59Z", 10, 30, []int{101}, "NO MATCHES", 0, nil},
		{"the day it began", "2026-03-20T07:15:00Z", "2026-03-20T00:00:00Z", "2026-03-20T09:00:00Z", 40, 0, []int{101},
			"OK", 1, []string{"101 2026-03-20T08:15:00Z 2026-03-20T09:14:59Z"}},
		{"before it began", "2026-03-20T07:15:00Z", "2026-03-19T00:00:00Z", "2026-03-19T23:59:59Z", 40, 0, []int{101}, "NO MATCHES", 0, nil},
		{"the newest ends now", "2026-03-29T08:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T23:59:59Z", 40, 0, []int{101},
			"OK", 3, []string{"101 2026-03-29T10:00:00Z 2026-03-29T10:59:59Z", "101 2026-03-29T12:00:00Z 2026-03-29T12:30:00Z"}},
		{"two tracks, oldest first", "2026-03-29T08:00:00Z", "2026-03-29T10:30:00Z", "2026-03-29T11:30:00Z", 40, 0, []int{201, 101},
			"OK", 4, []string{"201 2026-03-29T10:00:00Z 2026-03-29T10:59:59Z", "101 2026-03-29T11:00:00Z 2026-03-29T11:59:59Z"}},
		{"an unknown track", "default", "2026-03-25T00:00:00Z", "2026-03-25T23:59:59Z", 40, 0, []int{901}, "NO MATCHES", 0, nil},
		{"nothing recorded", "", "2026-03-25T00:00:00Z", "2026-03-25T23:59:59Z", 40, 0, []int{101}, "NO MATCHES", 0, nil},
		{"more than can be counted", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2038-01-01T00:00:00Z", 1, 0, []int{101},
			"MORE", 4000, []string{"101 2025-01-01T01:00:00Z 2025-01-01T01:59:59Z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Now: at(t)})
				setSince(t, r, tt.since)
				got := c.post(search, searchFor(tt.from, tt.to, tt.most, tt.position, tt.tracks...)).want(t, 200)
				wellFormed(t, got)
				var result searchResult
				if err := xml.Unmarshal([]byte(got.body), &result); err != nil {
					t.Fatal(err)
				}
				if result.ID != "ID1" || result.Status != tt.status || result.Count != tt.count {
					t.Errorf("%s, %d matches", result.Status, result.Count)
				}
				var ends []string
				for i, m := range result.Matches {
					if i == 0 || i == len(result.Matches)-1 {
						ends = append(ends, fmt.Sprint(m.Track, " ", m.From, " ", m.To))
					}
				}
				same(t, "spans", ends, tt.spans)
			})
		})
	}
}

func TestRefusedSearches(t *testing.T) {
	day := func(to string) string { return searchFor("2026-03-25T00:00:00Z", to, 40, 0, 101) }
	for _, tt := range []struct {
		name  string
		model nvrtest.Model
		body  string
		want  int
		says  string
	}{
		{"two days on a new one", nvrtest.NVR, day("2026-03-27T00:00:00Z"), 200, "<responseStatusStrg>"},
		{"two days on an old one", nvrtest.OldNVR, day("2026-03-27T00:00:00Z"), 500, "deviceError"},
		{"a day on an old one", nvrtest.OldNVR, day("2026-03-26T00:00:00Z"), 200, "<responseStatusStrg>"},
		{"on a DVR", nvrtest.DVR, day("2026-03-25T12:00:00Z"), 200, "<responseStatusStrg>"},
		{"on a camera", nvrtest.Camera, day("2026-03-25T12:00:00Z"), 404, "notSupport"},
		{"beyond 2038", nvrtest.NVR, day("2040-01-01T00:00:00Z"), 400, "badXmlContent"},
		{"backwards", nvrtest.NVR, day("2026-03-24T00:00:00Z"), 400, "badXmlContent"},
		{"no time", nvrtest.NVR, day("noon"), 400, "badXmlContent"},
		{"no results wanted", nvrtest.NVR, searchFor("2026-03-25T00:00:00Z", "2026-03-25T01:00:00Z", 0, 0, 101), 400, "badXmlContent"},
		{"no XML", nvrtest.NVR, "a=b", 400, "badXmlFormat"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c := newRecorder(t, nvrtest.Config{Model: tt.model, Now: at(t)})
				c.post(search, tt.body).want(t, tt.want).says(t, tt.says)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Now: at(t)})
		c.get(search).want(t, 405)
		other := strings.NewReplacer("trackIDList", "trackList", "Postion>0", "Position>2", "Postion>", "Position>").Replace(day("2026-03-25T12:00:00Z"))
		c.post(search, other).want(t, 200).says(t, "<numOfMatches>11<") // of 13
		r.Fail(nvrtest.Fault{Path: "ContentMgmt/search", Status: 503, Times: 1, Answers: nvrtest.Granted})
		c.post(search, day("2026-03-25T12:00:00Z")).want(t, 503)
	})
}
