package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// lives measures what becomes of runs once they are recorded.
func (b *sqliteBench) lives(ctx context.Context) error {
	for _, measure := range []func(context.Context) error{b.retiring, b.evidenceArchive, b.cleanups} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lifeContent makes runs of 40 KB.
const lifeContent = 10_000

// retiring measures the archiving of old runs, and recording beside it.
func (b *sqliteBench) retiring(ctx context.Context) (err error) {
	old := corpus{name: "old", content: lifeContent, documents: b.amounts.old}
	defer func() { err = errors.Join(err, os.RemoveAll(string(old.home))) }()
	if err := b.record(ctx, &old, 0); err != nil {
		return err
	}
	if err := b.archiving(ctx, &old); err != nil {
		return err
	}
	return b.writing(ctx, &old)
}

// Ages of runs. A cleanup archives old ones, and by default no young ones.
const (
	oldAge   = 60 * 24 * time.Hour
	youngAge = 2 * 24 * time.Hour
)

// record makes a home whose database holds the corpus, as runs of which the last
// are young and all others old.
func (b *sqliteBench) record(ctx context.Context, c *corpus, young int) (err error) {
	fmt.Fprintf(b.progress, "recording %s runs of %s KB\n", number(float64(c.documents)), number(float64(len(agents)*c.content)/1000))
	c.home = ingest.Home(filepath.Join(b.folder, c.name))
	if err := c.home.Create(); err != nil {
		return err
	}
	s, err := store.Open(ctx, c.home.Database())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	begin := time.Now()
	for n := 0; n < c.documents; {
		var group []store.Entry
		for ; n < c.documents && len(group) < groupRuns; n++ {
			age := oldAge
			if n >= c.documents-young {
				age = youngAge
			}
			group = append(group, store.Entry{Record: c.recordAt(n, begin.Add(-age).Add(time.Duration(n)*time.Second))})
		}
		if _, err := s.RecordAll(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

// recordAt is the nth run as it is recorded of a document, a hundred of each
// spec in four stages.
func (c *corpus) recordAt(n int, at time.Time) store.Record {
	random := newRandom(n)
	specs := max(c.documents/specRuns, 1)
	r := store.Record{Run: store.Run{
		RunID: lifeRun(n), SpecID: fmt.Sprintf("SPEC-BENCH-%d", n%specs), Stage: []string{"plan", "tasks", "implement", "validate"}[n/specs%4],
		Timestamp: at.Unix(), ConsensusOK: true,
	}}
	for _, agent := range agents {
		content := text(random, c.content)
		r.Artifacts = append(r.Artifacts, store.Artifact{
			ArtifactID: store.ArtifactID(at, r.Run.RunID, agent, content), RunID: r.Run.RunID, Agent: agent, Content: content, CreatedAt: at.Unix(),
		})
	}
	synthesis := text(random, synthesisSize)
	r.Syntheses = []store.Synthesis{{
		SynthesisID: store.SynthesisID(at, r.Run.RunID, synthesis), RunID: r.Run.RunID, SynthesizedContent: synthesis,
		ConsensusVerdict: store.Verdict(r.Run), Metadata: metadata, CreatedAt: at.Unix(),
	}}
	r.Receipts = []store.Receipt{{
		SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(r.Run.RunID))), Path: r.Run.RunID + ".json", Bytes: c.contentBytes(),
		Kind: "run", Report: report,
	}}
	return r
}

// lifeRun is the id of the nth run.
func lifeRun(n int) string { return fmt.Sprintf("bench-%012d", n) }

// inCopy calls do with another home that has a copy of the database, all of which
// is on the disk, and removes it then.
func (c *corpus) inCopy(do func(*corpus) error) (err error) {
	copied := *c
	copied.home = ingest.Home(string(c.home) + " copied")
	defer func() { err = errors.Join(err, os.RemoveAll(string(copied.home))) }()
	if err := copied.home.Create(); err != nil {
		return err
	}
	if err := copyTo(copied.home.Database(), c.home.Database()); err != nil {
		return err
	}
	syscall.Sync()
	return do(&copied)
}

// copyTo copies a file to a new one at path.
func copyTo(path, from string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	into, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(into, source)
	return errors.Join(err, into.Close())
}
