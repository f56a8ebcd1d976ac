package torture

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A yearRun is a run of the year, and where the rules say that it is.
type yearRun struct {
	id, spec string
	at       time.Time
	tier     string
	pinned   bool
}

const yearDay = 24 * time.Hour

// A year is a project's year: what was recorded, and by a model of the rules that
// shares nothing with the program, where it must be.
type year struct {
	*life
	runs  []*yearRun
	words *rand.Rand
	kills int
	fulls int
	pins  int // and of them
	freed int
}

// A year of a project: runs every day, two killed cleanups, a full disk, pins and
// specs that fall quiet. Every run ends in the tier that the rules promise, with
// the content it was recorded with.
func TestAYearOfAProjectEndsWithEveryRunInItsTier(t *testing.T) {
	y := &year{life: newLife(t), words: rand.New(rand.NewPCG(1, 2025))}
	y.onSmallDisk(64)
	step := 7
	if long {
		step = 1
	}
	begin := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := 0; day < 365; day += step {
		for d := day; d < min(day+step, 365); d++ {
			y.work(begin.Add(time.Duration(d) * yearDay))
		}
		y.run("ingest")
		now := begin.Add(time.Duration(min(day+step, 365)) * yearDay)
		switch week := day / 7; {
		case day%7 == 0 && week == 20:
			y.killedCleanup(now, "archived:1")
		case day%7 == 0 && week == 35:
			y.killedCleanup(now, "committed:1")
		case day%7 == 0 && week == 27:
			y.fullDisk(now)
		case day%7 == 0 && week == 10:
			y.pin(5)
		case day%7 == 0 && week == 40:
			y.unpin()
		}
		y.cleanup(now)
	}
	y.compare()
	y.missedNothing()
	y.run("archive", "verify")
	y.run("verify")
	tell(t, "%d runs of a year, %d killed cleanups, %d full disks; lost 0, doubled 0, partial 0; %s", len(y.runs), y.kills, y.fulls, y.sizes())
}

// work drops the runs of a day: BUSY has one every day, MONTHLY one a month, and
// each month has a spec of its own that falls quiet.
func (y *year) work(day time.Time) {
	add := func(spec string) {
		id := fmt.Sprintf("%s-%s", strings.ToLower(spec), day.Format(time.DateOnly))
		var text strings.Builder
		for text.Len() < 4000 {
			text.WriteString([]string{"cart ", "checkout ", "first ", "then ", "the ", "stage ", "agent ", "plans "}[y.words.IntN(8)])
		}
		y.drop(id, spec, day.Format(time.DateOnly), text.String())
		y.runs = append(y.runs, &yearRun{id: id, spec: spec, at: day.Add(12 * time.Hour), tier: "active"})
	}
	add("SPEC-" + day.Format("01"))
	if day.Before(time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)) {
		add("BUSY")
	}
	if day.Day() == 1 {
		add("MONTHLY")
	}
}

func (y *year) cleanup(now time.Time) {
	y.run("cleanup", "--at", now.Format(time.RFC3339))
	y.apply(now)
}

// apply is the rules, by the words of the documentation: what is in the archive
// for long enough is deleted, what is active for long enough is archived, unless it
// is pinned or its spec has a run of the last seven days.
func (y *year) apply(now time.Time) {
	active := map[string]bool{}
	for _, r := range y.runs {
		if r.tier == "active" && !r.at.Before(now.Add(-7*yearDay)) {
			active[r.spec] = true
		}
	}
	for _, r := range y.runs {
		age := now.Sub(r.at)
		switch {
		case r.tier == "archived" && age > 120*yearDay:
			r.tier = "deleted"
		case r.tier == "active" && age > 30*yearDay && !r.pinned && !active[r.spec]:
			r.tier = "archived"
		}
	}
}

// killedCleanup is a cleanup that dies; the next one goes on where it ended.
func (y *year) killedCleanup(now time.Time, at string) {
	y.t.Helper()
	out, err := y.try([]string{"CONSENSUSD_DIE_AT=" + at}, "cleanup", "--at", now.Format(time.RFC3339))
	if !killed(err) {
		y.t.Errorf("cleanup was not killed at %s: %v\n%s", at, err, out)
	}
	y.kills++
	y.run("verify")
}

