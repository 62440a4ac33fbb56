package power_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "replay one seed of the simulator with its transcript")
	seedsFlag = flag.Uint64("seeds", 0, "how many seeds a simulator tries; 0: its share of the tests")
	firstFlag = flag.Uint64("first", 1, "the first of them")
)

// pick chooses among values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

func seconds(r *rand.Rand, from, to int) time.Duration {
	return time.Duration(from)*time.Second + time.Duration(r.Int64N(int64(to-from+1)*int64(time.Second)))
}

// chance says yes once in n.
func chance(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// randomPlan makes a home.
func randomPlan(r *rand.Rand) plan {
	p := plan{
		down: seconds(r, 1, 60), flush: seconds(r, 0, 25), boot: seconds(r, 20, 110), bootBusy: seconds(r, 0, 60),
		runW: pick(r, 14.0, 22, 35), bootW: pick(r, 12.0, 20, 30), haltW: pick(r, 0.0, 0.4, 0.9, 2.5, 5, 9),
		answer: "ok", tellsUptime: !chance(r, 4), fixed: !chance(r, 3), right: pick(r, power.Yes, power.NotTold, power.Yes), cleanLog: pick(r, power.Yes, power.Yes, power.Yes, power.NotTold, power.No),
		stamped: chance(r, 2), latency: seconds(r, 0, 1), obeys: 100 * time.Millisecond, cached: chance(r, 3),
	}
	p.cfg.Plug = power.Plug{Exists: !chance(r, 4), Relay: !chance(r, 8), Meter: !chance(r, 3), Cut: pick(r, power.CutNever, power.CutProven, power.CutProven, power.CutPresumed)}
	p.cfg.Witness = chance(r, 3) || p.cfg.Plug.Cut == power.CutPresumed && chance(r, 2)
	p.cfg.Mains = chance(r, 2)
	p.cfg.AnyOutage = chance(r, 2)
	if chance(r, 3) {
		p.answer = pick(r, "lost", "ignore", "reboot", "refuse", "busy", "deaf")
	} else if chance(r, 3) {
		p.answers = []string{pick(r, "lost", "ignore", "reboot", "busy", "deaf"), pick(r, "ok", "ok", "ignore", "lost")}
	}
	if chance(r, 8) {
		p.haltedRST = true
	}
	if chance(r, 6) {
		p.comesBack = seconds(r, 5, 900)
	}
	if chance(r, 10) {
		p.check = seconds(r, 200, 1200)
	}
	if p.stamped && chance(r, 2) {
		p.pushes = pick(r, 5*time.Second, 10*time.Second, 30*time.Second, 300*time.Second)
	}
	if chance(r, 10) {
		p.stuck = true
	}
	if chance(r, 12) {
		p.obeys = seconds(r, 1, 40)
	}
	if chance(r, 12) {
		p.mute = true
	}
	if chance(r, 10) {
		p.commit = pick(r, 500*time.Millisecond, 3*time.Second, 10*time.Second)
	}
	if chance(r, 25) {
		p.failing = true
	}
	if chance(r, 2) {
		gap := p.down/4 + p.flush + p.boot
		p.learned = power.Learned{Passed: true, Firmware: firmware, Gap: gap, ToSilence: p.down, Running: p.runW, Halted: p.haltW, OffWatts: max(1, min(p.haltW*1.1, p.runW/2))}
		p.learned.Blind = p.bootW <= p.learned.OffWatts
		if chance(r, 5) {
			p.learned.Firmware = "V4.0.0"
		}
	}
	if chance(r, 10) { // a home that presumes
		p.cfg.Plug = power.Plug{Exists: true, Relay: true, Meter: chance(r, 2), Cut: power.CutPresumed}
		p.cfg.Witness, p.fixed, p.answer, p.answers, p.comesBack, p.haltedRST, p.mute, p.haltW = true, true, "ok", nil, 0, false, false, 9
		p.learned = power.Learned{Passed: true, Firmware: firmware, Gap: p.boot, ToSilence: p.down}
	}
	if p.cfg.Mains {
		p.battery = seconds(r, 120, 3600)
		p.upstream = chance(r, 4)
	}
	return p
}

// schedule lets things happen to a home.
func schedule(w *world, r *rand.Rand) {
	w.plan.twin = chance(r, 3)
	for range r.IntN(7) {
		d := seconds(r, 0, 1800)
		switch r.IntN(23) {
		case 0:
			w.at(d, w.br.restart)
		case 1:
			gone := seconds(r, 5, 900)
			w.at(d, w.br.kill)
			w.at(d+gone, func() {
				if w.br.dead {
					w.br.start()
				}
			})
		case 2:
			w.at(d, func() { w.pause(seconds(w.rng, 3, 600)) })
		case 3:
			w.at(d, func() {
				w.wallShift += pick(w.rng, 24*time.Hour, -24*time.Hour, 7*time.Second, -7*time.Second, 40*time.Second)
			})
		case 4, 5:
			gone := seconds(r, 3, 900)
			w.at(d, func() { w.net = false; w.say("the recorder's network is gone") })
			w.at(d+gone, func() { w.net = true; w.say("the recorder's network works") })
		case 6:
			gone := seconds(r, 3, 600)
			w.at(d, func() { w.wit = false })
			w.at(d+gone, func() { w.wit = true })
		case 7, 8:
			gone := seconds(r, 3, 600)
			w.at(d, func() { w.plugAway(true) })
			w.at(d+gone, func() { w.plugAway(false) })
		case 9:
			w.at(d, func() { w.restartPlug(pick(w.rng, true, false, w.plug.on)) })
		case 10:
			w.at(d, func() { w.switchPlug(false, "somebody") })
			w.at(d+seconds(r, 5, 600), func() { w.switchPlug(true, "somebody") })
		case 11:
			w.at(d, func() { w.rec.cord = false; w.settle("the cord") })
			back := seconds(r, 10, 900)
			w.at(d+back, func() {
				if chance(w.rng, 2) {
					w.rec.wall = true
				} else {
					w.rec.cord = true
				}
				w.settle("the cord")
			})
		case 12:
			w.at(d, func() {
				w.rec.moved, w.rec.stranger = !w.plan.fixed, chance(w.rng, 2)
				w.say("address moved: %v, a stranger has it: %v", w.rec.moved, w.rec.stranger)
			})
			w.at(d+seconds(r, 60, 1800), func() { w.rec.moved, w.rec.stranger = false, false })
		case 13:
			w.at(d, func() { w.plug.zero = true })
		case 14:
			stall := pick(r, 3*time.Second, 10*time.Second)
			w.at(d, func() { w.plan.commit = stall })
			w.at(d+seconds(r, 5, 300), func() { w.plan.commit = 0 })
		case 15:
			w.at(d, func() { w.plan.failing = true })
			w.at(d+seconds(r, 5, 600), func() { w.plan.failing = false })
		case 16:
			w.at(d, func() {
				if w.rec.phase == "halted" && w.powered() {
					w.boots()
				}
			})
		case 17, 18, 19:
			w.at(d, func() { w.mainsOut() })
			w.at(d+pick(r, seconds(r, 2, 20), seconds(r, 60, 400), seconds(r, 400, 1800)), func() { w.mainsBack() })
		case 20:
			w.at(d, func() { w.mains.low = w.mains.lost })
		case 22:
			if chance(r, 3) {
				w.at(d, w.br.damage)
				w.at(d+seconds(r, 0, 60), w.br.restart)
			}
		case 21:
			w.at(d, func() { w.plan.answer = pick(w.rng, "ok", "ignore", "reboot", "lost") })
		}
	}
	// The person.
	say := func(d time.Duration, a power.Action, by string) { w.at(d, func() { w.br.command(a, by) }) }
	start := seconds(r, 0, 300)
	switch r.IntN(8) {
	case 0:
		say(start, power.Check, "anna")
		say(start+30*time.Second, power.Drill, "anna")
	case 1:
		say(start, power.PowerCycle, pick(r, "anna", "automation"))
	case 2:
		say(start, power.Reboot, "anna")
	case 3, 4, 5:
		say(start, power.Shutdown, pick(r, "anna", "automation", ""))
	}
	for range r.IntN(5) {
		say(seconds(r, 0, 2400), pick(r, power.Cancel, power.PowerOn, power.PowerOn, power.Shutdown, power.PowerCycle, power.Reboot, power.Check, power.TestOutage), pick(r, "anna", "automation"))
	}
	if chance(r, 2) { // somebody looks at the recorder now and then, and tells the truth
		w.every(seconds(r, 30, 300), func() {
			if (w.rec.phase == "halted" || w.rec.phase == "dead") && !w.br.dead {
				w.br.command(power.ConfirmOff, "anna")
				if chance(w.rng, 2) {
					w.at(seconds(w.rng, 1, 290), func() { w.br.command(power.PowerOn, "anna") })
				}
			}
		})
	}
	if chance(r, 4) { // somebody power cycles a silent recorder by hand
		w.every(seconds(r, 300, 900), func() {
			if w.rec.phase == "halted" {
				w.rec.cord = false
				w.settle("the cord")
				w.at(10*time.Second, func() { w.rec.cord = true; w.settle("the cord") })
			}
		})
	}
}

func (w *world) pause(d time.Duration) {
	if w.br.dead || w.br.busy {
		return
	}
	w.say("program is paused for %v", d)
	w.br.busy = true
	w.br.gate.lower()
	w.br.later(d, func() { w.br.busy = false; w.br.drain() })
}

func (w *world) plugAway(away bool) {
	w.plug.away = away
	w.say("plug away: %v", away)
	if away && w.plan.cfg.Plug.Relay {
		w.heard(power.Relay{At: w.now(), State: power.RelayUnknown})
	}
}

// restartPlug is a plug that loses its own mind; on is what it comes back with.
func (w *world) restartPlug(on bool) {
	if !w.plan.cfg.Plug.Exists || w.plug.away {
		return
	}
	w.say("plug restarts")
	w.plug.on = on
	for _, x := range w.plug.feeds {
		x.settle("the plug's restart")
	}
	if w.plan.cfg.Plug.Relay && !w.plan.mute {
		s := power.RelayOff
		if on {
			s = power.RelayOn
		}
		w.heard(power.Relay{At: w.now(), State: s, Restarted: true})
	}
}

func (w *world) mainsOut() {
	if w.among != nil {
		w.among.mainsOut()
		return
	}
	if !w.plan.cfg.Mains || w.mains.lost {
		return
	}
	w.say("mains lost")
	if w.t-w.mains.since >= 30*time.Second { // or it goes on, and keeps its number
		w.mains.outage++
		w.mains.began = w.t
	}
	w.mains.lost, w.mains.since = true, w.t
	at, n := w.t, w.mains.outage
	w.at(w.plan.battery*3/4, func() {
		if w.mains.lost && w.mains.outage == n {
			w.mains.low = true
		}
	})
	w.at(w.plan.battery, func() {
		if w.mains.lost && w.mains.since == at {
			w.mains.dead = true
			w.settle("the empty battery")
			w.br.kill()
		}
	})
	w.br.tellMains()
}

func (w *world) mainsBack() {
	if w.among != nil {
		w.among.mainsBack()
		return
	}
	if !w.mains.lost {
		return
	}
	w.say("mains back")
	w.mains.lost, w.mains.low, w.mains.since = false, false, w.t
	if w.mains.dead {
		w.mains.dead = false
		w.settle("")
		w.at(20*time.Second, func() {
			if w.br.dead {
				w.br.start()
			}
		})
	}
	w.br.tellMains()
}

// simulate plays one seed.
func simulate(seed uint64, log *strings.Builder) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(randomPlan(r), seed)
	w.log = log
	schedule(w, r)
	w.run(45 * time.Minute)
	w.calm()
	w.run(75 * time.Minute)
	w.ended(false)
	return w
}

