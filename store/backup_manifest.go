package store

import (
	"bytes"
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

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Backup is a backup as it is found in a folder.
type Backup struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	Damage string `json:"damage,omitzero"` // what is wrong at first sight; "" when nothing is
	BackupManifest
}

// A BackupManifest says what must be in a backup.
type BackupManifest struct {
	Version      int          `json:"version"`    // of this format
	Schema       int64        `json:"schema"`     // of the database
	CreatedAt    time.Time    `json:"created_at"` // everything committed before is in it
	Seconds      float64      `json:"seconds"`    // that it took
	Runs         int64        `json:"runs"`
	Receipts     int64        `json:"receipts"`
	ArchivedRuns int64        `json:"archived_runs"`
	Bytes        int64        `json:"bytes"`    // of consensus.db
	SHA256       string       `json:"sha256"`   // of consensus.db, lower-case hex
	Archives     []BackupFile `json:"archives"` // the files in archive/
	Problems     []Problem    `json:"problems"` // of the archive already when it was copied
	Checksum     string       `json:"checksum"` // SHA-256 of the manifest with "" here
}

// A BackupFile is a file of the archive in a backup.
type BackupFile struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// A DamagedBackupError reports a backup that is not as it was written.
type DamagedBackupError struct {
	Path     string
	Problems []string
}

func (e *DamagedBackupError) Error() string {
	return fmt.Sprintf("backup %s is damaged or foreign: %s", e.Path, strings.Join(e.Problems, "; "))
}

const (
	backupVersion  = 1
	backupManifest = "manifest.json"
)

// total is the size of everything in the backup.
func (m BackupManifest) total() int64 {
	n := m.Bytes
	for _, f := range m.Archives {
		n += f.Bytes
	}
	return n
}

// encode returns the text of the manifest, the same for the same manifest.
func (m BackupManifest) encode() ([]byte, error) {
	m.Checksum = ""
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	m.Checksum = hexSum(text)
	text, err = json.Marshal(m, jsontext.WithIndent("  "))
	return append(text, '\n'), err
}

// write writes the manifest into the folder of its backup, durably.
func (m BackupManifest) write(folder string) error {
	text, err := m.encode()
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(folder, backupManifest), text)
}

func decodeBackupManifest(text []byte) (m BackupManifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("its manifest: %w", err)
	}
	if m.Version != backupVersion {
		return m, fmt.Errorf("it has format %d, this program reads %d: use the program that wrote it", m.Version, backupVersion)
	}
	if again, err := m.encode(); err != nil || !bytes.Equal(again, text) {
		return m, errors.New("its manifest is not as it was written")
	}
	return m, nil
}

// ReadBackup returns the backup at a path, when its manifest is as it was written
// and its files have their sizes. The error is [ErrNotFound] when there is none,
// and a [*DamagedBackupError] when it is something else.
func ReadBackup(path string) (Backup, error) {
	b := Backup{Name: filepath.Base(path), Path: path}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, fmt.Errorf("backup %s: %w", path, ErrNotFound)
	}
	if err != nil {
		return b, err
	}
	if !info.IsDir() {
		return b, &DamagedBackupError{path, []string{"it is no folder"}}
	}
	text, err := os.ReadFile(filepath.Join(path, backupManifest))
	if errors.Is(err, fs.ErrNotExist) {
		return b, &DamagedBackupError{path, []string{"it has no manifest.json"}}
	}
	if err != nil {
		return b, err
	}
	if b.BackupManifest, err = decodeBackupManifest(text); err != nil {
		return b, &DamagedBackupError{path, []string{err.Error()}}
	}
	if wrong := b.wrongSizes(); len(wrong) > 0 {
		return b, &DamagedBackupError{path, wrong}
	}
	return b, nil
}

// files lists all that the manifest names, with paths below the backup's folder.
func (b Backup) files() []BackupFile {
	files := []BackupFile{{backupDatabase, b.Bytes, b.SHA256}}
	for _, f := range b.Archives {
		f.File = filepath.Join(backupArchive, f.File)
		files = append(files, f)
	}
	return files
}

func (b Backup) wrongSizes() (wrong []string) {
	for _, f := range b.files() {
		info, err := os.Stat(filepath.Join(b.Path, f.File))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			wrong = append(wrong, f.File+" is missing")
		case err != nil:
			wrong = append(wrong, err.Error())
		case info.Size() != f.Bytes:
			wrong = append(wrong, fmt.Sprintf("%s has %d bytes, not %d", f.File, info.Size(), f.Bytes))
		}
	}
	return wrong
}

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
