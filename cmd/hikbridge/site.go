package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	// systemStateDir is used where it exists: the image and systemd make it.
	systemStateDir = "/var/lib/hikbridge"

	maxBaseTopic = 64
	maxTopic     = 255
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
	s.level = r.logLevel(v.LogLevel)
	s.StateDir = r.stateDir()
}

func (r *reader) topics(v siteVariables) {
	const base, discovery, birth = namespace + "TOPIC", namespace + "DISCOVERY_PREFIX", namespace + "BIRTH_TOPIC"
	if len(v.Topic) > maxBaseTopic || !matches(`[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*`, v.Topic) {
		r.wrong(base, "must be words of a-z, 0-9, _ and - with / between them, at most %d characters, as in hikbridge or home/hikbridge", maxBaseTopic)
		return
	}
	r.topic(discovery, v.DiscoveryPrefix)
	if v.DiscoveryPrefix == v.Topic {
		r.wrong(base, "is the same as %s; the bridge's topics need a place of their own", discovery)
	}
	if v.BirthTopic != "" {
		r.topic(birth, v.BirthTopic)
	}
	if strings.HasPrefix(v.BirthTopic+"/", v.Topic+"/") {
		r.wrong(birth, "is among the bridge's own topics; it is where Home Assistant says online, usually homeassistant/status")
	}
}

// topic judges a topic of others, which may hold any text.
func (r *reader) topic(variable, value string) {
	switch {
	case strings.ContainsAny(value, "+#"):
		r.wrong(variable, "must not hold + or #, which aren't for topics that are published to")
	case strings.HasPrefix(value, "/") || strings.HasSuffix(value, "/") || strings.Contains(value, "//"):
		r.wrong(variable, "must not begin or end with /, nor hold //")
	case strings.HasPrefix(value, "$"):
		r.wrong(variable, "must not begin with $, which is the broker's own")
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

// stateDir says where the state directory is or will be. It is empty if that
// isn't known, which is said then.
func (r *reader) stateDir() string {
	return r.stateDirOr(systemStateDir)
}

func (r *reader) stateDirOr(system string) string {
	const variable = namespace + "STATE_DIR"
	r.form([]variable_{{Name: variable}})
	return ""
}

// prepareStateDir makes the directory if needed, and finds out whether it can be
// written.
func prepareStateDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return fmt.Errorf("%s can't be made: %w", dir, reason(err))
	}
	f, err := os.CreateTemp(dir, ".writable-")
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s can't be written by the user that runs hikbridge: permission denied", dir)
	}
	_ = filepath.Join
	_ = f
	return err
}
