package workflows

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
)

// counter is lazisync as the earlier workflow types see it: it takes events and tells
// how far a request is.
type counter struct {
	published []events.Event
	refuse    func(e events.Event) error

	now      func() time.Time
	began    time.Time
	accepted time.Duration // after the begin, when the request is accepted; 0 for never
	decided  time.Duration // likewise
	state    ledger.RunState
}

func (c *counter) Publish(_ context.Context, e events.Event) error {
	if c.refuse != nil {
		if err := c.refuse(e); err != nil {
			return err
		}
	}
	c.published = append(c.published, e)
	return nil
}

func (c *counter) Request(_ context.Context, id string) (ledger.Receipt, error) {
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

func (c *counter) RunHeader(_ context.Context, number int64) (ledger.Run, error) {
	return ledger.Run{Number: number, State: c.state, Results: []events.Result{
		{Entity: "customers", Status: events.StatusCompleted, Fetched: 120},
		{Entity: "jobs", Status: events.StatusCompleted, Fetched: 3},
		{Entity: "invoices", Status: events.StatusCompleted, Fetched: 9}, // of another request of the pass
	}}, nil
}

// commands are what was published, as the bridge reads it.
func (c *counter) commands(t *testing.T) (asked []events.RequestData, steered []events.ControlData) {
	t.Helper()
	for _, e := range c.published {
		if e.Type() == events.Requested.Name {
			data, err := events.Requested.Data(e)
			require.NoError(t, err)
			asked = append(asked, data)
			continue
		}
		data, err := events.Control.Data(e)
		require.NoError(t, err)
		steered = append(steered, data)
	}
	return asked, steered
}

// earlierRig runs a workflow of an earlier type in virtual time.
type earlierRig struct {
	*counter
	env     *testsuite.TestWorkflowEnvironment
	tenants []string
}

func newEarlierRig(c *counter) *earlierRig {
	r := &earlierRig{counter: c, tenants: []string{"42"}}
	r.renew()
	r.began = r.env.Now()
	return r
}

// renew makes the environment of another execution.
func (r *earlierRig) renew() {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	r.env = suite.NewTestWorkflowEnvironment()
	r.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "nightly", TaskQueue: DefaultTaskQueue})
	Register(r.env)
	r.now = r.env.Now
	r.env.RegisterActivity(&activities.Earlier{Publisher: r.counter, Requests: r.counter, Tenants: r.tenants})
}

func (r *earlierRig) after(d time.Duration, do func()) { r.env.RegisterDelayedCallback(do, d) }

func (r *earlierRig) execute(name string, args ...any) (EarlierResult, error) {
	r.env.ExecuteWorkflow(name, args...)
	if err := r.env.GetWorkflowError(); err != nil {
		return EarlierResult{}, err
	}
	var result EarlierResult
	return result, r.env.GetWorkflowResult(&result)
}

func TestEarlierWorkflowsAskByEventAndReturnTheOutcome(t *testing.T) {
	t.Parallel()
	yes := true
	both := []activities.EntityCount{{Entity: "customers", Count: 120}, {Entity: "jobs", Count: 3}}
	for name, tt := range map[string]struct {
		workflow string
		args     []any
		state    ledger.RunState
		want     events.RequestData
		result   EarlierResult
	}{
		"full": {
			EarlierFull, []any{map[string]any{"entities": []string{"customers", "jobs"}, "notify": true}}, ledger.Completed,
			events.RequestData{Mode: events.Full, Entities: []string{"customers", "jobs"}, TenantID: "42", Notify: &yes, Reason: "workflow fullSyncWorkflow"},
			EarlierResult{true, both},
		},
		"incremental": {
			EarlierIncremental, []any{map[string]any{}}, ledger.Completed,
			events.RequestData{Mode: events.Incremental, TenantID: "42", Reason: "workflow incrementalSyncWorkflow"}, EarlierResult{true, both},
		},
		"without arguments, and it fails": {
			EarlierFull, nil, ledger.Failed,
			events.RequestData{Mode: events.Full, TenantID: "42", Reason: "workflow fullSyncWorkflow"}, EarlierResult{false, both},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failures := 2
			r := newEarlierRig(&counter{accepted: 3 * time.Second, decided: 10 * time.Minute, state: tt.state, refuse: func(events.Event) error {
				if failures--; failures >= 0 {
					return context.DeadlineExceeded
				}
				return nil
			}})
			result, err := r.execute(tt.workflow, tt.args...)
			require.NoError(t, err)
			require.Equal(t, tt.result, result)
			asked, steered := r.commands(t)
			require.Equal(t, []events.RequestData{tt.want}, asked)
			require.Empty(t, steered)
			require.Equal(t, "nightly", r.published[0].ID())
			require.Equal(t, "/lazisync/workflows/default-test-run-id", r.published[0].Source())
			require.Less(t, r.env.Now().Sub(r.began), 11*time.Minute+5*time.Second)
		})
	}
}

