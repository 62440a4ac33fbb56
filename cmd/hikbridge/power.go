package main

import (
	"cmp"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hikbridge/bridge"
)

const (
	plugRelay = "relay"
	plugFree  = "free"

	cutNever    = "never"
	cutProven   = "proven"
	cutPresumed = "presumed"

	shortestTimer = time.Second
	longestTimer  = 24 * time.Hour
)

// power reads what concerns a recorder's power; a is its address, or nil.
func (r *reader) power(prefix string, v recorderVariables, a *address) bridge.PowerConfig {
	c := bridge.PowerConfig{Plug: v.Plug, PlugForm: bridge.PlugForm{
		StateTopic: v.PlugStateTopic, PowerTopic: v.PlugPowerTopic, CommandTopic: v.PlugCommandTopic, AskTopic: v.PlugAskTopic,
		StateField: v.PlugStateField, PowerField: v.PlugPowerField, TimeField: v.PlugTimeField,
		StateOn: v.PlugStateOn, StateOff: v.PlugStateOff, CommandOn: v.PlugOn, CommandOff: v.PlugOff, Ask: v.PlugAsk,
		Meter: r.yes(prefix+"PLUG_METER", v.PlugMeter),
	}}
	r.plugTopics(prefix, v)
	r.plug(prefix, v, c)
	c.Cut = r.cut(prefix, v)
	c.Witness = r.witness(prefix+"WITNESS", v.Witness, a)
	c.OffWatts = r.offWatts(prefix+"OFF_WATTS", v.OffWatts)
	c.AnyOutage = r.yes(prefix+"ANY_OUTAGE", v.AnyOutage)
	c.Timers = r.timers(prefix, v)
	return c
}

// plug judges what package bridge would refuse to start with. What belongs to a
// plug and would do nothing without one is refused as well.
func (r *reader) plug(prefix string, v recorderVariables, c bridge.PowerConfig) {
	if v.Plug == "" {
		var alone []string
		for _, d := range describe[recorderVariables](prefix) {
			if r.env[d.Name] != "" && (strings.HasPrefix(d.Name, prefix+"PLUG_") || d.Name == prefix+"OFF_WATTS") {
				alone = append(alone, d.Name)
			}
		}
		if len(alone) > 0 {
			r.wrong(prefix+"PLUG", "is missing, and there is %s; write which plug it is, as in tasmota:garage_plug or free, or remove the rest", strings.Join(alone, ", "))
		}
		return
	}
	_, err := c.PlugSwitch()
	var wrong *bridge.PlugError
	if !errors.As(err, &wrong) {
		return
	}
	variable := prefix + "PLUG"
	var names []string
	for _, f := range plugFields {
		name := prefix + f.suffix
		if f.field == wrong.Field {
			variable = name
		}
		names = append(names, f.field, name)
	}
	if slices.ContainsFunc(r.problems, func(p problem) bool { return p.Variable == variable }) {
		return
	}
	r.wrong(variable, "%s", strings.NewReplacer(names...).Replace(wrong.Text))
}

// plugFields are the names that package bridge and the variables have for the
// same. A name that begins another one stands after it.
var plugFields = [...]struct{ field, suffix string }{
	{"StateTopic", "PLUG_STATE_TOPIC"}, {"PowerTopic", "PLUG_POWER_TOPIC"}, {"CommandTopic", "PLUG_COMMAND_TOPIC"}, {"AskTopic", "PLUG_ASK_TOPIC"},
	{"StateField", "PLUG_STATE_FIELD"}, {"PowerField", "PLUG_POWER_FIELD"}, {"TimeField", "PLUG_TIME_FIELD"},
	{"StateOn", "PLUG_STATE_ON"}, {"StateOff", "PLUG_STATE_OFF"}, {"CommandOn", "PLUG_ON"}, {"CommandOff", "PLUG_OFF"},
	{"Ask", "PLUG_ASK"}, {"Meter", "PLUG_METER"},
}

// plugKind is the word before the colon.
func plugKind(plug string) string {
	kind, _, _ := strings.Cut(plug, ":")
	return kind
}

// plugTopics sees that a plug's topics are none of the bridge's: it would take
// what it says itself for the plug's word, or command itself.
func (r *reader) plugTopics(prefix string, v recorderVariables) {
	base := fetch[siteVariables](r.env, namespace).Topic
	for _, t := range []struct{ name, value string }{
		{"PLUG_STATE_TOPIC", v.PlugStateTopic}, {"PLUG_POWER_TOPIC", v.PlugPowerTopic},
		{"PLUG_COMMAND_TOPIC", v.PlugCommandTopic}, {"PLUG_ASK_TOPIC", v.PlugAskTopic},
	} {
		r.topic(prefix+t.name, t.value)
		if within(t.value, base) {
			r.wrong(prefix+t.name, "is %sTOPIC or below it, where the bridge itself speaks; write the plug's own topic, or set %sPLUG to relay", namespace, prefix)
		}
	}
}

