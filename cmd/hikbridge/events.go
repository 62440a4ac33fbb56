package main

import (
	"strings"
	"time"

	"hikbridge/bridge"
)

const (
	offDelayVariable = namespace + "OFF_DELAY"
	pictureVariable  = namespace + "PICTURE_INTERVAL"

	shortestDelay    = time.Second
	longestDelay     = 10 * time.Minute
	shortestInterval = 5 * time.Second
	longestInterval  = 24 * time.Hour
)

// events reads what concerns events of cameras.
func (r *reader) events(s *settings, v siteVariables) {
	s.OffDelay, s.OffDelays = r.offDelays(v.OffDelay)
	s.PictureInterval = r.pictureInterval(v.PictureInterval)
}

// offDelays reads a time for all types of events, and times for single ones.
func (r *reader) offDelays(value string) (all time.Duration, byType map[string]time.Duration) {
	for part := range strings.SplitSeq(value, ",") {
		kind, text, single := strings.Cut(strings.TrimSpace(part), "=")
		if !single {
			kind, text = "", kind
		}
		d, err := time.ParseDuration(strings.TrimSpace(text))
		kind = strings.TrimSpace(kind)
		_, twice := byType[kind]
		switch {
		case err != nil || d < shortestDelay || d > longestDelay:
			r.wrong(offDelayVariable, "must be a time from 1s to 10m, and after it times for single types of events, as in 5s,motion=10s")
			return 0, nil
		case single && !bridge.KnownEvent(kind):
			r.wrong(offDelayVariable, "names a type of event that there isn't; types are the keys in topics, such as motion, line_crossing, intrusion, tamper, video_loss")
			return 0, nil
		case twice || !single && all != 0:
			r.wrong(offDelayVariable, "gives two times for the same")
			return 0, nil
		case single:
			if byType == nil {
				byType = map[string]time.Duration{}
			}
			byType[kind] = d
		default:
			all = d
		}
	}
	return all, byType
}

func (r *reader) pictureInterval(value string) time.Duration {
	if value == "0" || strings.EqualFold(value, "off") {
		return 0
	}
	d, err := time.ParseDuration(value)
	if err == nil && d == 0 {
		return 0
	}
	if err != nil || d < shortestInterval || d > longestInterval {
		r.wrong(pictureVariable, "must be a time from 5s to 24h, as in 30s, or off")
	}
	return d
}
