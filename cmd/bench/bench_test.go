package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/store/postgrestest"
)

func TestASmokeRunPrintsATableWithEveryRow(t *testing.T) {
	postgrestest.Need(t)
	var out bytes.Buffer
	if status := run(t.Context(), []string{"postgres", "-smoke"}, &out, t.Output()); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	t.Logf("\n%s", &out)
	facts, table, _ := strings.Cut(out.String(), "\n\n")
	if !regexp.MustCompile(`^\d+ cores?, PostgreSQL \d.*, fsync [\d.,]+ ms, fdatasync [\d.,]+ ms; medians of 1 round$`).MatchString(facts) {
		t.Errorf("facts are %q", facts)
	}
	for _, row := range []string{
		`what +measured +beside +ratio +target +ok`,
		`transactions over 1 connection, a store each +[\d.,]+ /s +[\d.,]+ /s pgbench -M \w+ +[\d.]+ +≥ 0.6 +(yes|missed by [\d.e+]+ %)`,
		`transactions over 2 connections, .*`,
		`runs from 4 homes at once +[\d.,]+ /s +[\d.,]+ /s from 1 home +[\d.]+ +≥ 2, or pgbench's [\d.,]+ +(yes|missed by [\d.e+]+ %)`,
		`pgbench, transactions of 64 runs +[\d.,]+ /s over 4 connections -M \w+ +[\d.,]+ /s over 1 connection -M \w+ +[\d.]+ +- +-`,
		`newest run of a spec and stage among 10,000 +[\d.,]+ µs +[\d.,]+ µs among 100 +[\d.]+ +≤ 1.5 +(yes|missed by [\d.e+]+ %)`,
		`last 10 runs among 10,000 +[\d.,]+ µs +[\d.,]+ µs pgbench -M prepared +[\d.]+ +- +-`,
	} {
		if !regexp.MustCompile(`(?m)^` + row + `$`).MatchString(table) {
			t.Errorf("no row like %s", row)
		}
	}
}

func TestASmokeRunOfSQLitePrintsATableWithEveryRow(t *testing.T) {
	evidence := ingest.Home(t.TempDir())
	if err := fill(evidence, 0, 3, contentSize); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if status := run(t.Context(), []string{"sqlite", "-smoke", "-evidence", evidence.Inbox()}, &out, t.Output()); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	t.Logf("\n%s", &out)
	facts, table, _ := strings.Cut(out.String(), "\n\n")
	if !regexp.MustCompile(`^\d+ cores?, SQLite [\d.]+, fsync [\d.,]+ ms, fdatasync [\d.,]+ ms; medians of 1 round(\nbeside (sqlite3|python3|node) v?\d[\d.]*(, .*)?)?$`).MatchString(facts) {
		t.Errorf("facts are %q", facts)
	}
	verdict := `(yes|missed by [\d.e+]+ %)`
	for _, row := range []string{
		`4 KB: runs from a backlog +[\d.,]+ /s +[\d.,]+ /s insert limit +[\d.]+ +≥ 0.55 +` + verdict,
		`40 KB: runs from a backlog +[\d.,]+ /s +([\d.,]+ /s sqlite3 shell, one transaction +[\d.]+ +≥ 2 +` + verdict + `|sqlite3 shell, one transaction: not installed +- +- +-)`,
		`40 KB: runs from a backlog +[\d.,]+ /s +([\d.,]+ /s Python, a transaction a run +[\d.]+ +≥ 4.5 +` + verdict + `|Python, a transaction a run: not installed +- +- +-)`,
		`40 KB: runs from a backlog +[\d.,]+ /s +([\d.,]+ /s DuckDB, one transaction +[\d.]+ +- +-|DuckDB, one transaction: not installed +- +- +-)`,
		`4 KB: runs from a busy inbox .*`,
		`40 KB: the database's size +[\d.]+ MB +[\d.]+ MB of contents +[\d.]+ +≤ 1.1 +` + verdict,
		`40 KB: drop to visible, idle, median +[\d.]+ ms +[\d.]+ ms to parse and commit it +[\d.]+ +≤ 4 +` + verdict,
		`40 KB: drop to visible, idle, 99 of 100 +[\d.]+ ms +10 ms promised +[\d.e-]+ +≤ 1 +` + verdict,
		`4 KB: commits under load, 999 of 1000 +.* ≤ 10 +` + verdict,
		`peak memory for 70 documents of 4 KB +[\d.]+ MB +96 MB allowed +.*`,
		`peak memory for one document of [\d.]+ MB .*`,
		`(runs|show|artifacts), a process, among 100 runs .*`,
		`newest run of a spec and stage among 1,000 +[\d.,]+ µs +[\d.,]+ µs among 100 +[\d.]+ +≤ 1.5 +` + verdict,
		`(newest run|all artifacts) of a spec and stage among 100 +[\d.,]+ µs .*full-text search.*`,
		`start after a (stop|kill) to a recorded run +[\d.,]+ ms +1,000 ms allowed +[\d.e-]+ +≤ 1 +` + verdict,
		`40 KB: archiving of contents, until durable and verified +[\d.,]+ MB/s +100 MB/s wanted +[\d.e-]+ +≥ 1 +` + verdict,
		`40 KB: likewise, until rows are deleted and space is given back +[\d.,]+ MB/s +[\d.,]+ MB/s as above +[\d.]+ +- +-`,
		`40 KB: the archive's size +[\d.]+ MB +0.201 MB of contents +[\d.]+ +≤ 0.25 +` + verdict,
		`4 KB: commits during a cleanup, 99 of 100 +[\d.,]+ ms +[\d.,]+ ms without +[\d.]+ +≤ 3 +` + verdict,
		`4 KB: commits during a backup, 99 of 100 +[\d.,]+ ms +[\d.,]+ ms without +[\d.]+ +≤ 3 +` + verdict,
		`the evidence's archive's size +[\d.]+ MB +0.0123 MB of contents +[\d.]+ +≤ 0.25 +` + verdict,
		`40 KB: cleanup of 20 runs, a process, once +[\d.]+ s +30 s allowed +[\d.e-]+ +≤ 1 +` + verdict,
		`40 KB: the database's size after cleanup of 18 of 20 runs +[\d.]+ MB +[\d.]+ MB before +[\d.]+ +≤ 0.15 +` + verdict,
		`40 KB: show of one of 18 archived runs, a process +[\d.,]+ ms +[\d.,]+ ms of an active one +[\d.]+ +≤ 5 +` + verdict,
	} {
		if !regexp.MustCompile(`(?m)^` + row + `$`).MatchString(table) {
			t.Errorf("no row like %s", row)
		}
	}
}

