package nvr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// maxAddresses bounds what a name is resolved to.
const maxAddresses = 16

// Address is the numeric host that answered the last signed-in request, "" before
// the first one. Probes go there: a name may lead elsewhere meanwhile.
func (c *Client) Address() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.remote.IsValid() {
		return ""
	}
	return c.remote.String()
}

// noteAddresses remembers both ends of the connection that a signed-in request was
// answered on. One in memory may not know its address; then the configured host
// counts, if it is numeric.
func (c *Client) noteAddresses(conn net.Conn) {
	if conn == nil {
		return
	}
	remote, ok := numeric(conn.RemoteAddr())
	if !ok {
		remote, _ = netip.ParseAddr(c.base.Hostname())
	}
	local, _ := numeric(conn.LocalAddr())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remote, c.local = remote.Unmap(), local.Unmap()
}

// numeric gives the address of one end of a connection.
func numeric(a net.Addr) (netip.Addr, bool) {
	if a == nil {
		return netip.Addr{}, false
	}
	p, err := netip.ParseAddrPort(a.String())
	return p.Addr(), err == nil
}

// Resolve gives the addresses of the configured host, at most 16: itself if it is
// numeric, otherwise what Config.Resolve says. An error proves nothing about the
// recorder.
func (c *Client) Resolve(ctx context.Context) ([]string, error) {
	host := c.base.Hostname()
	if a, err := netip.ParseAddr(host); err == nil {
		return []string{a.Unmap().String()}, nil
	}
	ctx, cancel := withDeadline(ctx, callTimeout)
	defer cancel()
	found, err := c.resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	var all []string
	for _, f := range found {
		a, err := netip.ParseAddr(f)
		if err != nil || len(all) == maxAddresses {
			continue
		}
		if s := a.Unmap().String(); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("look up %s: %w", host, errNoAddress)
	}
	return all, nil
}

var errNoAddress = errors.New("no address came")
