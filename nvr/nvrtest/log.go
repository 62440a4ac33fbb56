package nvrtest

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
	"time"
)

// LogConfig is how a recorder keeps its log and answers searches in it. The zero
// value is a recorder as clients describe them: "Infomation" is misspelt, pages of
// 64, the oldest entry first.
type LogConfig struct {
	// WellSpelt has "Information"; the other spelling then finds nothing.
	WellSpelt bool
	// Strict refuses a metaId it doesn't know by 400 badXmlContent instead of
	// finding nothing.
	Strict bool
	// Root is the only root of a metaId that is understood; by default both
	// "log.std-cgi.com" and "log.hikvision.com" are.
	Root string
	// Page is how many entries a page has at most, 0 is 64.
	Page int
	// Longest is the longest span that is searched in time; longer ones are
	// answered by searchTimeout. 0 is unlimited.
	Longest time.Duration
	// NewestFirst lists the newest entry first.
	NewestFirst bool
	// TotalOff is added to totalMatches.
	TotalOff int
	// Endless says MORE on every page; with Stuck each page is the first one.
	Endless, Stuck bool
	// StopFirst logs a stopAbnormal before the start at which it is noticed.
	StopFirst bool
}

// LogEntry is one line of the log.
type LogEntry struct {
	// At is when it was logged; zero is now.
	At time.Time
	// Major is "Operation", "Exception", "Information" or "Alarm"; Minor a key
	// like "remotePowerOff".
	Major, Minor string
	// Channel is left out if 0, User if empty.
	Channel int
	User    string
	// Stamp replaces the time as it is written, and is searched as At.
	Stamp string
}

// newLog has the start at which the recorder's uptime begins.
func newLog(c Config) []LogEntry {
	return []LogEntry{{At: c.Now().Add(-earlierUptime), Major: "Operation", Minor: "devicePowerOn"}}
}

// AddLog writes a line into the log.
func (r *Recorder) AddLog(e LogEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.At.IsZero() {
		e.At = r.now()
	}
	r.contents.log = append(r.contents.log, e)
}

// ClearLog empties the log.
func (r *Recorder) ClearLog() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.log = nil
}

// logLocked writes a line into the log, now and in a user's name.
func (r *Recorder) logLocked(major, minor, user string) {
	r.contents.log = append(r.contents.log, LogEntry{At: r.now(), Major: major, Minor: minor, User: user})
}

// startedLocked notes that the recorder was down and has started: nothing was
// recorded meanwhile, and a start without an orderly stop since the last one is
// logged as an abnormal stop (the order of the two isn't known of real ones).
func (r *Recorder) startedLocked(down, up time.Time) {
	for _, s := range slices.Concat(r.contents.of(true), r.contents.of(false)) {
		r.setGapLocked(s.channel, down, up)
	}
	start := []LogEntry{{At: up, Major: "Operation", Minor: "devicePowerOn"}}
	if !r.stoppedLocked() {
		start = append(start, LogEntry{At: up, Major: "Operation", Minor: "stopAbnormal"})
	}
	if r.config.Log.StopFirst {
		slices.Reverse(start)
	}
	r.contents.log = append(r.contents.log, start...)
}

// stoppedLocked says whether an orderly stop stands behind the last start.
func (r *Recorder) stoppedLocked() bool {
	for _, e := range slices.Backward(r.contents.log) {
		switch e.Minor {
		case "devicePowerOn":
			return false
		case "devicePowerOff", "localPowerOff", "remotePowerOff", "remotePowerRecycle":
			return true
		}
	}
	return false
}

// LogSearches lists the searches in the log that could be read, oldest first, the
// last 1000 at least.
func (r *Recorder) LogSearches() []LogSearch {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.contents.logSearches)
}

// LogSearch is one: its ID, what it was for, and the span by the device's clock,
// its digits as if they were UTC.
type LogSearch struct {
	ID, Meta string
	From, To time.Time
}

// logRequest is a CMSearchDescription for the log.
type logRequest struct {
	ID    string `xml:"searchID"`
	Meta  string `xml:"metaId"`
	Spans []struct {
		Start string `xml:"startTime"`
		End   string `xml:"endTime"`
	} `xml:"timeSpanList>timeSpan"`
	Max      int `xml:"maxResults"`
	Position int `xml:"searchResultPosition"`
}

