package nvr_test

import (
	"testing"
	"time"

	"hikbridge/nvr"
)

func TestDeviceTimeIsItsDigitsReadByItsRule(t *testing.T) {
	const israel = "CST-2:00:00DST01:00:00,M3.5.5/02:00:00,M10.5.0/02:00:00"
	const berlin = "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00"
	const newYork = "CST+5:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00"
	const sydney = "CST-10:00:00DST01:00:00,M10.1.0/02:00:00,M4.1.0/03:00:00"
	tests := []struct{ name, rule, local, about, want string }{
		{"winter has the standard offset", israel, "2026-01-15T12:00:00+02:00", "", "2026-01-15T10:00:00Z"},
		{"summer is an hour more though the standard offset is printed", israel, "2026-07-15T12:00:00+02:00", "", "2026-07-15T09:00:00Z"},
		{"no offset printed", berlin, "2026-07-15T12:00:00", "", "2026-07-15T10:00:00Z"},
		{"a second before the change in spring", berlin, "2026-03-29T01:59:59", "", "2026-03-29T00:59:59Z"},
		{"just after it", berlin, "2026-03-29T03:00:00", "", "2026-03-29T01:00:00Z"},
		{"the doubled hour, when it is still summer", berlin, "2026-10-25T02:30:00", "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z"},
		{"the doubled hour, the second time", berlin, "2026-10-25T02:30:00", "2026-10-25T01:30:00Z", "2026-10-25T01:30:00Z"},
		{"after it", berlin, "2026-10-25T03:00:00", "", "2026-10-25T02:00:00Z"},
		{"west of Greenwich", newYork, "2026-07-04T08:00:00-05:00", "", "2026-07-04T12:00:00Z"},
		{"southern summer lies over the turn of the year", sydney, "2026-01-10T12:00:00", "", "2026-01-10T01:00:00Z"},
		{"southern winter", sydney, "2026-07-10T12:00:00", "", "2026-07-10T02:00:00Z"},
		{"no summer time", "CST-5:30:00", "2026-07-10T12:00:00", "", "2026-07-10T06:30:00Z"},
		{"half an hour of summer", "CST-10:30:00DST00:30:00,M10.1.0/02:00:00,M4.1.0/02:00:00", "2026-01-10T12:00:00", "", "2026-01-10T01:00:00Z"},
		{"POSIX' own absolute summer offset", "CET-1CEST-2,M3.5.0,M10.5.0/3", "2026-07-15T12:00:00", "", "2026-07-15T10:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z, err := nvr.ParseZone(tt.rule)
			if err != nil {
				t.Fatal(err)
			}
			about := mustTime(t, tt.want)
			if tt.about != "" {
				about = mustTime(t, tt.about)
			}
			got, err := z.Time(tt.local, about)
			if err != nil || !got.Equal(mustTime(t, tt.want)) {
				t.Fatalf("got %v, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func mustTime(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestRulesThatCannotBeReadAreNoRule(t *testing.T) {
	for _, rule := range []string{"", "UTC", "-1", "CST", "CST-", "CST-1:00:00DST", "CST-1DST1", "CST-1DST1,M3.5.0",
		"CST-1DST1,M13.5.0,M10.5.0", "CST-1DST1,M3.6.0,M10.5.0", "CST-1DST1,J60,J300", "CST-99", "CST-1:77:00", "Europe/Berlin"} {
		if z, err := nvr.ParseZone(rule); err == nil {
			t.Errorf("%q was read as %+v", rule, z)
		}
	}
}

func FuzzZone(f *testing.F) {
	f.Add("CST-2:00:00DST01:00:00,M3.5.5/02:00:00,M10.5.0/02:00:00", "2026-07-15T12:00:00+02:00")
	f.Add("CET-1CEST-2,M3.5.0,M10.5.0/3", "2026-10-25T02:30:00")
	f.Fuzz(func(t *testing.T, rule, local string) {
		z, err := nvr.ParseZone(rule)
		if err != nil {
			return
		}
		about := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
		at, err := z.Time(local, about)
		if err != nil {
			return
		}
		wall, _ := time.Parse("2006-01-02T15:04:05", local[:min(len(local), 19)])
		if d := at.Sub(wall).Abs(); !wall.IsZero() && d > 27*time.Hour {
			t.Fatalf("%q by %q is %v away from its digits", local, rule, d)
		}
	})
}
