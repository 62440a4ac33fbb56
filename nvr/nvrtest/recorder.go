package nvrtest

import (
	"io"
	"log"
	"net/http"
	"sync"
	"time"
)

// Recorder is one simulated device. Make it with New or Replay, inside the
// synctest bubble it is to be used in. All methods are safe for concurrent use.
type Recorder struct {
	config Config
	traits traits
	zone   zone
	replay replay // documents, if they are recorded ones
	server http.Server
	line   *line // connections made by Dial
	done   chan struct{}

	mu       sync.Mutex
	closed   bool
	serving  sync.WaitGroup
	started  bool // the line is being served
	conns    map[deviceConn]struct{}
	cut      map[deviceConn]struct{} // ends of connections that were unplugged
	tls      *identity
	access   access
	contents contents
	power    power
	faults   []*armed
	streams  streams
	log      observed
}

// New makes a recorder. It has no goroutine until the first Dial or Serve.
func New(c Config) *Recorder {
	c = c.withDefaults()
	return newRecorder(c, replay{})
}

func newRecorder(c Config, documents replay) *Recorder {
	r := &Recorder{
		config: c, traits: traitsOf(c.Model), zone: parseZone(c.TimeZone), replay: documents,
		done:  make(chan struct{}),
		conns: map[deviceConn]struct{}{}, cut: map[deviceConn]struct{}{},
	}
	r.line = newLine(r.done)
	r.access = newAccess(c)
	r.contents = newContents(c, r.traits)
	r.power.booted = c.Now().Add(-earlierUptime)
	r.server = http.Server{
		Handler:     http.HandlerFunc(r.handle),
		IdleTimeout: keepAlive,
		ErrorLog:    log.New(io.Discard, "", 0),
	}
	return r
}

const (
	// earlierUptime is how long a new Recorder has been on.
	earlierUptime = 12*24*time.Hour + 34*time.Minute
	// keepAlive is how long devices keep an idle connection ("Keep-Alive:
	// timeout=60, max=99", NVR ERI-K104).
	keepAlive = 60 * time.Second
)

// Close ends all connections and waits until nothing of the recorder runs any
// more. Listeners given to Serve are closed.
func (r *Recorder) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.done)
	r.dropLaterLocked()
	r.dropStreamsLocked(false)
	open := r.takeConns(r.conns)
	open = append(open, r.takeConns(r.cut)...)
	r.mu.Unlock()
	for _, c := range open {
		c.reset()
	}
	err := r.server.Close()
	r.serving.Wait()
	return err
}

// takeConns empties a set; the caller holds mu.
func (r *Recorder) takeConns(set map[deviceConn]struct{}) []deviceConn {
	var all []deviceConn
	for c := range set {
		all = append(all, c)
	}
	clear(set)
	return all
}

// now is the moment of the world, not of the device's clock.
func (r *Recorder) now() time.Time { return r.config.Now() }
