package bridge_test

import (
	"testing"
	"time"

	"hikbridge/bridge"
)

// ruled is the rule of pauses in one story, whose recorder can be asked.
type ruled struct {
	bridge.Pause
	t      *testing.T
	now    time.Time
	stands bridge.Standing
}

// wants checks what is to be done now.
func (r *ruled) wants(step string) {
	r.t.Helper()
	if got, _ := r.Step(r.now, r.stands); got != step {
		r.t.Errorf("it wants %q, not %q", got, step)
	}
}

// wakes checks when it is to be looked again.
func (r *ruled) wakes(in time.Duration) {
	r.t.Helper()
	if _, at := r.Step(r.now, r.stands); !at.Equal(r.now.Add(in)) {
		r.t.Errorf("it wakes in %v, not in %v", at.Sub(r.now), in)
	}
}

func (r *ruled) after(d time.Duration) { r.now = r.now.Add(d) }

func (r *ruled) silenced(outcome string, left bool, why string) {
	r.Silenced(r.now, outcome, left, why)
}

// fails tells that a setting couldn't be put back.
func (r *ruled) fails(why string) { r.WasPutBack(r.now, true, why) }

// inSequence is a power sequence's countdown.
func (r *ruled) inSequence() {
	r.SequenceMoved(r.now, true)
	r.stands.Careful, r.stands.Counting = true, true
}

// over is a pause of an hour that was silenced in the app and is resumed.
func (r *ruled) over() {
	r.Begin(r.now, time.Hour)
	r.silenced("done", true, "")
	r.Resume()
}

