// Package nvrtest is a simulated Hikvision recorder or camera that speaks ISAPI
// over real net/http, for tests and for the demo. The client under test is the
// shipped one; only the wire is faked.
//
// New makes a device of a Model, Replay one that answers what a real device was
// recorded to say. Dial connects to it in memory and fits
// http.Transport.DialContext; it works inside a testing/synctest bubble, where
// the device must then be made as well. Serve and ServeTLS answer on a port.
// Close at the end.
//
//	box := nvrtest.New(nvrtest.Config{Model: nvrtest.DVR, Password: "…"})
//	defer box.Close()
//	transport := &http.Transport{DialContext: box.Dial}
//	defer transport.CloseIdleConnections()
//
// # What it answers
//
// System/deviceInfo, capabilities, status, time (with time/localTime and
// time/timeZone), ContentMgmt/InputProxy/channels, channels/status and those of
// one channel, System/Video/inputs/channels, ContentMgmt/Storage,
// Security/userCheck, users and UserPermission/<own id>, all below /ISAPI/ after
// a sign-in; without one GET /SDK/activateStatus. Anything else isn't supported,
// in the model's manner: 403 on recorders, 404 and 403 on cameras, 500 on old
// ones, 503 for a single trigger of a recorder, 400 for the third stream of a
// DVR. Documents have the form of captured ones, with their oddities: both
// namespaces, elements once or twice, values that are only in "opt", a size that
// isn't the count, ghosts of disks, a clock whose digits are right and whose
// offset is wrong in summer.
//
// # Signing in
//
// Digests are checked as RFC 7616 says: nonce, nc, uri, qop auth, MD5 or
// SHA-256. A failure is a wrong response to a valid nonce; five of them from one
// address lock the account for half an hour, in which the right password is
// rejected as well. Stale nonces don't count, except under LockEvery. Counted
// tells when failures were counted and Rejected how many requests with
// credentials got a 401. No test may bring the shipped client to three:
//
//	if n := len(box.Counted()); n > 2 { … }
//	if n := box.MaxRejectedIn(35 * time.Minute); n > 2 { … }
//
// Config makes nonces that can be used once, run out, or are bound to a path.
//
// # What goes wrong
//
// Reboot, Unplug and PortClosed are about the whole device, Fail is about single
// requests: resets, silence, delays, refusals under HTTP 200, endless headers and
// bodies, login pages. SetCamera, SetDiskStatus, SetRights and the like change
// what the device tells.
//
// All methods may be called from any goroutine. Nothing is shared between
// recorders, and one costs a few kilobytes, as documents are made when asked for.
package nvrtest
