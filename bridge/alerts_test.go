package bridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/journal"
	"hikbridge/nvr/nvrtest"
)

const disturbPath = "System/status/disturbParams"

// app is a recorder whose notifications can be silenced: one channel of three is.
func app() nvrtest.Config {
	return nvrtest.Config{Channels: 3, Notifications: nvrtest.Notifications{Supported: true, Silenced: []int{2}, Extra: true, Indented: true, Verbatim: true}}
}

// alertsWorld is a world of the recorder garage, whose account has every right and
// whose bridge has run for five minutes.
func alertsWorld(t *testing.T, c nvrtest.Config, test func(*testing.T, *world, *nvrtest.Recorder)) {
	t.Helper()
	alertsWorldWith(t, c, nvrtest.Rights{}, test)
}

func alertsWorldWith(t *testing.T, c nvrtest.Config, rights nvrtest.Rights, test func(*testing.T, *world, *nvrtest.Recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]nvrtest.Config{"garage": c})
		w.recorders["garage"].SetRights(rights)
		w.start()
		time.Sleep(5 * time.Minute)
		test(t, w, w.recorders["garage"])
	})
}

var alertOrders int

// order sends a command about alerts with an envelope.
func (w *world) order(action, more string) {
	alertOrders++
	payload := fmt.Sprintf(`{"id":"alerts-%d","at":%d,"by":"owner"%s}`, alertOrders, time.Now().Unix(), more)
	w.broker.Publish("hikbridge/command/garage/"+action, []byte(payload), false)
	time.Sleep(5 * time.Second)
	synctest.Wait()
}

// lastMessage is that of the last result about the recorder.
func (w *world) lastMessage() string {
	last := ""
	for _, p := range w.broker.Log() {
		if !p.Sent && p.Packet == "PUBLISH" && p.Topic == "hikbridge/garage/result" {
			var v struct{ Message string }
			if err := json.Unmarshal(p.Payload, &v); err != nil {
				w.t.Error(err)
			}
			last = v.Message
		}
	}
	return last
}

// silencedChannels counts what the recorder doesn't tell in its app.
func silencedChannels(r *nvrtest.Recorder) int {
	return bytes.Count(r.Notifications(), []byte(`"disturbEnabled": true`))
}

func TestAPauseSilencesHereAndInTheAppAndEndsByItself(t *testing.T) {
	alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
		found := r.Notifications()
		if n := silencedChannels(r); n != 1 {
			t.Fatalf("%d channels are silenced before: %s", n, found)
		}
		began := time.Now()
		r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
		time.Sleep(time.Second)
		w.expect("before", map[string]string{"hikbridge/garage/alerts_paused": "OFF", "hikbridge/garage/alerts_resume": "None", "hikbridge/garage/ch/1/motion": "ON"})
		w.order("pause_alerts", `,"minutes":30`)
		paused := time.Now()
		until := paused.Add(30*time.Minute - 5*time.Second)
		w.expect("paused", map[string]string{"hikbridge/garage/alerts_paused": "ON", "hikbridge/garage/ch/1/motion": "OFF",
			"hikbridge/garage/alerts_resume": until.UTC().Format(time.RFC3339), "hikbridge/garage/events": "online"})
		if got := w.results("garage"); got != "accepted done" || !strings.Contains(w.lastMessage(), "also in the recorder's app") {
			t.Errorf("results: %s, %q", got, w.lastMessage())
		}
		if n := silencedChannels(r); n != 3 {
			t.Errorf("%d of 3 channels are silenced: %s", n, r.Notifications())
		}
		for range 20 { // it moves all the time, and lets a picture be taken otherwise
			r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
			r.Alert(nvrtest.Alert{Type: "linedetection", Channel: 3, Target: "human"})
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Until(until) - time.Second)
		r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
		if all := w.published("garage", paused, `ch/\d/(motion|line_crossing|event|picture)|ch/\d/availability|events`); len(all) > 0 {
			t.Errorf("in the pause: %v", all)
		}
		time.Sleep(time.Minute)
		if !bytes.Equal(r.Notifications(), found) {
			t.Errorf("found\n%s\nleft\n%s", found, r.Notifications())
		}
		w.expect("over", map[string]string{"hikbridge/garage/alerts_paused": "OFF", "hikbridge/garage/alerts_resume": "None"})
		if all := w.published("garage", until, `ch/\d/(motion|line_crossing|event|picture)`); len(all) > 0 {
			t.Errorf("old news: %v", all)
		}
		r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
		time.Sleep(time.Second)
		w.expect("what comes then is told", map[string]string{"hikbridge/garage/ch/1/motion": "ON"})
		if all := w.published("garage", began, `ch/1/event`); len(all) != 2 {
			t.Errorf("detections: %v", all)
		}
		w.checkTable()
	})
}

