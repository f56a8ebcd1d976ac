package torture

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// A powerDisk promises what POSIX does, and no more. The bytes of a file are
// safe when the file was synced after they were written; the name of a file or
// folder is safe when the folder that holds it was synced. Of everything else
// any part may be lost with the power: single pages, names, lengths.
//
// One thing more is taken for granted, as on every file system that keeps a
// journal: what it writes of a rename by itself is never the removal without
// the arrival. What a program syncs is taken at its word, though: the folder
// that was left alone, and the file is in neither.
type powerDisk struct {
	root *powerNode
	dirs []*powerNode
	seq  int
}

// A powerNode is a file or folder, whatever it is called.
type powerNode struct {
	dir           bool
	now, safe     []byte
	writes        []powerWrite // since safe
	names, stable map[string]*powerNode
	entries       []*powerEntry // since stable
}

// A powerWrite is a write, or without data the file's new length.
type powerWrite struct {
	seq    int
	offset int64
	data   []byte
}

// A powerEntry is a name given, or taken away when node is nil.
type powerEntry struct {
	seq   int
	name  string
	node  *powerNode
	after *powerEntry // where a removed name went
	safe  bool
}

func newPowerDisk() *powerDisk {
	d := &powerDisk{}
	d.root = d.node(true)
	return d
}

func (d *powerDisk) node(dir bool) *powerNode {
	n := &powerNode{dir: dir, names: map[string]*powerNode{}, stable: map[string]*powerNode{}}
	if dir {
		d.dirs = append(d.dirs, n)
	}
	return n
}

// find returns what is at p now, nil when nothing is.
func (d *powerDisk) find(p string) *powerNode {
	n := d.root
	for _, name := range strings.Split(p, "/") {
		if n != nil && name != "" && name != "." {
			n = n.names[name]
		}
	}
	return n
}

func (d *powerDisk) apply(op powerOp) error {
	seq := d.seq
	d.seq++
	n := d.find(op.Path)
	folder, name := d.find(path.Dir(op.Path)), path.Base(op.Path)
	if op.Kind != "mark" && (folder == nil || n == nil && op.Kind != "create" && op.Kind != "mkdir") {
		return fmt.Errorf("operation %d: %s %s: there is no such file", seq, op.Kind, op.Path)
	}
	switch op.Kind {
	case "create", "mkdir":
		if n == nil {
			folder.name(&powerEntry{seq: seq, name: name, node: d.node(op.Kind == "mkdir")})
		}
	case "write":
		n.write(powerWrite{seq, op.Offset, op.Data})
	case "truncate":
		n.write(powerWrite{seq, op.Offset, nil})
	case "sync":
		n.sync(op.Since)
	case "remove":
		folder.name(&powerEntry{seq: seq, name: name})
	case "rename", "link":
		to := d.find(path.Dir(op.To))
		if to == nil {
			return fmt.Errorf("operation %d: %s to %s: there is no such folder", seq, op.Kind, op.To)
		}
		arrival := &powerEntry{seq: seq, name: path.Base(op.To), node: n}
		to.name(arrival)
		if op.Kind == "rename" {
			folder.name(&powerEntry{seq: seq, name: name, after: arrival})
		}
	}
	return nil
}

func (n *powerNode) name(e *powerEntry) {
	n.entries = append(n.entries, e)
	enter(n.names, e)
}

// place orders entries as they came, a rename's arrival before its removal.
func (e *powerEntry) place() int {
	if e.after != nil {
		return 2*e.seq + 1
	}
	return 2 * e.seq
}

func enter(names map[string]*powerNode, e *powerEntry) {
	if e.node == nil {
		delete(names, e.name)
		return
	}
	names[e.name] = e.node
}

func (n *powerNode) write(w powerWrite) {
	n.writes = append(n.writes, w)
	n.now = w.on(n.now)
}

// on returns content as it is after w; it may use content's memory.
func (w powerWrite) on(content []byte) []byte {
	if w.data == nil {
		content = content[:min(int64(len(content)), w.offset)]
	}
	if missing := w.offset + int64(len(w.data)) - int64(len(content)); missing > 0 {
		content = append(content, make([]byte, missing)...)
	}
	copy(content[w.offset:], w.data)
	return content
}

// sync makes safe what was done before the operation since.
func (n *powerNode) sync(since int) {
	later := n.writes[:0:0]
	for _, w := range n.writes {
		if w.seq >= since {
			later = append(later, w)
			continue
		}
		n.safe = w.on(n.safe)
	}
	n.writes = later
	unsafe := n.entries[:0:0]
	for _, e := range n.entries {
		if e.seq >= since {
			unsafe = append(unsafe, e)
			continue
		}
		e.safe = true
		enter(n.stable, e)
	}
	n.entries = unsafe
}

