package bridge

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"hikbridge/nvr"
)

const (
	// inboxSize is a second of commands at the highest rate that is looked at;
	// answers come one at a time, and events wait in the stream.
	inboxSize = 16
	// firstRetry to lastRetry is the pause between tries of a recorder that
	// doesn't answer; a try itself may take the client's ten seconds more.
	firstRetry = 2 * time.Second
	lastRetry  = 30 * time.Second
	// signInRetry is how often a recorder that doesn't let us in is looked at
	// without credentials: whether it is there, and what it says of a lock.
	signInRetry = time.Minute
	// strangerRetry is how often the identity of another box is asked.
	strangerRetry = time.Minute
	// silentAfter is how many questions in a row must stay unanswered.
	silentAfter = 2
	// settledAfter is how long a recorder that was silent must have answered until
	// "not supported" is believed.
	settledAfter = 10 * time.Minute
	// staleAfter refusals in a row what was told before isn't shown any more.
	staleAfter = 5
	// bootMoved is how far a boot time must move to be published again.
	bootMoved = time.Minute
	// whoEvery is how often it is looked who answers while there is no plan.
	whoEvery = 15 * time.Second
	// clockMoved is the same for the clock difference.
	clockMoved = 2 * time.Second
)

// recorder is one recorder's loop: it owns everything that is known of it. Other
// goroutines send to its inbox.
type recorder struct {
	cfg    RecorderConfig
	site   *site
	client *nvr.Client
	log    *slog.Logger
	keeper *keeper

	// inbox has room for inboxSize messages; a sender that must not wait tells
	// when it is full.
	inbox     chan any       // answer, ordered, or what listen tells
	listeners sync.WaitGroup // the stream's goroutine, if there is one

	// All below is owned by the loop.
	power    powerView // what the keeper wants and shows
	plan     plan
	asking   bool               // a question is with the requester
	cancel   context.CancelFunc // ends it
	looked   time.Time          // when it was looked who answers, without a plan
	hold     time.Time          // nothing is asked before
	known    *remembered
	live     live
	stream   stream
	latches  latches
	pictures pictures
	alerts   alerts
	oldest   oldest
	diskTurn int     // disks whose health was asked
	retries  []retry // accepted commands that wait for their outcome

	shown     shown
	documents map[string][sha256.Size]byte // by topic: what was published
	values    map[string]string            // by topic: what was published
	kept      remembered                   // what the file holds
	summary   summary
	lastError string
	failedAt  time.Time
}

// live is what is known of a recorder in this run.
type live struct {
	answers bool      // the last question was answered by something
	asked   bool      // an answer came, or silence was found
	since   time.Time // of answers
	silent  int       // questions without answer in a row
	// wasSilent: it didn't answer for a while in this run, and may have booted.
	wasSilent bool
	ready     bool      // signed in, identity as remembered, since it last answered
	trouble   error     // why it isn't ready
	found     *nvr.Info // another box at the address

	status *nvr.Status
	boot   time.Time
	clock  nvr.Maybe[time.Duration]
	zone   nvr.Maybe[nvr.Zone]
	states map[string]nvr.ChannelStatus // by channel id
	disks  map[string]nvr.Disk
	smart  map[string]nvr.SMART // by disk id
	denied map[task]bool

	triggers  []nvr.Trigger
	recording map[string]bool      // by channel id, where it is told
	plans     map[string]nvr.Track // by channel id
	idle      map[string]int       // looks in a row at which a channel didn't record that should
	newest    nvr.Newest
}

// retry is an accepted command to sign in again. site says it came for all.
type retry struct {
	id, by string
	site   bool
}

func newRecorder(c RecorderConfig, s *site) (*recorder, error) {
	client, err := nvr.New(nvr.Config{
		URL: c.URL, Username: c.Username, Password: c.Password.Reveal(),
		TLS: c.TLS, Fingerprint: c.Fingerprint, StateDir: s.cfg.StateDir, Dial: c.Dial, Resolve: c.Resolve,
	})
	if err != nil {
		return nil, err
	}
	known, err := loadRemembered(s.cfg.StateDir, c.Name)
	if err != nil {
		return nil, err
	}
	keeper, err := newKeeper(c, s, client)
	if err != nil {
		return nil, err
	}
	r := &recorder{
		cfg: c, site: s, client: client, known: known, keeper: keeper, power: keeper.shown.get(), plan: newPlan(time.Now()),
		log:       s.cfg.Log.With(keyRecorder, c.Name),
		inbox:     make(chan any, inboxSize),
		documents: map[string][sha256.Size]byte{}, values: map[string]string{},
		live: live{since: time.Now(), states: map[string]nvr.ChannelStatus{}, disks: map[string]nvr.Disk{},
			smart: map[string]nvr.SMART{}, denied: map[task]bool{}, recording: map[string]bool{},
			plans: map[string]nvr.Track{}, idle: map[string]int{}},
		latches:  latches{on: map[ref]*latch{}},
		pictures: pictures{taken: map[string]time.Time{}},
		alerts:   newAlerts(s.cfg.StateDir, c, known),
		oldest:   oldest{found: map[string]time.Time{}},
	}
	if known != nil {
		if _, _, err := s.ids.claim(c.Name, known.ID); err != nil {
			r.live.trouble = err
			r.known = nil
		} else {
			r.kept = known.clone()
			r.plan.entries[taskAlerts].off = known.App
		}
	}
	return r, nil
}

