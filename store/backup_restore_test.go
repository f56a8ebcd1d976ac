package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// killedHome is a home as a kill leaves it: what was committed is in the log.
func killedHome(t *testing.T) (database, archive string, want []string) {
	t.Helper()
	h := newBackupHome(t)
	mustRecord(t, h.store, aged(6, "IN THE LOG", backupNow, time.Hour))
	want = dumpAll(t, h.store)
	folder := t.TempDir()
	database = filepath.Join(folder, "consensus.db")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		cp(t, h.store.target+suffix, database+suffix)
	}
	cp(t, h.archive.folder, filepath.Join(folder, "archive"))
	if info, err := os.Stat(database + "-wal"); err != nil || info.Size() == 0 {
		t.Fatal("nothing is in the log", err)
	}
	return database, filepath.Join(folder, "archive"), want
}

func TestARestoreKeepsWhatWasThere(t *testing.T) {
	other := newBackupHome(t)
	b := other.backUp(t, backupNow)
	database, archive, was := killedHome(t)
	if _, err := b.Restore(t.Context(), database, archive, false, nil); !errors.Is(err, ErrOccupied) {
		t.Errorf("without replace: %v", err)
	}
	r, err := b.Restore(t.Context(), database, archive, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	done, err := r.Put(t.Context(), backupNow)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	kept := []string{database + ".before-20260615T120000Z", archive + ".before-20260615T120000Z"}
	if diff := cmp.Diff(kept, done.Kept); diff != "" || done.Runs != 2 || done.Archived != 2 {
		t.Errorf("%+v\n%s", done, diff)
	}
	want := []string{"archive", "archive.before-20260615T120000Z", "consensus.db", "consensus.db.before-20260615T120000Z",
		"consensus.db.before-20260615T120000Z-shm", "consensus.db.before-20260615T120000Z-wal"}
	if diff := cmp.Diff(want, names(t, filepath.Dir(database))); diff != "" {
		t.Error(diff)
	}
	s := open(t, database)
	if diff := cmp.Diff(dumpAll(t, other.store), dumpAll(t, s)); diff != "" {
		t.Errorf("restored:\n%s", diff)
	}
	verified(t, s, s.Archive(archive))
	old := open(t, kept[0])
	if diff := cmp.Diff(was, dumpAll(t, old)); diff != "" {
		t.Errorf("kept:\n%s", diff)
	}
	verified(t, old, old.Archive(kept[1]))
}

// A restore that is killed midway is completed by another one, and what was there
// is kept all the same.
func TestAnInterruptedRestoreIsCompletedByTheNext(t *testing.T) {
	other := newBackupHome(t)
	b := other.backUp(t, backupNow)
	for name, part := range map[string]func(*Restoring) error{
		"before anything is moved": func(*Restoring) error { return nil },
		"with the database aside":  func(r *Restoring) error { return setAsideDatabase(r.database, r.database+".before-20260615T120000Z") },
		"with everything aside": func(r *Restoring) error {
			_, err := r.setAside(backupNow)
			return err
		},
		"with the archive restored": func(r *Restoring) error {
			_, err := r.setAside(backupNow)
			return errors.Join(err, os.Rename(r.tempArchive, r.archive))
		},
	} {
		t.Run(name, func(t *testing.T) {
			database, archive, was := killedHome(t)
			r, err := b.Restore(t.Context(), database, archive, true, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := part(r); err != nil {
				t.Fatal(err)
			}
			refused := func() {
				t.Helper()
				var hinted *hintedError
				s, err := Open(t.Context(), database)
				if !errors.As(err, &hinted) || !strings.Contains(err.Error(), "a restore to it was interrupted") {
					t.Fatalf("a database is begun: %v", err)
				}
				if s != nil {
					s.Close()
				}
			}
			if name != "before anything is moved" {
				refused()
				damaged := other.backUp(t, backupNow)
				flip(t, filepath.Join(damaged.Path, "consensus.db"), 5000)
				if _, err := damaged.Restore(t.Context(), database, archive, true, nil); err == nil {
					t.Fatal("a damaged backup is restored")
				}
				refused()
			}
			if r, err = b.Restore(t.Context(), database, archive, true, nil); err != nil {
				t.Fatal(err)
			}
			done, err := r.Put(t.Context(), backupNow)
			if err != nil {
				t.Fatal(err)
			}
			restored := open(t, database)
			if diff := cmp.Diff(dumpAll(t, other.store), dumpAll(t, restored)); diff != "" {
				t.Error(diff)
			}
			verified(t, restored, restored.Archive(archive))
			old := open(t, database+".before-20260615T120000Z")
			if diff := cmp.Diff(was, dumpAll(t, old)); diff != "" {
				t.Errorf("kept (%v):\n%s", done.Kept, diff)
			}
			verified(t, old, old.Archive(archive+".before-20260615T120000Z"))
			for _, name := range names(t, filepath.Dir(database)) {
				if strings.HasPrefix(name, ".") {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
}

// A backup from before an upgrade is as good as any.
func TestABackupOfAnEarlierSchemaIsRestoredAndMigrated(t *testing.T) {
	s := open(t, newFile(t))
	mustRecord(t, s, sample(1))
	h := backupHome{s, s.Archive(filepath.Join(filepath.Dir(s.target), "archive")), Backups(filepath.Join(filepath.Dir(s.target), "backups"))}
	b := h.backUp(t, backupNow)
	path := filepath.Join(b.Path, "consensus.db")
	early := open(t, path)
	execute(t, early, "DROP TABLE archived_runs", "DROP TABLE pinned_runs", "DELETE FROM goose_db_version WHERE version_id > 1")
	if err := early.Close(); err != nil {
		t.Fatal(err)
	}
	resealedAs(t, b.Path, 1)
	mustBeIntact(t, b)
	got, a := restored(t, b)
	if diff := cmp.Diff(sample(1), mustWhole(t, got, sample(1).Run.RunID)); diff != "" {
		t.Error(diff)
	}
	verified(t, got, a)
}

func TestAnArchiveAloneIsNotRestoredOver(t *testing.T) {
	h := newBackupHome(t)
	b := h.backUp(t, backupNow)
	path := newFile(t)
	folder := filepath.Join(filepath.Dir(path), "archive")
	cp(t, h.archive.folder, folder)
	if _, err := b.Restore(t.Context(), path, folder, false, nil); !errors.Is(err, ErrOccupied) {
		t.Error(err)
	}
	if _, err := ReadBackup(filepath.Join(string(h.backups), "20200101T000000Z")); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such backup: %v", err)
	}
}

func TestTheNewestBackupOfATimeIsFound(t *testing.T) {
	h := newBackupHome(t)
	for _, n := range []int{3, 1, 2, 2} {
		h.backUp(t, backupNow.Add(time.Duration(n)*time.Hour))
	}
	all, err := h.backups.List()
	var got []string
	for _, b := range all {
		got = append(got, b.Name)
	}
	if diff := cmp.Diff([]string{"20260615T150000Z", "20260615T140000Z-2", "20260615T140000Z", "20260615T130000Z"}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for hours, want := range map[time.Duration]string{0: "", 1: "20260615T130000Z", 2: "20260615T140000Z-2", 99: "20260615T150000Z"} {
		b, err := h.backups.Newest(backupNow.Add(hours * time.Hour))
		if want == "" && !errors.Is(err, ErrNotFound) || want != "" && b.Name != want {
			t.Errorf("after %d hours: %s, %v", hours, b.Name, err)
		}
	}
	if err := os.Truncate(filepath.Join(all[0].Path, "consensus.db"), 99); err != nil {
		t.Fatal(err)
	}
	if at, err := h.backups.Latest(); err != nil || !at.Equal(backupNow.Add(2*time.Hour)) {
		t.Errorf("newest that is whole: %v, %v", at, err)
	}
}
