package bridge

import (
	"strings"
	"time"

	"hikbridge/bridge/power"
	"hikbridge/discovery"
)

const (
	testRunning = "running"
	testPassed  = "passed"
	testFailed  = "failed"
)

// testOutage asks for a test of an outage.
type testOutage struct{ id, by string }

// tested is what a recorder says in it.
type tested struct {
	place  int
	answer power.Answer
}

// outageTest is a test of an outage under way: every recorder is judged and counted
// down as in an outage, and none is asked for anything but answers.
type outageTest struct {
	testOutage
	open    map[int]bool      // recorders that haven't answered; nil: no test is under way
	says    map[string]string // by recorder
	problem bool
}

func (t outageTest) runs() bool { return t.open != nil }

// testView is what is shown of the last test.
type testView struct {
	Result    string // empty: none
	At        time.Time
	Mains     string
	Recorders map[string]string
}

// told are the attributes of a test, which while it runs is only when it began.
func (v testView) told() map[string]any {
	a := map[string]any{"at": timestamp(v.At)}
	if v.Recorders != nil {
		a["mains"], a["recorders"] = v.Mains, v.Recorders
	}
	return a
}

func (o *outage) beginTest(t testOutage) {
	if o.test.runs() {
		o.testVerdict(t, outcomeFailed, "busy", "a test runs already; its result follows")
		return
	}
	o.test = outageTest{testOutage: t, open: map[int]bool{}, says: map[string]string{}}
	for _, k := range o.keepers {
		o.test.open[k.place] = true
		if !k.mail.post(true, power.Command{Action: power.TestOutage, Plain: true, By: t.by}) {
			o.fails(k.place, "it has too much to do; try again")
		}
	}
	o.view.Test = testView{Result: testRunning, At: time.Now()}
	o.show()
}

// answered takes in a verdict, or the outcome of what was accepted.
func (o *outage) answered(m tested) {
	switch {
	case !o.test.open[m.place] || m.answer.Type == power.Accepted:
	case m.answer.Type == power.Finished:
		o.says(m.place, m.answer.Message)
	default:
		o.fails(m.place, m.answer.Message)
	}
}

func (o *outage) says(place int, message string) {
	delete(o.test.open, place)
	o.test.says[o.keepers[place].cfg.Name] = message
}

func (o *outage) fails(place int, message string) {
	o.test.problem = true
	o.says(place, message)
}

// endTest tells the result once every recorder has answered, which takes a machine half
// a minute.
func (o *outage) endTest() {
	t := &o.test
	if !t.runs() || len(t.open) > 0 {
		return
	}
	mains, ok := o.sources()
	v := testView{Result: testPassed, At: time.Now(), Mains: mains, Recorders: t.says}
	event, reason := outcomeDone, ""
	if t.problem || !ok {
		v.Result, event, reason = testFailed, outcomeFailed, "not_ready"
	}
	text := []string{mains}
	for _, k := range o.keepers {
		text = append(text, k.cfg.Name+": "+strings.TrimSuffix(t.says[k.cfg.Name], "."))
	}
	o.testVerdict(t.testOutage, event, reason, strings.Join(text, "; "))
	o.test, o.view.Test = outageTest{}, v
	o.show()
}

// sources says how mains is, and whether an outage would be noticed and acted on.
func (o *outage) sources() (text string, ok bool) {
	_, known := o.rule.Lost()
	switch {
	case o.view.Problem != "":
		return o.view.Problem, false
	case !known:
		return "no source has said yet whether mains is there", false
	case o.rule.Memory().Manual:
		return "the automatic shutdown is switched off", false
	}
	return strings.ToLower(o.rule.Status()[:1]) + strings.TrimSuffix(o.rule.Status()[1:], "."), true
}

func (o *outage) testVerdict(t testOutage, event, reason, message string) {
	o.log.Info("test of an outage", keyState, event, keyReason, message)
	o.keepers[0].site.verdict(discovery.SiteTarget, &verdict{EventType: event, ID: t.id, By: t.by, Action: actionTestOutage, Reason: reason, Message: message})
}
