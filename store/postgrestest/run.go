package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Run starts a server for a program that is no test. more are lines of its
// configuration, and win over what tests have: fsync is off unless they say
// otherwise. The server runs until [Server.Close], or the end of the program.
func Run(more ...string) (*Server, error) {
	s, err := start()
	if err != nil {
		return nil, err
	}
	s.process.end(fast, immediate, syscall.SIGKILL)
	conf := settings + strings.Join(more, "\n") + "\n"
	if err = s.folder.write("postgresql.conf", 0o644, []byte(conf)); err == nil {
		var again *process
		if again, err = s.launch(s.port); err == nil {
			s.process = again
			return s, nil
		}
	}
	return nil, errors.Join(err, s.stop())
}

// Close ends the server and removes its files.
func (s *Server) Close() error { return s.stop() }

// Need ends a test that is going to call [Run] as [Start] does where there is
// no server: skipped, or failed in CI.
func Need(t testing.TB) {
	t.Helper()
	_, _, err := postgresPrograms()
	check(t, err)
}

// Folder returns where the server keeps its files.
func (s *Server) Folder() string { return s.folder.path }

// Program returns the path of another program of the server's package, such
// as pgbench.
func (s *Server) Program(name string) string { return filepath.Join(filepath.Dir(s.program), name) }

// CreateDatabase creates an empty database and returns its URL, for the role
// [Owner]. drop removes it, with the sessions in it.
func (s *Server) CreateDatabase(ctx context.Context) (url string, drop func(context.Context) error, err error) {
	admin := s.url(Superuser, "postgres")
	name := fmt.Sprintf("database %d", s.made.Add(1))
	drop = func(ctx context.Context) error {
		return execute(ctx, admin, fmt.Sprintf(`DROP DATABASE "%s" WITH (FORCE)`, name))
	}
	return s.url(Owner, name), drop, execute(ctx, admin, fmt.Sprintf(`CREATE DATABASE "%s" OWNER owner ENCODING 'UTF8'`, name))
}
