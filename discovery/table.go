package discovery

import "slices"

// row is one entity of the table. The zero values are the usual: no category,
// enabled, a plain state, as available as its device.
type row struct {
	key, name string
	// id stands in the entity id, where that isn't the key.
	id       string
	platform Platform
	// class is the device class. icon stands where the class has no picture of
	// its own.
	class, unit, stateClass, icon string
	category                      Category
	options                       []string // of a sensor of class enum
	offDelay                      int      // of a binary sensor, in seconds
	eventTypes                    []string // of an event
	attributes                    bool     // has a JSON object beside its state
	disabled                      bool     // until the owner enables it
	available                     availability
	action                        string // of a button or switch: the last level of its command topic
	told                          bool   // the input says that it can tell the truth
}

// always is for rows that can tell the truth from the start.
const always = true

// availability says what must be online for an entity to be available.
type availability int

const (
	withDevice  availability = iota // bridge and recorder
	bridgeAlone                     // it tells of trouble, or cures it
	whileIdle                       // bridge, and no sequence of the recorder's power
	withEvents                      // also the recorder's stream of events
	withCamera                      // also the camera
)

const (
	classConnectivity = "connectivity"
	classDataSize     = "data_size"
	classDuration     = "duration"
	classEnum         = "enum"
	classBattery      = "battery"
	classMotion       = "motion"
	classPower        = "power"
	classProblem      = "problem"
	classTimestamp    = "timestamp"

	percent     = "%"
	seconds     = "s"
	gigabytes   = "GB"
	celsius     = "°C"
	measurement = "measurement"
)

// actionPauseAlerts is what the switch asks for; its state says whether to begin or to
// end.
const actionPauseAlerts = "pause_alerts"

// safeFor is how long a repetition of safe may be late: the bridge repeats it
// every 3 s. Home Assistant connects to a broker again after 10 s at the earliest,
// so that an ON of before is never there (tried with 2026.11.0).
const safeFor = 9

// bridgeRows are the entities of the bridge's own device.
func bridgeRows(b Bridge) []row {
	return append([]row{
		{key: KeyRecordersReachable, name: "Recorders reachable", platform: Sensor, stateClass: measurement, icon: "mdi:server-network",
			attributes: true, available: bridgeAlone, told: always},
		{key: KeyNeedsAttention, name: "Needs attention", platform: BinarySensor, class: classProblem,
			attributes: true, available: bridgeAlone, told: always},
		{key: KeyRetrySignIn, name: "Retry sign-in", platform: Button, category: Config, icon: "mdi:account-sync",
			action: KeyRetrySignIn, available: bridgeAlone, told: always},
		{key: KeyVersion, name: "Version", platform: Sensor, category: Diagnostic, icon: "mdi:tag-outline",
			available: bridgeAlone, told: always},
		{key: KeyLastError, name: "Last error", platform: Sensor, category: Diagnostic, icon: "mdi:alert-circle-outline",
			available: bridgeAlone, told: always},
		// What a slow or absent broker cost.
		{key: KeyEventsLost, name: "Events lost", platform: Sensor, stateClass: "total_increasing", category: Diagnostic, icon: "mdi:message-alert-outline",
			available: bridgeAlone, told: always},
	}, mainsRows(b)...)
}

// mainsRows tell of mains, and what an outage does.
func mainsRows(b Bridge) []row {
	return []row{
		{key: KeyMains, name: "Mains power", platform: BinarySensor, class: classPower,
			attributes: true, available: bridgeAlone, told: b.Mains},
		{key: KeyMainsProblem, name: "Mains source problem", platform: BinarySensor, class: classProblem, category: Diagnostic,
			attributes: true, available: bridgeAlone, told: b.Mains},
		{key: KeyPlannedFor, name: "Shutdown planned for", platform: Sensor, class: classTimestamp,
			available: bridgeAlone, told: b.Mains},
		{key: KeyAutomaticShutdown, name: "Automatic shutdown", platform: Switch, category: Config, icon: "mdi:power-plug-battery-outline",
			action: KeyAutomaticShutdown, available: bridgeAlone, told: b.Mains},
		{key: KeyTestOutage, name: "Test outage", platform: Button, category: Config, icon: "mdi:power-plug-off-outline",
			action: KeyTestOutage, available: bridgeAlone, told: b.Mains},
		{key: KeyOutageTest, name: "Outage test", platform: Sensor, class: classEnum, options: []string{"running", "passed", "failed"}, category: Diagnostic,
			attributes: true, available: bridgeAlone, told: b.Mains},
		{key: KeyLastOutage, name: "Last outage", platform: Sensor, class: classTimestamp, category: Diagnostic,
			attributes: true, available: bridgeAlone, told: b.Mains},
		{key: KeyUPSCharge, name: "UPS charge", platform: Sensor, class: classBattery, unit: percent, stateClass: measurement,
			available: bridgeAlone, told: b.UPS},
		{key: KeyUPSRuntime, name: "UPS runtime", platform: Sensor, class: classDuration, unit: seconds, stateClass: measurement,
			available: bridgeAlone, told: b.UPS},
	}
}

