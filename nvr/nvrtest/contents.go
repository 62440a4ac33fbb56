package nvrtest

import (
	"fmt"
	"slices"
	"time"
)

// Channel names one: the same id can belong to an input and to an IP channel.
type Channel struct {
	input bool
	id    int
}

// IP is the channel of an IP camera behind a recorder.
func IP(id int) Channel { return Channel{id: id} }

// Input is an analog input of a DVR, or a lens of a camera.
func Input(id int) Channel { return Channel{input: true, id: id} }

// Attached is a camera on a channel.
type Attached struct {
	Name string
	// Model, Serial and Firmware are empty for a camera that never connected.
	// Old recorders don't tell them in any case, inputs have none.
	Model, Serial, Firmware string
	// Protocol is "HIKVISION" if empty; "ONVIF" channels have no devIndex.
	Protocol string
	Address  string
	Online   bool
	// Detect is chanDetectResult; empty leaves the element out.
	Detect string
	// Lens is channelDescription of a camera with several lenses.
	Lens string
}

// slot is a channel that is configured.
type slot struct {
	channel Channel
	Attached
}

// Disk is a disk or a share; Capacity and Free are in decimal megabytes, as the
// device tells them.
type Disk struct {
	ID             int
	Name           string
	Status         string // "ok", "notexist", "reparing" …
	Capacity, Free int64
	Share          bool   // listed in nasList
	Model, Serial  string // told by some (DS-7732NI-M4 V5.03)
	Type           string // "SATA" if empty; "Virtual Disk" for an array
}

// contents is what a device's documents tell; under Recorder.mu.
type contents struct {
	name, serial, mac, firmware string
	slots                       []slot
	disks                       []Disk

	linkages      map[linked][]string
	idle          map[Channel]bool // channels that don't record
	schedules     map[Channel]schedule
	recordedSince time.Time
	gaps          map[Channel][]gap
	log           []LogEntry
	logSearches   []LogSearch
	smart         map[int]SMART
	newest        newest
	upgrading     upgrading
	users         []OnlineUser
	formatting    map[int]Formatting
	pictures      map[Channel][]byte
	notifications notifications
	scene         []byte // the picture that others are made of
	shots         int
}

func newContents(c Config, t traits) contents {
	captured := c.Channels <= 0 || !c.Model.recorder()
	n := min(c.Channels, 64)
	if captured {
		n = t.channels
	}
	d := contents{
		name: c.Name, serial: c.Serial, mac: c.MAC, firmware: c.Firmware, disks: disksOf(c.Model),
		recordedSince: c.Now().Add(-recordedBefore), log: newLog(c),
	}
	for id := 1; id <= n; id++ {
		d.slots = append(d.slots, slotOf(c.Model, id))
	}
	if captured {
		d.breakLast(c.Model)
	}
	if c.Model == DVR {
		for i := range min(c.IPChannels, 64) {
			s := slotOf(NVR, i+1)
			s.channel = IP(c.FirstIPChannel + i)
			d.slots = append(d.slots, s)
		}
	}
	return d
}

// slotOf is a working camera as it comes with a model.
func slotOf(m Model, id int) slot {
	a := Attached{Online: true, Detect: "connect", Address: fmt.Sprintf("192.0.2.%d", 100+id)}
	switch m {
	case NVR, OldNVR:
		a.Name = cameraName(id)
		a.Model, a.Firmware = "DS-2CD2386G2-IU", "V5.7.15 build 240201"
		a.Serial = fmt.Sprintf("DS-2CD2386G2-IU00202401AAWRK%08d", id)
		if m == OldNVR && id%2 == 0 {
			a.Detect = "" // some firmware leaves it out
		}
		return slot{IP(id), a}
	case DVR:
		a.Name = fmt.Sprintf("Camera %02d", id)
	case Camera, OldCamera:
		a.Name = traitsOf(m).name
	case DualCamera:
		a.Name, a.Lens = "corner", "PTZ"
		if id == 2 {
			a.Lens = "Panoramic"
		}
	}
	return slot{Input(id), a}
}

// cameraName has the oddities of real ones: "#", "-" and doubled blanks.
func cameraName(id int) string {
	names := [...]string{"garden", "home", "road", "gate", "Terraza - Taller", "#", "-", "SCD14 #TUIN"}
	if id <= len(names) {
		return names[id-1]
	}
	return fmt.Sprintf("Camera %02d", id)
}

