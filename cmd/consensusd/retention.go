package main

import (
	"time"

	"github.com/spf13/pflag"

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

func (r *retaining) policy() store.Retention {
	days := func(n int) time.Duration { return time.Duration(n) * day }
	return store.Retention{Active: days(r.active), Archived: days(r.archived), Quiet: days(r.quiet)}
}
