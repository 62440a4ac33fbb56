package power_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// fine are facts that nothing speaks against, after a drill.
func fine(changes ...func(*power.Facts)) power.Facts {
	no := power.Seen{Told: power.No}
	f := power.Facts{
		Serial: ownSerial, Firmware: firmware, SignIn: power.SignInOK, Right: yes(true), Support: yes(true), Upgrading: no, Formatting: no,
		Repairing: no, RAIDError: no, SelfTest: no, Exporting: no, Downloading: no, People: no, OtherAdmin: no,
		PlugReachable: yes(true), PlugReturns: yes(true), WitnessAnswers: yes(true), FixedAddress: yes(true),
		ClockWrong: no, RuntimeShort: no, FeedsCameras: no,
	}
	for _, change := range changes {
		change(&f)
	}
	return f
}

// usual are the circumstances of a home that passed a drill and has a plug that
// may cut and doesn't presume.
func usual(a power.Action, changes ...func(*power.Circumstances)) power.Circumstances {
	c := power.Circumstances{Action: a, Serial: ownSerial, Learned: power.Learned{Passed: true, Firmware: firmware},
		Plug: power.Plug{Exists: true, Relay: true, Meter: true, Cut: power.CutProven}, MeterFresh: true, Witness: true, DrillNeeded: true}
	for _, change := range changes {
		change(&c)
	}
	return c
}

// told lists findings as "severity id".
func told(found []power.Finding) string {
	var all []string
	for _, f := range found {
		if f.ID == "download" && f.Severity == power.Info {
			continue // always there
		}
		all = append(all, string(f.Severity)+" "+f.ID)
	}
	return strings.Join(all, ", ")
}

func TestPreflightFinds(t *testing.T) {
	type change = func(*power.Facts)
	type around = func(*power.Circumstances)
	undrilled := func(c *power.Circumstances) { c.Learned = power.Learned{} }
	low := func(c *power.Circumstances) { c.Low = true }
	presumes := func(c *power.Circumstances) { c.Plug.Cut = power.CutPresumed }
	seen := func(pick func(*power.Facts) *power.Seen, x power.Told) change {
		return func(f *power.Facts) { pick(f).Told = x }
	}
	right := func(f *power.Facts) *power.Seen { return &f.Right }
	support := func(f *power.Facts) *power.Seen { return &f.Support }
	download := func(f *power.Facts) *power.Seen { return &f.Downloading }
	reachable := func(f *power.Facts) *power.Seen { return &f.PlugReachable }
	returns := func(f *power.Facts) *power.Seen { return &f.PlugReturns }
	witness := func(f *power.Facts) *power.Seen { return &f.WitnessAnswers }
	address := func(f *power.Facts) *power.Seen { return &f.FixedAddress }
	clock := func(f *power.Facts) *power.Seen { return &f.ClockWrong }
	runtime := func(f *power.Facts) *power.Seen { return &f.RuntimeShort }
	poe := func(f *power.Facts) *power.Seen { return &f.FeedsCameras }
	people := func(f *power.Facts) *power.Seen { return &f.People }
	admin := func(f *power.Facts) *power.Seen { return &f.OtherAdmin }
	nothing := func(*power.Facts) {}
	for _, row := range []struct {
		name         string
		change       change
		around       []around
		hand, outage string // what a shutdown by hand finds, and an outage
	}{
		{"nothing, if all is well", nothing, nil, "", ""},
		{"no serial number", func(f *power.Facts) { f.Serial = "" }, nil, "hard identity", "hard identity"},
		{"another serial number", func(f *power.Facts) { f.Serial = "X" }, nil, "hard identity", "hard identity"},
		{"any serial number, if none was seen before", func(f *power.Facts) { f.Serial = "X" }, []around{func(c *power.Circumstances) { c.Serial = "" }}, "", ""},
		{"an account that is denied", func(f *power.Facts) { f.SignIn = power.SignInDenied }, nil, "hard sign_in", "hard sign_in"},
		{"an account that nobody knows of", func(f *power.Facts) { f.SignIn = power.SignInUnknown }, nil, "hard sign_in", "hard sign_in"},
		{"a right that is missing", seen(right, power.No), nil, "hard right", "hard right"},
		{"a right that no answer came to, drilled", seen(right, power.NotTold), nil, "", ""},
		{"a right that no answer came to, not drilled", seen(right, power.NotTold), []around{undrilled}, "soft right, info drill", "hard drill"},
		{"a right that is missing, not drilled", seen(right, power.No), []around{undrilled}, "hard right, info drill", "hard right, hard drill"},
		{"a right that isn't offered, not drilled", seen(right, power.NotOffered), []around{undrilled}, "soft right, info drill", "hard drill"},
		{"support that is missing, though drilled", seen(support, power.No), nil, "", ""},
		{"support that is missing", seen(support, power.No), []around{undrilled}, "hard support, info drill", "hard support, hard drill"},
		{"support that no answer came to", seen(support, power.NotTold), []around{undrilled}, "info support, info drill", "info support, hard drill"},
		{"support that is there", nothing, []around{undrilled}, "info drill", "hard drill"},
		{"a drill on other firmware", nothing, []around{func(c *power.Circumstances) { c.Learned.Firmware = "V4.0.0" }}, "info drill", "hard drill"},
		{"no drill at low battery", nothing, []around{undrilled, low}, "info drill", "soft drill"},
		{"no drill where the owner lets any outage act", nothing, []around{undrilled, func(c *power.Circumstances) { c.DrillNeeded = false }}, "info drill", "info drill"},
		{"no drill where the owner lets any outage act, at low battery", nothing, []around{undrilled, low, func(c *power.Circumstances) { c.DrillNeeded = false }}, "info drill", "info drill"},
		{"an upgrade", func(f *power.Facts) { f.Upgrading.Told = power.Yes }, nil, "hard upgrade", "hard upgrade"},
		{"no word on an upgrade", func(f *power.Facts) { f.Upgrading.Told = power.NotTold }, nil, "soft upgrade", ""},
		{"an upgrade that isn't offered", func(f *power.Facts) { f.Upgrading.Told = power.NotOffered }, nil, "info upgrade", "info upgrade"},
		{"a formatting disk", func(f *power.Facts) { f.Formatting.Told = power.Yes }, nil, "hard formatting", "hard formatting"},
		{"no word on formatting", func(f *power.Facts) { f.Formatting.Told = power.NotTold }, nil, "soft formatting", ""},
		{"a repairing disk", func(f *power.Facts) { f.Repairing.Told = power.Yes }, nil, "soft repairing", "soft repairing"},
		{"no word on repairing", func(f *power.Facts) { f.Repairing.Told = power.NotTold }, nil, "soft repairing", ""},
		{"an error of the array", func(f *power.Facts) { f.RAIDError.Told = power.Yes }, nil, "soft raid", "soft raid"},
		{"no word on the array", func(f *power.Facts) { f.RAIDError.Told = power.NotTold }, nil, "soft raid", ""},
		{"a self-test", func(f *power.Facts) { f.SelfTest.Told = power.Yes }, nil, "soft self_test", "soft self_test"},
		{"no word on a self-test", func(f *power.Facts) { f.SelfTest.Told = power.NotTold }, nil, "soft self_test", ""},
		{"an export", func(f *power.Facts) { f.Exporting.Told = power.Yes }, nil, "soft export", "soft export"},
		{"no word on an export", func(f *power.Facts) { f.Exporting.Told = power.NotTold }, nil, "soft export", ""},
		{"a download", seen(download, power.Yes), nil, "soft download", "soft download"},
		{"no word on a download", seen(download, power.NotTold), nil, "", ""},
		{"another administrator", seen(admin, power.Yes), nil, "soft people", "info people"},
		{"somebody", seen(people, power.Yes), nil, "info people", "info people"},
		{"no word on people", seen(people, power.NotTold), nil, "", ""},
		{"a plug that is away", seen(reachable, power.No), nil, "soft plug", "soft plug"},
		{"a plug that no answer came from", seen(reachable, power.NotTold), nil, "soft plug", "soft plug"},
		{"a plug that doesn't tell its relay", nothing, []around{func(c *power.Circumstances) { c.Plug.Relay = false }}, "soft plug", "soft plug"},
		{"a meter without fresh readings", nothing, []around{func(c *power.Circumstances) { c.MeterFresh = false }}, "soft plug", "soft plug"},
		{"a meter without fresh readings where presuming is allowed", nothing, []around{presumes, func(c *power.Circumstances) { c.MeterFresh = false }}, "", ""},
		{"a plug that stays off when power returns", seen(returns, power.No), nil, "soft plug", "soft plug"},
		{"no word on what the plug does when power returns", seen(returns, power.NotTold), nil, "", ""},
		{"no plug that may cut", nothing, []around{func(c *power.Circumstances) { c.Plug.Cut = power.CutNever }}, "", ""},
		{"one that may not, and is away", seen(reachable, power.No), []around{func(c *power.Circumstances) { c.Plug.Cut = power.CutNever }}, "info plug", "info plug"},
		{"one that may not, and isn't read", nothing, []around{func(c *power.Circumstances) { c.Plug.Cut, c.MeterFresh = power.CutNever, false }}, "info plug", "info plug"},
		{"no plug at all", seen(reachable, power.No), []around{func(c *power.Circumstances) { c.Plug = power.Plug{Cut: power.CutProven} }}, "", ""},
		{"a witness that is away", seen(witness, power.No), nil, "info witness", "info witness"},
		{"a witness that no answer came from", seen(witness, power.NotTold), nil, "info witness", "info witness"},
		{"no witness", seen(witness, power.No), []around{func(c *power.Circumstances) { c.Witness = false }}, "", ""},
		{"an address by DHCP", seen(address, power.No), nil, "info dhcp", "info dhcp"},
		{"an address by DHCP where presuming is allowed", seen(address, power.No), []around{presumes}, "info dhcp", "info dhcp"},
		{"no word on the address", seen(address, power.NotTold), nil, "", ""},
		{"a wrong clock", seen(clock, power.Yes), nil, "info clock", "info clock"},
		{"many shutdowns", nothing, []around{func(c *power.Circumstances) { c.Often = true }}, "soft often", "info often"},
		{"a weak battery", seen(runtime, power.Yes), nil, "soft ups", "info ups"},
		{"no word on the battery", seen(runtime, power.NotTold), nil, "", ""},
		{"cameras that it feeds", seen(poe, power.Yes), nil, "info poe", "info poe"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := fine(row.change)
			if got := told(power.Preflight(f, usual(power.Shutdown, row.around...))); got != row.hand {
				t.Errorf("by hand: %q, not %q", got, row.hand)
			}
			if got := told(power.Preflight(f, usual(power.Outage, row.around...))); got != row.outage {
				t.Errorf("outage: %q, not %q", got, row.outage)
			}
		})
	}
}

func TestADrillIsntHeldUpByWhatItShows(t *testing.T) {
	for told_, want := range map[power.Told]string{power.Yes: "", power.NotTold: "info right", power.NotOffered: "info right", power.No: "hard right"} {
		f := fine(func(f *power.Facts) { f.Right.Told = told_ })
		c := usual(power.Drill, func(c *power.Circumstances) { c.Learned = power.Learned{} })
		if got := told(power.Preflight(f, c)); got != want {
			t.Errorf("%d: %q, not %q", told_, got, want)
		}
	}
}

func TestAPowerCycleNeedsAPlugAndWhatItPresumesOn(t *testing.T) {
	weak := fine(func(f *power.Facts) { f.WitnessAnswers.Told, f.FixedAddress.Told = power.No, power.No })
	for _, row := range []struct {
		name   string
		facts  power.Facts
		around func(*power.Circumstances)
		want   string
	}{
		{"a plug that may cut", fine(), func(*power.Circumstances) {}, ""},
		{"a plug that never cuts", fine(), func(c *power.Circumstances) { c.Plug.Cut = power.CutNever }, "hard plug"},
		{"no plug", fine(), func(c *power.Circumstances) { c.Plug = power.Plug{} }, "hard plug"},
		{"no witness and DHCP where only a proof cuts", weak, func(*power.Circumstances) {}, "info witness, info dhcp"},
		{"no witness and DHCP where a presumption cuts", weak, func(c *power.Circumstances) { c.Plug.Cut = power.CutPresumed }, "soft witness, soft dhcp"},
	} {
		if got := told(power.Preflight(row.facts, usual(power.PowerCycle, row.around))); got != row.want {
			t.Errorf("%s: %q, not %q", row.name, got, row.want)
		}
	}
	if got := told(power.Preflight(fine(), usual(power.Drill, func(c *power.Circumstances) { c.Learned = power.Learned{} }))); got != "" {
		t.Errorf("a drill asks for a drill: %q", got)
	}
}

func TestVerifySays(t *testing.T) {
	const off = 10 * time.Minute
	before := power.Before{Uptime: 30 * time.Hour, UptimeTold: true, Online: []string{"1", "2"}, Recording: []string{"1"}, Disks: []string{"1 ok"}}
	good := power.After{Serial: ownSerial, Uptime: 2 * time.Minute, UptimeTold: true, Online: []string{"2", "1"}, Recording: []string{"1", "2"}, Disks: []string{"1 ok"},
		ChannelsTold: true, RecordingTold: true, DisksTold: true, ClockWrong: yes(false), CleanStop: yes(true), Errors: yes(false)}
	for _, row := range []struct {
		name   string
		change func(*power.Before, *power.After)
		want   string // what isn't Yes
	}{
		{"all is as it was", func(*power.Before, *power.After) {}, ""},
		{"no serial number", func(_ *power.Before, a *power.After) { a.Serial = "" }, "identity unknown"},
		{"another serial number", func(_ *power.Before, a *power.After) { a.Serial = "X" }, "identity no"},
		{"no uptime", func(_ *power.Before, a *power.After) { a.UptimeTold = false }, "restarted unknown"},
		{"an uptime that grew", func(_ *power.Before, a *power.After) { a.Uptime = 30*time.Hour + off }, "restarted no"},
		{"an uptime that grew by one minute less", func(_ *power.Before, a *power.After) { a.Uptime = 30*time.Hour + off - time.Minute }, "restarted no"},
		{"an uptime just below", func(_ *power.Before, a *power.After) { a.Uptime = 30*time.Hour + off - time.Minute - 1 }, ""},
		{"an uptime that wasn't told before, and is short", func(b *power.Before, a *power.After) { b.Uptime, b.UptimeTold, a.Uptime = 0, false, off+time.Minute-1 }, ""},
		{"an uptime that wasn't told before, and is long", func(b *power.Before, a *power.After) { b.Uptime, b.UptimeTold, a.Uptime = 0, false, off+time.Minute }, "restarted no"},
		{"an uptime that was told before, small, and grew", func(b *power.Before, a *power.After) { b.Uptime, a.Uptime = 0, off }, "restarted no"},
		{"a camera that is away", func(_ *power.Before, a *power.After) { a.Online = []string{"1"} }, "cameras no (2)"},
		{"both cameras away", func(_ *power.Before, a *power.After) { a.Online = nil }, "cameras no (1, 2)"},
		{"cameras that weren't told", func(_ *power.Before, a *power.After) { a.ChannelsTold, a.Online = false, nil }, "cameras unknown (1, 2)"},
		{"a camera that doesn't record", func(_ *power.Before, a *power.After) { a.Recording = nil }, "recording no (1)"},
		{"recording that wasn't told", func(_ *power.Before, a *power.After) { a.RecordingTold = false }, "recording unknown"},
		{"a disk that is missing", func(_ *power.Before, a *power.After) { a.Disks = []string{"1 error"} }, "disks no (1 ok)"},
		{"disks that weren't told", func(_ *power.Before, a *power.After) { a.DisksTold = false }, "disks unknown"},
		{"a wrong clock", func(_ *power.Before, a *power.After) { a.ClockWrong.Told = power.Yes }, "clock no"},
		{"a clock that wasn't told", func(_ *power.Before, a *power.After) { a.ClockWrong.Told = power.NotTold }, "clock unknown"},
		{"an unclean stop", func(_ *power.Before, a *power.After) { a.CleanStop.Told = power.No }, "clean_stop no"},
		{"a stop that wasn't told", func(_ *power.Before, a *power.After) { a.CleanStop.Told = power.NotTold }, "clean_stop unknown"},
		{"errors in the log", func(_ *power.Before, a *power.After) { a.Errors.Told = power.Yes }, "errors no"},
		{"a log that wasn't told", func(_ *power.Before, a *power.After) { a.Errors.Told = power.NotTold }, "errors unknown"},
	} {
		b, a := before, good
		row.change(&b, &a)
		var all []string
		for _, i := range power.Verify(b, ownSerial, a, off) {
			word := map[power.Told]string{power.No: "no", power.NotTold: "unknown"}[i.Told]
			if word == "" || i.ID == "gaps" {
				continue
			}
			text := i.ID + " " + word
			if slices.Contains([]string{"cameras", "recording", "disks"}, i.ID) && i.Evidence != "" {
				text += " (" + i.Evidence + ")"
			}
			all = append(all, text)
		}
		if got := strings.Join(all, ", "); got != row.want {
			t.Errorf("%s: %q, not %q", row.name, got, row.want)
		}
	}
}