func TestACommandLineThatIsWrongIsRefusedBeforeAnythingStarts(t *testing.T) {
	for _, args := range []string{"", "mysql", "postgres -rounds 0", "postgres -seconds x", "postgres now", "sqlite -rounds 0", "sqlite -only [", "sqlite now"} {
		var out, said bytes.Buffer
		if status := run(t.Context(), strings.Fields(args), &out, &said); status != 2 || !strings.Contains(said.String(), "usage: bench") || out.Len() > 0 {
			t.Errorf("%q: exit status %d, said %q", args, status, &said)
		}
	}
}

var (
	// notSQL are comments, and what pgbench does itself.
	notSQL = regexp.MustCompile(`(?m)^(--|\\set).*`)
	// values are what a script has where a query has parameters.
	values = regexp.MustCompile(`VALUES \(.*\)|CAST\((''|11|@\w+) AS|(>=|<=|<|=) ('[^' ]*'( \|\| :\w+)?|[:@]\w+)`)
)

func withoutValues(sql string) string {
	return strings.Join(strings.Fields(values.ReplaceAllString(notSQL.ReplaceAllString(sql, ""), "?")), " ")
}

func TestPgbenchGetsTheStatementsOfTheStore(t *testing.T) {
	var queries strings.Builder
	files, err := filepath.Glob("../../queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		queries.WriteString(withoutValues(string(text)))
	}
	for _, name := range []string{"transaction.sql", "run.sql", "latest.sql", "last.sql"} {
		for statement := range strings.SplitSeq(withoutValues(script(name)), ";") {
			statement = strings.TrimSpace(statement)
			if statement != "" && statement != "BEGIN" && statement != "COMMIT" && !strings.Contains(queries.String(), statement) {
				t.Errorf("%s: no query is\n%s", name, statement)
			}
		}
	}
}

func TestATextHasItsSizeAndNothingToQuote(t *testing.T) {
	for size := 1; size < 200; size++ {
		if got := text(rand.New(rand.NewPCG(0, uint64(size))), size); len(got) != size || strings.ContainsAny(got, `':\"$`) {
			t.Errorf("text of %d bytes is %q", size, got)
		}
	}
}

func TestRatiosAreHeldToTheirTargets(t *testing.T) {
	var table table
	six, ten := figure{6, "/s", ""}, figure{10000, "µs", "among 10"}
	table.compare("a", six, figure{10, "/s", "pgbench"}, atLeast(0.6))
	table.compare("b", six, figure{10.1, "/s", ""}, atLeast(0.6))
	table.compare("c", ten, ten, atMost(1))
	table.compare("d", ten, six, atMost(1.5))
	table.compare("e", six, six, target{})
	table.notGiven("f", "-evidence")
	var out bytes.Buffer
	if err := table.print(&out); err != nil {
		t.Fatal(err)
	}
	const want = `what  measured            beside                ratio    target  ok
a     6 /s                10 /s pgbench         0.60     ≥ 0.6   yes
b     6 /s                10.1 /s               0.59     ≥ 0.6   missed by 0.99 %
c     10,000 µs among 10  10,000 µs among 10    1.00     ≤ 1     yes
d     10,000 µs among 10  6 /s                  1666.67  ≤ 1.5   missed by 1.1e+05 %
e     6 /s                6 /s                  1.00     -       -
f     -                   -evidence: not given  -        -       -
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}
