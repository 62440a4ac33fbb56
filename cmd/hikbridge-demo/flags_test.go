//go:build process

package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestWrongFlagsAndAPortInUseAreTold(t *testing.T) {
	l, err := open("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an unknown flag", []string{"-loud"}, 2, "flag provided but not defined"},
		{"an argument", []string{"garage"}, 2, `unexpected "garage"`},
		{"a story that there isn't", []string{"-story", "fire"}, 2, `no story "fire"; take shutdown or outage`},
		{"help", []string{"-h"}, 0, "-listen"},
		{"a port that is in use", []string{"-listen", l.Addr().String()}, 1, "is the port in use?"},
		{"the same for a recorder alone", []string{"-recorder", l.Addr().String()}, 1, "is the port in use?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tt.args, strings.NewReader(""), &stdout, &stderr); code != tt.code || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("code %d, %s", code, &stderr)
			}
		})
	}
}
