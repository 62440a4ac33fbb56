package bridge

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"hikbridge/discovery"
	"hikbridge/mqtt"
	"hikbridge/nvr"
)

// DefaultOffDelay ends an event that isn't repeated. Recorders repeat motion
// every second or two (of 2508 gaps on an NVR 99.5 % were at most 5 s).
const DefaultOffDelay = 5 * time.Second

// KnownEvent says whether there is such a type of event: a key as in topics.
func KnownEvent(kind string) bool { return discovery.KnownEvent(kind) }

// detection is what the event entity of a camera tells.
type detection struct {
	Type   string `json:"event_type"`
	Target string `json:"target,omitempty"`
	Region string `json:"region,omitempty"`
	// Time is the device's own, as it writes it.
	Time string `json:"device_time,omitempty"`
}

// alert takes a message of the event stream. Only what it changes is published,
// at once; full says that there is more to do, as something is known for the
// first time.
func (r *recorder) alert(a nvr.Alert) (full bool) {
	now := time.Now()
	if full = now.Sub(r.stream.told) >= messageEvery; full {
		r.stream.told = now
	}
	if a.Old {
		r.stream.old++
	}
	if a.Old || r.known == nil {
		return full
	}
	at, ok := r.place(a)
	switch {
	case !ok:
		return full
	case r.alerts.silent(now): // nothing of it is told later either
		return r.lookAfter(at.kind, now) || full
	case a.Picture != nil:
		r.keepPicture(at.camera, a.Picture, now)
		return full
	case !a.Active:
		return r.latches.end(at) && r.show(at, false, now) || full
	}
	began, news := r.latches.take(at, now.Add(r.site.cfg.offDelay(at.kind)), a.Target)
	if began {
		full = r.show(at, true, now) || full
	}
	if began || news {
		full = r.detected(at, a, now) || full
	}
	return full
}

// place finds the sensor of an alert. ok is false for signs of life, and for
// channels that aren't there or weren't picked.
func (r *recorder) place(a nvr.Alert) (at ref, ok bool) {
	at.kind = eventKind(a.Type, a.Port)
	if a.Device {
		return at, true
	}
	c := r.known.resolve(a.Channel)
	if c == nil || a.Type == "" || a.Heartbeat && a.Type != nvr.VideoLoss || !r.selected(c.ID) {
		return at, false
	}
	at.camera = c.ID
	return at, true
}

// eventKind is an event type with the input it is of.
func eventKind(t nvr.EventType, port string) string {
	if (t == nvr.AlarmInput || t == nvr.VirtualInput) && port != "" {
		return string(t) + "_" + strings.ToLower(port)
	}
	return string(t)
}

// resolve finds the channel that a number in an alert, a trigger or a working
// status means. It is the channel's id as listed, or on recorders with 33 and up
// for IP channels counted from there: DS-7608NXI pushes 34 for 2, and on hybrids
// the first IP channel follows the inputs or begins at 1, as its ids do. Without
// a number the only channel is meant.
func (m *remembered) resolve(number string) *rememberedChannel {
	input, ip := m.channel(number, true), m.channel(number, false)
	switch {
	case input != nil:
		return input
	case ip != nil:
		return ip
	}
	n, err := strconv.Atoi(number)
	if err == nil && n > firstDigital && m.Recorder {
		return m.channel(strconv.Itoa(n-firstDigital+m.ipOffset()), false)
	}
	if (number == "" || n == 0) && len(m.Channels) == 1 {
		return &m.Channels[0]
	}
	return nil
}

// firstDigital is what numbers of IP channels are counted from.
const firstDigital = 32

// ipOffset is what ids of IP channels begin after: the inputs, where all of them
// are higher.
func (m *remembered) ipOffset() int {
	inputs := 0
	for _, c := range m.Channels {
		if c.Input {
			inputs++
		}
	}
	for _, c := range m.Channels {
		if n, err := strconv.Atoi(c.Listed); !c.Input && (err != nil || n <= inputs) {
			return 0
		}
	}
	return inputs
}

// noteEvent remembers that events of a type reach the bridge, so that their
// sensor exists from now on.
func (r *recorder) noteEvent(at ref) {
	events := &r.known.Events
	if at.camera != "" {
		events = &r.known.byID(at.camera).Events
	}
	if slices.Contains(*events, at.kind) || len(*events) >= maxEvents {
		return
	}
	*events = append(*events, at.kind)
	slices.Sort(*events)
}

// maxEvents bounds the event types of one camera or recorder.
const maxEvents = 64

