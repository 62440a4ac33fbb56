//go:build process && linux

package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/bridgetest"
	"hikbridge/bridge/power"
	"hikbridge/nvr/nvrtest"
)

// mostOutageRecords is more than an outage writes into both journals.
const mostOutageRecords = 23

// upsPW is the password of the user bridge.
const upsPW = "canary-ups-7Qp"

// As TestPowerAsProcesses, with a NUT server and mains that goes: in 6 minutes, beside
// the others.
func TestOutageAsProcesses(t *testing.T) {
	t.Parallel()
	newNetns(t) // skipped at once where there can't be any
	tests := map[string]func(*testing.T, homeSetup){
		"upsd, on battery until it is asked":      upsdOnBattery,
		"upsd, low battery":                       upsdLowBattery,
		"upsd, mains is back before the request":  upsdMainsBack,
		"upsd, its driver dies on battery":        func(t *testing.T, s homeSetup) { upsdDies(t, s, bridgetest.UpsdDriver) },
		"upsd, it is killed on battery":           func(t *testing.T, s homeSetup) { upsdDies(t, s, bridgetest.UpsdServer) },
		"upsd, the UPS is told to switch off":     upsdCommand,
		"upsd, a wrong password":                  upsdWrongPassword,
		"SIGKILL in safe":                         killInSafeInOutage,
		"the broker is dead for the whole outage": brokerDeadInOutage,
	}
	for n := 1; n <= mostOutageRecords; n++ {
		tests[fmt.Sprintf("SIGKILL at record %02d", n)] = func(t *testing.T, s homeSetup) { killInOutage(t, s, n) }
	}
	inHomes(t, tests)
}

// outageHome makes a home that shuts down a quarter of a minute after mains has gone,
// as the UPS at a NUT server says.
func outageHome(t *testing.T, s homeSetup, server string, env ...string) *home {
	t.Helper()
	h := newHome(t, s)
	h.env = append(h.env, "HIKBRIDGE_UPS=ups@"+server, "HIKBRIDGE_NVR_ANY_OUTAGE=true", "HIKBRIDGE_OUTAGE_AFTER=15s")
	h.env = append(h.env, env...)
	return h
}

// site is the latest of one of the topics of the bridge's device.
func (v *view) site(key string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.latest["bridge/"+key]
}

// mainsIs waits until mains is told to be on or off.
func (h *home) mainsIs(state string) {
	h.t.Helper()
	eventually(h.t, 90*time.Second, "mains is "+state, func() bool { return h.site("mains") == state })
}

// problem waits until a problem with what tells of mains is told that holds a text.
func (h *home) problem(text string, within time.Duration) {
	h.t.Helper()
	eventually(h.t, within, "the problem is told: "+text, func() bool {
		return h.site("mains_source_problem") == "ON" && strings.Contains(h.site("mains_source_problem/attributes"), text)
	})
}

func (h *home) noProblem() {
	h.t.Helper()
	eventually(h.t, 30*time.Second, "no problem is told", func() bool { return h.site("mains_source_problem") == "OFF" })
}

// outage is what the outage journal ends with.
func (h *home) outage() power.SiteMemory {
	h.t.Helper()
	var last struct{ Record power.SiteRecord }
	records := h.records(h.outageJournal())
	if n := len(records); n > 0 {
		if err := json.Unmarshal(records[n-1], &last); err != nil {
			h.t.Fatal(err)
		}
	}
	return last.Record.Memory
}

// asked waits until the outage has asked for a shutdown.
func (h *home) asked() power.SiteMemory {
	h.t.Helper()
	var m power.SiteMemory
	eventually(h.t, 90*time.Second, "the outage asks", func() bool {
		m = h.outage()
		return !m.Asked.IsZero()
	})
	return m
}

// put waits for the first request to shut down, and gives the moment at which it
// arrived.
func (h *home) put() time.Time {
	h.t.Helper()
	eventually(h.t, 90*time.Second, "the recorder is asked", func() bool { return h.puts() > 0 })
	return h.requested()[0]
}

// isUpAfter waits until the recorder runs again, and looks at what an outage that is over
// has left: mains was back at a moment.
func (h *home) isUpAfter(back time.Time) {
	h.t.Helper()
	h.settles()
	if stops := h.recorder.Stops(); len(stops) != 1 || stops[0].Cause != nvrtest.ByShutdown || h.puts() != 1 {
		h.t.Fatalf("%d requests, stops: %+v%s", h.puts(), stops, h.tale())
	}
	ons := h.plug.Ons()
	if len(ons) == 0 || ons[0].At.Sub(back) < 2*time.Minute {
		h.t.Fatalf("switched on: %+v, mains back at %v%s", ons, back, h.tale())
	}
	for _, m := range h.heard() {
		if m.topic == "nvr/"+topicSafe && m.payload == "ON" && (m.at.Sub(h.requested()[0]) < proofTakes || m.at.After(ons[0].At)) {
			h.t.Errorf("safe at %v, asked %v, switched on %v", m.at, h.requested(), ons)
		}
	}
	h.cutsAfter(h.requested()[0])
	h.check()
}

