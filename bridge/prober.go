package bridge

import (
	"context"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"hikbridge/bridge/power"
	"hikbridge/nvr"
)

const (
	probeEvery   = 2 * time.Second
	resolveEvery = time.Minute
	// httpStable is how long something must have answered by HTTP until it is
	// signed in to: a booting recorder rejects everybody and loses answers.
	httpStable = 20 * time.Second
	// goesDownIn is how long a recorder that was asked to shut down isn't signed in
	// to: longer than most need, and in time for its uptime 90 s after the request.
	goesDownIn = time.Minute
)

// host is where silence is judged: the numeric address that answered the last
// request that was signed in, also before a restart of this program, unless another
// one is configured since. Without one no silence is seen.
func (k *keeper) host() string {
	if host := k.client.Address(); host != "" {
		return host
	}
	if u, err := url.Parse(k.cfg.URL); err == nil {
		if _, err := netip.ParseAddr(u.Hostname()); err == nil {
			return u.Hostname()
		}
	}
	return k.machine.Memory().Seq.Before.Address
}

// probe looks at the recorder, and at the witness, until ctx is done. Nothing of it
// needs credentials.
func (k *keeper) probe(ctx context.Context, host string) {
	var lookups sync.WaitGroup
	defer lookups.Wait()
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	elsewhere := make(chan string, 1) // what a lookup found: there is one at a time
	resolved, resolving, also := time.Now(), false, ""
	if k.client.Address() == "" {
		resolved = time.Time{} // where it was before a restart of this program it needn't be now
	}
	for {
		if signedIn := k.client.Address(); signedIn != "" {
			host = signedIn // that was life, so silence begins anew
		}
		var looks sync.WaitGroup
		looks.Go(func() { k.lookAt(ctx, host, also) })
		looks.Go(func() { k.lookAtWitness(ctx) })
		if now := time.Now(); k.resolve.Load() && !resolving && now.Sub(resolved) >= resolveEvery {
			resolved, resolving = now, true
			from, before := host, also
			lookups.Go(func() { elsewhere <- k.lookElsewhere(ctx, from, before) }) // a name server may take long
		}
		looks.Wait()
		select {
		case <-ctx.Done():
			return
		case also = <-elsewhere:
			resolving = false
		case <-ticker.C:
		}
	}
}

// lookAt probes an address. Silence counts from the beginning of the look, life
// from its end; but the gate is lowered at its first sign. Another address of the
// recorder, if there is one, can only add life.
func (k *keeper) lookAt(ctx context.Context, host, also string) {
	e := power.Probe{At: k.now(), Sight: power.Uncertain}
	var there nvr.Probe
	var other sync.WaitGroup
	if also != "" && also != host {
		other.Go(func() { there = k.client.Probe(ctx, also, k.gate.lower) })
	}
	if host != "" {
		seen := k.client.Probe(ctx, host, k.gate.lower)
		e.Sight, e.HTTP = sightOf(seen.Sight), seen.HTTP
	}
	other.Wait()
	if there.Sight == nvr.SightAlive {
		e.Sight, e.HTTP = power.Alive, e.HTTP || there.HTTP
	}
	if e.Sight == power.Alive {
		e.At = k.now()
	}
	if ctx.Err() == nil || e.Sight == power.Alive {
		k.observe(e)
	}
}

func sightOf(s nvr.Sight) power.Sight {
	switch s {
	case nvr.SightAlive:
		return power.Alive
	case nvr.SightSilent:
		return power.Silent
	case nvr.SightUncertain:
	}
	return power.Uncertain
}

// lookElsewhere looks the recorder's name up: it may have another address now. It
// gives one where something lives, "" if there is none, and what it was before if
// the lookup failed. Only life is learned there.
func (k *keeper) lookElsewhere(ctx context.Context, host, before string) string {
	hosts, err := k.client.Resolve(ctx)
	if err != nil {
		return before
	}
	for _, other := range hosts {
		if other == host {
			continue
		}
		if seen := k.client.Probe(ctx, other, k.gate.lower); seen.Sight == nvr.SightAlive {
			k.observe(power.Probe{At: k.now(), Sight: power.Alive, HTTP: seen.HTTP})
			return other
		}
	}
	return ""
}

func (k *keeper) lookAtWitness(ctx context.Context) {
	if k.cfg.Power.Witness == "" {
		return
	}
	at := k.now()
	if nvr.ProbeHost(ctx, k.cfg.Dial, k.cfg.Power.Witness) == nvr.SightAlive {
		k.observe(power.Witnessed{At: at})
	}
}

// sighting is what the keeper remembers of probes and readings beside the machine.
type sighting struct {
	last  power.Probe
	http  time.Time // since when something answers by HTTP; zero: nothing does
	watt  float64
	read  time.Time // when the meter was read
	heard time.Time // when the plug told anything
}

func (s *sighting) add(p power.Probe, now time.Time) {
	s.last = p
	switch {
	case !p.HTTP:
		s.http = time.Time{}
	case s.http.IsZero():
		s.http = now
	}
}

// stable says that something has answered by HTTP for long enough.
func (s *sighting) stable(now time.Time) bool {
	return !s.http.IsZero() && now.Sub(s.http) >= httpStable
}

// watts are what the meter read, unless that is old.
func (s *sighting) watts(now time.Time) (float64, bool) {
	return s.watt, !s.read.IsZero() && now.Sub(s.read) <= 20*time.Second
}