// logSearch answers ContentMgmt/logSearch.
func (r *Recorder) logSearch(q asked) answer {
	var s logRequest
	switch {
	case q.method != http.MethodPost:
		return r.refuse(q, http.StatusMethodNotAllowed, "methodNotAllowed")
	case xml.Unmarshal(q.body, &s) != nil:
		return r.refuse(q, http.StatusBadRequest, "badXmlFormat")
	case len(s.Spans) != 1 || s.Max < 1 || s.Position < 0 || s.ID == "" || s.Meta == "":
		return r.refuse(q, http.StatusBadRequest, "badXmlContent")
	}
	from, err1 := wallTime(s.Spans[0].Start)
	to, err2 := wallTime(s.Spans[0].End)
	if err1 == nil && err2 == nil {
		r.noteLogSearch(LogSearch{s.ID, s.Meta, from, to})
	}
	l := r.config.Log
	wanted, understood := l.wanted(s.Meta)
	switch {
	case err1 != nil || err2 != nil || to.Before(from) || l.Strict && !understood:
		return r.refuse(q, http.StatusBadRequest, "badXmlContent")
	case l.Longest > 0 && to.Sub(from) > l.Longest:
		return r.refuse(q, http.StatusServiceUnavailable, "searchTimeout")
	}
	var found []LogEntry
	for _, e := range r.contents.log {
		if at := r.wall(e.At); understood && strings.HasPrefix(l.meta(e)+"/", wanted) && !at.Before(from) && !at.After(to) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b LogEntry) int { return a.At.Compare(b.At) })
	if l.NewestFirst {
		slices.Reverse(found)
	}
	return r.document(http.StatusOK, r.logResult(s, found))
}

func (r *Recorder) noteLogSearch(s LogSearch) {
	if len(r.contents.logSearches) >= 2000 {
		r.contents.logSearches = slices.Clone(r.contents.logSearches[1000:])
	}
	r.contents.logSearches = append(r.contents.logSearches, s)
}

// wanted is how the metaIds below a root must begin that a search is for.
func (l LogConfig) wanted(meta string) (prefix string, understood bool) {
	root, rest, _ := strings.Cut(meta, "/")
	switch {
	case l.Root != "" && root != l.Root, root != "log.std-cgi.com" && root != "log.hikvision.com":
		return "", false
	case rest == "":
		return "", true
	}
	major, _, _ := strings.Cut(rest, "/")
	return rest + "/", slices.Contains([]string{"Operation", "Exception", "Alarm", l.major("Information")}, major)
}

func (l LogConfig) major(word string) string {
	if word == "Information" && !l.WellSpelt {
		return "Infomation"
	}
	return word
}

// meta is an entry's metaId below its root.
func (l LogConfig) meta(e LogEntry) string {
	meta := l.major(e.Major) + "/" + e.Minor
	if e.Channel != 0 {
		meta += "/" + number(e.Channel)
	}
	return meta
}

// logResult is a page of what was found.
func (r *Recorder) logResult(s logRequest, found []LogEntry) *element {
	l := r.config.Log
	page, position := 64, min(s.Position, len(found))
	if l.Page > 0 {
		page = l.Page
	}
	if l.Stuck {
		position = 0
	}
	some := found[position:min(position+min(s.Max, page), len(found))]
	status := "OK"
	switch {
	case l.Endless, position+len(some) < len(found):
		status = "MORE"
	case len(some) == 0:
		status = "NO MATCHES"
	}
	list := parent("matchList")
	for _, e := range some {
		stamp := e.Stamp
		if stamp == "" {
			stamp = r.wall(e.At).Format("2006-01-02T15:04:05Z")
		}
		list.add(parent("searchMatchItem", parent("logDescriptor", el("metaId", "log.hikvision.com/"+l.meta(e)), el("StartDateTime", stamp),
			when(e.User != "", el("userName", e.User)), when(e.User != "", el("ipAddress", "192.0.2.20")))))
	}
	return r.traits.root("CMSearchResult", el("searchID", s.ID), el("responseStatus", "true"), el("responseStatusStrg", status),
		el("totalMatches", number(len(found)+l.TotalOff)), el("numOfMatches", number(len(some))), list)
}
