//go:build mutate

package power_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The mutations. Each boolean guard of the package is made to say always yes and
// always no, and each bound is moved by one (< to <=); a test must fail. All of
// them are compiled at once, and a process takes one by an environment variable:
//
//	go test -tags mutate -run Mutations -timeout 3h ./bridge/power
//
// A mutation is named by file, function, text of the guard and what becomes of
// it, so that its name outlives edits elsewhere.

var (
	mutantSeeds = flag.Uint64("mutate.seeds", 2000, "seeds of the simulator that a mutant must survive")
	mutantProcs = flag.Int("mutate.procs", 2, "mutants at a time")
	mutantOut   = flag.String("mutate.out", "", "file for the result of each mutant")
	mutantOnly  = flag.String("mutate.only", "", "try only those mutants that lines of this file end with")
	mutantQuick = flag.Duration("mutate.quick", 0, "leave out tests that take longer, and most seeds")
	mutantList  = flag.Bool("mutate.list", false, "only list the mutants")
)

// equivalent are mutants that no test can tell from the machine, with the reason.
var equivalent = map[string]string{
	"states.go later: a.Mono > b.Mono → >=":                           "of equal moments either is the later one",
	"outage.go empty: x.empty.Mono < soonest.Mono → <=":               "of equal moments either is the sooner one",
	"outage.go charge: x.charge < percent → <=":                       "of equal charges either is the lower one",
	"states.go row: m.everywhere() → no":                              "the row is taken, and the next one with it instead of after it",
	"evidence.go powerProof: v.relay == RelayOn → yes":                "a second lock: low readings count only with the relay on, and are forgotten with each change of it",
	"machine.go Step: !m.row() → no":                                  "rows that don't hold change nothing: asking them again is only slower",
	"machine.go Step: m.out.Effect.Kind != NoEffect || !m.row() → no": "the rows after an effect are taken at once instead of at the next step, which follows at once; and see the one before",
}

// mutant is one changed guard.
type mutant struct {
	number int
	key    string
	at     string // file:line
	fate   string // what killed it; "" if nothing did
	byTime bool
}

// edit puts text into a source.
type edit struct {
	offset int
	text   string
}

// mutator finds the guards of one package.
type mutator struct {
	fset    *token.FileSet
	info    *types.Info
	sources map[string][]byte
	edits   map[string][]edit
	mutants []*mutant
	names   map[string]int
	done    map[ast.Expr]bool
	where   string // the function
}

func newMutator(t *testing.T) *mutator {
	m := &mutator{fset: token.NewFileSet(), info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}},
		sources: map[string][]byte{}, edits: map[string][]edit{}, names: map[string]int{}, done: map[ast.Expr]bool{}}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if m.sources[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(m.fset, name, m.sources[name], parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	c := types.Config{Importer: importer.ForCompiler(m.fset, "source", nil)}
	if _, err := c.Check("power", m.fset, files, m.info); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, d := range f.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				m.where = f.Name.Name
				ast.Inspect(f.Body, m.visit)
			}
		}
	}
	return m
}

// visit takes conditions, and whatever else is computed and boolean.
func (m *mutator) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		m.guard(n.Cond, true, true)
	case *ast.ForStmt:
		if n.Cond != nil {
			m.guard(n.Cond, true, true)
		}
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					m.guard(e, true, true)
				}
			}
		}
	case *ast.BinaryExpr, *ast.UnaryExpr:
		if e := n.(ast.Expr); m.boolean(e) {
			m.guard(e, true, true)
		}
	}
	return true
}

func (m *mutator) boolean(e ast.Expr) bool {
	t := m.info.Types[e]
	if t.Type == nil || t.Value != nil {
		return false
	}
	b, ok := t.Type.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

// guard adds the mutants of a boolean expression: always yes, always no, and its
// operands. Those that an operand shares with the whole aren't made twice: the
// no of an operand of && is the no of the whole.
func (m *mutator) guard(e ast.Expr, yes, no bool) {
	if p, ok := e.(*ast.ParenExpr); ok {
		m.guard(p.X, yes, no)
		return
	}
	if m.done[e] {
		return
	}
	m.done[e] = true
	var numbers [2]int
	if yes {
		numbers[0] = m.add(e, "yes")
	}
	if no {
		numbers[1] = m.add(e, "no")
	}
	if yes || no {
		m.wrap(e, fmt.Sprintf("mutated(%d, %d, ", numbers[0], numbers[1]), ")")
	}
	switch x := e.(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			m.guard(x.X, false, false)
		}
	case *ast.BinaryExpr:
		switch x.Op {
		case token.LAND, token.LOR:
			for _, y := range []ast.Expr{x.X, x.Y} {
				inner, ok := ast.Unparen(y).(*ast.BinaryExpr)
				same := ok && inner.Op == x.Op
				m.guard(y, x.Op == token.LAND && !same, x.Op == token.LOR && !same)
			}
		case token.LSS, token.LEQ, token.GTR, token.GEQ:
			m.bound(x)
		}
	}
}

