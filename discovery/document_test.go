package discovery_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"hikbridge/discovery"
)

// wire is what the tests read of a document.
type wire struct {
	Device struct {
		IDs         []string   `json:"ids"`
		Connections [][]string `json:"cns"`
		Name        string     `json:"name"`
		Serial      string     `json:"sn"`
		Firmware    string     `json:"sw"`
		URL         string     `json:"cu"`
		Via         string     `json:"via_device"`
	} `json:"dev"`
	Availability []map[string]string `json:"avty"`
	Mode         string              `json:"avty_mode"`
	Components   map[string]struct {
		Platform     string              `json:"p"`
		UniqueID     string              `json:"uniq_id"`
		EntityID     string              `json:"def_ent_id"`
		Category     string              `json:"ent_cat"`
		Enabled      *bool               `json:"en"`
		State        string              `json:"stat_t"`
		Image        string              `json:"img_t"`
		Content      string              `json:"cont_type"`
		EventTypes   []string            `json:"evt_typ"`
		Attributes   string              `json:"json_attr_t"`
		Command      string              `json:"cmd_t"`
		Template     string              `json:"cmd_tpl"`
		OffDelay     int                 `json:"off_dly"`
		Availability []map[string]string `json:"avty"`
		QoS          int                 `json:"qos"`
	} `json:"cmps"`
}

func read(t *testing.T, d discovery.Document) wire {
	t.Helper()
	var w wire
	if err := json.Unmarshal(d.Payload, &w); err != nil {
		t.Fatalf("%s: %v", d.Topic, err)
	}
	return w
}

func TestDocumentsAreTheSameBytesEachTimeAndCompact(t *testing.T) {
	again := scenarios()
	for name, docs := range scenarios() {
		for i, d := range docs {
			if !bytes.Equal(d.Payload, again[name][i].Payload) {
				t.Errorf("%s: %s differs from itself", name, d.Topic)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, d.Payload); err != nil || !bytes.Equal(compact.Bytes(), d.Payload) {
				t.Errorf("%s: %s isn't compact", name, d.Topic)
			}
		}
	}
}

func TestSizesStayBelowWhatToolsShow(t *testing.T) {
	c := nvr().Cameras[0]
	c.Protocol = true
	c.Events = []string{"motion", "line_crossing", "intrusion", "region_entrance", "region_exit", "tamper", "video_loss", "scene_change",
		"unattended_baggage", "object_removed", "license_plate", "video_mismatch"}
	r := nvr()
	r.Disks, r.Cameras = nil, nil
	for i := range 2 {
		r.Disks = append(r.Disks, fullDisk(i+1))
	}
	for i := range 64 {
		c.ID = fmt.Sprint(i + 1)
		r.Cameras = append(r.Cameras, c)
	}
	docs := theBridge().RecorderDocuments(r)
	for _, d := range docs {
		if len(d.Payload) > 20000 {
			t.Errorf("%s has %d bytes", d.Topic, len(d.Payload))
		}
	}
	if len(docs) != 65 {
		t.Errorf("%d documents", len(docs))
	}

	// More of everything than a recorder has is still far from what brokers take.
	for i := range 64 {
		r.Disks = append(r.Disks, fullDisk(i+3))
		r.Events = append(r.Events, fmt.Sprintf("input_%d", i+1), fmt.Sprintf("virtual_input_%d", i+1))
	}
	if d := theBridge().RecorderDocuments(r)[0]; len(d.Payload) > 200_000 {
		t.Errorf("%s has %d bytes", d.Topic, len(d.Payload))
	}
}

func fullDisk(n int) discovery.Disk {
	return discovery.Disk{ID: fmt.Sprint(n), Used: true, Size: true, Temperature: true, SelfTest: true}
}

func TestParentsComeFirstAndAreNamedByTheirChildren(t *testing.T) {
	docs := append([]discovery.Document{theBridge().Document()}, theBridge().RecorderDocuments(nvr())...)
	known := map[string]bool{"": true}
	for _, d := range docs {
		w := read(t, d)
		if !known[w.Device.Via] {
			t.Errorf("%s comes before its parent %q", d.Topic, w.Device.Via)
		}
		known[w.Device.IDs[0]] = true
	}
	if len(docs) != 4 {
		t.Errorf("%d documents, want bridge, recorder and two cameras", len(docs))
	}
}

func TestEntitiesAndDocumentsTellTheSame(t *testing.T) {
	for name, r := range recorders() {
		docs := theBridge().RecorderDocuments(r)
		same(t, name, docs[0], theBridge().RecorderEntities(r))
		docs = docs[1:]
		for _, c := range r.Cameras {
			if entities := theBridge().CameraEntities(r, c); len(entities) > 0 {
				same(t, name, docs[0], entities)
				docs = docs[1:]
			}
		}
		if len(docs) > 0 {
			t.Errorf("%s: %d documents more than cameras with entities", name, len(docs))
		}
	}
	same(t, "bridge", theBridge().Document(), theBridge().Entities())
}

