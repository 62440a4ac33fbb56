package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"hikbridge/bridge/journal"
)

// world is a journal, its disk, and what must be true of it.
type world struct {
	t     *testing.T
	trace string
	disk  *memDisk
	log   *journal.Log // nil: Open failed
	// durable is what was acknowledged. maybe are the other contents that a crash
	// may show, as their writing failed.
	durable []string
	maybe   [][]string
	n       int
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s: %s", w.trace, fmt.Sprintf(format, args...))
}

func (w *world) done(content []string) { w.durable, w.maybe = content, nil }

func (w *world) failed(content []string) { w.maybe = append(w.maybe, content) }

// text is a record that was never used.
func (w *world) text() string {
	w.n++
	return fmt.Sprintf("%s record %d%*s", w.trace, w.n, w.n*37%90, "")
}

func (w *world) append() {
	if w.log == nil {
		return
	}
	r := w.text()
	content := append(slices.Clone(w.durable), r)
	if err := w.log.Append([]byte(r)); err != nil {
		w.failed(content)
		return
	}
	w.done(content)
	w.check()
}

func (w *world) compact() {
	if w.log == nil {
		return
	}
	content := []string{w.text(), w.text()}
	if err := w.log.Compact(payloads(content...)); err != nil {
		w.failed(content)
		return
	}
	w.done(content)
	w.check()
}

func (w *world) reopen() {
	if w.log != nil {
		err := w.log.Close()
		if err == nil && len(w.maybe) > 0 {
			w.done(w.durable)
			w.check()
		}
	}
	var found journal.Found
	var err error
	if w.log, found, err = journal.OpenOn(w.disk, path); err != nil {
		if w.disk.fault == nil || errors.Is(err, journal.ErrVersion) {
			w.fatalf("Open: %v", err)
		}
		return
	}
	if found.Damaged {
		w.fatalf("damaged")
	}
	w.allow(texts(found.Records))
	if found.Unwritable != nil {
		w.failed(w.durable)
		w.durable = texts(found.Records)
		return
	}
	w.done(texts(found.Records))
	w.check()
}

func (w *world) allow(content []string) {
	w.t.Helper()
	for _, allowed := range append(w.maybe, w.durable) {
		if slices.Equal(content, allowed) {
			return
		}
	}
	w.fatalf("the journal holds %q; durable is %q, and possible %q", content, w.durable, w.maybe)
}

// check: what is acknowledged is what programs read and what a crash leaves,
// with nothing else and no file too many.
func (w *world) check() {
	w.t.Helper()
	for _, what := range []lost{losesAll, losesNothing} {
		d := w.disk.crash(what, nil)
		found, err := journal.ReadOn(d, path)
		if err != nil || !same(found, w.durable...) || found.Torn != 0 || found.Damaged {
			w.fatalf("acknowledged %q, but a crash leaves %q, torn %d, damaged %v, %v", w.durable, found.Records, found.Torn, found.Damaged, err)
		}
	}
	if w.disk.open != 0 {
		w.fatalf("%d files are left open", w.disk.open)
	}
}

// script is what a bridge does with its journal.
func (w *world) script() {
	w.reopen()
	w.append()
	w.append()
	w.compact()
	w.append()
	w.reopen()
	w.append()
	w.compact()
	w.append()
}

// recover: whatever happened, a disk that works again makes a journal that works.
func (w *world) recover() {
	w.disk.fault = nil
	if w.log == nil {
		w.reopen()
	}
	w.append()
	if len(w.maybe) > 0 {
		w.fatalf("nothing can be appended on a disk that works")
	}
	w.reopen()
	w.append()
	w.compact()
	if list := w.disk.list(); len(list) != 1 {
		w.fatalf("files are left: %v", list)
	}
}

// crash is the world after a loss of power.
func (w *world) crash(what lost, seed uint64) *world {
	return &world{t: w.t, trace: fmt.Sprintf("%s, crash %d.%d", w.trace, what, seed), disk: w.disk.crash(what, rand.New(rand.NewPCG(seed, 0))),
		durable: w.durable, maybe: slices.Clone(w.maybe), n: w.n}
}

// crashes gives the ways in which power may be lost.
func (w *world) crashes(yield func(*world) bool) {
	for _, what := range []lost{losesAll, losesNothing, losesData, losesMoves} {
		if !yield(w.crash(what, 0)) {
			return
		}
	}
	for seed := range uint64(4) {
		if !yield(w.crash(losesSome, seed)) {
			return
		}
	}
}

// from lets operations fail from the k-th on.
func from(k, times int, o outcome) func(int, string) outcome {
	return func(op int, _ string) outcome {
		if op >= k && op < k+times {
			return o
		}
		return works
	}
}

