//go:build process && linux

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hikbridge/bridge/bridgetest"
	"hikbridge/mqtt"
	"hikbridge/nvr/nvrtest"
)

const (
	// offDelay is after how long Home Assistant lets *safe* end by itself.
	offDelay = 9 * time.Second
	// goingDown is how long a recorder is watched before it is asked once more.
	goingDown = 90 * time.Second
	// proofTakes is the least time of a proof: dwell and settle.
	proofTakes = 45 * time.Second
)

// homeSetup is what is special about a home.
type homeSetup struct {
	binary, broker string
	name           string // base topic, other than those of all homes at the broker
	noPlug         bool
	cut            string // "": never
	countdown      time.Duration
}

// home is a simulated recorder in a network of its own, a simulated plug that feeds
// it, and the built bridge between them and a broker, as a process.
type home struct {
	*view
	t *testing.T
	homeSetup
	net      *netns
	recorder *nvrtest.Recorder
	door     *door
	plug     *bridgetest.Plug // nil: none
	state    string
	env      []string
	bridge   *process
	presses  int
}

// newHome makes a home whose bridge doesn't run yet.
func newHome(t *testing.T, s homeSetup) *home {
	t.Helper()
	h := &home{t: t, homeSetup: s, net: newNetns(t), state: t.TempDir(), view: newView(t, s.broker, s.name)}
	h.recorder = nvrtest.New(nvrtest.Config{
		Name: s.name, Channels: 2, Watts: nvrtest.Watts{Halted: 0.4}, Boot: nvrtest.Boot{Down: 5 * time.Second, Silent: true},
		Halt: nvrtest.Halt{Manner: nvrtest.Manner{After: 3 * time.Second, Flush: 3 * time.Second}},
	})
	h.door = &door{Listener: h.net.listen(t, 80)}
	go h.recorder.Serve(h.door)
	t.Cleanup(func() { h.recorder.Close() })
	h.follow()
	if s.countdown == 0 {
		s.countdown = time.Second
	}
	h.env = []string{
		"HIKBRIDGE_NVR_URL=http://" + h.net.address, "HIKBRIDGE_NVR_USERNAME=admin", "HIKBRIDGE_NVR_PASSWORD=" + nvrtest.DefaultPassword,
		"HIKBRIDGE_MQTT_URL=" + s.broker, "HIKBRIDGE_TOPIC=" + s.name, "HIKBRIDGE_STATE_DIR=" + h.state,
		"HIKBRIDGE_NVR_COUNTDOWN=" + s.countdown.String(),
	}
	if !s.noPlug {
		h.addPlug()
	}
	return h
}

func (h *home) addPlug() {
	broker, err := url.Parse(h.broker)
	if err != nil {
		h.t.Fatal(err)
	}
	h.plug = bridgetest.NewPlug(new(net.Dialer).DialContext, bridgetest.PlugConfig{
		Preset: bridgetest.Tasmota, Topic: h.name + "_plug", Meter: true, Every: time.Second,
		Load: h.recorder.Watts, OnSwitch: h.feed, Addr: broker.Host,
	})
	h.t.Cleanup(h.plug.Close)
	h.env = append(h.env, "HIKBRIDGE_NVR_PLUG=tasmota:"+h.name+"_plug")
	if h.cut != "" {
		h.env = append(h.env, "HIKBRIDGE_NVR_CUT="+h.cut)
	}
}

// feed is what the plug, or a person, does to the recorder.
func (h *home) feed(on bool) {
	if on {
		h.recorder.RestorePower()
		return
	}
	h.recorder.CutPower()
}

