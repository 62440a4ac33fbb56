package main

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"hikbridge/bridge/bridgetest"
	"hikbridge/nvr/nvrtest"
)

// place is a simulated recorder, the plug that feeds it, and the cord between
// them. Any goroutine may use it.
type place struct {
	name     string
	recorder *nvrtest.Recorder
	plug     *bridgetest.Plug

	mu     sync.Mutex
	outlet bool // has power
	cord   bool // is in
	lazy   bool // says OK to a shutdown and stays on
}

// plugTopic is the topic of a recorder's plug, a Tasmota.
func plugTopic(name string) string { return name + "_plug" }

// newPlace puts a plug before a recorder, and connects it to the broker.
func newPlace(c nvrtest.Config, broker net.Addr) *place {
	name := strings.ToLower(c.Name)
	p := &place{name: name, recorder: nvrtest.New(quick(c)), outlet: true, cord: true}
	p.plug = bridgetest.NewPlug(new(net.Dialer).DialContext, bridgetest.PlugConfig{
		Preset: bridgetest.Tasmota, Topic: plugTopic(name), Addr: broker.String(),
		Meter: true, Every: plugEvery, Default: bridgetest.DefaultOn,
		Load: p.load, OnSwitch: func(on bool) { p.feed(func() { p.outlet = on }) },
	})
	return p
}

func (p *place) close() {
	p.plug.Close()
	p.recorder.Close()
}

// feed changes something about the supply, and lets the recorder feel it.
func (p *place) feed(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	if p.outlet && p.cord {
		p.recorder.RestorePower()
		return
	}
	p.recorder.CutPower()
}

// load is what the plug's meter sees.
func (p *place) load() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cord {
		return 0
	}
	return p.recorder.Watts()
}

// pull pulls the recorder's cord out of the plug, or puts it in again; it says
// whether the cord is in now.
func (p *place) pull() (in bool) {
	p.feed(func() { p.cord = !p.cord; in = p.cord })
	return in
}

// turn changes how the recorder takes a shutdown; it says whether it stays on.
func (p *place) turn() (lazy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lazy = !p.lazy
	h := obeys()
	if p.lazy {
		h.Ignored = true
	}
	p.recorder.SetHalt(h)
	return p.lazy
}

// press is a button in Home Assistant, pressed by a person.
func (b *broker) press(recorder, action string) error {
	now := time.Now()
	payload, err := json.Marshal(map[string]any{
		"id": fmt.Sprintf("demo-%d", now.UnixNano()), "at": now.Unix(), "by": "demo",
	})
	if err != nil {
		panic(err)
	}
	return b.publish("hikbridge/command/"+recorder+"/"+action, string(payload))
}
