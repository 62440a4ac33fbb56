package nvr_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

// ports dials as each port says; "" is the recorder itself.
type ports struct {
	r      *nvrtest.Recorder
	mu     sync.Mutex
	dialed []string
	do     map[string]error // nil: it hangs
}

func (p *ports) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	p.mu.Lock()
	p.dialed = append(p.dialed, address)
	p.mu.Unlock()
	_, port, _ := net.SplitHostPort(address)
	err, set := p.do[port]
	switch {
	case !set:
		return p.r.Dial(ctx, network, address)
	case err != nil:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	<-ctx.Done()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
}

func TestSightOfErrors(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	call := func(err error) error { return dial(os.NewSyscallError("connect", err)) }
	for _, tt := range []struct {
		name string
		err  error
		want nvr.Sight
	}{
		{"refused", call(syscall.ECONNREFUSED), nvr.SightAlive},
		{"reset", call(syscall.ECONNRESET), nvr.SightAlive},
		{"refused, wrapped again", fmt.Errorf("probe: %w", call(syscall.ECONNREFUSED)), nvr.SightAlive},
		{"refused, bare", syscall.ECONNREFUSED, nvr.SightAlive},
		{"no route to host", call(syscall.EHOSTUNREACH), nvr.SightSilent},
		{"the kernel's time-out", call(syscall.ETIMEDOUT), nvr.SightSilent},
		{"the dialer's time-out", dial(os.ErrDeadlineExceeded), nvr.SightSilent},
		{"the context's time-out", dial(context.DeadlineExceeded), nvr.SightSilent},
		{"no network", call(syscall.ENETUNREACH), nvr.SightUncertain},
		{"no permission", call(syscall.EPERM), nvr.SightUncertain},
		{"no access", call(syscall.EACCES), nvr.SightUncertain},
		{"no address here", call(syscall.EADDRNOTAVAIL), nvr.SightUncertain},
		{"too many files", call(syscall.EMFILE), nvr.SightUncertain},
		{"cancelled", dial(context.Canceled), nvr.SightUncertain},
		{"a lookup", dial(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}), nvr.SightUncertain},
		{"a lookup's time-out", dial(&net.DNSError{Err: "timeout", Name: "x", IsTimeout: true}), nvr.SightUncertain},
		{"another error", errors.New("something"), nvr.SightUncertain},
	} {
		if got := nvr.SightOf(tt.err); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// What net.Dialer itself gives.
func TestSightOfRealDials(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if s := nvr.ProbeHost(t.Context(), nil, address); s != nvr.SightAlive {
		t.Errorf("open: %v", s)
	}
	l.Close()
	if s := nvr.ProbeHost(t.Context(), nil, address); s != nvr.SightAlive {
		t.Errorf("refused: %v", s)
	}
	if s := nvr.ProbeHost(cancelled(t), nil, address); s != nvr.SightUncertain {
		t.Errorf("cancelled: %v", s)
	}
	if s := nvr.ProbeHost(t.Context(), nil, ""); s != nvr.SightUncertain {
		t.Errorf("no host: %v", s)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	_, err = (&net.Dialer{}).DialContext(late, "tcp", address)
	if s := nvr.SightOf(err); s != nvr.SightSilent {
		t.Errorf("a time-out: %v, %v", s, err)
	}
}

func TestProbe(t *testing.T) {
	refused, noRoute, noNetwork := error(syscall.ECONNREFUSED), error(syscall.EHOSTUNREACH), error(syscall.ENETUNREACH)
	for _, tt := range []struct {
		name  string
		with  func(*nvrtest.Recorder)
		do    map[string]error
		sight nvr.Sight
		http  bool
		says  string
		took  time.Duration
	}{
		{"it runs", nil, nil, nvr.SightAlive, true, "80 open, 554 open, 8000 open, HTTP 200", 0},
		{"its HTTP port alone", nil, map[string]error{"554": nil, "8000": nil}, nvr.SightAlive, true, "554 time-out", 1500 * time.Millisecond},
		{"it boots", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Status: 500}) }, nil, nvr.SightAlive, true, "HTTP 500", 0},
		{"it hangs", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{HalfOpen: true}) }, nil, nvr.SightAlive, false, "80 open", 1500 * time.Millisecond},
		{"it hangs, and the others are slow", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{HalfOpen: true}) }, map[string]error{"554": nil}, nvr.SightAlive, false, "80 open", 3 * time.Second},
		{"it resets", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Reset: true}) }, nil, nvr.SightAlive, false, "80 open", 0},
		{"an endless header", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{EndlessHeader: true}) }, nil, nvr.SightAlive, false, "80 open", 0},
		{"a page", func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{LoginPage: true}) }, nil, nvr.SightAlive, true, "HTTP 200", 0},
		{"all ports refuse", func(r *nvrtest.Recorder) { r.PortClosed(true) }, nil, nvr.SightAlive, false, "80 refused, 554 refused, 8000 refused", 0},
		{"one port refuses", nil, map[string]error{"80": nil, "554": refused, "8000": nil}, nvr.SightAlive, false, "554 refused", 1500 * time.Millisecond},
		{"unplugged", func(r *nvrtest.Recorder) { r.Unplug() }, nil, nvr.SightSilent, false, "80 time-out, 554 time-out, 8000 time-out", 1500 * time.Millisecond},
		{"no route", nil, map[string]error{"80": noRoute, "554": noRoute, "8000": nil}, nvr.SightSilent, false, "80 no route to host", 1500 * time.Millisecond},
		{"one port isn't certain", nil, map[string]error{"80": noRoute, "554": noNetwork, "8000": nil}, nvr.SightUncertain, false, "554 network unreachable", 1500 * time.Millisecond},
		{"no network", nil, map[string]error{"80": noNetwork, "554": noNetwork, "8000": noNetwork}, nvr.SightUncertain, false, "network unreachable", 0},
	} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(tt.name+", "+scheme, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := recorder(t, nvrtest.Config{})
					p := &ports{r: r, do: tt.do}
					do := map[string]error{}
					for port, err := range tt.do {
						if port == "80" && scheme == "https" {
							port = "443"
						}
						do[port] = err
					}
					p.do = do
					c, err := nvr.New(nvr.Config{URL: scheme + "://recorder.example.org", Username: "owner", Password: password, StateDir: t.TempDir(), Dial: p.Dial})
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					if tt.with != nil {
						tt.with(r)
					}
					began := time.Now()
					var signs []time.Duration
					got := c.Probe(t.Context(), "192.0.2.64", func() { signs = append(signs, time.Since(began)) })
					if alive := got.Sight == nvr.SightAlive; alive && !slices.Equal(signs, []time.Duration{0}) || !alive && signs != nil {
						t.Errorf("signs of life after %v", signs)
					}
					says := tt.says
					if scheme == "https" {
						says = strings.ReplaceAll(says, "80 ", "443 ")
					}
					if got.Sight != tt.sight || got.HTTP != tt.http || !strings.Contains(got.Evidence, says) || time.Since(began) != tt.took {
						t.Errorf("%+v after %v", got, time.Since(began))
					}
					for _, q := range r.Requests() {
						if q.Credentials || q.Path != "/SDK/activateStatus" {
							t.Errorf("%+v", q)
						}
					}
					slices.Sort(p.dialed)
					if len(p.dialed) != 3 || !strings.HasPrefix(p.dialed[0], "192.0.2.64:") {
						t.Errorf("dialed %v", p.dialed)
					}
				})
			})
		}
	}
}

