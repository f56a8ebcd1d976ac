package store

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// What is recorded today must get the same id for ever, so these never change.
func TestIDsAreTheSameForEver(t *testing.T) {
	at := time.Date(2025, 10, 6, 0, 19, 45, 250e6, time.UTC)
	for got, want := range map[string]string{
		RunID(at, "SPEC-KIT-025", "plan"):          "0199b6e3-79e2-8780-ace5-434976f87839",
		ArtifactID(at, "run-1", "claude", "yes"):   "0199b6e3-79e2-8ba8-983b-fd21cb5cdf97",
		SynthesisID(at, "run-1", "yes"):            "0199b6e3-79e2-8460-9f7a-0e5b2d93a346",
		RunID(at.Local(), "SPEC-KIT-025", "plan"):  "0199b6e3-79e2-8780-ace5-434976f87839",
		RunID(at.Add(9e5), "SPEC-KIT-025", "plan"): "0199b6e3-79e2-8780-ace5-434976f87839",
	} {
		if got != want {
			t.Errorf("id is %s, want %s", got, want)
		}
	}
}

func TestIDsAreUUIDsOfVersion8(t *testing.T) {
	for n := range 100 {
		at := start.Add(time.Duration(n) * 37 * time.Hour)
		for _, id := range []string{RunID(at, "S", "plan"), ArtifactID(at, "r", "a", "c"), SynthesisID(at, "r", "c")} {
			u, err := uuid.Parse(id)
			if err != nil || u.Version() != 8 || u.Variant() != uuid.RFC4122 || u.String() != id {
				t.Errorf("%s is no UUID of version 8: %v", id, err)
			}
		}
	}
}

func TestIDsAreOrderedByTime(t *testing.T) {
	var ids []string
	for _, at := range []time.Time{
		time.Unix(0, 0), time.Unix(0, 1e6), time.Unix(1, 0), start, start.Add(time.Millisecond), start.Add(time.Second),
		start.AddDate(100, 0, 0), start.AddDate(8000, 0, 0),
	} {
		ids = append(ids, RunID(at, "S", "plan"))
	}
	if !slices.IsSorted(ids) {
		t.Errorf("ids are not in the order of their times: %s", strings.Join(ids, " "))
	}
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(-1<<40, 0)} {
		if got := RunID(at, "S", "plan"); got != ids[0] {
			t.Errorf("id of the year %d is %s, want that of 1970, %s", at.Year(), got, ids[0])
		}
	}
}

func TestWhatDiffersHasAnotherID(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{
		nil, {""}, {"", ""}, {"a", "bc"}, {"ab", "c"}, {"abc"}, {"a", "b", "c"}, {"abc", ""}, {"", "abc"}, {"A", "bc"}, {"a\x00", "bc"},
	} {
		id := RunID(start, parts...)
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q have the same id %s", parts, other, id)
		}
		seen[id] = parts
	}
	if ArtifactID(start, "a", "b", "c") == RunID(start, "a", "b", "c") || SynthesisID(start, "a", "b") == RunID(start, "a", "b") {
		t.Error("a run and what belongs to it have the same id")
	}
	if RunID(start, "a") == RunID(start.Add(time.Millisecond), "a") {
		t.Error("runs of different times have the same id")
	}
}

func TestSameHashLooksPastTheTime(t *testing.T) {
	id, later := RunID(start, "a"), RunID(start.AddDate(1, 0, 0), "a")
	other := RunID(start, "b")
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{id, id, true}, {id, later, true}, {id, strings.ToUpper(id), true},
		{id, other, false}, {id, "", false}, {"", "", false}, {"01234567-89ab-", "01234567-89ab-", false}, {id, id[1:], false},
	} {
		if got := sameHash(test.a, test.b); got != test.want {
			t.Errorf("sameHash(%q, %q) = %v", test.a, test.b, got)
		}
	}
}
