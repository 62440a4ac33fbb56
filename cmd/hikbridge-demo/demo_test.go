//go:build process

package main_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

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

// build builds the demo without the race detector: the broker in it has races of
// its own.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// begin starts the demo; it has in as its input, nil meaning none.
func begin(t *testing.T, in io.Reader, args ...string) (*exec.Cmd, *output) {
	t.Helper()
	out := new(output)
	demo := exec.Command(build(t), args...)
	demo.Stdin, demo.Stdout, demo.Stderr = in, out, out
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { demo.Process.Kill() })
	return demo, out
}

// point is something that the demo says, at most so long after the one before.
type point struct {
	text   string
	within time.Duration
}

// reach waits for points, in this order.
func reach(t *testing.T, out *output, points []point) {
	t.Helper()
	from := 0
	for _, p := range points {
		wait(t, p.within, out, "it says "+p.text, func() bool {
			text := unwrapped(out.String())
			i := strings.Index(text[min(from, len(text)):], p.text)
			if i >= 0 {
				from += i + len(p.text)
			}
			return i >= 0
		})
	}
}

// unwrapped undoes the breaks of lines.
func unwrapped(text string) string {
	return regexp.MustCompile(`\n {12,}`).ReplaceAllString(text, " ")
}

func TestTheStoryReachesItsPointsInOrderAndEndsByItself(t *testing.T) {
	t.Parallel()
	demo, out := begin(t, nil)
	reach(t, out, []point{
		{"garage     status: Running", 20 * time.Second},
		{"camera 3 detects line crossing by a human", 10 * time.Second},
		{"presses Shut down for the garage", 20 * time.Second},
		{"garage     shutdown accepted", 10 * time.Second},
		{"garage     power state: confirming", 20 * time.Second},
		{"That may still be a restart: leave its power on.", 20 * time.Second},
		{"garage     proof: power", time.Minute},
		{"barn       power cycle accepted", 20 * time.Second},
		{"barn       power cycle failed (still_on)", time.Minute},
		{"Its power was kept.", 10 * time.Second},
		{"garage     safe to cut power: ON", time.Minute},
		{"automation The garage is safe to cut", 10 * time.Second},
		{"garage     plug: off", 10 * time.Second},
		{"garage     safe to cut power: OFF", 10 * time.Second},
		{"presses Power on", 10 * time.Second},
		{"garage     plug: on", 30 * time.Second},
		{"garage     power state: booting", 10 * time.Second},
		{"garage     plug: 22.0 W", 30 * time.Second},
		{"garage     power state: running", time.Minute},
		{"garage     status: Running, 4 of 4 cameras online", 30 * time.Second},
		{"garage: shutdown by demo\n", 10 * time.Second},
		{"running: verified", time.Second},
		{"proof     power", time.Second},
		{"outcome   done (safe)", time.Second},
		{"barn: power_cycle by demo\n", time.Second},
		{"outcome   failed (still_on)", time.Second},
		{"Everything that was announced is removed.", 10 * time.Second},
	})
	if err := demo.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	text := out.String()
	for _, also := range []string{ // they come by other ways, so not in a certain order
		"garage     plug: 0.4 W", "garage     shutdown done (safe)", "garage     power state: safe",
		"garage     status: The recorder is off: power may be cut.", "barn       power state: attention",
	} {
		if !strings.Contains(text, also) {
			t.Errorf("it doesn't say %s:\n%s", also, text)
		}
	}
	if strings.Contains(text, "barn       plug: off") {
		t.Errorf("the barn's plug was switched off:\n%s", text)
	}
	keepsToTheWidth(t, text)
}

