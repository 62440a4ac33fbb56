package nvr_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

// sayGaps writes gaps down by day and clock.
func sayGaps(gaps []nvr.Gap) string {
	var all []string
	for _, g := range gaps {
		all = append(all, g.From.UTC().Format("02T15:04:05")+"-"+g.To.UTC().Format("02T15:04:05")+map[bool]string{true: " open"}[g.Open])
	}
	return strings.Join(all, ", ")
}

// stands has a clock that stands still at a moment.
func stands(at time.Time) func() time.Time { return func() time.Time { return at } }

func TestGapsInARecording(t *testing.T) {
	before := func(minutes int) time.Time { return noon.Add(-time.Duration(minutes) * time.Minute) }
	for _, tt := range []struct {
		name     string
		model    nvrtest.Model
		gaps     [][2]time.Time
		from     time.Time
		since    time.Time
		want     string
		complete bool
		asked    int
	}{
		{name: "none", from: before(90), complete: true, asked: 1},
		{name: "one", gaps: [][2]time.Time{{before(40), before(33)}}, from: before(90), want: "20T11:20:00-20T11:27:00", complete: true, asked: 1},
		{name: "of another channel", gaps: [][2]time.Time{{}, {before(40), before(33)}}, from: before(90), complete: true, asked: 1},
		{name: "a long one", gaps: [][2]time.Time{{before(300), before(33)}}, from: before(600), want: "20T06:59:59-20T11:27:00", complete: true, asked: 1},
		{name: "from the beginning", gaps: [][2]time.Time{{before(100), before(33)}}, from: before(90), want: "20T10:30:00-20T11:27:00", complete: true, asked: 1},
		{name: "to the end", gaps: [][2]time.Time{{before(5), before(-5)}}, from: before(90), want: "20T11:55:00-20T12:00:00 open", asked: 1},
		{name: "an end that is listed late", gaps: [][2]time.Time{{before(1), before(-5)}}, from: before(90), complete: true, asked: 1},
		{name: "three days", gaps: [][2]time.Time{{before(2000), before(1990)}}, from: before(3 * 24 * 60), want: "19T02:40:00-19T02:50:00", complete: true, asked: 4},
		{name: "three days of an old recorder", model: nvrtest.OldNVR, gaps: [][2]time.Time{{before(2000), before(1990)}}, from: before(3 * 24 * 60), want: "19T02:40:00-19T02:50:00", complete: true, asked: 4},
		{name: "more days than are asked for", from: before(60 * 24 * 60), since: before(90 * 24 * 60), want: "31T11:59:59-20T12:00:00 open", asked: 40},
		{name: "nothing at all", since: noon, from: before(30), want: "20T11:30:00-20T12:00:00 open", asked: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{Model: tt.model, Channels: 2, Now: stands(noon)}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				signIn(t, c)
				if !tt.since.IsZero() {
					r.SetRecordedSince(tt.since)
				}
				for i, g := range tt.gaps {
					// One that begins where a file does begins a second earlier, at the seam.
					r.SetGap(nvrtest.IP(1+i), g[0], g[1])
				}
				got, complete, err := c.Gaps(t.Context(), central(t), "1", tt.from, noon)
				if err != nil || sayGaps(got) != tt.want || complete != tt.complete {
					t.Errorf("%q, %v, %v", sayGaps(got), complete, err)
				}
				if n := asks(r, "ContentMgmt/search"); n != tt.asked {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

// page is an answer with these files: "from-to" by the device's clock.
func page(status string, files ...string) []byte {
	body := "<CMSearchResult><responseStatusStrg>" + status + "</responseStatusStrg><matchList>"
	for _, f := range files {
		from, to, _ := strings.Cut(f, "-")
		day := func(s string) string {
			if s > "1" && len(s) > 8 {
				return s
			}
			return "2026-01-20T" + s + "Z"
		}
		body += "<searchMatchItem><trackID>101</trackID><timeSpan><startTime>" + day(from) + "</startTime><endTime>" + day(to) + "</endTime></timeSpan></searchMatchItem>"
	}
	return []byte(body + "</matchList></CMSearchResult>")
}

func TestFilesAreJoined(t *testing.T) {
	for _, tt := range []struct {
		name     string
		files    []string
		want     string
		complete bool
	}{
		{"seams below two seconds", []string{"11:00:00-12:00:00", "12:00:01-12:30:00", "12:30:00-13:00:00"}, "", true},
		{"two seconds are a gap", []string{"11:00:00-12:00:00", "12:00:02-13:00:00"}, "20T11:00:00-20T11:00:02", true},
		{"in any order", []string{"12:00:01-13:00:00", "11:00:00-12:00:00"}, "", true},
		{"one inside of another", []string{"11:00:00-13:00:00", "11:30:00-11:40:00"}, "", true},
		{"files behind the end", []string{"11:00:00-12:59:30", "13:00:10-13:30:00"}, "", true},
		{"a time that can't be read", []string{"11:00:00-12:00:00", "12:00:01-later", "12:30:00-13:00:00"}, "20T11:00:00-20T11:30:00", false},
		{"an end before the beginning", []string{"11:00:00-12:00:00", "12:20:00-12:10:00", "12:00:01-13:00:00"}, "", false},
	} {
		asking(t, nvrtest.Config{Now: stands(noon)}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.Fail(nvrtest.Fault{Path: "ContentMgmt/search", Status: 200, Body: page("OK", tt.files...), Answers: nvrtest.Granted})
			got, complete, err := c.Gaps(t.Context(), central(t), "1", noon.Add(-90*time.Minute), noon)
			if err != nil || sayGaps(got) != tt.want || complete != tt.complete {
				t.Errorf("%s: %q, %v, %v", tt.name, sayGaps(got), complete, err)
			}
		})
	}
	asking(t, nvrtest.Config{Now: stands(noon)}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.Fail(nvrtest.Fault{Path: "ContentMgmt/search", Status: 200, Body: page("MORE", "11:00:00-13:00:00"), Answers: nvrtest.Granted})
		if got, complete, err := c.Gaps(t.Context(), central(t), "1", noon.Add(-time.Hour), noon); len(got) != 0 || complete || err != nil || asks(r, "ContentMgmt/search") != 2 {
			t.Errorf("the same page again: %v, %v, %v", got, complete, err)
		}
		if got, complete, err := c.Gaps(t.Context(), central(t), "2", noon.Add(-time.Hour), noon); sayGaps(got) != "20T11:00:00-20T12:00:00 open" || complete || err != nil {
			t.Errorf("another track's files: %v, %v, %v", got, complete, err)
		}
		before := len(r.Requests())
		for _, channel := range []string{"", "../1", "1/2"} {
			if got, complete, err := c.Gaps(t.Context(), central(t), channel, noon.Add(-time.Hour), noon); got != nil || complete || err != nil {
				t.Errorf("channel %q: %v, %v, %v", channel, got, complete, err)
			}
		}
		if _, complete, err := c.Gaps(t.Context(), central(t), "1", noon, noon); complete || err != nil || len(r.Requests()) != before {
			t.Errorf("a span that is none: %v, %v", complete, err)
		}
	})
}

// In the doubled hour nothing tells which pass is meant: a gap may hide.
func TestGapsWhenTheClockIsPut(t *testing.T) {
	for _, tt := range []struct {
		day, from, to, gapFrom, gapTo, want string
		complete                            bool
	}{
		{autumn, "20:00", "23:00", "21:00", "21:10", "25T20:59:59-25T21:10:00", true},
		{autumn, "00:00", "03:00", "00:30", "01:10", "", false},
		{autumn, "00:00", "03:00", "22:00", "22:01", "", false}, // none
		{spring, "00:00", "03:00", "00:30", "01:10", "29T00:30:00-29T01:10:00", true},
		{spring, "00:00", "03:00", "00:59", "01:00", "29T00:59:00-29T01:00:00", true},
	} {
		clock := func(s string) time.Time { return mustTime(t, tt.day+s+":00Z") }
		asking(t, nvrtest.Config{Channels: 1, Now: stands(clock(tt.to))}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.SetGap(nvrtest.IP(1), clock(tt.gapFrom), clock(tt.gapTo))
			got, complete, err := c.Gaps(t.Context(), central(t), "1", clock(tt.from), clock(tt.to))
			if err != nil || complete != tt.complete || sayGaps(got) != tt.want {
				t.Errorf("%s: %q, %v, %v", tt.day, sayGaps(got), complete, err)
			}
		})
	}
}

func TestRefusedRecordSearches(t *testing.T) {
	const path = "ContentMgmt/search"
	for _, tt := range []struct {
		name  string
		harm  func(*nvrtest.Recorder)
		want  error
		asked int // by two calls for a day
	}{
		{"a missing right", func(r *nvrtest.Recorder) { r.SetRights(nvrtest.Rights{Lacks: []string{"playBack"}}) }, nvr.ErrForbidden, 1},
		{"not supported", func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: path, Status: 403, SubStatus: "notSupport", Answers: nvrtest.Granted})
		}, nvr.ErrUnsupported, 1},
		{"words that aren't understood", func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: path, Status: 400, SubStatus: "badXmlContent", Answers: nvrtest.Granted})
		}, nvr.ErrUnsupported, 2},
		{"busy", func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: path, Status: 503, SubStatus: "deviceBusy", Answers: nvrtest.Granted})
		}, nvr.ErrBusy, 2},
		{"nonsense for a while", func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: path, Status: 500, Times: 2, Answers: nvrtest.Granted})
		}, nil, 6},
		{"nonsense, for ever", func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: path, Status: 500, Answers: nvrtest.Granted})
		}, errRefused, 12},
		{"a span that is too long", func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: path, Status: 200, SubStatus: "searchTimeout", Times: 1, Answers: nvrtest.Granted})
		}, nil, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{Now: stands(noon)}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				signIn(t, c)
				tt.harm(r)
				for range 2 {
					got, complete, err := c.Gaps(t.Context(), central(t), "1", noon.Add(-23*time.Hour), noon)
					var refused *nvr.StatusError
					if len(got) != 0 || complete != (tt.want == nil) || tt.want != errRefused && !errors.Is(err, tt.want) || tt.want == errRefused && !errors.As(err, &refused) {
						t.Errorf("%v, %v, %v", got, complete, err)
					}
				}
				if n := asks(r, path); n != tt.asked {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestPlansThatRecordAlways(t *testing.T) {
	asking(t, nvrtest.Config{Channels: 3}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.SetSchedule(nvrtest.IP(2), "MOTION", true)
		r.SetSchedule(nvrtest.IP(3), "CMR", false)
		tracks, err := c.Tracks(t.Context())
		var all []string
		for _, one := range tracks {
			always := one.Always()
			all = append(all, fmt.Sprint(always.Known, always.Value))
		}
		if got := strings.Join(all, ", "); err != nil || got != "true true, true false, true false" {
			t.Errorf("%s, %v", got, err)
		}
		if always := (nvr.Track{Continuous: true}).Always(); always.Known {
			t.Errorf("%+v", always)
		}
	})
}
