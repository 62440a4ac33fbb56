package bridge_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

// pictures are the payloads on a camera's picture topic since a moment.
func (w *world) pictures(since time.Time, camera string) [][]byte {
	var all [][]byte
	for _, p := range w.broker.Log() {
		if !p.Sent && p.Packet == "PUBLISH" && p.Topic == "hikbridge/garage/ch/"+camera+"/picture" && !p.At.Before(since) {
			if p.Retain {
				w.t.Errorf("a picture is retained")
			}
			all = append(all, p.Payload)
		}
	}
	return all
}

func TestTheButtonTakesAPicture(t *testing.T) {
	for _, m := range []nvrtest.Model{nvrtest.NVR, nvrtest.OldNVR, nvrtest.DVR, nvrtest.Camera, nvrtest.DualCamera} {
		t.Run(m.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := eventWorld(t, nvrtest.Config{Model: m})
				jpeg := append([]byte{0xff, 0xd8, 0xff}, bytes.Repeat([]byte{7}, 50_000)...)
				channel := nvrtest.IP(1)
				if m != nvrtest.NVR && m != nvrtest.OldNVR {
					channel = nvrtest.Input(1)
				}
				r.SetPicture(channel, jpeg)
				began := time.Now()
				w.broker.Publish("hikbridge/command/garage/ch/1/take_picture", []byte("PRESS"), false)
				time.Sleep(2 * time.Second)
				if got := w.pictures(began, "1"); len(got) != 1 || !bytes.Equal(got[0], jpeg) {
					t.Errorf("%d pictures", len(got))
				}
				if got := w.results("garage"); got != "accepted done" {
					t.Errorf("results: %s", got)
				}
				w.checkTable()
			})
		})
	}
}

func TestAPictureThatCannotBeTakenIsToldWithTheReason(t *testing.T) {
	tests := []struct {
		name  string
		topic string
		harm  func(*nvrtest.Recorder)
		want  string
	}{
		{"no such camera", "ch/9", func(*nvrtest.Recorder) {}, "accepted failed:no_camera"},
		{"the camera is offline", "ch/1", func(r *nvrtest.Recorder) { r.SetCamera(nvrtest.IP(1), false, "netUnreachable") }, "accepted failed:no_picture"},
		{"busy", "ch/1", func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: "ContentMgmt/StreamingProxy", Status: 503, SubStatus: "deviceBusy"})
		}, "accepted failed:no_picture"},
		{"a page instead", "ch/1", func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: "ContentMgmt/StreamingProxy", Body: []byte("<html>no</html>")})
		}, "accepted failed:no_picture"},
		{"too large for brokers", "ch/1", func(r *nvrtest.Recorder) {
			r.SetPicture(nvrtest.IP(1), append([]byte{0xff, 0xd8, 0xff}, make([]byte, 3<<20)...))
		}, "accepted failed:no_picture"},
		{"the recorder is away", "ch/1", func(r *nvrtest.Recorder) { r.Unplug(); time.Sleep(2 * time.Minute) }, "accepted failed:not_ready"},
		{"no action of a camera", "ch/1/x", func(*nvrtest.Recorder) {}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := eventWorld(t, nvrtest.Config{})
				tt.harm(r)
				w.broker.Publish("hikbridge/command/garage/"+tt.topic+"/take_picture", []byte("PRESS"), false)
				time.Sleep(15 * time.Second)
				synctest.Wait()
				if got := w.results("garage"); got != tt.want {
					t.Errorf("results: %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestEventsBringPicturesNotTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 3}})
		w.config.PictureInterval = 30 * time.Second
		w.start()
		time.Sleep(time.Minute)
		r := w.recorders["garage"]
		began := time.Now()
		r.ResetCounters()
		for range 12 { // an event of each camera every 10 s, for 2 minutes
			for n := range 3 {
				r.Alert(nvrtest.Alert{Type: "VMD", Channel: n + 1})
			}
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		for _, camera := range []string{"1", "2", "3"} {
			if n := len(w.pictures(began, camera)); n != 4 {
				t.Errorf("%d pictures of camera %s in 2 minutes", n, camera)
			}
		}
		if n := r.MaxConcurrent(); n > 1 {
			t.Errorf("%d requests at a time", n)
		}
		var last time.Time
		for _, q := range r.Requests() {
			if strings.HasSuffix(q.Path, "/picture") {
				if gap := q.At.Sub(last); gap < 2*time.Second {
					t.Errorf("two pictures within %v", gap)
				}
				last = q.At
			}
		}
	})
}

func TestABusyRecorderIsSparedPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {Channels: 3}})
		w.config.PictureInterval = 5 * time.Second
		w.start()
		time.Sleep(time.Minute)
		r := w.recorders["garage"]
		r.Fail(nvrtest.Fault{Path: "ContentMgmt/StreamingProxy", Status: 503, SubStatus: "deviceBusy"})
		r.ResetCounters()
		for i := range 600 {
			r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1 + i%3, Inactive: i/3%2 == 1})
			time.Sleep(time.Second)
		}
		asked := 0
		for _, q := range r.Requests() {
			if strings.HasSuffix(q.Path, "/picture") {
				asked++
			}
		}
		if asked > 6 {
			t.Errorf("a busy recorder was asked for %d pictures in 10 minutes", asked)
		}
		w.expect("meanwhile", map[string]string{"hikbridge/garage/availability": "online"})
	})
}

