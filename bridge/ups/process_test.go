//go:build process

package ups_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hikbridge/bridge/bridgetest"
	"hikbridge/bridge/ups"
)

// upsd is a real server.
type upsd struct {
	*bridgetest.Upsd
	t *testing.T
}

func startUpsd(t *testing.T) *upsd {
	t.Helper()
	u, err := bridgetest.NewUpsd(canary)
	if errors.Is(err, bridgetest.ErrNoUpsd) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return &upsd{u, t}
}

// status lets the dummy UPS say it from its next look at the file on.
func (u *upsd) status(words string) {
	u.t.Helper()
	if err := u.Status(words, "battery.charge: 88", "battery.runtime: 0777"); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upsd) run(program string) {
	u.t.Helper()
	if err := u.Run(program); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upsd) signal(program string, s os.Signal) {
	u.t.Helper()
	if err := u.Signal(program, s); err != nil {
		u.t.Fatal(err)
	}
}

// client is one with the right password, unless it is changed.
func (u *upsd) client(change func(*ups.Config)) *ups.Client {
	u.t.Helper()
	config := ups.Config{Address: u.Address, UPS: "ups", Username: "bridge", Password: canary}
	if change != nil {
		change(&config)
	}
	c, err := ups.New(config)
	if err != nil {
		u.t.Fatal(err)
	}
	return c
}

// latest is what a Watch told last.
type latest struct {
	mu   sync.Mutex
	last ups.Reading
	err  error
}

func (l *latest) tell(last ups.Reading, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.err = last, err
}

func (l *latest) now() (ups.Reading, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.err
}

// within waits in real time for a condition.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

func TestUpsdThroughAnOutage(t *testing.T) {
	t.Parallel()
	u := startUpsd(t)
	u.run(bridgetest.UpsdDriver)
	ctx, stop := context.WithCancel(t.Context())
	var news latest
	var watching sync.WaitGroup
	watching.Go(func() { u.client(nil).Watch(ctx, news.tell) })
	defer watching.Wait()
	defer stop()

	// The driver looks every second or two, Watch at the longest every 5 s.
	reads := func(words string, mains ups.Mains) {
		t.Helper()
		within(t, 10*time.Second, words, func() bool {
			r, err := news.now()
			return err == nil && strings.Join(r.Words, " ") == words && r.Mains() == mains
		})
	}
	fails := func(what string, want error) {
		t.Helper()
		before, _ := news.now()
		within(t, 12*time.Second, what, func() bool { // 3 s of MAXAGE, and one look in between
			_, err := news.now()
			return errors.Is(err, want)
		})
		if last, err := news.now(); last.At.Sub(before.At) > 10*time.Second || last.At.IsZero() {
			t.Errorf("%s: %v; last reading %+v, before %+v", what, err, last, before)
		}
	}
	reads("OL", ups.OnLine)
	if r, _ := news.now(); r.Charge != (ups.Maybe[float64]{Value: 88, Known: true}) || r.Runtime != (ups.Maybe[time.Duration]{Value: 777 * time.Second, Known: true}) {
		t.Errorf("charge %v, runtime %v", r.Charge, r.Runtime)
	}
	u.status("OB DISCHRG")
	reads("OB DISCHRG", ups.OnBattery)
	u.status("OB LB")
	reads("OB LB", ups.OnBattery)
	u.signal(bridgetest.UpsdDriver, syscall.SIGSTOP)
	fails("the driver doesn't answer", ups.ErrStale)
	u.signal(bridgetest.UpsdDriver, syscall.SIGCONT)
	reads("OB LB", ups.OnBattery)
	u.Kill(bridgetest.UpsdDriver)
	fails("the driver is dead", ups.ErrDriver)
	u.status("OL CHRG")
	u.run(bridgetest.UpsdDriver)
	reads("OL CHRG", ups.OnLine)
	u.Kill(bridgetest.UpsdServer)
	fails("upsd is killed", ups.ErrUnreachable)
	u.run(bridgetest.UpsdServer)
	reads("OL CHRG", ups.OnLine)
	u.signal(bridgetest.UpsdServer, syscall.SIGSTOP)
	fails("upsd is frozen", ups.ErrLate)
	u.signal(bridgetest.UpsdServer, syscall.SIGCONT)
	reads("OL CHRG", ups.OnLine)

	_, err := u.client(func(c *ups.Config) { c.UPS = "rack" }).Read(t.Context())
	wrong(t, err, ups.ErrUnknownUPS)
	names, err := u.client(nil).Commands(t.Context())
	if err != nil || !slices.Equal(names, []string{"load.off"}) {
		t.Errorf("%q, %v", names, err)
	}
	// The dummy driver lists load.off and doesn't know it. upsd says OK all the same.
	o, err := u.client(nil).InstantCommand(t.Context(), "load.off", "", nil)
	gives(t, o, err, ups.OutcomeUnknown)
	var said *ups.ServerError
	if !errors.As(err, &said) || said.Code != "UNKNOWN" {
		t.Errorf("the driver says %v", err)
	}
	u.Kill(bridgetest.UpsdDriver)
	within(t, 10*time.Second, "a command without a driver is refused", func() bool {
		o, err := u.client(nil).InstantCommand(t.Context(), "load.off", "", nil)
		return o == ups.OutcomeRefused && errors.Is(err, ups.ErrDriver)
	})
}

