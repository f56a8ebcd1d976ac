package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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
	resealedAs(t, path, schema.Version(schema.SQLite))
}

func resealedAs(t *testing.T, path string, version int64) {
	t.Helper()
	b, err := ReadBackup(path)
	var damaged *DamagedBackupError
	if err != nil && !errors.As(err, &damaged) {
		t.Fatal(err)
	}
	f, err := fingerprint(t.Context(), filepath.Join(path, "consensus.db"), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Bytes, b.SHA256, b.Schema = f.Bytes, f.SHA256, version
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
	pipe := func(t *testing.T, path string) {
		remove(t, path)
		if err := syscall.Mkfifo(path, 0o644); err != nil {
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
		"a pipe for one":      {inFile("archive/2026-05.zst", pipe), "archive/2026-05.zst"},
		"a pipe for a list":   {inFile("manifest.json", pipe), "no regular file"},
		"another archive":     {inFile("archive/deleted.jsonl", func(t *testing.T, path string) { flip(t, path, 9) }), "archive/deleted.jsonl is not what"},
		"one run more":        {changed("INSERT INTO consensus_runs (run_id, spec_id, stage, timestamp) VALUES ('x', 'S', 'plan', 1)"), "3 10 2"},
		"an answer of no run": {changed("PRAGMA foreign_keys=OFF; INSERT INTO agent_artifacts (artifact_id, run_id, agent, content) VALUES ('x', 'y', 'a', 'c')"), "foreign key"},
		"another program's": {func(t *testing.T, folder string) {
			path := filepath.Join(folder, "consensus.db")
			remove(t, path)
			foreign(t, path)
			resealed(t, folder)
		}, schema.ErrForeign.Error()},
		"a file from elsewhere": {func(t *testing.T, folder string) {
			b, err := ReadBackup(folder)
			if err != nil {
				t.Fatal(err)
			}
			b.Archives = append(b.Archives, BackupFile{File: "../consensus.db", Bytes: b.Bytes, SHA256: b.SHA256})
			remove(t, filepath.Join(folder, "manifest.json"))
			if err := b.write(folder); err != nil {
				t.Fatal(err)
			}
		}, "no file of an archive"},
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

func TestAllBackupsAreComparedWithTheirManifests(t *testing.T) {
	h := newBackupHome(t)
	if n, problems, err := h.backups.Verify(t.Context(), nil); err != nil || n != 0 || len(problems) > 0 {
		t.Errorf("no backup: %d, %v, %v", n, problems, err)
	}
	var all []Backup
	for n := range 4 { // the newest first
		all = append(all, h.backUp(t, backupNow.Add(-time.Duration(n)*time.Hour)))
	}
	mustSay := func(want ...Problem) {
		t.Helper()
		var last, total int64
		n, got, err := h.backups.Verify(t.Context(), func(done, all int64) { last, total = done, all })
		if diff := cmp.Diff(want, got); err != nil || n != 4 || diff != "" || last != total || total == 0 {
			t.Errorf("%d backups, %d of %d bytes, %v\n%s", n, last, total, err, diff)
		}
	}
	mustSay()
	month := filepath.Join(all[0].Path, "archive", "2026-05.zst")
	flip(t, month, 30) // of all four: they share it
	var want []Problem
	for _, b := range all {
		want = append(want, Problem{"backup_damaged", "backup", b.Name, "archive/2026-05.zst is not what its manifest says"})
	}
	mustSay(want...)
	flip(t, month, 30)
	mustSay()
	flip(t, filepath.Join(all[1].Path, "consensus.db"), 5000)
	file := filepath.Join(all[2].Path, "archive", "deleted.jsonl")
	if err := errors.Join(os.Remove(file), os.Symlink("deleted.jsonl", file)); err != nil { // to itself
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(all[3].Path, "manifest.json"), 0); err != nil {
		t.Fatal(err)
	}
	_, got, err := h.backups.Verify(t.Context(), nil)
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	for i, why := range []string{"consensus.db is not what its manifest says", "deleted.jsonl", "its manifest: "} {
		if p := got[i]; p.Code != "backup_damaged" || p.Which != all[i+1].Name || !strings.Contains(p.Why, why) {
			t.Errorf("%+v, want %s", p, why)
		}
	}
}

func TestABackupThatIsRemovedWhileItIsVerifiedIsNotDamaged(t *testing.T) {
	h := newBackupHome(t)
	b := h.backUp(t, backupNow)
	h.backUp(t, backupNow.Add(time.Hour))
	n, problems, err := h.backups.Verify(t.Context(), func(done, all int64) {
		if done == all-b.total() {
			if err := os.RemoveAll(b.Path); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || n != 1 || len(problems) > 0 {
		t.Errorf("%d backups, %v, %v", n, problems, err)
	}
}
