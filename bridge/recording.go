package bridge

import (
	"strconv"
	"time"

	"hikbridge/nvr"
)

const (
	// idleLooks is at how many looks in a row a channel must not record that
	// should, until that is a failure: some pause for a moment between two files.
	idleLooks = 2
	// maxMonths is how far back recordings are looked for.
	maxMonths = 24
	// nextStep is the pause between the steps to a channel's oldest recording.
	nextStep = 40 * time.Second
)

// works takes over which channels record, if the numbers that are told can be
// matched with all channels: elsewhere nobody knows which is which.
func (r *recorder) works(channels []nvr.Working) {
	recording := map[string]bool{}
	seen := map[string]bool{}
	for _, w := range channels {
		c := r.known.resolve(strconv.Itoa(w.Number))
		if c == nil {
			continue // a slot without camera
		}
		seen[c.ID] = true
		if w.Recording.Known {
			recording[c.ID] = w.Recording.Value
		}
	}
	for _, c := range r.known.Channels {
		if !c.Gone && !seen[c.ID] {
			r.forget(taskWorking)
			return
		}
	}
	r.live.recording = recording
	for id, on := range recording {
		r.known.byID(id).Recording = true
		if on || !r.shouldRecord(id) {
			delete(r.live.idle, id)
			continue
		}
		r.live.idle[id]++
	}
}

// shouldRecord says that a channel's plan is to record all the time, and its
// camera is there.
func (r *recorder) shouldRecord(id string) bool {
	plan, ok := r.live.plans[id]
	return ok && plan.Scheduled.Value && plan.Continuous && r.cameraAvailable(id)
}

// notRecording lists the channels that fail to record.
func (r *recorder) notRecording() []string {
	var ids []string
	for _, c := range r.known.Channels {
		if r.live.idle[c.ID] >= idleLooks && r.selected(c.ID) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// takePlans takes over the recording plans.
func (r *recorder) takePlans(tracks []nvr.Track) {
	clear(r.live.plans)
	for _, t := range tracks {
		if c := r.known.resolve(t.Channel); c != nil {
			r.live.plans[c.ID] = t
		}
	}
}

// oldest is how far the search for the oldest recordings is. It goes through the
// channels in turn, one request at a time.
type oldest struct {
	turn  []string             // ids of the channels that come next; the first is asked
	month time.Time            // asked for, device time; zero: the search begins
	day   time.Time            // the first day with recordings so far, device time
	first bool                 // that day's first recording is asked for
	steps int                  // months asked for
	found map[string]time.Time // by channel id
}

// step is the next request; ok is false when nothing can be asked.
func (r *recorder) step() (q question, ok bool) {
	o := &r.oldest
	if len(o.turn) == 0 {
		for _, c := range r.known.Channels {
			if !c.Gone && r.selected(c.ID) && r.known.Recorder {
				o.turn = append(o.turn, c.ID)
			}
		}
	}
	if len(o.turn) == 0 || !r.live.zone.Known {
		return q, false
	}
	if o.month.IsZero() {
		o.month = r.live.zone.Value.Wall(time.Now().Add(r.live.clock.Value))
		o.day, o.first, o.steps = time.Time{}, false, 0
	}
	q = question{task: taskOldest, id: r.known.byID(o.turn[0]).Listed, from: o.month, first: o.first}
	if o.first {
		q.from = o.day
	}
	return q, true
}

// steppedBack takes over one step: a month further back while there are
// recordings, then the first recording of the first day.
func (r *recorder) steppedBack(a answer) {
	o := &r.oldest
	if len(o.turn) == 0 || o.month.IsZero() {
		return // the search was begun anew meanwhile
	}
	switch {
	case o.first:
		if a.oldest.Known {
			r.foundOldest(o.turn[0], a.oldest.Value)
		}
	case a.oldest.Known && o.steps < maxMonths:
		o.steps++
		o.day, o.month = a.oldest.Value, o.month.AddDate(0, 0, 1-o.month.Day()).AddDate(0, -1, 0)
		r.plan.again(taskOldest, a.at, nextStep)
		return
	case !o.day.IsZero():
		o.first = true
		r.plan.again(taskOldest, a.at, nextStep)
		return
	default:
		delete(o.found, o.turn[0]) // it has no recordings
	}
	o.turn, o.month = o.turn[1:], time.Time{}
	if len(o.found) < len(r.known.Channels) {
		r.plan.again(taskOldest, a.at, time.Minute)
	}
}

// foundOldest notes the beginning of a channel's recordings, told in device time.
func (r *recorder) foundOldest(id string, wall time.Time) {
	at, err := r.live.zone.Value.Time(wall.Format("2006-01-02T15:04:05"), wall)
	if err != nil || !r.live.zone.Known {
		return
	}
	r.oldest.found[id], r.known.Tells.Oldest = at, true
}

// oldestRecording is the beginning of all recordings; zero when it isn't known.
func (r *recorder) oldestRecording() time.Time {
	var first time.Time
	for _, at := range r.oldest.found {
		first = sooner(first, at)
	}
	return first
}

// nextDisk is the next one whose health is asked.
func (r *recorder) nextDisk() (question, bool) {
	var ids []string
	for _, d := range r.known.Disks {
		if known, ok := r.live.disks[d.ID]; ok && !known.Network {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return question{}, false
	}
	r.diskTurn++
	return question{task: taskSMART, id: ids[r.diskTurn%len(ids)]}, true
}

// checkedDisk takes over a disk's health.
func (r *recorder) checkedDisk(a answer) {
	r.live.smart[a.id] = a.smart
	for i := range r.known.Disks {
		if d := &r.known.Disks[i]; d.ID == a.id {
			d.Temperature = d.Temperature || a.smart.Temperature.Known
			d.SelfTest = d.SelfTest || a.smart.Healthy.Known
		}
	}
	if r.diskTurn < len(r.known.Disks) {
		r.plan.again(taskSMART, a.at, time.Minute) // all of them soon after the start
	}
}
