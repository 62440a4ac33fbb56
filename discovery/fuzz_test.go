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
	f.Add("hikbridge", "homeassistant", "garage", "DS-7608NXI-I2/8P/S0820230101CCRRJ12345678WCVU", "Garage", "1", "gate", "http://192.0.2.10", "V4.62.210 build 230619", "1", uint16(0xffff))
	f.Add("", "", "", "(/)", "", "", "", "", "", "", uint16(0))
	f.Add("a/#", "+/\x00", "x/y", strings.Repeat("9", 300), "Status", "ip1", "Connection", "http://[::1%25eth0]:0", "\xff\xfe", "nas9", uint16(0x3ff))
	f.Add("//", "é", "CÖRNER", "A", "disk 1 used", "A B", "\u202e\u0000", "https://user:secret@x..y/", "{{ x }}", "", uint16(0x155))
	f.Add("~", "$", "-", "a", "İ", "ǅ", "K", "http://a:99999", "\u2028", "\ufdd0", uint16(0xaaa))
	f.Fuzz(func(t *testing.T, topic, prefix, name, serial, title, channel, camera, url, firmware, disk string, told uint16) {
		if len(topic)+len(prefix) > 1000 {
			return // a configuration, not a device's words
		}
		b := discovery.Bridge{Topic: topic, Prefix: prefix, Version: firmware, URL: url}
		on := func(bit int) bool { return told&(1<<bit) != 0 }
		r := discovery.Recorder{
			ID: serial, Name: name, Title: title, Manufacturer: camera, Model: title, Serial: serial, MAC: serial, Firmware: firmware,
			Hardware: firmware, ConfigurationURL: url, Uptime: on(0), CPU: on(1), Memory: on(2), Clock: on(3), CamerasOnline: on(4),
			Disks: []discovery.Disk{{ID: disk, Used: on(5), Size: on(6)}, {ID: disk, Name: title}, {ID: channel, Name: camera}},
			Cameras: []discovery.Camera{
				{ID: channel, Title: camera, Manufacturer: firmware, Model: title, Serial: serial, Firmware: firmware, Connection: on(7), Reason: on(8), Gone: on(9)},
				{ID: "ip" + channel, Title: title, Connection: on(10), Reason: on(11)},
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
