package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Database creates an empty database and returns its URL, for the role [Owner]
// and without parameters: add "?sslmode=…" where it matters. Names and password
// in it are hard to quote. The database is dropped when the test ends, with the
// sessions in it.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("größe %d 100%%", s.made.Add(1))
	admin := s.url(Superuser, "postgres")
	create := fmt.Sprintf(`CREATE DATABASE "%s" OWNER owner ENCODING 'UTF8'`, name)
	if err := execute(t.Context(), admin, create); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.own {
			return // It goes with its server, which may be gone already.
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := execute(ctx, admin, fmt.Sprintf(`DROP DATABASE "%s" WITH (FORCE)`, name)); err != nil {
			t.Error(err)
		}
	})
	return s.url(Owner, name)
}

// As returns the URL with another role of the server in it.
func (s *Server) As(role, database string) string {
	u, err := url.Parse(database)
	if err != nil {
		panic(err)
	}
	u.User = url.UserPassword(role, s.password)
	return u.String()
}

// RootCert returns the path of the certificate that vouches for the server's,
// for sslmode=verify-full&sslrootcert=…. It must be escaped in a URL.
func (s *Server) RootCert() string { return filepath.Join(s.folder.path, "server.crt") }

func (s *Server) url(role, database string) string { return s.urlAt(s.port, role, database) }

func (s *Server) urlAt(port int, role, database string) string {
	u := url.URL{Scheme: "postgres", Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/" + database}
	return s.As(role, u.String())
}

// execute runs statements in a session of their own.
func execute(ctx context.Context, database, statements string) error {
	conn, err := pgconn.Connect(ctx, database)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}
