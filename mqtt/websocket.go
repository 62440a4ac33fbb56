package mqtt

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The client's side of a WebSocket (RFC 6455), as far as MQTT needs it. paho's own can neither be cancelled while it
// connects nor be given a connection, and obeys the proxies in the environment.

const (
	opContinue = 0x0
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xa
)

// websocketGUID is the constant of RFC 6455, 1.3.
const websocketGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// upgrade asks the server on conn for a WebSocket that carries MQTT.
func upgrade(ctx context.Context, conn net.Conn, host, path string) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	nonce := make([]byte, 16)
	rand.Read(nonce)
	key := base64.StdEncoding.EncodeToString(nonce)
	limited := &io.LimitedReader{R: conn, N: 64 << 10} // the answer is a few headers; what isn't HTTP must not be read for ever
	in := bufio.NewReader(limited)
	if err := handshake(conn, in, host, path, key); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	if !stop() {
		return nil, context.Cause(ctx)
	}
	limited.N = math.MaxInt64
	return &websocket{Conn: conn, in: in, turn: make(chan struct{}, 1)}, nil
}

func handshake(conn net.Conn, in *bufio.Reader, host, path, key string) error {
	target, err := url.ParseRequestURI(path)
	if err != nil {
		return errors.New("the URL's path isn't valid")
	}
	req := &http.Request{Method: http.MethodGet, URL: target, Host: host, Header: http.Header{
		"Upgrade":                {"websocket"},
		"Connection":             {"Upgrade"},
		"Sec-WebSocket-Key":      {key},
		"Sec-WebSocket-Version":  {"13"},
		"Sec-WebSocket-Protocol": {"mqtt"},
	}}
	if err := req.Write(conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(in, req)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	_ = resp.Body.Close()
	return checkAnswer(resp, key)
}

func checkAnswer(resp *http.Response, key string) error {
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the server answered %d instead of switching: check port and path", resp.StatusCode)
	}
	sum := sha1.Sum([]byte(key + websocketGUID))
	if resp.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) ||
		!strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") {
		return errors.New("the server isn't a WebSocket")
	}
	if resp.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
		return errors.New("the server's WebSocket doesn't carry MQTT")
	}
	return nil
}

// websocket carries a stream of bytes in binary frames. One goroutine may read while others write.
type websocket struct {
	net.Conn
	in   *bufio.Reader
	left uint64 // payload bytes of the frame under way
	turn chan struct{}
}

// Write sends p as one frame.
func (w *websocket) Write(p []byte) (int, error) {
	if err := w.frame(opBinary, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *websocket) frame(op byte, payload []byte) error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	_, err := w.Conn.Write(appendFrame(nil, op, payload))
	return err
}

// appendFrame builds a whole frame with a fresh mask, as a client must (RFC 6455, 5.3).
func appendFrame(b []byte, op byte, payload []byte) []byte {
	b = append(b, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = append(b, 0x80|126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, 0x80|127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	var mask [4]byte
	rand.Read(mask[:])
	b = append(b, mask[:]...)
	start := len(b)
	b = append(b, payload...)
	for i := range payload {
		b[start+i] ^= mask[i%4]
	}
	return b
}

// Read returns bytes of data frames and answers pings on the way.
func (w *websocket) Read(p []byte) (int, error) {
	for w.left == 0 {
		if err := w.nextFrame(); err != nil {
			return 0, err
		}
	}
	if uint64(len(p)) > w.left {
		p = p[:w.left]
	}
	n, err := w.in.Read(p)
	w.left -= uint64(n)
	return n, err
}

// nextFrame reads a frame's header and leaves its payload to Read, or deals with a control frame.
func (w *websocket) nextFrame() error {
	var head [2]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return err
	}
	if head[0]&0x70 != 0 || head[1]&0x80 != 0 {
		return errors.New("WebSocket frame with extensions or a mask")
	}
	size, err := w.size(head[1])
	if err != nil {
		return err
	}
	switch op := head[0] & 0x0f; op {
	case opBinary, opContinue:
		w.left = size
		return nil
	case opClose:
		return io.EOF
	case opPing, opPong:
		return w.control(op, size)
	case opText:
		return errors.New("WebSocket text frame")
	default:
		return errors.New("unknown WebSocket frame")
	}
}

func (w *websocket) size(first byte) (uint64, error) {
	var b [8]byte
	switch first {
	case 126:
		_, err := io.ReadFull(w.in, b[6:])
		return binary.BigEndian.Uint64(b[:]), err
	case 127:
		_, err := io.ReadFull(w.in, b[:])
		return binary.BigEndian.Uint64(b[:]), err
	default:
		return uint64(first), nil
	}
}

func (w *websocket) control(op byte, size uint64) error {
	if size > 125 {
		return errors.New("WebSocket control frame is too long")
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(w.in, payload); err != nil {
		return err
	}
	if op == opPong {
		return nil
	}
	_ = w.Conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return w.frame(opPong, payload)
}
