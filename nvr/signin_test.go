package nvr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

const (
	password = "canary-right-7Kq"
	window   = 35 * time.Minute
)

// open makes a client of a simulated recorder; dir is where its budget is kept.
func open(t *testing.T, r *nvrtest.Recorder, dir, password string) *nvr.Client {
	t.Helper()
	c, err := nvr.New(nvr.Config{URL: "http://192.0.2.10", Username: "owner", Password: password, StateDir: dir, Dial: r.Dial})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func recorder(t *testing.T, c nvrtest.Config) *nvrtest.Recorder {
	c.Username, c.Password = "owner", password
	r := nvrtest.New(c)
	t.Cleanup(func() {
		r.Close()
		if n := r.MaxCountedIn(window); n > 2 {
			t.Errorf("the recorder counted %d failed logins in %v", n, window)
		}
	})
	return r
}

func TestOneRejectionEndsSigningInFor35Minutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), "canary-wrong")
		defer c.Close()
		for range 20 {
			_, err := c.Info(t.Context())
			if !errors.Is(err, nvr.ErrUnauthorized) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Fatalf("the password is in the error: %v", err)
			}
			time.Sleep(time.Minute)
		}
		if n := r.Rejected(); n != 1 {
			t.Fatalf("%d rejected logins in 20 minutes", n)
		}
		s := c.SignIn()
		if s.State != nvr.SignInRejected || time.Until(s.Until) != 15*time.Minute {
			t.Fatalf("state %v until %v", s.State, time.Until(s.Until))
		}
		time.Sleep(15 * time.Minute)
		c.Info(t.Context())
		if n := r.Rejected(); n != 2 {
			t.Fatalf("%d rejected logins after 35 minutes", n)
		}
		for range 12 * 60 { // the pause doubles: 70, 140, 280, 360 minutes
			time.Sleep(time.Minute)
			c.Info(t.Context())
		}
		if n := r.Rejected(); n != 5 {
			t.Fatalf("%d rejected logins after half a day", n)
		}
	})
}

func TestTheLimitHoldsOverRestartsEditsAndACrashLoop(t *testing.T) {
	tests := []struct {
		name      string
		passwords []string
		between   time.Duration
	}{
		{"three restarts", []string{"w", "w", "w", "w"}, 8 * time.Minute},
		{"a crash loop of 20", strings.Split(strings.Repeat("w", 20), ""), time.Second},
		{"three wrong edits in a row", []string{"a", "b", "c", "d"}, time.Minute},
	}
	for _, tt := range tests {
		for _, lock := range []nvrtest.LockMode{nvrtest.LockReal, nvrtest.LockEvery} {
			t.Run(fmt.Sprintf("%s, %v", tt.name, lock), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := recorder(t, nvrtest.Config{Lock: lock})
					dir := t.TempDir()
					began := time.Now()
					for _, p := range tt.passwords {
						c := open(t, r, dir, p)
						for range 3 {
							c.Account(t.Context())
							c.Info(t.Context())
						}
						c.RetrySignIn()
						c.Info(t.Context())
						c.Close()
						time.Sleep(tt.between)
					}
					if time.Since(began) > window {
						t.Fatal("the test must stay within one window")
					}
					if n := r.MaxRejectedIn(window); n != 2 {
						t.Fatalf("%d rejected logins in %v", n, window)
					}
				})
			})
		}
	}
}

func TestAnAttemptWhoseAnswerIsLostCountsOverACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		dir := t.TempDir()
		r.Fail(nvrtest.Fault{Answers: nvrtest.Rejections, ResetAfterRequest: true})
		for range 10 {
			c := open(t, r, dir, "canary-wrong")
			c.Info(t.Context())
			c.Close()
		}
		if n := len(r.Counted()); n != 2 {
			t.Fatalf("the recorder counted %d failed logins", n)
		}
		c := open(t, r, dir, password)
		defer c.Close()
		if _, err := c.Info(t.Context()); !errors.Is(err, nvr.ErrPaused) {
			t.Fatalf("got %v", err)
		}
		if s := c.SignIn(); s.State != nvr.SignInPaused || s.Until.IsZero() {
			t.Fatalf("state %+v", s)
		}
		r.ClearFaults()
		time.Sleep(window)
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAConnectionThatDiesIsNotSignedInOnAgainByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		r.Fail(nvrtest.Fault{Answers: nvrtest.Granted, ResetAfterRequest: true, Times: 1})
		if _, err := c.Info(t.Context()); err == nil {
			t.Fatal("no error")
		}
		sent := 0
		for _, q := range r.Requests() {
			if q.Credentials {
				sent++
			}
		}
		if sent != 1 {
			t.Fatalf("credentials were sent %d times under one reservation", sent)
		}
	})
}

