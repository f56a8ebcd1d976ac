package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// reasonSuffix is what the reason's file adds to the name of a failed file.
const reasonSuffix = ".reason.json"

// maxFailedName leaves room for the suffix, in bytes.
const maxFailedName = maxName - len(reasonSuffix)

// freeFailure returns the path below failed/ for a file that had the path rel in
// the inbox: rel itself where its own name and that of its reason are free, else
// one with a suffix. No file gets a name that reasons have, for one that is
// named like the reason of another would be overwritten by it; nor does a folder,
// which would stand in its way.
func (h Home) freeFailure(rel, sha256 string) string {
	folders, base := strings.Split(filepath.Dir(rel), string(filepath.Separator)), filepath.Base(rel)
	for i, name := range folders {
		if isReasonName(name) { // no name of a spec, nor of a temporary file
			folders[i] = "~" + name[:len(name)-len(reasonSuffix)] + "~reason"
		}
	}
	if isReasonName(base) {
		stem, ext := base[:len(base)-len(".json")], base[len(base)-len(".json"):]
		base = cutName(stem, maxFailedName/2) + ext // with room for digits in between
	}
	rel = filepath.Join(filepath.Join(folders...), base)
	for try := range 8 {
		to := alternative(rel, sha256, try, maxFailedName)
		_, err := os.Lstat(filepath.Join(h.Failed(), to) + reasonSuffix)
		if err != nil && !isReasonName(to) {
			return to
		}
	}
	return rel // which moveAway finds taken
}

func isReasonName(name string) bool { return strings.HasSuffix(strings.ToLower(name), reasonSuffix) }

// writeReason puts the reason beside the failed file at path, whole or not at
// all.
func (f *folders) writeReason(path string, r Rejection) error {
	b, err := json.Marshal(r, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return f.write(path+reasonSuffix, append(b, '\n'))
}

// codeNoReason stands where a failed file has lost its reason.
const codeNoReason = "no_reason"

// A Failure is a file in failed/.
type Failure struct {
	Name string `json:"name"` // its path below failed/
	Rejection
	Bytes int64 `json:"bytes"`
}

// ErrNoFailure reports that no failed file has that name.
var ErrNoFailure = errors.New("no such file in failed/")

// Failures lists what is in failed/, oldest name first. A file whose reason is
// missing, as after a crash, is listed with the code no_reason.
func (h Home) Failures() ([]Failure, error) {
	var list []Failure
	err := filepath.WalkDir(h.Failed()+string(filepath.Separator), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, reasonSuffix) || isTemporary(e.Name()) {
			return err
		}
		name, err := filepath.Rel(h.Failed(), path)
		if err != nil {
			return err
		}
		f, err := h.Failure(name)
		if errors.Is(err, ErrNoFailure) {
			return nil // retried or dropped while we looked
		}
		list = append(list, f)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return list, err
}

// Failure returns the failed file of that name, or [ErrNoFailure].
func (h Home) Failure(name string) (Failure, error) {
	path, err := h.failedPath(name)
	if err != nil {
		return Failure{}, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return Failure{}, fmt.Errorf("%s: %w", name, ErrNoFailure)
	}
	f := Failure{Name: name, Bytes: info.Size()}
	b, err := h.readReason(name)
	if err == nil {
		err = json.Unmarshal(b, &f.Rejection)
	}
	if err != nil {
		f.Rejection = Rejection{Code: codeNoReason, Message: "its reason is missing", Hint: "consensusd failed retry finds it again"}
	}
	return f, nil
}

// maxReasonFile is more than any reason has, in bytes.
const maxReasonFile = 1 << 20

func (h Home) readReason(name string) ([]byte, error) {
	failed, err := openRoot(h.Failed())
	if err != nil {
		return nil, err
	}
	defer failed.close()
	f, err := failed.open(name + reasonSuffix)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := readOpen(f, maxReasonFile, false, nil)
	return c.data, err
}

// FailureOf returns why the document with these bytes, which lay in the inbox
// as name, has failed when it was tried for the given time, or [ErrNoFailure] until
// that is written down.
func (h Home) FailureOf(name, sha256 string, attempts int64) (Failure, error) {
	is := func(f Failure) bool { return f.SHA256 == sha256 && f.Attempts >= attempts }
	for try := range 2 { // where it is mostly
		if f, err := h.Failure(alternative(name, sha256, try, maxFailedName)); err == nil && is(f) {
			return f, nil
		}
	}
	all, err := h.Failures()
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], nil
	}
	return Failure{}, cmp.Or(err, fmt.Errorf("%s: %w", name, ErrNoFailure))
}

// FailedFile returns the path of a failed file for reading it.
func (h Home) FailedFile(name string) (string, error) { return h.failedPath(name) }

// failedPath keeps a name from leaving failed/, by dots or through a link.
func (h Home) failedPath(name string) (string, error) {
	if !filepath.IsLocal(name) || filepath.Clean(name) == "." || strings.HasSuffix(name, reasonSuffix) {
		return "", fmt.Errorf("%s: %w", name, ErrNoFailure)
	}
	folders := h.folders()
	defer folders.close()
	path := filepath.Join(h.Failed(), name)
	if _, err := folders.dir(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", name, ErrNoFailure)
	} else if err != nil {
		return "", err
	}
	return path, nil
}
