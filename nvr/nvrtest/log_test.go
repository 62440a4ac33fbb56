package nvrtest_test

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

const logSearch = "/ISAPI/ContentMgmt/logSearch"

func searchLog(meta, from, to string, most, position int) string {
	return fmt.Sprintf(`<CMSearchDescription><searchID>ID1</searchID><metaId>%s</metaId><timeSpanList><timeSpan><startTime>%s</startTime>
<endTime>%s</endTime></timeSpan></timeSpanList><maxResults>%d</maxResults><searchResultPosition>%d</searchResultPosition></CMSearchDescription>`, meta, from, to, most, position)
}

type logResult struct {
	ID      string `xml:"searchID"`
	Status  string `xml:"responseStatusStrg"`
	Total   int    `xml:"totalMatches"`
	Count   int    `xml:"numOfMatches"`
	Entries []struct {
		Meta string `xml:"logDescriptor>metaId"`
		At   string `xml:"logDescriptor>StartDateTime"`
		User string `xml:"logDescriptor>userName"`
	} `xml:"matchList>searchMatchItem"`
}

// It is 12:30 of a summer's day by the device's clock, which was put forward at
// 01:00 UTC.
func TestLogSearch(t *testing.T) {
	const day, midnight, evening = "2026-03-29T", "2026-03-29T00:00:00Z", "2026-03-29T23:59:59Z"
	entry := func(clock, major, minor string) nvrtest.LogEntry {
		at, err := time.Parse(time.RFC3339, day+clock+"Z")
		if err != nil {
			t.Fatal(err)
		}
		return nvrtest.LogEntry{At: at, Major: major, Minor: minor}
	}
	for _, tt := range []struct {
		name           string
		config         nvrtest.LogConfig
		meta           string
		from, to       string
		most, position int
		status         string
		total          int
		want           string // keys
	}{
		{"all, oldest first", nvrtest.LogConfig{}, "log.std-cgi.com", midnight, evening, 40, 0, "OK", 5, "first login lost info now"},
		{"newest first", nvrtest.LogConfig{NewestFirst: true}, "log.hikvision.com", midnight, evening, 40, 0, "OK", 5, "now info lost login first"},
		{"one major", nvrtest.LogConfig{}, "log.std-cgi.com/Operation", midnight, evening, 40, 0, "OK", 3, "first login now"},
		{"a leaf", nvrtest.LogConfig{}, "log.std-cgi.com/Operation/login", midnight, evening, 40, 0, "OK", 1, "login"},
		{"half a leaf is none", nvrtest.LogConfig{}, "log.std-cgi.com/Operation/log", midnight, evening, 40, 0, "NO MATCHES", 0, ""},
		{"well spelt though misspelt", nvrtest.LogConfig{}, "log.std-cgi.com/Information", midnight, evening, 40, 0, "NO MATCHES", 0, ""},
		{"misspelt", nvrtest.LogConfig{}, "log.std-cgi.com/Infomation", midnight, evening, 40, 0, "OK", 1, "info"},
		{"well spelt", nvrtest.LogConfig{WellSpelt: true}, "log.std-cgi.com/Information", midnight, evening, 40, 0, "OK", 1, "info"},
		{"misspelt though well spelt", nvrtest.LogConfig{WellSpelt: true}, "log.std-cgi.com/Infomation", midnight, evening, 40, 0, "NO MATCHES", 0, ""},
		{"another root", nvrtest.LogConfig{Root: "log.hikvision.com"}, "log.std-cgi.com", midnight, evening, 40, 0, "NO MATCHES", 0, ""},
		{"a root that isn't known", nvrtest.LogConfig{}, "log.example.org", midnight, evening, 40, 0, "NO MATCHES", 0, ""},
		{"a span, both ends included", nvrtest.LogConfig{}, "log.std-cgi.com", day + "01:30:00Z", day + "04:00:00Z", 40, 0, "OK", 2, "login lost"},
		{"as many as wanted", nvrtest.LogConfig{}, "log.std-cgi.com", midnight, evening, 2, 0, "MORE", 5, "first login"},
		{"a device's page", nvrtest.LogConfig{Page: 3}, "log.std-cgi.com", midnight, evening, 40, 1, "MORE", 5, "login lost info"},
		{"the last page", nvrtest.LogConfig{Page: 3}, "log.std-cgi.com", midnight, evening, 40, 3, "OK", 5, "info now"},
		{"behind the end", nvrtest.LogConfig{}, "log.std-cgi.com", midnight, evening, 40, 9, "NO MATCHES", 5, ""},
		{"an endless one", nvrtest.LogConfig{Endless: true}, "log.std-cgi.com", midnight, evening, 40, 5, "MORE", 5, ""},
		{"one that is stuck", nvrtest.LogConfig{Endless: true, Stuck: true, Page: 2}, "log.std-cgi.com", midnight, evening, 40, 4, "MORE", 5, "first login"},
		{"a wrong total", nvrtest.LogConfig{TotalOff: 7}, "log.std-cgi.com", midnight, evening, 40, 0, "OK", 12, "first login lost info now"},
		{"no longer than that", nvrtest.LogConfig{Longest: 24 * time.Hour}, "log.std-cgi.com", midnight, evening, 40, 0, "OK", 5, "first login lost info now"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Now: at(t), Log: tt.config})
				r.ClearLog()
				r.AddLog(entry("02:00:00", "Exception", "lost")) // 04:00 by its clock
				r.AddLog(entry("00:00:00", "Operation", "first"))
				r.AddLog(entry("00:30:00", "Operation", "login"))
				r.AddLog(entry("03:00:00", "Information", "info"))
				r.AddLog(nvrtest.LogEntry{Major: "Operation", Minor: "now"})
				got := c.post(logSearch, searchLog(tt.meta, tt.from, tt.to, tt.most, tt.position)).want(t, 200)
				wellFormed(t, got)
				var result logResult
				if err := xml.Unmarshal([]byte(got.body), &result); err != nil {
					t.Fatal(err)
				}
				var keys []string
				for _, e := range result.Entries {
					keys = append(keys, e.Meta[strings.LastIndex(e.Meta, "/")+1:])
				}
				if got := strings.Join(keys, " "); got != tt.want || result.ID != "ID1" || result.Status != tt.status || result.Total != tt.total || result.Count != len(keys) {
					t.Errorf("%q, %+v", got, result)
				}
				if s := r.LogSearches(); len(s) != 1 || s[0].ID != "ID1" || s[0].Meta != tt.meta || s[0].From.Format("2006-01-02T15:04:05Z") != tt.from {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestLogEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Now: at(t)})
		r.AddLog(nvrtest.LogEntry{Major: "Information", Minor: "startRec", Channel: 3})
		r.AddLog(nvrtest.LogEntry{Major: "Operation", Minor: "remoteLogin", User: "a&b"})
		r.AddLog(nvrtest.LogEntry{Major: "Exception", Minor: "hdError", Stamp: "soon"})
		got := c.post(logSearch, searchLog("log.std-cgi.com", "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", 40, 0)).want(t, 200)
		got.says(t, ">log.hikvision.com/Operation/devicePowerOn<", "2026-03-17T10:56:00Z", // 12 days and 34 minutes ago, in winter
			">log.hikvision.com/Infomation/startRec/3<", "2026-03-29T12:30:00Z", "<userName>a&amp;b<", "<ipAddress>", ">soon<")
		if n := strings.Count(got.body, "<userName>"); n != 1 {
			t.Errorf("%d users", n)
		}
	})
}

