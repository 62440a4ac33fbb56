package power_test

import (
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// The traps: event traces that broke earlier wordings of the rules. Times are
// seconds after the press, or after the loss of mains.

// T1: the request is accepted and ignored, twice; later the recorder's switch port
// fails while the witness answers and the relay is on.
func TestT1AnIgnoredShutdownIsNeverProvenByADeadSwitchPort(t *testing.T) {
	for name, change := range map[string]func(*plan){"proven": func(*plan) {}, "presumed": presumes, "presumed without meter": func(p *plan) { presumes(p); noMeter(p) }} {
		t.Run(name+", port fails in still_on", func(t *testing.T) {
			s := play(t, drilled(0.4, ignores, change))
			s.press(power.PowerCycle)
			s.reach("attention(still_on)", sec(220))
			s.counts("put", 2)
			s.run(time.Minute)
			s.net = false
			s.reach("confirming", sec(20))
			s.reach("presumed_off", sec(190))
			s.reach("attention(unproven)", 21*time.Minute)
			s.stays("attention(unproven)", 2*time.Hour)
			s.really("running")
			s.never(off...)
			s.never("proof power", "proof presumed")
		})
		t.Run(name+", port fails soon after the second request", func(t *testing.T) {
			s := play(t, drilled(0.4, ignores, change))
			s.press(power.PowerCycle)
			s.reach("shutting_down", sec(20))
			s.reach("shutting_down", sec(120))
			s.reach("confirming", sec(5))
			s.run(sec(30))
			s.net = false
			s.reach("presumed_off", sec(190))
			s.reach("attention(unproven)", 21*time.Minute)
			s.really("running")
			s.never(off...)
			s.never("proof power", "proof presumed")
		})
	}
}

// T2: it halts at 9 W and boots at 8 W; "reboots instead" with a disk check of
// 900 s at 8 W.
func TestT2AMeterThatCantTellABootFromAHaltProvesNothing(t *testing.T) {
	t.Run("after a drill", func(t *testing.T) {
		s := play(t, home(haltsAt9W, func(p *plan) { p.bootW, p.flushW = 8, 8 }))
		s.drill()
		if l := s.br.m.Memory().Learned; !l.Passed || !l.Blind || l.OffWatts < 8 {
			t.Fatalf("the drill taught %+v", l)
		}
		offs := s.seenAt["effect relay_off"]
		s.plan.answer, s.plan.check = "reboot", 900*time.Second
		s.press(power.PowerCycle)
		s.until(sec(600))
		s.really("booting")
		s.reach("booting", sec(1000))
		s.reach("running", sec(600))
		s.never("safe said", "proof power")
		s.counts("effect relay_off", offs)
	})
	t.Run("after a failed boot", func(t *testing.T) {
		s := play(t, home(haltsAt9W, func(p *plan) { p.bootW, p.flushW = 8, 8 }))
		s.drill()
		offs := s.seenAt["effect relay_off"]
		s.plan.check = 3000 * time.Second
		s.press(power.Reboot)
		s.reach("attention(boot_failed)", sec(800))
		s.really("booting")
		s.stays("attention(boot_failed)", sec(1000))
		s.never("safe said", "proof power")
		s.counts("effect relay_off", offs)
	})
	t.Run("without a drill", func(t *testing.T) {
		s := play(t, home(haltsAt9W, func(p *plan) { p.bootW, p.flushW, p.answer, p.check = 8, 8, "reboot", 900*time.Second }))
		s.press(power.PowerCycle)
		s.reach("attention(unproven)", sec(600))
		s.really("booting")
		s.reach("running", sec(1000))
		s.never(off...)
	})
	t.Run("a proof of more than 3 W allows no cycle of a failed boot", func(t *testing.T) {
		s := play(t, drilled(9))
		s.press(power.Shutdown)
		s.reach("off", sec(400))
		s.br.command(power.PowerOn, "anna")
		s.plan.check = 3000 * time.Second
		s.reach("booting", sec(60))
		s.counts("effect relay_off", 1)
		s.plan.bootW = 8.5 // this once
		s.reach("attention(boot_failed)", sec(620))
		s.stays("attention(boot_failed)", sec(600))
		s.counts("effect relay_off", 1)
	})
}

// drill plays one, with a person who says when the recorder has halted.
func (s *stage) drill() {
	s.test.Helper()
	s.press(power.Check)
	s.run(sec(30))
	s.press(power.Drill)
	s.reach("rebooting", sec(40))
	s.reach("booting", sec(300))
	s.reach("counting_down", sec(300))
	s.reach("presumed_off", sec(400))
	s.really("halted")
	s.br.command(power.ConfirmOff, "anna")
	s.reach("off", sec(60))
	s.reach("booting", sec(60))
	s.reach("running", sec(400))
	s.gave(power.Finished, power.Drill, "normal")
}

// T3: the relay's report is 60 s old; someone else's automation cuts 8 s after
// the request, while it is going down; readings say 0 W.
func TestT3ReadingsWithoutAFreshRelayAreNoHalt(t *testing.T) {
	seldom := func(p *plan) { p.relayEvery, p.stamped, p.pushes = time.Minute, true, time.Second }
	t.Run("a shutdown", func(t *testing.T) {
		s := play(t, home(seldom))
		for s.t-s.plug.told > sec(2) || s.t-s.plug.told < sec(0.5) {
			s.next()
		}
		s.plan.cfg.Timers.Countdown = 0
		s.press(power.Shutdown)
		s.reach("confirming", sec(30))
		put := s.t
		told := s.plug.told
		s.run(sec(8))
		s.really("going")
		s.somebodyCuts()
		s.really("dead")
		lost := s.reach("attention(power_lost)", sec(70)) + s.zero
		between(t, "from the last report of the relay to the next", lost-told, sec(55), sec(65))
		between(t, "readings of 0 W before the relay was told", lost-put, sec(35), sec(65))
		s.run(time.Hour)
		s.is("attention(power_lost)")
		s.never(off...)
		s.never("proof power")
		s.gave(power.Undone, power.Shutdown, "power_lost")
	})
	t.Run("a drill", func(t *testing.T) {
		s := play(t, home(seldom))
		s.press(power.Check)
		s.run(sec(30))
		s.press(power.Drill)
		s.reach("counting_down", sec(30))
		s.reach("counting_down", sec(300))
		s.reach("confirming", sec(70))
		s.run(sec(8))
		s.somebodyCuts()
		s.reach("attention(power_lost)", sec(70))
		s.somebodyFeeds()
		s.reach("running", sec(400))
		s.gave(power.Undone, power.Drill, "power_lost")
		if s.br.m.Memory().Learned.Passed {
			t.Error("the drill has passed")
		}
		s.never(off...)
	})
}

// T4: confirm_off at 300; the recorder comes back at a new address at 562;
// power_on at 1500.
func TestT4APersonsWordIsNoLongerTrueAfterFiveMinutes(t *testing.T) {
	for _, numeric := range []bool{true, false} {
		t.Run(map[bool]string{true: "by address", false: "by name"}[numeric], func(t *testing.T) {
			s := play(t, home(noMeter, func(p *plan) { p.numeric = numeric }))
			s.press(power.Shutdown)
			s.until(sec(300))
			s.is("presumed_off")
			s.br.command(power.ConfirmOff, "anna")
			s.gave(power.Finished, power.ConfirmOff, "")
			if s.br.m.Proof() != power.ProofPerson {
				t.Fatal("a person's word is no proof")
			}
			s.on(sec(562), func() { s.rec.moved = true; s.boots() })
			s.until(sec(700))
			s.really("running")
			s.until(sec(1500))
			if numeric {
				s.is("presumed_off")
				s.really("running")
			} else {
				s.is("running")
			}
			s.br.command(power.PowerOn, "anna")
			s.run(time.Hour)
			s.really("running")
			s.never(off...)
		})
	}
	t.Run("within five minutes it is", func(t *testing.T) {
		s := play(t, home(noMeter))
		s.press(power.Shutdown)
		s.until(sec(300))
		s.br.command(power.ConfirmOff, "anna")
		s.until(sec(590))
		s.br.command(power.PowerOn, "anna")
		s.reach("cutting", sec(1))
		s.reach("running", sec(400))
		s.counts("off by person", 1)
		s.never("safe said")
	})
}

// T5: accepted, alive at 122, sign-in gone for the second look; silent from 162.
func TestT5ASlowShutdownWhoseSecondLookFailsIsStillAShutdown(t *testing.T) {
	slow := func(p *plan) { p.down = 150 * time.Second }
	t.Run("by hand, without meter", func(t *testing.T) {
		s := play(t, home(noMeter, slow))
		s.press(power.Shutdown)
		s.until(sec(100))
		s.reach("confirming", sec(22))
		s.counts("put", 1)
		s.until(sec(122))
		s.really("going")
		at := s.reach("presumed_off", sec(300))
		between(t, "presumed off", at, sec(162+180), sec(162+190))
		s.stays("presumed_off", 2*time.Hour)
		s.went("checking counting_down shutting_down confirming shutting_down confirming presumed_off")
		s.counts("put", 1)
		s.never(off...)
		s.gave(power.Finished, power.Shutdown, "presumed_off")
	})
	for name, p := range map[string]plan{
		"an outage, proven":   drilled(0.4, withMains, slow),
		"an outage, presumed": drilled(9, withMains, noMeter, slow, presumes, func(p *plan) { p.learned.ToSilence = 100 * time.Second }),
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, p)
			s.dark()
			s.reach("confirming", sec(120))
			s.reach("confirming", sec(120))
			s.counts("put", 1)
			s.on(sec(600), s.mainsBack)
			s.until(sec(600))
			s.is("presumed_off", "off")
			s.reach("running", sec(800))
			s.really("running")
			s.counts("effect relay_off", 1)
			if strings.Contains(s.path(), "attention") {
				t.Errorf("it went %s", s.path())
			}
		})
	}
}

