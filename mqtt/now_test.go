package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

var (
	plugOff = mqtt.Message{Class: mqtt.Answer, Topic: "plug/off", Payload: []byte("OFF")}
	safeOn  = mqtt.Message{Class: mqtt.State, Topic: "safe", Payload: []byte("ON")}
	safeOff = retainedMessage(mqtt.Revoke, "safe", "OFF")
)

func always() bool { return true }

// checkNow calls Now and checks its outcome and how long it took.
func checkNow(t *testing.T, r *running, m mqtt.Message, still func() bool, want error, took time.Duration) {
	t.Helper()
	begin := time.Now()
	if err := r.Now(m, still); !errors.Is(err, want) {
		t.Errorf("Now(%s): %v, want %v", m.Topic, err, want)
	}
	if d := time.Since(begin); d != took {
		t.Errorf("Now(%s) took %v, want %v", m.Topic, d, took)
	}
}

func TestNowGoesPastWhatWaitsAndIsForgotten(t *testing.T) {
	for name, still := range map[string]func() bool{"with a gate": always, "without": nil} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				r := run(t, newClient(t, config(b)))
				r.expect(mqtt.Replayed, time.Second)
				b.HoldAcks(true)
				for i := range 6000 {
					r.event("event", strconv.Itoa(i))
					r.Publish(mqtt.Message{Class: mqtt.Answer, Topic: "answer", Payload: []byte("x")})
				}
				time.Sleep(time.Second)
				before := len(published(b, 1))
				checkNow(t, r, plugOff, still, nil, 0)
				synctest.Wait()
				equal(t, "next", published(b, 1)[before:], []string{"plug/off=OFF"})
				for _, rec := range b.Log() {
					if rec.Topic == plugOff.Topic && (rec.QoS != 0 || rec.Retain) {
						t.Errorf("QoS %d, retain %t", rec.QoS, rec.Retain)
					}
				}
				b.HoldAcks(false)
				b.Cut()
				r.expect(mqtt.Replayed, 5*time.Second)
				time.Sleep(time.Minute)
				equal(t, "in all", payloads(b, plugOff.Topic), []string{"OFF"})
				if n := r.Stats().Topics; n != 0 {
					t.Errorf("%d topics remembered", n)
				}
				r.finish()
			})
		})
	}
}

func TestNowNeedsAConnection(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Goodbye = []mqtt.Message{retainedMessage(mqtt.Availability, "availability", "offline")}
		r := &running{Client: newClient(t, cfg), t: t}
		never := func() bool { t.Error("asked without a connection"); return true }
		checkNow(t, r, plugOff, never, mqtt.ErrNotConnected, 0)
		r = run(t, r.Client)
		r.expect(mqtt.Replayed, time.Second)
		b.Down()
		checkNow(t, r, plugOff, never, mqtt.ErrNotConnected, 0)
		r.expect(mqtt.Lost, time.Second)
		checkNow(t, r, plugOff, nil, mqtt.ErrNotConnected, 0)
		b.Freeze()
		b.Up()
		time.Sleep(20 * time.Second) // connections are made and get no answer
		checkNow(t, r, plugOff, never, mqtt.ErrNotConnected, 0)
		b.Thaw()
		time.Sleep(20 * time.Second)
		checkNow(t, r, plugOff, always, nil, 0)
		b.HoldAcks(true) // the goodbye takes time
		r.stop()
		synctest.Wait()
		checkNow(t, r, plugOff, never, mqtt.ErrNotConnected, 0)
		_ = r.finish()
		checkNow(t, r, plugOff, never, mqtt.ErrNotConnected, 0)
		equal(t, "sent", payloads(b, plugOff.Topic), []string{"OFF"})
	})
}

func TestOnlyStatesWaitForTheSnapshot(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.HoldAcks(true)
		c := newClient(t, config(b))
		c.Publish(retainedMessage(mqtt.Revoke, "other", "OFF"))
		r := run(t, c)
		r.expect(mqtt.Connected, time.Second)
		checkNow(t, r, safeOn, always, mqtt.ErrNotConnected, 0)
		checkNow(t, r, safeOn, nil, mqtt.ErrNotConnected, 0)
		for class := mqtt.Revoke; class <= mqtt.Picture; class++ {
			if class != mqtt.State {
				checkNow(t, r, mqtt.Message{Class: class, Topic: "plug"}, always, nil, 0)
			}
		}
		b.HoldAcks(false)
		b.Cut()
		r.expect(mqtt.Replayed, 5*time.Second)
		checkNow(t, r, safeOn, always, nil, 0)
		synctest.Wait()
		equal(t, "safe", payloads(b, "safe"), []string{"ON"})
		r.finish()
	})
}

