//go:build process && linux

package main_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hikbridge/bridge/journal"
	"hikbridge/mqtt"
	"hikbridge/nvr/nvrtest"
)

// stopped is how long the bridge is stopped in *safe*. The rules are the same for 40 s
// as for 10 minutes, which CI has no time for:
//
//	go test -tags process -run AsProcesses/SIGSTOP ./cmd/hikbridge -stopped 10m -timeout 20m
var stopped = flag.Duration("stopped", 40*time.Second, "how long SIGSTOP lasts")

// mostRecords is more than a whole power cycle writes into its journal.
const mostRecords = 13

// The built bridge before simulated recorders whose network really goes dead, with
// Mosquitto, in real time. Each test is a home of its own, and as all of them wait
// most of the time, all run at once: in 4 minutes.
func TestPowerAsProcesses(t *testing.T) {
	t.Parallel()
	newNetns(t) // skipped at once where there can't be any
	tests := map[string]func(*testing.T, homeSetup){
		"a shutdown is proven and cut, and power brings it back":  shutDownWithMeter,
		"a shutdown without a plug is presumed":                   shutDownWithoutPlug,
		"a retained shutdown at the start is refused and cleared": retainedShutdown,
		"a shutdown is proven, and its owner unplugs it":          shutDownAndUnplug,
		"10,000 commands a second":                                flood,
		"SIGKILL before the answer":                               killUnanswered,
		"SIGKILL in safe":                                         killInSafe,
		"SIGSTOP in safe":                                         stopInSafe,
		"the broker restarts in the middle":                       brokerRestarts,
		"the broker restarts in safe":                             brokerRestartsInSafe,
	}
	for n := 1; n <= mostRecords; n++ {
		tests[fmt.Sprintf("SIGKILL at record %02d", n)] = func(t *testing.T, s homeSetup) { killAtRecord(t, s, n) }
	}
	inHomes(t, tests)
}

// inHomes runs tests, all at once and each in a home of its own.
func inHomes(t *testing.T, tests map[string]func(*testing.T, homeSetup)) {
	t.Helper()
	binary := build(t, "hikbridge/cmd/hikbridge")
	broker, _ := mosquitto(t)
	var all sync.WaitGroup
	number := 0
	for name, test := range tests {
		number++
		s := homeSetup{binary: binary, broker: broker, name: fmt.Sprintf("home%d", number)}
		all.Go(func() { t.Run(name, func(t *testing.T) { test(t, s) }) })
	}
	all.Wait()
}

func shutDownWithMeter(t *testing.T, s homeSetup) {
	s.cut = "proven"
	h := newHome(t, s)
	h.start()
	id := h.press("shutdown", "right")
	h.reaches("off", 3*time.Minute)
	if n := len(h.plug.Offs()); n != 1 {
		t.Errorf("%d OFFs", n)
	}
	time.Sleep(5 * time.Second)
	if h.value("power_state") != "off" || h.recorder.Power() != nvrtest.PowerOff {
		t.Errorf("it doesn't stay off%s", h.tale())
	}
	on := h.press("power_on")
	h.reaches("running", 3*time.Minute)
	if h.recorder.Power() != nvrtest.PowerRunning || h.puts() != 1 {
		t.Errorf("recorder %v after %d requests", h.recorder.Power(), h.puts())
	}
	eventually(t, 10*time.Second, "outcomes", func() bool { return h.verdictOn(on, "done").Type != "" })
	if h.verdictOn(id, "done").Type == "" {
		t.Errorf("results: %s", h.results())
	}
	h.check()
}

func shutDownAndUnplug(t *testing.T, s homeSetup) {
	h := newHome(t, s)
	h.start()
	h.safeAfterShutdown()
	for began := time.Now(); time.Since(began) < 2*offDelay; time.Sleep(100 * time.Millisecond) {
		if !h.safe() {
			t.Fatalf("safe doesn't hold%s", h.tale())
		}
	}
	h.plug.SwitchByHand(false)
	h.reaches("off", 30*time.Second)
	if h.safe() {
		t.Error("safe while it is off")
	}
	h.plug.SwitchByHand(true)
	h.reaches("running", 2*time.Minute)
	if n := len(h.plug.Offs()); n != 0 || h.puts() != 1 {
		t.Errorf("%d OFFs, %d requests", n, h.puts())
	}
	h.check()
}

func shutDownWithoutPlug(t *testing.T, s homeSetup) {
	s.noPlug = true
	h := newHome(t, s)
	h.start()
	id := h.press("shutdown", "right")
	h.reaches("presumed_off", 5*time.Minute)
	if !strings.Contains(h.value("status"), "silent since") || h.value("needs_attention") != "OFF" {
		t.Errorf("status: %s; needs attention: %s", h.value("status"), h.value("needs_attention"))
	}
	eventually(t, 5*time.Second, "the outcome", func() bool { return h.verdictOn(id, "done").Reason == "presumed_off" })
	h.feed(false)
	time.Sleep(2 * time.Second)
	h.feed(true)
	h.reaches("running", 2*time.Minute)
	if at := h.said("ON", time.Time{}); !at.IsZero() {
		t.Error("safe was told without a meter")
	}
	h.check()
}