// cutsAfter sees that there is a whole proof between a moment and each OFF after it.
func (h *home) cutsAfter(moment time.Time) {
	h.t.Helper()
	for _, c := range h.plug.Offs() {
		if after := c.At.Sub(moment); after > 0 && after < proofTakes {
			h.t.Errorf("OFF after %v; a proof takes %v%s", after, proofTakes, h.tale())
		}
	}
}

// logged looks at the log book: every outage in it began, went on and ended between
// two moments.
func (h *home) logged(from, to time.Time) []bridge.Action {
	h.t.Helper()
	actions, err := bridge.LogBook(h.state, "nvr")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, a := range actions {
		at := []time.Time{from, a.Began}
		for _, s := range a.Steps {
			at = append(at, s.At)
		}
		at = append(at, a.Ended, to)
		if a.Action != "outage" || !slices.IsSortedFunc(at, time.Time.Compare) {
			h.t.Errorf("log book: %+v, from %v to %v", a, from, to)
		}
	}
	return actions
}

// brokerDeadInOutage hides the plug from the beginning of an outage to after its end. As
// it is read before, and the outage asks so soon, the request isn't held up for it.
func brokerDeadInOutage(t *testing.T, s homeSetup) {
	var broker *process
	s.broker, broker = mosquitto(t)
	s.cut = "proven"
	u := startUpsd(t)
	h := outageHome(t, s, u.Address)
	h.start()
	broker.Process.Kill()
	<-broker.done
	lost := u.told("OB DISCHRG")
	m, put := h.asked(), h.put()
	between(t, "from upsd's word to the loss", m.Since.Sub(lost), -onTime, asksOnLine+onTime)
	between(t, "from the loss to the moment at which the rule asks", m.Asked.Sub(m.Since), 15*time.Second, 15*time.Second+onTime)
	between(t, "from then to the request, with 5 s of countdown", put.Sub(m.Asked), 5*time.Second, 5*time.Second+looksFor)
	eventually(t, 20*time.Second, "the recorder is halted", func() bool { return h.recorder.Power() == nvrtest.PowerHalted })
	eventually(t, 10*time.Second, "the journals tell", func() bool {
		return h.recorded("intent: ") && len(h.outage().Stopped) == 1
	})
	time.Sleep(20 * time.Second)
	back := time.Now()
	u.says("OL CHRG")
	eventually(t, time.Minute, "the outage is over", func() bool { return !h.outage().Lost })
	if ended := h.outage().Ended.Sub(back); ended < 30*time.Second {
		t.Errorf("mains counts as back after %v", ended)
	}
	if n := len(h.plug.Offs()); n != 0 {
		t.Errorf("%d OFFs without a broker", n)
	}
	again := time.Now()
	start(t, broker.Env, broker.Args[0], broker.Args[1:]...)
	h.reaches("off", 3*time.Minute)
	h.cutsAfter(again)
	h.isUpAfter(back)
	if n := len(h.plug.Offs()); n != 1 {
		t.Errorf("%d OFFs", n)
	}
	h.logged(lost.Add(-onTime), time.Now())
}

// simulatedUPS serves a simulated UPS on a port.
func simulatedUPS(t *testing.T) (n *bridgetest.NUT, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n = bridgetest.NewNUT(bridgetest.NUTConfig{})
	t.Cleanup(n.Close)
	go func() { _ = n.Serve(l) }()
	return n, l.Addr().String()
}

