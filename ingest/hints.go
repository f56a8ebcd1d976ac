package ingest

import (
	"context"
	"log/slog"

	"github.com/fsnotify/fsnotify"
)

// A hinter turns file system events into hints. Where there are none, as on
// network file systems, it stays silent and the scans go on by time.
type hinter struct {
	watcher *fsnotify.Watcher // nil when the machine has no watches left
	hints   chan struct{}
	log     *slog.Logger
	told    map[string]bool // folders that cannot be watched
}

func newHinter(log *slog.Logger) *hinter {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("no file events, looking every few seconds instead", "error", err)
	}
	return &hinter{w, make(chan struct{}, 1), log, map[string]bool{}}
}

// enter watches a folder; doing so again is harmless. Without a watch the
// folder is looked into by time.
func (h *hinter) enter(dir string) {
	if h.watcher == nil {
		return
	}
	if err := h.watcher.Add(dir); err != nil && !h.told[dir] {
		h.told[dir] = true
		h.log.Warn("no file events for a folder, looking every few seconds instead", "folder", dir, "error", err)
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
			if e.Has(fsnotify.Create) || e.Has(fsnotify.Write) {
				h.hint()
			}
		case err, ok := <-h.watcher.Errors:
			if !ok {
				return
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
