package power_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

// The numbers of the specification. A wait is over with the first look after it:
// one probe later at most, one second for a reading or for safe to be said.
const (
	probeEvery  = 2 * time.Second
	dwell       = 15 * time.Second
	settles     = 30 * time.Second
	quiet       = 180 * time.Second
	presumption = 600 * time.Second
	goingDown   = 90 * time.Second
	deadline    = 8 * time.Minute
	readBack    = 20 * time.Second
	minimumOff  = 15 * time.Second
	bootFor     = 10 * time.Minute
	verifyFor   = 10 * time.Minute
	commandLife = 30 * time.Second
	commandSkew = 60 * time.Second
	idLife      = 2 * time.Minute
)

// prompt lets everything answer at once, and the meter each second.
func prompt(p *plan) {
	p.instant, p.latency, p.flush, p.stamped, p.pushes = true, 0, 0, true, time.Second
}

// gap is what a drill has learned of a restart.
func gap(d time.Duration) func(*plan) { return func(p *plan) { p.learned.Gap = d } }

// silence plays until the first silent probe, and lets time count from there.
func (s *stage) silence() {
	s.test.Helper()
	for s.br.silentFrom == 0 || s.br.position() != "confirming" {
		s.next()
	}
	s.begin()
}

// shifted plays a story with the press at several moments between two probes.
func shifted(t *testing.T, p plan, story func(*stage)) {
	t.Helper()
	for _, shift := range []time.Duration{0, 300 * time.Millisecond, 900 * time.Millisecond, 1700 * time.Millisecond, 2500 * time.Millisecond} {
		t.Run(fmt.Sprintf("pressed %v later", shift), func(t *testing.T) {
			s := play(t, p)
			s.run(shift)
			story(s)
		})
	}
}

func TestSafeComesDwellAndSettleAfterTheFirstSilentProbe(t *testing.T) {
	for _, x := range []struct {
		name string
		p    plan
		wait time.Duration
	}{
		{"no drill, 0.4 W", home(prompt, neverCuts), dwell},
		{"off-watts of 1.1 W, as learned", drilled(1, prompt, neverCuts), dwell},
		{"off-watts of 2.97 W, as learned", drilled(2.7, prompt, neverCuts), dwell},
		{"off-watts of 3.3 W, as learned", drilled(3, prompt, neverCuts), quiet},
		{"off-watts of 9.9 W, as learned", drilled(9, prompt, neverCuts), quiet},
		{"9.9 W, and a restart of 200 s", drilled(9, prompt, neverCuts, gap(200*time.Second)), 2 * 200 * time.Second},
		{"9.9 W, and a restart of 40 s", drilled(9, prompt, neverCuts, gap(40*time.Second)), quiet},
		{"2.97 W, and a restart of 200 s", drilled(2.7, prompt, neverCuts, gap(200*time.Second)), dwell},
	} {
		t.Run(x.name, func(t *testing.T) {
			shifted(t, x.p, func(s *stage) {
				s.press(power.Shutdown)
				s.silence()
				at := s.reach("safe", x.wait+settles+probeEvery)
				between(s.test, "safe", at, x.wait+settles, x.wait+settles+probeEvery)
				s.run(time.Second)
				s.happened("safe said")
			})
		})
	}
}

func TestALookThatIsAnsweredBeginsTheProofAnew(t *testing.T) {
	s := play(t, home(prompt, neverCuts))
	s.press(power.Shutdown)
	s.silence()
	s.until(dwell + settles - sec(1.1))
	s.is("confirming")
	if s.br.m.Proof() != power.ProofPower {
		t.Fatal("the proof isn't complete")
	}
	s.plan.haltedRST = true
	for s.br.silentFrom != 0 {
		s.next()
	}
	s.plan.haltedRST = false
	s.is("booting") // life after silence is taken for a boot until it has been silent for a minute
	for s.br.silentFrom == 0 {
		s.next()
	}
	s.begin()
	between(t, "safe", s.reach("safe", sec(120)), max(time.Minute, dwell+settles), time.Minute+probeEvery)
	s.went("confirming safe")
	s.never("effect relay_off")
}

func TestSilenceAloneIsNeverSafe(t *testing.T) {
	for name, p := range map[string]plan{
		"no plug":                        home(prompt, noPlug),
		"no meter":                       home(prompt, noMeter),
		"a meter but no relay read back": home(prompt, saysNothing),
		"9 W without a drill":            home(prompt, haltsAt9W),
		"a meter that was never running": home(prompt, func(p *plan) { p.runW = 1.5 }),
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, p)
			s.press(power.Shutdown)
			s.silence()
			between(t, "presumed off", s.reach("presumed_off", sec(200)), quiet, quiet+probeEvery)
			s.stays("presumed_off", time.Hour)
			s.never("state safe", "safe said", "proof power", "effect relay_off")
		})
	}
}

