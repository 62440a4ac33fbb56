package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hikbridge/bridge/journal"
	"hikbridge/bridge/power"
)

const (
	journalVersion = 1
	// maxActions is how many finished power actions a log book keeps, maxSteps how
	// many steps of one: a sequence that repeats itself for days has a bound.
	maxActions = 200
	maxSteps   = 100
	// compactAt is the size in bytes at which a journal is written anew with what
	// is still needed of it.
	compactAt = 2 << 20
)

// journalEntry is what one record of a recorder's journal holds, as JSON: the
// machine's record, and what the log book tells beside it; or an action that was
// kept when the journal was compacted.
type journalEntry struct {
	Version      int             `json:"version"`
	Record       *power.Record   `json:"record,omitempty"`
	Findings     []power.Finding `json:"findings,omitempty"`
	Verification []power.Item    `json:"verification,omitempty"`
	Proof        power.Proof     `json:"proof,omitempty"`
	Watts        *float64        `json:"watts,omitempty"`
	Ends         []power.Answer  `json:"ends,omitempty"`   // refusals and outcomes
	Reason       string          `json:"reason,omitempty"` // of what began without a command
	Action       *Action         `json:"action,omitempty"` // of the log book
	Open         bool            `json:"open,omitempty"`   // Action isn't finished
}

// Action is one power action in the log book.
type Action struct {
	Recorder string    `json:"recorder"`
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended,omitzero"` // zero: it still runs
	Action   string    `json:"action"`         // shutdown, reboot, power_cycle, drill, outage, power_lost
	By       string    `json:"by,omitempty"`   // a user, "automation", or nothing
	Reason   string    `json:"reason,omitempty"`
	// Outcome is refused, done, failed or cancelled; empty while it runs or when
	// nobody waited for one. Message says so for a person.
	Outcome      string     `json:"outcome,omitempty"`
	Verdict      string     `json:"verdict,omitempty"` // one word: normal, degraded, still_on, …
	Message      string     `json:"message,omitempty"`
	Findings     []Blocker  `json:"findings,omitempty"`
	Steps        []Step     `json:"steps"`
	Proof        string     `json:"proof,omitempty"` // the strongest that was reached: power, person, presumed; empty: none
	Verification []Verified `json:"verification,omitempty"`
	Gaps         string     `json:"gaps,omitempty"` // in the recordings
	Number       uint64     `json:"number"`         // of the sequence
}

// Step is one thing that happened in an action.
type Step struct {
	At    time.Time `json:"at"`
	What  string    `json:"what"`
	Watts *float64  `json:"watts,omitempty"` // as the plug read it then
}

// Blocker is what spoke against an action.
type Blocker struct {
	ID       string `json:"id"`
	Severity string `json:"severity"` // hard blocks, soft blocks once, info doesn't
	Text     string `json:"text"`
	Advice   string `json:"advice,omitempty"`
	Evidence string `json:"evidence,omitempty"`
}

// Verified is one thing that was looked at after a start: ok, not ok or unknown.
type Verified struct {
	ID       string `json:"id"`
	Result   string `json:"result"`
	Evidence string `json:"evidence,omitempty"`
}

func blockers(found []power.Finding) []Blocker {
	all := make([]Blocker, 0, len(found))
	for _, f := range found {
		all = append(all, Blocker{f.ID, string(f.Severity), f.Text, f.Advice, f.Evidence})
	}
	return all
}

func verifiedItems(items []power.Item) []Verified {
	all := make([]Verified, 0, len(items))
	for _, i := range items {
		result := "unknown"
		switch i.Told {
		case power.Yes:
			result = "ok"
		case power.No:
			result = "not ok"
		}
		all = append(all, Verified{i.ID, result, i.Evidence})
	}
	return all
}

// logBook makes actions of journal entries, as they come. The zero value is
// empty.
type logBook struct {
	recorder string
	finished []Action // oldest first
	open     *Action
	full     time.Time // when the last full shutdown began
}

// add takes in an entry.
func (b *logBook) add(e journalEntry) {
	switch {
	case e.Action != nil && e.Open:
		a := *e.Action
		b.open = &a
		return
	case e.Action != nil:
		b.keep(*e.Action)
		return
	case e.Record == nil:
		return
	}
	s := &e.Record.Memory.Seq
	if b.open != nil && s.Number != b.open.Number && s.Number != 0 {
		b.concludes(e)
		b.end(e.Record.At)
	}
	switch {
	case b.open != nil:
	case s.Number != 0 && acts(s.Action):
		b.open = &Action{Recorder: b.recorder, Began: e.Record.At, Action: string(s.Action), By: s.Command.By,
			Reason: or(s.Command.Reason, e.Reason), Number: s.Number}
	case lostPower(e.Record.Memory):
		b.open = &Action{Recorder: b.recorder, Began: e.Record.At, Action: string(power.PowerLost), Reason: e.Reason}
	default:
		return
	}
	b.continues(e)
	if s.Number == 0 && (b.open.Number != 0 || e.Record.Memory.State == power.Running) {
		b.end(e.Record.At)
	}
}

// lostPower says that somebody cut the power while no sequence ran. Its action has no
// number, and lasts until the recorder runs again.
func lostPower(m power.Memory) bool {
	return m.Seq.Number == 0 && m.State == power.Attention && m.Why == power.PowerLost
}

// acts says that an action changes power: a check doesn't.
func acts(a power.Action) bool {
	return a != power.Check && a != power.Plan && a != power.TestOutage
}