func TestAProbeOfAPortThatIsLookedAtAnyway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &ports{r: recorder(t, nvrtest.Config{})}
		c, err := nvr.New(nvr.Config{URL: "http://192.0.2.10:8000", Username: "owner", Password: password, StateDir: t.TempDir(), Dial: p.Dial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got := c.Probe(t.Context(), "2001:db8::64", func() {})
		slices.Sort(p.dialed)
		if got.Sight != nvr.SightAlive || !got.HTTP || !slices.Equal(p.dialed, []string{"[2001:db8::64]:554", "[2001:db8::64]:8000"}) {
			t.Errorf("%+v, %v", got, p.dialed)
		}
		if got := c.Probe(t.Context(), "recorder.example.org", func() {}); got.Sight != nvr.SightUncertain || len(p.dialed) != 2 {
			t.Errorf("%+v, %v", got, p.dialed)
		}
	})
}

func TestAProbeWaitsForNobody(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.Fail(nvrtest.Fault{Path: "System/status", HalfOpen: true})
		var all sync.WaitGroup
		all.Go(func() { c.Status(t.Context()) })
		synctest.Wait()
		began := time.Now()
		if p := c.Probe(t.Context(), "192.0.2.10", func() {}); p.Sight != nvr.SightAlive || !p.HTTP || time.Since(began) != 0 {
			t.Errorf("%+v after %v", p, time.Since(began))
		}
		r.Unplug()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if p := c.Probe(ctx, "192.0.2.10", func() {}); p.Sight != nvr.SightUncertain || time.Since(began) != time.Second {
			t.Errorf("cut short: %+v after %v", p, time.Since(began))
		}
		all.Wait()
	})
}

