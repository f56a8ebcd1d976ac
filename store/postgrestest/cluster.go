package postgrestest

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Roles of every server. They have the same password.
const (
	Superuser = "postgres"
	Owner     = "owner"    // owns every database of [Server.Database], has no other privilege
	OnlyTLS   = "only_tls" // has the owner's rights, is let in through TLS only
	Reader    = "reader"   // may read what the owner creates, and may create nothing
	Guest     = "guest"    // may connect, and may neither read nor create anything
)

// newPassword returns one that is hard to put into a URL.
func newPassword() string { return rand.Text() + ` +@:/?#%'"\ü` }

// What only a crash of the whole machine would show is off. There is no socket:
// its path might be too long.
const settings = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
hba_file = 'pg_hba.conf'
ssl = on
ssl_cert_file = '../server.crt'
ssl_key_file = '../server.key'
shared_buffers = 32MB
max_connections = 100
fsync = off
full_page_writes = off
`

const access = `
host    all postgres,owner,reader,guest 127.0.0.1/32 scram-sha-256
hostssl all all                         127.0.0.1/32 scram-sha-256
`

// roles returns what makes the roles; what it does in template1 holds in every
// database made from it. Since version 15 schema public is like that anyway.
func roles(password string) string {
	return fmt.Sprintf(`
CREATE ROLE owner LOGIN PASSWORD %[1]s;
CREATE ROLE only_tls LOGIN PASSWORD %[1]s IN ROLE owner;
CREATE ROLE reader LOGIN PASSWORD %[1]s;
CREATE ROLE guest LOGIN PASSWORD %[1]s;
ALTER SCHEMA public OWNER TO pg_database_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT USAGE ON SCHEMAS TO reader;
`, quote(password))
}

// quote returns a text as a literal of SQL.
func quote(text string) string {
	return fmt.Sprintf("'%s'", strings.ReplaceAll(text, "'", "''"))
}

// create makes the files of the server.
func (s *Server) create(initdb string) error {
	certificate, key, err := newCertificate()
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"postgresql.conf": []byte(settings),
		"pg_hba.conf":     []byte(access),
		"server.crt":      certificate,
		"server.key":      key,
		"password":        []byte(s.password + "\n"),
	} {
		mode := 0o644
		if name == "server.key" || name == "password" {
			mode = 0o600
		}
		if err := s.folder.write(name, os.FileMode(mode), text); err != nil {
			return err
		}
	}
	p, err := s.folder.launch(syscall.SIGTERM, initdb, "-D", "data", "--no-sync",
		"-E", "UTF8", "--locale", "C.UTF-8", "--auth", "scram-sha-256", "-U", Superuser, "--pwfile", "password")
	if err != nil {
		return err
	}
	<-p.ended
	if p.err != nil {
		return p.failure(p.err)
	}
	return nil
}
