package main

import (
	"context"
	"sync"
	"time"

	"hikbridge/nvr/nvrtest"
)

// scene is one event of the story, some time after the one before.
type scene struct {
	after time.Duration
	text  string
	play  func()
}

// playScenes makes things happen, again and again. It returns when nothing of it
// goes on any more.
func playScenes(ctx context.Context, t *teller, garage, barn *nvrtest.Recorder) {
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
		{30 * time.Second, "The garage's recorder loses its network.", garage.Unplug},
		{50 * time.Second, "Its network is back.", garage.Plug},
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
