package bridgetest_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge/bridgetest"
)

// nut runs a test in a bubble with a NUT server.
func nut(t *testing.T, c bridgetest.NUTConfig, test func(t *testing.T, n *bridgetest.NUT)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := bridgetest.NewNUT(c)
		defer n.Close()
		test(t, n)
	})
}

// line is a connection to a NUT server.
type line struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func call(t *testing.T, n *bridgetest.NUT) *line {
	t.Helper()
	conn, err := n.Dial(t.Context(), "tcp", "nas.example.org:3493")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &line{t, conn, bufio.NewReader(conn)}
}

// ask sends a request and returns the answer: a line, a list, or "" if none comes in 5 s.
func (l *line) ask(request string) string {
	l.t.Helper()
	_ = l.conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := l.conn.Write([]byte(request + "\n")); err != nil {
		return ""
	}
	answer := ""
	for {
		got, err := l.in.ReadString('\n')
		answer += got
		if err != nil || !strings.HasPrefix(answer, "BEGIN") || strings.HasPrefix(got, "END") {
			return strings.TrimSuffix(answer, "\n")
		}
	}
}

// asks checks answers to requests in pairs.
func (l *line) asks(pairs ...string) {
	l.t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		if got := l.ask(pair[0]); got != pair[1] {
			l.t.Errorf("%s: %q, want %q", pair[0], got, pair[1])
		}
	}
}

func TestNUTTellsItsUPS(t *testing.T) {
	nut(t, bridgetest.NUTConfig{UPS: "rack"}, func(t *testing.T, n *bridgetest.NUT) {
		l := call(t, n)
		l.asks(
			"GET VAR rack ups.status", `VAR rack ups.status "OL"`,
			"GET VAR ups ups.status", "ERR UNKNOWN-UPS",
			"LIST UPS", "BEGIN LIST UPS\nUPS rack \"simulated\"\nEND LIST UPS",
			"LIST CMD rack", "BEGIN LIST CMD rack\nCMD rack load.off\nCMD rack load.on\nCMD rack shutdown.return\nCMD rack shutdown.stayoff\nEND LIST CMD rack",
		)
		n.Status("OB LB")
		n.Charge(12.5)
		n.Runtime(90 * time.Second)
		n.Set("ups.mfr", `a "b" \ #`)
		l.asks("LIST VAR rack", `BEGIN LIST VAR rack
VAR rack battery.charge "12.5"
VAR rack battery.runtime "90"
VAR rack ups.mfr "a \"b\" \\ \#"
VAR rack ups.status "OB LB"
END LIST VAR rack`)
		n.Set("battery.charge", "")
		l.asks("GET VAR rack battery.charge", "ERR VAR-NOT-SUPPORTED", "VER", "Network UPS Tools upsd 2.8.0 - simulated", "LOGOUT", "OK Goodbye", "VER", "")
	})
}

