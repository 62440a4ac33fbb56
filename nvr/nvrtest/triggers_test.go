package nvrtest_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"hikbridge/nvr/nvrtest"
)

const triggers = "/ISAPI/Event/triggers"

// trigger is an entry as the tests read it.
type trigger struct {
	ID       string   `xml:"id"`
	Kind     string   `xml:"eventType"`
	Input    string   `xml:"videoInputChannelID"`
	Dynamic  string   `xml:"dynVideoInputChannelID"`
	Port     string   `xml:"inputIOPortID"`
	Methods  []string `xml:"EventTriggerNotificationList>EventTriggerNotification>notificationMethod"`
	Linkages []string `xml:"EventTriggerNotificationList>EventTriggerNotification>id"`
}

type triggerList struct {
	XMLName xml.Name
	Plain   []trigger `xml:"EventTrigger"`
	Inner   []trigger `xml:"EventTriggerList>EventTrigger"`
}

func readTriggers(t *testing.T, c *client) triggerList {
	t.Helper()
	var list triggerList
	r := c.get(triggers).want(t, 200)
	wellFormed(t, r)
	if err := xml.Unmarshal([]byte(r.body), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func (l triggerList) all() []trigger { return append(l.Plain, l.Inner...) }

// find gives the first trigger with that id.
func (l triggerList) find(id string) (trigger, bool) {
	i := slices.IndexFunc(l.all(), func(t trigger) bool { return t.ID == id })
	if i < 0 {
		return trigger{}, false
	}
	return l.all()[i], true
}

func TestTriggers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config nvrtest.Config
		root   string
		count  int
		want   map[string]string // by id: type input/dynamic/port methods
		lacks  []string
	}{
		{"an NVR, one camera of which never connected", nvrtest.Config{}, "EventTriggerList", 4 + 8 + 3*8 + 8 + 6,
			map[string]string{
				"IO-4": "IO //4 ", "softIO-8": "softIO //8 ", "VMD-3": "VMD /3/ record,center", "tamper-1": "tamperdetection /1/ center",
				"videoloss-1": "videoloss /1/ center", "videoloss-4": "videoloss /4/ center", "videoloss-8": "videoloss /8/ center",
				"linedetection-2": "linedetection /2/ center", "fielddetection-2": "fielddetection /2/ center",
				"regionEntrance-1": "regionEntrance /1/ center", "regionExiting-1": "regionExiting /1/ center",
				"facedetection-1": "facedetection /1/ ", "objectsThrownDetection": "objectsThrownDetection /1/ ",
				"diskfull": "diskfull // center", "recordingfailure": "recordingfailure // center",
			}, []string{"VMD-4", "tamper-4", "videoloss-9", "objectsThrownDetection-1"}},
		{"a large NVR", nvrtest.Config{Channels: 20}, "EventTriggerList", 4 + 8 + 20*8 + 32 + 6,
			map[string]string{"videoloss-32": "videoloss /32/ center"}, []string{"videoloss-33"}},
		{"an old NVR", nvrtest.Config{Model: nvrtest.OldNVR}, "EventTriggerList", 4 + 9*6 + 6,
			map[string]string{"VMD-9": "VMD /9/ record,center", "diskerror": "diskerror // center"},
			[]string{"videoloss-10", "regionEntrance-1", "objectsThrownDetection", "softIO-1"}},
		{"a hybrid", nvrtest.Config{Model: nvrtest.DVR, Channels: 4, IPChannels: 2, FirstIPChannel: 33}, "EventTriggerList", 6*6 + 7,
			map[string]string{"VMD-4": "VMD 4// record,center", "VMD-33": "VMD /33/ record,center", "badvideo": "badvideo // center"},
			[]string{"IO-1", "VMD-5"}},
		{"a camera", nvrtest.Config{Model: nvrtest.Camera}, "EventTriggerList", 6 + 6,
			map[string]string{"VMD-1": "VMD 1/1/ record,center", "tamper-1": "tamperdetection 1/1/ center", "illaccess": "illaccess 1/1/ center"},
			[]string{"videoloss-1", "IO-1"}},
		{"a camera with two lenses", nvrtest.Config{Model: nvrtest.DualCamera}, "EventTriggerList", 2*6 + 6,
			map[string]string{"VMD-2": "VMD 2/2/ record,center", "diskfull": "diskfull 1/1/ center"}, nil},
		{"an old camera", nvrtest.Config{Model: nvrtest.OldCamera}, "EventNotification", 1 + 6 + 6,
			map[string]string{"IO-1": "IO 1/1/1 ", "Linedetection-1": "linedetection 1/1/ center", "facedetection": "facedetection 1/1/ "},
			[]string{"linedetection-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c := newRecorder(t, tt.config)
				list := readTriggers(t, c)
				if list.XMLName.Local != tt.root || len(list.all()) != tt.count {
					t.Errorf("root %s with %d entries, want %s with %d", list.XMLName.Local, len(list.all()), tt.root, tt.count)
				}
				for id, want := range tt.want {
					e, _ := list.find(id)
					if got := e.Kind + " " + e.Input + "/" + e.Dynamic + "/" + e.Port + " " + strings.Join(e.Methods, ","); got != want {
						t.Errorf("%s is %q, want %q", id, got, want)
					}
				}
				for _, id := range tt.lacks {
					if _, found := list.find(id); found {
						t.Errorf("%s is listed", id)
					}
				}
			})
		})
	}
}

