package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/nvr/nvrtest"
)

// told is a verdict or an outcome about the garage's recorder.
type told struct {
	EventType string           `json:"event_type"`
	Action    string           `json:"action"`
	Reason    string           `json:"reason"`
	Message   string           `json:"message"`
	Findings  []bridge.Blocker `json:"findings"`
}

// told is the last of them.
func (h *home) told() (last told) {
	for _, p := range h.broker.Log() {
		if !p.Sent && p.Packet == "PUBLISH" && p.Topic == "hikbridge/garage/result" {
			last = told{}
			if err := json.Unmarshal(p.Payload, &last); err != nil {
				h.t.Error(err)
			}
		}
	}
	return last
}

// says holds a sentence against the words that must be in it.
func (h *home) says(what, sentence string, words ...string) {
	h.t.Helper()
	for _, w := range words {
		if !strings.Contains(sentence, w) {
			h.t.Errorf("%s has no %q: %s", what, w, sentence)
		}
	}
}

func (h *home) status() string { return h.value("hikbridge/garage/status") }

// needs holds Needs attention against the ids of its reasons; none: it is off.
func (h *home) needs(ids ...string) {
	h.t.Helper()
	synctest.Wait()
	var a struct {
		Reasons []struct {
			ID string `json:"id"`
		} `json:"reasons"`
	}
	if err := json.Unmarshal([]byte(h.value("hikbridge/garage/needs_attention/attributes")), &a); err != nil {
		h.t.Error(err)
	}
	var got []string
	for _, r := range a.Reasons {
		got = append(got, r.ID)
	}
	if want := map[bool]string{true: "ON", false: "OFF"}[len(ids) > 0]; !slices.Equal(got, ids) || h.value("hikbridge/garage/needs_attention") != want {
		h.t.Errorf("needs attention is %s for %v, want %v", h.value("hikbridge/garage/needs_attention"), got, ids)
	}
}

// kept says that the bridge switched nothing off and never called it safe to.
func (h *home) kept() {
	h.t.Helper()
	if h.plug != nil && len(h.plug.Offs()) > 0 || len(h.said()) > 0 {
		h.t.Errorf("OFFs %+v, safe said at %v; states: %s", h.plug.Offs(), h.said(), h.states())
	}
}

// went holds the states so far against those that are wanted, in order. Safe may be
// too short to be shown.
func (h *home) went(want string) {
	h.t.Helper()
	synctest.Wait()
	if got := h.states(); got != want && got != strings.Replace(want, "safe ", "", 1) {
		h.t.Errorf("states: %s\nwant:   %s", got, want)
	}
}

// ended holds verdicts and outcomes against those that are wanted, in order.
func (h *home) ended(want string) {
	h.t.Helper()
	synctest.Wait()
	if got := h.results("garage"); got != want {
		h.t.Errorf("results: %s, want %s; last: %+v", got, want, h.told())
	}
}

// puts are the requests to shut down that carried credentials.
func (h *home) puts() []nvrtest.Request {
	var all []nvrtest.Request
	for _, q := range h.recorder.Requests() {
		if q.Method == "PUT" && q.Credentials && strings.Contains(q.Path, "System/shutdown") {
			all = append(all, q)
		}
	}
	return all
}

// verified is the result of one thing that was looked at after the last start.
func (h *home) verified(id string) bridge.Verified {
	h.t.Helper()
	for _, v := range h.action().Verification {
		if v.ID == id {
			return v
		}
	}
	h.t.Errorf("%s wasn't verified: %+v", id, h.action())
	return bridge.Verified{}
}

// action is the last one of the log book.
func (h *home) action() bridge.Action {
	h.t.Helper()
	all, err := bridge.LogBook(h.config.StateDir, "garage")
	if err != nil || len(all) == 0 {
		h.t.Fatalf("log book: %+v, %v", all, err)
	}
	return all[len(all)-1]
}

// wire is what a bridge's connections to its recorder go through.
type wire struct {
	mu  sync.Mutex
	now bridge.DialFunc // nil: the recorder's own
}

// set changes how connections are made from now on.
func (w *wire) set(dial bridge.DialFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = dial
}

// wired puts a wire between bridge and recorder, before the bridge starts.
func (h *home) wired() *wire {
	w := &wire{}
	h.config.Recorders[0].Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		w.mu.Lock()
		dial := w.now
		w.mu.Unlock()
		if dial == nil {
			dial = h.recorder.Dial
		}
		return dial(ctx, network, address)
	}
	return w
}

