package ingest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/ingest"
)

// outside makes a folder that is none of the home's, with a file in it.
func outside(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// holds checks that a folder outside of the home has that file and no other.
func holds(t *testing.T, dir, name, text string) {
	t.Helper()
	if diff := cmp.Diff(map[string]string{name: text}, treeFiles(t, dir)); diff != "" {
		t.Errorf("what is outside of the home was touched:\n%s", diff)
	}
}

// link puts a link in the place of a folder, which goes elsewhere.
func link(t *testing.T, path, target string) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		if err := os.Rename(path, filepath.Join(t.TempDir(), "away")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestALinkInTheInboxIsRejectedAndNothingBehindItTouched(t *testing.T) {
	h := newHouse(t)
	dir := outside(t, "secret.json", goodRun)
	link(t, filepath.Join(h.Inbox(), "folder"), dir)
	link(t, filepath.Join(h.Inbox(), "file.json"), filepath.Join(dir, "secret.json"))
	link(t, filepath.Join(h.Inbox(), "etc"), "/etc")
	link(t, filepath.Join(h.Inbox(), "circle.json"), "circle.json")
	h.drop("good.json", goodRun)
	counts, events := h.ingest(ingest.Options{})
	if want := (ingest.Counts{Recorded: 1, Rejected: 4}); counts != want {
		t.Errorf("%+v, want %+v", counts, want)
	}
	for _, e := range events {
		if e.Outcome == "rejected" && e.Rejection.Code != ingest.CodeNotRegular {
			t.Errorf("%v: %+v", e.Files, e.Rejection)
		}
	}
	for _, name := range []string{"folder", "file.json", "etc", "circle.json"} {
		if info, err := os.Lstat(filepath.Join(h.Failed(), name)); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("failed/%s is not the link: %v, %v", name, info, err)
		}
	}
	holds(t, dir, "secret.json", goodRun)
	h.verify()
}

func TestAFolderThatBecomesALinkBeforeItsPartIsRecordedLeadsNowhere(t *testing.T) {
	h := newHouse(t)
	text := part("late", "claude", "one")
	dir := outside(t, "part.json", text)
	h.drop("sub/part.json", text)
	replaced := false
	counts, events := h.ingest(ingest.Options{OnProgress: func(int, int) {
		if !replaced { // the part is read, and waits
			replaced = true
			link(t, filepath.Join(h.Inbox(), "sub"), dir)
		}
	}})
	if want := (ingest.Counts{Rejected: 1}); counts != want {
		t.Errorf("only the link is there to be rejected: %+v, %v", counts, outcomes(events))
	}
	holds(t, dir, "part.json", text)
	h.verify()
}

func TestAFolderThatBecomesALinkBeforeItsFileIsMovedLeadsNowhere(t *testing.T) {
	h := newHouse(t)
	text := runDocument("first", "one")
	dir := outside(t, "x.json", text)
	release := h.hold()
	read := make(chan bool, 100)
	h.drop("sub/x.json", text)
	d := h.watch(ingest.Options{Rescan: 50 * time.Millisecond, OnProgress: func(int, int) { read <- true }})
	<-read
	link(t, filepath.Join(h.Inbox(), "sub"), dir)
	release()
	d.await(t, "the run that was read", isRun("first"))
	d.await(t, "the link", func(e ingest.Event) bool {
		return e.Outcome == "rejected" && e.Rejection.Code == ingest.CodeNotRegular && filepath.Base(e.Files[0]) == "sub"
	})
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, "x.json", text)
	if done := h.files(h.Done()); len(done) != 0 {
		t.Errorf("moved to done/: %v", done)
	}
	h.verify()
}

