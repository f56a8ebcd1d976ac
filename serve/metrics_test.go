package serve

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/consensusd/consensusd/schema"
)

func still() Figures { return Figures{} }

// family is what the registry and docs/metrics.md say about one metric.
type family struct{ Type, Help string }

func TestTheDocumentationListsEveryMetricAsItIs(t *testing.T) {
	gathered, err := registry(Build{}, still).Gather()
	if err != nil {
		t.Fatal(err)
	}
	registered := map[string]family{}
	for _, f := range gathered {
		if strings.HasPrefix(f.GetName(), "consensusd_") {
			registered[f.GetName()] = family{strings.ToLower(f.GetType().String()), f.GetHelp()}
		}
	}
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]family{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(consensusd_\\w+)` \\| (\\w+) \\| (.+) \\|$").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = family{row[2], row[3]}
	}
	if diff := cmp.Diff(documented, registered); diff != "" {
		t.Errorf("metrics (-docs/metrics.md +registry):\n%s", diff)
	}
	for _, name := range regexp.MustCompile(`consensusd_\w+`).FindAllString(string(text), -1) {
		if _, ok := registered[strings.TrimSuffix(name, "_bucket")]; !ok {
			t.Errorf("docs/metrics.md speaks of %s, which is not there", name)
		}
	}
	problems, err := promlint.NewWithMetricFamilies(gathered).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "consensusd_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// samples are the lines of an answer that are ours, without the texts.
func samples(t *testing.T, figures Figures) []string {
	t.Helper()
	w := httptest.NewRecorder()
	Metrics(Build{"v1", "abc", "go1", "SQLite 3"}, func() Figures { return figures }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	return regexp.MustCompile(`(?m)^consensusd_.*$`).FindAllString(w.Body.String(), -1)
}

func TestAnAnswerHoldsTheFigures(t *testing.T) {
	at := time.Unix(1_750_000_000, 500_000_000)
	got := samples(t, Figures{
		Recording: true, Overflows: 1, Unannounced: 2, Passes: 3,
		FilesRecorded: 4, FilesAmended: 5, FilesDuplicate: 6, FilesRejected: 7, FilesIgnored: 8,
		RunsRecorded: map[schema.Verdict]uint64{schema.Unanimous: 9, schema.Degraded: 10, schema.Failed: 11},
		RunsAmended:  map[schema.Verdict]uint64{schema.Unanimous: 12, schema.Degraded: 13, schema.Failed: 14},
		Commits:      15, FailedCommits: 16, CommitBuckets: map[float64]uint64{0.01: 1, 0.1: 15}, CommitSeconds: 0.5, LastCommit: at,
		OpenRuns: 17, UnfinishedFiles: 18, StuckFiles: 19, InboxFiles: 20, OldestWaiting: at, FailedFiles: 21,
		DatabaseBytes: 22, WALBytes: 23,
	})
	want := []string{
		`consensusd_build_info{database="SQLite 3",go="go1",revision="abc",version="v1"} 1`,
		`consensusd_commit_duration_seconds_bucket{le="0.01"} 1`,
		`consensusd_commit_duration_seconds_bucket{le="0.1"} 15`,
		`consensusd_commit_duration_seconds_bucket{le="+Inf"} 15`,
		`consensusd_commit_duration_seconds_sum 0.5`,
		`consensusd_commit_duration_seconds_count 15`,
		`consensusd_commits_total{result="committed"} 15`,
		`consensusd_commits_total{result="failed"} 16`,
		`consensusd_database_bytes 22`,
		`consensusd_failed_files 21`,
		`consensusd_files_total{outcome="amended"} 5`,
		`consensusd_files_total{outcome="duplicate"} 6`,
		`consensusd_files_total{outcome="ignored"} 8`,
		`consensusd_files_total{outcome="recorded"} 4`,
		`consensusd_files_total{outcome="rejected"} 7`,
		`consensusd_inbox_files 20`,
		`consensusd_last_commit_timestamp_seconds 1.7500000005e+09`,
		`consensusd_oldest_waiting_file_timestamp_seconds 1.7500000005e+09`,
		`consensusd_open_runs 17`,
		`consensusd_passes_total 3`,
		`consensusd_recording 1`,
		`consensusd_rescan_found_files_total 2`,
		`consensusd_runs_total{outcome="amended",verdict="degraded"} 13`,
		`consensusd_runs_total{outcome="amended",verdict="failed"} 14`,
		`consensusd_runs_total{outcome="amended",verdict="unanimous"} 12`,
		`consensusd_runs_total{outcome="recorded",verdict="degraded"} 10`,
		`consensusd_runs_total{outcome="recorded",verdict="failed"} 11`,
		`consensusd_runs_total{outcome="recorded",verdict="unanimous"} 9`,
		`consensusd_stuck_files 19`,
		`consensusd_unfinished_files 18`,
		`consensusd_wal_bytes 23`,
		`consensusd_watch_overflows_total 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func TestEverySeriesIsThereFromTheStart(t *testing.T) {
	names := func(lines []string) (names []string) {
		for _, l := range lines {
			names = append(names, l[:strings.LastIndexByte(l, ' ')])
		}
		return names
	}
	at := time.Unix(1, 0)
	some := Figures{Recording: true, LastCommit: at, OldestWaiting: at, Commits: 1, RunsRecorded: map[schema.Verdict]uint64{schema.Failed: 1}}
	if diff := cmp.Diff(names(samples(t, still())), names(samples(t, some))); diff != "" {
		t.Errorf("series (-at the start +later):\n%s", diff)
	}
	for _, line := range samples(t, still()) {
		if !strings.HasSuffix(line, " 0") && !strings.HasPrefix(line, "consensusd_build_info") {
			t.Errorf("at the start: %s", line)
		}
	}
}
