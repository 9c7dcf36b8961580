package legacy_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/legacy"
	"github.com/lazi/lazisync/workflows"
)

// server replaces the rest of lazisync: it takes events and has the state of a request.
type server struct {
	published []events.Event
	refuse    func(e events.Event) error

	now      func() time.Time
	began    time.Time
	accepted time.Duration // after began, when the bridge accepts the request; 0 for never
	decided  time.Duration // after began, when the run has its outcome
	state    ledger.RunState
}

func (c *server) Publish(_ context.Context, e events.Event) error {
	if c.refuse != nil {
		if err := c.refuse(e); err != nil {
			return err
		}
	}
	c.published = append(c.published, e)
	return nil
}

func (c *server) Request(_ context.Context, id string) (ledger.Receipt, error) {
	since := c.now().Sub(c.began)
	if c.accepted == 0 || since < c.accepted {
		return ledger.Receipt{}, ledger.ErrUnknown
	}
	r := ledger.Receipt{Request: ledger.Request{ID: id, State: ledger.Accepted, Entities: []string{"customers", "jobs"}}}
	if c.decided != 0 && since >= c.decided {
		r.Outcome = &ledger.Outcome{State: c.state, RunNumber: 7}
	}
	return r, nil
}

func (c *server) RunHeader(_ context.Context, number int64) (ledger.Run, error) {
	return ledger.Run{Number: number, State: c.state, Results: []events.Result{
		{Entity: "customers", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 120}},
		{Entity: "jobs", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 3}},
		{Entity: "invoices", Status: events.StatusCompleted, Counts: events.Counts{Fetched: 9}}, // requested by another client of the pass
	}}, nil
}

// commands returns the published events as the bridge decodes them.
func (c *server) commands(t *testing.T) (requests []events.RequestData, controls []events.ControlData) {
	t.Helper()
	for _, e := range c.published {
		if e.Type() == events.Requested.Name {
			data, err := events.Requested.Data(e)
			require.NoError(t, err)
			requests = append(requests, data)
			continue
		}
		data, err := events.Control.Data(e)
		require.NoError(t, err)
		controls = append(controls, data)
	}
	return requests, controls
}

// rig runs a legacy workflow in virtual time.
type rig struct {
	*server
	env     *testsuite.TestWorkflowEnvironment
	tenants []events.TenantID
}

func newRig(c *server) *rig {
	r := &rig{server: c, tenants: []events.TenantID{"42"}}
	r.renew()
	r.began = r.env.Now()
	return r
}

// renew makes the environment of the next execution.
func (r *rig) renew() {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	r.env = suite.NewTestWorkflowEnvironment()
	r.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "nightly", TaskQueue: "sync-tasks"})
	legacy.Register(r.env)
	r.now = r.env.Now
	r.env.RegisterActivity(&legacy.Activities{Publisher: r.server, Tenants: r.tenants})
	r.env.RegisterActivity(&activities.Outcomes{Requests: r.server})
}

func (r *rig) after(d time.Duration, do func()) { r.env.RegisterDelayedCallback(do, d) }

func (r *rig) execute(name string, args ...any) (legacy.Result, error) {
	r.env.ExecuteWorkflow(name, args...)
	if err := r.env.GetWorkflowError(); err != nil {
		return legacy.Result{}, err
	}
	var result legacy.Result
	return result, r.env.GetWorkflowResult(&result)
}

func TestLegacyWorkflowsPublishARequestAndReturnItsOutcome(t *testing.T) {
	t.Parallel()
	yes := true
	both := []activities.EntityCount{{Entity: "customers", Count: 120}, {Entity: "jobs", Count: 3}}
	for name, tt := range map[string]struct {
		workflow string
		args     []any
		state    ledger.RunState
		want     events.RequestData
		result   legacy.Result
	}{
		"full": {
			legacy.FullSync, []any{map[string]any{"entities": []string{"customers", "jobs"}, "notify": true}}, ledger.Completed,
			events.RequestData{Mode: events.Full, Entities: []string{"customers", "jobs"}, TenantID: "42", Notify: &yes, Reason: "workflow fullSyncWorkflow"},
			legacy.Result{true, both},
		},
		"incremental": {
			legacy.IncrementalSync, []any{map[string]any{}}, ledger.Completed,
			events.RequestData{Mode: events.Incremental, TenantID: "42", Reason: "workflow incrementalSyncWorkflow"}, legacy.Result{true, both},
		},
		"without arguments, and it fails": {
			legacy.FullSync, nil, ledger.Failed,
			events.RequestData{Mode: events.Full, TenantID: "42", Reason: "workflow fullSyncWorkflow"}, legacy.Result{false, both},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failures := 2
			r := newRig(&server{accepted: 3 * time.Second, decided: 10 * time.Minute, state: tt.state, refuse: func(events.Event) error {
				if failures--; failures >= 0 {
					return context.DeadlineExceeded
				}
				return nil
			}})
			result, err := r.execute(tt.workflow, tt.args...)
			require.NoError(t, err)
			require.Equal(t, tt.result, result)
			requests, controls := r.commands(t)
			require.Equal(t, []events.RequestData{tt.want}, requests)
			require.Empty(t, controls)
			require.Equal(t, "nightly", r.published[0].ID())
			require.Equal(t, "/lazisync/workflows/default-test-run-id", r.published[0].Source())
			require.Less(t, r.env.Now().Sub(r.began), 11*time.Minute+5*time.Second)
		})
	}
}

