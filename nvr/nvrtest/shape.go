package nvrtest

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// StreamShape is how a device writes its event stream. The zero value is what
// recorders usually send: multipart/mixed; boundary=boundary without an end and
// without Transfer-Encoding; each part begins with its delimiter and has its type
// and a Content-Length that counts the newline at the document's end; nothing
// follows a part until the next one comes (DS-2CD2347G2-L V5.7.10 and dumps of
// several NVRs).
type StreamShape struct {
	// Boundary is the one that the header tells; "boundary" if empty. Others are
	// "hikboundary" (3xLogic) and "MIME_boundary" (access terminals).
	Boundary string
	// Used is the boundary in the stream where it isn't the header's (older
	// NVRs tell one and use "boundary").
	Used string
	// Quoted writes the header's boundary in quotes.
	Quoted bool
	// AtOnce writes the next part's delimiter line right behind each part.
	AtOnce bool
	// Doubled writes each delimiter line twice.
	Doubled bool
	// Missing leaves delimiter and headers out between documents; the first one
	// and pictures have theirs.
	Missing bool
	// Closing writes "--boundary--" behind each part.
	Closing bool
	// Bare is no multipart at all: documents as application/xml, back to back,
	// without pictures (intercoms HNDB302, DS-KB6003).
	Bare bool
	// NoLength leaves Content-Length out of the parts, LengthOff makes it wrong
	// by so much.
	NoLength  bool
	LengthOff int
	// Glued is text behind each part, like "HTTP/1.1 200 OK\r\n\r\n".
	Glued string

	// Chunked writes each piece as a chunk.
	Chunked bool
	// HTTP10 answers as HTTP/1.0 (a DVR does).
	HTTP10 bool
	// Pieces is how many bytes are written at once; 0 is a whole part.
	Pieces int
	// Pause is the time between two pieces, so that a reader sees each alone.
	Pause time.Duration

	// CRLF ends the documents' lines with CRLF on recorders, too. Cameras always
	// do so, NVRs have bare LF.
	CRLF bool
	// NoDeclaration leaves <?xml …?> out of the documents.
	NoDeclaration bool
}

const (
	typeJPEG = "image/jpeg"
	crlf     = "\r\n"
)

// framer writes a stream's frames: the head, and one for each message.
type framer struct {
	shape     StreamShape
	begun     bool // a part was written
	delimited bool // the next part's delimiter stands already
}

// part is a document or picture on the stream.
type part struct {
	contentType string
	body        []byte
}

func (p part) picture() bool { return p.contentType == typeJPEG }

// head is the status line and headers of the answer.
func (f *framer) head(contentType string) []byte {
	var b bytes.Buffer
	version := "HTTP/1.1"
	if f.shape.HTTP10 {
		version = "HTTP/1.0"
	}
	fmt.Fprintf(&b, "%s %d %s\r\nContent-Type: %s\r\n", version, http.StatusOK, http.StatusText(http.StatusOK), contentType)
	if f.shape.Bare {
		b.WriteString("Connection: close\r\n")
	}
	if f.shape.Chunked {
		b.WriteString("Transfer-Encoding: chunked\r\n")
	}
	b.WriteString(crlf)
	return b.Bytes()
}

// contentType is the answer's.
func (s StreamShape) contentType() string {
	boundary := s.boundary()
	if s.Quoted {
		boundary = `"` + boundary + `"`
	}
	if s.Bare {
		return "application/xml"
	}
	return "multipart/mixed; boundary=" + boundary
}

func (s StreamShape) boundary() string {
	if s.Boundary == "" {
		return "boundary"
	}
	return s.Boundary
}

// dashed is the boundary that is really used, with its dashes.
func (s StreamShape) dashed() string {
	if s.Used != "" {
		return "--" + s.Used
	}
	return "--" + s.boundary()
}

// frame is one part's bytes.
func (f *framer) frame(p part) []byte {
	var b bytes.Buffer
	if f.shape.Bare {
		if p.picture() {
			return nil
		}
		b.Write(p.body)
		b.WriteString(f.shape.Glued)
		return b.Bytes()
	}
	if !f.shape.Missing || !f.begun || p.picture() {
		f.begin(&b, p)
	}
	f.begun = true
	b.Write(p.body)
	if p.picture() {
		b.WriteString(crlf) // not counted, as nothing in a picture ends its last line
	}
	f.end(&b)
	return b.Bytes()
}

// begin writes what stands before a part's body.
func (f *framer) begin(b *bytes.Buffer, p part) {
	if !f.delimited {
		f.delimit(b)
	}
	f.delimited = false
	b.WriteString("Content-Type: " + p.contentType + crlf)
	if !f.shape.NoLength {
		b.WriteString("Content-Length: " + strconv.Itoa(len(p.body)+f.shape.LengthOff) + crlf)
	}
	b.WriteString(crlf)
}

// end writes what stands behind a part's body.
func (f *framer) end(b *bytes.Buffer) {
	b.WriteString(f.shape.Glued)
	if f.shape.Closing {
		b.WriteString(f.shape.dashed() + "--" + crlf)
	}
	if f.shape.AtOnce && !f.shape.Missing {
		f.delimit(b)
		f.delimited = true
	}
}

func (f *framer) delimit(b *bytes.Buffer) {
	b.WriteString(f.shape.dashed() + crlf)
	if f.shape.Doubled {
		b.WriteString(f.shape.dashed() + crlf)
	}
}

// pieces cuts a frame into what is written at once.
func (s StreamShape) pieces(frame []byte) [][]byte {
	size := s.Pieces
	if size <= 0 {
		size = max(len(frame), 1)
	}
	var all [][]byte
	for len(frame) > 0 {
		n := min(size, len(frame))
		all = append(all, frame[:n])
		frame = frame[n:]
	}
	return all
}

// chunk makes a piece a chunk; an empty one is the last.
func chunk(piece []byte) []byte {
	return append(append([]byte(strconv.FormatInt(int64(len(piece)), 16)+crlf), piece...), crlf...)
}
