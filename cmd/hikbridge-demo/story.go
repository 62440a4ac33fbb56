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

// beats are the story of power, in order.
func (d *demo) beats() []beat {
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

// tellStory plays it, and prints what the log books say of it.
func (d *demo) tellStory(ctx context.Context) error {
	for _, b := range d.beats() {
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
	d.teller.line("story", "The recorder is verified, and as it was before. In short, what hikbridge journal prints of it all:")
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
