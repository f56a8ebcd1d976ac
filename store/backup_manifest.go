package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/consensusd/consensusd/store/archive"
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

// Found lists what is wrong as [Backup.Verify] does.
func (e *DamagedBackupError) Found() (problems []Problem) {
	b := Backup{Name: filepath.Base(e.Path)}
	for _, why := range e.Problems {
		problems = append(problems, b.problem(why))
	}
	return problems
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
	for _, f := range m.Archives {
		if f.File != deletedFile && !archive.IsFileName(f.File) { // not elsewhere on the disk
			return m, fmt.Errorf("its manifest names %q, which is no file of an archive", f.File)
		}
	}
	return m, nil
}

// ReadBackup returns the backup at a path, when its manifest is as it was written
// and its files have their sizes. The error is [ErrNotFound] when there is none,
// and a [*DamagedBackupError] when it is something else, or cannot be read.
func ReadBackup(path string) (Backup, error) {
	b := Backup{Name: filepath.Base(path), Path: path}
	wrong := b.read()
	if gone(path) { // perhaps while we looked
		return b, fmt.Errorf("backup %s: %w", path, ErrNotFound)
	}
	if len(wrong) > 0 {
		return b, &DamagedBackupError{path, wrong}
	}
	return b, nil
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// read reads the manifest, and returns what is wrong at first sight.
func (b *Backup) read() (wrong []string) {
	if info, err := os.Stat(b.Path); err == nil && !info.IsDir() {
		return []string{"it is no folder"}
	}
	file, err := archive.OpenRegular(filepath.Join(b.Path, backupManifest))
	if errors.Is(err, fs.ErrNotExist) {
		return []string{"it has no manifest.json"}
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(file)
		file.Close()
	}
	if err == nil {
		b.BackupManifest, err = decodeBackupManifest(text)
	}
	if err != nil {
		return []string{err.Error()}
	}
	return b.wrongSizes()
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
