package nvr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

// The clock goes back from 03:00 to 02:00 at 01:00 UTC, and forward from 02:00 to
// 03:00 at 01:00 UTC.
const (
	autumn = "2026-10-25T"
	spring = "2026-03-29T"
)

func TestLogEntriesKeepTheirTimeWhenTheClockIsPut(t *testing.T) {
	for _, tt := range []struct {
		name, day string
		logged    string // times UTC
		from, to  string
		want      string
		asked     string // first and last by the device's clock
	}{
		{"the whole night in autumn", autumn, "23:50 00:10 00:50 01:05 01:55 02:10", "00:00", "03:00", "00:10 00:50 01:05 01:55 02:10", "01:00:00 04:00:00"},
		{"from the first pass into the second", autumn, "00:55 01:02", "00:50", "01:10", "00:55 01:02", "01:50:00 03:10:00"},
		{"the first pass alone", autumn, "00:20 00:40", "00:10", "00:50", "00:20 00:40", "01:10:00 02:50:00"},
		{"the second pass alone", autumn, "01:20 01:40", "01:10", "01:50", "01:20 01:40", "02:10:00 03:50:00"},
		{"entries of the first pass before it", autumn, "00:30 00:58 01:20 02:10", "01:10", "02:30", "01:20 02:10", "02:10:00 03:30:00"},
		{"entries of the second pass behind it", autumn, "23:55 00:45 00:58 01:20", "23:50", "00:50", "23:55 00:45", "01:50:00 02:50:00"},
		{"a span that ends in the second pass and begins long before", autumn, "00:30 01:15", "00:00", "01:20", "00:30 01:15", "01:00:00 03:20:00"},
		{"just behind the doubled hour", autumn, "01:59 02:05", "02:00", "02:30", "02:05", "03:00:00 03:30:00"},
		{"the night in spring", spring, "00:30 00:59 01:00 01:30", "00:00", "02:00", "00:30 00:59 01:00 01:30", "00:00:00 04:00:00"},
		{"over the change in spring by a minute", spring, "00:59 01:00", "00:59", "01:01", "00:59 01:00", "00:59:00 04:01:00"},
		{"a day without a change", "2026-07-15T", "00:30 01:30", "00:00", "01:00", "00:30", "02:00:00 03:00:00"},
	} {
		for _, newest := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, ", newest first: ", newest), func(t *testing.T) {
				asking(t, nvrtest.Config{Log: nvrtest.LogConfig{NewestFirst: newest}}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
					r.ClearLog()
					at := func(clock string) time.Time {
						day := tt.day
						if clock > "23" {
							day = "2026-10-24T"
						}
						return mustTime(t, day+clock+":00Z")
					}
					for _, clock := range strings.Fields(tt.logged) {
						r.AddLog(nvrtest.LogEntry{At: at(clock), Major: "Operation", Minor: clock})
					}
					got, complete, err := c.Log(t.Context(), central(t), at(tt.from), at(tt.to), "Operation")
					var clocks []string
					for _, e := range got {
						clocks = append(clocks, e.Time.Format("15:04"))
						// With the newest first and nothing but the doubled hour the order isn't told.
						if !newest && e.Minor != e.Time.Format("15:04") {
							t.Errorf("%s was read as %s", e.Minor, e.Time)
						}
					}
					if err != nil || !complete || !newest && strings.Join(clocks, " ") != tt.want {
						t.Errorf("%q, %v, %v", clocks, complete, err)
					}
					for _, clock := range strings.Fields(tt.want) {
						if !slices.ContainsFunc(got, func(e nvr.LogEntry) bool { return e.Minor == clock }) {
							t.Errorf("%s is lost", clock)
						}
					}
					s := r.LogSearches()
					if asked := s[0].From.Format("15:04:05 ") + s[0].To.Format("15:04:05"); len(s) != 1 || asked != tt.asked {
						t.Errorf("asked %q", asked)
					}
				})
			})
		}
	}
}

