package nvrtest_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

const (
	shutdown = "/ISAPI/System/shutdown?format=json"
	reboot   = "/ISAPI/System/reboot"
)

// put signs in and sends a PUT without body.
func (c *client) put(ctx context.Context, path string) (reply, error) {
	c.t.Helper()
	first, err := c.try(ctx, "PUT", path, "")
	if err != nil || first.status != 401 {
		return first, err
	}
	d := c.digest(challengeOf(first, 0), path, 1)
	d.method = "PUT"
	return c.try(ctx, "PUT", path, d.header())
}

// sees dials once, for two seconds.
func sees(t *testing.T, r *nvrtest.Recorder) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	conn, err := r.Dial(ctx, "tcp", "192.0.2.64:80")
	switch {
	case err == nil:
		conn.Close()
		return "open"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "no route"
	case errors.Is(err, context.DeadlineExceeded):
		return "silent"
	}
	t.Fatal(err)
	return ""
}

func TestShutdownHaltsUntilPowerWasCut(t *testing.T) {
	for link, want := range map[nvrtest.HaltedLink]string{
		nvrtest.HaltedSilent: "silent", nvrtest.HaltedNoRoute: "no route", nvrtest.HaltedRefuses: "refused",
	} {
		t.Run(link.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Halt: nvrtest.Halt{Link: link}})
				got, err := c.put(t.Context(), shutdown)
				if err != nil {
					t.Fatal(err)
				}
				got.want(t, 200).says(t, `"statusCode":1`, `"subStatusCode":"ok"`)
				accepted := time.Now()
				time.Sleep(8*time.Second - 1)
				if s := sees(t, r); s != "open" || !r.Flushing() || r.Power() != nvrtest.PowerRunning || r.Watts() != 22 {
					t.Errorf("while it goes down: %v, %v, %v W", s, r.Power(), r.Watts())
				}
				time.Sleep(time.Second)
				if s := sees(t, r); s != want || !r.Flushing() || r.Power() != nvrtest.PowerFlushing || r.Watts() != 22 {
					t.Errorf("while it flushes: %v, %v, %v W", s, r.Power(), r.Watts())
				}
				time.Sleep(time.Hour)
				r.RestorePower() // it was never cut
				r.Reboot(0)
				if s := sees(t, r); s != want || r.Flushing() || r.Power() != nvrtest.PowerHalted || r.Watts() != 4 {
					t.Errorf("halted: %v, %v, %v W", s, r.Power(), r.Watts())
				}
				if s := r.Stops(); len(s) != 1 || !s[0].Clean || s[0].Cause != nvrtest.ByShutdown || !s[0].Back.IsZero() || s[0].At.Sub(accepted) != 14*time.Second {
					t.Errorf("%+v", s)
				}
				r.CutPower()
				r.CutPower()
				if s := sees(t, r); s == "open" || s == "refused" || r.Power() != nvrtest.PowerOff || r.Watts() != 0 {
					t.Errorf("without power: %v, %v, %v W", s, r.Power(), r.Watts())
				}
				r.RestorePower()
				if s := sees(t, r); s != "silent" || r.Power() != nvrtest.PowerBooting || r.Watts() != 14 {
					t.Errorf("booting: %v, %v, %v W", s, r.Power(), r.Watts())
				}
				time.Sleep(45 * time.Second)
				c.send("GET", info, "").want(t, 500)
				time.Sleep(15 * time.Second)
				c.get(status).want(t, 200).says(t, "<deviceUpTime>17<")
				if s := r.Stops(); len(s) != 1 || s[0].Back.IsZero() || r.Power() != nvrtest.PowerRunning {
					t.Errorf("%v, %+v", r.Power(), s)
				}
			})
		})
	}
}

