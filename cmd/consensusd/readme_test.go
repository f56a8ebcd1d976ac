package main

import (
	"bufio"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	_ "github.com/mattn/go-sqlite3"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks returns the fenced blocks of one language in a text.
func blocks(text, language string) (found []string) {
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// The session of the README is typed as it stands, into a folder with a blank
// in its name, beside a daemon started as make run starts it.
func TestTheSessionOfTheREADMEWorksAsTyped(t *testing.T) {
	_, session, _ := strings.Cut(readme(t), "## A session")
	session, _, _ = strings.Cut(session, "\n## ")
	dir := filepath.Join(t.TempDir(), "new user")
	binary := filepath.Join(dir, "bin", "consensusd")
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		t.Fatal(err)
	}
	build(t, binary)
	startDaemon(t, dir, binary)

	cmd := exec.Command("bash", "-euo", "pipefail", "-c", strings.Join(blocks(session, "sh"), "\n"))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, shown := range blocks(session, "text") {
		if !strings.Contains(string(out), shown) {
			t.Errorf("the README shows\n%s\nthe session printed\n%s", shown, out)
		}
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "evidence", "consensus.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range blocks(session, "sql") {
		var spec, stage, verdict, missing string
		if err := db.QueryRow(query).Scan(&spec, &stage, &verdict, &missing); err != nil || verdict != "degraded" || missing != `["gpt_pro"]` {
			t.Errorf("%s: %s %s, %v", query, verdict, missing, err)
		}
	}
}

func build(t *testing.T, binary string) {
	t.Helper()
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// startDaemon runs a daemon in dir until the test ends, which demands that it stops
// cleanly.
func startDaemon(t *testing.T, dir, binary string) {
	t.Helper()
	daemon := exec.Command(binary, "watch", "--home", "evidence", "--http", "off")
	daemon.Dir = dir
	log, err := daemon.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	if !lines.Scan() || !strings.Contains(lines.Text(), "watching") {
		t.Errorf("the daemon said %q", lines.Text())
	}
	drained := make(chan bool)
	go func() {
		for lines.Scan() {
		}
		close(drained)
	}()
	t.Cleanup(func() {
		if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		<-drained
		if err := daemon.Wait(); err != nil {
			t.Errorf("daemon: %v", err)
		}
	})
}

func TestTheREADMEListsEveryCommandAsItsHelpDoes(t *testing.T) {
	text := readme(t)
	root := newCLI(os.Stdin, os.Stdout, os.Stderr).root()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			continue
		}
		if row := "| `" + cmd.Name() + "` | " + cmd.Short + " |"; !strings.Contains(text, row) {
			t.Errorf("the README lacks %s", row)
		}
	}
}

// A promise stands in the README, in docs/scaling.md or in docs/guarantees.md, with
// the test that holds it.
func TestThePromisesOfTheREADMEHaveTheirTests(t *testing.T) {
	_, promises, _ := strings.Cut(readme(t), "## What is promised")
	promises, _, _ = strings.Cut(promises, "\n## ")
	scaling, err := os.ReadFile("../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	guarantees, err := os.ReadFile("../../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	test := regexp.MustCompile(`\bTest[A-Z]\w+`)
	each := strings.Split(string(guarantees), "\n### ")[1:]
	if len(each) < 7 {
		t.Errorf("docs/guarantees.md makes %d promises", len(each))
	}
	for _, promise := range each {
		title, text, _ := strings.Cut(promise, "\n")
		if text, _, _ = strings.Cut(text, "\n## "); !test.MatchString(text) {
			t.Errorf("nothing holds %q", title)
		}
	}
	promises += string(scaling) + string(guarantees)
	files, err := filepath.Glob("../../*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	commands, err := filepath.Glob("../../cmd/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, commands...)
	var code strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(b)
	}
	named := test.FindAllString(promises, -1)
	if len(named) < 48 {
		t.Errorf("the promises name %d tests", len(named))
	}
	for _, name := range named {
		if !strings.Contains(code.String(), "func "+name+"(t *testing.T)") {
			t.Errorf("there is no %s", name)
		}
	}
}
