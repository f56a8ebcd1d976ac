package torture

import (
	"database/sql"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A process that is killed leaves to the next one what it wrote and did not
// sync. Whoever takes that for recorded moves documents away, or tells their
// owners that they may, and they are lost when the power goes before the kernel
// has written it by itself.
func TestWhatAKilledProcessHadNotSyncedIsNotTakenForRecorded(t *testing.T) {
	ops := powerSession(t)
	var commits, others []int
	for i, op := range ops {
		switch {
		case op.Kind != "sync" || i < 100: // later the home is there
		case strings.HasSuffix(op.Path, "-wal"):
			commits = append(commits, i)
		default:
			others = append(others, i)
		}
	}
	random := rand.New(rand.NewPCG(3, 3))
	shuffle := func(s []int) []int {
		random.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		return s
	}
	want := 3 // kills of each kind
	if long { // or all there are
		want = 20
	}
	var sum powerCounts
	var kills, unsynced int
	for _, i := range shuffle(commits) {
		if kills == want {
			break
		}
		k := killPowerBefore(t, ops, i)
		if len(k.unsynced) == 0 {
			continue
		}
		kills++
		unsynced += len(k.unsynced)
		sum.add(k.ingest())
		sum.add(k.put(k.unsynced[0]))
	}
	if kills < 3 {
		t.Errorf("only %d processes were killed between a commit and its sync", kills)
	}
	for _, i := range shuffle(others)[:min(want, len(others))] {
		kills++
		sum.add(killPowerBefore(t, ops, i).ingest())
	}
	tell(t, "%d kills, %d documents committed and not synced; %s", kills, unsynced, sum)
}

// A powerKill is a moment at which every process was killed.
type powerKill struct {
	t        *testing.T
	ops      []powerOp
	unsynced []string // documents recorded in what was not synced
}

// killPowerBefore kills everything before an operation.
func killPowerBefore(t *testing.T, ops []powerOp, i int) powerKill {
	t.Helper()
	r := newPowerReplay(t, 1)
	for _, op := range ops[:i] {
		r.apply(op)
	}
	defer r.wait()
	dir := t.TempDir()
	recorded := func(name string, keep powerKeep) []string {
		home := filepath.Join(dir, name, "new", "home")
		if err := writePowerImage(filepath.Join(dir, name), r.disk.image(keep)); err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(readPowerHome(t, powerImage{home: home, after: "killed, " + name}).receipts))
	}
	keeps := powerKeeps(r.random, 0)
	synced := recorded("all dropped", keeps[0])
	k := powerKill{t: t, ops: ops[:i]}
	for _, name := range recorded("all kept", keeps[1]) {
		if !slices.Contains(synced, name) {
			k.unsynced = append(k.unsynced, powerPlan().byName[name].Name)
		}
	}
	return k
}

// ingest records what the dead have left, and has the power cut wherever it is.
func (k powerKill) ingest() powerCounts {
	return k.goOn("", "ingest", "--settle", "0s")
}

// put is given a document that the dead have recorded, and whose producer has
// taken it back from the inbox. When put returns, it is there to stay, whatever
// put has said of it.
func (k powerKill) put(name string) powerCounts {
	path := filepath.Join(k.t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(powerPlan().byName[filepath.Base(name)].Data), 0o644); err != nil {
		k.t.Fatal(err)
	}
	return k.goOn(name, "put", path)
}

func (k powerKill) goOn(promised, command string, args ...string) powerCounts {
	k.t.Helper()
	dir, err := filepath.EvalSymlinks(k.t.TempDir())
	if err != nil {
		k.t.Fatal(err)
	}
	r := newPowerReplay(k.t, uint64(len(k.ops)))
	r.every = true
	for _, op := range k.ops {
		r.apply(op)
	}
	if promised != "" {
		r.takeBack(promised)
	}
	root := filepath.Join(dir, "disk")
	if err := writePowerImage(root, r.disk.image(powerKeeps(r.random, 0)[1])); err != nil {
		k.t.Fatal(err)
	}
	home := filepath.Join(root, "new", "home")
	if promised != "" {
		defer keepReading(k.t, filepath.Join(home, "consensus.db"))()
	}
	ops, err := tracePower(dir, root, nil, append([]string{binary, command, "--quiet", "--home", home}, args...)...)
	if err != nil {
		k.t.Fatal(err)
	}
	if promised != "" {
		ops = append(ops, powerOp{Kind: "mark", Path: promised})
	}
	r.run(ops)
	c := r.wait()
	if err := sameAsDisk(root, r.disk); err != nil {
		k.t.Error(err)
	}
	return c
}

// keepReading has the database open, as somebody's shell may: whoever closes it
// last would sync all of it.
func keepReading(t *testing.T, path string) (closeAll func()) {
	t.Helper()
	db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "mode=rw"}).String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var runs int
	if err := conn.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM consensus_runs").Scan(&runs); err != nil || runs == 0 {
		t.Fatalf("%d runs, %v", runs, err)
	}
	return func() {
		conn.Close()
		db.Close()
	}
}
