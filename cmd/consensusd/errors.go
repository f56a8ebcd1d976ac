package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

// The exit statuses, which scripts rely on.
const (
	exitDone     = 0
	exitFailed   = 1
	exitMisused  = 2 // unknown flag, bad value
	exitRejected = 3 // some input was rejected, or something was found wrong
	exitNotFound = 4
	exitHeld     = 5 // another daemon holds this home
	exitGate     = 6 // the verdict did not pass
)

// A failure is an error with its exit status and what to do about it.
type failure struct {
	exit int
	code string // for programs
	text string
	hint string // "" when there is nothing to do
	err  error  // the cause, if another error is
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// noFile is the error about a file or folder that cannot be read. When it is not
// there, it says where it is looked for, and what else may be done.
func noFile(path string, err error, orElse string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	hint := "check the path" + orElse
	if abs, absErr := filepath.Abs(path); absErr == nil && !filepath.IsAbs(path) {
		hint = "it is looked for at " + shellQuoted(abs) + ": " + hint
	}
	return &failure{exit: exitFailed, code: "no_file", text: err.Error(), hint: hint, err: err}
}

// An exitStatus ends the program when everything has been said already.
type exitStatus int

func (s exitStatus) Error() string { return "exit status " + strconv.Itoa(int(s)) }

// misuse is the failure of a command line that makes no sense.
func misuse(cmd *cobra.Command, text string) *failure {
	return &failure{exit: exitMisused, code: "usage", text: text, hint: "see " + cmd.CommandPath() + " --help"}
}

// arguments checks the number of arguments.
func arguments(least, most int, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return misuse(cmd, fmt.Sprintf("%s takes %s; %d given", cmd.CommandPath(), want, len(args)))
		}
		return nil
	}
}

// explain turns any error into a failure: the one place where errors meet exit
// statuses.
func (c *cli) explain(err error) *failure {
	var f *failure
	var rejection *ingest.Rejection
	var newer *schema.NewerError
	var older *schema.OlderError
	var damaged *store.DamagedArchive
	var badBackup *store.DamagedBackupError
	var hinted interface {
		error
		Hint() string
	}
	switch text := err.Error(); {
	case errors.As(err, &f):
		return f
	case errors.Is(err, store.ErrNoDatabase):
		return c.noDatabase(err)
	case errors.Is(err, store.ErrAddress):
		return &failure{exit: exitMisused, code: "usage", text: text, hint: "see consensusd --help", err: err}
	case errors.As(err, &hinted):
		text = strings.Replace(text, " ("+hinted.Hint()+")", "", 1)
		code := "database"
		if errors.Is(err, store.ErrDamaged) {
			code = "damaged"
		}
		return &failure{exit: exitFailed, code: code, text: text, hint: hinted.Hint(), err: err}
	case errors.Is(err, ingest.ErrHeld):
		return &failure{exit: exitHeld, code: "held", text: text, hint: "one daemon serves a home: " + c.command("status") + " tells about it", err: err}
	case errors.Is(err, ingest.ErrLockGone):
		return &failure{exit: exitHeld, code: "held", text: text, hint: "see that no other daemon serves this home, and start again; never delete daemon.lock", err: err}
	case errors.Is(err, store.ErrDeleted):
		return &failure{exit: exitNotFound, code: "deleted", text: text, hint: "archive/deleted.jsonl in the home and its receipts are what is left of it", err: err}
	case errors.Is(err, store.ErrCleaning):
		return &failure{exit: exitFailed, code: "busy", text: text, hint: "wait until it has ended, then try again", err: err}
	case errors.As(err, &damaged):
		return &failure{exit: exitFailed, code: "damaged", text: text, hint: "bring the file back from a backup; until then it is left as it is, and so are its runs", err: err}
	case errors.Is(err, store.ErrNotFound), errors.Is(err, ingest.ErrNoFailure):
		return &failure{exit: exitNotFound, code: "not_found", text: text, err: err}
	case errors.As(err, &rejection):
		return &failure{exit: exitRejected, code: rejection.Code, text: text, hint: rejection.Hint, err: err}
	case errors.As(err, &newer), errors.As(err, &older):
		return &failure{exit: exitFailed, code: "schema", text: text, err: err}
	case errors.As(err, &badBackup):
		return &failure{exit: exitFailed, code: "damaged_backup", text: text, hint: "it is left as it is, and so is the home; " + c.command("backup", "list") + " shows others", err: err}
	case errors.Is(err, store.ErrBackingUp):
		return &failure{exit: exitFailed, code: "busy", text: text, hint: "wait until it is done", err: err}
	case errors.Is(err, context.Canceled):
		return &failure{exit: exitFailed, code: "interrupted", text: "interrupted", hint: "run it again: nothing is recorded twice", err: err}
	case errors.Is(err, syscall.ENOTDIR):
		return &failure{exit: exitFailed, code: "failed", text: text, hint: "--home must be a folder, and inbox, staging, done and failed in it, too", err: err}
	case errors.Is(err, fs.ErrPermission):
		return &failure{exit: exitFailed, code: "permission", text: text, hint: "run it as a user who may, or change the permissions", err: err}
	default:
		return &failure{exit: exitFailed, code: "failed", text: text, hint: systemHint(err), err: err}
	}
}

