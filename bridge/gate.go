package bridge

import "sync"

// gate is what *safe* and the right to switch a plug off hang on. Only the
// recorder's keeper raises it, with the number of a proof; whoever sees a sign of
// life or a relay that moved lowers it at once, from any goroutine, without
// waiting for a keeper that may be waiting for a disk. What was lowered stays so:
// a proof that nothing has spoken against yet has a greater number.
type gate struct {
	// revoke takes *safe* back where it is shown. It must not block; the gate is
	// locked meanwhile, so that no later "on" overtakes it.
	revoke func()

	mu   sync.Mutex
	seen uint64 // number of the proof that grows now, as far as the keeper knows
	dead uint64 // this one and all before prove nothing
	up   uint64 // number of the proof that *safe* is shown for; 0: it isn't
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
	defer g.mu.Unlock()
	g.dead = g.seen
	g.closeLocked()
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
	g.mu.Lock()
	defer g.mu.Unlock()
	if proof > g.dead {
		g.up = proof
	}
}

// holds says whether *safe* may be shown for a proof.
func (g *gate) holds(proof uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.up == proof && proof > g.dead
}

// cuts says whether an OFF may leave that rests on a proof.
func (g *gate) cuts(proof uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return proof > g.dead
}
