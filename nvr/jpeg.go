package nvr

import (
	"bytes"
	"encoding/binary"
)

// readPicture takes a picture, whose bytes may be anything. A JPEG ends with its
// end marker, whatever length is told; a picture without one has its
// Content-Length, or ends before the next delimiter.
func (f *framer) readPicture() (part, error) {
	if !f.picture {
		if err := f.need(len(beginsJPEG)); err != nil {
			return part{}, err
		}
		if !isJPEG(f.buf[f.pos:]) {
			return part{}, f.skipGarbage()
		}
	}
	length := f.length
	f.length, f.picture = -1, false
	mark := append([]byte("\n"), f.delim...)
	var walk jpegWalk
	for from := 0; ; {
		rest := f.buf[f.pos:]
		line := -1 // before the delimiter
		if i := bytes.Index(rest[from:], mark); i >= 0 && f.delim != nil {
			line = from + i
			rest = rest[:line+1]
		}
		end := walk.end(rest)
		if end < 0 && length >= 0 && len(rest) >= length && walk.odd {
			end = length
		}
		switch {
		case end >= 0:
			return f.takePicture(end), nil
		case line >= 0:
			return f.takeUpTo(line, length)
		}
		from = max(0, len(rest)-len(mark))
		if err := f.fill(maxPicture); err != nil {
			return part{}, err
		}
	}
}

// takePicture hands out the next n bytes, which stay valid.
func (f *framer) takePicture(n int) part {
	body := bytes.Clone(f.buf[f.pos : f.pos+n])
	f.pos += n
	return part{picturePart, body}
}

// takeUpTo takes a picture that ends before a delimiter's line, unless it was cut.
func (f *framer) takeUpTo(line, length int) (part, error) {
	body := bytes.TrimSuffix(f.buf[f.pos:f.pos+line], []byte("\r"))
	if len(body) < length || length < 0 && isJPEG(body) {
		f.pos += line + 1
		f.cut++
		return part{}, errCut
	}
	p := f.takePicture(len(body))
	f.pos += line + 1 - len(body)
	return p, nil
}

// Markers of a JPEG (ITU T.81, B.1.1).
const (
	beginsMarker = 0xff
	beginsJPEG   = "\xff\xd8\xff"
	endOfImage   = 0xd9
	startOfScan  = 0xda
)

func isJPEG(b []byte) bool { return bytes.HasPrefix(b, []byte(beginsJPEG)) }

// jpegWalk goes from marker to marker of a JPEG that comes in pieces. Pictures
// inside of it stand in segments, whose lengths are told.
type jpegWalk struct {
	at   int  // how far it is
	scan bool // in pixels, whose length isn't told
	odd  bool // it is no JPEG
}

// end looks at all of the picture that has come and gives its length, or -1.
func (w *jpegWalk) end(b []byte) int {
	for !w.odd {
		if w.scan && w.at < len(b) {
			i := bytes.IndexByte(b[w.at:], beginsMarker)
			if i < 0 {
				i = len(b) - w.at
			}
			w.at += i
		}
		if w.at+2 > len(b) {
			return -1
		}
		if b[w.at] != beginsMarker {
			w.odd = true
			break
		}
		switch c := b[w.at+1]; {
		case c == beginsMarker: // filling
			w.at++
		case c == endOfImage:
			return w.at + 2
		case c <= 1 || c >= 0xd0 && c <= 0xd8: // a byte of the scan, restarts, the beginning
			w.at += 2
		default:
			if w.at+4 > len(b) {
				return -1
			}
			w.scan = c == startOfScan
			w.at += 2 + int(binary.BigEndian.Uint16(b[w.at+2:]))
		}
	}
	return -1
}
