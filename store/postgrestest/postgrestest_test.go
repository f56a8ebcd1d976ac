package postgrestest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.M{M: m}.Run() }

func connect(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func query(t *testing.T, conn *pgx.Conn, sql string) (answer string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatal(sql, err)
	}
	return answer
}

// wantCode checks that an error is the server's with the SQLSTATE.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != code {
		t.Errorf("got error %v, want SQLSTATE %s", err, code)
	}
}

func TestADatabaseIsEmptyAndOfAnUnprivilegedOwner(t *testing.T) {
	t.Parallel()
	s := postgrestest.Start(t)
	conn := connect(t, s.Database(t))
	for sql, want := range map[string]string{
		`SELECT count(*)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace`:                                               "0",
		`SELECT concat_ws(' ', rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls) FROM pg_roles WHERE rolname = current_user`: "owner f f f f",
		`SELECT pg_encoding_to_char(encoding) || ' ' || datcollate FROM pg_database WHERE datname = current_database()`:                 "UTF8 C.UTF-8",
		`SHOW synchronous_commit`: "on",
	} {
		if got := query(t, conn, sql); got != want {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
	}
	name := query(t, conn, `SELECT current_database()`)
	if !strings.Contains(name, " ") || !strings.Contains(name, "%") || !strings.Contains(name, "ö") {
		t.Errorf("the name %q is easy", name)
	}
	if _, err := conn.Exec(t.Context(), `CREATE TABLE answers (id int); CREATE SCHEMA more`); err != nil {
		t.Error(err)
	}
}

func TestADatabaseGoesWithItsTestAlsoWhenItIsInUse(t *testing.T) {
	t.Parallel()
	s := postgrestest.Start(t)
	var database string
	var conn *pgx.Conn
	t.Run("creates", func(inner *testing.T) {
		database = s.Database(inner)
		conn = connect(t, database)
	})
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the session goes on")
	}
	_, err := pgx.Connect(t.Context(), database)
	wantCode(t, err, "3D000") // no such database
}

func TestRolesHaveTheRightsThatTheirNamesSay(t *testing.T) {
	t.Parallel()
	s := postgrestest.Start(t)
	database := s.Database(t)
	if _, err := connect(t, database).Exec(t.Context(), `CREATE SCHEMA more; CREATE TABLE more.answers (id int)`); err != nil {
		t.Fatal(err)
	}
	const denied = "42501"
	for role, want := range map[string]struct{ create, insert, read string }{
		postgrestest.Superuser: {"", "", ""},
		postgrestest.OnlyTLS:   {"", "", ""},
		postgrestest.Reader:    {denied, denied, ""},
		postgrestest.Guest:     {denied, denied, denied},
	} {
		conn := connect(t, s.As(role, database))
		for sql, code := range map[string]string{
			`CREATE SCHEMA of_` + role:              want.create,
			`CREATE TABLE public.of_` + role + `()`: want.create,
			`INSERT INTO more.answers VALUES (1)`:   want.insert,
			`SELECT id FROM more.answers`:           want.read,
		} {
			_, err := conn.Exec(t.Context(), sql)
			if code != "" {
				wantCode(t, err, code)
			} else if err != nil {
				t.Errorf("%s: %s: %v", role, sql, err)
			}
		}
	}
}

func TestTheServersCertificateCanBeVerified(t *testing.T) {
	t.Parallel()
	s := postgrestest.Start(t)
	verify := "?sslmode=verify-full&sslrootcert=" + url.PathEscape(s.RootCert())
	conn := connect(t, s.As(postgrestest.OnlyTLS, s.Database(t))+verify)
	if got := query(t, conn, `SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()`); got != "true" {
		t.Errorf("ssl is %s", got)
	}
}

func TestTheRoleForTLSIsRefusedWithout(t *testing.T) {
	t.Parallel()
	s := postgrestest.Start(t)
	database := s.Database(t)
	_, err := pgx.Connect(t.Context(), s.As(postgrestest.OnlyTLS, database)+"?sslmode=disable")
	wantCode(t, err, "28000")
	connect(t, database+"?sslmode=disable")
}

