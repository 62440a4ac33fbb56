package bridge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"hikbridge/bridge/plug"
	"hikbridge/bridge/power"
	"hikbridge/bridge/ups"
)

// Secret is a password that can't be printed by accident: every way of
// formatting or encoding it gives "***". Reveal gives the text itself.
type Secret string

// Reveal returns the password itself; only the line that hands it to a
// protocol should call it.
func (s Secret) Reveal() string { return string(s) }

func (Secret) String() string               { return "***" }
func (Secret) GoString() string             { return "***" }
func (Secret) LogValue() slog.Value         { return slog.StringValue("***") }
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// DialFunc opens a connection; nil means net.Dialer. It is how the demo and
// tests put a simulated device at an address.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Config is everything that a bridge is told from outside. Values are valid
// already: cmd/hikbridge checks what a person wrote and names the variable.
type Config struct {
	Recorders []RecorderConfig
	Broker    BrokerConfig
	Mains     MainsConfig

	// Topic is the base of all topics, the MQTT client id and the bridge's own
	// id in Home Assistant.
	Topic string
	// DiscoveryPrefix is Home Assistant's, "homeassistant" as delivered.
	DiscoveryPrefix string
	// BirthTopic is where Home Assistant says "online" after its start.
	BirthTopic string
	// OffDelay ends an event that isn't repeated, 0 meaning DefaultOffDelay;
	// OffDelays does so for single types of events, by their keys ("motion").
	OffDelay  time.Duration
	OffDelays map[string]time.Duration
	// PictureInterval is how often an event brings a picture of one camera at
	// most; 0 takes pictures on command only.
	PictureInterval time.Duration
	// StateDir is an existing directory that belongs to this process alone.
	StateDir string
	// Version is shown in Home Assistant as the bridge's version.
	Version string
	// Log gets the diary; it must not be nil.
	Log *slog.Logger
}

func (c *Config) offDelay(kind string) time.Duration {
	if d, ok := c.OffDelays[kind]; ok {
		return d
	}
	if c.OffDelay > 0 {
		return c.OffDelay
	}
	return DefaultOffDelay
}

// RecorderConfig names one recorder, or a camera that is addressed like one.
type RecorderConfig struct {
	// Name stands in topics and entity ids: [a-z][a-z0-9-]{0,31}.
	Name string
	// URL is http(s)://host[:port] without user, path or query.
	URL      string
	Username string
	Password Secret
	// TLS is "verify", "pin", "insecure" or "legacy"; only read for https.
	TLS string
	// Fingerprint is the SHA-256 of the leaf certificate in hexadecimal, lower
	// case without colons; needed by "pin", optional with "legacy".
	Fingerprint string
	// Channels picks channels by their id as listed; empty means all.
	Channels []string
	// MaintenanceMonths is how long after its last full shutdown the recorder's
	// maintenance is due; 0: never.
	MaintenanceMonths int
	Power             PowerConfig
	Dial              DialFunc
	// Resolve gives the addresses of a name; nil means net.DefaultResolver. Who
	// brings a Dial brings it as well, if URL has a name.
	Resolve func(ctx context.Context, host string) ([]string, error)
}

// PowerConfig is what the owner decided about a recorder's power. The zero value
// is a recorder without a plug, and all timers at their defaults.
type PowerConfig struct {
	// Plug is the plug that feeds it, as plug.Parse reads it: tasmota:TOPIC,
	// shelly1:ID, shelly2:PREFIX, zigbee2mqtt:NAME, relay, free; empty means none.
	// PlugForm describes a free one, and replaces parts of the others.
	Plug     string
	PlugForm PlugForm
	// Cut is what the bridge may do with it: "never" (also empty) reads it and
	// switches it on, "proven" switches it off as well once the meter has proven
	// that the recorder is off or a person has confirmed it, "presumed" also after a
	// long silence, to bring it back.
	Cut string
	// Witness is a host that hangs on the recorder's own switch, with a port or
	// without; empty means none.
	Witness string
	// OffWatts lowers what the plug may read of a recorder that is off; 0 means as
	// learned, or 1 W.
	OffWatts float64
	Timers   Timers
	// PlainCommands lets commands without envelope do everything. AnyOutage lets an
	// outage shut it down without a passed drill.
	PlainCommands, AnyOutage bool
}

