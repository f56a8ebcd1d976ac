package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A table is what a command prints in the end.
type table struct{ rows [][]string }

// A target is what a ratio is to be; the zero value is none.
type target struct {
	text   string
	missed func(ratio float64) bool
	by     func(ratio float64) float64 // how far a ratio that has missed it is off, as a share of it
}

func atLeast(least float64) target {
	return target{fmt.Sprintf("≥ %.3g", least), func(r float64) bool { return r < least }, func(r float64) float64 { return 1 - r/least }}
}

func atMost(most float64) target {
	return target{fmt.Sprintf("≤ %.3g", most), func(r float64) bool { return r > most }, func(r float64) float64 { return r/most - 1 }}
}

// compare adds a row about what: a figure, the one beside it, and whether the
// ratio of both is what it is to be.
func (t *table) compare(what string, measured, beside figure, want target) {
	ratio, ok := measured.value/beside.value, "-"
	switch {
	case want.missed == nil:
		want.text = "-"
	case math.IsNaN(ratio) || want.missed(ratio):
		ok = fmt.Sprintf("missed by %.2g %%", 100*want.by(ratio))
	default:
		ok = "yes"
	}
	t.rows = append(t.rows, []string{what, measured.String(), beside.String(), ratioText(ratio), want.text, ok})
}

// ratioText writes a ratio with two decimals, or two digits where it is small.
func ratioText(ratio float64) string {
	if math.Abs(ratio) < 0.1 {
		return strconv.FormatFloat(ratio, 'g', 2, 64)
	}
	return strconv.FormatFloat(ratio, 'f', 2, 64)
}

// absent adds a row about what could not be compared.
func (t *table) absent(what string, measured figure, beside string) {
	t.rows = append(t.rows, []string{what, measured.String(), beside + ": not installed", "-", "-", "-"})
}

// notGiven adds a row about what was not measured for want of a flag.
func (t *table) notGiven(what, flag string) {
	t.rows = append(t.rows, []string{what, "-", flag + ": not given", "-", "-", "-"})
}

func (t *table) print(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "what\tmeasured\tbeside\tratio\ttarget\tok")
	for _, cells := range t.rows {
		fmt.Fprintln(columns, strings.Join(cells, "\t"))
	}
	return columns.Flush()
}

// A figure is a number that was measured, and of what.
type figure struct {
	value float64
	unit  string
	of    string
}

func (f figure) String() string {
	text := []string{number(f.value)}
	for _, word := range []string{f.unit, f.of} {
		if word != "" {
			text = append(text, word)
		}
	}
	return strings.Join(text, " ")
}

// number writes a number with a comma before every three digits, and with
// decimals where it has less than three digits.
func number(v float64) string {
	if math.Abs(v) < 100 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	sign := ""
	if v < 0 {
		sign = "-"
	}
	digits := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprint(n, " ", noun)
}
