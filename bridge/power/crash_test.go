package power_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// The crash matrix: the program dies at each record and each effect of some
// sequences, in each of three ways, and is started again in each of some
// circumstances. Afterwards the home is left alone until it stands still.

// saga is a sequence that a program dies in.
type saga struct {
	name  string
	plan  plan
	begin func(w *world)
}

// crashHome is a home in which everything works, after a drill.
func crashHome(change func(*plan)) plan {
	p := plan{
		down: 20 * time.Second, flush: 10 * time.Second, boot: time.Minute, bootBusy: 20 * time.Second,
		runW: 22, bootW: 20, haltW: 0.4, answer: "ok", tellsUptime: true, fixed: true, right: power.Yes, cleanLog: power.Yes,
		obeys: 100 * time.Millisecond, battery: 24 * time.Hour,
	}
	p.cfg.Plug = power.Plug{Exists: true, Relay: true, Meter: true, Cut: power.CutProven}
	p.learned = power.Learned{Passed: true, Firmware: firmware, Gap: 70 * time.Second, ToSilence: 20 * time.Second, Running: 22, Halted: 0.4, OffWatts: 1}
	change(&p)
	return p
}

// asks is a button pressed by somebody who knows that the plug has no meter.
func asks(a power.Action) func(*world) {
	return func(w *world) {
		w.br.ids++
		w.br.deliver(power.Command{Action: a, ID: fmt.Sprintf("c%d", w.br.ids), At: w.now().Wall, By: "anna", Force: []string{"plug"}, Content: uint64(w.br.ids)})
	}
}

const (
	byHand     = "a shutdown by hand, proven, cut, and switched on again"
	byOutage   = "an outage, proven, cut, and mains back"
	presumed   = "a power cycle by presumption"
	drilling   = "a drill by a person's word"
	restarting = "a restart"
	cameBack   = "a shutdown after which it comes back by itself"
	ignored    = "a shutdown that is ignored twice"
)

func sagas() []saga {
	return []saga{
		{byHand, crashHome(func(*plan) {}), asks(power.Shutdown)},
		{byOutage, crashHome(func(p *plan) { p.cfg.Mains = true }), func(w *world) {
			w.mainsOut()
			w.at(20*time.Minute, w.mainsBack)
		}},
		{presumed, crashHome(func(p *plan) {
			p.cfg.Plug.Cut, p.cfg.Plug.Meter, p.cfg.Witness = power.CutPresumed, false, true
		}), asks(power.PowerCycle)},
		{drilling, crashHome(func(p *plan) { p.cfg.Plug.Meter, p.learned = false, power.Learned{} }), func(w *world) {
			asks(power.Check)(w)
			w.at(10*time.Second, func() { asks(power.Drill)(w) })
			w.every(time.Minute, func() { // somebody stands there and says what is true
				if w.rec.phase == "halted" && !w.br.dead && w.br.m.State() != power.Cutting {
					asks(power.ConfirmOff)(w)
				}
			})
		}},
		{restarting, crashHome(func(*plan) {}), asks(power.Reboot)},
		{cameBack, crashHome(func(p *plan) { p.comesBack, p.cfg.Plug.Cut = 80*time.Second, power.CutNever }), asks(power.Shutdown)},
		{ignored, crashHome(func(p *plan) { p.answer = "ignore" }), asks(power.Shutdown)},
	}
}

// comeback is how the program starts again.
type comeback struct {
	name     string
	gone     time.Duration
	relayOff bool // somebody switches the plug off meanwhile
	damaged  bool
	again    int // crashes soon after
}

var comebacks = []comeback{
	{name: "at once", gone: 5 * time.Second},
	{name: "after a long while", gone: 40 * time.Minute},
	{name: "with the relay off meanwhile", gone: 90 * time.Second, relayOff: true},
	{name: "with a damaged journal", gone: 30 * time.Second, damaged: true},
	{name: "five times in five minutes", gone: 5 * time.Second, again: 4},
}

// cell is one of the matrix.
type cell struct {
	saga
	comeback
	point int // which record or effect; -1: none
	way   dying
}

func (c cell) String() string {
	return fmt.Sprintf("%s; dies at %d, %s; back %s", c.saga.name, c.point, c.way, c.comeback.name)
}

// aftermath is what became of it.
type aftermath struct {
	*world
	begun    time.Duration
	died     bool
	at, back time.Duration // of the crash, and of the start after it
	last     power.Memory  // the last durable record of the life that ended
	puts     int           // requests before the crash
	lost     bool          // mains, at the start
	answers  []power.Answer
	moves    []power.Move // since
}

