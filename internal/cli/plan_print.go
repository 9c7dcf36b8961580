package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
)

// planView is a plan as `lazisync plan --json` prints it. Its JSON is public.
type planView struct {
	TenantID          events.TenantID `json:"tenantId"`
	Mode              events.Mode     `json:"mode"`
	Entities          []plannedEntity `json:"entities"`
	Calls             int64           `json:"calls"`             // of all entities
	IsLeast           bool            `json:"atLeast,omitempty"` // it may be more calls
	Seconds           int64           `json:"seconds"`           // that the rate budget needs for the calls
	RequestsPerSecond float64         `json:"requestsPerSecond"`
	Unknown           []string        `json:"unknown"` // what the counts do not tell
}

func (p *planner) view() planView {
	v := planView{TenantID: p.tenant.ID, Mode: p.o.Mode, Entities: p.planned, RequestsPerSecond: p.tenant.RequestsPerSecond, Unknown: planUnknown(p.o.Mode)}
	for _, e := range p.planned {
		v.Calls += e.Calls
		v.IsLeast = v.IsLeast || e.IsLeast || e.Error != ""
	}
	v.Seconds = int64(float64(v.Calls)/v.RequestsPerSecond + 0.999)
	return v
}

// planUnknown lists what the counts of a mode do not tell.
func planUnknown(mode events.Mode) (unknown []string) {
	const deleted = "records of feeds are counted in their lists, which do not have deleted records: a feed may bring more"
	switch mode {
	case events.Full:
		return []string{
			deleted,
			"the rows that the sync would mark as deleted: the difference is the number of live rows less that of records, and new records hide missing ones",
			"calls that look up rows that were not found, one for 50 rows",
		}
	case events.Verify:
		return []string{deleted, "calls of the second look at what seems to differ"}
	}
	return []string{
		"records are counted by their time of modification: a feed may bring more, and a list without such a filter is read whole",
		"records that change before the sync",
	}
}

// print prints the plan for people.
func (v planView) print(out io.Writer) error {
	title := strings.ToLower(v.Mode.Info().Title)
	fmt.Fprintf(out, "Plan of one %s of tenant %s, %s. Nothing was requested.\n\n", title, v.TenantID, display.Count(len(v.Entities), "entity"))
	t := &table{
		header:   []string{"ENTITY", "READS", "RECORDS", "CALLS", "ROWS", "DIFFERENCE", "NOTE"},
		flexible: 6, least: 16, optional: []int{1, 4},
	}
	for _, e := range v.Entities {
		calls, note := leastText(e.Calls, e.IsLeast), e.Note
		switch {
		case e.Error != "":
			calls, note = "-", e.Error
		case e.Skipped != "":
			calls, note = "0", "skipped: "+e.Skipped
		}
		t.add(e.Entity, e.Reads, countText(e.Records, "unknown"), calls, countText(e.Rows, ""), countText(e.Difference, ""), note)
	}
	if err := t.print(out, terminalWidth(out)); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nCalls of the API: %s. The rate budget of %v calls a second needs at least %s for them.\n",
		leastText(v.Calls, v.IsLeast), v.RequestsPerSecond, time.Duration(v.Seconds)*time.Second)
	_, err := fmt.Fprintf(out, "Not known from counts:\n  - %s\n", strings.Join(v.Unknown, "\n  - "))
	return err
}

// leastText formats a number that may be a minimum.
func leastText(n int64, isLeast bool) string {
	if isLeast {
		return "at least " + display.Thousands(n)
	}
	return display.Thousands(n)
}

// countText formats a number. It returns none if n is nil.
func countText(n *int64, none string) string {
	if n == nil {
		return none
	}
	return display.Thousands(*n)
}