// fails is a dial that ends in an error.
func fails(e syscall.Errno) bridge.DialFunc {
	return func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", e)}
	}
}

// inHome runs a test in a home of its own.
func inHome(t *testing.T, s homeSetup, test func(*testing.T, *home)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newHome(t, s)) })
}

const (
	toConfirming = "running checking counting_down shutting_down confirming"
	wholeCycle   = toConfirming + " safe cutting off powering_on booting running"
)

func manner(m nvrtest.Manner) nvrtest.Config { return nvrtest.Config{Halt: nvrtest.Halt{Manner: m}} }

func TestFaultItSaysOKAndNeverGoesDown(t *testing.T) {
	inHome(t, homeSetup{recorder: manner(nvrtest.Manner{Ignored: true})}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("attention", 5*time.Minute)
		puts := h.puts()
		if len(puts) != 2 || puts[1].At.Sub(puts[0].At) < 90*time.Second {
			t.Errorf("requests: %+v", puts)
		}
		h.ended("accepted failed:still_on")
		h.went(toConfirming + " shutting_down confirming attention")
		h.says("status", h.status(), "still answers", "Its power was kept")
		h.needs("still_on")
		time.Sleep(10 * time.Minute)
		h.kept()
		if n := len(h.puts()); n != 2 {
			t.Errorf("%d requests", n)
		}
		if stops := h.recorder.Stops(); len(stops) != 0 {
			t.Errorf("stops: %+v", stops)
		}
		time.Sleep(25 * time.Minute) // it let us in for half an hour: no reason to worry a person any more
		h.reaches("running", time.Minute)
		h.needs()
	})
}

