package nvrtest

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Alert is one post on the event stream, written as the model does.
type Alert struct {
	// Type is the device's word: "VMD", "linedetection", "fielddetection",
	// "videoloss", "diskerror" … With "duration" Relation is the real one.
	Type, Relation string
	// Channel is its number, 0 where none is told. Port is inputIOPortID, 0 for
	// none.
	Channel, Port int
	// Inactive is an alert's end; most recorders never tell it.
	Inactive bool
	// Region is a region's id, Target "human" or "vehicle". Old recorders and
	// DVRs don't tell them.
	Region, Target string
	// Picture is a JPEG that follows the alert as a part of its own.
	Picture []byte
	// Time is dateTime as it stands; empty is the device's clock as the model
	// writes it.
	Time string
	// Retransmission marks an old alert that is sent again.
	Retransmission bool
	// Description is eventDescription; empty is what devices write.
	Description string
	// Document is a whole body instead of all that, ContentType its type
	// (application/xml if empty).
	Document    []byte
	ContentType string
}

// Alert sends an alert to all open streams, in the order of the calls. None is
// lost while a stream is open: it waits for a client that doesn't read once 4096
// alerts do, until there is room, or the stream or the recorder ends. It doesn't
// wait until the alert is sent.
func (r *Recorder) Alert(a Alert) {
	r.mu.Lock()
	r.noteLocked(a)
	late := r.streams.postLocked(func(s *stream) *message { return r.alert(s, a) })
	r.mu.Unlock()
	r.deliver(context.Background(), late)
}

// noteLocked keeps what goes on: no heartbeat comes meanwhile (all devices that
// were measured).
func (r *Recorder) noteLocked(a Alert) {
	if a.Document != nil {
		return
	}
	st := &r.streams
	if st.active == nil {
		st.active = map[activity]time.Time{}
	}
	kind, now := a.Type, time.Now()
	if a.Relation != "" {
		kind = a.Relation
	}
	for k, until := range st.active {
		if !now.Before(until) {
			delete(st.active, k)
		}
	}
	key := activity{strings.ToLower(kind), a.Channel, a.Port}
	if a.Inactive {
		delete(st.active, key)
		return
	}
	st.active[key] = now.Add(activeFor)
}

// alert writes an alert for a stream.
func (r *Recorder) alert(s *stream, a Alert) *message {
	if a.Document != nil {
		contentType := a.ContentType
		if contentType == "" {
			contentType = typeXML
		}
		return &message{parts: []part{{contentType, slices.Clone(a.Document)}}}
	}
	m := &message{parts: []part{{typeXML, r.alertDocument(a, s.count(r.config.Model, a.Type))}}}
	if a.Picture != nil {
		m.parts = append(m.parts, part{typeJPEG, slices.Clone(a.Picture)})
	}
	return m
}

// count is activePostCount: it counts the posts of a type over all channels since
// the client connected on recorders, those of all types on cameras
// (DS-2CD2185FWD-I).
func (s *stream) count(m Model, kind string) int {
	if !m.recorder() {
		kind = ""
	}
	s.counts[kind]++
	return s.counts[kind]
}

// heartbeat is what a device sends when nothing happens.
func (r *Recorder) heartbeat() *message {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.alertRoot()
	switch {
	case !r.config.Model.recorder():
		e.add(el("channelID", "1"))
	case r.config.HeartbeatWithoutChannel:
		e.add(el("dynChannelID", ""), el("channelID", ""))
	default:
		e.add(el("channelID", "0"))
	}
	e.add(el("dateTime", r.alertTime()), el("activePostCount", "0"), el("eventType", "videoloss"), el("eventState", "inactive"),
		el("eventDescription", "videoloss alarm"), when(r.namesChannels(), el("channelName", "")), r.extensions("IO", r.alertTime()))
	return &message{parts: []part{{typeXML, r.streamStyle().document(e)}}}
}

// alertDocument follows recorded alerts: DS-2CD2185FWD-I of cameras, the
// documents of an NVR with version 1.0 (5581 alerts, no region in any) for old
// recorders and DVRs, and newer NVRs with both forms of the channel's id.
func (r *Recorder) alertDocument(a Alert, count int) []byte {
	at := a.Time
	if at == "" {
		at = r.alertTime()
	}
	state := "active"
	if a.Inactive {
		state = "inactive"
	}
	e := r.alertRoot().add(r.alertChannel(a)...)
	e.add(when(a.Port != 0, el("inputIOPortID", number(a.Port))),
		el("dateTime", at), el("activePostCount", number(count)), el("eventType", a.Type), el("eventState", state),
		el("eventDescription", description(a)))
	if a.Relation != "" {
		e.add(parent("DurationList", parent("Duration", el("relationEvent", a.Relation))))
	}
	e.add(r.regions(a), when(r.namesChannels(), el("channelName", r.channelName(a.Channel))))
	if a.Picture != nil {
		e.add(el("detectionPictureTransType", "binary"), el("detectionPicturesNumber", "1"))
	}
	e.add(when(a.Picture != nil || a.Retransmission, el("isDataRetransmission", yesNo(a.Retransmission))), r.extensions(a.Type, at))
	return r.streamStyle().document(e)
}

