package store

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
)

// holed is a database of twice so many megabytes, of which the first half was
// deleted: all the rest has to be moved.
func holed(t *testing.T, megabytes int) *Store {
	t.Helper()
	s := open(t, newFile(t))
	for n := range 2 * megabytes {
		mustRecordAll(t, s, bulk(n)...)
	}
	old := fmt.Sprint(" < ", start.Unix()+int64(16*megabytes))
	execute(t, s, "DELETE FROM agent_artifacts WHERE created_at"+old, "DELETE FROM consensus_runs WHERE timestamp"+old)
	return s
}

func TestGivingSpaceBackKeepsTheLogBounded(t *testing.T) {
	s := holed(t, 50)
	var over atomic.Bool
	most := make(chan int64)
	if _, err := s.engine.(sqliteEngine).checkpoints.moveAll(t.Context(), "TRUNCATE"); err != nil {
		t.Fatal(err)
	}
	go func() {
		var max int64
		for !over.Load() {
			if info, err := os.Stat(s.target + "-wal"); err == nil && info.Size() > max {
				max = info.Size()
			}
		}
		most <- max
	}()
	isHeld, err := s.engine.reclaim(t.Context(), s.writer)
	over.Store(true)
	if max := <-most; err != nil || isHeld || max > 24<<20 {
		t.Errorf("the log grew to %d bytes, held: %v, %v", max, isHeld, err)
	}
	info, err := os.Stat(s.target)
	if err != nil || info.Size() > 54<<20 || logBytes(t, s) != 0 {
		t.Errorf("%v bytes, %d of the log, %v", info.Size(), logBytes(t, s), err)
	}
	mustBeWell(t, s)
}

func TestAReaderWhoKeepsSpaceFromBeingGivenBackIsToldOf(t *testing.T) {
	s := holed(t, 20)
	reading, err := s.reader.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Rollback()
	var runs int
	if err := reading.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM consensus_runs").Scan(&runs); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		isHeld, err := s.engine.reclaim(t.Context(), s.writer)
		if !isHeld {
			t.Error("it says that all is given back")
		}
		done <- err
	}()
	for recorded, waiting := 0, true; waiting; recorded++ { // nobody waits for the reader
		select {
		case err := <-done:
			if waiting = false; err != nil || recorded == 0 {
				t.Errorf("%d recorded meanwhile, %v", recorded, err)
			}
		default:
			mustRecord(t, s, small(recorded, "SPEC-NEW", "plan", "claude"))
		}
	}
	if err := reading.Rollback(); err != nil {
		t.Fatal(err)
	}
	if isHeld, err := s.engine.reclaim(t.Context(), s.writer); isHeld || err != nil {
		t.Errorf("after the reader: %v, %v", isHeld, err)
	}
	mustBeWell(t, s)
}

func TestNoSpaceIsGivenBackInADatabaseThatWasReplaced(t *testing.T) {
	s := holed(t, 2)
	if err := os.Rename(s.target, s.target+".away"); err != nil {
		t.Fatal(err)
	}
	_, err := s.engine.reclaim(t.Context(), s.writer)
	if err == nil {
		t.Errorf("reclaim: %v", err)
	}
	if err := os.Rename(s.target+".away", s.target); err != nil {
		t.Fatal(err)
	}
}