func same(t *testing.T, name string, d discovery.Document, entities []discovery.Entity) {
	t.Helper()
	w := read(t, d)
	if len(entities) != len(w.Components) {
		t.Errorf("%s: %d entities, %d components", name, len(entities), len(w.Components))
	}
	for _, e := range entities {
		c, ok := w.Components[e.Key]
		if !ok {
			t.Errorf("%s: %s is not in the document", name, e.Key)
			continue
		}
		available := c.Availability
		if available == nil {
			available = w.Availability
		}
		state, content := c.State, ""
		if e.Platform == discovery.Image && c.State == "" {
			state, content = c.Image, "image/jpeg"
		} else if c.Image != "" {
			t.Errorf("%s: %s is a picture of %s", name, e.Key, c.Image)
		}
		if c.Content != content || !slices.Equal(c.EventTypes, e.EventTypes) || (e.Platform == discovery.Event) != (len(e.EventTypes) > 0) {
			t.Errorf("%s: %s has types %q, %q", name, e.Key, c.Content, c.EventTypes)
		}
		stateful := e.Platform != discovery.Event && e.Platform != discovery.Image && e.Platform != discovery.Button
		if e.Retained != (stateful && e.OffDelay == 0) || c.OffDelay != e.OffDelay {
			t.Errorf("%s: retained is %v, off delay %d of %s", name, e.Retained, c.OffDelay, e.Key)
		}
		ordered := e.Platform == discovery.Button || e.Platform == discovery.Switch
		if (e.Platform == discovery.Button) == (e.StateTopic != "") || ordered != (e.CommandTopic != "") {
			t.Errorf("%s: %s has state %q and command %q", name, e.Key, e.StateTopic, e.CommandTopic)
		}
		var topics []string
		for _, a := range available {
			topics = append(topics, a["t"])
		}
		if c.Platform != string(e.Platform) || c.UniqueID != e.UniqueID || c.EntityID != e.EntityID || state != e.StateTopic ||
			c.Attributes != e.AttributesTopic || c.Command != e.CommandTopic || c.Category != string(e.Category) ||
			(c.Enabled == nil) != e.Enabled || c.QoS != 1 || w.Mode != "all" || !slices.Equal(topics, e.Availability) {
			t.Errorf("%s: %s is %+v in the document, %+v as entity", name, e.Key, c, e)
		}
	}
}

func TestOddTextIsBoundedAndCleaned(t *testing.T) {
	docs := theBridge().RecorderDocuments(odd())
	titles := []string{"Disk recorder recorder", `"quoted" \ {{ states }} 'x'`, "#", "前门 摄像头", "Camera 4", "", "Offline camera", "c camera",
		"two lines and a bidi mark \ufffd", "id", "Motion camera"}
	if len(docs) != len(titles) {
		t.Fatalf("%d documents, want %d", len(docs), len(titles))
	}
	for i, d := range docs {
		w := read(t, d)
		if titles[i] != "" && w.Device.Name != titles[i] {
			t.Errorf("title %q, want %q", w.Device.Name, titles[i])
		}
		if n := utf8.RuneCountInString(w.Device.Name); n > 150 || n == 0 {
			t.Errorf("title of %d characters", n)
		}
	}
	w := read(t, docs[0])
	if w.Device.Connections != nil || w.Device.URL != "http://192.0.2.10:8080/doc" || w.Device.Firmware != "V1 [31m" {
		t.Errorf("device is %+v", w.Device)
	}
	if bytes.Contains(docs[0].Payload, []byte("secret")) {
		t.Error("a credential stands in the document")
	}
	if w := read(t, docs[8]); w.Device.Serial != "" {
		t.Errorf("serial number %q: zeros tell nothing", w.Device.Serial)
	}
}

func TestWhatLinksToADevice(t *testing.T) {
	rows := []struct{ url, want string }{
		{"http://192.0.2.10", "http://192.0.2.10"},
		{"https://[2001:db8::1]:8443/doc/page", "https://[2001:db8::1]:8443/doc/page"},
		{" http://nvr_1.example.org ", "http://nvr_1.example.org"},
		{"http://user:secret@192.0.2.10/?a=b#c", "http://192.0.2.10/"},
		{"ftp://192.0.2.10", ""}, {"192.0.2.10", ""}, {"http://", ""}, {"http://:80", ""}, {"http://192.0.2.10:0", ""},
		{"http://192.0.2.10:99999", ""}, {"http://192.0.2.10:", ""}, {"http://[fe80::1%25eth0]", ""}, {"http://1.2.3.999", ""},
		{"http://a b", ""}, {"http://-a.example.org", ""}, {"http://a..b", ""}, {"javascript:alert(1)", ""}, {"", ""}, {"http://größe.example", ""},
	}
	for _, row := range rows {
		r := nvr()
		r.ConfigurationURL = row.url
		if w := read(t, theBridge().RecorderDocuments(r)[0]); w.Device.URL != row.want {
			t.Errorf("%q: %q, want %q", row.url, w.Device.URL, row.want)
		}
	}
}

