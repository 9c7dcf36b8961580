package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/activities/activitytest"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// verify runs a Verify of a new request for entities.
func (r *rig) verify(entities ...string) (workflows.Result, error) {
	request := r.Ledger.Request(events.Verify, entities...)
	in := workflows.SyncInput{TenantID: activitytest.Tenant, RequestID: request.ID, Limits: r.limits}
	return execute(r, workflows.VerifyID(request.ID), workflows.Verify, in, func(in workflows.SyncInput) *workflows.ContinueAsNewState { return in.Carried })
}

func TestVerifyReportsDifferencesAndChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Misses = map[string][]string{"customers": {"98", "99"}}
	result, err := r.verify("customers", "jobs")
	require.NoError(t, err)
	require.Equal(t, workflows.Result{RunNumber: 1, State: ledger.Completed}, result)
	outcome := r.outcome(t)
	require.Equal(t, events.Verify, outcome.Mode)
	require.Equal(t, []string{"#sync"}, outcome.Notify, "something differs")
	require.Equal(t, &events.Differences{Extra: 2, Sample: []string{}}, outcome.Results[0].Differences)
	require.Equal(t, &events.Differences{Sample: []string{}}, outcome.Results[1].Differences)
	require.Zero(t, r.Ledger.Rows("customers")+r.Ledger.Rows("jobs"))
}

func TestVerifyWithoutDifferencesSendsNoNotification(t *testing.T) {
	t.Parallel()
	r := newRig()
	_, err := r.verify("customers")
	require.NoError(t, err)
	require.Empty(t, r.outcome(t).Notify)
}

func TestVerifyIsPausedDuringTheSecondLook(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Misses = map[string][]string{"customers": {"99"}}
	r.at("customers", 4, func() { r.signal(workflows.SignalPause, nil) }) // the first page of the second look
	r.prepare = func(int) {
		r.after(time.Hour, func() {
			require.True(t, r.progress(t).Paused)
			r.signal(workflows.SignalResume, nil)
		})
	}
	result, err := r.verify("customers")
	require.NoError(t, err)
	require.Equal(t, ledger.Completed, result.State)
	require.Equal(t, []int{1, 2, 3, 4}, r.API.RequestedPages("customers"))
}
