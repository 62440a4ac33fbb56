//go:build unix

package bridge

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockStateDir takes the directory for this process until the returned function
// is called; the kernel gives it back when the process dies. ErrInUse says that
// another process has it.
func lockStateDir(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w (%s)", ErrInUse, dir)
	}
	return func() { f.Close() }, nil
}
