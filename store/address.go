package store

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/consensusd/consensusd/schema"
)

// ErrAddress reports an address of a database that is not understood.
var ErrAddress = errors.New("bad address")

// badAddress is the error for an address: what a driver says of a bad one may
// hold the password, so that is not repeated.
func badAddress() error {
	return fmt.Errorf("%w: name a file, or postgres://USER@HOST:PORT,HOST:PORT/DATABASE?sslmode=verify-full, with %%XX for special characters", ErrAddress)
}

var (
	scheme = pattern(`(?i)^[a-z][a-z0-9+.:-]*://`)
	// What is meant for a server, and would be taken for the name of a file.
	misspelt = pattern(`(?i)^postgres(ql)?:|^\s*(host|hostaddr|port|user|password|passfile|dbname|service|sslmode|options)\s*=`)
)

// pattern compiles a regular expression when it is first asked for: who opens a
// file needs none.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// engines tell the kind of a database by the scheme of its address; a file has
// none.
var engines = map[string]schema.Engine{"": schema.SQLite, "postgres://": schema.Postgres, "postgresql://": schema.Postgres}

// EngineOf returns what kind of database a target is, "" when it is no target.
func EngineOf(target string) schema.Engine {
	if isPlainFile(target) {
		return schema.SQLite
	}
	s := scheme().FindString(target)
	if s == "" && misspelt().MatchString(target) {
		return ""
	}
	return engines[s]
}

// isPlainFile tells most files' names without asking the patterns.
func isPlainFile(target string) bool { return !strings.ContainsAny(target, ":=") }

var (
	passwordParameter = pattern(`(?i)([?&])[^?&=]*password[^?&=]*=[^&]*&?`)
	userinfo          = pattern(`(?s)^([^:@]*).*@`) // up to the last @: passwords are not always escaped
	hosts             = pattern(`^(([^:/?#@]*|\[[0-9a-fA-F:.%]*\])(:[0-9]*)?(,|$|[/?#].*$))*$`)
)

// Redacted returns target as it may be shown: without the password that the
// address of a server may hold. Of one that is not understood little is left.
func Redacted(target string) string {
	if isPlainFile(target) {
		return target
	}
	s := scheme().FindString(target)
	switch {
	case s == "" && misspelt().MatchString(target):
		return "postgres…"
	case s == "":
		return target
	}
	rest := passwordParameter().ReplaceAllString(target[len(s):], "$1")
	rest = strings.TrimRight(userinfo().ReplaceAllString(rest, "$1@"), "?&")
	if _, address, found := strings.Cut(rest, "@"); !hosts().MatchString(rest) && (!found || !hosts().MatchString(address)) {
		return s + "…" // a user and password without a host, perhaps
	}
	return s + rest
}
