// Package ups asks a NUT server (upsd) what one UPS says of mains and battery, and
// gives the UPS instant commands. It doesn't know what for.
//
//	c, err := ups.New(ups.Config{Address: "nas.example.org", UPS: "ups"})
//	c.Watch(ctx, func(last ups.Reading, err error) { … })
//
// The protocol is that of RFC 9271 and of NUT's documentation ("Network protocol
// information"): a line each way over TCP. STARTTLS isn't spoken, so passwords and
// answers go in the clear; the way to the server must be a trusted one.
//
// # What a status says
//
// A Reading has the words of ups.status. By NUT's documentation (developer guide
// of 2.8.0, "Status data") OL and OB alone speak of the input: mains is there, or
// isn't. With neither or both, Mains is unknown: never taken for on line. The other
// words don't speak of it: OFF is the UPS's output, which may be off on either; with
// BYPASS the load hangs on the input without protection; TRIM and BOOST correct its
// voltage; CHRG, DISCHRG, LB, HB and RB are the battery; OVER is the load. Words that
// the documentation doesn't have are kept, and say nothing.
//
// CAL with OB is a test in which the UPS drains its battery on purpose: mains may
// well be there. FSD is to be treated as OB LB. upsd keeps it until it is restarted,
// and some drivers tell it by themselves while a UPS charges after an outage, on line.
//
// # What a failure says
//
// Nothing of mains. Errors wrap one of the sentinels; what upsd answers instead of
// a reading is a *ServerError. Every answer has 5 s, lines and lists have bounds,
// and after anything but an understood answer the connection is closed, so that no
// answer is taken for that to another question.
//
// # Signing in
//
// upsd needs no login for readings. If there is a user name it is sent, with the
// password, at the beginning of every connection, for servers that ask for one. upsd
// 2.8.0 answers OK to any, and compares them with upsd.users only when a command is
// given, after it has looked whether the UPS knows that command; so no wrong password
// is found before. Where a login is refused at once, readings are asked for all the
// same, and the refusal is the error if they are refused, too.
package ups
