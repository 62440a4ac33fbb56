package nvr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxAlert bounds a document of the event stream, in bytes; the largest seen
	// have a few kilobytes.
	maxAlert = 1 << 20
	// maxPicture bounds a picture, in bytes.
	maxPicture = 8 << 20
	// maxLine bounds a delimiter or header line of the event stream.
	maxLine = 8 << 10
	// firstBuffer holds the alerts of a second on most devices.
	firstBuffer = 8 << 10
)

// partKind says what a part of the event stream is.
type partKind int

const (
	xmlPart partKind = iota
	jsonPart
	picturePart
)

// part is one document or picture of the event stream. Its body is valid until
// the next one is read; that of a picture stays.
type part struct {
	kind partKind
	body []byte
}

// framer cuts the event stream into parts. It goes by the documents themselves,
// not by the multipart framing around them, which devices get wrong in many ways
// (isapi-events: boundaries that differ from the announced one, doubled or
// missing ones, lengths that are off, no multipart at all): an XML document ends
// with its root's end tag, a JSON one with its last brace, a JPEG with its end
// marker. So a part is there the moment its last byte is read. Only other pictures
// need their Content-Length, or the next delimiter.
type framer struct {
	r     io.Reader
	buf   []byte // what is read and not used yet is buf[pos:]
	pos   int
	delim []byte // "--" and the boundary, as it was seen last

	length  int  // Content-Length of the part that begins, -1 if not told
	picture bool // its Content-Type is a picture's

	cut int // parts that had no end
}

func newFramer(r io.Reader, boundary string) *framer {
	f := &framer{r: r, length: -1}
	if boundary = strings.TrimPrefix(boundary, "--"); boundary != "" {
		f.delim = []byte("--" + boundary)
	}
	return f
}

// errCut: a document has no end, or isn't one. What follows is looked at.
var errCut = errors.New("cut document")

// next returns the next part. An error of the reader comes as it is.
func (f *framer) next() (part, error) {
	for {
		if err := f.skipBlank(); err != nil {
			return part{}, err
		}
		p, err := f.read()
		if errors.Is(err, errCut) {
			continue
		}
		return p, err
	}
}

// read reads what begins at the next byte. errCut says that it was no part.
func (f *framer) read() (part, error) {
	switch rest := f.buf[f.pos:]; {
	case rest[0] == '-':
		if err := f.need(2); err != nil {
			return part{}, err
		}
		if f.buf[f.pos+1] == '-' {
			return part{}, f.delimiter()
		}
	case f.picture || rest[0] == beginsMarker:
		return f.readPicture()
	case rest[0] == '<':
		return f.readXML()
	case rest[0] == '{':
		return f.readJSON()
	}
	return part{}, f.skipGarbage()
}

