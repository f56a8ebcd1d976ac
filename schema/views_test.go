package schema_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// evidence is one run of every verdict, with everyone who can belong to one.
const evidence = `
INSERT INTO consensus_runs VALUES
    ('r1', 'S1', 'plan',  100, TRUE, FALSE, '[]', '[]'),
    ('r2', 'S1', 'tasks', 200, TRUE, TRUE, '["qwen","gemini"]', '[]'),
    ('r3', 'S2', 'plan',  300, FALSE, TRUE, '[]', '["a","b"]'),
    ('r4', 'S2', 'tasks', 400, FALSE, FALSE, '["claude"]', '[]');
INSERT INTO agent_artifacts VALUES
    ('a1', 'r1', 'claude', 'yes',  '{"n":1}', 101),
    ('a2', 'r1', 'gemini', 'ü€🙂', '{}',      102),
    ('a3', 'r1', 'gemini', '',     '{}',      103),
    ('a4', 'r2', 'claude', 'no',   '{}',      201),
    ('a5', 'r2', 'gemini', 'boom', '{"error":"exit status 1"}', 202);
INSERT INTO run_findings VALUES
    ('r2', 'agent_failed', 'gemini', 'exit status 1'),
    ('r2', 'minority', '', '1 of 3'),
    ('r3', 'no_artifacts', '', '');`

func TestViewsReturnWhatTheyPromise(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testViews(t, migrated(t)) })
	t.Run("postgres", func(t *testing.T) { testViews(t, migratedPostgres(t)) })
}

func testViews(t *testing.T, db *sql.DB) {
	execute(t, db, evidence)
	tests := []struct{ view, columns, order, want string }{
		{
			"v1_runs", "run_id spec_id stage timestamp verdict consensus_ok degraded missing_agents conflicts artifacts findings", "run_id", `
			r1 S1 plan 100 unanimous true false [] [] 3 0
			r2 S1 tasks 200 degraded true true ["qwen","gemini"] [] 2 2
			r3 S2 plan 300 failed false true [] ["a","b"] 0 1
			r4 S2 tasks 400 failed false false ["claude"] [] 0 0`,
		}, {
			"v1_artifacts", "artifact_id run_id spec_id stage timestamp agent content bytes metadata created_at", "artifact_id", `
			a1 r1 S1 plan 100 claude yes 3 {"n":1} 101
			a2 r1 S1 plan 100 gemini ü€🙂 9 {} 102
			a3 r1 S1 plan 100 gemini  0 {} 103
			a4 r2 S1 tasks 200 claude no 2 {} 201
			a5 r2 S1 tasks 200 gemini boom 4 {"error":"exit status 1"} 202`,
		}, {
			"v1_agents", "run_id spec_id stage timestamp agent artifacts bytes missing", "run_id, agent", `
			r1 S1 plan 100 claude 1 3 0
			r1 S1 plan 100 gemini 2 9 0
			r2 S1 tasks 200 claude 1 2 0
			r2 S1 tasks 200 gemini 1 4 1
			r2 S1 tasks 200 qwen 0 0 1
			r4 S2 tasks 400 claude 0 0 1`,
		}, {
			"v1_findings", "run_id spec_id stage timestamp code agent detail", "run_id, code", `
			r2 S1 tasks 200 agent_failed gemini exit status 1
			r2 S1 tasks 200 minority  1 of 3
			r3 S2 plan 300 no_artifacts  `,
		},
	}
	for _, test := range tests {
		columns := columnsOf(t, db, test.view)
		if diff := cmp.Diff(strings.Fields(test.columns), columns); diff != "" {
			t.Errorf("columns of %s (-want +got):\n%s", test.view, diff)
		}
		// SQLite has no booleans of its own: who asks WHERE missing notices nothing.
		list := strings.Replace(strings.Join(columns, ", "), "missing", "CASE WHEN missing THEN 1 ELSE 0 END", 1)
		if test.view != "v1_agents" {
			list = "*"
		}
		want := strings.Split(strings.ReplaceAll(strings.TrimPrefix(test.want, "\n"), "\t", ""), "\n")
		if diff := cmp.Diff(want, rows(t, db, "SELECT "+list+" FROM "+test.view+" ORDER BY "+test.order)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.view, diff)
		}
	}
}

func columnsOf(t *testing.T, db *sql.DB, view string) []string {
	t.Helper()
	r, err := db.QueryContext(t.Context(), "SELECT * FROM "+view)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		t.Fatal(err)
	}
	return columns
}
