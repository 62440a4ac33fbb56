package nvrtest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// root makes a document's root with the model's version and namespace.
func (t traits) root(name string, children ...*element) *element {
	return parent(name, children...).with("version", t.version).with("xmlns", t.namespace)
}

// inner lets an inner element repeat version and namespace on models that do so.
func (t traits) inner(e *element) *element {
	if t.repeatNS {
		e.with("version", t.version).with("xmlns", t.namespace)
	}
	return e
}

// mixed is inner, except that DVRs have the other namespace there (iDS-7208HQHI
// V4.75 mixes both in one document).
func (t traits) mixed(m Model, e *element) *element {
	if m == DVR {
		return e.with("version", "2.0").with("xmlns", nsISAPI)
	}
	return t.inner(e)
}

func yesNo(b bool) string { return strconv.FormatBool(b) }

func number[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// deviceInfo has the fields of the captured devices in their order.
func (r *Recorder) deviceInfo() *element {
	t, d := r.traits, &r.contents
	e := t.root("DeviceInfo", el("deviceName", d.name), el("deviceID", deviceID(d.serial, d.mac)))
	if !r.config.Model.recorder() {
		e.add(el("deviceDescription", "IPCamera"), el("deviceLocation", "hangzhou"), el("systemContact", "Hikvision.China"))
	}
	e.add(el("model", t.model), el("serialNumber", d.serial), el("macAddress", d.mac),
		el("firmwareVersion", d.firmware), el("firmwareReleasedDate", t.released),
		el("encoderVersion", "V5.0"), el("encoderReleasedDate", "build 230530"))
	switch r.config.Model {
	case NVR:
		e.add(el("deviceType", t.deviceType), el("telecontrolID", "255"), el("hardwareVersion", "0100000092010000"),
			el("decordChannelNums", "8"), el("VGANums", "1"), el("USBNums", "2"), el("auxoutNums", "0"), el("regionVersion", "basic"))
	case OldNVR:
		e.add(el("deviceType", t.deviceType), el("telecontrolID", "255"))
	case DVR:
		e.add(el("deviceType", t.deviceType), el("telecontrolID", "255"), el("hardwareVersion", "0xc0ebc00"), el("manufacturer", ""))
	case Camera, DualCamera:
		e.add(el("bootVersion", "V1.3.4"), el("bootReleasedDate", "100316"), el("hardwareVersion", "0x0"),
			el("deviceType", t.deviceType), el("telecontrolID", "88"), el("supportBeep", "false"), el("supportVideoLoss", "false"),
			el("firmwareVersionInfo", "B-R-G5-0"), el("manufacturer", "hikvision"), el("subSerialNumber", "J00000000"), el("OEMCode", "1"))
	case OldCamera:
		e.add(el("bootVersion", "V1.3.4"), el("bootReleasedDate", "100316"), el("hardwareVersion", "0x0"),
			el("deviceType", t.deviceType), el("telecontrolID", "2"), el("supportBeep", "false"), el("supportVideoLoss", "false"))
	}
	return e
}

// deviceID is shaped like a UUID that ends in the MAC address.
func deviceID(serial, mac string) string {
	return fmt.Sprintf("484a3831-%04x-%04x-3030-%s", fingerprint(serial)>>16, fingerprint(serial)&0xffff, strings.ReplaceAll(mac, ":", ""))
}

// capabilities has what the captured ones have and the bridge could look at,
// doubled elements and values that are only in "opt" included.
func (r *Recorder) capabilities() *element {
	t, m, d := r.traits, r.config.Model, &r.contents
	system := parent("SysCap", el("isSupportDst", "true"), r.networkCap(), r.ioCap(),
		t.mixed(m, parent("VideoCap", el("videoInputPortNums", number(r.analogInputs())), el("videoOutputPortNums", "3"), el("menuNums", "1"))),
		t.inner(parent("AudioCap", el("audioInputNums", "1"), el("audioOutputNums", "1"))),
		when(m.recorder(), el("isSupportHolidy", "true")),
		when(m.recorder(), t.inner(parent("RebootConfigurationCap", el("ONVIF", "true"), el("RTSP", "true"), el("HTTP", "true")))),
		when(m == NVR, el("isSupportGettingWorkingStatus", "true")),
		when(m == OldNVR || m == DVR, el("isSupportSimpleDevStatus", "true")),
		when(m != OldCamera, el("isSupportSubscribeEvent", "true")),
		when(m != OldCamera, el("isSupportTimeCap", "true")))
	e := t.root("DeviceCap", system, el("voicetalkNums", "1"), el("isSupportSnapshot", yesNo(m == NVR || !m.recorder())), r.securityCap(), r.eventCap())
	if m.recorder() {
		e.add(t.inner(parent("RacmCap", el("isSupportZeroChan", "true"), el("inputProxyNums", number(d.bays())),
			el("nasNums", "8"), el("isSupportRaid", "false"), el("isSupportSMARTTest", "true"), el("isSupportActivateIpc", "true"),
			parent("isSupportCheckIpcSecurity", el("isSupportCheckPassword", "true")),
			el("pictureSearchType", "").with("opt", "CMR,MOTION,ALARM,EDR,ALARMANDMOTION,AllEvent,allPic"))))
		e.add(el("isSupportTokenAuthenticate", "true"), el("isSupportTokenAuthenticate", "true"))
	}
	return e.add(when(m == Camera || m == DualCamera, el("isSupportPasswordProtection", "true")),
		when(m == Camera || m == DualCamera, el("isSupportPasswordProtection", "true")),
		when(m != OldCamera, el("isSupportGetmutexFuncErrMsg", yesNo(m != OldNVR))))
}

// analogInputs is videoInputPortNums, which is 0 on cameras, too.
func (r *Recorder) analogInputs() int {
	if r.config.Model == DVR {
		return len(r.contents.of(true))
	}
	return 0
}

func (r *Recorder) networkCap() *element {
	m := r.config.Model
	return r.traits.inner(parent("NetworkCap", el("isSupportWireless", "false"), el("isSupportNtp", "true"), el("isSupportHttps", yesNo(m != OldCamera)),
		parent("SnmpCap", el("isSupport", yesNo(!m.recorder()))),
		parent("VerificationCodeModification", el("verificationCodeType", "normal").with("opt", "normal,empty"), el("verificationCodeModify", "true")).with("opt", "true,false"),
		when(m == NVR, el("isSupportPOEConfiguration", "true")),
		when(m != OldCamera, el("isSupportIntegrate", "true"))))
}

func (r *Recorder) ioCap() *element {
	switch r.config.Model {
	case NVR:
		return parent("IOCap", el("IOInputPortNums", "4"), el("IOOutputPortNums", "1"), el("SoftIOInputPortNums", "8"), el("enabledIOOutputPortNums", "0"))
	case OldNVR:
		return r.traits.inner(parent("IOCap", el("IOInputPortNums", "4"), el("IOOutputPortNums", "1"), el("enabledIOOutputPortNums", "1")))
	case DVR:
		return r.traits.inner(parent("IOCap", el("IOInputPortNums", "0"), el("IOOutputPortNums", "0"), el("enabledIOOutputPortNums", "1")))
	case Camera, DualCamera:
		return r.traits.inner(parent("IOCap", el("isSupportStrobeLamp", "false")))
	case OldCamera:
		return r.traits.inner(parent("IOCap", el("IOInputPortNums", "1"), el("IOOutputPortNums", "1"), el("isSupportStrobeLamp", "false")))
	}
	panic("nvrtest: unknown Model")
}

func (r *Recorder) securityCap() *element {
	m := r.config.Model
	e := r.traits.inner(parent("SecurityCap", el("supportUserNums", "32"), el("userBondIpNums", number(b2i(m.recorder()))), el("userBondMacNums", "1")))
	if m == OldCamera {
		return e.add(el("isSupCertificate", "true"))
	}
	certificate := el("CertificateType", "digest").with("opt", "digest,digest/basic")
	algorithm := parent("SecurityAlgorithm", el("algorithmType", "").with("opt", "MD5,SHA256,MD5/SHA256"))
	if !m.recorder() {
		certificate.text = "" // only the choices are told
	}
	return e.add(el("securityVersion", "").with("opt", "1"), el("keyIterateNum", "100"), el("isSupportUserCheck", "true"),
		parent("WebCertificateCap", certificate, when(m != OldNVR && m != DVR, algorithm)),
		el("cfgFileSecretKeyLenLimit", "").with("min", "1").with("max", "16"))
}

func (r *Recorder) eventCap() *element {
	return r.traits.mixed(r.config.Model, parent("EventCap", el("isSupportHDFull", "true"), el("isSupportHDError", "true"),
		el("isSupportNicBroken", "true"), el("isSupportIpConflict", "true"), el("isSupportIllAccess", "true")))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// status has memory in decimal megabytes after a blank on recorders
// (DS-7608NI-K2), in whole numbers on cameras (V5.7.18).
func (r *Recorder) status() *element {
	used, free := " 244.175781", " 762.324219"
	if !r.config.Model.recorder() {
		used, free = "99", "9696"
	}
	return r.traits.root("DeviceStatus",
		el("currentDeviceTime", r.deviceTime()),
		el("deviceUpTime", number(int64(r.uptimeLocked()/time.Second))),
		parent("CPUList", parent("CPU", el("cpuDescription", "2616.00"), el("cpuUtilization", "16"))),
		parent("MemoryList", parent("Memory", el("memoryDescription", "DDR Memory"), el("memoryUsage", used), el("memoryAvailable", free))),
		when(r.config.Model == Camera || r.config.Model == DualCamera, el("totalRebootCount", "40")))
}

// deviceTime is localTime as the device's clock shows it.
func (r *Recorder) deviceTime() string {
	return r.zone.localTime(r.now().Add(r.config.ClockOffset))
}

func (r *Recorder) time() *element {
	return r.traits.root("Time", el("timeMode", "NTP"), el("localTime", r.deviceTime()),
		when(!r.config.NoTimeZone, el("timeZone", r.config.TimeZone)))
}

// proxies lists IP channels. The attribute size is the number of free ones.
func (r *Recorder) proxies() *element {
	some := r.contents.of(false)
	list := r.traits.root("InputProxyChannelList").with("size", number(r.contents.bays()-len(some)))
	for _, s := range some {
		list.add(r.proxy(s))
	}
	return list
}

func (r *Recorder) proxy(s slot) *element {
	t, m := r.traits, r.config.Model
	connected := m == NVR && s.Model != "" && protocol(s) == "HIKVISION"
	return t.mixed(m, parent("InputProxyChannel", el("id", number(s.channel.id)), el("name", s.Name), r.source(s),
		when(m == NVR, el("certificateValidationEnabled", "false")),
		when(m == NVR, el("defaultAdminPortEnabled", "true")),
		when(m != NVR || connected, el("enableAnr", "false")),
		when(m == NVR, el("enableTiming", "true")),
		when(connected, el("devIndex", fmt.Sprintf("99547530-e306-4229-97b3-a4370000%04d", s.channel.id)))))
}

// source describes the camera; old recorders don't tell what it is.
func (r *Recorder) source(s slot) *element {
	m := r.config.Model
	port := "8000"
	if protocol(s) == "ONVIF" {
		port = "80"
	}
	e := parent("sourceInputPortDescriptor", el("proxyProtocol", protocol(s)), el("addressingFormatType", "ipaddress"),
		el("ipAddress", s.Address), el("managePortNo", port), el("srcInputPort", "1"), el("userName", "admin"),
		when(m != DVR, el("connMode", "plugplay")), el("streamType", "auto"))
	if m != OldNVR {
		e.add(el("model", s.Model), el("serialNumber", s.Serial), el("firmwareVersion", s.Firmware))
	}
	return e.add(el("deviceID", ""))
}

func protocol(s slot) string {
	if s.Protocol == "" {
		return "HIKVISION"
	}
	return s.Protocol
}

// proxyStatuses has version and namespace of the old ones in each entry
// (DS-7708N-I4).
func (r *Recorder) proxyStatuses() *element {
	list := r.traits.root("InputProxyChannelStatusList")
	for _, s := range r.contents.of(false) {
		list.add(r.proxyStatus(s).with("version", "1.0").with("xmlns", nsHikvision))
	}
	return list
}

func (r *Recorder) proxyStatus(s slot) *element {
	id := s.channel.id
	streams := parent("streamingProxyChannelIdList")
	if s.Online {
		streams.add(el("streamingProxyChannelId", number(id*100+1)), el("streamingProxyChannelId", number(id*100+2)))
	}
	return parent("InputProxyChannelStatus", el("id", number(id)), r.source(s), el("online", yesNo(s.Online)),
		streams, when(s.Detect != "", el("chanDetectResult", s.Detect)))
}

// inputs lists analog inputs, or lenses.
func (r *Recorder) inputs() *element {
	t, m := r.traits, r.config.Model
	list := t.root("VideoInputChannelList")
	for _, s := range r.contents.of(true) {
		e := t.mixed(m, parent("VideoInputChannel", el("id", number(s.channel.id)), el("inputPort", number(s.channel.id))))
		if m == DVR {
			e.add(el("videoInputEnabled", "true"), el("name", s.Name), el("videoFormat", "PAL"), el("resDesc", resolution(s)))
		} else {
			e.add(el("name", s.Name), el("videoFormat", "PAL"), when(s.Lens != "", el("channelDescription", s.Lens)))
		}
		list.add(e)
	}
	return list
}

func resolution(s slot) string {
	switch {
	case !s.Online:
		return "NO VIDEO"
	case s.channel.id%4 == 0:
		return "1480X1664(3KLite)P20"
	}
	return "1920*1080(1080P)P25"
}

// storage follows the captured documents. hddList's size on cameras is what
// could be there.
func (r *Recorder) storage() *element {
	t, m := r.traits, r.config.Model
	disks, shares := parent("hddList"), parent("nasList")
	if !m.recorder() {
		disks.with("version", "1.0").with("xmlns", nsOldest).with("size", "8")
		t.inner(shares)
	}
	for _, d := range r.contents.disks {
		if d.Share {
			shares.add(t.inner(share(d)))
			continue
		}
		disks.add(t.mixed(m, disk(m, d)))
	}
	if !m.recorder() {
		shares.add(el("supportMountType", "").with("opt", "NFS,SMB/CIFS"), el("authentication", "").with("opt", "SMB/CIFS"))
	}
	mode := el("workMode", "quota")
	if m == NVR {
		mode.with("opt", "group,quota")
	}
	return t.root("storage", disks, shares, mode, when(m == NVR, el("ssdList", "")))
}

func disk(m Model, d Disk) *element {
	setDefault(&d.Type, "SATA")
	return parent("hdd", el("id", number(d.ID)), el("hddName", d.Name), el("hddPath", ""), el("hddType", d.Type),
		el("status", d.Status), el("capacity", number(d.Capacity)), el("freeSpace", number(d.Free)), el("property", "RW"),
		when(m == NVR, el("group", "1")),
		when(d.Serial != "", el("hddSerialNumber", d.Serial)), when(d.Model != "", el("hddModel", d.Model)),
		when(m == Camera || m == DualCamera, parent("Encryption",
			el("passwordLen", "").with("min", "6").with("max", "64"),
			el("encryptionStatus", "unencrypted").with("opt", "unencrypted,encrypted,verfyFailed"))))
}

func share(d Disk) *element {
	return parent("nas", el("id", number(d.ID)), el("addressingFormatType", "ipaddress"), el("ipAddress", "192.0.2.203"), el("portNo", "0"),
		el("nasType", "NFS"), el("path", "/pub/hik"), el("status", d.Status), el("capacity", number(d.Capacity)),
		el("freeSpace", number(d.Free)), el("property", "RW"))
}

// userCheck is the answer to a sign-in that worked.
func (r *Recorder) userCheck() *element {
	return r.traits.root("userCheck", el("statusValue", "200"), el("statusString", "OK"),
		el("isDefaultPassword", yesNo(r.config.DefaultPasswordSet)), el("isRiskPassword", yesNo(r.config.RiskPassword)), el("isActivated", "true"))
}

// userID is the account's id; "admin" is always 1.
func (a *access) userID() string {
	if a.username == DefaultUsername {
		return "1"
	}
	return "2"
}

// users lists all accounts to an administrator, the account itself to others.
func (r *Recorder) users() *element {
	t, a := r.traits, &r.access
	level, administrator := a.level()
	list := t.root("UserList")
	if administrator && a.username != DefaultUsername {
		list.add(user(t, "1", DefaultUsername, "Administrator"))
	}
	return list.add(user(t, a.userID(), a.username, level))
}

func user(t traits, id, name, level string) *element {
	return t.inner(parent("User", el("id", id), el("userName", name), el("userLevel", level)))
}

// permission tells the account's rights by the names of the recorder's page;
// "contorlLocalOut" is how devices spell it.
func (r *Recorder) permission() *element {
	a := &r.access
	_, administrator := a.level()
	kind := "operator"
	if administrator {
		kind = "admin"
	}
	remote := parent("remotePermission")
	for _, right := range [...]string{
		"record", "playBack", "preview", "videoChannelPermissionList", "ptzControl", "upgrade", "parameterConfig", "restartOrShutdown",
		"logOrStateCheck", "voiceTalk", "transParentChannel", "contorlLocalOut", "alarmOutOrUpload",
	} {
		if right == "videoChannelPermissionList" {
			remote.add(parent(right, parent("videoChannelPermission", el("id", "1"), el("preview", yesNo(!a.rights.lacks("preview"))))))
			continue
		}
		remote.add(el(right, yesNo(!a.rights.lacks(right))))
	}
	return r.traits.root("UserPermission", el("id", a.userID()), el("userID", a.userID()), el("userType", kind),
		parent("localPermission", el("restartOrShutdown", "true")), remote)
}

func activateStatus() *element { return parent("ActivateStatus", el("Activated", "true")) }