// follow takes the cable out while the recorder's network is down: a kernel would
// answer for it.
func (h *home) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() {
		in := true
		for ctx.Err() == nil {
			if up := h.recorder.Power() == nvrtest.PowerRunning; up != in {
				if err := h.net.plug(up); err != nil {
					h.t.Error(err)
				}
				in = up
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	h.t.Cleanup(func() { cancel(); following.Wait() })
}

// start runs the bridge until it knows of a running recorder, and has the readings
// of it that a proof is based on.
func (h *home) start() {
	h.t.Helper()
	h.run()
	eventually(h.t, 30*time.Second, "it is ready", h.ready)
}

// ready says whether a recorder has been known to run for so long that there are
// readings of it.
func (h *home) ready() bool {
	for _, m := range h.heard() {
		if m.topic == "nvr/power_state" && m.payload == "running" {
			return time.Since(m.at) > 8*time.Second
		}
	}
	return false
}

func (h *home) run() {
	h.t.Helper()
	h.bridge = start(h.t, h.env, h.binary)
}

// kill ends the bridge as a power failure does.
func (h *home) kill() {
	h.bridge.Process.Kill()
	<-h.bridge.done
}

// press is a button in Home Assistant, by its owner.
func (h *home) press(action string, force ...string) string {
	h.t.Helper()
	h.presses++
	id := fmt.Sprintf("press-%d", h.presses)
	payload, _ := json.Marshal(map[string]any{"id": id, "at": time.Now().Unix(), "by": "owner", "force": append([]string{}, force...)})
	m := mqtt.Message{Class: mqtt.Event, Topic: h.name + "/command/nvr/" + action, Payload: payload}
	eventually(h.t, 20*time.Second, "the broker takes "+action, func() bool { return h.client.Now(m, nil) == nil })
	return id
}

// reaches waits for a power state that is told from now on, or holds.
func (h *home) reaches(state string, within time.Duration) {
	h.t.Helper()
	h.reachesOne(within, state)
}

// reachesOne waits for one of some states.
func (h *home) reachesOne(within time.Duration, states ...string) string {
	h.t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		if s := h.value("power_state"); slices.Contains(states, s) && h.online() {
			return s
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("not %s after %v%s", strings.Join(states, " or "), within, h.tale())
		}
	}
}

// tale is what a failure is understood by.
func (h *home) tale() string {
	lines := strings.Split(h.bridge.output(), "\n")
	return fmt.Sprintf("\nstates: %s\nstatus: %s\nresults: %s\n%s", h.states(), h.value("status"), h.results(),
		strings.Join(lines[max(0, len(lines)-30):], "\n"))
}

// safeAfterShutdown shuts the recorder down until Home Assistant shows that power
// may be cut.
func (h *home) safeAfterShutdown() {
	h.t.Helper()
	id := h.press("shutdown", "right", "often")
	h.reaches("safe", 3*time.Minute)
	eventually(h.t, 10*time.Second, "safe is shown", h.safe)
	if h.verdictOn(id, "accepted").Type == "" {
		h.t.Errorf("results: %s", h.results())
	}
}

func (h *home) journal() string { return filepath.Join(h.state, "power-nvr.journal") }

func (h *home) outageJournal() string { return filepath.Join(h.state, "outage.journal") }

// puts counts the requests to shut down or to restart that arrived.
func (h *home) puts() int { return len(h.requested()) }

// putSince is how long after a moment the first of them arrived.
func (h *home) putSince(t time.Time) time.Duration {
	for _, at := range h.requested() {
		if at.After(t) {
			return at.Sub(t)
		}
	}
	return 0
}

func (h *home) requested() (all []time.Time) {
	for _, q := range h.recorder.Requests() {
		power := strings.Contains(q.Path, "System/shutdown") || strings.Contains(q.Path, "System/reboot")
		if q.Method == "PUT" && q.Credentials && q.Status != 401 && power {
			all = append(all, q.At)
		}
	}
	return all
}

// check looks at what must hold whatever happened.
func (h *home) check() {
	h.t.Helper()
	for _, s := range h.recorder.Stops() {
		if !s.Clean {
			h.t.Errorf("the recorder's power was cut at %v while its disks ran%s", s.At, h.tale())
		}
	}
	if n := h.puts(); n > 2 {
		h.t.Errorf("%d requests to shut down%s", n, h.tale())
	}
	if counted, rejected := len(h.recorder.Counted()), h.recorder.MaxRejectedIn(35*time.Minute); counted > 0 || rejected > 2 {
		h.t.Errorf("sign-ins: %d failed, %d rejected", counted, rejected) // a nonce from before a boot is rejected
	}
	if h.plug != nil {
		for _, c := range slices.Concat(h.plug.Offs(), h.plug.Ons()) {
			if c.Retained {
				h.t.Error("a retained command to the plug")
			}
		}
	}
	for _, m := range h.heard() {
		if m.topic == "nvr/"+topicSafe && m.payload == "ON" && m.retained {
			h.t.Error("safe is retained")
		}
	}
	if strings.Contains(h.bridge.output(), nvrtest.DefaultPassword) {
		h.t.Error("the password is in the log")
	}
}

// door is a port that notes when somebody came.
type door struct {
	net.Listener
	mu   sync.Mutex
	came []time.Time
}

func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err == nil {
		d.mu.Lock()
		d.came = append(d.came, time.Now())
		d.mu.Unlock()
	}
	return c, err
}

