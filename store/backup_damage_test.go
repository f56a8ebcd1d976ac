package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
)

// flip changes a bit of a file.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 4
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree returns every file below a folder with its content.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			files[path] = "folder"
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// resealed makes the manifest say that the files are as they should be.
func resealed(t *testing.T, path string) {
	t.Helper()
	b, err := ReadBackup(path)
	var damaged *DamagedBackupError
	if err != nil && !errors.As(err, &damaged) {
		t.Fatal(err)
	}
	f, err := fingerprint(t.Context(), filepath.Join(path, "consensus.db"), false)
	if err != nil {
		t.Fatal(err)
	}
	b.Bytes, b.SHA256 = f.Bytes, f.SHA256
	if err := os.Remove(filepath.Join(path, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	if err := b.write(path); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedOrForeignBackupIsNamedAndRefused(t *testing.T) {
	h := newBackupHome(t)
	whole := h.backUp(t, backupNow)
	inFile := func(name string, harm func(t *testing.T, path string)) func(*testing.T, string) {
		return func(t *testing.T, folder string) { harm(t, filepath.Join(folder, name)) }
	}
	remove := func(t *testing.T, path string) {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	cut := func(t *testing.T, path string) {
		info, err := os.Stat(path)
		if err == nil {
			err = os.Truncate(path, info.Size()/2)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// changed runs SQL in the database, and makes the manifest agree.
	changed := func(statement string) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			s := open(t, filepath.Join(folder, "consensus.db"))
			execute(t, s, statement)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			resealed(t, folder)
		}
	}
	tests := map[string]struct {
		harm func(*testing.T, string)
		want string // part of what is told
	}{
		"no manifest":         {inFile("manifest.json", remove), "it has no manifest.json"},
		"half a manifest":     {inFile("manifest.json", cut), "its manifest"},
		"no database":         {inFile("consensus.db", remove), "consensus.db is missing"},
		"half a database":     {inFile("consensus.db", cut), "consensus.db has"},
		"no archive":          {inFile("archive", remove), "archive/2026-04.zst is missing"},
		"a file of it gone":   {inFile("archive/2026-05.zst", remove), "archive/2026-05.zst is missing"},
		"half of one":         {inFile("archive/2026-05.zst", cut), "archive/2026-05.zst has"},
		"no list of deleted":  {inFile("archive/deleted.jsonl", remove), "archive/deleted.jsonl is missing"},
		"another archive":     {inFile("archive/deleted.jsonl", func(t *testing.T, path string) { flip(t, path, 9) }), "archive/deleted.jsonl is not what"},
		"one run more":        {changed("INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp) VALUES ('x', 'S', 'plan', 1)"), "3 10 2"},
		"an answer of no run": {changed("PRAGMA foreign_keys=OFF; INSERT INTO agent_artifacts (artifact_id, run_id, agent, content) VALUES ('x', 'y', 'a', 'c')"), "foreign key"},
		"another program's": {func(t *testing.T, folder string) {
			path := filepath.Join(folder, "consensus.db")
			remove(t, path)
			foreign(t, path)
			resealed(t, folder)
		}, schema.ErrForeign.Error()},
		"a later program's": {changed("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, TRUE)"), "schema 999"},
	}
	for at := int64(0); at < whole.Bytes; at += whole.Bytes/13 + 1 {
		tests[fmt.Sprint("bit of the database at ", at)] = struct {
			harm func(*testing.T, string)
			want string
		}{inFile("consensus.db", func(t *testing.T, path string) { flip(t, path, at) }), "consensus.db is not what its manifest says"}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := whole
			b.Path = filepath.Join(t.TempDir(), whole.Name)
			cp(t, whole.Path, b.Path)
			mustBeIntact(t, b)
			tt.harm(t, b.Path)
			problems, err := b.Verify(t.Context(), nil)
			if err != nil || len(problems) == 0 || !strings.Contains(fmt.Sprint(problems), tt.want) {
				t.Errorf("verify: %v, %v, want %s", problems, err, tt.want)
			}
			home := t.TempDir()
			cp(t, h.store.target, filepath.Join(home, "consensus.db"))
			cp(t, h.archive.folder, filepath.Join(home, "archive"))
			before := tree(t, home)
			r, err := b.Restore(t.Context(), filepath.Join(home, "consensus.db"), filepath.Join(home, "archive"), true, nil)
			if err == nil {
				r.Close()
				t.Fatal("it is restored")
			}
			if diff := cmp.Diff(before, tree(t, home)); diff != "" {
				t.Errorf("refused with %v, and yet the home has changed:\n%s", err, diff)
			}
		})
	}
	mustBeIntact(t, whole)
}

// Every bit of a manifest counts, so that none can say that something else is a
// backup.
func TestNoBitOfAManifestCanFlipUnseen(t *testing.T) {
	text, err := BackupManifest{Version: backupVersion, CreatedAt: backupNow, Seconds: 1.5, Archives: []BackupFile{{"2026-04.zst", 7, "ab"}}, Problems: []Problem{}}.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeBackupManifest(text); err != nil {
		t.Fatal(err)
	}
	for i := range text {
		for bit := range 8 {
			text[i] ^= 1 << bit
			if m, err := decodeBackupManifest(text); err == nil {
				t.Errorf("bit %d of byte %d: taken for %+v", bit, i, m)
			}
			text[i] ^= 1 << bit
		}
	}
}

// cp copies a file or folder with the permissions and all.
func cp(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cp", "-R", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func foreign(t *testing.T, path string) {
	t.Helper()
	s := open(t, newFile(t))
	execute(t, s, "CREATE TABLE songs (title TEXT)", "DROP TABLE goose_db_version", "VACUUM INTO '"+strings.ReplaceAll(path, "'", "''")+"'")
}

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
	if diff := cmp.Diff([]string{".lock", good.Name, "failed.json"}, names(t, string(h.backups))); diff != "" {
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
	file, err := os.OpenFile(h.store.target, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	// An empty leaf of an index: its kind, no free block, no cells, content at the end.
	_, err = file.WriteAt([]byte{10, 0, 0, 0, 0, 0, 0, 0}, (page-1)*size)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	h.store = open(t, h.store.target)
	h.archive = h.store.Archive(h.archive.folder)
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
