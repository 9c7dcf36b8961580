package cli

import (
	"cmp"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/lazi/lazisync/internal/display"
)

// table prints rows of text, one line for each, and leaves columns without any text out. If the
// rows are wider than the terminal, the flexible column is shortened, then optional columns are
// left out.
type table struct {
	header   []string
	rows     [][]string
	flexible int   // index of the column that may be shortened
	least    int   // width below which the flexible column is not shortened; 0 for 8
	optional []int // indexes of columns that may be left out, the least important first
}

const (
	columnGap    = 2
	defaultLeast = 8
)

// add appends a row with one cell for each column. Control characters and line breaks become
// blanks, so that a row stays one line.
func (t *table) add(cells ...string) {
	for i, cell := range cells {
		cells[i] = display.OneLine(cell)
	}
	t.rows = append(t.rows, cells)
}

// print writes the header and all rows, at most width characters wide if width is not 0.
func (t *table) print(out io.Writer, width int) error {
	widths := t.fit(width)
	var b strings.Builder
	for _, row := range append([][]string{t.header}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			cell = display.Shorten(cell, widths[i])
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+columnGap)
			if hasStates := t.header[i] == "STATE" || t.header[i] == "STATUS"; hasStates {
				cell = paint(out, cell)
			}
			line.WriteString(cell + padding)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// fit returns the width of each column; 0 leaves the column out.
func (t *table) fit(width int) []int {
	widths := make([]int, len(t.header))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i, title := range t.header {
		if widths[i] > 0 {
			widths[i] = max(widths[i], utf8.RuneCountInString(title))
		}
	}
	total := func() int {
		sum := -columnGap
		for _, w := range widths {
			if w > 0 {
				sum += w + columnGap
			}
		}
		return sum
	}
	for _, leftOut := range append([]int{-1}, t.optional...) {
		if leftOut >= 0 {
			widths[leftOut] = 0
		}
		excess := total() - width
		if width == 0 || excess <= 0 {
			return widths
		}
		if flexible := widths[t.flexible]; flexible > 0 && flexible-excess >= cmp.Or(t.least, defaultLeast) {
			widths[t.flexible] -= excess
			return widths
		}
	}
	if flexible := widths[t.flexible]; flexible > 0 {
		widths[t.flexible] = min(flexible, max(defaultLeast, flexible-(total()-width)))
	}
	return widths
}
