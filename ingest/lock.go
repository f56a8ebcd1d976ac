package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/flock"
)

// ErrHeld reports that another daemon holds the home.
var ErrHeld = errors.New("another daemon holds this home")

// ErrLockGone reports that daemon.lock is not the file that this daemon has
// locked: another one may have begun.
var ErrLockGone = errors.New("daemon.lock was deleted or replaced while the daemon ran")

// A Holder is the daemon of a home, as daemon.lock tells.
type Holder struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Unsettled is since when files may have been moved to done/ that nobody has
	// looked at afterwards; zero when the daemon before stopped in good order. It
	// stands in the first bytes of the file, which a disk writes at once.
	Unsettled time.Time `json:"unsettled,omitzero"`
	HTTP      string    `json:"http,omitzero"` // its address, "" when it has none
	// How long its runs wait, and for whom, as [Options] say.
	AssembleSeconds float64             `json:"assemble_seconds,omitzero"`
	Expect          map[string][]string `json:"expect,omitempty"`
}

// A Lock keeps other daemons out of a home.
type Lock struct {
	flock  *flock.Flock
	holder Holder
	mark   mark
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
	last, err := h.readHolder()
	if err != nil { // no daemon was here before, or power was lost as it wrote
		last.Unsettled = beginning
	}
	now := wallClock()
	l.holder = Holder{PID: os.Getpid(), Started: now, Unsettled: l.mark.begin(last.Unsettled, now)}
	return l, l.write()
}

// Announce writes down who holds the home: where it answers HTTP, "" when
// nowhere, and what it was told to do.
func (l *Lock) Announce(http string, o Options) error {
	o = o.withDefaults()
	l.holder.HTTP, l.holder.Expect, l.holder.AssembleSeconds = http, o.Expect, o.AssembleTimeout.Seconds()
	return l.write()
}

// Release gives the home back. settled says that nothing waits in done/ to be
// recorded ([Ingester.Settled]); else the next daemon looks there. What a process
// before this one left there is not forgotten either.
func (l *Lock) Release(settled bool) error {
	last := Holder{Unsettled: l.holder.Unsettled} // no process any more
	if settled && l.mark.since.IsZero() {
		last.Unsettled = time.Time{}
	}
	l.holder = last
	err := l.write()
	if errors.Is(err, ErrLockGone) {
		err = nil // it is another's to say what is settled
	}
	return errors.Join(err, l.flock.Unlock())
}

// check returns [ErrLockGone] when the lock keeps nobody out any more.
func (l *Lock) check() error {
	if l == nil {
		return nil
	}
	there, err := os.Stat(l.flock.Path())
	return l.isLocked(there, err)
}

// isLocked returns [ErrLockGone] when a file that was found in the place of the
// locked one is another, or none was.
func (l *Lock) isLocked(there fs.FileInfo, err error) error {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	locked, statErr := l.flock.Stat()
	if statErr == nil && (err != nil || !os.SameFile(there, locked)) {
		return fmt.Errorf("%s: %w", l.flock.Path(), ErrLockGone)
	}
	return statErr
}

// write overwrites the file in place, for it is the one that is locked, and in
// one piece: it is never shorter than it was, so that neither a reader nor
// whoever comes after a kill finds it empty. It never writes into another's, and
// keeps nothing open for writing, which would keep a file system from being made
// read-only.
func (l *Lock) write() error {
	f, err := os.OpenFile(l.flock.Path(), os.O_WRONLY, 0)
	if err != nil {
		return cmp.Or(l.check(), err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err := l.isLocked(info, err); err != nil {
		return err
	}
	text := jsonText(l.holder)
	text += strings.Repeat(" ", max(0, int(info.Size())-len(text)-1)) + "\n"
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
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

// AssembleTimeout is how long the daemon's runs wait after their newest part.
func (h Holder) AssembleTimeout() time.Duration {
	return time.Duration(h.AssembleSeconds * float64(time.Second))
}
