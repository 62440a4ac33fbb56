package nvrtest

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// SMART is what a disk tells of itself. Self is "ok", "error" or "fail", All is
// "functional", "fault" or "error"; Percent is how far a self-test is.
type SMART struct {
	Temperature, PowerOnDays int
	Self, All                string
	Percent                  int
}

// SetSMART changes what the disk with that id tells. By default it has 38 °C and
// is well.
func (r *Recorder) SetSMART(id int, s SMART) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contents.smart == nil {
		r.contents.smart = map[int]SMART{}
	}
	r.contents.smart[id] = s
}

// smartTest is the document below a disk, spelled as devices do, or nil.
func (r *Recorder) smartTest(rest string) *element {
	id, found := strings.CutSuffix(rest, "/SMARTTest/status")
	n, err := strconv.Atoi(id)
	if !found || err != nil || !r.contents.hasDisk(n) {
		return nil
	}
	s, set := r.contents.smart[n]
	if !set {
		s = SMART{Temperature: 38, PowerOnDays: 812, Self: "ok", All: "functional"}
	}
	result := func(attribute, status, value, worst, raw string) *element {
		return parent("TestResult", el("attributeID", attribute), el("status", status), el("value", value), el("worst", worst), el("rawValue", raw))
	}
	return r.traits.root("SMARTTest", el("id", number(n)), el("temprature", number(s.Temperature)), el("powerOnDay", number(s.PowerOnDays)),
		el("selfEvaluaingStatus", s.Self), el("allEvaluaingStatus", s.All), el("selfTestPercent", number(s.Percent)),
		el("selfTestType", "short"),
		parent("TestResultList", result("5", "ok", "200", "200", "0"), result("9", "ok", "74", "74", number(s.PowerOnDays*24)),
			result("194", "ok", "109", "99", number(s.Temperature))))
}

// hasDisk says whether a disk is there, not a share and not a ghost.
func (d *contents) hasDisk(id int) bool {
	for _, disk := range d.disks {
		if disk.ID == id && !disk.Share && disk.Status != "notexist" {
			return true
		}
	}
	return false
}

// interfaces is how the device is on the network.
func (r *Recorder) interfaces() *element {
	t := r.traits
	addressing := "static"
	if r.config.DHCP {
		addressing = "dynamic"
	}
	return t.root("NetworkInterfaceList", t.inner(parent("NetworkInterface", el("id", "1"),
		t.inner(parent("IPAddress", el("ipVersion", "dual"), el("addressingType", addressing), el("ipAddress", "192.0.2.64"),
			el("subnetMask", "255.255.255.0"),
			parent("DefaultGateway", el("ipAddress", "192.0.2.1")),
			parent("PrimaryDNS", el("ipAddress", "192.0.2.1")))),
		t.inner(parent("Link", el("MACAddress", r.contents.mac), el("autoNegotiation", "true"), el("speed", "1000"), el("duplex", "full"), el("MTU", "1500"))))))
}

// OnlineUser is somebody who is signed in at a recorder.
type OnlineUser struct {
	Name    string
	Type    string // "admin", "operator", "viewer"
	Address string
}

// SetOnlineUsers changes who is signed in, as Security/onlineUser lists them. ISAPI
// requests open no session (17 recorders), so the client itself isn't listed.
func (r *Recorder) SetOnlineUsers(users ...OnlineUser) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.users = slices.Clone(users)
}

func (r *Recorder) onlineUsers() *element {
	list := r.traits.root("OnlineUserList")
	since := r.zone.wall(r.now().Add(r.config.ClockOffset - time.Hour)).Format("2006-01-02 15:04:05")
	for i, u := range r.contents.users {
		list.add(r.traits.inner(parent("OnlineUser", el("id", number(65536+i)), el("name", u.Name), el("type", u.Type),
			el("loginTime", since), parent("clientAddress", el("ipAddress", u.Address)))))
	}
	return list
}

// upgrading is what the device tells of an upgrade.
type upgrading struct {
	running bool
	percent int
	online  string
}

// SetUpgrade lets the device say that an upgrade runs, or none.
func (r *Recorder) SetUpgrade(running bool, percent int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.upgrading.running, r.contents.upgrading.percent = running, percent
}

// SetOnlineUpgrade changes the word of System/onlineUpgrade/status ("notUpgrade",
// "upgrading"); before, and with "", the device doesn't support the question.
func (r *Recorder) SetOnlineUpgrade(word string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.upgrading.online = word
}

func (r *Recorder) upgradeStatus() *element {
	u := r.contents.upgrading
	return r.traits.root("upgradeStatus", el("upgrading", yesNo(u.running)), el("percent", number(u.percent)))
}

func (r *Recorder) onlineUpgradeStatus() *element {
	u := r.contents.upgrading
	return when(u.online != "", r.traits.root("OnlineUpgradeStatus", el("status", u.online), el("percent", number(u.percent)),
		el("taskID", ""), el("packageName", "")))
}

// Formatting is what hdd/<id>/formatStatus tells. Its form isn't documented;
// this one is a guess.
type Formatting struct {
	Running bool
	Percent int
}

// SetFormatting lets the disk with that id tell how far it is formatted; before,
// the device doesn't support the question. The word in the list of disks is
// SetDiskStatus's.
func (r *Recorder) SetFormatting(id int, f Formatting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contents.formatting == nil {
		r.contents.formatting = map[int]Formatting{}
	}
	r.contents.formatting[id] = f
}

// formatStatus is the document below a disk, or nil.
func (r *Recorder) formatStatus(rest string) *element {
	id, found := strings.CutSuffix(rest, "/formatStatus")
	n, err := strconv.Atoi(id)
	f, set := r.contents.formatting[n]
	if !found || err != nil || !set {
		return nil
	}
	return r.traits.root("formatStatus", el("formating", yesNo(f.Running)), el("percent", number(f.Percent)))
}

// newest is the firmware that the maker's server offers.
type newest struct{ version, changes string }

// SetNewest lets the device know a newer firmware; before it doesn't support the
// question. The version is as devices write it ("V4.62.300").
func (r *Recorder) SetNewest(version, changes string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.newest = newest{version, changes}
}

func (r *Recorder) upgradeVersion() *element {
	n := r.contents.newest
	return when(n.version != "", r.traits.root("OnlineUpgradeVersion", el("newVersion", n.version), el("changeLog", n.changes)))
}
