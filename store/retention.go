package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/store/archive"
)

// A Retention says how long runs stay. Their age is that of their own timestamp.
type Retention struct {
	Active   time.Duration // in the tables of runs
	Archived time.Duration // in the archive after that
	Quiet    time.Duration // a spec with a run no older than this keeps all its runs active; 0 is off
}

// check refuses times that are none, as one that was too long for a [time.Duration].
func (r Retention) check() error {
	if min(r.Active, r.Archived, r.Quiet, r.Active+r.Archived) < 0 {
		return fmt.Errorf("runs cannot stay active for %s, then archived for %s, and quiet for %s: name times from 0 on, of 292 years together at most", r.Active, r.Archived, r.Quiet)
	}
	return nil
}

// A Plan is what a cleanup is to do, worked out at one moment.
type Plan struct {
	At      time.Time `json:"at"`
	Archive Share     `json:"archive"` // leave the tables of runs for the archive
	Delete  Share     `json:"delete"`  // leave the archive for good
	Stay    []Stay    `json:"stay"`    // old enough to leave, and do not

	aging   []agingRun
	expired []sqlite.ListExpiredRunsRow
	damaged map[string]error // files with runs that would leave, and why they cannot
}

// A Share is a part of all runs.
type Share struct {
	Runs   int64     `json:"runs"`
	Bytes  int64     `json:"bytes"`           // of their answers and syntheses
	Oldest time.Time `json:"oldest,omitzero"` // zero when there are none
	Newest time.Time `json:"newest,omitzero"`
}

func (s *Share) add(timestamp, bytes int64) {
	at := Time(timestamp)
	if s.Runs == 0 || at.Before(s.Oldest) {
		s.Oldest = at
	}
	if s.Runs == 0 || at.After(s.Newest) {
		s.Newest = at
	}
	s.Runs++
	s.Bytes += bytes
}

// Reasons to stay.
const (
	StayPinned = "pinned"
	StayQuiet  = "active_spec" // its spec has a run in the last --quiet-days
	StayNoTime = "no_time"     // at 0 or before: nobody knows how old it is
	StayFuture = "future"      // its time has not come yet

	StayDamaged = "file_damaged" // the archive's file that it is in, or would go to, is damaged
	StayGone    = "file_gone"    // that file is not there, or another one without what was in it
)

// A Stay is why runs do not leave.
type Stay struct {
	Why   string   `json:"why"`
	Runs  int64    `json:"runs"`
	Specs []string `json:"specs"` // concerned, in alphabetical order
}

// An agingRun is to be archived.
type agingRun struct {
	runID     string
	specID    string
	timestamp int64
	bytes     int64
}

func (r agingRun) file() string { return archive.FileName(Time(r.timestamp)) }

// planPage is how many runs are asked for at a time.
const planPage = 1000

// Plan works out what a cleanup at the time now is to do. It changes nothing. It
// reads the files of the archive that are concerned, and leaves out those that are
// damaged or lack a run that the database says is in them.
func (a *Archive) Plan(ctx context.Context, keep Retention, now time.Time) (*Plan, error) {
	if err := keep.check(); err != nil {
		return nil, err
	}
	p := &planning{archive: a, store: a.store, stays: map[string]*Stay{}}
	p.plan = &Plan{At: now.UTC().Truncate(time.Second), Stay: []Stay{}, damaged: map[string]error{}}
	err := p.findActive(ctx, keep.Quiet, now)
	if err == nil {
		err = p.findAging(ctx, now.Add(-keep.Active))
	}
	if err == nil {
		err = p.findFuture(ctx, now)
	}
	if err == nil {
		err = p.findExpired(ctx, now.Add(-keep.Active-keep.Archived))
	}
	if err == nil {
		err = p.examineFiles(ctx)
	}
	if err != nil {
		return nil, a.store.explain("plan the cleanup", err)
	}
	p.sumUp()
	return p.plan, nil
}

// sumUp counts what leaves and what stays.
func (p *planning) sumUp() {
	for _, r := range p.plan.aging {
		p.plan.Archive.add(r.timestamp, r.bytes)
	}
	for _, r := range p.plan.expired {
		p.plan.Delete.add(r.Timestamp, r.Bytes)
	}
	for _, why := range []string{StayPinned, StayQuiet, StayNoTime, StayFuture, StayDamaged, StayGone} {
		if s := p.stays[why]; s != nil {
			slices.Sort(s.Specs)
			s.Specs = slices.Compact(s.Specs)
			p.plan.Stay = append(p.plan.Stay, *s)
		}
	}
}

