package bridge

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hikbridge/discovery"
	"hikbridge/mqtt"
	"hikbridge/nvr"
)

const (
	// inboxSize is a second of commands at the highest rate that is looked at;
	// answers come one at a time, and events wait in the stream.
	inboxSize = 16
	// firstRetry to lastRetry is the pause between tries of a recorder that
	// doesn't answer; a try itself may take the client's ten seconds more.
	firstRetry = 2 * time.Second
	lastRetry  = 30 * time.Second
	// signInRetry is how often a recorder that doesn't let us in is looked at
	// without credentials: whether it is there, and what it says of a lock.
	signInRetry = time.Minute
	// strangerRetry is how often the identity of another box is asked.
	strangerRetry = time.Minute
	// silentAfter is how many questions in a row must stay unanswered.
	silentAfter = 2
	// settledAfter is how long a recorder that was silent must have answered until
	// "not supported" is believed.
	settledAfter = 10 * time.Minute
	// staleAfter refusals in a row what was told before isn't shown any more.
	staleAfter = 5
	// bootMoved is how far a boot time must move to be published again.
	bootMoved = time.Minute
	// clockMoved is the same for the clock difference.
	clockMoved = 2 * time.Second
)

// recorder is one recorder's loop: it owns everything that is known of it. Other
// goroutines send to its inbox.
type recorder struct {
	cfg    RecorderConfig
	site   *site
	client *nvr.Client
	log    *slog.Logger

	// inbox has room for inboxSize messages; a sender that must not wait tells
	// when it is full.
	inbox     chan any       // answer, retry, snap, or what listen tells
	listeners sync.WaitGroup // the stream's goroutine, if there is one

	// All below is owned by the loop.
	plan     plan
	asking   bool      // a question is with the requester
	hold     time.Time // nothing is asked before
	known    *remembered
	live     live
	stream   stream
	latches  latches
	pictures pictures
	oldest   oldest
	diskTurn int     // disks whose health was asked
	retries  []retry // accepted commands that wait for their outcome

	shown     shown
	documents map[string][sha256.Size]byte // by topic: what was published
	values    map[string]string            // by topic: what was published
	kept      remembered                   // what the file holds
	summary   summary
	lastError string
	failedAt  time.Time
}

// live is what is known of a recorder in this run.
type live struct {
	answers bool      // the last question was answered by something
	asked   bool      // an answer came, or silence was found
	since   time.Time // of answers
	silent  int       // questions without answer in a row
	// wasSilent: it didn't answer for a while in this run, and may have booted.
	wasSilent bool
	ready     bool      // signed in, identity as remembered, since it last answered
	trouble   error     // why it isn't ready
	found     *nvr.Info // another box at the address

	status *nvr.Status
	boot   time.Time
	clock  nvr.Maybe[time.Duration]
	zone   nvr.Maybe[nvr.Zone]
	states map[string]nvr.ChannelStatus // by channel id
	disks  map[string]nvr.Disk
	smart  map[string]nvr.SMART // by disk id
	denied map[task]bool

	triggers  []nvr.Trigger
	recording map[string]bool      // by channel id, where it is told
	plans     map[string]nvr.Track // by channel id
	idle      map[string]int       // looks in a row at which a channel didn't record that should
	newest    nvr.Newest
}

// retry is an accepted command to sign in again. site says it came for all.
type retry struct {
	id, by string
	site   bool
}

func newRecorder(c RecorderConfig, s *site) (*recorder, error) {
	client, err := nvr.New(nvr.Config{
		URL: c.URL, Username: c.Username, Password: c.Password.Reveal(),
		TLS: c.TLS, Fingerprint: c.Fingerprint, StateDir: s.cfg.StateDir, Dial: c.Dial,
	})
	if err != nil {
		return nil, err
	}
	known, err := loadRemembered(s.cfg.StateDir, c.Name)
	if err != nil {
		return nil, err
	}
	r := &recorder{
		cfg: c, site: s, client: client, known: known, plan: newPlan(time.Now()),
		log:       s.cfg.Log.With(keyRecorder, c.Name),
		inbox:     make(chan any, inboxSize),
		documents: map[string][sha256.Size]byte{}, values: map[string]string{},
		live: live{since: time.Now(), states: map[string]nvr.ChannelStatus{}, disks: map[string]nvr.Disk{},
			smart: map[string]nvr.SMART{}, denied: map[task]bool{}, recording: map[string]bool{},
			plans: map[string]nvr.Track{}, idle: map[string]int{}},
		latches:  latches{on: map[ref]*latch{}},
		pictures: pictures{taken: map[string]time.Time{}},
		oldest:   oldest{found: map[string]time.Time{}},
	}
	if known != nil {
		if _, err := s.ids.claim(c.Name, known.ID); err != nil {
			r.live.trouble = err
			r.known = nil
		} else {
			r.kept = known.clone()
		}
	}
	return r, nil
}