// A powerKeep says what a disk keeps of that which is not safe.
type powerKeep struct {
	name string
	// of an entry, and of a part of a write, which lies on one page
	entry func(e *powerEntry) bool
	write func(n *powerNode, w powerWrite) bool
}

const powerPage = 4096

func powerAll(yes bool) (func(*powerEntry) bool, func(*powerNode, powerWrite) bool) {
	return func(*powerEntry) bool { return yes }, func(*powerNode, powerWrite) bool { return yes }
}

// powerKeeps are the ways to lose power: plain ones, then count at random.
func powerKeeps(random *rand.Rand, count int) []powerKeep {
	allEntries, allWrites := powerAll(true)
	noEntries, noWrites := powerAll(false)
	keeps := []powerKeep{
		{"all dropped", noEntries, noWrites}, {"all kept", allEntries, allWrites},
		{"names kept, bytes dropped", allEntries, noWrites}, {"bytes kept, names dropped", noEntries, allWrites},
	}
	for i := range count {
		share := []float64{0.5, 0.9, 0.2}[i%3]
		keep := powerKeep{
			name:  fmt.Sprintf("%d %% kept at random", int(100*share)),
			entry: func(*powerEntry) bool { return random.Float64() < share },
			write: func(*powerNode, powerWrite) bool { return random.Float64() < share },
		}
		if i%2 == 1 { // in each file the writes up to one, as they came
			cut := map[*powerNode]int{}
			keep.name += ", bytes in order"
			keep.write = func(n *powerNode, w powerWrite) bool {
				if _, ok := cut[n]; !ok {
					cut[n] = n.writes[random.IntN(len(n.writes))].seq
				}
				return w.seq < cut[n]
			}
		}
		keeps = append(keeps, keep)
	}
	return keeps
}

// image returns the files that are there when the power comes back, by path;
// folders end in a slash. The bytes are valid until the next operation.
func (d *powerDisk) image(keep powerKeep) map[string][]byte {
	names := map[*powerNode]map[string]*powerNode{}
	var all []*powerEntry
	of := map[*powerEntry]*powerNode{}
	for _, dir := range d.dirs {
		if len(dir.entries) > 0 {
			copied := map[string]*powerNode{}
			for name, n := range dir.stable {
				copied[name] = n
			}
			names[dir] = copied
		}
		for _, e := range dir.entries {
			all = append(all, e)
			of[e] = dir
		}
	}
	slices.SortFunc(all, func(a, b *powerEntry) int { return cmp.Compare(a.place(), b.place()) })
	kept := map[*powerEntry]bool{}
	stopped := map[*powerNode]map[string]bool{}
	for _, e := range all {
		dir := of[e]
		switch {
		case stopped[dir][e.name]:
		case keep.entry(e) && (e.after == nil || e.after.safe || kept[e.after]):
			kept[e] = true
			enter(names[dir], e)
		case stopped[dir] == nil:
			stopped[dir] = map[string]bool{e.name: true}
		default:
			stopped[dir][e.name] = true
		}
	}
	files := map[string][]byte{}
	d.collect(files, "", d.root, names, keep)
	return files
}

func (d *powerDisk) collect(files map[string][]byte, at string, dir *powerNode, names map[*powerNode]map[string]*powerNode, keep powerKeep) {
	below := dir.stable
	if names[dir] != nil {
		below = names[dir]
	}
	for name, n := range below {
		p := path.Join(at, name)
		if n.dir {
			files[p+"/"] = nil
			d.collect(files, p, n, names, keep)
			continue
		}
		files[p] = n.content(keep)
	}
}

func (n *powerNode) content(keep powerKeep) []byte {
	kept := slices.Clone(n.safe)
	var lost bool
	for _, w := range n.writes {
		for part := range w.parts() {
			if keep.write(n, part) {
				kept = part.on(kept)
				continue
			}
			lost = true
		}
	}
	if !lost {
		return n.now
	}
	return kept
}

// parts yields w cut at the borders of pages.
func (w powerWrite) parts() func(yield func(powerWrite) bool) {
	return func(yield func(powerWrite) bool) {
		if w.data == nil {
			yield(w)
			return
		}
		for rest, at := w.data, w.offset; len(rest) > 0; {
			n := min(powerPage-at%powerPage, int64(len(rest)))
			if !yield(powerWrite{w.seq, at, rest[:n]}) {
				return
			}
			rest, at = rest[n:], at+n
		}
	}
}