func TestAPasswordChangedOnTheDeviceCostsTwoRejections(t *testing.T) {
	for _, lock := range []nvrtest.LockMode{nvrtest.LockReal, nvrtest.LockEvery} {
		t.Run(lock.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, nvrtest.Config{Lock: lock})
				dir := t.TempDir()
				c := open(t, r, dir, password)
				if _, err := c.Info(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.SetPassword("canary-new")
				for range 30 {
					c.Info(t.Context())
					time.Sleep(time.Minute)
				}
				c.RetrySignIn()
				c.Info(t.Context())
				c.Close()
				if n := r.MaxRejectedIn(window); n != 2 {
					t.Fatalf("%d rejected logins", n)
				}
				time.Sleep(window - 30*time.Minute)
				c = open(t, r, dir, "canary-new") // corrected: may try before the pause is over
				defer c.Close()
				if _, err := c.Info(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestCorrectedCredentialsMayTryEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		dir := t.TempDir()
		c := open(t, r, dir, "canary-wrong")
		c.Info(t.Context())
		c.Close()
		c = open(t, r, dir, password)
		defer c.Close()
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := c.SignIn(); s.State != nvr.SignInOK {
			t.Fatalf("state %v", s.State)
		}
	})
}

func TestARightPasswordIsNeverTakenForAWrongOne(t *testing.T) {
	tests := []struct {
		name   string
		config nvrtest.Config
	}{
		{"plain", nvrtest.Config{}},
		{"SHA-256", nvrtest.Config{Algorithm: "SHA-256"}},
		{"MD5 and SHA-256 offered", nvrtest.Config{Algorithm: "both"}},
		{"one-time nonces", nvrtest.Config{NonceUses: 1}},
		{"nonces good for 3 and a strict count", nvrtest.Config{NonceUses: 3, StrictNC: true}},
		{"nonces bound to a path", nvrtest.Config{NonceBoundToPath: true}},
		{"nonces good for a minute", nvrtest.Config{NonceLife: time.Minute}},
		{"no challenge with a stale nonce", nvrtest.Config{NonceUses: 2, StaleWithoutChallenge: true}},
		{"one-time nonces, every 401 counted", nvrtest.Config{NonceUses: 1, Lock: nvrtest.LockEvery}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, tt.config)
				c := open(t, r, t.TempDir(), password)
				defer c.Close()
				var users sync.WaitGroup
				for range 8 {
					users.Go(func() {
						for range 25 {
							if _, err := c.Info(t.Context()); err != nil {
								t.Errorf("Info: %v", err)
							}
							if _, err := c.Status(t.Context()); err != nil {
								t.Errorf("Status: %v", err)
							}
							time.Sleep(20 * time.Second)
						}
					})
				}
				users.Wait()
				if n := r.MaxConcurrent(); n != 1 {
					t.Errorf("%d requests at once", n)
				}
				if n := r.MaxRejectedIn(window); n > 2 {
					t.Errorf("%d requests with credentials were answered 401", n)
				}
				if c.SignIn().State != nvr.SignInOK {
					t.Errorf("state %v", c.SignIn().State)
				}
			})
		})
	}
}

func TestARebootCostsOneFreshChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		c.Info(t.Context())
		r.Reboot(time.Minute)
		if _, err := c.Info(t.Context()); err == nil {
			t.Fatal("no error while it boots")
		}
		time.Sleep(2 * time.Minute)
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := r.Rejected(); n > 1 {
			t.Fatalf("%d requests with credentials were answered 401", n)
		}
	})
}

func TestALockThatIsToldEndsAllSigningIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{LockShownUnsigned: true})
		r.Fail(nvrtest.Fault{Status: 401, Body: []byte(`<userCheck><statusValue>401</statusValue><lockStatus>lock</lockStatus><unlockTime>600</unlockTime><retryLoginTime>0</retryLoginTime></userCheck>`)})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		_, err := c.Account(t.Context())
		if !errors.Is(err, nvr.ErrLocked) {
			t.Fatalf("got %v", err)
		}
		if s := c.SignIn(); s.State != nvr.SignInLocked || time.Until(s.Until) != 11*time.Minute {
			t.Fatalf("state %+v", s)
		}
		if err := c.RetrySignIn(); !errors.Is(err, nvr.ErrLocked) {
			t.Fatalf("a retry in the lock: %v", err)
		}
		for _, q := range r.Requests() {
			if q.Credentials {
				t.Fatal("credentials were sent to a recorder that told of its lock")
			}
		}
		r.ClearFaults()
		time.Sleep(11 * time.Minute)
		if _, err := c.Account(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAtTwoTriesLeftNothingIsTriedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Answers: nvrtest.Rejections, Status: 401, Body: []byte(`<userCheck><statusValue>401</statusValue><lockStatus>unlock</lockStatus><retryLoginTime>2</retryLoginTime></userCheck>`)})
		dir := t.TempDir()
		c := open(t, r, dir, "canary-wrong")
		c.Account(t.Context())
		if s := c.SignIn(); s.TriesLeft != 2 {
			t.Fatalf("state %+v", s)
		}
		c.Close()
		c = open(t, r, dir, password)
		defer c.Close()
		if err := c.RetrySignIn(); err == nil {
			t.Fatal("an early try was allowed")
		}
		if _, err := c.Account(t.Context()); err == nil {
			t.Fatal("an early try was made")
		}
		if n := r.Rejected(); n != 1 {
			t.Fatalf("%d rejected logins", n)
		}
	})
}

func TestWithoutADurableBudgetNoCredentialIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		dir := filepath.Join(t.TempDir(), "state")
		os.Mkdir(dir, 0o700)
		c := open(t, r, dir, password)
		defer c.Close()
		os.RemoveAll(dir)
		if _, err := c.Info(t.Context()); !errors.Is(err, nvr.ErrState) {
			t.Fatalf("got %v", err)
		}
		for _, q := range r.Requests() {
			if q.Credentials {
				t.Fatal("credentials were sent")
			}
		}
	})
}

func TestADamagedBudgetCountsAsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		dir := t.TempDir()
		file := filepath.Join(dir, "nvr-192.0.2.10_80.json")
		if err := os.WriteFile(file, []byte("\x00\x00\x00"), 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, r, dir, password)
		if _, err := c.Info(t.Context()); !errors.Is(err, nvr.ErrPaused) {
			t.Fatalf("got %v", err)
		}
		c.Close()
		if _, err := os.Stat(file + ".damaged"); err != nil {
			t.Fatalf("the damaged file isn't kept: %v", err)
		}
		c = open(t, r, dir, password)
		defer c.Close()
		time.Sleep(window)
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNoPasswordStandsInTheStateDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		dir := t.TempDir()
		c := open(t, r, dir, password)
		c.Info(t.Context())
		c.Close()
		c = open(t, r, dir, "canary-wrong")
		c.Info(t.Context())
		c.Close()
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		if len(files) == 0 {
			t.Fatal("nothing was kept")
		}
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil || strings.Contains(string(content), "canary") {
				t.Fatalf("%s: %s, %v", f, content, err)
			}
		}
	})
}

func TestASlowChallengeRisksNoCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Delay: 6 * time.Second})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		if _, err := c.Info(t.Context()); !errors.Is(err, nvr.ErrSlow) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestASignInOutlastsTheCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Answers: nvrtest.Granted, Delay: 20 * time.Second, Times: 1})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := c.Info(ctx); err != nil {
			t.Fatalf("the answer was given up: %v", err)
		}
	})
}

