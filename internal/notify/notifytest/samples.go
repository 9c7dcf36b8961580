package notifytest

import (
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/notify"
)

// Channel is the channel of the sample notifications.
const Channel = "#sync-alerts"

// Ended is the time at which the sample run ended.
var Ended = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Run returns the data of a run that completed.
func Run() events.OutcomeData {
	return events.OutcomeData{
		RunData: events.RunData{
			TenantID: "1001", Mode: events.Full, WorkflowID: "full-sync-0123456789abcdef0123", RunID: "r1", RunNumber: 42,
			Entities: []string{"customers", "jobs"},
			Requests: []events.RequestRef{{RequestID: "0123456789abcdef0123", Source: "/test", ID: "a"}},
		},
		StartedAt: Ended.Add(-134 * time.Second), FinishedAt: Ended,
		Results: []events.Result{
			{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Pages: 20, Fetched: 100000, Inserted: 1234, Unchanged: 98766}},
			{Entity: "jobs", Status: events.StatusCompleted, Counts: events.Counts{Pages: 1, Fetched: 1, Updated: 1}},
		},
		Notify: []string{Channel},
	}
}

// Completed returns a notification about that run.
func Completed() notify.Notification {
	return notify.Notification{To: Channel, Outcome: notify.Completed, Run: Run(), EventID: "run-42/1/com.lazi.sync.completed.v1", At: Ended}
}

// Rejected returns a notification about a rejected command.
func Rejected() notify.Notification {
	return notify.Notification{
		To: Channel, Outcome: notify.Rejected, EventID: "SYNC_COMMANDS-12-1772366400000000000/rejected", At: Ended,
		Command: events.RejectedData{
			Kind: events.KindRequest, RequestID: "0123456789abcdef0123", Event: &events.EventRef{Source: "/billing", ID: "order-4711"},
			Subject: "sync.requested", Code: events.CodeUnknownEntity,
			Reason:     `entities[0]: unknown entity "custmers" (did you mean "customers"?)`,
			Errors:     []events.FieldError{{Path: "entities[0]", Got: `"custmers"`, Want: "a known entity"}},
			DeadLetter: events.DeadLetter{Stream: "SYNC_DEADLETTER", Sequence: 12},
		},
	}
}
