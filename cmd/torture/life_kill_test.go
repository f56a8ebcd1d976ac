package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lifeSteps are where a cleanup is killed: between any two of its steps.
var lifeSteps = []string{"archived", "begun", "written", "committed", "noted", "expired", "rewritten", "swept", "reclaimed"}

// A life is a home whose runs grow old.
type life struct {
	t    *testing.T
	home string   // as consensusd sees it
	root string   // how the test sees the root of that; "" when it is the test's own
	by   []string // the program that runs consensusd in turn, with its arguments
}

func newLife(t *testing.T) *life {
	t.Helper()
	return &life{t: t, home: filepath.Join(t.TempDir(), "my home")}
}

// run executes a command on the home and returns what it printed.
func (l *life) run(args ...string) string {
	l.t.Helper()
	out, err := l.try(nil, args...)
	if err != nil {
		l.t.Fatalf("consensusd %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (l *life) try(env []string, args ...string) (string, error) {
	line := slices.Concat(l.by, []string{binary}, args, []string{"--home", l.home})
	cmd := exec.CommandContext(context.WithoutCancel(l.t.Context()), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// drop writes a run document into the inbox.
func (l *life) drop(run, spec, day, text string) {
	l.t.Helper()
	inbox := filepath.Join(l.root, l.home, "inbox")
	if err := os.MkdirAll(inbox, 0o755); err != nil {
		l.t.Fatal(err)
	}
	doc := fmt.Sprintf(`{"run_id": %q, "spec_id": %q, "stage": "plan", "timestamp": "%sT12:00:00Z",
 "agents": [{"agent": "claude", "content": %q}, {"agent": "gemini", "content": "so say I: %s"}], "synthesis": {"content": "both say %s", "verdict": "unanimous"}}`,
		run, spec, day, text, run, run)
	if err := os.WriteFile(filepath.Join(inbox, run+".json"), []byte(doc), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// shown returns a run as show answers it, without saying where it is.
func (l *life) shown(run string) (tier string, whole map[string]any) {
	l.t.Helper()
	out, err := l.try(nil, "show", run, "--json")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 4 && strings.Contains(out, `"code":"deleted"`) {
		return "deleted", nil
	}
	var answer struct{ Data map[string]any }
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil {
		l.t.Fatalf("show %s: %v\n%s", run, err, out)
	}
	head := answer.Data["run"].(map[string]any)
	tier = "active"
	if head["archived"] == true {
		tier = "archived"
	}
	delete(head, "archived")
	delete(head, "pinned")
	return tier, answer.Data
}

// killed reports whether the process of err was killed.
func killed(err error) bool {
	var exit *exec.ExitError
	status := syscall.WaitStatus(0)
	if errors.As(err, &exit) {
		status = exit.Sys().(syscall.WaitStatus)
	}
	return status.Signaled() && status.Signal() == syscall.SIGKILL
}

func TestACleanupKilledAnywhereLosesAndDoublesNothing(t *testing.T) {
	kills, unreached := 0, []string{}
	for _, step := range lifeSteps {
		for _, pass := range lifePasses() {
			t.Run(fmt.Sprintf("%s %d", step, pass), func(t *testing.T) {
				switch {
				case killACleanup(t, step, pass):
					kills++
				case pass == 1:
					t.Errorf("no cleanup passes %s", step)
				default:
					unreached = append(unreached, fmt.Sprintf("%s %d", step, pass))
				}
			})
		}
	}
	tell(t, "%d kills of a cleanup, which never passes %s; lost 0, doubled 0, partial 0", kills, strings.Join(unreached, ", "))
}

func lifePasses() []int {
	if long {
		return []int{1, 2, 3, 4, 5}
	}
	return []int{1, 2}
}

// killACleanup kills one cleanup of a home with runs of all ages, lets another
// one follow, and looks for every run. It returns whether there was a kill: a
// step is not passed any number of times.
func killACleanup(t *testing.T, step string, pass int) bool {
	l := newLife(t)
	want := map[string]string{}
	for i, day := range []string{"2025-01-10", "2025-01-20", "2025-02-10", "2025-02-20", "2025-03-01", "2025-05-01", "2025-05-02", "2025-06-10"} {
		run := fmt.Sprintf("run-%d", i)
		l.drop(run, fmt.Sprintf("SPEC-%d", i), day, strings.Repeat("Cart first. ", 2000))
		switch {
		case day < "2025-02-15":
			want[run] = "deleted"
		case day < "2025-05-16":
			want[run] = "archived"
		default:
			want[run] = "active"
		}
	}
	l.run("ingest")
	before := map[string]map[string]any{}
	for run := range want {
		_, before[run] = l.shown(run)
	}
	l.run("cleanup", "--at", "2025-03-20")
	out, err := l.try([]string{fmt.Sprintf("CONSENSUSD_DIE_AT=%s:%d", step, pass)}, "cleanup", "--at", "2025-06-15")
	if err != nil && !killed(err) {
		t.Fatalf("%v\n%s", err, out)
	}
	l.run("verify")
	l.run("cleanup", "--at", "2025-06-15")
	for run, wanted := range want {
		tier, whole := l.shown(run)
		if tier != wanted {
			t.Errorf("%s is %s, not %s", run, tier, wanted)
		}
		if diff := cmp.Diff(before[run], whole); diff != "" && whole != nil {
			t.Errorf("%s has changed:\n%s", run, diff)
		}
	}
	lines, err2 := os.ReadFile(filepath.Join(l.home, "archive", "deleted.jsonl"))
	for _, run := range []string{"run-0", "run-1", "run-2"} {
		if n := strings.Count(string(lines), `"`+run+`"`); n != 1 {
			t.Errorf("%d lines tell that %s is deleted (%v)", n, run, err2)
		}
	}
	l.run("archive", "verify")
	l.run("verify")
	l.mustHoldOnly(".lock", "2025-02.zst", "2025-03.zst", "2025-05.zst", "deleted.jsonl")
	return err != nil
}

func TestAForgettingKilledAnywhereIsCompletedByTheNext(t *testing.T) {
	for _, step := range []string{"noted", "begun", "written", "committed"} {
		t.Run(step, func(t *testing.T) {
			l := newLife(t)
			l.drop("run-0", "SPEC-0", "2025-02-10", "Cart first.")
			l.drop("run-1", "SPEC-1", "2025-02-20", "Cart last.")
			l.run("ingest")
			l.run("cleanup", "--at", "2025-04-01")
			if err := os.Remove(filepath.Join(l.home, "archive", "2025-02.zst")); err != nil {
				t.Fatal(err)
			}
			forget := []string{"archive", "forget", "2025-02.zst", "--yes"}
			if out, err := l.try([]string{"CONSENSUSD_DIE_AT=" + step + ":1"}, forget...); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			all := step == "committed" // is done, and the next one finds nothing to do
			if out, err := l.try(nil, forget...); all != (err != nil) {
				t.Errorf("the next one: %v\n%s", err, out)
			}
			lines, err := os.ReadFile(filepath.Join(l.home, "archive", "deleted.jsonl"))
			for _, run := range []string{"run-0", "run-1"} {
				tier, _ := l.shown(run)
				if n := strings.Count(string(lines), `"`+run+`"`); tier != "deleted" || n != 1 {
					t.Errorf("%s is %s, as %d lines tell (%v)", run, tier, n, err)
				}
			}
			l.run("archive", "verify")
			l.run("verify")
			l.mustHoldOnly(".lock", "deleted.jsonl")
		})
	}
}

// mustHoldOnly fails the test when the archive's folder has something else in it.
func (l *life) mustHoldOnly(names ...string) {
	l.t.Helper()
	entries, err := os.ReadDir(filepath.Join(l.home, "archive"))
	var there []string
	for _, e := range entries {
		there = append(there, e.Name())
	}
	if diff := cmp.Diff(names, there); diff != "" || err != nil {
		l.t.Errorf("the archive's folder: %v\n%s", err, diff)
	}
}