func TestRestart(t *testing.T) {
	boot := nvrtest.Boot{Down: 30 * time.Second, Silent: true}
	for _, tt := range []struct {
		name, path, says string
		config           nvrtest.Config
		cause            nvrtest.Cause
	}{
		{"by request", reboot, "<statusCode>1<", nvrtest.Config{Boot: boot, Halt: nvrtest.Halt{Link: nvrtest.HaltedRefuses}}, nvrtest.ByRestart},
		{"instead of a shutdown", shutdown, `"statusCode":1`, nvrtest.Config{Boot: boot, Halt: nvrtest.Halt{Restarts: true}}, nvrtest.ByRestart},
		{"of a camera", reboot, "<statusCode>1<", nvrtest.Config{Model: nvrtest.Camera, Boot: boot}, nvrtest.ByRestart},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, tt.config)
				got, err := c.put(t.Context(), tt.path)
				if err != nil {
					t.Fatal(err)
				}
				got.want(t, 200).says(t, tt.says)
				time.Sleep(9 * time.Second)
				if s := sees(t, r); s != "silent" || !r.Flushing() || r.Power() != nvrtest.PowerFlushing {
					t.Errorf("%v, %v", s, r.Power())
				}
				time.Sleep(4 * time.Second)
				if s := sees(t, r); s != "silent" || r.Flushing() || r.Power() != nvrtest.PowerBooting {
					t.Errorf("%v, %v", s, r.Power())
				}
				time.Sleep(30 * time.Second)
				c.get(status).want(t, 200).says(t, "<deviceUpTime>3<")
				if s := r.Stops(); len(s) != 1 || !s[0].Clean || s[0].Cause != tt.cause || s[0].Back.Sub(s[0].At) != 30*time.Second {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestManners(t *testing.T) {
	for _, tt := range []struct {
		name   string
		manner nvrtest.Manner
		status int // 0: no answer
		says   string
		goes   bool
	}{
		{"refused", nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 403, SubStatus: "lowPrivilege"}}, 403, "lowPrivilege", false},
		{"refused under 200", nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 200, SubStatus: "notSupport"}}, 200, "notSupport", false},
		{"busy", nvrtest.Manner{Busy: 1}, 503, "deviceBusy", false},
		{"busy with a word", nvrtest.Manner{Busy: 1, BusyAnswer: nvrtest.Refusal{Status: 200, SubStatus: "upgrading"}}, 200, "upgrading", false},
		{"ignored", nvrtest.Manner{Ignored: true}, 200, `"statusCode":1`, false},
		{"lost", nvrtest.Manner{Lost: true}, 0, "", true},
		{"lost and ignored", nvrtest.Manner{Lost: true, Ignored: true}, 0, "", false},
		{"in the other form", nvrtest.Manner{OtherForm: true}, 200, "<statusCode>1<", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{})
				r.SetHalt(nvrtest.Halt{Manner: tt.manner})
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				got, err := c.put(ctx, shutdown)
				if tt.status == 0 != (err != nil) {
					t.Fatalf("%v, %v", got, err)
				}
				if err == nil {
					got.want(t, tt.status).says(t, tt.says)
				}
				if r.Flushing() != tt.goes {
					t.Errorf("it goes down: %v", r.Flushing())
				}
				r.SetHalt(nvrtest.Halt{Manner: nvrtest.Manner{Busy: tt.manner.Busy - 1}})
				if got, err = c.put(t.Context(), shutdown); err != nil || got.status != 200 || !r.Flushing() {
					t.Errorf("again: %v, %v", got, err)
				}
			})
		})
	}
}

func TestOnlyPutGivesOrdersAndOnlyRecordersShutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		c.get(shutdown).want(t, 405).says(t, "methodNotAllowed")
		c.get(reboot).want(t, 405)
		r.SetRights(nvrtest.Rights{Lacks: []string{"restartOrShutdown"}})
		if got, err := c.put(t.Context(), reboot); err != nil || got.status != 403 || !strings.Contains(got.body, "lowPrivilege") {
			t.Errorf("%v, %v", got, err)
		}
		camera, cc := newRecorder(t, nvrtest.Config{Model: nvrtest.Camera})
		if got, err := cc.put(t.Context(), shutdown); err != nil || got.status != 404 {
			t.Errorf("%v, %v", got, err)
		}
		if r.Flushing() || camera.Flushing() {
			t.Error("it goes down")
		}
	})
}

func TestAFaultSpoilsAnOrder(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault nvrtest.Fault
		goes  bool
	}{
		{"a reset when it has arrived", nvrtest.Fault{ResetAfterRequest: true, Answers: nvrtest.Granted}, true},
		{"no answer", nvrtest.Fault{NoAnswer: true, Answers: nvrtest.Granted}, true},
		{"another body", nvrtest.Fault{Body: []byte("thanks"), Answers: nvrtest.Granted}, true},
		{"a reset before it was looked at", nvrtest.Fault{Reset: true}, false},
		{"a refusal", nvrtest.Fault{Status: 503, Answers: nvrtest.Granted}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{})
				r.Fail(tt.fault)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				c.put(ctx, shutdown)
				if r.Flushing() != tt.goes {
					t.Errorf("it goes down: %v", r.Flushing())
				}
			})
		})
	}
}