// T6: a halted recorder answers with RST; an outage; mains comes back.
func TestT6AHaltedRecorderThatAnswersNeedsAPersonUntilItsPowerWasCycled(t *testing.T) {
	for name, cycle := range map[string]func(*stage){
		"the plug":  func(s *stage) { s.somebodyCuts(); s.at(sec(20), s.somebodyFeeds) },
		"its cord":  func(s *stage) { s.pull(); s.at(sec(20), s.plugIn) },
		"cord, 2 s": func(s *stage) { s.pull(); s.at(sec(2), s.plugIn) },
	} {
		t.Run("cycled by "+name, func(t *testing.T) {
			s := play(t, drilled(0.4, withMains, answersRST))
			s.dark()
			s.reach("attention(still_on)", sec(400))
			s.really("halted")
			s.mainsBack()
			s.stays("attention(still_on)", 2*time.Hour)
			s.really("halted")
			s.never(off...)
			cycle(s)
			s.reach("running", sec(2400))
			s.really("running")
			s.never(off...)
		})
	}
}

// T7: power_cycle, drill, or cancel after the request, on a recorder without a
// provable halt.
func TestT7WhatCantBeProvenNeedsAPersonInBoundedTime(t *testing.T) {
	for _, x := range []struct {
		name          string
		action        power.Action
		change        func(*plan)
		cancel        bool
		least, within time.Duration
	}{
		{"power cycle, 9 W", power.PowerCycle, haltsAt9W, false, sec(30 + 180 + 300), sec(70 + 180 + 310)},
		{"power cycle, no meter", power.PowerCycle, noMeter, false, sec(30 + 180 + 300), sec(70 + 180 + 310)},
		{"cancel, 9 W", power.Shutdown, haltsAt9W, true, sec(30 + 180 + 300), sec(70 + 180 + 310)},
		{"cancel, no plug", power.Shutdown, noPlug, true, sec(30 + 180 + 300), sec(70 + 180 + 310)},
		{"drill, 9 W", power.Drill, haltsAt9W, false, sec(1800), sec(2600)},
		{"drill, no plug", power.Drill, noPlug, false, sec(1800), sec(2600)},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := play(t, home(x.change))
			if x.action == power.Drill {
				s.press(power.Check)
				s.run(sec(30))
			}
			s.press(x.action)
			if x.cancel {
				s.on(sec(60), func() { s.br.command(power.Cancel, "anna") })
			}
			at := s.reach("attention(unproven)", x.within)
			between(t, "unproven", at, x.least, x.within)
			if s.entered("presumed_off") < 0 {
				t.Error("it was never presumed off")
			}
			s.stays("attention(unproven)", time.Hour)
			s.never(off...)
		})
	}
	t.Run("by hand without power owed, and an outage goes over it", func(t *testing.T) {
		s := play(t, home(haltsAt9W, withMains, anyOutage))
		s.press(power.Shutdown)
		s.until(sec(300))
		s.is("presumed_off")
		s.mainsOut()
		s.stays("presumed_off", sec(600))
		s.mainsBack()
		s.stays("presumed_off", 2*time.Hour)
		if n := s.br.m.Needs(); len(n) > 0 {
			t.Errorf("it needs %v", n)
		}
		s.never(off...)
		s.never("effect relay_on")
	})
}

