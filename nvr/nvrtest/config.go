package nvrtest

import (
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"net/http"
	"time"
)

// Model is a family of devices whose documents and manners a Recorder has.
type Model int

const (
	// NVR is a new recorder, like DS-7608NXI-I2/8P/S V4.62: namespace
	// isapi.org, version 2.0, full capabilities, lock data in every 401.
	NVR Model = iota
	// OldNVR is like DS-7616NI-Q2/16P V4.30: namespace hikvision.com, version
	// 1.0, no model, serial number or firmware per channel, few capabilities.
	OldNVR
	// DVR is a hybrid like iDS-7208HQHI-M1 V4.75: analog inputs with a
	// resolution or "NO VIDEO", beside them IP channels with ids of their own.
	DVR
	// Camera is a single camera like DS-2CD2386G2-IU V5.7.
	Camera
	// DualCamera is a camera with two lenses like DS-2SE4C425MWG V5.8.
	DualCamera
	// OldCamera is like DS-2CD2532F-IWS V5.2.0: no userCheck, and 500 for what
	// it doesn't know.
	OldCamera
)

func (m Model) String() string {
	switch m {
	case NVR:
		return "NVR"
	case OldNVR:
		return "OldNVR"
	case DVR:
		return "DVR"
	case Camera:
		return "Camera"
	case DualCamera:
		return "DualCamera"
	case OldCamera:
		return "OldCamera"
	}
	panic("nvrtest: unknown Model")
}

// recorder says whether the model is no camera.
func (m Model) recorder() bool { return m == NVR || m == OldNVR || m == DVR }

// LockMode says which rejections a Recorder's login lock counts.
type LockMode int

const (
	// LockReal counts a wrong response to a valid nonce. A stale or unknown
	// nonce doesn't count, nor does an attempt while locked.
	LockReal LockMode = iota
	// LockEvery counts every 401 to a request with credentials, stale nonces
	// too. Whether real devices do so isn't known; a good client survives it.
	LockEvery
	// LockNone never locks; Counted still lists what LockReal would count.
	LockNone
)

func (m LockMode) String() string {
	switch m {
	case LockReal:
		return "LockReal"
	case LockEvery:
		return "LockEvery"
	case LockNone:
		return "LockNone"
	}
	panic("nvrtest: unknown LockMode")
}

// Defaults of Config.
const (
	DefaultUsername = "admin"
	DefaultPassword = "Made-up-1"
	// DefaultTimeZone is central European time as devices write it.
	DefaultTimeZone = "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00"
)

