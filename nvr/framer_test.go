package nvr_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

// drip gives a random number of bytes at a time, and the end with end.
type drip struct {
	rest []byte
	dice *rand.Rand
	most int
	end  error
}

func (d *drip) Read(p []byte) (int, error) {
	if len(d.rest) == 0 {
		return 0, d.end
	}
	n := copy(p, d.rest[:min(len(d.rest), 1+d.dice.IntN(d.most))])
	d.rest = d.rest[n:]
	return n, nil
}

// piece is what a framer handed out.
type piece struct {
	kind string
	body []byte
}

// frames reads a whole stream.
func frames(stream []byte, boundary string, dice *rand.Rand, most int) ([]piece, nvr.Framer, error) {
	f := nvr.NewFramer(&drip{stream, dice, most, io.EOF}, boundary)
	var all []piece
	for {
		kind, body, err := f.Next()
		if err != nil {
			return all, f, err
		}
		all = append(all, piece{kind, bytes.Clone(body)})
	}
}

// shot is a JPEG that is told apart by n. Its comment holds what ends or begins
// other things.
func shot(n int) []byte {
	text := fmt.Sprintf("%d \xff\xd9 <EventNotificationAlert> {\"a\": </EventNotificationAlert>\r\n<?xml ", n)
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xfe}, uint16(len(text)+2))
	return slices.Insert(slices.Clone(scene), 2, append(head, text...)...)
}

var scene = nvrtest.JPEG()

// notice is a short alert.
func notice(kind string, channel int) string {
	return fmt.Sprintf("<EventNotificationAlert version=\"2.0\" xmlns=\"http://www.isapi.org/ver20/XMLSchema\">\n<channelID>%d</channelID>\n"+
		"<eventType>%s</eventType>\n<eventState>active</eventState>\n</EventNotificationAlert>", channel, kind)
}

const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

