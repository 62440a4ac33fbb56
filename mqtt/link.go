package mqtt

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	// writeTimeout is how long a write may take without progress. paho guards only publishes, and only as a whole.
	writeTimeout = 5 * time.Second
	// writeChunk is what must have gone out within a writeTimeout: small enough for slow links.
	writeChunk = 64 << 10
)

// link is the connection under paho. It knows when and why the connection ended, whatever paho makes of it, and gives every
// write a deadline.
type link struct {
	net.Conn
	raw  net.Conn // the connection below TLS: closing TLS itself may wait for a broker that reads nothing
	in   *bufio.Reader
	turn chan struct{} // held while writing: paho's pings come from another goroutine than its other packets
	// published counts the PUBLISH packets of paho that nothing can overtake any more: each is one Write, which has its turn.
	published atomic.Int64
	pings     *pings
	frames    framer
	stage     atomic.Int32
	urgent    atomic.Int64 // when something was written for Now, in Unix nanoseconds
	goodbye   atomic.Bool  // DISCONNECT was sent
	once      sync.Once
	dead      chan struct{} // closed when the connection ended
	// err is why, byPeer that it was the broker's doing. Both are to be read after dead is closed.
	err    error
	byPeer bool
	ending chan struct{} // held while down is set or called
	down   func()        // nil when it has been called
}

// The stages of a connection, for what may go out by Now.
const (
	joining  int32 = iota
	up             // told as Connected
	informed       // told as Replayed
	leaving        // the goodbye is next
)

// newLink wraps a connection and the one below its layers.
func newLink(conn, raw net.Conn) *link {
	return &link{
		Conn:   conn,
		raw:    raw,
		in:     bufio.NewReader(conn), // paho reads byte by byte
		turn:   make(chan struct{}, 1),
		pings:  newPings(),
		ending: make(chan struct{}, 1),
		dead:   make(chan struct{}),
	}
}

// fail ends the connection. The first reason stays. What the kernel still holds of it isn't sent any more, unless we have said
// goodbye: it would reach the broker late, when the next connection has told otherwise.
func (l *link) fail(err error) {
	l.once.Do(func() {
		l.err, l.byPeer = readable(err), isClose(err)
		close(l.dead)
		if conn, ok := l.raw.(interface{ SetLinger(int) error }); ok && !l.goodbye.Load() {
			_ = conn.SetLinger(0)
		}
		_ = l.raw.Close()
		l.onEnd(nil)
	})
}

// onEnd sets what is called once when the connection has ended, at once if it has; nil leaves what was set before. After the
// end it returns when that call is over, whoever made it.
func (l *link) onEnd(down func()) {
	l.ending <- struct{}{}
	defer func() { <-l.ending }()
	if down != nil {
		l.down = down
	}
	if l.down != nil && l.isDead() {
		down, l.down = l.down, nil
		down()
	}
}

func (l *link) isDead() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

func (l *link) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	for range l.frames.read(p[:n]) {
		l.pings.pong()
	}
	if err != nil {
		l.fail(err)
	}
	return n, err
}

// Write is paho's.
func (l *link) Write(p []byte) (int, error) {
	switch p[0] >> 4 {
	case packets.Publish:
		return l.write(p, 1)
	case packets.Disconnect:
		l.goodbye.Store(true)
	}
	return l.write(p, 0)
}

// write writes whole packets, of which some are PUBLISH packets of paho.
func (l *link) write(p []byte, published int64) (int, error) {
	select {
	case l.turn <- struct{}{}:
	case <-l.dead:
		return 0, net.ErrClosed
	}
	defer func() { <-l.turn }()
	l.published.Add(published)
	if p[0]>>4 == packets.Pingreq {
		l.pings.asked()
	}
	return l.put(p)
}

// put writes for whoever has the turn.
func (l *link) put(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		chunk := p[written:min(len(p), written+writeChunk)]
		_ = l.Conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		n, err := l.Conn.Write(chunk)
		written += n
		if err != nil {
			l.fail(err)
			return written, err
		}
	}
	return written, nil
}

// Close is called by paho only: when the broker doesn't answer a ping, and when the connection is over anyway.
func (l *link) Close() error {
	l.fail(errPahoClosed)
	return nil
}

// SetDeadline leaves the write deadline alone, which each write sets.
func (l *link) SetDeadline(t time.Time) error { return l.Conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing: each write sets its own.
func (l *link) SetWriteDeadline(time.Time) error { return nil }

// isClose reports whether an error says that the peer ended the connection, rather than we, a time-out or the network.
func isClose(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func readable(err error) error {
	if errors.Is(err, io.EOF) {
		return errClosed
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return noAnswer{err}
	}
	return err
}

// noAnswer is a time-out, said for people.
type noAnswer struct{ error }

func (e noAnswer) Error() string   { return ErrNoAnswer.Error() + " (" + e.error.Error() + ")" }
func (e noAnswer) Unwrap() []error { return []error{ErrNoAnswer, e.error} }
