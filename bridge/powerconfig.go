package bridge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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

// plugTopics adds the topics of all plugs' reports.
func plugTopics(c Config, topics []string) ([]string, error) {
	for i, rc := range c.Recorders {
		p, err := rc.Power.plug(c.Topic, rc.Name)
		if err != nil {
			return nil, fmt.Errorf("recorder %s: %w", rc.Name, err)
		}
		if p == nil {
			continue
		}
		for _, before := range c.Recorders[:i] {
			if err := rc.Power.Shares(before.Power); err != nil {
				return nil, fmt.Errorf("recorders %s and %s have the same plug: %w", before.Name, rc.Name, err)
			}
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
	m.Plug = power.Plug{ID: hash(fmt.Appendf(nil, "%s %v", c.Plug, c.PlugForm)), Exists: true, Relay: relay, Meter: meter, Cut: power.CutNever}
	if switches && c.Cut != "" {
		m.Plug.Cut = power.Cut(c.Cut)
	}
	return m
}

// SamePlug says that both recorders hang on one plug, as far as that can be seen:
// not where it is relayed, to topics that hold the recorder's name.
func (c PowerConfig) SamePlug(o PowerConfig) bool {
	keys := o.plugKeys()
	return slices.ContainsFunc(c.plugKeys(), func(k string) bool { return slices.Contains(keys, k) })
}

// plugKeys are what tells a plug from others: relays of one device differ by what
// switches them.
func (c PowerConfig) plugKeys() []string {
	kind, _, _ := strings.Cut(c.Plug, ":")
	if c.Plug == "" || kind == plug.Relay {
		return nil
	}
	device := c.Plug
	if kind == plug.Free {
		device = cmp.Or(c.PlugForm.StateTopic, c.PlugForm.PowerTopic, c.Plug)
	}
	keys := []string{cmp.Or(c.PlugForm.CommandTopic, device) + "\n" + cmp.Or(c.PlugForm.CommandOff, "OFF")}
	off, err := c.PlugSwitch()
	if err != nil {
		return keys // that is told elsewhere
	}
	return append(keys, off...)
}

// Shares says what forbids that a plug feeds another recorder as well, as PlugSwitch
// does, with the fields Cut and OffWatts beside the others; nil if nothing does, or they
// have different plugs.
func (c PowerConfig) Shares(o PowerConfig) error {
	if !c.SamePlug(o) {
		return nil
	}
	presumes := string(power.CutPresumed)
	switch {
	case c.Plug != o.Plug || c.PlugForm != o.PlugForm:
		return &PlugError{Field: "Preset", Text: "must be described the same way for all recorders that it feeds"}
	case c.Cut == presumes || o.Cut == presumes:
		return &PlugError{Field: "Cut", Text: "can't be presumed for a plug that feeds several recorders: write proven or never for all of them"}
	case cmp.Or(c.Cut, "never") != cmp.Or(o.Cut, "never"):
		return &PlugError{Field: "Cut", Text: "must be the same for all recorders that the plug feeds"}
	case max(c.OffWatts, o.OffWatts) > 1:
		return &PlugError{Field: "OffWatts", Text: "may be 1 at most for a plug that feeds several recorders: its meter reads the sum"}
	}
	return nil
}

// share lets the keepers of recorders on one plug know of each other.
func share(keepers []*keeper) {
	for i, k := range keepers {
		for j, o := range keepers {
			if i == j || !k.cfg.Power.SamePlug(o.cfg.Power) {
				continue
			}
			k.shares = append(k.shares, o)
			k.gate.others = append(k.gate.others, o.gate)
		}
		k.leads = len(k.shares) > 0 && k.place < k.shares[0].place
	}
}

// topics are those of the plug's reports.
func (k *keeper) topics() []string {
	if k.plug == nil {
		return nil
	}
	return k.plug.Topics()
}
