package torture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What becomes of a database under the daemon that does not get well by itself:
// nothing is recorded into it and nothing moved any more, until a person has done
// what the daemon says.

func TestADatabaseDeletedUnderTheDaemonIsRecordedOnceMore(t *testing.T) {
	t.Parallel()
	for name, suffixes := range map[string][]string{
		"the database": {""}, "its log": {"-wal"}, "its index": {"-shm"}, "all of it": {"", "-wal", "-shm"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newWorldHome(t)
			d := h.watch()
			d.drop("inbox/before.json", worldRun("before"))
			d.awaitRun("before")

			unlock := d.lock()
			d.drop("inbox/during.json", worldRun("during"))
			for _, suffix := range suffixes {
				d.must(os.Remove(d.db + suffix))
			}
			unlock()
			d.awaitReason("restart the daemon")
			d.await("the daemon has tried", func() bool { return strings.Contains(d.said(), "cannot record") })
			if inbox, failed := d.files("inbox"), d.files("failed"); len(inbox) != 1 || len(failed) > 0 {
				t.Errorf("inbox %v, failed %v: the file must wait", inbox, failed)
			}
			d.stop()

			if _, err := os.Stat(h.db + "-wal"); err == nil {
				if _, errs, code := h.run("watch"); code != 1 || !strings.Contains(errs, "move the log away") {
					t.Errorf("started beside the log of a database that is gone: %d %s", code, errs)
				}
				h.must(os.Rename(h.db+"-wal", h.db+"-wal of before"))
			}
			d = h.watch()
			d.awaitRun("during")
			if lost := !h.has("before"); lost != slices.Contains(suffixes, "") {
				t.Errorf("the run from before is lost: %v", lost)
			} else if lost && !strings.Contains(d.said(), "the database is empty") {
				t.Errorf("the daemon took a new database over silently: %s", d.said())
			}
			if out, errs, code := h.run("ingest", h.in("done")); code != 0 {
				t.Errorf("ingest done: %d %s%s", code, out, errs)
			}
			d.stop()
			h.account("before", "during")
		})
	}
}

func TestADatabaseDamagedUnderTheDaemonIsRecordedIntoNoMore(t *testing.T) {
	t.Parallel()
	h := newWorldHome(t)
	d := h.watch()
	d.drop("inbox/before.json", worldRun("before"))
	d.awaitRun("before")
	copied := filepath.Join(h.base, "copy.db")
	h.execute("VACUUM INTO '" + copied + "'")

	// Another program's change makes the daemon read what it knows anew.
	h.execute("PRAGMA user_version = 7; PRAGMA wal_checkpoint(TRUNCATE)")
	h.overwrite()
	d.drop("inbox/during.json", worldRun("during"))
	d.awaitReason("the database is damaged")
	if inbox, failed := d.files("inbox"), d.files("failed"); len(inbox) != 1 || len(failed) > 0 {
		t.Errorf("inbox %v, failed %v: the file must wait", inbox, failed)
	}
	d.stop()
	if _, errs, code := h.run("watch"); code != 1 || !strings.Contains(errs, "restore a backup") {
		t.Errorf("started with a damaged database: %d %s", code, errs)
	}

	for _, suffix := range []string{"-wal", "-shm"} {
		os.Remove(h.db + suffix)
	}
	h.must(os.Rename(copied, h.db))
	d = h.watch()
	d.awaitRun("during")
	d.stop()
	h.account("before", "during")
}
