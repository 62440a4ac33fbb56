package power_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hikbridge/bridge/power"
)

var (
	walkTime   = flag.Duration("walk.time", 0, "how long the walk goes on; 0: a fixed number of transitions")
	walkStates = flag.Int("walk.states", 150_000_000, "how many states it remembers at most, of 50 bytes each")
	walkCoarse = flag.Bool("walk.coarse", false, "take ages between the same two timers for the same")
	walkReport = flag.Bool("walk.report", false, "say what was reached")
)

// An edge is one thing that may happen to a hand.
type edge struct {
	name string
	can  func(*hand) bool
	do   func(*hand)
}

// homes are the configurations that are walked.
var homes = []struct {
	name    string
	cfg     power.Config
	learned power.Learned
}{
	{"no plug", power.Config{Mains: true, AnyOutage: true}, power.Learned{}},
	{"meter, cuts when proven", power.Config{Plug: meterPlug, Mains: true, AnyOutage: true}, power.Learned{}},
	{"meter, never cuts", power.Config{Plug: power.Plug{Exists: true, Relay: true, Meter: true, Cut: power.CutNever}}, power.Learned{}},
	{"halts at 9 W, after a drill", power.Config{Plug: meterPlug, Mains: true}, halts9W},
	{"presumes, with a witness, after a drill", power.Config{Plug: power.Plug{Exists: true, Relay: true, Cut: power.CutPresumed}, Witness: true, Mains: true}, power.Learned{Passed: true, Firmware: firmware, Gap: 70 * time.Second, ToSilence: 20 * time.Second}},
	{"plug without read-back", power.Config{Plug: power.Plug{Exists: true, Cut: power.CutProven}}, power.Learned{}},
}

var halts9W = power.Learned{Passed: true, Firmware: firmware, Gap: 70 * time.Second, ToSilence: 20 * time.Second, Running: 22, Halted: 9, OffWatts: 9.9}

// edges are all of them.
var edges = func() (all []edge) {
	free := func(h *hand) bool { return !h.holds() }
	add := func(name string, can func(*hand) bool, do func(*hand)) {
		all = append(all, edge{name, func(h *hand) bool { return free(h) && can(h) }, do})
	}
	always := func(*hand) bool { return true }
	tell := func(name string, can func(*hand) bool, e func(*hand) power.Event) {
		add(name, can, func(h *hand) { h.tell(e(h)) })
	}

	// What waits for the journal comes first.
	all = append(all,
		edge{"durable", (*hand).holds, func(h *hand) { h.commit(power.Durable) }},
		edge{"failed", (*hand).holds, func(h *hand) { h.commit(power.Failed) }})
	for name, e := range waiting {
		all = append(all, edge{"late, and meanwhile " + name, (*hand).holds, func(h *hand) {
			number := h.commit(power.Late)
			if x := e(h); x != nil {
				h.tell(x)
				h.settle()
			}
			h.answer(number, power.Late)
		}})
	}
	slices.SortFunc(all, func(a, b edge) int { return strings.Compare(a.name, b.name) })
	all = append(all, edge{"crash", always, func(h *hand) { h.restart(10 * time.Second) }})

	for name, k := range kinds {
		tell(name, k.can, k.event)
	}
	slices.SortFunc(all, func(a, b edge) int { return strings.Compare(a.name, b.name) })

	for _, d := range []time.Duration{2 * time.Second, 8001 * time.Millisecond, 15 * time.Second, 30 * time.Second, 90 * time.Second, 180 * time.Second, 600 * time.Second} {
		add("after "+d.String(), always, func(h *hand) { h.pass(d); h.tell(power.Tick{}) })
	}
	add("at its own wake", func(h *hand) bool { return h.wake > h.now.Mono }, func(h *hand) { h.pass(h.wake - h.now.Mono); h.tell(power.Tick{}) })
	for _, w := range []struct {
		name  string
		d     time.Duration
		sight power.Sight
		watts float64
		can   func(*hand) bool
	}{
		{"silent and low for 50 s", 50 * time.Second, power.Silent, 0.4, hasMeter},
		{"silent and low for 200 s", 200 * time.Second, power.Silent, 0.4, hasMeter},
		{"silent and high for 50 s", 50 * time.Second, power.Silent, 20, hasMeter},
		{"silent for 20 s", 20 * time.Second, power.Silent, -1, always},
		{"silent for 200 s", 200 * time.Second, power.Silent, -1, always},
		{"alive for 95 s", 95 * time.Second, power.Alive, 20, always},
	} {
		add(w.name, w.can, func(h *hand) { h.watched(w.d, w.sight, w.watts) })
	}
	if len(all) > 255 {
		panic("more edges than a byte counts")
	}
	return all
}()