func TestTheGateIsAskedInTheLastMoment(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.SlowReader(300 * time.Millisecond)
		asked := 0
		var at time.Duration
		begin := time.Now()
		checkNow(t, r, plugOff, func() bool { asked++; at = time.Since(begin); return false }, mqtt.ErrWithdrawn, 300*time.Millisecond)
		if asked != 1 || at != 300*time.Millisecond {
			t.Errorf("asked %d times, after %v", asked, at)
		}
		time.Sleep(time.Minute)
		equal(t, "sent", published(b, 1), nil)
		r.finish()
	})
}

// The gate's lock is held by whoever lowers it, who then publishes the revocation and is told that the connection ended.
func TestALoweredGateWinsAndNothingWaitsForEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		gate := make(chan bool, 1) // a lock whose waiters wait durably, and what it guards
		gate <- true
		cfg := config(b)
		cfg.Down = func() { <-gate; gate <- false }
		c := newClient(t, cfg)
		c.Publish(safeOff)
		r := run(t, c)
		r.expect(mqtt.Replayed, time.Second)
		<-gate
		result := make(chan error)
		go func() {
			result <- r.Now(safeOn, func() bool { up := <-gate; gate <- up; return up })
		}()
		synctest.Wait() // for the gate, with the turn to write
		r.Publish(safeOff)
		r.Stats()
		gate <- false
		if err := <-result; !errors.Is(err, mqtt.ErrWithdrawn) {
			t.Errorf("Now: %v", err)
		}
		synctest.Wait()
		b.Cut()
		r.expect(mqtt.Replayed, 5*time.Second)
		equal(t, "safe", payloads(b, "safe"), []string{"OFF", "OFF", "OFF"})
		r.finish()
	})
}

func TestARevokeThatIsPublishedLaterArrivesLater(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		for range 100 {
			checkNow(t, r, safeOn, func() bool {
				r.Publish(safeOff) // later than the last check
				synctest.Wait()
				return true
			}, nil, 0)
			time.Sleep(time.Millisecond)
		}
		want := slices.Repeat([]string{"ON", "OFF"}, 100)
		equal(t, "safe", payloads(b, "safe"), want)
		r.finish()
	})
}

func TestNothingGoesPastARevokeThatIsNotAcknowledged(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		r.Publish(safeOff)
		checkNow(t, r, safeOn, always, mqtt.ErrWithdrawn, 0)
		time.Sleep(time.Second) // it is written meanwhile
		checkNow(t, r, safeOn, nil, mqtt.ErrWithdrawn, 0)
		b.Thaw()
		time.Sleep(time.Second)
		checkNow(t, r, safeOn, always, nil, 0)

		b.HoldAcks(true)
		r.Publish(safeOff)
		time.Sleep(time.Second)
		checkNow(t, r, safeOn, always, mqtt.ErrWithdrawn, 0)
		checkNow(t, r, plugOff, always, nil, 0)
		r.expect(mqtt.Lost, 10*time.Second)
		b.HoldAcks(false)
		b.SlowReader(200 * time.Millisecond)
		r.expect(mqtt.Connected, 10*time.Second)
		checkNow(t, r, mqtt.Message{Class: mqtt.Answer, Topic: "safe", Payload: []byte("ON")}, nil, mqtt.ErrWithdrawn, 0)
		r.expect(mqtt.Replayed, 10*time.Second)
		checkNow(t, r, safeOn, always, nil, 200*time.Millisecond)
		time.Sleep(time.Second)
		equal(t, "safe", payloads(b, "safe"), []string{"OFF", "ON", "OFF", "OFF", "ON"})
		r.finish()
	})
}

func TestWhatHappensWhileNowWaitsForTheBroker(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(r *running)
		want    error
	}{
		"its topic is revoked":  {func(r *running) { r.Publish(safeOff) }, mqtt.ErrWithdrawn},
		"the client is stopped": {func(r *running) { r.stop() }, mqtt.ErrNotConnected},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				cfg := config(b)
				cfg.Goodbye = []mqtt.Message{retainedMessage(mqtt.Availability, "availability", "offline")}
				r := run(t, newClient(t, cfg))
				r.expect(mqtt.Replayed, time.Second)
				b.SlowReader(300 * time.Millisecond)
				time.AfterFunc(100*time.Millisecond, func() { tc.happens(r) })
				never := func() bool { t.Error("asked too late"); return true }
				checkNow(t, r, safeOn, never, tc.want, 300*time.Millisecond)
				_ = r.finish()
				if n := count(payloads(b, "safe"), "ON"); n != 0 {
					t.Error("it was sent")
				}
			})
		})
	}
}

