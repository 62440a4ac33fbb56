package nvrtest_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr/nvrtest"
)

var models = []nvrtest.Model{nvrtest.NVR, nvrtest.OldNVR, nvrtest.DVR, nvrtest.Camera, nvrtest.DualCamera, nvrtest.OldCamera}

const (
	proxies      = "/ISAPI/ContentMgmt/InputProxy/channels"
	proxyStatus  = "/ISAPI/ContentMgmt/InputProxy/channels/status"
	inputs       = "/ISAPI/System/Video/inputs/channels"
	capabilities = "/ISAPI/System/capabilities"
	status       = "/ISAPI/System/status"
	clock        = "/ISAPI/System/time"
	storage      = "/ISAPI/ContentMgmt/Storage"
)

// Which model has what; others are refused in the model's manner.
func TestPaths(t *testing.T) {
	always := []string{info, capabilities, status, clock, storage, "/ISAPI/Security/users", "/ISAPI/Security/UserPermission/1"}
	for _, tt := range []struct {
		model                              nvrtest.Model
		proxies, inputs, userCheck, others int
		words                              string
	}{
		{nvrtest.NVR, 200, 403, 200, 403, "notSupport"},
		{nvrtest.OldNVR, 200, 403, 200, 403, "notSupport"},
		{nvrtest.DVR, 200, 200, 200, 403, "notSupport"},
		{nvrtest.Camera, 403, 200, 200, 404, "notSupport"},
		{nvrtest.DualCamera, 403, 200, 200, 404, "notSupport"},
		{nvrtest.OldCamera, 403, 200, 500, 500, "deviceError"},
	} {
		t.Run(tt.model.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c := newRecorder(t, nvrtest.Config{Model: tt.model})
				for _, path := range always {
					wellFormed(t, c.get(path).want(t, 200))
				}
				wellFormed(t, c.get(proxies).want(t, tt.proxies))
				wellFormed(t, c.get(proxyStatus).want(t, tt.proxies))
				wellFormed(t, c.get(inputs).want(t, tt.inputs))
				wellFormed(t, c.get(userCheck).want(t, tt.userCheck))
				c.get("/ISAPI/Made/up").want(t, tt.others).says(t, "<ResponseStatus", "<subStatusCode>"+tt.words+"<", "<requestURL>/ISAPI/Made/up<")
			})
		})
	}
}

func TestOddRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, nvr := newRecorder(t, nvrtest.Config{})
		nvr.get("/ISAPI/Event/triggers/VMD-99").want(t, 503).says(t, "<statusCode>2<", "<statusString>Device Busy<")
		_, dvr := newRecorder(t, nvrtest.Config{Model: nvrtest.DVR})
		dvr.get("/ISAPI/Streaming/channels/103").want(t, 400)
		dvr.get("/ISAPI/Streaming/channels/104").want(t, 403)
		d := nvr.digest(nvr.challenge(info), info, 1)
		d.method = "DELETE"
		nvr.send("DELETE", info, d.header()).want(t, 405).says(t, "methodNotAllowed")
	})
}

// wellFormed reads a document to its end: one root, nothing after it.
func wellFormed(t *testing.T, r reply) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(r.body))
	depth, roots := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, r.body)
		}
		switch token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				roots++
			}
		case xml.EndElement:
			depth--
		}
	}
	if roots != 1 || !strings.HasPrefix(r.body, `<?xml version="1.0" encoding="UTF-8"?>`) {
		t.Errorf("%d roots in\n%s", roots, r.body)
	}
}

