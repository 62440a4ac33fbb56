package nvr_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"hikbridge/nvr"
)

// errDry is what a stream gives that waits for more.
var errDry = errors.New("nothing more comes now")

var delimiters = regexp.MustCompile(`--boundary[ \t\r]*\n`)

// otherDashes says whether there could be a delimiter other than "--boundary".
func otherDashes(data []byte) bool {
	return bytes.Contains(data, []byte("---")) || bytes.Contains(delimiters.ReplaceAll(data, []byte("\n")), []byte("--"))
}

// FuzzFramer lets any bytes come in any pieces. The framer ends, gives out no more
// than came, holds little, and finds the alert behind the next delimiter without
// waiting for what follows it.
func FuzzFramer(f *testing.F) {
	head := "--boundary\r\nContent-Type: application/xml\r\nContent-Length: 10\r\n\r\n"
	alert := declaration + "\r\n" + notice("VMD", 1)
	picture := "--boundary\r\nContent-Type: image/jpeg\r\nContent-Length: 40\r\n\r\n"
	for _, seed := range []string{
		"", head + alert, alert + alert, head + alert[:50], alert[:100] + head, head + `{"a":{"b":"}"}}`, head + `{"a":"`,
		picture + "\xff\xd8\xff\xe0\x00\x04ab\xff\xda\x00\x02\xff\x00\xff\xd9\r\n", picture + "\xff\xd8\xff\xda\x00\x02ab", picture + "GIF",
		"--boundary--\r\n--boundary\r\n--boundary\r\n\r\n<a/>", "HTTP/1.1 200 OK\r\n\r\n<a><!-- --></a >", "\xef\xbb\xbf<?xml ?><!-- a -->\n<a:b></a:b>",
		"<a><a><b></a>", "a < b\n<!", "-", "{", "\xff", "--boundary\nContent-Type: image/png\n\n\x89PNG\n",
	} {
		f.Add([]byte(seed), uint64(len(seed)))
	}
	behind := "\r\n" + head + notice("behind", 7)
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		dice := rand.New(rand.NewPCG(seed, 0))
		stream := slices.Concat(data, []byte(behind))
		framer := nvr.NewFramer(&drip{stream, dice, 1 + int(seed%64), errDry}, "boundary")
		out, found := 0, false
		for parts := 0; ; parts++ {
			_, body, err := framer.Next()
			if err != nil {
				if !errors.Is(err, errDry) && !errors.Is(err, nvr.ErrDocument) {
					t.Fatal(err)
				}
				break
			}
			out += len(body)
			found = found || bytes.Equal(body, []byte(notice("behind", 7)))
			if out > len(stream) || parts > len(stream) {
				t.Fatalf("%d bytes in %d parts of %d bytes", out, parts, len(stream))
			}
		}
		if held := framer.Held(); held > max(16<<10, 4*len(stream)) {
			t.Fatalf("%d bytes are held of %d", held, len(stream))
		}
		if !found && len(data) < 4<<10 && !otherDashes(data) {
			t.Fatal("the alert behind the next delimiter isn't found")
		}
	})
}

// sound checks what must be true of all alerts.
func sound(t *testing.T, decode func([]byte) ([]nvr.Alert, error), body []byte) {
	original := bytes.Clone(body)
	all, err := decode(body)
	if (err == nil) != (all != nil) && err != nil {
		t.Fatalf("%v and %d alerts", err, len(all))
	}
	again, _ := decode(body)
	if !slices.EqualFunc(all, again, func(a, b nvr.Alert) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }) {
		t.Fatalf("%+v, then %+v", all, again)
	}
	if !bytes.Equal(body, original) {
		t.Fatal("the document was written to")
	}
	for _, a := range all {
		for _, s := range []string{string(a.Type), a.Word, a.Channel, a.Port, a.Region, a.Target, a.Time} {
			if !utf8.ValidString(s) || len(s) > 200 {
				t.Fatalf("%q in %+v", s, a)
			}
		}
		if a.Word == "" || a.Picture != nil || a.Type == "duration" {
			t.Fatalf("%+v", a)
		}
	}
}

func seedFiles(f *testing.F, pattern string) {
	files, _ := filepath.Glob(pattern)
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil {
			f.Add(content)
		}
	}
}

func FuzzAlert(f *testing.F) {
	seedFiles(f, "../../shared/recordings/events/*.xml")
	for _, seed := range alertSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { sound(t, nvr.DecodeAlert, body) })
}

