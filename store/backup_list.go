package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of backups: their time, and a number when there are several of a second.
const backupTime = "20060102T150405Z"

var backupName = regexp.MustCompile(`^(\d{8}T\d{6}Z)(?:-(\d{1,9}))?$`)

// timeOfName returns when the backup of a name was made; ok is false when it is
// no such name.
func timeOfName(name string) (at time.Time, ok bool) {
	m := backupName.FindStringSubmatch(name)
	if m == nil {
		return at, false
	}
	at, err := time.Parse(backupTime, m[1])
	return at, err == nil
}

// nextName returns a name for a backup of this time that comes after those of all
// others of the same second.
func (to Backups) nextName(at time.Time) (string, error) {
	entries, err := os.ReadDir(string(to))
	name := at.UTC().Format(backupTime)
	last := 0
	for _, e := range entries {
		if m := backupName.FindStringSubmatch(e.Name()); m != nil && m[1] == name {
			n, _ := strconv.Atoi(m[2]) // 0 where there is none
			last = max(last, n, 1)
		}
	}
	if last > 0 {
		name = fmt.Sprintf("%s-%d", name, last+1)
	}
	return name, err
}

// freePath returns name, or name with a number, so that nothing in folder is
// named so.
func freePath(folder, name string) string {
	free := name
	for n := 2; ; n++ {
		if _, err := os.Lstat(filepath.Join(folder, free)); err != nil {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

// List returns the backups, newest first. What is wrong with one at first sight
// is its Damage: it may still be looked into.
func (to Backups) List() (all []Backup, err error) {
	entries, err := os.ReadDir(string(to))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	for _, e := range entries {
		at, ok := timeOfName(e.Name())
		if !ok {
			continue
		}
		b, err := ReadBackup(filepath.Join(string(to), e.Name()))
		var damaged *DamagedBackupError
		switch {
		case errors.As(err, &damaged):
			b.Damage, b.CreatedAt = strings.Join(damaged.Problems, "; "), at
		case errors.Is(err, ErrNotFound):
			continue // removed while we looked
		case err != nil:
			return nil, err
		}
		all = append(all, b)
	}
	slices.SortStableFunc(all, func(a, b Backup) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		if len(a.Name) != len(b.Name) { // the tenth of a second is after the ninth
			return len(b.Name) - len(a.Name)
		}
		return strings.Compare(b.Name, a.Name)
	})
	return all, nil
}

// Newest returns the newest backup not later than at that is whole at first
// sight, or [ErrNotFound].
func (to Backups) Newest(at time.Time) (Backup, error) {
	all, err := to.List()
	if err != nil {
		return Backup{}, err
	}
	for _, b := range all {
		if b.Damage == "" && !b.CreatedAt.After(at) {
			return b, nil
		}
	}
	return Backup{}, fmt.Errorf("backup in %s not later than %s: %w", to, at.UTC().Format(time.RFC3339), ErrNotFound)
}
