package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"hikbridge/bridge"
)

func TestReportTable(t *testing.T) {
	golden(t, "report.txt", reportTable(bridge.Report{Findings: []bridge.Finding{
		{Subject: "configuration", Check: "variables", Result: "ok", Text: "2 recorders, topics below hikbridge"},
		{Subject: "state", Check: "directory", Result: "warning", Text: "in use by a running hikbridge: /var/lib/hikbridge",
			Advice: "Stop it to let the recorders be checked; no credential is sent meanwhile."},
		{Subject: "broker", Check: "connection", Result: "ok", Text: "connected, subscribing is allowed"},
		{Subject: "recorder garage", Check: "sign-in", Result: "ok", Text: "accepted"},
		{Subject: "recorder garage", Check: "identity", Result: "ok",
			Text: "DS-7616NI-K2, firmware V4.61.025, serial number DS-7616NI-K21620210514CCRRF12345678WCVU"},
		{Subject: "recorder garage", Check: "camera states", Result: "ok", Text: "7 of 8 online"},
		{Subject: "recorder garage", Check: "clock", Result: "unknown", Text: "no time zone rule told, so the difference isn't known"},
		{Subject: "recorder garage", Check: "rights", Result: "warning",
			Text:   "missing: Remote: Log Search / Interrogate Working Status; Remote: Parameters Settings; Remote: Shutdown / Reboot",
			Advice: "Tick them for this user on the recorder (System > User > Permission), then run hikbridge check again to see that they are there."},
		{Subject: "recorder back-yard", Check: "sign-in", Result: "failed", Text: "Überlange\nAntwort \x1b[31mdes Geräts",
			Advice: "See https://recorder.example.org/a/very/long/address/that/can/not/be/broken/anywhere/because/it/has/no/blanks/at/all"},
		{Subject: "recorder back-yard", Check: "a check whose name is longer than its column may be", Result: "new", Text: "said below"},
	}}))
}

func TestReportTableKeepsItsWidth(t *testing.T) {
	text := strings.Repeat("words of différent length ", 30)
	table := reportTable(bridge.Report{Findings: []bridge.Finding{{Subject: "s", Check: "c", Result: "failed", Text: text, Advice: text}}})
	for line := range strings.Lines(table) {
		if n := utf8.RuneCountInString(line) - 1; n > width {
			t.Errorf("%d characters: %s", n, line)
		}
		if strings.HasSuffix(line, " \n") {
			t.Errorf("blanks at the end: %q", line)
		}
	}
}

func TestSum(t *testing.T) {
	finding := func(results ...string) (r bridge.Report) {
		for _, result := range results {
			r.Findings = append(r.Findings, bridge.Finding{Result: result})
		}
		return r
	}
	for _, tt := range []struct {
		name string
		r    bridge.Report
		want string
	}{
		{"all are ok", finding("ok", "ok"), "All is well."},
		{"one warns", finding("ok", "warning"), "1 warning, of 2 checks."},
		{"some of each", finding("failed", "warning", "unknown", "warning", "ok"), "1 failed, 2 warnings, 1 unknown, of 5 checks."},
		{"one alone", finding("failed"), "1 failed, of 1 check."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := sum(tt.r); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAReportWithoutFindingsIsAnEmptyListInJSON(t *testing.T) {
	if got := reportJSON(bridge.Report{}); got != "{\n  \"findings\": []\n}\n" {
		t.Errorf("got %s", got)
	}
}
