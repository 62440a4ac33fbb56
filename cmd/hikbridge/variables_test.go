package main

import (
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
)

const (
	readme     = "../../README.md"
	tableBegin = "<!-- variables -->\n"
	tableEnd   = "<!-- /variables -->"
)

// tableIn gives the table in README's text and what stands around it.
func tableIn(text string) (before, table, after string, ok bool) {
	before, rest, begins := strings.Cut(text, tableBegin)
	table, after, ends := strings.Cut(rest, tableEnd)
	return before + tableBegin, table, tableEnd + after, begins && ends
}

func TestREADMEListsTheVariables(t *testing.T) {
	content, err := os.ReadFile(readme)
	if err != nil {
		t.Fatalf("README.md is missing: %v", err)
	}
	before, table, after, ok := tableIn(string(content))
	if !ok {
		t.Fatalf("README.md has no place for the table of variables: put these lines there:\n%s%s", tableBegin, tableEnd)
	}
	if *update {
		if err := os.WriteFile(readme, []byte(before+variablesTable()+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != variablesTable() {
		t.Error("README's table of variables isn't that of the program; write it with: go test ./cmd/hikbridge -update")
	}
}

func TestTheTableIsReplacedAndNothingElse(t *testing.T) {
	before, table, after, ok := tableIn("a\n" + tableBegin + "old\n" + tableEnd + "\nb\n")
	if !ok || table != "old\n" || before+"new\n"+after != "a\n"+tableBegin+"new\n"+tableEnd+"\nb\n" {
		t.Errorf("%q, %q, %q, %v", before, table, after, ok)
	}
	for _, text := range []string{"", "a\n" + tableBegin, tableEnd, tableEnd + tableBegin} {
		if _, _, _, ok := tableIn(text); ok {
			t.Errorf("%q has a place for the table", text)
		}
	}
}

func TestTheTableHoldsItsCells(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(variablesTable()), "\n")
	if len(lines) != len(variables())+2 {
		t.Errorf("%d lines for %d variables", len(lines), len(variables()))
	}
	for _, line := range lines {
		if n := strings.Count(line, "|") - strings.Count(line, `\|`); n != 4 || strings.ContainsAny(line, "<>") {
			t.Errorf("breaks the table: %s", line)
		}
	}
}

func TestEveryFieldIsTextWithANameAndADescription(t *testing.T) {
	for _, fields := range []reflect.Type{
		reflect.TypeFor[listVariables](), reflect.TypeFor[recorderVariables](),
		reflect.TypeFor[brokerVariables](), reflect.TypeFor[siteVariables](),
	} {
		for i := range fields.NumField() {
			f := fields.Field(i)
			name := f.Tag.Get("env")
			if f.Type.Kind() != reflect.String || name == "" || strings.Contains(name, ",") || f.Tag.Get("desc") == "" || !f.IsExported() {
				t.Errorf("%v.%s: %v", fields, f.Name, f.Tag)
			}
			if secret := strings.HasSuffix(f.Type.String(), "Secret"); secret != isSecret("X_"+name) {
				t.Errorf("%v.%s: its type and its name don't agree whether it is a secret", fields, f.Name)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	settings := func(pairs ...string) (list []debug.BuildSetting) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, debug.BuildSetting{Key: pairs[i], Value: pairs[i+1]})
		}
		return list
	}
	const revision = "0123456789abcdef0123456789abcdef01234567"
	for _, tt := range []struct {
		name string
		info *debug.BuildInfo
		ok   bool
		want string
	}{
		{"a released module", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: settings("vcs.revision", revision)}, true, "v1.2.3"},
		{"a clean checkout", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: settings("vcs.revision", revision, "vcs.modified", "false")}, true, "0123456789ab"},
		{"a changed one", &debug.BuildInfo{Settings: settings("vcs.revision", revision, "vcs.modified", "true")}, true, "0123456789ab-modified"},
		{"no checkout at all", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, true, "dev"},
		{"a binary that knows nothing", nil, false, "dev"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := versionOf(tt.info, tt.ok); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