// waiting is what may lie in the inbox behind a record that takes its time.
var waiting = map[string]func(*hand) power.Event{
	"nothing":  func(*hand) power.Event { return nil },
	"life":     func(h *hand) power.Event { return power.Probe{At: h.now, Sight: power.Alive, HTTP: true} },
	"silence":  func(h *hand) power.Event { return power.Probe{At: h.now, Sight: power.Silent} },
	"cancel":   func(h *hand) power.Event { return h.command(power.Cancel, "anna") },
	"power_on": func(h *hand) power.Event { return h.command(power.PowerOn, "anna") },
}

func hasMeter(h *hand) bool { return h.cfg.Plug.Meter }

// A kind of event has one representative value.
type kind struct {
	can   func(*hand) bool
	event func(*hand) power.Event
}

// kinds are the events; an answer only exists for an effect that is open.
var kinds = func() map[string]kind {
	always := func(*hand) bool { return true }
	relay := func(h *hand) bool { return h.cfg.Plug.Relay }
	mains := func(h *hand) bool { return h.cfg.Mains }
	opened := func(kinds ...power.EffectKind) func(*hand) bool {
		return func(h *hand) bool { return slices.Contains(kinds, h.open.Kind) }
	}
	signed := func(serial string, uptime time.Duration, told bool) func(*hand) power.Event {
		return func(h *hand) power.Event {
			return power.SignedIn{At: h.now, Serial: serial, Firmware: firmware, Uptime: uptime, UptimeTold: told}
		}
	}
	reading := func(watts float64, retained bool) func(*hand) power.Event {
		return func(h *hand) power.Event {
			h.stamp++
			return power.Reading{At: h.now, Watts: watts, Stamp: stampOf(h.stamp), Retained: retained}
		}
	}
	collected := func(change func(*power.Facts)) func(*hand) power.Event {
		return func(h *hand) power.Event {
			f := goodFacts(30 * time.Hour)
			change(&f)
			return power.Collected{Number: h.open.Number, Facts: f}
		}
	}
	put := func(o power.Outcome) kind {
		return kind{opened(power.PutShutdown, power.PutReboot), func(h *hand) power.Event { return power.PutDone{Number: h.open.Number, Outcome: o} }}
	}
	verified := func(change func(*power.After)) kind {
		return kind{opened(power.CollectAfter), func(h *hand) power.Event {
			a := goodAfter()
			change(&a)
			return power.Verified{Number: h.open.Number, After: a}
		}}
	}
	look := opened(power.Collect, power.Look)
	all := map[string]kind{
		"probe alive":              {always, func(h *hand) power.Event { return power.Probe{At: h.now, Sight: power.Alive, HTTP: true} }},
		"probe alive without http": {always, func(h *hand) power.Event { return power.Probe{At: h.now, Sight: power.Alive} }},
		"probe silent":             {always, func(h *hand) power.Event { return power.Probe{At: h.now, Sight: power.Silent} }},
		"probe uncertain":          {always, func(h *hand) power.Event { return power.Probe{At: h.now, Sight: power.Uncertain} }},
		"witness answers":          {func(h *hand) bool { return h.cfg.Witness }, func(h *hand) power.Event { return power.Witnessed{At: h.now} }},
		"relay on":                 {relay, func(h *hand) power.Event { return power.Relay{At: h.now, State: power.RelayOn} }},
		"relay off":                {relay, func(h *hand) power.Event { return power.Relay{At: h.now, State: power.RelayOff} }},
		"relay unknown":            {relay, func(h *hand) power.Event { return power.Relay{At: h.now, State: power.RelayUnknown} }},
		"plug restarted":           {relay, func(h *hand) power.Event { return power.Relay{At: h.now, State: power.RelayOn, Restarted: true} }},
		"plug asked":               {hasMeter, func(h *hand) power.Event { return power.Asked{At: h.now} }},
		"reading low":              {hasMeter, reading(0.4, false)},
		"reading high":             {hasMeter, reading(20, false)},
		"reading retained":         {hasMeter, reading(0.4, true)},
		"signed in":                {always, signed(ownSerial, 31*time.Hour, true)},
		"signed in, restarted":     {always, signed(ownSerial, time.Minute, true)},
		"signed in, no uptime":     {always, signed(ownSerial, 0, false)},
		"other serial":             {always, signed("another", 31*time.Hour, true)},
		"answered":                 {always, func(h *hand) power.Event { return power.Answered{At: h.now} }},
		"no answer":                {always, func(h *hand) power.Event { return power.NoAnswer{At: h.now} }},
		"facts: nothing blocks":    {look, collected(func(*power.Facts) {})},
		"facts: an upgrade runs":   {look, collected(func(f *power.Facts) { f.Upgrading = yes(true) })},
		"facts: an export runs":    {look, collected(func(f *power.Facts) { f.Exporting = yes(true) })},
		"facts: none":              {look, collected(func(f *power.Facts) { *f = power.Facts{} })},
		"request done":             put(power.Done),
		"request unknown":          put(power.Unknown),
		"request not sent":         put(power.NotSent),
		"request busy":             put(power.Busy),
		"request refused":          put(power.Refused),
		"verified":                 verified(func(*power.After) {}),
		"verified with faults":     verified(func(a *power.After) { a.Online = nil }),
		"unclean stop in the log":  verified(func(a *power.After) { a.CleanStop = yes(false) }),
		"mains lost":               {mains, func(*hand) power.Event { return power.Mains{Lost: true} }},
		"outage asks":              {mains, func(*hand) power.Event { return power.Mains{Lost: true, Outage: 1} }},
		"another outage asks":      {mains, func(*hand) power.Event { return power.Mains{Lost: true, Outage: 2} }},
		"battery low":              {mains, func(*hand) power.Event { return power.Mains{Lost: true, Outage: 1, Low: true} }},
		"mains back":               {mains, func(*hand) power.Event { return power.Mains{} }},
		"mains stable":             {mains, func(*hand) power.Event { return power.Mains{Stable: true} }},
	}
	for _, a := range []power.Action{power.Check, power.Plan, power.TestOutage, power.Shutdown, power.Reboot, power.PowerCycle, power.Drill, power.ConfirmOff, power.PowerOn, power.Cancel} {
		all[string(a)] = kind{always, func(h *hand) power.Event { return h.command(a, "anna") }}
	}
	for _, a := range []power.Action{power.Shutdown, power.PowerOn, power.ConfirmOff} {
		all[string(a)+" by an automation"] = kind{always, func(h *hand) power.Event { return h.command(a, "automation") }}
		all[string(a)+", expired"] = kind{always, func(h *hand) power.Event {
			c := h.command(a, "anna")
			c.At = c.At.Add(-time.Minute)
			return c
		}}
		all[string(a)+", plain"] = kind{always, func(*hand) power.Event { return power.Command{Action: a, Plain: true} }}
	}
	return all
}()

