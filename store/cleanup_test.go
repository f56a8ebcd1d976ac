package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/store/archive"
)

var cleanupNow = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// mustBeWhole fails the test unless the archive has the runs as they were recorded.
func mustBeWhole(t *testing.T, a *Archive, records ...Record) {
	t.Helper()
	for _, r := range records {
		got, err := a.Whole(t.Context(), r.Run.RunID)
		if diff := cmp.Diff(r, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}

func TestAPlanThatWasCarriedOutAlreadyLosesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(t.TempDir())
		records := []Record{aged(0, "S", cleanupNow, 40*day), aged(1, "S", cleanupNow, 41*day), aged(2, "S", cleanupNow, 70*day)}
		for _, r := range records {
			mustRecord(t, s, r)
		}
		plan := planned(t, a, cleanupNow)
		for again, archived := range []int64{3, 0, 0} {
			c := &cleaning{archive: a, store: s, plan: plan}
			if err := c.run(t.Context()); err != nil || c.result.Archived != archived || c.result.Changed != 0 {
				t.Errorf("run %d: %+v, %v", again, c.result, err)
			}
		}
		mustBeWhole(t, a, records...)
		verified(t, s, a)
	})
}

func TestCleanupsAtOnceLoseNothing(t *testing.T) {
	path, folder := newFile(t), t.TempDir()
	s := open(t, path)
	var records []Record
	for i := range 24 {
		r := aged(i, "S", cleanupNow, time.Duration(31+3*i)*day)
		mustRecord(t, s, r)
		records = append(records, r)
	}
	var all sync.WaitGroup
	for range 4 {
		other := open(t, path) // as another process has it
		all.Go(func() {
			for range 3 {
				_, _, err := other.Archive(folder).Cleanup(t.Context(), keep, cleanupNow, nil)
				for errors.Is(err, ErrCleaning) {
					_, _, err = other.Archive(folder).Cleanup(t.Context(), keep, cleanupNow, nil)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	mustBeWhole(t, s.Archive(folder), records...)
	verified(t, s, s.Archive(folder))
}

func TestNoFileIsReplacedByOneWithoutARunThatTheDatabaseReliesOn(t *testing.T) {
	s := open(t, newFile(t))
	folder := t.TempDir()
	a := s.Archive(folder)
	r := aged(0, "S", cleanupNow, 40*day)
	mustRecord(t, s, r)
	cleaned(t, a, cleanupNow)
	c := &cleaning{archive: a, store: s, plan: planned(t, a, cleanupNow)}
	_, err := archive.Rewrite(t.Context(), filepath.Join(folder, "2026-05.zst"), archive.Change{
		Keep: func(archive.Entry) (bool, error) { return false, nil }, LetGo: c.letGo(t.Context(), "2026-05.zst"),
	})
	var wanted *wantedError
	if !errors.As(err, &wanted) || wanted.runID != r.Run.RunID {
		t.Errorf("rewrite: %v", err)
	}
	mustBeWhole(t, a, r)
}

func TestADamagedFileIsLeftAloneAndTheOthersAreNot(t *testing.T) {
	s := open(t, newFile(t))
	folder := t.TempDir()
	a := s.Archive(folder)
	march, april, may := cleanupNow.AddDate(0, -3, 0), cleanupNow.AddDate(0, -2, 0), cleanupNow.AddDate(0, -1, 0)
	spoilt, fine := aged(0, "SPOILT", march, 0), aged(1, "FINE", april, 0)
	mustRecord(t, s, spoilt)
	mustRecord(t, s, fine)
	cleaned(t, a, cleanupNow)
	path := filepath.Join(folder, "2026-03.zst")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole[30] ^= 4
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	stuck, free := aged(2, "STUCK", march, 0), aged(3, "FREE", may, 0)
	mustRecord(t, s, stuck)
	mustRecord(t, s, free)

	later := cleanupNow.AddDate(0, 3, 0)
	dry, err := json.Marshal(planned(t, a, later))
	if err != nil {
		t.Fatal(err)
	}
	plan, c, err := a.Cleanup(t.Context(), keep, later, nil)
	var damaged *DamagedArchive
	if !errors.As(err, &damaged) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("cleanup: %v", err)
	}
	if done, err := json.Marshal(plan); err != nil || !bytes.Equal(dry, done) {
		t.Errorf("planned %s, done %s, %v", dry, done, err)
	}
	if diff := cmp.Diff([]Stay{{StayDamaged, 2, []string{"SPOILT", "STUCK"}}}, plan.Stay); diff != "" || c.Archived != 1 || c.Deleted != 1 || c.After == 0 {
		t.Errorf("%+v\n%s", c, diff)
	}
	for id, want := range map[string]string{spoilt.Run.RunID: Archived, fine.Run.RunID: Deleted, stuck.Run.RunID: "active", free.Run.RunID: Archived} {
		if got := tier(t, s, a, id); got != want {
			t.Errorf("%s is %s, not %s", id, got, want)
		}
	}
	if x, err := a.Verify(t.Context(), nil); err != nil || len(x.Problems) != 1 || x.Problems[0].Code != "archive_damaged" {
		t.Errorf("verify: %+v, %v", x, err)
	}
	lines, err := os.ReadFile(filepath.Join(folder, deletedFile))
	if err != nil || bytes.Count(lines, []byte("\n")) != 1 || !strings.Contains(string(lines), fine.Run.RunID) {
		t.Errorf("%s, %v", lines, err)
	}

	whole[30] ^= 4 // brought back
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if c := cleaned(t, a, later); c.Archived != 1 || c.Deleted != 2 { // in May it was long ago, too
		t.Errorf("%+v", c)
	}
	verified(t, s, a)
}

func TestARowThatCannotBeArchivedKeepsNoOtherRunFromIt(t *testing.T) {
	s := open(t, newFile(t))
	a := s.Archive(t.TempDir())
	noText, noList, next := aged(0, "NOTEXT", cleanupNow, 100*day), aged(1, "NOLIST", cleanupNow, 100*day), aged(2, "NEXT", cleanupNow, 100*day)
	later := aged(3, "LATER", cleanupNow, 40*day)
	for _, r := range []Record{noText, noList, next, later} {
		mustRecord(t, s, r)
	}
	execute(t, s, "UPDATE agent_artifacts SET content = CAST(x'FF' AS TEXT) WHERE run_id = '"+noText.Run.RunID+"'",
		"UPDATE consensus_runs SET missing_agents = 'gpt' WHERE run_id = '"+noList.Run.RunID+"'")
	for range 2 {
		_, _, err := a.Cleanup(t.Context(), keep, cleanupNow, nil)
		if err == nil || !strings.Contains(err.Error(), noText.Run.RunID) || !strings.Contains(err.Error(), noList.Run.RunID) {
			t.Errorf("cleanup: %v", err)
		}
	}
	mustBeWhole(t, a, next, later)
	for _, r := range []Record{noText, noList} {
		if _, err := a.Run(t.Context(), r.Run.RunID); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s is archived: %v", r.Run.SpecID, err)
		}
	}
}

func TestACleanupThatFailsTellsHowLargeTheArchiveIs(t *testing.T) {
	s := open(t, newFile(t))
	a := s.Archive(t.TempDir())
	mustRecord(t, s, aged(0, "S", cleanupNow, 40*day))
	want := cleaned(t, a, cleanupNow).Archive
	mustRecord(t, s, aged(1, "S", cleanupNow, 80*day))
	execute(t, s, "CREATE TRIGGER never BEFORE DELETE ON consensus_runs BEGIN SELECT RAISE(ABORT, 'never'); END")
	if _, c, err := a.Cleanup(t.Context(), keep, cleanupNow, nil); err == nil || c.Archived != 0 || c.Archive <= want {
		t.Errorf("%+v, %v; the archive took %d bytes", c, err, want)
	}
}

func TestACleanupThatIsStoppedTellsWhatItDid(t *testing.T) {
	s := open(t, newFile(t))
	a := s.Archive(t.TempDir())
	mustRecord(t, s, aged(0, "S", cleanupNow, 40*day), aged(1, "S", cleanupNow, 80*day))
	ctx, stop := context.WithCancel(t.Context())
	_, c, err := a.Cleanup(ctx, keep, cleanupNow, func(int64, int64) { stop() })
	if !errors.Is(err, context.Canceled) || c.Archived != 1 || c.Archive == 0 || c.After < c.Before || c.Before == 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestALogThatIsEmptiedIsNotSaidToBeSpaceGivenBack(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	for i := range 8 {
		mustRecord(t, s, aged(i, "YOUNG", cleanupNow, day))
	}
	c := cleaned(t, s.Archive(t.TempDir()), cleanupNow)
	if info, err := os.Stat(path); err != nil || c.Before != info.Size() || c.After != info.Size() {
		t.Errorf("%d bytes before, %d after, %v, %v", c.Before, c.After, info, err)
	}
}

func TestWhoeverHoldsTheArchiveIsNamed(t *testing.T) {
	s := open(t, newFile(t))
	a := s.Archive(filepath.Join(t.TempDir(), "a new home", "archive"))
	for _, take := range []func() (func() error, error){a.lock, func() (func() error, error) { return a.lockFor("another cleanup") }} {
		release, err := take()
		if err != nil {
			t.Fatal(err)
		}
		_, _, got := a.Cleanup(t.Context(), keep, cleanupNow, nil)
		if !errors.Is(got, ErrCleaning) || !strings.HasSuffix(got.Error(), fmt.Sprintf(" (process %d) is under way", os.Getpid())) {
			t.Errorf("cleanup: %v", got)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
	cleaned(t, a, cleanupNow)
}

func TestWhatAKilledCleanupWasWritingIsRemoved(t *testing.T) {
	s := open(t, newFile(t))
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, ".2026-05.zst.QWERTY.tmp"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	cleaned(t, s.Archive(folder), cleanupNow)
	if got := names(t, folder); !slices.Equal(got, []string{".lock"}) {
		t.Errorf("left %v", got)
	}
}

func TestTheArchiveIsNoMoreReadableThanTheDatabase(t *testing.T) {
	path, folder := newFile(t), t.TempDir()
	s := open(t, path)
	a := s.Archive(folder)
	for i, mode := range []os.FileMode{0o600, 0o640} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		r := aged(i, "S", cleanupNow, time.Duration(40+40*i)*day)
		mustRecord(t, s, r)
		cleaned(t, a, cleanupNow)
		if info, err := os.Stat(filepath.Join(folder, archive.FileName(Time(r.Run.Timestamp)))); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%v, %v; want %v", info, err, mode)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	cleaned(t, a, cleanupNow.AddDate(1, 0, 0))
	if info, err := os.Stat(filepath.Join(folder, deletedFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
