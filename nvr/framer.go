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
// with its root's end tag, a JSON one with its last brace. So a part is there
// the moment its last byte is read. Only pictures need their Content-Length, or
// the next delimiter.
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
	case f.picture || rest[0] == 0xff:
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
	f.pos++
	if i := bytes.IndexAny(f.buf[f.pos:], "\n<"); i >= 0 {
		f.pos += i
	} else {
		f.pos = len(f.buf)
	}
	return errCut
}

// line takes a line without its break.
func (f *framer) line() (string, error) {
	for seen := 0; ; {
		rest := f.buf[f.pos:]
		if i := bytes.IndexByte(rest[seen:], '\n'); i >= 0 {
			f.pos += seen + i + 1
			return strings.TrimRight(string(rest[:seen+i]), "\r \t"), nil
		}
		seen = len(rest)
		if err := f.fill(maxLine); err != nil {
			return "", err
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
	if strings.HasSuffix(line, "--") && len(line) > 2 {
		return errCut // the end of a multipart that goes on all the same
	}
	f.delim = []byte(line)
	for {
		if err := f.need(1); err != nil {
			return err
		}
		switch f.buf[f.pos] {
		case '<', '{':
			return errCut
		case '-': // a doubled delimiter
			return errCut
		}
		line, err := f.line()
		if err != nil {
			return err
		}
		if line == "" {
			return errCut
		}
		f.header(line)
	}
}

func (f *framer) header(line string) {
	name, value, _ := strings.Cut(line, ":")
	switch value = strings.TrimSpace(value); {
	case strings.EqualFold(name, "Content-Length"):
		if n := number(value); n.Known && n.Value >= 0 && n.Value <= maxPicture {
			f.length = int(n.Value)
		}
	case strings.EqualFold(name, "Content-Type"):
		f.picture = strings.HasPrefix(strings.ToLower(value), "image/")
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
		if j := f.restart(rest, max(after, from-maxProlog), name); j >= 0 && (i < 0 || j < from+i) {
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
		switch b[i] {
		case '>':
			return i + 1, true
		case ' ', '\t', '\r', '\n':
		default:
			return i, false
		}
	}
	return 0, false
}

// restart finds where another document begins inside of one, which then has no
// end: behind a delimiter line, or with the same root.
func (f *framer) restart(b []byte, from int, name string) int {
	at := -1
	for search := from; f.delim != nil; {
		i := bytes.Index(b[search:], f.delim)
		if i < 0 {
			break
		}
		if b[search+i-1] == '\n' || b[search+i-1] == '>' {
			at = search + i
			break
		}
		search += i + 1
	}
	if i := bytes.Index(b[from:], []byte("<"+name)); i >= 0 && (at < 0 || from+i < at) {
		if _, ok := rootEnd(b, from+i+1+len(name)); ok {
			at = from + i
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
		name, after, ok := parseRoot(f.buf[f.pos:])
		switch {
		case ok:
			return name, after, nil
		case after < 0 || len(f.buf)-f.pos > maxProlog:
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
		for i < len(b) && (b[i] == '\n' || b[i] == '\r' || b[i] == ' ' || b[i] == '\t') {
			i++
		}
		switch rest := b[i:]; {
		case len(rest) < 4:
			return "", 0, false
		case rest[0] != '<':
			return "", -1, false
		case rest[1] == '?':
			j := bytes.Index(rest, []byte("?>"))
			if j < 0 {
				return "", 0, false
			}
			i += j + 2
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
	switch b[i] {
	case '>', '/', ' ', '\t', '\r', '\n':
	default:
		return -1, false
	}
	j := bytes.IndexByte(b[i:], '>')
	switch {
	case j < 0:
		return 0, false
	case b[i+j-1] == '/':
		return -(i + j + 1), true
	}
	return i + j + 1, true
}

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
		switch {
		case c == '\n' && f.delim != nil && bytes.HasPrefix(f.buf[f.pos+i+1:], f.delim):
			f.pos += i + 1
			f.cut++
			return part{}, errCut
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

// take hands out the next n bytes.
func (f *framer) take(kind partKind, n int) part {
	body := f.buf[f.pos : f.pos+n]
	f.pos += n
	f.length, f.picture = -1, false
	return part{kind, body}
}

// readPicture takes the bytes of a picture, which may be anything.
func (f *framer) readPicture() (part, error) {
	length := f.length
	if !f.picture && length < 0 {
		return part{}, f.skipGarbage()
	}
	f.length, f.picture = -1, false
	if length < 0 {
		return f.upToDelimiter()
	}
	body := make([]byte, length)
	n := copy(body, f.buf[f.pos:])
	f.pos += n
	if _, err := io.ReadFull(f.r, body[n:]); err != nil {
		return part{}, err
	}
	return part{picturePart, body}, nil
}

// upToDelimiter takes a picture whose length isn't told.
func (f *framer) upToDelimiter() (part, error) {
	if f.delim == nil {
		return part{}, f.skipGarbage()
	}
	mark := append([]byte("\n"), f.delim...)
	for from := 0; ; {
		rest := f.buf[f.pos:]
		if i := bytes.Index(rest[from:], mark); i >= 0 {
			body := bytes.Clone(bytes.TrimSuffix(rest[:from+i], []byte("\r")))
			f.pos += from + i + 1
			return part{picturePart, body}, nil
		}
		from = max(0, len(rest)-len(mark))
		if err := f.fill(maxPicture); err != nil {
			return part{}, err
		}
	}
}
