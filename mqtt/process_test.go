//go:build process || measure

package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hikbridge/mqtt"
)

// mosquitto is a real broker on a port of the kernel's choice.
type mosquitto struct {
	t    *testing.T
	port int
	conf string
	cmd  *exec.Cmd
}

// startMosquitto starts a broker with lines of configuration beside its listener.
func startMosquitto(t *testing.T, lines ...string) *mosquitto {
	t.Helper()
	if _, err := exec.LookPath("mosquitto"); err != nil {
		t.Skip("no mosquitto binary in PATH: install the distribution's mosquitto package to run this test")
	}
	m := &mosquitto{t: t, port: freePort(t), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	conf := append([]string{fmt.Sprintf("listener %d 127.0.0.1", m.port), "persistence false", "user root"}, lines...)
	if err := os.WriteFile(m.conf, []byte(strings.Join(conf, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.kill() })
	m.start()
	return m
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start returns when the broker accepts connections.
func (m *mosquitto) start() {
	m.t.Helper()
	m.cmd = exec.Command("mosquitto", "-c", m.conf)
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	within(m.t, 10*time.Second, "the broker accepts connections", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", m.port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func (m *mosquitto) kill() {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
	m.cmd = nil
}

func (m *mosquitto) signal(sig os.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(sig); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mosquitto) config(id string) mqtt.Config {
	return mqtt.Config{URL: fmt.Sprintf("mqtt://127.0.0.1:%d", m.port), ClientID: id}
}

// retained asks the broker for what it holds.
func (m *mosquitto) retained() map[string]string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	messages, err := mqtt.Retained(ctx, m.config("looker"), []string{"test/#"})
	if err != nil {
		m.t.Fatal(err)
	}
	got := make(map[string]string)
	for _, msg := range messages {
		got[msg.Topic] = string(msg.Payload)
	}
	return got
}

// within waits in real time for a condition.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (m *mosquitto) checkStates(n int, payload string) {
	m.t.Helper()
	got := m.retained()
	for i := range n {
		if topic := fmt.Sprintf("test/s/%d", i); got[topic] != payload {
			m.t.Fatalf("%s is %q, want %q", topic, got[topic], payload)
		}
	}
}

func (r *running) states(n int, payload string) {
	for i := range n {
		r.state(fmt.Sprintf("test/s/%d", i), payload)
	}
}

// replayed checks that the replay follows the connection in time.
func (r *running) replayed(wait time.Duration) {
	r.t.Helper()
	connected := r.expect(mqtt.Connected, wait)
	replayed := r.expect(mqtt.Replayed, 5*time.Second)
	if d := replayed.At.Sub(connected.At); d > time.Second {
		r.t.Errorf("replay took %v", d)
	}
}

func TestMosquittoKilledAndRestarted(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true")
	cfg := m.config("bridge")
	cfg.Goodbye = []mqtt.Message{retainedMessage(mqtt.Availability, "test/availability", "offline")}
	r := run(t, newClient(t, cfg))
	r.states(100, "before")
	r.replayed(5 * time.Second)
	for round := range 3 {
		m.kill()
		r.expect(mqtt.Lost, 5*time.Second)
		want := fmt.Sprintf("round %d", round)
		r.states(100, want)
		m.start()
		r.replayed(6 * time.Second)
		m.checkStates(100, want)
	}
	if err := r.finish(); err != nil {
		t.Error(err)
	}
	if got := m.retained()["test/availability"]; got != "offline" {
		t.Errorf("after the goodbye: %q", got)
	}
}

func TestMosquittoFrozen(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true")
	r := run(t, newClient(t, m.config("bridge")))
	r.states(100, "before")
	r.replayed(5 * time.Second)
	m.signal(syscall.SIGSTOP)
	r.states(100, "frozen")
	if change := r.expect(mqtt.Lost, 15*time.Second); !errors.Is(change.Err, mqtt.ErrNoAnswer) {
		t.Errorf("lost with %v", change.Err)
	}
	r.expect(mqtt.Unreachable, 10*time.Second) // accepts TCP, answers nothing
	r.states(100, "after")
	m.signal(syscall.SIGCONT)
	r.replayed(6 * time.Second)
	m.checkStates(100, "after")

	m.signal(syscall.SIGSTOP)
	begin := time.Now()
	_ = r.finish()
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("stop took %v", d)
	}
	m.signal(syscall.SIGCONT)
}

func TestMosquittoWrongPassword(t *testing.T) {
	if _, err := exec.LookPath("mosquitto_passwd"); err != nil {
		t.Skip("no mosquitto_passwd binary in PATH: install the distribution's mosquitto package to run this test")
	}
	passwords := filepath.Join(t.TempDir(), "passwords")
	if out, err := exec.Command("mosquitto_passwd", "-b", "-c", passwords, "user", canary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m := startMosquitto(t, "allow_anonymous false", "password_file "+passwords)
	cfg := m.config("bridge")
	cfg.Username, cfg.Password = "user", "wrong"+canary
	r := run(t, newClient(t, cfg))
	change := r.expect(mqtt.Refused, 5*time.Second)
	if !strings.Contains(change.Err.Error(), "user name or password") || strings.Contains(change.Err.Error(), canary) {
		t.Errorf("told %v", change.Err)
	}
	if err := r.finish(); err != nil {
		t.Error(err)
	}
	cfg.Password = canary
	r = run(t, newClient(t, cfg))
	r.expect(mqtt.Connected, 5*time.Second)
}

func TestMosquittoMaxPacketSize(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true", "max_packet_size 10000")
	c := newClient(t, m.config("bridge"))
	for i := range 50 {
		size := 4500
		if i == 20 {
			size = 12_000
		}
		c.Publish(retainedMessage(mqtt.Document, fmt.Sprintf("test/doc/%d", i), text(size)))
	}
	r := run(t, c)
	r.states(100, "v")
	if change := r.expect(mqtt.Withheld, 10*time.Second); change.Topic != "test/doc/20" {
		t.Errorf("withheld %q", change.Topic)
	}
	r.replayed(6 * time.Second)
	m.checkStates(100, "v")
	if got := m.retained(); len(got) != 149 {
		t.Errorf("%d topics at the broker", len(got))
	}
	for r.Stats().Withheld < 2 { // pictures end two connections, and no more
		before := r.Stats().Connections
		r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "test/picture", Payload: []byte(text(200_000))})
		within(t, 10*time.Second, "picture ends a connection or is withheld", func() bool {
			s := r.Stats()
			return s.Connected && s.Connections > before || s.Withheld > 1
		})
	}
	r.state("test/s/0", "still there")
	within(t, 10*time.Second, "state", func() bool { return m.retained()["test/s/0"] == "still there" })
}

