package power_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// T14: every commit takes 3 s; an outage.
func TestT14ASlowDiskDelaysTheRequestAndNeverCutsOnAStaleProof(t *testing.T) {
	slow := func(p *plan) { p.commit = sec(3) }
	t.Run("the request leaves, and power comes back", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains, slow))
		s.dark()
		s.until(sec(180))
		s.counts("put", 1)
		at := s.reach("cutting", sec(300))
		s.run(sec(8))
		s.never("effect relay_off")
		if !s.plug.on {
			t.Error("the plug was switched off")
		}
		s.on(sec(900), s.mainsBack)
		s.until(sec(900))
		s.is("attention(cut_unconfirmed)")
		s.really("halted")
		if at > sec(400) {
			t.Errorf("cutting only at %v", at)
		}
	})
	t.Run("no OFF if life came while the disk was waited for", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains))
		s.dark()
		s.reach("confirming", sec(100))
		s.plan.commit = sec(3)
		s.reach("cutting", sec(120))
		s.run(sec(1.6)) // no probe is on its way
		s.plan.haltedRST = true
		s.run(sec(60))
		s.never(off...)
		s.is("attention(came_back)")
	})
	t.Run("an OFF if the disk is well again", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains))
		s.dark()
		s.reach("confirming", sec(100))
		s.plan.commit = sec(3)
		s.reach("cutting", sec(120))
		s.run(sec(1))
		s.plan.commit = 0
		s.reach("off", sec(60))
		s.counts("effect relay_off", 1)
	})
}

// T15: a drill on a recorder that halts at 9 W; confirm_off.
func TestT15ADrillIsPassedByAPersonsWord(t *testing.T) {
	s := play(t, home(haltsAt9W))
	s.drill()
	s.went("checking counting_down rebooting booting counting_down shutting_down confirming presumed_off cutting off powering_on booting running")
	l := s.br.m.Memory().Learned
	if !l.Passed || l.Firmware != firmware || l.Blind {
		t.Errorf("it taught %+v", l)
	}
	between(t, "time to silence", l.ToSilence, sec(18), sec(23))
	between(t, "gap", l.Gap, sec(66), sec(74))
	if l.Halted != 9 || l.OffWatts < 9.89 || l.OffWatts > 9.91 || l.Running != 22 {
		t.Errorf("it taught %v W halted, off at %v W, %v W running", l.Halted, l.OffWatts, l.Running)
	}
	s.counts("off by person", 1)
	s.never("safe said", "off by power")

	// What it taught is of use.
	s.press(power.Shutdown)
	at := s.reach("safe", sec(400))
	between(t, "safe after a drill", at, sec(30+180+30), sec(30+180+30+10))
	s.reach("off", sec(60))
}

// T16: a plug with a meter, halted at 9 W, no drill: by hand.
func TestT16WithoutADrillARecorderThatHaltsAt9WIsPresumedOff(t *testing.T) {
	begin := func(t *testing.T) *stage {
		s := play(t, home(haltsAt9W))
		s.press(power.Shutdown)
		between(t, "presumed off", s.reach("presumed_off", sec(300)), sec(30+180), sec(240))
		s.gave(power.Finished, power.Shutdown, "presumed_off")
		s.until(sec(600))
		s.is("presumed_off")
		return s
	}
	t.Run("plug off by the owner", func(t *testing.T) {
		s := begin(t)
		s.somebodyCuts()
		s.reach("off", sec(10))
		s.stays("off", time.Hour)
		if n := s.br.m.Needs(); len(n) > 0 {
			t.Errorf("it needs %v", n)
		}
		s.somebodyFeeds()
		s.reach("booting", sec(10))
		s.reach("running", sec(200))
		s.never(off...)
		if strings.Contains(s.path(), "attention") {
			t.Errorf("it went %s", s.path())
		}
	})
	t.Run("cord pulled", func(t *testing.T) {
		s := begin(t)
		s.pull()
		s.stays("presumed_off", time.Hour)
		if w := s.watts(); w != 0 {
			t.Fatalf("the plug reads %v W", w)
		}
		s.plugIn()
		s.reach("booting", sec(120))
		s.reach("running", sec(120))
		s.never(off...)
		s.never("proof power")
	})
}

