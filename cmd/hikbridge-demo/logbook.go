package main

import (
	"fmt"
	"time"

	"hikbridge/bridge"
)

// actionRows are an action of the log book in short: a row for each step.
func actionRows(a bridge.Action) []row {
	head := a.Recorder + ": " + a.Action
	if a.By != "" {
		head += " by " + a.By
	}
	rows := []row{{"", head}}
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, row{name, text})
		}
	}
	for _, s := range a.Steps {
		text := s.What
		if s.Watts != nil {
			text += fmt.Sprintf(", %.1f W", *s.Watts)
		}
		add(s.At.Local().Format(time.TimeOnly), text)
	}
	add("proof", a.Proof)
	for _, v := range a.Verification {
		if v.Result == "not ok" {
			add("verified", v.ID+" is not ok: "+v.Evidence)
		}
	}
	add("gaps", a.Gaps)
	add("outcome", outcomeText(a))
	return rows
}

func outcomeText(a bridge.Action) string {
	text := a.Outcome
	switch {
	case text == "" && a.Ended.IsZero():
		return "still running"
	case text == "":
		return "ended"
	case a.Verdict != "":
		text += " (" + a.Verdict + ")"
	}
	if a.Message != "" {
		text += ": " + a.Message
	}
	return text
}
