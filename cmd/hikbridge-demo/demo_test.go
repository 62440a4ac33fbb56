//go:build process

package main_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"hikbridge/mqtt"
)

// output is what a process writes while it is read.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// The demo runs as a process built without the race detector: the broker in it
// has races of its own.
func TestTheDemoAnnouncesTwoRecordersAndRemovesThemWithin2SecondsOfCtrlC(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var out output
	demo := exec.Command(binary)
	demo.Stdout, demo.Stderr = &out, &out
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { demo.Process.Kill() })
	wait(t, 20*time.Second, &out, "both recorders are announced", func() bool {
		return strings.Contains(out.String(), "announced  Garage") && strings.Contains(out.String(), "announced  Barn") &&
			strings.Contains(out.String(), "status: Running")
	})

	found := regexp.MustCompile(`mosquitto_sub -h (\S+) -p (\d+)`).FindStringSubmatch(out.String())
	if found == nil {
		t.Fatalf("no mosquitto_sub line in:\n%s", &out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard, err := mqtt.New(mqtt.Config{URL: "mqtt://" + found[1] + ":" + found[2], ClientID: "test", Subscribe: []string{"homeassistant/#"}})
	if err != nil {
		t.Fatal(err)
	}
	go heard.Run(ctx)
	left := map[string]bool{}
	wait(t, 10*time.Second, &out, "the documents are on the broker", func() bool {
		note(heard, left)
		return len(left) == 15 // the bridge, two recorders, their 4 and 8 cameras
	})

	began := time.Now()
	demo.Process.Signal(os.Interrupt)
	if err := demo.Wait(); err != nil {
		t.Fatalf("it ends with %v:\n%s", err, &out)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v to end", took)
	}
	wait(t, 5*time.Second, &out, "the documents are removed", func() bool { note(heard, left); return len(left) == 0 })
}

// note keeps account of the documents that a subscriber has.
func note(c *mqtt.Client, left map[string]bool) {
	for {
		select {
		case m := <-c.Inbox():
			if left[m.Topic] = true; len(m.Payload) == 0 {
				delete(left, m.Topic)
			}
		default:
			return
		}
	}
}

// wait waits for a condition with a deadline.
func wait(t *testing.T, limit time.Duration, out *output, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s\n%s", limit, what, out)
		}
	}
}