// continues adds what an entry tells of the action that runs.
func (b *logBook) continues(e journalEntry) {
	a := b.open
	for _, what := range e.Record.What {
		if len(a.Steps) < maxSteps && !strings.HasPrefix(what, "accepted ") {
			a.Steps = append(a.Steps, Step{At: e.Record.At, What: what, Watts: e.Watts})
		}
	}
	b.concludes(e)
	if e.Findings != nil {
		a.Findings = blockers(e.Findings)
	}
	if e.Verification != nil {
		a.Verification = verifiedItems(e.Verification)
		for _, i := range e.Verification {
			if i.ID == "gaps" {
				a.Gaps = i.Evidence
			}
		}
	}
	if e.Proof != power.ProofNone && proves(e.Proof) > proves(power.Proof(a.Proof)) {
		a.Proof = string(e.Proof)
	}
}

// concludes takes over an outcome. Only what has no command ends without an action.
func (b *logBook) concludes(e journalEntry) {
	a := b.open
	for _, end := range e.Ends {
		if end.Action == power.Action(a.Action) || end.Action == "" && a.Number == 0 {
			a.Outcome, a.Verdict, a.Message = string(end.Type), end.Reason, end.Message
		}
	}
}

// proves orders proofs by what they prove.
func proves(p power.Proof) int {
	return slices.Index([]power.Proof{power.ProofNone, power.ProofPresumed, power.ProofPerson, power.ProofPower}, p)
}

func (b *logBook) end(at time.Time) {
	b.open.Ended = at
	b.keep(*b.open)
	b.open = nil
}

func (b *logBook) keep(a Action) {
	if a.full() {
		b.full = a.Began
	}
	b.finished = append(b.finished, a)
	b.finished = b.finished[max(0, len(b.finished)-maxActions):]
}

// last is the action that runs, or the last one; nil if there was none.
func (b *logBook) last() *Action {
	if b.open != nil {
		return b.open
	}
	if n := len(b.finished); n > 0 {
		return &b.finished[n-1]
	}
	return nil
}

// all are the actions, oldest first.
func (b *logBook) all() []Action {
	all := slices.Clone(b.finished)
	if b.open != nil {
		all = append(all, *b.open)
	}
	return all
}

// kept is what a compacted journal begins with: the log book.
func (b *logBook) kept() []journalEntry {
	var all []journalEntry
	for _, a := range b.finished {
		all = append(all, journalEntry{Version: journalVersion, Action: &a})
	}
	if b.open != nil {
		all = append(all, journalEntry{Version: journalVersion, Action: b.open, Open: true})
	}
	return all
}

func (e journalEntry) encode() []byte {
	content, err := json.Marshal(e)
	if err != nil {
		panic("bridge: encode journal entry: " + err.Error())
	}
	return content
}

// errForeign: a record isn't one of ours, or of a later version.
var errForeign = errors.New("a record of the journal can't be read")

// readEntries decodes records, up to the first that can't be read.
func readEntries(records [][]byte) (all []journalEntry, err error) {
	for _, content := range records {
		var e journalEntry
		if json.Unmarshal(content, &e) != nil || e.Version != journalVersion || e.Record == nil && e.Action == nil {
			return all, errForeign
		}
		all = append(all, e)
	}
	return all, nil
}

// keepForeign copies a journal that holds what can't be read, before a new one takes
// its place. The first one of a name stays.
func keepForeign(stateDir, name string) error {
	content, err := os.ReadFile(journalPath(stateDir, name))
	if err != nil {
		return fmt.Errorf("keep the journal: %w", err)
	}
	kept, err := os.OpenFile(journalPath(stateDir, name)+".foreign", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		_, err = kept.Write(content)
		err = errors.Join(err, kept.Close())
	}
	if err != nil {
		return fmt.Errorf("keep the journal: %w", err)
	}
	return nil
}

// powerRecords are the machine's own of them.
func powerRecords(all []journalEntry) []power.Record {
	var records []power.Record
	for _, e := range all {
		if e.Record != nil {
			records = append(records, *e.Record)
		}
	}
	return records
}

func journalPath(stateDir, name string) string {
	return filepath.Join(stateDir, "power-"+name+".journal")
}

// LogBook reads the power actions of a recorder, or of all that have a journal if
// name is empty, oldest first. It needs no lock: a bridge may be running. An
// error tells which journals can't be read, or only in part; the actions that can
// be are given all the same.
func LogBook(stateDir, name string) ([]Action, error) {
	names := []string{name}
	if name == "" {
		paths, err := filepath.Glob(journalPath(stateDir, "*"))
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", stateDir, err)
		}
		names = nil
		for _, p := range paths {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(p), "power-"), ".journal"))
		}
	} else if _, err := os.Stat(journalPath(stateDir, name)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("nothing is written of a recorder %q in %s", name, stateDir)
	}
	var all []Action
	var wrong []error
	for _, name := range names {
		book, err := readBook(stateDir, name)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("log book of %s: %w", name, err))
		}
		all = append(all, book.all()...)
	}
	slices.SortStableFunc(all, func(a, b Action) int { return a.Began.Compare(b.Began) })
	return all, errors.Join(wrong...)
}

func readBook(stateDir, name string) (logBook, error) {
	book := logBook{recorder: name}
	found, err := journal.Read(journalPath(stateDir, name))
	if err != nil {
		return book, err
	}
	entries, err := readEntries(found.Records)
	for _, e := range entries {
		book.add(e)
	}
	if err == nil && found.Damaged {
		err = journal.ErrDamaged
	}
	return book, err
}
