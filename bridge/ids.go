package bridge

import (
	"fmt"
	"sync"
)

// ids knows which recorder has which identity, so that two names never stand
// for one device, and keeps what is remembered of names that aren't configured
// any more. It may be used from any goroutine.
type ids struct {
	mu      sync.Mutex
	wanted  int                    // recorders configured
	names   map[string]string      // identity → configured name
	orphans map[string]*remembered // name that isn't configured → what is kept
	renamed map[string]bool        // orphans whose device has another name now
}

func newIDs(configured []RecorderConfig, stateDir string) (*ids, error) {
	known, err := rememberedNames(stateDir)
	if err != nil {
		return nil, err
	}
	i := &ids{wanted: len(configured), names: map[string]string{}, orphans: map[string]*remembered{}, renamed: map[string]bool{}}
	current := map[string]bool{}
	for _, c := range configured {
		current[c.Name] = true
	}
	for _, name := range known {
		if current[name] {
			continue
		}
		m, err := loadRemembered(stateDir, name)
		if err != nil {
			return nil, err
		}
		if m != nil {
			i.orphans[name] = m
		}
	}
	return i, nil
}

// claim notes that name is the device with this identity. The error says that
// another name has it. before is what an earlier name of it, formerly, left behind, or
// nil.
func (i *ids) claim(name, id string) (formerly string, before *remembered, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if other, ok := i.names[id]; ok && other != name {
		return "", nil, fmt.Errorf("it is the same device as recorder %s (same serial number); remove one of both from the configuration", other)
	}
	i.names[id] = name
	for old, m := range i.orphans {
		if m.ID == id {
			i.renamed[old] = true
			c := m.clone()
			return old, &c, nil
		}
	}
	return "", nil, nil
}

// swept says which orphan can be cleared now: renamed ones, whose documents
// belong to the new name, and, once every configured recorder is known, removed
// ones. ok is false when there is none.
func (i *ids) orphan() (name string, m *remembered, renamed, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for name, m := range i.orphans {
		if i.renamed[name] {
			return name, m, true, true
		}
	}
	if len(i.names) < i.wanted {
		return "", nil, false, false
	}
	for name, m := range i.orphans {
		return name, m, false, true
	}
	return "", nil, false, false
}

func (i *ids) forget(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.orphans, name)
}
