package plug

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The presets: kinds of plugs.
const (
	Tasmota     = "tasmota"
	Shelly1     = "shelly1"
	Shelly2     = "shelly2"
	Zigbee2MQTT = "zigbee2mqtt"
	Relay       = "relay"
	Free        = "free"
)

// kinds is what a plug that isn't understood must be.
const kinds = "must be tasmota:TOPIC, shelly1:ID, shelly2:PREFIX, zigbee2mqtt:NAME, relay or free"

const (
	maxTopic   = 256 // bytes of a topic in the configuration
	maxChannel = 32  // no device has more relays
)

// Config says which plug it is. Parse makes one; the fields after Channel are the
// free form.
//
// With a preset, StateTopic, PowerTopic, CommandTopic and AskTopic replace what
// the preset does for that, and the fields and payloads beside them belong to
// them. Without those topics a preset takes StateOn and StateOff (tasmota,
// zigbee2mqtt), CommandOn and CommandOff (tasmota, shelly1, zigbee2mqtt), and
// StateField, PowerField and TimeField (zigbee2mqtt: names of attributes).
type Config struct {
	Preset string
	// Topic is the device's own: Tasmota's topic, Shelly's id or MQTT prefix,
	// zigbee2mqtt's friendly name.
	Topic string
	// Channel is the relay's number as the device counts: from 1 for Tasmota, from
	// 0 for Shelly. The zero value is the first or only one.
	Channel int

	StateTopic, PowerTopic, CommandTopic, AskTopic string
	// StateField, PowerField and TimeField are paths in a JSON payload, as in
	// "ENERGY.Power" or "meters.0.power"; "": the payload itself, and no time.
	// PowerField without PowerTopic is a field of StateTopic.
	StateField, PowerField, TimeField string
	// StateOn and StateOff are what means on and off, whatever the case; by default
	// ON or true, OFF or false.
	StateOn, StateOff          string
	CommandOn, CommandOff, Ask string // payloads; default ON, OFF, ""
	Meter                      bool   // free form: it has a meter; implied by PowerTopic and PowerField
}

// Error is what is wrong with one field of a Config: Preset, Topic and Channel are
// what Parse reads. Text continues the field's name, says what to write, names
// other fields by their names, and never holds a value: it could be a secret.
type Error struct{ Field, Text string }

func (e *Error) Error() string { return e.Field + " " + e.Text }

// Parse reads PRESET or PRESET:TOPIC. After the topic of a Tasmota or Shelly
// device #N may name its relay, as in "tasmota:strip#2". The error is an
// *Error.
func Parse(s string) (Config, error) {
	preset, topic, named := strings.Cut(s, ":")
	c := Config{Preset: preset}
	switch preset {
	case Tasmota, Shelly1, Shelly2, Zigbee2MQTT:
		if topic == "" {
			return Config{}, &Error{"Preset", fmt.Sprintf("is %s without its device; write which plug it is, as in %s:%s", preset, preset, sample(preset))}
		}
	case Relay, Free:
		if named {
			return Config{}, &Error{"Preset", fmt.Sprintf("is %s, which stands alone; write %s", preset, preset)}
		}
		return c, nil
	default:
		return Config{}, &Error{"Preset", kinds}
	}
	if name, number, ok := strings.Cut(topic, "#"); ok && preset != Zigbee2MQTT {
		n, err := strconv.ParseUint(number, 10, 8)
		if err != nil || preset == Tasmota && n == 0 {
			return Config{}, &Error{"Channel", fmt.Sprintf("isn't the relay's number, which stands after #, as in %s:%s#1", preset, sample(preset))}
		}
		topic, c.Channel = name, int(n)
	}
	c.Topic = topic
	return c, c.checkDevice()
}

func sample(preset string) string {
	switch preset {
	case Shelly1:
		return "shellyplug-s-AABBCC"
	case Shelly2:
		return "shellyplusplugs-aabbccddeeff"
	case Zigbee2MQTT:
		return "Garage plug"
	}
	return "garage_plug"
}

// checkDevice looks at what a preset needs to know of the device.
func (c Config) checkDevice() error {
	example := c.Preset + ":" + sample(c.Preset)
	if text := checkTopic(c.Topic); text != "" {
		return &Error{"Topic", text + "; write the device alone, as in " + example}
	}
	if c.Channel < 0 || c.Channel > maxChannel {
		return &Error{"Channel", fmt.Sprintf("names a relay that there isn't; they go to %d", maxChannel)}
	}
	first, rest, _ := strings.Cut(c.Topic, "/")
	switch {
	case c.Preset == Tasmota && (first == "cmnd" || first == "stat" || first == "tele"):
	case c.Preset == Shelly1 && first == "shellies":
	case c.Preset == Zigbee2MQTT && first == "zigbee2mqtt" && rest != "":
	default:
		return nil
	}
	return &Error{"Topic", fmt.Sprintf("is written without %s/, as in %s", first, example)}
}

