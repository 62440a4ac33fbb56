package bridge

import "time"

// AroundJournal lets around decide on each record of a recorder's journal: write
// makes it durable. It comes before Run.
func (b *Bridge) AroundJournal(recorder string, around func(record []byte, write func([]byte) error) error) {
	k := b.recorders[recorder].keeper
	k.append = func(record []byte) error { return around(record, k.journal.Append) }
}

// AroundAlive lets around decide on each touch of the file alive: touch does it. It
// comes before Run.
func (b *Bridge) AroundAlive(around func(touch func() error) error) {
	b.touch = func(stateDir string, now time.Time) error {
		return around(func() error { return touchAlive(stateDir, now) })
	}
}
