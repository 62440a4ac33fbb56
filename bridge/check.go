package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hikbridge/mqtt"
	"hikbridge/nvr"
)

// Results of a finding.
const (
	ResultOK      = "ok"
	ResultWarning = "warning"
	ResultFailed  = "failed"
	ResultUnknown = "unknown"
)

const (
	checkBroker   = 10 * time.Second
	checkRecorder = 60 * time.Second
)

// Finding is one line of a Report.
type Finding struct {
	Subject string `json:"subject"` // "broker", "recorder garage"
	Check   string `json:"check"`
	Result  string `json:"result"`
	Text    string `json:"text"`
	Advice  string `json:"advice,omitempty"`
}

// Report is what Check found, in the order it looked.
type Report struct {
	Findings []Finding `json:"findings"`
}

// OK says that nothing failed; warnings and unknowns are allowed.
func (r Report) OK() bool {
	for _, f := range r.Findings {
		if f.Result == ResultFailed {
			return false
		}
	}
	return true
}

func (r *Report) add(subject, check, result, text, advice string) {
	r.Findings = append(r.Findings, Finding{subject, check, result, text, advice})
}

// Check looks at the state directory, the broker and each recorder, read only.
// It keeps to the login budget; while another process uses the state directory
// it sends no credential to a recorder.
func Check(ctx context.Context, c Config) Report {
	var r Report
	unlock, err := lockStateDir(c.StateDir)
	switch {
	case errors.Is(err, ErrInUse):
		r.add("state", "directory", ResultWarning, "in use by a running hikbridge: "+c.StateDir,
			"Stop it to let the recorders be checked; no credential is sent meanwhile.")
	case err != nil:
		r.add("state", "directory", ResultFailed, err.Error(), "Make it writable for the user that runs hikbridge.")
	default:
		defer unlock()
		r.add("state", "directory", ResultOK, c.StateDir, "")
	}
	r.checkBroker(ctx, c)
	r.checkMains(ctx, c)
	for _, rc := range c.Recorders {
		if err != nil {
			r.add("recorder "+rc.Name, "sign-in", ResultUnknown, "not tried: the login budget is in the state directory", "")
			r.checkOutage(c, rc, readiness{})
			continue
		}
		r.checkRecorder(ctx, c, rc)
	}
	return r
}

func (r *Report) checkBroker(ctx context.Context, c Config) {
	broker, err := brokerConfig(c)
	if err == nil {
		broker.ClientID += "-check"
		ctx, cancel := context.WithTimeout(ctx, checkBroker)
		defer cancel()
		_, err = mqtt.Retained(ctx, broker, []string{c.Topic + "/bridge/availability"})
	}
	if err != nil {
		r.add("broker", "connection", ResultFailed, err.Error(),
			"Check HIKBRIDGE_MQTT_URL, user and password, and that the broker runs.")
		return
	}
	r.add("broker", "connection", ResultOK, "connected; whether its ACL allows the topics isn't tried", "")
}

// recorderCheck is the check of one recorder.
type recorderCheck struct {
	*Report
	subject string
	client  *nvr.Client
	stands  readiness
}

func (r *Report) checkRecorder(ctx context.Context, c Config, rc RecorderConfig) {
	ctx, cancel := context.WithTimeout(ctx, checkRecorder)
	defer cancel()
	rec := &recorderCheck{Report: r, subject: "recorder " + rc.Name}
	client, err := nvr.New(nvr.Config{
		URL: rc.URL, Username: rc.Username, Password: rc.Password.Reveal(),
		TLS: rc.TLS, Fingerprint: rc.Fingerprint, StateDir: c.StateDir, Dial: rc.Dial,
	})
	if err != nil {
		rec.failed("configuration", err)
		return
	}
	defer client.Close()
	rec.client = client
	if strings.HasPrefix(rc.URL, "http://") {
		rec.note("connection", ResultOK, "without TLS: the password isn't sent, all else can be read on the way")
	}
	if rec.signIn(ctx) && rec.identity(ctx, c, rc) {
		rec.documents(ctx, rc)
		rec.rights(ctx)
	} else {
		rec.stands.no, rec.stands.advice = "it can't be used as it is", "See above."
	}
	rec.checkOutage(c, rc, rec.stands)
}

func (r *recorderCheck) note(check, result, text string) { r.add(r.subject, check, result, text, "") }

func (r *recorderCheck) failed(check string, err error) {
	r.add(r.subject, check, ResultFailed, plain(err), adviceFor(err))
}

// signIn says whether the account works.
func (r *recorderCheck) signIn(ctx context.Context) bool {
	account, err := r.client.Account(ctx)
	if errors.Is(err, nvr.ErrUnsupported) {
		_, err = r.client.Info(ctx)
	}
	if err != nil {
		r.failed("sign-in", err)
		return false
	}
	r.note("sign-in", ResultOK, "accepted")
	if account.DefaultPassword.Value || account.RiskPassword.Value {
		r.add(r.subject, "password", ResultWarning, "the recorder calls this password weak", "Choose a longer one.")
	}
	return true
}

