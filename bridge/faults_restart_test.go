package bridge_test

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
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
	life         *life
	broker0      bridge.DialFunc
	recorder0    bridge.DialFunc
	dieAt        func(record string, durable bool) bool // of each record, before and after it is written; or nil
	writes       func(write func() error) error         // how the disk fares; nil: well
}

func newMortal(t *testing.T, s homeSetup) *mortal {
	t.Helper()
	m := &mortal{}
	s.made = func(b *bridge.Bridge) { b.AroundJournal("garage", m.journal) }
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
	if m.dieAt != nil && m.dieAt(string(record), false) {
		m.life.end()
		runtime.Goexit()
	}
	writing := func() error { return write(record) }
	var err error
	if m.writes != nil {
		err = m.writes(writing)
	} else {
		err = writing()
	}
	if m.dieAt != nil && m.dieAt(string(record), true) {
		m.life.end()
		runtime.Goexit()
	}
	return err
}

// kill is SIGKILL.
func (m *mortal) kill() {
	m.life.end()
	m.bury()
}

// bury lets the broker notice the death.
func (m *mortal) bury() {
	m.dieAt = nil
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

// puts counts the requests to shut down that carried credentials.
func (h *home) puts() int {
	n := 0
	for _, q := range h.recorder.Requests() {
		if q.Method == "PUT" && strings.Contains(q.Path, "System/shutdown") && q.Credentials && q.Status != 401 {
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
	if got := h.puts(); got != puts {
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
			for m.puts() == 0 {
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
				m.dieAt = row.dieAt
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
				time.Sleep(20 * time.Minute)
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
