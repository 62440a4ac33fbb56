package nvr_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

func yes() nvr.Maybe[bool]    { return nvr.Maybe[bool]{Value: true, Known: true} }
func no() nvr.Maybe[bool]     { return nvr.Maybe[bool]{Known: true} }
func untold() nvr.Maybe[bool] { return nvr.Maybe[bool]{} }

func TestUpgrade(t *testing.T) {
	status := func(path string, code int, sub string) nvrtest.Fault {
		return nvrtest.Fault{Path: path, Status: code, SubStatus: sub, Answers: nvrtest.Granted}
	}
	for _, tt := range []struct {
		name    string
		running bool
		online  string
		faults  []nvrtest.Fault
		want    nvr.Maybe[bool]
		says    string
		err     error // nil with no answer wanted: any
		fails   bool
		asked   int
	}{
		{name: "none", want: no(), asked: 2},
		{name: "none, online neither", online: "notUpgrade", want: no(), asked: 2},
		{name: "running", running: true, want: yes(), says: "System/upgradeStatus", asked: 1},
		{name: "online", online: "upgrading", want: yes(), says: "System/onlineUpgrade/status: upgrading", asked: 2},
		{name: "an online one that failed", online: "writeFlashError", want: no(), asked: 2},
		{name: "a refusal says so", faults: []nvrtest.Fault{status("System/upgradeStatus", 403, "upgrading")}, want: yes(), says: "upgrading", asked: 1},
		{name: "the second refusal says so", faults: []nvrtest.Fault{status("System/onlineUpgrade", 200, "upgrading")}, want: yes(), says: "onlineUpgrade", asked: 2},
		{name: "not offered", faults: []nvrtest.Fault{status("System/upgradeStatus", 404, "notSupport")}, err: nvr.ErrUnsupported, fails: true, asked: 2},
		{name: "not offered, online does", online: "upgrading", faults: []nvrtest.Fault{status("System/upgradeStatus", 404, "notSupport")}, want: yes(), says: "online", asked: 2},
		{name: "not offered, online says no", online: "notUpgrade", faults: []nvrtest.Fault{status("System/upgradeStatus", 404, "notSupport")}, err: nvr.ErrUnsupported, fails: true, asked: 2},
		{name: "busy", faults: []nvrtest.Fault{status("System/upgradeStatus", 503, "deviceBusy")}, err: nvr.ErrBusy, fails: true, asked: 1},
		{name: "no answer online", online: "notUpgrade", faults: []nvrtest.Fault{status("System/onlineUpgrade", 500, "deviceError")}, fails: true, asked: 2},
		{name: "online closed to the account", online: "notUpgrade", faults: []nvrtest.Fault{status("System/onlineUpgrade", 403, "lowPrivilege")}, want: no(), asked: 2},
		{name: "a word that isn't known", faults: []nvrtest.Fault{{Path: "System/upgradeStatus", Body: []byte("<upgradeStatus><upgrading>soon</upgrading></upgradeStatus>"), Answers: nvrtest.Granted}}, want: untold(), asked: 2},
		{name: "in capitals", faults: []nvrtest.Fault{{Path: "System/upgradeStatus", Body: []byte("<upgradeStatus><upgrading>TRUE</upgrading></upgradeStatus>"), Answers: nvrtest.Granted}}, want: yes(), says: "upgradeStatus", asked: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				r.SetUpgrade(tt.running, 40)
				r.SetOnlineUpgrade(tt.online)
				for _, f := range tt.faults {
					r.Fail(f)
				}
				u, err := c.Upgrade(t.Context())
				if u.Upgrading != tt.want || (err != nil) != tt.fails || tt.err != nil && !errors.Is(err, tt.err) || tt.err == nil && errors.Is(err, nvr.ErrUnsupported) {
					t.Errorf("%+v, %v", u, err)
				}
				if !strings.Contains(u.Evidence, tt.says) || (u.Evidence != "") != (tt.says != "") {
					t.Errorf("evidence %q", u.Evidence)
				}
				if tt.running && u.Percent.Value != 40 {
					t.Errorf("%+v", u.Percent)
				}
				if n := len(paths(r)); n != tt.asked {
					t.Errorf("asked %v", paths(r))
				}
			})
		})
	}
}

