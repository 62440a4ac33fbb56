package bridge

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"hikbridge/discovery"
	"hikbridge/nvr"
)

// payloadUnknown makes an entity of Home Assistant unknown.
const payloadUnknown = "None"

// value is what one entity shows: a state, and attributes where it has them.
type value struct {
	state      string
	attributes map[string]any
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

func orUnknown[T any](m nvr.Maybe[T], show func(T) string) value {
	if !m.Known {
		return value{state: payloadUnknown}
	}
	return value{state: show(m.Value)}
}

// fill puts the values of entities at their topics. An entity without a value is
// shown as unknown.
func fill(into map[string]string, entities []discovery.Entity, values map[string]value) {
	for _, e := range entities {
		if !e.Retained {
			continue // a button, an event or a picture; or safe, which is the keeper's
		}
		v, ok := values[e.Key]
		if !ok {
			v.state = payloadUnknown
		}
		into[e.StateTopic] = v.state
		if e.AttributesTopic != "" {
			into[e.AttributesTopic] = attributes(v.attributes)
		}
	}
}

func attributes(m map[string]any) string {
	if m == nil {
		return "{}"
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic("bridge: encode attributes: " + err.Error())
	}
	return string(b)
}

// stateValues are all states of a recorder and its cameras, by topic.
func (r *recorder) stateValues() map[string]string {
	out := map[string]string{}
	fill(out, r.shown.entities, r.recorderValues())
	for id, entities := range r.shown.cameras {
		fill(out, entities, r.cameraValues(id))
	}
	return out
}

// recorderValues are a recorder's values by key.
func (r *recorder) recorderValues() map[string]value {
	l := &r.live
	v := map[string]value{
		discovery.KeyStatus:         {state: r.summary.Sentence},
		discovery.KeyNeedsAttention: {onOff(len(r.summary.Reasons) > 0), map[string]any{"reasons": orEmpty(r.summary.Reasons)}},
		discovery.KeySignIn:         signInValue(r.client.SignIn()),
		discovery.KeyConnection:     {state: payloadUnknown},
	}
	if l.asked {
		v[discovery.KeyConnection] = value{state: onOff(l.answers)}
	}
	r.powerValues(v)
	r.careValues(v, time.Now())
	r.alertValues(v)
	v[discovery.KeyEventStream] = r.streamValue()
	r.eventValues(v, "", r.known.Events)
	if !r.stream.told.IsZero() {
		v[discovery.KeyLastMessage] = value{state: timestamp(r.stream.told)}
	}
	if !l.ready {
		return v
	}
	r.storageValues(v)
	if !l.boot.IsZero() {
		v[discovery.KeyLastBoot] = value{state: timestamp(l.boot)}
	}
	if l.status != nil {
		v[discovery.KeyCPU] = orUnknown(l.status.CPU, strconv.Itoa)
		v[discovery.KeyMemory] = orUnknown(l.status.Memory, strconv.Itoa)
	}
	v[discovery.KeyClockDifference] = orUnknown(l.clock, func(d time.Duration) string {
		return strconv.FormatInt(int64(d/time.Second), 10)
	})
	if online, all := r.camerasOnline(); all > 0 {
		v[discovery.KeyCamerasOnline] = value{strconv.Itoa(online), map[string]any{"all": all}}
	}
	if len(l.recording) > 0 {
		v[discovery.KeyChannelsRecording] = r.recordingValue()
	}
	if at := r.oldestRecording(); !at.IsZero() {
		v[discovery.KeyOldestRecording] = value{timestamp(at), r.oldestByCamera()}
	}
	if l.newest.Version != "" {
		v[discovery.KeyFirmware] = value{state: firmwareState(r.known.Firmware, l.newest)}
	}
	if l.triggers != nil {
		v[discovery.KeyEventsNotArriving] = r.notArrivingValue()
	}
	return v
}

// storageValues are those of disks.
func (r *recorder) storageValues(v map[string]value) {
	l := &r.live
	trouble := r.latches.has(ref{kind: string(nvr.DiskError)})
	for id, disk := range l.disks {
		state := diskState(disk.Status)
		v[discovery.DiskKey(id)] = value{state, map[string]any{"reported": disk.Status, "name": disk.Name}}
		v[discovery.DiskUsedKey(id)] = orUnknown(used(disk), strconv.Itoa)
		v[discovery.DiskSizeKey(id)] = orUnknown(disk.Size, gigabytes)
		smart := l.smart[id]
		v[discovery.DiskTemperatureKey(id)] = orUnknown(smart.Temperature, strconv.Itoa)
		v[discovery.DiskSelfTestKey(id)] = value{state: selfTest(smart)}
		trouble = trouble || diskTrouble(state) || smart.Healthy.Known && !smart.Healthy.Value
	}
	v[discovery.KeyDiskError] = value{state: onOff(trouble)}
	failing := len(r.notRecording()) > 0 || r.latches.has(ref{kind: string(nvr.RecordingFailure)})
	v[discovery.KeyRecordingFailure] = value{state: onOff(failing && !r.alerts.quiet(time.Now()))}
}

func selfTest(s nvr.SMART) string {
	switch {
	case s.Healthy.Known && !s.Healthy.Value:
		return discovery.SelfTestFailed
	case s.Testing.Value > 0 && s.Testing.Value < 100:
		return discovery.SelfTestRunning
	case s.Healthy.Known:
		return discovery.SelfTestOK
	}
	return discovery.SelfTestUnknown
}

// eventValues are the event sensors of a camera, or of the recorder itself.
func (r *recorder) eventValues(v map[string]value, camera string, kinds []string) {
	for _, kind := range kinds {
		v[discovery.EventKey(kind)] = value{state: onOff(r.latches.has(ref{camera, kind}))}
	}
}

func (r *recorder) streamValue() value {
	s := &r.stream
	a := map[string]any{"old_messages_ignored": s.old}
	if s.err != nil {
		a["reason"] = plain(s.err)
	}
	return value{onOff(s.open), a}
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// recordingValue counts the channels that record.
func (r *recorder) recordingValue() value {
	on, all := 0, 0
	silent := []string{}
	for _, c := range r.known.Channels {
		recording, ok := r.live.recording[c.ID]
		if !ok || !r.selected(c.ID) {
			continue
		}
		all++
		if recording {
			on++
		}
	}
	for _, id := range r.notRecording() {
		silent = append(silent, r.known.byID(id).title())
	}
	return value{strconv.Itoa(on), map[string]any{"all": all, "not_recording": silent}}
}

func (r *recorder) oldestByCamera() map[string]any {
	cameras := map[string]string{}
	for id, at := range r.oldest.found {
		cameras[r.known.byID(id).title()] = timestamp(at)
	}
	return map[string]any{"cameras": cameras}
}

// firmwareState is what Home Assistant wants of an update entity.
func firmwareState(installed string, newest nvr.Newest) string {
	b, err := json.Marshal(map[string]string{"installed_version": installed, "latest_version": newest.Version,
		"release_summary": clip(newest.Changes)})
	if err != nil {
		panic("bridge: encode firmware: " + err.Error())
	}
	return string(b)
}

func (r *recorder) notArrivingValue() value {
	missing, unused := r.eventsNotArriving()
	return value{strconv.Itoa(len(missing)), map[string]any{
		"missing": firstOf(missing), "unused": firstOf(unused),
		"advice": adviceLinkage,
	}}
}

const adviceLinkage = "On the recorder open the event's Linkage Method and tick Notify Surveillance Center, for each camera; arming schedule and region are needed, too."

// firstOf bounds a list that stands in attributes.
func firstOf(list []unheard) []unheard {
	if list == nil {
		return []unheard{}
	}
	return list[:min(len(list), 50)]
}

func orEmpty(reasons []reason) []reason {
	if reasons == nil {
		return []reason{}
	}
	return reasons
}

func gigabytes(bytes int64) string { return strconv.FormatInt(bytes/1e9, 10) }

func signInValue(s nvr.SignIn) value {
	a := map[string]any{}
	if !s.Until.IsZero() {
		a["until"] = s.Until.UTC().Format(time.RFC3339)
	}
	if s.TriesLeft >= 0 {
		a["tries_left"] = s.TriesLeft
	}
	return value{s.State.String(), a}
}

// diskState reads a device's word for a disk (ISAPI storage; the misspellings
// are the devices'). A word that isn't known is unknown, never fine.
func diskState(word string) string {
	switch strings.ToLower(word) {
	case "ok", "normal":
		return discovery.DiskOK
	case "idle", "sleep", "sleeping":
		return discovery.DiskSleeping
	case "unformatted", "unrecordhostformatted":
		return discovery.DiskUnformatted
	case "error", "abnormal":
		return discovery.DiskError
	case "mismatch":
		return discovery.DiskMismatch
	case "offline":
		return discovery.DiskOffline
	case "smartfailed":
		return discovery.DiskSmartFailed
	case "reparing", "repairing":
		return discovery.DiskRepairing
	case "formating", "formatting":
		return discovery.DiskFormatting
	}
	return discovery.DiskUnknown
}

// diskTrouble says that a disk in this state needs a person.
func diskTrouble(state string) bool {
	switch state {
	case discovery.DiskError, discovery.DiskMismatch, discovery.DiskOffline, discovery.DiskSmartFailed, discovery.DiskUnformatted:
		return true
	}
	return false
}

// cameraValues are a camera's values by key.
func (r *recorder) cameraValues(id string) map[string]value {
	v := map[string]value{}
	if !r.live.ready {
		r.eventValues(v, id, r.known.byID(id).Events)
		return v
	}
	if i := slices.IndexFunc(r.known.Channels, func(c rememberedChannel) bool { return c.ID == id }); i >= 0 {
		v[discovery.KeyProtocol] = value{state: clip(r.known.Channels[i].Protocol)}
	}
	if s, ok := r.live.states[id]; ok {
		v[discovery.KeyConnection] = orUnknown(s.Online, onOff)
		if !s.Online.Value && r.alerts.quiet(time.Now()) { // it may just not be back yet
			v[discovery.KeyConnection] = value{state: payloadUnknown}
		}
		v[discovery.KeyOfflineReason] = value{offlineReason(s), map[string]any{"reported": s.Reason}}
	}
	if on, ok := r.live.recording[id]; ok {
		v[discovery.KeyRecording] = value{state: onOff(on)}
	}
	r.eventValues(v, id, r.known.byID(id).Events)
	return v
}

// offlineReason reads chanDetectResult (ISAPI 2.0, InputProxyChannelStatus; its
// misspellings are the devices'). When online and the word disagree, online
// wins; a word that isn't known is unknown.
func offlineReason(s nvr.ChannelStatus) string {
	if s.Online.Known && s.Online.Value {
		return discovery.ReasonNone
	}
	switch strings.ToLower(s.Reason) {
	case "connecting":
		return discovery.ReasonConnecting
	case "netunreachable", "networkabnormal", "timeout":
		return discovery.ReasonUnreachable
	case "errorusernameorpasswd", "userorpassworderror":
		return discovery.ReasonWrongPassword
	case "ipaddrconflicwithipc", "ipaddrconflictwithdev", "cipaddrconflictwithdev", "ipconflict":
		return discovery.ReasonAddressConflict
	case "ipcstreamfail":
		return discovery.ReasonStreamFailed
	case "ipcstreamtypenotsupport", "ipcresolutionnotsupport":
		return discovery.ReasonNotSupported
	case "oversysbandwidth":
		return discovery.ReasonBandwidth
	case "chacnnoerror":
		return discovery.ReasonWrongChannel
	case "domainerror":
		return discovery.ReasonDomainError
	case "notexist":
		return discovery.ReasonNotExist
	case "notactivated":
		return discovery.ReasonNotActivated
	case "no video":
		return discovery.ReasonNoVideo
	}
	return discovery.ReasonUnknown
}

// bridgeValues are the bridge's own states, by topic.
func (b *Bridge) bridgeValues() map[string]string {
	reachable := 0
	where := map[string]string{}
	reasons := map[string]any{}
	var own []string
	for _, text := range []string{b.stateError, b.unheard, b.withheld} {
		if text != "" {
			own = append(own, text)
			reasons["bridge"] = own
		}
	}
	if o := b.site.outage; o != nil {
		if v := o.shown.get(); v.Needs {
			reasons["mains"] = []reason{{"mains_source", v.Problem, "Look at the sensor, the UPS, its server and HIKBRIDGE_UPS_COMMAND: an outage may not be noticed, or the UPS not be switched off."}}
		}
	}
	last, failedAt := payloadUnknown, time.Time{}
	for _, name := range b.names {
		s, ok := b.state[name]
		if !ok {
			continue
		}
		if s.Ready {
			reachable++
		}
		where[name] = s.Sentence
		if len(s.Reasons) > 0 {
			reasons[name] = s.Reasons
		}
		if s.FailedAt.After(failedAt) {
			last, failedAt = clip(clockTime(s.FailedAt)+" "+name+": "+s.LastError), s.FailedAt
		}
	}
	if len(own) > 0 {
		last = own[0]
	}
	values := map[string]value{
		discovery.KeyRecordersReachable: {strconv.Itoa(reachable), map[string]any{"all": len(b.names), "recorders": where}},
		discovery.KeyNeedsAttention:     {onOff(len(reasons) > 0), reasons},
		discovery.KeyVersion:            {state: b.site.cfg.Version},
		discovery.KeyEventsLost:         {state: strconv.Itoa(b.lost)},
		discovery.KeyLastError:          {state: last},
	}
	if o := b.site.outage; o != nil {
		o.shown.get().values(values)
	}
	out := map[string]string{}
	fill(out, b.site.device.Entities(), values)
	return out
}

// discovery makes what Home Assistant is told of a recorder.
func (r *recorder) discovery() discovery.Recorder {
	d := r.known.discovery(r.cfg.Name, r.selected, r.cfg.URL)
	d.Plug = r.keeper.plug != nil
	return d
}

func (m *remembered) discovery(name string, selected func(id string) bool, url string) discovery.Recorder {
	d := discovery.Recorder{
		ID: m.ID, Name: name, Title: m.Title, Manufacturer: manufacturer(m.Manufacturer), Model: m.Model, Serial: m.Serial,
		MAC: m.MAC, Firmware: m.Firmware, Hardware: m.Hardware, ConfigurationURL: url,
		Uptime: m.Tells.Uptime, CPU: m.Tells.CPU, Memory: m.Tells.Memory, Clock: m.Tells.Clock,
		Triggers: m.Tells.Triggers, OldestRecording: m.Tells.Oldest, Newest: m.Tells.Newest,
		Storage: len(m.Disks) > 0, Events: m.Events,
	}
	for _, disk := range m.Disks {
		d.Disks = append(d.Disks, discovery.Disk{ID: disk.ID, Used: disk.Used, Size: disk.Size,
			Temperature: disk.Temperature, SelfTest: disk.SelfTest})
	}
	for _, c := range m.Channels {
		if selected != nil && !selected(c.ID) {
			continue
		}
		d.CamerasOnline, d.Recording = d.CamerasOnline || c.Online, d.Recording || c.Recording
		d.Cameras = append(d.Cameras, discovery.Camera{
			ID: c.ID, Title: c.Name, Manufacturer: cameraMaker(m, c), Model: c.Model, Serial: c.Serial,
			Firmware: c.Firmware, Connection: c.Online, Reason: c.Reason, Protocol: c.Protocol != "", Gone: c.Gone,
			Recording: c.Recording, Events: c.Events, Picture: m.Pictures[kindOf(&c).String()],
		})
	}
	return d
}

// manufacturer: an empty element was seen (DS-2TD1228), and lower case.
func manufacturer(told string) string {
	if told == "" || strings.EqualFold(told, "hikvision") {
		return "Hikvision"
	}
	return told
}

// cameraMaker is told only where it is sure: of a camera's own lens, and of a
// model that is named as Hikvision names them. Others come by ONVIF too.
func cameraMaker(m *remembered, c rememberedChannel) string {
	if c.Input && !m.Recorder {
		return manufacturer(m.Manufacturer)
	}
	if strings.HasPrefix(c.Model, "DS-") || strings.HasPrefix(c.Model, "iDS-") {
		return "Hikvision"
	}
	return ""
}