// T8: no plug; power_on in confirming; an outage that ends.
func TestT8WithoutAPlugNothingIsSwitchedOn(t *testing.T) {
	t.Run("power_on in confirming", func(t *testing.T) {
		s := play(t, home(noPlug))
		s.press(power.Shutdown)
		s.until(sec(60))
		s.is("confirming")
		s.br.command(power.PowerOn, "anna")
		s.gave(power.Declined, power.PowerOn, "no_plug")
		s.reach("presumed_off", sec(200))
		s.br.command(power.PowerOn, "anna")
		s.stays("presumed_off", 2*time.Hour)
		s.never("effect relay_on", "state powering_on", "safe said")
	})
	t.Run("an outage that ends", func(t *testing.T) {
		s := play(t, home(noPlug, withMains, anyOutage))
		s.dark()
		s.until(sec(600))
		s.is("presumed_off")
		s.mainsBack()
		at := s.reach("attention(unproven)", sec(440))
		between(t, "unproven after mains", at-sec(600), sec(120+300), sec(430))
		s.stays("attention(unproven)", time.Hour)
		s.went("checking counting_down shutting_down confirming presumed_off attention(unproven)")
		s.pull()
		s.run(sec(20))
		s.plugIn()
		s.reach("booting", sec(200))
		s.reach("running", sec(200))
		s.stays("running", time.Hour)
		s.never("effect relay_on", "state powering_on")
	})
}

