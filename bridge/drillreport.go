package bridge

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hikbridge/bridge/power"
)

// reportDrill writes a file about a drill that has just ended, which its owner can
// hand in with an issue: it holds no names, addresses and serial numbers.
// before is the action that ran before the last record.
func (k *keeper) reportDrill(before *Action, m power.Memory) {
	if before == nil || before.Action != string(power.Drill) || k.book.open != nil && k.book.open.Number == before.Number {
		return
	}
	a := k.book.finished[len(k.book.finished)-1]
	if a.Outcome == string(power.Declined) {
		return // nothing began
	}
	path := filepath.Join(k.site.cfg.StateDir, fmt.Sprintf("drill-%s-%s.txt", k.cfg.Name, a.Began.Format("20060102-150405")))
	if err := os.WriteFile(path, []byte(k.drillReport(a, m)), 0o600); err != nil {
		k.log.Error("the drill's report can't be written", keyError, err)
		return
	}
	k.log.Info("the drill's report is written", keyPath, path)
}

// drillReport is that file's text.
func (k *keeper) drillReport(a Action, m power.Memory) string {
	l := m.Learned
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-22s %s\n", name, fmt.Sprintf(format, args...))
	}
	b.WriteString("hikbridge shutdown drill\n\n")
	line("date", "%s", a.Began.Format(time.DateOnly))
	line("hikbridge", "%s", k.site.cfg.Version)
	line("recorder", "%s", k.model)
	line("firmware", "%s", m.Firmware)
	plug, _, _ := strings.Cut(k.cfg.Power.Plug, ":")
	line("plug", "%s", or(plug, "none"))
	line("result", "%s %s", a.Outcome, a.Verdict)
	line("proof", "%s", or(a.Proof, "none"))
	if l.Passed && l.At.After(a.Began) {
		b.WriteString("\nlearned\n")
		line("  to silence", "%s", measuredTime(l.ToSilence))
		line("  silence of a restart", "%s", measuredTime(l.Gap))
		line("  to the first sign-in", "%s", measuredTime(l.Boot))
		line("  running", "%s", measuredWatts(l.Running, l.Running > 0))
		line("  lowest in a restart", "%s", measuredWatts(l.Lowest, l.LowestRead))
		line("  halted", "%s", measuredWatts(l.Halted, l.HaltedRead))
		line("  off at or below", "%.1f W", l.OffWatts)
		tells := notMeasured
		if l.HaltedRead { // it is judged by that
			tells = fmt.Sprint(!l.Blind)
		}
		line("  the meter can tell", "%s", tells)
	}
	b.WriteString("\nsteps\n")
	for _, s := range a.Steps {
		watts := ""
		if s.Watts != nil {
			watts = fmt.Sprintf("  (%.1f W)", *s.Watts)
		}
		line(fmt.Sprintf("  %7.0f s", s.At.Sub(a.Began).Seconds()), "%s%s", s.What, watts)
	}
	b.WriteString("\nafter the start\n")
	for _, v := range a.Verification {
		line("  "+v.ID, "%s", v.Result)
	}
	return b.String()
}

const notMeasured = "not measured"

func measuredTime(d time.Duration) string {
	if d == 0 {
		return notMeasured
	}
	return d.Round(time.Second).String()
}

func measuredWatts(w float64, measured bool) string {
	if !measured {
		return notMeasured
	}
	return fmt.Sprintf("%.1f W", w)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
