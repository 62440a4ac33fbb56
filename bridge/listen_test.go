package bridge_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/mqtt/mqtttest"
	"hikbridge/nvr/nvrtest"
)

// openedAfter waits until the recorder has admitted another stream, and says how
// long that took.
func openedAfter(t *testing.T, r *nvrtest.Recorder, before int, limit time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for r.StreamsOpened() == before {
		if time.Since(began) > limit {
			t.Fatalf("no new stream within %v", limit)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

func TestABrokenStreamIsOpenedAgain(t *testing.T) {
	tests := []struct {
		name   string
		config nvrtest.Config
		harm   func(*nvrtest.Recorder)
		limit  time.Duration
	}{
		{"a reset", nvrtest.Config{}, (*nvrtest.Recorder).ResetStreams, time.Second},
		{"closed by the recorder", nvrtest.Config{}, (*nvrtest.Recorder).EndStreams, time.Second},
		{"half-open, with heartbeats", nvrtest.Config{}, (*nvrtest.Recorder).FreezeStreams, 31 * time.Second},
		{"half-open, without heartbeats", nvrtest.Config{Heartbeat: -1}, (*nvrtest.Recorder).FreezeStreams, 5*time.Minute + time.Second},
		{"silent, with heartbeats", nvrtest.Config{}, func(r *nvrtest.Recorder) { r.StallStreams(true) }, 31 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := eventWorld(t, tt.config)
				time.Sleep(2 * time.Minute) // heartbeats are learned
				before := r.StreamsOpened()
				tt.harm(r)
				took := openedAfter(t, r, before, tt.limit)
				r.StallStreams(false)
				r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
				time.Sleep(100 * time.Millisecond)
				w.expect(fmt.Sprintf("after a new stream %v later", took), map[string]string{"hikbridge/garage/events": "online", "hikbridge/garage/ch/1/motion": "ON"})
				if n := r.MostStreams(); n > 1 {
					t.Errorf("%d streams at a time", n)
				}
				if n := r.Rejected(); n != 0 {
					t.Errorf("%d rejected logins", n)
				}
			})
		})
	}
}

func TestSensorsAreUnavailableAndOffWhileNoStreamIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		began := time.Now()
		r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
		synctest.Wait()
		r.Fail(nvrtest.Fault{Path: "Event/notification/alertStream", Status: 503, SubStatus: "deviceBusy"})
		r.ResetStreams()
		time.Sleep(1900 * time.Millisecond)
		w.expect("within the grace", map[string]string{"hikbridge/garage/events": "online", "hikbridge/garage/ch/1/motion": "ON"})
		time.Sleep(200 * time.Millisecond)
		w.expect("after it", map[string]string{"hikbridge/garage/events": "offline", "hikbridge/garage/ch/1/motion": "OFF", "hikbridge/garage/availability": "online"})
		var order []string
		for _, c := range w.published("garage", began, "events|ch/1/motion") {
			order = append(order, c.topic+" "+c.payload)
		}
		if got := strings.Join(order, ", "); got != "ch/1/motion ON, events offline, ch/1/motion OFF" {
			t.Errorf("order: %s", got)
		}
		time.Sleep(10 * time.Minute)
		w.expect("long after", map[string]string{"hikbridge/garage/needs_attention": "ON"})
		if s := w.value("hikbridge/garage/status"); !strings.Contains(s, "no events since") {
			t.Errorf("status: %s", s)
		}
		if s := w.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(s, "iVMS-4200") {
			t.Errorf("reasons: %s", s)
		}
		if n := strings.Count(w.log.String(), "no events come"); n != 1 {
			t.Errorf("told %d times:\n%s", n, w.log)
		}
		r.ClearFaults()
		time.Sleep(2*time.Minute + time.Second)
		w.expect("once a place is free", map[string]string{"hikbridge/garage/events": "online", "hikbridge/garage/needs_attention": "OFF"})
	})
}

