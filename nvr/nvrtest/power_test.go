package nvrtest_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

func TestReboot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		ch := c.challenge(status)
		c.use(ch, status, 1).want(t, 200).says(t, "<deviceUpTime>1038840<")
		r.Reboot(90 * time.Second)
		time.Sleep(90*time.Second - 1)
		if _, err := c.try(t.Context(), "GET", status, ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("while it is down: %v", err)
		}
		time.Sleep(11 * time.Second)
		c.use(ch, status, 2).want(t, 401) // the nonce is forgotten
		c.get(status).want(t, 200).says(t, "<deviceUpTime>10<")
		if len(r.Counted()) != 0 {
			t.Error("a forgotten nonce counted")
		}
	})
}

func TestRebootDropsAnOpenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{NoAnswer: true})
		go func() {
			time.Sleep(time.Second)
			r.Reboot(time.Minute)
		}()
		start := time.Now()
		if _, err := c.try(t.Context(), "GET", info, ""); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestRebootSilentlyWithErrorsAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.RebootWith(nvrtest.Boot{Down: time.Minute, Silent: true, Errors: 20 * time.Second, Denies: 30 * time.Second})
		start := time.Now()
		c.send("GET", info, "").want(t, 500).says(t, "deviceError") // the dial hung until now
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %v", took)
		}
		time.Sleep(20 * time.Second)
		c.get(info).want(t, 401) // the users aren't loaded
		if r.Rejected() != 1 || len(r.Counted()) != 0 {
			t.Errorf("%d rejected, %d counted", r.Rejected(), len(r.Counted()))
		}
		time.Sleep(10 * time.Second)
		c.get(info).want(t, 200)
	})
}

func TestRebootAndLocks(t *testing.T) {
	for _, tt := range []struct {
		model nvrtest.Model
		stays bool
	}{{nvrtest.NVR, true}, {nvrtest.Camera, false}} {
		synctest.Test(t, func(t *testing.T) {
			r, c := newRecorder(t, nvrtest.Config{Model: tt.model})
			c.password = "wrong"
			for range 5 {
				c.get(info)
			}
			r.Reboot(0)
			if r.Locked() != tt.stays {
				t.Errorf("%v: locked %v after a restart", tt.model, r.Locked())
			}
		})
	}
}

func TestUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		ch := c.challenge(info)
		old, err := r.Dial(t.Context(), "tcp", "192.0.2.64:80")
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		r.Unplug()

		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := r.Dial(ctx, "tcp", "192.0.2.64:80"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 7*time.Second {
			t.Errorf("dial: %v after %v", err, time.Since(start))
		}
		if _, err := old.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Errorf("write into the cut cable: %v", err)
		}
		old.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := old.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read from the cut cable: %v", err)
		}
		go func() {
			time.Sleep(time.Minute)
			r.Plug()
		}()
		again, err := r.Dial(t.Context(), "tcp", "192.0.2.64:80")
		if err != nil {
			t.Fatalf("a dial that hung: %v", err)
		}
		again.Close()
		if _, err := old.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write into the old connection: %v", err)
		}
		c.http.CloseIdleConnections()
		c.use(ch, info, 1).want(t, 200) // it was only the cable
	})
}

func TestPortClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.PortClosed(true)
		if _, err := c.try(t.Context(), "GET", info, ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v", err)
		}
		r.PortClosed(false)
		c.get(info).want(t, 200)
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := nvrtest.New(nvrtest.Config{})
		c := newClient(t, r.Dial)
		r.Fail(nvrtest.Fault{HalfOpen: true})
		done := make(chan error)
		go func() {
			_, err := c.try(t.Context(), "GET", info, "")
			done <- err
		}()
		synctest.Wait()
		r.Close()
		r.Close()
		if err := <-done; err == nil {
			t.Error("an answer after Close")
		}
		if _, err := r.Dial(t.Context(), "tcp", "192.0.2.64:80"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial after Close: %v", err)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		ch := c.challenge(info)
		for nc := range 5 {
			c.use(ch, info, nc+1).want(t, 200)
			time.Sleep(59 * time.Second)
		}
		if n := r.Connections(); n != 1 {
			t.Errorf("%d connections within keep-alive", n)
		}
		time.Sleep(2 * time.Second)
		c.use(ch, info, 9).want(t, 200)
		if n := r.Connections(); n != 2 {
			t.Errorf("%d connections after an idle minute", n)
		}
	})
}

func TestConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRecorder(t, nvrtest.Config{})
		conn, err := r.Dial(t.Context(), "tcp", "192.0.2.64:8000")
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.RemoteAddr().String(); got != "192.0.2.64:8000" {
			t.Errorf("remote %s", got)
		}
		conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		start := time.Now()
		_, err = conn.Read(make([]byte, 1))
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() || time.Since(start) != 3*time.Second {
			t.Errorf("read: %v after %v", err, time.Since(start))
		}
		conn.SetReadDeadline(time.Time{})
		go func() {
			time.Sleep(time.Second)
			conn.Close()
		}()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read of a closed connection: %v", err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write to a closed connection: %v", err)
		}
	})
}

func TestTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRecorder(t, nvrtest.Config{Model: nvrtest.Camera})
		roots := x509.NewCertPool()
		roots.AddCert(r.Certificate())
		for _, config := range []*tls.Config{
			{RootCAs: roots},
			{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
				if sha256.Sum256(s.PeerCertificates[0].Raw) != r.Fingerprint() {
					return errors.New("another certificate")
				}
				return nil
			}},
		} {
			c := newClient(t, r.Dial)
			c.base = "https://192.0.2.64"
			transport := c.http.Transport.(*http.Transport)
			transport.TLSClientConfig = config
			c.get(info).want(t, 200)
			c.http.CloseIdleConnections() // a reused connection would be tried again
			r.Fail(nvrtest.Fault{Reset: true, Times: 1})
			if _, err := c.try(t.Context(), "GET", info, ""); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("reset through TLS: %v", err)
			}
		}
		other, _ := newRecorder(t, nvrtest.Config{})
		if other.Fingerprint() == r.Fingerprint() {
			t.Error("two recorders have one certificate")
		}
	})
}

func TestServeTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRecorder(t, nvrtest.Config{})
		port := memoryPort{make(chan net.Conn), make(chan struct{})}
		go r.ServeTLS(port)
		c := newClient(t, port.dial)
		c.base = "https://192.0.2.64"
		roots := x509.NewCertPool()
		roots.AddCert(r.Certificate())
		c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
		c.get(info).want(t, 200)
	})
}

func TestDialOfACancelledContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRecorder(t, nvrtest.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Dial(ctx, "tcp", "192.0.2.64:80"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// A request that is on its way when the cable is pulled hangs until its deadline.
func TestUnpluggedInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Delay: 5 * time.Second})
		go func() {
			time.Sleep(time.Second)
			r.Unplug()
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := c.try(ctx, "GET", info, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTLSOfAnOldDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRecorder(t, nvrtest.Config{TLS: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}})
		c := newClient(t, r.Dial)
		c.base = "https://192.0.2.64:8443"
		if _, err := c.try(t.Context(), "GET", info, ""); err == nil {
			t.Error("a modern client connected")
		}
		c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
		c.get(info).want(t, 200)
	})
}

// memoryPort is a listener without a port, for Serve.
type memoryPort struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p memoryPort) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p memoryPort) Close() error   { close(p.closed); return nil }
func (p memoryPort) Addr() net.Addr { return &net.TCPAddr{} }

func (p memoryPort) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p.conns <- there
	return here, nil
}

func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRecorder(t, nvrtest.Config{})
		port := memoryPort{make(chan net.Conn), make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- r.Serve(port) }()
		c := newClient(t, port.dial)
		c.get(info).want(t, 200)

		r.Unplug()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.try(ctx, "GET", info, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("unplugged: %v", err)
		}
		r.Plug()
		r.PortClosed(true)
		c.http.CloseIdleConnections()
		if _, err := c.try(t.Context(), "GET", info, ""); err == nil {
			t.Error("an answer from a closed port")
		}
		r.PortClosed(false)
		c.get(info).want(t, 200)
		r.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if err := r.Serve(memoryPort{nil, make(chan struct{})}); err == nil {
			t.Error("Serve after Close has no error")
		}
	})
}
