package ingest

import "time"

// A mark is how far back the next daemon must look into done/ should this one be
// killed. It moves on while the daemon works: else a kill after days would make
// the next one read the files of days.
type mark struct {
	since   time.Time // of the files that the daemons before left unseen; zero when there are none
	moved   time.Time // when files were moved last
	written time.Time // when the mark was
}

const (
	// markMargin is how far the mark stays behind. Files are stamped by their file
	// system's clock, which may be a few milliseconds behind the one read here, or on
	// a network a little more.
	markMargin = 3 * time.Second
	// markEvery is how often the mark moves on: it takes a sync each time.
	markEvery = 2 * time.Second
)

// beginning is before anything was recorded: look at everything.
var beginning = time.Unix(0, 0).UTC()

// wallClock is the time to compare with what was written down. Unlike time.Now's
// own comparisons it sees when the clock was set.
func wallClock() time.Time { return time.Now().UTC().Round(0) }

// begin takes the mark that the last daemon left, zero when it stopped in good
// order, and returns the one of this daemon. One that lies ahead was written
// before the clock was set back, and tells nothing.
func (m *mark) begin(last, now time.Time) (unsettled time.Time) {
	if last.After(now) {
		last = beginning
	}
	if m.since = last; last.IsZero() {
		return now.Add(-markMargin)
	}
	return last
}

// Unsettled is since when files in done/ must be looked at again; ok is false
// when the last daemon stopped in good order, or everything has been looked at.
func (l *Lock) Unsettled() (since time.Time, ok bool) {
	return l.mark.since, !l.mark.since.IsZero()
}

// moving notes that files are about to be moved. When the clock was set back,
// they get stamps from before the mark, which therefore goes first.
func (l *Lock) moving(now time.Time) error {
	if l == nil {
		return nil
	}
	l.mark.moved = now
	if !now.Before(l.holder.Unsettled) {
		return nil
	}
	return l.markAt(beginning, now)
}

// lookedAt notes that everything in done/ has been looked at after it was moved.
func (l *Lock) lookedAt(now time.Time) error {
	if l == nil || l.mark.since.IsZero() && !l.due(now) {
		return nil
	}
	l.mark.since = time.Time{}
	return l.markAt(now.Add(-markMargin), now)
}

// due reports whether the mark may move on. It rests where it is while nothing
// moves, as soon as it is behind all that has moved.
func (l *Lock) due(now time.Time) bool {
	if l == nil || !l.holder.Unsettled.Before(l.mark.moved) {
		return false
	}
	return now.Before(l.mark.written) || now.Sub(l.mark.written) >= markEvery
}

func (l *Lock) markAt(t, now time.Time) error {
	l.holder.Unsettled, l.mark.written = t, now
	return l.write()
}