// A shutdown as the prober sees it.
func TestProbesOfAShutdown(t *testing.T) {
	for link, want := range map[nvrtest.HaltedLink]nvr.Sight{
		nvrtest.HaltedSilent: nvr.SightSilent, nvrtest.HaltedNoRoute: nvr.SightSilent, nvrtest.HaltedRefuses: nvr.SightAlive,
	} {
		asking(t, nvrtest.Config{Halt: nvrtest.Halt{Link: link}}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			c.Shutdown(t.Context())
			look := func(after time.Duration, sight nvr.Sight, http bool) {
				t.Helper()
				time.Sleep(after)
				if p := c.Probe(t.Context(), c.Address(), func() {}); p.Sight != sight || p.HTTP != http {
					t.Errorf("%v: %+v", link, p)
				}
			}
			look(0, nvr.SightAlive, true)
			look(9*time.Second, want, false)
			look(time.Minute, want, false)
			r.CutPower()
			look(0, nvr.SightSilent, false)
			r.RestorePower()
			look(10*time.Second, nvr.SightSilent, false)
			look(40*time.Second, nvr.SightAlive, true)
		})
	}
}

func TestAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		at := "192.0.2.64:80"
		for _, tt := range []struct {
			url, want string
			dial      func(ctx context.Context, network, address string) (net.Conn, error)
		}{
			{"http://192.0.2.10", "192.0.2.10", r.Dial},
			{"https://[2001:db8::1]", "2001:db8::1", r.Dial},
			{"http://recorder.example.org", "192.0.2.77", func(ctx context.Context, network, _ string) (net.Conn, error) {
				return r.Dial(ctx, network, at)
			}},
			{"http://192.0.2.11", "192.0.2.11", func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := r.Dial(ctx, network, address)
				return nowhere{conn}, err
			}},
			{"http://recorder.example.org", "", func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := r.Dial(ctx, network, address)
				return nowhere{conn}, err
			}},
		} {
			at = "192.0.2.64:80"
			c, err := nvr.New(nvr.Config{URL: tt.url, TLS: "insecure", Username: "owner", Password: password, StateDir: t.TempDir(), Dial: tt.dial})
			if err != nil {
				t.Fatal(err)
			}
			r.Fail(nvrtest.Fault{Status: 500})
			c.Info(t.Context())
			r.ClearFaults()
			if a := c.Address(); a != "" {
				t.Errorf("before it signed in: %q", a)
			}
			c.Info(t.Context())
			at = "192.0.2.77:80" // a name that leads elsewhere
			r.ResetStreams()
			time.Sleep(time.Minute) // no connection is kept
			c.Info(t.Context())
			if a := c.Address(); a != tt.want {
				t.Errorf("%s: %q", tt.url, a)
			}
			c.Close()
		}
	})
}

// nowhere is a connection that doesn't know its address.
type nowhere struct{ net.Conn }

