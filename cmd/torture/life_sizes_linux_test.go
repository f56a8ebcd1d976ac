package torture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sizes tells what database and archive take, and what they are made of: neither
// may keep what has left it.
func (y *year) sizes() string {
	y.t.Helper()
	var active, archived int64
	var stats struct {
		Data []struct {
			Database int64 `json:"database_bytes"`
		}
	}
	var list struct {
		Data []struct {
			Content int64 `json:"content_bytes"`
		}
	}
	for command, into := range map[string]any{"stats --sizes": &stats, "archive list": &list} {
		if err := json.Unmarshal([]byte(y.run(append(strings.Fields(command), "--json")...)), into); err != nil {
			y.t.Fatalf("%s: %v", command, err)
		}
	}
	for _, s := range stats.Data {
		active += s.Database
	}
	for _, f := range list.Data {
		archived += f.Content
	}
	onDisk := func(pattern string) (bytes int64) {
		paths, err := filepath.Glob(filepath.Join(y.root, y.home, pattern))
		if err != nil || len(paths) == 0 {
			y.t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				y.t.Fatal(err)
			}
			bytes += info.Size()
		}
		return bytes
	}
	database, archive := onDisk("consensus.db*"), onDisk("archive/*.zst")
	const known = 4096 // of receipts and of where a run is, for each that ever was
	if most := 2*active + int64(len(y.runs))*known; database > most {
		y.t.Errorf("the database takes %d bytes for %d of answers and syntheses, want at most %d", database, active, most)
	}
	if archive > archived/2 {
		y.t.Errorf("the archive takes %d bytes for %d of answers and syntheses", archive, archived)
	}
	return fmt.Sprintf("%d KiB of database for %d of content, %d KiB of archive for %d of content", database>>10, active>>10, archive>>10, archived>>10)
}

// onSmallDisk puts the home on a disk of so many MiB, which only consensusd and
// the test see.
func (l *life) onSmallDisk(mib int) {
	l.t.Helper()
	disk := filepath.Join(l.t.TempDir(), "a small disk")
	must(l.t, os.Mkdir(disk, 0o755))
	space := newWorldSpace(l.t, `mount -t tmpfs -o "size=$2" tmpfs "$1"`, disk, fmt.Sprintf("%dm", mib))
	l.home, l.root, l.by = filepath.Join(disk, "my home"), space.root, append([]string{"nsenter"}, space.enter...)
}

// fill writes zeros to a file until its disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := bytes.Repeat([]byte{0}, 64<<10); ; {
		if _, err := f.Write(block); err != nil {
			break
		}
	}
	for _, err := f.Write([]byte{0}); err == nil; _, err = f.Write([]byte{0}) {
	}
}
