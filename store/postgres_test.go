package store

import (
	"database/sql"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestWhatKeepsADatabaseFromBeingOpenedIsToldInOneLineWithItsRemedy(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	db := server.Database(t)
	secret := passwordOf(t, db)
	// Settings, as far as a schema before the catalogue's tells.
	pretend := func(schema, name, value string) {
		plainPostgres(t, db, `CREATE SCHEMA `+schema, `CREATE FUNCTION `+schema+`.current_setting(name text) RETURNS text LANGUAGE sql
			AS $$SELECT CASE name WHEN '`+name+`' THEN '`+value+`' ELSE pg_catalog.current_setting(name) END$$`)
	}
	pretend("old", "server_version_num", "130021")
	pretend("latin", "server_encoding", "LATIN1")
	host := func(h string) string { return changed(t, db, func(u *url.URL) { u.Host = h }) }

	const form, connect = "name a file, or postgres://USER@HOST:PORT,HOST:PORT/DATABASE", "check host, port and sslmode in the address"
	for name, test := range map[string]struct{ target, want string }{
		"unknown scheme":         {"mysql" + strings.TrimPrefix(db, "postgres"), form},
		"other case":             {"POSTGRES" + strings.TrimPrefix(db, "postgres"), form},
		"no slashes":             {strings.Replace(db, "//", "", 1), form},
		"words":                  {"host=127.0.0.1 user=owner password=" + secret + " dbname=x", form},
		"bad port":               {strings.Replace(db, "@127.0.0.1:", "@127.0.0.1:x", 1), form},
		"unknown sslmode":        {db + "?sslmode=perhaps", form},
		"@ in the password":      {"postgres://owner:" + secret[:8] + "@" + secret[8:12] + "@127.0.0.1/x", form},
		"raw password":           {"postgres://owner:" + secret + "@127.0.0.1/x", form},
		"missing certificate":    {db + "?sslmode=verify-full&sslrootcert=/no/such/root.crt", "bad address: open /no/such/root.crt: no such file"},
		"nobody answers":         {host("127.0.0.1:1"), connect},
		"none of two answers":    {host("127.0.0.1:1,127.0.0.1:2"), connect},
		"certificate not known":  {server.As(postgrestest.OnlyTLS, db) + "?sslmode=verify-full", connect},
		"TLS demanded":           {server.As(postgrestest.OnlyTLS, db) + "?sslmode=disable", "add sslmode=require to the address"},
		"wrong password":         {changed(t, db, func(u *url.URL) { u.User = url.UserPassword("owner", "no"+secret) }), "give the right password"},
		"no such database":       {db + "x", "create it with CREATE DATABASE"},
		"no such schema":         {db + "?search_path=nowhere", "create the schema that search_path names"},
		"no rights":              {server.As(postgrestest.Guest, db), "GRANT CREATE on its schema"},
		"takes no writes":        {db + "?default_transaction_read_only=on", "list all servers in it"},
		"too old":                {db + "?search_path=old,pg_catalog", "PostgreSQL 13: version 14 or later is needed"},
		"other encoding":         {db + "?search_path=latin,pg_catalog", "encoding LATIN1: create one with ENCODING 'UTF8' TEMPLATE template0"},
		"may lose with a server": {db + "?synchronous_commit=local", "ALTER ROLE … SET synchronous_commit = on"},
		"hides warnings":         {db + "?client_min_messages=error", "ALTER ROLE … SET client_min_messages = warning"},
		"may forget":             {db + "?synchronous_commit=off", "ALTER ROLE … SET synchronous_commit = on"},
	} {
		_, err := Open(t.Context(), test.target)
		mustTell(t, name, err, test.want, secret)
		_, err = OpenReadOnly(t.Context(), test.target)
		mustTell(t, name+", for reading", err, "", secret)
	}
}

// mustTell fails the test unless err holds the remedy, in one line, and not the secret.
func mustTell(t *testing.T, what string, err error, remedy, secret string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), remedy) || strings.ContainsRune(err.Error(), '\n') {
		t.Errorf("%s: %v, want %q in one line", what, err, remedy)
	}
	if err != nil && tells(err.Error(), secret) {
		t.Errorf("%s: the error tells the password", what)
	}
}