func TestDiskWork(t *testing.T) {
	disk := func(status string) nvrtest.Disk { return nvrtest.Disk{ID: 1, Name: "hdd1", Status: status} }
	array := func(status string) nvrtest.Disk {
		return nvrtest.Disk{ID: 1, Name: "array1", Type: "Virtual Disk", Status: status}
	}
	share := nvrtest.Disk{ID: 9, Status: "reparing", Share: true}
	for _, tt := range []struct {
		name                 string
		disks                []nvrtest.Disk
		formatting           *nvrtest.Formatting
		format, repair, raid nvr.Maybe[bool]
		evidence             string
		asked                int
	}{
		{"in order", []nvrtest.Disk{disk("ok")}, nil, no(), no(), untold(), "[]", 1},
		{"asleep, with a ghost", []nvrtest.Disk{disk("sleeping"), {ID: 2, Status: "notexist"}}, nil, no(), no(), untold(), "[]", 1},
		{"none", nil, nil, no(), no(), untold(), "[]", 1},
		{"formating, as devices spell it", []nvrtest.Disk{disk("formating"), disk("ok")}, nil, yes(), no(), untold(), "[hdd1 formating]", 1},
		{"Formatting", []nvrtest.Disk{disk("Formatting")}, nil, yes(), no(), untold(), "[hdd1 Formatting]", 1},
		{"reparing", []nvrtest.Disk{disk("reparing")}, nil, no(), yes(), untold(), "[hdd1 reparing]", 1},
		{"a share is repaired", []nvrtest.Disk{disk("ok"), share}, nil, no(), yes(), untold(), "[disk nas9 reparing]", 1},
		{"out of order", []nvrtest.Disk{disk("smartFailed")}, nil, no(), no(), untold(), "[hdd1 smartFailed]", 1},
		{"a word that isn't known", []nvrtest.Disk{disk("thinking")}, nil, untold(), untold(), untold(), "[hdd1 thinking]", 2},
		{"no word", []nvrtest.Disk{disk("")}, nil, untold(), untold(), untold(), "[hdd1 without a word]", 2},
		{"a word that isn't known beside one that is", []nvrtest.Disk{disk("formating"), {ID: 2, Name: "hdd2", Status: "thinking"}}, nil, yes(), untold(), untold(), "[hdd1 formating hdd2 thinking]", 2},
		{"the disk itself says yes", []nvrtest.Disk{disk("thinking")}, &nvrtest.Formatting{Running: true, Percent: 3}, yes(), no(), untold(), "[hdd1 thinking]", 2},
		{"the disk itself says no", []nvrtest.Disk{disk("thinking")}, &nvrtest.Formatting{}, no(), untold(), untold(), "[hdd1 thinking]", 2},
		{"an array in order", []nvrtest.Disk{array("ok")}, nil, no(), no(), no(), "[]", 1},
		{"an array with a fault", []nvrtest.Disk{array("ok"), array("error")}, nil, no(), no(), yes(), "[array1 error]", 1},
		{"an array that is rebuilt", []nvrtest.Disk{array("reparing")}, nil, no(), yes(), untold(), "[array1 reparing]", 1},
		{"two arrays, one is rebuilt", []nvrtest.Disk{array("reparing"), array("ok")}, nil, no(), yes(), untold(), "[array1 reparing]", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				r.SetDisks(tt.disks)
				if tt.formatting != nil {
					r.SetFormatting(1, *tt.formatting)
				}
				w, err := c.DiskWork(t.Context())
				if err != nil || w.Formatting != tt.format || w.Repairing != tt.repair || w.RAIDError != tt.raid || fmt.Sprint(w.Evidence) != tt.evidence {
					t.Errorf("%+v, %v", w, err)
				}
				if n := len(paths(r)); n != tt.asked {
					t.Errorf("asked %v", paths(r))
				}
			})
		})
	}
}