// What a Revoke is acknowledged as must be its last value.
func TestTheLastRevokeMustBeAcknowledged(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.SlowReader(100 * time.Millisecond)
		r.Publish(safeOff)
		time.Sleep(time.Millisecond) // one is written, one follows
		r.Publish(safeOff)
		time.Sleep(100 * time.Millisecond)
		if n := len(times(b, "PUBACK")); n != 1 {
			t.Fatalf("%d acknowledged", n)
		}
		checkNow(t, r, safeOn, always, mqtt.ErrWithdrawn, 0)
		time.Sleep(100 * time.Millisecond)
		checkNow(t, r, safeOn, always, nil, 100*time.Millisecond)
		r.finish()
	})
}

func TestABrokerThatReadsNothingGetsNothingLate(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		for _, m := range []mqtt.Message{plugOff, safeOn} {
			b.Freeze()
			checkNow(t, r, m, always, mqtt.ErrStalled, time.Second)
			checkNow(t, r, m, always, mqtt.ErrStalled, time.Second)
			b.Thaw()
			time.Sleep(10 * time.Second)
			checkNow(t, r, m, func() bool { return false }, mqtt.ErrWithdrawn, 0) // it reads again
		}
		equal(t, "sent", published(b, 1), nil)
		if n := r.Stats().Connections; n != 1 {
			t.Errorf("%d connections: nothing was written that a connection must be ended for", n)
		}
		r.finish()
	})
}

func TestASlowBrokerMustAnswerInTime(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.SlowReader(400 * time.Millisecond)
		checkNow(t, r, plugOff, always, nil, 400*time.Millisecond)
		for i := range 10 {
			r.event("event", strconv.Itoa(i))
		}
		time.Sleep(time.Millisecond)
		checkNow(t, r, plugOff, always, mqtt.ErrStalled, time.Second)
		time.Sleep(time.Minute)
		equal(t, "sent", payloads(b, plugOff.Topic), []string{"OFF"})
		r.finish()
	})
}

func TestNoTurnToWriteInTime(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 1<<20)})
		time.Sleep(time.Second) // it is half written
		checkNow(t, r, plugOff, nil, mqtt.ErrStalled, time.Second)
		checkNow(t, r, plugOff, always, mqtt.ErrStalled, time.Second)
		b.Thaw()
		time.Sleep(time.Minute)
		equal(t, "sent", payloads(b, plugOff.Topic), nil)
		if n := r.Stats().Connections; n != 1 {
			t.Errorf("%d connections", n)
		}
		r.finish()
	})
}

// The broker stops reading between its answer to the ping and the message: that is in the connection, and a Revoke behind it.
func TestABrokerThatStallsAfterItsAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		c := newClient(t, config(b))
		c.Publish(safeOff)
		r := run(t, c)
		r.expect(mqtt.Replayed, time.Second)
		checkNow(t, r, safeOn, func() bool { b.Freeze(); return true }, nil, 0)
		r.Publish(safeOff)
		time.Sleep(5 * time.Second)
		b.Thaw()
		time.Sleep(time.Second)
		equal(t, "safe", payloads(b, "safe"), []string{"OFF", "ON", "OFF"})
		r.finish()
	})
}

// What lies in a connection when it is given up isn't delivered after the next one has told otherwise.
func TestAConnectionThatIsGivenUpIsTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		c := newClient(t, config(b))
		c.Publish(safeOff)
		r := run(t, c)
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 10_000)}) // more than the broker has in its hands
		time.Sleep(time.Second)
		checkNow(t, r, safeOn, nil, nil, 0)
		r.Publish(safeOff)
		r.expect(mqtt.Lost, 11*time.Second)
		b.Thaw()
		r.expect(mqtt.Replayed, 10*time.Second)
		time.Sleep(time.Minute)
		equal(t, "safe", payloads(b, "safe"), []string{"OFF", "OFF"})
		r.finish()
	})
}