func TestFaultItRestartsInstead(t *testing.T) {
	inHome(t, homeSetup{recorder: nvrtest.Config{Halt: nvrtest.Halt{Restarts: true}}}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("booting", 5*time.Minute)
		h.reaches("running", 5*time.Minute)
		h.went(toConfirming + " booting running")
		h.ended("accepted failed:came_back")
		h.kept()
		if n := len(h.puts()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// comesBack lets a halted recorder start by itself, as one with a timer does.
func (h *home) comesBack() {
	h.recorder.CutPower()
	h.recorder.RestorePower()
}

func TestFaultItComesBackByItselfWhilePresumedOff(t *testing.T) {
	inHome(t, homeSetup{noPlug: true}, func(t *testing.T, h *home) {
		h.press("shutdown", "right")
		h.reaches("presumed_off", 6*time.Minute)
		time.Sleep(6 * time.Minute)
		h.comesBack()
		h.reaches("booting", time.Minute)
		h.reaches("running", 5*time.Minute)
		h.went(toConfirming + " presumed_off booting running")
		h.ended("accepted done:presumed_off")
		h.kept()
	})
}

// firstAfter is what the bridge told first of the recorder from a moment on.
func (h *home) firstAfter(t time.Time) string {
	for _, p := range h.broker.Log() {
		if !p.Sent && p.Packet == "PUBLISH" && !p.At.Before(t) && strings.HasPrefix(p.Topic, "hikbridge/garage/") &&
			!(strings.HasSuffix(p.Topic, "/safe_to_cut_power") && string(p.Payload) == "ON") {
			return p.Topic + " " + string(p.Payload)
		}
	}
	return ""
}

func TestFaultItComesBackWhileSafeWhichEndsBeforeAnythingElse(t *testing.T) {
	keeps := func(p *bridge.PowerConfig) { p.Cut = "never" }
	t.Run("it answers", func(t *testing.T) {
		inHome(t, homeSetup{power: keeps}, func(t *testing.T, h *home) {
			h.press("shutdown", "right")
			h.reaches("safe", 6*time.Minute)
			time.Sleep(5 * time.Minute)
			back := time.Now()
			h.comesAlive()
			h.reaches("attention", 10*time.Second)
			if got, want := h.firstAfter(back), "hikbridge/garage/safe_to_cut_power OFF"; got != want {
				t.Errorf("first came %s", got)
			}
			said := h.said()
			if len(said) == 0 || said[len(said)-1].After(back.Add(4*time.Second)) { // a look takes up to 3.2 s
				t.Errorf("safe was said at %v, and it came back at %v", said, back)
			}
			h.says("status", h.status(), "answers at its address again", "Nothing more is switched off")
			h.needs("came_back")
			if n := len(h.plug.Offs()); n > 0 {
				t.Errorf("%d OFFs", n)
			}
		})
	})
	t.Run("it starts", func(t *testing.T) {
		inHome(t, homeSetup{power: keeps}, func(t *testing.T, h *home) {
			h.press("shutdown", "right")
			h.reaches("safe", 6*time.Minute)
			time.Sleep(2 * time.Minute)
			back := time.Now()
			h.comesBack()
			h.reaches("running", 5*time.Minute)
			said := h.said()
			if last := said[len(said)-1]; last.After(back.Add(6 * time.Second)) { // the plug is asked each 5 s
				t.Errorf("safe was said at %v, and it started at %v", last, back)
			}
			h.went(toConfirming + " safe confirming presumed_off booting running") // it is still silent
			if n := len(h.plug.Offs()); n > 0 {
				t.Errorf("%d OFFs", n)
			}
		})
	})
}

func TestFaultItComesBackWhileAPlugObeysLate(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.plug.Late(15 * time.Second)
		h.press("power_cycle", "right")
		h.reaches("cutting", 6*time.Minute)
		time.Sleep(3 * time.Second)
		h.comesAlive()
		h.reaches("attention", 10*time.Second)
		h.needs("came_back")
		time.Sleep(time.Minute) // and the plug has switched off by now
		if n := len(h.plug.Offs()); n != 1 {
			t.Errorf("%d OFFs", n)
		}
		h.reaches("running", 5*time.Minute) // power is owed
		if !h.plug.Powered() || len(h.plug.Ons()) == 0 {
			t.Errorf("powered %v, ONs %v", h.plug.Powered(), h.plug.Ons())
		}
	})
}

func TestFaultItAnswersWhileItsPlugIsOff(t *testing.T) {
	t.Run("plugged into the wall", func(t *testing.T) {
		inHome(t, homeSetup{}, func(t *testing.T, h *home) {
			h.press("shutdown", "right")
			h.reaches("off", 6*time.Minute)
			time.Sleep(time.Minute)
			h.recorder.RestorePower()
			h.reaches("booting", 3*time.Minute)
			h.says("status", h.status(), "this plug doesn't feed it")
			h.reaches("running", 5*time.Minute)
			if n := len(h.plug.Ons()); n > 0 {
				t.Errorf("%d ONs", n)
			}
		})
	})
	t.Run("a stranger has its address", func(t *testing.T) {
		var w *wire
		synctest.Test(t, func(t *testing.T) {
			h := newHomeAs(t, homeSetup{}, func(h *home) { w = h.wired() })
			h.press("shutdown", "right")
			h.reaches("off", 6*time.Minute)
			w.set(fails(syscall.ECONNREFUSED))
			time.Sleep(10 * time.Minute)
			if got := h.state(); got != "off" {
				t.Errorf("%s; states: %s", got, h.states())
			}
			w.set(nil)
			h.press("power_on")
			h.reaches("running", 5*time.Minute)
		})
	})
}

func TestFaultBusy(t *testing.T) {
	t.Run("for a moment", func(t *testing.T) {
		inHome(t, homeSetup{recorder: manner(nvrtest.Manner{Busy: 2})}, func(t *testing.T, h *home) {
			h.press("power_cycle", "right")
			h.reaches("off", 6*time.Minute)
			h.reaches("running", 5*time.Minute)
			h.ended("accepted done:normal")
			puts := h.puts()
			if len(puts) != 3 || puts[1].At.Sub(puts[0].At) < 20*time.Second || puts[2].At.Sub(puts[1].At) < 20*time.Second {
				t.Errorf("requests: %+v", puts)
			}
		})
	})
	for _, row := range []struct {
		name   string
		answer nvrtest.Refusal
		says   string
	}{
		{"for good", nvrtest.Refusal{}, "it is busy"},
		{"an upgrade began", nvrtest.Refusal{Status: 403, SubStatus: "upgrading"}, "a firmware upgrade runs"},
		{"an export began", nvrtest.Refusal{Status: 403, SubStatus: "exporting"}, "exported"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inHome(t, homeSetup{recorder: manner(nvrtest.Manner{Busy: 50, BusyAnswer: row.answer})}, func(t *testing.T, h *home) {
				h.press("shutdown", "right")
				time.Sleep(5 * time.Minute)
				if h.state() != "running" || len(h.puts()) > 3 {
					t.Errorf("%s after %d requests; states: %s", h.state(), len(h.puts()), h.states())
				}
				if got := h.told(); got.EventType != "failed" {
					t.Errorf("%+v", got)
				}
				h.says("message", h.told().Message, row.says)
				h.needs()
				h.kept()
			})
		})
	}
}

