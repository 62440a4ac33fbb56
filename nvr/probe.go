package nvr

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// probeTimeout bounds a whole probe: a connection, and then an answer.
	probeTimeout = 3200 * time.Millisecond
	// answerTimeout bounds the answer to a probe's question.
	answerTimeout = 1500 * time.Millisecond
)

// Probe is a look at the recorder without credentials.
type Probe struct {
	Sight Sight
	HTTP  bool // something answered by HTTP
	// Evidence says what each port did.
	Evidence string
}

// Probe looks whether the recorder is there: TCP to its HTTP port, 554 and 8000 at
// the same time, 1.5 s each, and where the first is open GET /SDK/activateStatus, which
// devices answer without a sign-in (several clients). Host is numeric, see Address.
// It sends no credentials, doesn't wait for other requests and takes 3.2 s at most
// where Config.Dial ends with its context. A certificate isn't checked: an impostor
// could only pretend that something lives.
//
// Alive is called at the first sign of life, before what is slower is waited for: a
// recorder that starts takes connections long before it answers. It is called once at most.
func (c *Client) Probe(ctx context.Context, host string, alive func()) Probe {
	if _, err := netip.ParseAddr(host); err != nil {
		return Probe{Evidence: "not a numeric address"}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	ports := []string{c.base.Port()}
	for _, p := range []string{"554", "8000"} { // RTSP, SDK
		if !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	looks := lookAt(ctx, c.dial, host, ports, alive)
	defer closeAll(looks)
	p := Probe{Sight: together(looks)}
	words := make([]string, len(ports))
	for i, l := range looks {
		words[i] = ports[i] + " " + l.word
	}
	if looks[0].conn != nil {
		status := c.greet(ctx, looks[0].conn)
		p.HTTP = status != 0
		if p.HTTP {
			words = append(words, "HTTP "+strconv.Itoa(status))
		}
	}
	p.Evidence = strings.Join(words, ", ")
	return p
}

// greet asks for the activation status on an open connection, and gives the HTTP
// status of the answer, 0 for none.
func (c *Client) greet(ctx context.Context, conn net.Conn) int {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	transport := &http.Transport{
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String()+pathAlive, nil)
	if err != nil {
		return 0
	}
	req.Header.Set("User-Agent", "hikbridge")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
