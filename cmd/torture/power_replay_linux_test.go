package torture

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A powerReplay replays a trace and cuts the power again and again.
type powerReplay struct {
	t      *testing.T
	disk   *powerDisk
	random *rand.Rand
	chaos  int  // images at random, of each prefix
	again  int  // one image in so many is recorded again, and all at the end
	skip   int  // one prefix in so many is tried, of those that are alike: make torture tries every one
	every  bool // also while documents only fill the log

	promised []string // documents that are there to stay
	seen     map[uint64]bool
	seed     maphash.Seed
	work     chan powerImage
	workers  sync.WaitGroup
	scratch  string

	mu     sync.Mutex
	counts powerCounts
}

// powerCounts are what was tried, and what came out of it.
type powerCounts struct {
	operations, prefixes, images, databases, again, documents int
	torn                                                      int // recorded, and their bytes in done/ lost, which were never synced
	lost, doubled, partial, damaged                           int
}

// A powerImage is what one disk held when the power came back.
type powerImage struct {
	home     string // "" when not even that was there
	after    string // what happened last, and what was kept, for people
	promised []string
	again    bool
}

func newPowerReplay(t *testing.T, seed uint64) *powerReplay {
	r := &powerReplay{
		t: t, disk: newPowerDisk(), random: rand.New(rand.NewPCG(seed, 1)), chaos: 2, again: 40, skip: 32,
		seen: map[uint64]bool{}, seed: maphash.MakeSeed(), work: make(chan powerImage, 4), scratch: powerScratch(t),
	}
	if long {
		r.chaos, r.again, r.skip = 12, 20, 1
	}
	for range max(2, runtime.GOMAXPROCS(0)) {
		r.workers.Go(func() {
			for i := range r.work {
				r.examine(i)
			}
		})
	}
	return r
}

// powerScratch is a folder in memory where there is one: what is written there
// lives for milliseconds.
func powerScratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "power ")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// wait ends the replay and returns what came out.
func (r *powerReplay) wait() powerCounts {
	close(r.work)
	r.workers.Wait()
	r.counts.documents = len(r.promised)
	return r.counts
}

// apply lets one operation happen.
func (r *powerReplay) apply(op powerOp) {
	if op.Kind == "mark" {
		r.promised = append(r.promised, op.Path)
	}
	if err := r.disk.apply(op); err != nil {
		r.t.Fatal(err)
	}
}

// takeBack removes a document from the inbox for good, as its producer may.
func (r *powerReplay) takeBack(name string) {
	r.promised = slices.DeleteFunc(r.promised, func(p string) bool { return p == name })
	path := "new/home/inbox/" + name
	if r.disk.find(path) == nil {
		return
	}
	r.apply(powerOp{Kind: "remove", Path: path})
	r.apply(powerOp{Kind: "sync", Path: filepath.Dir(path), Since: r.disk.seq})
}

// run applies operations, and cuts the power after each, but in make test for
// most of those that are like many others: in the midst of writing one file, or
// of documents that only fill the log.
func (r *powerReplay) run(ops []powerOp) {
	before := r.disk.seq // of another trace
	for i, op := range ops {
		op.Since += before
		r.apply(op)
		r.add(powerCounts{operations: 1})
		midst := op.Kind == "write" && i+1 < len(ops) && ops[i+1].Kind == "write" && ops[i+1].Path == op.Path
		filling := len(r.promised) > 0 && strings.HasPrefix(r.promised[len(r.promised)-1], "filling")
		if (midst || filling && !r.every) && r.random.IntN(r.skip) > 0 {
			continue
		}
		if r.hopeless() {
			r.t.Error("so much is wrong that the rest is not tried")
			return
		}
		r.add(powerCounts{prefixes: 1})
		if i == len(ops)-1 {
			r.again = 1
		}
		for _, keep := range powerKeeps(r.random, r.chaos) {
			r.cut(keep, fmt.Sprintf("after operation %d, %s %s, with %s", i, op.Kind, strings.TrimSpace(op.Path+" "+op.To), keep.name))
		}
	}
}

// hopeless reports whether more mistakes would tell nothing new.
func (r *powerReplay) hopeless() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts.lost+r.counts.doubled+r.counts.partial+r.counts.damaged > 50
}

// cut has an image examined unless it was before.
func (r *powerReplay) cut(keep powerKeep, after string) {
	files := r.disk.image(keep)
	var h maphash.Hash
	h.SetSeed(r.seed)
	fmt.Fprintln(&h, len(r.promised))
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintln(&h, path, len(files[path]))
		h.Write(files[path])
	}
	if r.seen[h.Sum64()] {
		return
	}
	r.seen[h.Sum64()] = true
	r.add(powerCounts{images: 1})
	i := powerImage{after: after, promised: slices.Clone(r.promised), again: len(r.seen)%r.again == 0}
	dir := filepath.Join(r.scratch, fmt.Sprint(len(r.seen)))
	if err := writePowerImage(dir, files); err != nil {
		r.t.Fatal(err)
	}
	i.home = filepath.Join(dir, "new", "home")
	r.work <- i
}

func writePowerImage(dir string, files map[string][]byte) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(files)) { // a folder before what is in it
		at := filepath.Join(dir, path)
		var err error
		if strings.HasSuffix(path, "/") {
			err = os.Mkdir(at, 0o755)
		} else {
			err = os.WriteFile(at, files[path], 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// examine looks at one image, has it recorded again, and looks once more.
func (r *powerReplay) examine(i powerImage) {
	defer os.RemoveAll(filepath.Dir(filepath.Dir(i.home)))
	fresh := i.home + " again"
	if i.again {
		if err := os.MkdirAll(filepath.Dir(fresh), 0o755); err != nil {
			r.t.Error(err)
			return
		}
		if err := os.CopyFS(fresh, os.DirFS(i.home)); err != nil && !os.IsNotExist(err) {
			r.t.Error(err)
			return
		}
	}
	r.add(examinePowerHome(r.t, i))
	if i.again {
		i.home = fresh
		r.add(recordPowerHome(r.t, i))
	}
}

func (r *powerReplay) add(c powerCounts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.add(c)
}

func (c *powerCounts) add(o powerCounts) {
	for i, n := range o.fields() {
		*c.fields()[i] += *n
	}
}

func (c *powerCounts) fields() []*int {
	return []*int{
		&c.operations, &c.prefixes, &c.images, &c.databases, &c.again, &c.documents, &c.torn,
		&c.lost, &c.doubled, &c.partial, &c.damaged,
	}
}

func (c powerCounts) String() string {
	return fmt.Sprintf("%d operations, %d prefixes, %d images, %d databases, %d recorded again, %d documents, %d torn in done; lost %d, doubled %d, partial %d, damaged %d",
		c.operations, c.prefixes, c.images, c.databases, c.again, c.documents, c.torn, c.lost, c.doubled, c.partial, c.damaged)
}
