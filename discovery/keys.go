package discovery

// Keys of the bridge's entities, which no other device has.
const (
	KeyRecordersReachable = "recorders_reachable"
	KeyVersion            = "version"
	KeyLastError          = "last_error"
	KeyEventsLost         = "events_lost"
)

// Keys of what the bridge's device tells of mains. Those of switches are also their
// actions.
const (
	KeyMains             = "mains"
	KeyMainsProblem      = "mains_source_problem"
	KeyPlannedFor        = "shutdown_planned_for"
	KeyAutomaticShutdown = "automatic_shutdown"
	KeyLastOutage        = "last_outage"
	KeyTestOutage        = "test_outage"
	KeyOutageTest        = "outage_test"
	KeyUPSCharge         = "ups_charge"
	KeyUPSRuntime        = "ups_runtime"
)

// Keys of entities that several devices have.
const (
	KeyNeedsAttention = "needs_attention"
	KeyRetrySignIn    = "retry_sign_in"
	KeyConnection     = "connection"
)

// Keys of a recorder's entities. Its events have others, see [EventKey].
const (
	KeyStatus            = "status"
	KeySignIn            = "sign_in"
	KeyResult            = "result"
	KeyEventStream       = "event_stream"
	KeyLastMessage       = "last_message"
	KeyEventsNotArriving = "events_not_arriving"
	KeyAlertsPaused      = "alerts_paused"
	KeyAlertsResume      = "alerts_resume"
	KeyLastBoot          = "last_boot"
	KeyCPU               = "cpu"
	KeyMemory            = "memory"
	KeyClockDifference   = "clock_difference"
	KeyCamerasOnline     = "cameras_online"
	KeyChannelsRecording = "channels_recording"
	KeyOldestRecording   = "oldest_recording"
	KeyFirmware          = "firmware"
	KeyDiskError         = "disk_error"        // also an event type
	KeyRecordingFailure  = "recording_failure" // also an event type
)

// Keys of what a recorder's power has, see [PowerStates]. Those of buttons are
// also their actions.
const (
	KeyPowerState      = "power_state"
	KeySafe            = "safe_to_cut_power"
	KeyExpectedFinish  = "expected_finish"
	KeyBlockers        = "blockers"
	KeyLastPowerAction = "last_power_action"
	KeyLastDrill       = "last_passed_drill"
	KeyLastFull        = "last_full_shutdown"
	KeyMaintenanceDue  = "maintenance_due"
	KeyShutdownSupport = "shutdown_support"
	KeyProof           = "proof"

	KeyCheck      = "check"
	KeyShutdown   = "shutdown"
	KeyPowerOn    = "power_on"
	KeyCancel     = "cancel"
	KeyReboot     = "reboot"
	KeyDrill      = "drill"
	KeyConfirmOff = "confirm_off"
)

// Keys of a camera's entities. Its events have others, see [EventKey].
const (
	KeyOfflineReason = "offline_reason"
	KeyProtocol      = "protocol"
	KeyRecording     = "recording"
	KeyDetection     = "event"
	KeyPicture       = "picture"
	KeyTakePicture   = "take_picture"
)

// DiskKey is the key of a disk's state.
func DiskKey(id string) string { return "disk_" + slug(bounded(id)) }

// DiskUsedKey is the key of a disk's filling.
func DiskUsedKey(id string) string { return DiskKey(id) + "_used" }

// DiskSizeKey is the key of a disk's size.
func DiskSizeKey(id string) string { return DiskKey(id) + "_size" }

// DiskTemperatureKey is the key of a disk's temperature.
func DiskTemperatureKey(id string) string { return DiskKey(id) + "_temperature" }

// DiskSelfTestKey is the key of what a disk's self-test said.
func DiskSelfTestKey(id string) string { return DiskKey(id) + "_self_test" }

// States of the sign-in.
const (
	SignInUnknown  = "unknown"
	SignInOK       = "ok"
	SignInRejected = "rejected"
	SignInLocked   = "locked"
	SignInPaused   = "paused"
)

