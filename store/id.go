package store

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"
)

// RunID returns the id of a run that was not given one: a UUID of version 8
// (RFC 9562, section 5.8) made of the run's time in Unix milliseconds, laid out as in
// version 7, and a hash of what identifies the run. The same run always gets
// the same id, and later runs get greater ones. identity is spec and stage, and
// whatever else tells this run from others of the same millisecond.
func RunID(at time.Time, identity ...string) string {
	return timeOrdered(at, "run", identity...)
}

// ArtifactID returns the id of what an agent answered in a run.
func ArtifactID(at time.Time, runID, agent, content string) string {
	return timeOrdered(at, "artifact", runID, agent, content)
}

// SynthesisID returns the id of a synthesis of a run.
func SynthesisID(at time.Time, runID, content string) string {
	return timeOrdered(at, "synthesis", runID, content)
}

// timeOrdered puts the milliseconds of at before 74 bits of a hash of kind and
// parts. Each part is hashed with its length, so that no two lists of parts
// are alike.
func timeOrdered(at time.Time, kind string, parts ...string) string {
	h := sha256.New()
	var length [8]byte
	piece := make([]byte, 4<<10)
	for _, p := range append([]string{kind}, parts...) {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		for len(p) > 0 { // piece by piece: a content may be very large
			n := copy(piece, p)
			h.Write(piece[:n])
			p = p[n:]
		}
	}
	var id uuid.UUID
	copy(id[6:], h.Sum(nil)[:10])
	ms := uint64(min(max(at.UnixMilli(), 0), 1<<48-1))
	id[0], id[1] = byte(ms>>40), byte(ms>>32)
	binary.BigEndian.PutUint32(id[2:], uint32(ms))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// sameHash reports whether two ids differ in their time at most.
func sameHash(a, b string) bool {
	const timeDigits = len("01234567-89ab-")
	return len(a) == len(b) && len(a) > timeDigits && strings.EqualFold(a[timeDigits:], b[timeDigits:])
}