func TestFramerTakesWhatDevicesSend(t *testing.T) {
	alert, declared := notice("VMD", 1), declaration+"\n"+notice("VMD", 2)
	head := "--boundary\r\nContent-Type: application/xml; charset=\"UTF-8\"\r\nContent-Length: 9\r\n\r\n"
	picture := "--boundary\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
	photo := string(shot(1))
	tests := []struct {
		name, stream string
		want         []string
		cut          int
	}{
		{"nothing", "", nil, 0},
		{"a length that counts the newline", head + alert + "\r\n" + head + declared + "\n", []string{alert, declared}, 0},
		{"no newline before the next delimiter", head + alert + head + declared, []string{alert, declared}, 0},
		{"spaces behind the delimiter", "--boundary  \r\n\r\n" + alert + "--boundary \t\r\n\r\n" + declared, []string{alert, declared}, 0},
		{"no blank line behind the headers", "--boundary\r\nContent-Type: application/xml\r\n" + alert, []string{alert}, 0},
		{"a header line without a colon", "--boundary\nnonsense\n\n" + alert, []string{alert}, 0},
		{"blank lines and NULs between parts", "\r\n\r\n" + alert + "\x00\x00\n\n" + declared + "\n", []string{alert, declared}, 0},
		{"byte order marks", "\xef\xbb\xbf" + declared + "\xef\xbb\xbf" + alert, []string{declared, alert}, 0},
		{"the end of the multipart in the middle", head + alert + "--boundary--\r\n" + head + declared + "--boundary--", []string{alert, declared}, 0},
		{"an answer glued behind", alert + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + declared, []string{alert, declared}, 0},
		{"an answer glued behind, without a line's end", alert + "HTTP/1.1 200 OK" + declared, []string{alert, declared}, 0},
		{"an empty root", "<a/>" + alert + "<b x='1' />", []string{"<a/>", alert, "<b x='1' />"}, 0},
		{"a prefix", "<ns:a xmlns:ns='x'><ns:b/></ns:a>" + alert, []string{"<ns:a xmlns:ns='x'><ns:b/></ns:a>", alert}, 0},
		{"a comment before the root", "<!-- <a>\n-->\n<a></a>", []string{"<!-- <a>\n-->\n<a></a>"}, 0},
		{"a comment of lines in a document", "<a><!--\n b\n--></a>", []string{"<a><!--\n b\n--></a>"}, 0},
		{"elements whose names begin like the root's", "<a><ab></ab></a >", []string{"<a><ab></ab></a >"}, 0},
		{"JSON with braces in texts", `{"a":"}{\"}"}` + `{"b":{"c":"\\"}}`, []string{`{"a":"}{\"}"}`, `{"b":{"c":"\\"}}`}, 0},
		{"a JPEG by its length", fmt.Sprintf(picture, len(photo), photo) + head + alert, []string{photo, alert}, 0},
		{"a JPEG whose length is short", fmt.Sprintf(picture, 20, photo) + head + alert, []string{photo, alert}, 0},
		{"a JPEG whose length is long", fmt.Sprintf(picture, len(photo)+100, photo) + head + alert, []string{photo, alert}, 0},
		{"a JPEG without a length", "--boundary\r\nContent-Type: image/jpeg\r\n\r\n" + photo + head + alert, []string{photo, alert}, 0},
		{"a JPEG without headers", "--boundary\r\n" + photo + "--boundary\r\n" + alert, []string{photo, alert}, 0},
		{"a JPEG without an end, whose length is right", fmt.Sprintf(picture, len(photo)-2, photo[:len(photo)-2]) + head + alert, []string{photo[:len(photo)-2], alert}, 0},
		{"a picture that is no JPEG", fmt.Sprintf(picture, 4, "\x89PNG") + head + alert, []string{"\x89PNG", alert}, 0},
		{"a picture that is no JPEG, without a length", "--boundary\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n<x>\r\n" + head + alert, []string{"\x89PNG\r\n<x>", alert}, 0},

		{"cut in the declaration", head + declaration[:20] + "\r\n" + head + declared, []string{declared}, 1},
		{"cut in the declaration, no new one", head + declaration[:20] + "\r\n" + head + alert, []string{alert}, 1},
		{"cut in the root's tag", head + alert[:40] + "\r\n" + head + declared, []string{declared}, 1},
		{"cut in the root's tag, then a picture", head + alert[:40] + "\r\n" + fmt.Sprintf(picture, len(photo), photo) + head + alert, []string{photo, alert}, 1},
		{"cut in a text", head + alert[:100] + "\r\n" + head + declared, []string{declared}, 1},
		{"cut in a text, no newline", head + alert[:100] + head + declared, []string{declared}, 1},
		{"cut in a text, then a picture", head + alert[:100] + fmt.Sprintf(picture, len(photo), photo) + head + alert, []string{photo, alert}, 1},
		{"cut in the last tag", head + alert[:len(alert)-1] + "\r\n" + head + declared, []string{declared}, 1},
		{"cut and no multipart", alert[:100] + declared + alert[:100] + alert, []string{declared, alert}, 2},
		{"cut and another document", alert[:100] + declaration + "<ResponseStatus></ResponseStatus>", []string{declaration + "<ResponseStatus></ResponseStatus>"}, 1},
		{"JSON cut in a text", head + `{"a":{"b` + "\r\n" + head + `{"a":1}`, []string{`{"a":1}`}, 1},
		{"JSON cut in a text, no newline", head + `{"a":{"b` + head + `{"a":1}`, []string{`{"a":1}`}, 1},
		{"JSON cut, then an alert and no delimiter", `{"a":{"b` + alert, []string{alert}, 1},
		{"a JPEG that was cut", fmt.Sprintf(picture, len(photo), photo[:len(photo)/2]) + head + alert, []string{alert}, 1},
		{"a JPEG that was cut, without a length", "--boundary\r\nContent-Type: image/jpeg\r\n\r\n" + photo[:len(photo)/2] + "\r\n" + head + alert, []string{alert}, 1},
		{"the end of the stream in a document", head + alert + head + alert[:100], []string{alert}, 0},
		{"a line of dashes that never ends", "--" + strings.Repeat("x", 20_000) + "\n" + alert, []string{alert}, 0},
		{"a header that never ends", head[:20] + strings.Repeat("x", 20_000) + "\n" + alert, []string{alert}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, most := range []int{1, 7, 300, 1 << 20} {
				pieces, f, err := frames([]byte(tt.stream), "boundary", rand.New(rand.NewPCG(1, 2)), most)
				var got []string
				for _, p := range pieces {
					got = append(got, string(p.body))
				}
				if !slices.Equal(got, tt.want) || f.Cut() != tt.cut || err != io.EOF && err != io.ErrUnexpectedEOF {
					t.Fatalf("up to %d bytes at a time: %q, %d cut, %v", most, got, f.Cut(), err)
				}
			}
		})
	}
}

