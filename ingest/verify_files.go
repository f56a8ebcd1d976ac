package ingest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/consensusd/consensusd/store"
)

// An examination is one look at the files of a home.
type examination struct {
	home     Home
	store    *store.Store
	progress func(done int64)
	moved    moved

	mu       sync.Mutex
	suspects []look
	result   Verification
}

// A look is how to examine one file, which may be gone by then.
type look struct {
	examine   func(ctx context.Context, path, rel string) (condition, error)
	path, rel string // rel is below the folder of the home that it is in
	counts    bool   // it is a document, or was to be one
}

// A condition is that of a file; the zero condition is fine.
type condition struct {
	problem *store.Problem
	waits   bool // for a daemon to look at it
}

func wrong(code, which, why string) condition {
	return condition{problem: &store.Problem{Code: code, What: "file", Which: which, Why: why}}
}

// maxSuspects bounds what is remembered, and listed, of files with which
// something is wrong. The others are counted.
const maxSuspects = 10_000

// files looks at every file in done/, failed/ and staging/, a few at a time.
func (x *examination) files(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	looks := make(chan look, 64)
	group.Go(func() error {
		defer close(looks)
		send := func(l look) error {
			select {
			case looks <- l:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return x.find(send)
	})
	for range readers {
		group.Go(func() error {
			for l := range looks {
				if err := x.look(ctx, l); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// find sends a look at every file.
func (x *examination) find(send func(look) error) error {
	done, failed, staging := x.home.Done(), x.home.Failed(), x.home.Staging()
	return errors.Join(
		walkChunks(done, ".", func(rel string) error {
			return send(look{x.examineDone, filepath.Join(done, rel), rel, true})
		}),
		walkChunks(failed, ".", func(rel string) error {
			if strings.HasSuffix(rel, reasonSuffix) {
				return send(look{x.examineReason, filepath.Join(failed, rel), rel, false})
			}
			return send(look{x.examineFailed, filepath.Join(failed, rel), rel, true})
		}),
		walkChunks(staging, ".", func(rel string) error {
			return send(look{x.examineStaged, filepath.Join(staging, rel), rel, false})
		}),
	)
}

func (x *examination) look(ctx context.Context, l look) error {
	is, err := l.examine(ctx, l.path, l.rel)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if l.counts {
		x.result.Files++
		x.progress(x.result.Files)
	}
	switch {
	case is.waits:
		x.result.Waiting++
	case is.problem == nil:
	case len(x.suspects) < maxSuspects:
		x.suspects = append(x.suspects, l)
	default:
		x.result.Unlisted++
	}
	return nil
}

// lookAgainAfter is how long what looks wrong is given to come right: somebody
// may have been moving or retrying a file while it was looked at.
const lookAgainAfter = 300 * time.Millisecond

// lookAgain examines all suspects once more. What is still wrong, is.
func (x *examination) lookAgain(ctx context.Context) error {
	if len(x.suspects) > 0 && !sleep(ctx, lookAgainAfter) {
		return ctx.Err()
	}
	for _, l := range x.suspects {
		is, err := l.examine(ctx, l.path, l.rel)
		if err != nil {
			return err
		}
		if is.problem != nil {
			x.result.Problems = append(x.result.Problems, *is.problem)
		}
	}
	return nil
}

// walkChunks calls visit for every file below a folder, in no order and without
// a list of them: there may be very many. What has a name that the daemon passes
// by is passed by, and so is a folder that goes away meanwhile.
func walkChunks(root, rel string, visit func(rel string) error) error {
	f, err := os.Open(filepath.Join(root, rel))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			below := filepath.Join(rel, e.Name())
			switch {
			case isTemporary(e.Name()):
				continue
			case e.IsDir():
				err = walkChunks(root, below, visit)
			default:
				err = visit(below)
			}
			if err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF, errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
			return nil
		case err != nil:
			return err
		}
	}
}
