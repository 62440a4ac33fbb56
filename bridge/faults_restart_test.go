package bridge_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/journal"
	"hikbridge/nvr/nvrtest"
)

// life is that of a process: once it is over, nothing more leaves by any
// connection, and nothing is written to the journal.
type life struct {
	mu   sync.Mutex
	over bool
	gone chan struct{} // closed when it is over
}

func (l *life) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.over = true
		close(l.gone)
	}
}

func (l *life) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

func (l *life) dial(to bridge.DialFunc) bridge.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if l.ended() {
			return nil, net.ErrClosed
		}
		conn, err := to(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return mortalConn{conn, l}, nil
	}
}

type mortalConn struct {
	net.Conn
	life *life
}

func (c mortalConn) Write(b []byte) (int, error) {
	if c.life.ended() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// mortal is a home whose bridge can end as by SIGKILL: state directory and broker
// stay as they are at that moment, and the broker publishes the will.
type mortal struct {
	*home
	life      *life
	broker0   bridge.DialFunc
	recorder0 bridge.DialFunc

	hooks  sync.Mutex                             // guards what follows; the keeper runs already when it is set
	dieAt  func(record string, durable bool) bool // of each record, before and after it is written; or nil
	writes func(write func() error) error         // how the disk fares; nil: well
}

func newMortal(t *testing.T, s homeSetup) *mortal {
	t.Helper()
	m := &mortal{}
	made := s.made
	s.made = func(b *bridge.Bridge) {
		b.AroundJournal("garage", m.journal)
		if made != nil {
			made(b)
		}
	}
	newHomeAs(t, s, func(h *home) {
		m.home = h
		m.broker0, m.recorder0 = h.config.Broker.Dial, h.config.Recorders[0].Dial
		m.isBorn()
	})
	return m
}

func (m *mortal) isBorn() {
	m.life = &life{gone: make(chan struct{})}
	m.config.Broker.Dial, m.config.Recorders[0].Dial = m.life.dial(m.broker0), m.life.dial(m.recorder0)
}

// journal ends the keeper's goroutine where the process dies.
func (m *mortal) journal(record []byte, write func([]byte) error) error {
	if m.life.ended() {
		runtime.Goexit()
	}
	m.hooks.Lock()
	dieAt, writes := m.dieAt, m.writes
	m.hooks.Unlock()
	if dieAt != nil && dieAt(string(record), false) {
		m.life.end()
		runtime.Goexit()
	}
	writing := func() error { return write(record) }
	var err error
	if writes != nil {
		err = writes(writing)
	} else {
		err = writing()
	}
	if dieAt != nil && dieAt(string(record), true) {
		m.life.end()
		runtime.Goexit()
	}
	return err
}

// diesAt says when the process is to end.
func (m *mortal) diesAt(at func(record string, durable bool) bool) {
	m.hooks.Lock()
	defer m.hooks.Unlock()
	m.dieAt = at
}

// disk says how the disk fares.
func (m *mortal) disk(writes func(write func() error) error) {
	m.hooks.Lock()
	defer m.hooks.Unlock()
	m.writes = writes
}

// kill is SIGKILL.
func (m *mortal) kill() {
	m.life.end()
	m.bury()
}

// bury lets the broker notice the death.
func (m *mortal) bury() {
	m.diesAt(nil)
	m.broker.Cut("hikbridge")
	m.stop()
}

// dies waits for the death that dieAt brings.
func (m *mortal) dies(within time.Duration) {
	m.t.Helper()
	select {
	case <-m.life.gone:
	case <-time.After(within):
		m.t.Fatalf("it didn't come to that; states: %s; results: %s\n%s", m.states(), m.results("garage"), m.tail())
	}
	m.bury()
}

func (m *mortal) restart() {
	m.t.Helper()
	m.isBorn()
	m.start()
}

// after is a point before or behind a record.
func after(durable bool, what string) func(string, bool) bool {
	return func(record string, written bool) bool { return written == durable && strings.Contains(record, what) }
}

// requests counts the requests to shut down that weren't sent back to sign in.
func (h *home) requests() int {
	n := 0
	for _, q := range h.puts() {
		if q.Status != 401 {
			n++
		}
	}
	return n
}

// unharmed checks what must hold whatever happened: the recorder's power was never
// cut while its disks were written, and safe was said only while it was down.
func (h *home) unharmed() {
	h.t.Helper()
	stops := h.recorder.Stops()
	for _, s := range stops {
		if !s.Clean {
			h.t.Errorf("power was cut under a running recorder at %v", s.At)
		}
	}
	for _, at := range h.said() {
		down := false
		for _, s := range stops {
			down = down || at.After(s.At) && (s.Back.IsZero() || at.Before(s.Back))
		}
		if !down {
			h.t.Errorf("safe was said at %v; stops: %+v", at, stops)
		}
	}
}

// wants checks how often the recorder was asked and the plug switched off.
func (h *home) wants(results string, puts, offs int) {
	h.t.Helper()
	if got := h.results("garage"); got != results {
		h.t.Errorf("results: %s, want %s", got, results)
	}
	if got := h.requests(); got != puts {
		h.t.Errorf("%d requests to shut down, want %d", got, puts)
	}
	if h.plug == nil {
		return
	}
	if got := len(h.plug.Offs()); got != offs {
		h.t.Errorf("%d OFFs, want %d", got, offs)
	}
}

// firstIsOff checks that the first message of the last connection takes safe back.
func (h *home) firstIsOff() {
	h.t.Helper()
	first := ""
	for _, p := range h.broker.Log() {
		switch {
		case p.Client != "hikbridge" || p.Sent:
		case p.Packet == "CONNECT":
			first = ""
		case p.Packet == "PUBLISH" && first == "":
			first = p.Topic + " " + string(p.Payload)
		}
	}
	if first != "hikbridge/garage/safe_to_cut_power OFF" {
		h.t.Errorf("the first message of its connection is %q", first)
	}
}

func TestAKillAtAnyPointOfAPowerCycleEndsTheSameOrSafer(t *testing.T) {
	unanswered := homeSetup{recorder: nvrtest.Config{Halt: nvrtest.Halt{Manner: nvrtest.Manner{Lost: true}},
		Boot: nvrtest.Boot{Down: 40 * time.Second, Silent: true, Errors: 15 * time.Second}}}
	rows := []struct {
		name    string
		setup   homeSetup
		dieAt   func(record string, durable bool) bool
		when    func(*mortal) // or: waits for the moment
		away    time.Duration // until it starts again
		dead    func(*mortal) // what happens then; nil: nothing
		reaches string        // at last
		results string
		puts    int
		offs    int
	}{
		{name: "before the intent is durable", dieAt: after(false, "intent: shutdown"), away: 5 * time.Second,
			reaches: "running", results: "accepted failed:restart"},
		{name: "after the intent, before the request leaves", dieAt: after(true, "intent: shutdown"), away: 5 * time.Second,
			reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
		{name: "the same, and started six hours later", dieAt: after(true, "intent: shutdown"), away: 6 * time.Hour,
			reaches: "running", results: "accepted failed:restart"},
		{name: "after the request, before its answer", setup: unanswered, when: func(m *mortal) {
			for m.requests() == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(time.Second)
		}, away: 5 * time.Second, reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
		{name: "confirming", when: func(m *mortal) {
			m.reaches("confirming", time.Minute)
			time.Sleep(30 * time.Second)
		}, away: 20 * time.Second, reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
		{name: "safe, before its record", dieAt: after(false, "safe: power proof"), away: 20 * time.Second,
			reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
		{name: "safe is recorded", dieAt: after(true, "safe: power proof"), away: 20 * time.Second,
			reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
		{name: "after the cut's intent, before OFF", dieAt: after(true, "intent: cut"), away: 20 * time.Second,
			reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
		{name: "between OFF and its record", when: func(m *mortal) {
			for len(m.plug.Offs()) == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}, away: 20 * time.Second, reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
		{name: "off", when: func(m *mortal) { m.reaches("off", 10*time.Minute) }, away: time.Hour,
			reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
		{name: "off, and the plug's default brings it back", when: func(m *mortal) { m.reaches("off", 10*time.Minute) }, away: time.Hour,
			dead: func(m *mortal) { m.plug.SwitchByHand(true) }, reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
		{name: "booting", when: func(m *mortal) { m.reaches("booting", 10*time.Minute) }, away: 20 * time.Second,
			reaches: "running", results: "accepted done:normal", puts: 1, offs: 1},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMortal(t, row.setup)
				m.diesAt(row.dieAt)
				m.press("power_cycle", "right", "often")
				if row.dieAt != nil {
					m.dies(15 * time.Minute)
				} else {
					row.when(m)
					m.kill()
				}
				if got := m.value("hikbridge/bridge/availability"); got != "offline" {
					t.Errorf("after the kill the bridge is %s", got)
				}
				if row.dead != nil {
					row.dead(m)
				}
				said := len(m.said())
				time.Sleep(row.away)
				if len(m.said()) != said {
					t.Error("safe was said by the dead")
				}
				m.restart()
				time.Sleep(5 * time.Second)
				m.firstIsOff()
				time.Sleep(12 * time.Minute)
				if got := m.state(); got != row.reaches {
					t.Errorf("%s; states: %s\n%s", got, m.states(), m.tail())
				}
				m.wants(row.results, row.puts, row.offs)
				m.unharmed()
				if m.recorder.Power() != nvrtest.PowerRunning {
					t.Errorf("the recorder: %v", m.recorder.Power())
				}
			})
		})
	}
}

func TestAKillWhilePresumedOffRaisesNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMortal(t, homeSetup{noPlug: true})
		m.press("shutdown", "right")
		m.reaches("presumed_off", 6*time.Minute)
		m.kill()
		time.Sleep(time.Minute)
		m.restart()
		time.Sleep(5 * time.Second)
		m.firstIsOff()
		m.reaches("presumed_off", 6*time.Minute)
		time.Sleep(time.Hour)
		m.expect("an hour later", map[string]string{"hikbridge/garage/power_state": "presumed_off", "hikbridge/garage/needs_attention": "OFF"})
		m.wants("accepted done:presumed_off", 1, 0)
		if n := len(m.said()); n > 0 {
			t.Errorf("safe was said %d times", n)
		}
	})
}

// safely is a home whose bridge reads the plug and never switches it off: Home
// Assistant does, when it is told that it may.
func safely(p *bridge.PowerConfig) { p.Cut = "never" }

func TestAKillInSafeEndsSafeUntilItIsProvenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMortal(t, homeSetup{power: safely})
		m.press("shutdown", "right")
		m.reaches("safe", 6*time.Minute)
		time.Sleep(30 * time.Second)
		m.kill()
		killed := time.Now()
		m.expect("after the kill", map[string]string{"hikbridge/bridge/availability": "offline", "hikbridge/garage/safe_to_cut_power": "OFF"})
		time.Sleep(time.Minute)
		m.restart()
		time.Sleep(5 * time.Second)
		m.firstIsOff()
		m.reaches("safe", 6*time.Minute)
		time.Sleep(10 * time.Second)
		var again time.Time
		for _, at := range m.said() {
			if at.After(killed) {
				again = at
				break
			}
		}
		if since := again.Sub(killed); since < time.Minute+45*time.Second { // away, and silence and readings that hold
			t.Errorf("safe was said again %v after the kill", since)
		}
		m.plug.SwitchByHand(false) // by Home Assistant
		m.reaches("off", time.Minute)
		m.wants("accepted done:safe", 1, 0)
		m.unharmed()
	})
}

