//go:build !unix

package bridge

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockStateDir takes the directory for this process until the returned function
// is called. ErrInUse says that another process has it: where there is no flock,
// an open file can't be removed while it is in use.
func lockStateDir(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, lockFile)
	os.Remove(path)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", ErrInUse, dir)
	}
	return func() { f.Close(); os.Remove(path) }, nil
}
