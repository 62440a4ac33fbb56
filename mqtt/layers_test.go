package mqtt_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

// oneConn is a listener for Broker.Serve that hands over connections made by hand.
type oneConn struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newOneConn() *oneConn { return &oneConn{conns: make(chan net.Conn), done: make(chan struct{})} }

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// through returns a Dial whose connections reach the broker by way of a layer on the server's side.
func through(t *testing.T, b *mqtttest.Broker, layer func(net.Conn) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	l := newOneConn()
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Serve(l) })
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := mqtttest.Pipe()
		wg.Go(func() {
			conn, err := layer(server)
			if err != nil {
				_ = server.Close()
				return
			}
			select {
			case l.conns <- conn:
			case <-l.done:
				_ = conn.Close()
			}
		})
		return client, nil
	}
}

func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestLayers(t *testing.T) {
	for _, url := range []string{"mqtts://broker", "ws://broker/mqtt", "wss://broker/mqtt?x=y"} {
		t.Run(url, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				cert, pool := certificate(t, "broker")
				cfg := config(b)
				cfg.URL, cfg.TLS, cfg.Subscribe = url, &tls.Config{RootCAs: pool}, []string{"in/#"}
				cfg.Dial = through(t, b, func(conn net.Conn) (net.Conn, error) {
					if strings.HasPrefix(url, "mqtts") || strings.HasPrefix(url, "wss") {
						conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
					}
					if strings.HasPrefix(url, "ws") {
						return serveWebSocket(conn)
					}
					return conn, nil
				})
				r := run(t, newClient(t, cfg))
				r.expect(mqtt.Replayed, time.Second)
				r.state("small", "v")
				r.state("middle", text(300))
				r.state("large", text(200_000))
				eventually(t, b, time.Second, "large state", holds(b, "large", text(200_000)))
				checkNow(t, r, plugOff, always, nil, 0)
				eventually(t, b, time.Second, "now", func() bool { return len(payloads(b, plugOff.Topic)) == 1 })
				for _, n := range []int{1, 125, 126, 65_535, 65_536, 200_000} {
					b.Publish("in/x", []byte(text(n)), false)
					if in := <-r.Inbox(); string(in.Payload) != text(n) {
						t.Errorf("%d bytes came as %d", n, len(in.Payload))
					}
				}
				time.Sleep(3 * time.Minute) // pings
				if n := r.Stats().Connections; n != 1 {
					t.Errorf("%d connections", n)
				}
				if err := r.finish(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestCertificateOfAnotherHostIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cert, pool := certificate(t, "other")
		cfg := config(b)
		cfg.URL, cfg.TLS = "mqtts://broker", &tls.Config{RootCAs: pool}
		cfg.Dial = through(t, b, func(conn net.Conn) (net.Conn, error) {
			return tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}), nil
		})
		r := run(t, newClient(t, cfg))
		change := r.expect(mqtt.Unreachable, time.Second)
		var hostname x509.HostnameError
		if !errors.As(change.Err, &hostname) {
			t.Errorf("told %v", change.Err)
		}
	})
}

func TestStopDuringHandshake(t *testing.T) {
	for _, url := range []string{"mqtts://broker", "ws://broker", "wss://broker"} {
		t.Run(url, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				cfg := config(b)
				cfg.URL = url
				b.Freeze()
				r := run(t, newClient(t, cfg))
				if change := r.expect(mqtt.Unreachable, 6*time.Second); !errors.Is(change.Err, mqtt.ErrNoAnswer) {
					t.Errorf("told %v", change.Err)
				}
				time.Sleep(2 * time.Second)
				begin := time.Now()
				if err := r.finish(); err != nil || time.Since(begin) != 0 {
					t.Errorf("Run returned %v after %v", err, time.Since(begin))
				}
			})
		})
	}
}

func TestWebSocketAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"a page":                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
		"wrong accept":          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
		"not HTTP":              "SSH-2.0-OpenSSH_9.2\r\n",
		"headers without end":   "HTTP/1.1 101 Switching Protocols\r\n" + strings.Repeat("X: y\r\n", 20_000),
		"an end without answer": "",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				cfg := config(b)
				cfg.URL = "ws://broker"
				cfg.Dial = through(t, b, func(conn net.Conn) (net.Conn, error) {
					_, _ = http.ReadRequest(bufio.NewReader(conn))
					_, _ = io.WriteString(conn, answer)
					return nil, errors.New("over")
				})
				r := run(t, newClient(t, cfg))
				r.expect(mqtt.Unreachable, time.Second)
			})
		})
	}
}

// serveWebSocket is the server's side of a WebSocket, which pings and splits its messages into several frames.
func serveWebSocket(conn net.Conn) (net.Conn, error) {
	in := bufio.NewReader(conn)
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil, err
	}
	if req.URL.Path != "/mqtt" || req.Header.Get("Sec-WebSocket-Protocol") != "mqtt" || req.Host == "" {
		return nil, errors.New("not for us")
	}
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
	return &serverSocket{Conn: conn, in: in}, err
}

type serverSocket struct {
	net.Conn
	in   *bufio.Reader
	mask [4]byte
	pos  uint64
	left uint64
}

func (s *serverSocket) Read(p []byte) (int, error) {
	for s.left == 0 {
		if err := s.frame(); err != nil {
			return 0, err
		}
	}
	n, err := s.in.Read(p[:min(uint64(len(p)), s.left)])
	for i := range n {
		p[i] ^= s.mask[s.pos%4]
		s.pos++
	}
	s.left -= uint64(n)
	return n, err
}

func (s *serverSocket) frame() error {
	var head [2]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return err
	}
	size := uint64(head[1] & 0x7f)
	var long [8]byte
	switch size {
	case 126:
		_, _ = io.ReadFull(s.in, long[6:])
		size = binary.BigEndian.Uint64(long[:])
	case 127:
		_, _ = io.ReadFull(s.in, long[:])
		size = binary.BigEndian.Uint64(long[:])
	}
	if _, err := io.ReadFull(s.in, s.mask[:]); err != nil {
		return err
	}
	switch {
	case head[1]&0x80 == 0:
		return errors.New("frame without mask")
	case head[0] == 0x80|0xa: // the answer to a ping
		payload := make([]byte, size)
		_, err := io.ReadFull(s.in, payload)
		for i := range payload {
			payload[i] ^= s.mask[i%4]
		}
		if string(payload) != "still there?" {
			return errors.New("pong with other content")
		}
		return err
	case head[0] != 0x80|0x2:
		return errors.New("not a whole binary frame")
	}
	s.pos, s.left = 0, size
	return nil
}

func (s *serverSocket) Write(p []byte) (int, error) {
	half := len(p) / 2
	frames := serverFrame(nil, 0x2, p[:half])
	frames = serverFrame(frames, 0x80|0x9, []byte("still there?"))
	frames = serverFrame(frames, 0x80, p[half:])
	_, err := s.Conn.Write(frames)
	return len(p), err
}

func serverFrame(b []byte, head byte, payload []byte) []byte {
	b = append(b, head)
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}
