//go:build process && linux

package main_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/bridge/bridgetest"
	"hikbridge/bridge/ups"
)

// upsd is a real NUT server with NUT's dummy driver.
type upsd struct {
	*bridgetest.Upsd
	t *testing.T
}

func startUpsd(t *testing.T) *upsd {
	t.Helper()
	s, err := bridgetest.NewUpsd(upsPW)
	if errors.Is(err, bridgetest.ErrNoUpsd) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	u := &upsd{s, t}
	u.says("OL")
	u.run(bridgetest.UpsdDriver)
	return u
}

func (u *upsd) run(program string) {
	u.t.Helper()
	if err := u.Run(program); err != nil {
		u.t.Fatal(err)
	}
}

// says lets the UPS say these words, and a charge that asks for nothing.
func (u *upsd) says(words string) {
	u.t.Helper()
	if err := u.Status(words, "battery.charge: 88"); err != nil {
		u.t.Fatal(err)
	}
}

// told lets the UPS say these words, and gives the moment at which the server does.
func (u *upsd) told(words string) time.Time {
	u.t.Helper()
	u.says(words)
	c, err := ups.New(ups.Config{Address: u.Address, UPS: "ups"})
	if err != nil {
		u.t.Fatal(err)
	}
	eventually(u.t, 20*time.Second, "upsd says "+words, func() bool {
		r, err := c.Read(u.t.Context())
		return err == nil && strings.Join(r.Words, " ") == words
	})
	return time.Now()
}

const (
	asksOnLine    = 5 * time.Second // at the longest, between two questions to the server
	asksOnBattery = time.Second
	onTime        = time.Second
	looksFor      = 3 * time.Second // at the recorder, before a request leaves
)

// between holds a time against bounds.
func between(t *testing.T, what string, d, least, most time.Duration) {
	t.Helper()
	t.Logf("%s: %v", what, d.Round(time.Millisecond))
	if d < least || d > most {
		t.Errorf("%s: %v, not %v to %v", what, d, least, most)
	}
}

func upsdOnBattery(t *testing.T, s homeSetup) {
	s.cut = "proven"
	u := startUpsd(t)
	h := outageHome(t, s, u.Address)
	h.start()
	h.mainsIs("ON")
	lost := u.told("OB DISCHRG")
	m, put := h.asked(), h.put()
	between(t, "from upsd's word to the loss", m.Since.Sub(lost), -onTime, asksOnLine+onTime)
	between(t, "from the loss to the moment at which the rule asks", m.Asked.Sub(m.Since), 15*time.Second, 15*time.Second+onTime)
	between(t, "from then to the request, with 5 s of countdown", put.Sub(m.Asked), 5*time.Second, 5*time.Second+looksFor)
	h.reaches("off", 3*time.Minute)
	back := time.Now()
	u.says("OL CHRG")
	h.isUpAfter(back)
	if actions := h.logged(lost.Add(-onTime), time.Now()); len(actions) != 1 || actions[0].Outcome != "done" {
		t.Errorf("log book: %+v", actions)
	}
}

// upsdLowBattery is an outage of a recorder without a drill, which only low battery may
// shut down.
func upsdLowBattery(t *testing.T, s homeSetup) {
	u := startUpsd(t)
	h := outageHome(t, s, u.Address, "HIKBRIDGE_NVR_ANY_OUTAGE=false")
	h.start()
	u.told("OB DISCHRG")
	h.asked()
	time.Sleep(10 * time.Second)
	if n := h.puts(); n != 0 {
		t.Errorf("%d requests before the battery is low", n)
	}
	low := u.told("OB DISCHRG LB")
	between(t, "from upsd's low battery to the request", h.put().Sub(low), -onTime, asksOnBattery+onTime+looksFor)
	h.reaches("safe", 2*time.Minute)
	if n := h.puts(); n != 1 {
		t.Errorf("%d requests", n)
	}
	h.check()
}

