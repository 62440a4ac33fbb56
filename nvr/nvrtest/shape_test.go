package nvrtest_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

// Every byte of a stream on which two alerts came.
func TestShapes(t *testing.T) {
	const (
		one       = "<a>1</a>\n"
		two       = "<b/>\n"
		head      = "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=boundary\r\n\r\n"
		delimiter = "--boundary\r\n"
		headers9  = "Content-Type: application/xml; charset=\"UTF-8\"\r\nContent-Length: 9\r\n\r\n"
		headers5  = "Content-Type: application/xml; charset=\"UTF-8\"\r\nContent-Length: 5\r\n\r\n"
		nolength  = "Content-Type: application/xml; charset=\"UTF-8\"\r\n\r\n"
		other     = "--other\r\n"
		glued     = "HTTP/1.1 200 OK\r\n\r\n"
	)
	for _, tt := range []struct {
		name  string
		shape nvrtest.StreamShape
		want  []string
	}{
		{"as usual", nvrtest.StreamShape{}, []string{head, delimiter, headers9, one, delimiter, headers5, two}},
		{"another boundary", nvrtest.StreamShape{Boundary: "other"},
			[]string{strings.Replace(head, "=boundary", "=other", 1), other, headers9, one, other, headers5, two}},
		{"a quoted boundary", nvrtest.StreamShape{Quoted: true},
			[]string{strings.Replace(head, "=boundary", `="boundary"`, 1), delimiter, headers9, one, delimiter, headers5, two}},
		{"another boundary than the header says", nvrtest.StreamShape{Boundary: "hikboundary", Used: "other"},
			[]string{strings.Replace(head, "=boundary", "=hikboundary", 1), other, headers9, one, other, headers5, two}},
		{"the delimiter at once", nvrtest.StreamShape{AtOnce: true},
			[]string{head, delimiter, headers9, one, delimiter, headers5, two, delimiter}},
		{"the delimiter twice", nvrtest.StreamShape{Doubled: true},
			[]string{head, delimiter, delimiter, headers9, one, delimiter, delimiter, headers5, two}},
		{"twice and at once", nvrtest.StreamShape{Doubled: true, AtOnce: true},
			[]string{head, delimiter, delimiter, headers9, one, delimiter, delimiter, headers5, two, delimiter, delimiter}},
		{"no delimiter between documents", nvrtest.StreamShape{Missing: true},
			[]string{head, delimiter, headers9, one, two}},
		{"an end behind each part", nvrtest.StreamShape{Closing: true},
			[]string{head, delimiter, headers9, one, "--boundary--\r\n", delimiter, headers5, two, "--boundary--\r\n"}},
		{"no multipart", nvrtest.StreamShape{Bare: true},
			[]string{"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n", one, two}},
		{"no multipart and text between", nvrtest.StreamShape{Bare: true, Glued: glued},
			[]string{"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n", one, glued, two, glued}},
		{"text behind each part", nvrtest.StreamShape{Glued: glued, Closing: true},
			[]string{head, delimiter, headers9, one, glued, "--boundary--\r\n", delimiter, headers5, two, glued, "--boundary--\r\n"}},
		{"no length", nvrtest.StreamShape{NoLength: true},
			[]string{head, delimiter, nolength, one, delimiter, nolength, two}},
		{"a wrong length", nvrtest.StreamShape{LengthOff: 4},
			[]string{head, delimiter, strings.Replace(headers9, "9", "13", 1), one, delimiter, strings.Replace(headers5, ": 5", ": 9", 1), two}},
		{"HTTP/1.0", nvrtest.StreamShape{HTTP10: true},
			[]string{strings.Replace(head, "1.1", "1.0", 1), delimiter, headers9, one, delimiter, headers5, two}},
		{"chunks", nvrtest.StreamShape{Chunked: true, NoLength: true},
			[]string{strings.Replace(head, "\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n", 1),
				"47\r\n", delimiter, nolength, one, "\r\n43\r\n", delimiter, nolength, two, "\r\n0\r\n\r\n"}},
		{"pieces that are chunks", nvrtest.StreamShape{Chunked: true, Bare: true, Pieces: 4},
			[]string{"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
				"4\r\n<a>1\r\n4\r\n</a>\r\n1\r\n\n\r\n4\r\n<b/>\r\n1\r\n\n\r\n0\r\n\r\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Stream: tt.shape})
				l := c.raw(t, r)
				r.Alert(nvrtest.Alert{Document: []byte(one)})
				r.Alert(nvrtest.Alert{Document: []byte(two)})
				synctest.Wait()
				r.EndStreams()
				if got, want := l.take(), strings.Join(tt.want, ""); got != want {
					t.Errorf("got\n%q\nwant\n%q", got, want)
				}
			})
		})
	}
}

