package torture

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// stormPeak is how much memory a daemon may take, in MiB, whatever waits for
// it: about 40 that it takes with small documents, the 32 of files that it reads
// ahead, as much again of what is made of them, and as much of what the collector
// has not got to.
const stormPeak = 150

// eventQueue is how many file events the kernel keeps for a reader.
func eventQueue(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestABurstOfFilesBehindAStalledDaemonLosesNothing(t *testing.T) {
	queue := eventQueue(t)
	files := max(queue+queue/4, 20_480)
	if long {
		files = max(files, 50_000)
	}
	if files > 200_000 {
		t.Fatalf("the kernel queues %d file events: no burst of bearable size overflows that; set fs.inotify.max_queued_events to 16384", queue)
	}
	home := filepath.Join(t.TempDir(), "a storm")
	d := startStorm(t, home)
	d.await("looked at the inbox", stormPatience, func() bool { return d.metric("consensusd_passes_total") > 0 })
	d.stall()
	stormDrop(t, filepath.Join(home, "inbox"), files)
	d.signal(syscall.SIGCONT)
	d.drain(files)
	d.await("counted an overflow", stormPatience, func() bool { return d.metric("consensusd_watch_overflows_total") > 0 })
	overflows, peak := d.metric("consensusd_watch_overflows_total"), d.peak()
	if peak > stormPeak {
		t.Errorf("the daemon took %d MiB, more than %d", peak, stormPeak)
	}
	d.stop()
	lost := stormCompare(t, home, files)
	tell(t, "%d files in one burst, %.0f overflows, peak %d MiB; %s", files, overflows, peak, lost)
	stormVerify(t, home)
}

func TestAMillionFilesAreRecordedInBoundedMemory(t *testing.T) {
	files := 5_000
	if long {
		files = 1_000_000
	}
	home := filepath.Join(t.TempDir(), "a storm")
	stormDrop(t, filepath.Join(home, "inbox"), files)
	d := startStorm(t, home)
	d.drain(files)
	peak := d.peak()
	d.kill() // the next daemon looks back at what it has moved
	again := startStorm(t, home)
	again.await("looked back and at the inbox", 5*stormPatience, func() bool { return again.metric("consensusd_passes_total") > 0 })
	back := again.peak()
	if peak > stormPeak || back > stormPeak {
		t.Errorf("the daemon took %d MiB, and %d to look back; more than %d", peak, back, stormPeak)
	}
	again.stop()
	lost := stormCompare(t, home, files)
	tell(t, "%d files in one folder, peak %d MiB, %d MiB to look back; %s", files, peak, back, lost)
	stormVerify(t, home)
}

// stormDocument is the i-th tiny document, a run of its own.
func stormDocument(i int) string {
	return fmt.Sprintf(`{"run_id": %q, "spec_id": "SPEC-STORM-%03d", "stage": "plan", "timestamp": "2026-03-01T10:00:00Z", "agents": [{"agent": "claude", "content": %q}], "consensus_ok": true}`,
		stormRun(i), i%1000, stormContent(i))
}

func stormRun(i int) string     { return fmt.Sprintf("storm-%07d", i) }
func stormContent(i int) string { return fmt.Sprintf("The answer to question %d.", i) }

// stormDrop writes documents into a folder, in place, by several producers.
func stormDrop(t *testing.T, folder string, files int) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	const producers = 4
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			for i := p; i < files; i += producers {
				if err := os.WriteFile(filepath.Join(folder, stormRun(i)+".json"), []byte(stormDocument(i)), 0o644); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// stormCompare compares the database with what was dropped, row by row and byte
// for byte.
func stormCompare(t *testing.T, home string, files int) string {
	t.Helper()
	rows, err := stormDatabase(t, home).Query(`SELECT r.run_id, r.spec_id,
		(SELECT COUNT(*) FROM agent_artifacts a WHERE a.run_id = r.run_id),
		COALESCE((SELECT MIN(a.content) FROM agent_artifacts a WHERE a.run_id = r.run_id), ''),
		(SELECT COUNT(*) FROM receipts c WHERE c.run_id = r.run_id),
		COALESCE((SELECT MIN(LOWER(c.sha256)) FROM receipts c WHERE c.run_id = r.run_id), '')
		FROM consensus_runs r ORDER BY r.run_id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	next, doubled, partial, foreign := 0, 0, 0, 0
	lost := 0
	for rows.Next() {
		var run, spec, content, hash string
		var artifacts, receipts int
		if err := rows.Scan(&run, &spec, &artifacts, &content, &receipts, &hash); err != nil {
			t.Fatal(err)
		}
		for ; next < files && stormRun(next) < run; next++ {
			lost++
		}
		if next == files || stormRun(next) != run {
			foreign++
			continue
		}
		sum := sha256.Sum256([]byte(stormDocument(next)))
		switch {
		case artifacts > 1 || receipts > 1:
			doubled++
		case artifacts < 1 || receipts < 1 || content != stormContent(next) || spec != fmt.Sprintf("SPEC-STORM-%03d", next%1000) || hash != hex.EncodeToString(sum[:]):
			partial++
		}
		next++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	lost += files - next
	if lost+doubled+partial+foreign > 0 {
		t.Errorf("of %d files %d are lost, %d doubled, %d partial; %d runs are nobody's", files, lost, doubled, partial, foreign)
	}
	return fmt.Sprintf("lost %d, doubled %d, partial %d", lost, doubled, partial)
}
