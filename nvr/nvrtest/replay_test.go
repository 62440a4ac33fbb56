package nvrtest_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"hikbridge/nvr/nvrtest"
)

const recording = `{"data":{"ISAPI":{
 "System/deviceInfo":{"response":{"DeviceInfo":{"@version":"2.0","@xmlns":"http://www.isapi.org/ver20/XMLSchema",
   "deviceName":"a & b","model":"M","serialNumber":"S1","macAddress":"02:00:00:00:00:01","firmwareVersion":"V4.1","manufacturer":null,"deviceType":"NVR",
   "mode":{"@opt":"x,y","#text":"y"},"twice":["1","2",null],"only":{"@opt":"z"}}}},
 "System/Video/inputs/channels":{"status_code":403},
 "System/Odd":{"status_code":500}}}}`

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := nvrtest.Replay(strings.NewReader(recording), nvrtest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		c := newClient(t, r.Dial)
		want := `<?xml version="1.0" encoding="UTF-8"?>
<DeviceInfo version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">
<deviceName>a &amp; b</deviceName>
<model>M</model>
<serialNumber>S1</serialNumber>
<macAddress>02:00:00:00:00:01</macAddress>
<firmwareVersion>V4.1</firmwareVersion>
<manufacturer/>
<deviceType>NVR</deviceType>
<mode opt="x,y">y</mode>
<twice>1</twice>
<twice>2</twice>
<twice/>
<only opt="z"/>
</DeviceInfo>
`
		if got := c.get(info).want(t, 200).body; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		c.get(inputs).want(t, 403).says(t, "notSupport")
		c.get("/ISAPI/System/Odd").want(t, 500).says(t, "deviceError")
		c.get(userCheck).want(t, 403).says(t, "notSupport")
		r.SetSerial("S2")
		r.SetFirmware("V4.2")
		c.get(info).says(t, "<serialNumber>S2<", "<firmwareVersion>V4.2<")
		if r.Serial() != "S2" {
			t.Errorf("serial %s", r.Serial())
		}
		r.Fail(nvrtest.Fault{Path: "System/deviceInfo", Status: 503, Times: 1})
		c.send("GET", info, "").want(t, 503).says(t, "deviceBusy")
	})
}

func TestReplayTakesIdentityFromConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := nvrtest.Replay(strings.NewReader(recording), nvrtest.Config{Serial: "MINE", Name: "other"})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		newClient(t, r.Dial).get(info).says(t, "<serialNumber>MINE<", "<deviceName>other<", "<firmwareVersion>V4.1<")
	})
}

func TestReplayRefusesWhatItCantRead(t *testing.T) {
	for _, bad := range []string{``, `{}`, `{"data":{"ISAPI":{"x":{"status_code":403}}}}`,
		`{"data":{"ISAPI":{"System/deviceInfo":{"response":{"A":{},"B":{}}}}}}`} {
		if _, err := nvrtest.Replay(strings.NewReader(bad), nvrtest.Config{}); err == nil {
			t.Errorf("no error for %s", bad)
		}
	}
}

// Every recorded document comes back as it was recorded.
func TestRecordings(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/recordings/devices/*.json")
	if len(files) == 0 {
		t.Skip("no recordings beside the repository")
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { testRecording(t, string(raw)) })
		})
	}
}

func testRecording(t *testing.T, raw string) {
	var file struct {
		Data struct {
			ISAPI map[string]struct {
				Status   int            `json:"status_code"`
				Response map[string]any `json:"response"`
			}
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(raw), &file); err != nil {
		t.Fatal(err)
	}
	r, err := nvrtest.Replay(strings.NewReader(raw), nvrtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := newClient(t, r.Dial)
	ch := c.challenge(info)
	for path, want := range file.Data.ISAPI {
		got := c.use(ch, "/ISAPI/"+path, 1)
		if want.Response == nil {
			got.want(t, want.Status)
			continue
		}
		got.want(t, 200)
		if back := toDict(t, got.body); !reflect.DeepEqual(back, plain(want.Response)) {
			t.Errorf("%s comes back as\n%v\nwas recorded as\n%v", path, back, want.Response)
		}
	}
	if len(r.Counted()) != 0 {
		t.Errorf("%d counted", len(r.Counted()))
	}
}

// plain turns lists of one element into the element, since XML can't tell them
// apart (the recordings have such lists where a client asked for them).
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = plain(inner)
		}
	case []any:
		if len(v) == 1 {
			return plain(v[0])
		}
		for i, inner := range v {
			v[i] = plain(inner)
		}
	}
	return v
}

// toDict does what xmltodict does.
func toDict(t *testing.T, body string) map[string]any {
	d := xml.NewDecoder(strings.NewReader(body))
	top := map[string]any{}
	if err := readDict(d, top); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return top
}

func readDict(d *xml.Decoder, into map[string]any) error {
	for {
		token, err := d.RawToken()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			inner := map[string]any{}
			for _, a := range token.Attr {
				inner["@"+a.Name.Local] = a.Value
			}
			if err := readDict(d, inner); err != nil {
				return err
			}
			addTo(into, token.Name.Local, simple(inner))
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); text != "" {
				into["#text"] = text
			}
		case xml.EndElement:
			return nil
		}
	}
}

func simple(inner map[string]any) any {
	text, isText := inner["#text"]
	switch {
	case len(inner) == 0:
		return nil
	case len(inner) == 1 && isText:
		return text
	}
	return inner
}

func addTo(into map[string]any, name string, value any) {
	before, found := into[name]
	list, isList := before.([]any)
	switch {
	case !found:
		into[name] = value
	case isList:
		into[name] = append(list, value)
	default:
		into[name] = []any{before, value}
	}
}
