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
// one channel, System/Video/inputs/channels, System/Network/interfaces,
// System/workingstatus?format=json, System/status/disturbParams?format=json (after
// Config.Notifications), System/upgradeStatus, System/onlineUpgrade/version
// (after SetNewest) and status (after SetOnlineUpgrade), PUT System/reboot and
// System/shutdown?format=json,
// ContentMgmt/Storage with hdd/<id>/SMARTTest/status and formatStatus (after
// SetFormatting), ContentMgmt/record/tracks,
// POST ContentMgmt/record/tracks/<id>/dailyDistribution and ContentMgmt/search,
// Event/triggers and single ones, Event/notification/alertStream, pictures of
// Streaming/channels/<id> and ContentMgmt/StreamingProxy/channels/<id>,
// Security/userCheck, users, onlineUser and UserPermission/<own id>, all below /ISAPI/ after
// a sign-in; without one GET /SDK/activateStatus. What only recorders have,
// cameras refuse. Anything else isn't supported, in the model's manner: 403 on
// recorders, 404 and 403 on cameras, 500 on old ones, 503 for a single trigger of
// a recorder that it doesn't have, 400 for the third stream of a DVR. Who signed in
// and asks for ?format=json is refused in JSON. Documents have the form of captured
// ones, with their oddities: both namespaces, elements once or twice, values that
// are only in "opt", a size that isn't the count, ghosts of disks, a clock whose
// digits are right and whose offset is wrong in summer.
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
// # The event stream
//
// Alert sends an alert to all that read the event stream, written as the model
// does; Play sends what ReadStream has read of a recording, at its own pace. In
// between come heartbeats, every ten seconds after the last thing sent, and none
// while an alert goes on: until it says inactive, or for two seconds. Devices
// don't tell of their own accord what SetCamera or SetDiskStatus change.
//
//	box.Alert(nvrtest.Alert{Type: "VMD", Channel: 3})
//	box.Alert(nvrtest.Alert{Type: "fielddetection", Channel: 3, Target: "human"})
//
// Linkages (SetLinkage) are what Event/triggers lists; they hold nothing back.
// Config.Stream says how the stream is written: boundaries that are doubled,
// missing or others than announced, bare documents, chunks, pieces. ResetStreams,
// EndStreams, FreezeStreams and StallStreams are about the streams' connections
// alone; Config.MaxStreams makes a device full. Streams, MostStreams and
// StreamsOpened count. A stream isn't a request in hand (MaxConcurrent).
//
// # Power
//
// Config.Halt (SetHalt) is how a recorder takes a shutdown, Config.Restart how a
// device takes a restart: it obeys, is busy a few times, refuses, ignores, or never
// answers. One that obeys answers for a while, then its network is gone while its
// disks are still written (Flushing), and then it has halted: silent, without a
// route, or refusing connections. A halted recorder stays so until its power was
// cut and restored.
//
//	box := nvrtest.New(nvrtest.Config{Halt: nvrtest.Halt{Link: nvrtest.HaltedRefuses}})
//	…
//	if box.Flushing() { … } // cutting now would be what must never happen
//	box.CutPower()
//	box.RestorePower() // it boots as Config.Boot says
//
// Power and Watts tell what the device does and draws. Stops lists how it stopped: a
// cut of a device that had not halted is unclean. A Fault with a Status on such a
// request refuses it, one without spoils only the answer: ResetAfterRequest and
// NoAnswer lose it although it is carried out, Reset and HalfOpen before it is.
// Replays obey as well. Online users, upgrades and the state of formatting are set by
// SetOnlineUsers, SetUpgrade, SetOnlineUpgrade and SetFormatting, not in replays.
//
// # Notifications
//
// Config.Notifications has the setting that silences what channels tell the owner's
// app, in many forms and manners. Notifications gives it as it stands, byte for byte,
// SetNotifications changes it behind the client's back, NotificationPuts lists what
// came. A Fault on its PUT loses the answer or refuses, as with power.
//
// # The log and recordings
//
// AddLog writes into the log, Config.Log says how it is spelled and searched, and
// LogSearches lists what was asked. A start without an orderly stop before it is
// logged with an abnormal stop. SetGap takes recordings away; a recorder that is
// down records nothing.
//
// # What goes wrong
//
// Reboot, Unplug and PortClosed are about the whole device, Fail is about single
// requests: resets, silence, delays, refusals under HTTP 200, endless headers and
// bodies, login pages; of the event stream a fault spoils the beginning. SetCamera,
// SetDiskStatus, SetRights, SetRecording, SetSchedule, SetSMART, SetRecordedSince,
// SetPicture and the like change what the device tells, in a replay only where
// they say so.
//
// All methods may be called from any goroutine. Nothing is shared between
// recorders, and one costs a few kilobytes, as documents are made when asked for.
package nvrtest