func TestDialects(t *testing.T) {
	const isapi, hikvision = `xmlns="http://www.isapi.org/ver20/XMLSchema"`, `xmlns="http://www.hikvision.com/ver20/XMLSchema"`
	synctest.Test(t, func(t *testing.T) {
		_, nvr := newRecorder(t, nvrtest.Config{})
		nvr.get(info).says(t, isapi, `version="2.0"`).lacks(t, "\r", hikvision)
		nvr.get(proxies).says(t, isapi).lacks(t, hikvision)
		_, old := newRecorder(t, nvrtest.Config{Model: nvrtest.OldNVR})
		old.get(info).says(t, hikvision, `version="1.0"`, "\r\n").lacks(t, isapi)
		old.get(proxies).says(t, "<InputProxyChannel version=").lacks(t, "<model", "<serialNumber", "<firmwareVersion", "devIndex")
		_, dvr := newRecorder(t, nvrtest.Config{Model: nvrtest.DVR, IPChannels: 1})
		dvr.get(proxies).says(t, isapi, hikvision)
		dvr.get(capabilities).says(t, isapi, hikvision)
	})
}

func TestCapturedShapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, nvr := newRecorder(t, nvrtest.Config{})
		list := nvr.get(proxies).says(t, `size="4"`, "<model/>", "<serialNumber/>", "<firmwareVersion/>", "<name>garden<")
		count(t, list, "<InputProxyChannel>", 4)
		count(t, list, "<devIndex>", 3)
		nvr.get(proxyStatus).says(t, "<online>false<", "<chanDetectResult>netUnreachable<", "<online>true<", "<streamingProxyChannelId>301<")
		nvr.get(capabilities).says(t, "<videoInputPortNums>0<", "<inputProxyNums>8<", `<algorithmType opt="MD5,SHA256,MD5/SHA256"/>`)
		count(t, nvr.get(capabilities), "<isSupportTokenAuthenticate>", 2)
		nvr.get(storage).says(t, "<status>notexist<", "<freeSpace>0<", "<nasList/>", `<workMode opt="group,quota">quota<`)
		nvr.get(status).says(t, "<memoryUsage> 244.175781<", "<deviceUpTime>1038840<")

		_, old := newRecorder(t, nvrtest.Config{Model: nvrtest.OldNVR})
		count(t, old.get(proxyStatus), "<chanDetectResult>", 5)
		count(t, old.get(proxyStatus), "<online>", 9)

		_, dvr := newRecorder(t, nvrtest.Config{Model: nvrtest.DVR})
		dvr.get(proxies).says(t, `size="8"/>`)
		count(t, dvr.get(inputs).says(t, "<resDesc>NO VIDEO<", "<resDesc>1480X1664(3KLite)P20<"), "<VideoInputChannel ", 8)
		dvr.get(capabilities).says(t, "<videoInputPortNums>8<")
		dvr.get(info).says(t, "<manufacturer/>", "<deviceType>DVR<")

		_, camera := newRecorder(t, nvrtest.Config{Model: nvrtest.Camera})
		count(t, camera.get(inputs).lacks(t, "resDesc", "channelDescription"), "<VideoInputChannel ", 1)
		camera.get(capabilities).says(t, `<CertificateType opt="digest,digest/basic"/>`)
		camera.get(storage).says(t, `size="8"`, "<nas version", `<supportMountType opt="NFS,SMB/CIFS"/>`)

		_, dual := newRecorder(t, nvrtest.Config{Model: nvrtest.DualCamera})
		count(t, dual.get(inputs).says(t, "<channelDescription>PTZ<", "<channelDescription>Panoramic<"), "<VideoInputChannel ", 2)
	})
}

func count(t *testing.T, r reply, part string, want int) {
	t.Helper()
	if n := strings.Count(r.body, part); n != want {
		t.Errorf("%d × %s, want %d, in\n%s", n, part, want, r.body)
	}
}

