package nvr_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

const pathShutdown, pathReboot = "System/shutdown?format=json", "System/reboot"

// puts counts the power requests with credentials that arrived.
func puts(r *nvrtest.Recorder) (n int) {
	for _, q := range r.Requests() {
		if q.Method == "PUT" && q.Credentials {
			n++
		}
	}
	return n
}

// says compares an outcome, and what its error tells.
func says(t *testing.T, o nvr.Outcome, err error, want nvr.Outcome, is error, words ...string) {
	t.Helper()
	if o != want || (err == nil) != (want == nvr.OutcomeDone) || is != nil && !errors.Is(err, is) {
		t.Fatalf("%v: %v; want %v, %v", o, err, want, is)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q isn't in %q", w, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "canary") {
		t.Errorf("a secret is in the error: %v", err)
	}
}

func TestAPowerRequestIsDoneWhereTheAnswerSaysSo(t *testing.T) {
	for _, model := range []nvrtest.Model{nvrtest.NVR, nvrtest.OldNVR, nvrtest.DVR, nvrtest.Camera} {
		for _, other := range []bool{false, true} {
			asking(t, nvrtest.Config{Model: model}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				r.SetRestart(nvrtest.Manner{OtherForm: other, Ignored: true})
				r.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{OtherForm: other}})
				o, err := c.Reboot(t.Context())
				says(t, o, err, nvr.OutcomeDone, nil)
				o, err = c.Shutdown(t.Context())
				if model == nvrtest.Camera {
					says(t, o, err, nvr.OutcomeRefused, nvr.ErrUnsupported)
				} else if says(t, o, err, nvr.OutcomeDone, nil); !r.Flushing() {
					t.Error("it doesn't go down")
				}
				if p := paths(r); !slices.Equal(p, []string{pathReboot, pathShutdown}) {
					t.Errorf("%v", p)
				}
			})
		}
	}
}

func TestVerdicts(t *testing.T) {
	xml := func(code, sub string) string {
		return `<?xml version="1.0"?><ResponseStatus xmlns="http://www.isapi.org/ver20/XMLSchema"><statusCode>` + code + `</statusCode><subStatusCode>` + sub + `</subStatusCode></ResponseStatus>`
	}
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   nvr.Outcome
	}{
		{"1", 200, xml("1", "ok"), nvr.OutcomeDone},
		{"0", 200, xml("0", "ok"), nvr.OutcomeDone},
		{"7, a restart is needed", 200, xml("7", "rebootRequired"), nvr.OutcomeDone},
		{"1 in JSON", 200, `{"statusCode":1,"statusString":"OK","subStatusCode":"ok"}`, nvr.OutcomeDone},
		{"1 in wrapped JSON", 200, `{"ResponseStatus":{"statusCode":"1"}}`, nvr.OutcomeDone},
		{"1 beside a refusal", 200, xml("1", "notSupport"), nvr.OutcomeUnknown},
		{"1 under a refusal", 403, xml("1", "ok"), nvr.OutcomeUnknown},
		{"1 and 4", 200, xml("1</statusCode><statusCode>4", "ok"), nvr.OutcomeUnknown},
		{"1 and 1", 200, xml("1</statusCode><statusCode>1", "ok"), nvr.OutcomeDone},
		{"1 and 4 in JSON", 200, `{"statusCode":4,"statusCode":1}`, nvr.OutcomeUnknown},
		{"no code", 200, `<ResponseStatus><statusString>OK</statusString></ResponseStatus>`, nvr.OutcomeUnknown},
		{"an empty code", 200, xml("", "ok"), nvr.OutcomeUnknown},
		{"a NUL in it", 200, xml("\x001", "ok"), nvr.OutcomeUnknown},
		{"NULs behind it", 200, xml("1", "ok") + "\r\n\x00\x00", nvr.OutcomeDone},
		{"a NUL in JSON", 200, "{\"statusCode\":1,\x00\"subStatusCode\":\"ok\"}", nvr.OutcomeUnknown},
		{"a NUL in a refusal", 403, xml("4\x00", "lowPrivilege"), nvr.OutcomeRefused},
		{"a code that is no number", 200, xml("OK", "ok"), nvr.OutcomeUnknown},
		{"nothing", 200, "", nvr.OutcomeUnknown},
		{"a page", 200, "<html><body>OK</body></html>", nvr.OutcomeUnknown},
		{"another document", 200, "<storage/>", nvr.OutcomeUnknown},
		{"half a document", 200, xml("1", "ok")[:80], nvr.OutcomeUnknown},
		{"no content", 204, "", nvr.OutcomeUnknown},
		{"a device error", 500, xml("3", "deviceError"), nvr.OutcomeUnknown},
		{"500", 500, "", nvr.OutcomeUnknown},
		{"a code from later lists", 200, xml("8", ""), nvr.OutcomeUnknown},
		{"busy", 503, xml("2", "deviceBusy"), nvr.OutcomeBusy},
		{"busy under 200", 200, xml("2", "somethingNew"), nvr.OutcomeBusy},
		{"503", 503, "", nvr.OutcomeBusy},
		{"upgrading", 403, `{"statusCode":2,"subStatusCode":"upgrading"}`, nvr.OutcomeBusy},
		{"formatting", 200, xml("4", "hdFormatting"), nvr.OutcomeBusy},
		{"exporting", 403, xml("4", "exporting"), nvr.OutcomeBusy},
		{"not supported under 200", 200, xml("4", "notSupport"), nvr.OutcomeRefused},
		{"not supported", 403, xml("4", "notSupport"), nvr.OutcomeRefused},
		{"403 alone", 403, "", nvr.OutcomeRefused},
		{"404", 404, "<html>", nvr.OutcomeRefused},
		{"405", 405, "", nvr.OutcomeRefused},
		{"no right", 403, xml("4", "lowPrivilege"), nvr.OutcomeRefused},
		{"an operation that we don't know", 200, xml("4", "somethingNew"), nvr.OutcomeRefused},
		{"bad XML", 200, xml("5", "badXmlFormat"), nvr.OutcomeRefused},
		{"bad content", 400, xml("6", "badXmlContent"), nvr.OutcomeRefused},
		{"a redirect", 302, "", nvr.OutcomeUnknown},
	} {
		o, err := nvr.Verdict(tt.status, []byte(tt.body))
		if o != tt.want || (err == nil) != (o == nvr.OutcomeDone) {
			t.Errorf("%s: %v, %v; want %v", tt.name, o, err, tt.want)
		}
	}
}

