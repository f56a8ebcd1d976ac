package ingest

import "time"

// Unsettle makes the next daemon look through done/ for what was moved there
// since then, as after a restore: the database has forgotten it.
func (l *Lock) Unsettle(since time.Time) error {
	if since = since.UTC(); since.Before(l.holder.Unsettled) {
		l.holder.Unsettled = since
	}
	return l.write()
}