// roots are where the walk begins: every place of every home, and the program
// started on the record of every state.
func roots() (all []*hand, names []string) {
	for n, home := range homes {
		add := func(h *hand, name string) {
			h.home = n
			all, names = append(all, h), append(names, home.name+": "+name)
		}
		for _, p := range places {
			h := p.reach(site{cfg: home.cfg, learned: home.learned})
			name := h.m.Position()
			if name != p.position {
				name += " on the way to " + p.position
			}
			add(h, name)
		}
		for _, what := range slices.Sorted(maps.Keys(detours)) {
			for steps := range 6 {
				h := detours[what](site{cfg: home.cfg, learned: home.learned}, steps)
				add(h, fmt.Sprintf("%s, on the way of %s", h.m.Position(), what))
			}
		}
		for _, s := range power.States {
			for _, r := range power.Reasons {
				if s != power.Attention && r != power.StillOn {
					continue
				}
				for _, how := range []string{"restarted from ", "power owed, restarted from ", "started too often, from ", "its journal damaged, from "} {
					d := madeMemory(s, r)
					d.Learned, d.Seq.Owed = home.learned, how == "power owed, restarted from " && d.Seq.Puts > 0
					if how == "started too often, from " {
						d.Starts = slices.Repeat([]time.Time{epoch}, 4)
						d.Seq.Action = power.Reboot // not a person's shutdown, after which power stays off
					}
					h := begin(home.cfg, &power.Record{Memory: d}, how == "its journal damaged, from ", nil)
					h.truth.sequence, h.truth.puts, h.truth.success = d.Seq.Number, d.Seq.Puts, d.Seq.Success
					from := string(s)
					if s == power.Attention {
						from = attention(r)
					}
					add(h, how+from)
				}
			}
		}
	}
	return all, names
}

