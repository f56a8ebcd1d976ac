package postgrestest

import (
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

const bouncerSettings = `
[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
admin_users = postgres
pool_mode = transaction
server_login_retry = 0.1
`

// Bouncer starts a PgBouncer in transaction mode in front of the server, for
// this test only. The function it returns turns the URL of a database into the
// one that leads through it; without TLS, which the bouncer does not offer.
func (s *Server) Bouncer(t testing.TB) (through func(database string) string) {
	t.Helper()
	program, err := bouncerProgram()
	check(t, err)
	port, p, err := onFreePort(func(port int) (*process, error) { return s.launchBouncer(program, port) })
	check(t, err)
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	return func(database string) string {
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = fmt.Sprintf("127.0.0.1:%d", port)
		return u.String()
	}
}

func (s *Server) launchBouncer(program string, port int) (*process, error) {
	n := s.made.Add(1)
	users := fmt.Sprintf("bouncer %d.users", n)
	conf := fmt.Sprintf("bouncer %d.ini", n)
	var passwords strings.Builder
	for _, role := range []string{Superuser, Owner, OnlyTLS, Reader, Guest} {
		fmt.Fprintf(&passwords, "\"%s\" \"%s\"\n", role, strings.ReplaceAll(s.password, `"`, `""`))
	}
	if err := s.folder.write(users, 0o600, []byte(passwords.String())); err != nil {
		return nil, err
	}
	if err := s.folder.write(conf, 0o600, fmt.Appendf(nil, bouncerSettings, s.port, port, users)); err != nil {
		return nil, err
	}
	p, err := s.folder.launch(syscall.SIGKILL, program, conf)
	if err != nil {
		return nil, err
	}
	if err := p.answers(s.urlAt(port, Superuser, "pgbouncer")); err != nil {
		p.end(syscall.SIGKILL)
		return nil, err
	}
	return p, nil
}
