package torture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// A powerHome is what is found in a home after the power came back.
type powerHome struct {
	t        *testing.T
	image    powerImage
	of       map[string]powerDocument // by base name
	files    map[string]string        // content by path
	runs     map[string]store.Record
	receipts map[string]store.Receipt // by the document's base name, unless rejected
	counts   powerCounts
}

// A powerIndex finds a document.
type powerIndex struct {
	byName map[string]powerDocument // its base name
	bySum  map[string][]string      // base names by the hash of their bytes
}

var powerPlan = sync.OnceValue(func() powerIndex {
	plan := powerIndex{map[string]powerDocument{}, map[string][]string{}}
	for _, group := range powerDocuments() {
		for _, doc := range group {
			sum := sha256.Sum256([]byte(doc.Data))
			name, key := filepath.Base(doc.Name), hex.EncodeToString(sum[:])
			plan.byName[name] = doc
			plan.bySum[key] = append(plan.bySum[key], name)
		}
	}
	return plan
})

// examinePowerHome opens the database as it was left and compares: what is
// settled is recorded, what is not recorded is where it was dropped.
func examinePowerHome(t *testing.T, i powerImage) powerCounts {
	h := readPowerHome(t, i)
	h.settledIsRecorded()
	h.recordedIsWhole()
	h.nothingIsLost()
	return h.counts
}

// recordPowerHome lets consensusd record what is left, and compares: every
// document is recorded once, or has failed with its reason.
func recordPowerHome(t *testing.T, i powerImage) powerCounts {
	out, err := exec.Command(binary, "ingest", "--home", i.home, "--settle", "0s").CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) { // 3: some were rejected
		t.Errorf("%s: consensusd ingest: %v\n%s", i.after, err, out)
		return powerCounts{again: 1, damaged: 1}
	}
	i.after += ", recorded again"
	h := readPowerHome(t, i)
	h.counts.again, h.counts.databases = 1, 0
	h.settledIsRecorded()
	h.recordedIsWhole()
	h.nothingIsLost()
	for _, name := range i.promised {
		if doc := h.of[filepath.Base(name)]; !doc.Rejected && h.receipts[filepath.Base(name)].RunID != doc.Run {
			h.counts.lost++
			t.Errorf("%s: %s is not recorded\n%s", i.after, name, out)
		}
	}
	for path := range h.files {
		if _, known := h.documentAt(path); known && strings.HasPrefix(path, "inbox/") {
			h.lost("%s is still in the inbox\n%s", path, out)
		}
	}
	h.verified()
	return h.counts
}

// verified lets consensusd verify the home, which finds what is permitted and
// nothing else.
func (h *powerHome) verified() {
	out, err := exec.Command(binary, "verify", "--json", "--home", h.image.home).Output()
	var answer struct {
		Data struct{ Problems []store.Problem }
	}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) || json.Unmarshal(out, &answer) != nil {
		h.damaged("consensusd verify: %v\n%s", err, out)
	}
	for _, p := range answer.Data.Problems {
		if !h.permitted(p) {
			h.damaged("consensusd verify: %s: %s %s: %s", p.Code, p.What, p.Which, p.Why)
		}
	}
}

// permitted reports whether nobody has promised that verify finds nothing of the
// kind after power was lost.
func (h *powerHome) permitted(p store.Problem) bool {
	doc, _ := h.documentAt(strings.TrimSuffix(p.Which, ".reason.json"))
	switch p.Code {
	case "file_unrecorded":
		// Its producer did not sync it, and it was recorded before its bytes were
		// lost. When the last daemon had stopped in good order the next one has no
		// cause to read it again.
		torn := strings.HasPrefix(p.Which, "done/") && doc.Unsynced && h.files[p.Which] != doc.Data
		if torn {
			h.counts.torn++
		}
		return torn
	case "reason_without_file":
		// A person was retrying the file. That it is in the inbox was kept, and that
		// its reason was removed before was not.
		return p.Which == "failed/"+doc.Name+".reason.json" && doc.Retried
	}
	return false
}