func TestACutWhileNobodyLookedIsFoundAndNoAlarm(t *testing.T) {
	for _, state := range []string{"safe", "presumed_off"} {
		synctest.Test(t, func(t *testing.T) {
			s := homeSetup{power: safely}
			if state == "presumed_off" {
				s.recorder.Watts.Halted = 9
			}
			m := newMortal(t, s)
			m.press("shutdown", "right")
			m.reaches(state, 6*time.Minute)
			m.kill()
			m.plug.SwitchByHand(false)
			time.Sleep(time.Minute)
			m.restart()
			m.reaches("off", time.Minute)
			m.expect(state, map[string]string{"hikbridge/garage/needs_attention": "OFF"})
			time.Sleep(time.Hour)
			if n := len(m.plug.Ons()); n > 0 { // a shutdown by hand stays
				t.Errorf("%s: %d ONs", state, n)
			}
			m.unharmed()
		})
	}
}

func TestAStopInTheMiddleIsQuickAndUndoesNothing(t *testing.T) {
	slow := nvrtest.Config{Halt: nvrtest.Halt{Manner: nvrtest.Manner{Lost: true}}, Boot: nvrtest.Boot{Down: 40 * time.Second, Silent: true}}
	rows := []struct {
		state, results string
		puts           int
	}{
		{"counting_down", "accepted failed:restart", 0},
		{"shutting_down", "accepted done:normal", 1}, // no answer comes
		{"confirming", "accepted done:normal", 1},
		{"cutting", "accepted done:normal", 1},
		{"off", "accepted done:normal", 1},
		{"booting", "accepted done:normal", 1},
	}
	for _, row := range rows {
		t.Run(row.state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHome(t, homeSetup{recorder: slow})
				h.press("power_cycle", "right", "often")
				h.reaches(row.state, 10*time.Minute)
				offs, ons, puts := len(h.plug.Offs()), len(h.plug.Ons()), h.requests()
				began := time.Now()
				h.stop()
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
				h.expect("stopped", map[string]string{"hikbridge/garage/safe_to_cut_power": "OFF", "hikbridge/garage/availability": "offline",
					"hikbridge/bridge/availability": "offline", "hikbridge/garage/power_state": row.state})
				time.Sleep(5 * time.Second)
				if len(h.plug.Offs()) != offs || len(h.plug.Ons()) != ons || h.requests() != puts {
					t.Error("the stop switched or asked something")
				}
				if actions, err := bridge.LogBook(h.config.StateDir, "garage"); err != nil || len(actions) != 1 || actions[0].Outcome != "" {
					t.Errorf("log book: %+v, %v", actions, err)
				}
				h.start()
				time.Sleep(12 * time.Minute)
				h.wants(row.results, row.puts, row.puts)
				h.unharmed()
				h.expect("at last", map[string]string{"hikbridge/garage/power_state": "running"})
			})
		})
	}
}

func TestAPauseOfTenMinutesProvesNothing(t *testing.T) {
	nothing := func(*mortal) {}
	back := func(m *mortal) { m.feed(false); m.feed(true) }
	proven := func(p *bridge.PowerConfig) { p.Cut = "proven" }
	rows := []struct {
		name, action, record string
		power                func(*bridge.PowerConfig)
		meanwhile            func(*mortal)
		results, last        string
		offs                 int
	}{
		// Without readings of the ten minutes before the request there is no baseline.
		{"in the countdown", "power_cycle", "counting_down", proven, nothing, "accepted failed:unproven", "attention", 0},
		{"before safe", "shutdown", "safe: power proof", safely, nothing, "accepted done:safe", "safe", 0},
		{"before the cut", "power_cycle", "intent: cut", proven, nothing, "accepted failed:cut_unconfirmed", "running", 1},
		// The outcome was decided before the pause; *safe* itself is never on.
		{"before safe, and the recorder comes back", "shutdown", "safe: power proof", safely, back, "accepted done:safe", "running", 0},
		{"before the cut, and the recorder comes back", "power_cycle", "intent: cut", proven, back, "accepted failed:cut_unconfirmed", "running", 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMortal(t, homeSetup{power: row.power, made: func(b *bridge.Bridge) { b.Patient("garage") }})
				var over time.Time
				m.diesAt(func(record string, durable bool) bool {
					if !over.IsZero() || durable || !strings.Contains(record, row.record) {
						return false
					}
					over = time.Now().Add(10 * time.Minute)
					time.Sleep(time.Minute)
					row.meanwhile(m)
					m.press("reboot", "right") // nobody may carry it out nine minutes later
					time.Sleep(time.Until(over))
					return false
				})
				m.press(row.action, "right", "often")
				time.Sleep(25 * time.Minute)
				synctest.Wait()
				if over.IsZero() {
					t.Fatalf("no such record; states: %s", m.states())
				}
				results := m.results("garage")
				if got := strings.ReplaceAll(results, " expired:expired", ""); got != row.results || got == results {
					t.Errorf("results: %s", results)
				}
				const whole = 45 * time.Second // of readings and silence, and that they hold
				for _, o := range m.plug.Offs() {
					if since := o.At.Sub(over); since < whole {
						t.Errorf("OFF %v after the pause", since)
					}
				}
				if said := m.said(); len(said) > 0 && said[0].Sub(over) < whole {
					t.Errorf("safe was said %v after the pause", said[0].Sub(over))
				}
				if got := m.state(); got != row.last || len(m.plug.Offs()) != row.offs {
					t.Errorf("%d OFFs; states: %s", len(m.plug.Offs()), m.states())
				}
				m.unharmed()
			})
		})
	}
}

