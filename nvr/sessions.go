package nvr

import (
	"context"
	"net/netip"
	"strings"
)

const (
	pathOnlineUser = "Security/onlineUser"
	maxSessions    = 128
)

// Session is somebody who is signed in at the recorder.
type Session struct {
	Name string
	// Level is the device's word, "admin" for example.
	Level         string
	Administrator Maybe[bool]
	// Own says whether it is a session of this account from this host's address.
	// Not known where the device doesn't tell the address.
	Own Maybe[bool]
}

// Sessions asks who is signed in (Security/onlineUser): web pages, clients and SDK.
// Requests like the client's own open no session, nor do downloads by them (17
// recorders). At most 128 are told. Newer firmware that hasn't the question:
// ErrUnsupported.
func (c *Client) Sessions(ctx context.Context) ([]Session, error) {
	var w struct {
		Users []struct {
			Name    string `xml:"name"`
			Type    string `xml:"type"`
			Address string `xml:"clientAddress>ipAddress"`
			Other   string `xml:"clientAddress>ipv6Address"`
		} `xml:"OnlineUser"`
	}
	if err := c.get(ctx, pathOnlineUser, &w, "OnlineUserList"); err != nil {
		return nil, err
	}
	c.mu.Lock()
	local := c.local
	c.mu.Unlock()
	var all []Session
	for _, u := range w.Users[:min(len(w.Users), maxSessions)] {
		s := Session{Name: name(u.Name), Level: text(u.Type), Administrator: administrator(u.Type), Own: known(false)}
		if text(u.Name) == c.username {
			s.Own = sameHost(local, u.Address, u.Other)
		}
		all = append(all, s)
	}
	return all, nil
}

// administrator reads a user's type ("admin" seen) or level.
func administrator(word string) Maybe[bool] {
	switch strings.ToLower(text(word)) {
	case "admin", "administrator":
		return known(true)
	case "operator", "viewer", "user":
		return known(false)
	}
	return Maybe[bool]{}
}

// sameHost compares this host's address with those that are told.
func sameHost(local netip.Addr, told ...string) Maybe[bool] {
	var same Maybe[bool]
	for _, s := range told {
		a, err := netip.ParseAddr(text(s))
		if err != nil || a.IsUnspecified() || !local.IsValid() {
			continue
		}
		same = known(same.Value || a.Unmap() == local.WithZone(""))
	}
	return same
}