func TestAFullRecorderIsAskedSeldomAndNeverTwice(t *testing.T) {
	for _, refusal := range []nvrtest.Refusal{{}, {Status: 404, SubStatus: "notSupport"}, {Status: 503, SubStatus: "deviceBusy"}} {
		t.Run(fmt.Sprint(refusal.Status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]nvrtest.Config{"garage": {MaxStreams: 1, StreamRefusal: refusal, StreamSlotHeld: 2 * time.Minute}})
				w.start()
				time.Sleep(time.Minute)
				r := w.recorders["garage"]
				r.ResetCounters()
				r.ResetStreams() // the slot stays taken for two minutes
				time.Sleep(6 * time.Minute)
				w.expect("once the slot is free", map[string]string{"hikbridge/garage/events": "online"})
				asked := 0
				for _, q := range r.Requests() {
					if strings.HasSuffix(q.Path, "alertStream") {
						asked++
					}
				}
				if asked > 9 || r.MostStreams() > 1 {
					t.Errorf("asked %d times for a stream, %d open at a time", asked, r.MostStreams())
				}
			})
		})
	}
}

func TestAMissingRightForEventsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		r := w.recorders["garage"]
		r.SetRights(nvrtest.Rights{Lacks: []string{"alarmOutOrUpload"}})
		w.start()
		time.Sleep(time.Minute)
		w.expect("without the right", map[string]string{"hikbridge/garage/availability": "online", "hikbridge/garage/events": "offline", "hikbridge/garage/needs_attention": "ON"})
		if s := w.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(s, "Notify Surveillance Center") {
			t.Errorf("reasons: %s", s)
		}
		r.SetRights(nvrtest.Rights{})
		w.broker.Publish("hikbridge/command/garage/retry_sign_in", []byte("PRESS"), false)
		time.Sleep(5 * time.Second)
		w.expect("with the right", map[string]string{"hikbridge/garage/events": "online", "hikbridge/garage/needs_attention": "OFF"})
	})
}

func TestAnotherBoxAtTheAddressIsNotListenedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		r.SetSerial("DS-7608NXI-I2000000000CCRR000000000WCVU")
		time.Sleep(20 * time.Minute)
		w.expect("another serial number", map[string]string{"hikbridge/garage/availability": "offline", "hikbridge/garage/events": "offline"})
		if n := r.Streams(); n != 0 {
			t.Errorf("%d streams to a stranger", n)
		}
	})
}

func TestEventsThatAreOverAreNoNewsAfterABrokerReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{Channels: 16})
		w.broker.Down()
		time.Sleep(time.Minute)
		for n := range 16 {
			r.Alert(nvrtest.Alert{Type: "linedetection", Channel: n + 1})
		}
		time.Sleep(time.Minute)
		r.Alert(nvrtest.Alert{Type: "VMD", Channel: 4})
		up := time.Now()
		w.broker.Up()
		at, ok := w.acceptedAfter(up)
		for ; !ok; at, ok = w.acceptedAfter(up) {
			r.Alert(nvrtest.Alert{Type: "VMD", Channel: 4})
			time.Sleep(100 * time.Millisecond)
		}
		r.Alert(nvrtest.Alert{Type: "VMD", Channel: 4})
		time.Sleep(time.Until(at.Add(time.Second)))
		w.expect("a second after CONNACK", map[string]string{"hikbridge/garage/ch/4/motion": "ON", "hikbridge/garage/ch/5/line_crossing": "OFF", "hikbridge/garage/events": "online"})
		for _, c := range w.published("garage", up, "ch/[0-9]+/(event|line_crossing)") {
			if c.payload == "ON" || strings.HasSuffix(c.topic, "/event") {
				t.Errorf("published after the return: %v", c)
			}
		}
		time.Sleep(5 * time.Second)
		if n := w.value("hikbridge/bridge/events_lost"); n != "17" {
			t.Errorf("%s events lost, want 17", n)
		}
	})
}