func TestAMessageThatIsPartlyWrittenEndsTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		// The connection holds 64 KiB, and the broker has 4 KiB of it in its hands.
		r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 67<<10)})
		time.Sleep(time.Second)
		on := mqtt.Message{Class: mqtt.Answer, Topic: "plug/on", Payload: []byte(text(4096))}
		checkNow(t, r, on, nil, mqtt.ErrStalled, time.Second)
		if change := r.expect(mqtt.Lost, time.Second); !errors.Is(change.Err, mqtt.ErrNoAnswer) {
			t.Errorf("lost with %v", change.Err)
		}
		b.Thaw()
		r.expect(mqtt.Replayed, 10*time.Second)
		time.Sleep(time.Minute)
		equal(t, "sent", payloads(b, on.Topic), nil)
		r.finish()
	})
}

func TestAConnectionThatEndsWhileNowWaits(t *testing.T) {
	for _, tc := range []struct {
		name  string
		still func() bool
		spoil func(b *mqtttest.Broker, r *running)
	}{
		{"for the answer to its ping", always, func(*mqtttest.Broker, *running) {}},
		{"for its turn", nil, func(b *mqtttest.Broker, r *running) {
			r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 1<<20)})
			synctest.Wait()
		}},
		{"for room", nil, func(b *mqtttest.Broker, r *running) {
			r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 67<<10)})
			synctest.Wait()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				r := run(t, newClient(t, config(b)))
				r.expect(mqtt.Replayed, time.Second)
				b.Freeze()
				tc.spoil(b, r)
				time.AfterFunc(300*time.Millisecond, func() { b.Cut() })
				m := mqtt.Message{Class: mqtt.Answer, Topic: "plug", Payload: []byte(text(4096))}
				checkNow(t, r, m, tc.still, mqtt.ErrNotConnected, 300*time.Millisecond)
				b.Thaw()
				r.expect(mqtt.Replayed, 10*time.Second)
				equal(t, "sent", payloads(b, "plug"), nil)
				r.finish()
			})
		})
	}
}

func TestWhatNowRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		for _, m := range []mqtt.Message{
			retainedMessage(mqtt.Answer, "plug", "OFF"),
			{Class: mqtt.Answer, Topic: "plug/#", Payload: []byte("OFF")},
			{Class: mqtt.Answer, Payload: []byte("OFF")},
			{Class: mqtt.Answer, Topic: "plug", Payload: make([]byte, 4097)},
		} {
			if err := r.Now(m, always); err == nil || errors.Is(err, mqtt.ErrNotConnected) {
				t.Errorf("%+v: %v", m, err)
			}
		}
		time.Sleep(time.Second)
		equal(t, "sent", published(b, 1), nil)
		r.finish()
	})
}

func TestAGateThatTakesTooLong(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		slow := func() bool { time.Sleep(3 * time.Second); return true }
		checkNow(t, r, plugOff, slow, mqtt.ErrStalled, 3*time.Second)
		checkNow(t, r, plugOff, always, nil, 0)
		synctest.Wait()
		equal(t, "sent", published(b, 1), []string{"plug/off=OFF"})
		r.finish()
	})
}

// The answers to Now's pings are found between packets of any length, and paho's own pings go on.
func TestPingsAmongOtherPackets(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Subscribe = []string{"in"}
		cfg.Arrived = func(mqtt.Incoming) bool { return true }
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		sizes := []int{0, 1, 100, 120, 121, 122, 123, 124, 125, 127, 128, 16_000, 16_383, 16_384, 70_000, 250_000}
		for range 20 {
			for _, size := range sizes {
				b.Publish("in", []byte(text(size)), false)
				checkNow(t, r, plugOff, always, nil, 0)
			}
			time.Sleep(time.Minute)
		}
		if n := len(payloads(b, plugOff.Topic)); n != 20*len(sizes) {
			t.Errorf("%d came", n)
		}
		if n := r.Stats().Connections; n != 1 {
			t.Errorf("%d connections", n)
		}
		b.Freeze() // and an unanswered one still ends the connection
		go func() {
			for range 30 {
				_ = r.Now(plugOff, always)
				time.Sleep(time.Second)
			}
		}()
		r.expect(mqtt.Lost, 46*time.Second)
		b.Thaw()
		r.finish()
		time.Sleep(time.Minute)
	})
}

// A broker may close on a command that we have no right to; what was under way with it isn't to blame.
func TestWhatNowSendsIsNotBlamedOnOthers(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.CloseOn(plugOff.Topic)
		b.HoldAcks(true)
		c := newClient(t, config(b))
		c.Publish(retainedMessage(mqtt.Document, "doc", text(5000)))
		r := run(t, c)
		for range 10 {
			r.expect(mqtt.Connected, 10*time.Second)
			synctest.Wait() // the document is under way
			checkNow(t, r, plugOff, nil, nil, 0)
		}
		b.HoldAcks(false)
		r.expect(mqtt.Replayed, 20*time.Second)
		if n := r.Stats().Withheld; n != 0 {
			t.Errorf("%d withheld", n)
		}
		r.finish()
	})
}

