package power_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hikbridge/bridge/power"
)

// heard takes a word of a source, also an absurd one.
func (p *tape) heard(sources int) power.Heard {
	b := p.byte()
	h := power.Heard{Source: p.byte() % sources, Supply: of(p, power.OnBattery, power.OnMains, power.SupplyUnknown, power.OnBattery, ""), Low: b&3 == 3, Calibrating: b&12 == 12, Retained: b&192 == 192}
	if b&16 != 0 {
		h.ChargeTold, h.Charge = true, of(p, 90, 50, 10, -1, 1000, math.MaxInt, math.MinInt)
	}
	if b&32 != 0 {
		h.RuntimeTold, h.Runtime = true, of(p, 20*time.Minute, time.Minute, 0, -time.Hour, math.MaxInt64, math.MinInt64)
	}
	return h
}

// siteConfig takes one of an owner's.
func (p *tape) siteConfig() power.SiteConfig {
	b := p.byte()
	c := power.SiteConfig{All: b&1 != 0, UPSCommand: b&32 != 0, OnBattery: of(p, 0, time.Second, time.Hour, -time.Hour), Deadline: of(p, 0, time.Second, math.MaxInt64/4), Charge: of(p, 0, -1, 200), Floor: of(p, 0, -1, 200), Parallel: of(p, 0, 1, -1, 100)}
	for i := range b >> 1 & 3 {
		c.Sources = append(c.Sources, power.SourceConfig{Name: fmt.Sprint("s", i), Battery: p.yes()})
	}
	for i := range b >> 3 & 3 {
		c.Recorders = append(c.Recorders, fmt.Sprint("r", i))
	}
	return c
}

// siteMemory takes a record that a program finds, which may be none of ours.
func (p *tape) siteMemory() *power.SiteRecord {
	b := p.byte()
	if b&1 == 0 {
		return nil
	}
	d := power.SiteMemory{Number: of[uint64](p, 7, 0, math.MaxUint64), Manual: b&2 != 0, Lost: b&4 != 0, Low: b&8 != 0, Saying: []string{"s0", "x"},
		OnBattery: of(p, time.Minute, 0, -time.Hour, math.MaxInt64, time.Hour), Outage: of[uint64](p, 3, 0, math.MaxUint64)}
	if b&32 != 0 {
		d.Asked = epoch
	}
	for range p.byte() % 5 {
		d.Shutdowns = append(d.Shutdowns, power.Instant{Wall: epoch.Add(of(p, -time.Hour, time.Hour, -290*365*24*time.Hour, 290*365*24*time.Hour)), Mono: of(p, 0, time.Duration(math.MaxInt64), time.Duration(math.MinInt64))})
	}
	return &power.SiteRecord{At: epoch.Add(of(p, 0, time.Hour, -time.Hour, 290*365*24*time.Hour)), Memory: d}
}