func TestFaultRefused(t *testing.T) {
	for _, row := range []struct {
		name    string
		answer  nvrtest.Refusal
		says    string
		support string // of a shutdown from outside, afterwards
		next    string // verdict on another press
		kept    bool   // over a restart of the bridge
	}{
		{"no right", nvrtest.Refusal{Status: 403, SubStatus: "lowPrivilege"}, "Remote: Shutdown/Reboot", "unknown", "accepted failed:refused", false},
		{"not supported, under 403", nvrtest.Refusal{Status: 403, SubStatus: "notSupport"}, "in its own menu", "no", "refused:support", true},
		{"not supported, under 200", nvrtest.Refusal{Status: 200, SubStatus: "notSupport"}, "in its own menu", "no", "refused:support", true},
		{"404", nvrtest.Refusal{Status: 404, SubStatus: "notSupport"}, "in its own menu", "no", "refused:support", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inHome(t, homeSetup{recorder: manner(nvrtest.Manner{Refuses: row.answer})}, func(t *testing.T, h *home) {
				h.press("power_cycle", "right")
				time.Sleep(time.Minute)
				h.went("running checking counting_down shutting_down running")
				h.ended("accepted failed:refused")
				h.says("message", h.told().Message, row.says)
				if n := len(h.puts()); n != 1 {
					t.Errorf("%d requests", n)
				}
				h.press("power_cycle", "right", "support")
				time.Sleep(time.Minute)
				h.ended("accepted failed:refused " + row.next)
				h.says("message", h.told().Message, map[string]string{"unknown": "Remote: Shutdown/Reboot", "no": "in its own menu"}[row.support])
				if got := h.value("hikbridge/garage/shutdown_support"); got != row.support {
					t.Errorf("support: %s", got)
				}
				h.needs()
				h.stop()
				h.start()
				time.Sleep(time.Minute)
				h.press("check")
				time.Sleep(22 * time.Second)
				if b := h.blocker("support"); (b.Severity == "hard") != row.kept {
					t.Errorf("after a restart of the bridge: %+v", b)
				}
				h.kept()
			})
		})
	}
}

func TestFaultTheAccountIsKnownToLackTheRight(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.recorder.SetRights(nvrtest.Rights{Lacks: []string{"restartOrShutdown"}})
		h.press("power_cycle", "right")
		time.Sleep(time.Minute)
		h.ended("refused:right")
		h.says("message", h.told().Message, "may not shut the recorder down", "Remote: Shutdown/Reboot")
		if n := len(h.puts()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// locked is how devices tell of a locked account in their challenge.
var locked = nvrtest.Fault{Status: 401, Body: []byte(`<userCheck><statusValue>401</statusValue><lockStatus>lock</lockStatus><unlockTime>900</unlockTime></userCheck>`)}

func TestFaultTheAccountIsLockedBetweenTheChecksAndTheRequest(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		lock := locked
		lock.Path, lock.Method = "System/shutdown", "PUT"
		h.recorder.Fail(lock)
		h.press("power_cycle", "right")
		time.Sleep(2 * time.Minute)
		h.went("running checking counting_down shutting_down running")
		h.ended("accepted failed:refused")
		h.says("message", h.told().Message, "the account", "wait until the lock ends")
		h.kept()
		if n := h.recorder.Rejected(); n != 0 {
			t.Errorf("%d rejected logins", n)
		}
	})
}

// refusedForSignIn says that the last command was refused as the account isn't
// accepted, with what the recorder says of it and what to do.
func (h *home) refusedForSignIn(evidence, advice string) {
	h.t.Helper()
	last := h.told()
	i := slices.IndexFunc(last.Findings, func(b bridge.Blocker) bool { return b.ID == "sign_in" })
	if last.EventType != "refused" || i < 0 || last.Findings[i].Severity != "hard" {
		h.t.Errorf("%+v", last)
		return
	}
	h.says("evidence", last.Findings[i].Evidence, evidence, "next try at")
	h.says("advice", last.Findings[i].Advice, advice)
}