type planning struct {
	archive *Archive
	store   *Store
	plan    *Plan
	active  map[string]bool // specs that keep all their runs
	stays   map[string]*Stay
}

func (p *planning) stay(why string, runs int64, spec string) {
	s := p.stays[why]
	if s == nil {
		s = &Stay{Why: why, Specs: []string{}}
		p.stays[why] = s
	}
	s.Runs += runs
	if len(s.Specs) == 0 || s.Specs[len(s.Specs)-1] != spec {
		s.Specs = append(s.Specs, spec)
	}
}

func (p *planning) findActive(ctx context.Context, quiet time.Duration, now time.Time) error {
	p.active = map[string]bool{}
	if quiet <= 0 {
		return nil
	}
	specs, err := p.store.read().ListActiveSpecs(ctx, sqlite.ListActiveSpecsParams{FromTime: now.Add(-quiet).Unix(), UntilTime: now.Unix()})
	for _, s := range specs {
		p.active[s] = true
	}
	return err
}

func (p *planning) findAging(ctx context.Context, before time.Time) error {
	next := sqlite.ListAgingRunsParams{Before: before.Unix(), AfterTime: math.MinInt64, PageSize: planPage}
	for {
		runs, err := p.store.read().ListAgingRuns(ctx, next)
		if err != nil || len(runs) == 0 {
			return err
		}
		for _, r := range runs {
			switch {
			case r.Timestamp <= 0:
				p.stay(StayNoTime, 1, r.SpecID)
			case r.Pinned:
				p.stay(StayPinned, 1, r.SpecID)
			case p.active[r.SpecID]:
				p.stay(StayQuiet, 1, r.SpecID)
			default:
				p.plan.aging = append(p.plan.aging, agingRun{r.RunID, r.SpecID, r.Timestamp, r.Bytes})
			}
		}
		last := runs[len(runs)-1]
		next.AfterTime, next.AfterID = last.Timestamp, last.RunID
	}
}

func (p *planning) findFuture(ctx context.Context, now time.Time) error {
	n, err := p.store.read().CountRunsBetween(ctx, sqlite.CountRunsBetweenParams{FromTime: now.Unix() + 1, UntilTime: math.MaxInt64})
	if err != nil || n == 0 {
		return err
	}
	specs, err := p.store.read().ListActiveSpecs(ctx, sqlite.ListActiveSpecsParams{FromTime: now.Unix() + 1, UntilTime: math.MaxInt64})
	p.stays[StayFuture] = &Stay{StayFuture, n, specs}
	return err
}

func (p *planning) findExpired(ctx context.Context, before time.Time) error {
	next := sqlite.ListExpiredRunsParams{Before: before.Unix(), AfterTime: math.MinInt64, PageSize: planPage}
	for {
		runs, err := p.store.read().ListExpiredRuns(ctx, next)
		if err != nil || len(runs) == 0 {
			return err
		}
		p.plan.expired = append(p.plan.expired, runs...)
		last := runs[len(runs)-1]
		next.AfterTime, next.AfterID = last.Timestamp, last.RunID
	}
}

// examineFiles keeps runs out of the plan whose file cannot be trusted: nothing is
// put into one that is damaged or lacks runs, nor begins one in the place of one
// that is not there, which may be brought back; and nothing in such a file is
// deleted.
func (p *planning) examineFiles(ctx context.Context) error {
	why := map[string]string{} // runs of a file stay
	for _, r := range p.plan.aging {
		why[r.file()] = ""
	}
	for _, r := range p.plan.expired {
		why[r.File] = ""
	}
	for file := range why {
		lacks, err := p.archive.examine(ctx, file)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case lacks:
			why[file] = StayGone
		case err != nil:
			why[file], p.plan.damaged[file] = StayDamaged, err
		}
	}
	stays := func(file, spec string) bool {
		if why[file] != "" {
			p.stay(why[file], 1, spec)
		}
		return why[file] != ""
	}
	p.plan.aging = slices.DeleteFunc(p.plan.aging, func(r agingRun) bool { return stays(r.file(), r.specID) })
	p.plan.expired = slices.DeleteFunc(p.plan.expired, func(r sqlite.ListExpiredRunsRow) bool { return stays(r.File, r.SpecID) })
	return nil
}
