package discovery

// Keys of the bridge's entities, which no other device has.
const (
	KeyRecordersReachable = "recorders_reachable"
	KeyVersion            = "version"
	KeyLastError          = "last_error"
)

// Keys of entities that several devices have.
const (
	KeyNeedsAttention = "needs_attention"
	KeyRetrySignIn    = "retry_sign_in"
	KeyConnection     = "connection"
)

// Keys of a recorder's entities.
const (
	KeyStatus          = "status"
	KeySignIn          = "sign_in"
	KeyLastBoot        = "last_boot"
	KeyCPU             = "cpu"
	KeyMemory          = "memory"
	KeyClockDifference = "clock_difference"
	KeyCamerasOnline   = "cameras_online"
)

// Keys of a camera's entities.
const (
	KeyOfflineReason = "offline_reason"
	KeyProtocol      = "protocol"
)

// DiskKey is the key of a disk's state.
func DiskKey(id string) string { return "disk_" + slug(bounded(id)) }

// DiskUsedKey is the key of a disk's filling.
func DiskUsedKey(id string) string { return DiskKey(id) + "_used" }

// DiskSizeKey is the key of a disk's size.
func DiskSizeKey(id string) string { return DiskKey(id) + "_size" }

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
