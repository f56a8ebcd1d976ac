package schema_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/mattn/go-sqlite3"

	"github.com/consensusd/consensusd/schema"
)

// contract is the public interface for plain SQL, word for word. It never
// changes: whoever has to change it here has broken somebody's query. Only an
// index may get further columns behind its own.
const contract = `
CREATE TABLE consensus_runs (
    run_id TEXT PRIMARY KEY, spec_id TEXT NOT NULL, stage TEXT NOT NULL, timestamp INTEGER NOT NULL,
    consensus_ok BOOLEAN, degraded BOOLEAN,
    missing_agents TEXT,
    conflicts TEXT
);
CREATE TABLE agent_artifacts (
    artifact_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, agent TEXT NOT NULL, content TEXT NOT NULL,
    metadata TEXT,
    created_at INTEGER,
    FOREIGN KEY (run_id) REFERENCES consensus_runs(run_id)
);
CREATE TABLE synthesis_results (
    synthesis_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, synthesized_content TEXT NOT NULL,
    consensus_verdict TEXT,
    metadata TEXT, created_at INTEGER,
    FOREIGN KEY (run_id) REFERENCES consensus_runs(run_id)
);
CREATE INDEX idx_consensus_spec_stage ON consensus_runs(spec_id, stage, timestamp, run_id);
CREATE INDEX idx_consensus_timestamp ON consensus_runs(timestamp);
CREATE INDEX idx_artifacts_run ON agent_artifacts(run_id);
CREATE INDEX idx_synthesis_run ON synthesis_results(run_id);`

var publicTables = []string{"consensus_runs", "agent_artifacts", "synthesis_results"}

func TestThePublicTablesAndIndexesAreThoseOfTheContract(t *testing.T) {
	promised := newDB(t)
	execute(t, promised, contract)
	actual := migrated(t)
	for _, table := range publicTables {
		for _, question := range []string{
			"SELECT * FROM pragma_table_xinfo('" + table + "')", // name, type, not null, default, primary key, hidden
			"SELECT * FROM pragma_foreign_key_list('" + table + "')",
			"SELECT name, [unique], origin, partial FROM pragma_index_list('" + table + "') ORDER BY name",
			"SELECT l.name, i.* FROM pragma_index_list('" + table + "') l, pragma_index_xinfo(l.name) i ORDER BY l.name, i.seqno",
		} {
			if diff := cmp.Diff(rows(t, promised, question), rows(t, actual, question)); diff != "" {
				t.Errorf("%s (-promised +actual):\n%s", question, diff)
			}
		}
	}
}

func TestThereIsNothingElseInTheDatabaseThanThis(t *testing.T) {
	got := rows(t, migrated(t), "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_autoindex_%' ORDER BY type, name")
	want := []string{
		"index idx_archived_spec_stage", "index idx_archived_timestamp", "index idx_artifacts_run", "index idx_consensus_spec_stage", "index idx_consensus_timestamp",
		"index idx_receipts_run", "index idx_synthesis_run",
		"table agent_artifacts", "table archived_runs", "table consensus_runs", "table goose_db_version", "table pinned_runs", "table receipts",
		"table run_findings", "table sqlite_sequence", "table synthesis_results",
		"view v1_agents", "view v1_artifacts", "view v1_findings", "view v1_runs",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("database (-want +got):\n%s", diff)
	}
}

func TestMigratingTwiceChangesNothing(t *testing.T) {
	db := migrated(t)
	everything := []string{"SELECT * FROM sqlite_schema ORDER BY name", "SELECT * FROM goose_db_version", "PRAGMA schema_version"}
	var before, after []string
	for _, q := range everything {
		before = append(before, rows(t, db, q)...)
	}
	for range 2 {
		if err := schema.Migrate(t.Context(), db, schema.SQLite); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range everything {
		after = append(after, rows(t, db, q)...)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("database after migrating again (-before +after):\n%s", diff)
	}
	if err := schema.Check(t.Context(), db, schema.SQLite); err != nil {
		t.Errorf("Check = %v", err)
	}
}

func TestCheckTellsVersionsApartAndChangesNothing(t *testing.T) {
	newest := schema.Version(schema.SQLite)
	tests := map[string]struct {
		migrate    bool
		statements string
		want       error // of Check
	}{
		"nothing at all":  {false, "", &schema.OlderError{Have: 0, Need: newest}},
		"up to date":      {true, "", nil},
		"one behind":      {true, fmt.Sprint("DELETE FROM goose_db_version WHERE version_id = ", newest), &schema.OlderError{Have: newest - 1, Need: newest}},
		"one ahead":       {true, fmt.Sprintf("INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, 1)", newest+1), &schema.NewerError{Have: newest + 1, Know: newest}},
		"another program": {false, "CREATE TABLE notes (text)", schema.ErrForeign},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			db := newDB(t)
			if test.migrate {
				db = migrated(t)
			}
			execute(t, db, test.statements)
			before := rows(t, db, "SELECT * FROM sqlite_schema")
			got := schema.Check(t.Context(), db, schema.SQLite)
			if fmt.Sprint(got) != fmt.Sprint(test.want) || fmt.Sprintf("%T", got) != fmt.Sprintf("%T", test.want) {
				t.Errorf("Check = %v, want %v", got, test.want)
			}
			if diff := cmp.Diff(before, rows(t, db, "SELECT * FROM sqlite_schema")); diff != "" {
				t.Errorf("Check changed the database (-before +after):\n%s", diff)
			}
		})
	}
}

func TestMigrateLeavesADatabaseOfALaterOrAnotherProgramAlone(t *testing.T) {
	later, foreign := migrated(t), newDB(t)
	execute(t, later, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, 1)")
	execute(t, foreign, "CREATE TABLE notes (text)")
	var newer *schema.NewerError
	if err := schema.Migrate(t.Context(), later, schema.SQLite); !errors.As(err, &newer) || newer.Have != 900 {
		t.Errorf("Migrate = %v, want a NewerError", err)
	}
	if err := schema.Migrate(t.Context(), foreign, schema.SQLite); !errors.Is(err, schema.ErrForeign) {
		t.Errorf("Migrate = %v, want %v", err, schema.ErrForeign)
	}
	if got := rows(t, foreign, "SELECT name FROM sqlite_schema"); !slices.Equal(got, []string{"notes"}) {
		t.Errorf("another program's database now holds %q", got)
	}
}

func TestTheTextOfTheSchemaNamesEveryTableAndView(t *testing.T) {
	text := schema.SQL(schema.SQLite)
	for _, name := range rows(t, migrated(t), "SELECT UPPER(type) || ' ' || name FROM sqlite_schema WHERE type IN ('table', 'view')") {
		known := strings.Contains(text, "CREATE "+name+" ")
		ours := !strings.HasPrefix(name, "TABLE goose_") && !strings.HasPrefix(name, "TABLE sqlite_")
		if known != ours {
			t.Errorf("CREATE %s in the text: %v, want %v", name, known, ours)
		}
	}
}

// newDB returns an empty database.
func newDB(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "test.db")+"?_foreign_keys=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func migrated(t *testing.T) *sql.DB {
	t.Helper()
	db := newDB(t)
	if err := schema.Migrate(t.Context(), db, schema.SQLite); err != nil {
		t.Fatal(err)
	}
	return db
}

func execute(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// rows returns the rows of a query, their columns separated by spaces.
func rows(t *testing.T, db *sql.DB, query string) (lines []string) {
	t.Helper()
	r, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for r.Next() {
		cells, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := r.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSuffix(fmt.Sprintln(cells...), "\n"))
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}
