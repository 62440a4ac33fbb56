//go:build measure

package main_test

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hikbridge/nvr/nvrtest"
)

// What an event costs, from a recorder to a subscriber behind Mosquitto, on
// loopback in real time and with the built binary. The floor is the least that
// can stand between the two: testdata/floor, measured in turn with the program.
//
//	go test -tags measure -run MeasureEvents -v -timeout 60m ./cmd/hikbridge
//	go test -tags measure -run MeasureEvents/latency/500 -v ./cmd/hikbridge
//
// Recorders and subscriber run in this process, the same for both. A message
// that is lost, doubled or in the wrong order is a failure; a time never is.

const (
	channels = 16 // of each recorder
	rounds   = 5  // of floor and program in turn
	// settle is the pause until a program that is ready has come to rest,
	// straggler how long a message that is one too many is waited for.
	settle    = 2 * time.Second
	straggler = 500 * time.Millisecond

	floorTopic = "floor/ch/%[2]d/motion"
	onOffTopic = "hikbridge/%s/ch/%d/motion"
	eventTopic = "hikbridge/%s/ch/%d/event"
)

func TestMeasureEvents(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // pauses of this process aren't what is measured
	bridge := build(t, "hikbridge/cmd/hikbridge")
	floor := build(t, "hikbridge/cmd/hikbridge/testdata/floor")
	t.Run("latency", func(t *testing.T) {
		t.Run("1 a second", func(t *testing.T) { compare(t, floor, bridge, 1, 20*time.Second) })
		t.Run("50 a second", func(t *testing.T) { compare(t, floor, bridge, 50, 20*time.Second) })
		t.Run("500 a second", func(t *testing.T) { compare(t, floor, bridge, 500, 10*time.Second) })
	})
	t.Run("event messages", func(t *testing.T) { eventMessages(t, bridge) })
	t.Run("5000 a second from 16 recorders", func(t *testing.T) { sustained(t, bridge, 16, 5000) })
	t.Run("500 a second from one recorder", func(t *testing.T) { sustained(t, bridge, 1, 500) })
	t.Run("first event", func(t *testing.T) {
		t.Run("of a known recorder", func(t *testing.T) { firstEvent(t, bridge, true) })
		t.Run("of an unknown recorder", func(t *testing.T) { firstEvent(t, bridge, false) })
	})
}

// compare measures floor and program in turn at one rate.
func compare(t *testing.T, floor, bridge string, rate int, d time.Duration) {
	s := newScene(t, 1)
	var low, ours []figures
	for n := range rounds {
		p := s.startFloor(t, floor)
		low = append(low, s.run(t, p, floorTopic, rate, d))
		p.stop(t, 3*time.Second)
		t.Logf("round %d, floor:     %v; %v", n+1, low[n], low[n].cost)
		p = s.startBridge(t, bridge, t.TempDir())
		ours = append(ours, s.run(t, p, onOffTopic, rate, d))
		p.stop(t, 3*time.Second)
		t.Logf("round %d, hikbridge: %v; %v", n+1, ours[n], ours[n].cost)
	}
	for _, row := range []struct {
		name    string
		minimum int // of events a second, for the figure to say something
		of      func(figures) time.Duration
	}{
		{"p50", 1, func(f figures) time.Duration { return f.p50 }},
		{"p99", 50, func(f figures) time.Duration { return f.p99 }},
		{"CPU for 10,000", 500, func(f figures) time.Duration { return f.per10000 }},
	} {
		if rate < row.minimum {
			continue
		}
		a, b := medianOf(low, row.of), medianOf(ours, row.of)
		t.Logf("median %s: floor %v, hikbridge %v, ratio %.2f", row.name, a.Round(time.Microsecond), b.Round(time.Microsecond), float64(b)/float64(a))
	}
}

// eventMessages counts what Home Assistant is told of beginnings.
func eventMessages(t *testing.T, bridge string) {
	s := newScene(t, 1)
	s.startBridge(t, bridge, t.TempDir())
	l := s.load(eventTopic)
	w := subscribe(t, s.broker, l.topics())
	l.pace(100, channels, 2*channels)
	time.Sleep(settle)
	w.take()
	want := l.send(500, 10*time.Second) / 2
	eventually(t, 10*time.Second, "all came", func() bool { return w.count() >= want })
	time.Sleep(straggler)
	for topic, came := range w.take() {
		if len(came) != want/channels {
			t.Errorf("%s: %d messages of %d beginnings", topic, len(came), want/channels)
		}
	}
	t.Logf("%d beginnings", want)
}

