package nvrtest

import (
	"slices"
	"strings"
)

// linked is what has a linkage: an event type of a channel.
type linked struct {
	channel Channel // the zero value for types of the device itself
	kind    string  // in lower case
}

// SetLinkage changes what a trigger does: "center" (the event stream), "record",
// "beep" … in the order they are listed, or nothing. Events of the device itself
// (diskfull, illaccess, IO) have Channel{}. It also works for slots without a
// camera, and before a camera is added.
func (r *Recorder) SetLinkage(c Channel, eventType string, methods ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contents.linkages == nil {
		r.contents.linkages = map[linked][]string{}
	}
	r.contents.linkages[linked{c, strings.ToLower(eventType)}] = slices.Clone(methods)
}

// linkage is what a trigger does, by default what was found on the recorded
// devices most often.
func (d *contents) linkage(c Channel, kind string) []string {
	if methods, set := d.linkages[linked{c, strings.ToLower(kind)}]; set {
		return methods
	}
	switch kind {
	case "VMD":
		return []string{"record", "center"}
	case "tamperdetection", "videoloss", "linedetection", "fielddetection", "regionEntrance", "regionExiting",
		"diskfull", "diskerror", "nicbroken", "ipconflict", "illaccess", "badvideo", "recordingfailure":
		return []string{"center"}
	}
	return nil
}

// trigger is an entry of Event/triggers.
type trigger struct {
	id, kind    string
	description string
	channel     Channel // the zero value for none
	io          int     // inputIOPortID, 0 for none
}

// kindsOf are the events of a model's channels, in the order of the captures.
func kindsOf(m Model) []string {
	switch m {
	case NVR:
		return []string{"VMD", "tamperdetection", "videoloss", "fielddetection", "linedetection", "facedetection",
			"regionEntrance", "regionExiting", "objectsThrownDetection"}
	case OldNVR, DVR:
		return []string{"VMD", "tamperdetection", "videoloss", "fielddetection", "linedetection", "facedetection"}
	case Camera, DualCamera:
		return []string{"VMD", "tamperdetection", "linedetection", "fielddetection", "regionEntrance", "regionExiting"}
	case OldCamera:
		return []string{"VMD", "videoloss", "tamperdetection", "linedetection", "fielddetection", "facedetection"}
	}
	panic("nvrtest: unknown Model")
}

// ownKinds are the events of the device itself.
func ownKinds(m Model) []string {
	kinds := []string{"diskfull", "diskerror", "nicbroken", "ipconflict", "illaccess"}
	switch m {
	case NVR, OldNVR:
		return append(kinds, "recordingfailure")
	case DVR:
		return append(kinds, "badvideo", "recordingfailure")
	case Camera, DualCamera, OldCamera:
		return append(kinds, "badvideo")
	}
	panic("nvrtest: unknown Model")
}

// triggers lists all, by type as recorders do.
func (r *Recorder) triggers() []trigger {
	m := r.config.Model
	var all []trigger
	for n := range ioPorts(m) {
		all = append(all, trigger{id: "IO-" + number(n+1), kind: "IO", description: "IO Event", io: n + 1, channel: r.ownChannel()})
	}
	if m == NVR {
		for n := range 8 {
			all = append(all, trigger{id: "softIO-" + number(n+1), kind: "softIO", io: n + 1})
		}
	}
	for _, kind := range kindsOf(m) {
		for _, c := range r.triggering(kind) {
			all = append(all, trigger{id: triggerID(m, kind, c.id), kind: kind, description: triggerNoun(kind), channel: c})
		}
	}
	for _, kind := range ownKinds(m) {
		all = append(all, trigger{id: kind, kind: kind, description: "exception", channel: r.ownChannel()})
	}
	return all
}

// ioPorts is how many alarm inputs have triggers.
func ioPorts(m Model) int {
	switch m {
	case NVR, OldNVR:
		return 4
	case OldCamera:
		return 1
	case DVR, Camera, DualCamera:
	}
	return 0
}

// ownChannel is what stands in triggers of the device itself: channel 1 on
// cameras, nothing on recorders.
func (r *Recorder) ownChannel() Channel {
	if r.config.Model.recorder() {
		return Channel{}
	}
	return Input(1)
}

// triggering are the channels that have a kind of event: not those that never
// connected (DS-7608NXI-I2), except that an NVR tells of video loss for all its
// slots (the NVR that HikSink recorded); ONVIF cameras have nothing smart
// (DS-7732NI-M4).
func (r *Recorder) triggering(kind string) []Channel {
	var some []Channel
	if r.config.Model == NVR && kind == "videoloss" {
		for id := range r.contents.bays() {
			some = append(some, IP(id+1))
		}
		return some
	}
	for _, s := range append(r.contents.of(true), r.contents.of(false)...) {
		if s.neverConnected() || protocol(s) == "ONVIF" && kind != "VMD" && kind != "videoloss" {
			continue
		}
		some = append(some, s.channel)
	}
	return some
}

