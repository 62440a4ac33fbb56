package bridgetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// The presets that can be simulated, named as in the bridge's configuration.
const (
	Tasmota     = "tasmota"
	Shelly2     = "shelly2"
	Zigbee2MQTT = "zigbee2mqtt"
)

// Default is how a plug's relay stands when mains returns.
type Default string

// Previous is what most plugs come with.
const (
	DefaultOn       Default = "on"
	DefaultOff      Default = "off"
	DefaultPrevious Default = "previous"
)

const (
	bootTime = 2 * time.Second // from mains, or a restart, to the first connection
	volts    = 231.0
)

// PlugConfig is a plug and what hangs on it.
type PlugConfig struct {
	Preset string // Tasmota, Shelly2, Zigbee2MQTT; others are refused by a panic
	Topic  string // as in the bridge's configuration, without the preset
	// Load is the watts behind the outlet while it has power; nil: none. OnSwitch is
	// told when the outlet's power comes or goes, one call at a time. Both return at
	// once and call no method of the plug.
	Load     func() float64
	OnSwitch func(on bool)
	Meter    bool
	Every    time.Duration // between its own reports; 0: it sends none
	StartOff bool          // its relay; by default it is on
	Default  Default       // "": DefaultPrevious
	// Retain lets the broker keep what it says of its relay and meter.
	Retain         bool
	Addr           string // of the broker; "": broker:1883
	User, Password string
}

// Command is one that arrived.
type Command struct {
	At       time.Time
	Retained bool // the broker had kept it: it isn't meant for now
}

// Plug is a simulated plug.
type Plug struct {
	config PlugConfig
	model  model
	client client
	ctx    context.Context
	end    context.CancelFunc
	wg     sync.WaitGroup

	switching sync.Mutex // keeps the calls of OnSwitch in order

	mu        sync.Mutex
	hangUp    context.CancelFunc // ends the connection; nil: there shall be none
	relay     bool               // as the plug believes
	contacts  bool               // as it is
	mains     bool
	powered   bool // as OnSwitch was told last
	away      bool
	booted    time.Time
	ready     time.Time // when it can be on the network again after booting
	announced bool      // it has said that it has booted
	measured  float64   // as measured last
	byDefault Default
	lies      lies
	offs, ons []Command
	waiting   []letter
}

type lies struct {
	cached, falseZero, stuck, mute bool
	late, reportLate               time.Duration
}

// model is what is special about a preset. Its methods are called without locks.
type model interface {
	will() message
	filters() []string
	// hello is sent at each connection, boot after the first one of a start.
	hello(s sight) []message
	boot(s sight) []message
	// report is what it sends of its own accord; relay what it sends when its relay
	// has moved.
	report(s sight) []message
	relay(s sight) []message
	// take carries out or answers a message.
	take(p *Plug, topic string, payload []byte, retained bool)
}

// sight is what a plug knows of itself at a moment.
type sight struct {
	at       time.Time
	uptime   time.Duration
	relay    bool
	closed   bool    // its contacts, really
	watts    float64 // as it says
	told     bool    // it tells its figures
	returns  Default
	attached bool // a device behind zigbee2mqtt can be reached
}

// NewPlug switches a plug on, which connects by dial until Close.
func NewPlug(dial Dial, c PlugConfig) *Plug {
	ctx, end := context.WithCancel(context.Background())
	p := &Plug{
		config: c, ctx: ctx, end: end,
		relay: !c.StartOff, contacts: !c.StartOff, powered: !c.StartOff,
		mains: true, booted: time.Now(), byDefault: c.Default,
	}
	if p.byDefault == "" {
		p.byDefault = DefaultPrevious
	}
	switch c.Preset {
	case Tasmota:
		p.model = tasmota{c}
	case Shelly2:
		p.model = shelly2{c}
	case Zigbee2MQTT:
		p.model = &zigbee{config: c}
	default:
		panic("bridgetest: no plug " + c.Preset)
	}
	addr := c.Addr
	if addr == "" {
		addr = "broker:1883"
	}
	p.client = client{
		dial: dial, addr: addr, user: c.User, password: c.Password,
		id:   c.Preset + "-" + strings.NewReplacer("/", "-", " ", "-").Replace(c.Topic),
		will: p.model.will(), filters: p.model.filters(), up: p.connected,
		take: func(topic string, payload []byte, retained bool) { p.model.take(p, topic, payload, retained) },
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connectLocked()
	if c.Every > 0 {
		p.wg.Go(p.reports)
	}
	return p
}

// Close takes the plug off the broker, which publishes its will, and returns when
// its goroutines are gone. It switches nothing.
func (p *Plug) Close() {
	p.mu.Lock()
	p.end() // under the lock: nothing is started afterwards
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Plug) connectLocked() {
	if p.hangUp != nil || p.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	p.hangUp = cancel
	p.wg.Go(func() { p.client.run(ctx) })
}

func (p *Plug) disconnectLocked() {
	if p.hangUp != nil {
		p.hangUp()
		p.hangUp = nil
	}
}

// reach connects or disconnects, as it should be.
func (p *Plug) reach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.away || !p.mains || time.Now().Before(p.ready):
		p.disconnectLocked()
	default:
		p.connectLocked()
	}
}

