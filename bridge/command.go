package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hikbridge/bridge/power"
	"hikbridge/discovery"
)

const (
	maxCommand  = 4 << 10          // bytes of a payload
	commandLife = 30 * time.Second // how long after its time a command is valid
	clockSkew   = time.Minute      // how far in the future its time may lie
	idLife      = 2 * time.Minute  // how long an id is remembered beyond its time
	maxIDs      = 1000
	verdictRate = 10 // verdicts a second and target; more are dropped and counted
	maxIDLength = 128
	maxReason   = 500
	maxForce    = 30
	plainPress  = "PRESS" // what a button without a template sends
)

// action is what a command asks for, the last level of its topic.
type action string

const (
	actionRetrySignIn action = "retry_sign_in"
	actionTakePicture action = "take_picture"
	actionAutomatic   action = "automatic_shutdown"
	actionTestOutage         = action(power.TestOutage) // of the whole site
	actionPause       action = "pause_alerts"
	actionResume      action = "resume_alerts"
)

// known says whether there is such an action for a target.
func (a action) known(t target) bool {
	switch {
	case a == actionRetrySignIn:
		return t.camera == ""
	case a == actionPause, a == actionResume:
		return t.camera == "" && t.name != discovery.SiteTarget
	case a == actionTakePicture:
		return t.camera != ""
	case a == actionAutomatic || a == actionTestOutage:
		return t.name == discovery.SiteTarget && t.camera == ""
	}
	return a.power() && t.camera == "" && t.name != discovery.SiteTarget
}

// power says that the action is about power: the recorder's keeper judges it.
func (a action) power() bool {
	switch power.Action(a) {
	case power.Check, power.Plan, power.Shutdown, power.Reboot, power.Drill, power.ConfirmOff, power.PowerOn,
		power.PowerCycle, power.Cancel:
		return true
	case power.Outage, power.TestOutage: // no command of a recorder's
	}
	return false
}

const knownActions = "for a recorder retry_sign_in, pause_alerts, resume_alerts, check, plan, shutdown, reboot, power_cycle, power_on, cancel, drill and confirm_off, for a camera take_picture, for the site retry_sign_in, test_outage and automatic_shutdown"

// target is what a command is for: a recorder or the site, and a camera or none.
type target struct{ name, camera string }

// envelope is the payload of a command.
type envelope struct {
	ID     string   `json:"id"`
	At     int64    `json:"at"` // unix seconds
	By     string   `json:"by"`
	Reason string   `json:"reason"`
	Force  []string `json:"force"`
	State  string   `json:"state"` // of a switch: ON or OFF
	// Minutes is for how long alerts are paused; nil: as usual.
	Minutes *int `json:"minutes"`
}