// Config describes a Recorder. The zero value is an NVR as it was captured:
// four cameras, the last of which never connected.
type Config struct {
	Model Model
	// Name is the device's own. Serial, MAC and Firmware have made-up defaults;
	// the first two follow from model and name, so that recorders with
	// different names are different boxes.
	Name, Serial, MAC, Firmware string
	// Username and Password of the one account; DefaultUsername and
	// DefaultPassword if empty.
	Username, Password string

	// Channels is the number of cameras behind a recorder (analog inputs of a
	// DVR), up to 64. Given, all of them work; left out, the model's captured
	// shape is taken, with its broken channel. Cameras have their lenses.
	Channels int
	// IPChannels is the number of IP cameras on a DVR beside its inputs. None
	// gives an empty list element, as captured.
	IPChannels int
	// FirstIPChannel is the id of a DVR's first IP channel. The default 1
	// collides with the analog input of that id.
	FirstIPChannel int

	// Algorithm of the digest: "MD5" (default), "SHA-256", or "both" (two
	// WWW-Authenticate lines). Cameras leave "MD5" unsaid, as they do.
	Algorithm string
	// NonceUses is how often a nonce can be used; 0 is unlimited.
	NonceUses int
	// NonceLife is how long a nonce can be used; 0 is unlimited.
	NonceLife time.Duration
	// NonceBoundToPath refuses a nonce on another path than it was given for
	// ("The url does not match the nonce url").
	NonceBoundToPath bool
	// StrictNC refuses an nc that isn't larger than the nonce's last.
	StrictNC bool
	// TellStale writes stale="TRUE" for a nonce that has run out. Devices write
	// "FALSE" in their ordinary challenge.
	TellStale bool
	// StaleWithoutChallenge answers a nonce that has run out by a 401 without
	// WWW-Authenticate, as access terminals with V4.48 do.
	StaleWithoutChallenge bool

	Lock LockMode
	// LockShownUnsigned tells of the client address's lock also in the 401 to a
	// request without credentials.
	LockShownUnsigned bool
	// RiskPassword and DefaultPasswordSet are what userCheck says.
	RiskPassword, DefaultPasswordSet bool

	// TimeZone is the POSIX rule as devices write it (DefaultTimeZone if empty).
	TimeZone string
	// NoTimeZone leaves the rule out of the documents.
	NoTimeZone bool
	// ClockOffset is how far the device's clock is ahead of Now.
	ClockOffset time.Duration
	// Now is the time; nil is time.Now, which is virtual in a synctest bubble.
	Now func() time.Time

	// Encoding is what documents declare: "" for UTF-8, "utf8" (an unofficial
	// name for the same), or "GB2312", in which names are really written as far
	// as the simulator knows the characters (see GB2312Name).
	Encoding string
	// RawAmpersand leaves "&" in names unescaped.
	RawAmpersand bool

	// WorkingStatus is the form of System/workingstatus.
	WorkingStatus WorkingShape
	// Notifications is how what is told the owner's app is silenced.
	Notifications Notifications
	// Log is how the log is kept and searched.
	Log LogConfig
	// DHCP says that the address is given by the network.
	DHCP bool

	// Stream is how the event stream is written.
	Stream StreamShape
	// NoStream leaves the event stream out. OldStreamPath has it at
	// /Event/notification/alertStream, as V4.0.9 and V5.3.0 do, and answers 404
	// where it is elsewhere.
	NoStream, OldStreamPath bool
	// Heartbeat is the pause between heartbeats after the last thing sent; 0 is
	// 10 s, negative none.
	Heartbeat time.Duration
	// HeartbeatWithoutChannel leaves the channel's elements empty in the
	// heartbeats of recorders; otherwise they have channelID 0.
	HeartbeatWithoutChannel bool
	// MaxStreams is how many event streams can be open; 0 is unlimited. One more
	// is refused by StreamRefusal: 403 deployExceedMax if left out, others answer
	// 404 or 503.
	MaxStreams    int
	StreamRefusal Refusal
	// StreamSlotHeld is how long a stream counts as open after its connection was
	// cut (ResetStreams, FreezeStreams, Unplug); a restart ends that.
	StreamSlotHeld time.Duration

	// Halt is how a recorder shuts down, Restart how the device takes the request
	// to restart, and Boot how it boots after that or with its supply back: 45 s
	// of silence and 15 s of errors if left out.
	Halt    Halt
	Restart Manner
	Boot    Boot
	Watts   Watts

	// TLS is the base of the configuration on port 443, 8443 and in ServeTLS.
	// Nil, or without certificates, it gets a self-made one.
	TLS *tls.Config
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	t := traitsOf(c.Model)
	setDefault(&c.Name, t.name)
	seed := fingerprint(c.Model.String() + c.Name)
	setDefault(&c.Serial, fmt.Sprintf("%s00202501%s%09d%s", t.model, t.plant, seed%1e9, t.serialEnd))
	setDefault(&c.MAC, fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", byte(seed>>24), byte(seed>>16), byte(seed>>8), byte(seed)))
	setDefault(&c.Firmware, t.firmware)
	setDefault(&c.Username, DefaultUsername)
	setDefault(&c.Password, DefaultPassword)
	setDefault(&c.Algorithm, "MD5")
	setDefault(&c.TimeZone, DefaultTimeZone)
	setDefault(&c.StreamRefusal.SubStatus, "deployExceedMax")
	if c.StreamRefusal.Status == 0 {
		c.StreamRefusal.Status = http.StatusForbidden
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = heartbeatEvery
	}
	if c.Boot == (Boot{}) {
		c.Boot = Boot{Down: 45 * time.Second, Silent: true, Errors: 15 * time.Second}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.FirstIPChannel == 0 {
		c.FirstIPChannel = 1
	}
	return c
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// fingerprint is a number that follows from s.
func fingerprint(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s))
	return h.Sum32()
}

// Namespaces of documents: new recorders have the second, everything else the
// first; some mix them in one document (DS-7616NI-K2, iDS-7208HQHI-M1).
const (
	nsHikvision = "http://www.hikvision.com/ver20/XMLSchema"
	nsOldest    = "http://www.hikvision.com/ver10/XMLSchema"
	nsISAPI     = "http://www.isapi.org/ver20/XMLSchema"
)

// traits are what devices of a model have in common.
type traits struct {
	name, model, deviceType string
	firmware, released      string
	plant, serialEnd        string // parts of serial numbers
	realm                   string
	namespace, version      string
	newline                 string
	repeatNS                bool // inner elements repeat version and xmlns
	lockInBody              bool // every 401 tells of the lock
	channels                int
}

// traitsOf follows recorded answers, see Model.
func traitsOf(m Model) traits {
	switch m {
	case NVR:
		return traits{
			name: "nvr", model: "DS-7608NXI-I2/8P/S", deviceType: "NVR", firmware: "V4.62.210", released: "build 230619",
			plant: "CCRRJ", serialEnd: "WCVU", realm: "DS-7608NXI-I2",
			namespace: nsISAPI, version: "2.0", newline: "\n", lockInBody: true, channels: 4,
		}
	case OldNVR:
		return traits{
			name: "Network Video Recorder", model: "DS-7616NI-Q2/16P", deviceType: "NVR", firmware: "V4.30.097", released: "build 240401",
			plant: "CCRRE", serialEnd: "WCVU", realm: "DS-7616NI-Q2",
			namespace: nsHikvision, version: "1.0", newline: "\r\n", repeatNS: true, channels: 9,
		}
	case DVR:
		return traits{
			name: "Embedded Net DVR", model: "iDS-7208HQHI-M1(A)/S(C)", deviceType: "DVR", firmware: "V4.75.011", released: "build 240625",
			plant: "CCWRFD", serialEnd: "WCVU", realm: "iDS-7208HQHI-M1",
			namespace: nsHikvision, version: "1.0", newline: "\r\n", repeatNS: true, channels: 8,
		}
	case Camera:
		return traits{
			name: "yard", model: "DS-2CD2386G2-IU", deviceType: "IPCamera", firmware: "V5.7.15", released: "build 240201",
			plant: "AAWRJ", realm: "IP Camera(J2386)",
			namespace: nsHikvision, version: "2.0", newline: "\n", repeatNS: true, lockInBody: true, channels: 1,
		}
	case DualCamera:
		return traits{
			name: "corner", model: "DS-2SE4C425MWG-E/26", deviceType: "IPDome", firmware: "V5.8.1", released: "build 240929",
			plant: "AAWRG", realm: "IP Camera(G2425)",
			namespace: nsHikvision, version: "2.0", newline: "\n", repeatNS: true, lockInBody: true, channels: 2,
		}
	case OldCamera:
		return traits{
			name: "SCD14 #TUIN", model: "DS-2CD2532F-IWS", deviceType: "IPCamera", firmware: "V5.2.0", released: "build 140721",
			plant: "CCCH", realm: "IP Camera(C2532)",
			namespace: nsHikvision, version: "2.0", newline: "\r\n", repeatNS: true, channels: 1,
		}
	}
	panic("nvrtest: unknown Model")
}