// breakLast makes the last channel what it was when the model was captured.
func (d *contents) breakLast(m Model) {
	last := &d.slots[len(d.slots)-1]
	switch m {
	case NVR: // never connected
		last.Model, last.Serial, last.Firmware = "", "", ""
		last.Online, last.Detect = false, "netUnreachable"
	case DVR:
		last.Online = false
	case OldNVR, Camera, DualCamera, OldCamera:
	}
}

// disksOf are those of the captured devices, with the ghost of a removed drive
// beside them on new recorders (seen by DVRtool on 17 recorders).
func disksOf(m Model) []Disk {
	switch m {
	case NVR:
		return []Disk{
			{ID: 1, Name: "hdd1", Status: "ok", Capacity: 1907729},
			{ID: 2, Name: "hdd2", Status: "notexist", Model: "WDC WD20PURX", Serial: "WD-MADEUP000002"},
		}
	case OldNVR:
		return []Disk{{ID: 1, Name: "hdd1", Status: "ok", Capacity: 1907729, Free: 1325056}}
	case DVR:
		return []Disk{{ID: 1, Name: "hdd1", Status: "ok", Capacity: 1907729, Free: 277504}}
	case Camera:
		return []Disk{
			{ID: 1, Name: "hdde", Status: "ok", Capacity: 30436, Free: 27392},
			{ID: 9, Status: "ok", Capacity: 122346, Free: 119296, Share: true},
		}
	case DualCamera:
		return []Disk{
			{ID: 1, Name: "SD1", Status: "ok", Capacity: 237708, Free: 213093},
			{ID: 9, Status: "unformatted", Share: true},
		}
	case OldCamera:
		return []Disk{{ID: 1, Name: "hdde", Status: "ok", Capacity: 30223}}
	}
	panic("nvrtest: unknown Model")
}

// find gives a configured channel, or nil.
func (d *contents) find(c Channel) *slot {
	for i := range d.slots {
		if d.slots[i].channel == c {
			return &d.slots[i]
		}
	}
	return nil
}

// of gives the channels of one kind in the order of their ids.
func (d *contents) of(input bool) []slot {
	var some []slot
	for _, s := range d.slots {
		if s.channel.input == input {
			some = append(some, s)
		}
	}
	slices.SortStableFunc(some, func(a, b slot) int { return a.channel.id - b.channel.id })
	return some
}

// bays is how many IP cameras the recorder can have.
func (d *contents) bays() int {
	used := len(d.of(false))
	for _, size := range [...]int{8, 16, 32} {
		if used <= size {
			return size
		}
	}
	return 64
}

// SetCamera changes whether a channel's camera delivers, and the word for it
// ("connect", "netUnreachable"; empty leaves it out). An input that isn't online
// says "NO VIDEO". It does nothing where no such channel is configured, and
// nothing in a replay.
func (r *Recorder) SetCamera(c Channel, online bool, detect string) {
	r.edit(c, func(s *slot) { s.Online, s.Detect = online, detect })
}

// RenameCamera gives a channel another name.
func (r *Recorder) RenameCamera(c Channel, name string) {
	r.edit(c, func(s *slot) { s.Name = name })
}

// AddCamera configures a channel, or replaces its camera.
func (r *Recorder) AddCamera(c Channel, a Attached) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.contents.find(c); s != nil {
		s.Attached = a
		return
	}
	r.contents.slots = append(r.contents.slots, slot{c, a})
}

// RemoveCamera takes a channel from the list.
func (r *Recorder) RemoveCamera(c Channel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.slots = slices.DeleteFunc(r.contents.slots, func(s slot) bool { return s.channel == c })
}

func (r *Recorder) edit(c Channel, change func(*slot)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.contents.find(c); s != nil {
		change(s)
	}
}

// SetDisks replaces disks and shares.
func (r *Recorder) SetDisks(disks []Disk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.disks = slices.Clone(disks)
}

// SetDiskStatus changes the status word of the disks or shares with that id.
func (r *Recorder) SetDiskStatus(id int, status string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.contents.disks {
		if r.contents.disks[i].ID == id {
			r.contents.disks[i].Status = status
		}
	}
}

// SetFirmware changes the version ("V4.62.300"), also in a replay.
func (r *Recorder) SetFirmware(version string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.firmware = version
	r.replay.set("System/deviceInfo", "firmwareVersion", version)
}

// SetSerial makes it another box at the same address, also in a replay.
func (r *Recorder) SetSerial(serial string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents.serial = serial
	r.replay.set("System/deviceInfo", "serialNumber", serial)
}

// Serial is the serial number that the device tells.
func (r *Recorder) Serial() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.contents.serial
}