func TestTheSwitchAndItsCommands(t *testing.T) {
	alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
		found := r.Notifications()
		for _, row := range []struct {
			action, more string
			on           bool
			minutes      int // from now; 0: not paused
			says         string
		}{
			{"pause_alerts", `,"state":"ON"`, true, 120, "also in the recorder's app"},
			{"pause_alerts", `,"state":"OFF"`, false, 0, "alerts are told again"},
			{"pause_alerts", "", true, 120, "also in the recorder's app"},
			{"pause_alerts", `,"minutes":720,"state":"ON"`, true, 720, "also in the recorder's app"},
			{"pause_alerts", `,"minutes":1`, true, 1, "also in the recorder's app"},
			{"resume_alerts", "", false, 0, "alerts are told again"},
			{"resume_alerts", "", false, 0, "alerts are told again"},
		} {
			at := time.Now()
			w.order(row.action, row.more)
			resume := "None"
			if row.minutes > 0 {
				resume = at.Add(time.Duration(row.minutes) * time.Minute).UTC().Format(time.RFC3339)
			}
			w.expect(row.action+row.more, map[string]string{"hikbridge/garage/alerts_resume": resume})
			if got := w.value("hikbridge/garage/alerts_paused") == "ON"; got != row.on || bytes.Equal(r.Notifications(), found) == row.on {
				t.Errorf("%s%s: switch is on: %v; on the recorder\n%s", row.action, row.more, got, r.Notifications())
			}
			if got := w.lastMessage(); !strings.Contains(got, row.says) {
				t.Errorf("%s%s says %q", row.action, row.more, got)
			}
		}
		w.broker.Publish("hikbridge/command/garage/pause_alerts", []byte("PRESS"), false)
		time.Sleep(5 * time.Second)
		w.expect("a plain press", map[string]string{"hikbridge/garage/alerts_paused": "ON"})
		w.broker.Publish("hikbridge/command/garage/resume_alerts", []byte("PRESS"), false)
		time.Sleep(5 * time.Second)
		w.expect("a plain press", map[string]string{"hikbridge/garage/alerts_paused": "OFF"})
	})
}

func TestCommandsAboutAlertsThatAreNone(t *testing.T) {
	for _, row := range []struct{ target, action, more, want string }{
		{"garage", "pause_alerts", `,"minutes":0`, "refused:malformed"},
		{"garage", "pause_alerts", `,"minutes":721`, "refused:malformed"},
		{"garage", "pause_alerts", `,"minutes":-5`, "refused:malformed"},
		{"garage", "pause_alerts", `,"minutes":1.5`, "refused:malformed"},
		{"garage", "pause_alerts", `,"minutes":"10"`, "refused:malformed"},
		{"garage", "pause_alerts", `,"minutes":10,"state":"OFF"`, "refused:malformed"},
		{"garage", "pause_alerts", `,"state":"off"`, "refused:malformed"},
		{"garage", "resume_alerts", `,"minutes":10`, "refused:malformed"},
		{"garage", "resume_alerts", `,"state":"OFF"`, "refused:malformed"},
		{"garage", "shutdown", `,"minutes":10`, "refused:malformed"},
		{"site", "pause_alerts", ``, "refused:unknown_action"},
		{"garage/ch/1", "pause_alerts", ``, "refused:unknown_action"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, map[string]nvrtest.Config{"garage": app()})
			w.start()
			time.Sleep(2 * time.Minute)
			found := w.recorders["garage"].Notifications()
			payload := fmt.Sprintf(`{"id":"a","at":%d,"by":"owner"%s}`, time.Now().Unix(), row.more)
			w.broker.Publish("hikbridge/command/"+row.target+"/"+row.action, []byte(payload), false)
			time.Sleep(5 * time.Second)
			target, _, _ := strings.Cut(row.target, "/")
			if got := w.results(target); got != row.want {
				t.Errorf("%v: %s", row, got)
			}
			if w.value("hikbridge/garage/alerts_paused") != "OFF" || !bytes.Equal(w.recorders["garage"].Notifications(), found) {
				t.Errorf("%v: something was done", row)
			}
		})
	}
}

