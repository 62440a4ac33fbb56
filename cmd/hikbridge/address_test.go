package main

import "testing"

func TestRecorderURL(t *testing.T) {
	for _, tt := range []struct{ name, raw, want, problem string }{
		{"an address with http", "http://192.0.2.10", "http://192.0.2.10", ""},
		{"a name, a port and https", "https://recorder.example.org:8443", "https://recorder.example.org:8443", ""},
		{"a lone slash at the end is fine", "http://192.0.2.10/", "http://192.0.2.10", ""},
		{"capital letters in the scheme are fine", "HTTP://Recorder", "http://Recorder", ""},
		{"an IPv6 address", "http://[2001:db8::1]:81", "http://[2001:db8::1]:81", ""},
		{"an address without scheme is repeated with it", "192.0.2.10", "", "has no scheme; write http://192.0.2.10"},
		{"one with a port, too", "192.0.2.10:8000", "", "has no scheme; write http://192.0.2.10:8000"},
		{"an IPv6 address gets its brackets", "2001:db8::1", "", "has no scheme; write http://[2001:db8::1]"},
		{"other text without scheme isn't repeated", secretText, "", "has no scheme; it must look like http://192.0.2.10"},
		{"nor is a name", "recorder.example.org:80", "", "has no scheme; it must look like http://192.0.2.10"},
		{"another scheme", "rtsp://192.0.2.10", "", "must begin with http:// or https://"},
		{"a user and a password", "http://admin:" + secretText + "@192.0.2.10", "",
			"must not hold a user or password: move them to HIKBRIDGE_NVR_USERNAME and HIKBRIDGE_NVR_PASSWORD"},
		{"a password that holds signs of URLs", "http://admin:" + secretText + "/?#[@192.0.2.10", "", "must not hold a user or password"},
		{"the same without scheme", "admin:" + secretText + "@192.0.2.10", "", "must not hold a user or password"},
		{"a user alone", "http://admin@192.0.2.10", "", "must not hold a user or password"},
		{"a path", "http://192.0.2.10/ISAPI", "", "must end after host and port"},
		{"a query", "http://192.0.2.10?token=" + secretText, "", "must end after host and port"},
		{"a question mark alone", "http://192.0.2.10/?", "", "must end after host and port"},
		{"a fragment", "http://192.0.2.10/#" + secretText, "", "must end after host and port"},
		{"no host", "http://", "", "has no host"},
		{"no host but a port", "http://:80", "", "has no host"},
		{"no host but a path", "http:///x", "", "has no host"},
		{"a number too large for an address", "http://192.0.2.300", "", "has a host that isn't an IP address"},
		{"an address that lacks a number", "http://192.0.2", "", "has a host that isn't an IP address"},
		{"letters that no host has", "http://récorder", "", "has a host that is neither"},
		{"a blank inside", "http://192.0.2.10 :80", "", "isn't a URL"},
		{"brackets left open", "http://[2001:db8::1", "", "isn't a URL"},
		{"a percent sign that isn't an escape", "http://" + secretText + "%zz", "", "isn't a URL"},
		{"port 0", "http://192.0.2.10:0", "", "has a wrong port"},
		{"a port too large", "http://192.0.2.10:65536", "", "has a wrong port"},
		{"the largest port", "http://192.0.2.10:65535", "http://192.0.2.10:65535", ""},
		{"a colon without port", "http://192.0.2.10:", "", "has a wrong port"},
		{"a port that is a word", "http://192.0.2.10:" + secretText, "", "isn't a URL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.problem != "" {
				want = []string{"HIKBRIDGE_NVR_URL: " + tt.problem}
			}
			s := judge(t, environ("HIKBRIDGE_NVR_URL="+tt.raw), want...)
			if got := s.Recorders[0].URL; got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestBrokerURL(t *testing.T) {
	for _, tt := range []struct{ name, raw, want, problem string }{
		{"mqtt", "mqtt://broker.example.org", "mqtt://broker.example.org", ""},
		{"mqtts with a port", "mqtts://192.0.2.5:8884", "mqtts://192.0.2.5:8884", ""},
		{"a lone slash at the end is fine", "mqtt://192.0.2.5:1883/", "mqtt://192.0.2.5:1883", ""},
		{"ws with a path", "ws://192.0.2.5:9001/mqtt", "ws://192.0.2.5:9001/mqtt", ""},
		{"wss with path and query", "wss://192.0.2.5/a/mqtt?x=1", "wss://192.0.2.5/a/mqtt?x=1", ""},
		{"an address without scheme is repeated with it", "192.0.2.5:1883", "", "has no scheme; write mqtt://192.0.2.5:1883"},
		{"tcp is what others say", "tcp://192.0.2.5", "", "begins with tcp://; write mqtt:// instead"},
		{"so is ssl", "ssl://192.0.2.5", "", "begins with ssl://; write mqtts:// instead"},
		{"so is tls", "tls://192.0.2.5", "", "begins with tls://; write mqtts:// instead"},
		{"another scheme isn't repeated", "https://192.0.2.5", "", "must begin with mqtt://, mqtts://, ws:// or wss://"},
		{"a user and a password", "mqtt://u:" + secretText + "@192.0.2.5", "",
			"must not hold a user or password: move them to HIKBRIDGE_MQTT_USERNAME and HIKBRIDGE_MQTT_PASSWORD"},
		{"the same for ws", "ws://u:" + secretText + "@192.0.2.5/mqtt", "", "must not hold a user or password"},
		{"a path with mqtt", "mqtt://192.0.2.5/x", "", "must end after host and port"},
		{"a fragment with ws", "ws://192.0.2.5/x#" + secretText, "", "must not hold a #"},
		{"no host", "mqtt://:1883", "", "has no host"},
		{"a port too large", "mqtt://192.0.2.5:70000", "", "has a wrong port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.problem != "" {
				want = []string{"HIKBRIDGE_MQTT_URL: " + tt.problem}
			}
			s := judge(t, environ("HIKBRIDGE_MQTT_URL="+tt.raw), want...)
			if got := s.Broker.URL; got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestOneAddressIsConfiguredOnce(t *testing.T) {
	const same = "HIKBRIDGE_NVR_BACK_YARD_URL: is the address of HIKBRIDGE_NVR_GARAGE_URL too"
	for _, tt := range []struct{ name, first, second, want string }{
		{"the same URL", "http://192.0.2.10", "http://192.0.2.10", same},
		{"a port that goes without saying", "http://192.0.2.10", "http://192.0.2.10:80/", same},
		{"capital letters and a dot at the end", "https://recorder.lan", "https://Recorder.LAN.", same},
		{"another way to write an IPv6 address", "http://[2001:db8::1]", "http://[2001:0db8:0:0::1]", same},
		{"another scheme at the same port", "http://192.0.2.10:443", "https://192.0.2.10", same},
		{"another port is another recorder", "http://192.0.2.10:81", "http://192.0.2.10:82", ""},
		{"wrong ones aren't compared", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if tt.first == "" {
				want = []string{"HIKBRIDGE_NVR_GARAGE_URL: is missing", "HIKBRIDGE_NVR_BACK_YARD_URL: is missing"}
			}
			judge(t, several("HIKBRIDGE_NVR_GARAGE_URL="+tt.first, "HIKBRIDGE_NVR_BACK_YARD_URL="+tt.second), want...)
		})
	}
}
