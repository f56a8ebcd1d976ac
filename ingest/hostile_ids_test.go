package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/consensusd/consensusd/ingest"
)

// An id is a text that is stored and shown, never a path: what looks like one is
// kept as it is. What a screen would obey, or not show, is refused.
func TestIdsAreKeptAsTheyAreOrRefused(t *testing.T) {
	for _, c := range []struct {
		id      string
		refused bool
		blank   bool // which agents have none of: they are written with _
	}{
		{id: "../.."}, {id: "/etc/passwd"}, {id: `..\..\x`}, {id: "CON"}, {id: "-rf"}, {id: "--help"}, {id: ".hidden"}, {id: "~root"}, {id: "a b"},
		{id: "%2e%2e%2f"}, {id: "<script>alert(1)</script>"}, {id: "'; DROP TABLE receipts; --"}, {id: "日本語"}, {id: "👩‍👩‍👧"}, {id: strings.Repeat("x", 512)},
		{id: strings.Repeat("x", 513), refused: true}, {id: "a\x00b", refused: true}, {id: "a\nb", refused: true, blank: true}, {id: "a\tb", refused: true, blank: true},
		{id: "\x1b[2J", refused: true}, {id: "\u009b2J", refused: true}, {id: "\x7f", refused: true},
		{id: "\u202egnp.exe", refused: true}, {id: "\u2066a", refused: true}, {id: "a\u2028b", refused: true, blank: true}, {id: "\ufffd", refused: true},
	} {
		for _, member := range []string{"run_id", "spec_id", "agent"} {
			t.Run(fmt.Sprintf("%s %.20q", member, c.id), func(t *testing.T) {
				h := newHouse(t)
				doc := map[string]string{"run_id": "run", "spec_id": "spec", "stage": "plan", "agent": "agent", "content": "yes"}
				doc[member] = c.id
				text, err := json.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				h.drop("x.json", string(text))
				counts, events := h.ingest(ingest.Options{})
				if c.refused && !(c.blank && member == "agent") {
					if counts.Rejected != 1 || events[0].Rejection.Code != ingest.CodeBadIdentifier || strings.ContainsAny(events[0].Rejection.Message, "\x00\n\t\x1b\x7f\u009b\u202e\u2066\u2028") {
						t.Errorf("%+v, %+v", counts, events[0].Rejection)
					}
					if got := h.files(h.Failed()); len(got) != 1 || got[0] != "x.json" {
						t.Errorf("failed/ holds %q", got)
					}
					h.verify()
					return
				}
				if counts.Recorded != 1 {
					t.Fatalf("%+v, %+v", counts, events)
				}
				whole, err := h.Whole(t.Context(), events[0].RunID)
				if err != nil {
					t.Fatal(err)
				}
				want := c.id
				got := map[string]string{"run_id": whole.Run.RunID, "spec_id": whole.Run.SpecID, "agent": whole.Artifacts[0].Agent}[member]
				if member == "agent" {
					want = ingest.AgentName(c.id)
				}
				if got != want {
					t.Errorf("recorded as %q, want %q", got, want)
				}
				if got := h.files(h.Done()); len(got) != 1 || filepath.Base(got[0]) != "x.json" {
					t.Errorf("done/ holds %q", got)
				}
				if entries, err := os.ReadDir(filepath.Dir(string(h.Home))); err != nil || len(entries) != 1 {
					t.Errorf("beside the home: %v, %v", entries, err)
				}
				h.verify()
			})
		}
	}
}
