package nvr

import (
	"context"
	"strconv"
	"strings"
)

const pathTracks = "ContentMgmt/record/tracks"

// Track is the recording plan of a channel's main stream.
type Track struct {
	// Channel is the number in the track's id: 101 is the main stream of 1.
	Channel string
	// Scheduled is the real switch of the plan (enableSchedule; the track's own
	// Enable reads false on every recorder seen and means nothing).
	Scheduled Maybe[bool]
	// Continuous says that all of the plan is continuous recording and covers the
	// whole week, so that a channel that doesn't record fails to.
	Continuous bool
}

// Tracks asks for the recording plans. Cameras without storage and some firmware
// don't have them: ErrUnsupported.
func (c *Client) Tracks(ctx context.Context) ([]Track, error) {
	type moment struct {
		Day  string `xml:"DayOfWeek"`
		Time string `xml:"TimeOfDay"`
	}
	var w struct {
		Tracks []struct {
			ID      string   `xml:"id"`
			Enabled []string `xml:"CustomExtensionList>CustomExtension>enableSchedule"`
			Blocks  []struct {
				Start moment `xml:"ScheduleActionStartTime"`
				End   moment `xml:"ScheduleActionEndTime"`
				Mode  string `xml:"Actions>ActionRecordingMode"`
			} `xml:"TrackSchedule>ScheduleBlockList>ScheduleBlock>ScheduleAction"`
		} `xml:"Track"`
	}
	if err := c.get(ctx, pathTracks, &w, "TrackList"); err != nil {
		return nil, err
	}
	var all []Track
	for _, t := range w.Tracks {
		id := number(t.ID)
		if !id.Known || id.Value%100 != 1 || id.Value < 0 || len(all) == maxChannels {
			continue
		}
		one := Track{Channel: strconv.FormatInt(id.Value/100, 10), Scheduled: truth(firstOf(t.Enabled...))}
		week := map[string]bool{}
		one.Continuous = len(t.Blocks) > 0
		for _, b := range t.Blocks {
			whole := midnight(b.Start.Time) && midnight(b.End.Time) && !strings.EqualFold(text(b.Start.Day), text(b.End.Day))
			week[strings.ToLower(text(b.Start.Day))] = whole
			one.Continuous = one.Continuous && whole && strings.EqualFold(text(b.Mode), "CMR")
		}
		one.Continuous = one.Continuous && len(week) == 7
		all = append(all, one)
	}
	return all, nil
}

// midnight: a whole day is written "Monday 00:00:00" to "Tuesday 00:00:00".
func midnight(s string) bool { return strings.HasPrefix(text(s), "00:00") }
