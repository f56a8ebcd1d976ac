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

// grain is how long a file may have kept this stamp while it was overwritten.
func (s stamp) grain() time.Duration {
	if s.modified%int64(time.Second) == 0 {
		return coarseGrain
	}
	return fineGrain
}

// freshAt reports whether a file with this stamp, read at t, may be overwritten
// in place after that and keep the stamp: it was modified in the same tick.
func (s stamp) freshAt(t time.Time) bool { return t.Sub(time.Unix(0, s.modified)) < s.grain() }

// mayHaveChanged reports whether the file, which is at path now, has other bytes
// than were read although its stamp is the same. Only what came in an instant
// before it was read is hashed once more: what has waited, as under load, is not.
func (p parcel) mayHaveChanged(path string) bool {
	return p.fresh && p.sha256 != "" && hashOf(path) != p.sha256
}

// A knownFile is a file read in place whose fate is known.
type knownFile struct {
	stamp  stamp
	sha256 string    // while its stamp does not tell it from a later version, else ""
	again  time.Time // when it is to be hashed once more, because its tick is over
}

func (p parcel) known() knownFile {
	if !p.fresh {
		return knownFile{stamp: p.stamp}
	}
	return knownFile{p.stamp, p.sha256, time.Now().Add(p.stamp.grain())}
}

// changed reports whether a known file, which has the stamp is now, is another
// version than the one that was read.
func (p *pass) changed(path string, k knownFile, is stamp) bool {
	switch {
	case is != k.stamp:
		return true
	case k.sha256 == "":
		return false
	case time.Now().Before(k.again):
		p.due(k.again)
		return false
	case hashOf(path) != k.sha256:
		return true
	}
	p.in.known[path] = knownFile{stamp: k.stamp}
	return false
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
