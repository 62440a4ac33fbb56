package nvrtest

import "time"

// schedule is when a channel records.
type schedule struct {
	mode string
	off  bool
}

// SetSchedule changes a channel's recording schedule: the whole week in a mode
// ("CMR" is continuous, "MOTION", "ALARM" …), or nothing at all if mode is "";
// and whether the schedule is in use. By default it is CMR and in use.
func (r *Recorder) SetSchedule(c Channel, mode string, enabled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contents.schedules == nil {
		r.contents.schedules = map[Channel]schedule{}
	}
	r.contents.schedules[c] = schedule{mode, !enabled}
}

// tracks has the main stream's track of each channel. "Enable" is false on every
// recorder and means nothing (DVRtool, four recorders).
func (r *Recorder) tracks() *element {
	list := r.traits.root("TrackList")
	for _, s := range append(r.contents.of(true), r.contents.of(false)...) {
		list.add(r.track(s))
	}
	return list
}

func (r *Recorder) track(s slot) *element {
	plan, set := r.contents.schedules[s.channel]
	if !set {
		plan.mode = "CMR"
	}
	block := parent("ScheduleBlock",
		el("ScheduleBlockGUID", "{00000000-0000-0000-0000-000000000000}"),
		el("ScheduleBlockType", "www.std-cgi.com/racm/schedule/ver10"))
	if plan.mode != "" {
		for day := range 7 {
			block.add(scheduleAction(day, plan.mode))
		}
	}
	id := number(trackOf(s.channel))
	return r.traits.inner(parent("Track", el("id", id), el("Channel", id), el("Enable", "false"),
		el("Description", "trackType=standard"), el("Duration", "P0DT0H"), el("DefaultRecordingMode", "CMR"),
		parent("TrackSchedule", parent("ScheduleBlockList", block)),
		parent("CustomExtensionList", parent("CustomExtension",
			el("CustomExtensionName", "www.hikvision.com/RaCM/trackExt/ver10"),
			el("enableSchedule", yesNo(!plan.off)), el("SaveAudio", "true"),
			el("PreRecordTimeSeconds", "5"), el("PostRecordTimeSeconds", "5")))))
}

// scheduleAction is a whole day, which goes from midnight to the next day's.
func scheduleAction(day int, mode string) *element {
	at := func(name string, day int) *element {
		weekday := time.Weekday((day + 1) % 7) // the week begins on Monday
		return parent(name, el("DayOfWeek", weekday.String()), el("TimeOfDay", "00:00:00"))
	}
	return parent("ScheduleAction", el("id", number(day+1)),
		at("ScheduleActionStartTime", day), at("ScheduleActionEndTime", day+1),
		el("ScheduleDSTEnable", "false"), el("Description", "nothing"),
		parent("Actions", el("Record", "true"), el("Log", "false"), el("SaveImg", "false"), el("ActionRecordingMode", mode)))
}

// trackOf is the id of a channel's main track. An input and an IP channel with
// the same id have the same; the input comes first.
func trackOf(c Channel) int { return c.id*100 + 1 }

// channelOf is the channel of a track or of a stream, if it is configured.
func (d *contents) channelOf(track int) (slot, bool) {
	for _, c := range []Channel{Input(track / 100), IP(track / 100)} {
		if s := d.find(c); s != nil && track%100 == 1 {
			return *s, true
		}
	}
	return slot{}, false
}
