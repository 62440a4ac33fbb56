package nvr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	pathLog    = "ContentMgmt/logSearch"
	pathSearch = "ContentMgmt/search"

	maxSearchPages = 40 // requests of one call
	searchDigits   = "2006-01-02T15:04:05Z"
)

// searchItem is one match of a search in the log or the recordings.
type searchItem struct {
	Meta   string `xml:"logDescriptor>metaId"`
	Logged string `xml:"logDescriptor>StartDateTime"`
	User   string `xml:"logDescriptor>userName"`

	Track string `xml:"trackID"`
	Start string `xml:"timeSpan>startTime"`
	End   string `xml:"timeSpan>endTime"`
}

// searchPage is a CMSearchResult.
type searchPage struct {
	Status string       `xml:"responseStatusStrg"`
	Total  string       `xml:"totalMatches"`
	Count  string       `xml:"numOfMatches"`
	Items  []searchItem `xml:"matchList>searchMatchItem"`
}

// searching is one question that takes many requests: a device answers in pages,
// and gives up on spans that are too long for it.
type searching struct {
	client *Client
	path   string
	// subject stands before the span in the description, tail at its end;
	// position is the tag's name, which differs.
	subject, position, tail string
	most                    int // matches on a page
	// sure says that "not supported" can't be about the subject.
	sure bool
	// tooLong says that a refusal may be about the span; shortest is where that
	// ends.
	tooLong  func(error) bool
	shortest time.Duration
	// take is given the matches of each span, in the device's order. They lie
	// between first and last by its clock if it keeps to the question.
	take func(items []searchItem, first, last time.Time)

	pages, room int  // requests and matches that are left
	cut         bool // not all was read
}

// span asks for all between two readings of the device's clock, both included.
func (s *searching) span(ctx context.Context, first, last time.Time) error {
	items, err := s.read(ctx, first, last)
	if length := last.Sub(first); err != nil && s.tooLong(err) && length > s.shortest && s.pages > 0 {
		middle := first.Add(length / 2).Truncate(time.Second)
		if err := s.span(ctx, first, middle.Add(-time.Second)); err != nil {
			return err
		}
		return s.span(ctx, middle, last)
	}
	if len(items) > s.room {
		items, s.cut = items[:s.room], true
	}
	s.room -= len(items)
	s.take(items, first, last)
	return err
}

// read reads the pages of one search. What the device says of their number isn't
// relied on: the next page begins behind what came.
func (s *searching) read(ctx context.Context, first, last time.Time) (all []searchItem, err error) {
	id := searchID()
	var before []searchItem
	for {
		if s.pages == 0 || len(all) >= s.room {
			s.cut = true
			return all, nil
		}
		s.pages--
		var page searchPage
		if err := s.ask(ctx, s.body(id, first, last, len(all)), &page); err != nil {
			return all, err
		}
		more, whole := page.more(len(all) + len(page.Items))
		if more && (len(page.Items) == 0 || slices.Equal(page.Items, before)) {
			s.cut = true // it doesn't get on
			return all, nil
		}
		all, before = append(all, page.Items...), page.Items
		if !more {
			s.cut = s.cut || !whole
			return all, nil
		}
	}
}

// more says whether another page is to be asked for, and if not, whether what was
// read is all: so many matches with this page.
func (p searchPage) more(read int) (more, whole bool) {
	switch strings.ToUpper(strings.Join(strings.Fields(p.Status), "")) {
	case "MORE":
		return true, false
	case "OK", "NOMATCHES":
		total, count := number(p.Total), number(p.Count)
		return false, max(total.Value, count.Value) <= int64(read)
	}
	return false, false
}

func (s *searching) body(id string, first, last time.Time, position int) string {
	return "<CMSearchDescription><searchID>" + id + "</searchID>" + s.subject +
		"<timeSpanList><timeSpan><startTime>" + first.Format(searchDigits) + "</startTime><endTime>" + last.Format(searchDigits) +
		"</endTime></timeSpan></timeSpanList>" +
		fmt.Sprintf("<maxResults>%d</maxResults><%s>%d</%[2]s>", s.most, s.position, position) + s.tail + "</CMSearchDescription>"
}

// ask is Client.search, but for what is learned from a refusal: most may be about
// the words of the question.
func (s *searching) ask(ctx context.Context, body string, page *searchPage) error {
	if err := s.client.remembered(s.path); err != nil {
		return err
	}
	q := request{method: http.MethodPost, path: s.path, body: body}
	err := s.client.document(ctx, q, page, []string{"CMSearchResult"})
	if ofPath(err, s.sure) {
		s.client.learn(q.path, err)
	}
	return named(q, err)
}

// ofPath says that a refusal is one of the path and not of a question's words,
// about which "not supported" may be unless they are sure.
func ofPath(err error, sure bool) bool {
	var s *StatusError
	if !errors.As(err, &s) {
		return false
	}
	switch s.HTTP {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return sure && strings.EqualFold(s.Sub, "notSupport") || errors.Is(sentinelOfSub(s.Sub), ErrForbidden)
}

// ofWords says that a refusal may be one of a question's words: the device isn't
// in trouble, no right is missing, and the path is known.
func ofWords(err error) bool {
	var s *StatusError
	return errors.As(err, &s) && s.HTTP < 500 && !s.remembered && !errors.Is(err, ErrBusy) && !ofPath(err, false)
}

// searchTimeout says that a device wants a shorter span (ISAPI error code list).
func searchTimeout(err error) bool {
	var s *StatusError
	return errors.As(err, &s) && strings.EqualFold(s.Sub, "searchTimeout")
}