// T17: presumed_off, the bridge restarts; safe, the bridge dies, Home Assistant
// cuts, the bridge starts.
func TestT17ARestartProvesAgain(t *testing.T) {
	t.Run("presumed_off", func(t *testing.T) {
		s := play(t, home(haltsAt9W))
		s.press(power.Shutdown)
		s.until(sec(600))
		s.is("presumed_off")
		s.begin()
		s.br.restart()
		s.is("confirming")
		between(t, "presumed again", s.reach("presumed_off", sec(200)), sec(180), sec(186))
		s.stays("presumed_off", time.Hour)
		s.went("confirming presumed_off")
		s.counts("put", 1)
		s.never(off...)
	})
	t.Run("safe", func(t *testing.T) {
		s := play(t, home(neverCuts))
		s.press(power.Shutdown)
		s.reach("safe", sec(200))
		s.run(sec(10))
		s.happened("safe said")
		said := s.seenAt["safe said"]
		s.br.kill()
		s.run(sec(5))
		s.somebodyCuts()
		s.run(sec(60))
		s.begin()
		s.br.start()
		s.reach("off", sec(10))
		s.stays("off", time.Hour)
		s.counts("safe said", said)
		if strings.Contains(s.path(), "attention") {
			t.Errorf("it went %s", s.path())
		}
	})
}

// T18: 12 s without an answer while services stop, then silent; a stranger answers
// at the address.
func TestT18LifeThatPassesByIsNoBoot(t *testing.T) {
	t.Run("services stop for 12 s", func(t *testing.T) {
		s := play(t, home(noMeter, noUptime, func(p *plan) { p.down = sec(40) }))
		s.press(power.Shutdown)
		s.reach("confirming", sec(20))
		s.at(sec(5), func() { s.net = false })
		s.at(sec(18), func() { s.net = true })
		between(t, "taken for a boot", s.reach("booting", sec(40)), sec(28), sec(34))
		s.really("going")
		s.reach("confirming", sec(100))
		s.really("halted")
		s.reach("presumed_off", sec(200))
		s.stays("presumed_off", 2*time.Hour)
		s.counts("put", 1)
	})
	t.Run("a stranger passes by", func(t *testing.T) {
		s := play(t, home(noMeter))
		s.press(power.Shutdown)
		s.reach("presumed_off", sec(300))
		s.run(sec(60))
		s.rec.stranger = true
		s.reach("booting", sec(5))
		s.run(sec(200))
		s.is("booting")
		s.rec.stranger = false
		gone := s.t - s.zero
		between(t, "silent again", s.reach("confirming", sec(80))-gone, sec(58), sec(66))
		s.reach("presumed_off", sec(200))
		s.stays("presumed_off", 2*time.Hour)
		s.really("halted")
		s.never(off...)
	})
}

// T19: the fsync of the safe record stalls for 10 s; the recorder answers
// meanwhile.
func TestT19SafeIsntSaidWhileItsRecordIsntDurable(t *testing.T) {
	for _, x := range []struct {
		name    string
		change  func(*plan)
		stalls  time.Duration
		answers bool
		end     string
	}{
		{"10 s, never cuts", neverCuts, sec(10), true, "confirming"}, // the probes were too old by then
		{"10 s, cuts", lastsADay, sec(10), true, "attention(cut_unconfirmed)"},
		{"5 s, never cuts", neverCuts, sec(5), true, "attention(came_back)"},
		{"5 s, cuts", lastsADay, sec(5), true, "attention(came_back)"},
		{"5 s without an answer, never cuts", neverCuts, sec(5), false, "safe"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := play(t, home(x.change))
			s.press(power.Shutdown)
			s.reach("confirming", sec(20))
			s.plan.commit = x.stalls
			s.reach("safe", sec(120))
			if _, ok := s.br.m.Safe(); ok {
				t.Error("safe may be said before its record is durable")
			}
			if x.answers {
				s.run(sec(3.5))
				s.plan.haltedRST = true
			}
			s.run(x.stalls)
			s.is(x.end)
			s.counts("effect relay_off", 0)
			if x.answers {
				s.never("safe said")
			} else {
				s.run(sec(3))
				s.happened("safe said")
			}
		})
	}
}

