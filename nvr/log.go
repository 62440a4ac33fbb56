package nvr

import (
	"context"
	"html"
	"slices"
	"strings"
	"time"
)

const (
	maxLogEntries = 2000
	logPage       = 64 // of up to 64 as clients ask
	// shortestLog is the span at which a search that times out isn't halved again.
	shortestLog = time.Minute
	// logStray is how far an entry may lie outside of the span that was asked for
	// and still be believed to be logged there.
	logStray = 24 * time.Hour
	anyMajor = ""
)

// LogEntry is one line of the recorder's log.
type LogEntry struct {
	// Time is UTC, by the device's clock and its own zone rule, in whole seconds. In
	// the hour that autumn has twice it is the first pass unless the order of the
	// lines or the span asked for tell otherwise.
	Time time.Time
	// Major is "Operation", "Exception", "Information" (also where the device
	// writes "Infomation"), "Alarm", or another word as it came.
	Major string
	// Minor is the key as it came, "remotePowerOff" for example; may be empty.
	Minor string
	// Channel is the number at the end of the metaId, empty where none is told.
	Channel string
	User    string
	Kind    LogKind
}

// Log reads the log between two moments, oldest entry first: of the majors, or
// all of it. A recorder may need 40 requests for it, each of which has the usual
// time unless ctx has a deadline, and no more are sent; 2,000 entries are read at
// most, both in equal parts of the majors. complete is false if there is or may be
// more, or if a line has no time that can be right. With an error come the entries that were
// read before it.
//
// Times are the device's clock's, which isn't corrected: a caller that knows a
// difference adds it. ErrForbidden says that the account may not read the log
// (logOrStateCheck); some recorder may also answer an empty one by a refusal, which
// is an error here and never an empty log (ISAPI guide; clients' notes).
func (c *Client) Log(ctx context.Context, zone Zone, from, to time.Time, majors ...string) (entries []LogEntry, complete bool, err error) {
	if !from.Before(to) {
		return nil, false, nil
	}
	if len(majors) == 0 {
		majors = []string{anyMajor}
	}
	l := logReading{client: c, zone: zone, from: from, to: to, roots: []string{"log.std-cgi.com", "log.hikvision.com"}}
	for i, major := range majors {
		left := len(majors) - i
		l.pages, l.room = l.pages+maxSearchPages/len(majors), (maxLogEntries-l.found)/left
		if err = l.major(ctx, major); err != nil {
			l.cut = true
			break
		}
	}
	slices.SortStableFunc(l.entries, func(a, b LogEntry) int { return a.Time.Compare(b.Time) })
	return l.entries, !l.cut, err
}

// logReading is one call of Log.
type logReading struct {
	client   *Client
	zone     Zone
	from, to time.Time
	// roots are those of a metaId that may be understood: both are in use.
	roots       []string
	pages, room int // for the major that is read
	found       int // entries in the device's answers
	entries     []LogEntry
	cut         bool
}

// major reads the entries of one major. "Information" is misspelt on recorders
// (access terminals spell it right): the right one comes first, and the wrong one
// if that gives nothing.
func (l *logReading) major(ctx context.Context, major string) error {
	words := []string{major}
	if strings.EqualFold(major, "Information") {
		words = []string{"Information", "Infomation"}
	}
	var refused error
	for _, root := range l.roots {
		understood := false
		for _, word := range words {
			before := l.found
			err := l.search(ctx, root, word)
			switch {
			case err == nil:
				understood = true
			case ofWords(err):
				refused = err
			default:
				return err
			}
			if l.found > before {
				break
			}
		}
		if understood {
			l.roots = []string{root}
			return nil
		}
	}
	return refused
}

// search reads what one metaId stands for.
func (l *logReading) search(ctx context.Context, root, word string) error {
	meta := root
	if word != anyMajor {
		meta += "/" + word
	}
	s := searching{
		client: l.client, path: pathLog,
		subject: "<metaId>" + html.EscapeString(meta) + "</metaId>", position: "searchResultPosition", most: logPage,
		sure:    word == "Operation" || word == "Exception" || word == anyMajor,
		tooLong: searchTimeout, shortest: shortestLog,
		pages: l.pages, room: l.room,
	}
	s.take = func(items []searchItem, first, last time.Time) {
		l.found += len(items)
		entries, all := readLog(items, l.zone, span{l.from, l.to}, span{first, last})
		l.entries, l.cut = append(l.entries, entries...), l.cut || !all
	}
	first, last := l.zone.digits(l.from, l.to)
	err := s.span(ctx, first, last)
	l.pages, l.room = s.pages, s.room
	l.cut = l.cut || s.cut
	return err
}

// span is from one moment to another, both included.
type span struct{ from, to time.Time }

// readLog reads the lines of one search. all is false if one has no time that can
// be right: it may belong to what was asked for.
func readLog(items []searchItem, zone Zone, within, asked span) (entries []LogEntry, all bool) {
	all = true
	var walls []time.Time
	for _, item := range items {
		wall, ok := deviceTime(text(item.Logged))
		if !ok || wall.Before(asked.from.Add(-logStray)) || wall.After(asked.to.Add(logStray)) {
			all = false
			continue
		}
		e := logMeta(text(item.Meta))
		e.User = bounded([]byte(text(item.User)))
		entries, walls = append(entries, e), append(walls, wall)
	}
	newest, sure := zone.newestFirst(walls)
	if newest {
		slices.Reverse(entries)
		slices.Reverse(walls)
	}
	kept := entries[:0]
	for i, t := range zone.moments(walls, within.from.Truncate(time.Second), within.to, sure) {
		if !t.IsZero() {
			entries[i].Time = t
			kept = append(kept, entries[i])
		}
	}
	return kept, all
}

// logMeta reads a metaId, "log.hikvision.com/Alarm/motionStart/15" for example.
func logMeta(meta string) (e LogEntry) {
	parts := strings.FieldsFunc(meta, func(r rune) bool { return r == '/' })
	if len(parts) > 0 && strings.Contains(parts[0], ".") {
		parts = parts[1:] // the root
	}
	if last := len(parts) - 1; last >= 2 && onlyDigits(parts[last]) {
		e.Channel = parts[last]
	}
	if len(parts) > 0 {
		e.Major = majorOf(parts[0])
	}
	if len(parts) > 1 {
		e.Minor = bounded([]byte(parts[1]))
	}
	e.Kind = logKindOf(e.Minor)
	return e
}

func majorOf(word string) string {
	if strings.EqualFold(word, "Infomation") {
		return "Information"
	}
	for _, known := range []string{"Operation", "Exception", "Information", "Alarm"} {
		if strings.EqualFold(word, known) {
			return known
		}
	}
	return bounded([]byte(word))
}
