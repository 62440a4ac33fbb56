package nvr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

const pathDisturb = "System/status/disturbParams?format=json"

// notifying opens a client of a recorder that has the setting for three channels, the
// second of which is silenced.
func notifying(t *testing.T, n nvrtest.Notifications, test func(*testing.T, *nvrtest.Recorder, *nvr.Client)) {
	t.Helper()
	n.Supported, n.Silenced = true, []int{2}
	asking(t, nvrtest.Config{Channels: 3, Notifications: n}, test)
}

// paused is a setting and the silent one made of it.
func paused(t *testing.T, r *nvrtest.Recorder) (found, silenced []byte) {
	t.Helper()
	found = r.Notifications()
	silenced, _, err := nvr.SilenceAll(found)
	if err != nil {
		t.Fatal(err)
	}
	return found, silenced
}

// holds compares the setting, and how many PUTs came.
func holds(t *testing.T, r *nvrtest.Recorder, want []byte, puts int) {
	t.Helper()
	if now := r.Notifications(); !bytes.Equal(now, want) {
		t.Errorf("the recorder has\n%s\nwant\n%s", now, want)
	}
	if n := len(r.NotificationPuts()); n != puts {
		t.Errorf("%d PUTs, want %d", n, puts)
	}
}

// forms are the manners in which a device may have the setting.
var forms = map[string]nvrtest.Notifications{
	"as known":                     {},
	"kept to the byte":             {Verbatim: true},
	"in another order":             {Backwards: true},
	"numbers as texts":             {Texts: true},
	"over many lines":              {Indented: true},
	"with more in it":              {Extra: true},
	"all of that":                  {Backwards: true, Texts: true, Indented: true, Extra: true},
	"all of that, kept to a byte":  {Backwards: true, Texts: true, Indented: true, Extra: true, Verbatim: true},
	"the answer to a PUT in XML":   {Put: nvrtest.Manner{OtherForm: true}},
	"the answer to a PUT is lost":  {Put: nvrtest.Manner{Lost: true}},
	"a PUT is ignored":             {Put: nvrtest.Manner{Ignored: true}},
	"a PUT is refused":             {Put: nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 403, SubStatus: "notSupport"}}},
	"a PUT is refused, under 200":  {Put: nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 200, SubStatus: "badXmlContent"}}},
	"busy twice":                   {Put: nvrtest.Manner{Busy: 2}},
	"a PUT takes effect 20 s late": {Late: 20 * time.Second},
}

func TestNotificationsAreReadToTheByte(t *testing.T) {
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			notifying(t, form, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				n, err := c.Notifications(t.Context())
				want := []nvr.NotifyingChannel{{Number: 1}, {Number: 2, Silenced: true}, {Number: 3}}
				if form.Backwards {
					slices.Reverse(want)
				}
				if err != nil || !bytes.Equal(n.Document, r.Notifications()) || !slices.Equal(n.Channels, want) {
					t.Fatalf("%v\n%s\n%+v", err, n.Document, n.Channels)
				}
			})
		})
	}
}

func TestNotificationsAreSilencedAndPutBack(t *testing.T) {
	for name, form := range forms {
		if form.Put != (nvrtest.Manner{}) && !form.Put.OtherForm || form.Late != 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			notifying(t, form, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				found, silenced := paused(t, r)
				o, err := c.SetNotifications(t.Context(), found, silenced)
				says(t, o, err, nvr.OutcomeDone, nil)
				holds(t, r, silenced, 1)
				if n, err := c.Notifications(t.Context()); err != nil || slices.ContainsFunc(n.Channels, func(c nvr.NotifyingChannel) bool { return !c.Silenced }) {
					t.Errorf("%v, %+v", err, n.Channels)
				}
				restored, err := c.RestoreNotifications(t.Context(), found, silenced)
				if err != nil || !reflect.DeepEqual(restored, nvr.Restored{}) {
					t.Errorf("%+v, %v", restored, err)
				}
				holds(t, r, found, 2)
				if puts := r.NotificationPuts(); !bytes.Equal(puts[0], silenced) || !bytes.Equal(puts[1], found) {
					t.Errorf("%s", puts)
				}
			})
		})
	}
}

