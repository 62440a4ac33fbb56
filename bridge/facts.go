package bridge

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"hikbridge/discovery"
	"hikbridge/nvr"
)

var errNoIdentity = errors.New("it tells no serial number, MAC address or device id; is it a Hikvision recorder or camera?")

// apply takes an answer into what is known.
func (r *recorder) apply(a answer) {
	if r.known == nil && a.task != taskInfo {
		return // nobody knows yet whose answer it is
	}
	switch a.task {
	case taskInfo:
		r.identify(a)
	case taskProxies:
		if !r.inputsSettled() {
			r.plan.refused(taskProxies, a.at) // an input must get its id first
			return
		}
		r.listed(a.channels, false)
		r.plan.entries[taskProxyStatus].off = len(a.channels) == 0
	case taskInputs:
		r.listed(a.channels, true)
		r.took(a.states, true)
	case taskProxyStatus:
		r.took(a.states, false)
	case taskCapabilities:
		// A recorder that tells 0 analog inputs refuses to list them.
		none := a.caps.Inputs.Known && a.caps.Inputs.Value == 0
		ips := a.caps.Proxies.Known && a.caps.Proxies.Value > 0
		r.plan.entries[taskInputs].off = none && ips
		r.leaveOut(a.caps)
	case taskStatus:
		r.fares(a)
	case taskStorage:
		r.stores(a.disks)
	case taskClock:
		r.live.zone = a.clock.Zone
		r.tellsTime(a.clock.Difference)
	case taskTriggers:
		r.linked(a.triggers)
	case taskWorking:
		r.works(a.working)
	case taskTracks:
		r.takePlans(a.tracks)
	case taskTryPicture:
		r.triedPicture(a, true)
	case taskSMART:
		r.checkedDisk(a)
	case taskOldest:
		r.steppedBack(a)
	case taskNewest:
		r.live.newest = a.newest
		r.known.Tells.Newest = r.known.Tells.Newest || a.newest.Version != ""
	case taskAlerts:
		r.probedAlerts(a.at, true)
	case taskAccount:
	default:
		panic("bridge: unknown task")
	}
}

// leaveOut drops what single cameras don't have: old ones answer 500 to what they
// don't know (DS-2CD2532F V5.2.0), which looks like a boot.
func (r *recorder) leaveOut(c nvr.Capabilities) {
	if r.known.Recorder {
		return
	}
	for _, t := range []task{taskTracks, taskSMART, taskOldest} {
		r.plan.entries[t].off = true
	}
	r.plan.entries[taskWorking].off = !c.Working.Value
	r.plan.entries[taskNewest].off = !c.Upgrade.Value
}

// forget makes what a question told unknown: it isn't answered any more.
func (r *recorder) forget(t task) {
	if r.known == nil {
		return
	}
	l := &r.live
	switch t {
	case taskInputs, taskProxyStatus:
		for _, c := range r.known.Channels {
			if c.Input == (t == taskInputs) {
				delete(l.states, c.ID)
			}
		}
	case taskStatus:
		l.status, l.boot = nil, time.Time{}
	case taskStorage:
		clear(l.disks)
	case taskClock:
		l.clock, l.zone = nvr.Maybe[time.Duration]{}, nvr.Maybe[nvr.Zone]{}
	case taskTriggers:
		l.triggers = nil
	case taskWorking:
		clear(l.recording)
		clear(l.idle)
	case taskTracks:
		clear(l.plans)
	case taskSMART:
		clear(l.smart)
	case taskNewest:
		l.newest = nvr.Newest{}
	}
}

// identify compares who answers with who is remembered.
func (r *recorder) identify(a answer) {
	i := a.info
	id := discovery.ID(i.Serial, i.MAC, i.DeviceID)
	if id == "" {
		r.notReady(errNoIdentity, a.at.Add(signInRetry))
		return
	}
	if r.known != nil && !sameBox(r.known.ID, id) {
		r.live.found = &i
		r.hangUp()
		r.notReady(&strangerError{expected: r.known.Serial, found: i.Serial, name: r.cfg.Name}, a.at.Add(strangerRetry))
		return
	}
	if r.known == nil {
		formerly, before, err := r.site.ids.claim(r.cfg.Name, id)
		if err != nil {
			r.notReady(err, a.at.Add(strangerRetry))
			return
		}
		r.known = &remembered{ID: id}
		if before != nil {
			r.known = before // it was called otherwise: channel ids stay
			r.alerts.takeOver(r.site.cfg.StateDir, formerly, r.cfg, before)
		}
	}
	r.welcome(i)
}