// T9: off or powering_on; the owner plugs the recorder into the wall.
func TestT9ARecorderAtTheWallIsntSwitchedByThisPlug(t *testing.T) {
	t.Run("off", func(t *testing.T) {
		s := play(t, home())
		s.press(power.Shutdown)
		s.reach("off", sec(200))
		s.run(time.Minute)
		s.intoTheWall()
		s.reach("booting", sec(120))
		s.bypassed()
		s.reach("running", sec(120))
		s.stays("running", time.Hour)
	})
	t.Run("powering_on", func(t *testing.T) {
		s := play(t, home())
		s.press(power.Shutdown)
		s.reach("off", sec(200))
		s.deafPlug = true
		s.br.command(power.PowerOn, "anna")
		s.reach("powering_on", sec(20))
		s.stays("powering_on", sec(300))
		s.intoTheWall()
		s.reach("booting", sec(120))
		s.bypassed()
		s.reach("running", sec(120))
		s.stays("running", time.Hour)
	})
}

func (s *stage) bypassed() {
	s.test.Helper()
	if s.plug.on {
		s.test.Error("the plug is on")
	}
	if text := s.br.m.Status(); !strings.Contains(text, "this plug doesn't feed it") {
		s.test.Errorf("status: %s", text)
	}
}

// T10: an address by DHCP with a name; a new lease after the boot.
func TestT10ARecorderWithANewLeaseIsFoundByItsName(t *testing.T) {
	s := play(t, home(haltsAt9W, func(p *plan) { p.fixed = false }))
	s.press(power.Shutdown)
	s.until(sec(400))
	s.is("presumed_off")
	s.somebodyCuts()
	s.reach("off", sec(10))
	s.rec.moved = true
	s.somebodyFeeds()
	s.reach("booting", sec(10))
	fed := s.t
	s.run(sec(70))
	s.really("busy")
	if !s.rec.moved {
		t.Fatal("it was found too early")
	}
	at := s.reach("running", sec(200)) + s.zero
	between(t, "found and verified", at-fed, sec(80), sec(210))
	s.gave(power.Finished, power.Shutdown, "presumed_off")
	s.stays("running", time.Hour)
}

