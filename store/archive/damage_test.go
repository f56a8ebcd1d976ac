package archive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// examine opens a file and verifies it.
func examine(path string) error {
	f, err := Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Verify()
}

func small(t *testing.T) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "2026-03.zst")
	rewrite(t, path, all, record("1", 900), record("2", 30))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, content
}

func TestABitThatFlippedAnywhereIsFound(t *testing.T) {
	path, content := small(t)
	for i := range content {
		damaged := append([]byte(nil), content...)
		damaged[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		var e *DamagedError
		if err := examine(path); !errors.As(err, &e) || e.Path != path {
			t.Errorf("byte %d of %d: %v", i, len(content), err)
		}
	}
}

func TestAFileCutAnywhereIsRefused(t *testing.T) {
	path, content := small(t)
	for n := range content {
		if err := os.WriteFile(path, content[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		var e *DamagedError
		if err := examine(path); !errors.As(err, &e) {
			t.Errorf("the first %d of %d bytes: %v", n, len(content), err)
		}
	}
}

func TestAForeignFileIsRefusedAndNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "2026-03.zst")
	foreign := strings.Repeat("not ours ", 100)
	if err := os.WriteFile(path, []byte(foreign), 0o644); err != nil {
		t.Fatal(err)
	}
	var e *DamagedError
	if _, err := Rewrite(t.Context(), path, Change{Add: linesOf(record("1", 5))}); !errors.As(err, &e) {
		t.Errorf("rewrite: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != foreign {
		t.Errorf("it is %q now, %v", b, err)
	}
}

// Whoever opens a pipe to read waits for somebody who writes, and cannot be stopped.
func TestWhatIsNoRegularFileIsNoArchive(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"folder": func(path string) error { return os.Mkdir(path, 0o755) },
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
	} {
		path := filepath.Join(t.TempDir(), "2026-03.zst")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		var e *DamagedError
		if err := examine(path); !errors.As(err, &e) || e.Why != "it is no regular file" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Rewrite(t.Context(), path, Change{Add: linesOf(record("1", 5))}); !errors.As(err, &e) {
			t.Errorf("%s: rewritten, %v", name, err)
		}
	}
}

// A block that is damaged is not carried over: nothing is deleted on account of
// a copy that cannot be read.
func TestADamagedFileIsNotRewritten(t *testing.T) {
	path, content := small(t)
	content[20] ^= 1
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	var e *DamagedError
	if _, err := Rewrite(t.Context(), path, Change{Add: linesOf(record("3", 5))}); !errors.As(err, &e) {
		t.Errorf("rewrite: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.zst")
	if _, err := Rewrite(f.Context(), path, Change{Add: linesOf(record("1", 900), record("2", 30))}); err != nil {
		f.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add(content[len(content)/2:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "b.zst")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		var e *DamagedError
		if err := examine(path); err != nil && !errors.As(err, &e) {
			t.Errorf("%v", err)
		}
	})
}
