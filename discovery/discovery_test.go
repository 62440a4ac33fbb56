package discovery_test

import (
	"fmt"
	"strings"

	"hikbridge/discovery"
)

func theBridge() discovery.Bridge {
	return discovery.Bridge{Topic: "hikbridge", Prefix: "homeassistant", Version: "0.1.0", URL: "https://example.org/hikbridge", Mains: true, UPS: true}
}

// nvr is a DS-7608NXI-I2 as it tells of itself, with two of its cameras: one
// that works and one that never connected.
func nvr() discovery.Recorder {
	serial := "DS-7608NXI-I2/8P/S0820230101CCRRJ12345678WCVU"
	return discovery.Recorder{
		ID: discovery.ID(serial, "e0:44:cf:0b:a7:98", "48443331-3031-0000-0000-e044cf0ba798"), Name: "garage", Title: "Garage",
		Manufacturer: "Hikvision", Model: "DS-7608NXI-I2/8P/S", Serial: serial, MAC: "e0:44:cf:0b:a7:98",
		Firmware: "V4.62.210 build 230619", Hardware: "0100000092010000", ConfigurationURL: "http://192.0.2.10",
		Uptime: true, CPU: true, Memory: true, Clock: true, CamerasOnline: true,
		Triggers: true, Storage: true, Recording: true, OldestRecording: true, Newest: true, Plug: true,
		Events: []string{"poe", "network", "ip_conflict", "illegal_access", "disk_full", "input_1"},
		Disks:  []discovery.Disk{{ID: "1", Used: true, Size: true, Temperature: true, SelfTest: true}},
		Cameras: []discovery.Camera{
			{ID: "1", Title: "garden", Manufacturer: "Hikvision", Model: "DS-2CD2386G2-IU", Serial: "DS-2CD2386G2-IU20230102AAWRK23456789",
				Firmware: "V5.7.15 build 240201", Connection: true, Reason: true, Recording: true, Picture: true,
				Events: []string{"pir", "video_loss", "tamper", "region_exit", "region_entrance", "intrusion", "line_crossing", "motion", "smoke", "audio"}},
			{ID: "4", Title: "gate", Connection: true, Reason: true, Recording: true, Events: []string{"video_loss"}},
		},
	}
}

// oldNVR is a DS-7616NI-Q2 V4.30: it never tells models of cameras, and has
// neither hardware version nor manufacturer.
func oldNVR() discovery.Recorder {
	serial := "DS-7616NI-Q2/16P1620190304CCRRE34567890WCVU"
	r := discovery.Recorder{
		ID: discovery.ID(serial, "", ""), Name: "nvr", Title: "Network Video Recorder", Manufacturer: "Hikvision",
		Model: "DS-7616NI-Q2/16P", Serial: serial, MAC: "52:a7:c0:3b:a5:10", Firmware: "V4.30.097 build 240401",
		ConfigurationURL: "https://nvr.example.org:8443/", Uptime: true, CPU: true, CamerasOnline: true, Triggers: true,
		Events: []string{discovery.KeyRecordingFailure, discovery.KeyDiskError},
		Disks:  []discovery.Disk{{ID: "1", Used: true, Size: true}, {ID: "nas9"}},
	}
	for i, title := range []string{"Garage", "Driveway", "Side Yard"} {
		r.Cameras = append(r.Cameras, discovery.Camera{ID: fmt.Sprint(i + 1), Title: title, Connection: true})
	}
	r.Cameras = append(r.Cameras,
		discovery.Camera{ID: "5", Title: "Removed from the list", Connection: true, Reason: true, Recording: true, Picture: true,
			Events: []string{"motion"}, Gone: true},
		discovery.Camera{ID: "6", Title: "Nothing was told yet"})
	return r
}

// dvr is a hybrid: analog input 1 and IP channel 1.
func dvr() discovery.Recorder {
	serial := "iDS-7208HQHI-M1(A)/S(C)0820240506CCWRFD4567890WCVU"
	return discovery.Recorder{
		ID: discovery.ID(serial, "", ""), Name: "back-yard", Title: "Back yard", Manufacturer: "Hikvision",
		Model: "iDS-7208HQHI-M1(A)/S(C)", Serial: serial, MAC: "a4:d5:c2:82:ed:41", Firmware: "V4.75.011 build 240625",
		Hardware: "0xc0ebc00", ConfigurationURL: "http://[2001:db8::10]:8000", Uptime: true, CamerasOnline: true, Storage: true,
		Events: []string{"input_2", "virtual_input_10", "raid"},
		Disks:  []discovery.Disk{{ID: "1", Used: true, Size: true}},
		Cameras: []discovery.Camera{
			{ID: "1", Title: "Camera 01", Connection: true, Reason: true},
			{ID: "ip1", Title: "IPdome", Model: "DS-2DE2A404IW", Connection: true, Reason: true},
		},
	}
}