func TestSetLinkage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.SetLinkage(nvrtest.IP(2), "VMD", "beep", "record")
		r.SetLinkage(nvrtest.IP(7), "VideoLoss")
		r.SetLinkage(nvrtest.IP(3), "objectsThrownDetection", "center")
		r.SetLinkage(nvrtest.Channel{}, "diskfull")
		r.SetLinkage(nvrtest.Channel{}, "IO", "center")
		list := readTriggers(t, c)
		for id, want := range map[string]string{"VMD-1": "record-1,center", "VMD-2": "beep,record-2", "videoloss-7": "", "videoloss-6": "center", "diskfull": "", "IO-3": "center"} {
			if e, _ := list.find(id); strings.Join(e.Linkages, ",") != want {
				t.Errorf("%s is linked with %q, want %q", id, e.Linkages, want)
			}
		}
		var thrown []string
		for _, e := range list.all() {
			if e.ID == "objectsThrownDetection" {
				thrown = append(thrown, e.Dynamic+strings.Join(e.Methods, ","))
			}
		}
		same(t, "objects thrown", thrown, []string{"1", "2", "3center"})

		camera, cc := newRecorder(t, nvrtest.Config{Model: nvrtest.Camera})
		camera.SetLinkage(nvrtest.Channel{}, "diskfull")
		camera.SetLinkage(nvrtest.Input(1), "VMD", "record")
		list = readTriggers(t, cc)
		for id, want := range map[string]string{"VMD-1": "record-1", "diskfull": "", "diskerror": "center"} {
			if e, _ := list.find(id); strings.Join(e.Linkages, ",") != want {
				t.Errorf("the camera's %s is linked with %q, want %q", id, e.Linkages, want)
			}
		}
		cc.get(triggers).says(t, "<eventDescription>VMD Event trigger Information<", "<notificationRecurrence>beginning<",
			"<eventDescription>exception Information<", "<eventDescription>shelteralarm Event trigger Information<")
	})
}

func TestTriggersFollowTheCameras(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		r.AddCamera(nvrtest.IP(4), nvrtest.Attached{Name: "gate", Protocol: "ONVIF", Model: "X", Online: true})
		list := readTriggers(t, c)
		for id, want := range map[string]bool{"VMD-4": true, "tamper-4": false, "linedetection-4": false} {
			if _, found := list.find(id); found != want {
				t.Errorf("an ONVIF camera has %s: %v", id, found)
			}
		}
		r.SetCamera(nvrtest.IP(1), false, "netUnreachable") // it has connected before
		if _, found := readTriggers(t, c).find("VMD-1"); !found {
			t.Error("an offline camera lost its triggers")
		}
	})
}

func TestASingleTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newRecorder(t, nvrtest.Config{})
		c.get(triggers+"/VMD-2").want(t, 200).says(t, `<EventTrigger version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">`, "<id>VMD-2<").lacks(t, "VMD-1")
		c.get(triggers+"/VMD-4").want(t, 503)
		c.get(triggers+"/scenechangedetection-1").want(t, 503)
		_, camera := newRecorder(t, nvrtest.Config{Model: nvrtest.Camera})
		camera.get(triggers+"/VMD-1").want(t, 200)
		camera.get(triggers+"/VMD-2").want(t, 404)
	})
}

// What a model lists is what the recorded device of that kind lists, in the same
// form.
func TestTriggersAsRecorded(t *testing.T) {
	for file, model := range map[string]nvrtest.Model{
		"DS-7608NXI-I2.json": nvrtest.NVR, "DS-7616NI-Q2.json": nvrtest.OldNVR, "iDS-7208HQHI-M1.json": nvrtest.DVR,
		"DS-2CD2386G2-IU.json": nvrtest.Camera, "DS-2CD2532F-IWS.json": nvrtest.OldCamera,
	} {
		t.Run(model.String(), func(t *testing.T) {
			f, err := os.Open(filepath.Join("../../../shared/recordings/devices", file))
			if err != nil {
				t.Skip("no recordings here")
			}
			defer f.Close()
			synctest.Test(t, func(t *testing.T) {
				real, err := nvrtest.Replay(f, nvrtest.Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer real.Close()
				_, c := newRecorder(t, nvrtest.Config{Model: model})
				want, got := readTriggers(t, newClient(t, real.Dial)), readTriggers(t, c)
				if got.XMLName != want.XMLName {
					t.Errorf("root %v, recorded %v", got.XMLName, want.XMLName)
				}
				for _, e := range got.all() {
					w, found := want.find(e.ID)
					if !found {
						if e.Kind != "videoloss" && e.Kind != "facedetection" {
							t.Errorf("%s isn't in the recording", e.ID)
						}
						continue
					}
					if e.ID != "objectsThrownDetection" && (e.Kind != w.Kind || e.Input != w.Input || e.Dynamic != w.Dynamic || e.Port != w.Port) {
						t.Errorf("%+v, recorded %+v", e, w)
					}
				}
			})
		})
	}
}
