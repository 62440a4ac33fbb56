package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hikbridge/bridge/power"
	"hikbridge/nvr"
)

const (
	collectFor = 20 * time.Second
	lookFor    = 5 * time.Second
	checkFor   = 5 * time.Second // one question of them
	putFor     = 15 * time.Second
	verifyFor  = 2 * time.Minute // logs and records of many cameras
	// exportSeen is how far back the log is read for exports and downloads.
	exportSeen = 10 * time.Minute
	// clockWrong is the difference that the verification calls wrong.
	clockWrong = time.Minute
	// maxGapCameras is for how many cameras gaps are searched after a boot.
	maxGapCameras = 32
)

// requested is what became of a request to the recorder.
type requested struct {
	power.PutDone
	err error
}

// start begins an effect. One that is still going on isn't waited for any more.
func (k *keeper) start(ctx context.Context, e power.Effect) {
	switch e.Kind {
	case power.NoEffect, power.SwitchOn:
		return
	case power.SwitchOff:
		k.switchOff(e.Proof)
		return
	}
	if k.stop != nil {
		k.stop()
	}
	limit := map[power.EffectKind]time.Duration{power.Collect: collectFor, power.Look: lookFor,
		power.PutShutdown: putFor, power.PutReboot: putFor, power.CollectAfter: verifyFor}[e.Kind]
	ctx, k.stop = context.WithTimeout(ctx, limit)
	k.running = e.Number
	before := k.machine.Memory().Seq
	if e.Kind == power.Collect && k.plug != nil {
		k.ask(k.plug.AskDefault())
	}
	k.work.Go(func() {
		done := effectDone{number: e.Number}
		switch e.Kind {
		case power.Collect:
			facts, model := k.collect(ctx)
			done.event, done.model = power.Collected{Number: e.Number, Facts: facts}, model
		case power.Look:
			facts, model := k.look(ctx)
			done.event, done.model = power.Collected{Number: e.Number, Facts: facts}, model
		case power.PutShutdown:
			done.event = put(ctx, e.Number, k.client.Shutdown)
		case power.PutReboot:
			done.event = put(ctx, e.Number, k.client.Reboot)
		case power.CollectAfter:
			done.event = power.Verified{Number: e.Number, After: k.verify(ctx, before)}
		}
		k.mail.behind(done)
	})
}

// effectDone is what an effect that asks the recorder brought.
type effectDone struct {
	number uint64
	event  any
	model  string // of the recorder, where it was asked
}

// put makes a request. What left and wasn't answered is unknown.
func put(ctx context.Context, number uint64, request func(context.Context) (nvr.Outcome, error)) requested {
	outcome, err := request(ctx)
	p := power.PutDone{Number: number, Outcome: map[nvr.Outcome]power.Outcome{
		nvr.OutcomeDone: power.Done, nvr.OutcomeUnknown: power.Unknown, nvr.OutcomeNotSent: power.NotSent,
		nvr.OutcomeBusy: power.Busy, nvr.OutcomeRefused: power.Refused,
	}[outcome]}
	if err != nil {
		p.Detail = plain(err)
	}
	return requested{p, err}
}

// supports is what the outcome says of the recorder's support for a shutdown.
func (r requested) supports(before power.Seen) power.Seen {
	switch {
	case r.Outcome == power.Done:
		return power.Seen{Told: power.Yes, Evidence: "it accepted a request"}
	case errors.Is(r.err, nvr.ErrUnsupported):
		return power.Seen{Told: power.No, Evidence: plain(r.err)}
	}
	return before
}

// seen is what a question that may be unanswered, or not offered, brought.
func seen(m nvr.Maybe[bool], evidence string, err error) power.Seen {
	switch {
	case errors.Is(err, nvr.ErrUnsupported):
		return power.Seen{Told: power.NotOffered}
	case err != nil:
		return power.Seen{Told: power.NotTold, Evidence: plain(err)}
	case !m.Known:
		return power.Seen{Told: power.NotOffered, Evidence: evidence}
	case m.Value:
		return power.Seen{Told: power.Yes, Evidence: evidence}
	}
	return power.Seen{Told: power.No, Evidence: evidence}
}

func known(b bool) nvr.Maybe[bool] { return nvr.Maybe[bool]{Value: b, Known: true} }

// asking gives one question its time.
func asking[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	return question(ctx)
}

// look asks what the hard findings are about.
func (k *keeper) look(ctx context.Context) (f power.Facts, model string) {
	c := k.client
	info, err := asking(ctx, c.Info)
	f.Serial, f.Firmware = info.Serial, info.Firmware
	f.SignIn, f.SignInEvidence = signInFact(err)
	if f.SignIn != power.SignInOK {
		return f, ""
	}
	f.Before.Address = c.Address()
	status, err := asking(ctx, c.Status)
	if err == nil && status.Uptime.Known {
		f.Before.Uptime, f.Before.UptimeTold = status.Uptime.Value, true
	}
	upgrade, err := asking(ctx, c.Upgrade)
	f.Upgrading = seen(upgrade.Upgrading, upgrade.Evidence, err)
	work, err := asking(ctx, c.DiskWork)
	f.Formatting = seen(work.Formatting, strings.Join(work.Evidence, ", "), err)
	f.Repairing = seen(work.Repairing, strings.Join(work.Evidence, ", "), err)
	f.RAIDError = seen(work.RAIDError, strings.Join(work.Evidence, ", "), err)
	may, err := asking(ctx, c.May)
	f.Right = seen(may.ShutDown, "", err)
	if may.Configure.Known {
		k.configure.Store(&may.Configure.Value)
	}
	return f, info.Model
}

