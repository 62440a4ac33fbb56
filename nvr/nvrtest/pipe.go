package nvrtest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeBuffer is how many bytes one direction of a connection holds before a
// writer waits, like a socket's buffers do.
const pipeBuffer = 64 << 10

// pipe is a connection in memory: two ends with buffers between them, deadlines,
// resets, and a cable that can be cut. All waiting is by sync.Cond and timers,
// so that time in a synctest bubble goes on.
type pipe struct {
	mu      sync.Mutex
	changed sync.Cond
	ends    [2]pipeEnd
	cut     bool // nothing passes any more, neither side is told
	gone    bool // the device has forgotten the connection: a write is answered by a reset
}

// pipeEnd is one side of a pipe: the client's or the device's.
type pipeEnd struct {
	pipe          *pipe
	peer          *pipeEnd
	local, remote net.Addr
	device        bool

	// under pipe.mu
	inbox             []byte
	finished          bool // the peer writes no more
	err               error
	closed            bool
	readBy, writeBy   time.Time
	readTimer, wTimer *time.Timer
	onClose           func()
}

// newPipe makes a connection between two addresses.
func newPipe(client, device net.Addr) (clientEnd, deviceEnd *pipeEnd) {
	p := &pipe{}
	p.changed.L = &p.mu
	a, b := &p.ends[0], &p.ends[1]
	*a = pipeEnd{pipe: p, peer: b, local: client, remote: device}
	*b = pipeEnd{pipe: p, peer: a, local: device, remote: client, device: true}
	return a, b
}

func (e *pipeEnd) LocalAddr() net.Addr  { return e.local }
func (e *pipeEnd) RemoteAddr() net.Addr { return e.remote }

func (e *pipeEnd) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: e.local, Addr: e.remote, Err: err}
}

// Read takes what has arrived; what was sent before a reset can still be read.
func (e *pipeEnd) Read(b []byte) (int, error) {
	p := e.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case e.closed:
			return 0, e.fail("read", net.ErrClosed)
		case expired(e.readBy):
			return 0, e.fail("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case len(e.inbox) > 0:
			n := copy(b, e.inbox)
			e.inbox = e.inbox[n:]
			if len(e.inbox) == 0 {
				e.inbox = nil
			}
			p.changed.Broadcast()
			return n, nil
		case e.err != nil:
			return 0, e.fail("read", e.err)
		case e.finished:
			return 0, io.EOF
		}
		p.changed.Wait()
	}
}

// Write waits while the peer's buffer is full. Into a cut cable it succeeds
// until nothing more fits, as TCP does.
func (e *pipeEnd) Write(b []byte) (written int, err error) {
	p := e.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if err := e.writable(); err != nil {
			return written, err
		}
		if n := min(len(b), pipeBuffer-len(e.peer.inbox)); n > 0 || len(b) == 0 {
			e.peer.inbox = append(e.peer.inbox, b[:n]...)
			written += n
			b = b[n:]
			p.changed.Broadcast()
			if len(b) == 0 {
				return written, nil
			}
		}
		p.changed.Wait()
	}
}

// writable gives the error of a write, or nil where it may go on or wait.
func (e *pipeEnd) writable() error {
	switch {
	case e.closed:
		return e.fail("write", net.ErrClosed)
	case expired(e.writeBy):
		return e.fail("write", os.ErrDeadlineExceeded)
	case e.err != nil:
		return e.fail("write", e.err)
	case e.pipe.gone && !e.device:
		e.err = syscall.ECONNRESET
		e.pipe.changed.Broadcast()
		return e.fail("write", e.err)
	case e.peer.closed && !e.pipe.cut:
		return e.fail("write", syscall.EPIPE)
	}
	return nil
}

// Close ends the connection; the peer reads what was sent and then EOF.
func (e *pipeEnd) Close() error {
	p := e.pipe
	p.mu.Lock()
	if e.closed {
		p.mu.Unlock()
		return nil
	}
	e.closed = true
	e.inbox = nil
	if !p.cut {
		e.peer.finished = true
	}
	stop(e.readTimer)
	stop(e.wTimer)
	p.changed.Broadcast()
	onClose := e.onClose
	p.mu.Unlock()
	if onClose != nil {
		onClose()
	}
	return nil
}

// reset ends the connection by an error at both sides.
func (e *pipeEnd) reset() {
	p := e.pipe
	p.mu.Lock()
	if !p.cut && !e.peer.closed {
		e.peer.err = syscall.ECONNRESET
	}
	e.err = net.ErrClosed
	p.changed.Broadcast()
	p.mu.Unlock()
	e.Close()
}

// unplug lets the device's side end and leaves the other one in the dark.
func (e *pipeEnd) unplug() {
	p := e.pipe
	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
	e.reset()
}

// plug lets the next write to a cut connection be answered by a reset, since the
// device knows the connection no more.
func (e *pipeEnd) plug() {
	p := e.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.changed.Broadcast()
}

func (e *pipeEnd) SetDeadline(t time.Time) error {
	e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

func (e *pipeEnd) SetReadDeadline(t time.Time) error {
	return e.setDeadline(&e.readBy, &e.readTimer, t)
}

func (e *pipeEnd) SetWriteDeadline(t time.Time) error {
	return e.setDeadline(&e.writeBy, &e.wTimer, t)
}

func (e *pipeEnd) setDeadline(by *time.Time, timer **time.Timer, t time.Time) error {
	p := e.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.closed {
		return e.fail("set", net.ErrClosed)
	}
	stop(*timer)
	*by, *timer = t, nil
	if !t.IsZero() {
		*timer = time.AfterFunc(time.Until(t), func() {
			p.mu.Lock()
			p.changed.Broadcast()
			p.mu.Unlock()
		})
	}
	p.changed.Broadcast()
	return nil
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// expired says whether a deadline that was set has come.
func expired(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }
