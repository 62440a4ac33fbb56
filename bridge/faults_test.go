package bridge_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// faultRows are the rows of the fault matrix that FAULTS.md must have: from, to.
var faultRows = [][2]int{{1, 82}}

// faultPackages are the directories of the packages whose tests it names.
var faultPackages = map[string]string{
	"bridge": ".", "power": "power", "journal": "journal", "plug": "plug", "bridgetest": "bridgetest", "nvr": "../nvr",
	"nvrtest": "../nvr/nvrtest", "mqtt": "../mqtt", "mqtttest": "../mqtt/mqtttest", "discovery": "../discovery", "hikbridge": "../cmd/hikbridge",
}

// tests are a package's test functions, each with the texts in it, of which its
// subtests have their names.
func tests(t *testing.T, directory string) map[string]map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", directory, err)
	}
	all := map[string]map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			texts := map[string]bool{}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil {
						texts[text] = true
					}
				}
				return true
			})
			all[f.Name.Name] = texts
		}
	}
	return all
}

var namedTest = regexp.MustCompile("^`([a-z0-9]+): ((?:Test|Fuzz)[A-Za-z0-9_]+)(?:/([^`]+))?`$")

func TestFaultsNamesTheTestThatProvesEachRow(t *testing.T) {
	content, err := os.ReadFile("FAULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]map[string]map[string]bool{} // texts by package and test
	times := map[int]int{}
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		row, err := strconv.Atoi(strings.TrimSpace(cells[0]))
		if err != nil {
			continue
		}
		times[row]++
		if len(cells) != 4 || strings.TrimSpace(cells[1]) == "" || strings.TrimSpace(cells[2]) == "" {
			t.Errorf("row %d: want four cells: row, fault, what holds, test", row)
			continue
		}
		for name := range strings.SplitSeq(cells[3], "<br>") {
			m := namedTest.FindStringSubmatch(strings.TrimSpace(name))
			if m == nil || faultPackages[m[1]] == "" {
				t.Errorf("row %d: %q isn't `package: TestName` or `package: TestName/subtest`", row, strings.TrimSpace(name))
				continue
			}
			if known[m[1]] == nil {
				known[m[1]] = tests(t, faultPackages[m[1]])
			}
			texts, ok := known[m[1]][m[2]]
			switch {
			case !ok:
				t.Errorf("row %d: package %s has no %s", row, m[1], m[2])
			case m[3] != "" && !texts[m[3]]:
				t.Errorf("row %d: %s has no subtest %q", row, m[2], m[3])
			}
		}
	}
	for _, r := range faultRows {
		for row := r[0]; row <= r[1]; row++ {
			if times[row] == 0 {
				t.Errorf("row %d is missing", row)
			}
		}
	}
	for row, n := range times {
		if n > 1 || row < 1 || row > 82 {
			t.Errorf("row %d stands there %d times", row, n)
		}
	}
}
