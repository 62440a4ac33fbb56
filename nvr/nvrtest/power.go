package nvrtest

import "time"

// link is what happens to someone who connects.
type link int

const (
	linkUp link = iota
	linkRefused
	linkSilent
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
// forgotten its nonces and begins its uptime again.
func (r *Recorder) Reboot(down time.Duration) { r.RebootWith(Boot{Down: down}) }

// RebootWith is Reboot with the trouble that comes along.
func (r *Recorder) RebootWith(b Boot) {
	r.mu.Lock()
	r.settleLocked()
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
	case p.boot != nil && p.boot.Silent:
		return linkState{link: linkSilent, until: p.boot.up, changed: p.changed}
	case p.boot != nil, p.portClosed:
		return linkState{link: linkRefused}
	}
	return linkState{link: linkUp}
}

// uptimeLocked is how long the device has been on.
func (r *Recorder) uptimeLocked() time.Duration { return r.now().Sub(r.power.booted) }
