package torture

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
)

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
			names[dir] = maps.Clone(dir.stable)
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
	var kept []powerWrite
	var lost bool
	for _, w := range n.writes {
		for part := range w.parts() {
			if keep.write(n, part) {
				kept = append(kept, part)
				continue
			}
			lost = true
		}
	}
	switch {
	case !lost:
		return n.now
	case len(kept) == 0:
		return n.safe
	}
	content := slices.Clone(n.safe)
	for _, part := range kept {
		content = part.on(content)
	}
	return content
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
