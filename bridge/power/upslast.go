package power

import (
	"strings"
	"time"
)

const (
	upsTries = 3 // an outage
	// upsAgain is how long all must have been proven since a try: longer than a whole
	// proof takes, quiet and settle, so that the next one rests on a new one.
	upsAgain = 4 * time.Minute
	// upsCarriesOut is how long after mains is back a UPS may still carry out what it
	// was told: shutdown.return is, and delays are minutes at most.
	upsCarriesOut = 30 * time.Minute
)

// UPSDone is what became of SiteOutput.TellUPS: of each there is one.
type UPSDone struct {
	Outcome Outcome // Done: the driver has the command, and said so if it says anything
	Detail  string  // for people, where it isn't Done; empty: it was withheld at the last moment
}

func (UPSDone) siteEvent() {}

// tellUPS has the UPS switched off once no recorder needs it, after its intent.
func (s *Site) tellUPS() {
	s.ready = hold(s.upsMayGo(), s.ready, s.now)
	switch {
	case s.ready.never() || s.telling || s.d.Tries >= upsTries || s.d.UPS == Done:
	case !s.tried.never() && !s.after(s.ready, upsAgain):
	default:
		s.telling, s.tried, s.before = true, s.now, s.d.ToldUPS
		s.d.Tries++
		s.d.UPS, s.d.ToldUPS = Unknown, s.now.Wall
		s.out.TellUPS = true
		s.note("intent: the UPS is told to switch off")
	}
}

// upsMayGo says that mains is gone for the UPS as well, and that nothing needs it: one
// recorder that isn't proven off is enough to keep it.
func (s *Site) upsMayGo() bool {
	return s.cfg.UPSCommand && s.lost() && !s.d.Asked.IsZero() && !s.d.Manual &&
		len(s.stands) > 0 && len(s.unproven()) == 0 && s.upsOnBattery()
}

// unproven names the recorders that may need the UPS.
func (s *Site) unproven() []string {
	var all []string
	for i, x := range s.stands {
		if !x.proven {
			all = append(all, s.cfg.Recorders[i])
		}
	}
	return all
}

// upsOnBattery says that the UPS itself says so now, and not for a test: what else
// hangs on it is cut as well.
func (s *Site) upsOnBattery() bool {
	for i, x := range s.sources {
		if s.cfg.Sources[i].Battery && x.supply == OnBattery && x.silent.never() && x.stale.never() && !x.calibrating {
			return true
		}
	}
	return false
}

// upsDone takes in what became of it. After anything but Done a new try needs a new
// proof of all.
func (s *Site) upsDone(e UPSDone) {
	if !s.telling {
		return
	}
	s.telling, s.ready, s.failure = false, Instant{}, ""
	s.d.UPS = e.Outcome
	s.note("the UPS is told to switch off: " + string(e.Outcome))
	switch e.Outcome {
	case Done:
		return
	case NotSent, Refused, Busy:
		s.d.ToldUPS = s.before
		if e.Detail == "" { // mains is back, or a recorder lives, which is told elsewhere
			return
		}
		s.failure = "the UPS wasn't told to switch off: " + e.Detail
	case Unknown:
		s.failure = "it isn't known whether the UPS switches off: " + e.Detail
	}
}

// TellingUPS says that what SiteOutput.TellUPS asked for is still wanted: it is asked
// again at the last moment.
func (s *Site) TellingUPS() bool { return s.telling && s.upsMayGo() }

// UPSCut is what machines are to be told of it, whenever it changes.
func (s *Site) UPSCut() UPSCut {
	return UPSCut{!s.d.ToldUPS.IsZero() && (s.d.Lost || s.now.Wall.Sub(s.d.Ended) < upsCarriesOut)}
}

// upsBegins forgets what the UPS was told in an outage before.
func (s *Site) upsBegins() {
	s.d.Tries, s.d.UPS, s.tried, s.failure = 0, "", Instant{}, ""
	if s.now.Wall.Sub(s.d.ToldUPS) >= upsCarriesOut {
		s.d.ToldUPS = time.Time{}
	}
}

// upsSentence says for people what the UPS was told, or why it wasn't yet.
func (s *Site) upsSentence() string {
	switch left := s.unproven(); {
	case !s.cfg.UPSCommand:
		return ""
	case s.d.UPS == Done:
		return " The UPS was told to switch off."
	case len(left) > 0:
		return " The UPS stays on for what isn't proven off: " + strings.Join(left, ", ") + "."
	}
	return ""
}
