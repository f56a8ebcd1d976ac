package torture

import (
	"fmt"
	"path"
	"strings"
)

// A powerDisk promises what POSIX does, and no more. The bytes of a file are
// safe when the file was synced after they were written; the name of a file or
// folder is safe when the folder that holds it was synced. Of everything else
// any part may be lost with the power: single pages, names, lengths.
//
// One thing more is taken for granted, as on every file system that keeps a
// journal: what it writes of a rename by itself is never the removal without
// the arrival; and when another process than the one that renamed happens to
// sync the folder that was left, both are safe. What a program syncs itself is
// taken at its word, though: the folder that was left alone, and the file is in
// neither.
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
	by    string     // the process
	dir   *powerNode // that it is in
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
	seq, by := d.seq, op.Process
	d.seq++
	n := d.find(op.Path)
	folder, name := d.find(path.Dir(op.Path)), path.Base(op.Path)
	if op.Kind != "mark" && (folder == nil || n == nil && op.Kind != "create" && op.Kind != "mkdir") {
		return fmt.Errorf("operation %d: %s %s: there is no such file", seq, op.Kind, op.Path)
	}
	switch op.Kind {
	case "create", "mkdir":
		if n == nil {
			folder.name(&powerEntry{seq: seq, by: by, name: name, node: d.node(op.Kind == "mkdir")})
		}
	case "write":
		n.write(powerWrite{seq, op.Offset, op.Data})
	case "truncate":
		n.write(powerWrite{seq, op.Offset, nil})
	case "sync":
		n.sync(op.Since, by)
	case "remove":
		folder.name(&powerEntry{seq: seq, by: by, name: name})
	case "rename", "link":
		to := d.find(path.Dir(op.To))
		if to == nil {
			return fmt.Errorf("operation %d: %s to %s: there is no such folder", seq, op.Kind, op.To)
		}
		arrival := &powerEntry{seq: seq, by: by, name: path.Base(op.To), node: n}
		to.name(arrival)
		if op.Kind == "rename" {
			folder.name(&powerEntry{seq: seq, by: by, name: name, after: arrival})
		}
	}
	return nil
}

func (n *powerNode) name(e *powerEntry) {
	e.dir = n
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
func (n *powerNode) sync(since int, by string) {
	later := n.writes[:0:0]
	for _, w := range n.writes {
		if w.seq >= since {
			later = append(later, w)
			continue
		}
		n.safe = w.on(n.safe)
	}
	n.writes = later
	n.keep(func(e *powerEntry) bool {
		if e.seq < since && e.after != nil && e.by != by {
			e.after.dir.keep(func(a *powerEntry) bool { return a.name == e.after.name && a.seq <= e.seq })
		}
		return e.seq < since
	})
}

// keep makes the entries safe that it is told to.
func (n *powerNode) keep(isSafe func(*powerEntry) bool) {
	unsafe := n.entries[:0:0]
	for _, e := range n.entries {
		if !isSafe(e) {
			unsafe = append(unsafe, e)
			continue
		}
		e.safe = true
		enter(n.stable, e)
	}
	n.entries = unsafe
}
