package nvrtest_test

import (
	"bytes"
	"image/jpeg"
	"strings"
	"testing"
	"testing/synctest"

	"hikbridge/nvr/nvrtest"
)

const upgrade = "/ISAPI/System/onlineUpgrade/version"

func TestSMART(t *testing.T) {
	path := func(id string) string { return storage + "/hdd/" + id + "/SMARTTest/status" }
	synctest.Test(t, func(t *testing.T) {
		r, c := newRecorder(t, nvrtest.Config{})
		got := c.get(path("1")).want(t, 200)
		wellFormed(t, got)
		got.says(t, "<id>1<", "<temprature>38<", "<powerOnDay>812<", "<selfEvaluaingStatus>ok<", "<allEvaluaingStatus>functional<",
			"<selfTestPercent>0<", "<TestResultList>\n<TestResult>\n<attributeID>5<")
		r.SetSMART(1, nvrtest.SMART{Temperature: 61, PowerOnDays: 3000, Self: "error", All: "fault", Percent: 40})
		c.get(path("1")).says(t, "<temprature>61<", "<powerOnDay>3000<", "<selfEvaluaingStatus>error<", "<allEvaluaingStatus>fault<", "<selfTestPercent>40<")
		c.get(path("2")).want(t, 403) // a ghost
		c.get(path("9")).want(t, 403)
		c.get(path("x")).want(t, 403)
		c.get(storage+"/hdd/1").want(t, 403)
		_, old := newRecorder(t, nvrtest.Config{Model: nvrtest.OldNVR})
		old.get(path("1")).want(t, 200)
		_, camera := newRecorder(t, nvrtest.Config{Model: nvrtest.Camera})
		camera.get(path("1")).want(t, 404)
	})
}

func TestNetworkInterfaces(t *testing.T) {
	for _, m := range models {
		synctest.Test(t, func(t *testing.T) {
			for _, dhcp := range []bool{false, true} {
				_, c := newRecorder(t, nvrtest.Config{Model: m, DHCP: dhcp, MAC: "02:00:00:00:00:07"})
				got := c.get("/ISAPI/System/Network/interfaces").want(t, 200)
				wellFormed(t, got)
				got.says(t, "<NetworkInterfaceList", "<ipVersion>", map[bool]string{false: "<addressingType>static<", true: "<addressingType>dynamic<"}[dhcp],
					"<ipAddress>192.0.2.64<", "<subnetMask>255.255.255.0<", "<DefaultGateway>", "<ipAddress>192.0.2.1<", "<MACAddress>02:00:00:00:00:07<")
			}
		})
	}
}

func TestNewestFirmware(t *testing.T) {
	for _, tt := range []struct {
		model nvrtest.Model
		want  int
	}{{nvrtest.NVR, 403}, {nvrtest.Camera, 404}, {nvrtest.OldCamera, 500}} {
		synctest.Test(t, func(t *testing.T) {
			r, c := newRecorder(t, nvrtest.Config{Model: tt.model})
			c.get(upgrade).want(t, tt.want)
			r.SetNewest("V4.62.300", "faults & <fixes>")
			got := c.get(upgrade+"?check=true").want(t, 200).says(t, "<newVersion>V4.62.300<", "<changeLog>faults &amp; &lt;fixes&gt;<")
			wellFormed(t, got)
			r.SetNewest("", "")
			c.get(upgrade).want(t, tt.want)
		})
	}
}

func TestPicturePaths(t *testing.T) {
	const direct, proxied = "/ISAPI/Streaming/channels/", "/ISAPI/ContentMgmt/StreamingProxy/channels/"
	hybrid := nvrtest.Config{Model: nvrtest.DVR, Channels: 2, IPChannels: 2, FirstIPChannel: 2}
	for _, tt := range []struct {
		name   string
		config nvrtest.Config
		path   string
		want   int
		says   string // "" for a picture
	}{
		{"a camera", nvrtest.Config{Model: nvrtest.Camera}, direct + "101", 200, ""},
		{"a camera's sub-stream", nvrtest.Config{Model: nvrtest.Camera}, direct + "102", 200, ""},
		{"a second lens", nvrtest.Config{Model: nvrtest.DualCamera}, direct + "201", 200, ""},
		{"a lens that isn't there", nvrtest.Config{Model: nvrtest.Camera}, direct + "201", 404, "notSupport"},
		{"a camera behind itself", nvrtest.Config{Model: nvrtest.Camera}, proxied + "101", 404, "notSupport"},
		{"an old camera", nvrtest.Config{Model: nvrtest.OldCamera}, direct + "101", 200, ""},
		{"an NVR's camera", nvrtest.Config{}, proxied + "101", 200, ""},
		{"an NVR's camera at the other path", nvrtest.Config{}, direct + "101", 200, "<statusCode>6</statusCode>\n<statusString>Invalid XML Content</statusString>\n<subStatusCode>badXmlContent<"},
		{"an old NVR's camera", nvrtest.Config{Model: nvrtest.OldNVR}, proxied + "101", 200, ""},
		{"an old NVR's camera at the other path", nvrtest.Config{Model: nvrtest.OldNVR}, direct + "101", 400, "badXmlContent"},
		{"an offline one", nvrtest.Config{}, proxied + "401", 403, "invalidOperation"},
		{"an offline one at the other path", nvrtest.Config{}, direct + "401", 200, "badXmlContent"},
		{"a free slot", nvrtest.Config{}, proxied + "501", 403, "notSupport"},
		{"an input", hybrid, direct + "101", 200, ""},
		{"an input as a proxy", hybrid, proxied + "101", 403, "notSupport"},
		{"an input without video", nvrtest.Config{Model: nvrtest.DVR}, direct + "801", 403, "invalidOperation"},
		{"an IP channel with an input's id", hybrid, proxied + "201", 200, ""},
		{"an IP channel at the other path", hybrid, direct + "301", 400, "badXmlContent"},
		{"no stream", nvrtest.Config{}, proxied + "100", 403, "notSupport"},
		{"no number", nvrtest.Config{}, proxied + "x", 403, "notSupport"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c := newRecorder(t, tt.config)
				for _, query := range []string{"", "?videoResolutionWidth=1920&videoResolutionHeight=1080&snapShotImageType=JPEG"} {
					got := c.get(tt.path+"/picture"+query).want(t, tt.want).says(t, tt.says)
					isPicture := strings.HasPrefix(got.body, "\xff\xd8\xff")
					if isPicture != (tt.says == "") || isPicture != (got.header.Get("Content-Type") == "image/jpeg") {
						t.Errorf("%s: %.20q", got.header.Get("Content-Type"), got.body)
					}
				}
			})
		})
	}
}

