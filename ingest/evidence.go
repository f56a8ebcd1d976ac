package ingest

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/consensusd/consensusd/schema"
	"github.com/consensusd/consensusd/store"
)

// evidence is all that is known about one run: what its documents say, put
// together so that the order in which they came does not matter.
type evidence struct {
	runID, spec, stage string
	answers            []answer
	syntheses          []synthesis
	receipts           []store.Receipt // of the documents; each holds its report
	reports            []report        // of the receipts, in their order
	late               []string        // agents whose artifact came after the run was recorded
}

// evidenceOf puts the documents of one run together. There is at least one.
func evidenceOf(docs []*document, now time.Time) *evidence {
	docs = slices.SortedFunc(slices.Values(docs), func(a, b *document) int {
		return cmp.Or(cmp.Compare(kindRank[a.Kind], kindRank[b.Kind]), cmp.Compare(a.Path, b.Path), cmp.Compare(a.SHA256, b.SHA256))
	})
	lead := docs[0]
	e := &evidence{spec: lead.Spec, stage: lead.Stage}
	for _, d := range docs {
		if e.runID == "" {
			e.runID = d.RunID
		}
		e.addDocument(d, now)
	}
	e.sort()
	if e.runID == "" {
		e.runID = store.RunID(e.time(), lead.runIdentity()...)
	}
	return e
}

// runIdentity is what tells the run of this document, which gives no run_id,
// from other runs of the same moment. Parts are told by spec and stage; run
// documents that say different things are different runs, unless the runner's
// own stamp in their names says that they are one.
func (d *document) runIdentity() []string {
	identity := []string{d.Spec, d.Stage}
	if d.Kind != docRun || !d.NameTime.IsZero() {
		return identity
	}
	for _, a := range d.Answers {
		identity = append(identity, a.Agent, a.Content, a.Error)
	}
	if d.Synthesis != nil {
		identity = append(identity, d.Synthesis.Content)
	}
	return identity
}

func (e *evidence) addDocument(d *document, now time.Time) {
	d.Report.Spec, d.Report.Stage = d.Spec, d.Stage
	var own time.Time // of what has no time of its own
	if d.Report.Rank < timeOfFile {
		own = time.UnixMilli(d.Report.At).UTC()
	}
	for _, a := range d.Answers {
		a.Created = cmp.Or(a.Created, own)
		a.Error = cmp.Or(a.Error, a.Metadata.failure())
		if standsIn(a.Content, a.Metadata) {
			a.Metadata = a.Metadata.without(metadataSource)
		}
		e.answers = append(e.answers, a)
	}
	if d.Synthesis != nil {
		y := *d.Synthesis
		y.Created = cmp.Or(y.Created, own)
		e.syntheses = append(e.syntheses, y)
	}
	e.receipts = append(e.receipts, d.receipt(now))
	e.reports = append(e.reports, d.Report)
}

// receipt is the row that says what became of the document.
func (d *document) receipt(now time.Time) store.Receipt {
	return store.Receipt{
		SHA256: d.SHA256, Identity: d.Identity, Path: shorten(d.Path, 4096), Bytes: d.Bytes, Kind: string(d.Kind),
		RunID: d.RunID, Reason: shorten(strings.Join(d.Warnings, "; "), maxReason), Report: schema.Object(jsonText(d.Report)),
		Attempts: 1, FirstSeen: now.Unix(), SettledAt: now.Unix(),
	}
}

// storedEvidence is what is known about a run that is recorded.
func storedEvidence(r store.Record) (*evidence, error) {
	e := &evidence{runID: r.Run.RunID, spec: r.Run.SpecID, stage: r.Run.Stage, receipts: r.Receipts}
	for _, receipt := range r.Receipts {
		var rep report
		if err := json.Unmarshal([]byte(receipt.Report), &rep); err != nil {
			return nil, errors.New("receipt " + receipt.SHA256 + " holds no report: " + err.Error())
		}
		e.reports = append(e.reports, rep)
	}
	for _, a := range r.Artifacts {
		m := membersOf([]byte(a.Metadata))
		if standsIn(a.Content, m) {
			continue // the metrics are in a report
		}
		e.answers = append(e.answers, answer{
			Agent: a.Agent, Content: a.Content, Metadata: m, Error: m.failure(),
			Created: store.Time(a.CreatedAt), id: a.ArtifactID,
		})
	}
	for _, y := range r.Syntheses {
		m := membersOf([]byte(y.Metadata))
		e.syntheses = append(e.syntheses, synthesis{Content: y.SynthesizedContent, Metadata: m, Created: store.Time(y.CreatedAt), id: y.SynthesisID})
	}
	for _, f := range r.Findings {
		if f.Code == findLate {
			e.late = append(e.late, f.Agent)
		}
	}
	return e, nil
}