func TestALostAnswerIsUnknownAndNeverRepeated(t *testing.T) {
	granted := func(f nvrtest.Fault) nvrtest.Fault { f.Answers = nvrtest.Granted; return f }
	for _, tt := range []struct {
		name  string
		fault nvrtest.Fault
		goes  bool
		took  time.Duration
	}{
		{"reset when it has arrived", granted(nvrtest.Fault{ResetAfterRequest: true}), true, 0},
		{"no answer", granted(nvrtest.Fault{NoAnswer: true}), true, 15 * time.Second},
		{"an answer that comes too late", granted(nvrtest.Fault{Delay: 16 * time.Second}), true, 15 * time.Second},
		{"a cut answer", granted(nvrtest.Fault{TruncateAt: 20}), true, 0},
		{"an unreadable answer", granted(nvrtest.Fault{Body: []byte("thanks"), ContentType: "text/plain"}), true, 0},
		{"an endless answer", granted(nvrtest.Fault{EndlessBody: true}), true, 0},
		{"an endless header", granted(nvrtest.Fault{EndlessHeader: true}), true, 0},
		{"garbage behind it", granted(nvrtest.Fault{GarbageAfterRoot: true}), true, 0},
		{"500", granted(nvrtest.Fault{Status: 500}), false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				r.SetRestart(nvrtest.Manner{Ignored: true})
				c.Info(t.Context()) // a connection is kept, and a nonce
				c.Reboot(t.Context())
				r.ResetCounters()
				tt.fault.Path = "System/shutdown"
				r.Fail(tt.fault)
				began := time.Now()
				o, err := c.Shutdown(t.Context())
				says(t, o, err, nvr.OutcomeUnknown, nil, "may have arrived", "PUT System/shutdown")
				if took := time.Since(began); took != tt.took {
					t.Errorf("it took %v", took)
				}
				time.Sleep(time.Second)
				if n, goes := puts(r), r.Flushing() || len(r.Stops()) > 0; n != 1 || goes != tt.goes {
					t.Errorf("%d requests arrived, it goes down: %v", n, goes)
				}
			})
		})
	}
}

func TestACancelledPowerRequestEndsAtOnce(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			if r.SetRestart(nvrtest.Manner{Ignored: true}); !fresh {
				c.Reboot(t.Context())
			}
			r.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Lost: true}})
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			began := time.Now()
			o, err := c.Shutdown(ctx)
			says(t, o, err, nvr.OutcomeUnknown, context.DeadlineExceeded)
			if took := time.Since(began); took != 3*time.Second || !r.Flushing() {
				t.Errorf("it took %v, it goes down: %v", took, r.Flushing())
			}
		})
	}
}

