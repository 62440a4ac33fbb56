package nvr

import (
	"strings"
	"unicode"
)

// EventType is what happened, in this package's words: those below, or for a word
// that isn't known the device's own as lower-case words with "_" between them.
type EventType string

// Event types. The device's words for them are those of recorded triggers and
// alerts, of the SDK guide's list and of capability lists; see eventTypeOf.
const (
	Motion            EventType = "motion"
	Tamper            EventType = "tamper"
	VideoLoss         EventType = "video_loss"
	LineCrossing      EventType = "line_crossing"
	Intrusion         EventType = "intrusion"
	RegionEntrance    EventType = "region_entrance"
	RegionExit        EventType = "region_exit"
	SceneChange       EventType = "scene_change"
	Defocus           EventType = "defocus"
	AudioException    EventType = "audio"
	Face              EventType = "face"
	FaceMatch         EventType = "face_match"
	UnattendedBaggage EventType = "unattended_baggage"
	ObjectRemoved     EventType = "object_removed"
	Loitering         EventType = "loitering"
	Group             EventType = "group"
	RapidMove         EventType = "rapid_move"
	Parking           EventType = "parking"
	PeopleCounting    EventType = "people_counting"
	Crowd             EventType = "crowd"
	Queue             EventType = "queue"
	ObjectsThrown     EventType = "objects_thrown"
	MixedTarget       EventType = "mixed_target"
	Fall              EventType = "fall"
	Violence          EventType = "violence"
	Absence           EventType = "absence"
	Temperature       EventType = "temperature"
	Fire              EventType = "fire"
	Smoke             EventType = "smoke"
	Ship              EventType = "ship"
	LicensePlate      EventType = "license_plate"
	Vehicle           EventType = "vehicle"
	PIR               EventType = "pir"
	BadVideo          EventType = "bad_video"
	VideoMismatch     EventType = "video_mismatch"

	DiskFull         EventType = "disk_full"
	DiskError        EventType = "disk_error"
	RecordingFailure EventType = "recording_failure"
	IllegalAccess    EventType = "illegal_access"
	IPConflict       EventType = "ip_conflict"
	NetworkBroken    EventType = "network"
	PoE              EventType = "poe"
	RAID             EventType = "raid"
	HotSpare         EventType = "spare"
	Fan              EventType = "fan"
	Overheat         EventType = "overheat"
	AbnormalReboot   EventType = "abnormal_reboot"
	StorageTrouble   EventType = "storage"

	// AlarmInput and VirtualInput are of a port, see Alert.Port.
	AlarmInput   EventType = "input"
	VirtualInput EventType = "virtual_input"

	// durationType wraps the type of an event that lasts and isn't handed out;
	// beatType is a sign of life, see Alert.Heartbeat.
	durationType EventType = "duration"
	beatType     EventType = "heartbeat"
)

// maxTypeCharacters bounds a word that isn't known.
const maxTypeCharacters = 40

// eventTypeOf reads a device's word for an event, whatever its case.
func eventTypeOf(word string) EventType {
	switch w := strings.ToLower(word); w {
	case "vmd", "motiondetection", "motion", "vmdhumanvehicle":
		return Motion
	case "tamperdetection", "tamper", "shelteralarm":
		return Tamper
	case "videoloss":
		return VideoLoss
	case "linedetection":
		return LineCrossing
	case "fielddetection":
		return Intrusion
	case "regionentrance":
		return RegionEntrance
	case "regionexiting", "regionexit":
		return RegionExit
	case "scenechangedetection":
		return SceneChange
	case "defocus", "defocusdetection":
		return Defocus
	case "audioexception", "audiodetection", "audioloss":
		return AudioException
	case "facedetection", "facesnap", "facecapture":
		return Face
	case "facecontrast", "facecontrastsuccess", "facecontrastfailure", "whitelistfacecontrast", "blacklistfacecontrast":
		return FaceMatch
	case "unattendedbaggage":
		return UnattendedBaggage
	case "attendedbaggage":
		return ObjectRemoved
	case "loitering":
		return Loitering
	case "group":
		return Group
	case "rapidmove":
		return RapidMove
	case "parking":
		return Parking
	case "peoplecounting", "counting":
		return PeopleCounting
	case "persondensitydetection":
		return Crowd
	case "personqueuedetection":
		return Queue
	case "objectsthrowndetection":
		return ObjectsThrown
	case "mixedtargetdetection":
		return MixedTarget
	case "faildown", "falldown":
		return Fall
	case "violentmotion":
		return Violence
	case "leaveposition":
		return Absence
	case "thermometry", "tma", "tmpa", "temperature":
		return Temperature
	case "firedetection":
		return Fire
	case "smokedetection", "smokeandfiredetection":
		return Smoke
	case "shipsdetection":
		return Ship
	case "anpr":
		return LicensePlate
	case "vehicledetection":
		return Vehicle
	case "pir":
		return PIR
	case "badvideo":
		return BadVideo
	case "videomismatch", "resolutionmismatch":
		return VideoMismatch
	case "diskfull":
		return DiskFull
	case "diskerror":
		return DiskError
	case "recordingfailure":
		return RecordingFailure
	case "illaccess":
		return IllegalAccess
	case "ipconflict":
		return IPConflict
	case "nicbroken":
		return NetworkBroken
	case "poepowerexception":
		return PoE
	case "raidfailure", "raidexception":
		return RAID
	case "spareexception":
		return HotSpare
	case "fanfailure":
		return Fan
	case "overheat":
		return Overheat
	case "abnormalreboot":
		return AbnormalReboot
	case "storagedetection":
		return StorageTrouble
	case "io":
		return AlarmInput
	case "softio":
		return VirtualInput
	case "duration":
		return durationType
	case "heartbeat":
		return beatType
	}
	return EventType(words(word))
}

// words makes "fooBarDetection" foo_bar_detection.
func words(s string) string {
	var b strings.Builder
	lower := false // the character before was a small letter
	for _, r := range s {
		switch {
		case b.Len() >= maxTypeCharacters:
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			if lower && unicode.IsUpper(r) {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
		case b.Len() > 0 && lower:
			b.WriteByte('_')
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
	}
	return strings.Trim(b.String(), "_")
}

// ofDevice says that events of this type are the device's own, whatever channel
// is told with them: cameras tell channel 1 with all of them.
func (t EventType) ofDevice() bool {
	switch t {
	case DiskFull, DiskError, RecordingFailure, IllegalAccess, IPConflict, NetworkBroken, PoE, RAID, HotSpare,
		Fan, Overheat, AbnormalReboot, StorageTrouble, AlarmInput, VirtualInput:
		return true
	}
	return false
}
