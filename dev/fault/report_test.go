package fault

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// results are the rows of the report, by test.
var results = &report{rows: map[string]*row{}}

type report struct {
	mu   sync.Mutex
	rows map[string]*row
}

// row is the result of a fault, over all runs of its test.
type row struct {
	name           string
	runs, failed   int
	lost, repeated int
	recovered      time.Duration // the longest
}

// of finds or makes the row of a test.
func (r *report) of(test string) *row {
	test, _, _ = strings.Cut(test, "/")
	one := r.rows[test]
	if one == nil {
		one = &row{name: title(test)}
		r.rows[test] = one
	}
	return one
}

// begin counts a run of a test, and its failure when it ends.
func (r *report) begin(t *testing.T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.of(t.Name())
	one.runs++
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if t.Failed() {
			one.failed++
		}
	})
}

// record adds the findings of the oracle and the recovery time.
func (r *report) record(t *testing.T, lost, repeated int, recovered time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.of(t.Name())
	one.lost += lost
	one.repeated += repeated
	one.recovered = max(one.recovered, recovered)
}

var (
	afterName   = regexp.MustCompile(`([A-Z]+)([A-Z][a-z])`)
	betweenWord = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// title makes "01 bridge killed" of TestFault01BridgeKilled.
func title(test string) string {
	name := strings.ReplaceAll(strings.TrimPrefix(test, "TestFault"), "PostgreSQL", "Postgresql")
	name = betweenWord.ReplaceAllString(afterName.ReplaceAllString(name, "$1 $2"), "$1 $2")
	return strings.ToLower(name)
}

func (r *report) print(out io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rows) == 0 {
		return
	}
	rows := make([]*row, 0, len(r.rows))
	for _, one := range r.rows {
		rows = append(rows, one)
	}
	slices.SortFunc(rows, func(a, b *row) int { return strings.Compare(a.name, b.name) })
	fmt.Fprintf(out, "\n%-66s %4s %5s %8s %12s\n", "fault", "runs", "lost", "repeated", "recovered in")
	for _, one := range rows {
		note := ""
		if one.failed > 0 {
			note = fmt.Sprintf("  FAILED %d", one.failed)
		}
		fmt.Fprintf(out, "%-66s %4d %5d %8d %10.1f s%s\n", one.name, one.runs, one.lost, one.repeated, one.recovered.Seconds(), note)
	}
}
