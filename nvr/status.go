package nvr

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	pathStatus  = "System/status"
	pathStorage = "ContentMgmt/Storage"
	maxDisks    = 64
)

// Status is how a device fares. What it doesn't tell is not known.
type Status struct {
	Uptime Maybe[time.Duration]
	CPU    Maybe[int] // percent, the highest of all processors
	Memory Maybe[int] // percent in use
}

// Status asks System/status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var w struct {
		Uptime string   `xml:"deviceUpTime"`
		CPU    []string `xml:"CPUList>CPU>cpuUtilization"`
		Memory []struct {
			Usage     string `xml:"memoryUsage"`
			Available string `xml:"memoryAvailable"`
		} `xml:"MemoryList>Memory"`
	}
	if err := c.get(ctx, pathStatus, &w, "DeviceStatus", "SystemStatus"); err != nil {
		return Status{}, err
	}
	s := Status{CPU: percent(w.CPU)}
	// One traffic device tells a Chinese sentence instead of seconds.
	if n := number(w.Uptime); n.Known && n.Value >= 0 && n.Value < math.MaxInt32 {
		s.Uptime = known(time.Duration(n.Value) * time.Second)
		c.mu.Lock()
		c.booted = time.Now().Add(-s.Uptime.Value)
		c.mu.Unlock()
	}
	if len(w.Memory) > 0 {
		s.Memory = memory(w.Memory[0].Usage, w.Memory[0].Available)
	}
	return s, nil
}

func percent(values []string) Maybe[int] {
	var highest Maybe[int]
	for _, v := range values {
		f := decimal(v)
		if f.Known && f.Value >= 0 && f.Value <= 100 && (!highest.Known || int(f.Value) > highest.Value) {
			highest = known(int(math.Round(f.Value)))
		}
	}
	return highest
}

// memory gives the share in use. Recorders tell both figures in MB with
// decimals (DS-7608NI-K2); some cameras tell a whole number up to 100 and free
// kilobytes, where nothing says whether the first is a percentage: not known.
func memory(usage, available string) Maybe[int] {
	u, a := decimal(usage), decimal(available)
	if !u.Known || !a.Known || u.Value < 0 || a.Value < 0 || u.Value+a.Value == 0 {
		return Maybe[int]{}
	}
	if u.Value <= 100 && u.Value == math.Trunc(u.Value) {
		return Maybe[int]{}
	}
	return known(int(math.Round(100 * u.Value / (u.Value + a.Value))))
}

// Disk is one disk or network share.
type Disk struct {
	// ID is the recorder's id; "nas" and the id for shares, and a letter more
	// where a device uses an id twice (RAID volumes beside their members).
	ID   string
	Name string
	// Status is the device's word as it came, "ok" or "reparing" for example.
	Status string
	// Size and Free are in bytes; the device tells decimal megabytes. Free 0 is
	// normal on a recorder that overwrites.
	Size, Free Maybe[int64]
	Network    bool
	// Type is hddType as it came: "SATA", "Virtual Disk" for an array; empty for
	// shares.
	Type string
}

// Storage lists disks and shares. Ghosts of removed drives (notexist) are left
// out.
func (c *Client) Storage(ctx context.Context) ([]Disk, error) {
	type volume struct {
		ID       string `xml:"id"`
		Name     string `xml:"hddName"`
		Type     string `xml:"hddType"`
		Status   string `xml:"status"`
		Capacity string `xml:"capacity"`
		Free     string `xml:"freeSpace"`
	}
	var w struct {
		Disks  []volume `xml:"hddList>hdd"`
		Shares []volume `xml:"nasList>nas"`
	}
	if err := c.get(ctx, pathStorage, &w, "storage"); err != nil {
		return nil, err
	}
	var disks []Disk
	seen := map[string]bool{}
	add := func(v volume, prefix string) {
		id := text(v.ID)
		if id == "" || strings.EqualFold(text(v.Status), "notexist") || len(disks) == maxDisks {
			return
		}
		id = freeID(seen, prefix+id)
		disks = append(disks, Disk{
			ID: id, Name: name(v.Name), Status: text(v.Status), Type: text(v.Type), Network: prefix != "",
			Size: megabytes(v.Capacity), Free: megabytes(v.Free),
		})
	}
	for _, v := range w.Disks {
		add(v, "")
	}
	for _, v := range w.Shares {
		add(v, "nas")
	}
	return disks, nil
}

// freeID appends -2, -3 … to an id that is taken.
func freeID(seen map[string]bool, id string) string {
	free := id
	for n := 2; seen[free]; n++ {
		free = id + "-" + strconv.Itoa(n)
	}
	seen[free] = true
	return free
}

func megabytes(s string) Maybe[int64] {
	f := decimal(s)
	if !f.Known || f.Value < 0 || f.Value > 1e12 {
		return Maybe[int64]{}
	}
	return known(int64(f.Value * 1e6))
}
