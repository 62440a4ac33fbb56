//go:build process || measure

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hikbridge/mqtt"
)

// build makes a binary of a package as it is shipped, without cgo.
func build(t *testing.T, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// process is a program under test and what it wrote.
type process struct {
	*exec.Cmd
	mu   sync.Mutex
	out  bytes.Buffer
	done chan struct{}
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start runs a program with exactly this environment; it is killed when the
// test ends.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.Env, p.Stdout, p.Stderr = env, p, p
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.Wait(); close(p.done) }()
	t.Cleanup(func() { p.Process.Kill(); <-p.done })
	return p
}

// stop sends SIGTERM and fails the test if that takes longer than limit.
func (p *process) stop(t *testing.T, limit time.Duration) {
	t.Helper()
	p.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(limit):
		t.Fatalf("still running %v after SIGTERM; it wrote:\n%s", limit, p.output())
	}
}

// eventually waits for a condition with a deadline.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// freePort asks the kernel for a port; another process may take it in between,
// which the caller notices as a program that doesn't start.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// mosquitto starts a broker with extra lines of configuration and gives its URL.
func mosquitto(t *testing.T, lines ...string) (url string, p *process) {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		t.Skip("mosquitto isn't installed: apt-get install mosquitto")
	}
	port := freePort(t)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n%s\n", port, strings.Join(lines, "\n"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p = start(t, os.Environ(), path, "-c", conf)
	url = fmt.Sprintf("mqtt://127.0.0.1:%d", port)
	eventually(t, 10*time.Second, "Mosquitto listens", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return url, p
}

// retained gives the retained messages below filters, by topic.
func retained(t *testing.T, url string, filters ...string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	found, err := mqtt.Retained(ctx, mqtt.Config{URL: url, ClientID: "test"}, filters)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, m := range found {
		out[m.Topic] = string(m.Payload)
	}
	return out
}

// simulated starts one simulated recorder as a process and gives its URL.
func simulated(t *testing.T, demo string) string {
	t.Helper()
	p := start(t, os.Environ(), demo, "-recorder", "127.0.0.1:0")
	var url string
	eventually(t, 10*time.Second, "the simulated recorder tells its address", func() bool {
		s := bufio.NewScanner(strings.NewReader(p.output()))
		for s.Scan() {
			if _, rest, ok := strings.Cut(s.Text(), "http://"); ok {
				url, _, _ = strings.Cut("http://"+rest, ",")
			}
		}
		return url != ""
	})
	return url
}

// memory is a figure of /proc/pid/status in MiB.
func memory(t *testing.T, pid int, key string) float64 {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(content), "\n") {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kb) / 1024
		}
	}
	t.Fatalf("no %s", key)
	return 0
}
