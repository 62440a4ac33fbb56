package nvrtest

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// recordedBefore is how long a new recorder has recorded.
	recordedBefore = 20 * 24 * time.Hour
	// fileLength is how long a file is, with the seam of a second to the next one.
	fileLength = time.Hour
	seam       = time.Second
	// maxMatches is where numOfMatches ends (DVRtool).
	maxMatches = 4000
)

// SetRecordedSince says since when all channels have recorded without a gap; the
// zero time is that nothing was recorded. By default it is 20 days before New.
func (r *Recorder) SetRecordedSince(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.recordedSince = t
}

// wall is the device's clock, its digits written as if they were UTC.
func (r *Recorder) wall(t time.Time) time.Time {
	return r.zone.wall(t.Add(r.config.ClockOffset)).Truncate(time.Second)
}

// footage is what there is by the device's clock; false for nothing.
func (r *Recorder) footage() (from, to time.Time, any bool) {
	since, now := r.contents.recordedSince, r.now()
	if since.IsZero() || !since.Before(now) {
		return from, to, false
	}
	return r.wall(since), r.wall(now), true
}

// distribution answers the days of a month that have footage.
func (r *Recorder) distribution(q asked, track string) answer {
	var param struct {
		Year  int `xml:"year"`
		Month int `xml:"monthOfYear"`
	}
	id, err := strconv.Atoi(track)
	if _, found := r.contents.channelOf(id); err != nil || !found || !r.config.Model.recorder() {
		return r.unsupported(q)
	}
	switch {
	case q.method != http.MethodPost:
		return r.refuse(q, http.StatusMethodNotAllowed, "methodNotAllowed")
	case xml.Unmarshal(q.body, &param) != nil:
		return r.refuse(q, http.StatusBadRequest, "badXmlFormat")
	case param.Year < 1970 || param.Month < 1 || param.Month > 12:
		return r.refuse(q, http.StatusBadRequest, "badXmlContent")
	}
	from, to, some := r.footage()
	list := parent("dayList")
	first := time.Date(param.Year, time.Month(param.Month), 1, 0, 0, 0, 0, time.UTC)
	for day := first; day.Month() == first.Month(); day = day.AddDate(0, 0, 1) {
		has := some && day.AddDate(0, 0, 1).After(from) && day.Before(to)
		list.add(parent("day", el("id", number(day.Day())), el("dayOfMonth", number(day.Day())), el("record", yesNo(has)),
			when(has, el("recordType", "time"))))
	}
	return r.document(http.StatusOK, r.traits.root("trackDailyDistribution", list))
}

// searchRequest is a CMSearchDescription. The position's tag has two spellings.
type searchRequest struct {
	ID     string `xml:"searchID"`
	Tracks []int  `xml:"trackIDList>trackID"`
	Others []int  `xml:"trackList>trackID"`
	Spans  []struct {
		Start string `xml:"startTime"`
		End   string `xml:"endTime"`
	} `xml:"timeSpanList>timeSpan"`
	Max       int `xml:"maxResults"`
	Position  int `xml:"searchResultPostion"`
	Position2 int `xml:"searchResultPosition"`
}

// span is a stretch of footage by the device's clock.
type span struct {
	track    int
	from, to time.Time
}

// search answers ContentMgmt/search.
func (r *Recorder) search(q asked) answer {
	var s searchRequest
	switch {
	case q.method != http.MethodPost:
		return r.refuse(q, http.StatusMethodNotAllowed, "methodNotAllowed")
	case xml.Unmarshal(q.body, &s) != nil:
		return r.refuse(q, http.StatusBadRequest, "badXmlFormat")
	case len(s.Spans) != 1 || s.Max < 1:
		return r.refuse(q, http.StatusBadRequest, "badXmlContent")
	}
	from, err1 := wallTime(s.Spans[0].Start)
	to, err2 := wallTime(s.Spans[0].End)
	switch {
	case err1 != nil || err2 != nil || to.Before(from) || to.Year() > 2038:
		return r.refuse(q, http.StatusBadRequest, "badXmlContent")
	case r.config.Model == OldNVR && to.Sub(from) > 24*time.Hour:
		return r.refuse(q, http.StatusInternalServerError, "deviceError")
	}
	var found []span
	for _, track := range append(s.Tracks, s.Others...) {
		if one, known := r.contents.channelOf(track); known {
			found = append(found, r.files(one, from, to)...)
		}
	}
	slices.SortStableFunc(found, func(a, b span) int { return a.from.Compare(b.from) })
	return r.document(http.StatusOK, r.searchResult(s, found))
}

