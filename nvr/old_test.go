package nvr_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

// clocked posts alerts with times of its own.
type clocked struct {
	r *nvrtest.Recorder
	e *ear
}

// post sends an alert whose time is that of the recorder's clock, as it was so
// long ago, and says whether it is taken for an old one.
func (c clocked) post(clock time.Time) (old bool) {
	c.r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1, Time: clock.Format("2006-01-02T15:04:05") + "+01:00"})
	got := c.e.take()
	return len(got) == 1 && got[0].Old
}

// olds posts an alert each step for so long and lists those that are taken for
// old ones, as time since the beginning.
func (c clocked) olds(step, during time.Duration, clock func(time.Duration) time.Time) []time.Duration {
	var all []time.Duration
	for at := time.Duration(0); at < during; at += step {
		if c.post(clock(at)) {
			all = append(all, at)
		}
		time.Sleep(step)
	}
	return all
}

// withClock opens a stream whose recorder's clock is right.
func withClock(t *testing.T, test func(*testing.T, clocked, *nvr.Client)) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{Heartbeat: -1})
		c := open(t, r, t.TempDir(), password)
		defer c.Close()
		e := listen(t, c)
		defer e.close()
		test(t, clocked{r, e}, c)
	})
}

func TestOfABurstAfterAReconnectTheLastTwoMinutesCountAsNew(t *testing.T) {
	withClock(t, func(t *testing.T, c clocked, client *nvr.Client) {
		c.olds(10*time.Second, time.Minute, func(time.Duration) time.Time { return time.Now() })
		c.e.close()
		time.Sleep(10 * time.Minute)
		c.e = listen(t, client)
		now := time.Now()
		for age := 9 * time.Minute; age >= 0; age -= 10 * time.Second {
			if old := c.post(now.Add(-age)); old != (age > 2*time.Minute) {
				t.Errorf("%v old: taken for old: %v", age, old)
			}
		}
		if old := c.post(now.Add(-21 * time.Second)); !old {
			t.Error("21 s behind the newest isn't old")
		}
		if old := c.post(now.Add(-20 * time.Second)); old {
			t.Error("20 s behind the newest is old")
		}
		time.Sleep(2 * time.Minute)
		if c.post(time.Now()) {
			t.Error("the next one is lost")
		}
	})
}

func TestOfABurstAfterAStallTheLastTwoMinutesCountAsNew(t *testing.T) {
	withClock(t, func(t *testing.T, c clocked, client *nvr.Client) {
		c.post(time.Now())
		time.Sleep(4*time.Minute + 30*time.Second)
		for age := 4 * time.Minute; age >= 0; age -= 10 * time.Second {
			if old := c.post(time.Now().Add(-age)); old != (age > 2*time.Minute) {
				t.Errorf("%v old: taken for old: %v", age, old)
			}
		}
	})
}

// What a clock that is set costs: the time in which alerts are taken for old ones.
func TestAClockThatIsSetBackCostsAMinuteOfAlertsOrOneAlert(t *testing.T) {
	minute := time.Minute
	tests := []struct {
		name   string
		step   time.Duration // between alerts
		set    time.Duration
		lost   time.Duration // at most so long
		alerts int           // at most so many
	}{
		{"the end of summer time costs nothing", time.Second, -time.Hour, 0, 0},
		{"the end of summer time costs nothing where alerts are rare", 40 * minute, -time.Hour, 0, 0},
		{"20 s back cost nothing", time.Second, -20 * time.Second, 0, 0},
		{"5 min back cost a minute", time.Second, -5 * minute, minute, 61},
		{"59 min back cost a minute", time.Second, -59 * minute, minute, 61},
		{"5 min back cost one alert where they are rare", 3 * minute, -5 * minute, 0, 1},
		{"a change of zone by 8 h costs a minute", time.Second, -8 * time.Hour, minute, 61},
		{"back to 1970 costs a minute", time.Second, -30 * 365 * 24 * time.Hour, minute, 61},
		{"back to 1970 costs one alert where they are rare", 10 * minute, -30 * 365 * 24 * time.Hour, 0, 1},
		{"an hour ahead costs nothing", time.Second, time.Hour, 0, 0},
		{"years ahead cost nothing", time.Second, 20 * 365 * 24 * time.Hour, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			withClock(t, func(t *testing.T, c clocked, _ *nvr.Client) {
				right := func(time.Duration) time.Time { return time.Now() }
				if lost := c.olds(tt.step, 5*tt.step+40*time.Second, right); lost != nil {
					t.Fatalf("before that %v are lost", lost)
				}
				lost := c.olds(tt.step, 20*tt.step+3*minute, func(time.Duration) time.Time { return time.Now().Add(tt.set) })
				if len(lost) > tt.alerts || len(lost) > 0 && lost[len(lost)-1] > tt.lost {
					t.Errorf("lost after %v", lost)
				}
			})
		})
	}
}

