package bridge

// Keys of the log, in one place so that a diary can be searched.
const (
	keyRecorder = "recorder"
	keyError    = "error"
	keyTitle    = "title"
	keyModel    = "model"
	keySerial   = "serial"
	keyFirmware = "firmware"
	keyBefore   = "before"
	keyCameras  = "cameras"
	keyCamera   = "camera"
	keyName     = "name"
	keyReason   = "reason"
	keyBoot     = "boot"
	keyBy       = "by"
	keyQuestion = "question"
	keySilence  = "silence"
	keyTries    = "tries"
	keyAction   = "action"
	keyTopic    = "topic"
	keyCount    = "count"
	keyBroker   = "broker"
	keyVersion  = "version"
	keyState    = "state"
	keyPath     = "path"
	keyCounted  = "recorders"
)
