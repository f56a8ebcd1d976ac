package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consensusd/consensusd/schema"
)

// stubbed returns a run of which gemini's answer is still missing, and one
// agent answered twice.
func stubbed() Record {
	r := sample(1)
	r.Artifacts = append(r.Artifacts, answer(r.Run, "qwen", "maybe"))
	r.Run.MissingAgents = schema.Strings{"gemini"}
	return r
}

// late returns an entry that brings gemini's answer to stubbed's run, and what
// the run is then.
func late() (Entry, Record) {
	was := stubbed()
	e := Entry{Record: Record{
		Run:       was.Run,
		Artifacts: []Artifact{answer(was.Run, "gemini", "yes")},
		Receipts:  []Receipt{document(was.Run, "plan_gemini_late.json", "answer")},
	}}
	is := stubbed()
	is.Run.Degraded, is.Run.MissingAgents = false, schema.Strings{}
	is.Run.Conflicts = schema.Strings{"claude and qwen differ"}
	is.Run.ConsensusOK, is.Run.Timestamp = false, was.Run.Timestamp-5
	is.Artifacts = []Artifact{was.Artifacts[0], e.Artifacts[0], was.Artifacts[2]} // the stub is gone
	is.Artifacts[2].Metadata, is.Artifacts[2].CreatedAt = `{"tokens":7}`, was.Artifacts[2].CreatedAt+9
	newer := synthesis(is.Run, "They differ.")
	newer.CreatedAt = was.Run.Timestamp + 600
	is.Syntheses = []Synthesis{newer, was.Syntheses[0]}
	is.Syntheses[1].ConsensusVerdict, is.Syntheses[1].Metadata = schema.Failed, `{"superseded":true}`
	is.Syntheses[1].CreatedAt++
	is.Findings = []Finding{
		{RunID: is.Run.RunID, Code: "late_artifact", Agent: "gemini"},
		was.Findings[1],
	}
	amended := e.Receipts[0]
	amended.State = string(Amended)
	is.Receipts = []Receipt{was.Receipts[0], amended, was.Receipts[1]}
	e.Merge = func(Record) (Record, error) { return is, nil }
	return e, is
}

func TestAnAmendmentChangesExactlyTheRowsThatDiffer(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, sample(0), stubbed(), sample(2))
		e, want := late()
		var seen Record
		e.Merge = func(stored Record) (Record, error) { seen = stored; return want, nil }
		if got := mustRecordAll(t, s, e)[0]; got != (Result{Amended, want.Run.RunID, nil}) {
			t.Fatalf("RecordAll = %+v, want amended", got)
		}
		if diff := cmp.Diff(stubbed(), seen); diff != "" {
			t.Errorf("what Merge was given (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, mustWhole(t, s, want.Run.RunID)); diff != "" {
			t.Errorf("amended run (-want +got):\n%s", diff)
		}
		for _, n := range []int{0, 2} {
			if diff := cmp.Diff(sample(n), mustWhole(t, s, sample(n).Run.RunID)); diff != "" {
				t.Errorf("another run (-want +got):\n%s", diff)
			}
		}
		mustBeWell(t, s)
	})
}

func TestTheSameAmendmentAgainIsADuplicateAndChangesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, stubbed())
		e, _ := late()
		mustRecordAll(t, s, e)
		e.Merge = unwanted(t)
		mustNotChange(t, s, func() {
			got := mustRecordAll(t, s, e)[0]
			if want := (Result{Duplicate, e.Run.RunID, nil}); got != want {
				t.Errorf("RecordAll again = %+v, want %+v", got, want)
			}
		})
		mustBeWell(t, s)
	})
}

func TestADocumentThatSaysNothingNewIsAReceiptMore(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, sample(1))
		want := sample(1)
		e := Entry{Record: sample(1), Merge: func(stored Record) (Record, error) { return stored, nil }}
		e.Receipts = []Receipt{document(e.Run, "plan_z.json", "metrics")}
		if got := mustRecordAll(t, s, e)[0]; got.Outcome != Amended {
			t.Errorf("RecordAll = %+v, want amended", got)
		}
		more := e.Receipts[0]
		more.State = string(Amended)
		want.Receipts = append(want.Receipts, more)
		if diff := cmp.Diff(want, mustWhole(t, s, want.Run.RunID)); diff != "" {
			t.Errorf("run (-want +got):\n%s", diff)
		}
		mustBeWell(t, s)
	})
}

func TestAnAmendmentThatCannotBeWrittenChangesNothing(t *testing.T) {
	broken := map[string]func(*Record){
		"artifact of no run":  func(r *Record) { r.Artifacts[1].RunID = "no such run" },
		"finding of no run":   func(r *Record) { r.Findings[0].RunID = "no such run" },
		"synthesis of no run": func(r *Record) { r.Syntheses[0].RunID = "no such run" },
	}
	for name, spoil := range broken {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, s *Store) {
				mustRecord(t, s, stubbed())
				e, is := late()
				spoil(&is)
				e.Merge = func(Record) (Record, error) { return is, nil }
				mustNotChange(t, s, func() {
					got := mustRecordAll(t, s, e)[0]
					if got.Outcome != Refused || got.Err == nil || got.Err.Code != CodeRefused {
						t.Errorf("RecordAll = %+v, want refused", got)
					}
				})
				mustBeWell(t, s)
			})
		})
	}
}

func TestMergeCanRefuse(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		mustRecord(t, s, stubbed())
		e, _ := late()
		want := Contradiction(e.Run.RunID, "aa", "bb")
		mustNotChange(t, s, func() {
			e.Merge = func(Record) (Record, error) { return Record{}, want }
			if got := mustRecordAll(t, s, e)[0]; got != (Result{Refused, e.Run.RunID, want}) {
				t.Errorf("RecordAll = %+v, want %v", got, want)
			}
			e.Merge = func(Record) (Record, error) { return Record{}, errors.New("unreadable report") }
			got := mustRecordAll(t, s, e)[0]
			if got.Outcome != Refused || got.Err.Code != CodeDamaged || got.Err.Message != "unreadable report" {
				t.Errorf("RecordAll = %+v, %v, want refused", got, got.Err)
			}
		})
		mustBeWell(t, s)
	})
}

func TestMergeIsNotCalledForANewRun(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		got := mustRecordAll(t, s, Entry{Record: sample(1), Merge: unwanted(t)})
		if got[0].Outcome != Recorded {
			t.Errorf("RecordAll = %+v, want recorded", got[0])
		}
	})
}