func TestEveryOperationMayFail(t *testing.T) {
	worlds := 0
	for _, o := range []outcome{fails, failsHalf, failsDone} {
		for _, times := range []int{1, 2, 3, 7, 1 << 30} {
			for k := 1; ; k++ {
				w := &world{t: t, trace: fmt.Sprintf("outcome %d, operation %d, %d times", o, k, times), disk: newMemDisk()}
				w.disk.fault = from(k, times, o)
				w.script()
				if w.disk.ops < k {
					break
				}
				for after := range w.crashes {
					after.reopen()
					after.recover()
					worlds++
				}
				w.recover()
			}
		}
	}
	t.Logf("%d crashes", worlds)
}

func TestPowerMayGoAtEveryOperation(t *testing.T) {
	worlds := 0
	for _, o := range []outcome{dies, diesDone} {
		for k := 1; ; k++ {
			w := &world{t: t, trace: fmt.Sprintf("outcome %d, operation %d", o, k), disk: newMemDisk()}
			w.disk.fault = from(k, 1, o)
			w.script()
			if w.disk.ops < k {
				break
			}
			for after := range w.crashes {
				// It may go again while the journal is opened.
				for again := 1; ; again++ {
					second := after.crash(losesNothing, 0)
					second.disk.fault = from(again, 1, o)
					second.reopen()
					if second.disk.ops < again {
						second.recover()
						break
					}
					for _, what := range []lost{losesAll, losesNothing, losesSome} {
						third := second.crash(what, uint64(k))
						third.reopen()
						third.recover()
						worlds++
					}
				}
			}
		}
	}
	t.Logf("%d crashes", worlds)
}

// soak plays a long random life.
func soak(t *testing.T, seed uint64) {
	dice := rand.New(rand.NewPCG(seed, 1))
	w := &world{t: t, trace: fmt.Sprintf("seed %d", seed), disk: newMemDisk()}
	for range 60 {
		if dice.IntN(3) == 0 {
			w.disk.fault = from(w.disk.ops+1+dice.IntN(12), 1+dice.IntN(12), fails+outcome(dice.IntN(int(diesDone))))
		}
		switch dice.IntN(10) {
		case 0, 1:
			w.reopen()
		case 2:
			w.compact()
		case 3:
			w.log, w.disk = nil, w.disk.crash(lost(dice.IntN(int(losesSome)+1)), dice)
			w.reopen()
		default:
			w.append()
		}
		if w.disk.off {
			w.log, w.disk = nil, w.disk.crash(lost(dice.IntN(int(losesSome)+1)), dice)
			w.reopen()
		}
	}
	w.recover()
}

func TestALongLifeOnABadDisk(t *testing.T) {
	for seed := range uint64(500) {
		soak(t, seed)
	}
}

func TestAFailedAppendIsTakenOutAtOnceOrAtClose(t *testing.T) {
	for name, faulty := range map[string]struct {
		times int
		close bool
	}{"at once": {1, false}, "at close": {1 << 30, true}} {
		w := &world{t: t, trace: name, disk: newMemDisk()}
		w.reopen()
		w.append()
		syncs := 0
		w.disk.fault = func(_ int, what string) outcome {
			if what == "sync" {
				if syncs++; syncs <= faulty.times {
					return failsDone // it stands on the disk
				}
			}
			return works
		}
		w.append()
		if len(w.maybe) != 1 {
			t.Fatalf("%s: the append didn't fail", name)
		}
		w.disk.fault = nil
		if faulty.close {
			found, err := journal.ReadOn(w.disk, path)
			if err != nil || len(found.Records) != 2 {
				t.Fatalf("the disk that fails was written: %v, %v", found, err)
			}
			if err := w.log.Close(); err != nil {
				t.Fatal(err)
			}
		}
		w.check()
	}
}

func TestCloseTellsThatAFailedRecordMayStillBeThere(t *testing.T) {
	w := &world{t: t, disk: newMemDisk()}
	w.reopen()
	w.disk.fault = from(w.disk.ops+1, 1<<30, failsDone)
	w.append()
	if err := w.log.Close(); !errors.Is(err, errDisk) {
		t.Errorf("Close: %v", err)
	}
}

// A full disk has no room for a new file, but perhaps for the next record.
func TestACompactionThatCannotBeginHarmsNothing(t *testing.T) {
	w := &world{t: t, disk: newMemDisk()}
	w.reopen()
	full := func(times int) {
		w.disk.fault = func(_ int, what string) outcome {
			if times--; what == "write" && times >= 0 {
				return failsHalf
			}
			return works
		}
	}
	full(2)
	w.compact()
	if len(w.maybe) != 1 || len(w.disk.list()) != 1 {
		t.Fatalf("compacted, or space is wasted: %v", w.disk.list())
	}
	w.maybe = nil // nothing of it may show up
	w.check()
	before := w.disk.ops
	w.append()
	if ops := w.disk.ops - before; ops != 4 {
		t.Errorf("the next append takes %d operations, not open, write, sync, close", ops)
	}
}

