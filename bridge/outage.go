package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hikbridge/bridge/journal"
	"hikbridge/bridge/power"
	"hikbridge/bridge/ups"
	"hikbridge/discovery"
	"hikbridge/mqtt"
)

const (
	// upsDeadAfter is how long a UPS server may give no reading until it counts as
	// silent: three of its questions, as NUT's DEADTIME.
	upsDeadAfter = 15 * time.Second
	// outageVersion is that of the outage journal's records.
	outageVersion = 1
	outageJournal = "outage.journal"
)

// outage runs the outage rule of package power for the whole site: it hears the
// sources of mains and how each recorder stands, and tells every keeper what it is
// to know of mains. Its goroutine owns the rule.
type outage struct {
	cfg     MainsConfig
	log     *slog.Logger
	path    string // of its journal
	keepers []*keeper
	ups     *ups.Client // nil: none
	mail    *mailbox
	said    *latest[topicWord]
	manual  *latest[bool] // the automatic shutdown is switched off; a flood of that costs no memory
	began   time.Time
	shown   *latest[outageView]
	topic   int         // place of the MQTT source among the sources; -1: there is none
	server  int         // of the UPS server
	wanted  atomic.Bool // the rule still wants the UPS to be told

	// Owned by run.
	rule    *power.Site
	journal *journal.Log
	append  func([]byte) error // the journal's, but in some tests
	size    int                // bytes appended since it was compacted; by the writer alone
	written chan error         // what became of the record that is being written
	writing bool
	unsaved *power.SiteRecord // newest that isn't being written yet
	wake    time.Duration
	view    outageView
	gone    time.Time // when the connection to the broker was lost last
	test    outageTest
	work    sync.WaitGroup
	cut     power.UPSCut // as keepers were told last
	lacks   string       // why the UPS can't be told to switch off, as far as is known before
}

// topicWord is what the MQTT source said, and when that came.
type topicWord struct {
	power.Heard
	at time.Time
}

// brokerGone says since when the MQTT source can't be heard.
type brokerGone time.Time

// outageView is what is shown of mains.
type outageView struct {
	Lost, Known bool
	Status      string
	Problem     string
	Needs       bool
	Manual      bool
	Planned     time.Time
	Last, Ended time.Time
	Stopped     []power.Stopped
	Battery     ups.Reading // the last one; without At: none
	Test        testView
}

// mainsNews is what a keeper is to know of mains. The deadline is a moment, as each
// machine counts from its own start.
type mainsNews struct {
	power.Mains
	deadline time.Time
	why      string // what asks for a shutdown, for the log book
}

// battery is a reading of the UPS, or why there is none.
type battery struct {
	reading ups.Reading
	err     error
	at      time.Time
}

// lacking says why the UPS can't be told to switch off; "": nothing is known.
type lacking string

func newOutage(c Config, keepers []*keeper) (*outage, error) {
	o := &outage{cfg: c.Mains, log: c.Log, path: filepath.Join(c.StateDir, outageJournal), keepers: keepers,
		mail: newMailbox(), said: newLatest(topicWord{}), manual: newLatest(false), began: time.Now().Add(-time.Second), shown: newLatest(outageView{}),
		topic: -1, server: -1, wake: -1, written: make(chan error, 1)}
	n := 0
	if c.Mains.Topic != "" {
		o.topic, n = n, n+1
	}
	client, err := c.Mains.client()
	if err != nil {
		return nil, err
	}
	if client != nil {
		o.ups, o.server = client, n
	}
	return o, nil
}

// rules is what the rule wants of the configuration.
func (o *outage) rules() power.SiteConfig {
	c := o.cfg
	s := power.SiteConfig{All: c.All, OnBattery: c.OnBattery, Charge: c.Charge, Floor: c.Floor, Deadline: c.Deadline,
		Parallel: c.Parallel, UPSCommand: c.Command != ""}
	for _, k := range o.keepers {
		s.Recorders = append(s.Recorders, k.cfg.Name)
	}
	if o.topic >= 0 {
		s.Sources = append(s.Sources, power.SourceConfig{Name: c.Topic})
	}
	if o.ups != nil {
		s.Sources = append(s.Sources, power.SourceConfig{Name: "UPS " + c.UPS, Battery: true})
	}
	return s
}

