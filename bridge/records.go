package bridge

import (
	"errors"
	"strings"
	"time"

	"hikbridge/bridge/journal"
	"hikbridge/bridge/power"
)

// open reads the journal and makes the machine.
func (k *keeper) open() power.Output {
	var entries []journalEntry
	log, found, err := journal.Open(journalPath(k.site.cfg.StateDir, k.cfg.Name))
	if err == nil {
		k.journal, k.append = log, orAppend(k.append, log)
		k.damaged = found.Damaged
		var foreign error
		entries, foreign = readEntries(found.Records)
		if foreign != nil {
			k.damaged = true
			foreign = errors.Join(foreign, keepForeign(k.site.cfg.StateDir, k.cfg.Name))
		}
		if found.Torn > 0 {
			k.log.Warn("the journal's last record was cut short; it was never acted on", keyCount, found.Torn)
		}
		err = errors.Join(found.Unwritable, foreign)
	} else {
		k.damaged = true
		k.append = func([]byte) error { return err }
	}
	if err != nil || k.damaged {
		k.log.Error("the journal can't be used as it is", keyError, errors.Join(err, damage(k.damaged)))
	}
	for _, e := range entries {
		k.book.add(e)
	}
	config := k.cfg.Power.machine(k.plug, k.site.outage != nil)
	var others []string
	for _, o := range k.shares {
		others = append(others, o.cfg.Name)
	}
	config.Plug.Others, config.Plug.Leads = strings.Join(others, ", "), k.leads
	m, out := power.Restore(config, k.now(), powerRecords(entries), k.damaged)
	if err := config.Validate(m.Memory().Learned); err != nil {
		k.log.Warn("not used as configured until a drill was passed that supports it", keyError, err)
	}
	k.machine = m
	return out
}

func damage(damaged bool) error {
	if damaged {
		return journal.ErrDamaged
	}
	return nil
}

func orAppend(f func([]byte) error, log *journal.Log) func([]byte) error {
	if f != nil {
		return f
	}
	return log.Append
}

// errHangs: a disk doesn't answer.
var errHangs = errors.New("the disk doesn't answer")

// write makes a record durable.
func (k *keeper) write(out power.Output) power.Commit {
	e := k.entry(out)
	began := time.Now()
	if err := k.durable(e, k.damaged && k.machine.Damaged()); err != nil {
		k.log.Error("a record can't be written", keyError, err, keyReason, strings.Join(out.Record.What, "; "))
		return power.Failed
	}
	k.damaged = false
	if e.Verification != nil {
		k.verified = &e.Verification[0]
	}
	before := k.book.open
	k.book.add(e)
	k.reportDrill(before, out.Record.Memory)
	if time.Since(began) > lateAfter {
		return power.Late
	}
	return power.Durable
}

// durable appends a record, or compacts the journal. A disk that doesn't answer for half
// a minute has failed until it does: what must not wait for it goes on without.
func (k *keeper) durable(e journalEntry, damaged bool) error {
	if k.hangs {
		select {
		case <-k.written: // the next record holds all that this one did
			k.hangs = false
		default:
			return errHangs
		}
	}
	go func() { k.written <- k.put(e, damaged) }()
	for _, patience := range []time.Duration{k.patience, lateAfter} { // a process that was stopped comes back late itself
		select {
		case err := <-k.written:
			return err
		case <-time.After(patience):
		}
	}
	k.hangs = true
	return errHangs
}

func (k *keeper) put(e journalEntry, damaged bool) error {
	switch {
	case damaged:
		return journal.ErrDamaged
	case k.damaged:
		return k.compact(e)
	case k.size > compactAt && k.compact(e) == nil: // else it can wait until the disk has room
		return nil
	}
	content := e.encode()
	err := k.append(content)
	if errors.Is(err, journal.ErrFull) {
		return k.compact(e)
	}
	k.size += len(content)
	return err
}

// compact writes the journal anew: the log book and this record, which holds all
// that a restart needs.
func (k *keeper) compact(last journalEntry) error {
	if k.journal == nil {
		return journal.ErrDamaged
	}
	var keep [][]byte
	for _, e := range append(k.book.kept(), last) {
		keep = append(keep, e.encode())
	}
	if err := k.journal.Compact(keep); err != nil {
		return err
	}
	k.size = 0
	return nil
}

// entry adds to a record what the log book tells.
func (k *keeper) entry(out power.Output) journalEntry {
	e := journalEntry{Version: journalVersion, Record: out.Record, Proof: k.machine.Proof(), Reason: k.reason(out)}
	if len(k.machine.Findings()) > 0 {
		e.Findings = k.machine.Findings()
	}
	// A verification stays the machine's until the next start, but belongs to the
	// action that ended with it alone.
	if v := k.machine.Verification(); len(v) > 0 && &v[0] != k.verified {
		e.Verification = v
	}
	if w, ok := k.sight.watts(time.Now()); ok {
		e.Watts = &w
	}
	for _, a := range out.Answers {
		if a.Type != power.Accepted {
			e.Ends = append(e.Ends, a)
		}
	}
	e.Ends = append(e.Ends, out.Ends...)
	return e
}

// reason is why something began that no command did.
func (k *keeper) reason(out power.Output) string {
	s := &out.Record.Memory.Seq
	if k.book.open != nil && k.book.open.Number == s.Number {
		return ""
	}
	if s.Action == power.Outage {
		return k.why
	}
	for _, x := range out.Moves {
		if lostPower(out.Record.Memory) && x.To == k.machine.Position() {
			return "its plug read as off (state before: " + x.From + ")"
		}
	}
	return ""
}
