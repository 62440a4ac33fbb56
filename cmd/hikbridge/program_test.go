package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hikbridge/bridge"
)

var update = flag.Bool("update", false, "write README's table of variables and the golden files")

// golden compares a text with a file below testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it); got:\n%s", path, got)
	}
}

// outcome is what a person sees of one call of the program.
type outcome struct {
	code        int
	out, errors string
	called      []string // functions of package bridge
	given       bridge.Config
}

// answers are what package bridge says in a test.
type answers struct {
	run, healthy, purge error
	report              bridge.Report
	actions             []bridge.Action
	unread              error
	purged              bridge.PurgeReport
}

func call(t *testing.T, a answers, environ []string, args ...string) outcome {
	t.Helper()
	return callWith(t.Context(), a, environ, args...)
}

func callWith(ctx context.Context, a answers, environ []string, args ...string) outcome {
	var out, errs bytes.Buffer
	var o outcome
	note := func(what string, c bridge.Config) {
		o.called, o.given = append(o.called, what), c
	}
	p := program{environ: environ, stdout: &out, stderr: &errs, calls: calls{
		run:     func(_ context.Context, c bridge.Config) error { note("run", c); return a.run },
		check:   func(_ context.Context, c bridge.Config) bridge.Report { note("check", c); return a.report },
		healthy: func(dir string) error { note("healthy", bridge.Config{StateDir: dir}); return a.healthy },
		logBook: func(dir, name string) ([]bridge.Action, error) {
			note(strings.TrimSpace("journal "+name), bridge.Config{StateDir: dir})
			return a.actions, a.unread
		},
		purge: func(_ context.Context, c bridge.Config, name string) (bridge.PurgeReport, error) {
			note("purge "+name, c)
			return a.purged, a.purge
		},
	}}
	o.code = p.run(ctx, args)
	o.out, o.errors = out.String(), errs.String()
	return o
}

// right is an environment with nothing wrong, and a state directory.
func right(t *testing.T, changes ...string) []string {
	t.Helper()
	return environ(append([]string{"HIKBRIDGE_STATE_DIR=" + filepath.Join(t.TempDir(), "state")}, changes...)...)
}