func TestPictureContents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const path = "/ISAPI/ContentMgmt/StreamingProxy/channels/101/picture"
		r, c := newRecorder(t, nvrtest.Config{})
		first, second := c.get(path).body, c.get(path).body
		for _, body := range []string{first, second} {
			if image, err := jpeg.Decode(strings.NewReader(body)); err != nil || image.Bounds().Dx() != 320 {
				t.Fatalf("the picture can't be decoded: %v", err)
			}
		}
		if first == second {
			t.Error("two pictures are the same")
		}
		own := []byte("\xff\xd8\xff mine")
		r.SetPicture(nvrtest.IP(1), own)
		own[4] = 'x'
		if got := c.get(path).body; got != "\xff\xd8\xff mine" {
			t.Errorf("got %q", got)
		}
		if got := c.get("/ISAPI/ContentMgmt/StreamingProxy/channels/201/picture").body; !bytes.Contains([]byte(got), []byte("of channel 2")) {
			t.Errorf("the other channel: %q", got)
		}
		r.SetPicture(nvrtest.IP(1), nil)
		c.get(path).says(t, "of channel 1")
		r.SetRights(nvrtest.Rights{Lacks: []string{"preview"}})
		c.get(path).want(t, 403).says(t, "lowPrivilege")
		r.SetRights(nvrtest.Rights{})
		r.Fail(nvrtest.Fault{Path: path, Status: 200, SubStatus: "deviceBusy", Times: 1, Answers: nvrtest.Granted})
		c.get(path).want(t, 200).says(t, "<statusCode>2<")
		r.Fail(nvrtest.Fault{Path: path, TruncateAt: 3, Times: 1, Answers: nvrtest.Granted})
		if got, err := c.try(t.Context(), "GET", path, c.digest(c.challenge(path), path, 1).header()); err == nil || got.body != "\xff\xd8\xff" {
			t.Errorf("%q, %v", got.body, err)
		}
	})
}

func TestPreflightDocuments(t *testing.T) {
	const api = "/ISAPI/"
	r, c := newRecorder(t, nvrtest.Config{})
	c.get(api+"System/upgradeStatus").want(t, 200).says(t, "<upgrading>false<", "<percent>0<")
	r.SetUpgrade(true, 40)
	c.get(api+"System/upgradeStatus").want(t, 200).says(t, "<upgrading>true<", "<percent>40<")
	c.get(api+"System/onlineUpgrade/status").want(t, 403)
	r.SetOnlineUpgrade("upgrading")
	c.get(api+"System/onlineUpgrade/status").want(t, 200).says(t, "<OnlineUpgradeStatus", "<status>upgrading<")
	c.get(api+"Security/onlineUser").want(t, 200).says(t, "<OnlineUserList").lacks(t, "<OnlineUser>")
	r.SetOnlineUsers(nvrtest.OnlineUser{Name: "jo", Type: "operator", Address: "192.0.2.33"})
	c.get(api+"Security/onlineUser").want(t, 200).says(t, "<name>jo<", "<type>operator<", "<ipAddress>192.0.2.33<", "<loginTime>")
	c.get(api+"ContentMgmt/Storage/hdd/1/formatStatus").want(t, 403)
	r.SetFormatting(1, nvrtest.Formatting{Running: true, Percent: 7})
	c.get(api+"ContentMgmt/Storage/hdd/1/formatStatus").want(t, 200).says(t, "<formating>true<", "<percent>7<")
	r.SetDisks([]nvrtest.Disk{{ID: 1, Name: "array1", Type: "Virtual Disk", Status: "reparing"}})
	c.get(api+"ContentMgmt/Storage").want(t, 200).says(t, "<hddType>Virtual Disk<", "<status>reparing<")
	_, old := newRecorder(t, nvrtest.Config{Model: nvrtest.OldCamera})
	old.get(api+"System/upgradeStatus").want(t, 500)
	old.get(api+"Security/onlineUser").want(t, 500)
}