func TestRefusedLogSearches(t *testing.T) {
	day := func(meta, to string) string { return searchLog(meta, "2026-03-25T00:00:00Z", to, 40, 0) }
	const end = "2026-03-25T12:00:00Z"
	for _, tt := range []struct {
		name   string
		config nvrtest.Config
		body   string
		want   int
		says   string
	}{
		{"on a camera", nvrtest.Config{Model: nvrtest.Camera}, day("log.std-cgi.com", end), 404, "notSupport"},
		{"no XML", nvrtest.Config{}, "a=b", 400, "badXmlFormat"},
		{"no metaId", nvrtest.Config{}, day("", end), 400, "badXmlContent"},
		{"no ID", nvrtest.Config{}, strings.Replace(day("log.std-cgi.com", end), "ID1", "", 1), 400, "badXmlContent"},
		{"no time", nvrtest.Config{}, day("log.std-cgi.com", "noon"), 400, "badXmlContent"},
		{"backwards", nvrtest.Config{}, day("log.std-cgi.com", "2026-03-24T00:00:00Z"), 400, "badXmlContent"},
		{"a major that it doesn't know", nvrtest.Config{Log: nvrtest.LogConfig{Strict: true}}, day("log.std-cgi.com/Information", end), 400, "badXmlContent"},
		{"one that it knows", nvrtest.Config{Log: nvrtest.LogConfig{Strict: true}}, day("log.std-cgi.com/Infomation", end), 200, "NO MATCHES"},
		{"a root that it doesn't know", nvrtest.Config{Log: nvrtest.LogConfig{Strict: true, Root: "log.hikvision.com"}}, day("log.std-cgi.com", end), 400, "badXmlContent"},
		{"too long a span", nvrtest.Config{Log: nvrtest.LogConfig{Longest: 11 * time.Hour}}, day("log.std-cgi.com", end), 503, "<statusCode>2</statusCode>\n<statusString>Device Busy</statusString>\n<subStatusCode>searchTimeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.config.Now = at(t)
				_, c := newRecorder(t, tt.config)
				c.post(logSearch, tt.body).want(t, tt.want).says(t, tt.says)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Now: at(t)})
		c.get(logSearch).want(t, 405)
		r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}})
		c.post(logSearch, day("log.std-cgi.com", end)).want(t, 403).says(t, "lowPrivilege")
	})
}