// add takes in evidence that came after e was recorded. A run document that
// differs from the one recorded contradicts it.
func (e *evidence) add(more *evidence) *store.RefusedError {
	answers, syntheses := e.missingOf(more)
	if err := e.contradiction(more, len(answers)+len(syntheses) > 0); err != nil {
		return err
	}
	var late []string
	for _, a := range answers {
		late = append(late, a.Agent)
	}
	e.late = union(e.late, late)
	e.answers = slices.Concat(e.answers, more.answers)
	e.syntheses = slices.Concat(e.syntheses, more.syntheses)
	e.receipts = slices.Concat(e.receipts, more.receipts)
	e.reports = slices.Concat(e.reports, more.reports)
	e.sort()
	return nil
}

// missingOf returns what other has and e has not.
func (e *evidence) missingOf(other *evidence) (answers []answer, syntheses []synthesis) {
	type key struct{ agent, content string }
	have := map[key]bool{}
	for _, a := range e.answers {
		have[key{a.Agent, a.Content}] = true
	}
	for _, a := range other.answers {
		if !have[key{a.Agent, a.Content}] {
			answers = append(answers, a)
		}
	}
	clear(have)
	for _, y := range e.syntheses {
		have[key{"", y.Content}] = true
	}
	for _, y := range other.syntheses {
		if !have[key{"", y.Content}] {
			syntheses = append(syntheses, y)
		}
	}
	return answers, syntheses
}

// contradiction returns an error when both have a run document and the two say
// different things; the same in another layout is no contradiction.
func (e *evidence) contradiction(more *evidence, differ bool) *store.RefusedError {
	isRun := func(r store.Receipt) bool { return r.Kind == string(docRun) }
	old, new := slices.IndexFunc(e.receipts, isRun), slices.IndexFunc(more.receipts, isRun)
	if old < 0 || new < 0 || e.receipts[old].SHA256 == more.receipts[new].SHA256 {
		return nil
	}
	if !differ && jsonText(e.reports[old]) == jsonText(more.reports[new]) {
		return nil
	}
	return store.Contradiction(e.runID, e.receipts[old].SHA256, more.receipts[new].SHA256)
}

// sort makes the evidence independent of the order in which it came.
func (e *evidence) sort() {
	order := make([]int, len(e.receipts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := e.receipts[i], e.receipts[j]
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.SHA256, b.SHA256), cmp.Compare(a.Identity, b.Identity))
	})
	receipts, reports := make([]store.Receipt, len(order)), make([]report, len(order))
	for to, from := range order {
		receipts[to], reports[to] = e.receipts[from], e.reports[from]
	}
	e.receipts, e.reports = receipts, reports
	e.answers = joined(e.answers, answer.compare, answer.join)
	e.syntheses = joined(e.syntheses, synthesis.compare, synthesis.join)
}

// joined sorts a list and joins what is the same.
func joined[T any](list []T, compare func(a, b T) int, join func(a, b T) T) []T {
	var each []T
	for _, x := range slices.SortedFunc(slices.Values(list), compare) {
		if n := len(each); n > 0 && compare(each[n-1], x) == 0 {
			each[n-1] = join(each[n-1], x)
			continue
		}
		each = append(each, x)
	}
	return each
}

func (a answer) compare(b answer) int {
	return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Content, b.Content))
}

// join puts together what two documents say about one answer, the same
// whichever came first: if one of them says that it failed, it did.
func (a answer) join(b answer) answer {
	a.id, a.Error = cmp.Or(a.id, b.id), least(a.Error, b.Error)
	a.Created, a.Metadata = firstOf(a.Created, b.Created), a.Metadata.join(b.Metadata)
	return a
}

func (y synthesis) compare(z synthesis) int { return cmp.Compare(y.Content, z.Content) }

func (y synthesis) join(z synthesis) synthesis {
	y.id = cmp.Or(y.id, z.id)
	y.Created, y.Metadata = firstOf(y.Created, z.Created), y.Metadata.join(z.Metadata)
	return y
}

// firstOf returns the earlier of two times, of which either may not be known.
func firstOf(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// least returns the lesser of two texts, of which either may be missing.
func least(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// time is the run's time: the best known, and of those the earliest.
func (e *evidence) time() time.Time {
	best := slices.MinFunc(e.reports, func(a, b report) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.At, b.At))
	})
	return time.UnixMilli(best.At).UTC()
}

// maxReason bounds the reason in a receipt, which quotes what agents wrote.
const maxReason = 1000
