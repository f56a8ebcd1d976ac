package main

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/consensusd/consensusd/store/postgrestest"
)

// TestPostgresScripts runs the scripts of testdata/postgres, each of which has two
// empty databases of a real server: $DB and $OTHER, as their owner. $GUEST may
// read and create nothing in $DB, $TLS is let in over TLS only, $WRONG has a
// wrong password, $GONE leads to a port where nobody answers, and $SECRET is the
// password in all of them.
func TestPostgresScripts(t *testing.T) {
	server := postgrestest.Start(t)
	testscript.Run(t, scripts("testdata/postgres", func(env *testscript.Env) {
		db := server.Database(t)
		u, err := url.Parse(db)
		if err != nil {
			t.Error(err)
			return
		}
		secret, _ := u.User.Password()
		wrong, gone := *u, *u
		wrong.User = url.UserPassword(postgrestest.Owner, "no"+secret)
		gone.Host = "127.0.0.1:1"
		for name, value := range map[string]string{
			"DB": db, "OTHER": server.Database(t), "SECRET": secret,
			"ADMIN": server.As(postgrestest.Superuser, db),
			"GUEST": server.As(postgrestest.Guest, db), "TLS": server.As(postgrestest.OnlyTLS, db),
			"WRONG": wrong.String(), "GONE": gone.String(), "ROOTCERT": url.PathEscape(server.RootCert()),
		} {
			env.Setenv(name, value)
		}
	}))
}

func sqlStatement(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("pgx", args[0])
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(strings.Join(args[1:], " "))
	ts.Check(err)
}
