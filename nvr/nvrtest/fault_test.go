package nvrtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

// Early faults come before credentials are looked at, late ones afterwards.
func TestResets(t *testing.T) {
	for _, tt := range []struct {
		name    string
		fault   nvrtest.Fault
		counted int
	}{
		{"before the request is looked at", nvrtest.Fault{Reset: true}, 0},
		{"instead of the answer", nvrtest.Fault{ResetAfterRequest: true}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{})
				ch := c.challenge(info)
				c.password = "wrong"
				r.Fail(tt.fault)
				c.http.CloseIdleConnections() // a reused connection would be tried again
				if _, err := c.try(t.Context(), "GET", info, c.digest(ch, info, 1).header()); !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("got %v", err)
				}
				if len(r.Counted()) != tt.counted || r.Rejected() != tt.counted {
					t.Errorf("%d counted, %d rejected", len(r.Counted()), r.Rejected())
				}
				if q := r.Requests(); q[len(q)-1].Status != 0 {
					t.Errorf("last request %+v", q[len(q)-1])
				}
			})
		})
	}
}

func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		name    string
		fault   nvrtest.Fault
		counted int
	}{
		{"half open", nvrtest.Fault{HalfOpen: true}, 0},
		{"no answer", nvrtest.Fault{NoAnswer: true}, 1},
		{"delay beyond the deadline", nvrtest.Fault{Delay: time.Hour}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{})
				ch := c.challenge(info)
				c.password = "wrong"
				r.Fail(tt.fault)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if _, err := c.try(ctx, "GET", info, c.digest(ch, info, 1).header()); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				if len(r.Counted()) != tt.counted {
					t.Errorf("%d counted", len(r.Counted()))
				}
				r.ClearFaults()
				c.password = nvrtest.DefaultPassword
				c.get(info).want(t, 200)
			})
		})
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Delay: 8 * time.Second, Times: 1})
		start := time.Now()
		c.get(info).want(t, 200)
		if took := time.Since(start); took != 8*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestFaultsAreForTheirRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		ch := c.challenge(info)
		r.Fail(nvrtest.Fault{Path: "ContentMgmt/InputProxy/channels", Exact: true, Status: 503, Answers: nvrtest.Granted, Times: 2})
		r.Fail(nvrtest.Fault{Path: "/ISAPI/System/time", Method: "PUT", Status: 500})
		r.Fail(nvrtest.Fault{Path: storage, Status: 500, Answers: nvrtest.Challenges})
		c.use(ch, proxyStatus, 1).want(t, 200)
		c.send("GET", proxies, "").want(t, 401)
		c.use(ch, proxies, 2).want(t, 503).says(t, "<statusCode>2<", "deviceBusy")
		c.use(ch, proxies, 3).want(t, 503)
		c.use(ch, proxies, 4).want(t, 200)
		c.use(ch, clock, 5).want(t, 200)
		c.send("GET", storage, "").want(t, 500)
		c.use(ch, storage, 6).want(t, 200)
	})
}

func TestAnswersInsteadOfTheRightOne(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault nvrtest.Fault
		want  int
		says  []string
	}{
		{"a refusal under 200", nvrtest.Fault{Status: 200, SubStatus: "notSupport"}, 200, []string{"<statusCode>4<", "<statusString>Invalid Operation<"}},
		{"busy", nvrtest.Fault{Status: 503, SubStatus: "upgrading"}, 503, []string{"<statusCode>2<", "upgrading"}},
		{"device error", nvrtest.Fault{Status: 500}, 500, []string{"<statusCode>3<", "deviceError"}},
		{"reboot required", nvrtest.Fault{Status: 200, SubStatus: "rebootRequired"}, 200, []string{"<statusCode>7<"}},
		{"a body", nvrtest.Fault{Body: []byte("{}"), ContentType: "application/json"}, 200, []string{"{}"}},
		{"an empty body", nvrtest.Fault{Body: []byte{}}, 200, nil},
		{"garbage", nvrtest.Fault{GarbageAfterRoot: true}, 200, []string{"</DeviceInfo>\ngarbage<again/>"}},
		{"a document type", nvrtest.Fault{Doctype: true}, 200, []string{"?>\n<!DOCTYPE lolz", "<DeviceInfo"}},
		{"a login page", nvrtest.Fault{LoginPage: true}, 200, []string{"<html>"}},
		{"byte by byte", nvrtest.Fault{Trickle: time.Second}, 200, []string{"</DeviceInfo>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{})
				ch := c.challenge(info)
				r.Fail(tt.fault)
				got := c.use(ch, info, 1).want(t, tt.want).says(t, tt.says...)
				if tt.fault.ContentType != "" && got.header.Get("Content-Type") != tt.fault.ContentType {
					t.Errorf("type %s", got.header.Get("Content-Type"))
				}
				if tt.fault.Body != nil && got.body != string(tt.fault.Body) {
					t.Errorf("body %q", got.body)
				}
			})
		})
	}
}

