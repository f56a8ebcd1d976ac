package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestVerifyLooksAtEveryRunAndTellsHowFarItIs(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		const runs = 430
		var all []Record
		for n := range runs {
			all = append(all, small(n, "S", "plan", "claude"))
		}
		mustRecord(t, s, all...)
		// The last run by id is the last to be looked at.
		execute(t, s, "UPDATE agent_artifacts SET content = 'no' WHERE run_id = (SELECT MAX(run_id) FROM consensus_runs)")
		var progress [][2]int64
		problems, err := s.Verify(t.Context(), func(done, all int64) { progress = append(progress, [2]int64{done, all}) })
		if len(problems) != 1 || err != nil {
			t.Errorf("Verify = %v, %v, want one problem", problems, err)
		}
		if diff := cmp.Diff([][2]int64{{200, runs}, {400, runs}, {runs, runs}}, progress); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
	})
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	run := sample(1).Run.RunID
	tests := map[string]struct {
		harm string
		want []Problem // Why is part of each
	}{
		"content of an artifact": {
			"UPDATE agent_artifacts SET content = content || ' ' WHERE agent = 'claude' AND run_id = '" + run + "'",
			[]Problem{
				{"artifact_altered", "artifact", sample(1).Artifacts[0].ArtifactID, "its content is not what was recorded"},
			},
		},
		"agent of an artifact": {
			"UPDATE agent_artifacts SET agent = 'gpt' WHERE agent = 'claude' AND run_id = '" + run + "'",
			[]Problem{
				{"artifact_altered", "artifact", sample(1).Artifacts[0].ArtifactID, "its content is not what was recorded"},
			},
		},
		"run of an artifact": {
			"UPDATE agent_artifacts SET run_id = '" + sample(2).Run.RunID + "' WHERE agent = 'claude' AND run_id = '" + run + "'",
			[]Problem{
				{"artifact_altered", "artifact", sample(1).Artifacts[0].ArtifactID, "(run " + sample(2).Run.RunID + ")"},
			},
		},
		"content of a synthesis": {
			"UPDATE synthesis_results SET synthesized_content = 'Nobody agrees.' WHERE run_id = '" + run + "'",
			[]Problem{
				{"synthesis_altered", "synthesis", sample(1).Syntheses[0].SynthesisID, "its content is not what was recorded"},
			},
		},
		"verdict better than the run": {
			"UPDATE synthesis_results SET consensus_verdict = 'unanimous' WHERE run_id = '" + run + "'",
			[]Problem{
				{"verdict_differs", "synthesis", sample(1).Syntheses[0].SynthesisID, "verdict unanimous, but its run is degraded"},
			},
		},
		"artifacts": {
			"DELETE FROM agent_artifacts WHERE run_id = '" + run + "'",
			[]Problem{
				{"artifacts_gone", "run", run, "its artifacts are gone"},
			},
		},
		"a receipt that says rejected": {
			"UPDATE receipts SET state = 'rejected' WHERE sha256 = '" + sample(1).Receipts[0].SHA256 + "'",
			[]Problem{
				{"receipt_state", "receipt", sample(1).Receipts[0].SHA256, "it is part of run " + run + ", and says rejected"},
			},
		},
		"a receipt that names no run": {
			"UPDATE receipts SET run_id = '' WHERE sha256 = '" + sample(1).Receipts[0].SHA256 + "'",
			[]Problem{
				{"receipt_without_run", "receipt", sample(1).Receipts[0].SHA256, "and names no run"},
			},
		},
		"a list that is no JSON": {
			"UPDATE consensus_runs SET missing_agents = '{' WHERE run_id = '" + run + "'",
			[]Problem{
				{"run_unreadable", "run", run, "no JSON array of strings"},
			},
		},
		"run better than its verdict": {
			"UPDATE consensus_runs SET degraded = FALSE WHERE run_id = '" + run + "'",
			[]Problem{
				{"verdict_differs", "synthesis", sample(1).Syntheses[0].SynthesisID, "verdict degraded, but its run is unanimous"},
				{"not_degraded", "run", sample(1).Run.RunID, "agents are missing, and yet it is not degraded"},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, s *Store) {
				mustRecord(t, s, sample(0), sample(1), sample(2))
				mustBeWell(t, s)
				execute(t, s, test.harm)
				mustFind(t, s, test.want...)
			})
		})
	}
}

func TestVerifyFindsReceiptsWithoutTheirRun(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		r := sample(1)
		mustRecord(t, s, sample(0), r)
		if _, err := s.Reject(t.Context(), document(Run{}, "bad.json", "malformed")); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"agent_artifacts", "synthesis_results", "run_findings", "consensus_runs"} {
			execute(t, s, "DELETE FROM "+table+" WHERE run_id = '"+r.Run.RunID+"'")
		}
		mustFind(t, s,
			Problem{"receipt_without_run", "receipt", r.Receipts[0].SHA256, "its run " + r.Run.RunID + " is not in the database (file " + r.Receipts[0].Path + ")"},
			Problem{"receipt_without_run", "receipt", r.Receipts[1].SHA256, r.Receipts[1].Path})
	})
}

