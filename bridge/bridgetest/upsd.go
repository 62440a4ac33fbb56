//go:build process

package bridgetest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// ErrNoUpsd says that NUT isn't installed.
var ErrNoUpsd = errors.New("no upsd: install the distribution's nut-server package to run this test")

// Names of NUT's programs.
const (
	UpsdServer = "upsd"
	UpsdDriver = "dummy-ups"
)

// Upsd is a real NUT server with a UPS called ups of NUT's dummy driver, as processes
// of this machine. Its user bridge may give all commands, poor may give none. It is
// used by one goroutine, but for Log.
type Upsd struct {
	Address string // host and port
	Dir     string // of all its files
	bin     string // where NUT's programs are
	running map[string]*exec.Cmd
	log     upsdLog
}

// upsdLog is what all its processes wrote.
type upsdLog struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *upsdLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

// NewUpsd starts a server without its driver; password is that of the user bridge. Its
// error is ErrNoUpsd where NUT isn't installed.
func NewUpsd(password string) (*Upsd, error) {
	bin, err := findUpsd()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_ = l.Close()
	// Not a test's own directory: the path of a socket may have about 100 bytes.
	dir, err := os.MkdirTemp("", "nut")
	if err != nil {
		return nil, err
	}
	u := &Upsd{Address: address, Dir: dir, bin: bin, running: map[string]*exec.Cmd{}}
	password = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "#", `\#`).Replace(password)
	err = errors.Join(
		u.write("ups.conf", "maxretry = 1", "pollinterval = 1", "[ups]", "driver = "+UpsdDriver, "mode = dummy-loop", "port = "+filepath.Join(dir, "ups.seq")),
		u.write("upsd.conf", "LISTEN 127.0.0.1 "+port, "STATEPATH "+dir, "MAXAGE 3"),
		u.write("upsd.users", "[bridge]", `password = "`+password+`"`, "instcmds = ALL", "[poor]", "password = poor"),
		u.Status("OL", "battery.charge: 88", "battery.runtime: 0777"),
		u.Run(UpsdServer))
	if err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

// findUpsd looks where distributions have NUT's programs. Not in PATH: there Debian has
// a script that asks /etc/nut whether it may run.
func findUpsd() (string, error) {
	for _, dir := range []string{"/lib/nut", "/usr/lib/nut", "/usr/libexec/nut"} {
		if _, err := exec.LookPath(filepath.Join(dir, UpsdServer)); err == nil {
			return dir, nil
		}
	}
	return "", ErrNoUpsd
}

// Close ends all its processes and removes its files.
func (u *Upsd) Close() {
	for program := range u.running {
		u.Kill(program)
	}
	_ = os.RemoveAll(u.Dir)
}

// write replaces a file at once, so that nobody reads half of it.
func (u *Upsd) write(name string, lines ...string) error {
	file := filepath.Join(u.Dir, name)
	if err := os.WriteFile(file+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// Status lets the dummy UPS say these words, and other variables in lines like
// "battery.charge: 88", from its next look at its file on: in a second or two.
func (u *Upsd) Status(words string, variables ...string) error {
	return u.write("ups.seq", append([]string{"ups.status: " + words}, variables...)...)
}

// Run starts one of NUT's programs.
func (u *Upsd) Run(program string) error {
	args := []string{"-F"}
	if program == UpsdDriver {
		args = append(args, "-a", "ups")
	}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "root") // instead of a user who doesn't own the directory
	}
	cmd := exec.Command(filepath.Join(u.bin, program), args...)
	cmd.Env = append(os.Environ(), "NUT_CONFPATH="+u.Dir, "NUT_STATEPATH="+u.Dir, "NUT_ALTPIDPATH="+u.Dir)
	cmd.Stdout, cmd.Stderr = &u.log, &u.log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	u.running[program] = cmd
	return nil
}

// Kill ends a program that runs, without giving it time.
func (u *Upsd) Kill(program string) {
	_ = u.running[program].Process.Kill()
	_ = u.running[program].Wait()
	delete(u.running, program)
}

// Signal sends a program that runs a signal.
func (u *Upsd) Signal(program string, s os.Signal) error {
	return u.running[program].Process.Signal(s)
}

// Log is what its programs wrote.
func (u *Upsd) Log() string {
	u.log.mu.Lock()
	defer u.log.mu.Unlock()
	return u.log.all.String()
}