// checkTopic says why a topic can't be used, if it can't.
func checkTopic(t string) string {
	switch {
	case t == "":
		return "is empty"
	case len(t) > maxTopic:
		return fmt.Sprintf("is a topic of more than %d bytes", maxTopic)
	case !utf8.ValidString(t) || strings.ContainsFunc(t, unicode.IsControl):
		return "isn't plain text"
	case strings.ContainsAny(t, "+#"):
		return "must not hold wildcards (+ and #)"
	case strings.HasPrefix(t, "/") || strings.HasSuffix(t, "/") || strings.TrimSpace(t) != t:
		return "begins or ends with a slash or a space"
	}
	return ""
}

// Told is what a report says of a relay.
type Told int

// NotTold is the zero value: the report doesn't say.
const (
	NotTold Told = iota
	On
	Off
)

func (t Told) String() string {
	switch t {
	case On:
		return "on"
	case Off:
		return "off"
	case NotTold:
	}
	return "not told"
}

func toldOf(on bool) Told {
	if on {
		return On
	}
	return Off
}

func (t Told) opposite() Told {
	switch t {
	case On:
		return Off
	case Off:
		return On
	case NotTold:
	}
	return NotTold
}

// Report is what one message says. What was readable is told beside an error
// about the rest.
type Report struct {
	Relay Told
	// Away: its last will, zigbee2mqtt's availability offline, or zigbee2mqtt itself
	// gone. Only this is told by retained messages as well.
	Away bool
	// Restarted: the plug, or zigbee2mqtt, has started or come back since the last
	// report, so that what it told before counts no more.
	Restarted bool
	Watts     float64 // at least 0, below 1e6
	Metered   bool    // Watts are told
	// Stamp is the time or counter of the measurement, as the device writes it. Two
	// of one plug that are equal are the same measurement. "": there is none.
	Stamp string
	// Answer: this can only be the answer to a question, if perhaps not to ours.
	Answer bool
	// ReturnsOn says how its relay stands when mains returns. As before counts by
	// what the relay was read as last.
	ReturnsOn Told
	Evidence  string // what was told, for people; may be empty
	Err       error  // says what was expected
}

// Message is one to be published, not retained.
type Message struct {
	Topic   string
	Payload []byte
}

// Plug is one plug. Read belongs to one goroutine; the other methods may be
// called from any.
type Plug struct {
	config Config
	device device   // nil: relay or free
	own    []string // the device's topics
	free   form
	memory memory
}

// device is what a preset knows.
type device interface {
	topics() []string
	// read takes a message of one of these topics.
	read(topic string, payload []byte, t *telling)
	ask() []Message
	askDefault() []Message
	set(on bool) []Message
}

// New checks c and returns its plug, of which nothing is known. base is the
// bridge's own base topic and recorder the recorder's name in it. What is wrong
// with c is an *Error.
func New(c Config, base, recorder string) (*Plug, error) {
	own := base + "/plug/" + recorder
	if checkTopic(own) != "" || recorder == "" {
		return nil, fmt.Errorf("plug of %q below %q: a base topic and the recorder's name are needed", recorder, base)
	}
	p := &Plug{config: c}
	switch c.Preset {
	case Tasmota:
		p.device = newTasmota(c)
	case Shelly1:
		p.device = newShelly1(c)
	case Shelly2:
		p.device = newShelly2(c, strings.ReplaceAll(base, "/", "-")+"-"+recorder)
	case Zigbee2MQTT:
		p.device = newZigbee(c)
	case Relay, Free:
	default:
		return nil, &Error{"Preset", kinds}
	}
	if p.device != nil {
		if err := c.checkDevice(); err != nil {
			return nil, err
		}
		p.own = p.device.topics()
	}
	if err := c.checkForm(); err != nil {
		return nil, err
	}
	p.free = newForm(c, own)
	return p, nil
}

