package bridge

import (
	"errors"

	"hikbridge/bridge/power"
	"hikbridge/nvr"
)

// report tells the keeper what an answer shows: that somebody answers, that it let
// us in as the recorder that it was, or that nothing answers.
func (r *recorder) report(a answer) {
	if isRemembered(a.err) {
		return // it wasn't asked
	}
	at := r.keeper.at(a.at)
	if outcomeOf(a.err) == silent {
		r.keeper.observe(power.NoAnswer{At: at})
		return
	}
	if e, ok := r.signedIn(a); ok {
		e.At = at
		r.keeper.observe(e)
		return
	}
	r.keeper.observe(power.Answered{At: at})
}

// signedIn reads who answers, and for how long it has been running, out of an
// answer that shows both. A recorder that doesn't offer its uptime is known by its
// identity alone.
func (r *recorder) signedIn(a answer) (e power.SignedIn, ok bool) {
	if a.err != nil {
		return e, false
	}
	uptime := a.status.Uptime
	switch a.task {
	case taskWho:
		if a.statusErr != nil && !errors.Is(a.statusErr, nvr.ErrUnsupported) {
			return e, false
		}
		e.Serial, e.Firmware = a.info.Serial, a.info.Firmware
	case taskInfo:
		other := r.known != nil && !sameBox(a.info.Serial, r.known.Serial)
		if !other && !r.plan.entries[taskStatus].off {
			return e, false // its uptime is asked next
		}
		e.Serial, e.Firmware = a.info.Serial, a.info.Firmware
	case taskStatus:
		if !r.live.ready || r.known == nil {
			return e, false
		}
		e.Serial, e.Firmware = r.known.Serial, r.known.Firmware
	default:
		return e, false
	}
	if r.known != nil && sameBox(e.Serial, r.known.Serial) {
		e.Serial = r.known.Serial // firmwares print it differently
	}
	e.Uptime, e.UptimeTold = uptime.Value, uptime.Known
	return e, true
}
