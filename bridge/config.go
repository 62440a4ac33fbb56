package bridge

import (
	"context"
	"log/slog"
	"net"
	"time"
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
	Dial     DialFunc
}

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
