package main

import (
	"maps"
	"testing"
	"time"
)

func TestOffDelays(t *testing.T) {
	const wrongTime = "HIKBRIDGE_OFF_DELAY: must be a time from 1s to 10m"
	for _, tt := range []struct {
		name, value string
		all         time.Duration
		byType      map[string]time.Duration
		wrong       string
	}{
		{name: "left out", all: 5 * time.Second},
		{name: "for all", value: "8s", all: 8 * time.Second},
		{name: "for some, too", value: "3s, motion = 10s,line_crossing=1m", all: 3 * time.Second,
			byType: map[string]time.Duration{"motion": 10 * time.Second, "line_crossing": time.Minute}},
		{name: "for some only", value: "motion=10s", byType: map[string]time.Duration{"motion": 10 * time.Second}},
		{name: "without a unit", value: "5", wrong: wrongTime},
		{name: "too short", value: "999ms", wrong: wrongTime},
		{name: "too long", value: "11m", wrong: wrongTime},
		{name: "a comma too many", value: "5s,", wrong: wrongTime},
		{name: "negative", value: "motion=-5s", wrong: wrongTime},
		{name: "of a type that there isn't", value: "VMD=5s", wrong: "HIKBRIDGE_OFF_DELAY: names a type of event that there isn't"},
		{name: "twice for all", value: "5s,6s", wrong: "HIKBRIDGE_OFF_DELAY: gives two times for the same"},
		{name: "twice for a type", value: "motion=5s,motion=6s", wrong: "HIKBRIDGE_OFF_DELAY: gives two times for the same"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var wrong []string
			if tt.wrong != "" {
				wrong = append(wrong, tt.wrong)
			}
			s := judge(t, environ("HIKBRIDGE_OFF_DELAY="+tt.value), wrong...)
			if tt.wrong == "" && (s.OffDelay != tt.all || !maps.Equal(s.OffDelays, tt.byType)) {
				t.Errorf("%v, %v", s.OffDelay, s.OffDelays)
			}
		})
	}
}

func TestPictureInterval(t *testing.T) {
	for value, want := range map[string]time.Duration{"": 30 * time.Second, "5s": 5 * time.Second, "2h": 2 * time.Hour, "0": 0, "0s": 0, "Off": 0} {
		if s := judge(t, environ("HIKBRIDGE_PICTURE_INTERVAL="+value)); s.PictureInterval != want {
			t.Errorf("%q gives %v", value, s.PictureInterval)
		}
	}
	for _, value := range []string{"4s", "25h", "30", "never", "-1s"} {
		judge(t, environ("HIKBRIDGE_PICTURE_INTERVAL="+value), "HIKBRIDGE_PICTURE_INTERVAL: must be a time from 5s to 24h")
	}
}
