package discovery_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"hikbridge/discovery"
)

// FuzzID: an id has a shape that every topic takes, is bounded, and stays what it
// is when it is made an id again.
func FuzzID(f *testing.F) {
	for _, r := range recorders() {
		f.Add(r.Serial, r.MAC, "48443331-3031-0000-0000-e044cf0ba798")
	}
	f.Add("", "", "")
	f.Add("0000000-0000", "00:00:00:00:00:00", "x")
	f.Add("Ω", " \xff", "\x00")
	shape := regexp.MustCompile(`^[a-z0-9-]{0,80}$`)
	f.Fuzz(func(t *testing.T, serial, mac, device string) {
		id := discovery.ID(serial, mac, device)
		if !shape.MatchString(id) {
			t.Errorf("id %q", id)
		}
		if again := discovery.ID(id, "", ""); again != id {
			t.Errorf("%q becomes %q", id, again)
		}
	})
}

// FuzzDocuments: whatever a device or a configuration says, Home Assistant takes
// the documents, and they are found to be this bridge's.
func FuzzDocuments(f *testing.F) {
	f.Add("hikbridge", "homeassistant", "garage", "DS-7608NXI-I2/8P/S0820230101CCRRJ12345678WCVU", "Garage", "1", "gate", "http://192.0.2.10", "V4.62.210 build 230619", "1", "motion,disk_full,input_1", uint32(0xffffffff))
	f.Add("", "", "", "(/)", "", "", "", "", "", "", "", uint32(0))
	f.Add("a/#", "+/\x00", "x/y", strings.Repeat("9", 300), "Status", "ip1", "Connection", "http://[::1%25eth0]:0", "\xff\xfe", "nas9", "connection,event,picture,availability,events", uint32(0x3ff))
	f.Add("//", "é", "CÖRNER", "A", "disk 1 used", "A B", "\u202e\u0000", "https://user:secret@x..y/", "{{ x }}", "", "disk_1,ch1_x,event_x, ,\xff,Motion", uint32(0x155))
	f.Add("~", "$", "-", "a", "İ", "ǅ", "K", "http://a:99999", "\u2028", "\ufdd0", "input_0,virtual_input_,foo_bar,FOO-BAR", uint32(0xaaaaaa))
	f.Fuzz(func(t *testing.T, topic, prefix, name, serial, title, channel, camera, url, firmware, disk, events string, told uint32) {
		types := strings.Split(events, ",")
		if len(topic)+len(prefix) > 1000 || len(types) > 100 {
			return // a configuration, not a device's words, and more than a device has
		}
		b := discovery.Bridge{Topic: topic, Prefix: prefix, Version: firmware, URL: url}
		on := func(bit int) bool { return told&(1<<bit) != 0 }
		r := discovery.Recorder{
			ID: serial, Name: name, Title: title, Manufacturer: camera, Model: title, Serial: serial, MAC: serial, Firmware: firmware,
			Hardware: firmware, ConfigurationURL: url, Uptime: on(0), CPU: on(1), Memory: on(2), Clock: on(3), CamerasOnline: on(4),
			Triggers: on(12), Storage: on(13), Recording: on(14), OldestRecording: on(15), Newest: on(16), Plug: on(11), Events: types,
			Disks: []discovery.Disk{{ID: disk, Used: on(5), Size: on(6), Temperature: on(17), SelfTest: on(18)}, {ID: disk, Name: title}, {ID: channel, Name: camera}},
			Cameras: []discovery.Camera{
				{ID: channel, Title: camera, Manufacturer: firmware, Model: title, Serial: serial, Firmware: firmware, Connection: on(7), Reason: on(8), Gone: on(9),
					Protocol: on(19), Recording: on(20), Picture: on(21), Events: types},
				{ID: "ip" + channel, Title: title, Connection: on(10), Reason: on(11), Picture: on(22)},
			},
		}
		again := b.RecorderDocuments(r)
		for i, d := range b.RecorderDocuments(r) {
			taken(t, b, d)
			if !bytes.Equal(d.Payload, again[i].Payload) {
				t.Errorf("%s differs from itself", d.Topic)
			}
		}
		taken(t, b, b.Document())
	})
}

func taken(t *testing.T, b discovery.Bridge, d discovery.Document) {
	t.Helper()
	for _, p := range discovery.Check(d.Topic, d.Payload) {
		t.Errorf("%s: %v\n%s", d.Topic, p, d.Payload)
	}
	if !discovery.Owned(d.Payload, b) {
		t.Errorf("%s isn't found to be its maker's", d.Topic)
	}
	if bytes.Contains(d.Payload, []byte(`:secret@`)) && bytes.Contains(d.Payload, []byte(`"cu":"http://user`)) {
		t.Errorf("%s has credentials: %s", d.Topic, d.Payload)
	}
}

// FuzzEventKey: a key is a topic level that no other entity of the device has, and
// words differ as their keys do.
func FuzzEventKey(f *testing.F) {
	for _, s := range []string{"motion", "input_1", "connection", "event_connection", "disk_1", "ch1_x", "Foo Bar", "", "\xff", "events"} {
		f.Add(s, s+"x")
	}
	other := map[string]bool{"": true}
	r := nvr()
	r.Events = nil
	for _, e := range append(theBridge().RecorderEntities(r), theBridge().CameraEntities(r, discovery.Camera{ID: "1", Protocol: true, Picture: true})...) {
		other[e.Key] = e.Key != discovery.KeyDiskError && e.Key != discovery.KeyRecordingFailure
	}
	shape := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	f.Fuzz(func(t *testing.T, a, b string) {
		key := discovery.EventKey(a)
		if key == "" {
			return
		}
		if !shape.MatchString(key) || len(key) > 90 || other[key] {
			t.Errorf("key %q", key)
		}
		if name := discovery.EventName(a); name == "" || len(name) > 90 {
			t.Errorf("name %q", name)
		}
		if shape.MatchString(a) && shape.MatchString(b) && len(a) <= 80 && len(b) <= 80 && (a == b) != (key == discovery.EventKey(b)) {
			t.Errorf("%q and %q have keys %q and %q", a, b, key, discovery.EventKey(b))
		}
	})
}

// FuzzCheck: the checker takes any bytes.
func FuzzCheck(f *testing.F) {
	f.Add(goodTopic, []byte(goodDocument))
	f.Add("", []byte(`{"dev":[],"o":1,"avty":{"t":[]},"cmps":{"":{"p":"number","uniq_id":{},"min":[]}}}`))
	f.Add(goodTopic, []byte(`{"components":{"x":{"platform":"sensor","unique_id":1,"options":{},"device_class":1,"state_class":{},"name":1}}}`))
	f.Add(goodTopic, []byte(`{"device":{"identifiers":{},"connections":[[]],"via_device":[],"name":{}},"availability":[1],"availability_mode":[]}`))
	for _, docs := range scenarios() {
		for _, d := range docs {
			f.Add(d.Topic, d.Payload)
		}
	}
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		for _, p := range discovery.Check(topic, payload) {
			if p.Text == "" || strings.Contains(p.String(), "Severity(") {
				t.Errorf("%+v", p)
			}
		}
		discovery.Owned(payload, theBridge())
		theBridge().Document().Retiring(payload)
	})
}