// Nothing follows a part until the next one comes, unless the shape says so.
func TestWhenADelimiterComes(t *testing.T) {
	for _, atOnce := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, c := newRecorder(t, nvrtest.Config{Stream: nvrtest.StreamShape{AtOnce: atOnce}})
			l := c.listen(t, alerts)
			for range 2 {
				r.Alert(nvrtest.Alert{Document: []byte("<a/>\n")})
				if got := l.take(); strings.HasSuffix(got, "<a/>\n") == atOnce || strings.HasSuffix(got, "<a/>\n--boundary\r\n") != atOnce {
					t.Errorf("at once %v: %q", atOnce, got)
				}
			}
		})
	}
}

func TestPictures(t *testing.T) {
	const picture = "\xff\xd8\xff\xe0\r\n--boundary\r\n\xff\xd9"
	const part = "--boundary\r\nContent-Type: image/jpeg\r\nContent-Length: 20\r\n\r\n" + picture + "\r\n"
	alert := nvrtest.Alert{Type: "fielddetection", Channel: 1, Target: "human", Picture: []byte(picture)}
	for _, tt := range []struct {
		name  string
		shape nvrtest.StreamShape
		want  int
	}{
		{"as a part", nvrtest.StreamShape{}, 1},
		{"also where documents have no delimiter", nvrtest.StreamShape{Missing: true}, 1},
		{"not where there are no parts", nvrtest.StreamShape{Bare: true}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Stream: tt.shape})
				l := c.listen(t, alerts)
				r.Alert(alert)
				r.Alert(motion)
				got := l.take()
				if n := strings.Count(got, "</EventNotificationAlert>\n"+part); n != tt.want {
					t.Errorf("%d pictures in %q", n, got)
				}
				same(t, "alerts", kinds(got), []string{"fielddetection active 1", "VMD active 3"})
			})
		})
	}
}

// With pauses a reader sees every piece alone.
func TestPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Stream: nvrtest.StreamShape{Pieces: 7, Pause: time.Millisecond}})
		l := c.listen(t, alerts)
		begin := time.Now()
		r.Alert(nvrtest.Alert{Document: []byte("0123456789"), ContentType: "text/x"})
		time.Sleep(time.Second)
		pieces, at := l.takePieces()
		const want = "--boundary\r\nContent-Type: text/x\r\nContent-Length: 10\r\n\r\n0123456789"
		if strings.Join(pieces, "") != want || slices.IndexFunc(pieces, func(p string) bool { return len(p) > 7 }) >= 0 {
			t.Errorf("pieces %q", pieces)
		}
		if n := len(pieces); n != (len(want)+6)/7 || at[n-1].Sub(begin) != time.Duration(n-1)*time.Millisecond {
			t.Errorf("%d pieces until %v", n, at[n-1].Sub(begin))
		}
	})
}

func TestJSONDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		l := c.listen(t, alerts)
		body := []byte(`{"eventType":"faceCapture"}`)
		r.Alert(nvrtest.Alert{Document: body, ContentType: "application/json"})
		body[0] = 'x' // the caller's
		if got := l.take(); got != "--boundary\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n"+`{"eventType":"faceCapture"}` {
			t.Errorf("got %q", got)
		}
	})
}

// Where the lines of documents end, and how they begin.
func TestLineEnds(t *testing.T) {
	for _, m := range models {
		for _, shape := range []nvrtest.StreamShape{{}, {CRLF: true}, {NoDeclaration: true}} {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Model: m, Stream: shape})
				l := c.listen(t, alerts)
				r.Alert(motion)
				_, body, _ := strings.Cut(l.take(), "\r\n\r\n")
				camera := m != nvrtest.NVR && m != nvrtest.OldNVR && m != nvrtest.DVR
				if got, want := strings.Contains(body, "\r\n"), camera || shape.CRLF; got != want {
					t.Errorf("%v %+v: CRLF %v", m, shape, got)
				}
				if strings.Count(body, "\r\n") != strings.Count(body, "\n") && strings.Contains(body, "\r") {
					t.Errorf("%v %+v: mixed line ends in %q", m, shape, body)
				}
				if got := strings.HasPrefix(body, `<?xml version="1.0" encoding="UTF-8"?>`); got == shape.NoDeclaration {
					t.Errorf("%v %+v: declaration %v", m, shape, got)
				}
			})
		}
	}
}
