package nvrtest

import (
	"slices"
	"time"
)

// PowerState is what a device does with its supply.
type PowerState int

const (
	// PowerRunning also is a device that answers while it shuts down.
	PowerRunning PowerState = iota
	// PowerFlushing: its network is gone, its disks are still written.
	PowerFlushing
	// PowerHalted: it may be switched off, and waits for that.
	PowerHalted
	// PowerBooting: nothing answers yet.
	PowerBooting
	// PowerOff: it has no supply.
	PowerOff
)

func (s PowerState) String() string {
	switch s {
	case PowerRunning:
		return "PowerRunning"
	case PowerFlushing:
		return "PowerFlushing"
	case PowerHalted:
		return "PowerHalted"
	case PowerBooting:
		return "PowerBooting"
	case PowerOff:
		return "PowerOff"
	}
	panic("nvrtest: unknown PowerState")
}

// Cause is what a device stopped for.
type Cause int

const (
	ByShutdown Cause = iota // somebody's request
	ByRestart               // a request, or Reboot
	ByPowerCut              // while it was on: unclean
)

func (c Cause) String() string {
	switch c {
	case ByShutdown:
		return "ByShutdown"
	case ByRestart:
		return "ByRestart"
	case ByPowerCut:
		return "ByPowerCut"
	}
	panic("nvrtest: unknown Cause")
}

// Stop is one end of a device's work. Back is when its services came again, zero
// until then.
type Stop struct {
	At, Back time.Time
	Cause    Cause
	Clean    bool // its disks were written
}

// maxStops is how many stops are kept; the oldest go first.
const maxStops = 64

// Watts is what a device draws from its supply. Zero is a default, negative is
// nothing.
type Watts struct {
	Running float64 // 22; also while it goes down
	Booting float64 // 14, until it answers
	Halted  float64 // 4
}

// order is a shutdown or a restart that was accepted; under Recorder.mu.
type order struct {
	restart      bool
	after, flush time.Duration
}

// Power tells what the device does with its supply.
func (r *Recorder) Power() PowerState {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settleLocked()
	return r.powerLocked()
}

func (r *Recorder) powerLocked() PowerState {
	if r.power.state == PowerRunning && r.power.boot != nil {
		return PowerBooting
	}
	return r.power.state
}

// Watts is what the device draws now.
func (r *Recorder) Watts() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settleLocked()
	w := r.config.Watts
	switch r.powerLocked() {
	case PowerRunning, PowerFlushing:
		return drawn(w.Running, 22)
	case PowerBooting:
		return drawn(w.Booting, 14)
	case PowerHalted:
		return drawn(w.Halted, 4)
	case PowerOff:
		return 0
	}
	panic("nvrtest: unknown PowerState")
}

func drawn(w, usual float64) float64 {
	if w == 0 {
		return usual
	}
	return max(0, w)
}

// SetWatts changes what the device draws.
func (r *Recorder) SetWatts(w Watts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config.Watts = w
}

// Flushing is true from an accepted shutdown or restart until the disks are
// written: cutting power then is what must never happen.
func (r *Recorder) Flushing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.power.order != nil
}

// Stops lists when and how the device stopped, oldest first, the last 64.
func (r *Recorder) Stops() []Stop {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settleLocked()
	return slices.Clone(r.power.stops)
}

// noteStopLocked begins a new stop.
func (r *Recorder) noteStopLocked(c Cause) {
	p := &r.power
	if len(p.stops) == maxStops {
		p.stops = slices.Delete(p.stops, 0, 1)
	}
	p.stops = append(p.stops, Stop{At: r.now(), Cause: c, Clean: c != ByPowerCut})
}

// CutPower takes the supply away, at once and without asking. On a device that
// hasn't halted that is an unclean stop.
func (r *Recorder) CutPower() {
	r.mu.Lock()
	r.settleLocked()
	p := &r.power
	if p.state == PowerOff {
		r.mu.Unlock()
		return
	}
	if p.state != PowerHalted {
		r.noteStopLocked(ByPowerCut)
	}
	r.dropLaterLocked()
	p.state, p.boot, p.order = PowerOff, nil, nil
	dark := r.goDarkLocked()
	r.mu.Unlock()
	unplugAll(dark)
}

// RestorePower gives the supply back: a device that had none boots as
// Config.Boot says.
func (r *Recorder) RestorePower() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.power.state == PowerOff && !r.closed {
		r.bootLocked()
	}
}

// bootLocked begins a boot. Connections from before are found dead once the
// network is there again.
func (r *Recorder) bootLocked() {
	p, b := &r.power, r.config.Boot
	p.state, p.order = PowerRunning, nil
	p.boot = &boot{Boot: b, up: r.now().Add(b.Down)}
	r.wakeLocked()
	r.laterLocked(b.Down, func() func() {
		r.settleLocked()
		if p.unplugged {
			return func() {}
		}
		dark := r.takeConns(r.cut)
		return func() {
			for _, c := range dark {
				c.plug()
			}
		}
	})
}

// obeyLocked begins to shut down or to restart. An order that is carried out
// already isn't begun again.
func (r *Recorder) obeyLocked(o *order) {
	p := &r.power
	if o == nil || p.order != nil || p.state != PowerRunning || p.boot != nil {
		return
	}
	p.order = o
	r.laterLocked(o.after, func() func() {
		p.state = PowerFlushing
		refuses := !o.restart && r.config.Halt.Link == HaltedRefuses
		r.laterLocked(o.flush, r.haltLocked)
		dark := r.goDarkLocked()
		return func() {
			if !refuses {
				unplugAll(dark)
				return
			}
			for _, c := range dark {
				c.reset()
			}
		}
	})
}

// haltLocked ends an order: the disks are written.
func (r *Recorder) haltLocked() func() {
	p := &r.power
	if p.order.restart {
		r.logLocked("Operation", "remotePowerRecycle", r.config.Username)
		r.noteStopLocked(ByRestart)
		r.bootLocked()
		return func() {}
	}
	r.logLocked("Operation", "remotePowerOff", r.config.Username)
	r.noteStopLocked(ByShutdown)
	p.state, p.order = PowerHalted, nil
	r.wakeLocked()
	return func() {}
}

// laterLocked does the next step of an order or a boot in so long; do is called
// with mu held, what it returns without.
func (r *Recorder) laterLocked(d time.Duration, do func() func()) {
	p := &r.power
	r.dropLaterLocked()
	step := p.step
	p.timer = time.AfterFunc(d, func() {
		r.mu.Lock()
		if step != p.step || r.closed {
			r.mu.Unlock()
			return
		}
		then := do()
		r.mu.Unlock()
		then()
	})
}

// dropLaterLocked calls the next step off.
func (r *Recorder) dropLaterLocked() {
	stop(r.power.timer)
	r.power.step++
}

// goDarkLocked takes all connections, as what is on them reaches nobody.
func (r *Recorder) goDarkLocked() []deviceConn {
	r.wakeLocked()
	r.dropStreamsLocked(true)
	open := r.takeConns(r.conns)
	for _, c := range open {
		r.cut[c] = struct{}{}
	}
	return open
}

func unplugAll(conns []deviceConn) {
	for _, c := range conns {
		c.unplug()
	}
}