func TestMosquittoWebSocket(t *testing.T) {
	port := freePort(t)
	m := startMosquitto(t, "allow_anonymous true", fmt.Sprintf("listener %d 127.0.0.1", port), "protocol websockets")
	cfg := m.config("bridge")
	cfg.URL = fmt.Sprintf("ws://127.0.0.1:%d/mqtt", port)
	cfg.Subscribe = []string{"test/in"}
	r := run(t, newClient(t, cfg))
	r.states(100, "v")
	r.Publish(retainedMessage(mqtt.Document, "test/doc", text(100_000)))
	r.replayed(5 * time.Second)
	m.checkStates(100, "v")
	within(t, 5*time.Second, "document", func() bool { return len(m.retained()["test/doc"]) == 100_000 })
	r.Publish(mqtt.Message{Class: mqtt.Event, Topic: "test/in", Payload: []byte(text(70_000))})
	select {
	case in := <-r.Inbox():
		if len(in.Payload) != 70_000 {
			t.Errorf("%d bytes came", len(in.Payload))
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing came")
	}
	if err := r.finish(); err != nil {
		t.Error(err)
	}
}

func TestMosquittoSubscriptionAndCleanup(t *testing.T) {
	acl := filepath.Join(t.TempDir(), "acl")
	if err := os.WriteFile(acl, []byte("topic readwrite test/#\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := startMosquitto(t, "allow_anonymous true", "acl_file "+acl)
	cfg := m.config("bridge")
	cfg.Subscribe = []string{"test/command/#"}
	t.Setenv("ALL_PROXY", "socks5://127.0.0.1:1") // proxies are never used
	t.Setenv("all_proxy", "socks5://127.0.0.1:1")
	r := run(t, newClient(t, cfg))
	r.states(300, "v")
	r.replayed(5 * time.Second)
	r.Publish(mqtt.Message{Class: mqtt.Event, Topic: "test/command/x", Payload: []byte("go")})
	select {
	case in := <-r.Inbox():
		if in.Topic != "test/command/x" || in.Retained {
			t.Errorf("got %+v", in)
		}
	case <-time.After(5 * time.Second):
		t.Error("no command")
	}
	if err := r.finish(); err != nil {
		t.Error(err)
	}
	var topics []string
	for topic := range m.retained() {
		topics = append(topics, topic)
	}
	if len(topics) != 300 {
		t.Fatalf("%d topics", len(topics))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := mqtt.Clear(ctx, m.config("cleaner"), topics); err != nil {
		t.Fatal(err)
	}
	if got := m.retained(); len(got) != 0 {
		t.Errorf("%d topics left", len(got))
	}
}

// watch returns the payloads that come to a topic from now on.
func (m *mosquitto) watch(topic string) func() []string {
	m.t.Helper()
	var a arrivals
	cfg := m.config("watcher of " + topic)
	cfg.Subscribe = []string{topic}
	cfg.Arrived = func(in mqtt.Incoming) bool { a.take(in); return true }
	w := run(m.t, newClient(m.t, cfg))
	w.expect(mqtt.Replayed, 5*time.Second)
	return func() []string { return a.payloads(topic) }
}

func TestMosquittoGetsNothingLate(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true")
	safe, plug := m.watch("test/safe"), m.watch("test/plug")
	on := mqtt.Message{Class: mqtt.State, Topic: "test/safe", Payload: []byte("ON")}
	off := mqtt.Message{Class: mqtt.Answer, Topic: "test/plug", Payload: []byte("OFF")}
	r := run(t, newClient(t, m.config("bridge")))
	r.Publish(retainedMessage(mqtt.Revoke, on.Topic, "1"))
	r.replayed(5 * time.Second)
	for _, msg := range []mqtt.Message{on, off} {
		if err := r.Now(msg, always); err != nil {
			t.Errorf("%s: %v", msg.Topic, err)
		}
	}
	within(t, 5*time.Second, "both come", func() bool { return len(safe()) == 2 && len(plug()) == 1 })

	m.signal(syscall.SIGSTOP)
	for _, msg := range []mqtt.Message{on, off} {
		if err := r.Now(msg, always); !errors.Is(err, mqtt.ErrStalled) {
			t.Errorf("%s of a broker that stands still: %v", msg.Topic, err)
		}
	}
	r.Publish(retainedMessage(mqtt.Revoke, on.Topic, "2"))
	if err := r.Now(on, always); !errors.Is(err, mqtt.ErrWithdrawn) {
		t.Errorf("behind a revocation: %v", err)
	}
	for range 16 { // until the kernel takes no more
		r.Publish(mqtt.Message{Class: mqtt.Picture, Topic: "test/picture", Payload: make([]byte, 1_900_000)})
	}
	time.Sleep(time.Second)
	if err := r.Now(off, nil); !errors.Is(err, mqtt.ErrStalled) {
		t.Errorf("over a connection that is full: %v", err)
	}
	r.expect(mqtt.Lost, 15*time.Second)
	m.signal(syscall.SIGCONT)
	r.replayed(10 * time.Second)
	if err := r.Now(off, always); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	within(t, 5*time.Second, "the last one comes", func() bool { return len(plug()) == 2 })
	if got := safe(); count(got, "ON") != 1 || got[len(got)-1] != "2" {
		t.Errorf("came: %q", got)
	}
}

// TestMosquittoLargeSite replays what 64 recorders with 32 channels have.
func TestMosquittoLargeSite(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true")
	c := newClient(t, m.config("bridge"))
	document := text(8000)
	for i := range 2100 {
		c.Publish(retainedMessage(mqtt.Document, fmt.Sprintf("test/doc/%d", i), document+fmt.Sprint(i)))
	}
	for i := range 60_000 {
		c.Publish(retainedMessage(mqtt.State, fmt.Sprintf("test/nvr/ch/%d/value", i), "off"))
	}
	r := run(t, c)
	connected := r.expect(mqtt.Connected, 5*time.Second)
	replayed := r.expect(mqtt.Replayed, 60*time.Second)
	t.Logf("62,100 topics in %v", replayed.At.Sub(connected.At))
	begin := time.Now()
	if err := r.finish(); err != nil || time.Since(begin) > 2*time.Second {
		t.Errorf("stopped with %v after %v", err, time.Since(begin))
	}
}