// A restart leaves a start in the log, an abnormal stop unless one is logged
// before, and a gap in all recordings.
func TestRestartsInTheLog(t *testing.T) {
	for _, tt := range []struct {
		name      string
		stopFirst bool
		logged    string
		want      string
	}{
		{"power was cut", false, "", "devicePowerOn stopAbnormal"},
		{"power was cut, in the other order", true, "", "stopAbnormal devicePowerOn"},
		{"it was shut down", false, "remotePowerOff", "remotePowerOff devicePowerOn"},
		{"something else was logged", false, "remoteLogin", "remoteLogin devicePowerOn stopAbnormal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Log: nvrtest.LogConfig{StopFirst: tt.stopFirst}})
				time.Sleep(65 * time.Minute)
				if tt.logged != "" {
					r.AddLog(nvrtest.LogEntry{Major: "Operation", Minor: tt.logged})
				}
				r.Reboot(4 * time.Minute)
				time.Sleep(30 * time.Minute)
				got := c.post(logSearch, searchLog("log.std-cgi.com", "2000-01-01T00:00:00Z", "2000-01-02T00:00:00Z", 40, 0)).want(t, 200)
				var result logResult
				if err := xml.Unmarshal([]byte(got.body), &result); err != nil {
					t.Fatal(err)
				}
				var keys []string
				for _, e := range result.Entries {
					keys = append(keys, strings.TrimPrefix(e.Meta, "log.hikvision.com/Operation/"))
				}
				if got := strings.Join(keys, " "); got != tt.want {
					t.Errorf("got %q", got)
				}
				files := c.post(search, searchFor("2000-01-01T01:30:00Z", "2000-01-01T02:20:00Z", 40, 0, 101)).want(t, 200)
				files.says(t, "<endTime>2000-01-01T02:05:00Z<", "<startTime>2000-01-01T02:09:00Z<")
			})
		})
	}
}

func TestGapsInFootage(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to string // UTC
		want     string // by the device's clock
	}{
		{"inside of a file", "06:10", "06:20", "07:30:00-08:10:00 08:20:00-08:29:59 08:30:00-09:29:59"},
		{"over several files", "06:10", "09:00", "07:30:00-08:10:00"},
		{"from a file's beginning", "06:30", "06:40", "07:30:00-08:29:59 08:40:00-09:29:59"},
		{"a whole file", "06:30", "07:30", "07:30:00-08:29:59"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, c := newRecorder(t, nvrtest.Config{Now: at(t)})
			clock := func(s string) time.Time {
				at, err := time.Parse("2006-01-02T15:04", "2026-03-29T"+s)
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			r.SetRecordedSince(clock("05:30"))
			r.SetGap(nvrtest.IP(1), clock(tt.from), clock(tt.to))
			spans := func(track int) string {
				var result searchResult
				got := c.post(search, searchFor("2026-03-29T07:00:00Z", "2026-03-29T08:50:00Z", 40, 0, track)).want(t, 200)
				if err := xml.Unmarshal([]byte(got.body), &result); err != nil {
					t.Fatal(err)
				}
				var all []string
				for _, m := range result.Matches {
					all = append(all, m.From[11:19]+"-"+m.To[11:19])
				}
				return strings.Join(all, " ")
			}
			if got := spans(101); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
			}
			if got := spans(201); got != "07:30:00-08:29:59 08:30:00-09:29:59" {
				t.Errorf("%s: another channel has %q", tt.name, got)
			}
		})
	}
}
