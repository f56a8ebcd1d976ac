package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// scripts hold the statements of queries/*.sql with values in them. What is long
// comes from variables, so that it is sent in every mode.
//
//go:embed pgbench/*.sql
var scripts embed.FS

func script(name string) string {
	text, err := scripts.ReadFile("pgbench/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// An amount of work is a time, or a number of transactions a connection.
type amount struct{ seconds, transactions int }

// A load is what pgbench is to do.
type load struct {
	script      string
	prepared    bool // -M prepared, else simple
	connections int
	amount      amount
	texts       map[string]string // variables that stand for texts
	numbers     map[string]int
}

func (l load) arguments(script string) []string {
	mode, quote := "simple", "'"
	if l.prepared {
		mode, quote = "prepared", ""
	}
	args := []string{"-n", "-M", mode, "-c", strconv.Itoa(l.connections), "-j", strconv.Itoa(min(l.connections, runtime.NumCPU())), "-f", script}
	if l.amount.seconds > 0 {
		args = append(args, "-T", strconv.Itoa(l.amount.seconds))
	} else {
		args = append(args, "-t", strconv.Itoa(l.amount.transactions))
	}
	for name, value := range l.texts {
		args = append(args, "-D", name+"="+quote+value+quote)
	}
	for name, value := range l.numbers {
		args = append(args, "-D", name+"="+strconv.Itoa(value))
	}
	return args
}

var perSecond = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without initial connection time\)$`)

// pgbench returns how many transactions a second pgbench makes.
func (b *postgresBench) pgbench(ctx context.Context, database string, l load) (float64, error) {
	path := filepath.Join(b.folder, "script.sql")
	if err := os.WriteFile(path, []byte(l.script), 0o644); err != nil {
		return 0, err
	}
	environment, err := libpqEnvironment(database)
	if err != nil {
		return 0, err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, b.server.Program("pgbench"), l.arguments(path)...)
	cmd.Env, cmd.Stderr = environment, &said
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, &said)
	}
	found := perSecond.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("pgbench tells no transactions a second:\n%s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// pgbenchRate is pgbench in a new database, with so many runs a transaction.
func (b *postgresBench) pgbenchRate(name string, runs int, l load) *contender {
	return &contender{name: name, unit: "/s", measure: func(ctx context.Context) (rate float64, err error) {
		err = b.inDatabase(ctx, func(url string) (err error) {
			rate, err = b.pgbench(ctx, url, l)
			return err
		})
		return rate * float64(runs), err
	}}
}

// faster returns pgbench in the mode that suits it better.
func faster(simple, prepared *contender) (c *contender, mode string) {
	if simple.median > prepared.median {
		return simple, "-M simple"
	}
	return prepared, "-M prepared"
}

// libpqEnvironment returns this program's variables with those that lead
// PostgreSQL's own programs to a database. Nothing else reaches them.
func libpqEnvironment(database string) ([]string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	environment := withoutPrefix(os.Environ(), "PG")
	for name, value := range map[string]string{
		"PGHOST": u.Hostname(), "PGPORT": u.Port(), "PGDATABASE": strings.TrimPrefix(u.Path, "/"),
		"PGUSER": u.User.Username(), "PGPASSWORD": password, "PGSSLMODE": u.Query().Get("sslmode"), "LC_ALL": "C",
	} {
		environment = append(environment, name+"="+value)
	}
	return environment, nil
}

func withoutPrefix(environment []string, prefix string) (kept []string) {
	for _, variable := range environment {
		if !strings.HasPrefix(variable, prefix) {
			kept = append(kept, variable)
		}
	}
	return kept
}
