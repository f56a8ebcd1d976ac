package torture

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

// A worldCause is something that goes wrong while the daemon works, and is put
// right again.
type worldCause struct {
	name    string
	prepare func(h *worldHome) // before the daemon starts; nil does nothing
	begin   func(h *worldHome) (end func())
	says    string // what readyz says meanwhile; "" when it is mended before anybody can ask
	drops   worldMoment
	kept    bool // runs are recorded meanwhile, and only their files cannot be moved
}

// A worldMoment is when documents are dropped. Mostly that is before anything goes
// wrong, and the database is locked until it does, so that the daemon gets at the
// documents when all is as it is to be.
type worldMoment int

const (
	worldBefore worldMoment = iota
	worldMeanwhile
	worldAfter
)

// nobody runs the daemon as a user whom permissions concern.
func nobody(h *worldHome) {
	if os.Geteuid() == 0 {
		h.user = 65534
		worldProgram(h.t, h.base)
	}
	h.mkdir(h.dir)
}

// apart puts the database beside the home.
func apart(h *worldHome) {
	h.db = filepath.Join(h.base, "apart", "consensus.db")
	h.mkdir(filepath.Dir(h.db))
}

// lock takes the database's write lock, as any other program can.
func (h *worldHome) lock() (release func()) {
	h.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+strings.ReplaceAll(h.see(h.db), " ", "%20")+"?mode=rw&_txlock=immediate&_busy_timeout=60000")
	h.must(err)
	tx, err := db.BeginTx(context.Background(), nil)
	h.must(err)
	return func() {
		h.must(tx.Rollback())
		h.must(db.Close())
	}
}

// closed takes the permission to write into folders of the home away.
func closed(folders ...string) func(h *worldHome) func() {
	return func(h *worldHome) func() {
		var paths []string
		for _, f := range folders {
			found, err := filepath.Glob(h.in(f))
			h.must(err)
			paths = append(paths, found...)
		}
		chmod := func(mode os.FileMode) {
			for _, path := range paths {
				h.must(os.Chmod(path, mode))
			}
		}
		chmod(0o555)
		return func() { chmod(0o755) }
	}
}

// covered mounts another file system over a folder of the home.
func covered(folder string) func(h *worldHome) func() {
	return func(h *worldHome) func() {
		h.space.must("mount", "-t", "tmpfs", "tmpfs", filepath.Join(h.dir, folder))
		return func() { h.space.must("umount", "--lazy", filepath.Join(h.dir, folder)) }
	}
}

// deleted deletes a folder of the home that the daemon makes again, and brings
// back what lay there.
func deleted(folder string) func(h *worldHome) func() {
	return func(h *worldHome) func() {
		was := map[string][]byte{}
		for _, path := range h.files(folder) {
			text, err := os.ReadFile(path)
			h.must(err)
			was[path] = text
		}
		h.must(os.RemoveAll(h.in(folder)))
		return func() {
			for path, text := range was {
				h.must(os.MkdirAll(filepath.Dir(path), 0o755))
				h.must(os.WriteFile(path, text, 0o644))
			}
		}
	}
}

// renamed gives a file another name, and something else the old one if that is
// not nil.
func renamed(path func(h *worldHome) string, instead func(h *worldHome, path string)) func(h *worldHome) func() {
	return func(h *worldHome) func() {
		was, now := path(h), path(h)+" elsewhere"
		h.must(os.Rename(was, now))
		if instead != nil {
			instead(h, was)
		}
		return func() { h.must(os.Rename(now, was)) }
	}
}

func worldDatabase(h *worldHome) string { return h.db }
func worldInbox(h *worldHome) string    { return h.in("inbox") }

