package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is the one of this binary, as the Go tool wrote it down.
func version() string { return versionOf(debug.ReadBuildInfo()) }

// versionOf gives the module's version, else the revision it was built from, else
// dev.
func versionOf(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	built := map[string]string{}
	for _, s := range info.Settings {
		built[s.Key] = s.Value
	}
	revision := built["vcs.revision"]
	if revision == "" {
		return "dev"
	}
	revision = revision[:min(len(revision), 12)]
	if built["vcs.modified"] == "true" {
		revision += "-modified"
	}
	return revision
}

func versionLine() string {
	return fmt.Sprintf("hikbridge %s (%s, %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
