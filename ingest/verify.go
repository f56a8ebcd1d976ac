package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/consensusd/consensusd/store"
)

// Verify examines a home: its database as [store.Store.Verify] does, that
// every file in done/ is recorded, byte for byte, and that every file in
// failed/ has its reason. It returns what is wrong, nothing when all is well.
func (h Home) Verify(ctx context.Context, s *store.Store, progress func(done, all int64)) ([]store.Problem, error) {
	problems, err := s.Verify(ctx, progress)
	if err != nil {
		return nil, err
	}
	src := source{h.Done(), settledPlace}
	err = src.scan(ctx, nil, func(f file) error {
		p, err := verifyDone(ctx, s, f)
		if p != nil {
			problems = append(problems, *p)
		}
		return err
	}, stopAt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	failures, err := h.Failures()
	for _, f := range failures {
		if f.Code == codeNoReason {
			problems = append(problems, store.Problem{What: "file", Which: filepath.Join("failed", f.Name), Why: "its reason is missing: consensusd failed retry finds it again"})
		}
	}
	return problems, err
}

// verifyDone looks for the receipt of a file in done/.
func verifyDone(ctx context.Context, s *store.Store, f file) (*store.Problem, error) {
	which := filepath.Join("done", f.rel)
	c, err := readFile(f.path, 1<<40, false, s)
	var rejection *Rejection
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // pruned while we looked
	case errors.As(err, &rejection), errors.Is(err, errChanging):
		return &store.Problem{What: "file", Which: which, Why: err.Error()}, nil
	case err != nil:
		return nil, err
	}
	receipts, err := s.ReceiptsOf(ctx, c.sha256)
	if err != nil {
		return nil, err
	}
	for _, r := range receipts {
		if r.State != store.Rejected {
			return nil, nil
		}
	}
	return &store.Problem{What: "file", Which: which, Why: fmt.Sprintf("no receipt says that it was recorded (sha256 %s)", strings.ToLower(c.sha256))}, nil
}