// fill reads more; the buffer holds at most limit bytes of one part.
func (f *framer) fill(limit int) error {
	if len(f.buf)-f.pos >= limit {
		return fmt.Errorf("%w: more than %d bytes in one part of the event stream", ErrDocument, limit)
	}
	if f.pos > 0 {
		f.buf = f.buf[:copy(f.buf, f.buf[f.pos:])]
		f.pos = 0
	}
	if len(f.buf) == 0 && cap(f.buf) > maxAlert {
		f.buf = nil // a picture went through it
	}
	if cap(f.buf) == len(f.buf) {
		bigger := make([]byte, len(f.buf), max(firstBuffer, 2*cap(f.buf)))
		copy(bigger, f.buf)
		f.buf = bigger
	}
	n, err := f.r.Read(f.buf[len(f.buf):cap(f.buf)])
	f.buf = f.buf[:len(f.buf)+n]
	if n > 0 {
		return nil // an error comes again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// need makes sure that n bytes of the part are there.
func (f *framer) need(n int) error {
	for len(f.buf)-f.pos < n {
		if err := f.fill(maxAlert); err != nil {
			return err
		}
	}
	return nil
}

// skipBlank goes to the next byte that says something.
func (f *framer) skipBlank() error {
	for {
		for f.pos < len(f.buf) {
			switch f.buf[f.pos] {
			case ' ', '\t', '\r', '\n', 0, 0xef, 0xbb, 0xbf: // byte order mark
				f.pos++
				continue
			}
			return nil
		}
		if err := f.fill(maxAlert); err != nil {
			return err
		}
	}
}

// skipGarbage goes on to where something could begin: the next line, or a tag.
func (f *framer) skipGarbage() error {
	f.length, f.picture = -1, false
	f.pos++
	for {
		if i := bytes.IndexAny(f.buf[f.pos:], "\n<"); i >= 0 {
			f.pos += i
			return errCut
		}
		f.pos = len(f.buf)
		if err := f.fill(maxAlert); err != nil {
			return err
		}
	}
}

// line takes a line without its break; it is valid until more is read. One that
// is too long is garbage.
func (f *framer) line() ([]byte, error) {
	for seen := 0; ; {
		rest := f.buf[f.pos:]
		i := bytes.IndexByte(rest[seen:], '\n')
		switch {
		case i < 0 && len(rest) > maxLine:
			return nil, f.skipGarbage()
		case i >= 0:
			f.pos += seen + i + 1
			return bytes.TrimRight(rest[:seen+i], "\r \t"), nil
		}
		seen = len(rest)
		if err := f.fill(maxAlert); err != nil {
			return nil, err
		}
	}
}

// delimiter takes a delimiter line and the headers that follow it, as far as
// there are any: up to a blank line or the beginning of a document.
func (f *framer) delimiter() error {
	line, err := f.line()
	if err != nil {
		return err
	}
	f.length, f.picture = -1, false
	if bytes.HasSuffix(line, []byte("--")) {
		return errCut // the end of a multipart that goes on all the same
	}
	f.delim = append(f.delim[:0], line...)
	for {
		if err := f.need(1); err != nil {
			return err
		}
		switch f.buf[f.pos] {
		case '<', '{', beginsMarker: // no blank line before the part
			return errCut
		case '-': // a doubled delimiter
			return errCut
		}
		line, err := f.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return errCut
		}
		f.header(line)
	}
}

func (f *framer) header(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	switch value = bytes.TrimSpace(value); {
	case bytes.EqualFold(name, []byte("Content-Length")):
		if n := number(string(value)); n.Known && n.Value >= 0 && n.Value <= maxPicture {
			f.length = int(n.Value)
		}
	case bytes.EqualFold(name, []byte("Content-Type")):
		const image = "image/"
		f.picture = len(value) > len(image) && bytes.EqualFold(value[:len(image)], []byte(image))
	}
}

// readXML takes a document: from its declaration or root to the root's end tag.
func (f *framer) readXML() (part, error) {
	name, after, err := f.root()
	if err != nil {
		return part{}, err
	}
	if after < 0 { // the root is empty
		return f.take(xmlPart, -after), nil
	}
	end := []byte("</" + name)
	for from := after; ; {
		rest := f.buf[f.pos:]
		i := bytes.Index(rest[from:], end)
		inside := rest
		if i >= 0 {
			inside = rest[:from+i]
		}
		if j := f.restart(inside, max(after, from-maxProlog), name); j >= 0 {
			f.pos += j
			f.cut++
			return part{}, errCut
		}
		if i >= 0 {
			stop := from + i + len(end)
			if size, ok := tagEnd(rest, stop); ok {
				return f.take(xmlPart, size), nil
			} else if size > 0 {
				from = stop // </EventNotificationAlertX>
				continue
			}
			from += i
		} else {
			from = max(after, len(rest)-len(end))
		}
		if err := f.fill(maxAlert); err != nil {
			return part{}, err
		}
	}
}

// tagEnd finds the ">" of an end tag whose name ends at from. With ok false a
// size above 0 says that the name goes on, 0 that more must be read.
func tagEnd(b []byte, from int) (size int, ok bool) {
	for i := from; i < len(b); i++ {
		switch {
		case b[i] == '>':
			return i + 1, true
		case !isBlank(b[i]):
			return i, false
		}
	}
	return 0, false
}

// restart finds where something else begins inside of a document, which then has
// no end: a delimiter line, a declaration, or the same root.
func (f *framer) restart(b []byte, from int, name string) int {
	at := delimiterIn(b, from, f.delim)
	for _, mark := range [...]string{"<?xml", "<" + name} {
		i := bytes.Index(b[from:], []byte(mark))
		if i < 0 || at >= 0 && from+i > at {
			continue
		}
		if _, ok := rootEnd(b, from+i+len(mark)); ok {
			at = from + i
		}
	}
	return at
}

// delimiterIn finds the first delimiter line in b[from:]: a line that begins with
// "--", as nothing else does in documents but the end of a comment, or wherever
// it stands the delimiter that was seen last.
func delimiterIn(b []byte, from int, delim []byte) int {
	at := -1
	for search := from; ; {
		i := bytes.Index(b[search:], []byte("\n--"))
		if i < 0 || search+i+3 >= len(b) {
			break
		}
		if search += i + 1; b[search+2] != '>' {
			at = search
			break
		}
	}
	for search := from; delim != nil; {
		i := bytes.Index(b[search:], delim)
		if i < 0 || at >= 0 && search+i > at {
			break
		}
		i += search
		if search = i + len(delim); search < len(b) && isBlank(b[search]) {
			return i
		}
	}
	return at
}

// maxProlog bounds what stands before a root element, and its start tag.
const maxProlog = 4 << 10

// root reads up to the end of the root's start tag: its name, and the offset
// behind the tag, negative if the element is empty.
func (f *framer) root() (name string, after int, err error) {
	for {
		rest := f.buf[f.pos:]
		name, after, ok := parseRoot(rest)
		if ok {
			rest = rest[:max(after, -after)]
		}
		if i := delimiterIn(rest, 0, f.delim); i >= 0 && (ok || after == 0) {
			f.pos += i
			f.cut++
			return "", 0, errCut
		}
		switch {
		case ok:
			return name, after, nil
		case after < 0 || len(rest) > maxProlog:
			if isLetter(rest[1]) || rest[1] == '?' {
				f.cut++
			}
			return "", 0, f.skipGarbage()
		}
		if err := f.fill(maxAlert); err != nil {
			return "", 0, err
		}
	}
}

// parseRoot finds the root in what begins with "<". With ok false a negative
// offset says that this is no document, 0 that more must be read.
func parseRoot(b []byte) (name string, after int, ok bool) {
	i := 0
	for {
		for i < len(b) && isBlank(b[i]) {
			i++
		}
		switch rest := b[i:]; {
		case len(rest) < 4:
			return "", 0, false
		case rest[0] != '<':
			return "", -1, false
		case rest[1] == '?':
			j := bytes.IndexAny(rest[1:], "<>") + 1
			switch {
			case j == 0:
				return "", 0, false
			case rest[j] == '<' || rest[j-1] != '?': // it was cut
				return "", -1, false
			}
			i += j + 1
		case string(rest[:4]) == "<!--":
			j := bytes.Index(rest, []byte("-->"))
			if j < 0 {
				return "", 0, false
			}
			i += j + 3
		default:
			return startTag(b, i+1)
		}
	}
}

// startTag reads the root's name, which begins at i, and its tag.
func startTag(b []byte, i int) (name string, after int, ok bool) {
	j := i
	for j < len(b) && isName(b[j]) {
		j++
	}
	switch {
	case j == i || j-i > 64 || !isLetter(b[i]):
		return "", -1, false
	case j == len(b):
		return "", 0, false
	}
	after, ok = rootEnd(b, j)
	return string(b[i:j]), after, ok
}

// rootEnd finds the end of a start tag whose name ends at i: the offset behind
// it, negative for an empty element. With ok false a negative offset says that
// this is no tag.
func rootEnd(b []byte, i int) (after int, ok bool) {
	if i >= len(b) {
		return 0, false
	}
	if b[i] != '>' && b[i] != '/' && !isBlank(b[i]) {
		return -1, false
	}
	j := bytes.IndexAny(b[i:], "<>")
	switch {
	case j < 0:
		return 0, false
	case b[i+j] == '<': // it was cut
		return -1, false
	case b[i+j-1] == '/':
		return -(i + j + 1), true
	}
	return i + j + 1, true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func isName(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == ':' || c == '-' || c == '.'
}

// readJSON takes an object up to its closing brace.
func (f *framer) readJSON() (part, error) {
	depth, quoted, escaped := 0, false, false
	for i := 0; ; i++ {
		if err := f.need(i + 1); err != nil {
			return part{}, err
		}
		c := f.buf[f.pos+i]
		if size := f.cutJSON(f.buf[f.pos : f.pos+i+1]); size > 0 {
			f.pos += size
			f.cut++
			return part{}, errCut
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return f.take(jsonPart, i+1), nil
			}
		}
	}
}

// cutJSON says how long an object is that something else follows before its end,
// where b has come to that: a delimiter line or an alert.
func (f *framer) cutJSON(b []byte) int {
	for _, mark := range [...]string{"\n--", "<?xml", "<EventNotificationAlert"} {
		if b[len(b)-1] == mark[len(mark)-1] && bytes.HasSuffix(b, []byte(mark)) {
			return len(b) - len(strings.TrimPrefix(mark, "\n"))
		}
	}
	line := b[:len(b)-1]
	if c := b[len(b)-1]; f.delim != nil && isBlank(c) && bytes.HasSuffix(line, f.delim) {
		return len(line) - len(f.delim)
	}
	return 0
}

// take hands out the next n bytes.
func (f *framer) take(kind partKind, n int) part {
	body := f.buf[f.pos : f.pos+n]
	f.pos += n
	f.length, f.picture = -1, false
	return part{kind, body}
}
