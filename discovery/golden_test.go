package discovery_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"hikbridge/discovery"
)

var update = flag.Bool("update", false, "write the golden documents")

// scenarios are all documents that have a golden file, in publishing order.
func scenarios() map[string][]discovery.Document {
	other := discovery.Bridge{Topic: "home/cctv", Prefix: "ha/discovery", Version: "0.1.0"}
	all := map[string][]discovery.Document{
		"bridge":       {theBridge().Document()},
		"other-bridge": append([]discovery.Document{other.Document()}, other.RecorderDocuments(lenses())...),
	}
	for name, r := range recorders() {
		all[name] = theBridge().RecorderDocuments(r)
	}
	return all
}

// TestGolden compares each document with its golden file, where it is indented
// for reading, and asks the checker.
func TestGolden(t *testing.T) {
	for name, docs := range scenarios() {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			for _, d := range docs {
				fmt.Fprintln(&got, d.Topic)
				if err := json.Indent(&got, d.Payload, "", "  "); err != nil {
					t.Fatalf("%s: %v", d.Topic, err)
				}
				got.WriteString("\n\n")
				for _, p := range discovery.Check(d.Topic, d.Payload) {
					t.Errorf("%s: %v", d.Topic, p)
				}
			}
			compare(t, filepath.Join("testdata", name+".golden"), got.Bytes())
		})
	}
}

func compare(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it with: go test ./discovery -update && git diff discovery/testdata", path)
	}
}

// TestGoldenFilesAreUsed finds files that no scenario writes any more.
func TestGoldenFilesAreUsed(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	all := scenarios()
	for _, f := range files {
		name := filepath.Base(f[:len(f)-len(".golden")])
		if _, ok := all[name]; !ok {
			t.Errorf("%s belongs to no scenario", f)
		}
	}
}
