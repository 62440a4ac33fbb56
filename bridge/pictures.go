package bridge

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hikbridge/discovery"
	"hikbridge/mqtt"
	"hikbridge/nvr"
)

// DefaultPictureInterval is how often an event brings a picture of one camera at
// most. Recorders have restarted under constant requests for pictures.
const DefaultPictureInterval = 30 * time.Second

const (
	// pictureGap is the least time between two pictures of one recorder.
	pictureGap = 2 * time.Second
	// busyPictures to longestBusy is the pause when a device says that it is busy.
	busyPictures = 30 * time.Second
	longestBusy  = 10 * time.Minute
	// maxWanted bounds the pictures that wait.
	maxWanted = 64
	// maxPicture is what brokers take unless told otherwise.
	maxPicture = 1_990_000
	// eventPictures is how often a picture that came with an event is published.
	eventPictures = time.Second
)

// snap is an accepted command to take a picture.
type snap struct{ id, by, camera string }

// wanted is a picture that is to be taken: for a command, or after an event.
type wanted struct {
	camera string
	cmd    *snap
	at     time.Time
}

// pictures is what the loop knows of pictures.
type pictures struct {
	wanted []wanted
	asked  wanted               // the one that the requester takes
	taken  map[string]time.Time // by camera: when the last one was asked for or came
	next   time.Time            // no picture is asked for before
	busy   int                  // times in a row that the device was busy
}

// wantPicture plans a picture after an event, not more often than configured; it
// says whether it did.
func (r *recorder) wantPicture(camera string, now time.Time) bool {
	p := &r.pictures
	interval := r.site.cfg.PictureInterval
	c := r.known.byID(camera)
	last, ever := p.taken[camera]
	switch {
	case interval <= 0, !r.known.Pictures[kindOf(c).String()], ever && now.Sub(last) < interval:
		return false
	}
	p.taken[camera] = now
	return r.queuePicture(wanted{camera: camera, at: now})
}

func (r *recorder) queuePicture(w wanted) bool {
	if len(r.pictures.wanted) >= maxWanted {
		return false
	}
	r.pictures.wanted = append(r.pictures.wanted, w)
	return true
}

// snap plans a picture that was commanded; commands go before events.
func (r *recorder) snap(cmd snap) {
	i := -1
	if r.known != nil {
		i = slices.IndexFunc(r.known.Channels, func(c rememberedChannel) bool { return c.ID == cmd.camera && r.selected(c.ID) })
	}
	switch {
	case i < 0:
		r.pictureOutcome(cmd, outcomeFailed, "no_camera", fmt.Sprintf("the recorder has no camera %.20q", cmd.camera))
	case !r.live.ready:
		r.pictureOutcome(cmd, outcomeFailed, "not_ready", "the recorder can't be read now; its Status says why")
	case !r.queuePicture(wanted{camera: cmd.camera, cmd: &cmd, at: time.Now()}):
		r.pictureOutcome(cmd, outcomeFailed, "busy", "too many pictures wait already; try again in a minute")
	default:
		slices.SortStableFunc(r.pictures.wanted, func(a, b wanted) int {
			return boolOrder(a.cmd == nil) - boolOrder(b.cmd == nil)
		})
	}
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r *recorder) pictureOutcome(cmd snap, what, reason, message string) {
	r.site.verdict(r.cfg.Name, &verdict{EventType: what, ID: cmd.id, By: cmd.by, Action: actionTakePicture,
		Camera: cmd.camera, Reason: reason, Message: message})
}

// pictureDue is when a picture is to be asked for; zero when none is wanted.
func (r *recorder) pictureDue() time.Time {
	p := &r.pictures
	if len(p.wanted) == 0 || !r.live.ready {
		return time.Time{}
	}
	if p.next.IsZero() {
		return p.wanted[0].at
	}
	return p.next
}