func TestTimersAreRefused(t *testing.T) {
	drilled := power.Learned{Passed: true, Gap: 40 * time.Second, OffWatts: 9}
	for _, row := range []struct {
		name    string
		change  func(*power.Config)
		learned power.Learned
		want    string // begins of what is wrong
	}{
		{"nothing set", func(*power.Config) {}, power.Learned{}, ""},
		{"all slower", func(c *power.Config) {
			c.Timers = power.Timers{Countdown: time.Minute, GoingDown: 2 * time.Minute, Quiet: 4 * time.Minute, Presumption: time.Hour, Dwell: 20 * time.Second, Settle: time.Minute,
				ProofDeadline: time.Hour, ReadBack: time.Minute, MinOff: time.Minute, Boot: time.Hour, Verify: time.Hour, CommandLife: time.Hour}
		}, power.Learned{}, ""},
		{"quiet shorter", func(c *power.Config) { c.Timers.Quiet = 180*time.Second - 1 }, power.Learned{}, "quiet is"},
		{"quiet as it is", func(c *power.Config) { c.Timers.Quiet = 180 * time.Second }, power.Learned{}, ""},
		{"quiet as short as a drill supports", func(c *power.Config) { c.Timers.Quiet = 80 * time.Second }, drilled, ""},
		{"quiet shorter than a drill supports", func(c *power.Config) { c.Timers.Quiet = 80*time.Second - 1 }, drilled, "quiet is"},
		{"quiet as short as a drill that failed would support", func(c *power.Config) { c.Timers.Quiet = 80 * time.Second }, power.Learned{Gap: 40 * time.Second}, "quiet is"},
		{"presumption shorter", func(c *power.Config) { c.Timers.Presumption = 599 * time.Second }, drilled, "presumption is"},
		{"dwell shorter", func(c *power.Config) { c.Timers.Dwell = 14 * time.Second }, drilled, "dwell is"},
		{"settle shorter", func(c *power.Config) { c.Timers.Settle = 29 * time.Second }, drilled, "settle is"},
		{"minimum off shorter", func(c *power.Config) { c.Timers.MinOff = 14 * time.Second }, drilled, "minimum off is"},
		{"countdown below zero", func(c *power.Config) { c.Timers.Countdown = -1 }, drilled, "countdown is"},
		{"countdown of a day", func(c *power.Config) { c.Timers.Countdown = 24 * time.Hour }, drilled, ""},
		{"countdown of more", func(c *power.Config) { c.Timers.Countdown = 24*time.Hour + 1 }, drilled, "countdown is"},
		{"off-watts below zero", func(c *power.Config) { c.OffWatts = -0.1 }, drilled, "off-watts is"},
		{"off-watts that are no number", func(c *power.Config) { c.OffWatts = nan() }, drilled, "off-watts is"},
		{"off-watts lowered", func(c *power.Config) { c.OffWatts = 8.9 }, drilled, ""},
		{"off-watts as learned", func(c *power.Config) { c.OffWatts = 9 }, drilled, ""},
		{"off-watts raised", func(c *power.Config) { c.OffWatts = 9.1 }, drilled, "off-watts is"},
		{"off-watts raised without a drill", func(c *power.Config) { c.OffWatts = 1.1 }, power.Learned{OffWatts: 9}, "off-watts is"},
		{"off-watts raised after a drill without a meter", func(c *power.Config) { c.OffWatts = 1.1 }, power.Learned{Passed: true, Gap: time.Minute}, "off-watts is"},
		{"off-watts as without a drill", func(c *power.Config) { c.OffWatts = 1 }, power.Learned{Passed: true, Gap: time.Minute}, ""},
	} {
		var c power.Config
		row.change(&c)
		err := c.Validate(row.learned)
		if got := fmt.Sprint(err); err == nil && row.want != "" || err != nil && (row.want == "" || !strings.HasPrefix(got, row.want)) {
			t.Errorf("%s: %v, not %q", row.name, err, row.want)
		}
	}
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}

// A bench is a machine alone: moments and events by hand, each record durable at
// once unless held.
type bench struct {
	t       *testing.T
	m       *power.Machine
	now     power.Instant
	hold    bool // records aren't answered
	out     power.Output
	answers []power.Answer
	ends    []power.Answer
	rows    []string
	effect  power.Effect // the last one
	effects []power.EffectKind
	record  *power.Record
	ids     int
	stamp   int
	uptime  time.Duration

	silentSince time.Duration // first silent probe after the last other one
	silent      bool
}

// onBench restores a machine from one record. A zero memory is none.
func onBench(t *testing.T, c power.Config, d power.Memory) *bench {
	b := &bench{t: t, now: power.Instant{Wall: epoch.Add(24 * time.Hour), Mono: time.Second}, uptime: 30 * time.Hour}
	var records []power.Record
	if d.State != "" {
		d.Serial, d.Firmware = cmp.Or(d.Serial, ownSerial), cmp.Or(d.Firmware, firmware)
		records = append(records, power.Record{Memory: d})
	}
	m, out := power.Restore(c, b.now, records, false)
	b.m = m
	b.take(out)
	return b
}

func (b *bench) take(out power.Output) {
	b.out = out
	b.answers = append(b.answers, out.Answers...)
	b.ends = append(b.ends, out.Ends...)
	for _, x := range out.Moves {
		b.rows = append(b.rows, x.Row)
	}
	if out.Effect.Kind != power.NoEffect {
		b.effect = out.Effect
		b.effects = append(b.effects, out.Effect.Kind)
	}
	if out.Record != nil {
		b.record = out.Record
		if !b.hold {
			b.tell(power.Committed{Number: out.Record.Number(), Commit: power.Durable})
		}
	}
}

func (b *bench) tell(e power.Event) { b.take(b.m.Step(b.now, e)) }

// commit answers the last record.
func (b *bench) commit(c power.Commit) {
	b.tell(power.Committed{Number: b.record.Number(), Commit: c})
}

// pass lets time go by unseen, and then ticks.
func (b *bench) pass(d time.Duration) {
	b.now.Mono += d
	b.now.Wall = b.now.Wall.Add(d)
	b.uptime += d
	b.tell(power.Tick{})
}

func (b *bench) signsIn() {
	b.tell(power.SignedIn{At: b.now, Serial: ownSerial, Firmware: firmware, Uptime: b.uptime, UptimeTold: true})
}

func (b *bench) probe(s power.Sight) {
	if s == power.Silent && !b.silent {
		b.silentSince = b.now.Mono
	}
	b.silent = s == power.Silent
	b.tell(power.Probe{At: b.now, Sight: s, HTTP: s == power.Alive})
}
func (b *bench) relay(s power.RelayState) { b.tell(power.Relay{At: b.now, State: s}) }
func (b *bench) reads(watts float64) {
	b.stamp++
	b.tell(power.Reading{At: b.now, Watts: watts, Stamp: fmt.Sprint(b.stamp)})
}

// asks presses a button as somebody.
func (b *bench) asks(a power.Action, force ...string) power.Answer {
	b.ids++
	return b.command(power.Command{Action: a, ID: fmt.Sprintf("b%d", b.ids), At: b.now.Wall, By: "anna", Force: force, Content: uint64(b.ids)})
}

// command gives the first answer to it.
func (b *bench) command(c power.Command) power.Answer {
	n := len(b.answers)
	b.tell(c)
	for _, a := range b.answers[n:] {
		if a.ID == c.ID && a.Action == c.Action {
			return a
		}
	}
	return power.Answer{}
}

// onFor lets the recorder run and be read for d.
func (b *bench) onFor(d time.Duration, watts float64) {
	for end := b.now.Mono + d; b.now.Mono < end; {
		b.pass(5 * time.Second)
		b.signsIn()
		b.relay(power.RelayOn)
		b.reads(watts)
		b.tell(power.Witnessed{At: b.now})
	}
}

// silentFor lets nothing answer for d, while the plug reads watts; below zero it
// reads nothing.
func (b *bench) silentFor(d time.Duration, watts float64) {
	b.silentUntil(d, watts, func() bool { return false })
}

// silentUntil is silentFor until something is so.
func (b *bench) silentUntil(d time.Duration, watts float64, stop func() bool) {
	b.t.Helper()
	for end := b.now.Mono + d; b.now.Mono < end && !stop(); {
		b.pass(min(2*time.Second, end-b.now.Mono))
		b.tell(power.Witnessed{At: b.now})
		b.probe(power.Silent)
		b.tell(power.NoAnswer{At: b.now})
		if watts >= 0 {
			b.relay(power.RelayOn)
			b.reads(watts)
		}
	}
}

func (b *bench) at(positions ...string) {
	b.t.Helper()
	if p := b.m.Position(); !slices.Contains(positions, p) {
		b.t.Fatalf("it is %s, not %s; rows: %s", p, strings.Join(positions, " or "), strings.Join(b.rows, "; "))
	}
}

// collected answers the open look.
func (b *bench) collected(f power.Facts) {
	b.t.Helper()
	b.tell(power.Collected{Number: b.effect.Number, Facts: f})
}

func (b *bench) facts(changes ...func(*power.Facts)) power.Facts {
	f := fine(changes...)
	f.Before.Uptime, f.Before.UptimeTold, f.Before.FixedAddress = b.uptime, true, true
	return f
}

// requested goes from running to an open request.
func (b *bench) requested(a power.Action) {
	b.t.Helper()
	if x := b.asks(a, "plug", "often"); x.Type == power.Declined {
		b.t.Fatalf("%s: %s", x.Reason, x.Message)
	}
	b.counted()
}

// counted goes from checking to an open request.
func (b *bench) counted() {
	b.t.Helper()
	b.collected(b.facts())
	b.at("counting_down")
	b.pass(10 * time.Second)
	b.at("shutting_down", "rebooting")
	b.collected(b.facts())
	if b.effect.Kind != power.PutShutdown && b.effect.Kind != power.PutReboot {
		b.t.Fatalf("no request but %s", b.effect.Kind)
	}
}

func (b *bench) put(o power.Outcome) {
	b.tell(power.PutDone{Number: b.effect.Number, Outcome: o, Detail: "detail"})
}

// accepted goes from running to confirming.
func (b *bench) accepted(a power.Action) {
	b.t.Helper()
	b.requested(a)
	b.put(power.Done)
	b.at("confirming", "rebooting")
}

// last is the last answer to an action.
func (b *bench) last(a power.Action) power.Answer {
	for _, x := range slices.Backward(b.answers) {
		if x.Action == a {
			return x
		}
	}
	return power.Answer{}
}

func (b *bench) gave(a power.Action, t power.AnswerType, reason string) {
	b.t.Helper()
	if x := b.last(a); x.Type != t || x.Reason != reason {
		b.t.Errorf("%s: %s %q, not %s %q", a, x.Type, x.Reason, t, reason)
	}
}

// fullPlug tells all and may cut by proof.
var fullPlug = power.Config{Plug: power.Plug{Exists: true, Relay: true, Meter: true, Cut: power.CutProven}}

// running is a machine whose recorder has been read for six minutes.
func running(t *testing.T, change func(*power.Config, *power.Memory)) *bench {
	t.Helper()
	c := fullPlug
	d := power.Memory{State: power.Running, Learned: power.Learned{Passed: true, Firmware: firmware, Gap: 70 * time.Second, ToSilence: 20 * time.Second, Running: 22, Halted: 0.4, OffWatts: 1}}
	if change != nil {
		change(&c, &d)
	}
	b := onBench(t, c, d)
	b.onFor(6*time.Minute, 22)
	b.at("running")
	return b
}

func TestAnEnvelopeIsJudged(t *testing.T) {
	plain := power.Config{Plug: fullPlug.Plug, PlainCommands: true}
	for _, row := range []struct {
		name    string
		config  power.Config
		command func(now time.Time) power.Command
		want    power.AnswerType // verdict; "": none
		reason  string
	}{
		{"a plain check", fullPlug, func(time.Time) power.Command { return power.Command{Action: power.Check, Plain: true} }, "", ""},
		{"a plain plan", fullPlug, func(time.Time) power.Command { return power.Command{Action: power.Plan, Plain: true} }, "", ""},
		{"a plain cancel", fullPlug, func(time.Time) power.Command { return power.Command{Action: power.Cancel, Plain: true} }, power.Declined, "nothing"},
		{"a plain power_on", fullPlug, func(time.Time) power.Command { return power.Command{Action: power.PowerOn, Plain: true} }, power.Accepted, ""},
		{"a plain shutdown", fullPlug, func(time.Time) power.Command { return power.Command{Action: power.Shutdown, Plain: true} }, power.Declined, "plain"},
		{"a plain reboot", fullPlug, func(time.Time) power.Command { return power.Command{Action: power.Reboot, Plain: true} }, power.Declined, "plain"},
		{"a plain shutdown where it is allowed", plain, func(time.Time) power.Command { return power.Command{Action: power.Shutdown, Plain: true} }, "", ""},
		{"what there is no action for", fullPlug, func(now time.Time) power.Command { return power.Command{Action: "dance", ID: "x", At: now} }, power.Declined, "unknown_action"},
		{"at its end", fullPlug, func(now time.Time) power.Command {
			return power.Command{Action: power.Cancel, ID: "x", At: now.Add(-30 * time.Second)}
		}, power.Declined, "nothing"},
		{"just expired", fullPlug, func(now time.Time) power.Command {
			return power.Command{Action: power.Cancel, ID: "x", At: now.Add(-30*time.Second - 1)}
		}, power.Expired, "expired"},
		{"ahead by the skew", fullPlug, func(now time.Time) power.Command {
			return power.Command{Action: power.Cancel, ID: "x", At: now.Add(time.Minute)}
		}, power.Declined, "nothing"},
		{"ahead by more", fullPlug, func(now time.Time) power.Command {
			return power.Command{Action: power.Cancel, ID: "x", At: now.Add(time.Minute + 1)}
		}, power.Declined, "wrong_clock"},
		{"an expired power_on", fullPlug, func(now time.Time) power.Command {
			return power.Command{Action: power.PowerOn, ID: "x", At: now.Add(-time.Hour)}
		}, power.Accepted, ""},
		{"a power_on ahead", fullPlug, func(now time.Time) power.Command {
			return power.Command{Action: power.PowerOn, ID: "x", At: now.Add(time.Hour)}
		}, power.Accepted, ""},
	} {
		b := running(t, func(c *power.Config, _ *power.Memory) { *c = row.config })
		if a := b.command(row.command(b.now.Wall)); a.Type != row.want || a.Reason != row.reason {
			t.Errorf("%s: %q %q, not %q %q", row.name, a.Type, a.Reason, row.want, row.reason)
		}
	}
}