func TestDownIsToldAtOnceAndOnce(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(b *mqtttest.Broker, r *running)
		in   time.Duration
	}{
		{"cut", func(b *mqtttest.Broker, _ *running) { b.Cut() }, 0},
		{"stopped", func(_ *mqtttest.Broker, r *running) { r.stop() }, 0},
		{"no acknowledgement", func(b *mqtttest.Broker, r *running) { b.HoldAcks(true); r.state("s", "v") }, 10 * time.Second},
		{"nothing is read", func(b *mqtttest.Broker, r *running) {
			b.Freeze()
			r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 1<<20)})
		}, 5 * time.Second},
		{"thrown out by another client", func(b *mqtttest.Broker, r *running) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			_, _ = mqtt.Retained(ctx, config(b), []string{"x"})
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				var c *mqtt.Client
				down := make(chan string, 100)
				cfg := config(b)
				cfg.Down = func() {
					told := "nothing told"
					for len(c.Changes()) > 0 {
						told = (<-c.Changes()).Kind.String()
					}
					c.Publish(safeOff) // what it is for
					if err := c.Now(plugOff, nil); !errors.Is(err, mqtt.ErrNotConnected) {
						told += fmt.Sprintf(", Now said %v", err)
					}
					down <- told
				}
				c = newClient(t, cfg)
				r := run(t, c)
				r.expect(mqtt.Replayed, time.Second)
				if len(down) != 0 {
					t.Error("told while connected")
				}
				begin := time.Now()
				tc.end(b, r)
				if told := <-down; told != "nothing told" {
					t.Errorf("told after %s", told)
				}
				if d := time.Since(begin); d > tc.in+time.Second || d < tc.in {
					t.Errorf("told after %v, want %v", d, tc.in)
				}
				b.Down()
				b.Thaw()
				time.Sleep(time.Minute) // attempts that fail aren't connections that end
				_ = r.finish()
				if len(down) > 1 { // a client that was thrown out came back before the broker went down
					t.Errorf("told %d times more", len(down))
				}
			})
		})
	}
}

func TestLostIsToldAfterDownReturned(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		var end time.Time
		cfg := config(b)
		cfg.Down = func() {
			time.Sleep(time.Second) // which it shouldn't
			end = time.Now()
		}
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		b.Cut()
		if lost := r.expect(mqtt.Lost, 2*time.Second); end.IsZero() || lost.At.Before(end) {
			t.Errorf("lost at %v, down until %v", lost.At, end)
		}
		r.finish()
	})
}

func TestDownForEachConnection(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		var mu sync.Mutex
		downs := 0
		cfg := config(b)
		cfg.Down = func() { mu.Lock(); defer mu.Unlock(); downs++ }
		r := run(t, newClient(t, cfg))
		for i := range 50 {
			r.expect(mqtt.Connected, 6*time.Second)
			b.Cut()
			r.expect(mqtt.Lost, time.Second)
			mu.Lock()
			if downs != i+1 {
				t.Errorf("told %d times of %d connections", downs, i+1)
			}
			mu.Unlock()
		}
		r.finish()
	})
}

func TestARevokeNeedsNoRoom(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.HoldAcks(true)
		for range 200 {
			r.Publish(mqtt.Message{Class: mqtt.Answer, Topic: "answer", Payload: []byte("x")})
		}
		time.Sleep(time.Second)
		if n := len(published(b, 1)); n != 64 {
			t.Fatalf("%d under way", n)
		}
		begin := time.Now()
		for i := range 100 {
			r.Publish(retainedMessage(mqtt.Revoke, fmt.Sprintf("safe/%d", i), "OFF"))
		}
		synctest.Wait()
		if n := len(published(b, 1)); n != 128 || time.Since(begin) != 0 {
			t.Errorf("%d under way after %v, want 64 revokes more at once", n, time.Since(begin))
		}
		r.expect(mqtt.Lost, 10*time.Second)
		b.HoldAcks(false)
		r.expect(mqtt.Replayed, 5*time.Second)
		if n := len(b.Topics()); n != 100 {
			t.Errorf("%d topics at the broker", n)
		}
		r.finish()
	})
}

