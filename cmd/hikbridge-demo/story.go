package main

import (
	"context"
	"errors"
	"time"

	"hikbridge/bridge"
	"hikbridge/nvr/nvrtest"
)

// beat is one part of the story: what happens, and what the story waits for then.
type beat struct {
	text  string
	play  func() error
	topic string // below hikbridge/; empty: within is waited for
	want  string
	limit time.Duration
}

// story is what happens by itself.
type story struct {
	about, other string
	lazyBarn     bool // the barn's recorder says OK to a shutdown and stays on
	beats        func(*demo) []beat
	end          string
}

const (
	storyShutdown = "shutdown"
	storyOutage   = "outage"
)

// storyNamed gives a story by the name that the command line has for it.
func storyNamed(name string) (s story, ok bool) {
	switch name {
	case storyShutdown:
		return story{"A story of two minutes: a shutdown by hand.", "hikbridge-demo -story outage: mains is lost, in four minutes.",
			true, (*demo).shutdownBeats, "The recorder is verified, and as it was before."}, true
	case storyOutage:
		return story{"A story of four minutes: mains is lost, and comes back.", "hikbridge-demo -story shutdown: a shutdown by hand, in two minutes.",
			false, (*demo).outageBeats, "Both recorders are verified, and as they were before."}, true
	}
	return story{}, false
}

// shutdownBeats are the story of a shutdown by hand, in order.
func (d *demo) shutdownBeats() []beat {
	press := func(p *place, action string) func() error {
		return func() error { return d.broker.press(p.name, action) }
	}
	return []beat{
		{"", nil, "garage/events", "online", 20 * time.Second},
		{"", nil, "barn/events", "online", 20 * time.Second},
		{"A person crosses the line at the road, and the garage's recorder sends a picture along.", func() error {
			d.garage.recorder.Alert(nvrtest.Alert{Type: "linedetection", Channel: 3, Region: "1", Target: "human", Picture: nvrtest.JPEG()})
			return nil
		}, "", "", 10 * time.Second}, // in which the plugs are read often enough to compare with
		{"Somebody presses Shut down for the garage.", press(d.garage, "shutdown"), "garage/proof", "power", 2 * time.Minute},
		{"Silence and the meter prove that the garage's recorder is off; the proof must hold for 30 s. " +
			"Meanwhile somebody presses Power cycle for the barn, whose recorder will say OK and stay on.",
			press(d.barn, "power_cycle"), "barn/power_state", "attention", 2 * time.Minute},
		{"The barn's recorder was asked twice. Without a proof its plug stays on. Back to the garage.",
			nil, "garage/power_state", "off", 2 * time.Minute},
		{"Somebody presses Power on. The recorder stays without power for 15 s, so that it really starts anew.",
			press(d.garage, "power_on"), "garage/power_state", "booting", time.Minute},
		{"It boots. Once it has answered for 20 s it is signed in to, and compared with before.",
			nil, "garage/power_state", "running", 2 * time.Minute},
		{"", nil, "garage/events", "online", time.Minute},
	}
}

// outageBeats are the story of two outages, in order. In the first one mains comes
// back before a request, in the second one after it.
func (d *demo) outageBeats() []beat {
	mains := func() error {
		d.ups.toggle()
		return nil
	}
	drain := func() error {
		d.ups.drain()
		return nil
	}
	return []beat{
		{"", nil, "garage/events", "online", 20 * time.Second},
		{"", nil, "barn/events", "online", 20 * time.Second},
		{"", nil, "bridge/mains", "ON", 20 * time.Second},
		{"", nil, "", "", 5 * time.Second}, // in which the plugs are read often enough to compare with
		{"Mains is lost. The UPS feeds both recorders from its battery; it is asked every 5 s. A loss counts after 10 s.",
			mains, "bridge/mains", "OFF", time.Minute},
		{"It counts. After 15 s on battery the garage's recorder is to be shut down, then the barn's.",
			nil, "garage/power_state", "counting_down", time.Minute},
		{"Mains is back before anything was asked of the recorder: the countdown stops, and 30 s of mains cancel it.",
			mains, "garage/power_state", "running", time.Minute},
		{"", nil, "bridge/mains", "ON", time.Minute},
		{"Both recorders stayed on. Now mains is lost once more, and for longer.",
			mains, "garage/power_state", "confirming", time.Minute},
		{"The garage's recorder was asked to shut down; the barn's waits until that one is off.",
			nil, "", "", 5 * time.Second},
		{"Now the battery is low. Nothing waits any more: the barn's recorder is asked at once.",
			drain, "barn/power_state", "confirming", time.Minute},
		{"", nil, "", "", 3 * time.Second},
		{"Mains is back, in the middle. Both were asked, so both go down, are cut from power once they are proven off, and start anew.",
			mains, "garage/power_state", "off", 3 * time.Minute},
		{"", nil, "barn/power_state", "off", 3 * time.Minute},
		{"Both are off. They are switched on once mains has been there for 2 minutes, and the battery has charged to 25 %.",
			nil, "garage/power_state", "booting", 5 * time.Minute},
		{"They boot, and are compared with before.", nil, "garage/power_state", "running", 2 * time.Minute},
		{"", nil, "barn/power_state", "running", 2 * time.Minute},
		{"", nil, "garage/events", "online", time.Minute},
		{"", nil, "barn/events", "online", time.Minute},
	}
}

// tellStory plays it, and prints what the log books say of it.
func (d *demo) tellStory(ctx context.Context) error {
	for _, b := range d.story.beats(d) {
		if b.text != "" {
			d.teller.line("story", b.text)
		}
		if b.play != nil {
			if err := b.play(); err != nil {
				return err
			}
		}
		if b.topic == "" {
			if err := pause(ctx, b.limit); err != nil {
				return err
			}
			continue
		}
		if err := d.values.wait(ctx, "hikbridge/"+b.topic, b.want, b.limit); err != nil {
			return err
		}
	}
	d.teller.line("story", d.story.end+" In short, what hikbridge journal prints of it all:")
	return d.printLogBooks()
}

// printLogBooks prints the last power action of each recorder.
func (d *demo) printLogBooks() error {
	var rows []row
	var wrong []error
	for _, p := range []*place{d.garage, d.barn} {
		actions, err := bridge.LogBook(d.state, p.name)
		wrong = append(wrong, err)
		if len(rows) > 0 {
			rows = append(rows, row{})
		}
		if n := len(actions); n > 0 {
			rows = append(rows, actionRows(actions[n-1])...)
		} else {
			rows = append(rows, row{"", p.name + ": no power action yet"})
		}
	}
	d.teller.block(rows...)
	return errors.Join(wrong...)
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