func TestSubcommands(t *testing.T) {
	failed := errors.New("something broke")
	bad := bridge.Report{Findings: []bridge.Finding{{Subject: "broker", Check: "connection", Result: bridge.ResultFailed, Text: "refused"}}}
	odd := bridge.Report{Findings: []bridge.Finding{{Subject: "broker", Check: "connection", Result: bridge.ResultWarning, Text: "slow"}}}
	for _, tt := range []struct {
		name   string
		args   []string
		a      answers
		code   int
		called string
		out    string // what standard output holds
		errors string // what standard error holds
	}{
		{"nothing means run", nil, answers{}, 0, "run", "", ""},
		{"run says it", []string{"run"}, answers{}, 0, "run", "", ""},
		{"run fails", []string{"run"}, answers{run: failed}, 1, "run", "", "hikbridge: something broke\n"},
		{"run takes nothing", []string{"run", secretText}, answers{}, 2, "", "", "this subcommand takes no arguments"},
		{"run explains itself", []string{"run", "-h"}, answers{}, 0, "", "usage:", ""},
		{"check is content", []string{"check"}, answers{}, 0, "check", "All is well.", ""},
		{"check finds a failure", []string{"check"}, answers{report: bad}, 1, "check", "FAIL", ""},
		{"a warning is no failure", []string{"check"}, answers{report: odd}, 0, "check", "WARN", ""},
		{"check in JSON", []string{"check", "--json"}, answers{report: bad}, 1, "check", `"check": "connection",`, ""},
		{"check with one dash", []string{"check", "-json"}, answers{}, 0, "check", `"subject": "configuration",`, ""},
		{"check with another flag", []string{"check", "--" + secretText}, answers{}, 2, "", "", "check has no such flag"},
		{"check with a word", []string{"check", secretText}, answers{}, 2, "", "", "check has too many arguments"},
		{"check explains itself", []string{"check", "--help"}, answers{}, 0, "", "usage:", ""},
		{"purge cleared something", []string{"purge", "barn"}, answers{purged: bridge.PurgeReport{Documents: 1, Topics: 20, Remembered: true}}, 0,
			"purge barn", "barn purged: 1 document and 20 retained topics cleared on the broker, what was remembered of it here is forgotten\n", ""},
		{"purge found nothing remembered", []string{"purge", "barn"}, answers{purged: bridge.PurgeReport{Topics: 1}}, 0,
			"purge barn", "barn purged: 0 documents and 1 retained topic cleared on the broker, nothing was remembered of it here\n", ""},
		{"purge of one that is paused", []string{"purge", "barn"}, answers{purged: bridge.PurgeReport{Remembered: true, StillPaused: true}}, 0,
			"purge barn", "is forgotten\nIts notifications in the app are still paused. If you keep that recorder, switch them on there.\n", ""},
		{"purge found nothing at all", []string{"purge", "barn"}, answers{}, 0, "purge barn", "nothing is known of a recorder barn", ""},
		{"purge while the bridge runs", []string{"purge", "barn"}, answers{purge: bridge.ErrInUse}, 1, "purge barn", "", "hikbridge: purge barn: " + bridge.ErrInUse.Error()},
		{"purge without a name", []string{"purge"}, answers{}, 2, "", "", "purge needs the recorder's name"},
		{"purge with two names", []string{"purge", "a", "b"}, answers{}, 2, "", "", "purge has too many arguments"},
		{"purge of what no recorder is called", []string{"purge", secretText}, answers{}, 2, "", "", "can't be the name of a recorder"},
		{"purge of the bridge's own topics", []string{"purge", "bridge"}, answers{}, 2, "", "", "can't be the name of a recorder"},
		{"no power action yet", []string{"journal"}, answers{}, 0, "journal", "No power action yet.\n", ""},
		{"no power action yet, in JSON", []string{"journal", "--json"}, answers{}, 0, "journal", "[]\n", ""},
		{"the log book of one recorder", []string{"journal", "barn"}, answers{actions: someActions()[:1]}, 0, "journal barn", "barn  power_cycle by ", ""},
		{"a log book that can't be read", []string{"journal"}, answers{unread: failed}, 1, "journal", "", "hikbridge: something broke"},
		{"one that can be read in part", []string{"journal"}, answers{actions: someActions(), unread: failed}, 1, "journal", "power_cycle", "the log book isn't complete\nsomething broke"},
		{"journal of what no recorder is called", []string{"journal", secretText}, answers{}, 2, "", "", "can't be the name of a recorder"},
		{"journal with another flag", []string{"journal", "--all"}, answers{}, 2, "", "", "journal has no such flag"},
		{"healthy", []string{"healthcheck"}, answers{}, 0, "healthy", "alive\n", ""},
		{"not healthy", []string{"healthcheck"}, answers{healthy: failed}, 1, "healthy", "", "hikbridge: something broke\n"},
		{"version", []string{"version"}, answers{}, 0, "", "hikbridge " + version() + " (go", ""},
		{"version as a flag", []string{"--version"}, answers{}, 0, "", "hikbridge " + version() + " (go", ""},
		{"help", []string{"help"}, answers{}, 0, "", "HIKBRIDGE_STATE_DIR", ""},
		{"help as a flag", []string{"-h"}, answers{}, 0, "", "exit codes:", ""},
		{"another word", []string{"start"}, answers{}, 2, "", "", "there is no subcommand start\nhint: hikbridge help"},
		{"something that isn't a word", []string{"http://u:" + secretText + "@x"}, answers{}, 2, "", "", "there is no such subcommand"},
		{"a flag alone", []string{"--json"}, answers{}, 2, "", "", "there is no such flag, or it stands before the subcommand"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := call(t, tt.a, right(t), tt.args...)
			if o.code != tt.code || strings.Join(o.called, ",") != tt.called {
				t.Errorf("code %d, called %v", o.code, o.called)
			}
			if !strings.Contains(o.out, tt.out) || tt.out == "" && o.out != "" {
				t.Errorf("standard output:\n%s", o.out)
			}
			if !strings.Contains(o.errors, tt.errors) || tt.errors == "" && o.errors != "" {
				t.Errorf("standard error:\n%s", o.errors)
			}
			if strings.Contains(o.out+o.errors, secretText) {
				t.Errorf("a secret is shown:\n%s%s", o.out, o.errors)
			}
		})
	}
}

func TestRunGetsAWholeConfiguration(t *testing.T) {
	state := filepath.Join(t.TempDir(), "a", "b")
	o := call(t, answers{}, environ("HIKBRIDGE_STATE_DIR="+state, "HIKBRIDGE_LOG_LEVEL=warn"))
	c := o.given
	if o.code != 0 || c.StateDir != state || c.Version != version() || len(c.Recorders) != 1 {
		t.Errorf("code %d, %+v\n%s", o.code, c, o.errors)
	}
	if info, err := os.Stat(state); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state directory: %v, %v", info, err)
	}
	if c.Log == nil || c.Log.Enabled(t.Context(), slog.LevelInfo) || !c.Log.Enabled(t.Context(), slog.LevelWarn) {
		t.Error("the log doesn't have the level warn")
	}
}

