package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"hikbridge/bridge/journal"
)

// outcome is what becomes of one operation of a memDisk.
type outcome int

const (
	works     outcome = iota
	fails             // not done; a sync that fails drops what it should have written, as Linux does
	failsHalf         // as fails, but half of a write is done
	failsDone         // done, and an error is reported
	dies              // the power goes before it
	diesDone          // the power goes behind it, and nobody hears of it
)

var (
	errDisk  = errors.New("no space left on device")
	errPower = errors.New("power lost")
)

// memDisk is a storage in memory. It keeps apart what programs see and what
// survives a loss of power, and fails when it is told to.
type memDisk struct {
	names, durable map[string]*inode
	moves          []move                            // since the last SyncDir, oldest first
	fault          func(op int, what string) outcome // nil: all works
	ops, open      int
	off            bool
}

type inode struct {
	seen, durable []byte
	pending       []piece // since the last sync, oldest first
	open          int
}

// piece is a write, or with cut a truncation to nothing.
type piece struct {
	at    int
	bytes []byte
	cut   bool
}

func (p piece) onto(content []byte) []byte {
	if p.cut {
		return nil
	}
	if missing := p.at + len(p.bytes) - len(content); missing > 0 {
		content = append(content, make([]byte, missing)...)
	}
	copy(content[p.at:], p.bytes)
	return content
}

// move gives a file the name to, instead of from; with no file it removes the
// name from.
type move struct {
	from, to string
	file     *inode
}

func (m move) onto(names map[string]*inode) {
	delete(names, m.from)
	if m.file != nil {
		names[m.to] = m.file
	}
}

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*inode{}, durable: map[string]*inode{}}
}

// put makes a file that was always there.
func (d *memDisk) put(name string, content []byte) {
	f := &inode{seen: bytes.Clone(content), durable: bytes.Clone(content)}
	d.names[name], d.durable[name] = f, f
}

// get gives what programs see of a file, nil if there is none.
func (d *memDisk) get(name string) []byte {
	if f := d.names[name]; f != nil {
		return f.seen
	}
	return nil
}

func (d *memDisk) list() []string { return slices.Sorted(maps.Keys(d.names)) }

// lost says which of what isn't synced survives a loss of power.
type lost int

const (
	losesAll lost = iota
	losesNothing
	losesData  // renames are there, but not what was written
	losesMoves // the other way round
	losesSome  // as the dice say, with zeros and garbage in places
)

// crash gives the disk as it is after a loss of power.
func (d *memDisk) crash(what lost, dice *rand.Rand) *memDisk {
	survives := func(always lost) bool {
		return what == losesNothing || what == always || what == losesSome && dice.IntN(2) == 0
	}
	names := maps.Clone(d.durable)
	for _, m := range d.moves {
		if survives(losesData) {
			m.onto(names)
		}
	}
	after := newMemDisk()
	for name, f := range names {
		content := bytes.Clone(f.durable)
		for _, p := range f.pending {
			if !survives(losesMoves) {
				continue
			}
			if what == losesSome && len(p.bytes) > 0 {
				p.bytes = spoil(p.bytes, dice)
			}
			content = p.onto(content)
		}
		after.put(name, content)
	}
	return after
}

// spoil gives what a crash may leave of a write.
func spoil(b []byte, dice *rand.Rand) []byte {
	b = bytes.Clone(b)
	part := b[dice.IntN(len(b)+1):]
	switch dice.IntN(4) {
	case 0:
		b = b[:len(b)-len(part)]
	case 1:
		clear(part)
	case 2:
		for i := range part {
			part[i] = byte(dice.Uint32())
		}
	}
	return b
}