func TestARepeatedChangeSendsNothing(t *testing.T) {
	notifying(t, nvrtest.Notifications{Verbatim: true}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		found, silenced := paused(t, r)
		for range 3 {
			o, err := c.SetNotifications(t.Context(), found, silenced)
			says(t, o, err, nvr.OutcomeDone, nil)
		}
		holds(t, r, silenced, 1)
		for range 3 {
			if _, err := c.RestoreNotifications(t.Context(), found, silenced); err != nil {
				t.Fatal(err)
			}
		}
		holds(t, r, found, 2)
		o, err := c.SetNotifications(t.Context(), found, found)
		says(t, o, err, nvr.OutcomeDone, nil)
		holds(t, r, found, 2)
	})
}

func TestAChangeOfNotificationsTakesThreeRequests(t *testing.T) {
	notifying(t, nvrtest.Notifications{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		found, silenced := paused(t, r)
		for _, want := range []int{5, 3, 3} { // at first with two challenges
			r.ResetCounters()
			o, err := c.SetNotifications(t.Context(), found, silenced)
			says(t, o, err, nvr.OutcomeDone, nil)
			if n := len(r.Requests()); n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
			r.ResetCounters()
			if _, err := c.RestoreNotifications(t.Context(), found, silenced); err != nil || len(r.Requests()) != 3 {
				t.Errorf("%d requests, %v", len(r.Requests()), err)
			}
		}
	})
}

func TestNotificationsThatSomebodyElseChangedAreNotSet(t *testing.T) {
	notifying(t, nvrtest.Notifications{Verbatim: true}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		found, silenced := paused(t, r)
		others := bytes.Replace(found, []byte("center"), []byte("email"), 1)
		r.SetNotifications(others)
		o, err := c.SetNotifications(t.Context(), found, silenced)
		says(t, o, err, nvr.OutcomeNotSent, nvr.ErrChanged, "read them again")
		holds(t, r, others, 0)
		for _, broken := range []string{"", known + "x"} {
			o, err = c.SetNotifications(t.Context(), []byte(broken), silenced)
			says(t, o, err, nvr.OutcomeNotSent, nvr.ErrDocument)
			o, err = c.SetNotifications(t.Context(), found, []byte(broken))
			says(t, o, err, nvr.OutcomeNotSent, nvr.ErrDocument)
		}
		holds(t, r, others, 0)
	})
}

func TestWhatIsNotUnderstoodIsNeitherChangedNorRemembered(t *testing.T) {
	body := func(s string) nvrtest.Fault { return nvrtest.Fault{Body: []byte(s)} }
	for _, tt := range []struct {
		name  string
		fault nvrtest.Fault
		is    error
		says  string
	}{
		{"XML", body("<DisturbParams/>"), nvr.ErrUnsupported, "no JSON"},
		{"an OK in XML", nvrtest.Fault{Status: 200, SubStatus: "ok"}, nvr.ErrUnsupported, "0 channels"},
		{"an OK in XML", body("<ResponseStatus><statusCode>1</statusCode></ResponseStatus>"), nvr.ErrUnsupported, "says OK"},
		{"nothing", body(" "), nvr.ErrUnsupported, "no JSON"},
		{"another document", body(`{"WorkingStatus":{}}`), nvr.ErrUnsupported, "0 channels"},
		{"a list without channels", body(listing()), nvr.ErrUnsupported, "0 channels"},
		{"a channel twice", body(listing(entry(1, true), entry(1, false))), nvr.ErrUnsupported, "twice"},
		{"too long", body(listing(entry(1, false)) + strings.Repeat(" ", 128<<10)), nvr.ErrUnsupported, "longer than 131072 bytes"},
		{"endless", nvrtest.Fault{EndlessBody: true}, nvr.ErrUnsupported, "longer than"},
		{"garbage behind it", nvrtest.Fault{GarbageAfterRoot: true}, nvr.ErrUnsupported, "no JSON"},
		{"a page", body("<html></html>"), nvr.ErrNotHikvision, "web page"},
		{"cut", nvrtest.Fault{TruncateAt: 50}, nil, "read the answer"},
		{"no answer", nvrtest.Fault{ResetAfterRequest: true}, nil, ""},
		{"busy", nvrtest.Fault{Status: 503}, nvr.ErrBusy, "deviceBusy"},
		{"starting", nvrtest.Fault{Status: 500}, nil, "HTTP 500"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			notifying(t, nvrtest.Notifications{Verbatim: true}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				found, silenced := paused(t, r)
				c.Info(t.Context())
				c.Notifications(t.Context())
				tt.fault.Path, tt.fault.Answers = "System/status/disturbParams", nvrtest.Granted
				r.Fail(tt.fault)
				n, err := c.Notifications(t.Context())
				fails := func(err error) {
					t.Helper()
					if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary") {
						t.Errorf("got %v", err)
					}
					if errors.Is(err, nvr.ErrUnsupported) != (tt.is == nvr.ErrUnsupported) {
						t.Errorf("supported or not: %v", err)
					}
				}
				if fails(err); n.Document != nil || n.Channels != nil {
					t.Errorf("%+v", n)
				}
				o, err := c.SetNotifications(t.Context(), found, silenced)
				fails(err)
				says(t, o, err, nvr.OutcomeNotSent, tt.is)
				r.SetNotifications(silenced)
				_, err = c.RestoreNotifications(t.Context(), found, silenced)
				fails(err)
				holds(t, r, silenced, 0)
				r.ClearFaults()
				time.Sleep(window) // lost answers may have been failed logins
				if _, err := c.RestoreNotifications(t.Context(), found, silenced); err != nil {
					t.Errorf("later: %v", err)
				}
				holds(t, r, found, 1)
			})
		})
	}
}