func TestEarlierWorkflowsHandSignalsOn(t *testing.T) {
	t.Parallel()
	r := newEarlierRig(&counter{accepted: time.Second, decided: time.Hour, state: ledger.Cancelled})
	id := events.RequestID("/lazisync/workflows/default-test-run-id", "nightly")
	r.after(time.Minute, func() { r.env.SignalWorkflow(SignalPause, "lunch") })
	r.after(2*time.Minute, func() { r.env.SignalWorkflow(SignalResume, nil) })
	r.after(3*time.Minute, func() {
		require.Len(t, r.published, 3, "a signal does not wait for the next look")
		r.env.SignalWorkflow(SignalCancel, ControlSignal{Reason: "enough", Actor: "kim"})
	})
	result, err := r.execute(EarlierFull)
	require.NoError(t, err)
	require.False(t, result.Success)
	_, steered := r.commands(t)
	require.Equal(t, []events.ControlData{
		{Action: events.Pause, RequestID: id, Reason: "lunch", Actor: "workflow nightly"},
		{Action: events.Resume, RequestID: id, Actor: "workflow nightly"},
		{Action: events.Cancel, RequestID: id, Reason: "enough", Actor: "kim"},
	}, steered)
	require.Equal(t, []string{"nightly", "nightly/1", "nightly/2", "nightly/3"}, ids(r.published))
}

func ids(es []events.Event) (all []string) {
	for _, e := range es {
		all = append(all, e.ID())
	}
	return all
}

// TestEarlierIncrementalPausesTheTenantsSync pauses before the bridge has taken the
// request: the workflow that is to be paused may not be there, and would not hear of it.
func TestEarlierIncrementalPausesTheTenantsSync(t *testing.T) {
	t.Parallel()
	r := newEarlierRig(&counter{accepted: 5 * time.Minute, decided: time.Hour, state: ledger.Completed})
	r.after(time.Second, func() { r.env.SignalWorkflow(SignalPause, nil) })
	r.after(4*time.Minute, func() { require.Len(t, r.published, 1) })
	r.after(5*time.Minute+10*time.Second, func() { require.Len(t, r.published, 2) })
	r.after(6*time.Minute, func() { r.env.SignalWorkflow(SignalCancel, nil) })
	_, err := r.execute(EarlierIncremental)
	require.NoError(t, err)
	_, steered := r.commands(t)
	require.Equal(t, []events.ControlData{
		{Action: events.Pause, WorkflowID: "incremental-sync-42", Actor: "workflow nightly"},
		{Action: events.Cancel, RequestID: events.RequestID("/lazisync/workflows/default-test-run-id", "nightly"), Actor: "workflow nightly"},
	}, steered)
}

func TestEarlierWorkflowCancelledInTemporalCancelsTheSync(t *testing.T) {
	t.Parallel()
	r := newEarlierRig(&counter{accepted: time.Second, decided: 30 * time.Minute, state: ledger.Cancelled})
	r.after(time.Minute, func() { r.env.CancelWorkflow() })
	_, err := r.execute(EarlierFull)
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, err, &cancelled)
	_, steered := r.commands(t)
	require.Len(t, steered, 1)
	require.Equal(t, events.Cancel, steered[0].Action)
	require.GreaterOrEqual(t, r.env.Now().Sub(r.began), 30*time.Minute, "it sees what it asked for to its end")
}

// TestEarlierWorkflowContinuesAsNew keeps what was asked for, and what was not yet handed on.
func TestEarlierWorkflowContinuesAsNew(t *testing.T) {
	t.Parallel()
	r := newEarlierRig(&counter{accepted: 10 * time.Minute, decided: 20 * time.Minute, state: ledger.Cancelled})
	r.after(time.Minute, func() { r.env.SignalWorkflow(SignalPause, nil) })
	r.after(2*time.Minute, func() { r.env.CancelWorkflow(); r.env.SetContinueAsNewSuggested(true) })
	_, err := r.execute(EarlierIncremental, map[string]any{"entities": []string{"customers"}})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, err, &again)
	require.Equal(t, EarlierIncremental, again.WorkflowType.Name)
	require.Equal(t, []string{"nightly", "nightly/2"}, ids(r.published))
	var in EarlierInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))

	r.renew()
	r.env.SetStartTime(r.began.Add(2 * time.Minute))
	_, err = r.execute(EarlierIncremental, in)
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, err, &cancelled, "it was cancelled before")
	require.Equal(t, []string{"nightly", "nightly/2", "nightly/1"}, ids(r.published))
}

func TestEarlierWorkflowSaysWhatItCannotAskFor(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tenants []string
		args    map[string]any
		want    string
	}{
		"unknown entity":     {[]string{"42"}, map[string]any{"entities": []string{"customers", "custmers"}}, `entities: got "custmers", want known entities`},
		"several tenants":    {[]string{"42", "43"}, map[string]any{}, "fullSyncWorkflow knows of one tenant, and 2 are configured: publish sync.requested with tenantId instead"},
		"nobody takes it":    {[]string{"42"}, map[string]any{}, "no bridge has taken request"},
		"not what it can be": {[]string{"42"}, map[string]any{"entities": "customers"}, "cannot unmarshal string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newEarlierRig(&counter{})
			r.tenants = tt.tenants
			r.renew()
			_, err := r.execute(EarlierFull, tt.args)
			require.ErrorContains(t, err, tt.want)
			var failed *temporal.ApplicationError
			if errors.As(err, &failed) && name != "not what it can be" {
				require.True(t, failed.NonRetryable())
			}
		})
	}
}