func TestAnIDIsUsedOnce(t *testing.T) {
	b := running(t, nil)
	c := power.Command{Action: power.Cancel, ID: "x", At: b.now.Wall, By: "anna", Content: 1}
	other := c
	other.Content = 2
	b.command(c)
	for _, row := range []struct {
		name    string
		after   time.Duration
		command power.Command
		want    power.AnswerType
		reason  string
	}{
		{"the same at once", 0, c, power.Duplicate, "duplicate"},
		{"another with its id", 0, other, power.Declined, "id_reused"},
		{"the same at the end of two minutes", 2 * time.Minute, c, power.Duplicate, "duplicate"},
		{"the same later: it is too old", 1, c, power.Expired, "expired"},
	} {
		b.pass(row.after)
		if a := b.command(row.command); a.Type != row.want || a.Reason != row.reason {
			t.Errorf("%s: %q %q, not %q %q", row.name, a.Type, a.Reason, row.want, row.reason)
		}
	}
}

func TestAnAcceptedIDIsKnownForADayOverRestarts(t *testing.T) {
	b := running(t, nil)
	a := b.asks(power.PowerOn)
	c := power.Command{Action: power.PowerOn, ID: a.ID, At: b.now.Wall, By: "anna", Content: uint64(b.ids)}
	for _, row := range []struct {
		after  time.Duration
		want   power.AnswerType
		reason string
	}{{24 * time.Hour, power.Duplicate, "duplicate"}, {24*time.Hour + 1, power.Accepted, ""}} {
		m, _ := power.Restore(fullPlug, power.Instant{Wall: b.now.Wall.Add(row.after), Mono: time.Second}, []power.Record{*b.record}, false)
		out := m.Step(power.Instant{Wall: b.now.Wall.Add(row.after), Mono: time.Second}, c)
		if len(out.Answers) == 0 || out.Answers[0].Type != row.want || out.Answers[0].Reason != row.reason {
			t.Errorf("after %v: %+v", row.after, out.Answers)
		}
	}
	if b.command(power.Command{Action: power.PowerOn, Plain: true}); len(b.m.Memory().Accepted) != 1 {
		t.Errorf("%d ids after a plain command", len(b.m.Memory().Accepted))
	}
}

func TestATooLongRowOfIDsIsRefusedButForCancelAndPowerOn(t *testing.T) {
	b := running(t, nil)
	for range 1000 {
		b.asks(power.Cancel)
	}
	for _, row := range []struct {
		action power.Action
		want   power.AnswerType
		reason string
	}{{power.Check, power.Declined, "too_many_ids"}, {power.Cancel, power.Declined, "nothing"}, {power.PowerOn, power.Accepted, ""}} {
		if a := b.asks(row.action); a.Type != row.want || a.Reason != row.reason {
			t.Errorf("%s: %s %q", row.action, a.Type, a.Reason)
		}
	}
	b.pass(2*time.Minute + time.Second)
	if a := b.asks(power.Check); a.Type == power.Declined {
		t.Errorf("two minutes later: %s", a.Reason)
	}
	b = running(t, nil)
	for range 1000 {
		b.asks(power.PowerOn)
	}
	b.pass(3 * time.Minute)
	if a := b.asks(power.Shutdown); a.Reason != "too_many_ids" {
		t.Errorf("a thousand accepted ones: %s %q", a.Type, a.Reason)
	}
	if b.asks(power.PowerOn); len(b.m.Memory().Accepted) != 1000 {
		t.Errorf("%d ids are kept", len(b.m.Memory().Accepted))
	}
}

// proving is a bench whose recorder accepted a shutdown a moment ago.
func proving(t *testing.T, change func(*power.Config, *power.Memory)) *bench {
	t.Helper()
	b := running(t, change)
	b.accepted(power.Shutdown)
	return b
}

func TestThePowerProofNeeds(t *testing.T) {
	type mem = func(*power.Config, *power.Memory)
	quietly := func(b *bench) { b.silentFor(20*time.Second, 0.4) }
	silence := func(b *bench, step time.Duration) { // readings by the way, silence by steps
		for range 12 {
			b.pass(step)
			b.tell(power.Witnessed{At: b.now})
			b.probe(power.Silent)
			b.relay(power.RelayOn)
			b.reads(0.4)
		}
	}
	heavy := func(_ *power.Config, d *power.Memory) { d.Learned.Halted, d.Learned.OffWatts = 6, 6.6 }
	for _, row := range []struct {
		name   string
		change mem
		do     func(*bench)
		want   power.Proof
	}{
		{"silence and low readings", nil, quietly, power.ProofPower},
		{"14 s of silence", nil, func(b *bench) { b.silentFor(16*time.Second, 0.4) }, power.ProofNone},
		{"15 s of silence", nil, func(b *bench) { b.silentFor(17*time.Second, 0.4) }, power.ProofPower},
		{"a plug that tells its relay", func(c *power.Config, _ *power.Memory) { c.Plug.Relay = false }, quietly, power.ProofNone},
		{"a meter", func(c *power.Config, _ *power.Memory) { c.Plug.Meter = false }, quietly, power.ProofNone},
		{"a meter that can tell", func(_ *power.Config, d *power.Memory) { d.Learned.Blind = true }, quietly, power.ProofNone},
		{"readings at off-watts", nil, func(b *bench) { b.silentFor(20*time.Second, 1) }, power.ProofPower},
		{"readings not above off-watts", nil, func(b *bench) { b.silentFor(20*time.Second, 1.01) }, power.ProofNone},
		{"off-watts as configured", func(c *power.Config, _ *power.Memory) { c.OffWatts = 0.3 }, quietly, power.ProofNone},
		{"off-watts not raised by configuration", func(c *power.Config, _ *power.Memory) { c.OffWatts = 3 }, func(b *bench) { b.silentFor(20*time.Second, 2) }, power.ProofNone},
		{"off-watts of this firmware's drill", func(_ *power.Config, d *power.Memory) {
			d.Learned.OffWatts, d.Learned.Halted, d.Learned.Firmware = 3, 2.7, "V4.0.0"
		}, func(b *bench) { b.silentFor(20*time.Second, 2.7) }, power.ProofNone},
		{"off-watts of a drill", func(_ *power.Config, d *power.Memory) { d.Learned.OffWatts, d.Learned.Halted = 3, 2.7 }, func(b *bench) { b.silentFor(20*time.Second, 2.7) }, power.ProofPower},
		{"quiet, above 3 W: just before", heavy, func(b *bench) { b.silentFor(180*time.Second, 6) }, power.ProofNone},
		{"quiet, above 3 W: just after", heavy, func(b *bench) { b.silentFor(184*time.Second, 6) }, power.ProofPower},
		{"readings not far below the halted watts", heavy, func(b *bench) { b.silentFor(184*time.Second, 2.9) }, power.ProofNone},
		{"readings down to half of the halted watts", heavy, func(b *bench) { b.silentFor(184*time.Second, 3) }, power.ProofPower},
		{"a relay that is read as on", nil, func(b *bench) { quietly(b); b.relay(power.RelayUnknown) }, power.ProofNone},
		{"no life", nil, func(b *bench) { quietly(b); b.probe(power.Alive) }, power.ProofNone},
		{"no uncertain probe", nil, func(b *bench) { quietly(b); b.probe(power.Uncertain) }, power.ProofNone},
		{"no sign-in", nil, func(b *bench) { quietly(b); b.signsIn() }, power.ProofNone},
		{"no answer", nil, func(b *bench) { quietly(b); b.tell(power.Answered{At: b.now}) }, power.ProofNone},
		{"a plug that didn't restart", nil, func(b *bench) {
			quietly(b)
			b.tell(power.Relay{At: b.now, State: power.RelayOn, Restarted: true})
		}, power.ProofNone},
		{"probes at most 8 s apart", nil, func(b *bench) { silence(b, 8*time.Second) }, power.ProofPower},
		{"probes not more than 8 s apart", nil, func(b *bench) { silence(b, 8*time.Second+1) }, power.ProofNone},
		{"a last probe at most 8 s old", nil, func(b *bench) { quietly(b); b.pass(8 * time.Second) }, power.ProofPower},
		{"a last probe not older", nil, func(b *bench) { quietly(b); b.pass(8*time.Second + 1) }, power.ProofNone},
		{"a clock of the process that goes with the wall's", nil, func(b *bench) {
			quietly(b)
			b.now.Mono += 9 * time.Second
			b.now.Wall = b.now.Wall.Add(time.Second)
			b.tell(power.Tick{})
		}, power.ProofNone},
		{"a wall clock that goes with it", nil, func(b *bench) {
			quietly(b)
			b.now.Wall = b.now.Wall.Add(time.Minute)
			b.tell(power.Tick{})
		}, power.ProofNone},
		{"a wall clock that isn't set back", nil, func(b *bench) {
			quietly(b)
			b.now.Wall = b.now.Wall.Add(-time.Minute)
			b.tell(power.Tick{})
		}, power.ProofNone},
		{"a last reading at most 20 s old", nil, func(b *bench) { quietly(b); b.silentFor(20*time.Second, -1) }, power.ProofPower},
		{"a last reading not older", nil, func(b *bench) { quietly(b); b.silentFor(20*time.Second+1, -1) }, power.ProofNone},
		{"readings, though silence lasted", nil, func(b *bench) { b.silentFor(time.Minute, -1) }, power.ProofNone},
		{"three readings, not two", nil, func(b *bench) {
			b.silentFor(2*time.Second, 0.4)
			b.silentFor(18*time.Second, -1)
			b.reads(0.4)
			b.relay(power.RelayOn)
		}, power.ProofNone},
		{"three readings over 15 s", nil, func(b *bench) {
			b.silentFor(2*time.Second, 0.4)
			b.silentFor(8*time.Second, -1)
			b.silentFor(2*time.Second, 0.4)
			b.silentFor(5*time.Second, -1)
			b.relay(power.RelayOn)
			b.reads(0.4)
		}, power.ProofPower},
		{"three readings not over less", nil, func(b *bench) {
			b.silentFor(14*time.Second, -1)
			b.silentFor(14*time.Second, 0.4)
		}, power.ProofNone},
		{"readings that aren't retained", nil, func(b *bench) {
			for range 12 {
				b.silentFor(2*time.Second, -1)
				b.relay(power.RelayOn)
				b.stamp++
				b.tell(power.Reading{At: b.now, Watts: 0.4, Retained: true, Stamp: fmt.Sprint(b.stamp)})
			}
		}, power.ProofNone},
		{"readings whose counter moves", nil, func(b *bench) {
			for range 12 {
				b.silentFor(2*time.Second, -1)
				b.relay(power.RelayOn)
				b.tell(power.Reading{At: b.now, Watts: 0.4, Stamp: "7"})
			}
		}, power.ProofNone},
		{"readings with a counter", nil, func(b *bench) {
			for range 12 {
				b.silentFor(2*time.Second, -1)
				b.relay(power.RelayOn)
				b.tell(power.Reading{At: b.now, Watts: 0.4})
			}
		}, power.ProofNone},
		{"or readings after our question", nil, func(b *bench) {
			for range 12 {
				b.silentFor(5*time.Second, -1)
				b.tell(power.Asked{At: b.now})
				b.silentFor(time.Second, -1)
				b.relay(power.RelayOn)
				b.tell(power.Reading{At: b.now, Watts: 0.4})
			}
		}, power.ProofPower},
		{"or readings after our question, the first only", nil, func(b *bench) {
			b.silentFor(5*time.Second, -1)
			b.tell(power.Asked{At: b.now})
			for range 12 {
				b.silentFor(2*time.Second, -1)
				b.relay(power.RelayOn)
				b.tell(power.Reading{At: b.now, Watts: 0.4})
			}
		}, power.ProofNone},
		{"questions 5 s apart", nil, func(b *bench) {
			b.tell(power.Asked{At: b.now})
			for range 5 {
				b.silentFor(4*time.Second, -1)
				b.tell(power.Asked{At: b.now})
				b.silentFor(100*time.Millisecond, -1)
				b.relay(power.RelayOn)
				b.tell(power.Reading{At: b.now, Watts: 0.4})
			}
		}, power.ProofNone},
		{"an answer after the question, not with it", nil, func(b *bench) {
			for range 12 {
				b.silentFor(6*time.Second, -1)
				b.relay(power.RelayOn)
				b.tell(power.Asked{At: b.now})
				b.tell(power.Reading{At: b.now, Watts: 0.4})
			}
		}, power.ProofNone},
		{"a relay told at most 15 s after the reading", nil, func(b *bench) {
			for range 3 {
				b.silentFor(time.Second, -1)
				b.reads(0.4)
				b.silentFor(15*time.Second, -1)
				b.relay(power.RelayOn)
			}
		}, power.ProofPower},
		{"a relay not told later", nil, func(b *bench) {
			for range 5 {
				b.silentFor(time.Second, -1)
				b.reads(0.4)
				b.silentFor(15*time.Second+1, -1)
				b.relay(power.RelayOn)
			}
		}, power.ProofNone},
		{"watts that are a number", nil, func(b *bench) {
			quietly(b)
			for range 11 {
				b.silentFor(2*time.Second, -1)
				b.relay(power.RelayOn)
				b.reads(nan())
			}
		}, power.ProofNone},
		{"watts that aren't below zero", nil, func(b *bench) { b.silentFor(30*time.Second, -0.01); b.silentFor(time.Second, -1) }, power.ProofNone},
		{"no load late in the silence", nil, func(b *bench) { b.silentFor(22*time.Second, 22); b.silentFor(30*time.Second, 0.4) }, power.ProofNone},
		{"load early in the silence does no harm", nil, func(b *bench) { b.silentFor(20*time.Second, 22); b.silentFor(30*time.Second, 0.4) }, power.ProofPower},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := proving(t, row.change)
			row.do(b)
			if p := b.m.Proof(); p != row.want {
				t.Errorf("proof %s in %s, not %s", p, b.m.Position(), row.want)
			}
		})
	}
}

