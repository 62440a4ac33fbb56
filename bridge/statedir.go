package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	lockFile  = "lock"
	aliveFile = "alive"
	// aliveEvery is how often the loop touches the file alive; older than
	// aliveFor, the process is taken for dead.
	aliveEvery = 10 * time.Second
	aliveFor   = 45 * time.Second
)

// ErrInUse: another process uses the state directory.
var ErrInUse = errors.New("the state directory is in use by another hikbridge; stop it first")

// Healthy says whether a bridge is alive that uses this state directory: its
// loop turns. It says nothing about recorders or the broker.
func Healthy(stateDir string) error {
	info, err := os.Stat(filepath.Join(stateDir, aliveFile))
	if err != nil {
		return fmt.Errorf("no sign of life in %s: %w", stateDir, err)
	}
	if age := time.Since(info.ModTime()); age > aliveFor || age < -aliveFor {
		return fmt.Errorf("last sign of life in %s at %s", stateDir, info.ModTime().Format(time.RFC3339))
	}
	return nil
}

// touchAlive is what Healthy looks at.
func touchAlive(stateDir string, now time.Time) error {
	path := filepath.Join(stateDir, aliveFile)
	err := os.Chtimes(path, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(path, nil, 0o600)
	}
	return err
}

// remembered is what is kept of a recorder between runs, one file for each
// name: enough to announce it before it answers.
type remembered struct {
	// ID is its id in Home Assistant, made of serial number, MAC or device id;
	// Serial is what the owner can compare.
	ID           string `json:"id"`
	Serial       string `json:"serial"`
	MAC          string `json:"mac,omitempty"`
	Title        string `json:"title"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Model        string `json:"model,omitempty"`
	Firmware     string `json:"firmware,omitempty"`
	Hardware     string `json:"hardware,omitempty"`
	Recorder     bool   `json:"recorder"`
	// Since is when it was known first. FullShutdown is when it was shut down last
	// and came back, which may have left the log book.
	Since        time.Time `json:"since,omitzero"`
	FullShutdown time.Time `json:"full_shutdown,omitzero"`

	Channels []rememberedChannel `json:"channels,omitempty"`
	Disks    []rememberedDisk    `json:"disks,omitempty"`
	// Events are the recorder's own that reach the bridge.
	Events []string `json:"events,omitempty"`
	// Pictures says for each kind of channel whether pictures can be taken, once
	// that was tried on this firmware.
	Pictures map[string]bool `json:"pictures,omitempty"`
	// App says that this firmware lets its own notifications be silenced, AppPausedBy
	// with which account it was done.
	App         bool   `json:"app,omitempty"`
	AppPausedBy string `json:"app_paused_by,omitempty"`
	// What it told at least once, so that the entity is created and stays.
	Tells tells `json:"tells"`
}

type rememberedChannel struct {
	// ID stands in topics and ids; it is Listed, or "ip" and Listed for an IP
	// channel whose number an analog input had already. Decided once.
	ID       string `json:"id"`
	Listed   string `json:"listed"`
	Input    bool   `json:"input,omitempty"`
	Name     string `json:"name,omitempty"`
	Model    string `json:"model,omitempty"`
	Serial   string `json:"serial,omitempty"`
	Firmware string `json:"firmware,omitempty"`
	// Protocol is the recorder's word, for IP channels.
	Protocol string `json:"protocol,omitempty"`
	// Online and Reason: its state was told at least once.
	Online bool `json:"online,omitempty"`
	Reason bool `json:"reason,omitempty"`
	// Recording: whether it records was told at least once. Events are those that
	// reach the bridge.
	Recording bool     `json:"recording,omitempty"`
	Events    []string `json:"events,omitempty"`
	// Gone: it isn't in the recorder's list any more.
	Gone bool `json:"gone,omitempty"`
}

type rememberedDisk struct {
	ID   string `json:"id"`
	Size bool   `json:"size,omitempty"`
	Used bool   `json:"used,omitempty"`
	// Temperature and SelfTest were told at least once.
	Temperature bool `json:"temperature,omitempty"`
	SelfTest    bool `json:"self_test,omitempty"`
}

type tells struct {
	Uptime   bool `json:"uptime,omitempty"`
	CPU      bool `json:"cpu,omitempty"`
	Memory   bool `json:"memory,omitempty"`
	Clock    bool `json:"clock,omitempty"`
	Triggers bool `json:"triggers,omitempty"`
	Oldest   bool `json:"oldest_recording,omitempty"`
	Newest   bool `json:"newest_firmware,omitempty"`
}

func rememberedPath(stateDir, name string) string {
	return filepath.Join(stateDir, "recorder-"+name+".json")
}

// loadRemembered gives nil for a recorder that isn't known yet. A damaged file
// counts as not known: it is only a convenience, and made anew.
func loadRemembered(stateDir, name string) (*remembered, error) {
	content, err := os.ReadFile(rememberedPath(stateDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what is known of %s: %w", name, err)
	}
	var m remembered
	if json.Unmarshal(content, &m) != nil || m.ID == "" {
		return nil, nil
	}
	return &m, nil
}

func (m *remembered) save(stateDir, name string) error {
	content, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("encode what is known of %s: %w", name, err)
	}
	path := rememberedPath(stateDir, name)
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return fmt.Errorf("keep what is known of %s: %w", name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("keep what is known of %s: %w", name, err)
	}
	return nil
}

// rememberedNames lists the recorders that something is kept of.
func rememberedNames(stateDir string) ([]string, error) {
	paths, err := filepath.Glob(rememberedPath(stateDir, "*"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", stateDir, err)
	}
	names := make([]string, 0, len(paths))
	for _, p := range paths {
		name := strings.TrimPrefix(filepath.Base(p), "recorder-")
		names = append(names, strings.TrimSuffix(name, ".json"))
	}
	return names, nil
}

func forgetRemembered(stateDir, name string) error {
	err := os.Remove(rememberedPath(stateDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