// run is the recorder's goroutine; it returns when ctx is done and everything it
// started has ended, with the recorder said to be offline.
func (r *recorder) run(ctx context.Context) {
	defer r.client.Close()
	work := make(chan question)
	var requester sync.WaitGroup
	requester.Go(func() { r.request(ctx, work) })
	defer r.listeners.Wait()
	defer requester.Wait()
	defer close(work)

	timer := time.NewTimer(0)
	defer timer.Stop()
	var planned, armed time.Time // when to act again; when the timer goes off
	full := true                 // all may have changed, not only what was published at once
	for {
		if full {
			r.settleStream(time.Now())
			r.publish(ctx)
			planned = r.act(ctx, work)
		}
		if wake := sooner(planned, r.latches.next()); !wake.Equal(armed) {
			if armed = wake; wake.IsZero() {
				timer.Stop()
			} else {
				timer.Reset(time.Until(wake))
			}
		}
		select {
		case <-ctx.Done():
			r.goodbye()
			return
		case <-timer.C:
			armed = time.Time{}
			full = r.expire(time.Now())
		case m := <-r.inbox:
			full = r.handle(ctx, m)
		}
	}
}

// act opens the stream and asks the next question, as far as it is time to. It
// returns when there is something to do again; zero if nothing is waited for but
// messages.
func (r *recorder) act(ctx context.Context, work chan<- question) (wake time.Time) {
	now := time.Now()
	r.reopen(ctx, now)
	wake = r.streamWake()
	if r.asking {
		return wake
	}
	q, at := r.nextQuestion(now)
	if at.After(now) {
		return sooner(wake, at)
	}
	r.asking = true
	work <- q // the requester is idle, so this doesn't wait
	return wake
}

// nextQuestion is a picture that is wanted, or what the plan says, and when it may
// be asked: zero is now.
func (r *recorder) nextQuestion(now time.Time) (question, time.Time) {
	if due := r.pictureDue(); !due.IsZero() && !due.After(now) && !r.hold.After(now) {
		return r.nextPicture(), time.Time{}
	}
	for {
		t, at := r.plan.next()
		if at.Before(r.hold) {
			at = r.hold
		}
		if at.After(now) {
			return question{}, sooner(at, r.pictureDue())
		}
		if q, ok := r.detail(t); ok {
			return q, time.Time{}
		}
		r.plan.skip(t, now)
	}
}

// detail says which disk or channel a question is about; ok is false when there
// is none.
func (r *recorder) detail(t task) (q question, ok bool) {
	switch t {
	case taskSMART, taskOldest, taskTryPicture:
		if r.known == nil {
			return q, false
		}
	default:
		return question{task: t}, true
	}
	switch t {
	case taskSMART:
		return r.nextDisk()
	case taskOldest:
		return r.step()
	}
	q, done, ok := r.tryPicture()
	r.plan.entries[taskTryPicture].off = done
	return q, ok
}

// sooner is the earlier of two times, where zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// request puts questions to the recorder, one at a time.
func (r *recorder) request(ctx context.Context, work <-chan question) {
	for q := range work {
		a := ask(ctx, r.client, q)
		select {
		case r.inbox <- a:
		case <-ctx.Done():
			return
		}
	}
}

// handle takes a message; full says that anything may have changed.
func (r *recorder) handle(ctx context.Context, m any) (full bool) {
	switch m := m.(type) {
	case nvr.Alert:
		return r.alert(m)
	case answer:
		r.asking = false
		if ctx.Err() == nil { // a stop ends requests; that says nothing of the recorder
			r.answer(m)
		}
	case streamOpened:
		r.streamOpens(m.at)
	case streamEnded:
		r.streamEnds(m)
	case retry:
		r.trySignIn(m)
	case snap:
		r.snap(m)
	default:
		panic("bridge: unknown message")
	}
	return true
}

func (r *recorder) answer(a answer) {
	what := outcomeOf(a.err)
	if a.task == taskPicture {
		r.pictureCame(a)
		if what != silent {
			r.heard(a.at)
			return
		}
		a.task = taskTryPicture // its silence counts, and it isn't asked again
	}
	delete(r.live.denied, a.task)
	if what != silent && !isRemembered(a.err) {
		r.heard(a.at)
	}
	switch what {
	case answered:
		r.plan.answered(a.task, a.at)
		r.apply(a)
	case unsupported, refused:
		r.wasRefused(a, what == unsupported)
	case notSignedIn:
		r.notReady(a.err, a.at.Add(signInRetry))
	case silent:
		r.missed(a)
	}
	r.finishRetry()
}

// isRemembered says that the recorder wasn't asked.
func isRemembered(err error) bool {
	var s *nvr.StatusError
	return errors.As(err, &s) && s.Remembered()
}

