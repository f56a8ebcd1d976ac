package ingest_test

import (
	"database/sql"
	"net/url"
	"os"
	"testing"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.M{M: m}.Run()) }

// engines give a home its database: the one that CONSENSUSD_TEST_ENGINE names,
// and the file in it by default. make test runs these tests with each.
var engines = map[string]func(*testing.T, ingest.Home) (target string, plain func() *sql.DB){
	"": func(t *testing.T, h ingest.Home) (string, func() *sql.DB) {
		address := url.URL{Scheme: "file", OmitHost: true, Path: h.Database(), RawQuery: "_txlock=immediate"}
		return h.Database(), opener(t, "sqlite3", address.String())
	},
	"postgres": func(t *testing.T, _ ingest.Home) (string, func() *sql.DB) {
		address := postgrestest.Start(t).Database(t)
		return address, opener(t, "pgx", address)
	},
}

func opener(t *testing.T, driver, address string) func() *sql.DB {
	return func() *sql.DB {
		db, err := sql.Open(driver, address)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
}
