package main

import (
	"cmp"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
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
	t := table.NewWriter()
	t.SetStyle(table.Style{
		Name:    "plain",
		Box:     table.BoxStyle{PaddingRight: columnGap},
		Options: table.Options{},
	})
	t.SuppressTrailingSpaces()
	head := make(table.Row, len(header))
	for i, h := range header {
		head[i] = s.paint(text.Bold, h)
	}
	t.AppendHeader(head)
	for _, cells := range rows {
		row := make(table.Row, len(cells))
		for i, c := range cells {
			row[i] = c
		}
		t.AppendRow(row)
	}
	s.Write([]byte(t.Render() + "\n"))
}

// leastWidth is what a column that gives way keeps.
const leastWidth = 12

// fit cuts the columns in give, always the widest of them, until a row fits.
func fit(header []string, rows [][]string, width int, give []int) {
	widths := make([]int, len(header))
	total := len(columnGap) * (len(header) - 1)
	for i := range header {
		widths[i] = text.StringWidthWithoutEscSequences(header[i])
		for _, r := range rows {
			widths[i] = max(widths[i], text.StringWidthWithoutEscSequences(r[i]))
		}
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