func TestPowerDiskPromisesNoMoreThanPOSIX(t *testing.T) {
	file := func(p string) powerOp { return powerOp{Kind: "create", Path: p} }
	write := func(p, s string) powerOp { return powerOp{Kind: "write", Path: p, Data: []byte(s)} }
	sync := func(p string) powerOp { return powerOp{Kind: "sync", Path: p, Since: 99} }
	move := func(p, q string) powerOp { return powerOp{Kind: "rename", Path: p, To: q} }
	dir := func(p string) powerOp { return powerOp{Kind: "mkdir", Path: p} }
	two := []powerOp{dir("a"), dir("b"), sync(""), file("a/f"), write("a/f", "x"), sync("a/f"), sync("a")}
	for name, c := range map[string]struct {
		ops                     []powerOp
		dropped, kept, nameless string
	}{
		"a name is not safe with its file":         {[]powerOp{file("f"), write("f", "x"), sync("f")}, "", "f=x", "f=x"},
		"bytes are not safe with their name":       {[]powerOp{file("f"), write("f", "x"), sync("")}, "f=", "f=x", "f="},
		"both are safe":                            {[]powerOp{file("f"), write("f", "x"), sync("f"), sync("")}, "f=x", "f=x", "f=x"},
		"a folder is not safe with what is in it":  {[]powerOp{dir("a"), file("a/f"), sync("a/f"), sync("a")}, "", "a/ a/f=", "a/ a/f="},
		"a rename can be undone":                   {append(two[:7:7], move("a/f", "b/f")), "a/ a/f=x b/", "a/ b/ b/f=x", "a/ b/ b/f=x"},
		"target first: both names":                 {append(two[:7:7], move("a/f", "b/f"), sync("b")), "a/ a/f=x b/ b/f=x", "a/ b/ b/f=x", "a/ b/ b/f=x"},
		"source alone: neither":                    {append(two[:7:7], move("a/f", "b/f"), sync("a")), "a/ b/", "a/ b/ b/f=x", "a/ b/ b/f=x"},
		"what is written later is not safe":        {[]powerOp{file("f"), sync(""), write("f", "x"), {Kind: "sync", Path: "f", Since: 2}}, "f=", "f=x", "f="},
		"an unlinked file may be back":             {[]powerOp{file("f"), sync(""), {Kind: "remove", Path: "f"}}, "f=", "", ""},
		"a file is cut":                            {[]powerOp{file("f"), write("f", "xyz"), {Kind: "truncate", Path: "f", Offset: 1}, sync("f"), sync("")}, "f=x", "f=x", "f=x"},
		"a name that is replaced is old or new":    {[]powerOp{file("f"), file("g"), write("g", "x"), sync("g"), sync(""), move("g", "f")}, "f= g=x", "f=x", "f=x"},
		"the longer of two writes reaches further": {[]powerOp{file("f"), sync(""), write("f", "xy"), write("f", "z")}, "f=", "f=zy", "f="},
	} {
		t.Run(name, func(t *testing.T) {
			d := newPowerDisk()
			for _, op := range c.ops {
				if err := d.apply(op); err != nil {
					t.Fatal(err)
				}
			}
			keeps := powerKeeps(nil, 0)
			for i, want := range []string{c.dropped, c.kept, c.nameless} {
				var got []string
				for p, b := range d.image(keeps[i]) {
					if !strings.HasSuffix(p, "/") {
						p += "=" + string(b)
					}
					got = append(got, p)
				}
				slices.Sort(got)
				if diff := gocmp.Diff(want, strings.Join(got, " ")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", keeps[i].name, diff)
				}
			}
		})
	}
}

// Pages are lost one by one, and a rename never loses its file.
func TestPowerDiskLosesAtRandom(t *testing.T) {
	seen := map[string]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	page := bytes.Repeat([]byte("x"), powerPage)
	for range 200 {
		d := newPowerDisk()
		for _, op := range []powerOp{
			{Kind: "create", Path: "f"}, {Kind: "sync", Path: "", Since: 9}, {Kind: "write", Path: "f", Data: bytes.Repeat(page, 2)},
			{Kind: "rename", Path: "f", To: "g"},
		} {
			if err := d.apply(op); err != nil {
				t.Fatal(err)
			}
		}
		image := d.image(powerKeeps(random, 1)[4])
		f, atF := image["f"]
		g, atG := image["g"]
		b := max(string(f), string(g))
		if !atF && !atG {
			t.Fatal("the rename lost its file")
		}
		seen[fmt.Sprint(atF, atG)] = true
		seen[fmt.Sprint(len(b), strings.HasPrefix(b, "\x00"))] = true
	}
	want := map[string]bool{
		"true false": true, "true true": true, "false true": true,
		"0 false": true, "4096 false": true, "8192 false": true, "8192 true": true,
	}
	if diff := gocmp.Diff(want, seen); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
}
