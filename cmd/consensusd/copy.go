package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

const copyLong = `copy brings all runs and receipts of one database into another, from SQLite to
PostgreSQL or back: the way from one machine to many. A home stands for the
database in it. What is in the other database already stays, and is compared.

Daemons may go on recording into both meanwhile. Each run is copied whole, with
its ids and receipts, so a document that is dropped again is known there too,
and read back: the digests are over all runs as either database has them then.
Interrupted, it is resumed by running it again. A run of which the other has
more documents stays as it is there. What is in the archive, or was deleted, is
known to the other database, too; the files of the archive stay where they are.

Exit status 3 when the databases disagree about a run, which is left as it is.`

const copyExample = `  consensusd copy --to postgres://app@db1,db2/consensus       # ./evidence goes to a server
  consensusd copy --from /var/lib/consensusd --to postgres://app@db1/consensus
  consensusd copy --from postgres://app@db1/consensus --to ./evidence`

func (c *cli) copyCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:     "copy --to HOME|FILE|postgres://…",
		Short:   "Copy all runs into another database: from one machine to many, or back",
		Long:    copyLong,
		Example: copyExample,
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return misuse(cmd, "--to is missing: it says where the runs go")
			}
			source := c.database()
			if from != "" {
				source = databaseAt(from)
			}
			if source == databaseAt(to) {
				return misuse(cmd, "--from and --to are the same database")
			}
			return c.copy(cmd.Context(), source, to)
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "home, database file or postgres://… to read (default what --home and --db say)")
	f.StringVar(&to, "to", "", "home, database file or postgres://… to write")
	return cmd
}

// databaseAt returns the database that a user means: that of the home when the
// place is one or is to become one, else the place itself.
func databaseAt(place string) string {
	info, err := os.Stat(place)
	isHome := err == nil && info.IsDir() || err != nil && filepath.Ext(place) == ""
	if store.EngineOf(place) != schema.SQLite || !isHome {
		return place
	}
	return ingest.Home(place).Database()
}

func (c *cli) copy(ctx context.Context, source, to string) error {
	from, err := store.OpenReadOnly(ctx, source)
	if errors.Is(err, store.ErrNoDatabase) {
		return &failure{exit: exitFailed, code: "no_database", text: err.Error(), hint: "name a home, file or address that has runs with --from", err: err}
	}
	if err != nil {
		return err
	}
	defer from.Close()
	target := databaseAt(to)
	if target != to {
		if err := ingest.Home(to).Create(); err != nil {
			return err
		}
	}
	into, err := store.Open(ctx, target)
	if err != nil {
		return err
	}
	defer into.Close()
	bar := c.progress("copying runs")
	copied, err := store.Copy(ctx, from, into, bar.step)
	bar.clear()
	if err != nil {
		return err
	}
	if err := c.answer(copied, nil, func(s *screen) { c.printCopied(s, copied) }); err != nil {
		return err
	}
	if len(copied.Problems) > 0 || copied.SourceSHA256 != copied.TargetSHA256 {
		return exitStatus(exitRejected)
	}
	return nil
}

func (c *cli) printCopied(s *screen, d store.Copied) {
	if len(d.Problems) > 0 {
		s.problems(d.Problems)
	}
	word := s.paint(text.FgGreen, "ok")
	if len(d.Problems) > 0 || d.SourceSHA256 != d.TargetSHA256 {
		word = s.paint(text.FgRed, "differs")
	}
	line := count(d.Copied, "run") + " copied"
	if d.Amended > 0 {
		line += ", " + count(d.Amended, "run") + " amended"
	}
	if d.Newer > 0 {
		line += ", " + count(d.Newer, "run") + " of which the target has more"
	}
	if d.Archived > 0 {
		line += ", " + count(d.Archived, "archived run") + " noted"
	}
	if d.Receipts > 0 {
		line += ", " + count(d.Receipts, "receipt") + " of other documents"
	}
	c.confirm("%s  %s; %d of %s alike in both, sha256 %.12s", word, line, d.Same, count(d.Runs, "run"), d.TargetSHA256)
	if d.Archived > 0 {
		c.note("the files of the archive are not copied: a home that is to show these runs needs the folder archive/, too")
	}
}
