package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// clearTime is given to subscribers, twice, to take a removal in.
const clearTime = 400 * time.Millisecond

// openDoor lets everyone in and do everything.
type openDoor struct{ mochi.HookBase }

func (*openDoor) ID() string { return "open-door" }
func (*openDoor) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (*openDoor) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (*openDoor) OnACLCheck(*mochi.Client, string, bool) bool              { return true }

// broker is an MQTT broker inside the demo. Anyone may use it.
type broker struct{ server *mochi.Server }

func startBroker(l net.Listener) (*broker, error) {
	capabilities := mochi.NewDefaultServerCapabilities()
	capabilities.MaximumMessageExpiryInterval = 0 // retained messages are kept, instead of for a day
	server := mochi.New(&mochi.Options{
		InlineClient: true, Capabilities: capabilities,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err := server.AddHook(new(openDoor), nil); err != nil {
		return nil, fmt.Errorf("set the broker up: %w", err)
	}
	if err := server.AddListener(listeners.NewNet("demo", l)); err != nil {
		return nil, fmt.Errorf("set the broker up: %w", err)
	}
	if err := server.Serve(); err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	return &broker{server}, nil
}

// message is one publish that the demo looks at.
type message struct {
	topic   string
	payload []byte
}

// watch gives every message until ctx ends. The demo reads fast; what doesn't
// fit is only not told.
func (b *broker) watch(ctx context.Context) (<-chan message, error) {
	heard := make(chan message, 4096) // both recorders' announcements at once
	take := func(_ *mochi.Client, _ packets.Subscription, p packets.Packet) {
		select {
		case heard <- message{p.TopicName, p.Payload}:
		default:
		}
	}
	if err := b.server.Subscribe("#", 1, take); err != nil {
		return nil, fmt.Errorf("watch the broker: %w", err)
	}
	return heard, nil
}

// publish sends a message that isn't kept.
func (b *broker) publish(topic, payload string) error {
	if err := b.server.Publish(topic, []byte(payload), false, 0); err != nil {
		return fmt.Errorf("publish %s: %w", topic, err)
	}
	return nil
}

// clear removes every retained message, so that a Home Assistant that joined
// forgets the demo, and closes the broker. The documents go first: Home Assistant
// would complain about values that are empty.
func (b *broker) clear() {
	for _, documents := range []bool{true, false} {
		for _, p := range b.server.Topics.Messages("#") {
			if strings.HasSuffix(p.TopicName, "/config") == documents {
				b.server.Publish(p.TopicName, nil, true, 1)
			}
		}
		time.Sleep(clearTime)
	}
	b.server.Close()
}