func TestFaultTheAccountIsLockedByOthers(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.recorder.Fail(locked)
		time.Sleep(2 * time.Minute)
		h.recorder.ResetCounters()
		h.press("power_cycle", "right")
		time.Sleep(30 * time.Second)
		h.refusedForSignIn("locked by the recorder", "wait until the lock ends")
		if n := slices.IndexFunc(h.recorder.Requests(), func(q nvrtest.Request) bool { return q.Credentials }); n >= 0 {
			t.Errorf("credentials were sent: %+v", h.recorder.Requests()[n])
		}
		h.recorder.ClearFaults()
		time.Sleep(20 * time.Minute) // the lock has ended
		h.press("power_cycle", "right")
		h.reaches("off", 6*time.Minute)
		h.reaches("running", 5*time.Minute)
	})
}

func TestFaultThePasswordWasChanged(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.recorder.SetPassword("canary-other")
		h.recorder.ResetCounters()
		h.press("power_cycle", "right")
		time.Sleep(30 * time.Second)
		h.refusedForSignIn("rejected", "Correct the password")
		time.Sleep(10 * time.Minute)
		if n := h.recorder.MaxRejectedIn(window); n > 2 || len(h.puts()) > 0 {
			t.Errorf("%d rejected logins, requests %+v", n, h.puts())
		}
		if h.value("hikbridge/garage/needs_attention") != "ON" {
			t.Error("nobody is told")
		}
		h.kept()
	})
}

func TestFaultTheNonceIsStaleAtTheRequest(t *testing.T) {
	for name, c := range map[string]nvrtest.Config{
		"it was for another path":  {NonceBoundToPath: true},
		"it can be used once":      {NonceUses: 1},
		"it is told with no other": {NonceUses: 1, StaleWithoutChallenge: true},
		"and failures are counted": {NonceUses: 1, TellStale: true, Lock: nvrtest.LockEvery},
	} {
		t.Run(name, func(t *testing.T) {
			inHome(t, homeSetup{recorder: c}, func(t *testing.T, h *home) {
				h.press("power_cycle", "right")
				h.reaches("off", 6*time.Minute)
				h.reaches("running", 5*time.Minute)
				h.ended("accepted done:normal")
				done := slices.DeleteFunc(h.puts(), func(q nvrtest.Request) bool { return q.Status != 200 })
				if stops := h.recorder.Stops(); len(done) != 1 || len(stops) != 1 || !stops[0].Clean {
					t.Errorf("requests: %+v; stops: %+v", h.puts(), stops)
				}
				if n := h.recorder.MaxCountedIn(window); n > 0 && c.Lock != nvrtest.LockEvery {
					t.Errorf("%d failures counted", n)
				}
			})
		})
	}
}

const otherSerial = "DS-7608NXI-I2/8P/S0020260101CCRRX000000001WCVU"

func TestFaultAnotherDeviceHasTheAddress(t *testing.T) {
	t.Run("before the request", func(t *testing.T) {
		inHome(t, homeSetup{}, func(t *testing.T, h *home) {
			h.recorder.SetSerial(otherSerial)
			h.press("power_cycle", "right")
			time.Sleep(time.Minute)
			h.ended("refused:identity")
			h.says("message", h.told().Message, "Another device answers at this address")
			if n := len(h.puts()); n > 0 {
				t.Errorf("%d requests", n)
			}
			h.kept()
		})
	})
	t.Run("in the countdown", func(t *testing.T) {
		inHome(t, homeSetup{}, func(t *testing.T, h *home) {
			h.press("power_cycle", "right")
			h.reaches("counting_down", time.Minute)
			h.recorder.SetSerial(otherSerial)
			time.Sleep(time.Minute)
			h.ended("accepted failed:identity")
			if n := len(h.puts()); n > 0 {
				t.Errorf("%d requests", n)
			}
			h.kept()
		})
	})
	t.Run("while presumed off", func(t *testing.T) {
		inHome(t, homeSetup{noPlug: true}, func(t *testing.T, h *home) {
			ours := h.recorder.Serial()
			h.press("shutdown", "right")
			h.reaches("presumed_off", 6*time.Minute)
			h.recorder.SetSerial(otherSerial)
			h.comesBack()
			h.reaches("attention", 5*time.Minute)
			h.says("status", h.status(), "Another device answers", "CCRRX000000001")
			h.recorder.SetSerial(ours)
			h.reaches("running", 10*time.Minute)
		})
	})
}