// fullDisk is a cleanup without room for the archive: it leaves everything as it
// was.
func (y *year) fullDisk(now time.Time) {
	y.t.Helper()
	before := y.run("runs", "--json", "-n", "100000")
	ballast := filepath.Join(y.root, filepath.Dir(y.home), "ballast")
	fill(y.t, ballast)
	out, err := y.try(nil, "cleanup", "--at", now.Format(time.RFC3339))
	if err == nil || !strings.Contains(out, "no space left on device") {
		y.t.Errorf("cleanup on a full disk: %v\n%s", err, out)
	}
	y.fulls++
	if err := os.Remove(ballast); err != nil {
		y.t.Fatal(err)
	}
	if diff := cmp.Diff(before, y.run("runs", "--json", "-n", "100000")); diff != "" {
		y.t.Errorf("a full disk changed what is recorded:\n%s", diff)
	}
	y.run("verify")
}

// pin pins the first runs that are active.
func (y *year) pin(n int) {
	for _, r := range y.runs {
		if n > 0 && r.tier == "active" && r.spec != "BUSY" {
			y.run("pin", r.id)
			r.pinned = true
			y.pins++
			n--
		}
	}
}

// unpin lets one of the pinned runs go.
func (y *year) unpin() {
	i := slices.IndexFunc(y.runs, func(r *yearRun) bool { return r.pinned })
	y.run("unpin", y.runs[i].id)
	y.runs[i].pinned = false
	y.freed++
}

// missedNothing looks whether all that is to happen in a year has.
func (y *year) missedNothing() {
	y.t.Helper()
	if y.kills != 2 || y.fulls != 1 || y.pins != 5 || y.freed != 1 || len(y.runs) != 365+243+12 {
		y.t.Errorf("%d killed cleanups, %d full disks, %d pins, %d of them taken back, %d runs: something was left out", y.kills, y.fulls, y.pins, y.freed, len(y.runs))
	}
	var kept int
	for _, r := range y.runs {
		if r.pinned && r.tier == "active" {
			kept++
		}
	}
	if kept != y.pins-y.freed {
		y.t.Errorf("%d pinned runs are active, want %d", kept, y.pins-y.freed)
	}
}

// compare asks for every run where it is, and for some what they say.
func (y *year) compare() {
	y.t.Helper()
	tiers := map[string]string{}
	for _, list := range [][]string{{"active"}, {"archived", "--archived"}} {
		for _, id := range y.listed(list[1:]...) {
			if tiers[id] != "" {
				y.t.Errorf("%s is %s and %s", id, tiers[id], list[0])
			}
			tiers[id] = list[0]
		}
	}
	count := map[string]int{}
	for i, r := range y.runs {
		count[r.tier]++
		is := tiers[r.id]
		delete(tiers, r.id)
		if is == "" || i%20 == 0 {
			var whole map[string]any
			if is, whole = y.shown(r.id); whole != nil && len(whole["artifacts"].([]any)) != 2 {
				y.t.Errorf("%s is partial: %v", r.id, whole)
			}
		}
		if is != r.tier {
			y.t.Errorf("%s of %s is %s, not %s", r.id, r.at.Format(time.DateOnly), is, r.tier)
		}
	}
	if len(tiers) > 0 {
		y.t.Errorf("nobody recorded %v", tiers)
	}
	if count["active"] == 0 || count["archived"] == 0 || count["deleted"] == 0 {
		y.t.Errorf("the year has no run in one of the tiers: %v", count)
	}
	y.t.Logf("%v", count)
}

func (y *year) listed(flags ...string) (ids []string) {
	out := y.run(append([]string{"runs", "-n", "100000", "--quiet"}, flags...)...)
	for line := range strings.Lines(out) {
		if words := strings.Fields(line); words[0] != "TIME" {
			ids = append(ids, words[len(words)-1])
		}
	}
	return ids
}