func TestGivenChannelsAllWork(t *testing.T) {
	for _, n := range []int{1, 9, 32, 64} {
		synctest.Test(t, func(t *testing.T) {
			_, c := newRecorder(t, nvrtest.Config{Channels: n})
			count(t, c.get(proxyStatus), "<online>true</online>", n)
			count(t, c.get(proxies).lacks(t, "<model/>"), "<devIndex>", n)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, c := newRecorder(t, nvrtest.Config{Channels: 65})
		count(t, c.get(proxies), "<InputProxyChannel>", 64)
	})
}

func TestHybridIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Model: nvrtest.DVR, Channels: 4, IPChannels: 2})
		count(t, c.get(proxies).says(t, `size="6"`, "<id>1<", "<id>2<"), "<InputProxyChannel ", 2)
		c.get(inputs).says(t, "<id>1<", "<id>4<").lacks(t, "NO VIDEO")
		r.SetCamera(nvrtest.IP(1), false, "errorUserNameOrPasswd")
		c.get(inputs).lacks(t, "NO VIDEO")
		c.get(proxyStatus).says(t, "errorUserNameOrPasswd")
		r.SetCamera(nvrtest.Input(1), false, "")
		c.get(inputs).says(t, "NO VIDEO")

		_, apart := newRecorder(t, nvrtest.Config{Model: nvrtest.DVR, IPChannels: 2, FirstIPChannel: 33})
		apart.get(proxies).says(t, "<id>33<", "<id>34<").lacks(t, "<id>1<")
	})
}

func TestChangingCamerasAndDisks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{Channels: 2})
		r.SetCamera(nvrtest.IP(2), false, "")
		count(t, c.get(proxyStatus), "<chanDetectResult>", 1)
		r.RenameCamera(nvrtest.IP(2), `a<b>&"c"`)
		c.get(proxies).says(t, "<name>a&lt;b&gt;&amp;")
		r.AddCamera(nvrtest.IP(7), nvrtest.Attached{Name: "shed", Protocol: "ONVIF", Model: "X", Online: true})
		c.get(proxies+"/7").want(t, 200).says(t, "<name>shed<", "<proxyProtocol>ONVIF<").lacks(t, "devIndex")
		c.get(proxies+"/7/status").want(t, 200).says(t, "<online>true<")
		r.RemoveCamera(nvrtest.IP(7))
		c.get(proxies+"/7").want(t, 403)
		r.SetCamera(nvrtest.IP(7), true, "connect") // not there: nothing happens

		r.SetDiskStatus(1, "reparing")
		c.get(storage).says(t, "<status>reparing<")
		r.SetDisks([]nvrtest.Disk{{ID: 3, Status: "offline", Share: true}})
		c.get(storage).says(t, "<hddList/>", "<nas>", "<status>offline<")
		r.SetSerial("OTHER1")
		r.SetFirmware("V4.99.999")
		c.get(info).says(t, "<serialNumber>OTHER1<", "<firmwareVersion>V4.99.999<")
	})
}

func TestDifferentNamesAreDifferentBoxes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newRecorder(t, nvrtest.Config{Name: "a"})
		b, _ := newRecorder(t, nvrtest.Config{Name: "b"})
		again, _ := newRecorder(t, nvrtest.Config{Name: "a"})
		if a.Serial() == b.Serial() || a.Serial() != again.Serial() {
			t.Errorf("serials %s, %s, %s", a.Serial(), b.Serial(), again.Serial())
		}
	})
}

func TestEncodings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newRecorder(t, nvrtest.Config{Encoding: "GB2312", Name: nvrtest.GB2312Name})
		c.get(info).says(t, `encoding="GB2312"`, "<deviceName>\xc7\xb0\xc3\xc5\xc9\xe3\xcf\xf1\xbb\xfa<")
		_, c = newRecorder(t, nvrtest.Config{Encoding: "utf8", Name: nvrtest.GB2312Name})
		c.get(info).says(t, `encoding="utf8"`, "<deviceName>"+nvrtest.GB2312Name+"<")
		_, c = newRecorder(t, nvrtest.Config{RawAmpersand: true, Name: "Tom & Jerry"})
		c.get(info).says(t, "<deviceName>Tom & Jerry<")
		_, c = newRecorder(t, nvrtest.Config{Name: "Tom & Jerry"})
		c.get(info).says(t, "<deviceName>Tom &amp; Jerry<")
	})
}

