package ingest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// A renaming renames a file from one folder to another, unless the new name is
// taken: the error is then [fs.ErrExist].
type renaming func(fromDir int, from string, toDir int, to string) error

// renameFree renames where the kernel cannot refuse to overwrite: it looks
// first. Only the daemon writes to done/ and failed/, so nobody comes in between.
func renameFree(fromDir int, from string, toDir int, to string) error {
	var there unix.Stat_t
	switch err := unix.Fstatat(toDir, to, &there, unix.AT_SYMLINK_NOFOLLOW); err {
	case unix.ENOENT:
		return unix.Renameat(fromDir, from, toDir, to)
	case nil:
		return unix.EEXIST
	default:
		return err
	}
}

// linkFree does what renameFree does where others come in between, as in the
// inbox: there two who put a document of the same name would lose one. A link
// never overwrites. The name from must be one that nobody else touches.
func linkFree(fromDir int, from string, toDir int, to string) error {
	switch err := unix.Linkat(fromDir, from, toDir, to, 0); err {
	case nil:
	case unix.EPERM, unix.ENOTSUP, unix.ENOSYS: // a folder, or a file system without links
		return renameFree(fromDir, from, toDir, to)
	default:
		return err
	}
	err := unix.Unlinkat(fromDir, from, 0)
	if err != nil {
		unix.Unlinkat(toDir, to, 0)
	}
	return err
}

// moveAway renames a file into folder, under the path rel where that is free,
// else under one with a suffix; it never overwrites. It returns where the file
// is now. The suffix, ~ and hex digits before the extension, is one that
// parseName overlooks.
func (f *folders) moveAway(path, folder, rel, sha256 string) (string, error) {
	limit := maxName
	if folder == f.home.Failed() {
		limit = maxFailedName
	}
	for try := range 8 {
		to := filepath.Join(folder, alternative(rel, sha256, try, limit))
		err := f.rename(path, to)
		if errors.Is(err, fs.ErrNotExist) { // mostly the folder is there
			err = f.make(filepath.Dir(to))
			if err == nil && folder == f.home.Failed() {
				err = f.syncChanged() // before the only copy of a document goes there
			}
			if err == nil {
				err = f.rename(path, to)
			}
		}
		switch {
		case err == nil:
			return to, nil
		case isTaken(err):
			continue
		}
		return "", err
	}
	return "", fmt.Errorf("move %s to %s: no free name", path, folder)
}

// isTaken reports whether somebody of that name is there already, be it in the
// place of a folder.
func isTaken(err error) bool {
	return errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR)
}

// maxName is how long a name may be on the usual file systems, in bytes.
const maxName = 255

// alternative is the path to try: rel itself, then with a part of the file's hash, then
// with random digits, and with folders of its own where a file is in the way of
// one, or where the name and digits are longer than limit. The name is cut only
// where it is longer itself: it may say what a document is.
func alternative(rel, sha256 string, try, limit int) string {
	dir, base := filepath.Split(rel)
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	if len(base) > limit {
		if ext == "" || len(ext) > 20 {
			ext = ".json" // a stem that is cut may end like a temporary file
		}
		stem = cutName(stem, limit-len(ext))
	}
	if try == 0 {
		return filepath.Join(dir, stem+ext)
	}
	random := make([]byte, 6)
	rand.Read(random)
	suffix := "~" + hex.EncodeToString(random)
	if try == 1 && sha256 != "" {
		suffix = "~" + sha256[:12]
	}
	name := stem + suffix + ext
	switch {
	case len(name) > limit:
		return filepath.Join(suffix, dir, stem+ext)
	case try >= 4:
		return filepath.Join(suffix, dir, name)
	}
	return filepath.Join(dir, name)
}

// cutName returns at most n bytes of s, without cutting a character; not every
// name is one of characters.
func cutName(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for cut := n; cut > n-utf8.UTFMax && cut > 0; cut-- {
		if utf8.RuneStart(s[cut]) {
			return s[:cut]
		}
	}
	return s[:n]
}

// syncDirs makes the names in folders durable, in the order of the folders.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		d, err := openDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a producer's folder, gone meanwhile
		}
		if err != nil {
			return err
		}
		err = d.Sync()
		d.Close()
		if err != nil && !errors.Is(err, syscall.EINVAL) {
			return fmt.Errorf("sync folder %s: %w", dir, err)
		}
	}
	return nil
}

// upTo returns the folder of path and those above it, up to and with root. A
// name is safe when all of them are synced.
func upTo(root, path string) (dirs []string) {
	for dir := filepath.Dir(path); len(dir) > len(root); dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
	}
	return append(dirs, root)
}

// unique sorts names and keeps each once.
func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
