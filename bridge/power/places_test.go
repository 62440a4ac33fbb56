package power_test

import (
	"fmt"
	"time"

	"hikbridge/bridge/power"
)

// A place is a machine in a position, reached as in a home where all goes its
// usual way until then.

// A site is where a place is.
type site struct {
	cfg     power.Config
	learned power.Learned
	stop    string // the position whose record is to be left waiting
}

// stopsAt leaves the record of that position waiting: nothing more happens then.
func (h *hand) stopsAt(position string) *hand {
	h.stop = position
	return h
}

// ready is a recorder that runs, known by its serial number, and read at 20 W.
func ready(s site) *hand {
	var journal *power.Record
	if s.learned.Passed {
		journal = &power.Record{At: epoch, Memory: power.Memory{State: power.Running, Serial: ownSerial, Firmware: firmware, Learned: s.learned}}
	}
	h := begin(s.cfg, journal, false, nil).stopsAt(s.stop)
	h.settle()
	if s.cfg.Mains {
		h.tell(power.Mains{Stable: true})
		h.settle()
	}
	for range 4 {
		h.pass(5 * time.Second)
		h.reads(20)
	}
	h.signsIn(30 * time.Hour)
	return h
}

// asks is a command of a person.
func (h *hand) asks(a power.Action) {
	h.tell(h.command(a, "anna"))
	h.settle()
}

// insists goes over what speaks against it, so far as a person may.
func (h *hand) insists(a power.Action) {
	c := h.command(a, "anna")
	c.Force = []string{"often", "plug", "drill", "right"}
	h.tell(c)
	h.settle()
}

func (h *hand) command(a power.Action, by string) power.Command {
	id := h.id()
	return power.Command{Action: a, ID: id, At: h.now.Wall, By: by, Content: uint64(h.ids)}
}

// next takes the next step of an ordinary sequence, whatever that is.
func (h *hand) next() {
	switch h.open.Kind {
	case power.Collect, power.Look:
		h.tell(power.Collected{Number: h.open.Number, Facts: goodFacts(30 * time.Hour)})
	case power.PutShutdown, power.PutReboot:
		h.tell(power.PutDone{Number: h.open.Number, Outcome: power.Done})
	case power.CollectAfter:
		h.tell(power.Verified{Number: h.open.Number, After: goodAfter()})
	default:
		h.pass(10 * time.Second)
		h.tell(power.Tick{})
	}
}

// goesOn takes n of them.
func (h *hand) goesOn(n int) *hand {
	for range n {
		h.next()
		h.settle()
	}
	return h
}

// watched lets time pass in which probes see this, and the plug reads that; below
// nothing it isn't heard. It ends with the move to a position, if one is named:
// before its record is durable.
func (h *hand) watched(d time.Duration, s power.Sight, watts float64, until ...string) *hand {
	for end := h.t() + d; h.t() < end && h.wrong == "" && !h.stops; {
		for _, e := range h.look(s, watts) {
			h.tell(e)
			if len(until) > 0 && h.m.Position() == until[0] {
				return h
			}
			h.settle()
		}
	}
	return h
}

func (h *hand) look(s power.Sight, watts float64) []power.Event {
	h.pass(5 * time.Second)
	var all []power.Event
	if h.cfg.Witness {
		all = append(all, power.Witnessed{At: h.now})
	}
	all = append(all, power.Probe{At: h.now, Sight: s, HTTP: s == power.Alive})
	if watts >= 0 && h.cfg.Plug.Exists {
		h.stamp++
		all = append(all, power.Relay{At: h.now, State: power.RelayOn}, power.Reading{At: h.now, Watts: watts, Stamp: stampOf(h.stamp)})
	}
	return append(all, power.Tick{})
}

func (h *hand) hears(s power.RelayState) *hand {
	h.tell(power.Relay{At: h.now, State: s})
	h.settle()
	return h
}

// waits lets time pass with nothing heard.
func (h *hand) waits(d time.Duration) *hand {
	h.pass(d)
	h.tell(power.Tick{})
	h.settle()
	return h
}

// asked is a recorder that accepted a shutdown by hand.
func asked(s site) *hand {
	h := ready(s)
	h.asks(power.Shutdown)
	return h.goesOn(4).waits(5 * time.Second)
}

// cut is a recorder that is proven off, and its plug told to switch off.
func cut(s site) *hand {
	h := asked(s).watched(5*time.Minute, power.Silent, 0.4, "cutting")
	h.settle()
	return h
}

func gone(s site) *hand {
	return cut(s).hears(power.RelayOff).waits(16 * time.Second)
}

func back(s site) *hand {
	h := gone(s)
	h.asks(power.PowerOn)
	h.waits(16 * time.Second)
	return h.hears(power.RelayOn)
}

