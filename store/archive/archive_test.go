package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func all(Entry) bool { return true }

func linesOf(lines ...Line) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// record is a line of some size that compresses as text does.
func record(run string, bytes int) Line {
	r := rand.New(rand.NewPCG(uint64(len(run)), uint64(bytes)))
	var b strings.Builder
	fmt.Fprintf(&b, `{"run":%q,"content":"`, run)
	for b.Len() < bytes {
		b.WriteString([]string{"cart ", "checkout ", "before ", "the ", "stage ", "agent "}[r.IntN(6)])
	}
	return Line{run, []byte(b.String() + `"}`)}
}

func rewrite(t *testing.T, path string, keep func(Entry) bool, lines ...Line) Summary {
	t.Helper()
	s, err := Rewrite(t.Context(), path, Change{Keep: func(e Entry) (bool, error) { return keep(e), nil }, Add: linesOf(lines...)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// contentOf returns every line of a file, by run, after verifying it.
func contentOf(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Verify(); err != nil {
		t.Error(err)
	}
	content := map[string]string{}
	for _, e := range f.Manifest.Entries {
		line, err := f.Line(e.RunID)
		if err != nil {
			t.Error(err)
		}
		content[e.RunID] = string(line)
	}
	return content
}

func TestEveryRunIsReadBackToTheByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName(time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC)))
	want := map[string]string{}
	var lines []Line
	for i, size := range []int{0, 10, 40_000, blockBytes - 1, blockBytes, blockBytes + 1, 3 * blockBytes, 7} {
		l := record(fmt.Sprintf("run %d", i), size)
		lines, want[l.RunID] = append(lines, l), string(l.Data)
	}
	s := rewrite(t, path, all, lines...)
	if diff := cmp.Diff(want, contentOf(t, path)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || s.Runs != len(lines) || s.Bytes != info.Size() {
		t.Errorf("%+v, %v", s, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 || left[0].Name() != "2026-03.zst" {
		t.Errorf("%v, %v", left, err)
	}
}

// Whoever has no consensusd reads an archive with zstdcat.
func TestAFileIsPlainZstdOfLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.zst")
	one, two := record("1", 600_000), record("2", 5)
	rewrite(t, path, all, one, two)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	plain, err := d.DecodeAll(b, nil)
	if want := string(one.Data) + "\n" + string(two.Data) + "\n"; err != nil || string(plain) != want {
		t.Errorf("%d bytes, not %d: %v", len(plain), len(want), err)
	}
}

// Whatever is added and dropped in whatever steps, a file holds what it should.
func TestAFileRewrittenManyTimesHoldsWhatItShould(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.zst")
			r := rand.New(rand.NewPCG(seed, 1))
			want := map[string]string{}
			for step := range 8 {
				var lines []Line
				for i := range r.IntN(8) {
					l := record(fmt.Sprintf("%d-%d", step, i), r.IntN(blockBytes/(1+r.IntN(40))))
					if have := slices.Sorted(mapsKeys(want)); len(have) > 0 && r.IntN(4) == 0 {
						l.RunID = have[r.IntN(len(have))] // a newer record of a run that is there
					}
					lines, want[l.RunID] = append(lines, l), string(l.Data)
				}
				dropped := map[string]bool{}
				for run := range want {
					fresh := slices.ContainsFunc(lines, func(l Line) bool { return l.RunID == run })
					if !fresh && r.IntN(5) == 0 {
						dropped[run] = true
						delete(want, run)
					}
				}
				rewrite(t, path, func(e Entry) bool { return !dropped[e.RunID] }, lines...)
				if len(want) == 0 {
					continue
				}
				if diff := cmp.Diff(want, contentOf(t, path)); diff != "" {
					t.Fatalf("step %d: %s", step, diff)
				}
			}
		})
	}
}

func mapsKeys(m map[string]string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestAFileOfNothingIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.zst")
	if s := rewrite(t, path, all); s != (Summary{}) {
		t.Errorf("%+v", s)
	}
	rewrite(t, path, all, record("1", 5))
	rewrite(t, path, func(Entry) bool { return false })
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestAFileThatCannotBeWrittenLeavesTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.zst")
	rewrite(t, path, all, record("1", 5000))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("database is locked")
	stopped, stop := context.WithCancel(t.Context())
	for name, attempt := range map[string]func() error{
		"the source fails": func() error {
			_, err := Rewrite(t.Context(), path, Change{Add: func(yield func(Line, error) bool) {
				_ = yield(record("2", 9), nil) && yield(Line{}, broken)
			}})
			return err
		},
		"what is to stay cannot be told": func() error {
			_, err := Rewrite(t.Context(), path, Change{Keep: func(Entry) (bool, error) { return false, broken }})
			return err
		},
		"what would go is wanted": func() error {
			_, err := Rewrite(t.Context(), path, Change{
				Keep: func(Entry) (bool, error) { return false, nil }, Add: linesOf(record("1", 9)),
				LetGo: func(gone []Entry) error {
					if len(gone) != 1 || gone[0].RunID != "1" {
						t.Errorf("%v go", gone)
					}
					return broken
				},
			})
			return err
		},
		"it is stopped": func() error {
			_, err := Rewrite(stopped, path, Change{Add: func(yield func(Line, error) bool) {
				stop()
				yield(record("2", 9), nil)
			}})
			return err
		},
	} {
		if err := attempt(); !errors.Is(err, broken) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		after, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the file has changed (%v)", name, err)
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

func TestWhatIsTakenOverIsNotToldOfAsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.zst")
	rewrite(t, path, all, record("1", 5000), record("2", 5000), record("3", 9))
	again := record("2", 5000)
	var told []string
	_, err := Rewrite(t.Context(), path, Change{
		Keep: func(e Entry) (bool, error) { return e.RunID == "1", nil }, Add: linesOf(again),
		LetGo: func(gone []Entry) error {
			for _, e := range gone {
				told = append(told, e.RunID)
			}
			return nil
		},
	})
	if err != nil || !slices.Equal(told, []string{"3"}) {
		t.Errorf("%v go, %v", told, err)
	}
}

func TestFilesThatKilledRewritesLeftAreRemovedAndNothingElse(t *testing.T) {
	folder := t.TempDir()
	stay := []string{".hidden.tmp", ".lock", "2026-05.zst", "2026-05.zst.ABC.tmp", "deleted.jsonl"}
	for _, name := range append(stay, ".2026-05.zst.ABC.tmp", ".2026-06.zst.DEF.tmp") {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveUnfinished(folder); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(folder)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if err != nil || !slices.Equal(names, stay) {
		t.Errorf("left %v, %v", names, err)
	}
}

func TestAFileIsAsReadableAsItIsToBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.zst")
	for _, mode := range []os.FileMode{0o600, 0o666} {
		if _, err := Rewrite(t.Context(), path, Change{Add: linesOf(record("1", 9)), Mode: mode}); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%v, %v, want %v", info, err, mode)
		}
	}
}
