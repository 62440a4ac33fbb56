package nvr_test

import (
	"errors"
	"strings"
	"testing"

	"hikbridge/nvr"
)

func TestDocumentsAreReadLeniently(t *testing.T) {
	const ns = ` xmlns="http://www.isapi.org/ver20/XMLSchema" version="2.0"`
	tests := []struct{ name, body, want string }{
		{"plain", "<DeviceInfo><model>M</model></DeviceInfo>", "M"},
		{"a namespace", "<DeviceInfo" + ns + "><model>M</model></DeviceInfo>", "M"},
		{"a prefix", `<h:DeviceInfo xmlns:h="urn:psialliance-org"><h:model>M</h:model></h:DeviceInfo>`, "M"},
		{"a declaration, CRLF and a blank line first", "\r\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<DeviceInfo>\r\n<model>M</model></DeviceInfo>\r\n", "M"},
		{"a byte order mark", "\xef\xbb\xbf<DeviceInfo><model>M</model></DeviceInfo>", "M"},
		{"utf8 without a hyphen", `<?xml version="1.0" encoding="utf8"?><DeviceInfo><model>M</model></DeviceInfo>`, "M"},
		{"GB2312 declared and sent", "<?xml version='1.0' encoding='GB2312'?><DeviceInfo><model>\xc7\xb0\xc3\xc5</model></DeviceInfo>", "前门"},
		{"GB2312 declared, UTF-8 sent", `<?xml version="1.0" encoding="GB2312"?><DeviceInfo><model>前门</model></DeviceInfo>`, "前门"},
		{"Latin 1", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><DeviceInfo><model>T\xfcr</model></DeviceInfo>", "Tür"},
		{"bytes that are no UTF-8", "<DeviceInfo><model>T\xfcr</model></DeviceInfo>", "T\uFFFDr"},
		{"a bare ampersand", "<DeviceInfo><model>A & B&C &amp; &#68;</model></DeviceInfo>", "A & B&C & D"},
		{"a control character", "<DeviceInfo><model>M\x01N</model></DeviceInfo>", "MN"},
		{"trailing NULs", "<DeviceInfo><model>M</model></DeviceInfo>\x00\x00", "M"},
		{"a doubled element: the last counts", "<DeviceInfo><model>A</model><model>M</model></DeviceInfo>", "M"},
		{"an empty element", "<DeviceInfo><model/></DeviceInfo>", ""},
		{"an attribute beside the text", `<DeviceInfo><model opt="A,B">M</model></DeviceInfo>`, "M"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := nvr.DecodeDeviceInfo([]byte(tt.body))
			if err != nil || strings.TrimSpace(got) != tt.want {
				t.Fatalf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestDocumentsThatAreRefused(t *testing.T) {
	tests := []struct{ name, body string }{
		{"nothing", ""},
		{"no XML", "ok"},
		{"cut in the middle", "<DeviceInfo><model>M</mod"},
		{"cut between elements", "<DeviceInfo><model>M</model>"},
		{"another root", "<storage><model>M</model></storage>"},
		{"a second root", "<DeviceInfo><model>M</model></DeviceInfo><x/>"},
		{"text behind the root", "<DeviceInfo><model>M</model></DeviceInfo>HTTP/1.1 200 OK"},
		{"a DOCTYPE", `<!DOCTYPE x [<!ENTITY a "b">]><DeviceInfo><model>&a;</model></DeviceInfo>`},
		{"tags that don't match", "<DeviceInfo><model>M</name></DeviceInfo>"},
		{"an end tag too many", "<DeviceInfo><model>M</model></DeviceInfo></x>"},
		{"65 levels", "<DeviceInfo>" + strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64) + "</DeviceInfo>"},
		{"200,001 elements", "<DeviceInfo>" + strings.Repeat("<a/>", 200_001) + "</DeviceInfo>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if model, err := nvr.DecodeDeviceInfo([]byte(tt.body)); !errors.Is(err, nvr.ErrDocument) {
				t.Fatalf("got %q, %v", model, err)
			}
		})
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte("<DeviceInfo><model>A & B</model></DeviceInfo>"))
	f.Add([]byte("<?xml version='1.0' encoding='GB2312'?><DeviceInfo><model>\xc7\xb0\xc3\xc5</model></DeviceInfo>"))
	f.Add([]byte(`<ResponseStatus version="2.0"><statusCode>4</statusCode><subStatusCode>notSupport</subStatusCode></ResponseStatus>`))
	f.Add([]byte(`<!DOCTYPE x><DeviceInfo/>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		model, err := nvr.DecodeDeviceInfo(body)
		if err != nil && !errors.Is(err, nvr.ErrDocument) {
			t.Fatalf("an error of another kind: %v", err)
		}
		if err == nil && strings.ContainsRune(model, 0) {
			t.Fatalf("a NUL came through: %q", model)
		}
		nvr.ParseLock(body)
	})
}

func TestChallengesOfRealDevices(t *testing.T) {
	tests := []struct {
		name, header, algorithm string
		ok                      bool
	}{
		{"a camera without algorithm", `Digest qop="auth", realm="IP Camera(C2183)", nonce="6162", stale="FALSE"`, "", true},
		{"a recorder", `Digest realm="DVRNVRDVS", domain="::", qop="auth", nonce="61:1700000000000", opaque="", algorithm="MD5", stale="FALSE"`, "MD5", true},
		{"SHA-256", `Digest realm="r", qop="auth", nonce="61", algorithm=SHA-256`, "SHA-256", true},
		{"two qop with a blank", `Digest realm="r", qop="auth-int, auth", nonce="61"`, "", true},
		{"Basic in the same line", `Digest realm="r", qop="auth", nonce="61", Basic realm="r"`, "", true},
		{"a trailing comma", `Digest realm="r", qop="auth", nonce="61",`, "", true},
		{"session digest isn't known", `Digest realm="r", qop="auth", nonce="61", algorithm=MD5-sess`, "", false},
		{"Basic only", `Basic realm="r"`, "", false},
		{"no nonce", `Digest realm="r", qop="auth"`, "", false},
		{"nothing", ``, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := nvr.ParseChallenge(tt.header)
			if (c != nil) != tt.ok {
				t.Fatalf("got %+v", c)
			}
			if c != nil && c.Algorithm != tt.algorithm {
				t.Fatalf("algorithm %q", c.Algorithm)
			}
		})
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest qop="auth", realm="IP Camera(C2183)", nonce="6162", stale="FALSE"`)
	f.Add(`Digest realm="r", qop="auth", nonce="61", Basic realm="r"`)
	f.Add(`Basic realm="r"`)
	f.Fuzz(func(t *testing.T, header string) {
		if c := nvr.ParseChallenge(header); c != nil && c.Nonce == "" {
			t.Fatal("a challenge without nonce can't be answered")
		}
	})
}
