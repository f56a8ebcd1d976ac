package serve

import (
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/consensusd/consensusd/schema"
)

// Figures are what a daemon counts, field by field as in the package that
// records, so that one converts to the other.
type Figures struct {
	Recording   bool
	Overflows   uint64
	Unannounced uint64
	Passes      uint64

	FilesRecorded, FilesAmended, FilesDuplicate, FilesRejected, FilesIgnored uint64

	RunsRecorded, RunsAmended map[schema.Verdict]uint64

	Commits       uint64
	FailedCommits uint64
	CommitBuckets map[float64]uint64
	CommitSeconds float64
	LastCommit    time.Time

	OpenRuns        uint64
	UnfinishedFiles uint64
	StuckFiles      uint64
	InboxFiles      uint64
	OldestWaiting   time.Time
	FailedFiles     uint64

	DatabaseBytes, WALBytes int64
}

// A Build says what the program was built from.
type Build struct{ Version, Revision, Go, Database string }

// Metrics answers /metrics in Prometheus' text format: the figures, and those of
// the Go runtime and the process. docs/metrics.md describes each. A scrape asks for
// the figures once, all of one moment.
func Metrics(build Build, figures func() Figures) http.Handler {
	answer := promhttp.HandlerFor(registry(build, figures), promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		answer.ServeHTTP(w, r)
	})
}

func registry(build Build, figures func() Figures) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector{build, figures},
	)
	return r
}

// A collector turns figures into metrics.
type collector struct {
	build   Build
	figures func() Figures
}

// A metric is one family: what it is called, what it means, and how it is read
// from the figures.
type metric struct {
	desc *prometheus.Desc
	read func(d *prometheus.Desc, f Figures) []prometheus.Metric
}

func named(name, help string, read func(*prometheus.Desc, Figures) []prometheus.Metric, labels ...string) metric {
	return metric{prometheus.NewDesc("consensusd_"+name, help, labels, nil), read}
}

func counter(name, help string, value func(Figures) uint64) metric {
	return named(name, help, func(d *prometheus.Desc, f Figures) []prometheus.Metric { return counted(d, value(f)) })
}

func gauge[N uint64 | int64](name, help string, value func(Figures) N) metric {
	return named(name, help, func(d *prometheus.Desc, f Figures) []prometheus.Metric { return measured(d, float64(value(f))) })
}

// since is a gauge of a time, 0 when there is none.
func since(name, help string, value func(Figures) time.Time) metric {
	return named(name, help, func(d *prometheus.Desc, f Figures) []prometheus.Metric {
		t := value(f)
		if t.IsZero() {
			return measured(d, 0)
		}
		return measured(d, float64(t.UnixNano())/1e9)
	})
}

func counted(d *prometheus.Desc, n uint64, labels ...string) []prometheus.Metric {
	return []prometheus.Metric{prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)}
}

func measured(d *prometheus.Desc, x float64, labels ...string) []prometheus.Metric {
	return []prometheus.Metric{prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)}
}

// families are all of ours. Their texts stand in docs/metrics.md too, which a test
// compares.
var families = []metric{
	named("recording", "Whether nothing keeps the daemon from recording (1), or something does and files wait (0).", recording),
	named("files_total", "Files by what became of them.", files, "outcome"),
	named("runs_total", "Runs recorded, and times that a recorded run was amended, by the verdict on them.", runs, "outcome", "verdict"),
	named("commits_total", "Transactions that record runs, each with one run when idle and up to 64 under load, by their result.", commits, "result"),
	named("commit_duration_seconds", "How long transactions took that recorded runs, with the sync to stable storage.", commitDuration),
	since("last_commit_timestamp_seconds", "When runs were last recorded, Unix time; 0 before the first since the start.", func(f Figures) time.Time { return f.LastCommit }),
	counter("watch_overflows_total", "Times that the queue of file events overflowed, after which everything is looked at.", func(f Figures) uint64 { return f.Overflows }),
	counter("rescan_found_files_total", "New files that a scan found without a file event having asked for it, those of the first scan left out.", func(f Figures) uint64 { return f.Unannounced }),
	counter("passes_total", "Scans of the inbox and of what is observed that saw everything.", func(f Figures) uint64 { return f.Passes }),
	gauge("inbox_files", "Files that wait in the inbox, as of the last scan.", func(f Figures) uint64 { return f.InboxFiles }),
	since("oldest_waiting_file_timestamp_seconds", "Since when the file waits that has waited longest in the inbox, as of the last scan, Unix time; 0 when none waits.", func(f Figures) time.Time { return f.OldestWaiting }),
	gauge("open_runs", "Runs that wait for further parts.", func(f Figures) uint64 { return f.OpenRuns }),
	gauge("unfinished_files", "Files that end in the middle or cannot be read yet, and are waited for.", func(f Figures) uint64 { return f.UnfinishedFiles }),
	gauge("stuck_files", "Files that are recorded or rejected, and cannot be moved out of the inbox.", func(f Figures) uint64 { return f.StuckFiles }),
	gauge("failed_files", "Files in failed/, as of the last scan.", func(f Figures) uint64 { return f.FailedFiles }),
	gauge("database_bytes", "Size of the SQLite file; 0 with PostgreSQL.", func(f Figures) int64 { return f.DatabaseBytes }),
	gauge("wal_bytes", "Size of SQLite's write-ahead log; 0 with PostgreSQL.", func(f Figures) int64 { return f.WALBytes }),
}

var buildInfo = prometheus.NewDesc("consensusd_build_info", "What the program was built from; always 1.", []string{"version", "revision", "go", "database"}, nil)

// Describe implements [prometheus.Collector].
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range families {
		to <- m.desc
	}
	to <- buildInfo
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(to chan<- prometheus.Metric) {
	f, b := c.figures(), c.build
	all := measured(buildInfo, 1, b.Version, b.Revision, b.Go, b.Database)
	for _, m := range families {
		all = slices.Concat(all, m.read(m.desc, f))
	}
	for _, m := range all {
		to <- m
	}
}

func recording(d *prometheus.Desc, f Figures) []prometheus.Metric {
	if f.Recording {
		return measured(d, 1)
	}
	return measured(d, 0)
}

func files(d *prometheus.Desc, f Figures) []prometheus.Metric {
	return slices.Concat(
		counted(d, f.FilesRecorded, "recorded"), counted(d, f.FilesAmended, "amended"), counted(d, f.FilesDuplicate, "duplicate"),
		counted(d, f.FilesRejected, "rejected"), counted(d, f.FilesIgnored, "ignored"),
	)
}

func runs(d *prometheus.Desc, f Figures) (all []prometheus.Metric) {
	for _, v := range []schema.Verdict{schema.Unanimous, schema.Degraded, schema.Failed} {
		all = slices.Concat(all, counted(d, f.RunsRecorded[v], "recorded", string(v)), counted(d, f.RunsAmended[v], "amended", string(v)))
	}
	return all
}

func commits(d *prometheus.Desc, f Figures) []prometheus.Metric {
	return slices.Concat(counted(d, f.Commits, "committed"), counted(d, f.FailedCommits, "failed"))
}

func commitDuration(d *prometheus.Desc, f Figures) []prometheus.Metric {
	return []prometheus.Metric{prometheus.MustNewConstHistogram(d, f.Commits, f.CommitSeconds, f.CommitBuckets)}
}
