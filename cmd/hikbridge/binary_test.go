//go:build process

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const canary = "canary-Zq81-never-shown"

func TestTheBuiltBinaryNamesEveryWrongVariableAtOnce(t *testing.T) {
	binary := build(t, "hikbridge/cmd/hikbridge")
	began := time.Now()
	p := start(t, []string{
		"HIKBRIDGE_NVR_URL=192.0.2.10", "HIKBRIDGE_NVR_PASSWORD=" + canary, "HIKBRIDGE_MQTT_URL=http://u:" + canary + "@x",
		"HIKBRIDGE_LOG_LEVEL=loud", "HIKBRIDGE_MTQT_PASSWORD=" + canary, "HIKBRIDGE_STATE_DIR=" + t.TempDir(),
	}, binary)
	select {
	case <-p.done:
	case <-time.After(2 * time.Second):
		t.Fatal("still running after 2 s")
	}
	if code := p.ProcessState.ExitCode(); code == 0 {
		t.Fatalf("exit code %d", code)
	}
	t.Logf("ended after %v", time.Since(began))
	for _, name := range []string{"HIKBRIDGE_NVR_URL", "HIKBRIDGE_NVR_USERNAME", "HIKBRIDGE_MQTT_URL", "HIKBRIDGE_LOG_LEVEL", "HIKBRIDGE_MTQT_PASSWORD"} {
		if !strings.Contains(p.output(), name) {
			t.Errorf("%s isn't named in:\n%s", name, p.output())
		}
	}
	if strings.Contains(p.output(), canary) {
		t.Errorf("a secret is shown:\n%s", p.output())
	}
}

func TestTheBuiltBinaryAnnouncesARecorderAndSaysOfflineAtItsEnd(t *testing.T) {
	binary, demo := build(t, "hikbridge/cmd/hikbridge"), build(t, "hikbridge/cmd/hikbridge-demo")
	broker, _ := mosquitto(t)
	state := t.TempDir()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("demo-password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"HIKBRIDGE_NVR_URL=" + simulated(t, demo), "HIKBRIDGE_NVR_USERNAME=demo", "HIKBRIDGE_NVR_PASSWORD_FILE=" + password,
		"HIKBRIDGE_MQTT_URL=" + broker, "HIKBRIDGE_STATE_DIR=" + state,
	}

	checked := start(t, env, binary, "check")
	<-checked.done
	if code := checked.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("check ends with %d:\n%s", code, checked.output())
	}

	bridge := start(t, env, binary)
	eventually(t, 10*time.Second, "the recorder is announced and online", func() bool {
		now := retained(t, broker, "hikbridge/#", "homeassistant/#")
		documents := 0
		for topic := range now {
			if strings.HasSuffix(topic, "/config") {
				documents++
			}
		}
		return documents == 6 && now["hikbridge/nvr/availability"] == "online" && now["hikbridge/bridge/availability"] == "online"
	})
	if out, err := exec.Command(binary, "healthcheck").CombinedOutput(); err == nil {
		t.Errorf("healthy without a state directory that is alive: %s", out)
	}
	health := start(t, []string{"HIKBRIDGE_STATE_DIR=" + state}, binary, "healthcheck")
	<-health.done
	if code := health.ProcessState.ExitCode(); code != 0 {
		t.Errorf("healthcheck ends with %d: %s", code, health.output())
	}

	second := start(t, env, binary)
	<-second.done
	if code := second.ProcessState.ExitCode(); code == 0 || !strings.Contains(second.output(), "in use") {
		t.Errorf("a second bridge with the same state directory ends with %d:\n%s", code, second.output())
	}

	bridge.stop(t, 2*time.Second)
	now := retained(t, broker, "hikbridge/#")
	if now["hikbridge/bridge/availability"] != "offline" || now["hikbridge/nvr/availability"] != "offline" {
		t.Errorf("availability after the stop: bridge %q, recorder %q", now["hikbridge/bridge/availability"], now["hikbridge/nvr/availability"])
	}

	purged := start(t, env, binary, "purge", "nvr")
	<-purged.done
	if left := retained(t, broker, "hikbridge/nvr/#", "homeassistant/#"); len(left) != 1 { // the bridge's own document
		t.Errorf("after purge there is still %v\n%s", left, purged.output())
	}
	if strings.Contains(bridge.output(), "demo-password") {
		t.Errorf("the password is in the log:\n%s", bridge.output())
	}
}
