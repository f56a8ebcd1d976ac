package store

import (
	"io/fs"
	"os"
)

// databaseFiles are what SQLite adds to the path of a database.
var databaseFiles = []string{"", "-wal", "-shm", "-journal"}

// Owns reports whether info is of a file of this store's database, under
// whatever name. Such a file must not be opened: closing it again would drop the
// locks that SQLite holds on it for the whole process. A nil store owns nothing.
func (s *Store) Owns(info fs.FileInfo) bool {
	if s == nil {
		return false
	}
	e, ok := s.engine.(sqliteEngine)
	if !ok {
		return false
	}
	for _, suffix := range databaseFiles {
		if own, err := os.Stat(e.path + suffix); err == nil && os.SameFile(own, info) {
			return true
		}
	}
	return false
}