func retainedShutdown(t *testing.T, s homeSetup) {
	h := newHome(t, s)
	topic := s.name + "/command/nvr/shutdown"
	h.client.Publish(mqtt.Message{Class: mqtt.State, Topic: topic, Retain: true,
		Payload: fmt.Appendf(nil, `{"id":"kept","at":%d,"by":"owner","force":["right"]}`, time.Now().Unix())})
	eventually(t, 10*time.Second, "the broker keeps it", func() bool { return len(retained(t, s.broker, topic)) == 1 })
	h.run()
	eventually(t, 20*time.Second, "it is refused and cleared", func() bool {
		return strings.Contains(h.results(), "shutdown:refused:retained") && len(retained(t, s.broker, topic)) == 0
	})
	eventually(t, 30*time.Second, "it is ready", h.ready)
	if h.puts() > 0 || h.states() != "running" {
		t.Errorf("%d requests to shut down%s", h.puts(), h.tale())
	}
	h.check()
}

// stopInSafe is a machine that was suspended: what was proven before is worth
// nothing afterwards.
func stopInSafe(t *testing.T, s homeSetup) {
	h := newHome(t, s)
	h.start()
	h.safeAfterShutdown()
	h.signal(syscall.SIGSTOP)
	began := time.Now()
	t.Cleanup(func() { h.bridge.Process.Signal(syscall.SIGCONT) })
	eventually(t, offDelay+500*time.Millisecond, "safe is off by itself", func() bool { return !h.safe() })
	t.Logf("safe off after %v", time.Since(began))
	for time.Since(began) < *stopped {
		if h.safe() {
			t.Fatal("safe while the bridge is stopped")
		}
		time.Sleep(100 * time.Millisecond)
	}
	again := time.Now()
	h.signal(syscall.SIGCONT)
	eventually(t, 3*time.Minute, "safe is proven anew", func() bool { return !h.said("ON", again).IsZero() })
	if took := h.said("ON", again).Sub(again); took < proofTakes {
		t.Errorf("safe %v after SIGCONT; a proof takes %v%s", took, proofTakes, h.tale())
	} else {
		t.Logf("safe again %v after SIGCONT", took)
	}
	h.check()
}

// brokerRestarts is a power cycle during which the broker restarts twice, and
// forgets what was retained.
func brokerRestarts(t *testing.T, s homeSetup) {
	var broker *process
	s.broker, broker = mosquitto(t)
	s.cut = "proven"
	h := newHome(t, s)
	h.start()
	id := h.press("power_cycle", "right")
	h.reaches("confirming", time.Minute)
	broker = restart(t, broker)
	h.reaches("off", 3*time.Minute)
	restart(t, broker)
	h.reaches("running", 3*time.Minute)
	eventually(t, 10*time.Second, "the outcome", func() bool { return h.verdictOn(id, "done").Reason == "normal" })
	if n := len(h.plug.Offs()); n != 1 || h.puts() != 1 || h.recorder.Power() != nvrtest.PowerRunning {
		t.Errorf("%d OFFs, %d requests, recorder %v", n, h.puts(), h.recorder.Power())
	}
	h.check()
}

func brokerRestartsInSafe(t *testing.T, s homeSetup) {
	var broker *process
	s.broker, broker = mosquitto(t)
	h := newHome(t, s)
	h.start()
	h.safeAfterShutdown()
	began := time.Now()
	restart(t, broker)
	eventually(t, 2*time.Minute, "safe is shown again", func() bool { return !h.said("ON", began).IsZero() })
	off, on := h.said("OFF", began), h.said("ON", began)
	if off.IsZero() || off.After(on) {
		t.Errorf("safe was on before it was off%s", h.tale())
	}
	for _, m := range h.heard() {
		if m.at.After(began) && m.topic == "bridge/availability" && m.payload == "online" && m.at.Before(off) {
			t.Error("the bridge was online before safe was off")
		}
	}
	t.Logf("off %v, on %v after the restart began", off.Sub(began), on.Sub(began))
	h.check()
}

// restart stops a broker, waits and starts it on the same port.
func restart(t *testing.T, p *process) *process {
	t.Helper()
	p.stop(t, 5*time.Second)
	time.Sleep(3 * time.Second)
	return start(t, os.Environ(), p.Args[0], p.Args[1:]...)
}

// killAtRecord kills the bridge as soon as its journal holds n records of a power
// cycle, and starts it again.
func killAtRecord(t *testing.T, s homeSetup, n int) {
	s.cut = "proven"
	h := newHome(t, s)
	h.run()
	have := h.waitForRecord(n, h.ready)
	if have < n {
		id := h.press("power_cycle", "right")
		have = h.waitForRecord(n, func() bool { return h.verdictOn(id, "done").Type != "" })
	}
	if have < n {
		t.Logf("a power cycle has %d records", have)
		return
	}
	if n == mostRecords {
		t.Fatalf("there are %d records; not every one is tried%s", have, h.tale())
	}
	h.killAndRecover()
}

