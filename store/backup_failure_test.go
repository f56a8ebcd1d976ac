package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestABackupThatFailsLeavesNothingButWhyAndTheNextOneRemovesThat(t *testing.T) {
	h := newBackupHome(t)
	good := h.backUp(t, backupNow)
	// A folder in the place of a file that is to be copied.
	month := filepath.Join(h.archive.folder, "2026-05.zst")
	if err := os.Rename(month, month+".aside"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(month, 0o755); err != nil {
		t.Fatal(err)
	}
	later := backupNow.Add(day)
	if _, err := h.store.Backup(t.Context(), h.backups, h.archive, later, nil); err == nil || !strings.Contains(err.Error(), "2026-05.zst") {
		t.Errorf("backup: %v", err)
	}
	f, failed := h.backups.Failure()
	if !failed || !f.At.Equal(later) || !strings.Contains(f.Error, "2026-05.zst") {
		t.Errorf("failure: %+v, %v", f, failed)
	}
	if diff := cmp.Diff([]string{".lock", good.Name}, names(t, string(h.backups))); diff != "" {
		t.Error(diff)
	}
	if err := errors.Join(os.Remove(month), os.Rename(month+".aside", month)); err != nil {
		t.Fatal(err)
	}
	mustBeIntact(t, h.backUp(t, later))
	if f, failed := h.backups.Failure(); failed {
		t.Errorf("after a success: %+v", f)
	}
	verified(t, h.store, h.archive)
}

// A database is worth a backup also when a month of its archive is damaged.
func TestADamagedArchiveIsBackedUpAsItIsAndToldOf(t *testing.T) {
	h := newBackupHome(t)
	flip(t, filepath.Join(h.archive.folder, "2026-05.zst"), 30)
	b := h.backUp(t, backupNow)
	if len(b.Problems) != 1 || b.Problems[0].Which != "2026-05.zst" {
		t.Errorf("problems: %v", b.Problems)
	}
	if f, failed := h.backups.Failure(); !failed || !strings.Contains(f.Error, "2026-05.zst") {
		t.Errorf("failure: %+v, %v", f, failed)
	}
	if problems, err := b.Verify(t.Context(), nil); err != nil || len(problems) != 1 {
		t.Errorf("verify: %v, %v", problems, err)
	}
	s, _ := restored(t, b)
	if diff := cmp.Diff(dumpAll(t, h.store), dumpAll(t, s)); diff != "" {
		t.Error(diff)
	}
	mustBeWell(t, s)
}

// VACUUM INTO copies damage along.
func TestACopyOfADamagedDatabaseIsNoBackup(t *testing.T) {
	h := newBackupHome(t)
	var page, size int64
	err := h.store.reader.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = 'idx_consensus_timestamp'").Scan(&page)
	if err == nil {
		err = h.store.reader.QueryRowContext(t.Context(), "PRAGMA page_size").Scan(&size)
	}
	if err := errors.Join(err, h.store.Close()); err != nil {
		t.Fatal(err)
	}
	h.store = open(t, h.store.target) // which looks for damage, so that it comes after that
	h.archive = h.store.Archive(h.archive.folder)
	file, err := os.OpenFile(h.store.target, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	// An empty leaf of an index: its kind, no free block, no cells, content at the end.
	_, err = file.WriteAt([]byte{10, 0, 0, 0, 0, byte(size >> 8), byte(size), 0}, (page-1)*size)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Backup(t.Context(), h.backups, h.archive, backupNow, nil); err == nil || !strings.Contains(err.Error(), "wrong # of entries") {
		t.Errorf("backup: %v", err)
	}
	if all, err := h.backups.List(); err != nil || len(all) > 0 {
		t.Error(all, err)
	}
}

func TestACopyIsComparedWithTheCountsBeforeAndAfter(t *testing.T) {
	before, after := counts{10, 20, 5}, counts{12, 25, 4}
	for is, want := range map[counts]bool{
		before: true, after: true, {11, 22, 5}: true,
		{9, 20, 5}: false, {13, 20, 5}: false, {10, 19, 5}: false, {10, 26, 5}: false, {10, 20, 6}: false, {10, 20, 3}: false,
	} {
		if got := is.between(before, after); got != want {
			t.Errorf("%v between %v and %v: %v", is, before, after, got)
		}
	}
}

// A log that is as long as all that is free, and holds nothing but zeros.
func TestABackupThatMightFillTheDiskIsNotBegun(t *testing.T) {
	h := newBackupHome(t)
	free, err := freeBytes(filepath.Dir(h.store.target))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Stat(h.store.target + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(h.store.target+"-wal", int64(free)); err != nil {
		t.Fatal(err)
	}
	var hinted *hintedError
	if _, err := h.store.Backup(t.Context(), h.backups, h.archive, backupNow, nil); !errors.As(err, &hinted) || !strings.Contains(err.Error(), "MB are free") {
		t.Errorf("backup: %v", err)
	}
	if _, failed := h.backups.Failure(); !failed {
		t.Error("nothing tells of it")
	}
	if err := os.Truncate(h.store.target+"-wal", log.Size()); err != nil {
		t.Fatal(err)
	}
	mustBeIntact(t, h.backUp(t, backupNow))
	verified(t, h.store, h.archive)
}