var otherBound = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}

// bound makes a mutant of what happens where both sides are equal.
func (m *mutator) bound(x *ast.BinaryExpr) {
	name, from, to := m.span(x)
	op := m.fset.Position(x.OpPos).Offset
	src := string(m.sources[name])
	how := "mutatedTo"
	if x.Op == token.LEQ || x.Op == token.GEQ {
		how = "mutatedFrom"
	}
	number := m.add(x, otherBound[x.Op].String())
	m.wrap(x, fmt.Sprintf("%s(%d, ", how, number), fmt.Sprintf(", %s==%s)", src[from:op], src[op+len(x.Op.String()):to]))
}

func (m *mutator) span(e ast.Expr) (name string, from, to int) {
	p := m.fset.Position(e.Pos())
	return p.Filename, p.Offset, m.fset.Position(e.End()).Offset
}

func (m *mutator) add(e ast.Expr, what string) int {
	name, from, to := m.span(e)
	text := strings.Join(strings.Fields(string(m.sources[name][from:to])), " ")
	key := fmt.Sprintf("%s %s: %s → %s", name, m.where, text, what)
	m.names[key]++
	if n := m.names[key]; n > 1 {
		key = fmt.Sprintf("%s (%d)", key, n)
	}
	x := &mutant{number: len(m.mutants) + 1, key: key, at: fmt.Sprintf("%s:%d", name, m.fset.Position(e.Pos()).Line)}
	m.mutants = append(m.mutants, x)
	return x.number
}

func (m *mutator) wrap(e ast.Expr, before, after string) {
	name, from, to := m.span(e)
	m.edits[name] = append(m.edits[name], edit{from, before})
	m.edits[name] = slices.Insert(m.edits[name], 0, edit{to, after}) // an outer one was added before and must end up last
}

// source is the file with its guards made changeable.
func (m *mutator) source(name string) []byte {
	src := m.sources[name]
	edits := slices.Clone(m.edits[name])
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.offset, b.offset) })
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, src[at:e.offset]...), e.text...)
		at = e.offset
	}
	return append(out, src[at:]...)
}

const mutantSwitch = `package power

import (
	"os"
	"strconv"
)

var mutantNow, _ = strconv.Atoi(os.Getenv("MUTANT"))

func mutated(yes, no int, c bool) bool {
	switch {
	case mutantNow == 0:
		return c
	case mutantNow == yes:
		return true
	case mutantNow == no:
		return false
	}
	return c
}

// mutatedTo also holds where both sides are equal, mutatedFrom no more.
func mutatedTo(n int, c, equal bool) bool   { return c || n == mutantNow && equal }
func mutatedFrom(n int, c, equal bool) bool { return c && !(n == mutantNow && equal) }
`