func FuzzJSONAlert(f *testing.F) {
	for _, seed := range jsonSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { sound(t, nvr.DecodeJSONAlert, body) })
}

func FuzzTriggers(f *testing.F) {
	seedFiles(f, "../../shared/recordings/streams/*.triggers.xml")
	for _, seed := range []string{
		`<EventTriggerList version="1.0" xmlns="http://www.hikvision.com/ver20/XMLSchema"><EventTrigger><id>VMD-1</id><eventType>VMD</eventType><videoInputChannelID>1</videoInputChannelID><EventTriggerNotificationList><EventTriggerNotification><id>center</id><notificationMethod>center</notificationMethod></EventTriggerNotification></EventTriggerNotificationList></EventTrigger></EventTriggerList>`,
		`<EventNotification><EventTriggerList><EventTrigger><eventType>IO</eventType><inputIOPortID>1</inputIOPortID><dynInputIOPortID>301</dynInputIOPortID></EventTrigger></EventTriggerList></EventNotification>`,
		`<EventTriggerList/>`, `<EventTriggerList><EventTrigger><eventType> duration </eventType></EventTrigger></EventTriggerList>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := nvr.ParseTriggers(body)
		if err != nil && all != nil || len(all) > 4096 {
			t.Fatalf("%v, %d triggers", err, len(all))
		}
		for _, one := range all {
			if one.Type == "" || one.Device && one.Channel != "" || one.Notifies && !one.Linked || !utf8.ValidString(string(one.Type)+one.Word+one.Channel+one.Port) {
				t.Fatalf("%+v", one)
			}
		}
	})
}

func FuzzWorking(f *testing.F) {
	for _, seed := range []string{
		`{"WorkingStatus":{"ChanStatus":[{"chanNo":1,"online":1,"record":1},{"chanNo":2,"online":0,"record":0}],"HDStatus":[{"hdNo":1}]}}`,
		`{"ChanStatus":{"chanNo":"33","online":"1","record":true}}`, `{"ChanStatusList":{"ChanStatus":[{"chanNo":1,"name":"a","online":1,"recordStatus":3}]}}`,
		`{"JSON_ChanStatus":[{"chanNo":1}]}`, `{}`, `[]`, `{"a":{"b":{"c":{"d":{"ChanStatus":null}}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := nvr.ParseWorking(body)
		if err != nil && all != nil || len(all) > 1024 {
			t.Fatalf("%v, %d channels", err, len(all))
		}
		if i := slices.IndexFunc(all, func(w nvr.Working) bool { return cmp.Compare(w.Number, 0) < 0 || w.Number > 1<<16 }); i >= 0 {
			t.Fatalf("%+v", all[i])
		}
	})
}

func alertSeeds() []string {
	return []string{
		declaration + notice("VMD", 1), `<EventNotificationAlert><eventType>duration</eventType><DurationList><Duration><relationEvent>fielddetection</relationEvent></Duration></DurationList></EventNotificationAlert>`,
		`<a:EventNotificationAlert xmlns:a="urn:psialliance-org"><a:channelID>34</a:channelID><a:eventType>PIR</a:eventType></a:EventNotificationAlert>`,
		`<EventNotificationAlert><channelName>a & b &amp; c</channelName><eventType><![CDATA[VMD]]></eventType><!-- x --><eventState/></EventNotificationAlert>`,
		`<ResponseStatus><statusCode>4</statusCode><subStatusCode>notSupport</subStatusCode></ResponseStatus>`,
		"<EventNotificationAlert><eventType>VMD</eventType><dateTime>2024-01-22T11:47:0500:00</dateTime><channelName>\xc7\xb0\xc3\xc5</channelName></EventNotificationAlert>",
	}
}

func jsonSeeds() []string {
	return []string{
		`{"EventNotificationAlert":{"eventType":"VMD","channelID":"1","eventState":"active"}}`,
		`{"eventType":"AccessControllerEvent","channelID":1,"dateTime":"2024-01-01T00:00:00+01:00","AccessControllerEvent":{"currentEvent":false}}`,
		`{"eventType":"duration","DurationList":[{"Duration":{"relationEvent":"VMD"}},{"Duration":{"relationEvent":"IO"}}]}`,
		`{"statusCode":4,"subStatusCode":"notSupport"}`, `{"a":[[[[[{"eventType":"x"}]]]]]}`, `{"eventType":7,"inputIOPortID":true}`,
	}
}