// tells reports whether text holds a password, plain or as it stands in an address.
func tells(text, password string) bool {
	for _, form := range []string{password, url.QueryEscape(password), url.PathEscape(password), url.UserPassword("", password).String()[1:], password[:12]} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

func TestAnAddressIsShownWithoutItsPassword(t *testing.T) {
	const secret = "pass@word:/?#=%41 x"
	for target, want := range map[string]string{
		"consensus.db":                              "consensus.db",
		"/a home/with?password=not one":             "/a home/with?password=not one",
		"postgres://db1/x":                          "postgres://db1/x",
		"postgres://app@db1:5432/x?sslmode=require": "postgres://app@db1:5432/x?sslmode=require",
		"postgres://app:PASSWORD@db1/x":             "postgres://app@db1/x",
		"postgresql://app:PASSWORD@db1:1,db2:2/x?target_session_attrs=any":   "postgresql://app@db1:1,db2:2/x?target_session_attrs=any",
		"postgres://app:PASSWORD@db1:1,db2:2/x?a=1&password=PASSWORD&b=2":    "postgres://app@db1:1,db2:2/x?a=1&b=2",
		"postgres://:PASSWORD@db1/x":                                         "postgres://@db1/x",
		"postgres://app@db1/x?password=PASSWORD":                             "postgres://app@db1/x",
		"postgres://db1:5432/x?user=app&password=PASSWORD&sslmode=require":   "postgres://db1:5432/x?user=app&sslmode=require",
		"postgres://app@db1/x?sslpassword=PASSWORD&sslkey=k&SSLPassword=abc": "postgres://app@db1/x?sslkey=k",
		"host=db1 user=app password=PASSWORD dbname=x":                       "postgres…",
		"postgres:app:PASSWORD@db1/x":                                        "postgres…",
		"postgres://app:geheim":                                              "postgres://…",
		"mysql://root:PASSWORD@db1/x":                                        "mysql://root@db1/x",
		"POSTGRES://app:PASSWORD@db1/x":                                      "POSTGRES://app@db1/x",
		"jdbc:postgresql://app:PASSWORD@db1/x?password=PASSWORD":             "jdbc:postgresql://app@db1/x",
	} {
		for _, password := range []string{url.QueryEscape(secret + "&y"), secret} { // Not everybody escapes it.
			target := strings.ReplaceAll(target, "PASSWORD", password)
			if got := Redacted(target); got != want {
				t.Errorf("Redacted(%q) = %q, want %q", target, got, want)
			}
		}
	}
}

func TestADatabaseThatAnotherProgramMigratesIsRefusedAndNotTouched(t *testing.T) {
	t.Parallel()
	db := postgrestest.Start(t).Database(t)
	other := plainPostgres(t, db, `CREATE TABLE memories (id TEXT)`,
		`CREATE TABLE goose_db_version (id SERIAL PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL, tstamp TIMESTAMP NOT NULL DEFAULT now())`,
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, TRUE), (1, TRUE)`)
	tables := func() []string {
		return rows(t.Context(), t, other, "SELECT schemaname, relname, n_live_tup FROM pg_stat_user_tables ORDER BY 1, 2", "")
	}
	before := tables()
	for _, opening := range []opener{OpenReadOnly, Open} {
		if _, err := opening(t.Context(), db); !errors.Is(err, schema.ErrForeign) {
			t.Errorf("opened with %v, want %v", err, schema.ErrForeign)
		}
	}
	if diff := cmp.Diff(before, tables()); diff != "" {
		t.Errorf("tables (-before +after):\n%s", diff)
	}
}

func TestManyMayCreateTheTablesAtOnce(t *testing.T) {
	t.Parallel()
	const rounds, at = 3, 8
	for range rounds {
		db := postgrestest.Start(t).Database(t)
		var wg sync.WaitGroup
		for n := range at {
			wg.Go(func() {
				s, err := Open(t.Context(), db)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if _, err := s.Record(t.Context(), sample(n%2)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s := open(t, db)
		if got, err := s.Totals(t.Context()); err != nil || got.Runs != 2 {
			t.Errorf("Totals = %+v, %v, want 2 runs", got, err)
		}
		mustBeWell(t, s)
		closeStore(t, s)
	}
}

func TestTheServerOfSeveralThatAnswersIsFound(t *testing.T) {
	t.Parallel()
	db := postgrestest.Start(t).Database(t)
	silent, err := net.Listen("tcp4", "127.0.0.1:0") // The system accepts, and nobody ever answers.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	for name, first := range map[string]string{"closed port": "127.0.0.1:1", "silent host": silent.Addr().String()} {
		address := changed(t, db, func(u *url.URL) { u.Host = first + "," + u.Host }) + "?connect_timeout=1"
		s := open(t, address)
		if _, err := s.Record(t.Context(), sample(1)); err != nil {
			t.Errorf("%s: Record = %v", name, err)
		}
		if diff := cmp.Diff(sample(1), mustWhole(t, s, sample(1).Run.RunID)); diff != "" {
			t.Errorf("%s: Whole (-want +got):\n%s", name, diff)
		}
		mustBeWell(t, s)
	}
}

const grant = "let their owner GRANT SELECT, INSERT, UPDATE, DELETE"

func TestARoleThatMayReadReadsAndRecordsNothing(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	owner := open(t, server.Database(t))
	mustRecord(t, owner, sample(1))
	mustNotChange(t, owner, func() {
		reader := openReadOnly(t, server.As(postgrestest.Reader, owner.target))
		if diff := cmp.Diff(sample(1), mustWhole(t, reader, sample(1).Run.RunID)); diff != "" {
			t.Errorf("Whole (-want +got):\n%s", diff)
		}
		mustBeWell(t, reader)
		mustBeWell(t, openReadOnly(t, owner.target+"?default_transaction_read_only=on&target_session_attrs=any")) // as a standby is
		_, err := Open(t.Context(), server.As(postgrestest.Reader, owner.target))
		mustTell(t, "a role that may read", err, grant, passwordOf(t, owner.target))
		_, err = OpenReadOnly(t.Context(), server.As(postgrestest.Guest, owner.target))
		mustTell(t, "a role without rights", err, "to this role", passwordOf(t, owner.target))
	})
}

func TestProbeTellsOfEveryRightThatARoleLacks(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	owner := open(t, server.Database(t))
	execute(t, owner, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest")
	guest := open(t, server.As(postgrestest.Guest, owner.target))
	for table, rights := range map[string][]string{
		"consensus_runs":    {"SELECT", "INSERT", "UPDATE"},
		"agent_artifacts":   {"SELECT", "INSERT", "UPDATE", "DELETE"},
		"synthesis_results": {"SELECT", "INSERT", "UPDATE"},
		"run_findings":      {"SELECT", "INSERT", "DELETE"},
		"receipts":          {"SELECT", "INSERT", "UPDATE"},
	} {
		for _, right := range rights {
			execute(t, owner, "REVOKE "+right+" ON "+table+" FROM guest")
			if err := guest.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), grant) {
				t.Errorf("Probe without %s on %s = %v, want what to do", right, table, err)
			}
			if right == "INSERT" {
				_, err := guest.RecordAll(t.Context(), []Entry{{Record: sample(2)}})
				mustTell(t, "to record without INSERT on "+table, err, "all rights on its tables, to this role", passwordOf(t, owner.target))
			}
			execute(t, owner, "GRANT "+right+" ON "+table+" TO guest")
		}
	}
	if err := guest.Probe(t.Context()); err != nil {
		t.Errorf("Probe with all rights = %v", err)
	}
	mustRecord(t, guest, sample(1))
	mustBeWell(t, guest)
}

func changed(t *testing.T, database string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func passwordOf(t *testing.T, database string) (password string) {
	changed(t, database, func(u *url.URL) { password, _ = u.User.Password() })
	return password
}

// plainPostgres opens a database as another program would, and executes statements.
func plainPostgres(t *testing.T, database string, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, text := range statements {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return db
}

func number(t *testing.T, db *sql.DB, query string) (n int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits until a condition holds that something else brings about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
