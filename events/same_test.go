package events

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsSame(t *testing.T) {
	t.Parallel()
	attributes := Attributes{ID: "x", Source: "/lazisync"}
	run := RunData{TenantID: "42", Mode: Full, WorkflowID: "full-sync-1", RunID: "r1", RunNumber: 7, Entities: []string{"jobs"}, Requests: []RequestRef{{RequestID: "9c1162753735aa94a122", Source: "/a", ID: "e1"}}}
	fewer, other, recreated := run, run, run
	fewer.Requests, other.RunNumber, recreated.RunID = nil, 8, "r2"
	answer := AcceptedData{Kind: KindRequest, RequestID: "9c1162753735aa94a122", Event: EventRef{Source: "/a", ID: "e1"}, WorkflowID: "full-sync-1", Duplicate: true, Message: "SYNC_COMMANDS-12-1772366400000000000"}
	late, another, first, unnamed := answer, answer, answer, answer
	late.Outcome, another.Message, first.Duplicate, unnamed.Message = &OutcomeRef{Type: Completed.Name, RunNumber: 7}, "SYNC_COMMANDS-13-1772366400000000000", false, ""
	lateUnnamed := late
	lateUnnamed.Message = ""
	conflict := RejectedData{Kind: KindControl, Subject: Control.Subject, Code: CodeConflict, Reason: "id: used"}
	expired := RejectedData{Kind: KindControl, Subject: Control.Subject, Code: CodeExpired, Reason: "9 deliveries"}
	for name, c := range map[string]struct {
		stored, event Event
		want          bool
	}{
		"equal":          {event(t, Accepted, attributes, first), event(t, Accepted, attributes, first), true},
		"another type":   {event(t, Started, attributes, StartedData{RunData: run}), event(t, Paused, attributes, ControlledData{RunData: run}), false},
		"another id":     {event(t, Started, attributes, StartedData{RunData: run}), event(t, Started, Attributes{ID: "y", Source: "/lazisync"}, StartedData{RunData: run}), false},
		"another source": {event(t, Started, attributes, StartedData{RunData: run}), event(t, Started, Attributes{ID: "x", Source: "/other"}, StartedData{RunData: run}), false},
		"a repetition, answered with the outcome": {event(t, Accepted, attributes, answer), event(t, Accepted, attributes, late), true},
		"another repetition":                      {event(t, Accepted, attributes, answer), event(t, Accepted, attributes, another), false},
		"a first answer":                          {event(t, Accepted, attributes, first), event(t, Accepted, attributes, late), false},
		"a repetition of an earlier version":      {event(t, Accepted, attributes, unnamed), event(t, Accepted, attributes, lateUnnamed), false},
		"a start, after a request was cancelled":  {event(t, Started, attributes, StartedData{RunData: run}), event(t, Started, attributes, StartedData{RunData: fewer}), true},
		"a start of another run":                  {event(t, Started, attributes, StartedData{RunData: run}), event(t, Started, attributes, StartedData{RunData: other}), false},
		"a start, after the ledger was recreated": {event(t, Started, attributes, StartedData{RunData: run}), event(t, Started, attributes, StartedData{RunData: recreated}), false},
		"a pause, after a request was cancelled":  {event(t, Paused, attributes, ControlledData{RunData: run}), event(t, Paused, attributes, ControlledData{RunData: fewer}), true},
		"a resume, after a request was cancelled": {event(t, Resumed, attributes, ControlledData{RunData: run}), event(t, Resumed, attributes, ControlledData{RunData: fewer}), true},
		"a pause of another run":                  {event(t, Paused, attributes, ControlledData{RunData: run}), event(t, Paused, attributes, ControlledData{RunData: other}), false},
		"a rejection, for another reason":         {event(t, Rejected, attributes, conflict), event(t, Rejected, attributes, expired), true},
		"an outcome never changes":                {event(t, Completed, attributes, OutcomeData{RunData: run}), event(t, Completed, attributes, OutcomeData{RunData: fewer}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, IsSame(c.stored, c.event))
		})
	}
}

func event[T any](t *testing.T, typ Type[T], a Attributes, data T) Event {
	t.Helper()
	e, err := typ.New(a, data)
	require.NoError(t, err)
	return e
}