// wallTime reads the digits of a time; "Z" is what everybody writes there, though
// the digits are the device's clock's.
func wallTime(s string) (time.Time, error) {
	return time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(s, "Z"))
}

// SetGap takes what a channel recorded in a stretch away, or what it will record.
func (r *Recorder) SetGap(c Channel, from, to time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setGapLocked(c, from, to)
}

func (r *Recorder) setGapLocked(c Channel, from, to time.Time) {
	if r.contents.gaps == nil {
		r.contents.gaps = map[Channel][]gap{}
	}
	r.contents.gaps[c] = append(r.contents.gaps[c], gap{from, to})
}

// gap is a stretch without footage.
type gap struct{ from, to time.Time }

// files are the files of a channel that overlap a window of the device's clock,
// oldest first; the newest ends now.
func (r *Recorder) files(s slot, from, to time.Time) []span {
	begin, end := r.contents.recordedSince, r.now()
	if begin.IsZero() {
		return nil
	}
	// In summer the clock differs by the shift from what it is in winter.
	margin := r.zone.shift.Abs() + fileLength
	skip := max((from.Sub(r.wall(begin))-margin)/fileLength, 0)
	var all []span
	for at := begin.Add(skip * fileLength); at.Before(end) && !r.wall(at).After(to.Add(margin)); at = at.Add(fileLength) {
		file := gap{at, at.Add(fileLength - seam)}
		if file.to.After(end) {
			file.to = end
		}
		for _, piece := range file.without(r.contents.gaps[s.channel]) {
			one := span{trackOf(s.channel), r.wall(piece.from), r.wall(piece.to)}
			if !one.to.Before(from) && !one.from.After(to) {
				all = append(all, one)
			}
		}
	}
	return all
}

// without is what the gaps leave of a stretch.
func (g gap) without(gaps []gap) []gap {
	left := []gap{g}
	for _, hole := range gaps {
		var rest []gap
		for _, piece := range left {
			if before := (gap{piece.from, minTime(piece.to, hole.from)}); before.from.Before(before.to) {
				rest = append(rest, before)
			}
			if behind := (gap{maxTime(piece.from, hole.to), piece.to}); behind.from.Before(behind.to) {
				rest = append(rest, behind)
			}
		}
		left = rest
	}
	return left
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// searchResult is a page of what was found. A page of one tells the total (DVRtool).
func (r *Recorder) searchResult(s searchRequest, found []span) *element {
	position := min(max(s.Position, s.Position2, 0), len(found))
	page := found[position:min(position+s.Max, len(found))]
	status, matches := "OK", len(page)
	switch {
	case len(page) == 0:
		status = "NO MATCHES"
	case position+len(page) < len(found):
		status = "MORE"
	}
	if s.Max == 1 {
		matches = min(len(found), maxMatches)
	}
	list := parent("matchList")
	for _, f := range page {
		list.add(searchMatch(f))
	}
	return r.traits.root("CMSearchResult", el("searchID", s.ID), el("responseStatus", "true"), el("responseStatusStrg", status),
		el("numOfMatches", number(matches)), list)
}

func searchMatch(f span) *element {
	const digits, packed = "2006-01-02T15:04:05Z", "20060102T150405Z"
	track := number(f.track)
	uri := "rtsp://192.0.2.64/Streaming/tracks/" + track + "/?starttime=" + f.from.Format(packed) + "&endtime=" + f.to.Format(packed) +
		"&name=ch" + track + "_" + f.from.Format("150405") + "&size=1073741824"
	return parent("searchMatchItem", el("sourceID", "{00000000-0000-0000-0000-000000000000}"), el("trackID", track),
		parent("timeSpan", el("startTime", f.from.Format(digits)), el("endTime", f.to.Format(digits))),
		parent("mediaSegmentDescriptor", el("contentType", "video"), el("codecType", "H.264-BP"), el("playbackURI", uri)),
		parent("metadataMatches", el("metadataDescriptor", "recordType.meta.std-cgi.com/timing")))
}
