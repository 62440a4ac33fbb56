package power_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The homes are stories that a person can read: what is pressed, what is shown,
// and in brackets what is true of recorder, plug and mains, minutes and seconds
// after the press.
type tale struct {
	*stage
	text  strings.Builder
	shown string
	safe  bool
	needs string
}

func tell(t *testing.T, p plan) *tale {
	x := &tale{stage: play(t, p)}
	x.happens = func(what string) { x.line("(%s)", what) }
	seen := x.world.moved
	x.world.moved = func(m power.Move) {
		seen(m)
		x.at(0, x.look)
	}
	x.told = func(a power.Answer) {
		x.answers = append(x.answers, a)
		switch text := strings.TrimSpace(a.Reason + ": " + a.Message); {
		case a.Type == power.Accepted && a.Message == "":
			x.line("%s is accepted", a.Action)
		case text == ":":
			x.line("%s is %s", a.Action, a.Type)
		case a.Reason == "":
			x.line("%s is %s: %s", a.Action, a.Type, a.Message)
		case a.Message == x.br.m.Status():
			x.line("%s is %s (%s)", a.Action, a.Type, a.Reason)
		default:
			x.line("%s is %s (%s): %s", a.Action, a.Type, a.Reason, a.Message)
		}
	}
	x.every(time.Second, x.look)
	x.begin()
	return x
}

func (x *tale) line(format string, args ...any) {
	d := (x.t - x.zero).Round(time.Second)
	fmt.Fprintf(&x.text, "%3d:%02d  %s\n", int(d.Minutes()), int(d.Seconds())%60, fmt.Sprintf(format, args...))
}

// look tells what is shown now, if it is something new.
func (x *tale) look() {
	if x.br.dead {
		return
	}
	if text := x.br.position() + ": " + x.br.m.Status(); text != x.shown {
		x.shown = text
		x.line("%s", text)
	}
	if safe := x.br.gate.up != 0; safe != x.safe {
		x.safe = safe
		x.line("Safe to cut power: %s", map[bool]string{true: "ON", false: "off"}[safe])
	}
	if needs := strings.Join(x.br.m.Needs(), ", "); needs != x.needs {
		x.needs = needs
		if needs == "" {
			needs = "nothing"
		}
		x.line("Needs attention: %s", needs)
	}
}

// chapter begins anew.
func (x *tale) chapter(title string) {
	x.begin()
	fmt.Fprintf(&x.text, "\n%s\n", title)
}

// does is what a person does.
func (x *tale) does(what string, do func()) {
	x.look()
	x.line("%s", what)
	do()
}

func (x *tale) presses(a power.Action) {
	x.does("Anna presses "+strings.ReplaceAll(string(a), "_", " "), func() { x.br.command(a, "anna") })
}

// written compares the story with its golden file.
func (x *tale) written(name string) {
	x.test.Helper()
	file := filepath.Join("testdata", "homes", name+".txt")
	got := strings.TrimPrefix(x.text.String(), "\n")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			x.test.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			x.test.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		x.test.Fatal(err)
	}
	if got != string(want) {
		x.test.Errorf("%s tells another story (-update writes it anew):\n%s", file, got)
	}
}

// noAlarm says that nothing needed a person.
func (x *tale) noAlarm() {
	x.test.Helper()
	if strings.Contains(x.text.String(), "Needs attention") {
		x.test.Error("an alarm on this way")
	}
}

// typical is a home of today: address by DHCP, no witness, a recorder that nobody
// has drilled.
func typical(changes ...func(*plan)) plan {
	return home(append([]func(*plan){func(p *plan) {
		p.fixed, p.right, p.haltW, p.boot, p.bootBusy = false, power.NotOffered, 9, 70*time.Second, 30*time.Second
	}}, changes...)...)
}

func (x *tale) pulls() { x.does("Anna unplugs the recorder", x.pull) }
func (x *tale) plugs() { x.does("Anna plugs it in again", x.plugIn) }
func (x *tale) lost()  { x.does("Mains is lost", x.mainsOut) }
func (x *tale) back()  { x.does("Mains is back", x.mainsBack) }
func (x *tale) weaker() {
	x.does("The battery is low", func() { x.mains.low = true; x.br.tellMains() })
}

// byHand is a shutdown, twenty minutes, and back.
func (x *tale) byHand() {
	x.test.Helper()
	x.chapter("Shut down by hand")
	x.presses(power.Shutdown)
	x.run(3 * time.Second)
	if x.br.position() == "running" { // it told what speaks against it
		x.presses(power.Shutdown)
	}
	at := x.reach("presumed_off", 5*time.Minute)
	between(x.test, "presumed off", at, 3*time.Minute, 4*time.Minute+30*time.Second)
	x.run(15 * time.Minute)
	x.is("presumed_off")
}

