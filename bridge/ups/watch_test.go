package ups_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge/bridgetest"
	"hikbridge/bridge/ups"
)

// told is one call of what Watch tells.
type told struct {
	at   time.Duration // since the watch began
	last ups.Reading
	err  error
}

// watcher collects what a Watch tells.
type watcher struct {
	begin time.Time
	stop  context.CancelFunc
	done  chan struct{}

	mu   sync.Mutex
	told []told
}

// watch begins one, which ends with the test.
func watch(t *testing.T, c *ups.Client) *watcher {
	ctx, stop := context.WithCancel(t.Context())
	w := &watcher{begin: time.Now(), stop: stop, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		c.Watch(ctx, w.tell)
	}()
	return w
}

func (w *watcher) tell(last ups.Reading, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, told{time.Since(w.begin), last, err})
}

// end stops it and returns when it has returned.
func (w *watcher) end() {
	w.stop()
	<-w.done
}

// news lets time pass and returns what was told since it was called last.
func (w *watcher) news(d time.Duration) []told {
	time.Sleep(d)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.told
	w.told = nil
	return all
}

// times writes when something was told, in seconds.
func times(all []told) string {
	var s []string
	for _, n := range all {
		s = append(s, fmt.Sprint(n.at.Round(100*time.Millisecond).Seconds()))
	}
	return strings.Join(s, " ")
}

func TestWatchAsksEveryFiveSecondsAndEverySecondOnBattery(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		w := watch(t, c)
		defer w.end()
		if got := times(w.news(11 * time.Second)); got != "0 5 10" {
			t.Errorf("on line: told at %s", got)
		}
		n.Status("OB DISCHRG")
		n.Charge(80)
		got := w.news(7500 * time.Millisecond)
		if times(got) != "15 16 17 18" || got[0].last.Mains() != ups.OnBattery || got[0].last.Charge.Value != 80 {
			t.Errorf("on battery: told at %s, %+v", times(got), got[0])
		}
		n.Status("OL")
		if got := times(w.news(11 * time.Second)); got != "19 24 29" {
			t.Errorf("on line again: told at %s", got)
		}
		if n.Connections() != 1 {
			t.Errorf("%d connections", n.Connections())
		}
	})
}

func TestWatchTellsEachFailureWithTheLastReading(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
				w := watch(t, c)
				defer w.end()
				before := w.news(6 * time.Second)
				last := before[len(before)-1].last
				n.Fault(f.fault, "")
				got := w.news(64 * time.Second)
				if len(got) < 6 {
					t.Fatalf("told at %s", times(got))
				}
				for i, failure := range got {
					want := f.want
					if i == 0 && f.fault == bridgetest.NUTUnplugged {
						want = ups.ErrLate // over the connection that there still is
					}
					wrong(t, failure.err, want)
					if failure.last.At != last.At || failure.last.Mains() != ups.OnLine {
						t.Errorf("the last reading is %+v, want %+v", failure.last, last)
					}
					if i > 0 && failure.at-got[i-1].at > 10*time.Second {
						t.Errorf("told at %s", times(got))
					}
				}
				n.Fault(bridgetest.NUTHealthy, "")
				n.Status("OB")
				got = w.news(11 * time.Second)
				if len(got) == 0 || got[len(got)-1].err != nil || got[len(got)-1].last.Mains() != ups.OnBattery {
					t.Errorf("afterwards: %+v", got)
				}
				synctest.Wait()
				if n.Connected() > 1 {
					t.Errorf("%d connections", n.Connected())
				}
			})
		})
	}
}

func TestWatchTriesAgainSoonAndThenEveryFiveSeconds(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		n.Fault(bridgetest.NUTDown, "")
		w := watch(t, c)
		defer w.end()
		got := w.news(23 * time.Second)
		if times(got) != "0 1 3 7 12 17 22" {
			t.Errorf("told at %s", times(got))
		}
		for _, failure := range got {
			if !failure.last.At.IsZero() || failure.last.Mains() != ups.MainsUnknown {
				t.Errorf("a reading that never was: %+v", failure.last)
			}
		}
		n.Fault(bridgetest.NUTHealthy, "")
		if got := times(w.news(15 * time.Second)); got != "27 32 37" {
			t.Errorf("told at %s", got)
		}
		n.Fault(bridgetest.NUTDown, "")
		if got := times(w.news(10 * time.Second)); got != "42 43 45" {
			t.Errorf("told at %s", got)
		}
	})
}

func TestOnBatteryWatchTriesAgainEverySecond(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		n.Status("OB")
		w := watch(t, c)
		defer w.end()
		w.news(500 * time.Millisecond)
		n.Fault(bridgetest.NUTDown, "")
		if got := times(w.news(5 * time.Second)); got != "1 2 3 4 5" {
			t.Errorf("told at %s", got)
		}
	})
}

