package discovery_test

import (
	"fmt"
	"testing"
	"hikbridge/discovery"
)

func TestTry(t *testing.T) {
	b := discovery.Bridge{Version: "0.1.0", URL: "https://example.org/hikbridge"}
	r := discovery.Recorder{ID: discovery.ID("iDS-7208HQHI-M0(A)/S(C)0000000000CCWRFD0000000WCVU", "", ""), Name: "garage", Title: "Garage", Manufacturer: "Hikvision", Model: "iDS-7208HQHI-M1(A)/S(C)", Serial: "iDS-7208HQHI-M0(A)/S(C)0000000000CCWRFD0000000WCVU", MAC: "e0:44:cf:0b:a7:98", Firmware: "V4.62.210 build 230619", Hardware: "0x1", ConfigurationURL: "http://192.0.2.10", Uptime: true, CPU: true, Memory: true, Clock: true, CamerasOnline: true,
		Cameras: []discovery.Camera{{ID: "1", Title: "Drive", Connection: true, Reason: true, Model: "DS-2CD2386G2-IU", Serial: "DS-2CD2386G2-IU00000000AAWRK00000001", Firmware: "V5.7.15 build 240201"}}}
	for i := range 16 {
		r.Disks = append(r.Disks, discovery.Disk{ID: fmt.Sprint(i + 1), Used: true, Size: true})
	}
	fmt.Println(len(b.Document().Payload))
	for _, d := range b.RecorderDocuments(r) {
		fmt.Println(d.Topic, len(d.Payload))
	}
	r.Disks = r.Disks[:1]
	for _, d := range b.RecorderDocuments(r) {
		fmt.Println(string(d.Payload))
	}
}
