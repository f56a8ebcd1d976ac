package store

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

const day = 24 * time.Hour

var keep = Retention{Active: 30 * day, Archived: 90 * day, Quiet: 7 * day}

// aged is a whole run of a spec that is so old at the time now.
func aged(n int, spec string, now time.Time, age time.Duration) Record {
	r := sample(n)
	at := now.Add(-age)
	r.Run.SpecID, r.Run.Timestamp, r.Run.RunID = spec, at.Unix(), RunID(at, spec, "plan", string(rune('a'+n)))
	r.Artifacts[0] = answer(r.Run, "claude", strings.Repeat("Füge 'Tests' hinzu;\n-- 🙂 ", 1+n))
	r.Artifacts[1] = answer(r.Run, "gemini", "")
	r.Artifacts[0].Metadata = "{\"model\":\"claude-4.5\",\n \"tokens\": 1234}"
	r.Syntheses = []Synthesis{synthesis(r.Run, "Both agree.")}
	for i := range r.Findings {
		r.Findings[i].RunID = r.Run.RunID
	}
	for i := range r.Receipts {
		r.Receipts[i].RunID = r.Run.RunID
	}
	return r
}

func planned(t *testing.T, a *Archive, now time.Time) *Plan {
	t.Helper()
	p, err := a.Plan(t.Context(), keep, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func cleaned(t *testing.T, a *Archive, now time.Time) Cleaned {
	t.Helper()
	dry, err := json.Marshal(planned(t, a, now))
	if err != nil {
		t.Fatal(err)
	}
	plan, c, err := a.Cleanup(t.Context(), keep, now, nil)
	if err != nil {
		t.Fatal(err)
	}
	if done, err := json.Marshal(plan); err != nil || !bytes.Equal(dry, done) {
		t.Errorf("planned %s, done %s, %v", dry, done, err)
	}
	return c
}

func verified(t *testing.T, s *Store, a *Archive) {
	t.Helper()
	problems, err := s.Verify(t.Context(), nil)
	x, archiveErr := a.Verify(t.Context(), nil)
	if err := errors.Join(err, archiveErr); err != nil || len(problems)+len(x.Problems) > 0 {
		t.Errorf("verify: %v %+v %v", problems, x, err)
	}
}

// tier tells where a run is.
func tier(t *testing.T, s *Store, a *Archive, runID string) string {
	t.Helper()
	_, active := s.Run(t.Context(), runID)
	_, archived := a.Run(t.Context(), runID)
	switch {
	case active == nil && errors.Is(archived, ErrNotFound):
		return "active"
	case errors.Is(active, ErrNotFound) && archived == nil:
		return Archived
	case errors.Is(active, ErrNotFound) && errors.Is(archived, ErrDeleted):
		return Deleted
	}
	t.Errorf("run %s: %v, %v", runID, active, archived)
	return "lost"
}

func TestEveryRunIsInTheTierOfItsAge(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
		a := s.Archive(filepath.Join(t.TempDir(), "archive"))
		runs := []struct {
			record Record
			want   string
		}{
			{aged(0, "OLD", now, 30*day+time.Second), Archived},
			{aged(1, "OLD", now, 30*day), "active"},
			{aged(2, "OLD", now, 119*day), Archived},
			{aged(3, "OLD", now, 200*day), Archived}, // deleted by the next cleanup: nothing skips a tier
			{aged(4, "PINNED", now, 40*day), "active"},
			{aged(5, "BUSY", now, 300*day), "active"},
			{aged(6, "BUSY", now, 6*day), "active"},
			{aged(7, "CALM", now, 8*day), "active"},
			{aged(8, "CALM", now, 31*day), Archived},
			{aged(9, "AHEAD", now, -400*day), "active"},
			{aged(10, "AHEAD", now, 60*day), Archived}, // the future keeps nothing
			{aged(11, "ZERO", time.Unix(0, 0), 0), "active"},
		}
		for _, r := range runs {
			mustRecord(t, s, r.record)
		}
		if isNew, err := s.Pin(t.Context(), runs[4].record.Run.RunID, now); err != nil || !isNew {
			t.Fatal(isNew, err)
		}
		plan := planned(t, a, now)
		stay := []Stay{{StayPinned, 1, []string{"PINNED"}}, {StayQuiet, 1, []string{"BUSY"}}, {StayNoTime, 1, []string{"ZERO"}}, {StayFuture, 1, []string{"AHEAD"}}}
		if diff := cmp.Diff(stay, plan.Stay); diff != "" || plan.Archive.Runs != 5 || plan.Delete.Runs != 0 {
			t.Errorf("%+v\n%s", plan, diff)
		}
		if c := cleaned(t, a, now); c.Archived != 5 || c.Changed != 0 || c.Content != plan.Archive.Bytes {
			t.Errorf("%+v, planned %+v", c, plan.Archive)
		}
		for i, r := range runs {
			if got := tier(t, s, a, r.record.Run.RunID); got != r.want {
				t.Errorf("run %d is %s, not %s", i, got, r.want)
			}
			if r.want != Archived {
				continue
			}
			got, err := a.Whole(t.Context(), r.record.Run.RunID)
			if diff := cmp.Diff(r.record, got); diff != "" || err != nil {
				t.Errorf("run %d: %v\n%s", i, err, diff)
			}
		}
		for again, deleted := range []int64{1, 0} {
			if c := cleaned(t, a, now); c.Archived+c.Changed != 0 || c.Deleted != deleted {
				t.Errorf("cleanup %d after it: %+v", again+1, c)
			}
		}
		if got := tier(t, s, a, runs[3].record.Run.RunID); got != Deleted {
			t.Errorf("what was older than the archive keeps is %s", got)
		}
		verified(t, s, a)
	})
}