// wasRefused asks again later. It gives up on what isn't supported, unless the
// recorder was silent lately and may be booting, and on what was refused for
// longer than any boot takes. The identity is what everything else waits for.
func (r *recorder) wasRefused(a answer, unsupported bool) {
	r.log.Debug("question refused", keyQuestion, a.task, keyError, a.err)
	forbidden := errors.Is(a.err, nvr.ErrForbidden)
	r.live.denied[a.task] = forbidden
	settled := !r.live.wasSilent || a.at.Sub(r.live.since) >= settledAfter
	switch {
	case a.task == taskInfo:
		r.plan.refused(a.task, a.at)
		r.notReady(a.err, a.at.Add(retryTask))
		return
	case a.task == taskTryPicture && !forbidden && !errors.Is(a.err, nvr.ErrBusy) && settled:
		r.triedPicture(a, false)
		return
	case a.task == taskAccount: // DS-2CD2532F V5.2.0 answers 500; the identity signs in as well
		r.plan.drop(a.task, a.at)
		return
	case unsupported && settled:
		r.plan.drop(a.task, a.at)
	default:
		r.plan.refused(a.task, a.at)
		if r.plan.hopeless(a.task) && !forbidden && !errors.Is(a.err, nvr.ErrBusy) {
			r.client.GiveUp(a.err)
		}
	}
	if (unsupported && settled) || r.plan.entries[a.task].fails >= staleAfter {
		r.forget(a.task)
	}
}

// heard notes that something answered.
func (r *recorder) heard(now time.Time) {
	l := &r.live
	if l.asked && !l.answers {
		r.log.Info("recorder answers again", keySilence, now.Sub(l.since).Round(time.Second), keyTries, l.silent)
	}
	if !l.answers {
		l.since, l.trouble = now, nil
		r.stream.next = time.Time{}
	}
	l.answers, l.asked, l.silent = true, true, 0
}

// missed counts a question without answer. Before a recorder counts as silent,
// it is asked for its identity, which it surely can tell.
func (r *recorder) missed(a answer) {
	l := &r.live
	l.silent++
	if a.task != taskAccount && a.task != taskInfo {
		r.plan.refused(a.task, a.at)
		r.plan.entries[taskInfo].tried = false
		return
	}
	pause := lastRetry
	if l.silent < 5 {
		pause = min(lastRetry, firstRetry<<(l.silent-1))
	}
	r.plan.restart(time.Now())
	r.hold = a.at.Add(pause)
	if l.silent >= silentAfter || !l.asked {
		r.fellSilent(a)
	}
}

func (r *recorder) fellSilent(a answer) {
	l := &r.live
	if l.answers || !l.asked {
		l.since = a.at
		r.warn("recorder doesn't answer", a.err, a.at)
	}
	l.answers, l.asked, l.ready, l.trouble, l.wasSilent = false, true, false, a.err, true
}

// warn writes a failure into the diary and keeps it as the last error.
func (r *recorder) warn(what string, err error, at time.Time) {
	r.lastError, r.failedAt = plain(err), at
	r.log.Warn(what, keyError, r.lastError)
}

// notReady stops the ordinary questions: it begins again with the sign-in, not
// before the given time.
func (r *recorder) notReady(err error, at time.Time) {
	l := &r.live
	if l.trouble == nil || !sameTrouble(l.trouble, err) {
		r.warn("recorder can't be read", err, time.Now())
	}
	l.trouble, l.ready = err, false
	r.plan.restart(time.Now())
	r.hold = at
}

// sameTrouble compares errors without what changes from try to try: the time
// until which a sign-in is paused.
func sameTrouble(a, b error) bool {
	var x, y *nvr.SignInError
	if errors.As(a, &x) && errors.As(b, &y) {
		return errors.Is(x.Err, y.Err)
	}
	return a.Error() == b.Error()
}

// trySignIn carries out a retry_sign_in that was accepted.
func (r *recorder) trySignIn(cmd retry) {
	if err := r.client.RetrySignIn(); err != nil {
		r.site.outcome(r.cfg.Name, cmd, outcomeFailed, err.Error())
		return
	}
	r.log.Info("sign-in is tried again", keyBy, cmd.by)
	r.plan.reset(time.Now())
	r.hold, r.live.trouble, r.stream.next = time.Time{}, nil, time.Time{}
	r.retries = append(r.retries, cmd) // they come at verdictRate at most
}

// finishRetry tells what came of it, once something did.
func (r *recorder) finishRetry() {
	if len(r.retries) == 0 || !r.live.ready && r.live.trouble == nil {
		return
	}
	what, message := outcomeDone, "signed in"
	if !r.live.ready {
		what, message = outcomeFailed, r.live.trouble.Error()
	}
	for _, cmd := range r.retries {
		r.site.outcome(r.cfg.Name, cmd, what, message)
	}
	r.retries = nil
}

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
	if !r.plan.complete() || r.kept.equal(r.known) {
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

// sameBox compares identities without hyphens: firmwares print them differently.
func sameBox(a, b string) bool {
	return strings.ReplaceAll(a, "-", "") == strings.ReplaceAll(b, "-", "")
}

func availability(on bool) string {
	if on {
		return payloadOnline
	}
	return payloadOffline
}

// selected says whether the owner picked this channel.
func (r *recorder) selected(id string) bool {
	return len(r.cfg.Channels) == 0 || slices.Contains(r.cfg.Channels, id)
}
