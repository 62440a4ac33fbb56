package bridge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/mqtt/mqtttest"
	"hikbridge/nvr/nvrtest"
)

// acceptedAfter is when the broker last answered the subscription of a session
// after the given time: an abandoned attempt that a frozen broker works off has
// a CONNACK, too, and may have asked for a subscription, but goes no further.
func (w *world) acceptedAfter(t time.Time) (at time.Time, ok bool) {
	for _, p := range w.broker.Log() {
		if p.Sent && p.Packet == "SUBACK" && p.Client == "hikbridge" && !p.At.Before(t) {
			at, ok = p.At, true
		}
	}
	return at, ok
}

func TestAfterAnyTroubleWithTheBrokerStatesAreRightASecondAfterItAcceptsUs(t *testing.T) {
	tests := []struct {
		name       string
		begin, end func(*mqtttest.Broker)
	}{
		{"killed and restarted with its memory", (*mqtttest.Broker).Down, (*mqtttest.Broker).Up},
		{"killed and restarted without its memory", func(b *mqtttest.Broker) { b.Down(); b.Forget() }, (*mqtttest.Broker).Up},
		{"frozen", func(b *mqtttest.Broker) { b.Freeze() }, func(b *mqtttest.Broker) { b.Thaw() }},
		{"refusing the password", func(b *mqtttest.Broker) { b.Refuse(5); b.Cut() }, func(b *mqtttest.Broker) { b.Refuse(0) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 16}})
				w.start()
				time.Sleep(time.Minute)
				tt.begin(w.broker)
				time.Sleep(2 * time.Minute)
				w.recorders["garage"].SetCamera(nvrtest.IP(7), false, "netUnreachable")
				time.Sleep(2 * time.Minute)
				tt.end(w.broker)
				ended := time.Now()
				for {
					if at, ok := w.acceptedAfter(ended); ok && time.Since(at) >= time.Second {
						if late := at.Sub(ended); late > 5*time.Second {
							t.Errorf("connected %v after the broker was back", late)
						}
						break
					}
					if time.Since(ended) > 15*time.Second {
						t.Fatalf("no connection:\n%s", w.log)
					}
					time.Sleep(10 * time.Millisecond)
				}
				w.expect("a second after CONNACK", map[string]string{
					"hikbridge/bridge/availability":        "online",
					"hikbridge/garage/availability":        "online",
					"hikbridge/garage/ch/7/connection":     "OFF",
					"hikbridge/garage/ch/7/offline_reason": "unreachable",
					"hikbridge/garage/ch/16/connection":    "ON",
				})
				if n := len(w.documents()); n != 18 {
					t.Errorf("%d documents", n)
				}
				w.checkTable()
			})
		})
	}
}

func TestABrokerThatClosesOnLargePacketsGetsEverythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 4}})
		w.broker.MaxPacket(8000) // the recorder's document is larger
		w.start()
		time.Sleep(2 * time.Minute)
		w.expect("with a small limit", map[string]string{
			"hikbridge/garage/availability": "online", "hikbridge/garage/ch/4/connection": "ON", "hikbridge/bridge/needs_attention": "ON",
		})
		if s := w.value("hikbridge/bridge/needs_attention/attributes"); !strings.Contains(s, "packet limit") {
			t.Errorf("reasons: %s", s)
		}
		if n := len(w.documents()); n != 5 { // bridge and cameras
			t.Errorf("%d documents", n)
		}
	})
}

func TestHomeAssistantsBirthBringsTheStatesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		before := len(w.broker.Log())
		w.broker.Publish("homeassistant/status", []byte("online"), false)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		again := map[string]int{}
		for _, p := range w.broker.Log()[before:] {
			if !p.Sent && p.Packet == "PUBLISH" {
				again[p.Topic]++
			}
		}
		for _, topic := range []string{"hikbridge/bridge/availability", "hikbridge/garage/availability", "hikbridge/garage/status", "hikbridge/garage/ch/1/connection"} {
			if again[topic] == 0 {
				t.Errorf("%s wasn't published again", topic)
			}
		}
		for topic := range again {
			if strings.HasSuffix(topic, "/config") {
				t.Errorf("%s was published again though nothing changed", topic)
			}
		}
	})
}

