package store

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mattn/go-sqlite3"
)

func TestTheLinkedSQLiteHasNoWALResetBug(t *testing.T) {
	version, number, _ := sqlite3.Version()
	if number < 3051003 {
		t.Errorf("SQLite %s is linked in, want at least 3.51.3", version)
	}
	if got := EngineVersion(); got != "SQLite "+version {
		t.Errorf("EngineVersion = %q, want SQLite %s", got, version)
	}
}

func TestEveryConnectionHasItsPragmas(t *testing.T) {
	s := open(t, newFile(t))
	for name, pool := range map[string]*sql.DB{
		"writer": s.writer, "reader": s.reader, "reader of a read-only store": openReadOnly(t, s.target).reader,
	} {
		connections := 4 // at once, so that each is another one
		if name == "writer" {
			connections = 1
		}
		for n := range connections {
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for pragma, want := range map[string]string{
				"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "auto_vacuum": "2", "busy_timeout": "5000",
				"query_only":         map[bool]string{true: "0", false: "1"}[name == "writer"],
				"wal_autocheckpoint": map[bool]string{true: "0", false: "1000"}[name == "writer"],
			} {
				var got string
				if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s, connection %d: %s = %q, %v, want %q", name, n, pragma, got, err, want)
				}
			}
		}
	}
}

func TestPlainSQLCannotWriteThroughAReader(t *testing.T) {
	s := open(t, newFile(t))
	mustRecord(t, s, sample(1))
	mustNotChange(t, s, func() {
		for _, pool := range []*sql.DB{openReadOnly(t, s.target).reader, s.reader} {
			if _, err := pool.ExecContext(t.Context(), "DELETE FROM run_findings"); err == nil {
				t.Error("plain SQL could write through a reader")
			}
		}
	})
}

func TestThereIsOneWriter(t *testing.T) {
	s := open(t, newFile(t))
	if got := s.writer.Stats().MaxOpenConnections; got != 1 {
		t.Errorf("the writer's pool has up to %d connections, want one", got)
	}
}

func TestManyMayCreateADatabaseAtOnce(t *testing.T) {
	const rounds, at = 10, 8
	for range rounds {
		path := newFile(t)
		var wg sync.WaitGroup
		for n := range at {
			wg.Go(func() {
				s, err := Open(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if _, err := s.Record(t.Context(), sample(n%2)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s := open(t, path)
		var mode int
		if err := s.reader.QueryRowContext(t.Context(), "PRAGMA auto_vacuum").Scan(&mode); err != nil || mode != 2 {
			t.Errorf("auto_vacuum = %d, %v, want 2", mode, err)
		}
		if got, err := s.Totals(t.Context()); err != nil || got.Runs != 2 {
			t.Errorf("Totals = %+v, %v, want 2 runs", got, err)
		}
		if t.Failed() {
			return
		}
	}
}

// waitForNobody makes the writer give up at once where the lock is taken.
func waitForNobody(t *testing.T, s *Store) {
	t.Helper()
	conn, err := s.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Raw(func(c any) error { c.(*writingConn).patience = 0; return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestProbeTellsWhetherARunCouldBeRecordedNow(t *testing.T) {
	s := open(t, newFile(t))
	if err := s.Probe(t.Context()); err != nil {
		t.Errorf("Probe = %v, want nil", err)
	}
	waitForNobody(t, s)
	other := plain(t, s.target)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	mustNotChange(t, s, func() {
		if err := s.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "write lock") {
			t.Errorf("Probe = %v while another program writes, want what to do", err)
		}
		results, err := s.RecordAll(t.Context(), []Entry{{Record: sample(1)}})
		if err == nil || results != nil {
			t.Errorf("RecordAll = %v, %v while another program writes, want an error", results, err)
		}
	})
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.Probe(t.Context()); err != nil {
		t.Errorf("Probe = %v after that, want nil", err)
	}
	mustRecord(t, s, sample(1))
	mustBeWell(t, s)
}

func TestProbeLeavesNothingBehind(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, sample(1))
		mustNotChange(t, s, func() {
			before, err := s.engine.bytes(t.Context(), s.reader)
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if err := s.Probe(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if after, err := s.engine.bytes(t.Context(), s.reader); err != nil || after != before {
				t.Errorf("%d bytes on disk, %v, %d before", after, err, before)
			}
		})
	})
}

func TestErrorsOfTheDatabaseSayWhatToDo(t *testing.T) {
	for code, want := range map[sqlite3.ErrNo]string{
		sqlite3.ErrFull: "free space", sqlite3.ErrBusy: "write lock", sqlite3.ErrReadonly: "writable",
		sqlite3.ErrCorrupt: "restore a backup", sqlite3.ErrNotADB: "not a SQLite database", sqlite3.ErrIoErr: "disk",
	} {
		err := explainSQLite(fmt.Errorf("insert: %w", sqlite3.Error{Code: code}))
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: says nothing of %q", err, want)
		}
	}
}
