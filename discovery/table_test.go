package discovery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hikbridge/discovery"
)

// line is an entity as DESIGN 5 tells of it.
func line(e discovery.Entity) string {
	kind := string(e.Platform)
	for _, s := range []string{e.Class, e.Unit, string(e.Category)} {
		if s != "" {
			kind += " " + s
		}
	}
	if !e.Enabled {
		kind += ", disabled"
	}
	if e.AttributesTopic != "" {
		kind += ", attributes"
	}
	return fmt.Sprintf("%s: %s, needs %d", e.Name, kind, len(e.Availability))
}

func lines(entities []discovery.Entity) []string {
	var out []string
	for _, e := range entities {
		out = append(out, line(e))
	}
	return out
}

// needs 1 is the bridge alone, needs 2 bridge and recorder, needs 3 the camera
// as well.
func TestTheTableIsThatOfTheDesign(t *testing.T) {
	b := theBridge()
	bare, gone := discovery.Recorder{ID: "a", Name: "nvr"}, oldNVR()
	rows := []struct {
		name string
		got  []discovery.Entity
		want []string
	}{
		{"bridge", b.Entities(), []string{
			"Recorders reachable: sensor, attributes, needs 1",
			"Needs attention: binary_sensor problem, attributes, needs 1",
			"Retry sign-in: button config, needs 1",
			"Version: sensor diagnostic, needs 1",
			"Last error: sensor diagnostic, needs 1",
		}},
		{"a recorder that tells everything", b.RecorderEntities(nvr()), []string{
			"Status: sensor, needs 1",
			"Needs attention: binary_sensor problem, attributes, needs 1",
			"Sign-in: sensor enum diagnostic, attributes, needs 1",
			"Retry sign-in: button config, needs 1",
			"Connection: binary_sensor connectivity diagnostic, needs 1",
			"Last boot: sensor timestamp diagnostic, needs 2",
			"CPU: sensor % diagnostic, disabled, needs 2",
			"Memory: sensor % diagnostic, disabled, needs 2",
			"Clock difference: sensor duration s diagnostic, disabled, needs 2",
			"Cameras online: sensor, attributes, needs 2",
			"Disk 1: sensor enum diagnostic, attributes, needs 2",
			"Disk 1 used: sensor % diagnostic, needs 2",
			"Disk 1 size: sensor data_size GB diagnostic, disabled, needs 2",
		}},
		{"a recorder that tells nothing", b.RecorderEntities(bare), []string{
			"Status: sensor, needs 1",
			"Needs attention: binary_sensor problem, attributes, needs 1",
			"Sign-in: sensor enum diagnostic, attributes, needs 1",
			"Retry sign-in: button config, needs 1",
			"Connection: binary_sensor connectivity diagnostic, needs 1",
		}},
		{"a camera", b.CameraEntities(nvr(), nvr().Cameras[0]), []string{
			"Connection: binary_sensor connectivity, needs 2",
			"Offline reason: sensor enum diagnostic, attributes, needs 2",
		}},
		{"a camera whose state isn't told", b.CameraEntities(nvr(), discovery.Camera{ID: "1", Protocol: true}), []string{
			"Protocol: sensor diagnostic, disabled, needs 2",
		}},
		{"a camera that left the list", b.CameraEntities(gone, gone.Cameras[3]), []string{
			"Connection: binary_sensor connectivity, needs 3",
			"Offline reason: sensor enum diagnostic, attributes, needs 3",
		}},
		{"a camera of which nothing is told", b.CameraEntities(gone, gone.Cameras[4]), nil},
	}
	for _, row := range rows {
		if got := lines(row.got); !slices.Equal(got, row.want) {
			t.Errorf("%s:\n%s\nwant\n%s", row.name, strings.Join(got, "\n"), strings.Join(row.want, "\n"))
		}
	}
}

