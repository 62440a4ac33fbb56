package power_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// A stage is a world in which one story is played. Its times count from the
// press of a button or the loss of mains. Whatever the story, the invariants hold
// and nothing is said or done that isn't true; if not, the transcript is shown.
type stage struct {
	*world
	test    *testing.T
	zero    time.Duration
	moves   []moved
	reached int // how many of them a story has told
	answers []power.Answer
}

type moved struct {
	at time.Duration // after zero
	power.Move
}

// home is a recorder that does what it is told, and a plug that tells all and may
// cut; at 0.4 W it is off.
func home(changes ...func(*plan)) plan {
	p := plan{
		down: 20 * time.Second, flush: 10 * time.Second, boot: time.Minute, bootBusy: 20 * time.Second,
		runW: 22, bootW: 20, haltW: 0.4, answer: "ok", tellsUptime: true, fixed: true, right: power.Yes, cleanLog: power.Yes,
		obeys: 100 * time.Millisecond, battery: 24 * time.Hour,
	}
	p.cfg.Plug = power.Plug{Exists: true, Relay: true, Meter: true, Cut: power.CutProven}
	for _, change := range changes {
		change(&p)
	}
	return p
}

// drilled is a home whose recorder halts at these watts, after a drill.
func drilled(halted float64, changes ...func(*plan)) plan {
	return home(append([]func(*plan){func(p *plan) {
		p.haltW = halted
		p.learned = power.Learned{Passed: true, Firmware: firmware, Gap: 70 * time.Second, ToSilence: 20 * time.Second,
			Running: 22, Halted: halted, OffWatts: max(1, halted*1.1)}
	}}, changes...)...)
}

func withMains(p *plan)   { p.cfg.Mains = true }
func noPlug(p *plan)      { p.cfg.Plug = power.Plug{} }
func noMeter(p *plan)     { p.cfg.Plug.Meter = false }
func neverCuts(p *plan)   { p.cfg.Plug.Cut = power.CutNever }
func haltsAt9W(p *plan)   { p.haltW = 9 }
func anyOutage(p *plan)   { p.cfg.AnyOutage = true }
func ignores(p *plan)     { p.answer = "ignore" }
func answersRST(p *plan)  { p.haltedRST = true }
func lastsADay(p *plan)   { p.battery = 24 * time.Hour }
func presumes(p *plan)    { p.cfg.Plug.Cut, p.cfg.Witness = power.CutPresumed, true }
func noUptime(p *plan)    { p.tellsUptime = false }
func saysNothing(p *plan) { p.mute = true }

// play begins a story: the recorder has been read for six minutes.
func play(t *testing.T, p plan) *stage {
	t.Helper()
	s := &stage{world: newWorld(p, 1), test: t}
	s.log = &strings.Builder{}
	s.world.moved = func(x power.Move) { s.moves = append(s.moves, moved{s.t - s.zero, x}) }
	s.told = func(a power.Answer) { s.answers = append(s.answers, a) }
	t.Cleanup(func() {
		for _, x := range s.wrong {
			t.Error(x)
		}
		if t.Failed() {
			t.Logf("the story begins at %.1f\n%s", s.zero.Seconds(), s.log)
		}
	})
	s.run(6 * time.Minute)
	s.begin()
	return s
}

// begin lets time count from now.
func (s *stage) begin() { s.zero, s.moves, s.reached, s.answers = s.t, nil, 0, nil }

// press begins the story with a button, by somebody who knows the home.
func (s *stage) press(a power.Action) {
	s.test.Helper()
	s.begin()
	s.br.ids++
	s.br.deliver(power.Command{Action: a, ID: fmt.Sprintf("c%d", s.br.ids), At: s.now().Wall, By: "anna",
		Force: []string{"plug", "often", "witness", "dhcp"}, Content: uint64(s.br.ids)})
}

// dark begins it with the loss of mains.
func (s *stage) dark() {
	s.begin()
	s.mainsOut()
}

