package nvr

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// seamBetweenFiles is what lies between two files without being a gap (seen
	// by clients; the next file begins a second later).
	seamBetweenFiles = 2 * time.Second
	// listedLate is how long the end of a recording may be missing from the list,
	// as the file that is being written isn't up to date there (a guess).
	listedLate = 2 * time.Minute
	// longestSearch is a day: longer spans fail on some recorders, by HTTP 500 with
	// nonsense (DS-7716NI-I4/16P V4.61.030).
	longestSearch  = 24 * time.Hour
	shortestSearch = time.Hour
	searchMatches  = 100 // on a page; clients ask for 40 to 200
)

// Gap is a stretch without recording.
type Gap struct {
	From, To time.Time
	// Open says that nothing recorded is listed behind it, and To is only the end of
	// what was asked for. It may be no gap at all: the newest file may be listed
	// when it is closed.
	Open bool
}

// Always says whether the plan is to record all the time. Only then is a gap a
// fault: by motion or by the hour there are gaps by design.
func (t Track) Always() Maybe[bool] {
	if !t.Continuous {
		return known(false)
	}
	return t.Scheduled
}

// Gaps lists the stretches between two moments in which a channel's main stream
// wasn't recorded, oldest first; those under two seconds are seams between files.
// They are judged by Track.Always, not here. Times are the device's clock's, as in
// Log. It takes a request a day and 40 at most, each of which has the usual time
// unless ctx has a deadline.
//
// complete is false if not all was read, if the last gap is open, or if a recording
// begins or ends in the hour that autumn has twice, since nothing tells which is
// meant: then there may be other gaps than these. An end that lacks less than two
// minutes is no gap. On error nothing is known.
func (c *Client) Gaps(ctx context.Context, zone Zone, channel string, from, to time.Time) (gaps []Gap, complete bool, err error) {
	if !onlyDigits(channel) || !from.Before(to) {
		return nil, false, nil
	}
	track := channel + "01"
	var files []span
	s := searching{
		client: c, path: pathSearch, position: "searchResultPostion", most: searchMatches,
		subject: "<trackIDList><trackID>" + track + "</trackID></trackIDList>",
		tail:    "<metadataList><metadataDescriptor>//recordType.meta.std-cgi.com</metadataDescriptor></metadataList>",
		tooLong: func(err error) bool { return searchTimeout(err) || internalError(err) }, shortest: shortestSearch,
		sure: true, pages: maxSearchPages, room: maxSearchPages * searchMatches,
	}
	s.take = func(items []searchItem, _, _ time.Time) {
		some, all := readFiles(items, zone, track)
		files, s.cut = append(files, some...), s.cut || !all
	}
	first, last := zone.digits(from, to)
	for ; !first.After(last); first = first.Add(longestSearch) {
		end := first.Add(longestSearch - time.Second)
		if end.After(last) {
			end = last
		}
		if err := s.span(ctx, first, end); err != nil {
			return nil, false, err
		}
	}
	gaps = between(files, from, to)
	open := len(gaps) > 0 && gaps[len(gaps)-1].Open
	return gaps, !s.cut && !open, nil
}

func internalError(err error) bool {
	var s *StatusError
	return errors.As(err, &s) && s.HTTP == http.StatusInternalServerError
}

// readFiles reads the matches of one search. all is false if one couldn't be read
// for sure.
func readFiles(items []searchItem, zone Zone, track string) (files []span, all bool) {
	all = true
	for _, item := range items {
		if t := text(item.Track); t != "" && !strings.EqualFold(t, track) {
			continue
		}
		start, ok1 := deviceTime(text(item.Start))
		end, ok2 := deviceTime(text(item.End))
		if !ok1 || !ok2 {
			all = false
			continue
		}
		starts, ends := zone.readings(start), zone.readings(end)
		if len(starts) > 1 || len(ends) > 1 {
			all = false
		}
		// In the doubled hour it gets the most that it can mean.
		file := span{starts[0], ends[len(ends)-1]}
		if file.to.Before(file.from) {
			all = false
			continue
		}
		files = append(files, file)
	}
	return files, all
}

// between is what files leave of a stretch.
func between(files []span, from, to time.Time) (gaps []Gap) {
	slices.SortFunc(files, func(a, b span) int { return a.from.Compare(b.from) })
	covered := from
	for _, f := range files {
		if f.from.After(to) {
			break
		}
		if f.from.Sub(covered) >= seamBetweenFiles {
			gaps = append(gaps, Gap{From: covered, To: f.from})
		}
		if f.to.After(covered) {
			covered = f.to
		}
	}
	if to.Sub(covered) >= listedLate {
		gaps = append(gaps, Gap{From: covered, To: to, Open: true})
	}
	return gaps
}