func TestPresumedOffComesQuietAfterTheFirstSilentProbe(t *testing.T) {
	for _, x := range []struct {
		name string
		p    plan
		wait time.Duration
	}{
		{"no drill", home(prompt, noMeter), quiet},
		{"a restart of 40 s", drilled(9, prompt, noMeter, gap(40*time.Second)), quiet},
		{"a restart of 91 s", drilled(9, prompt, noMeter, gap(91*time.Second)), 2 * 91 * time.Second},
		{"a restart of 200 s", drilled(9, prompt, noMeter, gap(200*time.Second)), 2 * 200 * time.Second},
	} {
		t.Run(x.name, func(t *testing.T) {
			shifted(t, x.p, func(s *stage) {
				s.press(power.Shutdown)
				s.silence()
				at := s.reach("presumed_off", x.wait+probeEvery)
				between(s.test, "presumed off", at, x.wait, x.wait+probeEvery)
			})
		})
	}
}

func TestAPresumedPowerCycleComesTenMinutesAfterTheFirstSilentProbe(t *testing.T) {
	for _, x := range []struct {
		name string
		p    plan
		wait time.Duration
	}{
		{"a restart of 70 s", drilled(9, prompt, noMeter, presumes), presumption},
		{"a restart of 201 s", drilled(9, prompt, noMeter, presumes, gap(201*time.Second)), 3 * 201 * time.Second},
		{"a restart of 250 s", drilled(9, prompt, noMeter, presumes, gap(250*time.Second)), 3 * 250 * time.Second},
	} {
		t.Run(x.name, func(t *testing.T) {
			shifted(t, x.p, func(s *stage) {
				s.press(power.PowerCycle)
				s.silence()
				at := s.reach("cutting", x.wait+probeEvery)
				between(s.test, "cut", at, x.wait, x.wait+probeEvery)
				s.reach("running", sec(400))
				s.never("safe said")
				s.counts("off by presumed", 1)
			})
		})
	}
	for name, change := range map[string]func(*plan){
		"no witness":               func(p *plan) { p.cfg.Witness = false },
		"an address by DHCP":       func(p *plan) { p.fixed = false },
		"no drill":                 func(p *plan) { p.learned = power.Learned{} },
		"a drill of old firmware":  func(p *plan) { p.learned.Firmware = "V4.0.0" },
		"CUT=proven":               func(p *plan) { p.cfg.Plug.Cut = power.CutProven },
		"an answer that got lost":  func(p *plan) { p.answer = "lost" },
		"silent later than 90 s":   func(p *plan) { p.down = sec(100) },
		"a plug that tells seldom": func(p *plan) { p.pushes = sec(75) },
	} {
		t.Run("never with "+name, func(t *testing.T) {
			s := play(t, drilled(9, prompt, noMeter, presumes, change))
			s.press(power.PowerCycle)
			s.reach("attention(unproven)", 30*time.Minute)
			s.run(time.Hour)
			s.is("attention(unproven)")
			s.really("halted")
			s.never("proof presumed", "effect relay_off")
		})
	}
}

func TestTheCountdownTakesItsTime(t *testing.T) {
	counted := func(t *testing.T, s *stage, within, wait time.Duration) {
		t.Helper()
		from := s.reach("counting_down", within)
		between(t, "counted", s.reach("shutting_down", wait+time.Second)-from, wait, wait)
	}
	t.Run("10 s by hand", func(t *testing.T) {
		s := play(t, home(prompt))
		s.press(power.Shutdown)
		counted(t, s, sec(5), 10*time.Second)
	})
	t.Run("as configured by hand", func(t *testing.T) {
		s := play(t, home(prompt, func(p *plan) { p.cfg.Timers.Countdown = 33 * time.Second }))
		s.press(power.Shutdown)
		counted(t, s, sec(5), 33*time.Second)
	})
	t.Run("5 s in an outage", func(t *testing.T) {
		s := play(t, drilled(0.4, prompt, withMains))
		s.dark()
		counted(t, s, sec(80), 5*time.Second)
	})
	t.Run("none on low battery", func(t *testing.T) {
		s := play(t, drilled(0.4, prompt, withMains))
		s.dark()
		s.mains.low = true
		counted(t, s, sec(80), 0)
	})
	t.Run("60 s before the second leg of a drill", func(t *testing.T) {
		s := play(t, home(prompt))
		s.press(power.Check)
		s.run(sec(10))
		s.press(power.Drill)
		from := s.reach("counting_down", sec(5))
		between(t, "first leg", s.reach("rebooting", sec(20))-from, 10*time.Second, 10*time.Second)
		counted(t, s, sec(300), time.Minute)
	})
}

