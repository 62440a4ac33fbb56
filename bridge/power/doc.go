// Package power decides when a recorder may be asked to shut down, when it is
// proven off, and when its plug may be switched. It has no clock, no I/O and no
// goroutine: Machine.Step takes the moment and an event, and gives back what must
// be recorded, what is to be done then, and when it wants to be woken.
//
//	m, out := power.Restore(config, now, records, damaged)
//	for {
//		commit(out)               // lower, switch on, record, publish, effect
//		out = m.Step(now, event)  // or Tick, at out.Wake
//	}
//
// # Rules
//
// A request is not a result: whatever the recorder answers, it is observed.
// Unreachable is not off, and any sign of life wins over any sign of death. Only
// a meter proves; silence presumes. A time-out keeps power on. Nothing that
// changes the world is done before its record is durable, but for switching on.
// What a device doesn't tell is unknown.
//
// # Evidence
//
// Silence is a row of probes that nothing answered, each at most 8 s after the
// one before in both clocks, the witness answering meanwhile. A reading counts if
// it is a new measurement, taken after the request while the relay is read as on.
// The power proof is silence and at least three low readings over 15 s, against
// readings of the same plug at least twice as high before the request; it must hold
// 30 s more.
// Each void (life, a relay that moved, a plug that was away) begins the evidence
// anew under another number. The gate outside the machine lets safe and an OFF
// pass only under a number that nothing has voided since.
//
// # A shared plug
//
// A plug may feed several recorders (shared.go). One machine of them may switch it off,
// while it is told that power may be taken from all others; theirs are as with
// CutNever, and follow what the relay does. Only the power proof cuts it, never in a
// drill. Its meter reads the sum: what is low is low for each, but nothing is learned of
// it, 1 W is the bound, and a load in a silence says nothing of a pulled cord. One that
// stays on keeps the plug on, and holds nobody else up.
//
// # Where to read
//
// power.go has the words, evidence.go what was seen, states.go one function for
// each state in the order of a sequence, command.go what people ask for,
// preflight.go and verify.go the two judgements, drill.go what is learned,
// shared.go what a plug or UPS before several recorders takes, restore.go what a restart does. machine.go turns the wheel. site.go has the words
// of the outage rule, outage.go the rule, upslast.go when the UPS is
// switched off, sitestatus.go what it tells people.
//
// # Outages
//
// One rule for the whole site follows what its sources say of mains and tells each
// machine, which asks its recorder like for anybody else:
//
//	s, out := power.RestoreSite(config, now, records)
//	for {
//		// make out.Record durable, then tell each machine Mains and UPSCut, if known and
//		// changed, and the UPS if out.TellUPS
//		out = s.Step(now, event)  // or Tick, at out.Wake
//	}
//
// # Transitions
//
// The first row whose condition holds is taken, those for many states first. A
// row that names several states stands for each of them.
//
//	running, attention(still_on) | check | checking
//	running, attention(still_on) | plan | checking
//	running, attention(still_on) | test_outage | checking
//	running, attention(still_on) | shutdown | checking
//	running, attention(still_on) | reboot | checking
//	running, attention(still_on) | power_cycle | checking
//	running, attention(still_on) | drill | checking
//	running | outage | checking
//	running | no answer for a minute | unreachable
//	unreachable | signed in | running
//	unreachable | signed in, restarted meanwhile | booting
//	checking | nothing blocks | counting_down
//	checking | checked | running, attention(still_on)
//	checking | blocked | running, attention(still_on)
//	counting_down | tested | running, attention(still_on)
//	checking, counting_down, shutting_down, rebooting | cancel | running, attention(still_on)
//	checking, counting_down | mains back | running
//	checking, counting_down, shutting_down | the outage asks no more | running
//	checking, counting_down | the outage takes it over | checking
//	counting_down | counted down | shutting_down, rebooting
//	counting_down | the journal can't be written | running, attention(still_on)
//	shutting_down | a hard finding | running, attention(still_on), checking
//	rebooting | a hard finding | running, attention(still_on)
//	shutting_down | refused | running, attention(still_on), checking
//	rebooting | refused | running, attention(still_on)
//	shutting_down | nothing was sent | running, attention(still_on), checking
//	rebooting | nothing was sent | running, attention(still_on)
//	shutting_down | busy | running, attention(still_on), checking
//	rebooting | busy | running, attention(still_on)
//	shutting_down | the journal can't be written | running, attention(still_on), checking
//	rebooting | the journal can't be written | running, attention(still_on)
//	shutting_down | a hard finding, after a request that counts | confirming
//	shutting_down | refused, after a request that counts | confirming
//	shutting_down | nothing was sent, after a request that counts | confirming
//	shutting_down | busy, after a request that counts | confirming
//	shutting_down | the journal can't be written, after a request that counts | confirming
//	shutting_down | accepted or unknown | confirming
//	confirming | alive, restarted | booting
//	confirming | alive, second attempt | shutting_down
//	confirming | alive, and the command is old | running
//	confirming | alive after the second attempt | attention(still_on)
//	confirming | accepted, and quiet | presumed_off
//	confirming | deadline | attention(unproven)
//	confirming, presumed_off | drill: person's proof | cutting
//	confirming, presumed_off, attention(unproven) | power proof, and it held | safe
//	confirming | relay off while this program was away | off
//	presumed_off | alive | booting
//	presumed_off, attention(unproven) | relay off, not by us: unproven | off
//	presumed_off | power owed, presumption | cutting
//	presumed_off | power owed, no proof | attention(unproven)
//	presumed_off, attention(unproven) | person's proof, then power_on | cutting
//	safe | alive, and its UPS was told to switch off | booting
//	safe | alive | attention(came_back)
//	presumed_off, safe | relay off, not by us | off
//	safe | proof void or lapsed | confirming
//	safe, cutting | the journal can't be written | confirming
//	safe | the plug may cut | cutting
//	cutting | alive | attention(came_back)
//	cutting, attention(cut_unconfirmed) | relay read back off | off
//	cutting | another recorder on its plug isn't safe any more | attention(cut_unconfirmed)
//	cutting | proof void or lapsed | attention(cut_unconfirmed)
//	cutting | not read back | attention(cut_unconfirmed)
//	off | power is owed or asked for | powering_on
//	presumed_off | power_on | powering_on
//	attention(* but still_on, journal_damaged) | power_on | powering_on
//	off, powering_on | signed in | booting
//	off | relay on, not by us | booting
//	powering_on | relay read back on | booting
//	powering_on | alive | booting
//	powering_on | mains lost | off
//	rebooting | alive, restarted | booting
//	rebooting | alive, not restarted | running, attention(still_on)
//	rebooting | no answer | attention(boot_failed)
//	booting | silent again before it signed in | confirming
//	booting | another serial number | attention(wrong_device)
//	booting | outage, low battery | checking
//	booting | verified | running
//	booting | verified with faults | running
//	booting | verified: second leg of the drill | counting_down
//	booting | its serial number can't be read | running
//	booting | no answer, power proof | cutting
//	booting | no answer | attention(boot_failed)
//	attention(still_on) | silent after all | confirming
//	attention(still_on) | signed in for 30 minutes | running
//	attention(cut_unconfirmed) | a whole new proof | cutting
//	attention(came_back, boot_failed, power_lost, unproven, cut_unconfirmed) | signed in | booting
//	attention(wrong_device) | the old serial number again | booting
//	attention(journal_damaged) | signed in for 10 minutes: a new journal | booting
//	attention(* but journal_damaged) | power is owed, its relay is off | powering_on
//	attention(* but journal_damaged) | observing, its relay is off | powering_on
//	attention(* but journal_damaged) | outage, signed in | checking
//	* but safe, cutting, off, powering_on, presumed_off, attention(power_lost, journal_damaged, unproven, cut_unconfirmed) | relay off, not by us | attention(power_lost)
//	* | restart: damaged journal | attention(journal_damaged)
//	checking, counting_down, shutting_down, rebooting | restart before the intent | running, attention(still_on)
//	shutting_down | restart after the intent | confirming
//	rebooting | restart after the intent | rebooting
//	confirming, presumed_off, safe, cutting | restart: prove again | confirming
//	off, powering_on | restart: its plug is gone | confirming
//	powering_on | restart: the relay isn't known to be on | off
//	unreachable | restart | running
//	booting | restart | booting
package power
