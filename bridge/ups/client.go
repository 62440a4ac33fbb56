package ups

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const (
	defaultPort = "3493" // IANA: nut
	maxName     = 128    // bytes of a name or password in the configuration
)

// Config names one UPS at one server. Address and UPS are needed.
type Config struct {
	// Address is a host, or host:port; the port is 3493 unless told.
	Address string
	// UPS is its name in the server's ups.conf.
	UPS string
	// Username and Password are those of the server's upsd.users, both or neither.
	Username, Password string
	// Dial opens connections; it must end with ctx. Nil means net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client asks one UPS. Its methods may be called from any goroutine and don't wait
// for each other: each has its own connection, which it closes.
type Client struct {
	address  string
	ups      string
	username string
	password string
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// New makes a client; nothing is sent before the first call. Its error is for the
// person who wrote the configuration, and repeats nothing of it.
func New(c Config) (*Client, error) {
	address, err := withPort(c.Address)
	if err != nil {
		return nil, err
	}
	switch {
	case c.UPS == "" || len(c.UPS) > maxName || strings.ContainsFunc(c.UPS, notInNames):
		// Others aren't lost: upsd 2.8.0 drops a UPS whose name has a blank, # or =.
		return nil, errors.New(`the UPS's name must be that in ups.conf, without @host, blanks, quotes, \, # and =`)
	case (c.Username == "") != (c.Password == ""):
		return nil, errors.New("the UPS server's user name and password are needed both, or neither")
	case len(c.Username) > maxName || len(c.Password) > maxName:
		return nil, fmt.Errorf("the UPS server's user name and password may have %d bytes at most", maxName)
	case !isText(c.Username) || !isText(c.Password):
		return nil, errors.New("the UPS server's user name and password must be text without line breaks and control characters")
	}
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return &Client{address: address, ups: c.UPS, username: c.Username, password: c.Password, dial: dial}, nil
}

func notInNames(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar || strings.ContainsRune(`"\#=@`, r)
}

// withPort writes the port out.
func withPort(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"), defaultPort
	}
	_, notNumeric := netip.ParseAddr(host)
	n, badPort := strconv.ParseUint(port, 10, 16)
	if host == "" || badPort != nil || n == 0 || notNumeric != nil && strings.ContainsFunc(host, notInHosts) {
		return "", errors.New("the UPS server's address must look like 192.0.2.5, nas.example.org:3493 or [2001:db8::5]:3493")
	}
	return net.JoinHostPort(host, port), nil
}

func notInHosts(r rune) bool { return notInNames(r) || strings.ContainsRune("/:[]", r) }

// Read asks for one reading over a connection of its own. It takes no longer than
// ctx, and without a deadline in it 30 s at most.
func (c *Client) Read(ctx context.Context) (Reading, error) {
	s, err := c.open(ctx)
	if err != nil {
		return Reading{}, c.named(ctx, err)
	}
	defer s.close()
	r, err := s.read()
	if err != nil {
		return Reading{}, c.named(ctx, s.because(err))
	}
	return r, nil
}

// Commands are the instant commands that the UPS supports, as it calls them, in the
// server's order. Whether the user may give them isn't known before one is given,
// but a login that is refused at once is an error here.
func (c *Client) Commands(ctx context.Context) ([]string, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, c.named(ctx, err)
	}
	defer s.close()
	if s.denied != nil {
		return nil, c.named(ctx, s.denied)
	}
	names, err := s.list("CMD", c.ups)
	if err != nil {
		return nil, c.named(ctx, err)
	}
	return names, nil
}

// Names are those of all UPSes that the server has, in its order, for a person who
// doesn't know them. Those that New would refuse are left out.
func (c *Client) Names(ctx context.Context) ([]string, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, c.named(ctx, err)
	}
	defer s.close()
	names, err := s.list("UPS")
	if err != nil {
		return nil, c.named(ctx, s.because(err))
	}
	return slices.DeleteFunc(names, func(name string) bool {
		told := c.password != "" && strings.Contains(name, c.password) // a server could repeat it
		return told || name == "" || len(name) > maxName || strings.ContainsFunc(name, notInNames)
	}), nil
}

// named says which UPS an error is of. Where ctx has ended that is the reason.
func (c *Client) named(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("UPS %s at %s: %w", c.ups, c.address, err)
}