// T11: the journal is damaged, the recorder healthy.
func TestT11ADamagedJournalIsReplacedOnceTheRecorderHasAnsweredForTenMinutes(t *testing.T) {
	t.Run("healthy", func(t *testing.T) {
		s := play(t, home(withMains, anyOutage))
		s.br.damage()
		s.begin()
		s.br.restart()
		s.is("attention(journal_damaged)")
		s.until(sec(60))
		s.br.command(power.Shutdown, "anna")
		s.gave(power.Declined, power.Shutdown, "observing")
		s.mainsOut()
		s.until(sec(590))
		s.is("attention(journal_damaged)")
		s.never("put")
		s.mainsBack()
		at := s.reach("booting", sec(30))
		between(t, "new journal", at, sec(600), sec(615))
		s.reach("running", sec(60))
		s.stays("running", time.Hour)
		s.never("put", "effect relay_off")
	})
	t.Run("going down", func(t *testing.T) {
		s := play(t, home(func(p *plan) { p.down = 120 * time.Second }))
		s.press(power.Shutdown)
		s.until(sec(30))
		s.really("going")
		s.br.damage()
		s.br.restart()
		s.stays("attention(journal_damaged)", time.Hour)
		s.really("halted")
		s.counts("put", 1)
		s.never(off...)
	})
}

// T12: still_on on a recorder that answers with RST; shutdown is pressed.
func TestT12AShutdownThatIsRefusedInStillOnChangesNothing(t *testing.T) {
	s := play(t, home(answersRST))
	s.press(power.Shutdown)
	s.reach("attention(still_on)", sec(300))
	s.really("halted")
	s.press(power.Shutdown)
	s.is("checking")
	s.reach("attention(still_on)", sec(30))
	s.gave(power.Declined, power.Shutdown, "sign_in")
	s.stays("attention(still_on)", 2*time.Hour)
	s.counts("put", 1)
	s.never(off...)
}

// T13: still_on, unreachable, rebooting, came_back; someone else cuts.
func TestT13ACutBySomebodyElseIsPowerLost(t *testing.T) {
	for state, bring := range map[string]func(*stage){
		"attention(still_on)": func(s *stage) {
			s.plan.answer = "ignore"
			s.press(power.Shutdown)
		},
		"unreachable": func(s *stage) { s.net = false },
		"rebooting": func(s *stage) {
			s.plan.check = sec(300)
			s.press(power.Reboot)
		},
		"attention(came_back)": func(s *stage) {
			s.press(power.Shutdown)
			s.reach("safe", sec(200))
			s.run(sec(3))
			s.plan.haltedRST = true
		},
	} {
		t.Run(state, func(t *testing.T) {
			s := play(t, home(neverCuts))
			bring(s)
			s.reach(state, sec(500))
			s.run(sec(3))
			s.is(state)
			s.somebodyCuts()
			s.reach("attention(power_lost)", sec(10))
			s.stays("attention(power_lost)", time.Hour)
			s.never("effect relay_off")
		})
	}
}
