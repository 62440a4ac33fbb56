package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"

	"hikbridge/bridge"
)

const (
	namespace      = "HIKBRIDGE_"
	recorderPrefix = namespace + "NVR_"
	brokerPrefix   = namespace + "MQTT_"
	namesVariable  = namespace + "NVRS"
)

// The variables, in the order in which they are shown and judged. Every field is
// text: what a person wrote is judged here, where its name is known, and not by
// the library, whose errors hold the value. The tag default is what is shown
// where no fixed text is the default; desc is what help and README say.

// listVariables name the recorders if there are several.
type listVariables struct {
	Names string `env:"NVRS" default:"one recorder, named nvr" desc:"names of several recorders, as in garage,back-yard. Then HIKBRIDGE_NVR_GARAGE_URL, HIKBRIDGE_NVR_BACK_YARD_URL and so on replace the HIKBRIDGE_NVR_… below"`
}

// recorderVariables are those of one recorder.
type recorderVariables struct {
	URL          string        `env:"URL" default:"required" desc:"the recorder's address: http://192.0.2.10 or https://recorder.example.org:8443"`
	Username     string        `env:"USERNAME" default:"required" desc:"user on the recorder, best one of its own"`
	Password     bridge.Secret `env:"PASSWORD" default:"required, or the file" desc:"its password, taken exactly as it is written"`
	PasswordFile string        `env:"PASSWORD_FILE" desc:"file that holds the password; a line break at its end doesn't count"`
	TLS          string        `env:"TLS" default:"verify" desc:"for https: verify (as a browser does), pin (only the certificate with the fingerprint below), insecure (any certificate), legacy (any certificate or the pinned one, and the old TLS of old devices)"`
	Fingerprint  string        `env:"TLS_FINGERPRINT" desc:"SHA-256 of the recorder's certificate, 64 hexadecimal digits, colons allowed; alone it means pin. hikbridge check shows it"`
	Channels     string        `env:"CHANNELS" default:"all" desc:"channels to show, as in 1,2,5, by their numbers on the recorder"`
	Maintenance  string        `env:"MAINTENANCE_MONTHS" envDefault:"12" desc:"months after its last full shutdown at which Maintenance due turns on; 0: never"`

	Plug             string `env:"PLUG" default:"none" desc:"the plug that feeds the recorder: tasmota:TOPIC, shelly1:ID, shelly2:PREFIX, zigbee2mqtt:NAME, relay (any plug of Home Assistant, relayed to hikbridge/plug/nvr/state and power), or free (the variables below describe it). It is read, and switched on when the recorder is to come back"`
	PlugStateTopic   string `env:"PLUG_STATE_TOPIC" desc:"free: topic that tells whether the plug is on; with other plugs this and the next replace what they usually do"`
	PlugPowerTopic   string `env:"PLUG_POWER_TOPIC" desc:"free: topic that tells the power in watts, if another one"`
	PlugCommandTopic string `env:"PLUG_COMMAND_TOPIC" desc:"free: topic that switches it; without it the bridge can't"`
	PlugAskTopic     string `env:"PLUG_ASK_TOPIC" desc:"free: topic at which it is asked for both"`
	PlugStateField   string `env:"PLUG_STATE_FIELD" default:"the whole message" desc:"where the state stands in a JSON message, as in state or relays.0.on"`
	PlugPowerField   string `env:"PLUG_POWER_FIELD" default:"the whole message" desc:"where the power stands in a JSON message, as in ENERGY.Power"`
	PlugTimeField    string `env:"PLUG_TIME_FIELD" desc:"where in the same message a time or counter stands that moves with every new measurement, and only then; without it a repeated figure can't be told from a new one, and a proof takes longer or never comes"`
	PlugStateOn      string `env:"PLUG_STATE_ON" default:"ON or true" desc:"what the state says when it is on"`
	PlugStateOff     string `env:"PLUG_STATE_OFF" default:"OFF or false" desc:"what the state says when it is off"`
	PlugOn           string `env:"PLUG_ON" default:"ON" desc:"message that switches it on"`
	PlugOff          string `env:"PLUG_OFF" default:"OFF" desc:"message that switches it off"`
	PlugAsk          string `env:"PLUG_ASK" default:"an empty one" desc:"message that asks it"`
	PlugMeter        string `env:"PLUG_METER" envDefault:"false" desc:"free: true if it has a meter; a power topic or field says so, too"`
	Cut              string `env:"CUT" envDefault:"never" desc:"when the bridge may switch the plug off: never, proven (the meter has proven that the recorder is off, or a person has confirmed it), presumed (also after a long silence, only to bring back a recorder that is to run: needs WITNESS, a passed drill and a fixed address set on the recorder; see PRESUMPTION)"`
	Witness          string `env:"WITNESS" default:"none" desc:"a host on the recorder's own network switch, as in 192.0.2.20 or 192.0.2.20:443: while it answers, a silent recorder isn't a broken network. No camera that the recorder feeds"`
	OffWatts         string `env:"OFF_WATTS" default:"as learned in a drill, else 1" desc:"what the plug reads at most of a recorder that is off, in watts; it only lowers what counts, as above it a disk may still turn"`
	AnyOutage        string `env:"ANY_OUTAGE" envDefault:"false" desc:"true: a power outage shuts it down before a drill was passed, too; at low battery it is shut down anyhow"`
	Countdown        string `env:"COUNTDOWN" default:"10s" desc:"time to cancel between the press and the shutdown"`
	GoingDown        string `env:"GOING_DOWN" default:"90s" desc:"how long a recorder that accepted the shutdown may go on answering before it is asked once more"`
	Quiet            string `env:"QUIET" default:"180s" desc:"silence that is longer than that of a restart; less counts only after a drill that supports it, down to twice the silence of its restart"`
	Presumption      string `env:"PRESUMPTION" default:"600s" desc:"silence after which a recorder counts as off without a meter, with CUT=presumed; longer than most checks of disks; not less"`
	Dwell            string `env:"DWELL" default:"15s" desc:"silence and low power for so long prove that it is off: disks need it to come to rest; not less"`
	Settle           string `env:"SETTLE" default:"30s" desc:"how long a proof must hold before it is told and used: a restart in between shows; not less"`
	ProofDeadline    string `env:"PROOF_DEADLINE" default:"8m" desc:"after this a shutdown that isn't proven needs a person; slow recorders need more"`
	ReadBack         string `env:"READ_BACK" default:"20s" desc:"time for the plug to report that it has switched; a slow radio needs more"`
	MinOff           string `env:"MIN_OFF" default:"15s" desc:"time without power before it is switched on again, so that the recorder really starts anew; not less"`
	Boot             string `env:"BOOT" default:"10m" desc:"time without an answer after which a start has failed; checks of disks need more"`
	Verify           string `env:"VERIFY" default:"10m" desc:"time for cameras and recordings to return after a start; after it what misses is told"`
	CommandLife      string `env:"COMMAND_LIFE" default:"30s" desc:"how old a command may be, so that a late one does no harm; clocks that differ need more"`
}