func TestWhatIsNotSent(t *testing.T) {
	for _, tt := range []struct {
		name string
		with func(*nvrtest.Recorder, *nvr.Client)
		is   error
	}{
		{"the port is closed", func(r *nvrtest.Recorder, _ *nvr.Client) { r.PortClosed(true) }, nil},
		{"no route", func(r *nvrtest.Recorder, _ *nvr.Client) {
			r.SetHalt(nvrtest.Halt{Link: nvrtest.HaltedNoRoute})
			r.CutPower()
		}, nil},
		{"silence", func(r *nvrtest.Recorder, _ *nvr.Client) { r.Unplug() }, context.DeadlineExceeded},
		{"no challenge comes", func(r *nvrtest.Recorder, _ *nvr.Client) { r.Fail(nvrtest.Fault{HalfOpen: true, Method: "PUT"}) }, context.DeadlineExceeded},
		{"the challenge is reset", func(r *nvrtest.Recorder, _ *nvr.Client) { r.Fail(nvrtest.Fault{Reset: true, Method: "PUT"}) }, nil},
		{"500 instead of a challenge", func(r *nvrtest.Recorder, _ *nvr.Client) { r.Fail(nvrtest.Fault{Status: 500, Method: "PUT"}) }, nil},
		{"a slow challenge", func(r *nvrtest.Recorder, _ *nvr.Client) {
			r.Fail(nvrtest.Fault{Delay: 6 * time.Second, Answers: nvrtest.Challenges})
		}, nvr.ErrSlow},
		{"Basic only", func(r *nvrtest.Recorder, _ *nvr.Client) { r.Fail(nvrtest.Fault{BasicOnly: true}) }, nvr.ErrNoDigest},
		{"a login page", func(r *nvrtest.Recorder, _ *nvr.Client) { r.Fail(nvrtest.Fault{LoginPage: true}) }, nil},
		{"a redirect", func(r *nvrtest.Recorder, _ *nvr.Client) { r.Fail(nvrtest.Fault{Redirect: "https://192.0.2.99/x"}) }, nvr.ErrNotHikvision},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				c.Info(t.Context())
				tt.with(r, c)
				o, err := c.Shutdown(t.Context())
				says(t, o, err, nvr.OutcomeNotSent, tt.is, "nothing was sent")
				if puts(r) != 0 || r.Flushing() {
					t.Error("it arrived")
				}
			})
		})
	}
}

func TestASpentBudgetSendsNoPowerRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		dir := t.TempDir()
		wrong := open(t, r, dir, "canary-wrong")
		o, err := wrong.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeRefused, nvr.ErrUnauthorized, "password")
		for range 3 {
			o, err = wrong.Shutdown(t.Context())
			says(t, o, err, nvr.OutcomeNotSent, nvr.ErrUnauthorized, "nothing was sent")
		}
		wrong.Close()
		if n := r.Rejected(); n != 1 || r.Flushing() {
			t.Errorf("%d rejected", n)
		}
	})
}

func TestALockThatIsToldRefuses(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.Fail(nvrtest.Fault{Status: 401, Method: "PUT", Body: []byte(`<userCheck><lockStatus>lock</lockStatus><unlockTime>900</unlockTime></userCheck>`)})
		o, err := c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeRefused, nvr.ErrLocked, "wait until the lock ends")
		if puts(r) != 0 {
			t.Error("credentials were sent")
		}
	})
}

func TestANonceThatWasForgottenCostsAPowerRequestNothing(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.SetRestart(nvrtest.Manner{Ignored: true})
		c.Reboot(t.Context())
		c.Info(t.Context())          // on a nonce that works
		r.RebootWith(nvrtest.Boot{}) // and is forgotten
		r.ResetCounters()
		o, err := c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeDone, nil)
		if n := puts(r); n != 2 || r.Rejected() != 1 || len(r.Requests()) != 2 {
			t.Errorf("%+v", r.Requests())
		}
	})
}

func TestARecorderThatRejectsEverybodyAfterAPowerRequestIsSignedInToAMinuteLater(t *testing.T) {
	for _, lock := range []nvrtest.LockMode{nvrtest.LockReal, nvrtest.LockEvery} {
		asking(t, nvrtest.Config{Lock: lock, Boot: nvrtest.Boot{Down: 40 * time.Second, Denies: 45 * time.Second}}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			c.Info(t.Context())
			o, err := c.Reboot(t.Context())
			says(t, o, err, nvr.OutcomeDone, nil)
			time.Sleep(75 * time.Second) // nothing is asked while it goes down and starts
			if _, err := c.Info(t.Context()); !errors.Is(err, nvr.ErrUnauthorized) {
				t.Fatalf("it isn't there yet: %v", err)
			}
			time.Sleep(61 * time.Second)
			if _, err := c.Info(t.Context()); err != nil {
				t.Errorf("a minute later: %v", err)
			}
			if n := r.MaxRejectedIn(window); n != 1 {
				t.Errorf("%d rejected", n)
			}
		})
	}
}