func TestAPictureThatComesWithAnEventIsShownWithoutARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.config.PictureInterval = 30 * time.Second
		w.start()
		time.Sleep(time.Minute)
		r := w.recorders["garage"]
		r.ResetCounters()
		began := time.Now()
		jpeg := nvrtest.JPEG()
		r.Alert(nvrtest.Alert{Type: "linedetection", Channel: 2, Target: "human", Picture: jpeg})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := w.pictures(began, "2"); len(got) != 1 || !bytes.Equal(got[0], jpeg) {
			t.Errorf("pictures: %q", got)
		}
		for _, q := range r.Requests() {
			if strings.HasSuffix(q.Path, "/picture") {
				t.Errorf("asked for %s", q.Path)
			}
		}
	})
}

func TestCamerasWithoutPicturesHaveNoButtonForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": {}})
		w.recorders["garage"].Fail(nvrtest.Fault{Path: "ContentMgmt/StreamingProxy", Status: 403, SubStatus: "notSupport"})
		w.start()
		time.Sleep(time.Minute)
		for name, d := range w.documents() {
			for key := range d["cmps"].(map[string]any) {
				if key == "picture" || key == "take_picture" {
					t.Errorf("%s has %s", name, key)
				}
			}
		}
		w.checkTable()
	})
}

func TestPicturesInAFloodOfCommandsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Path: "ContentMgmt/StreamingProxy", Delay: 5 * time.Second})
		for i := range 300 {
			w.broker.Publish(fmt.Sprintf("hikbridge/command/garage/ch/%d/take_picture", 1+i%3), []byte("PRESS"), false)
			time.Sleep(110 * time.Millisecond)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		got := w.results("garage")
		accepted, ended := strings.Count(got, "accepted"), strings.Count(got, "done")+strings.Count(got, "failed")
		if accepted != ended || strings.Count(got, "failed:busy") == 0 {
			t.Errorf("%d accepted, %d outcomes, %d refused as too many", accepted, ended, strings.Count(got, "failed:busy"))
		}
	})
}

func TestPicturesThatWaitAreGivenUpWithTheRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := eventWorld(t, nvrtest.Config{})
		r.Fail(nvrtest.Fault{Path: "ContentMgmt/StreamingProxy", Delay: 8 * time.Second})
		for n := range 4 {
			w.broker.Publish(fmt.Sprintf("hikbridge/command/garage/ch/%d/take_picture", 1+n%3), []byte("PRESS"), false)
		}
		time.Sleep(time.Second)
		r.Unplug()
		time.Sleep(5 * time.Minute)
		if got := w.results("garage"); strings.Count(got, "accepted") != 4 || strings.Count(got, "failed") != 4 {
			t.Errorf("results: %s", got)
		}
		r.ClearFaults()
		r.Plug()
		began := time.Now()
		time.Sleep(5 * time.Minute)
		for _, camera := range []string{"1", "2", "3"} {
			if n := len(w.pictures(began, camera)); n != 0 {
				t.Errorf("%d pictures of camera %s after the return", n, camera)
			}
		}
	})
}
