package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/consensusd/consensusd/dbgen/sqlite"
)

// A SpecSize is what a spec takes.
type SpecSize struct {
	SpecID   string
	Runs     int64 // in the database
	Bytes    int64 // of their answers and syntheses
	Archived int64 // runs in the archive
	OnDisk   int64 // bytes of the archive's files that are theirs, by their share of the content
}

// Sizes returns what each spec takes in the database and in the archive, in
// alphabetical order.
func (a *Archive) Sizes(ctx context.Context) ([]SpecSize, error) {
	active, err := a.store.read().ListSpecSizes(ctx)
	if err != nil {
		return nil, a.store.explain("measure specs", err)
	}
	sizes := map[string]*SpecSize{}
	of := func(spec string) *SpecSize {
		if sizes[spec] == nil {
			sizes[spec] = &SpecSize{SpecID: spec}
		}
		return sizes[spec]
	}
	for _, r := range active {
		s := of(r.SpecID)
		s.Runs, s.Bytes = r.Runs, r.Bytes
	}
	files, err := a.Files(ctx)
	if err != nil {
		return nil, err
	}
	archived, err := a.store.read().ListArchivedSpecSizes(ctx)
	if err != nil {
		return nil, a.store.explain("measure archived specs", err)
	}
	for _, r := range archived {
		s := of(r.SpecID)
		s.Archived += r.Runs
		i := slices.IndexFunc(files, func(f ArchiveFile) bool { return f.File == r.File })
		if i >= 0 && files[i].Content > 0 {
			s.OnDisk += int64(float64(files[i].Bytes) * float64(r.Bytes) / float64(files[i].Content))
		}
	}
	var all []SpecSize
	for _, spec := range slices.Sorted(maps.Keys(sizes)) {
		all = append(all, *sizes[spec])
	}
	return all, nil
}

// An OldRun is a run that may go to the archive.
type OldRun struct {
	RunID     string    `json:"run_id"`
	Stage     string    `json:"stage"`
	Timestamp time.Time `json:"timestamp"`
	Bytes     int64     `json:"bytes"`
}

// OldestRuns returns the oldest runs of a spec that are not pinned, as many as
// have so many bytes of answers and syntheses together.
func (s *Store) OldestRuns(ctx context.Context, specID string, bytes int64) (runs []OldRun, err error) {
	for page := int64(100); ; page *= 8 {
		rows, err := s.read().ListOldestRuns(ctx, sqlite.ListOldestRunsParams{SpecID: specID, PageSize: page})
		if err != nil {
			return nil, s.explain("oldest runs of "+specID, err)
		}
		runs = runs[:0]
		var found int64
		for _, r := range rows {
			if found >= bytes {
				return runs, nil
			}
			found += r.Bytes
			runs = append(runs, OldRun{r.RunID, r.Stage, Time(r.Timestamp), r.Bytes})
		}
		if int64(len(rows)) < page || found >= bytes {
			return runs, nil
		}
	}
}
