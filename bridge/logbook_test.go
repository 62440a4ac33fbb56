package bridge_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/bridge"
	"hikbridge/bridge/journal"
)

func journalFile(h *home) string { return filepath.Join(h.config.StateDir, "power-garage.journal") }

func TestALogBookSurvivesThatItsJournalIsCompacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var compacted atomic.Int64 // size before
		var h *home
		made := func(b *bridge.Bridge) {
			b.SlowJournal("garage", func(record []byte) {
				if strings.Contains(string(record), "confirming: accepted") && compacted.Load() == 0 {
					info, _ := os.Stat(journalFile(h))
					compacted.Store(info.Size())
					b.FillJournal("garage")
				}
			})
		}
		h = newHomeAs(t, homeSetup{made: made}, func(x *home) { h = x })
		h.press("power_cycle", "right")
		h.reaches("off", 10*time.Minute)
		if info, err := os.Stat(journalFile(h)); err != nil || compacted.Load() == 0 || info.Size() > 2*compacted.Load() {
			t.Errorf("%d bytes before, now %v, %v", compacted.Load(), info, err)
		}
		h.reaches("running", 10*time.Minute)
		for range 2 { // and over a restart
			actions, err := bridge.LogBook(h.config.StateDir, "")
			if err != nil || len(actions) != 1 {
				t.Fatalf("%+v, %v", actions, err)
			}
			a := actions[0]
			first, last := a.Steps[0].What, a.Steps[len(a.Steps)-1].What
			if !strings.HasPrefix(first, "checking") || !strings.HasPrefix(last, "running: verified") || a.Ended.IsZero() || a.By != "owner" {
				t.Errorf("from %q to %q: %+v", first, last, a)
			}
			h.stop()
			h.made = nil
			h.start()
			time.Sleep(time.Minute)
			if h.state() != "running" {
				t.Errorf("after a restart: %s", h.state())
			}
		}
	})
}

func TestTheOutcomeOfAnotherCommandIsNoneOfTheAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, homeSetup{})
		h.press("shutdown", "right")
		h.reaches("confirming", time.Minute)
		h.broker.Publish("hikbridge/command/garage/power_on", []byte("PRESS"), false) // without an id; it is told as done at once
		time.Sleep(5 * time.Second)
		h.logs("shutdown  ")
		h.reaches("off", 10*time.Minute)
		h.reaches("running", 10*time.Minute)
		h.logs("shutdown done normal")
	})
}

func TestALogBookThatCannotBeReadIsToldAndTheRestShown(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, records ...string) {
		log, _, err := journal.Open(filepath.Join(dir, "power-"+name+".journal"))
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		for _, r := range records {
			if err := log.Append([]byte(r)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("barn", `{"version":1,"action":{"recorder":"barn","began":"2026-01-02T03:04:05Z","action":"shutdown","steps":[]}}`, `{"version":2}`)
	if err := os.WriteFile(filepath.Join(dir, "power-shed.journal"), []byte("no journal at all, but long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	actions, err := bridge.LogBook(dir, "")
	if len(actions) != 1 || actions[0].Recorder != "barn" {
		t.Errorf("%+v", actions)
	}
	if err == nil || !strings.Contains(err.Error(), "log book of barn: ") || !strings.Contains(err.Error(), "log book of shed: ") || !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("%v", err)
	}
	if _, err := bridge.LogBook(dir, "attic"); err == nil || !strings.Contains(err.Error(), "nothing is written of a recorder") {
		t.Errorf("%v", err)
	}
}