// neverConnected says whether an IP channel's camera was never there.
func (s slot) neverConnected() bool {
	return !s.channel.input && !s.Online && s.Model == "" && s.Serial == "" && s.Firmware == ""
}

// triggerID is the id that a model gives.
func triggerID(m Model, kind string, channel int) string {
	switch {
	case kind == "tamperdetection":
		return "tamper-" + number(channel)
	case kind == "objectsThrownDetection", m == OldCamera && kind == "facedetection":
		return kind // the same for all channels
	case m == OldCamera && kind == "linedetection":
		return "Linedetection-" + number(channel)
	}
	return kind + "-" + number(channel)
}

// triggerNoun is what cameras describe an event as.
func triggerNoun(kind string) string {
	switch kind {
	case "tamperdetection":
		return "shelteralarm Event"
	case "fielddetection":
		return "fielddetection Event"
	}
	return strings.ToUpper(kind[:1]) + kind[1:] + " Event"
}

// triggerList is the whole document. OldCamera has another element around it.
func (r *Recorder) triggerList() *element {
	t := r.traits
	list := t.root("EventTriggerList")
	for _, one := range r.triggers() {
		list.add(r.trigger(one))
	}
	if r.config.Model == OldCamera {
		return t.root("EventNotification", list)
	}
	return list
}

// oneTrigger is a single one's document, or nil.
func (r *Recorder) oneTrigger(id string) *element {
	for _, t := range r.triggers() {
		if t.id == id {
			return r.trigger(t).rooted(r.traits)
		}
	}
	return nil
}

// rooted gives an element version and namespace, if it has none.
func (e *element) rooted(t traits) *element {
	if len(e.attrs) > 0 {
		return e
	}
	return e.with("version", t.version).with("xmlns", t.namespace)
}

func (r *Recorder) trigger(t trigger) *element {
	camera := !r.config.Model.recorder()
	list := r.triggerInner(parent("EventTriggerNotificationList"))
	c := t.channel
	if c.input && ownKind(r.config.Model, t.kind) || t.kind == "IO" {
		c = Channel{} // its linkage is that of the device
	}
	for _, method := range r.contents.linkage(c, t.kind) {
		list.add(r.notification(method, t.channel))
	}
	return r.triggerInner(parent("EventTrigger", el("id", t.id), el("eventType", t.kind),
		when(camera, el("eventDescription", t.description+eventInformation(t)))).
		add(when(t.io != 0, el("inputIOPortID", number(t.io)))).
		add(r.triggerChannel(t.channel)...).
		add(list))
}

func ownKind(m Model, kind string) bool { return slices.Contains(ownKinds(m), kind) }

func eventInformation(t trigger) string {
	if t.description == "exception" {
		return " Information"
	}
	return " trigger Information"
}

// triggerInner has version and namespace of the captured inner elements: none on
// new devices, the other namespace on old recorders, the same on old cameras.
func (r *Recorder) triggerInner(e *element) *element {
	switch r.config.Model {
	case OldNVR, DVR:
		return e.with("version", "2.0").with("xmlns", nsISAPI)
	case OldCamera:
		return e.with("version", r.traits.version).with("xmlns", r.traits.namespace)
	case NVR, Camera, DualCamera:
	}
	return e
}

// triggerChannel names a channel: inputs of DVRs as videoInputChannelID, IP
// channels as dynVideoInputChannelID, on cameras both stand there.
func (r *Recorder) triggerChannel(c Channel) []*element {
	static, dynamic := el("videoInputChannelID", number(c.id)), el("dynVideoInputChannelID", number(c.id))
	switch {
	case c == Channel{}:
		return nil
	case !r.config.Model.recorder():
		return []*element{static, dynamic}
	case c.input:
		return []*element{static}
	}
	return []*element{dynamic}
}

func (r *Recorder) notification(method string, c Channel) *element {
	id, input := method, "videoInputID"
	if method == "record" && c != (Channel{}) {
		id = "record-" + number(c.id)
	}
	if !c.input {
		input = "dynVideoInputID"
	}
	return parent("EventTriggerNotification", el("id", id), el("notificationMethod", method),
		when(method == "record" && c != (Channel{}), el(input, number(c.id))),
		when(!r.config.Model.recorder(), el("notificationRecurrence", "beginning")))
}
