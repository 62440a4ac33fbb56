package ups_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"hikbridge/bridge/ups"
)

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name, line string
		words      []string
	}{
		{"one word", "OK", []string{"OK"}},
		{"blanks around and between", " \t OK \t Goodbye ", []string{"OK", "Goodbye"}},
		{"quotes", `VAR ups ups.status "OB LB"`, []string{"VAR", "ups", "ups.status", "OB LB"}},
		{"nothing in quotes", `a "" b`, []string{"a", "", "b"}},
		{"backslashes in quotes", `"a \"b\" \\ \# c"`, []string{`a "b" \ # c`}},
		{"backslashes outside of quotes", `a\ b \"c\" \\`, []string{"a b", `"c"`, `\`}},
		{"other letters", `"überlast"`, []string{"überlast"}},
		{"nothing", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if words := ups.Split(c.line); !slices.Equal(words, c.words) {
				t.Errorf("%q: %q", c.line, words)
			}
		})
	}
	for _, line := range []string{`"`, `"a`, `a"`, `a"b"`, `"a"b`, `"a""b"`, `a\`, `"a\`, `"a\"`, "a\nb", "a\rb", "a\x00", "a\x7f", "\xff"} {
		if words := ups.Split(line); words != nil {
			t.Errorf("%q became %q", line, words)
		}
	}
}

// upsd 2.8.0 reads each of these as it is meant; a bare # in quotes it doesn't answer.
func TestWordsAreQuotedAsUpsdReadsThem(t *testing.T) {
	for word, want := range map[string]string{
		"shutdown.return": "shutdown.return",
		"a_b-C.9":         "a_b-C.9",
		"":                `""`,
		"a b":             `"a b"`,
		`a"b`:             `"a\"b"`,
		`a\b`:             `"a\\b"`,
		"a#b":             `"a\#b"`,
		"a=b":             `"a=b"`,
		"é":               `"é"`,
	} {
		if got := ups.Join([]string{"PASSWORD", word}); got != "PASSWORD "+want {
			t.Errorf("%q became %s", word, got)
		}
	}
}

// FuzzLine lets any line come. What is read is text and no longer than the line, and
// reads the same when it is written again.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		"", "OK", `VAR ups ups.status "OL CHRG"`, `VAR "ups" x "a \"b\" \\ \# c"`, `a"b`, `"a"b`, `"`, `\`, `a\ b`, " \t", "é\x00", "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := ups.Split(line)
		if n := len(strings.Join(words, "")); n > len(line) || len(words) > len(line) {
			t.Fatalf("%q became %q", line, words)
		}
		for _, w := range words {
			if !utf8.ValidString(w) || strings.ContainsFunc(w, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
				t.Fatalf("%q became %q", line, words)
			}
		}
		if again := ups.Split(ups.Join(words)); !slices.Equal(again, words) {
			t.Fatalf("%q became %q, then %q", line, words, again)
		}
	})
}
