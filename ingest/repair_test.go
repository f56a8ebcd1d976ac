package ingest_test

import (
	"strings"
	"testing"

	"github.com/consensusd/consensusd/ingest"
)

func TestNULCharactersAreRecordedAsReplacementsAndTold(t *testing.T) {
	h := newHouse(t)
	h.drop("run.json", `{"run_id": "nul", "spec_id": "S", "stage": "plan", "conflicts": ["a\u0000b"],
		"agents": [{"agent": "claude", "content": "one\u0000two", "metadata": {"raw": "\u0000"}}, {"agent": "gemini", "error": "broke\u0000n"}],
		"synthesis": {"content": "both\u0000"}}`)
	if counts, _ := h.ingest(ingest.Options{}); counts.Recorded != 1 || counts.Rejected != 0 {
		t.Fatalf("counts = %+v, want one run recorded", counts)
	}
	r, err := h.Whole(t.Context(), "nul")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Artifacts[0].Content; got != "one\uFFFDtwo" {
		t.Errorf("content = %q", got)
	}
	if got := string(r.Artifacts[0].Metadata); !strings.Contains(got, `"raw":"\u0000"`) {
		t.Errorf("metadata = %s, want it as it was", got)
	}
	if got := r.Syntheses[0].SynthesizedContent; got != "both\uFFFD" {
		t.Errorf("synthesis = %q", got)
	}
	if len(r.Run.Conflicts) != 1 || r.Run.Conflicts[0] != "a\uFFFDb" {
		t.Errorf("conflicts = %q", r.Run.Conflicts)
	}
	if got := r.Receipts[0].Reason; !strings.Contains(got, "NUL characters") {
		t.Errorf("receipt says %q, and nothing of NUL", got)
	}
	h.verify()
}
