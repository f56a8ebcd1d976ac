package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/consensusd/consensusd/store/archive"
)

// duplicate makes another name for the file at from, or where that is not
// possible, or not wanted because it will be written to, a copy that is read back.
// It returns what is there now, on stable storage.
func duplicate(ctx context.Context, from, to string, link bool) (BackupFile, error) {
	if link && os.Link(from, to) == nil {
		return fingerprint(ctx, to, true, nil)
	}
	want, err := copyFile(ctx, from, to)
	if err != nil {
		return want, err
	}
	got, err := fingerprint(ctx, to, false, nil)
	if err == nil && got != want {
		err = fmt.Errorf("%s does not read as it was written: check the disk", to)
	}
	return got, err
}

// copyFile copies a file, with its permissions, onto stable storage. There must
// be none at to.
func copyFile(ctx context.Context, from, to string) (f BackupFile, err error) {
	source, err := archive.OpenRegular(from)
	if err != nil {
		return f, err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return f, err
	}
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return f, err
	}
	defer target.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(target, sum), contextReader{ctx, source, nil})
	if err != nil {
		return f, err
	}
	if err := target.Sync(); err != nil {
		return f, err
	}
	return BackupFile{filepath.Base(to), n, hex.EncodeToString(sum.Sum(nil))}, target.Close()
}

// fingerprint returns what a file holds, and makes it durable if need be. read is
// called with the bytes that were read, some at a time.
func fingerprint(ctx context.Context, path string, sync bool, read func(n int64)) (f BackupFile, err error) {
	file, err := archive.OpenRegular(path)
	if err != nil {
		return f, err
	}
	defer file.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, contextReader{ctx, file, read})
	if err == nil && sync {
		err = file.Sync()
	}
	return BackupFile{filepath.Base(path), n, hex.EncodeToString(sum.Sum(nil))}, err
}

// A contextReader reads until its context is done, and may tell how much.
type contextReader struct {
	ctx  context.Context
	r    io.Reader
	read func(n int64)
}

func (r contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(b)
	if r.read != nil {
		r.read(int64(n))
	}
	return n, err
}

// writeSynced writes a new file onto stable storage.
func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}