func (c *cli) noDatabase(err error) *failure {
	f := &failure{
		exit: exitFailed, code: "no_database", text: err.Error(), err: err,
		hint: "start " + c.command("watch") + " or run " + c.command("ingest") + " to create it, or name another with --home or --db",
	}
	if _, stat := os.Stat(c.home); c.db == "" && errors.Is(stat, fs.ErrNotExist) {
		f.text = "there is no home at " + shellQuoted(c.home) + ", and so no database"
	} else if hint := c.afterLoss(); c.db == "" && hint != "" {
		f.hint = hint
	}
	return f
}

// afterLoss tells how to go on where there was a database, as far as what is left
// beside it shows that there was; "" when nothing does.
func (c *cli) afterLoss() string {
	if b, err := c.backups().Newest(time.Now()); err == nil {
		return "there are backups: " + c.command("restore", b.Name, "--replace") + " brings the newest back"
	}
	entries, _ := os.ReadDir(c.Home().Archive())
	months := 0
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".zst" {
			months++
		}
	}
	if months == 0 {
		return ""
	}
	return fmt.Sprintf("its archive is there, %s, and no backup: %s begins an empty database, and %s then lists what is archived",
		count(months, "file"), c.command("ingest"), c.command("cleanup"))
}

// report says what went wrong and returns the exit status; of several errors,
// that of the first.
func (c *cli) report(args []string, err error) int {
	var said exitStatus
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &said):
		return int(said)
	}
	c.json = c.json || wantsJSON(args)
	all := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		all = several.Unwrap()
	}
	for _, err := range all {
		f := c.explain(err)
		c.complain("consensusd: "+f.text, f.hint, serve.Error{Code: f.code, Message: f.text, Hint: f.hint})
	}
	return c.explain(all[0]).exit
}

// complain says on stderr, to people or to programs, that something is wrong.
func (c *cli) complain(line, hint string, e serve.Error) {
	c.stdout.flush() // what was said before stands before it; run reports the error
	if c.json {
		serve.Write(c.stderr, serve.Failure{Error: e})
		return
	}
	fmt.Fprintln(c.stderr, visibleLine(line))
	if hint != "" {
		fmt.Fprintln(c.stderr, "  "+visibleLine(hint))
	}
}

// wantsJSON looks for --json where the command line was not understood.
func wantsJSON(args []string) bool {
	for _, a := range args {
		switch a {
		case "--":
			return false
		case "--json", "--json=true":
			return true
		}
	}
	on, err := strconv.ParseBool(os.Getenv(variable("json")))
	return err == nil && on
}

// remark is a note that people read after the answer.
func (c *cli) remark(format string, args ...any) {
	if c.json {
		c.note(format, args...)
		return
	}
	c.remarks = append(c.remarks, fmt.Sprintf(format, args...))
}

// note tells people something on the side; programs find it among the
// warnings of the answer.
func (c *cli) note(format string, args ...any) {
	text := visibleLine(fmt.Sprintf(format, args...))
	switch {
	case c.json:
		c.warnings = append(c.warnings, text)
	case !c.quiet:
		c.stdout.flush()
		fmt.Fprintln(c.stderr, text)
	}
}
