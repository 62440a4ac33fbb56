package power

// recover decides where a restarted program goes on.
func (m *Machine) recover() {
	s := &m.d.Seq
	s.Restored = s.Number != 0
	if s.Restored {
		m.failDrill("restart")
	}
	if m.damaged {
		m.move(Attention, JournalDamaged, "restart: damaged journal")
		m.finish(Undone, "restart", "the journal is damaged")
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