func (nowhere) RemoteAddr() net.Addr { return nil }
func (nowhere) LocalAddr() net.Addr  { return &net.UnixAddr{Name: "here"} }

func TestResolve(t *testing.T) {
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("192.0.2.%d", i))
	}
	for _, tt := range []struct {
		url   string
		found []string
		err   error
		want  []string
	}{
		{"http://192.0.2.10", nil, errors.New("never asked"), []string{"192.0.2.10"}},
		{"http://[2001:db8::1]:81", nil, errors.New("never asked"), []string{"2001:db8::1"}},
		{"http://recorder.example.org", []string{"192.0.2.10", "odd", "::ffff:192.0.2.10", "2001:db8::1"}, nil, []string{"192.0.2.10", "2001:db8::1"}},
		{"http://recorder.example.org", many, nil, many[:16]},
		{"http://recorder.example.org", nil, nil, nil},
		{"http://recorder.example.org", nil, &net.DNSError{Err: "no such host", Name: "recorder.example.org"}, nil},
	} {
		c, err := nvr.New(nvr.Config{URL: tt.url, Username: "owner", Password: password, StateDir: t.TempDir(), Resolve: func(ctx context.Context, host string) ([]string, error) {
			if _, limited := ctx.Deadline(); !limited || host != "recorder.example.org" {
				t.Errorf("asked for %q", host)
			}
			return tt.found, tt.err
		}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Resolve(t.Context())
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) || tt.err != nil && tt.want == nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, %v", tt.url, got, err)
		}
		c.Close()
	}
}

func TestProbeHost(t *testing.T) {
	refused, noRoute, noNetwork := error(syscall.ECONNREFUSED), error(syscall.EHOSTUNREACH), error(syscall.ENETUNREACH)
	silent := map[string]error{}
	for _, port := range []string{"80", "443", "22", "53", "7", "445", "1883"} {
		silent[port] = nil
	}
	but := func(port string, err error) map[string]error {
		do := map[string]error{}
		for p := range silent {
			do[p] = nil
		}
		do[port] = err
		return do
	}
	for _, tt := range []struct {
		name, address string
		do            map[string]error
		want          nvr.Sight
		dialed        int
	}{
		{"all open", "192.0.2.5", nil, nvr.SightAlive, 7},
		{"all silent", "192.0.2.5", silent, nvr.SightSilent, 7},
		{"one refuses", "192.0.2.5", but("7", refused), nvr.SightAlive, 7},
		{"one has no route", "192.0.2.5", but("53", noRoute), nvr.SightSilent, 7},
		{"one has no network", "192.0.2.5", but("53", noNetwork), nvr.SightUncertain, 7},
		{"with a port", "192.0.2.5:9", map[string]error{"9": nil}, nvr.SightSilent, 1},
		{"with a port that refuses", "switch.example.org:9", map[string]error{"9": refused}, nvr.SightAlive, 1},
		{"IPv6", "2001:db8::5", silent, nvr.SightSilent, 7},
		{"IPv6 in brackets", "[2001:db8::5]", silent, nvr.SightSilent, 7},
		{"IPv6 with a port", "[2001:db8::5]:9", map[string]error{"9": noRoute}, nvr.SightSilent, 1},
		{"a name that isn't found", "switch.example.org", but("80", &net.DNSError{Err: "no such host"}), nvr.SightUncertain, 7},
		{"no host", ":80", nil, nvr.SightUncertain, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &ports{r: recorder(t, nvrtest.Config{}), do: tt.do}
			began := time.Now()
			if got := nvr.ProbeHost(t.Context(), p.Dial, tt.address); got != tt.want || len(p.dialed) != tt.dialed || time.Since(began) > 1500*time.Millisecond {
				t.Errorf("%s: %v after %v, dialed %v", tt.name, got, time.Since(began), p.dialed)
			}
			host := strings.Trim(strings.TrimSuffix(tt.address, ":9"), "[]")
			for _, a := range p.dialed {
				if got, _, err := net.SplitHostPort(a); err != nil || got != host {
					t.Errorf("%s: dialed %s", tt.name, a)
				}
			}
		})
	}
}
