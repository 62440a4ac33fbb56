package nvr

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"
)

// FirstDay asks for the first day of a month on which a channel has recordings;
// not known when it has none. Times here are those of the device's clock, its
// digits as if they were UTC (see Zone.Wall); month is any time in the month.
func (c *Client) FirstDay(ctx context.Context, channel string, month time.Time) (Maybe[time.Time], error) {
	if !onlyDigits(channel) {
		return Maybe[time.Time]{}, nil
	}
	month = time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC)
	var w struct {
		Days []struct {
			Day    string `xml:"dayOfMonth"`
			Record string `xml:"record"`
		} `xml:"dayList>day"`
	}
	body := fmt.Sprintf("<trackDailyParam><year>%d</year><monthOfYear>%d</monthOfYear></trackDailyParam>", month.Year(), month.Month())
	err := c.search(ctx, pathTracks+"/"+channel+"01/dailyDistribution", body, &w, "trackDailyDistribution")
	if err != nil {
		return Maybe[time.Time]{}, err
	}
	var first Maybe[time.Time]
	for _, d := range w.Days {
		n := number(d.Day)
		if !truth(d.Record).Value || !n.Known || n.Value < 1 || n.Value > 31 {
			continue
		}
		if day := month.AddDate(0, 0, int(n.Value)-1); !first.Known || day.Before(first.Value) {
			first = known(day)
		}
	}
	return first, nil
}

// FirstRecording asks for the beginning of a channel's first recording on a day,
// as FirstDay gives it. One day is asked for, as searches over long spans fail on
// some recorders (DS-7716NI-I4/16P V4.61.030). The "Z" in a search is none.
func (c *Client) FirstRecording(ctx context.Context, channel string, day time.Time) (Maybe[time.Time], error) {
	if !onlyDigits(channel) {
		return Maybe[time.Time]{}, nil
	}
	var w struct {
		Starts []string `xml:"matchList>searchMatchItem>timeSpan>startTime"`
	}
	const form = "2006-01-02T15:04:05Z"
	body := "<CMSearchDescription><searchID>" + searchID() + "</searchID><trackIDList><trackID>" + channel + "01</trackID></trackIDList>" +
		"<timeSpanList><timeSpan><startTime>" + day.Format(form) + "</startTime><endTime>" +
		day.Add(24*time.Hour-time.Second).Format(form) + "</endTime></timeSpan></timeSpanList>" +
		"<maxResults>1</maxResults><searchResultPostion>0</searchResultPostion>" +
		"<metadataList><metadataDescriptor>//recordType.meta.std-cgi.com</metadataDescriptor></metadataList></CMSearchDescription>"
	if err := c.search(ctx, "ContentMgmt/search", body, &w, "CMSearchResult"); err != nil {
		return Maybe[time.Time]{}, err
	}
	if len(w.Starts) == 0 {
		return Maybe[time.Time]{}, nil
	}
	start, ok := deviceTime(text(w.Starts[0]))
	if !ok {
		return Maybe[time.Time]{}, nil
	}
	if start.Before(day) {
		start = day // the file began the evening before
	}
	return known(start), nil
}

// searchID is a UUID, as devices want it.
func searchID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
