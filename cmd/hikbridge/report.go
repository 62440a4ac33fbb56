package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"hikbridge/bridge"
)

const (
	markWidth = 7  // of the longest mark
	maxCheck  = 40 // characters of the column with what was checked
)

// reportTable prints what check found for a person: a block for each subject, a
// line for each finding with its advice below, and the sum.
func reportTable(r bridge.Report) string {
	var b strings.Builder
	column := checkColumn(r.Findings)
	subject := ""
	for i, f := range r.Findings {
		if i == 0 || f.Subject != subject {
			if i > 0 {
				b.WriteString("\n")
			}
			subject = f.Subject
			b.WriteString(oneLine(subject) + "\n")
		}
		writeFinding(&b, f, column)
	}
	if len(r.Findings) > 0 {
		b.WriteString("\n")
	}
	b.WriteString(sum(r) + "\n")
	return b.String()
}

// checkColumn is as wide as its longest entry that isn't too long.
func checkColumn(findings []bridge.Finding) int {
	column := 0
	for _, f := range findings {
		if n := utf8.RuneCountInString(oneLine(f.Check)); n <= maxCheck {
			column = max(column, n)
		}
	}
	return column
}

func writeFinding(b *strings.Builder, f bridge.Finding, column int) {
	first := "  " + pad(mark(f.Result), markWidth) + "  " + pad(oneLine(f.Check), column) + "  "
	indent := 2 + markWidth + 2 + column + 2
	if utf8.RuneCountInString(first) > indent {
		b.WriteString(strings.TrimRight(first, " ") + "\n")
		first = strings.Repeat(" ", indent)
	}
	indented(b, first, oneLine(f.Text))
	if f.Advice != "" {
		indented(b, strings.Repeat(" ", indent)+"-> ", oneLine(f.Advice))
	}
}

// mark is the word that stands at the left; what needs a look is in capitals.
func mark(result string) string {
	switch result {
	case bridge.ResultOK:
		return "ok"
	case bridge.ResultWarning:
		return "WARN"
	case bridge.ResultFailed:
		return "FAIL"
	case bridge.ResultUnknown:
		return "unknown"
	}
	return oneLine(result)
}

// oneLine makes what a device or a broker said fit to be printed to a terminal.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}

func sum(r bridge.Report) string {
	by := map[string]int{}
	for _, f := range r.Findings {
		by[f.Result]++
	}
	var words []string
	for _, result := range []string{bridge.ResultFailed, bridge.ResultWarning, bridge.ResultUnknown} {
		if n := by[result]; n > 0 {
			word := result
			if result == bridge.ResultWarning && n > 1 {
				word += "s"
			}
			words = append(words, fmt.Sprintf("%d %s", n, word))
		}
	}
	if len(words) == 0 {
		return "All is well."
	}
	return fmt.Sprintf("%s, of %s.", strings.Join(words, ", "), count(len(r.Findings), "check"))
}