func sec(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// on plans something for a time of the story.
func (s *stage) on(at time.Duration, do func()) { s.at(s.zero+at-s.t, do) }

// until lets time pass to a time of the story.
func (s *stage) until(at time.Duration) {
	s.test.Helper()
	if s.zero+at < s.t {
		s.test.Fatalf("%v is over: it is %v", at, s.t-s.zero)
	}
	s.run(s.zero + at - s.t)
}

// is says where the machine stands.
func (s *stage) is(positions ...string) {
	s.test.Helper()
	if p := s.br.position(); !slices.Contains(positions, p) {
		s.test.Fatalf("at %v it is %s, not %s", s.t-s.zero, p, strings.Join(positions, " or "))
	}
}

// next plays one moment. A world that went wrong stands still.
func (s *stage) next() {
	s.test.Helper()
	if len(s.wrong) > 0 || s.t-s.zero > 100*time.Hour {
		s.test.Fatal("the story has no end")
	}
	s.run(s.queue[0].at - s.t)
}

// reach lets time pass until a position is entered, and says when that was. What
// was entered before this moment doesn't count.
func (s *stage) reach(position string, within time.Duration) time.Duration {
	s.test.Helper()
	n := s.reached
	for n < len(s.moves) && s.moves[n].at < s.t-s.zero {
		n++
	}
	for end := s.t + within; s.t <= end && len(s.wrong) == 0; s.next() {
		for ; n < len(s.moves); n++ {
			if s.moves[n].To == position {
				s.reached = n + 1
				return s.moves[n].at
			}
		}
	}
	s.test.Fatalf("not %s within %v, but %s", position, within, s.br.position())
	return 0
}

// stays lets time pass in which the position doesn't change.
func (s *stage) stays(position string, d time.Duration) {
	s.test.Helper()
	s.is(position)
	n := len(s.moves)
	s.run(d)
	for _, x := range s.moves[n:] {
		s.test.Errorf("at %v: %s → %s (%s)", x.at, x.From, x.To, x.Row)
	}
}

// entered says when a position was first entered in this story; negative: never.
func (s *stage) entered(position string) time.Duration {
	for _, x := range s.moves {
		if x.To == position {
			return x.at
		}
	}
	return -1
}

// path is the way since the story began.
func (s *stage) path() string {
	var all []string
	for _, x := range s.moves {
		all = append(all, x.To)
	}
	return strings.Join(all, " ")
}

func (s *stage) went(path string) {
	s.test.Helper()
	if got := s.path(); got != path {
		s.test.Errorf("it went\n%s, not\n%s", got, path)
	}
}

// never says that something didn't come about since the world began.
func (s *stage) never(things ...string) {
	s.test.Helper()
	for _, x := range things {
		s.counts(x, 0)
	}
}

// counts says how often something came about since the world began.
func (s *stage) counts(thing string, n int) {
	s.test.Helper()
	if got := s.seenAt[thing]; got != n {
		s.test.Errorf("%s: %d times, not %d", thing, got, n)
	}
}

// happened says that something came about at least once.
func (s *stage) happened(things ...string) {
	s.test.Helper()
	for _, x := range things {
		if s.seenAt[x] == 0 {
			s.test.Errorf("%s: never", x)
		}
	}
}

// gave says how a command was answered, and with which reason.
func (s *stage) gave(t power.AnswerType, a power.Action, reason string) {
	s.test.Helper()
	if !slices.ContainsFunc(s.answers, func(x power.Answer) bool { return x.Type == t && x.Action == a && x.Reason == reason }) {
		s.test.Errorf("%s isn't answered with %s (%s): %+v", a, t, reason, s.answers)
	}
}

// really says what the recorder really does.
func (s *stage) really(phase string) {
	s.test.Helper()
	if s.rec.phase != phase {
		s.test.Fatalf("at %v the recorder is %s, not %s", s.t-s.zero, s.rec.phase, phase)
	}
}

// between says that a duration lies within bounds.
func between(t *testing.T, what string, d, least, most time.Duration) {
	t.Helper()
	if d < least || d > most {
		t.Errorf("%s: %v, not between %v and %v", what, d, least, most)
	}
}

// What happens in stories.

func (s *stage) pull()          { s.rec.cord = false; s.settle("the cord") }
func (s *stage) plugIn()        { s.rec.cord = true; s.settle("the cord") }
func (s *stage) intoTheWall()   { s.rec.wall, s.rec.cord = true, false; s.settle("the cord") }
func (s *stage) somebodyCuts()  { s.switchPlug(false, "somebody") }
func (s *stage) somebodyFeeds() { s.switchPlug(true, "somebody") }

// off is what must never come about where nothing proves that it is off.
var off = []string{"safe said", "effect relay_off"}
