package power

// Partners is how the other recorders on a shared plug stand, told whenever it
// changes. Until then they run, also after a restart.
type Partners struct {
	Safe bool   // power may be taken from all of them
	On   string // those that keep it, for people; empty: all
}

// UPSCut says whether the UPS that feeds the recorder may have been told to switch its
// output off, so that it loses its power by this bridge. Until it is told it wasn't.
type UPSCut struct{ Told bool }

func (Partners) event() {}
func (UPSCut) event()   {}

// shared says that the plug feeds other recorders as well.
func (p Plug) shared() bool { return p.Others != "" }

// asShared is the plug as this recorder's machine may use it. A presumption says
// nothing of the others.
func (p Plug) asShared() Plug {
	switch {
	case p.shared() && !p.Leads:
		p.Cut = CutNever
	case p.shared() && p.Cut == CutPresumed:
		p.Cut = CutProven
	}
	return p
}

// othersSafe says that a cut takes no power from a recorder that needs it.
func (m *Machine) othersSafe() bool { return !m.cfg.Plug.shared() || m.partners.Safe }

// others are the recorders that keep a shared plug on.
func (m *Machine) others() string {
	if m.partners.On != "" {
		return m.partners.On
	}
	return m.cfg.Plug.Others
}

// cutsByWord says that a person's word may cut: it is about one recorder.
func (m *Machine) cutsByWord() bool { return m.cfg.Plug.mayCut() && !m.cfg.Plug.shared() }

// MayLosePower says that power may be taken from the recorder by what feeds others as
// well, a shared plug or a UPS: it is proven off, and recorded so, or its plug has cut
// it by proof, is still heard to be off, and nothing lives at its address.
func (m *Machine) MayLosePower() bool {
	if !m.durable() || m.broken || m.observing() || m.d.NoCuts {
		return false
	}
	cut := m.d.State == Off && m.d.Seq.OffProven && m.relayNow() == RelayOff && m.now.within(m.seen.relayAt, readingGap) && !m.lifeSince(m.since)
	return cut || m.d.State == Safe
}

// onShared ends a sentence about a recorder that isn't proven off: nobody may take it
// for a reason to switch off what feeds others.
func (m *Machine) onShared() string {
	if m.othersSafe() {
		return ""
	}
	return " Its plug also feeds " + m.others() + ": leave that on, and unplug only this recorder."
}

// handsOn is an advice to switch by hand, which on a shared plug is one to unplug.
func (m *Machine) handsOn(advice string) string {
	if m.cfg.Plug.shared() {
		return "its plug feeds " + m.cfg.Plug.Others + " as well: unplug this recorder alone, and plug it in again"
	}
	return advice
}
