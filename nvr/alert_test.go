package nvr_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hikbridge/nvr"
)

// message is an alert's document with these elements.
func message(elements string) string {
	return "<EventNotificationAlert version=\"2.0\" xmlns=\"http://www.isapi.org/ver20/XMLSchema\">\n" + elements + "\n</EventNotificationAlert>\n"
}

func TestAlertsAreReadAsDevicesWriteThem(t *testing.T) {
	vmd := "<eventType>VMD</eventType>"
	motion := nvr.Alert{Type: nvr.Motion, Word: "VMD", Active: true}
	with := func(change func(*nvr.Alert)) []nvr.Alert {
		a := motion
		change(&a)
		return []nvr.Alert{a}
	}
	beat := func(word string, kind nvr.EventType, active bool, channel string) []nvr.Alert {
		return []nvr.Alert{{Type: kind, Word: word, Active: active, Channel: channel, Heartbeat: true}}
	}
	at := func(time string) []nvr.Alert { return with(func(a *nvr.Alert) { a.Time = time }) }
	channel := func(n string) []nvr.Alert { return with(func(a *nvr.Alert) { a.Channel = n }) }
	region := func(id, target string) []nvr.Alert {
		return with(func(a *nvr.Alert) { a.Region, a.Target = id, target })
	}
	entry := func(id, target string) string {
		return "<DetectionRegionEntry><regionID>" + id + "</regionID><sensitivityLevel>0</sensitivityLevel>" + target +
			"<TargetRect><X>0.000000</X></TargetRect></DetectionRegionEntry>"
	}
	tests := []struct {
		name, document string
		want           []nvr.Alert
	}{
		{"nothing but a type is active", message(vmd), with(func(*nvr.Alert) {})},
		{"an empty state is active", message(vmd + "<eventState/>"), with(func(*nvr.Alert) {})},
		{"a state is read whatever its case", message(vmd + "<eventState> Inactive </eventState>"), with(func(a *nvr.Alert) { a.Active = false })},
		{"empty channels", message("<dynChannelID/><channelID/><activePostCount/>" + vmd), with(func(*nvr.Alert) {})},
		{"an empty channel beside one with a number", message("<dynChannelID></dynChannelID><channelID>4</channelID>" + vmd), channel("4")},
		{"the dynamic channel comes first", message("<channelID>1</channelID><dynChannelID>5</dynChannelID>" + vmd), channel("5")},
		{"only a dynamic channel", message("<dynChannelID> 16\n</dynChannelID>" + vmd), channel("16")},
		{"doubled elements, the first of which says something", message("<channelID/><channelID>2</channelID><channelID>3</channelID>" + vmd + vmd), channel("2")},
		{"a raw ampersand", message("<channelName>A & B &amp; C < </channelName><channelID>1</channelID>" + vmd), channel("1")},
		{"bytes of GB2312 without a declaration", message("<channelName>\xc7\xb0\xc3\xc5</channelName><channelID>1</channelID>" + vmd), channel("1")},
		{"bytes of GB2312 declared as UTF-8", declaration + message("<channelName>\xc7\xb0\xc3\xc5</channelName><channelID>1</channelID>"+vmd), channel("1")},
		{"bytes of GB2312 as declared", `<?xml version="1.0" encoding="GB2312"?>` + message("<channelName>\xc7\xb0\xc3\xc5</channelName><channelID>1</channelID>"+vmd), channel("1")},
		{"an encoding that doesn't exist", `<?xml version="1.0" encoding="utf8"?>` + message(vmd), with(func(*nvr.Alert) {})},
		{"a control character", message("<channelName>a\x01b</channelName>" + vmd), with(func(*nvr.Alert) {})},
		{"a text as CDATA", message("<eventType><![CDATA[VMD]]></eventType><!-- <eventState>inactive</eventState> -->"), with(func(*nvr.Alert) {})},
		{"a prefix", `<?xml version="1.0"?><p:EventNotificationAlert xmlns:p="x"><p:channelID>2</p:channelID><p:eventType>VMD</p:eventType></p:EventNotificationAlert>`, channel("2")},
		{"no namespace", "<EventNotificationAlert><channelID>2</channelID>" + vmd + "</EventNotificationAlert>", channel("2")},
		{"a push of psialliance with its own elements", `<EventNotificationAlert version="1.0" xmlns="urn:psialliance-org"><channelID>34</channelID>` + vmd +
			`<Extensions><serialNumber xmlns="urn:x">DS</serialNumber><eventPush xmlns="urn:x">VMD&amp;&amp;DS,2023-01-13T19:16:39+01:00,34,1.0</eventPush></Extensions></EventNotificationAlert>`, channel("34")},

		{"a time as usual", message("<dateTime>2022-12-11T15:30:20+09:30</dateTime>" + vmd), at("2022-12-11T15:30:20+09:30")},
		{"a time without a zone", message("<dateTime>2025-04-06T14:16:04</dateTime>" + vmd), at("2025-04-06T14:16:04")},
		{"a time whose zone isn't padded", message("<dateTime>2019-02-20T15:22:34-8:00</dateTime>" + vmd), at("2019-02-20T15:22:34-8:00")},
		{"a time without seconds", message("<dateTime>2009-11-14T15:27Z</dateTime>" + vmd), at("2009-11-14T15:27Z")},
		{"a time whose zone lost its plus", message("<dateTime>2024-01-22T11:47:0500:00</dateTime>" + vmd), at("2024-01-22T11:47:0500:00")},
		{"a time of a UTC device", message("<dateTime>2017-12-01T09:01:18Z</dateTime>" + vmd), at("2017-12-01T09:01:18Z")},
		{"no time", message("<dateTime/>" + vmd), at("")},
		{"a time that is nonsense", message("<dateTime>0000-00-00T00:00:00</dateTime>" + vmd), at("0000-00-00T00:00:00")},

		{"a list of regions without any", message(vmd + "<DetectionRegionList>\n</DetectionRegionList>"), region("", "")},
		{"a region without content", message(vmd + "<DetectionRegionList>" + entry("", "") + "</DetectionRegionList>"), region("", "")},
		{"region 0 is none", message(vmd + "<DetectionRegionList>" + entry("0", "") + "</DetectionRegionList>"), region("", "")},
		{"a region with a target", message(vmd + "<DetectionRegionList>" + entry("3", "<detectionTarget>Human</detectionTarget>") + "</DetectionRegionList>"), region("3", "human")},
		{"the first of many regions", message(vmd + "<DetectionRegionList>" + entry("2", "<detectionTarget>vehicle</detectionTarget>") + entry("4", "<detectionTarget>human</detectionTarget>") + "</DetectionRegionList>"), region("2", "vehicle")},
		{"a target outside of regions", message(vmd + "<targetType>vehicle</targetType>"), region("", "vehicle")},
		{"a picture comes along", message(vmd + "<detectionPictureTransType>binary</detectionPictureTransType><detectionPicturesNumber>1</detectionPicturesNumber><isDataRetransmission>false</isDataRetransmission>"),
			with(func(a *nvr.Alert) { a.Pictured = true })},
		{"a picture is elsewhere", message(vmd + "<detectionPictureTransType>url</detectionPictureTransType><bkgUrl>http://192.0.2.1/a</bkgUrl>"), with(func(*nvr.Alert) {})},
		{"sent again", message(vmd + "<isDataRetransmission>true</isDataRetransmission>"), with(func(a *nvr.Alert) { a.Old = true })},
		{"of the past", message(vmd + "<currentEvent>false</currentEvent>"), with(func(a *nvr.Alert) { a.Old = true })},

		{"a heartbeat of a camera", message("<channelID>1</channelID><activePostCount>0</activePostCount><eventType>videoloss</eventType><eventState>inactive</eventState>"), beat("videoloss", nvr.VideoLoss, false, "1")},
		{"a heartbeat of an NVR", message("<dynChannelID/><channelID/><activePostCount>1</activePostCount><eventType>videoLoss</eventType><eventState>inactive</eventState>"), beat("videoLoss", nvr.VideoLoss, false, "")},
		{"a heartbeat of a doorbell", message("<eventType>other</eventType><eventState>inactive</eventState><eventDescription>Heartbeat</eventDescription>"), beat("other", "other", false, "")},
		{"a heartbeat of a subscription", message("<eventType>heartBeat</eventType><eventState>active</eventState>"), beat("heartBeat", "heartbeat", true, "")},
		{"video that is lost is none", message("<dynChannelID>16</dynChannelID><eventType>videoloss</eventType><eventState>active</eventState>"), []nvr.Alert{{Type: nvr.VideoLoss, Word: "videoloss", Active: true, Channel: "16"}}},

		{"what lasts", message("<channelID>1</channelID><eventType>duration</eventType><eventState>active</eventState><DurationList><Duration><relationEvent>fielddetection</relationEvent></Duration></DurationList>"),
			[]nvr.Alert{{Type: nvr.Intrusion, Word: "fielddetection", Active: true, Channel: "1", Lasting: true}}},
		{"several that last", message("<eventType>duration</eventType><regionID>2</regionID><DurationList><Duration><relationEvent>VMD</relationEvent></Duration><Duration><relationEvent>diskfull</relationEvent></Duration></DurationList>"),
			[]nvr.Alert{{Type: nvr.Motion, Word: "VMD", Active: true, Lasting: true}, {Type: nvr.DiskFull, Word: "diskfull", Active: true, Lasting: true, Device: true}}},
		{"nothing that lasts", message("<eventType>duration</eventType>"), nil},

		{"an input", message("<channelID>1</channelID><inputIOPortID>2</inputIOPortID><eventType>IO</eventType>"), []nvr.Alert{{Type: nvr.AlarmInput, Word: "IO", Active: true, Channel: "1", Port: "2", Device: true}}},
		{"an input of a camera behind a recorder", message("<inputIOPortID/><dynInputIOPortID>301</dynInputIOPortID><eventType>IO</eventType>"), []nvr.Alert{{Type: nvr.AlarmInput, Word: "IO", Active: true, Port: "301", Device: true}}},
		{"of the device itself", message("<channelID>1</channelID><eventType>diskerror</eventType>"), []nvr.Alert{{Type: nvr.DiskError, Word: "diskerror", Active: true, Channel: "1", Device: true}}},
		{"a word that isn't known", message("<eventType>somethingNewDetection</eventType>"), []nvr.Alert{{Type: "something_new_detection", Word: "somethingNewDetection", Active: true}}},

		{"JSON", `{"EventNotificationAlert":{"eventType":"VMD","channelID":"2","eventState":"active"}}`, channel("2")},
		{"JSON without an object around it, with numbers", `{"eventType":"VMD","channelID":2,"activePostCount":1}`, channel("2")},
		{"JSON of an access terminal", `{"ipAddress":"192.0.2.9","eventType":"AccessControllerEvent","dateTime":"2022-12-11T15:30:20+09:30","AccessControllerEvent":{"deviceName":"x","majorEventType":5,"currentEvent":false}}`,
			[]nvr.Alert{{Type: "access_controller_event", Word: "AccessControllerEvent", Active: true, Time: "2022-12-11T15:30:20+09:30", Old: true}}},
		{"JSON of a present event", `{"eventType":"VMD","X":{"currentEvent":true}}`, with(func(*nvr.Alert) {})},
		{"JSON with regions", `{"eventType":"VMD","DetectionRegionList":[{"DetectionRegionEntry":{"regionID":3,"detectionTarget":"human"}},{"DetectionRegionEntry":{"regionID":4,"detectionTarget":"vehicle"}}]}`, region("3", "human")},
		{"JSON with nothing in it", `{"eventType":"VMD","channelID":"","DetectionRegionList":[],"dateTime":null}`, with(func(*nvr.Alert) {})},
		{"JSON of what lasts", `{"eventType":"duration","DurationList":[{"Duration":{"relationEvent":"VMD"}}]}`, with(func(a *nvr.Alert) { a.Lasting = true })},
		{"a heartbeat in JSON", `{"eventType":"heartBeat","eventState":"active"}`, beat("heartBeat", "heartbeat", true, "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			decode := nvr.DecodeAlert
			if tt.document[0] == '{' {
				decode = nvr.DecodeJSONAlert
			}
			got, err := decode([]byte(tt.document))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, tt.want, same) {
				t.Fatalf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// same compares all of two alerts.
func same(a, b nvr.Alert) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestWhatIsNoAlertIsAnError(t *testing.T) {
	for name, tt := range map[string]struct {
		document string
		want     error
	}{
		"cut":                        {message("<eventType>VMD</eventType>")[:120], nvr.ErrDocument},
		"no type":                    {message("<channelID>1</channelID>"), nvr.ErrDocument},
		"an empty type":              {message("<eventType> </eventType>"), nvr.ErrDocument},
		"another document":           {"<DeviceInfo><eventType>VMD</eventType></DeviceInfo>", nvr.ErrDocument},
		"a DOCTYPE":                  {"<!DOCTYPE x>" + message("<eventType>VMD</eventType>"), nvr.ErrDocument},
		"an OK":                      {"<ResponseStatus><statusCode>1</statusCode></ResponseStatus>", nvr.ErrDocument},
		"a refusal":                  {"<ResponseStatus><statusCode>4</statusCode><subStatusCode>notSupport</subStatusCode></ResponseStatus>", nvr.ErrUnsupported},
		"a device that is full":      {"<ResponseStatus><statusCode>4</statusCode><subStatusCode>deployExceedMax</subStatusCode></ResponseStatus>", nvr.ErrBusy},
		"JSON without a type":        {`{"a":1}`, nvr.ErrDocument},
		"JSON that is none":          {`{"a"`, nvr.ErrDocument},
		"an OK in JSON":              {`{"statusCode":1,"statusString":"OK"}`, nvr.ErrDocument},
		"a refusal in JSON":          {`{"statusCode":4,"subStatusCode":"lowPrivilege"}`, nvr.ErrForbidden},
		"a refusal wrapped in JSON":  {`{"ResponseStatus":{"statusCode":"2","subStatusCode":"deviceBusy"}}`, nvr.ErrBusy},
		"JSON whose type is deeper":  {`{"a":{"b":{"c":{"d":{"e":{"f":{"eventType":"VMD"}}}}}}}`, nvr.ErrDocument},
		"JSON whose type is no text": {`{"eventType":{"a":1}}`, nvr.ErrDocument},
	} {
		decode := nvr.DecodeAlert
		if tt.document[0] == '{' {
			decode = nvr.DecodeJSONAlert
		}
		if got, err := decode([]byte(tt.document)); !errors.Is(err, tt.want) || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// What stands twice in a JSON document is read in the same way each time, though
// the order in the document is lost.
func TestJSONIsReadInOneWay(t *testing.T) {
	body := []byte(`{"eventType":"VMD","b":{"channelID":2},"a":{"channelID":1},"c":{"channelID":3}}`)
	for range 100 {
		got, err := nvr.DecodeJSONAlert(body)
		if err != nil || len(got) != 1 || got[0].Channel != "1" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

func TestValuesAreBounded(t *testing.T) {
	long := strings.Repeat("\u95e8", 1000)
	got, err := nvr.DecodeAlert([]byte(message("<eventType>VMD</eventType><channelID>" + long + "</channelID><dateTime>" + long + "</dateTime>")))
	if err != nil || len(got) != 1 || len(got[0].Channel) > 64 || len(got[0].Time) > 64 || got[0].Channel == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	many, err := nvr.DecodeAlert([]byte(message("<eventType>duration</eventType>" + strings.Repeat("<relationEvent>VMD</relationEvent>", 1000))))
	if err != nil || len(many) != 16 {
		t.Fatalf("%d alerts, %v", len(many), err)
	}
}

func recorded(t *testing.T, pattern string) []string {
	t.Helper()
	files, _ := filepath.Glob("../../shared/recordings/" + pattern)
	if len(files) == 0 {
		t.Skip("no recordings beside the repository")
	}
	return files
}

func TestRecordedEvents(t *testing.T) {
	want := map[string]nvr.Alert{
		"fielddetection_human.xml":            {Type: nvr.Intrusion, Word: "fielddetection", Active: true, Channel: "1", Region: "3", Target: "human", Time: "2022-01-31T13:53:05+01:00", Pictured: true},
		"fielddetection_vehicle.xml":          {Type: nvr.Intrusion, Word: "fielddetection", Active: true, Channel: "1", Region: "2", Target: "vehicle", Time: "2022-01-19T07:51:17+01:00", Pictured: true},
		"ipc_thermometry_motiondetection.xml": {Type: nvr.Motion, Word: "VMD", Active: true, Channel: "2", Time: "2024-11-13T20:20:52+01:00"},
		"nvr_2_fielddetection.xml":            {Type: nvr.Intrusion, Word: "fielddetection", Active: true, Channel: "34", Time: "2023-01-13T19:16:39+01:00"},
		"pir.xml":                             {Type: nvr.PIR, Word: "PIR", Active: true, Channel: "1", Time: "2023-04-06T22:22:21+01:00"},
	}
	for _, file := range recorded(t, "events/*.xml") {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := nvr.DecodeAlert(body)
		if w, ok := want[filepath.Base(file)]; err != nil || len(got) != 1 || ok && !same(got[0], w) {
			t.Errorf("%s: %+v, %v", file, got, err)
		}
	}
}

// The words of recorded streams are counted in their text.
func TestRecordedStreams(t *testing.T) {
	for _, file := range recorded(t, "streams/*.jsonl") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, want := map[string]int{}, map[string]int{}
		for _, word := range []string{"videoloss", "VMD", "linedetection", "duration"} {
			want[word] = strings.Count(string(content), "<eventType>"+word+"</eventType>")
		}
		d := json.NewDecoder(strings.NewReader(string(content)))
		n := 0
		for ; d.More(); n++ {
			var line struct{ Content string }
			if err := d.Decode(&line); err != nil {
				t.Fatal(err)
			}
			all, err := nvr.DecodeAlert([]byte(line.Content))
			if err != nil || len(all) != 1 {
				t.Fatalf("%s: %+v, %v", line.Content, all, err)
			}
			a := all[0]
			if a.Channel == "" || a.Time == "" || a.Heartbeat != (a.Word == "videoloss" && !a.Active) {
				t.Errorf("%+v", a)
			}
			if a.Lasting {
				a.Word = "duration"
			}
			got[a.Word]++
		}
		for word, n := range want {
			if got[word] != n {
				t.Errorf("%s: %d of %d %s", filepath.Base(file), got[word], n, word)
			}
		}
		if n != strings.Count(string(content), "\n") {
			t.Errorf("%s: %d alerts", filepath.Base(file), n)
		}
	}
}
