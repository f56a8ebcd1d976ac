package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

const backupVerifyLong = `verify checks backups and changes nothing: that their files are what the manifest
says, byte for byte, that the database is intact, and that it agrees with the
archive. Without a name it checks all of them.

--drill restores each into a temporary home, in $TMPDIR, and checks everything
there as consensusd verify does; without a name, the newest.

Exit status 3 when something is wrong.`

func (c *cli) backupVerifyCommand() *cobra.Command {
	var drill bool
	cmd := &cobra.Command{
		Use:     "verify [BACKUP…]",
		Short:   "Check backups; --drill restores them, elsewhere",
		Long:    backupVerifyLong,
		Example: "  consensusd backup verify\n  consensusd backup verify --drill 20260301T180000Z",
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := c.needHome(); err != nil && len(names) == 0 {
				return err
			}
			all, err := c.backupsNamed(names, drill)
			if err != nil {
				return err
			}
			return c.verifyBackups(cmd.Context(), all, drill)
		},
	}
	cmd.Flags().BoolVar(&drill, "drill", false, "also restore it into a temporary home, and check that")
	return cmd
}

// backupsNamed returns the backups to be checked. Damaged ones are among them.
func (c *cli) backupsNamed(names []string, newest bool) (all []store.Backup, err error) {
	for _, name := range names {
		b, err := c.findBackup(name)
		var damaged *store.DamagedBackupError
		if err != nil && !errors.As(err, &damaged) {
			return nil, c.explainBackup(err)
		}
		all = append(all, b)
	}
	if len(names) > 0 {
		return all, nil
	}
	if all, err = c.backups().List(); err != nil {
		return nil, err
	}
	if newest && len(all) > 1 {
		all = all[:1]
	}
	return all, nil
}

// A backupVerification is what was found wrong with backups.
type backupVerification struct {
	OK       bool            `json:"ok"`
	Backups  []string        `json:"backups"` // that were looked at
	Drilled  bool            `json:"drilled"`
	Problems []store.Problem `json:"problems"`
}

func (c *cli) verifyBackups(ctx context.Context, all []store.Backup, drill bool) error {
	v := backupVerification{Drilled: drill}
	for _, b := range all {
		bar := c.progress("checking " + b.Name)
		problems, err := b.Verify(ctx, bar.step)
		bar.clear()
		if err != nil {
			return err
		}
		if drill && len(problems) == 0 {
			if problems, err = c.drill(ctx, b); err != nil {
				return err
			}
		}
		v.Backups, v.Problems = append(v.Backups, b.Name), append(v.Problems, problems...)
	}
	if len(all) == 0 {
		c.remark("%s", c.noBackup())
	}
	v.OK = len(v.Problems) == 0
	if err := c.answer(v, nil, func(out *screen) { c.printBackupVerification(out, v) }); err != nil || v.OK {
		return err
	}
	return exitStatus(exitRejected)
}

func (c *cli) printBackupVerification(out *screen, v backupVerification) {
	looked := count(len(v.Backups), "backup")
	if v.Drilled {
		looked += ", restored and checked"
	}
	if v.OK {
		c.confirm("%s  %s", out.paint(text.FgGreen, "ok"), looked)
		return
	}
	out.problems(v.Problems)
	c.note("%s among %s", count(len(v.Problems), "problem"), looked)
}

// drill restores a backup into a temporary home and verifies that. What only the
// restore finds, as in a database of an earlier schema, is found as well.
func (c *cli) drill(ctx context.Context, b store.Backup) (problems []store.Problem, err error) {
	folder, err := os.MkdirTemp("", "consensusd-drill-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	home := ingest.Home(filepath.Join(folder, "home"))
	if err := home.Create(); err != nil {
		return nil, err
	}
	bar := c.progress("restoring " + b.Name)
	defer bar.clear()
	r, err := b.Restore(ctx, home.Database(), home.Archive(), false, bar.step)
	var damaged *store.DamagedBackupError
	if errors.As(err, &damaged) {
		return damaged.Found(), nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if _, err := r.Put(ctx, time.Now()); err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, home.Database())
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if problems, err = home.Verify(ctx, s, bar.step); err != nil {
		return nil, err
	}
	archived, err := s.Archive(home.Archive()).Verify(ctx, nil)
	return append(problems, archived.Problems...), err
}
