package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

const putLong = `put checks documents as the daemon would, and drops those that are valid into
the inbox, safely: nobody ever sees half of one, and no other file is
overwritten. - reads one document from standard input.

A document that is invalid is not dropped: the message says where it is wrong.
One that is recorded already is not dropped either.

With --wait it waits until the daemon has recorded the document, and tells the
run and its verdict. A part is recorded with its run: when the others of the run
are in, or when the daemon's --assemble-timeout is over. With --gate the exit
status is 6 when the run's verdict is failed, with --gate=degraded also when it
is degraded.`

const putExample = `  consensusd put plan_gemini.json plan_claude.json
  my-agent | consensusd put -
  consensusd put --wait --gate=degraded run.json`

// The flags of put.
type putting struct {
	wait     bool
	timeout  duration
	gate     string
	maxBytes byteSize
}

func (c *cli) putCommand() *cobra.Command {
	p := &putting{timeout: duration(time.Minute), maxBytes: 64 << 20}
	cmd := &cobra.Command{
		Use:     "put FILE…|-",
		Short:   "Check documents and drop them into the inbox safely",
		Long:    putLong,
		Example: putExample,
		Args:    arguments(1, -1, "files, or - for standard input"),
		RunE: func(cmd *cobra.Command, files []string) error {
			if p.gate != "" && !p.wait {
				return misuse(cmd, "--gate needs --wait: there is no verdict before the run is recorded")
			}
			return c.put(cmd.Context(), p, files)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&p.wait, "wait", false, "wait until the daemon has recorded it, and tell the verdict")
	f.Var(&p.timeout, "timeout", "how long to wait")
	f.Var(&p.maxBytes, "max-bytes", "the largest document, such as 10MB or 64MiB")
	addGate(f, &p.gate)
	return cmd
}

// A dropping is what became of one file.
type dropping struct {
	File    string         `json:"file"`
	Outcome string         `json:"outcome"` // dropped, recorded, amended, duplicate or rejected
	Name    string         `json:"name"`    // below the inbox; "" when it was not dropped
	SHA256  string         `json:"sha256"`
	Kind    string         `json:"kind"`
	SpecID  string         `json:"spec_id"`
	Stage   string         `json:"stage"`
	Agents  []string       `json:"agents"`
	RunID   string         `json:"run_id"`  // "" until it is known
	Verdict schema.Verdict `json:"verdict"` // of the run; "" until it is recorded
	Reason  string         `json:"reason"`  // why it was rejected, and
	Code    string         `json:"code"`
	Pointer string         `json:"pointer"` // where in the document
	Line    int            `json:"line"`    // from 1; 0 when there is no place to point to
	Column  int            `json:"column"`  // in characters, from 1
	Hint    string         `json:"hint"`    // what to do about it

	doc      ingest.Checked
	attempts int64     // how often it had been rejected before
	refused  time.Time // since when it is known that it was rejected
}

func (c *cli) put(ctx context.Context, p *putting, files []string) error {
	_, recording := c.Home().Holder()
	if p.wait && !recording {
		return c.nobodyRecords()
	}
	reader := &receiptReader{cli: c}
	defer reader.close()
	var all []*dropping
	var errs []error
	for _, file := range files {
		d, err := c.putOne(ctx, p, file, reader)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, d)
	}
	if p.wait {
		errs = append(errs, c.await(ctx, time.Duration(p.timeout), all, reader)...)
	}
	if !recording && dropped(all) {
		c.remark("nobody is recording: %s records what is in the inbox now, %s from now on", c.command("ingest"), c.command("watch"))
	}
	if err := c.answer(all, &serve.Page{Returned: len(all)}, func(s *screen) {
		for _, d := range all {
			c.confirm("%s", d.line(c, s))
		}
	}); err != nil {
		return err
	}
	return c.putStatus(p, all, errors.Join(errs...))
}

