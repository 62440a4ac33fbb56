package ups

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const blanks = " \t"

// split reads the words of a line as NUT writes them: separated by blanks, in double
// quotes where there is need, with a backslash before what shall stand for itself. It
// returns nil for a line that has no words, or isn't one of NUT's.
func split(line string) []string {
	if !isText(line) {
		return nil
	}
	var words []string
	for rest := strings.Trim(line, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		word, tail, ok := cutWord(rest)
		if !ok {
			return nil
		}
		words, rest = append(words, word), tail
	}
	return words
}

// cutWord takes the first word off a text that begins with it. A quote that isn't
// closed, or that is closed before the word ends, is none of NUT's.
func cutWord(s string) (word, tail string, ok bool) {
	var b strings.Builder
	quoted := s[0] == '"'
	i := 0
	if quoted {
		i = 1
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			b.WriteByte(s[i])
		case c == '"':
			tail = s[i+1:]
			return b.String(), tail, quoted && (tail == "" || strings.ContainsAny(tail[:1], blanks))
		case !quoted && strings.IndexByte(blanks, c) >= 0:
			return b.String(), s[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

// escapes are what upsd takes for itself only behind a backslash. With a bare # in
// quotes upsd 2.8.0 drops the line without an answer.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `#`, `\#`)

// join writes words so that upsd reads the same ones. They must be text.
func join(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsFunc(w, needsQuotes) {
			quoted[i] = `"` + escapes.Replace(w) + `"`
		}
	}
	return strings.Join(quoted, " ")
}

func needsQuotes(r rune) bool {
	letterOrDigit := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letterOrDigit && !strings.ContainsRune("._-", r)
}

// isText says that nothing in s can end a line or hide in it.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\t' })
}
