package power

import (
	"slices"
	"strings"
	"time"
)

// After is what a recorder says of itself after its boot.
type After struct {
	Serial            string
	Uptime            time.Duration
	UptimeTold        bool
	Online, Recording []string
	Disks             []string
	ChannelsTold      bool
	RecordingTold     bool
	DisksTold         bool
	ClockWrong        Seen   // by more than 60 s
	CleanStop         Seen   // the log's last stop is a normal one
	Gaps              string // in the recordings
	Errors            Seen   // in the log, that it didn't recover from
}

// Item is one line of a verification.
type Item struct {
	ID       string
	Told     Told // Yes: as it should be
	Evidence string
}

// Verify compares what was before the shutdown with what is after the boot; off
// is how long ago it was shut down.
func Verify(b Before, serial string, a After, off time.Duration) []Item {
	items := []Item{
		{"identity", told(a.Serial != "", a.Serial == serial), a.Serial},
		{"restarted", told(a.UptimeTold, a.Uptime < b.Uptime+off-time.Minute || !b.UptimeTold && a.Uptime < off+time.Minute), ""},
		{"cameras", told(a.ChannelsTold, true), missing(b.Online, a.Online)},
		{"recording", told(a.RecordingTold, true), missing(b.Recording, a.Recording)},
		{"disks", told(a.DisksTold, true), missing(b.Disks, a.Disks)},
		{"clock", not(a.ClockWrong.Told), a.ClockWrong.Evidence},
		{"clean_stop", a.CleanStop.Told, a.CleanStop.Evidence},
		{"errors", not(a.Errors.Told), a.Errors.Evidence},
		{"gaps", NotTold, a.Gaps}, // there always is one; for the log book
	}
	for n := range items[2:5] {
		if i := &items[2+n]; i.Told == Yes && i.Evidence != "" {
			i.Told = No
		}
	}
	return items
}

// normal says that nothing is as it shouldn't be. What isn't told doesn't count.
func normal(items []Item) bool {
	return !slices.ContainsFunc(items, func(i Item) bool { return i.Told == No })
}

// item is what one of them says.
func item(items []Item, id string) Told {
	for _, i := range items {
		if i.ID == id {
			return i.Told
		}
	}
	return NotTold
}

func told(known, right bool) Told {
	switch {
	case !known:
		return NotTold
	case right:
		return Yes
	}
	return No
}

func not(t Told) Told {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return NotTold
}

// missing lists what was there and isn't any more.
func missing(before, after []string) string {
	var gone []string
	for _, x := range before {
		if !slices.Contains(after, x) {
			gone = append(gone, x)
		}
	}
	return strings.Join(gone, ", ")
}
