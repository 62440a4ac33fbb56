package nvrtest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// DefaultClient is the address that Dial's connections come from.
const DefaultClient = "192.0.2.10"

// deviceConn is the device's end of a connection.
type deviceConn interface {
	net.Conn
	reset()  // ends it by a reset
	unplug() // ends it here, the other side isn't told
	plug()   // the cable is back: the other side finds out
}

// Dial connects to the recorder in memory; it fits http.Transport.DialContext.
// The address is the recorder's whatever it says; ports 443 and 8443 speak TLS.
// While unplugged, halted or without supply it waits for the end of ctx or for
// better times, unless Halt says otherwise; while the port is closed it is refused.
func (r *Recorder) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return r.dial(ctx, netip.MustParseAddr(DefaultClient), address)
}

// DialFrom is Dial from another client's address, since devices lock accounts by
// client address.
func (r *Recorder) DialFrom(client netip.Addr) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		return r.dial(ctx, client, address)
	}
}

func (r *Recorder) dial(ctx context.Context, client netip.Addr, address string) (net.Conn, error) {
	device := deviceAddr(address)
	near, far, err := r.connect(ctx, client, device)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: device, Err: err}
	}
	var served net.Conn = far
	if device.Port == 443 || device.Port == 8443 {
		served = tls.Server(far, r.identity().config)
	}
	if err := r.line.offer(ctx, served); err != nil {
		far.reset()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: device, Err: err}
	}
	return near, nil
}

// deviceAddr is what an address looks like to the client; host names get a
// made-up address.
func deviceAddr(address string) *net.TCPAddr {
	addr := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 64), Port: 80}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil {
		addr.IP = ip
	}
	if p, err := net.LookupPort("tcp", port); err == nil {
		addr.Port = p
	}
	return addr
}

// connect makes a connection once the link lets it through: at once normally,
// never while unplugged, and with an error where the port is closed.
func (r *Recorder) connect(ctx context.Context, client netip.Addr, device net.Addr) (near, far *pipeEnd, err error) {
	noRoute := time.Now().Add(noRouteAfter)
	for {
		near, far, state := r.tryConnect(client, device)
		switch {
		case ctx.Err() != nil:
			if far != nil {
				far.reset()
			}
			return nil, nil, context.Cause(ctx)
		case state.link == linkRefused:
			return nil, nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
		case state.link == linkNoRoute && !time.Now().Before(noRoute):
			return nil, nil, os.NewSyscallError("connect", syscall.EHOSTUNREACH)
		case state.link == linkNoRoute:
			state.until = r.now().Add(time.Until(noRoute))
		case state.link == linkUp:
			return near, far, nil
		}
		r.waitChange(ctx, state)
	}
}

// noRouteAfter is how long it takes to find that nobody answers ARP.
const noRouteAfter = time.Second

// tryConnect makes a connection if the link is up now.
func (r *Recorder) tryConnect(client netip.Addr, device net.Addr) (near, far *pipeEnd, state linkState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	state = r.linkLocked()
	if state.link != linkUp {
		return nil, nil, state
	}
	port := uint16(40000 + r.log.connections%20000)
	near, far = newPipe(net.TCPAddrFromAddrPort(netip.AddrPortFrom(client, port)), device)
	far.onClose = func() { r.untrack(far) }
	r.trackLocked(far)
	if !r.started {
		r.started = true
		r.serving.Go(func() { r.server.Serve(r.line) })
	}
	return near, far, state
}

// trackLocked makes a connection one that changes of state can end.
func (r *Recorder) trackLocked(c deviceConn) {
	r.conns[c] = struct{}{}
	r.log.connections++
}

func (r *Recorder) untrack(c deviceConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// waitChange waits until the link may be another one or ctx has ended.
func (r *Recorder) waitChange(ctx context.Context, state linkState) {
	var timer <-chan time.Time
	if !state.until.IsZero() {
		t := time.NewTimer(max(state.until.Sub(r.now()), time.Millisecond))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
	case <-timer:
	case <-state.changed:
	case <-r.done:
	}
}

// line is the listener of connections made in memory.
type line struct {
	conns chan net.Conn
	done  <-chan struct{}
}

func newLine(done <-chan struct{}) *line { return &line{conns: make(chan net.Conn), done: done} }

// offer hands a connection to the server.
func (l *line) offer(ctx context.Context, c net.Conn) error {
	select {
	case l.conns <- c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.done:
		return os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
}

func (l *line) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *line) Close() error   { return nil }
func (l *line) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 64), Port: 80} }

// Serve answers on a real port until Close; then it returns nil.
func (r *Recorder) Serve(l net.Listener) error { return r.serve(&port{Listener: l, recorder: r}) }

// ServeTLS is Serve with TLS.
func (r *Recorder) ServeTLS(l net.Listener) error {
	return r.serve(tls.NewListener(&port{Listener: l, recorder: r}, r.identity().config))
}

func (r *Recorder) serve(l net.Listener) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return errors.Join(errClosed, l.Close())
	}
	r.serving.Add(1)
	r.mu.Unlock()
	defer r.serving.Done()
	err := r.server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

var errClosed = errors.New("nvrtest: recorder is closed")

// port is a real listener whose connections follow the recorder's link: refused
// and silent ones never reach the server.
type port struct {
	net.Listener
	recorder *Recorder
}

func (p *port) Accept() (net.Conn, error) {
	for {
		raw, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &portConn{Conn: raw, recorder: p.recorder}
		if p.recorder.admit(c) {
			return c, nil
		}
	}
}

// admit says whether a connection on a port gets through.
func (r *Recorder) admit(c *portConn) bool {
	r.mu.Lock()
	link := r.linkLocked().link
	switch link {
	case linkUp:
		r.trackLocked(c)
	case linkRefused:
	case linkSilent, linkNoRoute: // a kernel that answers can't say "no route"
		c.dark = true
		r.cut[c] = struct{}{}
	}
	r.mu.Unlock()
	if link == linkRefused {
		c.reset()
	}
	return link == linkUp
}

// portConn is a connection on a real port. A kernel can't pull the cable, so an
// unplugged one, and one that came while a silent restart was going on, is kept
// open and unanswered until Plug or Close.
type portConn struct {
	net.Conn
	recorder *Recorder
	mu       sync.Mutex
	dark     bool
}

func (c *portConn) isDark() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dark
}

func (c *portConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.isDark() {
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *portConn) Write(b []byte) (int, error) {
	if c.isDark() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func (c *portConn) Close() error {
	if c.isDark() {
		return nil
	}
	c.recorder.untrack(c)
	return c.Conn.Close()
}

func (c *portConn) reset() {
	c.mu.Lock()
	c.dark = false
	c.mu.Unlock()
	if t, ok := c.Conn.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}

func (c *portConn) unplug() {
	c.mu.Lock()
	c.dark = true
	c.mu.Unlock()
	c.Conn.SetDeadline(time.Unix(1, 0))
}

func (c *portConn) plug() { c.reset() }
