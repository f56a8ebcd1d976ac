package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestMain(m *testing.M) {
	testscript.Main(postgrestest.M{M: m}, map[string]func(){"consensusd": main})
}

// TestScripts runs the program as its users do: each script in testdata/script
// executes real processes on files of its own. Beside testscript's commands
// there are
//
//	exits STATUS PROGRAM ARGS…   runs a program that must exit with the status
//	daemon HOME                  waits until a daemon records at the home
//	get HOME PATH STATUS [TEXT]  asks the daemon of the home over HTTP; the body matches TEXT
//	until TEXT PROGRAM ARGS…     runs a program again and again until its output matches
//	taken ADDRESS                listens there, unless somebody does already
//	like FILE WANT               compares texts; in WANT … stands for anything on its line
//	sql DATABASE STATEMENT       executes SQL on a PostgreSQL server
//	json FILE WANT               compares JSON documents; in WANT the string "…" stands for any value
func TestScripts(t *testing.T) {
	testscript.Run(t, scripts("testdata/script", func(*testscript.Env) {}))
}

func scripts(dir string, setUp func(*testscript.Env)) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else -race adds a second to every process
			setUp(env)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"daemon": daemon,
			"get":    get,
			"until":  until,
			"taken":  taken,
			"like":   like,
			"json":   sameJSON,
			"sql":    sqlStatement,
		},
	}
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s exits with %d, not %d", strings.Join(args[1:], " "), got, want)
	}
}

func daemon(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holder, held := ingest.Home(ts.MkAbs(args[0])).Holder(); held && holder.PID > 0 && holder.AssembleSeconds > 0 {
			return
		}
	}
	ts.Fatalf("no daemon holds %s", args[0])
}

func get(ts *testscript.TestScript, _ bool, args []string) {
	holder, _ := ingest.Home(ts.MkAbs(args[0])).Holder()
	response, err := http.Get("http://" + holder.HTTP + args[1])
	ts.Check(err)
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	ts.Check(err)
	if got := strconv.Itoa(response.StatusCode); got != args[2] {
		ts.Fatalf("%s: status %s, not %s", args[1], got, args[2])
	}
	if len(args) > 3 && !regexp.MustCompile(args[3]).Match(body) {
		ts.Fatalf("%s: %s does not match %s", args[1], body, args[3])
	}
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile("(?m)" + args[0])
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err := ts.Exec(args[1], args[2:]...); err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("%s never says %s", strings.Join(args[1:], " "), args[0])
}

func taken(ts *testscript.TestScript, _ bool, args []string) {
	if l, err := net.Listen("tcp", args[0]); err == nil {
		ts.Defer(func() { l.Close() })
		ts.Setenv("TAKEN", l.Addr().String())
	}
}

func like(ts *testscript.TestScript, _ bool, args []string) {
	got, want := strings.Split(ts.ReadFile(args[0]), "\n"), strings.Split(ts.ReadFile(args[1]), "\n")
	for i := range min(len(got), len(want)) {
		if pattern := strings.ReplaceAll(regexp.QuoteMeta(want[i]), "…", ".*"); regexp.MustCompile("^" + pattern + "$").MatchString(got[i]) {
			got[i] = want[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		ts.Fatalf("%s and %s (-want +got):\n%s", args[0], args[1], diff)
	}
}

func sameJSON(ts *testscript.TestScript, neg bool, args []string) {
	var got, want any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &got))
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &want))
	if diff := cmp.Diff(want, likened(want, got)); (diff != "") != neg {
		ts.Fatalf("%s and %s (-want +got):\n%s", args[0], args[1], diff)
	}
}

// likened puts "…" into got where want has it.
func likened(want, got any) any {
	switch want := want.(type) {
	case string:
		if want == "…" && got != nil {
			return want
		}
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			for name := range got {
				got[name] = likened(want[name], got[name])
			}
		}
	case []any:
		if got, ok := got.([]any); ok {
			for i := range min(len(want), len(got)) {
				got[i] = likened(want[i], got[i])
			}
			return slices.Clip(got)
		}
	}
	return got
}