func TestClock(t *testing.T) {
	const (
		berlin = nvrtest.DefaultTimeZone
		israel = "CST-2:00:00DST01:00:00,M3.5.5/02:00:00,M10.5.0/02:00:00"
		sydney = "CST-10:00:00DST01:00:00,M10.1.0/02:00:00,M4.1.0/03:00:00"
		denver = "CST+7:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00"
		india  = "CST-5:30:00"
	)
	for _, tt := range []struct{ name, zone, at, want string }{
		{"winter", berlin, "2026-01-15T12:00:00Z", "2026-01-15T13:00:00+01:00"},
		{"the second before summer", berlin, "2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00"},
		{"summer begins: the digits jump, the offset doesn't", berlin, "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+01:00"},
		{"the second before winter", berlin, "2026-10-25T00:59:59Z", "2026-10-25T02:59:59+01:00"},
		{"winter begins", berlin, "2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00"},
		{"summer begins on the last Friday", israel, "2026-03-27T00:00:00Z", "2026-03-27T03:00:00+02:00"},
		{"the south has summer at new year", sydney, "2026-01-01T00:00:00Z", "2026-01-01T11:00:00+10:00"},
		{"the south has winter in July", sydney, "2026-07-01T00:00:00Z", "2026-07-01T10:00:00+10:00"},
		{"west of Greenwich in summer", denver, "2026-07-01T12:00:00Z", "2026-07-01T06:00:00-07:00"},
		{"half an hour and no summer", india, "2026-07-01T12:00:00Z", "2026-07-01T17:30:00+05:30"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, err := time.Parse(time.RFC3339, tt.at)
				if err != nil {
					t.Fatal(err)
				}
				_, c := newRecorder(t, nvrtest.Config{TimeZone: tt.zone, Now: func() time.Time { return at }})
				c.get(clock).says(t, "<localTime>"+tt.want+"<", "<timeZone>"+tt.zone+"<")
				c.get(status).says(t, "<currentDeviceTime>"+tt.want+"<")
				if got := c.get(clock+"/localTime").want(t, 200).body; got != tt.want {
					t.Errorf("localTime %s", got)
				}
			})
		})
	}
}

func TestClockOffsetAndMissingRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newRecorder(t, nvrtest.Config{ClockOffset: -time.Hour, NoTimeZone: true})
		c.get(clock).says(t, "<localTime>2000-01-01T00:00:00+01:00<").lacks(t, "timeZone")
		c.get(clock+"/timeZone").want(t, 403)
	})
}

// The instances of a large test must not cost anything worth mentioning.
func TestManyRecordersAreCheap(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	many := make([]*nvrtest.Recorder, 64)
	for i := range many {
		many[i] = nvrtest.New(nvrtest.Config{Channels: 32, Name: fmt.Sprint("box ", i)})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / 64; each > 24<<10 {
		t.Errorf("%d bytes each", each)
	}
	runtime.KeepAlive(many)
}

// No document may hold anything but made-up addresses.
func TestAddressesAreMadeUp(t *testing.T) {
	address := regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`)
	for _, m := range models {
		synctest.Test(t, func(t *testing.T) {
			_, c := newRecorder(t, nvrtest.Config{Model: m, IPChannels: 2})
			for _, path := range []string{info, capabilities, proxies, proxyStatus, inputs, storage, triggers, tracks, "/ISAPI/System/Network/interfaces"} {
				for _, a := range address.FindAllString(c.get(path).body, -1) {
					if !strings.HasPrefix(a, "192.0.2.") && a != "255.255.255.0" {
						t.Errorf("%v %s has %s", m, path, a)
					}
				}
			}
		})
	}
}