func TestARecorderThatStaysIsAskedAgainAfterNinetySeconds(t *testing.T) {
	shifted(t, home(prompt, ignores), func(s *stage) {
		s.press(power.Shutdown)
		first := s.reach("confirming", sec(20))
		second := s.reach("shutting_down", goingDown+probeEvery)
		between(s.test, "second request", second-first, goingDown, goingDown+probeEvery)
		again := s.reach("confirming", sec(5))
		still := s.reach("attention(still_on)", goingDown+probeEvery)
		between(s.test, "still on", still-again, goingDown, goingDown+probeEvery)
		s.counts("put", 2)
	})
}

func TestWhatIsntProvenNeedsAPersonAtTheDeadline(t *testing.T) {
	unanswered := func(p *plan) { p.answer = "lost" } // it was never accepted, so nothing is presumed
	for _, x := range []struct {
		name string
		p    plan
		wait time.Duration
	}{
		{"no drill", home(prompt, haltsAt9W, unanswered), deadline},
		{"a restart of 149 s", drilled(9, prompt, noMeter, unanswered, gap(149*time.Second)), deadline},
		{"a restart of 200 s", drilled(9, prompt, noMeter, unanswered, gap(200*time.Second)), goingDown + 2*200*time.Second + goingDown},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := play(t, x.p)
			s.press(power.Shutdown)
			from := s.reach("confirming", sec(40))
			at := s.reach("attention(unproven)", x.wait+time.Second)
			between(t, "unproven", at-from, x.wait, x.wait)
			s.never("state presumed_off")
		})
	}
}

func TestAnOffIsTriedThreeTimesTwentySecondsApart(t *testing.T) {
	s := play(t, home(prompt, func(p *plan) { p.stuck = true }))
	s.press(power.Shutdown)
	at := s.reach("cutting", sec(120))
	for n := range 3 {
		s.until(at + time.Duration(n)*readBack)
		s.counts("effect relay_off", n+1)
		s.until(at + time.Duration(n+1)*readBack - time.Millisecond)
		s.counts("effect relay_off", n+1)
		s.is("cutting")
	}
	between(t, "given up", s.reach("attention(cut_unconfirmed)", sec(1))-at, 3*readBack, 3*readBack)
	s.run(settles + dwell - time.Second)
	s.counts("effect relay_off", 3) // only a whole new proof allows another
}

func TestPowerIsAwayForFifteenSecondsAtLeast(t *testing.T) {
	for name, p := range map[string]plan{"the plug obeys at once": home(prompt), "it obeys after 5 s": home(prompt, func(p *plan) { p.obeys = sec(5) })} {
		t.Run(name, func(t *testing.T) {
			s := play(t, p)
			var cut, fed time.Duration
			s.happens = func(what string) {
				switch {
				case strings.HasSuffix(what, "off by us"):
					cut = s.t
				case strings.HasSuffix(what, "on by us"):
					fed = s.t
				}
			}
			s.press(power.PowerCycle)
			at := s.reach("off", sec(200))
			between(t, "from off to on", s.reach("powering_on", sec(60))-at, minimumOff, minimumOff)
			s.reach("running", sec(300))
			between(t, "without power", fed-cut, minimumOff+dwell, minimumOff+dwell+probeEvery)
		})
	}
	t.Run("when mains is back long before", func(t *testing.T) {
		s := play(t, drilled(0.4, prompt, withMains))
		s.dark()
		s.reach("confirming", sec(120))
		s.mainsBack()
		at := s.reach("off", sec(120))
		between(t, "from off to on", s.reach("powering_on", sec(200))-at, minimumOff, 2*time.Minute)
	})
}

func TestABootHasTenMinutesToAnswer(t *testing.T) {
	s := play(t, home(prompt, haltsAt9W))
	s.press(power.Shutdown)
	s.reach("presumed_off", sec(300))
	s.somebodyCuts()
	s.reach("off", sec(5))
	s.plan.check = time.Hour
	s.somebodyFeeds()
	from := s.reach("booting", sec(5))
	between(t, "boot failed", s.reach("attention(boot_failed)", bootFor+time.Second)-from, bootFor, bootFor)

	t.Run("and so has a restart", func(t *testing.T) {
		s := play(t, home(prompt, func(p *plan) { p.check = time.Hour }))
		s.press(power.Reboot)
		from := s.reach("rebooting", sec(20))
		between(t, "boot failed", s.reach("attention(boot_failed)", bootFor+sec(5))-from, bootFor, bootFor+time.Second)
	})
}

