package store

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever the pages: run by run, newest first, each as Artifacts has it, and
// nothing of a run of the same second that is on another page.
func TestArtifactsOfASpecAreThoseOfItsRunsPageByPage(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		for n := range 12 {
			r := small(n/4, "SPEC-A", []string{"plan", "tasks"}[n%2], fmt.Sprint("agent_", n%3)) // four of a second
			mustRecord(t, s, r, small(n, "SPEC-B", "plan", "claude"))
		}
		for _, filter := range []Filter{
			{SpecID: "SPEC-A"}, {SpecID: "SPEC-A", Stage: "plan"}, {SpecID: "SPEC-A", Agent: "agent_1"}, {SpecID: "SPEC-C"},
		} {
			for filter.Limit = range 14 {
				for filter.After = ""; ; {
					page, err := s.Runs(t.Context(), filter)
					if err != nil {
						t.Fatal(err)
					}
					var want []Artifact
					for _, r := range page.Runs {
						of, err := s.Artifacts(t.Context(), r.RunID)
						if err != nil || len(of) == 0 {
							t.Fatalf("%d answers in %s, %v", len(of), r.RunID, err)
						}
						want = append(want, of...)
					}
					got, next, err := s.SpecArtifacts(t.Context(), filter)
					if diff := cmp.Diff(want, got); diff != "" || next != page.Next || err != nil {
						t.Fatalf("%+v, %v, next %q and not %q (-want +got):\n%s", filter, err, next, page.Next, diff)
					}
					if filter.After = next; next == "" {
						break
					}
				}
			}
		}
	})
}