func TestOnlyAValidMACIsAConnection(t *testing.T) {
	rows := []struct{ mac, want string }{
		{"E0-44-CF-0B-A7-98", "e0:44:cf:0b:a7:98"}, {"e0:44:cf:0b:a7:98", "e0:44:cf:0b:a7:98"},
		{"", ""}, {"00:00:00:00:00:00", ""}, {"ff:ff:ff:ff:ff:ff", ""}, {"e0:44:cf", ""}, {"02:00:5e:10:00:00:00:01", ""},
	}
	for _, row := range rows {
		r := nvr()
		r.MAC = row.mac
		got := ""
		if c := read(t, theBridge().RecorderDocuments(r)[0]).Device.Connections; len(c) == 1 && c[0][0] == "mac" {
			got = c[0][1]
		}
		if got != row.want {
			t.Errorf("%q: %q, want %q", row.mac, got, row.want)
		}
	}
}

func TestARecorderWithoutIdentityIsNotAnnounced(t *testing.T) {
	r := nvr()
	r.ID = ""
	if docs, entities := theBridge().RecorderDocuments(r), theBridge().RecorderEntities(r); docs != nil || entities != nil {
		t.Errorf("announced as %v with %v", docs, entities)
	}
}

func TestOwnedAreThisBridgesDocumentsOnly(t *testing.T) {
	b, other := theBridge(), discovery.Bridge{Topic: "hikbridge2"}
	for _, d := range append(b.RecorderDocuments(nvr()), b.Document()) {
		if !discovery.Owned(d.Payload, b) {
			t.Errorf("%s isn't owned by who made it", d.Topic)
		}
		if discovery.Owned(d.Payload, other) {
			t.Errorf("%s is owned by another bridge", d.Topic)
		}
	}
	foreign := []string{
		"", "null", "[]", "{", `{"o":{"name":"hikbridge"}}`,
		`{"o":{"name":"zigbee2mqtt"},"avty":[{"t":"hikbridge/bridge/availability"}]}`,
		`{"o":"hikbridge","avty":"hikbridge/bridge/availability"}`,
	}
	for _, payload := range foreign {
		if discovery.Owned([]byte(payload), b) {
			t.Errorf("%s is owned", payload)
		}
	}
	long := `{"origin":{"name":"hikbridge"},"availability":[{"topic":"hikbridge/bridge/availability"}]}`
	if !discovery.Owned([]byte(long), b) {
		t.Error("a document without abbreviations isn't owned")
	}
}

func TestRetiringComponents(t *testing.T) {
	b := theBridge()
	r := nvr()
	former := b.RecorderDocuments(r)[0]
	r.Disks, r.CPU = nil, false
	now := b.RecorderDocuments(r)[0]

	retiring, ok := now.Retiring(former.Payload)
	if !ok {
		t.Fatal("nothing to retire")
	}
	var doc struct {
		Components map[string]map[string]any `json:"cmps"`
	}
	if err := json.Unmarshal(retiring.Payload, &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"disk_1", "disk_1_used", "disk_1_size", "cpu"} {
		if c := doc.Components[key]; len(c) != 1 || c["p"] != "sensor" {
			t.Errorf("%s is %v, want a tombstone", key, c)
		}
	}
	if len(doc.Components) != len(read(t, former).Components) || len(doc.Components["status"]) < 2 {
		t.Errorf("components are %v", doc.Components)
	}
	if problems := discovery.Check(retiring.Topic, retiring.Payload); retiring.Topic != now.Topic || len(problems) > 0 {
		t.Errorf("%s: %v", retiring.Topic, problems)
	}
	for _, former := range []string{string(now.Payload), "", "nonsense", "{}", `{"cmps":{"x":1}}`} {
		if d, ok := now.Retiring([]byte(former)); ok {
			t.Errorf("after %.40q something is retired: %s", former, d.Payload)
		}
	}
	changed := `{"components":{"status":{"platform":"binary_sensor","unique_id":"x"}}}`
	if d, ok := now.Retiring([]byte(changed)); !ok || !strings.Contains(string(d.Payload), `"status":{"p":"binary_sensor"}`) {
		t.Errorf("a component on another platform isn't retired: %s", d.Payload)
	}
}

func TestRemovalIsAnEmptyPayload(t *testing.T) {
	d := theBridge().Document()
	if r := d.Removal(); r.Topic != d.Topic || len(r.Payload) != 0 {
		t.Errorf("%+v", r)
	}
}