func TestRunNamesEveryWrongVariableOneALine(t *testing.T) {
	blocked := write(t, "")
	o := call(t, answers{}, environ("HIKBRIDGE_NVR_URL=192.0.2.10", "HIKBRIDGE_MQTT_URL=http://u:"+secretText+"@x",
		"HIKBRIDGE_MTQT_PASSWORD="+secretText, "HIKBRIDGE_STATE_DIR="+blocked))
	want := `hikbridge: the variables aren't right, so nothing was started:
HIKBRIDGE_NVR_URL: has no scheme; write http://192.0.2.10
HIKBRIDGE_MQTT_URL: must not hold a user or password: move them to HIKBRIDGE_MQTT_USERNAME and HIKBRIDGE_MQTT_PASSWORD
HIKBRIDGE_MTQT_PASSWORD: isn't known; did you mean HIKBRIDGE_MQTT_PASSWORD?
HIKBRIDGE_STATE_DIR: ` + blocked + ` can't be made or isn't a directory: not a directory; make it for the user that runs hikbridge, or set another one
` + "hint: correct them, then run `hikbridge check`: it tries broker, mains and recorders, too\n"
	if o.code != 2 || o.called != nil || o.out != "" || o.errors != want {
		t.Errorf("code %d, called %v\n%s%s", o.code, o.called, o.out, o.errors)
	}
}

func TestCheckFindsWrongVariablesAndConnectsToNothing(t *testing.T) {
	list := right(t, "HIKBRIDGE_NVR_URL=192.0.2.10", "HIKBRIDGE_TOPIC=#")
	table, asJSON := call(t, answers{}, list, "check"), call(t, answers{}, list, "check", "--json")
	for _, o := range []outcome{table, asJSON} {
		if o.code != 1 || o.called != nil || o.errors != "" {
			t.Errorf("code %d, called %v, %s", o.code, o.called, o.errors)
		}
	}
	golden(t, "check-variables.txt", table.out)
	golden(t, "check-variables.json", asJSON.out)
}

func TestAnInterruptedCheckFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := callWith(ctx, answers{}, right(t), "check")
	if o.code != 1 || !strings.Contains(o.errors, "interrupted") {
		t.Errorf("code %d, %s", o.code, o.errors)
	}
}

func TestPurgeNeedsNoRecorderButARightBroker(t *testing.T) {
	none := right(t, "HIKBRIDGE_NVR_URL=", "HIKBRIDGE_NVR_USERNAME=", "HIKBRIDGE_NVR_PASSWORD=")
	if o := call(t, answers{}, none, "purge", "nvr"); o.code != 0 || !slices.Equal(o.called, []string{"purge nvr"}) {
		t.Errorf("code %d, called %v, %s", o.code, o.called, o.errors)
	}
	for _, wrong := range []string{"HIKBRIDGE_MQTT_URL=x", "HIKBRIDGE_TOPC=home"} {
		name, _, _ := strings.Cut(wrong, "=")
		o := call(t, answers{}, right(t, wrong), "purge", "nvr")
		if o.code != 2 || o.called != nil || !strings.Contains(o.errors, name) {
			t.Errorf("code %d, called %v, %s", o.code, o.called, o.errors)
		}
	}
}

func TestHealthcheckNeedsOnlyTheStateDirectoryAndDoesntMakeIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	o := call(t, answers{}, []string{"HIKBRIDGE_STATE_DIR=" + dir, "HIKBRIDGE_NVR_URL=x", "HIKBRIDGE_X=y"}, "healthcheck")
	if o.code != 0 || o.given.StateDir != dir || exists(dir) {
		t.Errorf("code %d, looked at %q, exists: %v", o.code, o.given.StateDir, exists(dir))
	}
	o = call(t, answers{}, []string{"HIKBRIDGE_STATE_DIR=state"}, "healthcheck")
	if o.code != 2 || o.called != nil || !strings.Contains(o.errors, "HIKBRIDGE_STATE_DIR: must be a path in full") {
		t.Errorf("code %d, called %v, %s", o.code, o.called, o.errors)
	}
}

func TestTheWholeProgramSaysDeadWithoutABridge(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"healthcheck"}, []string{"HIKBRIDGE_STATE_DIR=" + t.TempDir()}, &out, &errs)
	if code != 1 || !strings.Contains(errs.String(), "no sign of life") {
		t.Errorf("code %d, %s%s", code, out.String(), errs.String())
	}
}

// broken is an output that nobody reads any more.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestOutputThatCantBeWrittenFails(t *testing.T) {
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"help"}, nil, broken{}, &errs); code != 1 || errs.String() != "hikbridge: broken pipe\n" {
		t.Errorf("code %d, %s", code, errs.String())
	}
}

func TestHelp(t *testing.T) { golden(t, "help.txt", help()) }

func TestHelpFitsATerminal(t *testing.T) {
	for line := range strings.Lines(help()) {
		if n := len([]rune(line)) - 1; n > width {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}