func (a *aftermath) end() string { return a.br.position() + ", " + a.rec.phase }

// took says that one of these rows was taken after the crash.
func (a *aftermath) took(rows ...string) bool {
	return slices.ContainsFunc(a.moves, func(x power.Move) bool { return slices.Contains(rows, x.Row) })
}

// play lets two hours pass. Somebody presses power_on three times in the second.
func (c cell) play(log *strings.Builder) *aftermath {
	w := newWorld(c.plan, 1)
	w.log = log
	a := &aftermath{world: w}
	w.run(6 * time.Minute)
	a.begun = w.t
	n := 0
	w.br.dies = func(d dying, out power.Output) bool {
		if d == unrecorded && w.t-a.begun < 2*time.Hour { // the last button is pressed later
			n++
		}
		if a.died || n != c.point || d != c.way {
			return false
		}
		a.died, a.at, a.puts = true, w.t, w.seenAt["put"]
		if k := len(w.br.records); k > 0 {
			a.last = w.br.records[k-1].Memory
		}
		if d == undone { // what it accepted is on record, though nobody was told
			for _, x := range out.Answers {
				if x.Type == power.Accepted {
					w.br.pending[x.ID], w.br.judged[x.ID] = power.Command{}, true
				}
			}
		}
		w.at(c.gone, func() { c.restart(a) })
		if c.relayOff {
			w.at(c.gone/2, func() { w.switchPlug(false, "somebody") })
		}
		return true
	}
	w.told = func(x power.Answer) {
		if a.back > 0 {
			a.answers = append(a.answers, x)
		}
	}
	w.moved = func(x power.Move) {
		if a.died && !w.br.dead {
			a.moves = append(a.moves, x)
		}
	}
	c.begin(w)
	for _, d := range []time.Duration{75, 80, 125} {
		w.at(d*time.Minute, func() {
			if !w.br.dead {
				asks(power.PowerOn)(w)
			}
		})
	}
	w.run(140 * time.Minute)
	w.ended(false)
	return a
}

func (c cell) restart(a *aftermath) {
	w := a.world
	a.back, a.lost = w.t, w.mains.lost
	if c.damaged {
		w.br.damage()
	}
	w.br.start()
	for n := range c.again {
		w.at(time.Duration(n+1)*20*time.Second, w.br.restart)
	}
}

// before says that the request wasn't on record when the program died.
func (a *aftermath) before() bool {
	s := a.last.Seq
	switch a.last.State {
	case power.Checking, power.CountingDown, power.ShuttingDown, power.Rebooting:
		return s.Puts == 0
	}
	return false
}

// may are the ends that are allowed beside that without a crash. Each of them
// keeps power on, or leaves it to a person.
func (c cell) may(a *aftermath) []string {
	var all []string
	down := a.last.Seq.Puts > 0 // the recorder was or may have been asked
	if down && c.damaged {
		// Nothing is known of what was asked: a halted recorder stays as it is.
		all = append(all, "attention(journal_damaged), halted")
	}
	if down && c.saga.name == presumed {
		// A restart ends the presumption; the recorder waits for a person.
		all = append(all, "attention(unproven), halted")
	}
	if down && c.saga.name == drilling && !a.last.Seq.Success {
		// Nobody knows whether the recorder accepted: a person's word isn't taken.
		all = append(all, "attention(unproven), halted")
	}
	return all
}

// mayAsk is how many requests the restarted program may make.
func (c cell) mayAsk(a *aftermath) int {
	s, state := a.last.Seq, a.last.State
	second := s.Puts == 1 && (state == power.ShuttingDown || state == power.Confirming)
	fresh := a.back+90*time.Second-a.begun < 3*time.Minute+5*time.Second
	switch {
	case c.saga.name == byOutage && a.lost && a.puts == 0:
		return 1 // nothing was asked: from checking again, or attempt 2
	case second && (s.Action == power.Shutdown || s.Action == power.PowerCycle) && fresh && c.again == 0 && !c.damaged:
		return 1 // it still answers, and the command isn't too old
	}
	return 0
}