func TestThePowerProofNeedsABaseline(t *testing.T) {
	for _, row := range []struct {
		name string
		feed func(*bench)
		want power.Proof
	}{
		{"three readings of 2 W", func(b *bench) { b.onFor(15*time.Second, 2) }, power.ProofPower},
		{"three readings just below", func(b *bench) { b.onFor(15*time.Second, 1.99) }, power.ProofNone},
		{"two readings", func(b *bench) { b.onFor(10*time.Second, 22) }, power.ProofNone},
		{"none", func(b *bench) { b.signsIn() }, power.ProofNone},
		{"the median of five", func(b *bench) { b.onFor(10*time.Second, 1); b.onFor(15*time.Second, 2) }, power.ProofPower},
		{"the median of five, low", func(b *bench) { b.onFor(10*time.Second, 22); b.onFor(15*time.Second, 1) }, power.ProofNone},
		{"old ones", func(b *bench) {
			b.onFor(15*time.Second, 22)
			b.pass(9*time.Minute + 40*time.Second)
			b.signsIn()
		}, power.ProofPower},
		{"too old ones", func(b *bench) {
			b.onFor(15*time.Second, 22)
			b.pass(9*time.Minute + 56*time.Second)
			b.signsIn()
		}, power.ProofNone},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := onBench(t, fullPlug, power.Memory{State: power.Running})
			b.signsIn()
			b.relay(power.RelayOn)
			b.reads(0)
			b.pass(11 * time.Minute)
			b.signsIn()
			b.pass(time.Second)
			row.feed(b)
			b.at("running")
			b.asks(power.Shutdown, "plug")
			b.counted()
			b.put(power.Done)
			b.silentFor(40*time.Second, 0.4)
			if p := b.m.Proof(); p != row.want {
				t.Errorf("proof %s, not %s", p, row.want)
			}
		})
	}
}

func TestTheProofMustHoldForThirtySeconds(t *testing.T) {
	b := proving(t, nil)
	b.silentUntil(time.Minute, 0.4, func() bool { return b.m.Proof() == power.ProofPower })
	from := b.now.Mono
	b.silentUntil(time.Minute, 0.4, func() bool { return b.m.State() != power.Confirming })
	if d := b.now.Mono - from; d != 30*time.Second {
		t.Errorf("safe after %v", d)
	}
	b.at("cutting")
	if !slices.Contains(b.rows, "power proof, and it held") {
		t.Errorf("%q", b.rows)
	}
}

func TestTheWitnessGuardsSilence(t *testing.T) {
	witnessed := func(c *power.Config, _ *power.Memory) { c.Witness = true }
	for _, row := range []struct {
		name string
		gap  time.Duration
		want bool
	}{{"every 15 s", 15 * time.Second, true}, {"more seldom", 15*time.Second + 1, false}} {
		b := proving(t, witnessed)
		for range 6 {
			b.tell(power.Witnessed{At: b.now})
			for left := row.gap; left > 0; left -= 2 * time.Second {
				b.pass(min(left, 2*time.Second))
				b.relay(power.RelayOn)
				b.reads(0.4)
				b.probe(power.Silent)
			}
		}
		if got := b.m.Proof() == power.ProofPower; got != row.want {
			t.Errorf("%s: proven: %v", row.name, got)
		}
	}
}

func TestThePresumptionNeeds(t *testing.T) {
	presuming := func(c *power.Config, d *power.Memory) {
		c.Plug.Cut, c.Plug.Meter, c.Witness = power.CutPresumed, false, true
	}
	with := func(more func(*power.Config, *power.Memory)) func(*power.Config, *power.Memory) {
		return func(c *power.Config, d *power.Memory) { presuming(c, d); more(c, d) }
	}
	silent := func(b *bench, d time.Duration) { b.silentFor(d, 9) }
	for _, row := range []struct {
		name    string
		change  func(*power.Config, *power.Memory)
		outcome power.Outcome
		facts   func(*power.Facts)
		do      func(*bench)
		want    power.Proof
	}{
		{"all it needs", presuming, power.Done, nil, func(b *bench) { silent(b, 602*time.Second) }, power.ProofPresumed},
		{"ten minutes of silence", presuming, power.Done, nil, func(b *bench) { silent(b, 600*time.Second) }, power.ProofNone},
		{"three gaps of a restart", with(func(_ *power.Config, d *power.Memory) { d.Learned.Gap = 210 * time.Second }), power.Done, nil, func(b *bench) { silent(b, 630*time.Second) }, power.ProofNone},
		{"three gaps of a restart, and not more", with(func(_ *power.Config, d *power.Memory) { d.Learned.Gap = 210 * time.Second }), power.Done, nil, func(b *bench) { silent(b, 632*time.Second) }, power.ProofPresumed},
		{"the owner's leave", with(func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutProven }), power.Done, nil, func(b *bench) { silent(b, 610*time.Second) }, power.ProofNone},
		{"a witness", with(func(c *power.Config, _ *power.Memory) { c.Witness = false }), power.Done, nil, func(b *bench) { silent(b, 610*time.Second) }, power.ProofNone},
		{"explicit success", presuming, power.Unknown, nil, func(b *bench) { silent(b, 610*time.Second) }, power.ProofNone},
		{"a drill", with(func(_ *power.Config, d *power.Memory) { d.Learned.Passed = false }), power.Done, nil, func(b *bench) { silent(b, 610*time.Second) }, power.ProofNone},
		{"a drill on this firmware", with(func(_ *power.Config, d *power.Memory) { d.Learned.Firmware = "V4.0.0" }), power.Done, nil, func(b *bench) { silent(b, 610*time.Second) }, power.ProofNone},
		{"a fixed address", presuming, power.Done, func(f *power.Facts) { f.Before.FixedAddress = false }, func(b *bench) { silent(b, 610*time.Second) }, power.ProofNone},
		{"a supply that was never off", presuming, power.Done, nil, func(b *bench) {
			silent(b, 60*time.Second)
			b.relay(power.RelayUnknown)
			silent(b, 610*time.Second)
		}, power.ProofNone},
		{"a plug that didn't restart", presuming, power.Done, nil, func(b *bench) {
			silent(b, 60*time.Second)
			b.tell(power.Relay{At: b.now, State: power.RelayOn, Restarted: true})
			silent(b, 610*time.Second)
		}, power.ProofNone},
		{"a supply heard every minute", presuming, power.Done, nil, func(b *bench) {
			b.relay(power.RelayOn)
			for range 11 {
				b.silentFor(time.Minute, -1)
				b.relay(power.RelayOn)
			}
		}, power.ProofPresumed},
		{"a supply not heard more seldom", presuming, power.Done, nil, func(b *bench) {
			b.relay(power.RelayOn)
			for range 11 {
				b.silentFor(time.Minute+1, -1)
				b.relay(power.RelayOn)
			}
		}, power.ProofNone},
		{"a silence that begins in time", presuming, power.Done, nil, func(b *bench) {
			for range 8 {
				b.pass(10 * time.Second)
				b.probe(power.Alive)
				b.relay(power.RelayOn)
			}
			b.pass(8 * time.Second)
			silent(b, 604*time.Second)
		}, power.ProofPresumed},
		{"a silence that doesn't begin later", presuming, power.Done, nil, func(b *bench) {
			for range 8 {
				b.pass(10 * time.Second)
				b.probe(power.Alive)
				b.relay(power.RelayOn)
			}
			b.pass(8*time.Second + 1)
			silent(b, 604*time.Second)
		}, power.ProofNone},
		{"a silence that begins in twice the learned time", with(func(_ *power.Config, d *power.Memory) { d.Learned.ToSilence = time.Minute }), power.Done, nil, func(b *bench) {
			for range 8 {
				b.pass(10 * time.Second)
				b.probe(power.Alive)
				b.relay(power.RelayOn)
			}
			b.pass(9 * time.Second)
			silent(b, 604*time.Second)
		}, power.ProofPresumed},
		{"no sign-in 90 s after the request", with(func(_ *power.Config, d *power.Memory) { d.Learned.ToSilence = time.Minute }), power.Done, nil, func(b *bench) {
			letsIn(b, 90*time.Second)
			silent(b, 610*time.Second)
		}, power.ProofNone},
		{"a sign-in just before does no harm", with(func(_ *power.Config, d *power.Memory) { d.Learned.ToSilence = time.Minute }), power.Done, nil, func(b *bench) {
			letsIn(b, 90*time.Second-1)
			silent(b, 610*time.Second)
		}, power.ProofPresumed},
		{"no life after ten seconds of silence", presuming, power.Done, nil, func(b *bench) {
			silent(b, 12*time.Second)
			b.probe(power.Alive)
			silent(b, 610*time.Second)
		}, power.ProofNone},
		{"life after less than ten seconds of silence does no harm", presuming, power.Done, nil, func(b *bench) {
			silent(b, 10*time.Second)
			b.probe(power.Alive)
			silent(b, 610*time.Second)
		}, power.ProofPresumed},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := running(t, row.change)
			b.asks(power.Shutdown, "plug", "often", "dhcp", "witness")
			b.collected(b.facts())
			b.pass(10 * time.Second)
			f := b.facts()
			if row.facts != nil {
				row.facts(&f)
			}
			b.collected(f)
			b.put(row.outcome)
			b.asks(power.Cancel) // now power is owed
			b.hold = true        // but nothing follows
			cut := false
			row.do(b)
			cut = slices.Contains(b.effects, power.SwitchOff)
			if got := cut || b.m.Proof() == power.ProofPresumed; got != (row.want == power.ProofPresumed) {
				t.Errorf("presumed: %v, in %s; %s", got, b.m.Position(), strings.Join(b.rows, "; "))
			}
		})
	}
}

// letsIn is a recorder that lets us in until d has passed.
func letsIn(b *bench, d time.Duration) {
	for left := d; left > 0; left -= 10 * time.Second {
		b.pass(min(10*time.Second, left))
		b.relay(power.RelayOn)
		b.probe(power.Alive)
		if left <= 10*time.Second {
			b.signsIn()
		}
	}
}

func TestAPersonsWordNeeds(t *testing.T) {
	word := func(b *bench) power.Answer { return b.asks(power.ConfirmOff) }
	quiet := func(b *bench, d time.Duration) { b.silentFor(d, -1) }
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		do     func(*bench) power.Answer
		reason string
	}{
		{"quiet", nil, func(b *bench) power.Answer { quiet(b, 182*time.Second); return word(b) }, ""},
		{"quiet and nothing less", nil, func(b *bench) power.Answer { quiet(b, 180*time.Second); return word(b) }, "too_early"},
		{"twice the gap of a restart", func(_ *power.Config, d *power.Memory) { d.Learned.Gap = 100 * time.Second }, func(b *bench) power.Answer { quiet(b, 200*time.Second); return word(b) }, "too_early"},
		{"twice the gap of a restart and no more", func(_ *power.Config, d *power.Memory) { d.Learned.Gap = 100 * time.Second }, func(b *bench) power.Answer { quiet(b, 202*time.Second); return word(b) }, ""},
		{"a person", nil, func(b *bench) power.Answer {
			quiet(b, 190*time.Second)
			return b.command(power.Command{Action: power.ConfirmOff, ID: "x", At: b.now.Wall, By: "automation"})
		}, "no_person"},
		{"a name", nil, func(b *bench) power.Answer {
			quiet(b, 190*time.Second)
			return b.command(power.Command{Action: power.ConfirmOff, ID: "x", At: b.now.Wall})
		}, "no_person"},
		{"an envelope", func(c *power.Config, _ *power.Memory) { c.PlainCommands = true }, func(b *bench) power.Answer {
			quiet(b, 190*time.Second)
			return b.command(power.Command{Action: power.ConfirmOff, Plain: true, By: "anna"})
		}, "no_person"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := proving(t, row.change)
			a := row.do(b)
			if want := map[bool]power.AnswerType{true: power.Accepted, false: power.Declined}[row.reason == ""]; a.Type != want || a.Reason != row.reason {
				t.Errorf("%s %q in %s, not %q", a.Type, a.Reason, b.m.Position(), row.reason)
			}
		})
	}
	b := running(t, nil)
	if a := word(b); a.Reason != "nothing" {
		t.Errorf("while it runs: %s %q", a.Type, a.Reason)
	}
	b.requested(power.Shutdown)
	b.put(power.Unknown)
	quiet(b, 190*time.Second)
	if a := word(b); a.Reason != "not_accepted" {
		t.Errorf("without success: %s %q", a.Type, a.Reason)
	}
}

func TestAPersonsWordLasts(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		cut  bool
	}{
		{"at once", func(*bench) {}, true},
		{"for five minutes", func(b *bench) { b.silentFor(5*time.Minute, 9) }, true},
		{"no longer", func(b *bench) { b.silentFor(5*time.Minute+1, 9) }, false},
		{"until it lives", func(b *bench) {
			b.silentFor(2*time.Second, 9)
			b.probe(power.Uncertain)
			b.silentFor(184*time.Second, 9)
		}, false},
		{"while it is silent", func(b *bench) { b.pass(9 * time.Second); b.relay(power.RelayOn) }, false},
		{"only where the plug was heard lately", func(b *bench) { b.silentFor(6*time.Second, -1) }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := proving(t, nil)
			b.silentFor(200*time.Second, 9)
			b.at("presumed_off")
			if a := b.asks(power.ConfirmOff); a.Type != power.Accepted {
				t.Fatalf("%s %q", a.Type, a.Reason)
			}
			row.do(b)
			b.asks(power.PowerOn)
			if got := b.m.State() == power.Cutting; got != row.cut {
				t.Errorf("cut: %v in %s", got, b.m.Position())
			}
		})
	}
}

func TestPowerOnCyclesOnlyWhatMayBeCut(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		press  func(*bench)
		cut    bool
	}{
		{"a fresh one, by envelope", nil, func(b *bench) { b.asks(power.PowerOn) }, true},
		{"an old one", nil, func(b *bench) {
			b.command(power.Command{Action: power.PowerOn, ID: "x", At: b.now.Wall.Add(-time.Hour), By: "anna"})
		}, false},
		{"a plain one", nil, func(b *bench) { b.command(power.Command{Action: power.PowerOn, Plain: true}) }, false},
		{"where the log found an unclean stop", func(_ *power.Config, d *power.Memory) { d.NoCuts = true }, func(b *bench) { b.asks(power.PowerOn) }, false},
		{"a plug that never cuts", func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever }, func(b *bench) { b.asks(power.PowerOn) }, false},
		{"after too many starts", func(_ *power.Config, d *power.Memory) {
			for n := range 4 {
				d.Starts = append(d.Starts, epoch.Add(24*time.Hour-time.Duration(n)*time.Minute))
			}
		}, func(b *bench) { b.asks(power.PowerOn) }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := fullPlug
			d := power.Memory{State: power.PresumedOff, Seq: power.Sequence{Number: 1, Action: power.Shutdown, Attempt: 1, Puts: 1, Success: true}}
			if row.change != nil {
				row.change(&c, &d)
			}
			b := onBench(t, c, d)
			b.silentFor(200*time.Second, 9)
			b.at("presumed_off")
			b.asks(power.ConfirmOff)
			row.press(b)
			if got := b.m.State() == power.Cutting; got != row.cut {
				t.Errorf("cut: %v in %s", got, b.m.Position())
			}
		})
	}
}