func TestNotificationsThatAreNotSupportedAreAskedOnce(t *testing.T) {
	for _, refusal := range []nvrtest.Refusal{{Status: 404, SubStatus: "notSupport"}, {Status: 403, SubStatus: "notSupport"}, {Status: 200, SubStatus: "notSupport"}} {
		notifying(t, nvrtest.Notifications{Get: refusal}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			found, silenced := paused(t, r)
			c.Info(t.Context())
			if _, err := c.Notifications(t.Context()); !errors.Is(err, nvr.ErrUnsupported) {
				t.Fatal(err)
			}
			r.ResetCounters()
			for range 3 {
				_, err := c.Notifications(t.Context())
				var s *nvr.StatusError
				if !errors.As(err, &s) || !s.Remembered() || !errors.Is(err, nvr.ErrUnsupported) {
					t.Fatal(err)
				}
				o, err := c.SetNotifications(t.Context(), found, silenced)
				says(t, o, err, nvr.OutcomeNotSent, nvr.ErrUnsupported, "as it answered before")
			}
			if n := len(r.Requests()); n != 0 {
				t.Errorf("%d requests", n)
			}
			// What was written is looked for all the same.
			if _, err := c.RestoreNotifications(t.Context(), found, silenced); !errors.Is(err, nvr.ErrUnsupported) {
				t.Errorf("got %v", err)
			}
			if got := paths(r); !slices.Equal(got, []string{pathDisturb}) {
				t.Errorf("%v", got)
			}
			r.SetNotificationsManner(nvrtest.Notifications{Supported: true})
			r.SetNotifications(silenced)
			if _, err := c.RestoreNotifications(t.Context(), found, silenced); err != nil {
				t.Errorf("got %v", err)
			}
			holds(t, r, found, 1)
			r.SetFirmware("V4.70.000")
			c.Info(t.Context())
			if _, err := c.Notifications(t.Context()); err != nil {
				t.Errorf("new firmware: %v", err)
			}
		})
	}
}