func TestWhereTheAppCantBePausedTheSwitchWorksHereAndSaysWhy(t *testing.T) {
	with := func(change func(*nvrtest.Config)) nvrtest.Config {
		c := app()
		change(&c)
		return c
	}
	for name, row := range map[string]struct {
		config nvrtest.Config
		rights nvrtest.Rights
		before func(*world, *nvrtest.Recorder)
		says   string
		app    string
		puts   int
	}{
		"no such setting": {config: nvrtest.Config{}, says: "firmware can't silence its app", app: "not supported"},
		"the setting isn't understood": {config: with(func(c *nvrtest.Config) { c.Notifications.XML = true }),
			says: "no JSON", app: "unknown"},
		"the right is missing": {config: app(), rights: nvrtest.Rights{Lacks: []string{"parameterConfig"}},
			says: "Remote: Parameters Settings", app: "supported"},
		"the right was taken away": {config: app(), before: func(_ *world, r *nvrtest.Recorder) {
			r.SetRights(nvrtest.Rights{Lacks: []string{"parameterConfig"}})
		}, says: "Remote: Parameters Settings", app: "supported"},
		"the right was taken away, as 401": {config: app(), before: func(_ *world, r *nvrtest.Recorder) {
			r.SetRights(nvrtest.Rights{Lacks: []string{"parameterConfig"}, As401: true})
		}, says: "doesn't accept the account", app: "supported"},
		"all are silenced": {config: with(func(c *nvrtest.Config) { c.Notifications.Silenced = []int{1, 2, 3} }),
			says: "silenced there already", app: "supported"},
		"it accepts it and doesn't keep it": {config: with(func(c *nvrtest.Config) { c.Notifications.Put.Ignored = true }),
			says: "doesn't keep it", app: "to be put back", puts: 1},
		"it is busy": {config: with(func(c *nvrtest.Config) { c.Notifications.Put.Busy = 100 }),
			says: "wait until that has ended", app: "supported", puts: 3},
		"it doesn't answer": {config: app(), before: func(_ *world, r *nvrtest.Recorder) {
			r.Unplug()
			time.Sleep(2 * time.Minute)
		}, says: "the recorder can't be asked now", app: "supported"},
	} {
		t.Run(name, func(t *testing.T) {
			alertsWorldWith(t, row.config, row.rights, func(t *testing.T, w *world, r *nvrtest.Recorder) {
				found := r.Notifications()
				if row.before != nil {
					row.before(w, r)
				}
				w.order("pause_alerts", "")
				time.Sleep(30 * time.Second)
				if got := w.results("garage"); got != "accepted done" || !strings.Contains(w.lastMessage(), "here only") || !strings.Contains(w.lastMessage(), row.says) {
					t.Errorf("results: %s, %q", got, w.lastMessage())
				}
				w.expect("paused", map[string]string{"hikbridge/garage/alerts_paused": "ON"})
				since := time.Now()
				r.Alert(nvrtest.Alert{Type: "VMD", Channel: 1})
				time.Sleep(time.Second)
				if all := w.published("garage", since, `ch/\d/(motion|event)`); len(all) > 0 {
					t.Errorf("in the pause: %v", all)
				}
				if got := w.value("hikbridge/garage/alerts_paused/attributes"); !strings.Contains(got, `"app":"`+row.app+`"`) {
					t.Errorf("attributes: %s", got)
				}
				time.Sleep(10 * time.Minute)
				if n := len(r.NotificationPuts()); n > row.puts || !bytes.Equal(r.Notifications(), found) {
					t.Errorf("%d changes on the recorder", n)
				}
				w.order("resume_alerts", "")
				w.expect("resumed", map[string]string{"hikbridge/garage/alerts_paused": "OFF"})
			})
		})
	}
}