// killInOutage kills the bridge as soon as its journals hold n records of an outage, and
// starts it again. Mains is gone until the recorder is off.
func killInOutage(t *testing.T, s homeSetup, n int) {
	s.cut = "proven"
	u, address := simulatedUPS(t)
	h := outageHome(t, s, address)
	h.run()
	var lost, back time.Time
	have := h.waitForRecord(n, h.ready)
	if have < n {
		lost = time.Now()
		u.Status("OB DISCHRG")
		have = h.waitForRecord(n, func() bool {
			if back.IsZero() && h.value("power_state") == "off" {
				back = time.Now()
				u.Status("OL CHRG")
			}
			return h.cameBack()
		})
	}
	switch {
	case have < n:
		t.Logf("an outage has %d records", have)
		return
	case n == mostOutageRecords:
		t.Fatalf("there are %d records; not every one is tried%s", have, h.tale())
	}
	killed, state := time.Now(), h.value("power_state")
	h.killForAWhile()
	before, requests, intended := h.outage(), h.puts(), h.recorded("intent: ")
	again := h.startAgain()
	if lost.IsZero() {
		lost = time.Now()
		u.Status("OB DISCHRG")
	}
	if back.IsZero() {
		h.reaches("off", 5*time.Minute)
		back = time.Now()
		u.Status("OL CHRG")
	}
	eventually(t, 7*time.Minute, "it came back", h.cameBack)
	h.isUpAfter(back)
	h.cutsAfter(again)
	if intended && requests == 0 && h.putSince(again) < goingDown {
		t.Errorf("a request %v after the start, repeated from memory%s", h.putSince(again), h.tale())
	}
	h.tellsOutage(before, lost, back, again)
	t.Logf("killed at record %d in %s, %v after mains went; %d+%d requests, %d OFFs, running %v after the start: %s", have, state,
		killed.Sub(lost).Round(time.Second), requests, h.puts()-requests, len(h.plug.Offs()), time.Since(again).Round(time.Second), h.states())
}

// killInSafeInOutage kills the bridge while Home Assistant shows that power may be cut,
// which only a person does.
func killInSafeInOutage(t *testing.T, s homeSetup) {
	u, address := simulatedUPS(t)
	h := outageHome(t, s, address)
	h.start()
	u.Status("OB DISCHRG")
	h.reaches("safe", 3*time.Minute)
	eventually(t, 10*time.Second, "safe is shown", h.safe)
	h.killForAWhile()
	again := h.startAgain()
	eventually(t, 3*time.Minute, "safe is proven anew", func() bool { return !h.said("ON", again).IsZero() })
	if on := h.said("ON", again); on.Sub(again) < proofTakes {
		t.Errorf("safe %v after the start; a proof takes %v%s", on.Sub(again), proofTakes, h.tale())
	}
	u.Status("OL CHRG")
	h.plug.SwitchByHand(false)
	h.reaches("off", 30*time.Second)
	h.plug.SwitchByHand(true)
	h.settles()
	if stops := h.recorder.Stops(); len(stops) != 1 || h.puts() != 1 || len(h.plug.Offs()) != 0 {
		t.Errorf("%d requests, OFFs %+v, stops: %+v%s", h.puts(), h.plug.Offs(), stops, h.tale())
	}
	h.check()
}

// cameBack says that the recorder was off in an outage, and runs.
func (h *home) cameBack() bool {
	m := h.outage()
	return len(m.Stopped) == 1 && m.Stopped[0].State == power.Running && !m.Lost && h.value("power_state") == "running"
}

// tellsOutage looks at what is told of an outage in which the bridge was killed: when it
// began and ended, and who was shut down.
func (h *home) tellsOutage(before power.SiteMemory, lost, back, again time.Time) {
	h.t.Helper()
	const asked = 6 * time.Second // the UPS is, at the latest
	m := h.outage()
	switch since := m.Since; {
	case before.Lost && !since.Equal(before.Since):
		h.t.Errorf("mains lost at %v, before the kill at %v", since, before.Since)
	case since.Before(lost), since.After(lost.Add(asked)) && since.After(again.Add(asked)):
		h.t.Errorf("mains lost at %v, was at %v, the bridge started again at %v", since, lost, again)
	}
	if late := m.Ended.Sub(back); late < 30*time.Second || late > 30*time.Second+asked && m.Ended.Sub(again) > 30*time.Second+asked {
		h.t.Errorf("mains back at %v, was at %v, the bridge started again at %v", m.Ended, back, again)
	}
	var told struct {
		ShutDown map[string]string `json:"shut_down"`
		Ended    time.Time
	}
	eventually(h.t, 10*time.Second, "the last outage is told", func() bool {
		return json.Unmarshal([]byte(h.site("last_outage/attributes")), &told) == nil && told.ShutDown["nvr"] == "running"
	})
	if !told.Ended.Equal(m.Ended.Truncate(time.Second)) {
		h.t.Errorf("told to have ended %v, did %v", told.Ended, m.Ended)
	}
	actions := h.logged(lost, time.Now())
	if n := len(actions); n == 0 || actions[n-1].Outcome != "done" || actions[n-1].Proof != "power" {
		h.t.Errorf("log book: %+v", actions)
	}
}
