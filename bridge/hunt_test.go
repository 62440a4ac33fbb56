package bridge_test

import (
	"context"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/journal"
	"hikbridge/bridge/power"
	"hikbridge/nvr/nvrtest"
)

// names is a name server in memory, for one recorder whose address may change.
type names struct {
	at   atomic.Pointer[string] // where the recorder is
	hang atomic.Bool            // questions aren't answered
}

// named gives the recorder a name instead of an address.
func named(h *home, at string) *names {
	n := &names{}
	n.move(at)
	c := &h.config.Recorders[0]
	c.URL = "http://nvr.example.org"
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, _ := net.SplitHostPort(address)
		here := *n.at.Load()
		if host != "nvr.example.org" && host != here { // nobody is there
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.ErrDeadlineExceeded}
		}
		return h.recorder.Dial(ctx, network, net.JoinHostPort(here, port))
	}
	c.Resolve = n.resolve
	return n
}

func (n *names) move(to string) { n.at.Store(&to) }

func (n *names) resolve(ctx context.Context, name string) ([]string, error) {
	if n.hang.Load() {
		<-ctx.Done()
		return nil, &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true}
	}
	return []string{*n.at.Load()}, nil
}

func TestARecorderThatComesBackAtAnotherAddressIsSignedInTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n *names
		h := newHomeAs(t, homeSetup{noPlug: true}, func(h *home) { n = named(h, "192.0.2.20") })
		h.press("shutdown", "right")
		h.reaches("presumed_off", 6*time.Minute)
		h.feed(false)
		n.move("192.0.2.30")
		time.Sleep(20 * time.Second)
		h.feed(true)
		h.reaches("running", 8*time.Minute)
		time.Sleep(time.Minute)
		if got := h.value("hikbridge/garage/status"); !strings.HasPrefix(got, "Running") {
			t.Errorf("status: %s", got)
		}
		if got := h.states(); strings.Contains(got, "attention") || strings.Count(got, "booting") != 1 {
			t.Errorf("states: %s", got)
		}
	})
}

func TestADamagedJournalDoesNotSuspendARecorderWithANameForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHomeAs(t, homeSetup{noPlug: true}, func(h *home) {
			named(h, "192.0.2.20")
			if err := os.WriteFile(h.config.StateDir+"/power-garage.journal", []byte("no journal"), 0o600); err != nil {
				t.Fatal(err)
			}
		})
		h.reaches("running", 20*time.Minute)
	})
}

func TestANameServerThatHangsDoesNotInterruptSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n *names
		h := newHomeAs(t, homeSetup{noPlug: true}, func(h *home) { n = named(h, "192.0.2.20") })
		h.press("shutdown", "right")
		h.reaches("confirming", time.Minute)
		n.hang.Store(true)
		h.reaches("presumed_off", 6*time.Minute)
	})
}

func TestASerialNumberThatIsPrintedOtherwiseIsTheSameRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		h.recorder.SetSerial(strings.ReplaceAll(h.recorder.Serial(), "-", "")) // another firmware
		h.press("power_cycle", "right")
		h.reaches("off", 10*time.Minute)
		h.reaches("running", 10*time.Minute)
		if got := h.results("garage"); got != "accepted done:normal" {
			t.Errorf("results: %s", got)
		}
	})
}

func TestARestartInASequenceAsksNothingBeforeItKnowsOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		h.press("shutdown", "right")
		h.reaches("confirming", time.Minute)
		h.stop()
		before := len(h.recorder.Requests())
		h.start()
		time.Sleep(4 * time.Second)
		for _, q := range h.recorder.Requests()[before:] {
			if strings.HasPrefix(q.Path, "/ISAPI/") {
				t.Errorf("%s was asked", q.Path)
			}
		}
	})
}

func TestABrokerThatIsDownFillsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{recorder: nvrtest.Config{Halt: nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}}}})
		h.press("power_cycle", "right")
		h.reaches("attention", 10*time.Minute)
		before := strings.Count(h.log.String(), "level=WARN")
		h.broker.Down()
		time.Sleep(time.Hour)
		if n := strings.Count(h.log.String(), "level=WARN") - before; n > 3 {
			t.Errorf("%d warnings in an hour\n%s", n, h.tail())
		}
	})
}

