package power_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// cellHome is the home of the table: a meter, a plug that cuts when proven, a
// source that tells of mains, no witness, no drill.
var cellHome = power.Config{Plug: meterPlug, Mains: true, AnyOutage: true}

// columns are the events of the table, beside kinds.
var columns = map[string]func(position string) (*hand, func(*hand)){
	"its own wake": func(position string) (*hand, func(*hand)) {
		return place(position), func(h *hand) {
			if h.wake >= 0 {
				h.waits(h.wake - h.now.Mono)
			}
		}
	},
	"the program restarts": func(position string) (*hand, func(*hand)) {
		return place(position), func(h *hand) { h.restart(10 * time.Second) }
	},
	"its record is late": func(position string) (*hand, func(*hand)) {
		return waitingPlace(position), func(h *hand) {
			if h.holds() {
				h.answer(h.commit(power.Late), power.Late)
			}
		}
	},
	"its record fails": func(position string) (*hand, func(*hand)) {
		return waitingPlace(position), func(h *hand) {
			if h.holds() {
				h.commit(power.Failed)
			}
		}
	},
}

func place(position string) *hand { return reach(position, site{cfg: cellHome}) }

// waitingPlace is one whose own record isn't durable.
func waitingPlace(position string) *hand {
	h := reach(position, site{cfg: cellHome, stop: position})
	h.stops, h.stop = false, ""
	return h
}

// does is what an event does to a place: the rows that are taken.
func does(h *hand, event func(*hand)) string {
	var rows []string
	h.taken = func(x power.Move) { rows = append(rows, fmt.Sprintf("→ %s (%s)", short(x.To), x.Row)) }
	event(h)
	h.settle()
	return strings.Join(rows, " ")
}

// short leaves attention out where its reason says it.
func short(position string) string {
	return strings.TrimSuffix(strings.TrimPrefix(position, "attention("), ")")
}

// cells are what the machine does, by event and position.
func cells(t *testing.T) map[string]map[string]string {
	all := map[string]map[string]string{}
	for name := range kinds {
		all[name] = map[string]string{}
	}
	for name := range columns {
		all[name] = map[string]string{}
	}
	for event, row := range all {
		for _, position := range positions() {
			var h *hand
			var do func(*hand)
			if column, ok := columns[event]; ok {
				h, do = column(position)
			} else {
				k := kinds[event]
				h = place(position)
				do = func(h *hand) { h.tell(k.event(h)) }
				if answers := h.clone(); !k.can(answers) {
					do = func(h *hand) {
						h.open.Number = 1 // of an effect that was never open
						h.tell(k.event(h))
					}
				}
			}
			if h.m.Position() != position || h.wrong != "" {
				t.Fatalf("the place of %s is %s: %s", position, h.m.Position(), h.wrong)
			}
			row[short(position)] = does(h, do)
			if h.wrong != "" {
				t.Errorf("%s in %s: %s", event, position, h.wrong)
			}
		}
	}
	return all
}

// said are the cells of testdata/cells.txt: what is to happen, or that nothing is.
func said(t *testing.T) (all map[string]map[string]string, reasons map[string]int) {
	text, err := os.ReadFile("testdata/cells.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, reasons = map[string]map[string]string{}, map[string]int{}
	var events []string
	legend := false
	for n, line := range strings.Split(string(text), "\n") {
		title, isTitle := strings.CutPrefix(line, "## ")
		where, what, isCell := strings.Cut(line, " | ")
		letter, reason, _ := strings.Cut(line, " ")
		switch {
		case line == "Reasons":
			legend = true
		case isTitle:
			legend, events = false, titles(title)
			for _, e := range events {
				if all[e] != nil {
					t.Errorf("line %d: %s comes twice", n+1, e)
				}
				all[e] = map[string]string{}
			}
		case legend && letter != "" && len(strings.TrimSpace(reason)) > 20:
			reasons[letter] = 0
		case len(events) > 0 && isCell:
			for _, e := range events {
				fillIn(t, all[e], reasons, e, where, what)
			}
		case len(events) > 0 && line != "":
			t.Errorf("line %d: %q", n+1, line)
		}
	}
	return all, reasons
}

// titles are the events of a section.
func titles(title string) (all []string) {
	for title != "" {
		longest := ""
		for e := range events() {
			if len(e) > len(longest) && (title == e || strings.HasPrefix(title, e+", ")) {
				longest = e
			}
		}
		if longest == "" {
			return append(all, title)
		}
		all = append(all, longest)
		title = strings.TrimPrefix(strings.TrimPrefix(title, longest), ", ")
	}
	return all
}

func events() map[string]bool {
	all := map[string]bool{}
	for e := range kinds {
		all[e] = true
	}
	for e := range columns {
		all[e] = true
	}
	return all
}

// fillIn fills in one line.
func fillIn(t *testing.T, row map[string]string, reasons map[string]int, event, where, what string) {
	if letter, ok := strings.CutPrefix(what, "ignored: "); ok {
		what = "ignored"
		reasonUsed(t, reasons, event, letter)
	} else if letter, ok := strings.CutPrefix(what, "impossible: "); ok {
		what = "impossible"
		reasonUsed(t, reasons, event, letter)
	} else if what == "→ checking" {
		what = "→ checking (" + strings.TrimSuffix(event, " by an automation") + ")"
	}
	positions := strings.Split(where, ", ")
	if where == "the rest" {
		positions = nil
		for _, p := range allShort() {
			if row[p] == "" {
				positions = append(positions, p)
			}
		}
	}
	for _, p := range positions {
		if row[p] != "" || !slices.Contains(allShort(), p) {
			t.Errorf("%s: %s comes twice, or isn't a position", event, p)
		}
		row[p] = what
	}
}

func reasonUsed(t *testing.T, reasons map[string]int, event, letter string) {
	if _, ok := reasons[letter]; !ok {
		t.Errorf("%s: there is no reason %s", event, letter)
	}
	reasons[letter]++
}

func allShort() (all []string) {
	for _, p := range positions() {
		all = append(all, short(p))
	}
	return all
}

func TestEveryEventInEveryPositionDoesWhatTheTableOfCellsSays(t *testing.T) {
	want, reasons := said(t)
	got := cells(t)
	for event := range events() {
		for _, p := range allShort() {
			have, said := got[event][p], want[event][p]
			if have == "" && (said == "ignored" || said == "impossible") {
				continue
			}
			if have != said {
				t.Errorf("%s in %s: it does %q, and the table says %q", event, p, have, said)
			}
		}
	}
	for event := range want {
		if !events()[event] {
			t.Errorf("there is no event %q", event)
		}
	}
	for letter, n := range reasons {
		if n == 0 {
			t.Errorf("reason %s is given nowhere", letter)
		}
	}
	if n := len(events()) * len(positions()); n < 1000 {
		t.Errorf("%d cells", n)
	}
}
