package torture

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// memoryLimit is what the kernel lets the process have of memory that it can write
// to: heaps of Go and of SQLite, and the stacks of its threads, each counted as
// large as it is laid out. It is well below what documents of 64 MiB took that were
// copied at every step.
const memoryLimit = 512 << 20

// limited is a command under the limit.
func limited(line ...string) []string {
	return append([]string{"sh", "-c", fmt.Sprintf(`ulimit -d %d && exec "$0" "$@"`, memoryLimit>>10)}, line...)
}

// A largeDocument is a document of 64 MiB, the largest that is taken.
type largeDocument struct {
	run     string
	before  string // its text before the content
	content string // as it stands in the document
	after   string
	want    string // the content as it is to be recorded
}

const largeSize = 64 << 20

// largeDocuments are of several shapes. What is repeated fills each up to its
// size.
func largeDocuments() []largeDocument {
	run := func(id string) string {
		return `{"run_id": "` + id + `", "spec_id": "SPEC-LARGE", "stage": "plan", "timestamp": "2026-03-01T10:00:00Z", "consensus_ok": true, "agents": [{"agent": "claude", "content": `
	}
	shapes := []struct {
		run, before, open, filler, shut, after string
	}{
		{"one text", run("one text"), `"`, `Plain words, and more of them. `, `"`, `}]}`},
		{"escapes", run("escapes"), `"`, `line\n\u00e9\"quoted\" `, `"`, `}]}`},
		{"object", run("object"), `{"steps": [`, `{"a": "step", "n": 12},`, `{}]}`, `}]}`},
		{"JSON in text", run("JSON in text"), `"`, `words {\"a\": 1} and `, `"`, `}]}`},
		{"part", `{"run_id": "part", "spec_id": "SPEC-LARGE", "stage": "plan", "agent": "claude", "content": `, `"`, `The answer of one agent alone. `, `"`, `, "created_at": "2026-03-01T10:00:00Z"}`},
	}
	var all []largeDocument
	for _, s := range shapes {
		room := largeSize - len(s.before) - len(s.open) - len(s.shut) - len(s.after)
		content := s.open + strings.Repeat(s.filler, room/len(s.filler)) + s.shut
		d := largeDocument{run: s.run, before: s.before, content: content, after: s.after + strings.Repeat(" ", room%len(s.filler)), want: content}
		if s.open == `"` && json.Unmarshal([]byte(content), &d.want) != nil {
			panic("a content that is no JSON")
		}
		all = append(all, d)
	}
	return all
}

// drop writes the document into the inbox of home, whole.
func (d largeDocument) drop(t *testing.T, home string) {
	t.Helper()
	name := strings.ReplaceAll(d.run, " ", "-") + ".json"
	staged := filepath.Join(home, name)
	text := d.before + d.content + d.after
	if len(text) != largeSize {
		t.Fatalf("%s has %d bytes, not %d", d.run, len(text), largeSize)
	}
	if err := os.WriteFile(staged, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(staged, filepath.Join(home, "inbox", name)); err != nil {
		t.Fatal(err)
	}
}

func TestADocumentOf64MiBFitsInto512MiB(t *testing.T) {
	home := filepath.Join(t.TempDir(), "large")
	if err := os.MkdirAll(filepath.Join(home, "inbox"), 0o755); err != nil {
		t.Fatal(err)
	}
	documents := largeDocuments()
	for _, d := range documents[:3] { // are there at once
		d.drop(t, home)
	}
	daemon := startStorm(t, home, limited()...)
	daemon.drain(3)
	for i, d := range documents[3:] { // a part waits for its deadline
		d.drop(t, home)
		if d.run != "part" {
			daemon.drain(4 + i)
		}
	}
	daemon.await("read the part", stormPatience, func() bool { return daemon.metric("consensusd_open_runs") == 1 })
	documents[0].drop(t, home) // once more
	daemon.await("told the copy", stormPatience, func() bool { return daemon.metric(`consensusd_files_total\{outcome="duplicate"\}`) == 1 })
	daemon.await("said whether it can record", stormPatience, func() bool { return daemon.metric("consensusd_recording") == 1 })
	if failed := daemon.metric(`consensusd_commits_total\{result="failed"\}`); failed > 0 {
		t.Errorf("%.0f commits failed\n%s", failed, daemon.log)
	}
	peak := daemon.peak()
	daemon.stop()
	line := limited(binary, "ingest", "--home", home) // which waits for nothing
	if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
		t.Errorf("ingest: %v\n%s", err, out)
	}
	partial := compareLarge(t, home, documents)
	tell(t, "%d documents of 64 MiB in 512 MiB of address space for data, peak %d MiB resident; partial %d", len(documents), peak, partial)
	stormVerify(t, home)
}

// compareLarge counts the documents that are not recorded byte for byte.
func compareLarge(t *testing.T, home string, documents []largeDocument) (partial int) {
	t.Helper()
	db := stormDatabase(t, home)
	for _, d := range documents {
		var content string
		err := db.QueryRow("SELECT content FROM agent_artifacts WHERE run_id = ?", d.run).Scan(&content)
		if err != nil || sha256.Sum256([]byte(content)) != sha256.Sum256([]byte(d.want)) {
			partial++
			t.Errorf("%s: %d bytes recorded, want %d; %v", d.run, len(content), len(d.want), err)
		}
	}
	var runs int
	if err := db.QueryRow("SELECT COUNT(*) FROM consensus_runs").Scan(&runs); err != nil || runs != len(documents) {
		t.Errorf("%d runs are recorded, want %d; %v", runs, len(documents), err)
	}
	return partial
}