// checkForm looks at the free form, and at what replaces parts of a preset.
func (c Config) checkForm() error {
	for _, t := range []struct{ name, topic string }{
		{"StateTopic", c.StateTopic}, {"PowerTopic", c.PowerTopic}, {"CommandTopic", c.CommandTopic}, {"AskTopic", c.AskTopic},
	} {
		if t.topic == "" {
			continue
		}
		if text := checkTopic(t.topic); text != "" {
			return &Error{t.name, text}
		}
	}
	relay, free, zigbee := c.Preset == Relay, c.Preset == Free, c.Preset == Zigbee2MQTT
	words := zigbee || c.Preset == Tasmota
	power := c.PowerTopic != "" || free && c.StateTopic != ""
	for _, r := range []struct {
		wrong       bool
		field, text string
	}{
		{free && c.StateTopic == "" && c.PowerTopic == "" && c.CommandTopic == "", "Preset", "is free, which needs StateTopic, PowerTopic or CommandTopic; set those that the plug has"},
		{(free || relay) && c.Topic != "", "Topic", "belongs to the other presets; remove it"},
		{relay && c.StateTopic != "", "StateTopic", "can't be set for relay, whose topics are fixed; remove it, or describe the plug as free"},
		{relay && c.PowerTopic != "", "PowerTopic", "can't be set for relay, whose topics are fixed; remove it, or describe the plug as free"},
		{c.StateField != "" && c.StateTopic == "" && !zigbee, "StateField", "needs StateTopic; set both, or remove it"},
		{c.StateOn != "" && c.StateTopic == "" && !words, "StateOn", "needs StateTopic; set both, or remove it"},
		{c.StateOff != "" && c.StateTopic == "" && !words, "StateOff", "needs StateTopic; set both, or remove it"},
		{c.PowerField != "" && !power && !zigbee, "PowerField", "needs PowerTopic; set both, or remove it"},
		{c.TimeField != "" && c.PowerField == "" && !zigbee, "TimeField", "needs PowerField, as a time stands beside a figure; set both, or remove it"},
		{c.TimeField == "last_seen", "TimeField", "is last_seen, which moves with each message of a device, not only with measurements; remove it"},
		{free && c.Meter && c.PowerTopic == "" && c.PowerField == "", "Meter", "needs PowerTopic or PowerField, where its power stands; set one, or remove it"},
		{c.CommandOn != "" && c.CommandTopic == "" && !words && c.Preset != Shelly1, "CommandOn", "needs CommandTopic; set both, or remove it"},
		{c.CommandOff != "" && c.CommandTopic == "" && !words && c.Preset != Shelly1, "CommandOff", "needs CommandTopic; set both, or remove it"},
		{c.Ask != "" && c.AskTopic == "", "Ask", "needs AskTopic; set both, or remove it"},
		{strings.EqualFold(or(c.StateOn, "ON"), or(c.StateOff, "OFF")), "StateOff", "is the same as StateOn; write what the plug says for each"},
		{or(c.CommandOn, "ON") == or(c.CommandOff, "OFF"), "CommandOff", "is the same as CommandOn; write what switches it on and what off"},
		{zigbee && c.CommandTopic == "" && strings.Contains(c.StateField, "."), "StateField", "must be the name of one attribute, as in state_l1"},
		{zigbee && c.AskTopic == "" && strings.Contains(c.PowerField, "."), "PowerField", "must be the name of one attribute, as in power_l1"},
	} {
		if r.wrong {
			return &Error{r.field, r.text}
		}
	}
	return nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Topics are what to subscribe to, without wildcards.
func (p *Plug) Topics() []string {
	topics := slices.Clone(p.own)
	for _, t := range []string{p.free.state, p.free.power} {
		if t != "" && !slices.Contains(topics, t) {
			topics = append(topics, t)
		}
	}
	return topics
}

// Tells says what can be expected of this kind of plug: that it tells its relay,
// that it may have a meter, that it can be asked for both, and that the bridge
// can switch it.
func (p *Plug) Tells() (relay, meter, askable, switches bool) {
	preset := p.device != nil
	return preset || p.free.state != "",
		preset || p.free.power != "",
		preset || p.config.AskTopic != "",
		preset || p.config.CommandTopic != ""
}

// AskNow asks for the meter and then for the relay; nothing if it can't be asked.
func (p *Plug) AskNow() []Message {
	switch {
	case p.config.AskTopic != "":
		return []Message{{p.config.AskTopic, []byte(p.config.Ask)}}
	case p.device != nil:
		return p.device.ask()
	}
	return nil
}

// AskDefault asks how its relay stands when mains returns; nothing if that can't
// be asked.
func (p *Plug) AskDefault() []Message {
	if p.device == nil {
		return nil
	}
	return p.device.askDefault()
}

// On switches it on; nothing if the bridge can't.
func (p *Plug) On() []Message { return p.set(true) }

// Off switches it off; nothing if the bridge can't.
func (p *Plug) Off() []Message { return p.set(false) }

func (p *Plug) set(on bool) []Message {
	switch {
	case p.config.CommandTopic != "":
		return []Message{{p.config.CommandTopic, []byte(p.config.command(on))}}
	case p.device != nil:
		return p.device.set(on)
	}
	return nil
}

// command is the payload that switches.
func (c Config) command(on bool) string {
	if on {
		return or(c.CommandOn, "ON")
	}
	return or(c.CommandOff, "OFF")
}
