package bridge_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

// wildSeeds are homes in which safe is shown (the first one), and the plug cut.
var wildSeeds = [...]uint64{107, 113}

// In whatever order people, recorders, plugs and brokers do what they do, safe is
// never shown and nothing cut while a recorder runs, and all ends well.
func TestWildHomes(t *testing.T) {
	for _, seed := range wildSeeds {
		synctest.Test(t, func(t *testing.T) { newWild(t, seed).live() })
	}
}

// wild is a home where anything happens.
type wild struct {
	*home
	rng   *rand.Rand
	spans []span   // what the recorder did
	offs  int      // that were seen
	trace []string // for people
}

type span struct {
	from  time.Time
	state nvrtest.PowerState
}

// on says that its disks may turn.
func (s span) on() bool {
	return s.state == nvrtest.PowerRunning || s.state == nvrtest.PowerFlushing || s.state == nvrtest.PowerBooting
}

func newWild(t *testing.T, seed uint64) *wild {
	w := &wild{rng: rand.New(rand.NewPCG(seed, 7))}
	preset := w.pick("tasmota", "shelly2", "zigbee2mqtt")
	halted := []float64{0.4, 0.4, 9}[w.rng.IntN(3)]
	boot := nvrtest.Boot{Down: 40 * time.Second, Silent: true, Errors: 15 * time.Second, Denies: time.Duration(w.rng.IntN(3)) * time.Minute}
	cut := w.pick("never", "proven")
	w.home = newHome(t, homeSetup{
		recorder: nvrtest.Config{Watts: nvrtest.Watts{Halted: halted}, Boot: boot},
		plug:     func(c *bridgetest.PlugConfig) { c.Preset = preset },
		power:    func(p *bridge.PowerConfig) { p.Cut = cut },
	})
	w.spans = []span{{time.Now(), nvrtest.PowerRunning}}
	w.note("seed %d: %s, halts at %g W, cut %s", seed, preset, halted, cut)
	return w
}

func (w *wild) pick(all ...string) string { return all[w.rng.IntN(len(all))] }

func (w *wild) note(format string, args ...any) {
	w.trace = append(w.trace, time.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

// pass lets time pass, and watches.
func (w *wild) pass(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Second)
		if now := w.recorder.Power(); now != w.spans[len(w.spans)-1].state {
			w.note("%v", now)
			w.spans = append(w.spans, span{time.Now(), now})
		}
		n := len(w.plug.Offs())
		if n == w.offs {
			continue
		}
		w.offs = n
		w.note("OFF")
		for _, stop := range w.recorder.Stops() {
			if stop.Cause == nvrtest.ByPowerCut && time.Since(stop.At) < 3*time.Second {
				w.t.Errorf("an OFF cut a running recorder at %v", stop.At)
			}
		}
	}
}

func (w *wild) live() {
	for range 60 {
		what := w.pick("check", "shutdown", "shutdown", "reboot", "power_cycle", "power_cycle", "power_cycle", "power_cycle",
			"cancel", "confirm_off", "confirm_off", "retry_sign_in", "power_on", "power_on", "an answer gets lost", "this program restarts",
			"the broker restarts", "the broker hangs", "the broker goes on", "the plug is away", "the plug is back", "the plug restarts",
			"switched off by hand", "switched on by hand", "switched on by hand", "the recorder restarts", "nothing", "nothing", "nothing")
		w.note("%s (%s)", what, w.state())
		w.happen(what)
		w.pass(time.Duration(w.rng.ExpFloat64() * float64(80*time.Second)))
	}
	w.note("all is well again")
	w.recorder.ClearFaults()
	w.plug.Away(false)
	w.broker.Thaw()
	w.pass(2 * time.Minute)
	w.plug.SwitchByHand(false)
	w.pass(time.Minute)
	w.plug.SwitchByHand(true)
	w.pass(95 * time.Minute)
	if s := w.value("hikbridge/garage/status"); w.state() != "running" || !strings.HasPrefix(s, "Running") {
		w.t.Errorf("at the end %s: %s", w.state(), s)
	}
	for _, at := range w.said() {
		for i, x := range w.spans {
			over := i+1 < len(w.spans) && !w.spans[i+1].from.After(at.Add(time.Second))
			if x.on() && at.Sub(x.from) > 4*time.Second && !over {
				w.t.Errorf("safe was said at %v while %v since %v", at, x.state, x.from)
			}
		}
	}
	if w.t.Failed() {
		w.t.Log(strings.Join(w.trace, "\n"))
	}
}

func (w *wild) happen(what string) {
	switch what {
	case "an answer gets lost":
		w.recorder.Fail(nvrtest.Fault{Path: "System", NoAnswer: true, Answers: nvrtest.Granted, Times: 1})
	case "this program restarts":
		w.stop()
		w.pass(time.Duration(w.rng.IntN(20)) * time.Second)
		w.start()
	case "the broker restarts":
		w.broker.Cut()
	case "the broker hangs":
		w.broker.Freeze()
	case "the broker goes on":
		w.broker.Thaw()
	case "the plug is away":
		w.plug.Away(true)
	case "the plug is back":
		w.plug.Away(false)
	case "the plug restarts":
		w.plug.Restart()
	case "switched off by hand":
		if w.recorder.Power() == nvrtest.PowerHalted {
			w.plug.SwitchByHand(false)
		}
	case "switched on by hand":
		w.plug.SwitchByHand(true)
	case "the recorder restarts":
		w.recorder.RebootWith(nvrtest.Boot{Down: 40 * time.Second, Silent: true, Denies: 2 * time.Minute})
	case "nothing":
		w.pass(4 * time.Minute)
	default:
		w.press(what, "right", "often", "plug", "export")
	}
}