// show publishes the state of an event sensor. full says that there is more to do
// than that: the sensor is new, or has other sources, too, or something is asked.
func (r *recorder) show(at ref, on bool, now time.Time) (full bool) {
	full = r.lookAfter(at.kind, now)
	topic, ok := r.shown.events[at]
	if ok {
		r.put(mqtt.State, topic, onOff(on))
		return full
	}
	r.noteEvent(at)
	return true
}

// detected tells the camera's event entity; full says that a picture is to be
// taken.
func (r *recorder) detected(at ref, a nvr.Alert, now time.Time) (full bool) {
	d, ok := r.shown.detections[at.camera]
	if !ok || !slices.Contains(d.EventTypes, at.kind) {
		return false
	}
	payload, err := json.Marshal(detection{Type: at.kind, Target: a.Target, Region: a.Region, Time: a.Time})
	if err != nil {
		panic("bridge: encode detection: " + err.Error())
	}
	r.site.mqtt.Publish(mqtt.Message{Class: mqtt.Event, Topic: d.StateTopic, Payload: payload})
	return !a.Pictured && r.wantPicture(at.camera, now)
}

// expire ends events that weren't repeated. full says that there is more to
// publish than that, or that there were none.
func (r *recorder) expire(now time.Time) (full bool) {
	over := r.latches.expired(now)
	full = len(over) == 0
	for _, at := range over {
		full = r.show(at, false, now) || full
	}
	return full
}

// lookAfter lets be asked at once what an alarm says has changed; it says whether
// that is anything.
func (r *recorder) lookAfter(kind string, now time.Time) bool {
	switch nvr.EventType(kind) {
	case nvr.DiskError, nvr.DiskFull, nvr.RAID, nvr.HotSpare, nvr.StorageTrouble:
		r.plan.hurry(taskStorage, now)
	case nvr.RecordingFailure:
		r.plan.hurry(taskWorking, now)
		r.plan.hurry(taskStorage, now)
	case nvr.VideoLoss, nvr.IPConflict, nvr.PoE, nvr.BadVideo:
		r.plan.hurry(taskProxyStatus, now)
		r.plan.hurry(taskInputs, now)
	default:
		return false
	}
	return true
}

// linked takes over the triggers: events whose linkage reaches the bridge get
// their sensors.
func (r *recorder) linked(triggers []nvr.Trigger) {
	r.live.triggers, r.known.Tells.Triggers = triggers, true
	for _, t := range triggers {
		if at, ok := r.placeTrigger(t); ok && t.Notifies {
			r.noteEvent(at)
		}
	}
}

func (r *recorder) placeTrigger(t nvr.Trigger) (at ref, ok bool) {
	return r.place(nvr.Alert{Type: t.Type, Device: t.Device, Channel: t.Channel, Port: t.Port})
}

// unheard is an event whose linkage doesn't reach the bridge.
type unheard struct {
	Camera string `json:"camera,omitempty"`
	Event  string `json:"event"`
}

// eventsNotArriving lists events that the owner will miss: motion and trouble
// with recordings in any case, others where they do something else already.
// unused are those that do nothing at all.
func (r *recorder) eventsNotArriving() (missing, unused []unheard) {
	seen := map[ref]bool{}
	arrives := map[ref]bool{}
	for _, t := range r.live.triggers {
		if at, ok := r.placeTrigger(t); ok && t.Notifies {
			arrives[at] = true
		}
	}
	for _, t := range r.live.triggers {
		at, ok := r.placeTrigger(t)
		if !ok || arrives[at] || seen[at] || !watched(t.Type) {
			continue
		}
		seen[at] = true
		u := unheard{Event: discovery.EventName(at.kind)}
		if at.camera != "" {
			u.Camera = r.known.byID(at.camera).title()
		}
		if t.Linked || needed(t.Type) {
			missing = append(missing, u)
		} else {
			unused = append(unused, u)
		}
	}
	return missing, unused
}

// watched are the types whose sensors are enabled.
func watched(t nvr.EventType) bool {
	switch t {
	case nvr.Motion, nvr.Tamper, nvr.VideoLoss, nvr.LineCrossing, nvr.Intrusion, nvr.RegionEntrance, nvr.RegionExit,
		nvr.DiskError, nvr.RecordingFailure:
		return true
	}
	return false
}

func needed(t nvr.EventType) bool {
	return t == nvr.Motion || t == nvr.DiskError || t == nvr.RecordingFailure
}

func (m *remembered) byID(id string) *rememberedChannel {
	for i := range m.Channels {
		if m.Channels[i].ID == id {
			return &m.Channels[i]
		}
	}
	panic("bridge: no channel " + id)
}

// title is what a person calls a channel.
func (c *rememberedChannel) title() string {
	if c.Name == "" {
		return "Camera " + c.ID
	}
	return c.Name + " (" + c.ID + ")"
}
