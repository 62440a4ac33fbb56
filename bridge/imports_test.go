package bridge_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "hikbridge"

// rule is one row of the house's import table: what a package may import
// besides the standard library, and what it must never import.
type rule struct {
	may    []string // import paths; a trailing /... means all below
	never  []string
	std    []string // if set, the only standard packages allowed
	reason string
}

const (
	paho   = "github.com/eclipse/paho.mqtt.golang"
	digest = "github.com/icholy/digest"
	envLib = "github.com/caarlos0/env/v11"
	mochi  = "github.com/mochi-mqtt/server/v2"
)

var house = map[string]rule{
	"cmd/hikbridge":      {may: []string{envLib, module + "/bridge"}, never: []string{"testing"}, reason: "the command turns environment and signals into a bridge and an exit code, nothing else"},
	"cmd/hikbridge-demo": {may: []string{envLib, module + "/bridge", module + "/bridge/bridgetest", module + "/nvr/nvrtest", mochi + "/..."}, never: []string{"testing"}, reason: "the demo is the same bridge on simulated peers"},
	"bridge":             {may: []string{module + "/nvr", module + "/nvr/sadp", module + "/mqtt", module + "/discovery", module + "/bridge/power", module + "/bridge/journal", module + "/bridge/plug", module + "/bridge/ups"}, never: []string{"encoding/xml", "testing"}, reason: "the bridge connects the leaves; protocols stay in them"},
	"bridge/power":       {std: []string{"errors", "fmt", "slices", "strings", "time"}, reason: "the power machine has no clock, no I/O and no goroutine"},
	"bridge/journal":     {never: []string{"net"}, reason: "the journal knows durability, not power"},
	"bridge/plug":        {std: []string{"bytes", "encoding/json", "errors", "fmt", "io", "math", "slices", "strconv", "strings", "time", "unicode", "unicode/utf8"}, reason: "payloads in, reports out: no clock, no I/O and no goroutine"},
	"bridge/ups":         {reason: "a leaf"},
	"bridge/bridgetest":  {may: []string{module + "/nvr/nvrtest", paho + "/..."}, never: []string{"testing"}, reason: "a simulated world knows nothing of the bridge"},
	"nvr":                {may: []string{digest, "golang.org/x/text/encoding", "golang.org/x/text/encoding/..."}, never: []string{"log/slog"}, reason: "a leaf: it speaks ISAPI and returns errors instead of logging"},
	"nvr/sadp":           {never: []string{"log/slog"}, reason: "a leaf"},
	"nvr/nvrtest":        {may: []string{paho + "/packets"}, never: []string{"testing"}, reason: "a simulated recorder also runs in the demo"},
	"mqtt":               {may: []string{paho, paho + "/packets"}, never: []string{"log/slog"}, reason: "a leaf: only it knows paho"},
	"mqtt/mqtttest":      {may: []string{paho + "/packets"}, never: []string{"testing"}, reason: "a broker in memory knows nothing of the client"},
	"discovery":          {reason: "data in, documents out"},
}

// listed is what go list tells of a package.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps,Standard"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// isStandard: the standard library's paths have no dot in their first element.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".") && first != module
}

func matches(pattern, importPath string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return importPath == below || strings.HasPrefix(importPath, below+"/")
	}
	return pattern == importPath
}

func (r rule) violation(importPath string) string {
	if slices.ContainsFunc(r.never, func(n string) bool { return matches(n, importPath) }) {
		return "must never import"
	}
	if isStandard(importPath) {
		if r.std != nil && !slices.Contains(r.std, importPath) {
			return "may not import"
		}
		return ""
	}
	if slices.ContainsFunc(r.may, func(m string) bool { return matches(m, importPath) }) {
		return ""
	}
	return "may not import"
}

func TestEveryPackageImportsOnlyWhatItsPlaceInTheHouseAllows(t *testing.T) {
	for _, p := range goList(t, module+"/...") {
		place := strings.TrimPrefix(p.ImportPath, module+"/")
		r, ok := house[place]
		if !ok {
			t.Errorf("%s isn't in the table of the house; add a row with its reason", place)
			continue
		}
		for _, i := range p.Imports {
			if v := r.violation(i); v != "" {
				t.Errorf("%s %s %s: %s", place, v, i, r.reason)
			}
		}
	}
}

func TestTheShippedBinaryLinksNoTestingNoSimulatorAndNoBroker(t *testing.T) {
	for _, p := range goList(t, module+"/cmd/hikbridge") {
		for _, d := range p.Deps {
			if d == "testing" || strings.HasPrefix(d, "testing/") || strings.HasPrefix(d, mochi) ||
				strings.HasSuffix(d, "/nvrtest") || strings.HasSuffix(d, "/mqtttest") || strings.HasSuffix(d, "/bridgetest") {
				t.Errorf("the shipped binary links %s, which is for tests and the demo", d)
			}
		}
	}
}

// sources parses the Go files of the project that aren't tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir("..", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
		files[strings.TrimPrefix(filepath.ToSlash(p), "../")] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEveryPackageHasAManualAndNoInit(t *testing.T) {
	manual := map[string]bool{}
	for name, f := range sources(t) {
		place := path.Dir(name)
		manual[place] = manual[place] || f.Doc != nil
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function: what runs must be visible in main", name)
			}
		}
	}
	for place, ok := range manual {
		if !ok {
			t.Errorf("package %s has no package comment; it is its manual", place)
		}
	}
}

func TestThePowerMachineAndPlugsHaveNoClockAndNoGoroutine(t *testing.T) {
	for name, f := range sources(t) {
		if place := path.Dir(name); place != "bridge/power" && place != "bridge/plug" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine: it decides, the loop acts", name)
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && n.Sel.Name == "Now" {
					t.Errorf("%s reads the clock: time comes with the event", name)
				}
			}
			return true
		})
	}
}

func TestMainIsShort(t *testing.T) {
	for name, f := range sources(t) {
		if path.Dir(name) != "cmd/hikbridge" {
			continue
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Name.Name == "main" && len(fn.Body.List) > 20 {
				t.Errorf("%s: main has %d statements; it turns signals into a context and an exit code", name, len(fn.Body.List))
			}
		}
	}
}
