package bridgetest

import (
	"slices"
	"time"
)

// SwitchByHand presses its button.
func (p *Plug) SwitchByHand(on bool) { p.switchTo(on) }

// Powered says whether its outlet has power, whatever it reports.
func (p *Plug) Powered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mains && p.contacts
}

// Offs are the commands to switch off that arrived, obeyed or not. zigbee2mqtt's
// count when they got to zigbee2mqtt, though it can't reach the device.
func (p *Plug) Offs() []Command {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.offs)
}

// Ons are the commands to switch on that arrived, as Offs.
func (p *Plug) Ons() []Command {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ons)
}

// Cached lets its meter stand still: it repeats the figure of now, however the
// load changes and whoever asks. Times and counters go on.
func (p *Plug) Cached(cached bool) {
	p.look()
	p.lie(func(l *lies) { l.cached = cached })
}

// FalseZero lets its meter read 0 W, at the right voltage.
func (p *Plug) FalseZero(zero bool) { p.lie(func(l *lies) { l.falseZero = zero }) }

// MuteReadings keeps its figures to itself. What zigbee2mqtt remembers it goes on
// repeating.
func (p *Plug) MuteReadings(mute bool) { p.lie(func(l *lies) { l.mute = mute }) }

// StuckRelay welds its contacts together while they are closed: it believes and
// says that it is off, and is on. Set free, they open.
func (p *Plug) StuckRelay(stuck bool) {
	p.mu.Lock()
	p.lies.stuck = stuck
	p.contacts = p.relay || p.contacts && stuck
	p.mu.Unlock()
	p.settle()
}

// Late lets it obey so much later; 0: at once. Commands that wait already keep
// their time.
func (p *Plug) Late(d time.Duration) { p.lie(func(l *lies) { l.late = d }) }

// ReportLate lets it tell everything, answers too, so much later, as it was then.
// A duration of days makes it dumb.
func (p *Plug) ReportLate(d time.Duration) { p.lie(func(l *lies) { l.reportLate = d }) }

// PowerOnDefault sets how its relay stands when mains returns.
func (p *Plug) PowerOnDefault(d Default) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byDefault = d
}

func (p *Plug) lie(set func(*lies)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set(&p.lies)
}

// Away takes it off the network without a word, so that the broker publishes its
// will. Behind zigbee2mqtt, which stays, it is told to be offline. Its relay stays
// as it is.
func (p *Plug) Away(away bool) {
	p.mu.Lock()
	p.away = away
	p.mu.Unlock()
	if z, ok := p.model.(*zigbee); ok {
		s := p.look()
		p.client.publish(z.availability(s))
		if s.attached {
			p.say(z.report(s))
		}
		return
	}
	p.reach()
}

// Restart boots it: it drops its connection, comes back some seconds later and
// says so. Its relay moves only if its power-on default differs. Of a device
// behind zigbee2mqtt nothing but a report shows it.
func (p *Plug) Restart() {
	p.mu.Lock()
	if !p.mains {
		p.mu.Unlock()
		return
	}
	p.bootLocked()
	p.mu.Unlock()
	p.boots()
}

// Mains takes the mains off the plug and all behind it, or gives it back: then it
// boots. Behind zigbee2mqtt, which stays, nobody notices that it has gone.
func (p *Plug) Mains(on bool) {
	p.mu.Lock()
	if on == p.mains {
		p.mu.Unlock()
		return
	}
	p.mains = on
	if on {
		p.bootLocked()
	}
	p.mu.Unlock()
	if on {
		p.boots()
		return
	}
	p.settle()
	if !p.behindZigbee() {
		p.reach()
	}
}

// bootLocked sets the relay by the power-on default.
func (p *Plug) bootLocked() {
	p.booted, p.ready = time.Now(), time.Now().Add(bootTime)
	switch p.byDefault {
	case DefaultOn:
		p.relay = true
	case DefaultOff:
		p.relay = false
	case DefaultPrevious:
	}
	p.contacts = p.relay || p.contacts && p.lies.stuck
	if !p.behindZigbee() {
		p.announced = false
		p.disconnectLocked()
	}
}

// boots lets it be heard again when it has booted.
func (p *Plug) boots() {
	p.settle()
	if p.behindZigbee() {
		p.after(bootTime, func() { p.say(p.model.report(p.look())) })
		return
	}
	p.after(bootTime, p.reach)
}

// RestartBridge restarts zigbee2mqtt: it goes by its will, comes back some seconds
// later, and sends what it remembers. It does nothing to other plugs.
func (p *Plug) RestartBridge() {
	if !p.behindZigbee() {
		return
	}
	p.mu.Lock()
	p.disconnectLocked()
	p.mu.Unlock()
	p.after(bootTime, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.connectLocked()
	})
}

// ReportOther lets a device behind zigbee2mqtt report its voltage, with which
// zigbee2mqtt repeats everything else that it remembers. It does nothing to other
// plugs.
func (p *Plug) ReportOther() {
	if z, ok := p.model.(*zigbee); ok {
		p.say(z.repeat())
	}
}
