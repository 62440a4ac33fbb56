package nvrtest

import (
	"net/http"
	"time"
)

// Manner is how a device takes a request that changes it: to shut down, to restart,
// to silence notifications. The zero value does at once what it is told.
type Manner struct {
	// Busy is how often it answers BusyAnswer first; 503 deviceBusy if left out.
	Busy       int
	BusyAnswer Refusal
	// Refuses is what it answers instead of doing it, by its status: 403
	// lowPrivilege, 200 notSupport, 400 badXmlFormat for example.
	Refuses Refusal
	// Lost never answers.
	Lost bool
	// Ignored stays on, whatever was answered.
	Ignored bool
	// OtherForm answers XML where JSON is expected and the other way round.
	OtherForm bool
	// After is how long it goes on answering; 0 is 8 s, negative not at all, so
	// that its answer may get lost.
	After time.Duration
	// Flush is how much longer its disks need, with the network gone; 0 is 6 s,
	// negative nothing.
	Flush time.Duration
}

// Halt is how a device shuts down, and what it is like then.
type Halt struct {
	Manner
	// Restarts boots instead, as Config.Boot says.
	Restarts bool
	// Link is what someone sees who connects to the halted device.
	Link HaltedLink
}

// HaltedLink is what a halted device's network does. What real ones do isn't
// known (no public source).
type HaltedLink int

const (
	// HaltedSilent lets dials hang.
	HaltedSilent HaltedLink = iota
	// HaltedNoRoute gives "no route to host", as nobody answers ARP.
	HaltedNoRoute
	// HaltedRefuses answers every dial by a reset.
	HaltedRefuses
)

func (l HaltedLink) String() string {
	switch l {
	case HaltedSilent:
		return "HaltedSilent"
	case HaltedNoRoute:
		return "HaltedNoRoute"
	case HaltedRefuses:
		return "HaltedRefuses"
	}
	panic("nvrtest: unknown HaltedLink")
}

const (
	defaultAfter = 8 * time.Second
	defaultFlush = 6 * time.Second
)

// length reads a duration whose zero is a default and whose negative is none.
func length(d, usual time.Duration) time.Duration {
	if d == 0 {
		return usual
	}
	return max(0, d)
}

// SetHalt changes how the device shuts down, SetRestart how it restarts.
func (r *Recorder) SetHalt(h Halt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config.Halt = h
}

// SetRestart changes how the device takes the request to restart.
func (r *Recorder) SetRestart(m Manner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config.Restart = m
}

// orderLocked answers a request to shut down or to restart; false is for other
// paths. JSON comes where the query asks for it, as the ISAPI guide has it.
func (r *Recorder) orderLocked(q asked) (answer, bool) {
	m, o := &r.config.Restart, order{restart: true}
	switch q.rest {
	case "System/reboot":
	case "System/shutdown":
		if !r.config.Model.recorder() {
			return answer{}, false
		}
		m, o = &r.config.Halt.Manner, order{restart: r.config.Halt.Restarts}
	default:
		return answer{}, false
	}
	if q.method != http.MethodPut {
		return r.refuse(q, http.StatusMethodNotAllowed, "methodNotAllowed"), true
	}
	if a, refused := r.mannerLocked(q, m); refused {
		return a, true
	}
	q.json = q.json != m.OtherForm
	a := r.refuse(q, http.StatusOK, "ok")
	a.lost = m.Lost
	if !m.Ignored {
		o.after, o.flush = length(m.After, defaultAfter), length(m.Flush, defaultFlush)
		a.order = &o
	}
	return a, true
}

// mannerLocked answers a request that isn't carried out; false: it is.
func (r *Recorder) mannerLocked(q asked, m *Manner) (answer, bool) {
	switch {
	case m.Busy > 0:
		m.Busy--
		busy := m.BusyAnswer
		setDefault(&busy.SubStatus, "deviceBusy")
		if busy.Status == 0 {
			busy.Status = http.StatusServiceUnavailable
		}
		return r.refuse(q, busy.Status, busy.SubStatus), true
	case m.Refuses.Status != 0:
		return r.refuse(q, m.Refuses.Status, m.Refuses.SubStatus), true
	}
	return answer{}, false
}