// A refusal leaves the connection, anything else that isn't understood ends it.
func TestWatchKeepsItsConnectionOnlyWhileItIsUnderstood(t *testing.T) {
	kept := map[bridgetest.NUTFault]bool{
		bridgetest.NUTDriverDead: true, bridgetest.NUTStale: true, bridgetest.NUTUnknownUPS: true, bridgetest.NUTDenied: true,
	}
	for _, f := range faults {
		if f.fault == bridgetest.NUTDown || f.fault == bridgetest.NUTUnplugged {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
				w := watch(t, c)
				defer w.end()
				w.news(time.Second)
				n.Fault(f.fault, "GET")
				w.news(60 * time.Second)
				if (n.Connections() == 1) != kept[f.fault] {
					t.Errorf("%d connections", n.Connections())
				}
			})
		})
	}
}

func TestAConnectionThatTheServerClosedBetweenQuestionsIsReplaced(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		w := watch(t, c)
		defer w.end()
		w.news(time.Second)
		n.Fault(bridgetest.NUTDown, "")
		n.Fault(bridgetest.NUTHealthy, "")
		got := w.news(10 * time.Second)
		if times(got) != "5 10" || got[0].err != nil || got[1].err != nil {
			t.Errorf("%+v", got)
		}
		if n.Connections() != 2 {
			t.Errorf("%d connections", n.Connections())
		}
	})
}

// The status changes while an answer is late: the answer of before must not be taken for
// the one to a later question.
func TestALateAnswerIsNeverTakenForTheNextOne(t *testing.T) {
	for _, late := range []time.Duration{5100 * time.Millisecond, 6 * time.Second, 9 * time.Second, 30 * time.Second} {
		in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
			w := watch(t, c)
			defer w.end()
			w.news(time.Second)
			n.Late(late)
			w.news(5 * time.Second) // asked while the UPS was on line
			n.Status("OB")
			for _, got := range w.news(2 * time.Minute) {
				if got.err == nil {
					t.Errorf("%v late: %+v", late, got.last)
				}
			}
			n.Late(0)
			got := w.news(11 * time.Second)
			if len(got) == 0 || got[len(got)-1].last.Mains() != ups.OnBattery {
				t.Errorf("afterwards: %+v", got)
			}
		})
	}
}

// What comes unasked between two questions isn't the answer to the next one.
func TestAnAnswerThatNobodyAskedForIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		status, connections := "OL", 0
		serve := peer(func(conn net.Conn, request string) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case !strings.HasPrefix(request, "GET"):
				say(conn, "OK\n")
			case !strings.Contains(request, "status"):
				say(conn, "ERR VAR-NOT-SUPPORTED\n")
				if strings.Contains(request, "runtime") {
					go func() {
						time.Sleep(time.Second)
						say(conn, "VAR ups ups.status \"OL\"\n")
					}()
				}
			default:
				say(conn, "VAR ups ups.status \""+status+"\"\n")
			}
		})
		c := client(t, func(ctx context.Context, network, address string) (net.Conn, error) {
			mu.Lock()
			connections++
			mu.Unlock()
			return serve(ctx, network, address)
		})
		w := watch(t, c)
		w.news(2 * time.Second)
		mu.Lock()
		status = "OB"
		mu.Unlock()
		got := w.news(4 * time.Second)
		if len(got) == 0 || got[0].err != nil || got[0].last.Mains() != ups.OnBattery {
			t.Errorf("%+v", got)
		}
		if connections < 2 {
			t.Errorf("%d connections", connections)
		}
		w.end()
		time.Sleep(time.Minute)
	})
}

func TestWatchEndsWithItsContext(t *testing.T) {
	for _, f := range append(faults, faults[0]) {
		in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
			n.Fault(f.fault, "")
			w := watch(t, c)
			w.news(6 * time.Second)
			begin := time.Now()
			w.end()
			if took := time.Since(begin); took != 0 {
				t.Errorf("%s: it took %v to end", f.name, took)
			}
			if got := w.news(time.Minute); len(got) > 0 || n.Connected() != 0 {
				t.Errorf("%s: told at %s, %d connections are left", f.name, times(got), n.Connected())
			}
		})
	}
}

func TestWatchWaitsForWhomItTells(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		calls, inside := 0, false
		c.Watch(ctx, func(ups.Reading, error) {
			if inside {
				t.Error("told twice at the same time")
			}
			inside = true
			time.Sleep(7 * time.Second)
			calls, inside = calls+1, false
		})
		if calls != 5 { // every 12 s
			t.Errorf("told %d times", calls)
		}
	})
}

func TestManyMayAskAtTheSameTime(t *testing.T) {
	in(t, nil, func(t *testing.T, n *bridgetest.NUT, c *ups.Client) {
		w := watch(t, c)
		defer w.end()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					_, err := c.Read(t.Context())
					_, listed := c.Commands(t.Context())
					_, given := c.InstantCommand(t.Context(), "load.off", "", nil)
					if err := errors.Join(err, listed, given); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := len(n.Commands()); got != 160 {
			t.Errorf("%d commands", got)
		}
	})
}
