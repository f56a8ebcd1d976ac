package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// backupNow is when the sample backups are made.
var backupNow = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// A backupHome is a store with runs in the tables and in its archive, and a
// folder for backups.
type backupHome struct {
	store   *Store
	archive *Archive
	backups Backups
}

func newBackupHome(t *testing.T) backupHome {
	t.Helper()
	s := open(t, newFile(t))
	folder := filepath.Dir(s.target)
	h := backupHome{s, s.Archive(filepath.Join(folder, "archive")), Backups(filepath.Join(folder, "backups"))}
	for n, age := range []time.Duration{200 * day, 70 * day, 40 * day, 3 * day, day} {
		mustRecord(t, s, aged(n, "S"+string(rune('A'+n)), backupNow, age))
	}
	for range 2 { // the second deletes the oldest
		cleaned(t, h.archive, backupNow)
	}
	return h
}

func (h backupHome) backUp(t *testing.T, at time.Time) Backup {
	t.Helper()
	b, err := h.store.Backup(t.Context(), h.backups, h.archive, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// names lists what is in a folder, nothing when it is not there.
func names(t *testing.T, folder string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func mustBeIntact(t *testing.T, b Backup) {
	t.Helper()
	if problems, err := b.Verify(t.Context(), nil); err != nil || len(problems) > 0 {
		t.Errorf("verify backup %s: %v, %v", b.Name, problems, err)
	}
}

// restored restores a backup into a new home.
func restored(t *testing.T, b Backup) (*Store, *Archive) {
	t.Helper()
	path := newFile(t)
	folder := filepath.Join(filepath.Dir(path), "archive")
	r, err := b.Restore(t.Context(), path, folder, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Put(t.Context(), backupNow); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	return s, s.Archive(folder)
}

// dumpAll is dump, and what retention has of its own.
func dumpAll(t *testing.T, s *Store) []string {
	t.Helper()
	lines := dump(t, s)
	lines = append(lines, rows(t.Context(), t, s.reader, "SELECT * FROM archived_runs ORDER BY run_id", "archived_runs:")...)
	return append(lines, rows(t.Context(), t, s.reader, "SELECT * FROM pinned_runs ORDER BY run_id", "pinned_runs:")...)
}

func TestABackupIsRestoredEqualToTheByte(t *testing.T) {
	h := newBackupHome(t)
	if _, err := h.store.Pin(t.Context(), aged(3, "SD", backupNow, 3*day).Run.RunID, backupNow); err != nil {
		t.Fatal(err)
	}
	var progress [][2]int64
	b, err := h.store.Backup(t.Context(), h.backups, h.archive, backupNow.Add(time.Millisecond), func(done, all int64) { progress = append(progress, [2]int64{done, all}) })
	if err != nil {
		t.Fatal(err)
	}
	if n := len(progress); n == 0 || progress[n-1][0] != progress[n-1][1] {
		t.Errorf("progress: %v", progress)
	}
	if b.Name != "20260615T120000Z" || b.Runs != 2 || b.Receipts != 10 || b.ArchivedRuns != 2 || len(b.Problems) > 0 {
		t.Errorf("%+v", b)
	}
	var files []string
	for _, f := range b.Archives {
		files = append(files, f.File)
	}
	if diff := cmp.Diff([]string{"2026-04.zst", "2026-05.zst", "deleted.jsonl"}, files); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{".lock", b.Name}, names(t, string(h.backups))); diff != "" {
		t.Error(diff)
	}
	mustBeIntact(t, b)
	want := dumpAll(t, h.store)
	mustRecord(t, h.store, aged(5, "LATER", backupNow, time.Hour))

	s, a := restored(t, b)
	if diff := cmp.Diff(want, dumpAll(t, s)); diff != "" {
		t.Errorf("rows (-backed up +restored):\n%s", diff)
	}
	for _, of := range []struct{ pragma, want string }{{"auto_vacuum", "2"}, {"journal_mode", `"wal"`}} {
		if got := rows(t.Context(), t, s.reader, "PRAGMA "+of.pragma, ""); len(got) != 1 || !strings.HasSuffix(got[0], "="+of.want) {
			t.Errorf("%s is %v, not %s", of.pragma, got, of.want)
		}
	}
	for _, n := range []int{1, 2} {
		age := []time.Duration{0, 70 * day, 40 * day}[n]
		want := aged(n, "S"+string(rune('A'+n)), backupNow, age)
		if got, err := a.Whole(t.Context(), want.Run.RunID); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("archived run %d: %v\n%s", n, err, cmp.Diff(want, got))
		}
	}
	verified(t, s, a)
	verified(t, h.store, h.archive)
}

func TestABackupIsAsPrivateAsTheDatabase(t *testing.T) {
	h := newBackupHome(t)
	if err := os.Chmod(h.store.target, 0o600); err != nil {
		t.Fatal(err)
	}
	b := h.backUp(t, backupNow)
	path := newFile(t)
	r, err := b.Restore(t.Context(), path, filepath.Join(filepath.Dir(path), "archive"), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, path := range []string{filepath.Join(b.Path, "consensus.db"), r.tempDatabase} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// otherFileSystem returns a folder where a file of folder can have no other name.
func otherFileSystem(t *testing.T, folder string) string {
	t.Helper()
	from := filepath.Join(folder, "link me")
	if err := os.WriteFile(from, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, parent := range []string{"/dev/shm", "/var/tmp", "/tmp", os.Getenv("HOME"), "."} {
		other, err := os.MkdirTemp(parent, "consensusd-backups-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.RemoveAll(other) })
		if os.Link(from, filepath.Join(other, "linked")) != nil {
			return other
		}
	}
	t.Fatal("this test needs two file systems: /dev/shm is mostly one of its own")
	return ""
}

func TestTheArchiveIsLinkedIntoABackupOrCopied(t *testing.T) {
	h := newBackupHome(t)
	same := func(b Backup, name string) bool {
		one, err := os.Stat(filepath.Join(h.archive.folder, name))
		two, err2 := os.Stat(filepath.Join(b.Path, "archive", name))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return os.SameFile(one, two)
	}
	linked := h.backUp(t, backupNow)
	if !same(linked, "2026-05.zst") || same(linked, "deleted.jsonl") {
		t.Error("what never changes should be linked, and what is written to copied")
	}
	there := h
	there.backups = Backups(filepath.Join(otherFileSystem(t, filepath.Dir(h.store.target)), "a folder"))
	copied := there.backUp(t, backupNow)
	if same(copied, "2026-05.zst") {
		t.Error("on another file system it is the same file")
	}
	if diff := cmp.Diff(linked.Archives, copied.Archives); diff != "" {
		t.Error(diff)
	}
	mustBeIntact(t, copied)
	cleaned(t, h.archive, backupNow.Add(100*day)) // deletes files of the archive, and writes others
	mustBeIntact(t, linked)
	s, a := restored(t, linked)
	verified(t, s, a)
}

func TestABackupWaitsForACleanupAndForNoOtherBackup(t *testing.T) {
	h := newBackupHome(t)
	left := filepath.Join(string(h.backups), ".20260101T000000Z.tmp", "archive")
	if err := os.MkdirAll(left, 0o755); err != nil { // by one that was killed
		t.Fatal(err)
	}
	release, err := h.archive.lock()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	begin := func(ctx context.Context) {
		go func() {
			_, err := h.store.Backup(ctx, h.backups, h.archive, backupNow, nil)
			done <- err
		}()
		for deadline := time.Now().Add(time.Minute); !slices.Contains(names(t, string(h.backups)), ".20260615T120000Z.tmp"); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it does not begin")
			}
		}
	}
	begin(ctx)
	if _, err := h.store.Backup(t.Context(), h.backups, h.archive, backupNow, nil); !errors.Is(err, ErrBackingUp) {
		t.Errorf("a second one: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if diff := cmp.Diff([]string{".lock"}, names(t, string(h.backups))); diff != "" {
		t.Errorf("stopped, it leaves something:\n%s", diff)
	}
	if f, failed := h.backups.Failure(); failed {
		t.Errorf("stopped, it notes a failure: %+v", f)
	}
	begin(t.Context())
	mustRecord(t, h.store, aged(7, "OLD", backupNow, 35*day))
	c := &cleaning{archive: h.archive, store: h.store, plan: planned(t, h.archive, backupNow)} // it is what holds the lock
	if err := errors.Join(c.run(t.Context()), release()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	all, err := h.backups.List()
	if err != nil || len(all) != 1 || all[0].ArchivedRuns != 3 {
		t.Fatal(all, err)
	}
	mustBeIntact(t, all[0])
}

func TestABackupThatIsStoppedMidwayLeavesNothing(t *testing.T) {
	h := newBackupHome(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	_, err := h.store.Backup(ctx, h.backups, h.archive, backupNow, func(int64, int64) { stop() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if diff := cmp.Diff([]string{".lock"}, names(t, string(h.backups))); diff != "" {
		t.Error(diff)
	}
	mustBeIntact(t, h.backUp(t, backupNow))
}
