package bridge

import (
	"slices"
	"sync"
	"time"

	"hikbridge/bridge/power"
)

// standsFor is how long what a keeper said of its proof holds for others: as long as a
// probe does. A process that was stopped for a while doesn't see at once that it lapsed.
const standsFor = 8 * time.Second

// gate is what *safe* and the right to switch a plug off hang on. Only the
// recorder's keeper raises it, with the number of a proof; whoever sees a sign of
// life or a relay that moved lowers it at once, from any goroutine, without
// waiting for a keeper that may be waiting for a disk. What was lowered stays so:
// a proof that nothing has spoken against yet has a greater number.
//
// Where a plug feeds several recorders, *safe* and an OFF take all their gates.
type gate struct {
	// revoke takes *safe* back where it is shown. It must not block; the gate is
	// locked meanwhile, so that no later "on" overtakes it.
	revoke func()
	others []*gate // of the recorders on the same plug; set before the gate is used

	mu   sync.Mutex
	seen uint64 // number of the proof that grows now, as far as the keeper knows
	dead uint64 // this one and all before prove nothing
	up   uint64 // number of the proof that *safe* is shown for; 0: it isn't

	off   uint64           // number of the proof by which its recorder may lose power; 0: it may not
	shown time.Time        // when the keeper said so last
	relay power.RelayState // as the plug told last
}

// watch says which proof grows now.
func (g *gate) watch(proof uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = max(g.seen, proof)
}

// lower says that something speaks against all proofs so far.
func (g *gate) lower() {
	g.mu.Lock()
	g.dead = g.seen
	g.closeLocked()
	g.mu.Unlock()
	for _, o := range g.others {
		o.close()
	}
}

// hear takes in what a plug tells of its relay: one that moved, or isn't known, speaks
// against all proofs.
func (g *gate) hear(s power.RelayState, restarted bool) {
	g.mu.Lock()
	same := s == g.relay
	g.relay = s
	g.mu.Unlock()
	if !same || s == power.RelayUnknown || restarted {
		g.lower()
	}
}

// stand says by which proof the recorder may lose its power, for what feeds others as
// well; 0: it may not.
func (g *gate) stand(proof uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.off, g.shown = proof, time.Now()
}

// stands says that its recorder may lose its power at this moment.
func (g *gate) stands() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.off > g.dead && time.Since(g.shown) <= standsFor
}

// othersStand says it of all others on the same plug.
func (g *gate) othersStand() bool {
	return !slices.ContainsFunc(g.others, func(o *gate) bool { return !o.stands() })
}

// close says that *safe* doesn't hold any more, without speaking against a cut.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closeLocked()
}

func (g *gate) closeLocked() {
	if g.up != 0 {
		g.up = 0
		g.revoke()
	}
}

// tell says that *safe* is off, if it is: nobody knows yet.
func (g *gate) tell() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.up == 0 {
		g.revoke()
	}
}

// raise lets *safe* be shown for a proof, unless it was lowered meanwhile.
func (g *gate) raise(proof uint64) {
	all := g.othersStand()
	g.mu.Lock()
	defer g.mu.Unlock()
	if all && proof > g.dead {
		g.up = proof
	}
}

// holds says whether *safe* may be shown for a proof.
func (g *gate) holds(proof uint64) bool {
	all := g.othersStand()
	g.mu.Lock()
	defer g.mu.Unlock()
	return all && g.up == proof && proof > g.dead
}

// cuts says whether an OFF may leave that rests on a proof.
func (g *gate) cuts(proof uint64) bool {
	all := g.othersStand()
	g.mu.Lock()
	defer g.mu.Unlock()
	return all && proof > g.dead
}
