package discovery

import (
	"slices"
	"strings"
)

// Platform is a kind of entity, by Home Assistant's name.
type Platform string

// The platforms of the table.
const (
	BinarySensor Platform = "binary_sensor"
	Button       Platform = "button"
	Event        Platform = "event"
	Image        Platform = "image"
	Sensor       Platform = "sensor"
	Switch       Platform = "switch"
	Update       Platform = "update"
)

// Category says where Home Assistant shows an entity. The empty one is a primary
// entity, which stands on dashboards.
type Category string

// Home Assistant's categories.
const (
	Config     Category = "config"     // changes something, buttons only
	Diagnostic Category = "diagnostic" // tells of the device itself
)

// Entity is a row of the table for a certain device.
type Entity struct {
	// Key is the entity's name among those of its device.
	Key string
	// Name is what a person sees beside the device's title.
	Name     string
	Platform Platform
	Category Category
	// Class is Home Assistant's device class, Unit the unit of measurement. A
	// timestamp is published in RFC 3339, on and off as ON and OFF, a percentage
	// from 0 to 100; "None" makes any of them unknown.
	Class, Unit, StateClass, Icon string
	// Options are all values that an enum can have.
	Options []string
	// OffDelay, in seconds, is when Home Assistant turns a binary sensor off by
	// itself after an ON that isn't repeated; 0 means never.
	OffDelay int
	// EventTypes are all types that an event can have.
	EventTypes []string
	Enabled    bool

	// StateTopic carries what the entity shows:
	//   - of a sensor and a binary sensor the plain value;
	//   - of an event a JSON object whose event_type is one of EventTypes; all else
	//     in it becomes attributes. Home Assistant ignores retained ones;
	//   - of an image the bytes of a JPEG;
	//   - of an update, which is only shown and can't be installed, a JSON object
	//     of installed_version, latest_version and release_summary (≤ 255
	//     characters). What isn't known is left out: for a null or an unknown key
	//     the whole message is discarded.
	//
	// AttributesTopic carries a JSON object, retained. A button has neither, but a
	// CommandTopic. A switch has both a state, ON or OFF, and a CommandTopic.
	StateTopic, AttributesTopic, CommandTopic string
	// Retained says that the state is published retained: always, but for events,
	// images, and what has an OffDelay: of that only OFF is, as an ON that a broker
	// keeps would be shown by whoever connects later. A button has no state.
	Retained bool
	// Availability are the topics that must all say online.
	Availability []string

	// UniqueID is the identity for Home Assistant, EntityID the proposed id with
	// its domain.
	UniqueID, EntityID string
}

// device is where a group of rows lives.
type device struct {
	id       string // of the device, and before the key in unique ids
	entityID string // before the key in entity ids
	topic    string // above the key in topics
	command  string // above the action in command topics
	// needs are the topics of each kind of availability that the rows have.
	needs map[availability][]string
}

// Entities are the bridge's own.
func (b Bridge) Entities() []Entity { return b.bridgeDevice().entities(bridgeRows(b)) }

// RecorderEntities are those of a recorder without its cameras. None for a
// recorder that isn't identified.
func (b Bridge) RecorderEntities(r Recorder) []Entity {
	if bounded(r.ID) == "" {
		return nil
	}
	return b.recorderDevice(r).entities(recorderRows(r))
}

// CameraEntities are those of a recorder's camera.
func (b Bridge) CameraEntities(r Recorder, c Camera) []Entity {
	if bounded(r.ID) == "" || bounded(c.ID) == "" {
		return nil
	}
	return b.cameraDevice(r, c).entities(cameraRows(c))
}

func (b Bridge) bridgeDevice() device {
	return device{
		id: b.id(), entityID: slug(b.id()), topic: b.Base() + "/bridge", command: b.commands(SiteTarget),
		needs: map[availability][]string{bridgeAlone: {b.Availability()}, withDevice: {b.Availability()}},
	}
}

func (b Bridge) recorderDevice(r Recorder) device {
	return device{
		id: bounded(r.ID), entityID: slug(level(r.Name)), topic: b.RecorderTopic(r.Name), command: b.commands(r.Name),
		needs: map[availability][]string{
			bridgeAlone: {b.Availability()},
			whileIdle:   {b.Availability(), b.IdleAvailability(r.Name)},
			withDevice:  {b.Availability(), b.RecorderAvailability(r.Name)},
			withEvents:  {b.Availability(), b.RecorderAvailability(r.Name), b.EventsAvailability(r.Name)},
		},
	}
}

func (b Bridge) cameraDevice(r Recorder, c Camera) device {
	bridge, recorder, camera := b.Availability(), b.RecorderAvailability(r.Name), b.CameraAvailability(r.Name, c.ID)
	d := device{
		id: cameraID(r, c), entityID: slug(level(r.Name) + "_ch" + bounded(c.ID)),
		topic: b.CameraTopic(r.Name, c.ID), command: b.commands(r.Name) + "/ch/" + bounded(c.ID),
		needs: map[availability][]string{
			bridgeAlone: {bridge},
			withDevice:  {bridge, recorder},
			withEvents:  {bridge, recorder, b.EventsAvailability(r.Name)},
			withCamera:  {bridge, recorder, camera},
		},
	}
	if c.Gone {
		d.needs[withDevice] = append(d.needs[withDevice], camera)
		d.needs[withEvents] = append(d.needs[withEvents], camera)
	}
	return d
}

func cameraID(r Recorder, c Camera) string { return bounded(r.ID) + "_ch" + bounded(c.ID) }

// entities are the rows that can tell the truth. A key that comes twice, as two
// disks with one id would bring it, counts once.
func (d device) entities(rows []row) []Entity {
	seen := map[string]bool{}
	var out []Entity
	for _, r := range rows {
		if !r.told || seen[r.key] {
			continue
		}
		seen[r.key] = true
		out = append(out, d.entity(r))
	}
	return out
}

func (d device) entity(r row) Entity {
	e := Entity{
		Key: r.key, Name: r.name, Platform: r.platform, Category: r.category,
		Class: r.class, Unit: r.unit, StateClass: r.stateClass, Icon: r.icon,
		Options: r.options, OffDelay: r.offDelay, EventTypes: r.eventTypes, Enabled: !r.disabled, Availability: d.needs[r.available],
		UniqueID: d.id + "_" + r.key,
		EntityID: string(r.platform) + "." + slug(d.entityID+"_"+first(r.id, r.key)),
	}
	if r.action != "" {
		e.CommandTopic = d.command + "/" + r.action
	}
	if r.platform == Button {
		return e
	}
	e.StateTopic, e.Retained = d.topic+"/"+r.key, r.platform != Event && r.platform != Image && r.offDelay == 0
	if r.attributes {
		e.AttributesTopic = e.StateTopic + "/attributes"
	}
	return e
}

// distinct makes a device's title one that no name of its entities begins with:
// Home Assistant would cut it off the name. A camera that is called "Connection"
// becomes "Connection camera".
func distinct(title, kind string, entities []Entity) string {
	for slices.ContainsFunc(entities, func(e Entity) bool { return begins(e.Name, title) }) {
		title += " " + kind
	}
	return title
}

// begins says that a name begins with a title, whatever the case.
func begins(name, title string) bool {
	return strings.HasPrefix(strings.ToLower(name), strings.ToLower(title))
}
