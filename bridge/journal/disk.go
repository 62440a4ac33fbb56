package journal

import (
	"fmt"
	"io"
	"os"
	"runtime"
)

// storage is what a Log asks of the operating system. What is written is durable
// after Sync of the file, what is created or renamed after SyncDir; before that
// a crash may show anything between the old and the new.
type storage interface {
	OpenFile(name string, flag int) (file, error)
	Rename(from, to string) error // instead of what to names, at once
	Remove(name string) error
	SyncDir(dir string) error
}

type file interface {
	io.ReadWriteCloser
	Sync() error
}

// disk is the operating system's storage. Files are for their owner alone.
type disk struct{}

func (disk) OpenFile(name string, flag int) (file, error) { return os.OpenFile(name, flag, 0o600) }
func (disk) Rename(from, to string) error                 { return os.Rename(from, to) }
func (disk) Remove(name string) error                     { return os.Remove(name) }

func (disk) SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // there a directory can't be synced
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// readFile reads a journal as far as one can be.
func readFile(on storage, path string) ([]byte, error) {
	f, err := on.OpenFile(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(content) > MaxFile {
		err = fmt.Errorf("%s has more than %d MiB and is no journal: move it away", path, MaxFile>>20)
	}
	return content, err
}

// writeSync makes what it writes durable, and closes the file.
func writeSync(f file, b []byte) error {
	defer f.Close() // what is synced is there, whatever it says
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Sync()
}