func signInFact(err error) (power.SignIn, string) {
	var signIn *nvr.SignInError
	switch {
	case err == nil:
		return power.SignInOK, ""
	case errors.As(err, &signIn):
		return power.SignInDenied, plain(err)
	}
	return power.SignInUnknown, plain(err)
}

// collect asks everything that may speak against a power action.
func (k *keeper) collect(ctx context.Context) (power.Facts, string) {
	f, model := k.look(ctx)
	if f.SignIn != power.SignInOK {
		return f, model
	}
	c := k.client
	f.Exporting = k.exporting(ctx)
	sessions, err := asking(ctx, c.Sessions)
	f.People, f.OtherAdmin = people(sessions, err)
	mode, err := asking(ctx, c.AddressMode)
	f.FixedAddress = seen(nvr.Maybe[bool]{Value: mode == nvr.AddressFixed, Known: mode != nvr.AddressUnknown}, mode.String(), err)
	f.Before.FixedAddress = f.FixedAddress.Told == power.Yes
	clock, err := asking(ctx, c.Clock)
	f.ClockWrong = clockFact(clock, err)
	k.collectDisks(ctx, &f)
	f.Before.Online, f.Before.Recording, _, _ = k.channels(ctx)
	f.FeedsCameras = feeds(asking(ctx, c.Proxies))
	f.Downloading = k.downloads(ctx, clock, &f.Exporting)
	f.RuntimeShort = power.Seen{Told: power.No} // no battery is known
	if host := k.cfg.Power.Witness; host != "" {
		f.WitnessAnswers = seen(known(nvr.ProbeHost(ctx, k.cfg.Dial, host) == nvr.SightAlive), host, nil)
	}
	return f, model
}

func (k *keeper) exporting(ctx context.Context) power.Seen {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	running, evidence, err := k.client.Exporting(ctx)
	return seen(running, evidence, err)
}

func clockFact(clock nvr.Clock, err error) power.Seen {
	d := clock.Difference
	return seen(nvr.Maybe[bool]{Value: d.Value.Abs() > clockWrong, Known: d.Known}, d.Value.String(), err)
}

// people are those who are signed in beside us.
func people(sessions []nvr.Session, err error) (anybody, admin power.Seen) {
	if err != nil {
		return seen(nvr.Maybe[bool]{}, "", err), seen(nvr.Maybe[bool]{}, "", err)
	}
	var names, admins []string
	for _, s := range sessions {
		if s.Own.Value {
			continue
		}
		names = append(names, s.Name)
		if s.Administrator.Value {
			admins = append(admins, s.Name)
		}
	}
	return seen(known(len(names) > 0), strings.Join(names, ", "), nil), seen(known(len(admins) > 0), strings.Join(admins, ", "), nil)
}

// feeds says whether cameras hang on the recorder's own PoE ports.
func feeds(cameras []nvr.Channel, err error) power.Seen {
	n := 0
	var told nvr.Maybe[bool]
	for _, c := range cameras {
		told.Known = told.Known || c.Fed.Known
		if c.Fed.Value {
			n++
		}
	}
	told.Value = n > 0
	return seen(told, fmt.Sprintf("%d cameras", n), err)
}

// collectDisks notes the disks, and whether one tests itself.
func (k *keeper) collectDisks(ctx context.Context, f *power.Facts) {
	disks, err := asking(ctx, k.client.Storage)
	if err != nil {
		f.SelfTest = seen(nvr.Maybe[bool]{}, "", err)
		return
	}
	var testing []string
	var told nvr.Maybe[bool]
	for _, d := range disks {
		f.Before.Disks = append(f.Before.Disks, d.ID+" "+d.Status)
		if d.Network {
			continue
		}
		smart, err := asking(ctx, func(ctx context.Context) (nvr.SMART, error) { return k.client.SMART(ctx, d.ID) })
		if err != nil || !smart.Testing.Known {
			continue
		}
		told.Known = true
		if p := smart.Testing.Value; p > 0 && p < 100 {
			testing = append(testing, fmt.Sprintf("disk %s: %d %%", d.ID, p))
		}
	}
	told.Value = len(testing) > 0
	f.SelfTest = seen(told, strings.Join(testing, ", "), nil)
}

