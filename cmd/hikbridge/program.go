package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"hikbridge/bridge"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for didn't work, or check found something that doesn't
	exitUsage  = 2 // arguments or variables are wrong; nothing was started
)

// run is the whole program but for the process around it.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	p := program{environ: environ, stdout: stdout, stderr: stderr, calls: bridgeCalls()}
	return p.run(ctx, args)
}

// program carries out one subcommand. Its methods return the exit code.
type program struct {
	environ        []string
	stdout, stderr io.Writer
	calls          calls
}

func (p program) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		args = []string{"run"}
	}
	rest := args[1:]
	switch args[0] {
	case "run":
		return p.plain(rest, func() int { return p.bridge(ctx) })
	case "check":
		return p.check(ctx, rest)
	case "purge":
		return p.purge(ctx, rest)
	case "journal":
		return p.journal(rest)
	case "healthcheck":
		return p.plain(rest, p.healthcheck)
	case "version", "-version", "--version":
		return p.plain(rest, func() int { return p.print(versionLine() + "\n") })
	case "help", "-h", "-help", "--help":
		return p.print(help())
	}
	return p.unknown(args[0])
}

// unknown repeats only what looks like a word: arguments could be passwords.
func (p program) unknown(arg string) int {
	switch {
	case matches(`[a-z]{1,16}`, arg):
		return p.usage("there is no subcommand %s", arg)
	case strings.HasPrefix(arg, "-"):
		return p.usage("there is no such flag, or it stands before the subcommand")
	}
	return p.usage("there is no such subcommand")
}

// print is the whole of a subcommand that only says something.
func (p program) print(text string) int {
	if _, err := io.WriteString(p.stdout, text); err != nil {
		return p.failed(err)
	}
	return exitOK
}

func (p program) failed(err error) int {
	fmt.Fprintf(p.stderr, "hikbridge: %v\n", err)
	return exitFailed
}

func (p program) usage(format string, args ...any) int {
	fmt.Fprintf(p.stderr, "hikbridge: "+format+"\nhint: hikbridge help lists subcommands and variables\n", args...)
	return exitUsage
}

// arguments reads what follows a subcommand: flags, wherever they stand, and
// least to most words. If ok is false, code is the exit code.
func (p program) arguments(flags *flag.FlagSet, args []string, least, most int) (words []string, code int, ok bool) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	for len(args) > 0 {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return nil, p.print(help()), false
		}
		if err != nil {
			return nil, p.usage("%s has no such flag", flags.Name()), false
		}
		args = flags.Args()
		if len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	switch {
	case len(words) > most:
		return nil, p.usage("%s has too many arguments", flags.Name()), false
	case len(words) < least:
		return nil, p.usage("%s needs the recorder's name", flags.Name()), false
	}
	return words, exitOK, true
}

// plain carries out a subcommand that takes no arguments.
func (p program) plain(args []string, do func() int) int {
	if len(args) == 0 {
		return do()
	}
	if slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
		return p.print(help())
	}
	return p.usage("this subcommand takes no arguments")
}

// bridge works until ctx is done.
func (p program) bridge(ctx context.Context) int {
	s, wrong := p.settings(readSettings)
	if len(wrong) > 0 {
		return p.misconfigured(wrong)
	}
	if err := p.calls.run(ctx, s.Config); err != nil {
		return p.failed(err)
	}
	return exitOK
}

// settings reads variables and prepares what they name.
func (p program) settings(read func([]string) (settings, []problem)) (settings, []problem) {
	s, wrong := read(p.environ)
	if s.StateDir != "" {
		if err := prepareStateDir(s.StateDir); err != nil {
			wrong = append(wrong, problem{stateVariable, err.Error()})
		}
	}
	s.Version = version()
	s.Log = slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: s.level}))
	return s, wrong
}

// misconfigured names every wrong variable, one a line.
func (p program) misconfigured(wrong []problem) int {
	fmt.Fprintln(p.stderr, "hikbridge: the variables aren't right, so nothing was started:")
	for _, w := range wrong {
		fmt.Fprintln(p.stderr, w.Error())
	}
	fmt.Fprintln(p.stderr, "hint: correct them, then run `hikbridge check`: it tries broker, mains and recorders, too")
	return exitUsage
}

func (p program) check(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	if _, code, ok := p.arguments(flags, args, 0, 0); !ok {
		return code
	}
	report := p.report(ctx)
	text := reportTable(report)
	if *asJSON {
		text = reportJSON(report)
	}
	if code := p.print(text); code != exitOK {
		return code
	}
	if err := ctx.Err(); err != nil {
		return p.failed(errors.New("check was interrupted; what it says isn't complete"))
	}
	if !report.OK() {
		return exitFailed
	}
	return exitOK
}

// report is what check found. With wrong variables nothing is connected to.
func (p program) report(ctx context.Context) bridge.Report {
	s, wrong := p.settings(readSettings)
	if len(wrong) > 0 {
		return configurationReport(wrong)
	}
	found := p.calls.check(ctx, s.Config)
	found.Findings = append([]bridge.Finding{{
		Subject: "configuration", Check: "variables", Result: bridge.ResultOK,
		Text: fmt.Sprintf("%s, topics below %s", count(len(s.Recorders), "recorder"), s.Topic),
	}}, found.Findings...)
	return found
}

func configurationReport(wrong []problem) bridge.Report {
	var r bridge.Report
	for _, w := range wrong {
		r.Findings = append(r.Findings, bridge.Finding{
			Subject: "configuration", Check: w.Variable, Result: bridge.ResultFailed, Text: w.Text,
		})
	}
	return r
}

func reportJSON(r bridge.Report) string {
	if r.Findings == nil {
		r.Findings = []bridge.Finding{}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		panic("hikbridge: encode report: " + err.Error())
	}
	return b.String()
}

func (p program) purge(ctx context.Context, args []string) int {
	words, code, ok := p.arguments(flag.NewFlagSet("purge", flag.ContinueOnError), args, 1, 1)
	if !ok {
		return code
	}
	name := words[0]
	if !matches(namePattern, name) || slices.Contains(bridge.ReservedNames[:], name) {
		return p.usage("purge: that can't be the name of a recorder; names are those in %s, or %s", namesVariable, bridge.DefaultName)
	}
	s, wrong := p.settings(readWithoutRecorders)
	if len(wrong) > 0 {
		return p.misconfigured(wrong)
	}
	found, err := p.calls.purge(ctx, s.Config, name)
	if err != nil {
		return p.failed(fmt.Errorf("purge %s: %w", name, err))
	}
	return p.print(purgeText(name, found))
}

func purgeText(name string, r bridge.PurgeReport) string {
	if r == (bridge.PurgeReport{}) {
		return fmt.Sprintf("nothing is known of a recorder %s, neither here nor on the broker; is the name right?\n", name)
	}
	remembered := "nothing was remembered of it here"
	if r.Remembered {
		remembered = "what was remembered of it here is forgotten"
	}
	text := fmt.Sprintf("%s purged: %s and %s cleared on the broker, %s\n", name,
		count(r.Documents, "document"), count(r.Topics, "retained topic"), remembered)
	if r.StillPaused {
		text += "Its notifications in the app are still paused. If you keep that recorder, switch them on there.\n"
	}
	return text
}

// healthcheck needs no other variable than the state directory's.
func (p program) healthcheck() int {
	dir, wrong := readStateDir(p.environ)
	if len(wrong) > 0 {
		return p.misconfigured(wrong)
	}
	if err := p.calls.healthy(dir); err != nil {
		return p.failed(err)
	}
	return p.print("alive\n")
}

// count gives 1 thing, 2 things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
