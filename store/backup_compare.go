package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Verify compares every backup with its manifest, byte for byte, and changes
// nothing. It needs little memory, and reads a file that belongs to several backups
// once. [Backup.Verify] looks into one, too. progress is called with bytes looked
// at and of all. It returns how many backups there are, and what is wrong. One that
// is removed meanwhile is passed over. What was wrong with the archive already when
// it was copied is no damage of the copy.
func (to Backups) Verify(ctx context.Context, progress func(done, all int64)) (backups int64, problems []Problem, err error) {
	all, err := to.List()
	if err != nil {
		return 0, []Problem{{"backup_damaged", "backups", string(to), err.Error()}}, nil
	}
	var done, total int64
	for _, b := range all {
		if b.Damage == "" {
			total += b.total()
		}
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	compared := sameFiles{}
	for _, b := range all {
		found := []Problem{b.problem(b.Damage)}
		if b.Damage == "" {
			if found, err = b.verifyFiles(ctx, compared, func(n, _ int64) { progress(done+n, total) }); err != nil {
				return 0, nil, err
			}
			done += b.total()
		}
		if !gone(b.Path) {
			problems = append(problems, found...)
			backups++
		}
	}
	return backups, problems, nil
}

// sameFiles are the files that were found to be what a manifest says, by their
// sums: a file of the archive mostly belongs to several backups.
type sameFiles map[string]fs.FileInfo

// verifyFiles compares the files with the manifest, byte for byte, but not those
// that were compared already.
func (b Backup) verifyFiles(ctx context.Context, compared sameFiles, progress func(done, all int64)) (problems []Problem, err error) {
	var done, whole int64 // bytes
	read := func(n int64) {
		if done += n; progress != nil {
			progress(done, b.total())
		}
	}
	for _, want := range b.files() {
		if why := compared.differs(ctx, b.Path, want, read); why != "" {
			problems = append(problems, b.problem(why))
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		whole += want.Bytes
		read(whole - done) // also of what was not read
	}
	return problems, nil
}

// differs tells how a file of a backup differs from its manifest, "" when it does
// not.
func (s sameFiles) differs(ctx context.Context, folder string, want BackupFile, read func(n int64)) string {
	path := filepath.Join(folder, want.File)
	info, err := os.Stat(path)
	if err == nil && s[want.SHA256] != nil && os.SameFile(info, s[want.SHA256]) {
		return ""
	}
	got, err2 := fingerprint(ctx, path, false, read)
	if err := errors.Join(err, err2); err != nil {
		return want.File + " cannot be read: " + err.Error()
	}
	if got.SHA256 != want.SHA256 || got.Bytes != want.Bytes {
		return want.File + " is not what its manifest says"
	}
	s[want.SHA256] = info
	return ""
}