// upsdMainsBack is an outage that waits for a drill when it ends, and then a server and a
// driver that die while there is mains.
func upsdMainsBack(t *testing.T, s homeSetup) {
	u := startUpsd(t)
	h := outageHome(t, s, u.Address, "HIKBRIDGE_NVR_ANY_OUTAGE=false")
	h.start()
	began := time.Now()
	u.told("OB DISCHRG")
	h.asked()
	h.reaches("checking", 10*time.Second)
	back := u.told("OL CHRG")
	h.reaches("running", time.Minute)
	between(t, "from mains to the end of the outage", h.outage().Ended.Sub(back), 30*time.Second-onTime, 30*time.Second+asksOnBattery+onTime)
	if a := h.logged(began, time.Now()); len(a) != 1 || a[0].Outcome != "cancelled" || a[0].Verdict != "mains_back" {
		t.Errorf("log book: %+v", a)
	}
	for _, program := range []string{bridgetest.UpsdDriver, bridgetest.UpsdServer} {
		h.noProblem()
		killed := time.Now()
		u.Kill(program)
		h.problem("UPS ups is silent", 2*time.Minute)
		// 15 s of NUT's DEADTIME, the rule's minute, and 3 s until upsd misses its driver.
		between(t, "from the end of "+program+" to the problem", time.Since(killed), time.Minute, 75*time.Second+2*asksOnLine+onTime)
		u.run(program)
	}
	h.noProblem()
	if h.puts() != 0 || h.outage().Lost {
		t.Errorf("%d requests; %+v", h.puts(), h.outage())
	}
	h.check()
}

// upsdDies is a server or driver that dies once mains is lost: the outage goes on
// counting, and asks.
func upsdDies(t *testing.T, s homeSetup, program string) {
	s.cut = "proven"
	u := startUpsd(t)
	h := outageHome(t, s, u.Address, "HIKBRIDGE_OUTAGE_AFTER=30s")
	h.start()
	lost := u.told("OB DISCHRG")
	h.mainsIs("OFF")
	u.Kill(program)
	m := h.asked()
	between(t, "from the loss to the moment at which the rule asks", m.Asked.Sub(m.Since), 30*time.Second, 30*time.Second+onTime)
	between(t, "from then to the request, with 5 s of countdown", h.put().Sub(m.Asked), 5*time.Second, 5*time.Second+looksFor)
	h.problem("UPS ups is silent", 2*time.Minute)
	h.reaches("off", 2*time.Minute)
	u.says("OL CHRG")
	back := time.Now()
	u.run(program)
	h.noProblem()
	h.isUpAfter(back)
	h.logged(lost.Add(-onTime), time.Now())
}

// switchesOff gives the UPS the only command that NUT's dummy driver lists, and doesn't
// know, at the end of an outage; h is safe then, and what tells of mains has had no
// problem before.
func switchesOff(t *testing.T, s homeSetup, password string) (*upsd, *home) {
	u := startUpsd(t)
	h := outageHome(t, s, u.Address, "HIKBRIDGE_UPS_USERNAME=bridge", "HIKBRIDGE_UPS_PASSWORD="+password, "HIKBRIDGE_UPS_COMMAND=load.off")
	h.start()
	low := u.told("OB DISCHRG LB")
	between(t, "from upsd's low battery on line to the request, with the 10 s until a loss counts", h.put().Sub(low),
		10*time.Second-onTime, 10*time.Second+asksOnLine+onTime+looksFor)
	h.reaches("safe", 3*time.Minute)
	h.problem("the UPS", 30*time.Second)
	all := h.heard()
	safe := slices.IndexFunc(all, func(m heard) bool { return m.topic == "nvr/power_state" && m.payload == "safe" })
	for _, m := range all { // two goroutines tell them, so that the order of a moment says nothing
		if m.topic == "bridge/mains_source_problem" && m.payload == "ON" && m.at.Before(all[safe].at.Add(-2*time.Second)) {
			t.Errorf("a problem before it is safe, at %v:\n%s", m.at, h.bridge.output())
		}
	}
	if out := h.bridge.output(); strings.Contains(out, password) {
		t.Error("the password is in the log")
	}
	h.check()
	return u, h
}

func upsdCommand(t *testing.T, s homeSetup) {
	u, h := switchesOff(t, s, upsPW)
	h.problem("it isn't known whether the UPS switches off", time.Second)
	if log := u.Log(); strings.Count(log, "Instant command: bridge@127.0.0.1 did load.off on ups") != 1 {
		t.Errorf("upsd says: %s", log)
	}
}

func upsdWrongPassword(t *testing.T, s homeSetup) {
	u, h := switchesOff(t, s, "canary-wrong")
	h.problem("the UPS wasn't told to switch off", time.Second)
	h.problem(ups.ErrDenied.Error(), time.Second)
	if log := u.Log(); strings.Contains(log, "did load.off") {
		t.Errorf("upsd says: %s", log)
	}
}
