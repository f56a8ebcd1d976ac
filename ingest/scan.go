package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// A source is a tree of files to read.
type source struct {
	root  string
	place place
}

// A place says what may be done to the files of a source.
type place int

const (
	inboxPlace   place = iota // ours: files are moved away when their fate is known
	inPlace                   // somebody else's tree: nothing in it is touched
	settledPlace              // done/: files that were moved and changed on the way
	namedPlace                // a file named by a person: read in place, and taken for a document
	keptPlace                 // a folder like done/, of files that were recorded: read in place, as what they were in the inbox
)

// A file is one file found by a scan.
type file struct {
	place   place
	path    string
	rel     string // below the source's root
	ignored bool   // its name says that it is no document
}

// mayGrow reports whether a producer may still be writing the file, and can be
// waited for. Who reads a tree once takes it as it is.
func (in *Ingester) mayGrow(f file) bool {
	return f.place == inboxPlace || f.place == settledPlace || f.place == inPlace && in.watching
}

// temporary are the endings of files that a producer has not finished.
var temporary = []string{".tmp", ".part", ".partial", "~", ".swp"}

// isTemporary reports whether a file is none of ours to look at yet.
func isTemporary(name string) bool {
	return strings.HasPrefix(name, ".") || slices.ContainsFunc(temporary, func(end string) bool { return strings.HasSuffix(name, end) })
}

// isDocumentName reports whether a file may be a document. In an inbox
// everything is meant for us, but for texts; elsewhere only what ends like JSON.
func isDocumentName(name string, at place) bool {
	ext := strings.ToLower(filepath.Ext(name))
	if ext == ".json" || ext == ".jsonl" {
		return true
	}
	return at != inPlace && ext != ".txt" && ext != ".md"
}

// A foundFile is a file, or why a source could not be read.
type foundFile struct {
	file
	err error // path is then the folder that cannot be read, "" the inbox itself
}

// find scans the sources and sends what it finds.
func (p *pass) find(ctx context.Context, sources []source, enter func(dir string)) <-chan foundFile {
	found := make(chan foundFile, 64)
	send := func(f foundFile) error {
		select {
		case found <- f:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.started.Go(func() {
		defer close(found)
		for _, src := range sources {
			visit := func(f file) error { return send(foundFile{file: f}) }
			skip := func(dir string, err error) error { return send(foundFile{file{path: dir}, err}) }
			if err := src.scan(ctx, enter, visit, skip); err != nil {
				failed := foundFile{err: err}
				if src.place == inPlace {
					failed.path = src.root // somebody else's: no reason to stop recording the inbox
				}
				send(failed)
			}
		}
	})
	return found
}

// scan calls visit for every file below src, folder by folder in the order of
// [entriesIn]. enter is called with every folder before it is read: a watch that is
// added then misses nothing. A folder that goes away meanwhile is no error; one
// that cannot be read is given to skip, and its neighbours are scanned.
func (src source) scan(ctx context.Context, enter func(dir string), visit func(file) error, skip func(dir string, err error) error) error {
	if src.place == namedPlace {
		return visit(file{place: namedPlace, path: src.root, rel: filepath.Base(src.root)})
	}
	if src.place == keptPlace {
		return src.scanKept(ctx, visit, skip)
	}
	return src.scanDir(ctx, ".", enter, visit, skip)
}

// entriesOf is [entriesIn] of a folder of the source, which is reached through no
// link.
func (src source) entriesOf(rel string) iter.Seq2[fs.DirEntry, error] {
	return entriesIn(func() (*os.File, error) {
		if rel == "." {
			return openDir(src.root)
		}
		top, err := openRoot(src.root)
		if err != nil {
			return nil, err
		}
		defer top.close()
		return top.folder(rel)
	})
}

// maxPath leaves room, below the 4096 bytes that systems take, for the longer
// paths that a file of the inbox has in done/ and failed/, and for its reason's.
const maxPath = 4000

func (src source) scanDir(ctx context.Context, rel string, enter func(string), visit func(file) error, skip func(string, error) error) error {
	dir := filepath.Join(src.root, rel)
	if enter != nil {
		enter(dir)
	}
	for e, err := range src.entriesOf(rel) {
		switch {
		case errors.Is(err, fs.ErrNotExist) && rel != ".":
			return nil
		case err != nil && rel != ".":
			return skip(dir, err)
		case err != nil:
			return fmt.Errorf("scan %s: %w", dir, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		below := filepath.Join(rel, e.Name())
		switch {
		case isTemporary(e.Name()):
			continue
		case src.place == inboxPlace && len(src.root)+len(below) > maxPath:
			err = skip(filepath.Join(src.root, below), syscall.ENAMETOOLONG)
		case e.IsDir():
			err = src.scanDir(ctx, below, enter, visit, skip)
		default:
			ignored := src.place == inPlace && !e.Type().IsRegular() || !isDocumentName(e.Name(), src.place)
			err = visit(file{src.place, filepath.Join(src.root, below), below, ignored})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