// camera is one that is addressed like a recorder.
func camera() discovery.Recorder {
	serial := "DS-2CD2532F-IWS20140721CCCH567890123"
	return discovery.Recorder{
		ID: discovery.ID(serial, "", ""), Name: "nvr", Title: "SCD14 #TUIN", Manufacturer: "Hikvision", Model: "DS-2CD2532F-IWS",
		Serial: serial, MAC: "16:33:90:0d:9b:e8", Firmware: "V5.2.0 build 140721", Hardware: "0x0",
		ConfigurationURL: "http://192.0.2.14", Disks: []discovery.Disk{{ID: "1", Used: true, Size: true}},
		Cameras: []discovery.Camera{{ID: "1", Title: "SCD14", Model: "DS-2CD2532F-IWS", Firmware: "V5.2.0 build 140721", Connection: true, Picture: true,
			Events: []string{"motion", "storage"}}},
	}
}

// lenses is a camera with two.
func lenses() discovery.Recorder {
	serial := "DS-2SE7C144IW-AE20230708AAWRL67890123"
	return discovery.Recorder{
		ID: discovery.ID(serial, "", ""), Name: "corner", Title: "Corner", Manufacturer: "Hikvision", Model: "DS-2SE7C144IW-AE",
		Serial: serial, Firmware: "V5.7.12 build 230608", Uptime: true, Memory: true, Clock: true,
		Cameras: []discovery.Camera{
			{ID: "1", Title: "Corner Panoramic", Connection: true},
			{ID: "2", Title: "Corner PTZ", Connection: true},
		},
	}
}

// odd has names that break things: quotes, markup, wildcards, other scripts,
// line breaks, nothing, too much, and those of its own entities.
func odd() discovery.Recorder {
	long := strings.Repeat("lång ", 60)
	serial := `DS-"/(7)#+` + strings.Repeat("0123456789", 30)
	return discovery.Recorder{
		ID: discovery.ID(serial, "", ""), Name: "nvr", Title: "Disk", Manufacturer: "<b>海康威视</b>", Model: long, Serial: serial,
		MAC: "not a MAC", Firmware: "V1\x00\x1b[31m", Hardware: "  ", ConfigurationURL: "http://admin:secret@192.0.2.10:8080/doc?token=secret#top",
		Uptime: true,
		Events: []string{"", "Ω/#", "status", "availability", "events", "disk_1", "ch1_motion", "event_status", long, "motion", "Motion"},
		Disks:  []discovery.Disk{{ID: "1"}, {ID: "1", Used: true}, {ID: "Ω/#", Name: "Disk recorder"}, {ID: ""}},
		Cameras: []discovery.Camera{
			{ID: "1", Title: `"quoted" \ {{ states }} 'x'`, Connection: true},
			{ID: "2", Title: "#", Events: []string{"picture", "event", "connection", "foo_bar", "motion", "motion"}},
			{ID: "3", Title: "前门 摄像头", Picture: true},
			{ID: "4", Title: "", Connection: true},
			{ID: "5", Title: long, Connection: true},
			{ID: "6", Title: "Offline", Reason: true},
			{ID: "7", Title: "c", Connection: true},
			{ID: "8", Title: "two\nlines\t\u202eand a bidi mark \xff", Serial: "0000000-0000", Connection: true},
			{ID: "a/b+c", Title: "id", Recording: true},
			{ID: "9", Title: "Motion", Events: []string{"motion"}},
			{ID: "", Title: "no id", Connection: true},
		},
	}
}

func recorders() map[string]discovery.Recorder {
	return map[string]discovery.Recorder{
		"nvr": nvr(), "old-nvr": oldNVR(), "dvr": dvr(), "camera": camera(), "two-lenses": lenses(), "odd-names": odd(),
	}
}