// calm lets everything outside work again, so that the end can be judged.
func (w *world) calm() {
	w.say("everything works again")
	w.net, w.wit = true, true
	w.plugAway(false)
	w.rec.moved, w.rec.stranger = false, false
	w.plan.commit, w.plan.failing = 0, false
	w.mainsBack()
	if w.br.dead {
		w.br.start()
	}
}

// ended are I5 and I6: where a home may stand when all has been well for long; siteNeeds
// says that its bridge says that a person must look at what tells of mains.
func (w *world) ended(siteNeeds bool) {
	d := w.br.m.Memory()
	on := w.rec.phase == "running"
	w.seenAt["ended "+w.br.m.Position()]++
	switch w.br.m.State() {
	case power.Running:
		if !on {
			w.fail("I5: said to run, and is %s", w.rec.phase)
		}
	case power.Attention, power.Unreachable:
	case power.Safe, power.PresumedOff, power.Off:
		begun := w.br.m.State() == power.Off && w.br.m.Since() < time.Minute // it was cut a moment ago
		if d.Seq.Owed && w.br.m.State() != power.Safe && !on && !siteNeeds && !begun {
			w.fail("I6: power is owed")
		}
	default:
		if !w.settling() && len(w.br.m.Needs()) == 0 {
			w.fail("no end: %s", w.br.m.Position())
		}
	}
}