func TestFiveStartsInFiveMinutesOnlyObserve(t *testing.T) {
	for _, off := range []bool{false, true} {
		name := map[bool]string{false: "with a recorder that runs", true: "with a recorder whose power was cut"}[off]
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMortal(t, homeSetup{})
				if off {
					m.press("power_cycle", "right", "often")
					m.reaches("off", 10*time.Minute)
				}
				for range 5 {
					m.kill()
					time.Sleep(5 * time.Second)
					m.restart()
					time.Sleep(5 * time.Second)
				}
				if off { // power returns all the same
					m.reaches("running", 10*time.Minute)
					m.wants("accepted done:normal", 1, 1)
					m.unharmed()
					return
				}
				m.expect("in a crash loop", map[string]string{"hikbridge/garage/needs_attention": "ON"})
				if s := m.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(s, "started too often") {
					t.Errorf("reasons: %s", s)
				}
				m.press("shutdown", "right", "often")
				m.press("power_on")
				time.Sleep(11 * time.Minute)
				m.wants("refused:observing accepted done", 0, 0)
				m.press("shutdown", "right", "often")
				m.reaches("confirming", time.Minute)
			})
		})
	}
}

func TestASecondInstanceIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMortal(t, homeSetup{})
		if _, err := bridge.New(m.config); !errors.Is(err, bridge.ErrInUse) {
			t.Errorf("a second one: %v", err)
		}
		m.kill()
		m.restart()
	})
}

