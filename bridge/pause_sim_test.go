package bridge_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge"
)

var pauses = flag.Int("bridge.pauses", 10_000, "how many stories of pauses are simulated")

// TestNoPauseOutlastsItsTime lets commands, power sequences, crashes, starts of the
// recorder and lost requests come at random. What is silent here ends by its time;
// what is silenced on the recorder is put back as soon as it can be asked then, and
// the journal says so before it is changed.
func TestNoPauseOutlastsItsTime(t *testing.T) {
	reached := map[string]int{}
	for seed := range *pauses {
		s := story{dice: rand.New(rand.NewPCG(uint64(seed), 7)), now: time.Unix(1_800_000_000, 0), reached: reached}
		s.run()
		if s.fault != "" {
			t.Fatalf("seed %d: %s\n%s", seed, s.fault, strings.Join(s.told, "\n"))
		}
	}
	t.Logf("reached: %v", reached)
	for _, what := range []string{"silenced", "unknown, taken", "unknown, not taken", "taken late", "not sent", "refused", "put back", "forgotten",
		"crash while silenced", "crash", "stop put back", "recorder started while silenced", "sequence silenced", "command ended by time",
		"command and sequence", "put back late", "here only", "not readable", "a person resumed in a sequence"} {
		if reached[what] == 0 {
			t.Errorf("never reached: %s", what)
		}
	}
}

// story is a bridge's rule of pauses, its journal, and the recorder.
type story struct {
	dice    *rand.Rand
	now     time.Time
	reached map[string]int
	told    []string
	fault   string

	rule    bridge.Pause
	journal bool // holds what is to be put back

	silenced  bool      // the recorder's channels
	late      time.Time // when a lost request takes effect
	lateTo    bool
	supported bool
	answers   bool // it can be asked

	sequence int       // states of a power sequence that are still to come
	moved    time.Time // when it came to the last one
	command  time.Time // until when a command pauses
	resumed  bool      // by a person, in this sequence
	clean    time.Time // since when all should be put back, and can be
	patience time.Duration
	failed   int  // tries to put it back, in a row
	attempts int  // to silence the recorder, in this pause
	may      bool // the account is known to be able to change the setting
}

func (s *story) say(format string, a ...any) {
	s.told = append(s.told, s.now.Format("15:04:05 ")+fmt.Sprintf(format, a...))
}

func (s *story) hit(what string) { s.reached[what]++ }

func (s *story) wrong(format string, a ...any) {
	if s.fault == "" {
		s.say(format, a...)
		s.fault = fmt.Sprintf(format, a...)
	}
}

func (s *story) run() {
	s.supported, s.answers = s.dice.IntN(8) > 0, true
	s.begin()
	for range 30 + s.dice.IntN(60) {
		s.event()
		s.settle(time.Duration(s.dice.ExpFloat64() * float64(10*time.Minute)))
		if s.fault != "" {
			return
		}
	}
	if !s.answers {
		s.comesBack()
	}
	s.sequence = 0
	s.rule.SequenceMoved(s.now, false)
	s.moved = time.Time{}
	s.settle(13*time.Hour + 2*time.Hour) // the longest pause, and the longest time between tries
	if s.rule.Silent(s.now) || s.silenced || s.journal {
		s.wrong("in the end: silent here %v, on the recorder %v, journal %v", s.rule.Silent(s.now), s.silenced, s.journal)
	}
}

// begin is a start of the bridge.
func (s *story) begin() {
	s.may = s.dice.IntN(4) > 0
	s.rule = bridge.NewPause(s.journal, s.supported, s.may)
	s.command, s.resumed, s.failed, s.attempts = time.Time{}, false, 0, 0
	if s.sequence > 0 { // the power machine goes on
		s.move()
	}
}

