package nvr_test

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

func TestRefusalsHaveTheirKind(t *testing.T) {
	notSupport := []byte(`<ResponseStatus version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema"><statusCode>4</statusCode><statusString>Invalid Operation</statusString><subStatusCode>notSupport</subStatusCode></ResponseStatus>`)
	tests := []struct {
		name  string
		fault nvrtest.Fault
		want  error
	}{
		{"403 notSupport", nvrtest.Fault{Status: 403, SubStatus: "notSupport"}, nvr.ErrUnsupported},
		{"403 without a word", nvrtest.Fault{Status: 403, Body: []byte(" ")}, nvr.ErrUnsupported},
		{"403 lowPrivilege", nvrtest.Fault{Status: 403, SubStatus: "lowPrivilege"}, nvr.ErrForbidden},
		{"403 with a word we don't know", nvrtest.Fault{Status: 403, SubStatus: "somethingNew"}, nvr.ErrForbidden},
		{"403 as a full device says it", nvrtest.Fault{Status: 403, SubStatus: "deployExceedMax"}, nvr.ErrBusy},
		{"404", nvrtest.Fault{Status: 404, Body: []byte("<html><body>Not Found</body></html>")}, nvr.ErrUnsupported},
		{"405", nvrtest.Fault{Status: 405, SubStatus: "methodNotAllowed"}, nvr.ErrUnsupported},
		{"503", nvrtest.Fault{Status: 503, SubStatus: "deviceBusy"}, nvr.ErrBusy},
		{"upgrading", nvrtest.Fault{Status: 403, SubStatus: "upgrading"}, nvr.ErrBusy},
		{"a refusal under 200", nvrtest.Fault{Status: 200, Body: notSupport}, nvr.ErrUnsupported},
		{"busy under 200", nvrtest.Fault{Status: 200, SubStatus: "deviceBusy"}, nvr.ErrBusy},
		{"a login page", nvrtest.Fault{LoginPage: true}, nvr.ErrNotHikvision},
		{"a redirect", nvrtest.Fault{Redirect: "https://user:canary-x@192.0.2.99/doc/page/login.asp"}, nvr.ErrNotHikvision},
		{"Basic only", nvrtest.Fault{BasicOnly: true}, nvr.ErrNoDigest},
		{"garbage behind the document", nvrtest.Fault{GarbageAfterRoot: true}, nvr.ErrDocument},
		{"a DOCTYPE", nvrtest.Fault{Doctype: true}, nvr.ErrDocument},
		{"another document", nvrtest.Fault{Status: 200, Body: []byte("<storage/>")}, nvr.ErrDocument},
		{"an endless body", nvrtest.Fault{EndlessBody: true, Answers: nvrtest.Granted}, nvr.ErrDocument},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, nvrtest.Config{})
				c := open(t, r, t.TempDir(), password)
				defer c.Close()
				if tt.fault.Answers == nvrtest.AnyAnswer && tt.fault.Status != 0 {
					tt.fault.Answers = nvrtest.Granted
				}
				r.Fail(tt.fault)
				_, err := c.Info(t.Context())
				if !errors.Is(err, tt.want) {
					t.Fatalf("got %v", err)
				}
				if strings.Contains(err.Error(), "canary") {
					t.Fatalf("a secret is in the error: %v", err)
				}
				if n := r.Rejected(); n != 0 {
					t.Fatalf("%d rejected logins", n)
				}
			})
		})
	}
}

func TestHalfDeadDevicesEndInAnErrorInTime(t *testing.T) {
	tests := []struct {
		name  string
		fault nvrtest.Fault
		limit time.Duration
	}{
		{"reset", nvrtest.Fault{Reset: true}, time.Second},
		{"half-open", nvrtest.Fault{HalfOpen: true}, 10 * time.Second},
		{"an endless header", nvrtest.Fault{EndlessHeader: true}, 10 * time.Second},
		{"a cut body", nvrtest.Fault{TruncateAt: 100, Answers: nvrtest.Granted}, time.Second},
		{"no answer to the sign-in", nvrtest.Fault{NoAnswer: true, Answers: nvrtest.Granted}, 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, nvrtest.Config{})
				c := open(t, r, t.TempDir(), password)
				defer c.Close()
				r.Fail(tt.fault)
				began := time.Now()
				if _, err := c.Info(t.Context()); err == nil {
					t.Fatal("no error")
				}
				if took := time.Since(began); took > tt.limit {
					t.Fatalf("it took %v", took)
				}
				r.ClearFaults()
				if _, err := c.Info(t.Context()); err != nil {
					t.Fatalf("afterwards: %v", err)
				}
			})
		})
	}
}

func TestACancelledSignInEndsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		r.Fail(nvrtest.Fault{NoAnswer: true, Answers: nvrtest.Granted})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		began := time.Now()
		c.Info(ctx)
		if took := time.Since(began); took > 1200*time.Millisecond {
			t.Fatalf("it took %v", took)
		}
	})
}

func TestWhatIsNotSupportedIsAskedOnceUntilTheFirmwareChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		dir := t.TempDir()
		asked := func() (n int) {
			for _, q := range r.Requests() {
				if strings.Contains(q.Path, "Video/inputs") {
					n++
				}
			}
			return n
		}
		for range 3 {
			c := open(t, r, dir, password)
			c.Info(t.Context())
			for range 3 {
				if _, _, err := c.Inputs(t.Context()); !errors.Is(err, nvr.ErrUnsupported) {
					t.Fatalf("got %v", err)
				}
			}
			c.Close()
		}
		if n := asked(); n > 2 { // at most the challenge and the answer
			t.Fatalf("asked %d times", n)
		}
		before := asked()
		r.SetFirmware("V4.70.000")
		c := open(t, r, dir, password)
		defer c.Close()
		c.Info(t.Context())
		c.Inputs(t.Context())
		if asked() == before {
			t.Fatal("a new firmware isn't asked")
		}
	})
}

func TestAMissingRightIsAskedAgainAfterAnHourOrARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		r.SetRights(nvrtest.Rights{Denied: []string{"ContentMgmt/Storage"}})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		for range 5 {
			if _, err := c.Storage(t.Context()); !errors.Is(err, nvr.ErrForbidden) {
				t.Fatalf("got %v", err)
			}
		}
		r.SetRights(nvrtest.Rights{})
		if _, err := c.Storage(t.Context()); !errors.Is(err, nvr.ErrForbidden) {
			t.Fatalf("asked again at once: %v", err)
		}
		if err := c.RetrySignIn(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Storage(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEveryModelTellsWhatItIs(t *testing.T) {
	tests := []struct {
		model           nvrtest.Model
		recorder        bool
		proxies, inputs int
	}{
		{nvrtest.NVR, true, 4, 0}, {nvrtest.OldNVR, true, 9, 0}, {nvrtest.DVR, true, 0, 8},
		{nvrtest.Camera, false, 0, 1}, {nvrtest.DualCamera, false, 0, 2}, {nvrtest.OldCamera, false, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.model.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, nvrtest.Config{Model: tt.model})
				c := open(t, r, t.TempDir(), password)
				defer c.Close()
				i, err := c.Info(t.Context())
				if err != nil || i.Serial == "" || i.Model == "" || i.MAC == "" || !strings.HasPrefix(i.Firmware, "V") || i.Recorder != tt.recorder {
					t.Fatalf("%+v, %v", i, err)
				}
				if _, err := c.Capabilities(t.Context()); err != nil {
					t.Fatal(err)
				}
				proxies, err := c.Proxies(t.Context())
				if err != nil && !errors.Is(err, nvr.ErrUnsupported) || len(proxies) != tt.proxies {
					t.Fatalf("%d IP channels, %v", len(proxies), err)
				}
				inputs, states, err := c.Inputs(t.Context())
				if err != nil && !errors.Is(err, nvr.ErrUnsupported) || len(inputs) != tt.inputs || len(states) != tt.inputs {
					t.Fatalf("%d inputs, %v", len(inputs), err)
				}
				for _, ch := range proxies {
					if !ch.Fed.Value {
						t.Errorf("%s hangs on no port of the recorder: %+v", ch.ID, ch.Fed)
					}
				}
				for _, ch := range append(proxies, inputs...) {
					if ch.ID == "" || ch.Name == "" {
						t.Errorf("%+v", ch)
					}
				}
				if status, err := c.Status(t.Context()); err != nil || !status.Uptime.Known {
					t.Errorf("status %+v, %v", status, err)
				}
				if disks, err := c.Storage(t.Context()); err != nil || len(disks) == 0 {
					t.Errorf("disks %+v, %v", disks, err)
				}
			})
		})
	}
}

func TestTheClockDifferenceIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, offset := range []time.Duration{0, 90 * time.Second, -2 * time.Hour} {
			r := recorder(t, nvrtest.Config{ClockOffset: offset})
			c := open(t, r, t.TempDir(), password)
			d, err := c.Clock(t.Context())
			c.Close()
			if err != nil || !d.Difference.Known || (d.Difference.Value-offset).Abs() > time.Second {
				t.Errorf("offset %v: %+v, %v", offset, d, err)
			}
		}
		r := recorder(t, nvrtest.Config{NoTimeZone: true})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		if d, err := c.Clock(t.Context()); err != nil || d.Difference.Known {
			t.Errorf("without a rule: %+v, %v", d, err)
		}
	})
}

func TestCertificates(t *testing.T) {
	tests := []struct {
		name, mode string
		pin        func(right string) string
		old        bool
		ok         bool
	}{
		{name: "verify refuses a self-made one", mode: nvr.TLSVerify},
		{name: "insecure takes it", mode: nvr.TLSInsecure, ok: true},
		{name: "the right pin", mode: nvr.TLSPin, pin: func(p string) string { return p }, ok: true},
		{name: "a wrong pin", mode: nvr.TLSPin, pin: func(p string) string { return strings.Repeat("0", len(p)) }},
		{name: "legacy with the right pin", mode: nvr.TLSLegacy, pin: func(p string) string { return p }, ok: true},
		{name: "TLS 1.0 by legacy", mode: nvr.TLSLegacy, old: true, ok: true},
		{name: "TLS 1.0 otherwise", mode: nvr.TLSInsecure, old: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := nvrtest.Config{}
			if tt.old {
				config.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}
			}
			r := recorder(t, config)
			sum := r.Fingerprint()
			right := hex.EncodeToString(sum[:])
			pin := ""
			if tt.pin != nil {
				pin = tt.pin(right)
			}
			c, err := nvr.New(nvr.Config{URL: "https://192.0.2.10", Username: "owner", Password: password,
				TLS: tt.mode, Fingerprint: pin, StateDir: t.TempDir(), Dial: r.Dial})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Info(t.Context())
			if (err == nil) != tt.ok {
				t.Fatalf("got %v", err)
			}
			var certificate *nvr.CertificateError
			if !tt.ok && !tt.old && (!errors.As(err, &certificate) || certificate.Fingerprint != right) {
				t.Fatalf("the error doesn't tell the fingerprint: %v", err)
			}
		})
	}
}

func TestUnusableConfigurationsAreRefusedWithoutRepeatingSecrets(t *testing.T) {
	good := nvr.Config{URL: "http://192.0.2.10", Username: "u", Password: "canary-p", StateDir: t.TempDir()}
	tests := []struct {
		name   string
		change func(*nvr.Config)
	}{
		{"no scheme", func(c *nvr.Config) { c.URL = "192.0.2.10" }},
		{"another scheme", func(c *nvr.Config) { c.URL = "rtsp://192.0.2.10" }},
		{"a password in the URL", func(c *nvr.Config) { c.URL = "http://u:canary-p@192.0.2.10" }},
		{"a password in a broken URL", func(c *nvr.Config) { c.URL = "http://u:canary-p@[::1" }},
		{"a path", func(c *nvr.Config) { c.URL = "http://192.0.2.10/ISAPI" }},
		{"no user", func(c *nvr.Config) { c.Username = "" }},
		{"no password", func(c *nvr.Config) { c.Password = "" }},
		{"a TLS mode that doesn't exist", func(c *nvr.Config) { c.TLS = "maybe" }},
		{"pin without fingerprint", func(c *nvr.Config) { c.TLS = nvr.TLSPin }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			_, err := nvr.New(c)
			if err == nil || strings.Contains(err.Error(), "canary") {
				t.Fatalf("got %v", err)
			}
		})
	}
}