// age is how the walk rounds.
func age(d time.Duration) uint32 {
	const most = time.Hour // no timer is longer, but for the memory of commands
	d = min(max(d, -time.Second), most+1)
	if !*walkCoarse {
		return uint32(d / (100 * time.Millisecond))
	}
	n, _ := slices.BinarySearch(timersThatMatter, d)
	return uint32(n)
}

var timersThatMatter = []time.Duration{0, 2 * time.Second, 5 * time.Second, 8 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second, 45 * time.Second,
	time.Minute, 90 * time.Second, 2 * time.Minute, 3 * time.Minute, 5 * time.Minute, 8 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour}

// print is the fingerprint of a hand: the machine, and what was told it.
func (h *hand) print(b []byte) []byte {
	v, t := &h.truth, h.t()
	b = append(b, byte(h.home), byte(min(v.lows, 3)), byte(v.puts), byte(v.outagePuts), byte(v.offs), byte(len(v.relay)))
	for _, at := range []time.Duration{v.life, v.from, v.last, v.lowFrom, v.lowLast, v.word, v.counted} {
		if at == never {
			b = append(b, 255, 255, 255, 255)
			continue
		}
		b = binary.LittleEndian.AppendUint32(b, age(t-at))
	}
	bits := byte(0)
	for n, is := range []bool{v.success, v.putOpen, v.looked, h.gate.up != 0, h.lossy, h.m.Damaged(), h.written, v.word != never && v.wordFor == int(v.word/time.Millisecond)} {
		if is {
			bits |= 1 << n
		}
	}
	d := &h.journal.Memory
	b = append(b, bits, byte(d.Seq.Puts))
	b = append(append(append(append(b, d.State...), h.held.Effect.Kind...), h.open.Kind...), d.Seq.Action...)
	if h.holds() {
		b = append(b, 1)
	}
	return h.m.Fingerprint(b, age)
}

// A walk goes breadth first. Of a state it keeps a hash and how it was reached:
// the hand is made again from its root.
type walk struct {
	roots   []*hand
	names   []string
	nodes   []node
	seeds   [2]maphash.Seed
	seen    [256]shard
	states  atomic.Int64
	steps   atomic.Int64
	mu      sync.Mutex
	rows    map[power.Move]bool
	at      map[string]int // states in each position
	wrong   []string
	told    map[string]bool // kinds of what went wrong
	enough  func() bool
	layers  []int // states of each depth
	partial float64
}

type node struct {
	parent int32 // -1: a root
	by     uint16
}

type shard struct {
	sync.Mutex
	all map[[2]uint64]struct{}
}

// newWalk is one that hasn't gone a step. Rows that were taken on the way to its
// roots count as taken.
func newWalk() *walk {
	w := &walk{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, rows: map[power.Move]bool{}, at: map[string]int{}, told: map[string]bool{}}
	for n := range w.seen {
		w.seen[n].all = map[[2]uint64]struct{}{}
	}
	w.roots, w.names = roots()
	return w
}

// first says that nothing like h was seen before.
func (w *walk) first(h *hand, buffer []byte) ([]byte, bool) {
	buffer = h.print(buffer[:0])
	key := [2]uint64{maphash.Bytes(w.seeds[0], buffer), maphash.Bytes(w.seeds[1], buffer)}
	s := &w.seen[key[0]>>56]
	s.Lock()
	defer s.Unlock()
	if _, ok := s.all[key]; ok {
		return buffer, false
	}
	s.all[key] = struct{}{}
	w.states.Add(1)
	return buffer, true
}

// path is how a node was reached: the root, and the edges from there.
func (w *walk) path(n int32, by []uint16) (root int, all []uint16) {
	all = by[:0]
	for ; w.nodes[n].parent >= 0; n = w.nodes[n].parent {
		all = append(all, w.nodes[n].by)
	}
	slices.Reverse(all)
	return int(w.nodes[n].by), all
}

// run walks layer by layer until it is enough.
func (w *walk) run() {
	for n, h := range w.roots {
		if h.wrong != "" {
			w.wrong = append(w.wrong, w.names[n]+": "+h.wrong)
		}
		for _, x := range h.early {
			w.rows[x] = true
		}
		if _, ok := w.first(h, nil); ok {
			w.nodes = append(w.nodes, node{-1, uint16(n)})
		}
	}
	from := 0
	for from < len(w.nodes) && len(w.wrong) == 0 && !w.enough() {
		w.layers = append(w.layers, len(w.nodes)-from)
		from = w.layer(from)
	}
}

