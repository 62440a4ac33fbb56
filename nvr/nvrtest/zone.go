package nvrtest

import (
	"strconv"
	"strings"
	"time"
)

// zone is a time zone as devices write it: a POSIX rule in which the number
// after the summer name is the shift, "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,
// M10.5.0/03:00:00" for example (System/time of DS-7608NXI-I2 and others).
type zone struct {
	east       time.Duration // of standard time
	shift      time.Duration // in summer; 0: no summer time
	start, end change
}

// change is the moment Mm.w.d/time.
type change struct {
	month     time.Month
	week, day int
	at        time.Duration
}

// parseZone reads a rule; what it can't read is UTC without summer time.
func parseZone(rule string) zone {
	standard, summer, found := strings.Cut(rule, ",")
	var z zone
	head := strings.TrimLeft(standard, letters)
	offset := head
	if i := strings.IndexAny(head, letters); i >= 0 {
		offset = head[:i]
		z.shift = clockTime(strings.TrimLeft(head[i:], letters))
	}
	z.east = -clockTime(offset)
	from, to, _ := strings.Cut(summer, ",")
	var ok1, ok2 bool
	z.start, ok1 = parseChange(from)
	z.end, ok2 = parseChange(to)
	if !found || !ok1 || !ok2 {
		z.shift = 0
	}
	return z
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// clockTime reads [-]h[:m[:s]].
func clockTime(s string) time.Duration {
	sign := time.Duration(1)
	if rest, minus := strings.CutPrefix(s, "-"); minus {
		sign, s = -1, rest
	}
	var d time.Duration
	unit := time.Hour
	for part := range strings.SplitSeq(strings.TrimPrefix(s, "+"), ":") {
		n, _ := strconv.Atoi(part)
		d += time.Duration(n) * unit
		unit /= 60
	}
	return sign * d
}

func parseChange(s string) (change, bool) {
	date, at, _ := strings.Cut(s, "/")
	parts := strings.Split(strings.TrimPrefix(date, "M"), ".")
	if !strings.HasPrefix(date, "M") || len(parts) != 3 {
		return change{}, false
	}
	var n [3]int
	for i, p := range parts {
		n[i], _ = strconv.Atoi(p)
	}
	return change{month: time.Month(n[0]), week: n[1], day: n[2], at: clockTime(at)}, true
}

// in gives the wall clock's moment of a year, written as if it were UTC.
func (c change) in(year int) time.Time {
	first := time.Date(year, c.month, 1, 0, 0, 0, 0, time.UTC)
	day := 1 + (c.day-int(first.Weekday())+7)%7 + 7*(c.week-1)
	for last := first.AddDate(0, 1, -1).Day(); day > last; {
		day -= 7
	}
	return time.Date(year, c.month, day, 0, 0, 0, 0, time.UTC).Add(c.at)
}

// wall gives the digits of the device's clock at t, written as if they were UTC.
func (z zone) wall(t time.Time) time.Time {
	standard := t.UTC().Add(z.east)
	if z.summer(standard) {
		return standard.Add(z.shift)
	}
	return standard
}

func (z zone) summer(standard time.Time) bool {
	if z.shift == 0 {
		return false
	}
	start := z.start.in(standard.Year())
	end := z.end.in(standard.Year()).Add(-z.shift)
	if start.Before(end) {
		return !standard.Before(start) && standard.Before(end)
	}
	return !standard.Before(start) || standard.Before(end)
}

// localTime writes t as devices do: the right digits with the offset of standard
// time, also in summer (three recorders in the US and Israel).
func (z zone) localTime(t time.Time) string {
	fixed := time.FixedZone("", int(z.east/time.Second))
	w := z.wall(t)
	return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, fixed).Format("2006-01-02T15:04:05-07:00")
}
