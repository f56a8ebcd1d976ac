package ingest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
)

// A hinter turns file system events into hints. Where there are none, as on
// network file systems, it stays silent and the scans go on by time.
type hinter struct {
	watcher *fsnotify.Watcher // nil when the machine has no watches left
	hints   chan struct{}
	log     *slog.Logger
	told    map[string]bool // folders that cannot be watched
	roots   []source        // whose own coming and going is a hint, too

	events, created atomic.Uint64
	overflows       *atomic.Uint64
}

// What to do when the machine gives no more of them; on Linux they are counted by
// user.
const (
	remedyInstances = "raise fs.inotify.max_user_instances"
	remedyWatches   = "raise fs.inotify.max_user_watches"
)

func newHinter(log *slog.Logger, overflows *atomic.Uint64) *hinter {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("no file events, looking every few seconds instead", "error", err, "remedy", remedyInstances)
	}
	return &hinter{watcher: w, hints: make(chan struct{}, 1), log: log, told: map[string]bool{}, overflows: overflows}
}

// enter watches a folder; doing so again is harmless. Without a watch the
// folder is looked into by time.
func (h *hinter) enter(dir string) {
	if h.watcher == nil {
		return
	}
	if err := h.watcher.Add(dir); err != nil && !h.told[dir] {
		h.told[dir] = true
		h.log.Warn("no file events for a folder, looking every few seconds instead", "folder", dir, "error", err, "remedy", remedyWatches)
	}
}

// run passes events on until ctx is done. An overflow and any other error of
// the watcher mean that something may have been missed, so they are hints too.
func (h *hinter) run(ctx context.Context) {
	if h.watcher == nil {
		<-ctx.Done()
		return
	}
	defer h.watcher.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-h.watcher.Events:
			if !ok {
				return
			}
			if e.Has(fsnotify.Create) {
				h.created.Add(1)
			}
			if e.Has(fsnotify.Create) || e.Has(fsnotify.Write) {
				h.events.Add(1)
				h.hint()
			} else if h.isRoot(e.Name) { // it tells of no file
				h.hint()
			}
		case err, ok := <-h.watcher.Errors:
			if !ok {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				h.overflows.Add(1)
			}
			h.log.Warn("file events were lost, looking at everything", "error", err)
			h.hint()
		}
	}
}

// hint asks for a scan; one that is asked for already will do.
func (h *hinter) hint() {
	select {
	case h.hints <- struct{}{}:
	default:
	}
}

// An announcement is how much file events have told so far.
type announcement struct{ events, created, overflows uint64 }

func (h *hinter) announced() announcement {
	return announcement{h.events.Load(), h.created.Load(), h.overflows.Load()}
}

// since returns what events have told after an earlier announcement.
func (a announcement) since(before announcement) announcement {
	return announcement{a.events - before.events, a.created - before.created, a.overflows - before.overflows}
}

// lacking returns how many of the new files that a scan found it was not asked
// for. After an overflow that is what goes beyond the files that events told of;
// else an event that asked for the scan may stand for many, as that of a folder
// does.
func (a announcement) lacking(found uint64) uint64 {
	if a.events > 0 && a.overflows == 0 || found <= a.created {
		return 0
	}
	return found - a.created
}

// isRoot reports whether an event is about a source as a whole. When it was
// deleted or renamed, the watch went with it; the next scan watches what is there
// under its name then.
func (h *hinter) isRoot(path string) bool {
	return slices.ContainsFunc(h.roots, func(s source) bool { return s.root == path })
}
