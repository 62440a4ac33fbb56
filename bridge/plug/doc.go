// Package plug knows what the plug that feeds a recorder says over MQTT, and how
// it is asked and switched. It has no clock, no I/O and no goroutine: payloads
// go in, reports come out.
//
//	c, err := plug.Parse("tasmota:garage_plug")
//	p, err := plug.New(c, "hikbridge", "garage")
//	// subscribe to p.Topics(), give each message to p.Read,
//	// publish what p.AskNow, p.On and p.Off return, never retained
//
// # What a report is worth
//
// A report tells only what its message says; the rest is NotTold. A retained
// message is of unknown age, so it tells nothing but Away. An empty message tells
// nothing. Figures outside of [0, 1e6) W are errors, and a meter that reads 0 V
// measures nothing, as the plug itself lives on that voltage: it isn't Metered.
//
// Stamp moves only with a new measurement. Where that isn't sure there is none,
// and a reading is new only as the first report after a question.
//
// # Tasmota
//
// From Tasmota's documentation (Commands, MQTT, PowerOnState), for the full topic
// %prefix%/%topic%/ with the prefixes cmnd, stat and tele; other full topics
// aren't supported, the free form can read them. SetOption4 makes no difference,
// as questions are Status 10, Status 11 and Status, whose answers have topics of
// their own. Relay: stat/T/POWER, stat/T/RESULT, tele/T/STATE, stat/T/STATUS11.
// Meter: ENERGY.Power in tele/T/SENSOR, stat/T/STATUS10 and STATUS8. Stamp is the
// message's Time: the figures in it are those that the driver has at that moment,
// and it reads the meter about every second. A meter chip that has gone silent
// becomes 0 W and 0 V after a few seconds. With SetOption21 0 it doesn't measure
// while the relay is off.
//
// Restarted: tele/T/INFO3, an UptimeSec that is smaller, and a live Online of
// tele/T/LWT, after which it may also just have been away. Whether a command is
// retained at cmnd/T/POWER, which overrides the power-on default, isn't looked at.
//
// # Shelly, first generation (shelly1)
//
// Below shellies/<id>/: relay/0 (on, off, overpower), relay/0/power, online, and
// of info only the uptime. It is asked by "update" at shellies/<id>/command, which
// makes it send everything. No stamp. Its power-on default isn't told over MQTT.
//
// # Shelly, second generation and later (shelly2)
//
// Below its MQTT prefix: online, status/switch:0, events/rpc with NotifyStatus and
// NotifyFullStatus, and answers to questions at rpc, which come to a topic named
// after base and recorder (hikbridge-garage/rpc; without a slash, as it isn't known
// whether a source may have one). A device with a password refuses them. Stamp is
// aenergy.minute_ts, which moves once a minute with the count of energy; the
// notification's own ts is the message's and doesn't count. That a dead meter stops
// minute_ts is likely and not proven.
//
// # zigbee2mqtt
//
// zigbee2mqtt/<name> in JSON (not the output by attribute), its availability in
// both forms, zigbee2mqtt/bridge/state. Each report repeats the last known value
// of everything, so state and power may be old, and last_seen moves with all of
// them: there is no stamp. At its start zigbee2mqtt sends what it remembers, which
// counts as Restarted. Power is asked before state and by a message of its own,
// so that the first report after the question carries the new power: that a device
// answers in this order is a guess. The power-on default is power_on_behavior or
// power_outage_memory, as remembered.
//
// # The relay tree and the free form
//
// Below <base>/plug/<recorder>/ an owner relays any plug of Home Assistant: state
// (on, off, unavailable) and power, a bare number or {"watts":0.4,"at":…}, where at
// is when it was measured (RFC 3339, or seconds since 1970) and is the stamp.
// Neither can be asked for and what is retained tells nothing, so both are to be
// sent again and again: power every few seconds and state after each,
// since a reading counts only with a relay that is told at most 15 s later.
// The bridge doesn't switch such a plug unless it is given a CommandTopic. The free
// form names all topics and fields.
package plug