// killUnanswered kills the bridge when the recorder has the request, and nobody
// will know from an answer.
func killUnanswered(t *testing.T, s homeSetup) {
	s.cut = "proven"
	h := newHome(t, s)
	h.start()
	// It goes on answering everything else: who repeats the request gets through.
	h.recorder.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{After: 20 * time.Second, Flush: 3 * time.Second}})
	h.recorder.Fail(nvrtest.Fault{Path: "System/shutdown", NoAnswer: true, Times: 1})
	h.press("power_cycle", "right")
	eventually(t, 30*time.Second, "the request arrives", func() bool { return h.puts() == 1 })
	h.killAndRecover()
}

// killAndRecover kills the bridge in a power cycle, starts it again and sees that
// all ends well.
func (h *home) killAndRecover() {
	t := h.t
	t.Helper()
	state := h.value("power_state")
	h.killForAWhile()
	before, intended := h.puts(), h.recorded("intent: ")
	again := h.startAgain()
	h.settles()
	if on := h.said("ON", again); !on.IsZero() && on.Sub(again) < proofTakes {
		t.Errorf("safe %v after the start; a proof takes %v%s", on.Sub(again), proofTakes, h.tale())
	}
	switch puts := h.puts(); {
	case !intended && puts > 0:
		t.Errorf("%d requests, and no intent was recorded%s", puts, h.tale())
	case before > 0 && puts != before, puts > before && h.putSince(again) < goingDown:
		t.Errorf("%d requests after the start, the first after %v: repeated from memory%s", puts-before, h.putSince(again), h.tale())
	}
	h.check()
	t.Logf("killed in %s, %d+%d requests, %d OFFs, running %v after the start: %s", state,
		before, h.puts()-before, len(h.plug.Offs()), time.Since(again).Round(time.Second), h.states())
}

// killForAWhile kills the bridge and looks for 3 s at what stands at Home Assistant and
// arrives at the plug.
func (h *home) killForAWhile() {
	t := h.t
	t.Helper()
	killed := time.Now()
	h.kill()
	eventually(t, 10*time.Second, "safe is off", func() bool { return !h.safe() })
	t.Logf("safe off %v after the kill", time.Since(killed).Round(time.Millisecond))
	time.Sleep(3 * time.Second)
	for _, c := range h.plug.Offs() {
		if c.At.After(killed.Add(200 * time.Millisecond)) {
			t.Errorf("an OFF arrived %v after the kill", c.At.Sub(killed))
		}
	}
}

// startAgain starts a bridge that was killed, and gives the moment.
func (h *home) startAgain() time.Time {
	h.t.Helper()
	again := time.Now()
	h.run()
	eventually(h.t, 20*time.Second, "the bridge is back", func() bool { return !h.said("OFF", again).IsZero() && h.online() })
	return again
}

// killInSafe kills the bridge while Home Assistant shows that power may be cut.
func killInSafe(t *testing.T, s homeSetup) {
	h := newHome(t, s)
	h.start()
	h.safeAfterShutdown()
	killed := time.Now()
	h.kill()
	eventually(t, 10*time.Second, "safe is off", func() bool { return !h.safe() })
	t.Logf("safe off after %v", time.Since(killed))
	again := time.Now()
	h.run()
	eventually(t, 3*time.Minute, "safe is proven anew", func() bool { return !h.said("ON", again).IsZero() })
	off, on := h.said("OFF", again), h.said("ON", again)
	if on.Sub(again) < proofTakes || off.IsZero() || off.After(on) {
		t.Errorf("off %v, on %v after the start; a proof takes %v%s", off.Sub(again), on.Sub(again), proofTakes, h.tale())
	}
	if h.puts() != 1 {
		t.Errorf("%d requests", h.puts())
	}
	h.check()
}

// waitForRecord waits until recorder's and outage's journal together hold n records, or
// no more are expected.
func (h *home) waitForRecord(n int, over func() bool) (have int) {
	h.t.Helper()
	for deadline := time.Now().Add(7 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		ended := over()
		if have = len(h.records(h.journal())) + len(h.records(h.outageJournal())); have >= n || ended {
			return have
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%d records%s", have, h.tale())
		}
	}
}

// records are those of a journal, if there is one.
func (h *home) records(path string) [][]byte {
	h.t.Helper()
	found, err := journal.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Fatal(err)
	}
	return found.Records
}

// recorded says whether a word stands in the recorder's journal.
func (h *home) recorded(word string) bool {
	h.t.Helper()
	return slices.ContainsFunc(h.records(h.journal()), func(r []byte) bool { return bytes.Contains(r, []byte(word)) })
}

// settles waits until the recorder runs again and is verified.
func (h *home) settles() {
	h.t.Helper()
	time.Sleep(2 * time.Second)
	h.reaches("running", 6*time.Minute)
	if h.recorder.Power() != nvrtest.PowerRunning {
		h.t.Errorf("the bridge says running, the recorder is %v%s", h.recorder.Power(), h.tale())
	}
}

func (h *home) signal(s syscall.Signal) {
	h.t.Helper()
	if err := h.bridge.Process.Signal(s); err != nil {
		h.t.Fatal(err)
	}
}
