package store

import (
	"os"

	"github.com/consensusd/consensusd/schema"
)

// FileBytes returns what the database's file and its write-ahead log take on
// disk, 0 for what is not there or is a server's business. It asks the file
// system alone, and keeps nobody waiting.
func (s *Store) FileBytes() (database, wal int64) {
	if EngineOf(s.target) != schema.SQLite {
		return 0, 0
	}
	return sizeOf(s.target), sizeOf(s.target + "-wal")
}

// sizeOf never opens the file: closing it again would drop SQLite's locks.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
