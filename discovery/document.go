package discovery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Document is what Home Assistant is told of one device. It is published
// retained with quality of service 1. An empty payload takes the device away.
type Document struct {
	Topic   string
	Payload []byte
}

// origin is this program's name in every document.
const origin = "hikbridge"

// press is what a button publishes: an id that no other press has (two in one
// script share a context, so the time is part of it), the time in unix seconds,
// and the user, or "automation" where there is none.
const press = `{"id":"{{this.context.id}}-{{(now().timestamp()*1000)|int}}",` +
	`"at":{{now().timestamp()|int}},"by":"{{this.context.user_id or 'automation'}}"}`

// toggle is what a switch publishes: the same, and what it is to be.
var toggle = strings.TrimSuffix(press, "}") + `,"state":"{{value}}"}`

// The wire form uses Home Assistant's abbreviations, which keep a camera, and a
// recorder with 2 disks, below 20 KB: what MQTT Explorer shows of a message. Home
// Assistant and brokers take more. Keys that not every version knows stand in
// components only, where an unknown one is ignored; anywhere else it costs the
// document. Availability is always a list: the device's at the root, and in a
// component where it differs.
type wireDocument struct {
	Device       wireDevice               `json:"dev"`
	Origin       wireOrigin               `json:"o"`
	Availability []wireTopic              `json:"avty"`
	Mode         string                   `json:"avty_mode"`
	Components   map[string]wireComponent `json:"cmps"`
}

type wireDevice struct {
	Identifiers      []string    `json:"ids"`
	Connections      [][2]string `json:"cns,omitempty"`
	Name             string      `json:"name"`
	Manufacturer     string      `json:"mf,omitempty"`
	Model            string      `json:"mdl,omitempty"`
	Serial           string      `json:"sn,omitempty"`
	Firmware         string      `json:"sw,omitempty"`
	Hardware         string      `json:"hw,omitempty"`
	ConfigurationURL string      `json:"cu,omitempty"`
	Via              string      `json:"via_device,omitempty"`
}

type wireOrigin struct {
	Name    string `json:"name"`
	Version string `json:"sw,omitempty"`
	URL     string `json:"url,omitempty"`
}

type wireTopic struct {
	Topic string `json:"t"`
}

type wireComponent struct {
	Platform        Platform    `json:"p"`
	Name            string      `json:"name"`
	UniqueID        string      `json:"uniq_id"`
	EntityID        string      `json:"def_ent_id"`
	StateTopic      string      `json:"stat_t,omitempty"`
	ImageTopic      string      `json:"img_t,omitempty"`
	ContentType     string      `json:"cont_type,omitempty"`
	AttributesTopic string      `json:"json_attr_t,omitempty"`
	CommandTopic    string      `json:"cmd_t,omitempty"`
	CommandTemplate string      `json:"cmd_tpl,omitempty"`
	QoS             int         `json:"qos"`
	Class           string      `json:"dev_cla,omitempty"`
	Options         []string    `json:"ops,omitempty"`
	OffDelay        int         `json:"off_dly,omitempty"`
	EventTypes      []string    `json:"evt_typ,omitempty"`
	Unit            string      `json:"unit_of_meas,omitempty"`
	StateClass      string      `json:"stat_cla,omitempty"`
	Category        Category    `json:"ent_cat,omitempty"`
	Icon            string      `json:"ic,omitempty"`
	Enabled         *bool       `json:"en,omitempty"`
	Availability    []wireTopic `json:"avty,omitempty"`
}

// Document is that of the bridge's own device. It comes before all others,
// since they name it as what they are connected by.
func (b Bridge) Document() Document {
	entities := b.Entities()
	title := origin
	if b.Base() != defaultTopic {
		title = clean(origin + " " + b.Base())
	}
	return b.document(b.bridgeDevice(), entities, wireDevice{
		Name: distinct(title, "bridge", entities), Manufacturer: origin, Model: "Bridge",
		Firmware: clean(b.Version), ConfigurationURL: webAddress(b.URL),
	})
}

