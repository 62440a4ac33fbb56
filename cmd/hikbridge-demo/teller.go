package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
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
	fmt.Fprintf(t.out, "%s  %-10s %s\n", time.Now().Format("15:04:05"), who, text)
}

func (t *teller) intro(broker *net.TCPAddr) {
	host := broker.IP.String()
	if broker.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	fmt.Fprintf(t.out, `hikbridge on two simulated recorders. Ctrl-C ends it.
To see every topic, in another terminal:
  mosquitto_sub -h %s -p %d -t 'hikbridge/#' -t 'homeassistant/#' -v
To see it in Home Assistant, start it with -listen 0.0.0.0:1883 and add the MQTT integration with this machine as broker.

`, host, broker.Port)
}

// Enabled, Handle, WithAttrs and WithGroup make it a slog.Handler.
func (t *teller) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (t *teller) Handle(_ context.Context, r slog.Record) error {
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

// tell prints what changes on the broker until ctx ends.
func (t *teller) tell(ctx context.Context, heard <-chan message) {
	states := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-heard:
			if who, text := describe(m, states); text != "" {
				t.line(who, text)
			}
		}
	}
}

// describe says in words what a message tells, or nothing. states holds the last
// payload of each topic.
func describe(m message, states map[string]string) (who, text string) {
	if strings.HasSuffix(m.topic, "/config") {
		return describeDocument(m.payload)
	}
	rest, ok := strings.CutPrefix(m.topic, "hikbridge/")
	who, entity, _ := strings.Cut(rest, "/")
	entity = strings.ReplaceAll(strings.ReplaceAll(entity, "ch/", "camera "), "/", ", ")
	entity = strings.ReplaceAll(entity, "_", " ")
	switch {
	case ok && strings.HasSuffix(m.topic, "/picture"):
		return who, fmt.Sprintf("%s of %d bytes", entity, len(m.payload))
	case ok && strings.HasSuffix(m.topic, "/event"):
		return who, describeEvent(strings.TrimSuffix(entity, ", event"), m.payload)
	}
	was, known := states[m.topic]
	states[m.topic] = string(m.payload)
	if !ok || was == string(m.payload) || strings.HasSuffix(m.topic, "/attributes") || strings.HasSuffix(m.topic, "/last_message") {
		return "", ""
	}
	if known {
		return who, fmt.Sprintf("%s: %s (was %s)", entity, m.payload, was)
	}
	if entity == "status" {
		return who, fmt.Sprintf("%s: %s", entity, m.payload)
	}
	return "", "" // the first values of everything else would hide what happens
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
