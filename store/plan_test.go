package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/consensusd/consensusd/store/postgrestest"
)

// queries returns the hand-written queries of an engine by name, with their comments.
func queries(t *testing.T, engine string) map[string]string {
	t.Helper()
	shared, err1 := filepath.Glob("../queries/*.sql")
	own, err2 := filepath.Glob("../queries/" + engine + "/*.sql")
	if len(shared) == 0 || len(own) == 0 {
		t.Fatalf("no queries: %v", cmp.Or(err1, err2))
	}
	texts := map[string]string{}
	for _, f := range append(shared, own...) {
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

var (
	parameter = regexp.MustCompile(`@(\w+)`)
	named     = regexp.MustCompile(`\bidx_\w+`)
)

// A planner returns an engine's plan for a query, with these values for its parameters.
type planner func(query string, values map[string]any) string

// sqlitePlans asks an empty database: SQLite's planner does not know the values,
// nor how many rows there are.
func sqlitePlans(t *testing.T) planner {
	t.Helper()
	s := open(t, newFile(t))
	return func(query string, _ map[string]any) string {
		var args []any
		for _, m := range parameter.FindAllStringSubmatch(query, -1) {
			args = append(args, sql.Named(m[1], 1))
		}
		return explained(t, s.reader, "EXPLAIN QUERY PLAN "+query, args)
	}
}

// postgresPlans asks a database of many runs: PostgreSQL's planner knows both.
func postgresPlans(t *testing.T) planner {
	t.Helper()
	s := open(t, postgrestest.Start(t).Database(t))
	execute(t, s, manyRuns...)
	return func(query string, values map[string]any) string {
		var args []any
		query = parameter.ReplaceAllStringFunc(query, func(name string) string {
			value, ok := values[name[1:]]
			if !ok {
				t.Fatalf("no value for %s in%s", name, query)
			}
			args = append(args, value)
			return fmt.Sprint("$", len(args))
		})
		return explained(t, s.reader, "EXPLAIN "+query, args)
	}
}

// manyRuns are 20,000 runs of 200 specs, one a minute, with ids in their order.
var manyRuns = []string{
	`CREATE TABLE n AS SELECT n, lpad(to_hex(1750000000 + 60 * n), 12, '0') || '-' || md5(n::TEXT) AS run_id FROM generate_series(1, 20000) n`,
	`INSERT INTO consensus_runs SELECT run_id, 'SPEC-' || n % 200, (ARRAY['plan', 'tasks', 'implement', 'validate', 'audit'])[1 + n / 200 % 5],
		1750000000 + 60 * n, n % 7 > 0, n % 3 = 0, '[]', '[]' FROM n`,
	`INSERT INTO agent_artifacts SELECT run_id || agent, run_id, agent, repeat('Yes, but. ', 20), '{}', 1750000000 + 60 * n
		FROM n, unnest(ARRAY['claude', 'gemini']) agent`,
	`INSERT INTO synthesis_results SELECT run_id || 's', run_id, repeat('They agree. ', 20), 'degraded', '{}', 1750000000 + 60 * n FROM n`,
	`INSERT INTO run_findings SELECT run_id, code, '', 'at most so much' FROM n, unnest(ARRAY['agent_failed', 'verdict_mismatch']) code`,
	`INSERT INTO receipts SELECT md5(run_id || i) || md5(i || run_id), 'stage=plan', 'inbox/' || run_id || '.json', 1000, 'answer', 'recorded', run_id, '', '{}', 1, n, n
		FROM n, generate_series(1, 2) i`,
	`INSERT INTO archived_runs SELECT 'old ' || run_id, spec_id, stage, timestamp, consensus_ok, degraded, missing_agents, conflicts, '[]', 2, 440,
		'archived', '2025-06.zst', md5(run_id), timestamp FROM consensus_runs`,
	`INSERT INTO pinned_runs SELECT run_id, 1 FROM consensus_runs`,
	`VACUUM ANALYZE`,
}

// asked are values with which a query is typically asked.
var asked = map[string]any{
	"run_id": "0000684f1234-x", "spec_id": "SPEC-100", "stage": "plan", "agent": "", "verdict": "", "code": "agent_failed", "detail": "",
	"since": int64(math.MinInt64), "before": int64(math.MaxInt64), "before_id": "", "page_size": 11,
	"from_time": 1750000000 + 60*19000, "until_time": int64(math.MaxInt64), "after_time": 1750000000 + 60*19000, "after_id": "",
	"after": "000068580000", "until": "000068582ee0", "sha256": "8", "identity": "", "file": "2025-06.zst", "archived_only": false,
}

// but returns the values of asked, with another one for each name in pairs.
func but(pairs ...any) map[string]any {
	values := maps.Clone(asked)
	for pair := range slices.Chunk(pairs, 2) {
		values[pair[0].(string)] = pair[1]
	}
	return values
}

func explained(t *testing.T, db *sql.DB, query string, args []any) string {
	t.Helper()
	r, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%v:%s", err, query)
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		t.Fatal(err)
	}
	into := make([]any, len(columns)) // the last one is a step
	for i := range into {
		into[i] = new(any)
	}
	var steps []string
	for r.Next() {
		if err := r.Scan(into...); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, fmt.Sprint(*into[len(into)-1].(*any)))
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}

// mustUseNamedIndexes fails the test unless queries use the indexes that their
// comments name. Those of unordered look at all rows anyway.
func mustUseNamedIndexes(t *testing.T, engine string, plan planner, unordered ...string) {
	t.Helper()
	var checked int
	for name, text := range queries(t, engine) {
		var indexes []string
		for _, m := range named.FindAllString(text, -1) {
			indexes = append(indexes, `(INDEX|using|on) `+m)
		}
		if strings.Contains(text, "The primary key") && strings.Contains(text, "SELECT") {
			indexes = append(indexes, `PRIMARY KEY|INDEX sqlite_autoindex_|using \w+_pkey`)
		}
		for _, index := range indexes {
			checked++
			if got := plan(text, asked); !regexp.MustCompile(index).MatchString(got) && !slices.Contains(unordered, name) {
				t.Errorf("%s does not use %s:\n%s", name, index, got)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d comments name an index", checked)
	}
}

func TestQuestionsAreAnsweredFromIndexes(t *testing.T) {
	plan, texts := sqlitePlans(t), queries(t, "sqlite")
	mustUseNamedIndexes(t, "sqlite", plan)
	for name, want := range map[string]string{
		"LatestRun":          "SEARCH consensus_runs USING INDEX idx_consensus_spec_stage (spec_id=? AND stage=?)",
		"ListSpecRuns":       "SEARCH r USING INDEX idx_consensus_spec_stage (spec_id=?)",
		"ListRuns":           "SEARCH r USING INDEX idx_consensus_timestamp (timestamp>? AND timestamp<?)",
		"ListArtifacts":      "SEARCH agent_artifacts USING INDEX idx_artifacts_run (run_id=?)",
		"ListStageArtifacts": "SEARCH r USING COVERING INDEX idx_consensus_spec_stage (spec_id=? AND stage=? AND timestamp<?)",
		"ListAgents":         "SEARCH agent_artifacts USING INDEX idx_artifacts_run (run_id=?)",
		"ListSyntheses":      "SEARCH synthesis_results USING INDEX idx_synthesis_run (run_id=?)",
		"ListReceipts":       "SEARCH receipts USING INDEX idx_receipts_run (run_id=?)",
		"ListFindings":       "SEARCH run_findings USING PRIMARY KEY (run_id=?)",
		"GetReceipt":         "SEARCH receipts USING PRIMARY KEY (sha256=? AND identity=?)",
	} {
		got := strings.ReplaceAll(plan(texts[name], asked), "SCAN page", "the page's rows") // not a table's
		if !strings.Contains(got, want) || strings.Contains(got, "SCAN") {
			t.Errorf("%s is not answered by %s:\n%s", name, want, got)
		}
	}
	for _, name := range []string{"ListRuns", "LatestRun", "ListStageArtifacts"} { // of equal times the ids may be sorted
		if got := plan(texts[name], asked); strings.Contains(got, "USE TEMP B-TREE FOR ORDER BY") {
			t.Errorf("%s sorts all runs:\n%s", name, got)
		}
	}
}

func TestQuestionsToPostgreSQLAreAnsweredFromIndexes(t *testing.T) {
	t.Parallel()
	plan, texts := postgresPlans(t), queries(t, "postgres")
	mustUseNamedIndexes(t, "postgres", plan, "CountRuns", "ListReceiptsWithoutRun", "ListArchivedRuns") // the last, of one spec and stage, from their index
	for _, name := range []string{
		"GetRun", "LatestRun", "ListRecentRuns", "ListArtifacts", "ListStageArtifacts", "ListAgents", "ListSyntheses", "ListFindings",
		"CountFindings", "ListReceipts", "GetReceipt", "ListReceiptsByHash", "LockRun", "LockReceipt",
		"ListRunSizes", "ListRunsBetween", "ListArtifactsBetween", "ListReceiptsBetween",
	} {
		if got := plan(texts[name], asked); strings.Contains(got, "Seq Scan") {
			t.Errorf("%s reads all rows of a table:\n%s", name, got)
		}
	}
	sortsAll := regexp.MustCompile(`(^|-> +)Sort\b`)
	for name, values := range map[string]map[string]any{
		"all":           asked,
		"of a stage":    but("stage", "tasks"),
		"of a verdict":  but("verdict", "failed"),
		"of an agent":   but("agent", "claude"),
		"a later page":  but("before", 1750000000+60*10000, "before_id", "0000"),
		"from a day on": but("since", 1750000000+60*18560),
	} {
		for _, query := range []string{"ListRuns", "ListSpecRuns"} {
			got := plan(texts[query], values)
			if strings.Contains(got, "Seq Scan") {
				t.Errorf("%s, %s, reads all rows of a table:\n%s", query, name, got)
			}
			if query == "ListRuns" && sortsAll.MatchString(got) {
				t.Errorf("%s, %s, sorts all runs:\n%s", query, name, got)
			}
		}
	}
}