func TestAJournalOnADiskThatCannotBeWrittenIsRead(t *testing.T) {
	whole := content(salt, "a", "b")
	for size, want := range map[int]verdict{len(whole): {[]string{"a", "b"}, 0, false}, len(whole) - 1: {[]string{"a"}, headSize, false}} {
		d := newMemDisk()
		d.put(path, whole[:size])
		d.fault = func(_ int, what string) outcome {
			if what == "open to write" {
				return fails
			}
			return works
		}
		log, found, err := journal.OpenOn(d, path)
		if err != nil || !want.of(found) || !errors.Is(found.Unwritable, errDisk) {
			t.Fatalf("%+v, %v; want %+v", found, err, want)
		}
		if err := log.Append([]byte("c")); !errors.Is(err, errDisk) {
			t.Errorf("Append: %v", err)
		}
		d.fault = nil
		if err := log.Append([]byte("d")); err != nil {
			t.Fatal(err)
		}
		wants(t, d, append(want.records, "d")...)
	}
}

// The damaged file is what a restart finds until the new journal is there, and
// then it is kept.
func TestDamageIsNeverForgotten(t *testing.T) {
	damaged := content(salt, "a", "b", "c")
	damaged[headerSize+headSize] ^= 1
	keep := []string{"what is kept"}
	// renewed says which of the two is there, and fails if it is neither.
	renewed := func(trace string, d *memDisk) bool {
		t.Helper()
		found, err := journal.ReadOn(d, path)
		renewed := same(found, keep...)
		switch {
		case err != nil || found.Damaged == renewed || found.Torn != 0:
			t.Fatalf("%s: found %+v, %v", trace, found, err)
		case !renewed && !bytes.Equal(d.get(path), damaged):
			t.Fatalf("%s: the damaged file has changed", trace)
		case renewed && !slices.ContainsFunc(d.list(), func(name string) bool { return name != path && bytes.Equal(d.get(name), damaged) }):
			t.Fatalf("%s: the damaged file isn't kept", trace)
		}
		return renewed
	}
	atLast := func(trace string, d *memDisk, log *journal.Log) {
		t.Helper()
		if err := log.Compact(payloads(keep...)); err != nil || !renewed(trace, d.crash(losesAll, nil)) {
			t.Fatalf("%s: a disk that works gives no new journal: %v", trace, err)
		}
		if err := log.Append([]byte("more")); err != nil || len(d.list()) > 3 { // a second copy where the first couldn't be read
			t.Fatalf("%s: %v, files %v", trace, err, d.list())
		}
	}
	crashes := 0
	try := func(o outcome, times, k int, closes bool) (more bool) {
		t.Helper()
		trace := fmt.Sprintf("outcome %d, operation %d, %d times", o, k, times)
		d := newMemDisk()
		d.put(path, damaged)
		log, _, err := journal.OpenOn(d, path)
		if err != nil {
			t.Fatal(err)
		}
		d.ops, d.fault = 0, from(k, times, o)
		err = log.Compact(payloads(keep...))
		if d.ops < k {
			return false
		}
		if err != nil {
			if err := log.Append([]byte("more")); !errors.Is(err, journal.ErrDamaged) {
				t.Fatalf("%s: Append after a Compact that failed: %v", trace, err)
			}
		}
		for seed := range uint64(12) {
			crashes++
			what := min(lost(seed), losesSome)
			after := d.crash(what, rand.New(rand.NewPCG(seed, 0)))
			trace := fmt.Sprintf("%s, crash %d.%d", trace, what, seed)
			if !renewed(trace, after) && err == nil {
				t.Fatalf("%s: the new journal is gone", trace)
			}
			log, _, err := journal.OpenOn(after, path)
			if err != nil {
				t.Fatal(err)
			}
			atLast(trace, after, log)
		}
		if d.off {
			return true
		}
		d.fault = nil
		if closes {
			if err := log.Close(); err != nil {
				t.Fatalf("%s: %v", trace, err)
			}
			renewed(trace, d)
			if log, _, err = journal.OpenOn(d, path); err != nil {
				t.Fatal(err)
			}
		}
		renewed(trace, d)
		atLast(trace, d, log)
		return true
	}
	for _, o := range []outcome{fails, failsHalf, failsDone, dies, diesDone} {
		for _, times := range []int{1, 2, 1 << 30} {
			for k := 1; try(o, times, k, true) && try(o, times, k, false); k++ {
			}
		}
	}
	t.Logf("%d crashes", crashes)
}