func TestAVerificationHasTenMinutesOfAnswers(t *testing.T) {
	for name, change := range map[string]func(*stage){
		"degraded": func(s *stage) { s.camera = true },
		"unknown":  func(s *stage) { s.locked = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, home(prompt))
			s.press(power.Reboot)
			s.reach("booting", sec(200))
			change(s)
			answers := s.t // it is busy already
			at := s.reach("running", verifyFor+sec(30)) + s.zero
			between(t, name, at-answers, verifyFor, verifyFor+probeEvery)
			s.gave(power.Finished, power.Reboot, name)
		})
	}
}

func TestACommandLivesForThirtySeconds(t *testing.T) {
	for _, x := range []struct {
		name   string
		age    time.Duration
		action power.Action
		want   power.AnswerType
		reason string
	}{
		{"30 s old", commandLife, power.Check, power.Accepted, ""},
		{"31 s old", commandLife + time.Second, power.Check, power.Expired, "expired"},
		{"60 s ahead", -commandSkew, power.Check, power.Accepted, ""},
		{"61 s ahead", -commandSkew - time.Second, power.Check, power.Declined, "wrong_clock"},
		{"a day old, power_on", 24 * time.Hour, power.PowerOn, power.Accepted, ""},
		{"a day ahead, power_on", -24 * time.Hour, power.PowerOn, power.Accepted, ""},
		{"31 s old, shutdown", commandLife + time.Second, power.Shutdown, power.Expired, "expired"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := play(t, home())
			s.br.deliver(power.Command{Action: x.action, ID: "a", At: s.now().Wall.Add(-x.age), By: "anna", Content: 1})
			s.run(sec(5))
			s.gave(x.want, x.action, x.reason)
			if x.want == power.Expired || x.want == power.Declined {
				s.stays("running", sec(60))
			}
		})
	}
}

func TestAnIDIsRememberedForTwoMinutesAfterItsTime(t *testing.T) {
	s := play(t, home(func(p *plan) { p.cfg.Timers.CommandLife = 5 * time.Minute }))
	c := power.Command{Action: power.ConfirmOff, ID: "a", At: s.now().Wall, By: "anna", Content: 1} // refused: only those that were accepted stay for a day
	send := func(t *testing.T, content uint64, want power.AnswerType, reason string) {
		t.Helper()
		s.answers = nil
		c.Content = content
		s.br.deliver(c)
		s.gave(want, power.ConfirmOff, reason)
	}
	send(t, 1, power.Declined, "nothing")
	s.run(idLife)
	send(t, 1, power.Duplicate, "duplicate")
	send(t, 2, power.Declined, "id_reused")
	s.run(time.Second)
	delete(s.br.judged, "a")
	send(t, 1, power.Declined, "nothing")
}

func TestAnAcceptedIDIsRememberedForADayAndOverARestart(t *testing.T) {
	s := play(t, home())
	c := power.Command{Action: power.PowerOn, ID: "a", At: s.now().Wall, By: "anna", Content: 1}
	s.br.deliver(c)
	s.gave(power.Finished, power.PowerOn, "")
	s.run(12 * time.Hour)
	s.br.restart()
	s.run(12*time.Hour - time.Second)
	s.answers = nil
	s.br.deliver(c)
	s.gave(power.Duplicate, power.PowerOn, "duplicate")
	s.run(2 * time.Second)
	s.answers = nil
	delete(s.br.judged, "a")
	s.br.deliver(c)
	s.gave(power.Accepted, power.PowerOn, "")
}