// resting is a machine that is restored in a position and hears of a relay.
func resting(t *testing.T, s power.State, r power.Reason, relay power.RelayState, change func(*power.Config, *power.Memory)) *bench {
	t.Helper()
	c := fullPlug
	d := power.Memory{State: s, Why: r, Seq: power.Sequence{Number: 1, Action: power.Shutdown, Attempt: 1, Puts: 1, Success: true}}
	if change != nil {
		change(&c, &d)
	}
	b := onBench(t, c, d)
	b.pass(time.Second)
	if relay != "" {
		b.relay(relay)
	}
	return b
}

func TestPowerOnInEachPosition(t *testing.T) {
	noRelay := func(c *power.Config, _ *power.Memory) { c.Plug.Relay = false }
	noPlug := func(c *power.Config, _ *power.Memory) { c.Plug = power.Plug{} }
	for _, row := range []struct {
		state  power.State
		why    power.Reason
		relay  power.RelayState
		change func(*power.Config, *power.Memory)
		want   power.AnswerType
		reason string
		on     bool // switched on at once
		to     string
	}{
		{power.Running, "", power.RelayOn, nil, power.Accepted, "", false, "running"},
		{power.Running, "", power.RelayOn, noPlug, power.Declined, "no_plug", false, "running"},
		{power.Booting, "", power.RelayOn, nil, power.Accepted, "", false, "booting"},
		{power.Confirming, "", power.RelayOn, nil, power.Accepted, "", false, "confirming"},
		{power.Off, "", power.RelayOff, nil, power.Accepted, "", false, "off"},
		{power.Attention, power.StillOn, power.RelayOn, nil, power.Accepted, "", false, "attention(still_on)"},
		{power.Attention, power.StillOn, "", noRelay, power.Accepted, "", false, "attention(still_on)"},
		{power.Attention, power.CameBack, "", noRelay, power.Accepted, "", true, "powering_on"},
		{power.Attention, power.CameBack, power.RelayOn, nil, power.Accepted, "", false, "attention(came_back)"},
		{power.Attention, power.PowerLost, power.RelayOff, nil, power.Accepted, "", true, "powering_on"},
		{power.Attention, power.PowerLost, power.RelayOn, nil, power.Accepted, "", false, "attention(power_lost)"},
		{power.Attention, power.BootFailed, "", nil, power.Accepted, "", false, "attention(boot_failed)"},
		{power.Attention, power.Unproven, power.RelayOn, nil, power.Accepted, "", false, "attention(unproven)"},
		{power.Attention, power.Unproven, "", noRelay, power.Accepted, "", true, "powering_on"},
		{power.Attention, power.Unproven, power.RelayOff, noPlug, power.Declined, "no_plug", false, "attention(unproven)"},
		{power.Attention, power.JournalDamaged, power.RelayOn, nil, power.Accepted, "", true, "attention(journal_damaged)"},
		{power.Attention, power.JournalDamaged, power.RelayOff, nil, power.Accepted, "", true, "attention(journal_damaged)"},
	} {
		name := fmt.Sprintf("%s %s with the relay %s", row.state, row.why, row.relay)
		b := resting(t, row.state, row.why, row.relay, row.change)
		a := b.asks(power.PowerOn)
		if on := slices.Contains(b.effects, power.SwitchOn); a.Type != row.want || a.Reason != row.reason || on != row.on || b.m.Position() != row.to {
			t.Errorf("%s: %s %q, on: %v, %s", name, a.Type, a.Reason, on, b.m.Position())
		}
	}
}

func TestWhatPowerOnSaysWhereItSwitchesNothing(t *testing.T) {
	for _, row := range []struct {
		state power.State
		why   power.Reason
		says  string
		owed  bool
	}{
		{power.Attention, power.Unproven, "its plug is on: confirm that it is off, then press again, or switch it off and on by hand", true},
		{power.Attention, power.BootFailed, "its plug is on", false},
	} {
		b := resting(t, row.state, row.why, power.RelayOn, nil)
		b.asks(power.PowerOn)
		if a := b.last(power.PowerOn); a.Message != row.says || b.m.Memory().Seq.Owed != row.owed {
			t.Errorf("%s: %q, owed: %v", row.why, a.Message, b.m.Memory().Seq.Owed)
		}
	}
	b := proving(t, nil)
	b.silentFor(200*time.Second, 9)
	b.at("presumed_off")
	if b.asks(power.PowerOn); !strings.HasPrefix(b.last(power.PowerOn).Message, "its plug is on: confirm") || !b.m.Memory().Seq.Owed {
		t.Errorf("presumed off: %q", b.last(power.PowerOn).Message)
	}
}

func TestAPersonsWordAndPowerOnCycleOnlyFromWhereTheyMay(t *testing.T) {
	// In another attention the word of before no longer cuts.
	b := proving(t, nil)
	b.silentFor(200*time.Second, 9)
	b.asks(power.ConfirmOff)
	b.asks(power.Cancel)
	b.silentFor(9*time.Minute, 9)
	b.at("attention(unproven)")
	b.asks(power.PowerOn)
	b.at("attention(unproven)") // the word is too old
	if a := b.asks(power.ConfirmOff); a.Type != power.Accepted {
		t.Fatalf("%s %q", a.Type, a.Reason)
	}
	b.asks(power.PowerOn)
	b.at("cutting")
	b.silentFor(80*time.Second, 9)
	b.at("attention(cut_unconfirmed)")
	if n := b.offs(); n != 3 {
		t.Errorf("%d OFFs", n)
	}
	b.asks(power.PowerOn)
	b.at("attention(cut_unconfirmed)")
	if a := b.asks(power.ConfirmOff); a.Reason != "nothing" {
		t.Errorf("confirm_off: %s %q", a.Type, a.Reason)
	}
}

func (b *bench) offs() (n int) {
	for _, k := range b.effects {
		if k == power.SwitchOff {
			n++
		}
	}
	return n
}

func TestInAnOutageNobodysWordCounts(t *testing.T) {
	b := resting(t, power.Confirming, "", power.RelayOn, func(_ *power.Config, d *power.Memory) { d.Seq.Action = power.Outage })
	b.silentFor(200*time.Second, 9)
	b.at("presumed_off")
	if a := b.asks(power.ConfirmOff); a.Reason != "outage" {
		t.Errorf("%s %q", a.Type, a.Reason)
	}
}

func TestRequestsAreRefusedWhereNothingCanBegin(t *testing.T) {
	for _, row := range []struct {
		state  power.State
		why    power.Reason
		change func(*power.Config, *power.Memory)
		action power.Action
		want   power.AnswerType // of the verdict; "": none yet
		reason string
	}{
		{power.Running, "", nil, power.Check, "", ""},
		{power.Running, "", nil, power.Shutdown, "", ""},
		{power.Running, "", nil, power.Drill, power.Declined, "check_first"},
		{power.Confirming, "", nil, power.Shutdown, power.Declined, "busy"},
		{power.Attention, power.CameBack, nil, power.Shutdown, power.Declined, "came_back"},
		{power.Attention, power.StillOn, nil, power.Shutdown, "", ""},
		{power.Attention, power.JournalDamaged, func(_ *power.Config, d *power.Memory) { d.Number = 1 << 61 }, power.Shutdown, power.Declined, "observing"},
		{power.Attention, power.JournalDamaged, func(_ *power.Config, d *power.Memory) { d.Number = 1 << 61 }, power.Check, power.Declined, "journal_damaged"},
		{power.Attention, power.JournalDamaged, func(_ *power.Config, d *power.Memory) { d.Number = 1 << 61 }, power.Plan, power.Declined, "journal_damaged"},
		{power.Running, "", crashLoop, power.Shutdown, power.Declined, "observing"},
		{power.Running, "", crashLoop, power.Reboot, power.Declined, "observing"},
		{power.Running, "", crashLoop, power.TestOutage, power.Declined, "observing"},
		{power.Running, "", crashLoop, power.Check, "", ""},
		{power.Running, "", crashLoop, power.Plan, "", ""},
	} {
		b := resting(t, row.state, row.why, power.RelayOn, row.change)
		if a := b.asks(row.action); a.Type != row.want || a.Reason != row.reason {
			t.Errorf("%s in %s: %s %q, not %q", row.action, b.m.Position(), a.Type, a.Reason, row.reason)
		}
	}
	b := onBench(t, fullPlug, power.Memory{State: power.Running})
	b.pass(time.Minute)
	b.at("unreachable")
	if a := b.asks(power.Shutdown); a.Reason != "unreachable" {
		t.Errorf("unreachable: %s %q", a.Type, a.Reason)
	}
	b.asks(power.PowerOn)
	if !slices.Contains(b.effects, power.SwitchOn) {
		t.Error("unreachable: not switched on")
	}
}

// crashLoop has four starts of the last five minutes on record.
func crashLoop(_ *power.Config, d *power.Memory) {
	for n := range 4 {
		d.Starts = append(d.Starts, epoch.Add(24*time.Hour-time.Duration(n)*time.Minute))
	}
}

func TestACrashLoopEndsAfterTenQuietMinutes(t *testing.T) {
	at := func(minutes ...float64) func(*power.Config, *power.Memory) {
		return func(_ *power.Config, d *power.Memory) {
			for _, x := range minutes {
				d.Starts = append(d.Starts, epoch.Add(24*time.Hour-time.Duration(x*float64(time.Minute))))
			}
		}
	}
	for _, row := range []struct {
		name   string
		change func(*power.Config, *power.Memory)
		after  time.Duration
		reason string
	}{
		{"five starts in five minutes", at(5, 3, 2, 1), 0, "observing"},
		{"four starts", at(3, 2, 1), 0, ""},
		{"five starts in more", at(5.01, 3, 2, 1), 0, ""},
		{"five starts, some of them ahead of this clock", at(-1, 3, 2, 1), 0, ""},
		{"just before ten minutes", at(4, 3, 2, 1), 10*time.Minute - time.Second - 1, "observing"},
		{"after ten minutes", at(4, 3, 2, 1), 10*time.Minute - time.Second, ""},
	} {
		b := resting(t, power.Running, "", power.RelayOn, row.change)
		b.pass(row.after)
		b.signsIn()
		if a := b.asks(power.Shutdown); a.Reason != row.reason {
			t.Errorf("%s: %q in %s", row.name, a.Reason, b.m.Position())
		}
		if looping := slices.Contains(b.m.Needs(), "too_many_starts"); looping != (row.reason != "") {
			t.Errorf("%s: %v", row.name, b.m.Needs())
		}
	}
}

func TestADrillNeedsACheckOfTheLastTenMinutes(t *testing.T) {
	for _, row := range []struct {
		after  time.Duration
		reason string
	}{{10 * time.Minute, ""}, {10*time.Minute + 1, "check_first"}} {
		b := running(t, nil)
		b.asks(power.Check)
		b.collected(b.facts())
		b.pass(row.after)
		b.signsIn()
		if a := b.asks(power.Drill); a.Reason != row.reason {
			t.Errorf("after %v: %q", row.after, a.Reason)
		}
	}
}

func TestCancelBeforeAndAfterTheRequest(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		to   string
		owed bool
	}{
		{"while it is checked", func(b *bench) { b.asks(power.Shutdown) }, "running", false},
		{"while it counts down", func(b *bench) { b.asks(power.Shutdown); b.collected(b.facts()) }, "running", false},
		{"while it is looked at", func(b *bench) {
			b.asks(power.Shutdown)
			b.collected(b.facts())
			b.pass(10 * time.Second)
		}, "running", false},
		{"while a restart is looked at", func(b *bench) { b.asks(power.Reboot); b.collected(b.facts()); b.pass(10 * time.Second) }, "running", false},
		{"while its intent isn't durable", func(b *bench) {
			b.asks(power.Shutdown)
			b.collected(b.facts())
			b.pass(10 * time.Second)
			b.hold = true
			b.collected(b.facts())
			b.at("shutting_down")
		}, "running", false},
		{"while the intent of a restart isn't durable", func(b *bench) {
			b.asks(power.Reboot)
			b.collected(b.facts())
			b.pass(10 * time.Second)
			b.hold = true
			b.collected(b.facts())
			b.at("rebooting")
		}, "running", false},
		{"after the request", func(b *bench) { b.requested(power.Shutdown) }, "shutting_down", true},
		{"after the request of a restart", func(b *bench) { b.requested(power.Reboot) }, "rebooting", true},
		{"after it was accepted", func(b *bench) { b.accepted(power.Shutdown) }, "confirming", true},
	} {
		for _, button := range []power.Action{power.Cancel, power.PowerOn} {
			b := running(t, nil)
			row.do(b)
			asked := b.effects[len(b.effects)-1]
			b.asks(button)
			if b.m.Position() != row.to || b.m.Memory().Seq.Owed != row.owed {
				t.Errorf("%s, by %s: %s, owed: %v", row.name, button, b.m.Position(), b.m.Memory().Seq.Owed)
			}
			if b.hold { // the record comes late: nothing follows
				n := len(b.effects)
				b.hold = false
				b.commit(power.Late)
				b.pass(time.Minute)
				if len(b.effects) != n || b.m.Memory().Seq.Puts != 0 {
					t.Errorf("%s, by %s: %v after %s", row.name, button, b.effects, asked)
				}
			}
		}
	}
}

func TestAnOutageThatIsCancelledIsOverButForLowBattery(t *testing.T) {
	b := running(t, func(c *power.Config, _ *power.Memory) { c.Mains = true })
	b.tell(power.Mains{Lost: true, Outage: 7})
	b.at("checking")
	b.asks(power.Cancel)
	b.at("running")
	b.tell(power.Mains{Lost: true, Outage: 7})
	b.at("running")
	b.tell(power.Mains{Lost: true, Outage: 7, Low: true})
	b.at("checking")
	b.asks(power.Cancel)
	b.tell(power.Mains{Lost: true, Outage: 8})
	b.at("checking")

	b = running(t, func(c *power.Config, _ *power.Memory) { c.Mains = true })
	b.asks(power.Shutdown)
	b.asks(power.Cancel)
	if n := b.m.Memory().Cancelled; n != 0 {
		t.Errorf("outage %d was cancelled", n)
	}
}

