package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

func TestProgressInEachState(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.limits.Parallel = 1
	r.API.Answer = slowed("customers", time.Hour, 2)
	r.prepare = func(int) {
		r.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
			if info.ActivityType.Name == "BeginRun" {
				require.Equal(t, ledger.Progress{}, r.progress(t), "nothing has begun")
			}
		})
		r.after(time.Minute, func() {
			require.Equal(t, ledger.Progress{
				RunNumber: 1, Mode: events.Full,
				Entities: []ledger.EntityProgress{
					{Entity: "customers", Phase: events.PhaseReading, Pages: 1, Records: 10, Total: 30},
					{Entity: "jobs", Phase: events.PhaseQueued, Total: -1},
				},
			}, r.progress(t))
			r.signal(workflows.SignalPause, nil)
		})
		r.after(2*time.Minute, func() {
			paused := r.progress(t)
			require.True(t, paused.Paused)
			for _, e := range paused.Entities {
				require.Equal(t, &events.Waiting{Why: events.WaitPaused}, e.Waiting, e.Entity)
			}
			r.signal(workflows.SignalResume, nil)
		})
		r.after(3*time.Minute, func() { require.Fail(t, "the run is over: page 2 was tried again upon resume") })
	}
	_, err := r.full("customers", "jobs")
	require.NoError(t, err)
	require.Equal(t, ledger.Progress{
		RunNumber: 1, Mode: events.Full,
		Entities: []ledger.EntityProgress{
			{Entity: "customers", Phase: events.PhaseDone, Status: events.StatusCompleted, Pages: 3, Records: 30, Total: 30},
			{Entity: "jobs", Phase: events.PhaseDone, Status: events.StatusCompleted, Pages: 3, Records: 30, Total: 30},
		},
	}, r.progress(t))
}

func TestProgressOfAnIncrementalCountsItsPasses(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.Ledger.Request(events.Incremental, "jobs")
	_, err := r.incremental()
	require.NoError(t, err)
	p := r.progress(t)
	require.Equal(t, 1, p.Passes)
	require.Empty(t, p.Entities, "nothing is under way")
}