// recorderRows are the entities of a recorder, disks last.
func recorderRows(r Recorder) []row {
	rows := slices.Concat(linkRows(r), powerRows(r), systemRows(r), alarmRows(r))
	for _, d := range r.Disks {
		if d.ID != "" {
			rows = append(rows, diskRows(d)...)
		}
	}
	return rows
}

// linkRows tell of what is between bridge and recorder.
func linkRows(r Recorder) []row {
	return []row{
		{key: KeyStatus, name: "Status", platform: Sensor, icon: "mdi:information-outline",
			available: bridgeAlone, told: always},
		{key: KeyNeedsAttention, name: "Needs attention", platform: BinarySensor, class: classProblem,
			attributes: true, available: bridgeAlone, told: always},
		{key: KeySignIn, name: "Sign-in", platform: Sensor, class: classEnum, category: Diagnostic, icon: "mdi:account-key",
			options: SignInStates(), attributes: true, available: bridgeAlone, told: always},
		{key: KeyRetrySignIn, name: "Retry sign-in", platform: Button, category: Config, icon: "mdi:account-sync",
			action: KeyRetrySignIn, available: bridgeAlone, told: always},
		{key: KeyResult, name: "Result", platform: Event, icon: "mdi:clipboard-check",
			eventTypes: ResultTypes(), available: bridgeAlone, told: always},
		{key: KeyConnection, name: "Connection", platform: BinarySensor, class: classConnectivity, category: Diagnostic,
			available: bridgeAlone, told: always},
		{key: KeyEventStream, name: "Event stream", platform: BinarySensor, class: classConnectivity, category: Diagnostic,
			attributes: true, disabled: true, available: bridgeAlone, told: always},
		{key: KeyLastMessage, name: "Last message", platform: Sensor, class: classTimestamp, category: Diagnostic,
			disabled: true, told: always},
		{key: KeyEventsNotArriving, name: "Events not arriving", platform: Sensor, stateClass: measurement, category: Diagnostic, icon: "mdi:bell-off-outline",
			attributes: true, told: r.Triggers},
		// A pause works without the recorder, too.
		{key: KeyAlertsPaused, name: "Alerts paused", platform: Switch,
			attributes: true, action: actionPauseAlerts, available: bridgeAlone, told: always},
		{key: KeyAlertsResume, name: "Alerts resume", platform: Sensor, class: classTimestamp,
			available: bridgeAlone, told: always},
	}
}

// powerRows tell of a recorder's power and change it. They are there when it
// isn't. Safe to cut power has no class: that of safety means the opposite. Nor
// does it expire, which would bring an old ON back with Home Assistant's restart.
// Buttons stay whatever speaks against them, as a command is owed an answer.
func powerRows(r Recorder) []row {
	return []row{
		{key: KeyPowerState, name: "Power state", platform: Sensor, class: classEnum, icon: "mdi:power-settings",
			options: PowerStates(), available: bridgeAlone, told: always},
		{key: KeySafe, name: "Safe to cut power", platform: BinarySensor, icon: "mdi:power-plug-off-outline",
			offDelay: safeFor, available: bridgeAlone, told: always},
		{key: KeyCheck, name: "Check", platform: Button, icon: "mdi:clipboard-search-outline",
			action: KeyCheck, available: whileIdle, told: always},
		{key: KeyShutdown, name: "Shut down", platform: Button, icon: "mdi:power",
			action: KeyShutdown, available: whileIdle, told: always},
		{key: KeyPowerOn, name: "Power on", platform: Button, icon: "mdi:power-plug",
			action: KeyPowerOn, available: bridgeAlone, told: r.Plug},
		{key: KeyCancel, name: "Cancel", platform: Button, icon: "mdi:cancel",
			action: KeyCancel, available: bridgeAlone, told: always},
		{key: KeyReboot, name: "Restart", platform: Button, class: "restart",
			action: KeyReboot, available: whileIdle, told: always},
		{key: KeyDrill, name: "Shutdown drill", platform: Button, category: Config, icon: "mdi:clipboard-play-outline",
			action: KeyDrill, available: whileIdle, told: always},
		{key: KeyConfirmOff, name: "Confirm it is off", platform: Button, category: Config, icon: "mdi:eye-check-outline",
			action: KeyConfirmOff, available: bridgeAlone, told: always},
		{key: KeyExpectedFinish, name: "Expected finish", platform: Sensor, class: classTimestamp,
			available: bridgeAlone, told: always},
		{key: KeyBlockers, name: "Blockers", platform: Sensor, stateClass: measurement, category: Diagnostic, icon: "mdi:alert-octagon",
			attributes: true, available: bridgeAlone, told: always},
		{key: KeyLastPowerAction, name: "Last power action", platform: Sensor, class: classTimestamp, category: Diagnostic,
			attributes: true, available: bridgeAlone, told: always},
		{key: KeyLastDrill, name: "Last passed drill", platform: Sensor, class: classTimestamp, category: Diagnostic,
			available: bridgeAlone, told: always},
		{key: KeyLastFull, name: "Last full shutdown", platform: Sensor, class: classTimestamp, category: Diagnostic,
			available: bridgeAlone, told: always},
		{key: KeyMaintenanceDue, name: "Maintenance due", platform: BinarySensor, class: classProblem, category: Diagnostic,
			attributes: true, available: bridgeAlone, told: always},
		{key: KeyShutdownSupport, name: "Shutdown support", platform: Sensor, class: classEnum, category: Diagnostic, icon: "mdi:power-settings",
			options: SupportStates(), available: bridgeAlone, told: always},
		{key: KeyProof, name: "Proof", platform: Sensor, class: classEnum, category: Diagnostic, icon: "mdi:shield-check-outline",
			options: Proofs(), disabled: true, available: bridgeAlone, told: always},
	}
}