func TestAnOutageThatAsksNoMoreIsLeftAloneBeforeTheRequest(t *testing.T) {
	checking := func() *bench { return dark(t, nil, power.Mains{}) }
	counting := func() *bench {
		b := checking()
		b.collected(b.facts())
		b.at("counting_down")
		return b
	}
	for name, begin := range map[string]func() *bench{"checking": checking, "counting_down": counting} {
		b := begin()
		b.tell(power.Mains{Lost: true, Low: true})
		b.at("running")
		b.pass(time.Minute)
		b.at("running")
		b.tell(power.Mains{Lost: true, Outage: 1}) // switched on again
		b.at("checking")

		b = begin()
		b.tell(power.Mains{}) // mains is back, which counts after 30 s
		b.at(name)
	}

	shutting := func() *bench {
		b := counting()
		b.pass(5 * time.Second)
		b.at("shutting_down")
		return b
	}
	b := shutting()
	b.tell(power.Mains{Lost: true})
	b.at("running")

	// A request that has left goes on, unless it never arrived.
	for outcome, want := range map[power.Outcome]string{power.Done: "confirming", power.Unknown: "confirming", power.NotSent: "running"} {
		b := shutting()
		b.collected(b.facts())
		b.tell(power.Mains{Lost: true})
		b.at("shutting_down")
		b.put(outcome)
		b.at(want)
	}
	b = shutting()
	b.hold = true
	b.collected(b.facts())
	b.tell(power.Mains{Lost: true}) // its record isn't written yet
	b.at("running")
	n := len(b.effects)
	b.commit(power.Durable)
	if len(b.effects) != n || b.m.Memory().OutagePuts != 0 {
		t.Errorf("%v, and %d requests count", b.effects[n:], b.m.Memory().OutagePuts)
	}

	byHand := func() *bench {
		b := running(t, func(c *power.Config, _ *power.Memory) { c.Mains = true })
		b.tell(power.Mains{Lost: true})
		b.asks(power.Shutdown)
		b.at("checking")
		return b
	}
	b = byHand()
	b.tell(power.Mains{Lost: true, Low: true})
	b.at("checking")
	b.collected(b.facts())
	b.tell(power.Mains{Lost: true})
	b.at("counting_down")
}

// statuses are what a person reads, by what it stands on.
func TestStatusSays(t *testing.T) {
	quiet := func(b *bench) { b.silentFor(10*time.Second, -1) }
	for _, row := range []struct {
		name string
		make func() *bench
		want string
	}{
		{"running", func() *bench { return running(t, nil) }, "The recorder runs."},
		{"unreachable", func() *bench {
			b := onBench(t, fullPlug, power.Memory{})
			b.pass(time.Minute)
			return b
		}, "The recorder doesn't answer; that says nothing about its power."},
		{"checking", func() *bench { b := running(t, nil); b.asks(power.Shutdown); return b }, "Looking for anything that speaks against the shutdown."},
		{"checking in an outage", func() *bench {
			b := running(t, nil)
			b.tell(power.Mains{Lost: true, Outage: 1})
			b.collected(b.facts(func(f *power.Facts) { f.Repairing.Told = power.Yes }))
			return b
		}, "Outage: the shutdown waits. A disk is being repaired."},
		{"checking by hand after findings", func() *bench {
			b := running(t, nil)
			b.asks(power.Shutdown)
			b.collected(b.facts(func(f *power.Facts) { f.Repairing.Told = power.Yes }))
			b.asks(power.Shutdown)
			return b
		}, "Looking for anything that speaks against the shutdown."},
		{"counting down", func() *bench { b := running(t, nil); b.asks(power.Shutdown); b.collected(b.facts()); return b }, "The shutdown begins in a moment; Cancel stops it."},
		{"counting down to a restart", func() *bench { b := running(t, nil); b.asks(power.Reboot); b.collected(b.facts()); return b }, "The restart begins in a moment; Cancel stops it."},
		{"counting down to a power cycle", func() *bench { b := running(t, nil); b.asks(power.PowerCycle); b.collected(b.facts()); return b }, "The power cycle begins in a moment; Cancel stops it."},
		{"shutting down", func() *bench { b := running(t, nil); b.requested(power.Shutdown); return b }, "The recorder is asked to shut down."},
		{"about to reboot", func() *bench { b := running(t, nil); b.requested(power.Reboot); return b }, "The recorder is asked to restart."},
		{"rebooting", func() *bench { b := running(t, nil); b.requested(power.Reboot); b.put(power.Done); return b }, "The recorder was asked to restart; it is watched."},
		{"confirming, alive", func() *bench { b := proving(t, nil); b.probe(power.Alive); return b }, "The recorder was asked to shut down and still answers."},
		{"confirming, silent", func() *bench { b := proving(t, nil); quiet(b); return b }, "The recorder has been silent since 00:06. That may still be a restart: leave its power on."},
		{"presumed off, without figures", func() *bench {
			b := resting(t, power.Confirming, "", "", func(c *power.Config, _ *power.Memory) { c.Plug = power.Plug{} })
			b.silentFor(182*time.Second, -1)
			return b
		}, "The recorder accepted the shutdown and has been silent since 00:00. That is no proof: look at its screen and listen for disks before you pull the plug."},
		{"presumed off, with figures", func() *bench { b := proving(t, nil); b.silentFor(182*time.Second, 9); return b },
			"The recorder accepted the shutdown and has been silent since 00:06. That is no proof: look at its screen and listen for disks before you pull the plug. The plug reads 9.0 W."},
		{"presumed off, with figures and no drill", func() *bench {
			b := proving(t, func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{} })
			b.silentFor(182*time.Second, 9)
			return b
		}, "The recorder accepted the shutdown and has been silent since 00:06. That is no proof: look at its screen and listen for disks before you pull the plug. The plug reads 9.0 W. After a drill the bridge may tell by itself."},
		{"safe", func() *bench {
			b := proving(t, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever })
			b.silentFor(60*time.Second, 0.4)
			return b
		}, "The recorder is off: power may be cut."},
		{"cutting", func() *bench { b := proving(t, nil); b.silentFor(50*time.Second, 0.4); return b }, "The plug is being switched off."},
		{"off", func() *bench { return resting(t, power.Off, "", power.RelayOff, nil) }, "The plug is off. It isn't proven that the recorder was off before. Power on starts it again."},
		{"powering on", func() *bench {
			b := resting(t, power.Off, "", power.RelayOff, nil)
			b.asks(power.PowerOn)
			b.pass(15 * time.Second)
			return b
		}, "The plug is being switched on."},
		{"powering on after three more tries", func() *bench { return trying(t, 3) }, "The plug is being switched on."},
		{"powering on after four", func() *bench { return trying(t, 4) }, "The plug doesn't report that it is on after 4 tries: look at it."},
		{"booting", func() *bench { return resting(t, power.Booting, "", power.RelayOn, nil) }, "The recorder starts; then its cameras and recordings are checked."},
		{"booting past its plug", func() *bench {
			b := resting(t, power.Off, "", power.RelayOff, nil)
			b.pass(15 * time.Second)
			b.signsIn()
			return b
		}, "The recorder starts although its plug is off: this plug doesn't feed it."},
		{"still on", func() *bench { return resting(t, power.Attention, power.StillOn, power.RelayOn, nil) }, "The recorder was asked to shut down and still answers. Its power was kept. If its screen says that it has halted, switch it off and on by hand."},
		{"came back", func() *bench { return resting(t, power.Attention, power.CameBack, power.RelayOn, nil) }, "The recorder was taken for off, and something answers at its address again. Nothing more is switched off; it goes on by itself once it has signed in."},
		{"unproven", func() *bench { return resting(t, power.Attention, power.Unproven, power.RelayOn, nil) }, "It can't be proven that the recorder is off. Look at it: if it has halted, press Confirm it is off and then Power on, or switch it off and on by hand."},
		{"boot failed", func() *bench { return resting(t, power.Attention, power.BootFailed, power.RelayOn, nil) }, "The recorder doesn't answer after its start. Look at its screen."},
		{"cut unconfirmed", func() *bench { return resting(t, power.Attention, power.CutUnconfirmed, power.RelayOn, nil) }, "It isn't known whether the plug has switched off. Look at the plug."},
		{"power lost", func() *bench { return resting(t, power.Attention, power.PowerLost, power.RelayOff, nil) }, "The plug was switched off, not by this bridge, before the recorder was proven off. Switch it on again: the recorder is checked once it runs."},
		{"wrong device", func() *bench {
			b := resting(t, power.Booting, "", power.RelayOn, nil)
			b.tell(power.SignedIn{At: b.now, Serial: "X1"})
			return b
		}, "Another device answers at the recorder's address: X1. Correct the address, or forget the old recorder with purge."},
		{"journal damaged", func() *bench {
			return resting(t, power.Running, "", power.RelayOn, func(_ *power.Config, d *power.Memory) { d.Number = 1 << 61 })
		}, "The journal was damaged: the bridge only observes until the recorder has answered for 10 minutes."},
	} {
		if got := row.make().m.Status(); got != row.want {
			t.Errorf("%s: %q, not %q", row.name, got, row.want)
		}
	}
}

// trying is a machine that switches on for the n-th time.
func trying(t *testing.T, n int) *bench {
	b := resting(t, power.Off, "", power.RelayOff, nil)
	b.asks(power.PowerOn)
	b.pass(15 * time.Second)
	for range n - 1 {
		b.pass(10 * time.Minute)
		b.relay(power.RelayOff)
	}
	b.at("powering_on")
	return b
}

func TestNeedsNames(t *testing.T) {
	for _, row := range []struct {
		name string
		make func() *bench
		want string
	}{
		{"nothing, while it runs", func() *bench { return running(t, nil) }, ""},
		{"attention by its reason", func() *bench { return resting(t, power.Attention, power.BootFailed, power.RelayOn, nil) }, "boot_failed"},
		{"nothing, unreachable for less than 15 minutes", func() *bench {
			b := onBench(t, fullPlug, power.Memory{})
			b.pass(time.Minute)
			b.pass(15*time.Minute - 1)
			return b
		}, ""},
		{"a recorder that is unreachable for 15 minutes", func() *bench {
			b := onBench(t, fullPlug, power.Memory{})
			b.pass(time.Minute)
			b.pass(15 * time.Minute)
			return b
		}, "unreachable"},
		{"a plug after four tries", func() *bench { return trying(t, 4) }, "plug"},
		{"nothing after three", func() *bench { return trying(t, 3) }, ""},
		{"a drill after new firmware", func() *bench {
			return resting(t, power.Running, "", power.RelayOn, func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{Passed: true, Firmware: "V4.0.0"} })
		}, "drill_due"},
		{"no drill after this firmware's", func() *bench {
			return resting(t, power.Running, "", power.RelayOn, func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{Passed: true, Firmware: firmware} })
		}, ""},
		{"no drill where none was", func() *bench {
			return resting(t, power.Running, "", power.RelayOn, func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{Firmware: "V4.0.0"} })
		}, ""},
		{"no drill before the firmware is known", func() *bench {
			return onBench(t, fullPlug, power.Memory{})
		}, ""},
		{"an unclean stop", func() *bench {
			return resting(t, power.Running, "", power.RelayOn, func(_ *power.Config, d *power.Memory) { d.NoCuts = true })
		}, "unclean_stop"},
		{"a journal that can't be written", func() *bench {
			b := running(t, nil)
			b.hold = true
			b.asks(power.Check)
			b.commit(power.Failed)
			return b
		}, "journal"},
		{"safe, and power owed for 15 minutes", func() *bench { return safeAndOwed(t, 15*time.Minute, "") }, "waits_for_power"},
		{"nothing, safe and owed for less", func() *bench { return safeAndOwed(t, 15*time.Minute-time.Second, "") }, ""},
		{"nothing, safe and not owed", func() *bench { return safeAndOwed(t, time.Hour, "no") }, ""},
	} {
		b := row.make()
		if got := strings.Join(b.m.Needs(), ", "); got != row.want {
			t.Errorf("%s: %q in %s", row.name, got, b.m.Position())
		}
	}
}

// safeAndOwed is a recorder that is off, and a plug that nobody may switch.
func safeAndOwed(t *testing.T, d time.Duration, not string) *bench {
	b := proving(t, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever })
	b.silentFor(60*time.Second, 0.4)
	b.at("safe")
	if not == "" {
		b.asks(power.Cancel)
	}
	b.silentFor(d, 0.4)
	b.at("safe")
	return b
}

func TestAJournalThatFailedIsTriedAgain(t *testing.T) {
	b := running(t, nil)
	b.hold = true
	b.asks(power.Check)
	b.commit(power.Failed)
	b.collected(b.facts())
	b.commit(power.Failed)
	b.at("running")
	b.hold = false
	b.pass(5*time.Minute - 1)
	if !slices.Contains(b.m.Needs(), "journal") {
		t.Errorf("before five minutes: %v", b.m.Needs())
	}
	b.pass(1)
	if slices.Contains(b.m.Needs(), "journal") || !slices.Equal(b.record.What, []string{"the journal is tried again"}) {
		t.Errorf("after five minutes: %v, %v", b.m.Needs(), b.record.What)
	}

	b = running(t, nil)
	b.hold = true
	b.asks(power.Check)
	b.commit(power.Failed)
	b.collected(b.facts())
	b.commit(power.Failed)
	b.now.Mono, b.now.Wall = b.now.Mono+time.Hour, b.now.Wall.Add(time.Hour)
	b.relay(power.RelayOff) // news is a try of its own
	b.at("attention(power_lost)")
	if slices.Contains(b.record.What, "the journal is tried again") {
		t.Errorf("with news: %v", b.record.What)
	}
}

func TestWhatNoCommandWaitsForHasAnOutcomeToo(t *testing.T) {
	for _, row := range []struct {
		name string
		make func() *bench
		want []power.Answer
	}{
		{"an outage", func() *bench {
			b := dark(t, nil, power.Mains{})
			b.collected(b.facts())
			b.pass(5 * time.Second)
			b.collected(b.facts())
			b.put(power.Done)
			b.relay(power.RelayOff)
			b.at("attention(power_lost)")
			return b
		}, []power.Answer{{Type: power.Undone, Action: power.Outage, Reason: "power_lost"}}},
		{"a plug that somebody switched off", func() *bench {
			b := running(t, nil)
			b.relay(power.RelayOff)
			b.at("attention(power_lost)")
			return b
		}, []power.Answer{{Type: power.Undone, Reason: "power_lost"}}},
		{"one that a person shut down: its command has had one", func() *bench {
			b := proving(t, nil)
			b.silentFor(4*time.Minute, 9)
			b.at("presumed_off")
			b.relay(power.RelayOff)
			b.at("off")
			b.relay(power.RelayOn)
			b.at("booting")
			b.pass(time.Hour)
			b.at("attention(boot_failed)")
			return b
		}, nil},
	} {
		got := row.make().ends
		if !slices.EqualFunc(got, row.want, func(a, b power.Answer) bool {
			return a.Type == b.Type && a.Action == b.Action && a.Reason == b.Reason
		}) {
			t.Errorf("%s: %+v", row.name, got)
		}
	}
}

// Power is owed since it was safe; that its meter fell silent begins no new wait.
func TestPowerThatIsOwedForLongIsToldWhateverBecameOfTheProof(t *testing.T) {
	b := safeAndOwed(t, 12*time.Minute, "")
	b.silentFor(2*time.Minute, -1)
	b.at("presumed_off")
	if needs := b.m.Needs(); len(needs) > 0 {
		t.Errorf("after 14 minutes: %v", needs)
	}
	b.silentFor(90*time.Second, -1)
	b.at("presumed_off")
	if needs := b.m.Needs(); !slices.Contains(needs, "waits_for_power") {
		t.Errorf("after 15 minutes: %v", needs)
	}

	// Also where it waits for a presumption, which may never come about.
	b = proving(t, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutPresumed })
	b.silentFor(4*time.Minute, 9)
	b.at("presumed_off")
	b.asks(power.Cancel)
	b.silentFor(14*time.Minute, 9)
	if needs := b.m.Needs(); len(needs) > 0 {
		t.Errorf("after 14 minutes of a presumption: %v", needs)
	}
	b.silentFor(90*time.Second, 9)
	b.at("presumed_off")
	if needs := b.m.Needs(); !slices.Contains(needs, "waits_for_power") {
		t.Errorf("after 15 minutes of a presumption: %v", needs)
	}
}

