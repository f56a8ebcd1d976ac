package torture

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A worldRefusal is a world in which a daemon must not start.
type worldRefusal struct {
	name    string
	prepare func(h *worldHome)
	says    string
}

var worldRefusals = []worldRefusal{
	{"the home is a file", func(h *worldHome) { h.must(os.WriteFile(h.dir, nil, 0o644)) }, "--home must be a folder"},
	{"the home cannot be written to", func(h *worldHome) {
		nobody(h)
		h.must(os.Chmod(h.dir, 0o555))
	}, "change the permissions"},
	{"the file system of the home is read-only", func(h *worldHome) {
		apart(h)
		h.mkdir(h.dir)
		h.space = newWorldSpace(h.t, `mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"`, h.dir)
	}, "make its file system writable"},
	{"the file system of the database is read-only", func(h *worldHome) {
		apart(h)
		h.recordOne()
		h.space = newWorldSpace(h.t, `mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"`, filepath.Dir(h.db))
	}, "writable"},
	{"the database is in the inbox", func(h *worldHome) { h.db = h.in("inbox", "x.db") }, "name a file elsewhere with --db"},
	{"the database is in done through a link", func(h *worldHome) {
		h.mkdir(h.in("done"))
		h.must(os.Symlink(h.in("done"), filepath.Join(h.base, "link")))
		h.db = filepath.Join(h.base, "link", "x.db")
	}, "name a file elsewhere with --db"},
	{"the database is a folder", func(h *worldHome) { h.mkdir(h.db) }, "it is a folder"},
	{"the database is a link to itself", func(h *worldHome) {
		apart(h)
		h.must(os.Symlink(filepath.Base(h.db), h.db))
	}, "it is a symbolic link"},
	{"the database is a device", func(h *worldHome) { h.db = "/dev/full" }, "it is no regular file"},
	{"the database is a pipe", func(h *worldHome) {
		apart(h)
		h.must(syscall.Mkfifo(h.db, 0o644))
	}, "it is no regular file"},
	{"the database is something else", func(h *worldHome) {
		apart(h)
		h.must(os.WriteFile(h.db, []byte(strings.Repeat("somebody's text\n", 1000)), 0o644))
	}, "it is not a SQLite database"},
	{"the database is another program's", func(h *worldHome) {
		apart(h)
		h.execute("CREATE TABLE memories (body TEXT)")
	}, "belongs to another program"},
	{"the database is of a later program", func(h *worldHome) {
		h.recordOne()
		h.execute("INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, TRUE)")
	}, "install the consensusd that wrote it, or a later one"},
	{"the database is cut off", func(h *worldHome) {
		h.recordOne()
		h.must(os.Truncate(h.db, 20_000))
	}, "damaged"},
	{"pages of the database are overwritten", func(h *worldHome) {
		h.recordOne()
		h.overwrite()
	}, "damaged"},
	{"the database is gone and its log is there", func(h *worldHome) {
		d := h.watch()
		d.drop("inbox/one.json", worldRun("one"))
		d.awaitRun("one")
		d.must(d.cmd.Process.Kill())
		<-d.ended
		h.must(os.Remove(h.db))
	}, "put the database back"},
	{"done is on another file system", func(h *worldHome) { h.spaced(h.in("done"), "size=1m") }, "a plain folder of the home"},
	{"failed is on another file system", func(h *worldHome) { h.spaced(h.in("failed"), "size=1m") }, "a plain folder of the home"},
	{"done is another mount of the same file system", func(h *worldHome) {
		elsewhere := filepath.Join(h.base, "elsewhere")
		h.mkdir(elsewhere, h.in("done"))
		h.space = newWorldSpace(h.t, `mount --bind "$1" "$2"`, elsewhere, h.in("done"))
	}, "a plain folder of the home"},
	{"the home is on a network file system that does not answer", func(h *worldHome) {
		h.mkdir(h.base + "/network")
		h.dir = filepath.Join(h.base, "network", "home")
		h.db = filepath.Join(h.dir, "consensus.db")
		h.space = newWorldSpace(h.t, `exec 3<>/dev/fuse; mount -i -t fuse.sshfs -o fd=3,rootmode=40000,user_id=0,group_id=0 host:/ "$1"`, h.base+"/network")
	}, "name a file on a local disk with --db"},
}

// TestAStartThatCouldNeverRecordIsRefused starts daemons in worlds that will not
// get better by themselves: each says what is wrong and what to do, and leaves
// everything as it was.
func TestAStartThatCouldNeverRecordIsRefused(t *testing.T) {
	var refused atomic.Int64
	t.Run("starts", func(t *testing.T) {
		for _, start := range worldRefusals {
			t.Run(start.name, func(t *testing.T) {
				t.Parallel()
				h := newWorldHome(t)
				start.prepare(h)
				before := h.snapshot()
				for _, name := range []string{"watch", "ingest"} {
					out, errs, code := h.run(name)
					if code != 1 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, start.says) {
						t.Errorf("%s: exit status %d, want 1 and %q\n%s%s", name, code, start.says, out, errs)
					}
				}
				if now := h.snapshot(); now != before {
					t.Errorf("something changed:\n%s\nwas\n%s", now, before)
				}
				refused.Add(1)
			})
		}
		t.Run("another daemon holds the home", func(t *testing.T) {
			t.Parallel()
			d := newWorldHome(t).watch()
			for _, name := range []string{"watch", "ingest"} {
				if out, errs, code := d.run(name); code != 5 || out != "" || !strings.Contains(errs, fmt.Sprint("process ", d.cmd.Process.Pid)) {
					t.Errorf("%s: exit status %d, want 5 and who it is\n%s%s", name, code, out, errs)
				}
			}
			d.drop("inbox/one.json", worldRun("one"))
			d.awaitRun("one")
			d.stop()
			d.account("one")
			refused.Add(1)
		})
	})
	tell(t, "%d starts refused", refused.Load())
}

// recordOne lets a daemon's predecessor record a run.
func (h *worldHome) recordOne() {
	h.t.Helper()
	h.drop("inbox/one.json", worldRun("one"))
	if out, errs, code := h.run("ingest"); code != 0 {
		h.t.Fatalf("ingest: %d, %s%s", code, out, errs)
	}
}

// execute changes the database as any program can.
func (h *worldHome) execute(statement string) {
	h.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+strings.ReplaceAll(h.db, " ", "%20"))
	h.must(err)
	_, err = db.ExecContext(h.t.Context(), statement)
	h.must(err)
	h.must(db.Close())
}

// overwrite writes something over all pages of the database but the first, which
// says how many there are.
func (h *worldHome) overwrite() {
	h.t.Helper()
	info, err := os.Stat(h.db)
	h.must(err)
	f, err := os.OpenFile(h.db, os.O_WRONLY, 0)
	h.must(err)
	defer f.Close()
	rubbish := make([]byte, info.Size()-4096)
	rand.New(rand.NewSource(1)).Read(rubbish)
	_, err = f.WriteAt(rubbish, 4096)
	h.must(err)
}

// snapshot tells all files below base: their kind, size, time and content.
func (h *worldHome) snapshot() string {
	h.t.Helper()
	var all strings.Builder
	h.must(filepath.WalkDir(h.base, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "%s %s", path, info.Mode())
		if info.Mode().IsRegular() && path != h.log() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&all, " %s %d %x", info.ModTime().Format(time.RFC3339Nano), len(content), sha256.Sum256(content))
		}
		fmt.Fprintln(&all)
		return nil
	}))
	return all.String()
}
