package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Trees that are observed change for years.
func TestWhatIsGoneIsNotRememberedForEver(t *testing.T) {
	h, _ := lockedHome(t)
	in := New(h, nil, Options{})
	there := filepath.Join(t.TempDir(), "there.json")
	must(t, os.WriteFile(there, nil, 0o644))
	in.known[there] = knownFile{}
	for i := range maxForgotten {
		in.known[filepath.Join(h.Inbox(), fmt.Sprint(i))] = knownFile{}
	}
	(&pass{in: in, found: 1}).dropVanished()
	if len(in.known) != maxForgotten+1 {
		t.Errorf("%d files are known, and few are gone", len(in.known))
	}
	in.known[filepath.Join(h.Inbox(), "one more")] = knownFile{}
	in.known[filepath.Join(h.Inbox(), "two more")] = knownFile{}
	(&pass{in: in, found: 1}).dropVanished()
	if _, known := in.known[there]; !known || len(in.known) != 1 {
		t.Errorf("%d files are known, the one that is there: %t", len(in.known), known)
	}
}

func TestFoldersOfDoneAreNotRememberedForEver(t *testing.T) {
	h, _ := lockedHome(t)
	in := New(h, nil, Options{})
	for i := range maxForgotten + 1 {
		in.named[fmt.Sprint(i)] = true
	}
	p := lyingFile(t, filepath.Join(h.Inbox(), "SPEC-1", "x.json"), "{}")
	p.file.place, p.file.rel = inboxPlace, "SPEC-1/x.json"
	for range 2 {
		s, err := in.settling()
		must(t, err)
		s.recorded = []parcel{p}
		in.settle(s)
		in.catchUp()
	}
	if len(in.named) > maxForgotten || isGone(filepath.Join(h.doneOn(time.Now()), "SPEC-1", "x.json")) {
		t.Errorf("%d folders are known", len(in.named))
	}
}