func TestTimersMayBeMadeSlowerAndFasterOnlyByADrill(t *testing.T) {
	short := power.Learned{Passed: true, Gap: 40 * time.Second}
	for _, x := range []struct {
		name    string
		timers  power.Timers
		learned power.Learned
		wrong   string
	}{
		{"the defaults", power.Timers{}, power.Learned{}, ""},
		{"a shorter dwell", power.Timers{Dwell: dwell - time.Second}, short, "dwell"},
		{"a shorter settle", power.Timers{Settle: settles - time.Second}, short, "settle"},
		{"a shorter minimum off", power.Timers{MinOff: minimumOff - time.Second}, short, "minimum off"},
		{"a shorter presumption", power.Timers{Presumption: presumption - time.Second}, short, "presumption"},
		{"a shorter quiet without a drill", power.Timers{Quiet: quiet - time.Second}, power.Learned{}, "quiet"},
		{"quiet of twice the gap that a drill learned", power.Timers{Quiet: 80 * time.Second}, short, ""},
		{"less than that", power.Timers{Quiet: 79 * time.Second}, short, "quiet"},
		{"a shorter quiet after a drill that saw hardly a gap", power.Timers{Quiet: quiet - time.Second}, power.Learned{Passed: true, Gap: 10*time.Second - 1}, "quiet"},
		{"a quiet of twice the shortest gap", power.Timers{Quiet: 20 * time.Second}, power.Learned{Passed: true, Gap: 10 * time.Second}, ""},
		{"a shorter quiet after a long gap", power.Timers{Quiet: quiet - time.Second}, power.Learned{Passed: true, Gap: 2 * time.Minute}, "quiet"},
		{"all of them longer", power.Timers{Quiet: time.Hour, Dwell: time.Minute, Settle: time.Minute, MinOff: time.Minute, Presumption: time.Hour}, power.Learned{}, ""},
		{"a negative countdown", power.Timers{Countdown: -1}, short, "countdown"},
		{"a boot of two days", power.Timers{Boot: 48 * time.Hour}, short, "boot"},
	} {
		err := power.Config{Timers: x.timers}.Validate(x.learned)
		switch {
		case x.wrong == "" && err != nil:
			t.Errorf("%s: %v", x.name, err)
		case x.wrong != "" && (err == nil || !strings.HasPrefix(err.Error(), x.wrong+" is ")):
			t.Errorf("%s: %v, which doesn't name %s", x.name, err, x.wrong)
		}
	}
	for value, want := range map[time.Duration]string{10 * time.Second: "10s", time.Minute: "1m", 70 * time.Second: "1m10s"} {
		err := power.Config{Timers: power.Timers{Quiet: value}}.Validate(power.Learned{})
		if err == nil || !strings.HasPrefix(err.Error(), "quiet is "+want+"; with less than 3m ") {
			t.Errorf("%v: %v", value, err)
		}
	}
	for value, want := range map[time.Duration]string{26 * time.Hour: "26h", 25*time.Hour + 10*time.Minute: "25h10m"} {
		err := power.Config{Timers: power.Timers{Boot: value}}.Validate(power.Learned{})
		if err == nil || !strings.HasPrefix(err.Error(), "boot is "+want+"; ") {
			t.Errorf("%v: %v", value, err)
		}
	}
}

func TestAShorterQuietCountsAsLongAsItsDrill(t *testing.T) {
	for _, x := range []struct {
		name  string
		drill power.Learned
		want  time.Duration
	}{
		{"its drill counts", power.Learned{Passed: true, Firmware: firmware, Gap: 40 * time.Second}, 80 * time.Second},
		{"the firmware is new", power.Learned{Passed: true, Firmware: "V4.0.0", Gap: 40 * time.Second}, quiet},
		{"the drill saw hardly a gap", power.Learned{Passed: true, Firmware: firmware, Gap: 9 * time.Second}, quiet},
		{"there is none", power.Learned{}, quiet},
	} {
		b := proving(t, func(c *power.Config, d *power.Memory) { c.Timers.Quiet, d.Learned = 80*time.Second, x.drill })
		b.silentUntil(10*time.Minute, 9, func() bool { return b.m.State() == power.PresumedOff })
		b.at("presumed_off")
		between(t, x.name, b.quietFor(), x.want, x.want+2*time.Second)
	}
}

func TestTimersThatNobodyValidatedProveNothingEarlier(t *testing.T) {
	hasty := power.Timers{Dwell: 1, Settle: 1, Quiet: 1, Presumption: 1, MinOff: 1}
	b := proving(t, func(c *power.Config, _ *power.Memory) { c.Timers = hasty })
	b.silentUntil(10*time.Minute, 0.4, func() bool { return b.m.State() == power.Safe || b.m.State() == power.Cutting })
	between(t, "safe", b.quietFor(), dwell+settles, dwell+settles+2*time.Second)
	b.relay(power.RelayOff)
	b.pass(dwell)
	b.at("off")
	b.asks(power.PowerOn)
	b.pass(minimumOff - 1)
	b.at("off")
	b.pass(1)
	b.at("powering_on")

	b = presumingHome(t, func(c *power.Config, _ *power.Memory) { c.Timers = hasty }, func(*bench) {})
	b.asks(power.PowerOn) // power is owed
	b.silentUntil(time.Hour, 9, func() bool { return b.m.Proof() == power.ProofPresumed })
	between(t, "presumption", b.quietFor(), presumption, presumption+2*time.Second)
}

// quietFor is how long the recorder has been silent, by what was probed.
func (b *bench) quietFor() time.Duration { return b.now.Mono - b.silentSince }
