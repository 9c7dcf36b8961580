package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// desk takes requests and, after a few looks, knows how they ended.
type desk struct {
	published   []events.Event
	failures    int // of publishing, to come
	looks       int
	decidedAt   int // the look that finds the outcome
	outcome     ledger.RunState
	forgottenAt int // the look from which on the ledger does not have the request; 0 for never
	rejected    bool
	now         func() time.Time
	lookedAt    []time.Time
}

func (d *desk) Publish(_ context.Context, e events.Event) error {
	d.published = append(d.published, e)
	if d.failures > 0 {
		d.failures--
		return context.DeadlineExceeded
	}
	return nil
}

func (d *desk) Request(_ context.Context, id string) (ledger.Receipt, error) {
	d.looks++
	d.lookedAt = append(d.lookedAt, d.now())
	if d.looks == 1 || d.rejected || d.forgottenAt > 0 && d.looks >= d.forgottenAt {
		return ledger.Receipt{}, ledger.ErrUnknown
	}
	r := ledger.Receipt{Request: ledger.Request{ID: id, State: ledger.Accepted}}
	if d.looks >= d.decidedAt {
		r.Outcome = &ledger.Outcome{State: d.outcome, RunNumber: 7}
	}
	return r, nil
}

func (d *desk) RunHeader(context.Context, int64) (ledger.Run, error) {
	return ledger.Run{Number: 7, State: d.outcome}, nil
}

// A request may be rejected, for example for an unknown tenant. The schedule would skip all its
// times while the workflow is open.
func TestScheduledSyncEndsIfItsRequestIsNotAccepted(t *testing.T) {
	t.Parallel()
	env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
	d := &desk{now: env.Now, rejected: true}
	env.RegisterActivity(&activities.Schedules{Publisher: d, Requests: d})
	env.RegisterActivity(&activities.Outcomes{Requests: d})
	began := env.Now()
	env.ExecuteWorkflow(ScheduledSync, ScheduledSyncInput{Schedule: "lazisync-full-42", TenantID: "42", Mode: events.Full})
	require.ErrorContains(t, env.GetWorkflowError(), "no bridge has accepted request")
	require.ErrorContains(t, env.GetWorkflowError(), "lazisync deadletter ls shows the reason")
	require.InDelta(t, 61, env.Now().Sub(began).Minutes(), 1)
}

// The ledger was restored to a time before the request: the request gets no outcome, and the
// schedule would skip all its times.
func TestScheduledSyncEndsAfterARestoreWithoutItsRequest(t *testing.T) {
	t.Parallel()
	env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
	d := &desk{now: env.Now, decidedAt: 1000, forgottenAt: 4}
	env.RegisterActivity(&activities.Schedules{Publisher: d, Requests: d})
	env.RegisterActivity(&activities.Outcomes{Requests: d})
	env.ExecuteWorkflow(ScheduledSync, ScheduledSyncInput{Schedule: "lazisync-full-42", TenantID: "42", Mode: events.Full})
	require.ErrorContains(t, env.GetWorkflowError(), "is not in the ledger any more")
	require.Equal(t, 4, d.looks)
}

func TestScheduledSyncStaysOpenUntilTheOutcomeOfItsRequest(t *testing.T) {
	t.Parallel()
	env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
	d := &desk{failures: 2, decidedAt: 12, outcome: ledger.Completed, now: env.Now}
	env.RegisterActivity(&activities.Schedules{Publisher: d, Requests: d})
	env.RegisterActivity(&activities.Outcomes{Requests: d})
	due := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	require.NoError(t, env.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(scheduledTimeKey.ValueSet(due))))

	env.ExecuteWorkflow(ScheduledSync, ScheduledSyncInput{Schedule: "lazisync-full-42", TenantID: "42", Mode: events.Full, Entities: []string{"jobs", "invoices"}})

	require.NoError(t, env.GetWorkflowError())
	var state ledger.RunState
	require.NoError(t, env.GetWorkflowResult(&state))
	require.Equal(t, ledger.Completed, state)
	require.Len(t, d.published, 3)
	for _, e := range d.published {
		require.Equal(t, "lazisync-full-42-2026-11-22T03:00:00Z", e.ID())
		require.Equal(t, "/lazisync/schedules", e.Source())
	}
	data, err := events.Requested.Data(d.published[0])
	require.NoError(t, err)
	require.Equal(t, events.Full, data.Mode)
	require.Equal(t, "42", data.TenantID)
	require.Equal(t, []string{"jobs", "invoices"}, data.Entities)
	last := len(d.lookedAt) - 1
	require.Equal(t, time.Minute, d.lookedAt[last].Sub(d.lookedAt[last-1]).Round(time.Second), "it does not look more often than once a minute")
}

// Temporal lists a scheduled sync as its run ended.
func TestScheduledSyncEndsAsItsRun(t *testing.T) {
	t.Parallel()
	ended := func(outcome ledger.RunState) error {
		env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
		d := &desk{decidedAt: 3, outcome: outcome, now: env.Now}
		env.RegisterActivity(&activities.Schedules{Publisher: d, Requests: d})
		env.RegisterActivity(&activities.Outcomes{Requests: d})
		env.ExecuteWorkflow(ScheduledSync, ScheduledSyncInput{Schedule: "lazisync-full-42", TenantID: "42", Mode: events.Full})
		return env.GetWorkflowError()
	}
	var failed *temporal.ApplicationError
	require.ErrorAs(t, ended(ledger.Failed), &failed)
	require.True(t, failed.NonRetryable())
	require.Regexp(t, "^the run of request [0-9a-f-]+ failed: see lazisync runs show$", failed.Message())

	var cancelled *temporal.CanceledError
	require.ErrorAs(t, ended(ledger.Cancelled), &cancelled)
	require.NoError(t, ended(ledger.Completed))
}