// since is when somebody came first after a moment; zero: nobody did.
func (d *door) since(t time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, at := range d.came {
		if at.After(t) {
			return at
		}
	}
	return time.Time{}
}

const topicSafe = "safe_to_cut_power"

// view is what Home Assistant hears of a bridge.
type view struct {
	client *mqtt.Client
	mu     sync.Mutex
	all    []heard
	latest map[string]string
}

// heard is one message, its topic below the bridge's base topic.
type heard struct {
	at             time.Time
	topic, payload string
	retained       bool
}

func newView(t *testing.T, broker, base string) *view {
	t.Helper()
	v := &view{latest: map[string]string{}}
	client, err := mqtt.New(mqtt.Config{
		URL: broker, ClientID: "view-of-" + base, Subscribe: []string{base + "/nvr/#", base + "/bridge/#", base + "/site/#"},
		Arrived: func(m mqtt.Incoming) bool {
			v.hear(heard{time.Now(), strings.TrimPrefix(m.Topic, base+"/"), string(m.Payload), m.Retained})
			return true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	v.client = client
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { client.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	eventually(t, 20*time.Second, "the broker takes the view", func() bool { return client.Stats().Connected })
	return v
}

func (v *view) hear(m heard) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, m)
	v.latest[m.topic] = m.payload
}

func (v *view) heard() []heard {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.all)
}

// value is the latest of one of the recorder's topics.
func (v *view) value(key string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.latest["nvr/"+key]
}

// online says whether the bridge is there.
func (v *view) online() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.latest["bridge/availability"] == "online"
}

// safe says whether Home Assistant shows that power may be cut: it was told so
// less than 9 s ago, not otherwise since, and the bridge is there.
func (v *view) safe() bool {
	safe, since := false, time.Time{}
	for _, m := range v.heard() {
		if m.topic == "nvr/"+topicSafe {
			safe, since = m.payload == "ON", m.at
		}
	}
	return safe && time.Since(since) < offDelay && v.online()
}

// said is when a payload was first told of safe after a moment; zero: it wasn't.
func (v *view) said(payload string, after time.Time) time.Time {
	for _, m := range v.heard() {
		if m.topic == "nvr/"+topicSafe && m.payload == payload && m.at.After(after) {
			return m.at
		}
	}
	return time.Time{}
}

// states are the power states that were told, in order.
func (v *view) states() string {
	var all []string
	for _, m := range v.heard() {
		if m.topic == "nvr/power_state" && (len(all) == 0 || all[len(all)-1] != m.payload) {
			all = append(all, m.payload)
		}
	}
	return strings.Join(all, " ")
}

// verdict is one message on the topic of results.
type verdict struct {
	at      time.Time
	Type    string `json:"event_type"`
	ID      string
	Action  string
	Reason  string
	Message string
}

func (v *view) verdicts() (all []verdict) {
	for _, m := range v.heard() {
		if m.topic == "nvr/result" || m.topic == "site/result" {
			r := verdict{at: m.at}
			if err := json.Unmarshal([]byte(m.payload), &r); err != nil {
				r.Type = err.Error()
			}
			all = append(all, r)
		}
	}
	return all
}

// verdictOn is what was told of a command; zero if nothing was.
func (v *view) verdictOn(id, kind string) verdict {
	for _, r := range v.verdicts() {
		if r.ID == id && r.Type == kind {
			return r
		}
	}
	return verdict{}
}

func (v *view) results() string {
	var all []string
	for _, r := range v.verdicts() {
		all = append(all, strings.TrimSuffix(r.Action+":"+r.Type+":"+r.Reason, ":"))
	}
	return strings.Join(all, " ")
}
