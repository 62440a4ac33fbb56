package nvrtest

import "time"

// link is what happens to someone who connects.
type link int

const (
	linkUp link = iota
	linkRefused
	linkSilent
	linkNoRoute
)

// power is whether the device runs and can be reached; under Recorder.mu.
type power struct {
	booted     time.Time
	boot       *boot // the restart that is going on
	errorsTill time.Time
	deniesTill time.Time
	unplugged  bool
	portClosed bool
	changed    chan struct{} // closed when a waiting dial should look again

	state PowerState // without PowerBooting: see boot
	order *order     // being carried out
	stops []Stop
	timer *time.Timer // of the next step
	step  int         // its number
}

type boot struct {
	Boot
	up time.Time
}

// Boot is a restart.
type Boot struct {
	// Down is how long nothing answers.
	Down time.Duration
	// Silent lets dials hang meanwhile; otherwise they are refused.
	Silent bool
	// Errors is how long afterwards every request is answered by 500
	// deviceError, as recorders do while their services start.
	Errors time.Duration
	// Denies is how long after Down right passwords are rejected, since the
	// users aren't loaded yet. Only LockEvery counts that.
	Denies time.Duration
}

// Reboot drops all connections, refuses new ones for a while, and then has
// forgotten its nonces and begins its uptime again. A device without supply, or
// that has halted, can't restart.
func (r *Recorder) Reboot(down time.Duration) { r.RebootWith(Boot{Down: down}) }

// RebootWith is Reboot with the trouble that comes along.
func (r *Recorder) RebootWith(b Boot) {
	r.mu.Lock()
	r.settleLocked()
	if r.power.state != PowerRunning {
		r.mu.Unlock()
		return
	}
	if r.power.order != nil {
		r.dropLaterLocked()
		r.power.order = nil
	}
	r.noteStopLocked(ByRestart)
	r.power.boot = &boot{Boot: b, up: r.now().Add(b.Down)}
	r.settleLocked()
	r.wakeLocked()
	r.dropStreamsLocked(false)
	r.streams.held = nil
	open := r.takeConns(r.conns)
	r.mu.Unlock()
	for _, c := range open {
		c.reset()
	}
}

// settleLocked finishes a restart whose time has come.
func (r *Recorder) settleLocked() {
	b := r.power.boot
	if b == nil || r.now().Before(b.up) {
		return
	}
	r.power.boot = nil
	r.power.booted = b.up
	r.power.errorsTill = b.up.Add(b.Errors)
	r.power.deniesTill = b.up.Add(b.Denies)
	r.access.restart(!r.config.Model.recorder())
	down := b.up.Add(-b.Down)
	if n := len(r.power.stops); n > 0 {
		r.power.stops[n-1].Back = b.up
		down = r.power.stops[n-1].At
	}
	r.startedLocked(down, b.up)
}

// Unplug pulls the network cable: dials hang, and connections that are open go
// silent without being closed. The device itself stays on.
func (r *Recorder) Unplug() {
	r.mu.Lock()
	r.power.unplugged = true
	r.wakeLocked()
	r.dropStreamsLocked(true)
	open := r.takeConns(r.conns)
	for _, c := range open {
		r.cut[c] = struct{}{}
	}
	r.mu.Unlock()
	for _, c := range open {
		c.unplug()
	}
}

// Plug puts the cable back. Connections from before are dead: who writes into
// one gets a reset (on a real port it is reset at once).
func (r *Recorder) Plug() {
	r.mu.Lock()
	r.power.unplugged = false
	r.wakeLocked()
	dark := r.takeConns(r.cut)
	r.mu.Unlock()
	for _, c := range dark {
		c.plug()
	}
}

// PortClosed refuses new connections, or no longer does so. Open ones go on.
func (r *Recorder) PortClosed(closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.power.portClosed = closed
	r.wakeLocked()
}

// wakeLocked lets waiting dials look again.
func (r *Recorder) wakeLocked() {
	if r.power.changed != nil {
		close(r.power.changed)
		r.power.changed = nil
	}
}

// linkState is the link now, when it ends by itself (zero: never), and a channel
// that is closed when it is changed.
type linkState struct {
	link    link
	until   time.Time
	changed <-chan struct{}
}

func (r *Recorder) linkLocked() linkState {
	r.settleLocked()
	p := &r.power
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	switch {
	case r.closed:
		return linkState{link: linkRefused}
	case p.unplugged:
		return linkState{link: linkSilent, changed: p.changed}
	case p.state != PowerRunning:
		return linkState{link: r.downLinkLocked(), changed: p.changed}
	case p.boot != nil && p.boot.Silent:
		return linkState{link: linkSilent, until: p.boot.up, changed: p.changed}
	case p.boot != nil, p.portClosed:
		return linkState{link: linkRefused}
	}
	return linkState{link: linkUp}
}

// downLinkLocked is the link of a device that halts, has halted or has no supply.
// Before a restart it is silent.
func (r *Recorder) downLinkLocked() link {
	p, h := &r.power, r.config.Halt
	restarts := p.order != nil && p.order.restart
	switch {
	case h.Link == HaltedNoRoute && !restarts:
		return linkNoRoute
	case h.Link == HaltedRefuses && !restarts && p.state != PowerOff:
		return linkRefused
	}
	return linkSilent
}

// uptimeLocked is how long the device has been on.
func (r *Recorder) uptimeLocked() time.Duration { return r.now().Sub(r.power.booted) }