func TestWithoutAJournalNothingIsChangedOnTheRecorder(t *testing.T) {
	alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
		blocked := filepath.Join(w.config.StateDir, "alerts-garage.journal.new")
		if err := os.Mkdir(blocked, 0o700); err != nil {
			t.Fatal(err)
		}
		w.order("pause_alerts", "")
		if got := w.lastMessage(); !strings.Contains(got, "here only: the state directory can't be written") {
			t.Errorf("it says %q", got)
		}
		w.expect("paused", map[string]string{"hikbridge/garage/alerts_paused": "ON"})
		if n := len(r.NotificationPuts()); n != 0 {
			t.Errorf("%d changes on the recorder", n)
		}
	})
}

func TestSomebodyElsesChangeStaysAndIsTold(t *testing.T) {
	alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
		found := r.Notifications()
		w.order("pause_alerts", "")
		now := r.Notifications()
		other := bytes.Replace(now, []byte(`"beginTime": "00:00"`), []byte(`"beginTime": "07:00"`), 1) // of channel 1
		other = bytes.Replace(other, []byte(`"disturbEnabled": true`), []byte(`"disturbEnabled": false`), 1)
		if bytes.Equal(now, other) {
			t.Fatalf("nothing was changed in\n%s", now)
		}
		r.SetNotifications(other)
		w.order("resume_alerts", "")
		want := bytes.Replace(found, []byte(`"beginTime": "00:00"`), []byte(`"beginTime": "07:00"`), 1)
		if !bytes.Equal(r.Notifications(), want) {
			t.Errorf("left\n%s\nwant\n%s", r.Notifications(), want)
		}
		if got := w.lastMessage(); !strings.Contains(got, "somebody else changed notifications meanwhile, which stays: channels 1") {
			t.Errorf("it says %q", got)
		}
		if got := w.value("hikbridge/garage/alerts_paused/attributes"); !strings.Contains(got, `"changed_by_others":"channels 1"`) {
			t.Errorf("attributes: %s", got)
		}
	})
}

func TestAStopPutsBackWithinFiveSeconds(t *testing.T) {
	for name, trouble := range map[string]func(*nvrtest.Recorder){
		"":                 func(*nvrtest.Recorder) {},
		"it is slow":       func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Delay: 700 * time.Millisecond}) },
		"it never answers": func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{NoAnswer: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
				found := r.Notifications()
				w.order("pause_alerts", "")
				trouble(r)
				began := time.Now()
				w.stop()
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
				if put := bytes.Equal(r.Notifications(), found); put != (name != "it never answers") {
					t.Errorf("put back: %v", put)
				}
				r.ClearFaults()
				w.start()
				time.Sleep(2 * time.Minute)
				if !bytes.Equal(r.Notifications(), found) {
					t.Errorf("after the next start\n%s\nwant\n%s", r.Notifications(), found)
				}
				w.expect("a pause doesn't outlast the bridge", map[string]string{"hikbridge/garage/alerts_paused": "OFF"})
			})
		})
	}
}

// The answer to a fresh nonce is waited for even past a deadline: it may count.
func TestAStopWaitsForNoSignIn(t *testing.T) {
	for name, trouble := range map[string]nvrtest.Fault{
		"it never answers who signs in": {Answers: nvrtest.Granted, NoAnswer: true},
		"it is slow":                    {Delay: 3900 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			c := app()
			c.NonceUses = 1
			alertsWorld(t, c, func(t *testing.T, w *world, r *nvrtest.Recorder) {
				found := r.Notifications()
				w.order("pause_alerts", "")
				time.Sleep(10 * time.Minute) // it is learned that every request needs a nonce of its own
				r.Fail(trouble)
				began := time.Now()
				w.stop()
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
				r.ClearFaults()
				w.start()
				time.Sleep(40 * time.Minute) // logins whose answers were lost may count
				if !bytes.Equal(r.Notifications(), found) {
					t.Errorf("after the next start\n%s\nwant\n%s", r.Notifications(), found)
				}
			})
		})
	}
}

