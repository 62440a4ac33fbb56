package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// teller prints plain lines: what the bridge writes into its log, and what it
// publishes. It is the bridge's slog.Handler. Any goroutine may use it.
type teller struct {
	mu    sync.Mutex
	out   io.Writer
	attrs []slog.Attr
	root  *teller // holds mu and out, nil for the root itself
}

func newTeller(out io.Writer) *teller { return &teller{out: out} }

// line prints one line with the time and who it is about.
func (t *teller) line(who, text string) {
	if t.root != nil {
		t.root.line(who, text)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.print(fmt.Sprintf("%s  %-10s ", time.Now().Format("15:04:05"), who), text)
}

// row is a line that isn't about a moment; its name stands before it, unless it is
// a head.
type row struct{ name, text string }

// block prints rows, apart from what is before and after.
func (t *teller) block(rows ...row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(t.out)
	for _, r := range rows {
		first := ""
		if r.name != "" {
			first = fmt.Sprintf("  %-8s  ", r.name)
		}
		t.print(first, r.text)
	}
	fmt.Fprintln(t.out)
}

// print writes a text behind first, and what doesn't fit below it.
func (t *teller) print(first, text string) {
	for _, line := range wrap(text, width-len(first)) {
		fmt.Fprintf(t.out, "%s%s\n", first, line)
		first = strings.Repeat(" ", len(first))
	}
}

// intro says what is to be seen, and what is otherwise than at home.
func (t *teller) intro(broker *net.TCPAddr, s story) {
	t.block(
		row{"", "hikbridge on two simulated recorders, each behind a plug with a meter, both on one UPS. " + s.about + " q or Ctrl-C ends it."},
		row{"another", s.other},
		row{"topics", fmt.Sprintf("mosquitto_sub -h %s -p %d -t 'hikbridge/#' -t 'homeassistant/#' -v", broker.IP, broker.Port)},
		row{"join", "To see it in Home Assistant, start the demo with -listen 0.0.0.0:1883 and add the MQTT integration " +
			"with this machine as broker."},
		row{"shorter", fmt.Sprintf("Here a recorder halts %.0f s after it was told and boots in %.0f s, and a battery drains and charges within "+
			"minutes; real ones need more. The bridge counts a shutdown by hand down for %.0f s instead of 10, a recorder that said OK may "+
			"go on answering for %.0f s instead of 90, and %.0f s on battery ask for a shutdown instead of 5 minutes.",
			(goesOn + flushes).Seconds(), boots.Seconds(), countdown.Seconds(), goingDown.Seconds(), onBattery.Seconds())},
		row{"the same", "As at home are 15 s of silence and low power, 30 s more in which that must hold, " +
			"15 s without power, and 20 s of answers after the boot. So are, when mains is lost, 10 s until that counts, " +
			"5 s of countdown, 30 s of mains that end it, and 2 minutes of mains until recorders come back."},
		row{"outages", "One recorder is shut down after the other, the garage's first (OUTAGE_PARALLEL=1), " +
			"although no drill was passed (ANY_OUTAGE=true)."},
		row{"plugs", "The garage's is switched off by an automation of the home, once Safe to cut power is on; " +
			"the barn's by the bridge itself (CUT=proven)."},
		row{"keys", keysText()},
	)
}

// Enabled, Handle, WithAttrs and WithGroup make it a slog.Handler.
func (t *teller) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (t *teller) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "power state changed" || strings.HasPrefix(r.Message, "command ") {
		return nil // what is published says the same
	}
	if r.Message == "mains" {
		r.Attrs(func(a slog.Attr) bool { t.line("mains", a.Value.String()); return false })
		return nil
	}
	who := "bridge"
	var details []string
	add := func(a slog.Attr) bool {
		if a.Key == "recorder" {
			who = a.Value.String()
		} else {
			details = append(details, fmt.Sprintf("%s %s", a.Key, a.Value))
		}
		return true
	}
	for _, a := range t.attrs {
		add(a)
	}
	r.Attrs(add)
	text := r.Message
	if len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	t.line(who, text)
	return nil
}

func (t *teller) WithAttrs(attrs []slog.Attr) slog.Handler {
	root := t
	if t.root != nil {
		root = t.root
	}
	return &teller{root: root, attrs: append(append([]slog.Attr{}, t.attrs...), attrs...)}
}

func (t *teller) WithGroup(string) slog.Handler { return t }

// untold are topics, by their last level, whose changes would hide what happens.
var untold = [...]string{"attributes", "last_message", "availability", "events", "idle", "expected_finish", "last_power_action", "last_boot", "last_outage", "shutdown_planned_for", "ups_runtime"}

