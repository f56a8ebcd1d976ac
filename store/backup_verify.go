package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/consensusd/consensusd/schema"
)

// examine opens the copy, which then is one no more that was merely written, and
// compares it with the counts of the original before and after it was made.
func (b *backingUp) examine(ctx context.Context, before, after counts) error {
	c, version, err := openCopy(ctx, filepath.Join(b.temp, backupDatabase))
	if err != nil {
		return fmt.Errorf("open the copy: %w", err)
	}
	defer c.Close()
	if know := schema.Version(schema.SQLite); version != know {
		return fmt.Errorf("the copy has schema %d, not %d", version, know)
	}
	b.manifest.Schema = version
	damage, err := c.engine.check(ctx, c.reader)
	if err != nil {
		return fmt.Errorf("examine the copy: %w", err)
	}
	if len(damage) > 0 {
		return fmt.Errorf("the copy, and so perhaps the database, is damaged: %s (and %d more): consensusd verify tells", damage[0], len(damage)-1)
	}
	is, err := c.counts(ctx)
	if err != nil {
		return fmt.Errorf("count the copy: %w", err)
	}
	if !is.between(before, after) {
		return fmt.Errorf("the copy has %v runs, receipts and archived runs, but the database had %v before and %v after it", is, before, after)
	}
	b.manifest.Runs, b.manifest.Receipts, b.manifest.ArchivedRuns = is.runs, is.receipts, is.archived
	archived, err := c.Archive(filepath.Join(b.temp, backupArchive)).Verify(ctx, nil)
	b.manifest.Problems = append(b.manifest.Problems, archived.Problems...)
	return err
}

// Verify examines a backup, and changes nothing: that its files are what its
// manifest says, that the database is intact and of a schema that this program
// knows, that it holds as many runs as it should, and that the archive agrees with
// it. A database of an earlier schema is not counted: a drill does it. progress is
// called with bytes looked at and of all. It returns what is wrong, nothing when
// all is well.
func (b Backup) Verify(ctx context.Context, progress func(done, all int64)) (problems []Problem, err error) {
	if b, err = ReadBackup(b.Path); err != nil {
		var damaged *DamagedBackupError
		if !errors.As(err, &damaged) {
			return nil, err
		}
		return damaged.Found(), nil
	}
	if problems, err = b.verifyFiles(ctx, sameFiles{}, progress); err != nil || len(problems) > 0 {
		return problems, err
	}
	c, version, err := openCopy(ctx, filepath.Join(b.Path, backupDatabase))
	if err != nil {
		return append(problems, b.problem(err.Error())), ctx.Err()
	}
	defer c.Close()
	if version != b.Schema {
		return append(problems, b.problem(fmt.Sprintf("its database has schema %d, its manifest says %d", version, b.Schema))), nil
	}
	damage, err := c.engine.check(ctx, c.reader)
	for _, line := range damage {
		problems = append(problems, b.problem(line))
	}
	if err != nil || len(problems) > 0 || version < schema.Version(schema.SQLite) {
		return problems, err
	}
	if is, err := c.counts(ctx); err != nil {
		return nil, err
	} else if is != b.counts() {
		problems = append(problems, b.problem(fmt.Sprintf("it has %v runs, receipts and archived runs, its manifest says %v", is, b.counts())))
	}
	archived, err := c.Archive(filepath.Join(b.Path, backupArchive)).Verify(ctx, nil)
	for _, p := range archived.Problems {
		p.Which = filepath.Join(b.Name, backupArchive, p.Which)
		problems = append(problems, p)
	}
	return problems, err
}

func (b Backup) counts() counts { return counts{b.Runs, b.Receipts, b.ArchivedRuns} }

func (b Backup) problem(why string) Problem {
	return Problem{"backup_damaged", "backup", b.Name, why}
}
