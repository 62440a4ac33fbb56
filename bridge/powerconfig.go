package bridge

import (
	"fmt"
	"slices"

	"hikbridge/bridge/plug"
	"hikbridge/bridge/power"
)

// form makes what package plug wants of the configuration.
func (c PowerConfig) form() (plug.Config, error) {
	p, err := plug.Parse(c.Plug)
	if err != nil {
		return p, err
	}
	f := c.PlugForm
	p.StateTopic, p.PowerTopic, p.CommandTopic, p.AskTopic = f.StateTopic, f.PowerTopic, f.CommandTopic, f.AskTopic
	p.StateField, p.PowerField, p.TimeField = f.StateField, f.PowerField, f.TimeField
	p.StateOn, p.StateOff, p.CommandOn, p.CommandOff, p.Ask = f.StateOn, f.StateOff, f.CommandOn, f.CommandOff, f.Ask
	p.Meter = f.Meter
	return p, nil
}

// plug makes the plug that is configured; nil if there is none.
func (c PowerConfig) plug(base, recorder string) (*plug.Plug, error) {
	if c.Plug == "" {
		return nil, nil
	}
	form, err := c.form()
	if err != nil {
		return nil, fmt.Errorf("plug: %w", err)
	}
	p, err := plug.New(form, base, recorder)
	if err != nil {
		return nil, fmt.Errorf("plug: %w", err)
	}
	return p, nil
}

// plugOfAny stands for every recorder's name and base topic when plugs are
// compared.
const plugOfAny = "any"

// plugTopics adds the topics of all plugs' reports. One plug before two recorders
// is refused: it could be cut under one that still runs.
func plugTopics(c Config, topics []string) ([]string, error) {
	feeds := map[string]string{} // recorder, by what switches it off
	for _, rc := range c.Recorders {
		p, err := rc.Power.plug(c.Topic, rc.Name)
		if err != nil {
			return nil, fmt.Errorf("recorder %s: %w", rc.Name, err)
		}
		if p == nil {
			continue
		}
		off, err := rc.Power.PlugSwitch()
		if err != nil {
			return nil, fmt.Errorf("recorder %s: %w", rc.Name, err)
		}
		for _, key := range off {
			if other, ok := feeds[key]; ok {
				return nil, fmt.Errorf("recorders %s and %s have the same plug; give each its own", other, rc.Name)
			}
			feeds[key] = rc.Name
		}
		for _, topic := range p.Topics() {
			if !slices.Contains(topics, topic) {
				topics = append(topics, topic)
			}
		}
	}
	return topics, nil
}

// machine is what the machine wants of it.
func (c PowerConfig) machine(p *plug.Plug, mains bool) power.Config {
	m := power.Config{Mains: mains, Witness: c.Witness != "", OffWatts: c.OffWatts, Timers: c.Timers,
		PlainCommands: c.PlainCommands, AnyOutage: c.AnyOutage}
	if p == nil {
		return m
	}
	relay, meter, _, switches := p.Tells()
	m.Plug = power.Plug{Exists: true, Relay: relay, Meter: meter, Cut: power.CutNever}
	if switches && c.Cut != "" {
		m.Plug.Cut = power.Cut(c.Cut)
	}
	return m
}

// topics are those of the plug's reports.
func (k *keeper) topics() []string {
	if k.plug == nil {
		return nil
	}
	return k.plug.Topics()
}
