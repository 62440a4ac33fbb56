package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	// systemStateDir is used where it exists: the image and systemd make it.
	systemStateDir = "/var/lib/hikbridge"
	stateVariable  = namespace + "STATE_DIR"

	maxBaseTopic = 64  // characters
	maxTopic     = 255 // characters
)

// site reads what concerns the bridge as a whole.
func (r *reader) site(s *settings) {
	r.form(describe[siteVariables](namespace))
	v := fetch[siteVariables](r.env, namespace)
	s.Topic, s.DiscoveryPrefix, s.BirthTopic = v.Topic, v.DiscoveryPrefix, v.BirthTopic
	if s.BirthTopic == "" {
		s.BirthTopic = v.DiscoveryPrefix + "/status"
	}
	r.topics(v)
	if within(s.Mains.Topic, v.Topic) {
		r.wrong(mainsPrefix+"TOPIC", "is %sTOPIC or below it, where the bridge itself speaks; use another topic", namespace)
	}
	r.events(s, v)
	plain := r.yes(namespace+"PLAIN_COMMANDS", v.PlainCommands)
	for i := range s.Recorders {
		s.Recorders[i].Power.PlainCommands = plain
	}
	s.level = r.logLevel(v.LogLevel)
	s.StateDir = r.stateDir()
}

func (r *reader) topics(v siteVariables) {
	const base, discovery, birth = namespace + "TOPIC", namespace + "DISCOVERY_PREFIX", namespace + "BIRTH_TOPIC"
	if len(v.Topic) > maxBaseTopic || !matches(`[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*`, v.Topic) {
		r.wrong(base, "must be words of a-z, 0-9, _ and - with / between them, at most %d characters, as in hikbridge or home/hikbridge", maxBaseTopic)
	}
	r.topic(discovery, v.DiscoveryPrefix)
	r.topic(birth, v.BirthTopic)
	if within(v.DiscoveryPrefix, v.Topic) {
		r.wrong(discovery, "is %s or below it; what Home Assistant is told needs a place of its own, usually homeassistant", base)
	}
	if within(v.BirthTopic, v.Topic) {
		r.wrong(birth, "is %s or below it; it is where Home Assistant says online, usually homeassistant/status", base)
	}
}

// within says whether a topic is another one or below it.
func within(topic, base string) bool { return strings.HasPrefix(topic+"/", base+"/") }

// topic judges a topic of others, which may hold any text.
func (r *reader) topic(variable, value string) {
	switch {
	case strings.ContainsAny(value, "+#"):
		r.wrong(variable, "must not hold + or #, as it isn't a filter")
	case strings.HasPrefix(value, "/") || strings.HasSuffix(value, "/") || strings.Contains(value, "//"):
		r.wrong(variable, "must not begin or end with /, nor hold //")
	case strings.HasPrefix(value, "$"):
		r.wrong(variable, "must not begin with $, which is for the broker's own topics")
	case utf8.RuneCountInString(value) > maxTopic:
		r.wrong(variable, "is longer than %d characters", maxTopic)
	}
}

func (r *reader) logLevel(value string) slog.Level {
	switch strings.ToLower(value) {
	case "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	r.wrong(namespace+"LOG_LEVEL", "must be debug, info, warn or error")
	return slog.LevelInfo
}

// stateDir says where the state directory is, or would be made. It is empty if
// that can't be told, which is said then.
func (r *reader) stateDir() string {
	r.form([]variable{{Name: stateVariable}})
	set := r.env[stateVariable]
	switch {
	case r.garbled[stateVariable]:
		return ""
	case set == "" && exists(r.systemDir):
		return r.systemDir
	case set == "":
		return r.userStateDir()
	case !filepath.IsAbs(set):
		r.wrong(stateVariable, "must be a path in full, beginning with /")
		return ""
	}
	return filepath.Clean(set)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// userStateDir follows the XDG rule, which ignores paths that aren't absolute.
func (r *reader) userStateDir() string {
	if dir := r.env["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "hikbridge")
	}
	if home := r.env["HOME"]; filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "hikbridge")
	}
	r.wrong(stateVariable, "is missing, and neither %s exists nor is HOME set; set it to a directory that hikbridge may write", r.systemDir)
	return ""
}

// prepareStateDir makes the directory if needed, and finds out whether it can be
// written.
func prepareStateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%s can't be made or isn't a directory: %w; make it for the user that runs hikbridge, or set another one", dir, reason(err))
	}
	f, err := os.CreateTemp(dir, ".writable-")
	if err != nil {
		return fmt.Errorf("%s can't be written: %w; give it to the user that runs hikbridge, or set another one", dir, reason(err))
	}
	f.Close()
	return os.Remove(f.Name())
}