// T20: the plug is off the network during the cut; mains blinks; the recorder
// boots; the plug joins again.
func TestT20AnOffThatCouldntBeSentIsNeverSentLater(t *testing.T) {
	s := play(t, home())
	s.world.moved = func(x power.Move) {
		s.moves = append(s.moves, moved{s.t - s.zero, x})
		s.plug.away = s.plug.away || x.To == "cutting"
	}
	s.press(power.Shutdown)
	s.reach("cutting", sec(120))
	s.counts("effect relay_off", 1)
	s.run(sec(1))
	if !s.plug.on {
		t.Fatal("the OFF has arrived")
	}
	s.plugAway(true)
	s.reach("attention(cut_unconfirmed)", sec(30))
	s.rec.cord = false
	s.settle("a blink of mains")
	s.rec.cord = true
	s.settle("a blink of mains")
	s.really("booting")
	s.run(sec(30))
	s.plugAway(false)
	s.reach("booting", sec(120))
	s.reach("running", sec(120))
	s.stays("running", time.Hour)
	s.counts("effect relay_off", 1)
	if !s.plug.on {
		t.Error("the plug is off")
	}
}

func TestT20APlugThatWasAwayNeedsAWholeNewProof(t *testing.T) {
	s := play(t, home(func(p *plan) { p.stuck = true }))
	s.press(power.Shutdown)
	s.reach("cutting", sec(120))
	s.run(sec(2))
	s.plugAway(true)
	s.run(sec(4))
	s.plugAway(false)
	s.is("attention(cut_unconfirmed)")
	back := s.t
	s.plan.stuck = false
	for s.seenAt["effect relay_off"] < 2 {
		s.next()
	}
	between(t, "a new proof", s.t-back, sec(45), sec(60))
	s.reach("off", sec(60))
}

// T21: no meter; silent for an hour; power cycled by hand.
func TestT21SilenceAloneIsNeverSafe(t *testing.T) {
	for name, change := range map[string]func(*plan){"no meter": noMeter, "no plug": noPlug} {
		t.Run(name, func(t *testing.T) {
			s := play(t, home(change, func(p *plan) { p.check = sec(300) }))
			s.press(power.Shutdown)
			s.reach("presumed_off", sec(300))
			s.stays("presumed_off", time.Hour)
			s.pull()
			s.run(sec(30))
			s.plugIn()
			s.run(sec(300))
			s.is("presumed_off")
			s.really("booting")
			s.reach("booting", sec(200))
			s.reach("running", sec(200))
			s.never(off...)
			s.never("state safe")
		})
	}
}

// T21a: safe with a meter; the plug's radio dies; someone powers the recorder.
func TestT21aSafeEndsTwentySecondsAfterTheLastReading(t *testing.T) {
	s := play(t, home(neverCuts))
	s.press(power.Shutdown)
	s.reach("safe", sec(200))
	s.run(sec(30))
	s.plug.away = true // and nobody tells
	last := s.readAt
	s.run(sec(3))
	s.rec.cord = false
	s.settle("the cord")
	s.intoTheWall()
	s.really("booting")
	s.reach("confirming", sec(30))
	between(t, "from the last reading to the end of safe", s.t-last, sec(19), sec(20.1))
	between(t, "from the last reading to the last safe", s.saidAt-last, sec(15), sec(20))
	s.reach("booting", sec(120))
	s.reach("running", sec(200))
	s.never("effect relay_off")
}

// T22: the name server dies after the request, the recorder stays on.
func TestT22ANameThatIsntFoundIsUnknownAndNotSilent(t *testing.T) {
	for name, p := range map[string]plan{"no meter": home(noMeter, ignores), "0 W": home(ignores), "presumed": drilled(9, ignores, noMeter, presumes)} {
		t.Run(name, func(t *testing.T) {
			s := play(t, p)
			s.press(power.PowerCycle)
			s.reach("confirming", sec(20))
			s.noLookup = true
			if name == "0 W" {
				s.plan.runW = 0.3
			}
			at := s.reach("attention(unproven)", sec(600))
			between(t, "unproven", at, sec(480), sec(520))
			s.stays("attention(unproven)", time.Hour)
			s.really("running")
			s.never(off...)
			s.never("state presumed_off", "proof power", "proof presumed")
			s.noLookup = false
			s.reach("booting", sec(20))
			s.reach("running", sec(620)) // with a fault: it has never restarted
		})
	}
}

