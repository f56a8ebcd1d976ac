package ingest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

// A house is a home with its store, for one test.
type house struct {
	ingest.Home
	*store.Store
	t     *testing.T
	plain func() *sql.DB // opens the database past the store
}

func newHouse(t *testing.T) house {
	t.Helper()
	h := newHome(t)
	target, plain := engines[os.Getenv("CONSENSUSD_TEST_ENGINE")](t, h)
	return house{h, openStore(t, target), t, plain}
}

// houseOn returns a home that records into the database at target.
func houseOn(t *testing.T, target string) house {
	t.Helper()
	return house{newHome(t), openStore(t, target), t, nil}
}

func newHome(t *testing.T) ingest.Home {
	t.Helper()
	h := ingest.Home(filepath.Join(t.TempDir(), "a home ?#%41"))
	if err := h.Create(); err != nil {
		t.Fatal(err)
	}
	return h
}

func openStore(t *testing.T, target string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// drop writes a file into the inbox as a careful producer does.
func (h house) drop(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.Inbox(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	staged := filepath.Join(h.Staging(), filepath.Base(name))
	if err := os.WriteFile(staged, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(staged, path); err != nil {
		h.t.Fatal(err)
	}
}

// ingest records what is there, and returns what became of it.
func (h house) ingest(opts ingest.Options, paths ...string) (ingest.Counts, []ingest.Event) {
	h.t.Helper()
	var events []ingest.Event
	opts.OnEvent = func(e ingest.Event) { events = append(events, e) }
	in := ingest.New(h.Home, h.Store, opts)
	if err := in.Ingest(h.t.Context(), paths...); err != nil {
		h.t.Fatal(err)
	}
	return in.Counts(), events
}

// A daemon is a watch that runs for a test.
type daemon struct {
	*ingest.Ingester
	events chan ingest.Event
	stop   func() error
}

func (h house) watch(opts ingest.Options) *daemon {
	h.t.Helper()
	lock, err := h.Lock()
	if err != nil {
		h.t.Fatal(err)
	}
	d := &daemon{events: make(chan ingest.Event, 10_000)}
	opts.OnEvent = func(e ingest.Event) { d.events <- e }
	d.Ingester = ingest.New(h.Home, h.Store, opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Watch(ctx, lock) }()
	stopped := false
	d.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return errors.Join(<-done, lock.Release(d.Settled()))
	}
	h.t.Cleanup(func() {
		if err := d.stop(); err != nil {
			h.t.Error(err)
		}
	})
	return d
}

// await waits for an event that fits.
func (d *daemon) await(t *testing.T, what string, fits func(ingest.Event) bool) ingest.Event {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case e := <-d.events:
			if fits(e) {
				return e
			}
		case <-late:
			t.Fatalf("no event: %s", what)
		}
	}
}

// verify is the last line of every test of a home.
func (h house) verify() {
	h.t.Helper()
	problems, err := h.Home.Verify(h.t.Context(), h.Store, nil)
	if err != nil || len(problems) > 0 {
		h.t.Errorf("verify: %v, %v", problems, err)
	}
}

// files lists what is below a folder, without reasons.
func (h house) files(folder string) []string {
	h.t.Helper()
	list := []string{}
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasSuffix(path, ".reason.json") {
			rel, _ := filepath.Rel(folder, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// dump is the logical contents of the database: every row of every table that
// is about runs, in order, without the times at which this machine did it.
func (h house) dump() string {
	h.t.Helper()
	db := h.plain()
	defer db.Close()
	var text strings.Builder
	for _, query := range []string{
		"SELECT * FROM consensus_runs ORDER BY run_id",
		"SELECT * FROM agent_artifacts ORDER BY artifact_id",
		"SELECT * FROM synthesis_results ORDER BY synthesis_id",
		"SELECT * FROM run_findings WHERE code <> 'late_artifact' ORDER BY run_id, code, agent, detail",
		"SELECT sha256, identity, bytes, kind, run_id, reason FROM receipts WHERE state <> 'rejected' ORDER BY sha256, identity",
	} {
		fmt.Fprintln(&text, query)
		dumpRows(h.t, db, query, &text)
	}
	return text.String()
}

func dumpRows(t *testing.T, db *sql.DB, query string, text *strings.Builder) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		cells := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, c := range cells {
			fmt.Fprintf(text, "  %s=%v", columns[i], c)
		}
		fmt.Fprintln(text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// outcomes counts events by what became of them.
func outcomes(events []ingest.Event) map[string]int {
	n := map[string]int{}
	for _, e := range events {
		n[e.Outcome]++
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

type findingRow = store.Finding
