package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store"
)

const goodRun = `{"run_id": "good", "spec_id": "SPEC-1", "stage": "plan", "timestamp": "2026-03-01T10:00:00Z",
 "agents": [{"agent": "claude", "content": "yes"}, {"agent": "gemini", "content": "yes, too"}], "consensus_ok": true}`

// badFiles are what an inbox must survive: how each is made, and why it is
// rejected.
var badFiles = []struct {
	name, code string
	text       string
	make       func(path string) error
	line, col  int
}{
	{name: "empty.json", code: "empty"},
	{name: "blank.json", code: "empty", text: " \n\t\n"},
	{name: "truncated.json", code: "truncated", text: "{\"spec_id\": \"S\",\n \"stage\": \"pl", line: 2, col: 14},
	{name: "latin1.json", code: "invalid_utf8", text: "{\"spec_id\": \"caf\xe9\"}", line: 1, col: 17},
	{name: "twice.json", code: "duplicate_name", text: "{\"spec_id\": \"S\",\n  \"spec_id\": \"T\"}", line: 2, col: 3},
	{name: "deep.json", code: "too_deep", text: `{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", line: 1, col: 10_005},
	{name: "array.json", code: "not_object", text: "\n[1, 2]", line: 2, col: 1},
	{name: "string.json", code: "not_object", text: `"text"`, line: 1, col: 1},
	{name: "quotes.json", code: "syntax", text: "{\"spec_id\": \"S\",\n \"content\": \"he said \"no\" twice\"}", line: 2, col: 23},
	{name: "trailing.json", code: "trailing_data", text: "{}\n{}", line: 2, col: 1},
	{name: "unknown.json", code: "unknown_format", text: `{"hello": "world"}`},
	{name: "type.json", code: "bad_value", text: `{"spec_id": "S", "stage": ["plan"], "agent": "a", "content": "x"}`},
	{name: "no-stage.json", code: "missing_stage", text: `{"spec_id": "S", "agent": "a", "content": "x"}`},
	{name: "no-spec.json", code: "missing_spec", text: `{"stage": "plan", "agent": "a", "content": "x"}`},
	{name: "escape-in-id.json", code: "bad_identifier", text: `{"spec_id": "S\u001b[31m", "stage": "plan", "agent": "a", "content": "x"}`},
	{name: "spec-plan_2026-03-01T10_00_00Z-123.json", code: "not_consensus", text: `{"command": "spec-plan", "specId": "S", "baseline": {"status": "ok"}}`},
	{name: "a name with blanks.json", code: "not_object", text: "[]", line: 1, col: 1},
	{name: "new\nline.json", code: "not_object", text: "[]", line: 1, col: 1},
	{name: "dots..json..", code: "not_object", text: "[]", line: 1, col: 1},
	{name: "\x1b[31mred\x1b[0m.json", code: "not_object", text: "[]", line: 1, col: 1},
	{name: "bytes-\xff\xfe.json", code: "not_object", text: "[]", line: 1, col: 1},
	{name: strings.Repeat("long", 60) + ".json", code: "not_object", text: "[]", line: 1, col: 1},
	{name: "no-extension", code: "not_object", text: "[]", line: 1, col: 1},
	{name: "folder.json/inner.json", code: "not_object", text: "[]", line: 1, col: 1},
	{name: "large.json", code: "too_large", make: func(path string) error {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return err
		}
		return os.Truncate(path, 65<<20)
	}},
	{name: "pipe.json", code: "not_regular", make: func(path string) error { return syscall.Mkfifo(path, 0o644) }},
	{name: "link.json", code: "not_regular", make: func(path string) error { return os.Symlink("/etc/hostname", path) }},
	{name: "dangling.json", code: "not_regular", make: func(path string) error { return os.Symlink("/nowhere", path) }},
	{name: "hard.json", code: "hard_link", make: func(path string) error {
		other := filepath.Join(filepath.Dir(path), "..", "other-name")
		if err := os.WriteFile(other, []byte(goodRun), 0o644); err != nil {
			return err
		}
		return os.Link(other, path)
	}},
}

func TestBadInputIsKeptWithItsReasonAndTheRestIsRecorded(t *testing.T) {
	h := newHouse(t)
	for _, f := range badFiles {
		path := filepath.Join(h.Inbox(), f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if f.make == nil {
			f.make = func(path string) error { return os.WriteFile(path, []byte(f.text), 0o644) }
		}
		if err := f.make(path); err != nil {
			t.Fatal(err)
		}
	}
	h.drop("good.json", goodRun)
	counts, _ := h.ingest(ingest.Options{Settle: 50 * time.Millisecond})
	if want := (ingest.Counts{Recorded: 1, Rejected: len(badFiles)}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
	if left := h.files(h.Inbox()); len(left) > 0 {
		t.Errorf("left in the inbox: %q", left)
	}
	failures := map[string]ingest.Failure{}
	list, err := h.Failures()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		failures[f.Name] = f
	}
	for _, f := range badFiles {
		name := f.name
		if len(name) > 255-len(".reason.json") {
			name = name[:255-len(".reason.json.json")] + ".json"
		}
		got, ok := failures[name]
		if !ok {
			t.Errorf("%q is not in failed/", f.name)
			continue
		}
		if got.Code != f.code || got.Line != f.line || got.Column != f.col {
			t.Errorf("%q: %s at %d:%d (%s), want %s at %d:%d", f.name, got.Code, got.Line, got.Column, got.Message, f.code, f.line, f.col)
		}
		if got.Message == "" || got.Hint == "" || got.FirstSeen == "" || got.Attempts < 1 {
			t.Errorf("%q: the reason lacks something: %+v", f.name, got.Rejection)
		}
		if path, _ := h.FailedFile(name); f.text != "" {
			if b, err := os.ReadFile(path); err != nil || string(b) != f.text {
				t.Errorf("%q was changed: %v", f.name, err)
			}
		}
	}
	h.verify()
}

func TestARejectedFileThatIsRetriedCountsItsAttempts(t *testing.T) {
	h := newHouse(t)
	h.drop("SPEC-1/bad.json", `{"stage": "plan"}`)
	h.ingest(ingest.Options{})
	for attempt := int64(1); attempt <= 3; attempt++ {
		f, err := h.Failure("SPEC-1/bad.json")
		if err != nil || f.Attempts != attempt {
			t.Fatalf("attempt %d: %+v, %v", attempt, f, err)
		}
		if err := h.Retry("SPEC-1/bad.json"); err != nil {
			t.Fatal(err)
		}
		h.ingest(ingest.Options{})
	}
	for _, name := range []string{"../consensus.db", "/etc/hostname", "nothing.json", "SPEC-1/bad.json.reason.json", ".", ""} {
		if err := h.DropFailure(name); err == nil {
			t.Errorf("dropped %s", name)
		}
	}
	if err := h.DropFailure("SPEC-1/bad.json"); err != nil {
		t.Fatal(err)
	}
	if left, err := h.Failures(); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	h.verify()
}

func TestAContradictingRunDocumentIsQuarantinedWithBothHashes(t *testing.T) {
	h := newHouse(t)
	h.drop("one.json", goodRun)
	h.ingest(ingest.Options{})
	before := h.dump()
	h.drop("same-laid-out-differently.json", strings.ReplaceAll(goodRun, "\n", "\n\n"))
	counts, _ := h.ingest(ingest.Options{})
	if want := (ingest.Counts{Amended: 1}); counts != want {
		t.Errorf("other layout: %+v, want %+v", counts, want)
	}
	h.drop("an-earlier-name.json", strings.Replace(goodRun, "yes, too", "no", 1))
	counts, events := h.ingest(ingest.Options{})
	if want := (ingest.Counts{Rejected: 1}); counts != want {
		t.Fatalf("other content: %+v, want %+v", counts, want)
	}
	r := events[0].Rejection
	if r.Code != store.CodeContradiction || strings.Count(r.Message, "sha256") != 1 || !strings.Contains(r.Message, "is "+r.SHA256[:12]) || !regexp.MustCompile(`sha256 [0-9a-f]{12}, this`).MatchString(r.Message) {
		t.Errorf("reason: %+v", r)
	}
	after := h.dump()
	if diff := cmp.Diff(runsOf(before), runsOf(after)); diff != "" {
		t.Errorf("the recorded run changed:\n%s", diff)
	}
	h.verify()
}

// runsOf is a dump without receipts.
func runsOf(dump string) string { return dump[:strings.Index(dump, "SELECT sha256")] }

func TestAFileThatCannotBeReadWaitsAndIsThenRejected(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	h := newHouse(t)
	h.drop("secret.json", goodRun)
	if err := os.Chmod(filepath.Join(h.Inbox(), "secret.json"), 0); err != nil {
		t.Fatal(err)
	}
	counts, events := h.ingest(ingest.Options{Settle: 50 * time.Millisecond})
	if counts.Rejected != 1 || events[0].Rejection.Code != ingest.CodeUnreadable {
		t.Errorf("%+v, %+v", counts, events)
	}
	h.verify()
}

func ExampleRejection() {
	_, r := ingest.Check("part.json", []byte("{\"spec_id\": \"SPEC-1\",\n \"stage\": \"plan\",\n \"agent\": \"claude\" \"content\": \"yes\"}"), 1<<20)
	fmt.Println(r.Code)
	fmt.Println(r)
	// Output:
	// syntax
	// line 3, column 20: invalid character '"' after object value (expecting ',' or '}')
}
