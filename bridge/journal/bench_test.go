package journal_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"hikbridge/bridge/journal"
)

// BenchmarkAppend is how long an effect waits for its record: what the disk
// takes for one fsync.
func BenchmarkAppend(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journal")
	log, found, err := journal.Open(path)
	if err != nil || found.Unwritable != nil {
		b.Fatal(err, found.Unwritable)
	}
	record := bytes.Repeat([]byte("x"), 500)
	for n := 0; b.Loop(); n++ {
		err := log.Append(record)
		if n%10_000 == 9_999 && err == nil {
			err = log.Compact(nil)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journal")
	log, _, err := journal.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	records := make([][]byte, 10_000)
	for i := range records {
		records[i] = bytes.Repeat([]byte("x"), 500)
	}
	if err := log.Compact(records); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		found, err := journal.Read(path)
		if err != nil || len(found.Records) != len(records) {
			b.Fatal(len(found.Records), err)
		}
	}
}
