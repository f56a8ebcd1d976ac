package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresHints say what to do about an SQLSTATE or, with two characters, about
// a class of them (postgresql.org/docs/current/errcodes-appendix.html).
var postgresHints = map[string]string{
	"28P01": "give the right password in the address, in PGPASSWORD or in ~/.pgpass",
	"28000": "if it says no encryption, add sslmode=require to the address; else let the server's pg_hba.conf admit this role and host",
	"3D000": "create it with CREATE DATABASE, or correct the address",
	"3F000": "create the schema that search_path names, or correct it",
	"42501": "let the owner of the database GRANT CREATE on its schema, or all rights on its tables, to this role",
	"25006": "list all servers in the address, the one that takes writes is found by itself; and look for default_transaction_read_only",
	"53":    "the server lacks disk, memory or connections; recording goes on by itself when it has them",
	"57":    "the server is stopping or starting; recording goes on by itself",
	"08P01": "check the parameters in the address; a pooler takes fewer than the server",
	"08":    "recording goes on by itself when the server answers",
	"40":    "transactions were in each other's way; recording goes on by itself",
	"58":    "the server's operating system failed it: look into its log",
	"XX":    "the server may be damaged: look into its log",
}

// explainPostgres says in one line what the server or the way to it lacks, and
// what to do about it.
func explainPostgres(err error) error {
	var explained *hintedError
	var fault *pgconn.PgError
	var connecting *pgconn.ConnectError
	switch {
	case errors.As(err, &connecting) && errors.As(connecting.Unwrap(), &explained):
		return explained
	case errors.As(err, &explained):
		return err
	case errors.As(err, &fault):
		hint := postgresHints[fault.Code]
		if hint == "" {
			hint = postgresHints[fault.Code[:min(2, len(fault.Code))]]
		}
		if hint == "" {
			return err
		}
		return &hintedError{fault.Message, hint, err}
	case errors.Is(err, pgconn.ErrReadOnlyConnection):
		return &hintedError{"no server of the address takes writes", "list all servers in it; to only read, add target_session_attrs=any", err}
	case errors.As(err, &connecting):
		return &hintedError{"cannot connect: " + reasons(connecting.Unwrap()), "check host, port and sslmode in the address, and that the server runs", err}
	case isDeadline(err):
		return &hintedError{"server does not answer in time", "recording goes on by itself when it does", err}
	case isBroken(err):
		return &hintedError{"connection was broken: " + err.Error(), "recording goes on by itself when the server answers", err}
	}
	return err
}

// A hintedError replaces the text of another error.
type hintedError struct {
	text, hint string
	err        error // nil when there is none below
}

func (e *hintedError) Error() string { return e.text + " (" + e.hint + ")" }
func (e *hintedError) Unwrap() error { return e.err }

// Hint returns what can be done about the error, which also stands in brackets
// in its text.
func (e *hintedError) Hint() string { return e.hint }

// reasons puts the errors of several hosts into one line, each once.
func reasons(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// refusal: data exceptions, broken constraints, and what is too much for an
// index or row.
func (postgresEngine) refusal(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && slices.Contains([]string{"22", "23", "54"}, fault.Code[:min(2, len(fault.Code))])
}

func (postgresEngine) explain(err error) error { return explainPostgres(err) }

// transient: serialization failure, deadlock, a server that stops, crashes or
// starts, a session that stood idle too long, a broken connection, a primary that is a standby now, no answer in
// time. The outcome of a COMMIT may be unknown then, which is why ids do not
// depend on the attempt.
func (postgresEngine) transient(err error) bool {
	var fault *pgconn.PgError
	if errors.As(err, &fault) {
		return slices.Contains([]string{"40001", "40P01", "57P01", "57P02", "57P03", "57P05", "25006", "25P03", "25P04"}, fault.Code) ||
			strings.HasPrefix(fault.Code, "08") && fault.Code != "08P01" // a protocol violation is none of the network's
	}
	var connecting *pgconn.ConnectError
	return errors.As(err, &connecting) || isDeadline(err) || isBroken(err) ||
		errors.Is(err, sql.ErrTxDone) || errors.Is(err, pgx.ErrTxClosed) || errors.Is(err, pgx.ErrTxCommitRollback) || errors.Is(err, errUnreplicated)
}

func isBroken(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, pgconn.ErrConnClosed)
}

func isDeadline(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err)
}
