package bridge

import (
	"errors"
	"time"

	"hikbridge/mqtt"
	"hikbridge/nvr"
)

// JudgeCommand gives the verdict on one command to a fresh gatekeeper.
func JudgeCommand(now time.Time, action_ string, payload []byte, retained bool) (eventType string, accepted bool) {
	v, _, ok := newGatekeeper().check(now, target{name: "garage"}, action(action_), payload, retained)
	if v == nil {
		return "", ok
	}
	return v.EventType, ok
}

// Route reads a command's topic on a bridge with one recorder.
func Route(base, recorder, topic string) (name, camera, act string, ok bool) {
	b := &Bridge{site: &site{cfg: Config{Topic: base}}, recorders: map[string]*recorderAlias{recorder: nil}}
	t, a, ok := b.route(topic)
	return t.name, t.camera, string(a), ok
}

// recorderAlias keeps the type apart from the parameter of Route.
type recorderAlias = recorder

// NoRoom lets a recorder take no message, as one whose inbox is full. It comes
// before Run.
func (b *Bridge) NoRoom(recorder string) { b.recorders[recorder].inbox = nil }

// Heard gives a plug's report to a recorder's keeper, which doesn't run, and says
// what became of it.
func (b *Bridge) Heard(recorder, topic, payload string) (mail []any) {
	k := b.recorders[recorder].keeper
	k.hearPlug(mqtt.Incoming{Topic: topic, Payload: []byte(payload)})
	for {
		m, ok := k.mail.take()
		if !ok {
			return mail
		}
		mail = append(mail, m)
	}
}

// LargeJournal makes a recorder's journal as large as one that is written anew. It
// is for the keeper's goroutine.
func (b *Bridge) LargeJournal(recorder string) { b.recorders[recorder].keeper.size = compactAt + 1 }

// SlowJournal calls slow before each record of a recorder's journal is written. It
// comes before Run.
func (b *Bridge) SlowJournal(recorder string, slow func(record []byte)) {
	k := b.recorders[recorder].keeper
	k.append = func(record []byte) error {
		slow(record)
		return k.journal.Append(record)
	}
}

// Patient lets a recorder's keeper wait for its disk for an hour, as a process that is
// stopped for so long does. It comes before Run.
func (b *Bridge) Patient(recorder string) { b.recorders[recorder].keeper.patience = time.Hour }

// SlowOutageJournal calls slow before each record of the outage rule is written. It
// comes before Run.
func (b *Bridge) SlowOutageJournal(slow func(record []byte)) {
	o := b.site.outage
	o.append = func(record []byte) error {
		slow(record)
		return o.journal.Append(record)
	}
}

// FillJournal lets the next record find a journal that has to be compacted. It is
// called by what SlowJournal was given.
func (b *Bridge) FillJournal(recorder string) { b.recorders[recorder].keeper.size = compactAt + 1 }

// Stands says whether a recorder may lose its power by what feeds others as well.
func (b *Bridge) Stands(recorder string) bool { return b.recorders[recorder].keeper.gate.stands() }

// Pause is the rule of pauses.
type Pause struct{ p pause }

// Standing is how a recorder stands.
type Standing struct{ Ask, Careful, Counting bool }

// NewPause is the rule at a start: with something to put back or without, with what
// is known of the setting.
func NewPause(left, has, may bool) Pause {
	return Pause{pause{left: left, back: left, app: nvr.Maybe[bool]{Value: has, Known: has}, may: nvr.Maybe[bool]{Value: may, Known: may}}}
}

func (p *Pause) Begin(now time.Time, d time.Duration)   { p.p.begin(now, d) }
func (p *Pause) Resume()                                { p.p.resume() }
func (p *Pause) SequenceMoved(now time.Time, runs bool) { p.p.sequenceMoved(now, runs) }
func (p *Pause) MayNot()                                { p.p.may = known(false) }
func (p *Pause) Ready()                                 { p.p.ready() }
func (p *Pause) Silent(now time.Time) bool              { return p.p.silent(now) }
func (p *Pause) Quiet(now time.Time) bool               { return p.p.quiet(now) }
func (p *Pause) Sure() bool                             { return p.p.left && p.p.sure }

// Step names what is to be done.
func (p *Pause) Step(now time.Time, s Standing) (string, time.Time) {
	step, wake := p.p.step(now, standing{ask: s.Ask, careful: s.Careful, counting: s.Counting})
	return [...]string{"nothing", "silence", "put back", "forget", "give up"}[step], wake
}

// pauseErrors are why something failed, by name.
var pauseErrors = map[string]error{"unsupported": nvr.ErrUnsupported, "forbidden": nvr.ErrForbidden, "disk": errJournal,
	"document": errors.Join(nvr.ErrUnsupported, nvr.ErrDocument), "not kept": nvr.ErrNotKept, "missing": nvr.ErrBusy,
	"unknown": nvr.ErrBusy, "refused": nvr.ErrBusy, "not sent": nvr.ErrBusy}

func (p *Pause) Silenced(now time.Time, outcome string, left bool, why string) {
	o := map[string]nvr.Outcome{"done": nvr.OutcomeDone, "unknown": nvr.OutcomeUnknown, "not sent": nvr.OutcomeNotSent, "refused": nvr.OutcomeRefused}[outcome]
	p.p.silenced(now, silencing{outcome: o, left: left, already: why == "already", err: pauseErrors[why]})
}

func (p *Pause) WasPutBack(now time.Time, left bool, why string) {
	b := putBack{left: left, err: pauseErrors[why]}
	if why == "missing" {
		b.Missing = []int{1}
	}
	p.p.wasPutBack(now, b)
}

// FullShutdown says whether an action of the log book was one.
func FullShutdown(a Action) bool { return a.full() }