// On another host nobody holds the lock: whoever connects takes the other's place
// at the broker.
func TestASecondInstanceOnAnotherHostCutsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMortal(t, homeSetup{})
		m.press("power_cycle", "right", "often")
		m.reaches("confirming", time.Minute)
		other := *m.world
		other.config.StateDir, other.made, other.stop = t.TempDir(), nil, nil
		other.config.Recorders = append([]bridge.RecorderConfig{}, m.config.Recorders...)
		other.start()
		time.Sleep(5 * time.Minute)
		other.stop()
		time.Sleep(15 * time.Minute)
		if m.requests() != 1 || len(m.plug.Offs()) > 1 {
			t.Errorf("%d requests, %d OFFs", m.requests(), len(m.plug.Offs()))
		}
		if n := strings.Count(m.log.String(), "connection to the broker lost"); n == 0 || n > 60*5 {
			t.Errorf("told %d times", n)
		}
		m.unharmed()
	})
}

var errFull = &os.PathError{Op: "write", Path: "power-garage.journal", Err: syscall.ENOSPC}

// deadDisk is a disk whose writes may not return for a while.
type deadDisk struct {
	hung    atomic.Bool
	answers chan struct{} // closed when they return
	waiting atomic.Int32  // touches of the file alive that wait
	most    atomic.Int32
}

func (d *deadDisk) touch(touch func() error) error {
	if d.hung.Load() {
		d.most.Store(max(d.most.Load(), d.waiting.Add(1)))
		<-d.answers
		d.waiting.Add(-1)
	}
	return touch()
}

