package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCompareTellsWhatDiffers(t *testing.T) {
	id := func(n int) string { return sample(n).Run.RunID }
	both := func(t *testing.T, _, recorded *Store) { mustRecord(t, recorded, sample(1), sample(2)) }
	tests := map[string]struct {
		harm func(t *testing.T, replay, recorded *Store)
		want Compared // Why is part of what is said
	}{
		"nothing": {both, Compared{Runs: 2, Same: 2}},
		"more in the database": {
			func(t *testing.T, _, recorded *Store) { mustRecord(t, recorded, sample(1), sample(2), sample(3)) },
			Compared{Runs: 2, Same: 2, Absent: 1},
		},
		"when and how often": {
			func(t *testing.T, replay, recorded *Store) {
				both(t, replay, recorded)
				execute(t, recorded, "UPDATE receipts SET attempts = 7, first_seen = 1, settled_at = 2, path = 'elsewhere'")
				execute(t, recorded, "INSERT INTO run_findings VALUES ('"+id(1)+"', 'late_artifact', 'claude', '')")
			},
			Compared{Runs: 2, Same: 2},
		},
		"a document more": {
			func(t *testing.T, replay, recorded *Store) {
				both(t, replay, recorded)
				execute(t, replay, "DELETE FROM receipts WHERE sha256 = '"+sample(1).Receipts[0].SHA256+"'")
				execute(t, replay, "UPDATE consensus_runs SET consensus_ok = FALSE WHERE run_id = '"+id(1)+"'")
			},
			Compared{Runs: 2, Same: 1, Fewer: 1},
		},
		"a document less": {
			func(t *testing.T, replay, recorded *Store) {
				both(t, replay, recorded)
				execute(t, recorded, "DELETE FROM receipts WHERE sha256 = '"+sample(1).Receipts[0].SHA256+"'")
			},
			Compared{Runs: 2, Same: 1, Problems: []Problem{{"run_differs", "run", id(1), "receipt of " + sample(1).Receipts[0].Path + " lacks"}}},
		},
		"an answer": {
			func(t *testing.T, replay, recorded *Store) {
				both(t, replay, recorded)
				execute(t, recorded, "DELETE FROM agent_artifacts WHERE agent = 'claude' AND run_id = '"+id(2)+"'")
			},
			Compared{Runs: 2, Same: 1, Problems: []Problem{{"run_differs", "run", id(2), "artifact of claude lacks"}}},
		},
		"a finding": {
			func(t *testing.T, replay, recorded *Store) {
				both(t, replay, recorded)
				execute(t, recorded, "INSERT INTO run_findings VALUES ('"+id(1)+"', 'truncated', 'claude', 'much')")
			},
			Compared{Runs: 2, Same: 1, Problems: []Problem{{"run_differs", "run", id(1), "finding truncated claude (much) too many"}}},
		},
		"a verdict": {
			func(t *testing.T, replay, recorded *Store) {
				both(t, replay, recorded)
				execute(t, recorded, "UPDATE consensus_runs SET degraded = FALSE WHERE run_id = '"+id(1)+"'")
			},
			Compared{Runs: 2, Same: 1, Problems: []Problem{{"run_differs", "run", id(1), "verdict unanimous, not degraded"}}},
		},
		"a run": {
			func(t *testing.T, _, recorded *Store) { mustRecord(t, recorded, sample(1)) },
			Compared{Runs: 2, Same: 1, Problems: []Problem{{"document_lacks", "run", id(2), sample(2).Receipts[0].Path}}},
		},
		"a run but for its receipts": {
			func(t *testing.T, replay, recorded *Store) {
				both(t, replay, recorded)
				for _, table := range []string{"agent_artifacts", "synthesis_results", "run_findings", "consensus_runs"} {
					execute(t, recorded, "DELETE FROM "+table+" WHERE run_id = '"+id(2)+"'")
				}
			},
			Compared{Runs: 2, Same: 1, Problems: []Problem{{"run_lacks", "run", id(2), "which is not there"}}},
		},
		"a run that is archived": {
			func(t *testing.T, _, recorded *Store) {
				both(t, nil, recorded)
				retire(t, recorded, cleanupNow)
			},
			Compared{Runs: 2, Retired: 2},
		},
		"a run that is deleted": {
			func(t *testing.T, _, recorded *Store) {
				both(t, nil, recorded)
				retire(t, recorded, cleanupNow, cleanupNow.AddDate(1, 0, 0))
			},
			Compared{Runs: 2, Retired: 2},
		},
		"documents in another run": {
			func(t *testing.T, _, recorded *Store) {
				other := sample(3)
				other.Receipts = sample(2).Receipts
				mustRecord(t, recorded, sample(1), other)
			},
			Compared{Runs: 2, Same: 1, Problems: []Problem{{"run_grouped_otherwise", "run", id(2), "are recorded as run " + id(3)}}},
		},
		"some documents, in a run of another id": {
			func(t *testing.T, _, recorded *Store) {
				other := sample(3)
				other.Receipts = append(other.Receipts, sample(2).Receipts...)
				mustRecord(t, recorded, sample(1), other)
			},
			Compared{Runs: 2, Same: 1, Fewer: 1},
		},
		"documents in two runs": {
			func(t *testing.T, _, recorded *Store) {
				one, other := sample(3), sample(4)
				one.Receipts, other.Receipts = sample(2).Receipts[:1], sample(2).Receipts[1:]
				mustRecord(t, recorded, sample(1), one, other)
			},
			Compared{Runs: 2, Same: 1, Absent: 2, Problems: []Problem{{"run_grouped_otherwise", "run", id(2), "parts of 2 runs"}}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, recorded *Store) {
				replay := open(t, newFile(t))
				mustRecord(t, replay, sample(1), sample(2))
				test.harm(t, replay, recorded)
				var looked int64
				got, err := Compare(t.Context(), replay, recorded, func(done, _ int64) { looked = done })
				if err != nil || looked != got.Runs {
					t.Errorf("compared %d of %d runs, %v", looked, got.Runs, err)
				}
				if test.want.Problems == nil {
					test.want.Problems = []Problem{}
				}
				if diff := cmp.Diff(test.want, got, partOfWhy); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

// retire applies retention at each of these times to a store whose runs are old.
func retire(t *testing.T, s *Store, at ...time.Time) {
	t.Helper()
	a := s.Archive(t.TempDir())
	for _, now := range at {
		if _, _, err := a.Cleanup(t.Context(), keep, now, nil); err != nil {
			t.Fatal(err)
		}
	}
}