// run is the recorder's goroutine; it returns when ctx is done and everything it
// started has ended, with the recorder said to be offline.
func (r *recorder) run(ctx context.Context) {
	defer r.client.Close()
	defer r.stopAlerts(ctx)
	work := make(chan asked)
	var requester sync.WaitGroup
	requester.Go(func() { r.request(ctx, work) })
	defer r.listeners.Wait()
	defer requester.Wait()
	defer close(work)

	timer := time.NewTimer(0)
	defer timer.Stop()
	var planned, armed time.Time // when to act again; when the timer goes off
	full := true                 // all may have changed, not only what was published at once
	for {
		if full {
			r.settleStream(time.Now())
			r.settleAlerts(time.Now())
			r.publish(ctx)
			planned = r.act(ctx, work)
		}
		if wake := sooner(planned, r.latches.next()); !wake.Equal(armed) {
			if armed = wake; wake.IsZero() {
				timer.Stop()
			} else {
				timer.Reset(time.Until(wake))
			}
		}
		select {
		case <-ctx.Done():
			r.goodbye()
			return
		case <-timer.C:
			armed = time.Time{}
			full = r.expire(time.Now())
		case <-r.keeper.shown.changed:
			full = true
			r.obey(r.keeper.shown.get())
		case m := <-r.inbox:
			full = r.handle(ctx, m)
		}
	}
}

// act opens the stream and asks the next question, as far as it is time to. It
// returns when there is something to do again; zero if nothing is waited for but
// messages.
func (r *recorder) act(ctx context.Context, work chan<- asked) (wake time.Time) {
	now := time.Now()
	r.reopen(ctx, now)
	wake = sooner(r.streamWake(), r.alertWake(now))
	if r.asking {
		return wake
	}
	q, at := r.nextQuestion(now)
	if !r.power.Ask {
		if q, at = (question{task: taskWho}), r.looked.Add(whoEvery); !r.power.SignIn {
			return wake
		}
	}
	if at.After(now) {
		return sooner(wake, at)
	}
	r.asking, r.looked = true, now
	r.alerts.asked = q.task.aboutAlerts()
	var question context.Context
	question, r.cancel = context.WithCancel(ctx)
	work <- asked{question, q} // the requester is idle, so this doesn't wait
	return wake
}

// asked is a question on its way, with the context that ends it.
type asked struct {
	ctx context.Context
	question
}

// nextQuestion is about alerts that are to be paused or told again, a picture that is
// wanted, or what the plan says, and when it may be asked: zero is now.
func (r *recorder) nextQuestion(now time.Time) (question, time.Time) {
	if q, ok := r.alertQuestion(now); ok && !r.hold.After(now) {
		return q, time.Time{}
	}
	if due := r.pictureDue(); !due.IsZero() && !due.After(now) && !r.hold.After(now) {
		return r.nextPicture(), time.Time{}
	}
	for {
		t, at := r.plan.next()
		if at.Before(r.hold) {
			at = r.hold
		}
		if at.After(now) {
			if due := r.pictureDue(); !due.IsZero() && due.Before(at) {
				at = later(due, r.hold)
			}
			return question{}, at
		}
		if q, ok := r.detail(t); ok {
			return q, time.Time{}
		}
		r.plan.skip(t, now)
	}
}

// detail says which disk or channel a question is about; ok is false when there
// is none.
func (r *recorder) detail(t task) (q question, ok bool) {
	switch t {
	case taskSMART, taskOldest, taskTryPicture:
		if r.known == nil {
			return q, false
		}
	default:
		return question{task: t}, true
	}
	switch t {
	case taskSMART:
		return r.nextDisk()
	case taskOldest:
		return r.step()
	}
	q, done, ok := r.tryPicture()
	r.plan.entries[taskTryPicture].off = done
	return q, ok
}

// sooner is the earlier of two times, where zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// request puts questions to the recorder, one at a time.
func (r *recorder) request(ctx context.Context, work <-chan asked) {
	for q := range work {
		a := ask(q.ctx, r.client, q.question)
		a.dropped = q.ctx.Err() != nil
		select {
		case r.inbox <- a:
		case <-ctx.Done():
			return
		}
	}
}

// handle takes a message; full says that anything may have changed.
func (r *recorder) handle(ctx context.Context, m any) (full bool) {
	switch m := m.(type) {
	case nvr.Alert:
		return r.alert(m)
	case answer:
		r.asking = false
		r.cancel()
		if !m.dropped { // one that was ended says nothing of the recorder
			r.report(m)
		}
		if !m.dropped || m.task.aboutAlerts() { // what it did there counts all the same
			r.answer(m)
		}
	case streamOpened:
		r.streamOpens(m.at)
	case streamEnded:
		r.streamEnds(m)
	case ordered:
		if <-m.told; m.accepted { // Run tells it at once
			r.carryOut(m.command)
		}
	default:
		panic("bridge: unknown message")
	}
	return true
}

// carryOut begins an accepted command.
func (r *recorder) carryOut(command any) {
	switch c := command.(type) {
	case retry:
		r.trySignIn(c)
	case snap:
		r.snap(c)
	case pauseOrder:
		r.orderPause(c)
	default:
		panic("bridge: unknown command")
	}
}

// sameBox compares identities without hyphens: firmwares print them differently.
func sameBox(a, b string) bool {
	return strings.ReplaceAll(a, "-", "") == strings.ReplaceAll(b, "-", "")
}

// selected says whether the owner picked this channel.
func (r *recorder) selected(id string) bool {
	return len(r.cfg.Channels) == 0 || slices.Contains(r.cfg.Channels, id)
}
