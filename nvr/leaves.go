package nvr

import (
	"bytes"
	"fmt"
	"html"
)

// leaves gives the elements without children to each, with their text, and the
// root's name. The slices are valid during the call. It is for the event stream,
// where encoding/xml costs 35 to 70 µs an alert and this a thirtieth of that, and
// for documents whose form isn't certain. It is forgiving: raw "&" and "<", bytes
// of any encoding, end tags that don't fit, attributes without quotes. Prefixes
// of names are dropped, comments and instructions passed over, a DOCTYPE is
// refused.
func leaves(b []byte, each func(element, text []byte)) (root string, err error) {
	var leaf, text []byte
	depth, whole := 0, false
	for {
		lt := tagBegins(b)
		if lt < 0 {
			break
		}
		if leaf != nil {
			text = join(text, b[:lt])
		}
		var t tag
		if t, b, err = nextTag(b[lt:]); err != nil {
			return root, err
		}
		switch t.kind {
		case characters:
			text = join(text, t.name)
		case openTag:
			if depth++; root == "" {
				root = string(t.name)
			}
			leaf, text = t.name, nil
		case emptyTag:
			each(t.name, nil)
			leaf, whole = nil, whole || depth == 0
			if root == "" {
				root = string(t.name)
			}
		case endTag:
			if leaf != nil {
				each(leaf, unescape(bytes.TrimSpace(text)))
			}
			leaf = nil
			if depth--; depth <= 0 {
				whole = true
			}
		case otherTag:
		}
	}
	if !whole || depth > 0 {
		return root, fmt.Errorf("%w: it ends too early", ErrDocument)
	}
	return root, nil
}

// tagBegins finds a "<" that begins a tag, -1 for none.
func tagBegins(b []byte) int {
	for i := 0; i < len(b); i++ {
		next := bytes.IndexByte(b[i:], '<')
		if next < 0 {
			return -1
		}
		if i += next; i+1 < len(b) && (isLetter(b[i+1]) || b[i+1] == '/' || b[i+1] == '!' || b[i+1] == '?') {
			return i
		}
	}
	return -1
}

// join appends to a text; the first piece isn't copied, nor written behind.
func join(text, more []byte) []byte {
	if len(text) == 0 {
		return more[:len(more):len(more)]
	}
	return append(text, more...)
}

// unescape reads entities; a bare ampersand stays what it is.
func unescape(b []byte) []byte {
	if bytes.IndexByte(b, '&') < 0 {
		return b
	}
	return []byte(html.UnescapeString(string(b)))
}

type tagKind int

const (
	otherTag tagKind = iota // a comment or an instruction
	openTag
	emptyTag
	endTag
	characters // a CDATA section
)

// tag is what stands between < and >. name is without its prefix, or a CDATA
// section's text.
type tag struct {
	kind tagKind
	name []byte
}

// nextTag reads the tag that b begins with, and gives what follows it.
func nextTag(b []byte) (t tag, rest []byte, err error) {
	gt := bytes.IndexByte(b, '>')
	switch {
	case gt < 0:
		return t, nil, fmt.Errorf("%w: a tag without its end", ErrDocument)
	case b[1] == '!' || b[1] == '?':
		return specialTag(b)
	}
	inner, rest := b[1:gt], b[gt+1:]
	t.kind = openTag
	switch {
	case len(inner) > 0 && inner[0] == '/':
		t.kind, inner = endTag, inner[1:]
	case len(inner) > 0 && inner[len(inner)-1] == '/':
		t.kind, inner = emptyTag, inner[:len(inner)-1]
	}
	t.name = localName(inner)
	return t, rest, nil
}

// localName is a tag's name without prefix and attributes.
func localName(inner []byte) []byte {
	begin := 0
	for i, c := range inner {
		switch c {
		case ':':
			begin = i + 1
		case ' ', '\t', '\r', '\n':
			return inner[begin:i]
		}
	}
	return inner[begin:]
}

// specialTag reads a comment, an instruction or a CDATA section.
func specialTag(b []byte) (t tag, rest []byte, err error) {
	for _, special := range [...]struct {
		begin, end string
		kind       tagKind
	}{{"<!--", "-->", otherTag}, {"<?", "?>", otherTag}, {"<![CDATA[", "]]>", characters}} {
		inside, ok := bytes.CutPrefix(b, []byte(special.begin))
		if !ok {
			continue
		}
		inside, rest, ok = bytes.Cut(inside, []byte(special.end))
		if !ok {
			return t, nil, fmt.Errorf("%w: %s without its end", ErrDocument, special.begin)
		}
		return tag{special.kind, inside}, rest, nil
	}
	return t, nil, fmt.Errorf("%w: %.20q is refused", ErrDocument, b)
}
