package ingest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/flock"
)

// ErrHeld reports that another daemon holds the home.
var ErrHeld = errors.New("another daemon holds this home")

// A Holder is the daemon of a home, as daemon.lock tells.
type Holder struct {
	PID     int       `json:"pid"`
	HTTP    string    `json:"http,omitzero"` // its address, "" when it has none
	Started time.Time `json:"started"`
	// How long its runs wait, and for whom, as [Options] say.
	AssembleSeconds float64             `json:"assemble_seconds,omitzero"`
	Expect          map[string][]string `json:"expect,omitempty"`
	// Unsettled is since when files may have been moved to done/ that nobody has
	// looked at afterwards; zero when the daemon before stopped in good order.
	Unsettled time.Time `json:"unsettled,omitzero"`
}

// A Lock keeps other daemons out of a home.
type Lock struct {
	flock  *flock.Flock
	holder Holder
}

func (h Home) lockPath() string { return filepath.Join(string(h), "daemon.lock") }

// lockPatience is how long somebody who only looks whether a daemon is there
// may be in the way.
const lockPatience = 500 * time.Millisecond

// Lock takes the home for this process, or returns [ErrHeld].
func (h Home) Lock() (*Lock, error) {
	l := &Lock{flock: flock.New(h.lockPath())}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		ok, err := l.flock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock home %s: %w", h, err)
		}
		if ok {
			break
		}
		if time.Since(begin) > lockPatience {
			holder, _ := h.readHolder()
			return nil, fmt.Errorf("%s (process %d): %w", h, holder.PID, ErrHeld)
		}
	}
	now := time.Now().UTC()
	l.holder = Holder{PID: os.Getpid(), Started: now, Unsettled: now}
	last, err := h.readHolder()
	switch {
	case err != nil && h.isFresh(): // the first daemon of this home
	case err != nil, last.Unsettled.After(now): // torn by a crash, or of a clock that was set back: look at everything
		l.holder.Unsettled = time.Unix(0, 0).UTC()
	case !last.Unsettled.IsZero():
		l.holder.Unsettled = last.Unsettled
	}
	return l, l.write()
}

// Unsettled is since when files in done/ must be looked at again; ok is false
// when the last daemon stopped in good order.
func (l *Lock) Unsettled() (since time.Time, ok bool) {
	return l.holder.Unsettled, l.holder.Unsettled.Before(l.holder.Started)
}

// Announce writes down who holds the home: where it answers HTTP, "" when
// nowhere, and what it was told to do.
func (l *Lock) Announce(http string, o Options) error {
	o = o.withDefaults()
	l.holder.HTTP, l.holder.Expect, l.holder.AssembleSeconds = http, o.Expect, o.AssembleTimeout.Seconds()
	return l.write()
}

// Settled notes that nothing that was moved to done/ before this daemon waits
// there any more.
func (l *Lock) Settled() error {
	if _, left := l.Unsettled(); !left {
		return nil
	}
	l.holder.Unsettled = l.holder.Started
	return l.write()
}

// Release gives the home back. settled says that nothing waits in done/ to be
// recorded ([Ingester.Settled]); else the next daemon looks there. What a process
// before this one left there is not forgotten either.
func (l *Lock) Release(settled bool) error {
	last := Holder{Unsettled: l.holder.Started.Add(-time.Second)} // no process any more
	switch since, left := l.Unsettled(); {
	case left:
		last.Unsettled = since
	case settled:
		last.Unsettled = time.Time{}
	}
	l.holder = last
	return errors.Join(l.write(), l.flock.Unlock())
}

// write overwrites the file in place: it is the one that is locked.
func (l *Lock) write() error {
	f, err := os.OpenFile(l.flock.Path(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(jsonText(l.holder) + "\n"); err != nil {
		return err
	}
	return f.Sync()
}

func (h Home) readHolder() (holder Holder, err error) {
	b, err := os.ReadFile(h.lockPath())
	if err == nil {
		err = json.Unmarshal(b, &holder)
	}
	return holder, err
}

// Holder returns the daemon that holds the home now; ok is false when there is
// none.
func (h Home) Holder() (holder Holder, ok bool) {
	if _, err := os.Stat(h.lockPath()); err != nil {
		return holder, false
	}
	l := flock.New(h.lockPath())
	free, err := l.TryRLock()
	if free {
		l.Unlock()
	}
	if free || err != nil {
		return holder, false
	}
	holder, _ = h.readHolder()
	return holder, true
}

// isFresh reports whether nothing was ever moved out of the inbox.
func (h Home) isFresh() bool {
	done, doneErr := os.ReadDir(h.Done())
	failed, failedErr := os.ReadDir(h.Failed())
	return len(done)+len(failed) == 0 && doneErr == nil && failedErr == nil
}

// AssembleTimeout is how long the daemon's runs wait after their newest part.
func (h Holder) AssembleTimeout() time.Duration {
	return time.Duration(h.AssembleSeconds * float64(time.Second))
}