// cut judges what the bridge may do with the plug. Nobody shall rely on a cut
// that never comes.
func (r *reader) cut(prefix string, v recorderVariables) string {
	variable, cut := prefix+"CUT", strings.ToLower(v.Cut)
	switch cut {
	case cutNever:
		return cut
	case cutProven, cutPresumed:
	default:
		r.wrong(variable, "must be never, proven or presumed")
		return cut
	}
	switch kind := plugKind(v.Plug); {
	case v.Plug == "":
		r.wrong(variable, "is %s, which needs a plug; set %sPLUG, or remove this", cut, prefix)
	case kind == plugRelay:
		r.wrong(variable, "is %s, and the bridge can't switch the plug that %sPLUG calls relay; write never, or describe the plug with tasmota, shelly1, shelly2, zigbee2mqtt or free", cut, prefix)
	case kind == plugFree && v.PlugCommandTopic == "":
		r.wrong(variable, "is %s, which needs %sPLUG_COMMAND_TOPIC; set it, or write never", cut, prefix)
	case cut == cutPresumed && v.Witness == "":
		r.wrong(variable, "is presumed, which needs %sWITNESS, as without one a broken network looks like a recorder that is off; name a host on the recorder's own network switch, or write proven", prefix)
	}
	return cut
}

// shared judges a plug that feeds recorders of before as well: a bridge that takes it
// for several plugs would cut one that still runs.
func (r *reader) shared(prefix string, c bridge.PowerConfig, before []bridge.RecorderConfig) {
	for _, o := range before {
		var wrong *bridge.PlugError
		if !errors.As(c.Shares(o.Power), &wrong) {
			continue
		}
		suffix := map[string]string{"Cut": "CUT", "OffWatts": "OFF_WATTS"}[wrong.Field]
		r.wrong(prefix+cmp.Or(suffix, "PLUG"), "%s; the plug is that of %sPLUG, too", wrong.Text, prefixOf(o.Name))
		return
	}
}

// witness judges a host, with a port or without.
func (r *reader) witness(variable, value string, recorder *address) string {
	if value == "" {
		return ""
	}
	w := address{URL: url.URL{Host: value}}
	if ip, err := netip.ParseAddr(value); err == nil && ip.Is6() {
		w.Host = "[" + value + "]"
	}
	switch text := (urlKind{example: "192.0.2.20 or 192.0.2.20:443"}).judgeHost(&w.URL); {
	case strings.Contains(value, "/"):
		r.wrong(variable, "must be a host alone, as in 192.0.2.20 or 192.0.2.20:443")
	case text != "":
		r.wrong(variable, "%s", text)
	case recorder != nil && w.hostPort() == (&address{URL: recorder.URL}).hostPort():
		r.wrong(variable, "is the recorder itself; name another host on its network switch, or remove this")
	}
	return value
}

func (r *reader) offWatts(variable, value string) float64 {
	if value == "" {
		return 0
	}
	watts, err := strconv.ParseFloat(value, 64)
	if err != nil || !(watts > 0) {
		r.wrong(variable, "must be a number of watts above 0, with a point, as in 0.8")
		return 0
	}
	if err := (bridge.PowerConfig{OffWatts: watts}).Validate(); err != nil {
		r.wrong(variable, "can't be used: %v; write less, or remove it", err)
	}
	return watts
}

// timers reads times; one that isn't set stays zero, which means its default.
func (r *reader) timers(prefix string, v recorderVariables) (t bridge.Timers) {
	for _, row := range []struct {
		name, value string
		into        *time.Duration
	}{
		{"COUNTDOWN", v.Countdown, &t.Countdown}, {"GOING_DOWN", v.GoingDown, &t.GoingDown}, {"QUIET", v.Quiet, &t.Quiet},
		{"PRESUMPTION", v.Presumption, &t.Presumption}, {"DWELL", v.Dwell, &t.Dwell}, {"SETTLE", v.Settle, &t.Settle},
		{"PROOF_DEADLINE", v.ProofDeadline, &t.ProofDeadline}, {"READ_BACK", v.ReadBack, &t.ReadBack}, {"MIN_OFF", v.MinOff, &t.MinOff},
		{"BOOT", v.Boot, &t.Boot}, {"VERIFY", v.Verify, &t.Verify}, {"COMMAND_LIFE", v.CommandLife, &t.CommandLife},
	} {
		if row.value == "" {
			continue
		}
		d, err := time.ParseDuration(row.value)
		if err != nil || d < shortestTimer || d > longestTimer {
			r.wrong(prefix+row.name, "must be a time from 1s to 24h, as in 90s or 10m")
			continue
		}
		*row.into = d
		if err := (bridge.PowerConfig{Timers: t}).Validate(); err != nil {
			r.wrong(prefix+row.name, "can't be used: %v; write a longer time, or remove it", err)
			*row.into = 0 // so that the next ones are judged alone
		}
	}
	return t
}

// yes reads a choice.
func (r *reader) yes(variable, value string) bool {
	switch strings.ToLower(value) {
	case "true":
		return true
	case "false":
		return false
	}
	r.wrong(variable, "must be true or false")
	return false
}
