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
	var going sync.WaitGroup
	defer going.Wait()
	going.Go(func() { liven(ctx, r) })
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
	var story sync.WaitGroup
	story.Go(func() { tellStory(ctx, t, garage, barn) })
	defer story.Wait()
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
		OffDelay: bridge.DefaultOffDelay, PictureInterval: bridge.DefaultPictureInterval,
		StateDir: state, Version: "demo", Log: log,
	}
}

// scene is one event of the story, some time after the one before.
type scene struct {
	after time.Duration
	text  string
	play  func()
}

// tellStory makes things happen, again and again. It returns when nothing of it
// goes on any more.
func tellStory(ctx context.Context, t *teller, garage, barn *nvrtest.Recorder) {
	var going sync.WaitGroup
	defer going.Wait()
	// lasts posts an event every second, as recorders do while it goes on.
	lasts := func(r *nvrtest.Recorder, seconds int, a nvrtest.Alert) {
		going.Go(func() { repeat(ctx, r, seconds, a) })
	}
	scenes := []scene{
		{8 * time.Second, "Somebody walks through the garden. The recorder repeats that each second and never says that it is over.",
			func() { lasts(garage, 6, nvrtest.Alert{Type: "VMD", Channel: 1}) }},
		{16 * time.Second, "A person crosses the line at the road, and the recorder sends a picture along.",
			func() {
				garage.Alert(nvrtest.Alert{Type: "linedetection", Channel: 3, Region: "1", Target: "human", Picture: nvrtest.JPEG()})
			}},
		{12 * time.Second, "Somebody covers a camera in the barn.",
			func() { lasts(barn, 8, nvrtest.Alert{Type: "shelteralarm", Channel: 2}) }},
		{18 * time.Second, "Somebody unplugs camera 2 in the garage: its video is lost, and the bridge looks at once why.",
			func() {
				garage.SetCamera(nvrtest.IP(2), false, "netUnreachable")
				lasts(garage, 40, nvrtest.Alert{Type: "videoloss", Channel: 2})
			}},
		{40 * time.Second, "It is plugged in again.", func() { garage.SetCamera(nvrtest.IP(2), true, "connect") }},
		{30 * time.Second, "The barn's recorder loses its network.", barn.Unplug},
		{50 * time.Second, "Its network is back.", barn.Plug},
		{40 * time.Second, "A disk of the garage's recorder fails. The recorder says so, and the bridge looks at the disks at once.",
			func() {
				garage.SetDiskStatus(1, "error")
				garage.Alert(nvrtest.Alert{Type: "diskerror"})
			}},
		{time.Minute, "The disk was replaced; disks are asked every five minutes.", func() { garage.SetDiskStatus(1, "ok") }},
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

// liven lets something happen before a recorder's cameras twice a minute.
func liven(ctx context.Context, r *nvrtest.Recorder) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(25 * time.Second):
		}
		repeat(ctx, r, 5, nvrtest.Alert{Type: "VMD", Channel: 1})
		r.Alert(nvrtest.Alert{Type: "linedetection", Channel: 3, Region: "1", Target: "human", Picture: nvrtest.JPEG()})
	}
}

// repeat posts an event for some seconds.
func repeat(ctx context.Context, r *nvrtest.Recorder, seconds int, a nvrtest.Alert) {
	for range seconds {
		r.Alert(a)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}
