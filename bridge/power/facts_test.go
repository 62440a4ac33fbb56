package power_test

import (
	"time"

	"hikbridge/bridge/power"
)

func yes(b bool) power.Seen {
	if b {
		return power.Seen{Told: power.Yes}
	}
	return power.Seen{Told: power.No}
}

// facts is what a preflight finds in this world.
func (w *world) facts() power.Facts {
	s, http := w.sight()
	if s != power.Alive || !http || w.rec.phase != "running" {
		return power.Facts{}
	}
	if w.locked {
		return power.Facts{Serial: ownSerial, Firmware: firmware, SignIn: power.SignInDenied, SignInEvidence: "locked"}
	}
	return power.Facts{
		Serial: ownSerial, Firmware: firmware, SignIn: power.SignInOK, RuntimeShort: yes(w.weak),
		Right: power.Seen{Told: w.plan.right}, Support: power.Seen{},
		Upgrading: yes(w.upgrading), Formatting: yes(false), Repairing: yes(false), RAIDError: yes(false), SelfTest: yes(false), Exporting: yes(false),
		PlugReachable: yes(!w.plug.away), PlugReturns: yes(true), WitnessAnswers: yes(w.wit), FixedAddress: yes(w.plan.fixed),
		Before: power.Before{Address: "192.0.2.10", FixedAddress: w.plan.fixed, Uptime: w.uptime(), UptimeTold: w.plan.tellsUptime, Online: []string{"1", "2"}, Recording: []string{"1"}, Disks: []string{"1 ok"}},
	}
}

// after is what a verification finds.
func (w *world) after() power.After {
	s, http := w.sight()
	if s != power.Alive || !http || w.rec.phase != "running" {
		return power.After{}
	}
	a := power.After{Serial: ownSerial, Uptime: w.uptime(), UptimeTold: w.plan.tellsUptime, Online: []string{"1", "2"}, Recording: []string{"1"}, Disks: []string{"1 ok"},
		ChannelsTold: true, RecordingTold: true, DisksTold: true, ClockWrong: yes(false), CleanStop: power.Seen{Told: w.plan.cleanLog}, Errors: yes(false)}
	if w.t-w.rec.since < 30*time.Second || w.camera {
		a.Online = nil
	}
	return a
}