// brokerVariables are those of the broker.
type brokerVariables struct {
	URL          string        `env:"URL" default:"required" desc:"the broker's address: mqtt://192.0.2.5, mqtts://, ws:// or wss://. Ports if none is given: 1883, 8883, 80, 443"`
	Username     string        `env:"USERNAME" desc:"user on the broker, if it wants one"`
	Password     bridge.Secret `env:"PASSWORD" desc:"its password, taken exactly as it is written"`
	PasswordFile string        `env:"PASSWORD_FILE" desc:"file that holds the password; a line break at its end doesn't count"`
	CAFile       string        `env:"CA_FILE" default:"the system's" desc:"PEM file with the authority of the broker's certificate, for mqtts and wss"`
	CertFile     string        `env:"CERT_FILE" desc:"PEM file with a certificate to show to the broker; together with the key"`
	KeyFile      string        `env:"KEY_FILE" desc:"PEM file with that certificate's key"`
}

// mainsVariables are those of power outages.
type mainsVariables struct {
	Topic           string        `env:"MAINS_TOPIC" default:"none" desc:"MQTT topic that tells whether there is mains, best retained: that of a power-outage sensor, or the availability of a plug that is not on the UPS"`
	Present         string        `env:"MAINS_PRESENT" envDefault:"ON" desc:"what it says while mains is there; upper and lower case are the same"`
	Lost            string        `env:"MAINS_LOST" envDefault:"OFF" desc:"what it says while mains is lost; anything else says nothing"`
	UPS             string        `env:"UPS" default:"none" desc:"a UPS at a NUT server, as in ups@192.0.2.5 or ups@nas.example.org:3493"`
	UPSUsername     string        `env:"UPS_USERNAME" desc:"user on the NUT server, if it wants one"`
	UPSPassword     bridge.Secret `env:"UPS_PASSWORD" desc:"its password, taken exactly as it is written"`
	UPSPasswordFile string        `env:"UPS_PASSWORD_FILE" desc:"file that holds the password; a line break at its end doesn't count"`
	UPSCommand      string        `env:"UPS_COMMAND" default:"none" desc:"command that switches the UPS's output off once every recorder is proven off in an outage, as in shutdown.return: everything else on that UPS loses its power, too. Needs its user and password"`
	All             string        `env:"MAINS_ALL" envDefault:"false" desc:"true: mains is lost only if topic and UPS both say so, as long as both say anything"`
	After           string        `env:"OUTAGE_AFTER" envDefault:"5m" desc:"time on battery after which recorders are shut down"`
	Charge          string        `env:"OUTAGE_CHARGE" envDefault:"50" desc:"charge of the UPS in percent at which they are shut down earlier"`
	Deadline        string        `env:"OUTAGE_DEADLINE" envDefault:"10m" desc:"time on battery from which nothing but a dangerous finding, such as a firmware upgrade, holds a shutdown up, if the UPS tells no runtime"`
	ReturnCharge    string        `env:"OUTAGE_RETURN_CHARGE" envDefault:"25" desc:"charge in percent from which recorders are switched on again; waited for half an hour at most"`
	Parallel        string        `env:"OUTAGE_PARALLEL" envDefault:"2" desc:"recorders that are shut down at a time, in the order of HIKBRIDGE_NVRS; at low battery all"`
}

