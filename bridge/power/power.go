package power

import "time"

// Instant is a moment in both clocks. Mono runs from the start of the process
// and measures every duration; Wall is for records and people, and the only one
// that survives a restart. The zero Instant means never.
type Instant struct {
	Wall time.Time
	Mono time.Duration
}

// plus is d later, in both clocks.
func (i Instant) plus(d time.Duration) Instant { return Instant{i.Wall.Add(d), i.Mono + d} }

func (i Instant) never() bool { return i.Wall.IsZero() }

// since is the time from o to i; a long time if o never was.
func (i Instant) since(o Instant) time.Duration {
	if o.never() {
		return forever
	}
	return i.Mono - o.Mono
}

// within says that i is at most d after o, in both clocks: a process that was
// paused, or a wall clock that was set, is noticed by one of them.
func (i Instant) within(o Instant, d time.Duration) bool {
	mono, wall := i.Mono-o.Mono, i.Wall.Sub(o.Wall)
	return mono <= d && wall >= 0 && wall <= d
}

const forever = time.Duration(1<<63 - 1)

// State is where a recorder's power stands.
type State string

const (
	Running      State = "running"
	Unreachable  State = "unreachable" // no sequence; says nothing about power
	Checking     State = "checking"
	CountingDown State = "counting_down"
	ShuttingDown State = "shutting_down"
	Confirming   State = "confirming"
	PresumedOff  State = "presumed_off" // accepted the shutdown and is silent; not proven
	Safe         State = "safe"
	Cutting      State = "cutting"
	Off          State = "off" // its relay is read back as off
	PoweringOn   State = "powering_on"
	Rebooting    State = "rebooting"
	Booting      State = "booting" // until verified
	Attention    State = "attention"
)

// States are all of them, in the order of a sequence.
var States = [...]State{Running, Unreachable, Checking, CountingDown, ShuttingDown, Confirming, PresumedOff, Safe, Cutting, Off, PoweringOn, Rebooting, Booting, Attention}

// Reason says why a person is needed, in state Attention.
type Reason string

const (
	StillOn        Reason = "still_on"
	CameBack       Reason = "came_back"
	Unproven       Reason = "unproven"
	BootFailed     Reason = "boot_failed"
	CutUnconfirmed Reason = "cut_unconfirmed"
	PowerLost      Reason = "power_lost"
	WrongDevice    Reason = "wrong_device"
	JournalDamaged Reason = "journal_damaged"
)

// Reasons are all of them.
var Reasons = [...]Reason{StillOn, CameBack, Unproven, BootFailed, CutUnconfirmed, PowerLost, WrongDevice, JournalDamaged}

// Action is what a command or the outage rule asks for.
type Action string

const (
	Check      Action = "check"
	Plan       Action = "plan" // a check that also tells steps and times
	Shutdown   Action = "shutdown"
	Reboot     Action = "reboot"
	Drill      Action = "drill"
	ConfirmOff Action = "confirm_off"
	PowerOn    Action = "power_on"
	PowerCycle Action = "power_cycle"
	Cancel     Action = "cancel"
	Outage     Action = "outage"      // no command: the outage rule
	TestOutage Action = "test_outage" // judged and counted down like an outage, and ends before the request
)

// Cut is what the owner allows the bridge to do with the plug.
type Cut string

const (
	CutNever    Cut = "never" // the plug is read and switched on, never off
	CutProven   Cut = "proven"
	CutPresumed Cut = "presumed" // proven, and by a presumption while power is owed
)

// Plug is what is known of the plug that feeds the recorder. The zero Plug is
// none.
type Plug struct {
	ID     uint64 // tells it from every other plug and way to read one, also after a restart
	Exists bool
	Relay  bool // it tells whether its relay is on
	Meter  bool
	Cut    Cut
	// Others names the recorders that it feeds as well, for people; empty: none. All of
	// them have the same Cut, which isn't CutPresumed, and one of them Leads: its machine
	// alone switches off, once it was told by Partners that all others are safe.
	Others string
	Leads  bool
}

// mayCut says that the bridge may switch it off at all.
func (p Plug) mayCut() bool { return p.Exists && (p.Cut == CutProven || p.Cut == CutPresumed) }

// Config is what the owner decided for one recorder.
type Config struct {
	Plug     Plug
	Mains    bool    // a source tells whether there is mains
	Witness  bool    // a host on the recorder's own switch is probed as well
	OffWatts float64 // lowers what counts as off; 0: as learned, or 1 W
	Timers   Timers  // zero ones have their default
	// PlainCommands lets commands without envelope do everything. AnyOutage lets an
	// outage shut down without a passed drill.
	PlainCommands, AnyOutage bool
}

// Proof is what stands for "it is off".
type Proof string

const (
	ProofNone     Proof = "none"
	ProofPower    Proof = "power"    // by the meter; the only one that lights safe
	ProofPerson   Proof = "person"   // somebody's word
	ProofPresumed Proof = "presumed" // long silence, as the owner allowed
)

// Outcome is how an effect ended. Sent and not answered is Unknown.
type Outcome string

