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