// build compiles all tests of the package with all mutants.
func (m *mutator) build(t *testing.T) (binary string) {
	dir := t.TempDir()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	overlay := map[string]string{}
	put := func(name string, text []byte) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(here, name)] = path
	}
	for name := range m.sources {
		put(name, m.source(name))
	}
	put("mutated.go", []byte(mutantSwitch))
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "power.test")
	if out, err := exec.Command("go", "test", "-c", "-overlay", list, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// batch is some tests that run in one process.
type batch struct {
	args  []string
	limit time.Duration
}

var ended = regexp.MustCompile(`(?m)^--- (PASS|FAIL|SKIP): (\S+) \((\d+\.\d+)s\)`)

// batches orders the tests: all fast ones, then each slow one, the simulator last.
func batches(t *testing.T, binary string) []batch {
	out, err := exec.Command(binary, "-test.v", "-seeds=200").CombinedOutput()
	if err != nil {
		t.Logf("without a mutation: %v", err)
	}
	type slow struct {
		name string
		took time.Duration
	}
	var fast []string
	var rest []slow
	var sum time.Duration
	simulator := false
	for _, x := range ended.FindAllStringSubmatch(string(out), -1) {
		s, _ := strconv.ParseFloat(x[3], 64)
		took := time.Duration(s * float64(time.Second))
		switch {
		case x[1] == "FAIL":
			t.Errorf("%s fails without a mutation, and is left out", x[2])
		case x[1] == "SKIP":
		case x[2] == "TestSim":
			simulator = true
		case took < 300*time.Millisecond:
			fast = append(fast, x[2])
			sum += took
		default:
			rest = append(rest, slow{x[2], took})
		}
	}
	if len(fast) == 0 && len(rest) == 0 && !simulator {
		t.Fatalf("no tests:\n%s", out)
	}
	run := func(names ...string) string { return "-test.run=^(" + strings.Join(names, "|") + ")$" }
	limit := func(d time.Duration) time.Duration { return 20*time.Second + 40*d } // a mutant has half the processors, and others beside it
	var all []batch
	if len(fast) > 0 {
		all = append(all, batch{[]string{run(fast...)}, limit(sum)})
	}
	if simulator {
		all = append(all, batch{[]string{run("TestSim"), "-seeds=40"}, limit(time.Second)})
		if *mutantQuick == 0 {
			all = append(all, batch{[]string{run("TestSim"), "-first=41", "-seeds=360"}, limit(3 * time.Second)})
		}
		rest = append(rest, slow{"TestSim", time.Duration(*mutantSeeds) * 8 * time.Millisecond})
	}
	slices.SortFunc(rest, func(a, b slow) int { return cmp.Compare(a.took, b.took) })
	for _, x := range rest {
		if *mutantQuick > 0 && x.took > *mutantQuick {
			continue
		}
		args := []string{run(x.name)}
		if x.name == "TestSim" {
			args = append(args, "-first=401", fmt.Sprintf("-seeds=%d", *mutantSeeds))
		}
		all = append(all, batch{args, limit(x.took)})
	}
	t.Logf("%d fast tests, %d slow ones, simulator: %v", len(fast), len(rest), simulator)
	return all
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
var began = regexp.MustCompile(`(?m)^=== RUN\s+(\S+)`)

// try runs the tests against one mutant until one fails.
func (x *mutant) try(binary string, all []batch) error {
	for _, s := range all {
		c, cancel := context.WithTimeout(context.Background(), s.limit)
		cmd := exec.CommandContext(c, binary, append(s.args, "-test.failfast", "-test.v")...)
		cmd.Env = append(os.Environ(), fmt.Sprintf("MUTANT=%d", x.number), "GOMAXPROCS=1", "GOMEMLIMIT=1GiB")
		out, err := cmd.CombinedOutput()
		late := c.Err() != nil
		cancel()
		var exit *exec.ExitError
		switch {
		case err == nil:
			continue
		case late:
			x.byTime = true
			x.fate = "the time limit of " + s.args[0]
		case !errors.As(err, &exit):
			return err
		default:
			x.fate = killer(string(out))
		}
		return nil
	}
	return nil
}

// killer is the most precise name of a test that failed.
func killer(out string) string {
	var name string
	for _, f := range failed.FindAllStringSubmatch(out, -1) {
		if strings.HasPrefix(f[1], name) {
			name = f[1]
		}
	}
	if name != "" {
		return name
	}
	if all := began.FindAllStringSubmatch(out, -1); len(all) > 0 {
		return all[len(all)-1][1] + " (panic)"
	}
	return "a panic"
}

// chosen are the mutants to try.
func (m *mutator) chosen(t *testing.T) []*mutant {
	if *mutantOnly == "" {
		return m.mutants
	}
	text, err := os.ReadFile(*mutantOnly)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	var some []*mutant
	for _, x := range m.mutants {
		if slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, "\t"+x.key) }) {
			some = append(some, x)
		}
	}
	return some
}

func TestMutations(t *testing.T) {
	m := newMutator(t)
	for key := range equivalent {
		if m.names[key] == 0 {
			t.Errorf("excused, and doesn't exist: %s", key)
		}
	}
	if *mutantList {
		for _, x := range m.mutants {
			t.Logf("%s\t%s", x.at, x.key)
		}
		return
	}
	binary := m.build(t)
	all := batches(t, binary)
	chosen := m.chosen(t)
	work := make(chan *mutant)
	var group sync.WaitGroup
	var mu sync.Mutex
	out := io.Discard
	if *mutantOut != "" {
		f, err := os.Create(*mutantOut)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		out = f
	}
	for range *mutantProcs {
		group.Go(func() {
			for x := range work {
				if err := x.try(binary, all); err != nil {
					t.Errorf("%s: %v", x.key, err)
				}
				mu.Lock()
				fmt.Fprintf(out, "%s\t%s\t%s\n", cmp.Or(x.fate, "SURVIVED"), x.at, x.key)
				mu.Unlock()
			}
		})
	}
	for _, x := range chosen {
		work <- x
	}
	close(work)
	group.Wait()
	report(t, chosen)
}

// report counts, and fails for each survivor that isn't excused.
func report(t *testing.T, all []*mutant) {
	var killed, byTime, excused, alive int
	by := map[string]int{}
	for _, x := range all {
		reason, equal := equivalent[x.key]
		fate := x.fate
		switch {
		case x.byTime:
			byTime++
			killed++
		case fate != "":
			killed++
			name, _, _ := strings.Cut(fate, "/")
			by[strings.TrimSuffix(name, " (panic)")]++
		case equal:
			excused++
			t.Logf("%s: excused: %s: %s", x.at, x.key, reason)
		default:
			alive++
			t.Errorf("%s: survived: %s", x.at, x.key)
		}
		if fate != "" && equal {
			t.Errorf("%s: excused, and killed by %s: %s", x.at, fate, x.key)
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(by), func(a, b string) int { return cmp.Compare(by[b], by[a]) }) {
		t.Logf("%5d killed by %s", by[name], name)
	}
	t.Logf("%d mutants: %d killed (%d of them by the time limit), %d excused, %d survived", len(all), killed, byTime, excused, alive)
}
