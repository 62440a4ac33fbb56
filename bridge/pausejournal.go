package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"hikbridge/bridge/journal"
)

// errJournal: what is to be changed can't be kept, so it isn't changed.
var errJournal = errors.New("the state directory can't be written, so the recorder isn't changed")

const pauseVersion = 1

// pauseRecord is what was changed on a recorder.
type pauseRecord struct {
	Version int    `json:"v"`
	ID      string `json:"id"` // of the recorder
	// Found and Written are the documents before and after, to the byte.
	Found   []byte `json:"found"`
	Written []byte `json:"written"`
}

// pauseJournal holds what is to be put back on a recorder: one record, or none. It is
// used by one goroutine at a time.
type pauseJournal struct {
	log  *journal.Log
	kept *pauseRecord // nil: nothing is to be put back
}

func pauseJournalPath(stateDir, name string) string {
	return filepath.Join(stateDir, "alerts-"+name+".journal")
}

// openPauseJournal reads what an earlier run has left. An error means that something
// may be left that isn't known; a file that holds it isn't overwritten.
func openPauseJournal(stateDir, name string) (*pauseJournal, error) {
	log, found, err := journal.Open(pauseJournalPath(stateDir, name))
	if err != nil {
		return &pauseJournal{}, err
	}
	j := &pauseJournal{log: log}
	if found.Damaged {
		err = errors.Join(journal.ErrDamaged, log.Compact(found.Records)) // it keeps the damaged file
	}
	if n := len(found.Records); n > 0 {
		var r pauseRecord
		if json.Unmarshal(found.Records[n-1], &r) != nil || r.Version != pauseVersion {
			return &pauseJournal{}, errors.Join(errForeign, log.Close())
		}
		j.kept = &r
	}
	return j, err
}

// keep makes durable what is to be put back.
func (j *pauseJournal) keep(r pauseRecord) error {
	content, err := json.Marshal(r)
	if err != nil {
		panic("bridge: encode pause: " + err.Error())
	}
	if j.log == nil {
		return errJournal
	}
	if err := j.log.Compact([][]byte{content}); err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	j.kept = &r
	return nil
}

// forget makes durable that nothing is to be put back.
func (j *pauseJournal) forget() error {
	if j.kept == nil {
		return nil
	}
	if err := j.log.Compact(nil); err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	j.kept = nil
	return nil
}

// close ends its use.
func (j *pauseJournal) close() error {
	if j.log == nil {
		return nil
	}
	return j.log.Close()
}
