package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Both ways of opening a file below a folder keep to the same rules.
func TestOpenBeneath(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "root", "a", "b"), 0o755),
		os.WriteFile(filepath.Join(dir, "root", "a", "b", "file"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "outside"), nil, 0o644),
		os.Symlink("a/b/file", filepath.Join(dir, "root", "link")),
		os.Symlink("a", filepath.Join(dir, "root", "inside")),
		os.Symlink("/", filepath.Join(dir, "root", "a", "slash")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := openRoot(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for _, c := range []struct {
		rel  string
		want error
	}{
		{"a/b/file", nil},
		{"a", nil},
		{"none", unix.ENOENT},
		{"a/none/file", unix.ENOENT},
		{"link", unix.ELOOP},
		{"inside/b/file", unix.ELOOP},
		{"a/slash/etc/passwd", unix.ELOOP},
		{"a/b/file/more", unix.ENOTDIR},
		{"../outside", unix.EXDEV},
		{filepath.Join(dir, "outside"), unix.EXDEV},
	} {
		for how, open := range map[string]func(int, string, int) (int, error){"at once": openBeneath, "step by step": walkBeneath} {
			fd, err := open(int(r.dir.Fd()), c.rel, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
			if err == nil {
				unix.Close(fd)
			}
			if isNoFolder(err) && isNoFolder(c.want) {
				continue // which of the two it is depends on the system
			}
			if err != c.want {
				t.Errorf("%s, %s: %v, want %v", c.rel, how, err, c.want)
			}
		}
	}
	if _, err := r.open("inside/b/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is behind a link is there: %v", err)
	}
	if _, err := r.open("link"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link: %v", err)
	}
}

func TestAFolderThatBecomesALinkBeforeItIsReadIsNotRead(t *testing.T) {
	dir := t.TempDir()
	src := source{filepath.Join(dir, "root"), inPlace}
	sub := filepath.Join(src.root, "sub")
	for _, folder := range []string{sub, filepath.Join(dir, "outside")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "x.json"), []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	enter := func(folder string) {
		if folder != sub {
			return
		}
		if err := errors.Join(os.RemoveAll(sub), os.Symlink("../outside", sub)); err != nil {
			t.Fatal(err)
		}
	}
	visit := func(f file) error { t.Errorf("visited %s", f.path); return nil }
	if err := src.scan(context.Background(), enter, visit, stopAt); err != nil {
		t.Error(err)
	}
}
