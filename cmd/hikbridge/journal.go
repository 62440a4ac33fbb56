package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"hikbridge/bridge"
)

// journal prints the log book. It needs no other variable than the state
// directory's, and no lock: a bridge may be running.
func (p program) journal(args []string) int {
	flags := flag.NewFlagSet("journal", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	words, code, ok := p.arguments(flags, args, 0, 1)
	if !ok {
		return code
	}
	name := ""
	if len(words) > 0 {
		if name = words[0]; !matches(namePattern, name) {
			return p.usage("journal: that can't be the name of a recorder")
		}
	}
	dir, wrong := readStateDir(p.environ)
	if len(wrong) > 0 {
		return p.misconfigured(wrong)
	}
	actions, err := p.calls.logBook(dir, name)
	text := journalTable(actions)
	if *asJSON {
		text = journalJSON(actions)
	}
	if len(actions) == 0 && err != nil && !*asJSON {
		return p.failed(err)
	}
	if code := p.print(text); code != exitOK {
		return code
	}
	if err != nil {
		return p.failed(errors.Join(errors.New("the log book isn't complete"), err))
	}
	return exitOK
}

func journalJSON(actions []bridge.Action) string {
	if actions == nil {
		actions = []bridge.Action{}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(actions); err != nil {
		panic("hikbridge: encode log book: " + err.Error())
	}
	return b.String()
}

// journalTable prints a block for each action, a line for each step.
func journalTable(actions []bridge.Action) string {
	if len(actions) == 0 {
		return "No power action yet.\n"
	}
	var b strings.Builder
	for i, a := range actions {
		if i > 0 {
			b.WriteString("\n")
		}
		writeAction(&b, a)
	}
	return b.String()
}

func writeAction(b *strings.Builder, a bridge.Action) {
	head := a.Began.Local().Format("2006-01-02 15:04:05") + "  " + a.Recorder + "  " + a.Action
	if a.By != "" {
		head += " by " + a.By
	}
	b.WriteString(oneLine(head) + "\n")
	line := func(name, text string) {
		if text != "" {
			indented(b, "  "+pad(name, journalColumn)+"  ", oneLine(text))
		}
	}
	line("reason", a.Reason)
	for _, f := range a.Findings {
		if f.Severity != "info" {
			line("found", f.ID+" ("+f.Severity+"): "+f.Text)
		}
	}
	for i, s := range a.Steps {
		line(s.At.Local().Format(time.TimeOnly), s.What+took(a, i)+watts(s))
	}
	line("proof", a.Proof)
	for _, v := range a.Verification {
		if v.Result == "not ok" {
			line("verified", v.ID+" is not ok: "+v.Evidence)
		}
	}
	line("gaps", a.Gaps)
	line("outcome", outcomeText(a))
}

// journalColumn is the width of times, which are the longest names.
const journalColumn = len(time.TimeOnly)

// took says how long a step lasted until the next one.
func took(a bridge.Action, i int) string {
	end := a.Ended
	if i+1 < len(a.Steps) {
		end = a.Steps[i+1].At
	}
	d := end.Sub(a.Steps[i].At).Round(time.Second)
	if end.IsZero() || d <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%v)", d)
}

func watts(s bridge.Step) string {
	if s.Watts == nil {
		return ""
	}
	return fmt.Sprintf(", %.1f W", *s.Watts)
}

func outcomeText(a bridge.Action) string {
	if a.Ended.IsZero() && a.Outcome == "" {
		return "still running"
	}
	text := a.Outcome
	if a.Verdict != "" {
		text += " (" + a.Verdict + ")"
	}
	if a.Message != "" {
		text += ": " + a.Message
	}
	if text == "" {
		text = "ended"
	}
	return strings.TrimSpace(text)
}
