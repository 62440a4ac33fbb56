package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hikbridge/bridge"
)

const maxFile = 64 << 10 // bytes

// secret reads a password or its file; given is false if neither is set. What is
// wrong with it is said already when it is given.
func (r *reader) secret(prefix string, password bridge.Secret, path string) (_ bridge.Secret, given bool) {
	variable := prefix + "PASSWORD"
	text := password.Reveal()
	switch {
	case text == "" && path == "":
		return "", false
	case text != "" && path != "":
		r.wrong(variable, "and %s_FILE are both set; keep one", variable)
		return "", true
	case path != "":
		variable += "_FILE"
		content, ok := r.file(variable, path)
		if !ok {
			return "", true
		}
		text = withoutLastBreak(string(content))
	}
	switch {
	case text == "":
		r.wrong(variable, "names a file that holds nothing but a line break; write the password into it")
	case strings.ContainsAny(text, "\r\n\x00"):
		r.wrong(variable, "holds more than one line, which no password does; leave only the password")
	}
	return bridge.Secret(text), true
}

func withoutLastBreak(s string) string {
	if rest, ok := strings.CutSuffix(s, "\r\n"); ok {
		return rest
	}
	return strings.TrimSuffix(s, "\n")
}

// file reads the file that a variable names; ok is false if none is named or it
// can't be read, which is said then.
func (r *reader) file(variable, path string) (content []byte, ok bool) {
	if path == "" || r.garbled[variable] {
		return nil, false
	}
	content, err := readFile(path)
	if err == nil {
		return content, true
	}
	// A path that isn't one by its look could be the password itself.
	if !filepath.IsAbs(path) {
		r.wrong(variable, "%v; write the file's path in full, beginning with / (it isn't shown, as it could be the secret itself)", err)
		return nil, false
	}
	r.wrong(variable, "%s %v", path, err)
	return nil, false
}

// readFile reads a small file. Its errors don't hold the path. It never blocks,
// as reading a pipe would.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, readError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("isn't a file but a directory or a device")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, readError(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, readError(err)
	case len(content) > maxFile:
		return nil, fmt.Errorf("is larger than %d KiB, so it is the wrong file", maxFile>>10)
	case len(content) == 0:
		return nil, errors.New("is empty")
	}
	return content, nil
}

func readError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("doesn't exist")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("can't be read by the user that runs hikbridge: permission denied")
	}
	return fmt.Errorf("can't be read: %w", reason(err))
}

// reason is what the system said, without the path.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