// T23: off-watts is set to 15 W; the network dies first while one disk turns at
// 8 W.
func TestT23OffWattsMayOnlyBeLowered(t *testing.T) {
	for _, x := range []struct {
		name    string
		watts   float64
		learned power.Learned
		right   bool
	}{
		{"15 W without a drill", 15, power.Learned{}, false},
		{"1.1 W without a drill", 1.1, power.Learned{}, false},
		{"1 W without a drill", 1, power.Learned{}, true},
		{"0.5 W", 0.5, power.Learned{}, true},
		{"less than nothing", -1, power.Learned{}, false},
		{"15 W where 9.9 W were learned", 15, power.Learned{Passed: true, Gap: sec(70), OffWatts: 9.9}, false},
		{"9.9 W where they were learned", 9.9, power.Learned{Passed: true, Gap: sec(70), OffWatts: 9.9}, true},
	} {
		if err := (power.Config{OffWatts: x.watts}).Validate(x.learned); (err == nil) != x.right {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	for name, p := range map[string]plan{"9 W learned": drilled(9), "no drill": home(haltsAt9W)} {
		t.Run(name, func(t *testing.T) {
			p.flush, p.flushW = sec(170), 8
			s := play(t, p)
			s.press(power.Shutdown)
			s.until(sec(195))
			s.really("flushing")
			s.is("confirming")
			s.never(off...)
			s.until(sec(600))
			s.really(map[string]string{"9 W learned": "dead", "no drill": "halted"}[name])
			s.is(map[string]string{"9 W learned": "off", "no drill": "presumed_off"}[name])
		})
	}
}

// T24: zigbee2mqtt repeats a false power: 0 with every voltage report.
func TestT24ACachedFigureIsOneReadingAtMostPerQuestion(t *testing.T) {
	t.Run("questions get lost", func(t *testing.T) {
		s := play(t, home(ignores, func(p *plan) { p.chatter, p.cached = sec(2), true }))
		s.press(power.Shutdown)
		s.reach("confirming", sec(20))
		s.net = false
		s.plug.was, s.unasked = 0, true
		s.br.deliver(power.Asked{At: s.now()}) // the last one, and its answer gets lost
		s.reach("presumed_off", sec(200))
		s.run(time.Hour)
		s.is("presumed_off")
		if s.plug.was != 0 {
			t.Fatalf("it repeats %v W", s.plug.was)
		}
		s.really("running")
		s.never(off...)
		s.never("proof power")
	})
	t.Run("the first answer after each question is the cached one", func(t *testing.T) {
		s := play(t, home(ignores, func(p *plan) { p.chatter, p.cached = sec(1), true }))
		s.press(power.Shutdown)
		s.reach("confirming", sec(20))
		s.net, s.plug.zero = false, true
		s.reach("presumed_off", sec(200))
		s.really("running")
		s.never(off...)
		s.never("proof power")
	})
}

// T25: an online upgrade begins in the countdown; "busy / upgrading" to the
// request.
func TestT25AnUpgradeThatBeginsLateIsNamedAndNotDisturbed(t *testing.T) {
	named := func(s *stage) {
		s.test.Helper()
		if !slices.ContainsFunc(s.br.m.Findings(), func(f power.Finding) bool { return f.ID == "upgrade" && f.Severity == power.Hard }) {
			s.test.Errorf("findings %+v", s.br.m.Findings())
		}
	}
	t.Run("in the countdown", func(t *testing.T) {
		s := play(t, home())
		s.press(power.Shutdown)
		s.until(sec(5))
		s.is("counting_down")
		s.upgrading = true
		s.reach("running", sec(20))
		s.gave(power.Undone, power.Shutdown, "upgrade")
		named(s)
		s.run(time.Hour)
		s.never("put")
	})
	t.Run("at the request", func(t *testing.T) {
		s := play(t, home(func(p *plan) { p.answer = "busy" }))
		s.press(power.Shutdown)
		for s.seenAt["put"] == 0 {
			s.next()
		}
		s.upgrading = true
		s.reach("checking", sec(1))
		s.counts("put", 1)
		s.reach("running", sec(30))
		s.gave(power.Undone, power.Shutdown, "upgrade")
		named(s)
		s.run(time.Hour)
		s.counts("put", 1)
	})
	t.Run("before the second request", func(t *testing.T) {
		s := play(t, home(ignores))
		s.press(power.Shutdown)
		s.until(sec(60))
		s.is("confirming")
		s.upgrading = true
		s.reach("attention(still_on)", sec(200))
		named(s)
		s.counts("put", 1)
	})
	t.Run("in an outage, at low battery as well", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains))
		s.upgrading = true
		s.dark()
		s.until(sec(300))
		s.is("checking")
		s.mains.low = true
		s.until(sec(1200))
		s.is("checking")
		named(s)
		s.never("put")
	})
}

