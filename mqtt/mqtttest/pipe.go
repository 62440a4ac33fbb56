package mqtttest

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// window is how many bytes a connection holds in each direction before its writer waits, about what a socket holds.
const window = 64 << 10

// Pipe returns the two ends of a connection in memory. Unlike [net.Pipe] it buffers 64 KiB in each direction, so that two
// sides that write at the same time don't wait for each other. Deadlines work; all waiting is durable in a synctest bubble.
func Pipe() (net.Conn, net.Conn) {
	a, b := newHalf(), newHalf()
	return &pipeConn{in: a, out: b}, &pipeConn{in: b, out: a}
}

// half is one direction of a connection.
type half struct {
	mu       sync.Mutex
	cond     *sync.Cond
	buf      []byte
	ended    bool // the writer closed: what is buffered can still be read
	broken   bool // the reader closed: writing fails
	reset    bool // the writer closed and took back what wasn't read
	read     deadline
	write    deadline
	capacity int
}

func newHalf() *half {
	h := &half{capacity: window}
	h.cond = sync.NewCond(&h.mu)
	return h
}

// deadline is a point in time that wakes whoever waits on the half.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// set is called with the half's lock held.
func (d *deadline) set(h *half, at time.Time) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), h.wake)
	}
	h.cond.Broadcast()
}

func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cond.Broadcast()
}

func (h *half) Read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.broken:
			return 0, net.ErrClosed
		case h.reset:
			return 0, syscall.ECONNRESET
		case h.read.passed():
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.cond.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.cond.Wait()
	}
}

func (h *half) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	written := 0
	for {
		switch {
		case h.ended:
			return written, net.ErrClosed
		case h.broken:
			return written, syscall.EPIPE
		case h.write.passed():
			return written, os.ErrDeadlineExceeded
		case len(p) == written:
			return written, nil
		}
		if n := min(h.capacity-len(h.buf), len(p)-written); n > 0 {
			h.buf = append(h.buf, p[written:written+n]...)
			written += n
			h.cond.Broadcast()
			continue
		}
		h.cond.Wait()
	}
}

// end is the writer's close, abandon the reader's.
func (h *half) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.write.set(h, time.Time{})
}

func (h *half) abandon() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken, h.buf = true, nil
	h.read.set(h, time.Time{})
}

func (h *half) discard() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf, h.reset = nil, true
	h.cond.Broadcast()
}

func (h *half) setRead(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.read.set(h, at)
}

func (h *half) setWrite(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.write.set(h, at)
}

// pipeConn is one end of a connection in memory.
type pipeConn struct {
	in, out *half
	reset   atomic.Bool
}

func (c *pipeConn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *pipeConn) Write(p []byte) (int, error) { return c.out.Write(p) }

func (c *pipeConn) Close() error {
	if c.reset.Load() {
		c.out.discard()
	}
	c.out.end()
	c.in.abandon()
	return nil
}

// SetLinger is that of [net.TCPConn]: with 0, Close discards what the peer hasn't read, and the peer's next read fails.
func (c *pipeConn) SetLinger(sec int) error {
	c.reset.Store(sec == 0)
	return nil
}

func (c *pipeConn) SetReadDeadline(t time.Time) error  { c.in.setRead(t); return nil }
func (c *pipeConn) SetWriteDeadline(t time.Time) error { c.out.setWrite(t); return nil }

func (c *pipeConn) SetDeadline(t time.Time) error {
	c.in.setRead(t)
	c.out.setWrite(t)
	return nil
}

func (c *pipeConn) LocalAddr() net.Addr  { return pipeAddr{} }
func (c *pipeConn) RemoteAddr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
