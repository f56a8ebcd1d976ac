package ingest

import (
	"cmp"
	"context"
	"slices"

	"github.com/consensusd/consensusd/store"
)

// A Verification is what a look at a home found.
type Verification struct {
	Problems []store.Problem // what is wrong
	Unlisted int64           // problems with files beyond those listed, of which there are very many
	Files    int64           // that were looked at in done/ and failed/
	Waiting  int64           // of these: moved by a daemon that will yet look at them, or the next one will
}

// Verify examines a home, and changes nothing: its database as
// [store.Store.Verify] does; that every run, judged once more by the evidence that
// is stored, is what is recorded; and that every file in done/, failed/ and
// staging/ is accounted for. It may run beside a daemon, and holds no more than
// a page of runs at a time. It returns what is wrong, nothing when all is well.
func (h Home) Verify(ctx context.Context, s *store.Store, progress func(done, all int64)) ([]store.Problem, error) {
	v, err := h.Examine(ctx, s, progress, func(int64) {})
	return v.Problems, err
}

// Examine is [Home.Verify], and tells more. progress is called with the number
// of runs looked at and of all runs, and then files with the number of files
// looked at.
func (h Home) Examine(ctx context.Context, s *store.Store, progress func(done, all int64), files func(done int64)) (Verification, error) {
	problems, err := s.Verify(ctx, progress, rejudge)
	if err != nil {
		return Verification{}, err
	}
	x := &examination{home: h, store: s, progress: files, moved: h.moved()}
	if err := x.files(ctx); err != nil {
		return Verification{}, err
	}
	if err := x.lookAgain(ctx); err != nil {
		return Verification{}, err
	}
	slices.SortFunc(x.result.Problems, func(a, b store.Problem) int {
		return cmp.Or(cmp.Compare(a.Which, b.Which), cmp.Compare(a.Code, b.Code))
	})
	x.result.Problems = append(problems, x.result.Problems...)
	return x.result, nil
}