// A whole night tells the order, also with the newest entry first.
func TestTheOrderOfTheListTellsTheDoubledHourApart(t *testing.T) {
	asking(t, nvrtest.Config{Log: nvrtest.LogConfig{NewestFirst: true, Page: 2}}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.ClearLog()
		for _, clock := range []string{"00:00", "00:58", "01:03", "02:30"} {
			r.AddLog(nvrtest.LogEntry{At: mustTime(t, autumn+clock+":00Z"), Major: "Operation", Minor: clock})
		}
		got, _, err := c.Log(t.Context(), central(t), mustTime(t, autumn+"00:00:00Z"), mustTime(t, autumn+"03:00:00Z"))
		for _, e := range got {
			if e.Minor != e.Time.Format("15:04") {
				t.Errorf("%s was read as %s", e.Minor, e.Time)
			}
		}
		if err != nil || len(got) != 4 {
			t.Errorf("%d, %v", len(got), err)
		}
	})
}

func TestASpanCoversAllThatTheClockWrites(t *testing.T) {
	for _, rule := range []string{
		nvrtest.DefaultTimeZone, "CST+5:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", "CST-10:30:00DST00:30:00,M10.1.0/02:00:00,M4.1.0/02:00:00",
		"IST-1GMT0,M10.5.0/2,M3.5.0/1", "CST-5:30:00",
	} {
		z, err := nvr.ParseZone(rule)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Date(2026, 1, 1, 0, 10, 0, 0, time.UTC)
		for from := begin; from.Year() == 2026; from = from.Add(47 * time.Minute) {
			for _, length := range []time.Duration{10 * time.Minute, 100 * time.Minute, 26 * time.Hour} {
				first, last := z.Digits(from, from.Add(length))
				for at := from; !at.After(from.Add(length)); at = at.Add(length / 10) {
					if wall := z.Wall(at); wall.Before(first) || wall.After(last) {
						t.Fatalf("%s: %v from %v doesn't cover %v", rule, length, from, wall)
					}
				}
				if extra := last.Sub(first) - length; extra > 3*time.Hour {
					t.Fatalf("%s: %v more than %v", rule, extra, length)
				}
			}
		}
	}
}

func TestEntriesWithOddTimes(t *testing.T) {
	for _, tt := range []struct {
		stamp    string
		want     string
		complete bool
	}{
		{"2026-01-20T12:30:00Z", "11:30:00", true},
		{"2026-01-20T12:30:00+08:00", "11:30:00", true},
		{"2026-01-20T12:30:00", "11:30:00", true},
		{" 2026-01-20T12:30:00Z ", "11:30:00", true},
		{"2026-01-20T14:30:00Z", "", true}, // outside of the span
		{"1970-01-01T00:00:12Z", "", false},
		{"2036-01-20T12:30:00Z", "", false},
		{"2026-01-20 12:30:00", "", false},
		{"2026-02-30T12:30:00Z", "", false},
		{"0000-00-00T00:00:00Z", "", false},
		{"now", "", false},
	} {
		asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			fill(r, nvrtest.LogEntry{At: noon.Add(-30 * time.Minute), Stamp: tt.stamp, Major: "Operation", Minor: "stopAbnormal"})
			got, complete, err := c.Log(t.Context(), central(t), noon.Add(-time.Hour), noon)
			clock := ""
			for _, e := range got {
				clock += e.Time.Format("15:04:05")
			}
			if err != nil || clock != tt.want || complete != tt.complete {
				t.Errorf("%q: %q, %v, %v", tt.stamp, clock, complete, err)
			}
		})
	}
}