func (s *story) event() {
	switch s.dice.IntN(10) {
	case 0, 1, 2:
		d := time.Duration(1+s.dice.IntN(720)) * time.Minute
		s.rule.Begin(s.now, d)
		s.command, s.resumed, s.attempts = s.now.Add(d), false, 0
		s.say("paused for %v", d)
	case 3:
		s.rule.Resume()
		if s.sequence > 0 {
			s.hit("a person resumed in a sequence")
		}
		s.command, s.moved, s.resumed = time.Time{}, time.Time{}, s.sequence > 0
		s.say("resumed")
	case 4, 5:
		if s.sequence == 0 {
			s.sequence = 1 + s.dice.IntN(6)
		} else {
			s.sequence--
		}
		s.move()
	case 6:
		s.crash()
	case 7:
		s.stop()
	case 8:
		if s.answers {
			s.answers = false
			s.say("recorder gone")
		} else {
			s.comesBack()
		}
	}
}

// move is a step of a power sequence.
func (s *story) move() {
	runs := s.sequence > 0
	s.rule.SequenceMoved(s.now, runs)
	switch {
	case !runs:
		s.moved, s.resumed = time.Time{}, false
	case !s.resumed:
		if s.moved.IsZero() && !s.now.Before(s.command) {
			s.attempts = 0
		}
		s.moved = s.now
		if s.now.Before(s.command) {
			s.hit("command and sequence")
		}
	}
	s.say("sequence: %d states to come", s.sequence)
}

func (s *story) comesBack() {
	s.answers = true
	if s.silenced {
		s.hit("recorder started while silenced")
	}
	s.failed = 0
	s.rule.Ready()
	s.say("recorder back")
}

// crash ends the bridge, and begins the next one; a request may have been under way.
func (s *story) crash() {
	s.hit("crash")
	if s.silenced {
		s.hit("crash while silenced")
	}
	s.say("crash")
	s.settleLate()
	s.begin()
}

// stop is SIGTERM.
func (s *story) stop() {
	s.say("stop")
	if s.journal && s.answers && s.dice.IntN(4) > 0 {
		s.silenced = false
		s.hit("stop put back")
		if s.rule.Sure() {
			s.journal = false
		}
	}
	s.begin()
}

// settle lets time pass, and does what the rule wants of it.
func (s *story) settle(d time.Duration) {
	end := s.now.Add(d)
	for range 10_000 {
		s.settleLate()
		s.check()
		if s.fault != "" {
			return
		}
		step, wake := s.rule.Step(s.now, s.stands())
		if step != "nothing" {
			s.do(step)
			s.now = s.now.Add(time.Duration(s.dice.IntN(4000)) * time.Millisecond)
			continue
		}
		next := end
		for _, at := range []time.Time{wake, s.late} {
			if at.After(s.now) && at.Before(next) {
				next = at
			}
		}
		if s.now = next; !s.now.Before(end) {
			s.settleLate()
			s.check()
			return
		}
	}
	s.wrong("the rule doesn't come to rest")
}

func (s *story) stands() bridge.Standing {
	return bridge.Standing{Ask: s.answers, Careful: s.sequence > 0, Counting: s.sequence > 2}
}

func (s *story) settleLate() {
	if !s.late.IsZero() && !s.now.Before(s.late) {
		s.silenced, s.late = s.lateTo, time.Time{}
		s.hit("taken late")
		s.say("a request takes effect: silenced %v", s.silenced)
	}
}

// put sends a request to the recorder, and gives its outcome.
func (s *story) put(to bool) string {
	switch s.dice.IntN(10) {
	case 0:
		s.silenced = to
		s.hit("unknown, taken")
		return "unknown"
	case 1:
		s.late, s.lateTo = s.now.Add(time.Duration(s.dice.IntN(50))*time.Second), to
		s.hit("unknown, not taken")
		return "unknown"
	case 2:
		s.hit("refused")
		return "refused"
	case 3:
		s.hit("not sent")
		return "not sent"
	}
	s.silenced = to
	return "done"
}