func TestTopicsAndIds(t *testing.T) {
	b := theBridge()
	r := dvr()
	status := b.RecorderEntities(r)[0]
	button := b.RecorderEntities(r)[3]
	reason := b.CameraEntities(r, r.Cameras[1])[1]
	id := "ids-7208hqhi-m1-a--s-c-0820240506ccwrfd4567890wcvu"
	rows := []struct{ got, want string }{
		{b.Base(), "hikbridge"},
		{b.Availability(), "hikbridge/bridge/availability"},
		{b.RecorderTopic("back-yard"), "hikbridge/back-yard"},
		{b.RecorderAvailability("back-yard"), "hikbridge/back-yard/availability"},
		{b.CameraTopic("back-yard", "ip1"), "hikbridge/back-yard/ch/ip1"},
		{b.CameraAvailability("back-yard", "ip1"), "hikbridge/back-yard/ch/ip1/availability"},
		{b.Result("back-yard"), "hikbridge/back-yard/result"},
		{b.Result(discovery.SiteTarget), "hikbridge/site/result"},
		{b.Document().Topic, "homeassistant/device/hikbridge/config"},
		{b.RecorderDocuments(r)[2].Topic, "homeassistant/device/" + id + "_chip1/config"},
		{b.Entities()[0].StateTopic, "hikbridge/bridge/recorders_reachable"},
		{b.Entities()[0].UniqueID, "hikbridge_recorders_reachable"},
		{b.Entities()[0].EntityID, "sensor.hikbridge_recorders_reachable"},
		{b.Entities()[2].CommandTopic, "hikbridge/command/site/retry_sign_in"},
		{status.StateTopic, "hikbridge/back-yard/status"},
		{status.UniqueID, id + "_status"},
		{status.EntityID, "sensor.back_yard_status"},
		{button.CommandTopic, "hikbridge/command/back-yard/retry_sign_in"},
		{button.StateTopic, ""},
		{reason.StateTopic, "hikbridge/back-yard/ch/ip1/offline_reason"},
		{reason.AttributesTopic, "hikbridge/back-yard/ch/ip1/offline_reason/attributes"},
		{reason.UniqueID, id + "_chip1_offline_reason"},
		{reason.EntityID, "sensor.back_yard_chip1_offline_reason"},
		{discovery.DiskKey("1"), "disk_1"}, {discovery.DiskUsedKey("nas9"), "disk_nas9_used"}, {discovery.DiskSizeKey("1-2"), "disk_1_2_size"},
		{discovery.Bridge{}.Availability(), "hikbridge/bridge/availability"},
		{discovery.Bridge{}.Document().Topic, "homeassistant/device/hikbridge/config"},
		{discovery.Bridge{Topic: "home/CCTV/"}.Entities()[0].StateTopic, "home/CCTV/bridge/recorders_reachable"},
		{discovery.Bridge{Topic: "home/CCTV"}.Entities()[0].UniqueID, "home-cctv_recorders_reachable"},
		{discovery.Bridge{Topic: "home/CCTV"}.Entities()[0].EntityID, "sensor.home_cctv_recorders_reachable"},
		{discovery.Bridge{Topic: "größe/cctv"}.Base(), "größe/cctv"},
	}
	for _, row := range rows {
		if row.got != row.want {
			t.Errorf("%q, want %q", row.got, row.want)
		}
	}
}

func TestARenamedRecorderKeepsItsIds(t *testing.T) {
	b := theBridge()
	before, after := nvr(), nvr()
	after.Name, after.Title, after.MAC, after.ConfigurationURL = "barn", "Barn", "02:00:00:00:00:01", "http://192.0.2.99"
	after.Cameras[0].Title = "orchard"
	elsewhere := discovery.Bridge{Topic: "other/topic"}
	for i, d := range b.RecorderDocuments(before) {
		other := elsewhere.RecorderDocuments(after)[i]
		if d.Topic != other.Topic {
			t.Errorf("%s becomes %s", d.Topic, other.Topic)
		}
		now := read(t, other).Components
		for key, c := range read(t, d).Components {
			if c.UniqueID != now[key].UniqueID {
				t.Errorf("%s becomes %s", c.UniqueID, now[key].UniqueID)
			}
		}
	}
}

func TestIdentity(t *testing.T) {
	long := strings.Repeat("A1", 60)
	rows := []struct{ name, serial, mac, device, want string }{
		{"a serial number with signs", "DS-7608NXI-I2/8P/S08CCRRJ12WCVU", "e0:44:cf:0b:a7:98", "x", "ds-7608nxi-i2-8p-s08ccrrj12wcvu"},
		{"brackets and blanks", " iDS-7208HQHI-M1(A)/S(C)08 ", "", "", "ids-7208hqhi-m1-a--s-c-08"},
		{"else the MAC address", "", "E0:44:CF:0B:A7:98", "x", "e0-44-cf-0b-a7-98"},
		{"else the device id", " ", "", "48373635-3038-3837-3032-1868cb846fbf", "48373635-3038-3837-3032-1868cb846fbf"},
		{"a serial number of zeros is none", "00000000000000000000", "e0:44:cf:0b:a7:98", "", "e0-44-cf-0b-a7-98"},
		{"a MAC address of zeros is none", "", "00:00:00:00:00:00", "d1", "d1"},
		{"signs are none", "(/)", "-", "序列号", ""},
		{"nothing", "", "", "", ""},
		{"one sign for one character", "A序1", "", "", "a-1"},
	}
	for _, row := range rows {
		if got := discovery.ID(row.serial, row.mac, row.device); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	a, b := discovery.ID(long+"x", "", ""), discovery.ID(long+"y", "", "")
	if len(a) != 80 || a == b || discovery.ID(a, "", "") != a {
		t.Errorf("long serial numbers become %q and %q", a, b)
	}
}

func TestOptionsAreReadableAndTheirOwnOnly(t *testing.T) {
	for name, options := range map[string][]string{
		"sign-in": discovery.SignInStates(), "disk": discovery.DiskStates(), "offline": discovery.OfflineReasons(),
	} {
		for i, o := range options {
			if strings.Trim(o, "abcdefghijklmnopqrstuvwxyz_") != "" || slices.Contains(options[:i], o) {
				t.Errorf("%s: option %q", name, o)
			}
		}
		if !slices.Contains(options, "unknown") {
			t.Errorf("%s: nothing for what isn't known", name)
		}
		options[0] = "changed"
	}
	if discovery.DiskStates()[0] != discovery.DiskOK {
		t.Error("a caller can change the options of others")
	}
}

func TestButtonsCarryTheEnvelope(t *testing.T) {
	w := read(t, theBridge().Document())
	want := `{"id":"{{ this.context.id }}-{{ (now().timestamp()*1000)|int }}","at":{{ now().timestamp()|int }},"by":"{{ this.context.user_id or 'automation' }}"}`
	if got := w.Components[discovery.KeyRetrySignIn].Template; got != want {
		t.Errorf("template %s", got)
	}
}
