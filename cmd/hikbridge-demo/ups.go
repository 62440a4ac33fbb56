package main

import (
	"context"
	"sync"
	"time"

	"hikbridge/bridge/bridgetest"
)

// What a battery does in hours takes minutes here.
const (
	drains  = 5 * time.Second  // a step on battery
	charges = 20 * time.Second // a step on mains

	chargeStep  = 5.0  // percent
	lowCharge   = 20.0 // percent, at which the UPS says so
	leastCharge = 10.0 // percent; the demo's battery is never empty
	fullRuntime = 30 * time.Minute
)

// ups is the UPS that feeds both plugs, at a NUT server. Any goroutine may use it.
type ups struct {
	server  *bridgetest.NUT
	changed chan struct{} // a step begins

	mu     sync.Mutex
	mains  bool
	charge float64 // percent
}

func newUPS() *ups {
	u := &ups{server: bridgetest.NewNUT(bridgetest.NUTConfig{}), changed: make(chan struct{}, 1), mains: true, charge: 100}
	u.change(func() {})
	return u
}

// change changes something, lets the server tell it, and begins a step.
func (u *ups) change(what func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	what()
	status := "OB DISCHRG"
	switch {
	case u.mains && u.charge < 100:
		status = "OL CHRG"
	case u.mains:
		status = "OL"
	}
	if u.charge <= lowCharge {
		status += " LB"
	}
	u.server.Charge(u.charge)
	u.server.Runtime(time.Duration(float64(fullRuntime) * u.charge / 100))
	u.server.Status(status)
	select {
	case u.changed <- struct{}{}:
	default: // live looks soon
	}
}

// toggle lets mains go, or come back; it says whether it is there now.
func (u *ups) toggle() (mains bool) {
	u.change(func() { u.mains = !u.mains; mains = u.mains })
	return mains
}

// drain empties the battery until it is low; it says whether mains is there.
func (u *ups) drain() (mains bool) {
	u.change(func() { u.charge, mains = min(u.charge, lowCharge), u.mains })
	return mains
}

// live lets the battery drain and charge, until ctx ends.
func (u *ups) live(ctx context.Context) {
	for {
		u.mu.Lock()
		step := drains
		if u.mains {
			step = charges
		}
		u.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-u.changed:
		case <-time.After(step):
			u.step()
		}
	}
}

// step drains or charges the battery a little.
func (u *ups) step() {
	u.change(func() {
		if u.mains {
			u.charge = min(100, u.charge+chargeStep)
		} else {
			u.charge = max(leastCharge, u.charge-chargeStep)
		}
	})
}