// RecorderDocuments are those of a recorder and its cameras, to be published in
// this order. None for a recorder without id; a camera has none before anything
// is told of it.
func (b Bridge) RecorderDocuments(r Recorder) []Document {
	entities := b.RecorderEntities(r)
	if len(entities) == 0 {
		return nil
	}
	docs := []Document{b.document(b.recorderDevice(r), entities, recorderOnWire(r, entities, b.id()))}
	for _, c := range r.Cameras {
		if entities := b.CameraEntities(r, c); len(entities) > 0 {
			docs = append(docs, b.document(b.cameraDevice(r, c), entities, cameraOnWire(r, c, entities)))
		}
	}
	return docs
}

func recorderOnWire(r Recorder, entities []Entity, via string) wireDevice {
	if via == bounded(r.ID) {
		via = "" // a topic that is also a serial number: a device isn't connected by itself
	}
	w := wireDevice{
		Name:         distinct(first(clean(r.Title), clean(r.Model), level(r.Name)), "recorder", entities),
		Manufacturer: clean(r.Manufacturer), Model: clean(r.Model), Serial: told(r.Serial),
		Firmware: clean(r.Firmware), Hardware: clean(r.Hardware),
		ConfigurationURL: webAddress(r.ConfigurationURL), Via: via,
	}
	if mac := hardware(r.MAC); mac != "" {
		w.Connections = [][2]string{{"mac", mac}}
	}
	return w
}

// cameraOnWire leaves out the camera's MAC address: recorders don't tell it.
func cameraOnWire(r Recorder, c Camera, entities []Entity) wireDevice {
	return wireDevice{
		Name:         distinct(first(clean(c.Title), clean("Camera "+c.ID)), "camera", entities),
		Manufacturer: clean(c.Manufacturer), Model: clean(c.Model), Serial: told(c.Serial),
		Firmware: clean(c.Firmware), Via: bounded(r.ID),
	}
}

func (b Bridge) document(d device, entities []Entity, w wireDevice) Document {
	w.Identifiers = []string{d.id}
	doc := wireDocument{
		Device:       w,
		Origin:       wireOrigin{Name: origin, Version: clean(b.Version), URL: webAddress(b.URL)},
		Availability: topics(d.needs[withDevice]), Mode: "all",
		Components: map[string]wireComponent{},
	}
	for _, e := range entities {
		doc.Components[e.Key] = e.onWire(d.needs[withDevice])
	}
	return Document{Topic: b.documentTopic(d.id), Payload: encode(doc)}
}

// onWire leaves out what the device's availability says already.
func (e Entity) onWire(inherited []string) wireComponent {
	w := wireComponent{
		Platform: e.Platform, Name: e.Name, UniqueID: e.UniqueID, EntityID: e.EntityID,
		StateTopic: e.StateTopic, AttributesTopic: e.AttributesTopic, CommandTopic: e.CommandTopic, QoS: 1,
		Class: e.Class, Options: e.Options, OffDelay: e.OffDelay, EventTypes: e.EventTypes, Unit: e.Unit, StateClass: e.StateClass,
		Category: e.Category, Icon: e.Icon,
	}
	if e.Platform == Image {
		w.StateTopic, w.ImageTopic, w.ContentType = "", e.StateTopic, "image/jpeg"
	}
	switch e.Platform {
	case Button:
		w.CommandTemplate = press
	case Switch:
		w.CommandTemplate = toggle
	}
	if !e.Enabled {
		w.Enabled = new(bool)
	}
	if !slices.Equal(e.Availability, inherited) {
		w.Availability = topics(e.Availability)
	}
	return w
}

func topics(list []string) []wireTopic {
	out := make([]wireTopic, 0, len(list))
	for _, t := range list {
		out = append(out, wireTopic{t})
	}
	return out
}

// encode gives the same bytes for the same document; maps are sorted.
func encode(v any) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("discovery: encode document: %v", err)) // strings, numbers and maps of them
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