func TestSafeIsTakenBackFirstThenComeBridgeRecorderCameras(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 3}})
		w.start()
		time.Sleep(time.Minute)
		w.broker.Cut()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		var order []string
		for _, p := range w.broker.Log() {
			if p.Sent || p.Packet != "PUBLISH" || p.Conn < 2 {
				continue
			}
			kind := "state"
			if strings.HasSuffix(p.Topic, "/config") {
				var d struct {
					Dev struct{ Name string }
				}
				json.Unmarshal(p.Payload, &d)
				kind = d.Dev.Name
			} else if strings.HasSuffix(p.Topic, "/availability") {
				kind = "availability"
			} else if strings.HasSuffix(p.Topic, "/safe_to_cut_power") {
				kind = "safe"
			}
			if len(order) == 0 || order[len(order)-1] != kind {
				order = append(order, kind)
			}
		}
		if got := strings.Join(order, ", "); !strings.HasPrefix(got, "safe, hikbridge, Garage, ") || !strings.Contains(got, ", state, availability") || len(order) > 12 {
			t.Errorf("order: %s", got)
		}
	})
}

func TestCommands(t *testing.T) {
	now := func(offset time.Duration) int64 { return time.Now().Add(offset).Unix() }
	envelope := func(id string, at int64, more string) string {
		return fmt.Sprintf(`{"id":%q,"at":%d,"by":"automation"%s}`, id, at, more)
	}
	tests := []struct {
		name    string
		payload func() []string
		want    string
	}{
		{"plain", func() []string { return []string{"PRESS"} }, "accepted done"},
		{"the action's name", func() []string { return []string{"retry_sign_in"} }, "accepted done"},
		{"another word", func() []string { return []string{"ON"} }, "refused:malformed"},
		{"an envelope", func() []string { return []string{envelope("a", now(0), "")} }, "accepted done"},
		{"the same one again", func() []string { e := envelope("a", now(0), ""); return []string{e, e} }, "accepted done duplicate:duplicate"},
		{"an id used for something else", func() []string { return []string{envelope("a", now(0), ""), envelope("a", now(0), `,"reason":"x"`)} }, "accepted done refused:id_reused"},
		{"31 s old", func() []string { return []string{envelope("a", now(-31*time.Second), "")} }, "expired:expired"},
		{"29 s old", func() []string { return []string{envelope("a", now(-29*time.Second), "")} }, "accepted done"},
		{"59 s ahead", func() []string { return []string{envelope("a", now(59*time.Second), "")} }, "accepted done"},
		{"61 s ahead", func() []string { return []string{envelope("a", now(61*time.Second), "")} }, "refused:wrong_clock"},
		{"an unknown key", func() []string { return []string{envelope("a", now(0), `,"force_it":true`)} }, "refused:malformed"},
		{"a doubled key", func() []string { return []string{envelope("a", now(0), `,"by":"me"`)} }, "refused:malformed"},
		{"trailing bytes", func() []string { return []string{envelope("a", now(0), "") + "x"} }, "refused:malformed"},
		{"a wrong type", func() []string { return []string{`{"id":1,"at":2}`} }, "refused:malformed"},
		{"no id", func() []string { return []string{fmt.Sprintf(`{"at":%d}`, now(0))} }, "refused:malformed"},
		{"no time", func() []string { return []string{`{"id":"a"}`} }, "refused:malformed"},
		{"5 KiB", func() []string { return []string{envelope("a", now(0), `,"reason":"`+strings.Repeat("x", 5000)+`"`)} }, "refused:too_long"},
		{"nothing", func() []string { return []string{""} }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
				w.start()
				time.Sleep(time.Minute)
				for _, p := range tt.payload() {
					w.broker.Publish("hikbridge/command/garage/retry_sign_in", []byte(p), false)
					time.Sleep(900 * time.Millisecond)
					synctest.Wait()
				}
				if got := w.results("garage"); got != tt.want {
					t.Errorf("results: %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestARetainedCommandIsRefusedAndCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		topic := "hikbridge/command/garage/retry_sign_in"
		w.broker.Publish(topic, []byte("PRESS"), true)
		w.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, ok := w.broker.Retained(topic); ok {
			t.Error("it is still there")
		}
		if got := w.results("garage"); got != "refused:retained" {
			t.Errorf("results: %s", got)
		}
	})
}

func TestAFloodOfCommandsIsCountedAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		for range 100 {
			w.broker.Publish("hikbridge/command/garage/retry_sign_in", []byte("nonsense"), false)
		}
		w.broker.Publish("hikbridge/command/nobody/retry_sign_in", []byte("PRESS"), false)
		w.broker.Publish("hikbridge/command/garage/format_disks", []byte("PRESS"), false)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		got := w.results("garage")
		if n := strings.Count(got, "refused:malformed"); n != 10 {
			t.Errorf("%d verdicts in one second: %s", n, got)
		}
		if strings.Count(got, "refused:flood") != 1 {
			t.Errorf("the flood isn't told once: %s", got)
		}
		if strings.Contains(got, "accepted") {
			t.Errorf("something was done: %s", got)
		}
	})
}

func TestAFloodIsToldEverySecondWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute + 300*time.Millisecond) // not when the seconds are counted
		const sent = 1000
		for range sent { // for ten seconds
			w.broker.Publish("hikbridge/command/garage/retry_sign_in", []byte("nonsense"), false)
			time.Sleep(10 * time.Millisecond)
		}
		if n := strings.Count(w.results("garage"), "refused:flood"); n < 8 || n > 11 {
			t.Errorf("the flood is told %d times in ten seconds", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if looked, dropped := w.flooded(); looked+dropped != sent {
			t.Errorf("%d verdicts and %d dropped of %d", looked, dropped, sent)
		}
	})
}

// flooded counts the verdicts on commands, and those that were dropped.
func (w *world) flooded() (looked, dropped int) {
	for _, p := range w.broker.Log() {
		var v struct{ Reason, Message string }
		if p.Sent || !strings.HasSuffix(p.Topic, "/result") || json.Unmarshal(p.Payload, &v) != nil {
			continue
		}
		if v.Reason != "flood" {
			looked++
			continue
		}
		n := 0
		fmt.Sscan(v.Message, &n)
		dropped += n
	}
	return looked, dropped
}

// More than mqtt's inbox holds comes at once.
func TestCommandsThatAreDroppedUnreadAreToldForTheSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		const sent = 20000
		for range sent {
			w.broker.Publish("hikbridge/command/garage/retry_sign_in", []byte("nonsense"), false)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if looked, dropped := w.flooded(); looked+dropped != sent {
			t.Errorf("%d verdicts and %d dropped of %d", looked, dropped, sent)
		}
	})
}

func TestWithoutABrokerRecordersAreReadAndNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.broker.Down()
		w.start()
		time.Sleep(time.Hour)
		w.broker.Up()
		time.Sleep(6 * time.Second)
		w.expect("with a broker at last", map[string]string{"hikbridge/garage/availability": "online", "hikbridge/garage/ch/1/connection": "ON"})
		w.checkTable()
		if n := strings.Count(w.log.String(), "broker can't be reached"); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
}

func TestAStopWithoutABrokerIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.start()
		time.Sleep(time.Minute)
		w.broker.Freeze()
		w.recorders["garage"].Unplug()
		time.Sleep(time.Minute)
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
