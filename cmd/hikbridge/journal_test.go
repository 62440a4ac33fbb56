package main

import (
	"encoding/json"
	"testing"
	"time"

	"hikbridge/bridge"
)

// someActions are a power cycle that went well, and a shutdown that was refused.
func someActions() []bridge.Action {
	at := func(s int) time.Time { return time.Date(2026, 11, 26, 22, 0, s, 0, time.Local) }
	low := 0.4
	return []bridge.Action{{
		Recorder: "barn", Began: at(0), Ended: at(200), Action: "power_cycle", By: "the owner\x1b[31m", Reason: "noise",
		Outcome: "done", Verdict: "normal", Message: "the recorder runs again: normal", Proof: "power",
		Findings: []bridge.Blocker{{ID: "often", Severity: "soft", Text: "It was shut down often."}, {ID: "poe", Severity: "info", Text: "left out"}},
		Steps: []bridge.Step{{At: at(0), What: "checking: power_cycle"}, {At: at(3), What: "counting_down: nothing blocks"},
			{At: at(70), What: "safe: power proof, and it held", Watts: &low}, {At: at(200), What: "running: verified"}},
		Verification: []bridge.Verified{{ID: "cameras", Result: "not ok", Evidence: "3"}, {ID: "clock", Result: "ok"}},
		Gaps:         "channel 1: 3m5s",
	}, {
		Recorder: "garage", Began: at(300), Ended: at(301), Action: "shutdown", Outcome: "refused", Verdict: "upgrade",
		Message: "A firmware upgrade runs.", Steps: []bridge.Step{{At: at(300), What: "checking: shutdown"}},
	}, {
		Recorder: "garage", Began: at(400), Action: "shutdown", Steps: []bridge.Step{{At: at(400), What: "checking: shutdown"}},
	}}
}

func TestTheLogBookIsPrinted(t *testing.T) {
	golden(t, "journal.txt", call(t, answers{actions: someActions()}, right(t), "journal").out)
	var back []bridge.Action
	out := call(t, answers{actions: someActions()}, right(t), "journal", "--json").out
	if err := json.Unmarshal([]byte(out), &back); err != nil || len(back) != 3 || *back[0].Steps[2].Watts != 0.4 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAJournalNeedsNoVariableButItsDirectory(t *testing.T) {
	o := call(t, answers{}, []string{"HIKBRIDGE_STATE_DIR=/nonexistent/state"}, "journal")
	if o.code != 0 || o.given.StateDir != "/nonexistent/state" {
		t.Errorf("code %d, %+v: %s", o.code, o.given, o.errors)
	}
}
