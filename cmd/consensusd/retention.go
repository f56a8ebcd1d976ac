package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// The flags that say how long runs stay.
type retaining struct {
	active, archived, quiet int // days
}

func newRetaining() *retaining { return &retaining{active: 30, archived: 90, quiet: 7} }

func (r *retaining) addTo(f *pflag.FlagSet) {
	f.Var(number{&r.active, 1}, "active-days", "how many days a run stays active, by its own time")
	f.Var(number{&r.archived, 0}, "archive-days", "how many days it then stays in the archive")
	f.Var(number{&r.quiet, 0}, "quiet-days", "a spec with a run in the last so many days keeps all its runs active; 0 is off")
}

// everDays are more than any run is old. Twice as many still are a time.Duration; one
// that is too long would begin again below nothing.
const everDays = 50_000

func (r *retaining) policy() store.Retention {
	of := func(n int) time.Duration { return time.Duration(min(n, everDays)) * day }
	return store.Retention{Active: of(r.active), Archived: of(r.archived), Quiet: of(r.quiet)}
}

// cleanUpDaily applies retention until ctx is done. Of many machines that share a
// database only those do it that are told to.
func (c *cli) cleanUpDaily(ctx context.Context, s *store.Store, w *watching, log *slog.Logger) {
	if w.cleanup <= 0 || store.EngineOf(c.database()) != schema.SQLite && !c.given("cleanup-every") {
		return
	}
	daily(ctx, time.Duration(w.cleanup), time.Time{}, func(ctx context.Context) error {
		err := tidyUp(ctx, c.archive(s), w.policy(), log)
		if err != nil && ctx.Err() == nil {
			log.Error("cleanup is not complete; nothing is lost, and recording goes on", "error", err)
		}
		return err
	})
}

// turnPatience is how long a cleanup waits for a backup, or another cleanup, to
// end before it counts as failed.
const turnPatience = 30 * time.Minute

// tidyUp is one cleanup, as soon as nobody else holds the archive: the backup is
// daily, too.
func tidyUp(ctx context.Context, a *store.Archive, keep store.Retention, log *slog.Logger) error {
	for begun, waits := time.Now(), false; ; waits = true {
		plan, done, err := a.Cleanup(ctx, keep, time.Now(), nil)
		if !errors.Is(err, store.ErrCleaning) || time.Since(begun) > turnPatience {
			if plan != nil {
				log.Info("cleaned up", "archived", done.Archived, "deleted", done.Deleted, "freed_bytes", max(done.Before-done.After, 0))
			}
			return err
		}
		if !waits {
			log.Info("cleanup waits for its turn", "why", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
