//go:build unix

package main

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestAPipeWhereNobodyMayEverWriteIsRefusedAsASecretFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	judge(t, environ("HIKBRIDGE_NVR_PASSWORD=", "HIKBRIDGE_NVR_PASSWORD_FILE="+pipe),
		"HIKBRIDGE_NVR_PASSWORD_FILE: "+pipe+" isn't a file but a directory or a device")
}