func TestVerifyFindsEachOfVeryManyReceiptsWithoutTheirRun(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		const runs = 2*pageRuns + 1
		var all []Record
		for n := range runs {
			all = append(all, small(n, "S", "plan", "claude"))
			all[n].Receipts = []Receipt{document(all[n].Run, fmt.Sprint(n, ".json"), "")}
		}
		mustRecord(t, s, all...)
		for _, table := range []string{"agent_artifacts", "synthesis_results", "run_findings", "consensus_runs"} {
			execute(t, s, "DELETE FROM "+table)
		}
		problems, err := s.Verify(t.Context(), nil)
		found := map[string]bool{}
		for _, p := range problems {
			found[p.Code+" "+p.Which] = true
		}
		if err != nil || len(problems) != runs || len(found) != runs {
			t.Errorf("%d problems with %d receipts, %v, want %d", len(problems), len(found), err, runs)
		}
	})
}

func TestVerifyFindsRowsWithoutTheirRun(t *testing.T) {
	s := open(t, newFile(t))
	r := sample(1)
	r.Receipts = nil
	mustRecord(t, s, sample(0), r)
	if _, err := plain(t, s.target).ExecContext(t.Context(), "DELETE FROM consensus_runs WHERE run_id = ?", r.Run.RunID); err != nil {
		t.Fatal(err)
	}
	orphan := func(table string) Problem {
		return Problem{"foreign_key", "database", s.target, "foreign key: " + table}
	}
	mustFind(t, s, orphan("agent_artifacts"), orphan("agent_artifacts"), orphan("run_findings"), orphan("run_findings"), orphan("synthesis_results"))
}

// A bit flipped on the disk is nothing that SQLite itself would notice.
func TestVerifyFindsAFlippedBit(t *testing.T) {
	s := open(t, newFile(t))
	r := sample(1)
	r.Artifacts[0] = answer(r.Run, "claude", strings.Repeat("A mark to be found in the file. ", 500))
	mustRecord(t, s, r)
	closeStore(t, s)
	damage(t, s.target, 0, "mark to be found", "mark to be fount")
	mustFind(t, openReadOnly(t, s.target), Problem{"artifact_altered", "artifact", r.Artifacts[0].ArtifactID, "its content is not what was recorded"})
}

func TestVerifyFindsAnIndexThatHasLostARow(t *testing.T) {
	s := open(t, newFile(t))
	mustRecord(t, s, sample(1))
	at := pageOf(t, s, "idx_consensus_spec_stage")
	closeStore(t, s)
	damage(t, s.target, at, sample(1).Run.SpecID, "SPEC-KIT-???")
	mustFind(t, openReadOnly(t, s.target), Problem{"database_damaged", "database", s.target, "integrity: row 1 missing from index idx_consensus_spec_stage"})
}

func TestVerifyFindsADamagedPageAndSaysWhatToDo(t *testing.T) {
	s := open(t, newFile(t))
	mustRecord(t, s, sample(1))
	at := pageOf(t, s, "agent_artifacts")
	closeStore(t, s)
	damage(t, s.target, at, "\r\x00\x00", "\x00\x00\x00") // the type of the page
	problems, err := openReadOnly(t, s.target).Verify(t.Context(), nil)
	if err != nil || len(problems) < 2 || !strings.Contains(problems[len(problems)-1].Why, "restore a backup") {
		t.Errorf("Verify = %v, %v, want what is damaged and what to do", problems, err)
	}
}

// pageOf returns where in the file the root of a table or index begins.
func pageOf(t *testing.T, s *Store, name string) (offset int) {
	t.Helper()
	var page, size int
	if err := s.reader.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = ?", name).Scan(&page); err != nil {
		t.Fatal(err)
	}
	if err := s.reader.QueryRowContext(t.Context(), "PRAGMA page_size").Scan(&size); err != nil {
		t.Fatal(err)
	}
	return (page - 1) * size
}

// damage replaces the first was in a closed file, from offset on.
func damage(t *testing.T, path string, offset int, was, is string) {
	t.Helper()
	content := read(t, path)
	at := strings.Index(content[offset:], was)
	if at < 0 {
		t.Fatalf("%q is not in the file", was)
	}
	at += offset
	write(t, path, content[:at]+is+content[at+len(was):])
}

// mustFind fails the test unless Verify finds these problems, and no others,
// in whatever order.
func mustFind(t *testing.T, s *Store, want ...Problem) {
	t.Helper()
	got, err := s.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sorted := cmpopts.SortSlices(func(a, b Problem) bool { return a.Code+a.Which+a.Why < b.Code+b.Which+b.Why })
	if diff := cmp.Diff(want, got, partOfWhy, sorted); diff != "" {
		t.Errorf("Verify (-want +got):\n%s", diff)
	}
}

// partOfWhy compares problems: one of the two may say but a part of why.
var partOfWhy = cmp.Comparer(func(a, b Problem) bool {
	return a.Code == b.Code && a.What == b.What && a.Which == b.Which && (strings.Contains(a.Why, b.Why) || strings.Contains(b.Why, a.Why))
})
