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
		{"no plug that may cut", seen(reachable, power.No), []around{func(c *power.Circumstances) { c.Plug.Cut = power.CutNever }}, "", ""},
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
	rows    []string
	effect  power.Effect // the last one
	effects []power.EffectKind
	record  *power.Record
	ids     int
	stamp   int
	uptime  time.Duration
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
