package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// load is run n of those that are recorded while backups are made.
func load(n int) Record {
	r := aged(9, "LOAD", backupNow, time.Duration(n)*time.Second)
	r.Artifacts[0] = answer(r.Run, "claude", strings.Repeat("Füge 'Tests' hinzu;\n", 500))
	r.Receipts = []Receipt{document(r.Run, fmt.Sprintf("load_%d.json", n), "run")}
	return r
}

// While somebody records, each backup holds whole runs only: all that were
// committed before it began, and of the later ones those that were committed first.
func TestBackupsUnderFullWriteLoadHoldWholeRunsInTheOrderOfCommits(t *testing.T) {
	h := newBackupHome(t)
	const kept = 2 // runs that were there before
	recorded := make(chan int, 1)
	stop := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		n := 0
		defer close(ended)
		defer close(recorded)
		for ; ; n++ {
			if _, err := h.store.Record(context.Background(), load(n)); err != nil {
				ended <- err
				return
			}
			select {
			case recorded <- n:
			default:
			}
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
		}
	}()
	var all []Backup
	for range 5 {
		least, ok := <-recorded // this run and those before it are committed
		if !ok {
			break
		}
		b := h.backUp(t, backupNow)
		if b.Runs < int64(least+1+kept) {
			t.Errorf("%d runs, when %d were committed before it began", b.Runs, least+1+kept)
		}
		all = append(all, b)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		mustBeIntact(t, b)
		s, a := restored(t, b)
		verified(t, s, a)
		for n := range int(b.Runs) - kept {
			got, err := s.Whole(t.Context(), load(n).Run.RunID)
			if err != nil || len(got.Artifacts) != 2 || len(got.Syntheses) != 1 || len(got.Findings) != 2 {
				t.Fatalf("backup %s of %d runs: run %d: %v", b.Name, b.Runs, n, err)
			}
		}
	}
	if len(all) != 5 || all[0].Runs == all[4].Runs {
		t.Errorf("%d backups; nothing was recorded while they were made", len(all))
	}
	verified(t, h.store, h.archive)
}
