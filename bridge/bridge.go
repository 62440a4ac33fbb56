package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"hikbridge/bridge/power"
	"hikbridge/discovery"
	"hikbridge/mqtt"
)

const (
	payloadOnline  = "online"
	payloadOffline = "offline"
	// urgentSize is for more cancels than people press while a disk is slow.
	urgentSize = 64
	// maxEarly is for one outcome of each recorder, and commands that come at the
	// moment of the first connection.
	maxEarly = 100
)

// Bridge connects recorders with Home Assistant. New makes it, Run works until
// its context ends.
type Bridge struct {
	site      *site
	recorders map[string]*recorder
	names     []string // in the configured order
	unlock    func()
	plugs     map[string][]*keeper // by the topic of a plug's reports
	urgent    chan mqtt.Incoming   // cancels: they aren't lost behind other commands
	touch     func(stateDir string, now time.Time) error
	touched   chan error // of capacity 1: what became of a touch that nobody may wait for

	// Owned by the goroutine of Run.
	gates      map[string]*gatekeeper // by target
	state      map[string]summary     // by recorder
	touching   bool                   // the file alive is being touched
	values     map[string]string      // of the bridge's device, by topic
	withheld   string                 // the last message that the broker doesn't take
	unheard    string                 // the subscription that this connection doesn't give
	stateError string                 // why the state directory can't be written
	lost       int                    // messages that a slow or absent broker cost
	strays     int                    // on topics that are nobody's, and not told yet
	stray      string                 // the topic of the last one
	unread     int                    // messages that were too many or too large, and told
}

// site is what the recorders' loops share: everything may be used from any
// goroutine, and nothing but early is changed after New.
type site struct {
	cfg       Config
	mqtt      *mqtt.Client
	device    discovery.Bridge
	ids       *ids
	outage    *outage      // nil: nothing tells of mains
	summaries chan summary // read by Run at all times, so a sender waits shortly
	early     early
}

// early are answers from before the first connection: what a restart ended is told
// once somebody can read it. No command comes before that, so they are few, and
// maxEarly at most.
type early struct {
	mu      sync.Mutex
	over    bool
	waiting []mqtt.Message
}

// New prepares a bridge: it takes the state directory (ErrInUse if another
// process has it), reads what is remembered and sends nothing yet. Run gives
// the directory back.
func New(c Config) (*Bridge, error) {
	unlock, err := lockStateDir(c.StateDir)
	if err != nil {
		return nil, err
	}
	b, err := newBridge(c)
	if err != nil {
		unlock()
		return nil, err
	}
	b.unlock = unlock
	return b, nil
}

func newBridge(c Config) (*Bridge, error) {
	broker, err := brokerConfig(c)
	if err != nil {
		return nil, err
	}
	device := discovery.Bridge{Topic: c.Topic, Prefix: c.DiscoveryPrefix, Version: c.Version, Mains: c.Mains.known(), UPS: c.Mains.UPS != ""}
	broker.Will = mqtt.Message{Class: mqtt.Availability, Topic: device.Availability(), Payload: []byte(payloadOffline), Retain: true}
	broker.Goodbye = []mqtt.Message{broker.Will}
	broker.BirthTopic = c.BirthTopic
	broker.Subscribe = []string{device.Base() + "/command/#"}
	b := &Bridge{recorders: map[string]*recorder{}, gates: map[string]*gatekeeper{}, state: map[string]summary{},
		values: map[string]string{}, plugs: map[string][]*keeper{}, urgent: make(chan mqtt.Incoming, urgentSize),
		touch: touchAlive, touched: make(chan error, 1)}
	broker.Arrived = b.arrived
	if broker.Subscribe, err = plugTopics(c, broker.Subscribe); err != nil {
		return nil, err
	}
	if topic := c.Mains.Topic; topic != "" {
		if slices.Contains(broker.Subscribe, topic) {
			return nil, fmt.Errorf("mains: %s is a topic of a recorder's plug or of the bridge: switching the plug off would look like an outage; name that of another source", topic)
		}
		broker.Subscribe = append(broker.Subscribe, topic)
	}
	client, err := mqtt.New(broker)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	known, err := newIDs(c.Recorders, c.StateDir)
	if err != nil {
		return nil, err
	}
	b.site = &site{cfg: c, mqtt: client, device: device, ids: known,
		summaries: make(chan summary, len(c.Recorders))} // each may have one on its way
	var keepers []*keeper
	for _, rc := range c.Recorders {
		r, err := newRecorder(rc, b.site)
		if err != nil {
			return nil, fmt.Errorf("recorder %s: %w", rc.Name, err)
		}
		b.recorders[rc.Name] = r
		for _, topic := range r.keeper.topics() {
			b.plugs[topic] = append(b.plugs[topic], r.keeper)
		}
		r.keeper.place = len(b.names)
		b.names = append(b.names, rc.Name)
		keepers = append(keepers, r.keeper)
	}
	share(keepers)
	if c.Mains.known() {
		if b.site.outage, err = newOutage(c, keepers); err != nil {
			return nil, fmt.Errorf("mains: %w", err)
		}
	}
	return b, nil
}