// run keeps the rule until ctx is done.
func (o *outage) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	rule, out := power.RestoreSite(o.rules(), o.now(), o.open())
	o.rule = rule
	o.commit(ctx, out)
	defer o.close()
	defer o.work.Wait()
	if o.ups != nil {
		o.work.Go(func() {
			o.ups.Watch(ctx, func(r ups.Reading, err error) { o.mail.post(false, battery{r, err, time.Now()}) })
		})
	}
	if o.cfg.Command != "" {
		o.work.Go(func() { o.checkCommand(ctx) })
	}
	for ctx.Err() == nil {
		if m, ok := o.mail.take(); ok {
			o.receive(ctx, m)
			continue
		}
		if o.wake >= 0 && time.Since(o.began) >= o.wake {
			o.commit(ctx, o.rule.Step(o.now(), power.Tick{}))
		}
		o.endTest()
		next := time.Minute
		if o.wake >= 0 {
			next = min(next, o.wake-time.Since(o.began))
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
		case <-o.mail.wake:
		case <-o.said.changed:
			o.hearWord(ctx, o.said.get())
		case <-o.manual.changed:
			o.commit(ctx, o.rule.Step(o.now(), power.Automatic{On: !o.manual.get()}))
		case err := <-o.written:
			o.wrote(err)
			o.save()
		case <-timer.C:
		}
	}
}

func (o *outage) receive(ctx context.Context, m any) {
	switch m := m.(type) {
	case battery:
		o.hearBattery(ctx, m)
	case power.Stands:
		o.commit(ctx, o.rule.Step(o.now(), m))
	case power.UPSDone:
		o.commit(ctx, o.rule.Step(o.now(), m))
	case lacking:
		o.lacks = string(m)
		o.commit(ctx, o.rule.Step(o.now(), power.Tick{}))
	case brokerGone:
		o.gone = time.Time(m)
		o.missWord(ctx, o.said.get())
	case testOutage:
		o.beginTest(m)
	case tested:
		o.answered(m)
	default:
		panic("bridge: unknown mail about mains")
	}
}

// hearTopic takes in what the MQTT source says. It doesn't wait; a flood costs no
// memory.
func (o *outage) hearTopic(m mqtt.Incoming) {
	o.said.set(topicWord{power.Heard{Source: o.topic, Supply: o.cfg.supply(string(m.Payload)), Retained: m.Retained}, time.Now()})
}

// supply is what a payload of the topic says.
func (c MainsConfig) supply(payload string) power.Supply {
	switch text := strings.TrimSpace(payload); {
	case strings.EqualFold(text, c.Present):
		return power.OnMains
	case strings.EqualFold(text, c.Lost):
		return power.OnBattery
	}
	return power.SupplyUnknown
}

// brokerLost says that the MQTT source can't be heard.
func (o *outage) brokerLost(at time.Time) { o.mail.behind(brokerGone(at)) }

// hearWord tells the rule what the MQTT source said.
func (o *outage) hearWord(ctx context.Context, w topicWord) {
	o.commit(ctx, o.rule.Step(o.now(), w.Heard))
	o.missWord(ctx, w)
}

// missWord tells the rule that the MQTT source is silent, if the connection to the
// broker was lost since its last word. That isn't told again: it would count as new.
func (o *outage) missWord(ctx context.Context, w topicWord) {
	if o.topic >= 0 && w.at.Before(o.gone) {
		o.commit(ctx, o.rule.Step(o.now(), power.Heard{Source: o.topic, Supply: power.SupplyUnknown}))
	}
}

