package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keptDamaged is how many damaged journals are kept.
const keptDamaged = 4

var (
	// ErrDamaged: the journal is damaged, and nothing can be appended until Compact
	// begins a new one.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrFull: the journal would be larger than MaxFile; it must be compacted.
	ErrFull = errors.New("the journal is full")
)

// Log is a journal that is open. One goroutine at a time uses it, and no other
// process has the file open for writing.
type Log struct {
	on   storage
	path string
	// content is the file when it was last known to be durable, or as Open read it.
	content []byte
	records int // in content
	damaged bool
	// suspect: content must be written to a new file before anything is appended.
	// After a failed write or sync the kernel may hold what the disk doesn't have
	// and call it clean, so a later sync of the same file proves nothing.
	suspect bool
	closed  bool
}

// Open reads the journal at path, or begins one, and makes it ready: what was
// read is written to a new file without a torn tail, since what the last process
// couldn't sync might stand in the old one and not be durable. Without an error
// the Log can be used, even if the file can't be written now or is damaged, which
// Found tells; a damaged one isn't touched.
func Open(path string) (*Log, Found, error) { return open(disk{}, path) }

func open(on storage, path string) (*Log, Found, error) {
	content, found, err := load(on, path)
	if errors.Is(err, fs.ErrNotExist) {
		content, err = encode(nil), nil
	}
	if err != nil {
		return nil, Found{}, err
	}
	l := &Log{on: on, path: path, content: content, damaged: found.Damaged}
	if !l.damaged {
		l.suspect = true
		found.Unwritable = l.mend()
	}
	return l, found, nil
}

// Read tells what the journal at path holds and changes nothing. Another process
// may be appending to it; a record that isn't finished is a torn tail.
func Read(path string) (Found, error) {
	_, found, err := load(disk{}, path)
	return found, err
}

func load(on storage, path string) ([]byte, Found, error) {
	content, err := readFile(on, path)
	if err != nil {
		return nil, Found{}, fmt.Errorf("read journal: %w", err)
	}
	found, err := parse(bytes.Clone(content)) // the caller's, who may change it
	if err != nil {
		return nil, Found{}, fmt.Errorf("read journal %s: %w", path, err)
	}
	return content, found, nil
}

// Append adds a record of 1 byte to MaxRecord. It is durable when Append returns
// nil. After an error it isn't in the journal, though a restart may still find
// it until it could be taken out of the file, which is tried at once and before
// each later Append.
func (l *Log) Append(record []byte) error {
	switch {
	case l.closed:
		return fmt.Errorf("append to journal: %w", fs.ErrClosed)
	case l.damaged:
		return fmt.Errorf("append to journal: %w", ErrDamaged)
	}
	if l.suspect {
		if err := l.mend(); err != nil {
			return fmt.Errorf("append to journal: %w", err)
		}
	}
	if err := fits(len(l.content), record); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	content := appendRecord(l.content, l.records+1, record)
	if err := l.write(content[len(l.content):]); err != nil {
		l.suspect = true
		_ = l.mend() // or the next Append does
		return fmt.Errorf("append to journal: %w", err)
	}
	l.content = content
	l.records++
	return nil
}

// Compact makes these records, oldest first, the whole journal. On error the old
// records stand, though a restart may find the new ones. It ends the damage
// of a damaged journal, whose file it keeps first.
func (l *Log) Compact(keep [][]byte) error {
	if l.closed {
		return fmt.Errorf("compact journal: %w", fs.ErrClosed)
	}
	if err := fits(headerSize, keep...); err != nil {
		return fmt.Errorf("compact journal: %w", err)
	}
	if l.damaged {
		if err := l.keepDamaged(); err != nil {
			return fmt.Errorf("keep damaged journal: %w", err)
		}
	}
	if err := l.replace(keep); err != nil {
		return fmt.Errorf("compact journal: %w", err)
	}
	l.damaged = false
	return nil
}

// Close ends the use of the Log. What was appended is durable already; an error
// says that a record whose Append failed may still be in the file.
func (l *Log) Close() error {
	l.closed = true
	if !l.suspect || l.damaged {
		return nil
	}
	if err := l.mend(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// fits says why these records can't stand behind size bytes.
func fits(size int, records ...[]byte) error {
	for _, r := range records {
		if len(r) == 0 || len(r) > MaxRecord {
			return fmt.Errorf("a record has 1 to %d bytes, not %d", MaxRecord, len(r))
		}
		size += headSize + len(r)
	}
	if size > MaxFile {
		return ErrFull
	}
	return nil
}

// write adds to the end of the file.
func (l *Log) write(b []byte) error {
	f, err := l.on.OpenFile(l.path, os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return err
	}
	return writeSync(f, b)
}

// mend writes what the journal holds to a new file.
func (l *Log) mend() error {
	found, err := parse(l.content)
	if err != nil {
		return err
	}
	return l.replace(found.Records)
}

// replace puts a new file with these records in the place of the journal. The old
// one is untouched until the new one is durable.
func (l *Log) replace(records [][]byte) error {
	content := encode(records)
	if err := l.writeNew(content); err != nil {
		return err
	}
	l.suspect = true // until the directory is synced, a crash leaves the one or the other
	if err := l.moveNew(l.path); err != nil {
		return err
	}
	l.content, l.records, l.suspect = content, len(records), false
	return nil
}

// keepDamaged copies the damaged file to a free name, to the one that has it
// since an earlier try, or to the last one. A copy, as the file must stay in its
// place until the new journal takes it: after a crash without either, the damage
// would be forgotten.
func (l *Log) keepDamaged() error {
	var name string
	for n := 1; n <= keptDamaged; n++ {
		name = fmt.Sprintf("%s.damaged-%d", l.path, n)
		kept, err := readFile(l.on, name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && bytes.Equal(kept, l.content) {
			break
		}
	}
	if err := l.writeNew(l.content); err != nil {
		return err
	}
	return l.moveNew(name)
}

func (l *Log) newPath() string { return l.path + ".new" }

// writeNew makes the content of the new file durable.
func (l *Log) writeNew(content []byte) error {
	f, err := l.on.OpenFile(l.newPath(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	if err := writeSync(f, content); err != nil {
		l.on.Remove(l.newPath()) // a full disk needs the space
		return err
	}
	return nil
}

// moveNew gives the new file its name, durably.
func (l *Log) moveNew(name string) error {
	if err := l.on.Rename(l.newPath(), name); err != nil {
		return err
	}
	return l.on.SyncDir(filepath.Dir(name))
}