// sustained measures a minute at one rate.
func sustained(t *testing.T, bridge string, recorders, rate int) {
	s := newScene(t, recorders)
	p := s.startBridge(t, bridge, t.TempDir())
	t.Logf("at rest: RSS %.1f MiB", memory(t, p.Process.Pid, "VmRSS"))
	l, w := s.warm(t, onOffTopic)
	highest := 0.0
	whole := newMeter(t, p.Process.Pid)
	for range 6 {
		m := newMeter(t, p.Process.Pid)
		n := l.send(rate, 10*time.Second)
		rss := memory(t, p.Process.Pid, "VmRSS")
		highest = max(highest, rss)
		t.Logf("%d events, the last ones sent at most %v late; %v; RSS %.1f MiB", n, l.late.Round(time.Microsecond), m.read(t, n), rss)
	}
	cost := whole.read(t, l.count())
	t.Logf("in all: %v; %v; RSS at most %.1f MiB, peak %.1f", s.judge(t, l, w), cost, highest, memory(t, p.Process.Pid, "VmHWM"))
	p.stop(t, 3*time.Second)
}

// firstEvent measures from the start of the process to the first ON, of a
// recorder that has something to tell as soon as it is listened to.
func firstEvent(t *testing.T, bridge string, known bool) {
	s := newScene(t, 1)
	dir := t.TempDir()
	if known {
		p := s.startBridge(t, bridge, dir)
		s.warm(t, onOffTopic)
		p.stop(t, 3*time.Second)
	}
	w := subscribe(t, s.broker, []string{fmt.Sprintf(onOffTopic, s.names[0], 1)})
	var all []time.Duration
	for range 10 {
		if !known {
			dir = t.TempDir()
		}
		eventually(t, 5*time.Second, "nobody reads the stream", func() bool { return s.recorders[0].Streams() == 0 })
		time.Sleep(straggler)
		w.take()
		all = append(all, s.firstOn(t, w, bridge, dir))
	}
	slices.Sort(all)
	t.Logf("median %v, at most %v, of %v", percentile(all, 0.5), all[len(all)-1], all)
}

func (s *scene) firstOn(t *testing.T, w *watcher, bridge, dir string) time.Duration {
	t.Helper()
	began := time.Now()
	p := start(t, s.env(dir), bridge)
	for time.Since(began) < 30*time.Second {
		s.recorders[0].Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
		time.Sleep(time.Millisecond)
		if on := w.firstOn(); !on.IsZero() {
			p.stop(t, 3*time.Second)
			return on.Sub(began)
		}
	}
	t.Fatalf("no event came; the program wrote:\n%s", p.output())
	return 0
}

// scene is a broker and simulated recorders.
type scene struct {
	broker    string // host:port
	recorders []*nvrtest.Recorder
	names     []string
	addresses []string // host:port
}

