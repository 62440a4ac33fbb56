package power

import (
	"fmt"
	"slices"
	"time"
)

// Told is what a question brought. NotTold means that no answer came, which is
// never taken for No; NotOffered that this device has no such answer.
type Told int8

const (
	NotTold Told = iota
	No
	Yes
	NotOffered
)

// Seen is a fact with what it was seen from.
type Seen struct {
	Told     Told
	Evidence string
}

// SignIn is what became of the account.
type SignIn string

const (
	SignInUnknown SignIn = ""
	SignInOK      SignIn = "ok"
	SignInDenied  SignIn = "denied" // rejected or locked; the evidence says until when
)

// Facts are what was collected before a power action. Look fills in what hard
// findings need: all up to Formatting.
type Facts struct {
	Serial, Firmware string
	SignIn           SignIn
	SignInEvidence   string
	Right, Support   Seen
	Upgrading        Seen
	Formatting       Seen

	Repairing, RAIDError, SelfTest         Seen
	Exporting, Downloading                 Seen
	People, OtherAdmin                     Seen
	PlugReachable, PlugReturns             Seen // its power-on default is on
	WitnessAnswers, FixedAddress           Seen
	ClockWrong, RuntimeShort, FeedsCameras Seen

	Before Before
}

// Before is what the verification after the boot compares with.
type Before struct {
	Address           string
	FixedAddress      bool
	Uptime            time.Duration
	UptimeTold        bool
	Online, Recording []string // channels
	Disks             []string // id and status
}

// Severity of a finding.
type Severity string

const (
	Hard Severity = "hard" // blocks
	Soft Severity = "soft" // blocks once
	Info Severity = "info"
)

// Finding is something that speaks against a power action.
type Finding struct {
	ID, Text, Advice, Evidence string
	Severity                   Severity
}

// Circumstances are what a preflight depends on beside the facts.
type Circumstances struct {
	Action      Action
	Low         bool   // low battery
	Serial      string // seen before
	Learned     Learned
	Plug        Plug
	MeterFresh  bool
	Witness     bool
	Often       bool // more than one shutdown in 24 h, or three in seven days
	Daily       int  // days of the last seven with a shutdown at about this time of day
	DrillNeeded bool // the owner lets no outage act without a passed drill
}