// places are the ways to each position, some by more than one. In a home that
// can't get there it ends somewhere on the way.
var places = []struct {
	position string
	reach    func(site) *hand
}{
	{"running", ready},
	{"unreachable", func(s site) *hand {
		h := ready(s)
		h.tell(power.NoAnswer{At: h.now})
		return h.waits(61 * time.Second)
	}},
	{"checking", func(s site) *hand { h := ready(s); h.asks(power.Shutdown); return h }},
	{"counting_down", func(s site) *hand {
		h := ready(s)
		h.asks(power.Shutdown)
		return h.goesOn(1)
	}},
	{"shutting_down", func(s site) *hand {
		h := ready(s)
		h.asks(power.Shutdown)
		return h.goesOn(3)
	}},
	{"confirming", asked},
	{"presumed_off", func(s site) *hand {
		return asked(s).watched(6*time.Minute, power.Silent, -1, "presumed_off").settled()
	}},
	{"safe", func(s site) *hand {
		// A plug that wasn't heard for a moment isn't switched at once.
		proof := 35 * time.Second
		if s.learned.OffWatts > 3 {
			proof = 200 * time.Second
		}
		return asked(s).watched(proof, power.Silent, 0.4).watched(20*time.Second, power.Silent, -1, "safe").settled()
	}},
	{"cutting", cut},
	{"off", gone},
	{"powering_on", func(s site) *hand {
		h := gone(s)
		h.asks(power.PowerOn)
		return h.waits(16 * time.Second)
	}},
	{"rebooting", func(s site) *hand {
		h := ready(s)
		h.asks(power.Reboot)
		return h.goesOn(4).waits(5 * time.Second)
	}},
	{"booting", func(s site) *hand {
		h := back(s)
		h.pass(time.Minute)
		h.signsIn(time.Minute)
		return h
	}},
	{"attention(still_on)", func(s site) *hand {
		return asked(s).watched(95*time.Second, power.Alive, 20).goesOn(2).watched(95*time.Second, power.Alive, 20)
	}},
	{"attention(came_back)", func(s site) *hand {
		h := cut(s)
		h.tell(power.Probe{At: h.now, Sight: power.Alive})
		return h.settled()
	}},
	{"attention(unproven)", func(s site) *hand {
		return asked(s).watched(9*time.Minute, power.Uncertain, -1)
	}},
	{"attention(boot_failed)", func(s site) *hand {
		return back(s).watched(11*time.Minute, power.Silent, 20)
	}},
	{"attention(cut_unconfirmed)", func(s site) *hand {
		return cut(s).watched(2*time.Minute, power.Silent, 0.4, "attention(cut_unconfirmed)").settled()
	}},
	{"attention(power_lost)", func(s site) *hand { return asked(s).hears(power.RelayOff) }},
	{"attention(wrong_device)", func(s site) *hand {
		h := back(s)
		h.tell(power.SignedIn{At: h.now, Serial: "another", Uptime: time.Minute, UptimeTold: true})
		return h.settled()
	}},
	{"attention(journal_damaged)", func(s site) *hand {
		return begin(s.cfg, nil, true, nil).stopsAt(s.stop).settled()
	}},
}

func (h *hand) settled() *hand {
	h.settle()
	return h
}

// reach is the place of a position.
func reach(position string, s site) *hand {
	for _, p := range places {
		if p.position == position {
			return p.reach(s)
		}
	}
	panic(fmt.Sprintf("no place is called %s", position))
}

// detours are places off the ordinary way, by the action and n, the steps that
// were taken of it.
var detours = map[string]func(s site, n int) *hand{
	"an outage": func(s site, n int) *hand {
		h := ready(s)
		h.tell(power.Mains{Lost: true, Outage: 1})
		return h.settled().goesOn(n)
	},
	"a restart": func(s site, n int) *hand {
		h := ready(s)
		h.asks(power.Reboot)
		return h.goesOn(n)
	},
	"a power cycle": func(s site, n int) *hand {
		h := ready(s)
		h.asks(power.PowerCycle)
		return h.goesOn(min(n, 4)).watched(time.Duration(max(0, n-4))*610*time.Second, power.Silent, 9)
	},
	"a shutdown of one that stayed on": func(s site, n int) *hand {
		h := reach("attention(still_on)", s)
		h.insists(power.Shutdown)
		return h.goesOn(n % 5)
	},
	"a restart of one that stayed on": func(s site, n int) *hand {
		h := reach("attention(still_on)", s)
		h.insists(power.Reboot)
		return h.goesOn(n)
	},
	"a second request": func(s site, n int) *hand {
		return asked(s).watched(91*time.Second, power.Alive, 20).goesOn(n % 2)
	},
	"a request that wasn't sent": func(s site, n int) *hand {
		h := ready(s)
		h.asks(power.Shutdown)
		outcome, steps := power.NotSent, 2
		if n > 2 {
			outcome, steps, n = power.Busy, 5, n-3
		}
		for h.goesOn(3); n > 0; n-- {
			h.tell(power.PutDone{Number: h.open.Number, Outcome: outcome})
			h.settled().goesOn(steps)
		}
		return h
	},
	"a drill": func(s site, n int) *hand {
		h := ready(s)
		h.asks(power.Check)
		h.goesOn(1)
		h.asks(power.Drill)
		h.goesOn(4).watched(40*time.Second, power.Silent, 20)
		h.signsIn(time.Minute)
		h.pass(10 * time.Second)
		h.signsIn(70 * time.Second)
		h.goesOn(min(n, 1))
		if n > 1 {
			h.waits(61 * time.Second).goesOn(min(n-1, 2))
		}
		if n > 3 {
			h.watched(200*time.Second, power.Silent, 9)
		}
		if n > 4 {
			h.asks(power.ConfirmOff)
		}
		return h
	},
	"a person's word": func(s site, n int) *hand {
		h := reach([]string{"confirming", "presumed_off", "attention(unproven)"}[n%3], s).watched(200*time.Second, power.Silent, 9)
		h.asks(power.ConfirmOff)
		return h
	},
	"a boot that fails": func(s site, n int) *hand {
		return back(s).watched(time.Duration(n+5)*time.Minute, power.Silent, 0.4)
	},
	"attention, with power owed": func(s site, n int) *hand {
		for _, r := range []power.Reason{power.StillOn, power.CameBack, power.Unproven, power.BootFailed, power.CutUnconfirmed, power.PowerLost}[n%6:] {
			d := madeMemory(power.Attention, r)
			d.Learned, d.Seq.Owed, d.Seq.Offs = s.learned, true, 1
			h := begin(s.cfg, &power.Record{Memory: d}, false, nil).settled()
			return h.waits(14 * time.Second)
		}
		return nil
	},
}
