package torture

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"
	"testing"
)

// A killAnswer is an agent's answer as the database must hold it.
type killAnswer struct{ agent, content string }

// A killVersion is one version of a document: bytes that are unlike all others.
type killVersion struct {
	by        string // its producer
	sha256    string
	text      []byte
	runID     string // as the document gives it; "" when it does not
	answers   []killAnswer
	synthesis string
	bad       bool // to be rejected

	// standing is how many files a producer has left with these bytes. Where it
	// is 0 the producer has replaced the version itself before it was taken: it
	// may have been read in time.
	standing int
	// tardy is a version that its producer wrote more slowly than the daemon waits:
	// what becomes of it depends on what was there when time was up.
	tardy bool
}

// A killLedger is what the producers of one home know they have left there. What
// becomes of it is for the end to compare.
type killLedger struct {
	mu       sync.Mutex
	versions map[string]*killVersion // by SHA-256
	files    int                     // left in the inbox, each to be found in done/ or failed/
}

func newKillLedger() *killLedger { return &killLedger{versions: map[string]*killVersion{}} }

// note enters a version in the ledger, of which no file stands yet.
func (l *killLedger) note(v killVersion) *killVersion {
	sum := sha256.Sum256(v.text)
	v.sha256 = hex.EncodeToString(sum[:])
	l.mu.Lock()
	defer l.mu.Unlock()
	l.versions[v.sha256] = &v
	return &v
}

// left notes that a new file holds v.
func (l *killLedger) left(v *killVersion) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.standing++
	l.files++
}

// replaced notes that its producer has taken a file with v out of the inbox.
func (l *killLedger) replaced(v *killVersion) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.standing--
	l.files--
}

// overwritten notes that a file that held was holds is.
func (l *killLedger) overwritten(was, is *killVersion) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was.standing--
	is.standing++
}

func (l *killLedger) late(v *killVersion) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.tardy = true
}

// killJSON is v as JSON.
func killJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A killReport adds up what became of what was left.
type killReport struct {
	documents              map[string]int // by their producers
	rejected, runs         int
	tardy                  int // see killVersion
	lost, doubled, partial int
}

func (r *killReport) add(o killReport) {
	for by, n := range o.documents {
		r.documents[by] += n
	}
	r.rejected += o.rejected
	r.tardy += o.tardy
	r.runs += o.runs
	r.lost += o.lost
	r.doubled += o.doubled
	r.partial += o.partial
}

// all is the number of documents of all producers.
func (r *killReport) all() (n int) {
	for _, of := range r.documents {
		n += of
	}
	return n
}
