package ingest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Replay records the files below dir once more: a done/ folder, or any tree of
// files laid out as they were in an inbox. They are read in place, and nothing in
// dir is touched. Recorded into a new database they make the runs that they made
// before, whatever became of their names on the way.
//
// Where documents do not say which run they belong to, the times of the files
// stand for when they came, as far as these tell it (docs/guarantees.md).
func (in *Ingester) Replay(ctx context.Context, dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("replay %s: not a folder", dir)
	}
	in.replaying = true
	in.opts.MaxBytes = 1 << 40 // they were accepted once
	return in.readOnce(ctx, []source{{filepath.Clean(dir), keptPlace}})
}

// scanKept calls visit for every file of a keptPlace: a day after the other, and
// the files of each in the order in which they were written. Of two documents that
// are alike the one that came first is then recorded again.
func (src source) scanKept(ctx context.Context, visit func(file) error, skip func(dir string, err error) error) error {
	inOrder := func(files []keptFile) error {
		slices.SortFunc(files, keptFile.compare)
		for _, f := range files {
			if err := visit(f.file); err != nil {
				return err
			}
		}
		return nil
	}
	var day string
	var files, loose []keptFile // of the day, and in no folder
	err := src.scanDir(ctx, ".", nil, func(f file) error {
		info, err := os.Lstat(f.path)
		if err != nil {
			return nil // pruned meanwhile
		}
		top, _, inFolder := strings.Cut(f.rel, string(filepath.Separator))
		f.rel = withoutDay(f.rel)
		if !inFolder {
			loose = append(loose, keptFile{f, info.ModTime()})
			return nil
		}
		if top != day {
			if err := inOrder(files); err != nil {
				return err
			}
			day, files = top, nil
		}
		files = append(files, keptFile{f, info.ModTime()})
		return nil
	}, skip)
	if err == nil {
		err = inOrder(files)
	}
	if err == nil {
		err = inOrder(loose)
	}
	return err
}

type keptFile struct {
	file
	modified time.Time
}

func (a keptFile) compare(b keptFile) int {
	return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(a.path, b.path))
}

// groups puts the parts that wait together.
func (in *Ingester) groups() []*group {
	all := groups(in.waiting(), in.opts.AssembleTimeout)
	if !in.replaying {
		return all
	}
	var split []*group
	for _, g := range all {
		split = append(split, g.asTheyCame(in.opts.Expect)...)
	}
	return split
}

// nextRunAfter is how long after the last part of a complete run a part that has
// only its arrival in common with it belongs to the next.
const nextRunAfter = time.Second

// asTheyCame splits the parts of one window where a daemon, to which they came
// one by one, had recorded a run because it was complete.
func (g *group) asTheyCame(expect map[string][]string) (split []*group) {
	if !g.key.windowed() {
		return []*group{g}
	}
	for i, p := range g.parts {
		if i == 0 || p.stamp.lastChange().Sub(g.parts[i-1].stamp.lastChange()) > nextRunAfter && len(split[len(split)-1].waitsFor(expect)) == 0 {
			split = append(split, &group{key: g.key})
		}
		last := split[len(split)-1]
		last.parts = append(last.parts, p)
	}
	return split
}
