package main

import (
	"slices"
	"strings"

	"hikbridge/bridge"
)

const namePattern = `[a-z][a-z0-9-]{0,31}`

// nameList is what HIKBRIDGE_NVRS says. Names that aren't valid are known by
// their place and never shown: they could be anything.
type nameList struct {
	valid    []string // each once, in the order written
	reserved []string
	twice    []string
	places   []int    // of those that aren't names, from 1
	prefixes []string // of the variables that those would have
	tooMany  bool     // more than maxRecorders; the rest isn't looked at
}

// maxRecorders bounds one bridge; 64 were measured, more can share several.
const maxRecorders = 256

func parseNames(value string) nameList {
	var l nameList
	if value == "" {
		return l
	}
	parts := strings.SplitN(value, ",", maxRecorders+1)
	if len(parts) > maxRecorders {
		l.tooMany, parts = true, parts[:maxRecorders]
	}
	for i, part := range parts {
		name := strings.TrimSpace(part)
		switch {
		case !matches(namePattern, name):
			l.places = append(l.places, i+1)
			l.prefixes = append(l.prefixes, prefixOf(name))
		case slices.Contains(bridge.ReservedNames[:], name):
			l.reserved = append(l.reserved, name)
			l.prefixes = append(l.prefixes, prefixOf(name))
		case slices.Contains(l.valid, name):
			l.twice = append(l.twice, name)
		default:
			l.valid = append(l.valid, name)
		}
	}
	return l
}

// empty says that no list was given at all.
func (l nameList) empty() bool { return len(l.valid)+len(l.reserved)+len(l.places) == 0 }

// example is a name to show how a variable is written.
func (l nameList) example() string {
	if len(l.valid) > 0 {
		return l.valid[0]
	}
	return "garage"
}

// prefixOf is what the variables of a recorder begin with.
func prefixOf(name string) string {
	return recorderPrefix + strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z':
			return c - 'a' + 'A'
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return c
		}
		return '_'
	}, name) + "_"
}

func (r *reader) judgeNames() {
	if r.names.tooMany {
		r.wrong(namesVariable, "names more than %d recorders; let several bridges share them, each with a HIKBRIDGE_TOPIC and state directory of its own", maxRecorders)
	}
	for _, place := range r.names.places {
		r.wrong(namesVariable, "name %d isn't one: a name begins with a letter, has at most 32 of a-z, 0-9 and -, and stands between single commas", place)
	}
	for _, name := range r.names.reserved {
		r.wrong(namesVariable, "%s can't be a recorder's name, as the bridge uses it in topics; take another one", name)
	}
	for _, name := range r.names.twice {
		r.wrong(namesVariable, "names %s twice; remove one", name)
	}
	for _, c := range alike(r.names.valid) {
		r.wrong(namesVariable, "the names %s and %s can't be told apart in variables: %s would be of the first and begin those of the second; rename one",
			c.name, c.other, c.variable)
	}
}

// collision is a name whose variable begins the variables of another name.
type collision struct{ name, other, variable string }

// alike finds names such as a and a-url: HIKBRIDGE_NVR_A_URL is a variable of
// the first, and HIKBRIDGE_NVR_A_URL_ begins those of the second.
func alike(names []string) []collision {
	byPrefix := map[string]string{}
	for _, name := range names {
		byPrefix[prefixOf(name)] = name
	}
	var list []collision
	for _, name := range names {
		found := map[string]bool{}
		for _, v := range describe[recorderVariables](prefixOf(name)) {
			for i := len(prefixOf(name)); i <= len(v.Name); i++ {
				other, ok := byPrefix[(v.Name + "_")[:i+1]]
				if ok && other != name && !found[other] {
					found[other] = true
					list = append(list, collision{name, other, v.Name})
				}
			}
		}
	}
	return list
}
