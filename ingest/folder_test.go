package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAScanFindsEverythingOnceInAFolderOfAnySize(t *testing.T) {
	for _, n := range []int{0, 1, maxEntries - 1, maxEntries, maxEntries + 1, 2*maxEntries + 7} {
		dir := t.TempDir()
		want := make([]string, n)
		for i := range want {
			want[i] = fmt.Sprintf("%06d.json", i)
			if err := os.WriteFile(filepath.Join(dir, want[i]), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		found := []string{}
		src := source{dir, inboxPlace}
		err := src.scan(t.Context(), nil, func(f file) error {
			found = append(found, f.rel)
			return os.Remove(f.path) // as the daemon does while it scans
		}, stopAt)
		if err != nil {
			t.Fatal(err)
		}
		if n < maxEntries && !slices.IsSorted(found) {
			t.Errorf("%d files: not in the order of names", n)
		}
		slices.Sort(found)
		if !slices.Equal(found, want) {
			t.Errorf("found %d files of %d, or others", len(found), n)
		}
	}
}

func TestAFolderThatCannotBeReadIsSkippedOrTold(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	scan := func(root string) error {
		src := source{root, inboxPlace}
		return src.scan(context.Background(), nil, func(file) error { return nil }, stopAt)
	}
	for _, root := range []string{filepath.Join(dir, "gone"), filepath.Join(dir, "file")} {
		if err := scan(root); err == nil {
			t.Errorf("scan %s: no error", root)
		}
	}
}

// stopAt is the skip of a scan that must see everything.
func stopAt(_ string, err error) error { return err }