var worldCauses = []worldCause{
	{
		name: "the disk of the database is full",
		prepare: func(h *worldHome) {
			apart(h)
			h.spaced(filepath.Dir(h.db), "size=8m")
		},
		begin: func(h *worldHome) func() { return h.fill(filepath.Dir(h.db), 4096) },
		says:  "full",
		drops: worldMeanwhile,
	},
	{
		name: "the disk of done is full",
		prepare: func(h *worldHome) {
			apart(h)
			h.spaced(h.dir, "nr_inodes=100")
		},
		begin: func(h *worldHome) func() { return h.fill(h.dir, 0) },
		says:  "no space left",
		kept:  true,
	},
	{
		name: "the disk of failed is full",
		prepare: func(h *worldHome) {
			apart(h)
			h.spaced(h.dir, "size=4m")
		},
		begin: func(h *worldHome) func() { return h.fill(h.dir, 4096) },
		says:  "no space left",
		kept:  true,
	},
	{
		name: "another process holds the lock of the database",
		begin: func(h *worldHome) func() {
			release := h.lock()
			return func() {
				if long {
					<-time.After(time.Minute)
				}
				release()
			}
		},
		drops: worldMeanwhile,
		says:  "lock",
	},
	{name: "the inbox is deleted", begin: func(h *worldHome) func() {
		h.must(os.RemoveAll(h.in("inbox")))
		return func() { h.must(os.Mkdir(h.in("inbox"), 0o755)) }
	}, says: "no such file", drops: worldAfter},
	{name: "the inbox is renamed", begin: renamed(worldInbox, nil), says: "no such file", drops: worldAfter},
	{name: "the inbox is read-only", prepare: nobody, begin: closed("inbox", "inbox/deep"), says: "permission denied", kept: true},
	{name: "done is read-only", prepare: nobody, begin: closed("done", "done/*"), says: "permission denied", kept: true},
	{name: "failed is read-only", prepare: nobody, begin: closed("failed"), says: "permission denied", kept: true},
	{
		name: "the file system of the home is read-only",
		prepare: func(h *worldHome) {
			apart(h)
			h.mkdir(h.dir)
			h.space = newWorldSpace(h.t, `mount --bind "$1" "$1"`, h.dir)
		},
		begin: func(h *worldHome) func() {
			h.space.must("mount", "-o", "remount,bind,ro", h.dir)
			return func() { h.space.must("mount", "-o", "remount,bind,rw", h.dir) }
		},
		says: "read-only file system",
		kept: true,
	},
	{name: "done comes to be on another file system", prepare: spacedPlainly, begin: covered("done"), says: "cross-device", kept: true},
	{name: "failed comes to be on another file system", prepare: spacedPlainly, begin: covered("failed"), says: "cross-device", kept: true},
	{name: "failed is deleted", begin: deleted("failed"), kept: true},
	{name: "done is deleted", begin: deleted("done"), kept: true},
	{name: "the disk of the open database turns read-only", begin: readOnlyDatabase, says: "read-only file system"},
	{name: "the database is renamed", begin: renamed(worldDatabase, nil), says: "consensus.db was deleted or renamed"},
	{name: "the database is replaced", begin: renamed(worldDatabase, func(h *worldHome, path string) {
		other := worldHome{t: h.t, base: h.base, dir: filepath.Join(h.base, "other"), db: filepath.Join(h.base, "other", "consensus.db")}
		other.run("ingest")
		h.must(os.Rename(other.db, path))
	}), says: "consensus.db was replaced"},
}

func spacedPlainly(h *worldHome) { h.space = newWorldSpace(h.t, "") }

// TestWhenACauseIsGoneTheDaemonGoesOn breaks something under a daemon that works,
// and puts it right: the daemon says what is wrong, rejects nothing for it, and
// does what it was told to when it can.
func TestWhenACauseIsGoneTheDaemonGoesOn(t *testing.T) {
	var causes, recorded, lost, doubled atomic.Int64
	t.Run("causes", func(t *testing.T) {
		for _, cause := range worldCauses {
			t.Run(cause.name, func(t *testing.T) {
				t.Parallel()
				h := newWorldHome(t)
				cause.suffer(h)
				l, d := h.account("before", "during", "after")
				causes.Add(1)
				recorded.Add(3)
				lost.Add(int64(l))
				doubled.Add(int64(d))
			})
		}
	})
	tell(t, "%d of %d causes the daemon goes on after: %d documents, lost %d, doubled %d", causes.Load(), len(worldCauses), recorded.Load(), lost.Load(), doubled.Load())
}

const worldBad = `{"run_id": "bad", "spec_id": "SPEC-1", "stage": 7}`

func (cause worldCause) suffer(h *worldHome) {
	h.t.Helper()
	if cause.prepare != nil {
		cause.prepare(h)
	}
	d := h.watch()
	d.drop("inbox/before.json", worldRun("before"))
	d.awaitRun("before")
	d.awaitReady()

	unlock := func() {}
	if cause.drops == worldBefore {
		unlock = d.lock()
		d.dropBoth()
	}
	end := cause.begin(h)
	unlock()
	if cause.says != "" {
		d.awaitReason(cause.says)
	}
	if cause.drops == worldMeanwhile {
		d.dropBoth()
		d.await("the daemon has tried", func() bool { return strings.Contains(d.said(), "cannot record") })
	}
	cause.meanwhile(d)
	end()
	if cause.drops == worldAfter {
		d.dropBoth()
	}
	d.awaitRun("during")
	d.await("the bad document is rejected", func() bool { return len(d.files("failed")) == 2 })
	d.awaitReady()
	d.drop("inbox/after.json", worldRun("after"))
	d.awaitRun("after")
	d.stop()
}

// dropBoth drops a document that is to be recorded and one that is to be
// rejected.
func (h *worldHome) dropBoth() {
	h.t.Helper()
	h.drop("inbox/bad.json", worldBad)
	h.drop("inbox/deep/during.json", worldRun("during"))
}

// meanwhile looks whether everything is where it belongs.
func (cause worldCause) meanwhile(d *worldDaemon) {
	d.t.Helper()
	for _, path := range d.files("failed") {
		if name := filepath.Base(path); !strings.HasPrefix(name, "bad.json") {
			d.t.Errorf("%s was rejected for a fault that is not its own", name)
		}
	}
	if cause.drops == worldAfter {
		return
	}
	waits := slices.ContainsFunc(d.files("inbox"), func(path string) bool { return filepath.Base(path) == "during.json" })
	if !waits && !cause.kept {
		d.t.Errorf("a file was moved away that is not recorded: inbox %v, done %v", d.files("inbox"), d.files("done"))
	}
	if cause.kept {
		d.await("the run is recorded all the same", func() bool { return d.has("during") })
	}
}