// begin counts an operation and says whether to do it and what to report.
func (d *memDisk) begin(what string) (o outcome, do bool, err error) {
	d.ops++
	if d.fault != nil && !d.off {
		o = d.fault(d.ops, what)
	}
	switch {
	case d.off:
		return fails, false, errPower
	case o == fails, o == failsHalf:
		return o, false, fmt.Errorf("%s: %w", what, errDisk)
	case o == failsDone:
		return o, true, fmt.Errorf("%s: %w", what, errDisk)
	case o == dies, o == diesDone:
		d.off = true
		return o, o == diesDone, errPower
	}
	return o, true, nil
}

func (d *memDisk) OpenFile(name string, flag int) (journal.File, error) {
	what := "open"
	if flag&os.O_WRONLY != 0 {
		what = "open to write"
	}
	_, do, err := d.begin(what)
	f := d.names[name]
	switch {
	case !do:
		return nil, err
	case f == nil && flag&os.O_CREATE == 0:
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	case f == nil:
		f = &inode{}
		d.names[name] = f
		d.moves = append(d.moves, move{to: name, file: f})
	case flag&os.O_TRUNC != 0:
		f.seen = nil
		f.pending = append(f.pending, piece{cut: true})
	}
	if err != nil {
		return nil, err
	}
	d.open++
	f.open++
	return &memFile{disk: d, inode: f, appends: flag&os.O_APPEND != 0}, nil
}

// Rename refuses files that are open, as Windows does.
func (d *memDisk) Rename(from, to string) error {
	_, do, err := d.begin("rename")
	f, old := d.names[from], d.names[to]
	switch {
	case !do:
		return err
	case f == nil:
		return fmt.Errorf("rename %s: %w", from, fs.ErrNotExist)
	case f.open > 0 || old != nil && old.open > 0:
		return fmt.Errorf("rename %s to %s: a file is open", from, to)
	}
	m := move{from, to, f}
	m.onto(d.names)
	d.moves = append(d.moves, m)
	return err
}

func (d *memDisk) Remove(name string) error {
	_, do, err := d.begin("remove")
	if !do {
		return err
	}
	if d.names[name] == nil {
		return fmt.Errorf("remove %s: %w", name, fs.ErrNotExist)
	}
	m := move{from: name}
	m.onto(d.names)
	d.moves = append(d.moves, m)
	return err
}

func (d *memDisk) SyncDir(dir string) error {
	_, do, err := d.begin("sync directory")
	if !do {
		return err
	}
	d.moves = slices.DeleteFunc(d.moves, func(m move) bool {
		there := filepath.Dir(m.from+m.to) == dir || filepath.Dir(m.to) == dir
		if there {
			m.onto(d.durable)
		}
		return there
	})
	return err
}

type memFile struct {
	disk    *memDisk
	inode   *inode
	at      int
	appends bool
	closed  bool
}

func (f *memFile) Read(b []byte) (int, error) {
	if _, do, err := f.disk.begin("read"); !do || err != nil {
		return 0, err
	}
	if f.at >= len(f.inode.seen) {
		return 0, io.EOF
	}
	n := copy(b, f.inode.seen[f.at:])
	f.at += n
	return n, nil
}

func (f *memFile) Write(b []byte) (int, error) {
	o, do, err := f.disk.begin("write")
	if o == failsHalf {
		b, do = b[:len(b)/2], true
	}
	if !do {
		return 0, err
	}
	if f.appends {
		f.at = len(f.inode.seen)
	}
	p := piece{at: f.at, bytes: bytes.Clone(b)}
	f.inode.seen = p.onto(f.inode.seen)
	f.inode.pending = append(f.inode.pending, p)
	f.at += len(b)
	return len(b), err
}

func (f *memFile) Sync() error {
	o, do, err := f.disk.begin("sync")
	if do {
		for _, p := range f.inode.pending {
			f.inode.durable = p.onto(f.inode.durable)
		}
	}
	if do || o == fails && !f.disk.off || o == failsHalf {
		f.inode.pending = nil
	}
	return err
}

func (f *memFile) Close() error {
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	f.disk.open--
	f.inode.open--
	_, _, err := f.disk.begin("close")
	return err
}