func TestNUTCarriesOutCommandsInTheirOrder(t *testing.T) {
	var mu sync.Mutex
	var done []string
	act := func(command, argument string) string {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, command+" "+argument)
		if argument == "x" {
			return "INVALID-ARGUMENT"
		}
		return ""
	}
	nut(t, bridgetest.NUTConfig{User: "bridge", Password: "a # b", OnCommand: act}, func(t *testing.T, n *bridgetest.NUT) {
		begin := time.Now()
		l := call(t, n)
		l.asks(
			"INSTCMD ups load.off", "ERR USERNAME-REQUIRED",
			"USERNAME bridge", "OK",
			"INSTCMD ups load.off", "ERR PASSWORD-REQUIRED",
			`PASSWORD "a \# b"`, "OK",
			"INSTCMD ups load.off 5", "OK",
			"INSTCMD ups beeper.mute", "ERR CMD-NOT-SUPPORTED",
			"SET TRACKING ON", "OK",
		)
		time.Sleep(time.Minute)
		l.asks("INSTCMD ups load.off x", "OK TRACKING 00000000-0000-4000-8000-000000000002",
			"GET TRACKING 00000000-0000-4000-8000-000000000002", "ERR INVALID-ARGUMENT",
			"GET TRACKING 00000000-0000-4000-8000-000000000001", "SUCCESS",
			"GET TRACKING 1", "ERR UNKNOWN")
		n.Pending(time.Second)
		l.asks("INSTCMD ups load.on", "OK TRACKING 00000000-0000-4000-8000-000000000003", "GET TRACKING 00000000-0000-4000-8000-000000000003", "PENDING")
		time.Sleep(time.Second)
		l.asks("GET TRACKING 00000000-0000-4000-8000-000000000003", "SUCCESS")
		if want := []string{"load.off 5", "load.off x", "load.on "}; !slices.Equal(done, want) {
			t.Errorf("done %q, want %q", done, want)
		}
		got := n.Commands()
		want := []bridgetest.NUTCommand{
			{begin, "", "load.off", "", false}, {begin, "bridge", "load.off", "", false}, {begin, "bridge", "load.off", "5", true},
			{begin, "bridge", "beeper.mute", "", false}, {begin.Add(time.Minute), "bridge", "load.off", "x", true},
			{begin.Add(time.Minute), "bridge", "load.on", "", true},
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
	nut(t, bridgetest.NUTConfig{User: "bridge", Password: "right"}, func(t *testing.T, n *bridgetest.NUT) {
		call(t, n).asks("USERNAME bridge", "OK", "PASSWORD wrong", "OK", "INSTCMD ups load.off", "ERR ACCESS-DENIED")
	})
	nut(t, bridgetest.NUTConfig{}, func(t *testing.T, n *bridgetest.NUT) {
		call(t, n).asks("USERNAME bridge", "OK", "PASSWORD any", "OK", "INSTCMD ups load.off", "ERR ACCESS-DENIED")
	})
	nut(t, bridgetest.NUTConfig{User: "bridge", Password: "right", Old: true}, func(t *testing.T, n *bridgetest.NUT) {
		call(t, n).asks("USERNAME bridge", "OK", "PASSWORD right", "OK", "SET TRACKING ON", "ERR INVALID-ARGUMENT", "INSTCMD ups load.off", "OK",
			"GET TRACKING 00000000-0000-4000-8000-000000000001", "ERR INVALID-ARGUMENT")
	})
}

// The answers are those of upsd 2.8.0.
func TestNUTRefusesWhatUpsdRefuses(t *testing.T) {
	nut(t, bridgetest.NUTConfig{User: "bridge", Password: "right"}, func(t *testing.T, n *bridgetest.NUT) {
		call(t, n).asks(
			"", "ERR UNKNOWN-COMMAND", "FOO", "ERR UNKNOWN-COMMAND", "GET", "ERR INVALID-ARGUMENT", "GET VAR ups", "ERR INVALID-ARGUMENT",
			"LIST", "ERR INVALID-ARGUMENT", "LIST CMD", "ERR INVALID-ARGUMENT", "LIST CMD rack", "ERR UNKNOWN-UPS",
			`GET VAR ups "ups.status`, "",
		)
		call(t, n).asks(`PASSWORD "a#b"`, "") // it can't read that, and says nothing
		call(t, n).asks(
			"USERNAME a b", "ERR INVALID-ARGUMENT", "USERNAME bridge", "OK", "USERNAME bridge", "ERR ALREADY-SET-USERNAME",
			"PASSWORD right", "OK", "PASSWORD right", "ERR ALREADY-SET-PASSWORD", "SET TRACKING", "ERR INVALID-ARGUMENT",
			"INSTCMD ups", "ERR INVALID-ARGUMENT", "INSTCMD rack load.off", "ERR UNKNOWN-UPS",
		)
		l := call(t, n)
		n.Late(time.Hour)
		go func() { _ = l.ask("VER") }()
		synctest.Wait()
		n.Close() // doesn't wait for the answer
	})
}

func TestNUTFaults(t *testing.T) {
	const status = "GET VAR ups ups.status"
	good := `VAR ups ups.status "OL"`
	for _, c := range []struct {
		name       string
		fault      bridgetest.NUTFault
		first      string // the answer, as ask gives it
		second     string // to the same question again
		connection bool   // it still stands then
	}{
		{"healthy", bridgetest.NUTHealthy, good, good, true},
		{"down", bridgetest.NUTDown, "", "", false},
		{"unplugged", bridgetest.NUTUnplugged, "", "", true},
		{"driver dead", bridgetest.NUTDriverDead, "ERR DRIVER-NOT-CONNECTED", "ERR DRIVER-NOT-CONNECTED", true},
		{"stale", bridgetest.NUTStale, "ERR DATA-STALE", "ERR DATA-STALE", true},
		{"unknown UPS", bridgetest.NUTUnknownUPS, "ERR UNKNOWN-UPS", "ERR UNKNOWN-UPS", true},
		{"denied", bridgetest.NUTDenied, "ERR ACCESS-DENIED", "ERR ACCESS-DENIED", true},
		{"login refused", bridgetest.NUTLoginRefused, good, good, true},
		{"silent", bridgetest.NUTSilent, "", "", true},
		{"lost", bridgetest.NUTLost, "", "", false},
		{"cut", bridgetest.NUTCut, good[:12], "", false},
		{"closes", bridgetest.NUTCloses, good, "", false},
		{"byte by byte", bridgetest.NUTByteByByte, good, good, true},
		{"garbage", bridgetest.NUTGarbage, "\x16\x03\x01 \"HTTP/1.1 400\" Bad\\ Request\r", "\r", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			nut(t, bridgetest.NUTConfig{}, func(t *testing.T, n *bridgetest.NUT) {
				l := call(t, n)
				n.Fault(c.fault, "")
				l.asks(status, c.first, status, c.second)
				synctest.Wait()
				if (n.Connected() == 1) != c.connection {
					t.Errorf("%d connections", n.Connected())
				}
			})
		})
	}
	nut(t, bridgetest.NUTConfig{}, func(t *testing.T, n *bridgetest.NUT) {
		l := call(t, n)
		n.Fault(bridgetest.NUTStale, "LIST")
		l.asks(status, good, "LIST CMD ups", "ERR DATA-STALE", "LIST UPS", "ERR DATA-STALE")
		n.Fault(bridgetest.NUTStarting, "")
		l.asks(status, good, "LIST CMD ups", "BEGIN LIST CMD ups\nEND LIST CMD ups")
		n.Fault(bridgetest.NUTLoginRefused, "")
		l.asks("USERNAME a", "OK", "PASSWORD b", "ERR INVALID-PASSWORD")
		n.Fault(bridgetest.NUTFailed, "")
		l.asks(status, good, "INSTCMD ups load.off", "ERR INSTCMD-FAILED")
	})
}

func TestNUTCanGoOnForEver(t *testing.T) {
	for fault, want := range map[bridgetest.NUTFault]string{
		bridgetest.NUTEndlessLine: "BEGIN LIST CMD ups\nCMD ups load.off\nEND LIST CMD ups OL OL OL OL",
		bridgetest.NUTEndlessList: "BEGIN LIST CMD ups\nCMD ups load.off\nCMD ups load.off\nCMD ups load.off\n",
		bridgetest.NUTTwice:       "BEGIN LIST CMD ups\nCMD ups load.off\nEND LIST CMD ups\nBEGIN LIST CMD ups\nCMD ups load.off\nEND LIST CMD ups\n",
	} {
		nut(t, bridgetest.NUTConfig{Commands: []string{"load.off"}}, func(t *testing.T, n *bridgetest.NUT) {
			l := call(t, n)
			n.Fault(fault, "")
			_, _ = l.conn.Write([]byte("LIST CMD ups\n"))
			got := make([]byte, len(want))
			for i := range got {
				got[i], _ = l.in.ReadByte()
			}
			if string(got) != want {
				t.Errorf("%q, want %q", got, want)
			}
			_ = l.conn.Close()
			synctest.Wait()
			if n.Connected() != 0 {
				t.Errorf("%d connections", n.Connected())
			}
		})
	}
}

func TestNUTIsLate(t *testing.T) {
	nut(t, bridgetest.NUTConfig{}, func(t *testing.T, n *bridgetest.NUT) {
		n.Late(3 * time.Second)
		begin := time.Now()
		call(t, n).asks("VER", "Network UPS Tools upsd 2.8.0 - simulated")
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestNUTConnections(t *testing.T) {
	nut(t, bridgetest.NUTConfig{}, func(t *testing.T, n *bridgetest.NUT) {
		call(t, n).asks("VER", "Network UPS Tools upsd 2.8.0 - simulated")
		n.Fault(bridgetest.NUTDown, "")
		if _, err := n.Dial(t.Context(), "tcp", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("down: %v", err)
		}
		n.Fault(bridgetest.NUTUnplugged, "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := n.Dial(ctx, "tcp", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("unplugged: %v", err)
		}
		n.Fault(bridgetest.NUTHealthy, "")
		call(t, n)
		if n.Connections() != 2 || n.Connected() != 1 {
			t.Errorf("%d connections, %d now", n.Connections(), n.Connected())
		}
		n.Close()
		if _, err := n.Dial(t.Context(), "tcp", ""); !errors.Is(err, syscall.ECONNREFUSED) || n.Connected() != 0 {
			t.Errorf("closed: %v, %d connections", err, n.Connected())
		}
	})
}

// What is remembered has a bound, and it is the last that is kept.
func TestNUTRemembersTheLastRequests(t *testing.T) {
	nut(t, bridgetest.NUTConfig{}, func(t *testing.T, n *bridgetest.NUT) {
		l := call(t, n)
		for range 5000 {
			l.ask("VER")
		}
		l.ask("GET")
		got := n.Requests()
		if last := got[len(got)-1]; len(got) > 4096 || len(got) < 3000 || last.Line != "GET" || last.Connection != 1 {
			t.Errorf("%d requests, the last one %+v", len(got), last)
		}
	})
}

// hall is a listener in memory.
type hall struct {
	doors chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (h *hall) Accept() (net.Conn, error) {
	select {
	case c := <-h.doors:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *hall) Close() error   { h.once.Do(func() { close(h.done) }); return nil }
func (h *hall) Addr() net.Addr { return nil }

func TestNUTServesAListener(t *testing.T) {
	nut(t, bridgetest.NUTConfig{}, func(t *testing.T, n *bridgetest.NUT) {
		h := &hall{doors: make(chan net.Conn), done: make(chan struct{})}
		served := make(chan error)
		go func() { served <- n.Serve(h) }()
		enter := func() *line {
			near, far := net.Pipe()
			h.doors <- far
			return &line{t, near, bufio.NewReader(near)}
		}
		enter().asks("VER", "Network UPS Tools upsd 2.8.0 - simulated")
		n.Fault(bridgetest.NUTDown, "")
		enter().asks("VER", "")
		n.Close()
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := n.Serve(&hall{done: make(chan struct{})}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed before: %v", err)
		}
	})
}