// recoveries are the rows of POWER 8, each with what must follow.
var recoveries = []struct {
	row  string
	is   func(c cell, a *aftermath) bool
	then func(c cell, a *aftermath) bool
}{
	{"before the intent, by hand: dropped, and said so",
		func(c cell, a *aftermath) bool {
			return !c.damaged && a.before() && a.last.Seq.Action != power.Outage
		},
		func(c cell, a *aftermath) bool {
			return a.moves[0].Row == "restart before the intent" && a.seenAt["put"] == a.puts && slices.ContainsFunc(a.answers, func(x power.Answer) bool {
				return x.ID == a.last.Seq.Command.ID && x.Reason == "restart" && (x.Type == power.Undone || x.Type == power.Declined)
			})
		}},
	{"before the intent, in an outage: from checking again",
		func(c cell, a *aftermath) bool {
			return !c.damaged && a.before() && a.last.Seq.Action == power.Outage && a.lost && c.again == 0 && !c.relayOff
		},
		func(c cell, a *aftermath) bool {
			return a.moves[0].Row == "restart before the intent" && a.moves[1].Row == "outage" && a.seenAt["put"] == a.puts+1
		}},
	{"an intent without outcome: silent, and proven as ever",
		func(c cell, a *aftermath) bool {
			return putRecorded(c, a) && c.way == unanswered && a.last.Seq.Action != power.Drill && c.saga.name != presumed && c.saga.name != ignored && c.saga.name != cameBack && !c.relayOff && c.again == 0
		},
		func(c cell, a *aftermath) bool {
			return a.moves[0].Row == "restart after the intent" && a.seenAt["put"] == a.puts && a.moves[1].To == "safe"
		}},
	{"an intent without outcome, still on in the outage: attempt 2",
		func(c cell, a *aftermath) bool {
			return putRecorded(c, a) && c.way == undone && a.last.Seq.Action == power.Outage && a.lost && c.again == 0 && !c.relayOff
		},
		func(c cell, a *aftermath) bool { return a.took("alive, second attempt") && a.seenAt["put"] == a.puts+1 }},
	{"an intent without outcome, still on, the command fresh: attempt 2",
		func(c cell, a *aftermath) bool {
			return putRecorded(c, a) && c.way == undone && c.saga.name == byHand && c.comeback.name == "at once"
		},
		func(c cell, a *aftermath) bool { return a.took("alive, second attempt") && a.seenAt["put"] == a.puts+1 }},
	{"an intent without outcome, still on, the command old: running, failed",
		func(c cell, a *aftermath) bool {
			return putRecorded(c, a) && c.way == undone && a.last.Seq.Action == power.Shutdown && c.gone > 3*time.Minute
		},
		func(c cell, a *aftermath) bool {
			return a.took("alive, and the command is old") && a.seenAt["put"] == a.puts && a.failed("restart")
		}},
	{"the intent of a restart: looked at, never repeated",
		func(c cell, a *aftermath) bool {
			return !c.damaged && a.last.State == power.Rebooting && a.last.Seq.Puts > 0
		},
		func(c cell, a *aftermath) bool {
			return a.moves[0].Row == "restart after the intent" && a.seenAt["put"] == a.puts
		}},
	{"safe, and the relay is off: off",
		func(c cell, a *aftermath) bool { return a.last.State == power.Safe && c.relayOff },
		func(c cell, a *aftermath) bool { return a.took("relay off while this program was away") }},
	{"safe: proven again from zero",
		func(c cell, a *aftermath) bool { return a.last.State == power.Safe && !c.damaged && !c.relayOff },
		func(c cell, a *aftermath) bool { return a.moves[0].Row == "restart: prove again" }},
	{"confirming: proven again from zero",
		func(c cell, a *aftermath) bool { return a.last.State == power.Confirming && !c.damaged },
		func(c cell, a *aftermath) bool { return a.moves[0].Row == "restart: prove again" }},
	{"presumed off: proven again from zero",
		func(c cell, a *aftermath) bool { return a.last.State == power.PresumedOff && !c.damaged },
		func(c cell, a *aftermath) bool { return a.moves[0].Row == "restart: prove again" }},
	{"the intent of a cut, the relay off: off",
		func(c cell, a *aftermath) bool {
			return a.last.State == power.Cutting && !c.damaged && (c.relayOff || c.way == unanswered)
		},
		func(c cell, a *aftermath) bool { return a.took("relay off while this program was away") }},
	{"the intent of a cut, the relay on: proven again, then cut again",
		func(c cell, a *aftermath) bool {
			return a.last.State == power.Cutting && !c.damaged && !c.relayOff && c.way == undone && c.saga.name != presumed && c.again == 0
		},
		func(c cell, a *aftermath) bool {
			return a.moves[0].Row == "restart: prove again" && a.took("the plug may cut", "drill: person's proof")
		}},
	{"off: goes on",
		func(c cell, a *aftermath) bool { return a.last.State == power.Off && !c.damaged },
		func(c cell, a *aftermath) bool { return a.moves[0].From == "off" && a.rec.phase == "running" }},
	{"powering on: goes on",
		func(c cell, a *aftermath) bool { return a.last.State == power.PoweringOn && !c.damaged },
		func(c cell, a *aftermath) bool {
			return a.moves[0].Row == "restart: the relay isn't known to be on" && a.rec.phase == "running"
		}},
	{"booting: goes on",
		func(c cell, a *aftermath) bool { return a.last.State == power.Booting && !c.damaged },
		func(c cell, a *aftermath) bool { return a.moves[0].From == "booting" && a.rec.phase == "running" }},
	{"attention: goes on",
		func(c cell, a *aftermath) bool { return a.last.State == power.Attention && !c.damaged },
		func(c cell, a *aftermath) bool { return strings.HasPrefix(a.moves[0].From, "attention(") }},
	{"a drill: failed, and what is down is brought back",
		func(c cell, a *aftermath) bool {
			return a.last.Seq.Action == power.Drill && a.last.Seq.Accepted && !c.damaged
		},
		func(c cell, a *aftermath) bool {
			return !a.br.memory().Learned.Passed && (a.rec.phase == "running" || a.br.m.State() == power.Attention) && (a.rec.phase == "halted" || a.failed(""))
		}},
	{"a damaged journal: observed only",
		func(c cell, a *aftermath) bool { return c.damaged },
		func(c cell, a *aftermath) bool { return a.moves[0].To == "attention(journal_damaged)" }},
	{"five starts in five minutes: observed only",
		func(c cell, a *aftermath) bool { return c.again > 0 },
		func(c cell, a *aftermath) bool { return c.saga.name == byOutage || a.seenAt["put"] == a.puts }},
}