// systemRows tell of the recorder itself.
func systemRows(r Recorder) []row {
	return []row{
		{key: KeyLastBoot, name: "Last boot", platform: Sensor, class: classTimestamp, category: Diagnostic,
			told: r.Uptime},
		{key: KeyCPU, name: "CPU", platform: Sensor, unit: percent, stateClass: measurement, category: Diagnostic, icon: "mdi:cpu-64-bit",
			disabled: true, told: r.CPU},
		{key: KeyMemory, name: "Memory", platform: Sensor, unit: percent, stateClass: measurement, category: Diagnostic, icon: "mdi:memory",
			disabled: true, told: r.Memory},
		{key: KeyClockDifference, name: "Clock difference", platform: Sensor, class: classDuration, unit: seconds, stateClass: measurement,
			category: Diagnostic, disabled: true, told: r.Clock},
		{key: KeyCamerasOnline, name: "Cameras online", platform: Sensor, stateClass: measurement, icon: "mdi:cctv",
			attributes: true, told: r.CamerasOnline},
		{key: KeyChannelsRecording, name: "Channels recording", platform: Sensor, stateClass: measurement, icon: "mdi:record-rec",
			attributes: true, told: r.Recording},
		{key: KeyOldestRecording, name: "Oldest recording", platform: Sensor, class: classTimestamp, category: Diagnostic,
			attributes: true, told: r.OldestRecording},
		{key: KeyFirmware, name: "Firmware", platform: Update, class: "firmware", category: Diagnostic,
			told: r.Newest},
	}
}

// diskRows are the entities of one disk, on its recorder's device.
func diskRows(d Disk) []row {
	name := d.title()
	return []row{
		{key: DiskKey(d.ID), name: name, platform: Sensor, class: classEnum, category: Diagnostic, icon: "mdi:harddisk",
			options: DiskStates(), attributes: true, told: always},
		{key: DiskUsedKey(d.ID), name: name + " used", platform: Sensor, unit: percent, stateClass: measurement, category: Diagnostic, icon: "mdi:chart-donut",
			told: d.Used},
		{key: DiskSizeKey(d.ID), name: name + " size", platform: Sensor, class: classDataSize, unit: gigabytes, category: Diagnostic,
			disabled: true, told: d.Size},
		{key: DiskTemperatureKey(d.ID), name: name + " temperature", platform: Sensor, class: "temperature", unit: celsius,
			stateClass: measurement, category: Diagnostic, told: d.Temperature},
		{key: DiskSelfTestKey(d.ID), name: name + " self-test", platform: Sensor, class: classEnum, category: Diagnostic, icon: "mdi:harddisk",
			options: SelfTestStates(), disabled: true, told: d.SelfTest},
	}
}

// cameraRows are the entities of a camera, events last.
func cameraRows(c Camera) []row {
	types := detections(c.Events)
	rows := []row{
		{key: KeyConnection, name: "Connection", platform: BinarySensor, class: classConnectivity,
			told: c.Connection},
		{key: KeyOfflineReason, name: "Offline reason", platform: Sensor, class: classEnum, category: Diagnostic, icon: "mdi:help-network-outline",
			options: OfflineReasons(), attributes: true, told: c.Reason},
		// Also what makes a camera a device where a recorder tells no states.
		{key: KeyProtocol, name: "Protocol", platform: Sensor, category: Diagnostic, icon: "mdi:lan",
			disabled: true, told: c.Protocol},
		{key: KeyRecording, name: "Recording", platform: BinarySensor, class: "running",
			available: withCamera, told: c.Recording},
		{key: KeyPicture, name: "Picture", platform: Image, icon: "mdi:image",
			available: withCamera, told: c.Picture},
		{key: KeyTakePicture, name: "Take picture", platform: Button, icon: "mdi:camera",
			action: KeyTakePicture, available: bridgeAlone, told: c.Picture},
		{key: KeyDetection, id: "detection", name: "Detection", platform: Event, icon: "mdi:motion-sensor",
			eventTypes: types, available: withEvents, told: len(types) > 0},
	}
	return append(rows, eventRows(c.Events, onCamera)...)
}