func TestALinkInThePlaceOfTheDaysFolderIsNotWrittenThrough(t *testing.T) {
	h := newHouse(t)
	dir := outside(t, "mine", "text")
	today := time.Now().UTC()
	for _, day := range []time.Time{today, today.Add(24 * time.Hour)} {
		link(t, filepath.Join(h.Done(), day.Format(time.DateOnly)), dir)
	}
	h.drop("x.json", goodRun)
	in := ingest.New(h.Home, h.Store, ingest.Options{})
	if err := in.Ingest(t.Context()); err == nil || !strings.Contains(err.Error(), "x.json") {
		t.Errorf("a file that cannot be moved away is not told of: %v", err)
	}
	if c := in.Counts(); c.Recorded != 1 {
		t.Errorf("not recorded: %+v", c)
	}
	holds(t, dir, "mine", "text")
	for _, day := range []time.Time{today, today.Add(24 * time.Hour)} {
		if err := os.Remove(filepath.Join(h.Done(), day.Format(time.DateOnly))); err != nil {
			t.Fatal(err)
		}
	}
	if counts, _ := h.ingest(ingest.Options{}); counts != (ingest.Counts{Duplicate: 1}) {
		t.Errorf("after the link is gone: %+v", counts)
	}
	if left := h.files(h.Inbox()); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	h.verify()
}

func TestALinkWhereAFileIsToGoIsGoneAround(t *testing.T) {
	h := newHouse(t)
	dir := outside(t, "mine", "text")
	links := []string{filepath.Join(h.Failed(), "sub"), filepath.Join(h.Inbox(), "SPEC-KIT-1")}
	for _, path := range links {
		link(t, path, dir)
	}
	h.drop("sub/bad.json", "[1]")
	doc, rejection := ingest.Check("SPEC-KIT-1/part.json", []byte(part("r", "claude", "one")), 1<<20)
	if rejection != nil {
		t.Fatal(rejection)
	}
	name, err := h.Drop(doc)
	if err != nil || filepath.Dir(name) == "SPEC-KIT-1" {
		t.Fatalf("dropped at %s: %v", name, err)
	}
	counts, _ := h.ingest(ingest.Options{})
	if want := (ingest.Counts{Recorded: 1, Rejected: 2}); counts != want {
		t.Errorf("%+v, want %+v", counts, want)
	}
	holds(t, dir, "mine", "text")
	found := false
	for _, name := range h.files(h.Failed()) {
		f, err := h.Failure(name)
		if err != nil || f.Code == "no_reason" && name != "sub" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		found = found || f.Code == ingest.CodeNotObject
	}
	if !found {
		t.Errorf("the rejected file is not in failed/: %v", h.files(h.Failed()))
	}
	if err := os.Remove(links[0]); err != nil {
		t.Fatal(err)
	}
	h.verify()
}

func TestNoNameInFailedLeadsThroughALink(t *testing.T) {
	h := newHouse(t)
	dir := outside(t, "x.json", "text")
	link(t, filepath.Join(h.Failed(), "sub"), dir)
	for what, err := range map[string]error{
		"drop":  h.DropFailure("sub/x.json"),
		"retry": h.Retry("sub/x.json"),
		"show":  second(h.Failure("sub/x.json")),
		"read":  second(h.FailedFile("sub/x.json")),
	} {
		if !errors.Is(err, ingest.ErrNoFailure) {
			t.Errorf("%s: %v", what, err)
		}
	}
	holds(t, dir, "x.json", "text")
	if err := h.DropFailure("sub"); err != nil {
		t.Errorf("drop the link itself: %v", err)
	}
	holds(t, dir, "x.json", "text")
}

func second[T any](_ T, err error) error { return err }

func TestTheHomeAndItsFoldersMayThemselvesBeLinks(t *testing.T) {
	h := newHouse(t)
	for _, folder := range []string{h.Inbox(), h.Done(), h.Failed()} {
		away := filepath.Join(string(h.Home), "real-"+filepath.Base(folder))
		if err := os.Rename(folder, away); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(away, folder); err != nil {
			t.Fatal(err)
		}
	}
	h.drop("sub/good.json", goodRun)
	h.drop("sub/bad.json", "[1]")
	if counts, _ := h.ingest(ingest.Options{}); counts != (ingest.Counts{Recorded: 1, Rejected: 1}) {
		t.Errorf("%+v", counts)
	}
	if list, err := h.Failures(); err != nil || len(list) != 1 {
		t.Errorf("failed: %v, %v", list, err)
	}
	if left := h.files(filepath.Join(string(h.Home), "real-inbox")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	h.verify()
}