func TestWhatComesOfAPutOfNotifications(t *testing.T) {
	granted := func(f nvrtest.Fault) *nvrtest.Fault { f.Method, f.Answers = "PUT", nvrtest.Granted; return &f }
	manner := func(m nvrtest.Manner) nvrtest.Notifications { return nvrtest.Notifications{Put: m} }
	refuses := func(status int, sub string) nvrtest.Notifications {
		return manner(nvrtest.Manner{Refuses: nvrtest.Refusal{Status: status, SubStatus: sub}})
	}
	for _, tt := range []struct {
		name  string
		form  nvrtest.Notifications
		fault *nvrtest.Fault
		want  nvr.Outcome
		is    error
		says  string
		kept  bool
	}{
		{"done", manner(nvrtest.Manner{}), nil, nvr.OutcomeDone, nil, "", true},
		{"done, told in XML", manner(nvrtest.Manner{OtherForm: true}), nil, nvr.OutcomeDone, nil, "", true},
		{"a restart is needed", manner(nvrtest.Manner{}), granted(nvrtest.Fault{Body: []byte(`{"statusCode":7}`)}), nvr.OutcomeDone, nil, "", true},
		{"never answered, and done", manner(nvrtest.Manner{Lost: true}), nil, nvr.OutcomeDone, nil, "", true},
		{"the answer is reset, and it is done", manner(nvrtest.Manner{}), granted(nvrtest.Fault{ResetAfterRequest: true}), nvr.OutcomeDone, nil, "", true},
		{"the answer is cut, and it is done", manner(nvrtest.Manner{}), granted(nvrtest.Fault{TruncateAt: 10}), nvr.OutcomeDone, nil, "", true},
		{"it isn't understood, and it is done", manner(nvrtest.Manner{}), granted(nvrtest.Fault{Body: []byte("thanks")}), nvr.OutcomeDone, nil, "", true},
		{"the answer is lost, and it isn't done", manner(nvrtest.Manner{Ignored: true, Lost: true}), nil, nvr.OutcomeUnknown, context.DeadlineExceeded, "may have arrived", false},
		{"a device error", manner(nvrtest.Manner{}), granted(nvrtest.Fault{Status: 500}), nvr.OutcomeUnknown, nil, "may have arrived", false},
		{"accepted without effect", manner(nvrtest.Manner{Ignored: true}), nil, nvr.OutcomeUnknown, nvr.ErrNotKept, "doesn't keep it", false},
		{"accepted and late", nvrtest.Notifications{Late: time.Minute}, nil, nvr.OutcomeUnknown, nvr.ErrNotKept, "doesn't keep it", false},
		{"busy", manner(nvrtest.Manner{Busy: 1}), nil, nvr.OutcomeBusy, nvr.ErrBusy, "doesn't change its notifications because it is busy", false},
		{"upgrading", manner(nvrtest.Manner{Busy: 1, BusyAnswer: nvrtest.Refusal{Status: 403, SubStatus: "upgrading"}}), nil, nvr.OutcomeBusy, nvr.ErrBusy, "firmware upgrade", false},
		{"not supported", refuses(403, "notSupport"), nil, nvr.OutcomeRefused, nvr.ErrUnsupported, "change them in its app", false},
		{"not supported, under 200", refuses(200, "notSupport"), nil, nvr.OutcomeRefused, nvr.ErrUnsupported, "change them in its app", false},
		{"bad content", refuses(400, "badJsonContent"), nil, nvr.OutcomeRefused, nvr.ErrUnsupported, "change them in its app", false},
		{"no such method", refuses(405, "methodNotAllowed"), nil, nvr.OutcomeRefused, nvr.ErrUnsupported, "change them in its app", false},
		{"no right", refuses(403, "lowPrivilege"), nil, nvr.OutcomeRefused, nvr.ErrForbidden, "give the user the right Remote: Parameters Settings", false},
		{"no challenge comes", manner(nvrtest.Manner{}), &nvrtest.Fault{Reset: true, Method: "PUT"}, nvr.OutcomeNotSent, nil, "wasn't asked to change its notifications", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.form.Verbatim = true
			notifying(t, tt.form, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				found, silenced := paused(t, r)
				if tt.fault != nil {
					tt.fault.Path = "System/status/disturbParams"
					r.Fail(*tt.fault)
				}
				o, err := c.SetNotifications(t.Context(), found, silenced)
				says(t, o, err, tt.want, tt.is)
				if err != nil && !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%q isn't in %q", tt.says, err)
				}
				want := found
				if tt.kept {
					want = silenced
				}
				holds(t, r, want, map[bool]int{false: 1}[tt.want == nvr.OutcomeNotSent])

				r.ClearFaults()
				time.Sleep(2 * time.Minute) // what is late has come
				r.SetNotificationsManner(nvrtest.Notifications{Supported: true, Verbatim: true})
				for range 15 {
					if _, err = c.RestoreNotifications(t.Context(), found, silenced); err == nil {
						break
					}
					time.Sleep(time.Minute)
				}
				if now := r.Notifications(); err != nil || !bytes.Equal(now, found) {
					t.Errorf("put back: %v\n%s", err, now)
				}
			})
		})
	}
}