// TestTheRuleOfPauses tells what the simulator of pauses doesn't reach.
func TestTheRuleOfPauses(t *testing.T) {
	const left, has, may = true, true, true
	for _, row := range []struct {
		name  string
		begin bridge.Pause
		story func(*ruled)
	}{
		{"what can't be sent is tried three times, ten seconds apart, and again in the next pause", bridge.NewPause(!left, has, may), func(r *ruled) {
			r.Begin(r.now, time.Hour)
			for range 3 {
				r.wants("silence")
				r.silenced("not sent", false, "not sent")
				r.wants("nothing")
				r.after(10 * time.Second)
			}
			r.wants("nothing")
			r.Begin(r.now, time.Minute)
			r.wants("silence")
			for range 3 {
				r.silenced("not sent", false, "not sent")
			}
			r.after(time.Minute)
			r.inSequence()
			r.wants("silence")
		}},
		{"it isn't tried again where it can't help", bridge.NewPause(!left, has, may), func(r *ruled) {
			for _, why := range []string{"disk", "already"} {
				r.Begin(r.now, time.Hour)
				r.silenced("not sent", false, why)
				r.after(10 * time.Second)
				r.wants("nothing")
			}
			for outcome, why := range map[string]string{"refused": "forbidden", "unknown": "not kept"} {
				r.Begin(r.now, time.Hour)
				r.silenced(outcome, true, why)
				r.wants("put back")
				r.fails("")
				r.after(time.Minute)
				r.wants("forget")
				r.WasPutBack(r.now, false, "")
				r.wants("nothing")
			}
		}},
		{"a firmware without the setting isn't asked", bridge.NewPause(!left, !has, may), func(r *ruled) {
			r.Begin(r.now, time.Hour)
			r.silenced("not sent", false, "document") // it may start
			r.after(10 * time.Second)
			r.wants("silence")
			r.silenced("not sent", false, "unsupported")
			r.after(10 * time.Second)
			r.wants("nothing")
		}},
		{"an account that may not isn't tried, one that isn't known is, but before a shutdown", bridge.NewPause(!left, has, !may), func(r *ruled) {
			r.inSequence()
			r.wants("nothing")
			r.SequenceMoved(r.now, false)
			r.stands = bridge.Standing{Ask: true}
			r.Begin(r.now, time.Hour)
			r.wants("silence")
			r.MayNot()
			r.wants("nothing")
		}},
		{"before a shutdown the setting must be known as well", bridge.NewPause(!left, !has, may), func(r *ruled) {
			r.inSequence()
			r.Begin(r.now, time.Hour)
			r.wants("nothing")
		}},
		{"what worked once is trusted before a shutdown", bridge.NewPause(!left, !has, !may), func(r *ruled) {
			r.over()
			r.stands.Careful = true
			r.wants("forget")
			r.WasPutBack(r.now, false, "")
			r.inSequence()
			r.wants("silence")
		}},
		{"what is silenced already shows the setting", bridge.NewPause(!left, !has, may), func(r *ruled) {
			r.Begin(r.now, time.Hour)
			r.silenced("not sent", false, "already")
			r.Resume()
			r.after(time.Minute)
			r.inSequence()
			r.wants("silence")
		}},
		{"what isn't sure to have come is put back in the pause, what is only after it", bridge.NewPause(!left, has, may), func(r *ruled) {
			r.Begin(r.now, time.Hour)
			r.silenced("done", true, "")
			r.wants("nothing")
			r.after(time.Hour)
			r.wants("forget")
			r.WasPutBack(r.now, false, "")
			r.Begin(r.now, time.Hour)
			r.silenced("unknown", true, "unknown")
			r.wants("put back")
		}},
		{"what is on its way back goes there in a new pause, too", bridge.NewPause(!left, has, may), func(r *ruled) {
			r.over()
			r.fails("unknown")
			r.Begin(r.now, time.Hour)
			r.after(10 * time.Second)
			r.wants("forget")
		}},
		{"a recorder that started is put back twice, from the beginning, at once", bridge.NewPause(!left, has, may), func(r *ruled) {
			r.over()
			r.Ready()
			r.wants("put back")
			r.fails("")
			r.wants("nothing")
			r.Ready()
			r.wants("put back")
			for range 5 {
				r.fails("unknown")
			}
			r.Ready()
			r.fails("unknown")
			r.after(10 * time.Second)
			r.wants("put back")
		}},
		{"tries to put back come ever more seldom, hourly in the end", bridge.NewPause(left, has, may), func(r *ruled) {
			for tries, wait := 0, 10*time.Second; tries < 40; tries++ {
				r.wants("put back")
				r.fails("unknown")
				r.after(min(wait, time.Hour) - time.Second)
				r.wants("nothing")
				r.after(time.Second)
				wait = min(2*wait, time.Hour)
			}
		}},
		{"one that works begins anew", bridge.NewPause(left, has, may), func(r *ruled) {
			for range 5 {
				r.fails("unknown")
			}
			r.fails("")
			r.after(time.Minute)
			r.wants("forget")
			r.fails("disk")
			r.wants("nothing")
			r.after(10 * time.Second)
			r.wants("put back")
		}},
		{"what can't be put back for a day is given up", bridge.NewPause(left, has, may), func(r *ruled) {
			for _, why := range []string{"missing", "unsupported"} {
				r.Ready()
				r.fails(why)
				r.after(23 * time.Hour)
				r.wants("put back")
				r.fails(why)
				r.after(time.Hour)
				r.wants("give up")
			}
		}},
		{"a day with something else in it is none", bridge.NewPause(left, has, may), func(r *ruled) {
			for _, other := range []func(){func() { r.fails("unknown") }, func() { r.fails(""); r.fails("unsupported") }, r.Ready} {
				r.fails("unsupported")
				r.after(time.Hour)
				other()
				r.after(23 * time.Hour)
				r.wants("put back")
				r.Ready()
			}
			r.fails("unsupported")
			r.fails("")
			r.after(25 * time.Hour) // it couldn't be asked
			r.wants("forget")
		}},
		{"it is looked again when the first of its ends comes", bridge.NewPause(!left, has, may), func(r *ruled) {
			r.SequenceMoved(r.now, true)
			r.wakes(2 * time.Hour)
			r.Begin(r.now, 10*time.Hour)
			r.silenced("done", true, "")
			r.wakes(2 * time.Hour)
			r.Begin(r.now, time.Hour)
			r.wakes(time.Hour)
			r.WasPutBack(r.now, false, "")
			r.Begin(r.now, time.Second)
			r.silenced("not sent", false, "not sent")
			r.wakes(time.Second)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.story(&ruled{Pause: row.begin, t: t, now: time.Unix(1_800_000_000, 0), stands: bridge.Standing{Ask: true}})
		})
	}
}
