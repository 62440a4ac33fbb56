package mqtt_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"hikbridge/mqtt"
	"hikbridge/mqtt/mqtttest"
)

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  mqtt.Config
		want string
	}{
		{"no URL", mqtt.Config{}, "mqtt://host:1883"},
		{"host without scheme", mqtt.Config{URL: "broker"}, "mqtt://host:1883"},
		{"host and port without scheme", mqtt.Config{URL: "10.0.0.2:1883"}, "mqtt://host:1883"},
		{"unknown scheme", mqtt.Config{URL: "http://broker"}, "must begin with"},
		{"user and password", mqtt.Config{URL: "mqtt://user:" + canary + "@broker"}, "set Username and Password"},
		{"malformed, with a password", mqtt.Config{URL: "mqtt://user:" + canary + "@[::1"}, "mqtt://host:1883"},
		{"port that is none", mqtt.Config{URL: "mqtt://broker:99999"}, "port"},
		{"port zero", mqtt.Config{URL: "mqtt://broker:0"}, "port"},
		{"port without host", mqtt.Config{URL: "mqtt://:1883"}, "host"},
		{"path", mqtt.Config{URL: "mqtt://broker/" + canary}, "path"},
		{"query", mqtt.Config{URL: "mqtt://broker?password=" + canary}, "path"},
		{"no client id", mqtt.Config{URL: "mqtt://broker"}, "ClientID"},
		{"password without user", mqtt.Config{URL: "mqtt://broker", ClientID: "x", Password: canary}, "Username"},
		{"filter with a wildcard inside a level", mqtt.Config{URL: "mqtt://broker", ClientID: "x", Subscribe: []string{"a+/b"}}, "a+/b"},
		{"filter with # before the end", mqtt.Config{URL: "mqtt://broker", ClientID: "x", Subscribe: []string{"#/b"}}, "#/b"},
		{"will to a filter", mqtt.Config{URL: "mqtt://broker", ClientID: "x", Will: mqtt.Message{Topic: "a/#"}}, "Will"},
		{"goodbye without topic", mqtt.Config{URL: "mqtt://broker", ClientID: "x", Goodbye: []mqtt.Message{{}}}, "Goodbye"},
		{"birth topic that is a filter", mqtt.Config{URL: "mqtt://broker", ClientID: "x", BirthTopic: "+/status"}, "BirthTopic"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := mqtt.New(tc.cfg)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("error %q, want one with %q and without the secret", err, tc.want)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	for url, want := range map[string]string{
		"mqtt://broker":         "broker:1883",
		"tcp://broker":          "broker:1883",
		"MQTT://broker/":        "broker:1883",
		"mqtts://broker":        "broker:8883",
		"ssl://broker":          "broker:8883",
		"tls://broker":          "broker:8883",
		"ws://broker":           "broker:80",
		"wss://broker/mqtt?a=b": "broker:443",
		"mqtt://[::1]":          "[::1]:1883",
		"mqtt://10.0.0.2:2883":  "10.0.0.2:2883",
	} {
		t.Run(url, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *mqtttest.Broker) {
				dialed := make(chan string, 100)
				cfg := mqtt.Config{URL: url, ClientID: "x", Dial: func(_ context.Context, network, address string) (net.Conn, error) {
					dialed <- network + " " + address
					return nil, net.ErrClosed
				}}
				r := run(t, newClient(t, cfg))
				change := r.expect(mqtt.Unreachable, time.Second)
				if got := <-dialed; got != "tcp "+want {
					t.Errorf("dialed %q, want %q", got, want)
				}
				if !strings.Contains(change.Err.Error(), want) {
					t.Errorf("error %q doesn't say where", change.Err)
				}
			})
		})
	}
}

func TestTopicsAreTakenAsTheyAre(t *testing.T) {
	bubble(t, func(t *testing.T, b *mqtttest.Broker) {
		cfg := config(b)
		cfg.Subscribe = []string{"#", "+", "/", "a/+/b", "+/#", "$SYS/#", " ", "ä/ö"}
		r := run(t, newClient(t, cfg))
		r.expect(mqtt.Replayed, time.Second)
		for _, topic := range []string{"/", " ", "a//b", "$x", "ä", strings.Repeat("a", 65535)} {
			r.state(topic, "v")
			eventually(t, b, time.Second, "topic "+topic[:1], holds(b, topic, "v"))
		}
	})
}

func FuzzURL(f *testing.F) {
	for _, seed := range []string{"mqtt://broker", "wss://u:p@[::1]:99/x?y#z", "10.0.0.2:1883", "mqtt://%zz", "://", "ws:///x", "mqtt:opaque"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, prefix string) {
		for _, url := range []string{prefix, prefix + canary, "mqtt://" + canary + prefix, "mqtt://user:" + canary + "@" + prefix} {
			_, err := mqtt.New(mqtt.Config{URL: url, ClientID: "x"})
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%q: %v", url, err)
			}
			if err == nil && strings.Contains(url, "@") && strings.Index(url, "@") < strings.IndexAny(url[8:]+"/", "/?#")+8 {
				t.Errorf("%q is accepted with a user", url)
			}
		}
	})
}

// FuzzFilter checks that the client takes exactly the filters that a broker takes.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"a/b", "#", "+/+", "a/#/b", "a#", "", "/", "$SYS/#", "a/+b", "\x00", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		_, err := mqtt.New(mqtt.Config{URL: "mqtt://broker", ClientID: "x", Subscribe: []string{filter}})
		// A filter that a broker takes covers the topic that has a name in place of each wildcard.
		topic := strings.NewReplacer("+", "n", "#", "n").Replace(filter)
		if broker := mqtttest.Match(filter, topic); broker != (err == nil) {
			t.Errorf("%q: client %v, broker takes it: %t", filter, err, broker)
		}
	})
}