// dropPictures gives up what waits: the recorder can't be asked, and later the
// pictures would show something else.
func (r *recorder) dropPictures() {
	for _, w := range r.pictures.wanted {
		if w.cmd != nil {
			r.pictureOutcome(*w.cmd, outcomeFailed, "not_ready", "the recorder can't be read now; its Status says why")
		}
	}
	r.pictures.wanted = nil
}

// nextPicture takes the next one to ask for.
func (r *recorder) nextPicture() question {
	p := &r.pictures
	p.asked, p.wanted = p.wanted[0], p.wanted[1:]
	c := r.known.byID(p.asked.camera)
	return question{task: taskPicture, kind: kindOf(c), id: c.Listed}
}

func kindOf(c *rememberedChannel) nvr.Kind {
	if c.Input {
		return nvr.Input
	}
	return nvr.IP
}

// pictureCame publishes what the device answered, and keeps away from one that
// is busy.
func (r *recorder) pictureCame(a answer) {
	p := &r.pictures
	w := p.asked
	p.asked = wanted{}
	p.next = a.at.Add(pictureGap)
	if errors.Is(a.err, nvr.ErrBusy) {
		p.next = a.at.Add(min(longestBusy, busyPictures<<min(p.busy, 10)))
		p.busy++
		p.wanted = slices.DeleteFunc(p.wanted, func(w wanted) bool { return w.cmd == nil })
	} else {
		p.busy = 0
	}
	err := a.err
	if err == nil {
		err = r.publishPicture(w.camera, a.picture)
	}
	switch {
	case err != nil && w.cmd != nil:
		r.pictureOutcome(*w.cmd, outcomeFailed, "no_picture", plain(err))
	case err != nil:
		r.log.Debug("no picture", keyCamera, w.camera, keyError, err)
	case w.cmd != nil:
		r.pictureOutcome(*w.cmd, outcomeDone, "", fmt.Sprintf("picture of %d bytes taken", len(a.picture)))
	}
	if err == nil {
		p.taken[w.camera] = a.at
	}
}

// keepPicture publishes a picture that came with an event.
func (r *recorder) keepPicture(camera string, jpeg []byte, now time.Time) {
	if last, ok := r.pictures.taken[camera]; ok && now.Sub(last) < eventPictures {
		return
	}
	if err := r.publishPicture(camera, jpeg); err == nil {
		r.pictures.taken[camera] = now
	}
}

// tryPicture is the next kind of channel to find out about: whether pictures can
// be taken of it. done says that all is known.
func (r *recorder) tryPicture() (q question, done, ok bool) {
	done = true
	for i := range r.known.Channels {
		c := &r.known.Channels[i]
		if _, known := r.known.Pictures[kindOf(c).String()]; known || c.Gone || !r.selected(c.ID) {
			continue
		}
		done = false
		if r.cameraAvailable(c.ID) {
			return question{task: taskTryPicture, kind: kindOf(c), id: c.Listed}, false, true
		}
	}
	return q, done, false
}

// triedPicture notes whether pictures can be taken of a kind of channel.
func (r *recorder) triedPicture(a answer, works bool) {
	if r.known.Pictures == nil {
		r.known.Pictures = map[string]bool{}
	}
	r.known.Pictures[a.kind.String()] = works
	r.plan.answered(taskTryPicture, a.at)
	if _, done, _ := r.tryPicture(); !done {
		r.plan.entries[taskTryPicture].tried = false // the other kind
	}
}

func (r *recorder) publishPicture(camera string, jpeg []byte) error {
	i := slices.IndexFunc(r.shown.cameras[camera], func(e discovery.Entity) bool { return e.Key == discovery.KeyPicture })
	switch {
	case i < 0:
		return errors.New("pictures of this camera aren't announced yet")
	case len(jpeg) > maxPicture:
		return fmt.Errorf("the picture has %d bytes, brokers take %d; choose a smaller resolution for the camera on the recorder", len(jpeg), maxPicture)
	}
	r.site.mqtt.Publish(mqtt.Message{Class: mqtt.Picture, Topic: r.shown.cameras[camera][i].StateTopic, Payload: jpeg})
	return nil
}
