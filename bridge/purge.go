package bridge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"hikbridge/bridge/journal"
	"hikbridge/discovery"
	"hikbridge/mqtt"
)

// removalTime is given to Home Assistant between the removal of a device and
// that of its values.
const removalTime = 2 * time.Second

// sweep clears what recorders left behind that were renamed or removed.
func (b *Bridge) sweep(ctx context.Context) {
	if len(b.site.ids.orphans) == 0 {
		return
	}
	wait := time.NewTicker(lastRetry)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		name, m, renamed, ok := b.site.ids.orphan()
		if !ok {
			continue
		}
		report, err := clearRecorder(ctx, b.site.cfg, b.site.device, name, m, !renamed)
		if err != nil {
			b.site.cfg.Log.Warn("what a former recorder left can't be cleared yet", keyRecorder, name, keyError, err)
			continue
		}
		b.site.cfg.Log.Info("former recorder cleared", keyRecorder, name, keyCount, report.Documents+report.Topics)
		if !renamed && stillPaused(b.site.cfg.StateDir, name) {
			b.site.cfg.Log.Error("notifications of a former recorder are still paused in its app: switch them on there", keyRecorder, name)
		}
		b.site.ids.forget(name)
	}
}

// PurgeReport says what Purge cleared.
type PurgeReport struct {
	Documents, Topics int
	Remembered        bool // something was kept in the state directory
	StillPaused       bool // notifications were paused in the recorder's app, and nobody puts them back now
}

// stillPaused says that something is to be put back on a recorder.
func stillPaused(stateDir, name string) bool {
	kept, err := journal.Read(pauseJournalPath(stateDir, name))
	return err == nil && len(kept.Records) > 0
}

// Purge forgets a recorder: its documents and retained topics are cleared on
// the broker, and what was remembered of it. The login budget stays. ErrInUse
// says that a bridge is running.
func Purge(ctx context.Context, c Config, name string) (PurgeReport, error) {
	unlock, err := lockStateDir(c.StateDir)
	if err != nil {
		return PurgeReport{}, err
	}
	defer unlock()
	m, err := loadRemembered(c.StateDir, name)
	if err != nil {
		return PurgeReport{}, err
	}
	device := discovery.Bridge{Topic: c.Topic, Prefix: c.DiscoveryPrefix, Version: c.Version}
	report, err := clearRecorder(ctx, c, device, name, m, true)
	if err != nil {
		return report, err
	}
	report.StillPaused = stillPaused(c.StateDir, name)
	return report, errors.Join(retire(journalPath(c.StateDir, name)), retire(pauseJournalPath(c.StateDir, name)))
}

// retire puts a recorder's journal aside: what a drill has taught, or what is to be
// put back, was about the former recorder. A log book stays in the file.
func retire(path string) error {
	err := os.Rename(path, path+".purged")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("put the journal aside: %w", err)
	}
	return nil
}

// clearTopics clears the documents first and the values once Home Assistant has
// let go of the entities, which would complain about empty ones.
func clearTopics(ctx context.Context, broker mqtt.Config, documents, values []string) error {
	if len(documents) > 0 {
		if err := mqtt.Clear(ctx, broker, documents); err != nil {
			return err
		}
		select {
		case <-time.After(removalTime):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return mqtt.Clear(ctx, broker, values)
}

// clearRecorder clears the retained topics of a name and, if wanted, its
// documents as far as they are this bridge's; m may be nil.
func clearRecorder(ctx context.Context, c Config, device discovery.Bridge, name string, m *remembered, documents bool) (PurgeReport, error) {
	broker, err := brokerConfig(c)
	if err != nil {
		return PurgeReport{}, err
	}
	broker.ClientID += "-sweep"
	ours := map[string]bool{}
	filters := []string{device.RecorderTopic(name) + "/#"}
	if documents && m != nil {
		for _, doc := range device.RecorderDocuments(m.discovery(name, nil, "")) {
			ours[doc.Topic] = true
			filters = append(filters, doc.Topic)
		}
	}
	found, err := mqtt.Retained(ctx, broker, filters)
	if err != nil {
		return PurgeReport{}, fmt.Errorf("read what is retained: %w", err)
	}
	var documentTopics, topics []string
	for _, msg := range found {
		switch {
		case !ours[msg.Topic]:
			topics = append(topics, msg.Topic)
		case discovery.Owned(msg.Payload, device):
			documentTopics = append(documentTopics, msg.Topic)
		}
	}
	report := PurgeReport{Documents: len(documentTopics), Topics: len(topics), Remembered: m != nil}
	if err := clearTopics(ctx, broker, documentTopics, topics); err != nil {
		return PurgeReport{}, fmt.Errorf("clear what is retained: %w", err)
	}
	if err := forgetRemembered(c.StateDir, name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return PurgeReport{}, fmt.Errorf("forget %s: %w", name, err)
	}
	return report, nil
}
