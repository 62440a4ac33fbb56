package nvr_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hikbridge/nvr"
	"hikbridge/nvr/nvrtest"
)

var allCrashes = flag.Bool("nvr.crashes", false, "whether processes are killed at both sides of each piece, and at all pairs of them")

var errKilled = errors.New("the process is killed")

// crashPoint is one of the pieces that a process writes to the network, from 1 on, and
// whether it is killed before that is sent or when the recorder has done what it asks
// for and the answer is lost. Zero is no crash.
type crashPoint struct {
	piece int
	after bool
}

// crashPoints are those of so many pieces, with none at the beginning. Before a piece
// the recorder is as it is behind the last one.
func crashPoints(pieces int) []crashPoint {
	all := []crashPoint{{}}
	for n := range pieces {
		if n == 0 || *allCrashes {
			all = append(all, crashPoint{n + 1, false})
		}
		all = append(all, crashPoint{n + 1, true})
	}
	return all
}

// fuse kills a process at a crashPoint.
type fuse struct {
	crashPoint
	dial   func(context.Context, string, string) (net.Conn, error)
	cancel context.CancelFunc // ends what the process does

	mu      sync.Mutex
	written int
	killed  bool
}

type fusedConn struct {
	net.Conn
	f *fuse
}

func (f *fuse) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if f.dead() {
		return nil, errKilled
	}
	conn, err := f.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return fusedConn{conn, f}, nil
}

func (f *fuse) dead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.killed
}

// next counts a piece and says whether it is the last.
func (f *fuse) next() (last, dead bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.killed {
		return false, true
	}
	f.written++
	f.killed = f.written == f.piece
	return f.killed, false
}

func (c fusedConn) Write(b []byte) (int, error) {
	last, dead := c.f.next()
	switch {
	case dead:
		return 0, errKilled
	case !last:
		return c.Conn.Write(b)
	case c.f.after:
		c.Conn.Write(b)
		synctest.Wait() // the recorder has done it and answered
	}
	c.f.cancel()
	return 0, errKilled
}

func (c fusedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.f.dead() {
		return 0, errKilled
	}
	return n, err
}

// pausing is a process that pauses notifications and puts them back, with a journal
// that outlasts it.
type pausing struct {
	r                 *nvrtest.Recorder
	dir               string
	original, written []byte // the journal; nil: nothing was changed
}

// run does something in a process of its own, which is killed at a piece of what it
// writes. It says how many pieces there were.
func (p *pausing) run(t *testing.T, at crashPoint, do func(context.Context, *nvr.Client) error) (int, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := &fuse{dial: p.r.Dial, crashPoint: at, cancel: cancel}
	c, err := nvr.New(nvr.Config{URL: "http://192.0.2.10", Username: "owner", Password: password, StateDir: p.dir, Dial: f.Dial})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = do(ctx, c)
	return f.written, err
}

func (p *pausing) pause(ctx context.Context, c *nvr.Client) error {
	n, err := c.Notifications(ctx)
	if err != nil {
		return err
	}
	silenced, changed, err := nvr.SilenceAll(n.Document)
	if err != nil || !changed {
		return err
	}
	p.original, p.written = n.Document, silenced
	_, err = c.SetNotifications(ctx, p.original, p.written)
	return err
}

func (p *pausing) resume(ctx context.Context, c *nvr.Client) error {
	if p.original == nil {
		return nil
	}
	_, err := c.RestoreNotifications(ctx, p.original, p.written)
	return err
}

// recover is what the next start does: put back until that is done, and once more a
// minute later.
func (p *pausing) recover(t *testing.T) {
	t.Helper()
	_, err := p.run(t, crashPoint{}, func(ctx context.Context, c *nvr.Client) error {
		began := time.Now()
		for done := 0; done < 2; time.Sleep(time.Minute) {
			err := p.resume(ctx, c)
			if err != nil && time.Since(began) > 6*time.Hour {
				return err
			}
			if done++; err != nil {
				done = 0
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("it can't be put back: %v", err)
	}
}

// crashed lets one process pause and another put back, each killed at a point, and
// says how many pieces they wrote. The next start leaves the recorder as it was found,
// to the byte.
func crashed(t *testing.T, config nvrtest.Config, between func(*nvrtest.Recorder), pause, resume crashPoint) (pauses, resumes int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := recorder(t, config)
		p := &pausing{r: r, dir: t.TempDir()}
		found := r.Notifications()
		pauses, _ = p.run(t, pause, p.pause)
		between(r)
		resumes, _ = p.run(t, resume, p.resume)
		p.recover(t)
		if now := r.Notifications(); !bytes.Equal(now, found) || t.Failed() {
			t.Fatalf("killed at %+v and %+v: it was\n%s\nand is\n%s", pause, resume, found, now)
		}
	})
	return pauses, resumes
}

// TestACrashLeavesNotificationsAsTheyWereFound kills the process that pauses, and the
// one that puts back, at each piece that they write.
func TestACrashLeavesNotificationsAsTheyWereFound(t *testing.T) {
	nothing := func(*nvrtest.Recorder) {}
	rows := map[string]nvrtest.Config{
		"many channels":                {Channels: 64, Notifications: nvrtest.Notifications{Extra: true}},
		"many channels, to the byte":   {Channels: 64, Notifications: nvrtest.Notifications{Extra: true, Verbatim: true}},
		"nonces that work once":        {NonceUses: 1},
		"nonces of one path":           {NonceBoundToPath: true},
		"a lock that counts every 401": {Lock: nvrtest.LockEvery},
	}
	for name, form := range forms {
		rows[name] = nvrtest.Config{Channels: 3, Notifications: form}
	}
	for name, config := range rows {
		config.Notifications.Supported, config.Notifications.Silenced = true, []int{2}
		t.Run(name, func(t *testing.T) {
			pauses, resumes := crashed(t, config, nothing, crashPoint{}, crashPoint{})
			if pauses < 5 || resumes < 2 {
				t.Fatalf("%d and %d pieces", pauses, resumes)
			}
			for _, at := range crashPoints(pauses) {
				crashed(t, config, nothing, at, crashPoint{})
			}
			for _, at := range crashPoints(resumes) {
				crashed(t, config, nothing, crashPoint{}, at)
			}
		})
	}
}

// TestTwoCrashesLeaveNotificationsAsTheyWereFound kills both, with a restart of the
// recorder, new firmware or nothing in between.
func TestTwoCrashesLeaveNotificationsAsTheyWereFound(t *testing.T) {
	for name, between := range map[string]func(*nvrtest.Recorder){
		"nothing": func(*nvrtest.Recorder) {},
		"a restart": func(r *nvrtest.Recorder) {
			r.RebootWith(nvrtest.Boot{Down: 40 * time.Second, Errors: 15 * time.Second})
		},
		"new firmware": func(r *nvrtest.Recorder) { r.SetFirmware("V4.70.000") },
		"an odd start": func(r *nvrtest.Recorder) {
			r.Fail(nvrtest.Fault{Path: "System/status/disturbParams", Answers: nvrtest.Granted, Status: 404, Times: 2})
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := nvrtest.Config{Channels: 3, Notifications: nvrtest.Notifications{Supported: true, Silenced: []int{2}, Verbatim: true}}
			pauses, resumes := crashed(t, config, func(*nvrtest.Recorder) {}, crashPoint{}, crashPoint{})
			for i, pause := range crashPoints(pauses) {
				for j, resume := range crashPoints(resumes) {
					if (i+j)%2 == 0 || *allCrashes {
						crashed(t, config, between, pause, resume)
					}
				}
			}
		})
	}
}