func TestWhatBlocksByHand(t *testing.T) {
	repairing := func(f *power.Facts) { f.Repairing.Told = power.Yes }
	upgrading := func(f *power.Facts) { f.Upgrading.Told = power.Yes }
	for _, row := range []struct {
		name   string
		first  power.Action // was blocked by the same finding before
		after  time.Duration
		action power.Action
		by     string
		force  []string
		finds  func(*power.Facts)
		want   string
	}{
		{"a soft finding, once", "", 0, power.Shutdown, "anna", nil, repairing, "running"},
		{"a soft finding that is named", "", 0, power.Shutdown, "automation", []string{"repairing"}, repairing, "counting_down"},
		{"another one that is named", "", 0, power.Shutdown, "anna", []string{"raid"}, repairing, "running"},
		{"a hard finding that is named", "", 0, power.Shutdown, "anna", []string{"upgrade"}, upgrading, "running"},
		{"a soft finding that was shown", power.Shutdown, 2 * time.Minute, power.Shutdown, "anna", nil, repairing, "counting_down"},
		{"a soft finding that was shown too long ago", power.Shutdown, 2*time.Minute + time.Second, power.Shutdown, "anna", nil, repairing, "running"},
		{"a soft finding that was shown to an automation", power.Shutdown, time.Minute, power.Shutdown, "automation", nil, repairing, "running"},
		{"a soft finding that was shown for something else", power.Reboot, time.Minute, power.Shutdown, "anna", nil, repairing, "running"},
		{"a hard finding that was shown", power.Shutdown, time.Minute, power.Shutdown, "anna", nil, upgrading, "running"},
	} {
		b := running(t, nil)
		if row.first != "" {
			b.asks(row.first)
			b.collected(b.facts(row.finds))
			b.at("running")
			b.pass(row.after)
		}
		b.ids++
		b.command(power.Command{Action: row.action, ID: fmt.Sprintf("b%d", b.ids), At: b.now.Wall, By: row.by, Force: row.force, Content: uint64(b.ids)})
		b.collected(b.facts(row.finds))
		if b.m.Position() != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
		if a := b.last(row.action); row.want == "running" && (a.Type != power.Declined || len(a.Findings) == 0) {
			t.Errorf("%s: %s, %d findings", row.name, a.Type, len(a.Findings))
		}
	}
}

func TestACheckSaysWhatWouldBlock(t *testing.T) {
	for _, row := range []struct {
		action power.Action
		finds  func(*power.Facts)
		want   string
	}{
		{power.Check, func(*power.Facts) {}, "nothing speaks against a shutdown"},
		{power.Check, func(f *power.Facts) { f.Repairing.Told = power.Yes }, "it would be blocked: A disk is being repaired."},
		{power.Plan, func(*power.Facts) {}, "nothing speaks against a shutdown; silent about 20 s after the request, proven or presumed about 3 min 30 s later"},
	} {
		b := running(t, nil)
		b.asks(row.action)
		b.collected(b.facts(row.finds))
		b.at("running")
		if a := b.last(row.action); a.Type != power.Finished || a.Message != row.want {
			t.Errorf("%s: %s %q", row.action, a.Type, a.Message)
		}
	}
	b := running(t, func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{} })
	b.asks(power.Plan)
	b.collected(b.facts())
	if a := b.last(power.Plan); !strings.Contains(a.Message, "silent about 1 min after") {
		t.Errorf("without a drill: %q", a.Message)
	}
}

func TestATestOfAnOutageEndsBeforeTheRequest(t *testing.T) {
	undrilled := func(_ *power.Config, d *power.Memory) { d.Learned = power.Learned{} }
	repairing := func(f *power.Facts) { f.Repairing.Told = power.Yes }
	upgrading := func(f *power.Facts) { f.Upgrading.Told = power.Yes }
	unanswered := func(f *power.Facts) { f.Upgrading.Told = power.NotTold }
	for _, row := range []struct {
		name    string
		change  func(*power.Config, *power.Memory)
		finds   func(*power.Facts)
		message string // of the refusal; empty: it passes
	}{
		{"ready", nil, func(*power.Facts) {}, ""},
		{"what isn't known holds no outage up", nil, unanswered, ""},
		{"often holds no outage up", func(_ *power.Config, d *power.Memory) { d.Shutdowns = []time.Time{epoch, epoch} }, func(*power.Facts) {}, ""},
		{"soft", nil, repairing, "an outage would wait until its deadline: A disk is being repaired. Wait until it has ended."},
		{"no drill", undrilled, func(*power.Facts) {}, "an outage would wait for a low battery: No drill was passed on this firmware. Do a shutdown drill while somebody is at the recorder."},
		{"no drill, and soft", undrilled, repairing, "an outage would wait for a low battery: No drill was passed on this firmware. (and 1 more) Do a shutdown drill while somebody is at the recorder."},
		{"hard", undrilled, upgrading, "an outage couldn't shut it down: A firmware upgrade runs. (and 1 more) Wait until it has ended."},
		{"lifted by the owner", func(c *power.Config, d *power.Memory) { undrilled(c, d); c.AnyOutage = true }, func(*power.Facts) {}, ""},
	} {
		b := running(t, row.change)
		b.command(power.Command{Action: power.TestOutage, Plain: true})
		b.at("checking")
		b.collected(b.facts(row.finds))
		if row.message != "" {
			b.at("running")
			if a := b.last(power.TestOutage); a.Type != power.Declined || a.Message != row.message {
				t.Errorf("%s: %s %q", row.name, a.Type, a.Message)
			}
			continue
		}
		b.at("counting_down")
		if a := b.last(power.TestOutage); a.Type != power.Accepted {
			t.Errorf("%s: %s", row.name, a.Type)
		}
		if s := b.m.Status(); s != "Test of an outage: a shutdown would begin now. Nothing is asked of the recorder." {
			t.Errorf("%s: %s", row.name, s)
		}
		b.pass(4 * time.Second)
		b.at("counting_down")
		b.pass(2 * time.Second)
		b.at("running")
		if a := b.last(power.TestOutage); a.Type != power.Finished || a.Message != "an outage would shut it down" {
			t.Errorf("%s: %s %q", row.name, a.Type, a.Message)
		}
		if n := len(b.m.Memory().Shutdowns); row.change == nil && n != 0 || b.m.Memory().Seq.Puts != 0 {
			t.Errorf("%s: %d shutdowns, %d requests", row.name, n, b.m.Memory().Seq.Puts)
		}
	}
	// A real outage takes it over, and a cancel ends it.
	b := running(t, func(c *power.Config, _ *power.Memory) { c.Mains = true })
	b.command(power.Command{Action: power.TestOutage, Plain: true})
	b.collected(b.facts())
	b.tell(power.Mains{Lost: true, Outage: 7})
	b.at("checking")
	if a := b.last(power.TestOutage); a.Type != power.Cancelled || b.m.Memory().Seq.Action != power.Outage {
		t.Errorf("in an outage: %s", a.Type)
	}
	b = running(t, nil)
	b.command(power.Command{Action: power.TestOutage, Plain: true})
	b.collected(b.facts())
	b.asks(power.Cancel)
	b.at("running")
	if a := b.last(power.TestOutage); a.Type != power.Cancelled {
		t.Errorf("cancelled: %s", a.Type)
	}
}

func TestAnExpiredCommandIsToldItsAge(t *testing.T) {
	b := running(t, nil)
	a := b.command(power.Command{Action: power.Shutdown, ID: "old", At: b.now.Wall.Add(-2*time.Hour - 3*time.Second), By: "somebody"})
	if want := "it is 2 h 3 s old and valid for 30 s; is a clock wrong?"; a.Type != power.Expired || a.Message != want {
		t.Errorf("%s %q", a.Type, a.Message)
	}
}

// dark is a machine in an outage that asks for a shutdown.
func dark(t *testing.T, change func(*power.Config, *power.Memory), x power.Mains) *bench {
	b := running(t, func(c *power.Config, d *power.Memory) {
		c.Mains = true
		if change != nil {
			change(c, d)
		}
	})
	b.tell(power.Mains{Stable: true})
	x.Lost, x.Outage = true, 1
	b.tell(x)
	b.at("checking")
	return b
}

func TestInAnOutageSoftFindingsFallAtTheDeadline(t *testing.T) {
	repairing := func(f *power.Facts) { f.Repairing.Told = power.Yes }
	upgrading := func(f *power.Facts) { f.Upgrading.Told = power.Yes }
	start := 6*time.Minute + time.Second // when the outage begins
	for _, row := range []struct {
		name     string
		deadline time.Duration
		low      bool
		finds    func(*power.Facts)
		want     string
	}{
		{"long before the deadline", start + time.Hour, false, repairing, "checking"},
		{"just before a shutdown would last as long", start + time.Minute + 1, false, repairing, "checking"},
		{"when a shutdown lasts as long", start + time.Minute, false, repairing, "counting_down"},
		{"without a deadline", 0, false, repairing, "checking"},
		{"at low battery", start + time.Hour, true, repairing, "shutting_down"},
		{"a hard one at the deadline", start, false, upgrading, "checking"},
		{"a hard one at low battery", start, true, upgrading, "checking"},
	} {
		b := dark(t, nil, power.Mains{Deadline: row.deadline, Low: row.low})
		b.collected(b.facts(row.finds))
		if b.m.Position() != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
	}
	b := running(t, nil) // by hand the deadline counts for nothing
	b.tell(power.Mains{Lost: true, Low: true, Deadline: time.Minute})
	b.asks(power.Shutdown)
	b.collected(b.facts(repairing))
	b.at("running")
}

func TestInAnOutageFactsAreCollectedAgain(t *testing.T) {
	b := dark(t, nil, power.Mains{})
	b.collected(b.facts(func(f *power.Facts) { f.Repairing.Told = power.Yes }))
	n := len(b.effects)
	b.pass(15*time.Second - 1)
	if len(b.effects) != n {
		t.Errorf("after %v: %v", 15*time.Second-1, b.effects[n:])
	}
	b.pass(1)
	if len(b.effects) != n+1 || b.effect.Kind != power.Collect {
		t.Errorf("after 15 s: %v", b.effects[n:])
	}
	b.collected(b.facts())
	b.at("counting_down")
}

func TestALowBatteryIsntKeptWaiting(t *testing.T) {
	b := dark(t, nil, power.Mains{})
	b.collected(b.facts(func(f *power.Facts) { f.Repairing.Told = power.Yes }))
	n := len(b.effects)
	b.pass(3 * time.Second)
	b.tell(power.Mains{Lost: true, Outage: 1, Low: true})
	if got := b.effects[n:]; !slices.Equal(got, []power.EffectKind{power.Collect}) {
		t.Fatalf("%v", got)
	}
	b.tell(power.Mains{Lost: true, Outage: 1, Low: true})
	if got := b.effects[n:]; len(got) != 1 {
		t.Errorf("it is asked for what is asked already: %v", got)
	}
	b.collected(b.facts(func(f *power.Facts) { f.Upgrading.Told = power.Yes })) // hard
	b.tell(power.Mains{Lost: true, Outage: 1, Low: true})
	if got := b.effects[n:]; len(got) != 1 {
		t.Errorf("low is no news: %v", got)
	}
}

func TestFactsThatDontComeAreUnknown(t *testing.T) {
	b := running(t, nil)
	b.asks(power.Shutdown)
	b.pass(25*time.Second - 1)
	b.at("checking")
	b.pass(1)
	b.at("running")
	b.gave(power.Shutdown, power.Declined, "sign_in")
	b.collected(b.facts()) // too late
	b.at("running")

	b = running(t, nil)
	b.asks(power.Shutdown)
	b.collected(b.facts())
	b.pass(10 * time.Second)
	b.pass(25*time.Second - 1)
	b.at("shutting_down")
	b.pass(1)
	b.at("running")
	b.gave(power.Shutdown, power.Undone, "sign_in")
}

func TestAnAnswerThatIsntWaitedForDoesNothing(t *testing.T) {
	b := running(t, nil)
	b.requested(power.Shutdown)
	b.collected(b.facts())
	b.tell(power.Verified{Number: b.effect.Number, After: power.After{}})
	b.at("shutting_down") // these are no answers to a request
	if n := b.m.Memory().Seq.Puts; n != 1 {
		t.Errorf("%d requests", n)
	}
	b.put(power.Done)
	b.at("confirming")
	b = running(t, nil)
	b.asks(power.Shutdown)
	b.collected(b.facts())
	b.pass(10 * time.Second)
	b.put(power.Done) // nor is this one to a look
	b.at("shutting_down")

	b = running(t, nil)
	b.requested(power.Shutdown)
	b.tell(power.PutDone{Number: b.effect.Number + 1, Outcome: power.Refused})
	b.tell(power.PutDone{Outcome: power.Refused})
	b.at("shutting_down")
	b.put(power.Done)
	b.at("confirming")
	b.tell(power.PutDone{Outcome: power.Refused})
	b.put(power.Refused)
	b.at("confirming")
}