// verdict is what is published about a command: one when checking ends, and for
// an accepted one the outcome.
type verdict struct {
	EventType string `json:"event_type"` // accepted, refused, duplicate, expired; done, failed, cancelled
	ID        string `json:"id,omitempty"`
	Action    action `json:"action,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
	By        string `json:"by,omitempty"`
	Camera    string `json:"camera,omitempty"`
	// Findings are what speaks against a power action, or for looking first.
	Findings []Blocker `json:"findings,omitempty"`
}

const (
	verdictAccepted  = "accepted"
	verdictRefused   = "refused"
	verdictDuplicate = "duplicate"
	verdictExpired   = "expired"
	outcomeDone      = "done"
	outcomeFailed    = "failed"
)

// gatekeeper decides on commands to one target (a recorder, or the site). It is
// owned by one goroutine and takes the time as an argument.
type gatekeeper struct {
	seen    map[string]seenID
	second  time.Time
	spent   int // verdicts in this second
	dropped int // commands dropped unexecuted in this second
}

type seenID struct {
	content uint64
	until   time.Time
}

func newGatekeeper() *gatekeeper { return &gatekeeper{seen: map[string]seenID{}} }

// check judges one command. ok tells that it may be carried out, or for one about
// power that its form is good; v is its verdict, nil when none is published (empty
// payload, flood). A cancel is always looked at.
func (g *gatekeeper) check(now time.Time, t target, a action, payload []byte, retained bool) (v *verdict, e envelope, ok bool) {
	if len(payload) == 0 {
		return nil, e, false
	}
	if power.Action(a) != power.Cancel && g.full(now) {
		g.dropped++
		return nil, e, false
	}
	v, e = g.judge(now, t, a, payload, retained)
	v.Camera = t.camera
	return v, e, v.EventType == verdictAccepted
}

func (g *gatekeeper) full(now time.Time) bool {
	if now.Sub(g.second) >= time.Second {
		g.second, g.spent = now, 0
	}
	g.spent++
	return g.spent > verdictRate
}

// flood gives the verdict on what was dropped since it was asked last, which is
// once a second.
func (g *gatekeeper) flood() *verdict {
	if g.dropped == 0 {
		return nil
	}
	n := g.dropped
	g.dropped = 0
	return flooded(n)
}

// flooded tells of commands that nobody looked at.
func flooded(n int) *verdict {
	return &verdict{EventType: verdictRefused, Reason: "flood",
		Message: fmt.Sprintf("%s dropped: at most %d a second are looked at", count(n, "command"), verdictRate)}
}

func (g *gatekeeper) judge(now time.Time, t target, a action, payload []byte, retained bool) (*verdict, envelope) {
	refuse := func(reason, message string) (*verdict, envelope) {
		return &verdict{EventType: verdictRefused, Action: a, Reason: reason, Message: message}, envelope{}
	}
	switch {
	case !a.known(t):
		a = action(fmt.Sprintf("%.40s", string(a))) // a topic has room for 64 KiB of them
		return refuse("unknown_action", fmt.Sprintf("%q is no action here; there are %s", string(a), knownActions))
	case retained:
		return refuse("retained", "a retained command would be repeated at every connection; it was cleared, publish without RETAIN")
	case len(payload) > maxCommand:
		return refuse("too_long", fmt.Sprintf("a command has at most %d bytes", maxCommand))
	}
	if payload[0] != '{' {
		if word := string(payload); (word == plainPress || word == string(a)) && a != actionAutomatic {
			return &verdict{EventType: verdictAccepted, Action: a}, envelope{}
		}
		if a == actionAutomatic {
			return refuse("malformed", "send JSON with id, at and state")
		}
		return refuse("malformed", fmt.Sprintf("send %s, or JSON with id and at", plainPress))
	}
	e, err := parseEnvelope(payload)
	if err != nil {
		return refuse("malformed", err.Error())
	}
	switch switches := e.State == onOff(true) || e.State == onOff(false); {
	case !switches && (e.State != "" || a == actionAutomatic), switches && a != actionAutomatic && a != actionPause:
		return refuse("malformed", "state must be ON or OFF for a switch, and is for nothing else")
	case e.Minutes != nil && (a != actionPause || e.State == onOff(false)):
		return refuse("malformed", "minutes is for pausing alerts, and for nothing else")
	case e.Minutes != nil && (*e.Minutes < 1 || *e.Minutes > int(pauseLongest/time.Minute)):
		return refuse("malformed", fmt.Sprintf("minutes must be 1 to %d", int(pauseLongest/time.Minute)))
	}
	v := &verdict{EventType: verdictAccepted}
	if !a.power() { // time and id are judged where they are remembered
		v = g.judgeEnvelope(now, e, payload)
	}
	v.ID, v.Action, v.By = e.ID, a, e.By
	return v, e
}

// judgeEnvelope looks at time and id.
func (g *gatekeeper) judgeEnvelope(now time.Time, e envelope, payload []byte) *verdict {
	at := time.Unix(e.At, 0)
	g.forget(now)
	content := hash(payload)
	if s, ok := g.seen[e.ID]; ok {
		if s.content == content {
			return &verdict{EventType: verdictDuplicate, Reason: "duplicate", Message: "this id was seen before; nothing is done twice"}
		}
		return &verdict{EventType: verdictRefused, Reason: "id_reused", Message: "this id was used for another command; make a new one"}
	}
	switch {
	case at.Sub(now) > clockSkew:
		return &verdict{EventType: verdictRefused, Reason: "wrong_clock",
			Message: fmt.Sprintf("the command's time lies %v ahead of this clock; set the clocks of both machines", at.Sub(now).Round(time.Second))}
	case now.Sub(at) > commandLife:
		return &verdict{EventType: verdictExpired, Reason: "expired",
			Message: fmt.Sprintf("the command is %v old and valid for %v; is a clock wrong?", now.Sub(at).Round(time.Second), commandLife)}
	case len(g.seen) >= maxIDs:
		return &verdict{EventType: verdictRefused, Reason: "too_many_ids", Message: "too many commands lately; try again in two minutes"}
	}
	g.seen[e.ID] = seenID{content, at.Add(idLife)}
	return &verdict{EventType: verdictAccepted}
}

func (g *gatekeeper) forget(now time.Time) {
	for id, s := range g.seen {
		if now.After(s.until) {
			delete(g.seen, id)
		}
	}
}

func hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// parseEnvelope is strict: unknown and doubled keys, wrong types and trailing
// bytes are refused, so that a typing error never becomes another command.
func parseEnvelope(payload []byte) (envelope, error) {
	var e envelope
	if !utf8.Valid(payload) {
		return e, errors.New("the payload is no UTF-8")
	}
	if err := doubledKey(payload); err != nil {
		return e, err
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	var wrong *json.UnmarshalTypeError
	switch err := d.Decode(&e); {
	case errors.As(err, &wrong) && wrong.Field != "":
		return e, fmt.Errorf("%.40s can't be a JSON %.40s", wrong.Field, wrong.Value)
	case err != nil:
		return e, fmt.Errorf("the JSON can't be read: %.100s", strings.TrimPrefix(err.Error(), "json: ")) // it may quote all of it
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return e, errors.New("there is something behind the JSON")
	}
	switch {
	case e.ID == "" || len(e.ID) > maxIDLength:
		return e, fmt.Errorf("id must have 1 to %d characters", maxIDLength)
	case e.At <= 0:
		return e, errors.New("at must be the time in unix seconds")
	case len(e.By) > maxIDLength || len(e.Reason) > maxReason:
		return e, fmt.Errorf("by has at most %d bytes, reason %d", maxIDLength, maxReason)
	case len(e.Force) > maxForce || slices.ContainsFunc(e.Force, func(id string) bool { return len(id) > maxIDLength }):
		return e, fmt.Errorf("force lists at most %d ids of findings", maxForce)
	}
	return e, nil
}

// pause is what a recorder's loop is asked about alerts.
func (e envelope) pause(a action) pauseOrder {
	o := pauseOrder{id: e.ID, by: e.By, action: a}
	switch {
	case a == actionResume, e.State == onOff(false):
	case e.Minutes != nil:
		o.lasts = time.Duration(*e.Minutes) * time.Minute
	default:
		o.lasts = pauseUsual
	}
	return o
}

// command is what the keeper is asked.
func (e envelope) command(a action, payload []byte) power.Command {
	c := power.Command{Action: power.Action(a), Plain: e.ID == "", ID: e.ID, By: e.By, Reason: e.Reason, Force: e.Force, Content: hash(payload)}
	if !c.Plain {
		c.At = time.Unix(e.At, 0)
	}
	return c
}

// doubledKey finds a repeated key of the outer object, which encoding/json
// would take the last value of; names are compared without case, as it does.
func doubledKey(payload []byte) error {
	d := json.NewDecoder(bytes.NewReader(payload))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("the JSON can't be read: it must be a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("the JSON can't be read: %s", err)
		}
		key, _ := t.(string)
		key = strings.ToLower(key)
		if seen[key] {
			return fmt.Errorf("key %.40q stands twice", key)
		}
		seen[key] = true
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return fmt.Errorf("the JSON can't be read: %s", err)
		}
	}
	return nil
}
