package nvr

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const pathTime = "System/time"

// Clock is a device's clock.
type Clock struct {
	// Difference is how far it is ahead of ours (negative: behind), measured
	// against the middle of the request; the device's resolution is one second.
	// Not known when the device tells no time zone rule that can be read: the
	// offset printed in localTime is wrong in summer on many (seen on three
	// recorders), so it isn't used.
	Difference Maybe[time.Duration]
	Zone       Maybe[Zone]
}

// Clock asks for the device's clock.
func (c *Client) Clock(ctx context.Context) (Clock, error) {
	var w struct {
		Local string `xml:"localTime"`
		Zone  string `xml:"timeZone"`
	}
	asked := time.Now()
	if err := c.get(ctx, pathTime, &w, "Time"); err != nil {
		return Clock{}, err
	}
	middle := asked.Add(time.Since(asked) / 2)
	zone, err := ParseZone(w.Zone)
	if err != nil {
		return Clock{}, nil
	}
	clock := Clock{Zone: known(zone)}
	if device, err := zone.Time(w.Local, middle); err == nil {
		clock.Difference = known(device.Sub(middle).Round(time.Second))
	}
	return clock, nil
}

// Zone is a device's time zone rule, such as
// "CST-2:00:00DST01:00:00,M3.5.5/02:00:00,M10.5.0/02:00:00" (DVR, V4.x): the
// form is POSIX's, the sign too (CST-2 is two hours east), but an unsigned time
// of at most two hours behind the summer name is what the clock is put forward.
type Zone struct {
	standard   time.Duration // east of UTC
	summer     time.Duration // east of UTC
	hasSummer  bool
	start, end transition
}

// transition is POSIX's Mm.w.d/time.
type transition struct {
	month, week, day int
	at               time.Duration
}

var errZone = errors.New("no time zone rule")

// ParseZone reads a device's time zone rule.
func ParseZone(s string) (Zone, error) {
	main, rules, hasRules := strings.Cut(strings.TrimSpace(s), ",")
	rest, ok := zoneName(main)
	if !ok {
		return Zone{}, errZone
	}
	west, rest, ok := zoneTime(rest)
	if !ok {
		return Zone{}, errZone
	}
	z := Zone{standard: -west}
	if rest == "" {
		return z, nil
	}
	if rest, ok = zoneName(rest); !ok || !hasRules {
		return Zone{}, errZone
	}
	z.hasSummer, z.summer = true, z.standard+time.Hour
	if rest != "" {
		d, tail, ok := zoneTime(rest)
		if !ok || tail != "" {
			return Zone{}, errZone
		}
		if rest[0] != '-' && rest[0] != '+' && d > 0 && d <= 2*time.Hour {
			z.summer = z.standard + d
		} else {
			z.summer = -d
		}
	}
	start, end, ok := strings.Cut(rules, ",")
	if !ok {
		return Zone{}, errZone
	}
	var err error
	if z.start, err = parseTransition(start); err != nil {
		return Zone{}, err
	}
	z.end, err = parseTransition(end)
	return z, err
}

// zoneName drops the letters of a zone's name.
func zoneName(s string) (rest string, ok bool) {
	rest = strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
	return rest, rest != s
}

// zoneTime reads [+-]h[h][:mm[:ss]] of at most 24 hours.
func zoneTime(s string) (d time.Duration, rest string, ok bool) {
	sign := time.Duration(1)
	digits := s
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		if digits[0] == '-' {
			sign = -1
		}
		digits = digits[1:]
	}
	end := strings.IndexFunc(digits, func(r rune) bool { return r != ':' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(digits)
	}
	parts := strings.Split(digits[:end], ":")
	if len(parts) > 3 {
		return 0, "", false
	}
	for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second}[:len(parts)] {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n > 59 {
			return 0, "", false
		}
		d += time.Duration(n) * unit
	}
	return sign * d, digits[end:], d <= 24*time.Hour
}

func parseTransition(s string) (t transition, err error) {
	day, at, hasTime := strings.Cut(strings.TrimSpace(s), "/")
	t.at = 2 * time.Hour
	if hasTime {
		d, rest, ok := zoneTime(at)
		if !ok || rest != "" {
			return t, errZone
		}
		t.at = d
	}
	if n, err := fmt.Sscanf(day, "M%d.%d.%d", &t.month, &t.week, &t.day); n != 3 || err != nil {
		return t, errZone
	}
	if t.month < 1 || t.month > 12 || t.week < 1 || t.week > 5 || t.day < 0 || t.day > 6 {
		return t, errZone
	}
	return t, nil
}

// in gives the transition's wall clock in a year, as if it were UTC.
func (t transition) in(year int) time.Time {
	first := time.Date(year, time.Month(t.month), 1, 0, 0, 0, 0, time.UTC)
	day := 1 + (t.day-int(first.Weekday())+7)%7 + (t.week-1)*7
	if last := first.AddDate(0, 1, -1).Day(); day > last {
		day -= 7
	}
	return first.AddDate(0, 0, day-1).Add(t.at)
}

// Time reads the digits of a device's local time by the rule; what is printed
// behind the seconds is ignored. In the hour that autumn has twice it takes the
// reading nearer to about.
func (z Zone) Time(local string, about time.Time) (time.Time, error) {
	local = strings.TrimSpace(local)
	if len(local) > 19 {
		local = local[:19]
	}
	wall, err := time.Parse("2006-01-02T15:04:05", local)
	if err != nil {
		return time.Time{}, fmt.Errorf("device time: %w", err)
	}
	standard := wall.Add(-z.standard)
	if !z.hasSummer {
		return standard, nil
	}
	summer := wall.Add(-z.summer)
	inSummer, inStandard := z.isSummer(wall, z.summer), !z.isSummer(wall, z.standard)
	switch {
	case inSummer && inStandard:
		if summer.Sub(about).Abs() < standard.Sub(about).Abs() {
			return summer, nil
		}
		return standard, nil
	case inSummer:
		return summer, nil
	}
	return standard, nil
}

// Wall gives the digits that a right clock shows at a moment, as if they were
// UTC. It is how searches want their times.
func (z Zone) Wall(t time.Time) time.Time {
	t = t.UTC()
	if summer := t.Add(z.summer); z.hasSummer && z.isSummer(summer, z.summer) {
		return summer
	}
	return t.Add(z.standard)
}

// isSummer says whether a wall clock that shows the given offset lies between
// the transitions: the start is told in standard time, the end in summer time.
func (z Zone) isSummer(wall time.Time, offset time.Duration) bool {
	utc := wall.Add(-offset)
	start := z.start.in(wall.Year()).Add(-z.standard)
	end := z.end.in(wall.Year()).Add(-z.summer)
	if start.Before(end) {
		return !utc.Before(start) && utc.Before(end)
	}
	return !utc.Before(start) || utc.Before(end)
}