// channels are the ids of those that are online, and of those that record.
func (k *keeper) channels(ctx context.Context) (online, recording []string, onlineTold, recordingTold bool) {
	var states []nvr.ChannelStatus
	if proxies, err := asking(ctx, k.client.ProxyStatus); err == nil {
		states, onlineTold = append(states, proxies...), true
	}
	_, inputs, err := k.client.Inputs(ctx)
	if err == nil {
		states, onlineTold = append(states, inputs...), true
	}
	for _, s := range states {
		if s.Online.Known && s.Online.Value {
			online = append(online, channelName(s.Kind, s.ID))
		}
	}
	if all, err := asking(ctx, k.client.Working); err == nil {
		recordingTold = true
		for _, w := range all {
			if w.Recording.Value {
				recording = append(recording, strconv.Itoa(w.Number))
			}
		}
	}
	slices.Sort(online)
	slices.Sort(recording)
	return online, recording, onlineTold, recordingTold
}

// channelName keeps an analog input apart from an IP channel of the same number.
func channelName(kind nvr.Kind, id string) string {
	if kind == nvr.Input {
		return "input " + id
	}
	return id
}

// downloads looks into the log for who downloads or exports recordings now.
func (k *keeper) downloads(ctx context.Context, clock nvr.Clock, exporting *power.Seen) power.Seen {
	if !clock.Zone.Known {
		return power.Seen{Told: power.NotTold}
	}
	now := time.Now().Add(clock.Difference.Value)
	entries, _, err := k.client.Log(ctx, clock.Zone.Value, now.Add(-exportSeen), now, "Operation")
	if err != nil {
		return power.Seen{Told: power.NotTold, Evidence: plain(err)}
	}
	var downloads []string
	for _, e := range entries {
		switch e.Kind {
		case nvr.LogDownload:
			downloads = append(downloads, e.User)
		case nvr.LogExport:
			*exporting = power.Seen{Told: power.Yes, Evidence: "log: " + e.Minor}
		}
	}
	slices.Sort(downloads)
	return seen(known(len(downloads) > 0), strings.Join(slices.Compact(downloads), ", "), nil)
}

// verify asks what the recorder says after its boot.
func (k *keeper) verify(ctx context.Context, s power.Sequence) (a power.After) {
	c := k.client
	info, err := asking(ctx, c.Info)
	if err != nil {
		return a
	}
	a.Serial = info.Serial
	if status, err := asking(ctx, c.Status); err == nil && status.Uptime.Known {
		a.Uptime, a.UptimeTold = status.Uptime.Value, true
	}
	a.Online, a.Recording, a.ChannelsTold, a.RecordingTold = k.channels(ctx)
	if disks, err := asking(ctx, c.Storage); err == nil {
		a.DisksTold = true
		for _, d := range disks {
			a.Disks = append(a.Disks, d.ID+" "+d.Status)
		}
	}
	clock, err := asking(ctx, c.Clock)
	a.ClockWrong = clockFact(clock, err)
	if clock.Zone.Known {
		k.verifyLog(ctx, s, clock, &a)
	}
	return a
}

// verifyLog looks at the log since the shutdown, and for gaps in the recordings.
func (k *keeper) verifyLog(ctx context.Context, s power.Sequence, clock nvr.Clock, a *power.After) {
	zone, ahead := clock.Zone.Value, clock.Difference.Value
	from, now := s.PutAt.Wall.Add(ahead-time.Minute), time.Now().Add(ahead)
	if s.PutAt.Wall.IsZero() {
		from = now.Add(-time.Hour)
	}
	entries, complete, err := k.client.Log(ctx, zone, from, now, "Operation", "Exception", "Information")
	if err != nil {
		a.CleanStop = seen(nvr.Maybe[bool]{}, "", err)
		return
	}
	clean, evidence := nvr.LastStop(entries)
	a.CleanStop = power.Seen{Told: power.NotTold, Evidence: evidence}
	if clean.Known && (complete || !clean.Value) { // what is missing may tell of an unclean one
		a.CleanStop = seen(clean, evidence, nil)
	}
	var wrong []string
	for _, e := range nvr.Unrecovered(entries, from) {
		wrong = append(wrong, strings.TrimSpace(e.Minor+" "+e.Channel))
	}
	a.Errors = seen(known(len(wrong) > 0), strings.Join(wrong, ", "), nil)
	a.Gaps = k.gaps(ctx, zone, from, now)
}

// gaps are the stretches without a recording, of the cameras that should record
// all the time.
func (k *keeper) gaps(ctx context.Context, zone nvr.Zone, from, to time.Time) string {
	tracks, err := asking(ctx, k.client.Tracks)
	if err != nil {
		return ""
	}
	var told []string
	for _, t := range tracks[:min(len(tracks), maxGapCameras)] {
		if !t.Always().Value {
			continue
		}
		found, _, err := k.client.Gaps(ctx, zone, t.Channel, from, to)
		if err != nil {
			continue
		}
		var all time.Duration
		open := ""
		for _, g := range found {
			all += g.To.Sub(g.From)
			if g.Open {
				open = " up to now"
			}
		}
		told = append(told, fmt.Sprintf("channel %s: %v%s", t.Channel, all.Round(time.Second), open))
	}
	return strings.Join(told, ", ")
}
