package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

func TestSchedulesOfATenant(t *testing.T) {
	t.Parallel()
	cfg, err := Load(complete("SYNC_TIMEZONE=Europe/Berlin", "TEMPORAL_TASK_QUEUE=queue"), ServeRole)
	require.NoError(t, err)
	all := schedulesOf(cfg)
	require.Len(t, all, 2)
	for i, want := range []struct {
		id, cron string
		mode     events.Mode
	}{
		{"lazisync-incremental-1039746210", "*/15 * * * *", events.Incremental},
		{"lazisync-full-1039746210", "0 3 * * 0", events.Full},
	} {
		made := all[i].options(cfg)
		require.Equal(t, want.id, made.ID)
		require.Equal(t, []string{want.cron + " # " + want.cron}, made.Spec.CronExpressions)
		require.Equal(t, "Europe/Berlin", made.Spec.TimeZoneName)
		require.Equal(t, enums.SCHEDULE_OVERLAP_POLICY_SKIP, made.Overlap)
		require.Equal(t, 10*time.Minute, made.CatchupWindow)
		action, ok := made.Action.(*client.ScheduleWorkflowAction)
		require.True(t, ok)
		require.Equal(t, "queue", action.TaskQueue)
		require.Equal(t, []any{workflows.ScheduledSyncInput{Schedule: want.id, TenantID: "1039746210", Mode: want.mode}}, action.Args)
	}
}
