package nvr

import (
	"fmt"
	"slices"
	"time"
)

// startSpread is how far apart entries that belong to one start may lie, in either
// order: what a recorder logs of a stop it notices only when it starts, and in
// which order, isn't known.
const startSpread = 2 * time.Minute

// LastStop says how the recorder's last stop before its last start was, by its
// log's entries of major "Operation", in any order. It is clean when the last entry
// of a stop before that start is one of an orderly stop or restart and no abnormal
// stop is logged with the start or after it; unclean when it is abnormal, or such a
// one is. Otherwise it isn't known: no start or stop is found, a stop follows the
// start, or another start lies between. evidence says in words what was found.
//
// Of a log that isn't complete only an unclean stop can be believed.
func LastStop(entries []LogEntry) (clean Maybe[bool], evidence string) {
	power := powerEntries(entries)
	starts := ofKind(power, LogStart)
	if len(starts) == 0 {
		if len(power) > 0 && power[len(power)-1].Kind == LogAbnormalStop {
			return known(false), logged(power[len(power)-1]) + ", and no start"
		}
		return Maybe[bool]{}, "the log has no start"
	}
	start := starts[len(starts)-1]
	begin, end := start.Time.Add(-startSpread), start.Time.Add(startSpread)
	for _, e := range ofKind(power, LogAbnormalStop) {
		if !e.Time.Before(begin) {
			return known(false), logged(e) + ", " + logged(start)
		}
	}
	var stop LogEntry
	for _, e := range ofKind(power, LogStop, LogRestart, LogAbnormalStop) {
		if e.Time.After(end) {
			return Maybe[bool]{}, logged(e) + ", and no start after it"
		}
		stop = e
	}
	if stop.Kind == LogOther {
		return Maybe[bool]{}, "the log has no stop before " + logged(start)
	}
	for _, other := range starts {
		// What lies close behind another start may have been logged with it.
		if other.Time.Before(begin) && !stop.Time.After(other.Time.Add(startSpread)) {
			return Maybe[bool]{}, "the log has no stop between " + logged(other) + " and " + logged(start)
		}
	}
	return known(stop.Kind != LogAbnormalStop), logged(stop) + ", " + logged(start)
}

// powerEntries are those of starts and stops, oldest first.
func powerEntries(entries []LogEntry) []LogEntry {
	power := ofKind(entries, LogStart, LogStop, LogRestart, LogAbnormalStop)
	slices.SortStableFunc(power, func(a, b LogEntry) int { return a.Time.Compare(b.Time) })
	return power
}

func ofKind(entries []LogEntry, kinds ...LogKind) []LogEntry {
	var some []LogEntry
	for _, e := range entries {
		if slices.Contains(kinds, e.Kind) {
			some = append(some, e)
		}
	}
	return some
}

// logged says an entry in words.
func logged(e LogEntry) string {
	return fmt.Sprintf("%s at %s", e.Minor, e.Time.Local().Format("2006-01-02 15:04:05"))
}

// Unrecovered gives the errors from a moment on that no recovery followed: of
// disks, RAID and recording, and cameras that were lost. Recoveries are known for
// cameras (ipcConnect) and recording (startRec), both of which stand in
// "Information", so entries must hold that major beside "Exception". A recovery
// counts for all earlier errors of its channel, or for one where neither tells a
// channel, and not in the same second, whose order isn't told.
func Unrecovered(entries []LogEntry, after time.Time) []LogEntry {
	recoveries := ofKind(entries, LogCameraBack, LogRecording)
	slices.SortStableFunc(recoveries, func(a, b LogEntry) int { return a.Time.Compare(b.Time) })
	var open []LogEntry
	for _, e := range ofKind(entries, LogDiskError, LogRAIDError, LogRecordError, LogCameraLost) {
		if e.Time.Before(after) {
			continue
		}
		by := map[LogKind]LogKind{LogCameraLost: LogCameraBack, LogRecordError: LogRecording}[e.Kind]
		i := slices.IndexFunc(recoveries, func(r LogEntry) bool {
			return r.Kind == by && r.Channel == e.Channel && r.Time.After(e.Time)
		})
		switch {
		case i < 0:
			open = append(open, e)
		case e.Channel == "":
			recoveries = slices.Delete(recoveries, i, i+1)
		}
	}
	return open
}
