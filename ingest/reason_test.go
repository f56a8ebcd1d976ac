package ingest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consensusd/consensusd/ingest"
)

// Nothing is lost where failed/ cannot be used.
func TestAFileThatCannotGoToFailedStaysInTheInbox(t *testing.T) {
	h := newHouse(t)
	h.drop("bad.json", `{"spec_id": 1}`)
	h.drop("good.json", runDocument("good", "x"))
	if err := os.RemoveAll(h.Failed()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Failed(), nil, 0o644); err != nil { // no folder of this name can be made
		t.Fatal(err)
	}
	in := ingest.New(h.Home, h.Store, ingest.Options{})
	if err := in.Ingest(t.Context()); err == nil || !strings.Contains(err.Error(), "bad.json") {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(filepath.Join(h.Inbox(), "bad.json")); err != nil {
		t.Error(err)
	}
	if err := os.Remove(h.Failed()); err != nil {
		t.Fatal(err)
	}
	if err := h.Create(); err != nil {
		t.Fatal(err)
	}
	h.ingest(ingest.Options{})
	if f, err := h.Failure("bad.json"); err != nil || f.Code == "no_reason" {
		t.Errorf("%+v, %v", f, err)
	}
	h.verify()
}
