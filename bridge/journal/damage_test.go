package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"hikbridge/bridge/journal"
)

// verdict is what must be said of a file.
type verdict struct {
	records []string
	torn    int
	damaged bool
}

func (v verdict) of(found journal.Found) bool {
	return same(found, v.records...) && found.Torn == int64(v.torn) && found.Damaged == v.damaged
}

// judge opens a file and tries what can be done with the journal then.
func judge(t *testing.T, file []byte, want verdict) {
	t.Helper()
	d := newMemDisk()
	d.put(path, file)
	log, found, err := journal.OpenOn(d, path)
	if err != nil || !want.of(found) || found.Unwritable != nil {
		t.Fatalf("Open gives %q, torn %d, damaged %v, %v, %v; want %+v", found.Records, found.Torn, found.Damaged, found.Unwritable, err, want)
	}
	if want.damaged {
		if err := log.Append([]byte("new")); !errors.Is(err, journal.ErrDamaged) {
			t.Fatalf("Append to a damaged journal: %v", err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(d.get(path), file) || len(d.list()) != 1 {
			t.Fatal("the damaged file was touched")
		}
		if log, found, err = journal.OpenOn(d, path); err != nil || !found.Damaged || !same(found, want.records...) {
			t.Fatalf("the damage is forgotten: %+v, %v", found, err)
		}
		if err := log.Compact(found.Records); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(d.get(path+".damaged-1"), file) || len(d.list()) != 2 {
			t.Fatalf("the damaged file isn't kept: %v", d.list())
		}
	}
	wants(t, d, want.records...)
	if err := log.Append([]byte("new")); err != nil {
		t.Fatal(err)
	}
	wants(t, d, append(slices.Clone(want.records), "new")...)
	if d.open != 0 {
		t.Fatalf("%d files are left open", d.open)
	}
}

// ends gives the offset at which each record ends, the header first.
func ends(records []string) []int {
	all := []int{headerSize}
	for _, r := range records {
		all = append(all, all[len(all)-1]+headSize+len(r))
	}
	return all
}

func TestATornTailIsCut(t *testing.T) {
	records := hundred()
	whole, ends := content(salt, records...), ends(records)
	for size := range len(whole) + 1 {
		n, torn := slices.BinarySearch(ends, size)
		switch {
		case torn:
			judge(t, whole[:size], verdict{records[:n], 0, false})
		case n == 0:
			// No crash leaves that: a file gets its name when its header is durable.
			judge(t, whole[:size], verdict{nil, 0, true})
		default:
			judge(t, whole[:size], verdict{records[:n-1], size - ends[n-1], false})
		}
	}
}

func TestEveryChangedByteIsFound(t *testing.T) {
	records := hundred()
	whole, ends := content(salt, records...), ends(records)
	patterns := []byte{1, 2, 4, 8, 16, 32, 64, 128, 255, 0x55, 0xaa}
	for at := range whole {
		n, exact := slices.BinarySearch(ends, at) // at stands in the header or in record n-1
		if exact {
			n++
		}
		want := verdict{records[:max(n-1, 0)], 0, true}
		if n == len(records) {
			want = verdict{records[:n-1], len(whole) - ends[n-1], false} // can't be told from a torn tail
		}
		file := bytes.Clone(whole)
		for _, p := range patterns {
			file[at] = whole[at] ^ p
			d := newMemDisk()
			d.names[path] = &inode{seen: file}
			if found, err := journal.ReadOn(d, path); err != nil || !want.of(found) {
				t.Fatalf("byte %d changed by %#x: %+v, %v", at, p, found, err)
			}
		}
		judge(t, file, want)
	}
}

func TestWhatAFileSystemLeavesAtTheEndIsATornTail(t *testing.T) {
	records := hundred()
	whole := content(salt, records...)
	dice := rand.New(rand.NewPCG(1, 2))
	garbage := make([]byte, 70_000)
	for i := range garbage {
		garbage[i] = byte(dice.Uint32())
	}
	older := content("87654321", records...)
	for _, tail := range map[string][]byte{
		"zeros":                         make([]byte, 70_000),
		"ones":                          bytes.Repeat([]byte{255}, 70_000),
		"garbage":                       garbage,
		"text":                          []byte(strings.Repeat("a line of a log\n", 1000)),
		"the same file once more":       whole,
		"the end of another journal":    older[len(older)/2:],
		"the last record once more":     whole[len(whole)-headSize-len(records[99]):],
		"the last block once more":      whole[len(whole)-512:],
		"the last but one once more":    whole[len(whole)-1024:][:512],
		"a journal of the same records": older,
	} {
		for size := 1; size <= len(tail); size += 1 + size/2 {
			judge(t, slices.Concat(whole, tail[:size]), verdict{records, size, false})
		}
		judge(t, slices.Concat(whole, tail), verdict{records, len(tail), false})
	}
}

func TestARecordBehindTheDamageProvesIt(t *testing.T) {
	records := hundred()
	whole, ends := content(salt, records...), ends(records)
	for start := headerSize; start < len(whole); start += 13 {
		for _, size := range []int{13, 200, 512} {
			end := min(start+size, len(whole))
			n, exact := slices.BinarySearch(ends, start)
			if exact {
				n++
			}
			want := verdict{records[:n-1], 0, true}
			if end > ends[len(ends)-2] {
				want = verdict{records[:n-1], len(whole) - ends[n-1], false} // no head is intact behind
			}
			zeroed, moved := bytes.Clone(whole), bytes.Clone(whole)
			clear(zeroed[start:end])
			copy(moved[start:end], whole[headerSize+1:])
			judge(t, zeroed, want)
			judge(t, moved, want)
		}
	}
}

// What moved is damage even where the record that can't be read was the last one.
func TestRecordsThatMovedProveDamage(t *testing.T) {
	records := hundred()
	whole, ends := content(salt, records...), ends(records)
	last := ends[len(ends)-2]
	for at := headerSize; at <= last; at += 11 {
		n, exact := slices.BinarySearch(ends, at)
		if exact {
			n++
		}
		judge(t, slices.Insert(bytes.Clone(whole), at, 7), verdict{records[:n-1], 0, true})
		judge(t, slices.Insert(bytes.Clone(whole), at, whole[headerSize+1:500]...), verdict{records[:n-1], 0, true})
		if at < last {
			judge(t, slices.Delete(bytes.Clone(whole), at, at+1), verdict{records[:n-1], 0, true})
		}
	}
	judge(t, slices.Insert(bytes.Clone(whole), last, 7), verdict{records[:99], 0, true})
	judge(t, slices.Delete(bytes.Clone(whole), ends[40], ends[41]), verdict{records[:40], 0, true})
	swapped := slices.Concat(whole[:ends[97]], whole[ends[98]:ends[99]], whole[ends[97]:ends[98]], whole[ends[99]:])
	judge(t, swapped, verdict{records[:97], 0, true})
}

// A crash may tear the record behind one that changed, too.
func TestTheHeadOfATornRecordProvesDamage(t *testing.T) {
	whole := content(salt, "first", "second", "third")
	ends := ends([]string{"first", "second", "third"})
	whole[ends[2]-1] ^= 1
	for size := ends[2]; size < len(whole); size++ {
		if size < ends[2]+headSize {
			judge(t, whole[:size], verdict{[]string{"first"}, size - ends[1], false})
		} else {
			judge(t, whole[:size], verdict{[]string{"first"}, 0, true})
		}
	}
}

func TestALengthIsNotBelieved(t *testing.T) {
	before := content(salt, "a")
	zeros := make([]byte, journal.MaxRecord+100)
	for _, length := range []uint32{0, journal.MaxRecord + 1, journal.MaxRecord + 100, 1 << 31, 1<<32 - 1} {
		payload := zeros[:min(length, uint32(len(zeros)))]
		bad := slices.Concat(before, head(salt, 2, length, sum(payload)), payload)
		judge(t, bad, verdict{[]string{"a"}, len(bad) - len(before), false})
	}
	// The largest that is one.
	whole := slices.Concat(before, head(salt, 2, journal.MaxRecord, sum(zeros[:journal.MaxRecord])), zeros[:journal.MaxRecord])
	judge(t, whole, verdict{[]string{"a", string(zeros[:journal.MaxRecord])}, 0, false})
}

func TestReadingTakesMemoryForWhatIsThereOnly(t *testing.T) {
	file := content(salt, "a")
	for i := range 1000 { // each claims a mebibyte
		file = append(file, head(salt, i+2, journal.MaxRecord, u32(0))...)
	}
	d := newMemDisk()
	d.put(path, file)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := journal.ReadOn(d, path); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 20*uint64(len(file)) {
		t.Errorf("a file of %d bytes took %d", len(file), took)
	}
}

func TestAFileThatIsNoJournalIsDamage(t *testing.T) {
	other := append([]byte("hikjrnl\r"), content(salt)[8:headerSize-4]...)
	otherMagic := string(other) + string(sum(other))
	for _, file := range []string{"", "\x00", "hikjrnl\n", strings.Repeat("\x00", 5000), "{\"json\": true}\n", string(content(salt, "a")[1:]), otherMagic} {
		judge(t, []byte(file), verdict{nil, 0, true})
	}
}

func TestDamagedJournalsAreKeptUpToABound(t *testing.T) {
	d := newMemDisk()
	damage := func(n int) []byte { return fmt.Appendf(nil, "damage %d", n) }
	renew := func(n int) {
		t.Helper()
		d.put(path, damage(n))
		log, found, err := journal.OpenOn(d, path)
		if err != nil || !found.Damaged {
			t.Fatalf("%+v, %v", found, err)
		}
		if err := log.Compact(payloads("anew")); err != nil {
			t.Fatal(err)
		}
		wants(t, d, "anew")
	}
	kept := func(want ...int) {
		t.Helper()
		for i, n := range want {
			if got := d.get(fmt.Sprintf("%s.damaged-%d", path, i+1)); !bytes.Equal(got, damage(n)) {
				t.Errorf("the %d. kept journal is %q, not %q", i+1, got, damage(n))
			}
		}
		if len(d.list()) != len(want)+1 {
			t.Errorf("%d are kept: %v", len(want), d.list())
		}
	}
	for n := 1; n <= journal.KeptDamaged; n++ {
		renew(n)
		renew(n) // the same once more needs no second copy
	}
	kept(1, 2, 3, 4)
	renew(5)
	kept(1, 2, 3, 5)
	renew(6)
	renew(2)
	kept(1, 2, 3, 6)

	delete(d.names, path+".damaged-2") // someone looked at it
	renew(7)
	kept(1, 7, 3, 6)
}

func TestADamagedJournalThatCannotBeReadAgainIsKept(t *testing.T) {
	d := newMemDisk()
	d.put(path+".damaged-1", []byte("older"))
	d.put(path, []byte("newer"))
	log, _, err := journal.OpenOn(d, path)
	if err != nil {
		t.Fatal(err)
	}
	d.fault = func(_ int, what string) outcome {
		if what == "read" {
			return fails
		}
		return works
	}
	if err := log.Compact(nil); err != nil {
		t.Fatal(err)
	}
	if older, newer := d.get(path+".damaged-1"), d.get(path+".damaged-2"); string(older) != "older" || string(newer) != "newer" {
		t.Errorf("kept are %q and %q", older, newer)
	}
}