// driver is one that does as told, at the socket where upsd looks for the dummy's.
type driver struct {
	mu       sync.Mutex
	commands []string
	result   string // what it says of a command; "": nothing
}

// startDriver starts one with two commands.
func (u *upsd) startDriver() *driver {
	u.t.Helper()
	l, err := net.Listen("unix", filepath.Join(u.Dir, "dummy-ups-ups"))
	if err != nil {
		u.t.Fatal(err)
	}
	d := &driver{}
	u.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	return d
}

func (d *driver) serve(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch line := lines.Text(); {
		case line == "PING":
			say(conn, "PONG\n")
		case line == "DUMPALL":
			say(conn, "SETINFO ups.status \"OL\"\nADDCMD shutdown.return\nADDCMD load.off\nDATAOK\nDUMPDONE\n")
		case strings.HasPrefix(line, "INSTCMD "):
			command, id, _ := strings.Cut(strings.TrimPrefix(line, "INSTCMD "), " TRACKING ")
			d.mu.Lock()
			d.commands = append(d.commands, command)
			if d.result != "" {
				say(conn, "TRACKING "+id+" "+d.result+"\n")
			}
			d.mu.Unlock()
		}
	}
}

func TestUpsdAndCommands(t *testing.T) {
	t.Parallel()
	u := startUpsd(t)
	d := u.startDriver()
	good := u.client(nil)
	within(t, 15*time.Second, "a reading", func() bool {
		r, err := good.Read(t.Context())
		return err == nil && r.Mains() == ups.OnLine && !r.Charge.Known && !r.Runtime.Known
	})
	type config = ups.Config
	for _, c := range []struct {
		name              string
		change            func(*config)
		command, argument string
		result            string // by the driver: 0 success, 1 unknown, 2 invalid, 3 failed
		want              ups.Outcome
		err               error
		arrives           string
	}{
		{"done", nil, "shutdown.return", "", "0", ups.OutcomeDone, nil, "shutdown.return"},
		{"done, with an argument", nil, "shutdown.return", "30", "0", ups.OutcomeDone, nil, "shutdown.return 30"},
		{"failed", nil, "load.off", "", "3", ups.OutcomeUnknown, nil, "load.off"},
		{"invalid", nil, "load.off", "x", "2", ups.OutcomeRefused, nil, "load.off x"},
		{"the driver says nothing", nil, "load.off", "", "", ups.OutcomeUnknown, ups.ErrLate, "load.off"},
		{"a wrong password", func(c *config) { c.Password = "wrong" }, "load.off", "", "0", ups.OutcomeRefused, ups.ErrDenied, ""},
		{"an unknown user", func(c *config) { c.Username = "nobody" }, "load.off", "", "0", ups.OutcomeRefused, ups.ErrDenied, ""},
		{"a user without the right", func(c *config) { c.Username, c.Password = "poor", "poor" }, "load.off", "", "0", ups.OutcomeRefused, ups.ErrDenied, ""},
		{"a command that the UPS doesn't have", nil, "load.on", "", "0", ups.OutcomeRefused, ups.ErrUnsupported, ""},
		{"an unknown UPS", func(c *config) { c.UPS = "rack" }, "load.off", "", "0", ups.OutcomeRefused, ups.ErrUnknownUPS, ""},
	} {
		d.mu.Lock()
		d.result, d.commands = c.result, nil
		d.mu.Unlock()
		o, err := u.client(c.change).InstantCommand(t.Context(), c.command, c.argument, nil)
		gives(t, o, err, c.want)
		if c.err != nil {
			wrong(t, err, c.err)
		}
		d.mu.Lock()
		if got := strings.Join(d.commands, ", "); strings.ReplaceAll(got, `"`, "") != c.arrives {
			t.Errorf("%s: %q arrived", c.name, got)
		}
		d.mu.Unlock()
	}
}