func TestWhatASlowRecorderHasNotSaidYetIsNotTold(t *testing.T) {
	alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
		r.Fail(nvrtest.Fault{Path: "System", Delay: 4500 * time.Millisecond})
		w.order("pause_alerts", "")
		time.Sleep(time.Minute)
		if got := w.lastMessage(); !strings.Contains(got, "the recorder is slow") {
			t.Errorf("it says %q", got)
		}
		if got := w.value("hikbridge/garage/alerts_paused/attributes"); silencedChannels(r) != 3 || !strings.Contains(got, `"app":"paused"`) {
			t.Errorf("%d channels are silenced; attributes: %s", silencedChannels(r), got)
		}
	})
	alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
		r.Fail(nvrtest.Fault{Path: "System", Delay: 2 * time.Second})
		w.order("pause_alerts", "")
		w.order("resume_alerts", "") // while it is being silenced
		once := false
		for range 60 {
			n := silencedChannels(r)
			once = once || n == 3
			if n != 1 && strings.Contains(w.lastMessage(), "alerts are told again") {
				t.Fatalf("it says %q, with %d channels silenced", w.lastMessage(), n)
			}
			time.Sleep(time.Second)
		}
		if !once || w.lastMessage() != "alerts are told again" || silencedChannels(r) != 1 {
			t.Errorf("silenced meanwhile: %v; it says %q, with %d channels silenced", once, w.lastMessage(), silencedChannels(r))
		}
	})
}

// Firmware that answers 401 where a right is missing makes it look like a wrong password.
func TestARightThatIsTakenAwayTakesTheRecorderAwayForAMinute(t *testing.T) {
	for _, resume := range []bool{false, true} {
		alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
			w.order("pause_alerts", "")
			if !resume {
				w.order("resume_alerts", "")
			}
			time.Sleep(2 * time.Minute)
			r.Fail(nvrtest.Fault{Path: disturbPath, Method: "PUT", Status: 401})
			if resume {
				w.order("resume_alerts", "")
			} else {
				w.order("pause_alerts", `,"minutes":720`)
			}
			away := 0
			for range 30 * 60 {
				time.Sleep(time.Second)
				if w.value("hikbridge/garage/availability") != "online" {
					away++
				}
			}
			if n := r.Rejected(); away == 0 || away > 70 || n != 1 {
				t.Errorf("resume %v: away for %d s; %d rejected logins", resume, away, n)
			}
		})
	}
}

func TestAMissingRightToReadTheSettingTakesTheRecorderAwayForAMinute(t *testing.T) {
	rights := nvrtest.Rights{Denied: []string{disturbPath}, As401: true}
	alertsWorldWith(t, app(), rights, func(t *testing.T, w *world, r *nvrtest.Recorder) {
		away := 0
		for range 3 * 3600 {
			if w.value("hikbridge/garage/availability") != "online" {
				away++
			}
			time.Sleep(time.Second)
		}
		if n := r.Rejected(); away > 70 || n != 2 {
			t.Errorf("away for %d s; %d rejected logins", away, n)
		}
		w.order("pause_alerts", "")
		if got := w.lastMessage(); !strings.Contains(got, "here only") || r.Rejected() != 2 {
			t.Errorf("it says %q; %d rejected logins", got, r.Rejected())
		}
	})
}

func TestARenamedRecorderGetsItsNotificationsBack(t *testing.T) {
	for name, lost := range map[string]bool{"": false, "what was kept can't be moved": true} {
		t.Run(name, func(t *testing.T) {
			alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
				found := r.Notifications()
				w.order("pause_alerts", "")
				r.Fail(nvrtest.Fault{NoAnswer: true})
				w.stop()
				r.ClearFaults()
				if path := filepath.Join(w.config.StateDir, "alerts-garage.journal"); lost && (os.Remove(path) != nil || os.Mkdir(path, 0o700) != nil) {
					t.Fatal("no directory in its place")
				}
				w.config.Recorders[0].Name = "front"
				w.start()
				time.Sleep(3 * time.Minute)
				if back := bytes.Equal(r.Notifications(), found); back == lost {
					t.Errorf("put back: %v", back)
				}
				if got := w.value("hikbridge/front/needs_attention/attributes"); strings.Contains(got, "alerts_lost") != lost {
					t.Errorf("needs attention: %s", got)
				}
			})
		})
	}
}

