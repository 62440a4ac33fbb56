package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

func TestUnacknowledgedMessageEndsTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.HoldAcks(true)
		r.state("s", "v")
		r.event("e", "v")
		begin := time.Now()
		if change := r.expect(mqtt.Lost, 11*time.Second); !errors.Is(change.Err, mqtt.ErrNoAnswer) {
			t.Errorf("lost with %v", change.Err)
		}
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("lost after %v, want 10s", d)
		}
		b.HoldAcks(false)
		r.expect(mqtt.Replayed, 5*time.Second)
		equal(t, "state", payloads(b, "s"), []string{"v", "v"})
		equal(t, "event", payloads(b, "e"), []string{"v"})
		if lost := r.Stats().Lost; lost != 1 {
			t.Errorf("%d lost, want the event that wasn't acknowledged", lost)
		}
		r.finish()
	})
}

func TestSilentConnectionIsNoticed(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		time.Sleep(5 * time.Minute) // pings keep it
		if n := r.Stats().Connections; n != 1 {
			t.Fatalf("%d connections", n)
		}
		b.Freeze()
		if change := r.expect(mqtt.Lost, 46*time.Second); !errors.Is(change.Err, mqtt.ErrNoAnswer) {
			t.Errorf("lost with %v", change.Err)
		}
		r.finish()
	})
}

func TestBrokerThatReadsNothingIsNoticedWhileWriting(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 1<<20)})
		if change := r.expect(mqtt.Lost, 6*time.Second); !errors.Is(change.Err, mqtt.ErrNoAnswer) {
			t.Errorf("lost with %v", change.Err)
		}
		r.finish()
	})
}

func TestFrozenBroker(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		for i := range 100 {
			r.state(fmt.Sprintf("s/%d", i), "old")
		}
		r.expect(mqtt.Replayed, time.Second)
		b.Freeze()
		for i := range 100 {
			r.state(fmt.Sprintf("s/%d", i), "new")
		}
		r.expect(mqtt.Lost, 11*time.Second)
		if change := r.expect(mqtt.Unreachable, 6*time.Second); !errors.Is(change.Err, mqtt.ErrNoAnswer) {
			t.Errorf("unreachable with %v", change.Err)
		}
		time.Sleep(10 * time.Minute)
		if n := len(r.Changes()); n != 0 {
			t.Errorf("%d more changes told of one outage", n)
		}
		r.state("s/3", "newest")
		b.Thaw()
		change := r.expect(mqtt.Connected, 6*time.Second)
		if change.Failures < 100 {
			t.Errorf("%d failures told", change.Failures)
		}
		// What earlier attempts left in the frozen broker may throw the connection out once.
		eventually(t, b, 10*time.Second, "states", func() bool {
			for i := range 100 {
				if i != 3 && !holds(b, fmt.Sprintf("s/%d", i), "new")() {
					return false
				}
			}
			return holds(b, "s/3", "newest")()
		})
		connacks := times(b, "CONNACK")
		if d := time.Since(connacks[len(connacks)-1]); d > time.Second {
			t.Errorf("states are right %v after CONNACK", d)
		}
		r.finish()
	})
}

func TestReconnectsSoonAndThenOften(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		var attempts []time.Time
		cfg := config(b)
		cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			attempts = append(attempts, time.Now())
			if len(attempts)%2 == 0 {
				return hang(ctx, network, address) // half of them take all the time there is
			}
			return nil, errors.New("connection refused")
		}
		r := run(t, newClient(t, cfg))
		time.Sleep(5 * time.Minute)
		r.finish()
		if len(attempts) < 60 {
			t.Errorf("%d attempts in 5 minutes", len(attempts))
		}
		for i := range attempts[1:] {
			d := attempts[i+1].Sub(attempts[i])
			if d > 5*time.Second {
				t.Errorf("attempt %d came %v after the one before", i+1, d)
			}
			if i == 0 && d > 300*time.Millisecond {
				t.Errorf("second attempt after %v", d)
			}
			if i > 10 && d < 4*time.Second {
				t.Errorf("attempt %d came %v after the one before: too often", i+1, d)
			}
		}
	})
}

func TestReconnectsAtOnceAfterALongConnection(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		for range 20 {
			r.expect(mqtt.Replayed, time.Second)
			time.Sleep(time.Minute)
			b.Cut()
		}
		r.finish()
	})
}

func TestAnotherClientWithTheSameIDIsNotFought(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		one, two := run(t, newClient(t, config(b))), run(t, newClient(t, config(b)))
		time.Sleep(2 * time.Minute)
		if n := len(times(b, "CONNECT")); n > 60 {
			t.Errorf("%d connections in 2 minutes", n)
		}
		one.finish()
		two.finish()
	})
}