// A part is there without anything behind it.
func TestFramerWaitsForNothingBehindAPart(t *testing.T) {
	later := errors.New("more is needed")
	for name, part := range map[string]string{
		"XML": notice("VMD", 1), "declared": declaration + "\r\n" + notice("VMD", 1), "empty": "<a/>", "JSON": "{\"a\":{\n\"b\":1\n}\n}", "JPEG": string(shot(1)),
	} {
		kind := "Content-Type: " + map[bool]string{true: "image/jpeg", false: "text/xml"}[name == "JPEG"] + "\r\n"
		for _, head := range []string{"", "--boundary\r\n", "--boundary\r\n" + kind + "\r\n", fmt.Sprintf("--boundary\r\n%sContent-Length: %d\r\n\r\n", kind, len(part)+2)} {
			f := nvr.NewFramer(&drip{[]byte(head + part), rand.New(rand.NewPCG(1, 2)), 100, later}, "boundary")
			if _, body, err := f.Next(); err != nil || string(body) != part {
				t.Errorf("%s behind %q: %v", name, head, err)
			}
			if _, _, err := f.Next(); err != later {
				t.Errorf("%s: then %v", name, err)
			}
		}
	}
}

func TestFramerIsBounded(t *testing.T) {
	for name, stream := range map[string]string{
		"a document without an end": "<a>" + strings.Repeat("<b>c</b>", 1<<20),
		"JSON without an end":       strings.Repeat(`{"a":`, 1<<20),
		"a picture without an end":  "--boundary\nContent-Type: image/jpeg\n\n\xff\xd8\xff\xda\x00\x02" + strings.Repeat("a", 10<<20),
		"a tag without an end":      "<a " + strings.Repeat("b", 4<<20),
		"a line without an end":     "--" + strings.Repeat("b", 4<<20),
		"garbage":                   strings.Repeat("b", 4<<20),
	} {
		_, f, err := frames([]byte(stream), "boundary", rand.New(rand.NewPCG(1, 2)), 1<<16)
		if err != io.EOF && !errors.Is(err, nvr.ErrDocument) {
			t.Errorf("%s: %v", name, err)
		}
		if f.Held() > 2*nvr.MaxPicture {
			t.Errorf("%s: %d bytes held", name, f.Held())
		}
	}
}

// mixer writes a random stream and remembers what of it must come out.
type mixer struct {
	dice     *rand.Rand
	out      bytes.Buffer
	want     []piece
	eol      string
	loose    bool // the next part needs its delimiter
	n        int
	boundary string
}

func (m *mixer) one(of ...string) string { return of[m.dice.IntN(len(of))] }

// delimit begins a part.
func (m *mixer) delimit(kind string, length int, whole bool) {
	line := "--" + m.boundary + m.one("", "", "", " ") + m.eol
	switch m.dice.IntN(6) {
	case 0:
		line += line
	case 1:
		line = "--" + m.boundary + "--" + m.eol + line
	}
	m.out.WriteString(m.one("", m.eol, m.eol+m.eol) + line)
	if m.dice.IntN(8) > 0 {
		m.out.WriteString("Content-Type: " + kind + m.eol)
	}
	switch m.dice.IntN(4) {
	case 0:
	case 1:
		if whole {
			length = max(0, length+m.dice.IntN(200)-100)
		}
		fallthrough
	default:
		fmt.Fprintf(&m.out, "content-length: %d%s", length, m.eol)
	}
	m.out.WriteString(m.eol)
}

