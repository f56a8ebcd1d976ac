package store

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// queries returns the hand-written queries by name, with their comments.
func queries(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no queries: %v", err)
	}
	texts := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range strings.Split(string(b), "-- name: ")[1:] {
			name, text, _ := strings.Cut(q, " ")
			texts[name] = text[strings.Index(text, "\n"):]
		}
	}
	return texts
}

var parameter = regexp.MustCompile(`@(\w+)`)

// plan returns SQLite's plan for a query.
func plan(t *testing.T, s *Store, query string) string {
	t.Helper()
	var args []any
	for _, m := range parameter.FindAllStringSubmatch(query, -1) {
		args = append(args, sql.Named(m[1], 1))
	}
	r, err := s.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var steps []string
	for r.Next() {
		var id, parent, unused int
		var step string
		if err := r.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}

func TestQueriesUseTheIndexesTheyName(t *testing.T) {
	s := open(t, newFile(t))
	named := regexp.MustCompile(`[Ii]ndex (idx_\w+)`)
	var checked int
	for name, text := range queries(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			checked++
			if got := plan(t, s, text); !strings.Contains(got, "INDEX "+m[1]) {
				t.Errorf("%s does not use %s:\n%s", name, m[1], got)
			}
		}
		if strings.Contains(text, "The primary key.") && strings.Contains(text, "SELECT") {
			checked++
			if got := plan(t, s, text); !strings.Contains(got, "PRIMARY KEY") && !strings.Contains(got, "INDEX sqlite_autoindex_") {
				t.Errorf("%s does not use the primary key:\n%s", name, got)
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d comments name an index", checked)
	}
}

func TestQuestionsAreAnsweredFromIndexes(t *testing.T) {
	s := open(t, newFile(t))
	texts := queries(t)
	for name, want := range map[string]string{
		"LatestRun":     "SEARCH consensus_runs USING INDEX idx_consensus_spec_stage (spec_id=? AND stage=?)",
		"ListSpecRuns":  "SEARCH r USING INDEX idx_consensus_spec_stage (spec_id=?)",
		"ListRuns":      "SEARCH r USING INDEX idx_consensus_timestamp (timestamp>? AND timestamp<?)",
		"ListArtifacts": "SEARCH agent_artifacts USING INDEX idx_artifacts_run (run_id=?)",
		"ListAgents":    "SEARCH agent_artifacts USING INDEX idx_artifacts_run (run_id=?)",
		"ListSyntheses": "SEARCH synthesis_results USING INDEX idx_synthesis_run (run_id=?)",
		"ListReceipts":  "SEARCH receipts USING INDEX idx_receipts_run (run_id=?)",
		"ListFindings":  "SEARCH run_findings USING PRIMARY KEY (run_id=?)",
		"GetReceipt":    "SEARCH receipts USING PRIMARY KEY (sha256=? AND identity=?)",
	} {
		got := plan(t, s, texts[name])
		if !strings.Contains(got, want) || strings.Contains(got, "SCAN") {
			t.Errorf("%s is not answered by %s:\n%s", name, want, got)
		}
	}
}

func TestListingRunsDoesNotSortThemAll(t *testing.T) {
	s := open(t, newFile(t))
	if got := plan(t, s, queries(t)["ListRuns"]); strings.Contains(got, "USE TEMP B-TREE FOR ORDER BY") {
		t.Errorf("ListRuns sorts all runs:\n%s", got)
	}
}
