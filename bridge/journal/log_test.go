package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"hikbridge/bridge/journal"
)

// The format, written down a second time.
const (
	headerSize = 24
	headSize   = 16
)

func sum(parts ...[]byte) []byte {
	c := crc32.Checksum(slices.Concat(parts...), crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(nil, c)
}

func u32(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }

func header(version int, salt string) []byte {
	h := slices.Concat([]byte("hikjrnl\n"), u32(version), []byte(salt))
	return append(h, sum(h)...)
}

// head is what stands before the payload of a record.
func head(salt string, number int, length uint32, payloadSum []byte) []byte {
	h := slices.Concat(u32(number), u32(int(length)), payloadSum)
	return append(h, sum([]byte(salt), h)...)
}

const salt = "\x01salt\xff\x00\x7f"

// content makes a file with these records.
func content(salt string, records ...string) []byte {
	c := header(1, salt)
	for i, r := range records {
		c = slices.Concat(c, head(salt, i+1, uint32(len(r)), sum([]byte(r))), []byte(r))
	}
	return c
}

// hundred are records of many kinds; the fifth holds parts of journals.
func hundred() []string {
	all := make([]string, 100)
	for i := range all {
		all[i] = strings.Repeat(fmt.Sprintf("%d\x00\xff", i), 1+i%4)
	}
	all[4] = string(content(salt, "a", "b")) + string(content("12345678", all[:8]...))
	all[98] = "\x00"
	return all
}

func texts(records [][]byte) []string {
	all := []string{}
	for _, r := range records {
		all = append(all, string(r))
	}
	return all
}

func payloads(texts ...string) [][]byte {
	all := [][]byte{}
	for _, s := range texts {
		all = append(all, []byte(s))
	}
	return all
}

func same(found journal.Found, want ...string) bool { return slices.Equal(texts(found.Records), want) }

func TestAJournalGivesBackWhatWasAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "garage.journal")
	log, found, err := journal.Open(path)
	if err != nil || len(found.Records) != 0 || found.Torn != 0 || found.Damaged || found.Unwritable != nil {
		t.Fatalf("a new journal: %+v, %v", found, err)
	}
	var want []string
	reopen := func() {
		t.Helper()
		read, err := journal.Read(path)
		if err != nil || !same(read, want...) || read.Torn != 0 || read.Damaged {
			t.Fatalf("Read gives %+v, %v; want %q", read, err, want)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if log, found, err = journal.Open(path); err != nil || !same(found, want...) || found.Torn != 0 || found.Damaged || found.Unwritable != nil {
			t.Fatalf("Open gives %+v, %v; want %q", found, err, want)
		}
	}
	reopen()
	largest := strings.Repeat("x", journal.MaxRecord)
	for _, r := range append(hundred(), largest, "y") {
		if err := log.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
		want = append(want, r)
	}
	reopen()
	for _, keep := range [][]string{{"a", "b"}, {}, {largest, "c"}} {
		if err := log.Compact(payloads(keep...)); err != nil {
			t.Fatal(err)
		}
		want = slices.Clone(keep)
		reopen()
		if err := log.Append([]byte("behind")); err != nil {
			t.Fatal(err)
		}
		want = append(want, "behind")
		reopen()
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the journal: %v, %v", entries, err)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
}

var update = flag.Bool("update", false, "write the golden file")

// What an installation has written must be readable for ever.
func TestTheFormatStays(t *testing.T) {
	golden := filepath.Join("testdata", "version1.journal")
	records := []string{"first", "\x00", strings.Repeat("long ", 100)}
	if *update {
		if err := os.WriteFile(golden, content(salt, records...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := journal.Read(golden); err != nil || !same(found, records...) || found.Torn != 0 || found.Damaged {
		t.Errorf("the golden file gives %+v, %v", found, err)
	}
	d := newMemDisk()
	log := open(t, d)
	for _, r := range records {
		if err := log.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	written := d.get(path)
	if want := content(string(written[12:20]), records...); !bytes.Equal(written, want) {
		t.Errorf("written:\n%q, the format says\n%q", written, want)
	}
}

const path = "state/garage.journal"

// open opens a journal that can be written.
func open(t *testing.T, d *memDisk) *journal.Log {
	t.Helper()
	log, found, err := journal.OpenOn(d, path)
	if err != nil || found.Unwritable != nil {
		t.Fatal(err, found.Unwritable)
	}
	return log
}

// wants says what a journal must hold.
func wants(t *testing.T, d *memDisk, want ...string) {
	t.Helper()
	found, err := journal.ReadOn(d, path)
	if err != nil || !same(found, want...) || found.Torn != 0 || found.Damaged {
		t.Fatalf("the journal holds %q, torn %d, damaged %v, %v; want %q", found.Records, found.Torn, found.Damaged, err, want)
	}
}

func TestEveryFileHasASaltOfItsOwn(t *testing.T) {
	salts := map[string]bool{}
	d := newMemDisk()
	log := open(t, d)
	for range 10 {
		salts[string(d.get(path)[12:20])] = true
		if err := log.Compact(payloads("a")); err != nil {
			t.Fatal(err)
		}
	}
	if len(salts) != 10 {
		t.Errorf("ten files have %d salts", len(salts))
	}
}

func TestReadingAJournalChangesNothing(t *testing.T) {
	whole := content(salt, "a", "b")
	for name, c := range map[string][]byte{
		"whole": whole, "torn": whole[:len(whole)-1], "damaged": whole[1:], "another version": header(2, salt), "empty": {},
	} {
		d := newMemDisk()
		d.put(path, c)
		journal.ReadOn(d, path)
		if !bytes.Equal(d.get(path), c) || len(d.list()) != 1 {
			t.Errorf("%s: Read changed the file", name)
		}
	}
	d := newMemDisk()
	if _, err := journal.ReadOn(d, path); !errors.Is(err, fs.ErrNotExist) || len(d.list()) != 0 {
		t.Errorf("Read of no file: %v; files %v", err, d.list())
	}
}

func TestAnotherVersionIsLeftAlone(t *testing.T) {
	for _, version := range []int{0, 2, 1 << 30} {
		d := newMemDisk()
		newer := append(header(version, salt), "what this one can't know"...)
		d.put(path, newer)
		log, found, err := journal.OpenOn(d, path)
		if log != nil || !errors.Is(err, journal.ErrVersion) || !strings.Contains(err.Error(), fmt.Sprint("version ", version)) || !strings.Contains(err.Error(), path) {
			t.Errorf("version %d: %v, %+v, %v", version, log, found, err)
		}
		if !bytes.Equal(d.get(path), newer) || len(d.list()) != 1 {
			t.Errorf("version %d: the file was touched", version)
		}
	}
}

func TestAJournalThatCannotBeReadIsNoEmptyOne(t *testing.T) {
	for _, what := range []string{"open", "read"} {
		d := newMemDisk()
		d.put(path, content(salt, "a"))
		d.fault = func(_ int, op string) outcome {
			if op == what {
				return fails
			}
			return works
		}
		if log, _, err := journal.OpenOn(d, path); log != nil || !errors.Is(err, errDisk) {
			t.Errorf("%s fails: %v, %v", what, log, err)
		}
		if !bytes.Equal(d.get(path), content(salt, "a")) || d.open != 0 {
			t.Errorf("%s fails: the file was touched, %d files are open", what, d.open)
		}
	}
}

func TestRecordsHaveBounds(t *testing.T) {
	d := newMemDisk()
	log := open(t, d)
	if err := log.Append([]byte("a")); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, {}, make([]byte, journal.MaxRecord+1)} {
		if log.Append(bad) == nil {
			t.Errorf("a record of %d bytes is appended", len(bad))
		}
		if log.Compact([][]byte{[]byte("b"), bad}) == nil {
			t.Errorf("a record of %d bytes is kept", len(bad))
		}
	}
	wants(t, d, "a")
}

func TestAJournalIsNeverLargerThanItCanBeRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	log, _, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	record := make([]byte, journal.MaxRecord)
	var most [][]byte
	for size := headerSize; size+headSize+len(record) <= journal.MaxFile; size += headSize + len(record) {
		most = append(most, record)
	}
	if err := log.Compact(append(most, record)); !errors.Is(err, journal.ErrFull) {
		t.Errorf("compacted beyond the bound: %v", err)
	}
	if err := log.Compact(most); err != nil {
		t.Fatal(err)
	}
	room := journal.MaxFile - headerSize - len(most)*(headSize+len(record)) - headSize
	if err := log.Compact(append(slices.Clone(most), record[:room+1])); !errors.Is(err, journal.ErrFull) {
		t.Errorf("compacted a byte beyond the bound: %v", err)
	}
	if err := log.Append(record[:room+1]); !errors.Is(err, journal.ErrFull) {
		t.Errorf("appended beyond the bound: %v", err)
	}
	if err := log.Append(record[:room]); err != nil {
		t.Errorf("not appended up to the bound: %v", err)
	}
	if err := log.Append(record[:1]); !errors.Is(err, journal.ErrFull) {
		t.Errorf("appended to a full one: %v", err)
	}
	if found, err := journal.Read(path); err != nil || len(found.Records) != len(most)+1 || found.Torn != 0 || found.Damaged {
		t.Errorf("the full journal has %d records, torn %d, damaged %v, %v", len(found.Records), found.Torn, found.Damaged, err)
	}
	if err := log.Compact(payloads("a")); err != nil {
		t.Error(err)
	}
	if err := log.Append(record); err != nil {
		t.Errorf("not appended after compacting: %v", err)
	}

	if err := os.Truncate(path, journal.MaxFile+1); err != nil {
		t.Fatal(err)
	}
	if log, _, err := journal.Open(path); log != nil || err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("a file that is too large: %v, %v", log, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != journal.MaxFile+1 {
		t.Errorf("it was touched: %v, %v", info, err)
	}
}

func TestAClosedJournalTakesNothing(t *testing.T) {
	d := newMemDisk()
	log := open(t, d)
	if err := log.Append([]byte("a")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Append([]byte("b")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	if err := log.Compact(nil); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Compact: %v", err)
	}
	wants(t, d, "a")
}

func TestRecordsBelongToTheCaller(t *testing.T) {
	d := newMemDisk()
	d.put(path, content(salt, "abc", "def"))
	d.fault = func(op int, what string) outcome {
		if what == "rename" {
			return fails
		}
		return works
	}
	log, found, err := journal.OpenOn(d, path)
	if err != nil || found.Unwritable == nil {
		t.Fatal(err, found.Unwritable)
	}
	d.fault = nil
	_ = append(found.Records[0], "0123456789abcdef xyz"[:headSize+3]...)
	if !same(found, "abc", "def") {
		t.Errorf("appending to one record changes another: %q", found.Records)
	}
	clear(found.Records[0])
	record := []byte("ghi")
	if err := log.Append(record); err != nil {
		t.Fatal(err)
	}
	clear(record)
	if err := log.Append([]byte("jkl")); err != nil {
		t.Fatal(err)
	}
	wants(t, d, "abc", "def", "ghi", "jkl")
}