func TestACancelDoesNotOvertakeTheCommandThatItIsAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		made := func(b *bridge.Bridge) {
			b.SlowJournal("garage", func(content []byte) {
				if strings.Contains(string(content), "checking: check") && slow.CompareAndSwap(false, true) {
					time.Sleep(5 * time.Second)
				}
			})
		}
		h := newHome(t, homeSetup{noPlug: true, made: made})
		h.press("check")
		time.Sleep(time.Second)
		h.press("shutdown", "right")
		time.Sleep(time.Second)
		h.press("cancel")
		time.Sleep(2 * time.Minute)
		if !slow.Load() || h.asked() {
			t.Errorf("slow %v, shut down %v; results: %s", slow.Load(), h.asked(), h.results("garage"))
		}
	})
}

// In real time, where two looks at the clock differ.
func TestARelayThatIsToldWithAReadingIsNoOlderThanIt(t *testing.T) {
	w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
	w.config.Recorders[0].Power = bridge.PowerConfig{Plug: "zigbee2mqtt:plug", Cut: "proven"}
	b, err := bridge.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	mail := b.Heard("garage", "zigbee2mqtt/plug", `{"state":"ON","power":0.4}`)
	if len(mail) != 2 {
		t.Fatalf("%d messages: %+v", len(mail), mail)
	}
	if relay, reading := mail[0].(power.Relay), mail[1].(power.Reading); relay.At != reading.At {
		t.Errorf("the relay was read at %v, and the meter at %v", relay.At, reading.At)
	}
}

func TestAnswersThatGetLostInAShutdownDoNotSpendTheLoginBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{recorder: nvrtest.Config{Halt: nvrtest.Halt{Manner: nvrtest.Manner{After: 55 * time.Second}}}})
		h.press("power_cycle", "right")
		h.reaches("confirming", time.Minute)
		h.recorder.Fail(nvrtest.Fault{Path: "System", NoAnswer: true, Answers: nvrtest.Granted}) // it is half down
		time.Sleep(time.Minute)
		h.recorder.ClearFaults()
		h.reaches("off", 10*time.Minute)
		h.reaches("running", 15*time.Minute)
		if got := h.results("garage"); got != "accepted done:normal" {
			t.Errorf("results: %s; sign-in: %s", got, h.value("hikbridge/garage/sign_in"))
		}
	})
}

func TestAJournalThatCannotBeWrittenAnewGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h *home
		made := func(b *bridge.Bridge) {
			b.SlowJournal("garage", func([]byte) {
				b.LargeJournal("garage")
				os.Mkdir(h.config.StateDir+"/power-garage.journal.new", 0o700) // where the new one would be written
			})
		}
		h = newHomeAs(t, homeSetup{made: made}, func(x *home) { h = x })
		h.press("power_cycle", "right")
		h.reaches("off", 10*time.Minute)
	})
}

func TestAJournalOfALaterVersionIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHomeAs(t, homeSetup{noPlug: true}, func(h *home) {
			log, _, err := journal.Open(h.config.StateDir + "/power-garage.journal")
			if err != nil {
				t.Fatal(err)
			}
			if err := log.Append([]byte(`{"version":2,"later":"records"}`)); err != nil {
				t.Fatal(err)
			}
			log.Close()
		})
		h.reaches("running", 20*time.Minute)
		found, err := journal.Read(h.config.StateDir + "/power-garage.journal.foreign")
		if err != nil || len(found.Records) != 1 {
			t.Errorf("kept: %v, %v", found, err)
		}
	})
}

func TestARecorderThatAnswersIsConnectedWhileItGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{noPlug: true, recorder: nvrtest.Config{Halt: nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}}}})
		h.press("shutdown", "right")
		h.reaches("attention", 10*time.Minute)
		for _, p := range h.broker.Log() {
			if !p.Sent && p.Packet == "PUBLISH" && p.Topic == "hikbridge/garage/connection" && string(p.Payload) == "OFF" {
				t.Errorf("disconnected at %v", p.At)
			}
		}
	})
}

func TestARestartPublishesNoEmptyState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{noPlug: true})
		h.stop()
		h.start()
		time.Sleep(time.Minute)
		for _, p := range h.broker.Log() {
			if !p.Sent && p.Packet == "PUBLISH" && strings.HasPrefix(p.Topic, "hikbridge/garage/") && len(p.Payload) == 0 {
				t.Errorf("%s is empty at %v", p.Topic, p.At)
			}
		}
	})
}
