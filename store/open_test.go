package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
)

func TestOpenReadOnlyCreatesNothing(t *testing.T) {
	path := newFile(t)
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, ErrNoDatabase) || !strings.Contains(err.Error(), path) {
		t.Errorf("OpenReadOnly of a missing file = %v, want %v and its name", err, ErrNoDatabase)
	}
	if _, err := OpenReadOnly(t.Context(), filepath.Join(path, "in a missing folder.db")); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("OpenReadOnly in a missing folder = %v, want %v", err, ErrNoDatabase)
	}
	mustHold(t, filepath.Dir(path))
	write(t, path, "")
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("OpenReadOnly of an empty file = %v, want %v", err, ErrNoDatabase)
	}
	mustHold(t, filepath.Dir(path), path)
}

func TestWhatIsNoDatabaseIsRefusedAndNotTouched(t *testing.T) {
	for name, content := range map[string]string{
		"text":       "This is a file of somebody's.\n",
		"long text":  strings.Repeat("This is a file of somebody's.\n", 1000),
		"zeros":      strings.Repeat("\x00", 8192),
		"half magic": "SQLite format 2\x00" + strings.Repeat("x", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			path := newFile(t)
			write(t, path, content)
			for _, opening := range []opener{OpenReadOnly, Open} {
				_, err := opening(t.Context(), path)
				if err == nil || !strings.Contains(err.Error(), "it is not a SQLite database") || errors.Is(err, ErrNoDatabase) {
					t.Errorf("opened with %v, want that it is no database", err)
				}
				mustHold(t, filepath.Dir(path), path)
				mustContain(t, path, content)
			}
		})
	}
}

func TestADatabaseOfSomebodyElseIsRefusedAndNotTouched(t *testing.T) {
	path := newFile(t)
	foreign := plain(t, path)
	if _, err := foreign.ExecContext(t.Context(), "CREATE TABLE memories (id TEXT, body TEXT); INSERT INTO memories VALUES ('1', 'mine')"); err != nil {
		t.Fatal(err)
	}
	foreign.Close()
	before := read(t, path)
	for _, opening := range []opener{OpenReadOnly, Open} {
		if _, err := opening(t.Context(), path); !errors.Is(err, schema.ErrForeign) {
			t.Errorf("opened with %v, want %v", err, schema.ErrForeign)
		}
		mustHold(t, filepath.Dir(path), path)
		mustContain(t, path, before)
	}
}

func TestADatabaseOfALaterProgramIsRefusedAndNotTouched(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	mustRecord(t, s, sample(1))
	execute(t, s, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, TRUE)")
	closeStore(t, s)
	before := read(t, path)
	for _, opening := range []opener{OpenReadOnly, Open} {
		_, err := opening(t.Context(), path)
		var newer *schema.NewerError
		want := schema.NewerError{Have: 900, Know: schema.Version(schema.SQLite)}
		if !errors.As(err, &newer) || *newer != want {
			t.Errorf("opened with %v, want %v", err, &want)
		}
		mustHold(t, filepath.Dir(path), path)
		mustContain(t, path, before)
	}
}

// Before its first migration, a database is just being created.
func TestReadersSeeNoDatabaseBeforeItsTablesAreThere(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	if _, err := s.writer.ExecContext(t.Context(), "DELETE FROM goose_db_version WHERE version_id > 0"); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	before := read(t, path)
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("OpenReadOnly = %v, want %v", err, ErrNoDatabase)
	}
	mustContain(t, path, before)
}

func TestNothingIsWrittenThroughAReader(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, sample(1))
		reader := openReadOnly(t, s.target)
		ctx := t.Context()
		mustNotChange(t, s, func() {
			if outcome, err := reader.Record(ctx, sample(2)); !errors.Is(err, ErrReadOnly) {
				t.Errorf("Record = %v, %v, want %v", outcome, err, ErrReadOnly)
			}
			if _, err := reader.RecordAll(ctx, nil); !errors.Is(err, ErrReadOnly) {
				t.Errorf("RecordAll = %v, want %v", err, ErrReadOnly)
			}
			if _, err := reader.Reject(ctx, sample(2).Receipts...); !errors.Is(err, ErrReadOnly) {
				t.Errorf("Reject = %v, want %v", err, ErrReadOnly)
			}
			if err := reader.Probe(ctx); !errors.Is(err, ErrReadOnly) {
				t.Errorf("Probe = %v, want %v", err, ErrReadOnly)
			}
		})
		if diff := cmp.Diff(sample(1), mustWhole(t, reader, sample(1).Run.RunID)); diff != "" {
			t.Errorf("Whole through a reader (-want +got):\n%s", diff)
		}
		mustBeWell(t, reader)
	})
}

func TestWhatIsRecordedOutlivesTheStore(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, sample(1))
		before := dump(t, s)
		closeStore(t, s)
		if err := s.Close(); err != nil {
			t.Errorf("Close again = %v", err)
		}
		if _, err := s.Record(t.Context(), sample(2)); err == nil {
			t.Error("Record succeeded on a closed store")
		}
		if _, err := s.Run(t.Context(), sample(1).Run.RunID); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("Run on a closed store = %v", err)
		}
		again := open(t, s.target)
		if diff := cmp.Diff(before, dump(t, again)); diff != "" {
			t.Errorf("rows after opening again (-before +after):\n%s", diff)
		}
		mustBeWell(t, again)
	})
}

func TestClosingLeavesOneFile(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	mustRecord(t, s, sample(1))
	closeStore(t, s)
	mustHold(t, filepath.Dir(path), path)
}

type opener = func(context.Context, string) (*Store, error)

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// plain opens a SQLite file as another program would.
func plain(t *testing.T, path string) *sql.DB {
	t.Helper()
	uri := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	db, err := sql.Open("sqlite3", "file:"+uri)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// read returns the content of a file. Not while this process has it open as a
// database: closing the file would drop SQLite's locks.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustContain(t *testing.T, path, want string) {
	t.Helper()
	if got := read(t, path); got != want {
		t.Errorf("%s was changed: %d bytes, %d before", path, len(got), len(want))
	}
}

// mustHold fails the test unless folder holds these files alone.
func mustHold(t *testing.T, folder string, files ...string) {
	t.Helper()
	var got []string
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, filepath.Join(folder, e.Name()))
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("files in %s (-want +got):\n%s", folder, diff)
	}
}