func TestHomeWithoutAMeter(t *testing.T) {
	for name, change := range map[string]func(*plan){"no plug": noPlug, "plug without meter": func(p *plan) { noMeter(p); neverCuts(p) }} {
		t.Run(name, func(t *testing.T) {
			x := tell(t, typical(change))
			x.byHand()
			x.pulls()
			x.run(20 * time.Second)
			x.plugs()
			x.reach("running", 5*time.Minute)
			x.run(time.Hour)
			x.noAlarm()
			x.never(off...)
			x.written("without meter, " + name)
		})
	}
	t.Run("outage", func(t *testing.T) {
		x := tell(t, drilled(9, noPlug, withMains, func(p *plan) { p.fixed = false }))
		x.chapter("An outage after a drill: it halts, and stays halted until somebody switches it off and on")
		x.lost()
		x.reach("presumed_off", 6*time.Minute)
		x.run(20 * time.Minute)
		x.back()
		x.reach("attention(unproven)", 8*time.Minute)
		x.run(time.Hour)
		x.pulls()
		x.run(20 * time.Second)
		x.plugs()
		x.reach("running", 5*time.Minute)
		x.look()
		x.never("safe said", "effect relay_off", "effect relay_on")
		x.written("without meter, outage")
	})
	t.Run("outage, presumed", func(t *testing.T) {
		x := tell(t, drilled(9, noMeter, presumes, withMains))
		x.chapter("An outage after a drill, with CUT=presumed: the bridge switches it off and on")
		x.lost()
		x.reach("presumed_off", 6*time.Minute)
		x.run(20 * time.Minute)
		x.back()
		x.reach("running", 8*time.Minute)
		x.look()
		x.noAlarm()
		x.never("safe said")
		x.counts("off by presumed", 1)
		x.written("without meter, outage, presumed")
	})
}

func TestHomeWithAMeterAndNoDrill(t *testing.T) {
	x := tell(t, typical())
	x.byHand()
	x.does("Anna switches the plug off", x.somebodyCuts)
	x.run(5 * time.Minute)
	x.does("Anna switches the plug on", x.somebodyFeeds)
	x.reach("running", 5*time.Minute)
	x.run(time.Hour)
	x.noAlarm()
	x.never(off...)
	x.written("meter, no drill")
}

func TestHomeWithADrill(t *testing.T) {
	x := tell(t, typical(withMains))
	x.chapter("The drill, passed by a person's word")
	x.presses(power.Plan)
	x.run(20 * time.Second)
	x.presses(power.Drill)
	x.run(3 * time.Second)
	if x.br.position() == "running" {
		x.presses(power.Drill)
	}
	x.reach("presumed_off", 12*time.Minute)
	x.run(20 * time.Second)
	x.presses(power.ConfirmOff)
	x.reach("running", 8*time.Minute)
	x.run(time.Minute)
	x.gave(power.Finished, power.Drill, "normal")
	x.never("safe said")

	x.chapter("Shut down by hand, the next day")
	x.run(25 * time.Hour)
	x.begin()
	x.presses(power.Shutdown)
	at := x.reach("safe", 6*time.Minute)
	between(t, "safe", at, 4*time.Minute, 5*time.Minute)
	x.reach("off", time.Minute)
	x.run(10 * time.Minute)
	x.presses(power.PowerOn)
	x.reach("running", 5*time.Minute)
	x.run(time.Minute)

	x.chapter("An outage, the day after")
	x.run(25 * time.Hour)
	x.begin()
	x.lost()
	x.reach("safe", 7*time.Minute)
	x.reach("off", time.Minute)
	x.run(30 * time.Minute)
	x.back()
	x.reach("running", 7*time.Minute)
	x.run(time.Minute)
	x.noAlarm()
	x.counts("off by power", 2)
	x.written("meter, after a drill")
}

func TestHomeInAnOutageWithoutADrill(t *testing.T) {
	x := tell(t, typical(withMains, neverCuts))
	x.chapter("An outage without a drill: it waits for low battery")
	x.lost()
	x.run(20 * time.Minute)
	x.is("checking")
	x.never("put")
	x.weaker()
	x.reach("confirming", time.Minute)
	x.reach("presumed_off", 5*time.Minute)
	x.run(10 * time.Minute)
	x.back()
	x.reach("attention(unproven)", 10*time.Minute)
	x.run(10 * time.Minute)
	x.does("Anna switches the plug off", x.somebodyCuts)
	x.run(30 * time.Second)
	x.reach("running", 5*time.Minute)
	x.look()
	x.never(off...)
	x.written("outage without a drill")

	t.Run("mains back in time", func(t *testing.T) {
		x := tell(t, typical(withMains, neverCuts))
		x.chapter("An outage without a drill that ends before the battery is low")
		x.lost()
		x.run(10 * time.Minute)
		x.back()
		x.reach("running", time.Minute)
		x.look()
		x.noAlarm()
		x.never("put")
		x.written("outage without a drill, mains back in time")
	})
}