// A time that is longer than a time.Duration can be begins again below nothing: it
// must not pass for the end of all runs.
func TestNothingIsCleanedUpByATimeThatIsNone(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		a := s.Archive(filepath.Join(t.TempDir(), "archive"))
		young, old := aged(0, "S", cleanupNow, 10*day), aged(1, "T", cleanupNow, 40*day)
		mustRecord(t, s, young, old)
		cleaned(t, a, cleanupNow)
		const ever = math.MaxInt64
		for _, keep := range []Retention{
			{Active: -1, Archived: 90 * day}, {Active: 30 * day, Archived: -1}, {Active: 30 * day, Archived: 90 * day, Quiet: -1}, {Active: ever, Archived: ever},
		} {
			if _, err := a.Plan(t.Context(), keep, cleanupNow); err == nil {
				t.Errorf("%+v: planned", keep)
			}
			if _, _, err := a.Cleanup(t.Context(), keep, cleanupNow, nil); err == nil {
				t.Errorf("%+v: cleaned up", keep)
			}
		}
		if got := tier(t, s, a, young.Run.RunID) + tier(t, s, a, old.Run.RunID); got != "active"+Archived {
			t.Error(got)
		}
	})
}

func TestWhatIsDeletedFromTheArchiveIsNotResurrected(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
		folder := filepath.Join(t.TempDir(), "archive")
		a := s.Archive(folder)
		old, younger := aged(0, "S", now, 40*day), aged(1, "S", now, 31*day)
		mustRecord(t, s, old)
		mustRecord(t, s, younger)
		cleaned(t, a, now)
		later := now.Add(80*day + time.Hour)
		if c := cleaned(t, a, later); c.Deleted != 1 || c.Archived != 0 {
			t.Errorf("%+v", c)
		}
		if got := tier(t, s, a, old.Run.RunID) + " " + tier(t, s, a, younger.Run.RunID); got != "deleted archived" {
			t.Error(got)
		}
		lines, err := os.ReadFile(filepath.Join(folder, "deleted.jsonl"))
		if err != nil || bytes.Count(lines, []byte("\n")) != 1 || !strings.Contains(string(lines), old.Run.RunID) {
			t.Errorf("%s, %v", lines, err)
		}
		names, err := a.files()
		if diff := cmp.Diff([]string{"2026-05.zst"}, names); diff != "" || err != nil {
			t.Errorf("files: %s %v", diff, err)
		}
		for _, r := range []Record{old, younger} {
			results, err := s.RecordAll(t.Context(), []Entry{{Record: r}})
			if err != nil || results[0].Outcome != Duplicate || results[0].RunID != r.Run.RunID {
				t.Errorf("the same again: %+v, %v", results, err)
			}
		}
		for code, r := range map[string]Record{CodeDeleted: old, CodeArchived: younger} {
			r.Receipts = []Receipt{document(r.Run, "late.json", "answer")}
			results, err := s.RecordAll(t.Context(), []Entry{{Record: r}})
			if err != nil || results[0].Outcome != Refused || results[0].Err.Code != code {
				t.Errorf("%s: %+v, %v", code, results, err)
			}
		}
		verified(t, s, a)
	})
}

