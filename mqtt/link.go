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
	once      sync.Once
	dead      chan struct{} // closed when the connection ended
	// err is why, byPeer that it was the broker's doing. Both are to be read after dead is closed.
	err    error
	byPeer bool
}

// newLink wraps a connection and the one below its layers.
func newLink(conn, raw net.Conn) *link {
	return &link{
		Conn: conn,
		raw:  raw,
		in:   bufio.NewReader(conn), // paho reads byte by byte
		turn: make(chan struct{}, 1),
		dead: make(chan struct{}),
	}
}

// fail ends the connection. The first reason stays.
func (l *link) fail(err error) {
	l.once.Do(func() {
		l.err, l.byPeer = readable(err), isClose(err)
		close(l.dead)
		_ = l.raw.Close()
	})
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
	if err != nil {
		l.fail(err)
	}
	return n, err
}

// Write is paho's.
func (l *link) Write(p []byte) (int, error) {
	if p[0]>>4 == publishPacket {
		return l.write(p, 1)
	}
	return l.write(p, 0)
}

// publishPacket is the type of a PUBLISH packet, in the upper half of its first byte (MQTT 3.1.1, 2.2.1).
const publishPacket = 3

// write writes whole packets, of which some are PUBLISH packets of paho.
func (l *link) write(p []byte, published int64) (int, error) {
	select {
	case l.turn <- struct{}{}:
	case <-l.dead:
		return 0, net.ErrClosed
	}
	defer func() { <-l.turn }()
	l.published.Add(published)
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