func TestARevokeDoesNotWaitForAMessageThatIsSentAlone(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.HoldAcks(true)
		c := newClient(t, config(b))
		c.Publish(retainedMessage(mqtt.Document, "doc", text(5000)))
		r := run(t, c)
		eventually(t, b, time.Second, "document", holds(b, "doc", text(5000)))
		b.Cut() // which may be its fault
		b.Forget()
		eventually(t, b, 5*time.Second, "document again", holds(b, "doc", text(5000)))
		r.event("event", "waits")
		r.Publish(safeOff)
		r.Publish(safeOff)
		synctest.Wait()
		equal(t, "published", published(b, 2), []string{"doc=" + text(5000), "safe=OFF"})
		b.HoldAcks(false)
		r.finish()
	})
}

// TestRandomGates lowers and raises a gate while the broker is cut, frozen and slow, and checks what the gate is for: what Now
// gave up is never delivered, and nothing is delivered after the revocation that followed it.
func TestRandomGates(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) { gates(t, b, seed) })
		})
	}
}

func gates(t *testing.T, b *mqtttest.Broker, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	lowered := 0 // how often
	var r *running
	lower := func() {
		mu.Lock()
		defer mu.Unlock()
		lowered++
		r.Publish(retainedMessage(mqtt.Revoke, "safe", fmt.Sprint(lowered)))
	}
	r = &running{Client: newClient(t, config(b)), t: t}
	lower()
	r = run(t, r.Client)
	var wg sync.WaitGroup
	refused := make(map[string]error) // by payload, what Now said
	sent := 0
	attempt := func(n int) {
		mu.Lock()
		number := lowered
		mu.Unlock()
		payload := fmt.Sprintf("%d on %d", number, n)
		err := r.Now(mqtt.Message{Class: mqtt.State, Topic: "safe", Payload: []byte(payload)}, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return lowered == number
		})
		mu.Lock()
		defer mu.Unlock()
		if refused[payload] = err; err == nil {
			sent++
		}
	}
	for n := range 400 {
		switch rng.IntN(24) {
		case 0:
			b.Cut()
		case 1:
			b.Freeze()
		case 2, 3:
			b.Thaw()
		case 4:
			b.SlowReader(time.Duration(rng.IntN(200)) * time.Millisecond)
		case 5, 6:
			b.SlowReader(0)
		case 7, 8:
			lower()
		case 9:
			for range 300 {
				r.event("e", "x")
			}
		default:
			wg.Go(func() { attempt(n) })
		}
		if rng.IntN(2) == 0 {
			time.Sleep(time.Duration(rng.IntN(700)) * time.Millisecond)
		}
	}
	b.Thaw()
	b.SlowReader(0)
	wg.Wait()
	time.Sleep(time.Minute)
	last := make(map[int]int) // the latest revocation that came, by connection
	for _, rec := range b.Log() {
		if rec.Sent || rec.Topic != "safe" {
			continue
		}
		var number, n int
		if on, _ := fmt.Sscanf(string(rec.Payload), "%d on %d", &number, &n); on < 2 {
			last[rec.Conn] = max(last[rec.Conn], number)
			continue
		}
		if err := refused[string(rec.Payload)]; err != nil {
			t.Errorf("%q was delivered, and Now said %v", rec.Payload, err)
		}
		if number < last[rec.Conn] {
			t.Errorf("%q was delivered after revocation %d", rec.Payload, last[rec.Conn])
		}
	}
	if sent < 10 {
		t.Errorf("only %d of %d were sent", sent, len(refused))
	}
	_ = r.finish()
}

// chatty is a broker's end that answers pings which nobody sent.
type chatty struct{ net.Conn }

func (c chatty) Write(p []byte) (int, error) {
	if _, err := c.Conn.Write(append(slices.Clone(p), 0xd0, 0)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestAnAnswerThatNobodyAskedForIsNone(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Dial = through(t, b, func(conn net.Conn) (net.Conn, error) { return chatty{conn}, nil })
		r := run(t, newClient(t, cfg))
		r.Publish(mqtt.Message{Class: mqtt.Answer, Topic: "answer", Payload: []byte("x")})
		r.expect(mqtt.Replayed, time.Second)
		time.Sleep(time.Second)
		b.Freeze()
		checkNow(t, r, plugOff, always, mqtt.ErrStalled, time.Second)
		b.Thaw()
		time.Sleep(time.Second)
		checkNow(t, r, plugOff, always, nil, 0)
		r.finish()
	})
}
