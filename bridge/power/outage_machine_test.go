package power_test

import (
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// A ruled stage is one whose machine hears of mains from the rule, and the rule from
// a UPS that is asked every 5 s. The program's journal holds the rule's last record,
// too.
type ruled struct {
	*stage
	site     *power.Site
	cfg      power.SiteConfig
	life     int // the process that it is of
	record   *power.SiteRecord
	told     power.Mains
	wake     int                // number of the timer
	upsAway  bool               // its server doesn't answer
	words    func(*power.Heard) // what the UPS tells beside
	requests map[uint64]bool
}

func playRuled(t *testing.T, p plan, c power.SiteConfig) *ruled {
	t.Helper()
	withMains(&p)
	c.Sources, c.Recorders = []power.SourceConfig{ups}, []string{"garage"}
	s := &ruled{stage: play(t, p), cfg: c, words: charge(90), requests: map[uint64]bool{}}
	s.mains.source = false // nobody else tells
	s.start()
	s.every(5*time.Second, s.ask)
	s.every(time.Second, s.follow)
	s.run(3 * time.Minute)
	s.begin()
	return s
}

// start is that of the program.
func (s *ruled) start() {
	var records []power.SiteRecord
	if s.record != nil {
		records = append(records, *s.record)
	}
	site, out := power.RestoreSite(s.cfg, s.now(), records)
	s.site, s.life, s.told = site, s.br.life, power.Mains{}
	s.take(out)
	s.ask()
}

// ask is the UPS's answer.
func (s *ruled) ask() {
	h := power.Heard{Supply: power.OnMains}
	switch {
	case s.upsAway:
		h.Supply = power.SupplyUnknown
	case s.world.mains.lost:
		h.Supply = power.OnBattery
		s.words(&h)
	default:
		s.words(&h)
		h.Low = false
	}
	s.step(h)
}

// follow tells the rule how the recorder stands, and starts it with the program.
func (s *ruled) follow() {
	if s.br.life != s.life && !s.br.dead {
		s.start()
	}
	if !s.br.dead {
		s.step(power.Stands{State: s.br.m.State(), Budget: time.Minute})
	}
}

func (s *ruled) step(e power.SiteEvent) {
	if s.br.dead || s.br.life != s.life {
		return
	}
	s.take(s.site.Step(s.now(), e))
}

func (s *ruled) take(out power.SiteOutput) {
	if out.Record != nil {
		s.say("rule: %s", strings.Join(out.Record.What, "; "))
		s.record = out.Record
	}
	if m, known := s.site.Mains(0); known && m != s.told {
		s.told = m
		s.say("rule: %+v", m)
		if m.Outage != 0 {
			s.requests[m.Outage] = true
		}
		s.br.deliver(m)
	}
	if s.wake++; out.Wake >= 0 && out.Wake <= s.now().Mono {
		s.fail("it spins: wake %v, now %v", out.Wake, s.now().Mono)
		return
	}
	if n := s.wake; out.Wake >= 0 {
		s.br.later(out.Wake+s.br.base-s.t, func() {
			if s.wake == n {
				s.step(power.Tick{})
			}
		})
	}
}

func TestAnOutageFromTheLossToTheReturn(t *testing.T) {
	s := playRuled(t, drilled(0.4), power.SiteConfig{})
	s.dark()
	at := s.reach("shutting_down", time.Hour)
	between(t, "the countdown's end", at, asksAfter+5*time.Second, asksAfter+12*time.Second)
	s.reach("off", 5*time.Minute)
	s.until(20 * time.Minute)
	s.is("off")
	s.mainsBack()
	s.begin()
	at = s.reach("powering_on", time.Hour)
	between(t, "power", at, stableAfter, stableAfter+6*time.Second)
	s.reach("running", 10*time.Minute)
	s.counts("put", 1)
	s.counts("effect relay_off", 1)
	s.stays("running", time.Hour)
}

func TestMainsBackBeforeTheRequestEndsTheOutageForBoth(t *testing.T) {
	for name, back := range map[string]time.Duration{"before it asks": 4 * time.Minute, "in the countdown": asksAfter + 5*time.Second} {
		t.Run(name, func(t *testing.T) {
			s := playRuled(t, drilled(0.4), power.SiteConfig{})
			s.dark()
			s.until(back)
			s.mainsBack()
			s.run(time.Hour)
			s.is("running")
			s.never("put")
			if n := len(s.site.Memory().Shutdowns); n != 0 {
				t.Errorf("%d shutdowns are counted", n)
			}
		})
	}
}

func TestAutomaticShutdownThatIsSwitchedOffInTheCountdownStopsIt(t *testing.T) {
	s := playRuled(t, drilled(0.4), power.SiteConfig{})
	s.dark()
	s.reach("counting_down", 6*time.Minute)
	s.step(power.Automatic{On: false})
	s.is("running")
	s.stays("running", time.Hour)
	s.never("put")
	s.begin()
	s.step(power.Automatic{On: true})
	between(t, "the countdown's end", s.reach("shutting_down", time.Minute), 5*time.Second, 8*time.Second)
}

func TestAShortLossInTheCountdownOnlyHoldsIt(t *testing.T) {
	s := playRuled(t, drilled(0.4), power.SiteConfig{})
	s.dark()
	s.reach("counting_down", 6*time.Minute)
	s.mainsBack()
	s.run(20 * time.Second)
	s.is("counting_down")
	s.mainsOut()
	s.reach("shutting_down", 6*time.Second)
}

// A weak battery: whatever speaks softly against it falls at the deadline less the
// machine's own budget, which is 40 s and the 20 s of its drill.
func TestSoftFindingsFallInTimeBeforeTheBatteryMustBeSpared(t *testing.T) {
	for _, x := range []struct {
		name string
		cfg  power.SiteConfig
		tell func(s *ruled) // from the loss on
		want time.Duration
	}{
		{"10 minutes on battery", power.SiteConfig{}, nil, sparedAt - time.Minute},
		{"as configured", power.SiteConfig{Deadline: 20 * time.Minute}, nil, 20*time.Minute - time.Minute},
		{"by the runtime", power.SiteConfig{}, func(s *ruled) {
			s.words = func(h *power.Heard) { charge(90)(h); lasts(8*time.Minute - (s.t - s.zero))(h) }
		}, 7*time.Minute - time.Minute},
		{"at low battery", power.SiteConfig{}, func(s *ruled) {
			s.words = func(h *power.Heard) { charge(90)(h); h.Low = s.t-s.zero >= 6*time.Minute }
		}, 6 * time.Minute},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := playRuled(t, drilled(0.4), x.cfg)
			s.plugAway(true) // a soft finding
			s.begin()
			if x.tell != nil {
				x.tell(s)
			}
			s.mainsOut()
			at := s.reach("shutting_down", time.Hour)
			between(t, "request", at, x.want, x.want+15*time.Second+10*time.Second)
		})
	}
}