// A recorder without a battery begins in 1970 and is set right some time later.
func TestAClockThatBeginsIn1970CostsAMinute(t *testing.T) {
	withClock(t, func(t *testing.T, c clocked, _ *nvr.Client) {
		c.post(time.Now())
		wrong := c.olds(time.Second, 10*time.Minute, func(at time.Duration) time.Time { return time.Unix(0, 0).Add(at) })
		right := c.olds(time.Second, 10*time.Minute, func(time.Duration) time.Time { return time.Now() })
		if len(wrong) > 61 || right != nil {
			t.Errorf("lost %d, then %v", len(wrong), right)
		}
	})
}

func TestASingleWrongDateCostsAMinuteAtMost(t *testing.T) {
	for _, tt := range []struct {
		off  time.Duration
		self bool // the alert itself is taken for old
		lost int
	}{{-time.Hour * 24, true, 0}, {-time.Minute, true, 0}, {24 * time.Hour, false, 0}, {20 * 365 * 24 * time.Hour, false, 0},
		{time.Hour, false, 0}, {90 * time.Minute, false, 61}, {30 * time.Second, false, 10}} {
		t.Run(fmt.Sprint(tt.off), func(t *testing.T) {
			withClock(t, func(t *testing.T, c clocked, _ *nvr.Client) {
				right := func(time.Duration) time.Time { return time.Now() }
				c.olds(time.Second, time.Minute, right)
				if old := c.post(time.Now().Add(tt.off)); old != tt.self {
					t.Errorf("taken for old: %v", old)
				}
				if lost := c.olds(time.Second, 5*time.Minute, right); len(lost) > tt.lost {
					t.Errorf("lost after %v", lost)
				}
			})
		})
	}
}

func TestAClockThatRunsAtAnotherSpeedOrNotAtAllCostsNothingWhileAlertsComeEach4Minutes(t *testing.T) {
	for _, speed := range []float64{0, 0.5, 0.99, 1.01, 2} {
		for _, step := range []time.Duration{time.Second, 4 * time.Minute} {
			withClock(t, func(t *testing.T, c clocked, _ *nvr.Client) {
				begin := time.Now()
				lost := c.olds(step, 50*step, func(at time.Duration) time.Time { return begin.Add(time.Duration(float64(at) * speed)) })
				if lost != nil {
					t.Errorf("speed %v, each %v: lost after %v", speed, step, lost)
				}
			})
		}
	}
}

// Times that can't be read are never old.
func TestTimesThatCannotBeReadAreNotOld(t *testing.T) {
	withClock(t, func(t *testing.T, c clocked, _ *nvr.Client) {
		c.post(time.Now())
		for _, s := range []string{"", "2009-11-14T15:27Z", "0000-00-00T00:00:00", "x"} {
			c.r.Alert(nvrtest.Alert{Document: []byte(message("<eventType>VMD</eventType><dateTime>" + s + "</dateTime>"))})
		}
		got := c.e.take()
		if len(got) != 4 || slices.ContainsFunc(got, func(h heard) bool { return h.Old }) {
			t.Errorf("%+v", got)
		}
	})
}

// The picture of an old alert is an old one.
func TestAnOldAlertsPictureIsOld(t *testing.T) {
	withClock(t, func(t *testing.T, c clocked, _ *nvr.Client) {
		c.post(time.Now())
		c.r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1, Picture: scene, Time: time.Now().Add(-time.Minute).Format("2006-01-02T15:04:05")})
		c.r.Alert(nvrtest.Alert{Type: "VMD", Channel: 2, Picture: scene, Retransmission: true})
		got := c.e.take()
		if len(got) != 4 || slices.ContainsFunc(got, func(h heard) bool { return !h.Old }) || got[1].Picture == nil || got[3].Picture == nil {
			t.Errorf("%+v", got)
		}
	})
}
