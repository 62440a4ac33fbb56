package power_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"hikbridge/bridge/power"
)

// positions are all states, attention once for each reason.
func positions() []string {
	var all []string
	for _, s := range power.States {
		if s != power.Attention {
			all = append(all, string(s))
		}
	}
	for _, r := range power.Reasons {
		all = append(all, attention(r))
	}
	return all
}

func attention(r power.Reason) string { return "attention(" + string(r) + ")" }

// expand makes positions of one column of the table.
func expand(column string) []string {
	var out []string
	without := map[string]bool{}
	if wild, but, ok := strings.Cut(column, "* but "); ok {
		if inside := strings.HasSuffix(but, ")") && strings.HasPrefix(wild, "attention("); inside {
			for _, r := range strings.Split(strings.TrimSuffix(but, ")"), ", ") {
				without[attention(power.Reason(r))] = true
			}
			column = "attention(*)"
		} else {
			for _, p := range expand(but) {
				without[p] = true
			}
			column = "*"
		}
	}
	for len(column) > 0 {
		var word string
		switch end := strings.Index(column, ")"); {
		case strings.HasPrefix(column, "attention(") && end > 0:
			word, column = column[:end+1], strings.TrimPrefix(column[end+1:], ", ")
		default:
			word, column, _ = strings.Cut(column, ", ")
		}
		switch inside, isAttention := strings.CutPrefix(strings.TrimSuffix(word, ")"), "attention("); {
		case word == "*":
			out = append(out, positions()...)
		case isAttention && inside == "*":
			for _, r := range power.Reasons {
				out = append(out, attention(r))
			}
		case isAttention:
			for _, r := range strings.Split(inside, ", ") {
				out = append(out, attention(power.Reason(r)))
			}
		default:
			out = append(out, word)
		}
	}
	var left []string
	for _, p := range out {
		if !without[p] {
			left = append(left, p)
		}
	}
	return left
}

// table is the one of the package comment.
var table = sync.OnceValue(func() map[power.Move]bool {
	all := map[power.Move]bool{}
	text, err := os.ReadFile("doc.go")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "//\t")
		cells := strings.Split(line, " | ")
		if !ok || len(cells) != 3 {
			continue
		}
		for _, from := range expand(cells[0]) {
			for _, to := range expand(cells[2]) {
				all[power.Move{From: from, Row: cells[1], To: to}] = true
			}
		}
	}
	return all
})

func TestTheTableNamesOnlyStatesThatExist(t *testing.T) {
	known := map[string]bool{}
	for _, p := range positions() {
		known[p] = true
	}
	for x := range table() {
		if !known[x.From] || !known[x.To] {
			t.Errorf("%q → %q (%s)", x.From, x.To, x.Row)
		}
	}
	if len(table()) < 150 {
		t.Errorf("%d rows", len(table()))
	}
}
