package power

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lost says whether an outage lasts; known is false while no source says how mains is.
func (s *Site) Lost() (lost, known bool) {
	return s.d.Lost, s.d.Lost || slices.ContainsFunc(s.sources, s.speaks)
}

// PlannedFor is when the outage will ask for a shutdown, unless the charge is down
// before, or has begun to; zero if it won't.
func (s *Site) PlannedFor() time.Time {
	switch {
	case s.d.Manual:
		return time.Time{}
	case !s.d.Asked.IsZero():
		return s.d.Asked
	case !s.lost() || s.limited():
		return time.Time{}
	}
	return s.now.plus(s.due() - s.now.Mono).Wall
}

// Status says in a sentence or two, for a person, how mains is, what will be done, and
// which recorders are in its way.
func (s *Site) Status() string {
	text := s.sentence()
	if way := s.InTheWay(); len(way) > 0 {
		text += " In the way: " + strings.Join(way, ", ") + "."
	}
	return clip(text, 255)
}

func (s *Site) sentence() string {
	since := s.d.Since.Format("15:04")
	switch {
	case s.lost():
		return "Mains has been lost since " + since + ", as " + strings.Join(s.saying(), ", ") + " said. " + s.plan()
	case s.d.Lost && !s.good.never():
		return "Mains is back; that counts after 30 s."
	case s.d.Lost:
		return "Mains was lost at " + since + ". It isn't known whether it is back."
	case !s.lostAt.never():
		return "Mains is gone, as " + strings.Join(s.saying(), ", ") + " said; that counts after 10 s."
	case s.good.never():
		return "It isn't known whether mains is there."
	case !slices.ContainsFunc(s.d.Stopped, s.waits):
		return "Mains is there."
	case !s.after(s.good, stableFor):
		return "Mains is back. Recorders come back once it has been there for 2 minutes, at " + s.good.plus(stableFor).Wall.Format("15:04:05") + "."
	case !s.stable():
		latest := s.good.plus(chargeWait).Wall.Format("15:04")
		if percent, ok := s.charge(OnMains, OnBattery); ok {
			return fmt.Sprintf("Mains is back. Recorders come back once the battery has charged to %d %% (now %d %%), at %s at the latest.", s.cfg.Floor, percent, latest)
		}
		return "Mains is back. The battery was low and doesn't tell its charge: recorders come back at " + latest + "."
	}
	return "Mains is back, and recorders come back."
}

// waits says that it is to come back, and hasn't begun to. Nobody brings back one that
// was removed or renamed.
func (s *Site) waits(x Stopped) bool {
	return slices.Contains(s.cfg.Recorders, x.Recorder) && (x.State == Confirming || stand{state: x.State}.down())
}

// Why says, for the log book, since when mains is lost, who said so and what asks for a
// shutdown; empty while nothing does.
func (s *Site) Why() string {
	if !s.lost() || s.d.Asked.IsZero() {
		return ""
	}
	text := "mains lost since " + s.d.Since.Format("15:04:05") + ", as " + strings.Join(s.saying(), ", ") + " said"
	if asks := s.reason(); asks != "" {
		text += "; " + asks
	}
	return text
}

// plan is what will be done about the loss.
func (s *Site) plan() string {
	switch {
	case s.d.Manual:
		return "The automatic shutdown is switched off."
	case !s.d.Asked.IsZero() && !slices.ContainsFunc(s.stands, func(x stand) bool { return !x.down() }):
		return "The recorders have been shut down." + s.upsSentence()
	case !s.d.Asked.IsZero():
		return "Recorders are being shut down."
	case s.limited():
		return "Outages have shut recorders down three times within a day: now only low battery does."
	}
	return "A shutdown is planned for " + s.PlannedFor().Format("15:04") + "."
}

// InTheWay names the recorders that an outage asked a minute ago and that aren't
// going down, with their states.
func (s *Site) InTheWay() []string {
	var all []string
	if !s.lost() {
		return all
	}
	for i, x := range s.stands {
		goes := x.state == CountingDown || x.state == ShuttingDown || x.state == Confirming
		if s.after(x.turn, wayTold) && !goes && !x.down() {
			all = append(all, s.cfg.Recorders[i]+" ("+string(x.state)+")")
		}
	}
	return all
}

// Problem says what is wrong with the sources and the UPS; empty if nothing is. needs says that a
// person must look.
func (s *Site) Problem() (text string, needs bool) {
	off := slices.ContainsFunc(s.stands, stand.down)
	var all []string
	for i, x := range s.sources {
		name := s.cfg.Sources[i].Name
		switch {
		case s.after(x.silent, silentTold):
			all = append(all, name+" is silent")
			needs = needs || s.after(x.silent, silentNeeds) || off && s.after(x.silent, silentOff)
		case s.counts(x) && !s.believed(i):
			all = append(all, name+" is on battery without telling its charge, or tests itself: it isn't believed alone")
		}
	}
	if s.after(s.differ, contradictFor) {
		all = append(all, "only "+strings.Join(s.saying(), ", ")+" says that mains is lost")
	}
	if s.failure != "" {
		all, needs = append(all, s.failure), true
	}
	return strings.Join(all, "; "), needs
}
