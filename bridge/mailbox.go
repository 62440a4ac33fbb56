package bridge

import "sync"

// mailSize is how much may wait in each lane: minutes of probes and readings, or
// more commands than a gatekeeper lets through in a minute.
const mailSize = 1024

// mailbox is a keeper's inbox. What is urgent (life, a relay, a command) goes
// before the rest. Posting never waits, since a keeper may be waiting for a disk.
type mailbox struct {
	wake chan struct{} // of capacity 1: something is there

	mu     sync.Mutex
	urgent []any
	rest   []any
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post puts a message behind those of its lane; false means that the lane is
// full, and nothing was put there.
func (b *mailbox) post(urgent bool, m any) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	lane := &b.rest
	if urgent {
		lane = &b.urgent
	}
	if len(*lane) >= mailSize {
		return false
	}
	*lane = append(*lane, m)
	b.signal()
	return true
}

// behind puts a message behind all that waits, whatever the bound.
func (b *mailbox) behind(m any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest = append(b.rest, m)
	b.signal()
}

func (b *mailbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take gives the next message, if there is one.
func (b *mailbox) take() (m any, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lane := &b.urgent
	if len(*lane) == 0 {
		lane = &b.rest
	}
	if len(*lane) == 0 {
		return nil, false
	}
	m = (*lane)[0]
	(*lane)[0] = nil
	*lane = (*lane)[1:]
	return m, true
}