func TestADiskThatNeverAnswersDoesNotKeepACancelBack(t *testing.T) {
	for _, row := range []struct {
		name      string
		journal   bool   // it hangs as well
		meanwhile string // results, while the disk hangs
	}{
		{"the state directory", false, "accepted accepted done cancelled:cancelled"},
		{"the journal as well", true, "accepted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := &deadDisk{answers: make(chan struct{})}
				h := newHome(t, homeSetup{made: func(b *bridge.Bridge) {
					b.AroundAlive(disk.touch)
					b.SlowJournal("garage", func([]byte) {
						if row.journal && disk.hung.Load() {
							<-disk.answers
						}
					})
				}})
				h.expect("before", map[string]string{"hikbridge/bridge/needs_attention": "OFF"})
				h.press("shutdown", "right")
				h.reaches("counting_down", time.Minute)
				disk.hung.Store(true)
				hung := time.Now()
				h.press("cancel")
				time.Sleep(25 * time.Second) // a beat that isn't answered, and one that is missed
				if got := h.results("garage"); got != row.meanwhile {
					t.Errorf("results while the disk hangs: %s", got)
				}
				h.says("reasons", h.site("needs_attention/attributes"), "the state directory doesn't answer", "look at the disk")
				time.Sleep(time.Minute)
				if err := bridge.Healthy(h.config.StateDir); err == nil {
					t.Error("healthy without a touch for more than a minute")
				}
				if n := disk.most.Load(); n != 1 {
					t.Errorf("%d touches waited at once", n)
				}
				disk.hung.Store(false)
				close(disk.answers)
				time.Sleep(time.Second)
				if info, err := os.Stat(filepath.Join(h.config.StateDir, "alive")); err != nil || info.ModTime().Sub(hung) > 10*time.Second {
					t.Errorf("a late touch tells of %v, the disk hung at %v: %v", info.ModTime(), hung, err)
				}
				time.Sleep(6 * time.Minute) // the journal is tried again
				h.expect("after", map[string]string{"hikbridge/bridge/needs_attention": "OFF"})
				if err := bridge.Healthy(h.config.StateDir); err != nil {
					t.Error(err)
				}
				if got := h.results("garage"); got != "accepted accepted done cancelled:cancelled" || h.state() != "running" || h.asked() {
					t.Errorf("%s, asked: %v; results: %s", h.state(), h.asked(), got)
				}
			})
		})
	}
}

func TestABridgeStopsBesideADiskThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &deadDisk{answers: make(chan struct{})}
		h := newHome(t, homeSetup{noPlug: true, made: func(b *bridge.Bridge) { b.AroundAlive(disk.touch) }})
		disk.hung.Store(true)
		time.Sleep(20 * time.Second)
		began := time.Now()
		h.stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it stopped after %v", took)
		}
		close(disk.answers)
	})
}

func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	rows := []struct {
		name, from, results string // from is the first record that can't be written
		puts, offs          int
		last                string
	}{
		{"from the start", "", "accepted failed:journal", 0, 0, "running"},
		{"from the request on", "intent: shutdown", "accepted failed:journal", 0, 0, "running"},
		{"from the proof on", "safe: power proof", "accepted failed:unproven", 1, 0, "attention"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMortal(t, homeSetup{})
				full := row.from == ""
				m.disk(func(write func() error) error {
					if full {
						return errFull
					}
					return write()
				})
				if !full {
					m.diesAt(func(record string, durable bool) bool {
						full = full || !durable && strings.Contains(record, row.from)
						return false
					})
				}
				m.press("power_cycle", "right", "often")
				time.Sleep(15 * time.Minute)
				m.wants(row.results, row.puts, row.offs)
				m.unharmed()
				if got := m.state(); got != row.last || len(m.said()) > 0 {
					t.Errorf("safe said %d times; states: %s", len(m.said()), m.states())
				}
				if s := m.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(s, "journal") {
					t.Errorf("reasons: %s", s)
				}
				m.press("power_on") // never refused for a journal
				time.Sleep(time.Minute)
				if got := strings.TrimPrefix(m.results("garage"), row.results+" "); got != "accepted done" && got != "accepted" {
					t.Errorf("power on: %s", got)
				}
			})
		})
	}
}

func (m *mortal) path() string { return filepath.Join(m.config.StateDir, "power-garage.journal") }

// change rewrites the journal of a bridge that doesn't run.
func (m *mortal) change(how func([]byte) []byte) {
	m.t.Helper()
	content, err := os.ReadFile(m.path())
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.path(), how(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func TestATornLastRecordWasNeverActedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMortal(t, homeSetup{})
		m.press("power_cycle", "right", "often")
		m.reaches("confirming", time.Minute)
		m.kill()
		m.change(func(b []byte) []byte { return append(b, "half a record"...) })
		m.restart()
		m.reaches("running", 15*time.Minute)
		m.wants("accepted done:normal", 1, 1)
		m.unharmed()
		if !strings.Contains(m.log.String(), "cut short") {
			t.Error("nobody was told")
		}
	})
}

// flip changes a bit in the middle.
func flip(b []byte) []byte {
	b[len(b)/2] ^= 0x10
	return b
}

