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

// siteVariables are those of the bridge as a whole.
type siteVariables struct {
	Topic           string `env:"TOPIC" envDefault:"hikbridge" desc:"begins all topics, and is the MQTT client id; two bridges on one broker need two"`
	DiscoveryPrefix string `env:"DISCOVERY_PREFIX" envDefault:"homeassistant" desc:"discovery prefix of Home Assistant's MQTT integration"`
	BirthTopic      string `env:"BIRTH_TOPIC" default:"homeassistant/status" desc:"where Home Assistant says online after its start; without this it is status below the discovery prefix"`
	OffDelay        string `env:"OFF_DELAY" envDefault:"5s" desc:"how long an event stays on after its last repetition if the recorder doesn't say that it is over; for single types behind it, as in 5s,motion=10s"`
	PictureInterval string `env:"PICTURE_INTERVAL" envDefault:"30s" desc:"how often an event brings a picture of one camera at most; off: only the button Take picture does"`
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