func keepsToTheWidth(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestTheStoryOfAnOutageReachesItsPointsInOrderAndEndsByItself(t *testing.T) {
	t.Parallel()
	demo, out := begin(t, nil, "-story", "outage")
	reach(t, out, []point{
		{"announced  hikbridge (Bridge) with 15 entities", 20 * time.Second},
		{"story      Mains is lost.", 30 * time.Second},
		{"mains      Mains is gone, as UPS ups said; that counts after 10 s.", 10 * time.Second},
		{"bridge     mains: OFF", 20 * time.Second},
		{"mains      the outage asks for a shutdown: on battery for 15 s", 20 * time.Second},
		{"garage     power state: counting_down", 10 * time.Second},
		{"story      Mains is back before anything was asked", 10 * time.Second},
		{"garage     status: Mains is back: the shutdown is on hold.", 10 * time.Second},
		{"garage     power state: running", 50 * time.Second},
		{"story      Both recorders stayed on. Now mains is lost once more", 10 * time.Second},
		{"bridge     mains: OFF", 30 * time.Second},
		{"mains      the outage asks for a shutdown: on battery for 15 s", 20 * time.Second},
		{"garage     power state: counting_down", 10 * time.Second},
		{"garage     power state: confirming", 20 * time.Second},
		{"story      Now the battery is low.", 20 * time.Second},
		{"mains      low battery", 10 * time.Second},
		{"barn       power state: confirming", 20 * time.Second},
		{"story      Mains is back, in the middle.", 10 * time.Second},
		{"garage     proof: power", time.Minute},
		{"bridge     mains: ON", time.Minute},
		{"garage     power state: safe", time.Minute},
		{"automation The garage is safe to cut", 10 * time.Second},
		{"garage     power state: off", 10 * time.Second},
		{"barn       power state: off", time.Minute},
		{"story      Both are off.", 10 * time.Second},
		{"garage     power state: booting", 2 * time.Minute},
		{"story      They boot", 30 * time.Second},
		{"story      Both recorders are verified", time.Minute},
		{"garage: outage\n", 10 * time.Second},
		{"running: verified", time.Second},
		{"proof     power", time.Second},
		{"barn: outage\n", time.Second},
		{"running: verified", time.Second},
		{"proof     power", time.Second},
		{"Everything that was announced is removed.", 10 * time.Second},
	})
	if err := demo.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	text := out.String()
	if before, _, _ := strings.Cut(text, "mains      low battery"); strings.Contains(before, "barn       power state") {
		t.Errorf("the barn's recorder had its turn too early:\n%s", text)
	}
	for _, once := range []string{ // a recorder is asked once, and neither in the first outage
		"garage     power state: confirming", "barn       power state: confirming", "garage     plug: 0.4 W", "barn       plug: 0.4 W",
		"garage     plug: off", "barn       plug: off", "barn       power state: cutting", "bridge     ups charge: 20",
		"barn       power state: booting", "barn       power state: running", "low battery\n",
		"Recorders come back once it has been there for 2 minutes",
	} {
		if n := strings.Count(text, once); n != 1 {
			t.Errorf("it says %s %d times:\n%s", once, n, text)
		}
	}
	if strings.Contains(text, "attention") {
		t.Errorf("somebody is needed:\n%s", text)
	}
	keepsToTheWidth(t, text)
}

func TestKeysPressButtonsAndQuit(t *testing.T) {
	t.Parallel()
	in, keys := io.Pipe()
	demo, out := begin(t, in)
	reach(t, out, []point{{"presses Shut down for the garage", time.Minute}, {"garage     power state: checking", 10 * time.Second}})
	press := func(letters string) {
		if _, err := io.WriteString(keys, letters+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	press("c")
	reach(t, out, []point{{"nothing happens by itself any more", 10 * time.Second}, {"garage     cancel done", 10 * time.Second}, {"garage     power state: running", 10 * time.Second}})
	press("y")
	reach(t, out, []point{{"power cycle refused (plug)", 20 * time.Second}})
	press("j")
	reach(t, out, []point{{"outcome   refused (plug)", 10 * time.Second}})
	press("m")
	reach(t, out, []point{{"demo       Mains is gone", 10 * time.Second}, {"mains      Mains is gone, as UPS ups said", 10 * time.Second}})
	press("m")
	reach(t, out, []point{{"demo       Mains is there again.", 10 * time.Second}, {"mains      Mains is there.", 10 * time.Second}})
	press("l")
	reach(t, out, []point{{"demo       The battery of the UPS is low, and charges", 10 * time.Second}, {"bridge     ups charge: 20", 10 * time.Second}})
	press("q")
	reach(t, out, []point{{"Goodbye", 10 * time.Second}})
	keys.Close() // Wait also waits for who copies the input
	if err := demo.Wait(); err != nil {
		t.Errorf("it ends with %v:\n%s", err, out)
	}
}

func TestTheDemoAnnouncesTwoRecordersAndRemovesThemWithin2SecondsOfCtrlC(t *testing.T) {
	t.Parallel()
	demo, out := begin(t, nil)
	wait(t, 20*time.Second, out, "both recorders are announced", func() bool {
		return strings.Contains(out.String(), "announced  Garage") && strings.Contains(out.String(), "announced  Barn") &&
			strings.Contains(out.String(), "status: Running")
	})

	found := regexp.MustCompile(`mosquitto_sub -h (\S+) -p (\d+)`).FindStringSubmatch(out.String())
	if found == nil {
		t.Fatalf("no mosquitto_sub line in:\n%s", out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard, err := mqtt.New(mqtt.Config{URL: "mqtt://" + found[1] + ":" + found[2], ClientID: "test", Subscribe: []string{"homeassistant/#"}})
	if err != nil {
		t.Fatal(err)
	}
	go heard.Run(ctx)
	left := map[string]bool{}
	wait(t, 10*time.Second, out, "the documents are on the broker", func() bool {
		note(heard, left)
		return len(left) == 15 // the bridge, two recorders, their 4 and 8 cameras
	})

	began := time.Now()
	demo.Process.Signal(os.Interrupt)
	if err := demo.Wait(); err != nil {
		t.Fatalf("it ends with %v:\n%s", err, out)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v to end", took)
	}
	wait(t, 5*time.Second, out, "the documents are removed", func() bool { note(heard, left); return len(left) == 0 })
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
