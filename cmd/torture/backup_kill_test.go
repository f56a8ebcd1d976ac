package torture

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Where a backup that deletes an older one is killed: between any two of its steps.
var backupSteps = []string{"backup begun", "snapshot", "archive copied", "backed up", "backup named", "backup unnamed"}

// keepOne has a backup delete the others of its day.
var keepOne = []string{"backup", "--backup-keep", "1d"}

// newBackupLife is a home with runs in the tables and in the archive.
func newBackupLife(t *testing.T) *life {
	t.Helper()
	l := newLife(t)
	for i, day := range []string{"2025-04-10", "2025-05-01", "2025-06-10"} {
		l.drop(fmt.Sprintf("run-%d", i), fmt.Sprintf("SPEC-%d", i), day, strings.Repeat("Cart first. ", 2000))
	}
	l.run("ingest")
	l.run("cleanup", "--at", "2025-06-15")
	return l
}

// die runs a command that must be killed at a step.
func (l *life) die(step string, args ...string) {
	l.t.Helper()
	if out, err := l.try([]string{"CONSENSUSD_DIE_AT=" + step + ":1"}, args...); !killed(err) {
		l.t.Fatalf("consensusd %s is not killed at %q: %v\n%s", strings.Join(args, " "), step, err, out)
	}
}

// data is what a command answers.
func (l *life) data(into any, args ...string) {
	l.t.Helper()
	out := l.run(append(args, "--json", "--quiet")...)
	answer := struct{ Data any }{into}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		l.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// backups lists the names of the backups, newest first, none of which is damaged.
func (l *life) backups() (names []string) {
	l.t.Helper()
	var all []struct{ Name, Damage string }
	l.data(&all, "backup", "list")
	for _, b := range all {
		if b.Damage != "" {
			l.t.Errorf("backup %s is listed as damaged: %s", b.Name, b.Damage)
		}
		names = append(names, b.Name)
	}
	l.run("backup", "verify")
	return names
}

// whole is every run of the home, and where it is.
func (l *life) whole() map[string]any {
	l.t.Helper()
	all := map[string]any{}
	for i := range 4 {
		run := fmt.Sprintf("run-%d", i)
		if out, err := l.try(nil, "show", run); err != nil && strings.Contains(out, "no run") {
			continue
		}
		tier, whole := l.shown(run)
		all[run] = []any{tier, whole}
	}
	return all
}

// content is every file below a folder, with what it holds.
func content(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestABackupKilledAnywhereHarmsNothing(t *testing.T) {
	for _, step := range backupSteps {
		t.Run(step, func(t *testing.T) {
			l := newBackupLife(t)
			l.run("backup")
			first := l.backups()[0]
			folder := filepath.Join(l.home, "backups")
			was := content(t, filepath.Join(folder, first))
			l.drop("run-3", "SPEC-3", "2025-06-11", "Then checkout.")
			l.run("ingest")
			before := l.whole()
			l.die(step, keepOne...)
			if diff := cmp.Diff(before, l.whole()); diff != "" {
				t.Errorf("runs:\n%s", diff)
			}
			want := map[string]int{"backup named": 2}[step] // the new one is whole by then
			if now := l.backups(); len(now) != max(want, 1) || slices.Contains(now, first) != (step != "backup unnamed") {
				t.Errorf("%v are listed, and there was %s", now, first)
			}
			if step != "backup unnamed" {
				if diff := cmp.Diff(was, content(t, filepath.Join(folder, first))); diff != "" {
					t.Errorf("the backup before:\n%s", diff)
				}
			}
			l.run("verify")
			l.run(keepOne...)
			if now := l.backups(); len(now) != 1 || now[0] == first {
				t.Errorf("%v are listed after the next one", now)
			}
			entries, err := os.ReadDir(folder)
			if err != nil || len(entries) != 2 { // and the lock
				t.Errorf("left: %v, %v", entries, err)
			}
			l.run("backup", "verify", "--drill")
			l.run("verify")
		})
	}
}

// A backup of a home that a daemon records into as fast as it can is as good as
// any.
func TestBackupsBesideADaemonUnderFullLoadAreRestored(t *testing.T) {
	h := &killHome{t: t, dir: filepath.Join(t.TempDir(), "a home"), rng: rand.New(rand.NewPCG(1, 0)), kills: map[string]int{}, ledger: newKillLedger()}
	stop := h.feed(1)
	d := h.watch("")
	for late := time.After(killPatience); ; {
		if out, err := h.run("runs"); err == nil && strings.Contains(string(out), `"run_id"`) {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-late:
			h.fatal("nothing is recorded")
		}
	}
	rounds := 3
	if long {
		rounds = 20
	}
	var runs []int
	for range rounds {
		var made struct {
			Data struct {
				Name string
				Runs int
			}
		}
		out, err := h.run("backup")
		if err == nil {
			err = json.Unmarshal(out, &made)
		}
		if err == nil {
			_, err = h.run("backup", "verify", "--drill", made.Data.Name)
		}
		if err != nil {
			h.fatal("%v", err)
		}
		runs = append(runs, made.Data.Runs)
	}
	stop()
	d.cmd.Process.Kill()
	<-d.ended
	h.drain(false)
	sum := h.compare()
	if !slices.IsSorted(runs) || runs[0] == runs[rounds-1] {
		t.Errorf("nothing was recorded between backups of %v runs", runs)
	}
	tell(t, "backups of %v runs, %d in all at the end; lost %d, doubled %d, partial %d", runs, sum.runs, sum.lost, sum.doubled, sum.partial)
}
