package power

import (
	"slices"
	"time"
)

// The words of the outage rule.

// SiteConfig is what the owner decided for the site. Zero values have the default
// in brackets.
type SiteConfig struct {
	Sources []SourceConfig
	// All takes mains for lost only if every source says so but those that have been
	// silent for a minute; otherwise one is enough.
	All       bool
	OnBattery time.Duration // that asks (5 min)
	Charge    int           // percent, at or below which it asks (50)
	Floor     int           // percent, from which recorders come back (25)
	Deadline  time.Duration // on battery, where no runtime is told (10 min)
	Recorders []string      // their names, in the order in which they are asked
	Parallel  int           // recorders at a time (2)
	// UPSCommand has the UPS switch its output off in an outage, once all recorders are
	// proven off.
	UPSCommand bool
}

// SourceConfig is one source of what is known of mains.
type SourceConfig struct {
	Name    string
	Battery bool // a UPS: on battery without telling its charge it isn't believed alone
}

// Supply is what a source says of mains.
type Supply string

const (
	OnMains       Supply = "mains"
	OnBattery     Supply = "battery"
	SupplyUnknown Supply = "unknown" // it is silent, or says nothing that is understood
)

// SiteMemory is all of the rule that survives a restart.
type SiteMemory struct {
	Number    uint64        // of the last record
	Manual    bool          // the automatic shutdown is switched off
	Lost      bool          // an outage lasts
	Since     time.Time     // its beginning
	OnBattery time.Duration // that it has lasted, or the last one did
	Low       bool          // the battery got low in it, or in the last one
	Saying    []string      // sources that said so last
	Outage    uint64        // number of the last one that asked
	Asked     time.Time     // since when this one asks; zero: it doesn't
	Stopped   []Stopped     // recorders that it has shut down, or the last one did
	Shutdowns []Instant     // when the last three outages that did so began to
	Ended     time.Time     // of the last outage
	Tries     int           // to have the UPS switched off, in this outage or the last one
	UPS       Outcome       // of the last try; Unknown from its intent on
	ToldUPS   time.Time     // when it may have been told; zero: it wasn't
}

// Stopped is a recorder that an outage has shut down.
type Stopped struct {
	Recorder string
	State    State // as it stood last; Running: it came back, and what follows isn't the outage's
}

// SiteRecord is what must be durable; the last one is all that a restart needs.
type SiteRecord struct {
	At     time.Time
	What   []string
	Memory SiteMemory
}

// SiteOutput is what a step decided. What Mains tells afterwards holds once Record is
// durable; if it can't be written, all the same: what a recorder was asked stands in
// its own journal.
type SiteOutput struct {
	Record *SiteRecord
	Wake   time.Duration // as Output's
	// TellUPS asks for the command that switches the UPS's output off. It is given only
	// once Record is durable, and while TellingUPS and what is known of every recorder
	// say so; UPSDone answers in any case.
	TellUPS bool
}

// SiteEvent is what the rule is told.
type SiteEvent interface{ siteEvent() }

// Heard is what a source says.
type Heard struct {
	Source      int // its place in SiteConfig.Sources
	Supply      Supply
	Retained    bool // by a broker: it may have been said long ago
	Low         bool // low battery; also a forced shutdown, which is on battery whatever mains does
	Calibrating bool // on battery by itself, to measure it: not believed alone either
	ChargeTold  bool
	Charge      int // percent
	RuntimeTold bool
	Runtime     time.Duration // from now
}

// Stands is how a recorder stands: told for each at the start, and when it changes.
type Stands struct {
	Recorder int // its place in the order
	State    State
	Budget   time.Duration // how long its shutdown takes
	Proven   bool          // as its machine's MayLosePower
}

// Automatic switches the automatic shutdown on or off.
type Automatic struct{ On bool }

func (Tick) siteEvent()      {}
func (Heard) siteEvent()     {}
func (Stands) siteEvent()    {}
func (Automatic) siteEvent() {}

func (c SiteConfig) withDefaults() SiteConfig {
	c.OnBattery = or(c.OnBattery, 5*time.Minute)
	c.Deadline = or(c.Deadline, 10*time.Minute)
	for _, x := range []struct {
		value     *int
		otherwise int
	}{{&c.Charge, 50}, {&c.Floor, 25}, {&c.Parallel, 2}} {
		if *x.value == 0 {
			*x.value = x.otherwise
		}
	}
	return c
}

// known says that a memory can be one of ours.
func (d SiteMemory) known() bool {
	return d.Number <= maxNumber && len(d.Stopped) <= maxRecorders && d.Outage <= maxNumber && d.OnBattery >= 0 && d.OnBattery <= oldestOutage && len(d.Shutdowns) <= mostOutages &&
		d.Tries >= 0 && d.Tries <= upsTries
}

func (d SiteMemory) clone() SiteMemory {
	d.Saying, d.Shutdowns, d.Stopped = slices.Clone(d.Saying), slices.Clone(d.Shutdowns), slices.Clone(d.Stopped)
	return d
}
