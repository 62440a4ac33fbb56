package bridge

import (
	"slices"
	"strings"
	"time"

	"hikbridge/bridge/power"
	"hikbridge/discovery"
)

// careAdvice is what to do once in a while. No document that the recorders' maker
// publishes for integrators names an interval, or an age at which disks wear out:
// how often is the owner's to say, and there are no figures here.
var careAdvice = []string{
	"Press Shut down, wait until it is off, then unplug it: clean vents and fans of dust.",
	"Plug it in again, and look whether every fan turns.",
	"Look at each disk: its state, temperature, self-test, and how many days it has run.",
	"Look for newer firmware. With a new one a shutdown drill is due before an outage shuts the recorder down by itself.",
	"Do a shutdown drill again while somebody is at the recorder: a plug, a password or a cable may be another one now.",
}

// full says that the recorder was shut down, not only restarted, and runs again. Its
// log is believed; where it doesn't tell how it stopped, it must have been silent for
// longer than a restart takes. One that came back by itself may only have restarted.
func (a *Action) full() bool {
	if a.Action == string(power.Reboot) || a.Action == string(power.PowerLost) || a.Verdict == string(power.CameBack) {
		return false
	}
	i := slices.IndexFunc(a.Verification, func(v Verified) bool { return v.ID == "clean_stop" })
	if i < 0 {
		return false // nothing was asked of it afterwards
	}
	switch a.Verification[i].Result {
	case "ok":
		return true
	case "not ok":
		return false
	}
	return slices.ContainsFunc(a.Steps, func(s Step) bool {
		state, _, _ := strings.Cut(s.What, ":")
		return state == string(power.PresumedOff) || state == string(power.Safe)
	})
}

// cares notes since when the recorder is known, and its last full shutdown.
func (r *recorder) cares(now time.Time) {
	if r.known.Since.IsZero() {
		r.known.Since = now.UTC().Truncate(time.Second)
	}
	r.known.FullShutdown = r.fullShutdown()
}

// fullShutdown is when the last one began; zero if none is known.
func (r *recorder) fullShutdown() time.Time {
	return later(r.known.FullShutdown, r.power.Full.UTC().Truncate(time.Second))
}

// careValues are those of maintenance. It counts from the last full shutdown, else
// from when the recorder was known first.
func (r *recorder) careValues(v map[string]value, now time.Time) {
	from, months := later(r.known.Since, r.fullShutdown()), r.cfg.MaintenanceMonths
	if full := r.fullShutdown(); !full.IsZero() {
		v[discovery.KeyLastFull] = value{state: timestamp(full)}
	}
	about := map[string]any{"advice": careAdvice, "months": months}
	due := false
	if !from.IsZero() && months > 0 {
		at := from.AddDate(0, months, 0)
		due = !now.Before(at)
		about["due"] = timestamp(at)
	}
	days := map[string]int{}
	for _, d := range r.known.Disks {
		if run := r.live.smart[d.ID].PowerOnDays; run.Known {
			days[d.ID] = run.Value
		}
	}
	if len(days) > 0 {
		about["disk_days"] = days
	}
	v[discovery.KeyMaintenanceDue] = value{onOff(due), about}
}
