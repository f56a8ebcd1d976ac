package ingest

import (
	"context"
	"time"
)

// An OpenRun is a run whose parts wait in the inbox.
type OpenRun struct {
	RunID    string    `json:"run_id"` // "" until it is known
	SpecID   string    `json:"spec_id"`
	Stage    string    `json:"stage"`
	Agents   []string  `json:"agents"`    // whose answer is in
	WaitsFor []string  `json:"waits_for"` // agents, or what else
	Parts    int       `json:"parts"`
	Deadline time.Time `json:"deadline"` // when it is recorded as it is
}

// An Inspection is what an inbox holds.
type Inspection struct {
	Files      int       `json:"files"`
	Unfinished []string  `json:"unfinished"` // paths of files that end in the middle, or cannot be read
	Open       []OpenRun `json:"open"`
	More       bool      `json:"more"` // there are more files than were read

	// SpecBytes are the bytes of the documents that were read, by their specs.
	SpecBytes map[string]int64 `json:"-"`
}

// Inspect looks at what waits in the inbox, and reads at most so many files, which
// may be [math.MaxInt]. It changes nothing, may be called beside a running daemon,
// and needs no store.
func (in *Ingester) Inspect(ctx context.Context, most int) (Inspection, error) {
	defer in.roots.close()
	found := Inspection{Unfinished: []string{}, Open: []OpenRun{}, SpecBytes: map[string]int64{}}
	var parts []*part
	src := source{in.home.Inbox(), inboxPlace}
	err := src.scan(ctx, nil, func(f file) error {
		if f.ignored {
			return nil
		}
		if found.Files++; found.Files > most {
			found.More = true
			return nil
		}
		c := in.open(ctx, f)
		if c.doc != nil {
			found.SpecBytes[c.doc.Spec] += c.bytes
		}
		switch {
		case c.unknown != nil:
			return c.unknown
		case c.doc != nil && c.rejection == nil && c.duplicate == "" && c.doc.Kind != docRun:
			parts = append(parts, &part{file: f, stamp: c.stamp, doc: c.doc.outline(), since: time.Now()})
		case c.changing || c.rejection != nil && c.rejection.unfinished:
			found.Unfinished = append(found.Unfinished, f.rel)
		}
		return nil
	}, func(dir string, _ error) error {
		found.Unfinished = append(found.Unfinished, dir)
		return nil
	})
	if err != nil {
		return found, err
	}
	for _, g := range groups(parts, in.opts.AssembleTimeout) {
		lead := g.parts[0].doc
		found.Open = append(found.Open, OpenRun{
			RunID: g.recordedID(), SpecID: lead.Spec, Stage: lead.Stage, Agents: orEmpty(g.agents()),
			WaitsFor: orEmpty(g.waitsFor(in.opts.Expect)), Parts: len(g.parts),
			Deadline: g.deadline(in.opts.AssembleTimeout).UTC().Truncate(time.Second),
		})
	}
	return found, nil
}

func orEmpty(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
