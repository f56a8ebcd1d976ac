package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// How finely file systems tell when a file was modified: most by the kernel's
// tick, of which there are at least 100 a second, some by the second or two.
const (
	fineGrain   = 20 * time.Millisecond
	coarseGrain = 2 * time.Second
)

// freshAt reports whether a file with this stamp, read at t, may be overwritten
// in place after that and keep the stamp: it was modified in the same tick.
func (s stamp) freshAt(t time.Time) bool {
	grain := fineGrain
	if s.modified%int64(time.Second) == 0 {
		grain = coarseGrain
	}
	return t.Sub(time.Unix(0, s.modified)) < grain
}

// mayHaveChanged reports whether the file, which is at path now, has other bytes
// than were read although its stamp is the same. Only what came in an instant
// before it was read is hashed once more: what has waited, as under load, is not.
func (p parcel) mayHaveChanged(path string) bool {
	return p.fresh && p.sha256 != "" && hashOf(path) != p.sha256
}

// hashOf returns the SHA-256 of a file, "" when it cannot be read.
func hashOf(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}