// layer goes on from the states of one depth, and says where the next begins.
func (w *walk) layer(from int) int {
	end := len(w.nodes)
	var (
		next  atomic.Int64
		group sync.WaitGroup
		found = make([][]node, runtime.GOMAXPROCS(0))
	)
	next.Store(int64(from))
	const chunk = 64
	for worker := range found {
		group.Go(func() {
			x := &walker{w: w, rows: map[power.Move]bool{}, at: map[string]int{}}
			for {
				first := int(next.Add(chunk)) - chunk
				if first >= end || w.enough() {
					break
				}
				for n := first; n < min(first+chunk, end); n++ {
					found[worker] = x.expand(int32(n), found[worker])
				}
			}
			w.mu.Lock()
			maps.Copy(w.rows, x.rows)
			for k, n := range x.at {
				w.at[k] += n
			}
			w.mu.Unlock()
		})
	}
	group.Wait()
	w.partial = float64(min(int(next.Load()), end)-from) / float64(end-from)
	w.nodes = append(w.nodes, slices.Concat(found...)...)
	return end
}

type walker struct {
	w      *walk
	rows   map[power.Move]bool
	at     map[string]int
	buffer []byte
	by     []uint16
}

// expand follows each edge out of a state.
func (x *walker) expand(n int32, found []node) []node {
	root, by := x.w.path(n, x.by)
	x.by = by
	h := x.w.roots[root].clone()
	for _, e := range by {
		edges[e].do(h)
	}
	h.taken = func(m power.Move) { x.rows[m] = true }
	for e := range edges {
		if !edges[e].can(h) {
			continue
		}
		c := h.clone()
		edges[e].do(c)
		x.w.steps.Add(1)
		var ok bool
		if c.wrong == "" {
			if x.buffer, ok = x.w.first(c, x.buffer); ok {
				c.durable()
			}
		}
		if c.wrong != "" {
			x.w.tell(root, append(slices.Clone(by), uint16(e)))
			continue
		}
		if ok {
			x.at[c.m.Position()]++
			found = append(found, node{n, uint16(e)})
		}
	}
	return found
}

// tell plays what went wrong again, with a transcript.
func (w *walk) tell(root int, by []uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.wrong) >= 10 {
		return
	}
	var log strings.Builder
	h := w.roots[root].clone()
	h.log = &log
	for _, e := range by {
		fmt.Fprintf(&log, "— %s\n", edges[e].name)
		edges[e].do(h)
	}
	if h.wrong == "" {
		h.durable()
	}
	kind := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, h.wrong)
	if !w.told[kind] {
		w.told[kind] = true
		w.wrong = append(w.wrong, fmt.Sprintf("%s: %s\n%s", w.names[root], h.wrong, log.String()))
	}
}

func TestNothingIsClaimedTooEarlyWhateverHappensFromAnyPosition(t *testing.T) {
	w := newWalk()
	begin, steps := time.Now(), int64(400_000/slower)
	w.enough = func() bool { return w.steps.Load() >= steps }
	if *walkTime > 0 {
		w.enough = func() bool { return time.Since(begin) > *walkTime || w.states.Load() > int64(*walkStates) }
	}
	w.run()
	for _, x := range w.wrong {
		t.Error(x)
	}
	taken := map[power.Move]bool{}
	for x := range table() {
		taken[x] = w.rows[x]
	}
	if *walkTime == 0 && !*walkReport {
		return
	}
	fmt.Printf("%d homes, %d roots, %d edges; %d states, %d transitions in %v; depths %v, of the last %.0f %%\n",
		len(homes), len(w.roots), len(edges), w.states.Load(), w.steps.Load(), time.Since(begin).Round(time.Second), w.layers, math.Floor(100*w.partial))
	for _, p := range positions() {
		fmt.Printf("%10d states in %s\n", w.at[p], p)
	}
	missing := 0
	for _, line := range slices.SortedFunc(maps.Keys(taken), func(a, b power.Move) int { return strings.Compare(a.From+a.Row+a.To, b.From+b.Row+b.To) }) {
		if !taken[line] {
			missing++
			fmt.Fprintf(os.Stdout, "not taken: %s | %s | %s\n", line.From, line.Row, line.To)
		}
	}
	fmt.Printf("%d of %d rows taken\n", len(taken)-missing, len(taken))
}