func TestWithoutADrillAnOutageWaitsForLowBattery(t *testing.T) {
	s := playRuled(t, home(), power.SiteConfig{})
	s.dark()
	s.until(30 * time.Minute)
	s.is("checking")
	if way := s.site.InTheWay(); len(way) != 1 || way[0] != "garage (checking)" {
		t.Errorf("in the way: %v", way)
	}
	s.words = func(h *power.Heard) { low(h); charge(20)(h) }
	s.begin()
	between(t, "request", s.reach("shutting_down", time.Minute), 0, 10*time.Second)
	s.reach("off", 5*time.Minute)
	s.mainsBack()
	s.begin()
	between(t, "power", s.reach("powering_on", 40*time.Minute), chargeFor, chargeFor+6*time.Second)
}

// T26, through the rule: the host died in the outage and starts hours later, before
// the UPS's server does.
func TestAHostThatComesBackWithMainsAsksNothing(t *testing.T) {
	for name, at := range map[string]time.Duration{"before it asked": 4 * time.Minute, "in the countdown": asksAfter + 3*time.Second, "after the request": asksAfter + 8*time.Second} {
		t.Run(name, func(t *testing.T) {
			s := playRuled(t, drilled(0.4, ignores), power.SiteConfig{})
			s.dark()
			s.until(at)
			s.br.kill()
			puts := s.seenAt["put"]
			s.run(6 * time.Hour)
			s.mainsBack()
			s.upsAway = true
			s.br.start()
			s.run(staleFor - time.Minute)
			s.upsAway = false
			s.run(time.Hour)
			s.is("running")
			s.counts("put", puts)
		})
	}
}

// The same start while the outage lasts.
func TestAProgramThatRestartsInAnOutageAsksAsIfItHadBeenThere(t *testing.T) {
	for name, at := range map[string]time.Duration{"when the loss counts": 16 * time.Second, "while it counts": 3 * time.Minute, "when it asks": asksAfter + time.Second, "in the countdown": asksAfter + 6*time.Second} {
		t.Run(name, func(t *testing.T) {
			s := playRuled(t, drilled(0.4), power.SiteConfig{})
			s.dark()
			s.until(at)
			if s.seenAt["put"] > 0 {
				t.Fatal("too late")
			}
			s.br.kill()
			s.run(20 * time.Second)
			s.br.start()
			latest := max(asksAfter, at+20*time.Second) + 6*time.Second // as the UPS is asked every 5 s
			between(t, "request", s.reach("checking", time.Hour), 0, latest)
			s.reach("off", 5*time.Minute)
			s.counts("put", 1)
			if len(s.requests) != 1 {
				t.Errorf("%d outages", len(s.requests))
			}
		})
	}
}

// A battery in its self-test for 12 s, right after an outage that drained it: the
// charge asks at once, and mains is back before the countdown ends.
func TestASelfTestOfAnEmptyBatteryShutsNothingDown(t *testing.T) {
	s := playRuled(t, drilled(0.4), power.SiteConfig{})
	s.words = charge(40)
	s.dark()
	s.run(12 * time.Second)
	s.mainsBack()
	s.run(time.Hour)
	s.is("running")
	s.never("put")
}

// Mains that flaps switches no recorder off and on: at most three times a day, and at
// low battery twice an hour.
func TestFlappingMainsPlaysNoPingPong(t *testing.T) {
	for _, half := range []time.Duration{6 * time.Second, 12 * time.Second, 29 * time.Second, 31 * time.Second, 150 * time.Second, asksAfter + 10*time.Second} {
		for name, words := range map[string]func(*power.Heard){"charged": charge(90), "half charged": charge(50), "low": low} {
			t.Run(half.String()+", "+name, func(t *testing.T) {
				s := playRuled(t, drilled(0.4), power.SiteConfig{})
				s.words = words
				s.begin()
				offs := func() int { return strings.Count(s.path(), "powering_on") }
				for s.t-s.zero < 2*time.Hour {
					s.mainsOut()
					s.run(half)
					s.mainsBack()
					s.run(half)
				}
				most := 3
				if name == "low" {
					most = 2 * 2
				}
				if offs() > most {
					t.Errorf("%d times off and on in 2 h", offs())
				}
				s.run(2 * time.Hour)
				s.is("running")
			})
		}
	}
}