func TestHowARequestEnds(t *testing.T) {
	for _, row := range []struct {
		name   string
		action power.Action
		do     func(*bench)
		to     string
		reason string // of the failed outcome; "" if there is none yet
	}{
		{"done", power.Shutdown, func(b *bench) { b.put(power.Done) }, "confirming", ""},
		{"unknown", power.Shutdown, func(b *bench) { b.put(power.Unknown) }, "confirming", ""},
		{"no answer in time", power.Shutdown, func(b *bench) { b.pass(20 * time.Second) }, "confirming", ""},
		{"no answer just before", power.Shutdown, func(b *bench) { b.pass(20*time.Second - 1) }, "shutting_down", ""},
		{"refused", power.Shutdown, func(b *bench) { b.put(power.Refused) }, "running", "refused"},
		{"busy once", power.Shutdown, func(b *bench) { b.put(power.Busy) }, "checking", ""},
		{"busy twice", power.Shutdown, func(b *bench) {
			b.put(power.Busy)
			b.pass(20 * time.Second)
			b.counted()
			b.put(power.Busy)
		}, "checking", ""},
		{"busy three times", power.Shutdown, func(b *bench) {
			for range 2 {
				b.put(power.Busy)
				b.pass(20 * time.Second)
				b.counted()
			}
			b.put(power.Busy)
		}, "running", "busy"},
		{"nothing sent once", power.Shutdown, func(b *bench) { b.put(power.NotSent) }, "shutting_down", ""},
		{"nothing sent three times", power.Shutdown, func(b *bench) {
			for range 2 {
				b.put(power.NotSent)
				b.pass(10 * time.Second)
				b.collected(b.facts())
			}
			b.put(power.NotSent)
		}, "running", "not_sent"},
		{"nothing sent twice in 30 s", power.Shutdown, func(b *bench) {
			b.put(power.NotSent)
			b.pass(10 * time.Second)
			b.pass(10 * time.Second)
			b.collected(b.facts())
			b.pass(10 * time.Second)
			b.put(power.NotSent)
		}, "shutting_down", ""},
		{"nothing sent twice in more", power.Shutdown, func(b *bench) {
			b.put(power.NotSent)
			b.pass(10 * time.Second)
			b.pass(10 * time.Second)
			b.collected(b.facts())
			b.pass(10*time.Second + 1)
			b.put(power.NotSent)
		}, "running", "not_sent"},
		{"a restart that is done", power.Reboot, func(b *bench) { b.put(power.Done) }, "rebooting", ""},
		{"a restart that is unknown", power.Reboot, func(b *bench) { b.put(power.Unknown) }, "rebooting", ""},
		{"a restart that is refused", power.Reboot, func(b *bench) { b.put(power.Refused) }, "running", "refused"},
		{"a restart that is busy", power.Reboot, func(b *bench) { b.put(power.Busy) }, "running", "busy"},
		{"a restart that wasn't sent", power.Reboot, func(b *bench) { b.put(power.NotSent) }, "running", "not_sent"},
	} {
		b := running(t, nil)
		b.requested(row.action)
		row.do(b)
		if b.m.Position() != row.to {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
		a := b.last(row.action)
		if failed := a.Type == power.Undone; failed != (row.reason != "") || failed && a.Reason != row.reason {
			t.Errorf("%s: %s %q", row.name, a.Type, a.Reason)
		}
		if n := b.m.Memory().Seq.Puts; row.to != "running" && n != map[bool]int{true: 1}[row.to == "confirming" || b.effect.Kind == power.PutReboot || strings.HasPrefix(row.name, "no answer")] {
			t.Errorf("%s: %d requests count", row.name, n)
		}
	}
}

func TestInAnOutageARequestThatFailedIsPreparedAgain(t *testing.T) {
	for _, o := range []power.Outcome{power.Refused, power.Busy, power.NotSent} {
		b := dark(t, nil, power.Mains{})
		b.counted()
		b.put(o)
		for n := 0; o == power.NotSent && n < 2 || o == power.Busy && n < 2; n++ {
			if o == power.Busy {
				b.pass(20 * time.Second)
				b.counted()
			} else {
				b.pass(10 * time.Second)
				b.collected(b.facts())
			}
			b.put(o)
		}
		b.at("checking")
		n := len(b.effects)
		b.pass(15 * time.Second)
		if len(b.effects) != n+1 || b.effect.Kind != power.Collect || b.m.Memory().OutagePuts != 0 {
			t.Errorf("%s: %v, %d requests", o, b.effects[n:], b.m.Memory().OutagePuts)
		}
	}
}

// askedAgain is a second request after one that was ignored.
func askedAgain(t *testing.T) *bench {
	b := proving(t, nil)
	b.onFor(90*time.Second, 22)
	b.at("shutting_down")
	b.collected(b.facts())
	return b
}

func TestASecondRequestThatFailsIsWaitedForAsIfItHadBeenMade(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(*bench)
		row  string
	}{
		{"refused", func(b *bench) { b.put(power.Refused) }, "refused, after a request that counts"},
		{"busy", func(b *bench) { b.put(power.Busy) }, "busy, after a request that counts"},
		{"not sent", func(b *bench) { b.put(power.NotSent) }, "nothing was sent, after a request that counts"},
	} {
		b := askedAgain(t)
		row.do(b)
		b.at("confirming")
		if last := b.rows[len(b.rows)-1]; last != row.row {
			t.Errorf("%s: %s", row.name, last)
		}
		b.onFor(95*time.Second, 22)
		b.at("attention(still_on)")
		if n := b.m.Memory().Seq.Puts; n != 1 {
			t.Errorf("%s: %d requests", row.name, n)
		}
	}
	b := proving(t, nil)
	b.onFor(90*time.Second, 22)
	b.collected(b.facts(func(f *power.Facts) { f.Upgrading.Told = power.Yes }))
	b.at("confirming")
	b = askedAgain(t)
	b.put(power.Done)
	b.onFor(95*time.Second, 22)
	b.at("attention(still_on)")
	b.gave(power.Shutdown, power.Undone, "still_on")
}

func TestTheJournalThatCantBeWritten(t *testing.T) {
	counting := func(b *bench) { b.asks(power.Shutdown); b.hold = true; b.collected(b.facts()); b.at("counting_down") }
	for _, row := range []struct {
		name string
		make func() *bench
		want string
	}{
		{"counting down by hand", func() *bench { b := running(t, nil); counting(b); return b }, "running"},
		{"counting down in an outage", func() *bench { b := dark(t, nil, power.Mains{}); b.hold = true; b.collected(b.facts()); return b }, "counting_down"},
		{"before a request by hand", func() *bench {
			b := running(t, nil)
			b.asks(power.Shutdown)
			b.collected(b.facts())
			b.pass(10 * time.Second)
			b.hold = true
			b.collected(b.facts())
			return b
		}, "running"},
		{"before a request in an outage", func() *bench {
			b := dark(t, nil, power.Mains{})
			b.collected(b.facts())
			b.pass(10 * time.Second)
			b.hold = true
			b.collected(b.facts())
			return b
		}, "checking"},
		{"before a request by hand, at low battery", func() *bench {
			b := running(t, nil)
			b.asks(power.Shutdown)
			b.collected(b.facts())
			b.pass(10 * time.Second)
			b.tell(power.Mains{Lost: true, Low: true})
			b.hold = true
			b.collected(b.facts())
			return b
		}, "running"},
		{"when a recorder is safe", func() *bench {
			b := proving(t, func(c *power.Config, _ *power.Memory) { c.Plug.Cut = power.CutNever })
			b.silentFor(46*time.Second, 0.4)
			b.hold = true
			b.silentFor(4*time.Second, 0.4)
			b.at("safe")
			return b
		}, "confirming"},
		{"before a cut", func() *bench {
			b := proving(t, nil)
			b.silentFor(44*time.Second, 0.4)
			b.hold = true
			b.silentFor(10*time.Second, 0.4)
			return b
		}, "confirming"},
	} {
		b := row.make()
		n := len(b.effects)
		b.commit(power.Failed)
		if b.m.Position() != row.want {
			t.Errorf("%s: %s", row.name, b.m.Position())
		}
		if k := b.effects[n:]; slices.Contains(k, power.PutShutdown) || slices.Contains(k, power.SwitchOff) {
			t.Errorf("%s: %v", row.name, k)
		}
	}
}

func TestAtLowBatteryTheDisksComeFirst(t *testing.T) {
	b := dark(t, nil, power.Mains{Low: true})
	b.collected(b.facts())
	b.pass(1)
	b.hold = true
	b.collected(b.facts())
	n := len(b.effects)
	b.commit(power.Failed)
	if k := b.effects[n:]; !slices.Equal(k, []power.EffectKind{power.PutShutdown}) {
		t.Fatalf("%v in %s", k, b.m.Position())
	}
	b.hold = false
	b.put(power.Done)
	b.silentFor(200*time.Second, 0.4)
	b.at("presumed_off") // never safe, never cut
	if b.offs() != 0 {
		t.Error("it was cut")
	}
}

// Without a journal only a process that saw the outage begin knows how often the
// recorder was asked in it: another one would count from zero.
func TestWithoutAJournalAnOutageAsksOnce(t *testing.T) {
	requests := func(b *bench) (n int) {
		for _, k := range b.effects {
			if k == power.PutShutdown {
				n++
			}
		}
		return n
	}
	failing := func(b *bench) { // its next request, whose record can't be written
		b.collected(b.facts())
		b.pass(1)
		b.hold = true
		b.collected(b.facts())
		b.commit(power.Failed)
		b.hold = false
	}
	low := power.Mains{Lost: true, Outage: 1, Low: true}

	b := running(t, func(c *power.Config, _ *power.Memory) { c.Mains = true })
	b.tell(low) // the first it is told
	failing(b)
	if n := requests(b); n != 1 || b.m.Position() != "checking" {
		t.Errorf("an outage that was there before this process: %d requests in %s", n, b.m.Position())
	}

	// A flicker begins no outage of this process's own; mains that was stable does.
	for _, between := range []power.Mains{{}, {Stable: true}} {
		b := running(t, func(c *power.Config, _ *power.Memory) { c.Mains = true })
		b.tell(power.Mains{Lost: true})
		b.tell(between)
		b.tell(low)
		failing(b)
		if asked := b.m.Position() == "shutting_down"; asked != between.Stable {
			t.Errorf("lost, then %+v, then lost: %s", between, b.m.Position())
		}
	}

	b = dark(t, nil, power.Mains{Low: true})
	failing(b)
	if n := requests(b); n != 2 || b.m.Position() != "shutting_down" {
		t.Errorf("one that began since: %d requests in %s", n, b.m.Position())
	}
	b.put(power.NotSent)
	b.pass(10 * time.Second)
	b.hold = true
	b.collected(b.facts())
	b.commit(power.Failed)
	b.hold = false
	if n := requests(b); n != 4 || b.m.Position() != "shutting_down" {
		t.Errorf("after one that didn't leave: %d requests in %s", n, b.m.Position())
	}
	b.put(power.Done)
	b.at("confirming")
	b.signsIn()
	n := requests(b)
	b.pass(90 * time.Second)
	b.signsIn()
	b.at("shutting_down")
	b.hold = true
	b.collected(b.facts())
	b.commit(power.Failed)
	if got := requests(b) - n; got != 1 || b.m.Position() != "confirming" {
		t.Errorf("a second one: %d requests in %s", got, b.m.Position())
	}

	// A flicker in an outage gives it no second one; the next outage has its own.
	for number, want := range map[uint64]int{1: 1, 2: 2} { // the one whose record fails, and maybe that again
		b := dark(t, nil, power.Mains{Low: true})
		failing(b)
		b.put(power.Done)
		b.signsIn()
		b.pass(90 * time.Second)
		b.signsIn()
		b.at("shutting_down")
		b.hold = true
		b.collected(b.facts())
		b.commit(power.Failed)
		b.hold = false
		b.tell(power.Mains{})
		b.pass(90 * time.Second)
		b.signsIn()
		b.at("attention(still_on)")
		n := requests(b)
		b.tell(power.Mains{Lost: true, Outage: number, Low: true})
		b.signsIn()
		b.at("checking")
		failing(b)
		if got := requests(b) - n; got != want {
			t.Errorf("%d requests in outage %d after a flicker, not %d: %s", got, number, want, b.m.Position())
		}
	}

	// What a person asks is made by no other right than that.
	b = running(t, func(c *power.Config, d *power.Memory) { c.Mains, d.Outage = true, 1 })
	b.tell(power.Mains{Stable: true})
	b.tell(power.Mains{Lost: true, Low: true}) // its owner wants nothing done about it
	b.asks(power.Shutdown)
	b.collected(b.facts())
	b.pass(10 * time.Second)
	b.hold = true
	b.collected(b.facts())
	b.commit(power.Failed)
	if n := requests(b); n != 1 || b.m.Position() != "running" {
		t.Errorf("by hand: %d requests in %s", n, b.m.Position())
	}

	// One that was recorded and didn't leave changes nothing of that.
	for _, row := range []struct {
		name string
		sees bool
		want int // the recorded one, the one whose record fails, and maybe that again
	}{{"saw mains go", true, 3}, {"didn't", false, 2}} {
		b := running(t, func(c *power.Config, _ *power.Memory) { c.Mains = true })
		if row.sees {
			b.tell(power.Mains{Stable: true})
		}
		b.tell(low)
		b.collected(b.facts())
		b.pass(1)
		b.collected(b.facts())
		b.put(power.NotSent)
		b.pass(10 * time.Second)
		b.hold = true
		b.collected(b.facts())
		b.commit(power.Failed)
		if n := requests(b); n != row.want {
			t.Errorf("a process that %s: %d requests in %s", row.name, n, b.m.Position())
		}
	}

	// One without a record that left was the only one, whatever becomes of those after it.
	b = dark(t, nil, power.Mains{Low: true})
	failing(b)
	b.put(power.Done)
	b.at("confirming")
	b.signsIn()
	b.pass(90 * time.Second)
	b.signsIn()
	b.at("shutting_down")
	b.collected(b.facts())
	b.put(power.NotSent) // this one was on record
	b.silentFor(12*time.Second, -1)
	b.uptime = time.Minute
	b.signsIn()
	b.pass(time.Second)
	b.signsIn()
	b.at("checking") // restarted, and the outage goes on
	failing(b)
	if b.m.State() == power.ShuttingDown || b.m.Memory().OutagePuts != 1 {
		t.Errorf("one more without a record: %d requests in %s", b.m.Memory().OutagePuts, b.m.Position())
	}

	b = running(t, func(c *power.Config, _ *power.Memory) { c.Mains = true })
	b.tell(power.Mains{Stable: true})
	b.asks(power.Shutdown)
	b.collected(b.facts())
	b.pass(10 * time.Second)
	b.hold = true
	b.collected(b.facts())
	b.tell(low)
	n = requests(b)
	b.commit(power.Failed)
	if got := requests(b) - n; got != 0 {
		t.Errorf("by hand: %d requests in %s", got, b.m.Position())
	}
}

func TestALateRecordStartsNothingUntilTheInboxWasRead(t *testing.T) {
	b := running(t, nil)
	b.hold = true
	b.asks(power.Check)
	n := len(b.effects)
	b.commit(power.Late)
	if k := b.effects[n:]; !slices.Equal(k, []power.EffectKind{power.Collect}) {
		t.Errorf("a check: %v", k)
	}
	b = running(t, nil)
	b.asks(power.Shutdown)
	b.collected(b.facts())
	b.pass(10 * time.Second)
	b.hold = true
	b.collected(b.facts())
	n = len(b.effects)
	number := b.record.Number()
	b.pass(5 * time.Second)
	b.tell(power.Committed{Number: number, Commit: power.Late})
	if k := b.effects[n:]; !slices.Equal(k, []power.EffectKind{power.PutShutdown}) {
		t.Errorf("a request: %v", k)
	}
	if at := b.m.Memory().Seq.PutAt.Mono; at != b.now.Mono {
		t.Errorf("it was made %v ago", b.now.Mono-at)
	}
	b.hold = false
	b.put(power.Done)
	b.at("confirming")
	// A cut needs a new record, and the proof must stand.
	for _, row := range []struct {
		name string
		do   func(*bench)
		offs int
		to   string
	}{
		{"the proof stands", func(*bench) {}, 1, "cutting"},
		{"life came", func(b *bench) { b.probe(power.Alive) }, 0, "attention(came_back)"},
		{"the proof lapsed", func(b *bench) { b.pass(9 * time.Second); b.relay(power.RelayOn) }, 0, "attention(cut_unconfirmed)"},
		{"the plug is silent", func(b *bench) { b.silentFor(6*time.Second, -1) }, 0, "attention(cut_unconfirmed)"},
	} {
		b := proving(t, nil)
		b.silentUntil(time.Minute, 0.4, func() bool {
			b.hold = b.now.Mono > 0 && len(b.rows) > 0 && b.m.Proof() == power.ProofPower && b.m.State() == power.Confirming
			return slices.Contains(b.effects, power.SwitchOff)
		})
		b.at("cutting")
		n, number := b.offs(), b.record.Number()
		row.do(b)
		b.tell(power.Committed{Number: number, Commit: power.Late})
		if got := b.offs() - n; got != row.offs || b.m.Position() != row.to {
			t.Errorf("%s: %d OFFs in %s", row.name, got, b.m.Position())
		}
	}
}