// later is the journal's file as a later program would write it: its header says
// version 2, and is sound.
func later(b []byte) []byte {
	binary.LittleEndian.PutUint32(b[8:], 2)
	binary.LittleEndian.PutUint32(b[20:], crc32.Checksum(b[:20], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// laterRecord appends a record that a later program would write.
func (m *mortal) laterRecord() {
	m.t.Helper()
	log, _, err := journal.Open(m.path())
	if err != nil {
		m.t.Fatal(err)
	}
	if err := errors.Join(log.Append([]byte(`{"version":2,"record":{}}`)), log.Close()); err != nil {
		m.t.Fatal(err)
	}
}

func TestADamagedOrForeignJournalOnlyObserves(t *testing.T) {
	rows := []struct {
		name  string
		spoil func(*mortal)
		heals bool
	}{
		{"a bit is flipped", func(m *mortal) { m.change(flip) }, true},
		{"a record of a later version", (*mortal).laterRecord, true},
		{"a file of a later version", func(m *mortal) { m.change(later) }, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMortal(t, homeSetup{})
				m.press("check")
				time.Sleep(time.Minute)
				m.kill()
				row.spoil(m)
				spoiled, _ := os.ReadFile(m.path())
				m.restart()
				time.Sleep(time.Minute)
				m.expect("at the start", map[string]string{"hikbridge/garage/power_state": "attention", "hikbridge/garage/needs_attention": "ON"})
				m.press("shutdown", "right")
				m.press("power_on")
				time.Sleep(time.Minute)
				if got := strings.TrimPrefix(m.results("garage"), "accepted done "); got != "refused:observing accepted done" {
					t.Errorf("results: %s", got)
				}
				time.Sleep(12 * time.Minute)
				if row.heals {
					m.expect("ten minutes later", map[string]string{"hikbridge/garage/power_state": "running", "hikbridge/garage/needs_attention": "OFF"})
				} else { // what a later program wrote stays, so nothing can be recorded, or done
					m.press("shutdown", "right")
					time.Sleep(time.Minute)
					m.expect("ten minutes later", map[string]string{"hikbridge/garage/needs_attention": "ON"})
					if now, _ := os.ReadFile(m.path()); string(now) != string(spoiled) {
						t.Error("the file was changed")
					}
				}
				if m.requests() != 0 || len(m.plug.Offs()) != 0 {
					t.Errorf("%d requests, %d OFFs", m.requests(), len(m.plug.Offs()))
				}
				kept, _ := filepath.Glob(m.path() + ".damaged-*")
				if row.name == "a bit is flipped" {
					if len(kept) != 1 {
						t.Fatalf("%d damaged files are kept", len(kept))
					}
					if content, _ := os.ReadFile(kept[0]); string(content) != string(spoiled) {
						t.Error("the damaged file isn't what it was")
					}
				}
			})
		})
	}
}

func TestPowerReturnsToARecorderWhoseJournalIsDamagedWhileItIsOff(t *testing.T) {
	for name, spoil := range map[string]func(*mortal){
		"a bit is flipped":            func(m *mortal) { m.change(flip) },
		"a record of a later version": (*mortal).laterRecord,
		"a file of a later version":   func(m *mortal) { m.change(later) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMortal(t, homeSetup{})
				m.press("power_cycle", "right", "often")
				m.reaches("off", 10*time.Minute)
				m.kill()
				spoil(m)
				m.restart()
				started := time.Now()
				for len(m.plug.Ons()) == 0 {
					if time.Since(started) > 3*time.Minute {
						t.Fatalf("no ON; states: %s\n%s", m.states(), m.tail())
					}
					time.Sleep(100 * time.Millisecond)
				}
				if took := time.Since(started); took < 2*time.Minute || took > 2*time.Minute+10*time.Second {
					t.Errorf("ON after %v", took)
				}
				time.Sleep(15 * time.Minute)
				if m.recorder.Power() != nvrtest.PowerRunning {
					t.Errorf("the recorder: %v; states: %s", m.recorder.Power(), m.states())
				}
				m.unharmed()
			})
		})
	}
}

func TestASlowDiskDelaysTheRequestAndNothingIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMortal(t, homeSetup{})
		m.disk(func(write func() error) error { time.Sleep(3 * time.Second); return write() })
		m.press("power_cycle", "right", "often")
		time.Sleep(15 * time.Minute)
		m.wants("accepted failed:cut_unconfirmed", 1, 0)
		m.unharmed()
		if got := m.state(); got != "attention" {
			t.Errorf("states: %s", m.states())
		}
	})
}