// welcome takes the identity over and makes the recorder ready.
func (r *recorder) welcome(i nvr.Info) {
	k := r.known
	if k.Firmware != "" && k.Firmware != i.Firmware {
		r.log.Info("recorder has another firmware", keyFirmware, i.Firmware, keyBefore, k.Firmware)
		k.Pictures, k.App, k.AppPausedBy = nil, false, ""
		r.alerts.app, r.alerts.may = nvr.Maybe[bool]{}, nvr.Maybe[bool]{}
		now := time.Now()
		r.plan.reset(now)
		r.plan.answered(taskAccount, now)
		r.plan.answered(taskInfo, now)
	}
	k.Serial, k.MAC, k.Model, k.Firmware, k.Hardware = i.Serial, i.MAC, i.Model, i.Firmware, i.Hardware
	k.Manufacturer, k.Recorder = i.Manufacturer, i.Recorder
	k.Title = r.title(i)
	if !r.live.ready {
		r.alerts.ready()
	}
	r.live.ready, r.live.trouble, r.live.found = true, nil, nil
}

// title is the configured name, or for the only recorder what it calls itself.
func (r *recorder) title(i nvr.Info) string {
	if r.cfg.Name != DefaultName {
		words := strings.Split(r.cfg.Name, "-")
		words[0] = strings.ToUpper(words[0][:1]) + words[0][1:]
		return strings.Join(words, " ")
	}
	if i.Name != "" {
		return i.Name
	}
	return i.Model
}

// strangerError: another box answers at the address.
type strangerError struct{ expected, found, name string }

func (e *strangerError) Error() string {
	return fmt.Sprintf("another device answers: serial number %s instead of %s; if it was replaced, run: hikbridge purge %s",
		e.found, e.expected, e.name)
}

// inputsSettled says whether it is known which analog inputs there are: ids are
// decided once, and an IP channel gives way to an input.
func (r *recorder) inputsSettled() bool {
	e := r.plan.entries[taskInputs]
	return e.off || e.tried && e.fails == 0 || len(r.known.Channels) > 0
}

// listed takes over the list of IP channels, or of inputs.
func (r *recorder) listed(channels []nvr.Channel, inputs bool) {
	k := r.known
	present := map[string]bool{}
	for _, ch := range channels {
		present[ch.ID] = true
		c := k.channel(ch.ID, inputs)
		if c == nil {
			k.Channels = append(k.Channels, rememberedChannel{ID: k.newChannelID(ch.ID, inputs), Listed: ch.ID, Input: inputs})
			c = &k.Channels[len(k.Channels)-1]
		}
		c.Name, c.Model, c.Serial, c.Firmware, c.Gone = cameraName(ch, channels), ch.Model, ch.Serial, ch.Firmware, false
		c.Protocol = ch.Protocol
		if inputs && !k.Recorder {
			c.Model, c.Firmware = k.Model, k.Firmware
		}
	}
	for i := range k.Channels {
		if c := &k.Channels[i]; c.Input == inputs && !present[c.Listed] && !c.Gone {
			r.log.Warn("camera left the recorder's list", keyCamera, c.ID, keyName, c.Name)
			c.Gone = true
		}
	}
	slices.SortStableFunc(k.Channels, func(a, b rememberedChannel) int { return naturalOrder(a.ID, b.ID) })
}

// cameraName tells lenses with equal names apart.
func cameraName(ch nvr.Channel, all []nvr.Channel) string {
	same := 0
	for _, other := range all {
		if other.Name == ch.Name {
			same++
		}
	}
	if same > 1 && ch.Lens != "" {
		return strings.TrimSpace(ch.Name + " " + ch.Lens)
	}
	return ch.Name
}

func (m *remembered) channel(listed string, input bool) *rememberedChannel {
	for i := range m.Channels {
		if c := &m.Channels[i]; c.Listed == listed && c.Input == input {
			return c
		}
	}
	return nil
}

// newChannelID is the listed id, unless a channel of the other kind has it.
func (m *remembered) newChannelID(listed string, input bool) string {
	taken := slices.ContainsFunc(m.Channels, func(c rememberedChannel) bool { return c.ID == listed })
	switch {
	case !taken:
		return listed
	case input:
		return "in" + listed
	}
	return "ip" + listed
}

