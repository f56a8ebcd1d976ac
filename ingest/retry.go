package ingest

import (
	"math/rand/v2"
	"time"
)

// A retry spaces attempts after failures: twice as long each time, within
// bounds, and never quite as long as before, so that many daemons do not come
// back at the same moment.
type retry struct {
	pause time.Duration
	at    time.Time
}

const (
	minPause = 250 * time.Millisecond
	maxPause = 5 * time.Second
)

func (r *retry) failed(now time.Time) {
	r.pause = min(max(2*r.pause, minPause), maxPause)
	r.at = now.Add(r.pause/2 + rand.N(r.pause/2+1))
}

func (r *retry) succeeded() { *r = retry{} }
