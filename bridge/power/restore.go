package power

import "slices"

// maxNumber is out of reach of a journal that counts.
const maxNumber = 1 << 60

// known says that a memory can be one of ours. A record that was decoded from a
// damaged journal, or from that of another version, may hold anything; then it is
// no ground for a request or a cut.
func (d Memory) known() bool {
	s, l := &d.Seq, &d.Learned
	for _, n := range []int{s.Attempt, s.Puts, s.NotSent, s.BusyTimes, s.Offs, s.Cuts, s.Drill.Leg, d.OutagePuts} {
		if n < 0 || n > 1000 {
			return false
		}
	}
	for _, w := range []float64{s.Baseline, l.Running, l.Lowest, l.Halted, l.OffWatts} {
		if !(w >= 0 && w < 1e6) {
			return false
		}
	}
	if l.OffWatts > max(minOffWatts, l.Running/2) || d.Number > maxNumber || len(d.Accepted) > maxIDs {
		return false
	}
	actions := []Action{Check, Plan, TestOutage, Shutdown, Reboot, Drill, PowerCycle, Outage}
	return slices.Contains(States[:], d.State) && (d.State == Attention) == slices.Contains(Reasons[:], d.Why) && (s.Number == 0 || slices.Contains(actions, s.Action))
}

// recover decides where a restarted program goes on.
func (m *Machine) recover() {
	s := &m.d.Seq
	s.Restored = true
	m.failDrill("restart")
	if s.Plug != m.cfg.Plug.ID { // what one plug told says nothing of another one
		s.Baseline, s.OffProven = 0, false
	}
	if m.damaged {
		m.move(Attention, JournalDamaged, "restart: damaged journal")
		m.finish(Undone, "restart", "the journal is damaged")
		return
	}
	if (m.d.State == Off || m.d.State == PoweringOn) && !m.cfg.Plug.Exists {
		m.to(Confirming, "restart: its plug is gone")
		return
	}
	switch m.d.State {
	case Checking, CountingDown:
		m.backTo("restart before the intent", Undone, "restart", "this program restarted before the request")
	case ShuttingDown:
		if s.Puts == 0 {
			m.backTo("restart before the intent", Undone, "restart", "this program restarted before the request")
			return
		}
		m.to(Confirming, "restart after the intent")
	case Rebooting:
		if s.Puts == 0 {
			m.backTo("restart before the intent", Undone, "restart", "this program restarted before the request")
			return
		}
		m.to(Rebooting, "restart after the intent")
		m.phase = watching
	case Confirming, PresumedOff, Safe, Cutting:
		s.WasDown = m.d.State != Confirming || s.WasDown
		m.to(Confirming, "restart: prove again")
	case Unreachable:
		m.to(Running, "restart")
	case PoweringOn:
		m.to(Off, "restart: the relay isn't known to be on")
	case Booting:
		m.boot("restart")
	}
}
