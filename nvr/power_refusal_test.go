package nvr_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

// A right that is missing may be answered by 401 (DS-7616NI-K2).
func TestAMissingRightAs401CostsOneLogin(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		c.Info(t.Context())
		r.SetRights(nvrtest.Rights{Lacks: []string{"restartOrShutdown"}, As401: true})
		o, err := c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeRefused, nvr.ErrUnauthorized)
		o, err = c.Reboot(t.Context())
		says(t, o, err, nvr.OutcomeNotSent, nvr.ErrUnauthorized)
		if n := r.Rejected(); n != 1 {
			t.Fatalf("%d rejected", n)
		}
		time.Sleep(time.Minute)
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		o, err = c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeNotSent, nvr.ErrPaused)
		time.Sleep(window)
		o, err = c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeRefused, nvr.ErrUnauthorized)
		time.Sleep(time.Minute)
		c.Info(t.Context())
		o, err = c.Reboot(t.Context())
		says(t, o, err, nvr.OutcomeRefused, nvr.ErrForbidden, "Remote: Shutdown/Reboot")
		if n := r.Rejected(); n != 2 {
			t.Fatalf("%d rejected", n)
		}
		r.SetRights(nvrtest.Rights{})
		c.RetrySignIn()
		o, err = c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeDone, nil)
	})
}

func TestABrokenStateDirDoesNotKeepTheRecorderUp(t *testing.T) {
	for _, signedIn := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := recorder(t, nvrtest.Config{})
			dir := t.TempDir()
			c := open(t, r, dir, password)
			defer c.Close()
			if signedIn {
				c.Info(t.Context())
			}
			synctest.Wait()
			os.RemoveAll(dir)
			o, err := c.Shutdown(t.Context())
			if signedIn {
				says(t, o, err, nvr.OutcomeDone, nil)
			} else {
				says(t, o, err, nvr.OutcomeNotSent, nvr.ErrState)
			}
			if r.Flushing() != signedIn {
				t.Errorf("it goes down: %v", r.Flushing())
			}
		})
	}
}

func TestRefusalsTellWhatToDo(t *testing.T) {
	refusal := func(status int, sub string) nvrtest.Manner {
		return nvrtest.Manner{Refuses: nvrtest.Refusal{Status: status, SubStatus: sub}}
	}
	busy := func(status int, sub string) nvrtest.Manner {
		return nvrtest.Manner{Busy: 1, BusyAnswer: nvrtest.Refusal{Status: status, SubStatus: sub}}
	}
	for _, tt := range []struct {
		name   string
		manner nvrtest.Manner
		want   nvr.Outcome
		is     error
		words  string
	}{
		{"no right", refusal(403, "lowPrivilege"), nvr.OutcomeRefused, nvr.ErrForbidden, "Remote: Shutdown/Reboot"},
		{"not supported under 200", refusal(200, "notSupport"), nvr.OutcomeRefused, nvr.ErrUnsupported, "own menu"},
		{"bad XML", refusal(200, "badXmlFormat"), nvr.OutcomeRefused, nil, "own menu"},
		{"busy", busy(503, "deviceBusy"), nvr.OutcomeBusy, nvr.ErrBusy, "it is busy"},
		{"upgrading", busy(403, "upgrading"), nvr.OutcomeBusy, nvr.ErrBusy, "firmware upgrade"},
		{"formatting", busy(200, "formatting"), nvr.OutcomeBusy, nvr.ErrBusy, "being formatted"},
		{"exporting", busy(403, "beingExportedByAnotherUser"), nvr.OutcomeBusy, nvr.ErrBusy, "exported"},
	} {
		asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.SetHalt(nvrtest.Halt{Manner: tt.manner})
			o, err := c.Shutdown(t.Context())
			says(t, o, err, tt.want, tt.is, tt.words, "shut down")
			if r.Flushing() {
				t.Errorf("%s: it goes down", tt.name)
			}
		})
	}
}

func TestNoSupportIsRememberedButNotFromABootOrAnUpgrade(t *testing.T) {
	for _, tt := range []struct {
		name       string
		before     func(*testing.T, *nvrtest.Recorder, *nvr.Client)
		remembered bool
	}{
		{"on a settled recorder", func(t *testing.T, _ *nvrtest.Recorder, c *nvr.Client) { c.Status(t.Context()) }, true},
		{"while it upgrades", func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.SetUpgrade(true, 10)
			c.Upgrade(t.Context())
		}, false},
		{"when it refused something because it upgrades", func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.Fail(nvrtest.Fault{Status: 403, SubStatus: "upgrading", Answers: nvrtest.Granted, Times: 1})
			c.Status(t.Context())
		}, false},
		{"just booted", func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.RebootWith(nvrtest.Boot{})
			time.Sleep(time.Minute)
			c.Status(t.Context())
		}, false},
		{"booted a while ago", func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.RebootWith(nvrtest.Boot{})
			time.Sleep(11 * time.Minute)
			c.Status(t.Context())
		}, true},
		{"after an answer was lost", func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.Fail(nvrtest.Fault{HalfOpen: true, Times: 1})
			c.Status(t.Context())
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				c.Info(t.Context())
				tt.before(t, r, c)
				r.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 403, SubStatus: "notSupport"}}})
				o, err := c.Shutdown(t.Context())
				says(t, o, err, nvr.OutcomeRefused, nvr.ErrUnsupported)
				r.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}})
				r.ResetCounters()
				o, err = c.Shutdown(t.Context())
				if !tt.remembered {
					says(t, o, err, nvr.OutcomeDone, nil)
					return
				}
				says(t, o, err, nvr.OutcomeRefused, nvr.ErrUnsupported, "as it answered before", "PUT")
				if n := len(r.Requests()); n != 0 {
					t.Errorf("%d requests", n)
				}
				r.SetFirmware("V9.9.9")
				c.Info(t.Context())
				o, err = c.Shutdown(t.Context())
				says(t, o, err, nvr.OutcomeDone, nil)
			})
		})
	}
}