// Validate says what is wrong with timers and off-watts, whatever a drill may
// teach. What only a drill supports is accepted, and isn't used before it.
func (c PowerConfig) Validate() error {
	best := power.Learned{Passed: true, Gap: 10 * time.Second, OffWatts: 100} // no recorder restarts in less, or halts at more
	return power.Config{OffWatts: c.OffWatts, Timers: c.Timers}.Validate(best)
}

// PlugError is what is wrong with one field of a plug, by the names of PlugForm;
// Preset, Topic and Channel are parts of PowerConfig.Plug. Text continues the
// field's name, names others by theirs, and holds no value.
type PlugError = plug.Error

// PlugSwitch makes the plug and says what switches it off, as topic and payload:
// equal ones are one plug. It is empty without a plug and where the bridge can't
// switch it. What can't be a plug is a *PlugError.
func (c PowerConfig) PlugSwitch() ([]string, error) {
	p, err := c.plug(plugOfAny, plugOfAny) // a payload may name the recorder that asks
	if p == nil {
		return nil, err
	}
	var off []string
	for _, m := range p.Off() {
		off = append(off, m.Topic+" "+string(m.Payload))
	}
	return off, nil
}

// Timers are what an owner may change; a zero one has its default.
type Timers = power.Timers

// PlugForm is what a plug's topics and payloads are like; empty ones have the
// plug's own, or none. Fields are names in a JSON payload. Meter says that it
// tells its power.
type PlugForm struct {
	StateTopic, PowerTopic, CommandTopic, AskTopic string
	StateField, PowerField, TimeField              string
	StateOn, StateOff, CommandOn, CommandOff, Ask  string
	Meter                                          bool
}

// MainsConfig is what tells of mains, and when an outage shuts the recorders down.
// The zero value knows of no mains; zero times and numbers have their default.
type MainsConfig struct {
	// Topic is an MQTT topic whose payload is Present while mains is there and Lost
	// while it isn't; empty means none. Case doesn't matter, other payloads say nothing.
	Topic, Present, Lost string
	// Server is the host[:port] of a NUT server, UPS the name of the UPS there; empty
	// means none. Username and Password may be empty. Dial is as in RecorderConfig.
	Server, UPS string
	Username    string
	Password    Secret
	Dial        DialFunc
	// Command is the instant command that switches the UPS's output off once every
	// recorder is proven off in an outage, as in shutdown.return; empty means none. It
	// needs Username and Password.
	Command string
	// All takes mains for lost only if topic and UPS both say so.
	All       bool
	OnBattery time.Duration // that asks for a shutdown
	Deadline  time.Duration // on battery, from which nothing soft counts any more
	Charge    int           // percent, at which it asks
	Floor     int           // percent, from which recorders come back
	Parallel  int           // recorders at a time
}

// Validate says what is wrong with the UPS and its server.
func (c MainsConfig) Validate() error {
	_, err := c.client()
	return err
}

// client asks the UPS; nil if there is none.
func (c MainsConfig) client() (*ups.Client, error) {
	switch {
	case c.Command != "" && (c.UPS == "" || c.Username == ""):
		return nil, errors.New("a command to the UPS needs the UPS, user name and password")
	case c.UPS == "" && c.Server == "":
		return nil, nil
	}
	return ups.New(ups.Config{Address: c.Server, UPS: c.UPS, Username: c.Username, Password: c.Password.Reveal(), Dial: c.Dial})
}

// known says that something tells of mains.
func (c MainsConfig) known() bool { return c.Topic != "" || c.UPS != "" }

// BrokerConfig names the MQTT broker.
type BrokerConfig struct {
	// URL is mqtt, mqtts, ws or wss, with a port or the scheme's usual one.
	URL      string
	Username string
	Password Secret
	// CAFile, CertFile and KeyFile are paths of PEM files, or empty.
	CAFile, CertFile, KeyFile string
	Dial                      DialFunc
}

// DefaultName is the name of the only recorder when none was given.
const DefaultName = "nvr"

// ReservedNames can't be names of recorders: they stand at the same place in
// topics.
var ReservedNames = [...]string{"bridge", "command", "site", "plug"}