// unknown is the value of what isn't known.
const unknown = "None"

// describe says in words what a message tells, or nothing. states holds the last
// payload of each topic.
func describe(m message, states map[string]string) (who, text string) {
	if strings.HasSuffix(m.topic, "/config") {
		return describeDocument(m.payload)
	}
	rest, ok := strings.CutPrefix(m.topic, "hikbridge/")
	switch {
	case !ok:
		return describePlug(m, states)
	case strings.HasPrefix(rest, "command/"):
		return "", "" // its result says what it was
	case rest == "bridge/mains/attributes":
		return describeMains(m.payload, states)
	}
	who, entity, _ := strings.Cut(rest, "/")
	entity = strings.ReplaceAll(strings.ReplaceAll(entity, "ch/", "camera "), "/", ", ")
	entity = strings.ReplaceAll(entity, "_", " ")
	switch path.Base(m.topic) {
	case "picture":
		return who, fmt.Sprintf("%s of %d bytes", entity, len(m.payload))
	case "event":
		return who, describeEvent(strings.TrimSuffix(entity, ", event"), m.payload)
	case "result":
		return who, describeResult(m.payload)
	}
	payload := string(m.payload)
	was, known := states[m.topic]
	states[m.topic] = payload
	switch {
	case was == payload || slices.Contains(untold[:], path.Base(m.topic)):
		return "", ""
	case entity == "status", entity == "power state" && known:
		return who, entity + ": " + payload
	case !known || was == unknown || payload == unknown:
		return "", "" // the first values of everything would hide what happens, as would a pause in which nothing is asked
	}
	return who, fmt.Sprintf("%s: %s (was %s)", entity, payload, was)
}

// describeMains tells how mains is, when that changes; but for the first time, as
// nothing has happened yet.
func describeMains(payload []byte, states map[string]string) (who, text string) {
	var told struct {
		Status string `json:"status"`
	}
	was, known := states["mains status"]
	if json.Unmarshal(payload, &told) != nil || told.Status == was {
		return "", ""
	}
	states["mains status"] = told.Status
	if !known {
		return "", ""
	}
	return "mains", told.Status
}

// describePlug tells what a Tasmota says of its relay and its meter, when that
// changes.
func describePlug(m message, states map[string]string) (who, text string) {
	levels := strings.Split(m.topic, "/")
	if len(levels) != 3 || levels[0] != "tele" && levels[0] != "stat" {
		return "", ""
	}
	var told struct {
		Power  string `json:"POWER"`
		Energy struct {
			Power *float64
		} `json:"ENERGY"`
	}
	if json.Unmarshal(m.payload, &told) != nil {
		return "", ""
	}
	var news []string
	note := func(what, value string) {
		if key := levels[1] + " " + what; states[key] != value {
			states[key] = value
			news = append(news, value)
		}
	}
	if told.Power != "" {
		note("relay", "plug: "+strings.ToLower(told.Power))
	}
	if told.Energy.Power != nil {
		note("meter", fmt.Sprintf("plug: %.1f W", *told.Energy.Power))
	}
	return strings.TrimSuffix(levels[1], plugTopic("")), strings.Join(news, ", ")
}

// describeResult tells the verdict on a command, or its outcome.
func describeResult(payload []byte) string {
	var r struct {
		Type    string `json:"event_type"`
		Action  string `json:"action"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	if json.Unmarshal(payload, &r) != nil {
		return ""
	}
	text := strings.ReplaceAll(r.Action, "_", " ") + " " + r.Type
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}

// describeEvent tells what a camera has seen.
func describeEvent(camera string, payload []byte) string {
	var e struct {
		Type   string `json:"event_type"`
		Target string `json:"target"`
	}
	if json.Unmarshal(payload, &e) != nil {
		return ""
	}
	text := camera + " detects " + strings.ReplaceAll(e.Type, "_", " ")
	if e.Target != "" {
		text += " by a " + e.Target
	}
	return text
}

// describeDocument counts what a device was announced with.
func describeDocument(payload []byte) (who, text string) {
	var d struct {
		Device struct {
			Name  string `json:"name"`
			Model string `json:"mdl"`
		} `json:"dev"`
		Components map[string]json.RawMessage `json:"cmps"`
	}
	if json.Unmarshal(payload, &d) != nil {
		return "", ""
	}
	name := d.Device.Name
	if d.Device.Model != "" {
		name += " (" + d.Device.Model + ")"
	}
	if len(d.Components) == 1 {
		return "announced", name + " with 1 entity"
	}
	return "announced", fmt.Sprintf("%s with %d entities", name, len(d.Components))
}