func TestLegacyWorkflowsForwardSignals(t *testing.T) {
	t.Parallel()
	r := newRig(&server{accepted: time.Second, decided: time.Hour, state: ledger.Cancelled})
	id := events.RequestID("/lazisync/workflows/default-test-run-id", "nightly")
	r.after(time.Minute, func() { r.env.SignalWorkflow(workflows.SignalPause, "lunch") })
	r.after(2*time.Minute, func() { r.env.SignalWorkflow(workflows.SignalResume, nil) })
	r.after(3*time.Minute, func() {
		require.Len(t, r.published, 3, "a signal does not wait for the next lookup")
		r.env.SignalWorkflow(workflows.SignalCancel, workflows.ControlSignal{Reason: "enough", Actor: "kim"})
	})
	result, err := r.execute(legacy.FullSync)
	require.NoError(t, err)
	require.False(t, result.Success)
	_, controls := r.commands(t)
	require.Equal(t, []events.ControlData{
		{Action: events.Pause, RequestID: id, Reason: "lunch", Actor: "workflow nightly"},
		{Action: events.Resume, RequestID: id, Actor: "workflow nightly"},
		{Action: events.Cancel, RequestID: id, Reason: "enough", Actor: "kim"},
	}, controls)
	require.Equal(t, []string{"nightly", "nightly/1", "nightly/2", "nightly/3"}, ids(r.published))
}

func ids(es []events.Event) (all []string) {
	for _, e := range es {
		all = append(all, e.ID())
	}
	return all
}

// The workflow of the tenant may not exist before the bridge has accepted the request, and
// would miss the control.
func TestLegacyIncrementalSyncPausesTheWorkflowOfTheTenant(t *testing.T) {
	t.Parallel()
	r := newRig(&server{accepted: 5 * time.Minute, decided: time.Hour, state: ledger.Completed})
	r.after(time.Second, func() { r.env.SignalWorkflow(workflows.SignalPause, nil) })
	r.after(4*time.Minute, func() { require.Len(t, r.published, 1) })
	r.after(5*time.Minute+10*time.Second, func() { require.Len(t, r.published, 2) })
	r.after(6*time.Minute, func() { r.env.SignalWorkflow(workflows.SignalCancel, nil) })
	_, err := r.execute(legacy.IncrementalSync)
	require.NoError(t, err)
	_, controls := r.commands(t)
	require.Equal(t, []events.ControlData{
		{Action: events.Pause, WorkflowID: "incremental-sync-42", Actor: "workflow nightly"},
		{Action: events.Cancel, RequestID: events.RequestID("/lazisync/workflows/default-test-run-id", "nightly"), Actor: "workflow nightly"},
	}, controls)
}

func TestLegacyWorkflowCancelledInTemporalCancelsItsRequest(t *testing.T) {
	t.Parallel()
	r := newRig(&server{accepted: time.Second, decided: 30 * time.Minute, state: ledger.Cancelled})
	r.after(time.Minute, func() { r.env.CancelWorkflow() })
	_, err := r.execute(legacy.FullSync)
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, err, &cancelled)
	_, controls := r.commands(t)
	require.Len(t, controls, 1)
	require.Equal(t, events.Cancel, controls[0].Action)
	require.GreaterOrEqual(t, r.env.Now().Sub(r.began), 30*time.Minute, "the workflow waits for the outcome")
}

// TestLegacyWorkflowContinuesAsNew keeps the request and the controls that are not published yet.
func TestLegacyWorkflowContinuesAsNew(t *testing.T) {
	t.Parallel()
	r := newRig(&server{accepted: 10 * time.Minute, decided: 20 * time.Minute, state: ledger.Cancelled})
	r.after(time.Minute, func() { r.env.SignalWorkflow(workflows.SignalPause, nil) })
	r.after(2*time.Minute, func() { r.env.CancelWorkflow(); r.env.SetContinueAsNewSuggested(true) })
	_, err := r.execute(legacy.IncrementalSync, map[string]any{"entities": []string{"customers"}})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, err, &again)
	require.Equal(t, legacy.IncrementalSync, again.WorkflowType.Name)
	require.Equal(t, []string{"nightly", "nightly/2"}, ids(r.published))
	var in legacy.Input
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))

	r.renew()
	r.env.SetStartTime(r.began.Add(2 * time.Minute))
	_, err = r.execute(legacy.IncrementalSync, in)
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, err, &cancelled, "it was cancelled before continue-as-new")
	require.Equal(t, []string{"nightly", "nightly/2", "nightly/1"}, ids(r.published))
}

func TestLegacyWorkflowRejectsInvalidInput(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tenants []events.TenantID
		args    map[string]any
		want    string
	}{
		"unknown entity":                {[]events.TenantID{"42"}, map[string]any{"entities": []string{"customers", "custmers"}}, `entities[1]: got "custmers", want a known entity (did you mean customers?)`},
		"several tenants":               {[]events.TenantID{"42", "43"}, map[string]any{}, "fullSyncWorkflow supports one tenant and 2 are configured: publish sync.requested with tenantId instead"},
		"no bridge accepts the request": {[]events.TenantID{"42"}, map[string]any{}, "no bridge has accepted request"},
		"wrong type":                    {[]events.TenantID{"42"}, map[string]any{"entities": "customers"}, "cannot unmarshal string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(&server{})
			r.tenants = tt.tenants
			r.renew()
			_, err := r.execute(legacy.FullSync, tt.args)
			require.ErrorContains(t, err, tt.want)
			var failed *temporal.ApplicationError
			if errors.As(err, &failed) && name != "wrong type" {
				require.True(t, failed.NonRetryable())
			}
		})
	}
}