func TestDiskWorkWithoutAList(t *testing.T) {
	for _, tt := range []struct {
		sub    string
		status int
		want   nvr.Maybe[bool]
		err    error
	}{
		{"formatting", 503, yes(), nil},
		{"hdFormatting", 403, yes(), nil},
		{"notSupport", 403, untold(), nvr.ErrUnsupported},
		{"deviceBusy", 503, untold(), nvr.ErrBusy},
	} {
		asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.Fail(nvrtest.Fault{Path: "ContentMgmt/Storage", Status: tt.status, SubStatus: tt.sub, Answers: nvrtest.Granted})
			w, err := c.DiskWork(t.Context())
			if w.Formatting != tt.want || tt.err == nil && err != nil || !errors.Is(err, tt.err) || strings.Contains(fmt.Sprint(w.Evidence), tt.sub) != tt.want.Known {
				t.Errorf("%s: %+v, %v", tt.sub, w, err)
			}
		})
	}
}

func TestDiskWorkAsksFewDisksAndTellsWhenNoAnswerCame(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		var odd []nvrtest.Disk
		for id := range 9 {
			odd = append(odd, nvrtest.Disk{ID: id + 1, Status: "thinking"})
			r.SetFormatting(id+1, nvrtest.Formatting{})
		}
		r.SetDisks(odd)
		w, err := c.DiskWork(t.Context())
		if err != nil || w.Formatting.Known || len(w.Disks) != 9 || len(paths(r)) != 5 {
			t.Errorf("%+v, %v, %v", w, err, paths(r))
		}
		r.Fail(nvrtest.Fault{Path: "ContentMgmt/Storage/hdd", HalfOpen: true})
		if _, err := c.DiskWork(t.Context()); err == nil || errors.Is(err, nvr.ErrUnsupported) {
			t.Errorf("got %v", err)
		}
	})
}

func TestSessions(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		if all, err := c.Sessions(t.Context()); err != nil || all != nil {
			t.Errorf("%v, %v", all, err)
		}
		r.SetOnlineUsers(
			nvrtest.OnlineUser{Name: "jo", Type: "admin", Address: nvrtest.DefaultClient},
			nvrtest.OnlineUser{Name: "owner", Type: "Operator", Address: nvrtest.DefaultClient},
			nvrtest.OnlineUser{Name: "owner", Type: "guest", Address: "192.0.2.99"},
			nvrtest.OnlineUser{Name: "owner", Type: "viewer", Address: "::ffff:" + nvrtest.DefaultClient},
			nvrtest.OnlineUser{Name: "owner", Type: "admin"},
		)
		all, err := c.Sessions(t.Context())
		want := []nvr.Session{
			{"jo", "admin", yes(), no()}, {"owner", "Operator", no(), yes()}, {"owner", "guest", untold(), no()},
			{"owner", "viewer", no(), yes()}, {"owner", "admin", yes(), untold()},
		}
		if err != nil || !slices.Equal(all, want) {
			t.Errorf("%+v, %v", all, err)
		}
		r.SetOnlineUsers(make([]nvrtest.OnlineUser, 500)...)
		if all, err := c.Sessions(t.Context()); err != nil || len(all) != 128 {
			t.Errorf("%d, %v", len(all), err)
		}
	})
	asking(t, nvrtest.Config{Model: nvrtest.Camera}, func(t *testing.T, _ *nvrtest.Recorder, c *nvr.Client) {
		if _, err := c.Sessions(t.Context()); !errors.Is(err, nvr.ErrUnsupported) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMayShutDown(t *testing.T) {
	lacks := nvrtest.Rights{Lacks: []string{"restartOrShutdown", "parameterConfig"}}
	for _, tt := range []struct {
		name   string
		rights nvrtest.Rights
		fault  nvrtest.Fault
		want   nvr.Maybe[bool]
		err    error
	}{
		{"an operator who may", nvrtest.Rights{}, nvrtest.Fault{}, yes(), nil},
		{"an operator who may not", lacks, nvrtest.Fault{}, no(), nil},
		{"an administrator", nvrtest.Rights{Level: "Administrator"}, nvrtest.Fault{}, yes(), nil},
		{"closed", nvrtest.Rights{Denied: []string{"Security/users"}}, nvrtest.Fault{}, untold(), nvr.ErrForbidden},
		{"not offered", nvrtest.Rights{}, nvrtest.Fault{Path: "Security/UserPermission", Status: 404, Answers: nvrtest.Granted}, untold(), nvr.ErrUnsupported},
		{"not told", nvrtest.Rights{}, nvrtest.Fault{Path: "Security/UserPermission", Body: []byte("<UserPermission/>"), Answers: nvrtest.Granted}, untold(), nil},
		{"the account isn't listed", nvrtest.Rights{}, nvrtest.Fault{Path: "Security/users", Body: []byte("<UserList/>"), Answers: nvrtest.Granted}, untold(), nil},
	} {
		asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
			r.SetRights(tt.rights)
			if tt.fault.Path != "" {
				r.Fail(tt.fault)
			}
			may, err := c.May(t.Context())
			if may.ShutDown != tt.want || may.Configure != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("%s: %+v, %v", tt.name, may, err)
			}
		})
	}
}

