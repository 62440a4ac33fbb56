package nvr

import (
	"context"
	"net"
	"strings"
)

const (
	pathDeviceInfo   = "System/deviceInfo"
	pathCapabilities = "System/capabilities"
)

// Info is what the device says of itself. Empty means not told.
type Info struct {
	Name         string // free text of the owner, "Network Video Recorder" as delivered
	Model        string
	Serial       string // may hold "/", "(" and ")"
	MAC          string // lower case with colons, or empty
	DeviceID     string
	Firmware     string // version and build, "V4.62.210 build 230619"
	Hardware     string
	Manufacturer string
	// Recorder is true for NVR and DVR, false for cameras and what isn't known.
	Recorder bool
}

// Info asks for the device's identity. It is what the memory of unsupported
// requests hangs on: another serial number or firmware clears that memory.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var w struct {
		DeviceName           string `xml:"deviceName"`
		DeviceID             string `xml:"deviceID"`
		Model                string `xml:"model"`
		SerialNumber         string `xml:"serialNumber"`
		MACAddress           string `xml:"macAddress"`
		FirmwareVersion      string `xml:"firmwareVersion"`
		FirmwareReleasedDate string `xml:"firmwareReleasedDate"`
		HardwareVersion      string `xml:"hardwareVersion"`
		DeviceType           string `xml:"deviceType"`
		Manufacturer         string `xml:"manufacturer"`
	}
	if err := c.get(ctx, pathDeviceInfo, &w, "DeviceInfo"); err != nil {
		return Info{}, err
	}
	i := Info{
		Name: text(w.DeviceName), Model: text(w.Model), Serial: text(w.SerialNumber),
		MAC: mac(w.MACAddress), DeviceID: text(w.DeviceID), Hardware: text(w.HardwareVersion),
		Firmware:     text(text(w.FirmwareVersion) + " " + text(w.FirmwareReleasedDate)),
		Manufacturer: text(w.Manufacturer), Recorder: isRecorder(w.DeviceType),
	}
	c.budget.noteDevice(i.Serial + " " + i.Firmware)
	return i, nil
}

// isRecorder reads deviceType; NVR, DVR, IPCamera and IPDome were seen, HybirdNVR
// (sic) and the like are named in documents.
func isRecorder(deviceType string) bool {
	t := strings.ToUpper(deviceType)
	return strings.Contains(t, "NVR") || strings.Contains(t, "DVR")
}

func mac(s string) string {
	m, err := net.ParseMAC(text(s))
	if err != nil || len(m) != 6 {
		return ""
	}
	return m.String()
}

// Capabilities says how many channels of each kind a device can have. A number
// that isn't told is not known; recorders tell 0 video inputs, and so do single
// cameras, which have one all the same.
type Capabilities struct {
	Inputs  Maybe[int64] // analog inputs, or lenses of a camera
	Proxies Maybe[int64] // IP channels
	// Working and Upgrade say whether the device promises to tell its working
	// status, and of newer firmware; some do so without promising.
	Working, Upgrade Maybe[bool]
}

// Capabilities asks what the device can do (System/capabilities).
func (c *Client) Capabilities(ctx context.Context) (Capabilities, error) {
	var w struct {
		Inputs  string `xml:"SysCap>VideoCap>videoInputPortNums"`
		Proxies string `xml:"RacmCap>inputProxyNums"`
		Working string `xml:"SysCap>isSupportGettingWorkingStatus"`
		Upgrade string `xml:"SysCap>isSupportOnlineUpgradeTask"`
	}
	if err := c.get(ctx, pathCapabilities, &w, "DeviceCap"); err != nil {
		return Capabilities{}, err
	}
	return Capabilities{Inputs: number(w.Inputs), Proxies: number(w.Proxies),
		Working: truth(w.Working), Upgrade: truth(w.Upgrade)}, nil
}
