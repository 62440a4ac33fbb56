package nvr

import (
	"context"
	"strings"
)

// SMART is a disk's own view of its health.
type SMART struct {
	Temperature Maybe[int] // degrees Celsius
	PowerOnDays Maybe[int]
	// Healthy: both verdicts of the device are good ("ok", "functional"). Not
	// known when none is told or a word isn't known.
	Healthy Maybe[bool]
	// Testing is how far a self-test is, in percent; 0 means that none runs.
	Testing Maybe[int]
}

// SMART asks for the self-test page of the disk with this id as Storage gives it
// (hdd/<id>/SMARTTest/status; the misspellings are the devices'). Network shares
// have none: ErrUnsupported.
func (c *Client) SMART(ctx context.Context, disk string) (SMART, error) {
	path := pathStorage + "/hdd/" + disk + "/SMARTTest/status"
	if !onlyDigits(disk) {
		return SMART{}, &StatusError{Method: "GET", Path: path, HTTP: 403, Sub: "notSupport", remembered: true}
	}
	var w struct {
		Temperature  string `xml:"temprature"`
		Temperature2 string `xml:"temperature"`
		Days         string `xml:"powerOnDay"`
		Self         string `xml:"selfEvaluaingStatus"`
		All          string `xml:"allEvaluaingStatus"`
		Percent      string `xml:"selfTestPercent"`
	}
	if err := c.get(ctx, path, &w, "SMARTTest", "SmartTestStatus"); err != nil {
		return SMART{}, err
	}
	return SMART{
		Temperature: within(firstOf(w.Temperature, w.Temperature2), -40, 150),
		PowerOnDays: within(w.Days, 0, 100_000),
		Healthy:     healthy(w.Self, w.All),
		Testing:     within(w.Percent, 0, 100),
	}, nil
}

// within reads a number that makes sense; another one isn't known.
func within(s string, low, high int64) Maybe[int] {
	n := number(s)
	if !n.Known || n.Value < low || n.Value > high {
		return Maybe[int]{}
	}
	return known(int(n.Value))
}

// healthy joins the verdicts: one bad word is enough.
func healthy(words ...string) Maybe[bool] {
	good, odd := false, false
	for _, w := range words {
		switch strings.ToLower(text(w)) {
		case "error", "fail", "fault":
			return known(false)
		case "ok", "functional":
			good = true
		case "":
		default:
			odd = true
		}
	}
	return Maybe[bool]{Value: good && !odd, Known: good && !odd}
}
