package nvrtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

const disturbParams = "/ISAPI/System/status/disturbParams?format=json"

// set signs in and PUTs a setting.
func (c *client) set(body string) (reply, error) {
	c.t.Helper()
	d := c.digest(c.challenge(disturbParams), disturbParams, 1)
	d.method = "PUT"
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "PUT", c.base+disturbParams, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", d.header())
	return c.do(req)
}

const (
	twoChannels = `{"disturbChannelList":[` +
		`{"channelID":1,"disturbEnabled":false,"disturbNotificationList":[{"notificationMethod":"center"}]},` +
		`{"channelID":2,"disturbEnabled":true,"disturbNotificationList":[{"notificationMethod":"center"}]}]}`
	spacedOut = `{ "disturbChannelList" : [ {"disturbEnabled":true, "channelID":1, "new":[1.50, null, "\u00e4"]} ] }`
)

func TestNotificationsComeInManyForms(t *testing.T) {
	for _, tt := range []struct {
		name string
		form nvrtest.Notifications
		want []string // parts, in this order
	}{
		{"as known", nvrtest.Notifications{}, []string{twoChannels}},
		{"backwards", nvrtest.Notifications{Backwards: true}, []string{
			`{"disturbChannelList":[{"disturbNotificationList":[{"notificationMethod":"center"}],"disturbEnabled":true,"channelID":2},{`, `"channelID":1}]}`}},
		{"texts", nvrtest.Notifications{Texts: true}, []string{`[{"channelID":"1","disturbEnabled":"false",`, `{"channelID":"2","disturbEnabled":"true",`}},
		{"indented", nvrtest.Notifications{Indented: true}, []string{"{\r\n\t\"disturbChannelList\": [\r\n\t\t{\r\n\t\t\t\"channelID\": 1,\r\n", "\r\n}\r\n"}},
		{"more", nvrtest.Notifications{Extra: true}, []string{`{"disturbChannelList":[{"channelID":1,"channelName":"\"disturbEnabled\":false, {[`, `"timeRange":{`, `"share":1.50e+2`, `,"disturbEnabled":false,"version":"1.0"}`}},
		{"XML", nvrtest.Notifications{XML: true}, []string{"<DisturbParams ", "<disturbChannelList/>"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			tt.form.Supported, tt.form.Silenced = true, []int{2}
			r, c := newRecorder(t, nvrtest.Config{Channels: 2, Notifications: tt.form})
			got := c.get(disturbParams).want(t, 200).body
			rest, found := got, false
			for _, part := range tt.want {
				if _, rest, found = strings.Cut(rest, part); !found {
					t.Errorf("%s: %q isn't next in %s", tt.name, part, got)
				}
			}
			if got != string(r.Notifications()) && !tt.form.XML {
				t.Errorf("%s: it keeps %s", tt.name, r.Notifications())
			}
		})
	}
}

func TestNotificationsAreNotSupportedUnlessConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, m := range models {
			r, c := newRecorder(t, nvrtest.Config{Model: m})
			if got := c.get(disturbParams); got.status == 200 || r.Notifications() != nil {
				t.Errorf("%v: %d", m, got.status)
			}
		}
		r, c := newRecorder(t, nvrtest.Config{Notifications: nvrtest.Notifications{Supported: true}})
		c.get(strings.TrimSuffix(disturbParams, "?format=json")).want(t, 403).says(t, "<ResponseStatus", "notSupport")
		d := c.digest(c.challenge(disturbParams), disturbParams, 1)
		d.method = "DELETE"
		c.send("DELETE", disturbParams, d.header()).want(t, 405)
		for _, refusal := range []nvrtest.Refusal{{Status: 404, SubStatus: "notSupport"}, {Status: 403, SubStatus: "notSupport"}} {
			r.SetNotificationsManner(nvrtest.Notifications{Supported: true, Get: refusal})
			c.get(disturbParams).want(t, refusal.Status).says(t, refusal.SubStatus)
		}
	})
}

func TestNotificationsOfAHybridAreNumberedFrom33(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newRecorder(t, nvrtest.Config{Model: nvrtest.DVR, Channels: 1, IPChannels: 1, Notifications: nvrtest.Notifications{Supported: true}})
		c.get(disturbParams).want(t, 200).says(t, `"channelID":1,`, `"channelID":33,`)
	})
}

