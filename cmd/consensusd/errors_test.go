package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

func TestErrorsHaveTheExitStatusesOfTheContract(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("do something: %w", err) }
	for name, tt := range map[string]struct {
		err  error
		exit int
		code string
	}{
		"none":             {nil, exitDone, ""},
		"anything":         {errors.New("disk is full"), exitFailed, "failed"},
		"no database":      {wrap(store.ErrNoDatabase), exitFailed, "no_database"},
		"newer database":   {wrap(&schema.NewerError{Have: 9, Know: 1}), exitFailed, "schema"},
		"older database":   {wrap(&schema.OlderError{Have: 1, Need: 9}), exitFailed, "schema"},
		"interrupted":      {wrap(context.Canceled), exitFailed, "interrupted"},
		"no permission":    {wrap(fs.ErrPermission), exitFailed, "permission"},
		"misuse":           {misuse(&cobra.Command{}, "no"), exitMisused, "usage"},
		"rejected":         {wrap(&ingest.Rejection{Code: "syntax", Message: "no"}), exitRejected, "syntax"},
		"said already":     {exitStatus(exitRejected), exitRejected, ""},
		"not found":        {wrap(store.ErrNotFound), exitNotFound, "not_found"},
		"no such failure":  {wrap(ingest.ErrNoFailure), exitNotFound, "not_found"},
		"held":             {wrap(ingest.ErrHeld), exitHeld, "held"},
		"gate":             {gate("failed", "r", schema.Failed), exitGate, "gate"},
		"gate, degraded":   {gate("degraded", "r", schema.Degraded), exitGate, "gate"},
		"gate, no verdict": {gate("failed", "r", ""), exitGate, "gate"},
		"gate passed":      {gate("failed", "r", schema.Degraded), exitDone, ""},
		"no gate":          {gate("", "r", schema.Failed), exitDone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			c := newCLI(nil, devNull(t), devNull(t))
			c.stderr.Writer = &out
			if got := c.report([]string{"--json"}, tt.err); got != tt.exit {
				t.Errorf("exit status %d, want %d", got, tt.exit)
			}
			if !strings.Contains(out.String(), `{"error":{"code":"`+tt.code+`","message":"`) && tt.code != "" || tt.code == "" && out.Len() > 0 {
				t.Errorf("stderr: %s", out.String())
			}
		})
	}
}

func TestErrorsForPeopleSayWhatToDo(t *testing.T) {
	var out strings.Builder
	c := newCLI(nil, devNull(t), devNull(t))
	c.stderr.Writer = &out
	c.report(nil, &failure{exit: 1, code: "x", text: "open a\x1b[2J\nb: no", hint: "do\tthis"})
	if diff := cmp.Diff("consensusd: open a␛[2J b: no\n  do this\n", out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestRowsThatCannotBeReadAreDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Record(t.Context(), store.Record{Run: store.Run{RunID: "r", SpecID: "S", Stage: "plan"}}); err != nil {
		t.Fatal(err)
	}
	plain, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := plain.Exec("UPDATE consensus_runs SET conflicts = '{'"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Run(t.Context(), "r")
	if f := newCLI(nil, devNull(t), devNull(t)).explain(err); f.code != "damaged" || !strings.Contains(f.hint, "consensusd verify") || strings.Contains(f.text, f.hint) {
		t.Errorf("%+v", f)
	}
}
