// Package bridge connects recorders with Home Assistant: it owns one loop per
// recorder, the session with the broker, and the state directory.
//
// New takes a Config that is valid already, Run works until its context ends.
// Check, Purge and Healthy are what the command's other subcommands do.
//
// # The way of a value
//
// A recorder's loop asks by its plan (plan.go), one question at a time. What the
// requester brings back (ask.go) goes into what is known (facts.go), and from
// there into documents, availability and states (values.go); only what changed
// is handed to mqtt, which keeps the latest of each topic for the next
// connection. What another start needs is remembered in the state directory
// (statedir.go), so that a recorder that is known is announced before it answers.
//
// # The way of an event
//
// One goroutine (listen.go) reads the recorder's event stream and hands each alert
// to the loop; a full inbox makes it wait. The loop finds the camera (events.go),
// lets latches (latch.go) say what begins and ends, and publishes that at once,
// without looking at anything else. Alarms let the plan ask at once what has
// changed; detections bring a picture (pictures.go).
//
// # The way of a command
//
// The loop of Run takes it from mqtt's inbox, its gatekeeper (command.go) judges
// retained, expired, repeated and malformed ones, and an accepted one goes to
// the recorder's inbox without waiting. The recorder begins when the verdict is
// published, and tells the outcome.
//
// # The way of a power action
//
// Each recorder has a keeper (keeper.go), a goroutine that owns the machine of
// package power. Commands about power are judged there. What is observed comes
// into its mailbox (mailbox.go): what the prober sees (prober.go), what the plug
// reports (outlet.go), what the recorder's loop was answered (observe.go), what
// effects brought (effects.go). Each goes through Step and commit: lower, switch
// on, record, tell, effect. *Safe* and an OFF pass the gate (gate.go), which a sign
// of life or a moved relay lowers from its own goroutine, whatever the keeper waits
// for. Records go into the recorder's journal (records.go), from which the log book is
// made (logbook.go) and after a restart the machine. What is to be shown, and whether
// the recorder may be asked anything, goes to the recorder's loop (powerview.go).
//
// # The way of a pause
//
// While alerts are paused, the loop drops what the event stream tells (events.go). A
// rule without clock or I/O (pause.go) says from until when that is, and what is to be
// done with the recorder's own notifications; the loop asks it before each question
// (alerts.go), and the requester does it, with the journal (pausejournal.go) written
// before the recorder is changed. A power sequence pauses from its countdown on: that
// is ordinary asking of the loop, which the keeper ends before it makes its request,
// so that the machine knows nothing of it and no shutdown waits for it.
//
// # Who owns what
//
// Each recorder's loop owns what is known of it, its keeper its power. Loops meet
// at two places only: ids, which device has which name, and the channel of
// summaries, from which the bridge's own device is made.
package bridge
