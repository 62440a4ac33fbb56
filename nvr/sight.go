package nvr

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Sight is what a look without credentials says of a host.
type Sight int

const (
	SightUncertain Sight = iota // neither: a lookup failed, no network, no permission, cancelled
	SightAlive                  // something came: a byte, an open port, a refused port
	SightSilent                 // every port: a connect time-out or "no route to host"
)

func (s Sight) String() string {
	switch s {
	case SightUncertain:
		return "uncertain"
	case SightAlive:
		return "alive"
	case SightSilent:
		return "silent"
	}
	panic("nvr: unknown Sight")
}

// dialTimeout bounds one connection of a probe.
const dialTimeout = 1500 * time.Millisecond

// dialer opens connections, as net.Dialer.DialContext does.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// look is what dialling one port brought.
type look struct {
	sight Sight
	word  string // for people
	conn  net.Conn
}

// lookAt dials ports of a host, all at the same time, and calls alive at the first
// sign of life, if there is one. The connections are the caller's to close.
func lookAt(ctx context.Context, dial dialer, host string, ports []string, alive func()) []look {
	type numbered struct {
		int
		look
	}
	came := make(chan numbered, len(ports)) // one from each, so none waits
	for i, port := range ports {
		go func() { came <- numbered{i, lookOnce(ctx, dial, net.JoinHostPort(host, port))} }()
	}
	looks := make([]look, len(ports))
	tell := sync.OnceFunc(alive)
	for range ports {
		n := <-came
		looks[n.int] = n.look
		if n.sight == SightAlive {
			tell()
		}
	}
	return looks
}

func lookOnce(ctx context.Context, dial dialer, address string) look {
	limited, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := dial(limited, "tcp", address)
	if err == nil {
		return look{SightAlive, "open", conn}
	}
	if ctx.Err() != nil { // cut short from outside: that is no time-out of the host
		return look{SightUncertain, "not looked at long enough", nil}
	}
	sight, word := sightOf(err)
	return look{sight, word, nil}
}

// sightOf reads a dial's error. What isn't certainly one or the other is uncertain.
func sightOf(err error) (Sight, string) {
	var lookup *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &lookup):
		return SightUncertain, "name not found"
	case errors.Is(err, syscall.ECONNREFUSED):
		return SightAlive, "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return SightAlive, "reset"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return SightSilent, "no route to host"
	case errors.Is(err, syscall.ENETUNREACH):
		return SightUncertain, "network unreachable"
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return SightUncertain, "no permission"
	case errors.Is(err, context.Canceled):
		return SightUncertain, "cancelled"
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return SightSilent, "time-out"
	}
	return SightUncertain, "another error"
}

// together joins the ports: one sign of life is enough, all must be silent.
func together(looks []look) Sight {
	silent := len(looks) > 0
	for _, l := range looks {
		if l.sight == SightAlive {
			return SightAlive
		}
		silent = silent && l.sight == SightSilent
	}
	if silent {
		return SightSilent
	}
	return SightUncertain
}

// witnessPorts are tried on a host whose owner named none: web, SSH, DNS, echo,
// SMB and MQTT. A host that is there refuses those that are closed.
var witnessPorts = []string{"80", "443", "22", "53", "7", "445", "1883"}

// ProbeHost looks at a host other than the recorder, the witness: address is host or
// host:port. A port that is open or refused is life; all of them must time out or
// have no route for silence. It takes 1.5 s at most where dial ends with its context;
// nil is net.Dialer.
func ProbeHost(ctx context.Context, dial func(ctx context.Context, network, address string) (net.Conn, error), address string) Sight {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	ports := witnessPorts
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	} else {
		ports = []string{port}
	}
	if host == "" {
		return SightUncertain // net.Dialer would take it for this host
	}
	looks := lookAt(ctx, dial, host, ports, func() {})
	closeAll(looks)
	return together(looks)
}

func closeAll(looks []look) {
	for _, l := range looks {
		if l.conn != nil {
			l.conn.Close()
		}
	}
}