// hearBattery takes in what the UPS server says.
func (o *outage) hearBattery(ctx context.Context, b battery) {
	r := b.reading
	heard := power.Heard{Source: o.server, Supply: power.SupplyUnknown}
	switch {
	case b.err != nil && b.at.Sub(r.At) < upsDeadAfter:
		return
	case b.err != nil:
		o.log.Debug("the UPS can't be read", keyError, b.err)
	case r.ForcedShutdown(), r.Mains() == ups.OnBattery:
		heard.Supply = power.OnBattery // one that is forced cuts power, whatever mains does
	case r.Mains() == ups.OnLine:
		heard.Supply = power.OnMains
	}
	heard.Low, heard.Calibrating = r.LowBattery() || r.ForcedShutdown(), r.Calibrating()
	heard.ChargeTold, heard.Charge = r.Charge.Known, int(r.Charge.Value)
	heard.RuntimeTold, heard.Runtime = r.Runtime.Known, r.Runtime.Value
	o.view.Battery = r
	o.commit(ctx, o.rule.Step(o.now(), heard))
}

// commit records what the rule decided, and tells keepers and device what changed.
// Only the UPS is told nothing that isn't durable.
func (o *outage) commit(ctx context.Context, out power.SiteOutput) {
	o.wake = out.Wake
	o.wanted.Store(o.rule.TellingUPS())
	durable := true
	if out.Record != nil {
		o.log.Info("mains", keyReason, strings.Join(out.Record.What, "; "))
		o.unsaved = out.Record
		durable = o.save()
	}
	if cut := o.rule.UPSCut(); cut != o.cut {
		o.cut = cut
		for _, k := range o.keepers {
			k.mail.behind(cut)
		}
	}
	switch {
	case out.TellUPS && durable:
		o.work.Go(func() { o.mail.behind(o.tellUPS(ctx)) })
	case out.TellUPS:
		o.mail.behind(power.UPSDone{Outcome: power.NotSent, Detail: "the journal can't be written in time: look at the disk of the state directory"})
	}
	for i, k := range o.keepers {
		m, known := o.rule.Mains(i)
		if !known {
			continue
		}
		news := mainsNews{Mains: m, why: o.rule.Why()}
		if m.Deadline > 0 {
			news.deadline, news.Deadline = o.began.Add(m.Deadline), 0
		}
		k.hearMains(news)
	}
	o.show()
}

// save makes the newest record durable and waits for that, but no longer than 2 s: a
// disk that hangs must not keep recorders from being asked.
func (o *outage) save() (durable bool) {
	if o.writing || o.unsaved == nil {
		return false
	}
	r := *o.unsaved
	o.unsaved, o.writing = nil, true
	go func() { o.written <- o.write(r) }()
	return o.await()
}

// await waits for the record that is being written.
func (o *outage) await() (durable bool) {
	select {
	case err := <-o.written:
		return o.wrote(err)
	case <-time.After(lateAfter):
		o.log.Error("what the outage rule knows isn't written yet", keyError, "the disk takes long")
		return false
	}
}

func (o *outage) wrote(err error) (durable bool) {
	o.writing = false
	if err != nil {
		o.log.Error("what the outage rule knows can't be written", keyError, err)
	}
	return err == nil
}

// show shows how it stands.
func (o *outage) show() {
	v := outageView{Battery: o.view.Battery, Test: o.view.Test, Planned: o.rule.PlannedFor(), Status: o.rule.Status()}
	v.Lost, v.Known = o.rule.Lost()
	v.Problem, v.Needs = o.rule.Problem()
	if o.lacks != "" {
		v.Problem, v.Needs = strings.TrimPrefix(v.Problem+"; "+o.lacks, "; "), true
	}
	m := o.rule.Memory()
	v.Manual, v.Last, v.Ended, v.Stopped = m.Manual, m.Since, m.Ended, m.Stopped
	if v.Problem != o.view.Problem {
		o.log.Warn("sources of mains", keyReason, or(v.Problem, "all of them are well again"))
	}
	o.view = v
	o.shown.set(v)
}

