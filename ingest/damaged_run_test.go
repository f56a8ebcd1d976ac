package ingest_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consensusd/consensusd/ingest"
)

// The fault is the database's, and none of anybody else's.
func TestALatePartOfADamagedRunWaits(t *testing.T) {
	late := map[string]string{ // by what it is
		"part":      part("r", "gemini", "no"),
		"document":  runDocument("r", "other words"),
		"synthesis": `{"spec_id": "SPEC-1", "stage": "plan", "synthesis": {"content": "both"}}`,
	}
	elsewhere := strings.NewReplacer("SPEC-1", "SPEC-2").Replace
	type damaged struct{ table, column, value string }
	damages := []damaged{{"receipts", "report", "["}, {"consensus_runs", "missing_agents", "{"}}
	if os.Getenv("CONSENSUSD_TEST_ENGINE") == "" { // SQLite takes a text for a number
		damages = append(damages, damaged{"consensus_runs", "timestamp", "long ago"}, damaged{"agent_artifacts", "created_at", "long ago"})
	}
	for _, damage := range damages {
		for what, text := range late {
			t.Run(damage.table+" "+damage.column+" "+what, func(t *testing.T) {
				h := newHouse(t)
				h.drop("a.json", part("r", "claude", "yes"))
				h.ingest(ingest.Options{})
				db := h.plain()
				defer db.Close()
				var was any
				h.must(db.QueryRow("SELECT " + damage.column + " FROM " + damage.table).Scan(&was))
				h.execute(fmt.Sprintf("UPDATE %s SET %s = '%s'", damage.table, damage.column, damage.value))
				h.drop("b.json", text)
				h.drop("c.json", elsewhere(runDocument("another", "words")))
				h.drop("d.json", elsewhere(part("third", "claude", "yes")))
				in := ingest.New(h.Home, h.Store, ingest.Options{})
				if err := in.Ingest(t.Context()); err == nil || !strings.Contains(err.Error(), "b.json") || !strings.Contains(err.Error(), "consensusd verify") {
					t.Errorf("error: %v", err)
				}
				if left := h.files(h.Inbox()); !slices.Equal(left, []string{"b.json"}) {
					t.Errorf("inbox %v, failed %v", left, h.files(h.Failed()))
				}
				h.execute(fmt.Sprintf("UPDATE %s SET %s = '%s' WHERE %s = '%s'", damage.table, damage.column,
					strings.ReplaceAll(fmt.Sprint(was), "'", "''"), damage.column, damage.value))
				if n, _ := h.ingest(ingest.Options{}); n.Amended+n.Rejected != 1 {
					t.Errorf("counts: %+v", n)
				}
				h.verify()
			})
		}
	}
}

func TestADaemonWarnsOfWhatItCannotRecord(t *testing.T) {
	h := newHouse(t)
	h.drop("a.json", part("r", "claude", "yes"))
	h.ingest(ingest.Options{})
	h.execute("UPDATE consensus_runs SET missing_agents = '{'")
	h.drop("b.json", part("r", "gemini", "no"))
	d := h.watch(ingest.Options{Rescan: 10 * time.Millisecond})
	h.lookedTwice(d, "one", "two")
	if w := d.Warnings(); len(w) != 1 || !strings.Contains(w[0], "b.json") || !strings.Contains(w[0], "consensusd verify") || d.Ready(t.Context()) != nil {
		t.Errorf("warnings %q, ready: %v", w, d.Ready(t.Context()))
	}
	h.execute("UPDATE consensus_runs SET missing_agents = '[]' WHERE missing_agents = '{'")
	d.await(t, "the part", isRun("r"))
	h.lookedTwice(d, "three", "four")
	if w := d.Warnings(); len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
	h.must(d.stop())
	h.verify()
}
