package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"hikbridge/bridge"
	"hikbridge/nvr/nvrtest"
)

const (
	demoUser     = "demo"
	demoPassword = "demo-password"
)

// runRecorder serves one simulated recorder until ctx ends.
func runRecorder(ctx context.Context, address string, out io.Writer) error {
	l, err := open(address)
	if err != nil {
		return err
	}
	r := newGarage()
	defer r.Close()
	fmt.Fprintf(out, "A simulated recorder answers on http://%s, user %s, password %s.\n", l.Addr(), demoUser, demoPassword)
	context.AfterFunc(ctx, func() { r.Close() })
	if err := r.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("simulated recorder: %w", err)
	}
	return nil
}

func newGarage() *nvrtest.Recorder {
	return nvrtest.New(nvrtest.Config{Model: nvrtest.NVR, Name: "Garage", Username: demoUser, Password: demoPassword, Channels: 4})
}

func newBarn() *nvrtest.Recorder {
	return nvrtest.New(nvrtest.Config{Model: nvrtest.DVR, Name: "Barn", Username: demoUser, Password: demoPassword})
}

// runDemo runs broker, recorders, bridge and story until ctx ends.
func runDemo(ctx context.Context, listen string, out io.Writer) error {
	l, err := open(listen)
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
	garage, barn := newGarage(), newBarn()
	defer garage.Close()
	defer barn.Close()

	t := newTeller(out)
	heard, err := b.watch(ctx)
	if err != nil {
		return err
	}
	t.intro(l.Addr().(*net.TCPAddr))
	br, err := bridge.New(demoConfig(state, l.Addr().(*net.TCPAddr), garage, barn, slog.New(t)))
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() { stopped <- br.Run(ctx) }()
	go tellStory(ctx, t, garage, barn)
	t.tell(ctx, heard)
	err = <-stopped
	b.clear()
	t.line("", "Everything that was announced is removed. Goodbye.")
	return err
}

func demoConfig(state string, broker *net.TCPAddr, garage, barn *nvrtest.Recorder, log *slog.Logger) bridge.Config {
	recorder := func(name, address string, r *nvrtest.Recorder) bridge.RecorderConfig {
		return bridge.RecorderConfig{
			Name: name, URL: "http://" + address, Username: demoUser, Password: demoPassword, Dial: r.Dial,
		}
	}
	return bridge.Config{
		Recorders: []bridge.RecorderConfig{recorder("garage", "192.0.2.10", garage), recorder("barn", "192.0.2.11", barn)},
		Broker:    bridge.BrokerConfig{URL: fmt.Sprintf("mqtt://127.0.0.1:%d", broker.Port)},
		Topic:     "hikbridge", DiscoveryPrefix: "homeassistant", BirthTopic: "homeassistant/status",
		StateDir: state, Version: "demo", Log: log,
	}
}

// scene is one event of the story, some time after the one before.
type scene struct {
	after time.Duration
	text  string
	play  func()
}

// tellStory makes things happen, again and again.
func tellStory(ctx context.Context, t *teller, garage, barn *nvrtest.Recorder) {
	scenes := []scene{
		{10 * time.Second, "Somebody unplugs camera 2 in the garage. The bridge looks every 30 seconds …",
			func() { garage.SetCamera(nvrtest.IP(2), false, "netUnreachable") }},
		{45 * time.Second, "… and plugs it in again.", func() { garage.SetCamera(nvrtest.IP(2), true, "connect") }},
		{45 * time.Second, "The barn's recorder loses its network.", barn.Unplug},
		{50 * time.Second, "Its network is back.", barn.Plug},
		{40 * time.Second, "A disk of the garage's recorder fails; disks are asked every five minutes.",
			func() { garage.SetDiskStatus(1, "error") }},
		{6 * time.Minute, "The disk was replaced.", func() { garage.SetDiskStatus(1, "ok") }},
	}
	for {
		for _, s := range scenes {
			select {
			case <-ctx.Done():
				return
			case <-time.After(s.after):
				t.line("story", s.text)
				s.play()
			}
		}
	}
}