func TestThatARemovedRecorderIsStillPausedInItsAppIsTold(t *testing.T) {
	for _, left := range []bool{false, true} {
		alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
			w.order("pause_alerts", "")
			if left {
				r.Fail(nvrtest.Fault{NoAnswer: true})
			}
			w.stop()
			w.config.Recorders = nil
			w.add("barn", nvrtest.Config{})
			w.start()
			time.Sleep(2 * time.Minute)
			if told := strings.Contains(w.log.String(), "still paused in its app: switch them on there\" recorder=garage"); told != left {
				t.Errorf("left %v, told %v", left, told)
			}
		})
	}
}

// dying lets a bridge die at a certain request to the recorder: before it leaves, or
// when the recorder has it and the answer hasn't come.
type dying struct {
	mu    sync.Mutex
	at    int // counts down; negative: it lives
	sent  bool
	over  bool
	conns []net.Conn
}

func (d *dying) dial(to bridge.DialFunc) bridge.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.over {
			return nil, net.ErrClosed
		}
		conn, err := to(ctx, network, address)
		if err == nil {
			d.conns = append(d.conns, conn)
			conn = dyingConn{conn, d}
		}
		return conn, err
	}
}

type dyingConn struct {
	net.Conn
	dying *dying
}

func (c dyingConn) Write(b []byte) (int, error) {
	d := c.dying
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return 0, net.ErrClosed
	}
	if d.at--; d.at != 0 {
		return c.Conn.Write(b)
	}
	d.over = true
	if d.sent {
		if _, err := c.Conn.Write(b); err != nil {
			return 0, err
		}
	}
	return 0, net.ErrClosed
}

func (c dyingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.dying.mu.Lock()
	defer c.dying.mu.Unlock()
	if c.dying.over {
		return 0, net.ErrClosed
	}
	return n, err
}

// end closes what a dead process has left open.
func (d *dying) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	for _, c := range d.conns {
		c.Close()
	}
}

// TestACrashAtAnyStepOfPauseAndResumeLeavesTheRecorderAsItWasFound kills the bridge at
// each request of a pause and its end, with the request sent and not sent.
func TestACrashAtAnyStepOfPauseAndResumeLeavesTheRecorderAsItWasFound(t *testing.T) {
	silencedOnce, requests := 0, 0
	for _, resume := range []bool{false, true} {
		for _, sent := range []bool{false, true} {
			for step, more := 1, true; more; step++ {
				for _, late := range []time.Duration{0, 20 * time.Second} {
					t.Run(fmt.Sprintf("resume %v, sent %v, request %d, late %v", resume, sent, step, late), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							died, silenced := crashed(t, resume, sent, step, late)
							more = died
							if silenced {
								silencedOnce++
							}
						})
					})
				}
				requests = max(requests, step)
			}
		}
	}
	if silencedOnce == 0 || requests < 5 {
		t.Errorf("%d times silenced at the crash, %d requests: the test sees nothing", silencedOnce, requests)
	}
	t.Logf("%d times silenced at the crash; up to %d requests", silencedOnce, requests-1)
}