func (r *recorderCheck) identity(ctx context.Context, c Config, rc RecorderConfig) bool {
	i, err := r.client.Info(ctx)
	if err != nil {
		r.failed("identity", err)
		return false
	}
	known, err := loadRemembered(c.StateDir, rc.Name)
	if err == nil && known != nil && !sameBox(known.Serial, i.Serial) {
		r.failed("identity", &strangerError{expected: known.Serial, found: i.Serial, name: rc.Name})
		return false
	}
	r.stands.firmware = i.Firmware
	r.note("identity", ResultOK, fmt.Sprintf("%s, firmware %s, serial number %s", i.Model, i.Firmware, i.Serial))
	return true
}

// documents reads each thing once and says what the owner will see.
func (r *recorderCheck) documents(ctx context.Context, rc RecorderConfig) {
	proxies, perr := r.client.Proxies(ctx)
	inputs, _, ierr := r.client.Inputs(ctx)
	if (perr == nil || errors.Is(perr, nvr.ErrUnsupported)) && (ierr == nil || errors.Is(ierr, nvr.ErrUnsupported)) && (perr == nil || ierr == nil) {
		r.tellMissing(rc.Channels, inputs, proxies)
	}
	if perr != nil && ierr != nil {
		r.tell("cameras", taskProxies, "", perr)
	} else {
		r.tell("cameras", taskProxies, fmt.Sprintf("%d found", len(proxies)+len(inputs)), nil)
	}
	if len(proxies) > 0 {
		states, err := r.client.ProxyStatus(ctx)
		r.tell("camera states", taskProxyStatus, onlineText(states), err)
	}
	status, err := r.client.Status(ctx)
	r.tell("system status", taskStatus, statusText(status), err)
	disks, err := r.client.Storage(ctx)
	r.tell("storage", taskStorage, disksText(disks), err)
	clock, err := r.client.Clock(ctx)
	r.tell("clock", taskClock, clockText(clock.Difference), err)
	triggers, err := r.client.Triggers(ctx)
	r.tellEvents(triggers, err)
	working, err := r.client.Working(ctx)
	r.tell("recording", taskWorking, recordingText(working), err)
	mode, err := r.client.AddressMode(ctx)
	r.tellAddress(mode, err)
}

// tellEvents says whether motion reaches the bridge: which linkage to tick where
// it doesn't is told by the running bridge, which knows the cameras.
func (r *recorderCheck) tellEvents(triggers []nvr.Trigger, err error) {
	arrive, listed, silent := 0, 0, 0
	for _, t := range triggers {
		if !watched(t.Type) {
			continue
		}
		listed++
		if t.Notifies {
			arrive++
		} else if t.Type == nvr.Motion {
			silent++
		}
	}
	text := fmt.Sprintf("%d of %d detections and alarms are told to hikbridge", arrive, listed)
	if err != nil || silent == 0 {
		r.tell("events", taskTriggers, text, err)
		return
	}
	r.add(r.subject, "events", ResultWarning, fmt.Sprintf("%s; motion of %s isn't", text, count(silent, "camera")), adviceLinkage)
}

func (r *recorderCheck) tellAddress(mode nvr.AddressMode, err error) {
	switch {
	case err != nil || mode == nvr.AddressUnknown:
		r.tell("address", taskInfo, "the recorder doesn't tell how it gets its address", err)
	case mode == nvr.AddressDynamic:
		r.add(r.subject, "address", ResultWarning, "given by DHCP, so it may change",
			"Set a fixed address on the recorder, or reserve this one in the router.")
	default:
		r.note("address", ResultOK, "set on the recorder")
	}
}