// SignInStates are the options of [KeySignIn].
func SignInStates() []string {
	return []string{SignInUnknown, SignInOK, SignInRejected, SignInLocked, SignInPaused}
}

// PowerStates are the options of [KeyPowerState], in the order of a sequence.
func PowerStates() []string {
	return []string{
		"running", "unreachable", "checking", "counting_down", "shutting_down", "confirming", "presumed_off", "safe",
		"cutting", "off", "powering_on", "rebooting", "booting", "attention",
	}
}

// Proofs are the options of [KeyProof]: what stands for "it is off".
func Proofs() []string { return []string{"none", "power", "person", "presumed"} }

// Whether a recorder can be shut down from outside.
const (
	SupportUnknown = "unknown"
	SupportYes     = "yes"
	SupportNo      = "no"
)

// SupportStates are the options of [KeyShutdownSupport].
func SupportStates() []string { return []string{SupportUnknown, SupportYes, SupportNo} }

// States of a disk. There is none for a slot without a disk: recorders list
// ghosts of removed drives, which aren't disks.
const (
	DiskOK          = "ok"
	DiskSleeping    = "sleeping"
	DiskUnformatted = "unformatted"
	DiskError       = "error"
	DiskMismatch    = "mismatch"
	DiskOffline     = "offline"
	DiskSmartFailed = "smart_failed"
	DiskRepairing   = "repairing"
	DiskFormatting  = "formatting"
	DiskUnknown     = "unknown"
)

// DiskStates are the options of [DiskKey].
func DiskStates() []string {
	return []string{
		DiskOK, DiskSleeping, DiskUnformatted, DiskError, DiskMismatch, DiskOffline,
		DiskSmartFailed, DiskRepairing, DiskFormatting, DiskUnknown,
	}
}

// States of a disk's self-test.
const (
	SelfTestOK      = "ok"
	SelfTestFailed  = "failed"
	SelfTestRunning = "running"
	SelfTestUnknown = "unknown"
)

// SelfTestStates are the options of [DiskSelfTestKey].
func SelfTestStates() []string {
	return []string{SelfTestOK, SelfTestFailed, SelfTestRunning, SelfTestUnknown}
}

// What comes of a command. The first four are said at once, the others later.
const (
	ResultAccepted  = "accepted"
	ResultRefused   = "refused"
	ResultDuplicate = "duplicate"
	ResultExpired   = "expired"
	ResultDone      = "done"
	ResultFailed    = "failed"
	ResultCancelled = "cancelled"
)

// ResultTypes are the event types of [KeyResult].
func ResultTypes() []string {
	return []string{
		ResultAccepted, ResultRefused, ResultDuplicate, ResultExpired, ResultDone, ResultFailed, ResultCancelled,
	}
}

// Reasons why a camera is offline; [ReasonNone] while it is online.
const (
	ReasonNone            = "none"
	ReasonConnecting      = "connecting"
	ReasonUnreachable     = "unreachable"
	ReasonWrongPassword   = "wrong_password"
	ReasonAddressConflict = "address_conflict"
	ReasonStreamFailed    = "stream_failed"
	ReasonNotSupported    = "not_supported"
	ReasonBandwidth       = "bandwidth"
	ReasonWrongChannel    = "wrong_channel"
	ReasonDomainError     = "domain_error"
	ReasonNotExist        = "not_exist"
	ReasonNotActivated    = "not_activated"
	ReasonNoVideo         = "no_video"
	ReasonUnknown         = "unknown"
)

// OfflineReasons are the options of [KeyOfflineReason].
func OfflineReasons() []string {
	return []string{
		ReasonNone, ReasonConnecting, ReasonUnreachable, ReasonWrongPassword, ReasonAddressConflict,
		ReasonStreamFailed, ReasonNotSupported, ReasonBandwidth, ReasonWrongChannel, ReasonDomainError,
		ReasonNotExist, ReasonNotActivated, ReasonNoVideo, ReasonUnknown,
	}
}