const (
	Done    Outcome = "done"
	Unknown Outcome = "unknown"
	NotSent Outcome = "not_sent" // nothing left this host
	Busy    Outcome = "busy"
	Refused Outcome = "refused" // right, support, account: the detail says which
)

// EffectKind is what is to be done outside.
type EffectKind string

const (
	NoEffect     EffectKind = ""
	Collect      EffectKind = "collect"  // facts for the preflight, 20 s at most
	Look         EffectKind = "look"     // the same for the hard findings only, 5 s at most
	PutShutdown  EffectKind = "shutdown" // 15 s at most
	PutReboot    EffectKind = "reboot"
	SwitchOff    EffectKind = "relay_off" // only through the gate, with Effect.Proof
	SwitchOn     EffectKind = "relay_on"  // before the record is durable
	CollectAfter EffectKind = "verify"    // what the recorder says after its boot
)

// Effect is started once the record of the same output is durable; SwitchOn at
// once. At most one is open: an answer with another number is ignored.
type Effect struct {
	Kind   EffectKind
	Number uint64
	Proof  uint64 // SwitchOff: the number of the proof that the gate must still hold
}

// Move is one row of the transition table that was taken.
type Move struct{ From, Row, To string }

// Output is what a step decided. The bridge first lowers what is lowered (Safe
// tells) and switches power on, then makes Record durable, then publishes, then
// starts Effect. It answers every Record with Committed.
type Output struct {
	Record  *Record
	Effect  Effect
	Wake    time.Duration // Mono at which Tick is due; negative: not before another event
	Answers []Answer
	// Ends are outcomes that no command waits for: of an outage, and of a power loss
	// without a sequence, which has no action. A later one of the same takes its place.
	Ends  []Answer
	Moves []Move
}

// Event is what the machine is told. Each carries the moment it was observed,
// which may lie before the step: evidence counts from there.
type Event interface{ event() }

// Tick says that Wake came, or nothing.
type Tick struct{}

// Sight is what a probe saw.
type Sight string

const (
	Alive     Sight = "alive"  // any byte, an open port, a refused port
	Silent    Sight = "silent" // every port a connect time-out or no route to host
	Uncertain Sight = "uncertain"
)

// Probe is a look at the recorder without credentials.
type Probe struct {
	At    Instant
	Sight Sight
	HTTP  bool // something answered by HTTP
}

// Witnessed is an answer of the witness.
type Witnessed struct{ At Instant }

// RelayState is what a plug says of its relay.
type RelayState string

const (
	RelayOn      RelayState = "on"
	RelayOff     RelayState = "off"
	RelayUnknown RelayState = "unknown" // the plug is away
)

// Relay is a level, not an edge: each report counts.
type Relay struct {
	At        Instant
	State     RelayState
	Restarted bool // the plug itself has started since the last report
}

// Asked says that the plug was asked for a reading.
type Asked struct{ At Instant }

// Reading is a report of the plug's meter.
type Reading struct {
	At       Instant
	Watts    float64
	Retained bool
	Stamp    string // time or counter of the measurement, not of the message; "" if it carries none
}

// SignedIn is an answer to a request with credentials.
type SignedIn struct {
	At               Instant
	Serial, Firmware string
	Uptime           time.Duration
	UptimeTold       bool
}

// Answered is an answer by HTTP that told no serial number.
type Answered struct{ At Instant }

// NoAnswer is a request that nothing answered by HTTP.
type NoAnswer struct{ At Instant }

// Collected answers Collect and Look.
type Collected struct {
	Number uint64
	Facts  Facts
}

// PutDone answers PutShutdown and PutReboot.
type PutDone struct {
	Number  uint64
	Outcome Outcome
	Detail  string // what to do, if refused
}

// Verified answers CollectAfter.
type Verified struct {
	Number uint64
	After  After
}

// Mains is the supply as the outage rule sees it; without a source it is never
// sent, and mains counts as stable.
type Mains struct {
	Lost     bool
	Stable   bool          // back for two minutes, and charged as far as is waited for
	Outage   uint64        // number of the outage that asks for a shutdown; 0: none does
	Low      bool          // low battery
	Deadline time.Duration // Mono at which the battery must be spared
}

// Commit is what became of a record.
type Commit string

const (
	Durable Commit = "durable" // the effect was started
	Late    Commit = "late"    // durable after more than 2 s: the effect was not started, the inbox was read
	Failed  Commit = "failed"  // not durable: the effect was not started
)

// Committed answers a record. Late comes after everything that waited in the
// inbox.
type Committed struct {
	Number uint64
	Commit Commit
}

func (Tick) event()      {}
func (Probe) event()     {}
func (Witnessed) event() {}
func (Relay) event()     {}
func (Asked) event()     {}
func (Reading) event()   {}
func (SignedIn) event()  {}
func (Answered) event()  {}
func (NoAnswer) event()  {}
func (Collected) event() {}
func (PutDone) event()   {}
func (Verified) event()  {}
func (Mains) event()     {}
func (Committed) event() {}
func (Command) event()   {}
