//go:build process && linux

package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// netns is a network of its own, with one cable to this machine. With the cable
// out, who connects from here gets a time-out or "no route to host", never a
// reset: that would be a sign of life.
type netns struct {
	name, cable string
	address     string // in there
}

const (
	netnsDir    = "/run/netns"
	netnsPrefix = "hikbridge-home-" // then the process that made it, and an address
)

// laying is held while a cable is laid, so that no two get the same addresses.
var laying sync.Mutex

// newNetns makes a network with its cable in. The test is skipped where the kernel
// doesn't let it. It is removed at the test's end; what a run that was killed left
// is removed by the next one.
func newNetns(t *testing.T) *netns {
	t.Helper()
	ip, err := exec.LookPath("ip")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("network namespaces need root and ip (apt-get install iproute2)")
	}
	laying.Lock()
	defer laying.Unlock()
	removeLeftNetns()
	block := freeBlock(t)
	here := block.Addr().Next()
	there := here.Next()
	n := &netns{
		name: fmt.Sprintf("%s%d-%s", netnsPrefix, os.Getpid(), there), cable: fmt.Sprintf("hb%x", there.As4()),
		address: there.String(),
	}
	if out, err := exec.Command(ip, "netns", "add", n.name).CombinedOutput(); err != nil {
		t.Skipf("network namespaces aren't permitted here: %s", bytes.TrimSpace(out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", n.name).CombinedOutput(); err != nil {
			t.Errorf("remove namespace: %s", out)
		}
	})
	run := func(args ...string) {
		t.Helper()
		if err := command("ip", args...); err != nil {
			t.Fatal(err)
		}
	}
	run("link", "add", n.cable, "type", "veth", "peer", "name", "eth0", "netns", n.name)
	t.Cleanup(func() {
		if err := command("ip", "link", "del", n.cable); err != nil {
			t.Error(err)
		}
	})
	run("address", "add", here.String()+"/30", "dev", n.cable)
	run("link", "set", n.cable, "up")
	run("-n", n.name, "address", "add", n.address+"/30", "dev", "eth0")
	if err := n.plug(true); err != nil {
		t.Fatal(err)
	}
	return n
}

// plug puts the cable in or takes it out.
func (n *netns) plug(in bool) error {
	word := "down"
	if in {
		word = "up"
	}
	return command("ip", "-n", n.name, "link", "set", "eth0", word)
}

// setns is the number of the system call, which package syscall doesn't know.
var setns = map[string]uintptr{"amd64": 308, "arm64": 268}

// listen opens a port in there. The socket stays there whoever uses it, so the
// simulated recorder can run in the test.
func (n *netns) listen(t *testing.T, port int) net.Listener {
	t.Helper()
	number, ok := setns[runtime.GOARCH]
	if !ok {
		t.Skipf("setns isn't known on %s", runtime.GOARCH)
	}
	type opened struct {
		net.Listener
		error
	}
	done := make(chan opened)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		l, err := func() (net.Listener, error) {
			f, err := os.Open(filepath.Join(netnsDir, n.name))
			if err != nil {
				return nil, err
			}
			defer f.Close()
			if _, _, e := syscall.RawSyscall(number, f.Fd(), syscall.CLONE_NEWNET, 0); e != 0 {
				return nil, os.NewSyscallError("setns", e)
			}
			return net.Listen("tcp4", net.JoinHostPort(n.address, strconv.Itoa(port)))
		}()
		done <- opened{l, err}
	}()
	o := <-done
	if o.error != nil {
		t.Fatal(o.error)
	}
	return o.Listener
}

// freeBlock finds four addresses of those for documentation that no interface of
// this machine is near to.
func freeBlock(t *testing.T) netip.Prefix {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"192.0.2.0", "198.51.100.0", "203.0.113.0"} {
		bytes := netip.MustParseAddr(network).As4()
		for n := range 64 {
			bytes[3] = byte(4 * ((os.Getpid() + n) % 64)) // another run begins elsewhere
			block := netip.PrefixFrom(netip.AddrFrom4(bytes), 30)
			if !slices.ContainsFunc(all, func(a net.Addr) bool {
				p, err := netip.ParsePrefix(a.String())
				return err == nil && p.Overlaps(block)
			}) {
				return block
			}
		}
	}
	t.Fatal("no addresses for documentation are left")
	return netip.Prefix{}
}

// removeLeftNetns removes what processes left that are gone. Their cables go with
// them.
func removeLeftNetns() {
	entries, _ := os.ReadDir(netnsDir)
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), netnsPrefix)
		word, _, numbered := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(word)
		if ours && numbered && err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = command("ip", "netns", "del", e.Name())
		}
	}
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

func TestACableThatIsOutIsSilence(t *testing.T) {
	var name string
	t.Run("in, out and in again", func(t *testing.T) {
		n := newNetns(t)
		name = n.name
		n.listen(t, 80).Close()
		for _, in := range []bool{true, false, true} {
			if err := n.plug(in); err != nil {
				t.Fatal(err)
			}
			c, err := net.DialTimeout("tcp", n.address+":80", 10*time.Second)
			if err == nil {
				c.Close()
			}
			want := syscall.EHOSTUNREACH
			if in {
				want = syscall.ECONNREFUSED
			}
			if !errors.Is(err, want) {
				t.Errorf("cable in: %v, dial: %v", in, err)
			}
		}
	})
	if _, err := os.Stat(filepath.Join(netnsDir, name)); name != "" && err == nil {
		t.Errorf("%s is left", name)
	}
}
