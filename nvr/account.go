package nvr

import (
	"context"
	"encoding/xml"
	"errors"
	"strings"
)

const (
	pathUserCheck   = "Security/userCheck"
	pathUsers       = "Security/users"
	pathPermissions = "Security/UserPermission/"
)

// Account is what userCheck tells of the account in use.
type Account struct {
	DefaultPassword Maybe[bool]
	RiskPassword    Maybe[bool]
}

// Account signs in with the cheapest request, which is also the one that tells
// most of a lock. On firmware without it (DS-2CD2532F V5.2.0) the error is
// ErrUnsupported, and Info does as well for a sign-in.
func (c *Client) Account(ctx context.Context) (Account, error) {
	var w struct {
		Status  string `xml:"statusValue"`
		Default string `xml:"isDefaultPassword"`
		Risk    string `xml:"isRiskPassword"`
	}
	if err := c.get(ctx, pathUserCheck, &w, "userCheck"); err != nil {
		return Account{}, err
	}
	return Account{DefaultPassword: truth(w.Default), RiskPassword: truth(w.Risk)}, nil
}

// Right is one right of an account on the recorder.
type Right struct {
	// Name as the device calls it, "restartOrShutdown".
	Name    string
	Granted Maybe[bool]
}

// needed are the rights the bridge's requests need, by the device's names
// (Security/UserPermission, remotePermission).
var needed = [...]string{"logOrStateCheck", rightConfig, rightPower, "preview", "playBack", "alarmOutOrUpload"}

// Rights asks which rights the account has. Administrators have all. Where the
// device doesn't tell an account about itself, the rights aren't known; that is
// no error.
func (c *Client) Rights(ctx context.Context) ([]Right, error) {
	id, level, err := c.ownUser(ctx)
	if err != nil && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrForbidden) {
		return nil, err
	}
	rights := make([]Right, len(needed))
	for i, n := range needed {
		rights[i].Name = n
		if strings.EqualFold(level, "Administrator") {
			rights[i].Granted = known(true)
		}
	}
	if id == "" || rights[0].Granted.Known {
		return rights, nil
	}
	told, err := c.permissions(ctx, id)
	if err != nil && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrForbidden) {
		return nil, err
	}
	for i := range rights {
		rights[i].Granted = told[rights[i].Name]
	}
	return rights, nil
}

// May is what an account may do to a recorder. Not known: the device answers and
// doesn't say.
type May struct {
	ShutDown  Maybe[bool] // also restart it: right restartOrShutdown
	Configure Maybe[bool] // change settings: right parameterConfig
}

// May asks what the account may do to the recorder; an administrator may all.
// ErrUnsupported: it has no such question.
func (c *Client) May(ctx context.Context) (May, error) {
	id, level, err := c.ownUser(ctx)
	if err != nil || id == "" {
		return May{}, err
	}
	if strings.EqualFold(level, "Administrator") {
		return May{known(true), known(true)}, nil
	}
	told, err := c.permissions(ctx, id)
	return May{told[rightPower], told[rightConfig]}, err
}

func (c *Client) ownUser(ctx context.Context) (id, level string, err error) {
	var w struct {
		Users []struct {
			ID    string `xml:"id"`
			Name  string `xml:"userName"`
			Level string `xml:"userLevel"`
		} `xml:"User"`
	}
	if err := c.get(ctx, pathUsers, &w, "UserList"); err != nil {
		return "", "", err
	}
	for _, u := range w.Users {
		if text(u.Name) == c.username && onlyDigits(text(u.ID)) {
			return text(u.ID), text(u.Level), nil
		}
	}
	return "", "", nil
}

// onlyDigits keeps a device from choosing the path of the next request.
func onlyDigits(s string) bool {
	return s != "" && len(s) <= 9 && strings.Trim(s, "0123456789") == ""
}

func (c *Client) permissions(ctx context.Context, id string) (map[string]Maybe[bool], error) {
	var w struct {
		Remote struct {
			Items []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"remotePermission"`
	}
	if err := c.get(ctx, pathPermissions+id, &w, "UserPermission"); err != nil {
		return nil, err
	}
	told := map[string]Maybe[bool]{}
	for _, item := range w.Remote.Items {
		told[item.XMLName.Local] = truth(item.Text)
	}
	return told, nil
}