func TestExporting(t *testing.T) {
	const diagnosis, logs = "System/diagnosedData/exportStatus", "System/exportLogToUSB/status"
	for _, tt := range []struct {
		name   string
		faults []nvrtest.Fault
		want   nvr.Maybe[bool]
		says   string
		err    error
		fails  bool
		asked  int
	}{
		{"not offered", nil, untold(), "", nvr.ErrUnsupported, true, 2},
		{"a refusal says so", []nvrtest.Fault{{Path: diagnosis, Status: 403, SubStatus: "exporting"}}, yes(), diagnosis + ": exporting", nil, false, 1},
		{"the second one says so", []nvrtest.Fault{{Path: logs, Status: 200, SubStatus: "dataBackuping"}}, yes(), "dataBackuping", nil, false, 2},
		{"a document whose form isn't known", []nvrtest.Fault{{Path: diagnosis, Status: 200, Body: []byte("<ExportStatus><status>exporting</status></ExportStatus>")}}, untold(), "", nil, false, 1},
		{"an answer that isn't XML", []nvrtest.Fault{{Path: logs, Status: 200, Body: []byte("idle")}}, untold(), "", nil, false, 2},
		{"no answer", []nvrtest.Fault{{Path: diagnosis, Status: 500}}, untold(), "", nil, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
				for _, f := range tt.faults {
					f.Answers = nvrtest.Granted
					r.Fail(f)
				}
				m, evidence, err := c.Exporting(t.Context())
				if m != tt.want || (err != nil) != tt.fails || tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(evidence, tt.says) || (evidence == "") != (tt.says == "") {
					t.Errorf("%+v, %q, %v", m, evidence, err)
				}
				if n := len(paths(r)); n != tt.asked {
					t.Errorf("asked %v", paths(r))
				}
			})
		})
	}
}

func TestAnyRefusalMayTellOfAnExport(t *testing.T) {
	asking(t, nvrtest.Config{}, func(t *testing.T, r *nvrtest.Recorder, c *nvr.Client) {
		r.Fail(nvrtest.Fault{Path: "System/time", Status: 403, SubStatus: "configOperating", Answers: nvrtest.Granted, Times: 1})
		c.Clock(t.Context())
		r.ResetCounters()
		time.Sleep(2*time.Minute - 1)
		if m, evidence, err := c.Exporting(t.Context()); err != nil || m != yes() || evidence != "System/time: configOperating" || len(r.Requests()) != 0 {
			t.Errorf("%+v, %q, %v", m, evidence, err)
		}
		time.Sleep(time.Nanosecond)
		if m, _, err := c.Exporting(t.Context()); m.Known || !errors.Is(err, nvr.ErrUnsupported) {
			t.Errorf("%+v, %v", m, err)
		}
	})
}