// settling says that something began lately which ends by itself.
func (w *world) settling() bool { return w.br.m.Since() < 25*time.Minute }

func TestSim(t *testing.T) {
	playSeeds(t, 5000/slower, func(seed uint64, log *strings.Builder) played {
		w := simulate(seed, log)
		p := played{wrong: w.wrong, seen: map[string]int{}, excused: map[string]int{}}
		p.add(w)
		return p
	})
}

// add counts what a world has seen.
func (p *played) add(w *world) {
	for k, n := range w.seenAt {
		p.seen[k] += n
	}
	for x, n := range w.rows {
		p.seen["row "+x.From+" | "+x.Row+" | "+x.To] += n
	}
	for k, n := range w.excused {
		p.excused[k] += n
	}
}

// played is what became of one seed.
type played struct {
	wrong         []string
	seen, excused map[string]int
}

// playSeeds plays as many as the flags want, or so many, and says in how many of how
// many what was seen.
func playSeeds(t *testing.T, many uint64, play func(seed uint64, log *strings.Builder) played) (map[string]int, int) {
	if *seedFlag != 0 {
		var log strings.Builder
		p := play(*seedFlag, &log)
		t.Log("\n" + log.String())
		for _, x := range p.wrong {
			t.Error(x)
		}
		return nil, 0
	}
	if *seedsFlag != 0 {
		many = *seedsFlag
	}
	var (
		next    atomic.Uint64
		mu      sync.Mutex
		group   sync.WaitGroup
		seen    = map[string]int{}
		excused = map[string]int{}
		bad     int
	)
	next.Store(*firstFlag)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= *firstFlag+many {
					return
				}
				p := play(seed, nil)
				mu.Lock()
				for k := range p.seen {
					seen[k]++
				}
				for k, n := range p.excused {
					excused[k] += n
				}
				if len(p.wrong) > 0 {
					if bad++; bad <= 20 {
						t.Errorf("seed %d: %s", seed, p.wrong[0])
					}
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if bad > 0 {
		t.Errorf("%d seeds of %d show a violation; go test ./bridge/power -run '^%s$' -seed N replays one", bad, many, t.Name())
	}
	if os.Getenv("SIM_COUNTS") != "" {
		for _, k := range slices.Sorted(maps.Keys(seen)) {
			fmt.Printf("%8d  %s\n", seen[k], k)
		}
		fmt.Println(excused)
	}
	return seen, int(many)
}