// talk says lines to a server and returns what it answers to each, up to its last line.
func talk(t *testing.T, address string, lines []string) []string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	var answers []string
	for _, line := range lines {
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		say(conn, line+"\n")
		answer := ""
		for {
			got, err := in.ReadString('\n')
			answer += got
			if err != nil {
				answer += "(nothing more)"
			}
			if err != nil || !strings.HasPrefix(answer, "BEGIN") || strings.HasPrefix(got, "END") {
				break
			}
		}
		answers = append(answers, answer)
	}
	return answers
}

func TestTheSimulatedServerAnswersAsUpsd(t *testing.T) {
	t.Parallel()
	u := startUpsd(t)
	d := u.startDriver()
	d.result = "0"
	within(t, 15*time.Second, "a reading", func() bool {
		_, err := u.client(nil).Read(t.Context())
		return err == nil
	})
	n := bridgetest.NewNUT(bridgetest.NUTConfig{User: "bridge", Password: canary, Commands: []string{"load.off", "shutdown.return"}})
	defer n.Close()
	n.Set("battery.charge", "")
	n.Set("battery.runtime", "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = n.Serve(l) }()
	login := []string{"USERNAME bridge", "PASSWORD " + ups.Join([]string{canary})}
	for _, lines := range [][]string{
		{"GET VAR ups ups.status", "GET VAR UPS ups.status", `GET VAR "ups" "ups.status"`, `GET VAR "u\ps" ups.status`, "GET VAR ups battery.charge",
			"GET VAR rack ups.status", "GET VAR ups", "GET", "", "FOO", "LIST CMD ups", "LIST CMD UPS", "LIST CMD rack", "LIST CMD", "LIST",
			"INSTCMD ups load.off", "SET TRACKING ON", "LOGOUT"},
		{"USERNAME bridge", "USERNAME bridge", "INSTCMD ups load.off", "SET TRACKING ON", "PASSWORD x", "PASSWORD x", "SET TRACKING ON", "SET TRACKING",
			"INSTCMD ups load.off", "INSTCMD ups beeper.mute", "INSTCMD rack load.off", "INSTCMD ups", "INSTCMD", "GET TRACKING 1"},
		append(slices.Clone(login), "INSTCMD ups load.off", "INSTCMD ups load.off 30", "INSTCMD UPS load.off", "SET TRACKING OFF", "INSTCMD ups load.off"),
		{`GET VAR ups "ups.status`},
		{`PASSWORD "a#b"`},
		{`PASSWORD "a\#b"`},
		{"USERNAME a b", "PASSWORD"},
	} {
		want, got := talk(t, u.Address, lines), talk(t, l.Addr().String(), lines)
		for i, line := range lines {
			if got[i] != want[i] {
				t.Errorf("%q in %q: upsd says %q, the simulation %q", line, lines, want[i], got[i])
			}
		}
	}
	tracked := append(slices.Clone(login), "SET TRACKING ON", "INSTCMD ups load.off")
	for _, address := range []string{u.Address, l.Addr().String()} {
		if got := talk(t, address, tracked)[3]; len(strings.Fields(got)) != 3 || !strings.HasPrefix(got, "OK TRACKING ") {
			t.Errorf("%s says %q", address, got)
		}
	}
}

// The faults again over TCP, whose buffers take what nobody reads.
func TestFaultsOverTCP(t *testing.T) {
	for _, f := range faults {
		if f.fault == bridgetest.NUTUnplugged {
			continue // no kernel pulls its cable
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			n := bridgetest.NewNUT(bridgetest.NUTConfig{User: "bridge", Password: canary})
			defer n.Close()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = n.Serve(l) }()
			c, err := ups.New(ups.Config{Address: l.Addr().String(), UPS: "ups", Username: "bridge", Password: canary})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			n.Fault(f.fault, "GET")
			begin := time.Now()
			_, err = c.Read(t.Context())
			wrong(t, err, f.want)
			if took := time.Since(begin); took > f.in+3*time.Second {
				t.Errorf("took %v", took)
			}
			n.Fault(bridgetest.NUTHealthy, "")
			if o, err := c.InstantCommand(t.Context(), "load.off", fmt.Sprint(1), nil); o != ups.OutcomeDone {
				t.Errorf("afterwards: %v, %v", o, err)
			}
		})
	}
}
