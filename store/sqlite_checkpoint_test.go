package store

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// bulk are runs of a megabyte together, from the nth on.
func bulk(n int) (entries []Entry) {
	for i := range 16 {
		r := small(16*n+i, "SPEC-BULK", "plan", "claude")
		r.Artifacts[0].Content = strings.Repeat("bulk and more ", 64<<10/14)
		r.Artifacts[0].ArtifactID = ArtifactID(start, r.Run.RunID, "claude", r.Artifacts[0].Content)
		entries = append(entries, Entry{Record: r})
	}
	return entries
}

// logBytes is the size of the log's file.
func logBytes(t *testing.T, s *Store) int64 {
	t.Helper()
	info, err := os.Stat(s.target + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// mostLog is how long the log may become when nobody reads: the last
// transaction before the writer waits comes on top.
const mostLog = (longestLog + 1024) * frameBytes

func TestTheLogStaysBoundedUnderLoad(t *testing.T) {
	s := open(t, newFile(t))
	for n := range 100 {
		mustRecordAll(t, s, bulk(n)...)
		if got := logBytes(t, s); got > mostLog {
			t.Fatalf("the log has %d bytes after %d MB, want at most %d", got, n+1, mostLog)
		}
	}
	mustBeWell(t, s)
}

func TestTheLogIsUsedAgainWhenAReaderLetsGoOfItsSnapshot(t *testing.T) {
	s := open(t, newFile(t))
	mustRecordAll(t, s, bulk(0)...)
	reading, err := s.reader.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Rollback()
	var runs int
	count := func() int {
		if err := reading.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM consensus_runs").Scan(&runs); err != nil {
			t.Fatal(err)
		}
		return runs
	}
	before := count()
	const most = 80
	for n := 1; n < most; n++ {
		mustRecordAll(t, s, bulk(n)...)
	}
	if got := count(); got != before {
		t.Errorf("the reader sees %d runs of its snapshot, want %d", got, before)
	}
	if got := logBytes(t, s); got <= mostLog {
		t.Errorf("the log has %d bytes while a reader needs it, want more than %d", got, mostLog)
	}
	if err := reading.Rollback(); err != nil {
		t.Fatal(err)
	}
	for n := most; n < most+40; n++ {
		mustRecordAll(t, s, bulk(n)...)
	}
	if got := logBytes(t, s); got > 2*longestLog*frameBytes {
		t.Errorf("the log keeps %d bytes, want at most %d", got, 2*longestLog*frameBytes)
	}
	mustBeWell(t, s)
}

func TestNoCommitMovesTheLogUnlessItIsLong(t *testing.T) {
	s := open(t, newFile(t))
	s.engine.(sqliteEngine).checkpoints.moving.Lock() // as a checkpoint does that takes its time
	defer s.engine.(sqliteEngine).checkpoints.moving.Unlock()
	for n := range 20 {
		mustRecordAll(t, s, bulk(n)...)
	}
	log, err := checkpoint(t.Context(), s.reader, "NOOP")
	if err != nil || log.frames < reuseAfter || log.moved > 0 {
		t.Errorf("the log has %d frames, of which %d are moved, %v; want all of 20 MB in it", log.frames, log.moved, err)
	}
}

func TestACheckpointThatFailsIsSaidByProbe(t *testing.T) {
	s := open(t, newFile(t))
	own := s.engine.(sqliteEngine).checkpoints.own
	mustRecordAll(t, s, bulk(0)...)
	own.Close()
	for n := range 10 {
		mustRecordAll(t, s, bulk(n+1)...)
	}
	late := time.Now().Add(30 * time.Second)
	for err := s.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "move the log into the database"); err = s.Probe(t.Context()) {
		if time.Now().After(late) {
			t.Fatalf("Probe = %v while no checkpoint works", err)
		}
	}
	mustBeWell(t, s)
}

func TestClosingMovesTheWholeLog(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	mustRecordAll(t, s, bulk(0)...)
	held := plain(t, path) // keeps SQLite from doing so by itself
	if err := held.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.New(held).CountRuns(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if log, err := checkpoint(t.Context(), held, "NOOP"); err != nil || log.frames == 0 || log.rest() != 0 {
		t.Errorf("%d of %d frames are moved, %v; want all", log.moved, log.frames, err)
	}
}

func TestAFailureOfTheWriterIsSaidUntilACheckpointSucceeds(t *testing.T) {
	s := open(t, newFile(t))
	c := s.engine.(sqliteEngine).checkpoints
	mustRecord(t, s, sample(0)) // a log that is not worth moving
	c.moving.Lock()             // as long as this is held, none succeeds
	c.fail(errors.New("disk I/O error"))
	for n := range 50 {
		mustRecord(t, s, sample(n+1))
		if c.err() == nil {
			t.Fatal("it was forgotten without a checkpoint")
		}
	}
	c.moving.Unlock()
	late := time.Now().Add(30 * time.Second)
	for c.err() != nil {
		if time.Now().After(late) {
			t.Fatal("it is never good again")
		}
	}
	if log, err := checkpoint(t.Context(), s.reader, "NOOP"); err != nil || log.moved == 0 {
		t.Errorf("the log has %d frames, of which %d are moved, %v", log.frames, log.moved, err)
	}
}
