package main

import (
	"fmt"
	"math"
	"strings"
)

// table is a result. Its values are numbers or strings.
type table struct {
	Title   string   `json:"title"`
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`

	hidden bool // only in the JSON file
}

// markdown renders the table for docs/performance.md.
func (t table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", t.Title)
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.Columns)
	rule := make([]string, len(t.Columns))
	for i := range rule {
		rule[i] = "---:"
		if _, isText := t.Rows[0][i].(string); isText {
			rule[i] = "---"
		}
	}
	line(rule)
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, value := range row {
			cells[i] = text(value)
		}
		line(cells)
	}
	return b.String()
}

// text renders a value with at most three significant decimals.
func text(value any) string {
	f, ok := value.(float64)
	switch size := math.Abs(f); {
	case !ok:
		return fmt.Sprint(value)
	case size >= 100:
		return fmt.Sprintf("%.0f", f)
	case size >= 10:
		return fmt.Sprintf("%.1f", f)
	case size >= 0.1 || size == 0:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.3f", f)
}