// Preflight judges facts. What gave no answer is soft by hand and passes in an
// outage; identity and sign-in must be known.
func Preflight(f Facts, c Circumstances) []Finding {
	var found []Finding
	outage, hands := c.Action == Outage, c.Action != Outage
	add := func(s Severity, id, text, advice, evidence string) {
		found = append(found, Finding{ID: id, Severity: s, Text: text, Advice: advice, Evidence: evidence})
	}
	// seen adds a finding for a Yes, and a soft one by hand if no answer came.
	seen := func(s Severity, id string, x Seen, text, advice string) {
		switch {
		case x.Told == Yes:
			add(s, id, text, advice, x.Evidence)
		case x.Told == NotTold && hands:
			add(Soft, id, "It isn't known, as no answer came: "+text, "Look at the recorder's screen, then ask again.", x.Evidence)
		case x.Told == NotOffered:
			add(Info, id, "It isn't known, as this recorder doesn't tell it: "+text, "", x.Evidence)
		}
	}
	drilled := c.Learned.on(f.Firmware)
	switch f.SignIn {
	case SignInOK:
	case SignInDenied:
		add(Hard, "sign_in", "The recorder doesn't accept the account now.", "Correct the password, or wait until the lock ends.", f.SignInEvidence)
	default:
		add(Hard, "sign_in", "It isn't known whether the recorder accepts the account.", "Wait until it answers.", f.SignInEvidence)
	}
	if len(found) > 0 {
		return found // nobody was asked anything else
	}
	switch {
	case f.Serial == "":
		add(Hard, "identity", "The recorder didn't tell its serial number.", "Wait until it answers.", "")
	case c.Serial != "" && f.Serial != c.Serial:
		add(Hard, "identity", "Another device answers at this address.", "Correct the address, or forget the old recorder with purge.", f.Serial)
	}
	switch {
	case f.Right.Told == No:
		add(Hard, "right", "The account may not shut the recorder down.", "Give the user the right Remote: Shutdown/Reboot.", f.Right.Evidence)
	case f.Right.Told != Yes && c.Action == Drill:
		add(Info, "right", "It isn't known whether the account may shut the recorder down.", "The drill shows it.", f.Right.Evidence)
	case f.Right.Told != Yes && !drilled && hands:
		add(Soft, "right", "It isn't known whether the account may shut the recorder down.", "A drill proves it.", f.Right.Evidence)
	}
	switch {
	case drilled || f.Support.Told == Yes:
	case f.Support.Told == No:
		add(Hard, "support", "The recorder refuses to be shut down from outside.", "Shut it down in its own menu.", f.Support.Evidence)
	default:
		add(Info, "support", "It isn't known whether the recorder can be shut down from outside.", "A drill proves it.", f.Support.Evidence)
	}
	seen(Hard, "upgrade", f.Upgrading, "A firmware upgrade runs.", "Wait until it has ended.")
	seen(Hard, "formatting", f.Formatting, "A disk is being formatted.", "Wait until it has ended.")
	seen(Soft, "repairing", f.Repairing, "A disk is being repaired.", "Wait until it has ended.")
	seen(Soft, "raid", f.RAIDError, "The disk array reports an error.", "Look at the array first.")
	seen(Soft, "self_test", f.SelfTest, "A disk tests itself.", "Wait until it has ended.")
	seen(Soft, "export", f.Exporting, "Recordings or settings are being exported.", "Wait until it has ended.")
	switch {
	case f.Downloading.Told == Yes:
		add(Soft, "download", "Somebody downloads recordings.", "Ask them, or wait.", f.Downloading.Evidence)
	default:
		add(Info, "download", "No download was seen; a recorder doesn't list all of them.", "", f.Downloading.Evidence)
	}
	switch {
	case f.OtherAdmin.Told == Yes && hands:
		add(Soft, "people", "Another administrator is signed in.", "Ask them first.", f.OtherAdmin.Evidence)
	case f.People.Told == Yes || f.OtherAdmin.Told == Yes:
		add(Info, "people", "Somebody else is signed in to the recorder.", "", f.People.Evidence)
	}
	if !drilled && c.Action != Drill {
		severity := Info
		switch {
		case outage && c.DrillNeeded && c.Low:
			severity = Soft
		case outage && c.DrillNeeded:
			severity = Hard
		}
		add(severity, "drill", "No drill was passed on this firmware.", "Do a shutdown drill while somebody is at the recorder.", "")
	}
	plug(f, c, add)
	about := Info
	if c.Action == PowerCycle && c.Plug.Cut == CutPresumed {
		about = Soft
	}
	if c.Witness && f.WitnessAnswers.Told != Yes {
		add(about, "witness", "The witness doesn't answer.", "Without it silence proves nothing.", f.WitnessAnswers.Evidence)
	}
	if f.FixedAddress.Told == No {
		add(about, "dhcp", "The recorder has its address by DHCP.", "Give it a fixed address.", f.FixedAddress.Evidence)
	}
	if f.ClockWrong.Told == Yes {
		add(Info, "clock", "The recorder's clock is wrong.", "Set it, or let it ask a time server.", f.ClockWrong.Evidence)
	}
	worn := Soft
	if outage {
		worn = Info
	}
	switch {
	case c.Often && c.Daily >= dailyDays:
		add(worn, "often", fmt.Sprintf("The recorder was shut down at about this time on %d of the last 7 days.", c.Daily),
			"A shutdown every day wears its disks, which are made to run all the time: each one stops and starts their motors, and nothing is recorded meanwhile. Take the schedule away and let it run.", "")
	case c.Often:
		add(worn, "often", "The recorder was shut down in the last 24 hours already, or three times in the last 7 days.", "Frequent shutdowns wear disks; let it run.", "")
	}
	if f.RuntimeShort.Told == Yes {
		add(worn, "ups", "The battery may not last for a whole shutdown.", "Wait until it is charged.", f.RuntimeShort.Evidence)
	}
	if f.FeedsCameras.Told == Yes {
		add(Info, "poe", "Cameras that the recorder feeds go dark.", "", f.FeedsCameras.Evidence)
	}
	return found
}

// plug adds what speaks against the plug, where it is needed for the action.
func plug(f Facts, c Circumstances, add func(s Severity, id, text, advice, evidence string)) {
	p := c.Plug
	switch {
	case p.shared() && c.Action == PowerCycle:
		add(Hard, "plug", "Its plug feeds "+p.Others+" as well.", "Shut down instead, and unplug this recorder by hand.", "")
	case !p.mayCut():
		if c.Action == PowerCycle {
			add(Hard, "plug", "There is no plug that the bridge may switch off.", "Shut down instead, and unplug the recorder by hand.", "")
		}
		if p.Exists && (f.PlugReachable.Told != Yes || !c.MeterFresh) {
			add(Info, "plug", "The plug sends no fresh power readings.", "Without them nothing is proven, and Safe to cut power never comes.", f.PlugReachable.Evidence)
		}
	case f.PlugReachable.Told != Yes:
		add(Soft, "plug", "The plug doesn't answer.", "Look at the plug: without it the recorder stays on.", f.PlugReachable.Evidence)
	case !p.Relay:
		add(Soft, "plug", "The plug doesn't tell whether it is on.", "Choose a plug that does.", "")
	case !c.MeterFresh && p.Cut != CutPresumed:
		add(Soft, "plug", "The plug sends no fresh power readings.", "Nothing can be proven without them.", f.PlugReachable.Evidence)
	case f.PlugReturns.Told == No:
		add(Soft, "plug", "The plug stays off when power returns.", "Set its power-on behaviour to on.", f.PlugReturns.Evidence)
	}
}

// blocking is what of the findings blocks. Passed are the ids of soft ones that
// a person was shown or named; urgent lets all soft ones fall.
func blocking(found []Finding, passed []string, urgent bool) []Finding {
	var left []Finding
	for _, f := range found {
		if f.Severity == Hard || f.Severity == Soft && !urgent && !slices.Contains(passed, f.ID) {
			left = append(left, f)
		}
	}
	return left
}