func TestFalse401(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Status: 401, Answers: nvrtest.Granted, Times: 1})
		got := c.get(info).want(t, 401)
		c.use(challengeOf(got, 0), info, 1).want(t, 200)
		if r.Rejected() != 1 || len(r.Counted()) != 0 {
			t.Errorf("%d rejected, %d counted", r.Rejected(), len(r.Counted()))
		}
	})
}

func TestBasicOnlyAndRedirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		ch := c.challenge(info)
		r.Fail(nvrtest.Fault{BasicOnly: true, Times: 1})
		lines := c.use(ch, info, 1).want(t, 401).header.Values("WWW-Authenticate")
		if len(lines) != 1 || !strings.HasPrefix(lines[0], "Basic ") {
			t.Errorf("challenges %q", lines)
		}
		if r.Rejected() != 1 {
			t.Errorf("%d rejected", r.Rejected())
		}
		r.Fail(nvrtest.Fault{Redirect: "https://192.0.2.99/", Times: 1})
		if to := c.send("GET", info, "").want(t, 302).header.Get("Location"); to != "https://192.0.2.99/" {
			t.Errorf("redirect to %s", to)
		}
	})
}

func TestTruncated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		ch := c.challenge(info)
		r.Fail(nvrtest.Fault{TruncateAt: 100, Times: 1})
		got, err := c.try(t.Context(), "GET", info, c.digest(ch, info, 1).header())
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(got.body) != 100 {
			t.Errorf("%v after %d bytes", err, len(got.body))
		}
	})
}

func TestEndless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{EndlessHeader: true, Times: 1})
		if _, err := c.try(t.Context(), "GET", info, ""); err == nil {
			t.Error("an endless header came to its end")
		}
		for _, kind := range []nvrtest.Answers{nvrtest.Challenges, nvrtest.Granted} {
			r.ClearFaults()
			authorization := ""
			if kind == nvrtest.Granted {
				authorization = c.digest(c.challenge(info), info, 1).header()
			}
			r.Fail(nvrtest.Fault{EndlessBody: true, Answers: kind})
			req, _ := http.NewRequestWithContext(t.Context(), "GET", c.base+info, nil)
			req.Header.Set("Authorization", authorization)
			if authorization == "" {
				req.Header.Del("Authorization")
			}
			resp, err := c.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.CopyN(io.Discard, resp.Body, 3<<20)
			resp.Body.Close()
			if err != nil || (resp.StatusCode == 401) != (kind == nvrtest.Challenges) {
				t.Errorf("%v: status %d, %d bytes, %v", kind, resp.StatusCode, n, err)
			}
		}
	})
}

// A reader that stops reading holds up the endless sender without any time of
// the processor, and time goes on.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{EndlessBody: true})
		req, _ := http.NewRequestWithContext(t.Context(), "GET", c.base+info, nil)
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		resp.Body.Close()
	})
}

func TestObservations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Lock: nvrtest.LockNone})
		c.password = "wrong"
		begin := time.Now()
		for _, pause := range []time.Duration{0, 10 * time.Minute, 10 * time.Minute, 20 * time.Minute} {
			time.Sleep(pause)
			c.get(info+"?a=1").want(t, 401)
		}
		for _, tt := range []struct {
			window time.Duration
			want   int
		}{{time.Minute, 1}, {10 * time.Minute, 1}, {11 * time.Minute, 2}, {21 * time.Minute, 3}, {time.Hour, 4}} {
			if got := r.MaxRejectedIn(tt.window); got != tt.want {
				t.Errorf("%d rejected in %v, want %d", got, tt.window, tt.want)
			}
			if got := r.MaxCountedIn(tt.window); got != tt.want {
				t.Errorf("%d counted in %v, want %d", got, tt.window, tt.want)
			}
			if got := r.MaxRequestsIn(tt.window); got != 2*tt.want {
				t.Errorf("%d requests in %v, want %d", got, tt.window, 2*tt.want)
			}
		}
		want := nvrtest.Request{At: begin, Method: "GET", Path: info + "?a=1", Client: nvrtest.DefaultClient, Status: 401}
		if got := r.Requests()[0]; got != want {
			t.Errorf("first request %+v, want %+v", got, want)
		}
		if at := r.Counted()[1]; !at.Equal(begin.Add(10 * time.Minute)) {
			t.Errorf("counted at %v", at)
		}
		r.ResetCounters()
		if len(r.Requests())+r.Rejected()+len(r.Counted())+r.MaxRejectedIn(time.Hour) != 0 {
			t.Error("something is left after ResetCounters")
		}
	})
}

func TestMaxConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Delay: time.Second})
		done := make(chan reply)
		for range 3 {
			go func() {
				got, _ := c.try(t.Context(), "GET", info, "")
				done <- got
			}()
		}
		for range 3 {
			(<-done).want(t, 401)
		}
		c.send("GET", info, "")
		if n := r.MaxConcurrent(); n != 3 {
			t.Errorf("%d at the same time, want 3", n)
		}
	})
}
