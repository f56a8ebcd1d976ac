package torture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Where a restore is killed, between any two of its steps: while the home is as
// it was; while there is no database; and when the new one is there.
var (
	restoreStepsBefore   = []string{"restore begun", "restore copied", "restore ready", "log linked"}
	restoreStepsBetween  = []string{"database renamed", "database set aside", "archive set aside", "archive restored"}
	restoreStepsAfter    = []string{"database restored"}
	restoreStepsOnlyOver = []string{"log linked", "database renamed", "archive set aside"} // something that is there
)

func TestARestoreKilledAnywhereLeavesAUsableHomeOrNoneAndIsCompletedByTheNext(t *testing.T) {
	for state, steps := range map[string][]string{"old": restoreStepsBefore, "none": restoreStepsBetween, "new": restoreStepsAfter} {
		for _, step := range steps {
			t.Run("replace "+step, func(t *testing.T) { killARestore(t, step, state) })
		}
	}
}

// killARestore kills a restore over a home that has recorded and archived more
// since, and that a killed daemon left with a log.
func killARestore(t *testing.T, step, state string) {
	l := newBackupLife(t)
	l.run("backup")
	name := l.backups()[0]
	backedUp := l.whole()
	l.drop("run-3", "SPEC-3", "2025-06-11", "Then checkout.")
	l.run("cleanup", "--at", "2025-08-15")
	l.die("settled", "ingest")
	if info, err := os.Stat(filepath.Join(l.home, "consensus.db-wal")); err != nil || info.Size() == 0 {
		t.Fatalf("nothing is in the log: %v", err)
	}
	old := l.whole()
	l.die(step, "restore", name, "--replace")
	switch state {
	case "old":
		l.mustHold(old)
	case "new":
		l.mustHold(backedUp)
	default:
		l.refuses(step)
	}
	l.run("restore", name, "--replace")
	l.mustHold(backedUp)
	kept, err := filepath.Glob(filepath.Join(l.home, "consensus.db.before-*Z"))
	if err != nil || len(kept) == 0 {
		t.Fatalf("nothing is kept: %v", err)
	}
	before := &life{t: t, home: filepath.Join(t.TempDir(), "before")} // what was kept, as a home
	for _, suffix := range []string{"", "-wal", "-shm"} {
		must(t, os.MkdirAll(before.home, 0o755))
		if err := os.Rename(kept[0]+suffix, filepath.Join(before.home, "consensus.db"+suffix)); err != nil && suffix == "" {
			t.Fatal(err)
		}
	}
	archives, err := filepath.Glob(filepath.Join(l.home, "archive.before-*Z"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archive is kept: %v", err)
	}
	must(t, os.Rename(archives[0], filepath.Join(before.home, "archive")))
	before.mustHold(old)
	l.leftNothing()
	l.run("ingest") // which looks through done/
	l.run("verify")
}

func TestARestoreIntoAnEmptyHomeKilledAnywhereIsCompletedByTheNext(t *testing.T) {
	source := newBackupLife(t)
	source.run("backup")
	backup := filepath.Join(source.home, "backups", source.backups()[0])
	backedUp := source.whole()
	kills := 0
	for _, step := range append(append(append([]string{}, restoreStepsBefore...), restoreStepsBetween...), restoreStepsAfter...) {
		if strings.Contains(strings.Join(restoreStepsOnlyOver, ","), step) {
			continue
		}
		kills++
		t.Run(step, func(t *testing.T) {
			l := newLife(t)
			l.die(step, "restore", backup)
			if step == restoreStepsAfter[0] {
				l.mustHold(backedUp)
			} else if step != "restore begun" { // of which there is nothing yet
				l.refuses(step)
			}
			l.run("restore", backup, "--replace")
			l.mustHold(backedUp)
			l.leftNothing()
			l.run("verify")
		})
	}
	tell(t, "%d kills of a restore into an empty home; lost 0", kills)
}

// mustHold has the home hold these runs, and be whole.
func (l *life) mustHold(want map[string]any) {
	l.t.Helper()
	if diff := cmp.Diff(want, l.whole()); diff != "" {
		l.t.Errorf("runs of %s:\n%s", l.home, diff)
	}
	l.run("archive", "verify")
	l.run("verify")
}

// refuses has nobody begin an empty database where a restore was interrupted.
func (l *life) refuses(step string) {
	l.t.Helper()
	for _, command := range []string{"ingest", "watch", "verify"} {
		out, err := l.try(nil, command)
		if err == nil || killed(err) || !strings.Contains(out, "a restore to it was interrupted") && !strings.Contains(out, "its log consensus.db-wal is there") {
			l.t.Fatalf("%s after a kill at %q: %v\n%s", command, step, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(l.home, "consensus.db")); err == nil {
		l.t.Errorf("there is a database after a kill at %q", step)
	}
}

// leftNothing looks for what restores leave.
func (l *life) leftNothing() {
	l.t.Helper()
	entries, err := os.ReadDir(l.home)
	must(l.t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			l.t.Errorf("%s is left", e.Name())
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
