package ingest_test

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/consensusd/consensusd/ingest"
)

// trees are folders of evidence: our own, and real ones where they are at hand.
func trees(t *testing.T) map[string]string {
	t.Helper()
	trees := map[string]string{"fixtures": unpack(t, "testdata/evidence.txtar")}
	if real := "../../shared/evidence"; isDir(real) {
		trees["real"] = real
	}
	return trees
}

// unpack lays out the files of an archive in a folder of the test's.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// treeFiles maps the path of every file below dir to its text.
func treeFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestATreeReadTwiceIsRecordedOnceAndNotTouched(t *testing.T) {
	for name, dir := range trees(t) {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			before := treeFiles(t, dir)
			first, _ := h.ingest(ingest.Options{}, dir)
			once := h.dump()
			second, events := h.ingest(ingest.Options{}, dir)
			if first.Recorded == 0 || first.Rejected != 1 || first.Pending != 0 {
				t.Errorf("first pass: %+v", first)
			}
			want := ingest.Counts{Duplicate: second.Duplicate, Rejected: 1, Ignored: first.Ignored}
			if second != want || second.Duplicate == 0 {
				t.Errorf("second pass: %+v, want duplicates alone; %v", second, outcomes(events))
			}
			if diff := cmp.Diff(once, h.dump()); diff != "" {
				t.Errorf("second pass changed the database:\n%s", diff)
			}
			if diff := cmp.Diff(before, treeFiles(t, dir)); diff != "" {
				t.Errorf("the tree was touched:\n%s", diff)
			}
			h.verify()
		})
	}
}

func TestFilesDroppedInAnyOrderMakeTheSameDatabase(t *testing.T) {
	for name, dir := range trees(t) {
		t.Run(name, func(t *testing.T) {
			all := newHouse(t)
			all.ingest(ingest.Options{}, dir)
			want := all.dump()
			for seed := range uint64(4) {
				h := newHouse(t)
				dropAtRandom(t, h, treeFiles(t, dir), seed)
				if diff := cmp.Diff(want, h.dump()); diff != "" {
					t.Errorf("seed %d:\n%s", seed, diff)
				}
				h.verify()
			}
		})
	}
}

// dropAtRandom copies files one by one into the inbox of a running daemon, and
// waits until it has recorded or refused each.
func dropAtRandom(t *testing.T, h house, files map[string]string, seed uint64) {
	t.Helper()
	d := h.watch(ingest.Options{AssembleTimeout: 300 * time.Millisecond, Rescan: 50 * time.Millisecond})
	names := sortedKeys(files)
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	wait := 0
	for _, name := range names {
		h.drop(name, files[name])
		if ext := filepath.Ext(name); ext == ".json" || ext == ".jsonl" {
			wait++
		}
	}
	for wait > 0 {
		e := d.await(t, "the fate of a file", func(e ingest.Event) bool { return e.Outcome != "ignored" })
		wait -= len(e.Files)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	for _, left := range h.files(h.Inbox()) {
		if strings.HasSuffix(left, ".json") || strings.HasSuffix(left, ".jsonl") {
			t.Errorf("%s is still in the inbox", left)
		}
	}
}