// T26: intent(put) at 02:00, the host dies, mains comes back, the bridge starts at
// 08:00, the recorder is healthy.
func TestT26AnOldIntentIsntCarriedOut(t *testing.T) {
	for name, restarts := range map[string]bool{"it never went down": false, "it started meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			s := play(t, home(ignores, func(p *plan) { p.latency = sec(5) }))
			s.press(power.Shutdown)
			s.reach("shutting_down", sec(30))
			for s.seenAt["put"] == 0 {
				s.next()
			}
			s.br.kill()
			if restarts {
				s.pull()
				s.run(sec(60))
				s.plugIn()
			}
			s.run(6 * time.Hour)
			s.really("running")
			s.begin()
			s.br.start()
			s.is("confirming")
			at := s.reach("running", sec(200))
			s.stays("running", time.Hour)
			s.counts("put", 1)
			s.never(off...)
			if restarts {
				s.gave(power.Undone, power.Shutdown, "came_back")
			} else {
				between(t, "looked at", at, sec(90), sec(95))
				s.gave(power.Undone, power.Shutdown, "restart")
			}
		})
	}
}

// T27: an outage, the cut, the lease expires, a telephone gets the address.
func TestT27AStrangerAtTheAddressOfACutRecorderIsntTheRecorder(t *testing.T) {
	s := play(t, drilled(0.4, withMains))
	s.dark()
	s.reach("off", sec(300))
	s.run(sec(60))
	s.rec.moved, s.rec.stranger = true, true
	s.stays("off", sec(600))
	s.mainsBack()
	back := s.t
	s.reach("powering_on", sec(130))
	between(t, "mains before power", s.t-back, sec(120), sec(130))
	s.reach("booting", sec(10))
	s.reach("running", sec(300))
	s.really("running")
	s.counts("effect relay_on", 1)
}

// T28: two requests are accepted, 4 min to go down.
func TestT28ARecorderThatTakesFourMinutesIsFoundOff(t *testing.T) {
	for name, x := range map[string]struct {
		p   plan
		end string
	}{"meter": {home(neverCuts), "safe"}, "no meter": {home(noMeter), "presumed_off"}} {
		t.Run(name, func(t *testing.T) {
			x.p.answer, x.p.down = "ignore", 0
			s := play(t, x.p)
			s.press(power.Shutdown)
			s.on(sec(250), func() { s.goesDown(false) })
			s.reach("attention(still_on)", sec(220))
			s.counts("put", 2)
			between(t, "found silent", s.reach("confirming", sec(100)), sec(250+15), sec(250+20))
			s.reach(x.end, sec(200))
			s.stays(x.end, time.Hour)
			s.never("state unreachable")
			s.counts("put", 2)
		})
	}
}

// T29: OFF worked but is never read back; mains returns.
func TestT29AnOffThatWasNeverReadBackIsUndoneWhenMainsReturns(t *testing.T) {
	s := play(t, drilled(0.4, withMains))
	s.world.moved = func(x power.Move) {
		s.moves = append(s.moves, moved{s.t - s.zero, x})
		s.plan.mute = s.plan.mute || x.To == "cutting"
	}
	s.dark()
	s.reach("cutting", sec(200))
	s.reach("attention(cut_unconfirmed)", sec(61))
	s.really("dead")
	s.run(sec(600))
	s.is("attention(cut_unconfirmed)")
	s.never("state off")
	s.mainsBack()
	back := s.t
	s.reach("powering_on", sec(130))
	between(t, "mains before power", s.t-back, sec(120), sec(130))
	s.reach("booting", sec(200))
	s.reach("running", sec(200))
	s.really("running")
}