// part writes one more part, whole or not.
func (m *mixer) part() {
	m.n++
	var body, kind, name string
	switch m.dice.IntN(5) {
	case 0:
		body, kind, name = string(shot(m.n)), "image/jpeg", "picture"
	case 1:
		body, kind, name = fmt.Sprintf("{%s\"EventNotificationAlert\": {\"eventType\": \"a{}\\\"%d\"}%s}", m.one("", m.eol), m.n, m.eol), "application/json", "json"
	default:
		body = m.one("", declaration+m.eol) + strings.ReplaceAll(notice(m.one("VMD", "a > b & c", "x]]>"), m.n), "\n", m.eol)
		kind, name = "application/xml", "xml"
	}
	whole := m.dice.IntN(6) > 0
	if m.loose || name == "picture" || m.dice.IntN(3) > 0 {
		m.delimit(kind, len(body), whole)
	}
	m.loose = false
	if !whole {
		m.out.WriteString(body[:1+m.dice.IntN(len(body)-8)])
		m.loose = true
		if name == "picture" {
			m.out.WriteString(m.eol)
		}
		return
	}
	m.out.WriteString(body + m.one("", m.eol))
	if name == "picture" {
		m.out.WriteString(m.eol)
	}
	m.want = append(m.want, piece{name, []byte(body)})
	if m.dice.IntN(8) == 0 {
		m.out.WriteString(m.one("HTTP/1.1 200 OK"+m.eol+m.eol, "a < b"+m.eol, "<b>"+m.eol, "{"+m.eol, "\xfe\xff\x00", "<!-- ", "<?", "-"+m.eol))
		m.loose = true
	}
}

func TestFramerFindsAllWholePartsOfRandomStreams(t *testing.T) {
	for seed := range uint64(400) {
		dice := rand.New(rand.NewPCG(seed, 7))
		m := &mixer{dice: dice, eol: []string{"\r\n", "\n"}[dice.IntN(2)], boundary: []string{"boundary", "MIME_boundary", "-x"}[dice.IntN(3)]}
		for range 40 {
			m.part()
		}
		told := []string{m.boundary, "--" + m.boundary, "", "another"}[dice.IntN(4)]
		if told != m.boundary {
			m.want, m.n = nil, 0 // one delimiter must be seen before things go wrong
			m.out.Reset()
			m.delimit("application/xml", 0, true)
			m.out.WriteString(notice("first", 0))
			m.want = append(m.want, piece{"xml", []byte(notice("first", 0))})
			m.loose = true
			for range 40 {
				m.part()
			}
		}
		got, _, err := frames(m.out.Bytes(), told, dice, []int{1, 5, 100, 5000, 1 << 20}[dice.IntN(5)])
		if err != io.EOF {
			t.Errorf("seed %d: %v", seed, err)
		}
		got = slices.DeleteFunc(got, func(p piece) bool {
			return p.kind == "xml" && bytes.HasPrefix(p.body, []byte("<b>")) || p.kind == "picture" && len(p.body) < 5
		})
		for i := range max(len(got), len(m.want)) {
			if i >= len(got) || i >= len(m.want) || got[i].kind != m.want[i].kind || !bytes.Equal(got[i].body, m.want[i].body) {
				t.Fatalf("seed %d: %d parts of %d, first difference at %d\ngot  %.300q\nwant %.300q\nstream %q", seed, len(got), len(m.want), i, got[i:min(i+1, len(got))], m.want[i:min(i+1, len(m.want))], before(m, i))
			}
		}
	}
}

// before is the stream up to the i-th part that was wanted.
func before(m *mixer, i int) []byte {
	all := m.out.Bytes()
	if i < len(m.want) {
		all = all[:bytes.Index(all, m.want[i].body)+20]
	}
	return all[max(0, len(all)-600):]
}