// behindZigbee says that the connection isn't the device's own.
func (p *Plug) behindZigbee() bool { return p.config.Preset == Zigbee2MQTT }

func (p *Plug) connected() {
	p.mu.Lock()
	first := !p.announced
	p.announced = true
	p.mu.Unlock()
	s := p.look()
	p.client.publish(p.model.hello(s)...)
	if first {
		p.client.publish(p.model.boot(s)...)
	}
}

// after calls f later, or at once.
func (p *Plug) after(d time.Duration, f func()) {
	if d <= 0 {
		f()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return
	}
	p.wg.Go(func() {
		select {
		case <-time.After(d):
			f()
		case <-p.ctx.Done():
		}
	})
}

// say publishes what is so now, perhaps later.
func (p *Plug) say(messages []message) {
	p.mu.Lock()
	late := p.lies.reportLate
	if late > 0 {
		p.waiting = append(p.waiting, letter{time.Now().Add(late), messages})
	}
	p.mu.Unlock()
	if late <= 0 {
		p.client.publish(messages...)
		return
	}
	p.after(late, p.deliver)
}

// letter is what is told later.
type letter struct {
	due      time.Time
	messages []message
}

// deliver publishes what is due, in the order in which it was so.
func (p *Plug) deliver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = slices.DeleteFunc(p.waiting, func(l letter) bool {
		due := !time.Now().Before(l.due)
		if due {
			p.client.publish(l.messages...)
		}
		return due
	})
}

// look measures, and says what the plug knows.
func (p *Plug) look() sight {
	p.mu.Lock()
	load := p.config.Load
	if !p.mains || !p.contacts {
		load = nil
	}
	p.mu.Unlock()
	watts := 0.0
	if load != nil {
		watts = load()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.lies.cached:
	case p.lies.falseZero:
		p.measured = 0
	default:
		p.measured = watts
	}
	return sight{
		at: time.Now(), uptime: time.Since(p.booted), relay: p.relay, closed: p.contacts, watts: p.measured,
		told: p.config.Meter && !p.lies.mute, returns: p.byDefault, attached: p.mains && !p.away,
	}
}

// reports sends what it sends of its own accord.
func (p *Plug) reports() {
	tick := time.NewTicker(p.config.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.say(p.model.report(p.look()))
		case <-p.ctx.Done():
			return
		}
	}
}

// command is one that arrived.
func (p *Plug) command(on, retained bool) {
	p.mu.Lock()
	c := Command{At: time.Now(), Retained: retained}
	if on {
		p.ons = append(p.ons, c)
	} else {
		p.offs = append(p.offs, c)
	}
	reachable, late := !p.behindZigbee() || p.mains && !p.away, p.lies.late
	p.mu.Unlock()
	if !reachable {
		return
	}
	p.after(late, func() { p.switchTo(on) })
}

// switchTo moves the relay, if it has mains, and reports that.
func (p *Plug) switchTo(on bool) {
	p.mu.Lock()
	if !p.mains {
		p.mu.Unlock()
		return
	}
	p.relay = on
	p.contacts = on || p.contacts && p.lies.stuck
	p.mu.Unlock()
	p.settle()
	p.say(p.model.relay(p.look()))
}

// settle tells OnSwitch what has become of the outlet.
func (p *Plug) settle() {
	p.switching.Lock()
	defer p.switching.Unlock()
	p.mu.Lock()
	now := p.mains && p.contacts
	changed := now != p.powered
	p.powered = now
	p.mu.Unlock()
	if changed && p.config.OnSwitch != nil {
		p.config.OnSwitch(now)
	}
}