func crashed(t *testing.T, resume, sent bool, step int, late time.Duration) (died, silenced bool) {
	w := newWorld(t, map[string]nvrtest.Config{"garage": app()})
	r := w.recorders["garage"]
	dial := w.config.Recorders[0].Dial
	d := &dying{at: -1, sent: sent}
	w.config.Recorders[0].Dial = d.dial(dial)
	w.start()
	time.Sleep(5*time.Minute + time.Second)
	found := r.Notifications()
	if resume {
		w.order("pause_alerts", "")
	}
	manner := app().Notifications
	manner.Late = late
	r.SetNotificationsManner(manner)
	d.mu.Lock()
	d.at = step
	d.mu.Unlock()
	if resume {
		w.order("resume_alerts", "")
	} else {
		w.order("pause_alerts", "")
	}
	d.mu.Lock()
	died = d.over
	d.mu.Unlock()
	d.end()
	w.broker.Cut("hikbridge")
	w.stop()
	silenced = !bytes.Equal(r.Notifications(), found)
	w.config.Recorders[0].Dial = dial
	w.start()
	time.Sleep(3 * time.Minute)
	if !bytes.Equal(r.Notifications(), found) {
		t.Errorf("left\n%s\nwant\n%s", r.Notifications(), found)
	}
	w.expect("after the crash", map[string]string{"hikbridge/garage/alerts_paused": "OFF", "hikbridge/garage/needs_attention": "OFF"})
	puts := len(r.NotificationPuts())
	w.stop()
	w.start() // nothing is left in the journal
	time.Sleep(5 * time.Minute)
	if n := len(r.NotificationPuts()); n != puts || !bytes.Equal(r.Notifications(), found) {
		t.Errorf("%d more changes after another start", n-puts)
	}
	return died, silenced
}

// leftBehind is a world whose bridge has ended with the recorder silenced.
func leftBehind(t *testing.T, test func(t *testing.T, w *world, r *nvrtest.Recorder, found []byte, journal string)) {
	t.Helper()
	alertsWorld(t, app(), func(t *testing.T, w *world, r *nvrtest.Recorder) {
		found := r.Notifications()
		w.order("pause_alerts", "")
		r.PortClosed(true)
		r.Fail(nvrtest.Fault{Reset: true})
		w.stop()
		r.ClearFaults()
		r.PortClosed(false)
		if n := silencedChannels(r); n != 3 {
			t.Fatalf("%d of 3 channels are silenced", n)
		}
		test(t, w, r, found, filepath.Join(w.config.StateDir, "alerts-garage.journal"))
	})
}

func TestAJournalOfAlertsThatCantBeReadIsTold(t *testing.T) {
	for name, spoil := range map[string]func(content []byte) []byte{
		"damaged": func(content []byte) []byte {
			content[len(content)/2] ^= 0xff
			return append(content, content...)
		},
		"of a later version": func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			leftBehind(t, func(t *testing.T, w *world, r *nvrtest.Recorder, _ []byte, path string) {
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if content = spoil(content); content == nil {
					laterVersion(t, path)
				} else if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				w.start()
				time.Sleep(5 * time.Minute)
				w.expect("with an unreadable journal", map[string]string{"hikbridge/garage/needs_attention": "ON", "hikbridge/garage/alerts_paused": "OFF"})
				if got := w.value("hikbridge/garage/needs_attention/attributes"); !strings.Contains(got, "alerts_lost") {
					t.Errorf("reasons: %s", got)
				}
				if n := len(r.NotificationPuts()); n != 1 {
					t.Errorf("%d changes on the recorder", n)
				}
				w.order("pause_alerts", "")
				w.expect("a pause works here", map[string]string{"hikbridge/garage/alerts_paused": "ON"})
			})
		})
	}
}

// laterVersion writes a journal with a record of a later version.
func laterVersion(t *testing.T, path string) {
	t.Helper()
	log, _, err := journal.Open(path)
	if err == nil {
		err = log.Compact([][]byte{[]byte(`{"v":2}`)})
	}
	if err == nil {
		err = log.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPurgeForgetsWhatWasToBePutBackOnTheFormerRecorder(t *testing.T) {
	leftBehind(t, func(t *testing.T, w *world, r *nvrtest.Recorder, _ []byte, path string) {
		for _, left := range []bool{true, false} { // the second has nothing to forget
			if report, err := bridge.Purge(t.Context(), w.config, "garage"); err != nil || report.StillPaused != left {
				t.Fatalf("%+v, %v", report, err)
			}
		}
		if _, err := os.Stat(path + ".purged"); err != nil {
			t.Error(err)
		}
		r.SetSerial("DS-7608NI-K20020180101CCRR999999999WCVU")
		w.start()
		time.Sleep(10 * time.Minute)
		if n := len(r.NotificationPuts()); n != 1 {
			t.Errorf("%d changes, the last ones on another recorder", n)
		}
	})
}
