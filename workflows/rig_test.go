package workflows_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// all are the entities of most tests.
var all = []string{"customers", "jobs", "invoices", "estimates"}

const taskQueue = "sync-tasks"

// rig runs workflows in virtual time, with the real activities over a world in memory.
type rig struct {
	*activitytest.World
	slices *activities.Slices
	limits workflows.Limits

	env        *testsuite.TestWorkflowEnvironment // of the latest execution
	prepare    func(execution int)                // called before each execution, 1 first
	executions int
	carried    []*workflows.ContinueAsNewState // by each execution but the last
	elapsed    time.Duration                   // in workflow time, all executions
}

func newRig() *rig {
	w := activitytest.New()
	return &rig{World: w, slices: w.Slices(time.Nanosecond), limits: workflows.DefaultLimits}
}

// inTime runs a test in which activities take time: in a bubble with a clock of its own.
func inTime(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newRig()) })
}

func (r *rig) newEnv(id string) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	r.env = suite.NewTestWorkflowEnvironment()
	r.env.SetTestTimeout(time.Minute)
	r.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 20 * time.Second})
	r.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: id, TaskQueue: taskQueue})
	workflows.Register(r.env)
	runs := r.Runs()
	r.env.RegisterActivity(runs)
	r.env.RegisterActivity(r.slices)
	r.env.SetActivityTaskQueue(taskQueue, r.slices.SyncSlice, r.slices.RefreshSlice)
	r.env.SetActivityTaskQueue(workflows.ControlTaskQueue(taskQueue), runs.BeginRun, runs.FinishRun, runs.AnnounceControl)
}

// execute runs a workflow to its end, through every continue-as-new.
func execute[In, Out any](r *rig, id string, f func(workflow.Context, In) (Out, error), in In, carried func(In) *workflows.ContinueAsNewState) (out Out, err error) {
	for {
		r.executions++
		r.newEnv(id)
		if r.prepare != nil {
			r.prepare(r.executions)
		}
		began := r.env.Now()
		r.env.ExecuteWorkflow(f, in)
		r.elapsed += r.env.Now().Sub(began)
		err = r.env.GetWorkflowError()
		var again *workflow.ContinueAsNewError
		if !errors.As(err, &again) {
			break
		}
		in = *new(In)
		if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &in); err != nil {
			return out, err
		}
		r.carried = append(r.carried, carried(in))
	}
	if err == nil {
		return out, r.env.GetWorkflowResult(&out)
	}
	var failed *temporal.ApplicationError // of a failed run, with the result
	if errors.As(err, &failed) && failed.HasDetails() {
		return out, failed.Details(&out)
	}
	var cancelled *temporal.CanceledError // likewise of a cancelled run
	if errors.As(err, &cancelled) && cancelled.HasDetails() {
		return out, cancelled.Details(&out)
	}
	return out, err
}

// full runs a FullSync of a new request for entities.
func (r *rig) full(entities ...string) (workflows.Result, error) {
	return r.fullOf(r.Ledger.Request(events.Full, entities...))
}

func (r *rig) fullOf(request ledger.Request) (workflows.Result, error) {
	in := workflows.SyncInput{TenantID: activitytest.Tenant, RequestID: request.ID, Limits: r.limits}
	return execute(r, workflows.FullSyncID(request.ID), workflows.FullSync, in, func(in workflows.SyncInput) *workflows.ContinueAsNewState { return in.Carried })
}

// incremental runs an IncrementalSync.
func (r *rig) incremental() (workflows.IncrementalResult, error) {
	in := workflows.SyncInput{TenantID: activitytest.Tenant, Limits: r.limits}
	return execute(r, workflows.IncrementalSyncID(activitytest.Tenant), workflows.IncrementalSync, in,
		func(in workflows.SyncInput) *workflows.ContinueAsNewState { return in.Carried })
}

// at makes something happen, once, when a page is requested.
func (r *rig) at(entity string, page int, do func()) {
	before := r.API.Answer
	done := false
	r.API.Answer = func(ctx context.Context, a activitytest.PageRequest) error {
		if a.Entity == entity && a.Page == page && !done {
			done = true
			do()
		}
		if before != nil {
			return before(ctx, a)
		}
		return nil
	}
}

// after makes something happen once some workflow time has passed from now on.
func (r *rig) after(d time.Duration, do func()) { r.env.RegisterDelayedCallback(do, d) }

// sequenceNow returns the sequence of a control that is published now.
func sequenceNow() uint64 { return uint64(time.Now().UnixNano()) }

func (r *rig) signal(name string, payload any) { r.env.SignalWorkflow(name, payload) }

// progress asks the workflow how far it is. Call it from after, at, or at the end.
func (r *rig) progress(t *testing.T) (p ledger.Progress) {
	t.Helper()
	value, err := r.env.QueryWorkflow(workflows.QueryProgress)
	require.NoError(t, err)
	require.NoError(t, value.Get(&p))
	return p
}

// countPageRequests counts the pages that were requested.
func (r *rig) countPageRequests() int { return len(r.API.PageRequests("")) }

// requireEachPageOnce requires that every page of the entities was requested once, in order.
func (r *rig) requireEachPageOnce(t *testing.T, entities ...string) {
	t.Helper()
	for _, name := range entities {
		pages := r.API.Pages[name]
		if pages == 0 {
			pages = 3
		}
		want := []int{}
		for page := range pages {
			want = append(want, page+1)
		}
		require.Equal(t, want, r.API.RequestedPages(name), name)
		require.Equal(t, pages*r.API.PageSize, r.Ledger.Rows(name), name)
	}
}

// outcome is the only outcome that was published.
func (r *rig) outcome(t *testing.T) events.OutcomeData {
	t.Helper()
	outcomes := r.Events.Outcomes()
	require.Len(t, outcomes, 1)
	return outcomes[0]
}

func statuses(o events.OutcomeData) map[string]events.Status {
	by := map[string]events.Status{}
	for _, result := range o.Results {
		by[result.Entity] = result.Status
	}
	return by
}

// onCompleted listens for the end of an activity, before the workflow receives it.
func onCompleted(name string, do func()) func(*activity.Info, converter.EncodedValue, error) {
	return func(info *activity.Info, _ converter.EncodedValue, _ error) {
		if info.ActivityType.Name == name {
			do()
		}
	}
}