func TestAKilledServerIsGoneAndComesBackWithItsData(t *testing.T) {
	t.Parallel()
	s := postgrestest.StartOwn(t)
	database := s.Database(t)
	conn := connect(t, database)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE answers (id int)`); err != nil {
		t.Fatal(err)
	}
	s.Kill(t)
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a session survived")
	}
	if _, err := pgx.Connect(t.Context(), database); err == nil {
		t.Error("the server still answers")
	}
	for range 2 { // After a crash, and after a shutdown.
		s.Restart(t)
		if got := query(t, connect(t, database), `SELECT count(*)::text FROM answers`); got != "0" {
			t.Errorf("there are %s answers", got)
		}
	}
}

func TestABouncerLendsAServersSessionForATransaction(t *testing.T) {
	t.Parallel()
	s := postgrestest.Start(t)
	through := s.Bouncer(t)
	database := through(s.Database(t)) + "?default_query_exec_mode=exec"
	one, other := connect(t, database), connect(t, database)
	const session = `SELECT pg_backend_pid()::text`
	if a, b := query(t, one, session), query(t, other, session); a != b {
		t.Errorf("two clients, one after the other, had the sessions %s and %s", a, b)
	}
	tx, err := one.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if a, b := query(t, tx.Conn(), session), query(t, other, session); a == b {
		t.Errorf("two clients at the same time had the session %s", a)
	}
	admin, err := url.Parse(s.As(postgrestest.Superuser, database))
	if err != nil {
		t.Fatal(err)
	}
	admin.Path, admin.RawPath, admin.RawQuery = "/pgbouncer", "", ""
	pools, err := connect(t, admin.String()).PgConn().Exec(t.Context(), "SHOW POOLS").ReadAll()
	if err != nil || !strings.Contains(string(joined(pools)), "owner transaction") {
		t.Errorf("%v: no pool of owner in\n%s", err, joined(pools))
	}
}

// joined returns all rows, a line each.
func joined(results []*pgconn.Result) (text []byte) {
	for _, result := range results {
		for _, row := range result.Rows {
			var kept []string
			for i, value := range row {
				if name := result.FieldDescriptions[i].Name; name == "user" || name == "pool_mode" {
					kept = append(kept, string(value))
				}
			}
			text = append(text, strings.Join(kept, " ")+"\n"...)
		}
	}
	return text
}

func TestABouncerFindsARestartedServerAgain(t *testing.T) {
	t.Parallel()
	s := postgrestest.StartOwn(t)
	database := s.Bouncer(t)(s.Database(t)) + "?default_query_exec_mode=exec"
	const alive = `SELECT 'alive'`
	before := connect(t, database)
	query(t, before, alive)
	s.Kill(t)
	s.Restart(t)
	query(t, before, alive)
	query(t, connect(t, database), alive)
}

// TestNothingIsLeftOfAKilledTestProcess runs itself in another process, kills
// that, and waits for its server and its files to go.
func TestNothingIsLeftOfAKilledTestProcess(t *testing.T) {
	const asked = "POSTGRESTEST_WAIT_TO_BE_KILLED"
	if os.Getenv(asked) != "" {
		s := postgrestest.Start(t)
		os.Stdout.WriteString("\n" + s.RootCert() + "\n" + s.Database(t) + "\n")
		io.Copy(io.Discard, os.Stdin) // It ends with the other process too.
		return
	}
	t.Parallel()
	postgrestest.Start(t) // Skips this test where there is no server.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), asked+"=1")
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	lines := bufio.NewScanner(out)
	var root, database string
	for database == "" && lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "/"):
			root = line
		case strings.HasPrefix(line, "postgres:"):
			database = line
		}
	}
	conn := connect(t, database)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `SELECT pg_sleep(60)`); err == nil {
		t.Error("the server survived")
	}
	_ = cmd.Wait() // It was killed.
	gone(t, filepath.Dir(root))
}

// gone waits for a folder to go.
func gone(t *testing.T, folder string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s is still there", folder)
		}
	}
}
