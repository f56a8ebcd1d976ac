package ingest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAFileIsFreshForAsLongAsItsFileSystemsClockMayStandStill(t *testing.T) {
	second := time.Unix(1_000_000_000, 0)
	for _, test := range []struct {
		modified, read time.Duration // after the second
		fresh          bool
	}{
		{1, 1, true},
		{1, 10 * time.Millisecond, true},
		{1, 21 * time.Millisecond, false},
		{0, 21 * time.Millisecond, true}, // a whole second: perhaps it knows no others
		{0, 1999 * time.Millisecond, true},
		{0, 2 * time.Second, false},
		{time.Hour + 1, 1, true}, // the clock was set back
	} {
		s := stamp{modified: second.Add(test.modified).UnixNano()}
		if got := s.freshAt(second.Add(test.read)); got != test.fresh {
			t.Errorf("modified at %s, read at %s: fresh %v", test.modified, test.read, got)
		}
	}
}

// A tick cannot be had at will, so the second version is there from the start.
func TestAKnownFileIsHashedOnceMoreWhenItsTickIsOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(path, []byte("two"), 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	is, now := stampOf(info), time.Now()
	of := func(fresh bool, sha256 string, again time.Time) knownFile {
		k := parcel{stamp: is, fresh: fresh, sha256: sha256}.known()
		if fresh {
			k.again = again
		}
		return k
	}
	other := is
	other.changed++
	for says, test := range map[string]struct {
		known   knownFile
		is      stamp
		changed bool
		waits   bool
	}{
		"another stamp":                    {of(false, "", now), other, true, false},
		"a stamp that tells":               {of(false, "of the first", now), is, false, false},
		"another version":                  {of(true, "of the first", now), is, true, false},
		"the same version":                 {of(true, hashOf(path), now), is, false, false},
		"another version, too soon to ask": {of(true, "of the first", now.Add(time.Hour)), is, false, true},
	} {
		p := &pass{in: New("", nil, Options{})}
		p.in.known[path] = test.known
		if got := p.changed(path, test.known, test.is); got != test.changed || p.next.IsZero() == test.waits {
			t.Errorf("%s: changed %v, due at %s", says, got, p.next)
		}
		if k := p.in.known[path]; !test.changed && !test.waits && k != (knownFile{stamp: is}) {
			t.Errorf("%s: it is asked again: %+v", says, k)
		}
	}
}
