package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// RunStates are the states that Run.ReportedState returns, open ones first.
var RunStates = []RunState{Running, Paused, Completed, Failed, Cancelled}

// RunFilter selects runs. Zero fields select all.
type RunFilter struct {
	TenantID events.TenantID
	State    RunState // as Run.ReportedState returns it
	Mode     events.Mode
	Entity   string
	Since    time.Time // only runs that began at this time or later
	Before   int64     // only runs with a lower number: the cursor of the next page
}

// IsZero reports whether the filter selects all runs.
func (f RunFilter) IsZero() bool { return f == RunFilter{} }

// Check returns an error for each field whose value cannot exist. The paths of the errors are
// state, mode and entity.
func (f RunFilter) Check() []events.FieldError {
	states := make([]string, len(RunStates))
	for i, s := range RunStates {
		states[i] = string(s)
	}
	var errs []events.FieldError
	for _, c := range []struct {
		path, got string
		known     []string
		kind      string
	}{
		{"state", string(f.State), states, "state"},
		{"mode", string(f.Mode), events.ModeNames(), "mode"},
		{"entity", f.Entity, entity.Names(), "entity"},
	} {
		if c.got != "" && !slices.Contains(c.known, c.got) {
			errs = append(errs, events.FieldError{Path: c.path, Got: fmt.Sprintf("%q", c.got), Want: wantOneOf(c.kind, c.got, c.known)})
		}
	}
	return errs
}

// wantOneOf returns the nearest of the known names, or all if they are few.
func wantOneOf(kind, got string, known []string) string {
	if nearest, ok := events.Nearest(got, known); ok {
		return nearest
	}
	if len(known) > 10 {
		return "a known " + kind + "; lazisync entities lists them"
	}
	return "one of " + strings.Join(known, ", ")
}
