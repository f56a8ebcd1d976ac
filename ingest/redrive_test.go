package ingest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// failedFile puts a file and its reason into failed/.
func failedFile(t *testing.T, h Home, name string) (path string) {
	t.Helper()
	path = filepath.Join(h.Failed(), name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte("{"), 0o644))
	must(t, os.WriteFile(path+reasonSuffix, []byte(`{"code":"syntax"}`), 0o644))
	return path
}

func TestAFailedFileThatCannotBeRetriedKeepsItsReason(t *testing.T) {
	h, _ := lockedHome(t)
	path := failedFile(t, h, "bad.json")
	must(t, os.Remove(h.Inbox()))
	must(t, os.WriteFile(h.Inbox(), nil, 0o644)) // nothing can come there
	if err := h.Retry("bad.json"); err == nil {
		t.Error("it was moved into a file")
	}
	if b, err := os.ReadFile(path + reasonSuffix); string(b) != `{"code":"syntax"}` {
		t.Errorf("the reason is %q, %v", b, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// Whoever takes a file, and whatever the daemon does meanwhile.
func TestNoReasonStaysWithoutItsFile(t *testing.T) {
	h, _ := lockedHome(t)
	for says, test := range map[string]struct {
		take func(path string) error
		want error
	}{
		"another was faster": {func(path string) error { return errors.Join(os.Remove(path), fs.ErrNotExist) }, ErrNoFailure},
		"the daemon has written a reason": {func(path string) error {
			return errors.Join(os.WriteFile(path+reasonSuffix, nil, 0o644), os.Remove(path))
		}, nil},
	} {
		path := failedFile(t, h, "SPEC-1/bad.json")
		err := h.takeFailure("SPEC-1/bad.json", func(_ *folders, path string) ([]string, error) { return nil, test.take(path) })
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", says, err, test.want)
		}
		if !isGone(path + reasonSuffix) {
			t.Errorf("%s: its reason is there", says)
		}
	}
	path := failedFile(t, h, "bad.json")
	must(t, errors.Join(os.Remove(path), os.Remove(path+reasonSuffix)))
	s := &settling{folders: h.folders(), arrivals: map[string]bool{}}
	defer s.folders.close()
	s.reason(parcel{rejection: &Rejection{Code: CodeNotObject}}, path)
	if !isGone(path+reasonSuffix) || len(s.wrong) > 0 {
		t.Errorf("the daemon has left a reason, %v", s.wrong)
	}
}
