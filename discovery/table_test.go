package discovery_test

import (
	"encoding/json"
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
	if e.OffDelay > 0 {
		kind += fmt.Sprintf(", off after %d s", e.OffDelay)
	}
	if e.AttributesTopic != "" {
		kind += ", attributes"
	}
	return fmt.Sprintf("%s: %s, needs %s", e.Name, kind, needs(e.Availability))
}

// needs is what must be online, by topics.
func needs(topics []string) string {
	var out []string
	for _, t := range topics {
		switch levels := strings.Split(t, "/"); {
		case strings.HasSuffix(t, "/bridge/availability"):
			out = append(out, "bridge")
		case strings.Contains(t, "/ch/"):
			out = append(out, "camera")
		default:
			out = append(out, map[string]string{"availability": "recorder", "events": "events", "idle": "idle"}[levels[len(levels)-1]])
		}
	}
	return strings.Join(out, "+")
}

func lines(entities []discovery.Entity) []string {
	var out []string
	for _, e := range entities {
		out = append(out, line(e))
	}
	return out
}

func TestTheTableIsThatOfTheDesign(t *testing.T) {
	b := theBridge()
	bare, gone := discovery.Recorder{ID: "a", Name: "nvr"}, oldNVR()
	rows := []struct {
		name string
		got  []discovery.Entity
		want []string
	}{
		{"bridge", b.Entities(), []string{
			"Recorders reachable: sensor, attributes, needs bridge",
			"Needs attention: binary_sensor problem, attributes, needs bridge",
			"Retry sign-in: button config, needs bridge",
			"Version: sensor diagnostic, needs bridge",
			"Last error: sensor diagnostic, needs bridge",
			"Events lost: sensor diagnostic, needs bridge",
			"Mains power: binary_sensor power, attributes, needs bridge",
			"Mains source problem: binary_sensor problem diagnostic, attributes, needs bridge",
			"Shutdown planned for: sensor timestamp, needs bridge",
			"Automatic shutdown: switch config, needs bridge",
			"Test outage: button config, needs bridge",
			"Outage test: sensor enum diagnostic, attributes, needs bridge",
			"Last outage: sensor timestamp diagnostic, attributes, needs bridge",
			"UPS charge: sensor battery %, needs bridge",
			"UPS runtime: sensor duration s, needs bridge",
		}},
		{"a bridge without mains", discovery.Bridge{}.Entities(), []string{
			"Recorders reachable: sensor, attributes, needs bridge",
			"Needs attention: binary_sensor problem, attributes, needs bridge",
			"Retry sign-in: button config, needs bridge",
			"Version: sensor diagnostic, needs bridge",
			"Last error: sensor diagnostic, needs bridge",
			"Events lost: sensor diagnostic, needs bridge",
		}},
		{"a recorder that tells everything", b.RecorderEntities(nvr()), []string{
			"Status: sensor, needs bridge",
			"Needs attention: binary_sensor problem, attributes, needs bridge",
			"Sign-in: sensor enum diagnostic, attributes, needs bridge",
			"Retry sign-in: button config, needs bridge",
			"Result: event, needs bridge",
			"Connection: binary_sensor connectivity diagnostic, needs bridge",
			"Event stream: binary_sensor connectivity diagnostic, disabled, attributes, needs bridge",
			"Last message: sensor timestamp diagnostic, disabled, needs bridge+recorder",
			"Events not arriving: sensor diagnostic, attributes, needs bridge+recorder",
			"Alerts paused: switch, attributes, needs bridge",
			"Alerts resume: sensor timestamp, needs bridge",
			"Power state: sensor enum, needs bridge",
			"Safe to cut power: binary_sensor, off after 9 s, needs bridge",
			"Check: button, needs bridge+idle",
			"Shut down: button, needs bridge+idle",
			"Power on: button, needs bridge",
			"Cancel: button, needs bridge",
			"Restart: button restart, needs bridge+idle",
			"Shutdown drill: button config, needs bridge+idle",
			"Confirm it is off: button config, needs bridge",
			"Expected finish: sensor timestamp, needs bridge",
			"Blockers: sensor diagnostic, attributes, needs bridge",
			"Last power action: sensor timestamp diagnostic, attributes, needs bridge",
			"Last passed drill: sensor timestamp diagnostic, needs bridge",
			"Last full shutdown: sensor timestamp diagnostic, needs bridge",
			"Maintenance due: binary_sensor problem diagnostic, attributes, needs bridge",
			"Shutdown support: sensor enum diagnostic, needs bridge",
			"Proof: sensor enum diagnostic, disabled, needs bridge",
			"Last boot: sensor timestamp diagnostic, needs bridge+recorder",
			"CPU: sensor % diagnostic, disabled, needs bridge+recorder",
			"Memory: sensor % diagnostic, disabled, needs bridge+recorder",
			"Clock difference: sensor duration s diagnostic, disabled, needs bridge+recorder",
			"Cameras online: sensor, attributes, needs bridge+recorder",
			"Channels recording: sensor, attributes, needs bridge+recorder",
			"Oldest recording: sensor timestamp diagnostic, attributes, needs bridge+recorder",
			"Firmware: update firmware diagnostic, needs bridge+recorder",
			"Disk error: binary_sensor problem diagnostic, needs bridge+recorder",
			"Recording failure: binary_sensor problem diagnostic, needs bridge+recorder",
			"Disk full: binary_sensor problem diagnostic, disabled, needs bridge+recorder+events",
			"Illegal access: binary_sensor problem diagnostic, disabled, needs bridge+recorder+events",
			"IP conflict: binary_sensor problem diagnostic, disabled, needs bridge+recorder+events",
			"Network: binary_sensor problem diagnostic, disabled, needs bridge+recorder+events",
			"PoE: binary_sensor problem diagnostic, disabled, needs bridge+recorder+events",
			"Input 1: binary_sensor, disabled, needs bridge+recorder+events",
			"Disk 1: sensor enum diagnostic, attributes, needs bridge+recorder",
			"Disk 1 used: sensor % diagnostic, needs bridge+recorder",
			"Disk 1 size: sensor data_size GB diagnostic, disabled, needs bridge+recorder",
			"Disk 1 temperature: sensor temperature °C diagnostic, needs bridge+recorder",
			"Disk 1 self-test: sensor enum diagnostic, disabled, needs bridge+recorder",
		}},
		{"a recorder that tells nothing", b.RecorderEntities(bare), []string{
			"Status: sensor, needs bridge",
			"Needs attention: binary_sensor problem, attributes, needs bridge",
			"Sign-in: sensor enum diagnostic, attributes, needs bridge",
			"Retry sign-in: button config, needs bridge",
			"Result: event, needs bridge",
			"Connection: binary_sensor connectivity diagnostic, needs bridge",
			"Event stream: binary_sensor connectivity diagnostic, disabled, attributes, needs bridge",
			"Last message: sensor timestamp diagnostic, disabled, needs bridge+recorder",
			"Alerts paused: switch, attributes, needs bridge",
			"Alerts resume: sensor timestamp, needs bridge",
			"Power state: sensor enum, needs bridge",
			"Safe to cut power: binary_sensor, off after 9 s, needs bridge",
			"Check: button, needs bridge+idle",
			"Shut down: button, needs bridge+idle",
			"Cancel: button, needs bridge",
			"Restart: button restart, needs bridge+idle",
			"Shutdown drill: button config, needs bridge+idle",
			"Confirm it is off: button config, needs bridge",
			"Expected finish: sensor timestamp, needs bridge",
			"Blockers: sensor diagnostic, attributes, needs bridge",
			"Last power action: sensor timestamp diagnostic, attributes, needs bridge",
			"Last passed drill: sensor timestamp diagnostic, needs bridge",
			"Last full shutdown: sensor timestamp diagnostic, needs bridge",
			"Maintenance due: binary_sensor problem diagnostic, attributes, needs bridge",
			"Shutdown support: sensor enum diagnostic, needs bridge",
			"Proof: sensor enum diagnostic, disabled, needs bridge",
		}},
		{"a camera", b.CameraEntities(nvr(), nvr().Cameras[0]), []string{
			"Connection: binary_sensor connectivity, needs bridge+recorder",
			"Offline reason: sensor enum diagnostic, attributes, needs bridge+recorder",
			"Recording: binary_sensor running, needs bridge+recorder+camera",
			"Picture: image, needs bridge+recorder+camera",
			"Take picture: button, needs bridge",
			"Detection: event, needs bridge+recorder+events",
			"Motion: binary_sensor motion, needs bridge+recorder+events",
			"Line crossing: binary_sensor motion, needs bridge+recorder+events",
			"Intrusion: binary_sensor motion, needs bridge+recorder+events",
			"Region entrance: binary_sensor motion, needs bridge+recorder+events",
			"Region exit: binary_sensor motion, needs bridge+recorder+events",
			"Tamper: binary_sensor tamper, needs bridge+recorder+events",
			"Video loss: binary_sensor problem diagnostic, needs bridge+recorder+events",
			"Smoke: binary_sensor smoke, disabled, needs bridge+recorder+events",
			"PIR: binary_sensor motion, disabled, needs bridge+recorder+events",
			"Audio exception: binary_sensor, disabled, needs bridge+recorder+events",
		}},
		{"a camera whose state isn't told", b.CameraEntities(nvr(), discovery.Camera{ID: "1", Protocol: true}), []string{
			"Protocol: sensor diagnostic, disabled, needs bridge+recorder",
		}},
		{"a camera that tells of no detection", b.CameraEntities(nvr(), discovery.Camera{ID: "1", Events: []string{"storage", "video_loss"}}), []string{
			"Video loss: binary_sensor problem diagnostic, needs bridge+recorder+events",
			"Storage: binary_sensor problem diagnostic, disabled, needs bridge+recorder+events",
		}},
		{"a camera that left the list", b.CameraEntities(gone, gone.Cameras[3]), []string{
			"Connection: binary_sensor connectivity, needs bridge+recorder+camera",
			"Offline reason: sensor enum diagnostic, attributes, needs bridge+recorder+camera",
			"Recording: binary_sensor running, needs bridge+recorder+camera",
			"Picture: image, needs bridge+recorder+camera",
			"Take picture: button, needs bridge",
			"Detection: event, needs bridge+recorder+events+camera",
			"Motion: binary_sensor motion, needs bridge+recorder+events+camera",
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
	result := b.RecorderEntities(r)[4]
	power := byKey(b.RecorderEntities(r))
	seen := byKey(b.CameraEntities(r, discovery.Camera{ID: "ip1", Picture: true, Events: []string{"motion"}}))
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
		{result.StateTopic, b.Result("back-yard")},
		{result.EntityID, "event.back_yard_result"},
		{b.EventsAvailability("back-yard"), "hikbridge/back-yard/events"},
		{b.IdleAvailability("back-yard"), "hikbridge/back-yard/idle"},
		{power[discovery.KeyPowerState].StateTopic, "hikbridge/back-yard/power_state"},
		{power[discovery.KeySafe].StateTopic, "hikbridge/back-yard/safe_to_cut_power"},
		{power[discovery.KeySafe].EntityID, "binary_sensor.back_yard_safe_to_cut_power"},
		{power[discovery.KeyBlockers].AttributesTopic, "hikbridge/back-yard/blockers/attributes"},
		{power[discovery.KeyShutdown].CommandTopic, "hikbridge/command/back-yard/shutdown"},
		{power[discovery.KeyShutdown].EntityID, "button.back_yard_shutdown"},
		{power[discovery.KeyReboot].CommandTopic, "hikbridge/command/back-yard/reboot"},
		{power[discovery.KeyConfirmOff].CommandTopic, "hikbridge/command/back-yard/confirm_off"},
		{seen[discovery.KeyTakePicture].CommandTopic, "hikbridge/command/back-yard/ch/ip1/take_picture"},
		{seen[discovery.KeyTakePicture].EntityID, "button.back_yard_chip1_take_picture"},
		{seen[discovery.KeyPicture].StateTopic, "hikbridge/back-yard/ch/ip1/picture"},
		{seen[discovery.KeyPicture].EntityID, "image.back_yard_chip1_picture"},
		{seen[discovery.KeyDetection].StateTopic, "hikbridge/back-yard/ch/ip1/event"},
		{seen[discovery.KeyDetection].EntityID, "event.back_yard_chip1_detection"},
		{seen["motion"].StateTopic, "hikbridge/back-yard/ch/ip1/motion"},
		{seen["motion"].UniqueID, id + "_chip1_motion"},
		{seen["motion"].EntityID, "binary_sensor.back_yard_chip1_motion"},
		{discovery.DiskTemperatureKey("nas9"), "disk_nas9_temperature"}, {discovery.DiskSelfTestKey("1"), "disk_1_self_test"},
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

func byKey(entities []discovery.Entity) map[string]discovery.Entity {
	out := map[string]discovery.Entity{}
	for _, e := range entities {
		out[e.Key] = e
	}
	return out
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
		"self-test": discovery.SelfTestStates(), "power": discovery.PowerStates(), "proof": discovery.Proofs(), "support": discovery.SupportStates(),
	} {
		for i, o := range options {
			if strings.Trim(o, "abcdefghijklmnopqrstuvwxyz_") != "" || slices.Contains(options[:i], o) {
				t.Errorf("%s: option %q", name, o)
			}
		}
		// The state of power and its proof are the bridge's own words, not a device's.
		if !slices.Contains(options, "unknown") && name != "power" && name != "proof" {
			t.Errorf("%s: nothing for what isn't known", name)
		}
		options[0] = "changed"
	}
	if discovery.DiskStates()[0] != discovery.DiskOK {
		t.Error("a caller can change the options of others")
	}
}

// envelope is what a command is; see TestButtonsCarryTheEnvelope.
type envelope struct {
	ID    string `json:"id"`
	At    int64  `json:"at"`
	By    string `json:"by"`
	State string `json:"state"`
}

// TestButtonsCarryTheEnvelope puts what Home Assistant knows of a press into each
// button's template: a context's id, the user if there is one, the time.
func TestButtonsCarryTheEnvelope(t *testing.T) {
	const context, user, now = "01KBM4Z9X7Q2R5T8V1W3Y6A0CD", "0a1b2c3d4e5f60718293a4b5c6d7e8f9", 1764000000.25
	docs := append([]discovery.Document{theBridge().Document()}, theBridge().RecorderDocuments(nvr())...)
	buttons := map[string]bool{}
	for _, d := range docs {
		for key, c := range read(t, d).Components {
			orders := c.Platform == "button" || c.Platform == "switch"
			if orders != (c.Template != "") {
				t.Errorf("%s is a %s with template %q", key, c.Platform, c.Template)
			}
			if !orders {
				continue
			}
			state := ""
			if c.Platform == "switch" {
				state = "ON"
			}
			buttons[key] = true
			for by, want := range map[string]string{user: user, "": "automation"} {
				got := pressed(t, c.Template, context, by, now)
				if got != (envelope{context + "-1764000000250", 1764000000, want, state}) {
					t.Errorf("%s: a press of %q gives %+v", key, by, got)
				}
			}
		}
	}
	for _, key := range []string{
		discovery.KeyRetrySignIn, discovery.KeyTakePicture, discovery.KeyCheck, discovery.KeyShutdown, discovery.KeyPowerOn,
		discovery.KeyCancel, discovery.KeyReboot, discovery.KeyDrill, discovery.KeyConfirmOff,
		discovery.KeyTestOutage, discovery.KeyAutomaticShutdown,
		discovery.KeyAlertsPaused,
	} {
		if !buttons[key] {
			t.Errorf("%s is no button", key)
		}
	}
}

// pressed renders a template as far as these expressions go, and reads the result
// as strictly as a command is read. What isn't replaced is no JSON.
func pressed(t *testing.T, template, context, user string, now float64) (e envelope) {
	t.Helper()
	by := user
	if by == "" {
		by = "automation"
	}
	payload := strings.NewReplacer(
		"{{this.context.id}}", context,
		"{{(now().timestamp()*1000)|int}}", fmt.Sprint(int64(now*1000)),
		"{{now().timestamp()|int}}", fmt.Sprint(int64(now)),
		"{{value}}", "ON",
		"{{this.context.user_id or 'automation'}}", by,
	).Replace(template)
	d := json.NewDecoder(strings.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || d.More() || strings.Contains(payload, "{{") {
		t.Errorf("%s is no envelope: %v", payload, err)
	}
	return e
}