func newScene(t *testing.T, recorders int) *scene {
	t.Helper()
	url, _ := mosquitto(t)
	s := &scene{broker: strings.TrimPrefix(url, "mqtt://")}
	for n := range recorders {
		name := "nvr"
		if recorders > 1 {
			name = fmt.Sprintf("r%d", n)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r := nvrtest.New(nvrtest.Config{Name: name, Channels: channels})
		go r.Serve(l)
		t.Cleanup(func() { r.Close() })
		s.recorders, s.names, s.addresses = append(s.recorders, r), append(s.names, name), append(s.addresses, l.Addr().String())
	}
	return s
}

// env is the program's environment, without pictures: they would be this
// process's load.
func (s *scene) env(stateDir string) []string {
	env := []string{"HIKBRIDGE_MQTT_URL=mqtt://" + s.broker, "HIKBRIDGE_STATE_DIR=" + stateDir, "HIKBRIDGE_PICTURE_INTERVAL=off"}
	several := len(s.names) > 1
	if several {
		env = append(env, "HIKBRIDGE_NVRS="+strings.Join(s.names, ","))
	}
	for n, name := range s.names {
		prefix := "HIKBRIDGE_NVR_"
		if several {
			prefix += strings.ToUpper(name) + "_"
		}
		env = append(env, prefix+"URL=http://"+s.addresses[n], prefix+"USERNAME="+nvrtest.DefaultUsername, prefix+"PASSWORD="+nvrtest.DefaultPassword)
	}
	return env
}

// startBridge returns when the program has announced everything and listens.
func (s *scene) startBridge(t *testing.T, binary, stateDir string) *process {
	t.Helper()
	p := start(t, s.env(stateDir), binary)
	eventually(t, time.Minute, "everything is announced", func() bool {
		return strings.Count(p.output(), "recorder announced") == len(s.recorders)
	})
	eventually(t, time.Minute, "the event streams are said to be open", func() bool {
		online := 0
		for _, payload := range retained(t, "mqtt://"+s.broker, "hikbridge/+/events") {
			if payload == "online" {
				online++
			}
		}
		return online == len(s.recorders) && s.listening()
	})
	time.Sleep(settle)
	return p
}

func (s *scene) startFloor(t *testing.T, binary string) *process {
	t.Helper()
	p := start(t, []string{
		"FLOOR_BROKER=" + s.broker, "FLOOR_RECORDER=" + s.addresses[0],
		"FLOOR_USERNAME=" + nvrtest.DefaultUsername, "FLOOR_PASSWORD=" + nvrtest.DefaultPassword,
	}, binary)
	eventually(t, 10*time.Second, "the floor listens", s.listening)
	time.Sleep(settle)
	return p
}

// listening says that each recorder has its one reader.
func (s *scene) listening() bool {
	return !slices.ContainsFunc(s.recorders, func(r *nvrtest.Recorder) bool { return r.Streams() != 1 })
}

// run measures a program that is ready.
func (s *scene) run(t *testing.T, p *process, topic string, rate int, d time.Duration) figures {
	t.Helper()
	l, w := s.warm(t, topic)
	m := newMeter(t, p.Process.Pid)
	n := l.send(rate, d)
	cost := m.read(t, n)
	f := s.judge(t, l, w)
	f.cost = cost
	return f
}

// warm lets every sensor go on and off once. topic is made of the recorder's name
// and the channel.
func (s *scene) warm(t *testing.T, topic string) (*load, *watcher) {
	t.Helper()
	l := s.load(topic)
	w := subscribe(t, s.broker, l.topics())
	l.pace(500, len(l.sensors), 2*len(l.sensors))
	eventually(t, 10*time.Second, "all sensors went on and off", w.wentOff)
	time.Sleep(straggler)
	w.take()
	for _, e := range l.sensors {
		e.sent = nil
	}
	return l, w
}

// judge compares what came with what was sent, which is ON and OFF in turn.
func (s *scene) judge(t *testing.T, l *load, w *watcher) figures {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); w.count() < l.count() && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(straggler)
	came := w.take()
	var took []time.Duration
	for _, e := range l.sensors {
		got := came[e.topic]
		if len(got) != len(e.sent) {
			t.Errorf("%s: %d messages of %d alerts", e.topic, len(got), len(e.sent))
			continue
		}
		for n, a := range got {
			if a.on != (n%2 == 0) {
				t.Errorf("%s: message %d says on=%v", e.topic, n, a.on)
				break
			}
			took = append(took, a.at.Sub(e.sent[n]))
		}
	}
	if len(took) == 0 {
		t.Fatal("nothing came as it should")
	}
	slices.Sort(took)
	return figures{events: len(took), p50: percentile(took, 0.5), p99: percentile(took, 0.99), worst: took[len(took)-1]}
}

// load is motion on the sensors of a scene: some go on in turn, then off, then
// the next ones.
type load struct {
	sensors []*source
	late    time.Duration // how far the sending fell behind at most
}

// source is a channel, and the topic of its sensor.
type source struct {
	recorder *nvrtest.Recorder
	channel  int
	topic    string
	sent     []time.Time
}

// load has the recorders in turn, so that neighbours are of different ones.
func (s *scene) load(topic string) *load {
	l := &load{}
	for n := range channels {
		for i, r := range s.recorders {
			l.sensors = append(l.sensors, &source{recorder: r, channel: n + 1, topic: fmt.Sprintf(topic, s.names[i], n+1)})
		}
	}
	return l
}

func (l *load) topics() []string {
	var all []string
	for _, e := range l.sensors {
		all = append(all, e.topic)
	}
	return all
}

func (l *load) count() (events int) {
	for _, e := range l.sensors {
		events += len(e.sent)
	}
	return events
}

// send sends for a time, or a bit longer, until each sensor was on as often as
// the others. Few are on together at a low rate, as nothing may end by itself
// (5 s).
func (l *load) send(rate int, d time.Duration) (events int) {
	together := min(2*rate, len(l.sensors))
	whole := 2 * together
	if d > 2*time.Duration(len(l.sensors))*time.Second/time.Duration(rate) {
		whole = 2 * len(l.sensors)
	}
	events = whole * int(math.Ceil(d.Seconds()*float64(rate)/float64(whole)))
	l.pace(rate, together, events)
	return events
}

// pace sends by the clock: what is late is sent at once.
func (l *load) pace(rate, together, events int) {
	l.late = 0
	begin := time.Now()
	for n := range events {
		behind := time.Since(begin.Add(time.Duration(n) * time.Second / time.Duration(rate)))
		if behind < 0 {
			time.Sleep(-behind)
		}
		l.late = max(l.late, behind)
		turn, place := n/(2*together), n%(2*together)
		l.sensors[(turn*together+place%together)%len(l.sensors)].alert(place >= together)
	}
}

func (e *source) alert(over bool) {
	e.sent = append(e.sent, time.Now())
	e.recorder.Alert(nvrtest.Alert{Type: "VMD", Channel: e.channel, Inactive: over})
}

// figures are those of one run.
type figures struct {
	events          int
	p50, p99, worst time.Duration
	cost
}

