package schema_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.M{M: m}.Run()) }

func newPostgres(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", postgrestest.Start(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func migratedPostgres(t *testing.T) *sql.DB {
	t.Helper()
	db := newPostgres(t)
	if err := schema.Migrate(t.Context(), db, schema.Postgres); err != nil {
		t.Fatal(err)
	}
	return db
}

// What the two engines may write differently, the schema of one says of the other.
var dialect = strings.NewReplacer(` COLLATE "C"`, "", "BIGINT", "INTEGER", " WITHOUT ROWID", "")

// tables returns the statements that create tables and indexes, without
// comments, blanks and what engines write differently.
func tables(engine schema.Engine) (list []string) {
	text := regexp.MustCompile(`--.*`).ReplaceAllString(schema.SQL(engine), "")
	for statement := range strings.SplitSeq(text, ";") {
		words := strings.Fields(dialect.Replace(statement))
		if len(words) > 1 && words[0] == "CREATE" && words[1] != "VIEW" {
			list = append(list, strings.Join(words, " "))
		}
	}
	return list
}

func TestBothEnginesHaveTheSameTablesAndIndexes(t *testing.T) {
	if diff := cmp.Diff(tables(schema.SQLite), tables(schema.Postgres)); diff != "" {
		t.Errorf("tables (-sqlite +postgres):\n%s", diff)
	}
	if lite, server := schema.Version(schema.SQLite), schema.Version(schema.Postgres); lite != server {
		t.Errorf("versions %d and %d", lite, server)
	}
}

func TestManyMayMigrateAServerAtOnce(t *testing.T) {
	db := newPostgres(t)
	db.SetMaxOpenConns(40)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := schema.Migrate(t.Context(), db, schema.Postgres); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := rows(t, db, "SELECT version_id FROM goose_db_version ORDER BY id")
	var want []string
	for v := range schema.Version(schema.Postgres) + 1 {
		want = append(want, fmt.Sprint(v))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}

func TestAnotherProgramsTablesOnAServerAreForeign(t *testing.T) {
	for name, text := range map[string]string{
		"other tables":         "CREATE TABLE memories (id TEXT)",
		"other goose versions": "CREATE TABLE goose_db_version (id SERIAL PRIMARY KEY, version_id BIGINT, is_applied BOOLEAN, tstamp TIMESTAMP); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, TRUE), (1, TRUE)",
	} {
		t.Run(name, func(t *testing.T) {
			db := newPostgres(t)
			execute(t, db, text)
			for _, err := range []error{schema.Check(t.Context(), db, schema.Postgres), schema.Migrate(t.Context(), db, schema.Postgres)} {
				if !errors.Is(err, schema.ErrForeign) {
					t.Errorf("got %v, want %v", err, schema.ErrForeign)
				}
			}
		})
	}
}