func TestLinesAreReadInAllForms(t *testing.T) {
	line := func(meta, more string) string {
		return "<searchMatchItem><logDescriptor><metaId>" + meta + "</metaId><StartDateTime>2026-01-20T12:30:00Z</StartDateTime>" + more + "</logDescriptor></searchMatchItem>"
	}
	page := func(status, counts string, lines ...string) string {
		return "<CMSearchResult xmlns='urn:x'><responseStatusStrg>" + status + "</responseStatusStrg>" + counts + "<matchList>" + strings.Join(lines, "") + "</matchList></CMSearchResult>"
	}
	for _, tt := range []struct {
		name, body string
		want       []string
		complete   bool
	}{
		{"a channel", page("OK", "", line("log.hikvision.com/Alarm/motionStart/15", "")), []string{"20T11:30:00 Alarm motionStart 15"}, true},
		{"a leaf below the key that is no channel", page("OK", "", line("log.hikvision.com/Alarm/x/y", "")), []string{"20T11:30:00 Alarm x"}, true},
		{"doubled slashes", page("ok", "", line("log.std-cgi.com//Operation/remoteLogin/", "")), []string{"20T11:30:00 Operation remoteLogin"}, true},
		{"no root, other case", page(" Ok ", "", line("infomation/hddInfo", "")), []string{"20T11:30:00 Information hddInfo"}, true},
		{"a major that isn't known", page("OK", "", line("log.hikvision.com/Battery/low", "")), []string{"20T11:30:00 Battery low"}, true},
		{"a key that is a number", page("OK", "", line("log.hikvision.com/Operation/67", "")), []string{"20T11:30:00 Operation 67"}, true},
		{"nothing but the root", page("OK", "", line("log.hikvision.com", "")), []string{"20T11:30:00"}, true},
		{"no metaId", page("OK", "", line("", "<userName>a</userName>")), []string{"20T11:30:00   a"}, true},
		{"a long user", page("OK", "", line("log.hikvision.com/Operation/x", "<userName>"+strings.Repeat("u", 200)+"</userName>")), []string{"20T11:30:00 Operation x " + strings.Repeat("u", 64)}, true},
		{"no line for one that is counted", page("OK", "<numOfMatches>2</numOfMatches>", line("a.b/Operation/x", "")), []string{"20T11:30:00 Operation x"}, false},
		{"counts that are no numbers", page("OK", "<totalMatches>many</totalMatches>", line("a.b/Operation/x", "")), []string{"20T11:30:00 Operation x"}, true},
		{"a status that isn't known", page("TIMEOUT", "", line("a.b/Operation/x", "")), []string{"20T11:30:00 Operation x"}, false},
		{"no status", page("", "", line("a.b/Operation/x", "")), []string{"20T11:30:00 Operation x"}, false},
		{"no matches", page("NO MATCHES", "<numOfMatches>0</numOfMatches>"), nil, true},
		{"nothing at all", "<CMSearchResult/>", nil, false},
	} {
		asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.Fail(nvrtest.Fault{Path: logPath, Status: 200, Body: []byte(tt.body), Answers: nvrtest.Granted})
			got, complete, err := c.Log(t.Context(), central(t), noon.Add(-time.Hour), noon, "Operation")
			if err != nil || !slices.Equal(say(got), tt.want) || complete != tt.complete {
				t.Errorf("%s: %q, %v, %v", tt.name, say(got), complete, err)
			}
		})
	}
}

// FuzzLog reads any bytes as a page of the log.
func FuzzLog(f *testing.F) {
	from := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	to := from.Add(time.Hour)
	z, err := nvr.ParseZone(nvrtest.DefaultTimeZone)
	if err != nil {
		f.Fatal(err)
	}
	line := "<searchMatchItem><logDescriptor><metaId>log.hikvision.com/Operation/stopAbnormal/3</metaId><StartDateTime>2026-10-25T%s</StartDateTime></logDescriptor></searchMatchItem>"
	for _, clocks := range [][]string{nil, {"02:40:00Z"}, {"02:40:00", "02:10:00"}, {"02:10:00Z", "02:40:00Z", "03:10:00Z"}, {"x"}} {
		body := "<CMSearchResult><responseStatusStrg>OK</responseStatusStrg><matchList>"
		for _, clock := range clocks {
			body += fmt.Sprintf(line, clock)
		}
		f.Add([]byte(body + "</matchList></CMSearchResult>"))
	}
	f.Add([]byte("<CMSearchResult><matchList><searchMatchItem/></matchList>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		entries, _, err := nvr.ParseLog(body, z, from, to)
		if err != nil && entries != nil {
			t.Fatal("entries beside an error")
		}
		for _, e := range entries {
			switch {
			case e.Time.Before(from) || e.Time.After(to):
				t.Fatalf("%v isn't asked for", e.Time)
			case len(e.Major) > 64 || len(e.Minor) > 64 || len(e.User) > 64 || len(e.Channel) > 9:
				t.Fatalf("%+v is too long", e)
			}
			_ = e.Kind.String()
		}
		clean, evidence := nvr.LastStop(entries)
		if clean.Known && evidence == "" {
			t.Fatal("a verdict without evidence")
		}
		if open := nvr.Unrecovered(entries, from); len(open) > len(entries) {
			t.Fatal("more errors than entries")
		}
	})
}