func (f figures) String() string {
	return fmt.Sprintf("%d events, p50 %v, p99 %v, at most %v", f.events, f.p50.Round(time.Microsecond),
		f.p99.Round(time.Microsecond), f.worst.Round(time.Microsecond))
}

// percentile is of sorted times.
func percentile(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func medianOf[T any, V cmp.Ordered](all []T, of func(T) V) V {
	values := make([]V, len(all))
	for i, one := range all {
		values[i] = of(one)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// cost is the CPU time of a program for 10,000 events, and what it, this process
// and nobody used of the cores meanwhile.
type cost struct {
	per10000         time.Duration
	its, ours, spare float64
}

func (c cost) String() string {
	return fmt.Sprintf("CPU %v for 10,000 (%.3f cores; this process %.3f, idle %.2f)", c.per10000.Round(time.Millisecond),
		c.its, c.ours, c.spare)
}

// meter measures the cost from when it is made.
type meter struct {
	pid              int
	at               time.Time
	its, ours, spare time.Duration
}

func newMeter(t *testing.T, pid int) meter {
	t.Helper()
	return meter{pid: pid, at: time.Now(), its: cpuTime(t, pid), ours: cpuTime(t, os.Getpid()), spare: idleTime(t)}
}

func (m meter) read(t *testing.T, events int) cost {
	t.Helper()
	now := newMeter(t, m.pid)
	share := func(from, to time.Duration) float64 { return (to - from).Seconds() / now.at.Sub(m.at).Seconds() }
	return cost{
		per10000: (now.its - m.its) * 10000 / time.Duration(events),
		its:      share(m.its, now.its), ours: share(m.ours, now.ours), spare: share(m.spare, now.spare),
	}
}

// idleTime is that of all cores together.
func idleTime(t *testing.T) time.Duration {
	t.Helper()
	content, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	ticks, err := strconv.Atoi(strings.Fields(string(content))[4])
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// watcher is a subscriber that notes when which message came, and does nothing
// else that costs time. Retained messages are those of earlier runs.
type watcher struct {
	conn net.Conn
	in   *bufio.Reader

	mu   sync.Mutex
	came map[string][]arrival
	n    int // arrivals
}

type arrival struct {
	at time.Time
	on bool
}

// subscribe returns when the broker has taken the topics, at QoS 0.
func subscribe(t *testing.T, broker string, topics []string) *watcher {
	t.Helper()
	conn, err := net.Dial("tcp", broker)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w := &watcher{conn: conn, in: bufio.NewReaderSize(conn, 256<<10), came: map[string][]arrival{}}
	body := []byte{0, 1}
	for _, topic := range topics {
		w.came[topic] = nil
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(topic))), topic...)
		body = append(body, 0)
	}
	hello := append([]byte{0x10, 12}, "\x00\x04MQTT\x04\x02\x00\x00\x00\x00"...) // clean session, no keep-alive, no name
	conn.Write(append(append(hello, 0x82), append(binary.AppendUvarint(nil, uint64(len(body))), body...)...))
	for _, want := range []byte{0x20, 0x90} { // CONNACK, SUBACK
		kind, _, err := w.packet()
		if err != nil || kind != want {
			t.Fatalf("subscribe: packet %x, %v", kind, err)
		}
	}
	go w.read()
	return w
}

// packet reads one packet of the broker.
func (w *watcher) packet() (kind byte, body []byte, err error) {
	if kind, err = w.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	size, err := binary.ReadUvarint(w.in) // written as in MQTT
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, size)
	_, err = io.ReadFull(w.in, body)
	return kind, body, err
}

func (w *watcher) read() {
	for {
		kind, body, err := w.packet()
		if err != nil {
			return
		}
		if kind != 0x30 { // PUBLISH, QoS 0, not retained
			continue
		}
		at, size := time.Now(), 2+int(binary.BigEndian.Uint16(body))
		w.mu.Lock()
		if all, ok := w.came[string(body[2:size])]; ok {
			w.came[string(body[2:size])] = append(all, arrival{at, string(body[size:]) == "ON"})
			w.n++
		}
		w.mu.Unlock()
	}
}

func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// take gives what came since the last call.
func (w *watcher) take() map[string][]arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	came := w.came
	w.came, w.n = map[string][]arrival{}, 0
	for topic := range came {
		w.came[topic] = nil
	}
	return came
}

// wentOff says that all sensors went on and then off.
func (w *watcher) wentOff() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range w.came {
		if n := len(all); n < 2 || !all[n-2].on || all[n-1].on {
			return false
		}
	}
	return true
}

// firstOn is when something went on; zero is not yet.
func (w *watcher) firstOn() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range w.came {
		for _, a := range all {
			if a.on {
				return a.at
			}
		}
	}
	return time.Time{}
}
