// Package postgrestest starts real PostgreSQL servers for tests.
//
// They are private to the test process, listen on 127.0.0.1 only, and lose
// their data when the process ends. On Linux they end with it however it ends,
// also when it is killed.
//
// Where PostgreSQL (14 or later) or PgBouncer is not installed, tests that ask
// for it are skipped; in CI, which is where the environment variable CI is not
// empty, they fail.
package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared is the server of all tests of the process that need no own one.
var shared struct {
	sync.Mutex
	server *Server
	err    error
}

// Start returns the server that the tests of this process share, and starts it
// for the first of them. It runs until the end of [M.Run].
func Start(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start()
	}
	check(t, shared.err)
	return shared.server
}

// StartOwn starts a server that only this test uses, and may take away with
// [Server.Kill]. It ends with the test.
func StartOwn(t testing.TB) *Server {
	t.Helper()
	s, err := start()
	check(t, err)
	s.own = true
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// M runs the tests of a package that uses [Start], and then ends the server:
//
//	func TestMain(m *testing.M) { postgrestest.M{M: m}.Run() }
type M struct{ *testing.M }

// Run runs the tests and returns their exit code.
func (m M) Run() int {
	code := m.M.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		if err := shared.server.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return code
}

var warnOnce sync.Once

// check ends a test that has no server: it skips it if one is only missing, and
// CI is not to hide that.
func check(t testing.TB, err error) {
	t.Helper()
	var missing *missingError
	if errors.As(err, &missing) && os.Getenv("CI") == "" {
		warnOnce.Do(func() { fmt.Fprintln(os.Stderr, "SKIPPED: tests that need a server:", err) })
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
