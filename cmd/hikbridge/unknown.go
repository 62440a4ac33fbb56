package main

import (
	"slices"
	"strings"

	"hikbridge/bridge"
)

const (
	// shownName bounds what is shown of a name that isn't known.
	shownName = 64
	// sureDistance is how near a known name must be to be suggested for a name
	// that could also be another recorder's.
	sureDistance = 2
	// maxSuggested is for how many unknown names the nearest one is looked for.
	maxSuggested = 20
)

// unknown judges names that begin with HIKBRIDGE_ and aren't variables: a
// mistyped one would silently do nothing.
func (r *reader) unknown() {
	known := r.known()
	var names []string
	for name := range r.env {
		if strings.HasPrefix(name, namespace) && !slices.Contains(known, name) && !r.excused(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	candidates := r.candidates(known)
	for i, name := range names {
		if i == maxSuggested {
			candidates = nil
		}
		r.wrong(shorten(name), "%s", advice(name, candidates))
	}
}

// candidates are the names that can be suggested: with several recorders not
// those of a recorder without name.
func (r *reader) candidates(known []string) []string {
	if r.names.empty() {
		return known
	}
	var other []string
	for _, v := range describe[recorderVariables](recorderPrefix) {
		other = append(other, v.Name)
	}
	return slices.DeleteFunc(slices.Clone(known), func(name string) bool { return slices.Contains(other, name) })
}

// known lists the names that mean something with these recorders.
func (r *reader) known() []string {
	list := variables()
	for _, name := range r.names.valid {
		list = append(list, describe[recorderVariables](prefixOf(name))...)
	}
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.Name
	}
	return names
}

// excused are names that Kubernetes makes of a service called hikbridge, and
// those of recorders whose name is refused, which is said already.
func (r *reader) excused(name string) bool {
	for _, prefix := range append([]string{namespace + "PORT", namespace + "SERVICE_"}, r.names.prefixes...) {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// advice says what could have been meant.
func advice(name string, candidates []string) string {
	if shorten(name) != name {
		return "isn't a name of a variable; names hold A-Z, 0-9 and _, and the value follows behind ="
	}
	text := "isn't known"
	nearest, distance := nearestName(name, candidates)
	recorder, ofRecorder := recorderIn(name)
	ofRecorder = ofRecorder && !slices.Contains(bridge.ReservedNames[:], recorder) // as in NVR_PLUG_WITNESS
	switch {
	case ofRecorder && !matches(namePattern, recorder):
		return text + "; recorders have names that begin with a letter: " + namesVariable + "=garage, then " + prefixOf("garage") + "URL and so on"
	case ofRecorder && distance <= sureDistance:
		return text + "; did you mean " + nearest + "? For another recorder add " + recorder + " to " + namesVariable
	case ofRecorder:
		return "belongs to no recorder; add " + recorder + " to " + namesVariable + ", or remove this"
	case nearest != "":
		return text + "; did you mean " + nearest + "?"
	}
	return text + "; hikbridge help lists the variables"
}

// nearestName gives the candidate that is most like a name, if any is at all.
func nearestName(name string, candidates []string) (nearest string, distance int) {
	name = strings.ToUpper(name)
	own := len(name) - len(namespace)
	limit := own / 2 // what differs in more is another word
	distance = limit + 1
	for _, k := range candidates {
		d := editDistance(name, k)
		if own >= 4 && strings.HasPrefix(k, name) { // as in MQTT_USER
			d = min(d, sureDistance)
		}
		if d < distance {
			nearest, distance = k, d
		}
	}
	return nearest, distance
}

// recorderIn finds the recorder in HIKBRIDGE_NVR_GARAGE_URL.
func recorderIn(name string) (recorder string, ok bool) {
	rest, ok := strings.CutPrefix(name, recorderPrefix)
	if !ok {
		return "", false
	}
	found := ""
	for _, v := range describe[recorderVariables]("_") {
		if before, ok := strings.CutSuffix(rest, v.Name); ok && before != "" && (found == "" || len(before) < len(found)) {
			found = before
		}
	}
	return strings.ReplaceAll(strings.ToLower(found), "_", "-"), found != ""
}

// shorten gives as much of a name as is surely one: a line that was pasted as a
// whole may hold a password behind its name.
func shorten(name string) string {
	end := strings.IndexFunc(name, func(c rune) bool {
		return (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_'
	})
	if end < 0 && len(name) <= shownName {
		return name
	}
	if end < 0 || end > shownName {
		end = shownName
	}
	return name[:end] + "…"
}

// editDistance counts the letters to insert, remove, replace or swap with their
// neighbour to get from a to b.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
