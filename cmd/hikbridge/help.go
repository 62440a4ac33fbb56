package main

import "strings"

// help is what hikbridge help prints.
func help() string {
	var b strings.Builder
	b.WriteString(helpText)
	for _, v := range variables() {
		b.WriteString("\n  " + v.Name)
		if v.Default != "" {
			b.WriteString("  (" + v.Default + ")")
		}
		b.WriteString("\n")
		indented(&b, "      ", v.Text)
	}
	return b.String()
}

const helpText = `hikbridge connects Hikvision recorders and their cameras with Home Assistant over MQTT.

usage:
  hikbridge [run]            work until SIGTERM or Ctrl-C; a second one ends it at once
  hikbridge check [--json]   try configuration, broker, mains and recorders; changes nothing on them
  hikbridge journal [--json] [NAME]
                             print the log book of power actions; a bridge may be running
  hikbridge purge NAME       forget a recorder that was removed or replaced, and clear its topics
                             (stop the bridge first)
  hikbridge healthcheck      say by the exit code whether the process works
  hikbridge version
  hikbridge help

exit codes:
  0  all right
  1  failed; check: something needs you
  2  wrong arguments or variables, nothing was started (check: 1)

variables (with their defaults):
`
