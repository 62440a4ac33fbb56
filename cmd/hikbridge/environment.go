package main

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caarlos0/env/v11"

	"hikbridge/bridge"
)

// environment holds what was set, by name. A name that is set to nothing, or to
// blanks alone, counts as not set.
type environment map[string]string

// newEnvironment takes what os.Environ gives. Blanks around a value are dropped,
// but for passwords.
func newEnvironment(environ []string) environment {
	e := environment{}
	for name, value := range env.ToMap(environ) {
		if !isSecret(name) {
			value = strings.TrimSpace(value)
		}
		e[name] = value
	}
	return e
}

func isSecret(name string) bool { return strings.HasSuffix(name, "_PASSWORD") }

// fetch fills one of the structs of variables.go. All their fields are text, so
// that the library has nothing to refuse.
func fetch[T any](e environment, prefix string) T {
	var v T
	if err := env.ParseWithOptions(&v, options(prefix, e)); err != nil {
		panic(fmt.Sprintf("hikbridge: tags of %v are wrong", reflect.TypeFor[T]()))
	}
	return v
}

// problem is what is wrong with one variable. Text continues the name, says what
// to do, and never holds the value.
type problem struct{ Variable, Text string }

func (p problem) Error() string { return p.Variable + ": " + p.Text }

// settings is what the variables say.
type settings struct {
	bridge.Config
	level slog.Level
}

// readSettings reads all variables. It looks at files but changes nothing: the
// state directory may not exist yet.
func readSettings(environ []string) (settings, []problem) {
	r := newReader(environ)
	s := settings{}
	s.Recorders = r.recorders()
	s.Broker = r.broker()
	s.Mains = r.mains()
	r.site(&s)
	r.unknown()
	return s, r.problems
}

// readWithoutRecorders reads what is needed where no recorder is spoken to.
func readWithoutRecorders(environ []string) (settings, []problem) {
	r := newReader(environ)
	s := settings{}
	s.Broker = r.broker()
	r.site(&s)
	r.unknown()
	return s, r.problems
}

// readStateDir reads where the state directory is, and nothing else.
func readStateDir(environ []string) (string, []problem) {
	r := newReader(environ)
	return r.stateDir(), r.problems
}

// reader reads the environment once and collects all that is wrong with it.
type reader struct {
	env      environment
	names    nameList
	problems []problem
	garbled  map[string]bool // what is wrong with their form is said; no more is

	systemDir string // the state directory where it exists
}

func newReader(environ []string) *reader {
	r := &reader{env: newEnvironment(environ), garbled: map[string]bool{}, systemDir: systemStateDir}
	// Quotes are refused later, but what stands between them are names: their
	// variables aren't unknown.
	r.names = parseNames(strings.Trim(fetch[listVariables](r.env, namespace).Names, `"'`))
	return r
}

func (r *reader) wrong(variable, format string, args ...any) {
	if !r.garbled[variable] {
		r.problems = append(r.problems, problem{variable, fmt.Sprintf(format, args...)})
	}
}

// form judges the form of values of the variables that are read next: what comes
// of quotes that a shell would have removed, and of pasting.
func (r *reader) form(list []variable) {
	for _, v := range list {
		text := garble(r.env[v.Name])
		if text == "" || isSecret(v.Name) || r.garbled[v.Name] {
			continue
		}
		r.wrong(v.Name, "%s", text)
		r.garbled[v.Name] = true
	}
}

// garble says what is wrong with the form of a value, if anything is.
func garble(value string) string {
	switch {
	case value == "":
		return ""
	case !utf8.ValidString(value):
		return "holds bytes that aren't UTF-8 text; write it anew"
	case strings.ContainsFunc(value, unicode.IsControl):
		return "holds a line break or another control character; write it anew on one line"
	case strings.ContainsRune(`"'`, rune(value[0])) || strings.ContainsRune(`"'`, rune(value[len(value)-1])):
		return "begins or ends with a quote, which would be part of the value here; remove the quotes"
	}
	return ""
}
