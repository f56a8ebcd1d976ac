package torture

import (
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "github.com/mattn/go-sqlite3"
)

// A killRun is a run as the database has it.
type killRun struct {
	answers   []killAnswer
	syntheses []string
	documents []string // the SHA-256 of its receipts
}

// A killOutcome is what a home holds at the end.
type killOutcome struct {
	runs     map[string]*killRun
	receipts map[string][]string // the runs of a document, "" where it was rejected
	done     map[string]int      // files by SHA-256
	failed   map[string]int      // files with their reasons by SHA-256
}

// compare looks for everything in the ledger, and for what is not in it.
func (h *killHome) compare() killReport {
	h.t.Helper()
	h.verify()
	for _, folder := range []string{"inbox", "staging"} {
		if left := h.files(folder); len(left) > 0 {
			h.t.Errorf("%d files left in %s, as %s", len(left), folder, left[0])
		}
	}
	o := h.outcome()
	r := killReport{documents: map[string]int{}, runs: len(o.runs)}
	for _, v := range h.ledger.versions {
		r.documents[v.by]++
		if v.bad {
			r.rejected++
		}
		lost, doubled := o.fate(v)
		if v.tardy {
			r.tardy++
			continue
		}
		if lost {
			r.lost++
			h.t.Errorf("lost: %d files of run %q, bad %v, receipts %q, in done/ %d, in failed/ %d: %.200s", v.standing, v.runID, v.bad, o.receipts[v.sha256], o.done[v.sha256], o.failed[v.sha256], v.text)
		}
		if doubled {
			r.doubled++
			h.t.Errorf("doubled: receipts %q: %.200s", o.receipts[v.sha256], v.text)
		}
	}
	for id, run := range o.runs {
		missing, extra := h.ledger.difference(run)
		if missing {
			r.partial++
			h.t.Errorf("partial: run %s: %d documents, %d answers, %d syntheses", id, len(run.documents), len(run.answers), len(run.syntheses))
		}
		if extra {
			r.doubled++
			h.t.Errorf("run %s holds what its documents do not: %.500v", id, run)
		}
	}
	files := 0
	for _, n := range o.done {
		files += n
	}
	for _, n := range o.failed {
		files += n
	}
	if files != h.ledger.files {
		h.t.Errorf("%d files were left, and %d are in done/ and failed/", h.ledger.files, files)
	}
	return r
}

// fate reports whether a version is nowhere though it must be somewhere, and
// whether it is there more than once.
func (o *killOutcome) fate(v *killVersion) (lost, doubled bool) {
	var recorded []string
	for _, run := range o.receipts[v.sha256] {
		if run != "" {
			recorded = append(recorded, run)
		}
	}
	if v.bad {
		return o.failed[v.sha256] != v.standing || len(o.receipts[v.sha256]) != 1, len(recorded) > 0
	}
	where := len(recorded) > 0 && (v.runID == "" || recorded[0] == v.runID)
	return v.standing > 0 && (!where || o.done[v.sha256] != v.standing), len(recorded) > 1
}

// difference compares a run with its documents: every answer and synthesis of
// them once and byte for byte, and no others.
func (l *killLedger) difference(run *killRun) (missing, extra bool) {
	var answers []killAnswer
	var syntheses []string
	for _, document := range run.documents {
		v := l.versions[document]
		if v == nil {
			return false, true
		}
		answers = append(answers, v.answers...)
		if v.synthesis != "" {
			syntheses = append(syntheses, v.synthesis)
		}
	}
	byAgent := func(a, b killAnswer) int {
		return cmp.Or(cmp.Compare(a.agent, b.agent), cmp.Compare(a.content, b.content))
	}
	want, got := slices.SortedFunc(slices.Values(answers), byAgent), slices.SortedFunc(slices.Values(run.answers), byAgent)
	slices.Sort(syntheses)
	slices.Sort(run.syntheses)
	if slices.Equal(want, got) && slices.Equal(syntheses, run.syntheses) && len(run.documents) > 0 {
		return false, false
	}
	isMissing := len(run.documents) == 0 || len(got) < len(want) || len(run.syntheses) < len(syntheses)
	return isMissing, !isMissing
}

// outcome reads the database and the folders.
func (h *killHome) outcome() *killOutcome {
	h.t.Helper()
	o := &killOutcome{runs: map[string]*killRun{}, receipts: map[string][]string{}, done: map[string]int{}, failed: map[string]int{}}
	dsn := url.URL{Scheme: "file", Path: filepath.Join(h.dir, "consensus.db"), RawQuery: "mode=ro"}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	h.each(db, "SELECT run_id, '', '' FROM consensus_runs", func(id, _, _ string) { o.runs[id] = &killRun{} })
	h.each(db, "SELECT run_id, agent, content FROM agent_artifacts", func(id, agent, content string) {
		o.runs[id].answers = append(o.runs[id].answers, killAnswer{agent, content})
	})
	h.each(db, "SELECT run_id, synthesized_content, '' FROM synthesis_results", func(id, content, _ string) {
		o.runs[id].syntheses = append(o.runs[id].syntheses, content)
	})
	h.each(db, "SELECT sha256, run_id, state FROM receipts", func(document, id, state string) {
		o.receipts[document] = append(o.receipts[document], id)
		if state != "rejected" {
			o.runs[id].documents = append(o.runs[id].documents, document)
		}
	})
	for _, path := range h.files("done") {
		o.done[h.hash(path)]++
	}
	for _, path := range h.files("failed") {
		if base := filepath.Base(path); strings.HasSuffix(base, ".reason.json") || strings.HasPrefix(base, ".") {
			continue // hidden: a reason that a kill cut off
		}
		if document := h.hash(path); h.hasReason(path, document) {
			o.failed[document]++
		}
	}
	return o
}

// each calls row for every row of a query of three texts.
func (h *killHome) each(db *sql.DB, query string, row func(a, b, c string)) {
	h.t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var a, b, c string
		if err := rows.Scan(&a, &b, &c); err != nil {
			h.t.Fatal(err)
		}
		row(a, b, c)
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *killHome) hash(path string) string {
	h.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// hasReason reports whether the reason beside a failed file is of its bytes, or
// of what its producer had written of them when time was up.
func (h *killHome) hasReason(path, document string) bool {
	h.t.Helper()
	text, err := os.ReadFile(path + ".reason.json")
	var reason struct{ Code, SHA256 string }
	if err == nil {
		err = json.Unmarshal(text, &reason)
	}
	v := h.ledger.versions[document]
	if err != nil || reason.Code == "" || v == nil || reason.SHA256 != document && !v.tardy {
		h.t.Errorf("%s: reason %q, %v; in the ledger %v", path, text, err, v != nil)
		return false
	}
	return true
}
