package nvr

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

const (
	pathUpgradeStatus = "System/upgradeStatus"
	pathOnlineUpgrade = "System/onlineUpgrade/status"
)

// Upgrade is what a device tells of a firmware upgrade.
type Upgrade struct {
	Upgrading Maybe[bool]
	Percent   Maybe[int]
	// Evidence is what said that one runs: the question and the device's word.
	Evidence string
}

// Upgrade asks whether a firmware upgrade runs: System/upgradeStatus (ISAPI guide
// 2.0, 15.10.196) and, where it is offered, System/onlineUpgrade/status, of whose
// words only "upgrading" says so. A refusal with that word is an answer, too. Where
// neither tells the error is ErrUnsupported; any other says that no answer came, which
// a device that is being flashed does as well.
func (c *Client) Upgrade(ctx context.Context) (Upgrade, error) {
	u, err := c.upgradeStatus(ctx)
	if u.Upgrading.Value || err != nil && !errors.Is(err, ErrUnsupported) {
		return u, err
	}
	online, onlineErr := c.onlineUpgrade(ctx)
	switch {
	case online.Upgrading.Value:
		return online, nil
	case onlineErr != nil && !errors.Is(onlineErr, ErrUnsupported) && !errors.Is(onlineErr, ErrForbidden):
		return Upgrade{}, onlineErr
	}
	return u, err // "notUpgrade" says nothing of other ways to upgrade
}

func (c *Client) upgradeStatus(ctx context.Context) (Upgrade, error) {
	var w struct {
		Upgrading string `xml:"upgrading"`
		Percent   string `xml:"percent"`
	}
	err := c.get(ctx, pathUpgradeStatus, &w, "upgradeStatus")
	u := Upgrade{Upgrading: truth(w.Upgrading), Percent: within(w.Percent, 0, 100)}
	if u.Upgrading.Value {
		u.Evidence = pathUpgradeStatus + ": upgrading"
	}
	return c.upgradeTold(u, err)
}

func (c *Client) onlineUpgrade(ctx context.Context) (Upgrade, error) {
	var w struct {
		Status  string `xml:"status"`
		Percent string `xml:"percent"`
	}
	err := c.get(ctx, pathOnlineUpgrade, &w, "OnlineUpgradeStatus")
	u := Upgrade{Percent: within(w.Percent, 0, 100)}
	if strings.EqualFold(text(w.Status), "upgrading") {
		u.Upgrading, u.Evidence = known(true), pathOnlineUpgrade+": "+text(w.Status)
	}
	return c.upgradeTold(u, err)
}

// upgradeTold takes a refusal because of an upgrade for the fact, and lets no
// refusal be believed for good while one runs.
func (c *Client) upgradeTold(u Upgrade, err error) (Upgrade, error) {
	var s *StatusError
	if errors.As(err, &s) && (strings.EqualFold(s.Sub, "upgrading") || strings.EqualFold(s.Sub, "SSDFileSystemIsUpgrading")) {
		u, err = Upgrade{Upgrading: known(true), Evidence: s.Path + ": " + s.Sub}, nil
	}
	if u.Upgrading.Value {
		c.unsettle()
	}
	return u, err
}

// Newest is the newest firmware that the device knows of.
type Newest struct {
	Version string
	// Changes are the maker's notes on it.
	Changes string
}

// Newest asks what the device found out about newer firmware
// (System/onlineUpgrade/version). It doesn't let the device look anew, and
// installs nothing. ErrUnsupported is the usual answer, also where capabilities
// promise it (DS-2CD2387G3 V5.8.10); an empty Version says that none is known.
func (c *Client) Newest(ctx context.Context) (Newest, error) {
	body, err := c.raw(ctx, "System/onlineUpgrade/version") // what its root is called isn't known
	if err != nil {
		return Newest{}, err
	}
	var n Newest
	_, err = leaves(body, func(element, value []byte) {
		switch string(element) {
		case "newVersion":
			n.Version = name(string(value))
		case "changeLog":
			n.Changes = string(value)
		}
	})
	if err != nil {
		return n, fmt.Errorf("read the newest version: %w", err)
	}
	return n, nil
}
