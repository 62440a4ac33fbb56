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
// # Who owns what
//
// Each recorder's loop owns what is known of it. Loops meet at two places only:
// ids, which device has which name, and the channel of summaries, from which the
// bridge's own device is made.
package bridge
