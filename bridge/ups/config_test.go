package ups_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"hikbridge/bridge/ups"
)

var errAsked = errors.New("asked")

// dialed is the address that a client connects to.
func dialed(t *testing.T, address string) (string, error) {
	t.Helper()
	got := ""
	c, err := ups.New(ups.Config{Address: address, UPS: "ups", Dial: func(_ context.Context, network, address string) (net.Conn, error) {
		got = network + " " + address
		return nil, errAsked
	}})
	if err != nil {
		return "", err
	}
	_, err = c.Read(t.Context())
	wrong(t, err, errAsked)
	wrong(t, err, ups.ErrUnreachable)
	return got, nil
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.5":              "192.0.2.5:3493",
		"192.0.2.5:34930":        "192.0.2.5:34930",
		"nas.example.org":        "nas.example.org:3493",
		"nas.example.org:34930":  "nas.example.org:34930",
		"my_nas":                 "my_nas:3493",
		"2001:db8::5":            "[2001:db8::5]:3493",
		"[2001:db8::5]":          "[2001:db8::5]:3493",
		"[2001:db8::5]:34930":    "[2001:db8::5]:34930",
		"fe80::5%eth0":           "[fe80::5%eth0]:3493",
		"[fe80::5%eth0]:65535":   "[fe80::5%eth0]:65535",
		"":                       "",
		":3493":                  "",
		"192.0.2.5:":             "",
		"192.0.2.5:0":            "",
		"192.0.2.5:65536":        "",
		"192.0.2.5:nut":          "",
		"192.0.2.5:+1":           "",
		"ups@nas.example.org":    "",
		"http://nas.example.org": "",
		"nas.example.org/ups":    "",
		"nas example":            "",
		"nas.example.org\n":      "",
		"2001:db8::5::1":         "",
		"[nas.example.org":       "nas.example.org:3493",
	} {
		got, err := dialed(t, address)
		if want == "" {
			if err == nil {
				t.Errorf("%q became %q", address, got)
			}
			continue
		}
		if err != nil || got != "tcp "+want {
			t.Errorf("%q: %q, %v; want %q", address, got, err, want)
		}
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	good := ups.Config{Address: "nas.example.org", UPS: "rack-1_A.b", Username: "some one", Password: canary}
	if _, err := ups.New(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*ups.Config)
		says   string
	}{
		{"no UPS", func(c *ups.Config) { c.UPS = "" }, "UPS's name"},
		{"a UPS with a blank", func(c *ups.Config) { c.UPS = "canary ups" }, "UPS's name"},
		{"a UPS with a line break", func(c *ups.Config) { c.UPS = "canary\nINSTCMD" }, "UPS's name"},
		{"a UPS with a quote", func(c *ups.Config) { c.UPS = `canary"` }, "UPS's name"},
		{"a UPS with a backslash", func(c *ups.Config) { c.UPS = `canary\` }, "UPS's name"},
		{"a UPS with its host", func(c *ups.Config) { c.UPS = "canary@nas" }, "UPS's name"},
		{"a UPS that isn't UTF-8", func(c *ups.Config) { c.UPS = "canary\xff" }, "UPS's name"},
		{"a UPS with a long name", func(c *ups.Config) { c.UPS = strings.Repeat("canary", 30) }, "UPS's name"},
		{"no password", func(c *ups.Config) { c.Password = "" }, "both, or neither"},
		{"no user name", func(c *ups.Config) { c.Username = "" }, "both, or neither"},
		{"a user name with a line break", func(c *ups.Config) { c.Username = "canary\nPASSWORD x" }, "line breaks"},
		{"a password with a line break", func(c *ups.Config) { c.Password = "canary\n" }, "line breaks"},
		{"a password with a carriage return", func(c *ups.Config) { c.Password = "canary\r" }, "line breaks"},
		{"a password with a NUL", func(c *ups.Config) { c.Password = "canary\x00" }, "line breaks"},
		{"a password that isn't UTF-8", func(c *ups.Config) { c.Password = "canary\xe9" }, "text"},
		{"a long password", func(c *ups.Config) { c.Password = strings.Repeat("canary", 30) }, "128 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := good
			c.change(&bad)
			_, err := ups.New(bad)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestEveryStateHasAName(t *testing.T) {
	var names []string
	for _, m := range []ups.Mains{ups.MainsUnknown, ups.OnLine, ups.OnBattery} {
		names = append(names, m.String())
	}
	for _, o := range []ups.Outcome{ups.OutcomeUnknown, ups.OutcomeDone, ups.OutcomeNotSent, ups.OutcomeRefused} {
		names = append(names, o.String())
	}
	if got := strings.Join(names, ", "); got != "unknown, on line, on battery, unknown, done, not sent, refused" {
		t.Error(got)
	}
}