func TestACutBeforeTheHaltIsUnclean(t *testing.T) {
	for _, tt := range []struct {
		name  string
		order bool
		after time.Duration
		clean bool
	}{
		{"running", false, 0, false},
		{"answering", true, time.Second, false},
		{"flushing", true, 10 * time.Second, false},
		{"halted", true, 14 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Watts: nvrtest.Watts{Halted: -1}})
				if tt.order {
					c.put(t.Context(), shutdown)
				}
				time.Sleep(tt.after)
				synctest.Wait()
				r.CutPower()
				if s := r.Stops(); len(s) != 1 || s[0].Clean != tt.clean || (s[0].Cause == nvrtest.ByPowerCut) == tt.clean || r.Flushing() {
					t.Errorf("%+v", s)
				}
				time.Sleep(time.Minute) // what was under way is over
				if r.Power() != nvrtest.PowerOff || len(r.Stops()) != 1 {
					t.Errorf("%v, %+v", r.Power(), r.Stops())
				}
				r.RestorePower()
				time.Sleep(time.Minute)
				c.get(info).want(t, 200)
			})
		})
	}
}

func TestABootThatIsCutBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRecorder(t, nvrtest.Config{Watts: nvrtest.Watts{Booting: 9, Running: 30}})
		r.CutPower()
		r.RestorePower()
		time.Sleep(40 * time.Second)
		r.CutPower()
		r.RestorePower()
		time.Sleep(40 * time.Second)
		if r.Power() != nvrtest.PowerBooting || r.Watts() != 9 {
			t.Errorf("%v, %v W", r.Power(), r.Watts())
		}
		time.Sleep(5 * time.Second)
		r.SetWatts(nvrtest.Watts{Running: 31})
		if r.Power() != nvrtest.PowerRunning || r.Watts() != 31 || len(r.Stops()) != 2 {
			t.Errorf("%v, %v W, %+v", r.Power(), r.Watts(), r.Stops())
		}
		for range 100 {
			r.Reboot(0)
		}
		if n := len(r.Stops()); n != 64 {
			t.Errorf("%d stops are kept", n)
		}
	})
}

func TestConnectionsOfAHaltedRecorder(t *testing.T) {
	for _, tt := range []struct {
		link  nvrtest.HaltedLink
		reset bool
	}{{nvrtest.HaltedSilent, false}, {nvrtest.HaltedRefuses, true}} {
		synctest.Test(t, func(t *testing.T) {
			r, c := newRecorder(t, nvrtest.Config{Halt: nvrtest.Halt{Link: tt.link}})
			old, err := r.Dial(t.Context(), "tcp", "192.0.2.64:80")
			if err != nil {
				t.Fatal(err)
			}
			defer old.Close()
			c.put(t.Context(), shutdown)
			time.Sleep(20 * time.Second)
			old.SetReadDeadline(time.Now().Add(time.Second))
			_, err = old.Read(make([]byte, 1))
			if errors.Is(err, syscall.ECONNRESET) != tt.reset {
				t.Errorf("%v: %v", tt.link, err)
			}
			r.CutPower()
			r.RestorePower()
			time.Sleep(time.Minute)
			if _, err := old.Write([]byte("GET")); err == nil {
				t.Errorf("%v: the boot knows the connection", tt.link)
			}
		})
	}
}

func TestRestartIsCalledOffByAnotherOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.SetRestart(nvrtest.Manner{After: time.Second, Flush: -1})
		c.put(t.Context(), shutdown)
		c.put(t.Context(), reboot) // it goes down already
		r.Reboot(time.Second)
		time.Sleep(time.Minute)
		if s := r.Stops(); len(s) != 1 || r.Power() != nvrtest.PowerRunning {
			t.Errorf("%v, %+v", r.Power(), s)
		}
		c.put(t.Context(), reboot)
		time.Sleep(time.Second)
		synctest.Wait()
		if r.Power() != nvrtest.PowerBooting {
			t.Errorf("%v", r.Power())
		}
	})
}

func TestAHaltedRecorderOnAPort(t *testing.T) {
	r := nvrtest.New(nvrtest.Config{Halt: nvrtest.Halt{Link: nvrtest.HaltedNoRoute}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- r.Serve(l) }()
	r.CutPower()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v", err)
	}
	r.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
