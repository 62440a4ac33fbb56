// Package discovery holds what Home Assistant must be told of the bridge, its
// recorders and their cameras: the table of all entities, their topics and ids,
// and the documents of MQTT discovery. It is pure: data in, bytes out.
//
// # Use
//
// A [Bridge] is made of configuration, a [Recorder] with its [Camera] elements
// of what is known of a device. From them come
//
//   - documents: [Bridge.Document], then [Bridge.RecorderDocuments], published
//     in this order, retained, and only when the bytes changed;
//   - entities: [Bridge.Entities], [Bridge.RecorderEntities] and
//     [Bridge.CameraEntities], the same rows with their topics, so that who
//     publishes values can go through them by [Entity.Key];
//   - topics that aren't an entity's: availability, results, commands.
//
// An entity exists when the input says that its value is told. The input says so
// for ever once it was told: leaving a component out of a later document doesn't
// remove it in Home Assistant. [Document.Retiring] and [Document.Removal] do.
//
// # Adding an entity
//
// Each entity is a row in table.go: key, name, platform and what differs from
// the usual (enabled, no category, as available as its device). Ids, topics,
// quality of service and the command template follow from the row. [Check],
// which knows nothing of the table, says what Home Assistant thinks of the
// result; the golden documents under testdata show it.
//
// # Events
//
// An event type is a binary sensor; those that say that something happened in
// front of a camera are also the types of its one event entity. The known types
// are a table of their own, in events.go. A word that isn't there is a sensor as
// well, called as it is and disabled; [EventKey] sees that it takes no other
// entity's place.
//
// # Ids
//
// Device and unique ids are made of serial number (else MAC address, else device
// id) and the channel's id, see [ID], never of names, addresses or topics.
// Entity ids are proposed from the configured name and the channel, so that
// dashboards and blueprints can rely on them in every language.
//
// # Text from devices
//
// Titles, models and versions are bounded and freed of control characters;
// addresses that Home Assistant would refuse are left out. Whatever a device
// says, the document is accepted.
package discovery

// Bridge is the device of the bridge itself, and what the topics of all others
// begin with. It is a value without state and may be used from any goroutine.
type Bridge struct {
	// Topic is the base of all topics, and made an id it is the bridge's own id.
	// Empty means "hikbridge".
	Topic string
	// Prefix is where Home Assistant looks for documents. Empty means
	// "homeassistant".
	Prefix string
	// Version is the bridge's own; it stands in every document's origin.
	Version string
	// URL is where a person finds help about the bridge; http or https.
	URL string
	// Mains says that something tells of mains, UPS that a UPS does.
	Mains, UPS bool
}

// Recorder is a device that is configured: a recorder, or a camera that is
// addressed like one.
type Recorder struct {
	// ID is what the ids in Home Assistant begin with; see the function [ID]. A
	// recorder without one has no document.
	ID string
	// Name is the configured name; it stands in topics and entity ids.
	Name string
	// Title is what a person calls it. Empty: the model, else the name.
	Title string

	// What isn't told is empty. Firmware is the device's, never the bridge's.
	Manufacturer, Model, Serial, MAC, Firmware, Hardware string
	// ConfigurationURL leads to the device's own pages. Credentials in it are
	// left out.
	ConfigurationURL string

	// What the device told at least once: its uptime, processor load in percent,
	// memory in percent (megabytes don't count), its clock, the state of any
	// camera, and whether any channel records.
	Uptime, CPU, Memory, Clock, CamerasOnline, Recording bool
	// Triggers: it listed which events it tells of, and to whom. Storage: it listed
	// its disks. OldestRecording: the time of any was told. Newest: it is known
	// which firmware is the newest for it.
	Triggers, Storage, OldestRecording, Newest bool
	// Plug: a plug is configured that the bridge can switch on.
	Plug bool
	// Events are the event types of the recorder itself that reach the bridge, by
	// its words; see [EventName].
	Events []string

	Disks   []Disk
	Cameras []Camera
}

// Disk is one disk or network share.
type Disk struct {
	// ID is unique on its recorder and stays: "1", or "nas9" for a share.
	ID string
	// Name is what it is called; empty means "Disk" and the id.
	Name string
	// Used, Size, Temperature, SelfTest: its filling, its size, its temperature,
	// and what its self-test said, were told at least once.
	Used, Size, Temperature, SelfTest bool
}

// Camera is a channel of a recorder.
type Camera struct {
	// ID is the channel's id as listed, or "ip" and it for an IP channel whose id
	// an analog input has already.
	ID string
	// Title is what a person calls it. Empty: "Camera" and the id.
	Title string

	Manufacturer, Model, Serial, Firmware string

	// Connection, Reason, Recording: whether it is online, why not, and whether it
	// is recorded, was told at least once. Protocol: the recorder told by which it
	// speaks to the camera. Picture: it gave a picture. A camera of which nothing
	// was told, and no event, has no document: Home Assistant makes no device
	// without entities.
	Connection, Reason, Recording, Protocol, Picture bool
	// Events are the event types of the camera that reach the bridge, by its words;
	// see [EventName].
	Events []string
	// Gone: it isn't in the recorder's list any more. Its entities stay, and are
	// unavailable as the camera's own availability says.
	Gone bool
}
