package nvr_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

var seeds = flag.Uint64("nvr.seeds", 30, "how many random schedules")

// TestNoScheduleLocksTheOwnerOut lets anything happen to recorder, network and
// configuration, in an order that follows from the seed. The recorder's account
// of failed logins stays at two in any 35 minutes, and once all is well again
// the right password signs in within two of the longest pauses: a recorder that
// counts for longer may have rejected it once more. The device's own password is
// changed only with a window before the change back.
func TestNoScheduleLocksTheOwnerOut(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func chaos(t *testing.T, dice *rand.Rand) {
	r := recorder(t, nvrtest.Config{NonceUses: []int{0, 0, 1, 3}[dice.IntN(4)], StrictNC: dice.IntN(2) == 0,
		NonceBoundToPath: dice.IntN(4) == 0, StaleWithoutChallenge: dice.IntN(4) == 0})
	dir := t.TempDir()
	ours := password
	c := open(t, r, dir, ours)
	restart := func() { c.Close(); c = open(t, r, dir, ours) }
	events := []func(){
		func() { ours = fmt.Sprintf("canary-%d", dice.IntN(3)); restart() },
		func() { ours = password; restart() },
		restart,
		func() { r.SetPassword("canary-0") },
		func() { r.Reboot(time.Duration(dice.IntN(120)) * time.Second) },
		func() { r.Unplug(); time.Sleep(time.Minute); r.Plug() },
		func() { c.RetrySignIn() },
		func() {
			r.Fail(nvrtest.Fault{Answers: nvrtest.Answers(dice.IntN(4)), ResetAfterRequest: true, Times: 1 + dice.IntN(3)})
		},
		func() { r.Fail(nvrtest.Fault{Reset: true, Times: 1 + dice.IntN(3)}) },
		func() { r.Fail(nvrtest.Fault{Answers: nvrtest.Answers(dice.IntN(4)), NoAnswer: true, Times: 1}) },
		func() { r.Fail(nvrtest.Fault{Delay: time.Duration(dice.IntN(40)) * time.Second, Times: 2}) },
		func() { // the process is killed while it asks
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Duration(dice.IntN(20))*time.Millisecond, cancel)
			c.Status(ctx)
			restart()
		},
	}
	for range 60 {
		events[dice.IntN(len(events))]()
		for range dice.IntN(4) {
			c.Info(t.Context())
			c.Status(t.Context())
		}
		time.Sleep(time.Duration(dice.IntN(300)) * time.Second)
	}
	time.Sleep(window)
	r.ClearFaults()
	r.SetPassword(password)
	ours = password
	restart()
	defer func() { c.Close() }()
	for began := time.Now(); ; time.Sleep(time.Minute) {
		if _, err := c.Info(t.Context()); err == nil {
			break
		} else if time.Since(began) > 12*time.Hour+time.Minute {
			t.Fatalf("still %v, state %+v", err, c.SignIn())
		}
	}
	if n := r.MaxCountedIn(window); n > 2 {
		t.Errorf("%d failed logins counted in %v", n, window)
	}
	if s := c.SignIn(); s.State != nvr.SignInOK {
		t.Errorf("state %v", s.State)
	}
}
