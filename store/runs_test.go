package store

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
)

func TestFiltersLetOnlyTheRunsTheyNamePass(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		runs := map[string]Record{
			"plan a":  small(0, "SPEC-A", "plan", "claude"),
			"plan b":  small(10, "SPEC-B", "plan", "claude"),
			"tasks a": small(20, "SPEC-A", "tasks", "gemini"),
			"tasks b": small(30, "SPEC-B", "tasks", "gemini"),
		}
		names := map[string]string{}
		for name, r := range runs {
			names[r.Run.RunID] = name
			switch name {
			case "plan b":
				r.Run.Degraded = true
			case "tasks a":
				r.Run.ConsensusOK, r.Run.Degraded = false, true
			}
			mustRecord(t, s, r)
		}
		at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
		tests := []struct {
			filter Filter
			want   []string
		}{
			{Filter{}, []string{"tasks b", "tasks a", "plan b", "plan a"}},
			{Filter{SpecID: "SPEC-A"}, []string{"tasks a", "plan a"}},
			{Filter{SpecID: "SPEC"}, nil},
			{Filter{SpecID: "SPEC-%"}, nil},
			{Filter{Stage: "tasks"}, []string{"tasks b", "tasks a"}},
			{Filter{SpecID: "SPEC-B", Stage: "plan"}, []string{"plan b"}},
			{Filter{Agent: "gemini"}, []string{"tasks b", "tasks a"}},
			{Filter{SpecID: "SPEC-A", Agent: "gemini"}, []string{"tasks a"}},
			{Filter{Agent: "gem"}, nil},
			{Filter{Verdict: schema.Unanimous}, []string{"tasks b", "plan a"}},
			{Filter{Verdict: schema.Degraded}, []string{"plan b"}},
			{Filter{Verdict: schema.Failed}, []string{"tasks a"}},
			{Filter{SpecID: "SPEC-A", Verdict: schema.Failed}, []string{"tasks a"}},
			{Filter{Since: at(10)}, []string{"tasks b", "tasks a", "plan b"}},
			{Filter{Since: at(11)}, []string{"tasks b", "tasks a"}},
			{Filter{Until: at(10)}, []string{"plan a"}},
			{Filter{Until: at(11)}, []string{"plan b", "plan a"}},
			{Filter{Since: at(10), Until: at(30)}, []string{"tasks a", "plan b"}},
			{Filter{SpecID: "SPEC-B", Since: at(10), Until: at(30)}, []string{"plan b"}},
			{Filter{Since: at(30), Until: at(10)}, nil},
			{Filter{Stage: "tasks", Agent: "gemini", Verdict: schema.Unanimous, Since: at(5)}, []string{"tasks b"}},
		}
		for _, test := range tests {
			page, err := s.Runs(t.Context(), test.filter)
			if err != nil {
				t.Errorf("%+v: %v", test.filter, err)
			}
			var got []string
			for _, r := range page.Runs {
				got = append(got, names[r.RunID])
			}
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", test.filter, diff)
			}
			if page.Next != "" {
				t.Errorf("%+v: there is a next page", test.filter)
			}
		}
	})
}

func TestPagesVisitEveryRunOnceInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		var all []Record
		for n := range 40 {
			all = append(all, small(n/7, "SPEC-"+string(rune('A'+n%2)), "plan", fmt.Sprint(n))) // seven of a second
		}
		all[3].Run.Timestamp, all[4].Run.Timestamp = -5, math.MaxInt32+7
		for i := range all {
			all[i].Artifacts = nil
		}
		mustRecord(t, s, all...)
		for _, filter := range []Filter{
			{}, {SpecID: "SPEC-B"}, {Until: start.Add(3 * time.Second)}, {SpecID: "SPEC-A", Until: start.Add(3 * time.Second), Since: start},
		} {
			want := []string{}
			slices.SortFunc(all, func(a, b Record) int {
				return -cmp.Or(cmp.Compare(a.Run.Timestamp, b.Run.Timestamp), cmp.Compare(a.Run.RunID, b.Run.RunID))
			})
			for _, r := range all {
				at := Time(r.Run.Timestamp)
				if (filter.SpecID == "" || filter.SpecID == r.Run.SpecID) && (filter.Until.IsZero() || at.Before(filter.Until)) && !at.Before(filter.Since) {
					want = append(want, r.Run.RunID)
				}
			}
			for _, limit := range []int{1, 3, 7, len(want) - 1, len(want), len(want) + 1} {
				filter.Limit, filter.After = limit, ""
				if diff := gocmp.Diff(want, turnPages(t, s, filter)); diff != "" {
					t.Errorf("%+v (-want +got):\n%s", filter, diff)
				}
			}
		}
	})
}

// turnPages returns the ids of all runs that filter names, page by page.
func turnPages(t *testing.T, s *Store, filter Filter) []string {
	t.Helper()
	ids := []string{}
	for {
		page, err := s.Runs(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Runs) > filter.Limit || len(page.Runs) < filter.Limit && page.Next != "" {
			t.Fatalf("a page of %d runs and next %q, limit %d", len(page.Runs), page.Next, filter.Limit)
		}
		for _, r := range page.Runs {
			ids = append(ids, r.RunID)
		}
		if page.Next == "" {
			return ids
		}
		filter.After = page.Next
	}
}

func TestRunsRecordedWhilePagingAreMissedOnlyWhenNewer(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, sample(10), sample(20))
		first, err := s.Runs(t.Context(), Filter{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		mustRecord(t, s, sample(5), sample(15), sample(30))
		got := turnPages(t, s, Filter{Limit: 1, After: first.Next})
		want := []string{sample(15).Run.RunID, sample(10).Run.RunID, sample(5).Run.RunID}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("pages after the first (-want +got):\n%s", diff)
		}
	})
}

func TestACursorDoesNotWidenAFilter(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		old, a, b := small(0, "S", "plan", "x"), small(9, "S", "plan", "a"), small(9, "S", "plan", "b")
		mustRecord(t, s, old, a, b)
		page, err := s.Runs(t.Context(), Filter{Limit: 1}) // ends within second 9
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range []string{"", "S"} {
			got := turnPages(t, s, Filter{SpecID: spec, Until: Time(a.Run.Timestamp), After: page.Next, Limit: 5})
			if diff := gocmp.Diff([]string{old.Run.RunID}, got); diff != "" {
				t.Errorf("runs until second 9 (-want +got):\n%s", diff)
			}
		}
	})
}

func TestABadCursorIsAnError(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, sample(1))
		encode := base64.RawURLEncoding.EncodeToString
		for _, bad := range []string{"x", "!!", "run-1", encode([]byte("1759709985")), encode([]byte("soon run-1")), encode([]byte("9223372036854775808 run-1")), encode([]byte("1759709985 run-1")) + "!"} {
			if page, err := s.Runs(t.Context(), Filter{After: bad}); err == nil {
				t.Errorf("cursor %q gives %d runs, want an error", bad, len(page.Runs))
			}
		}
	})
}

func TestAPageHasTenRunsUnlessALimitIsGiven(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		for n := range 12 {
			mustRecord(t, s, sample(n))
		}
		for limit, want := range map[int]int{0: 10, -1: 10, -2: 10, math.MinInt: 10, 1: 1, 11: 11, 12: 12, 1000: 12} {
			page, err := s.Runs(t.Context(), Filter{Limit: limit})
			if err != nil || len(page.Runs) != want || (page.Next != "") != (want < 12) {
				t.Errorf("limit %d: %d runs, next %q, %v, want %d", limit, len(page.Runs), page.Next, err, want)
			}
		}
	})
}