func (s *story) do(step string) {
	s.say("%s", step)
	switch {
	case !s.answers:
		s.wrong("%s though it can't be asked", step)
	case s.sequence > 0 && !s.may:
		s.wrong("a login is risked in a power sequence")
	case step == "silence" && s.attempts == 3:
		s.wrong("the recorder is asked a fourth time")
	case step == "silence" && s.journal:
		s.wrong("silenced though there is something to put back")
	case step == "silence" && !s.rule.Silent(s.now):
		s.wrong("silenced though alerts aren't paused")
	case step == "silence" && s.sequence > 0 && !s.now.Before(s.command) && s.sequence <= 2:
		s.wrong("silenced late in a sequence")
	case step == "silence":
		s.silence()
	case step == "put back", step == "forget":
		s.putBack(step == "forget")
	default:
		s.wrong("%s", step)
	}
}

func (s *story) silence() {
	s.attempts++
	if !s.supported {
		s.hit("here only")
		s.rule.Silenced(s.now, "not sent", false, "unsupported")
		return
	}
	s.journal = true
	if s.dice.IntN(20) == 0 {
		s.crash() // with the journal written and nothing sent
		return
	}
	outcome := s.put(true)
	if s.dice.IntN(20) == 0 {
		s.crash()
		return
	}
	why := ""
	switch outcome {
	case "done":
		s.may = true
		s.hit("silenced")
		if s.sequence > 0 {
			s.hit("sequence silenced")
		}
	case "not sent":
		s.journal = s.dice.IntN(5) == 0 // a disk may fail
	case "refused":
		if s.dice.IntN(2) == 0 {
			s.may, why = false, "forbidden"
		}
	}
	s.rule.Silenced(s.now, outcome, s.journal, why)
}

func (s *story) putBack(forget bool) {
	if !s.journal {
		s.wrong("put back though nothing is left")
		return
	}
	if s.dice.IntN(6) == 0 {
		s.hit("not readable")
		s.fails([]string{"unknown", "unsupported"}[s.dice.IntN(2)])
		return
	}
	if s.silenced {
		if outcome := s.put(false); outcome != "done" {
			s.fails(outcome)
			return
		}
		s.hit("put back")
	}
	if s.dice.IntN(20) == 0 {
		s.crash() // before the journal is told
		return
	}
	if forget && s.dice.IntN(10) > 0 {
		s.journal = false
		s.failed = 0
		s.hit("forgotten")
		s.rule.WasPutBack(s.now, false, "")
		return
	}
	if forget {
		s.fails("disk")
		return
	}
	s.failed = 0
	s.patience += time.Minute
	s.rule.WasPutBack(s.now, true, "")
}

// fails tells the rule that a setting couldn't be put back, as far as is known.
func (s *story) fails(why string) {
	s.patience += 5*time.Second + min(time.Hour, 10*time.Second<<min(s.failed, 10))
	s.failed++
	s.rule.WasPutBack(s.now, true, why)
}

// check is what must hold at every moment.
func (s *story) check() {
	here := s.rule.Silent(s.now)
	byCommand := s.now.Before(s.command)
	bySequence := !s.moved.IsZero() && s.now.Before(s.moved.Add(2*time.Hour))
	switch {
	case here && !byCommand && !bySequence:
		s.wrong("silent here beyond its time")
	case !here && (byCommand || bySequence):
		s.wrong("told in a pause")
	case s.rule.Quiet(s.now) != bySequence:
		s.wrong("problems are quiet: %v", !bySequence)
	case s.silenced && !s.journal:
		s.wrong("silenced on the recorder, and nobody knows")
	}
	if !here && !s.command.IsZero() && !s.now.Before(s.command) {
		s.hit("command ended by time")
	}
	if here || !s.answers || s.sequence > 0 || !s.silenced {
		s.clean = time.Time{}
		return
	}
	if s.clean.IsZero() {
		s.clean, s.patience = s.now, 2*time.Minute+min(time.Hour, 10*time.Second<<min(s.failed, 10))
	}
	// Requests take four seconds; the time to the next try doubles with each that fails.
	if long := s.now.Sub(s.clean); long > time.Minute {
		s.hit("put back late")
		if long > s.patience {
			s.wrong("silenced on the recorder for %v beyond its time", long)
		}
	}
}