func TestNotificationsThatAreNotReadBackAsTheyShouldBeAreUnknown(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault nvrtest.Fault
		is    error
		says  string
	}{
		{"they can't be read", nvrtest.Fault{Status: 500}, nil, "can't be read back"},
		{"they aren't understood", nvrtest.Fault{Body: []byte(listing())}, nvr.ErrUnsupported, "can't be read back"},
		{"a channel is armed", nvrtest.Fault{Body: []byte(listing(entry(1, true), entry(2, true), entry(3, false)))}, nvr.ErrNotKept, ""},
		{"a channel is missing", nvrtest.Fault{Body: []byte(listing(entry(1, true), entry(2, true)))}, nvr.ErrNotKept, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			notifying(t, nvrtest.Notifications{Verbatim: true}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				found, silenced := paused(t, r)
				c.SetNotifications(t.Context(), found, silenced)
				r.SetNotifications(found) // both rights have worked: each request is one
				r.Fail(nvrtest.Fault{Path: "System/status/disturbParams", Method: "PUT", Delay: time.Second})
				tt.fault.Path, tt.fault.Method = "System/status/disturbParams", "GET"
				time.AfterFunc(time.Millisecond, func() { r.Fail(tt.fault) })
				o, err := c.SetNotifications(t.Context(), found, silenced)
				says(t, o, err, nvr.OutcomeUnknown, tt.is, tt.says)
				holds(t, r, silenced, 2)
			})
		})
	}
}

func TestAChangeOfNotificationsEndsWithItsContext(t *testing.T) {
	notifying(t, nvrtest.Notifications{Put: nvrtest.Manner{Lost: true}}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		found, silenced := paused(t, r)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		o, err := c.SetNotifications(ctx, found, silenced)
		says(t, o, err, nvr.OutcomeUnknown, context.DeadlineExceeded, "may have arrived")
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		holds(t, r, silenced, 1)
		o, err = c.SetNotifications(ctx, found, silenced)
		says(t, o, err, nvr.OutcomeNotSent, context.DeadlineExceeded)
	})
}

func TestNotificationsAreSentAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{Notifications: nvrtest.Notifications{Supported: true}})
		w := &wire{r: r}
		c, err := nvr.New(nvr.Config{URL: "http://192.0.2.10", Username: "owner", Password: password, StateDir: t.TempDir(), Dial: w.Dial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		found, silenced := paused(t, r)
		o, err := c.SetNotifications(t.Context(), found, silenced)
		says(t, o, err, nvr.OutcomeDone, nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		put := w.written.String()[strings.LastIndex(w.written.String(), "PUT "):]
		for _, part := range []string{"PUT /ISAPI/System/status/disturbParams?format=json HTTP/1.1\r\n", "\r\nContent-Type: application/json\r\n",
			fmt.Sprintf("\r\nContent-Length: %d\r\n", len(silenced)), "\r\n\r\n" + string(silenced)} {
			if !strings.Contains(put, part) {
				t.Errorf("%q isn't in %q", part, put)
			}
		}
	})
}

// Each row is a setting that somebody else made of the silent one.
func TestNotificationsAreNotPutBackOverOthersChanges(t *testing.T) {
	e := entry
	email := strings.Replace(e(3, true), "center", "email", 1)
	armedEmail := strings.Replace(e(3, false), "center", "email", 1)
	for _, tt := range []struct {
		name string
		now  string
		want string // "" for what now is: nothing is sent
		r    nvr.Restored
		left bool // an error says that something may be left
	}{
		{"nothing", listing(e(1, true), e(2, true), e(3, true)), listing(e(1, false), e(2, true), e(3, false)), nvr.Restored{}, false},
		{"the form alone", `{ "disturbChannelList":[` + e(3, true) + "," + e(2, true) + `,{"disturbNotificationList":[{"notificationMethod":"center"}],"disturbEnabled":"true","channelID":"1"}]}`,
			listing(e(1, false), e(2, true), e(3, false)), nvr.Restored{}, false},
		{"somebody put it back, in another form", listing(e(3, false), e(2, true), e(1, false)), "", nvr.Restored{}, false},
		{"one was put back", listing(e(1, true), e(2, true), e(3, false)), listing(e(1, false), e(2, true), e(3, false)), nvr.Restored{}, false},
		{"one that was silenced before is armed", listing(e(1, true), e(2, false), e(3, true)), listing(e(1, false), e(2, false), e(3, false)), nvr.Restored{Changed: []int{2}}, false},
		{"all are armed", listing(e(1, false), e(2, false), e(3, false)), "", nvr.Restored{Changed: []int{2}}, false},
		{"a channel is new, and silenced", listing(e(1, true), e(2, true), e(3, true), e(7, true), e(5, false)), listing(e(1, false), e(2, true), e(3, false), e(7, true), e(5, false)), nvr.Restored{Changed: []int{5, 7}}, false},
		{"something else of a channel", listing(e(1, true), e(2, true), email), listing(e(1, false), e(2, true), armedEmail), nvr.Restored{Changed: []int{3}}, false},
		{"something that belongs to none", `{"version":2,` + listing(e(1, true), e(2, true), e(3, true))[1:], `{"version":2,` + listing(e(1, false), e(2, true), e(3, false))[1:], nvr.Restored{Elsewhere: true}, false},
		{"one that we silenced is gone", listing(e(1, true), e(2, true)), listing(e(1, false), e(2, true)), nvr.Restored{Missing: []int{3}}, true},
		{"one that was silenced before is gone", listing(e(1, true), e(3, true)), listing(e(1, false), e(3, false)), nvr.Restored{Changed: []int{2}}, false},
		{"all are gone but one", listing(e(2, true)), "", nvr.Restored{Missing: []int{1, 3}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			notifying(t, nvrtest.Notifications{Verbatim: true}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				found, silenced := paused(t, r)
				o, err := c.SetNotifications(t.Context(), found, silenced)
				says(t, o, err, nvr.OutcomeDone, nil)
				r.SetNotifications([]byte(tt.now))
				want, puts := tt.want, 2
				if want == "" {
					want, puts = tt.now, 1
				}
				for range 2 { // again, as after a crash
					got, err := c.RestoreNotifications(t.Context(), found, silenced)
					if !reflect.DeepEqual(got, tt.r) || (err != nil) != tt.left {
						t.Errorf("%+v, %v", got, err)
					}
					holds(t, r, []byte(want), puts)
				}
			})
		})
	}
}