// brokerConfig makes the session's configuration, with its certificates.
func brokerConfig(c Config) (mqtt.Config, error) {
	t, err := brokerTLS(c.Broker)
	if err != nil {
		return mqtt.Config{}, err
	}
	return mqtt.Config{
		URL: c.Broker.URL, ClientID: strings.ReplaceAll(c.Topic, "/", "-"),
		Username: c.Broker.Username, Password: c.Broker.Password.Reveal(),
		TLS: t, Dial: c.Broker.Dial,
	}, nil
}

func brokerTLS(c BrokerConfig) (*tls.Config, error) {
	if c.CAFile == "" && c.CertFile == "" {
		return nil, nil
	}
	t := &tls.Config{}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("broker's authority: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("broker's authority: %s holds no PEM certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("certificate for the broker: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// Run connects to broker and recorders and works until ctx is done. It returns
// when everything it started has ended: recorders and bridge are said to be
// offline, and the state directory is free. It waits for a disk that doesn't
// answer where something is being written down, but not to show that it lives.
func (b *Bridge) Run(ctx context.Context) error {
	defer b.unlock()
	b.site.cfg.Log.Info("hikbridge starts", keyVersion, b.site.cfg.Version, keyCounted, len(b.names))
	session, endSession := context.WithCancel(context.WithoutCancel(ctx))
	var broker, recorders sync.WaitGroup
	b.greet(ctx)
	broker.Go(func() { b.site.mqtt.Run(session) })
	for _, name := range b.names {
		recorders.Go(func() { b.recorders[name].run(ctx) })
		recorders.Go(func() { b.recorders[name].keeper.run(ctx) })
	}
	if o := b.site.outage; o != nil {
		recorders.Go(func() { o.run(ctx) })
	}
	recorders.Go(func() { b.sweep(ctx) })
	b.loop(ctx)
	recorders.Wait() // the last thing they publish is that they are offline
	endSession()
	broker.Wait()
	b.site.cfg.Log.Info("hikbridge stopped")
	return nil
}

// greet fills the outbox for the first connection. What a run that was killed has
// left with the broker must never look like news: recorders that are known say
// that they are offline, and their events over, before the bridge says that it is
// there.
func (b *Bridge) greet(ctx context.Context) {
	s := b.site
	doc := s.device.Document()
	s.mqtt.Publish(mqtt.Message{Class: mqtt.Document, Topic: doc.Topic, Payload: doc.Payload, Retain: true})
	for _, name := range b.names {
		b.recorders[name].publish(ctx) // its loop doesn't run yet
	}
	s.mqtt.Publish(mqtt.Message{Class: mqtt.Availability, Topic: s.device.Availability(), Payload: []byte(payloadOnline), Retain: true})
	b.publish()
}

// loop reads everything that is sent to the bridge as a whole.
func (b *Bridge) loop(ctx context.Context) {
	beat := time.NewTicker(aliveEvery)
	defer beat.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	b.beat(time.Now())
	for {
		select {
		case <-ctx.Done():
			b.endTouch()
			return
		case now := <-beat.C:
			b.beat(now)
		case err := <-b.touched:
			b.touching = false
			b.tellState(stateProblem(err))
		case <-second.C:
			b.tellFloods()
			b.tellStrays()
			if lost := b.site.mqtt.Stats().Lost; lost != b.lost {
				b.lost = lost
				b.publish()
			}
		case s := <-b.site.summaries:
			b.state[s.Name] = s
			b.publish()
		case <-b.mainsChanged():
			b.publish()
		case m := <-b.urgent:
			for range len(b.site.mqtt.Inbox()) { // among them may be what it is about
				b.command(time.Now(), <-b.site.mqtt.Inbox())
			}
			b.command(time.Now(), m)
		case m := <-b.site.mqtt.Inbox():
			b.command(time.Now(), m)
		case c := <-b.site.mqtt.Changes():
			b.brokerChanged(c)
		}
	}
}

// mainsChanged is nil, which is never ready, where nothing tells of mains.
func (b *Bridge) mainsChanged() <-chan struct{} {
	if b.site.outage == nil {
		return nil
	}
	return b.site.outage.shown.changed
}

// beat shows that the loop turns, and finds out whether state can be kept. The loop
// doesn't wait for the disk: one that has failed may never answer, and a cancel must
// get through. The file keeps the time of the beat, however late it is written.
func (b *Bridge) beat(now time.Time) {
	if b.touching {
		b.tellState("the state directory doesn't answer: look at the disk that it is on")
		return
	}
	b.touching = true
	go func() { b.touched <- b.touch(b.site.cfg.StateDir, now) }()
}

// endTouch waits for the last touch, but not for a disk that doesn't answer.
func (b *Bridge) endTouch() {
	if !b.touching {
		return
	}
	select {
	case <-b.touched:
	case <-time.After(time.Second):
	}
}

func stateProblem(err error) string {
	if err == nil {
		return ""
	}
	return clip("the state directory can't be written: " + err.Error())
}

// tellState tells what is wrong with the state directory, if that changed.
func (b *Bridge) tellState(problem string) {
	if problem == b.stateError {
		return
	}
	if b.stateError = problem; problem != "" {
		b.site.cfg.Log.Error("state can't be kept", keyError, problem)
	}
	b.publish()
}

// publish sends what changed of the bridge's own values.
func (b *Bridge) publish() {
	for topic, payload := range b.bridgeValues() {
		if b.values[topic] == payload {
			continue
		}
		b.values[topic] = payload
		b.site.mqtt.Publish(mqtt.Message{Class: mqtt.State, Topic: topic, Payload: []byte(payload), Retain: true})
	}
}

// command routes one message of the command tree: to a recorder, or to all.
func (b *Bridge) command(now time.Time, m mqtt.Incoming) {
	t, act, ok := b.route(m.Topic)
	if m.Retained && len(m.Payload) > 0 {
		b.site.mqtt.Publish(mqtt.Message{Class: mqtt.State, Topic: m.Topic, Retain: true})
	}
	if !ok {
		b.strays++
		b.stray = m.Topic
		return
	}
	gate := b.gates[t.name]
	if gate == nil {
		gate = newGatekeeper()
		b.gates[t.name] = gate
	}
	v, e, ok := gate.check(now, t, act, m.Payload, m.Retained)
	if v == nil {
		return
	}
	if ok && act.power() {
		c := e.command(act, m.Payload)
		// All of them are urgent: a cancel that overtook what it is about would stop nothing.
		if b.recorders[t.name].keeper.mail.post(true, c) {
			return // the keeper tells the verdict
		}
		v.EventType, v.Reason, v.Message = verdictRefused, "busy", fmt.Sprintf("recorder %s has too much to do; try again", t.name)
	}
	if ok && (act == actionAutomatic || act == actionTestOutage) {
		b.aboutOutages(v, e.State == onOff(true))
		return
	}
	h := &handover{told: make(chan struct{})}
	if ok {
		v = b.deliver(t, v, e, h)
	}
	b.site.verdict(t.name, v)
	h.accepted = v.EventType == verdictAccepted
	close(h.told)
	if v.EventType != verdictAccepted {
		b.site.cfg.Log.Warn("command refused", keyRecorder, t.name, keyAction, v.Action, keyReason, v.Message)
	}
}

// aboutOutages carries out a command about outages, if anything tells of mains: it
// tests one, or switches the automatic shutdown.
func (b *Bridge) aboutOutages(v *verdict, on bool) {
	o := b.site.outage
	if o == nil {
		v.EventType, v.Reason, v.Message = verdictRefused, "no_source", "nothing tells of mains: set HIKBRIDGE_MAINS_TOPIC or HIKBRIDGE_UPS"
	}
	b.site.verdict(discovery.SiteTarget, v)
	switch {
	case o == nil:
	case v.Action == actionTestOutage:
		o.mail.behind(testOutage{v.ID, v.By})
	default:
		o.manual.set(!on)
		b.site.verdict(discovery.SiteTarget, &verdict{EventType: outcomeDone, ID: v.ID, By: v.By, Action: v.Action})
	}
}

// arrived takes what must not wait, or get lost, behind other messages: reports of
// plugs and cancels. The broker's connection waits for it.
func (b *Bridge) arrived(m mqtt.Incoming) (taken bool) {
	if o := b.site.outage; o != nil && m.Topic == o.cfg.Topic {
		o.hearTopic(m)
		return true
	}
	if keepers, ok := b.plugs[m.Topic]; ok {
		for _, k := range keepers {
			k.hearPlug(m)
		}
		return true
	}
	if !strings.HasSuffix(m.Topic, "/"+string(power.Cancel)) {
		return false
	}
	select {
	case b.urgent <- m:
		return true
	default:
		return false
	}
}

// route reads a command's topic: <base>/command/<recorder or site>/<action>, or
// <base>/command/<recorder>/ch/<camera>/<action>.
func (b *Bridge) route(topic string) (t target, a action, ok bool) {
	rest, ok := strings.CutPrefix(topic, b.site.cfg.Topic+"/command/")
	if !ok {
		return target{}, "", false
	}
	levels := strings.Split(rest, "/")
	switch {
	case len(levels) == 2:
		t, a = target{name: levels[0]}, action(levels[1])
	case len(levels) == 4 && levels[1] == "ch" && levels[2] != "":
		t, a = target{name: levels[0], camera: levels[2]}, action(levels[3])
	}
	_, known := b.recorders[t.name]
	if a == "" || !known && (t.name != discovery.SiteTarget || t.camera != "") {
		return target{}, "", false
	}
	return t, a, true
}

// handover lets the recorders that got a command begin once its verdict is
// published: what came of it is told after "accepted", and nobody carries out
// what another's full inbox refused.
type handover struct {
	told     chan struct{} // closed when the verdict is published
	accepted bool          // not read before told is closed
}

// ordered is an accepted command on its way to a recorder.
type ordered struct {
	command any // retry, snap or pauseOrder
	*handover
}

// deliver hands an accepted command over; a full inbox refuses it, for all that
// it was meant for.
func (b *Bridge) deliver(t target, v *verdict, e envelope, h *handover) *verdict {
	names := []string{t.name}
	if t.name == discovery.SiteTarget {
		names = b.names
	}
	for _, name := range names {
		var m any = retry{id: v.ID, by: v.By, site: t.name == discovery.SiteTarget}
		switch v.Action {
		case actionTakePicture:
			m = snap{id: v.ID, by: v.By, camera: t.camera}
		case actionPause, actionResume:
			m = e.pause(v.Action)
		}
		select {
		case b.recorders[name].inbox <- ordered{m, h}:
		default:
			return &verdict{EventType: verdictRefused, ID: v.ID, Action: v.Action, By: v.By, Camera: v.Camera, Reason: "busy",
				Message: fmt.Sprintf("recorder %s has too much to do; try again", name)}
		}
	}
	return v
}

func (b *Bridge) tellFloods() {
	for target, gate := range b.gates {
		if v := gate.flood(); v != nil {
			b.site.verdict(target, v)
			b.site.cfg.Log.Warn("commands dropped", keyRecorder, target, keyReason, v.Message)
		}
	}
}

// tellStrays logs what came since a second ago and was nobody's, or wasn't read.
func (b *Bridge) tellStrays() {
	if b.strays > 0 {
		b.site.cfg.Log.Warn("message on an unknown command topic", keyTopic, clip(b.stray), keyCount, b.strays)
		b.strays = 0
	}
	if n := b.site.mqtt.Stats().Dropped; n > b.unread {
		b.site.cfg.Log.Warn("messages from the broker are dropped: too many at once, or too large", keyCount, n-b.unread)
		b.site.verdict(discovery.SiteTarget, flooded(n-b.unread))
		b.unread = n
	}
}

// verdict publishes what is said of a command.
func (s *site) verdict(target string, v *verdict) {
	payload, err := json.Marshal(v)
	if err != nil {
		panic("bridge: encode verdict: " + err.Error())
	}
	m := mqtt.Message{Class: mqtt.Answer, Topic: s.device.Result(target), Payload: payload}
	s.early.mu.Lock()
	defer s.early.mu.Unlock()
	if !s.early.over && len(s.early.waiting) < maxEarly {
		s.early.waiting = append(s.early.waiting, m)
		return
	}
	s.mqtt.Publish(m)
}

// tellEarly publishes what waited for the first connection.
func (s *site) tellEarly() {
	s.early.mu.Lock()
	defer s.early.mu.Unlock()
	for _, m := range s.early.waiting {
		s.mqtt.Publish(m)
	}
	s.early.over, s.early.waiting = true, nil
}

// outcome publishes what came of an accepted command. One that was for all
// recorders is told with the recorder's name.
func (s *site) outcome(name string, cmd retry, what, message string) {
	target := name
	if cmd.site {
		target, message = discovery.SiteTarget, name+": "+message
	}
	s.verdict(target, &verdict{EventType: what, ID: cmd.id, By: cmd.by, Action: actionRetrySignIn, Message: message})
}