func TestNotificationsThatWerePutAreKeptOverARestart(t *testing.T) {
	for _, tt := range []struct {
		form nvrtest.Notifications
		want string
	}{
		{nvrtest.Notifications{Verbatim: true}, spacedOut},
		{nvrtest.Notifications{}, `{"disturbChannelList":[{"channelID":1,"disturbEnabled":true,"new":[1.50,null,"ä"]}]}`},
		{nvrtest.Notifications{Backwards: true, Texts: true}, `{"disturbChannelList":[{"new":["1.50",null,"ä"],"disturbEnabled":"true","channelID":"1"}]}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			tt.form.Supported = true
			r, c := newRecorder(t, nvrtest.Config{Notifications: tt.form})
			first := r.Notifications()
			got, err := c.set(spacedOut)
			if err != nil || got.want(t, 200).says(t, `"statusCode":1`).body == "" || string(r.Notifications()) != tt.want {
				t.Errorf("%v, it keeps %s", err, r.Notifications())
			}
			r.Reboot(time.Minute)
			time.Sleep(time.Minute)
			if got := c.get(disturbParams).want(t, 200).body; got != tt.want {
				t.Errorf("after a restart %s", got)
			}
			c.set(string(first))
			if got := r.Notifications(); string(got) != string(first) {
				t.Errorf("put back %s, it was %s", got, first)
			}
			r.SetNotifications([]byte("anything\x00"))
			if got := c.get(disturbParams).body; got != "anything\x00" {
				t.Errorf("set behind its back: %q", got)
			}
			if puts := r.NotificationPuts(); len(puts) != 2 || string(puts[0]) != spacedOut || string(puts[1]) != string(first) {
				t.Errorf("puts %q", puts)
			}
		})
	}
}

func TestHowAPutOfNotificationsIsTaken(t *testing.T) {
	manner := func(m nvrtest.Manner) func(*nvrtest.Recorder) {
		return func(r *nvrtest.Recorder) {
			r.SetNotificationsManner(nvrtest.Notifications{Supported: true, Verbatim: true, Put: m})
		}
	}
	fault := func(f nvrtest.Fault) func(*nvrtest.Recorder) {
		return func(r *nvrtest.Recorder) { f.Method, f.Answers = "PUT", nvrtest.Granted; r.Fail(f) }
	}
	for _, tt := range []struct {
		name   string
		body   string
		with   func(*nvrtest.Recorder)
		status int // 0: no answer
		says   string
		kept   bool
		puts   int
	}{
		{"as usual", spacedOut, manner(nvrtest.Manner{}), 200, `"subStatusCode":"ok"`, true, 1},
		{"in XML", spacedOut, manner(nvrtest.Manner{OtherForm: true}), 200, "<statusCode>1<", true, 1},
		{"refused", spacedOut, manner(nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 403, SubStatus: "notSupport"}}), 403, "notSupport", false, 1},
		{"busy", spacedOut, manner(nvrtest.Manner{Busy: 1}), 503, "deviceBusy", false, 1},
		{"without effect", spacedOut, manner(nvrtest.Manner{Ignored: true}), 200, `"statusCode":1`, false, 1},
		{"never answered", spacedOut, manner(nvrtest.Manner{Lost: true}), 0, "", true, 1},
		{"the answer is lost", spacedOut, fault(nvrtest.Fault{ResetAfterRequest: true}), 0, "", true, 1},
		{"refused by a fault", spacedOut, fault(nvrtest.Fault{Status: 500}), 500, "deviceError", false, 1},
		{"no right", spacedOut, func(r *nvrtest.Recorder) { r.SetRights(nvrtest.Rights{Lacks: []string{"parameterConfig"}}) }, 403, "lowPrivilege", false, 0},
		{"no right as 401", spacedOut, func(r *nvrtest.Recorder) {
			r.SetRights(nvrtest.Rights{Lacks: []string{"parameterConfig"}, As401: true})
		}, 401, "", false, 0},
		{"no JSON", `{"disturbChannelList":[`, manner(nvrtest.Manner{}), 400, "badJsonContent", false, 1},
		{"no list", `{"channelID":1}`, manner(nvrtest.Manner{}), 400, "badJsonContent", false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, nvrtest.Config{Notifications: nvrtest.Notifications{Supported: true, Verbatim: true}})
				first := string(r.Notifications())
				tt.with(r)
				got, err := c.set(tt.body)
				if (err != nil) != (tt.status == 0) || got.status != tt.status || !strings.Contains(got.body, tt.says) {
					t.Errorf("%d %s, %v", got.status, got.body, err)
				}
				want := map[bool]string{true: tt.body, false: first}[tt.kept]
				if now := string(r.Notifications()); now != want {
					t.Errorf("it keeps %s", now)
				}
				if n := len(r.NotificationPuts()); n != tt.puts {
					t.Errorf("%d PUTs", n)
				}
			})
		})
	}
}

func TestNotificationsThatAreTakenLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Notifications: nvrtest.Notifications{Supported: true, Verbatim: true, Late: time.Minute}})
		first := string(r.Notifications())
		if _, err := c.set(spacedOut); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute - time.Second)
		if now := string(r.Notifications()); now != first {
			t.Errorf("too early: %s", now)
		}
		time.Sleep(time.Second)
		c.get(disturbParams).says(t, spacedOut)
		if now := string(r.Notifications()); now != spacedOut {
			t.Errorf("then %s", now)
		}
	})
}

func TestOnlyTheLastPutsOfNotificationsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Notifications: nvrtest.Notifications{Supported: true}})
		for range 260 {
			if _, err := c.set("{}"); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(r.NotificationPuts()); n != 256 {
			t.Errorf("%d", n)
		}
	})
}

// What a device writes in its own manner says the same, and is written alike again.
func TestNotificationsSayTheSameInEachForm(t *testing.T) {
	for bits := range 8 {
		form := nvrtest.Notifications{Supported: true, Extra: true, Backwards: bits&1 != 0, Indented: bits&2 != 0, Verbatim: bits&4 != 0, Silenced: []int{1}}
		synctest.Test(t, func(t *testing.T) {
			_, plain := newRecorder(t, nvrtest.Config{Channels: 1, Notifications: nvrtest.Notifications{Supported: true, Extra: true, Silenced: []int{1}}})
			_, c := newRecorder(t, nvrtest.Config{Channels: 1, Notifications: form})
			before := c.get(disturbParams).body
			var a, b any
			if err := errors.Join(json.Unmarshal([]byte(before), &a), json.Unmarshal([]byte(plain.get(disturbParams).body), &b)); err != nil || !reflect.DeepEqual(a, b) {
				t.Errorf("%+v: %v, %s", form, err, before)
			}
			c.set(before)
			if after := c.get(disturbParams).body; after != before {
				t.Errorf("%+v: %s\nwas %s", form, after, before)
			}
		})
	}
}