// playSite plays a tape and says what went wrong.
func playSite(b []byte, log *strings.Builder) (wrong string) {
	p := &tape{b}
	cfg := p.siteConfig()
	record := p.siteMemory()
	now := power.Instant{Wall: epoch, Mono: time.Second}
	var s *power.Site
	battery := false // somebody said so in this process, or on record
	fail := func(format string, args ...any) {
		if wrong == "" {
			wrong = fmt.Sprintf(format, args...)
		}
	}
	say := func(format string, args ...any) {
		if log != nil {
			fmt.Fprintf(log, "%12v  %s\n", now.Mono, fmt.Sprintf(format, args...))
		}
	}
	asked := uint64(0)
	proven := map[int]bool{}
	telling := false
	take := func(out power.SiteOutput) {
		if out.Wake >= 0 && out.Wake <= now.Mono || out.Wake < -1 {
			fail("wake %v at %v", out.Wake, now.Mono)
		}
		if out.Record != nil {
			say("record: %s", strings.Join(out.Record.What, "; "))
			if len(out.Record.What) > 5 || len(out.Record.Memory.Shutdowns) > 3 || out.Record.Memory.OnBattery < 0 {
				fail("record %+v", out.Record)
			}
			record = out.Record
		}
		d := s.Memory()
		if d.Outage < asked {
			fail("outage %d after %d", d.Outage, asked)
		}
		asked = d.Outage
		if out.TellUPS {
			all := len(cfg.Recorders) > 0
			for i := range cfg.Recorders {
				m, known := s.Mains(i)
				all = all && proven[i] && known && m.Lost
			}
			if !all || telling || !cfg.UPSCommand || out.Record == nil || d.Manual || d.Asked.IsZero() || d.Tries > 3 || !s.TellingUPS() || !s.UPSCut().Told {
				fail("the UPS is told, with %+v", d)
			}
			telling = true
		}
		for i := range cfg.Recorders {
			switch m, known := s.Mains(i); {
			case m.Lost && m.Stable || m.Low && !m.Lost || m.Outage != 0 && !m.Lost || (m.Deadline > 0) != m.Lost:
				fail("told %+v", m)
			case m.Outage != 0 && (d.Manual || m.Outage != d.Outage || d.Asked.IsZero()):
				fail("told %+v with %+v", m, d)
			case known && m.Outage != 0 && !battery:
				fail("it asks, and nobody said battery")
			}
		}
		text, _ := s.Problem()
		if status := s.Status(); status == "" || len(status) > 255 || !utf8.ValidString(status) || len(text) > 1000 {
			fail("%q, %q", status, text)
		}
		s.PlannedFor()
		s.Lost()
	}
	restart := func(clock time.Duration) {
		now = power.Instant{Wall: now.Wall.Add(clock), Mono: time.Second}
		var records []power.SiteRecord
		if record != nil {
			records = []power.SiteRecord{*record}
			battery = record.Memory.Lost
		}
		var out power.SiteOutput
		clear(proven)
		telling = false
		s, out = power.RestoreSite(cfg, now, records)
		asked = s.Memory().Outage
		take(out)
	}
	restart(0)
	for n := 0; len(p.left) > 0 && wrong == "" && n < 60; n++ {
		var e power.SiteEvent = power.Tick{}
		switch op := p.byte() % 12; {
		case op < 5 && len(cfg.Sources) > 0:
			h := p.heard(len(cfg.Sources))
			battery = battery || h.Supply == power.OnBattery
			e = h
		case op == 5 && len(cfg.Recorders) > 0:
			x := power.Stands{Recorder: p.byte() % len(cfg.Recorders), State: power.States[p.byte()%len(power.States)], Budget: of(p, time.Minute, 0, 5*time.Minute, -time.Hour, math.MaxInt64/4)}
			x.Proven = x.State == power.Safe || x.State == power.Off
			proven[x.Recorder] = x.Proven
			e = x
		case op == 6:
			e = power.Automatic{On: p.yes()}
		case op == 7:
			restart(of(p, time.Second, time.Hour, -time.Hour, 100*365*24*time.Hour, -100*365*24*time.Hour))
		case op == 8:
			now.Wall = now.Wall.Add(of(p, time.Hour, -time.Hour, 100*365*24*time.Hour, -100*365*24*time.Hour))
		case op == 10:
			e = power.UPSDone{Outcome: of(p, power.Done, power.Unknown, power.NotSent, power.Refused), Detail: "why"}
			telling = false
		default:
			d := of(p, times...)
			now.Mono += d
			now.Wall = now.Wall.Add(d)
		}
		say("%T %+v", e, e)
		take(s.Step(now, e))
	}
	return wrong
}

// FuzzSite lets anything be said to the outage rule at any time, on any record.
func FuzzSite(f *testing.F) {
	// One ordinary outage; one at low battery with a restart; one found on record, of two sources.
	site, battery, mains := []byte{10, 0, 0, 0, 0, 0, 0, 0}, []byte{0, 0, 0, 0}, []byte{0, 0, 0, 1}
	f.Add(slices.Concat(site, battery, []byte{9, 16, 5, 0, 4, 0, 5, 0, 5, 0}, mains, []byte{9, 15}))
	f.Add(slices.Concat(site, []byte{0, 51, 0, 0, 0, 0, 9, 9, 7, 1}, battery, []byte{9, 16}, mains, []byte{9, 18}))
	f.Add(slices.Concat([]byte{13, 0, 0, 0, 0, 0, 0, 1, 37, 0, 0, 0, 1, 0, 0, 0, 9, 17}, mains, []byte{9, 12, 9, 15}))
	// One that ends with the UPS.
	f.Add(slices.Concat([]byte{42, 0, 0, 0, 0, 0, 1, 0, 0, 16, 0, 0, 0, 9, 10, 9, 16, 5, 0, 7, 0, 10, 3, 0, 9, 16, 10, 0, 0}, mains))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 200 {
			return
		}
		if wrong := playSite(b, nil); wrong != "" {
			var log strings.Builder
			playSite(b, &log)
			t.Fatalf("%s\n%s", wrong, log.String())
		}
	})
}
