//go:build measure

package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hikbridge/nvr/nvrtest"
)

// What the program costs, measured on the built binary between Mosquitto and
// simulated recorders on loopback, in real time:
//
//	go test -tags measure -run Measure -v -timeout 30m ./cmd/hikbridge
//
// The simulated recorders run in this test process, so the figures are the
// program's alone.

func TestMeasure(t *testing.T) {
	binary := build(t, "hikbridge/cmd/hikbridge")
	tests := []struct {
		name                string
		recorders, channels int
	}{
		{"one recorder with 16 channels", 1, 16},
		{"64 recorders with 32 channels each", 64, 32},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { measure(t, binary, tt.recorders, tt.channels) })
	}
}

func measure(t *testing.T, binary string, recorders, channels int) {
	broker, _ := mosquitto(t)
	env := []string{"HIKBRIDGE_MQTT_URL=" + broker, "HIKBRIDGE_STATE_DIR=" + t.TempDir()}
	var names []string
	for n := range recorders {
		name := fmt.Sprintf("r%d", n)
		names = append(names, name)
		prefix := "HIKBRIDGE_NVR_" + strings.ToUpper(name) + "_"
		env = append(env, prefix+"URL="+serve(t, name, channels), prefix+"USERNAME=admin", prefix+"PASSWORD="+nvrtest.DefaultPassword)
	}
	env = append(env, "HIKBRIDGE_NVRS="+strings.Join(names, ","))

	began := time.Now()
	p := start(t, env, binary)
	eventually(t, 2*time.Minute, "everything is announced", func() bool {
		return strings.Count(p.output(), "recorder announced") == recorders
	})
	t.Logf("announced after %v", time.Since(began).Round(time.Millisecond))
	want := recorders*(channels+1) + 1
	eventually(t, time.Minute, "every document is on the broker", func() bool {
		return len(retained(t, broker, "homeassistant/#")) == want
	})
	time.Sleep(30 * time.Second)
	cpu, at := cpuTime(t, p.Process.Pid), time.Now()
	for range 3 {
		time.Sleep(time.Minute)
		used, now := cpuTime(t, p.Process.Pid), time.Now()
		t.Logf("at rest: %.2f %% of one core, RSS %.1f MiB (peak %.1f)", 100*(used-cpu).Seconds()/now.Sub(at).Seconds(),
			memory(t, p.Process.Pid, "VmRSS"), memory(t, p.Process.Pid, "VmHWM"))
		cpu, at = used, now
	}
	p.stop(t, 3*time.Second)
}

// serve runs a simulated recorder in this process on a free port.
func serve(t *testing.T, name string, channels int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := nvrtest.New(nvrtest.Config{Name: name, Channels: channels})
	go r.Serve(l)
	t.Cleanup(func() { r.Close() })
	return "http://" + l.Addr().String()
}

// cpuTime is what the process has used, user and system.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(content)[strings.LastIndex(string(content), ")")+1:])
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // 100 ticks a second on Linux
}