func recordingText(channels []nvr.Working) string {
	on := 0
	for _, c := range channels {
		if c.Recording.Value {
			on++
		}
	}
	return fmt.Sprintf("%d of %d channels record now", on, len(channels))
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// tellMissing warns of channels that are picked and aren't there.
func (r *recorderCheck) tellMissing(picked []string, inputs, proxies []nvr.Channel) {
	var listed remembered
	var ids, missing []string
	for _, c := range slices.Concat(inputs, proxies) {
		id := listed.newChannelID(c.ID, c.Kind == nvr.Input)
		listed.Channels, ids = append(listed.Channels, rememberedChannel{ID: id}), append(ids, id)
	}
	for _, id := range picked {
		if !slices.Contains(ids, id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		r.add(r.subject, "channels", ResultWarning, "picked, but not on the recorder's list: "+strings.Join(missing, ", "),
			"Correct CHANNELS of this recorder, or leave it out for all.")
	}
}

// tell adds what the question t gave: an answer, a missing right, or no support.
func (r *recorderCheck) tell(check string, t task, text string, err error) {
	switch {
	case err == nil:
		r.note(check, ResultOK, text)
	case errors.Is(err, nvr.ErrForbidden):
		r.add(r.subject, check, ResultFailed, "the account lacks the right", adviceForRight(t))
	case errors.Is(err, nvr.ErrUnsupported):
		r.note(check, ResultUnknown, "not told by this firmware; its entities aren't created")
	default:
		r.failed(check, err)
	}
}

// rightNames are the names of the recorder's menus for its rights.
var rightNames = map[string]string{
	"logOrStateCheck":  "Remote: Log Search / Interrogate Working Status",
	"parameterConfig":  "Remote: Parameters Settings",
	rightToShutDown:    "Remote: Shutdown / Reboot",
	"preview":          "Remote: Live View",
	"playBack":         "Remote: Playback",
	"alarmOutOrUpload": rightEvents,
}

const (
	rightToShutDown = "restartOrShutdown"
	adviceRights    = "Tick them for this user on the recorder (System > User > Permission)."
)

const rightEvents = "Remote: Notify Surveillance Center / Trigger Alarm Output"

// rights also tells what keeps an outage from shutting the recorder down.
func (r *recorderCheck) rights(ctx context.Context) {
	s := &r.stands
	if r.client.RefusedShutdown() != nil {
		s.no, s.advice = "it refuses to be shut down from outside", "Shut it down in its own menu."
	}
	rights, err := r.client.Rights(ctx)
	if err != nil {
		r.failed("rights", err)
		return
	}
	var missing []string
	unknown := 0
	for _, right := range rights {
		switch {
		case !right.Granted.Known:
			unknown++
		case !right.Granted.Value:
			missing = append(missing, rightNames[right.Name])
			if right.Name == rightToShutDown {
				s.no, s.advice = "the account may not shut it down", adviceRights
			}
		}
	}
	switch {
	case len(missing) > 0:
		r.add(r.subject, "rights", ResultWarning, "missing: "+strings.Join(missing, "; "),
			adviceRights)
	case unknown > 0:
		r.note("rights", ResultUnknown, "the recorder doesn't tell this account its rights")
	default:
		r.note("rights", ResultOK, "all that hikbridge uses")
	}
	r.alerts(ctx, rights)
}

// alerts says how far alerts can be paused.
func (r *recorderCheck) alerts(ctx context.Context, rights []nvr.Right) {
	i := slices.IndexFunc(rights, func(right nvr.Right) bool { return right.Name == "parameterConfig" })
	may := rights[i].Granted
	_, err := r.client.Notifications(ctx)
	switch {
	case errors.Is(err, nvr.ErrUnsupported):
		r.note("alerts", ResultOK, "can be paused here only; this firmware can't silence its app")
	case err != nil:
		r.note("alerts", ResultUnknown, "can be paused here; whether also in the recorder's app isn't known: "+plain(err))
	case may.Known && !may.Value:
		r.note("alerts", ResultOK, "can be paused here; also in the recorder's app with the right "+rightNames["parameterConfig"])
	case !may.Known:
		r.note("alerts", ResultOK, "can be paused here; also in the recorder's app, if the account may change settings")
	default:
		r.note("alerts", ResultOK, "can be paused here and in the recorder's app")
	}
}

func onlineText(states []nvr.ChannelStatus) string {
	online := 0
	for _, s := range states {
		if s.Online.Value {
			online++
		}
	}
	return fmt.Sprintf("%d of %d online", online, len(states))
}

func statusText(s nvr.Status) string {
	switch up := s.Uptime.Value; {
	case !s.Uptime.Known:
		return "told, without uptime"
	case up >= 48*time.Hour:
		return fmt.Sprintf("up for %d days", up/(24*time.Hour))
	case up >= 2*time.Hour:
		return fmt.Sprintf("up for %d hours", up/time.Hour)
	default:
		return "up for " + count(int(up/time.Minute), "minute")
	}
}

func disksText(disks []nvr.Disk) string {
	var words []string
	for _, d := range disks {
		words = append(words, fmt.Sprintf("disk %s %s", d.ID, d.Status))
	}
	if len(words) == 0 {
		return "no disk"
	}
	return strings.Join(words, ", ")
}

func clockText(d nvr.Maybe[time.Duration]) string {
	if !d.Known {
		return "no time zone rule told, so the difference isn't known"
	}
	off := d.Value.Round(time.Second)
	switch length := strings.NewReplacer("h", " h ", "m", " min ", "s", " s").Replace(off.Abs().String()); {
	case off < 0:
		return length + " behind this machine's clock"
	case off > 0:
		return length + " ahead of this machine's clock"
	}
	return "as this machine's"
}
