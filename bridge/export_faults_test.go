package bridge

// AroundJournal lets around decide on each record of a recorder's journal: write
// makes it durable. It comes before Run.
func (b *Bridge) AroundJournal(recorder string, around func(record []byte, write func([]byte) error) error) {
	k := b.recorders[recorder].keeper
	k.append = func(record []byte) error { return around(record, k.journal.Append) }
}