// T30: the SD card is damaged in the outage, the relay is off by us, mains
// returns; or a crash loop.
func TestT30PowerReturnsWithoutAJournalAndInACrashLoop(t *testing.T) {
	for name, befall := range map[string]func(*stage){
		"damaged":    func(s *stage) { s.br.damage(); s.br.records = nil; s.br.restart() },
		"torn":       func(s *stage) { s.br.damage(); s.br.restart() },
		"crash loop": func(s *stage) { s.loops() },
		"empty, crash loop": func(s *stage) {
			s.br.records = nil
			s.loops()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, drilled(0.4, withMains))
			s.dark()
			s.reach("off", sec(300))
			s.run(sec(60))
			befall(s)
			s.run(sec(30))
			if !slices.Contains([]string{"attention(journal_damaged)", "off", "attention(power_lost)"}, s.br.position()) {
				t.Fatalf("it is %s", s.br.position())
			}
			if name != "damaged" && name != "torn" && !slices.Contains(s.br.m.Needs(), "too_many_starts") {
				t.Fatalf("no crash loop: %v", s.br.m.Needs())
			}
			s.run(sec(200))
			s.never("effect relay_on")
			s.mainsBack()
			back := s.t
			for !s.plug.on && s.t-back < sec(200) {
				s.next()
			}
			between(t, "mains before power", s.t-back, sec(120), sec(130))
			s.run(sec(1000))
			s.really("running")
			s.is("running")
			s.counts("effect relay_off", 1)
		})
	}
	t.Run("a person's shutdown stays", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains))
		s.press(power.Shutdown)
		s.reach("off", sec(300))
		s.br.damage()
		s.br.restart()
		s.stays("attention(journal_damaged)", 2*time.Hour)
		s.really("dead")
		s.never("effect relay_on")
		s.br.command(power.PowerOn, "anna")
		s.run(sec(1000))
		s.is("running")
		s.really("running")
	})
}

// loops starts the program five times in a minute.
func (s *stage) loops() {
	for range 5 {
		s.br.restart()
		s.run(sec(10))
	}
}

// T31: mains is lost again in booting, rebooting, powering_on.
func TestT31TheSecondOutageIsHeard(t *testing.T) {
	again := func(s *stage) {
		s.test.Helper()
		s.mainsOut()
		s.reach("checking", sec(400))
		s.reach("confirming", sec(30))
		s.reach("off", sec(200))
	}
	t.Run("booting", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains))
		s.dark()
		s.reach("off", sec(300))
		s.mainsBack()
		s.reach("booting", sec(200))
		s.run(sec(10))
		again(s)
		s.counts("put", 2)
	})
	t.Run("booting, at low battery before it is verified", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains))
		s.dark()
		s.reach("off", sec(300))
		s.mainsBack()
		s.reach("booting", sec(200))
		s.camera = true
		s.mainsOut()
		s.run(sec(120))
		s.is("booting")
		s.mains.low = true
		s.reach("checking", sec(10))
		s.reach("off", sec(200))
	})
	t.Run("rebooting", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains))
		s.press(power.Reboot)
		s.reach("rebooting", sec(20))
		s.run(sec(5))
		again(s)
		s.counts("put", 2)
	})
	t.Run("powering_on", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains))
		s.dark()
		s.reach("off", sec(300))
		s.deafPlug = true
		s.mainsBack()
		s.reach("powering_on", sec(200))
		s.run(sec(3))
		s.is("powering_on")
		s.mainsOut()
		s.is("off")
		s.deafPlug = false
		s.stays("off", sec(600))
		s.mainsBack()
		s.reach("powering_on", sec(130))
		s.reach("running", sec(300))
	})
}