func putRecorded(c cell, a *aftermath) bool {
	return !c.damaged && a.last.State == power.ShuttingDown && a.last.Seq.Puts > 0
}

// failed says that an outcome was told after the restart.
func (a *aftermath) failed(reason string) bool {
	return slices.ContainsFunc(a.answers, func(x power.Answer) bool {
		return x.Type == power.Undone && (reason == "" || x.Reason == reason)
	})
}

func TestACrashAnywhereEndsTheSameOrSafer(t *testing.T) {
	var mu sync.Mutex
	cells, reached := 0, map[string]int{}
	t.Run("cells", func(t *testing.T) {
		for _, s := range sagas() {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				n, rows := s.cells(t)
				mu.Lock()
				defer mu.Unlock()
				cells += n
				for row, n := range rows {
					reached[row] += n
				}
			})
		}
	})
	for _, x := range recoveries {
		if reached[x.row] == 0 {
			t.Errorf("no cell shows: %s", x.row)
		}
		t.Logf("%5d cells: %s", reached[x.row], x.row)
	}
	t.Logf("%d cells", cells)
}

// cells plays all of a saga, and counts them and the rows of recoveries.
func (s saga) cells(t *testing.T) (cells int, reached map[string]int) {
	whole := cell{saga: s, point: -1}.play(nil)
	if len(whole.wrong) > 0 || whole.end() != "running, running" {
		t.Errorf("without a crash it ends %s %v", whole.end(), whole.wrong)
	}
	reached = map[string]int{}
	for point, more := 1, true; more; point++ {
		more = false
		for _, way := range []dying{unrecorded, undone, unanswered} {
			for _, b := range comebacks {
				c := cell{s, b, point, way}
				a := c.play(nil)
				if !a.died {
					continue
				}
				more = true
				cells++
				c.judge(t, a, whole.end(), reached)
			}
		}
	}
	return cells, reached
}

// judge holds a cell against what is allowed.
func (c cell) judge(t *testing.T, a *aftermath, whole string, reached map[string]int) {
	ok := true
	bad := func(format string, args ...any) {
		ok = false
		t.Errorf("%s: %s", c, fmt.Sprintf(format, args...))
	}
	for _, x := range a.wrong {
		bad("%s", x)
	}
	if end := a.end(); end != whole && !slices.Contains(c.may(a), end) {
		bad("it ends %s", end)
	}
	if n := a.seenAt["put"] - a.puts; n > c.mayAsk(a) {
		bad("%d requests after the restart, %d are allowed (from %s)", n, c.mayAsk(a), a.last.State)
	}
	for _, x := range recoveries {
		if len(a.wrong) > 0 || !x.is(c, a) {
			continue
		}
		reached[x.row]++
		if !x.then(c, a) {
			bad("not as told by: %s", x.row)
		}
	}
	if !ok && *seedFlag > 0 {
		var log strings.Builder
		c.play(&log)
		t.Log(log.String())
	}
}
