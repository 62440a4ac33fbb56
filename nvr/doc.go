// Package nvr speaks ISAPI to one Hikvision recorder (NVR, DVR) or to a camera
// that is addressed like one, and is a good guest there.
//
// New makes a Client; each of its calls is one question: Info, Capabilities,
// Proxies, ProxyStatus, Inputs, Status, Storage, SMART, Clock, Account, Rights,
// Triggers, Working, Tracks, FirstDay, FirstRecording, AddressMode, Newest,
// Picture, Notifications, and before a shutdown Upgrade, DiskWork, Sessions,
// May and Exporting; Log and Gaps take several. Calls may come from any
// goroutine; the client sends one request at a time, since concurrent use of a nonce
// makes recorders reject right passwords.
//
// # Power
//
// Shutdown and Reboot change the device, and nothing else here does but what is said of
// notifications. Each is sent at most once and ends in an Outcome; one whose answer is
// lost is unknown and for the caller to observe. Only a 401 to a nonce that had worked,
// which says that nothing was done, is followed by a fresh exchange. They go in front
// of questions that wait, and always on a new connection. Where the login budget can't
// be written they may still use a nonce that has worked. No refusal of a device that
// has just started, or is being upgraded, is remembered.
//
// Probe, ProbeHost and Resolve look from outside, without credentials and without
// waiting for requests; Address is where the recorder answered last.
//
// # Notifications
//
// What channels tell the owner's app can be silenced for a time, on a recorder that
// answers with the setting: Notifications reads it, SilenceAll makes the one to be
// written, SetNotifications writes it and reads it back, RestoreNotifications puts the
// first one back. Documents are edited in their bytes and never written anew
// (disturb.go). Nothing is sent where the setting that stands isn't understood, and
// what somebody else changes meanwhile isn't overwritten. Who keeps both documents
// durably before SetNotifications may be killed at any moment. The requests are sent
// as those about power are, but never while the login budget can't be written, unless
// their like has worked.
//
// # Events
//
// Client.Stream opens the event stream, beside which other calls go on;
// Stream.Next hands out each alert the moment its last byte is read. framer.go
// cuts the stream into documents and pictures, alert.go and leaves.go read them,
// eventtype.go knows the words for what happened. The stream ends when it shows no
// sign of life: any byte is one. A device that admits no more streams answers like
// one that has none, so a refusal of the stream is ErrBusy and isn't remembered.
//
// # Log and recordings
//
// Log reads the recorder's log, Gaps finds what wasn't recorded; LastStop and
// Unrecovered judge the log's entries. Searches are asked and answered in the
// device's wall clock (the "Z" in them is none): fold.go reads it by the device's
// own rule, also where autumn has an hour twice. search.go goes through pages,
// shortens spans that a device can't search in time, and is bounded whatever it says;
// what wasn't read is told.
//
// # Never locking the owner out
//
// A recorder locks an account after about five failed logins for half an hour
// (ISAPI Security/illegalLoginLock: 5 tries, 1800 s). The client therefore
// keeps a login budget for each host and port in Config.StateDir: every use of a
// nonce that hasn't worked yet is reserved durably before it is sent and freed
// by success. There are never more than two rejected or unanswered logins in
// any 35 minutes, whatever is restarted or edited. After a rejection no
// credential is sent for 35 minutes, doubling to six hours; changed credentials
// and RetrySignIn may try early, inside the budget. State that can't be written
// sends no credential.
//
// A 401 on a nonce that worked before gets one fresh exchange: the nonce may
// have been forgotten by a reboot. It counts until that exchange succeeds, and so
// does a request on such a nonce whose answer is lost. While anything counts,
// every request asks for a fresh challenge. A recorder that refuses known nonces
// twice in 35 minutes is given a fresh challenge for every request from then on,
// until its firmware changes. Credentials that were accepted before are tried
// once more a minute after a rejection, as a booting recorder rejects everyone
// for a moment.
//
// Event stream, pictures, power and notifications need rights of their own, and
// some firmware answers 401 where one is missing. The first of each kind therefore
// signs in anew; one that was rejected isn't asked for again until something else
// was accepted and the rejection counts no more, and rejected a second time never,
// until the firmware changes or RetrySignIn.
//
// What isn't covered: an address that is written in another way (a name instead
// of a number, another port) has a budget of its own; a wall clock that is set
// forward between two runs ages what was counted; a lost answer is freed by a
// later success of the same credentials.
//
// # Errors
//
// A refusal is a *StatusError whose Unwrap gives ErrUnsupported, ErrForbidden or
// ErrBusy where the answer says so; 403 is never taken for a bad password. A
// sign-in that failed or isn't tried is a *SignInError (ErrUnauthorized,
// ErrLocked, ErrPaused) that tells until when. What answered "not supported" is
// remembered with the firmware and isn't asked again: the call returns the same
// error without a request. A recorder that lost answers in the last ten minutes
// may be booting; what it refuses then isn't remembered.
//
// What a device doesn't tell is absent, never zero: see Maybe.
package nvr