// putOne checks a file and drops it if it is valid and new.
func (c *cli) putOne(ctx context.Context, p *putting, file string, reader *receiptReader) (*dropping, error) {
	if info, err := os.Stat(file); err == nil && reader.store.Owns(info) { // closing it would drop its locks
		return nil, &failure{exit: exitFailed, code: "failed", text: file + " is the database that is recorded into", hint: "put takes documents"}
	}
	path, data, err := c.readDocument(file, int64(p.maxBytes))
	if err != nil {
		return nil, err
	}
	doc, rejection := ingest.Check(path, data, int64(p.maxBytes))
	if rejection != nil {
		c.rejected(file, rejection)
		d := &dropping{File: file, Agents: []string{}}
		d.reject(rejection)
		return d, nil
	}
	for _, w := range doc.Warnings {
		c.note("%s: %s", file, w)
	}
	d := &dropping{
		File: file, SHA256: doc.SHA256, Kind: doc.Kind, SpecID: doc.SpecID, Stage: doc.Stage,
		Agents: doc.Agents, RunID: doc.RunID, doc: doc,
	}
	switch receipt, err := reader.receipt(ctx, doc); {
	case err == nil && receipt.State != store.Rejected && c.confirmed(ctx, doc):
		d.Outcome = string(store.Duplicate)
		return d, reader.settle(ctx, d, receipt)
	case err == nil && receipt.State == store.Rejected:
		d.attempts = receipt.Attempts
	}
	if err := c.Home().Create(); err != nil {
		return nil, err
	}
	d.Outcome = "dropped"
	d.Name, err = c.Home().Drop(doc)
	return d, err
}

// confirmed reports whether a document is safely recorded, so that nobody needs
// it any more: a receipt that can be read may come from a process that was killed
// before it could sync. One that is not is dropped, for the daemon to see to.
func (c *cli) confirmed(ctx context.Context, doc ingest.Checked) bool {
	s, err := store.Open(ctx, c.database())
	if err != nil {
		return false
	}
	defer s.Close()
	runs, err := s.Confirm(ctx, store.DocumentKey{SHA256: doc.SHA256, Identity: doc.Identity})
	return err == nil && runs[0] != ""
}

// reject notes why a document was rejected.
func (d *dropping) reject(r *ingest.Rejection) {
	d.Outcome, d.Reason, d.Code, d.Hint = store.Rejected, r.Error(), r.Code, r.Hint
	d.Pointer, d.Line, d.Column = r.Pointer, r.Line, r.Column
}

// readDocument reads a file, one byte more than the limit at most, and returns
// the path to judge it by. What has no place of its own, as standard input,
// is not judged by the folder it comes from.
func (c *cli) readDocument(file string, limit int64) (path string, data []byte, err error) {
	in, path := c.stdin, "/stdin.json"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", nil, noFile(file, err, ", or give - to read standard input")
		}
		defer f.Close()
		in, path = f, file
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return "", nil, &failure{exit: exitFailed, code: "failed", text: file + " is a folder", hint: "name the files in it, or record it in place: " + c.commandOn([]string{file}, "ingest")}
		} else if err == nil && !info.Mode().IsRegular() {
			path = "/" + filepath.Base(file)
		}
	}
	data, err = io.ReadAll(io.LimitReader(in, limit+1))
	return path, data, err
}

func dropped(all []*dropping) bool {
	for _, d := range all {
		if d.Outcome == "dropped" {
			return true
		}
	}
	return false
}

// putStatus is how put ends: what could not be done counts most, then what was
// rejected, then the gate.
func (c *cli) putStatus(p *putting, all []*dropping, err error) error {
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Outcome == store.Rejected {
			return exitStatus(exitRejected)
		}
	}
	for _, d := range all {
		if err := gate(p.gate, d.RunID, d.Verdict); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) nobodyRecords() *failure {
	return &failure{
		exit: exitFailed, code: "no_daemon", text: "nobody is recording at " + shellQuoted(c.home) + ": there would be nothing to wait for",
		hint: "start " + c.command("watch") + ", or put without --wait and run " + c.command("ingest"),
	}
}

// line tells what became of a file.
func (d *dropping) line(c *cli, s *screen) string {
	what := fmt.Sprintf("%-9s  %s", d.Outcome, d.File)
	switch {
	case d.Outcome == "dropped":
		what += " → " + filepath.Join(c.Home().Inbox(), d.Name) + "  (" + d.describe() + ")"
	case d.Outcome == store.Rejected:
		return visibleLine(what)
	case d.RunID != "":
		what += " → run " + d.RunID + "  " + d.SpecID + " " + d.Stage
		if d.Verdict != "" { // a run that is not active has none here
			return visibleLine(what) + "  " + s.verdict(string(d.Verdict))
		}
	}
	return visibleLine(what)
}

func (d *dropping) describe() string {
	words := []string{d.Kind, "for", d.SpecID, d.Stage}
	if len(d.Agents) > 0 {
		words = append(words, "by", strings.Join(d.Agents, ", "))
	}
	return strings.Join(words, " ")
}