// siteVariables are those of the bridge as a whole.
type siteVariables struct {
	Topic           string `env:"TOPIC" envDefault:"hikbridge" desc:"begins all topics, and is the MQTT client id; two bridges on one broker need two"`
	DiscoveryPrefix string `env:"DISCOVERY_PREFIX" envDefault:"homeassistant" desc:"discovery prefix of Home Assistant's MQTT integration"`
	BirthTopic      string `env:"BIRTH_TOPIC" default:"homeassistant/status" desc:"where Home Assistant says online after its start; without this it is status below the discovery prefix"`
	OffDelay        string `env:"OFF_DELAY" envDefault:"5s" desc:"how long an event stays on after its last repetition if the recorder doesn't say that it is over; for single types behind it, as in 5s,motion=10s"`
	PictureInterval string `env:"PICTURE_INTERVAL" envDefault:"30s" desc:"how often an event brings a picture of one camera at most; off: only the button Take picture does"`
	PlainCommands   string `env:"PLAIN_COMMANDS" envDefault:"false" desc:"true: every command is taken without id and time, too, as PRESS; then nobody notices that it comes late or twice"`
	LogLevel        string `env:"LOG_LEVEL" envDefault:"info" desc:"debug, info, warn or error"`
	StateDir        string `env:"STATE_DIR" default:"/var/lib/hikbridge if it exists" desc:"directory for the login budget and what is remembered, for one process alone. Otherwise hikbridge in $XDG_STATE_HOME or ~/.local/state"`
}

// variable is one of them as it is shown.
type variable struct{ Name, Default, Text string }

// describe lists the variables of one of the structs above.
func describe[T any](prefix string) []variable {
	fields := reflect.TypeFor[T]()
	var list []variable
	for i, p := range fieldParams[T](prefix) {
		tag := fields.Field(i).Tag
		v := variable{Name: p.Key, Default: p.DefaultValue, Text: tag.Get("desc")}
		if text, ok := tag.Lookup("default"); ok {
			v.Default = text
		}
		list = append(list, v)
	}
	return list
}

func fieldParams[T any](prefix string) []env.FieldParams {
	params, err := env.GetFieldParamsWithOptions(new(T), options(prefix, nil))
	if err != nil {
		panic(fmt.Sprintf("hikbridge: tags of %v: %v", reflect.TypeFor[T](), err))
	}
	return params
}

// options never leave the library to the process's own environment, which it
// takes for a nil map.
func options(prefix string, e environment) env.Options {
	if e == nil {
		e = environment{}
	}
	return env.Options{Prefix: prefix, Environment: e}
}

// variables lists all of them in the form with one recorder.
func variables() []variable {
	list := describe[listVariables](namespace)
	list = append(list, describe[recorderVariables](recorderPrefix)...)
	list = append(list, describe[brokerVariables](brokerPrefix)...)
	list = append(list, describe[mainsVariables](namespace)...)
	return append(list, describe[siteVariables](namespace)...)
}

// variablesTable is README's table of variables, in Markdown.
func variablesTable() string {
	var b strings.Builder
	b.WriteString("| variable | default | what it is |\n|---|---|---|\n")
	for _, v := range variables() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, cell(v.Default), cell(v.Text))
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