func TestAPowerRequestGoesInFront(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		c.Info(t.Context())
		r.ResetCounters()
		r.Fail(nvrtest.Fault{Path: "System/time", Delay: 5 * time.Second, Times: 1})
		var all sync.WaitGroup
		all.Go(func() { c.Clock(t.Context()) })
		for range 5 {
			synctest.Wait()
			all.Go(func() { c.Status(t.Context()) })
		}
		gone, cancel := context.WithCancel(t.Context())
		all.Go(func() {
			if _, err := c.Storage(gone); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		for range 2 {
			all.Go(func() { c.Reboot(t.Context()) })
		}
		synctest.Wait()
		cancel()
		o, err := c.Shutdown(cancelled(t))
		says(t, o, err, nvr.OutcomeNotSent, context.Canceled)
		all.Wait()
		want := append([]string{"System/time", pathReboot, pathReboot}, slices.Repeat([]string{"System/status"}, 5)...)
		if got := paths(r); !slices.Equal(got, want) || r.MaxConcurrent() != 1 {
			t.Errorf("%v, %d at a time", got, r.MaxConcurrent())
		}
	})
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// wire notes what is written on connections.
type wire struct {
	r       *nvrtest.Recorder
	mu      sync.Mutex
	written strings.Builder
}

type wireConn struct {
	net.Conn
	w *wire
}

func (w *wire) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.r.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return wireConn{conn, w}, nil
}

func (c wireConn) Write(b []byte) (int, error) {
	c.w.mu.Lock()
	c.w.written.Write(b)
	c.w.mu.Unlock()
	return c.Conn.Write(b)
}

func TestAPowerRequestHasNoBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{r: recorder(t, nvrtest.Config{})}
		c, err := nvr.New(nvr.Config{URL: "http://192.0.2.10", Username: "owner", Password: password, StateDir: t.TempDir(), Dial: w.Dial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		o, err := c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeDone, nil)
		sent := w.written.String()
		if strings.Count(sent, "PUT /ISAPI/System/shutdown?format=json HTTP/1.1\r\n") != 2 || strings.Count(sent, "Content-Length: 0\r\n") != 2 ||
			strings.Contains(sent, "Transfer-Encoding") || strings.Contains(sent, "Content-Type") {
			t.Errorf("%s", sent)
		}
	})
}

func TestAfterA401NothingIsUnderWay(t *testing.T) {
	asking(t, nvrtest.Config{StaleWithoutChallenge: true}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.SetRestart(nvrtest.Manner{Ignored: true})
		c.Reboot(t.Context())
		r.RebootWith(nvrtest.Boot{}) // the nonce is forgotten
		r.Fail(nvrtest.Fault{NoAnswer: true, Answers: nvrtest.Challenges})
		o, err := c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeNotSent, context.DeadlineExceeded)
		if r.Rejected() != 0 || r.Flushing() {
			t.Errorf("%+v", r.Requests())
		}
	})
}

func TestAPauseOfTheBudgetSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), "canary-wrong")
		defer c.Close()
		c.Info(t.Context())
		o, err := c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeNotSent, nvr.ErrUnauthorized, "nothing was sent")
		if puts(r) != 0 {
			t.Error("credentials were sent")
		}
	})
}

func TestRefusalsOfADeviceThatGoesDownAreNotRemembered(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Ignored: true}})
		o, err := c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeDone, nil)
		r.Fail(nvrtest.Fault{Status: 403, Answers: nvrtest.Granted, Times: 1})
		if _, err := c.Working(t.Context()); !errors.Is(err, nvr.ErrUnsupported) {
			t.Fatalf("got %v", err)
		}
		if _, err := c.Working(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestARefusalOfAStrangerIsNotRemembered(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.Fail(nvrtest.Fault{Status: 403, Times: 1}) // instead of a challenge
		o, err := c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeRefused, nvr.ErrUnsupported)
		o, err = c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeDone, nil)
	})
}

func TestABrokenStateDirDoesNotLoosenTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		dir := t.TempDir()
		c := open(t, r, dir, password)
		defer c.Close()
		c.Info(t.Context())
		r.SetRights(nvrtest.Rights{Lacks: []string{"preview"}, As401: true})
		if _, err := c.Picture(t.Context(), nvr.IP, "1"); !errors.Is(err, nvr.ErrUnauthorized) {
			t.Fatalf("got %v", err)
		}
		time.Sleep(time.Minute)
		os.RemoveAll(dir)
		o, err := c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeNotSent, nvr.ErrState)
		if puts(r) != 0 {
			t.Error("credentials were sent")
		}
	})
}

// A question that was given up for the request isn't trouble with the recorder, after
// which a refusal wouldn't be believed for good.
func TestAQuestionThatIsGivenUpDoesntMakeARefusalDoubtful(t *testing.T) {
	asking(t, nvrtest.Config{Halt: nvrtest.Halt{Manner: nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 403, SubStatus: "notSupport"}}}},
		func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			if _, err := c.Info(t.Context()); err != nil || c.RefusedShutdown() != nil {
				t.Fatal(err, c.RefusedShutdown())
			}
			r.Fail(nvrtest.Fault{Path: "System/status", Delay: 5 * time.Second, Times: 1})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			o, err := c.Shutdown(t.Context())
			says(t, o, err, nvr.OutcomeRefused, nvr.ErrUnsupported)
			if err := c.RefusedShutdown(); !errors.Is(err, nvr.ErrUnsupported) {
				t.Errorf("not remembered: %v", err)
			}
		})
}
