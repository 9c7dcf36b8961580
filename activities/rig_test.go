package activities_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdkactivity "go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// rig runs activities over a world in memory, for a run that has begun.
type rig struct {
	*activitytest.World
	run     ledger.Run
	slices  *activities.Slices
	in      activities.SliceInput
	ctx     context.Context
	pause   context.CancelFunc // what a pause or a cancel does to a slice
	beats   map[string]any     // what the last heartbeat carried, for the next attempt
	stopped chan struct{}      // closed: the worker is to end
}

// inTime runs a test in a synctest bubble, whose clock stops while
func inTime(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{World: activitytest.New(), stopped: make(chan struct{})}
		r.ctx, r.pause = context.WithCancel(t.Context())
		r.slices = r.Slices(10 * time.Second)
		r.begin(t, events.Full)
		test(t, r)
		synctest.Wait()
		require.Zero(t, r.API.Held(), "every page that was read is released")
	})
}

// begin begins another run of the given mode.
func (r *rig) begin(t *testing.T, mode events.Mode) {
	t.Helper()
	r.serve(t, mode, r.Ledger.Request(mode, "customers"))
}

// serve begins a run for a request, and for what else waits.
func (r *rig) serve(t *testing.T, mode events.Mode, request ledger.Request) {
	t.Helper()
	run, found, err := r.Ledger.BeginRun(t.Context(), ledger.BeginInput{
		TenantID: activitytest.Tenant, Mode: mode, WorkflowID: "sync-" + request.EventID, FirstRunID: "first", Pass: 1, RequestID: request.ID,
	})
	require.NoError(t, err)
	require.True(t, found)
	r.run = run
	r.in = activities.SliceInput{RunNumber: run.Number, TenantID: activitytest.Tenant, Mode: mode, Entity: "customers", Execution: run.Ref().Execution}
}

func (r *rig) slice() (activities.SliceResult, error) {
	return execute[activities.SliceResult](r, r.slices.SyncSlice, r.in)
}

// attempts runs a slice as Temporal does: again after each failure, for as long as the
// time allows.
func (r *rig) attempts(most time.Duration) (result activities.SliceResult, tries int, err error) {
	r.beats = nil
	ends := time.Now().Add(most)
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		tries++
		if result, err = r.slice(); err == nil || !time.Now().Before(ends) {
			return result, tries, err
		}
		delay(wait)
	}
}

// execute runs an activity as a worker does.
func execute[T any](r *rig, activity, in any) (result T, err error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: r.ctx})
	env.SetWorkerStopChannel(r.stopped)
	env.RegisterActivity(activity)
	if r.beats != nil {
		env.SetHeartbeatDetails(r.beats)
	}
	env.SetOnActivityHeartbeatListener(func(_ *sdkactivity.Info, details converter.EncodedValues) {
		if details.HasValues() {
			r.beats = nil
			_ = details.Get(&r.beats)
		}
	})
	value, err := env.ExecuteActivity(activity, in)
	if err != nil || !value.HasValue() {
		return result, err
	}
	return result, value.Get(&result)
}

// within lets time pass until everything that was begun in the background is over.
func within(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// delay waits as long as something outside takes.
func delay(d time.Duration) { <-time.After(d) }

// failure reads what Temporal makes of an error.
func failure(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	var app *temporal.ApplicationError
	require.True(t, errors.As(err, &app), "got %v, want an application error", err)
	return app
}

func position(r *rig) ledger.Position { return r.Ledger.Position(r.run.Number, "customers") }