func readPowerHome(t *testing.T, i powerImage) *powerHome {
	h := &powerHome{
		t: t, image: i, of: powerPlan().byName, files: map[string]string{},
		runs: map[string]store.Record{}, receipts: map[string]store.Receipt{},
	}
	err := filepath.WalkDir(i.home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(path[len(i.home)+1:], "/") {
			return err
		}
		b, err := os.ReadFile(path)
		h.files[path[len(i.home)+1:]] = string(b)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	h.readDatabase()
	return h
}

func (h *powerHome) readDatabase() {
	s, err := store.OpenReadOnly(context.Background(), filepath.Join(h.image.home, "consensus.db"))
	var older *schema.OlderError
	if errors.Is(err, store.ErrNoDatabase) || errors.As(err, &older) {
		return // nothing could be recorded before all its tables were there
	}
	if err != nil {
		h.damaged("%v", err)
		return
	}
	defer s.Close()
	h.counts.databases++
	problems, err := s.Verify(context.Background(), nil)
	for _, p := range problems {
		h.damaged("%s %s: %s", p.What, p.Which, p.Why)
	}
	if err != nil {
		h.damaged("%v", err)
	}
	page, err := s.Runs(context.Background(), store.Filter{Limit: 1000})
	if err != nil {
		h.damaged("%v", err)
	}
	for _, r := range page.Runs {
		run, err := s.Whole(context.Background(), r.RunID)
		if err != nil {
			h.damaged("%v", err)
		}
		h.runs[r.RunID] = run
		for _, receipt := range run.Receipts {
			for _, name := range powerPlan().bySum[receipt.SHA256] {
				h.receipts[name] = receipt
			}
		}
	}
}

func (h *powerHome) damaged(format string, args ...any) {
	h.counts.damaged++
	h.t.Errorf("%s: %s", h.image.after, fmt.Sprintf(format, args...))
}

func (h *powerHome) lost(format string, args ...any) {
	h.counts.lost++
	h.t.Errorf("%s: %s", h.image.after, fmt.Sprintf(format, args...))
}

// documentAt returns the document that lies at a path, perhaps under a name
// that was made unique.
func (h *powerHome) documentAt(path string) (doc powerDocument, known bool) {
	stem, _, unique := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".json"), "~")
	doc, known = h.of[stem+".json"]
	return doc, known && (unique || filepath.Base(path) == stem+".json")
}

// settledIsRecorded: whatever lies in done/ is in the database, and has its
// bytes unless its producer did not care; what lies in failed/ has its reason.
func (h *powerHome) settledIsRecorded() {
	for path, content := range h.files {
		doc, known := h.documentAt(path)
		folder, _, _ := strings.Cut(path, "/")
		switch {
		case folder == "done" && !known:
			h.damaged("%s is no document", path)
		case folder == "done" && h.receipts[filepath.Base(doc.Name)].RunID != doc.Run:
			h.lost("%s is settled, and not recorded", path)
		case folder == "done" && content != doc.Data && !doc.Unsynced:
			h.damaged("%s has lost its bytes", path)
		case folder == "failed" && !strings.HasSuffix(path, ".reason.json") && !strings.HasPrefix(filepath.Base(path), "."):
			h.hasReason(path)
		}
	}
}

func (h *powerHome) hasReason(path string) {
	var reason struct{ Code, Message string }
	err := json.Unmarshal([]byte(h.files[path+".reason.json"]), &reason)
	if h.files[path+".reason.json"] == "" && h.counts.again == 0 {
		return // the next daemon reads it again
	}
	if err != nil || reason.Code == "" || reason.Message == "" {
		h.lost("%s has no reason beside it: %q, %v", path, h.files[path+".reason.json"], err)
	}
}

// recordedIsWhole: a document that has a receipt has its answer in its run, once.
func (h *powerHome) recordedIsWhole() {
	for name, r := range h.receipts {
		var found int
		for _, a := range h.runs[r.RunID].Artifacts {
			if a.Agent == h.of[name].Agent && a.Content == h.of[name].Content {
				found++
			}
		}
		switch {
		case found == 0:
			h.counts.partial++
			h.t.Errorf("%s: %s has a receipt, and its answer is not in run %q", h.image.after, name, r.RunID)
		case found > 1:
			h.counts.doubled++
			h.t.Errorf("%s: the answer of %s is in run %q %d times", h.image.after, name, r.RunID, found)
		}
	}
	for id, r := range h.runs {
		if len(r.Artifacts) != len(r.Receipts) || len(r.Receipts) == 0 || len(r.Syntheses) != 1 {
			h.counts.partial++
			h.t.Errorf("%s: run %s has %d artifacts, %d receipts, %d syntheses", h.image.after, id, len(r.Artifacts), len(r.Receipts), len(r.Syntheses))
		}
	}
}

// nothingIsLost: a document whose producer was done is in the inbox byte for
// byte, or recorded, or it has failed.
func (h *powerHome) nothingIsLost() {
	there := map[string]bool{}
	for path, content := range h.files {
		folder, _, _ := strings.Cut(path, "/")
		if doc, known := h.documentAt(path); known && content == doc.Data && (folder == "inbox" || folder == "failed" && doc.Rejected) {
			there[filepath.Base(doc.Name)] = true
		}
	}
	for _, name := range h.image.promised {
		base := filepath.Base(name)
		if !there[base] && (h.of[base].Rejected || h.receipts[base].RunID != h.of[base].Run) {
			h.lost("%s is neither in the inbox nor recorded nor failed", name)
		}
	}
}