func TestNotificationsThatCannotBePutBackAreTold(t *testing.T) {
	for _, tt := range []struct {
		name   string
		manner nvrtest.Manner
		is     error
	}{
		{"refused", nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 403, SubStatus: "lowPrivilege"}}, nvr.ErrForbidden},
		{"not supported any more", nvrtest.Manner{Refuses: nvrtest.Refusal{Status: 403, SubStatus: "notSupport"}}, nvr.ErrUnsupported},
		{"busy", nvrtest.Manner{Busy: 1}, nvr.ErrBusy},
		{"ignored", nvrtest.Manner{Ignored: true}, nvr.ErrNotKept},
	} {
		t.Run(tt.name, func(t *testing.T) {
			notifying(t, nvrtest.Notifications{Verbatim: true}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				found, silenced := paused(t, r)
				c.SetNotifications(t.Context(), found, silenced)
				r.SetNotificationsManner(nvrtest.Notifications{Supported: true, Verbatim: true, Put: tt.manner})
				if _, err := c.RestoreNotifications(t.Context(), found, silenced); !errors.Is(err, tt.is) {
					t.Errorf("got %v", err)
				}
				holds(t, r, silenced, 2)
				r.SetNotificationsManner(nvrtest.Notifications{Supported: true, Verbatim: true})
				time.Sleep(10 * time.Minute) // a missing right isn't asked for before
				if _, err := c.RestoreNotifications(t.Context(), found, silenced); err != nil {
					t.Errorf("got %v", err)
				}
				holds(t, r, found, 3)
				if _, err := c.RestoreNotifications(t.Context(), []byte("x"), silenced); !errors.Is(err, nvr.ErrDocument) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// A write whose answer was lost can still arrive.
func TestNotificationsThatAreSilencedAfterTheyWerePutBackArePutBackAgain(t *testing.T) {
	notifying(t, nvrtest.Notifications{Verbatim: true, Late: 20 * time.Second}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		found, silenced := paused(t, r)
		o, err := c.SetNotifications(t.Context(), found, silenced)
		says(t, o, err, nvr.OutcomeUnknown, nvr.ErrNotKept)
		if _, err := c.RestoreNotifications(t.Context(), found, silenced); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		holds(t, r, silenced, 1)
		c.RestoreNotifications(t.Context(), found, silenced)
		time.Sleep(time.Minute)
		if _, err := c.RestoreNotifications(t.Context(), found, silenced); err != nil {
			t.Fatal(err)
		}
		holds(t, r, found, 2)
	})
}

func TestAMissingRightToNotificationsCostsTwoLoginsAtMost(t *testing.T) {
	for _, lock := range []nvrtest.LockMode{nvrtest.LockReal, nvrtest.LockEvery} {
		for name, rights := range map[string]nvrtest.Rights{
			"to change": {Lacks: []string{"parameterConfig"}, As401: true},
			"to read":   {Denied: []string{"System/status/disturbParams"}, As401: true},
		} {
			t.Run(fmt.Sprint(name, lock), func(t *testing.T) {
				asking(t, nvrtest.Config{Lock: lock, Notifications: nvrtest.Notifications{Supported: true}}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
					found, silenced := paused(t, r)
					r.SetRights(rights)
					var o nvr.Outcome
					var err error
					blind := 0
					for range 48 { // four hours
						if _, infoErr := c.Info(t.Context()); infoErr != nil {
							blind++
						}
						o, err = c.SetNotifications(t.Context(), found, silenced)
						if _, restoreErr := c.RestoreNotifications(t.Context(), found, silenced); err == nil || restoreErr == nil && name == "to read" {
							t.Fatal(err, restoreErr)
						}
						time.Sleep(5 * time.Minute)
					}
					if !errors.Is(err, nvr.ErrForbidden) || o == nvr.OutcomeDone || blind > 2 {
						t.Errorf("it ends with %v, %v, and %d times without answers", o, err, blind)
					}
					if n := r.MaxRejectedIn(window); n > 2 || r.Rejected() > 2 {
						t.Errorf("%d rejected in all, %d in %v", r.Rejected(), n, window)
					}
					r.SetRights(nvrtest.Rights{})
					c.RetrySignIn()
					o, err = c.SetNotifications(t.Context(), found, silenced)
					says(t, o, err, nvr.OutcomeDone, nil)
				})
			})
		}
	}
}

// A nonce that worked costs a second rejection, and with it all sign-ins for 35 minutes.
func TestARightToNotificationsThatIsTakenAwayCostsOneLogin(t *testing.T) {
	for name, rights := range map[string]nvrtest.Rights{
		"to change": {Lacks: []string{"parameterConfig"}, As401: true},
		"to read":   {Denied: []string{"System/status/disturbParams"}, As401: true},
	} {
		t.Run(name, func(t *testing.T) {
			notifying(t, nvrtest.Notifications{Verbatim: true}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				found, silenced := paused(t, r)
				o, err := c.SetNotifications(t.Context(), found, silenced)
				says(t, o, err, nvr.OutcomeDone, nil)
				if _, err := c.RestoreNotifications(t.Context(), found, silenced); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				r.SetRights(rights)
				if o, err := c.SetNotifications(t.Context(), found, silenced); o == nvr.OutcomeDone || !errors.Is(err, nvr.ErrUnauthorized) {
					t.Errorf("got %v, %v", o, err)
				}
				if n := r.Rejected(); n != 1 {
					t.Errorf("%d rejected", n)
				}
				time.Sleep(time.Minute)
				o, err = c.Shutdown(t.Context())
				says(t, o, err, nvr.OutcomeDone, nil)
			})
		})
	}
}

func TestAMissingRightAs403IsRemembered(t *testing.T) {
	notifying(t, nvrtest.Notifications{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		found, silenced := paused(t, r)
		r.SetRights(nvrtest.Rights{Lacks: []string{"parameterConfig"}})
		o, err := c.SetNotifications(t.Context(), found, silenced)
		says(t, o, err, nvr.OutcomeRefused, nvr.ErrForbidden, "Remote: Parameters Settings")
		r.ResetCounters()
		for range 5 {
			o, err := c.SetNotifications(t.Context(), found, silenced)
			says(t, o, err, nvr.OutcomeNotSent, nvr.ErrForbidden)
		}
		if n := len(r.Requests()); n != 0 || r.Rejected() != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// A setting isn't worth a login that can't be accounted for, a shutdown is.
func TestNotificationsAreNotChangedWhileTheLoginBudgetCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, nvrtest.Config{Notifications: nvrtest.Notifications{Supported: true}})
		dir := t.TempDir()
		c := open(t, r, dir, password)
		defer c.Close()
		found, silenced := paused(t, r)
		c.Notifications(t.Context())
		synctest.Wait()
		os.RemoveAll(dir)
		o, err := c.SetNotifications(t.Context(), found, silenced)
		says(t, o, err, nvr.OutcomeNotSent, nvr.ErrState)
		holds(t, r, found, 0)
		o, err = c.Shutdown(t.Context())
		says(t, o, err, nvr.OutcomeDone, nil)
	})
}
