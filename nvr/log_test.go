package nvr_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

const logPath = "ContentMgmt/logSearch"

// central is the simulator's own zone.
func central(t *testing.T) nvr.Zone {
	t.Helper()
	z, err := nvr.ParseZone(nvrtest.DefaultTimeZone)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// say writes entries down, one a string.
func say(entries []nvr.LogEntry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, strings.TrimRight(fmt.Sprint(e.Time.Format("02T15:04:05"), " ", e.Major, " ", e.Minor, " ", e.Channel, e.User), " "))
	}
	return all
}

// noon is a day in winter: the device's clock is an hour ahead.
var noon = time.Date(2026, 1, 20, 12, 0, 0, 0, time.UTC)

func fill(r *nvrtest.Recorder, entries ...nvrtest.LogEntry) {
	r.ClearLog()
	for _, e := range entries {
		r.AddLog(e)
	}
}

func ago(minutes int, major, minor string) nvrtest.LogEntry {
	return nvrtest.LogEntry{At: noon.Add(-time.Duration(minutes) * time.Minute), Major: major, Minor: minor}
}

// signIn has the account accepted, as it is before anything else is asked.
func signIn(t *testing.T, c *nvr.Client) {
	t.Helper()
	if _, err := c.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// asks counts the requests that were answered for a path.
func asks(r *nvrtest.Recorder, path string) (n int) {
	for _, p := range paths(r) {
		if p == path {
			n++
		}
	}
	return n
}

func TestTheLogIsReadOldestFirst(t *testing.T) {
	lines := []nvrtest.LogEntry{
		ago(61, "Operation", "tooOld"), ago(60, "Operation", "remoteLogin"), ago(-1, "Operation", "tooNew"),
		{At: noon.Add(-30 * time.Minute), Major: "Exception", Minor: "ipcDisconnect", Channel: 3},
		{At: noon.Add(-10 * time.Minute), Major: "Operation", Minor: "remotePowerOff", User: "owner"},
		ago(20, "Information", "hddInfo"), ago(0, "Alarm", "motionStart"),
	}
	operation := []string{"20T11:00:00 Operation remoteLogin", "20T11:50:00 Operation remotePowerOff owner"}
	all := []string{operation[0], "20T11:30:00 Exception ipcDisconnect 3", "20T11:40:00 Information hddInfo", operation[1], "20T12:00:00 Alarm motionStart"}
	for _, tt := range []struct {
		name   string
		log    nvrtest.LogConfig
		majors []string
		want   []string
		asked  int
	}{
		{"one major", nvrtest.LogConfig{}, []string{"Operation"}, operation, 1},
		{"several", nvrtest.LogConfig{}, []string{"Exception", "Operation"}, []string{all[0], all[1], all[3]}, 2},
		{"all by the root alone", nvrtest.LogConfig{}, nil, all, 1},
		{"misspelt", nvrtest.LogConfig{}, []string{"Information"}, all[2:3], 2},
		{"misspelt, and the right word is refused", nvrtest.LogConfig{Strict: true}, []string{"Information"}, all[2:3], 2},
		{"well spelt", nvrtest.LogConfig{WellSpelt: true}, []string{"Information"}, all[2:3], 1},
		{"newest first", nvrtest.LogConfig{NewestFirst: true}, nil, all, 1},
		{"the other root, the first being refused", nvrtest.LogConfig{Strict: true, Root: "log.hikvision.com"}, []string{"Operation", "Exception", "Information"}, all[:4], 5},
		{"a leaf", nvrtest.LogConfig{}, []string{"Operation/remotePowerOff"}, operation[1:], 1},
		{"pages of one", nvrtest.LogConfig{Page: 1}, nil, all, 5},
		{"spans of ten minutes at most", nvrtest.LogConfig{Longest: 10 * time.Minute}, nil, all, 15},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{Log: tt.log}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				signIn(t, c)
				fill(r, lines...)
				got, complete, err := c.Log(t.Context(), central(t), noon.Add(-time.Hour), noon, tt.majors...)
				if err != nil || !complete {
					t.Errorf("complete %v, %v", complete, err)
				}
				if !slices.Equal(say(got), tt.want) {
					t.Errorf("got  %q\nwant %q", say(got), tt.want)
				}
				if n := asks(r, logPath); n != tt.asked {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestNothingLoggedIsACompleteAnswer(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.ClearLog()
		got, complete, err := c.Log(t.Context(), central(t), noon.Add(-time.Hour), noon, "Operation", "Information")
		if err != nil || !complete || len(got) != 0 {
			t.Errorf("%v, %v, %v", got, complete, err)
		}
		before := len(r.Requests())
		if _, complete, err := c.Log(t.Context(), central(t), noon, noon); complete || err != nil || len(r.Requests()) != before {
			t.Errorf("a span that is none: %v, %v", complete, err)
		}
	})
}

// flood has so many lines, a second apart.
func flood(r *nvrtest.Recorder, major string, lines int) {
	for i := range lines {
		r.AddLog(nvrtest.LogEntry{At: noon.Add(time.Duration(i-lines) * time.Second), Major: major, Minor: "remoteLogin", User: fmt.Sprint(i)})
	}
}

func TestALogThatMayHaveMoreIsNotComplete(t *testing.T) {
	for _, tt := range []struct {
		name     string
		log      nvrtest.LogConfig
		lines    int
		entries  int
		complete bool
		asked    int
	}{
		{"some pages", nvrtest.LogConfig{}, 500, 500, true, 8},
		{"the last page is full", nvrtest.LogConfig{}, 128, 128, true, 2},
		{"more entries than are read", nvrtest.LogConfig{}, 2100, 2000, false, 32},
		{"more pages than are asked for", nvrtest.LogConfig{Page: 20}, 900, 800, false, 40},
		{"a total that is too large", nvrtest.LogConfig{TotalOff: 1}, 100, 100, false, 2},
		{"a total that is too small", nvrtest.LogConfig{TotalOff: -90}, 100, 100, true, 2},
		{"MORE behind the end", nvrtest.LogConfig{Endless: true}, 100, 100, false, 3},
		{"MORE of nothing", nvrtest.LogConfig{Endless: true}, 0, 0, false, 1},
		{"the same page again", nvrtest.LogConfig{Endless: true, Stuck: true}, 100, 64, false, 2},
		{"shorter spans", nvrtest.LogConfig{Longest: 10 * time.Minute}, 1200, 1200, true, 33},
		{"more entries in shorter spans", nvrtest.LogConfig{Longest: 40 * time.Minute}, 2100, 2000, false, 33},
		{"a span that is always too long", nvrtest.LogConfig{Longest: time.Second}, 100, 0, false, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{Log: tt.log}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				signIn(t, c)
				r.ClearLog()
				flood(r, "Operation", tt.lines)
				got, complete, err := c.Log(t.Context(), central(t), noon.Add(-time.Hour), noon, "Operation")
				if tooLong := tt.log.Longest == time.Second; errors.Is(err, nvr.ErrBusy) != tooLong || (err != nil) != tooLong {
					t.Error(err)
				}
				if len(got) != tt.entries || complete != tt.complete {
					t.Errorf("%d entries, complete %v", len(got), complete)
				}
				for i, e := range got {
					if e.User != fmt.Sprint(i) {
						t.Fatalf("entry %d is %s", i, e.User)
					}
				}
				if n := asks(r, logPath); n != tt.asked {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestAFloodOfOneMajorLeavesRoomForTheOthers(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.ClearLog()
		flood(r, "Operation", 3000)
		flood(r, "Exception", 100)
		got, complete, err := c.Log(t.Context(), central(t), noon.Add(-time.Hour), noon, "Operation", "Exception")
		count := map[string]int{}
		for _, e := range got {
			count[e.Major]++
		}
		if err != nil || complete || count["Operation"] != 1000 || count["Exception"] != 100 || asks(r, logPath) > 40 {
			t.Errorf("%v, %v, %v, %d requests", count, complete, err, asks(r, logPath))
		}
	})
}

func TestEachSearchHasItsID(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		flood(r, "Operation", 100)
		for range 2 {
			if _, _, err := c.Log(t.Context(), central(t), noon.Add(-time.Hour), noon, "Operation", "Exception"); err != nil {
				t.Fatal(err)
			}
		}
		var ids []string
		for _, q := range r.LogSearches() {
			if len(ids) == 0 || ids[len(ids)-1] != q.ID {
				ids = append(ids, q.ID)
			}
			if len(q.ID) != 36 {
				t.Errorf("%q", q.ID)
			}
		}
		if n := len(r.LogSearches()); n != 6 || len(ids) != 4 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 4 {
			t.Errorf("%d searches, %q", n, ids)
		}
	})
}

func TestRefusalsOfTheLog(t *testing.T) {
	fault := func(f nvrtest.Fault) func(*nvrtest.Recorder) {
		f.Path, f.Answers = logPath, nvrtest.Granted
		return func(r *nvrtest.Recorder) { r.Fail(f) }
	}
	for _, tt := range []struct {
		name   string
		model  nvrtest.Model
		harm   func(*nvrtest.Recorder)
		majors []string
		want   error
		asked  int // by two calls
	}{
		{"a missing right", nvrtest.NVR, func(r *nvrtest.Recorder) { r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}}) }, []string{"Operation"}, nvr.ErrForbidden, 1},
		{"a missing right, asked by an unsure word", nvrtest.NVR, func(r *nvrtest.Recorder) { r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}}) }, []string{"Information"}, nvr.ErrForbidden, 1},
		{"a camera", nvrtest.Camera, nil, []string{"Operation"}, nvr.ErrUnsupported, 1},
		{"not supported", nvrtest.NVR, fault(nvrtest.Fault{Status: 403, SubStatus: "notSupport"}), []string{"Operation"}, nvr.ErrUnsupported, 1},
		{"not supported, said of an unsure word", nvrtest.NVR, fault(nvrtest.Fault{Status: 403, SubStatus: "notSupport"}), []string{"Information"}, nvr.ErrUnsupported, 8},
		{"403 without a word may be an empty log", nvrtest.NVR, fault(nvrtest.Fault{Status: 403, Body: []byte(" ")}), []string{"Operation"}, nvr.ErrUnsupported, 4},
		{"busy", nvrtest.NVR, fault(nvrtest.Fault{Status: 503, SubStatus: "deviceBusy"}), []string{"Operation"}, nvr.ErrBusy, 2},
		{"busy under 200", nvrtest.NVR, fault(nvrtest.Fault{Status: 200, SubStatus: "deviceBusy"}), []string{"Operation"}, nvr.ErrBusy, 2},
		{"the words under 200", nvrtest.NVR, fault(nvrtest.Fault{Status: 200, SubStatus: "badXmlContent"}), []string{"Operation"}, errRefused, 4},
		{"still booting", nvrtest.NVR, fault(nvrtest.Fault{Status: 500}), []string{"Operation"}, errRefused, 2},
		{"another document", nvrtest.NVR, fault(nvrtest.Fault{Status: 200, Body: []byte("<storage/>")}), []string{"Operation"}, nvr.ErrDocument, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{Model: tt.model}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				signIn(t, c)
				if tt.harm != nil {
					tt.harm(r)
				}
				for range 2 {
					got, complete, err := c.Log(t.Context(), central(t), noon.Add(-time.Hour), noon, tt.majors...)
					var refused *nvr.StatusError
					if len(got) != 0 || complete || err == nil || tt.want != errRefused && !errors.Is(err, tt.want) || tt.want == errRefused && !errors.As(err, &refused) {
						t.Errorf("%v, %v, %v", got, complete, err)
					}
				}
				if n := asks(r, logPath); n != tt.asked {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestAnErrorComesWithWhatWasReadBefore(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.ClearLog()
		flood(r, "Operation", 100)
		signIn(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		r.Fail(nvrtest.Fault{Path: logPath, Delay: 20 * time.Second, Answers: nvrtest.Granted})
		got, complete, err := c.Log(ctx, central(t), noon.Add(-time.Hour), noon, "Operation")
		if len(got) != 64 || complete || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d entries, %v, %v", len(got), complete, err)
		}
	})
}