func TestASlowBrokerInAFloodGetsTheLatestStates(t *testing.T) {
	tests := []struct {
		name       string
		begin, end func(*mqtttest.Broker)
		loses      bool
	}{
		{"slow", func(b *mqtttest.Broker) { b.SlowReader(3 * time.Second) }, func(b *mqtttest.Broker) { b.SlowReader(0) }, true},
		{"frozen", (*mqtttest.Broker).Freeze, (*mqtttest.Broker).Thaw, true},
		{"away", (*mqtttest.Broker).Down, (*mqtttest.Broker).Up, true},
		{"without acknowledgements", func(b *mqtttest.Broker) { b.HoldAcks(true) }, func(b *mqtttest.Broker) { b.HoldAcks(false) }, true},
		{"healthy", func(*mqtttest.Broker) {}, func(*mqtttest.Broker) {}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := eventWorld(t, nvrtest.Config{Channels: 16, Heartbeat: -1})
				before := heap()
				tt.begin(w.broker)
				for i := range 3000 { // 200 a second for 15 s
					r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1 + i%16, Inactive: i/16%2 == 1})
					time.Sleep(5 * time.Millisecond)
				}
				for n := range 16 {
					r.Alert(nvrtest.Alert{Type: "VMD", Channel: n + 1, Inactive: n%2 == 0})
				}
				if grown := heap() - before; grown > 40<<20 { // the broker's log is in it
					t.Errorf("%d MiB more", grown>>20)
				}
				tt.end(w.broker)
				for range 25 { // it goes on for those that are on
					for n := 1; n < 16; n += 2 {
						r.Alert(nvrtest.Alert{Type: "VMD", Channel: n + 1})
					}
					time.Sleep(time.Second)
				}
				want := map[string]string{"hikbridge/garage/events": "online"}
				for n := range 16 {
					want[fmt.Sprintf("hikbridge/garage/ch/%d/motion", n+1)] = []string{"OFF", "ON"}[n%2]
				}
				w.expect("afterwards", want)
				lost := w.value("hikbridge/bridge/events_lost")
				if (lost != "0") != tt.loses {
					t.Errorf("%s events lost", lost)
				}
			})
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

var days = flag.Uint64("bridge.days", 1, "how many days of trouble")

func TestADayOfTroubleLeavesNoSensorStuck(t *testing.T) {
	for seed := range *days {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { dayOfTrouble(t, rand.New(rand.NewPCG(seed, 4))) })
		})
	}
}

// dayOfTrouble is 24 hours of anything that can happen to a stream.
func dayOfTrouble(t *testing.T, dice *rand.Rand) {
	w, r := eventWorld(t, nvrtest.Config{Channels: 4})
	dead := nvrtest.Alert{Type: "videoloss", Channel: 4}
	troubles := []func(){
		r.ResetStreams, r.EndStreams, r.FreezeStreams,
		func() {
			r.StallStreams(true)
			time.Sleep(time.Duration(dice.IntN(600)) * time.Second)
			r.StallStreams(false)
		},
		func() { r.Unplug(); time.Sleep(time.Duration(dice.IntN(300)) * time.Second); r.Plug() },
		func() { r.RebootWith(nvrtest.Boot{Down: 90 * time.Second, Errors: 30 * time.Second}) },
		func() { w.broker.Cut() },
		func() { w.broker.Down(); time.Sleep(time.Duration(dice.IntN(120)) * time.Second); w.broker.Up() },
		func() { // a flood
			for i := range 500 {
				r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1 + i%3})
			}
		},
		func() { // video loss of one channel, twice a second, for 10 minutes: no heartbeat comes
			for range 1200 {
				r.Alert(dead)
				time.Sleep(500 * time.Millisecond)
			}
		},
		func() { r.Alert(nvrtest.Alert{Type: "linedetection", Channel: 1 + dice.IntN(3)}) },
		func() { r.Alert(nvrtest.Alert{Document: []byte("<EventNotificationAlert><eventType>VMD</eventType>")}) },
		func() { time.Sleep(time.Duration(dice.IntN(3600)) * time.Second) },
	}
	goroutines := 0
	for end := time.Now().Add(24 * time.Hour); time.Now().Before(end); {
		trouble := dice.IntN(len(troubles))
		troubles[trouble]()
		time.Sleep(time.Duration(dice.IntN(120)) * time.Second)
		if goroutines == 0 {
			goroutines = runtime.NumGoroutine()
		}
		if n := r.Streams(); n > 1 {
			t.Fatalf("%d streams at a time after trouble %d", n, trouble)
		}
	}
	time.Sleep(10 * time.Minute)
	want := map[string]string{"hikbridge/garage/events": "online", "hikbridge/garage/availability": "online", "hikbridge/garage/sign_in": "ok"}
	for n := 1; n <= 4; n++ {
		for _, kind := range []string{"motion", "line_crossing", "video_loss"} {
			want[fmt.Sprintf("hikbridge/garage/ch/%d/%s", n, kind)] = "OFF"
		}
	}
	w.expect("after a day", want)
	if n := runtime.NumGoroutine(); n > goroutines+10 {
		t.Errorf("%d goroutines, %d at the beginning", n, goroutines)
	}
	if n := r.Rejected(); n > 2*24 {
		t.Errorf("%d rejected logins in a day", n)
	}
	r.Alert(nvrtest.Alert{Type: "VMD", Channel: 2})
	w.expect("then", map[string]string{"hikbridge/garage/ch/2/motion": "ON"})
}

func TestAfterACrashNothingOldLooksLikeNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
		synctest.Wait()
		left := map[string]string{} // what the broker has at this moment, as after a SIGKILL
		for _, topic := range w.broker.Topics() {
			left[topic] = w.value(topic)
		}
		w.stop()
		for topic, payload := range left {
			w.broker.Publish(topic, []byte(payload), true)
		}
		w.broker.Publish("hikbridge/bridge/availability", []byte("offline"), true) // the will
		r.Unplug()
		time.Sleep(time.Second)
		began := time.Now()
		w.start()
		time.Sleep(time.Minute)
		var order []string
		for _, p := range w.broker.Log() {
			if p.At.Before(began) || p.Sent || p.Packet != "PUBLISH" {
				continue
			}
			switch p.Topic {
			case "hikbridge/bridge/availability", "hikbridge/garage/availability", "hikbridge/garage/events", "hikbridge/garage/ch/1/motion":
				order = append(order, strings.TrimPrefix(p.Topic, "hikbridge/")+" "+string(p.Payload))
			}
		}
		want := "garage/ch/1/motion OFF, garage/availability offline, garage/events offline, bridge/availability online"
		if got := strings.Join(order, ", "); got != want {
			t.Errorf("order %s, want %s", got, want)
		}
	})
}

// Unavailable while the broker was away, a sensor must come back with what is
// true now: to Home Assistant an old ON that becomes available is news.
func TestAnEventThatEndedWithoutABrokerIsOffBeforeTheBridgeIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
		time.Sleep(time.Second)
		w.broker.Down()
		time.Sleep(20 * time.Second)
		up := time.Now()
		w.broker.Up()
		time.Sleep(10 * time.Second)
		for _, p := range w.broker.Log() {
			if p.At.Before(up) || p.Sent || p.Packet != "PUBLISH" {
				continue
			}
			if p.Topic == "hikbridge/garage/ch/1/motion" && string(p.Payload) == "OFF" {
				return
			}
			if p.Topic == "hikbridge/bridge/availability" {
				t.Fatal("the bridge is back before motion is off")
			}
		}
		t.Error("nothing was published")
	})
}

func TestTwoResetsInARowCostASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		time.Sleep(time.Minute)
		began := time.Now()
		for range 3 {
			before := r.StreamsOpened()
			r.ResetStreams()
			if took := openedAfter(t, r, before, 5*time.Second); took > time.Second {
				t.Errorf("a new stream after %v", took)
			}
			time.Sleep(time.Second)
		}
		if got := w.published("garage", began, "events"); len(got) != 0 {
			t.Errorf("sensors weren't available meanwhile: %v", got)
		}
	})
}

func TestAStreamThatIsRejectedWhileOthersAreNotIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.recorders["garage"].SetRights(nvrtest.Rights{Lacks: []string{"alarmOutOrUpload"}, As401: true})
		w.start()
		time.Sleep(10 * time.Minute)
		w.expect("meanwhile", map[string]string{"hikbridge/garage/availability": "online", "hikbridge/garage/events": "offline", "hikbridge/garage/needs_attention": "ON"})
		if s := w.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(s, "Notify Surveillance Center") {
			t.Errorf("reasons: %s", s)
		}
		w.recorders["garage"].SetRights(nvrtest.Rights{})
		time.Sleep(40 * time.Minute)
		w.expect("with the right", map[string]string{"hikbridge/garage/events": "online", "hikbridge/garage/needs_attention": "OFF"})
	})
}
