package nvr

import "strings"

// LogKind is what an entry of the log means.
type LogKind int

const (
	LogOther LogKind = iota // anything else, and keys that aren't known
	LogStart
	LogStop    // an orderly one
	LogRestart // an orderly one: a stop and a start
	LogAbnormalStop
	LogDiskError
	LogRAIDError
	LogRecordError
	LogRecording // a channel records
	LogCameraLost
	LogCameraBack
	LogExport   // recordings are copied to a medium
	LogDownload // recordings are downloaded
	LogPlayback
	LogUpgrade // of the recorder or a camera
	LogFormat  // of a disk, its beginning
)

func (k LogKind) String() string {
	switch k {
	case LogOther:
		return "other"
	case LogStart:
		return "start"
	case LogStop:
		return "stop"
	case LogRestart:
		return "restart"
	case LogAbnormalStop:
		return "abnormal stop"
	case LogDiskError:
		return "disk error"
	case LogRAIDError:
		return "RAID error"
	case LogRecordError:
		return "recording error"
	case LogRecording:
		return "recording"
	case LogCameraLost:
		return "camera lost"
	case LogCameraBack:
		return "camera back"
	case LogExport:
		return "export"
	case LogDownload:
		return "download"
	case LogPlayback:
		return "playback"
	case LogUpgrade:
		return "upgrade"
	case LogFormat:
		return "format"
	}
	panic("nvr: unknown LogKind")
}

// logKindOf reads a minor key. Spelling mistakes are the devices'. Sources:
// capabilities of a DS-2CD2386G2-IU, the log of an NVR as a client reads it, ISAPI
// product documents. Keys whose meaning isn't told are other: deviceRecycle,
// powerOff, WDTReset and ACLoss among them, which may be no orderly stop.
func logKindOf(minor string) LogKind {
	key := strings.ToLower(minor)
	switch key {
	case "devicepoweron", "poweron":
		return LogStart
	case "devicepoweroff", "localpoweroff", "remotepoweroff":
		return LogStop
	case "remotepowerrecycle", "localreboot", "remotereboot":
		return LogRestart
	case "hderror", "hdbadblock", "severehdfailure", "formathdderror", "sdcardabnormal":
		return LogDiskError
	case "raiderror", "spareexception":
		return LogRAIDError
	case "recorderror", "recerror", "recordoverflow", "anrrecordexception":
		return LogRecordError
	case "startrec":
		return LogRecording
	case "ipcdisconnect":
		return LogCameraLost
	case "ipcconnect", "ipcconnectrecovery":
		return LogCameraBack
	case "localdownloadrecfile", "remotepicbackup":
		return LogExport
	case "remotedownloadrecfile":
		return LogDownload
	case "remoteplaybyfile", "remoteplaybytime":
		return LogPlayback
	case "localupdate", "localupgrade", "remoteupgrade", "localipcupgrade", "remotelipcupgrade":
		return LogUpgrade
	case "localformatdisk", "remoteformathd", "hdformatstart":
		return LogFormat
	}
	// stopAbnormal is known. The SDK also tells apart a stop by a power cut
	// ("illegal"), whose key isn't.
	bad := strings.Contains(key, "abnormal") || strings.Contains(key, "illegal")
	if bad && (strings.Contains(key, "stop") || strings.Contains(key, "shut") || strings.Contains(key, "poweroff")) {
		return LogAbnormalStop
	}
	return LogOther
}