func TestRefused(t *testing.T) {
	for code, want := range map[byte]string{
		1: "MQTT 3.1.1", 2: "client identifier", 3: "unavailable", 4: "wrong user name or password", 5: "not authorised",
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				b.Refuse(code)
				r := run(t, newClient(t, config(b)))
				change := r.expect(mqtt.Refused, time.Second)
				var refused *mqtt.RefusedError
				if !errors.As(change.Err, &refused) || refused.Code != code || !errors.Is(change.Err, mqtt.ErrRefused) {
					t.Errorf("told %v", change.Err)
				}
				if !strings.Contains(change.Err.Error(), want) {
					t.Errorf("%q doesn't say %q", change.Err, want)
				}
				time.Sleep(time.Minute)
				if n := len(r.Changes()); n != 0 {
					t.Errorf("told %d times more", n)
				}
				attempts := len(times(b, "CONNECT"))
				b.Refuse(0)
				if change := r.expect(mqtt.Connected, 6*time.Second); change.Failures != attempts {
					t.Errorf("%d failures told of %d", change.Failures, attempts)
				}
				r.finish()
			})
		})
	}
}

func TestUnknownReturnCodeIsNoMQTT(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.Refuse(0x86)
		r := run(t, newClient(t, config(b)))
		var change mqtt.Change
		select {
		case change = <-r.Changes():
		case <-time.After(time.Second):
		}
		if change.Kind != mqtt.Unreachable && change.Kind != mqtt.Refused {
			t.Errorf("told %v %v", change.Kind, change.Err)
		}
		if r.Stats().Connections != 0 {
			t.Error("counts as a connection")
		}
		r.finish()
	})
}

func TestWrongPassword(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.Login("user", "right")
		cfg := config(b)
		cfg.Username, cfg.Password = "user", canary
		r := run(t, newClient(t, cfg))
		change := r.expect(mqtt.Refused, time.Second)
		if strings.Contains(fmt.Sprintf("%v %+v %#v", change, change, change), canary) {
			t.Errorf("change tells the password: %+v", change)
		}
		b.Login("user", canary)
		r.expect(mqtt.Connected, 6*time.Second)
		r.finish()
	})
}

func TestRefusedSubscriptionIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		b.RefuseSubscription("forbidden/#")
		cfg := config(b)
		cfg.Subscribe = []string{"command/#", "forbidden/#"}
		r := run(t, newClient(t, cfg))
		if change := r.expect(mqtt.Unsubscribed, time.Second); change.Topic != "forbidden/#" {
			t.Errorf("told %q", change.Topic)
		}
		r.expect(mqtt.Replayed, time.Second)
		b.Publish("command/x", []byte("go"), false)
		if in := <-r.Inbox(); in.Topic != "command/x" {
			t.Errorf("got %+v", in)
		}
		r.finish()
	})
}

func TestInbox(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Subscribe = []string{"command/#"}
		b.Publish("command/old", []byte("stale"), true)
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		if in := <-r.Inbox(); in.Topic != "command/old" || !in.Retained {
			t.Errorf("retained command came as %+v", in)
		}
		b.Publish("command/new", []byte("go"), true) // live, whatever its retain flag
		if in := <-r.Inbox(); in.Topic != "command/new" || in.Retained || string(in.Payload) != "go" {
			t.Errorf("live command came as %+v", in)
		}
		b.Publish("else", []byte("x"), false)
		b.Cut()
		b.Publish("command/late", []byte("go"), false) // nothing is queued for later
		r.expect(mqtt.Replayed, 5*time.Second)
		got := map[string]bool{(<-r.Inbox()).Topic: true, (<-r.Inbox()).Topic: true}
		if !got["command/old"] || !got["command/new"] || len(r.Inbox()) != 0 {
			t.Errorf("after reconnecting: %v and %d more", got, len(r.Inbox()))
		}
		r.finish()
	})
}

func TestFullInboxDropsVisibly(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Subscribe = []string{"command/#"}
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		for range 1000 {
			b.Publish("command/x", []byte("go"), false)
		}
		b.Publish("command/x", make([]byte, 1<<20), false)
		r.state("s", "v") // the session isn't held up
		eventually(t, b, time.Second, "state", holds(b, "s", "v"))
		time.Sleep(time.Second)
		taken := len(r.Inbox())
		for range taken {
			if in := <-r.Inbox(); in.Dropped != 0 {
				t.Errorf("%d dropped before the inbox was full", in.Dropped)
			}
		}
		b.Publish("command/x", []byte("go"), false)
		if in := <-r.Inbox(); in.Dropped != 1001-taken {
			t.Errorf("%d dropped, want %d", in.Dropped, 1001-taken)
		}
		if n := r.Stats().Dropped; n != 1001-taken || taken > 256 {
			t.Errorf("stats tell %d dropped, %d were taken", n, taken)
		}
		r.finish()
	})
}