// T32: an outage is blocked by a locked account; mains returns; the lock ends.
func TestT32AnOutageThatIsOverShutsNothingDown(t *testing.T) {
	for _, after := range []time.Duration{sec(7), sec(29), sec(33), sec(600)} {
		t.Run("the lock ends "+after.String()+" after mains is back", func(t *testing.T) {
			s := play(t, drilled(0.4, withMains))
			s.locked = true
			s.dark()
			s.until(sec(300))
			s.is("checking")
			s.mainsBack()
			s.at(after, func() { s.locked = false })
			s.run(sec(36))
			s.is("running")
			s.stays("running", time.Hour)
			s.never("put", "state shutting_down")
			if after > sec(30) {
				s.never("state counting_down")
			}
		})
	}
	t.Run("the lock ends while mains is away", func(t *testing.T) {
		s := play(t, drilled(0.4, withMains))
		s.locked = true
		s.dark()
		s.until(sec(300))
		s.locked = false
		s.reach("confirming", sec(30))
		s.counts("put", 1)
	})
}

// T33: the battery is weak; a drill was yesterday.
func TestT33AWeakBatteryDoesntDelayTheShutdown(t *testing.T) {
	s := play(t, drilled(0.4, withMains))
	d := s.br.m.Memory()
	d.Shutdowns = []time.Time{s.now().Wall.Add(-30 * time.Hour), s.now().Wall.Add(-20 * time.Hour), s.now().Wall.Add(-19 * time.Hour)}
	s.br.records = []power.Record{{Memory: d}}
	s.br.restart()
	s.run(sec(360))
	s.weak = true
	s.press(power.Shutdown)
	s.reach("running", sec(5))
	s.gave(power.Declined, power.Shutdown, "ups") // by hand it counts
	s.dark()
	asked := s.reach("checking", sec(100))
	between(t, "from the outage's request to the recorder's", s.reach("confirming", sec(100))-asked, sec(5), sec(6))
	s.counts("put", 1)
	for _, f := range s.br.m.Findings() {
		if f.Severity == power.Hard {
			t.Errorf("hard: %s", f.ID)
		}
	}
}

// T34: one false 401 while the user base loads after a boot.
func TestT34ARecorderThatRejectsTheAccountAfterItsBootIsWaitedFor(t *testing.T) {
	s := play(t, home())
	s.press(power.Reboot)
	s.reach("booting", sec(200))
	s.locked = true
	s.run(sec(70))
	s.is("booting")
	s.really("running")
	s.locked = false
	s.reach("running", sec(60))
	s.gave(power.Finished, power.Reboot, "normal")
}

// T35: uptime is 60 s before and 70 s after a reboot; no uptime is told at all.
func TestT35ARestartIsSeenWhateverTheUptime(t *testing.T) {
	t.Run("60 s before, 70 s after", func(t *testing.T) {
		s := play(t, home(func(p *plan) { p.down, p.flush, p.boot, p.bootBusy = sec(8), sec(2), sec(35), sec(30) }))
		s.rec.started = s.t - sec(50)
		s.press(power.Reboot)
		for s.seenAt["put"] == 0 {
			s.next()
		}
		between(t, "uptime before", s.uptime(), sec(59), sec(61))
		s.reach("booting", sec(100))
		for s.rec.phase != "running" {
			s.next()
		}
		s.run(sec(5))
		between(t, "uptime after", s.uptime(), sec(64), sec(76))
		s.reach("running", sec(100))
		s.gave(power.Finished, power.Reboot, "normal")
	})
	t.Run("60 s before, 70 s after, by itself", func(t *testing.T) {
		s := play(t, home(func(p *plan) { p.boot, p.bootBusy = sec(68), 0 }))
		s.rec.started = s.t - sec(50)
		s.run(sec(10))
		s.pull()
		s.run(sec(4))
		s.plugIn()
		s.reach("unreachable", sec(70))
		s.reach("booting", sec(30))
		between(t, "uptime after", s.uptime(), sec(61), sec(80))
		s.reach("running", sec(100))
	})
	t.Run("none is told", func(t *testing.T) {
		s := play(t, home(noUptime))
		s.press(power.Reboot)
		s.reach("booting", sec(200))
		s.reach("running", sec(100))
		s.gave(power.Finished, power.Reboot, "normal")
	})
	t.Run("none is told, and it never restarts", func(t *testing.T) {
		s := play(t, home(noUptime, ignores))
		s.press(power.Reboot)
		s.reach("rebooting", sec(20))
		at := s.reach("running", sec(100))
		between(t, "looked at", at, sec(100), sec(104))
		s.gave(power.Undone, power.Reboot, "still_on")
	})
}
