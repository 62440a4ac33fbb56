package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"hikbridge/bridge"
	"hikbridge/nvr/nvrtest"
)

const (
	demoUser     = "demo"
	demoPassword = "demo-password"
)

// What takes less time here than at home, as the intro says. Of the bridge's own
// waits only those three can be made so short that nothing is proven less: the
// countdown, how long a recorder that said OK may still answer, and the time on
// battery that asks for a shutdown.
const (
	countdown = 2 * time.Second
	goingDown = 10 * time.Second
	onBattery = 15 * time.Second
	goesOn    = 2 * time.Second // a recorder that obeys goes on answering
	flushes   = 2 * time.Second // and then writes its disks
	boots     = 6 * time.Second
	plugEvery = 2 * time.Second // a plug reports by itself
)

// runRecorder serves one simulated recorder until ctx ends.
func runRecorder(ctx context.Context, address string, out io.Writer) error {
	l, err := open(address)
	if err != nil {
		return err
	}
	r := nvrtest.New(garageConfig())
	defer r.Close()
	fmt.Fprintf(out, "A simulated recorder answers on http://%s, user %s, password %s.\n", l.Addr(), demoUser, demoPassword)
	context.AfterFunc(ctx, func() { r.Close() })
	var going sync.WaitGroup
	defer going.Wait()
	going.Go(func() { liven(ctx, r) })
	if err := r.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("simulated recorder: %w", err)
	}
	return nil
}

func garageConfig() nvrtest.Config {
	return nvrtest.Config{Model: nvrtest.NVR, Name: "Garage", Username: demoUser, Password: demoPassword, Channels: 4}
}

func barnConfig() nvrtest.Config {
	return nvrtest.Config{Model: nvrtest.DVR, Name: "Barn", Username: demoUser, Password: demoPassword}
}

// quick lets a recorder be quicker than a real one. Halted it draws little enough
// for a meter to prove it.
func quick(c nvrtest.Config) nvrtest.Config {
	c.Halt = obeys()
	c.Boot = nvrtest.Boot{Down: boots, Silent: true}
	c.Watts.Halted = 0.4
	return c
}

// obeys is how a recorder shuts down that does what it is told.
func obeys() nvrtest.Halt {
	return nvrtest.Halt{Manner: nvrtest.Manner{After: goesOn, Flush: flushes}}
}

// demo is what runs: bridge, broker, and what stands around them.
type demo struct {
	teller *teller
	broker *broker
	values *values
	state  string // the bridge's state directory
	garage *place
	barn   *place
	ups    *ups // of both
	story  story

	// Owned by direct.
	chosen *place // which the keys are about
	taken  bool   // somebody takes part
}

// options are what the command line says.
type options struct {
	listen string
	stay   bool
	story  story
}

// runDemo runs broker, recorders, bridge and story until ctx ends, or somebody or
// the story ends it.
func runDemo(ctx context.Context, o options, in io.Reader, out io.Writer) error {
	l, err := open(o.listen)
	if err != nil {
		return err
	}
	b, err := startBroker(l)
	if err != nil {
		return err
	}
	state, err := os.MkdirTemp("", "hikbridge-demo-")
	if err != nil {
		return fmt.Errorf("make a state directory: %w", err)
	}
	defer os.RemoveAll(state)
	var going sync.WaitGroup
	defer going.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	heard, err := b.watch(ctx)
	if err != nil {
		return err
	}
	address := loopback(l.Addr())
	d := &demo{teller: newTeller(out), broker: b, values: newValues(), state: state,
		garage: newPlace(garageConfig(), address), barn: newPlace(barnConfig(), address), ups: newUPS(), story: o.story}
	d.chosen = d.garage
	if d.story.lazyBarn {
		d.barn.turn()
	}
	defer d.garage.close()
	defer d.barn.close()
	defer d.ups.server.Close()
	going.Go(func() { d.ups.live(ctx) })
	d.teller.intro(address, d.story)
	br, err := bridge.New(d.config(address))
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() { stopped <- br.Run(ctx) }()
	directed := make(chan error, 1)
	go func() {
		directed <- d.direct(ctx, readKeys(ctx, in), o.stay)
		end()
	}()
	d.hear(ctx, heard)
	err = <-directed
	if stop := <-stopped; err == nil {
		err = stop
	}
	b.clear()
	d.teller.line("", "Everything that was announced is removed. Goodbye.")
	return err
}

// loopback is where this machine reaches a listener.
func loopback(a net.Addr) *net.TCPAddr {
	t := *a.(*net.TCPAddr)
	if t.IP.IsUnspecified() {
		t.IP = net.IPv4(127, 0, 0, 1)
	}
	return &t
}

// config is the bridge's. The garage's plug is switched off by an automation, as
// Home Assistant would have it; the barn's by the bridge itself.
func (d *demo) config(broker *net.TCPAddr) bridge.Config {
	recorder := func(p *place, address, cut string) bridge.RecorderConfig {
		return bridge.RecorderConfig{
			Name: p.name, URL: "http://" + address, Username: demoUser, Password: demoPassword, Dial: p.recorder.Dial,
			Power: bridge.PowerConfig{
				Plug: "tasmota:" + plugTopic(p.name), Cut: cut,
				Timers: bridge.Timers{Countdown: countdown, GoingDown: goingDown}, AnyOutage: true,
			},
		}
	}
	return bridge.Config{
		Recorders: []bridge.RecorderConfig{recorder(d.garage, "192.0.2.10", "never"), recorder(d.barn, "192.0.2.11", "proven")},
		Broker:    bridge.BrokerConfig{URL: "mqtt://" + broker.String()},
		Mains:     bridge.MainsConfig{Server: "192.0.2.5", UPS: "ups", Dial: d.ups.server.Dial, OnBattery: onBattery, Parallel: 1},
		Topic:     "hikbridge", DiscoveryPrefix: "homeassistant", BirthTopic: "homeassistant/status",
		OffDelay: bridge.DefaultOffDelay, PictureInterval: bridge.DefaultPictureInterval,
		StateDir: d.state, Version: "demo", Log: slog.New(d.teller),
	}
}

// hear tells what changes on the broker, and is the home's automation, until ctx
// ends: once the garage's Safe to cut power has been on for a second, its plug is
// switched off.
func (d *demo) hear(ctx context.Context, heard <-chan message) {
	states := map[string]string{}
	safe := "hikbridge/" + d.garage.name + "/safe_to_cut_power"
	var cut <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-cut:
			cut = nil
			d.teller.line("automation", "The garage is safe to cut: switch its plug off.")
			d.report(d.broker.publish("cmnd/"+plugTopic(d.garage.name)+"/POWER", "OFF"))
		case m := <-heard:
			was := states[safe]
			if who, text := describe(m, states); text != "" {
				d.teller.line(who, text)
			}
			switch is := states[safe]; {
			case is != "ON":
				cut = nil
			case was != "ON":
				cut = time.After(time.Second)
			}
			d.values.set(m.topic, string(m.payload))
		}
	}
}

// report tells an error that ends nothing.
func (d *demo) report(err error) {
	if err != nil {
		d.teller.line("demo", err.Error())
	}
}