func TestFaultAnAnswerThatIsNoneIsNeverTakenForDone(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "1"><!ENTITY b "&a;&a;&a;&a;">]><ResponseStatus><statusCode>&b;</statusCode></ResponseStatus>`
	for name, f := range map[string]nvrtest.Fault{
		"a document type":   {Body: []byte(bomb)},
		"a million tokens":  {Body: []byte("<ResponseStatus>" + strings.Repeat("<a/>", 1<<18) + "<statusCode>1</statusCode></ResponseStatus>")},
		"another root":      {Body: []byte("<DeviceInfo><statusCode>1</statusCode></DeviceInfo>")},
		"doubled fields":    {Body: []byte("<ResponseStatus><statusCode>1</statusCode><statusCode>4</statusCode></ResponseStatus>")},
		"zero bytes":        {Body: []byte("<ResponseStatus><statusCode>\x001</statusCode></ResponseStatus>")},
		"a login page":      {Body: []byte("<html><body>OK 1</body></html>"), ContentType: "text/html"},
		"no fields":         {Body: []byte("<ResponseStatus/>")},
		"an endless body":   {EndlessBody: true},
		"an endless header": {EndlessHeader: true},
		"a slow body":       {Trickle: time.Second},
		"nothing":           {NoAnswer: true},
		"a reset":           {ResetAfterRequest: true},
		"a device error":    {Status: 500, SubStatus: "deviceError"},
	} {
		t.Run(name, func(t *testing.T) {
			f.Path, f.Method, f.Answers = "System/shutdown", "PUT", nvrtest.Granted
			refused := f.Status != 0 // it doesn't obey, and is found still on
			inHome(t, homeSetup{noPlug: true}, func(t *testing.T, h *home) {
				h.recorder.Fail(f)
				h.press("shutdown", "right")
				h.reaches("attention", 12*time.Minute)
				if got := h.states(); strings.Contains(got, "presumed_off") {
					t.Errorf("states: %s", got)
				}
				if refused {
					h.needs("still_on")
					h.ended("accepted failed:still_on")
				} else {
					h.needs("unproven")
					h.says("status", h.status(), "can't be proven")
				}
				if n := len(h.puts()); n > 2 || !refused && n != 1 {
					t.Errorf("%d requests", n)
				}
				if got := h.value("hikbridge/garage/shutdown_support"); got != "unknown" {
					t.Errorf("support: %s", got)
				}
			})
		})
	}
}

// at is a moment of the year in which virtual time begins.
func at(month time.Month, day, hour, minute int) time.Time {
	return time.Date(2000, month, day, hour, minute, 0, 0, time.UTC)
}

func TestFaultItsClockIsWrong(t *testing.T) {
	for name, off := range map[string]time.Duration{"20 years ahead": 20 * 365 * 24 * time.Hour, "30 years behind": -30 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			inHome(t, homeSetup{recorder: nvrtest.Config{ClockOffset: off}}, func(t *testing.T, h *home) {
				h.press("power_cycle", "right")
				h.reaches("off", 6*time.Minute)
				i := slices.IndexFunc(h.action().Findings, func(b bridge.Blocker) bool { return b.ID == "clock" })
				if i >= 0 && h.action().Findings[i].Severity != "info" {
					t.Errorf("finding: %+v", h.action().Findings[i])
				}
				h.reaches("running", 15*time.Minute)
				h.ended("accepted done:degraded") // the clock is wrong, and only that
				for _, v := range h.action().Verification {
					if want := map[string]string{"clock": "not ok"}[v.ID]; v.Result == "not ok" && want != "not ok" {
						t.Errorf("%+v", v)
					}
				}
				if v := h.verified("clean_stop"); v.Result != "ok" {
					t.Errorf("%+v", v)
				}
				if v := h.verified("clock"); v.Result != "not ok" {
					t.Errorf("%+v", v)
				}
			})
		})
	}
}

func TestFaultItsClockIsPutWhileItIsOff(t *testing.T) {
	for name, begin := range map[string]time.Time{"forward": at(time.March, 26, 0, 44), "back": at(time.October, 29, 0, 44)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(begin))
				h := newHome(t, homeSetup{power: func(p *bridge.PowerConfig) { p.Cut = "never" }})
				h.press("shutdown", "right")
				h.reaches("safe", 6*time.Minute)
				h.plug.SwitchByHand(false)
				time.Sleep(time.Until(begin.Add(17 * time.Minute))) // one o'clock UTC has passed
				h.press("power_on")
				h.reaches("running", 5*time.Minute)
				if a := h.action(); a.Began.After(begin.Add(16*time.Minute)) || a.Ended.Before(begin.Add(16*time.Minute)) {
					t.Fatalf("from %v to %v", a.Began, a.Ended)
				}
				for _, id := range []string{"clean_stop", "clock", "restarted"} {
					if v := h.verified(id); v.Result != "ok" {
						t.Errorf("%+v", v)
					}
				}
			})
		})
	}
}

// blocker is a finding of the last check, as it is shown.
func (h *home) blocker(id string) bridge.Blocker {
	h.t.Helper()
	var a struct {
		Findings []bridge.Blocker `json:"findings"`
	}
	if err := json.Unmarshal([]byte(h.value("hikbridge/garage/blockers/attributes")), &a); err != nil {
		h.t.Error(err)
	}
	for _, b := range a.Findings {
		if b.ID == id {
			return b
		}
	}
	return bridge.Blocker{}
}

func TestFaultWorkThatMustNotBeInterrupted(t *testing.T) {
	refuses := func(path string, status int, sub string) func(*nvrtest.Recorder) {
		return func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Path: path, Status: status, SubStatus: sub}) }
	}
	rows := []struct {
		name, id, severity, evidence string
		begin                        func(*nvrtest.Recorder)
	}{
		{"an upgrade", "upgrade", "hard", "upgradeStatus", func(r *nvrtest.Recorder) { r.SetUpgrade(true, 40) }},
		{"a refusal because of an upgrade", "upgrade", "hard", "upgrading", refuses("System/upgradeStatus", 403, "upgrading")},
		{"formatting", "formatting", "hard", "formating", func(r *nvrtest.Recorder) { r.SetDiskStatus(1, "formating") }},
		{"a refusal because of formatting", "formatting", "hard", "hdFormatting", refuses("ContentMgmt/Storage", 403, "hdFormatting")},
		{"repairing", "repairing", "soft", "reparing", func(r *nvrtest.Recorder) { r.SetDiskStatus(1, "reparing") }},
		{"an array with an error", "raid", "soft", "error", func(r *nvrtest.Recorder) {
			r.SetDisks([]nvrtest.Disk{{ID: 1, Name: "array1", Status: "error", Capacity: 4000000, Type: "Virtual Disk"}})
		}},
		{"a self-test", "self_test", "soft", "40 %", func(r *nvrtest.Recorder) {
			r.SetSMART(1, nvrtest.SMART{Temperature: 40, PowerOnDays: 3, Self: "ok", All: "functional", Percent: 40})
		}},
		{"a download", "download", "soft", "anna", func(r *nvrtest.Recorder) {
			r.AddLog(nvrtest.LogEntry{Major: "Operation", Minor: "remoteDownloadRecFile", User: "anna"})
		}},
		{"an export in the log", "export", "soft", "log", func(r *nvrtest.Recorder) {
			r.AddLog(nvrtest.LogEntry{Major: "Operation", Minor: "localDownloadRecFile", User: "anna"})
		}},
		{"an export", "export", "soft", "exporting", refuses("System/diagnosedData/exportStatus", 403, "exporting")},
		{"another administrator", "people", "soft", "anna", func(r *nvrtest.Recorder) {
			r.SetOnlineUsers(nvrtest.OnlineUser{Name: "anna", Type: "admin", Address: "192.0.2.30"})
		}},
		{"a viewer", "people", "info", "anna", func(r *nvrtest.Recorder) {
			r.SetOnlineUsers(nvrtest.OnlineUser{Name: "anna", Type: "viewer", Address: "192.0.2.30"})
		}},
		{"no answer about an upgrade", "upgrade", "soft", "500", refuses("System/upgradeStatus", 500, "")},
		{"no answer about disks", "formatting", "soft", "500", refuses("ContentMgmt/Storage", 500, "")},
		{"no question about upgrades", "upgrade", "info", "", refuses("System/upgradeStatus", 404, "notSupport")},
		{"no question about disks", "formatting", "info", "", refuses("ContentMgmt/Storage", 403, "notSupport")},
		{"no question about the right", "right", "soft", "", refuses("Security/users", 403, "notSupport")},
		{"cameras on its own ports", "poe", "info", "4 cameras", func(*nvrtest.Recorder) {}},
		{"no question about its cameras", "poe", "", "", refuses("ContentMgmt/InputProxy/channels", 404, "notSupport")},
		{"no question about people", "people", "", "", refuses("Security/onlineUser", 404, "notSupport")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inHome(t, homeSetup{recorder: nvrtest.Config{Firmware: "V4.62.210"}}, func(t *testing.T, h *home) {
				row.begin(h.recorder)
				h.press("check")
				time.Sleep(22 * time.Second)
				b := h.blocker(row.id)
				if b.Severity != row.severity || row.severity != "" && b.Text == "" {
					t.Fatalf("%+v; last: %+v", b, h.told())
				}
				h.says("evidence", b.Evidence, row.evidence)
				h.ended("accepted done")
				if row.severity == "hard" || row.severity == "soft" {
					h.says("what check says", h.told().Message, "it would be blocked")
				}

				var force []string // all but this one
				for _, f := range []string{"right", "repairing", "formatting", "raid", "self_test", "export", "upgrade"} {
					if f != row.id || row.severity == "hard" {
						force = append(force, f)
					}
				}
				h.press("power_cycle", force...)
				time.Sleep(22 * time.Second)
				switch row.severity {
				case "hard": // forced or not
					h.ended("accepted done refused:" + row.id)
					h.says("message", h.told().Message, b.Text, b.Advice)
				case "soft":
					h.ended("accepted done refused:" + row.id)
					h.says("message", h.told().Message, b.Text, "Press again within 2 minutes")
					if got := slices.IndexFunc(h.told().Findings, func(f bridge.Blocker) bool { return f == b }); got < 0 {
						t.Errorf("findings: %+v", h.told().Findings)
					}
					h.press("power_cycle", force...) // and again
					time.Sleep(22 * time.Second)
					h.ended(fmt.Sprintf("accepted done refused:%s accepted", row.id))
				default:
					h.ended("accepted done accepted")
				}
				if row.severity == "hard" {
					h.kept()
				}
			})
		})
	}
}

// slowBoot is a recorder that checks its disks for half an hour.
var slowBoot = nvrtest.Config{
	Boot: nvrtest.Boot{Down: 30 * time.Minute, Silent: true, Errors: 15 * time.Second},
	Halt: nvrtest.Halt{Manner: nvrtest.Manner{After: 8 * time.Second}},
}

func TestFaultItsBootIsStuck(t *testing.T) {
	inHome(t, homeSetup{recorder: slowBoot}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("booting", 10*time.Minute)
		if took := h.reaches("attention", 15*time.Minute); took < 10*time.Minute {
			t.Errorf("after %v", took)
		}
		h.needs("boot_failed")
		h.says("status", h.status(), "doesn't answer after its start", "screen")
		if n := len(h.plug.Offs()); n != 1 { // it draws power: it may be checking its disks
			t.Errorf("%d OFFs", n)
		}
		h.reaches("running", 30*time.Minute)
		h.needs()
		h.ended("accepted failed:boot_failed")
	})
}

func TestFaultCamerasDoNotComeBack(t *testing.T) {
	inHome(t, homeSetup{recorder: nvrtest.Config{Channels: 4}}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("off", 6*time.Minute)
		h.recorder.SetCamera(nvrtest.IP(2), false, "netUnreachable")
		h.recorder.SetCamera(nvrtest.IP(3), false, "netUnreachable")
		h.reaches("booting", time.Minute)
		time.Sleep(4 * time.Minute)
		h.says("status", h.status(), "not as before", "cameras are missing")
		if took := h.reaches("running", 12*time.Minute); took < 5*time.Minute {
			t.Errorf("after %v", took)
		}
		h.ended("accepted done:degraded")
		if v := h.verified("cameras"); v.Result != "not ok" || v.Evidence != "2, 3" {
			t.Errorf("%+v", v)
		}
	})
}

func TestFaultTheLogTellsOfAnUncleanStopAfterSafe(t *testing.T) {
	inHome(t, homeSetup{}, func(t *testing.T, h *home) {
		h.press("power_cycle", "right")
		h.reaches("booting", 6*time.Minute)
		time.Sleep(45 * time.Second)
		h.recorder.AddLog(nvrtest.LogEntry{Major: "Operation", Minor: "stopAbnormal"})
		h.reaches("running", 15*time.Minute)
		h.ended("accepted done:degraded")
		h.needs("unclean_stop")
		if v := h.verified("clean_stop"); v.Result != "not ok" || !strings.Contains(v.Evidence, "stopAbnormal") {
			t.Errorf("%+v", v)
		}
		h.press("power_cycle", "right", "often")
		h.reaches("safe", 6*time.Minute)
		time.Sleep(2 * time.Minute)
		h.press("power_on")
		time.Sleep(2 * time.Minute)
		h.says("results", h.results("garage"), "refused:is_on")
		if n := len(h.plug.Offs()); n != 1 {
			t.Errorf("%d OFFs", n)
		}
		h.plug.SwitchByHand(false) // by its owner
		h.reaches("running", 10*time.Minute)
		h.needs("unclean_stop")
	})
}