// values are what the bridge's device shows of mains, by key. What isn't known has
// no value.
func (v outageView) values(all map[string]value) {
	mains := value{payloadUnknown, map[string]any{"status": v.Status}}
	if v.Known {
		mains.state = onOff(!v.Lost)
	}
	all[discovery.KeyMains] = mains
	all[discovery.KeyMainsProblem] = value{onOff(v.Problem != ""), map[string]any{"problem": v.Problem}}
	all[discovery.KeyAutomaticShutdown] = value{state: onOff(!v.Manual)}
	if !v.Planned.IsZero() {
		all[discovery.KeyPlannedFor] = value{state: timestamp(v.Planned)}
	}
	if !v.Last.IsZero() {
		all[discovery.KeyLastOutage] = value{timestamp(v.Last), v.lastOutage()}
	}
	if v.Test.Result != "" {
		all[discovery.KeyOutageTest] = value{v.Test.Result, v.Test.told()}
	}
	if c := v.Battery.Charge; c.Known {
		all[discovery.KeyUPSCharge] = value{state: strconv.Itoa(int(c.Value))}
	}
	if r := v.Battery.Runtime; r.Known {
		all[discovery.KeyUPSRuntime] = value{state: strconv.Itoa(int(r.Value.Seconds()))}
	}
}

// lastOutage is what is told of the last outage, or the one that lasts.
func (v outageView) lastOutage() map[string]any {
	stopped := map[string]power.State{}
	for _, s := range v.Stopped {
		stopped[s.Recorder] = s.State
	}
	told := map[string]any{"shut_down": stopped}
	if v.Ended.After(v.Last) {
		told["ended"], told["minutes"] = timestamp(v.Ended), int(v.Ended.Sub(v.Last).Minutes())
	}
	return told
}

func (o *outage) now() power.Instant {
	t := time.Now()
	return power.Instant{Wall: t.Round(0), Mono: t.Sub(o.began)}
}

// outageEntry is a record in the journal.
type outageEntry struct {
	Version int              `json:"v"`
	Record  power.SiteRecord `json:"record"`
}

// open reads what is remembered. A journal that can't be used costs no more than the
// time on battery so far, so it is begun anew.
func (o *outage) open() (records []power.SiteRecord) {
	log, found, err := journal.Open(o.path)
	if err != nil {
		o.log.Error("what the outage rule knew can't be read", keyError, err)
		return nil
	}
	o.journal, o.append = log, orAppend(o.append, log)
	for _, content := range found.Records {
		var e outageEntry
		if json.Unmarshal(content, &e) != nil || e.Version != outageVersion {
			err = errors.Join(err, errForeign)
			break
		}
		records = append(records, e.Record)
	}
	if found.Damaged {
		err = errors.Join(err, journal.ErrDamaged)
	}
	if err = errors.Join(err, found.Unwritable); err != nil {
		o.log.Error("what the outage rule knew can't be used as it is", keyError, err)
	}
	return records
}

func (o *outage) write(r power.SiteRecord) error {
	content, err := json.Marshal(outageEntry{outageVersion, r})
	if err != nil {
		panic("bridge: encode outage record: " + err.Error())
	}
	if o.journal == nil {
		return journal.ErrDamaged
	}
	if o.size += len(content); o.size < compactAt {
		err = o.append(content)
	}
	if o.size >= compactAt || err != nil {
		if err = o.journal.Compact([][]byte{content}); err == nil {
			o.size = 0
		}
	}
	return err
}

func (o *outage) close() {
	if o.writing {
		o.await()
	}
	if o.journal == nil || o.writing {
		return
	}
	if err := o.journal.Close(); err != nil {
		o.log.Error("the outage journal can't be closed", keyError, err)
	}
}
