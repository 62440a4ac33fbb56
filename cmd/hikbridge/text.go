package main

import (
	"strings"
	"unicode/utf8"
)

// width is what printed lines keep to, in characters; a longer word stands out.
const width = 100

// wrap breaks a text into lines of at most limit characters, at blanks.
func wrap(text string, limit int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= limit:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// pad makes a text n characters long, if it is shorter.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}

// indented writes wrapped lines behind first, and the ones after the first
// below.
func indented(b *strings.Builder, first, text string) {
	indent := utf8.RuneCountInString(first)
	for i, line := range wrap(text, width-indent) {
		if i > 0 {
			first = strings.Repeat(" ", indent)
		}
		b.WriteString(strings.TrimRight(first+line, " ") + "\n")
	}
}