func TestARunThatChangesBetweenPlanAndCleanupStays(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
		a := s.Archive(t.TempDir())
		pinned, amended, untouched := aged(0, "S", now, 40*day), aged(1, "S", now, 41*day), aged(2, "S", now, 42*day)
		for _, r := range []Record{pinned, amended, untouched} {
			mustRecord(t, s, r)
		}
		plan := planned(t, a, now)
		m := &month{cleaning: &cleaning{archive: a, store: s, plan: plan}, file: plan.aging[0].file(), runs: plan.aging, written: map[string]written{}}
		for range m.lines(t.Context()) { // what the archive is written from
		}
		if _, err := s.Pin(t.Context(), pinned.Run.RunID, now); err != nil {
			t.Fatal(err)
		}
		more := amended
		more.Artifacts = append([]Artifact{answer(amended.Run, "qwen", "me too")}, more.Artifacts...)
		more.Receipts = []Receipt{document(amended.Run, "late.json", "answer")}
		_, err := s.RecordAll(t.Context(), []Entry{{Record: more, Merge: func(Record) (Record, error) { return more, nil }}})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.remove(t.Context(), plan.aging); err != nil {
			t.Fatal(err)
		}
		if m.result.Archived != 1 || m.result.Changed != 2 {
			t.Errorf("%+v", m.result)
		}
		for r, want := range map[string]string{pinned.Run.RunID: "active", amended.Run.RunID: "active"} {
			if got := tier(t, s, a, r); got != want {
				t.Errorf("%s, not %s", got, want)
			}
		}
	})
}

func TestARestoredRunIsEqualToTheByteAndStays(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
		a := s.Archive(t.TempDir())
		one, two := aged(3, "S", now, 40*day), aged(4, "S", now, 41*day)
		mustRecord(t, s, one)
		mustRecord(t, s, two)
		cleaned(t, a, now)
		if n, err := a.Restore(t.Context(), now, one.Run.RunID); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		got, err := s.Whole(t.Context(), one.Run.RunID)
		if diff := cmp.Diff(one, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		if n, err := a.Restore(t.Context(), now, one.Run.RunID); err != nil || n != 0 {
			t.Errorf("again: %d, %v", n, err)
		}
		if _, err := a.Restore(t.Context(), now, two.Run.RunID, "nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
		cleaned(t, a, now)
		if got := tier(t, s, a, one.Run.RunID) + " " + tier(t, s, a, two.Run.RunID); got != "active archived" {
			t.Error(got)
		}
		verified(t, s, a)
	})
}

func TestRunsOfALostDatabaseAreFoundAgainInTheArchive(t *testing.T) {
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	folder := t.TempDir()
	r, other := aged(0, "S", now, 40*day), aged(1, "S", now, 41*day)
	lost := open(t, newFile(t))
	mustRecord(t, lost, r, other)
	cleaned(t, lost.Archive(folder), now)

	s := open(t, newFile(t))
	a := s.Archive(folder)
	want := ArchiveExamination{[]Problem{{
		"archive_unlisted", "archive", "2026-05.zst", "the database knows nothing of 2 runs, such as " + other.Run.RunID + ", in it: consensusd cleanup lists what is there again",
	}}, 1, 2}
	x, err := a.Verify(t.Context(), nil)
	if diff := cmp.Diff(want, x); diff != "" || err != nil {
		t.Errorf("verify: %v\n%s", err, diff)
	}
	for _, want := range []int64{2, 0} {
		if c := cleaned(t, a, now); c.Listed != want || c.Archived+c.Deleted+c.Changed != 0 {
			t.Errorf("%+v, want %d listed", c, want)
		}
	}
	got, err := a.Whole(t.Context(), r.Run.RunID)
	r.Receipts = got.Receipts // they were lost
	if diff := cmp.Diff(r, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	verified(t, s, a)
}
