package nvr

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const (
	maxDocument = 2 << 20 // bytes of one document
	maxTokens   = 200_000
	maxDepth    = 64
)

// Maybe is a value that a device told, or didn't: absent is not zero.
type Maybe[T any] struct {
	Value T
	Known bool
}

func known[T any](v T) Maybe[T] { return Maybe[T]{v, true} }

// decode reads one XML document into v, whatever its namespaces. It refuses a
// DOCTYPE, more than maxTokens tokens or maxDepth levels, anything behind the
// root element, and a root that is none of roots. A doubled element counts by
// its last value.
func decode(body []byte, v any, roots ...string) error {
	text, err := clean(body)
	if err != nil {
		return err
	}
	root, err := inspect(text)
	if err != nil {
		return err
	}
	for _, r := range roots {
		if strings.EqualFold(r, root) {
			if err := xml.Unmarshal(text, v); err != nil {
				return fmt.Errorf("%w: %w", ErrDocument, err)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: <%s> instead of <%s>", ErrDocument, root, strings.Join(roots, "> or <"))
}

// inspect walks over the whole document once, within the bounds.
func inspect(text []byte) (root string, err error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	depth := 0
	for n := 0; ; n++ {
		if n > maxTokens {
			return "", fmt.Errorf("%w: more than %d tokens", ErrDocument, maxTokens)
		}
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrDocument, err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return "", fmt.Errorf("%w: <!%.20s is refused", ErrDocument, t)
		case xml.StartElement:
			if depth == 0 && root != "" {
				return "", fmt.Errorf("%w: a second root <%s>", ErrDocument, t.Name.Local)
			}
			if depth == 0 {
				root = t.Name.Local
			}
			if depth++; depth > maxDepth {
				return "", fmt.Errorf("%w: more than %d levels", ErrDocument, maxDepth)
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return "", fmt.Errorf("%w: text outside of the root element", ErrDocument)
			}
		}
		if depth < 0 {
			return "", fmt.Errorf("%w: an end tag too many", ErrDocument)
		}
	}
	if root == "" || depth != 0 {
		return "", fmt.Errorf("%w: it ends too early", ErrDocument)
	}
	return root, nil
}

// clean makes well-formed UTF-8 of what devices send: a declared encoding is
// converted (GB2312 seen), the declaration dropped, bytes that aren't UTF-8
// replaced, bare ampersands in names escaped, forbidden control characters and
// trailing NULs removed.
func clean(body []byte) ([]byte, error) {
	text := bytes.TrimPrefix(bytes.TrimRight(body, "\x00\r\n\t "), []byte("\xef\xbb\xbf"))
	text = bytes.TrimLeft(text, "\r\n\t ")
	if bytes.HasPrefix(text, []byte("<?xml")) {
		end := bytes.Index(text, []byte("?>"))
		if end < 0 {
			return nil, fmt.Errorf("%w: it ends in the XML declaration", ErrDocument)
		}
		var err error
		if text, err = convert(text[end+2:], declaredEncoding(string(text[:end]))); err != nil {
			return nil, err
		}
	}
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return escapeAmpersands(dropControls(text)), nil
}

func declaredEncoding(declaration string) string {
	_, rest, ok := strings.Cut(declaration, "encoding=")
	if !ok || rest == "" {
		return ""
	}
	name, _, _ := strings.Cut(rest[1:], rest[:1])
	return strings.ToLower(strings.TrimSpace(name))
}

// convert leaves UTF-8 alone, also where another encoding is declared for it:
// devices declare what they don't send.
func convert(text []byte, name string) ([]byte, error) {
	if name == "" || strings.HasPrefix(name, "utf") || utf8.Valid(text) {
		return text, nil
	}
	var e encoding.Encoding = charmap.Windows1252 // also for names that aren't known
	if strings.HasPrefix(name, "gb") {
		e = simplifiedchinese.GB18030
	}
	out, err := e.NewDecoder().Bytes(text)
	if err != nil {
		return nil, fmt.Errorf("%w: its encoding %.20q: %w", ErrDocument, name, err)
	}
	return out, nil
}

func dropControls(text []byte) []byte {
	bad := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	}
	if bytes.IndexFunc(text, bad) < 0 {
		return text
	}
	return bytes.Map(func(r rune) rune {
		if bad(r) {
			return -1
		}
		return r
	}, text)
}

// escapeAmpersands turns every & that begins no entity into &amp; (channel
// names come raw from some cameras).
func escapeAmpersands(text []byte) []byte {
	if !bytes.ContainsRune(text, '&') {
		return text
	}
	var out bytes.Buffer
	for {
		i := bytes.IndexByte(text, '&')
		if i < 0 {
			out.Write(text)
			return out.Bytes()
		}
		out.Write(text[:i])
		text = text[i:]
		if beginsEntity(text) {
			out.WriteByte('&')
		} else {
			out.WriteString("&amp;")
		}
		text = text[1:]
	}
}

func beginsEntity(text []byte) bool {
	end := bytes.IndexByte(text[:min(len(text), 12)], ';')
	if end < 2 {
		return false
	}
	switch name := string(text[1:end]); name {
	case "amp", "lt", "gt", "quot", "apos":
		return true
	default:
		digits, base := strings.TrimPrefix(name, "#"), 10
		if digits == name {
			return false
		}
		if hex, ok := strings.CutPrefix(strings.ToLower(digits), "x"); ok {
			digits, base = hex, 16
		}
		n, err := strconv.ParseUint(digits, base, 32)
		return err == nil && (n >= ' ' || n == '\t' || n == '\n' || n == '\r')
	}
}

// responseStatus is the ISAPI answer to writes and the form of refusals.
type responseStatus struct {
	StatusCode    string `xml:"statusCode"`
	StatusString  string `xml:"statusString"`
	SubStatusCode string `xml:"subStatusCode"`
	lockWire
}

func text(s string) string { return strings.TrimSpace(s) }

// number reads a decimal or, as some devices write it, hexadecimal integer.
func number(s string) Maybe[int64] {
	n, err := strconv.ParseInt(text(s), 0, 64)
	if err != nil {
		n, err = strconv.ParseInt(text(s), 10, 64) // 08
	}
	return Maybe[int64]{n, err == nil}
}

// decimal reads a number such as " 244.175781" (memory of DS-7608NI-K2).
func decimal(s string) Maybe[float64] {
	f, err := strconv.ParseFloat(text(s), 64)
	if err != nil || f != f || f > 1e15 || f < -1e15 {
		return Maybe[float64]{}
	}
	return known(f)
}

func truth(s string) Maybe[bool] {
	switch strings.ToLower(text(s)) {
	case "true", "1":
		return known(true)
	case "false", "0":
		return known(false)
	}
	return Maybe[bool]{}
}
