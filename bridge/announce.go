package bridge

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	"hikbridge/discovery"
	"hikbridge/mqtt"
)

// goodbye says that nothing is known from now on.
func (r *recorder) goodbye() {
	if r.known == nil {
		return
	}
	r.put(mqtt.Availability, r.site.device.RecorderAvailability(r.cfg.Name), payloadOffline)
	r.put(mqtt.Availability, r.site.device.EventsAvailability(r.cfg.Name), payloadOffline)
}

// put publishes a retained value if it is another than before.
func (r *recorder) put(class mqtt.Class, topic, payload string) {
	if was, ok := r.values[topic]; ok && was == payload {
		return
	}
	r.values[topic] = payload
	r.site.mqtt.Publish(mqtt.Message{Class: class, Topic: topic, Payload: []byte(payload), Retain: true})
}

// publish tells Home Assistant and the bridge's device what changed.
func (r *recorder) publish(ctx context.Context) {
	r.summarize(ctx)
	if r.known == nil {
		return
	}
	r.remember()
	if !r.announced() && !r.plan.complete() && !r.restored() {
		return // more will be known in a moment
	}
	r.announce()
	r.showIdle()
	r.put(mqtt.Availability, r.site.device.RecorderAvailability(r.cfg.Name), availability(r.live.ready))
	for id, topic := range r.shown.availability {
		r.put(mqtt.Availability, topic, availability(r.cameraAvailable(id)))
	}
	events := r.site.device.EventsAvailability(r.cfg.Name)
	if !r.stream.shown { // before its sensors go off
		r.put(mqtt.Availability, events, payloadOffline)
	}
	values := r.stateValues()
	for _, topic := range slices.Sorted(maps.Keys(values)) {
		r.put(mqtt.State, topic, values[topic])
	}
	if r.stream.shown {
		r.put(mqtt.Availability, events, payloadOnline)
	}
}

func (r *recorder) announced() bool { return len(r.documents) > 0 }

// restored says that an earlier run knew this recorder: it is announced before
// it answers.
func (r *recorder) restored() bool { return r.kept.ID != "" }

// shown is what Home Assistant was told last: the entities that have a value.
type shown struct {
	known        remembered // it was made of
	entities     []discovery.Entity
	cameras      map[string][]discovery.Entity // by channel id
	availability map[string]string             // topics, by channel id
	events       map[ref]string                // topics of event sensors
	detections   map[string]discovery.Entity   // event entities, by channel id
}

// announce publishes the documents that changed, if anything that they are made
// of did.
func (r *recorder) announce() {
	first := !r.announced()
	if !first && r.shown.known.equal(r.known) {
		return
	}
	if first {
		r.keeper.gate.tell() // before there is somebody to read it
	}
	d := r.discovery()
	r.shown = shown{known: r.known.clone(), entities: r.site.device.RecorderEntities(d),
		cameras: map[string][]discovery.Entity{}, availability: map[string]string{},
		events: map[ref]string{}, detections: map[string]discovery.Entity{}}
	for _, c := range d.Cameras {
		r.shown.cameras[c.ID] = r.site.device.CameraEntities(d, c)
		r.shown.availability[c.ID] = r.site.device.CameraAvailability(r.cfg.Name, c.ID)
	}
	r.shown.index(d)
	if first && r.restored() {
		r.withdraw()
	}
	for _, doc := range r.site.device.RecorderDocuments(d) {
		sum := sha256.Sum256(doc.Payload)
		if r.documents[doc.Topic] == sum {
			continue
		}
		r.documents[doc.Topic] = sum
		r.site.mqtt.Publish(mqtt.Message{Class: mqtt.Document, Topic: doc.Topic, Payload: doc.Payload, Retain: true})
	}
	if first {
		r.log.Info("recorder announced", keyTitle, d.Title, keyModel, d.Model, keySerial, d.Serial,
			keyFirmware, d.Firmware, keyCameras, len(d.Cameras))
	}
}

// index finds the entities of events.
func (s *shown) index(d discovery.Recorder) {
	note := func(camera string, kinds []string, entities []discovery.Entity) {
		topics := map[string]string{}
		for _, e := range entities {
			topics[e.Key] = e.StateTopic
			if e.Key == discovery.KeyDetection && camera != "" {
				s.detections[camera] = e
			}
		}
		for _, kind := range kinds {
			if topic, ok := topics[discovery.EventKey(kind)]; ok {
				s.events[ref{camera, kind}] = topic
			}
		}
	}
	for _, c := range d.Cameras {
		note(c.ID, c.Events, s.cameras[c.ID])
	}
	kinds := slices.DeleteFunc(slices.Clone(d.Events), func(kind string) bool {
		// What the recorder tells in other ways, too, isn't published by the event alone.
		return kind == discovery.KeyDiskError || kind == discovery.KeyRecordingFailure
	})
	note("", kinds, s.entities)
}

// withdraw removes what an earlier run may have announced of cameras that the
// owner doesn't pick any more. Their values are unavailable then, and stay with
// the broker until purge: cleared at once, Home Assistant would complain.
func (r *recorder) withdraw() {
	d := r.known.discovery(r.cfg.Name, func(id string) bool { return !r.selected(id) }, "")
	for i, doc := range r.site.device.RecorderDocuments(d) {
		if i > 0 { // the first is the recorder's own
			r.site.mqtt.Publish(mqtt.Message{Class: mqtt.Document, Topic: doc.Topic, Retain: true})
		}
	}
}

// remember keeps what another start needs, if it changed.
func (r *recorder) remember() {
	if !r.plan.complete() {
		return
	}
	r.cares(time.Now())
	if r.kept.equal(r.known) {
		return
	}
	if err := r.known.save(r.site.cfg.StateDir, r.cfg.Name); err != nil {
		r.log.Error("state can't be kept", keyError, err)
		return
	}
	r.kept = r.known.clone()
}

// summarize tells the bridge's own device.
func (r *recorder) summarize(ctx context.Context) {
	s := r.newSummary(time.Now())
	if s.equal(r.summary) {
		return
	}
	r.summary = s
	select {
	case r.site.summaries <- s:
	case <-ctx.Done():
	}
}

func availability(on bool) string {
	if on {
		return payloadOnline
	}
	return payloadOffline
}
