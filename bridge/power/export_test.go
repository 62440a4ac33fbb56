package power

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Clone is a machine that shares nothing with m that either of them changes.
func (m *Machine) Clone() *Machine {
	c := *m
	c.d = m.d.clone()
	c.out, c.notes = Output{}, nil
	c.ids = slices.Clone(m.ids)
	return &c
}

// Peek is the memory itself, to look at.
func (m *Machine) Peek() *Memory { return &m.d }

// Peek is that of the outage rule.
func (s *Site) Peek() *SiteMemory { return &s.d }

// Fingerprint appends what decides the machine's future: instants as ages,
// rounded by age, numbers relative to the last one. What only people read is left
// out, as are single readings: what they add up to is in.
func (m *Machine) Fingerprint(b []byte, age func(time.Duration) uint32) []byte {
	for _, f := range fingerprint {
		b = f(unsafe.Pointer(m), m, b, age)
	}
	day := 0
	for _, t := range m.d.Shutdowns {
		if m.now.Wall.Sub(t) < 24*time.Hour {
			day++
		}
	}
	minute := 0
	for _, r := range m.seen.recent[:min(m.seen.n, len(m.seen.recent))] {
		if m.now.since(r.at) <= time.Minute {
			minute++
		}
	}
	blocked := len(blocking(m.findings, nil, false))
	b = append(b, byte(day), byte(len(m.d.Shutdowns)), byte(len(m.d.Starts)), byte(min(minute, lowReadings)), byte(min(len(m.d.Seq.Drill.Readings), gapReadings)), byte(min(len(m.d.Seq.Drill.Halted), 1)), byte(min(len(m.items), 1)), byte(min(blocked, 1)), byte(len(m.refused.soft)))
	return binary.LittleEndian.AppendUint32(b, uint32(m.baseline(baselineAge)*10))
}

type printer func(base unsafe.Pointer, m *Machine, b []byte, age func(time.Duration) uint32) []byte

// fingerprint has one function for each field of Machine that counts: a field
// that is added later counts by itself.
var fingerprint = func() (all []printer) {
	without := strings.Fields("cfg timers now out notes started findings items ids lostEdge refused.soft " +
		"d.Serial d.Learned.Firmware d.Learned.At d.Accepted d.Shutdowns d.Starts d.Seq.Drill.Readings d.Seq.Drill.Halted d.Seq.Before.Address " +
		"d.Seq.Before.Online d.Seq.Before.Recording d.Seq.Before.Disks d.Seq.Command.ID d.Seq.Command.By d.Seq.Command.Reason d.Seq.Command.Force d.Seq.Command.Content " +
		"seen.recent seen.n seen.stamp seen.waiting.Stamp seen.signed.Serial seen.signed.Firmware")
	relative := strings.Fields("d.Number d.Seq.Number seen.number seen.silences personNumber open pendingIn recorded lastMade d.Outage d.Cancelled mains.Outage mains.Deadline")
	var walk func(t reflect.Type, offset uintptr, path string)
	walk = func(t reflect.Type, offset uintptr, path string) {
		path = strings.TrimPrefix(path, ".")
		if slices.Contains(without, path) {
			return
		}
		if p := printerOf(t, offset, path, slices.Contains(relative, path)); p != nil {
			all = append(all, p)
			return
		}
		if t.Kind() != reflect.Struct {
			panic(fmt.Sprintf("no fingerprint of %s, a %s", path, t))
		}
		for i := range t.NumField() {
			f := t.Field(i)
			walk(f.Type, offset+f.Offset, path+"."+f.Name)
		}
	}
	walk(reflect.TypeFor[Machine](), 0, "")
	return all
}()

// printerOf is nil for a struct, whose fields have one each.
func printerOf(t reflect.Type, offset uintptr, path string, relative bool) printer {
	le := binary.LittleEndian
	switch {
	case t == reflect.TypeFor[Instant]():
		return func(base unsafe.Pointer, m *Machine, b []byte, age func(time.Duration) uint32) []byte {
			i := (*Instant)(unsafe.Add(base, offset))
			if i.never() {
				return le.AppendUint32(b, ^uint32(0))
			}
			// What both clocks say matters only where it differs.
			skew := m.now.Wall.Sub(i.Wall) - (m.now.Mono - i.Mono)
			if skew != 0 {
				b = le.AppendUint32(b, age(skew.Abs()))
			}
			return le.AppendUint32(b, age(m.now.Mono-i.Mono))
		}
	case t == reflect.TypeFor[time.Time]():
		return func(base unsafe.Pointer, m *Machine, b []byte, age func(time.Duration) uint32) []byte {
			if i := (*time.Time)(unsafe.Add(base, offset)); !i.IsZero() {
				return le.AppendUint32(b, age(m.now.Wall.Sub(*i)))
			}
			return le.AppendUint32(b, ^uint32(0))
		}
	case relative:
		return func(base unsafe.Pointer, m *Machine, b []byte, _ func(time.Duration) uint32) []byte {
			return append(b, m.relation(path)...)
		}
	case t == reflect.TypeFor[time.Duration]():
		return func(base unsafe.Pointer, _ *Machine, b []byte, age func(time.Duration) uint32) []byte {
			return le.AppendUint32(b, age(*(*time.Duration)(unsafe.Add(base, offset))))
		}
	}
	switch t.Kind() {
	case reflect.String:
		return func(base unsafe.Pointer, _ *Machine, b []byte, _ func(time.Duration) uint32) []byte {
			return append(append(b, *(*string)(unsafe.Add(base, offset))...), 0)
		}
	case reflect.Bool, reflect.Int8:
		return func(base unsafe.Pointer, _ *Machine, b []byte, _ func(time.Duration) uint32) []byte {
			return append(b, *(*byte)(unsafe.Add(base, offset)))
		}
	case reflect.Int, reflect.Uint64:
		return func(base unsafe.Pointer, _ *Machine, b []byte, _ func(time.Duration) uint32) []byte {
			return append(b, byte(min(*(*uint64)(unsafe.Add(base, offset)), 20)))
		}
	case reflect.Float64:
		return func(base unsafe.Pointer, _ *Machine, b []byte, _ func(time.Duration) uint32) []byte {
			return le.AppendUint32(b, uint32(*(*float64)(unsafe.Add(base, offset))*10))
		}
	}
	return nil
}

// relation says how a number stands to those that it is compared with.
func (m *Machine) relation(path string) []byte {
	is := func(b bool) byte {
		if b {
			return 1
		}
		return 0
	}
	switch path {
	case "open":
		return []byte{is(m.open != 0)}
	case "pendingIn":
		return []byte{is(m.pendingIn > m.recorded), is(m.pendingIn == m.lastMade)}
	case "recorded":
		return []byte{is(m.recorded == m.lastMade)}
	case "personNumber":
		return []byte{is(m.personNumber == m.seen.silences)}
	case "d.Seq.Number":
		return []byte{is(m.d.Seq.Number != 0)}
	case "d.Outage":
		return []byte{is(m.d.Outage == m.mains.Outage), is(m.d.Outage == 0)}
	case "d.Cancelled":
		return []byte{is(m.d.Cancelled == m.mains.Outage), is(m.d.Cancelled == m.d.Outage)}
	case "mains.Outage":
		return []byte{is(m.mains.Outage != 0)}
	case "mains.Deadline":
		return []byte{is(m.mains.Deadline > 0), is(m.now.Mono >= m.mains.Deadline-m.budget())}
	}
	return nil
}