// naturalOrder puts channel 2 before channel 10.
func naturalOrder(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// took takes over the cameras' states.
func (r *recorder) took(states []nvr.ChannelStatus, inputs bool) {
	changing := false // analog inputs can lose their signal, a camera's lens can't
	for _, s := range states {
		c := r.known.channel(s.ID, inputs)
		if c == nil {
			r.plan.soon(taskProxies, time.Now())
			continue
		}
		changing = changing || s.Online.Known
		if inputs && !r.known.Recorder {
			s.Online = nvr.Maybe[bool]{Value: true, Known: true} // the camera itself answered
		}
		r.tellCamera(c, s)
		r.live.states[c.ID] = s
		c.Online = c.Online || s.Online.Known
		c.Reason = c.Reason || s.Reason != ""
	}
	if inputs && changing {
		r.plan.often(taskInputs, intervals[taskProxyStatus], time.Now())
	}
}

func (r *recorder) tellCamera(c *rememberedChannel, s nvr.ChannelStatus) {
	was, ok := r.live.states[c.ID]
	if !ok || was.Online == s.Online || !s.Online.Known {
		return
	}
	if s.Online.Value {
		r.log.Info("camera is back", keyCamera, c.ID, keyName, c.Name)
	} else {
		r.log.Warn("camera is offline", keyCamera, c.ID, keyName, c.Name, keyReason, s.Reason)
	}
}

// fares takes over uptime, CPU and memory.
func (r *recorder) fares(a answer) {
	l, t := &r.live, &r.known.Tells
	s := a.status
	t.Uptime, t.CPU, t.Memory = t.Uptime || s.Uptime.Known, t.CPU || s.CPU.Known, t.Memory || s.Memory.Known
	if s.Uptime.Known {
		boot := a.at.Add(-s.Uptime.Value).Truncate(time.Second)
		if moved := boot.Sub(l.boot); !l.boot.IsZero() && moved > bootMoved {
			r.log.Info("recorder was restarted", keyBoot, boot.Format(time.RFC3339))
			r.alerts.ready()
		}
		if boot.Sub(l.boot).Abs() > bootMoved {
			l.boot = boot
		}
	}
	l.status = &s
}

// stores takes over the disks. One that is missing stays, unknown.
func (r *recorder) stores(disks []nvr.Disk) {
	clear(r.live.disks)
	for _, d := range disks {
		r.live.disks[d.ID] = d
		i := slices.IndexFunc(r.known.Disks, func(k rememberedDisk) bool { return k.ID == d.ID })
		if i < 0 {
			r.known.Disks = append(r.known.Disks, rememberedDisk{ID: d.ID})
			i = len(r.known.Disks) - 1
		}
		k := &r.known.Disks[i]
		k.Size = k.Size || d.Size.Known
		k.Used = k.Used || used(d).Known
	}
}

// used is the share of a disk that holds recordings, in percent.
func used(d nvr.Disk) nvr.Maybe[int] {
	if !d.Size.Known || !d.Free.Known || d.Size.Value <= 0 || d.Free.Value > d.Size.Value {
		return nvr.Maybe[int]{}
	}
	return nvr.Maybe[int]{Value: int(100 - 100*d.Free.Value/d.Size.Value), Known: true}
}

// tellsTime takes over the clock difference, if it moved.
func (r *recorder) tellsTime(difference nvr.Maybe[time.Duration]) {
	r.known.Tells.Clock = r.known.Tells.Clock || difference.Known
	was := r.live.clock
	if was.Known && difference.Known && (was.Value-difference.Value).Abs() < clockMoved {
		return
	}
	r.live.clock = difference
}

// cameraAvailable says whether what is known of a camera is of now: not that of
// one that is offline, or isn't in the list.
func (r *recorder) cameraAvailable(id string) bool {
	s := r.live.states[id]
	offline := s.Online.Known && !s.Online.Value
	return r.live.ready && !offline && !r.isGone(id)
}

func (r *recorder) isGone(id string) bool {
	return slices.ContainsFunc(r.known.Channels, func(c rememberedChannel) bool { return c.ID == id && c.Gone })
}

// clone copies deeply enough to compare later.
func (m *remembered) clone() remembered {
	c := *m
	c.Channels, c.Disks = slices.Clone(m.Channels), slices.Clone(m.Disks)
	for i := range c.Channels {
		c.Channels[i].Events = slices.Clone(c.Channels[i].Events)
	}
	c.Events, c.Pictures = slices.Clone(m.Events), maps.Clone(m.Pictures)
	return c
}

func (m *remembered) equal(other *remembered) bool { return reflect.DeepEqual(m, other) }
