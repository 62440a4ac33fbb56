package bridgetest

import (
	"context"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// maxNUTRecords bounds what a NUT server remembers of requests: the last ones.
const maxNUTRecords = 4096

// NUTConfig is a NUT server with one UPS.
type NUTConfig struct {
	UPS            string // its name; "": ups
	User, Password string // who may give instant commands; "": nobody
	// Commands are what the UPS supports; nil: load.off, load.on, shutdown.return and
	// shutdown.stayoff.
	Commands []string
	// OnCommand carries out an instant command, before it is answered; nil: nothing
	// happens. What it returns is what tracking says of a failure, UNKNOWN,
	// INVALID-ARGUMENT or FAILED, and "" of a success. It returns at once and doesn't
	// close the server.
	OnCommand func(command, argument string) string
	Old       bool // before NUT 2.8.0: without tracking
}

// NUTRequest is a line that arrived.
type NUTRequest struct {
	At         time.Time
	Connection int // from 1
	Line       string
}

// NUTCommand is an instant command that arrived.
type NUTCommand struct {
	At                      time.Time
	User, Command, Argument string
	Taken                   bool // it was permitted, and given to the UPS
}

// NUT is a simulated NUT server (upsd) with one UPS, after version 2.8.0.
type NUT struct {
	config NUTConfig
	ctx    context.Context
	end    context.CancelFunc
	wg     sync.WaitGroup

	acting sync.Mutex // keeps the calls of OnCommand in order

	mu          sync.Mutex
	variables   map[string]string
	fault       NUTFault
	faultOn     string
	late        time.Duration
	pending     time.Duration
	listeners   []net.Listener
	conns       map[net.Conn]struct{}
	connections int
	requests    []NUTRequest
	commands    []NUTCommand
	given       int // commands to the UPS, ever
	results     []nutResult
}

// NewNUT starts a server whose UPS is on line, at 100 % and half an hour.
func NewNUT(c NUTConfig) *NUT {
	if c.UPS == "" {
		c.UPS = "ups"
	}
	if c.Commands == nil {
		c.Commands = []string{"load.off", "load.on", "shutdown.return", "shutdown.stayoff"}
	}
	ctx, end := context.WithCancel(context.Background())
	return &NUT{
		config: c, ctx: ctx, end: end, conns: map[net.Conn]struct{}{},
		variables: map[string]string{"ups.status": "OL", "battery.charge": "100", "battery.runtime": "1800"},
	}
}

// Close ends all connections and listeners, and returns when its goroutines are gone.
func (n *NUT) Close() {
	n.mu.Lock()
	n.end() // under the lock: nothing is started afterwards
	for _, l := range n.listeners {
		_ = l.Close()
	}
	n.hangUpLocked()
	n.mu.Unlock()
	n.wg.Wait()
}

func (n *NUT) hangUpLocked() {
	for c := range n.conns {
		_ = c.Close()
	}
}

// Dial connects in memory, whatever the address.
func (n *NUT) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	unplugged := n.fault == NUTUnplugged
	n.mu.Unlock()
	if unplugged {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.Cause(ctx)}
	}
	near, far := net.Pipe()
	if !n.accept(far) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	return near, nil
}

// Serve answers on a real port until the listener or the server is closed, and returns
// the listener's error. What would be refused in memory is closed here.
func (n *NUT) Serve(l net.Listener) error {
	n.mu.Lock()
	n.listeners = append(n.listeners, l)
	if n.ctx.Err() != nil {
		_ = l.Close()
	}
	n.mu.Unlock()
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		n.accept(conn)
	}
}

// accept serves a connection, or closes it if none is taken.
func (n *NUT) accept(conn net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil || n.fault == NUTDown {
		_ = conn.Close()
		return false
	}
	n.connections++
	n.conns[conn] = struct{}{}
	p := &nutPeer{server: n, conn: conn, number: n.connections}
	n.wg.Go(p.serve)
	return true
}

// Set gives a variable of the UPS a value; "" takes it away.
func (n *NUT) Set(name, value string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.variables[name] = value
	if value == "" {
		delete(n.variables, name)
	}
}

// Status sets the words of ups.status, as in "OB LB".
func (n *NUT) Status(words string) { n.Set("ups.status", words) }

// Charge sets battery.charge, in percent.
func (n *NUT) Charge(percent float64) {
	n.Set("battery.charge", strconv.FormatFloat(percent, 'f', -1, 64))
}

// Runtime sets battery.runtime, which has whole seconds.
func (n *NUT) Runtime(d time.Duration) {
	n.Set("battery.runtime", strconv.FormatInt(int64(d/time.Second), 10))
}

// Requests are the lines that arrived, at most the last 4,096. Passwords are among
// them.
func (n *NUT) Requests() []NUTRequest {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.requests)
}

// Commands are the instant commands that arrived, taken or not, as Requests.
func (n *NUT) Commands() []NUTCommand {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.commands)
}

// Connections is how many connections were made, ever.
func (n *NUT) Connections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.connections
}

// Connected is how many connections there are now.
func (n *NUT) Connected() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

// remember appends to a bounded record.
func remember[T any](record []T, what T) []T {
	if len(record) >= maxNUTRecords {
		record = slices.Delete(record, 0, maxNUTRecords/4)
	}
	return append(record, what)
}