func TestRejectionsOnAKnownNonceWhoseAnswersAreLostCount(t *testing.T) {
	for name, fault := range map[string]nvrtest.Fault{
		"reset":     {Answers: nvrtest.Rejections, ResetAfterRequest: true},
		"no answer": {Answers: nvrtest.Rejections, NoAnswer: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, nvrtest.Config{})
				c := open(t, r, t.TempDir(), password)
				defer c.Close()
				if _, err := c.Info(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.SetPassword("canary-new")
				r.Fail(fault)
				for range 10 {
					c.Info(t.Context())
				}
				if n := r.MaxRejectedIn(window); n > 2 {
					t.Errorf("%d rejected logins", n)
				}
			})
		})
	}
}

func TestAStaleNonceAfterACorrectedPasswordCostsNothing(t *testing.T) {
	for name, c := range map[string]nvrtest.Config{"nonces good for 3": {NonceUses: 3}, "nonces good for a minute": {NonceLife: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recorder(t, c)
				dir := t.TempDir()
				wrong := open(t, r, dir, "canary-wrong")
				wrong.Info(t.Context())
				wrong.Close()
				right := open(t, r, dir, password)
				defer right.Close()
				for range 60 {
					if _, err := right.Info(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(30 * time.Second)
				}
			})
		})
	}
}

// A device that restarts forgets its nonces, and some count a forgotten one as a
// failed login. While it is down nothing may be asked that would notice it.
func TestANonceOfBeforeAPauseIsNotTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{Lock: nvrtest.LockEvery})
		dir := t.TempDir()
		c := open(t, r, dir, password)
		defer c.Close()
		for range 3 {
			if _, err := c.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.RebootWith(nvrtest.Boot{Down: 40 * time.Second})
			time.Sleep(60 * time.Second)
		}
		if n := r.MaxRejectedIn(window); n != 0 {
			t.Errorf("%d failed logins", n)
		}
		before := len(r.Requests())
		for range 20 {
			if _, err := c.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
		}
		if n := len(r.Requests()) - before; n > 21 {
			t.Errorf("%d requests for 20 questions: a nonce is used as long as questions come", n)
		}
	})
}

func TestABootThatRejectsEveryoneForAMomentIsNoLongBlindness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{Lock: nvrtest.LockNone})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.RebootWith(nvrtest.Boot{Down: 90 * time.Second, Denies: 20 * time.Second})
		for range 4 { // a bridge asks every 20 to 30 seconds
			time.Sleep(20 * time.Second)
			c.Info(t.Context())
		}
		time.Sleep(11 * time.Second)
		back := time.Now()
		for {
			if _, err := c.Info(t.Context()); err == nil {
				break
			}
			if time.Since(back) > 3*time.Minute {
				t.Fatal("still not signed in 3 minutes after the boot")
			}
			time.Sleep(10 * time.Second)
		}
		if n := r.MaxRejectedIn(window); n > 2 {
			t.Errorf("%d rejected logins", n)
		}
	})
}

func TestTriesLeftAreForgottenWithTheAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Answers: nvrtest.Rejections, Status: 401, Times: 1, Body: []byte(`<userCheck><statusValue>401</statusValue><lockStatus>unlock</lockStatus><retryLoginTime>2</retryLoginTime></userCheck>`)})
		dir := t.TempDir()
		c := open(t, r, dir, "canary-wrong")
		c.Account(t.Context())
		c.Close()
		time.Sleep(window)
		c = open(t, r, dir, password)
		defer c.Close()
		if _, err := c.Account(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestALockToldBy403OnAKnownNonceIsALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.Fail(nvrtest.Fault{Answers: nvrtest.Granted, Status: 403, SubStatus: "userLocked"})
		if _, err := c.Status(t.Context()); !errors.Is(err, nvr.ErrLocked) {
			t.Fatalf("got %v", err)
		}
		if s := c.SignIn(); s.State != nvr.SignInLocked {
			t.Fatalf("state %v", s.State)
		}
	})
}

func TestRetryingBesideRequestsIsSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		var users sync.WaitGroup
		for range 4 {
			users.Go(func() {
				for range 20 {
					c.Status(t.Context())
					c.RetrySignIn()
				}
			})
		}
		users.Wait()
	})
}

func TestAKeptConnectionThatTheDeviceClosedCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		for range 20 {
			if _, err := c.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.Fail(nvrtest.Fault{Reset: true, Times: 1})
			if _, err := c.Status(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
