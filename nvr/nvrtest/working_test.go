package nvrtest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"hikbridge/nvr/nvrtest"
)

const working = "/ISAPI/System/workingstatus?format=json"

func TestWorkingStatus(t *testing.T) {
	const (
		on1, on2 = `{"chanNo":1,"online":1,"record":1,"signal":0,"linkNum":0,"bitRate":3145728}`, `{"chanNo":2,"online":1,"record":1,"signal":0,"linkNum":0,"bitRate":3145728}`
		idle1    = `{"chanNo":1,"online":1,"record":0,"signal":0,"linkNum":0,"bitRate":3145728}`
		off2     = `{"chanNo":2,"online":0,"record":0,"signal":1,"linkNum":0,"bitRate":0}`
		disks    = `[{"hdNo":1,"status":0,"volume":1907729,"freeSpace":0}]`
	)
	two := nvrtest.Config{Channels: 2}
	shaped := func(c nvrtest.Config, s nvrtest.WorkingShape) nvrtest.Config {
		c.WorkingStatus = s
		return c
	}
	for _, tt := range []struct {
		name   string
		config nvrtest.Config
		set    func(*nvrtest.Recorder)
		status int
		want   string
	}{
		{"as usual", two, nil, 200, `{"WorkingStatus":{"devStatus":0,"ChanStatus":[` + on1 + "," + on2 + `],"HDStatus":` + disks + `}}`},
		{"not recording", two, func(r *nvrtest.Recorder) { r.SetRecording(nvrtest.IP(1), false) }, 200,
			`{"WorkingStatus":{"devStatus":0,"ChanStatus":[` + idle1 + "," + on2 + `],"HDStatus":` + disks + `}}`},
		{"recording again", two, func(r *nvrtest.Recorder) { r.SetRecording(nvrtest.IP(1), false); r.SetRecording(nvrtest.IP(1), true) }, 200,
			`{"WorkingStatus":{"devStatus":0,"ChanStatus":[` + on1 + "," + on2 + `],"HDStatus":` + disks + `}}`},
		{"offline", two, func(r *nvrtest.Recorder) { r.SetCamera(nvrtest.IP(2), false, "netUnreachable") }, 200,
			`{"WorkingStatus":{"devStatus":0,"ChanStatus":[` + on1 + "," + off2 + `],"HDStatus":` + disks + `}}`},
		{"without the object around it", shaped(two, nvrtest.WorkingBare), nil, 200,
			`{"devStatus":0,"ChanStatus":[` + on1 + "," + on2 + `],"HDStatus":` + disks + `}`},
		{"named", shaped(two, nvrtest.WorkingNamed), func(r *nvrtest.Recorder) { r.SetCamera(nvrtest.IP(2), false, "") }, 200,
			`{"ChanStatusList":{"ChanStatus":[` + strings.Replace(strings.Replace(on1, `"online"`, `"name":"garden","online"`, 1), `"signal"`, `"recordStatus":0,"signal"`, 1) + "," +
				strings.Replace(strings.Replace(off2, `"online"`, `"name":"home","online"`, 1), `"signal"`, `"recordStatus":2,"signal"`, 1) + `]}}`},
		{"a lone channel and disk", shaped(nvrtest.Config{Channels: 1}, nvrtest.WorkingLone), nil, 200,
			`{"WorkingStatus":{"devStatus":0,"ChanStatus":` + on1 + `,"HDStatus":` + strings.Trim(disks, "[]") + `}}`},
		{"two are a list", shaped(two, nvrtest.WorkingLone), nil, 200,
			`{"WorkingStatus":{"devStatus":0,"ChanStatus":[` + on1 + "," + on2 + `],"HDStatus":` + strings.Trim(disks, "[]") + `}}`},
		{"a hybrid", shaped(nvrtest.Config{Model: nvrtest.DVR, Channels: 1, IPChannels: 2}, nvrtest.WorkingWrapped), nil, 200,
			`{"WorkingStatus":{"devStatus":0,"ChanStatus":[` + on1 + "," + strings.Replace(on1, ":1,", ":33,", 1) + "," + strings.Replace(on1, ":1,", ":34,", 1) +
				`],"HDStatus":[{"hdNo":1,"status":0,"volume":1907729,"freeSpace":277504}]}}`},
		{"nothing connected, no disk", two, func(r *nvrtest.Recorder) {
			r.SetDisks(nil)
			r.RemoveCamera(nvrtest.IP(1))
			r.RemoveCamera(nvrtest.IP(2))
		}, 200, `{"WorkingStatus":{"devStatus":0,"ChanStatus":[],"HDStatus":[]}}`},
		{"an old NVR", nvrtest.Config{Model: nvrtest.OldNVR}, nil, 403, `{"statusCode":4,"statusString":"Invalid Operation","subStatusCode":"notSupport"}`},
		{"a DVR", nvrtest.Config{Model: nvrtest.DVR}, nil, 403, `{"statusCode":4,"statusString":"Invalid Operation","subStatusCode":"notSupport"}`},
		{"a camera", nvrtest.Config{Model: nvrtest.Camera}, nil, 403, `{"statusCode":4,"statusString":"Invalid Operation","subStatusCode":"notSupport"}`},
		{"none", nvrtest.Config{WorkingStatus: nvrtest.WorkingNone}, nil, 403, `{"statusCode":4,"statusString":"Invalid Operation","subStatusCode":"notSupport"}`},
		{"no right", two, func(r *nvrtest.Recorder) { r.SetRights(nvrtest.Rights{Lacks: []string{"logOrStateCheck"}}) }, 403,
			`{"statusCode":4,"statusString":"Invalid Operation","subStatusCode":"lowPrivilege"}`},
		{"busy", two, func(r *nvrtest.Recorder) { r.Fail(nvrtest.Fault{Status: 503, Answers: nvrtest.Granted}) }, 503,
			`{"statusCode":2,"statusString":"Device Busy","subStatusCode":"deviceBusy"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, c := newRecorder(t, tt.config)
				if tt.set != nil {
					tt.set(r)
				}
				got := c.get(working).want(t, tt.status)
				var a, b any
				if err := json.Unmarshal([]byte(got.body), &a); err != nil || got.header.Get("Content-Type") != `application/json; charset="UTF-8"` {
					t.Fatalf("%v, type %s", err, got.header.Get("Content-Type"))
				}
				if err := json.Unmarshal([]byte(tt.want), &b); err != nil {
					t.Fatal(err)
				}
				first, _ := json.Marshal(a)
				second, _ := json.Marshal(b)
				if string(first) != string(second) {
					t.Errorf("got\n%s\nwant\n%s", first, second)
				}
			})
		})
	}
}

func TestWorkingStatusIsJSONOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newRecorder(t, nvrtest.Config{})
		c.get("/ISAPI/System/workingstatus").want(t, 403).says(t, "<ResponseStatus", "notSupport")
		c.get("/ISAPI/Made/up?format=json").want(t, 403).says(t, `"subStatusCode":"notSupport"`)
		c.send("GET", working, "").want(t, 401).says(t, "<ResponseStatus")
	})
}

func TestDiskStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		for word, want := range map[string]string{"ok": "0", "idle": "1", "error": "2", "smartFailed": "2", "unformatted": "4", "offline": "5", "formating": "6"} {
			r.SetDiskStatus(1, word)
			c.get(working).says(t, `"hdNo":1,"status":`+want+",")
		}
		c.get(working).lacks(t, `"hdNo":2`) // a ghost
	})
}
