package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// columnGap stands between two columns.
const columnGap = "  "

// print writes rows under a header as aligned columns. On a terminal that is
// too narrow the columns named in give are cut.
func (s *screen) print(header []string, rows [][]string, give ...int) {
	if s.width > 0 && len(give) > 0 {
		fit(header, rows, s.width, give)
	}
	head := make([]string, len(header))
	for i, h := range header {
		head[i] = s.paint(text.Bold, h)
	}
	for _, line := range aligned(slices.Concat([][]string{head}, rows)) {
		fmt.Fprintln(s, line)
	}
}

// mostWidth is how wide a cell may make its column. One that is wider moves the rest
// of its own row alone.
const mostWidth = 64

// cellWidth is what a cell takes on the screen.
func cellWidth(cell string) int { return text.StringWidthWithoutEscSequences(cell) }

// columnWidth is how wide a column is, but for cells wider than most.
func columnWidth(rows [][]string, column, most int) (width int) {
	for _, r := range rows {
		if w := cellWidth(r[column]); w <= most {
			width = max(width, w)
		}
	}
	return width
}

// aligned returns rows as lines, each column as wide as its widest cell. A column
// in which nothing is said is left out.
func aligned(rows [][]string) []string {
	if len(rows) == 0 {
		return nil
	}
	lines := make([]string, len(rows))
	for column := range rows[0] {
		if !slices.ContainsFunc(rows, func(r []string) bool { return r[column] != "" }) {
			continue
		}
		width := columnWidth(rows, column, mostWidth)
		for i, r := range rows {
			lines[i] += r[column] + strings.Repeat(" ", max(width-cellWidth(r[column]), 0)) + columnGap
		}
	}
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return lines
}

// leastWidth is what a column that gives way keeps.
const leastWidth = 16

// fit cuts the columns in give, always the widest of them, until a row fits.
func fit(header []string, rows [][]string, width int, give []int) {
	widths := make([]int, len(header))
	total := len(columnGap) * (len(header) - 1)
	for i := range header {
		most := mostWidth
		if slices.Contains(give, i) {
			most = math.MaxInt
		}
		widths[i] = max(cellWidth(header[i]), columnWidth(rows, i, most))
		total += widths[i]
	}
	for ; total > width; total-- {
		widest := slices.MaxFunc(give, func(a, b int) int { return cmp.Compare(widths[a], widths[b]) })
		if widths[widest] <= leastWidth {
			break // let the terminal wrap
		}
		widths[widest]--
	}
	for _, column := range give {
		for _, r := range rows {
			r[column] = shortened(r[column], widths[column])
		}
	}
}