// alertRoot is the beginning that all alerts of a model have. The addresses are
// the recorder's own, never the camera's.
func (r *Recorder) alertRoot() *element {
	protocol := "protocol"
	if r.config.Model.recorder() {
		protocol = "protocolType"
	}
	return r.traits.root("EventNotificationAlert", el("ipAddress", "192.0.2.64"), el("portNo", "80"), el(protocol, "HTTP"),
		el("macAddress", r.contents.mac))
}

func (r *Recorder) alertChannel(a Alert) []*element {
	if a.Channel == 0 {
		return nil
	}
	static, dynamic := el("channelID", number(a.Channel)), el("dynChannelID", number(a.Channel))
	switch r.config.Model {
	case NVR:
		return []*element{dynamic, static}
	case OldNVR, DVR:
		return []*element{dynamic}
	case Camera, DualCamera, OldCamera:
		return []*element{static}
	}
	panic("nvrtest: unknown Model")
}

// alertTime is the device's clock: without a zone on DVRs (a DVR in
// node-red-hikvision-ultimate issue 83), with the zone's hour unpadded on old
// cameras (V5.3.0).
func (r *Recorder) alertTime() string {
	at := r.deviceTime()
	digits, zone := at[:19], at[19:]
	switch r.config.Model {
	case DVR:
		return digits
	case OldCamera:
		if zone[1] == '0' {
			zone = zone[:1] + zone[2:]
		}
		return digits + zone
	case NVR, OldNVR, Camera, DualCamera:
	}
	return at
}

func description(a Alert) string {
	switch {
	case a.Description != "":
		return a.Description
	case a.Type == "VMD":
		return "Motion alarm"
	}
	return a.Type + " alarm"
}

// smart are the types that have regions.
func smart(kind string) bool {
	switch strings.ToLower(kind) {
	case "linedetection", "fielddetection", "regionentrance", "regionexiting":
		return true
	}
	return false
}

// regions are those of smart alerts: on NVRs an entry without content but for
// what Alert tells, on old ones none.
func (r *Recorder) regions(a Alert) *element {
	m := r.config.Model
	told := a.Region != "" || a.Target != ""
	if m == OldNVR || m == DVR || a.Inactive || a.Relation != "" || !told && !smart(a.Type) {
		return nil
	}
	region, sensitivity, x, y, width, height := a.Region, "50", "0.6", "0.215278", "0.135937", "0.505556"
	if m == NVR {
		sensitivity, x, y, width, height = "0", "0.000000", "0.000000", "0.000000", "0.000000"
	} else if region == "" {
		region = "1"
	}
	entry := parent("DetectionRegionEntry", el("regionID", region), el("sensitivityLevel", sensitivity))
	if m != NVR {
		entry.add(parent("RegionCoordinatesList",
			parent("RegionCoordinates", el("positionX", "424"), el("positionY", "642")),
			parent("RegionCoordinates", el("positionX", "161"), el("positionY", "610"))))
	}
	if a.Target != "" {
		entry.add(el("detectionTarget", a.Target))
	}
	if a.Target != "" || m == NVR {
		entry.add(parent("TargetRect", el("X", x), el("Y", y), el("width", width), el("height", height)))
	}
	return parent("DetectionRegionList", entry)
}

// namesChannels says whether alerts have channelName.
func (r *Recorder) namesChannels() bool { return r.config.Model != OldNVR && r.config.Model != DVR }

// channelName is "" in a replay, whose channels aren't known here.
func (r *Recorder) channelName(id int) string {
	if r.replay.documents != nil {
		return ""
	}
	c := Input(id)
	if r.config.Model.recorder() {
		c = IP(id)
	}
	if s := r.contents.find(c); s != nil {
		return s.Name
	}
	return ""
}

// extensions stand in the alerts of cameras.
func (r *Recorder) extensions(kind, at string) *element {
	if r.config.Model.recorder() {
		return nil
	}
	const inner = "urn:selfextension:psiaext-ver10-xsd"
	serial := r.contents.serial
	return parent("Extensions",
		el("serialNumber", serial).with("xmlns", inner),
		el("eventPush", kind+"&&"+serial+","+at+",1.0").with("xmlns", inner)).
		with("version", "1.0").with("xmlns", "urn:psialliance-org")
}

// streamStyle is the model's way of writing documents on the stream, where lines
// end otherwise than elsewhere: cameras CRLF, NVRs bare LF (recordings).
func (r *Recorder) streamStyle() style {
	s := r.style()
	s.newline = "\n"
	if r.config.Stream.CRLF || !r.config.Model.recorder() {
		s.newline = crlf
	}
	s.undeclared = r.config.Stream.NoDeclaration
	return s
}
