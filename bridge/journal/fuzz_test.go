package journal_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"hikbridge/bridge/journal"
)

// edit makes a journal and changes it as the bytes say: records first, then
// changes of three bytes, of which the last tells the kind and how much.
func edit(script []byte) (records []string, file []byte) {
	for len(script) > 0 && len(records) < 12 && script[0] != 0 {
		n := min(int(script[0]), len(script))
		records, script = append(records, string(script[:n])), script[n:]
	}
	file = content(salt, records...)
	for ; len(script) >= 3 && len(file) > 0; script = script[3:] {
		at, how := (int(script[0])|int(script[1])<<8)%len(file), script[2]
		end := min(at+int(how>>3), len(file))
		switch how & 7 {
		case 0:
			file = file[:at]
		case 1:
			clear(file[at:end])
		case 2:
			file = slices.Delete(file, at, end)
		case 3:
			file = slices.Insert(file, at, make([]byte, end-at)...)
		case 4:
			file = append(file, file[at:end]...)
		case 5:
			copy(file[at:], file[min(headerSize/2, end):])
		default:
			file[at] ^= how
		}
	}
	return records, file
}

func FuzzRead(f *testing.F) {
	whole := content(salt, "first", "second", "third")
	f.Add(false, whole)
	f.Add(false, whole[:len(whole)-1])
	f.Add(false, header(2, salt))
	f.Add(false, append(header(1, salt), make([]byte, 100)...))
	f.Add(true, []byte("\x03ab\x05cdef\x02g\x00"))
	for how := range byte(8) {
		f.Add(true, []byte{3, 'a', 'b', 5, 'c', 'd', 'e', 'f', 2, 'g', 0, 40, 0, how | 40, 60, 0, how | 8})
	}
	f.Fuzz(func(t *testing.T, edited bool, file []byte) {
		var written []string
		if edited {
			written, file = edit(file)
		}
		d := newMemDisk()
		d.put(path, file)
		read, err := journal.ReadOn(d, path)
		log, found, openErr := journal.OpenOn(d, path)
		if (err == nil) != (openErr == nil) || !slices.EqualFunc(read.Records, found.Records, bytes.Equal) || read.Torn != found.Torn || read.Damaged != found.Damaged {
			t.Fatalf("Read gives %+v, %v; Open %+v, %v", read, err, found, openErr)
		}
		if err != nil {
			if !errors.Is(err, journal.ErrVersion) || edited || !bytes.Equal(d.get(path), file) {
				t.Fatalf("%v; the file was touched: %v", err, !bytes.Equal(d.get(path), file))
			}
			return
		}
		got := texts(found.Records)
		size := headerSize
		for _, r := range got {
			size += headSize + len(r)
		}
		switch {
		case found.Damaged && found.Torn != 0, !found.Damaged && size+int(found.Torn) != len(file):
			t.Fatalf("%d bytes hold %q, torn %d, damaged %v", len(file), got, found.Torn, found.Damaged)
		case edited && (len(got) > len(written) || !slices.Equal(got, written[:len(got)])):
			t.Fatalf("written %q, read %q", written, got)
		}
		for i := len(got); i < len(written); i++ {
			lost := head(salt, i+1, uint32(len(written[i])), sum([]byte(written[i])))
			if !found.Damaged && bytes.LastIndex(file[size:], lost) > 0 {
				t.Fatalf("read %q, but %q was written and stands behind", got, written[i])
			}
		}
		if found.Damaged {
			if !bytes.Equal(d.get(path), file) || !errors.Is(log.Append([]byte("new")), journal.ErrDamaged) {
				t.Fatal("a damaged journal was touched")
			}
			if err := log.Compact(found.Records); err != nil || !bytes.Equal(d.get(path+".damaged-1"), file) {
				t.Fatalf("the damaged journal isn't kept: %v", err)
			}
		}
		wants(t, d, got...)
		if err := log.Append([]byte("new")); err != nil {
			t.Fatal(err)
		}
		wants(t, d, append(got, "new")...)
	})
}