func TestWillAndGoodbye(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Will = mqtt.Message{Topic: "availability", Payload: []byte("offline")}
		cfg.Goodbye = []mqtt.Message{retainedMessage(mqtt.Availability, "availability", "offline"),
			retainedMessage(mqtt.Availability, "second", "bye")}
		r := run(t, newClient(t, cfg))
		r.Publish(retainedMessage(mqtt.Availability, "availability", "online"))
		eventually(t, b, time.Second, "online", holds(b, "availability", "online"))
		b.Down()
		if !holds(b, "availability", "offline")() {
			t.Error("no will")
		}
		b.Up()
		eventually(t, b, 6*time.Second, "online again", holds(b, "availability", "online"))

		r.state("s", "last") // told just before the end
		if err := r.finish(); err != nil {
			t.Errorf("Run: %v", err)
		}
		synctest.Wait() // the broker reads to the end
		all := published(b, 2)
		equal(t, "end of the transcript", all[len(all)-3:], []string{"s=last", "availability=offline", "second=bye"})
		log := b.Log()
		if last := log[len(log)-2].Packet; last != "DISCONNECT" {
			t.Errorf("last packet %s", last)
		}
	})
}

func TestStopEndsWithinBoundedTime(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(b *mqtttest.Broker, r *running)
		limit time.Duration
		clean bool
	}{
		{"broker is well", func(*mqtttest.Broker, *running) {}, 0, true},
		{"broker is frozen", func(b *mqtttest.Broker, r *running) { b.Freeze() }, 1500 * time.Millisecond, false},
		{"broker acknowledges nothing", func(b *mqtttest.Broker, r *running) { b.HoldAcks(true) }, 1500 * time.Millisecond, false},
		{"broker reads nothing while a picture is written", func(b *mqtttest.Broker, r *running) {
			b.Freeze()
			for range 3 {
				r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "p", Payload: make([]byte, 1<<20)})
			}
			time.Sleep(time.Second)
		}, 2 * time.Second, false},
		{"connection was lost", func(b *mqtttest.Broker, r *running) {
			b.Down()
			time.Sleep(20 * time.Second)
		}, 0, true},
		{"broker froze while a connection is made", func(b *mqtttest.Broker, r *running) {
			b.Freeze()
			b.Cut()
			time.Sleep(20 * time.Second)
		}, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				cfg := config(b)
				cfg.Goodbye = []mqtt.Message{retainedMessage(mqtt.Availability, "availability", "offline")}
				r := run(t, newClient(t, cfg))
				r.expect(mqtt.Replayed, time.Second)
				tc.spoil(b, r)
				begin := time.Now()
				err := r.finish()
				if d := time.Since(begin); d > tc.limit {
					t.Errorf("took %v, want %v", d, tc.limit)
				}
				if (err == nil) != tc.clean {
					t.Errorf("Run: %v", err)
				}
			})
		})
	}
}

func TestStopWhileDialing(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Dial = hang
		r := run(t, newClient(t, cfg))
		time.Sleep(time.Second)
		begin := time.Now()
		if err := r.finish(); err != nil || time.Since(begin) != 0 {
			t.Errorf("Run returned %v after %v", err, time.Since(begin))
		}
	})
}

func TestRunIsCalledOnce(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		r.expect(mqtt.Connected, time.Second)
		if err := r.Run(context.Background()); err == nil {
			t.Error("second Run runs")
		}
		r.finish()
	})
}

func TestChangesNobodyReadsKeepTheLast(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		r := run(t, newClient(t, config(b)))
		for range 100 {
			time.Sleep(20 * time.Second)
			b.Cut()
		}
		b.Down()
		time.Sleep(time.Minute)
		var last mqtt.Change
		for len(r.Changes()) > 0 {
			last = <-r.Changes()
		}
		if last.Kind != mqtt.Unreachable {
			t.Errorf("last change told is %v", last.Kind)
		}
		r.finish()
	})
}

func TestConnectionsLeaveNothingBehind(t *testing.T) {
	// The bubble fails if a goroutine is left.
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Subscribe = []string{"in/#"}
		r := run(t, newClient(t, cfg))
		for i := range 100 {
			r.expect(mqtt.Connected, 6*time.Second)
			for j := range 50 {
				r.state(fmt.Sprintf("s/%d", j), fmt.Sprint(i))
				b.Publish("in/x", []byte("x"), false)
			}
			b.Cut()
		}
		r.finish()
	})
}
