package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/consensusd/consensusd/schema"
)

// A Compared is what [Compare] found.
type Compared struct {
	Runs     int64     `json:"runs"`     // in the replay
	Same     int64     `json:"same"`     // runs that both databases have alike
	Fewer    int64     `json:"fewer"`    // runs of which only some documents were replayed; not compared
	Absent   int64     `json:"absent"`   // runs of which no document was replayed
	Retired  int64     `json:"retired"`  // runs that retention has archived or deleted since; not compared
	Problems []Problem `json:"problems"` // what differs; never null
}

// Compare compares a database that was made by recording kept documents once
// more with the one in which they were recorded first: the same runs, made of the
// same documents, with the same artifacts, syntheses and findings. When and how
// often documents came does not count, nor do the suffixes that their files were
// given, nor whether an answer came late. Documents that are not kept any more
// are no difference, nor are runs that retention has taken away; neither database
// needs to rest meanwhile.
func Compare(ctx context.Context, replay, recorded *Store, progress func(done, all int64)) (Compared, error) {
	c := comparison{replay: replay, recorded: recorded, result: Compared{Problems: []Problem{}}}
	all, err := replay.read().CountRuns(ctx)
	if err != nil {
		return c.result, replay.explain("count runs of "+replay.Target(), err)
	}
	err = replay.eachPage(ctx, func(p page) error {
		if err := c.page(ctx, p); err != nil {
			return recorded.explain("read "+recorded.Target(), err)
		}
		c.result.Runs += int64(len(p.records))
		if progress != nil {
			progress(c.result.Runs, max(c.result.Runs, all.Runs))
		}
		return nil
	})
	if err != nil {
		return c.result, replay.explain("compare runs", err)
	}
	have, err := recorded.read().CountRuns(ctx)
	c.result.Absent = max(0, have.Runs-c.matched)
	return c.result, recorded.explain("count runs of "+recorded.Target(), err)
}

type comparison struct {
	replay, recorded *Store
	matched          int64 // runs of recorded that were looked at
	result           Compared
}

func (c *comparison) page(ctx context.Context, p page) error {
	have, err := c.recorded.counterparts(ctx, p)
	if err != nil {
		return err
	}
	for _, r := range p.records {
		was, ok := have[r.Run.RunID]
		if !ok {
			if err := c.elsewhere(ctx, r); err != nil {
				return err
			}
			continue
		}
		c.matched++
		if hasMore(was, r) {
			c.result.Fewer++
			continue
		}
		times := !slices.ContainsFunc(was.Receipts, func(c Receipt) bool { return c.State == string(Amended) })
		if d := Differences(essence(was, times), essence(r, times)); len(d) > 0 {
			c.differ("run_differs", r, strings.Join(d, "; "))
			continue
		}
		c.result.Same++
	}
	return nil
}

// elsewhere tells where the documents of a run are recorded, when the run is not
// under its id. One of which only a part was replayed may have another id.
func (c *comparison) elsewhere(ctx context.Context, r Record) error {
	runs := map[string]bool{}
	for _, d := range r.Receipts {
		receipt, err := c.recorded.Receipt(ctx, d.SHA256, d.Identity)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && receipt.RunID == "":
			c.differ("document_lacks", r, "no receipt says that its document "+d.Path+" was recorded")
			return nil
		case err != nil:
			return err
		}
		runs[receipt.RunID] = true
	}
	ids := slices.Sorted(maps.Keys(runs))
	if len(ids) != 1 {
		c.differ("run_grouped_otherwise", r, fmt.Sprintf("its documents are parts of %d runs: %s", len(ids), brief(strings.Join(ids, ", "))))
		return nil
	}
	was, err := c.recorded.Whole(ctx, ids[0])
	switch {
	case errors.Is(err, ErrNotFound):
		return c.gone(ctx, r, ids[0])
	case err != nil:
		return err
	case hasMore(was, r):
		c.matched++
		c.result.Fewer++
		return nil
	}
	c.matched++
	c.differ("run_grouped_otherwise", r, "its documents are recorded as run "+ids[0])
	return nil
}

// gone tells whether a run that has receipts was taken away by retention, or lacks.
func (c *comparison) gone(ctx context.Context, r Record, id string) error {
	switch _, err := c.recorded.Archive("").Run(ctx, id); {
	case err == nil, errors.Is(err, ErrDeleted):
		c.result.Retired++
	case errors.Is(err, ErrNotFound):
		c.differ("run_lacks", r, "its documents have receipts of run "+id+", which is not there")
	default:
		return err
	}
	return nil
}

func (c *comparison) differ(code string, r Record, why string) {
	c.result.Problems = append(c.result.Problems, Problem{code, "run", r.Run.RunID, why})
}

// fileSuffix is what a file's name gets where it is taken.
var fileSuffix = regexp.MustCompile(`~[0-9a-f]{12}`)

// essence returns what counts of a record. An answer without a time of its own
// got that of its run as it was known then, so that times count only in a run
// that was recorded all at once.
func essence(r Record, times bool) Record {
	r.Artifacts, r.Syntheses, r.Receipts = slices.Clone(r.Artifacts), slices.Clone(r.Syntheses), slices.Clone(r.Receipts)
	if !times {
		for i := range r.Artifacts {
			r.Artifacts[i].CreatedAt = 0
		}
		for i := range r.Syntheses {
			r.Syntheses[i].CreatedAt = 0
		}
	}
	var findings []Finding
	for _, f := range r.Findings {
		if f.Code == "late_artifact" {
			continue
		}
		f.Detail = fileSuffix.ReplaceAllString(f.Detail, "")
		if !slices.Contains(findings, f) { // files of one name that say the same, recorded after one another
			findings = append(findings, f)
		}
	}
	r.Findings = findings
	for i, c := range r.Receipts {
		r.Receipts[i].Report = schema.Object(fileSuffix.ReplaceAllString(string(c.Report), ""))
	}
	return r
}
